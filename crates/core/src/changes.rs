//! What must survive a restart, on its way out to `store` and back in.
//!
//! Changes are conflated: a topic or property that changes a thousand times between two collections is
//! written once, with its last state, so what is pending grows with the number of names, not of changes.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use parking_lot::RwLockReadGuard;
use rustc_hash::FxHashSet;

use crate::device::{DeviceId, DeviceInfo, DeviceState, PropertyName};
use crate::hub::Hub;
use crate::message::{Message, Qos};
use crate::property::{Property, PropertySpec};
use crate::route::Role;
use crate::time::Timestamp;
use crate::topic::Topic;

/// The last batch was refused.
const DISK_FAILS: u8 = 1;
/// Somebody waits for the disk with as much as there is room for.
const OUT_OF_ROOM: u8 = 2;

/// A batch of changes, counted from 1; what was noted before a batch was taken is in that batch or an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchNumber(u64);

/// See [`Hub::in_one_batch`].
pub struct InOneBatch<'h> {
    _shared: RwLockReadGuard<'h, ()>,
}

/// Names of what the disk does not have yet.
#[derive(Debug, Default)]
pub(crate) struct Unsaved {
    /// How many batches were taken so far.
    taken: BatchNumber,
    pub(crate) topics: FxHashSet<Topic>,
    pub(crate) devices: FxHashSet<DeviceId>,
    pub(crate) properties: FxHashSet<(DeviceId, PropertyName)>,
    pub(crate) removed: FxHashSet<DeviceId>,
}

impl Unsaved {
    /// Begins the next batch.
    fn take(&mut self) -> Self {
        let number = BatchNumber(self.taken.0 + 1);
        let unsaved = std::mem::replace(self, Self { taken: number, ..Self::default() });
        Self { taken: number, ..unsaved }
    }
}

/// A device without its properties.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceRecord {
    /// Its name in topics.
    pub id: DeviceId,
    /// What people call it.
    pub info: DeviceInfo,
    /// The properties it has; others are gone.
    pub properties: Vec<PropertyName>,
}

/// One property with its last value.
#[derive(Clone, Debug, PartialEq)]
pub struct PropertyRecord {
    /// The device it belongs to.
    pub device: DeviceId,
    /// Its name.
    pub name: PropertyName,
    /// What it may hold.
    pub spec: PropertySpec,
    /// The last report: payload, time and door.
    pub last: Option<(Bytes, Timestamp, &'static str)>,
}

/// One batch for the disk. Apply in the order of the fields, in one transaction.
#[derive(Debug, Default)]
pub struct Changes {
    /// Once the disk has this batch, every change whose [`crate::Receipt`] names it is safe.
    pub number: BatchNumber,
    /// Devices to delete with all their properties.
    pub removed: Vec<DeviceId>,
    /// Devices to write; their properties that are not named are to be deleted.
    pub devices: Vec<DeviceRecord>,
    /// Properties to write.
    pub properties: Vec<PropertyRecord>,
    /// Retained messages to write, or to delete (`None`).
    pub retained: Vec<(Topic, Option<Message>)>,
}

impl Changes {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.devices.is_empty() && self.properties.is_empty() && self.retained.is_empty()
    }
}

/// Everything the disk has.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// All devices.
    pub devices: Vec<DeviceRecord>,
    /// All properties.
    pub properties: Vec<PropertyRecord>,
    /// All retained messages.
    pub retained: Vec<Message>,
}

impl Hub {
    /// What happens while this is held is in one batch, or in none. Not to be held while waiting for anything.
    pub fn in_one_batch(&self) -> InOneBatch<'_> {
        InOneBatch { _shared: self.batch_cut.read_recursive() }
    }

    /// Told by whoever writes batches: whether the disk refused the last one. While it does, messages are refused that
    /// would have to be on disk before they are acknowledged ([`crate::Denied::DiskFailing`]).
    pub fn set_disk_failing(&self, is_failing: bool) {
        self.set_refusing(DISK_FAILS, is_failing);
    }

    /// Told by a part of the program that takes messages over its bound ([`crate::Offer::Crowded`]) and can take no more of them,
    /// which its readiness says too: while that is so, QoS 1 and 2 messages that it would be offered are refused as if the disk were
    /// failing.
    pub fn set_out_of_room(&self, is_out: bool) {
        self.set_refusing(OUT_OF_ROOM, is_out);
    }

    /// Whether somebody has said so; who it is has to be asked.
    pub(crate) fn is_out_of_room(&self) -> bool {
        self.refuses.load(Ordering::Relaxed) & OUT_OF_ROOM != 0
    }

    fn set_refusing(&self, why: u8, is_so: bool) {
        if is_so {
            self.refuses.fetch_or(why, Ordering::Relaxed);
        } else {
            self.refuses.fetch_and(!why, Ordering::Relaxed);
        }
    }

    /// Whether the disk refused the last batch.
    pub fn disk_is_failing(&self) -> bool {
        self.refuses.load(Ordering::Relaxed) & DISK_FAILS != 0
    }

    /// Everything that changed since the last call.
    pub fn take_changes(&self) -> Changes {
        self.take_changes_with(|| ()).0
    }

    /// As [`Hub::take_changes`], together with what `take_more` takes at the same moment: nothing that happens
    /// [`Hub::in_one_batch`] is divided between this batch and the next. `take_more` should be quick; publishers wait.
    pub fn take_changes_with<T>(&self, take_more: impl FnOnce() -> T) -> (Changes, T) {
        let (unsaved, more) = {
            let _alone = self.batch_cut.write();
            (self.unsaved.lock().take(), take_more())
        };
        (self.changes_of(unsaved), more)
    }

    /// The present state of what is not on disk.
    fn changes_of(&self, unsaved: Unsaved) -> Changes {
        let mut changes =
            Changes { number: unsaved.taken, removed: unsaved.removed.into_iter().collect(), ..Changes::default() };
        for id in unsaved.devices {
            let Some(device) = self.registry.get(&id) else { continue };
            let mut state = device.lock();
            state.unsaved = false;
            let properties = state.properties.keys().cloned().collect();
            changes.devices.push(DeviceRecord { id, info: state.info.clone(), properties });
        }
        for (id, name) in unsaved.properties {
            let Some(device) = self.registry.get(&id) else { continue };
            let mut state = device.lock();
            let Some(property) = state.properties.get_mut(&name) else { continue };
            property.unsaved = false;
            changes.properties.push(record_of(id, name, property));
        }
        for record in &mut changes.properties {
            self.take_over_payload(record);
        }
        for topic in unsaved.topics {
            let message = self.slots.get(topic.borrow()).and_then(|slot| {
                let mut state = slot.lock();
                state.unsaved = false;
                state.retained.clone()
            });
            changes.retained.push((topic, message));
        }
        changes
    }

    /// Notes everything of a batch again that the disk did not take; what changed meanwhile is taken as it is then.
    pub fn put_back(&self, changes: Changes) {
        let mut unsaved = self.unsaved.lock();
        unsaved.removed.extend(changes.removed);
        unsaved.devices.extend(changes.devices.into_iter().map(|record| record.id));
        unsaved.properties.extend(changes.properties.into_iter().map(|record| (record.device, record.name)));
        unsaved.topics.extend(changes.retained.into_iter().map(|(topic, _)| topic));
    }

    /// The batch that what was noted until now will be in at the latest.
    pub fn next_batch(&self) -> BatchNumber {
        BatchNumber(self.unsaved.lock().taken.0 + 1)
    }

    /// The device's own spelling (`21.50`) instead of the canonical one, if it is still that report.
    fn take_over_payload(&self, record: &mut PropertyRecord) {
        let Some((payload, time, _)) = &mut record.last else { return };
        let slot = self.slots.get(value_topic(&record.device, &record.name).borrow());
        if let Some(last) = slot.as_ref().and_then(|slot| slot.lock().last.clone())
            && last.time == *time
        {
            *payload = last.payload;
        }
    }

    /// Notes for the disk that a property changed.
    pub(crate) fn note_property(&self, device: &DeviceId, state: &mut DeviceState, name: &PropertyName) {
        if let Some(property) = state.properties.get_mut(name)
            && !std::mem::replace(&mut property.unsaved, true)
        {
            self.unsaved.lock().properties.insert((device.clone(), name.clone()));
        }
    }

    /// Notes for the disk that a device was registered or declared anew, with all its properties.
    pub(crate) fn note_device(&self, device: &DeviceId, state: &mut DeviceState) {
        if !std::mem::replace(&mut state.unsaved, true) {
            self.unsaved.lock().devices.insert(device.clone());
        }
        for name in state.properties.keys().cloned().collect::<Vec<_>>() {
            self.note_property(device, state, &name);
        }
    }

    /// Takes in what the disk has. Called once, before anything else happens: all devices are offline, and requests that
    /// were pending are not any more.
    pub fn restore(&self, snapshot: Snapshot) {
        for DeviceRecord { id, info, .. } in snapshot.devices {
            if let Some((device, _)) = self.registry.get_or_register(&id) {
                device.lock().info = info;
            }
        }
        for record in snapshot.properties {
            let Some(device) = self.registry.get(&record.device) else { continue };
            let mut property = Property::new(record.spec);
            if let Some((payload, time, via)) = record.last {
                property.value = property.spec.parse(&payload).ok();
                property.time = Some(time);
                property.via = Some(via);
                let topic = value_topic(&record.device, &record.name);
                let slot = self.slots.get_or_create(topic.borrow());
                let properties = None;
                slot.lock().last =
                    Some(Message { topic, payload, qos: Qos::AtMostOnce, retain: false, properties, via, time });
            }
            let mut state = device.lock();
            state.via = state.via.or(property.via);
            state.properties.insert(record.name, property);
        }
        for mut message in snapshot.retained {
            match Role::of(message.topic.borrow()) {
                Role::HubOnly if message.topic.as_str().ends_with("/target") => continue,
                // Clients could write there once; now it is the hub's own, and never on disk.
                Role::HubOnly if message.topic.as_str().starts_with("$SYS") => continue,
                Role::HubOnly if message.topic.as_str().starts_with("$dashboards") => continue,
                Role::Online(_) => message.payload = Bytes::from_static(b"false"),
                _ => {}
            }
            let slot = self.slots.get_or_create(message.topic.borrow());
            let mut state = slot.lock();
            if state.last.as_ref().is_some_and(|last| last.payload == message.payload) {
                // The same report, with all that came with it.
                state.last = Some(message.clone());
            }
            self.slots.retain(&mut state, Some(message));
        }
    }
}

/// Where the property is reported.
pub(crate) fn value_topic(device: &DeviceId, property: &PropertyName) -> Topic {
    Topic::parse(&format!("devices/{device}/{property}")).expect("made of valid names")
}

fn record_of(device: DeviceId, name: PropertyName, property: &Property) -> PropertyRecord {
    let last = match (&property.value, property.time, property.via) {
        (Some(value), Some(time), Some(via)) => Some((Bytes::from(value.to_payload().into_owned()), time, via)),
        _ => None,
    };
    PropertyRecord { device, name, spec: property.spec.clone(), last }
}
