//! Rows of the tables `session`, `will`, `subscription` and `received`: what a session is, apart from its messages.
//!
//! Messages that wait for a session belong to `queued`, the order of a batch to `sessions`.

use housewire_core::{Message, SubscribeOptions, Timestamp};
use rusqlite::{Connection, Error, Row, ToSql};

use crate::message::{self, MessageColumns, message_columns, qos_from_column};
use crate::row::{BadRow, Readable, execute, get, number, number_to_column, packet_id};

/// One session that outlives connections and the process.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// Its identity on disk. One session has it for life; see [`crate::Sessions::last_number`].
    pub number: u64,
    /// Its client's name. Of two sessions with one name, the disk keeps the one that was written last.
    pub client_id: String,
    /// Name of the principal it belongs to.
    pub owner: String,
    /// How long it outlives a connection; `u32::MAX` is for ever.
    pub expiry_s: u32,
    /// When it ends; `None` while connected or for ever.
    pub ends: Option<Timestamp>,
    /// Whether its client was connected when this was written.
    pub is_connected: bool,
    /// What is published when the client is lost.
    pub will: Option<WillRecord>,
}

/// A will that has not been published.
#[derive(Clone, Debug)]
pub struct WillRecord {
    /// What is published.
    pub message: Message,
    /// How long after the connection is lost.
    pub delay_s: u32,
    /// When it is published; `None` while connected.
    pub due: Option<Timestamp>,
}

/// One subscription of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionRecord {
    /// Number of the session.
    pub session: u64,
    /// As the client wrote it, so it may name a group: `$share/…`.
    pub filter: String,
    /// What the client asked for beside it.
    pub options: SubscribeOptions,
}

/// The record of a session; its will is filled in when that is read.
impl Readable for SessionRecord {
    const TABLE: &'static str = "session";
    const SELECT: &'static str =
        "SELECT number, client_id, owner, expiry_s, ends_us, is_connected FROM session ORDER BY number";
    const KEY_COLUMNS: usize = 1;

    fn read(row: &Row<'_>) -> Result<Self, BadRow> {
        Ok(Self {
            number: number(row, "number")?,
            client_id: get(row, "client_id")?,
            owner: get(row, "owner")?,
            expiry_s: get(row, "expiry_s")?,
            ends: get::<Option<i64>>(row, "ends_us")?.map(Timestamp::from_micros),
            is_connected: get(row, "is_connected")?,
            will: None,
        })
    }
}

/// The number of a session and its will.
impl Readable for (u64, WillRecord) {
    const TABLE: &'static str = "will";
    const SELECT: &'static str =
        concat!("SELECT session, delay_s, due_us, retain, ", message_columns!(), " FROM will ORDER BY session");
    const KEY_COLUMNS: usize = 1;

    fn read(row: &Row<'_>) -> Result<Self, BadRow> {
        let message = message::read(row, 4, get(row, "retain")?)?;
        let due = get::<Option<i64>>(row, "due_us")?.map(Timestamp::from_micros);
        Ok((number(row, "session")?, WillRecord { message, delay_s: get(row, "delay_s")?, due }))
    }
}

impl Readable for SubscriptionRecord {
    const TABLE: &'static str = "subscription";
    const SELECT: &'static str = "SELECT session, filter, qos, no_local, retain_as_published, identifier
         FROM subscription ORDER BY session, filter";
    const KEY_COLUMNS: usize = 2;

    fn read(row: &Row<'_>) -> Result<Self, BadRow> {
        let options = SubscribeOptions {
            qos: qos_from_column(get(row, "qos")?)?,
            no_local: get(row, "no_local")?,
            retain_as_published: get(row, "retain_as_published")?,
            identifier: get(row, "identifier")?,
        };
        Ok(Self { session: number(row, "session")?, filter: get(row, "filter")?, options })
    }
}

/// The number of a session and a packet id that its client used for QoS 2 and has not released.
impl Readable for (u64, u16) {
    const TABLE: &'static str = "received";
    const SELECT: &'static str = "SELECT session, packet_id FROM received ORDER BY session, packet_id";
    const KEY_COLUMNS: usize = 2;

    fn read(row: &Row<'_>) -> Result<Self, BadRow> {
        Ok((number(row, "session")?, packet_id(get(row, "packet_id")?)?))
    }
}

/// Writes a session with its will. Another one of the same client id is forgotten: whoever wrote this knows only this one,
/// and a batch that can never be written would stop all others.
pub(crate) fn write(connection: &Connection, record: &SessionRecord) -> Result<(), Error> {
    let SessionRecord { client_id, owner, expiry_s, ends, is_connected, .. } = record;
    let own = number_to_column(record.number);
    let others: Vec<i64> = connection
        .prepare_cached("SELECT number FROM session WHERE client_id = ?1 AND number <> ?2")?
        .query_map((client_id, own), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for other in others {
        delete(connection, other)?;
    }
    execute(
        connection,
        "INSERT INTO session (number, client_id, owner, expiry_s, ends_us, is_connected)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (number) DO UPDATE SET client_id = ?2, owner = ?3, expiry_s = ?4, ends_us = ?5, is_connected = ?6",
        &[&own, client_id, owner, expiry_s, &ends.map(Timestamp::as_micros), is_connected],
    )?;
    match &record.will {
        Some(will) => write_will(connection, own, will),
        None => execute(connection, "DELETE FROM will WHERE session = ?1", &[&own]).map(drop),
    }
}

fn write_will(connection: &Connection, session: i64, will: &WillRecord) -> Result<(), Error> {
    let columns = MessageColumns::of(&will.message);
    let due = will.due.map(Timestamp::as_micros);
    let mut params: Vec<&dyn ToSql> = vec![&session, &will.delay_s, &due, &will.message.retain];
    params.extend(columns.params());
    let sql = concat!(
        "INSERT OR REPLACE INTO will (session, delay_s, due_us, retain, ",
        message_columns!(),
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
    );
    execute(connection, sql, &params).map(drop)
}

/// Deletes a session with its will, subscriptions and received packet ids. Its queued messages have no index by session and
/// are deleted one by one, or at the next start.
pub(crate) fn delete(connection: &Connection, number: i64) -> Result<(), Error> {
    for sql in [
        "DELETE FROM session WHERE number = ?1",
        "DELETE FROM will WHERE session = ?1",
        "DELETE FROM subscription WHERE session = ?1",
        "DELETE FROM received WHERE session = ?1",
    ] {
        execute(connection, sql, &[&number])?;
    }
    Ok(())
}

pub(crate) fn subscribe(connection: &Connection, record: &SubscriptionRecord) -> Result<(), Error> {
    let SubscribeOptions { qos, no_local, retain_as_published, identifier } = &record.options;
    let session = number_to_column(record.session);
    execute(
        connection,
        "INSERT INTO subscription (session, filter, qos, no_local, retain_as_published, identifier)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (session, filter) DO UPDATE SET qos = ?3, no_local = ?4, retain_as_published = ?5, identifier = ?6",
        &[&session, &record.filter, &qos.number(), no_local, retain_as_published, identifier],
    )
    .map(drop)
}

pub(crate) fn unsubscribe(connection: &Connection, session: u64, filter: &str) -> Result<(), Error> {
    let sql = "DELETE FROM subscription WHERE session = ?1 AND filter = ?2";
    execute(connection, sql, &[&number_to_column(session), &filter]).map(drop)
}

pub(crate) fn receive(connection: &Connection, session: u64, packet_id: u16) -> Result<(), Error> {
    let sql = "INSERT INTO received (session, packet_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    execute(connection, sql, &[&number_to_column(session), &packet_id]).map(drop)
}

pub(crate) fn release(connection: &Connection, session: u64, packet_id: u16) -> Result<(), Error> {
    let sql = "DELETE FROM received WHERE session = ?1 AND packet_id = ?2";
    execute(connection, sql, &[&number_to_column(session), &packet_id]).map(drop)
}
