//! PUBLISH, which nearly all packets are, written fast: a whole run at once, and what differs per receiver left open.
//!
//! `encode` uses it for single packets too, so that there is one place that knows how a PUBLISH looks.

use std::borrow::Cow;

use housewire_core::{Encoded, Properties, Qos, Run};

use super::encode::{put_group, put_varint, varint_len};
use super::property::{NonZeroVarint, Property};
use crate::mqtt::packet::{PacketId, Version};

/// The transport's number in the keys of [`Run::encoded`].
const MQTT_KEY: u32 = 1 << 16;

/// All of a PUBLISH that is the same for every message of a run.
pub(in crate::mqtt) struct PublishFrame<'a> {
    pub(in crate::mqtt) topic: &'a str,
    pub(in crate::mqtt) qos: Qos,
    pub(in crate::mqtt) retain: bool,
    /// Encoded with their length; nothing at all before MQTT 5.
    pub(in crate::mqtt) properties: Cow<'static, [u8]>,
}

impl PublishFrame<'_> {
    fn remaining(&self, payload: &[u8]) -> usize {
        let id_len = if self.qos == Qos::AtMostOnce { 0 } else { 2 };
        2 + self.topic.len() + id_len + self.properties.len() + payload.len()
    }

    /// The size of the whole packet.
    pub(in crate::mqtt) fn packet_len(&self, payload: &[u8]) -> usize {
        let remaining = self.remaining(payload);
        1 + varint_len(remaining) + remaining
    }

    /// Appends one message; returns where its packet identifier stands, which means something for QoS 1 and 2 only.
    pub(in crate::mqtt) fn put(
        &self,
        dup: bool,
        packet_id: Option<PacketId>,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> usize {
        let remaining = self.remaining(payload);
        out.reserve(5 + remaining);
        out.push(0x30 | u8::from(dup) << 3 | self.qos.number() << 1 | u8::from(self.retain));
        put_varint(remaining, out);
        let topic_len = u16::try_from(self.topic.len()).expect("a topic is bounded far below 65,535 bytes");
        out.extend_from_slice(&topic_len.to_be_bytes());
        out.extend_from_slice(self.topic.as_bytes());
        let mark = out.len();
        if self.qos != Qos::AtMostOnce {
            out.extend_from_slice(&packet_id.map_or(0, PacketId::get).to_be_bytes());
        }
        out.extend_from_slice(&self.properties);
        out.extend_from_slice(payload);
        mark
    }
}

/// What goes into a PUBLISH beside topic and payload.
#[derive(Clone, Copy, Default)]
pub(in crate::mqtt) struct MessageProperties<'a> {
    pub(in crate::mqtt) message: Option<&'a Properties>,
    /// What is left of the message's expiry [MQTT-3.3.2-6].
    pub(in crate::mqtt) expiry_s: Option<u32>,
    pub(in crate::mqtt) identifiers: &'a [u32],
    pub(in crate::mqtt) topic_alias: Option<u16>,
}

impl MessageProperties<'_> {
    /// As they stand in a PUBLISH of this version. Usually there are none, which costs one byte and no memory.
    pub(in crate::mqtt) fn encode(&self, version: Version) -> Cow<'static, [u8]> {
        if version != Version::V5 {
            return Cow::Borrowed(&[]);
        }
        if self.message.is_none() && self.identifiers.is_empty() && self.topic_alias.is_none() {
            return Cow::Borrowed(&[0]);
        }
        let mut group = Vec::new();
        put_group(&mut group, |out| {
            if let Some(alias) = self.topic_alias {
                Property::TopicAlias(alias).write(out);
            }
            for identifier in self.identifiers {
                Property::SubscriptionIdentifier(NonZeroVarint(*identifier)).write(out);
            }
            if let Some(message) = self.message {
                put_message_properties(message, self.expiry_s, out);
            }
        });
        Cow::Owned(group)
    }
}

/// What a PUBLISH and a will have in common.
pub(super) fn put_message_properties(message: &Properties, expiry_s: Option<u32>, out: &mut Vec<u8>) {
    if message.payload_is_text {
        Property::PayloadIsText(true).write(out);
    }
    if let Some(seconds) = expiry_s {
        Property::MessageExpiry(seconds).write(out);
    }
    if let Some(text) = &message.content_type {
        Property::ContentType(text).write(out);
    }
    if let Some(topic) = &message.response_topic {
        Property::ResponseTopic(topic).write(out);
    }
    if let Some(bytes) = &message.correlation {
        Property::Correlation(bytes).write(out);
    }
    for (name, value) in &message.user {
        Property::User((name, value)).write(out);
    }
}

/// The key under which a run keeps this variant; the properties are the run's own, so they make no variants.
pub(in crate::mqtt) fn run_key(version: Version, qos: Qos, retain: bool) -> u32 {
    MQTT_KEY | u32::from(version == Version::V5) << 3 | u32::from(qos.number()) << 1 | u32::from(retain)
}

/// The key of the variant that has a topic alias in place of the topic; see [`patch_alias`].
pub(in crate::mqtt) fn aliased_key(key: u32) -> u32 {
    key | 1 << 4
}

/// What a topic alias takes in a packet.
pub(in crate::mqtt) const ALIAS_BYTES: usize = 3;

/// Writes a topic alias over the one that stands in a message without a topic; `mark` is the message's own.
pub(in crate::mqtt) fn patch_alias(bytes: &mut [u8], mark: usize, qos: Qos, alias: u16) {
    let mut at = mark + if qos == Qos::AtMostOnce { 0 } else { 2 };
    // The alias is the first property, behind their length and its own number.
    while bytes[at] & 0x80 != 0 {
        at += 1;
    }
    bytes[at + 2..at + 4].copy_from_slice(&alias.to_be_bytes());
}

/// Encodes all messages of a run, with marks where the packet identifiers go, or would. QoS 0 has them only where the alias
/// stands for the topic.
pub(in crate::mqtt) fn encode_run(run: &Run<'_>, frame: &PublishFrame<'_>, encoded: &mut Encoded) {
    let size = run.payloads().iter().map(|payload| frame.packet_len(payload)).sum();
    encoded.bytes.reserve_exact(size);
    let has_marks = frame.qos != Qos::AtMostOnce || frame.topic.is_empty();
    if has_marks {
        encoded.marks.reserve_exact(run.payloads().len());
    }
    for payload in run.payloads() {
        let mark = frame.put(false, None, payload, &mut encoded.bytes);
        if has_marks {
            // A run is what one read brought or one large packet: far below 4 GiB.
            encoded.marks.push(u32::try_from(mark).expect("an encoded run is below 4 GiB"));
        }
    }
}
