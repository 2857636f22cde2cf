//! The data folder: one hub at a time, and only where it can be written to.
//!
//! What lies in the folder belongs to the other modules.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::error::StoreError;

const LOCK: &str = "housewire.lock";
const PROBE: &str = "housewire.probe";

/// A data folder that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    /// Holds the lock; the system releases it even if the process is killed.
    lock: File,
}

impl Drop for DataFolder {
    /// To close the file is not enough: a process that was just started may have inherited it, and with it the lock, until
    /// it runs a program of its own.
    fn drop(&mut self) {
        // Where it cannot be released it ends with the process.
        self.lock.unlock().ok();
    }
}

impl DataFolder {
    /// Makes the folder if it is missing, keeps others out, and tries whether it can be written to.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        create(path).map_err(|source| StoreError::Folder { folder: path.to_owned(), source })?;
        let not_writable = |source| StoreError::NotWritable { folder: path.to_owned(), source };
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join(LOCK))
            .map_err(not_writable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse { folder: path.to_owned(), process: holder(&mut lock) });
            }
            Err(TryLockError::Error(source)) => {
                return Err(StoreError::NoLocks { folder: path.to_owned(), source });
            }
        }
        // A courtesy to whoever is refused: on a full disk the hub starts all the same.
        write_holder(&mut lock).ok();
        // The lock file may be left from a time when the folder could be written to.
        let probe = path.join(PROBE);
        File::create(&probe).and_then(|_| std::fs::remove_file(&probe)).map_err(not_writable)?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file in the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes durable which files the folder has under which names.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let sync = File::open(&self.path).and_then(|folder| folder.sync_all());
        sync.map_err(|source| StoreError::file("save the folder", &self.path, source))
    }
}

/// Only the hub's user gets in: the folder holds what the whole house says.
fn create(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)?;
    if path.is_dir() { Ok(()) } else { Err(std::io::ErrorKind::NotADirectory.into()) }
}

fn holder(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_holder(lock: &mut File) -> std::io::Result<()> {
    lock.set_len(0)?;
    writeln!(lock, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_hub_is_refused_until_the_first_is_gone() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("data");
        let first = DataFolder::open(&folder).unwrap();
        let refused = DataFolder::open(&folder).unwrap_err();
        assert!(
            matches!(&refused, StoreError::InUse { process: Some(id), .. } if *id == std::process::id()),
            "{refused:?}"
        );
        let text = refused.to_string();
        assert!(text.contains(folder.to_str().unwrap()) && text.contains("in use by another hub"), "{text}");
        drop(first);
        DataFolder::open(&folder).unwrap();
    }

    #[test]
    fn the_lock_ends_with_the_hub_though_another_process_has_inherited_it() {
        let temp = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temp.path()).unwrap();
        // What a child process has until it runs its program: the same open file.
        let inherited = folder.lock.try_clone().unwrap();
        drop(folder);
        DataFolder::open(temp.path()).unwrap();
        drop(inherited);
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("data");
        std::fs::write(&file, "not a folder").unwrap();
        for path in [file.clone(), file.join("below")] {
            let refused = DataFolder::open(&path).unwrap_err();
            assert!(matches!(refused, StoreError::Folder { .. }), "{refused:?}");
            assert!(refused.to_string().contains(path.to_str().unwrap()), "{refused}");
        }
    }

    // /proc takes no files from anybody, root included, whom the permission bits of a folder do not bind.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_cannot_be_written_to_is_refused() {
        let refused = DataFolder::open(Path::new("/proc")).unwrap_err();
        assert!(matches!(refused, StoreError::NotWritable { .. }), "{refused:?}");
        let refused = DataFolder::open(Path::new("/proc/housewire")).unwrap_err();
        assert!(matches!(refused, StoreError::Folder { .. }), "{refused:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_new_folder_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a/b");
        let folder = DataFolder::open(&path).unwrap();
        folder.sync().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
