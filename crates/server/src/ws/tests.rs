//! WebSockets over time: pings, slow readers, the end, and what is left behind. What frames mean is tested row by row in
//! `request` and `reply`, and over real sockets in `tests/it`.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::config::Limits;
use crate::fixture::{Fixture, PIPE_BYTES, pass};
use crate::limits::{JSON_BYTES_AT_ONCE, WS_CLOSE_TIMEOUT, WS_PING_EVERY, WS_WRITE_TIMEOUT};

struct Client {
    socket: WebSocketStream<DuplexStream>,
    served: JoinHandle<()>,
}

impl Client {
    async fn open(hub: &Fixture) -> Self {
        let (stream, served) = hub.connect();
        let (socket, _) = client_async("ws://localhost/api/ws", stream).await.expect("a WebSocket");
        Self { socket, served }
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
