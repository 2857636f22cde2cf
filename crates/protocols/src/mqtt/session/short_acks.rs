//! Acknowledgements as nearly every client writes them, four bytes each, one behind the other: a subscriber with QoS 1 or 2 sends
//! little else. Taking them from the buffer at once spares each the way of a packet, which costs several times as much.

use std::time::Instant;

use super::event::{AckStep, Acknowledgement};
use super::inbound::Inbound;
use crate::mqtt::packet::PacketId;
use crate::mqtt::reason::ReasonCode;

/// Bytes of each: type, flags of zero, a length of two, and the packet identifier; success is meant (MQTT 5 sections 3.4.2.1, 3.5.2.1, 3.7.2.1).
pub const SHORT_ACK_BYTES: usize = 4;

impl Inbound {
    /// Takes the short acknowledgements at the front of `buffer`, in order; how many there were. They mean what [`super::super::decode`]
    /// and [`Inbound::handle_packet`] make of them, and take four bytes each. Everything else is left for these.
    #[inline]
    pub fn take_short_acks(&mut self, buffer: &[u8], acks: &mut Vec<Acknowledgement>, now: Instant) -> usize {
        if !self.is_connected() || buffer.first().is_none_or(|first| step(*first).is_none()) {
            return 0;
        }
        let short = buffer.as_chunks::<SHORT_ACK_BYTES>().0.iter().map_while(|bytes| acknowledgement(*bytes));
        let before = acks.len();
        acks.extend(short);
        let count = acks.len() - before;
        if count > 0 {
            self.hear(now);
        }
        count
    }
}

fn acknowledgement([first, length, high, low]: [u8; SHORT_ACK_BYTES]) -> Option<Acknowledgement> {
    let step = step(first).filter(|_| length == 2)?;
    let packet_id = PacketId::new(u16::from_be_bytes([high, low]))?;
    Some(Acknowledgement { step, packet_id, reason: ReasonCode::Success })
}

fn step(first: u8) -> Option<AckStep> {
    match first {
        0x40 => Some(AckStep::PubAck),
        0x50 => Some(AckStep::PubRec),
        0x70 => Some(AckStep::PubComp),
        _ => None,
    }
}
