//! Levels of pins as values of properties, which have types; and back.
//!
//! A range that was declared of a property is the whole range of its pin: 255 is all of a lamp's 100 %.

use housewire_core::{PropertySpec, Type, Value};

/// The steps a kind of pin has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Low and high.
    Digital,
    /// 0 to 255, written.
    Pwm,
    /// 0 to 180 degrees, written.
    Servo,
    /// 0 to 1024, read.
    Analog,
}

/// A level on a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(pub Scale, pub u16);

impl Scale {
    /// The highest level.
    pub fn top(self) -> u16 {
        match self {
            Self::Digital => 1,
            Self::Pwm => 255,
            Self::Servo => 180,
            Self::Analog => 1_024,
        }
    }
}

impl Level {
    /// The payload that asks a property for this level; `None` if its type knows no levels.
    pub fn to_payload(self, spec: &PropertySpec) -> Option<Vec<u8>> {
        let Self(scale, level) = self;
        let share = f64::from(level) / f64::from(scale.top());
        let text = match spec.kind {
            Type::Bool => (share >= 0.5).to_string(),
            Type::Int => format!("{:.0}", on(spec, share, level)),
            Type::Float => on(spec, share, level).to_string(),
            Type::Enum => {
                let last = u32::try_from(spec.options.len().checked_sub(1)?).ok()?;
                spec.options.get(rounded(share * f64::from(last)))?.clone()
            }
            Type::String | Type::Json => level.to_string(),
            Type::Color | Type::Bytes => return None,
        };
        Some(text.into_bytes())
    }

    /// The level that a value is; `None` if it is none.
    pub fn of(scale: Scale, spec: &PropertySpec, value: &Value) -> Option<Self> {
        let top = f64::from(scale.top());
        let level = match value {
            Value::Bool(is_high) => {
                if *is_high {
                    top
                } else {
                    0.0
                }
            }
            Value::Int(_) | Value::Float(_) => {
                let number = value.as_number()?;
                let (low, range) = range(spec).unwrap_or((0.0, top));
                match scale {
                    // Whatever is not nothing.
                    Scale::Digital => f64::from(u8::from(number > low)),
                    _ if range > 0.0 => (number - low) / range * top,
                    _ => 0.0,
                }
            }
            Value::Text(text) if spec.kind == Type::Enum => {
                let place = spec.options.iter().position(|option| **option == **text)?;
                let (place, last) = (u32::try_from(place).ok()?, u32::try_from(spec.options.len()).ok()? - 1);
                match scale {
                    Scale::Digital => f64::from(u8::from(place > 0)),
                    _ => f64::from(place) / f64::from(last.max(1)) * top,
                }
            }
            Value::Text(text) | Value::Json(text) => match &**text {
                "HIGH" | "ON" | "true" => top,
                "LOW" | "OFF" | "false" | "" => 0.0,
                text => match (text.parse::<f64>().ok().filter(|number| number.is_finite())?, scale) {
                    (number, Scale::Digital) => f64::from(u8::from(number > 0.0)),
                    (number, _) => number,
                },
            },
            Value::Bytes(_) => return None,
        };
        let level = u16::try_from(rounded(level.clamp(0.0, top))).ok()?;
        Some(Self(scale, level))
    }
}

/// The lowest value and how far it is to the highest, if both were declared.
fn range(spec: &PropertySpec) -> Option<(f64, f64)> {
    let (low, high) = (spec.min?, spec.max?);
    Some((low, high - low))
}

/// The number that is this share of a property's range; without a range the level itself.
fn on(spec: &PropertySpec, share: f64, level: u16) -> f64 {
    range(spec).map_or(f64::from(level), |(low, range)| low + share * range)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and a few thousand")]
fn rounded(number: f64) -> usize {
    number.round() as usize
}
