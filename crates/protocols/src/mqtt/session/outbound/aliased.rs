//! Messages that go by topic alias: a first one that tells it, then those without the topic.
//!
//! What is sent again goes with its topic: an alias is known to the connection it was told on, and to no other.

use housewire_core::{Encoded, Qos};

use super::Outbound;
use crate::mqtt::codec::{ALIAS_BYTES, PublishFrame, patch_alias};
use crate::mqtt::packet::PacketId;
use crate::mqtt::session::Link;
use crate::mqtt::session::aliases::Plan;

impl Outbound {
    /// How so many messages to a topic are to be sent for the first time.
    pub(super) fn plan_topic(&mut self, topic: &str, messages: usize) -> Plan {
        self.aliases.as_mut().map_or(Plan::Full, |aliases| aliases.plan(topic, messages))
    }

    /// Appends a message that was never sent. `frame` is the one with the topic, which was found to be small enough, and
    /// `aliased` makes the one that has an alias too.
    pub(super) fn put_first<'f>(
        &mut self,
        link: &Link,
        frame: &PublishFrame<'f>,
        packet_id: Option<PacketId>,
        payload: &[u8],
        aliased: impl FnOnce(u16) -> PublishFrame<'f>,
    ) {
        self.sent.add_publish(payload);
        // The properties' length may grow by a byte, and so may the packet's.
        let is_too_large = || frame.packet_len(payload) + ALIAS_BYTES + 2 > link.packet_bytes_max;
        match self.plan_topic(frame.topic, 1) {
            Plan::Known(alias) => {
                PublishFrame { topic: "", ..aliased(alias) }.put(false, packet_id, payload, self.output.tail());
            }
            Plan::New(alias) if !is_too_large() => {
                if let Some(aliases) = &mut self.aliases {
                    aliases.assign(alias, frame.topic);
                }
                aliased(alias).put(false, packet_id, payload, self.output.tail());
            }
            Plan::Full | Plan::New(_) => {
                frame.put(false, packet_id, payload, self.output.tail());
            }
        }
    }

    /// Writes the alias into messages that were encoded for all who have one.
    pub(super) fn patch_aliases(&mut self, start: usize, encoded: &Encoded, qos: Qos, alias: u16) {
        for mark in &encoded.marks {
            patch_alias(self.output.tail(), start + *mark as usize, qos, alias);
        }
    }
}
