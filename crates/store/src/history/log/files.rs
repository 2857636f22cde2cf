//! What the log does to its files. Reading them is left to whoever reads.

use std::fmt::Debug;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Result, Write as _};
use std::path::Path;

/// How the log's files are changed. There is the file system, and, in tests, one that loses power.
pub trait LogFiles: Debug + Send + Sync {
    /// Makes a file, and empties it if it is there.
    fn create(&self, path: &Path) -> Result<Box<dyn LogFile>>;
    /// Cuts a file to this length, and waits for the disk.
    fn truncate(&self, path: &Path, bytes: u64) -> Result<()>;
    /// Gives a file another name, which nobody has.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;
    /// Deletes a file, if it is there.
    fn remove(&self, path: &Path) -> Result<()>;
    /// Waits until the disk knows which files there are.
    fn sync_folder(&self, folder: &Path) -> Result<()>;
}

/// A file that is written to at its end.
pub trait LogFile: Debug + Send {
    /// Writes at the end, in one go.
    fn append(&mut self, bytes: &[u8]) -> Result<()>;
    /// Waits for the disk.
    fn sync(&mut self) -> Result<()>;
}

/// The file system.
#[derive(Debug)]
pub(crate) struct RealFiles;

impl LogFiles for RealFiles {
    fn create(&self, path: &Path) -> Result<Box<dyn LogFile>> {
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.write(true).create(true).truncate(true).open(path)?;
        Ok(Box::new(RealFile(file)))
    }

    fn truncate(&self, path: &Path, bytes: u64) -> Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(bytes)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync_folder(&self, folder: &Path) -> Result<()> {
        File::open(folder)?.sync_all()
    }
}

#[derive(Debug)]
struct RealFile(File);

impl LogFile for RealFile {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> Result<()> {
        self.0.sync_data()
    }
}

/// Makes the folder of the log, for the hub's user alone.
pub(crate) fn create_folder(path: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}
