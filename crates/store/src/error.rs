//! What can go wrong with the data files: each variant says what happened, why, and what to do.
//!
//! How an error is shown and whether the program goes on is decided by the server. Sources are chained, not repeated.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use thiserror::Error;

/// Why the data cannot be opened, read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The folder is not there and cannot be made, or something else has its name.
    #[error("cannot use '{}' as the data folder: create it, or choose another with --data", .folder.display())]
    Folder {
        /// As given.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The folder is there, but nothing can be written into it.
    #[error(
        "cannot write into the data folder '{}': give the hub's user the right to write there, \
         or choose another folder with --data",
        .folder.display()
    )]
    NotWritable {
        /// As given.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another hub works on the same folder.
    #[error(
        "the data folder '{}' is in use by another hub{}: stop that one first, or choose another folder with --data",
        .folder.display(),
        .process.map(|id| format!(" (process {id})")).unwrap_or_default()
    )]
    InUse {
        /// As given.
        folder: PathBuf,
        /// Who holds it, if it can be told.
        process: Option<u32>,
    },
    /// The file system offers no locks, so that a second hub could not be kept out.
    #[error(
        "cannot lock the data folder '{}': its file system does not support that; \
         choose a folder on a local disk with --data",
        .folder.display()
    )]
    NoLocks {
        /// As given.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file system offers no shared memory, which SQLite's write-ahead log needs.
    #[error(
        "cannot keep a write-ahead log beside '{}' (the journal mode stays '{mode}'): \
         choose a data folder on a local disk with --data",
        .database.display()
    )]
    NoWal {
        /// The database.
        database: PathBuf,
        /// What SQLite would use instead.
        mode: String,
    },
    /// A newer version of the program wrote the data.
    #[error(
        "'{}' was written by a newer version of Housewire (schema {found}, this program knows up to {known}): \
         update the program, or choose another folder with --data; the file was not changed",
        .database.display()
    )]
    Newer {
        /// The database.
        database: PathBuf,
        /// Its version.
        found: u32,
        /// The newest one that this program knows.
        known: u32,
    },
    /// An SQLite file, but not one of ours.
    #[error(
        "'{}' is a database of another program: move it away, or choose another folder with --data; \
         the file was not changed",
        .database.display()
    )]
    NotOurs {
        /// The database.
        database: PathBuf,
    },
    /// The file does not hold together.
    #[error(
        "'{}' is damaged: keep a copy of the folder, then put a backup in place, \
         or move the file and those named like it (-wal, -shm) away to start empty",
        .database.display()
    )]
    Corrupt {
        /// The database.
        database: PathBuf,
        /// What SQLite found.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// See [`crate::limits::DOCUMENT_BYTES_MAX`].
    #[error(
        "'{id}' ({kind}) has {bytes} bytes, and may have {} at most: make it smaller",
        crate::limits::DOCUMENT_BYTES_MAX
    )]
    DocumentTooLarge {
        /// What it is.
        kind: &'static str,
        /// Which one.
        id: String,
        /// How large it is.
        bytes: usize,
    },
    /// No room. What was written before is intact.
    #[error(
        "no room to write '{}': free some space on its disk; what was stored before is intact, \
         and this change can be stored again",
        .database.display()
    )]
    Full {
        /// The database.
        database: PathBuf,
        /// What SQLite or the system says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another program holds the database.
    #[error(
        "'{}' has been locked by another program for {} s: close that program (a backup, the sqlite3 shell); \
         this change can be stored again",
        .database.display(),
        crate::limits::BUSY_WAIT_MAX.as_secs()
    )]
    Busy {
        /// The database.
        database: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// An older database could not be brought to this version. It is unchanged.
    #[error(
        "could not bring '{}' from schema {from} to {to}: it was not changed, so the version that wrote it still works",
        .database.display()
    )]
    Migration {
        /// The database.
        database: PathBuf,
        /// Its version.
        from: u32,
        /// The version it should have got.
        to: u32,
        /// What went wrong.
        source: Box<Self>,
    },
    /// Anything else that SQLite reports.
    #[error(
        "could not {doing} '{}': check its disk and the rights of the hub's user",
        .database.display()
    )]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// The database.
        database: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// Anything else that the file system reports.
    #[error("could not {doing} '{}': check its disk and the rights of the hub's user", .path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl StoreError {
    /// Sorts out what SQLite reports while `doing` something with `database`.
    pub(crate) fn sqlite(doing: &'static str, database: &Path, source: rusqlite::Error) -> Self {
        let database = database.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt { database, source: Box::new(source) }
            }
            Some(ErrorCode::DiskFull) => Self::Full { database, source: Box::new(source) },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { database, source },
            _ => Self::Sqlite { doing, database, source },
        }
    }

    /// Sorts out what the file system reports while `doing` something with `path`.
    pub(crate) fn file(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full { database: path, source: Box::new(source) }
            }
            _ => Self::File { doing, path, source },
        }
    }
}
