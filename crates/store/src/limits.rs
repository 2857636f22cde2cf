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
/// Files of one backup; one with more is refused.
pub const BACKUP_FILES_MAX: usize = 100_000;
/// Levels and length of a file's name in a backup. What lies deeper, or is called longer, is left out of backups, and refused in one.
pub const BACKUP_DEPTH_MAX: usize = 6;
/// See [`BACKUP_DEPTH_MAX`].
pub const BACKUP_NAME_BYTES_MAX: usize = 100;
/// Largest manifest of a backup; one with a larger one is refused.
pub const BACKUP_MANIFEST_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// What may follow the last file of a backup's archive.
pub const BACKUP_TAIL_BYTES_MAX: u64 = 1024 * 1024;
/// Room that stays free on the disk when a backup is taken in.
pub const BACKUP_ROOM_BYTES: u64 = 64 * 1024 * 1024;
/// Largest file of a [`crate::Vault`]; a larger one is none of ours and is not read.
pub const VAULT_FILE_BYTES_MAX: usize = 256 * 1024;
/// The text of a state in the history; a longer one has none.
pub const STATE_BYTES_MAX: usize = 256;
/// Memory for points of the history that are in no chunk yet. Beyond it the fullest series are sealed early.
pub const HISTORY_HEADS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// One file of the history's log; then the next one begins.
pub const HISTORY_SEGMENT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Files of the log whose points are not all in chunks. Beyond it the series that hold the oldest are sealed early.
pub const HISTORY_LOG_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Bytes that wait for a commit; then points are refused. The writer keeps what is refused in its own queue, which has a bound.
pub const HISTORY_PENDING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Points of a chunk.
pub const HISTORY_CHUNK_POINTS_MAX: usize = 512;
/// Points of one question that are looked at one by one; of more, minutes or hours are, if its buckets are long enough.
pub const HISTORY_EXACT_POINTS_MAX: u64 = 20_000;
/// Chunks of a series that are joined or rolled up.
pub const HISTORY_OPEN_CHUNKS_MAX: u64 = 8;
/// Days of which it is known how much was written.
pub const HISTORY_WEAR_DAYS_MAX: usize = 366;
/// Buckets of one answer; more become as many.
pub const HISTORY_BUCKETS_MAX: usize = 100_000;
/// Changes of state in one answer; further ones are left out, which the answer says.
pub const HISTORY_INTERVALS_MAX: usize = 100_000;
