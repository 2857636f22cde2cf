//! Every bound of this crate, with what happens when it is reached.
//!
//! How much there is to store is bounded where it is made, in `housewire_core::limits`.

use std::time::Duration;

/// Unusable rows that are listed one by one after loading; further ones are only counted.
pub const SKIPPED_LISTED_MAX: usize = 100;
/// How long another program (a backup, the sqlite3 shell) may hold the database before a write fails with
/// [`crate::StoreError::Busy`]. The batch can be applied again.
pub const BUSY_WAIT_MAX: Duration = Duration::from_secs(5);
/// What the write-ahead log keeps on disk after a checkpoint; a burst makes it grow beyond, then it is cut back.
pub const WAL_KEPT_BYTES_MAX: u32 = 16 * 1024 * 1024;
/// Different names of doors (`mqtt`, `http` …) that are kept apart when loading; further ones are shown as `unknown`.
pub const DOORS_MAX: usize = 64;
/// The highest number of a session or id of a queued message that a row may have; one above it is damaged and skipped. So
/// numbers that are counted up from what was loaded always fit.
pub const NUMBER_MAX: u64 = 1 << 62;
/// Entries of the audit log; the oldest go.
pub const AUDIT_ENTRIES_MAX: usize = 10_000;
/// Largest body of a document; a larger one is refused.
pub const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;
/// Largest file of a [`crate::Vault`]; a larger one is none of ours and is not read.
pub const VAULT_FILE_BYTES_MAX: usize = 256 * 1024;
