//! Pins: what Blynk calls the places of values.

use std::fmt::{self, Write as _};

/// What kind of pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PinKind {
    /// A number that stands for whatever the sketch says.
    Virtual,
    /// A pin of the board: on or off.
    Digital,
    /// A pin of the board: a voltage, or how long a pulse is.
    Analog,
}

impl PinKind {
    /// The letter on the wire.
    pub fn letter(self) -> u8 {
        match self {
            Self::Virtual => b'v',
            Self::Digital => b'd',
            Self::Analog => b'a',
        }
    }

    /// By the letter on the wire.
    pub fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'v' => Some(Self::Virtual),
            b'd' => Some(Self::Digital),
            b'a' => Some(Self::Analog),
            _ => None,
        }
    }
}

/// One pin of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin {
    /// What kind.
    pub kind: PinKind,
    /// Which one: 0 to 255.
    pub number: u8,
}

impl Pin {
    /// A letter and a number, as people write it: `V5`, `d13`.
    pub fn parse(text: &str) -> Option<Self> {
        let (letter, number) = text.split_at_checked(1)?;
        let kind = PinKind::from_letter(letter.as_bytes()[0].to_ascii_lowercase())?;
        Some(Self { kind, number: parse_number(number.as_bytes())? })
    }

    /// The name of the property that a pin is which nothing else was said of, and no name of any other: no zeros in front.
    pub fn from_property_name(name: &str) -> Option<Self> {
        let pin = Self::parse(name)?;
        let is_plain = name.as_bytes()[0].is_ascii_lowercase() && (name.len() == 2 || name.as_bytes()[1] != b'0');
        is_plain.then_some(pin)
    }
}

/// As the property is called that it is: `v5`.
impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char(char::from(self.kind.letter()))?;
        self.number.fmt(f)
    }
}

/// A decimal number from 0 to 255, and nothing around it.
pub(crate) fn parse_number(text: &[u8]) -> Option<u8> {
    const DIGITS_MAX: usize = 3;
    if text.is_empty() || text.len() > DIGITS_MAX || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = text.iter().fold(0_u16, |number, digit| number * 10 + u16::from(digit - b'0'));
    u8::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_written_by_people_and_as_names() {
        let pin = |kind, number| Some(Pin { kind, number });
        for (text, expected, is_name) in [
            ("v5", pin(PinKind::Virtual, 5), true),
            ("V255", pin(PinKind::Virtual, 255), false),
            ("d13", pin(PinKind::Digital, 13), true),
            ("a0", pin(PinKind::Analog, 0), true),
            ("v05", pin(PinKind::Virtual, 5), false),
            ("v256", None, false),
            ("v", None, false),
            ("", None, false),
            ("x1", None, false),
            ("v-1", None, false),
            ("v1 ", None, false),
            ("v0001", None, false),
            ("äv", None, false),
        ] {
            assert_eq!(Pin::parse(text), expected, "{text}");
            assert_eq!(Pin::from_property_name(text), expected.filter(|_| is_name), "{text}");
        }
        for number in 0..=255 {
            for kind in [PinKind::Virtual, PinKind::Digital, PinKind::Analog] {
                let pin = Pin { kind, number };
                assert_eq!(Pin::from_property_name(&pin.to_string()), Some(pin));
            }
        }
    }
}
