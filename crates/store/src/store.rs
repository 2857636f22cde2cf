//! The store: what the hub has to find again after a restart, read once at start and written in batches.
//!
//! Belongs here: opening, loading, the order of a batch. Columns belong to the modules named like the tables, the
//! schema to `migrate`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use housewire_core::{Changes, DeviceRecord, PropertyRecord, Snapshot};
use rusqlite::{Connection, Error, TransactionBehavior};

use crate::accounts::AccountStore;
use crate::backup::{Backups, Restored, clear_leftovers, finish_restore};
use crate::blobs::Blobs;
use crate::documents::Documents;
use crate::error::StoreError;
use crate::folder::DataFolder;
use crate::limits::WAL_KEPT_BYTES_MAX;
use crate::migrate::{MIGRATIONS, bring_up_to_date, open_existing};
use crate::row::{Skipped, SkippedRows, ask, read_all};
use crate::sessions::{self, SessionChanges, Sessions};
use crate::vault::Vault;
use crate::{device, property, retained};

/// The open data files. There is one per folder; it can be moved between threads but not shared.
#[derive(Debug)]
pub struct Store {
    // The fields are dropped in this order: the database is closed before the folder is given free.
    connection: Connection,
    database: PathBuf,
    restored: Option<Restored>,
    folder: Arc<DataFolder>,
}

/// What was found on disk.
#[derive(Debug, Default)]
pub struct Loaded {
    /// All that could be used of what the hub has.
    pub snapshot: Snapshot,
    /// All that could be used of sessions.
    pub sessions: Sessions,
    /// Rows that could not, one by one up to [`crate::limits::SKIPPED_LISTED_MAX`]; they are left as they are.
    pub skipped: Vec<Skipped>,
    /// How many rows were skipped in all.
    pub skipped_count: usize,
}

impl Store {
    /// Opens the data in `folder`, which is made if it is missing and kept from other hubs while the store lives. An older
    /// database is brought to this program's schema first.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let folder = DataFolder::open(folder)?;
        let restored = finish_restore(&folder)?;
        clear_leftovers(&folder)?;
        let database = bring_up_to_date(&folder, MIGRATIONS)?;
        let failed = |source| StoreError::sqlite("open", &database, source);
        let connection = open_existing(&database).map_err(failed)?;
        let mode: Option<String> = ask(&connection, "PRAGMA journal_mode = WAL").map_err(failed)?;
        if mode.as_deref() != Some("wal") {
            return Err(StoreError::NoWal { database, mode: mode.unwrap_or_default() });
        }
        configure(&connection).map_err(failed)?;
        Ok(Self { connection, database, restored, folder: Arc::new(folder) })
    }

    /// That a backup was put in place before it was opened.
    pub fn restored(&self) -> Option<&Restored> {
        self.restored.as_ref()
    }

    /// Makes backups of the folder, and takes them in.
    pub fn backups(&self) -> Backups {
        Backups::new(Arc::clone(&self.folder))
    }

    /// Opens what is kept of accounts, beside this.
    pub fn accounts(&self) -> Result<AccountStore, StoreError> {
        Ok(AccountStore::new(self.another_connection()?, self.database.clone(), Arc::clone(&self.folder)))
    }

    /// Opens the documents of a kind, beside this.
    pub fn documents(&self, kind: &'static str) -> Result<Documents, StoreError> {
        Ok(Documents::new(self.another_connection()?, self.database.clone(), Arc::clone(&self.folder), kind))
    }

    fn another_connection(&self) -> Result<Connection, StoreError> {
        let opened = open_existing(&self.database).and_then(|connection| {
            configure(&connection)?;
            Ok(connection)
        });
        opened.map_err(|source| StoreError::sqlite("open", &self.database, source))
    }

    /// The folder of the [`History`](crate::History), beside the state.
    pub fn history_folder(&self) -> PathBuf {
        self.folder.file("history")
    }

    /// Small files of others that the folder keeps under this name.
    pub fn vault(&self, name: &str) -> Vault {
        Vault::new(self.folder.file(name))
    }

    /// Large files of others that the folder keeps under this name.
    pub fn blobs(&self, name: &str) -> Blobs {
        Blobs::new(self.folder.file(name), Arc::clone(&self.folder))
    }

    /// Reads everything. A single row that cannot be used is skipped and reported; a file that cannot be read is an error.
    pub fn load(&self) -> Result<Loaded, StoreError> {
        let mut skipped = SkippedRows::default();
        let failed = |source| StoreError::sqlite("read", &self.database, source);
        let snapshot = read_snapshot(&self.connection, &mut skipped).map_err(failed)?;
        let sessions = sessions::read(&self.connection, &mut skipped).map_err(failed)?;
        Ok(Loaded { snapshot, sessions, skipped: skipped.listed, skipped_count: skipped.count })
    }

    /// Writes a batch of the hub's changes and of the sessions', whole or not at all. When this returns `Ok` the batch is on the disk and outlives a loss of power.
    /// Applying a batch once more changes nothing, so one that failed can simply be tried again, before any later one.
    pub fn apply(&mut self, changes: &Changes, sessions: &SessionChanges) -> Result<(), StoreError> {
        if changes.is_empty() && sessions.is_empty() {
            return Ok(());
        }
        let applied =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|transaction| {
                write_changes(&transaction, changes)?;
                sessions::write(&transaction, sessions)?;
                transaction.commit()
            });
        applied.map_err(|source| StoreError::sqlite("write", &self.database, source))
    }
}

/// `FULL`: in WAL mode a commit returns only after the log is on the disk.
fn configure(connection: &Connection) -> Result<(), Error> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES_MAX)?;
    // One statement per kind of row and of change; rusqlite keeps 16 by itself.
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

/// In the order in which `core` wants a batch applied; see [`Changes`].
fn write_changes(connection: &Connection, changes: &Changes) -> Result<(), Error> {
    for id in &changes.removed {
        device::delete(connection, id)?;
    }
    for record in &changes.devices {
        device::write(connection, record)?;
    }
    for record in &changes.properties {
        device::ensure(connection, &record.device)?;
        property::write(connection, record)?;
    }
    for (topic, message) in &changes.retained {
        match message {
            Some(message) => retained::write(connection, message)?,
            None => retained::delete(connection, topic)?,
        }
    }
    Ok(())
}

fn read_snapshot(connection: &Connection, skipped: &mut SkippedRows) -> Result<Snapshot, Error> {
    let mut devices: BTreeMap<_, DeviceRecord> =
        read_all::<DeviceRecord>(connection, skipped)?.into_iter().map(|record| (record.id.clone(), record)).collect();
    let mut properties = read_all::<PropertyRecord>(connection, skipped)?;
    properties.retain(|record| match devices.get_mut(&record.device) {
        Some(device) => {
            device.properties.push(record.name.clone());
            true
        }
        None => {
            let row = format!("{}/{}", record.device, record.name);
            skipped.note(Skipped { table: "property", row, reason: "its device could not be read".to_owned() });
            false
        }
    });
    let retained = read_all(connection, skipped)?;
    Ok(Snapshot { devices: devices.into_values().collect(), properties, retained })
}

#[cfg(test)]
mod tests;
