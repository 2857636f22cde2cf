//! A device of ours as Home Assistant's device form says it: each property as the component that does most with it.

use housewire_core::{DeviceId, DeviceState, Property, PropertyName, PropertySpec, Type};
use housewire_links::discovery::homeassistant::OWN_ORIGIN;
use serde_json::{Map, Value, json};

/// How this hub's devices are called by others; no other hub's are called so.
pub(super) use housewire_links::discovery::homeassistant::own_identifier as identifier;

/// The announcement of a device.
pub(super) fn config(hub: &str, id: &DeviceId, state: &DeviceState) -> Value {
    let identifier = identifier(hub, id.as_str());
    let mut components = Map::new();
    let light = Light::of(state);
    for (name, property) in &state.properties {
        if light.is_part(name) {
            continue;
        }
        let Some((platform, more)) = component(id, name, &property.spec) else { continue };
        components.insert(name.to_string(), finish(&identifier, name, platform, more));
    }
    if let Light { power: Some(power), .. } = &light {
        components.insert(power.to_string(), finish(&identifier, power, "light", light.component(id, state)));
    }
    let info = &state.info;
    let mut device = json!({"identifiers": [identifier], "name": info.name.as_deref().unwrap_or(id.as_str())});
    for (key, fact) in [("model", &info.model), ("suggested_area", &info.room)] {
        if let Some(fact) = fact {
            device[key] = json!(fact);
        }
    }
    json!({
        "device": device,
        "origin": {"name": OWN_ORIGIN, "sw_version": env!("CARGO_PKG_VERSION")},
        "availability_topic": format!("devices/{id}/$online"),
        "payload_available": "true",
        "payload_not_available": "false",
        "components": components,
    })
}

fn finish(identifier: &str, name: &PropertyName, platform: &str, mut more: Value) -> Value {
    more["platform"] = json!(platform);
    // A trigger is no entity.
    if platform != "device_automation" {
        more["unique_id"] = json!(format!("{identifier}_{name}"));
        more["name"] = json!(label(name));
    }
    more
}

/// A property's name as people write it.
fn label(name: &PropertyName) -> String {
    let text = name.as_str().replace(['_', '-'], " ");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn state_topic(id: &DeviceId, name: &PropertyName) -> String {
    format!("devices/{id}/{name}")
}

fn command_topic(id: &DeviceId, name: &PropertyName) -> String {
    format!("devices/{id}/{name}/set")
}

/// The component of a property, and what belongs to it; `None` for what Home Assistant has no place for: bytes.
fn component(id: &DeviceId, name: &PropertyName, spec: &PropertySpec) -> Option<(&'static str, Value)> {
    let access = spec.access;
    if access.event && !access.set {
        return Some(happening(id, name, spec));
    }
    let mut more = json!({});
    if access.event {
        more["command_topic"] = json!(command_topic(id, name));
        // What is asked of it is that it happens; of the values it may have, the first will do.
        more["payload_press"] = json!(spec.options.first().map_or("true", String::as_str));
        return Some(("button", more));
    }
    if access.read {
        more["state_topic"] = json!(state_topic(id, name));
    }
    if access.set {
        more["command_topic"] = json!(command_topic(id, name));
    }
    let platform = match (spec.kind, access.set) {
        (Type::Bool, is_set) => {
            let class = spec.role.as_deref().and_then(|role| BINARY.iter().find(|(have, _)| *have == role));
            if let Some((_, class)) = class.filter(|_| !is_set) {
                more["device_class"] = json!(class);
            }
            more["payload_on"] = json!("true");
            more["payload_off"] = json!("false");
            if is_set { "switch" } else { "binary_sensor" }
        }
        (Type::Int | Type::Float, is_set) => {
            add_number(&mut more, spec, is_set);
            if is_set { "number" } else { "sensor" }
        }
        (Type::Enum, is_set) => {
            more["options"] = json!(spec.options);
            if !is_set {
                more["device_class"] = json!("enum");
            }
            if is_set { "select" } else { "sensor" }
        }
        (Type::Color, true) => {
            more["pattern"] = json!("^#[0-9a-fA-F]{6}$");
            more["max"] = json!(7);
            "text"
        }
        (Type::String | Type::Json, true) => "text",
        (Type::Json, false) => {
            // Its state may have 255 characters; the whole stands in its attributes.
            more["value_template"] = json!("{{ value[:255] }}");
            more["json_attributes_topic"] = json!(state_topic(id, name));
            "sensor"
        }
        (Type::String | Type::Color, false) => "sensor",
        (Type::Bytes, _) => return None,
    };
    Some((platform, more))
}

fn add_number(more: &mut Value, spec: &PropertySpec, is_set: bool) {
    let unit = spec.unit.as_deref();
    if let Some(unit) = unit {
        more["unit_of_measurement"] = json!(unit);
    }
    let class = spec.role.as_deref().and_then(|role| NUMBERS.iter().find(|(have, ..)| *have == role));
    // A class with a unit that is none of its own is refused.
    if let Some((_, class, _)) = class.filter(|(_, _, units)| units.contains(&unit.unwrap_or_default())) {
        more["device_class"] = json!(class);
    }
    if is_set {
        // Home Assistant's own bounds are 1 and 100, which would refuse what we take.
        more["min"] = json!(spec.min.unwrap_or(-1e9));
        more["max"] = json!(spec.max.unwrap_or(1e9));
        more["step"] = json!(spec.step.unwrap_or(if spec.kind == Type::Int { 1.0 } else { 0.001 }));
        if spec.min.is_none() || spec.max.is_none() {
            more["mode"] = json!("box");
        }
    } else {
        let grows = spec.role.as_deref() == Some("energy");
        more["state_class"] = json!(if grows { "total_increasing" } else { "measurement" });
    }
}

/// An event property: an event if its values are known, else a trigger, which takes any.
fn happening(id: &DeviceId, name: &PropertyName, spec: &PropertySpec) -> (&'static str, Value) {
    let types = match spec.kind {
        Type::Enum => spec.options.clone(),
        Type::Bool => vec!["true".to_owned(), "false".to_owned()],
        _ => {
            let topic = state_topic(id, name);
            let more = json!({"automation_type": "trigger", "topic": topic, "type": "event", "subtype": name.as_str()});
            return ("device_automation", more);
        }
    };
    let more = json!({
        "state_topic": state_topic(id, name),
        "event_types": types,
        "value_template": "{{ {'event_type': value} | tojson }}",
    });
    ("event", more)
}

/// Properties that are one lamp together: a switch with the role `light`, beside it its brightness and its color, if there is one of each.
#[derive(Default)]
struct Light {
    power: Option<PropertyName>,
    level: Option<PropertyName>,
    color: Option<PropertyName>,
}

impl Light {
    fn of(state: &DeviceState) -> Self {
        let only = |which: &dyn Fn(&Property) -> bool| {
            let is_one = |property: &Property| {
                let access = property.spec.access;
                access.read && access.set && !access.event && which(property)
            };
            let mut all =
                state.properties.iter().filter(|(_, property)| is_one(property)).map(|(name, _)| name.clone());
            all.next().filter(|_| all.next().is_none())
        };
        let has_role = |property: &Property, role: &str| property.spec.role.as_deref() == Some(role);
        let Some(power) = only(&|property| property.spec.kind == Type::Bool && has_role(property, "light")) else {
            return Self::default();
        };
        let starts_at_zero =
            |spec: &PropertySpec| spec.min.unwrap_or(0.0) == 0.0 && spec.max.is_some_and(|max| max >= 1.0);
        let level = only(&|property| {
            property.spec.kind == Type::Int && has_role(property, "brightness") && starts_at_zero(&property.spec)
        });
        let color = only(&|property| property.spec.kind == Type::Color);
        Self { power: Some(power), level, color }
    }

    fn is_part(&self, name: &PropertyName) -> bool {
        [&self.power, &self.level, &self.color].into_iter().flatten().any(|part| part == name)
    }

    fn component(&self, id: &DeviceId, state: &DeviceState) -> Value {
        let Self { power, level, color } = self;
        let mut more = json!({"payload_on": "true", "payload_off": "false"});
        if let Some(power) = power {
            more["state_topic"] = json!(state_topic(id, power));
            more["command_topic"] = json!(command_topic(id, power));
        }
        if let Some(level) = level {
            more["brightness_state_topic"] = json!(state_topic(id, level));
            more["brightness_command_topic"] = json!(command_topic(id, level));
            let max = state.properties.get(level).and_then(|property| property.spec.max);
            more["brightness_scale"] = json!(max.unwrap_or(255.0));
        }
        if let Some(color) = color {
            more["rgb_state_topic"] = json!(state_topic(id, color));
            more["rgb_command_topic"] = json!(command_topic(id, color));
            more["rgb_command_template"] = json!("{{ '#%02x%02x%02x' | format(red, green, blue) }}");
            more["rgb_value_template"] = json!(
                "{{ value[1:3] | int(base=16) }},{{ value[3:5] | int(base=16) }},{{ value[5:7] | int(base=16) }}"
            );
        }
        more
    }
}

/// Roles of numbers, with the class that Home Assistant has for them and the units that it takes for it.
const NUMBERS: [(&str, &str, &[&str]); 18] = [
    ("temperature", "temperature", &["°C", "°F", "K"]),
    ("humidity", "humidity", &["%"]),
    ("moisture", "moisture", &["%"]),
    ("battery", "battery", &["%"]),
    ("pressure", "pressure", &["hPa", "Pa", "kPa", "mbar", "bar", "psi", "mmHg", "inHg"]),
    ("illuminance", "illuminance", &["lx"]),
    ("power", "power", &["W", "kW", "mW", "MW"]),
    ("energy", "energy", &["Wh", "kWh", "MWh", "J", "kJ", "MJ"]),
    ("voltage", "voltage", &["V", "mV", "kV"]),
    ("current", "current", &["A", "mA"]),
    ("frequency", "frequency", &["Hz", "kHz", "MHz", "GHz"]),
    ("co2", "carbon_dioxide", &["ppm"]),
    ("pm25", "pm25", &["µg/m³", "μg/m³"]),
    ("pm10", "pm10", &["µg/m³", "μg/m³"]),
    ("signal", "signal_strength", &["dB", "dBm"]),
    ("distance", "distance", &["mm", "cm", "m", "km", "in", "ft"]),
    ("speed", "speed", &["m/s", "km/h", "mph", "kn", "ft/s"]),
    ("weight", "weight", &["g", "kg", "mg", "oz", "lb"]),
];

/// Roles of what is only read, with the class of Home Assistant.
const BINARY: [(&str, &str); 14] = [
    ("motion", "motion"),
    ("occupancy", "occupancy"),
    ("presence", "presence"),
    ("door", "door"),
    ("window", "window"),
    ("opening", "opening"),
    ("smoke", "smoke"),
    ("gas", "gas"),
    ("moisture", "moisture"),
    ("leak", "moisture"),
    ("vibration", "vibration"),
    ("tamper", "tamper"),
    ("battery", "battery"),
    ("problem", "problem"),
];

#[cfg(test)]
mod tests;
