//! Where the other codec and ours are known to judge differently, and what the specification says about it.
//!
//! Nothing is listed here in which we are wrong: that is mended.

use std::time::Duration;

use housewire_core::Properties;
use housewire_protocols::mqtt::*;

const V3_1: Version = Version::V3_1;
const V3: Version = Version::V3_1_1;
const V5: Version = Version::V5;

/// What both were given, our judgement, and whether the other codec takes it.
pub(super) struct Seen<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) version: Version,
    pub(super) ours: &'a Result<Packet<'a>, DecodeError>,
    pub(super) is_theirs: bool,
}

impl Seen<'_> {
    fn kind(&self) -> u8 {
        self.bytes[0] >> 4
    }

    fn is(&self, kind: PacketKind) -> bool {
        self.kind() == kind as u8
    }
}

/// One known difference.
pub(super) struct Difference {
    /// Who is right, by which clause; a clause without version is in both.
    pub(super) why: &'static str,
    /// Bytes that show it, of this version.
    pub(super) specimen: (Version, &'static [u8]),
    is: Is,
}

enum Is {
    /// We refuse what the other codec takes.
    Laxer(fn(&Seen<'_>, DecodeError) -> bool),
    /// We take what the other codec refuses.
    Stricter(fn(&Seen<'_>, &Packet<'_>) -> bool),
    /// Both take it, as something else.
    Otherwise(fn(&Seen<'_>, &Packet<'_>) -> bool),
}

impl Difference {
    pub(super) fn explains(&self, seen: &Seen<'_>) -> bool {
        match (&self.is, seen.ours) {
            (Laxer(is), Err(error)) => seen.is_theirs && is(seen, *error),
            (Stricter(is), Ok(packet)) => !seen.is_theirs && is(seen, packet),
            (Otherwise(is), Ok(packet)) => seen.is_theirs && is(seen, packet),
            _ => false,
        }
    }
}

use DecodeError as E;
use Is::{Laxer, Otherwise, Stricter};

pub(super) const DIFFERENCES: &[Difference] = &[
    Difference {
        why: "ours: a text holds no U+0000 [MQTT-1.5.4-2], [MQTT-3.1.1:1.5.3-2]",
        specimen: (V5, b"\x30\x04\0\x01\0\0"),
        is: Laxer(|_, error| matches!(error, E::NotText(_))),
    },
    Difference {
        why: "ours: a variable byte integer takes as few bytes as it can [MQTT-1.5.5-1]",
        specimen: (V5, b"\xc0\x80\0"),
        is: Laxer(|_, error| matches!(error, E::BadVarint(_))),
    },
    Difference {
        why: "ours: DUP is 0 with QoS 0 [MQTT-3.3.1-2]",
        specimen: (V3, b"\x38\x03\0\x01a"),
        is: Laxer(|_, error| matches!(error, E::BadFlags { packet: "PUBLISH", flags: 8 | 9 })),
    },
    Difference {
        why: "ours: PINGREQ and PINGRESP end with their header, and so does DISCONNECT before MQTT 5 (3.12, 3.13, 3.14)",
        specimen: (V3, b"\xe0\x01\0"),
        is: Laxer(|seen, error| match error {
            E::Trailing("header") => true,
            E::Trailing("last field") => seen.is(PacketKind::Disconnect) && seen.version != V5,
            _ => false,
        }),
    },
    Difference {
        why: "ours: the payload of CONNECT is what its flags say and nothing after it [MQTT-3.1.3-1]",
        specimen: (V3, b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\0\0"),
        is: Laxer(|seen, error| error == E::Trailing("last field") && seen.is(PacketKind::Connect)),
    },
    Difference {
        why: "ours: CONNACK before MQTT 5 has two bytes after its header (3.1.1: 3.2.1)",
        specimen: (V3, b"\x20\x03\0\0\0"),
        is: Laxer(|seen, error| {
            error == E::Trailing("last field") && seen.is(PacketKind::ConnAck) && seen.version != V5
        }),
    },
    Difference {
        why: "ours: without a will its QoS and retain flag are 0 [MQTT-3.1.2-11], [MQTT-3.1.2-13]",
        specimen: (V5, b"\x10\x0d\0\x04MQTT\x05\x22\0\0\0\0\0"),
        is: Laxer(|seen, error| {
            let is_flags = matches!(error, E::BadValue { field: "connect flags", value } if value & 0b100 == 0);
            is_flags && seen.version == V5
        }),
    },
    Difference {
        why: "ours: no password without a user name before MQTT 5 [MQTT-3.1.1:3.1.2-22]",
        specimen: (V3, b"\x10\x0e\0\x04MQTT\x04\x42\0\0\0\0\0\0"),
        is: Laxer(|_, error| matches!(error, E::BadValue { field: "connect flags", value } if value & 0xc0 == 0x40)),
    },
    Difference {
        why: "ours: name and level belong to one version [MQTT-3.1.2-1], [MQTT-3.1.2-2]; the other codec also writes \
              level 4 beside MQIsdp",
        specimen: (V3, b"\x10\x0c\0\x04MQTT\x03\x02\0\0\0\0"),
        is: Laxer(|_, error| matches!(error, E::UnsupportedVersion(3 | 4))),
    },
    Difference {
        why: "ours: return codes above 5 are reserved (3.1.1: 3.2.2.3)",
        specimen: (V3, b"\x20\x02\0\x06"),
        is: Laxer(|_, error| error == E::BadValue { field: "return code", value: 6 }),
    },
    Difference {
        why: "ours: the upper six bits of a requested QoS are 0 [MQTT-3.1.1:3.8.3-4]",
        specimen: (V3, b"\x82\x06\0\x01\0\x01a\x04"),
        is: Laxer(|seen, error| {
            matches!(
                error,
                E::BadValue { field: "subscription options", .. } | E::Forbidden { field: "subscription options", .. }
            ) && seen.version != V5
        }),
    },
    Difference {
        why: "ours: a maximum QoS is 0 or 1 (5: 3.2.2.3.4)",
        specimen: (V5, b"\x20\x05\0\0\x02\x24\x02"),
        is: Laxer(|_, error| error == E::Forbidden { field: "maximum QoS", value: 2 }),
    },
    Difference {
        why: "ours: a maximum packet size is not 0 (5: 3.2.2.3.6)",
        specimen: (V5, b"\x20\x08\0\0\x05\x27\0\0\0\0"),
        is: Laxer(|seen, error| {
            error == E::Forbidden { field: "maximum packet size", value: 0 } && seen.is(PacketKind::ConnAck)
        }),
    },
    Difference {
        why: "ours: a response topic holds no wildcard [MQTT-3.3.2-14]",
        specimen: (V5, b"\x30\x08\0\x01a\x04\x08\0\x01+"),
        is: Laxer(|_, error| matches!(error, E::Forbidden { field: "response topic", .. })),
    },
    Difference {
        why: "ours: only an AUTH of length 0 may go without the length of its properties (5: 3.15.2.1)",
        specimen: (V5, b"\xf0\x01\0"),
        is: Laxer(|seen, error| error == E::Truncated("properties") && seen.is(PacketKind::Auth) && seen.bytes[1] == 1),
    },
    Difference {
        why: "ours: an empty client identifier is allowed whatever Clean Start is (5: 3.1.3.1); before MQTT 5 it is \
              answered with return code 2 [MQTT-3.1.1:3.1.3-8], for which it must be read",
        specimen: (V3, b"\x10\x0c\0\x04MQTT\x04\0\0\0\0\0"),
        is: Stricter(
            |_, packet| matches!(packet, Packet::Connect(connect) if connect.client_id.is_empty() && !connect.clean_start),
        ),
    },
    Difference {
        why: "either: an empty topic or filter is none [MQTT-4.7.3-1]; here the session refuses it",
        specimen: (V3, b"\x30\x02\0\0"),
        is: Stricter(|seen, packet| {
            seen.version != V5
                && match packet {
                    Packet::Publish(publish) => publish.topic.is_empty(),
                    Packet::Subscribe(subscribe) => subscribe.filters.iter().any(|(filter, _)| filter.is_empty()),
                    Packet::Unsubscribe(unsubscribe) => unsubscribe.filters.contains(&""),
                    _ => false,
                }
        }),
    },
    Difference {
        why: "either: topic alias 0 is refused as what it is [MQTT-3.3.2-8]; here the session does it",
        specimen: (V5, b"\x30\x07\0\x01a\x03\x23\0\0"),
        is: Stricter(|_, packet| matches!(packet, Packet::Publish(publish) if publish.topic_alias == Some(0))),
    },
    Difference {
        why: "ours: a message may expire after 0 seconds, nothing forbids it (5: 3.3.2.3.3)",
        specimen: (V5, b"\x30\x09\0\x01a\x05\x02\0\0\0\0"),
        is: Stricter(|_, packet| {
            let message = match packet {
                Packet::Publish(publish) => publish.properties.as_deref(),
                Packet::Connect(connect) => connect.will.as_ref().and_then(|will| will.properties.as_deref()),
                _ => None,
            };
            message.is_some_and(|message: &Properties| message.expiry == Some(Duration::ZERO))
        }),
    },
    Difference {
        why: "ours: MQTT 3.1 has DUP and a QoS in the headers of these three (3.1: 3.6, 3.8, 3.10)",
        specimen: (V3_1, b"\x68\x02\0\x01"),
        is: Stricter(|seen, packet| {
            let kinds = [PacketKind::PubRel, PacketKind::Subscribe, PacketKind::Unsubscribe];
            seen.version == V3_1 && kinds.contains(&packet.kind()) && seen.bytes[0] & 0x0f != 2
        }),
    },
    Difference {
        why: "ours: the first byte of CONNACK is reserved in MQTT 3.1, and not looked at (3.1: 3.2)",
        specimen: (V3_1, b"\x20\x02\x02\0"),
        is: Stricter(|seen, packet| seen.version == V3_1 && packet.kind() == PacketKind::ConnAck && seen.bytes[2] > 1),
    },
    Difference {
        why: "ours: nor does CONNACK say in MQTT 3.1 whether there is a session (3.1: 3.2)",
        specimen: (V3_1, b"\x20\x02\x01\0"),
        is: Otherwise(|seen, packet| {
            seen.version == V3_1 && packet.kind() == PacketKind::ConnAck && seen.bytes[2] == 1
        }),
    },
];
