//! Many entities, one device: its particulars, its properties and their names.
//!
//! The outcome does not depend on the order in which the entities came.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::mem::size_of;

use housewire_core::PropertyName;
use housewire_core::limits::PROPERTIES_MAX;

use super::super::limits::{AVAILABILITY_TOPICS_MAX, ENTITIES_PER_DEVICE_MAX, NAMES_REMEMBERED_MAX, PROBLEMS_MAX};
use super::super::model::{Availability, AvailabilityMode, Category, Found, FoundProperty, Source};
use super::super::names::{self, slug};
use super::EntityId;
use super::device::DeviceMap;
use super::entity::{Entity, EntityName, Naming};
use super::part::Part;

/// How the properties of one device are named: by their keys, also of those that went, so that others keep their names.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    known: BTreeMap<String, Wanted>,
    /// What they come to in memory, roughly.
    bytes: usize,
}

/// What a property's name is made of.
#[derive(Clone, Debug)]
struct Wanted {
    naming: Option<Naming>,
    suffix: &'static str,
    bare: &'static str,
}

/// What a device that was not told yet is known by: the first of all identifiers. An address is none that comes before the others:
/// some senders name it in one message of several, and which of those is first differs from start to start.
pub(super) fn key<'a>(entities: impl Iterator<Item = &'a Entity>) -> String {
    entities.flat_map(|entity| entity.identifiers.iter()).min().cloned().unwrap_or_default()
}

/// Whether it identifies the thing itself, whoever announces it.
pub(super) fn is_address(identifier: &str) -> bool {
    identifier.starts_with("mac:") || identifier.starts_with("zigbee:")
}

/// Everything that is known of a device, which has at least one entity. Beyond so many bytes, names of what went are forgotten.
pub(super) fn merge(key: &str, members: &[(&EntityId, &Entity)], names: &mut Names, names_bytes_max: usize) -> Found {
    let mut problems = Vec::new();
    let entities = without_doubles(members, &mut problems);
    for entity in &entities {
        let label = match &entity.naming.name {
            EntityName::Own(name) => name,
            _ => &entity.naming.object,
        };
        problems.extend(entity.problems.iter().map(|problem| format!("{} '{label:.60}': {problem}", entity.component)));
    }
    let device = |pick: fn(&DeviceMap) -> &Option<String>| {
        entities.iter().filter_map(|entity| entity.device.as_deref()).find_map(|device| pick(device).clone())
    };
    let device_name = device(|device| &device.name);
    let mut properties = properties(&entities, device_name.as_deref(), (names, names_bytes_max), &mut problems);
    properties.sort_by(|one, two| one.name.cmp(&two.name));
    let mut identifiers: BTreeSet<String> = BTreeSet::new();
    for entity in &entities {
        match (&entity.device, &entity.unique_id) {
            (Some(device), _) => identifiers.extend(device.identifiers.iter().cloned()),
            (None, Some(unique_id)) => drop(identifiers.insert(format!("id:{unique_id}"))),
            (None, None) => {}
        }
    }
    let own_name = || match entities.first().map(|entity| &entity.naming) {
        Some(Naming { name: EntityName::Own(name), .. }) => Some(name.clone()),
        _ => None,
    };
    problems.truncate(PROBLEMS_MAX);
    Found {
        source: Source::HomeAssistant,
        key: key.to_owned(),
        identifiers: identifiers.into_iter().collect(),
        // What belongs to no device is one by itself.
        name: device_name.or_else(own_name),
        manufacturer: device(|device| &device.manufacturer),
        model: device(|device| &device.model),
        sw_version: device(|device| &device.sw_version),
        hw_version: device(|device| &device.hw_version),
        area: device(|device| &device.area),
        via: device(|device| &device.via),
        url: device(|device| &device.url),
        addresses: Vec::new(),
        properties,
        availability: availability(&entities),
        topics: members.iter().map(|(id, _)| id.0.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
        problems,
    }
}

/// One entity of each key: of two, the one that does not move elsewhere, or else the one with the first topic.
fn without_doubles<'a>(members: &[(&'a EntityId, &'a Entity)], problems: &mut Vec<String>) -> Vec<&'a Entity> {
    let mut members = members.to_vec();
    members.sort_by_key(|(id, entity)| (&entity.key, entity.migrating, *id));
    let mut entities: Vec<&Entity> = Vec::new();
    for (id, entity) in members {
        match entities.last() {
            // Triggers and tags without an id of their own are told apart by their topics, and so are never double.
            Some(before) if before.key == entity.key && entity.migrating => {}
            Some(before) if before.key == entity.key => {
                problems.push(format!("'{}' announces '{:.80}', which another topic announced", id.0, entity.key));
            }
            _ => entities.push(entity),
        }
    }
    if entities.len() > ENTITIES_PER_DEVICE_MAX {
        problems.push(format!("it has {} entities; {ENTITIES_PER_DEVICE_MAX} of them are used", entities.len()));
        entities.truncate(ENTITIES_PER_DEVICE_MAX);
    }
    entities
}

fn properties(
    entities: &[&Entity],
    device: Option<&str>,
    (names, names_bytes_max): (&mut Names, usize),
    problems: &mut Vec<String>,
) -> Vec<FoundProperty> {
    let mut parts: BTreeMap<String, (&Entity, Part)> = BTreeMap::new();
    let mut left_out = 0;
    for entity in entities {
        for part in &entity.parts {
            let key = match &part.shared {
                Some(shared) => shared.clone(),
                None if part.suffix.is_empty() => entity.key.clone(),
                // No component's name has a colon, whatever a `unique_id` has in it.
                None => entity.key.replacen('.', &format!(":{}.", part.suffix), 1),
            };
            if let Some((_, together)) = parts.get_mut(&key) {
                if part.shared.is_none() {
                    continue;
                }
                // What several have together.
                *together = together.clone().options(part.spec.options.iter().cloned());
                for read in &part.reads {
                    if !together.reads.contains(read) {
                        together.reads.push(read.clone());
                    }
                }
            } else if parts.len() < PROPERTIES_MAX {
                parts.insert(key, (entity, part.clone()));
            } else {
                left_out += 1;
            }
        }
    }
    if left_out > 0 {
        problems.push(format!("it has more than {PROPERTIES_MAX} values; {left_out} are left out"));
    }
    let named = names.assign(&parts, device, names_bytes_max);
    let property = |(key, (entity, part)): (String, (&Entity, Part))| {
        let name = named.get(&key)?.clone();
        let label = match &entity.naming.name {
            EntityName::Own(own) if part.shared.is_none() => {
                let own = without_device(own, device);
                Some(if part.suffix.is_empty() {
                    own.to_owned()
                } else {
                    format!("{own} {}", part.suffix.replace('_', " "))
                })
            }
            _ => None,
        };
        Some(FoundProperty {
            name,
            label: label.filter(|label| !label.trim().is_empty()).map(|label| names::label(&label)),
            component: entity.component.clone(),
            category: if part.aside { Category::Diagnostic } else { entity.category },
            hidden: part.aside || entity.hidden,
            spec: part.spec,
            reads: part.reads,
            write: part.write,
            expire_after: part.expire_after,
            off_delay: part.off_delay,
            key,
        })
    };
    parts.into_iter().filter_map(property).collect()
}

/// Senders used to put the device's name before that of each entity.
fn without_device<'a>(name: &'a str, device: Option<&str>) -> &'a str {
    let Some(device) = device.filter(|device| !device.is_empty()) else { return name };
    match (name.get(..device.len()), name.get(device.len()..)) {
        (Some(first), Some(rest)) if first.eq_ignore_ascii_case(device) && !rest.starts_with(char::is_alphanumeric) => {
            rest.trim_start_matches([' ', '-', ':', '_'])
        }
        _ => name,
    }
}

impl Names {
    /// What they come to in memory, roughly.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A name for each of these, which differ. Of several that want the same, the one with the first key has it, and the others have a
    /// number; those that went are counted as if they were there, as long as all of it is within these bytes.
    fn assign(
        &mut self,
        parts: &BTreeMap<String, (&Entity, Part)>,
        device: Option<&str>,
        bytes_max: usize,
    ) -> BTreeMap<String, PropertyName> {
        for (key, (entity, part)) in parts {
            let naming = part.shared.is_none().then(|| entity.naming.clone());
            let wanted = Wanted { naming, suffix: part.suffix, bare: part.bare };
            if let Entry::Vacant(vacant) = self.known.entry(key.clone()) {
                self.bytes += wanted.bytes(key);
                vacant.insert(wanted);
            }
        }
        if self.known.len() > NAMES_REMEMBERED_MAX || self.bytes > bytes_max {
            let gone: Vec<_> = self.known.keys().rev().filter(|key| !parts.contains_key(*key)).cloned().collect();
            for key in gone {
                if self.known.len() <= NAMES_REMEMBERED_MAX && self.bytes <= bytes_max {
                    break;
                }
                if let Some(wanted) = self.known.remove(&key) {
                    self.bytes -= wanted.bytes(&key);
                }
            }
        }
        let mut taken = BTreeSet::new();
        let mut named = BTreeMap::new();
        for (key, wanted) in &self.known {
            let base = wanted.name(device);
            let free = (1..).map(|n| if n == 1 { base.clone() } else { format!("{base}_{n}") });
            let Some(name) = free.into_iter().find(|name| !taken.contains(name)) else { continue };
            taken.insert(name.clone());
            if let (true, Ok(name)) = (parts.contains_key(key), PropertyName::parse(&name)) {
                named.insert(key.clone(), name);
            }
        }
        named
    }
}

impl Wanted {
    fn bytes(&self, key: &str) -> usize {
        let naming = self.naming.as_ref().map_or(0, |naming| {
            let name = match &naming.name {
                EntityName::Own(name) => name.len(),
                EntityName::Device | EntityName::Unsaid => 0,
            };
            name + naming.class.as_ref().map_or(0, String::len) + naming.object.len()
        });
        size_of::<(String, Self)>() + key.len() + naming
    }

    fn name(&self, device: Option<&str>) -> String {
        let base = match &self.naming {
            None => String::new(),
            Some(naming) => match &naming.name {
                EntityName::Device => String::new(),
                EntityName::Own(name) => {
                    let own = without_device(name, device);
                    let spelled = slug(own);
                    // A name in letters that cannot be spelled here, but not one that is the device's.
                    if spelled.is_empty() && !own.is_empty() { slug(&naming.object) } else { spelled }
                }
                EntityName::Unsaid => slug(naming.class.as_deref().unwrap_or(&naming.object)),
            },
        };
        let name = match (base.is_empty(), self.suffix) {
            (true, _) => self.bare.to_owned(),
            (false, "") => base,
            (false, suffix) => {
                // Room for what is added, and for a number.
                let short: String = base.chars().take(40).collect();
                format!("{}_{suffix}", short.trim_end_matches('_'))
            }
        };
        // Words that topics use for something else.
        if name == "set" || name == "target" { format!("{name}_value") } else { name }
    }
}

/// What all entities that say anything about it have in common; if that is nothing, the device is there when one of them is.
fn availability(entities: &[&Entity]) -> Availability {
    let said: Vec<_> =
        entities.iter().map(|entity| &*entity.availability).filter(|said| !said.topics.is_empty()).collect();
    let Some(first) = said.first() else { return Availability::default() };
    let in_all: Vec<_> =
        first.topics.iter().filter(|topic| said.iter().all(|said| said.topics.contains(topic))).cloned().collect();
    if !in_all.is_empty() {
        // Where they differ in how they count, all have to say yes, which is what most mean that count at all.
        let same = said.iter().all(|said| said.mode == first.mode);
        let mode = if same { first.mode } else { AvailabilityMode::All };
        return Availability { topics: in_all, mode };
    }
    let mut topics = Vec::new();
    for topic in said.iter().flat_map(|said| &said.topics) {
        if !topics.contains(topic) && topics.len() < AVAILABILITY_TOPICS_MAX {
            topics.push(topic.clone());
        }
    }
    Availability { topics, mode: AvailabilityMode::Any }
}
