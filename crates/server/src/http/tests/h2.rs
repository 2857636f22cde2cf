//! HTTP/2: many requests over one connection, its bounds against those who mean ill, its end.

use std::time::Duration;

use axum::http::{Request, Response, StatusCode, Version};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::config::Limits;
use crate::fixture::{Fixture, pass};
use crate::limits::{
    BODY_TIMEOUT, H2_PING_EVERY, H2_PING_TIMEOUT, H2_STREAMS_MAX, HEAD_TIMEOUT, LINGER_BYTES_MAX, WRITE_TIMEOUT,
};

type Ended = JoinHandle<Result<(), h2::Error>>;

/// A client, what became of its connection, and what became of the hub's side.
async fn open(hub: &Fixture) -> (SendRequest<Bytes>, Ended, JoinHandle<()>) {
    let (stream, served) = hub.connect();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let ended = tokio::spawn(connection);
    (client.ready().await.unwrap(), ended, served)
}

fn request(method: &str, path: &str) -> Request<()> {
    let uri = format!("http://localhost:8080{path}");
    Request::builder().version(Version::HTTP_2).method(method).uri(uri).body(()).unwrap()
}

fn get(client: &mut SendRequest<Bytes>, path: &str) -> ResponseFuture {
    client.send_request(request("GET", path), true).unwrap().0
}

async fn put(client: &mut SendRequest<Bytes>, path: &str, body: &'static str) -> StatusCode {
    let (answer, mut sending) = client.send_request(request("PUT", path), false).unwrap();
    sending.send_data(Bytes::from_static(body.as_bytes()), true).unwrap();
    answer.await.unwrap().status()
}

async fn whole(answer: Response<RecvStream>) -> String {
    let mut body = answer.into_body();
    let mut seen = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.unwrap();
        body.flow_control().release_capacity(piece.len()).unwrap();
        seen.extend_from_slice(&piece);
    }
    String::from_utf8(seen).unwrap()
}

#[tokio::test(start_paused = true)]
async fn many_requests_share_a_connection() {
    let hub = Fixture::new();
    let (mut client, _ended, _served) = open(&hub).await;
    assert_eq!(put(&mut client, "/api/topics/a", "one").await, 204);
    let waiting: Vec<_> = (0..50).map(|_| get(&mut client, "/api/topics/a")).collect();
    for answer in waiting {
        let answer = answer.await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
        assert_eq!(whole(answer).await, "one");
    }
    let refused = get(&mut client, "/api/nothing").await.unwrap();
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    assert!(whole(refused).await.contains("\"instance\":\"/api/nothing\""));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_waits_holds_up_no_other() {
    let hub = Fixture::new();
    hub.publish("devices/lamp/power", "true");
    let (mut client, _ended, _served) = open(&hub).await;
    let tag = get(&mut client, "/api/devices/lamp/power").await.unwrap().headers()["etag"].clone();
    let mut asking = request("GET", "/api/devices/lamp/power?wait=60s");
    asking.headers_mut().insert("if-none-match", tag);
    let polling = client.send_request(asking, true).unwrap().0;
    let mut events = get(&mut client, "/api/events?filter=a").await.unwrap().into_body();
    assert!(events.data().await.unwrap().unwrap().ends_with(b": listening\n\n"));
    assert_eq!(get(&mut client, "/api/health").await.unwrap().status(), 200);
    hub.publish("a", "1");
    assert!(events.data().await.unwrap().unwrap().starts_with(b"id: "));
    hub.publish("devices/lamp/power", "false");
    assert_eq!(polling.await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn who_is_asked_is_said_by_authority() {
    let hub = Fixture::new();
    let (mut client, _ended, _served) = open(&hub).await;
    for (authority, host, status) in [
        ("localhost:8080", None, 200),
        ("localhost:8080", Some("localhost:8080"), 200),
        ("evil.example", None, 401),
        ("evil.example", Some("localhost"), 400),
        ("localhost", Some("evil.example"), 400),
    ] {
        let mut asking = Request::builder().version(Version::HTTP_2).uri(format!("http://{authority}/api/devices"));
        if let Some(host) = host {
            asking = asking.header("host", host);
        }
        let answer = client.send_request(asking.body(()).unwrap(), true).unwrap().0;
        assert_eq!(answer.await.unwrap().status(), status, "{authority} {host:?}");
    }
    // A page asks the hub that it came from, and that is told by the same name.
    for (origin, status) in [("http://localhost:8080", 200), ("http://evil.example", 401)] {
        let mut asking = request("GET", "/api/devices");
        asking.headers_mut().insert("origin", origin.parse().unwrap());
        let answer = client.send_request(asking, true).unwrap().0;
        assert_eq!(answer.await.unwrap().status(), status, "{origin}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_idles_is_told_to_go() {
    let hub = Fixture::new();
    let (mut client, ended, served) = open(&hub).await;
    assert_eq!(get(&mut client, "/api/health").await.unwrap().status(), 200);
    let began = Instant::now();
    served.await.unwrap();
    assert!(began.elapsed() >= HEAD_TIMEOUT && began.elapsed() < HEAD_TIMEOUT * 2, "{:?}", began.elapsed());
    ended.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_is_closed() {
    let hub = Fixture::with_limits(Limits { greeting_timeout: Duration::from_secs(3), ..Limits::default() });
    let (_client, _ended, served) = open(&hub).await;
    let began = Instant::now();
    served.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_events_is_not_idle() {
    let hub = Fixture::new();
    let (mut client, _ended, _served) = open(&hub).await;
    let mut events = get(&mut client, "/api/events?filter=a").await.unwrap().into_body();
    let began = Instant::now();
    while began.elapsed() < HEAD_TIMEOUT * 3 {
        let comment = events.data().await.unwrap().unwrap();
        events.flow_control().release_capacity(comment.len()).unwrap();
    }
    hub.publish("a", "1");
    assert!(events.data().await.unwrap().unwrap().starts_with(b"id: "));
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_stops_finishes_what_was_asked() {
    let hub = Fixture::new();
    hub.publish("devices/lamp/power", "true");
    let (mut client, ended, served) = open(&hub).await;
    let tag = get(&mut client, "/api/devices/lamp/power").await.unwrap().headers()["etag"].clone();
    let mut asking = request("GET", "/api/devices/lamp/power?wait=60s");
    asking.headers_mut().insert("if-none-match", tag);
    let polling = client.send_request(asking, true).unwrap().0;
    let events = get(&mut client, "/api/events?filter=a").await.unwrap();
    pass(Duration::from_secs(1)).await;
    hub.stop();
    assert_eq!(polling.await.unwrap().status(), 304);
    assert!(whole(events).await.ends_with(": listening\n\n"));
    served.await.unwrap();
    ended.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let hub = Fixture::new();
    let (mut client, _ended, _served) = open(&hub).await;
    let (answer, mut sending) = client.send_request(request("PUT", "/api/topics/a"), false).unwrap();
    sending.send_data(Bytes::from_static(b"half"), false).unwrap();
    let began = Instant::now();
    assert_eq!(answer.await.unwrap().status(), 408);
    assert!(began.elapsed() >= BODY_TIMEOUT && began.elapsed() < BODY_TIMEOUT * 2);
    assert_eq!(put(&mut client, "/api/topics/a", "whole").await, 204);
}

#[tokio::test(start_paused = true)]
async fn bodies_that_come_at_once_are_bounded_together() {
    const BODY: usize = 8 * 1024;
    let hub = Fixture::with_limits(Limits { http_body_bytes: BODY, ..Limits::default() });
    let (mut client, _ended, _served) = open(&hub).await;
    let mut begun = Vec::new();
    for _ in 0..12 {
        let (answer, mut sending) = client.send_request(request("PUT", "/api/topics/a"), false).unwrap();
        sending.send_data(Bytes::from(vec![b'x'; BODY - 1]), false).unwrap();
        begun.push((answer, sending));
        pass(Duration::from_millis(10)).await;
    }
    let mut statuses = Vec::new();
    for (answer, mut sending) in begun {
        // Those that were refused are reset, and take no more.
        let _taken: bool = sending.send_data(Bytes::from_static(b"x"), true).is_ok();
        statuses.push(answer.await.unwrap().status().as_u16());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 8, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 4, "{statuses:?}");
}

#[tokio::test(start_paused = true)]
async fn answers_that_nobody_takes_end_the_connection() {
    let hub = Fixture::new();
    for number in 0..600 {
        hub.publish(&format!("devices/d{number}/p"), &"x".repeat(500));
    }
    let (mut client, _ended, served) = open(&hub).await;
    let answer = get(&mut client, "/api/devices").await.unwrap();
    assert_eq!(answer.status(), 200);
    // Never read, so that the window stays full. The client answers pings all the same.
    let began = Instant::now();
    served.await.unwrap();
    assert!(began.elapsed() >= WRITE_TIMEOUT && began.elapsed() < WRITE_TIMEOUT * 3, "{:?}", began.elapsed());
    drop(answer);
}

/// A client that writes frames by hand.
struct Raw {
    stream: DuplexStream,
    served: JoinHandle<()>,
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM_AND_HEADERS: u8 = 5;

/// `:method GET`, `:scheme http`, `:path /` by number, `:authority localhost` in full (RFC 7541).
const BLOCK: &[u8] = b"\x82\x86\x84\x01\x09localhost";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

impl Raw {
    async fn open(hub: &Fixture) -> Self {
        let (mut stream, served) = hub.connect();
        stream.write_all(PREFACE).await.unwrap();
        stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        Self { stream, served }
    }

    /// Sends, while it is taken.
    async fn send(&mut self, frame: &[u8]) -> bool {
        self.stream.write_all(frame).await.is_ok()
    }

    /// Reads to the end: the error that the hub closed with.
    async fn reason(mut self) -> Option<Reason> {
        let mut seen = Vec::new();
        self.stream.read_to_end(&mut seen).await.unwrap();
        self.served.await.unwrap();
        let mut rest = &seen[..];
        let mut reason = None;
        while rest.len() >= 9 {
            let length = usize::from(rest[1]) << 8 | usize::from(rest[2]);
            if rest[3] == GOAWAY {
                let code = rest[9 + 4..9 + 8].try_into().unwrap();
                reason = Some(Reason::from(u32::from_be_bytes(code)));
            }
            rest = &rest[(9 + length).min(rest.len())..];
        }
        reason
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_taken_back_at_once_end_the_connection() {
    let hub = Fixture::new();
    let mut raw = Raw::open(&hub).await;
    // All in one piece, so that they are there before any is looked at (CVE-2023-44487).
    let mut flood = Vec::new();
    for stream in (1..2_000).step_by(2) {
        flood.extend(frame(HEADERS, END_STREAM_AND_HEADERS, stream, BLOCK));
        flood.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    let (mut reading, mut writing) = tokio::io::split(raw.stream);
    let (_, seen) = tokio::join!(async { writing.write_all(&flood).await.is_ok() }, async {
        let mut seen = Vec::new();
        reading.read_to_end(&mut seen).await.map(|_| seen).unwrap()
    });
    raw.stream = reading.unsplit(writing);
    raw.served.await.unwrap();
    let calm = u32::from(Reason::ENHANCE_YOUR_CALM).to_be_bytes();
    assert!(seen.windows(4).any(|window| window == calm), "{seen:x?}");
}

#[tokio::test(start_paused = true)]
async fn a_head_without_end_is_bounded() {
    let hub = Fixture::new();
    let mut raw = Raw::open(&hub).await;
    assert!(raw.send(&frame(HEADERS, 0, 1, BLOCK)).await);
    // A header that says nothing, in pieces that never end it (the CONTINUATION flood).
    let filler = [b"\x00\x01a\x7f\xfd\x01".as_slice(), &[b'x'; 380]].concat();
    let piece = frame(CONTINUATION, 0, 1, &filler.repeat(10));
    let mut sent = 0;
    let flooding = async {
        while sent < 100_000_000 && raw.send(&piece).await {
            sent += piece.len();
        }
    };
    timeout(Duration::from_secs(600), flooding).await.unwrap();
    // What comes behind the end is read for a while and thrown away.
    assert!(sent < LINGER_BYTES_MAX + 1_000_000, "{sent}");
    assert_eq!(raw.reason().await, Some(Reason::ENHANCE_YOUR_CALM));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_never_ends_and_says_no_more_is_closed() {
    let hub = Fixture::new();
    let mut raw = Raw::open(&hub).await;
    assert!(raw.send(&frame(HEADERS, 0, 1, BLOCK)).await);
    let began = Instant::now();
    raw.reason().await;
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_answers_and_takes_none_is_closed() {
    for flood in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[])] {
        let hub = Fixture::new();
        let mut raw = Raw::open(&hub).await;
        assert!(raw.send(&frame(HEADERS, END_STREAM_AND_HEADERS, 1, BLOCK)).await);
        pass(Duration::from_secs(1)).await;
        let mut sent = 0;
        // Taken only as fast as the answers are: the pipe is full of them, and then nothing is read any more.
        while timeout(Duration::from_secs(1), raw.stream.write_all(&flood)).await.is_ok_and(|sent| sent.is_ok()) {
            sent += flood.len();
            assert!(sent < 1_000_000);
        }
        let began = Instant::now();
        raw.served.await.unwrap();
        assert!(began.elapsed() < WRITE_TIMEOUT + H2_PING_EVERY + H2_PING_TIMEOUT, "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_streams_than_agreed() {
    let hub = Fixture::new();
    hub.publish("devices/lamp/power", "true");
    let mut raw = Raw::open(&hub).await;
    // Bodies that are announced and do not come: each stream stays open.
    let mut flood = Vec::new();
    for stream in (1..=2 * H2_STREAMS_MAX + 21).step_by(2) {
        flood.extend(frame(HEADERS, 4, stream, b"\x83\x86\x01\x09localhost\x04\x0d/api/topics/a"));
    }
    assert!(raw.send(&flood).await);
    pass(Duration::from_secs(1)).await;
    let mut seen = vec![0; 64 * 1024];
    let length = raw.stream.read(&mut seen).await.unwrap();
    // RST_STREAM with REFUSED_STREAM for those beyond.
    let refused = [&[0, 0, 4, RST_STREAM, 0][..]].concat();
    let count = seen[..length].windows(5).filter(|window| *window == refused).count();
    assert_eq!(count, 11);
}
