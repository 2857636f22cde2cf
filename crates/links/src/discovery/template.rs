//! Templates that devices announce: Jinja as Home Assistant reads it, with a bound on everything.
//!
//! They come from whoever may publish, so they are taken for hostile: length, steps, memory, depth and output are bounded
//! ([why this engine](../../../../docs/adr/0022-discovery-speaks-one-model.md)). A template sees the payload and nothing of the hub:
//! neither other devices nor the clock, which comes in as an argument.

mod color;
mod filters;
mod guard;
mod methods;
mod moment;
mod regexes;

use std::collections::BTreeMap;

use housewire_core::Timestamp;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};
use thiserror::Error;

pub use self::color::{Rgb, parse as parse_color};
pub use self::filters::asks_for_others;
use super::limits::{
    TEMPLATE_CACHE_BYTES_MAX, TEMPLATE_DEPTH_MAX, TEMPLATE_FUEL, TEMPLATE_INPUT_BYTES_MAX, TEMPLATE_OUTPUT_BYTES_MAX,
};

/// Under which a template finds the time; no name that Jinja lets anybody write.
const NOW: &str = "now micros";
/// What the filter `is_defined` fails with; it means "no value now" rather than a mistake.
const NOT_DEFINED: &str = "is_defined: there is no such value";

/// Why a template gave nothing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TemplateError {
    /// See [`TEMPLATE_BYTES_MAX`](super::limits::TEMPLATE_BYTES_MAX).
    #[error("the template has {0} bytes, more than the {max} that are read", max = super::limits::TEMPLATE_BYTES_MAX)]
    TooLong(usize),
    /// See [`TEMPLATE_INPUT_BYTES_MAX`].
    #[error("the message has {0} bytes, more than the {TEMPLATE_INPUT_BYTES_MAX} that a template is given")]
    InputTooLarge(usize),
    /// See [`TEMPLATE_OUTPUT_BYTES_MAX`].
    #[error("the template makes {0} bytes, more than the {TEMPLATE_OUTPUT_BYTES_MAX} that a value may have")]
    OutputTooLarge(usize),
    /// It is no Jinja, or uses what is not there.
    #[error("the template cannot be read: {0}")]
    Syntax(String),
    /// It asks for what the message does not have, or computes with what is no number.
    #[error("the template failed on this message: {0}")]
    Failed(String),
    /// See [`TEMPLATE_FUEL`].
    #[error("the template does more work than the hub allows one message")]
    OutOfFuel,
}

/// What a template is given.
#[derive(Debug)]
pub struct Context {
    values: BTreeMap<String, Value>,
    input_bytes: usize,
}

impl Context {
    /// Nothing but the time.
    pub fn new(now: Timestamp) -> Self {
        let mut values = BTreeMap::new();
        values.insert(NOW.to_owned(), Value::from(now.as_micros()));
        // Templates of Home Assistant may ask what the entity was before; nobody here knows, and that is no mistake of theirs.
        let no_attributes = Value::from_pairs::<_, String, Value>([]);
        let this = [("state", Value::from("unknown")), ("entity_id", Value::from("")), ("attributes", no_attributes)];
        values.insert("this".to_owned(), Value::from_pairs(this));
        for name in ["entity_id", "name"] {
            values.insert(name.to_owned(), Value::from(""));
        }
        Self { values, input_bytes: 0 }
    }

    /// A message: `value`, its text, and `value_json`, if it is JSON.
    pub fn of_message(text: &str, now: Timestamp) -> Self {
        let mut context = Self::new(now);
        context.set_message(text);
        context
    }

    fn set_message(&mut self, text: &str) {
        self.input_bytes += text.len();
        if text.len() <= TEMPLATE_INPUT_BYTES_MAX {
            if let Ok(json) = serde_json::from_str::<serde_json::Value>(text) {
                self.values.insert("value_json".to_owned(), from_json(&json));
            }
            self.values.insert("value".to_owned(), Value::from(text));
        }
    }

    /// One more text by name.
    pub fn set_text(&mut self, name: &str, text: &str) {
        self.input_bytes += text.len();
        self.values.insert(name.to_owned(), Value::from(text));
    }

    /// One more number by name.
    pub fn set_number(&mut self, name: &str, number: f64) {
        // As Python writes it: a whole number without a fraction.
        let value = whole(number).map_or_else(|| Value::from(number), Value::from);
        self.values.insert(name.to_owned(), value);
    }

    /// One more `true` or `false` by name.
    pub fn set_bool(&mut self, name: &str, yes: bool) {
        self.values.insert(name.to_owned(), Value::from(yes));
    }

    /// One more JSON text by name; one that is none stays text.
    pub fn set_json(&mut self, name: &str, text: &str) {
        self.input_bytes += text.len();
        let value = serde_json::from_str(text).map_or_else(|_| Value::from(text), |json| from_json(&json));
        self.values.insert(name.to_owned(), value);
    }
}

/// A [`Context`] that several templates are given, such as a message that has the values of many properties.
#[derive(Clone, Debug)]
pub struct Prepared {
    values: Value,
    input_bytes: usize,
}

impl From<Context> for Prepared {
    fn from(context: Context) -> Self {
        Self { values: Value::from_pairs(context.values), input_bytes: context.input_bytes }
    }
}

/// The whole number that this one is, if it is one.
fn whole(number: f64) -> Option<i64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0; // 2^53: beyond it f64 skips whole numbers
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and within 2^53")]
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(number as i64)
}

/// JSON as templates see it. The parser has bounded its depth.
fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(yes) => Value::from(*yes),
        serde_json::Value::Number(number) => {
            let whole = number.as_i64().map(Value::from).or_else(|| number.as_u64().map(Value::from));
            whole.or_else(|| number.as_f64().map(Value::from)).unwrap_or_default()
        }
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::from(items.iter().map(from_json).collect::<Vec<_>>()),
        serde_json::Value::Object(fields) => {
            Value::from_pairs(fields.iter().map(|(name, value)| (name.as_str(), from_json(value))))
        }
    }
}

/// The engine, with the templates that were compiled.
#[derive(Debug)]
pub struct Templates {
    engine: Environment<'static>,
    cached_bytes: usize,
}

impl Default for Templates {
    fn default() -> Self {
        Self::new()
    }
}

impl Templates {
    /// None compiled yet.
    pub fn new() -> Self {
        let mut engine = Environment::new();
        engine.set_fuel(Some(TEMPLATE_FUEL));
        engine.set_recursion_limit(TEMPLATE_DEPTH_MAX);
        engine.set_undefined_behavior(UndefinedBehavior::Lenient);
        engine.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        engine.set_formatter(filters::format);
        filters::add(&mut engine);
        guard::add(&mut engine);
        regexes::add(&mut engine);
        moment::add(&mut engine);
        color::add(&mut engine);
        engine.set_unknown_method_callback(methods::call);
        Self { engine, cached_bytes: 0 }
    }

    /// Whether a template can be read at all; what it does to a message shows when there is one.
    pub fn check(source: &str) -> Result<(), TemplateError> {
        let guarded = guard::guarded(source)?;
        let engine = Environment::empty();
        engine.template_from_str(&guarded).map(|_| ()).map_err(|error| failure(&error))
    }

    /// What a template makes of this, without white space around it. `None`: it says itself that there is no value now.
    pub fn render(&mut self, source: &str, context: Context) -> Result<Option<String>, TemplateError> {
        self.render_prepared(source, &context.into())
    }

    /// As [`render`](Self::render), of what is rendered more than once.
    pub fn render_prepared(&mut self, source: &str, context: &Prepared) -> Result<Option<String>, TemplateError> {
        if context.input_bytes > TEMPLATE_INPUT_BYTES_MAX {
            return Err(TemplateError::InputTooLarge(context.input_bytes));
        }
        self.compile(source)?;
        let template = self.engine.get_template(source).map_err(|error| failure(&error))?;
        match template.render(context.values.clone()) {
            Ok(text) if text.len() > TEMPLATE_OUTPUT_BYTES_MAX => Err(TemplateError::OutputTooLarge(text.len())),
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.detail() == Some(NOT_DEFINED) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Compiles what was not compiled before. When too much is kept, all of it goes: what is in use comes back at its next message.
    fn compile(&mut self, source: &str) -> Result<(), TemplateError> {
        if self.engine.get_template(source).is_ok() {
            return Ok(());
        }
        let guarded = guard::guarded(source)?;
        if self.cached_bytes + source.len() > TEMPLATE_CACHE_BYTES_MAX {
            self.engine.clear_templates();
            self.cached_bytes = 0;
        }
        self.engine.add_template_owned(source.to_owned(), guarded).map_err(|error| failure(&error))?;
        self.cached_bytes += source.len();
        Ok(())
    }
}

/// In our words; the engine's name the whole template, which says nothing to people.
fn failure(error: &minijinja::Error) -> TemplateError {
    const SHOWN_CHARS_MAX: usize = 200;
    let mut what = error.kind().to_string();
    if let Some(detail) = error.detail() {
        what.push_str(": ");
        what.extend(detail.chars().take(SHOWN_CHARS_MAX));
    }
    match error.kind() {
        ErrorKind::OutOfFuel => TemplateError::OutOfFuel,
        ErrorKind::SyntaxError | ErrorKind::BadEscape => {
            if let Some(line) = error.line() {
                what.push_str(&format!(", in line {line}"));
            }
            TemplateError::Syntax(what)
        }
        _ => TemplateError::Failed(what),
    }
}

/// A text as a literal of a template, whatever is in it.
pub fn literal(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            // `{{`, `{%` and `{#` mean nothing inside of a literal, but only while nobody looks at the braces alone.
            '{' => quoted.push_str("\\u007b"),
            '}' => quoted.push_str("\\u007d"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
