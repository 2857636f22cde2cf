//! What a mailbox leaves with the connection that it serves.

use housewire_protocols::mqtt::{AckStep, ReasonCode};

use super::*;

#[test]
fn a_burst_leaves_no_memory_behind() {
    let mailbox = MqttMailbox::new(Arc::new(MqttLimits::default()), "a".into(), Arc::new(Stats::new(1)));
    let packet_id = PacketId::new(1).unwrap();
    let ack = Acknowledgement { step: AckStep::PubAck, packet_id, reason: ReasonCode::Success };
    let (mut acks, mut replies) = (vec![ack; 8_000], vec![0; 8_000]);
    mailbox.respond(&mut acks, &mut replies).unwrap();
    assert!(acks.is_empty() && replies.is_empty());
    assert!(acks.capacity() * size_of::<Acknowledgement>() <= REPLIES_KEPT_BYTES, "{}", acks.capacity());
    assert!(replies.capacity() <= REPLIES_KEPT_BYTES, "{}", replies.capacity());
}
