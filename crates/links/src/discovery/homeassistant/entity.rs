//! One entity: a component with its settings, read once.

use housewire_core::TopicRef;
use serde_json::Value as Json;

use super::super::limits::{AVAILABILITY_TOPICS_MAX, PROBLEMS_MAX};
use super::super::model::{Availability, AvailabilityMode, AvailabilityTopic, Category};
use super::super::names;
use super::super::template::Templates;
use super::ConfigTopic;
use super::announcement::Fields;
use super::components;
use super::config::Config;
use super::device::DeviceMap;
use super::part::Part;

/// What a property's name is made of; kept from its first announcement on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Naming {
    /// What its sender calls it: a text, nothing because it is its device, or nothing said.
    pub(super) name: EntityName,
    /// Of what is not named otherwise: its device class.
    pub(super) class: Option<String>,
    /// The topic's last id, or its key in the device form.
    pub(super) object: String,
}

/// See [`Naming::name`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EntityName {
    /// By this name.
    Own(String),
    /// It is the device: it has the device's name.
    Device,
    /// Nobody said.
    Unsaid,
}

/// Something that was announced.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entity {
    /// `light`, `sensor` …
    pub(super) component: String,
    /// Identifies it within its device: the component and its `unique_id`, or its place among the topics.
    pub(super) key: String,
    pub(super) naming: Naming,
    /// What its device is known by; never empty.
    pub(super) identifiers: Vec<String>,
    pub(super) device: Option<DeviceMap>,
    pub(super) unique_id: Option<String>,
    pub(super) category: Category,
    pub(super) hidden: bool,
    pub(super) availability: Availability,
    pub(super) parts: Vec<Part>,
    pub(super) problems: Vec<String>,
    /// It was said to move to another topic.
    pub(super) migrating: bool,
    /// What it comes to in memory, roughly.
    pub(super) bytes: usize,
}

/// Where an entity comes from.
pub(super) struct From<'a> {
    /// As the topic says; of the device form the component says it.
    pub(super) component: Option<&'a str>,
    pub(super) topic: &'a ConfigTopic<'a>,
    /// In the device form.
    pub(super) key: &'a str,
    pub(super) device: Option<&'a DeviceMap>,
}

impl Entity {
    /// Reads a component's settings; why not, if they cannot be used.
    pub(super) fn parse(from: &From<'_>, fields: Fields, message_bytes: usize) -> Result<Self, String> {
        let config = Config::new(fields);
        let component = match from.component {
            Some(component) => component.to_owned(),
            None => config.text("platform").ok_or("'platform' is missing")?,
        };
        let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if component.is_empty() || !is_word(&component) {
            return Err(format!("'{component:.40}' is no name of a component"));
        }
        let unique_id = config.text("unique_id").filter(|id| !id.is_empty());
        let is_entity = !components::NO_ENTITIES.contains(&component.as_str());
        if from.component.is_none() && is_entity && unique_id.is_none() {
            return Err("'unique_id' is missing, which the device form must have".into());
        }
        let mut parts = match components::parts(&component, &config) {
            Some(parts) => parts?,
            None => {
                let raw = components::raw(&config);
                if raw.is_empty() {
                    return Err(format!("the component '{component:.40}' is not known"));
                }
                config.problem(format!(
                    "the component '{component:.40}' is not known; what it says is shown as it comes"
                ));
                raw
            }
        };
        if component != "device_tracker" {
            parts.extend(components::attributes(&config));
        }
        let discovery_id = match from.component {
            Some(_) => from.topic.discovery_id.clone(),
            None => format!("{} {}", from.topic.discovery_id, from.key),
        };
        let key = format!("{component}.{}", unique_id.as_ref().unwrap_or(&discovery_id));
        let identifiers = match from.device {
            Some(device) => device.identifiers.clone(),
            None => vec![format!("entity:{key}")],
        };
        let object = if from.component.is_some() { from.topic.object } else { from.key }.to_owned();
        let name = match config.get("name").and_then(Json::as_str).map(str::trim) {
            Some("") => EntityName::Device,
            Some(name) => EntityName::Own(names::label(name)),
            None if config.is_null("name") => EntityName::Device,
            None => EntityName::Unsaid,
        };
        let availability = availability(&config);
        let category = match config.text("entity_category").as_deref() {
            Some("config") => Category::Config,
            Some("diagnostic") => Category::Diagnostic,
            _ => Category::Main,
        };
        let bytes = message_bytes + parts.iter().map(part_bytes).sum::<usize>() + 64 * availability.topics.len();
        Ok(Self {
            naming: Naming { name, class: config.text("device_class"), object },
            identifiers,
            device: from.device.cloned(),
            unique_id,
            category,
            hidden: config.flag("enabled_by_default") == Some(false),
            availability,
            parts,
            problems: config.into_problems(),
            migrating: false,
            bytes,
            component,
            key,
        })
    }

    /// Remembers what was wrong with the message it came in.
    pub(super) fn note(&mut self, notes: Vec<String>) {
        self.problems.extend(notes);
        self.problems.truncate(PROBLEMS_MAX);
    }
}

fn part_bytes(part: &Part) -> usize {
    let reads = part.reads.iter().map(|read| read.topic.len() + read.template.as_ref().map_or(0, String::len));
    let write =
        part.write.as_ref().map_or(0, |write| write.topic.len() + write.template.as_ref().map_or(0, String::len));
    let options: usize = part.spec.options.iter().map(String::len).sum();
    256 + reads.sum::<usize>() + write + options
}

/// A list, or one topic.
fn availability(config: &Config) -> Availability {
    let mode = match config.text("availability_mode").as_deref() {
        Some("all") => AvailabilityMode::All,
        Some("any") => AvailabilityMode::Any,
        _ => AvailabilityMode::Latest,
    };
    let online = config.text_or("payload_available", "online");
    let offline = config.text_or("payload_not_available", "offline");
    let mut topics = Vec::new();
    if let Some(read) = config.read("availability_topic", "availability_template") {
        topics.push(AvailabilityTopic { topic: read.topic, online, offline, template: read.template });
    } else if let Some(Json::Array(entries)) = config.get("availability") {
        if entries.len() > AVAILABILITY_TOPICS_MAX {
            config.problem(format!("only the first {AVAILABILITY_TOPICS_MAX} topics of 'availability' are read"));
        }
        for entry in entries.iter().take(AVAILABILITY_TOPICS_MAX) {
            let text = |key: &str| entry.get(key).and_then(Json::as_str).map(str::to_owned);
            let topic = text("topic").filter(|topic| TopicRef::parse(topic).is_ok());
            let template = text("value_template");
            let readable = template.as_deref().is_none_or(|template| Templates::check(template).is_ok());
            let (Some(topic), true) = (topic, readable) else {
                config.problem("an entry of 'availability' has no topic, or a template that cannot be read");
                continue;
            };
            let online = text("payload_available").unwrap_or_else(|| "online".into());
            let offline = text("payload_not_available").unwrap_or_else(|| "offline".into());
            topics.push(AvailabilityTopic { topic, online, offline, template });
        }
    }
    Availability { topics, mode }
}
