//! What can be wrong with a backup: each says what happened, why, and what to do.

use std::io;

use thiserror::Error;

use crate::error::StoreError;

/// Why a backup is not made, or not believed. Nothing was changed then.
#[derive(Debug, Error)]
pub enum BackupError {
    /// Something else.
    #[error("this is no backup of Housewire: {0}; name a file that 'housewire backup' made. Nothing was changed")]
    Foreign(String),
    /// It was one, once.
    #[error("this backup is damaged or not whole: {0}. Take another one, or copy it again. Nothing was changed")]
    Damaged(String),
    /// A newer program made it.
    #[error(
        "this backup was made by a newer version of Housewire ({made_by}; its {what} is {found}, this program knows up to {known}): \
         update the program first. Nothing was changed"
    )]
    Newer {
        /// The version of the program that made it.
        made_by: String,
        /// What is newer: `format` or `schema`.
        what: &'static str,
        /// Its number.
        found: u32,
        /// The newest one that this program knows.
        known: u32,
    },
    /// It does not fit on the disk.
    #[error(
        "there is no room for this backup: it needs {needed} bytes, and the disk of the data folder has {free}. Nothing was changed"
    )]
    NoRoom {
        /// What its files have together, and some more.
        needed: u64,
        /// What is free.
        free: u64,
    },
    /// There is data, which nobody said to replace.
    #[error("'{0}' has data of a hub already: say --replace to move it aside, or choose another folder with --data")]
    Occupied(String),
    /// One at a time.
    #[error("another backup is being made or taken in: wait until it is done")]
    Busy,
    /// What was being sent broke off.
    #[error("the backup could not be read to its end: {0}. Nothing was changed")]
    Source(io::Error),
    /// The data folder.
    #[error(transparent)]
    Store(#[from] StoreError),
}
