//! Payloads in channels that speak JSON: which bytes become which JSON, and back.
//!
//! Out: a payload that is valid JSON becomes that value, other UTF-8 a string, anything else `{"base64":"…"}`. In: a string
//! becomes its text, anything else compact JSON. Numbers keep their digits and objects their order, as JSON is passed on
//! as text and never read into a tree.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::limits::JSON_DEPTH_MAX;

/// A text is not JSON.
#[derive(Debug, Error)]
pub(crate) enum JsonError {
    /// With line and column.
    #[error(transparent)]
    Syntax(#[from] serde_json::Error),
    /// See [`JSON_DEPTH_MAX`].
    #[error("it is nested deeper than {JSON_DEPTH_MAX} levels")]
    TooDeep,
}

/// Appends a payload as JSON on one line.
pub(crate) fn write_payload(payload: &[u8], out: &mut Vec<u8>) {
    match std::str::from_utf8(payload) {
        Ok(text) if write_if_json(text, out) => {}
        Ok(text) => write_text(text, out),
        Err(_) => write_bytes(payload, out),
    }
}

/// Appends a text as a JSON string.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("writing a string to memory cannot fail");
}

/// Appends bytes that are no text.
pub(crate) fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    let mut text = String::with_capacity(bytes.len() / 3 * 4 + 4);
    BASE64.encode_string(bytes, &mut text);
    out.extend_from_slice(b"{\"base64\":\"");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\"}");
}

/// Appends the text if it is JSON; whether it is.
pub(crate) fn write_if_json(text: &str, out: &mut Vec<u8>) -> bool {
    // Most texts that are no JSON show it in the first byte.
    let first = text.bytes().find(|byte| !is_space(*byte));
    let may_be_json = matches!(first, Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'));
    may_be_json && serde_json::from_str::<&RawValue>(text).is_ok_and(|json| write_compact(json.get(), out).is_ok())
}

/// Whether the text is JSON.
pub(crate) fn is_json(text: &str) -> bool {
    write_if_json(text, &mut Vec::new())
}

/// The payload that a JSON body stands for.
pub(crate) fn parse_payload(body: &[u8]) -> Result<Cow<'_, [u8]>, JsonError> {
    payload_of(serde_json::from_slice(body)?)
}

/// The payload that a JSON value stands for.
pub(crate) fn payload_of(json: &RawValue) -> Result<Cow<'_, [u8]>, JsonError> {
    let text = json.get();
    if text.starts_with('"') {
        return Ok(match serde_json::from_str::<Cow<'_, str>>(text)? {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        });
    }
    let mut payload = Vec::with_capacity(text.len());
    write_compact(text, &mut payload)?;
    Ok(Cow::Owned(payload))
}

/// Appends valid JSON without the white space between its tokens; appends nothing if it is nested too deep.
fn write_compact(json: &str, out: &mut Vec<u8>) -> Result<(), JsonError> {
    let start = out.len();
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        if in_string {
            in_string = is_escaped || byte != b'"';
            is_escaped = byte == b'\\' && !is_escaped;
        } else {
            match byte {
                byte if is_space(byte) => continue,
                b'"' => in_string = true,
                b'[' | b'{' => {
                    depth += 1;
                    if depth > JSON_DEPTH_MAX {
                        out.truncate(start);
                        return Err(JsonError::TooDeep);
                    }
                }
                b']' | b'}' => depth -= 1,
                _ => {}
            }
        }
        out.push(byte);
    }
    Ok(())
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The elements of a JSON list as they stand there; of a longer list than `len_max`, so many and one more.
pub(crate) fn list_of(text: &str, len_max: usize) -> Result<Vec<&RawValue>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let elements = deserializer.deserialize_seq(ElementsVisitor { len_max })?;
    deserializer.end()?;
    Ok(elements)
}

struct ElementsVisitor {
    len_max: usize,
}

impl<'de> Visitor<'de> for ElementsVisitor {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list […]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element()? {
            elements.push(element);
            if elements.len() > self.len_max {
                // What is left is looked at, and kept nowhere.
                while sequence.next_element::<IgnoredAny>()?.is_some() {}
            }
        }
        Ok(elements)
    }
}

/// Read from a JSON object only: what serde derives would take a list of the fields' values, too.
#[derive(Debug, Default)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object {…}")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(payload: &[u8]) -> String {
        let mut out = Vec::new();
        write_payload(payload, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn payloads_on_their_way_out() {
        for (payload, expected) in [
            ("21.5", "21.5"),
            ("true", "true"),
            ("null", "null"),
            (" 7\n", "7"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("{\n \"z\": [1, 2],\n \"a\": \"x \\\" y\\\\\" }", "{\"z\":[1,2],\"a\":\"x \\\" y\\\\\"}"),
            ("\"quoted\"", "\"quoted\""),
            ("hello", "\"hello\""),
            ("two\nlines", "\"two\\nlines\""),
            ("{broken", "\"{broken\""),
            ("01", "\"01\""),
            ("NaN", "\"NaN\""),
            ("nul", "\"nul\""),
            ("1 2", "\"1 2\""),
            ("", "\"\""),
            ("\u{feff}1", "\"\u{feff}1\""),
        ] {
            assert_eq!(shown(payload.as_bytes()), expected, "{payload}");
        }
        assert_eq!(shown(&[0xff, 0]), "{\"base64\":\"/wA=\"}");
    }

    #[test]
    fn payloads_on_their_way_in() {
        for (json, expected) in [
            ("\"on\"", "on"),
            ("\"\"", ""),
            ("\"a\\u00fc\\n\"", "aü\n"),
            (" 21.50 ", "21.50"),
            ("null", "null"),
            ("{ \"a\" : [ 1, null ] }", "{\"a\":[1,null]}"),
            ("{\"base64\":\"AA==\"}", "{\"base64\":\"AA==\"}"),
        ] {
            assert_eq!(parse_payload(json.as_bytes()).unwrap(), expected.as_bytes(), "{json}");
        }
        for broken in ["", "{", "tru", "'x'", "\"\\ud800\"", "1 2"] {
            assert!(parse_payload(broken.as_bytes()).is_err(), "{broken}");
        }
        assert!(parse_payload(b"\"\xff\"").is_err());
        let message = parse_payload(b"{\n  \"a\": }").unwrap_err().to_string();
        assert!(message.contains("line 2 column 8"), "{message}");
    }

    #[test]
    fn what_is_nested_too_deep_is_no_json() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(shown(nested(JSON_DEPTH_MAX).as_bytes()), nested(JSON_DEPTH_MAX));
        assert!(shown(nested(JSON_DEPTH_MAX + 1).as_bytes()).starts_with("\"[["));
        assert!(matches!(parse_payload(nested(JSON_DEPTH_MAX + 1).as_bytes()), Err(JsonError::TooDeep)));
        assert!(shown(nested(200_000).as_bytes()).starts_with('"'));
    }

    proptest! {
        #[test]
        fn anything_becomes_json_on_one_line(payload in prop::collection::vec(any::<u8>(), 0..40)) {
            let shown = shown(&payload);
            prop_assert!(serde_json::from_str::<&RawValue>(&shown).is_ok());
            prop_assert!(!shown.contains(['\n', '\r']));
        }

        #[test]
        fn text_that_is_no_json_comes_back_as_it_went(text in "[a-zé \"\\\\]{0,12}") {
            let shown = shown(text.as_bytes());
            if serde_json::from_str::<&RawValue>(&text).is_err() {
                prop_assert_eq!(&*parse_payload(shown.as_bytes()).unwrap(), text.as_bytes());
            }
        }
    }
}
