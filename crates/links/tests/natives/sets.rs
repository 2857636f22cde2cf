//! Whole sets of announcements, in `tests/announcements`: what is found in them, what the devices' messages then say, and what requests
//! become.
//!
//! What is found is written down beside this file; run the tests with `UPDATE_GOLDEN=1` after a change, and look at the difference.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use housewire_core::{Timestamp, TopicRef, Type};
use housewire_links::discovery::binding::{self, Reading};
use housewire_links::discovery::model::Category;
use housewire_links::discovery::presence::Presence;
use housewire_links::discovery::template::Templates;
use housewire_links::discovery::{Dialect, Event, Found, FoundProperty};
use proptest::prelude::*;
use serde_json::Value;

use crate::fuzzing::{dialects, tell};

const NOW: Timestamp = Timestamp::from_micros(1_795_168_800_000_000);

/// Topic, payload, whether it is retained.
pub(crate) type Message = (String, Vec<u8>, bool);

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/announcements")
}

/// A set as it is written down.
pub(crate) fn load(name: &str) -> Vec<Message> {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    let messages: Vec<Value> = serde_json::from_str(&text).unwrap();
    let message = |message: Value| {
        let payload = match &message["payload"] {
            Value::String(text) => text.clone(),
            json => json.to_string(),
        };
        (message["topic"].as_str().unwrap().to_owned(), payload.into_bytes(), message["retain"].as_bool().unwrap())
    };
    messages.into_iter().map(message).collect()
}

/// The dialect that a set is for.
pub(crate) fn dialect_of(name: &str) -> Box<dyn Dialect> {
    let starts = |dialect: &dyn Dialect| name.starts_with(dialect.source().as_str());
    dialects().into_iter().find(|dialect| starts(dialect.as_ref())).unwrap()
}

/// What is known after the messages, and what was said meanwhile.
fn play(dialect: &mut dyn Dialect, messages: &[Message]) -> (BTreeMap<String, Found>, String) {
    let filters = dialect.filters();
    let mut known = BTreeMap::new();
    let mut said = String::new();
    for (topic, payload, _) in messages {
        if !filters.iter().any(|filter| filter.matches(TopicRef::parse(topic).unwrap())) {
            continue;
        }
        for event in tell(dialect, topic, payload) {
            match event {
                Event::Found(found) => {
                    let word = if known.contains_key(&found.key) { "changed" } else { "found" };
                    writeln!(said, "{word} {}", found.key).unwrap();
                    known.insert(found.key.clone(), *found);
                }
                Event::Gone { key, .. } => {
                    writeln!(said, "gone {key}").unwrap();
                    known.remove(&key);
                }
                Event::Problem { topic, reason } => writeln!(said, "problem on {topic}: {reason}").unwrap(),
                Event::Ask(ask) => {
                    writeln!(said, "ask {} {:?}", ask.topic, String::from_utf8_lossy(&ask.payload)).unwrap();
                }
            }
        }
    }
    (known, said)
}

/// One device in words.
fn describe(found: &Found, messages: &[Message]) -> String {
    let mut text = format!("\n{} {}\n", found.source, found.key);
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            writeln!(text, "  {name}: {value}").unwrap();
        }
    };
    line("identifiers", &found.identifiers.join(" "));
    line("name", found.name.as_deref().unwrap_or_default());
    line("manufacturer", found.manufacturer.as_deref().unwrap_or_default());
    line("model", found.model.as_deref().unwrap_or_default());
    line("sw", found.sw_version.as_deref().unwrap_or_default());
    line("via", found.via.as_deref().unwrap_or_default());
    line("url", found.url.as_deref().unwrap_or_default());
    line("addresses", &found.addresses.join(" "));
    for topic in found.topics.iter().take(2) {
        line("announced on", topic);
    }
    line("further topics", &found.topics.len().saturating_sub(2).to_string());
    for problem in &found.problems {
        line("problem", problem);
    }
    let mut templates = Templates::new();
    let mut presence = Presence::new(found.availability.clone());
    for topic in &found.availability.topics {
        line("availability", &topic.topic);
    }
    for (topic, payload, _) in messages {
        presence.message(&mut templates, topic, payload, NOW).unwrap();
    }
    line("there", &presence.is_there().map_or_else(|| "whenever heard of".to_owned(), |there| there.to_string()));
    for property in &found.properties {
        text.push_str(&of_property(property, messages, &mut templates));
    }
    text
}

fn of_property(property: &FoundProperty, messages: &[Message], templates: &mut Templates) -> String {
    let FoundProperty { name, label, spec, component, category, reads, write, .. } = property;
    let access = spec.access;
    let letters = [(access.read, 'r'), (access.set, 's'), (access.event, 'e')];
    let letters: String = letters.into_iter().map(|(has, letter)| if has { letter } else { '-' }).collect();
    let mut text = format!("  {name} {} {letters} {component}", spec.kind);
    if *category != Category::Main {
        write!(text, " {category:?}").unwrap();
    }
    for (name, value) in [("role", &spec.role), ("unit", &spec.unit), ("label", label)] {
        if let Some(value) = value {
            write!(text, " {name}={value:?}").unwrap();
        }
    }
    for (name, value) in [("min", spec.min), ("max", spec.max), ("step", spec.step)] {
        if let Some(value) = value {
            write!(text, " {name}={value}").unwrap();
        }
    }
    if !spec.options.is_empty() {
        write!(text, " options={:?}", spec.options).unwrap();
    }
    text.push('\n');
    for (topic, payload, _) in messages {
        for read in reads.iter().filter(|read| read.topic == *topic) {
            match binding::read(templates, read, spec, payload, NOW) {
                Ok(Reading::Nothing) => {}
                Ok(Reading::Unknown) => writeln!(text, "    unknown by {topic}").unwrap(),
                Ok(Reading::Value(value)) => {
                    writeln!(text, "    = {:?} by {topic}", String::from_utf8_lossy(&value)).unwrap();
                }
                Err(error) => writeln!(text, "    {topic}: {error}").unwrap(),
            }
        }
    }
    for value in samples(property) {
        let Some(write) = write else { continue };
        let sent = binding::write(templates, write, spec, value.as_bytes(), NOW);
        let sent = sent
            .map(|sent| format!("{} {:?} QoS {}", sent.topic, String::from_utf8_lossy(&sent.payload), sent.qos as u8));
        writeln!(text, "    set {value} -> {}", sent.unwrap_or_else(|error| error.to_string())).unwrap();
    }
    text
}

/// Values that are asked for, by type.
fn samples(property: &FoundProperty) -> Vec<String> {
    let spec = &property.spec;
    match spec.kind {
        Type::Bool => vec!["true".into(), "false".into()],
        Type::Int => vec![spec.max.unwrap_or(7.0).to_string()],
        Type::Float => vec![spec.max.unwrap_or(21.5).to_string()],
        Type::Enum => spec.options.first().into_iter().chain(spec.options.last()).cloned().collect(),
        Type::Color => vec!["#ff8800".into()],
        Type::Json => vec!["{\"a\":[1,\"x\"]}".into()],
        Type::String | Type::Bytes => vec!["a \"b\" {{ c }}".into(), String::new()],
    }
}

#[track_caller]
fn golden(name: &str) {
    let messages = load(name);
    let (known, said) = play(dialect_of(name).as_mut(), &messages);
    let text: String = std::iter::once(said).chain(known.values().map(|found| describe(found, &messages))).collect();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/natives/{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let differing = text.lines().zip(written.lines()).find(|(now, then)| now != then);
    assert!(text == written, "{name}.txt differs at {differing:#?}; if it is meant, use UPDATE_GOLDEN=1");
}

#[test]
fn tasmota() {
    golden("tasmota");
}

#[test]
fn zigbee2mqtt() {
    golden("zigbee2mqtt");
}

#[test]
fn homie_3_and_4() {
    golden("homie3");
}

#[test]
fn homie_5() {
    golden("homie5");
}

/// Retained messages come in any order; of two on one topic the broker has the second.
fn kept(messages: Vec<Message>) -> Vec<Message> {
    let mut kept: BTreeMap<String, Message> = BTreeMap::new();
    for message in messages.into_iter().filter(|(_, _, retained)| *retained) {
        kept.insert(message.0.clone(), message);
    }
    kept.into_values().filter(|(_, payload, _)| !payload.is_empty()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_order_of_retained_messages_does_not_matter(
        name in prop::sample::select(vec!["tasmota", "zigbee2mqtt", "homie3", "homie5"]),
        seed in any::<u64>(),
    ) {
        let mut messages = kept(load(name));
        let (in_order, _) = play(dialect_of(name).as_mut(), &messages);
        let mut state = seed;
        for place in (1..messages.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            messages.swap(place, usize::try_from(state >> 33).unwrap() % (place + 1));
        }
        let (shuffled, _) = play(dialect_of(name).as_mut(), &messages);
        prop_assert_eq!(in_order, shuffled);
    }
}
