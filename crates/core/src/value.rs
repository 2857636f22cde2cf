//! Types and values of properties, and the text they are written in.
//!
//! Payload text follows the Homie convention (`true`, `21.5`, `#ff8800`); how values look in JSON belongs to the
//! server, which rules a property declares to `property`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde_json::value::RawValue;

/// What kind of value a property holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A whole number, 64 bits, signed.
    Int,
    /// A finite number; whole values are written without `.0`.
    Float,
    /// One of the property's options.
    Enum,
    /// Any UTF-8 text.
    String,
    /// `#rrggbb`.
    Color,
    /// A JSON text.
    Json,
    /// Anything.
    Bytes,
}

impl Type {
    /// All types, in the order they are documented.
    pub const ALL: [Self; 8] =
        [Self::Bool, Self::Int, Self::Float, Self::Enum, Self::String, Self::Color, Self::Json, Self::Bytes];

    /// Its name in the API and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::Enum => "enum",
            Self::String => "string",
            Self::Color => "color",
            Self::Json => "json",
            Self::Bytes => "bytes",
        }
    }

    /// Whether values can lie in a range.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Float)
    }

    /// The type that a first report suggests: numbers are `float`, `true` and `false` `bool`, other text `string`.
    pub fn infer(payload: &[u8]) -> Self {
        match std::str::from_utf8(payload) {
            Err(_) => Self::Bytes,
            Ok("true" | "false") => Self::Bool,
            Ok(text) if parse_float(text).is_some() => Self::Float,
            Ok(_) => Self::String,
        }
    }

    /// The narrowest inferred type that holds what this type holds and the payload too.
    pub fn widen(self, payload: &[u8]) -> Self {
        if Value::parse(self, payload).is_some() {
            self
        } else if std::str::from_utf8(payload).is_ok() {
            Self::String
        } else {
            Self::Bytes
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name is none of [`Type::ALL`].
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is no type; use one of bool, int, float, enum, string, color, json, bytes")]
pub struct UnknownType(String);

impl FromStr for Type {
    type Err = UnknownType;

    fn from_str(name: &str) -> Result<Self, UnknownType> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownType(name.to_owned()))
    }
}

/// One value of a property.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// See [`Type::Bool`].
    Bool(bool),
    /// See [`Type::Int`].
    Int(i64),
    /// See [`Type::Float`]; always finite.
    Float(f64),
    /// Of an enum, a string or a color (in lower case).
    Text(Box<str>),
    /// A JSON text as it came.
    Json(Box<str>),
    /// See [`Type::Bytes`].
    Bytes(Bytes),
}

impl Value {
    /// Reads a payload as a value of this type; `None` if it is not one.
    pub fn parse(kind: Type, payload: &[u8]) -> Option<Self> {
        if kind == Type::Bytes {
            return Some(Self::Bytes(Bytes::copy_from_slice(payload)));
        }
        let text = std::str::from_utf8(payload).ok()?;
        match kind {
            Type::Bool => match text {
                "true" => Some(Self::Bool(true)),
                "false" => Some(Self::Bool(false)),
                _ => None,
            },
            Type::Int => text.parse().map(Self::Int).ok().or_else(|| parse_whole_float(text)),
            Type::Float => parse_float(text).map(Self::Float),
            Type::Enum | Type::String => Some(Self::Text(text.into())),
            Type::Color => is_color(text).then(|| Self::Text(text.to_ascii_lowercase().into())),
            Type::Json => serde_json::from_str::<&RawValue>(text).ok().map(|_| Self::Json(text.into())),
            Type::Bytes => None,
        }
    }

    /// As a payload: what a device is sent, and what is stored.
    pub fn to_payload(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Bool(true) => Cow::Borrowed(b"true"),
            Self::Bool(false) => Cow::Borrowed(b"false"),
            Self::Int(number) => Cow::Owned(number.to_string().into_bytes()),
            Self::Float(number) => Cow::Owned(number.to_string().into_bytes()),
            Self::Text(text) | Self::Json(text) => Cow::Borrowed(text.as_bytes()),
            Self::Bytes(bytes) => Cow::Borrowed(bytes),
        }
    }

    /// Whether both mean the same: as payloads, or JSON as values, since white space and the order of fields say nothing.
    pub fn means(&self, other: &Self) -> bool {
        let parse = |text| serde_json::from_str::<serde_json::Value>(text).ok();
        match (self, other) {
            (Self::Json(one), Self::Json(two)) => one == two || parse(one).is_some_and(|one| Some(one) == parse(two)),
            _ => self.to_payload() == other.to_payload(),
        }
    }

    /// The number in it, for ranges.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "a range is given in f64 anyway")]
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }
}

/// JSON's number syntax and a leading plus, but neither `inf` nor `nan`, which Rust's parser takes too.
fn parse_float(text: &str) -> Option<f64> {
    let starts_like_a_number =
        text.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if !starts_like_a_number {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// `3.0` and `1e3` are whole numbers too; devices print them so.
fn parse_whole_float(text: &str) -> Option<Value> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0; // 2^53: beyond it f64 skips whole numbers
    let number = parse_float(text)?;
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and within 2^53")]
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(Value::Int(number as i64))
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn infers_types_from_first_reports() {
        for (payload, expected) in [
            ("true", Type::Bool),
            ("TRUE", Type::String),
            ("21", Type::Float),
            ("-0.5e3", Type::Float),
            (".5", Type::Float),
            ("nan", Type::String),
            ("inf", Type::String),
            ("1e999", Type::String),
            ("21 C", Type::String),
            ("", Type::String),
            ("#ff8800", Type::String),
        ] {
            assert_eq!(Type::infer(payload.as_bytes()), expected, "{payload}");
        }
        assert_eq!(Type::infer(&[0xff]), Type::Bytes);
    }

    #[test]
    fn widens_only_on_a_misfit() {
        for (kind, payload, expected) in [
            (Type::Float, "7", Type::Float),
            (Type::Float, "hot", Type::String),
            (Type::Bool, "1", Type::String),
            (Type::String, "7", Type::String),
        ] {
            assert_eq!(kind.widen(payload.as_bytes()), expected, "{kind} {payload}");
        }
        assert_eq!(Type::String.widen(&[0xff]), Type::Bytes);
    }

    #[test]
    fn parses_each_type() {
        for (kind, payload, expected) in [
            (Type::Int, "42", Some("42")),
            (Type::Int, "42.0", Some("42")),
            (Type::Int, "42.5", None),
            (Type::Float, "21.0", Some("21")),
            (Type::Float, "21.50", Some("21.5")),
            (Type::Float, "x", None),
            (Type::Color, "#FF8800", Some("#ff8800")),
            (Type::Color, "#f80", None),
            (Type::Color, "ff8800", None),
            (Type::Json, "{\"a\":1}", Some("{\"a\":1}")),
            (Type::Json, "{a:1}", None),
            (Type::Bool, "on", None),
        ] {
            let parsed = Value::parse(kind, payload.as_bytes());
            let text = parsed.as_ref().map(|value| String::from_utf8(value.to_payload().into_owned()).unwrap());
            assert_eq!(text.as_deref(), expected, "{kind} {payload}");
        }
    }

    proptest! {
        #[test]
        fn a_value_survives_its_own_text(payload in prop::collection::vec(any::<u8>(), 0..20), number in any::<f64>()) {
            for kind in Type::ALL {
                for payload in [payload.clone(), number.to_string().into_bytes()] {
                    if let Some(value) = Value::parse(kind, &payload) {
                        prop_assert_eq!(Value::parse(kind, &value.to_payload()), Some(value));
                    }
                }
            }
        }
    }
}
