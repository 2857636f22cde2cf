//! Messages the hub publishes itself because something changed: `$online`, `target`, `$rejected`, `$changed`.
//!
//! They are derived from the registry's state under the lock of their own topic, so that the last one published is the
//! last state, whatever order two shards got here in.

use bytes::Bytes;
use parking_lot::MutexGuard;

use crate::device::{DeviceId, PropertyName};
use crate::hub::Hub;
use crate::message::{Message, Qos, Run, SessionId};
use crate::route::Route;
use crate::slots::{Slot, SlotState};
use crate::time::Now;
use crate::topic::Topic;

/// A message that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FollowUp {
    Online(DeviceId),
    Target(DeviceId, PropertyName),
    Rejected(DeviceId),
    /// `registered`, `updated` or `removed`.
    Changed(DeviceId, &'static str),
}

/// Whether a route is worth being remembered: of what every device has, and says when it comes and goes, thousands would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Often {
    Yes,
    No,
}

impl Hub {
    pub(crate) fn publish_follow_ups(&self, follow_ups: Vec<FollowUp>, now: Now) {
        for follow_up in follow_ups {
            match follow_up {
                FollowUp::Online(device) => {
                    let topic = format!("devices/{device}/$online");
                    self.publish_state(&topic, Often::No, now, || {
                        let online = self.registry.get(&device)?.lock().is_online();
                        Some(Bytes::from_static(if online { b"true" } else { b"false" }))
                    });
                }
                FollowUp::Target(device, property) => {
                    let topic = format!("devices/{device}/{property}/target");
                    self.publish_state(&topic, Often::Yes, now, || {
                        let device = self.registry.get(&device)?;
                        let state = device.lock();
                        let target = state.properties.get(&property)?.target.as_ref()?;
                        Some(Bytes::from(target.value.to_payload().into_owned()))
                    });
                }
                FollowUp::Rejected(device) => {
                    let topic = format!("devices/{device}/$rejected");
                    self.publish_state(&topic, Often::Yes, now, || self.rejected_json(&device));
                }
                FollowUp::Changed(device, what) => self.announce(&format!("devices/{device}/$changed"), what, now),
            }
        }
    }

    /// Makes `devices/<device>/$firmware`, which only the hub writes, say what `derive` does. It is called under the topic's lock, so
    /// that whoever publishes last says what is true last; `None` clears, as does a device that is not there.
    pub fn publish_firmware(&self, device: &DeviceId, now: Now, derive: impl Fn() -> Option<Bytes>) {
        self.publish_state(&format!("devices/{device}/$firmware"), Often::No, now, || {
            self.registry.get(device)?;
            derive()
        });
    }

    /// Makes the retained message of a topic equal to `derive()`, which is called under the topic's lock, and
    /// tells subscribers if that changed it. `None` clears.
    fn publish_state(&self, topic: &str, often: Often, now: Now, derive: impl Fn() -> Option<Bytes>) {
        let topic = Topic::parse(topic).expect("made of valid names");
        loop {
            let slot = self.slots.get_or_create(topic.borrow());
            let mut state = slot.lock();
            if state.dead {
                continue; // taken out of the map meanwhile: the next look finds or makes another
            }
            let payload = derive();
            if state.retained.as_ref().map(|message| &message.payload) != payload.as_ref() {
                let bytes = payload.clone().unwrap_or_default();
                let payloads = [bytes.as_ref()];
                let mut run = Run::new(topic.borrow(), &payloads).qos(Qos::AtLeastOnce).retain(true);
                run.time = now.wall;
                self.retain_in(&slot, &mut state, payload.is_some().then(|| Message::clone(&run.messages()[0])));
                match often {
                    Often::Yes => drop(self.own_routes.route(self, topic.borrow()).offer(&run)),
                    Often::No => drop(Route::build(self, topic.borrow()).offer(&run)),
                }
            }
            drop(state);
            self.slots.forget_if_empty(&slot);
            return;
        }
    }

    /// Publishes without retaining.
    fn announce(&self, topic: &str, payload: &str, now: Now) {
        self.tell(&Topic::parse(topic).expect("made of valid names"), payload, now);
    }

    /// Says something on a topic that only the hub writes, `$dashboards/…`, to whoever listens; nothing of it is kept.
    pub fn tell(&self, topic: &Topic, payload: &str, now: Now) {
        let payloads = [payload.as_bytes()];
        let mut run = Run::new(topic.borrow(), &payloads).qos(Qos::AtLeastOnce);
        run.time = now.wall;
        debug_assert_eq!(run.origin().session, SessionId::HUB);
        self.own_routes.route(self, topic.borrow()).offer(&run);
    }

    /// Changes a slot's retained message and notes it for the disk.
    pub(crate) fn retain_in(&self, slot: &Slot, state: &mut MutexGuard<'_, SlotState>, message: Option<Message>) {
        self.slots.retain(state, message);
        if !std::mem::replace(&mut state.unsaved, true) {
            self.unsaved.lock().topics.insert(slot.topic().clone());
        }
    }

    fn rejected_json(&self, device: &DeviceId) -> Option<Bytes> {
        let device = self.registry.get(device)?;
        let state = device.lock();
        let (rejection, time) = state.rejected.last.as_ref()?;
        let json = serde_json::json!({
            "property": rejection.property.as_str(),
            "value": rejection.value,
            "reason": rejection.to_string(),
            "time": time.to_string(),
            "count": state.rejected.count,
        });
        Some(Bytes::from(json.to_string()))
    }
}
