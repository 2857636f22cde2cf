//! Short acknowledgements mean what they would mean packet by packet.

use proptest::prelude::*;

use super::*;
use crate::mqtt::codec::decode;

fn inbound(version: Version) -> Inbound {
    connected(limits(), Connect::new(version, "a")).0
}

/// Packet by packet, until something is no acknowledgement of success.
fn taken_one_by_one(inbound: &mut Inbound, buffer: &[u8]) -> Vec<Acknowledgement> {
    let mut acks = Vec::new();
    let mut used = 0;
    while let Ok(Some((packet, length))) = decode(&buffer[used..], inbound.version(), inbound.packet_bytes_max())
        && length == SHORT_ACK_BYTES
        && let Ok(Event::Acknowledged(ack)) = inbound.handle_packet(packet, moment())
    {
        used += length;
        acks.push(ack);
    }
    acks
}

fn packets() -> impl Strategy<Value = Vec<u8>> {
    let ack = (prop::sample::select(vec![0x40, 0x50, 0x70]), 0_u16..40)
        .prop_map(|(first, id)| [&[first, 2], &id.to_be_bytes()[..]].concat());
    let other = prop::sample::select(vec![
        vec![0xc0, 0],
        vec![0x62, 2, 0, 1],
        vec![0x40, 3, 0, 1, 0x10],
        vec![0x41, 2, 0, 1],
        vec![0x50],
        vec![0x40, 2, 0],
    ]);
    prop::collection::vec(prop_oneof![8 => ack, 1 => other], 0..12).prop_map(|packets| packets.concat())
}

proptest! {
    #[test]
    fn they_are_what_they_would_be_one_by_one(buffer in packets(), is_v5: bool) {
        let version = if is_v5 { Version::V5 } else { Version::V3_1_1 };
        let mut acks = Vec::new();
        let count = inbound(version).take_short_acks(&buffer, &mut acks, moment());
        prop_assert_eq!(count, acks.len());
        prop_assert_eq!(acks, taken_one_by_one(&mut inbound(version), &buffer));
    }
}

#[test]
fn none_is_taken_before_the_client_is_let_in() {
    let mut acks = Vec::new();
    assert_eq!(Inbound::new(limits(), moment()).take_short_acks(&[0x40, 2, 0, 1], &mut acks, moment()), 0);
    assert!(acks.is_empty());
}
