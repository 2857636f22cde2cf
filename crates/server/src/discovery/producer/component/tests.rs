use std::collections::BTreeMap;
use std::sync::Arc;

use housewire_core::{DeclareMode, DeviceInfo, Hub, HubOptions, Now, PropertyAccess, Timestamp};

use super::*;

const READ: PropertyAccess = PropertyAccess { read: true, set: false, event: false };
const BOTH: PropertyAccess = PropertyAccess { read: true, set: true, event: false };
const EVENT: PropertyAccess = PropertyAccess { read: false, set: false, event: true };
const PRESS: PropertyAccess = PropertyAccess { read: false, set: true, event: true };

fn spec(kind: Type, access: PropertyAccess, role: Option<&str>, unit: Option<&str>) -> PropertySpec {
    let options = if kind == Type::Enum { vec!["low".into(), "high".into()] } else { Vec::new() };
    let (role, unit) = (role.map(str::to_owned), unit.map(str::to_owned));
    PropertySpec { access, role, unit, options, ..PropertySpec::declared(kind) }
}

fn announced(properties: &[(&str, PropertySpec)]) -> Value {
    let hub = Arc::new(Hub::new(HubOptions::default()));
    let id = DeviceId::parse("lamp").unwrap();
    let properties: BTreeMap<_, _> =
        properties.iter().map(|(name, spec)| (PropertyName::parse(name).unwrap(), spec.clone())).collect();
    let info = |_: &DeviceInfo| DeviceInfo {
        name: Some("Desk lamp".into()),
        room: Some("Study".into()),
        ..DeviceInfo::default()
    };
    let now = Now { instant: std::time::Instant::now(), wall: Timestamp::default() };
    hub.declare(&id, properties, DeclareMode::Replace, info, now).unwrap();
    let device = hub.device(&id).unwrap();
    let state = device.lock();
    config("12ab", &id, &state)
}

/// The component of one property.
fn check(spec: PropertySpec, expected: Value) {
    let config = announced(&[("prop", spec)]);
    let mut component = config["components"]["prop"].clone();
    if component["platform"] != "device_automation" {
        assert_eq!(component["unique_id"], "housewire_12ab_lamp_prop");
        assert_eq!(component["name"], "Prop");
        component.as_object_mut().unwrap().retain(|key, _| key != "unique_id" && key != "name");
    }
    assert_eq!(component, expected);
}

#[test]
fn a_device_is_announced_whole() {
    let config = announced(&[("power", spec(Type::Bool, BOTH, None, None))]);
    let expected = json!({
        "device": {"identifiers": ["housewire_12ab_lamp"], "name": "Desk lamp", "suggested_area": "Study"},
        "origin": {"name": "Housewire", "sw_version": env!("CARGO_PKG_VERSION")},
        "availability_topic": "devices/lamp/$online",
        "payload_available": "true",
        "payload_not_available": "false",
        "components": {"power": {
            "platform": "switch", "unique_id": "housewire_12ab_lamp_power", "name": "Power",
            "state_topic": "devices/lamp/power", "command_topic": "devices/lamp/power/set",
            "payload_on": "true", "payload_off": "false",
        }},
    });
    assert_eq!(config, expected);
}

#[test]
fn each_type_has_its_component() {
    let (state, command) = ("devices/lamp/prop", "devices/lamp/prop/set");
    for (spec, expected) in [
        (
            spec(Type::Bool, READ, Some("motion"), None),
            json!({"platform": "binary_sensor", "state_topic": state, "payload_on": "true", "payload_off": "false", "device_class": "motion"}),
        ),
        (
            spec(Type::Float, READ, Some("temperature"), Some("°C")),
            json!({"platform": "sensor", "state_topic": state, "unit_of_measurement": "°C", "device_class": "temperature", "state_class": "measurement"}),
        ),
        (
            // A unit that the class does not have.
            spec(Type::Float, READ, Some("temperature"), Some("steps")),
            json!({"platform": "sensor", "state_topic": state, "unit_of_measurement": "steps", "state_class": "measurement"}),
        ),
        (
            spec(Type::Float, READ, Some("energy"), Some("kWh")),
            json!({"platform": "sensor", "state_topic": state, "unit_of_measurement": "kWh", "device_class": "energy", "state_class": "total_increasing"}),
        ),
        (
            PropertySpec { min: Some(0.0), max: Some(10.0), ..spec(Type::Int, BOTH, None, None) },
            json!({"platform": "number", "state_topic": state, "command_topic": command, "min": 0.0, "max": 10.0, "step": 1.0}),
        ),
        (
            spec(Type::Float, BOTH, None, None),
            json!({"platform": "number", "state_topic": state, "command_topic": command, "min": -1e9, "max": 1e9, "step": 0.001, "mode": "box"}),
        ),
        (
            spec(Type::Enum, BOTH, None, None),
            json!({"platform": "select", "state_topic": state, "command_topic": command, "options": ["low", "high"]}),
        ),
        (
            spec(Type::Enum, READ, None, None),
            json!({"platform": "sensor", "state_topic": state, "options": ["low", "high"], "device_class": "enum"}),
        ),
        (spec(Type::String, READ, None, None), json!({"platform": "sensor", "state_topic": state})),
        (
            spec(Type::String, BOTH, None, None),
            json!({"platform": "text", "state_topic": state, "command_topic": command}),
        ),
        (
            spec(Type::Color, BOTH, None, None),
            json!({"platform": "text", "state_topic": state, "command_topic": command, "pattern": "^#[0-9a-fA-F]{6}$", "max": 7}),
        ),
        (
            spec(Type::Json, READ, None, None),
            json!({"platform": "sensor", "state_topic": state, "value_template": "{{ value[:255] }}", "json_attributes_topic": state}),
        ),
        (
            spec(Type::Enum, EVENT, None, None),
            json!({"platform": "event", "state_topic": state, "event_types": ["low", "high"], "value_template": "{{ {'event_type': value} | tojson }}"}),
        ),
        (
            spec(Type::String, EVENT, None, None),
            json!({"platform": "device_automation", "automation_type": "trigger", "topic": state, "type": "event", "subtype": "prop"}),
        ),
        (
            spec(Type::Bool, PRESS, None, None),
            json!({"platform": "button", "command_topic": command, "payload_press": "true"}),
        ),
    ] {
        check(spec, expected);
    }
    let bytes = announced(&[("raw", spec(Type::Bytes, READ, None, None))]);
    assert_eq!(bytes["components"], json!({}), "there is no place for bytes");
}

#[test]
fn a_lamp_is_one_light() {
    let level =
        PropertySpec { min: Some(0.0), max: Some(100.0), ..spec(Type::Int, BOTH, Some("brightness"), Some("%")) };
    let config = announced(&[
        ("power", spec(Type::Bool, BOTH, Some("light"), None)),
        ("level", level.clone()),
        ("color", spec(Type::Color, BOTH, None, None)),
        ("heat", spec(Type::Float, READ, None, None)),
    ]);
    let components = config["components"].as_object().unwrap();
    assert_eq!(components.keys().collect::<Vec<_>>(), ["heat", "power"]);
    let light = &components["power"];
    assert_eq!(light["platform"], "light");
    assert_eq!(light["brightness_command_topic"], "devices/lamp/level/set");
    assert_eq!(light["brightness_scale"], 100.0);
    assert_eq!(light["rgb_state_topic"], "devices/lamp/color");
    // Two switches that are lights: which of them the level belongs to, nobody knows.
    let light = spec(Type::Bool, BOTH, Some("light"), None);
    let config = announced(&[("one", light.clone()), ("two", light), ("level", level)]);
    let platforms: Vec<_> =
        config["components"].as_object().unwrap().values().map(|of| of["platform"].clone()).collect();
    assert_eq!(platforms, ["number", "switch", "switch"]);
}
