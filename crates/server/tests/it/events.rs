//! The event stream.

use serde_json::{Value, json as value};

use crate::http_client::{Events, call, get, text};
use crate::test_hub::TestHub;

#[test]
fn stored_values_first_then_live_ones() {
    let hub = TestHub::start();
    text(&hub, "PUT", "/api/topics/lab/a", "1").expect(204);
    text(&hub, "PUT", "/api/topics/lab/b", "{\n\"x\": 2\n}").expect(204);
    let mut events = Events::open(&hub, "filter=lab/%23");
    let first = events.next();
    let keys: Vec<_> = first.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["payload", "retain", "time", "topic", "via"]);
    assert_eq!((&first["topic"], &first["payload"], &first["retain"]), (&value!("lab/a"), &value!(1), &value!(true)));
    assert_eq!(first["via"], "http");
    assert_eq!(events.next()["payload"], value!({"x": 2}));
    text(&hub, "PUT", "/api/topics/lab/a", "3").expect(204);
    let live = events.next();
    assert_eq!((&live["payload"], &live["retain"]), (&value!(3), &value!(false)));
}

#[test]
fn a_device_shows_its_last_value_even_if_it_was_not_kept() {
    let hub = TestHub::start();
    text(&hub, "POST", "/api/topics/devices/d/p", "5").expect(204);
    let mut events = Events::open(&hub, "filter=devices/d/p");
    let first = events.next();
    assert_eq!((&first["payload"], &first["retain"]), (&value!(5), &value!(true)));
}

#[test]
fn several_filters() {
    let hub = TestHub::start();
    let mut events = Events::open(&hub, "filter=a/+/c&filter=b%2F%2B&filter=a/x/%23");
    for topic in ["a/x/c", "b/y", "other", "a/x"] {
        text(&hub, "POST", &format!("/api/topics/{topic}"), "m").expect(204);
    }
    let topics: Vec<_> = (0..3).map(|_| events.next()["topic"].clone()).collect();
    assert_eq!(topics, ["a/x/c", "b/y", "a/x"], "once each, whatever the number of filters");
}

#[test]
fn payloads_of_any_kind() {
    let hub = TestHub::start();
    let mut events = Events::open(&hub, "filter=a");
    for (payload, shown) in [
        (b"true".as_slice(), value!(true)),
        (b"two\nlines", value!("two\nlines")),
        (b"", value!("")),
        (b"\xff", value!({"base64": "/w=="})),
        (b"null", Value::Null),
    ] {
        call(&hub, "POST", "/api/topics/a", &[], payload).expect(204);
        assert_eq!(events.next()["payload"], shown, "{payload:?}");
    }
}

#[test]
fn filters_that_are_none() {
    let hub = TestHub::start();
    for filter in ["a/%23/b", "a%2B", "", "%23a", "a%00b", "%FF"] {
        get(&hub, &format!("/api/events?filter={filter}")).expect_problem(400, "invalid_filter", &[]);
    }
    get(&hub, "/api/events").expect_problem(400, "bad_request", &["filter"]);
    let many = "filter=a&".repeat(65);
    get(&hub, &format!("/api/events?{many}")).expect_problem(400, "full", &["64"]);
}

#[test]
fn the_end_is_proper() {
    let mut hub = TestHub::start();
    let streams: Vec<_> = (0..4).map(|_| Events::open(&hub, "filter=%23")).collect();
    hub.stop();
    for stream in streams {
        stream.expect_end();
    }
}

fn publish(hub: &TestHub, numbers: std::ops::Range<u32>) {
    for number in numbers {
        text(hub, "POST", "/api/topics/lab/n", &number.to_string()).expect(204);
    }
}

/// The next numbers, which must come in order and each once.
#[track_caller]
fn expect(events: &mut Events, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let event = events.next();
        assert_eq!((&*events.last_event, &event["payload"]), ("", &value!(number)), "{event}");
    }
}

#[test]
fn who_comes_back_misses_nothing() {
    let hub = TestHub::start();
    let mut events = Events::open(&hub, "filter=lab/%23");
    publish(&hub, 0..5);
    expect(&mut events, 0..3);
    let last = events.last_id.clone();
    // Two have been sent and were not read.
    drop(events);
    publish(&hub, 5..10);
    let mut events = Events::resume(&hub, "filter=lab/%23", &last);
    publish(&hub, 10..12);
    expect(&mut events, 3..12);
    // Again and again, from where it was.
    for start in [12, 13] {
        let last = events.last_id.clone();
        drop(events);
        publish(&hub, start..start + 1);
        events = Events::resume(&hub, "filter=lab/%23", &last);
        expect(&mut events, start..start + 1);
    }
    // An event before the last one is a place like any other, as long as it is kept.
    let mut events = Events::resume(&hub, "filter=lab/%23", &last);
    expect(&mut events, 3..14);
}

#[test]
fn who_comes_back_takes_the_stream_from_the_connection_before() {
    let hub = TestHub::start();
    let mut old = Events::open(&hub, "filter=lab/%23");
    publish(&hub, 0..2);
    expect(&mut old, 0..2);
    // The hub does not know yet that this connection is dead.
    let mut new = Events::resume(&hub, "filter=lab/%23", &old.last_id);
    publish(&hub, 2..4);
    expect(&mut new, 2..4);
    old.expect_end();
    let clients = get(&hub, "/api/clients").expect(200).json();
    assert_eq!(clients.as_array().unwrap().len(), 1, "{clients}");
}

#[test]
fn who_cannot_come_back_begins_anew() {
    let hub = TestHub::start();
    text(&hub, "PUT", "/api/topics/lab/kept", "7").expect(204);
    let mut events = Events::open(&hub, "filter=lab/%23");
    assert_eq!(events.next()["payload"], 7);
    let last = events.last_id.clone();
    drop(events);
    let other = format!("{}.1", "0".repeat(16));
    let beyond = format!("{}9", last);
    // Other filters, another stream, an event that was never sent, no id at all.
    for (query, last) in
        [("filter=%23", &*last), ("filter=lab/%23", &other), ("filter=lab/%23", &beyond), ("filter=lab/%23", "7")]
    {
        let mut events = Events::resume(&hub, query, last);
        let first = events.next();
        assert_eq!(events.last_event, "reset", "{last}: {first}");
        // What is stored comes first again.
        assert_eq!(events.next()["retain"], true);
    }
}

#[test]
fn nobody_takes_a_stream_that_is_not_his() {
    let hub = TestHub::start();
    let mut old = Events::open(&hub, "filter=lab/%23");
    publish(&hub, 0..1);
    expect(&mut old, 0..1);
    let mut other = Events::resume(&hub, "filter=lab/n", &old.last_id);
    other.next();
    assert_eq!(other.last_event, "reset");
    publish(&hub, 1..2);
    expect(&mut old, 1..2);
    expect(&mut other, 1..2);
}

#[test]
fn what_is_kept_for_a_client_is_bounded() {
    let hub = TestHub::builder().limits(|limits| limits.event_resume_bytes = 1_000).start();
    let mut events = Events::open(&hub, "filter=lab/%23");
    publish(&hub, 0..1);
    expect(&mut events, 0..1);
    let first = events.last_id.clone();
    for start in 1..20 {
        publish(&hub, start..start + 1);
        expect(&mut events, start..start + 1);
    }
    let last = events.last_id.clone();
    drop(events);
    let mut events = Events::resume(&hub, "filter=lab/%23", &last);
    publish(&hub, 20..21);
    expect(&mut events, 20..21);
    drop(events);
    let mut events = Events::resume(&hub, "filter=lab/%23", &first);
    events.next();
    assert_eq!(events.last_event, "reset");
}

#[test]
fn nobody_waits_for_ever() {
    let hub =
        TestHub::builder().limits(|limits| limits.event_resume_time = std::time::Duration::from_millis(200)).start();
    let mut events = Events::open(&hub, "filter=lab/%23");
    publish(&hub, 0..1);
    expect(&mut events, 0..1);
    let last = events.last_id.clone();
    drop(events);
    let began = std::time::Instant::now();
    while get(&hub, "/api/clients").expect(200).json() != value!([]) {
        assert!(began.elapsed() < crate::test_hub::PATIENCE, "the stream is kept");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let mut events = Events::resume(&hub, "filter=lab/%23", &last);
    events.next();
    assert_eq!(events.last_event, "reset");
}

#[test]
fn a_client_that_is_away_can_be_forgotten() {
    let hub = TestHub::start();
    let mut events = Events::open(&hub, "filter=lab/%23");
    publish(&hub, 0..1);
    expect(&mut events, 0..1);
    let last = events.last_id.clone();
    drop(events);
    let began = std::time::Instant::now();
    let id = loop {
        let clients = get(&hub, "/api/clients").expect(200).json();
        if clients[0]["connected"] == false {
            break clients[0]["id"].as_str().unwrap().to_owned();
        }
        assert!(began.elapsed() < crate::test_hub::PATIENCE, "it is still there");
    };
    call(&hub, "DELETE", &format!("/api/clients/{id}?forget=true"), &[], b"").expect(204);
    assert_eq!(get(&hub, "/api/clients").expect(200).json(), value!([]));
    let mut events = Events::resume(&hub, "filter=lab/%23", &last);
    events.next();
    assert_eq!(events.last_event, "reset");
}
