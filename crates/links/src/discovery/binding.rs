//! How a property and a device's own topics are held together: a message becomes a value of ours, a request becomes a message.
//!
//! It is the same for all dialects: what differs between them is in the templates and maps that they fill in.

use std::cell::OnceCell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use housewire_core::{PropertySpec, RuleBroken, Timestamp, Type, Value};
use thiserror::Error;

use super::model::{Outgoing, Read, Write};
use super::template::{Context, Prepared, Rgb, TemplateError, Templates, parse_color};

/// What a message says of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Nothing: the value stays.
    Nothing,
    /// That nobody knows the value now.
    Unknown,
    /// The value, as a payload of the property's type.
    Value(Vec<u8>),
}

/// Why a message gave no value, or a request no message. The value stays what it was.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum BindingError {
    /// Only `bytes` may be anything.
    #[error("the message is no UTF-8 text")]
    NotText,
    /// See [`TemplateError`].
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// What came out does not fit the property.
    #[error("'{text}' does not fit: {broken}")]
    Misfit {
        /// What came out, shortened.
        text: String,
        /// The rule.
        broken: RuleBroken,
    },
}

impl BindingError {
    fn misfit(text: &str, broken: RuleBroken) -> Self {
        const SHOWN_CHARS_MAX: usize = 80;
        Self::Misfit { text: text.chars().take(SHOWN_CHARS_MAX).collect(), broken }
    }
}

/// A message of a device, which may have the values of many properties: it is taken apart once.
#[derive(Debug)]
pub struct Message<'a> {
    payload: &'a [u8],
    now: Timestamp,
    prepared: OnceCell<Prepared>,
}

impl<'a> Message<'a> {
    /// As it came.
    pub fn new(payload: &'a [u8], now: Timestamp) -> Self {
        Self { payload, now, prepared: OnceCell::new() }
    }
}

/// What a message on [`Read::topic`] says of a property.
pub fn read(
    templates: &mut Templates,
    read: &Read,
    spec: &PropertySpec,
    payload: &[u8],
    now: Timestamp,
) -> Result<Reading, BindingError> {
    read_message(templates, read, spec, &Message::new(payload, now))
}

/// As [`read`], for one property of several.
pub fn read_message(
    templates: &mut Templates,
    read: &Read,
    spec: &PropertySpec,
    message: &Message<'_>,
) -> Result<Reading, BindingError> {
    let payload = message.payload;
    if payload.is_empty() {
        return Ok(Reading::Nothing);
    }
    if read.raw {
        return check(spec, payload.to_vec());
    }
    let text = std::str::from_utf8(payload).map_err(|_| BindingError::NotText)?;
    let rendered = match &read.template {
        Some(template) => {
            let prepare = || Context::of_message(text, message.now).into();
            templates.render_prepared(template, message.prepared.get_or_init(prepare))?
        }
        None => Some(text.to_owned()),
    };
    let Some(text) = rendered.filter(|text| !text.is_empty()) else { return Ok(Reading::Nothing) };
    if let Some((_, ours)) = read.map.iter().find(|(theirs, _)| *theirs == text) {
        return check(spec, ours.clone().into_bytes());
    }
    match text.as_str() {
        // A word that is a value here, whatever it means elsewhere.
        option if !read.only_mapped && spec.options.iter().any(|known| known == option) => {
            check(spec, text.into_bytes())
        }
        // As templates write a missing value, and as Home Assistant and devices that know it say so.
        "None" | "unknown" | "unavailable" if spec.access.event => Ok(Reading::Nothing),
        "None" | "unknown" | "unavailable" => Ok(Reading::Unknown),
        // As programs in C write what they could not measure.
        "nan" | "NaN" | "NAN" if spec.kind.is_number() => Ok(Reading::Unknown),
        _ if read.only_mapped => Ok(Reading::Nothing),
        _ => match convert(spec, &text) {
            Some(payload) => check(spec, payload),
            None => Err(BindingError::misfit(&text, RuleBroken::Type(spec.kind))),
        },
    }
}

/// Holds it against the property's rules and writes it as all values are written.
fn check(spec: &PropertySpec, payload: Vec<u8>) -> Result<Reading, BindingError> {
    match spec.parse(&payload) {
        Ok(value) => Ok(Reading::Value(value.to_payload().into_owned())),
        Err(broken) => Err(BindingError::misfit(&String::from_utf8_lossy(&payload), broken)),
    }
}

/// A device's text as a payload of this type; devices are freer in how they write than we are.
fn convert(spec: &PropertySpec, text: &str) -> Option<Vec<u8>> {
    let ours = match spec.kind {
        Type::Bool => match text.to_ascii_lowercase().as_str() {
            "true" | "on" | "1" | "yes" => "true".to_owned(),
            "false" | "off" | "0" | "no" => "false".to_owned(),
            _ => return None,
        },
        // A device that counts in tenths is rounded where we count whole.
        Type::Int => match Value::parse(Type::Int, text.trim().as_bytes()) {
            Some(_) => text.trim().to_owned(),
            None => match Value::parse(Type::Float, text.trim().as_bytes())? {
                Value::Float(number) => number.round().to_string(),
                _ => return None,
            },
        },
        Type::Float => text.trim().to_owned(),
        Type::Enum => {
            let exact = spec.options.iter().find(|option| *option == text);
            let alike = || spec.options.iter().find(|option| option.eq_ignore_ascii_case(text));
            exact.or_else(alike).map_or_else(|| text.to_owned(), Clone::clone)
        }
        Type::Color => parse_color(text)?.to_hex(),
        Type::String | Type::Json => text.to_owned(),
        Type::Bytes => return BASE64.decode(text.trim()).ok(),
    };
    Some(ours.into_bytes())
}

/// The message that carries a request, whose payload is one of the property's type.
pub fn write(
    templates: &mut Templates,
    write: &Write,
    spec: &PropertySpec,
    payload: &[u8],
    now: Timestamp,
) -> Result<Outgoing, BindingError> {
    let value =
        spec.parse(payload).map_err(|broken| BindingError::misfit(&String::from_utf8_lossy(payload), broken))?;
    let payload = value.to_payload();
    let outgoing = |topic: &str, payload: Vec<u8>| Outgoing {
        topic: topic.to_owned(),
        payload,
        qos: write.qos,
        retain: write.retain,
    };
    let Ok(text) = std::str::from_utf8(&payload) else { return Ok(outgoing(&write.topic, payload.into_owned())) };
    if let Some(elsewhere) = write.elsewhere.iter().find(|elsewhere| elsewhere.value == text) {
        return Ok(outgoing(&elsewhere.topic, elsewhere.payload.clone().into_bytes()));
    }
    let mapped = write.map.iter().find(|(ours, _)| ours == text).map(|(_, theirs)| theirs.as_str());
    let Some(template) = &write.template else {
        return Ok(outgoing(&write.topic, mapped.unwrap_or(text).as_bytes().to_vec()));
    };
    let rendered = templates.render(template, command(&value, mapped.unwrap_or(text), mapped.is_some(), now))?;
    Ok(outgoing(&write.topic, rendered.unwrap_or_default().into_bytes()))
}

/// What the template of a request is given.
fn command(value: &Value, text: &str, is_mapped: bool, now: Timestamp) -> Context {
    let mut context = Context::new(now);
    match value {
        _ if is_mapped => context.set_text("value", text),
        Value::Bool(yes) => context.set_bool("value", *yes),
        Value::Int(_) | Value::Float(_) => context.set_number("value", value.as_number().unwrap_or_default()),
        Value::Json(json) => {
            context.set_text("value", text);
            context.set_json("value_json", json);
        }
        Value::Text(_) | Value::Bytes(_) => context.set_text("value", text),
    }
    if let Some(color) = text.starts_with('#').then(|| parse_color(text)).flatten() {
        set_color(&mut context, color);
    }
    context
}

fn set_color(context: &mut Context, color: Rgb) {
    let (hue, saturation) = color.to_hs();
    let (x, y) = color.to_xy();
    let parts = [("red", color.0), ("green", color.1), ("blue", color.2)];
    for (name, part) in parts {
        context.set_number(name, f64::from(part));
    }
    for (name, part) in [("hue", hue), ("sat", saturation), ("x", x), ("y", y)] {
        context.set_number(name, part);
    }
}

#[cfg(test)]
mod tests;
