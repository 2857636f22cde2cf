//! Announcements: what they say, of which find, and what is bound because of it.

use std::collections::{BTreeMap, BTreeSet};

use housewire_core::{Access, DeclareMode, DeviceId, Now, PropertyAccess, PropertyName, PropertySpec, TopicRef};
use housewire_links::discovery::model::Outgoing;
use housewire_links::discovery::{Announcement, Availability, Event, Found, FoundProperty, Source};
use tracing::{info, warn};

use super::{Desk, Heard, Unsettled};
use crate::clients::Client;
use crate::discovery::bind::Plan;
use crate::discovery::find::{Announced, Find, Standing, own_topic, writes_of};
use crate::discovery::settings::Adopt;
use crate::limits::{DISCOVERY_ACCEPTED_MAX, DISCOVERY_PARTS_MAX, DISCOVERY_TOPICS_MAX};
use crate::shard::now;

/// Who said something, and how.
struct Said<'a> {
    announced: Announced,
    client: Option<&'a std::sync::Arc<Client>>,
}

impl Desk {
    /// A message on a topic of announcements.
    pub(super) fn announced(&mut self, heard: &Heard) {
        let message = &heard.message;
        let topic = message.topic.as_str();
        if self.producer.is_own(&self.kept.hub, &message.payload) {
            return;
        }
        let announcement =
            Announcement { topic, payload: &message.payload, retained: heard.stored, time: message.time };
        // What this hub takes back for its users says nothing of the sender.
        let is_live = !heard.stored && heard.session != self.me;
        let client = heard.client.as_ref();
        let announced = Announced {
            client: client.map(|client| client.id().to_string()),
            user: client.map(|client| client.subscriber.principal().name().to_owned()),
            topic: topic.to_owned(),
            retained: !is_live,
        };
        let said = Said { announced, client };
        let mut events = Vec::new();
        for (dialect, filters) in &mut self.dialects {
            if filters.iter().any(|filter| filter.matches(message.topic.borrow())) {
                let source = dialect.source();
                events.extend(dialect.message(&announcement).into_iter().map(|event| (source, event)));
            }
        }
        if is_live && !message.payload.is_empty() {
            // Also where it only says again what is known.
            self.announced_live(topic, &said.announced);
        }
        for (source, event) in events {
            self.take_event(source, event, &said);
        }
    }

    fn announced_live(&mut self, topic: &str, announced: &Announced) {
        let now = now();
        for id in self.finds.of_topic(topic) {
            let Some(find) = self.finds.get_mut(&id) else { continue };
            find.last_seen = now.wall;
            for part in find.parts.iter_mut().filter(|part| part.found.topics.iter().any(|have| have == topic)) {
                part.announced = announced.clone();
            }
            if !std::mem::replace(&mut find.is_seen_live, true) {
                self.update_presence(&id, now);
                self.unsaved(&id, now);
            }
        }
    }

    /// Something was seen other than by a message.
    pub(super) fn sighted(&mut self, event: Event) {
        self.take_event(Source::Mdns, event, &Said { announced: Announced::default(), client: None });
    }

    fn take_event(&mut self, source: Source, event: Event, said: &Said<'_>) {
        match event {
            Event::Found(found) => self.found(*found, said),
            Event::Gone { key, migrates } => {
                let changed = match migrates {
                    true => self.finds.migrates(source, &key),
                    false => self.finds.gone(source, &key),
                };
                if let Some(id) = changed {
                    self.unsettle(&id, None, now());
                }
            }
            Event::Problem { topic, reason } => self.announcement_failed(&topic, &reason),
            Event::Ask(message) => self.ask(&message, said),
        }
    }

    fn found(&mut self, found: Found, said: &Said<'_>) {
        let now = now();
        let before = self.finds.of_key(found.source, &found.key);
        let was_known = before.and_then(|find| find.parts.iter().find(|part| part.found.key == found.key));
        let (was_gone, is_same) =
            was_known.map_or((true, false), |part| (part.is_gone, !part.is_gone && part.found == found));
        let was_live = before.is_some_and(|find| find.is_seen_live);
        if said.announced.retained && before.is_some_and(|find| find.standing == Standing::Removed) {
            return;
        }
        let known_uses = before.map(uses).unwrap_or_default();
        let Some(noted) = self.finds.announce(found, said.announced.clone(), now.wall) else {
            self.figures.refused();
            return;
        };
        for id in &noted.absorbed {
            let topics = self.bindings.unbind(id);
            self.follow_topics(topics, now);
            self.unsettled.remove(id);
            self.forget_document(id);
        }
        self.accept(&noted.id, &known_uses, said.client);
        let find = self.finds.get(&noted.id).expect("it was noted a moment ago");
        let is_back = find.standing == Standing::Removed && was_gone && !said.announced.retained;
        if is_back {
            self.finds.decide(&noted.id, Standing::New);
        }
        if noted.is_new {
            let find = self.finds.get(&noted.id).expect("likewise");
            info!(
                "found {} ({}), announced by {}",
                find.name().unwrap_or(&find.id),
                find.id,
                announcer(&find.main().announced)
            );
        }
        if !is_same && self.finds.get(&noted.id).is_some_and(|find| find.standing == Standing::New) {
            // At once, as many say how they are right behind what they are, and do not say it again.
            self.bind(&noted.id, None, now);
        }
        if !is_same || is_back || !was_live || !noted.absorbed.is_empty() {
            self.unsettle(&noted.id, said.client.cloned(), now);
        }
    }

    /// Looks at a find when its announcements have been quiet for a moment.
    pub(super) fn unsettle(&mut self, id: &str, announcer: Option<std::sync::Arc<Client>>, now: Now) {
        let unsettled = self.unsettled.entry(id.to_owned());
        let unsettled = unsettled.or_insert(Unsettled { since: now.instant, last: now.instant, announcer: None });
        unsettled.last = now.instant;
        if announcer.is_some() {
            unsettled.announcer = announcer;
        }
    }

    /// Makes of a find what its announcements and somebody's decision say together.
    pub(super) fn settle(&mut self, id: &str, announcer: Option<&Client>, now: Now) {
        let Some(find) = self.finds.get(id) else { return };
        match find.standing.clone() {
            Standing::New if find.is_gone() => {
                let topics = self.bindings.unbind(id);
                self.follow_topics(topics, now);
                self.finds.remove(id);
                self.forget_document(id);
                return;
            }
            Standing::New => {
                let is_automatic = self.kept.settings.adopt == Adopt::Automatic;
                if is_automatic && announcer.is_some_and(|announcer| self.may_adopt(id, announcer)) {
                    self.adopt_by_itself(id, now);
                } else {
                    self.bind(id, None, now);
                }
            }
            Standing::Adopted(device) => self.bind(id, Some(&device), now),
            Standing::Ignored | Standing::Removed => {
                let topics = self.bindings.unbind(id);
                self.follow_topics(topics, now);
            }
        }
        self.unsaved(id, now);
    }

    /// Ties a find's values; those of an adopted one are declared on its device.
    pub(super) fn bind(&mut self, id: &str, device: Option<&DeviceId>, now: Now) {
        let Some(find) = self.finds.get_mut(id) else { return };
        find.problems.clear();
        if find.is_full {
            find.problems.note(&format!(
                "more than {DISCOVERY_PARTS_MAX} announcements say that they are of this device; what others say is not used: clear those that are not"
            ));
        }
        let is_native = find.native_device().is_some();
        let named = if is_native { find.native_properties() } else { find.named_properties() };
        if let Some(device) = device {
            self.declare(id, device, &named, now);
        }
        let plan = if is_native {
            // It says itself how it is, on the topics of its device.
            Plan { device: device.cloned(), ..Plan::default() }
        } else {
            self.plan(id, device, named)
        };
        let topics = self.bindings.bind(id, plan);
        if let Some(device) = device.filter(|_| !is_native) {
            self.listen(super::Class::Request, &format!("devices/{device}/+/set"));
        }
        // Presence first: values of a device that is not there do not make it seem so.
        self.follow_topics(topics, now);
        self.update_presence(id, now);
    }

    fn plan(&mut self, id: &str, device: Option<&DeviceId>, named: Vec<(PropertyName, FoundProperty)>) -> Plan {
        let Some(find) = self.finds.get(id) else { return Plan::default() };
        let mut refused = BTreeSet::new();
        let mut room = DISCOVERY_TOPICS_MAX.saturating_sub(self.bindings.topic_count());
        let mut may_bind = |how: &str, topic: &str| {
            let is_own = topic.starts_with("devices/") || topic.starts_with('$') || TopicRef::parse(topic).is_err();
            let is_accepted = device.is_none() || find.accepted.contains(&format!("{how} {topic}"));
            let may = !is_own && is_accepted && room > 0;
            if may {
                room -= 1;
            } else {
                refused.insert(topic.to_owned());
            }
            may
        };
        // Of an adopted one, what was agreed to goes on until somebody agrees to what is announced instead.
        let bound = device.and_then(|device| self.bindings.plan(id, device));
        let properties = named.into_iter().map(|(name, mut property)| {
            let is_agreed = device.is_none() || is_accepted(find, &property);
            property.reads.retain(|read| may_bind(READS, &read.topic));
            if writes_of(&property).any(|topic| !may_bind(WRITES, topic)) {
                property.write = None;
            }
            let before = bound.iter().flat_map(|plan| &plan.properties).find(|(have, _)| *have == name);
            match before {
                Some((_, before)) if !is_agreed => (name, before.clone()),
                _ => (name, property),
            }
        });
        let properties = properties.collect();
        let Availability { mut topics, mut mode } = find.main().found.availability.clone();
        let announced = topics.len();
        topics.retain(|topic| may_bind(READS, &topic.topic));
        if topics.len() < announced
            && let Some(bound) = bound
        {
            Availability { topics, mode } = bound.availability;
        }
        if let Some(find) = self.finds.get_mut(id) {
            for topic in refused {
                find.problems.note(&why_not_bound(&topic));
            }
        }
        Plan { device: device.cloned(), properties, availability: Availability { topics, mode } }
    }

    /// What an announcer may read and write himself he may have bound, too. Only what this announcement names that was not named before:
    /// another's topics do not become his. Of an adopted find he has to have the rights of its device, too: its identifiers can be
    /// announced by anybody, and what is bound there speaks for the device.
    fn accept(&mut self, id: &str, known: &BTreeSet<String>, announcer: Option<&std::sync::Arc<Client>>) {
        let (Some(announcer), Some(find)) = (announcer, self.finds.get_mut(id)) else { return };
        let principal = announcer.subscriber.principal();
        let may = |access, topic: &str| TopicRef::parse(topic).is_ok_and(|topic| principal.may(access, topic));
        if let Some(device) = find.device().cloned() {
            let speaks_for_it = find.named_properties().iter().all(|(name, property)| {
                let topic = format!("devices/{device}/{name}");
                may(Access::Write, &topic) && (property.write.is_none() || may(Access::Read, &format!("{topic}/set")))
            });
            if !speaks_for_it {
                return;
            }
        }
        let fresh = uses(find).into_iter().filter(|used| !known.contains(used));
        let accepted: Vec<_> = fresh
            .filter(|used| match used.split_once(' ') {
                Some((READS, topic)) => may(Access::Read, topic) || may(Access::Write, topic),
                Some((WRITES, topic)) => may(Access::Write, topic),
                _ => false,
            })
            .collect();
        find.accepted.extend(accepted);
        bound_accepted(find);
    }

    /// Whether somebody may do himself everything that adopting his device would do for him.
    fn may_adopt(&self, id: &str, announcer: &Client) -> bool {
        let Some(find) = self.finds.get(id) else { return false };
        let principal = announcer.subscriber.principal();
        let may = |access, topic: &str| TopicRef::parse(topic).is_ok_and(|topic| principal.may(access, topic));
        let device = self.free_device_id(find);
        let names = find.main_parts().flat_map(|part| &part.found.properties).map(|property| property.name.as_str());
        names.chain(["$online"]).all(|name| may(Access::Write, &format!("devices/{device}/{name}")))
            && uses(find).iter().all(|used| find.accepted.contains(used))
    }

    /// Declares the properties of a find on its device. What people changed of the device stays, and so does everything that has
    /// a value. While something is announced that nobody agreed to, only what was agreed to is added or changed, and nothing goes.
    fn declare(&mut self, id: &str, device: &DeviceId, named: &[(PropertyName, FoundProperty)], now: Now) {
        let Some(find) = self.finds.get_mut(id) else { return };
        let Some(known) = self.hub.device(device) else { return };
        let mut specs: BTreeMap<PropertyName, PropertySpec> = BTreeMap::new();
        let (mut info, mut is_changed) = {
            let state = known.lock();
            specs.extend(state.properties.iter().map(|(name, property)| (name.clone(), property.spec.clone())));
            (state.info.clone(), false)
        };
        let is_agreed = named.iter().all(|(_, property)| is_accepted(find, property));
        if is_agreed {
            for name in std::mem::take(&mut find.declared) {
                if !named.iter().any(|(have, _)| *have == name) {
                    is_changed |= specs.remove(&name).is_some();
                }
            }
        }
        for (name, property) in named {
            if !is_accepted(find, property) {
                continue;
            }
            find.declared.insert(name.clone());
            let spec = announced_spec(property);
            if !specs.get(name).is_some_and(|have| is_compatible(have, &spec)) {
                specs.insert(name.clone(), spec);
                is_changed = true;
            }
        }
        let said = find.name().map(str::to_owned);
        if is_agreed && info.name == find.given_name && said.is_some() && info.name != said {
            info.name.clone_from(&said);
            is_changed = true;
        }
        if info.name == said {
            find.given_name.clone_from(&info.name);
        }
        if !is_changed {
            return;
        }
        let declared = self.hub.declare(device, specs, DeclareMode::Replace, |_| info.clone(), now);
        if let Err(error) = declared
            && let Some(find) = self.finds.get_mut(id)
        {
            find.problems.note(&format!("it could not be declared: {error}"));
            warn!("what {id} announces cannot be declared on device {device}: {error}");
        }
    }

    /// A dialect wants to know more. Nobody has the hub ask where he could not ask himself; who is not known, or left it behind, has it
    /// ask only an adopted device, beside the topics that somebody agreed to write to.
    fn ask(&self, message: &Outgoing, said: &Said<'_>) {
        let is_own = message.topic.starts_with("devices/") || message.topic.starts_with('$');
        let Ok(topic) = TopicRef::parse(&message.topic) else { return };
        let may = said.client.is_some_and(|client| client.subscriber.principal().may(Access::Write, topic));
        if !is_own && (may || self.is_beside_accepted(&said.announced.topic, &message.topic)) {
            self.send(message, now());
        }
    }

    /// Whether a topic has all levels but the last in common with one that an adopted find, announced there, may write to.
    fn is_beside_accepted(&self, announced: &str, topic: &str) -> bool {
        let stem = |topic: &str| topic.rsplit_once('/').map(|(stem, _)| stem.to_owned());
        let Some(wanted) = stem(topic) else { return false };
        let ids = self.finds.of_topic(announced);
        let finds = ids.iter().filter_map(|id| self.finds.get(id)).filter(|find| find.device().is_some());
        let mut accepted = finds.flat_map(|find| &find.accepted);
        accepted.any(|used| {
            used.split_once(' ').is_some_and(|(how, used)| how == WRITES && stem(used).as_ref() == Some(&wanted))
        })
    }

    /// An announcement was of no use; what was known before stays.
    fn announcement_failed(&mut self, topic: &str, reason: &str) {
        let text = format!("{topic}: {reason}");
        let id = self.finds.of_topic(topic).into_iter().next();
        let is_new = id.and_then(|id| self.finds.get_mut(&id)).is_none_or(|find| find.problems.note(&text));
        self.figures.problem(is_new, &text);
    }
}

/// Why a topic is not listened or written to.
fn why_not_bound(topic: &str) -> String {
    if own_topic(topic).is_some() || topic.starts_with("devices/") {
        return format!("{topic} belongs to a device of this hub and is not carried to another");
    }
    if topic.starts_with('$') || TopicRef::parse(topic).is_err() {
        return format!("'{topic}' is no topic that a device may have");
    }
    format!(
        "{topic} was announced after the device was adopted, by somebody who may not use it: adopt the device again to agree"
    )
}

/// Who announced something, for people.
fn announcer(announced: &Announced) -> String {
    match (&announced.client, &announced.user) {
        (Some(client), Some(user)) => format!("client {client} ({user})"),
        _ if announced.retained => "a retained message".to_owned(),
        _ => "somebody without a lasting connection".to_owned(),
    }
}

const READS: &str = "read";
const WRITES: &str = "write";

/// What a find does with topics: `read lamp/state`, `write lamp/command`.
pub(super) fn uses(find: &Find) -> BTreeSet<String> {
    let (reads, writes) = find.topics();
    let reads = reads.into_iter().map(|topic| format!("{READS} {topic}"));
    reads.chain(writes.into_iter().map(|topic| format!("{WRITES} {topic}"))).collect()
}

/// What was agreed to; beyond the bound what is not announced any more is forgotten.
pub(super) fn bound_accepted(find: &mut Find) {
    if find.accepted.len() > DISCOVERY_ACCEPTED_MAX {
        let used = uses(find);
        find.accepted.retain(|topic| used.contains(topic));
    }
}

/// Whether somebody agreed to every topic that a property has.
fn is_accepted(find: &Find, property: &FoundProperty) -> bool {
    property.reads.iter().all(|read| find.accepted.contains(&format!("{READS} {}", read.topic)))
        && writes_of(property).all(|topic| find.accepted.contains(&format!("{WRITES} {topic}")))
}

/// A find's property as it is declared: one that nothing can be asked of is not settable.
fn announced_spec(property: &FoundProperty) -> PropertySpec {
    let access = property.spec.access;
    let access = PropertyAccess { set: access.set && property.write.is_some(), ..access };
    PropertySpec { access, declared: true, ..property.spec.clone() }
}

/// Whether a declaration that is there does for what is announced; unit and role may be somebody's choice.
fn is_compatible(have: &PropertySpec, announced: &PropertySpec) -> bool {
    let rules = |spec: &PropertySpec| (spec.kind, spec.min, spec.max, spec.step, spec.options.clone(), spec.access);
    have.declared && rules(have) == rules(announced) && (have.unit.is_some() || announced.unit.is_none())
}
