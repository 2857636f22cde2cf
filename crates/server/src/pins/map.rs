//! Which property of a device a pin is, and what was declared of it.
//!
//! Made of what is declared when the device comes, and again whenever that changes. A pin that nobody declared is the property
//! that is called like it: `v5`, `d13`, `a0`.

use std::fmt::Write as _;
use std::sync::Arc;

use housewire_core::{DeviceId, DeviceState, Hub, PropertyName, PropertySpec};
use housewire_protocols::blynk::{Pin, PinKind};

/// One property that is a pin, with what was declared of it.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) pin: Pin,
    pub(crate) property: PropertyName,
    pub(crate) spec: PropertySpec,
}

/// See the module. Holds declared properties only: most devices have none.
#[derive(Debug, Default)]
pub(crate) struct PinMap(Vec<Bound>);

impl PinMap {
    /// Of what is declared of the device now.
    pub(crate) fn of(hub: &Hub, device: &DeviceId) -> Arc<Self> {
        let Some(device) = hub.device(device) else { return Arc::default() };
        let state = device.lock();
        let declared = state.properties.iter().filter(|(_, property)| property.spec.declared);
        let bound = declared.filter_map(|(name, property)| {
            let (property, spec) = (name.clone(), property.spec.clone());
            Some(Bound { pin: pin_of(name, &spec)?, property, spec })
        });
        Arc::new(Self(bound.collect()))
    }

    /// What was declared of a pin.
    pub(crate) fn of_pin(&self, pin: Pin) -> Option<&Bound> {
        self.0.iter().find(|bound| bound.pin == pin)
    }

    /// What was declared of the property of this name, if it is a pin.
    pub(crate) fn of_property(&self, name: &str) -> Option<&Bound> {
        self.0.iter().find(|bound| bound.property.as_str() == name)
    }

    /// The pin that a property is.
    pub(crate) fn pin_of(&self, name: &str) -> Option<(Pin, Option<&PropertySpec>)> {
        match self.of_property(name) {
            Some(bound) => Some((bound.pin, Some(&bound.spec))),
            // Unless that pin is another property.
            None => Pin::from_property_name(name).filter(|pin| self.of_pin(*pin).is_none()).map(|pin| (pin, None)),
        }
    }

    /// The property that a pin is, with what was declared of it.
    pub(crate) fn property_of(&self, pin: Pin) -> (PropertyName, Option<&PropertySpec>) {
        match self.of_pin(pin) {
            Some(bound) => (bound.property.clone(), Some(&bound.spec)),
            None => (PropertyName::parse(&pin.to_string()).expect("a letter and a number are a name"), None),
        }
    }

    /// Appends the name of the property that a pin is.
    pub(crate) fn write_name(&self, pin: Pin, out: &mut String) {
        match self.of_pin(pin) {
            Some(bound) => out.push_str(bound.property.as_str()),
            None => write!(out, "{pin}").expect("a text takes everything"),
        }
    }

    /// Pins of the board that were declared, and whether they are written to.
    pub(crate) fn of_board(&self) -> impl Iterator<Item = (Pin, bool)> {
        let of_board = self.0.iter().filter(|bound| bound.pin.kind != PinKind::Virtual);
        of_board.map(|bound| (bound.pin, bound.spec.access.set))
    }

    /// All pins of a device that have a value or are asked for one: with the payload that is wanted, else the last one.
    pub(crate) fn values(&self, state: &DeviceState) -> Vec<(Pin, PropertyName, Vec<u8>)> {
        let of_pins = state.properties.iter().filter_map(|(name, property)| {
            let (pin, _) = self.pin_of(name.as_str())?;
            let wanted = property.target.as_ref().map(|target| &target.value);
            let value = wanted.or(property.value.as_ref()).filter(|_| !property.spec.access.event)?;
            Some((pin, name.clone(), value.to_payload().into_owned()))
        });
        let mut values: Vec<_> = of_pins.collect();
        values.sort_unstable_by_key(|(pin, ..)| *pin);
        values
    }
}

/// The pin that a property is: what it is bound to, else what its name says.
fn pin_of(name: &PropertyName, spec: &PropertySpec) -> Option<Pin> {
    let bound = spec.bindings.iter().find_map(|binding| Pin::parse(binding.strip_prefix("blynk:")?));
    bound.or_else(|| Pin::from_property_name(name.as_str()))
}
