//! Accounts: people, what opens the door to them and to devices and apps, and the audit log.
//!
//! Read whole at start, written one change at a time: whoever is told that something was changed can rely on it. Has a
//! connection to the database of its own, since the hub's batches are written by another thread. What rights mean belongs to
//! `core`, what a password or a token is to the server: here they are texts and hashes.

mod audit;
mod credential;
mod person;

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

pub use self::audit::{AuditEntry, AuditQuery, AuditRecord};
pub use self::credential::{CredentialKind, CredentialOwner, CredentialRecord, CredentialUse};
pub use self::person::PersonRecord;
use crate::error::StoreError;
use crate::folder::DataFolder;
use crate::row::{Skipped, SkippedRows, read_all};

/// See the module. It can be moved between threads but not shared.
#[derive(Debug)]
pub struct AccountStore {
    connection: Connection,
    database: PathBuf,
    // Held as long as the database is open.
    _folder: Arc<DataFolder>,
}

/// All accounts that there are.
#[derive(Debug, Default)]
pub struct LoadedAccounts {
    /// In the order of names.
    pub people: Vec<PersonRecord>,
    /// In the order of ids.
    pub credentials: Vec<CredentialRecord>,
    /// The highest id of a credential that was ever given out, whatever became of it.
    pub last_credential: u32,
    /// Rows that could not be used; they are left as they are, and let nobody in.
    pub skipped: Vec<Skipped>,
}

impl AccountStore {
    pub(crate) fn new(connection: Connection, database: PathBuf, folder: Arc<DataFolder>) -> Self {
        Self { connection, database, _folder: folder }
    }

    /// Reads all of them but the log.
    pub fn load(&self) -> Result<LoadedAccounts, StoreError> {
        let mut skipped = SkippedRows::default();
        let read = |skipped: &mut SkippedRows| {
            let last = credential::last_id(&self.connection)?;
            Ok((read_all(&self.connection, skipped)?, read_all(&self.connection, skipped)?, last))
        };
        let (people, credentials, last_credential) =
            read(&mut skipped).map_err(|source| self.failed("read", source))?;
        Ok(LoadedAccounts { people, credentials, last_credential, skipped: skipped.listed })
    }

    /// Adds a person, or writes everything anew that is known of one.
    pub fn write_person(&mut self, person: &PersonRecord) -> Result<(), StoreError> {
        self.write(|connection| person::write(connection, person))
    }

    /// Notes when a person signed in last.
    pub fn note_sign_in(&mut self, name: &str, time: housewire_core::Timestamp) -> Result<(), StoreError> {
        self.write(|connection| person::note_sign_in(connection, name, time))
    }

    /// Deletes a person with all that opens the door to him.
    pub fn delete_person(&mut self, name: &str) -> Result<(), StoreError> {
        self.write(|connection| {
            credential::delete_of(connection, &CredentialOwner::Person(name.to_owned()))?;
            person::delete(connection, name)
        })
    }

    /// Adds a credential, or writes anew what can be changed of one.
    pub fn write_credential(&mut self, credential: &CredentialRecord) -> Result<(), StoreError> {
        self.write(|connection| credential::write(connection, credential))
    }

    /// Notes when and from where credentials were last used; of those that are gone, nothing.
    pub fn note_uses(&mut self, uses: &[CredentialUse]) -> Result<(), StoreError> {
        self.write(|connection| uses.iter().try_for_each(|used| credential::note_use(connection, used)))
    }

    /// Deletes credentials.
    pub fn delete_credentials(&mut self, ids: &[u32]) -> Result<(), StoreError> {
        self.write(|connection| ids.iter().try_for_each(|id| credential::delete(connection, *id)))
    }

    /// Adds entries to the log, or to the count of one that is there already; the oldest go when there are more than
    /// [`crate::limits::AUDIT_ENTRIES_MAX`].
    pub fn write_audit(&mut self, records: &[AuditRecord]) -> Result<(), StoreError> {
        self.write(|connection| {
            records.iter().try_for_each(|record| audit::write(connection, record))?;
            audit::forget_the_oldest(connection)
        })
    }

    /// The id of the last entry of the log; 0 if it is empty.
    pub fn last_audit_id(&self) -> Result<i64, StoreError> {
        audit::last_id(&self.connection).map_err(|source| self.failed("read", source))
    }

    /// Entries of the log, the newest first.
    pub fn read_audit(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        audit::read(&self.connection, query).map_err(|source| self.failed("read", source))
    }

    /// A secret that stays the same; `fresh` becomes it if there is none yet.
    pub fn secret(&mut self, name: &str, fresh: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.write(|connection| {
            let sql = "INSERT INTO secret (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
            connection.execute(sql, (name, fresh))?;
            let sql = "SELECT value FROM secret WHERE name = ?1";
            let found = connection.query_row(sql, [name], |row| row.get(0)).optional()?;
            Ok(found.expect("it was there or was just added"))
        })
    }

    /// Whole or not at all, and on the disk when it returns.
    fn write<T>(&mut self, write: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>) -> Result<T, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let written = transaction.and_then(|transaction| {
            let written = write(&transaction)?;
            transaction.commit()?;
            Ok(written)
        });
        written.map_err(|source| self.failed("write", source))
    }

    fn failed(&self, doing: &'static str, source: rusqlite::Error) -> StoreError {
        StoreError::sqlite(doing, &self.database, source)
    }
}

#[cfg(test)]
mod tests;
