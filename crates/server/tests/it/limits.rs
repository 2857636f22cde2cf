//! Bounds of the configuration, as a client meets them.

use std::time::{Duration, Instant};

use crate::http_client::{call, get, text};
use crate::test_hub::{PATIENCE, RawClient, TestHub};

/// CONNECT of an MQTT 5 client: keep-alive 60, session expiry 3,600 s, client id of one letter, clean start off.
const CONNECT_5: &str = "10 13 0004 4d515454 05 00 003c 05 1100000e10 0001 61";

#[test]
fn mqtt_5_clients_are_told_how_long_their_session_is_kept() {
    let hub = TestHub::builder().limits(|limits| limits.mqtt_session_expiry = Some(Duration::from_secs(60))).start();
    let mut client = RawClient::connect(hub.mqtt());
    client.send_hex(CONNECT_5);
    let (kind, connack) = client.read_packet();
    assert_eq!(kind, 0x20);
    let expiry = [0x11, 0, 0, 0, 60];
    assert!(connack.windows(5).any(|window| window == expiry), "{connack:x?}");
    assert_eq!(get(&hub, "/api/clients/a").expect(200).json()["session_expiry_s"], 60);
}

#[test]
fn a_session_of_mqtt_3_ends_after_the_longest_time() {
    let hub = TestHub::builder().limits(|limits| limits.mqtt_session_expiry = Some(Duration::from_secs(1))).start();
    let mut client = RawClient::connect(hub.mqtt());
    // 3.1.1, clean session off, then DISCONNECT
    client.send_hex("10 0d 0004 4d515454 04 00 003c 0001 61 e0 00");
    client.expect_hex("20 02 0000");
    client.expect_end();
    assert_eq!(get(&hub, "/api/clients/a").expect(200).json()["session_expiry_s"], 1);
    let start = Instant::now();
    while get(&hub, "/api/clients/a").status == 200 {
        assert!(start.elapsed() < PATIENCE, "the session does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    let metrics = get(&hub, "/api/metrics").expect(200);
    for line in [
        "housewire_mqtt_sessions_expired_total 1",
        "housewire_limit_reached_total{limit=\"mqtt_session_expiry\"} 1",
        "housewire_limit_bound{limit=\"mqtt_session_expiry\"} 1",
    ] {
        assert!(metrics.text().lines().any(|have| have == line), "{line} is missing in {}", metrics.text());
    }
}

#[test]
fn a_topic_over_the_bound_is_refused_through_every_door() {
    let hub = TestHub::builder().limits(|limits| limits.topic_levels = 8).start();
    let deep = "a/a/a/a/a/a/a/a/a";
    text(&hub, "PUT", &format!("/api/topics/{deep}"), "x").expect_problem(400, "invalid_topic", &["8", "topic_levels"]);
    assert_eq!(text(&hub, "PUT", "/api/topics/a/a/a/a/a/a/a/a", "x").status, 204);
    let mut client = RawClient::connect(hub.mqtt());
    client.send_hex(CONNECT_5);
    assert_eq!(client.read_packet().0, 0x20);
    let hex: String = deep.bytes().map(|byte| format!("{byte:02x}")).collect();
    // PUBLISH with QoS 1, answered with "topic name invalid"; SUBSCRIBE, answered with "topic filter invalid".
    client.send_hex(&format!("32 17 0011 {hex} 0001 00 78"));
    let (kind, puback) = client.read_packet();
    assert_eq!((kind, puback[2]), (0x40, 0x90));
    client.send_hex(&format!("82 17 0002 00 0011 {hex} 00"));
    let (kind, suback) = client.read_packet();
    assert_eq!((kind, suback.last()), (0x90, Some(&0x8f)));
}

#[test]
fn retained_messages_over_the_bound_are_refused_through_every_door() {
    let hub = TestHub::builder().limits(|limits| limits.retained_bytes = 10).start();
    // Without a content type, which would be kept and count.
    let put = |topic: &str, payload: &[u8]| call(&hub, "PUT", &format!("/api/topics/{topic}"), &[], payload);
    put("a", b"123").expect(204);
    put("b", b"123456789").expect_problem(507, "full", &["10", "retained_bytes"]);
    let mut client = RawClient::connect(hub.mqtt());
    client.send_hex(CONNECT_5);
    assert_eq!(client.read_packet().0, 0x20);
    // Retained, QoS 1: "quota exceeded"; retained, QoS 0: dropped.
    client.send_hex("33 0f 0001 62 0001 00 313233343536373839");
    let (kind, puback) = client.read_packet();
    assert_eq!((kind, puback[2]), (0x40, 0x97));
    client.send_hex("31 0d 0001 62 00 313233343536373839 c0 00");
    client.expect_hex("d0 00");
    assert_eq!(get(&hub, "/api/topics/b").status, 404);
}

#[test]
fn a_queue_over_its_bound_drops_the_newest_and_counts_it() {
    let hub = TestHub::builder().limits(|limits| limits.mqtt_queue_messages = 3).start();
    let mut client = RawClient::connect(hub.mqtt());
    client.send_hex(CONNECT_5);
    assert_eq!(client.read_packet().0, 0x20);
    client.send_hex("82 07 0001 00 0001 74 01 e0 00");
    client.expect_hex("90 04 0001 00 01");
    client.expect_end();
    for payload in 1..=5 {
        assert_eq!(text(&hub, "POST", "/api/topics/t?qos=1", &payload.to_string()).status, 204);
    }
    let shown = get(&hub, "/api/clients/a").expect(200).json();
    assert_eq!((&shown["queued"]["messages"], &shown["dropped"]["overflow"]), (&3.into(), &2.into()), "{shown}");
    let mut client = RawClient::connect(hub.mqtt());
    client.send_hex(CONNECT_5);
    assert_eq!(client.read_packet().0, 0x20);
    for payload in [b'1', b'2', b'3'] {
        assert_eq!(client.read_packet().1.last(), Some(&payload));
    }
}

#[test]
fn a_keep_alive_above_the_bound_is_told_another_one() {
    let hub = TestHub::builder().limits(|limits| limits.mqtt_keep_alive = Some(Duration::from_secs(60))).start();
    for (asked, told) in [(0_u16, true), (61, true), (60, false)] {
        let mut client = RawClient::connect(hub.mqtt());
        client.send_hex(&format!("10 0e 0004 4d515454 05 02 {asked:04x} 00 0001 61"));
        let (kind, body) = client.read_packet();
        assert_eq!((kind, body[1]), (0x20, 0));
        // Server Keep Alive (MQTT 5 section 3.2.2.3.14).
        let is_told = body.windows(3).any(|property| property == [0x13, 0, 60]);
        assert_eq!(is_told, told, "{asked} s: {body:x?}");
    }
}
