//! MQTT's control packets as types, borrowed from the buffer they were read into.
//!
//! Fields keep the wire's units (`_s` for seconds) and hold what every version has; what only MQTT 5 has is absent or at
//! its default otherwise. Bytes belong to `codec`, meaning to `session`.

use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;

use housewire_core::{Properties, Qos};

use super::reason::ReasonCode;

/// The protocol version of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `MQIsdp`, level 3.
    V3_1,
    /// `MQTT`, level 4.
    V3_1_1,
    /// `MQTT`, level 5.
    V5,
}

impl Version {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::V3_1 => "3.1",
            Self::V3_1_1 => "3.1.1",
            Self::V5 => "5",
        }
    }
}

/// The identifier that ties a packet to its acknowledgement; never zero [MQTT-2.2.1-3].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PacketId(NonZeroU16);

impl PacketId {
    /// The first one handed out.
    pub const FIRST: Self = Self(NonZeroU16::MIN);

    /// `None` for zero.
    pub fn new(number: u16) -> Option<Self> {
        NonZeroU16::new(number).map(Self)
    }

    /// The number on the wire.
    pub fn get(self) -> u16 {
        self.0.get()
    }

    /// The one after it; after 65,535 comes 1.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.checked_add(1).unwrap_or(NonZeroU16::MIN))
    }
}

/// Which of the fifteen packets; the number is the one on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names are the documentation
pub enum PacketKind {
    Connect = 1,
    ConnAck,
    Publish,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    SubAck,
    Unsubscribe,
    UnsubAck,
    PingReq,
    PingResp,
    Disconnect,
    Auth,
}

impl PacketKind {
    const ALL: [Self; 15] = [
        Self::Connect,
        Self::ConnAck,
        Self::Publish,
        Self::PubAck,
        Self::PubRec,
        Self::PubRel,
        Self::PubComp,
        Self::Subscribe,
        Self::SubAck,
        Self::Unsubscribe,
        Self::UnsubAck,
        Self::PingReq,
        Self::PingResp,
        Self::Disconnect,
        Self::Auth,
    ];

    /// From the upper half of a packet's first byte.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// As the specification writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::ConnAck => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::PubAck => "PUBACK",
            Self::PubRec => "PUBREC",
            Self::PubRel => "PUBREL",
            Self::PubComp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::SubAck => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::UnsubAck => "UNSUBACK",
            Self::PingReq => "PINGREQ",
            Self::PingResp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        }
    }
}

/// One control packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names are the documentation
pub enum Packet<'a> {
    /// Boxed: it is rare and large, and a PUBLISH should be cheap to move.
    Connect(Box<Connect<'a>>),
    /// Boxed for the same reason.
    ConnAck(Box<ConnAck<'a>>),
    Publish(Publish<'a>),
    PubAck(Ack<'a>),
    PubRec(Ack<'a>),
    PubRel(Ack<'a>),
    PubComp(Ack<'a>),
    Subscribe(Subscribe<'a>),
    SubAck(SubAck<'a>),
    Unsubscribe(Unsubscribe<'a>),
    UnsubAck(SubAck<'a>),
    PingReq,
    PingResp,
    Disconnect(Disconnect<'a>),
    Auth(Auth<'a>),
}

impl Packet<'_> {
    /// Which one it is.
    pub fn kind(&self) -> PacketKind {
        match self {
            Self::Connect(_) => PacketKind::Connect,
            Self::ConnAck(_) => PacketKind::ConnAck,
            Self::Publish(_) => PacketKind::Publish,
            Self::PubAck(_) => PacketKind::PubAck,
            Self::PubRec(_) => PacketKind::PubRec,
            Self::PubRel(_) => PacketKind::PubRel,
            Self::PubComp(_) => PacketKind::PubComp,
            Self::Subscribe(_) => PacketKind::Subscribe,
            Self::SubAck(_) => PacketKind::SubAck,
            Self::Unsubscribe(_) => PacketKind::Unsubscribe,
            Self::UnsubAck(_) => PacketKind::UnsubAck,
            Self::PingReq => PacketKind::PingReq,
            Self::PingResp => PacketKind::PingResp,
            Self::Disconnect(_) => PacketKind::Disconnect,
            Self::Auth(_) => PacketKind::Auth,
        }
    }
}

impl Packet<'_> {
    /// Without what is only for people: reason string and user properties.
    pub(super) fn without_diagnostics(mut self) -> Self {
        let (reason_string, user) = match &mut self {
            Self::ConnAck(connack) => (&mut connack.reason_string, &mut connack.user),
            Self::PubAck(ack) | Self::PubRec(ack) | Self::PubRel(ack) | Self::PubComp(ack) => {
                (&mut ack.reason_string, &mut ack.user)
            }
            Self::SubAck(suback) | Self::UnsubAck(suback) => (&mut suback.reason_string, &mut suback.user),
            Self::Disconnect(disconnect) => (&mut disconnect.reason_string, &mut disconnect.user),
            Self::Auth(auth) => (&mut auth.reason_string, &mut auth.user),
            _ => return self,
        };
        *reason_string = None;
        user.clear();
        self
    }
}

/// Name and value pairs of packets that are not messages; a message's are in [`Properties`].
pub type UserProperties<'a> = Vec<(&'a str, &'a str)>;

/// A client asks to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect<'a> {
    /// What the client speaks.
    pub version: Version,
    /// End what there is of a session first; "clean session" before MQTT 5.
    pub clean_start: bool,
    /// Longest silence of the client in seconds; 0 for no bound.
    pub keep_alive_s: u16,
    /// Who it is; empty where the server shall choose.
    pub client_id: &'a str,
    /// What shall be published when it is gone.
    pub will: Option<Will<'a>>,
    /// As sent.
    pub username: Option<&'a str>,
    /// As sent; any bytes.
    pub password: Option<&'a [u8]>,
    /// How long the session outlives the connection; `u32::MAX` for ever. MQTT 3 says it by "clean session"; see
    /// [`Connect::keeps_session`].
    pub session_expiry_s: u32,
    /// How many QoS 1 and 2 messages the client takes at once.
    pub receive_maximum: NonZeroU16,
    /// The largest packet that the client takes.
    pub packet_bytes_max: Option<NonZeroU32>,
    /// How many topic aliases the client takes.
    pub topic_alias_maximum: u16,
    /// Whether the client wants response information in CONNACK.
    pub request_response_information: bool,
    /// Whether the client wants reason strings.
    pub request_problem_information: bool,
    /// As sent.
    pub user: UserProperties<'a>,
    /// Asks for an exchange of AUTH packets.
    pub authentication_method: Option<&'a str>,
    /// The first data of that exchange.
    pub authentication_data: Option<&'a [u8]>,
}

impl<'a> Connect<'a> {
    /// A CONNECT with nothing but a name.
    pub fn new(version: Version, client_id: &'a str) -> Self {
        Self {
            version,
            clean_start: true,
            keep_alive_s: 0,
            client_id,
            will: None,
            username: None,
            password: None,
            session_expiry_s: 0,
            receive_maximum: NonZeroU16::MAX,
            packet_bytes_max: None,
            topic_alias_maximum: 0,
            request_response_information: false,
            request_problem_information: true,
            user: Vec::new(),
            authentication_method: None,
            authentication_data: None,
        }
    }

    /// Whether the session outlives the connection.
    pub fn keeps_session(&self) -> bool {
        match self.version {
            Version::V5 => self.session_expiry_s > 0,
            Version::V3_1 | Version::V3_1_1 => !self.clean_start,
        }
    }
}

/// The part of a CONNECT that is published when the client is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will<'a> {
    /// Where to.
    pub topic: &'a str,
    /// Any bytes.
    pub payload: &'a [u8],
    /// As asked for.
    pub qos: Qos,
    /// As asked for.
    pub retain: bool,
    /// How long after the connection was lost.
    pub delay_s: u32,
    /// As in a PUBLISH.
    pub properties: Option<Arc<Properties>>,
}

/// The answer to a CONNECT. Absent properties mean MQTT 5's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnAck<'a> {
    /// Whether the server had a session of this client.
    pub session_present: bool,
    /// Accepted or why not; MQTT 3's return codes are mapped to it.
    pub reason: ReasonCode,
    /// Where the server chose another one than the client.
    pub session_expiry_s: Option<u32>,
    /// How many QoS 1 and 2 messages the server takes at once.
    pub receive_maximum: Option<NonZeroU16>,
    /// Where the server does not take QoS 2.
    pub maximum_qos: Option<Qos>,
    /// Whether messages can be retained.
    pub retain_available: Option<bool>,
    /// The largest packet that the server takes.
    pub packet_bytes_max: Option<NonZeroU32>,
    /// The name that the server chose for the client.
    pub assigned_client_id: Option<&'a str>,
    /// How many topic aliases the server takes.
    pub topic_alias_maximum: Option<u16>,
    /// For people.
    pub reason_string: Option<&'a str>,
    /// As sent.
    pub user: UserProperties<'a>,
    /// Whether filters may hold wildcards.
    pub wildcard_subscription_available: Option<bool>,
    /// Whether subscriptions may have identifiers.
    pub subscription_identifiers_available: Option<bool>,
    /// Whether subscriptions can be shared.
    pub shared_subscription_available: Option<bool>,
    /// The keep-alive that the client must use instead of its own.
    pub server_keep_alive_s: Option<u16>,
    /// From which to make response topics.
    pub response_information: Option<&'a str>,
    /// Another server to use.
    pub server_reference: Option<&'a str>,
    /// As in CONNECT.
    pub authentication_method: Option<&'a str>,
    /// As in CONNECT.
    pub authentication_data: Option<&'a [u8]>,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// It may have been sent before.
    pub dup: bool,
    /// How it is acknowledged.
    pub qos: Qos,
    /// To be kept by the server; from the server: it was kept.
    pub retain: bool,
    /// Where to; empty if `topic_alias` stands for it. Checked as text only, not yet as a topic.
    pub topic: &'a str,
    /// `None` exactly for QoS 0 [MQTT-2.2.1-2].
    pub packet_id: Option<PacketId>,
    /// A number that stands for the topic; 0 is invalid, which is for the session to say.
    pub topic_alias: Option<u16>,
    /// Which subscriptions matched; only from the server.
    pub subscription_identifiers: Vec<u32>,
    /// What travels with the message; `None` when nothing does.
    pub properties: Option<Arc<Properties>>,
    /// Any bytes.
    pub payload: &'a [u8],
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    /// Of the PUBLISH that it is about.
    pub packet_id: PacketId,
    /// How it went; always success before MQTT 5.
    pub reason: ReasonCode,
    /// For people.
    pub reason_string: Option<&'a str>,
    /// As sent.
    pub user: UserProperties<'a>,
}

impl Ack<'_> {
    /// With nothing but the reason.
    pub fn new(packet_id: PacketId, reason: ReasonCode) -> Self {
        Self { packet_id, reason, reason_string: None, user: Vec::new() }
    }
}

/// What is sent of retained messages when a subscription is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetainHandling {
    /// All that match.
    #[default]
    Send = 0,
    /// All that match, unless the subscription was there before.
    SendIfNew = 1,
    /// None.
    DoNotSend = 2,
}

/// How a subscription shall be served; before MQTT 5 only the QoS can be chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// The highest QoS to deliver with.
    pub qos: Qos,
    /// Not what the client itself published.
    pub no_local: bool,
    /// Deliver with the retain flag as it was published.
    pub retain_as_published: bool,
    /// About messages retained already.
    pub retain_handling: RetainHandling,
}

/// A client asks for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// Ties the SUBACK to it.
    pub packet_id: PacketId,
    /// Comes back with every message that matches.
    pub identifier: Option<u32>,
    /// As sent.
    pub user: UserProperties<'a>,
    /// Never empty [MQTT-3.8.3-2]; checked as text only.
    pub filters: Vec<(&'a str, SubscriptionOptions)>,
}

/// The answer to a SUBSCRIBE or UNSUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubAck<'a> {
    /// Of the packet that it answers.
    pub packet_id: PacketId,
    /// For people.
    pub reason_string: Option<&'a str>,
    /// As sent.
    pub user: UserProperties<'a>,
    /// One per filter, in order [MQTT-3.8.4-6]; an UNSUBACK before MQTT 5 has none.
    pub reasons: Vec<ReasonCode>,
}

impl SubAck<'_> {
    /// With nothing but the reasons.
    pub fn new(packet_id: PacketId, reasons: Vec<ReasonCode>) -> Self {
        Self { packet_id, reason_string: None, user: Vec::new(), reasons }
    }
}

/// A client wants no more messages of these filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// Ties the UNSUBACK to it.
    pub packet_id: PacketId,
    /// As sent.
    pub user: UserProperties<'a>,
    /// Never empty [MQTT-3.10.3-2]; checked as text only.
    pub filters: Vec<&'a str>,
}

/// Goodbye, from either end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Why; always success before MQTT 5.
    pub reason: ReasonCode,
    /// The client changes how long its session is kept.
    pub session_expiry_s: Option<u32>,
    /// For people.
    pub reason_string: Option<&'a str>,
    /// As sent.
    pub user: UserProperties<'a>,
    /// Another server to use.
    pub server_reference: Option<&'a str>,
}

/// A step of an authentication exchange; MQTT 5 only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Success, continue or again.
    pub reason: ReasonCode,
    /// As in CONNECT.
    pub method: Option<&'a str>,
    /// Belongs to the method.
    pub data: Option<&'a [u8]>,
    /// For people.
    pub reason_string: Option<&'a str>,
    /// As sent.
    pub user: UserProperties<'a>,
}
