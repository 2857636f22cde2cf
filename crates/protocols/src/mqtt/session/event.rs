//! What a client's packets want, as the shell carries it out.

use std::sync::Arc;

use housewire_core::{Filter, Properties, Qos, Topic, TopicRef};

use crate::mqtt::packet::{Connect, Packet, PacketId, SubscriptionOptions};
use crate::mqtt::reason::ReasonCode;

/// What a packet wants of the shell.
#[derive(Debug)]
pub enum Event<'a> {
    /// Somebody wants in: to be answered by [`super::Inbound::accept`] or [`super::Inbound::farewell`] before anything else is read.
    /// If it names an authentication method, its data begin an exchange; then [`super::Inbound::challenge`] is an answer too.
    Connect(Box<Connect<'a>>),
    /// An exchange goes on, or begins on a live connection: to be answered by [`super::Inbound::challenge`], by
    /// [`super::Inbound::accept`] or [`super::Inbound::reauthenticated`], or by [`super::Inbound::farewell`].
    Authenticate(AuthStep<'a>),
    /// Something to publish; QoS 1 and 2 are to be answered by [`super::Inbound::acknowledge`].
    Publish(Publication<'a>),
    /// Filters to add, to be answered by a SUBACK with one reason for each.
    Subscribe {
        /// For the SUBACK.
        packet_id: PacketId,
        /// Comes back with every message.
        identifier: Option<u32>,
        /// What is wanted, or why it cannot be.
        requests: Vec<Result<SubscriptionRequest, ReasonCode>>,
    },
    /// Filters to remove, to be answered by an UNSUBACK with one reason for each.
    Unsubscribe {
        /// For the UNSUBACK.
        packet_id: PacketId,
        /// What is wanted no more, or why it never was.
        filters: Vec<Result<Filter, ReasonCode>>,
    },
    /// For [`super::Outbound::handle_acks`].
    Acknowledged(Acknowledgement),
    /// To be sent; nothing else is to be done.
    Reply(Packet<'a>),
    /// The client said goodbye.
    Disconnect,
}

/// What a client says in an exchange of AUTH packets; empty if it said nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthStep<'a> {
    /// It wants to show again who it is [MQTT-4.12.1-1].
    Begin(&'a [u8]),
    /// Its answer to a challenge.
    Continue(&'a [u8]),
}

/// A message to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication<'a> {
    /// Where to, with the alias resolved.
    pub topic: PublishTopic<'a>,
    /// Any bytes.
    pub payload: &'a [u8],
    /// As sent.
    pub qos: Qos,
    /// As sent.
    pub retain: bool,
    /// It may have been sent before.
    pub dup: bool,
    /// For [`super::Inbound::acknowledge`]; `None` exactly for QoS 0.
    pub packet_id: Option<PacketId>,
    /// What travels with it.
    pub properties: Option<Arc<Properties>>,
}

/// A topic from the packet itself, or what an alias stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishTopic<'a> {
    /// As in the packet.
    Named(TopicRef<'a>),
    /// As in an earlier packet.
    Aliased(Topic),
}

impl PublishTopic<'_> {
    /// The topic.
    pub fn borrow(&self) -> TopicRef<'_> {
        match self {
            Self::Named(topic) => *topic,
            Self::Aliased(topic) => topic.borrow(),
        }
    }
}

/// How it went to publish a message. MQTT 3 can only say that it arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// Success, no subscribers, or why it was refused.
    pub reason: ReasonCode,
    /// More about it, for people.
    pub text: Option<&'a str>,
}

impl Outcome<'_> {
    /// It was published.
    pub const SUCCESS: Self = Self { reason: ReasonCode::Success, text: None };
}

/// One filter of a SUBSCRIBE, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionRequest {
    /// What for.
    pub filter: Filter,
    /// How to serve it.
    pub options: SubscriptionOptions,
}

/// Which step of a delivery the client acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names are the documentation
pub enum AckStep {
    PubAck,
    PubRec,
    PubComp,
}

/// The client acknowledges what it was sent: for [`super::Outbound::handle_acks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Which step.
    pub step: AckStep,
    /// Of which message.
    pub packet_id: PacketId,
    /// How it went.
    pub reason: ReasonCode,
}
