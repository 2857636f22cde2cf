//! Backups of the whole data folder: made while the hub writes, verified before anything of them is believed, put in place before
//! anything is opened.
//!
//! A backup is a gzipped tar archive of plain files behind a manifest that names each with its length and SHA-256. Belongs here: which
//! files, how they are copied so that they fit together (`snapshot`), the archive (`archive`), and the way back into the folder, which
//! may be cut short at any point (`restore`). Does not: who may ask for one, and how its bytes travel.

mod archive;
mod error;
mod manifest;
mod restore;
mod snapshot;

pub use self::archive::verify;
pub use self::error::BackupError;
pub use self::manifest::{BackupFile, Manifest};
pub use self::restore::{Offline, Restored, Staging};
pub(crate) use self::restore::{clear_leftovers, finish_restore};
pub use self::snapshot::{Backups, Snapshot};

/// Where a backup that is being made has its copies.
const MAKING: &str = "backup.tmp";
/// Where a backup that is being taken in has its files; then, when it is whole, until the next start; then while what was there is
/// moved aside, and while it is put in its place. The last two end with the number of the folder that takes what was there.
const INCOMING: &str = "restore.incoming";
const READY: &str = "restore.ready";
const MOVING: &str = "restore.moving-";
const PLACING: &str = "restore.placing-";
/// What was there before; its number counts up.
const ASIDE: &str = "before-restore-";

/// Whether something of that name, right in the data folder, belongs to the folder itself or to this module, and so to no backup.
fn is_own(name: &str) -> bool {
    const OWN: [&str; 3] = ["housewire.lock", "housewire.probe", "local"];
    OWN.contains(&name) || name == MAKING || name.starts_with("restore.") || name.starts_with(ASIDE)
}

#[cfg(test)]
mod tests;
