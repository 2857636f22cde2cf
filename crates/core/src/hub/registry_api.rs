//! The registry's public side: declare, delete and look at devices, follow sessions and deadlines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::changes::value_topic;
use crate::device::{Connected, DeclareError, DeclareMode, Device, DeviceId, DeviceInfo, DeviceState, PropertyName};
use crate::hub::Hub;
use crate::hub::follow_up::FollowUp;
use crate::message::SessionId;
use crate::property::{Property, PropertySpec};
use crate::time::Now;
use crate::topic::Filter;

/// What a declaration did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    /// The device is new.
    Created,
    /// It was known.
    Updated,
}

impl Hub {
    /// All devices, by id.
    pub fn devices(&self) -> Vec<Arc<Device>> {
        self.registry.all()
    }

    /// At most so many devices, by id, starting behind `after`.
    pub fn devices_behind(&self, after: Option<&DeviceId>, len_max: usize) -> Vec<Arc<Device>> {
        self.registry.behind(after, len_max)
    }

    /// One device.
    pub fn device(&self, id: &DeviceId) -> Option<Arc<Device>> {
        self.registry.get(id)
    }

    /// Registers a device or changes what is known of it. `info` is made from what was known before, by the caller.
    pub fn declare(
        &self,
        id: &DeviceId,
        properties: BTreeMap<PropertyName, PropertySpec>,
        mode: DeclareMode,
        info: impl Fn(&DeviceInfo) -> DeviceInfo,
        now: Now,
    ) -> Result<Declared, DeclareError> {
        let check = |state: &DeviceState| {
            let info = info(&state.info);
            state.validate(&info, &properties, mode).map(|()| info)
        };
        if self.registry.get(id).is_none() {
            // A declaration that is refused must not leave an empty device behind.
            check(&Device::new(id.clone(), DeviceInfo::default()).lock())?;
        }
        let mut follow_ups = Vec::new();
        let (registered, forgotten) = loop {
            let (device, registered) = self.registry.get_or_register(id).ok_or(DeclareError::TooManyDevices)?;
            let mut state = device.lock();
            if state.removed {
                continue; // deleted between the look and the lock
            }
            let info = check(&state)?;
            let (pending, valued) = (names(&state, is_pending), names(&state, has_value));
            state.declare(info, properties, mode);
            self.note_device(id, &mut state);
            let gone = pending.into_iter().filter(|name| !state.properties.get(name).is_some_and(is_pending));
            follow_ups.extend(gone.map(|name| FollowUp::Target(id.clone(), name)));
            let unfit = valued.into_iter().filter(|name| !state.properties.get(name).is_some_and(has_value));
            break (registered, unfit.collect::<Vec<_>>());
        };
        for name in forgotten {
            self.forget_value(id, &name);
        }
        let (declared, what) =
            if registered { (Declared::Created, "registered") } else { (Declared::Updated, "updated") };
        follow_ups.push(FollowUp::Changed(id.clone(), what));
        self.publish_follow_ups(follow_ups, now);
        Ok(declared)
    }

    /// Deletes a device and everything kept under its topics; `false` if there is none. Should it report again, it
    /// is registered anew.
    pub fn remove_device(&self, id: &DeviceId, now: Now) -> bool {
        let note = || {
            self.unsaved.lock().removed.insert(id.clone());
        };
        if self.registry.remove(id, note).is_none() {
            return false;
        }
        let below = Filter::parse(&format!("devices/{id}/#")).expect("made of a valid id");
        let mut after = None;
        loop {
            let (slots, next) = self.slots.page(&below, after.as_ref());
            for slot in slots {
                {
                    let mut state = slot.lock();
                    state.last = None;
                    if state.retained.is_some() {
                        self.retain_in(&slot, &mut state, None);
                    }
                }
                self.slots.forget_if_empty(&slot);
            }
            match next {
                Some(topic) => after = Some(topic),
                None => break,
            }
        }
        self.publish_follow_ups(vec![FollowUp::Changed(id.clone(), "removed")], now);
        true
    }

    /// What is kept of a value that its property no longer has is not shown any more.
    fn forget_value(&self, device: &DeviceId, property: &PropertyName) {
        let topic = value_topic(device, property);
        if let Some(slot) = self.slots.get(topic.borrow()) {
            slot.lock().last = None;
            self.slots.forget_if_empty(&slot);
        }
    }

    /// The devices that a session reported for, as long as it lives.
    pub fn spoken_for(&self, session: SessionId) -> Vec<DeviceId> {
        self.registry.spoken_for(session)
    }

    /// The sessions that reported for a device and still live.
    pub fn speakers(&self, id: &DeviceId) -> Vec<SessionId> {
        self.registry.get(id).map(|device| device.lock().speakers().collect()).unwrap_or_default()
    }

    /// A session has a connection again: devices it spoke for are online.
    pub fn session_connected(&self, session: SessionId, now: Now) {
        self.for_each_spoken_for(session, now, |state| state.session_is(session, Connected::Yes));
    }

    /// A session lost its connection: devices that only it spoke for are offline.
    pub fn session_disconnected(&self, session: SessionId, now: Now) {
        self.for_each_spoken_for(session, now, |state| state.session_is(session, Connected::No));
    }

    /// A session is over for good.
    pub fn session_ended(&self, session: SessionId, now: Now) {
        self.for_each_spoken_for(session, now, |state| state.forget_session(session));
        self.registry.forget_speaker(session);
    }

    fn for_each_spoken_for(&self, session: SessionId, now: Now, change: impl Fn(&mut DeviceState)) {
        let mut follow_ups = Vec::new();
        for id in self.registry.spoken_for(session) {
            let Some(device) = self.registry.get(&id) else { continue };
            let mut state = device.lock();
            change(&mut state);
            if state.update_online(now.instant) {
                follow_ups.push(FollowUp::Online(id.clone()));
            }
            self.registry.schedule(&id, &mut state);
        }
        self.publish_follow_ups(follow_ups, now);
    }

    /// Does what is due: ends requests whose time has come, and the presence of devices not heard of.
    pub fn handle_timeout(&self, now: Now) {
        let mut follow_ups = Vec::new();
        while let Some(device) = self.registry.take_due(now.instant) {
            let mut state = device.lock();
            for (name, property) in &mut state.properties {
                if property.expire_target(now.instant) {
                    follow_ups.push(FollowUp::Target(device.id().clone(), name.clone()));
                }
            }
            if state.update_online(now.instant) {
                follow_ups.push(FollowUp::Online(device.id().clone()));
            }
            self.registry.schedule(device.id(), &mut state);
        }
        self.publish_follow_ups(follow_ups, now);
    }

    /// When [`Hub::handle_timeout`] has something to do next. Publishing may bring it forward.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.registry.next_deadline()
    }
}

fn names(state: &DeviceState, which: impl Fn(&Property) -> bool) -> Vec<PropertyName> {
    state.properties.iter().filter(|(_, property)| which(property)).map(|(name, _)| name.clone()).collect()
}

fn is_pending(property: &Property) -> bool {
    property.target.is_some()
}

fn has_value(property: &Property) -> bool {
    property.value.is_some()
}
