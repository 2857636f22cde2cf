//! What the history's thread remembers of properties, so that it need not ask for each value what it is.
//!
//! What a property may hold belongs to the hub's registry: it is asked again when that says that a device has changed, and when a
//! value does not fit.

use std::sync::Arc;

use housewire_core::{DeviceId, Hub, PropertyName, Type, Value};
use housewire_store::{Reading, SeriesId};
use rustc_hash::FxHashMap;

use crate::history::inbox::Payload;
use crate::history::order::Name;
use crate::history::policy::{Kept, Policy};

/// A property that has a history, or could have one.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: Name,
    /// `None` if the registry does not know it, and until it was asked.
    kind: Option<Type>,
    pub(super) series: Option<SeriesId>,
    pub(super) policy: Policy,
    pub(super) kept: Kept,
}

/// Why a value is none that can be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoReading {
    /// Properties of this type have no history.
    Kind,
    TooLong,
    /// It is of no property, or of one that is something else by now.
    Unfit,
}

impl Known {
    fn new(name: Name, policy: Policy) -> Self {
        Self { name, kind: None, series: None, policy, kept: Kept::default() }
    }

    /// What a payload says.
    pub(super) fn read(&mut self, hub: &Hub, payload: Payload<'_>) -> Result<Reading, NoReading> {
        let is_known = self.kind.is_some();
        let kind = self.kind.unwrap_or_else(|| self.ask(hub, payload));
        match reading(kind, payload) {
            // It may have been widened by this very value.
            Err(NoReading::Unfit) if is_known => reading(self.ask(hub, payload), payload),
            read => read,
        }
    }

    /// What the registry says. If the property is gone from there by now, what it looks like: it was reported all the same.
    fn ask(&mut self, hub: &Hub, payload: Payload<'_>) -> Type {
        self.kind = kind_of(hub, &self.name);
        self.kind.unwrap_or(match payload {
            Payload::Bytes(bytes) => Type::infer(bytes),
            Payload::TooLong => Type::String,
        })
    }
}

/// The type of a property, as the registry has it.
pub(crate) fn kind_of(hub: &Hub, name: &Name) -> Option<Type> {
    let device = hub.device(&name.device)?;
    let state = device.lock();
    state.properties.get(&name.property).map(|property| property.spec.kind)
}

/// Whether values of this type can be remembered.
pub(crate) fn has_history(kind: Type) -> bool {
    !matches!(kind, Type::Json | Type::Bytes)
}

fn reading(kind: Type, payload: Payload<'_>) -> Result<Reading, NoReading> {
    match payload {
        _ if !has_history(kind) => Err(NoReading::Kind),
        Payload::TooLong => Err(NoReading::TooLong),
        // That is how something retained is cleared; most devices do not report an empty text.
        Payload::Bytes(b"") => Err(NoReading::Unfit),
        Payload::Bytes(bytes) => parse(kind, bytes).ok_or(NoReading::Unfit),
    }
}

/// Reads a text as a value of this type that can be remembered.
pub(crate) fn parse(kind: Type, text: &[u8]) -> Option<Reading> {
    match Value::parse(kind, text)? {
        Value::Bool(is_on) => Some(Reading::Bool(is_on)),
        Value::Int(number) => Some(Reading::Int(number)),
        Value::Float(number) => Reading::float(number),
        Value::Text(text) => Reading::text(&text),
        Value::Json(_) | Value::Bytes(_) => None,
    }
}

/// All properties that something was heard of.
#[derive(Debug, Default)]
pub(super) struct AllKnown {
    devices: FxHashMap<Arc<str>, FxHashMap<Arc<str>, Known>>,
    /// Those that are not the usual one.
    policies: FxHashMap<String, Policy>,
}

impl AllKnown {
    pub(super) fn new(policies: FxHashMap<String, Policy>) -> Self {
        Self { devices: FxHashMap::default(), policies }
    }

    /// The property of this name; `None` if it can be none.
    pub(super) fn get(&mut self, device: &str, property: &str) -> Option<&mut Known> {
        // Looked up twice, as most are there and a new one is made of owned names.
        if self.devices.get(device).is_none_or(|known| !known.contains_key(property)) {
            let name = Name { device: DeviceId::parse(device).ok()?, property: PropertyName::parse(property).ok()? };
            let policy = self.policies.get(&name.key()).copied().unwrap_or_default();
            let known = Known::new(name, policy);
            self.devices.entry(device.into()).or_default().insert(property.into(), known);
        }
        self.devices.get_mut(device)?.get_mut(property)
    }

    /// Something about the device is not as it was.
    pub(super) fn changed(&mut self, device: &str) {
        for known in self.devices.get_mut(device).into_iter().flat_map(FxHashMap::values_mut) {
            known.kind = None;
        }
    }

    /// Something about some device is not as it was.
    pub(super) fn all_changed(&mut self) {
        self.devices.values_mut().flat_map(FxHashMap::values_mut).for_each(|known| known.kind = None);
    }

    /// The device is gone, and what was wanted of its properties.
    pub(super) fn removed(&mut self, device: &str) {
        self.devices.remove(device);
        self.policies.retain(|key, _| key.split_once('/').is_none_or(|(of, _)| of != device));
    }

    /// From now on a property is kept so.
    pub(super) fn keep(&mut self, name: &Name, policy: Policy) {
        if policy == Policy::default() {
            self.policies.remove(&name.key());
        } else {
            self.policies.insert(name.key(), policy);
        }
        if let Some(known) = self.get(name.device.as_str(), name.property.as_str()) {
            known.policy = policy;
        }
    }
}
