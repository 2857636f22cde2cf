//! What kept MQTT sessions find again after a restart of the hub. Crashes are in the end-to-end tests, which can kill.

use std::time::Duration;

use housewire::{DurabilityMode, GuestPolicy};

use crate::http_client::get;
use crate::test_hub::{RawClient, TestHub};

/// MQTT 3.1.1, keep-alive 60, client identifier of one letter, session kept.
fn resume(hub: &TestHub, letter: u8, session_present: bool) -> RawClient {
    let mut client = RawClient::connect(hub.mqtt());
    client.send_hex(&format!("10 0d 0004 4d515454 04 00 003c 0001 {letter:02x}"));
    client.expect_hex(if session_present { "20 02 01 00" } else { "20 02 00 00" });
    client
}

/// MQTT 3.1.1 with a clean session.
fn clean(hub: &TestHub, letter: u8) -> RawClient {
    let mut client = RawClient::connect(hub.mqtt());
    client.send_hex(&format!("10 0d 0004 4d515454 04 02 003c 0001 {letter:02x}"));
    client.expect_hex("20 02 00 00");
    client
}

const DISCONNECT: &str = "e0 00";

/// Leaves a session that is subscribed to `t` with this QoS.
fn subscribe_and_leave(hub: &TestHub, letter: u8, qos: u8) {
    let mut client = resume(hub, letter, false);
    client.send_hex(&format!("82 06 0001 0001 74 {qos:02x}"));
    client.expect_hex(&format!("90 03 0001 {qos:02x}"));
    client.send_hex(DISCONNECT);
    client.expect_end();
}

#[test]
fn what_was_queued_arrives_in_order_after_a_restart() {
    let mut hub = TestHub::start();
    subscribe_and_leave(&hub, b's', 2);
    let mut publisher = clean(&hub, b'p');
    publisher.send_hex("32 06 0001 74 0007 31 34 06 0001 74 0008 32 32 06 0001 74 0009 33");
    publisher.expect_hex("40 02 0007 50 02 0008 40 02 0009");
    hub.restart();
    let mut subscriber = resume(&hub, b's', true);
    subscriber.expect_hex("32 06 0001 74 0001 31");
    subscriber.expect_hex("34 06 0001 74 0002 32");
    subscriber.expect_hex("32 06 0001 74 0003 33");
    subscriber.send_hex("40 02 0001 50 02 0002 40 02 0003");
    subscriber.expect_hex("62 02 0002");
    subscriber.send_hex("70 02 0002");
    // The subscription is there, too, and nothing is left of what was delivered.
    let mut publisher = clean(&hub, b'p');
    publisher.send_hex("30 04 0001 74 34");
    subscriber.expect_hex("30 04 0001 74 34");
    drop(subscriber);
    hub.restart();
    let mut subscriber = resume(&hub, b's', true);
    subscriber.send_hex("c0 00");
    subscriber.expect_hex("d0 00");
}

#[test]
fn what_was_on_its_way_goes_on_with_its_packet_identifiers() {
    let mut hub = TestHub::start();
    subscribe_and_leave(&hub, b's', 2);
    let mut subscriber = resume(&hub, b's', true);
    let mut publisher = clean(&hub, b'p');
    publisher.send_hex("32 06 0001 74 0001 31 34 06 0001 74 0002 32 34 06 0001 74 0003 33");
    publisher.expect_hex("40 02 0001 50 02 0002 50 02 0003");
    subscriber.expect_hex("32 06 0001 74 0001 31 34 06 0001 74 0002 32 34 06 0001 74 0003 33");
    // The second one is the client's now; the first and the third it never said anything about.
    subscriber.send_hex("50 02 0002");
    subscriber.expect_hex("62 02 0002");
    drop((subscriber, publisher));
    hub.restart();
    let mut subscriber = resume(&hub, b's', true);
    subscriber.expect_hex("3a 06 0001 74 0001 31 62 02 0002 3c 06 0001 74 0003 33");
    let mut publisher = clean(&hub, b'p');
    publisher.send_hex("32 06 0001 74 0001 34");
    subscriber.expect_hex("32 06 0001 74 0004 34");
}

#[test]
fn a_qos_2_message_that_was_received_is_not_published_again() {
    let mut hub = TestHub::start();
    let mut watcher = clean(&hub, b'w');
    watcher.send_hex("82 06 0001 0001 74 00");
    watcher.expect_hex("90 03 0001 00");
    let mut publisher = resume(&hub, b'p', false);
    publisher.send_hex("34 06 0001 74 0005 31");
    publisher.expect_hex("50 02 0005");
    watcher.expect_hex("30 04 0001 74 31");
    drop((publisher, watcher));
    hub.restart();
    let mut watcher = clean(&hub, b'w');
    watcher.send_hex("82 06 0001 0001 74 00");
    watcher.expect_hex("90 03 0001 00");
    let mut publisher = resume(&hub, b'p', true);
    publisher.send_hex("3c 06 0001 74 0005 31");
    publisher.expect_hex("50 02 0005");
    publisher.send_hex("62 02 0005");
    publisher.expect_hex("70 02 0005");
    // Now the identifier stands for a new message, and does so after another restart.
    drop(publisher);
    hub.restart();
    let mut watcher = clean(&hub, b'w');
    watcher.send_hex("82 06 0001 0001 74 00");
    watcher.expect_hex("90 03 0001 00");
    let mut publisher = resume(&hub, b'p', true);
    publisher.send_hex("34 06 0001 74 0005 32");
    publisher.expect_hex("50 02 0005");
    watcher.expect_hex("30 04 0001 74 32");
}

#[test]
fn a_clean_start_leaves_nothing_on_disk() {
    let mut hub = TestHub::start();
    subscribe_and_leave(&hub, b's', 1);
    let mut publisher = clean(&hub, b'p');
    publisher.send_hex("32 06 0001 74 0001 31");
    publisher.expect_hex("40 02 0001");
    drop(clean(&hub, b's'));
    hub.restart();
    let mut subscriber = resume(&hub, b's', false);
    subscriber.send_hex("c0 00");
    subscriber.expect_hex("d0 00");
}

#[test]
fn unsubscribing_outlives_a_restart() {
    let mut hub = TestHub::start();
    subscribe_and_leave(&hub, b's', 1);
    let mut subscriber = resume(&hub, b's', true);
    subscriber.send_hex("a2 05 0002 0001 74");
    subscriber.expect_hex("b0 02 0002");
    drop(subscriber);
    hub.restart();
    let mut subscriber = resume(&hub, b's', true);
    let mut publisher = clean(&hub, b'p');
    publisher.send_hex("32 06 0001 74 0001 31");
    publisher.expect_hex("40 02 0001");
    subscriber.send_hex("c0 00");
    subscriber.expect_hex("d0 00");
}

/// MQTT 5, session kept for `expiry_s`, a will `w` with payload `x` after `delay_s`.
fn with_will(hub: &TestHub, letter: u8, expiry_s: u32, delay_s: u32) -> RawClient {
    let mut client = RawClient::connect(hub.mqtt());
    client.send_hex(&format!(
        "10 1f 0004 4d515454 05 04 003c 05 11 {expiry_s:08x} 0001 {letter:02x} 05 18 {delay_s:08x} 0001 77 0001 78"
    ));
    let (kind, body) = client.read_packet();
    assert_eq!((kind, body[1]), (0x20, 0), "CONNACK");
    client
}

fn watch_wills(hub: &TestHub) -> RawClient {
    let mut watcher = clean(hub, b'w');
    watcher.send_hex("82 06 0001 0001 77 00");
    watcher.expect_hex("90 03 0001 00");
    watcher
}

#[test]
fn a_delayed_will_outlives_a_restart() {
    let mut hub = TestHub::start();
    drop(with_will(&hub, b's', 100, 2));
    hub.restart();
    let shown = get(&hub, "/api/clients/s").expect(200).json();
    assert_eq!((&shown["session_expiry_s"], &shown["connected"]), (&100.into(), &false.into()));
    watch_wills(&hub).expect_hex("30 04 0001 77 78");
    // It is published once.
    hub.restart();
    let mut watcher = watch_wills(&hub);
    watcher.send_hex("c0 00");
    watcher.expect_hex("d0 00");
}

#[test]
fn a_session_ends_in_time_though_the_hub_was_away() {
    let mut hub = TestHub::start();
    drop(with_will(&hub, b's', 1, 100));
    hub.stop();
    std::thread::sleep(Duration::from_millis(1_100));
    hub.restart();
    // The will is due with the end of its session at the latest.
    let mut watcher = watch_wills(&hub);
    let mut client = RawClient::connect(hub.mqtt());
    client.send_hex("10 13 0004 4d515454 05 00 003c 05 11 00000064 0001 73");
    let (_, body) = client.read_packet();
    assert_eq!(body[0], 0, "no session is present");
    watcher.send_hex("c0 00");
    watcher.expect_hex("d0 00");
}

#[test]
fn relaxed_durability_keeps_sessions_over_a_proper_stop() {
    let mut hub = TestHub::builder().settings(|settings| settings.durability = Some(DurabilityMode::Relaxed)).start();
    subscribe_and_leave(&hub, b's', 2);
    let mut publisher = clean(&hub, b'p');
    publisher.send_hex("34 06 0001 74 0001 31");
    publisher.expect_hex("50 02 0001");
    hub.restart();
    resume(&hub, b's', true).expect_hex("34 06 0001 74 0001 31");
}

/// A QoS 1 PUBLISH to `t`.
fn publish(packet_id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = b"\x00\x01t".to_vec();
    body.extend(packet_id.to_be_bytes());
    body.extend(payload);
    let mut packet = vec![0x32];
    let mut length = body.len();
    while length >= 0x80 {
        packet.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    packet.push(length as u8);
    packet.extend(body);
    packet
}

#[test]
fn a_long_queue_behind_large_messages_arrives_whole() {
    const LARGE: u16 = 5;
    const ALL: u16 = 3_005;
    let hub = TestHub::start();
    subscribe_and_leave(&hub, b's', 1);
    let mut publisher = clean(&hub, b'p');
    for number in 1..=ALL {
        let payload = if number <= LARGE { vec![b'x'; 200_000] } else { number.to_be_bytes().to_vec() };
        publisher.send(&publish(number, &payload));
        publisher.expect_hex(&format!("40 02 {number:04x}"));
    }
    // MQTT 5, at most five at a time: what is large makes more output at once than the hub has waiting for one client.
    let mut subscriber = RawClient::connect(hub.mqtt());
    subscriber.send_hex("10 16 0004 4d515454 05 00 0000 08 11 ffffffff 21 0005 0001 73");
    assert_eq!(subscriber.read_packet().0, 0x20);
    for number in 1..=ALL {
        let (kind, body) = subscriber.read_packet();
        assert_eq!((kind, body.len() > 100_000), (0x32, number <= LARGE), "message {number}");
        subscriber.send(&[&[0x40, 2], &body[3..5]].concat());
    }
}

#[test]
fn an_expired_session_is_not_resumed_however_busy_the_hub_is() {
    let mut hub = TestHub::start();
    drop(with_will(&hub, b's', 1, 0));
    hub.stop();
    std::thread::sleep(Duration::from_millis(1_100));
    hub.restart();
    let mut client = RawClient::connect(hub.mqtt());
    client.send_hex("10 13 0004 4d515454 05 00 003c 05 11 00000064 0001 73");
    let (_, body) = client.read_packet();
    assert_eq!(body[0], 0, "no session is present");
}

#[test]
fn guests_that_are_shut_out_for_a_while_find_their_sessions_again() {
    let mut hub = TestHub::start();
    subscribe_and_leave(&hub, b's', 1);
    let mut publisher = clean(&hub, b'p');
    publisher.send_hex("32 06 0001 74 0007 31");
    publisher.expect_hex("40 02 0007");
    drop(publisher);
    for _ in 0..2 {
        hub.restart_with(|settings| settings.guest = Some(GuestPolicy::Off));
        let mut refused = RawClient::connect(hub.mqtt());
        refused.send_hex("10 0d 0004 4d515454 04 00 003c 0001 73");
        refused.expect_hex("20 02 00 05");
        refused.expect_end();
    }
    hub.restart_with(|settings| settings.guest = Some(GuestPolicy::Loopback));
    let mut subscriber = resume(&hub, b's', true);
    subscriber.expect_hex("32 06 0001 74 0001 31");
    subscriber.send_hex("40 02 0001");
    let mut publisher = clean(&hub, b'p');
    publisher.send_hex("30 04 0001 74 34");
    subscriber.expect_hex("30 04 0001 74 34");
}
