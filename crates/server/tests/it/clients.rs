//! Who is connected: `/api/clients`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::http_client::{Events, call, get};
use crate::test_hub::{PATIENCE, RawClient, TestHub};
use crate::ws_client::Ws;

/// CONNECT of an MQTT 5 client: keep-alive 60, session expiry 100 s, client id of these bytes.
fn connect_5(id: &str) -> Vec<u8> {
    let mut body = b"\x00\x04MQTT\x05\x00\x00\x3c\x05\x11\x00\x00\x00\x64".to_vec();
    body.extend((id.len() as u16).to_be_bytes());
    body.extend(id.as_bytes());
    [&[0x10, body.len() as u8][..], &body].concat()
}

fn connected(hub: &TestHub, id: &str) -> RawClient {
    let mut client = RawClient::connect(hub.mqtt());
    client.send(&connect_5(id));
    let (kind, body) = client.read_packet();
    assert_eq!((kind, body[1]), (0x20, 0), "{body:?}");
    client
}

#[track_caller]
fn list(hub: &TestHub, query: &str) -> Vec<Value> {
    let answer = get(hub, &format!("/api/clients{query}")).expect(200);
    answer.json().as_array().expect("an array").clone()
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_client_is_shown_with_all_that_is_known_of_it() {
    let hub = TestHub::start();
    assert_eq!(list(&hub, ""), Vec::<Value>::new());
    let mut client = connected(&hub, "a");
    // SUBSCRIBE to "t" and "u" with QoS 1, PUBLISH to "t"
    client.send_hex("82 0b 0001 00 0001 74 01 0001 75 01");
    client.expect_hex("90 05 0001 00 01 01");
    client.send_hex("30 05 0001 74 00 78");
    client.read_packet();
    let shown = get(&hub, "/api/clients/a").expect(200).json();
    let mut expected = json!({
        "id": "a", "protocol": "mqtt", "version": "5", "transport": "tcp", "address": shown["address"], "user": "guest",
        "connected": true, "since": shown["since"], "subscriptions": 2, "in_flight": 0,
        "queued": {"messages": 0, "bytes": 0},
        "dropped": {"overflow": 0, "memory": 0, "too_large": 0, "expired": 0, "unclaimed": 0 }, "conflated": 0,
        "bytes": {"in": connect_5("a").len() + 13 + 7, "out": shown["bytes"]["out"]}, "keep_alive_s": 60, "session_expiry_s": 100,
    });
    assert_eq!(shown, expected);
    assert!(shown["address"].as_str().expect("text").starts_with("127.0.0.1:"));
    assert_eq!(list(&hub, "?connected=true"), [shown]);
    drop(client);
    wait_until("it is away", || list(&hub, "?connected=false").len() == 1);
    let away = get(&hub, "/api/clients/a").expect(200).json();
    expected["connected"] = false.into();
    expected["since"] = away["since"].clone();
    assert_eq!(away, expected);
    assert_eq!(list(&hub, "?connected=true"), Vec::<Value>::new());
    // What waits for it meanwhile is counted.
    let mut publisher = connected(&hub, "p");
    publisher.send_hex("32 07 0001 74 0007 00 78 32 07 0001 75 0008 00 78");
    publisher.read(8);
    let away = get(&hub, "/api/clients/a").expect(200).json();
    assert_eq!(away["queued"]["messages"], 2);
}

#[test]
fn what_a_client_sends_behind_its_connect_is_counted() {
    let hub = TestHub::start();
    let sent = [&connect_5("a")[..], b"\x30\x05\x00\x01\x74\x00\x78\xc0\x00\x30"].concat();
    let mut client = RawClient::connect(hub.mqtt());
    client.send(&sent);
    client.read_packet();
    client.expect_hex("d0 00");
    // The last packet has only begun.
    let shown = get(&hub, "/api/clients/a").expect(200).json();
    assert_eq!(shown["bytes"]["in"], sent.len());
}

#[test]
fn any_client_id_can_be_named_in_a_path() {
    let hub = TestHub::start();
    let ids = ["a/b c?d#e%41", "äö/+/#", "devices", "%2F", "\"\\"];
    let _clients: Vec<_> = ids.iter().map(|id| connected(&hub, id)).collect();
    for id in ids {
        let path: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(get(&hub, &format!("/api/clients/{path}")).expect(200).json()["id"], id);
    }
    assert_eq!(list(&hub, "").len(), ids.len());
    get(&hub, "/api/clients/nobody").expect_problem(404, "not_found", &["nobody"]);
    get(&hub, "/api/clients?connected=maybe").expect_problem(400, "bad_request", &["connected"]);
    call(&hub, "PUT", "/api/clients/a", &[], b"").expect_problem(405, "method_not_allowed", &["PUT"]);
    call(&hub, "DELETE", "/api/clients", &[], b"").expect_problem(405, "method_not_allowed", &["DELETE"]);
}

#[test]
fn a_client_can_be_disconnected_and_its_session_ended() {
    let hub = TestHub::start();
    let mut client = connected(&hub, "a");
    call(&hub, "DELETE", "/api/clients/a", &[], b"").expect(204);
    let (kind, body) = client.read_packet();
    assert_eq!((kind, body[0]), (0xe0, 0x98), "DISCONNECT, administrative action");
    assert_eq!(client.expect_end(), b"");
    // It is away now, and its session is kept.
    call(&hub, "DELETE", "/api/clients/a", &[], b"").expect_problem(409, "not_connected", &["forget=true"]);
    let mut client = RawClient::connect(hub.mqtt());
    client.send(&connect_5("a"));
    assert_eq!(client.read_packet().1[0], 1, "session present");
    call(&hub, "DELETE", "/api/clients/a?forget=true", &[], b"").expect(204);
    assert_eq!(client.read_packet().1[0], 0x98);
    get(&hub, "/api/clients/a").expect_problem(404, "not_found", &["a"]);
    // Of a client that is away.
    drop(connected(&hub, "b"));
    wait_until("it is away", || list(&hub, "?connected=false").len() == 1);
    call(&hub, "DELETE", "/api/clients/b?forget=true", &[], b"").expect(204);
    assert_eq!(list(&hub, ""), Vec::<Value>::new());
    let mut client = RawClient::connect(hub.mqtt());
    client.send(&connect_5("b"));
    assert_eq!(client.read_packet().1[0], 0, "no session");
    call(&hub, "DELETE", "/api/clients/nobody", &[], b"").expect_problem(404, "not_found", &["nobody"]);
}

#[test]
fn websockets_and_event_streams_are_clients_too() {
    let hub = TestHub::start();
    let mut socket = Ws::open(&hub);
    socket.send(r#"{"op":"subscribe","filter":"a/#","id":"1"}"#);
    socket.frame();
    let events = Events::open(&hub, "filter=a/%23&filter=b");
    let shown = list(&hub, "");
    let of = |protocol: &str| shown.iter().find(|client| client["protocol"] == protocol).expect("it is listed").clone();
    let (ws, stream) = (of("ws"), of("events"));
    assert_eq!((&ws["subscriptions"], &ws["transport"]), (&json!(1), &json!("websocket")));
    assert_eq!(ws["bytes"]["in"], 42);
    assert_eq!((&stream["subscriptions"], &stream["user"]), (&json!(2), &json!("guest")));
    for client in [&ws, &stream] {
        let id = client["id"].as_str().expect("text");
        call(&hub, "DELETE", &format!("/api/clients/{id}"), &[], b"").expect(204);
    }
    events.expect_end();
    match socket.socket.read().expect("a farewell") {
        Message::Close(Some(frame)) => assert_eq!(frame.code, CloseCode::Policy),
        other => panic!("unexpected {other:?}"),
    }
    assert_eq!(list(&hub, ""), Vec::<Value>::new());
}
