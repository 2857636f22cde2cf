//! All devices, the sessions that speak for them, and the deadlines they wait for.
//!
//! Single devices belong to `device`; what is published when something here changes belongs to `hub`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;

use crate::device::{Device, DeviceId, DeviceInfo, DeviceState};
use crate::limits::DEVICES_MAX;
use crate::message::SessionId;

#[derive(Debug, Default)]
pub(crate) struct Registry {
    devices: RwLock<BTreeMap<DeviceId, Arc<Device>>>,
    /// Devices that a session reported for.
    spoken_for: Mutex<FxHashMap<SessionId, Vec<DeviceId>>>,
    /// One entry per device that waits for something; see [`DeviceState::scheduled`].
    deadlines: Mutex<BTreeSet<(Instant, DeviceId)>>,
}

impl Registry {
    pub(crate) fn get(&self, id: &DeviceId) -> Option<Arc<Device>> {
        self.devices.read().get(id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Device>> {
        self.devices.read().values().cloned().collect()
    }

    pub(crate) fn behind(&self, after: Option<&DeviceId>, len_max: usize) -> Vec<Arc<Device>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.devices
            .read()
            .range::<DeviceId, _>((start, Bound::Unbounded))
            .take(len_max)
            .map(|(_, device)| Arc::clone(device))
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.devices.read().len()
    }

    /// The device, registered if it is new (`true`); `None` when the registry is full.
    pub(crate) fn get_or_register(&self, id: &DeviceId) -> Option<(Arc<Device>, bool)> {
        if let Some(device) = self.get(id) {
            return Some((device, false));
        }
        let mut devices = self.devices.write();
        if let Some(device) = devices.get(id) {
            return Some((Arc::clone(device), false));
        }
        if devices.len() >= DEVICES_MAX {
            return None;
        }
        let device = Arc::new(Device::new(id.clone(), DeviceInfo::default()));
        devices.insert(id.clone(), Arc::clone(&device));
        Some((device, true))
    }

    /// Takes a device out; `note` is called before another of that id can be registered.
    pub(crate) fn remove(&self, id: &DeviceId, note: impl FnOnce()) -> Option<Arc<Device>> {
        let device = {
            let mut devices = self.devices.write();
            let device = devices.remove(id)?;
            note();
            device
        };
        let (scheduled, speakers) = {
            let mut state = device.lock();
            state.removed = true;
            (state.scheduled.take(), state.speakers().collect::<Vec<_>>())
        };
        for session in speakers {
            if let Some(spoken_for) = self.spoken_for.lock().get_mut(&session) {
                spoken_for.retain(|have| have != id);
            }
        }
        if let Some(at) = scheduled {
            self.deadlines.lock().remove(&(at, id.clone()));
        }
        Some(device)
    }

    /// The session spoke for the device for the first time.
    pub(crate) fn note_speaker(&self, session: SessionId, device: &DeviceId) {
        let mut spoken_for = self.spoken_for.lock();
        let devices = spoken_for.entry(session).or_default();
        if !devices.contains(device) {
            devices.push(device.clone());
        }
    }

    pub(crate) fn spoken_for(&self, session: SessionId) -> Vec<DeviceId> {
        self.spoken_for.lock().get(&session).cloned().unwrap_or_default()
    }

    pub(crate) fn forget_speaker(&self, session: SessionId) {
        self.spoken_for.lock().remove(&session);
    }

    /// Sees to it that the device is looked at when its next deadline comes. An entry that comes too early is
    /// harmless: the device is looked at, and scheduled anew.
    pub(crate) fn schedule(&self, id: &DeviceId, state: &mut DeviceState) {
        let Some(next) = state.next_deadline() else { return };
        if state.scheduled.is_some_and(|at| at <= next) || state.removed {
            return;
        }
        let mut deadlines = self.deadlines.lock();
        if let Some(late) = state.scheduled.replace(next) {
            deadlines.remove(&(late, id.clone()));
        }
        deadlines.insert((next, id.clone()));
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.lock().first().map(|(at, _)| *at)
    }

    /// Takes out one device whose deadline has come.
    pub(crate) fn take_due(&self, now: Instant) -> Option<Arc<Device>> {
        loop {
            let due = {
                let mut deadlines = self.deadlines.lock();
                if deadlines.first()?.0 > now {
                    return None;
                }
                deadlines.pop_first()?.1
            };
            if let Some(device) = self.get(&due) {
                device.lock().scheduled = None;
                return Some(device);
            }
        }
    }
}
