//! Pins, as Blynk calls places of values: which property of a device each is, how its values look there, and which devices are
//! there to be written to. For every door that speaks of pins.
//!
//! How a pin goes over the wire belongs to the transports.

mod clock;
mod lines;
mod map;
mod values;

pub(crate) use clock::{local_seconds, utc};
pub(crate) use lines::{Lines, Reach};
pub(crate) use map::PinMap;
pub(crate) use values::{to_payload, write_values};
