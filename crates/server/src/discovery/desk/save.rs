//! What is kept: finds with what was decided about them, and the settings.
//!
//! Decisions are on disk before they are answered, everything else within a second; what is only seen again, now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use housewire_core::{DeviceId, Now, PropertyName, Timestamp};
use housewire_links::discovery::Source;
use housewire_store::StoreError;
use housewire_store::limits::DOCUMENT_BYTES_MAX;
use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use super::Desk;
use crate::discovery::DiscoveryError;
use crate::discovery::find::{Announced, Find, Part, Problems, Standing};
use crate::discovery::record::{FoundRecord, SOURCES};
use crate::discovery::settings::KeptSettings;
use crate::reasons::with_reasons;
use crate::shard::now;

/// How long a change may wait that nobody waits for.
const SAVE_AFTER: Duration = Duration::from_millis(500);
/// How long to wait before trying a disk again that took nothing.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Why a find was left out. What was written of it before stays.
const TOO_LARGE: &str = "it announces more than can be kept (1 MiB) and will not be known like this after a restart: have it announce less, or remove it";
/// The document of the settings, among those of the hub.
const SETTINGS: &str = "discovery";

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct FindRecord {
    /// `new`, `adopted`, `ignored`, `removed`
    standing: String,
    device: Option<String>,
    former: Option<String>,
    parts: Vec<PartRecord>,
    source: Option<String>,
    accepted: BTreeSet<String>,
    names: BTreeMap<String, String>,
    declared: Vec<String>,
    seen_live: bool,
    given_name: Option<String>,
    first_seen_us: i64,
    last_seen_us: i64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct PartRecord {
    found: FoundRecord,
    client: Option<String>,
    user: Option<String>,
    topic: String,
    retained: bool,
    gone: bool,
    migrating: bool,
}

impl Desk {
    /// Reads what is kept. What cannot be used is left where it is and told. An error if nothing can be read at all: what is found then
    /// must not be written over what is there.
    pub(in crate::discovery) fn load(&mut self) -> Result<(), StoreError> {
        let loaded = self.settings_documents.load()?;
        let is_skipped = loaded.skipped.iter().any(|row| row.row.ends_with(&format!("/{SETTINGS}")));
        let own = loaded.documents.into_iter().find(|(id, _)| id == SETTINGS);
        let read = own.map(|(_, body)| serde_json::from_str(&body)).transpose();
        let is_readable = !is_skipped && read.is_ok();
        self.kept = read.map(Option::unwrap_or_default).unwrap_or_else(|error| {
            warn!("the settings of discovery cannot be read ({error}): the defaults hold until they are set");
            KeptSettings::default()
        });
        if self.kept.hub.is_empty() {
            self.kept.hub = format!("{:08x}", fastrand::u32(..));
            let kept = self.kept.clone();
            if is_readable && let Err(error) = self.save_settings(&kept) {
                warn!("{error}");
            }
        }
        let loaded = self.documents.load()?;
        for row in loaded.skipped {
            warn!("{row}");
            if let Some((_, id)) = row.row.split_once('/') {
                self.finds.reserve(id);
            }
        }
        for (id, body) in loaded.documents {
            match serde_json::from_str::<FindRecord>(&body).ok().and_then(|record| record.into_find(id.clone())) {
                Some(find) => self.finds.restore(find),
                None => {
                    warn!("what was kept of the find '{id}' cannot be used; it is left as it is");
                    self.finds.reserve(&id);
                }
            }
        }
        Ok(())
    }

    /// Notes that a find has to be written.
    pub(super) fn unsaved(&mut self, id: &str, now: Now) {
        self.unsaved.insert(id.to_owned());
        self.save_at.get_or_insert(now.instant + SAVE_AFTER);
    }

    /// A find is no more.
    pub(super) fn forget_document(&mut self, id: &str) {
        self.unsaved(id, now());
    }

    /// Writes everything that has to be written.
    pub(super) fn save(&mut self) {
        self.save_at = None;
        if let Err(error) = self.try_save() {
            error!("{error}");
            self.save_at = Some(now().instant + RETRY_AFTER);
        }
    }

    /// Has a decision on disk.
    pub(super) fn save_now(&mut self, id: &str) -> Result<(), DiscoveryError> {
        self.unsaved(id, now());
        let too_large = self.try_save().inspect_err(|_| self.save_at = Some(now().instant + RETRY_AFTER))?;
        match too_large.contains(id) {
            true => Err(DiscoveryError::Disk(format!("'{id}': {TOO_LARGE}"))),
            false => Ok(()),
        }
    }

    /// Writes them all but those that are too large, and says which these are: they do not hold up the others.
    fn try_save(&mut self) -> Result<BTreeSet<String>, DiscoveryError> {
        let is_too_large = |body: &Option<String>| body.as_ref().is_some_and(|body| body.len() > DOCUMENT_BYTES_MAX);
        let bodies = self.unsaved.iter().map(|id| (id, self.finds.get(id).map(to_json)));
        let (too_large, bodies): (Vec<_>, Vec<_>) = bodies.partition(|(_, body)| is_too_large(body));
        let too_large: BTreeSet<_> = too_large.into_iter().map(|(id, _)| id.clone()).collect();
        let changes: Vec<_> = bodies.iter().map(|(id, body)| (id.as_str(), body.as_deref())).collect();
        self.documents.apply(&changes).map_err(|error| {
            DiscoveryError::Disk(format!(
                "what was found could not be written: {}. It is tried again.",
                with_reasons(&error)
            ))
        })?;
        self.unsaved.clear();
        self.save_at = None;
        for id in &too_large {
            let is_new = self.finds.get_mut(id).is_some_and(|find| find.problems.note(TOO_LARGE));
            self.figures.problem(is_new, &format!("{id}: {TOO_LARGE}"));
        }
        Ok(too_large)
    }

    pub(super) fn save_settings(&mut self, kept: &KeptSettings) -> Result<(), DiscoveryError> {
        let body = serde_json::to_string(kept).expect("settings are JSON");
        self.settings_documents.write(SETTINGS, &body).map_err(|error| {
            DiscoveryError::Disk(format!("the settings of discovery could not be written: {}", with_reasons(&error)))
        })
    }

    /// Whether a device is announced to others, as far as somebody decided about it.
    pub(crate) fn set_announced(&mut self, device: &DeviceId, announce: bool) -> Result<(), DiscoveryError> {
        let mut kept = self.kept.clone();
        let is_changed = match announce {
            true => kept.unannounced.remove(device.as_str()),
            false => kept.unannounced.insert(device.as_str().to_owned()),
        };
        if is_changed {
            // Of devices that are no more nothing is remembered.
            kept.unannounced.retain(|id| DeviceId::parse(id).is_ok_and(|id| self.hub.device(&id).is_some()));
            self.save_settings(&kept)?;
            self.kept = kept;
            self.producer.changed(device.as_str(), now().instant);
        }
        Ok(())
    }
}

fn to_json(find: &Find) -> String {
    let (standing, device) = match &find.standing {
        Standing::New => ("new", None),
        Standing::Adopted(device) => ("adopted", Some(device.as_str().to_owned())),
        Standing::Ignored => ("ignored", None),
        Standing::Removed => ("removed", None),
    };
    let record = FindRecord {
        standing: standing.to_owned(),
        device,
        former: find.former.as_ref().map(|device| device.as_str().to_owned()),
        parts: find.parts.iter().map(PartRecord::from).collect(),
        source: find.source.map(|source| source.as_str().to_owned()),
        accepted: find.accepted.clone(),
        names: find.names.iter().map(|(key, name)| (key.clone(), name.as_str().to_owned())).collect(),
        declared: find.declared.iter().map(|name| name.as_str().to_owned()).collect(),
        seen_live: find.is_seen_live,
        given_name: find.given_name.clone(),
        first_seen_us: find.first_seen.as_micros(),
        last_seen_us: find.last_seen.as_micros(),
    };
    serde_json::to_string(&record).expect("texts, numbers and lists are JSON")
}

impl From<&Part> for PartRecord {
    fn from(part: &Part) -> Self {
        let Announced { client, user, topic, retained } = part.announced.clone();
        Self {
            found: FoundRecord::from(&part.found),
            client,
            user,
            topic,
            retained,
            gone: part.is_gone,
            migrating: part.is_migrating,
        }
    }
}

impl FindRecord {
    fn into_find(self, id: String) -> Option<Find> {
        let parts = self.parts.into_iter().filter_map(|part| {
            let PartRecord { found, client, user, topic, retained, gone, migrating } = part;
            let mut part = Part::kept(found.into_found()?, Announced { client, user, topic, retained }, gone);
            part.is_migrating = migrating;
            // What is on the network says so again within seconds; what is not any more does not.
            part.is_gone |= part.found.source == Source::Mdns;
            Some(part)
        });
        let parts: Vec<_> = parts.collect();
        if parts.is_empty() {
            return None;
        }
        let device = |text: Option<String>| text.and_then(|text| DeviceId::parse(&text).ok());
        let standing = match self.standing.as_str() {
            "new" => Standing::New,
            "adopted" => Standing::Adopted(device(self.device)?),
            "ignored" => Standing::Ignored,
            "removed" => Standing::Removed,
            _ => return None,
        };
        let source = |text: String| -> Option<Source> { SOURCES.into_iter().find(|source| source.as_str() == text) };
        let names = self.names.into_iter().filter_map(|(key, name)| Some((key, PropertyName::parse(&name).ok()?)));
        Some(Find {
            id,
            standing,
            former: device(self.former),
            parts,
            source: self.source.and_then(source),
            accepted: self.accepted,
            names: names.collect(),
            declared: self.declared.iter().filter_map(|name| PropertyName::parse(name).ok()).collect(),
            is_seen_live: self.seen_live,
            given_name: self.given_name,
            first_seen: Timestamp::from_micros(self.first_seen_us),
            last_seen: Timestamp::from_micros(self.last_seen_us),
            is_full: false,
            problems: Problems::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::samples;

    #[test]
    fn a_find_is_read_as_it_was_written() {
        let announced = Announced { client: Some("esp".into()), user: None, topic: "t".into(), retained: false };
        let [plain, full] = samples::all().try_into().unwrap();
        let mut find = Find::new("ha-x".into(), Part::new(plain, announced.clone()), Timestamp::from_micros(5));
        find.parts.push(Part::kept(full, announced, true));
        find.named_properties();
        find.source = Some(Source::HomeAssistant);
        find.accepted.insert("x/state".into());
        find.declared.insert(PropertyName::parse("state").unwrap());
        find.given_name = Some("Lamp".into());
        find.former = DeviceId::parse("old").ok();
        for standing in
            [Standing::New, Standing::Adopted(DeviceId::parse("lamp").unwrap()), Standing::Ignored, Standing::Removed]
        {
            find.standing = standing;
            let read: FindRecord = serde_json::from_str(&to_json(&find)).unwrap();
            let read = read.into_find("ha-x".into()).unwrap();
            assert_eq!(to_json(&read), to_json(&find));
            assert_eq!((read.standing, read.parts.len()), (find.standing.clone(), 2));
        }
    }

    #[test]
    fn what_makes_no_sense_is_no_find() {
        for text in
            ["{}", r#"{"standing":"new","parts":[]}"#, r#"{"standing":"lost","parts":[{"found":{"source":"homie"}}]}"#]
        {
            let record: FindRecord = serde_json::from_str(text).unwrap();
            assert!(record.into_find("x".into()).is_none(), "{text}");
        }
    }
}
