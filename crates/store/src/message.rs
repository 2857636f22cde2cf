//! The columns of a message, the same in every table that holds messages.
//!
//! Belongs here: reading and writing those columns. Which tables have them, and what else is in a row, belongs to
//! `retained`, `session` and `queued`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use housewire_core::{Message, Properties, Qos, Timestamp, Topic};
use rusqlite::{Row, ToSql};

use crate::row::{BadRow, door, get, pairs_from_json, pairs_to_json};

/// Names of the columns, in the order of [`MessageColumns::params`].
macro_rules! message_columns {
    () => {
        "topic, payload, qos, via, time_us, payload_is_text, expiry_us, content_type, response_topic, correlation, \
         user_properties"
    };
}
pub(crate) use message_columns;

/// How many they are.
pub(crate) const MESSAGE_COLUMNS: usize = 11;

/// Reads the message of a row, whose columns begin at `first`. Whether it was published to be retained stands elsewhere.
pub(crate) fn read(row: &Row<'_>, first: usize, retain: bool) -> Result<Message, BadRow> {
    let topic: String = get(row, first)?;
    let payload: Vec<u8> = get(row, first + 1)?;
    let qos = get(row, first + 2)?;
    let via: String = get(row, first + 3)?;
    let time_us = get(row, first + 4)?;
    let expiry = get::<Option<i64>>(row, first + 6)?.map(u64::try_from).transpose();
    let user_properties: Option<String> = get(row, first + 10)?;
    let properties = Properties {
        payload_is_text: get(row, first + 5)?,
        expiry: expiry.map_err(|_| BadRow("a life cannot be negative".to_owned()))?.map(Duration::from_micros),
        content_type: get(row, first + 7)?,
        response_topic: get(row, first + 8)?,
        correlation: get::<Option<Vec<u8>>>(row, first + 9)?.map(Bytes::from),
        user: pairs_from_json("user_properties", user_properties.as_deref())?,
    };
    Ok(Message {
        topic: Topic::parse(&topic).map_err(BadRow::because)?,
        payload: Bytes::from(payload),
        qos: qos_from_column(qos)?,
        retain,
        properties: (!properties.is_empty()).then(|| Arc::new(properties)),
        via: door(&via),
        time: Timestamp::from_micros(time_us),
    })
}

pub(crate) fn qos_from_column(number: u8) -> Result<Qos, BadRow> {
    Qos::from_number(number).ok_or_else(|| BadRow(format!("there is no QoS {number}")))
}

/// A message on its way into a row; all NULL when there is none.
#[derive(Default)]
pub(crate) struct MessageColumns<'a> {
    topic: Option<&'a str>,
    payload: Option<&'a [u8]>,
    qos: Option<u8>,
    via: Option<&'a str>,
    time_us: Option<i64>,
    payload_is_text: Option<bool>,
    expiry_us: Option<i64>,
    content_type: Option<&'a str>,
    response_topic: Option<&'a str>,
    correlation: Option<&'a [u8]>,
    user_properties: Option<String>,
}

impl<'a> MessageColumns<'a> {
    pub(crate) fn of(message: &'a Message) -> Self {
        let properties = message.properties.as_deref();
        let expiry = properties.and_then(|properties| properties.expiry);
        Self {
            topic: Some(message.topic.as_str()),
            payload: Some(&message.payload),
            qos: Some(message.qos.number()),
            via: Some(message.via),
            time_us: Some(message.time.as_micros()),
            payload_is_text: Some(properties.is_some_and(|properties| properties.payload_is_text)),
            // 292,000 years are as good as for ever.
            expiry_us: expiry.map(|expiry| i64::try_from(expiry.as_micros()).unwrap_or(i64::MAX)),
            content_type: properties.and_then(|properties| properties.content_type.as_deref()),
            response_topic: properties.and_then(|properties| properties.response_topic.as_deref()),
            correlation: properties.and_then(|properties| properties.correlation.as_deref()),
            user_properties: properties.and_then(|properties| pairs_to_json(&properties.user)),
        }
    }

    /// In the order of `message_columns`.
    pub(crate) fn params(&self) -> [&dyn ToSql; MESSAGE_COLUMNS] {
        [
            &self.topic,
            &self.payload,
            &self.qos,
            &self.via,
            &self.time_us,
            &self.payload_is_text,
            &self.expiry_us,
            &self.content_type,
            &self.response_topic,
            &self.correlation,
            &self.user_properties,
        ]
    }
}
