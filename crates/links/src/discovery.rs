//! Devices that announce themselves: what their announcements say, in one form for all dialects.
//!
//! Belongs here: reading announcements, and how a value is read from a device's own topics and written to them. Who adopts a device,
//! and under which name, belongs to `server`. Nothing here does I/O or asks for the time.

pub mod binding;
mod draft;
pub mod homeassistant;
pub mod homie;
mod jinja;
pub mod limits;
pub mod mdns;
pub mod model;
pub mod names;
pub mod presence;
mod said;
pub mod tasmota;
pub mod template;
pub mod zigbee2mqtt;

use housewire_core::Filter;

pub use self::model::{Announcement, Availability, Event, Found, FoundProperty, Read, Source, Write};

/// One ecosystem's way to announce devices over MQTT. It remembers what was announced, within bounds.
pub trait Dialect: Send {
    /// Whose dialect it is.
    fn source(&self) -> Source;

    /// What it has to hear of.
    fn filters(&self) -> Vec<Filter>;

    /// Takes one message that one of the filters matches; hostile ones are answered by [`Event::Problem`] at most.
    fn message(&mut self, message: &Announcement<'_>) -> Vec<Event>;
}
