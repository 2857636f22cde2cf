//! What a pin is, going by the widgets that show it or write it.

use std::collections::BTreeSet;

use housewire_core::{PropertyAccess, PropertySpec, Type};
use housewire_protocols::blynk::{Pin, PinKind};

/// What one widget knows of a pin. Later ones are surer of themselves: the surest decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Guess {
    /// Any text: what fits nothing else.
    Text,
    /// Off and on, as 0 and 1.
    Bool,
    /// A number that sketches may write with or without decimals.
    Number,
    /// One of these, counted from 1.
    Choice(Vec<String>),
    /// Several values at once.
    List,
    /// Red, green and blue at once.
    Color,
}

/// All that is known of one pin so far.
#[derive(Clone, Debug)]
pub(super) struct PinFacts {
    pub(super) guess: Guess,
    /// Whether a widget writes it.
    pub(super) is_written: bool,
    /// The label of the widget that decided.
    pub(super) label: Option<String>,
    pub(super) unit: Option<String>,
}

impl PinFacts {
    /// One more widget has this pin.
    pub(super) fn learn(&mut self, other: Self) {
        let is_surer = (other.is_written, &other.guess) > (self.is_written, &self.guess);
        self.unit = self.unit.take().or(other.unit);
        // A number on one widget and a switch on another is a number: what one of them sends must not be refused.
        let guess = match (&self.guess, &other.guess) {
            (Guess::Bool, Guess::Number) | (Guess::Number, Guess::Bool) => Guess::Number,
            _ if is_surer => other.guess.clone(),
            _ => self.guess.clone(),
        };
        if self.label.is_none() || (is_surer && other.label.is_some()) {
            self.label = other.label;
        }
        self.guess = guess;
        self.is_written |= other.is_written;
    }

    /// Without ranges: Blynk's server took whatever a sketch wrote, so that a range is the widget's.
    pub(super) fn spec(&self, pin: Pin) -> PropertySpec {
        let kind = match (pin.kind, &self.guess) {
            (_, Guess::Text) if pin.kind != PinKind::Virtual => Type::Int,
            (PinKind::Digital | PinKind::Analog, Guess::Number | Guess::Choice(_)) => Type::Int,
            (_, Guess::Bool) => Type::Bool,
            (_, Guess::Text) => Type::String,
            (_, Guess::Number) => Type::Float,
            (_, Guess::Choice(_)) => Type::Enum,
            (_, Guess::List) => Type::Json,
            (_, Guess::Color) => Type::Color,
        };
        let options = match &self.guess {
            Guess::Choice(labels) if kind == Type::Enum => labels.clone(),
            _ => Vec::new(),
        };
        // Boards are told which of their pins are inputs; a virtual pin may be written by whoever likes, as it could be.
        let access =
            PropertyAccess { set: self.is_written || pin.kind == PinKind::Virtual, ..PropertyAccess::INFERRED };
        let unit = self.unit.clone().filter(|_| kind.is_number());
        let letter = char::from(pin.kind.letter()).to_ascii_uppercase();
        let bindings = vec![format!("blynk:{letter}{}", pin.number)];
        PropertySpec { unit, options, access, bindings, ..PropertySpec::declared(kind) }
    }
}

/// Labels of a menu, if they can be told apart.
pub(super) fn choices(labels: &[String]) -> Option<Vec<String>> {
    const CHOICES_MAX: usize = housewire_core::limits::OPTIONS_MAX;
    let different: BTreeSet<_> = labels.iter().collect();
    let is_fine = (1..=CHOICES_MAX).contains(&labels.len()) && different.len() == labels.len();
    (is_fine && labels.iter().all(|label| !label.is_empty())).then(|| labels.to_vec())
}
