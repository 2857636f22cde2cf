//! Large files in the data folder that are written once, read in parts and never changed, such as firmware of devices.
//!
//! A file arrives under a passing name and gets its own when it is whole and on the disk, so that one that was cut short is never
//! taken for it. What a file is called and what is in it means nothing here, nor how many there may be.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::StoreError;
use crate::folder::DataFolder;

/// Of the name of a file that is not whole yet.
const UNFINISHED: &str = ".part";

/// A folder of such files; see [`crate::Store::blobs`]. Every call may wait for the disk.
#[derive(Clone, Debug)]
pub struct Blobs {
    folder: PathBuf,
    /// Numbers of files that arrive.
    last: Arc<AtomicU64>,
    // Held as long as anybody may write there.
    _data: Arc<DataFolder>,
}

/// A file that is being written. Unless it is kept it is gone when this is dropped.
#[derive(Debug)]
pub struct Incoming {
    file: File,
    /// Where it is until it is whole; `None` once it has its own name.
    path: Option<PathBuf>,
    folder: PathBuf,
}

impl Blobs {
    pub(crate) fn new(folder: PathBuf, data: Arc<DataFolder>) -> Self {
        Self { folder, last: Arc::default(), _data: data }
    }

    /// Where a file is, for messages to people.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Begins a new file.
    pub fn begin(&self) -> Result<Incoming, StoreError> {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("{number}{UNFINISHED}"));
        let opened = create(&self.folder).and_then(|()| {
            // One that a hub before left.
            remove(&path)?;
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(&path)
        });
        let file = opened.map_err(|source| StoreError::file("write", &path, source))?;
        Ok(Incoming { file, path: Some(path), folder: self.folder.clone() })
    }

    /// Opens a file for reading, with its length in bytes; `None` if it is not there.
    pub fn open(&self, name: &str) -> Result<Option<(File, u64)>, StoreError> {
        let path = self.path(name);
        let failed = |source| StoreError::file("read", &path, source);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let length = file.metadata().map_err(failed)?.len();
        Ok(Some((file, length)))
    }

    /// Deletes a file, if it is there. Whoever reads it at the moment reads on.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path(name);
        remove(&path).map_err(|source| StoreError::file("write", &path, source))
    }

    /// Deletes what is not among `kept`, files that never became whole with it. Nobody may write meanwhile.
    pub fn sweep(&self, kept: &dyn Fn(&str) -> bool) -> Result<usize, StoreError> {
        let failed = |source| StoreError::file("read", &self.folder, source);
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(failed(error)),
        };
        let mut gone = 0;
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let is_file = entry.file_type().map_err(failed)?.is_file();
            if is_file && !name.to_str().is_some_and(kept) {
                remove(&entry.path()).map_err(|source| StoreError::file("write", &entry.path(), source))?;
                gone += 1;
            }
        }
        Ok(gone)
    }
}

impl Incoming {
    /// Adds to its end.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path.as_deref().unwrap_or(&self.folder);
        self.file.write_all(bytes).map_err(|source| StoreError::file("write", path, source))
    }

    /// Gives it its name, in the place of one that has it; when this returns `Ok` it is on the disk.
    pub fn keep(mut self, name: &str) -> Result<(), StoreError> {
        let path = self.folder.join(name);
        let Some(unfinished) = self.path.clone() else { return Ok(()) };
        let kept = self.file.sync_all().and_then(|()| std::fs::rename(&unfinished, &path)).and_then(|()| {
            self.path = None;
            File::open(&self.folder)?.sync_all()
        });
        kept.map_err(|source| StoreError::file("write", &path, source))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            // What stays in spite of this goes when the folder is swept.
            drop(remove(&path));
        }
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn create(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)?;
    // That the folder is there has to be on the disk as well.
    folder.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::Store;

    fn blobs() -> (tempfile::TempDir, Store, Blobs) {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path()).unwrap();
        let blobs = store.blobs("firmware");
        (temp, store, blobs)
    }

    fn text(blobs: &Blobs, name: &str) -> Option<String> {
        let (mut file, length) = blobs.open(name).unwrap()?;
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text.len() as u64, length);
        Some(text)
    }

    #[test]
    fn a_file_is_there_when_it_is_whole() {
        let (_temp, _store, blobs) = blobs();
        assert_eq!(text(&blobs, "a"), None);
        let mut incoming = blobs.begin().unwrap();
        incoming.write(b"first ").unwrap();
        incoming.write(b"half").unwrap();
        assert_eq!(text(&blobs, "a"), None);
        incoming.keep("a").unwrap();
        assert_eq!(text(&blobs, "a").as_deref(), Some("first half"));
        blobs.remove("a").unwrap();
        blobs.remove("a").unwrap();
        assert_eq!(text(&blobs, "a"), None);
    }

    #[test]
    fn one_that_was_cut_short_leaves_nothing() {
        let (_temp, _store, blobs) = blobs();
        let mut first = blobs.begin().unwrap();
        first.write(b"half").unwrap();
        let second = blobs.begin().unwrap();
        drop(first);
        assert_eq!(std::fs::read_dir(&blobs.folder).unwrap().count(), 1, "the other is still on its way");
        drop(second);
        assert_eq!(std::fs::read_dir(&blobs.folder).unwrap().count(), 0);
    }

    #[test]
    fn what_a_crash_left_is_swept() {
        let (_temp, _store, blobs) = blobs();
        assert_eq!(blobs.sweep(&|_| true).unwrap(), 0, "no folder, nothing to sweep");
        blobs.begin().unwrap().keep("a").unwrap();
        blobs.begin().unwrap().keep("b").unwrap();
        std::fs::write(blobs.path("7.part"), "hal").unwrap();
        assert_eq!(blobs.sweep(&|name| name == "b").unwrap(), 2);
        assert_eq!((text(&blobs, "a"), text(&blobs, "b")), (None, Some(String::new())));
    }

    #[cfg(unix)]
    #[test]
    fn they_are_for_the_hubs_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_temp, _store, blobs) = blobs();
        blobs.begin().unwrap().keep("a").unwrap();
        assert_eq!(std::fs::metadata(blobs.path("a")).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
