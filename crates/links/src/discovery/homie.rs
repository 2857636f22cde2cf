//! The Homie convention: versions 3 and 4, which describe a device topic by topic, and 5, which does so in one JSON document.
//!
//! Here is which message belongs to what. Devices of versions 3 and 4 are put together in `attributes`, those of 5 in `description`; what
//! one property becomes is the same for all, in `property`.

mod attributes;
mod description;
mod property;

use std::collections::BTreeMap;

use housewire_core::Filter;

use self::attributes::Attributes;
use super::Dialect;
use super::draft::quoted;
use super::limits::{ANNOUNCEMENT_BYTES_MAX, FOUND_MAX, HOMIE_BYTES_MAX, HOMIE_DEVICE_BYTES_MAX};
use super::model::{Announcement, AvailabilityTopic, Event, Source};
use super::said::Said;

/// Where devices of versions 3 and 4 are.
const BASE: &str = "homie";

/// Attributes of versions 3 and 4 that matter here, by how deep they are; `$state` comes last of all.
const OF_DEVICE: [&str; 8] =
    ["$homie", "$name", "$nodes", "$mac", "$localip", "$implementation", "$fw/name", "$fw/version"];
const OF_NODE: [&str; 4] = ["$name", "$type", "$properties", "$array"];
const OF_PROPERTY: [&str; 6] = ["$name", "$datatype", "$format", "$settable", "$retained", "$unit"];

/// Devices that speak Homie.
#[derive(Default)]
pub struct Homie {
    described: BTreeMap<String, Described>,
    attributed: BTreeMap<String, Attributes>,
    /// What is kept of all of them.
    bytes_len: usize,
    said: Said,
}

/// A device of version 5.
#[derive(Default)]
struct Described {
    state: Option<State>,
    description: Option<Vec<u8>>,
}

/// What a device says of itself as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is describing itself: nothing is final.
    Init,
    /// Everything else is about whether it is there.
    Settled,
}

impl State {
    fn parse(payload: &[u8]) -> Result<Self, String> {
        match payload {
            b"init" => Ok(Self::Init),
            b"ready" | b"disconnected" | b"sleeping" | b"lost" | b"alert" => Ok(Self::Settled),
            other => {
                let shown = quoted(&String::from_utf8_lossy(&other[..other.len().min(100)]));
                Err(format!("{shown} is no state of a Homie device; what was known of it stays."))
            }
        }
    }
}

impl Homie {
    /// A dialect that has heard nothing.
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&mut self, message: &Announcement<'_>) -> Result<Vec<Event>, String> {
        let levels: Vec<&str> = message.topic.split('/').collect();
        match levels.as_slice() {
            [domain, "5", id, what @ ("$state" | "$description")] => {
                let is_state = *what == "$state";
                self.read_described(&format!("{domain}/5/{id}"), is_state, message)
            }
            [BASE, id, rest @ ..] if !rest.is_empty() => self.read_attribute(id, &rest.join("/"), message),
            _ => Ok(Vec::new()),
        }
    }

    fn read_described(&mut self, key: &str, is_state: bool, message: &Announcement<'_>) -> Result<Vec<Event>, String> {
        let mut events = Vec::new();
        if message.payload.is_empty() {
            // A device that is gone for good empties its state; without a description nothing is known of it either.
            let known = self.described.remove(key);
            self.bytes_len -= known.and_then(|device| device.description).map_or(0, |description| description.len());
            self.said.gone(key, &mut events);
            return Ok(events);
        }
        self.has_room(self.described.contains_key(key))?;
        if is_state {
            let state = State::parse(message.payload)?;
            self.described.entry(key.to_owned()).or_default().state = Some(state);
        } else {
            description::check(message.payload)?;
            let before = self.described.get(key).and_then(|device| device.description.as_ref()).map_or(0, Vec::len);
            self.bytes_len = grown(self.bytes_len, before, message.payload.len())?;
            self.described.entry(key.to_owned()).or_default().description = Some(message.payload.to_vec());
        }
        if let Some(Described { state: Some(State::Settled), description: Some(description) }) = self.described.get(key)
        {
            let found = description::describe(key, description)?;
            self.said.found(found, message.topic, &mut events);
        }
        Ok(events)
    }

    fn read_attribute(&mut self, id: &str, name: &str, message: &Announcement<'_>) -> Result<Vec<Event>, String> {
        let mut events = Vec::new();
        let ends = |names: &[&str]| names.contains(&name.rsplit('/').next().unwrap_or_default());
        let is_known = match name.matches('/').count() {
            _ if name == "$state" || OF_DEVICE.contains(&name) => true,
            1 => ends(&OF_NODE),
            2 => ends(&OF_PROPERTY),
            _ => false,
        };
        if !is_known {
            return Ok(events);
        }
        if message.payload.is_empty() {
            let Some(device) = self.attributed.get_mut(id) else { return Ok(events) };
            self.bytes_len -= device.forget(name);
            if device.is_empty() {
                self.attributed.remove(id);
            }
            if matches!(name, "$homie" | "$state" | "$nodes") {
                self.said.gone(&format!("{BASE}/{id}"), &mut events);
                return Ok(events);
            }
        } else {
            self.has_room(self.attributed.contains_key(id))?;
            if message.payload.len() > ANNOUNCEMENT_BYTES_MAX {
                return Err(too_large(message.payload.len()));
            }
            if name == "$state" {
                State::parse(message.payload)?;
            }
            let text = std::str::from_utf8(message.payload);
            let text =
                text.map_err(|_| "The attribute is no UTF-8 text; what was known of the device stays.".to_owned())?;
            let device = self.attributed.get(id);
            let (before, whole) = device.map_or((0, 0), |device| (device.size_of(name), device.bytes_len()));
            let added = attributes::size(name, text);
            if whole - before + added > HOMIE_DEVICE_BYTES_MAX {
                return Err(format!(
                    "The device {} has attributes of {HOMIE_DEVICE_BYTES_MAX} bytes already; this one is left out.",
                    quoted(id)
                ));
            }
            self.bytes_len = grown(self.bytes_len, before, added)?;
            self.attributed.entry(id.to_owned()).or_default().note(name, text);
        }
        if let Some(device) = self.attributed.get(id)
            && let Some(found) = device.describe(id)?
        {
            self.said.found(found, message.topic, &mut events);
        }
        Ok(events)
    }

    fn has_room(&self, is_known: bool) -> Result<(), String> {
        if !is_known && self.described.len() + self.attributed.len() >= FOUND_MAX {
            return Err(format!("There are {FOUND_MAX} devices of homie already; this one is left out."));
        }
        Ok(())
    }
}

impl Dialect for Homie {
    fn source(&self) -> Source {
        Source::Homie
    }

    /// In the order in which they are best subscribed to: what a device is comes before its state, which says that this is all.
    fn filters(&self) -> Vec<Filter> {
        let levels = [("", &OF_DEVICE[..]), ("+/", &OF_NODE), ("+/+/", &OF_PROPERTY)];
        let attributes = levels
            .into_iter()
            .flat_map(|(depth, names)| names.iter().map(move |name| format!("{BASE}/+/{depth}{name}")));
        let last = [format!("{BASE}/+/$state"), "+/5/+/$description".to_owned(), "+/5/+/$state".to_owned()];
        attributes.chain(last).filter_map(|filter| Filter::parse(&filter).ok()).collect()
    }

    fn message(&mut self, message: &Announcement<'_>) -> Vec<Event> {
        self.read(message).unwrap_or_else(|reason| vec![Event::Problem { topic: message.topic.to_owned(), reason }])
    }
}

/// What is kept when one thing grows, or that it is too much.
fn grown(all: usize, before: usize, after: usize) -> Result<usize, String> {
    let grown = all - before + after;
    if grown > HOMIE_BYTES_MAX && after > before {
        return Err(format!(
            "What Homie devices say of themselves takes {HOMIE_BYTES_MAX} bytes already; this is left out."
        ));
    }
    Ok(grown)
}

fn too_large(len: usize) -> String {
    format!("The announcement has {len} bytes; at most {ANNOUNCEMENT_BYTES_MAX} are read. What was known stays.")
}

/// Whether a device is there, by its own state. While it describes itself, neither.
fn presence(topic: String) -> AvailabilityTopic {
    let template = "{% if value in [\"ready\", \"sleeping\", \"alert\"] %}online{% elif value in [\"disconnected\", \"lost\"] %}offline{% endif %}";
    AvailabilityTopic {
        topic,
        online: "online".to_owned(),
        offline: "offline".to_owned(),
        template: Some(template.to_owned()),
    }
}

#[cfg(test)]
mod tests;
