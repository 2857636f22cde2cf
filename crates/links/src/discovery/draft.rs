//! A device that is being put together from its announcement: parts with the names they would like, problems, bounds.
//!
//! Shared by the dialects that are not Home Assistant's. What is announced belongs to each of them; here is what holds for all: names that
//! differ and stay, rules that make sense, topics that a device may have.

use std::collections::BTreeSet;

use housewire_core::limits::{LABEL_BYTES_MAX, PROPERTIES_MAX};
use housewire_core::{PropertyAccess, PropertyName, PropertySpec, TopicRef, Type};

use super::limits::{OWN_TOPIC_BYTES_MAX, PROBLEMS_MAX, QUOTED_CHARS_MAX};
use super::model::{Availability, Category, Found, FoundProperty, Read, Source, Write};
use super::names::slug;

/// A device that is being put together.
pub(crate) struct Draft {
    pub(crate) found: Found,
    parts: Vec<Part>,
    problems_left_out: usize,
}

/// One value of it, with the name that it would like to have.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// See [`FoundProperty::key`].
    pub(crate) key: String,
    /// What its name is made of.
    pub(crate) wanted: String,
    pub(crate) label: Option<String>,
    pub(crate) spec: PropertySpec,
    pub(crate) component: &'static str,
    pub(crate) category: Category,
    pub(crate) hidden: bool,
    pub(crate) reads: Vec<Read>,
    pub(crate) write: Option<Write>,
}

impl Part {
    /// A value that is neither read nor written yet.
    pub(crate) fn new(key: impl Into<String>, component: &'static str, kind: Type) -> Self {
        let key = key.into();
        let access = PropertyAccess { read: false, set: false, event: false };
        Self {
            wanted: key.clone(),
            key,
            label: None,
            spec: PropertySpec { access, ..PropertySpec::declared(kind) },
            component,
            category: Category::Main,
            hidden: false,
            reads: Vec::new(),
            write: None,
        }
    }

    pub(crate) fn named(mut self, wanted: impl Into<String>) -> Self {
        self.wanted = wanted.into();
        self
    }

    pub(crate) fn labelled(mut self, label: Option<&str>) -> Self {
        self.label = label.and_then(clean_label);
        self
    }

    pub(crate) fn role(mut self, role: Option<&str>) -> Self {
        self.spec.role = role.map(str::to_owned);
        self
    }

    pub(crate) fn unit(mut self, unit: Option<&str>) -> Self {
        self.spec.unit = unit.and_then(clean_label);
        self
    }

    pub(crate) fn range(mut self, min: f64, max: f64) -> Self {
        (self.spec.min, self.spec.max) = (Some(min), Some(max));
        self
    }

    pub(crate) fn options(mut self, options: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.spec.options = options.into_iter().map(Into::into).collect();
        self
    }

    pub(crate) fn category(mut self, category: Category) -> Self {
        self.category = category;
        self
    }

    /// It has a value, which comes from there.
    pub(crate) fn read(mut self, read: Read) -> Self {
        self.spec.access.read = true;
        self.reads.push(read);
        self
    }

    /// A value can be asked for.
    pub(crate) fn write(mut self, write: Write) -> Self {
        self.spec.access.set = true;
        self.write = Some(write);
        self
    }

    /// Its values are happenings.
    pub(crate) fn event(mut self) -> Self {
        self.spec.access.event = true;
        self
    }
}

/// A value that is read with a template.
pub(crate) fn read(topic: &str, template: impl Into<Option<String>>) -> Read {
    Read { topic: topic.to_owned(), template: template.into(), ..Read::default() }
}

/// A value that is one of these texts and nothing else.
pub(crate) fn read_mapped(topic: &str, template: impl Into<Option<String>>, map: &[(&str, &str)]) -> Read {
    Read { map: pairs(map), only_mapped: true, ..read(topic, template) }
}

/// A request that is published at most once and not kept: it must not come back after a restart.
pub(crate) fn write(topic: &str, template: impl Into<Option<String>>) -> Write {
    Write { topic: topic.to_owned(), template: template.into(), ..Write::default() }
}

/// A request whose values stand for texts of the device.
pub(crate) fn write_mapped(topic: &str, template: impl Into<Option<String>>, map: &[(&str, &str)]) -> Write {
    Write { map: pairs(map), ..write(topic, template) }
}

fn pairs(map: &[(&str, &str)]) -> Vec<(String, String)> {
    map.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
}

impl Draft {
    pub(crate) fn new(source: Source, key: impl Into<String>) -> Self {
        let found = Found {
            source,
            key: key.into(),
            identifiers: Vec::new(),
            name: None,
            manufacturer: None,
            model: None,
            sw_version: None,
            hw_version: None,
            area: None,
            via: None,
            url: None,
            addresses: Vec::new(),
            properties: Vec::new(),
            availability: Availability::default(),
            topics: Vec::new(),
            problems: Vec::new(),
        };
        Self { found, parts: Vec::new(), problems_left_out: 0 }
    }

    /// Notes what could not be used, in a sentence.
    pub(crate) fn problem(&mut self, sentence: impl Into<String>) {
        if self.found.problems.len() + 1 < PROBLEMS_MAX {
            self.found.problems.push(sentence.into());
        } else {
            self.problems_left_out += 1;
        }
    }

    /// Adds a value, if its rules and topics can be used; of two with one key the first counts.
    pub(crate) fn add(&mut self, part: Part) {
        if self.parts.iter().any(|known| known.key == part.key) {
            return;
        }
        if self.parts.len() >= PROPERTIES_MAX {
            let shown = quoted(&part.key);
            self.problem(format!("{shown} is left out: a device may have at most {PROPERTIES_MAX} properties."));
            return;
        }
        let elsewhere = part.write.iter().flat_map(|write| &write.elsewhere).map(|elsewhere| &elsewhere.topic);
        let written = part.write.iter().map(|write| &write.topic).chain(elsewhere);
        let bad_topic = part.reads.iter().map(|read| &read.topic).chain(written).find(|topic| !is_usable(topic));
        let refused = match bad_topic {
            Some(topic) => Some(format!("its topic {} cannot be used", quoted(topic))),
            None => part.spec.validate().err().map(|error| error.to_string()),
        };
        match refused {
            Some(why) => self.problem(format!("{} is left out: {why}.", quoted(&part.key))),
            None => self.parts.push(part),
        }
    }

    /// The device as it is found: the parts get names that differ, in an order that does not depend on the announcement's.
    pub(crate) fn finish(mut self) -> Found {
        self.parts.sort_by(|one, two| one.key.cmp(&two.key));
        let mut taken: BTreeSet<String> = BTreeSet::new();
        let mut named: Vec<(String, Part)> = Vec::new();
        for part in self.parts {
            let base = name_of(&part.wanted);
            let mut name = base.clone();
            let mut number = 2;
            while taken.contains(&name) {
                let ending = format!("_{number}");
                name = format!("{}{ending}", &base[..base.len().min(64 - ending.len())]);
                number += 1;
            }
            taken.insert(name.clone());
            named.push((name, part));
        }
        named.sort_by(|one, two| one.0.cmp(&two.0));
        self.found.properties = named.into_iter().filter_map(|(name, part)| part.into_property(&name)).collect();
        if self.problems_left_out > 0 {
            self.found.problems.push(format!("And {} more problems.", self.problems_left_out));
        }
        self.found
    }
}

impl Part {
    fn into_property(self, name: &str) -> Option<FoundProperty> {
        Some(FoundProperty {
            name: PropertyName::parse(name).ok()?,
            key: self.key,
            label: self.label,
            spec: self.spec,
            component: self.component.to_owned(),
            category: self.category,
            hidden: self.hidden,
            reads: self.reads,
            write: self.write,
            expire_after: None,
            off_delay: None,
        })
    }
}

/// Whether a device may read from there and be written to there: the hub's own topics belong to the hub, whatever is announced.
pub(crate) fn is_usable(topic: &str) -> bool {
    let own = topic == "devices" || topic.starts_with("devices/") || topic.starts_with('$');
    !own && topic.len() <= OWN_TOPIC_BYTES_MAX && TopicRef::parse(topic).is_ok()
}

/// A text as a property's name.
pub(crate) fn name_of(text: &str) -> String {
    let name = slug(text);
    match name.as_str() {
        "" => "value".to_owned(),
        "set" | "target" => format!("{name}_value"),
        _ => name,
    }
}

/// Somebody else's text as a label: without control characters, not empty, within the registry's bound.
pub(crate) fn clean_label(text: &str) -> Option<String> {
    let mut label: String = text.trim().chars().filter(|c| !c.is_control()).collect();
    let mut end = label.len().min(LABEL_BYTES_MAX);
    while !label.is_char_boundary(end) {
        end -= 1;
    }
    label.truncate(end);
    (!label.is_empty()).then_some(label)
}

/// Somebody else's text in a sentence of ours.
pub(crate) fn quoted(text: &str) -> String {
    let shown: String =
        text.chars().take(QUOTED_CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let more = if text.chars().nth(QUOTED_CHARS_MAX).is_some() { "…" } else { "" };
    format!("'{shown}{more}'")
}

/// What a value means that goes by a name which is the same everywhere.
pub(crate) fn role_named(name: &str) -> Option<&'static str> {
    Some(match name {
        "temperature" | "device_temperature" | "soil_temperature" => "temperature",
        "humidity" | "soil_moisture" => "humidity",
        "pressure" => "pressure",
        "illuminance" | "illuminance_lux" | "lux" => "illuminance",
        "motion" => "motion",
        "occupancy" => "occupancy",
        "presence" => "presence",
        "contact" => "contact",
        "water_leak" | "leak" => "leak",
        "smoke" => "smoke",
        "co2" => "co2",
        "voc" => "voc",
        "pm25" => "pm25",
        "power" => "power",
        "energy" => "energy",
        "voltage" => "voltage",
        "current" => "current",
        "battery" | "battery_low" => "battery",
        "linkquality" | "signal" | "rssi" => "signal",
        "brightness" => "brightness",
        "color" => "color",
        "color_temp" => "color_temp",
        "effect" => "effect",
        "action" => "button",
        _ => return None,
    })
}

/// A hardware address as an identifier: 12 hex digits, whatever divides them.
pub(crate) fn mac_identifier(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    let is_mac = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Placeholders of boards that do not know theirs would make one thing of all of them.
    let is_placeholder =
        digits.bytes().all(|byte| byte == b'0') || digits.bytes().all(|byte| matches!(byte, b'f' | b'F'));
    (is_mac && !is_placeholder).then(|| format!("mac:{}", digits.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests;
