//! Frames as the standards show them, byte by byte, and streams cut wherever they can be cut.

use super::follow::{Content, Direction, Follower, Frame, Speaks};
use super::websocket::Inside;
use super::*;
use crate::mqtt::Version;

fn unhex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

/// Each field as `from..to name=value (clause)`.
fn told(annotation: &Annotation) -> Vec<String> {
    let line = |f: &Field| format!("{}..{} {}={} ({})", f.from, f.to, f.name, f.value, f.reference);
    annotation.fields.iter().map(line).collect()
}

fn check(annotation: &Annotation, kind: &str, summary: &str, fields: &[&str]) {
    assert_eq!((&*annotation.kind, &*annotation.summary), (kind, summary));
    assert_eq!(told(annotation), fields);
}

/// MQTT 5 figure 3-6 and its neighbours: the example of a CONNECT, with a payload as its flags demand.
#[test]
fn the_standards_connect() {
    let packet = unhex(
        "10 2b 00 04 4d 51 54 54 05 ce 00 0a 05 11 00 00 00 0a 00 01 63 00 00 03 61 2f 62 00 03 62 79 65 00 03 6a 6f 65 00 06 73 65 63 72 65 74",
    );
    let annotation = mqtt::annotate(&packet, packet.len(), Version::V3_1_1);
    check(
        &annotation,
        "CONNECT",
        "c · MQTT 5 · keep-alive 10 s · clean start · user joe",
        &[
            "0..1 packet type=1 CONNECT (MQTT 5.0 §2.1.2)",
            "0..1 flags=0000 (MQTT 5.0 §2.1.3)",
            "1..2 remaining length=43 bytes (MQTT 5.0 §2.1.4)",
            "2..8 protocol name=MQTT (MQTT 5.0 §3.1.2.1)",
            "8..9 protocol version=5 (MQTT 5.0 §3.1.2.2)",
            "9..10 user name flag=1 (MQTT 5.0 §3.1.2.8)",
            "9..10 password flag=1 (MQTT 5.0 §3.1.2.9)",
            "9..10 will retain=0 (MQTT 5.0 §3.1.2.7)",
            "9..10 will QoS=1 (MQTT 5.0 §3.1.2.6)",
            "9..10 will flag=1 (MQTT 5.0 §3.1.2.5)",
            "9..10 clean start=1 (MQTT 5.0 §3.1.2.4)",
            "9..10 reserved=0 (MQTT 5.0 §3.1.2.3)",
            "10..12 keep alive=10 s (MQTT 5.0 §3.1.2.10)",
            "12..13 property length=5 bytes (MQTT 5.0 §3.1.2.11.1)",
            "13..18 session expiry interval=10 (MQTT 5.0 §3.1.2.11.2)",
            "18..21 client identifier=c (MQTT 5.0 §3.1.3.1)",
            "21..22 will property length=0 bytes (MQTT 5.0 §3.1.3.2.1)",
            "22..27 will topic=a/b (MQTT 5.0 §3.1.3.3)",
            "27..32 will payload=bye (MQTT 5.0 §3.1.3.4)",
            "32..37 user name=joe (MQTT 5.0 §3.1.3.5)",
            "37..45 password=•••• (MQTT 5.0 §3.1.3.6)",
        ],
    );
    assert_eq!(annotation.redacted, [Range { start: 39, end: 45 }]);
}

#[test]
fn a_connect_of_before() {
    let packet = unhex("10 13 00 04 4d 51 54 54 04 80 00 3c 00 00 00 05 74 6f 6b 65 6e");
    let annotation = mqtt::annotate(&packet, packet.len(), Version::V5);
    assert_eq!(annotation.summary, " · MQTT 3.1.1 · keep-alive 60 s");
    let last = annotation.fields.last().unwrap();
    assert_eq!((&*last.name, &*last.value, &*last.reference), ("user name", HIDDEN, "MQTT 3.1.1 §3.1.3.4"));
    assert_eq!(annotation.redacted, [Range { start: 16, end: 21 }]);
    // With an empty password the name may be a token, too.
    let packet = unhex("10 15 00 04 4d 51 54 54 04 c0 00 3c 00 00 00 05 74 6f 6b 65 6e 00 00");
    let annotation = mqtt::annotate(&packet, packet.len(), Version::V5);
    assert_eq!(annotation.redacted, [Range { start: 16, end: 21 }]);
}

/// MQTT 3.1.1 figure 3.11 and MQTT 5 figure 3-9: a PUBLISH to `a/b` with the packet identifier 10.
#[test]
fn the_standards_publish() {
    let packet = unhex("33 0a 00 03 61 2f 62 00 0a 32 31 2e");
    check(
        &mqtt::annotate(&packet, packet.len(), Version::V3_1_1),
        "PUBLISH",
        "a/b · QoS 1 · retained · 3 bytes",
        &[
            "0..1 packet type=3 PUBLISH (MQTT 3.1.1 §2.2.1)",
            "0..1 DUP=0 (MQTT 3.1.1 §3.3.1.1)",
            "0..1 QoS=1 (MQTT 3.1.1 §3.3.1.2)",
            "0..1 RETAIN=1 (MQTT 3.1.1 §3.3.1.3)",
            "1..2 remaining length=10 bytes (MQTT 3.1.1 §2.2.3)",
            "2..7 topic=a/b (MQTT 3.1.1 §3.3.2.1)",
            "7..9 packet identifier=10 (MQTT 3.1.1 §2.3.1)",
            "9..12 payload=21. (MQTT 3.1.1 §3.3.3)",
        ],
    );
    let packet = unhex("32 0e 00 03 61 2f 62 00 0a 03 23 00 07 41 42 43");
    let annotation = mqtt::annotate(&packet, packet.len(), Version::V5);
    assert_eq!(
        told(&annotation)[7..],
        [
            "9..10 property length=3 bytes (MQTT 5.0 §3.3.2.3.1)",
            "10..13 topic alias=7 (MQTT 5.0 §3.3.2.3.4)",
            "13..16 payload=ABC (MQTT 5.0 §3.3.3)",
        ]
    );
}

/// Every packet, with its properties: what it is in a line.
#[test]
fn each_packet_in_a_line() {
    for (version, packet, kind, summary) in [
        (Version::V3_1_1, "20 02 01 00", "CONNACK", "success · session present"),
        (Version::V3_1_1, "20 02 00 04", "CONNACK", "bad user name or password"),
        (Version::V5, "20 09 00 87 06 1f 00 03 6e 6f 21", "CONNACK", "not authorized"),
        (Version::V3_1_1, "40 02 00 0a", "PUBACK", "packet 10"),
        (Version::V5, "40 03 00 0a 10", "PUBACK", "packet 10 · no matching subscribers"),
        (Version::V5, "40 0a 00 0a 99 06 1f 00 03 6e 6f 21", "PUBACK", "packet 10 · payload format invalid"),
        (Version::V5, "50 02 00 0a", "PUBREC", "packet 10"),
        (Version::V5, "62 04 00 0a 92 00", "PUBREL", "packet 10 · packet identifier not found"),
        (Version::V5, "70 02 00 0a", "PUBCOMP", "packet 10"),
        // MQTT 3.1.1 figure 3.23, MQTT 5 figure 3-21.
        (Version::V3_1_1, "82 0e 00 0a 00 03 61 2f 62 01 00 03 63 2f 64 02", "SUBSCRIBE", "a/b · QoS 1, c/d · QoS 2"),
        (Version::V5, "82 0b 00 0a 02 0b 05 00 03 61 2f 62 2d", "SUBSCRIBE", "a/b · QoS 1"),
        // MQTT 3.1.1 figure 3.26.
        (Version::V3_1_1, "90 05 00 0a 00 02 80", "SUBACK", "packet 10, granted QoS 0, QoS 2 at the most, failure"),
        (Version::V5, "90 04 00 0a 00 87", "SUBACK", "packet 10, not authorized"),
        (Version::V3_1_1, "a2 0c 00 0a 00 03 61 2f 62 00 03 63 2f 64", "UNSUBSCRIBE", "a/b, c/d"),
        (Version::V3_1_1, "b0 02 00 0a", "UNSUBACK", "packet 10"),
        (Version::V5, "b0 04 00 0a 00 11", "UNSUBACK", "packet 10, no subscription existed"),
        (Version::V3_1_1, "c0 00", "PINGREQ", ""),
        (Version::V5, "d0 00", "PINGRESP", ""),
        (Version::V3_1_1, "e0 00", "DISCONNECT", "goodbye"),
        (Version::V5, "e0 01 8e", "DISCONNECT", "session taken over"),
        (Version::V5, "f0 00", "AUTH", "success"),
        (Version::V5, "f0 0b 18 09 15 00 01 53 16 00 02 68 69", "AUTH", "continue authentication"),
    ] {
        let bytes = unhex(packet);
        let annotation = mqtt::annotate(&bytes, bytes.len(), version);
        assert_eq!((&*annotation.kind, &*annotation.summary), (kind, summary), "{packet}");
        assert!(annotation.fields.iter().all(|field| !field.reference.is_empty()), "{packet}");
        assert_eq!(annotation.fields.last().unwrap().to, bytes.len(), "{packet}");
        // And nothing of it breaks anything when less of it was kept.
        for kept in 0..bytes.len() {
            mqtt::annotate(&bytes[..kept], bytes.len(), version);
        }
    }
}

#[test]
fn proofs_are_hidden() {
    let bytes = unhex("f0 0b 18 09 15 00 01 53 16 00 02 68 69");
    let annotation = mqtt::annotate(&bytes, bytes.len(), Version::V5);
    assert_eq!(annotation.redacted, [Range { start: 11, end: 13 }]);
    let secret = annotation.fields.last().unwrap();
    assert_eq!((&*secret.name, &*secret.value), ("authentication data", HIDDEN));
    assert_eq!(secret.reference, "MQTT 5.0 §3.15.2.2.3");
}

#[test]
fn what_breaks_the_standard_is_said_and_hides_nothing_but_secrets() {
    for (packet, why) in [
        ("00 00", "the packet type 0 is forbidden"),
        ("30 04 00 09 61 62", "the topic takes 9 bytes, and 2 are left"),
        ("36 05 00 03 61 2f 62", "there is no QoS 3 [MQTT-3.3.1-4]"),
        ("30 08 00 03 61 2f 62 02 63 00", "there is no property 99"),
        ("30 80 80 80 80 01", "the remaining length has more than four bytes"),
        ("10 0d 00 04 4d 51 54 54 05 40 00 0a 00 00 01 63", "the packet has 15 bytes by its length, and 16 are there"),
    ] {
        let bytes = unhex(packet);
        let annotation = mqtt::annotate(&bytes, bytes.len(), Version::V5);
        let last = annotation.fields.last().unwrap();
        if packet.starts_with("10 0d") {
            // What lies behind a CONNECT might be a password.
            assert_eq!((last.name.as_str(), annotation.redacted.is_empty()), ("malformed", false), "{annotation:?}");
            continue;
        }
        assert_eq!((&*last.name, &*last.note), ("malformed", why), "{packet}");
    }
}

/// RFC 6455 section 5.7.
#[test]
fn the_standards_frames() {
    for (frame, kind, summary) in [
        ("81 05 48 65 6c 6c 6f", "text", "5 bytes · Hello"),
        ("81 85 37 fa 21 3d 7f 9f 4d 51 58", "text", "5 bytes · Hello"),
        ("01 03 48 65 6c", "text", "3 bytes · Hel"),
        ("80 02 6c 6f", "continuation", "2 bytes · lo"),
        ("89 05 48 65 6c 6c 6f", "ping", "5 bytes · Hello"),
        ("8a 85 37 fa 21 3d 7f 9f 4d 51 58", "pong", "5 bytes · Hello"),
        ("88 02 03 e8", "close", "1000 normal closure"),
        ("88 00", "close", "without a reason"),
    ] {
        let bytes = unhex(frame);
        let annotation = websocket::annotate(&bytes, bytes.len(), Inside::Text);
        assert_eq!((&*annotation.kind, &*annotation.summary), (kind, summary), "{frame}");
        assert!(annotation.redacted.is_empty());
    }
    check(
        &websocket::annotate(&unhex("81 85 37 fa 21 3d 7f 9f 4d 51 58"), 11, Inside::Text),
        "text",
        "5 bytes · Hello",
        &[
            "0..1 FIN=1 (RFC 6455 §5.2)",
            "0..1 RSV1–3=000 (RFC 6455 §5.2)",
            "0..1 opcode=0x1 text (RFC 6455 §5.2, §11.8)",
            "1..2 MASK=1 (RFC 6455 §5.1)",
            "1..2 payload length=5 (RFC 6455 §5.2)",
            "2..6 masking key=37 fa 21 3d (RFC 6455 §5.3)",
            "6..11 payload=Hello (RFC 6455 §5.6)",
        ],
    );
    let mut frame = unhex("82 7e 01 00");
    frame.resize(4 + 256, 0);
    let annotation = websocket::annotate(&frame, frame.len(), Inside::Text);
    assert_eq!(told(&annotation)[5], "2..4 extended length=256 bytes (RFC 6455 §5.2)");
    let mut frame = unhex("82 7f 00 00 00 00 00 01 00 00");
    frame.resize(4_096, 0);
    let annotation = websocket::annotate(&frame, 10 + 65_536, Inside::Text);
    assert_eq!(told(&annotation)[5], "2..10 extended length=65536 bytes (RFC 6455 §5.2)");
    assert_eq!(annotation.summary, "65536 bytes · 65536 bytes");
    let annotation = websocket::annotate(&unhex("89 7e 00 80"), 132, Inside::Text);
    assert!(annotation.summary.contains("malformed"), "{}", annotation.summary);
}

#[test]
fn what_is_inside_of_a_websocket_is_hidden_where_it_may_be_secret() {
    let bytes = unhex("82 85 37 fa 21 3d 7f 9f 4d 51 58");
    let annotation = websocket::annotate(&bytes, bytes.len(), Inside::Stream);
    assert_eq!(annotation.redacted, [Range { start: 6, end: 11 }]);
    assert!(!format!("{annotation:?}").contains("Hello"));
    let text = br#"{"op":"hello","session":"abc","last":3}"#;
    let frame = [&[0x81, 0x27][..], text].concat();
    let annotation = websocket::annotate(&frame, frame.len(), Inside::Text);
    assert_eq!(annotation.redacted, [Range { start: 2 + 25, end: 2 + 28 }]);
    assert!(annotation.summary.contains(r#""session":"***""#), "{}", annotation.summary);
    let frame = [&[0x82, 0x0d][..], b"\xa1\x67session\x63abc"].concat();
    let annotation = websocket::annotate(&frame, frame.len(), Inside::Text);
    assert_eq!(annotation.redacted, [Range { start: 12, end: 15 }]);
    let frame = [&[0x82, 0x16][..], b"\xa2\x67session\x61a\x65token\x79\x00\x02bc"].concat();
    let annotation = websocket::annotate(&frame, frame.len(), Inside::Text);
    assert_eq!(annotation.redacted, [Range { start: 12, end: 13 }, Range { start: 22, end: 24 }]);
}

#[test]
fn whatever_is_named_after_a_secret_in_a_message_is_hidden() {
    for (text, safe) in [
        (r#"{"op":"auth","token":"abc","password":"d"}"#, r#"{"op":"auth","token":"***","password":"*"}"#),
        (r#"{"Token" : "abc"}"#, r#"{"Token" : "***"}"#),
        (r#"{"my_api_key":12,"a":1}"#, r#"{"my_api_key":**,"a":1}"#),
        (r#"{"token":"a\"b","a":1}"#, r#"{"token":"****","a":1}"#),
        (r#"{"op":"token","a":"b"}"#, r#"{"op":"token","a":"b"}"#),
        (r#"{"token":"#, r#"{"token":"#),
        (r#"{"token":"abc"#, r#"{"token":"***"#),
        (r#"{"state":"open\"#, r#"{"state":"open\"#),
    ] {
        let frame = [&[0x81, u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat();
        let annotation = websocket::annotate(&frame, frame.len(), Inside::Text);
        assert!(annotation.summary.ends_with(safe), "{text}: {}", annotation.summary);
    }
}

#[test]
fn of_subprotocols_those_that_are_known_are_shown() {
    let head = b"GET /api/ws HTTP/1.1\r\nSec-WebSocket-Protocol: housewire.v1.json, bearer.abc\r\n\r\n";
    let annotation = http::annotate_head(head, head.len());
    assert!(told(&annotation).iter().any(|line| line.contains("Sec-WebSocket-Protocol=housewire.v1.json, ••••")));
    let hidden: Vec<_> = annotation.redacted.iter().map(|range| &head[range.clone()]).collect();
    assert_eq!(hidden, [b" bearer.abc"]);
}

/// RFC 9112 section 2.1 begins with a request like this; RFC 7617 section 2 has the credentials.
#[test]
fn the_head_of_a_request() {
    let head = b"GET /hello.txt?a=1&t%6Fken=abc HTTP/1.1\r\nHost: www.example.com\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\nCookie: a=b; c=d\r\n\r\n";
    let annotation = http::annotate_head(head, head.len());
    check(
        &annotation,
        "request",
        "GET /hello.txt?a=1&t%6Fken=••••",
        &[
            "0..3 method=GET (RFC 9110 §9)",
            "4..30 target=/hello.txt?a=1&t%6Fken=•••• (RFC 9112 §3.2)",
            "31..39 version=HTTP/1.1 (RFC 9112 §2.3)",
            "41..64 Host=www.example.com (RFC 9110 §7.2)",
            "64..115 Authorization=Basic •••• (RFC 9110 §11.6.2)",
            "115..133 Cookie=a=••••; c=•••• (RFC 6265 §5.4)",
            "133..135 end=empty line (RFC 9112 §2.1)",
        ],
    );
    let hidden: Vec<_> = annotation.redacted.iter().map(|range| &head[range.clone()]).collect();
    assert_eq!(hidden, [&b"abc"[..], b"QWxhZGRpbjpvcGVuIHNlc2FtZQ==", b"b", b"d"]);
}

#[test]
fn the_head_of_an_answer() {
    let head = b"HTTP/1.1 401 Unauthorized\r\nSet-Cookie: s=secret; Path=/\r\nX-Api-Key: k\r\nLocation: /a?secret=x&b=1\r\nContent-Length: 3\r\n\r\n";
    let annotation = http::annotate_head(head, head.len());
    assert_eq!((&*annotation.kind, &*annotation.summary), ("answer", "401 Unauthorized"));
    assert_eq!(told(&annotation)[3], "27..57 Set-Cookie=s=••••; Path=/ (RFC 6265 §4.1)");
    let hidden: Vec<_> = annotation.redacted.iter().map(|range| &head[range.clone()]).collect();
    assert_eq!(hidden, [&b"secret"[..], b" k", b"x"]);
    let broken = b"GET / HTTP/1.1\r\nno colon, a secret\r\n\r\n";
    let annotation = http::annotate_head(broken, broken.len());
    assert_eq!(annotation.redacted, [Range { start: 16, end: broken.len() }]);
}

/// Blynk's APIs have a device's token in the path, or in the query.
#[test]
fn tokens_in_targets_are_hidden_whatever_form_they_have() {
    const TOKEN: &str = "0123456789abcdef0123456789abcd-_";
    let encoded = TOKEN.replace('0', "%30");
    let cut = &TOKEN[..24];
    for (target, safe) in [
        (format!("/{TOKEN}/get/V1"), "/••••/get/V1"),
        (format!("/{TOKEN}"), "/••••"),
        (format!("//{TOKEN}/update/V1?value=7"), "//••••/update/V1?value=7"),
        (format!("/{encoded}/get/V1"), "/••••/get/V1"),
        (format!("/{cut}/get/V1"), "/••••/get/V1"),
        (format!("/pin/{TOKEN}/V1"), "/pin/••••/V1"),
        (format!("/%20{TOKEN}%0a/get/V1"), "/••••/get/V1"),
        (format!("http://hub:8080/{TOKEN}/get/V1"), "http://hub:8080/••••/get/V1"),
        (format!("/a://b/{TOKEN}"), "/a://b/••••"),
        (format!("/external/api/get?token={TOKEN}&v1"), "/external/api/get?token=••••&v1"),
        (format!("/external/api/get?v1&t%6Fken={TOKEN}"), "/external/api/get?v1&t%6Fken=••••"),
        (format!("/external/api/get?token%3D{TOKEN}&v1"), "/external/api/get?••••&v1"),
        (format!("/external/api/get?{TOKEN}"), "/external/api/get?••••"),
        ("/external/api/update?token=&v1=7".into(), "/external/api/update?token=&v1=7"),
        (format!("http://ann:{cut}@hub/api/devices"), "http://••••@hub/api/devices"),
        (format!("/api/devices?a=1;token={cut};c&d"), "/api/devices?a=1;token=••••&d"),
        ("/api/topics/a@b?x=http://a@b".into(), "/api/topics/a@b?x=http://a@b"),
    ] {
        assert_eq!(http::without_secrets(&target), safe, "{target}");
        let head = format!("GET {target} HTTP/1.1\r\nReferer: {target}\r\nHost: hub\r\n\r\n");
        let annotation = http::annotate_head(head.as_bytes(), head.len());
        let told = format!("{annotation:?}");
        assert!(!told.contains(cut) && !told.contains(&encoded), "{told}");
        assert_eq!(annotation.summary, format!("GET {safe}"));
        let hidden: Vec<_> = annotation.redacted.iter().map(|range| &head[range.clone()]).collect();
        assert!(hidden.iter().all(|part| part.contains(cut) || part.contains(&encoded)), "{hidden:?}");
        assert_eq!(hidden.len(), if safe.contains(HIDDEN) { 2 } else { 0 }, "{target}");
    }
    // Names of devices are no secret, and the page's own paths are not as long.
    for target in [format!("/api/devices/{TOKEN}/power"), "/devices/living-room-temperature".into(), "/?a=b".into()] {
        assert_eq!(http::without_secrets(&target), target);
    }
}

/// RFC 9112 section 7.1.
#[test]
fn chunks() {
    let chunk = b"4;x=y\r\nWiki\r\n";
    check(
        &http::annotate_chunk(chunk, chunk.len(), true),
        "chunk",
        "4 bytes · Wiki",
        &[
            "0..7 chunk size=4 = 4 bytes (RFC 9112 §7.1)",
            "7..11 data=Wiki (RFC 9112 §7.1)",
            "11..13 end=CR LF (RFC 9112 §7.1)",
        ],
    );
    let annotation = http::annotate_chunk(chunk, chunk.len(), false);
    assert!(!format!("{annotation:?}").contains("Wiki"));
    assert_eq!(annotation.redacted, [Range { start: 7, end: 11 }]);
    assert_eq!(http::annotate_chunk(b"0\r\n\r\n", 5, true).summary, "the last one");
}

fn may_show(path: &str) -> bool {
    path.starts_with("/open")
}

/// Pieces as they come, and which frames they make: transport, bytes.
fn follow(follower: &mut Follower, pieces: &[(Direction, &[u8])]) -> Vec<Frame> {
    let mut frames = Vec::new();
    for (direction, bytes) in pieces {
        follower.push(*direction, bytes, false, &mut frames);
    }
    frames
}

#[test]
fn packets_are_found_however_they_are_cut() {
    let stream = unhex("10 0d 00 04 4d 51 54 54 05 02 00 3c 00 00 00 c0 00 30 06 00 03 61 2f 62 00");
    for size in 1..=stream.len() {
        let mut follower = Follower::new(Speaks::Mqtt(Version::V3_1_1), true, may_show);
        let pieces: Vec<_> = stream.chunks(size).map(|piece| (Direction::In, piece)).collect();
        let frames = follow(&mut follower, &pieces);
        let kinds: Vec<_> = frames.iter().map(|frame| frame.annotate().kind).collect();
        assert_eq!(kinds, ["CONNECT", "PINGREQ", "PUBLISH"], "{size}");
        assert!(frames.iter().all(|frame| frame.content == Content::Mqtt(Version::V5)));
    }
    let mut follower = Follower::new(Speaks::Mqtt(Version::V5), false, may_show);
    let mut frames = Vec::new();
    follower.push(Direction::In, &unhex("4d 51"), false, &mut frames);
    follower.push(Direction::In, &unhex("c0 00"), true, &mut frames);
    assert_eq!(
        frames.iter().map(|frame| frame.content).collect::<Vec<_>>(),
        [Content::Middle, Content::Mqtt(Version::V5)]
    );
}

#[test]
fn frames_of_blynk_are_found_however_they_are_cut() {
    let stream = unhex("1d 00 01 00 03 61 62 63 00 00 02 00 c8 14 00 03 00 06 76 77 00 31 00 32 06 00 04 00 00");
    for size in 1..=stream.len() {
        let mut follower = Follower::new(Speaks::Blynk, true, may_show);
        let pieces: Vec<_> = stream.chunks(size).map(|piece| (Direction::In, piece)).collect();
        let frames = follow(&mut follower, &pieces);
        let kinds: Vec<_> = frames.iter().map(|frame| frame.annotate().kind).collect();
        assert_eq!(kinds, ["hardware login", "response", "hardware", "ping"], "{size}");
        assert!(frames.iter().all(|frame| frame.content.transport() == "blynk"));
        assert!(!format!("{:?}", frames[0].annotate()).contains("abc"));
    }
    // Who comes in the middle is told where a frame begins.
    let mut follower = Follower::new(Speaks::Blynk, false, may_show);
    let mut frames = Vec::new();
    follower.push(Direction::Out, b"abc", false, &mut frames);
    follower.push(Direction::Out, &stream[8..13], true, &mut frames);
    let told: Vec<_> = frames.iter().map(|frame| frame.annotate().summary).collect();
    assert_eq!(told[1..], ["200 ok · to message 2"]);
    assert!(frames[0].content == Content::Middle && !told[0].contains("abc"));
}

#[test]
fn requests_bodies_and_what_becomes_of_them() {
    use Direction::{In, Out};
    let exchange: &[(Direction, &[u8])] = &[
        (In, b"PUT /open/a HTTP/1.1\r\nContent-Length: 2\r\n\r\n"),
        (In, b"on"),
        (Out, b"HTTP/1.1 204 No Content\r\n\r\n"),
        (In, b"POST /session HTTP/1.1\r\nContent-Length: 6\r\n\r\nsec"),
        (In, b"ret"),
        (Out, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nto"),
        (Out, b"ken\r\n0\r\n\r\n"),
        (In, b"HEAD http://hub/open HTTP/1.1\r\n\r\n"),
        (Out, b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"),
        (In, b"GET /mqtt HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
        (Out, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x82\x01a"),
        (In, b"\x82\x81\0\0\0\0a"),
    ];
    let mut follower = Follower::new(Speaks::Http, true, may_show);
    let frames = follow(&mut follower, exchange);
    let kinds: Vec<_> = frames.iter().map(|frame| frame.annotate().kind).collect();
    let expected = [
        "request", "body", "answer", "request", "body", "answer", "answer", "chunk", "chunk", "request", "answer",
        "request", "answer", "binary", "binary",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(frames[1].annotate().summary, "2 bytes · on");
    let told = format!("{:?}", frames.iter().map(Frame::annotate).collect::<Vec<_>>());
    assert!(!told.contains("secret\"") && !told.contains("token"), "{told}");

    // However it is cut.
    let mut byte_by_byte = Vec::new();
    let mut follower = Follower::new(Speaks::Http, true, may_show);
    for (direction, bytes) in exchange {
        for byte in *bytes {
            follower.push(*direction, &[*byte], false, &mut byte_by_byte);
        }
    }
    assert_eq!(byte_by_byte, frames);
}

#[test]
fn who_comes_in_the_middle_sees_nothing_of_what_began_before() {
    use Direction::{In, Out};
    let mut follower = Follower::new(Speaks::Http, false, may_show);
    let frames = follow(
        &mut follower,
        &[
            (In, b"orization: Bearer abc\r\n\r\n"),
            (In, b"GET /open HTTP/1.1\r\n\r\n"),
            (Out, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntoken"),
            (In, b"GET /open HTTP/1.1\r\n\r\n"),
            (Out, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\non"),
        ],
    );
    let told: Vec<_> = frames.iter().map(|frame| (frame.content, frame.annotate().summary)).collect();
    assert!(!format!("{told:?}").contains("token") && !format!("{told:?}").contains("abc"), "{told:?}");
    assert_eq!(told.last().unwrap().1, "2 bytes · on");
    assert_eq!(told[0].0, Content::Middle);
    let mut follower = Follower::new(Speaks::Http, true, may_show);
    assert!(follow(&mut follower, &[(In, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0")]).is_empty());
    assert!(follower.is_http2());
}
