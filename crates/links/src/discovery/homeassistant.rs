//! The MQTT discovery of Home Assistant: devices that say on `homeassistant/…/config` what they have and where.
//!
//! A message announces one entity, or all of a device. What is known is always a function of the last message on each topic, in
//! whatever order they came; a device is the entities that share an identifier. What a component means is in `components`, how entities
//! become a [`Found`] in `merge`.

mod abbreviations;
mod announcement;
mod components;
mod config;
mod device;
mod entity;
mod merge;
mod part;

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};

use housewire_core::Filter;

use self::announcement::{Announced, Components, Form};
use self::entity::Entity;
use self::merge::Names;
use super::Dialect;
use super::limits::{ANNOUNCED_BYTES_MAX, DEVICE_MEMBERS_MAX, ENTITIES_MAX, NAMES_BYTES_MAX, PROBLEMS_MAX};
use super::model::{Announcement, Event, Found, Source};

/// What Housewire calls itself in the `origin` of what it announces.
pub const OWN_ORIGIN: &str = "Housewire";

/// The identifier under which this hub announces one of its devices; by it the hub knows its own announcements.
pub fn own_identifier(hub: &str, device: &str) -> String {
    format!("housewire_{hub}_{device}")
}

/// How to listen.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the topics begin with, `homeassistant` if nobody chose otherwise; it may have several levels.
    pub prefix: String,
    /// This hub's id, as in [`own_identifier`].
    pub hub: String,
}

/// Identifies an entity: the topic that announced it and, of the device form, its key there.
type EntityId = (String, String);

/// What was announced and not taken back.
#[derive(Debug)]
pub struct HomeAssistant {
    options: Options,
    entities: BTreeMap<EntityId, Entity>,
    /// Entities by what identifies their devices.
    by_identifier: BTreeMap<String, BTreeSet<EntityId>>,
    /// In which device an entity was when that was last told.
    device_of: BTreeMap<EntityId, String>,
    /// What was told, by its key.
    told: BTreeMap<String, Found>,
    /// How properties were named, by the device's key.
    names: BTreeMap<String, Names>,
    /// What they come to.
    names_bytes: usize,
    /// The last payload of each topic, hashed: senders repeat themselves at every start of a hub.
    last: HashMap<String, u64>,
    bytes: usize,
}

/// The levels of a config topic.
struct ConfigTopic<'a> {
    component: &'a str,
    /// `object`, or `node object`.
    discovery_id: String,
    object: &'a str,
}

impl HomeAssistant {
    /// Nothing was announced yet.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            entities: BTreeMap::new(),
            by_identifier: BTreeMap::new(),
            device_of: BTreeMap::new(),
            told: BTreeMap::new(),
            names: BTreeMap::new(),
            names_bytes: 0,
            last: HashMap::new(),
            bytes: 0,
        }
    }

    fn config_topic<'a>(&self, topic: &'a str) -> Option<ConfigTopic<'a>> {
        let rest = topic.strip_prefix(self.options.prefix.as_str())?.strip_prefix('/')?.strip_suffix("/config")?;
        let levels: Vec<_> = rest.split('/').collect();
        let is_id = |text: &str, more: &[u8]| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || more.contains(&byte))
        };
        let (component, node, object) = match levels[..] {
            [component, object] => (component, None, object),
            [component, node, object] => (component, Some(node), object),
            _ => return None,
        };
        if !is_id(component, b"") || !is_id(object, b"-") || node.is_some_and(|node| !is_id(node, b"-")) {
            return None;
        }
        let discovery_id = node.map_or_else(|| object.to_owned(), |node| format!("{node} {object}"));
        Some(ConfigTopic { component, discovery_id, object })
    }

    /// Whether a payload is the one that came last on this topic; remembers it.
    fn is_repeated(&mut self, topic: &str, payload: &[u8]) -> bool {
        let mut hasher = DefaultHasher::new();
        payload.hash(&mut hasher);
        let hash = hasher.finish();
        if self.last.get(topic) == Some(&hash) {
            return true;
        }
        if payload.is_empty() {
            self.last.remove(topic);
        } else if self.last.len() < 2 * ENTITIES_MAX || self.last.contains_key(topic) {
            self.last.insert(topic.to_owned(), hash);
        }
        false
    }

    /// Whether that many more entities are remembered, of all devices and of this one, as all of one are looked at with each message.
    fn has_room(&self, topic: &str, components: &Components) -> Result<(), String> {
        let old = self.ids_of(topic).len();
        if self.entities.len() - old + components.components.len() > ENTITIES_MAX {
            return Err(format!("there are {ENTITIES_MAX} entities already; take some back first"));
        }
        let device = components.device.as_ref().and_then(device::DeviceMap::parse);
        let identifiers = device.map_or_else(|| [].into(), |device| device.identifiers);
        let others = self.joined(topic, &identifiers);
        if others.len() + components.components.len() > DEVICE_MEMBERS_MAX && !others.is_empty() {
            return Err(format!("its device has {DEVICE_MEMBERS_MAX} entities already; take some back first"));
        }
        self.may_join(topic, &identifiers)
    }

    /// Entities of other messages that would be one device with one that is known by these.
    fn joined(&self, topic: &str, identifiers: &[String]) -> BTreeSet<EntityId> {
        let mut joined: BTreeSet<EntityId> = BTreeSet::new();
        for identifier in identifiers {
            let is_known = |id: &EntityId| joined.contains(id);
            if !self.by_identifier.get(identifier).is_some_and(|ids| ids.iter().all(is_known)) {
                joined.extend(self.group(identifier));
            }
        }
        joined.retain(|id| id.0 != topic);
        joined
    }

    /// Whether one message may make one device of several: only what names an address of each is taken to know that they are one, as
    /// anybody can name the others' names.
    fn may_join(&self, topic: &str, identifiers: &[String]) -> Result<(), String> {
        // Whether an address is what they have in common.
        let mut devices: BTreeMap<&String, bool> = BTreeMap::new();
        for identifier in identifiers {
            let others = self.by_identifier.get(identifier).into_iter().flatten().filter(|id| id.0 != topic);
            for device in others.filter_map(|id| self.device_of.get(id)) {
                *devices.entry(device).or_default() |= merge::is_address(identifier);
            }
        }
        let mut keys = devices.keys();
        if let (Some(one), Some(two), false) =
            (keys.next(), keys.next(), devices.values().all(|by_address| *by_address))
        {
            return Err(format!(
                "it would make one device of '{one:.60}' and '{two:.60}', which have no address in common with it; take one of \
                 them back first if they are one"
            ));
        }
        Ok(())
    }

    /// Entities of one message.
    fn ids_of(&self, topic: &str) -> Vec<EntityId> {
        let first = (topic.to_owned(), String::new());
        self.entities.range(first..).map(|(id, _)| id).take_while(|id| id.0 == topic).cloned().collect()
    }

    fn is_own(&self, components: &Components) -> bool {
        let origin = components.origin.as_ref().and_then(|origin| origin.get("name")).and_then(|name| name.as_str());
        let own = format!("id:{}", own_identifier(&self.options.hub, ""));
        let device = components.device.as_ref().and_then(device::DeviceMap::parse);
        origin == Some(OWN_ORIGIN)
            && device.is_some_and(|device| device.identifiers.iter().any(|identifier| identifier.starts_with(&own)))
    }

    /// What a message with components changes; what cannot be read of it leaves what was there.
    fn announced(&mut self, topic: &ConfigTopic<'_>, full: &str, components: Components) -> Vec<Event> {
        let problem = |reason: String| Event::Problem { topic: full.to_owned(), reason };
        if let Err(reason) = self.has_room(full, &components) {
            // It may come again when there is room.
            self.last.remove(full);
            return vec![problem(reason)];
        }
        if self.is_own(&components) {
            return Vec::new();
        }
        let old = self.ids_of(full);
        let old_bytes: usize = old.iter().filter_map(|id| self.entities.get(id)).map(|entity| entity.bytes).sum();
        let device = components.device.as_ref().and_then(device::DeviceMap::parse);
        if device.is_none() && topic.component == "device" {
            return vec![problem("its 'device' has neither identifiers nor connections".into())];
        }
        let mut events: Vec<_> = components.problems.iter().cloned().map(problem).collect();
        let mut notes = components.problems;
        if device.is_none() && components.device.is_some() {
            notes.push("its 'device' has neither identifiers nor connections".to_owned());
        }
        let is_single = topic.component != "device";
        let mut shared = entity::Shared::new(device);
        let mut next = BTreeMap::new();
        for (key, fields) in components.components {
            let id = (full.to_owned(), key.clone());
            let from = entity::From { component: is_single.then_some(topic.component), topic, key: &key, full };
            match Entity::parse(&from, fields, &mut shared) {
                Ok(entity) => {
                    next.insert(id, entity);
                }
                Err(reason) => {
                    let which = if is_single { String::new() } else { format!("component '{key:.60}': ") };
                    events.push(problem(format!("{which}{reason}")));
                    notes.push(format!("{which}{reason}"));
                    // What it was before is better than nothing.
                    if let Some(before) = self.entities.get(&id) {
                        let mut before = before.clone();
                        // What it shared may be nobody else's now.
                        before.bytes = before.alone_bytes(full, &key);
                        next.insert(id, before);
                    }
                }
            }
        }
        events.truncate(PROBLEMS_MAX);
        if let Some(first) = next.values_mut().next() {
            first.note(notes);
        }
        let new_bytes: usize = next.values().map(|entity| entity.bytes).sum();
        if self.bytes - old_bytes + new_bytes > ANNOUNCED_BYTES_MAX {
            self.last.remove(full);
            let reason = format!("announcements come to more than {ANNOUNCED_BYTES_MAX} bytes; take some back first");
            return vec![problem(reason)];
        }
        events.extend(self.replace(old, next, None));
        events
    }

    /// Puts entities into the place of others, and tells what became of the devices.
    fn replace(&mut self, old: Vec<EntityId>, new: BTreeMap<EntityId, Entity>, migrates: Option<bool>) -> Vec<Event> {
        let mut identifiers = BTreeSet::new();
        let mut keys = BTreeSet::new();
        let mut migrating = !old.is_empty();
        for id in old {
            let Some(entity) = self.entities.remove(&id) else { continue };
            self.bytes -= entity.bytes;
            migrating &= entity.migrating;
            for identifier in entity.identifiers.iter() {
                if let Some(ids) = self.by_identifier.get_mut(identifier) {
                    ids.remove(&id);
                    if ids.is_empty() {
                        self.by_identifier.remove(identifier);
                    }
                }
            }
            identifiers.extend(entity.identifiers.iter().cloned());
            keys.extend(self.device_of.remove(&id));
        }
        for (id, entity) in new {
            self.bytes += entity.bytes;
            for identifier in entity.identifiers.iter() {
                self.by_identifier.entry(identifier.clone()).or_default().insert(id.clone());
            }
            identifiers.extend(entity.identifiers.iter().cloned());
            self.entities.insert(id, entity);
        }
        self.tell(&identifiers, keys, migrates.unwrap_or(migrating))
    }

    /// Looks at all devices that have one of these identifiers, and tells what is new about them.
    fn tell(&mut self, identifiers: &BTreeSet<String>, mut keys: BTreeSet<String>, migrates: bool) -> Vec<Event> {
        let mut seen = BTreeSet::new();
        let mut events = Vec::new();
        let mut found_keys = BTreeSet::new();
        let mut moved = BTreeSet::new();
        for identifier in identifiers {
            let group = self.group(identifier);
            if group.is_empty() || !seen.insert(group[0].clone()) {
                continue;
            }
            let key = self.key_of(&group, &keys);
            for id in &group {
                if let Some(before) = self.device_of.insert(id.clone(), key.clone())
                    && before != key
                {
                    moved.insert(before.clone());
                    keys.insert(before);
                }
            }
            let members: Vec<_> = group.iter().map(|id| (id, &self.entities[id])).collect();
            let names = self.names.entry(key.clone()).or_default();
            let others_bytes = self.names_bytes - names.bytes();
            let found = merge::merge(&key, &members, names, NAMES_BYTES_MAX.saturating_sub(others_bytes));
            self.names_bytes = others_bytes + names.bytes();
            found_keys.insert(key.clone());
            if self.told.get(&key) != Some(&found) {
                self.told.insert(key, found.clone());
                events.push(Event::Found(Box::new(found)));
            }
        }
        for key in keys.difference(&found_keys) {
            // A part of it may have gone elsewhere while the rest keeps its key.
            if self.device_of.values().any(|other| other == key) {
                continue;
            }
            self.names_bytes -= self.names.remove(key).map_or(0, |names| names.bytes());
            if self.told.remove(key).is_some() {
                let gone = Event::Gone { key: key.clone(), migrates: migrates || moved.contains(key) };
                events.insert(0, gone);
            }
        }
        events
    }

    /// What a device is known by: what it was told by, as long as that identifies anything of it; of several the address, or else the
    /// first.
    fn key_of(&self, group: &[EntityId], before: &BTreeSet<String>) -> String {
        let identifies =
            |key: &&String| self.by_identifier.get(*key).is_some_and(|ids| group.iter().any(|id| ids.contains(id)));
        // Those that have just been replaced were in one of these.
        let told: BTreeSet<_> = group.iter().filter_map(|id| self.device_of.get(id)).chain(before).collect();
        let kept = told.into_iter().filter(identifies).min_by_key(|key| (!merge::is_address(key), *key)).cloned();
        kept.unwrap_or_else(|| merge::key(group.iter().map(|id| &self.entities[id])))
    }

    /// All entities that are one device with those of an identifier, in order.
    fn group(&self, identifier: &str) -> Vec<EntityId> {
        let mut waiting = vec![identifier];
        let mut known = BTreeSet::from([identifier]);
        let mut ids = BTreeSet::new();
        while let Some(identifier) = waiting.pop() {
            for id in self.by_identifier.get(identifier).into_iter().flatten() {
                if ids.insert(id) {
                    let further = self.entities[id].identifiers.iter().map(String::as_str);
                    waiting.extend(further.filter(|further| known.insert(further)));
                }
            }
        }
        ids.into_iter().cloned().collect()
    }
}

impl Dialect for HomeAssistant {
    fn source(&self) -> Source {
        Source::HomeAssistant
    }

    fn filters(&self) -> Vec<Filter> {
        let prefix = &self.options.prefix;
        let filters = [format!("{prefix}/+/+/config"), format!("{prefix}/+/+/+/config")];
        filters.iter().filter_map(|filter| Filter::parse(filter).ok()).collect()
    }

    fn message(&mut self, message: &Announcement<'_>) -> Vec<Event> {
        let problem = |reason: String| vec![Event::Problem { topic: message.topic.to_owned(), reason }];
        let Some(topic) = self.config_topic(message.topic) else {
            if message.payload.is_empty() {
                return Vec::new();
            }
            return problem(
                "its levels are not PREFIX/COMPONENT/[NODE/]OBJECT/config of letters, digits, _ and -".into(),
            );
        };
        if self.is_repeated(message.topic, message.payload) {
            return Vec::new();
        }
        if message.payload.is_empty() {
            let old = self.ids_of(message.topic);
            return self.replace(old, BTreeMap::new(), None);
        }
        let form = if topic.component == "device" { Form::Device } else { Form::Single };
        match announcement::parse(form, message.payload) {
            Err(reason) => problem(reason),
            Ok(Announced::Migrates) => {
                // It stays until it comes back elsewhere, or is taken back here.
                for id in self.ids_of(message.topic) {
                    if let Some(entity) = self.entities.get_mut(&id) {
                        entity.migrating = true;
                    }
                }
                Vec::new()
            }
            Ok(Announced::Components(components)) => self.announced(&topic, message.topic, components),
        }
    }
}

#[cfg(test)]
mod tests;
