//! Rows of the table `queued`: messages on their way to one session.
//!
//! Rows are added at the end and deleted by id, so that a message to a thousand sessions that are away touches a few pages
//! of the file. The columns of a message belong to `message`.

use housewire_core::{Message, Qos};
use rusqlite::{Connection, Error, Row, ToSql};

use crate::message::{self, MessageColumns, message_columns, qos_from_column};
use crate::row::{
    BadRow, Readable, execute, get, number, number_to_column, numbers_from_json, numbers_to_json, packet_id,
};

/// A message that waits for one session, or was sent to it and is not finished.
#[derive(Clone, Debug)]
pub struct QueuedRecord {
    /// Rises in the order of delivery; see [`crate::Sessions::last_queued_id`].
    pub id: u64,
    /// Number of the session.
    pub session: u64,
    /// How far the delivery is.
    pub step: Step,
    /// What is delivered. `None` once released, and only then: a record that waits or was sent has nothing to deliver without
    /// it, and is reported as unusable when it is loaded.
    pub message: Option<Message>,
    /// QoS of the delivery.
    pub qos: Qos,
    /// Retain flag of the delivery.
    pub retain: bool,
    /// Of the subscriptions that the message matched.
    pub identifiers: Vec<u32>,
    /// Group of the shared subscription that it came through.
    pub share: Option<String>,
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Not sent yet, or not in a way that the client would know again.
    Waiting,
    /// Sent under this packet id and not acknowledged.
    Sent(u16),
    /// The client has it (PUBREC): of the record, only id, session, packet id and QoS are kept.
    Released(u16),
}

impl Step {
    /// The columns `step` and `packet_id`.
    fn columns(self) -> (u8, Option<u16>) {
        match self {
            Self::Waiting => (0, None),
            Self::Sent(id) => (1, Some(id)),
            Self::Released(id) => (2, Some(id)),
        }
    }

    fn read(row: &Row<'_>) -> Result<Self, BadRow> {
        let packet_id = get::<Option<u16>>(row, 3)?.map(packet_id).transpose()?;
        match (get::<u8>(row, 2)?, packet_id) {
            (0, None) => Ok(Self::Waiting),
            (1, Some(id)) => Ok(Self::Sent(id)),
            (2, Some(id)) => Ok(Self::Released(id)),
            (step, id) => Err(BadRow(format!("there is no step {step} with packet id {id:?}"))),
        }
    }
}

/// Columns go by their places in `SELECT`.
impl Readable for QueuedRecord {
    const TABLE: &'static str = "queued";
    const SELECT: &'static str = concat!(
        "SELECT id, session, step, packet_id, delivery_qos, delivery_retain, identifiers, share, retain, ",
        message_columns!(),
        " FROM queued ORDER BY id"
    );
    const KEY_COLUMNS: usize = 1;

    fn read(row: &Row<'_>) -> Result<Self, BadRow> {
        let step = Step::read(row)?;
        let message = match step {
            Step::Released(_) => None,
            Step::Waiting | Step::Sent(_) => Some(message::read(row, 9, get(row, 8)?)?),
        };
        let identifiers: Option<String> = get(row, 6)?;
        Ok(Self {
            id: number(row, 0)?,
            session: number(row, 1)?,
            step,
            message,
            qos: qos_from_column(get(row, 4)?)?,
            retain: get(row, 5)?,
            identifiers: numbers_from_json("identifiers", identifiers.as_deref())?,
            share: get(row, 7)?,
        })
    }
}

impl QueuedRecord {
    /// A message that went to many sessions is in memory once, as it was before it was stored.
    pub(crate) fn share_with(&mut self, before: &Self) {
        let (Some(message), Some(before)) = (&mut self.message, &before.message) else { return };
        if message.topic == before.topic {
            message.topic = before.topic.clone();
        }
        if message.payload == before.payload {
            message.payload = before.payload.clone();
        }
        if message.properties == before.properties {
            message.properties.clone_from(&before.properties);
        }
    }
}

/// Writes a record, in the place of one with the same id if there is one.
pub(crate) fn write(connection: &Connection, record: &QueuedRecord) -> Result<(), Error> {
    if matches!(record.step, Step::Released(_)) {
        return write_released(connection, record);
    }
    let (id, session) = (number_to_column(record.id), number_to_column(record.session));
    let (step, packet_id) = record.step.columns();
    let identifiers = numbers_to_json(&record.identifiers);
    let columns = record.message.as_ref().map(MessageColumns::of).unwrap_or_default();
    let retain = record.message.as_ref().map(|message| message.retain);
    let qos = record.qos.number();
    let mut params: Vec<&dyn ToSql> =
        vec![&id, &session, &step, &packet_id, &qos, &record.retain, &identifiers, &record.share, &retain];
    params.extend(columns.params());
    let sql = concat!(
        "INSERT OR REPLACE INTO queued (id, session, step, packet_id, delivery_qos, delivery_retain, identifiers, share,
             retain, ",
        message_columns!(),
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)"
    );
    execute(connection, sql, &params).map(drop)
}

fn write_released(connection: &Connection, record: &QueuedRecord) -> Result<(), Error> {
    let (step, packet_id) = record.step.columns();
    let sql = "INSERT OR REPLACE INTO queued (id, session, step, packet_id, delivery_qos, delivery_retain)
         VALUES (?1, ?2, ?3, ?4, ?5, 0)";
    let (id, session) = (number_to_column(record.id), number_to_column(record.session));
    execute(connection, sql, &[&id, &session, &step, &packet_id, &record.qos.number()]).map(drop)
}

/// Changes the step of a record, if it is there. One that is released stays so: its message is gone.
pub(crate) fn step(connection: &Connection, id: u64, step: Step) -> Result<(), Error> {
    let sql = match step {
        Step::Waiting | Step::Sent(_) => "UPDATE queued SET step = ?2, packet_id = ?3 WHERE id = ?1 AND step <> 2",
        Step::Released(_) => {
            "UPDATE queued SET step = ?2, packet_id = ?3, delivery_retain = 0, identifiers = NULL, share = NULL,
                 retain = NULL, topic = NULL, payload = NULL, qos = NULL, via = NULL, time_us = NULL,
                 payload_is_text = NULL, expiry_us = NULL, content_type = NULL, response_topic = NULL,
                 correlation = NULL, user_properties = NULL
             WHERE id = ?1"
        }
    };
    let (number, packet_id) = step.columns();
    execute(connection, sql, &[&number_to_column(id), &number, &packet_id]).map(drop)
}

pub(crate) fn delete(connection: &Connection, id: u64) -> Result<(), Error> {
    execute(connection, "DELETE FROM queued WHERE id = ?1", &[&number_to_column(id)]).map(drop)
}
