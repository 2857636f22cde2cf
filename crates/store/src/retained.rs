//! Rows of the table `retained`: messages that were published to be kept.
//!
//! Last values of devices, kept whatever the flag, stand in `property`. The columns of a message belong to `message`.

use housewire_core::{Message, Topic};
use rusqlite::{Connection, Error, Row};

use crate::message::{self, MessageColumns, message_columns};
use crate::row::{BadRow, Readable, execute};

impl Readable for Message {
    const TABLE: &'static str = "retained";
    // As the rows lie in the file: by topic, each would have to be looked up, which took a start most of its time.
    const SELECT: &'static str = concat!("SELECT ", message_columns!(), " FROM retained ORDER BY id");
    const KEY_COLUMNS: usize = 1;

    fn read(row: &Row<'_>) -> Result<Self, BadRow> {
        let message = message::read(row, 0, true)?;
        if message.payload.is_empty() {
            return Err(BadRow("an empty message is never kept".to_owned()));
        }
        Ok(message)
    }
}

/// Writes the message that is retained under its topic.
pub(crate) fn write(connection: &Connection, message: &Message) -> Result<(), Error> {
    let columns = MessageColumns::of(message);
    // Not ON CONFLICT: for this kind of table SQLite would make and drop a temporary one for each row.
    let updated = execute(
        connection,
        "UPDATE retained SET payload = ?2, qos = ?3, via = ?4, time_us = ?5, payload_is_text = ?6, expiry_us = ?7,
             content_type = ?8, response_topic = ?9, correlation = ?10, user_properties = ?11
         WHERE topic = ?1",
        &columns.params(),
    )?;
    if updated == 0 {
        execute(
            connection,
            concat!(
                "INSERT INTO retained (",
                message_columns!(),
                ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
            ),
            &columns.params(),
        )?;
    }
    Ok(())
}

/// Deletes what is retained under a topic.
pub(crate) fn delete(connection: &Connection, topic: &Topic) -> Result<(), Error> {
    execute(connection, "DELETE FROM retained WHERE topic = ?1", &[&topic.as_str()]).map(drop)
}
