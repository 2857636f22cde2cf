//! The manifest: what is in a backup, and which names may be in one at all.

use std::collections::{BTreeMap, BTreeSet};

use housewire_core::Timestamp;
use serde_json::{Value, json};

use crate::backup::error::BackupError;
use crate::backup::is_own;
use crate::limits::{BACKUP_DEPTH_MAX, BACKUP_FILES_MAX, BACKUP_NAME_BYTES_MAX};
use crate::migrate::{DATABASE, MIGRATIONS};

/// Its name in the archive, where it comes first.
pub(super) const NAME: &str = "manifest.json";
/// What tells our manifests from others.
const FORMAT: &str = "housewire-backup";
const FORMAT_VERSION: u32 = 1;

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The version of the program that made it.
    pub version: String,
    /// The version of its database.
    pub schema: u32,
    /// When it was begun.
    pub made: Timestamp,
    /// By name.
    pub files: BTreeMap<String, BackupFile>,
}

/// A file of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupFile {
    /// Its length.
    pub bytes: u64,
    /// Of all its bytes.
    pub sha256: [u8; 32],
}

impl Manifest {
    pub(super) fn new(made: Timestamp, files: BTreeMap<String, BackupFile>) -> Self {
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), schema: known_schema(), made, files }
    }

    /// What all files have together.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.bytes).sum()
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let file = |(path, file): (&String, &BackupFile)| json!({"path": path, "bytes": file.bytes, "sha256": hex(&file.sha256)});
        let manifest = json!({
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "program": self.version,
            "schema": self.schema,
            "made": self.made.to_string(),
            "made_us": self.made.as_micros(),
            "files": self.files.iter().map(file).collect::<Vec<_>>(),
        });
        let mut text = serde_json::to_vec_pretty(&manifest).expect("texts and numbers are JSON");
        text.push(b'\n');
        text
    }

    /// Reads one; every name in it may be written to.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, BackupError> {
        let foreign = |why: &str| BackupError::Foreign(why.to_owned());
        let value: Value = serde_json::from_slice(bytes).map_err(|_| foreign("its first file is no manifest"))?;
        if value["format"] != FORMAT {
            return Err(foreign("its first file is the manifest of something else"));
        }
        let wrong = |what: &str| BackupError::Damaged(format!("its manifest says no proper {what}"));
        let number =
            |name: &str| value[name].as_u64().and_then(|number| u32::try_from(number).ok()).ok_or_else(|| wrong(name));
        let made_by = value["program"].as_str().ok_or_else(|| wrong("program"))?.to_owned();
        let newer = |what, found, known| BackupError::Newer { made_by: made_by.clone(), what, found, known };
        let format = number("format_version")?;
        if format > FORMAT_VERSION {
            return Err(newer("format", format, FORMAT_VERSION));
        }
        let schema = number("schema")?;
        if schema > known_schema() {
            return Err(newer("schema", schema, known_schema()));
        }
        let made = Timestamp::from_micros(value["made_us"].as_i64().ok_or_else(|| wrong("made_us"))?);
        let listed = value["files"].as_array().ok_or_else(|| wrong("files"))?;
        if listed.len() > BACKUP_FILES_MAX {
            return Err(BackupError::Damaged(format!("it has more than {BACKUP_FILES_MAX} files")));
        }
        let mut files = BTreeMap::new();
        for file in listed {
            let path = file["path"].as_str().ok_or_else(|| wrong("path"))?;
            must_be_allowed(path)?;
            let bytes = file["bytes"].as_u64().ok_or_else(|| wrong("bytes"))?;
            let sha256 = file["sha256"].as_str().and_then(unhex).ok_or_else(|| wrong("sha256"))?;
            if files.insert(path.to_owned(), BackupFile { bytes, sha256 }).is_some() {
                return Err(BackupError::Damaged(format!("its manifest names '{path}' twice")));
            }
        }
        if !files.contains_key(DATABASE) {
            return Err(BackupError::Damaged(format!("it has no {DATABASE}")));
        }
        if files.values().try_fold(0_u64, |sum, file| sum.checked_add(file.bytes)).is_none() {
            return Err(wrong("bytes"));
        }
        must_not_nest(&files)?;
        Ok(Self { version: made_by, schema, made, files })
    }
}

/// No file is the folder of another one.
fn must_not_nest(files: &BTreeMap<String, BackupFile>) -> Result<(), BackupError> {
    let folders: BTreeSet<&str> =
        files.keys().flat_map(|path| path.match_indices('/').map(|(at, _)| &path[..at])).collect();
    match files.keys().find(|path| folders.contains(path.as_str())) {
        Some(path) => Err(BackupError::Damaged(format!("'{path}' is a file and a folder in it"))),
        None => Ok(()),
    }
}

fn known_schema() -> u32 {
    u32::try_from(MIGRATIONS.len()).expect("migrations are few")
}

/// Whether a file of this name may lie in a backup, and be written into a data folder: below it, and nothing of the folder's own.
pub(super) fn is_allowed(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'@');
    // None begins with a dot, and so none is `..`.
    let is_name = |name: &str| !name.is_empty() && !name.starts_with('.') && name.bytes().all(is_plain);
    path.len() <= BACKUP_NAME_BYTES_MAX
        && path.split('/').count() <= BACKUP_DEPTH_MAX
        && path.split('/').all(is_name)
        && !is_own(path.split('/').next().unwrap_or_default())
        // SQLite would play such a log into the database beside it.
        && !["-wal", "-shm", "-journal"].iter().any(|ending| path.ends_with(ending))
}

fn must_be_allowed(path: &str) -> Result<(), BackupError> {
    if is_allowed(path) {
        return Ok(());
    }
    let shown: String = path.chars().take(80).map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect();
    Err(BackupError::Damaged(format!("'{shown}' is no name that a file of a backup may have")))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes everything");
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}
