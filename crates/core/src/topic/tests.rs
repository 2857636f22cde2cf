use proptest::prelude::*;

use super::*;

fn check_match(filter: &str, topic: &str, expected: bool) {
    let filter = Filter::parse(filter).expect("a valid filter");
    let topic = TopicRef::parse(topic).expect("a valid topic");
    assert_eq!(filter.matches(topic), expected, "{filter} on {topic}");
}

#[test]
fn matches_as_the_specification_says() {
    for (filter, topic, expected) in [
        ("sport/tennis/player1/#", "sport/tennis/player1", true),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
        ("sport/#", "sport", true),
        ("sport/+", "sport", false),
        ("sport/+", "sport/", true),
        ("+/+", "/finance", true),
        ("/+", "/finance", true),
        ("+", "/finance", false),
        ("#", "a/b", true),
        ("#", "$SYS/uptime", false),
        ("+/uptime", "$SYS/uptime", false),
        ("$SYS/#", "$SYS/uptime", true),
        ("$SYS/+", "$SYS/uptime", true),
        ("a/$b/+", "a/$b/c", true),
        ("a/b", "a/b/c", false),
        ("a/b/c", "a/b", false),
        ("A", "a", false),
    ] {
        check_match(filter, topic, expected);
    }
}

#[test]
fn refuses_what_is_no_topic() {
    let long = "x".repeat(TOPIC_BYTES_MAX + 1);
    let deep = "/".repeat(TOPIC_LEVELS_MAX);
    for (text, error) in [
        ("", TopicError::Empty),
        ("a/+", TopicError::Wildcard),
        ("a#", TopicError::Wildcard),
        ("a\0b", TopicError::BadCharacter(0)),
        ("a\nb", TopicError::BadCharacter(10)),
        (long.as_str(), TopicError::TooLong(TOPIC_BYTES_MAX + 1)),
        (deep.as_str(), TopicError::TooDeep),
    ] {
        assert_eq!(TopicRef::parse(text), Err(error), "{:.20}", text);
    }
    for text in ["a#", "a/#/b", "a+/b", "+a", "#/a", "a/b#"] {
        assert_eq!(Filter::parse(text), Err(TopicError::MisplacedWildcard), "{text}");
    }
}

#[test]
fn knows_the_literal_prefix() {
    for (filter, prefix) in
        [("a/b/+", "a/b/"), ("a/#", "a/"), ("#", ""), ("+/a", ""), ("a/b", "a/b"), ("a/", "a/"), ("/+", "/")]
    {
        assert_eq!(Filter::parse(filter).unwrap().literal_prefix(), prefix, "{filter}");
    }
}

fn level() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), Just("a".into()), Just("b".into()), Just("$c".into())]
}

fn topic() -> impl Strategy<Value = String> {
    prop::collection::vec(level(), 1..5).prop_map(|levels| levels.join("/")).prop_filter("not empty", |t| !t.is_empty())
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => level(), 1 => Just("+".to_owned())];
    (prop::collection::vec(level, 1..5), any::<bool>())
        .prop_map(|(mut levels, hash)| {
            if hash {
                levels.push("#".into());
            }
            levels.join("/")
        })
        .prop_filter("not empty", |t| !t.is_empty())
}

proptest! {
    #[test]
    fn what_covers_a_filter_matches_all_of_its_topics(wide in filter(), narrow in filter(), topic in topic()) {
        let (wide, narrow) = (Filter::parse(&wide).unwrap(), Filter::parse(&narrow).unwrap());
        let topic = TopicRef::parse(&topic).unwrap();
        if wide.covers(&narrow) && narrow.matches(topic) {
            prop_assert!(wide.matches(topic), "{} covers {} but not {}", wide, narrow, topic);
        }
    }

    #[test]
    fn every_match_starts_with_the_literal_prefix(filter in filter(), topic in topic()) {
        let (filter, topic) = (Filter::parse(&filter).unwrap(), TopicRef::parse(&topic).unwrap());
        if filter.matches(topic) {
            let prefix = filter.literal_prefix();
            let starts = format!("{topic}/").starts_with(prefix);
            prop_assert!(starts, "{} is matched by {}", topic, filter);
        }
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in any::<String>(), other in "[a+#/$]{0,12}") {
        for text in [text, other] {
            if let Ok(filter) = Filter::parse(&text) {
                prop_assert_eq!(filter.as_topic().is_some(), !text.contains(['+', '#']));
                prop_assert!(filter.covers(&filter));
            } else {
                prop_assert!(TopicRef::parse(&text).is_err());
            }
        }
    }
}

#[test]
fn shared_filters_match_what_is_inside() {
    let shared = Filter::parse("$share/g/a/+").unwrap();
    assert!(shared.is_shared() && shared.matches(TopicRef::parse("a/b").unwrap()));
    assert!(!shared.matches(TopicRef::parse("$share/g/a/b").unwrap()));
    assert_eq!((shared.as_str(), shared.literal_prefix()), ("$share/g/a/+", "a/"));
    assert!(Filter::parse("a/#").unwrap().covers(&shared));
    assert_ne!(shared, Filter::parse("$share/h/a/+").unwrap());
    for text in ["$share", "$shared/g/a", "a/$share/g/a"] {
        assert!(!Filter::parse(text).unwrap().is_shared(), "{text}");
    }
    for text in ["$share/", "$share//a", "$share/g", "$share/g/", "$share/g+/a", "$share/#/a", "$share/+/a"] {
        assert_eq!(Filter::parse(text), Err(TopicError::Share), "{text}");
    }
    assert_eq!(Filter::parse("$share/g/a+"), Err(TopicError::MisplacedWildcard));
    assert_eq!(Filter::parse("$share/g/#").unwrap().levels().collect::<Vec<_>>(), ["#"]);
}
