//! MQTT over WebSocket: frames are only the way, the bytes in them are MQTT as over TCP.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use crate::http_client::{call, get, text};
use crate::mqtt_ws_client::MqttWs;
use crate::test_hub::{PATIENCE, RawClient, TestHub};

/// CONNECT of a 3.1.1 client with clean session, keep-alive 60, client id "r".
const CONNECT: &str = "10 0d 0004 4d515454 04 02 003c 0001 72";
const SUBSCRIBE_A: &str = "82 06 0001 0001 61 00";
const SUBACK: &str = "90 03 0001 00";

fn tcp_client(hub: &TestHub) -> RawClient {
    let mut client = RawClient::connect(hub.mqtt());
    client.send_hex("10 0d 0004 4d515454 04 02 003c 0001 74");
    client.expect_hex("20 02 00 00");
    client
}

#[test]
fn the_same_messages_as_over_tcp() {
    let hub = TestHub::start();
    let mut ws = MqttWs::connected(&hub, b'w');
    ws.send(SUBSCRIBE_A);
    ws.expect(SUBACK);
    let mut tcp = tcp_client(&hub);
    tcp.send_hex("82 06 0001 0001 62 00");
    tcp.expect_hex(SUBACK);
    tcp.send_hex("30 04 0001 61 78");
    ws.expect("30 04 0001 61 78");
    // QoS 1 to "b", and what is kept is to be found through every door.
    ws.send("33 06 0001 62 0007 79");
    ws.expect("40 02 0007");
    tcp.expect_hex("30 04 0001 62 79");
    assert_eq!(get(&hub, "/api/topics/b").text(), "y");
    text(&hub, "POST", "/api/topics/a", "z").expect(204);
    ws.expect("30 04 0001 61 7a");
    ws.send("e0 00");
    assert_eq!(ws.expect_end(), (vec![], CloseCode::Normal));
}

#[test]
fn packets_may_span_frames_or_share_one() {
    let hub = TestHub::start();
    let all = format!("{CONNECT} {SUBSCRIBE_A} 30 04 0001 61 78 c0 00");
    let mut one = MqttWs::open(&hub);
    one.send(&all);
    one.expect(&format!("20 02 00 00 {SUBACK}"));
    expect_message_and_pong(&mut one);
    // Every byte a frame, with empty ones and pings in between.
    let mut many = MqttWs::open(&hub);
    for byte in all.split_whitespace().flat_map(|word| word.as_bytes().chunks(2)) {
        many.send(std::str::from_utf8(byte).expect("hex"));
        many.send("");
        many.socket.send(Message::Ping(Bytes::from_static(b"?"))).expect("the hub reads");
    }
    many.expect(&format!("20 02 00 00 {SUBACK}"));
    expect_message_and_pong(&mut many);
}

/// PINGRESP may leave before or after a message that arrived in the same read.
#[track_caller]
fn expect_message_and_pong(client: &mut MqttWs) {
    let mut bytes = client.take(8);
    let at = bytes.windows(2).position(|pair| pair == [0xd0, 0]).expect("a PINGRESP");
    bytes.drain(at..at + 2);
    assert_eq!(bytes, b"\x30\x04\x00\x01ax");
}

#[test]
fn packets_larger_than_a_frame_of_ours() {
    const PAYLOAD: usize = 300_000;
    let hub = TestHub::start();
    let mut ws = MqttWs::connected(&hub, b'w');
    ws.send(SUBSCRIBE_A);
    ws.expect(SUBACK);
    let length = PAYLOAD + 3;
    let head = [0x30, 0x80 | (length & 0x7f) as u8, 0x80 | (length >> 7 & 0x7f) as u8, (length >> 14) as u8];
    let packet = [&head[..], b"\x00\x01a", &vec![b'x'; PAYLOAD]].concat();
    for _ in 0..5 {
        ws.socket.send(Message::binary(packet.clone())).expect("the hub reads");
        assert!(ws.take(packet.len()) == packet, "the packet comes back as it was");
    }
}

#[test]
fn pings_are_answered() {
    let hub = TestHub::start();
    let mut ws = MqttWs::connected(&hub, b'w');
    ws.socket.send(Message::Ping(Bytes::from_static(b"hello"))).expect("the hub reads");
    assert_eq!(ws.socket.read().expect("the hub goes on"), Message::Pong(Bytes::from_static(b"hello")));
    ws.send("c0 00");
    ws.expect("d0 00");
}

#[test]
fn the_subprotocol_is_agreed_upon() {
    let hub = TestHub::start();
    for (offered, chosen) in
        [(Some("mqtt"), "mqtt"), (Some("mqttv3.1"), "mqttv3.1"), (Some("chat, mqtt"), "mqtt"), (None, "")]
    {
        let offer = offered.map(|names| ("sec-websocket-protocol", names));
        let mut ws = MqttWs::open_with(&hub, offer.as_slice());
        let answered = ws.answer.headers().get("sec-websocket-protocol");
        assert_eq!(answered.map_or("", |name| name.to_str().expect("text")), chosen);
        ws.send(CONNECT);
        ws.expect("20 02 00 00");
    }
}

#[test]
fn requests_that_do_not_become_one() {
    let hub = TestHub::start();
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let with = |name, value| [&upgrade[..], &[(name, value)]].concat();
    let wrong = call(&hub, "GET", "/mqtt", &with("Sec-WebSocket-Protocol", "chat"), b"");
    wrong.expect_problem(400, "bad_request", &["Sec-WebSocket-Protocol", "'mqtt'"]);
    let page = get(&hub, "/mqtt");
    page.expect_problem(426, "upgrade_required", &["ws://…/mqtt"]);
    assert_eq!(page.header("upgrade"), "websocket");
    call(&hub, "POST", "/mqtt", &[], b"").expect_problem(405, "method_not_allowed", &[]);
}

#[test]
fn who_is_not_let_in_hears_it_in_mqtt() {
    let hub = TestHub::start();
    for header in [("origin", "http://evil.example"), ("host", "hub.example"), ("x-forwarded-for", "192.0.2.7")] {
        let mut old = MqttWs::open_with(&hub, &[header]);
        old.send(&format!("{CONNECT} {SUBSCRIBE_A}"));
        assert_eq!(old.expect_end(), (vec![0x20, 2, 0, 5], CloseCode::Normal), "{header:?}");
        let mut new = MqttWs::open_with(&hub, &[header]);
        new.send("10 0e 0004 4d515454 05 02 003c 00 0001 6e");
        let (connack, code) = new.expect_end();
        // Behind the type, two bytes of length and the flags.
        assert_eq!((connack[0], connack[4], code), (0x20, 0x87, CloseCode::Normal), "{header:?}");
        assert!(String::from_utf8_lossy(&connack).contains("does not count as one of this machine"), "{header:?}");
    }
    let mut own_page = MqttWs::open_with(&hub, &[("origin", &format!("http://{}", hub.http()))]);
    own_page.send(CONNECT);
    own_page.expect("20 02 00 00");
    // Elsewhere the same headers are refused as ever, and the path stands for itself only.
    for path in ["/api/ws", "/api/devices", "/api/mqtt"] {
        let answer = call(&hub, "GET", path, &[("Origin", "http://evil.example")], b"");
        assert_eq!(answer.status, 401, "{path}");
    }
    for path in ["/mqtt/", "/mqtt/api/health", "//mqtt"] {
        let answer = call(&hub, "GET", path, &[("Origin", "http://evil.example")], b"");
        assert!(answer.header("content-type").starts_with("text/html"), "{path} is the page's");
    }
}

#[test]
fn a_text_frame_ends_it_and_the_will_is_published() {
    let hub = TestHub::start();
    let mut watcher = tcp_client(&hub);
    watcher.send_hex("82 06 0001 0001 77 00");
    watcher.expect_hex(SUBACK);
    let mut ws = MqttWs::open(&hub);
    // A will "gone" to "w".
    ws.send("10 16 0004 4d515454 04 06 003c 0001 76 0001 77 0004 676f6e65");
    ws.expect("20 02 00 00");
    ws.socket.send(Message::text("\u{c0}\0")).expect("the hub reads");
    assert_eq!(ws.expect_end(), (vec![], CloseCode::Unsupported));
    watcher.expect_hex("30 07 0001 77 676f6e65");
}

#[test]
fn what_is_no_mqtt_ends_it() {
    let hub = TestHub::builder().limits(|limits| limits.mqtt_packet_bytes = 1_024).start();
    let mut ws = MqttWs::connected(&hub, b'w');
    ws.send("00 00");
    assert_eq!(ws.expect_end(), (vec![], CloseCode::Normal));
    let mut large = MqttWs::connected(&hub, b'l');
    large.socket.send(Message::binary(vec![0x30; 2_049])).expect("the hub reads");
    assert_eq!(large.expect_end(), (vec![], CloseCode::Size));
    // A version 5 client hears why, then the close frame.
    let mut new = MqttWs::open(&hub);
    new.send("10 0e 0004 4d515454 05 02 003c 00 0001 6e");
    let (kind, _) = new.packet();
    assert_eq!(kind, 0x20);
    new.send("30 80 10");
    let (words, code) = new.expect_end();
    assert_eq!((&words[..1], words[2], code), (&[0xe0][..], 0x95, CloseCode::Normal));
}

#[test]
fn what_came_before_the_close_counts() {
    let hub = TestHub::start();
    let mut watcher = tcp_client(&hub);
    watcher.send_hex(SUBSCRIBE_A);
    watcher.expect_hex(SUBACK);
    for _ in 0..20 {
        let mut hasty = MqttWs::open(&hub);
        // It is subscribed to what it publishes: what comes back must not end it before all was read.
        hasty.send(&format!("{CONNECT} {SUBSCRIBE_A}"));
        hasty.send("30 04 0001 61 78");
        hasty.send("30 04 0001 61 79 e0 00");
        hasty.socket.close(None).expect("the hub reads");
        watcher.expect_hex("30 04 0001 61 78 30 04 0001 61 79");
        let ended = (0..100).find_map(|_| hasty.socket.read().err());
        assert!(matches!(ended, Some(Error::ConnectionClosed)), "{ended:?}");
    }
}

#[test]
fn a_session_is_taken_over_from_one_door_to_the_other() {
    let hub = TestHub::start();
    let resume = "10 0d 0004 4d515454 04 00 003c 0001 73";
    let mut ws = MqttWs::open(&hub);
    ws.send(resume);
    ws.expect("20 02 00 00");
    ws.send("82 06 0001 0001 61 01");
    ws.expect("90 03 0001 01");
    let mut tcp = RawClient::connect(hub.mqtt());
    tcp.send_hex(resume);
    tcp.expect_hex("20 02 01 00");
    assert_eq!(ws.expect_end(), (vec![], CloseCode::Normal));
    drop(tcp);
    let mut publisher = MqttWs::connected(&hub, b'p');
    publisher.send("32 06 0001 61 0007 78");
    publisher.expect("40 02 0007");
    let mut again = MqttWs::open(&hub);
    again.send(resume);
    again.expect("20 02 01 00");
    again.expect("32 06 0001 61 0001 78");
}

#[test]
fn stopping_says_so_in_both_protocols() {
    let mut hub = TestHub::start();
    let mut old = MqttWs::connected(&hub, b'o');
    let mut new = MqttWs::open(&hub);
    new.send("10 0e 0004 4d515454 05 02 003c 00 0001 6e");
    let (kind, _) = new.packet();
    assert_eq!(kind, 0x20);
    let mut silent = MqttWs::open(&hub);
    let before = Instant::now();
    let reader = std::thread::spawn(move || (old.expect_end(), new.expect_end(), silent.expect_end()));
    hub.stop();
    assert!(before.elapsed() < PATIENCE / 2);
    let (old, new, silent) = reader.join().expect("the reader ends");
    assert_eq!(old, (vec![], CloseCode::Away));
    assert_eq!((new.0[0], new.0[2], new.1), (0xe0, 0x8b, CloseCode::Away));
    assert_eq!(silent, (vec![], CloseCode::Away));
}

#[test]
fn who_says_nothing_in_it_is_left() {
    let hub = TestHub::builder().limits(|limits| limits.greeting_timeout = Duration::from_millis(200)).start();
    let mut ws = MqttWs::open(&hub);
    assert_eq!(ws.expect_end(), (vec![], CloseCode::Normal));
}

/// A client whose kernel takes little on its behalf.
fn slow(hub: &TestHub) -> MqttWs {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a socket option");
    socket.connect(&hub.http().into()).expect("the hub listens");
    MqttWs::over(hub, socket.into(), &[("sec-websocket-protocol", "mqtt")])
}

#[test]
fn a_slow_reader_loses_messages_and_nobody_else_does() {
    // Far more than the kernel holds for a connection.
    const MESSAGES: usize = 4_000;
    const PAYLOAD: usize = 8_000;
    let hub = TestHub::start();
    let mut ws = slow(&hub);
    ws.send(CONNECT);
    ws.expect("20 02 00 00");
    ws.send(SUBSCRIBE_A);
    ws.expect(SUBACK);
    let length = PAYLOAD + 3;
    let head = [0x30, 0x80 | (length & 0x7f) as u8, (length >> 7) as u8];
    let packet = [&head[..], b"\x00\x01a", &vec![b'x'; PAYLOAD]].concat();
    let mut publisher = tcp_client(&hub);
    publisher.send_hex(SUBSCRIBE_A);
    publisher.expect_hex(SUBACK);
    for _ in 0..MESSAGES {
        publisher.send(&packet);
        assert!(publisher.read(packet.len()) == packet);
    }
    // Once it reads, it gets what was kept, whole packets, and then what is new.
    ws.send("c0 00");
    let mut kept = 0;
    loop {
        match ws.take(1)[0] {
            0x30 => assert_eq!(ws.take(packet.len() - 1)[..2], packet[1..3]),
            0xd0 => break,
            other => panic!("after {kept} packets: {other:#x}"),
        }
        kept += 1;
    }
    assert!((10..MESSAGES / 4).contains(&kept), "{kept} of {MESSAGES} were kept");
}

#[test]
fn who_reads_nothing_and_is_disconnected_is_left() {
    let hub = TestHub::start();
    let mut ws = slow(&hub);
    ws.send(CONNECT);
    ws.expect("20 02 00 00");
    ws.send(SUBSCRIBE_A);
    ws.expect(SUBACK);
    let mut publisher = tcp_client(&hub);
    let packet = [&[0x30, 0x80, 0x40, 0, 1, b'a'][..], &vec![b'x'; 8_192 - 3]].concat();
    for _ in 0..2_000 {
        publisher.send(&packet);
    }
    publisher.send_hex("c0 00");
    publisher.expect_hex("d0 00");
    // It is still open here, and full: nothing but the hub ends it.
    call(&hub, "DELETE", "/api/clients/r", &[], b"").expect(204);
    let begun = Instant::now();
    while !get(&hub, "/api/metrics").text().contains("housewire_limit_current{limit=\"connections\"} 2\n") {
        assert!(begun.elapsed() < PATIENCE, "its connection is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(ws);
}

#[test]
fn who_reads_no_answers_is_not_listened_to() {
    let hub = TestHub::start();
    let mut ws = slow(&hub);
    ws.send(CONNECT);
    ws.expect("20 02 00 00");
    ws.socket.get_ref().set_write_timeout(Some(Duration::from_millis(500))).expect("a socket option");
    let pings = Bytes::from([0xc0, 0x00].repeat(32 * 1_024));
    let is_full = (0..2_000).any(|_| match ws.socket.send(Message::Binary(pings.clone())) {
        Ok(()) => false,
        Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => true,
        Err(error) => panic!("{error}"),
    });
    assert!(is_full, "the hub took more than 100 MB of pings whose answers nobody read");
    let mut other = tcp_client(&hub);
    other.send_hex("c0 00");
    other.expect_hex("d0 00");
}
