//! Sequences of Homie's announcements that are not in the sets: when a device counts as described, and bounds.

use housewire_core::Timestamp;
use serde_json::json;

use super::super::model::Found;
use super::*;

fn tell(dialect: &mut Homie, topic: &str, payload: &str) -> Vec<Event> {
    let (payload, time) = (payload.as_bytes(), Timestamp::from_micros(0));
    dialect.message(&Announcement { topic, payload, retained: true, time })
}

fn found(events: &[Event]) -> &Found {
    let [Event::Found(found)] = events else { panic!("{events:?}") };
    found
}

fn refused(events: &[Event], part: &str) {
    assert!(matches!(events, [Event::Problem { reason, .. }] if reason.contains(part)), "{events:?}");
}

fn description(name: &str) -> String {
    json!({"homie": "5.0", "version": 1, "name": name, "nodes": {}}).to_string()
}

#[test]
fn while_it_describes_itself_nothing_is_final() {
    let mut dialect = Homie::new();
    let (state, text) = ("homie/5/x/$state", "homie/5/x/$description");
    assert_eq!(tell(&mut dialect, state, "init"), []);
    assert_eq!(tell(&mut dialect, text, &description("a")), []);
    assert_eq!(found(&tell(&mut dialect, state, "ready")).name.as_deref(), Some("a"));
    assert_eq!(tell(&mut dialect, state, "init"), []);
    assert_eq!(tell(&mut dialect, text, &description("b")), []);
    assert_eq!(found(&tell(&mut dialect, state, "ready")).name.as_deref(), Some("b"));
    assert_eq!(tell(&mut dialect, state, "lost"), [], "that it is away is no news of what it is");
    assert_eq!(tell(&mut dialect, state, "").len(), 1);
    assert_eq!((dialect.bytes_len, dialect.described.len()), (0, 0), "nothing is kept of what is gone");
}

#[test]
fn attributes_count_together_once_the_state_says_so() {
    let mut dialect = Homie::new();
    for (name, text) in [
        ("$homie", "4.0.0"),
        ("$state", "init"),
        ("$nodes", "n"),
        ("n/$properties", "p"),
        ("n/p/$datatype", "integer"),
        ("n/p/$odd", "ignored"),
        ("n/p/q/$name", "ignored"),
    ] {
        assert_eq!(tell(&mut dialect, &format!("homie/x/{name}"), text), []);
    }
    assert_eq!(found(&tell(&mut dialect, "homie/x/$state", "ready")).properties.len(), 1);
    assert_eq!(tell(&mut dialect, "homie/x/$state", "init"), []);
    assert_eq!(tell(&mut dialect, "homie/x/n/$properties", "p,q"), []);
    assert_eq!(found(&tell(&mut dialect, "homie/x/$state", "alert")).properties.len(), 2);
    let late = tell(&mut dialect, "homie/x/n/q/$settable", "true");
    assert!(found(&late).properties[1].spec.access.set);
    let gone = Event::Gone { key: "homie/x".to_owned(), migrates: false };
    assert_eq!(tell(&mut dialect, "homie/x/$homie", ""), [gone]);
    for name in ["$state", "$nodes", "n/$properties", "n/p/$datatype", "n/q/$settable"] {
        assert_eq!(tell(&mut dialect, &format!("homie/x/{name}"), ""), []);
    }
    assert_eq!((dialect.bytes_len, dialect.attributed.len()), (0, 0));
}

#[test]
fn formats_of_numbers() {
    let rules = |format: &str| {
        let property = json!({"datatype": "float", "format": format});
        let text = json!({"homie": "5.0", "nodes": {"n": {"properties": {"p": property}}}}).to_string();
        let mut dialect = Homie::new();
        tell(&mut dialect, "d/5/x/$state", "ready");
        let events = tell(&mut dialect, "d/5/x/$description", &text);
        let found = found(&events);
        let spec = found.properties.first().map(|property| property.spec.clone());
        (spec.map(|spec| (spec.min, spec.max, spec.step)), found.problems.len())
    };
    for (format, expected) in [
        ("0:100:5", (Some((Some(0.0), Some(100.0), Some(5.0))), 0)),
        ("-1.5:", (Some((Some(-1.5), None, None)), 0)),
        (":10", (Some((None, Some(10.0), None)), 0)),
        ("::2", (Some((None, None, Some(2.0))), 0)),
        ("", (Some((None, None, None)), 0)),
        ("5", (Some((None, None, None)), 1)),
        ("a:b", (Some((None, None, None)), 1)),
        ("1:2:3:4", (Some((None, None, None)), 1)),
        ("inf:nan", (Some((None, None, None)), 0)),
        ("3:1", (None, 1)),
        ("0:1:0", (None, 1)),
    ] {
        assert_eq!(rules(format), expected, "{format}");
    }
}

#[test]
fn bounds_hold() {
    let mut dialect = Homie::new();
    refused(
        &tell(&mut dialect, "homie/5/x/$description", &description(&"x".repeat(ANNOUNCEMENT_BYTES_MAX))),
        "at most",
    );
    let half = "x".repeat(HOMIE_DEVICE_BYTES_MAX / 2);
    assert_eq!(tell(&mut dialect, "homie/x/$name", &half), []);
    refused(&tell(&mut dialect, "homie/x/n/$name", &half), "bytes already");
    assert_eq!(tell(&mut dialect, "homie/x/$name", &half), [], "what is known may be said again");
    let mut refusals = 0;
    for number in 0..2 * HOMIE_BYTES_MAX / half.len() {
        refusals += tell(&mut dialect, &format!("homie/y{number}/$name"), &half).len();
    }
    assert!(refusals > 0 && dialect.bytes_len <= HOMIE_BYTES_MAX, "{refusals}, {}", dialect.bytes_len);
    let mut dialect = Homie::new();
    for number in 0..FOUND_MAX {
        assert_eq!(tell(&mut dialect, &format!("homie/5/x{number}/$state"), "ready"), []);
    }
    refused(&tell(&mut dialect, "homie/5/x/$state", "ready"), "1000 devices");
    refused(&tell(&mut dialect, "homie/x/$name", "x"), "1000 devices");
    refused(&tell(&mut dialect, "homie/5/x0/$state", "\u{1}\u{2}"), "no state");
    assert_eq!(
        dialect
            .message(&Announcement {
                topic: "homie/x0/$name",
                payload: &[0xff],
                retained: false,
                time: Timestamp::from_micros(0)
            })
            .len(),
        1
    );
}
