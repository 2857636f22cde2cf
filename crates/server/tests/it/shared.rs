//! Shared subscriptions over real sockets: who gets what, and what becomes of it when a member leaves.

use crate::test_hub::{RawClient, TestHub};
use crate::ws_client::Ws;

/// CONNECT of a 3.1.1 client with an id of one letter.
fn connect(hub: &TestHub, letter: u8, flags: u8, connack: &str) -> RawClient {
    let mut client = RawClient::connect(hub.mqtt());
    client.send_hex(&format!("10 0d 0004 4d515454 04 {flags:02x} 003c 0001 {letter:02x}"));
    client.expect_hex(connack);
    client
}

const CLEAN: u8 = 2;
const KEPT: u8 = 0;
const NEW: &str = "20 02 00 00";
const RESUMED: &str = "20 02 01 00";

/// A member of the group `g` of the topic `t`.
fn join(hub: &TestHub, letter: u8, flags: u8, qos: u8) -> RawClient {
    let mut client = connect(hub, letter, flags, NEW);
    // SUBSCRIBE to "$share/g/t"
    client.send_hex(&format!("82 0f 0001 000a 24736861 72652f67 2f74 {qos:02x}"));
    client.expect_hex(&format!("90 03 0001 {qos:02x}"));
    client
}

/// Publishes numbers of one byte to `t` in one write, QoS 1, and waits until all are acknowledged.
fn publish(hub: &TestHub, numbers: std::ops::Range<u8>) {
    let mut publisher = connect(hub, b'p', CLEAN, NEW);
    let packets: String =
        numbers.clone().map(|number| format!("32 06 0001 74 00{:02x} {number:02x}", number + 1)).collect();
    publisher.send_hex(&packets);
    publisher.expect_hex(&numbers.map(|number| format!("40 02 00{:02x}", number + 1)).collect::<String>());
}

/// The payloads of the next messages.
fn payloads(client: &mut RawClient, count: usize) -> Vec<u8> {
    (0..count).map(|_| *client.read_packet().1.last().expect("a payload")).collect()
}

/// Nothing more has come: the answer to a ping is next.
fn expect_nothing_more(client: &mut RawClient) {
    client.send_hex("c0 00");
    client.expect_hex("d0 00");
}

#[test]
fn a_burst_is_shared_fairly_and_in_order() {
    let hub = TestHub::start();
    let mut members = [b'a', b'b', b'c'].map(|letter| join(&hub, letter, CLEAN, 0));
    publish(&hub, 0..100);
    let mut seen: Vec<Vec<u8>> = Vec::new();
    // 100 messages in all: one of the three gets 34 of them.
    for member in &mut members {
        let mut payloads = payloads(member, 33);
        member.send_hex("c0 00");
        loop {
            match member.read_packet() {
                (0xd0, _) => break,
                (_, body) => payloads.extend(body.last()),
            }
        }
        assert!(payloads.len() <= 34 && payloads.is_sorted_by(|one, next| one < next), "{payloads:?}");
        seen.push(payloads);
    }
    let mut all = seen.concat();
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<u8>>());
}

#[test]
fn what_a_leaving_member_did_not_acknowledge_goes_to_another() {
    for flags in [CLEAN, KEPT] {
        let hub = TestHub::start();
        let mut leaving = join(&hub, b'a', flags, 1);
        publish(&hub, 0..20);
        assert_eq!(payloads(&mut leaving, 20), (0..20).collect::<Vec<u8>>());
        leaving.send_hex("40 02 0001 40 02 0002 c0 00");
        leaving.expect_hex("d0 00");
        let mut staying = join(&hub, b'b', CLEAN, 1);
        drop(leaving);
        assert_eq!(payloads(&mut staying, 18), (2..20).collect::<Vec<u8>>());
        publish(&hub, 20..22);
        assert_eq!(payloads(&mut staying, 2), [20, 21], "who is there comes before who may come back");
        expect_nothing_more(&mut staying);
        if flags == KEPT {
            expect_nothing_more(&mut connect(&hub, b'a', KEPT, RESUMED));
        }
    }
}

#[test]
fn a_long_queue_goes_to_another_whole_and_in_order() {
    let hub = TestHub::start();
    let mut leaving = join(&hub, b'a', KEPT, 1);
    publish(&hub, 0..200);
    assert_eq!(payloads(&mut leaving, 10), (0..10).collect::<Vec<u8>>());
    let mut staying = join(&hub, b'b', CLEAN, 0);
    drop(leaving);
    assert_eq!(payloads(&mut staying, 200), (0..200).collect::<Vec<u8>>());
    expect_nothing_more(&mut connect(&hub, b'a', KEPT, RESUMED));
}

#[test]
fn what_another_drops_is_there_when_its_member_comes_back() {
    let mut hub = TestHub::start();
    let mut leaving = join(&hub, b'a', KEPT, 1);
    let mut publisher = connect(&hub, b'p', CLEAN, NEW);
    for number in 1..=10 {
        // PUBLISH of 1,000 bytes
        publisher.send_hex(&format!("32 ed07 0001 74 00{number:02x} {}", format!("{number:02x}").repeat(1_000)));
        publisher.expect_hex(&format!("40 02 00{number:02x}"));
    }
    assert_eq!(payloads(&mut leaving, 10), (1..=10).collect::<Vec<u8>>());
    // Maximum Packet Size is 100.
    let mut narrow = RawClient::connect(hub.mqtt());
    narrow.send_hex("10 13 0004 4d515454 05 02 003c 05 27 00000064 0001 62");
    narrow.send_hex("82 10 0001 00 000a 24736861 72652f67 2f74 01");
    assert_eq!([narrow.read_packet().0, narrow.read_packet().0], [0x20, 0x90]);
    drop(leaving);
    // The hub has seen that it is gone when another connection has its name.
    let mut back = connect(&hub, b'a', KEPT, RESUMED);
    assert_eq!(payloads(&mut back, 10), (1..=10).collect::<Vec<u8>>());
    expect_nothing_more(&mut narrow);
    drop(back);
    hub.restart();
    let mut back = connect(&hub, b'a', KEPT, RESUMED);
    assert_eq!(payloads(&mut back, 10), (1..=10).collect::<Vec<u8>>());
}

#[test]
fn a_group_that_is_away_finds_its_messages_after_a_restart() {
    let mut hub = TestHub::start();
    drop(join(&hub, b'a', KEPT, 1));
    publish(&hub, 0..5);
    hub.restart();
    let mut member = connect(&hub, b'a', KEPT, RESUMED);
    assert_eq!(payloads(&mut member, 5), (0..5).collect::<Vec<u8>>());
    publish(&hub, 5..6);
    assert_eq!(payloads(&mut member, 1), [5], "it is still a member");
}

#[test]
fn a_websocket_may_be_a_member() {
    let hub = TestHub::start();
    let mut other = join(&hub, b'a', CLEAN, 0);
    let mut socket = Ws::open(&hub);
    socket.subscribe("$share/g/t");
    publish(&hub, 0..4);
    let mut seen = payloads(&mut other, 2);
    expect_nothing_more(&mut other);
    seen.extend((0..2).map(|_| socket.next()["payload"].as_str().expect("text").as_bytes()[0]));
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3]);
}
