//! What templates written for Home Assistant use beyond Jinja's own filters, and those of Jinja's that mean something else there.

use minijinja::value::{Kwargs, Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, Output, State, Value, escape_formatter, filters, tests};

use super::super::limits::TEMPLATE_OUTPUT_BYTES_MAX;
use super::{NOT_DEFINED, from_json, guard};

pub(super) fn add(engine: &mut Environment<'_>) {
    engine.add_filter("int", int);
    engine.add_function("int", int);
    engine.add_filter("float", float);
    engine.add_function("float", float);
    engine.add_filter("round", round);
    engine.add_filter("bool", boolean);
    engine.add_function("bool", boolean);
    engine.add_filter("is_number", is_number);
    engine.add_test("is_number", is_number);
    engine
        .add_test("lower", |state: &State<'_, '_>, value: Value| pay(state, &value).map(|()| tests::is_lower(&value)));
    engine
        .add_test("upper", |state: &State<'_, '_>, value: Value| pay(state, &value).map(|()| tests::is_upper(&value)));
    engine.add_test("startingwith", |state: &State<'_, '_>, text: Value, with: Value| {
        both(state, &text, &with, |text, with| text.starts_with(with))
    });
    engine.add_test("endingwith", |state: &State<'_, '_>, text: Value, with: Value| {
        both(state, &text, &with, |text, with| text.ends_with(with))
    });
    engine.add_filter("format", printf);
    engine.add_filter("multiply", |value: Value, by: f64, default: Option<Value>| {
        arithmetic(&value, default, |n| n * by)
    });
    engine.add_filter("add", |value: Value, by: f64, default: Option<Value>| arithmetic(&value, default, |n| n + by));
    engine.add_filter("is_defined", is_defined);
    for name in ["to_json", "tojson"] {
        engine.add_filter(name, |state: &State<'_, '_>, value: Value, _options: Kwargs| to_json(state, value));
    }
    engine.add_filter("from_json", parse_json);
    engine.add_filter("iif", iif);
    engine.add_function("iif", iif);
    engine.add_filter("ordinal", |value: Value| value);
    engine.add_filter("bitwise_and", |one: i64, two: i64| one & two);
    engine.add_filter("bitwise_or", |one: i64, two: i64| one | two);
    engine.add_filter("bitwise_xor", |one: i64, two: i64| one ^ two);
    engine.add_function("bitwise_and", |one: i64, two: i64| one & two);
    engine.add_function("bitwise_or", |one: i64, two: i64| one | two);
    engine.add_filter("base64_decode", decode_base64);
    engine.add_filter("slugify", |text: String| super::super::names::slug(&text));
    engine.add_function("min", |state: &mut State<'_, '_>, args: Rest<Value>| most(state, "min", &args));
    engine.add_function("max", |state: &mut State<'_, '_>, args: Rest<Value>| most(state, "max", &args));
    // What the hub does not tell: other entities' states are nothing that a device's announcement may read.
    engine.add_function("states", |_: Rest<Value>| "unknown");
    engine.add_function("state_attr", |_: Rest<Value>| Value::from(()));
    engine.add_function("is_state", |_: Rest<Value>| false);
    engine.add_function("is_state_attr", |_: Rest<Value>| false);
    engine.add_function("has_value", |_: Rest<Value>| false);
}

/// Whether a template asks for what other entities are, which it is not told: `states` and the like give "unknown".
pub fn asks_for_others(source: &str) -> bool {
    ["states(", "states.", "state_attr(", "is_state(", "is_state_attr("].iter().any(|call| source.contains(call))
}

/// How values are written into the output: lists and maps as JSON, which is what a hub can use, and charged as they are written.
pub(super) fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let text = match value.kind() {
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => to_json(state, value.clone())?,
        _ => return escape_formatter(out, state, value),
    };
    Ok(out.write_str(&text)?)
}

/// A number as Python's `float()` reads it.
fn as_number(value: &Value) -> Option<f64> {
    let number = match value.kind() {
        ValueKind::String => value.as_str()?.trim().parse().ok()?,
        ValueKind::Bool => f64::from(u8::from(value.is_true())),
        ValueKind::Number => f64::try_from(value.clone()).ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

fn is_number(state: &State<'_, '_>, value: Value) -> Result<bool, Error> {
    pay(state, &value)?;
    Ok(as_number(&value).is_some())
}

/// Of two texts; of anything else it does not hold.
fn both(state: &State<'_, '_>, one: &Value, two: &Value, holds: impl Fn(&str, &str) -> bool) -> Result<bool, Error> {
    pay(state, one)?;
    pay(state, two)?;
    Ok(one.as_str().zip(two.as_str()).is_some_and(|(one, two)| holds(one, two)))
}

/// As the engine's, but what each field may come to is paid before it is written.
fn printf(state: &mut State<'_, '_>, text: &Value, given: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let given = given.into_values();
    pay_fields(state, text.as_str().map_or(0, |text| text.matches('%').count()), &given)?;
    filters::format(state, text, Rest(given.into_iter().map(ValueOrKwargs::from).collect()))
}

/// Any field may write the largest of what is given.
pub(super) fn pay_fields(state: &State<'_, '_>, fields: usize, given: &[Value]) -> Result<(), Error> {
    let mut largest = 0;
    for value in given {
        if value.is_kwargs() {
            for name in value.try_iter()? {
                largest = largest.max(guard::size(state, &value.get_item(&name)?, 1)?);
            }
        } else {
            largest = largest.max(guard::size(state, value, 1)?);
        }
    }
    state.consume_fuel((fields as u64).saturating_mul(largest as u64) / 64)
}

fn no_number(value: &Value, filter: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{filter}: '{value:.40}' is no number, and no default is given"))
}

/// The default by place or by name, and the base.
fn default_of(default: Option<Value>, kwargs: &Kwargs) -> Result<Option<Value>, Error> {
    let named = if kwargs.has("default") { Some(kwargs.get::<Value>("default")?) } else { None };
    Ok(default.or(named))
}

fn int(
    state: &State<'_, '_>,
    value: Value,
    default: Option<Value>,
    base: Option<u32>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    pay(state, &value)?;
    let base = match base {
        None if kwargs.has("base") => kwargs.get("base")?,
        given => given.unwrap_or(10),
    };
    let default = default_of(default, &kwargs)?;
    if let Some(whole) = value.as_i64().filter(|_| value.is_integer()) {
        return Ok(Value::from(whole));
    }
    let based = value.as_str().filter(|_| (2..=36).contains(&base)).and_then(|text| {
        let text = text.trim();
        let digits = if base == 16 { text.trim_start_matches("0x").trim_start_matches("0X") } else { text };
        i64::from_str_radix(digits, base).ok()
    });
    #[expect(clippy::cast_possible_truncation, reason = "what is larger becomes the largest there is")]
    let found = based.or_else(|| as_number(&value).filter(|_| base == 10).map(|number| number as i64));
    found.map(Value::from).or(default).ok_or_else(|| no_number(&value, "int"))
}

fn float(state: &State<'_, '_>, value: Value, default: Option<Value>, kwargs: Kwargs) -> Result<Value, Error> {
    pay(state, &value)?;
    let default = default_of(default, &kwargs)?;
    as_number(&value).map(Value::from).or(default).ok_or_else(|| no_number(&value, "float"))
}

/// `round(digits, method, default)`; without digits it makes a whole number, as there.
fn round(
    value: Value,
    digits: Option<i32>,
    method: Option<String>,
    default: Option<Value>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    let digits = match digits {
        None if kwargs.has("precision") => kwargs.get("precision")?,
        given => given.unwrap_or(0),
    };
    let default = default_of(default, &kwargs)?;
    let Some(number) = as_number(&value) else {
        return default.ok_or_else(|| no_number(&value, "round"));
    };
    let digits = digits.clamp(-15, 15);
    let scale = 10_f64.powi(digits);
    let rounded = match method.as_deref() {
        Some("ceil") => (number * scale).ceil() / scale,
        Some("floor") => (number * scale).floor() / scale,
        Some("half") => (number * 2.0).round() / 2.0,
        // By its decimal digits, as Python does: 2.675 becomes 2.67.
        _ if digits > 0 => {
            format!("{number:.places$}", places = digits.unsigned_abs() as usize).parse().unwrap_or(number)
        }
        _ => (number * scale).round_ties_even() / scale,
    };
    #[expect(clippy::cast_possible_truncation, reason = "what is larger becomes the largest there is")]
    Ok(if digits == 0 && method.as_deref() != Some("half") {
        Value::from(rounded as i64)
    } else {
        Value::from(rounded)
    })
}

fn boolean(state: &State<'_, '_>, value: Value, default: Option<Value>) -> Result<Value, Error> {
    pay(state, &value)?;
    let known = match value.kind() {
        ValueKind::Bool => Some(value.is_true()),
        ValueKind::Number => Some(as_number(&value) != Some(0.0)),
        ValueKind::String => match value.as_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" | "enable" => Some(true),
            "0" | "false" | "no" | "off" | "disable" => Some(false),
            _ => None,
        },
        _ => None,
    };
    let unknown = || Error::new(ErrorKind::InvalidOperation, format!("bool: '{value:.40}' is neither yes nor no"));
    known.map(Value::from).or(default).ok_or_else(unknown)
}

fn arithmetic(value: &Value, default: Option<Value>, compute: impl Fn(f64) -> f64) -> Result<Value, Error> {
    as_number(value).map(compute).map(Value::from).or(default).ok_or_else(|| no_number(value, "arithmetic"))
}

fn is_defined(value: Value) -> Result<Value, Error> {
    if value.is_undefined() { Err(Error::new(ErrorKind::UndefinedError, NOT_DEFINED)) } else { Ok(value) }
}

fn iif(value: Value, yes: Option<Value>, no: Option<Value>, none: Option<Value>) -> Value {
    let no = no.unwrap_or_else(|| Value::from(false));
    if value.is_none() || value.is_undefined() {
        none.unwrap_or(no)
    } else if value.is_true() {
        yes.unwrap_or_else(|| Value::from(true))
    } else {
        no
    }
}

/// As JSON. Its depth is bounded by that of what it is made of, its work by fuel.
fn to_json(state: &State<'_, '_>, value: Value) -> Result<String, Error> {
    let mut out = String::new();
    write_json(state, &value, 0, &mut out)?;
    bound_json(&out)?;
    Ok(out)
}

fn bound_json(out: &str) -> Result<(), Error> {
    if out.len() > TEMPLATE_OUTPUT_BYTES_MAX {
        return Err(Error::new(ErrorKind::BadSerialization, "to_json: more than a value may have"));
    }
    Ok(())
}

/// Looking at a text costs what it costs the engine's own filters.
pub(super) fn pay(state: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    state.consume_fuel(value.as_str().map_or(0, str::len) as u64 / 64)
}

fn write_json(state: &State<'_, '_>, value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
    const DEPTH_MAX: usize = 64;
    if depth > DEPTH_MAX {
        return Err(Error::new(ErrorKind::BadSerialization, "to_json: nested too deep"));
    }
    bound_json(out)?;
    // A step for each, and for what it writes.
    state.consume_fuel(1 + value.as_str().map_or(0, |text| text.len() as u64 / 16))?;
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number if f64::try_from(value.clone()).is_ok_and(f64::is_finite) => out.push_str(&value.to_string()),
        ValueKind::Number => out.push_str("null"),
        ValueKind::Seq | ValueKind::Iterable => {
            out.push('[');
            for (place, item) in value.try_iter()?.enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                write_json(state, &item, depth + 1, out)?;
            }
            out.push(']');
        }
        ValueKind::Map => {
            out.push('{');
            for (place, key) in value.try_iter()?.enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                // A key is often a text that is there already: it is paid for before it is written.
                state.consume_fuel(key.as_str().map_or(1, |text| text.len() as u64 / 16))?;
                let key_text = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                out.push_str(&serde_json::Value::from(key_text).to_string());
                out.push(':');
                write_json(state, &value.get_item(&key)?, depth + 1, out)?;
            }
            out.push('}');
        }
        _ => out.push_str(&serde_json::Value::from(value.to_string()).to_string()),
    }
    Ok(())
}

fn parse_json(state: &State<'_, '_>, text: String, default: Option<Value>) -> Result<Value, Error> {
    state.consume_fuel(text.len() as u64 / 4)?;
    match serde_json::from_str(&text) {
        Ok(json) => Ok(from_json(&json)),
        Err(error) => default
            .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("from_json: this is no JSON ({error})"))),
    }
}

fn decode_base64(text: String) -> Result<String, Error> {
    use base64::Engine as _;
    let no_base64 = |_| Error::new(ErrorKind::InvalidOperation, "base64_decode: this is no base64");
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim()).map_err(no_base64)?;
    String::from_utf8(bytes)
        .map_err(|_| Error::new(ErrorKind::InvalidOperation, "base64_decode: what comes out is no text"))
}

/// `max(a, b)` and `max(list)`.
fn most(state: &mut State<'_, '_>, filter: &str, args: &[Value]) -> Result<Value, Error> {
    let of = match args {
        [list] if matches!(list.kind(), ValueKind::Seq | ValueKind::Iterable) => list.clone(),
        several => Value::from(several.to_vec()),
    };
    state.apply_filter(filter, &[of])
}
