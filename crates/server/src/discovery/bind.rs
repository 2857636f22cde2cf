//! What ties the topics of devices to properties: which value a message has, whether a device is there, what a request becomes.
//!
//! Pure but for templates, which are bounded where they run. It says what follows from a message; publishing belongs to `desk`.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use housewire_core::{DeviceId, Now, PropertyName};
use housewire_links::discovery::binding::{self, Reading};
use housewire_links::discovery::model::Outgoing;
use housewire_links::discovery::presence::Presence;
use housewire_links::discovery::template::Templates;
use housewire_links::discovery::{Availability, FoundProperty};

use crate::limits::DISCOVERY_UNADOPTED_TIME_MAX;

/// What is tied for one find.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// As what it was adopted; values of others are only shown.
    pub(super) device: Option<DeviceId>,
    pub(super) properties: Vec<(PropertyName, FoundProperty)>,
    pub(super) availability: Availability,
}

/// What follows from a message, or from time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The device says that a property is so.
    Value { find: String, name: PropertyName, payload: Vec<u8> },
    /// It may be there now, or not any more.
    Presence { find: String },
    /// A message could not be used.
    Problem { find: String, text: String },
}

/// One value of a find.
struct Bound {
    name: PropertyName,
    property: FoundProperty,
    /// The last one.
    payload: Option<Vec<u8>>,
    expires: Option<Instant>,
    turns_off: Option<Instant>,
    is_expired: bool,
}

struct Tied {
    device: Option<DeviceId>,
    values: Vec<Bound>,
    availability: Availability,
    presence: Presence,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Use {
    Value { find: String, place: usize, read: usize },
    Presence { find: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Expiry,
    Off,
}

/// See the module.
#[derive(Default)]
pub(super) struct Bindings {
    finds: HashMap<String, Tied>,
    topics: HashMap<String, Vec<Use>>,
    due: BTreeSet<(Instant, String, usize, Due)>,
    templates: Templates,
    unadopted: Budget,
}

/// How long values of finds that nobody adopted were read within a second: anybody may announce what takes long.
#[derive(Default)]
struct Budget {
    since: Option<Instant>,
    spent: Duration,
}

impl Budget {
    /// Whether there is something left.
    fn is_left(&mut self, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= Duration::from_secs(1)) {
            *self = Self { since: Some(now), spent: Duration::ZERO };
        }
        self.spent < DISCOVERY_UNADOPTED_TIME_MAX
    }
}

/// Topics that are to be listened to from now on, or not any more.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Topics {
    pub(super) more: Vec<String>,
    pub(super) less: Vec<String>,
}

impl Bindings {
    /// How many topics are listened to.
    pub(super) fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// All topics that are listened to.
    pub(super) fn topics(&self) -> Vec<String> {
        self.topics.keys().cloned().collect()
    }

    /// The finds that have a use for a topic.
    pub(super) fn finds_of(&self, topic: &str) -> BTreeSet<String> {
        self.topics.get(topic).into_iter().flatten().map(|used| used.find().to_owned()).collect()
    }

    /// How many properties of devices are tied.
    pub(super) fn property_count(&self) -> usize {
        self.finds.values().filter(|tied| tied.device.is_some()).map(|tied| tied.values.len()).sum()
    }

    /// Ties a find, or ties it anew; what was known of its values and presence stays as far as it still applies.
    pub(super) fn bind(&mut self, find: &str, plan: Plan) -> Topics {
        let before = self.topics_of(find);
        let mut old = self.take(find);
        let values = plan.properties.into_iter().map(|(name, property)| {
            let known = old.as_mut().and_then(|old| old.values.iter_mut().find(|value| value.name == name));
            match known {
                Some(known) if known.property == property => Bound {
                    payload: known.payload.take(),
                    expires: known.expires,
                    turns_off: known.turns_off,
                    is_expired: known.is_expired,
                    name,
                    property,
                },
                _ => Bound { name, property, payload: None, expires: None, turns_off: None, is_expired: false },
            }
        });
        let values: Vec<_> = values.collect();
        let presence = match old {
            Some(old) if old.availability == plan.availability => old.presence,
            _ => Presence::new(plan.availability.clone()),
        };
        for (place, value) in values.iter().enumerate() {
            for (read, of) in value.property.reads.iter().enumerate() {
                let find = find.to_owned();
                self.topics.entry(of.topic.clone()).or_default().push(Use::Value { find, place, read });
            }
            for (at, due) in [(value.expires, Due::Expiry), (value.turns_off, Due::Off)] {
                self.due.extend(at.map(|at| (at, find.to_owned(), place, due)));
            }
        }
        for topic in plan.availability.topics.iter().map(|topic| &topic.topic) {
            let uses = self.topics.entry(topic.clone()).or_default();
            let used = Use::Presence { find: find.to_owned() };
            if !uses.contains(&used) {
                uses.push(used);
            }
        }
        let tied = Tied { device: plan.device, values, availability: plan.availability, presence };
        self.finds.insert(find.to_owned(), tied);
        self.difference(before, &self.topics_of(find))
    }

    /// What is tied for a find, if it is tied as this device.
    pub(super) fn plan(&self, find: &str, device: &DeviceId) -> Option<Plan> {
        let tied = self.finds.get(find).filter(|tied| tied.device.as_ref() == Some(device))?;
        let properties = tied.values.iter().map(|value| (value.name.clone(), value.property.clone()));
        let availability = tied.availability.clone();
        Some(Plan { device: tied.device.clone(), properties: properties.collect(), availability })
    }

    /// Unties a find.
    pub(super) fn unbind(&mut self, find: &str) -> Topics {
        let before = self.topics_of(find);
        self.take(find);
        self.difference(before, &HashSet::new())
    }

    fn take(&mut self, find: &str) -> Option<Tied> {
        for topic in self.topics_of(find) {
            if let Some(uses) = self.topics.get_mut(&topic) {
                uses.retain(|used| used.find() != find);
                if uses.is_empty() {
                    self.topics.remove(&topic);
                }
            }
        }
        self.due.retain(|(_, of, _, _)| of != find);
        self.finds.remove(find)
    }

    fn topics_of(&self, find: &str) -> HashSet<String> {
        let Some(tied) = self.finds.get(find) else { return HashSet::new() };
        let reads = tied.values.iter().flat_map(|value| &value.property.reads).map(|read| read.topic.clone());
        reads.chain(tied.availability.topics.iter().map(|topic| topic.topic.clone())).collect()
    }

    fn difference(&self, before: HashSet<String>, after: &HashSet<String>) -> Topics {
        let mut more: Vec<_> = after.iter().filter(|topic| !before.contains(*topic)).cloned().collect();
        let mut less: Vec<_> = before.into_iter().filter(|topic| !self.topics.contains_key(topic)).collect();
        more.sort();
        less.sort();
        Topics { more, less }
    }

    /// What a message on a topic means for everybody who has a use for it. Finds that nobody adopted have only so much time.
    pub(super) fn heard(&mut self, topic: &str, payload: &[u8], now: Now) -> Vec<Effect> {
        let uses = self.topics.get(topic).cloned().unwrap_or_default();
        uses.into_iter().filter_map(|used| self.apply_in_time(&used, topic, payload, now)).collect()
    }

    fn apply_in_time(&mut self, used: &Use, topic: &str, payload: &[u8], now: Now) -> Option<Effect> {
        if self.finds.get(used.find())?.device.is_some() {
            return self.apply(used, topic, payload, now);
        }
        if !self.unadopted.is_left(now.instant) {
            return None;
        }
        let began = Instant::now();
        let effect = self.apply(used, topic, payload, now);
        self.unadopted.spent += began.elapsed();
        effect
    }

    /// The topics that a find's values and presence come from.
    pub(super) fn topics_read(&self, find: &str) -> Vec<String> {
        self.topics_of(find).into_iter().collect()
    }

    fn apply(&mut self, used: &Use, topic: &str, payload: &[u8], now: Now) -> Option<Effect> {
        let Self { finds, templates, .. } = self;
        let tied = finds.get_mut(used.find())?;
        let find = used.find().to_owned();
        match used {
            Use::Presence { .. } => match tied.presence.message(templates, topic, payload, now.wall) {
                Ok(()) => Some(Effect::Presence { find }),
                Err(error) => Some(Effect::Problem { find, text: format!("availability from {topic}: {error}") }),
            },
            Use::Value { place, read, .. } => {
                let value = tied.values.get_mut(*place)?;
                let (read, spec) = (value.property.reads.get(*read)?, &value.property.spec);
                match binding::read(templates, read, spec, payload, now.wall) {
                    Ok(Reading::Value(payload)) => {
                        let name = value.name.clone();
                        self.note_value(&find, *place, &payload, now.instant);
                        Some(Effect::Value { find, name, payload })
                    }
                    // The hub has no value for "nobody knows": what was known stays.
                    Ok(Reading::Unknown | Reading::Nothing) => None,
                    Err(error) => Some(Effect::Problem { find, text: format!("{}: {error}", value.name) }),
                }
            }
        }
    }

    /// Remembers a value and when it ends.
    fn note_value(&mut self, find: &str, place: usize, payload: &[u8], now: Instant) {
        let Some(value) = self.finds.get_mut(find).and_then(|tied| tied.values.get_mut(place)) else { return };
        for (at, due) in [(value.expires.take(), Due::Expiry), (value.turns_off.take(), Due::Off)] {
            if let Some(at) = at {
                self.due.remove(&(at, find.to_owned(), place, due));
            }
        }
        value.expires = value.property.expire_after.map(|after| now + after);
        value.turns_off = value.property.off_delay.filter(|_| payload == b"true").map(|after| now + after);
        value.is_expired = false;
        value.payload = Some(payload.to_vec());
        for (at, due) in [(value.expires, Due::Expiry), (value.turns_off, Due::Off)] {
            self.due.extend(at.map(|at| (at, find.to_owned(), place, due)));
        }
    }

    /// When [`Bindings::handle_timeout`] has something to do.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(at, ..)| *at)
    }

    /// What time alone changed.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some((at, ..)) = self.due.first()
            && *at <= now
        {
            let (_, find, place, due) = self.due.pop_first().expect("it was looked at a moment ago");
            let Some(value) = self.finds.get_mut(&find).and_then(|tied| tied.values.get_mut(place)) else { continue };
            match due {
                Due::Expiry => {
                    value.expires = None;
                    value.is_expired = true;
                    effects.push(Effect::Presence { find });
                }
                Due::Off => {
                    value.turns_off = None;
                    value.payload = Some(b"false".to_vec());
                    effects.push(Effect::Value { find, name: value.name.clone(), payload: b"false".to_vec() });
                }
            }
        }
        effects
    }

    /// Whether the device says that it is there, if it has a way to say so. Before its first word it is not.
    pub(super) fn is_available(&self, find: &str) -> Option<bool> {
        self.finds.get(find)?.presence.is_there()
    }

    /// Properties whose value is too old to be worth anything.
    pub(super) fn expired(&self, find: &str) -> Vec<PropertyName> {
        let values = self.finds.get(find).into_iter().flat_map(|tied| &tied.values);
        values.filter(|value| value.is_expired).map(|value| value.name.clone()).collect()
    }

    /// Whether all values that it has from messages are too old.
    pub(super) fn is_all_expired(&self, find: &str) -> bool {
        let values = self.finds.get(find).into_iter().flat_map(|tied| &tied.values);
        let mut read = values.filter(|value| !value.property.reads.is_empty()).peekable();
        read.peek().is_some() && read.all(|value| value.is_expired)
    }

    /// The last value, as a payload.
    pub(super) fn payload(&self, find: &str, name: &PropertyName) -> Option<&[u8]> {
        let tied = self.finds.get(find)?;
        tied.values.iter().find(|value| value.name == *name)?.payload.as_deref()
    }

    /// All values that are known.
    pub(super) fn payloads(&self, find: &str) -> Vec<(PropertyName, Vec<u8>)> {
        let values = self.finds.get(find).into_iter().flat_map(|tied| &tied.values);
        values.filter_map(|value| Some((value.name.clone(), value.payload.clone()?))).collect()
    }

    /// What is to be sent so that a property becomes what was asked for, and whether the device will not say what became of it.
    pub(super) fn request(&mut self, find: &str, name: &PropertyName, payload: &[u8], now: Now) -> Asked {
        let Some(tied) = self.finds.get(find) else { return Asked::Nowhere };
        let Some(place) = tied.values.iter().position(|value| value.name == *name) else { return Asked::Nowhere };
        let property = &tied.values[place].property;
        let Some(write) = &property.write else { return Asked::Nowhere };
        match binding::write(&mut self.templates, write, &property.spec, payload, now.wall) {
            Ok(message) => {
                let is_optimistic = write.optimistic;
                if is_optimistic {
                    self.note_value(find, place, payload, now.instant);
                }
                Asked::Send { message, is_optimistic }
            }
            Err(error) => Asked::Failed(format!("the request for {name} could not be sent: {error}")),
        }
    }
}

/// What a request comes to.
#[derive(Debug)]
pub(super) enum Asked {
    Send {
        message: Outgoing,
        is_optimistic: bool,
    },
    /// The property takes none.
    Nowhere,
    Failed(String),
}

impl Use {
    fn find(&self) -> &str {
        match self {
            Self::Value { find, .. } | Self::Presence { find } => find,
        }
    }
}

#[cfg(test)]
mod tests;
