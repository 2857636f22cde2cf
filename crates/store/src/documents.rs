//! Documents: small things that the hub reads and writes as a whole, by kind and id, such as what was found on the network.
//!
//! What is in them means nothing here, and how many there may be belongs to those who write them. Each kind has a connection of its
//! own, since those who use it live on different threads.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, Row, TransactionBehavior};

use crate::error::StoreError;
use crate::folder::DataFolder;
use crate::limits::DOCUMENT_BYTES_MAX;
use crate::row::{BadRow, Readable, Skipped, SkippedRows, execute, get, read_all};

/// All documents of one kind. It can be moved between threads but not shared; every call may wait for the disk.
#[derive(Debug)]
pub struct Documents {
    connection: Connection,
    database: PathBuf,
    kind: &'static str,
    // Held as long as the database is open.
    _folder: Arc<DataFolder>,
}

/// All that there are of a kind.
#[derive(Debug, Default)]
pub struct LoadedDocuments {
    /// Id and body, in the order of ids.
    pub documents: Vec<(String, String)>,
    /// Rows that could not be used; they are left as they are.
    pub skipped: Vec<Skipped>,
}

impl Documents {
    pub(crate) fn new(connection: Connection, database: PathBuf, folder: Arc<DataFolder>, kind: &'static str) -> Self {
        Self { connection, database, kind, _folder: folder }
    }

    /// Reads them all.
    pub fn load(&self) -> Result<LoadedDocuments, StoreError> {
        let mut skipped = SkippedRows::default();
        let all: Vec<Document> =
            read_all(&self.connection, &mut skipped).map_err(|source| self.failed("read", source))?;
        let own = all.into_iter().filter(|document| document.kind == self.kind);
        let of_kind = format!("{}/", self.kind);
        skipped.listed.retain(|row| row.row.starts_with(&of_kind));
        Ok(LoadedDocuments {
            documents: own.map(|document| (document.id, document.body)).collect(),
            skipped: skipped.listed,
        })
    }

    /// Adds a document or replaces what it was; when this returns `Ok` it is on the disk.
    pub fn write(&mut self, id: &str, body: &str) -> Result<(), StoreError> {
        self.apply(&[(id, Some(body))])
    }

    /// Deletes a document, if it is there.
    pub fn delete(&mut self, id: &str) -> Result<(), StoreError> {
        self.apply(&[(id, None)])
    }

    /// Writes (`Some`) and deletes (`None`) several, all of them or none. A body may have [`DOCUMENT_BYTES_MAX`] bytes.
    pub fn apply(&mut self, changes: &[(&str, Option<&str>)]) -> Result<(), StoreError> {
        let kind = self.kind;
        if let Some((id, Some(body))) =
            changes.iter().find(|(_, body)| body.is_some_and(|body| body.len() > DOCUMENT_BYTES_MAX))
        {
            return Err(StoreError::DocumentTooLarge { kind, id: (*id).to_owned(), bytes: body.len() });
        }
        let applied =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|transaction| {
                for (id, body) in changes {
                    match body {
                        Some(body) => execute(
                            &transaction,
                            "INSERT INTO document (kind, id, body) VALUES (?1, ?2, ?3)
                             ON CONFLICT (kind, id) DO UPDATE SET body = ?3",
                            &[&kind, id, body],
                        )?,
                        None => {
                            execute(&transaction, "DELETE FROM document WHERE kind = ?1 AND id = ?2", &[&kind, id])?
                        }
                    };
                }
                transaction.commit()
            });
        applied.map_err(|source| self.failed("write", source))
    }

    fn failed(&self, doing: &'static str, source: rusqlite::Error) -> StoreError {
        StoreError::sqlite(doing, &self.database, source)
    }
}

struct Document {
    kind: String,
    id: String,
    body: String,
}

impl Readable for Document {
    const TABLE: &'static str = "document";
    const SELECT: &'static str = "SELECT kind, id, body FROM document ORDER BY kind, id";
    const KEY_COLUMNS: usize = 2;

    fn read(row: &Row<'_>) -> Result<Self, BadRow> {
        Ok(Self { kind: get(row, "kind")?, id: get(row, "id")?, body: get(row, "body")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    #[test]
    fn kinds_are_kept_apart_and_survive_the_store() {
        let temp = tempfile::tempdir().unwrap();
        {
            let store = Store::open(temp.path()).unwrap();
            let (mut lamps, mut codes) = (store.documents("lamp").unwrap(), store.documents("code").unwrap());
            lamps.write("b", "{\"old\":1}").unwrap();
            lamps.apply(&[("a", Some("{}")), ("b", Some("{\"new\":1}")), ("c", Some("{}"))]).unwrap();
            lamps.delete("c").unwrap();
            lamps.delete("never there").unwrap();
            codes.write("b", "[]").unwrap();
        }
        let store = Store::open(temp.path()).unwrap();
        let of = |kind| store.documents(kind).unwrap().load().unwrap().documents;
        let own = |id: &str, body: &str| (id.to_owned(), body.to_owned());
        assert_eq!(of("lamp"), [own("a", "{}"), own("b", "{\"new\":1}")]);
        assert_eq!(of("code"), [own("b", "[]")]);
        assert_eq!(of("other"), []);
    }

    #[test]
    fn one_that_is_too_large_changes_nothing() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path()).unwrap();
        let mut documents = store.documents("lamp").unwrap();
        let large = " ".repeat(DOCUMENT_BYTES_MAX + 1);
        let error = documents.apply(&[("a", Some("{}")), ("b", Some(&large))]).unwrap_err();
        assert!(error.to_string().contains("'b'"), "{error}");
        assert_eq!(documents.load().unwrap().documents, []);
    }
}
