//! What the vectors cannot show: bounds, buffers, memory, batches. The conversation itself is in `tests/vectors`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use housewire_core::{Delivery, Offer, Qos, Run, Timestamp, TopicRef};

use super::*;
use crate::limits::{HELD_BYTES, MqttLimits};
use crate::mqtt::packet::{Connect, Packet, PacketId, Publish};
use crate::mqtt::reason::ReasonCode;

mod bounds;
mod shared;
mod short_acks;

fn limits() -> Arc<MqttLimits> {
    Arc::new(MqttLimits {
        in_flight_max: 2,
        queue_len_max: 3,
        queue_bytes_max: 1_000,
        output_bytes_max: 100,
        reply_bytes_max: 10,
        ..MqttLimits::default()
    })
}

fn moment() -> Instant {
    #[allow(clippy::disallowed_methods)] // any moment will do; it never matters which
    Instant::now()
}

/// A connected pair of halves.
fn connected(limits: Arc<MqttLimits>, connect: Connect<'_>) -> (Inbound, Outbound) {
    let mut inbound = Inbound::new(Arc::clone(&limits), moment());
    inbound.handle_packet(Packet::Connect(Box::new(connect)), moment()).unwrap();
    let (_, link) = inbound.accept(None, None);
    let mut outbound = Outbound::new(limits);
    outbound.connect(link, &[], Timestamp::default());
    (inbound, outbound)
}

fn clean() -> Connect<'static> {
    Connect::new(Version::V3_1_1, "a")
}

fn kept() -> Connect<'static> {
    Connect { clean_start: false, ..clean() }
}

/// Offers `count` messages of ten bytes on the wire, of one byte of payload for QoS 1 and 2.
fn offer(outbound: &mut Outbound, qos: Qos, count: usize) -> Offer {
    let payload: &[u8] = if qos == Qos::AtMostOnce { b"123" } else { b"1" };
    let payloads = vec![payload; count];
    let run = Run::new(TopicRef::parse("top").unwrap(), &payloads).qos(qos);
    let delivery = Delivery { qos, retain: false, identifiers: Arc::default(), share: None };
    outbound.offer(&run, &delivery, Timestamp::default())
}

fn puback(outbound: &mut Outbound, packet_id: u16) {
    let packet_id = PacketId::new(packet_id).unwrap();
    let ack = Acknowledgement { step: AckStep::PubAck, packet_id, reason: ReasonCode::Success };
    outbound.handle_acks([ack], Timestamp::default()).unwrap();
}

fn drain(outbound: &mut Outbound) -> usize {
    let len = outbound.output().len();
    outbound.consume(len, Timestamp::default());
    len
}

#[test]
fn qos_0_over_the_output_bound_is_dropped_and_counted() {
    let (_, mut outbound) = connected(limits(), clean());
    assert_eq!(offer(&mut outbound, Qos::AtMostOnce, 9), Offer::Taken);
    assert!(outbound.is_congested());
    assert_eq!(offer(&mut outbound, Qos::AtMostOnce, 4), Offer::Dropped, "one fits, three do not");
    assert_eq!((outbound.output().len(), outbound.losses().overflow), (100, 3));
    assert_eq!(drain(&mut outbound), 100);
    assert_eq!(offer(&mut outbound, Qos::AtMostOnce, 1), Offer::Taken);
}

#[test]
fn qos_1_is_queued_up_to_the_bound_and_the_newest_dropped() {
    let (_, mut outbound) = connected(limits(), clean());
    assert_eq!(offer(&mut outbound, Qos::AtLeastOnce, 4), Offer::Taken, "two on their way, two in the queue");
    assert_eq!(offer(&mut outbound, Qos::AtLeastOnce, 3), Offer::Dropped, "one in the queue, two too many");
    assert_eq!(outbound.losses().overflow, 2);
    assert_eq!(drain(&mut outbound), 20);
    assert_eq!(outbound.output().len(), 0, "the window is full");
    puback(&mut outbound, 1);
    assert_eq!(drain(&mut outbound), 10);
    for packet_id in 2..=5 {
        puback(&mut outbound, packet_id);
    }
    assert_eq!(drain(&mut outbound), 20);
    assert_eq!(offer(&mut outbound, Qos::AtLeastOnce, 2), Offer::Taken);
    assert_eq!(drain(&mut outbound), 20);
}

#[test]
fn output_that_was_taken_makes_room_for_the_queue() {
    let (_, mut outbound) = connected(limits(), clean());
    offer(&mut outbound, Qos::AtMostOnce, 10);
    assert_eq!(offer(&mut outbound, Qos::AtLeastOnce, 1), Offer::Taken);
    assert_eq!(outbound.output().len(), 100);
    outbound.consume(40, Timestamp::default());
    assert_eq!(outbound.output().len(), 70);
}

#[test]
fn messages_are_kept_in_memory_only_for_sessions_that_are_kept() {
    for (connect, kept_messages) in [(clean(), 0), (kept(), 2)] {
        let (_, mut outbound) = connected(limits(), connect);
        let payloads: [&[u8]; 2] = [b"1", b"2"];
        let run = Run::new(TopicRef::parse("top").unwrap(), &payloads).qos(Qos::AtLeastOnce);
        let delivery = Delivery { qos: Qos::AtLeastOnce, retain: false, identifiers: Arc::default(), share: None };
        outbound.offer(&run, &delivery, Timestamp::default());
        // Each owned copy holds on to the payload that the run made once.
        let copies = run.messages().iter().filter(|message| Arc::strong_count(message) > 1).count();
        assert_eq!(copies, kept_messages);
    }
}

#[test]
fn what_is_held_for_sending_again_is_bounded_too() {
    let limits =
        Arc::new(MqttLimits { queue_bytes_max: 2 * (HELD_BYTES + 4), in_flight_max: 100, ..(*limits()).clone() });
    let (_, mut outbound) = connected(limits, kept());
    assert_eq!(offer(&mut outbound, Qos::AtLeastOnce, 1), Offer::Taken);
    assert_eq!(offer(&mut outbound, Qos::AtLeastOnce, 1), Offer::Taken, "four bytes each");
    assert_eq!(offer(&mut outbound, Qos::AtLeastOnce, 1), Offer::Dropped);
    puback(&mut outbound, 1);
    assert_eq!(offer(&mut outbound, Qos::AtLeastOnce, 1), Offer::Taken);
}

#[test]
fn a_closed_session_takes_nothing_and_a_kept_one_waits() {
    let (_, mut outbound) = connected(limits(), clean());
    offer(&mut outbound, Qos::AtLeastOnce, 1);
    outbound.disconnect();
    assert_eq!(offer(&mut outbound, Qos::AtLeastOnce, 1), Offer::Closed);
    let (_, mut outbound) = connected(limits(), kept());
    outbound.disconnect();
    assert_eq!(offer(&mut outbound, Qos::AtMostOnce, 1), Offer::Dropped);
    assert_eq!(offer(&mut outbound, Qos::AtLeastOnce, 3), Offer::Taken);
    assert_eq!(offer(&mut outbound, Qos::AtLeastOnce, 1), Offer::Dropped);
    assert_eq!(outbound.losses(), Losses { overflow: 1, ..Losses::default() }, "QoS 0 for the absent is no loss");
    outbound.append(b"a reply for nobody");
    assert_eq!(outbound.output(), b"");
    outbound.close();
    assert_eq!(offer(&mut outbound, Qos::AtLeastOnce, 1), Offer::Closed);
}

#[test]
fn replies_that_nobody_reads_stop_the_reading() {
    let (_, mut outbound) = connected(limits(), clean());
    offer(&mut outbound, Qos::AtMostOnce, 10);
    outbound.append(&[0; 10]);
    assert!(!outbound.is_backlogged());
    outbound.append(&[0]);
    assert!(outbound.is_backlogged());
    outbound.consume(1, Timestamp::default());
    assert!(!outbound.is_backlogged());
}

#[test]
fn buffers_are_lent_and_given_back() {
    let (_, mut outbound) = connected(limits(), clean());
    assert!(!outbound.has_buffer() && outbound.reclaim_buffer().is_none());
    outbound.lend_buffer(Vec::with_capacity(1_000));
    offer(&mut outbound, Qos::AtMostOnce, 1);
    assert!(outbound.reclaim_buffer().is_none(), "it is in use");
    drain(&mut outbound);
    assert_eq!(outbound.reclaim_buffer().map(|buffer| buffer.capacity()), Some(1_000));
    assert!(!outbound.has_buffer());
}

#[test]
fn a_long_output_is_taken_bit_by_bit() {
    let limits = Arc::new(MqttLimits { output_bytes_max: 1_000_000, ..MqttLimits::default() });
    let (_, mut outbound) = connected(limits, clean());
    let bytes: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
    outbound.append(&bytes);
    let mut taken = Vec::new();
    while !outbound.output().is_empty() {
        let len = outbound.output().len().min(9_999);
        taken.extend_from_slice(&outbound.output()[..len]);
        outbound.consume(len, Timestamp::default());
    }
    assert_eq!(taken, bytes);
}

#[test]
fn mqtt_5_clients_are_held_to_the_longest_keep_alive() {
    let limits = Arc::new(MqttLimits { keep_alive_max_s: Some(60), ..MqttLimits::default() });
    for (version, asked, told, seconds) in [
        (Version::V5, 0, Some(60), Some(90)),
        (Version::V5, 61, Some(60), Some(90)),
        (Version::V5, 10, None, Some(15)),
        (Version::V3_1_1, 100, None, Some(150)),
        (Version::V3_1_1, 0, None, None),
    ] {
        let now = moment();
        let mut inbound = Inbound::new(Arc::clone(&limits), now);
        let connect = Connect { keep_alive_s: asked, ..Connect::new(version, "a") };
        inbound.handle_packet(Packet::Connect(Box::new(connect)), now).unwrap();
        let (Packet::ConnAck(connack), _) = inbound.accept(None, None) else { panic!("it is a CONNACK") };
        assert_eq!(connack.server_keep_alive_s, told, "{version:?} asked for {asked}");
        assert_eq!(inbound.poll_timeout(), seconds.map(|seconds| now + Duration::from_secs(seconds)));
    }
}

#[test]
fn more_than_the_receive_maximum_ends_an_mqtt_5_connection() {
    let limits = Arc::new(MqttLimits { receive_maximum: 2, ..MqttLimits::default() });
    let publish = |packet_id, qos| {
        Packet::Publish(Publish {
            dup: false,
            qos,
            retain: false,
            topic: "t",
            packet_id: PacketId::new(packet_id),
            topic_alias: None,
            subscription_identifiers: Vec::new(),
            properties: None,
            payload: b"",
        })
    };
    let (mut inbound, _) = connected(Arc::clone(&limits), Connect::new(Version::V5, "a"));
    inbound.handle_packet(publish(1, Qos::AtLeastOnce), moment()).unwrap();
    inbound.handle_packet(publish(2, Qos::ExactlyOnce), moment()).unwrap();
    let mut replies = Vec::new();
    inbound.acknowledge(PacketId::new(1).unwrap(), Qos::AtLeastOnce, Outcome::SUCCESS, &mut replies);
    inbound.acknowledge(PacketId::new(2).unwrap(), Qos::ExactlyOnce, Outcome::SUCCESS, &mut replies);
    inbound.handle_packet(publish(3, Qos::AtLeastOnce), moment()).unwrap();
    let error = inbound.handle_packet(publish(4, Qos::AtLeastOnce), moment()).unwrap_err();
    assert_eq!(error.reason(), ReasonCode::ReceiveMaximumExceeded, "PUBREC does not end the exchange of 2");
    let (mut inbound, _) = connected(limits, clean());
    for packet_id in 1..100 {
        inbound.handle_packet(publish(packet_id, Qos::ExactlyOnce), moment()).unwrap();
    }
}

#[test]
fn a_message_that_was_not_published_is_new_when_it_comes_again() {
    let publish = |inbound: &mut Inbound| {
        let publish = Publish {
            dup: false,
            qos: Qos::ExactlyOnce,
            retain: false,
            topic: "top",
            packet_id: PacketId::new(7),
            topic_alias: None,
            subscription_identifiers: Vec::new(),
            properties: None,
            payload: b"1",
        };
        matches!(inbound.handle_packet(Packet::Publish(publish), moment()), Ok(Event::Publish(_)))
    };
    for is_published in [true, false] {
        let (mut inbound, _) = connected(limits(), kept());
        assert!(publish(&mut inbound));
        if !is_published {
            inbound.forget_received(PacketId::new(7).unwrap());
        }
        let detached = inbound.detach(moment());
        let mut inbound = Inbound::new(limits(), moment());
        inbound.handle_packet(Packet::Connect(Box::new(kept())), moment()).unwrap();
        inbound.accept(Some(detached), None);
        assert_eq!(publish(&mut inbound), !is_published);
    }
}

#[test]
fn a_batch_takes_what_continues_the_run() {
    let publication = |topic, qos: u8, retain| Publication {
        topic: PublishTopic::Named(TopicRef::parse(topic).unwrap()),
        payload: b"x",
        qos: Qos::from_number(qos).unwrap(),
        retain,
        dup: false,
        packet_id: PacketId::new(qos.into()),
        properties: None,
    };
    let mut batch = Batch::new();
    assert!(batch.run().is_none());
    assert!(batch.push(publication("t", 1, false)).is_ok());
    assert!(batch.push(publication("t", 1, false)).is_ok());
    for other in [publication("u", 1, false), publication("t", 0, false), publication("t", 1, true)] {
        assert_eq!(batch.push(other.clone()), Err(other));
    }
    let run = batch.run().unwrap();
    assert_eq!((run.topic().as_str(), run.payloads().len(), run.published_qos()), ("t", 2, Qos::AtLeastOnce));
    assert_eq!(batch.packet_ids().len(), 2);
    batch.clear();
    assert!(batch.push(publication("u", 0, true)).is_ok());
    assert!(batch.packet_ids().is_empty());
    assert!(batch.run().unwrap().is_retained());
}

#[test]
fn an_idle_session_costs_little() {
    assert!(size_of::<Inbound>() + size_of::<Outbound>() <= 400);
}
