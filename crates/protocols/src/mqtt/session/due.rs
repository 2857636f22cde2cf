//! A message that is due to a client as a packet, with what is left of its expiry.

use std::time::Duration;

use housewire_core::{Properties, Timestamp};

use super::in_flight::Held;
use crate::mqtt::codec::{MessageProperties, PublishFrame};
use crate::mqtt::packet::Version;

pub(super) fn held_frame(held: &Held, version: Version, expiry_s: Option<u32>) -> PublishFrame<'_> {
    let message = held.message.properties.as_deref();
    let properties = MessageProperties { message, expiry_s, identifiers: &held.identifiers, topic_alias: None };
    PublishFrame {
        topic: held.message.topic.as_str(),
        qos: held.qos,
        retain: held.retain,
        properties: properties.encode(version),
    }
}

/// The message's time is over.
#[derive(Debug)]
pub(super) struct Expired;

/// What is left of a message's expiry, in whole seconds as they go over the wire [MQTT-3.3.2-6].
pub(super) fn remaining_expiry(
    properties: Option<&Properties>,
    arrived: Timestamp,
    now: Timestamp,
) -> Result<Option<u32>, Expired> {
    let Some(expiry) = properties.and_then(|properties| properties.expiry) else { return Ok(None) };
    let waited = Duration::from_secs(now.since(arrived).as_secs());
    match expiry.checked_sub(waited) {
        Some(left) if waited.is_zero() || !left.is_zero() => {
            Ok(Some(u32::try_from(left.as_secs()).unwrap_or(u32::MAX)))
        }
        _ => Err(Expired),
    }
}
