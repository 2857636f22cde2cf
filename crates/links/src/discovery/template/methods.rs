//! Python's methods of texts, lists and maps, which templates written for Home Assistant call: `value.split(':')[1]`.
//!
//! Most are filters of the engine under another name, which charge for what they do.

use minijinja::formatting::{FormatStyle, format};
use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

use super::filters::pay_fields;

/// What the engine calls when it does not know a method itself.
pub(super) fn call(state: &mut State<'_, '_>, on: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    match on.kind() {
        ValueKind::String => of_text(state, on, name, args),
        ValueKind::Map => of_map(on, name, args),
        ValueKind::Seq if name == "index" || name == "count" => of_list(state, on, name, args),
        ValueKind::Number if name == "is_integer" => {
            Ok(Value::from(f64::try_from(on.clone()).is_ok_and(|number| number.fract() == 0.0)))
        }
        _ => Err(ErrorKind::UnknownMethod.into()),
    }
}

fn of_text(state: &mut State<'_, '_>, on: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    let text = on.to_str().unwrap_or_default();
    let wanted = || args.first().and_then(Value::to_str).unwrap_or_default();
    // Each looks at the text once.
    state.consume_fuel(text.len() as u64 / 64)?;
    Ok(match name {
        "lower" | "upper" | "title" | "capitalize" | "replace" | "split" => {
            let mut with = vec![on.clone()];
            with.extend_from_slice(args);
            return state.apply_filter(name, &with);
        }
        "strip" | "lstrip" | "rstrip" => strip(&text, name, args.first().and_then(Value::to_str).as_deref()),
        "splitlines" => Value::from(text.lines().map(Value::from).collect::<Vec<_>>()),
        "startswith" => Value::from(text.starts_with(&*wanted())),
        "endswith" => Value::from(text.ends_with(&*wanted())),
        "find" => {
            let place = text.find(&*wanted()).map(|bytes| text[..bytes].chars().count() as i64);
            Value::from(place.unwrap_or(-1))
        }
        "count" if wanted().is_empty() => Value::from(text.chars().count() + 1),
        "count" => Value::from(text.matches(&*wanted()).count()),
        "isdigit" | "isnumeric" | "isdecimal" => all(&text, char::is_numeric),
        "isalpha" => all(&text, char::is_alphabetic),
        "isalnum" => all(&text, char::is_alphanumeric),
        "zfill" => {
            const WIDTH_MAX: usize = 256;
            let width = args.first().and_then(Value::as_usize).unwrap_or(0).min(WIDTH_MAX);
            Value::from(format!("{text:0>width$}"))
        }
        "removeprefix" => Value::from(text.strip_prefix(&*wanted()).unwrap_or(&text)),
        "removesuffix" => Value::from(text.strip_suffix(&*wanted()).unwrap_or(&text)),
        "join" => {
            let list = args.first().cloned().unwrap_or_default();
            return state.apply_filter("join", &[list, on.clone()]);
        }
        "format" => return formatted(state, &text, args),
        _ => return Err(ErrorKind::UnknownMethod.into()),
    })
}

/// `str.format`. A width is what it may ask for beyond what it is given, so widths of more than three digits are refused.
fn formatted(state: &State<'_, '_>, text: &str, args: &[Value]) -> Result<Value, Error> {
    let mut digits = 0;
    for letter in text.chars() {
        digits = if letter.is_ascii_digit() { digits + 1 } else { 0 };
        if digits > 3 {
            return Err(Error::new(ErrorKind::InvalidOperation, "a width of more than three digits"));
        }
    }
    const FIELDS_MAX: usize = 64;
    let fields = text.matches('{').count();
    if fields > FIELDS_MAX {
        return Err(Error::new(ErrorKind::InvalidOperation, "more than 64 fields to format"));
    }
    pay_fields(state, fields, args)?;
    format(FormatStyle::StrFormat, text, args).map(Value::from)
}

fn strip(text: &str, name: &str, letters: Option<&str>) -> Value {
    let goes = |letter: char| letters.map_or_else(|| letter.is_whitespace(), |letters| letters.contains(letter));
    Value::from(match name {
        "lstrip" => text.trim_start_matches(goes),
        "rstrip" => text.trim_end_matches(goes),
        _ => text.trim_matches(goes),
    })
}

fn all(text: &str, holds: impl Fn(char) -> bool) -> Value {
    Value::from(!text.is_empty() && text.chars().all(holds))
}

fn of_map(on: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    let pairs = || -> Result<Vec<(Value, Value)>, Error> {
        on.try_iter()?.map(|key| Ok((key.clone(), on.get_item(&key)?))).collect()
    };
    Ok(match name {
        "get" => {
            let found = args.first().map_or(Ok(Value::UNDEFINED), |key| on.get_item(key))?;
            if found.is_undefined() { args.get(1).cloned().unwrap_or(Value::from(())) } else { found }
        }
        "keys" => Value::from(on.try_iter()?.collect::<Vec<_>>()),
        "values" => Value::from(pairs()?.into_iter().map(|(_, value)| value).collect::<Vec<_>>()),
        "items" => {
            Value::from(pairs()?.into_iter().map(|(key, value)| Value::from(vec![key, value])).collect::<Vec<_>>())
        }
        _ => return Err(ErrorKind::UnknownMethod.into()),
    })
}

fn of_list(state: &State<'_, '_>, on: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    let wanted = args.first().cloned().unwrap_or_default();
    state.consume_fuel(on.len().unwrap_or(0) as u64)?;
    if name == "count" {
        return Ok(Value::from(on.try_iter()?.filter(|item| *item == wanted).count()));
    }
    let place = on.try_iter()?.position(|item| item == wanted);
    place.map(Value::from).ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "the list does not have it"))
}
