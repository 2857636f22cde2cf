//! What is found, as it is kept: everything of an announcement, since its sender may never say it again.
//!
//! A form of its own, read by later versions of the program: a field that is added needs a default.

use std::time::Duration;

use housewire_core::{PropertyAccess, PropertyName, PropertySpec, Qos, Type};
use housewire_links::discovery::model::{AvailabilityMode, AvailabilityTopic, Category, Elsewhere};
use housewire_links::discovery::{Availability, Found, FoundProperty, Read, Source, Write};
use serde::{Deserialize, Serialize};

/// [`Found`]
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct FoundRecord {
    source: String,
    key: String,
    identifiers: Vec<String>,
    name: Option<String>,
    manufacturer: Option<String>,
    model: Option<String>,
    sw_version: Option<String>,
    hw_version: Option<String>,
    area: Option<String>,
    via: Option<String>,
    url: Option<String>,
    addresses: Vec<String>,
    properties: Vec<PropertyRecord>,
    availability: Vec<AvailabilityRecord>,
    availability_mode: String,
    topics: Vec<String>,
    problems: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct PropertyRecord {
    name: String,
    key: String,
    label: Option<String>,
    kind: String,
    unit: Option<String>,
    min: Option<f64>,
    max: Option<f64>,
    step: Option<f64>,
    options: Vec<String>,
    /// `read`, `set`, `event`
    access: Vec<String>,
    role: Option<String>,
    component: String,
    category: Option<String>,
    hidden: bool,
    reads: Vec<ReadRecord>,
    write: Option<WriteRecord>,
    expire_after_ms: Option<u64>,
    off_delay_ms: Option<u64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct ReadRecord {
    topic: String,
    template: Option<String>,
    map: Vec<(String, String)>,
    only_mapped: bool,
    raw: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct WriteRecord {
    topic: String,
    map: Vec<(String, String)>,
    template: Option<String>,
    qos: u8,
    retain: bool,
    optimistic: bool,
    /// Value, topic, payload.
    elsewhere: Vec<(String, String, String)>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct AvailabilityRecord {
    topic: String,
    online: String,
    offline: String,
    template: Option<String>,
}

pub(super) const SOURCES: [Source; 5] =
    [Source::Zigbee2Mqtt, Source::Tasmota, Source::Homie, Source::HomeAssistant, Source::Mdns];

fn parse_source(text: &str) -> Option<Source> {
    SOURCES.into_iter().find(|source| source.as_str() == text)
}

/// `config`, `diagnostic`, or nothing for what a device is there for.
pub(super) fn category_word(category: Category) -> Option<&'static str> {
    match category {
        Category::Main => None,
        Category::Config => Some("config"),
        Category::Diagnostic => Some("diagnostic"),
    }
}

/// The words for what may be done with a property.
pub(super) fn access_words(access: PropertyAccess) -> Vec<&'static str> {
    let PropertyAccess { read, set, event } = access;
    [(read, "read"), (set, "set"), (event, "event")].into_iter().filter(|(has, _)| *has).map(|(_, word)| word).collect()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl From<&Found> for FoundRecord {
    fn from(found: &Found) -> Self {
        let mode = match found.availability.mode {
            AvailabilityMode::Latest => "latest",
            AvailabilityMode::All => "all",
            AvailabilityMode::Any => "any",
        };
        let availability = found.availability.topics.iter().map(|topic| AvailabilityRecord {
            topic: topic.topic.clone(),
            online: topic.online.clone(),
            offline: topic.offline.clone(),
            template: topic.template.clone(),
        });
        Self {
            source: found.source.as_str().to_owned(),
            key: found.key.clone(),
            identifiers: found.identifiers.clone(),
            name: found.name.clone(),
            manufacturer: found.manufacturer.clone(),
            model: found.model.clone(),
            sw_version: found.sw_version.clone(),
            hw_version: found.hw_version.clone(),
            area: found.area.clone(),
            via: found.via.clone(),
            url: found.url.clone(),
            addresses: found.addresses.clone(),
            properties: found.properties.iter().map(PropertyRecord::from).collect(),
            availability: availability.collect(),
            availability_mode: mode.to_owned(),
            topics: found.topics.clone(),
            problems: found.problems.clone(),
        }
    }
}

impl From<&FoundProperty> for PropertyRecord {
    fn from(property: &FoundProperty) -> Self {
        let spec = &property.spec;
        Self {
            name: property.name.as_str().to_owned(),
            key: property.key.clone(),
            label: property.label.clone(),
            kind: spec.kind.name().to_owned(),
            unit: spec.unit.clone(),
            min: spec.min,
            max: spec.max,
            step: spec.step,
            options: spec.options.clone(),
            access: access_words(spec.access).into_iter().map(str::to_owned).collect(),
            role: spec.role.clone(),
            component: property.component.clone(),
            category: category_word(property.category).map(str::to_owned),
            hidden: property.hidden,
            reads: property.reads.iter().map(ReadRecord::from).collect(),
            write: property.write.as_ref().map(WriteRecord::from),
            expire_after_ms: property.expire_after.map(millis),
            off_delay_ms: property.off_delay.map(millis),
        }
    }
}

impl From<&Read> for ReadRecord {
    fn from(read: &Read) -> Self {
        Self {
            topic: read.topic.clone(),
            template: read.template.clone(),
            map: read.map.clone(),
            only_mapped: read.only_mapped,
            raw: read.raw,
        }
    }
}

impl From<&Write> for WriteRecord {
    fn from(write: &Write) -> Self {
        Self {
            topic: write.topic.clone(),
            map: write.map.clone(),
            template: write.template.clone(),
            qos: write.qos.number(),
            retain: write.retain,
            optimistic: write.optimistic,
            elsewhere: write
                .elsewhere
                .iter()
                .cloned()
                .map(|Elsewhere { value, topic, payload }| (value, topic, payload))
                .collect(),
        }
    }
}

impl FoundRecord {
    /// What was found; `None` if a later version wrote what this one does not know.
    pub(super) fn into_found(self) -> Option<Found> {
        let mode = match self.availability_mode.as_str() {
            "all" => AvailabilityMode::All,
            "any" => AvailabilityMode::Any,
            _ => AvailabilityMode::Latest,
        };
        let topics = self.availability.into_iter().map(|topic| AvailabilityTopic {
            topic: topic.topic,
            online: topic.online,
            offline: topic.offline,
            template: topic.template,
        });
        Some(Found {
            source: parse_source(&self.source)?,
            key: self.key,
            identifiers: self.identifiers,
            name: self.name,
            manufacturer: self.manufacturer,
            model: self.model,
            sw_version: self.sw_version,
            hw_version: self.hw_version,
            area: self.area,
            via: self.via,
            url: self.url,
            addresses: self.addresses,
            properties: self.properties.into_iter().filter_map(PropertyRecord::into_property).collect(),
            availability: Availability { topics: topics.collect(), mode },
            topics: self.topics,
            problems: self.problems,
        })
    }
}

impl PropertyRecord {
    fn into_property(self) -> Option<FoundProperty> {
        let has = |word: &str| self.access.iter().any(|access| access == word);
        let access = PropertyAccess { read: has("read"), set: has("set"), event: has("event") };
        let kind: Type = self.kind.parse().ok()?;
        let spec = PropertySpec {
            unit: self.unit,
            min: self.min,
            max: self.max,
            step: self.step,
            options: self.options,
            access,
            role: self.role,
            ..PropertySpec::declared(kind)
        };
        let category = match self.category.as_deref() {
            Some("config") => Category::Config,
            Some("diagnostic") => Category::Diagnostic,
            _ => Category::Main,
        };
        Some(FoundProperty {
            name: PropertyName::parse(&self.name).ok()?,
            key: self.key,
            label: self.label,
            spec,
            component: self.component,
            category,
            hidden: self.hidden,
            reads: self.reads.into_iter().map(ReadRecord::into_read).collect(),
            write: self.write.map(WriteRecord::into_write),
            expire_after: self.expire_after_ms.map(Duration::from_millis),
            off_delay: self.off_delay_ms.map(Duration::from_millis),
        })
    }
}

impl ReadRecord {
    fn into_read(self) -> Read {
        let Self { topic, template, map, only_mapped, raw } = self;
        Read { topic, template, map, only_mapped, raw }
    }
}

impl WriteRecord {
    fn into_write(self) -> Write {
        let Self { topic, map, template, qos, retain, optimistic, elsewhere } = self;
        let elsewhere =
            elsewhere.into_iter().map(|(value, topic, payload)| Elsewhere { value, topic, payload }).collect();
        Write { topic, map, template, qos: Qos::from_number(qos).unwrap_or_default(), retain, optimistic, elsewhere }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn what_is_kept_is_what_was_found() {
        for found in samples::all() {
            let text = serde_json::to_string(&FoundRecord::from(&found)).unwrap();
            let read: FoundRecord = serde_json::from_str(&text).unwrap();
            assert_eq!(read.into_found(), Some(found));
        }
    }

    #[test]
    fn what_a_later_version_wrote_is_left_alone() {
        let text =
            r#"{"source":"homeassistant","key":"k","new":1,"properties":[{"name":"a","key":"a","kind":"quaternion"}]}"#;
        let found = serde_json::from_str::<FoundRecord>(text).unwrap().into_found().unwrap();
        assert_eq!((found.key.as_str(), found.properties.len()), ("k", 0));
        let text = r#"{"source":"telepathy","key":"k"}"#;
        assert_eq!(serde_json::from_str::<FoundRecord>(text).unwrap().into_found(), None);
    }
}
