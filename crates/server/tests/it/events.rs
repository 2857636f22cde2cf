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
