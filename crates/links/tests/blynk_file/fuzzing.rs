//! What is done with the bytes of a fuzzer, and what must hold whatever they are. Shared by the target in `fuzz/` and the tests.

use std::collections::BTreeSet;

use housewire_core::{DeviceId, PropertyName};
use housewire_links::blynk_file::{LEFT_MAX, read};

/// Any bytes as a user file: an error, or something that can be made here as it is.
pub(crate) fn user_file(input: &[u8]) {
    let Ok(moved) = read(input) else { return };
    let mut tokens = BTreeSet::new();
    for device in &moved.devices {
        assert!(tokens.insert(&device.token), "a token opens one device");
        DeviceId::parse(&format!("{}-200000", device.stem)).expect("an id, also with a number behind it");
        let mut names = BTreeSet::new();
        for (pin, property) in &device.properties {
            PropertyName::parse(&property.name).expect("a name");
            property.spec.validate().expect("what is made can be declared");
            assert!(names.insert(&property.name), "names are different");
            assert!(property.spec.bindings[0].eq_ignore_ascii_case(&format!("blynk:{pin}")));
        }
    }
    let mut ids = BTreeSet::new();
    for dashboard in &moved.dashboards {
        assert!(ids.insert(&dashboard.id) && DeviceId::parse(&dashboard.id).is_ok(), "{}", dashboard.id);
        assert!(!dashboard.title.trim().is_empty() && !dashboard.title.chars().any(char::is_control));
        for widget in &dashboard.widgets {
            let place = widget.place;
            assert!(
                place.w >= 1 && place.h >= 1 && place.x + place.w <= 12 && place.y + place.h <= 10_000,
                "{place:?}"
            );
            assert!(widget.sources.iter().all(|(device, _)| *device < moved.devices.len()));
            assert!(widget.tab.as_ref().is_none_or(|tab| dashboard.tabs.contains(tab)));
        }
    }
    assert!(moved.left.told.len() <= LEFT_MAX);
}
