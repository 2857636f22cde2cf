//! Connections over time: how long things may take, and what is left behind when they end. What single requests are
//! answered is tested in `tests/it`.

mod h2;

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use crate::config::Limits;
use crate::fixture::{Fixture, RawHttp, pass};
use crate::limits::{BODY_TIMEOUT, EVENT_COMMENT_EVERY, HEAD_TIMEOUT, LINGER_TIMEOUT, STOP_GRACE, WAIT_MAX};

fn open(hub: &Fixture) -> RawHttp {
    RawHttp::new(hub.connect().0)
}

/// Asks for `devices/lamp/power` and returns its tag.
async fn tag(client: &mut RawHttp) -> String {
    client.get("/api/devices/lamp/power", "").await;
    let head = client.until("\r\n\r\n").await;
    client.until("}").await;
    let line = head.lines().find(|line| line.starts_with("etag: ")).expect("an etag");
    line["etag: ".len()..].to_owned()
}

async fn poll(client: &mut RawHttp, wait: &str, tag: &str) {
    client.get(&format!("/api/devices/lamp/power?wait={wait}"), &format!("If-None-Match: {tag}\r\n")).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_says_now_and_then_that_it_lives() {
    let hub = Fixture::new();
    let mut client = open(&hub);
    client.get("/api/events?filter=a", "").await;
    client.until(": listening\n\n").await;
    let began = Instant::now();
    client.until(": still here\n\n").await;
    client.until(": still here\n\n").await;
    assert_eq!(began.elapsed().as_secs(), 2 * EVENT_COMMENT_EVERY.as_secs());
    assert_eq!(hub.publish("a", "1"), 1);
    assert!(client.until("\n\n").await.contains("\"payload\":1,\"retain\":false"));
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_ends_with_its_client_and_leaves_no_subscription() {
    let hub = Fixture::new();
    let (stream, served) = hub.connect();
    let mut client = RawHttp::new(stream);
    client.get("/api/events?filter=a/%23&filter=b", "").await;
    client.until(": listening\n\n").await;
    assert_eq!((hub.publish("a/x", "1"), hub.publish("b", "1")), (1, 1));
    drop(client);
    served.await.unwrap();
    assert_eq!((hub.publish("a/x", "1"), hub.publish("b", "1")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_ends_properly_when_the_hub_stops() {
    let hub = Fixture::new();
    let (stream, served) = hub.connect();
    let mut client = RawHttp::new(stream);
    client.get("/api/events?filter=a", "").await;
    client.until(": listening\n\n").await;
    hub.stop();
    assert_eq!(client.until("0\r\n\r\n").await, "\r\n0\r\n\r\n");
    assert_eq!(client.rest().await, "");
    served.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slow_event_stream_is_told_what_it_missed() {
    let hub = Fixture::with_limits(Limits { channel_queue_bytes: 8 * 1024, ..Limits::default() });
    let mut client = open(&hub);
    client.get("/api/events?filter=a", "").await;
    client.until(": listening\n\n").await;
    let text = "x".repeat(1_000);
    for _ in 0..200 {
        hub.publish("a", &text);
    }
    let taken = client.until("event: lost\n").await.matches("data: ").count();
    assert!((1..100).contains(&taken), "{taken}");
    let count = client.until("\n\n").await;
    assert_eq!(count, format!("data: {{\"count\":{}}}\n\n", 200 - taken));
    assert_eq!(hub.publish("a", "now"), 1);
    client.until("\"payload\":\"now\"").await;
}

#[tokio::test(start_paused = true)]
async fn stored_values_beyond_the_queue_arrive_whole() {
    let hub = Fixture::with_limits(Limits { channel_queue_bytes: 2 * 1024, ..Limits::default() });
    for number in 0..500 {
        hub.publish(&format!("devices/d{number:03}/p"), &"x".repeat(100));
    }
    let mut client = open(&hub);
    client.get("/api/events?filter=devices/%2B/p", "").await;
    for number in 0..500 {
        client.until(&format!("\"topic\":\"devices/d{number:03}/p\"")).await;
    }
    hub.publish("devices/d499/p", "live");
    assert!(!client.until("\"payload\":\"live\"").await.contains("lost"));
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_is_answered_at_a_change() {
    let hub = Fixture::new();
    hub.publish("devices/lamp/power", "false");
    let mut client = open(&hub);
    for change in ["devices/lamp/power", "devices/lamp/power/set", "devices/lamp/power"] {
        let tag = tag(&mut client).await;
        poll(&mut client, "30s", &tag).await;
        pass(Duration::from_secs(5)).await;
        hub.publish("devices/lamp/other", "1");
        pass(Duration::from_secs(5)).await;
        let began = Instant::now();
        hub.publish(change, "false");
        assert!(client.until("\r\n\r\n").await.starts_with("HTTP/1.1 200 OK"), "{change}");
        client.until("}").await;
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_ends_without_change() {
    let hub = Fixture::new();
    hub.publish("devices/lamp/power", "false");
    let mut client = open(&hub);
    let tag = tag(&mut client).await;
    for (wait, seconds) in [("0", 0), ("7", 7), ("1.5m", 90), ("5h", WAIT_MAX.as_secs())] {
        let began = Instant::now();
        poll(&mut client, wait, &tag).await;
        let head = client.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 304") && head.contains(&tag), "{head}");
        assert_eq!(began.elapsed().as_secs(), seconds, "{wait}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_learns_that_its_device_is_gone() {
    let hub = Fixture::new();
    hub.publish("devices/lamp/power", "false");
    let mut client = open(&hub);
    let tag = tag(&mut client).await;
    poll(&mut client, "30s", &tag).await;
    pass(Duration::from_secs(1)).await;
    let lamp = housewire_core::DeviceId::parse("lamp").unwrap();
    assert!(hub.shard.hub.remove_device(&lamp, crate::shard::now()));
    assert!(client.until("\r\n\r\n").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_leaves_no_subscription() {
    let hub = Fixture::new();
    hub.publish("devices/lamp/power", "false");
    let (stream, served) = hub.connect();
    let mut client = RawHttp::new(stream);
    let known = tag(&mut client).await;
    poll(&mut client, "1s", &known).await;
    client.until("\r\n\r\n").await;
    assert_eq!(hub.publish("devices/lamp/power", "true"), 0, "it ended");

    let known = tag(&mut client).await;
    poll(&mut client, "60s", &known).await;
    pass(Duration::from_secs(1)).await;
    drop(client);
    served.await.unwrap();
    assert_eq!(hub.publish("devices/lamp/power", "false"), 0, "its client left");
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_is_answered_when_the_hub_stops() {
    let hub = Fixture::new();
    hub.publish("devices/lamp/power", "false");
    let (stream, served) = hub.connect();
    let mut client = RawHttp::new(stream);
    let tag = tag(&mut client).await;
    poll(&mut client, "60s", &tag).await;
    pass(Duration::from_secs(1)).await;
    let began = Instant::now();
    hub.stop();
    assert!(client.until("\r\n\r\n").await.starts_with("HTTP/1.1 304"));
    drop(client);
    served.await.unwrap();
    assert!(began.elapsed() < STOP_GRACE);
}

#[tokio::test(start_paused = true)]
async fn half_a_request_is_not_waited_for_for_ever() {
    let hub = Fixture::new();
    for (sent, expected, seconds) in [
        ("GET / HTTP/1.1\r\nHo", "", Limits::default().greeting_timeout.as_secs()),
        ("GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\nGE", "HTTP/1.1 200", HEAD_TIMEOUT.as_secs()),
        (
            "PUT /api/topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx",
            "HTTP/1.1 408",
            BODY_TIMEOUT.as_secs(),
        ),
    ] {
        let began = Instant::now();
        let (stream, served) = hub.connect();
        let mut client = RawHttp::new(stream);
        client.send(sent).await;
        let answer = client.rest().await;
        assert!(answer.starts_with(expected) && answer.is_empty() == expected.is_empty(), "{sent:?}: {answer}");
        served.await.unwrap();
        let took = began.elapsed().as_secs();
        assert!((seconds..=seconds + LINGER_TIMEOUT.as_secs()).contains(&took), "{sent:?} took {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_in_flight_does_not_hold_the_hub_up() {
    let hub = Fixture::new();
    let (stream, served) = hub.connect();
    let mut client = RawHttp::new(stream);
    client.send("PUT /api/topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx").await;
    pass(Duration::from_secs(1)).await;
    let began = Instant::now();
    hub.stop();
    served.await.unwrap();
    assert!(began.elapsed() <= STOP_GRACE + Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_at_once_when_the_hub_stops() {
    let hub = Fixture::new();
    let (stream, served) = hub.connect();
    let mut client = RawHttp::new(stream);
    client.get("/api/health", "").await;
    client.until("}").await;
    let began = Instant::now();
    hub.stop();
    client.stream.shutdown().await.unwrap();
    served.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_long_list_does_not_lose_a_comma() {
    let hub = Fixture::new();
    for number in 0..200 {
        hub.publish(&format!("devices/d{number:03}/p"), "1");
    }
    let mut client = open(&hub);
    client.send("GET /api/devices HTTP/1.0\r\n\r\n").await;
    client.until("\r\n\r\n").await;
    let body = client.rest().await;
    let devices: Vec<serde_json::Value> = serde_json::from_str(&body).unwrap();
    assert_eq!(devices.len(), 200);
    assert!(devices.is_sorted_by_key(|device| device["id"].as_str().unwrap().to_owned()));
}
