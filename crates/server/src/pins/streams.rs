//! Data streams, as Blynk 2.0 calls properties when it speaks of them by name and not by pin.
//!
//! A name is what was bound to it (`blynk:Set Temperature`), a pin, or the name of a property; any other becomes one, in small
//! letters and with `_` for what no name may have. Under which name a device spoke of a property is remembered while it is
//! there, so that it hears of it by that name.

use std::sync::Arc;

use housewire_core::{DeviceId, Hub, PropertyName, PropertySpec};
use housewire_protocols::blynk::{Pin, PinKind};

use crate::limits::BLYNK_STREAM_NAMES_MAX;
use crate::pins::PinMap;

/// Characters of a property's name, at the most.
const NAME_CHARS_MAX: usize = 64;

/// See the module.
#[derive(Default)]
pub(crate) struct Streams {
    pins: Arc<PinMap>,
    /// All properties, with what was declared of them.
    known: Vec<(PropertyName, Option<Arc<PropertySpec>>)>,
    /// What the device calls properties that are not called so.
    names: Vec<(String, PropertyName)>,
}

/// A property, and what was declared of it.
pub(crate) type Stream = (PropertyName, Option<Arc<PropertySpec>>);

impl Streams {
    /// Of what is known of the device now.
    pub(crate) fn of(hub: &Hub, device: &DeviceId) -> Self {
        let pins = PinMap::of(hub, device);
        let known = hub.device(device).map_or_else(Vec::new, |device| {
            let state = device.lock();
            let known = state.properties.iter().map(|(name, property)| {
                let spec = property.spec.declared.then(|| Arc::new(property.spec.clone()));
                (name.clone(), spec)
            });
            known.collect()
        });
        Self { pins, known, names: Vec::new() }
    }

    /// Something is known otherwise than before; names stay.
    pub(crate) fn replace_with(&mut self, fresh: Self) {
        (self.pins, self.known) = (fresh.pins, fresh.known);
    }

    /// The property that a name means, which the device is told of by that name from now on. `None` if nothing can be called so.
    pub(crate) fn find(&mut self, name: &str) -> Option<Stream> {
        let property = self.property_of(name)?;
        if self.name_of(property.as_str()) != name {
            self.names.retain(|(_, known)| *known != property);
            if self.names.len() >= BLYNK_STREAM_NAMES_MAX {
                self.names.remove(0);
            }
            self.names.push((name.to_owned(), property.clone()));
        }
        let spec = self.spec_of(property.as_str());
        Some((property, spec))
    }

    fn property_of(&self, name: &str) -> Option<PropertyName> {
        let bound = |spec: &PropertySpec| spec.bindings.iter().any(|binding| stream_of(binding) == Some(name));
        let is_bound = |(_, spec): &&Stream| spec.as_ref().is_some_and(|spec| bound(spec));
        if let Some((property, _)) = self.known.iter().find(is_bound) {
            return Some(property.clone());
        }
        if let Some(pin) = Pin::parse(name) {
            return Some(self.pins.property_of(pin).0);
        }
        let named = |called: &str| self.known.iter().find(|(known, _)| known.as_str() == called);
        let plain = plain_name(name);
        let found = named(name).or_else(|| named(&plain));
        found.map(|(property, _)| property.clone()).or_else(|| PropertyName::parse(&plain).ok())
    }

    /// What was declared of a property.
    pub(crate) fn spec_of(&self, property: &str) -> Option<Arc<PropertySpec>> {
        self.known.iter().find(|(known, _)| known.as_str() == property)?.1.clone()
    }

    /// What a property is to the device.
    pub(crate) fn name_of(&self, property: &str) -> String {
        if let Some((name, _)) = self.names.iter().find(|(_, known)| known.as_str() == property) {
            return name.clone();
        }
        let spec = self.spec_of(property);
        if let Some(name) = spec.iter().flat_map(|spec| &spec.bindings).find_map(|binding| stream_of(binding)) {
            return name.to_owned();
        }
        match self.pins.pin_of(property) {
            Some((pin, _)) => format!("{}{}", letter_of(pin.kind), pin.number),
            None => property.to_owned(),
        }
    }

    /// What a pin's property is to the device, with what was declared of it.
    pub(crate) fn of_pin(&self, pin: Pin) -> String {
        self.name_of(self.pins.property_of(pin).0.as_str())
    }
}

/// The name in a binding that is no pin.
fn stream_of(binding: &str) -> Option<&str> {
    binding.strip_prefix("blynk:").filter(|name| Pin::parse(name).is_none())
}

/// As Blynk's own pages write pins.
fn letter_of(kind: PinKind) -> char {
    char::from(kind.letter().to_ascii_uppercase())
}

/// A name as properties have it.
fn plain_name(name: &str) -> String {
    let plain = |char: char| match char.to_ascii_lowercase() {
        char if char.is_ascii_alphanumeric() || char == '-' => char,
        _ => '_',
    };
    name.chars().take(NAME_CHARS_MAX).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use housewire_core::Type;

    use super::*;

    fn name(text: &str) -> PropertyName {
        PropertyName::parse(text).unwrap()
    }

    #[test]
    fn names_mean_properties_and_are_remembered() {
        let bound = |binding: &str| {
            Some(Arc::new(PropertySpec { bindings: vec![binding.to_owned()], ..PropertySpec::declared(Type::Float) }))
        };
        let known = vec![(name("goal"), bound("blynk:Set Temperature")), (name("Mixed"), None), (name("power"), None)];
        let mut streams = Streams { known, ..Streams::default() };
        for (called, property) in [
            ("Set Temperature", "goal"),
            ("goal", "goal"),
            ("Mixed", "Mixed"),
            ("Power", "power"),
            ("V5", "v5"),
            ("d13", "d13"),
            ("Current Temp (°C)", "current_temp___c_"),
        ] {
            assert_eq!(streams.find(called).unwrap().0.as_str(), property, "{called}");
            assert_eq!(streams.name_of(property), called);
        }
        assert!(streams.find("").is_none());
        let fresh = Streams { known: std::mem::take(&mut streams.known), ..Streams::default() };
        for (property, called) in [("goal", "Set Temperature"), ("v5", "V5"), ("power", "power"), ("other", "other")] {
            assert_eq!(fresh.name_of(property), called);
        }
        assert_eq!(fresh.of_pin(Pin::parse("a3").unwrap()), "A3");
    }

    #[test]
    fn so_many_names_are_remembered_and_no_more() {
        let mut streams = Streams::default();
        for number in 0..2 * BLYNK_STREAM_NAMES_MAX {
            assert!(streams.find(&format!("Name {number}")).is_some());
        }
        assert_eq!(streams.names.len(), BLYNK_STREAM_NAMES_MAX);
    }
}
