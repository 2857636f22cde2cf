//! What a request asks of a device.

use std::fmt;

use crate::bolt::binding::Pin;
use crate::bolt::query::Parameters;
use crate::limits::{BOLT_PINS_MAX, BOLT_POINTS_MAX, BOLT_POINTS_USUAL, BOLT_SERIAL_BYTES_MAX};

/// The name of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are called as Bolt's manual calls them")]
pub enum Verb {
    DigitalWrite,
    DigitalMultiWrite,
    DigitalRead,
    DigitalMultiRead,
    AnalogRead,
    AnalogWrite,
    AnalogMultiWrite,
    ServoWrite,
    ServoMultiWrite,
    SerialBegin,
    SerialWrite,
    SerialRead,
    SerialWR,
    Version,
    Restart,
    IsAlive,
    IsOnline,
    GetDevices,
    FetchData,
    ProductDetails,
}

const VERBS: [(&str, Verb); 20] = [
    ("digitalWrite", Verb::DigitalWrite),
    ("digitalMultiWrite", Verb::DigitalMultiWrite),
    ("digitalRead", Verb::DigitalRead),
    ("digitalMultiRead", Verb::DigitalMultiRead),
    ("analogRead", Verb::AnalogRead),
    ("analogWrite", Verb::AnalogWrite),
    ("analogMultiWrite", Verb::AnalogMultiWrite),
    ("servoWrite", Verb::ServoWrite),
    ("servoMultiWrite", Verb::ServoMultiWrite),
    ("serialBegin", Verb::SerialBegin),
    ("serialWrite", Verb::SerialWrite),
    ("serialRead", Verb::SerialRead),
    ("serialWR", Verb::SerialWR),
    ("version", Verb::Version),
    ("restart", Verb::Restart),
    ("isAlive", Verb::IsAlive),
    ("isOnline", Verb::IsOnline),
    ("getDevices", Verb::GetDevices),
    ("fetchData", Verb::FetchData),
    ("productDetails", Verb::ProductDetails),
];

impl Verb {
    /// By its name, in which small and large letters differ.
    pub fn parse(name: &str) -> Option<Self> {
        VERBS.into_iter().find(|(known, _)| *known == name).map(|(_, verb)| verb)
    }

    /// As it stands in addresses.
    pub fn name(self) -> &'static str {
        VERBS.into_iter().find(|(_, verb)| *verb == self).map_or("", |(name, _)| name)
    }

    /// The parameter that names the device; `None` if the command is about none.
    pub fn device_parameter(self) -> Option<&'static str> {
        match self {
            Self::GetDevices => None,
            Self::ProductDetails => Some("deviceID"),
            _ => Some("deviceName"),
        }
    }
}

/// The order of points in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The oldest first.
    Ascending,
    /// The newest first.
    Descending,
}

/// A command with what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Pins, and whether each is to be high.
    DigitalWrite(Vec<(Pin, bool)>),
    /// Pins that are asked for.
    DigitalRead(Vec<Pin>),
    /// Of `A0`.
    AnalogRead,
    /// Pins, and 0 to 255 for each.
    AnalogWrite(Vec<(Pin, u8)>),
    /// Pins, and 0 to 180 degrees for each.
    ServoWrite(Vec<(Pin, u8)>),
    /// Bits per second.
    SerialBegin(u32),
    /// A text.
    SerialWrite(String),
    /// Up to which character, if it is said.
    SerialRead(Option<u8>),
    /// A text, and up to which character its answer goes.
    SerialWR(String, Option<u8>),
    /// Of what the module is and runs.
    Version,
    /// From its start on.
    Restart,
    /// In one word.
    IsAlive,
    /// And since when.
    IsOnline,
    /// All of the account.
    GetDevices,
    /// How many rows at the most, and in which order.
    FetchData(usize, Order),
    /// What its pins are for.
    ProductDetails,
}

/// What is wrong with a command, in Bolt's words where those are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// There is no such pin.
    Pin,
    /// Neither high nor low.
    State,
    /// No number, or out of range.
    Value,
    /// No speed that serial ports have.
    Baud,
    /// No text.
    Data,
    /// More text than [`BOLT_SERIAL_BYTES_MAX`].
    TooLong,
    /// No ASCII code.
    Till,
    /// No number of rows.
    Limit,
    /// Neither of the two.
    Order,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pin => "Invalid pin value",
            Self::State => "Invalid state",
            Self::Value => "Invalid value",
            Self::Baud => "Invalid baud value",
            Self::Data => "Invalid data value",
            Self::TooLong => "Command timed out",
            Self::Till => "Invalid till value",
            Self::Limit => "Invalid limit value",
            Self::Order => "Invalid order value",
        })
    }
}

impl Command {
    /// Reads what a command needs.
    pub fn parse(verb: Verb, parameters: &Parameters) -> Result<Self, Invalid> {
        let list = |name: &str| parameters.text(name).unwrap_or_default().split(',').map(str::trim);
        let pin = || Pin::parse(parameters.text("pin").unwrap_or_default()).ok_or(Invalid::Pin);
        let pins = |name: &str| {
            let pins: Option<Vec<Pin>> = list(name).take(BOLT_PINS_MAX + 1).map(Pin::parse).collect();
            pins.filter(|pins| pins.len() <= BOLT_PINS_MAX).ok_or(Invalid::Pin)
        };
        Ok(match verb {
            Verb::DigitalWrite => Self::DigitalWrite(paired(vec![pin()?], list("state"), state, Invalid::State)?),
            Verb::DigitalMultiWrite => {
                Self::DigitalWrite(paired(pins("pins")?, list("states"), state, Invalid::State)?)
            }
            Verb::DigitalRead => Self::DigitalRead(vec![pin()?]),
            Verb::DigitalMultiRead => Self::DigitalRead(pins("pins")?),
            Verb::AnalogRead if parameters.text("pin") == Some("A0") => Self::AnalogRead,
            Verb::AnalogRead => return Err(Invalid::Pin),
            // One wrapper sends lists here, too.
            Verb::AnalogWrite => Self::AnalogWrite(paired(pins("pin")?, list("value"), byte, Invalid::Value)?),
            Verb::AnalogMultiWrite => Self::AnalogWrite(paired(pins("pins")?, list("values"), byte, Invalid::Value)?),
            Verb::ServoWrite => Self::ServoWrite(paired(vec![pin()?], list("value"), angle, Invalid::Value)?),
            Verb::ServoMultiWrite => Self::ServoWrite(paired(pins("pins")?, list("values"), angle, Invalid::Value)?),
            Verb::SerialBegin => {
                let baud = parameters.text("baud").and_then(|text| text.parse().ok());
                Self::SerialBegin(baud.filter(|baud| BAUDS.contains(baud)).ok_or(Invalid::Baud)?)
            }
            Verb::SerialWrite => Self::SerialWrite(data(parameters)?),
            Verb::SerialRead => Self::SerialRead(till(parameters)?),
            Verb::SerialWR => Self::SerialWR(data(parameters)?, till(parameters)?),
            Verb::Version => Self::Version,
            Verb::Restart => Self::Restart,
            Verb::IsAlive => Self::IsAlive,
            Verb::IsOnline => Self::IsOnline,
            Verb::GetDevices => Self::GetDevices,
            Verb::FetchData => {
                let limit = match parameters.text("limit") {
                    None => BOLT_POINTS_USUAL,
                    Some(text) => text.parse().map_err(|_| Invalid::Limit)?,
                };
                if !(1..=BOLT_POINTS_MAX).contains(&limit) {
                    return Err(Invalid::Limit);
                }
                let order = match parameters.text("order") {
                    None | Some("DESC") => Order::Descending,
                    Some("ASC") => Order::Ascending,
                    Some(_) => return Err(Invalid::Order),
                };
                Self::FetchData(limit, order)
            }
            Verb::ProductDetails => Self::ProductDetails,
        })
    }
}

/// Speeds that serial ports have, in bits per second.
const BAUDS: [u32; 13] =
    [300, 600, 1_200, 2_400, 4_800, 9_600, 14_400, 19_200, 28_800, 38_400, 57_600, 115_200, 230_400];

/// One value for each pin.
fn paired<'t, T>(
    pins: Vec<Pin>,
    texts: impl Iterator<Item = &'t str>,
    read: impl Fn(&str) -> Option<T>,
    wrong: Invalid,
) -> Result<Vec<(Pin, T)>, Invalid> {
    let values: Option<Vec<T>> = texts.take(pins.len() + 1).map(read).collect();
    let values = values.filter(|values| values.len() == pins.len()).ok_or(wrong)?;
    Ok(pins.into_iter().zip(values).collect())
}

fn state(text: &str) -> Option<bool> {
    match text {
        "HIGH" | "1" | "ON" => Some(true),
        "LOW" | "0" | "OFF" => Some(false),
        _ => None,
    }
}

fn byte(text: &str) -> Option<u8> {
    text.parse().ok()
}

fn angle(text: &str) -> Option<u8> {
    byte(text).filter(|angle| *angle <= 180)
}

fn data(parameters: &Parameters) -> Result<String, Invalid> {
    let data = parameters.serial("data").ok_or(Invalid::Data)?;
    if data.len() > BOLT_SERIAL_BYTES_MAX { Err(Invalid::TooLong) } else { Ok(data.to_owned()) }
}

fn till(parameters: &Parameters) -> Result<Option<u8>, Invalid> {
    let Some(raw) = parameters.raw("till") else { return Ok(None) };
    if raw.trim_ascii().is_empty() {
        return Ok(None);
    }
    let code = parameters.text("till").and_then(byte).filter(u8::is_ascii);
    code.map(Some).ok_or(Invalid::Till)
}
