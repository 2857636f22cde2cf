//! Why a conversation cannot go on.

use housewire_core::TopicError;
use thiserror::Error;

use crate::limits::PACKET_FILTERS_MAX;
use crate::mqtt::codec::DecodeError;
use crate::mqtt::packet::PacketKind;
use crate::mqtt::reason::ReasonCode;

/// Why a connection has to be closed: the client broke a rule, or its time is over.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ProtocolError {
    /// Bytes that are no packet.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// [MQTT-3.1.0-1], [MQTT-3.1.0-2], and what only servers send.
    #[error("{} is not expected here", .0.name())]
    Unexpected(PacketKind),
    /// The bound is ours.
    #[error("no CONNECT came in time, or it could not be answered in time")]
    ConnectTimeout,
    /// [MQTT-3.1.2-22]
    #[error("nothing came for one and a half times the keep-alive")]
    KeepAliveTimeout,
    /// [MQTT-3.1.1:3.1.3-8]
    #[error("an MQTT 3 client without an identifier must ask for a clean session")]
    NoClientId,
    /// The bound is ours.
    #[error("the client identifier has more than {bytes_max} bytes")]
    ClientIdTooLong {
        /// The bound.
        bytes_max: usize,
    },
    /// [MQTT-4.12.0-1]
    #[error("the authentication method is not SCRAM-SHA-256, the only one that is offered")]
    AuthenticationMethod,
    /// MQTT 5 section 3.15.2.2.2.
    #[error("AUTH must name the authentication method")]
    NoAuthenticationMethod,
    /// MQTT 5 section 3.1.2.11.10.
    #[error("there is authentication data, but no method that it belongs to")]
    AuthenticationData,
    /// In a PUBLISH or a will.
    #[error("{0}")]
    TopicName(TopicError),
    /// [MQTT-4.7.1-1], [MQTT-4.8.2-1] and the like.
    #[error("{0}")]
    TopicFilter(TopicError),
    /// [MQTT-3.8.3-4]
    #[error("a shared subscription must not ask for no local messages")]
    SharedNoLocal,
    /// The bound is ours.
    #[error("an UNSUBSCRIBE may have {PACKET_FILTERS_MAX} filters, this one has more")]
    UnsubscribeTooLong,
    /// [MQTT-3.3.2-8], [MQTT-3.3.2-9]
    #[error("the topic alias must be between 1 and {alias_max}")]
    TopicAlias {
        /// What CONNACK said.
        alias_max: u16,
    },
    /// MQTT 5 section 3.3.2.3.4.
    #[error("there is neither a topic nor an alias that stands for one")]
    NoTopic,
    /// [MQTT-3.3.4-7]
    #[error("more than {0} messages are not acknowledged yet")]
    ReceiveMaximum(u16),
    /// [MQTT-3.3.4-6]
    #[error("a client's PUBLISH must not hold a subscription identifier")]
    SubscriptionIdentifier,
    /// MQTT 5 section 3.14.2.2.2.
    #[error("a session that ends with the connection cannot be kept by DISCONNECT")]
    SessionExpiry,
    /// PUBACK for QoS 2, PUBREC or PUBCOMP for QoS 1, PUBCOMP before PUBREC.
    #[error("the acknowledgement is not of the kind that the message asks for")]
    WrongAcknowledgement,
}

impl ProtocolError {
    /// What MQTT 5 calls it.
    pub fn reason(&self) -> ReasonCode {
        match self {
            Self::Malformed(error) => error.reason(),
            Self::ConnectTimeout => ReasonCode::MaximumConnectTime,
            Self::KeepAliveTimeout => ReasonCode::KeepAliveTimeout,
            Self::NoClientId | Self::ClientIdTooLong { .. } => ReasonCode::ClientIdentifierNotValid,
            Self::AuthenticationMethod => ReasonCode::BadAuthenticationMethod,
            Self::TopicName(_) => ReasonCode::TopicNameInvalid,
            Self::TopicFilter(_) => ReasonCode::MalformedPacket,
            Self::TopicAlias { .. } => ReasonCode::TopicAliasInvalid,
            Self::UnsubscribeTooLong => ReasonCode::QuotaExceeded,
            Self::ReceiveMaximum(_) => ReasonCode::ReceiveMaximumExceeded,
            Self::Unexpected(_)
            | Self::AuthenticationData
            | Self::NoAuthenticationMethod
            | Self::SharedNoLocal
            | Self::NoTopic
            | Self::SubscriptionIdentifier
            | Self::SessionExpiry
            | Self::WrongAcknowledgement => ReasonCode::ProtocolError,
        }
    }
}
