//! The device whose token was shown: its pins are read and written.

use std::sync::Arc;

use housewire_core::{DeviceId, Origin, Presence, Principal, PropertyName, Run, TopicRef};
use housewire_protocols::blynk::{Command, MessageId, Parts, Pin, is_property};

use crate::accounts::{Kind, Via};
use crate::http::blynk::Door;
use crate::notifications::NewNotification;
use crate::peer::Peer;
use crate::pins::{PinMap, meta_field, to_payload, write_values};
use crate::refusals::{self, Whose};
use crate::shard::{Shard, now};

/// Of what is written over HTTP, as Blynk's server has it.
const HTTP_ID: MessageId = MessageId::new(111).expect("it is not 0");

/// See the module.
pub(super) struct Device<'s> {
    pub(super) shard: &'s Shard,
    /// It is spoken to by TLS.
    pub(super) is_secure: bool,
    pub(super) id: DeviceId,
    principal: Arc<Principal>,
    pins: Arc<PinMap>,
}

impl<'s> Device<'s> {
    /// `None` if the token is no device's.
    pub(super) fn by_token(door: Door<'s>, token: &str) -> Option<Self> {
        let Door { shard, peer, tap } = door;
        match Self::identify(shard, peer, token) {
            Ok((id, principal)) => {
                tap.note_user(&shard.taps, &principal);
                let pins = PinMap::of(&shard.hub, &id);
                Some(Self { shard, is_secure: peer.is_secure(), id, principal, pins })
            }
            Err(why) => {
                // The answer is Blynk's, which says nothing more; whoever looks after the hub hears why.
                let whose = Whose { transport: "http", peer: Some(peer.address()), ..Whose::default() };
                shard.refusals.note(&shard.hub, whose, refusals::Kind::Credentials, why);
                None
            }
        }
    }

    fn identify(shard: &Shard, peer: &Peer, token: &str) -> Result<(DeviceId, Arc<Principal>), String> {
        let login =
            shard.accounts.by_token(token, peer.address().ip(), Via::Http).map_err(|error| error.to_string())?;
        let credential = login.credential.filter(|_| login.kind == Kind::Device);
        let device = credential.and_then(|id| shard.accounts.token(id).ok()?.device().cloned());
        let device = device.ok_or_else(|| format!("the token of {} is no device's", login.principal.name()))?;
        Ok((device, login.principal))
    }

    /// Whether it is there.
    pub(super) fn is_online(&self) -> bool {
        self.shard.hub.device(&self.id).is_some_and(|device| device.lock().is_online())
    }

    /// The values of a pin; `None` if it never had one.
    pub(super) fn read(&self, pin: Pin) -> Option<Vec<String>> {
        let device = self.shard.hub.device(&self.id)?;
        let (property, spec) = self.pins.property_of(pin);
        let state = device.lock();
        let payload = state.properties.get(&property)?.value.as_ref()?.to_payload().into_owned();
        drop(state);
        let mut values = Vec::new();
        write_values(spec, &payload, &mut values);
        Some(texts(&values))
    }

    /// The property that a pin is.
    pub(super) fn property_of(&self, pin: Pin) -> PropertyName {
        self.pins.property_of(pin).0
    }

    /// What people call it.
    pub(super) fn name(&self) -> String {
        let device = self.shard.hub.device(&self.id);
        let name = device.and_then(|device| device.lock().info.name.clone());
        name.unwrap_or_else(|| self.id.to_string())
    }

    /// All pins that have a value.
    pub(super) fn read_all(&self) -> Vec<(Pin, Vec<String>)> {
        let Some(device) = self.shard.hub.device(&self.id) else { return Vec::new() };
        let values = self.pins.values(&device.lock());
        let of_pin = |(pin, property, payload): (Pin, PropertyName, Vec<u8>)| {
            let mut values = Vec::new();
            let spec = self.pins.of_property(property.as_str()).map(|bound| &bound.spec);
            write_values(spec, &payload, &mut values);
            (pin, texts(&values))
        };
        values.into_iter().map(of_pin).collect()
    }

    /// Whether a pin's property takes this, as far as that can be told before.
    pub(super) fn takes(&self, pin: Pin, values: &[String]) -> bool {
        let wire = values.join("\0").into_bytes();
        let (_, spec) = self.pins.property_of(pin);
        let fits = spec.is_none_or(|spec| spec.parse(&to_payload(Some(spec), Parts::of(&wire))).is_ok());
        !wire.is_empty() && fits
    }

    /// Has a pin become so, at the device too if that is there; `false` if its property does not take it.
    pub(super) fn write(&self, pin: Pin, values: &[String]) -> bool {
        let wire = values.join("\0").into_bytes();
        if wire.is_empty() {
            return false;
        }
        let (property, spec) = self.pins.property_of(pin);
        let payload = to_payload(spec, Parts::of(&wire)).into_owned();
        if !self.publish(property.as_str(), &payload) {
            return false;
        }
        // A device that is away has it all the same, when it asks.
        let _reached = self.shard.blynk.send(&self.id, Command::HARDWARE, HTTP_ID, pin, Parts::of(&wire));
        true
    }

    /// Says how the widgets of a pin are to look; `None` if there is no such property.
    pub(super) fn set_property(&self, pin: Pin, name: &str, values: &[String]) -> Option<bool> {
        if !is_property(name) {
            return None;
        }
        let wire = values.join("\0").into_bytes();
        let payload = to_payload(None, Parts::of(&wire)).into_owned();
        Some(!wire.is_empty() && self.publish(&format!("$blynk/{pin}/{name}"), &payload))
    }

    /// A field that people, or the device itself, filled in.
    pub(super) fn meta_field(&self, field: &str) -> Option<String> {
        meta_field(&self.shard.hub, &self.principal, &self.id, field)
    }

    /// Fills one in.
    pub(super) fn set_meta_field(&self, field: &str, value: &str) -> bool {
        !field.contains('/') && !value.is_empty() && self.publish(&format!("$blynk/meta/{field}"), value.as_bytes())
    }

    /// Tells people.
    pub(super) fn tell(&self, what: NewNotification) {
        let what = NewNotification { device: Some(self.id.clone()), ..what };
        self.shard.notifications.tell(&self.shard.hub, what);
    }

    fn publish(&self, rest: &str, payload: &[u8]) -> bool {
        let topic = format!("devices/{}/{rest}", self.id);
        let Ok(topic) = TopicRef::parse(&topic) else { return false };
        let origin = Origin { via: "http", session: self.shard.hub.new_session(), presence: Presence::None };
        let payloads = [payload];
        let run = Run::new(topic, &payloads).retain(true);
        let receipt = self.shard.publish_run(&self.principal, origin, run, now());
        receipt.is_ok_and(|receipt| receipt.refused.is_empty())
    }
}

fn texts(values: &[u8]) -> Vec<String> {
    Parts::of(values).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}
