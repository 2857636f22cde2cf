//! The conversation, as machines without I/O: what came means, what goes when, what outlives a connection.
//!
//! [`Inbound`] and [`Outbound`] are two, since a session is offered messages, under its mailbox's lock, while its own
//! connection publishes. They meet only in what the shell carries across: acknowledgements and replies. Neither knows a
//! topic's meaning, a principal or a socket.

mod aliases;
mod authentication;
mod batch;
mod detached;
mod error;
mod event;
mod filters;
mod in_flight;
mod inbound;
mod journal;
mod outbound;
mod output;
mod pool;
mod short_acks;
mod traffic;

use super::packet::Version;

pub use batch::Batch;
pub use detached::{Detached, Due, WillMessage};
pub use error::ProtocolError;
pub use event::{AckStep, Acknowledgement, AuthStep, Event, Outcome, Publication, PublishTopic, SubscriptionRequest};
pub use in_flight::Held;
pub use inbound::Inbound;
pub use journal::{JournalChanges, KeptMessage, MessageChange, MessageIds, Step};
pub use outbound::{Losses, Outbound, SharedMessage};
pub use pool::{Holdings, Pool, SessionBound};
pub use short_acks::SHORT_ACK_BYTES;
pub use traffic::Traffic;

/// What was agreed about sending to a client when it connected.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub(super) version: Version,
    /// QoS 1 and 2 messages that the client takes at once.
    pub(super) receive_maximum: u16,
    /// The largest packet that the client takes.
    pub(super) packet_bytes_max: usize,
    /// Topic aliases that the client takes.
    pub(super) topic_alias_maximum: u16,
    /// Whether the session outlives the connection, so that messages are kept for sending them again.
    pub(super) keeps_session: bool,
}

#[cfg(test)]
mod tests;
