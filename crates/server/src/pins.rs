//! Pins, as Blynk calls places of values: which property of a device each is, how its values look there, and which devices are
//! there to be written to. For every door that speaks of pins.
//!
//! How a pin goes over the wire belongs to the transports.

mod clock;
mod fields;
mod lines;
mod map;
mod points;
mod streams;
mod updates;
mod values;

pub(crate) use clock::{local_seconds, utc};
pub(crate) use fields::{meta_field, say_online};
pub(crate) use lines::{Lines, Reach};
pub(crate) use map::PinMap;
pub(crate) use points::{NoPoints, Timed, keep_points, read_points, timed};
pub(crate) use streams::{Stream, Streams};
pub(crate) use updates::{UPDATES, Update};
pub(crate) use values::{to_payload, write_values};
