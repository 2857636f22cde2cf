//! Reason codes (MQTT 5 section 2.4): one table of number, text and the packets each may appear in.
//!
//! MQTT 3's few return codes are mapped to them here and nowhere else.

use super::packet::PacketKind;
use housewire_core::Qos;

macro_rules! reason_codes {
    ($($(#[$default:meta])* $name:ident = $number:literal, $text:literal, [$($packet:ident)*];)*) => {
        /// How something went, or why it did not; from 0x80 on it did not.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum ReasonCode {
            $($(#[$default])* #[doc = $text] $name = $number,)*
        }

        impl ReasonCode {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// From the number on the wire.
            pub fn from_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// For people.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// Whether this packet may carry it, which MQTT demands of each packet [MQTT-3.2.2-8], [MQTT-3.4.2-1] …
            pub fn is_allowed_in(self, packet: PacketKind) -> bool {
                let allowed: &[PacketKind] = match self {
                    $(Self::$name => &[$(PacketKind::$packet),*],)*
                };
                allowed.contains(&packet)
            }
        }
    };
}

reason_codes! {
    #[default]
    Success = 0x00, "success", [ConnAck PubAck PubRec PubRel PubComp SubAck UnsubAck Disconnect Auth];
    GrantedQos1 = 0x01, "granted QoS 1", [SubAck];
    GrantedQos2 = 0x02, "granted QoS 2", [SubAck];
    DisconnectWithWill = 0x04, "disconnect with will message", [Disconnect];
    NoMatchingSubscribers = 0x10, "no matching subscribers", [PubAck PubRec];
    NoSubscriptionExisted = 0x11, "no subscription existed", [UnsubAck];
    ContinueAuthentication = 0x18, "continue authentication", [Auth];
    ReAuthenticate = 0x19, "re-authenticate", [Auth];
    UnspecifiedError = 0x80, "unspecified error", [ConnAck PubAck PubRec SubAck UnsubAck Disconnect];
    MalformedPacket = 0x81, "malformed packet", [ConnAck Disconnect];
    ProtocolError = 0x82, "protocol error", [ConnAck Disconnect];
    ImplementationSpecificError = 0x83, "implementation specific error", [ConnAck PubAck PubRec SubAck UnsubAck Disconnect];
    UnsupportedProtocolVersion = 0x84, "unsupported protocol version", [ConnAck];
    ClientIdentifierNotValid = 0x85, "client identifier not valid", [ConnAck];
    BadUserNameOrPassword = 0x86, "bad user name or password", [ConnAck];
    NotAuthorized = 0x87, "not authorized", [ConnAck PubAck PubRec SubAck UnsubAck Disconnect];
    ServerUnavailable = 0x88, "server unavailable", [ConnAck];
    ServerBusy = 0x89, "server busy", [ConnAck Disconnect];
    Banned = 0x8a, "banned", [ConnAck];
    ServerShuttingDown = 0x8b, "server shutting down", [Disconnect];
    BadAuthenticationMethod = 0x8c, "bad authentication method", [ConnAck Disconnect];
    KeepAliveTimeout = 0x8d, "keep alive timeout", [Disconnect];
    SessionTakenOver = 0x8e, "session taken over", [Disconnect];
    TopicFilterInvalid = 0x8f, "topic filter invalid", [SubAck UnsubAck Disconnect];
    TopicNameInvalid = 0x90, "topic name invalid", [ConnAck PubAck PubRec Disconnect];
    PacketIdentifierInUse = 0x91, "packet identifier in use", [PubAck PubRec SubAck UnsubAck];
    PacketIdentifierNotFound = 0x92, "packet identifier not found", [PubRel PubComp];
    ReceiveMaximumExceeded = 0x93, "receive maximum exceeded", [Disconnect];
    TopicAliasInvalid = 0x94, "topic alias invalid", [Disconnect];
    PacketTooLarge = 0x95, "packet too large", [ConnAck Disconnect];
    MessageRateTooHigh = 0x96, "message rate too high", [Disconnect];
    QuotaExceeded = 0x97, "quota exceeded", [ConnAck PubAck PubRec SubAck Disconnect];
    AdministrativeAction = 0x98, "administrative action", [Disconnect];
    PayloadFormatInvalid = 0x99, "payload format invalid", [ConnAck PubAck PubRec Disconnect];
    RetainNotSupported = 0x9a, "retain not supported", [ConnAck Disconnect];
    QosNotSupported = 0x9b, "QoS not supported", [ConnAck Disconnect];
    UseAnotherServer = 0x9c, "use another server", [ConnAck Disconnect];
    ServerMoved = 0x9d, "server moved", [ConnAck Disconnect];
    SharedSubscriptionsNotSupported = 0x9e, "shared subscriptions not supported", [SubAck Disconnect];
    ConnectionRateExceeded = 0x9f, "connection rate exceeded", [ConnAck Disconnect];
    MaximumConnectTime = 0xa0, "maximum connect time", [Disconnect];
    SubscriptionIdentifiersNotSupported = 0xa1, "subscription identifiers not supported", [SubAck Disconnect];
    WildcardSubscriptionsNotSupported = 0xa2, "wildcard subscriptions not supported", [SubAck Disconnect];
}

impl ReasonCode {
    /// The number on the wire.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Whether it says that something did not work.
    pub fn is_error(self) -> bool {
        self.number() >= 0x80
    }

    /// What a SUBACK says of a subscription that was made.
    pub fn granted(qos: Qos) -> Self {
        match qos {
            Qos::AtMostOnce => Self::Success,
            Qos::AtLeastOnce => Self::GrantedQos1,
            Qos::ExactlyOnce => Self::GrantedQos2,
        }
    }

    /// MQTT 3's CONNACK return code; `None` where it has none, and the connection is just closed [MQTT-3.1.1:3.2.2-6].
    pub(super) fn v3_return_code(self) -> Option<u8> {
        match self {
            Self::Success => Some(0),
            Self::UnsupportedProtocolVersion => Some(1),
            Self::ClientIdentifierNotValid => Some(2),
            Self::ServerUnavailable | Self::ServerBusy | Self::QuotaExceeded | Self::ConnectionRateExceeded => Some(3),
            Self::BadUserNameOrPassword => Some(4),
            Self::NotAuthorized | Self::Banned => Some(5),
            _ => None,
        }
    }

    /// The reverse, for clients.
    pub(crate) fn from_v3_return_code(code: u8) -> Option<Self> {
        [
            Self::Success,
            Self::UnsupportedProtocolVersion,
            Self::ClientIdentifierNotValid,
            Self::ServerUnavailable,
            Self::BadUserNameOrPassword,
            Self::NotAuthorized,
        ]
        .get(usize::from(code))
        .copied()
    }
}
