//! Devices and properties as JSON.
//!
//! How a declaration is read belongs to `http`, which alone takes one.

use housewire_core::{DeviceState, Property, PropertyAccess, PropertyName, Timestamp, Value};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::view::json::{write_bytes, write_if_json, write_text};
use crate::view::schema::{Payload, TypeWord, access_list};

/// A device with everything known of it.
#[derive(Serialize, ToSchema)]
#[schema(as = Device)]
pub(crate) struct DeviceView<'a> {
    #[schema(example = "lamp")]
    id: &'a str,
    /// What people call it; its id if nobody named it.
    #[schema(example = "Desk lamp")]
    name: &'a str,
    #[schema(example = "Study")]
    room: Option<&'a str>,
    model: Option<&'a str>,
    icon: Option<&'a str>,
    /// The door of its last report: `mqtt`, `http`, `ws`; `null` before the first.
    #[schema(example = "mqtt")]
    via: Option<&'static str>,
    /// Belongs to the demo house.
    demo: bool,
    /// Whether it is there.
    online: bool,
    rejected: RejectedView,
    /// By name.
    #[schema(value_type = BTreeMap<String, PropertyView<'static>>)]
    properties: Properties<'a>,
}

/// Written one after the other, in the order that they have.
struct Properties<'a> {
    of: &'a DeviceState,
    may_show: &'a dyn Fn(&PropertyName) -> bool,
}

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = self.of.properties.iter().filter(|(name, _)| (self.may_show)(name));
        serializer.collect_map(shown.map(|(name, property)| (name.as_str(), PropertyView::new(property))))
    }
}

impl<'a> DeviceView<'a> {
    /// The device with those of its properties that may be shown.
    pub(crate) fn new(id: &'a str, state: &'a DeviceState, may_show: &'a dyn Fn(&PropertyName) -> bool) -> Self {
        let info = &state.info;
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
            properties: Properties { of: state, may_show },
        }
    }
}

/// Messages that its rules refused since the hub started.
#[derive(Serialize, ToSchema)]
#[schema(as = Rejected)]
struct RejectedView {
    count: u64,
    last: Option<RejectionView>,
}

/// A message that a rule refused.
#[derive(Serialize, ToSchema)]
#[schema(as = Rejection)]
struct RejectionView {
    #[schema(example = "level")]
    property: String,
    /// The beginning of what came.
    value: String,
    reason: String,
    #[schema(format = DateTime)]
    time: String,
}

/// A property of a device, with its rules and what it holds.
#[derive(Serialize, ToSchema)]
#[schema(as = Property)]
struct PropertyView<'a> {
    #[schema(value_type = TypeWord)]
    r#type: &'static str,
    #[schema(example = "%")]
    unit: Option<&'a str>,
    #[schema(value_type = Option<f64>)]
    min: Option<Number>,
    #[schema(value_type = Option<f64>)]
    max: Option<Number>,
    #[schema(value_type = Option<f64>)]
    step: Option<Number>,
    /// The values of an `enum`.
    options: Option<&'a [String]>,
    #[schema(schema_with = access_list)]
    access: Vec<&'static str>,
    /// What it means: temperature, light, battery …
    role: Option<&'a str>,
    /// Where else it lives; left out if that is nowhere.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<String>, example = json!(["blynk:V1"]))]
    bindings: &'a [String],
    /// Whether its rules refuse, or merely describe.
    declared: bool,
    /// What was last reported; `null` before the first report.
    #[schema(value_type = Payload)]
    value: Option<ValueView<'a>>,
    /// What is asked for and not confirmed.
    #[schema(value_type = Payload)]
    target: Option<ValueView<'a>>,
    /// Of the last report.
    #[schema(value_type = Option<String>, format = DateTime)]
    time: Option<TimeView>,
    /// The door of the last report.
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
            bindings: &spec.bindings,
            declared: spec.declared,
            value: property.value.as_ref().map(ValueView),
            target: property.target.as_ref().map(|target| ValueView(&target.value)),
            time: property.time.map(TimeView),
            via: property.via,
        }
    }
}

/// A property by itself.
#[derive(Serialize, ToSchema)]
#[schema(as = PropertyState)]
pub(crate) struct ReadingView<'a> {
    /// What was last reported; `null` before the first report.
    #[schema(value_type = Payload)]
    value: Option<ValueView<'a>>,
    /// What is asked for and not confirmed.
    #[schema(value_type = Payload)]
    target: Option<ValueView<'a>>,
    /// Of the last report.
    #[schema(value_type = Option<String>, format = DateTime)]
    time: Option<TimeView>,
    #[schema(value_type = TypeWord)]
    r#type: &'static str,
    #[schema(example = "%")]
    unit: Option<&'a str>,
}

impl<'a> ReadingView<'a> {
    pub(crate) fn new(
        value: Option<&'a Value>,
        target: Option<&'a Value>,
        time: Option<Timestamp>,
        r#type: &'static str,
        unit: Option<&'a str>,
    ) -> Self {
        Self { value: value.map(ValueView), target: target.map(ValueView), time: time.map(TimeView), r#type, unit }
    }
}

/// Whole numbers are written without `.0`, as in payloads.
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ValueView(&Value::Float(self.0)).serialize(serializer)
    }
}

/// A moment, as everywhere.
struct TimeView(Timestamp);

impl Serialize for TimeView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A value as JSON.
struct ValueView<'a>(&'a Value);

impl Serialize for ValueView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            // Most of them; what the others are written as is JSON already.
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::Text(text) => serializer.serialize_str(text),
            other => value_json(other).serialize(serializer),
        }
    }
}

/// The words for a property's access.
fn access_words(access: PropertyAccess) -> Vec<&'static str> {
    let PropertyAccess { read, set, event } = access;
    [(read, "read"), (set, "set"), (event, "event")].into_iter().filter(|(has, _)| *has).map(|(_, word)| word).collect()
}

/// A value as JSON, by itself.
pub(crate) fn value_json(value: &Value) -> Box<RawValue> {
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
            assert_eq!(serde_json::to_string(&ValueView(&value)).unwrap(), expected, "{kind} {payload}");
        }
    }

    #[test]
    fn numbers_of_declarations() {
        for (number, expected) in [(0.0, "0"), (100.0, "100"), (0.5, "0.5"), (-1e300, "-1")] {
            assert!(serde_json::to_string(&Number(number)).unwrap().starts_with(expected), "{number}");
        }
    }
}
