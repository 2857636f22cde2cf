//! What the hub knows of firmware: files, roll-outs, and how far devices are. Pure: no disk, no clock.
//!
//! **Whom a roll-out reaches.** One firmware has one roll-out, which names devices, a model or all; the most exact one that reaches a
//! device counts. A share of them is chosen by a hash of device and version, so that a larger share has all of a smaller one.
//!
//! **When it is offered.** As long as the device does not say that it runs that version, and it did not fail. One that fetches it again
//! and again and still says something else has failed too: it would go on for ever.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

/// How often a device may fetch a version and still say that it runs another one.
pub(crate) const DOWNLOADS_MAX: u32 = 3;
/// Longest version, name, state or reason that is kept of what a device says; the rest is cut off.
const SAID_CHARS_MAX: usize = 200;

/// A file, as it is kept beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileNote {
    pub(crate) size: u64,
    /// In hexadecimal digits; also the name of the file on the disk.
    pub(crate) sha256: String,
    pub(crate) md5: String,
    /// In microseconds.
    pub(crate) uploaded: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
}

/// Name and version.
pub(crate) type FileKey = (String, String);

/// Which version of a firmware is to run where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rollout)]
pub(crate) struct Rollout {
    /// That is there.
    pub(crate) version: String,
    /// These devices; one of `devices`, `model` and `all` says whom it reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) devices: Option<BTreeSet<String>>,
    /// All devices whose model this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// Every device of the hub.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) all: bool,
    /// How many of them in a hundred; 100 if not said.
    #[serde(default = "hundred")]
    #[schema(minimum = 0, maximum = 100)]
    pub(crate) share: u8,
    /// Whether nothing is offered for now.
    #[serde(default)]
    pub(crate) paused: bool,
}

fn hundred() -> u8 {
    100
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_false(value: &bool) -> bool {
    !value
}

/// How exactly a roll-out names a device; a greater one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    All,
    Model,
    Named,
}

impl Rollout {
    fn reach(&self, device: &str, model: Option<&str>) -> Option<Reach> {
        if self.devices.as_ref().is_some_and(|devices| devices.contains(device)) {
            return Some(Reach::Named);
        }
        if self.model.is_some() && self.model.as_deref() == model {
            return Some(Reach::Model);
        }
        self.all.then_some(Reach::All)
    }

    /// Whether the device is among the share of those it reaches.
    fn has_turn(&self, name: &str, device: &str) -> bool {
        let digest = Sha256::digest(format!("{name}\0{}\0{device}", self.version));
        let number = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        u64::from(number) * 100 < u64::from(self.share) << 32
    }
}

/// What a device said of its firmware, and what it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// What it says it runs.
    pub(crate) version: Option<String>,
    /// Which firmware that is, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// When it last said something of it, in microseconds.
    #[serde(default)]
    pub(crate) heard: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) attempt: Option<Attempt>,
}

/// A version that a device began to fetch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) name: String,
    pub(crate) version: String,
    /// When that changed last, in microseconds.
    pub(crate) since: i64,
    /// How often it began.
    pub(crate) downloads: u32,
    /// What it says of it, such as `installing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    /// In percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<u8>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failed: Option<String>,
}

/// How far a device is with what its roll-out wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = RolloutState)]
pub(crate) enum Stage {
    /// It is not its turn yet, or the roll-out is paused.
    Waiting,
    /// It is told of it.
    Offered,
    /// It began to fetch it, and did not say yet that it runs it.
    Downloading,
    /// It runs it.
    Done,
    /// It is not offered again until the roll-out is put again.
    Failed,
}

/// What a device says of its firmware: JSON, or the version alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Said {
    pub(crate) version: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) progress: Option<u8>,
    pub(crate) reason: Option<String>,
    /// Of the program that it runs, in hexadecimal digits.
    pub(crate) md5: Option<String>,
}

impl Said {
    /// Reads the payload of `devices/<device>/$firmware/state`; `None` if it says nothing.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(payload).ok()?.trim();
        if text.starts_with('{') {
            return serde_json::from_str(text).ok();
        }
        (!text.is_empty()).then(|| Self { version: Some(text.trim_matches('"').to_owned()), ..Self::default() })
    }
}

/// A device, as far as roll-outs look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who<'a> {
    pub(crate) device: &'a str,
    pub(crate) model: Option<&'a str>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) files: BTreeMap<FileKey, FileNote>,
    pub(crate) rollouts: BTreeMap<String, Rollout>,
    known: HashMap<String, Known>,
    /// Whose [`Known`] the disk does not have.
    unsaved: BTreeSet<String>,
}

/// What a device is to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) file: FileNote,
}

impl Book {
    pub(crate) fn new(
        files: BTreeMap<FileKey, FileNote>,
        rollouts: BTreeMap<String, Rollout>,
        known: HashMap<String, Known>,
    ) -> Self {
        Self { files, rollouts, known, unsaved: BTreeSet::new() }
    }

    /// The roll-out that counts for a device: the most exact one, and of several the first by name.
    fn rollout_of(&self, who: Who<'_>) -> Option<(&String, &Rollout)> {
        let reaching = self.rollouts.iter().filter_map(|(name, rollout)| {
            let reach = rollout.reach(who.device, who.model)?;
            Some((reach, name, rollout))
        });
        let best = reaching.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map(|(_, name, rollout)| (name, rollout))
    }

    /// Whether that roll-out is the one that counts for the device.
    pub(crate) fn reaches(&self, name: &str, who: Who<'_>) -> bool {
        self.rollout_of(who).is_some_and(|(counting, _)| counting == name)
    }

    fn file(&self, name: &str, version: &str) -> Option<&FileNote> {
        self.files.get(&(name.to_owned(), version.to_owned()))
    }

    /// How far a device is with a roll-out that reaches it, and why it does not go on.
    pub(crate) fn stage(&self, name: &str, rollout: &Rollout, device: &str) -> (Stage, Option<String>) {
        let known = self.known.get(device);
        if known.is_some_and(|known| known.runs(name, &rollout.version)) {
            return (Stage::Done, None);
        }
        let attempt = known.and_then(|known| known.attempt.as_ref());
        let attempt = attempt.filter(|attempt| attempt.name == name && attempt.version == rollout.version);
        if let Some(reason) = attempt.and_then(|attempt| attempt.failed.clone()) {
            return (Stage::Failed, Some(reason));
        }
        if rollout.paused {
            return (Stage::Waiting, Some("The roll-out is paused.".to_owned()));
        }
        if !rollout.has_turn(name, device) {
            let reason = format!("It is not among the {} % that have their turn.", rollout.share);
            return (Stage::Waiting, Some(reason));
        }
        match attempt {
            Some(_) => (Stage::Downloading, None),
            None => (Stage::Offered, None),
        }
    }

    /// What a device is told to fetch.
    pub(crate) fn offer(&self, who: Who<'_>) -> Option<Offer> {
        let (name, rollout) = self.rollout_of(who)?;
        let file = self.file(name, &rollout.version)?;
        let (stage, _) = self.stage(name, rollout, who.device);
        matches!(stage, Stage::Offered | Stage::Downloading).then(|| Offer {
            name: name.clone(),
            version: rollout.version.clone(),
            file: file.clone(),
        })
    }

    pub(crate) fn known(&self, device: &str) -> Option<&Known> {
        self.known.get(device)
    }

    /// Takes what a device says. With `asks` it looks for something new, which is when it is seen that what it fetched does not run.
    pub(crate) fn hear(&mut self, who: Who<'_>, said: Said, asks: bool, now: i64) {
        let target = self.rollout_of(who).map(|(name, rollout)| (name.clone(), rollout.version.clone()));
        let is_target = said.md5.as_ref().is_some_and(|md5| {
            let file = target.as_ref().and_then(|(name, version)| self.file(name, version));
            file.is_some_and(|file| file.md5.eq_ignore_ascii_case(md5))
        });
        let known = self.known.entry(who.device.to_owned()).or_default();
        let before = known.clone();
        // So often alone that a device which asks every minute does not wear out the disk.
        const HEARD_EVERY: i64 = 600_000_000;
        if known.heard.is_none_or(|heard| now.saturating_sub(heard) >= HEARD_EVERY || now < heard) {
            known.heard = Some(now);
        }
        known.take(&said, target.as_ref().filter(|_| is_target), now);
        if asks || said.state.is_none() {
            known.judge(now);
        }
        if *known != before {
            known.heard = Some(now);
            self.unsaved.insert(who.device.to_owned());
        }
    }

    /// A device begins to fetch a file.
    pub(crate) fn fetch(&mut self, device: &str, name: &str, version: &str, now: i64) {
        let known = self.known.entry(device.to_owned()).or_default();
        let before = known.attempt.take().filter(|attempt| attempt.name == name && attempt.version == version);
        let downloads = before.map_or(0, |attempt| attempt.downloads).saturating_add(1);
        known.attempt = Some(Attempt {
            name: name.to_owned(),
            version: version.to_owned(),
            since: now,
            downloads,
            state: None,
            progress: None,
            failed: None,
        });
        self.unsaved.insert(device.to_owned());
    }

    /// Something stands in the way that the device does not see itself.
    pub(crate) fn fail(&mut self, device: &str, offer: &Offer, reason: String, now: i64) {
        self.fetch(device, &offer.name, &offer.version, now);
        if let Some(attempt) = self.known.get_mut(device).and_then(|known| known.attempt.as_mut()) {
            attempt.failed = Some(reason);
        }
    }

    /// Those that failed with this firmware may try again.
    pub(crate) fn forgive(&mut self, name: &str) {
        for (device, known) in &mut self.known {
            if known.attempt.as_ref().is_some_and(|attempt| attempt.name == name) {
                known.attempt = None;
                self.unsaved.insert(device.clone());
            }
        }
    }

    /// A device is not there any more.
    pub(crate) fn forget(&mut self, device: &str) {
        if self.known.remove(device).is_some() {
            self.unsaved.insert(device.to_owned());
        }
    }

    pub(crate) fn devices(&self) -> Vec<String> {
        self.known.keys().cloned().collect()
    }

    /// What the disk is to have, by device; `None` for what it is to forget.
    pub(crate) fn take_unsaved(&mut self) -> Vec<(String, Option<Known>)> {
        let devices = std::mem::take(&mut self.unsaved);
        devices.into_iter().map(|device| (self.known.get(&device).cloned(), device)).map(|(k, d)| (d, k)).collect()
    }

    /// The disk did not take it.
    pub(crate) fn put_back(&mut self, devices: impl IntoIterator<Item = String>) {
        self.unsaved.extend(devices);
    }

    pub(crate) fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }
}

impl Known {
    fn runs(&self, name: &str, version: &str) -> bool {
        self.version.as_deref() == Some(version) && self.name.as_deref().is_none_or(|own| own == name)
    }

    fn take(&mut self, said: &Said, target: Option<&FileKey>, now: i64) {
        if let Some(version) = &said.version {
            self.version = Some(cut(version));
            self.name = said.name.as_deref().map(cut);
        }
        if let Some((name, version)) = target {
            // Its program is that file, whatever it calls itself.
            (self.version, self.name) = (Some(version.clone()), Some(name.clone()));
        }
        let Some(attempt) = &mut self.attempt else { return };
        match said.state.as_deref() {
            Some("done") if said.version.is_none() => {
                (self.version, self.name) = (Some(attempt.version.clone()), Some(attempt.name.clone()));
            }
            Some("failed") => {
                let reason = said.reason.as_deref().map(cut).filter(|reason| !reason.is_empty());
                attempt.failed = Some(reason.unwrap_or_else(|| "The device says that it failed.".to_owned()));
                attempt.since = now;
            }
            Some(state) => {
                attempt.state = Some(cut(state));
                attempt.progress = said.progress.map(|percent| percent.min(100));
                attempt.since = now;
            }
            None => {}
        }
        if self.attempt.as_ref().is_some_and(|attempt| self.runs(&attempt.name, &attempt.version)) {
            self.attempt = None;
        }
    }

    /// Whether what it fetched will ever run.
    fn judge(&mut self, now: i64) {
        let Some(version) = &self.version else { return };
        let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.failed.is_none()) else { return };
        if attempt.downloads >= DOWNLOADS_MAX {
            attempt.since = now;
            attempt.failed = Some(format!(
                "It fetched {} {} times and still says that it runs {version}. Look whether the program calls itself {}, and whether it starts.",
                attempt.version, attempt.downloads, attempt.version
            ));
        }
    }
}

fn cut(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(SAID_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
