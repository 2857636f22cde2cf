//! What people decide about finds: adopt, ignore, restore, remove.

use std::collections::BTreeMap;

use housewire_core::{DeclareMode, DeviceId, DeviceInfo, Now, Qos};
use housewire_links::discovery::Source;
use housewire_links::discovery::model::Outgoing;
use tracing::info;

use super::announce::{bound_accepted, uses};
use super::{Class, Desk};
use crate::accounts::{Change, Deed, Event, Via};
use crate::discovery::DiscoveryError;
use crate::discovery::find::{Find, Standing, numbered, slug};
use crate::shard::now;

/// How a find is to be adopted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Adoption {
    /// As which device; made of its name if nobody says.
    pub(crate) device: Option<DeviceId>,
    pub(crate) name: Option<String>,
    pub(crate) room: Option<String>,
}

/// What came of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decided {
    /// The device, if the find is or was one.
    pub(crate) device: Option<DeviceId>,
}

impl Desk {
    /// Adopts a find: from now on it is a device. One that is adopted already is agreed to as it is announced now.
    pub(crate) fn adopt(&mut self, id: &str, adoption: Adoption, by: &Change) -> Result<DeviceId, DiscoveryError> {
        self.must_be_active()?;
        let now = now();
        let find = self.finds.get(id).ok_or_else(|| DiscoveryError::Unknown(id.to_owned()))?;
        let device = match (find.device().cloned(), adoption.device.clone()) {
            (Some(device), Some(other)) if device != other => {
                let text = format!("'{id}' is device '{device}' already. Remove it first, then adopt it as '{other}'.");
                return Err(DiscoveryError::Taken(text));
            }
            (Some(device), _) => device,
            (None, Some(wanted)) => self.check_wanted(id, wanted)?,
            (None, None) => self.free_device_id(find),
        };
        self.adopt_as(id, &device, adoption, now)?;
        self.note_deed(Event::DeviceAdopted, by, id, Some(format!("as {device}")));
        self.save_now(id)?;
        Ok(device)
    }

    /// Adopts a find that nobody was asked about.
    pub(super) fn adopt_by_itself(&mut self, id: &str, now: Now) {
        let Some(find) = self.finds.get(id) else { return };
        let device = self.free_device_id(find);
        match self.adopt_as(id, &device, Adoption::default(), now) {
            Ok(()) => {
                info!("adopted {id} as device {device}, as the settings say");
                let by = Change { who: None, address: None, via: Via::Hub };
                self.note_deed(Event::DeviceAdopted, &by, id, Some(format!("as {device}, automatically")));
            }
            Err(error) => {
                self.figures.problem(true, &format!("{id} cannot be adopted: {error}"));
                self.bind(id, None, now);
            }
        }
    }

    fn adopt_as(&mut self, id: &str, device: &DeviceId, adoption: Adoption, now: Now) -> Result<(), DiscoveryError> {
        let Some(find) = self.finds.get_mut(id) else { return Err(DiscoveryError::Unknown(id.to_owned())) };
        let announced = DeviceInfo {
            name: find.name().map(str::to_owned),
            room: find.fact(|found| found.area.as_deref()).map(str::to_owned),
            model: model(find),
            icon: None,
            demo: false,
        };
        let is_new = self.hub.device(device).is_none();
        let info = |known: &DeviceInfo| DeviceInfo {
            name: adoption.name.clone().or_else(|| known.name.clone()).or_else(|| announced.name.clone()),
            room: adoption.room.clone().or_else(|| known.room.clone()).or_else(|| announced.room.clone()),
            model: known.model.clone().or_else(|| announced.model.clone()),
            ..known.clone()
        };
        self.hub.declare(device, BTreeMap::new(), DeclareMode::Merge, info, now)?;
        if find.device().is_none() {
            // Nobody agreed to what was announced in between.
            find.accepted.clear();
        }
        find.accepted.extend(uses(find));
        bound_accepted(find);
        find.source = Some(find.main().found.source);
        if is_new && adoption.name.is_none() {
            find.given_name.clone_from(&announced.name);
        }
        self.finds.decide(id, Standing::Adopted(device.clone()));
        self.told.remove(id);
        self.bind(id, Some(device), now);
        // Before, there may have been no time for all of them.
        for topic in self.bindings.topics_read(id) {
            self.read_stored(&topic, now);
        }
        self.report_known_values(id, device, now);
        self.producer.changed(device.as_str(), now.instant);
        Ok(())
    }

    /// Leaves a find alone: it is not offered any more, and if it was adopted, its device is no longer served.
    pub(crate) fn ignore(&mut self, id: &str, by: &Change) -> Result<Decided, DiscoveryError> {
        self.leave(id, Standing::Ignored, Event::FindIgnored, by)
    }

    /// Removes a find: what announced it is cleared, and it is not offered again before its sender is seen live.
    pub(crate) fn remove(&mut self, id: &str, by: &Change) -> Result<Decided, DiscoveryError> {
        self.must_be_active()?;
        let find = self.finds.get(id).ok_or_else(|| DiscoveryError::Unknown(id.to_owned()))?;
        let topics = self.own_topics(find);
        // With what announced it cleared, the next that announces it is its sender.
        let cleared = find.parts.iter().filter(|part| part.found.source != Source::Zigbee2Mqtt);
        let cleared: Vec<_> = cleared.map(|part| (part.found.source, part.found.key.clone())).collect();
        for (source, key) in cleared {
            let _was_there = self.finds.gone(source, &key).is_some();
        }
        let decided = self.leave(id, Standing::Removed, Event::FindRemoved, by)?;
        for topic in topics {
            self.send(&Outgoing { topic, payload: Vec::new(), qos: Qos::AtLeastOnce, retain: true }, now());
        }
        Ok(decided)
    }

    /// A find that was ignored or removed is offered again.
    pub(crate) fn restore(&mut self, id: &str, by: &Change) -> Result<Decided, DiscoveryError> {
        self.must_be_active()?;
        let find = self.finds.get(id).ok_or_else(|| DiscoveryError::Unknown(id.to_owned()))?;
        if let Some(device) = find.device() {
            let text = format!("'{id}' is device '{device}'. Ignore or remove it first.");
            return Err(DiscoveryError::Taken(text));
        }
        if find.standing != Standing::New {
            let was_gone = find.is_gone();
            self.finds.decide(id, Standing::New);
            self.note_deed(Event::FindRestored, by, id, None);
            if was_gone {
                // Nobody announces it: there is nothing to be offered until somebody does.
                self.finds.remove(id);
                self.forget_document(id);
            } else {
                self.bind(id, None, now());
                self.save_now(id)?;
            }
        }
        Ok(Decided { device: None })
    }

    fn leave(&mut self, id: &str, standing: Standing, event: Event, by: &Change) -> Result<Decided, DiscoveryError> {
        self.must_be_active()?;
        let find = self.finds.get(id).ok_or_else(|| DiscoveryError::Unknown(id.to_owned()))?;
        let device = find.device().cloned().or_else(|| find.former.clone());
        self.note_deed(event, by, id, device.as_ref().map(|device| format!("device {device}")));
        self.let_go(id, standing, now());
        self.save_now(id)?;
        Ok(Decided { device })
    }

    /// Serves a find no longer; the device that it was stays, offline.
    pub(super) fn let_go(&mut self, id: &str, standing: Standing, now: Now) {
        let topics = self.bindings.unbind(id);
        self.follow_topics(topics, now);
        self.unsettled.remove(id);
        let Some(find) = self.finds.get_mut(id) else { return };
        if let Some(device) = find.device().cloned() {
            find.former = Some(device.clone());
            let is_native = find.native_device().is_some();
            self.unlisten(Class::Request, &format!("devices/{device}/+/set"));
            if !is_native && self.hub.device(&device).is_some() {
                self.tell_presence(id, false, now);
            }
            self.producer.changed(device.as_str(), now.instant);
        }
        self.told.remove(id);
        self.finds.decide(id, standing);
        self.unsaved(id, now);
    }

    /// A device was deleted; if it was a find, that is not offered again by itself.
    pub(super) fn device_removed(&mut self, device: &str, now: Now) {
        let Some(find) = self.finds.of_device(device) else { return };
        // It may have been made anew since.
        if self.hub.device(find.device().expect("it is looked up by it")).is_some() {
            return;
        }
        let id = find.id.clone();
        info!("device {device} was deleted: {id}, which it was, is ignored from now on");
        self.let_go(&id, Standing::Ignored, now);
    }

    fn must_be_active(&self) -> Result<(), DiscoveryError> {
        if self.is_active { Ok(()) } else { Err(DiscoveryError::Off) }
    }

    /// Whether a find may be adopted as the device that somebody wants it to be.
    fn check_wanted(&mut self, id: &str, wanted: DeviceId) -> Result<DeviceId, DiscoveryError> {
        let other = self.finds.of_device(wanted.as_str()).filter(|other| other.id != id);
        let Some(other) = other else { return Ok(wanted) };
        if !other.is_gone() {
            let text =
                format!("Device '{wanted}' is '{}', which is still announced. Remove or ignore that first.", other.id);
            return Err(DiscoveryError::Taken(text));
        }
        // What is gone is replaced: the device goes on with its history.
        let other = other.id.clone();
        self.let_go(&other, Standing::Ignored, now());
        Ok(wanted)
    }

    /// An id for the device that a find will be: the one it was before, or one made of its name.
    pub(super) fn free_device_id(&self, find: &Find) -> DeviceId {
        let native = find.native_device();
        let is_free = |device: &DeviceId| self.finds.of_device(device.as_str()).is_none();
        if let Some(own) = native.into_iter().chain(find.former.clone()).find(is_free) {
            return own;
        }
        let name = slug(find.name().unwrap_or_default());
        let stem = match name.as_str() {
            "" | "set" | "target" => find.id.clone(),
            _ => name,
        };
        let is_taken = |id: &str| {
            let id = DeviceId::parse(id);
            id.map_or(true, |id| self.hub.device(&id).is_some() || self.finds.of_device(id.as_str()).is_some())
        };
        let id = if is_taken(&stem) { numbered(&stem, is_taken) } else { stem };
        DeviceId::parse(&id).expect("made of letters, digits and dashes")
    }

    /// The topics that announce a find and nothing else. Zigbee2MQTT announces all its devices in one message.
    fn own_topics(&self, find: &Find) -> Vec<String> {
        let is_shared = |topic: &str| self.finds.of_topic(topic).iter().any(|id| *id != find.id);
        let own = find.parts.iter().filter(|part| part.found.source != Source::Zigbee2Mqtt);
        let topics = own.flat_map(|part| &part.found.topics).filter(|topic| !is_shared(topic));
        topics.filter(|topic| !topic.starts_with("devices/")).cloned().collect()
    }

    pub(super) fn note_deed(&self, event: Event, by: &Change, subject: &str, detail: Option<String>) {
        self.accounts.audit.note(Deed { event, by, subject: Some(subject), detail });
    }
}

/// Who made it and what it is, in one line.
fn model(find: &Find) -> Option<String> {
    let manufacturer = find.fact(|found| found.manufacturer.as_deref());
    let model = find.fact(|found| found.model.as_deref());
    match (manufacturer, model) {
        (Some(manufacturer), Some(model)) if !model.starts_with(manufacturer) => {
            Some(format!("{manufacturer} {model}"))
        }
        (_, Some(model)) => Some(model.to_owned()),
        (Some(manufacturer), None) => Some(manufacturer.to_owned()),
        (None, None) => None,
    }
}
