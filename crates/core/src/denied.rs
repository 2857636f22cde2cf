//! Refusals of the hub, in words for whoever asked; which code a protocol has for them is each transport's own affair.

use thiserror::Error;

/// Why something was not allowed. Says nothing of status codes: each transport maps these in one place.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Denied {
    /// No right to read or write this.
    #[error("{who} may not {what} '{topic}': ask an admin for the permission")]
    NotPermitted {
        /// The principal's name.
        who: String,
        /// `"read"`, `"write"` or `"subscribe to"`.
        what: &'static str,
        /// Topic or filter.
        topic: String,
    },
    /// Topics that only the hub writes.
    #[error(
        "'{0}' is written by the hub itself: publish elsewhere; devices take devices/<device>/<property> and …/set"
    )]
    HubOnly(String),
    /// No room for another device.
    #[error("the registry is full ({} devices): delete some first", crate::limits::DEVICES_MAX)]
    DevicesFull,
    /// No room for another retained message.
    #[error("too many retained messages ({0}, limits.retained_messages): clear some first")]
    RetainedFull(usize),
    /// No room for so many bytes of retained messages.
    #[error(
        "the retained messages take up all the room they have ({0} bytes, limits.retained_bytes): clear some first"
    )]
    RetainedBytesFull(usize),
    /// Longer than this hub allows.
    #[error("a topic may have at most {0} bytes here (limits.topic_bytes): use a shorter one")]
    TopicTooLong(usize),
    /// Deeper than this hub allows.
    #[error("a topic may have at most {0} levels here (limits.topic_levels): use fewer")]
    TopicTooDeep(usize),
    /// The disk takes nothing, so what an acknowledgement would promise cannot be kept.
    #[error("the hub cannot write to its disk and so cannot keep this message: try again later, or publish with QoS 0")]
    DiskFailing,
}
