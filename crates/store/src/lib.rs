//! Housewire's data files: the only crate that touches them, and the only one that knows how they look.
//!
//! Belongs here: the data folder and its lock, the SQLite file `housewire.db`, its schema and migrations, the translation
//! between rows and the types of `core`, small files of others that it only keeps (`vault`), large ones (`blobs`), the history with its log and its own database, and
//! backups of all of it. Does not: when something is written (the server collects changes and hands them
//! over in batches), what a message means, the configuration file, and anything asynchronous. Every call here may wait for
//! the disk, so none of them is made on a shard.

mod accounts;
mod backup;
mod blobs;
mod device;
mod documents;
mod error;
mod folder;
mod history;
pub mod limits;
mod message;
mod migrate;
mod property;
mod queued;
mod retained;
mod row;
mod session;
mod sessions;
mod store;
mod vault;

pub use accounts::{
    AccountStore, AuditEntry, AuditQuery, AuditRecord, CredentialKind, CredentialOwner, CredentialRecord,
    CredentialUse, LoadedAccounts, PersonRecord,
};
pub use backup::{
    BackupError, BackupFile, Backups, Manifest, Offline, Restored, Snapshot, Staging, verify as verify_backup,
};
pub use blobs::{Blobs, Incoming};
pub use documents::{Documents, LoadedDocuments};
pub use error::StoreError;
#[doc(hidden)]
pub use history::fuzz_bytes as fuzz_history;
pub use history::{
    Agg, AppendRefused, Buckets, CommitReport, Extremes, Finite, Followed, History, HistoryOptions, HistoryReader,
    Interval, LogFile, LogFiles, Logged, Point, RawCursor, RawPage, Reading, Recovered, SeriesId, SeriesInfo,
    SeriesWear, Span, StateText, States, Tail, Wear, WearDay, Window,
};
pub use queued::{QueuedRecord, Step};
pub use row::Skipped;
pub use session::{SessionRecord, SubscriptionRecord, WillRecord};
pub use sessions::{SessionChanges, Sessions};
pub use store::{Loaded, Store};
pub use vault::{Secrecy, Vault};
