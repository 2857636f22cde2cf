//! Any topic over HTTP.

use serde_json::json as value;

use crate::http_client::{call, get, json, text};
use crate::test_hub::TestHub;
use crate::ws_client::Ws;

#[test]
fn publish_keep_read_and_clear() {
    let hub = TestHub::start();
    let mut watcher = Ws::open(&hub);
    watcher.subscribe("lab/#");
    get(&hub, "/api/topics/lab/x").expect_problem(404, "not_found", &["lab/x"]);
    text(&hub, "PUT", "/api/topics/lab/x?qos=1", "kept").expect(204);
    text(&hub, "POST", "/api/topics/lab/x", "passing").expect(204);
    assert_eq!(get(&hub, "/api/topics/lab/x").expect(200).text(), "kept");
    call(&hub, "DELETE", "/api/topics/lab/x", &[], b"").expect(204);
    get(&hub, "/api/topics/lab/x").expect(404);
    call(&hub, "DELETE", "/api/topics/lab/x", &[], b"").expect(204);
    let seen: Vec<_> = (0..3).map(|_| watcher.next()["payload"].clone()).collect();
    assert_eq!(seen, ["kept", "passing", ""]);
}

#[test]
fn content_types() {
    let hub = TestHub::start();
    for (sent, body, kept) in [
        ("image/png", b"\x89PNG\xff".as_slice(), "image/png"),
        ("application/octet-stream", b"text", "application/octet-stream"),
        ("text/csv; charset=utf-8", b"1,2", "text/csv; charset=utf-8"),
        ("application/x-www-form-urlencoded", b"21.5", "text/plain; charset=utf-8"),
        ("application/x-www-form-urlencoded", b"{\"a\":1}", "application/json"),
        ("application/x-www-form-urlencoded", b"\xff", "application/octet-stream"),
        ("application/json", b"{\"a\":1}", "application/json"),
        ("application/json", b"21.5", "text/plain; charset=utf-8"),
    ] {
        call(&hub, "PUT", "/api/topics/a", &[("Content-Type", sent)], body).expect(204);
        let answer = get(&hub, "/api/topics/a").expect(200);
        assert_eq!((answer.header("content-type"), answer.body.as_slice()), (kept, body), "{sent}");
    }
    let long = "x".repeat(300);
    call(&hub, "PUT", "/api/topics/a", &[("Content-Type", &long)], b"").expect_problem(400, "bad_request", &["256"]);
}

#[test]
fn json_becomes_its_payload() {
    let hub = TestHub::start();
    for (body, payload) in [
        ("\"on\"", "on"),
        ("{ \"b\" : [ 1, 2 ],\n \"a\": 12345678901234567890 }", "{\"b\":[1,2],\"a\":12345678901234567890}"),
        ("null", "null"),
    ] {
        json(&hub, "PUT", "/api/topics/a", body).expect(204);
        assert_eq!(get(&hub, "/api/topics/a").text(), payload);
    }
}

#[test]
fn every_level_counts() {
    let hub = TestHub::start();
    let mut watcher = Ws::open(&hub);
    watcher.subscribe("#");
    for (path, topic) in [
        ("/a", "/a"),
        ("a//b", "a//b"),
        ("a/", "a/"),
        ("/", "/"),
        ("a%2Fb", "a/b"),
        ("a%20b%25c", "a b%c"),
        ("%C3%BC/%F0%9F%98%80", "ü/😀"),
        ("a/../b", "a/../b"),
        ("a+b", "a+b"),
    ] {
        let answer = text(&hub, "POST", &format!("/api/topics/{path}"), path);
        if topic.contains('+') {
            answer.expect_problem(400, "invalid_topic", &[]);
            continue;
        }
        answer.expect(204);
        assert_eq!(watcher.next()["topic"], topic);
    }
}

#[test]
fn topics_that_are_none() {
    let hub = TestHub::start();
    for path in ["a/%2B/b", "%23", "a%00b", "%FF%FE", &"a".repeat(4_097), &"a/".repeat(200)] {
        for method in ["GET", "PUT", "POST", "DELETE"] {
            call(&hub, method, &format!("/api/topics/{path}"), &[], b"").expect_problem(400, "invalid_topic", &[]);
        }
    }
    for qos in ["3", "-1", "high", ""] {
        let path = format!("/api/topics/a?qos={qos}");
        text(&hub, "POST", &path, "m").expect_problem(400, "bad_request", &["qos"]);
    }
    for topic in ["devices/a/b/target", "devices/a/$rejected", "devices/a/$changed"] {
        text(&hub, "PUT", &format!("/api/topics/{topic}"), "m").expect_problem(403, "forbidden", &[topic]);
    }
}

#[test]
fn topics_of_devices_are_reports_and_requests() {
    let hub = TestHub::start();
    text(&hub, "POST", "/api/topics/devices/d/level", "5").expect(204);
    text(&hub, "POST", "/api/topics/devices/d/level/set", "7").expect(204);
    let level = get(&hub, "/api/devices/d/level").json();
    assert_eq!((&level["value"], &level["target"]), (&value!(5), &value!(7)));
    assert_eq!(get(&hub, "/api/topics/devices/d/level").text(), "5");
    assert_eq!(get(&hub, "/api/topics/devices/d/level/target").text(), "7");
    assert_eq!(get(&hub, "/api/topics/devices/d/$online").text(), "true");
}
