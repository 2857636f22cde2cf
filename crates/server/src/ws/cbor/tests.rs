use std::time::Duration;

use housewire_core::{Filter, Qos, Topic, TopicRef};
use proptest::prelude::*;

use super::*;
use crate::limits::JSON_DEPTH_MAX;

/// CBOR from hexadecimal digits; blanks mean nothing.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// A map of these texts, and behind them raw entries in hexadecimal.
fn map(texts: &[(&str, &str)], raw: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new(&mut out).map((texts.len() + raw.len()) as u64).unwrap();
    for (name, value) in texts {
        Encoder::new(&mut out).str(name).unwrap().str(value).unwrap();
    }
    for (name, value) in raw {
        Encoder::new(&mut out).str(name).unwrap();
        out.extend(hex(value));
    }
    out
}

fn one(bytes: &[u8]) -> Operation<'_> {
    match parse(bytes) {
        Frame::One(operation) => operation,
        Frame::Many(operations) => panic!("{operations:?}"),
    }
}

fn payload(value: &str) -> Result<Vec<u8>, Refusal> {
    let frame = map(&[("op", "publish"), ("topic", "a")], &[("payload", value)]);
    one(&frame).request.map(|request| match request {
        Request::Publish(publish) => publish.payload.into_owned(),
        other => panic!("{other:?}"),
    })
}

#[test]
fn operations_that_are_understood() {
    let filter = || Filter::parse("a/#").unwrap();
    let set = Publish {
        topic: Topic::parse("devices/a/b/set").unwrap(),
        payload: Cow::Borrowed(b"\x00\xff"),
        qos: Qos::ExactlyOnce,
        retain: true,
        ttl: Some(Duration::from_millis(1_500)),
    };
    for (frame, expected) in [
        (map(&[("op", "subscribe"), ("filter", "a/#")], &[("id", "01")]), Request::Subscribe(filter())),
        (map(&[("filter", "a/#"), ("op", "unsubscribe")], &[]), Request::Unsubscribe(filter())),
        (map(&[("op", "get"), ("topic", "a")], &[("id", "f6")]), Request::Get(Topic::parse("a").unwrap())),
        (map(&[("op", "ping")], &[]), Request::Ping),
        (map(&[("op", "ack")], &[("last", "1903e8")]), Request::Acknowledge(1_000)),
        (map(&[("op", "hello")], &[]), Request::Hello(Hello { session: None, keep: None })),
        (
            map(&[("op", "hello"), ("session", "x")], &[("last", "09"), ("keep", "183c")]),
            Request::Hello(Hello { session: Some(("x".into(), 9)), keep: Some(Duration::from_secs(60)) }),
        ),
        (
            map(
                &[("op", "publish"), ("topic", "devices/a/b/set")],
                &[("payload", "4200ff"), ("qos", "02"), ("retain", "f5"), ("ttl", "f93e00")],
            ),
            Request::Publish(set),
        ),
        // A map of indefinite length.
        (hex("bf 62 6f70 64 70696e67 ff"), Request::Ping),
    ] {
        let operation = one(&frame);
        assert_eq!(operation.request.as_ref().unwrap(), &expected);
        assert_eq!(operation.into_owned().request.unwrap(), expected);
    }
}

#[test]
fn operations_that_are_refused() {
    let deep = |head: &str| {
        let levels = JSON_DEPTH_MAX + 1;
        format!("{}00{}", head.repeat(levels), if head == "9f" { "ff".repeat(levels) } else { String::new() })
    };
    for frame in [
        hex(""),
        hex("00"),
        hex("a0"),
        hex("80"),
        hex("ff"),
        // More is announced than is there.
        hex("bb ffffffffffffffff"),
        hex("9b ffffffffffffffff a0"),
        hex("a1 62 6f70 7b ffffffffffffffff 70"),
        hex("a1 62 6f70 64 70696e"),
        // Bad UTF-8, a name in pieces, a name that is a number, something behind the end, a break on its own.
        hex("a1 62 6f70 62 fffe"),
        hex("a1 7f 62 6f70 ff 64 70696e67"),
        hex("a1 00 64 70696e67"),
        hex("a1 62 6f70 64 70696e67 00"),
        hex("a1 62 6f70 ff"),
        map(&[("op", "dance")], &[]),
        map(&[], &[("op", "07")]),
        map(&[("op", "subscribe")], &[]),
        map(&[("op", "subscribe")], &[("filter", "07")]),
        map(&[("op", "ping"), ("filter", "a")], &[]),
        map(&[("op", "ping"), ("colour", "red")], &[]),
        map(&[("op", "ping"), ("op", "ping")], &[]),
        map(&[("op", "ping")], &[("id", "8101")]),
        map(&[("op", "ping")], &[("id", "40")]),
        map(&[("op", "publish"), ("topic", "a")], &[]),
        map(&[("op", "publish"), ("payload", "a")], &[]),
        map(&[("op", "publish"), ("topic", "a"), ("payload", "x")], &[("qos", "03")]),
        map(&[("op", "publish"), ("topic", "a"), ("payload", "x")], &[("qos", "20")]),
        map(&[("op", "publish"), ("topic", "a"), ("payload", "x")], &[("retain", "01")]),
        map(&[("op", "publish"), ("topic", "a"), ("payload", "x")], &[("ttl", "05")]),
        map(&[("op", "hello")], &[("last", "01")]),
        map(&[("op", "ack")], &[]),
        map(&[("op", "ping")], &[("payload", &deep("81"))]),
        map(&[("op", "ping")], &[("payload", &deep("9f"))]),
        map(&[("op", "publish"), ("topic", "a")], &[("payload", &deep("c1"))]),
    ] {
        assert!(matches!(one(&frame).request, Err(Refusal::BadRequest(_))), "{frame:02x?}");
    }
    let bomb = vec![0x81; 1_000_000];
    assert!(one(&bomb).request.unwrap_err().to_string().contains("deeper"));
    let bomb = vec![0x9f; 1_000_000];
    assert!(one(&bomb).request.is_err());
    assert!(matches!(one(&map(&[("op", "get"), ("topic", "a/+")], &[])).request, Err(Refusal::Topic(..))));
}

#[test]
fn payloads_on_their_way_in() {
    for (value, expected) in [
        ("43 00ff0a", b"\x00\xff\x0a".as_slice()),
        ("40", b""),
        ("62 6f6e", b"on"),
        ("f5", b"true"),
        ("f6", b"null"),
        ("07", b"7"),
        ("3863", b"-100"),
        ("1b ffffffffffffffff", b"18446744073709551615"),
        ("3b ffffffffffffffff", b"-18446744073709551616"),
        ("f9 3e00", b"1.5"),
        ("fa 40066666", b"2.1"),
        ("fb 4035800000000000", b"21.5"),
        ("82 01 83 f4 f6 61 22", br#"[1,[false,null,"\""]]"#),
        ("9f 01 02 ff", b"[1,2]"),
        ("a1 61 61 80", br#"{"a":[]}"#),
        ("bf 61 61 01 61 62 a0 ff", br#"{"a":1,"b":{}}"#),
        ("81 42 00ff", br#"[{"base64":"AP8="}]"#),
    ] {
        assert_eq!(payload(value).unwrap(), expected, "{value}");
    }
    // No number, undefined, a tag, keys that are no text, strings in pieces.
    for value in
        ["f9 7e00", "fb 7ff0000000000000", "f7", "c1 00", "c2 41 01", "a1 01 02", "7f 61 61 ff", "5f 41 00 ff", "e0"]
    {
        assert!(matches!(payload(value), Err(Refusal::BadRequest(_))), "{value}");
    }
}

#[test]
fn numbers_come_back_whatever_else_is_wrong() {
    for (id, expected) in
        [("182a", Some("182a")), ("63 616263", Some("63 616263")), ("f93e00", Some("f93e00")), ("f6", None)]
    {
        let frame = map(&[("op", "dance")], &[("id", id)]);
        assert_eq!(one(&frame).into_owned().id.map(Cow::into_owned), expected.map(hex), "{id}");
    }
    let long = "x".repeat(WS_ID_BYTES_MAX);
    assert!(one(&map(&[("op", "ping"), ("id", &long)], &[])).request.is_err());
}

#[test]
fn lists_are_done_one_by_one() {
    let ping = map(&[("op", "ping")], &[]);
    let list = |head: &str, len: usize, end: &str| [hex(head), ping.repeat(len), hex(end)].concat();
    for (frame, len) in [(list("83", 3, ""), 3), (list("9f", 2, "ff"), 2), (list("99 0100", 256, ""), 256)] {
        assert!(matches!(parse(&frame), Frame::Many(operations) if operations.len() == len));
    }
    let Frame::Many(operations) = parse(&[hex("82 07"), ping.clone()].concat()).into_owned() else { panic!("a list") };
    assert_eq!(operations.iter().map(|operation| operation.request.is_ok()).collect::<Vec<_>>(), [false, true]);
    assert!(one(&list("99 0101", 257, "")).request.unwrap_err().to_string().contains("at most"));
    assert!(one(&list("84", 3, "")).request.is_err());
}

#[test]
fn messages_and_answers() {
    let payloads = [b"1".as_slice(), b"\xff"];
    let run = Run::new(TopicRef::parse("a/b").unwrap(), &payloads);
    let mut encoded = Encoded::default();
    write_messages(&run, true, &mut encoded);
    let (first, second) = encoded.bytes.split_at(encoded.marks[0] as usize);
    let mut numbered = BytesMut::new();
    number_message(second, 1_000, &mut numbered);
    for (message, payload, sequence) in [(first, b"1".as_slice(), None), (&numbered, b"\xff", Some(1_000))] {
        let mut decoder = Decoder::new(message);
        assert_eq!(decoder.map().unwrap(), Some(6 + u64::from(sequence.is_some())));
        let mut text = |expected: &str| assert_eq!(decoder.str().unwrap(), expected);
        ["op", "message", "topic", "a/b", "payload"].into_iter().for_each(&mut text);
        assert_eq!(decoder.bytes().unwrap(), payload);
        assert_eq!((decoder.str().unwrap(), decoder.bool().unwrap()), ("retain", true));
        let mut text = |expected: &str| assert_eq!(decoder.str().unwrap(), expected);
        ["time", "1970-01-01T00:00:00.000000Z", "via", "hub"].into_iter().for_each(&mut text);
        if let Some(sequence) = sequence {
            assert_eq!((decoder.str().unwrap(), decoder.u64().unwrap()), ("seq", sequence));
        }
        assert_eq!(decoder.position(), message.len());
    }
    let fields =
        [("a", Value::Text("x")), ("b", Value::Number(7)), ("c", Value::Bool(true)), ("d", Value::Payload(b"\0"))];
    let written = answer(&Answer { op: "ok", id: Some(&[0x01]), fields: &fields });
    assert_eq!(written, hex("a6 62 6f70 62 6f6b 62 6964 01 61 61 61 78 61 62 07 61 63 f5 61 64 41 00"));
}

proptest! {
    #[test]
    fn anything_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        match parse(&bytes) {
            Frame::One(_) => {}
            Frame::Many(operations) => prop_assert!(operations.len() <= bytes.len()),
        }
    }

    #[test]
    fn payloads_of_any_shape_become_json(bytes in prop::collection::vec(any::<u8>(), 1..60)) {
        let mut decoder = Decoder::new(&bytes);
        if skip(&mut decoder).is_ok() && let Ok(payload) = payload_of(&bytes[..decoder.position()]) {
            let is_text = matches!(Decoder::new(&bytes).datatype(), Ok(Type::Bytes | Type::String));
            prop_assert!(is_text || serde_json::from_slice::<serde_json::Value>(&payload).is_ok());
        }
    }
}
