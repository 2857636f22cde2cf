//! The MQTT transport: sockets in, messages to the hub, messages from the hub out.
//!
//! Thin: what a packet means is decided by the machines in `protocols`. Belongs here: reading and writing sockets, sessions by
//! client id, mapping the hub's refusals to reason codes. Other transports do not.

mod active;
mod connection;
mod end;
mod mailbox;
mod outcome;
mod pace;
mod sessions;
mod withheld;

pub(crate) use connection::serve;
pub(crate) use sessions::Sessions;
