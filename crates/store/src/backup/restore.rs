//! The way back: a backup is taken in beside the data, and put in place before the data is opened.
//!
//! Each step is one rename, or many that may be repeated, and the name of the folder says how far it came; so a start that was cut short
//! is gone on with by the next one. What was there is moved aside, never deleted.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::backup::archive::{self, Finish};
use crate::backup::error::BackupError;
use crate::backup::manifest::Manifest;
use crate::backup::snapshot::{Turn, create_folder, remove_folder};
use crate::backup::{ASIDE, INCOMING, MAKING, MOVING, PLACING, READY, is_own};
use crate::error::StoreError;
use crate::folder::DataFolder;
use crate::limits::BACKUP_ROOM_BYTES;
use crate::migrate::{DATABASE, check_backup};

/// The files of a backup that is taken in, and what it is.
const FILES: &str = "files";
const MANIFEST: &str = "manifest.json";

/// A place to take a backup in.
#[derive(Debug)]
pub struct Staging {
    folder: PathBuf,
    _turn: Option<Turn>,
}

/// A backup was put in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Where what was there is now.
    pub aside: PathBuf,
}

/// A data folder that no hub runs on, and that none may while this lives.
#[derive(Debug)]
pub struct Offline(DataFolder);

impl Offline {
    /// Keeps hubs out; the folder is made if it is missing.
    pub fn lock(folder: &Path) -> Result<Self, StoreError> {
        DataFolder::open(folder).map(Self)
    }

    /// Takes in a backup and puts it in place. `replaces` what is there, which is moved aside.
    pub fn restore(&self, from: impl Read, replaces: bool) -> Result<(Manifest, Restored), BackupError> {
        let folder = self.0.path().to_owned();
        let must_be_free = || {
            let is_occupied = self.0.file(DATABASE).exists() || self.0.file(READY).exists();
            if is_occupied && !replaces { Err(BackupError::Occupied(folder.display().to_string())) } else { Ok(()) }
        };
        // Before a backup that waits is put in place, too: whoever is refused finds what was there.
        must_be_free()?;
        finish_restore(&self.0)?;
        clear_leftovers(&self.0)?;
        must_be_free()?;
        let manifest = Staging::new(folder.clone(), None).take_in(from)?;
        let restored = finish_restore(&self.0)?;
        Ok((manifest, restored.expect("it was staged a moment ago")))
    }
}

impl Staging {
    pub(super) fn new(folder: PathBuf, turn: Option<Turn>) -> Self {
        Self { folder, _turn: turn }
    }

    /// Reads a backup to its end, compares it with its manifest, looks into its database, and keeps it for the next start, in place
    /// of one that was kept before. Nothing is changed if anything is wrong with it.
    pub fn take_in(&self, from: impl Read) -> Result<Manifest, BackupError> {
        let incoming = self.folder.join(INCOMING);
        remove_folder(&incoming)?;
        let taken = self.receive(&incoming, from);
        if taken.is_err() {
            // The error at hand says more than a failure to tidy up after it would.
            remove_folder(&incoming).ok();
        }
        taken
    }

    fn receive(&self, incoming: &Path, from: impl Read) -> Result<Manifest, BackupError> {
        let files = incoming.join(FILES);
        create_folder(&files)?;
        let begin = |manifest: &Manifest| must_have_room(&self.folder, manifest.bytes());
        let manifest = archive::read(from, begin, |path, _| {
            let path = files.join(path);
            if let Some(parent) = path.parent() {
                create_folder(parent)?;
            }
            Ok(Box::new(Place::create(path)?))
        })?;
        check_backup(&files.join(DATABASE)).map_err(|error| BackupError::Damaged(error.to_string()))?;
        // Points get numbers from then on that others had before: whoever follows this history has to take it for another one.
        let history = files.join("history/history.db");
        if history.exists() {
            crate::history::give_new_identity(&history)?;
        }
        let mut kept = Place::create(incoming.join(MANIFEST))?;
        kept.write_all(&manifest.write()).map_err(|error| kept.failed(error))?;
        kept.finish()?;
        sync_folders(incoming)?;
        remove_folder(&self.folder.join(READY))?;
        rename(incoming, &self.folder.join(READY))?;
        sync_folder(&self.folder)?;
        Ok(manifest)
    }

    /// What was taken in is not put in place. Whether there was anything.
    pub fn forget(&self) -> Result<bool, StoreError> {
        let ready = self.folder.join(READY);
        let was_there = ready.exists();
        remove_folder(&ready)?;
        sync_folder(&self.folder)?;
        Ok(was_there)
    }
}

/// What waits for the next start.
pub(super) fn staged(folder: &Path) -> Option<Manifest> {
    let bytes = std::fs::read(folder.join(READY).join(MANIFEST)).ok()?;
    Manifest::read(&bytes).ok()
}

/// Deletes what a backup or restore that was cut short has left.
pub(crate) fn clear_leftovers(folder: &DataFolder) -> Result<(), StoreError> {
    [MAKING, INCOMING].into_iter().try_for_each(|name| remove_folder(&folder.file(name)))
}

/// Puts in place what was taken in, or goes on where that was cut short. To be called before anything in the folder is opened.
pub(crate) fn finish_restore(folder: &DataFolder) -> Result<Option<Restored>, StoreError> {
    let root = folder.path().to_owned();
    let mut number = None;
    if root.join(READY).exists() {
        let free = free_number(&root)?;
        rename(&root.join(READY), &root.join(format!("{MOVING}{free}")))?;
        folder.sync()?;
    }
    if let Some((moving, found)) = find(&root, MOVING)? {
        let aside = root.join(format!("{ASIDE}{found}"));
        create_folder(&aside)?;
        for name in names(&root)?.into_iter().filter(|name| !is_own(name)) {
            rename(&root.join(&name), &aside.join(&name))?;
        }
        sync_folder(&aside)?;
        folder.sync()?;
        rename(&moving, &root.join(format!("{PLACING}{found}")))?;
        folder.sync()?;
    }
    if let Some((placing, found)) = find(&root, PLACING)? {
        for name in names(&placing.join(FILES))? {
            rename(&placing.join(FILES).join(&name), &root.join(&name))?;
        }
        folder.sync()?;
        remove_folder(&placing)?;
        folder.sync()?;
        number = Some(found);
    }
    Ok(number.map(|number| Restored { aside: root.join(format!("{ASIDE}{number}")) }))
}

/// The folder whose name begins so, and the number that it ends with.
fn find(root: &Path, beginning: &str) -> Result<Option<(PathBuf, u32)>, StoreError> {
    let found = names(root)?.into_iter().find_map(|name| {
        let number = name.strip_prefix(beginning)?.parse().ok()?;
        Some((root.join(&name), number))
    });
    Ok(found)
}

fn free_number(root: &Path) -> Result<u32, StoreError> {
    let taken = names(root)?.into_iter().filter_map(|name| name.strip_prefix(ASIDE)?.parse::<u32>().ok()).max();
    Ok(taken.unwrap_or(0).saturating_add(1))
}

fn names(folder: &Path) -> Result<Vec<String>, StoreError> {
    let read = std::fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| Ok(entry?.file_name().into_string().ok())).collect::<io::Result<Vec<_>>>()
    });
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => Ok(read.map_err(|source| StoreError::file("read", folder, source))?.into_iter().flatten().collect()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::rename(from, to).map_err(|source| StoreError::file("move", from, source))
}

fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(|source| StoreError::file("save the folder", path, source))
}

/// This one and those below.
fn sync_folders(path: &Path) -> Result<(), StoreError> {
    for name in names(path)? {
        let below = path.join(name);
        if below.is_dir() {
            sync_folders(&below)?;
        }
    }
    sync_folder(path)
}

/// So many bytes, and some more that stay free for the hub.
pub(super) fn must_have_room(folder: &Path, bytes: u64) -> Result<(), BackupError> {
    // A file system that does not tell is tried.
    let Ok(disk) = rustix::fs::statvfs(folder) else { return Ok(()) };
    let (free, needed) = (disk.f_bavail.saturating_mul(disk.f_frsize), bytes.saturating_add(BACKUP_ROOM_BYTES));
    if needed > free { Err(BackupError::NoRoom { needed, free }) } else { Ok(()) }
}

/// A file that is on the disk when it is finished.
struct Place {
    file: File,
    path: PathBuf,
}

impl Place {
    fn create(path: PathBuf) -> Result<Self, StoreError> {
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.write(true).create_new(true).open(&path);
        let file = file.map_err(|source| StoreError::file("create", &path, source))?;
        Ok(Self { file, path })
    }
}

impl Write for Place {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Finish for Place {
    fn finish(&mut self) -> Result<(), BackupError> {
        self.file.sync_all().map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> BackupError {
        StoreError::file("write", &self.path, error).into()
    }
}
