//! MQTT over real sockets: what the shell adds to the machines, which have their own tests in `protocols`.

use std::time::Instant;

use crate::test_hub::{PATIENCE, RawClient, TestHub};

/// CONNECT of a 3.1.1 client with clean session, keep-alive 60, client id of one letter.
fn connect_hex(letter: u8) -> String {
    format!("10 0d 0004 4d515454 04 02 003c 0001 {letter:02x}")
}

const CONNACK: &str = "20 02 00 00";

fn connected(hub: &TestHub, letter: u8) -> RawClient {
    let mut client = RawClient::connect(hub.mqtt());
    client.send_hex(&connect_hex(letter));
    client.expect_hex(CONNACK);
    client
}

#[test]
fn packets_may_come_in_pieces_or_many_at_once() {
    let hub = TestHub::start();
    let mut client = RawClient::connect(hub.mqtt());
    // CONNECT, SUBSCRIBE to "a", PUBLISH "x" to "a" twice, PINGREQ
    let all = format!("{} 82 06 0001 0001 61 00 30 04 0001 61 78 30 04 0001 61 79 c0 00", connect_hex(b'p'));
    let answers = format!("{CONNACK} 90 03 0001 00 30 04 0001 61 78 30 04 0001 61 79 d0 00");
    client.send_hex(&all);
    expect_in_any_order(&mut client, &answers);

    let mut client = RawClient::connect(hub.http());
    for byte in all.split_whitespace().flat_map(|word| word.as_bytes().chunks(2)) {
        client.send_hex(std::str::from_utf8(byte).unwrap());
    }
    expect_in_any_order(&mut client, &answers);
}

/// PINGRESP may leave before or after messages that arrived in the same read.
#[track_caller]
fn expect_in_any_order(client: &mut RawClient, answers: &str) {
    client.expect_hex(&answers[..answers.find("30 04").expect("answers hold a message")]);
    let mut ping_seen = false;
    let mut messages = Vec::new();
    while messages.len() < 2 || !ping_seen {
        match client.read_packet() {
            (0xd0, _) => ping_seen = true,
            (0x30, body) => messages.push(body),
            (other, _) => panic!("unexpected packet {other:#x}"),
        }
    }
    assert_eq!(messages, [b"\x00\x01ax", b"\x00\x01ay"]);
}

#[test]
fn what_came_before_a_closed_connection_counts() {
    let hub = TestHub::start();
    let mut watcher = connected(&hub, b'w');
    watcher.send_hex("82 06 0001 0001 61 00");
    watcher.expect_hex("90 03 0001 00");
    let mut hasty = RawClient::connect(hub.mqtt());
    hasty.send_hex(&format!("{} 30 04 0001 61 78 e0 00", connect_hex(b'h')));
    drop(hasty);
    watcher.expect_hex("30 04 0001 61 78");
}

#[test]
fn a_second_connection_takes_the_session_over() {
    let hub = TestHub::start();
    // 3.1.1, clean session off: the session is kept
    let resume = "10 0d 0004 4d515454 04 00 003c 0001 73";
    let mut first = RawClient::connect(hub.mqtt());
    first.send_hex(resume);
    first.expect_hex("20 02 00 00");
    first.send_hex("82 06 0001 0001 61 01");
    first.expect_hex("90 03 0001 01");
    let mut second = RawClient::connect(hub.mqtt());
    second.send_hex(resume);
    second.expect_hex("20 02 01 00");
    assert_eq!(first.expect_end(), b"");
    drop(second);
    // QoS 1 to the session while nobody is connected
    let mut publisher = connected(&hub, b'p');
    publisher.send_hex("32 06 0001 61 0007 78");
    publisher.expect_hex("40 02 0007");
    let mut third = RawClient::connect(hub.mqtt());
    third.send_hex(resume);
    third.expect_hex("20 02 01 00");
    third.expect_hex("32 06 0001 61 0001 78");
}

#[test]
fn stopping_tells_every_client() {
    let mut hub = TestHub::start();
    let mut old = connected(&hub, b'o');
    let mut new = RawClient::connect(hub.mqtt());
    new.send_hex("10 0e 0004 4d515454 05 02 003c 00 0001 6e");
    let (kind, _) = new.read_packet();
    assert_eq!(kind, 0x20);
    let mut silent = RawClient::connect(hub.http());
    let before = Instant::now();
    hub.stop();
    assert!(before.elapsed() < PATIENCE / 2);
    assert_eq!(old.expect_end(), b"");
    let (kind, body) = new.read_packet();
    assert_eq!((kind, body[0]), (0xe0, 0x8b));
    assert_eq!(silent.expect_end(), b"");
}

#[test]
fn one_clients_nonsense_disturbs_nobody() {
    let hub = TestHub::start();
    let mut good = connected(&hub, b'g');
    for nonsense in [
        "00 00",                                  // no such packet
        "30 ff ff ff ff 7f",                      // a length that never ends
        "30 05 0003 612b 2f",                     // a wildcard in a topic
        "32 05 0001 61 0000",                     // packet identifier 0
        "82 05 0001 0000 00",                     // an empty filter
        "30 03 0001 ff",                          // no UTF-8
        "10 0d 0004 4d515454 04 02 003c 0001 78", // a second CONNECT
    ] {
        let mut bad = connected(&hub, b'b');
        bad.send_hex(nonsense);
        bad.expect_end();
    }
    for nonsense in ["16 03 01 00", "00", "47", "10 ff", "ff ff ff ff ff ff"] {
        let mut bad = RawClient::connect(hub.http());
        bad.send_hex(nonsense);
    }
    good.send_hex("c0 00");
    good.expect_hex("d0 00");
}

/// SUBSCRIBE to a filter of one letter with QoS 0.
fn subscribe_hex(letter: u8) -> String {
    format!("82 06 0001 0001 {letter:02x} 00")
}

#[test]
fn a_client_that_never_stops_talking_starves_nobody() {
    let hub = TestHub::start();
    let mut quiet = connected(&hub, b'q');
    let mut talker = connected(&hub, b't');
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let burst = [&[0x30, 0x05, 0x00, 0x01, b'z'][..], b"ab"].concat().repeat(20_000);
            while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                talker.send(&burst);
            }
        });
        for _ in 0..20 {
            quiet.send_hex("c0 00");
            quiet.expect_hex("d0 00");
        }
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn stored_messages_larger_than_the_output_arrive_all() {
    const MESSAGES: usize = 60;
    const BYTES: usize = 50_000;
    let hub = TestHub::start();
    let mut publisher = connected(&hub, b'p');
    for number in 0..MESSAGES {
        let mut body = format!("\0\x07r/{number:05}").into_bytes();
        body.resize(9 + BYTES, b'x');
        let length = body.len();
        let head = [0x31, 0x80 | (length & 0x7f) as u8, 0x80 | (length >> 7 & 0x7f) as u8, (length >> 14) as u8];
        publisher.send(&head);
        publisher.send(&body);
    }
    publisher.send_hex("c0 00");
    publisher.expect_hex("d0 00");
    let mut reader = connected(&hub, b'r');
    reader.send_hex("82 08 0001 0003 722f23 00");
    reader.expect_hex("90 03 0001 00");
    // Fixed header of four bytes, topic of nine with its length.
    let seen = reader.read(MESSAGES * (4 + 9 + BYTES));
    let topics = (0..MESSAGES).map(|number| format!("r/{number:05}"));
    for (message, topic) in seen.chunks(4 + 9 + BYTES).zip(topics) {
        assert_eq!(&message[6..13], topic.as_bytes());
    }
}

#[test]
fn a_filter_repeated_a_thousand_times_is_replayed_once() {
    let hub = TestHub::start();
    let mut publisher = connected(&hub, b'p');
    publisher.send_hex("31 04 0001 61 78 c0 00");
    publisher.expect_hex("d0 00");
    let mut greedy = connected(&hub, b'g');
    // 1,000 times "a" with QoS 0: 4,002 bytes behind a remaining length of two bytes
    greedy.send_hex(&format!("82 a2 1f 0001 {}", "000161 00".repeat(1_000)));
    greedy.expect_hex(&format!("90 ea 07 0001 {}", "00".repeat(1_000)));
    greedy.expect_hex("31 04 0001 61 78");
    greedy.send_hex("c0 00");
    greedy.expect_hex("d0 00");
}

#[test]
fn a_pending_replay_ends_with_its_subscription() {
    let hub = TestHub::start();
    let mut publisher = connected(&hub, b'p');
    publisher.send_hex("31 04 0001 61 78 c0 00");
    publisher.expect_hex("d0 00");
    let mut fickle = connected(&hub, b'f');
    fickle.send_hex(&format!("{} a2 05 0002 0001 61 c0 00", subscribe_hex(b'a')));
    fickle.expect_hex("90 03 0001 00 b0 02 0002 d0 00");
}

#[test]
fn what_takes_several_turns_is_done_whole_and_in_order() {
    const MESSAGES: usize = 6_000;
    let hub = TestHub::start();
    let mut watcher = connected(&hub, b'w');
    watcher.send_hex("82 06 0001 0001 2b 00");
    watcher.expect_hex("90 03 0001 00");
    let mut publisher = connected(&hub, b'p');
    // No two in a row have one topic, so each is a run of its own.
    let packets: Vec<u8> = (0..MESSAGES).flat_map(|number| [0x30, 3, 0, 1, b'a' + (number % 7) as u8]).collect();
    publisher.send(&packets);
    publisher.send_hex("c0 00");
    assert_eq!(watcher.read(packets.len()), packets);
    publisher.expect_hex("d0 00");
}
