//! Finds for tests.

use std::time::Duration;

use housewire_core::{PropertyAccess, PropertyName, PropertySpec, Qos, Type};
use housewire_links::discovery::model::{AvailabilityMode, AvailabilityTopic, Category, Elsewhere};
use housewire_links::discovery::{Availability, Found, FoundProperty, Read, Source, Write};

/// A text that can be read and set, at `<key>` and `<key>/cmd`.
pub(super) fn sensor(name: &str, key: &str) -> FoundProperty {
    FoundProperty {
        name: PropertyName::parse(name).unwrap(),
        key: key.to_owned(),
        label: None,
        spec: PropertySpec::declared(Type::String),
        component: "sensor".into(),
        category: Category::Main,
        hidden: false,
        reads: vec![Read {
            topic: format!("x/{key}"),
            template: None,
            map: Vec::new(),
            only_mapped: false,
            raw: false,
        }],
        write: Some(Write {
            topic: format!("x/{key}/cmd"),
            map: Vec::new(),
            template: None,
            qos: Qos::AtMostOnce,
            retain: false,
            optimistic: false,
            elsewhere: Vec::new(),
        }),
        expire_after: None,
        off_delay: None,
    }
}

/// A device with this key and these properties, announced as Home Assistant has it.
pub(super) fn lamp(key: &str, properties: &[&str]) -> Found {
    let mut properties: Vec<_> = properties.iter().map(|name| sensor(name, name)).collect();
    properties.sort_by(|one, two| one.name.cmp(&two.name));
    Found {
        source: Source::HomeAssistant,
        key: key.to_owned(),
        identifiers: vec![format!("id:{key}")],
        name: Some("Lamp".into()),
        manufacturer: None,
        model: None,
        sw_version: None,
        hw_version: None,
        area: None,
        via: None,
        url: None,
        addresses: Vec::new(),
        properties,
        availability: Availability::default(),
        topics: vec![format!("homeassistant/light/{key}/config")],
        problems: Vec::new(),
    }
}

/// Some that differ in everything.
pub(super) fn all() -> Vec<Found> {
    let mut full = lamp("full", &["power", "level"]);
    full.source = Source::Zigbee2Mqtt;
    full.manufacturer = Some("Maker".into());
    full.model = Some("M-1".into());
    full.sw_version = Some("1".into());
    full.hw_version = Some("2".into());
    full.area = Some("Hall".into());
    full.via = Some("id:bridge".into());
    full.url = Some("http://192.0.2.1".into());
    full.addresses = vec!["192.0.2.1:80".into()];
    full.problems = vec!["something".into()];
    full.availability = Availability {
        topics: vec![AvailabilityTopic {
            topic: "x/status".into(),
            online: "online".into(),
            offline: "offline".into(),
            template: Some("{{ value }}".into()),
        }],
        mode: AvailabilityMode::Any,
    };
    let property = &mut full.properties[0];
    property.label = Some("Level".into());
    property.spec = PropertySpec {
        unit: Some("%".into()),
        min: Some(0.0),
        max: Some(100.0),
        step: Some(0.5),
        role: Some("brightness".into()),
        access: PropertyAccess { read: true, set: false, event: false },
        ..PropertySpec::declared(Type::Float)
    };
    property.category = Category::Diagnostic;
    property.hidden = true;
    property.expire_after = Some(Duration::from_secs(60));
    property.off_delay = Some(Duration::from_millis(1_500));
    property.reads[0].map = vec![("ON".into(), "true".into())];
    property.reads[0].only_mapped = true;
    property.reads[0].raw = true;
    property.write.as_mut().unwrap().qos = Qos::AtLeastOnce;
    property.write.as_mut().unwrap().retain = true;
    property.write.as_mut().unwrap().optimistic = true;
    property.write.as_mut().unwrap().elsewhere =
        vec![Elsewhere { value: "0".into(), topic: "x/off".into(), payload: "OFF".into() }];
    property.write.as_mut().unwrap().template = Some("{{ value }}".into());
    full.properties[1].spec =
        PropertySpec { options: vec!["a".into(), "b".into()], ..PropertySpec::declared(Type::Enum) };
    full.properties[1].category = Category::Config;
    vec![lamp("plain", &["state"]), full]
}
