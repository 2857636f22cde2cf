//! A device as a module: its properties that are pins, columns or a serial port.

use std::sync::Arc;

use housewire_core::{Device, DeviceId, PropertyName, PropertySpec, Value};
use housewire_protocols::bolt::{Binding, Pin, Role};

/// A property with bindings of Bolt's.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) property: PropertyName,
    pub(super) bindings: Vec<Binding>,
    pub(super) spec: PropertySpec,
    pub(super) value: Option<Value>,
}

/// See the module; as it was at one moment.
pub(super) struct Board {
    pub(super) id: DeviceId,
    /// What people call it.
    pub(super) title: Option<String>,
    pub(super) is_online: bool,
    pub(super) bound: Vec<Bound>,
}

impl Board {
    /// `None` if the device has no binding of Bolt's.
    pub(super) fn of(device: &Arc<Device>) -> Option<Self> {
        let state = device.lock();
        let bound: Vec<_> = state
            .properties
            .iter()
            .filter_map(|(name, property)| {
                let bindings: Vec<_> =
                    property.spec.bindings.iter().filter_map(|binding| Binding::parse(binding)).collect();
                (!bindings.is_empty()).then(|| Bound {
                    property: name.clone(),
                    bindings,
                    spec: property.spec.clone(),
                    value: property.value.clone(),
                })
            })
            .collect();
        let (title, is_online) = (state.info.name.clone(), state.is_online());
        drop(state);
        (!bound.is_empty()).then(|| Self { id: device.id().clone(), title, is_online, bound })
    }

    /// The property that is this part of the module.
    pub(super) fn part(&self, part: &Binding) -> Option<&Bound> {
        self.bound.iter().find(|bound| bound.bindings.contains(part))
    }

    /// The property that a pin is for these commands: the one that is bound for them, else the one that is bound for all.
    pub(super) fn pin(&self, pin: Pin, role: Role) -> Option<&Bound> {
        self.part(&Binding::Pin(pin, role)).or_else(|| self.part(&Binding::Pin(pin, Role::Any)))
    }

    /// What it is called over Bolt's API.
    pub(super) fn name(&self) -> &str {
        let names = self.bound.iter().flat_map(|bound| &bound.bindings);
        let mut names = names.filter_map(|binding| if let Binding::Name(name) = binding { Some(name) } else { None });
        names.next().map_or(self.id.as_str(), String::as_str)
    }

    /// Whether that is one of its names.
    pub(super) fn is_called(&self, name: &str) -> bool {
        let has = |binding: &Binding| matches!(binding, Binding::Name(have) if have == name);
        self.bound.iter().any(|bound| bound.bindings.iter().any(has))
    }

    /// The property that a variable of the product is, by the variable's name.
    pub(super) fn variable(&self, name: &str) -> Option<&Bound> {
        let is_it = |binding: &Binding| binding.variable().as_deref() == Some(name);
        self.bound.iter().find(|bound| bound.bindings.iter().any(is_it))
    }

    /// The properties of the product's variables, in the order in which these are listed.
    pub(super) fn variables(&self) -> Vec<&Bound> {
        let mut variables: Vec<&Bound> = Vec::new();
        for bound in Binding::variables().filter_map(|name| self.variable(&name)) {
            if !variables.iter().any(|have| have.property == bound.property) {
                variables.push(bound);
            }
        }
        variables
    }
}
