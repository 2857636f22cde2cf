//! WebSockets.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::http_client::{call, get, text};
use crate::test_hub::TestHub;
use crate::ws_client::Ws;

#[test]
fn the_answer_then_stored_values_then_live_ones() {
    let hub = TestHub::start();
    text(&hub, "PUT", "/api/topics/a", "1").expect(204);
    let mut ws = Ws::open(&hub);
    ws.send(r#"{"op":"subscribe","id":"my own","filter":"a"}"#);
    assert_eq!(ws.frame(), json!({"op": "ok", "id": "my own"}));
    let stored = ws.next();
    let keys: Vec<_> = stored.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["op", "payload", "retain", "time", "topic", "via"]);
    assert_eq!((&stored["payload"], &stored["retain"], &stored["via"]), (&json!(1), &json!(true), &json!("http")));
    text(&hub, "PUT", "/api/topics/a", "2").expect(204);
    let live = ws.next();
    assert_eq!((&live["payload"], &live["retain"]), (&json!(2), &json!(false)));
    ws.ok(json!({"op": "unsubscribe", "filter": "a"}));
    text(&hub, "PUT", "/api/topics/a", "3").expect(204);
    ws.send(r#"{"op":"ping","id":9}"#);
    assert_eq!(ws.frame(), json!({"op": "ok", "id": 9}), "nothing came in between");
}

#[test]
fn publish_and_get() {
    let hub = TestHub::start();
    let (mut ws, mut other) = (Ws::open(&hub), Ws::open(&hub));
    other.subscribe("lab/#");
    for (payload, sent) in [
        (json!("on"), "on"),
        (json!(21.5), "21.5"),
        (json!(null), "null"),
        (json!({"a": [1, null]}), "{\"a\":[1,null]}"),
        (json!("grün"), "grün"),
    ] {
        ws.ok(json!({"op": "publish", "topic": "lab/x", "payload": payload, "qos": 1, "retain": true}));
        assert_eq!(get(&hub, "/api/topics/lab/x").text(), sent);
        let message = other.next();
        assert_eq!((&message["payload"], &message["via"]), (&payload, &json!("ws")));
        let got = ws.ok(json!({"op": "get", "topic": "lab/x"}));
        assert_eq!((&got["payload"], got["time"].is_string()), (&payload, true));
    }
    ws.ok(json!({"op": "publish", "topic": "lab/x", "payload": "", "retain": true}));
    assert_eq!(ws.ask(json!({"op": "get", "topic": "lab/x"}))["code"], "not_found");
}

#[test]
fn a_socket_hears_itself_once() {
    let hub = TestHub::start();
    let mut ws = Ws::open(&hub);
    ws.subscribe("a/#");
    ws.subscribe("a/+");
    ws.ok(json!({"op": "publish", "topic": "a/b", "payload": 1}));
    ws.ok(json!({"op": "publish", "topic": "a/b", "payload": 2}));
    assert_eq!((&ws.next()["payload"], &ws.next()["payload"]), (&json!(1), &json!(2)));
}

#[test]
fn requests_with_a_life() {
    let hub = TestHub::start();
    text(&hub, "PUT", "/api/devices/lamp/power", "false").expect(204);
    let mut ws = Ws::open(&hub);
    ws.subscribe("devices/lamp/power/target");
    ws.ok(json!({"op": "publish", "topic": "devices/lamp/power/set", "payload": true, "ttl": 0.3}));
    assert_eq!(ws.next()["payload"], true);
    let cleared = ws.next();
    assert_eq!((&cleared["payload"], &cleared["retain"]), (&json!(""), &json!(false)));
}

#[test]
fn refusals_have_codes_and_the_socket_goes_on() {
    let hub = TestHub::start();
    call(&hub, "PUT", "/api/devices/lamp", &[], br#"{"properties":{"level":{"type":"int","max":9}}}"#).expect(201);
    let mut ws = Ws::open(&hub);
    let big = "x".repeat(70_000);
    for (frame, code) in [
        (json!({"op": "subscribe", "filter": "a/#/b"}), "invalid_filter"),
        (json!({"op": "subscribe"}), "bad_request"),
        (json!({"op": "publish", "topic": "a/+", "payload": 1}), "invalid_topic"),
        (json!({"op": "publish", "topic": "a", "payload": 1, "colour": "red"}), "bad_request"),
        (json!({"op": "publish", "topic": "devices/lamp/level", "payload": 10}), "rejected"),
        (json!({"op": "publish", "topic": "devices/lamp/level/set", "payload": "x"}), "rejected"),
        (json!({"op": "publish", "topic": "devices/lamp/level/target", "payload": 1}), "forbidden"),
        (json!({"op": "publish", "topic": "devices/lamp/note", "payload": big}), "too_large"),
        (json!({"op": "get", "topic": "none"}), "not_found"),
        (json!({"op": "dance"}), "bad_request"),
    ] {
        let answer = ws.ask(frame.clone());
        assert_eq!((&answer["op"], &answer["code"]), (&json!("error"), &json!(code)), "{answer}");
        assert!(answer["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
    for text in ["", "hello", "{", "[]", "7", &"[".repeat(20_000)] {
        ws.send(text);
        let answer = ws.frame();
        assert_eq!((&answer["code"], &answer["id"]), (&json!("bad_request"), &Value::Null), "{text:.10}");
    }
    ws.socket.send(Message::binary(vec![0, 1])).expect("the hub reads");
    assert_eq!(ws.frame()["code"], "bad_request");
    ws.ok(json!({"op": "ping"}));
}

#[test]
fn a_burst_is_answered_in_order() {
    let hub = TestHub::start();
    let (mut ws, mut other) = (Ws::open(&hub), Ws::open(&hub));
    other.subscribe("a");
    for number in 0..2_000 {
        ws.send(&json!({"op": "publish", "id": number, "topic": "a", "payload": number}).to_string());
    }
    for number in 0..2_000 {
        assert_eq!(ws.frame()["id"], number);
        assert_eq!(other.next()["payload"], number);
    }
}

#[test]
fn a_message_that_is_too_large_ends_the_socket_with_its_reason() {
    let hub = TestHub::builder().limits(|limits| limits.ws_message_bytes = 1_000).start();
    let mut ws = Ws::open(&hub);
    // Megabytes that the hub will not read; the reason must arrive all the same.
    ws.send(&"x".repeat(4_000_000));
    assert_eq!(ws.close_code(), CloseCode::Size);
}

#[test]
fn a_plain_request_is_told_what_this_is() {
    let hub = TestHub::start();
    let answer = get(&hub, "/api/ws");
    answer.expect_problem(426, "upgrade_required", &["WebSocket"]);
    assert_eq!(answer.header("upgrade"), "websocket");
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Origin", "http://evil.example"),
    ];
    call(&hub, "GET", "/api/ws", &upgrade, b"").expect_problem(401, "unauthorized", &[]);
}

/// A session goes on wherever its client's next connection lives, live messages included, and from whichever shard they come.
#[test]
fn sessions_move_between_shards() {
    let spread = |limits: &mut housewire::config::Limits| limits.connections_per_shard = 1;
    let hub = TestHub::builder().settings(|settings| settings.shards = Some(3)).limits(spread).start();
    let mut publishers = [Ws::open(&hub), Ws::open(&hub), Ws::open(&hub)];
    let mut ws = Ws::open(&hub);
    let session = ws.ok(json!({"op": "hello"}))["session"].clone();
    ws.subscribe("a");
    let (mut sent, mut last) = (0, 0);
    for _ in 0..6 {
        for publisher in &mut publishers {
            sent += 1;
            publisher.ok(json!({"op": "publish", "topic": "a", "payload": sent, "qos": 1}));
        }
        // Of three it has read two.
        for _ in 0..2 {
            let message = ws.next();
            last += 1;
            assert_eq!((&message["payload"], &message["seq"]), (&json!(last), &json!(last)));
        }
        let mut next = Ws::open(&hub);
        let welcome = next.ok(json!({"op": "hello", "session": session, "last": last}));
        assert_eq!((&welcome["resumed"], &welcome["lost"]), (&json!(true), &json!(0)));
        assert_eq!(ws.close_code(), CloseCode::Policy);
        ws = next;
    }
    while last < sent {
        last += 1;
        assert_eq!(ws.next()["seq"], last);
    }
    ws.ok(json!({"op": "ack", "last": last}));
}

#[test]
fn stopping_says_goodbye() {
    let mut hub = TestHub::start();
    let mut sockets: Vec<_> = (0..5).map(|_| Ws::open(&hub)).collect();
    let reader = std::thread::spawn(move || sockets.iter_mut().map(Ws::close_code).collect::<Vec<_>>());
    hub.stop();
    assert_eq!(reader.join().expect("the reader ends"), [CloseCode::Away; 5]);
}
