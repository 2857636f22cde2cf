//! How payloads, values, devices and messages look in JSON, shared by the transports that speak it.
//!
//! Only this crate knows JSON; inner types are not serialisable. Status codes, frames and routes belong to the
//! transports, what a value means to `core`.

pub(crate) mod account;
pub(crate) mod client;
pub(crate) mod device;
pub(crate) mod firmware;
pub(crate) mod json;
pub(crate) mod message;
pub(crate) mod schema;
pub(crate) mod wire;
