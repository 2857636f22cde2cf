//! Brings the database to this program's schema, on a copy that replaces it only when it is whole.
//!
//! Belongs here: versions, the numbered files in `migrations/`, the way from one to the next. A file that was released is
//! never changed; `fixtures/` holds a database of each version, and a test upgrades them all. What rows mean belongs to
//! the modules named like the tables.

use std::cmp::Ordering;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Error, OpenFlags};

use crate::error::StoreError;
use crate::folder::DataFolder;
use crate::row::ask;

/// The database's name in the data folder.
pub(crate) const DATABASE: &str = "housewire.db";
/// The copy that is worked on. A start that is cut short leaves it behind; the next one deletes it.
const COPY: &str = "housewire.db.new";
/// What SQLite may put beside a database.
const COMPANIONS: [&str; 3] = ["-journal", "-wal", "-shm"];

/// Number n of this list leads from version n to n + 1.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_devices_and_retained.sql"),
    include_str!("migrations/0002_sessions.sql"),
    include_str!("migrations/0003_accounts.sql"),
    include_str!("migrations/0004_documents.sql"),
    include_str!("migrations/0005_bindings.sql"),
    include_str!("migrations/0006_keys.sql"),
];

/// Marks an SQLite file as ours: "Hwir".
const APPLICATION_ID: i32 = 0x4877_6972;

/// Makes sure that the folder has a database of the version that `migrations` lead to, and returns where it is.
pub(crate) fn bring_up_to_date(folder: &DataFolder, migrations: &[&str]) -> Result<PathBuf, StoreError> {
    let database = folder.file(DATABASE);
    let copy = folder.file(COPY);
    remove_with_companions(&copy)?;
    let exists = database.try_exists().map_err(|source| StoreError::file("look for", &database, source))?;
    let found = if exists { version_of(&database)? } else { 0 };
    let step = Step { found, known: u32::try_from(migrations.len()).expect("migrations are few"), migrations };
    match found.cmp(&step.known) {
        Ordering::Equal => return Ok(database),
        Ordering::Greater => return Err(StoreError::Newer { database, found, known: step.known }),
        Ordering::Less => {}
    }
    let replaced = replace_by_migrated_copy(folder, &database, &copy, &step);
    replaced.map_err(|source| match found {
        // Nothing was there that could be kept or lost, so the plain reason says it best.
        0 => source,
        from => StoreError::Migration { database: database.clone(), from, to: step.known, source: Box::new(source) },
    })?;
    Ok(database)
}

/// From where to where.
struct Step<'a> {
    found: u32,
    known: u32,
    migrations: &'a [&'a str],
}

fn replace_by_migrated_copy(
    folder: &DataFolder,
    database: &Path,
    copy: &Path,
    step: &Step<'_>,
) -> Result<(), StoreError> {
    create_private(copy).map_err(|source| StoreError::file("create", copy, source))?;
    if let Err(error) = copy_and_migrate(database, copy, step) {
        // The error at hand says more than a failure to tidy up after it would.
        remove_with_companions(copy).ok();
        return Err(error);
    }
    if step.found == 0 {
        set_strays_aside(database)?;
    }
    std::fs::rename(copy, database).map_err(|source| StoreError::file("replace", database, source))?;
    folder.sync()
}

/// A log whose database was moved away would be played into the new one. It may hold what the moved file lacks, so it is
/// kept under another name.
fn set_strays_aside(database: &Path) -> Result<(), StoreError> {
    for companion in COMPANIONS {
        let stray = with_suffix(database, companion);
        match std::fs::rename(&stray, with_suffix(&stray, ".stray")) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(StoreError::file("set aside", &stray, error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn copy_and_migrate(database: &Path, copy: &Path, step: &Step<'_>) -> Result<(), StoreError> {
    if step.found > 0 {
        settle(database)?;
        std::fs::copy(database, copy).map_err(|source| StoreError::file("copy", database, source))?;
    }
    migrate(copy, step).map_err(|source| StoreError::sqlite("migrate", copy, source))?;
    let sync = File::open(copy).and_then(|file| file.sync_all());
    sync.map_err(|source| StoreError::file("save", copy, source))
}

/// Takes everything that stands in a write-ahead log into the database itself, and the log away: it must not be there any
/// more when another file gets the database's name.
fn settle(database: &Path) -> Result<(), StoreError> {
    let settled = open_existing(database).and_then(|connection| {
        let mode: Option<String> = ask(&connection, "PRAGMA journal_mode = DELETE")?;
        connection.close().map_err(|(_, error)| error)?;
        Ok(mode)
    });
    match settled.map_err(|source| StoreError::sqlite("prepare", database, source))? {
        Some(mode) if mode == "delete" => Ok(()),
        mode => Err(StoreError::NoWal { database: database.to_owned(), mode: mode.unwrap_or_default() }),
    }
}

/// Runs what is missing in one transaction, and looks whether the result holds together.
fn migrate(copy: &Path, step: &Step<'_>) -> Result<(), Error> {
    let mut connection = open_existing(copy)?;
    // Tables that others refer to may be rebuilt; whether all references still lead somewhere is checked at the end.
    connection.pragma_update(None, "foreign_keys", false)?;
    let transaction = connection.transaction()?;
    run_migrations(&transaction, step)?;
    let damage: Option<String> = ask(&transaction, "PRAGMA quick_check(1)")?;
    let dangling: Option<String> = ask(&transaction, "PRAGMA foreign_key_check")?;
    if damage.as_deref() != Some("ok") || dangling.is_some() {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        let detail = dangling.map_or(damage, |table| Some(format!("a row of {table} refers to nothing")));
        return Err(Error::SqliteFailure(code, detail));
    }
    transaction.commit()?;
    connection.close().map_err(|(_, error)| error)
}

fn run_migrations(connection: &Connection, step: &Step<'_>) -> Result<(), Error> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.execute_batch("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT")?;
    for sql in &step.migrations[step.found as usize..] {
        connection.execute_batch(sql)?;
    }
    connection.execute("DELETE FROM schema_version", [])?;
    connection.execute("INSERT INTO schema_version (version) VALUES (?1)", [step.known])?;
    Ok(())
}

/// The version of a database; 0 if it is empty.
fn version_of(database: &Path) -> Result<u32, StoreError> {
    let version = open_existing(database).and_then(|connection| {
        if ask::<i64>(&connection, "SELECT count(*) FROM sqlite_schema")? == Some(0) {
            return Ok(Some(0));
        }
        if ask::<i32>(&connection, "PRAGMA application_id")? != Some(APPLICATION_ID) {
            return Ok(None);
        }
        ask::<u32>(&connection, "SELECT version FROM schema_version")
    });
    match version.map_err(|source| StoreError::sqlite("read", database, source))? {
        Some(version) => Ok(version),
        None => Err(StoreError::NotOurs { database: database.to_owned() }),
    }
}

/// Looks whether a database that came from elsewhere is one of ours, of a version that this program can use, and holds together.
pub(crate) fn check_backup(database: &Path) -> Result<(), StoreError> {
    let (found, known) = (version_of(database)?, u32::try_from(MIGRATIONS.len()).expect("migrations are few"));
    match found {
        0 => return Err(StoreError::NotOurs { database: database.to_owned() }),
        found if found > known => return Err(StoreError::Newer { database: database.to_owned(), found, known }),
        _ => {}
    }
    let failed = |source| StoreError::sqlite("read", database, source);
    let connection = open_existing(database).map_err(failed)?;
    let damage: Option<String> = ask(&connection, "PRAGMA quick_check(1)").map_err(failed)?;
    match damage.as_deref() {
        Some("ok") => Ok(()),
        _ => Err(StoreError::Corrupt { database: database.to_owned(), source: damage.unwrap_or_default().into() }),
    }
}

/// Opens a database, but never makes one.
pub(crate) fn open_existing(database: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(crate::limits::BUSY_WAIT_MAX)?;
    Ok(connection)
}

/// Only the hub's user may read it. SQLite gives the files beside it the same rights.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path).map(drop)
}

fn remove_with_companions(path: &Path) -> Result<(), StoreError> {
    let companions = COMPANIONS.map(|companion| with_suffix(path, companion));
    for name in companions.iter().map(PathBuf::as_path).chain([path]) {
        match std::fs::remove_file(name) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(StoreError::file("delete", name, error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
