//! What is remembered: readings with their times, and the names of series.
//!
//! Anything that cannot be remembered cannot be made here: a number that is none, a text that is too long.

use std::fmt;
use std::sync::Arc;

use housewire_core::Timestamp;

use crate::limits::STATE_BYTES_MAX;

/// The readings of one property over time. It means the same property for as long as that has a history; a history that was
/// removed and begins anew gets another one, and no number comes twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub(crate) u32);

impl SeriesId {
    /// The number that it has in the files.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// A float that is a number: neither infinite nor NaN.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Finite(f64);

impl Finite {
    /// `None` for infinities and NaN.
    pub fn new(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self(number))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// The text of a state: at most [`STATE_BYTES_MAX`] bytes. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateText(Arc<str>);

impl StateText {
    /// `None` if it is too long.
    pub fn new(text: &str) -> Option<Self> {
        (text.len() <= STATE_BYTES_MAX).then(|| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One value that was reported.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Counts as 0 or 1 where numbers are asked for.
    Bool(bool),
    /// Of an `int` property.
    Int(i64),
    /// Of a `float` property.
    Float(Finite),
    /// Of an `enum`, `string` or `color` property: a state. It is counted, and has no mean.
    Text(StateText),
}

impl Reading {
    /// `None` for infinities and NaN.
    pub fn float(number: f64) -> Option<Self> {
        Finite::new(number).map(Self::Float)
    }

    /// `None` if it is longer than [`STATE_BYTES_MAX`].
    pub fn text(text: &str) -> Option<Self> {
        StateText::new(text).map(Self::Text)
    }

    /// What it counts as where numbers are asked for. An integer beyond 2^53 is rounded.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Bool(is_on) => Some(f64::from(u8::from(*is_on))),
            #[allow(clippy::cast_precision_loss)]
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(number.get()),
            Self::Text(_) => None,
        }
    }
}

/// As the property's value is written in a payload.
impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(is_on) => write!(f, "{is_on}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{}", number.get()),
            Self::Text(text) => f.write_str(text.as_str()),
        }
    }
}

/// A reading and when it was true. Any time will do, 1970 and years to come as well; several points may have the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// In microseconds.
    pub time: Timestamp,
    /// What it was.
    pub reading: Reading,
}

/// A stretch of time, half open: `from` belongs to it, `to` does not. It is empty if `to` is not later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first moment.
    pub from: Timestamp,
    /// The first moment behind it.
    pub to: Timestamp,
}

impl Window {
    /// All there is, but for the last microsecond that can be told.
    pub const ALL: Self = Self { from: Timestamp::from_micros(i64::MIN), to: Timestamp::from_micros(i64::MAX) };

    pub(crate) fn is_empty(self) -> bool {
        self.to <= self.from
    }
}
