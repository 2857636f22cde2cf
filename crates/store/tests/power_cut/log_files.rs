//! The history's log on a [`Disk`]: what is done to its files is told to the disk, and then done.

use std::io::{Error, ErrorKind, Result, Write as _};
use std::path::Path;
use std::sync::Arc;

use housewire_store::{LogFile, LogFiles};

use crate::disk::{Disk, FileNumber, Refusal};

pub(crate) struct DiskLog(pub(crate) Arc<Disk>);

impl std::fmt::Debug for DiskLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DiskLog")
    }
}

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Off => Error::other("the power is off"),
        Refusal::Full => ErrorKind::StorageFull.into(),
    }
}

fn name(path: &Path) -> String {
    format!("log/{}", path.file_name().unwrap().to_str().unwrap())
}

impl LogFiles for DiskLog {
    fn create(&self, path: &Path) -> Result<Box<dyn LogFile>> {
        let number = self.0.open(&name(path), true).map_err(refused)?;
        self.0.truncate(number, 0).map_err(refused)?;
        let file = std::fs::File::create(path)?;
        Ok(Box::new(DiskFile { disk: Arc::clone(&self.0), number, file, len: 0 }))
    }

    fn truncate(&self, path: &Path, bytes: u64) -> Result<()> {
        let number = self.0.open(&name(path), false).map_err(refused)?;
        self.0.truncate(number, bytes).map_err(refused)?;
        self.0.sync(number, false).map_err(refused)?;
        std::fs::OpenOptions::new().write(true).open(path)?.set_len(bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.0.rename(&name(from), &name(to)).map_err(refused)?;
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.0.delete(&name(path), false).map_err(refused)?;
        std::fs::remove_file(path)
    }

    fn sync_folder(&self, _folder: &Path) -> Result<()> {
        self.0.sync_folder().map_err(refused)
    }
}

struct DiskFile {
    disk: Arc<Disk>,
    number: FileNumber,
    file: std::fs::File,
    len: u64,
}

impl std::fmt::Debug for DiskFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "file {}", self.number)
    }
}

impl LogFile for DiskFile {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.disk.write(self.number, self.len, bytes).map_err(refused)?;
        self.len += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> Result<()> {
        self.disk.sync(self.number, false).map_err(refused)
    }
}
