//! Lists, whole and by pages, and what tells one state of a list or payload from another.

use std::time::{Duration, Instant};

use serde_json::{Value, json as value};

use crate::http_client::{Answer, call, get, text};
use crate::test_hub::TestHub;

/// Where an answer leads on.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link");
    let target = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
    Some(target.to_owned())
}

/// All pages of a list, one after the other.
fn pages(hub: &TestHub, first: &str, key: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut target = Some(first.to_owned());
    while let Some(path) = target {
        let answer = get(hub, &path).expect(200);
        let entries = answer.json();
        let keys =
            entries.as_array().expect("an array").iter().map(|entry| entry[key].as_str().expect("a key").to_owned());
        pages.push(keys.collect());
        assert!(pages.len() < 100, "the list has no end");
        target = next(&answer);
    }
    pages
}

#[test]
fn devices_come_in_pages() {
    let hub = TestHub::start();
    assert_eq!(pages(&hub, "/api/devices?limit=3", "id"), [Vec::<String>::new()]);
    for number in 0..7 {
        text(&hub, "PUT", &format!("/api/devices/d{number}/p"), "1").expect(204);
    }
    let expected: Vec<Vec<_>> = vec![vec!["d0", "d1", "d2"], vec!["d3", "d4", "d5"], vec!["d6"]];
    assert_eq!(pages(&hub, "/api/devices?limit=3", "id"), expected);
    assert_eq!(pages(&hub, "/api/devices?limit=7", "id").len(), 1);
    assert_eq!(get(&hub, "/api/devices").expect(200).json().as_array().unwrap().len(), 7);
    assert_eq!(get(&hub, "/api/devices").header("link"), "");
    assert_eq!(pages(&hub, "/api/devices?after=d4", "id"), [["d5", "d6"]]);
    // A place may be behind something that is not there.
    assert_eq!(pages(&hub, "/api/devices?limit=9&after=d5x", "id"), [["d6"]]);
}

#[test]
fn places_that_make_no_sense() {
    let hub = TestHub::start();
    for path in ["/api/devices", "/api/clients", "/api/topics"] {
        for query in ["limit=0", "limit=-1", "limit=x", "limit=", "limit=10001", "limit=99999999999999999999"] {
            get(&hub, &format!("{path}?{query}")).expect_problem(400, "bad_request", &["limit"]);
        }
    }
    get(&hub, "/api/devices?after=bad%20name").expect_problem(400, "bad_request", &["bad name"]);
    get(&hub, "/api/topics?after=%23").expect_problem(400, "invalid_topic", &[]);
    get(&hub, "/api/topics?filter=a/%23/b").expect_problem(400, "invalid_filter", &[]);
    get(&hub, "/api/topics?filter=a&filter=b").expect_problem(400, "bad_request", &["one"]);
    get(&hub, "/api/topics?filter=$share/g/a").expect_problem(400, "bad_request", &["shared"]);
    get(&hub, "/api/devices?wait=1s").expect_problem(400, "bad_request", &["limit"]);
}

#[test]
fn topics_are_listed() {
    let hub = TestHub::start();
    for (method, topic, payload) in [
        ("PUT", "lab", "parent"),
        ("PUT", "lab!", "other"),
        ("PUT", "lab/b", "{ \"x\": 1 }"),
        ("PUT", "lab/a", "1"),
        ("POST", "lab/gone", "1"),
        ("POST", "devices/lamp/power", "true"),
    ] {
        text(&hub, method, &format!("/api/topics/{topic}"), payload).expect(204);
    }
    let list = get(&hub, "/api/topics?filter=lab/%23").expect(200).json();
    let shown = |field: &str| list.as_array().unwrap().iter().map(|entry| entry[field].clone()).collect::<Vec<_>>();
    assert_eq!(shown("topic"), ["lab", "lab/a", "lab/b"]);
    assert_eq!(shown("payload"), [value!("parent"), value!(1), value!({"x": 1})]);
    assert_eq!((&list[0]["retain"], &list[0]["via"]), (&value!(true), &value!("http")));
    // A device's last value is there whether or not it was to be kept.
    let last = get(&hub, "/api/topics?filter=devices/lamp/power").expect(200).json();
    assert_eq!((&last[0]["payload"], &last[0]["retain"]), (&value!(true), &value!(false)));
    assert_eq!(pages(&hub, "/api/topics?filter=lab/%2B&limit=1", "topic"), [["lab/a"], ["lab/b"]]);
    assert_eq!(pages(&hub, "/api/topics?filter=lab/%23&limit=1", "topic"), [["lab"], ["lab/a"], ["lab/b"]]);
    let all = pages(&hub, "/api/topics?limit=1000", "topic").concat();
    assert!(all.contains(&"lab!".to_owned()) && !all.iter().any(|topic| topic.starts_with('$')), "{all:?}");
    assert!(!pages(&hub, "/api/topics?filter=$SYS/%23&limit=2", "topic").concat().is_empty());
}

#[test]
fn many_topics_are_listed_whole() {
    let hub = TestHub::start();
    for number in 0..600 {
        text(&hub, "PUT", &format!("/api/topics/many/{number:03}"), "x").expect(204);
    }
    let expected: Vec<_> = (0..600).map(|number| format!("many/{number:03}")).collect();
    assert_eq!(pages(&hub, "/api/topics?filter=many/%23", "topic").concat(), expected);
    assert_eq!(pages(&hub, "/api/topics?filter=many/%23&limit=250", "topic").concat(), expected);
}

#[test]
fn clients_come_in_pages() {
    let hub = TestHub::start();
    let streams: Vec<_> = (0..5).map(|_| crate::http_client::Events::open(&hub, "filter=a")).collect();
    let whole = pages(&hub, "/api/clients", "id").concat();
    assert_eq!(whole.len(), 5);
    let by_two = pages(&hub, "/api/clients?connected=true&limit=2", "id");
    assert_eq!(by_two.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(by_two.concat(), whole);
    drop(streams);
}

#[test]
fn a_page_that_has_not_changed_is_not_sent_again() {
    let hub = TestHub::start();
    text(&hub, "PUT", "/api/devices/lamp/power", "true").expect(204);
    let path = "/api/devices?limit=10";
    let tag = get(&hub, path).expect(200).header("etag").to_owned();
    let known = [("If-None-Match", &*tag)];
    let answer = call(&hub, "GET", path, &known, b"").expect(304);
    assert_eq!((answer.header("etag"), answer.body.len()), (&*tag, 0));
    text(&hub, "PUT", "/api/devices/lamp/power", "false").expect(204);
    call(&hub, "GET", path, &known, b"").expect(200);
}

#[test]
fn a_page_can_be_waited_for() {
    let hub = TestHub::start();
    text(&hub, "PUT", "/api/devices/lamp/power", "true").expect(204);
    let tag = get(&hub, "/api/devices?limit=10").expect(200).header("etag").to_owned();
    let known = [("If-None-Match", &*tag)];
    let began = Instant::now();
    call(&hub, "GET", "/api/devices?limit=10&wait=500ms", &known, b"").expect(304);
    assert!(began.elapsed() >= Duration::from_millis(500));
    let began = Instant::now();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| call(&hub, "GET", "/api/devices?limit=10&wait=9s", &known, b"").expect(200));
        while get(&hub, "/api/metrics").text().contains("housewire_subscriptions 0") {
            assert!(began.elapsed() < Duration::from_secs(9));
        }
        text(&hub, "PUT", "/api/devices/door/open", "true").expect(204);
        let answer = waiting.join().expect("no panic");
        assert_eq!(answer.json().as_array().unwrap().len(), 2);
    });
    assert!(began.elapsed() < Duration::from_secs(8));
}

#[test]
fn a_topic_can_be_waited_for() {
    let hub = TestHub::start();
    text(&hub, "PUT", "/api/topics/lab/a", "1").expect(204);
    let first = get(&hub, "/api/topics/lab/a").expect(200);
    let known = [("If-None-Match", first.header("etag"))];
    call(&hub, "GET", "/api/topics/lab/a", &known, b"").expect(304);
    let began = Instant::now();
    call(&hub, "GET", "/api/topics/lab/a?wait=300ms", &known, b"").expect(304);
    assert!(began.elapsed() >= Duration::from_millis(300));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| call(&hub, "GET", "/api/topics/lab/a?wait=9s", &known, b""));
        std::thread::sleep(Duration::from_millis(100));
        // The same again is another message.
        text(&hub, "PUT", "/api/topics/lab/a", "1").expect(204);
        let answer = waiting.join().expect("no panic").expect(200);
        assert_eq!(answer.body, b"1");
        assert_ne!(answer.header("etag"), first.header("etag"));
    });
    // What is cleared is not there any more, and that is news.
    let tag = get(&hub, "/api/topics/lab/a").header("etag").to_owned();
    let known = [("If-None-Match", &*tag)];
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| call(&hub, "GET", "/api/topics/lab/a?wait=9s", &known, b""));
        std::thread::sleep(Duration::from_millis(100));
        call(&hub, "DELETE", "/api/topics/lab/a", &[], b"").expect(204);
        waiting.join().expect("no panic").expect_problem(404, "not_found", &["lab/a"]);
    });
}

#[test]
fn parts_of_a_payload() {
    let hub = TestHub::start();
    let whole: Vec<u8> = (0..2_000_u32).flat_map(|number| number.to_be_bytes()).collect();
    call(&hub, "PUT", "/api/topics/firmware", &[("Content-Type", "image/x")], &whole).expect(204);
    let answer = get(&hub, "/api/topics/firmware").expect(200);
    assert_eq!((answer.header("accept-ranges"), &answer.body), ("bytes", &whole));
    assert!(answer.header("last-modified").ends_with(" GMT"));
    let tag = answer.header("etag");
    let part = |range: &str, more: &[(&str, &str)]| {
        let headers = [&[("Range", range)], more].concat();
        call(&hub, "GET", "/api/topics/firmware", &headers, b"")
    };
    let middle = part("bytes=1000-1999", &[]).expect(206);
    assert_eq!((middle.header("content-range"), &*middle.body), ("bytes 1000-1999/8000", &whole[1_000..2_000]));
    assert_eq!((middle.header("content-type"), middle.header("etag")), ("image/x", tag));
    assert_eq!(part("bytes=-10", &[]).expect(206).body, &whole[7_990..]);
    // Resumed, from where a download broke off.
    assert_eq!(part("bytes=5000-", &[("If-Range", tag)]).expect(206).body, &whole[5_000..]);
    let outside = part("bytes=8000-", &[]);
    outside.expect_problem(416, "range_not_satisfiable", &["8000"]);
    assert_eq!(outside.header("content-range"), "bytes */8000");
    assert_eq!(part("bytes=0-1,5-6", &[]).expect(200).body, whole);
    call(&hub, "PUT", "/api/topics/firmware", &[("Content-Type", "image/x")], &whole[1..]).expect(204);
    assert_eq!(part("bytes=5000-", &[("If-Range", tag)]).expect(200).body, &whole[1..]);
    assert_ne!(get(&hub, "/api/topics/firmware").header("etag"), tag);
}

fn batch(hub: &TestHub, entries: &Value) -> Value {
    call(hub, "POST", "/api/batch", &[("Content-Type", "application/json")], entries.to_string().as_bytes())
        .expect(200)
        .json()
}

#[test]
fn a_batch_answers_each_entry() {
    let hub = TestHub::start();
    text(&hub, "PUT", "/api/devices/lamp/level", "5").expect(204);
    let declared = value!({"properties": {"level": {"type": "int", "min": 0, "max": 100}}});
    call(&hub, "PATCH", "/api/devices/lamp", &[], declared.to_string().as_bytes()).expect(200);
    let answer = batch(
        &hub,
        &value!([
            {"op": "report", "device": "lamp", "property": "level", "payload": 80, "qos": 1, "id": "first"},
            {"op": "report", "device": "lamp", "property": "level", "payload": 500},
            {"op": "request", "device": "lamp", "property": "level", "payload": 40, "ttl": 30},
            {"op": "request", "device": "nobody", "property": "level", "payload": 40},
            {"op": "publish", "topic": "lab/a", "payload": {"x": [1, 2]}, "retain": true, "qos": 2},
            {"op": "publish", "topic": "lab/a/#", "payload": 1},
            {"op": "get", "topic": "lab/a"},
            {"op": "get", "device": "lamp", "property": "level"},
            {"op": "get", "device": "lamp"},
            {"op": "clear", "topic": "lab/a"},
            {"op": "get", "topic": "lab/a", "id": 12},
            "nonsense",
        ]),
    );
    let entries = answer.as_array().expect("an array");
    let statuses: Vec<_> = entries.iter().map(|entry| entry["status"].as_u64().expect("a status")).collect();
    assert_eq!(statuses, [204, 422, 202, 404, 204, 400, 200, 200, 200, 204, 404, 400]);
    assert_eq!((&entries[0]["id"], &entries[10]["id"]), (&value!("first"), &value!(12)));
    assert_eq!(entries[1]["problem"]["code"], "rejected");
    assert_eq!(entries[5]["problem"]["code"], "invalid_topic");
    assert_eq!(entries[6]["body"]["payload"], value!({"x": [1, 2]}));
    assert_eq!((&entries[7]["body"]["value"], &entries[7]["body"]["target"]), (&value!(80), &value!(40)));
    assert_eq!(entries[8]["body"]["id"], "lamp");
    assert_eq!(entries[10]["problem"]["status"], 404);
}

#[test]
fn a_batch_is_as_safe_as_its_entries_ask() {
    let mut hub = TestHub::start();
    let entries: Vec<_> =
        (0..100).map(|number| value!({"op": "publish", "topic": format!("b/{number}"), "payload": number, "retain": true, "qos": 1})).collect();
    let answer = batch(&hub, &Value::from(entries));
    assert!(answer.as_array().unwrap().iter().all(|entry| entry["status"] == 204), "{answer}");
    hub.restart();
    assert_eq!(get(&hub, "/api/topics?filter=b/%23").expect(200).json().as_array().unwrap().len(), 100);
}

#[test]
fn batches_are_bounded() {
    let hub = TestHub::start();
    let post = |body: &str| call(&hub, "POST", "/api/batch", &[], body.as_bytes());
    assert_eq!(post("[]").expect(200).body, b"[]");
    for body in ["", "{}", "7", "[1,"] {
        post(body).expect_problem(400, "bad_request", &["array"]);
    }
    let many = format!("[{}]", vec!["1"; 1_001].join(","));
    post(&many).expect_problem(413, "too_large", &["1000"]);
    // What is read in one batch is bounded, too.
    let large = "x".repeat(1_000_000);
    text(&hub, "PUT", "/api/topics/large", &large).expect(204);
    let answer = batch(&hub, &Value::from(vec![value!({"op": "get", "topic": "large"}); 8]));
    let statuses: Vec<_> = answer.as_array().unwrap().iter().map(|entry| entry["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 413, 413, 413, 413]);
    get(&hub, "/api/batch").expect_problem(405, "method_not_allowed", &["GET"]);
}

#[test]
fn compressed_bodies_are_not_taken_for_payloads() {
    let hub = TestHub::start();
    let answer = call(&hub, "PUT", "/api/topics/a", &[("Content-Encoding", "gzip")], b"\x1f\x8b");
    answer.expect_problem(415, "unsupported_media_type", &["compressed"]);
    assert_eq!(answer.header("accept-encoding"), "identity");
    call(&hub, "PUT", "/api/topics/a", &[("Content-Encoding", "identity")], b"x").expect(204);
}
