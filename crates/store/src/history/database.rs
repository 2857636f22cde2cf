//! The history's own SQLite file: opening it, setting aside one that cannot be used, transactions.
//!
//! Commits do not wait for the disk, as the log has what they would lose; what must not be lost (new series, removals) says so. Before
//! the log forgets anything, everything is brought to the disk by [`Database::checkpoint`]. What rows mean is in `rows`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Error, OpenFlags, Transaction, TransactionBehavior};

use crate::error::StoreError;
use crate::limits::{BUSY_WAIT_MAX, WAL_KEPT_BYTES_MAX};
use crate::row::ask;

pub(crate) const DATABASE: &str = "history.db";
/// Somebody found damage while the database was in use; it is looked at more closely when it is opened again.
const SUSPECT: &str = "history.db.suspect";
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];
/// Marks an SQLite file as a history: "Hwhi".
const APPLICATION_ID: i32 = 0x4877_6869;
const SCHEMA: &str = include_str!("schema.sql");
const SCHEMA_VERSION: i32 = 1;
/// Whole pages are written, some for a single row; in smaller ones two chunks would often not find room.
const PAGE_BYTES: u32 = 4096;
/// Up to this size a database is looked through when it is opened.
const CHECKED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The open database.
#[derive(Debug)]
pub(crate) struct Database {
    connection: Connection,
    path: PathBuf,
    /// Bytes written, as far as can be seen from outside: what the log beside the database grew by, and what was taken over from it.
    written: u64,
    wal_bytes: u64,
}

/// A database, and whether it is a new one because the old one had to be set aside.
pub(crate) struct Opened {
    pub(crate) database: Database,
    pub(crate) is_new: bool,
    /// The old one under its new name, and what is wrong with it.
    pub(crate) set_aside: Option<(PathBuf, String)>,
}

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    ForDisk,
    No,
}

impl Database {
    /// Opens what is in the folder, or makes a new one. One that cannot be used gets another name.
    pub(crate) fn open(folder: &Path) -> Result<Opened, StoreError> {
        let path = folder.join(DATABASE);
        let exists = path.try_exists().map_err(|source| StoreError::file("look for", &path, source))?;
        let mut set_aside = None;
        if exists {
            match open_sound(&path, folder.join(SUSPECT).exists()) {
                Ok(connection) => {
                    return Ok(Opened { database: Self::of(connection, path), is_new: false, set_aside: None });
                }
                Err(Unusable::Elsewhere(error)) => return Err(error),
                Err(Unusable::Damaged(reason)) => set_aside = Some((put_aside(&path)?, reason)),
            }
        }
        remove(&folder.join(SUSPECT))?;
        let connection = create(folder, &path)?;
        Ok(Opened { database: Self::of(connection, path), is_new: true, set_aside })
    }

    fn of(connection: Connection, path: PathBuf) -> Self {
        let wal_bytes = wal_bytes(&path);
        Self { connection, path, written: 0, wal_bytes }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What SQLite says, as an error of ours. Damage is remembered for the next start.
    pub(crate) fn failed(&self, doing: &'static str, source: Error) -> StoreError {
        let error = StoreError::sqlite(doing, &self.path, source);
        if matches!(error, StoreError::Corrupt { .. }) {
            // Nothing is lost if it cannot be made: the error itself says what to do.
            std::fs::write(self.path.with_file_name(SUSPECT), "").ok();
        }
        error
    }

    /// Changes something, whole or not at all.
    pub(crate) fn change<T>(
        &mut self,
        waits: Waits,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, StoreError> {
        let changed = self.transact(waits, change);
        // A transaction that was given up may have written as well.
        let wal_bytes = wal_bytes(&self.path);
        self.written += wal_bytes.saturating_sub(self.wal_bytes);
        self.wal_bytes = wal_bytes;
        changed.map_err(|source| self.failed("write", source))
    }

    fn transact<T>(
        &mut self,
        waits: Waits,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let synchronous = if waits == Waits::ForDisk { "FULL" } else { "NORMAL" };
        self.connection.pragma_update(None, "synchronous", synchronous)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = change(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// Removes something for good: what was there is overwritten, and the disk is waited for.
    pub(crate) fn erase<T>(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, StoreError> {
        let set = |database: &Self, mode| {
            let set = database.connection.pragma_update(None, "secure_delete", mode);
            set.map_err(|source| database.failed("prepare", source))
        };
        set(self, "ON")?;
        let erased = self.change(Waits::ForDisk, change);
        set(self, "FAST")?;
        erased
    }

    /// How large SQLite's own log has grown.
    pub(crate) fn wal_bytes(&self) -> u64 {
        self.wal_bytes
    }

    /// Brings all commits to the disk. Not if a reader is in the way: then it is to be tried again.
    pub(crate) fn checkpoint(&mut self) -> Result<bool, StoreError> {
        if self.wal_bytes == 0 {
            return Ok(true);
        }
        let checkpointed = self.connection.busy_timeout(Duration::ZERO).and_then(|()| {
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
            })
        });
        self.connection.busy_timeout(BUSY_WAIT_MAX).map_err(|source| self.failed("prepare", source))?;
        let (is_busy, _, _) = checkpointed.map_err(|source| self.failed("save", source))?;
        if is_busy != 0 {
            return Ok(false);
        }
        self.written += self.wal_bytes;
        self.wal_bytes = 0;
        Ok(true)
    }

    /// Gives room in the file back to the system; some of it, as that takes time. Whether there is more.
    pub(crate) fn shrink(&mut self, pages: u32) -> Result<bool, StoreError> {
        let count = |sql| ask::<u32>(&self.connection, sql).map_err(|source| self.failed("read", source));
        let (left, all) = (count("PRAGMA freelist_count")?.unwrap_or(0), count("PRAGMA page_count")?.unwrap_or(0));
        // What retention leaves is needed again within hours: to move other pages there would be written for nothing.
        let kept = FREE_PAGES_KEPT.max(all / 4);
        if left <= kept {
            return Ok(false);
        }
        let pages = pages.min(left - kept);
        self.change(Waits::No, |transaction| {
            transaction.execute_batch(&format!("PRAGMA incremental_vacuum({pages})"))
        })?;
        Ok(left > pages + kept)
    }

    /// Bytes of the file and of SQLite's own log.
    pub(crate) fn bytes(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |data| data.len()) + wal_bytes(&self.path)
    }

    /// Bytes written since it was asked last.
    pub(crate) fn take_written(&mut self) -> u64 {
        std::mem::take(&mut self.written)
    }
}

/// 4 MiB.
const FREE_PAGES_KEPT: u32 = 1024;

/// Why a file cannot be used.
enum Unusable {
    /// It is damaged.
    Damaged(String),
    /// Something else: there is no sense in setting it aside.
    Elsewhere(StoreError),
}

fn open_sound(path: &Path, is_suspect: bool) -> Result<Connection, Unusable> {
    let sort = |source: Error| match StoreError::sqlite("open", path, source) {
        StoreError::Corrupt { source, .. } => Unusable::Damaged(source.to_string()),
        error => Unusable::Elsewhere(error),
    };
    let connection = connect(path).map_err(sort)?;
    let found: Option<i32> = ask(&connection, "PRAGMA application_id").map_err(sort)?;
    let version: Option<i32> = ask(&connection, "PRAGMA user_version").map_err(sort)?;
    match (found, version) {
        (Some(APPLICATION_ID), Some(SCHEMA_VERSION)) => {}
        (Some(APPLICATION_ID), Some(version)) if version > SCHEMA_VERSION => {
            return Err(Unusable::Elsewhere(StoreError::Newer {
                database: path.to_owned(),
                found: version.unsigned_abs(),
                known: SCHEMA_VERSION.unsigned_abs(),
            }));
        }
        _ => return Err(Unusable::Damaged("it is no history".to_owned())),
    }
    let bytes = std::fs::metadata(path).map_or(0, |data| data.len());
    let pages: Option<u64> = ask(&connection, "PRAGMA page_count").map_err(sort)?;
    // With a log beside it the file may rightly be shorter than it will be.
    if wal_bytes(path) == 0 && pages.unwrap_or(0) * u64::from(PAGE_BYTES) > bytes {
        return Err(Unusable::Damaged("its end is missing".to_owned()));
    }
    if is_suspect || bytes <= CHECKED_BYTES_MAX {
        let found: Option<String> = ask(&connection, "PRAGMA quick_check(1)").map_err(sort)?;
        if found.as_deref() != Some("ok") {
            return Err(Unusable::Damaged(found.unwrap_or_default()));
        }
    }
    configure(&connection, path).map_err(Unusable::Elsewhere)?;
    ask::<i64>(&connection, "SELECT count(*) FROM series").map_err(sort)?;
    ask::<i64>(&connection, "SELECT t0 FROM chunk LIMIT 1").map_err(sort)?;
    Ok(connection)
}

fn create(folder: &Path, path: &Path) -> Result<Connection, StoreError> {
    // Under another name first, so that a database that is there is a whole one.
    let unfinished = folder.join("history.db.new");
    remove_with_companions(&unfinished)?;
    // A log without its database would be played into the new one.
    for companion in COMPANIONS {
        remove(&with_suffix(path, companion))?;
    }
    let failed = |source| StoreError::sqlite("create", path, source);
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .write(true)
        .create_new(true)
        .open(&unfinished)
        .map_err(|source| StoreError::file("create", path, source))?;
    let connection = connect(&unfinished).map_err(failed)?;
    let made = connection.execute_batch(&format!(
        "PRAGMA page_size = {PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = DELETE; BEGIN; {SCHEMA}
         PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};
         INSERT INTO fact VALUES ('history', abs(random() >> 2)); COMMIT;"
    ));
    made.and_then(|()| connection.close().map_err(|(_, error)| error)).map_err(failed)?;
    let placed = std::fs::File::open(&unfinished)
        .and_then(|file| file.sync_all())
        .and_then(|()| std::fs::rename(&unfinished, path))
        .and_then(|()| std::fs::File::open(folder)?.sync_all());
    placed.map_err(|source| StoreError::file("create", path, source))?;
    let connection = connect(path).map_err(failed)?;
    configure(&connection, path)?;
    Ok(connection)
}

fn connect(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT_MAX)?;
    Ok(connection)
}

fn configure(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::sqlite("open", path, source);
    let mode: Option<String> = ask(connection, "PRAGMA journal_mode = WAL").map_err(failed)?;
    if mode.as_deref() != Some("wal") {
        return Err(StoreError::NoWal { database: path.to_owned(), mode: mode.unwrap_or_default() });
    }
    settings(connection).map_err(failed)
}

fn settings(connection: &Connection) -> Result<(), Error> {
    connection.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES_MAX)?;
    // When to do it is decided here, so that it is known what reached the disk.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // What was removed is overwritten where that costs no further page.
    connection.pragma_update(None, "secure_delete", "FAST")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

/// Of the writer, and of each connection that reads.
const CACHE_KIB: i64 = 2048;

/// Another connection, which only reads.
pub(crate) fn connect_reader(path: &Path) -> Result<Connection, Error> {
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Gives a file that cannot be used a name that says so, and what belongs to it as well.
fn put_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let to = free_name(path, "damaged");
    std::fs::rename(path, &to).map_err(|source| StoreError::file("set aside", path, source))?;
    for companion in COMPANIONS {
        let from = with_suffix(path, companion);
        match std::fs::rename(&from, with_suffix(&to, companion)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::file("set aside", &from, error));
            }
            _ => {}
        }
    }
    Ok(to)
}

/// `NAME.WORD-1`, or the first number that is free.
pub(crate) fn free_name(path: &Path, word: &str) -> PathBuf {
    let name = |number| with_suffix(path, &format!(".{word}-{number}"));
    (1_u32..).map(name).find(|name| !name.exists()).expect("some number is free")
}

fn wal_bytes(path: &Path) -> u64 {
    std::fs::metadata(with_suffix(path, "-wal")).map_or(0, |data| data.len())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::file("delete", path, error)),
        _ => Ok(()),
    }
}

fn remove_with_companions(path: &Path) -> Result<(), StoreError> {
    COMPANIONS.iter().try_for_each(|companion| remove(&with_suffix(path, companion)))?;
    remove(path)
}
