//! WebSockets over time: pings, slow readers, the end, and what is left behind. What frames mean is tested row by row in
//! `request` and `reply`, and over real sockets in `tests/it`.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use housewire_core::{Filter, Permissions, Qos, Run, TopicRef};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::clients::Behind;
use crate::config::Limits;
use crate::fixture::{Fixture, PIPE_BYTES, pass};
use crate::limits::{JSON_BYTES_AT_ONCE, WS_CLOSE_TIMEOUT, WS_PING_EVERY, WS_WRITE_TIMEOUT};
use crate::shard::now;

struct Client {
    socket: WebSocketStream<DuplexStream>,
    served: JoinHandle<()>,
}

impl Client {
    async fn open(hub: &Fixture) -> Self {
        Self::open_at(hub, "/api/ws").await
    }

    async fn open_at(hub: &Fixture, path: &str) -> Self {
        let (stream, served) = hub.connect();
        let (socket, _) = client_async(format!("ws://localhost{path}"), stream).await.expect("a WebSocket");
        Self { socket, served }
    }

    /// Asks, and waits for the answer; what comes before it is not looked at.
    async fn ask(&mut self, operation: Value) -> Value {
        self.send(&operation.to_string()).await;
        loop {
            let frame = self.frame().await;
            if frame["op"] != "message" && frame["op"] != "lost" {
                return frame;
            }
        }
    }

    /// Begins a session; its token.
    async fn hello(&mut self, keep: u64) -> String {
        let answer = self.ask(json!({"op": "hello", "keep": keep})).await;
        assert_eq!((&answer["resumed"], &answer["lost"], &answer["keep"]), (&json!(false), &json!(0), &json!(keep)));
        answer["session"].as_str().expect("a token").to_owned()
    }

    /// Goes on with a session; how much was lost.
    async fn resume(&mut self, session: &str, last: u64) -> u64 {
        let answer = self.ask(json!({"op": "hello", "session": session, "last": last})).await;
        assert_eq!((&answer["resumed"], &answer["session"]), (&json!(true), &json!(session)), "{answer}");
        answer["lost"].as_u64().expect("a number")
    }

    /// The next messages, as payload and number.
    async fn messages(&mut self, len: usize) -> Vec<(Value, Option<u64>)> {
        let mut messages = Vec::new();
        while messages.len() < len {
            let frame = self.frame().await;
            assert_eq!(frame["op"], "message", "{frame}");
            messages.push((frame["payload"].clone(), frame["seq"].as_u64()));
        }
        messages
    }

    /// Is gone without a word; returns when the hub knows.
    async fn vanish(self) {
        drop(self.socket);
        self.served.await.expect("the hub goes on");
    }

    async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("the hub reads");
    }

    /// The next frame of any kind.
    async fn next(&mut self) -> Message {
        self.socket.next().await.expect("the hub goes on").expect("the hub speaks WebSocket")
    }

    /// The next text frame.
    async fn frame(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.next().await {
                return serde_json::from_str(&text).expect("JSON");
            }
        }
    }

    async fn subscribe(&mut self, filter: &str) {
        self.send(&format!("{{\"op\":\"subscribe\",\"id\":1,\"filter\":\"{filter}\"}}")).await;
        assert_eq!(self.frame().await["op"], "ok");
    }

    async fn close_code(&mut self) -> CloseCode {
        loop {
            if let Message::Close(close) = self.next().await {
                return close.expect("a reason").code;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn subscriptions_and_presence_end_with_the_client() {
    let hub = Fixture::new();
    for says_goodbye in [true, false] {
        let mut client = Client::open(&hub).await;
        client.subscribe("a/#").await;
        client.send(r#"{"op":"publish","id":2,"topic":"devices/lamp/power","payload":true}"#).await;
        client.frame().await;
        let lamp = hub.shard.hub.device(&housewire_core::DeviceId::parse("lamp").unwrap()).unwrap();
        assert!(lamp.lock().is_online());
        assert_eq!(hub.publish("a/b", "1"), 1);
        let Client { mut socket, served } = client;
        if says_goodbye {
            socket.close(None).await.unwrap();
            while let Some(Ok(_)) = socket.next().await {}
        }
        drop(socket);
        served.await.unwrap();
        assert_eq!(hub.publish("a/b", "1"), 0);
        assert!(!lamp.lock().is_online());
    }
}

#[tokio::test]
async fn long_frames_are_answered_in_their_turn() {
    let hub = Fixture::new();
    let mut client = Client::open(&hub).await;
    client.subscribe("a").await;
    let long = "x".repeat(JSON_BYTES_AT_ONCE);
    client.send(&format!("{{\"op\":\"publish\",\"id\":\"long\",\"topic\":\"a\",\"payload\":\"{long}\"}}")).await;
    client.send(&format!("{{\"op\":\"dance\",\"id\":2,\"payload\":\"{long}\"}}")).await;
    client.send(r#"{"op":"ping","id":3}"#).await;
    assert_eq!(client.frame().await["payload"], *long);
    for (op, id) in [("ok", "long".into()), ("error", 2.into()), ("ok", 3.into())] {
        let answer = client.frame().await;
        assert_eq!((&answer["op"], &answer["id"]), (&op.into(), &id));
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_pinged_then_left() {
    let hub = Fixture::new();
    let mut client = Client::open(&hub).await;
    client.subscribe("a").await;
    let began = Instant::now();
    // As long as it answers, which the library does when it reads, it may be silent.
    for round in 1..=5 {
        assert!(matches!(client.next().await, Message::Ping(_)));
        assert_eq!(began.elapsed().as_secs(), round * WS_PING_EVERY.as_secs());
        client.socket.flush().await.unwrap();
    }
    // From here on it does not read, so it does not answer either.
    let began = Instant::now();
    while hub.publish("a", "1") > 0 {
        pass(Duration::from_secs(1)).await;
        assert!(began.elapsed() < WS_PING_EVERY * 4, "it should have been left");
    }
    assert!(began.elapsed() > WS_PING_EVERY * 2);
    assert_eq!(client.close_code().await, CloseCode::Policy);
}

#[tokio::test(start_paused = true)]
async fn stopping_says_goodbye() {
    let hub = Fixture::new();
    let mut client = Client::open(&hub).await;
    client.subscribe("a").await;
    let began = Instant::now();
    hub.stop();
    assert_eq!(client.close_code().await, CloseCode::Away);
    drop(client.socket);
    client.served.await.unwrap();
    assert!(began.elapsed() < WS_CLOSE_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_the_goodbye_holds_nobody_up() {
    let hub = Fixture::new();
    let client = Client::open(&hub).await;
    let began = Instant::now();
    hub.stop();
    client.served.await.unwrap();
    assert!(began.elapsed() <= WS_CLOSE_TIMEOUT * 2 + Duration::from_millis(10), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_loses_messages_and_is_told() {
    let hub = Fixture::with_limits(Limits { channel_queue_bytes: 8 * 1024, ..Limits::default() });
    let mut client = Client::open(&hub).await;
    client.subscribe("a").await;
    let text = "x".repeat(1_000);
    for _ in 0..200 {
        hub.publish("a", &text);
        tokio::task::yield_now().await;
    }
    let mut taken = 0;
    let lost = loop {
        let frame = client.frame().await;
        if frame["op"] != "message" {
            break frame;
        }
        taken += 1;
    };
    assert!((1..100).contains(&taken), "{taken}");
    assert_eq!((&lost["op"], lost["count"].as_u64()), (&Value::from("lost"), Some(200 - taken)));
    assert_eq!(hub.publish("a", "now"), 1);
    assert_eq!(client.frame().await["payload"], "now");
}

#[tokio::test(start_paused = true)]
async fn who_reads_nothing_at_all_is_left() {
    let hub = Fixture::new();
    let mut client = Client::open(&hub).await;
    client.subscribe("a").await;
    let text = "x".repeat(PIPE_BYTES);
    let began = Instant::now();
    while !client.served.is_finished() {
        hub.publish("a", &text);
        pass(Duration::from_secs(1)).await;
        assert!(began.elapsed() < WS_WRITE_TIMEOUT * 3, "it should have been left");
    }
    assert!(began.elapsed() >= WS_WRITE_TIMEOUT);
    assert_eq!(hub.publish("a", "1"), 0);
}

#[tokio::test(start_paused = true)]
async fn stored_values_beyond_the_queue_arrive_whole_and_after_the_answer() {
    let hub = Fixture::with_limits(Limits { channel_queue_bytes: 2 * 1024, ..Limits::default() });
    for number in 0..500 {
        hub.publish(&format!("devices/d{number:03}/p"), &"x".repeat(100));
    }
    let mut client = Client::open(&hub).await;
    client.subscribe("devices/+/p").await;
    client.send(r#"{"op":"ping","id":7}"#).await;
    let (mut topics, mut pong_at) = (Vec::new(), None);
    while topics.len() < 500 {
        let frame = client.frame().await;
        match frame["op"].as_str().unwrap() {
            "message" => topics.push(frame["topic"].as_str().unwrap().to_owned()),
            _ => pong_at = Some(topics.len()),
        }
    }
    assert!(topics.is_sorted());
    assert!(pong_at.is_some_and(|at| at < 500), "it is listened to meanwhile: {pong_at:?}");
    hub.publish("devices/d000/p", "live");
    let live = client.frame().await;
    assert_eq!((&live["payload"], &live["retain"]), (&Value::from("live"), &Value::from(false)));
}

#[tokio::test(start_paused = true)]
async fn nothing_comes_after_the_end_of_a_subscription() {
    let hub = Fixture::new();
    let mut client = Client::open(&hub).await;
    client.subscribe("a").await;
    for number in 0..100 {
        hub.publish("a", &number.to_string());
    }
    client.send(r#"{"op":"unsubscribe","id":2,"filter":"a"}"#).await;
    for number in 0..100 {
        assert_eq!(client.frame().await["payload"], number);
    }
    assert_eq!(client.frame().await["id"], 2);
    assert_eq!(hub.publish("a", "1"), 0);
}

#[tokio::test(start_paused = true)]
async fn subscriptions_are_bounded() {
    let hub = Fixture::with_limits(Limits { ws_subscriptions: 3, ..Limits::default() });
    let mut client = Client::open(&hub).await;
    for filter in ["a", "b", "c"] {
        client.subscribe(filter).await;
    }
    client.send(r#"{"op":"subscribe","id":9,"filter":"d"}"#).await;
    let refused = client.frame().await;
    assert_eq!((&refused["op"], &refused["code"], &refused["id"]), (&"error".into(), &"rejected".into(), &9.into()));
    client.send(r#"{"op":"unsubscribe","id":9,"filter":"b"}"#).await;
    client.frame().await;
    client.subscribe("d").await;
    assert_eq!((hub.publish("b", "1"), hub.publish("d", "1")), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_breaks_the_protocol_is_told_why() {
    use tokio::io::AsyncWriteExt as _;

    let hub = Fixture::with_limits(Limits { ws_message_bytes: 100, ..Limits::default() });
    // Header of a masked frame, then the mask.
    let too_large = [0x81, 0x80 | 126, 0, 101, 0, 0, 0, 0];
    let not_utf8 = [0x81, 0x80 | 1, 0, 0, 0, 0, 0xff];
    let unmasked = [0x81, 0x01, b'a'];
    for (bytes, code) in
        [(too_large.as_slice(), CloseCode::Size), (&not_utf8, CloseCode::Invalid), (&unmasked, CloseCode::Protocol)]
    {
        let mut client = Client::open(&hub).await;
        client.socket.get_mut().write_all(bytes).await.unwrap();
        assert_eq!(client.close_code().await, code);
        drop(client.socket);
        client.served.await.unwrap();
    }
}

/// Publishes with QoS 1.
fn publish_surely(hub: &Fixture, topic: &str, payload: &str) {
    let payloads = [payload.as_bytes()];
    let run = Run::new(TopicRef::parse(topic).unwrap(), &payloads).qos(Qos::AtLeastOnce);
    hub.publisher.publish_run(run, now()).unwrap();
}

fn numbered(range: std::ops::RangeInclusive<u64>) -> Vec<(Value, Option<u64>)> {
    range.map(|number| (Value::from(number), Some(number))).collect()
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_the_newest_of_each_value() {
    let hub = Fixture::with_limits(Limits { channel_queue_bytes: 8 * 1024, ..Limits::default() });
    let mut client = Client::open(&hub).await;
    client.subscribe("devices/+/+").await;
    let stuffing = "x".repeat(100);
    for round in 0..200 {
        for device in 0..5 {
            hub.publish(&format!("devices/d{device}/p"), &format!("{round} {stuffing}"));
        }
        tokio::task::yield_now().await;
    }
    let mut last: [i64; 5] = [-1; 5];
    let mut taken = 0_u64;
    while last != [199; 5] {
        let frame = client.frame().await;
        assert_eq!(frame["op"], "message", "nothing is lost: {frame}");
        let (topic, payload) = (frame["topic"].as_str().unwrap(), frame["payload"].as_str().unwrap());
        if !topic.ends_with("/p") {
            continue;
        }
        let device = usize::from(topic.as_bytes()[9] - b'0');
        let round = payload.split_once(' ').unwrap().0.parse().unwrap();
        assert!(round > last[device], "the order of a topic");
        last[device] = round;
        taken += 1;
    }
    assert!(taken < 1_000, "{taken}");
    let page = hub.shard.clients.page(&Behind::Nothing, 2);
    let figures = page[0].figures();
    assert_eq!((page.len(), figures.conflated, figures.dropped.overflow), (1, 1_000 - taken, 0));
    assert_eq!(hub.shard.stats.conflated(), 1_000 - taken);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_misses_nothing_of_qos_1() {
    let hub = Fixture::new();
    let mut client = Client::open(&hub).await;
    let session = client.hello(30).await;
    client.subscribe("a/#").await;
    for number in 1..=5 {
        publish_surely(&hub, "a/b", &number.to_string());
    }
    assert_eq!(client.messages(5).await, numbered(1..=5));
    assert_eq!(client.ask(json!({"op": "ack", "id": 7, "last": 2})).await, json!({"op": "ok", "id": 7}));
    assert_eq!(client.ask(json!({"op": "ack", "last": 6})).await["code"], "bad_request");
    client.vanish().await;
    publish_surely(&hub, "a/b", "6");
    hub.publish("a/b", "0");
    pass(Duration::from_secs(29)).await;
    let away = &hub.shard.clients.page(&Behind::Nothing, 2)[0];
    assert!(!away.whereabouts().is_connected);
    assert_eq!((away.figures().in_flight, away.figures().queued, away.subscriber.subscription_count()), (3, 2, 1));

    let mut client = Client::open(&hub).await;
    assert_eq!(client.resume(&session, 3).await, 0);
    assert_eq!(client.messages(3).await, numbered(4..=6));
    assert_eq!(client.messages(1).await, [(json!(0), None)]);
    // It says only now that it has everything; numbers 1 to 5 are no longer there to be had.
    client.vanish().await;
    let mut client = Client::open(&hub).await;
    assert_eq!(client.resume(&session, 6).await, 0);
    publish_surely(&hub, "a/b", "7");
    assert_eq!(client.messages(1).await, numbered(7..=7));
    assert_eq!(hub.shard.kept.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_when_its_time_is_over_or_its_client_says_so() {
    let hub = Fixture::new();
    for says_so in [false, true] {
        let mut client = Client::open(&hub).await;
        let session = client.hello(10).await;
        client.subscribe("a").await;
        if says_so {
            let normal = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() };
            client.socket.close(Some(normal)).await.unwrap();
            while let Some(Ok(_)) = client.socket.next().await {}
        }
        client.vanish().await;
        if !says_so {
            assert_eq!(hub.publish("a", "1"), 1);
            pass(Duration::from_secs(11)).await;
        }
        assert_eq!(
            (hub.publish("a", "1"), hub.shard.kept.len(), hub.shard.clients.page(&Behind::Nothing, 1).len()),
            (0, 0, 0)
        );
        let mut client = Client::open(&hub).await;
        let refused = client.ask(json!({"op": "hello", "id": 1, "session": session, "last": 0})).await;
        assert_eq!((&refused["code"], &refused["id"]), (&json!("unknown_session"), &json!(1)));
        // The connection goes on, and may begin anew.
        client.hello(1).await;
        client.vanish().await;
        pass(Duration::from_secs(2)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_over_to_the_newest_connection() {
    let hub = Fixture::new();
    let mut first = Client::open(&hub).await;
    let session = first.hello(30).await;
    first.subscribe("a").await;
    publish_surely(&hub, "a", "1");
    let mut second = Client::open(&hub).await;
    assert_eq!(second.resume(&session, 0).await, 0);
    assert_eq!(second.messages(1).await, numbered(1..=1));
    assert_eq!(first.close_code().await, CloseCode::Policy);
    publish_surely(&hub, "a", "2");
    assert_eq!(second.messages(1).await, numbered(2..=2));
    assert_eq!(hub.shard.kept.len(), 1);
    hub.stop();
    assert_eq!(second.close_code().await, CloseCode::Away);
    drop(second.socket);
    second.served.await.unwrap();
    assert_eq!(hub.shard.kept.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn hello_comes_first_and_once_and_sessions_are_bounded() {
    let hub =
        Fixture::with_limits(Limits { ws_sessions: 1, ws_session_keep: Duration::from_secs(20), ..Limits::default() });
    let mut client = Client::open(&hub).await;
    client.subscribe("a").await;
    assert_eq!(client.ask(json!({"op": "hello"})).await["code"], "bad_request");
    client.vanish().await;
    let mut client = Client::open(&hub).await;
    // Who asks for too much gets the bound.
    assert_eq!(client.ask(json!({"op": "hello", "keep": 1_000})).await["keep"], 20);
    assert_eq!(client.ask(json!({"op": "hello"})).await["code"], "bad_request");
    let mut other = Client::open(&hub).await;
    assert_eq!(other.ask(json!({"op": "hello"})).await["code"], "rejected");
    assert_eq!(other.ask(json!({"op": "hello", "session": "x"})).await["code"], "unknown_session");
    assert_eq!(other.ask(json!({"op": "ack", "last": 0})).await["code"], "bad_request");
    other.subscribe("a").await;
    let away = hub.shard.clients.page(&Behind::Nothing, 2);
    client.vanish().await;
    assert!(away.iter().any(|client| hub.shard.kept.end_away(client)));
    pass(Duration::from_millis(1)).await;
    assert_eq!((hub.shard.kept.len(), hub.shard.clients.page(&Behind::Nothing, 3).len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn messages_that_find_no_room_in_a_session_are_told() {
    let hub = Fixture::with_limits(Limits { ws_session_bytes: 8 * 1024, ..Limits::default() });
    let mut client = Client::open(&hub).await;
    let session = client.hello(30).await;
    client.subscribe("a").await;
    let text = "x".repeat(900);
    for _ in 0..4 {
        publish_surely(&hub, "a", &text);
    }
    client.messages(4).await;
    client.vanish().await;
    // Those that were sent go first, then the newest.
    for _ in 0..20 {
        publish_surely(&hub, "a", &text);
    }
    let mut client = Client::open(&hub).await;
    assert_eq!(client.resume(&session, 1).await, 3);
    let kept: Vec<_> = client.messages(7).await.into_iter().map(|(_, sequence)| sequence.unwrap()).collect();
    assert_eq!(kept, [5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(client.frame().await, json!({"op": "lost", "count": 13}));
}

#[tokio::test(start_paused = true)]
async fn stored_messages_of_qos_1_find_room_in_a_session_however_many_they_are() {
    let hub = Fixture::with_limits(Limits { ws_session_bytes: 4 * 1024, ..Limits::default() });
    for number in 0..200 {
        let (topic, payloads) = (format!("kept/{number:03}"), [[b'x'; 100].as_slice()]);
        let run = Run::new(TopicRef::parse(&topic).unwrap(), &payloads).qos(Qos::AtLeastOnce).retain(true);
        hub.publisher.publish_run(run, now()).unwrap();
    }
    let mut client = Client::open(&hub).await;
    let session = client.hello(30).await;
    client.subscribe("kept/#").await;
    assert_eq!(client.messages(50).await.last().unwrap().1, Some(50));
    client.vanish().await;
    let mut client = Client::open(&hub).await;
    // What was sent and forgotten is told; the rest comes.
    let lost = client.resume(&session, 50).await;
    let rest: Vec<_> = client.messages(150 - lost as usize).await.into_iter().map(|(_, seq)| seq.unwrap()).collect();
    assert_eq!(rest, (51 + lost..=200).collect::<Vec<_>>());
    assert_eq!(client.ask(json!({"op": "ping", "id": 1})).await, json!({"op": "ok", "id": 1}));
}

#[tokio::test(start_paused = true)]
async fn a_session_is_its_principals_alone() {
    let hub = Fixture::new();
    let mut client = Client::open(&hub).await;
    let session = client.hello(30).await;
    client.vanish().await;
    let somebody = std::sync::Arc::new(housewire_core::Principal::new("guest", Permissions::all()));
    let claimed = hub.shard.kept.claim(&session, &somebody).await;
    assert_eq!(claimed.err(), Some(crate::kept::NotHanded::Unknown));
    let mut client = Client::open(&hub).await;
    assert_eq!(client.resume(&session, 0).await, 0);
}

#[tokio::test(start_paused = true)]
async fn many_operations_in_a_frame_are_answered_in_order() {
    let hub = Fixture::new();
    let mut client = Client::open(&hub).await;
    let operations = json!([
        // Waits for the disk, and everybody behind it.
        {"op": "publish", "id": 0, "topic": "a", "payload": 6, "qos": 1, "retain": true},
        {"op": "subscribe", "id": 1, "filter": "a"},
        {"op": "publish", "id": 2, "topic": "a", "payload": 7, "qos": 1},
        {"op": "dance", "id": 3},
        {"op": "get", "id": "four", "topic": "a"},
        {"op": "unsubscribe", "id": 5, "filter": "b"},
    ]);
    client.send(&operations.to_string()).await;
    let mut seen = Vec::new();
    for _ in 0..8 {
        let frame = client.frame().await;
        seen.push((frame["op"].as_str().unwrap().to_owned(), frame["id"].clone(), frame["payload"].clone()));
    }
    let expected = [
        ("ok", json!(0), Value::Null),
        ("ok", json!(1), Value::Null),
        ("message", Value::Null, json!(7)),
        ("ok", json!(2), Value::Null),
        ("error", json!(3), Value::Null),
        ("ok", json!("four"), json!(6)),
        ("ok", json!(5), Value::Null),
        // What was stored may come behind what is live.
        ("message", Value::Null, json!(6)),
    ];
    assert_eq!(seen, expected.map(|(op, id, payload)| (op.to_owned(), id, payload)));
}

#[tokio::test(start_paused = true)]
async fn rights_that_are_taken_away_count_at_once() {
    let hub = Fixture::new();
    let mut client = Client::open(&hub).await;
    let mut echo = Client::open_at(&hub, "/api/ws/echo").await;
    let session = client.hello(30).await;
    client.subscribe("a/#").await;
    let everything = Permissions::all();
    let deny = vec![Filter::parse("a/secret").unwrap()];
    let guest = hub.shard.clients.page(&Behind::Nothing, 1)[0].subscriber.principal().clone();
    hub.shard.hub.set_permissions(&guest, Permissions { deny: deny.clone(), ..everything.clone() });
    assert_eq!((hub.publish("a/secret", "1"), hub.publish("a/b", "2")), (0, 1));
    assert_eq!(client.messages(1).await, [(json!(2), None)]);
    client.vanish().await;
    hub.shard.hub.set_permissions(&guest, Permissions { deny, ..Permissions::default() });
    hub.publish("a/b", "3");
    let mut client = Client::open(&hub).await;
    assert_eq!(client.resume(&session, 0).await, 0);
    for (operation, code) in [
        (json!({"op": "subscribe", "filter": "a/#"}), "forbidden"),
        (json!({"op": "publish", "topic": "a/b", "payload": 1}), "forbidden"),
        (json!({"op": "get", "topic": "a/b"}), "forbidden"),
    ] {
        assert_eq!(client.ask(operation).await["code"], code);
    }
    echo.send("x").await;
    assert_eq!(echo.close_code().await, CloseCode::Policy);
    hub.shard.hub.set_permissions(&guest, everything);
    hub.publish("a/b", "4");
    assert_eq!(client.messages(1).await, [(json!(4), None)]);
}

#[tokio::test(start_paused = true)]
async fn the_echo_says_what_it_hears() {
    let hub = Fixture::new();
    let mut client = Client::open_at(&hub, "/api/ws/echo").await;
    let large = "ü".repeat(200_000);
    for message in [Message::text("hello"), Message::binary(vec![0, 255]), Message::text(""), Message::text(large)] {
        client.socket.send(message.clone()).await.unwrap();
        assert_eq!(client.next().await, message);
    }
    client.socket.send(Message::Ping(b"me".as_slice().into())).await.unwrap();
    assert_eq!(client.next().await, Message::Pong(b"me".as_slice().into()));
    // A silent one is pinged, and left when it does not answer.
    assert!(matches!(client.next().await, Message::Ping(_)));
    let began = Instant::now();
    while !client.served.is_finished() {
        pass(Duration::from_secs(1)).await;
        assert!(began.elapsed() < WS_PING_EVERY * 4, "it should have been left");
    }
    assert!(began.elapsed() >= WS_PING_EVERY * 2);
}

/// Whoever sends pings and reads no answers is not read from: little is kept for it, and it is left in the end.
#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_waits_with_its_sender() {
    use tokio::io::AsyncWriteExt as _;

    let hub = Fixture::new();
    // Header of a masked ping of 125 bytes, the mask, the payload.
    let mut ping = vec![0x89, 0x80 | 125, 0, 0, 0, 0];
    ping.resize(6 + 125, b'x');
    let flood = ping.repeat(16 * PIPE_BYTES / ping.len());
    for path in ["/api/ws", "/api/ws/echo", "/mqtt"] {
        let mut client = Client::open_at(&hub, path).await;
        let stream = client.socket.get_mut();
        let mut sent = 0;
        while let Ok(written) = tokio::time::timeout(Duration::from_millis(50), stream.write(&flood[sent..])).await {
            sent += written.unwrap();
            assert!(sent < flood.len(), "{path}: it is still read from");
        }
        assert!(sent >= PIPE_BYTES, "{path}: {sent}");
    }
}
