//! Devices and properties as JSON.
//!
//! How a declaration is read belongs to `http`, which alone takes one.

use std::collections::BTreeMap;

use housewire_core::{DeviceState, Property, PropertyAccess, PropertyName, Timestamp, Value};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::view::json::{write_bytes, write_if_json, write_text};

/// A device with everything known of it.
#[derive(Serialize)]
pub(crate) struct DeviceView<'a> {
    id: &'a str,
    name: &'a str,
    room: Option<&'a str>,
    model: Option<&'a str>,
    icon: Option<&'a str>,
    via: Option<&'static str>,
    demo: bool,
    online: bool,
    rejected: RejectedView,
    properties: BTreeMap<&'a str, PropertyView<'a>>,
}

impl<'a> DeviceView<'a> {
    /// The device with those of its properties that may be shown.
    pub(crate) fn new(id: &'a str, state: &'a DeviceState, may_show: impl Fn(&PropertyName) -> bool) -> Self {
        let info = &state.info;
        let shown = state.properties.iter().filter(|(name, _)| may_show(name));
        let last = state.rejected.last.as_ref().filter(|(rejection, _)| may_show(&rejection.property));
        Self {
            id,
            name: info.name.as_deref().unwrap_or(id),
            room: info.room.as_deref(),
            model: info.model.as_deref(),
            icon: info.icon.as_deref(),
            via: state.via,
            demo: info.demo,
            online: state.is_online(),
            rejected: RejectedView {
                count: state.rejected.count,
                last: last.map(|(rejection, time)| RejectionView {
                    property: rejection.property.as_str().to_owned(),
                    value: rejection.value.clone(),
                    reason: rejection.to_string(),
                    time: time.to_string(),
                }),
            },
            properties: shown.map(|(name, property)| (name.as_str(), PropertyView::new(property))).collect(),
        }
    }
}

#[derive(Serialize)]
struct RejectedView {
    count: u64,
    last: Option<RejectionView>,
}

#[derive(Serialize)]
struct RejectionView {
    property: String,
    value: String,
    reason: String,
    time: String,
}

#[derive(Serialize)]
struct PropertyView<'a> {
    r#type: &'static str,
    unit: Option<&'a str>,
    min: Option<Number>,
    max: Option<Number>,
    step: Option<Number>,
    options: Option<&'a [String]>,
    access: Vec<&'static str>,
    role: Option<&'a str>,
    declared: bool,
    value: Option<Box<RawValue>>,
    target: Option<Box<RawValue>>,
    time: Option<String>,
    via: Option<&'static str>,
}

impl<'a> PropertyView<'a> {
    fn new(property: &'a Property) -> Self {
        let spec = &property.spec;
        Self {
            r#type: spec.kind.name(),
            unit: spec.unit.as_deref(),
            min: spec.min.map(Number),
            max: spec.max.map(Number),
            step: spec.step.map(Number),
            options: (!spec.options.is_empty()).then_some(&spec.options),
            access: access_words(spec.access),
            role: spec.role.as_deref(),
            declared: spec.declared,
            value: property.value.as_ref().map(value_json),
            target: property.target.as_ref().map(|target| value_json(&target.value)),
            time: property.time.map(|time| time.to_string()),
            via: property.via,
        }
    }
}

/// A property by itself.
#[derive(Serialize)]
pub(crate) struct ReadingView<'a> {
    value: Option<Box<RawValue>>,
    target: Option<Box<RawValue>>,
    time: Option<String>,
    r#type: &'static str,
    unit: Option<&'a str>,
}

impl<'a> ReadingView<'a> {
    pub(crate) fn new(
        value: Option<&Value>,
        target: Option<&Value>,
        time: Option<Timestamp>,
        r#type: &'static str,
        unit: Option<&'a str>,
    ) -> Self {
        Self {
            value: value.map(value_json),
            target: target.map(value_json),
            time: time.map(|time| time.to_string()),
            r#type,
            unit,
        }
    }
}

/// Whole numbers are written without `.0`, as in payloads.
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        value_json(&Value::Float(self.0)).serialize(serializer)
    }
}

/// The words for a property's access.
fn access_words(access: PropertyAccess) -> Vec<&'static str> {
    let PropertyAccess { read, set, event } = access;
    [(read, "read"), (set, "set"), (event, "event")].into_iter().filter(|(has, _)| *has).map(|(_, word)| word).collect()
}

fn value_json(value: &Value) -> Box<RawValue> {
    let mut json = Vec::new();
    let payload = value.to_payload();
    match value {
        // What they are written as in payloads is JSON, too.
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => json.extend_from_slice(&payload),
        Value::Text(text) => write_text(text, &mut json),
        Value::Json(text) => {
            if !write_if_json(text, &mut json) {
                write_text(text, &mut json); // nested too deep to be shown as JSON
            }
        }
        Value::Bytes(bytes) => write_bytes(bytes, &mut json),
    }
    let json = String::from_utf8(json).expect("JSON is UTF-8");
    RawValue::from_string(json).expect("written as JSON just now")
}

#[cfg(test)]
mod tests {
    use housewire_core::Type;

    use super::*;

    #[test]
    fn values_of_each_type() {
        for (kind, payload, expected) in [
            (Type::Bool, "true", "true"),
            (Type::Int, "-3", "-3"),
            (Type::Float, "21.0", "21"),
            (Type::Float, "1e3", "1000"),
            (Type::Float, "-0.25", "-0.25"),
            (Type::String, "21.5", "\"21.5\""),
            (Type::Color, "#FF8800", "\"#ff8800\""),
            (Type::Json, "{ \"a\" : 1 }", "{\"a\":1}"),
            (Type::Bytes, "hi", "{\"base64\":\"aGk=\"}"),
        ] {
            let value = Value::parse(kind, payload.as_bytes()).unwrap();
            assert_eq!(value_json(&value).get(), expected, "{kind} {payload}");
        }
    }

    #[test]
    fn numbers_of_declarations() {
        for (number, expected) in [(0.0, "0"), (100.0, "100"), (0.5, "0.5"), (-1e300, "-1")] {
            assert!(serde_json::to_string(&Number(number)).unwrap().starts_with(expected), "{number}");
        }
    }
}
