//! What the hub's API says of devices, as far as the command line shows it, and how values and ages read.
//!
//! Which of it is shown where belongs to the commands.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One device.
#[derive(Debug, Deserialize)]
pub(super) struct DeviceView {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) room: Option<String>,
    pub(super) model: Option<String>,
    pub(super) via: Option<String>,
    pub(super) demo: bool,
    pub(super) online: bool,
    pub(super) rejected: RejectedView,
    pub(super) properties: BTreeMap<String, PropertyView>,
}

/// Messages of a device that broke its declared rules.
#[derive(Debug, Deserialize)]
pub(super) struct RejectedView {
    pub(super) count: u64,
    pub(super) last: Option<RejectionView>,
}

/// The last of them.
#[derive(Debug, Deserialize)]
pub(super) struct RejectionView {
    pub(super) property: String,
    pub(super) value: Value,
    pub(super) reason: String,
    pub(super) time: String,
}

/// One property of a device.
#[derive(Debug, Deserialize)]
pub(super) struct PropertyView {
    #[serde(flatten)]
    pub(super) state: StateView,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) options: Option<Vec<String>>,
    pub(super) access: Vec<String>,
}

/// What a property holds; also what reading one is answered with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StateView {
    pub(super) value: Value,
    pub(super) target: Value,
    /// RFC 3339, passed on as the hub wrote it.
    pub(super) time: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) unit: Option<String>,
}

impl StateView {
    /// The value as the payload it came as; `None` if nothing was reported yet.
    pub(super) fn payload(&self) -> Option<Vec<u8>> {
        if self.value.is_null() { None } else { Some(payload_of(&self.kind, &self.value)) }
    }

    /// The value for people: with its unit, and with what was asked for behind an arrow.
    pub(super) fn shown(&self) -> String {
        let show = |value: &Value| match (value, self.unit.as_deref()) {
            (Value::Null, _) => "–".to_owned(),
            (Value::Object(_), _) if self.kind == "bytes" => {
                format!("{} bytes", payload_of(&self.kind, value).len())
            }
            (value, Some(unit)) => format!("{} {unit}", payload_text(&self.kind, value)),
            (value, None) => payload_text(&self.kind, value),
        };
        if self.target.is_null() {
            show(&self.value)
        } else {
            format!("{} → {}", show(&self.value), show(&self.target))
        }
    }
}

/// The payload that a JSON value stands for, in a property of this type.
fn payload_of(kind: &str, value: &Value) -> Vec<u8> {
    let bytes = value.get("base64").filter(|_| kind == "bytes").and_then(Value::as_str);
    match bytes.and_then(|text| STANDARD.decode(text).ok()) {
        Some(bytes) => bytes,
        None => payload_text(kind, value).into_bytes(),
    }
}

/// The text that a JSON value stands for: strings bare (but not within JSON), whole numbers without `.0`.
pub(super) fn payload_text(kind: &str, value: &Value) -> String {
    match value {
        Value::String(text) if kind != "json" => text.clone(),
        Value::Number(number) if !number.is_i64() && !number.is_u64() => {
            number.as_f64().map_or_else(|| number.to_string(), |float| float.to_string())
        }
        _ => value.to_string(),
    }
}

/// Any payload as JSON, by the rule of all JSON channels: JSON as it is, other text a string, else base64.
pub(super) fn payload_json(payload: &[u8]) -> Value {
    match std::str::from_utf8(payload) {
        Ok(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
        Err(_) => serde_json::json!({"base64": STANDARD.encode(payload)}),
    }
}

/// How long ago that was, in one unit: `12 s`, `3 min`, `5 h`, `2 d`. What lies ahead (two clocks never agree) is now.
/// What is no time is shown as it is.
pub(super) fn age(time: &str, now: Timestamp) -> String {
    let Ok(time) = time.parse() else { return time.to_owned() };
    let seconds = now.duration_since(time).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(kind: &str, value: Value) -> StateView {
        StateView { value, target: Value::Null, time: None, kind: kind.to_owned(), unit: None }
    }

    #[test]
    fn values_become_the_payload_they_came_as() {
        for (kind, value, expected) in [
            ("bool", json!(true), Some(&b"true"[..])),
            ("float", json!(21.0), Some(b"21")),
            ("float", json!(21.5), Some(b"21.5")),
            ("int", json!(-3), Some(b"-3")),
            ("string", json!("a b"), Some(b"a b")),
            ("json", json!("a"), Some(b"\"a\"")),
            ("json", json!({"base64": "AA=="}), Some(b"{\"base64\":\"AA==\"}")),
            ("bytes", json!({"base64": "/wA="}), Some(b"\xff\0")),
            ("float", Value::Null, None),
        ] {
            assert_eq!(state(kind, value.clone()).payload().as_deref(), expected, "{kind} {value}");
        }
    }

    #[test]
    fn values_are_shown_with_unit_and_request() {
        let plain = state("float", json!(21.5));
        assert_eq!(plain.shown(), "21.5");
        let with_unit = StateView { unit: Some("°C".to_owned()), ..plain };
        assert_eq!(with_unit.shown(), "21.5 °C");
        assert_eq!(StateView { target: json!(22), ..with_unit.clone() }.shown(), "21.5 °C → 22 °C");
        assert_eq!(StateView { value: Value::Null, target: json!(22), ..with_unit }.shown(), "– → 22 °C");
        assert_eq!(state("bytes", json!({"base64": "/wA="})).shown(), "2 bytes");
    }

    #[test]
    fn payloads_become_json() {
        assert_eq!(payload_json(b"21.5"), json!(21.5));
        assert_eq!(payload_json(b"hot"), json!("hot"));
        assert_eq!(payload_json(b""), json!(""));
        assert_eq!(payload_json(b"\xff\0"), json!({"base64": "/wA="}));
    }

    #[test]
    fn ages_are_rounded_down_to_one_unit() {
        let then = "2025-01-01T00:00:00Z";
        for (seconds, expected) in [(-5, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (3_599, "59 min")]
            .into_iter()
            .chain([(3_600, "1 h"), (172_799, "47 h"), (172_800, "2 d")])
        {
            let now = then.parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_secs(seconds);
            assert_eq!(age(then, now), expected, "{seconds}");
        }
        assert_eq!(age("yesterday", Timestamp::UNIX_EPOCH), "yesterday");
    }
}
