//! Rows of the table `retained`: messages that were published to be kept.
//!
//! Last values of devices, kept whatever the flag, stand in `property`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use housewire_core::{Message, Properties, Qos, Timestamp, Topic};
use rusqlite::{Connection, Error, Row, ToSql};

use crate::row::{BadRow, Readable, door, execute, get, pairs_from_json, pairs_to_json};

/// As it stands in the table.
#[derive(Debug)]
struct RetainedRow {
    topic: String,
    payload: Vec<u8>,
    qos: u8,
    via: String,
    time_us: i64,
    payload_is_text: bool,
    expiry_us: Option<i64>,
    content_type: Option<String>,
    response_topic: Option<String>,
    correlation: Option<Vec<u8>>,
    user_properties: Option<String>,
}

impl Readable for Message {
    const TABLE: &'static str = "retained";
    const SELECT: &'static str = "SELECT topic, payload, qos, via, time_us, payload_is_text, expiry_us, content_type,
             response_topic, correlation, user_properties
         FROM retained ORDER BY topic";
    const KEY_COLUMNS: usize = 1;

    fn read(row: &Row<'_>) -> Result<Self, BadRow> {
        let row = RetainedRow {
            topic: get(row, "topic")?,
            payload: get(row, "payload")?,
            qos: get(row, "qos")?,
            via: get(row, "via")?,
            time_us: get(row, "time_us")?,
            payload_is_text: get(row, "payload_is_text")?,
            expiry_us: get(row, "expiry_us")?,
            content_type: get(row, "content_type")?,
            response_topic: get(row, "response_topic")?,
            correlation: get(row, "correlation")?,
            user_properties: get(row, "user_properties")?,
        };
        row.into_message()
    }
}

impl RetainedRow {
    fn into_message(self) -> Result<Message, BadRow> {
        if self.payload.is_empty() {
            return Err(BadRow("an empty message is never kept".to_owned()));
        }
        let expiry = self.expiry_us.map(u64::try_from).transpose();
        let properties = Properties {
            payload_is_text: self.payload_is_text,
            expiry: expiry.map_err(|_| BadRow("a life cannot be negative".to_owned()))?.map(Duration::from_micros),
            content_type: self.content_type,
            response_topic: self.response_topic,
            correlation: self.correlation.map(Bytes::from),
            user: pairs_from_json("user_properties", self.user_properties.as_deref())?,
        };
        Ok(Message {
            topic: Topic::parse(&self.topic).map_err(BadRow::because)?,
            payload: Bytes::from(self.payload),
            qos: Qos::from_number(self.qos).ok_or_else(|| BadRow(format!("there is no QoS {}", self.qos)))?,
            retain: true,
            properties: (!properties.is_empty()).then(|| Arc::new(properties)),
            via: door(&self.via),
            time: Timestamp::from_micros(self.time_us),
        })
    }
}

/// Writes the message that is retained under its topic.
pub(crate) fn write(connection: &Connection, message: &Message) -> Result<(), Error> {
    let none = Properties::default();
    let properties = message.properties.as_deref().unwrap_or(&none);
    // 292,000 years are as good as for ever.
    let expiry = properties.expiry.map(|expiry| i64::try_from(expiry.as_micros()).unwrap_or(i64::MAX));
    let columns: [&dyn ToSql; 11] = [
        &message.topic.as_str(),
        &message.payload.as_ref(),
        &message.qos.number(),
        &message.via,
        &message.time.as_micros(),
        &properties.payload_is_text,
        &expiry,
        &properties.content_type,
        &properties.response_topic,
        &properties.correlation.as_deref(),
        &pairs_to_json(&properties.user),
    ];
    // Not ON CONFLICT: for this kind of table SQLite would make and drop a temporary one for each row.
    let updated = execute(
        connection,
        "UPDATE retained SET payload = ?2, qos = ?3, via = ?4, time_us = ?5, payload_is_text = ?6, expiry_us = ?7,
             content_type = ?8, response_topic = ?9, correlation = ?10, user_properties = ?11
         WHERE topic = ?1",
        &columns,
    )?;
    if updated == 0 {
        execute(
            connection,
            "INSERT INTO retained (topic, payload, qos, via, time_us, payload_is_text, expiry_us, content_type,
                 response_topic, correlation, user_properties)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            &columns,
        )?;
    }
    Ok(())
}

/// Deletes what is retained under a topic.
pub(crate) fn delete(connection: &Connection, topic: &Topic) -> Result<(), Error> {
    execute(connection, "DELETE FROM retained WHERE topic = ?1", &[&topic.as_str()]).map(drop)
}
