//! A consistent copy of the data folder, taken while others write to it.
//!
//! Databases are copied by SQLite itself, as they are at one moment. The history's log is copied before its database: what was taken
//! into the database meanwhile is in both, and told apart by its numbers; the other way round it would be in neither.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use housewire_core::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::backup::archive;
use crate::backup::error::BackupError;
use crate::backup::manifest::{BackupFile, Manifest, is_allowed};
use crate::backup::restore::{Staging, must_have_room};
use crate::backup::{MAKING, is_own};
use crate::error::StoreError;
use crate::folder::DataFolder;
use crate::limits::BACKUP_DEPTH_MAX;
use crate::migrate::{DATABASE, open_existing};

/// Of the history, in the data folder.
const HISTORY: &str = "history";
const HISTORY_DATABASE: &str = "history.db";
const HISTORY_LOG: &str = "log";
const HISTORY_LOG_ENDING: &str = ".log";

/// Makes and takes in backups of an open store, one at a time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Backups {
    folder: Arc<DataFolder>,
    is_busy: Arc<AtomicBool>,
}

/// Whose turn it is.
#[derive(Debug)]
pub(super) struct Turn(Arc<AtomicBool>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// A copy that nobody writes to, in a folder of its own, which goes with it.
#[derive(Debug)]
pub struct Snapshot {
    manifest: Manifest,
    copies: Copies,
}

/// The folder, deleted in the end.
#[derive(Debug)]
struct Copies {
    path: PathBuf,
    _turn: Turn,
}

impl Drop for Copies {
    fn drop(&mut self) {
        // What cannot be deleted now is deleted at the next start.
        std::fs::remove_dir_all(&self.path).ok();
    }
}

impl Backups {
    pub(crate) fn new(folder: Arc<DataFolder>) -> Self {
        Self { folder, is_busy: Arc::default() }
    }

    /// Copies everything, as it is now: whatever was committed before is in it. `beside` are further files, by the names that they get. Needs as
    /// much room on the disk as what is copied, and some that stays free, or is refused; may take minutes.
    pub fn snapshot(&self, made: Timestamp, beside: &[(&str, &Path)]) -> Result<Snapshot, BackupError> {
        let turn = self.turn()?;
        let path = self.folder.file(MAKING);
        remove_folder(&path)?;
        let beside_bytes = beside.iter().filter_map(|(_, path)| path.metadata().ok()).map(|file| file.len());
        must_have_room(self.folder.path(), bytes_below(self.folder.path(), 1)?.saturating_add(beside_bytes.sum()))?;
        let copies = Copies { path, _turn: turn };
        create_folder(&copies.path)?;
        self.copy_history(&copies.path)?;
        self.copy_database(DATABASE, &copies.path)?;
        for (name, path) in beside {
            copy(path, &copies.path.join(name))?;
        }
        self.copy_others(self.folder.path(), "", 1, &copies.path)?;
        let mut files = BTreeMap::new();
        list(&copies.path, "", &mut files)?;
        Ok(Snapshot { manifest: Manifest::new(made, files), copies })
    }

    /// Where a backup is taken in, to be put in place at the next start.
    pub fn staging(&self) -> Result<Staging, BackupError> {
        let turn = self.turn()?;
        Ok(Staging::new(self.folder.path().to_owned(), Some(turn)))
    }

    /// What will be put in place at the next start.
    pub fn staged(&self) -> Option<Manifest> {
        super::restore::staged(self.folder.path())
    }

    fn turn(&self) -> Result<Turn, BackupError> {
        match self.is_busy.swap(true, Ordering::AcqRel) {
            true => Err(BackupError::Busy),
            false => Ok(Turn(Arc::clone(&self.is_busy))),
        }
    }

    fn copy_history(&self, to: &Path) -> Result<(), StoreError> {
        let log = self.folder.file(HISTORY).join(HISTORY_LOG);
        let mut names = Vec::new();
        for entry in entries(&log)? {
            names.extend(entry.file_name().into_string().ok().filter(|name| name.ends_with(HISTORY_LOG_ENDING)));
        }
        names.sort();
        for name in names {
            match copy(&log.join(&name), &to.join(HISTORY).join(HISTORY_LOG).join(&name)) {
                // All of it was taken into the database meanwhile, which is copied after it.
                Err(StoreError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                copied => copied?,
            }
        }
        let name = format!("{HISTORY}/{HISTORY_DATABASE}");
        if self.folder.file(&name).exists() { self.copy_database(&name, to) } else { Ok(()) }
    }

    /// As it is at one moment, whoever writes to it; what it says of itself is checked by reading all of it.
    fn copy_database(&self, name: &str, to: &Path) -> Result<(), StoreError> {
        let (from, to) = (self.folder.file(name), to.join(name));
        create_parent(&to)?;
        let failed = |source| StoreError::sqlite("copy", &from, source);
        let connection = open_existing(&from).map_err(failed)?;
        let target = to.to_str().ok_or_else(|| StoreError::file("copy", &from, ErrorKind::InvalidFilename.into()))?;
        connection.execute("VACUUM INTO ?1", [target]).map_err(failed)?;
        Ok(())
    }

    /// Whatever else lies in the folder: certificates, and files that others keep there.
    fn copy_others(&self, from: &Path, below: &str, depth: usize, to: &Path) -> Result<(), StoreError> {
        for entry in entries(from)? {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = format!("{below}{name}");
            let is_left_out = depth == 1 && (is_own(&name) || name == HISTORY || name.starts_with(DATABASE));
            // A file that is being written has one of these endings.
            if is_left_out
                || !is_allowed(&path)
                || name.ends_with(".new")
                || name.ends_with(".part")
                || to.join(&path).exists()
            {
                continue;
            }
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth < BACKUP_DEPTH_MAX {
                self.copy_others(&entry.path(), &format!("{path}/"), depth + 1, to)?;
            } else if kind.is_file() {
                match copy(&entry.path(), &to.join(&path)) {
                    Err(StoreError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                    copied => copied?,
                }
            }
        }
        Ok(())
    }
}

impl Snapshot {
    /// What is in it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Writes it as an archive.
    pub fn write(&self, to: impl Write) -> std::io::Result<()> {
        archive::write(&self.manifest, &self.copies.path, to)
    }
}

/// What is in a folder; nothing if it is not there.
fn entries(folder: &Path) -> Result<Vec<std::fs::DirEntry>, StoreError> {
    match std::fs::read_dir(folder).and_then(Iterator::collect) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        found => found.map_err(|source| StoreError::file("read", folder, source)),
    }
}

/// What the files of a data folder have together, as far as they may be in a backup.
fn bytes_below(folder: &Path, depth: usize) -> Result<u64, StoreError> {
    let mut bytes = 0_u64;
    for entry in entries(folder)? {
        if depth == 1 && entry.file_name().to_str().is_none_or(is_own) {
            continue;
        }
        // What goes meanwhile needs no room.
        let Ok(about) = entry.metadata() else { continue };
        if about.is_dir() && depth < BACKUP_DEPTH_MAX {
            bytes = bytes.saturating_add(bytes_below(&entry.path(), depth + 1)?);
        } else if about.is_file() {
            bytes = bytes.saturating_add(about.len());
        }
    }
    Ok(bytes)
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    create_parent(to)?;
    std::fs::copy(from, to).map(drop).map_err(|source| StoreError::file("copy", from, source))
}

fn create_parent(path: &Path) -> Result<(), StoreError> {
    path.parent().map_or(Ok(()), create_folder)
}

/// For the hub's user alone.
pub(super) fn create_folder(path: &Path) -> Result<(), StoreError> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path).map_err(|source| StoreError::file("create", path, source))
}

/// A folder with all that is in it, if it is there.
pub(super) fn remove_folder(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::file("delete", path, error)),
        _ => Ok(()),
    }
}

/// All files below, with what is in them.
fn list(folder: &Path, below: &str, files: &mut BTreeMap<String, BackupFile>) -> Result<(), StoreError> {
    for entry in entries(folder)? {
        let name = entry.file_name().into_string().unwrap_or_default();
        let path = entry.path();
        if path.is_dir() {
            list(&path, &format!("{below}{name}/"), files)?;
        } else {
            let file = measure(&path).map_err(|source| StoreError::file("read", &path, source))?;
            files.insert(format!("{below}{name}"), file);
        }
    }
    Ok(())
}

fn measure(path: &Path) -> std::io::Result<BackupFile> {
    let (mut file, mut hash, mut bytes) = (File::open(path)?, Sha256::new(), 0);
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(BackupFile { bytes, sha256: hash.finalize().into() });
        }
        hash.update(&piece[..read]);
        bytes += read as u64;
    }
}
