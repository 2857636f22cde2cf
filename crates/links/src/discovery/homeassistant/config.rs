//! One component's settings, read key by key. What cannot be used becomes a problem, and the rest is used.

use std::cell::RefCell;

use housewire_core::{Qos, TopicRef};
use serde_json::Value as Json;

use super::super::limits::{ANNOUNCED_TEXT_BYTES_MAX, PROBLEMS_MAX};
use super::super::model::{Read, Write};
use super::super::template::{Templates, asks_for_others};
use super::announcement::Fields;

/// No key of an announcement.
const NO_TEMPLATE: &str = "";

/// A component's settings.
pub(super) struct Config {
    fields: Fields,
    problems: RefCell<Vec<String>>,
}

impl Config {
    /// With long keys, `~` replaced.
    pub(super) fn new(fields: Fields) -> Self {
        Self { fields, problems: RefCell::default() }
    }

    /// What could not be used so far.
    pub(super) fn into_problems(self) -> Vec<String> {
        self.problems.into_inner()
    }

    /// Notes that something cannot be used; the same is said once.
    pub(super) fn problem(&self, what: impl Into<String>) {
        let what = what.into();
        let mut problems = self.problems.borrow_mut();
        if problems.len() < PROBLEMS_MAX && !problems.contains(&what) {
            problems.push(what);
        }
    }

    /// As it came.
    pub(super) fn get(&self, key: &str) -> Option<&Json> {
        self.fields.get(key).filter(|value| !value.is_null())
    }

    /// Whether it is there and not `null`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Whether it is `null`, which takes away what would be there otherwise.
    pub(super) fn is_null(&self, key: &str) -> bool {
        self.fields.get(key).is_some_and(Json::is_null)
    }

    /// A text; numbers and `true` as Python writes them, since templates make such texts.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        let text = text_of(self.get(key)?)?;
        if text.len() > ANNOUNCED_TEXT_BYTES_MAX {
            self.problem(format!("'{key}' is longer than {ANNOUNCED_TEXT_BYTES_MAX} bytes"));
            return None;
        }
        Some(text)
    }

    /// A text, or what it is when nobody says.
    pub(super) fn text_or(&self, key: &str, default: &str) -> String {
        self.text(key).unwrap_or_else(|| default.to_owned())
    }

    /// A finite number, also one in a text.
    pub(super) fn number(&self, key: &str) -> Option<f64> {
        let number = match self.get(key)? {
            Json::Number(number) => number.as_f64(),
            Json::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number: &f64| number.is_finite());
        if number.is_none() {
            self.problem(format!("'{key}' is no number"));
        }
        number
    }

    /// Yes or no, in any of the ways to say so.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Json::Bool(yes) => Some(*yes),
            Json::Number(number) => Some(number.as_f64() != Some(0.0)),
            Json::String(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "on" | "yes" | "1" | "enable" => Some(true),
                "false" | "off" | "no" | "0" | "disable" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Texts; none if it is no list.
    pub(super) fn list(&self, key: &str) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for item in self.get(key).and_then(Json::as_array).into_iter().flatten() {
            // A list may be long; the rules of options bound it.
            if let Some(text) = text_of(item).filter(|text| !texts.contains(text)) {
                texts.push(text);
            }
            if texts.len() > housewire_core::limits::OPTIONS_MAX {
                break;
            }
        }
        texts
    }

    /// A topic that can be published to.
    pub(super) fn topic(&self, key: &str) -> Option<String> {
        let topic = self.text(key)?;
        match TopicRef::parse(&topic) {
            Ok(_) if topic.starts_with('$') => {
                self.problem(format!("'{key}' is a topic of the hub itself"));
                None
            }
            Ok(_) => {
                // Whoever announces need not have the rights that the hub has, which will speak for it.
                if topic.starts_with("devices/") {
                    self.problem(format!("'{key}' is a topic of a device that this hub has: {topic:.80}"));
                }
                Some(topic)
            }
            Err(error) => {
                self.problem(format!("'{key}' is no topic: {error}"));
                None
            }
        }
    }

    /// A template. `Err` if there is one that cannot be read.
    pub(super) fn template(&self, key: &str) -> Result<Option<String>, ()> {
        let Some(template) = self.get(key).and_then(text_of).filter(|_| key != NO_TEMPLATE) else { return Ok(None) };
        if let Err(error) = Templates::check(&template) {
            self.problem(format!("'{key}': {error}"));
            return Err(());
        }
        if asks_for_others(&template) {
            self.problem(format!("'{key}' asks for states of other entities; here they are unknown"));
        }
        Ok(Some(template))
    }

    /// Where a value comes from, as it stands.
    pub(super) fn read_plain(&self, topic: &str) -> Option<Read> {
        self.read(topic, NO_TEMPLATE)
    }

    /// Where a request goes, as it stands.
    pub(super) fn write_plain(&self, topic: &str) -> Option<Write> {
        self.write(topic, NO_TEMPLATE)
    }

    /// Where a value comes from: nothing without a topic, or with a template that cannot be read.
    pub(super) fn read(&self, topic: &str, template: &str) -> Option<Read> {
        let topic = self.topic(topic)?;
        let template = self.template(template).ok()?;
        let encoding = self.text_or("encoding", "utf-8").to_ascii_lowercase();
        if !matches!(encoding.as_str(), "utf-8" | "utf8" | "ascii" | "") {
            self.problem(format!("messages in '{encoding}' are read as UTF-8"));
        }
        Some(Read { topic, template, ..Read::default() })
    }

    /// Where a request goes: likewise.
    pub(super) fn write(&self, topic: &str, template: &str) -> Option<Write> {
        let topic = self.topic(topic)?;
        let template = self.template(template).ok()?;
        let qos = self.number("qos").map_or(Some(Qos::AtMostOnce), |qos| {
            [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce]
                .into_iter()
                .find(|known| f64::from(known.number()) == qos)
        });
        if qos.is_none() {
            self.problem("'qos' is none of 0, 1 and 2; 0 is used");
        }
        let retain = self.flag("retain").unwrap_or(false);
        if retain {
            self.problem("its commands are retained: after a restart it may do again what it was told long ago");
        }
        let optimistic = self.flag("optimistic").unwrap_or(false);
        Some(Write { topic, template, qos: qos.unwrap_or_default(), retain, optimistic, ..Write::default() })
    }
}

fn text_of(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Bool(yes) => Some(if *yes { "True" } else { "False" }.to_owned()),
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}
