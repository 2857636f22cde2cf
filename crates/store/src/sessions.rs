//! Everything about sessions at once: what changed, in the order in which it is written, and what is found at start.
//!
//! Columns belong to `session` and `queued`; when a session ends or a message is finished is decided by the server.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Error, ErrorCode};

use crate::limits::NUMBER_MAX;
use crate::queued::{self, QueuedRecord, Step};
use crate::row::{BadRow, Readable, SkippedRows, ask, number_to_column, read_all, read_each};
use crate::session::{self, SessionRecord, SubscriptionRecord, WillRecord};

/// What changed about sessions since the last batch; conflated. It is applied in the order of the fields, in the transaction
/// of the hub's changes, and applying it once more changes nothing.
#[derive(Clone, Debug, Default)]
pub struct SessionChanges {
    /// Sessions that are gone with their wills, subscriptions and received packet ids. The ids of what was queued for them
    /// are listed in `finished`.
    pub ended: Vec<u64>,
    /// Sessions to write, each with its will or without one; no two of one number or client id.
    pub sessions: Vec<SessionRecord>,
    /// Subscriptions to write.
    pub subscriptions: Vec<SubscriptionRecord>,
    /// Subscriptions to delete: session and filter.
    pub unsubscribed: Vec<(u64, String)>,
    /// Ids of queued messages that are done.
    pub finished: Vec<u64>,
    /// Queued messages to write, in the place of those with the same id.
    pub queued: Vec<QueuedRecord>,
    /// Queued messages whose step changed; unknown ids are passed over.
    pub steps: Vec<(u64, Step)>,
    /// QoS 2 packet ids that were received from a client and are not released: session and packet id.
    pub received: Vec<(u64, u16)>,
    /// Those that were released.
    pub released: Vec<(u64, u16)>,
}

/// The sessions that were found on disk; all that is listed belongs to one of `records`.
#[derive(Debug, Default)]
pub struct Sessions {
    /// All sessions, in the order of their numbers.
    pub records: Vec<SessionRecord>,
    /// Their subscriptions.
    pub subscriptions: Vec<SubscriptionRecord>,
    /// Their messages, in the order of ids, which is the order of delivery.
    pub queued: Vec<QueuedRecord>,
    /// QoS 2 packet ids of their clients that are not released: session and packet id.
    pub received: Vec<(u64, u16)>,
    /// The highest number of a session that anything on disk mentions, whether it could be used or not; new ones count on
    /// from here. A number above it was given to nobody or is forgotten entirely, so no mark has to be written for it.
    pub last_number: u64,
    /// The highest id of a queued message on disk, likewise.
    pub last_queued_id: u64,
    /// Rows of sessions that are not on disk any more. They were deleted, or if there was no room even for that, stay until
    /// the next start.
    pub orphans_count: usize,
}

impl SessionChanges {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        let Self { ended, sessions, subscriptions, unsubscribed, finished, queued, steps, received, released } = self;
        ended.is_empty()
            && sessions.is_empty()
            && subscriptions.is_empty()
            && unsubscribed.is_empty()
            && finished.is_empty()
            && queued.is_empty()
            && steps.is_empty()
            && received.is_empty()
            && released.is_empty()
    }
}

pub(crate) fn write(connection: &Connection, changes: &SessionChanges) -> Result<(), Error> {
    for number in &changes.ended {
        session::delete(connection, number_to_column(*number))?;
    }
    for record in &changes.sessions {
        session::write(connection, record)?;
    }
    for record in &changes.subscriptions {
        session::subscribe(connection, record)?;
    }
    for (session, filter) in &changes.unsubscribed {
        session::unsubscribe(connection, *session, filter)?;
    }
    for id in &changes.finished {
        queued::delete(connection, *id)?;
    }
    for record in &changes.queued {
        queued::write(connection, record)?;
    }
    for (id, step) in &changes.steps {
        queued::step(connection, *id, *step)?;
    }
    for (session, packet_id) in &changes.received {
        session::receive(connection, *session, *packet_id)?;
    }
    for (session, packet_id) in &changes.released {
        session::release(connection, *session, *packet_id)?;
    }
    Ok(())
}

pub(crate) fn read(connection: &Connection, skipped: &mut SkippedRows) -> Result<Sessions, Error> {
    let orphans_count = delete_orphans(connection)?;
    let mut records = read_all::<SessionRecord>(connection, skipped)?;
    let known = Known::read(connection, &records)?;
    let mut wills = BTreeMap::new();
    read_known(
        connection,
        skipped,
        &known,
        |(session, _)| *session,
        |(session, will): (u64, WillRecord)| {
            wills.insert(session, will);
        },
    )?;
    for record in &mut records {
        record.will = wills.remove(&record.number);
    }
    let mut found = Sessions { records, orphans_count, ..Sessions::default() };
    let subscriptions = &mut found.subscriptions;
    read_known(
        connection,
        skipped,
        &known,
        |record: &SubscriptionRecord| record.session,
        |record| {
            subscriptions.push(record);
        },
    )?;
    let queued = &mut found.queued;
    read_known(
        connection,
        skipped,
        &known,
        |record: &QueuedRecord| record.session,
        |mut record| {
            if let Some(before) = queued.last() {
                record.share_with(before);
            }
            queued.push(record);
        },
    )?;
    let received = &mut found.received;
    read_known(connection, skipped, &known, |(session, _): &(u64, u16)| *session, |pair| received.push(pair))?;
    for (column, table) in [
        ("number", "session"),
        ("session", "will"),
        ("session", "subscription"),
        ("session", "queued"),
        ("session", "received"),
    ] {
        found.last_number = found.last_number.max(last(connection, column, table)?);
    }
    found.last_queued_id = last(connection, "id", "queued")?;
    Ok(found)
}

/// Reads rows that belong to sessions. A session whose own row could not be used takes its rows with it; they are left as
/// they are, since its row may be mended. What belongs to no session has been counted before.
fn read_known<T: Readable>(
    connection: &Connection,
    skipped: &mut SkippedRows,
    known: &Known,
    session_of: impl Fn(&T) -> u64,
    mut take: impl FnMut(T),
) -> Result<(), Error> {
    read_each::<T>(connection, skipped, |record| {
        let session = session_of(&record);
        if known.usable.contains(&session) {
            take(record);
        } else if known.on_disk.contains(&session) {
            return Err(BadRow("its session could not be read".to_owned()));
        }
        Ok(())
    })
}

/// Numbers of sessions.
struct Known {
    usable: BTreeSet<u64>,
    /// All that are there, whether or not they could be used.
    on_disk: BTreeSet<u64>,
}

impl Known {
    fn read(connection: &Connection, usable: &[SessionRecord]) -> Result<Self, Error> {
        let mut statement = connection.prepare("SELECT number FROM session WHERE number >= 0")?;
        let numbers = statement.query_map([], |row| row.get(0))?;
        let on_disk = numbers.map(|number| number.map(i64::cast_unsigned)).collect::<Result<_, _>>()?;
        Ok(Self { usable: usable.iter().map(|record| record.number).collect(), on_disk })
    }
}

/// Deletes what belongs to sessions that are not on disk; how many rows that were. What is queued for a session that ends
/// can only be found here: there is no index that leads to it.
fn delete_orphans(connection: &Connection) -> Result<usize, Error> {
    let mut count = 0;
    for table in ["will", "subscription", "queued", "received"] {
        let condition = "session NOT IN (SELECT number FROM session)";
        count += match connection.execute(&format!("DELETE FROM {table} WHERE {condition}"), []) {
            // A hub whose disk is full starts all the same; the rows are of no use, but they do no harm either.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
                let rows: Option<i64> = ask(connection, &format!("SELECT count(*) FROM {table} WHERE {condition}"))?;
                rows.and_then(|rows| usize::try_from(rows).ok()).unwrap_or(0)
            }
            deleted => deleted?,
        };
    }
    Ok(count)
}

/// The highest number in a column; damaged ones, which nobody gave out, are not counted.
fn last(connection: &Connection, column: &str, table: &str) -> Result<u64, Error> {
    let sql = format!("SELECT max({column}) FROM {table} WHERE {column} BETWEEN 0 AND {NUMBER_MAX}");
    Ok(ask::<Option<i64>>(connection, &sql)?.flatten().and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
}
