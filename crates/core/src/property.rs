//! One named value of a device: what it may be, what was reported, what was asked for.
//!
//! Which device it belongs to and who hears of a change belongs to `device` and `hub`.

use std::fmt;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::limits::{BINDINGS_MAX, LABEL_BYTES_MAX, OPTIONS_MAX, PROPERTIES_MAX, VALUE_BYTES_MAX};
use crate::time::Timestamp;
use crate::value::{Type, Value};

/// How long a request stays pending when nobody says otherwise.
pub const TARGET_EXPIRY: Duration = Duration::from_secs(60);
/// How long a request outlives a report that differs from it: a device may pass through other values on its way.
pub const TARGET_SETTLE: Duration = Duration::from_secs(10);

/// What may be done with a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PropertyAccess {
    /// It has a value that can be read.
    pub read: bool,
    /// A new value can be asked for.
    pub set: bool,
    /// Its values are happenings (a button press), not a state: none is ever pending.
    pub event: bool,
}

impl PropertyAccess {
    /// What a property has that nobody declared.
    pub const INFERRED: Self = Self { read: true, set: true, event: false };
}

/// What a property may hold.
#[derive(Clone, Debug, PartialEq)]
pub struct PropertySpec {
    /// Its type.
    pub kind: Type,
    /// Of a number: `°C`, `%` …
    pub unit: Option<String>,
    /// Of a number: the smallest value.
    pub min: Option<f64>,
    /// Of a number: the largest value.
    pub max: Option<f64>,
    /// Of a number: the step a control moves by; reports between steps are taken.
    pub step: Option<f64>,
    /// Of an enum: its values; empty for every other type.
    pub options: Vec<String>,
    /// What may be done with it.
    pub access: PropertyAccess,
    /// What it means: `temperature`, `light`, `battery` …
    pub role: Option<String>,
    /// Where else it lives, as `blynk:V1`: what the part before the colon stands for knows what the rest means.
    pub bindings: Vec<String>,
    /// Whether somebody declared it. Only declared properties refuse; others widen their type.
    pub declared: bool,
}

impl PropertySpec {
    /// What is known of a property after its first message.
    pub fn inferred(payload: &[u8]) -> Self {
        Self { declared: false, ..Self::declared(Type::infer(payload)) }
    }

    /// A declared property of this type without further rules.
    pub fn declared(kind: Type) -> Self {
        Self {
            kind,
            unit: None,
            min: None,
            max: None,
            step: None,
            options: Vec::new(),
            access: PropertyAccess::INFERRED,
            role: None,
            bindings: Vec::new(),
            declared: true,
        }
    }

    /// Whether the declaration makes sense by itself.
    pub fn validate(&self) -> Result<(), SpecError> {
        let number_rule = self.min.or(self.max).or(self.step).is_some();
        if number_rule && !self.kind.is_number() {
            return Err(SpecError::RangeOfNoNumber(self.kind));
        }
        if [self.min, self.max, self.step].into_iter().flatten().any(|number| !number.is_finite()) {
            return Err(SpecError::NotFinite);
        }
        if let (Some(min), Some(max)) = (self.min, self.max)
            && min > max
        {
            return Err(SpecError::EmptyRange { min, max });
        }
        if self.step.is_some_and(|step| step <= 0.0) {
            return Err(SpecError::StepNotPositive);
        }
        if (self.kind == Type::Enum) == self.options.is_empty() {
            return Err(if self.kind == Type::Enum {
                SpecError::NoOptions
            } else {
                SpecError::OptionsOfNoEnum(self.kind)
            });
        }
        if self.options.len() > OPTIONS_MAX {
            return Err(SpecError::TooManyOptions);
        }
        if self.bindings.len() > BINDINGS_MAX {
            return Err(SpecError::TooManyBindings);
        }
        if let Some(binding) = self.bindings.iter().find(|binding| !is_binding(binding)) {
            return Err(SpecError::NoBinding(binding.chars().take(80).collect()));
        }
        let labels = self.options.iter().chain(&self.bindings).chain(&self.unit).chain(&self.role);
        if let Some(long) = labels.map(String::len).find(|len| *len > LABEL_BYTES_MAX) {
            return Err(SpecError::LabelTooLong(long));
        }
        Ok(())
    }

    /// Reads a payload under the declared rules.
    pub fn parse(&self, payload: &[u8]) -> Result<Value, RuleBroken> {
        if payload.len() > VALUE_BYTES_MAX {
            return Err(RuleBroken::TooLarge(payload.len()));
        }
        let value = Value::parse(self.kind, payload).ok_or(RuleBroken::Type(self.kind))?;
        if let Some(number) = value.as_number() {
            let below = self.min.is_some_and(|min| number < min);
            let above = self.max.is_some_and(|max| number > max);
            if below || above {
                return Err(RuleBroken::Range { min: self.min, max: self.max });
            }
        }
        if self.kind == Type::Enum
            && let Value::Text(text) = &value
            && !self.options.iter().any(|option| **option == **text)
        {
            return Err(RuleBroken::Options(list_shortly(&self.options)));
        }
        Ok(value)
    }
}

/// A word, a colon, and something behind it.
fn is_binding(text: &str) -> bool {
    text.split_once(':').is_some_and(|(kind, place)| {
        !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') && !place.is_empty()
    })
}

/// Why a declaration is refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SpecError {
    /// Ranges are for `int` and `float`.
    #[error("min, max and step belong to int and float, not to {0}")]
    RangeOfNoNumber(Type),
    /// Infinite bounds say nothing.
    #[error("min, max and step must be finite numbers")]
    NotFinite,
    /// No value could fit.
    #[error("min {min} is greater than max {max}")]
    EmptyRange {
        /// The lower bound given.
        min: f64,
        /// The upper bound given.
        max: f64,
    },
    /// A control could not move.
    #[error("step must be greater than 0")]
    StepNotPositive,
    /// No value could fit.
    #[error("an enum needs options, for example [\"low\",\"high\"]")]
    NoOptions,
    /// Options are for `enum`.
    #[error("options belong to enum, not to {0}")]
    OptionsOfNoEnum(Type),
    /// See [`OPTIONS_MAX`].
    #[error("at most {OPTIONS_MAX} options")]
    TooManyOptions,
    /// See [`BINDINGS_MAX`].
    #[error("at most {BINDINGS_MAX} bindings")]
    TooManyBindings,
    /// Nobody could tell whose it is.
    #[error("'{0}' is no binding: write what it lives in, a colon and where, as in blynk:V1")]
    NoBinding(String),
    /// See [`LABEL_BYTES_MAX`].
    #[error("unit, role, options and bindings may have at most {LABEL_BYTES_MAX} bytes, not {0}")]
    LabelTooLong(usize),
}

/// The rule that a value breaks.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleBroken {
    /// Not a value of the type.
    Type(Type),
    /// Outside of the range.
    Range {
        /// Lower bound, if there is one.
        min: Option<f64>,
        /// Upper bound, if there is one.
        max: Option<f64>,
    },
    /// None of these options; only the first ones, if there are many.
    Options(String),
    /// The property cannot be set.
    ReadOnly,
    /// Longer than [`VALUE_BYTES_MAX`].
    TooLarge(usize),
    /// The device has [`PROPERTIES_MAX`] others.
    TooMany,
}

impl fmt::Display for RuleBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(Type::Bool) => write!(f, "it must be true or false (bool)"),
            Self::Type(Type::Int) => write!(f, "it must be a whole number (int)"),
            Self::Type(Type::Float) => write!(f, "it must be a number (float)"),
            Self::Type(Type::Color) => write!(f, "it must be a color like #ff8800 (color)"),
            Self::Type(Type::Json) => write!(f, "it must be valid JSON (json)"),
            Self::Type(kind) => write!(f, "it must be UTF-8 text ({kind})"),
            Self::Range { min: Some(min), max: Some(max) } => write!(f, "it must lie between {min} and {max}"),
            Self::Range { min: Some(min), max: None } => write!(f, "it must be at least {min}"),
            Self::Range { min: None, max: Some(max) } => write!(f, "it must be at most {max}"),
            Self::Range { min: None, max: None } => write!(f, "it must lie in its range"),
            Self::Options(options) => write!(f, "it must be one of {options}"),
            Self::ReadOnly => write!(f, "it can be read, not set"),
            Self::TooMany => write!(f, "the device has {PROPERTIES_MAX} properties already"),
            Self::TooLarge(bytes) => {
                write!(f, "a value may have at most {VALUE_BYTES_MAX} bytes, this one has {bytes}")
            }
        }
    }
}

/// The options in about a line: a refusal must not be much larger than what it refuses.
fn list_shortly(options: &[String]) -> String {
    const SHOWN_CHARS_MAX: usize = 120;
    let mut shown = String::new();
    for (place, option) in options.iter().enumerate() {
        if shown.len() + option.len() > SHOWN_CHARS_MAX {
            return format!("{shown}… ({} in all)", options.len());
        }
        shown.push_str(if place == 0 { "" } else { ", " });
        shown.push_str(option);
    }
    shown
}

/// A request that the device has not confirmed.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// What was asked for.
    pub value: Value,
    pub(crate) expires: Instant,
    /// Set by the first report that differs.
    pub(crate) settles: Option<Instant>,
}

impl Target {
    pub(crate) fn ends(&self) -> Instant {
        self.settles.map_or(self.expires, |settles| settles.min(self.expires))
    }
}

/// One named value of a device.
#[derive(Clone, Debug)]
pub struct Property {
    /// What it may hold.
    pub spec: PropertySpec,
    /// What the device last said.
    pub value: Option<Value>,
    /// When it said so.
    pub time: Option<Timestamp>,
    /// Through which door.
    pub via: Option<&'static str>,
    /// What was asked for and is not confirmed.
    pub target: Option<Target>,
    /// Noted for the disk.
    pub(crate) unsaved: bool,
}

/// What a report or request changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    /// The type was widened: the registry looks different.
    pub(crate) widened: bool,
    /// A target came, changed or went.
    pub(crate) target_changed: bool,
}

impl Property {
    pub(crate) fn new(spec: PropertySpec) -> Self {
        Self { spec, value: None, time: None, via: None, target: None, unsaved: false }
    }

    /// Reads a payload; an inferred type that does not fit widens instead of refusing.
    fn admit(&mut self, payload: &[u8]) -> Result<(Value, bool), RuleBroken> {
        match self.spec.parse(payload) {
            Ok(value) => Ok((value, false)),
            Err(RuleBroken::Type(kind)) if !self.spec.declared => {
                self.spec.kind = kind.widen(payload);
                // What was held stays what it was, as text.
                let widen = |value: &Value| Value::parse(self.spec.kind, &value.to_payload());
                self.value = self.value.as_ref().and_then(widen);
                Ok((self.spec.parse(payload)?, true))
            }
            Err(broken) => Err(broken),
        }
    }

    /// The device reports.
    pub(crate) fn report(
        &mut self,
        payload: &[u8],
        via: &'static str,
        time: Timestamp,
        now: Instant,
    ) -> Result<Effect, RuleBroken> {
        let (value, widened) = self.admit(payload)?;
        let mut effect = Effect { widened, target_changed: false };
        if let Some(target) = &mut self.target {
            if target.value.means(&value) {
                self.target = None;
                effect.target_changed = true;
            } else {
                target.settles.get_or_insert(now + TARGET_SETTLE);
            }
        }
        self.value = Some(value);
        self.time = Some(time);
        self.via = Some(via);
        Ok(effect)
    }

    /// Somebody asks. A request that the device already fulfils stays pending until it says so again.
    pub(crate) fn request(
        &mut self,
        payload: &[u8],
        ttl: Option<Duration>,
        now: Instant,
    ) -> Result<Effect, RuleBroken> {
        if !self.spec.access.set {
            return Err(RuleBroken::ReadOnly);
        }
        let (value, widened) = self.admit(payload)?;
        if self.spec.access.event {
            return Ok(Effect { widened, target_changed: false });
        }
        let expires = now + ttl.unwrap_or(TARGET_EXPIRY);
        let target_changed = self.target.as_ref().is_none_or(|target| target.value != value);
        self.target = Some(Target { value, expires, settles: None });
        Ok(Effect { widened, target_changed })
    }

    /// Drops a target whose time has come; whether it did.
    pub(crate) fn expire_target(&mut self, now: Instant) -> bool {
        let due = self.target.as_ref().is_some_and(|target| target.ends() <= now);
        if due {
            self.target = None;
        }
        due
    }

    /// Takes a declaration over; a value that no longer fits is forgotten, as is a pending request.
    pub(crate) fn declare(&mut self, spec: PropertySpec) {
        let refit = |value: &Value| spec.parse(&value.to_payload()).ok();
        self.value = self.value.as_ref().and_then(refit);
        if self.value.is_none() {
            self.time = None;
        }
        self.target = None;
        self.spec = spec;
    }
}

#[cfg(test)]
mod tests;
