//! Values in both directions: what devices say is reported, what is asked of them is sent; and whether they are there.

use housewire_core::{DeviceId, Now, Presence, PropertyName, Run, TopicRef};
use tracing::debug;

use super::{Desk, Heard};
use crate::discovery::bind::{Asked, Effect};
use crate::discovery::find::own_topic;
use crate::shard::now;

impl Desk {
    /// A message on a topic that a find's values or presence come from.
    pub(super) fn heard_state(&mut self, heard: &Heard) {
        let now = now();
        let topic = heard.message.topic.as_str();
        if !heard.stored && heard.session != self.me {
            self.seen_live(topic, now);
        }
        let at = if heard.stored { Now { wall: heard.message.time, ..now } } else { now };
        for effect in self.bindings.heard(topic, &heard.message.payload, at) {
            self.follow(effect, at);
        }
    }

    /// The senders of a topic's devices are there, and not only what they left behind.
    fn seen_live(&mut self, topic: &str, now: Now) {
        for id in self.bindings.finds_of(topic) {
            let Some(find) = self.finds.get_mut(&id) else { continue };
            find.last_seen = now.wall;
            if !std::mem::replace(&mut find.is_seen_live, true) {
                self.update_presence(&id, now);
                self.unsaved(&id, now);
            }
        }
    }

    /// Takes what is stored on a topic that is newly listened to.
    pub(super) fn read_stored(&mut self, topic: &str, now: Now) {
        let Ok(parsed) = TopicRef::parse(topic) else { return };
        let Ok(Some(message)) = self.hub.get(&self.principal, parsed, now) else { return };
        let at = Now { wall: message.time, ..now };
        for effect in self.bindings.heard(topic, &message.payload, at) {
            self.follow(effect, at);
        }
    }

    /// Some messages found no room: what is stored is read again.
    pub(super) fn read_states_again(&mut self) {
        let now = now();
        for topic in self.bindings.topics() {
            self.read_stored(&topic, now);
        }
    }

    /// Does what follows from a message or from time.
    pub(super) fn follow(&mut self, effect: Effect, now: Now) {
        match effect {
            Effect::Value { find, name, payload } => {
                let device = self.finds.get(&find).and_then(|find| find.device().cloned());
                if let Some(device) = device {
                    self.report(&find, &device, &name, &payload, now);
                }
                self.update_presence(&find, now);
            }
            Effect::Presence { find } => self.update_presence(&find, now),
            Effect::Problem { find, text } => {
                let is_new = self.finds.get_mut(&find).is_some_and(|find| find.problems.note(&text));
                self.figures.problem(is_new, &format!("{find}: {text}"));
            }
        }
    }

    /// Reports what a device says of itself, in its name.
    fn report(&mut self, id: &str, device: &DeviceId, name: &PropertyName, payload: &[u8], now: Now) {
        let Some(known) = self.hub.device(device) else { return };
        // Stored before: what the property has is as new or newer.
        let known = known.lock().properties.get(name).and_then(|property| property.time);
        let Some(find) = self.finds.get_mut(id) else { return };
        let via = find.main().found.source.as_str();
        if known.is_some_and(|known| known >= now.wall) {
            return;
        }
        let topic = format!("devices/{device}/{name}");
        let topic = TopicRef::parse(&topic).expect("made of valid names");
        let payloads = [payload];
        // Presence is told apart: a value that was stored says nothing of it.
        let problem = match self.publish(via, Presence::None, Run::new(topic, &payloads), now) {
            Ok(receipt) => receipt.refused.first().map(|(_, rejection)| rejection.to_string()),
            Err(refused) => Some(refused.to_string()),
        };
        self.figures.reported();
        if let (Some(problem), Some(find)) = (problem, self.finds.get_mut(id)) {
            let is_new = find.problems.note(&problem);
            self.figures.problem(is_new, &format!("{id}: {problem}"));
        }
    }

    /// What was seen of a find before it was adopted is known of its device.
    pub(super) fn report_known_values(&mut self, id: &str, device: &DeviceId, now: Now) {
        let has_value = |name: &PropertyName| {
            self.hub
                .device(device)
                .is_some_and(|known| known.lock().properties.get(name).is_some_and(|property| property.value.is_some()))
        };
        let unknown: Vec<_> = self.bindings.payloads(id).into_iter().filter(|(name, _)| !has_value(name)).collect();
        for (name, payload) in unknown {
            self.report(id, device, &name, &payload, now);
        }
    }

    /// Tells whether a device is there, if that changed.
    pub(super) fn update_presence(&mut self, id: &str, now: Now) {
        let Some(find) = self.finds.get(id) else { return };
        if find.device().is_none() || find.native_device().is_some() {
            return;
        }
        let says = self.bindings.is_available(id).unwrap_or(find.is_seen_live);
        let is_there = says && !find.is_gone() && !self.bindings.is_all_expired(id);
        if self.told.get(id) != Some(&is_there) {
            self.tell_presence(id, is_there, now);
        }
    }

    pub(super) fn tell_presence(&mut self, id: &str, is_there: bool, now: Now) {
        let Some(find) = self.finds.get(id) else { return };
        let Some(device) = find.device() else { return };
        let via = find.main().found.source.as_str();
        let topic = format!("devices/{device}/$online");
        let payload: &[u8] = if is_there { b"true" } else { b"false" };
        let payloads = [payload];
        let topic = TopicRef::parse(&topic).expect("made of a valid id");
        if let Err(refused) = self.publish(via, Presence::Connected, Run::new(topic, &payloads), now) {
            self.figures.problem(true, &format!("{id}: {refused}"));
        }
        self.told.insert(id.to_owned(), is_there);
    }

    /// Somebody asks something of a device.
    pub(super) fn heard_request(&mut self, heard: &Heard) {
        let now = now();
        let topic = heard.message.topic.as_str();
        let Some((device, name)) = own_topic(topic) else { return };
        let Some(find) = self.finds.of_device(device.as_str()) else { return };
        let id = find.id.clone();
        if find.is_gone() {
            self.not_sent(&id, &format!("a request for {name} was not sent: the device is no longer announced"));
            return;
        }
        let payload = &heard.message.payload;
        match self.bindings.request(&id, &name, payload, now) {
            Asked::Send { message, is_optimistic } => {
                let is_sent = self.send(&message, now);
                self.figures.requested(is_sent);
                if is_sent && is_optimistic {
                    self.report(&id, &device, &name, payload, now);
                }
            }
            Asked::Nowhere => debug!("nothing is bound to take what is asked of {device}/{name}"),
            Asked::Failed(text) => self.not_sent(&id, &text),
        }
    }

    fn not_sent(&mut self, id: &str, text: &str) {
        self.figures.requested(false);
        let is_new = self.finds.get_mut(id).is_some_and(|find| find.problems.note(text));
        self.figures.problem(is_new, &format!("{id}: {text}"));
    }
}
