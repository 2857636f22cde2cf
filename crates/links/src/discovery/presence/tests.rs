use super::super::model::AvailabilityTopic;
use super::*;

fn topics() -> Vec<AvailabilityTopic> {
    let topic = |topic: &str, template: Option<&str>| AvailabilityTopic {
        topic: topic.into(),
        online: "online".into(),
        offline: "offline".into(),
        template: template.map(Into::into),
    };
    vec![topic("a", None), topic("b", Some("{{ value_json.state }}")), topic("c", None)]
}

/// Messages as `topic payload`, and whether the device is there after each.
#[track_caller]
fn check(mode: AvailabilityMode, rows: &[(&str, &str, bool)]) {
    let mut templates = Templates::new();
    let mut presence = Presence::new(Availability { topics: topics(), mode });
    assert_eq!(presence.is_there(), Some(false), "nothing was heard yet");
    for (topic, payload, expected) in rows {
        presence.message(&mut templates, topic, payload.as_bytes(), Timestamp::default()).unwrap();
        assert_eq!(presence.is_there(), Some(*expected), "{mode:?}, after {topic} {payload}");
    }
}

#[test]
fn three_topics_in_each_mode() {
    check(
        AvailabilityMode::Latest,
        &[
            ("a", "online", true),
            ("b", r#"{"state":"offline"}"#, false),
            ("c", "online", true),
            ("c", "neither", true),
            ("other", "offline", true),
            ("a", "offline", false),
        ],
    );
    check(
        AvailabilityMode::All,
        &[
            ("a", "online", false),
            ("b", r#"{"state":"online"}"#, false),
            ("c", "online", true),
            ("b", r#"{"state":"offline"}"#, false),
            ("b", r#"{"state":"online"}"#, true),
        ],
    );
    check(
        AvailabilityMode::Any,
        &[("a", "offline", false), ("b", r#"{"state":"online"}"#, true), ("b", r#"{"state":"offline"}"#, false)],
    );
}

#[test]
fn without_topics_nobody_says() {
    assert_eq!(Presence::new(Availability::default()).is_there(), None);
}

#[test]
fn what_cannot_be_read_changes_nothing() {
    let mut templates = Templates::new();
    let mut presence = Presence::new(Availability { topics: topics(), mode: AvailabilityMode::Latest });
    presence.message(&mut templates, "a", b"online", Timestamp::default()).unwrap();
    presence.message(&mut templates, "a", &[0xff], Timestamp::default()).unwrap_err();
    presence.message(&mut templates, "b", b"no json", Timestamp::default()).unwrap_err();
    assert_eq!(presence.is_there(), Some(true));
}
