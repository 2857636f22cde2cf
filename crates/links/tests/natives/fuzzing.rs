//! What must hold whatever is announced.
//!
//! Shared by the target in `fuzz/`, which finds such bytes, and by the tests here.

use std::collections::BTreeSet;

use housewire_core::{Timestamp, TopicRef};
use housewire_links::discovery::homie::Homie;
use housewire_links::discovery::limits::{FOUND_MAX, PROBLEMS_MAX};
use housewire_links::discovery::tasmota::Tasmota;
use housewire_links::discovery::template::Templates;
use housewire_links::discovery::zigbee2mqtt::Zigbee2Mqtt;
use housewire_links::discovery::{Announcement, Dialect, Event, Found};

/// Topics on which the bytes of a fuzzer come, by dialect; each dialect is told of all of them.
const TOPICS: [&str; 32] = [
    "tasmota/discovery/A0B1C2D3E401/config",
    "tasmota/discovery/A0B1C2D3E401/sensors",
    "tasmota/discovery/A0B1C2D3E402/config",
    "tasmota/discovery/x/config",
    "zigbee2mqtt/bridge/info",
    "zigbee2mqtt/bridge/devices",
    "zigbee2mqtt/bridge/groups",
    "zigbee2mqtt/desk lamp/availability",
    "zigbee2mqtt/a/b/availability",
    "zigbee2mqtt/bridge/availability",
    "homie/5/lamp/$state",
    "homie/5/lamp/$description",
    "homie/5/child/$description",
    "homie/5/child/$state",
    "other/5/lamp/$description",
    "homie/lamp/$homie",
    "homie/lamp/$name",
    "homie/lamp/$nodes",
    "homie/lamp/$state",
    "homie/lamp/$mac",
    "homie/lamp/$fw/version",
    "homie/lamp/a/$properties",
    "homie/lamp/b/$properties",
    "homie/lamp/a/$array",
    "homie/lamp/a/$name",
    "homie/lamp/a/p/$datatype",
    "homie/lamp/a/p/$format",
    "homie/lamp/a/p/$settable",
    "homie/lamp/a/p/$retained",
    "homie/lamp/a/p/$unit",
    "homie/5/$homie",
    "homie/5/a/$properties",
];

/// All dialects but Home Assistant's, which has tests of its own.
pub(crate) fn dialects() -> [Box<dyn Dialect>; 3] {
    let bridge = Zigbee2Mqtt::new("zigbee2mqtt").unwrap_or_else(|error| panic!("{error}"));
    [Box::new(Tasmota::new()), Box::new(bridge), Box::new(Homie::new())]
}

/// Each message is a byte for the topic, two for the length, and the payload.
pub(crate) fn announce_bytes(mut input: &[u8]) {
    let mut dialects = dialects();
    while let [topic, low, high, rest @ ..] = input {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (payload, more) = rest.split_at(len);
        input = more;
        let topic = TOPICS[usize::from(*topic) % TOPICS.len()];
        for dialect in &mut dialects {
            tell(dialect.as_mut(), topic, payload);
        }
    }
}

/// Takes a message twice: what it says holds together, and the second time it is no news.
pub(crate) fn tell(dialect: &mut dyn Dialect, topic: &str, payload: &[u8]) -> Vec<Event> {
    let message = Announcement { topic, payload, retained: true, time: Timestamp::from_micros(0) };
    let events = dialect.message(&message);
    assert!(events.len() <= 3 * FOUND_MAX + PROBLEMS_MAX + 2, "{} events", events.len());
    for event in &events {
        match event {
            Event::Found(found) => holds_together(found),
            Event::Ask(ask) => assert!(TopicRef::parse(&ask.topic).is_ok(), "{}", ask.topic),
            Event::Problem { topic: told, reason } => {
                assert_eq!(told, topic);
                assert!(!reason.chars().any(char::is_control) && reason.len() < 2_000, "{reason}");
            }
            Event::Gone { key, .. } => assert!(!key.is_empty()),
        }
    }
    let again = dialect.message(&message);
    let is_news = |event: &&Event| !matches!(event, Event::Problem { .. });
    assert_eq!(again.iter().find(is_news), None, "the same message again on {topic}");
    events
}

fn holds_together(found: &Found) {
    assert!(!found.key.is_empty() && !found.identifiers.is_empty());
    assert!(found.problems.len() <= PROBLEMS_MAX, "{} problems", found.problems.len());
    assert!(found.url.as_ref().is_none_or(|url| url.starts_with("http://") || url.starts_with("https://")));
    let names: Vec<_> = found.properties.iter().map(|property| property.name.as_str()).collect();
    assert!(names.windows(2).all(|two| two[0] < two[1]), "in order, and no two alike: {names:?}");
    let keys: BTreeSet<_> = found.properties.iter().map(|property| &property.key).collect();
    assert_eq!(keys.len(), names.len());
    let mut topics: BTreeSet<&str> = found.availability.topics.iter().map(|topic| topic.topic.as_str()).collect();
    let mut templates: BTreeSet<&str> = BTreeSet::new();
    templates.extend(found.availability.topics.iter().filter_map(|topic| topic.template.as_deref()));
    for property in &found.properties {
        assert_eq!(property.spec.validate(), Ok(()), "{}", property.key);
        let access = property.spec.access;
        assert_eq!(access.read, !property.reads.is_empty(), "{}", property.key);
        assert_eq!(access.set, property.write.is_some(), "{}", property.key);
        topics.extend(property.reads.iter().map(|read| read.topic.as_str()));
        templates.extend(property.reads.iter().filter_map(|read| read.template.as_deref()));
        if let Some(write) = &property.write {
            topics.insert(&write.topic);
            topics.extend(write.elsewhere.iter().map(|elsewhere| elsewhere.topic.as_str()));
            templates.extend(write.template.as_deref());
            assert!(!write.retain, "{} would be switched again at each restart", property.key);
        }
    }
    for topic in topics {
        assert!(TopicRef::parse(topic).is_ok(), "{topic:?}");
        assert!(!topic.starts_with("devices/") && !topic.starts_with('$'), "{topic} belongs to the hub");
    }
    for template in templates {
        assert_eq!(Templates::check(template), Ok(()), "{template}");
    }
}
