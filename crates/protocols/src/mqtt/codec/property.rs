//! MQTT 5's properties (section 2.2.2.2): one table of number, name and place, one type for their values.
//!
//! `decode` and `encode` pick from them what each packet has.

use std::num::{NonZeroU16, NonZeroU32};

use housewire_core::Qos;

use super::encode;
use super::error::DecodeError;
use super::reader::Reader;
use crate::limits::USER_PROPERTIES_MAX;
use crate::mqtt::packet::PacketKind;

/// Where properties may stand, as bits: a packet's number, and bit 0 for the will in a CONNECT.
#[derive(Clone, Copy)]
pub(super) struct Place {
    bit: u16,
    name: &'static str,
}

impl Place {
    pub(super) const WILL: Self = Self { bit: WILL, name: "a will" };

    pub(super) fn packet(kind: PacketKind) -> Self {
        Self { bit: 1 << kind as u16, name: kind.name() }
    }
}

const WILL: u16 = 1;
const CONNECT: u16 = 1 << PacketKind::Connect as u16;
const CONNACK: u16 = 1 << PacketKind::ConnAck as u16;
const PUBLISH: u16 = 1 << PacketKind::Publish as u16;
const SUBSCRIBE: u16 = 1 << PacketKind::Subscribe as u16;
const DISCONNECT: u16 = 1 << PacketKind::Disconnect as u16;
const AUTH: u16 = 1 << PacketKind::Auth as u16;
const ANYWHERE: u16 = u16::MAX;
const ANSWERS: u16 = CONNACK
    | 1 << PacketKind::PubAck as u16
    | 1 << PacketKind::PubRec as u16
    | 1 << PacketKind::PubRel as u16
    | 1 << PacketKind::PubComp as u16
    | 1 << PacketKind::SubAck as u16
    | 1 << PacketKind::UnsubAck as u16
    | DISCONNECT
    | AUTH;

/// How a value stands on the wire; one trait for reading and writing, so that the table says each type once.
trait Wire<'a>: Sized {
    fn read(reader: &mut Reader<'a>, field: &'static str) -> Result<Self, DecodeError>;
    fn write(&self, out: &mut Vec<u8>);
}

/// A variable byte integer that is not zero [MQTT 5 section 3.8.2.1.2].
#[derive(Clone, Copy)]
pub(super) struct NonZeroVarint(pub(super) u32);

macro_rules! properties {
    ($($name:ident($value:ty) = $number:literal, $text:literal, $places:expr;)*) => {
        /// One property and its value.
        pub(super) enum Property<'a> {
            $($name($value),)*
        }

        impl<'a> Property<'a> {
            /// Name and places of a number in the table.
            fn row(number: u8) -> Option<(&'static str, u16)> {
                match number {
                    $($number => Some(($text, $places)),)*
                    _ => None,
                }
            }

            fn read(number: u8, name: &'static str, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
                match number {
                    $($number => <$value as Wire<'a>>::read(reader, name).map(Self::$name),)*
                    _ => Err(DecodeError::UnknownProperty(number)),
                }
            }

            pub(super) fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name(value) => {
                        out.push($number);
                        value.write(out);
                    })*
                }
            }
        }
    };
}

properties! {
    PayloadIsText(bool) = 0x01, "payload format indicator", PUBLISH | WILL;
    MessageExpiry(u32) = 0x02, "message expiry interval", PUBLISH | WILL;
    ContentType(&'a str) = 0x03, "content type", PUBLISH | WILL;
    ResponseTopic(&'a str) = 0x08, "response topic", PUBLISH | WILL;
    Correlation(&'a [u8]) = 0x09, "correlation data", PUBLISH | WILL;
    SubscriptionIdentifier(NonZeroVarint) = 0x0b, "subscription identifier", PUBLISH | SUBSCRIBE;
    SessionExpiry(u32) = 0x11, "session expiry interval", CONNECT | CONNACK | DISCONNECT;
    AssignedClientId(&'a str) = 0x12, "assigned client identifier", CONNACK;
    ServerKeepAlive(u16) = 0x13, "server keep alive", CONNACK;
    AuthenticationMethod(&'a str) = 0x15, "authentication method", CONNECT | CONNACK | AUTH;
    AuthenticationData(&'a [u8]) = 0x16, "authentication data", CONNECT | CONNACK | AUTH;
    RequestProblemInformation(bool) = 0x17, "request problem information", CONNECT;
    WillDelay(u32) = 0x18, "will delay interval", WILL;
    RequestResponseInformation(bool) = 0x19, "request response information", CONNECT;
    ResponseInformation(&'a str) = 0x1a, "response information", CONNACK;
    ServerReference(&'a str) = 0x1c, "server reference", CONNACK | DISCONNECT;
    ReasonString(&'a str) = 0x1f, "reason string", ANSWERS;
    ReceiveMaximum(NonZeroU16) = 0x21, "receive maximum", CONNECT | CONNACK;
    TopicAliasMaximum(u16) = 0x22, "topic alias maximum", CONNECT | CONNACK;
    TopicAlias(u16) = 0x23, "topic alias", PUBLISH;
    MaximumQos(Qos) = 0x24, "maximum QoS", CONNACK;
    RetainAvailable(bool) = 0x25, "retain available", CONNACK;
    User((&'a str, &'a str)) = 0x26, "user property", ANYWHERE;
    MaximumPacketSize(NonZeroU32) = 0x27, "maximum packet size", CONNECT | CONNACK;
    WildcardSubscriptionAvailable(bool) = 0x28, "wildcard subscription available", CONNACK;
    SubscriptionIdentifiersAvailable(bool) = 0x29, "subscription identifiers available", CONNACK;
    SharedSubscriptionAvailable(bool) = 0x2a, "shared subscription available", CONNACK;
}

/// Reads the properties at `reader`, their length first, and hands each to `each`. Checks what holds for all packets:
/// known, in the right place, not repeated.
pub(super) fn read<'a>(
    reader: &mut Reader<'a>,
    place: Place,
    mut each: impl FnMut(Property<'a>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut group = reader.group("properties")?;
    let mut seen = 0_u64;
    let mut user_count = 0;
    while !group.is_empty() {
        // A property's number is a variable byte integer, but no number above 0x7f is in use.
        let number = group.u8("property number")?;
        let (name, places) = Property::row(number).ok_or(DecodeError::UnknownProperty(number))?;
        if places & place.bit == 0 {
            return Err(DecodeError::MisplacedProperty { property: name, packet: place.name });
        }
        let property = Property::read(number, name, &mut group)?;
        match property {
            Property::User(_) => {
                user_count += 1;
                if user_count > USER_PROPERTIES_MAX {
                    return Err(DecodeError::TooManyUserProperties);
                }
            }
            Property::SubscriptionIdentifier(_) if place.bit == PUBLISH => {}
            _ if seen & (1 << number) != 0 => return Err(DecodeError::DuplicateProperty(name)),
            _ => seen |= 1 << number,
        }
        each(property)?;
    }
    Ok(())
}

impl<'a> Wire<'a> for bool {
    fn read(reader: &mut Reader<'a>, field: &'static str) -> Result<Self, DecodeError> {
        reader.flag(field)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl<'a> Wire<'a> for u16 {
    fn read(reader: &mut Reader<'a>, field: &'static str) -> Result<Self, DecodeError> {
        reader.u16(field)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
}

impl<'a> Wire<'a> for u32 {
    fn read(reader: &mut Reader<'a>, field: &'static str) -> Result<Self, DecodeError> {
        reader.u32(field)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
}

impl<'a> Wire<'a> for NonZeroU16 {
    fn read(reader: &mut Reader<'a>, field: &'static str) -> Result<Self, DecodeError> {
        reader.non_zero_u16(field)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.get().write(out);
    }
}

impl<'a> Wire<'a> for NonZeroU32 {
    fn read(reader: &mut Reader<'a>, field: &'static str) -> Result<Self, DecodeError> {
        Self::new(reader.u32(field)?).ok_or(DecodeError::Forbidden { field, value: 0 })
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.get().write(out);
    }
}

impl<'a> Wire<'a> for NonZeroVarint {
    fn read(reader: &mut Reader<'a>, field: &'static str) -> Result<Self, DecodeError> {
        match reader.varint(field)? {
            0 => Err(DecodeError::Forbidden { field, value: 0 }),
            value => Ok(Self(value)),
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        encode::put_varint(self.0 as usize, out);
    }
}

impl<'a> Wire<'a> for Qos {
    fn read(reader: &mut Reader<'a>, field: &'static str) -> Result<Self, DecodeError> {
        Ok(if reader.flag(field)? { Self::AtLeastOnce } else { Self::AtMostOnce })
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.number());
    }
}

impl<'a> Wire<'a> for &'a str {
    fn read(reader: &mut Reader<'a>, field: &'static str) -> Result<Self, DecodeError> {
        reader.text(field)
    }
    fn write(&self, out: &mut Vec<u8>) {
        encode::put_text(self, out);
    }
}

impl<'a> Wire<'a> for &'a [u8] {
    fn read(reader: &mut Reader<'a>, field: &'static str) -> Result<Self, DecodeError> {
        reader.binary(field)
    }
    fn write(&self, out: &mut Vec<u8>) {
        encode::put_binary(self, out);
    }
}

impl<'a> Wire<'a> for (&'a str, &'a str) {
    fn read(reader: &mut Reader<'a>, field: &'static str) -> Result<Self, DecodeError> {
        Ok((reader.text(field)?, reader.text(field)?))
    }
    fn write(&self, out: &mut Vec<u8>) {
        encode::put_text(self.0, out);
        encode::put_text(self.1, out);
    }
}
