//! Why bytes are not a packet.

use thiserror::Error;

use crate::limits::USER_PROPERTIES_MAX;
use crate::mqtt::reason::ReasonCode;

/// Why bytes are not a packet; names the field. After one of these the connection cannot go on, since nobody knows
/// where the next packet begins.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// More than four bytes, or more than needed [MQTT-1.5.5-1].
    #[error("the {0} is not a number of one to four bytes")]
    BadVarint(&'static str),
    /// Known from the first bytes already.
    #[error("a packet of {bytes} bytes, where {bytes_max} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// 0, and before MQTT 5 also 15.
    #[error("there is no packet of type {0}")]
    UnknownPacket(u8),
    /// [MQTT-2.1.3-1], [MQTT-3.3.1-2], [MQTT-3.3.1-4]
    #[error("{packet} must not have the flags {flags:#06b}")]
    BadFlags {
        /// Which packet.
        packet: &'static str,
        /// The lower half of its first byte.
        flags: u8,
    },
    /// The remaining length, or a length inside, promises more.
    #[error("the packet ends within its {0}")]
    Truncated(&'static str),
    /// The remaining length, or a length inside, promises less.
    #[error("the packet has bytes left over after its {0}")]
    Trailing(&'static str),
    /// [MQTT-1.5.4-1], [MQTT-1.5.4-2]
    #[error("the {0} is not UTF-8 text without U+0000")]
    NotText(&'static str),
    /// A reserved bit or a number that has no meaning.
    #[error("the {field} must not be {value:#04x}")]
    BadValue {
        /// Which field.
        field: &'static str,
        /// What it was.
        value: u32,
    },
    /// A number that has a meaning, but not here; MQTT 5 tells these two apart.
    #[error("the {field} must not be {value}")]
    Forbidden {
        /// Which field.
        field: &'static str,
        /// What it was.
        value: u32,
    },
    /// Not in the table of MQTT 5 section 2.2.2.2.
    #[error("there is no property {0:#04x}")]
    UnknownProperty(u8),
    /// In the table, but not for this packet.
    #[error("the property {property} does not belong into {packet}")]
    MisplacedProperty {
        /// Which property.
        property: &'static str,
        /// Which packet.
        packet: &'static str,
    },
    /// Only user properties, and subscription identifiers of a PUBLISH, may repeat.
    #[error("the property {0} is there twice")]
    DuplicateProperty(&'static str),
    /// Each costs more memory than bytes on the wire.
    #[error("a packet may have {USER_PROPERTIES_MAX} user properties, this one has more")]
    TooManyUserProperties,
    /// Somebody speaks, but not MQTT [MQTT-3.1.2-1].
    #[error("the protocol name is neither MQTT nor MQIsdp")]
    NotMqtt,
    /// [MQTT-3.1.2-2]
    #[error("protocol level {0} is not spoken here, but 3 (MQTT 3.1), 4 (3.1.1) and 5 are")]
    UnsupportedVersion(u8),
}

impl DecodeError {
    /// What MQTT 5 calls it.
    pub fn reason(&self) -> ReasonCode {
        match self {
            Self::TooLarge { .. } => ReasonCode::PacketTooLarge,
            Self::Forbidden { .. } | Self::DuplicateProperty(_) => ReasonCode::ProtocolError,
            Self::TooManyUserProperties => ReasonCode::QuotaExceeded,
            Self::UnsupportedVersion(_) => ReasonCode::UnsupportedProtocolVersion,
            Self::BadVarint(_)
            | Self::UnknownPacket(_)
            | Self::BadFlags { .. }
            | Self::Truncated(_)
            | Self::Trailing(_)
            | Self::NotText(_)
            | Self::BadValue { .. }
            | Self::UnknownProperty(_)
            | Self::MisplacedProperty { .. }
            | Self::NotMqtt => ReasonCode::MalformedPacket,
        }
    }
}
