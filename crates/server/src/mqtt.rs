//! The MQTT transport: bytes in, messages to the hub, messages from the hub out.
//!
//! Thin: what a packet means is decided by the machines in `protocols`. Belongs here: reading and writing byte streams, sessions by
//! client id, mapping the hub's refusals to reason codes. Other transports do not.

mod active;
mod authentication;
mod connection;
mod dialect;
mod durable;
mod end;
mod hand_on;
mod mailbox;
mod outcome;
mod pace;
mod replays;
mod restore;
mod sessions;
mod task;
mod withheld;

/// Names of MQTT in a WebSocket: the one that both standards demand, and the one of clients from before them.
pub(crate) const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

pub(crate) use active::Turn;
pub(crate) use connection::Newcomer;
pub(crate) use restore::{Owner, message_ids};
pub(crate) use sessions::Sessions;
pub(crate) use task::serve;
