//! What every door offers a device: requests in, reports out.
//!
//! How they look on the wire belongs to the doors, what they mean to the models.

use std::sync::Arc;

use thiserror::Error;

use super::Access;
use super::model::Report;

/// An open connection of one device.
pub(crate) trait Door: Sized + Send {
    /// Connects and asks for the device's requests.
    async fn open(access: Access, device: Arc<str>) -> Result<Self, DoorError>;

    /// What comes next. May be dropped and called again without losing anything.
    async fn next(&mut self) -> Result<Incoming, DoorError>;

    /// Hands over a report.
    async fn report(&mut self, report: Report) -> Result<(), DoorError>;

    /// Closes the connection properly; gives up after a moment.
    async fn close(self, farewell: Farewell);
}

/// What a device says before it closes its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// That it is gone, where the door has a way to say so.
    Spoken,
    /// Nothing: after its removal every word would register it again.
    Silent,
}

/// What reaches a device.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// Somebody asks.
    Request {
        /// For which property.
        property: String,
        /// For which value.
        payload: String,
    },
    /// The device was removed from the registry: it has no place here any more.
    Removed,
}

/// Why a connection is not there, or no longer.
#[derive(Debug, Error)]
pub(crate) enum DoorError {
    /// It ended, or never came about.
    #[error("{0}")]
    Lost(String),
    /// The hub does not want it.
    #[error("the hub refuses it: {0}")]
    Refused(String),
    /// See [`Incoming::Removed`].
    #[error("the device was removed")]
    Removed,
}

impl DoorError {
    /// From an error that says itself what is wrong.
    pub(crate) fn lost(error: impl std::fmt::Display) -> Self {
        Self::Lost(error.to_string())
    }
}

/// The filters of what concerns a device.
pub(crate) fn filters(device: &str) -> [String; 2] {
    [format!("devices/{device}/+/set"), format!("devices/{device}/$changed")]
}

/// What a message under one of [`filters`] means; `None` for what is of no concern.
pub(crate) fn read(device: &str, topic: &str, payload: &str) -> Option<Incoming> {
    let rest = topic.strip_prefix("devices/")?.strip_prefix(device)?.strip_prefix('/')?;
    if rest == "$changed" {
        return (payload == "removed").then_some(Incoming::Removed);
    }
    let property = rest.strip_suffix("/set")?.to_owned();
    Some(Incoming::Request { property, payload: payload.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(topic: &str, payload: &str, expected: Option<Incoming>) {
        assert_eq!(read("lamp", topic, payload), expected, "{topic} {payload}");
    }

    #[test]
    fn messages_are_understood() {
        let request = Incoming::Request { property: "power".to_owned(), payload: "true".to_owned() };
        check("devices/lamp/power/set", "true", Some(request));
        check("devices/lamp/$changed", "removed", Some(Incoming::Removed));
        check("devices/lamp/$changed", "updated", None);
        check("devices/lamp/power", "true", None);
        check("devices/lamp2/power/set", "true", None);
        check("lamp/power/set", "true", None);
    }
}
