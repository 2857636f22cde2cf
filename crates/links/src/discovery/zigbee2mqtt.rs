//! Zigbee2MQTT's own announcements: all devices in one message, all groups in another, and the bridge itself.
//!
//! Each message is compared with what was known: what differs is said, what is missing is gone. What a device can do stands in its
//! `exposes`, read in `exposes`; groups are in `groups`, the bridge as a device in `bridge`.

mod bridge;
mod exposes;
mod groups;

use std::collections::{BTreeMap, BTreeSet};

use housewire_core::{Filter, TopicError, TopicRef};
use serde_json::Value;

use self::bridge::Info;
use super::Dialect;
use super::draft::{Draft, clean_label, is_usable, quoted};
use super::limits::{AVAILABILITY_NAMES_MAX, BRIDGE_BYTES_MAX, FOUND_MAX, PROBLEMS_MAX};
use super::model::{Announcement, Availability, AvailabilityMode, AvailabilityTopic, Event, Found, Source};
use super::said::Said;

/// Whether the bridge or a device is there: JSON, or a bare word of older versions.
const STATE: &str =
    "{% if value_json is defined and value_json is mapping %}{{ value_json.state }}{% else %}{{ value }}{% endif %}";

/// Devices behind one Zigbee2MQTT.
pub struct Zigbee2Mqtt {
    /// Its base topic, without a final slash.
    base: String,
    info: Info,
    /// By the IEEE address, as the bridge announced them.
    devices: BTreeMap<String, Device>,
    /// By their keys.
    groups: BTreeMap<String, Group>,
    /// Friendly names of which it was said whether they are there.
    heard_of: BTreeSet<String>,
    said: Said,
}

/// What is kept of a device besides what was said of it.
struct Device {
    name: String,
    /// What it can do as a member of a group.
    shared: Vec<Value>,
}

/// What is kept of a group.
struct Group {
    name: String,
    announced: Value,
}

impl Zigbee2Mqtt {
    /// One that has heard nothing; `zigbee2mqtt` is the usual base topic.
    pub fn new(base: &str) -> Result<Self, TopicError> {
        let base = base.trim_end_matches('/').to_owned();
        TopicRef::parse(&base)?;
        Ok(Self {
            base,
            info: Info::default(),
            devices: BTreeMap::new(),
            groups: BTreeMap::new(),
            heard_of: BTreeSet::new(),
            said: Said::default(),
        })
    }

    fn read(&mut self, message: &Announcement<'_>) -> Result<Vec<Event>, String> {
        let rest = message.topic.strip_prefix(&self.base).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
        match rest {
            "bridge/info" => self.read_info(message),
            "bridge/devices" => self.read_devices(message),
            "bridge/groups" => self.read_groups(message),
            _ => Ok(match rest.strip_suffix("/availability") {
                Some(name) if name != "bridge" => self.hear_of(name, message),
                _ => Vec::new(),
            }),
        }
    }

    fn read_info(&mut self, message: &Announcement<'_>) -> Result<Vec<Event>, String> {
        let info = match parse(message.payload)? {
            Some(value) => {
                let info = Info::parse(&value);
                let mut info = info.ok_or("The bridge's description is no JSON object; what was known of it stays.")?;
                // The list of devices tells it, too.
                info.coordinator = info.coordinator.or_else(|| self.info.coordinator.clone());
                info
            }
            None => Info::default(),
        };
        let mut events = Vec::new();
        if info == self.info {
            return Ok(events);
        }
        self.info = info;
        self.say_bridge(message.topic, &mut events);
        self.forget_the_others(&mut events);
        // Whether devices tell that they are there is a setting of the bridge.
        let keys: Vec<String> = self.devices.keys().chain(self.groups.keys()).cloned().collect();
        for key in keys {
            self.dress_again(&key, message.topic, &mut events);
        }
        Ok(events)
    }

    fn read_devices(&mut self, message: &Announcement<'_>) -> Result<Vec<Event>, String> {
        let mut events = Vec::new();
        let mut problems = Problems::default();
        let announced = list(message.payload, "devices")?;
        self.devices.clear();
        let is_coordinator = |device: &&Value| device.get("type").and_then(Value::as_str) == Some("Coordinator");
        let coordinator = announced.iter().find(is_coordinator);
        if let Some(address) = coordinator.and_then(|device| ieee(device.get("ieee_address")?.as_str()?)) {
            self.info.coordinator = Some(address);
        }
        self.say_bridge(message.topic, &mut events);
        for device in announced {
            match self.describe(&device) {
                Ok(Some((found, device))) => {
                    if self.devices.len() >= FOUND_MAX {
                        problems
                            .note(format!("The bridge has more than {FOUND_MAX} devices; the others are left out."));
                        break;
                    }
                    // Two that take turns in being the device would be news each time.
                    let is_taken =
                        self.devices.contains_key(&found.key) || self.info.coordinator.as_ref() == Some(&found.key);
                    if is_taken {
                        problems
                            .note(format!("The address {} is in the list twice; the second is left out.", found.key));
                        continue;
                    }
                    self.devices.insert(found.key.clone(), device);
                    self.said.found(found, message.topic, &mut events);
                }
                Ok(None) => {}
                Err(reason) => problems.note(reason),
            }
        }
        problems.say(message.topic, &mut events);
        self.forget_the_others(&mut events);
        // What a group can do is what its members can.
        let groups: Vec<String> = self.groups.keys().cloned().collect();
        for key in groups {
            self.say_group(&key, message.topic, &mut events);
        }
        Ok(events)
    }

    fn read_groups(&mut self, message: &Announcement<'_>) -> Result<Vec<Event>, String> {
        let mut events = Vec::new();
        let mut problems = Problems::default();
        self.groups.clear();
        for group in list(message.payload, "groups")? {
            let named = group.get("id").and_then(Value::as_u64).zip(group.get("friendly_name").and_then(Value::as_str));
            let Some((id, name)) = named.filter(|_| self.groups.len() < FOUND_MAX) else {
                problems.note(format!("A group without 'id' and 'friendly_name', or beyond {FOUND_MAX}, is left out."));
                continue;
            };
            let (key, name) = (format!("group-{id}"), name.to_owned());
            if !is_usable(&format!("{}/{name}/set", self.base)) {
                problems.note(format!(
                    "The group {id} is left out: its name {} makes no topic that could be used.",
                    quoted(&name)
                ));
                continue;
            }
            self.groups.insert(key, Group { name, announced: group });
        }
        problems.say(message.topic, &mut events);
        self.forget_the_others(&mut events);
        let groups: Vec<String> = self.groups.keys().cloned().collect();
        for key in groups {
            self.say_group(&key, message.topic, &mut events);
        }
        Ok(events)
    }

    /// A device of this name tells whether it is there: from now on it counts.
    fn hear_of(&mut self, name: &str, message: &Announcement<'_>) -> Vec<Event> {
        let mut events = Vec::new();
        let is_news = if message.payload.is_empty() {
            self.heard_of.remove(name)
        } else {
            self.heard_of.len() < AVAILABILITY_NAMES_MAX && self.heard_of.insert(name.to_owned())
        };
        if is_news {
            let devices = self.devices.iter().map(|(key, device)| (key, &device.name));
            let groups = self.groups.iter().map(|(key, group)| (key, &group.name));
            let key = devices.chain(groups).find(|(_, known)| *known == name).map(|(key, _)| key.clone());
            if let Some(key) = key {
                self.dress_again(&key, message.topic, &mut events);
            }
        }
        events
    }

    /// Those that neither the list of devices nor that of groups has.
    fn forget_the_others(&mut self, events: &mut Vec<Event>) {
        let is_here = |key: &String| {
            self.devices.contains_key(key)
                || self.groups.contains_key(key)
                || self.info.coordinator.as_ref() == Some(key)
        };
        let gone: Vec<String> = self.said.keys().filter(|key| !is_here(key)).cloned().collect();
        for key in gone {
            self.said.gone(&key, events);
        }
    }

    fn say_bridge(&mut self, topic: &str, events: &mut Vec<Event>) {
        if let Some(found) = bridge::describe(&self.base, &self.info) {
            self.said.found(found, topic, events);
        }
    }

    fn say_group(&mut self, key: &str, topic: &str, events: &mut Vec<Event>) {
        let Some(group) = self.groups.get(key) else { return };
        let members = |ieee: &str| self.devices.get(ieee).map(|device| device.shared.as_slice());
        let mut found = groups::describe(&self.base, key, &group.name, &group.announced, members);
        self.dress(&mut found, &group.name);
        // Nothing can be done with a group of nobody.
        if found.properties.is_empty() {
            self.said.gone(key, events);
        } else {
            self.said.found(found, topic, events);
        }
    }

    /// One device of the list; none for those that are not to be shown.
    fn describe(&self, device: &Value) -> Result<Option<(Found, Device)>, String> {
        let text = |key: &str| device.get(key).and_then(Value::as_str);
        let is_true = |key: &str| device.get(key).and_then(Value::as_bool) == Some(true);
        if text("type") == Some("Coordinator") || is_true("disabled") {
            return Ok(None);
        }
        let address = text("ieee_address").and_then(ieee);
        let address = address
            .ok_or("A device without a usable 'ieee_address' is left out: nothing else stays when it is renamed.")?;
        let name = text("friendly_name").unwrap_or(&address);
        let topic = format!("{}/{name}", self.base);
        if !is_usable(&format!("{topic}/availability")) {
            return Err(format!(
                "The device {address} is left out: its name {} makes no topic that could be used.",
                quoted(name)
            ));
        }
        let mut draft = Draft::new(Source::Zigbee2Mqtt, address.clone());
        let definition = device.get("definition").filter(|definition| definition.is_object());
        let defined = |key: &str| definition.and_then(|definition| definition.get(key)).and_then(Value::as_str);
        let found = &mut draft.found;
        found.identifiers = vec![format!("zigbee:{address}"), format!("id:zigbee2mqtt_{address}")];
        found.name = clean_label(name);
        found.manufacturer = defined("vendor").or(text("manufacturer")).and_then(clean_label);
        found.model = defined("model").or(text("model_id")).and_then(clean_label);
        found.sw_version = text("software_build_id").and_then(clean_label);
        let exposes = definition.and_then(|definition| definition.get("exposes")).and_then(Value::as_array);
        if definition.is_none() {
            let is_new = matches!(text("interview_state"), Some("PENDING" | "IN_PROGRESS")) || is_true("interviewing");
            draft.problem(if is_new {
                "Zigbee2MQTT is still asking it what it is; its properties will come."
            } else {
                "Zigbee2MQTT does not know this kind of device: it has no properties until a newer version does."
            });
        }
        let exposes = exposes.map(Vec::as_slice).unwrap_or_default();
        exposes::add(&mut draft, &topic, exposes);
        let shared = exposes.iter().filter(|feature| groups::is_shared(feature)).cloned().collect();
        let mut found = draft.finish();
        self.dress(&mut found, name);
        Ok(Some((found, Device { name: name.to_owned(), shared })))
    }

    /// Gives a device what depends on the bridge: through what it is reached, and how it says whether it is there.
    fn dress(&self, found: &mut Found, name: &str) {
        found.via = self.info.coordinator.as_ref().map(|address| format!("zigbee:{address}"));
        let mut topics = vec![format!("{}/bridge/state", self.base)];
        if self.info.availability_of(&found.key).unwrap_or_else(|| self.heard_of.contains(name)) {
            topics.push(format!("{}/{name}/availability", self.base));
        }
        let topic = |topic| AvailabilityTopic {
            topic,
            online: "online".to_owned(),
            offline: "offline".to_owned(),
            template: Some(STATE.to_owned()),
        };
        found.availability =
            Availability { topics: topics.into_iter().map(topic).collect(), mode: AvailabilityMode::All };
    }

    fn dress_again(&mut self, key: &str, topic: &str, events: &mut Vec<Event>) {
        let device = self.devices.get(key).map(|device| &device.name);
        let name = device.or_else(|| self.groups.get(key).map(|group| &group.name)).cloned();
        if let Some((name, mut found)) = name.zip(self.said.get(key).cloned()) {
            self.dress(&mut found, &name);
            self.said.found(found, topic, events);
        }
    }
}

impl Dialect for Zigbee2Mqtt {
    fn source(&self) -> Source {
        Source::Zigbee2Mqtt
    }

    /// Friendly names may have levels of their own, up to three here; deeper ones are still found, by the list of devices.
    fn filters(&self) -> Vec<Filter> {
        let ends = [
            "bridge/info",
            "bridge/devices",
            "bridge/groups",
            "+/availability",
            "+/+/availability",
            "+/+/+/availability",
        ];
        let filter = |end: &str| Filter::parse(&format!("{}/{end}", self.base)).ok();
        ends.into_iter().filter_map(filter).collect()
    }

    fn message(&mut self, message: &Announcement<'_>) -> Vec<Event> {
        self.read(message).unwrap_or_else(|reason| vec![Event::Problem { topic: message.topic.to_owned(), reason }])
    }
}

/// What could not be used of one message: a list may have a million entries.
#[derive(Default)]
struct Problems {
    reasons: Vec<String>,
    more: usize,
}

impl Problems {
    fn note(&mut self, reason: String) {
        if self.reasons.len() < PROBLEMS_MAX {
            self.reasons.push(reason);
        } else {
            self.more += 1;
        }
    }

    fn say(mut self, topic: &str, events: &mut Vec<Event>) {
        if self.more > 0 {
            self.reasons.push(format!("{} more entries of the list are left out.", self.more));
        }
        events.extend(self.reasons.into_iter().map(|reason| Event::Problem { topic: topic.to_owned(), reason }));
    }
}

/// Nothing for an empty message.
fn parse(payload: &[u8]) -> Result<Option<Value>, String> {
    if payload.is_empty() {
        return Ok(None);
    }
    if payload.len() > BRIDGE_BYTES_MAX {
        let len = payload.len();
        return Err(format!("The message has {len} bytes; at most {BRIDGE_BYTES_MAX} are read. What was known stays."));
    }
    let value = serde_json::from_slice(payload);
    value.map(Some).map_err(|error| format!("The message is no JSON ({error}); what was known stays."))
}

/// A list; an empty message is an empty one.
fn list(payload: &[u8], of: &str) -> Result<Vec<Value>, String> {
    match parse(payload)? {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(format!("The list of {of} is no JSON array; what was known stays.")),
    }
}

/// An IEEE address as it is written: `0x` and 16 hex digits in lower case.
fn ieee(text: &str) -> Option<String> {
    let digits = text.strip_prefix("0x")?;
    let is_address = digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_address.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
