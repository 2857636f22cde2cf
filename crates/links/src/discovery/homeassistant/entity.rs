//! One entity: a component with its settings, read once.

use std::mem::size_of;
use std::sync::Arc;

use housewire_core::TopicRef;
use serde_json::Value as Json;

use super::super::limits::{ANNOUNCED_TEXT_BYTES_MAX, AVAILABILITY_TOPICS_MAX, PROBLEMS_MAX, TEMPLATE_BYTES_MAX};
use super::super::model::{Availability, AvailabilityMode, AvailabilityTopic, Category, Elsewhere, Read};
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
    pub(super) identifiers: Arc<[String]>,
    /// One for all entities of a message.
    pub(super) device: Option<Arc<DeviceMap>>,
    pub(super) unique_id: Option<String>,
    pub(super) category: Category,
    pub(super) hidden: bool,
    /// One for all entities of a message that say the same.
    pub(super) availability: Arc<Availability>,
    pub(super) parts: Vec<Part>,
    pub(super) problems: Vec<String>,
    /// It was said to move to another topic.
    pub(super) migrating: bool,
    /// What it comes to in memory, roughly: itself, what is told of it, what finds it, and what no other entity was counted for.
    pub(super) bytes: usize,
}

/// What the entities of one message have in common, kept once and counted with the first that has it.
#[derive(Debug, Default)]
pub(super) struct Shared {
    device: Option<Arc<DeviceMap>>,
    device_is_counted: bool,
    availabilities: Vec<Arc<Availability>>,
}

impl Shared {
    /// Of a message with this device map.
    pub(super) fn new(device: Option<DeviceMap>) -> Self {
        Self { device: device.map(Arc::new), ..Self::default() }
    }

    /// The same one as that of another entity, if they are alike; and what it comes to if it is not.
    fn availability(&mut self, availability: Availability) -> (Arc<Availability>, usize) {
        if let Some(known) = self.availabilities.iter().find(|known| ***known == availability) {
            return (Arc::clone(known), 0);
        }
        let bytes = availability_bytes(&availability);
        let availability = Arc::new(availability);
        // Most devices have one, and what differs everywhere is counted everywhere.
        const KEPT_MAX: usize = 4;
        if self.availabilities.len() < KEPT_MAX {
            self.availabilities.push(Arc::clone(&availability));
        }
        (availability, bytes)
    }

    /// What the device map comes to, once.
    fn device_bytes(&mut self) -> usize {
        if std::mem::replace(&mut self.device_is_counted, true) {
            return 0;
        }
        self.device.as_ref().map_or(0, |device| device.bytes())
    }
}

/// Where an entity comes from.
pub(super) struct From<'a> {
    /// As the topic says; of the device form the component says it.
    pub(super) component: Option<&'a str>,
    pub(super) topic: &'a ConfigTopic<'a>,
    /// In the device form.
    pub(super) key: &'a str,
    /// As it came, which is what identifies the entity.
    pub(super) full: &'a str,
}

impl Entity {
    /// Reads a component's settings; why not, if they cannot be used.
    pub(super) fn parse(from: &From<'_>, fields: Fields, shared: &mut Shared) -> Result<Self, String> {
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
        let key = format!("{component}.{}", short(unique_id.as_ref().unwrap_or(&discovery_id)));
        let identifiers = match &shared.device {
            Some(device) => Arc::clone(&device.identifiers),
            None => [format!("entity:{key}")].into(),
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
        let (availability, availability_bytes) = shared.availability(availability);
        let mut entity = Self {
            naming: Naming {
                name,
                class: config.text("device_class").map(|class| names::label(&class)),
                object: names::label(&object),
            },
            identifiers,
            device: shared.device.clone(),
            unique_id,
            category,
            hidden: config.flag("enabled_by_default") == Some(false),
            availability,
            parts,
            problems: config.into_problems(),
            migrating: false,
            bytes: 0,
            component,
            key,
        };
        entity.bytes = entity.own_bytes(from.full, from.key) + availability_bytes + shared.device_bytes();
        Ok(entity)
    }

    /// What it comes to when nothing that it shares is counted elsewhere.
    pub(super) fn alone_bytes(&self, full: &str, key: &str) -> usize {
        let device = self.device.as_ref().map_or(0, |device| device.bytes());
        self.own_bytes(full, key) + availability_bytes(&self.availability) + device
    }

    /// Itself twice, as what is told of it has its parts again, and an entry by each of what identifies its device.
    fn own_bytes(&self, full: &str, key: &str) -> usize {
        const ENTRY_BYTES: usize = 64;
        let id = full.len() + key.len() + ENTRY_BYTES;
        let naming = match &self.naming.name {
            EntityName::Own(name) => name.len(),
            EntityName::Device | EntityName::Unsaid => 0,
        };
        let texts = [&self.component, &self.key, &self.naming.object].map(String::len).iter().sum::<usize>()
            + [&self.unique_id, &self.naming.class]
                .map(|text| text.as_ref().map_or(0, String::len))
                .iter()
                .sum::<usize>();
        let problems: usize = self.problems.iter().map(String::len).sum();
        let parts: usize = self.parts.iter().map(part_bytes).sum();
        let identifiers = if self.device.is_some() { 0 } else { self.identifiers.iter().map(String::len).sum() };
        size_of::<Self>() + naming + texts + 2 * (problems + parts) + identifiers + (2 + self.identifiers.len()) * id
    }

    /// Remembers what was wrong with the message it came in.
    pub(super) fn note(&mut self, notes: Vec<String>) {
        self.problems.extend(notes);
        self.problems.truncate(PROBLEMS_MAX);
    }
}

fn part_bytes(part: &Part) -> usize {
    let pairs = |pairs: &[(String, String)]| {
        pairs.iter().map(|(one, two)| size_of::<(String, String)>() + one.len() + two.len()).sum::<usize>()
    };
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let reads =
        part.reads.iter().map(|read| read.topic.len() + text(&read.template) + pairs(&read.map) + size_of::<Read>());
    let write = part.write.as_ref().map_or(0, |write| {
        let elsewhere = write.elsewhere.iter().map(|elsewhere| {
            size_of::<Elsewhere>() + elsewhere.value.len() + elsewhere.topic.len() + elsewhere.payload.len()
        });
        write.topic.len() + text(&write.template) + pairs(&write.map) + elsewhere.sum::<usize>()
    });
    let options: usize = part.spec.options.iter().map(|option| size_of::<String>() + option.len()).sum();
    let words = text(&part.spec.unit) + text(&part.spec.role) + text(&part.shared);
    size_of::<Part>() + reads.sum::<usize>() + write + options + words
}

fn availability_bytes(availability: &Availability) -> usize {
    let topics = availability.topics.iter().map(|topic| {
        let template = topic.template.as_ref().map_or(0, String::len);
        size_of::<AvailabilityTopic>() + topic.topic.len() + topic.online.len() + topic.offline.len() + template
    });
    size_of::<Availability>() + topics.sum::<usize>()
}

/// A text that tells two apart and is remembered when both are gone: of a long one the beginning and a number made of all of it.
fn short(text: &str) -> String {
    const KEY_BYTES_MAX: usize = 128;
    if text.len() <= KEY_BYTES_MAX {
        return text.to_owned();
    }
    let mut end = KEY_BYTES_MAX - 17;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // FNV-1a: it is stored with what was adopted, and so must be the same in all versions.
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{}#{hash:016x}", &text[..end])
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
            let long = |key: &str, bytes_max: usize| {
                entry.get(key).and_then(Json::as_str).is_some_and(|text| text.len() > bytes_max)
            };
            let is_long = ["topic", "payload_available", "payload_not_available"]
                .iter()
                .any(|key| long(key, ANNOUNCED_TEXT_BYTES_MAX));
            if is_long || long("value_template", TEMPLATE_BYTES_MAX) {
                config.problem("an entry of 'availability' is too long");
                continue;
            }
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
