//! Rows of the table `audit`: who came in, who did not, and who changed what others may do.

use housewire_core::Timestamp;
use rusqlite::{Connection, Error, OptionalExtension as _, Row};

use crate::limits::AUDIT_ENTRIES_MAX;
use crate::row::execute;

/// What happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AuditEntry {
    /// What kind of thing.
    pub event: String,
    /// Who did it, or tried.
    pub who: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// Through which door.
    pub via: String,
    /// To whom or what.
    pub subject: Option<String>,
    /// Anything else worth knowing.
    pub detail: Option<String>,
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Counted up.
    pub id: i64,
    /// When, or the first time if it happened several times.
    pub time: Timestamp,
    /// What.
    pub entry: AuditEntry,
    /// How often, at least once.
    pub count: u32,
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// How many at the most.
    pub limit: usize,
    /// Older than this one.
    pub before: Option<i64>,
    /// Of this kind.
    pub event: Option<String>,
    /// By this one.
    pub who: Option<String>,
}

pub(super) fn write(connection: &Connection, record: &AuditRecord) -> Result<(), Error> {
    let AuditRecord { id, time, entry, count } = record;
    let AuditEntry { event, who, address, via, subject, detail } = entry;
    execute(
        connection,
        "INSERT INTO audit (id, time_us, event, who, address, via, subject, detail, count)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (id) DO UPDATE SET count = ?9",
        &[id, &time.as_micros(), event, who, address, via, subject, detail, count],
    )
    .map(drop)
}

pub(super) fn forget_the_oldest(connection: &Connection) -> Result<(), Error> {
    let kept = i64::try_from(AUDIT_ENTRIES_MAX).expect("a small constant");
    execute(connection, "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?1", &[&kept]).map(drop)
}

pub(super) fn last_id(connection: &Connection) -> Result<i64, Error> {
    let last: Option<Option<i64>> =
        connection.query_row("SELECT max(id) FROM audit", [], |row| row.get(0)).optional()?;
    Ok(last.flatten().unwrap_or(0))
}

pub(super) fn read(connection: &Connection, query: &AuditQuery) -> Result<Vec<AuditRecord>, Error> {
    let AuditQuery { limit, before, event, who } = query;
    let limit = i64::try_from(*limit).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "SELECT id, time_us, event, who, address, via, subject, detail, count FROM audit
             WHERE id < ifnull(?1, 9223372036854775807) AND event = ifnull(?2, event)
                 AND (?3 IS NULL OR who = ?3)
             ORDER BY id DESC LIMIT ?4",
        )?
        .query_map((before, event, who, limit), record)?
        .collect()
}

fn record(row: &Row<'_>) -> Result<AuditRecord, Error> {
    Ok(AuditRecord {
        id: row.get("id")?,
        time: Timestamp::from_micros(row.get("time_us")?),
        entry: AuditEntry {
            event: row.get("event")?,
            who: row.get("who")?,
            address: row.get("address")?,
            via: row.get("via")?,
            subject: row.get("subject")?,
            detail: row.get("detail")?,
        },
        count: row.get("count")?,
    })
}
