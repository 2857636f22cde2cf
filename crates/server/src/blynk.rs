//! The Blynk transport: devices that speak Blynk's hardware protocol, over TCP, TLS or in a WebSocket.
//!
//! What frames mean is decided by the machine in `protocols`. Belongs here: reading and writing byte streams, whose token it is, and
//! what a dashboard's widgets would have done with what a device says. Which property a pin is belongs to `pins`, Blynk's API for
//! programs to `http`.

mod active;
mod begin;
mod bridges;
mod events;
mod mailbox;
mod notices;
mod task;

/// The door, as it is named in messages.
pub(crate) const VIA: &str = "blynk";

pub(crate) use begin::Newcomer;
pub(crate) use task::serve;
