//! Firmware of devices: files that an admin uploads, and which version is to run where.
//!
//! What the hub knows of it is in memory (`book`) and in documents; the bytes are files of the data folder that are named by their
//! hash. A thread (`watch`) listens to what devices say, tells them what to fetch and saves how far they are. How files come and go
//! over HTTP belongs to `http`.

mod book;
mod watch;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

use housewire_core::{DeviceId, Hub};
use housewire_store::{Blobs, Documents, Incoming, Store, StoreError};
use md5::Md5;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::{error, warn};

use self::book::Book;
pub(crate) use self::book::{FileKey, FileNote, Known, Offer, Rollout, Said, Stage, Who};
use self::watch::Watch;
use crate::limits::{
    FIRMWARE_BYTES_MAX, FIRMWARE_FILES_MAX, FIRMWARE_TOTAL_BYTES_MAX, FIRMWARE_UPLOADS_MAX, ROLLOUT_DEVICES_MAX,
    ROLLOUTS_MAX,
};
use crate::reasons::with_reasons;
use crate::refusal::shorten;
use crate::shard::now;

/// Of files, in the data folder.
const FOLDER: &str = "firmware";
/// Longest version and note; longer ones are refused.
const VERSION_CHARS_MAX: usize = 64;
const NOTE_CHARS_MAX: usize = 500;
/// Read of a file at once when its hash is checked.
const PIECE_BYTES: usize = 64 * 1024;

/// Why something is not done. In words for the one who asked: what, why, what to do.
#[derive(Debug, Error)]
pub(crate) enum FirmwareError {
    #[error("{0}")]
    NotFound(String),
    /// A version never becomes another file: devices could not tell which of the two they run.
    #[error(
        "{0} {1} is there already, with other bytes. Upload this file as another version, or delete the one that is there."
    )]
    Taken(String, String),
    #[error("The roll-out of {0} hands out {1}. Give it another version first, or delete it.")]
    InUse(String, String),
    #[error("{0}")]
    Unusable(String),
    #[error(
        "The file is larger than {FIRMWARE_BYTES_MAX} bytes, which is the most there may be. Is it the program alone?"
    )]
    TooLarge,
    #[error("{0}")]
    Full(String),
    #[error("Other files are being uploaded. Try again in a minute.")]
    Busy,
    /// The bytes on the disk are not those that were uploaded.
    #[error(
        "The file of {0} {1} on the hub's disk is not what was uploaded. Look after the disk, and upload it again."
    )]
    Damaged(String, String),
    #[error("This could not be saved, so nothing was changed: {0}. Look after the disk and try again.")]
    Disk(String),
}

impl From<StoreError> for FirmwareError {
    fn from(error: StoreError) -> Self {
        Self::Disk(with_reasons(&error).to_string())
    }
}

/// See the module. What changes something waits for the disk: never on a shard.
pub(crate) struct Firmware {
    book: Mutex<Book>,
    papers: Mutex<Papers>,
    blobs: Blobs,
    /// Whether the bytes of a file are what was uploaded, by hash; not there as long as nobody looked.
    checked: Mutex<HashMap<String, bool>>,
    uploads: Semaphore,
    watch: Watch,
}

struct Papers {
    files: Documents,
    rollouts: Documents,
    known: Documents,
}

/// A file on its way in.
pub(crate) struct Arriving {
    incoming: Incoming,
    sha256: Sha256,
    md5: Md5,
    size: u64,
}

/// What is said of a file beside its bytes.
pub(crate) struct Naming {
    pub(crate) key: FileKey,
    pub(crate) note: Option<String>,
    /// The hash it should have.
    pub(crate) sha256: Option<String>,
    pub(crate) by: Option<String>,
}

impl Arriving {
    /// Takes some more of it. Waits for the disk.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), FirmwareError> {
        self.size += bytes.len() as u64;
        if self.size > FIRMWARE_BYTES_MAX {
            return Err(FirmwareError::TooLarge);
        }
        self.sha256.update(bytes);
        self.md5.update(bytes);
        Ok(self.incoming.write(bytes)?)
    }
}

impl Firmware {
    /// Reads what was kept, and throws away files that nobody knows, such as uploads that were cut short.
    pub(crate) fn open(store: &Store) -> Result<Self, StoreError> {
        let papers = Papers {
            files: store.documents("firmware")?,
            rollouts: store.documents("rollout")?,
            known: store.documents("firmware_state")?,
        };
        let files: BTreeMap<String, FileNote> = load(&papers.files, "firmware")?;
        let files = files.into_iter().filter_map(|(id, note)| {
            let (name, version) = id.split_once('/')?;
            Some(((name.to_owned(), version.to_owned()), note))
        });
        let files: BTreeMap<FileKey, FileNote> = files.collect();
        let rollouts: BTreeMap<String, Rollout> = load(&papers.rollouts, "roll-out")?;
        let known: BTreeMap<String, Known> = load(&papers.known, "firmware state")?;
        let blobs = store.blobs(FOLDER);
        let is_ours = |name: &str| files.values().any(|note| note.sha256 == name);
        if let Err(error) = blobs.sweep(&is_ours) {
            warn!("the folder of firmware cannot be tidied: {}", with_reasons(&error));
        }
        Ok(Self {
            book: Mutex::new(Book::new(files, rollouts, known.into_iter().collect())),
            papers: Mutex::new(papers),
            blobs,
            checked: Mutex::default(),
            uploads: Semaphore::new(FIRMWARE_UPLOADS_MAX),
            watch: Watch::default(),
        })
    }

    /// Listens to devices from now on, and tells them what to fetch.
    pub(crate) fn begin(self: &Arc<Self>, hub: &Arc<Hub>) {
        if let Err(error) = watch::begin(self, hub) {
            error!("devices are told of no firmware until the next start: {error}");
        }
    }

    /// Saves what devices said. Waits for the disk.
    pub(crate) fn end(&self) {
        self.watch.end();
    }

    /// All files, by name and version.
    pub(crate) fn files(&self) -> Vec<(FileKey, FileNote)> {
        self.book.lock().files.iter().map(|(key, note)| (key.clone(), note.clone())).collect()
    }

    pub(crate) fn file(&self, key: &FileKey) -> Result<FileNote, FirmwareError> {
        let found = self.book.lock().files.get(key).cloned();
        found.ok_or_else(|| {
            let (name, version) = (shorten(&key.0), shorten(&key.1));
            FirmwareError::NotFound(format!(
                "There is no firmware '{name}' {version}; GET /api/firmware lists those there are."
            ))
        })
    }

    /// Whether the file is known to be damaged.
    pub(crate) fn is_damaged(&self, note: &FileNote) -> bool {
        self.checked.lock().get(&note.sha256) == Some(&false)
    }

    /// A turn to upload.
    pub(crate) fn upload_turn(&self) -> Result<SemaphorePermit<'_>, FirmwareError> {
        self.uploads.try_acquire().map_err(|_| FirmwareError::Busy)
    }

    /// Begins to take a file. Waits for the disk.
    pub(crate) fn receive(&self) -> Result<Arriving, FirmwareError> {
        let incoming = self.blobs.begin()?;
        Ok(Arriving { incoming, sha256: Sha256::new(), md5: Md5::new(), size: 0 })
    }

    /// Keeps a file that arrived whole; `false` if the same was there already. Waits for the disk.
    pub(crate) fn keep(&self, arrived: Arriving, naming: Naming) -> Result<(FileNote, bool), FirmwareError> {
        let Naming { key, note, sha256: expected, by } = naming;
        let (sha256, md5) = (hex(&arrived.sha256.finalize()), hex(&arrived.md5.finalize()));
        if arrived.size == 0 {
            return Err(FirmwareError::Unusable("The file is empty. Send its bytes as the body.".to_owned()));
        }
        if let Some(expected) = expected.filter(|expected| !expected.eq_ignore_ascii_case(&sha256)) {
            let text = format!(
                "What arrived has the SHA-256 {sha256}, not {}. It was changed on its way, or is another file: nothing was kept.",
                shorten(&expected)
            );
            return Err(FirmwareError::Unusable(text));
        }
        // Held until the file has its name, so that nobody deletes the bytes that two versions share meanwhile.
        let mut papers = self.papers.lock();
        let known = self.book.lock().files.get(&key).cloned();
        if known.as_ref().is_some_and(|known| known.sha256 != sha256) {
            return Err(FirmwareError::Taken(key.0, key.1));
        }
        self.must_have_room(&key, arrived.size)?;
        let is_new = known.is_none();
        let note = FileNote {
            size: arrived.size,
            sha256,
            md5,
            uploaded: known.as_ref().map_or_else(|| now().wall.as_micros(), |known| known.uploaded),
            note: note.or_else(|| known.as_ref().and_then(|known| known.note.clone())),
            by: known.map_or(by, |known| known.by),
        };
        arrived.incoming.keep(&note.sha256)?;
        papers.files.write(&id_of(&key), &body(&note))?;
        self.checked.lock().insert(note.sha256.clone(), true);
        self.book.lock().files.insert(key, note.clone());
        drop(papers);
        self.watch.look_at_all();
        Ok((note, is_new))
    }

    fn must_have_room(&self, key: &FileKey, size: u64) -> Result<(), FirmwareError> {
        let book = self.book.lock();
        if book.files.contains_key(key) {
            return Ok(());
        }
        if book.files.len() >= FIRMWARE_FILES_MAX {
            let text =
                format!("There are {FIRMWARE_FILES_MAX} files of firmware, which is the most. Delete old versions.");
            return Err(FirmwareError::Full(text));
        }
        let bytes: u64 = book.files.values().map(|note| note.size).sum();
        if bytes.saturating_add(size) > FIRMWARE_TOTAL_BYTES_MAX {
            let text = format!(
                "All files of firmware together may have {FIRMWARE_TOTAL_BYTES_MAX} bytes, and have {bytes}. Delete old versions."
            );
            return Err(FirmwareError::Full(text));
        }
        Ok(())
    }

    /// Deletes a file. Waits for the disk.
    pub(crate) fn remove(&self, key: &FileKey) -> Result<(), FirmwareError> {
        let mut papers = self.papers.lock();
        let note = self.file(key)?;
        let (name, version) = key;
        let is_rolled_out = self.book.lock().rollouts.get(name).is_some_and(|rollout| rollout.version == *version);
        if is_rolled_out {
            return Err(FirmwareError::InUse(name.clone(), version.clone()));
        }
        papers.files.delete(&id_of(key))?;
        let is_shared = {
            let mut book = self.book.lock();
            book.files.remove(key);
            book.files.values().any(|other| other.sha256 == note.sha256)
        };
        if !is_shared {
            self.checked.lock().remove(&note.sha256);
            // Nobody knows of it any more; the bytes go when the folder is swept at the next start.
            if let Err(problem) = self.blobs.remove(&note.sha256) {
                warn!("the bytes of firmware that was deleted are still there: {}", with_reasons(&problem));
            }
        }
        Ok(())
    }

    /// The bytes of a file, if they are what was uploaded. Waits for the disk, and reads the whole file the first time.
    pub(crate) fn bytes(&self, key: &FileKey, note: &FileNote) -> Result<File, FirmwareError> {
        let damaged = || FirmwareError::Damaged(key.0.clone(), key.1.clone());
        // Let go before the look, which notes what it found under the same lock.
        let known = self.checked.lock().get(&note.sha256).copied();
        let is_good = known.unwrap_or_else(|| self.check(key, note));
        let (file, length) = self.blobs.open(&note.sha256)?.filter(|_| is_good).ok_or_else(damaged)?;
        if length == note.size { Ok(file) } else { Err(damaged()) }
    }

    /// Looks whether a file is what was uploaded.
    fn check(&self, key: &FileKey, note: &FileNote) -> bool {
        let is_good = match self.blobs.open(&note.sha256) {
            Ok(Some((file, _))) => hash(file).is_ok_and(|hash| hash == note.sha256),
            _ => false,
        };
        if !is_good {
            error!(
                "the firmware {} {} in '{}' is not what was uploaded: devices do not get it; upload it again",
                key.0,
                key.1,
                self.blobs.path(&note.sha256).display()
            );
        }
        self.checked.lock().insert(note.sha256.clone(), is_good);
        is_good
    }

    /// Looks at all files that nobody looked at yet.
    fn check_all(&self) {
        for (key, note) in self.files() {
            let is_known = self.checked.lock().contains_key(&note.sha256);
            if !is_known && !self.watch.is_over() {
                self.check(&key, &note);
            }
        }
    }

    pub(crate) fn rollouts(&self) -> Vec<(String, Rollout)> {
        self.book.lock().rollouts.iter().map(|(name, rollout)| (name.clone(), rollout.clone())).collect()
    }

    pub(crate) fn rollout(&self, name: &str) -> Result<Rollout, FirmwareError> {
        let found = self.book.lock().rollouts.get(name).cloned();
        found.ok_or_else(|| {
            FirmwareError::NotFound(format!(
                "There is no roll-out of '{}'; GET /api/rollouts lists those there are.",
                shorten(name)
            ))
        })
    }

    /// Makes or replaces a roll-out; `true` if it is new. Those that failed may try again. Waits for the disk.
    pub(crate) fn put_rollout(&self, name: &str, rollout: Rollout) -> Result<bool, FirmwareError> {
        check_rollout(&rollout)?;
        let mut papers = self.papers.lock();
        self.file(&(name.to_owned(), rollout.version.clone()))?;
        let is_new = {
            let book = self.book.lock();
            let is_new = !book.rollouts.contains_key(name);
            if is_new && book.rollouts.len() >= ROLLOUTS_MAX {
                let text = format!("There are {ROLLOUTS_MAX} roll-outs, which is the most. Delete some.");
                return Err(FirmwareError::Full(text));
            }
            is_new
        };
        papers.rollouts.write(name, &body(&rollout))?;
        {
            let mut book = self.book.lock();
            book.rollouts.insert(name.to_owned(), rollout);
            book.forgive(name);
        }
        drop(papers);
        self.watch.look_at_all();
        Ok(is_new)
    }

    /// Deletes a roll-out; devices keep what they run. Waits for the disk.
    pub(crate) fn remove_rollout(&self, name: &str) -> Result<(), FirmwareError> {
        let mut papers = self.papers.lock();
        self.rollout(name)?;
        papers.rollouts.delete(name)?;
        self.book.lock().rollouts.remove(name);
        drop(papers);
        self.watch.look_at_all();
        Ok(())
    }

    /// How far a device is with a roll-out, if that is the one that counts for it.
    pub(crate) fn standing(&self, name: &str, who: Who<'_>) -> Option<Standing> {
        let book = self.book.lock();
        let rollout = book.rollouts.get(name).filter(|_| book.reaches(name, who))?;
        let (stage, reason) = book.stage(name, rollout, who.device);
        Some(Standing { stage, reason, known: book.known(who.device).cloned().unwrap_or_default() })
    }

    /// What a device is to fetch.
    pub(crate) fn offer(&self, who: Who<'_>) -> Option<Offer> {
        let offer = self.book.lock().offer(who)?;
        (!self.is_damaged(&offer.file)).then_some(offer)
    }

    /// A device asks for something new, and says what it runs.
    pub(crate) fn ask(&self, who: Who<'_>, said: Said) -> Option<Offer> {
        self.book.lock().hear(who, said, true, now().wall.as_micros());
        self.changed(who.device);
        self.offer(who)
    }

    /// A device begins to fetch a file.
    pub(crate) fn fetch(&self, device: &str, (name, version): &FileKey) {
        self.book.lock().fetch(device, name, version, now().wall.as_micros());
        self.changed(device);
    }

    /// Something stands in the way of an offer.
    pub(crate) fn fail(&self, device: &str, offer: &Offer, reason: String) {
        self.book.lock().fail(device, offer, reason, now().wall.as_micros());
        self.changed(device);
    }

    fn changed(&self, device: &str) {
        if let Ok(device) = DeviceId::parse(device) {
            self.watch.look_at(device);
        }
    }

    /// Writes down how far devices are; what the disk does not take is tried again.
    fn save(&self) {
        let changes = self.book.lock().take_unsaved();
        if changes.is_empty() {
            return;
        }
        let bodies: Vec<_> = changes.iter().map(|(device, known)| (device, known.as_ref().map(body))).collect();
        let rows: Vec<_> = bodies.iter().map(|(device, body)| (device.as_str(), body.as_deref())).collect();
        let saved = self.papers.lock().known.apply(&rows);
        if let Err(error) = saved {
            warn!("what devices say of their firmware is not saved yet: {}", with_reasons(&error));
            self.book.lock().put_back(changes.into_iter().map(|(device, _)| device));
        }
    }
}

/// See [`Firmware::standing`].
pub(crate) struct Standing {
    pub(crate) stage: Stage,
    pub(crate) reason: Option<String>,
    pub(crate) known: Known,
}

/// Checks the name and the version of a file.
pub(crate) fn parse_key(name: &str, version: &str) -> Result<FileKey, FirmwareError> {
    // Names of firmware are written as those of devices are.
    DeviceId::parse(name).map_err(|error| FirmwareError::Unusable(format!("The name of the firmware: {error}.")))?;
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "._+-".contains(char);
    let is_version = (1..=VERSION_CHARS_MAX).contains(&version.len())
        && version.chars().all(is_plain)
        && version.chars().any(|char| char.is_ascii_alphanumeric());
    if !is_version {
        let text = format!(
            "'{}' is no version: 1 to {VERSION_CHARS_MAX} characters of A-Z a-z 0-9 . _ + -, such as 1.2.0.",
            shorten(version)
        );
        return Err(FirmwareError::Unusable(text));
    }
    Ok((name.to_owned(), version.to_owned()))
}

/// Checks what people say of a file.
pub(crate) fn parse_note(note: Option<String>) -> Result<Option<String>, FirmwareError> {
    let note = note.filter(|note| !note.is_empty());
    if note.as_ref().is_some_and(|note| note.chars().count() > NOTE_CHARS_MAX) {
        return Err(FirmwareError::Unusable(format!("A note may have {NOTE_CHARS_MAX} characters: shorten it.")));
    }
    Ok(note)
}

fn check_rollout(rollout: &Rollout) -> Result<(), FirmwareError> {
    let said = [rollout.devices.is_some(), rollout.model.is_some(), rollout.all];
    if said.iter().filter(|is_said| **is_said).count() != 1 {
        let text = "Say whom the roll-out reaches: one of 'devices' (a list), 'model' (a text) and 'all' (true).";
        return Err(FirmwareError::Unusable(text.to_owned()));
    }
    if rollout.share > 100 {
        return Err(FirmwareError::Unusable("'share' is in percent: 0 to 100.".to_owned()));
    }
    for device in rollout.devices.iter().flatten() {
        DeviceId::parse(device).map_err(|error| FirmwareError::Unusable(format!("devices: {error}.")))?;
    }
    if rollout.devices.as_ref().is_some_and(|devices| devices.len() > ROLLOUT_DEVICES_MAX) {
        let text = format!("A roll-out may name {ROLLOUT_DEVICES_MAX} devices: say 'model' or 'all' instead.");
        return Err(FirmwareError::Unusable(text));
    }
    Ok(())
}

fn load<T: DeserializeOwned>(documents: &Documents, what: &str) -> Result<BTreeMap<String, T>, StoreError> {
    let loaded = documents.load()?;
    for skipped in &loaded.skipped {
        warn!("{skipped}");
    }
    let mut all = BTreeMap::new();
    for (id, body) in loaded.documents {
        match serde_json::from_str(&body) {
            Ok(read) => drop(all.insert(id, read)),
            Err(error) => warn!("the {what} '{id}' cannot be read and is left out: {error}; make it again"),
        }
    }
    Ok(all)
}

fn id_of((name, version): &FileKey) -> String {
    format!("{name}/{version}")
}

fn body(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("numbers and texts are JSON")
}

fn hash(mut file: File) -> std::io::Result<String> {
    let (mut sha256, mut piece) = (Sha256::new(), vec![0; PIECE_BYTES]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(&sha256.finalize())),
            length => sha256.update(&piece[..length]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
