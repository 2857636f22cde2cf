//! What stands behind `bolt:` in a property's bindings: which part of a module it is.

use std::fmt;

/// Pins of a module that are written to and read.
const PINS: u8 = 5;
/// Columns of a product that are no pins.
const COLUMNS: u8 = 10;

/// One of the pins 0 to 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pin(u8);

impl Pin {
    /// `0` to `4`, in one digit.
    pub fn parse(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [digit @ b'0'..=b'4'] => Some(Self(digit - b'0')),
            _ => None,
        }
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..PINS).map(Self)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// For which commands a property is a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// For those for which no other property is.
    Any,
    /// `digitalWrite`, `digitalRead` and those of many pins.
    Digital,
    /// `analogWrite`.
    Analog,
    /// `servoWrite`.
    Servo,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// `0`, `digital0`, `analog0`, `servo0`.
    Pin(Pin, Role),
    /// `A0`: what `analogRead` reads.
    A0,
    /// `CSV0` to `CSV9`: a further column of the history.
    Csv(u8),
    /// `serialBegin`: the speed of the port.
    SerialBegin,
    /// `serialWrite`: text for the device.
    SerialWrite,
    /// `serialRead`: text from the device.
    SerialRead,
    /// `version`: of the device's program.
    Version,
    /// `restart`
    Restart,
    /// `BOLT1234567`: what the device is called over this API.
    Name(String),
}

impl Binding {
    /// Reads a binding; `None` if it is none of Bolt's, or none that has a meaning.
    pub fn parse(binding: &str) -> Option<Self> {
        let place = binding.strip_prefix("bolt:")?;
        if let Some(pin) = Pin::parse(place) {
            return Some(Self::Pin(pin, Role::Any));
        }
        for (word, role) in [("digital", Role::Digital), ("analog", Role::Analog), ("servo", Role::Servo)] {
            if let Some(pin) = place.strip_prefix(word).and_then(Pin::parse) {
                return Some(Self::Pin(pin, role));
            }
        }
        Some(match place {
            "A0" => Self::A0,
            "serialBegin" => Self::SerialBegin,
            "serialWrite" => Self::SerialWrite,
            "serialRead" => Self::SerialRead,
            "version" => Self::Version,
            "restart" => Self::Restart,
            _ => {
                if let Some(column) = place.strip_prefix("CSV") {
                    let number = column.parse().ok().filter(|number| *number < COLUMNS && column.len() == 1)?;
                    return Some(Self::Csv(number));
                }
                let digits = place.strip_prefix("BOLT")?;
                let is_name = (1..=16).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
                return is_name.then(|| Self::Name(place.to_owned()));
            }
        })
    }

    /// What a product's variable is called that the binding makes; `None` if it makes none.
    pub fn variable(&self) -> Option<String> {
        match self {
            Self::Pin(pin, _) => Some(pin.to_string()),
            Self::A0 => Some("A0".to_owned()),
            Self::Csv(number) => Some(format!("CSV{number}")),
            _ => None,
        }
    }

    /// All variables of a product, in the order in which they are listed.
    pub fn variables() -> impl Iterator<Item = String> {
        let pins = Pin::all().map(|pin| pin.to_string());
        pins.chain(["A0".to_owned()]).chain((0..COLUMNS).map(|number| format!("CSV{number}")))
    }
}
