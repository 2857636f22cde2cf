//! A client's own half of its session, and what it sends for it.

use std::collections::{BTreeSet, VecDeque};

use housewire_core::Qos;
use housewire_protocols::mqtt::*;

use super::network::Connection;

#[derive(Default)]
pub(super) struct SessionState {
    /// QoS 1 and 2, in the order in which they were published.
    pub(super) sending: VecDeque<Sending>,
    /// QoS 2 messages that were handed on and not released.
    pub(super) received: BTreeSet<PacketId>,
    pub(super) subscribing: Option<PacketId>,
    pub(super) is_subscribed: bool,
}

/// A message on its way to the hub.
pub(super) struct Sending {
    pub(super) packet_id: PacketId,
    pub(super) number: u32,
    pub(super) payload: Vec<u8>,
    pub(super) topic: &'static str,
    /// What is awaited.
    pub(super) step: AckStep,
}

impl Sending {
    pub(super) fn packet(&self, dup: bool) -> Packet<'_> {
        let qos = match self.step {
            AckStep::PubComp => return Packet::PubRel(Ack::new(self.packet_id, ReasonCode::Success)),
            AckStep::PubRec => Qos::ExactlyOnce,
            AckStep::PubAck => Qos::AtLeastOnce,
        };
        publish_packet(self.topic, qos, Some(self.packet_id), &self.payload, dup)
    }
}

pub(super) fn publish_packet<'a>(
    topic: &'a str,
    qos: Qos,
    packet_id: Option<PacketId>,
    payload: &'a [u8],
    dup: bool,
) -> Packet<'a> {
    let (retain, topic_alias, properties) = (false, None, None);
    let subscription_identifiers = Vec::new();
    Packet::Publish(Publish {
        dup,
        qos,
        retain,
        topic,
        packet_id,
        topic_alias,
        subscription_identifiers,
        properties,
        payload,
    })
}

pub(super) fn send(connection: &mut Connection, version: Version, packet: &Packet<'_>) {
    let mut bytes = Vec::new();
    encode(packet, version, &mut bytes);
    connection.send_to_hub(&bytes);
}

impl SessionState {
    /// The lowest one that is free: each is used again as soon as can be.
    pub(super) fn free_id(&self) -> PacketId {
        let is_used = |packet_id| {
            self.subscribing == Some(packet_id) || self.sending.iter().any(|sending| sending.packet_id == packet_id)
        };
        let mut packet_id = PacketId::FIRST;
        while is_used(packet_id) {
            packet_id = packet_id.next();
        }
        packet_id
    }
}
