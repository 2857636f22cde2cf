//! Values of pins, which are texts, one or several, as payloads of properties, which have types; and back.
//!
//! Nothing is refused here: what does not fit its property is refused by `core`, as through every door.

use std::borrow::Cow;

use housewire_core::{PropertySpec, Type};
use housewire_protocols::blynk::Parts;
use serde_json::value::RawValue;

/// Divides values on the wire.
const DIVIDER: u8 = 0;

/// The payload that a device's values are. `spec` is what was declared of the property; nothing is known of others.
pub(crate) fn to_payload<'a>(spec: Option<&PropertySpec>, values: Parts<'a>) -> Cow<'a, [u8]> {
    let single = values.single();
    match (spec.map(|spec| spec.kind), single) {
        (Some(Type::Bool), Some(b"1")) => Cow::Borrowed(b"true"),
        (Some(Type::Bool), Some(b"0")) => Cow::Borrowed(b"false"),
        (Some(Type::Enum), Some(value)) => {
            let options = spec.map(|spec| &*spec.options).unwrap_or_default();
            Cow::Owned(option_of(options, value).unwrap_or(value).to_vec())
        }
        (Some(Type::Color), None) => match color_of(values) {
            Some(color) => Cow::Owned(color.into_bytes()),
            None => Cow::Owned(list_of(values)),
        },
        (Some(Type::Json), Some(value)) => {
            let is_json = std::str::from_utf8(value).is_ok_and(|text| serde_json::from_str::<&RawValue>(text).is_ok());
            if is_json { Cow::Borrowed(value) } else { Cow::Owned(list_of(values)) }
        }
        (_, Some(value)) => Cow::Borrowed(value),
        (_, None) => Cow::Owned(list_of(values)),
    }
}

/// Appends the values that a payload is, as they stand on the wire.
pub(crate) fn write_values(spec: Option<&PropertySpec>, payload: &[u8], out: &mut Vec<u8>) {
    match spec.map(|spec| spec.kind) {
        Some(Type::Bool) if payload == b"true" => out.push(b'1'),
        Some(Type::Bool) if payload == b"false" => out.push(b'0'),
        Some(Type::Enum) => {
            let options = spec.map(|spec| &*spec.options).unwrap_or_default();
            match options.iter().position(|option| option.as_bytes() == payload) {
                // Widgets count from 1.
                Some(place) => out.extend_from_slice((place + 1).to_string().as_bytes()),
                None => out.extend_from_slice(payload),
            }
        }
        Some(Type::Color) => match rgb_of(payload) {
            Some([red, green, blue]) => {
                let text = format!("{red}\0{green}\0{blue}");
                out.extend_from_slice(text.as_bytes());
            }
            None => out.extend_from_slice(payload),
        },
        // A text that was declared as one stays one.
        Some(Type::String | Type::Bytes) => out.extend_from_slice(payload),
        _ => {
            if !write_list(payload, out) {
                out.extend_from_slice(payload);
            }
        }
    }
}

/// By its number, as widgets count, or by itself.
fn option_of<'o>(options: &'o [String], value: &[u8]) -> Option<&'o [u8]> {
    if options.iter().any(|option| option.as_bytes() == value) {
        return None;
    }
    let number: usize = std::str::from_utf8(value).ok()?.parse().ok()?;
    options.get(number.checked_sub(1)?).map(String::as_bytes)
}

/// Red, green and blue, 0 to 255 each.
fn color_of(values: Parts<'_>) -> Option<String> {
    let parts: Option<Vec<u8>> = values.map(|part| std::str::from_utf8(part).ok()?.parse().ok()).collect();
    match parts?.as_slice() {
        [red, green, blue] => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
        _ => None,
    }
}

fn rgb_of(payload: &[u8]) -> Option<[u8; 3]> {
    let digits = std::str::from_utf8(payload).ok()?.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let number = u32::from_str_radix(digits, 16).ok()?;
    let [_, red, green, blue] = number.to_be_bytes();
    Some([red, green, blue])
}

/// A JSON list of them, with what is a number in JSON as one, written as it came.
fn list_of(values: Parts<'_>) -> Vec<u8> {
    let mut list = vec![b'['];
    for (place, value) in values.enumerate() {
        if place > 0 {
            list.push(b',');
        }
        let text = String::from_utf8_lossy(value);
        if is_number(&text) {
            list.extend_from_slice(text.as_bytes());
        } else {
            let quoted = serde_json::to_string(&*text).expect("a text can be written in JSON");
            list.extend_from_slice(quoted.as_bytes());
        }
    }
    list.push(b']');
    list
}

/// JSON's syntax for numbers, and so what comes back as it was.
fn is_number(text: &str) -> bool {
    let begins_so = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    begins_so && serde_json::from_str::<&RawValue>(text).is_ok_and(|raw| raw.get() == text)
}

/// Appends the entries of a JSON list of texts, numbers and truth values; `false`, and nothing, if it is none.
fn write_list(payload: &[u8], out: &mut Vec<u8>) -> bool {
    if payload.first() != Some(&b'[') {
        return false;
    }
    let Ok(entries) = serde_json::from_slice::<Vec<&RawValue>>(payload) else { return false };
    let start = out.len();
    for (place, entry) in entries.iter().enumerate() {
        if place > 0 {
            out.push(DIVIDER);
        }
        let entry = entry.get();
        match entry.as_bytes().first() {
            Some(b'"') => match serde_json::from_str::<Cow<'_, str>>(entry) {
                Ok(text) => out.extend_from_slice(text.as_bytes()),
                Err(_) => {
                    out.truncate(start);
                    return false;
                }
            },
            Some(b'[' | b'{') => {
                out.truncate(start);
                return false;
            }
            _ => match entry {
                "true" => out.push(b'1'),
                "false" => out.push(b'0'),
                _ => out.extend_from_slice(entry.as_bytes()),
            },
        }
    }
    !entries.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(kind: Type, options: &[&str]) -> PropertySpec {
        PropertySpec {
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            ..PropertySpec::declared(kind)
        }
    }

    #[track_caller]
    fn check(spec: Option<&PropertySpec>, wire: &str, payload: &str) {
        let wire = wire.replace('·', "\0");
        assert_eq!(to_payload(spec, Parts::of(wire.as_bytes())).as_ref(), payload.as_bytes(), "{wire:?} as a payload");
        check_back(spec, payload, &wire);
    }

    #[track_caller]
    fn check_back(spec: Option<&PropertySpec>, payload: &str, wire: &str) {
        let mut out = Vec::new();
        write_values(spec, payload.as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), wire.replace('·', "\0"), "{payload} on the wire");
    }

    #[test]
    fn pins_of_which_nothing_is_known() {
        check(None, "21.5", "21.5");
        check(None, "on", "on");
        check(None, "1·2.50·x", r#"[1,2.50,"x"]"#);
        check(None, "007·\"q\"·", r#"["007","\"q\"",""]"#);
        check_back(None, "[true,false]", "1·0");
        check_back(None, "[[1]]", "[[1]]");
        check_back(None, "[", "[");
        check_back(None, "[]", "[]");
        check_back(None, "#ff8000", "#ff8000");
    }

    #[test]
    fn typed_properties() {
        let of = |kind| spec(kind, &[]);
        check(Some(&of(Type::Bool)), "1", "true");
        check(Some(&of(Type::Bool)), "0", "false");
        check(Some(&of(Type::Color)), "255·128·0", "#ff8000");
        check(Some(&of(Type::Json)), "3·-4", "[3,-4]");
        check(Some(&of(Type::Json)), "{\"a\":1}", "{\"a\":1}");
        check(Some(&of(Type::String)), "[1,2]", "[1,2]");
        check(Some(&of(Type::Float)), "21.5", "21.5");
        let modes = spec(Type::Enum, &["off", "low", "high"]);
        check(Some(&modes), "3", "high");
        check_back(Some(&modes), "off", "1");
        // What does not fit is left to core, which refuses it with a reason.
        for (kind, wire, payload) in [
            (of(Type::Bool), "2", "2"),
            (of(Type::Color), "256·0·0", "[256,0,0]"),
            (of(Type::Color), "1·2", "[1,2]"),
            (modes.clone(), "4", "4"),
            (modes.clone(), "low", "low"),
            (of(Type::Json), "text", r#"["text"]"#),
        ] {
            let wire = wire.replace('·', "\0");
            assert_eq!(to_payload(Some(&kind), Parts::of(wire.as_bytes())).as_ref(), payload.as_bytes(), "{wire:?}");
        }
        // An option that is a number is meant by itself.
        let numbers = spec(Type::Enum, &["2", "1"]);
        assert_eq!(to_payload(Some(&numbers), Parts::of(b"2")).as_ref(), b"2");
    }
}
