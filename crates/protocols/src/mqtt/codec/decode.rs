//! Bytes to packets: the fixed header, then one function per packet.
//!
//! Checked is all that is wrong in any conversation. That a PUBLISH comes first, or that a server sends a SUBSCRIBE, is
//! for `session` to refuse.

use std::sync::Arc;

use bytes::Bytes;
use housewire_core::{Properties, Qos};

use super::error::DecodeError;
use super::property::{self, Place, Property};
use super::reader::{self, Reader};
use crate::mqtt::packet::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, PacketKind, Publish, RetainHandling, SubAck, Subscribe,
    SubscriptionOptions, Unsubscribe, Version, Will,
};
use crate::mqtt::reason::ReasonCode;

/// The packet at the front of `buffer` and how many bytes it takes; `None` if it is not complete yet.
///
/// `packet_bytes_max` is enforced as soon as the length is there. A CONNECT says itself which version it is.
#[inline] // together with `Inbound::handle_packet` it spares copies of a PUBLISH, a third of its cost
pub fn decode(
    buffer: &[u8],
    version: Version,
    packet_bytes_max: usize,
) -> Result<Option<(Packet<'_>, usize)>, DecodeError> {
    let Some(&first) = buffer.first() else { return Ok(None) };
    let kind = PacketKind::from_number(first >> 4)
        .filter(|kind| *kind != PacketKind::Auth || version == Version::V5)
        .ok_or(DecodeError::UnknownPacket(first >> 4))?;
    let flags = first & 0x0f;
    check_flags(kind, flags, version)?;
    let Some((remaining, len_bytes)) = reader::varint(&buffer[1..], "remaining length")? else { return Ok(None) };
    let start = 1 + len_bytes;
    let bytes = start + remaining as usize;
    if bytes > packet_bytes_max {
        return Err(DecodeError::TooLarge { bytes, bytes_max: packet_bytes_max });
    }
    let Some(body) = buffer.get(start..bytes) else { return Ok(None) };
    let body = Reader::new(body);
    let packet = match kind {
        PacketKind::Publish => Packet::Publish(publish(body, flags, version)?),
        _ => other_than_publish(kind, body, version)?,
    };
    Ok(Some((packet, bytes)))
}

/// [MQTT-2.1.3-1]; PUBLISH uses all four.
fn check_flags(kind: PacketKind, flags: u8, version: Version) -> Result<(), DecodeError> {
    let good = match kind {
        PacketKind::Publish => {
            let (dup, qos) = (flags & 0b1000 != 0, flags >> 1 & 0b11);
            qos < 3 && !(dup && qos == 0)
        }
        // MQTT 3.1 had DUP and QoS 1 here; clients of that time set either.
        PacketKind::PubRel | PacketKind::Subscribe | PacketKind::Unsubscribe => {
            flags == 0b0010 || version == Version::V3_1
        }
        _ => flags == 0,
    };
    if good { Ok(()) } else { Err(DecodeError::BadFlags { packet: kind.name(), flags }) }
}

fn other_than_publish(kind: PacketKind, mut reader: Reader<'_>, version: Version) -> Result<Packet<'_>, DecodeError> {
    Ok(match kind {
        PacketKind::Publish => unreachable!("it has a way of its own"),
        PacketKind::PubAck => Packet::PubAck(ack(reader, kind, version)?),
        PacketKind::PubRec => Packet::PubRec(ack(reader, kind, version)?),
        PacketKind::PubRel => Packet::PubRel(ack(reader, kind, version)?),
        PacketKind::PubComp => Packet::PubComp(ack(reader, kind, version)?),
        PacketKind::PingReq | PacketKind::PingResp => {
            reader.expect_end("header")?;
            if kind == PacketKind::PingReq { Packet::PingReq } else { Packet::PingResp }
        }
        PacketKind::Connect => Packet::Connect(Box::new(connect(&mut reader)?)),
        PacketKind::ConnAck => Packet::ConnAck(Box::new(connack(reader, version)?)),
        PacketKind::Subscribe => Packet::Subscribe(subscribe(reader, version)?),
        PacketKind::SubAck | PacketKind::UnsubAck => {
            let suback = suback(reader, kind, version)?;
            if kind == PacketKind::SubAck { Packet::SubAck(suback) } else { Packet::UnsubAck(suback) }
        }
        PacketKind::Unsubscribe => Packet::Unsubscribe(unsubscribe(reader, version)?),
        PacketKind::Disconnect => Packet::Disconnect(disconnect(reader, version)?),
        PacketKind::Auth => Packet::Auth(auth(reader)?),
    })
}

#[inline]
fn publish(mut reader: Reader<'_>, flags: u8, version: Version) -> Result<Publish<'_>, DecodeError> {
    let qos = qos(flags >> 1 & 0b11, "QoS")?;
    let topic = reader.text("topic")?;
    let packet_id = if qos == Qos::AtMostOnce { None } else { Some(reader.packet_id()?) };
    let mut publish = Publish {
        dup: flags & 0b1000 != 0,
        qos,
        retain: flags & 1 != 0,
        topic,
        packet_id,
        topic_alias: None,
        subscription_identifiers: Vec::new(),
        properties: None,
        payload: &[],
    };
    if version == Version::V5 {
        // A length of zero: no properties, the usual case.
        if !reader.skip_zero() {
            publish_properties(&mut reader, &mut publish)?;
        }
    }
    publish.payload = reader.rest();
    Ok(publish)
}

fn publish_properties<'a>(reader: &mut Reader<'a>, publish: &mut Publish<'a>) -> Result<(), DecodeError> {
    let mut message = None;
    property::read(reader, Place::packet(PacketKind::Publish), |property| {
        match property {
            Property::TopicAlias(alias) => publish.topic_alias = Some(alias),
            Property::SubscriptionIdentifier(identifier) => publish.subscription_identifiers.push(identifier.0),
            other => message_property(other, message.get_or_insert_default())?,
        }
        Ok(())
    })?;
    publish.properties = if_any(message);
    Ok(())
}

/// What a message carries, in a PUBLISH and in a will.
fn message_property(property: Property<'_>, message: &mut Properties) -> Result<(), DecodeError> {
    match property {
        Property::PayloadIsText(is_text) => message.payload_is_text = is_text,
        Property::MessageExpiry(expiry_s) => message.expiry = Some(std::time::Duration::from_secs(expiry_s.into())),
        Property::ContentType(text) => message.content_type = Some(text.to_owned()),
        Property::ResponseTopic(topic) => {
            // [MQTT-3.3.2-14]
            if let Some(wildcard) = topic.bytes().find(|byte| matches!(byte, b'+' | b'#')) {
                return Err(DecodeError::Forbidden { field: "response topic", value: wildcard.into() });
            }
            message.response_topic = Some(topic.to_owned());
        }
        Property::Correlation(bytes) => message.correlation = Some(Bytes::copy_from_slice(bytes)),
        Property::User((name, value)) => message.user.push((name.to_owned(), value.to_owned())),
        _ => unreachable!("the table lets no other property into a message"),
    }
    Ok(())
}

/// What only says what is so anyway is nothing to pass on.
fn if_any(message: Option<Properties>) -> Option<Arc<Properties>> {
    message.filter(|message| !message.is_empty()).map(Arc::new)
}

fn qos(number: u8, field: &'static str) -> Result<Qos, DecodeError> {
    Qos::from_number(number).ok_or(DecodeError::BadValue { field, value: number.into() })
}

fn reason(reader: &mut Reader<'_>, kind: PacketKind) -> Result<ReasonCode, DecodeError> {
    let number = reader.u8("reason code")?;
    ReasonCode::from_number(number)
        .filter(|reason| reason.is_allowed_in(kind))
        .ok_or(DecodeError::BadValue { field: "reason code", value: number.into() })
}

/// Reason and properties may be left out from the end: absent they mean success and none.
fn ack(mut reader: Reader<'_>, kind: PacketKind, version: Version) -> Result<Ack<'_>, DecodeError> {
    let mut ack = Ack::new(reader.packet_id()?, ReasonCode::Success);
    if version == Version::V5 && !reader.is_empty() {
        ack.reason = reason(&mut reader, kind)?;
        if !reader.is_empty() {
            property::read(&mut reader, Place::packet(kind), |property| {
                match property {
                    Property::ReasonString(text) => ack.reason_string = Some(text),
                    Property::User(pair) => ack.user.push(pair),
                    _ => unreachable!("the table lets no other property into an acknowledgement"),
                }
                Ok(())
            })?;
        }
    }
    reader.expect_end("acknowledgement")?;
    Ok(ack)
}

fn protocol_version(reader: &mut Reader<'_>) -> Result<Version, DecodeError> {
    let name = reader.binary("protocol name").map_err(|_| DecodeError::NotMqtt)?;
    let level = reader.u8("protocol level")?;
    match (name, level) {
        (b"MQTT", 5) => Ok(Version::V5),
        (b"MQTT", 4) => Ok(Version::V3_1_1),
        (b"MQIsdp", 3) => Ok(Version::V3_1),
        (b"MQTT" | b"MQIsdp", _) => Err(DecodeError::UnsupportedVersion(level)),
        _ => Err(DecodeError::NotMqtt),
    }
}

/// The version that a CONNECT announces, though the rest of it may make no sense; `None` if that much cannot be read.
pub(crate) fn announced_version(buffer: &[u8]) -> Option<Version> {
    // With flags it is not taken for a CONNECT where others than MQTT clients come in, too, and so not here either.
    let rest = buffer.strip_prefix(&[(PacketKind::Connect as u8) << 4])?;
    let (_, len_bytes) = reader::varint(rest, "remaining length").ok()??;
    protocol_version(&mut Reader::new(&rest[len_bytes..])).ok()
}

/// The bits of a CONNECT's flags byte that must agree with one another.
fn check_connect_flags(flags: u8, version: Version) -> Result<(), DecodeError> {
    let has = |bit: u8| flags & bit != 0;
    let will_without_will = !has(0b100) && flags & 0b0011_1000 != 0; // [MQTT-3.1.2-11], [MQTT-3.1.2-13]
    let password_alone = version != Version::V5 && has(0x40) && !has(0x80); // [MQTT-3.1.1:3.1.2-22]
    if has(1) || will_without_will || password_alone {
        return Err(DecodeError::BadValue { field: "connect flags", value: flags.into() });
    }
    Ok(())
}

fn connect<'a>(reader: &mut Reader<'a>) -> Result<Connect<'a>, DecodeError> {
    let version = protocol_version(reader)?;
    let flags = reader.u8("connect flags")?;
    check_connect_flags(flags, version)?;
    let mut connect = Connect::new(version, "");
    connect.clean_start = flags & 0b10 != 0;
    connect.keep_alive_s = reader.u16("keep alive")?;
    if version == Version::V5 {
        connect_properties(reader, &mut connect)?;
    }
    connect.client_id = reader.text("client identifier")?;
    if flags & 0b100 != 0 {
        connect.will = Some(will(reader, flags, version)?);
    }
    connect.username = if flags & 0x80 != 0 { Some(reader.text("user name")?) } else { None };
    connect.password = if flags & 0x40 != 0 { Some(reader.binary("password")?) } else { None };
    reader.expect_end("last field")?;
    Ok(connect)
}

fn connect_properties<'a>(reader: &mut Reader<'a>, connect: &mut Connect<'a>) -> Result<(), DecodeError> {
    property::read(reader, Place::packet(PacketKind::Connect), |property| {
        match property {
            Property::SessionExpiry(expiry_s) => connect.session_expiry_s = expiry_s,
            Property::ReceiveMaximum(maximum) => connect.receive_maximum = maximum,
            Property::MaximumPacketSize(bytes) => connect.packet_bytes_max = Some(bytes),
            Property::TopicAliasMaximum(maximum) => connect.topic_alias_maximum = maximum,
            Property::RequestResponseInformation(wanted) => connect.request_response_information = wanted,
            Property::RequestProblemInformation(wanted) => connect.request_problem_information = wanted,
            Property::User(pair) => connect.user.push(pair),
            Property::AuthenticationMethod(method) => connect.authentication_method = Some(method),
            Property::AuthenticationData(data) => connect.authentication_data = Some(data),
            _ => unreachable!("the table lets no other property into a CONNECT"),
        }
        Ok(())
    })
}

fn will<'a>(reader: &mut Reader<'a>, flags: u8, version: Version) -> Result<Will<'a>, DecodeError> {
    let qos = qos(flags >> 3 & 0b11, "QoS of the will")?;
    let mut delay_s = 0;
    let mut message = None;
    if version == Version::V5 {
        property::read(reader, Place::WILL, |property| {
            match property {
                Property::WillDelay(seconds) => delay_s = seconds,
                other => message_property(other, message.get_or_insert_default())?,
            }
            Ok(())
        })?;
    }
    let topic = reader.text("topic of the will")?;
    let payload = reader.binary("payload of the will")?;
    Ok(Will { topic, payload, qos, retain: flags & 0x20 != 0, delay_s, properties: if_any(message) })
}

fn connack(mut reader: Reader<'_>, version: Version) -> Result<ConnAck<'_>, DecodeError> {
    let flags = reader.u8("acknowledge flags")?;
    // The byte was reserved in MQTT 3.1.
    if flags > 1 && version != Version::V3_1 {
        return Err(DecodeError::BadValue { field: "acknowledge flags", value: flags.into() });
    }
    let mut connack = ConnAck { session_present: flags == 1 && version != Version::V3_1, ..ConnAck::default() };
    if version == Version::V5 {
        connack.reason = reason(&mut reader, PacketKind::ConnAck)?;
        connack_properties(&mut reader, &mut connack)?;
    } else {
        let code = reader.u8("return code")?;
        connack.reason = ReasonCode::from_v3_return_code(code)
            .ok_or(DecodeError::BadValue { field: "return code", value: code.into() })?;
    }
    reader.expect_end("last field")?;
    Ok(connack)
}

fn connack_properties<'a>(reader: &mut Reader<'a>, connack: &mut ConnAck<'a>) -> Result<(), DecodeError> {
    property::read(reader, Place::packet(PacketKind::ConnAck), |property| {
        match property {
            Property::SessionExpiry(expiry_s) => connack.session_expiry_s = Some(expiry_s),
            Property::ReceiveMaximum(maximum) => connack.receive_maximum = Some(maximum),
            Property::MaximumQos(qos) => connack.maximum_qos = Some(qos),
            Property::RetainAvailable(available) => connack.retain_available = Some(available),
            Property::MaximumPacketSize(bytes) => connack.packet_bytes_max = Some(bytes),
            Property::AssignedClientId(id) => connack.assigned_client_id = Some(id),
            Property::TopicAliasMaximum(maximum) => connack.topic_alias_maximum = Some(maximum),
            Property::ReasonString(text) => connack.reason_string = Some(text),
            Property::User(pair) => connack.user.push(pair),
            Property::WildcardSubscriptionAvailable(is) => connack.wildcard_subscription_available = Some(is),
            Property::SubscriptionIdentifiersAvailable(is) => connack.subscription_identifiers_available = Some(is),
            Property::SharedSubscriptionAvailable(is) => connack.shared_subscription_available = Some(is),
            Property::ServerKeepAlive(seconds) => connack.server_keep_alive_s = Some(seconds),
            Property::ResponseInformation(text) => connack.response_information = Some(text),
            Property::ServerReference(text) => connack.server_reference = Some(text),
            Property::AuthenticationMethod(method) => connack.authentication_method = Some(method),
            Property::AuthenticationData(data) => connack.authentication_data = Some(data),
            _ => unreachable!("the table lets no other property into a CONNACK"),
        }
        Ok(())
    })
}

fn subscribe(mut reader: Reader<'_>, version: Version) -> Result<Subscribe<'_>, DecodeError> {
    let packet_id = reader.packet_id()?;
    let mut subscribe = Subscribe { packet_id, identifier: None, user: Vec::new(), filters: Vec::new() };
    if version == Version::V5 {
        property::read(&mut reader, Place::packet(PacketKind::Subscribe), |property| {
            match property {
                Property::SubscriptionIdentifier(identifier) => subscribe.identifier = Some(identifier.0),
                Property::User(pair) => subscribe.user.push(pair),
                _ => unreachable!("the table lets no other property into a SUBSCRIBE"),
            }
            Ok(())
        })?;
    }
    // [MQTT-3.8.3-2]: at least one
    while !reader.is_empty() || subscribe.filters.is_empty() {
        let filter = reader.text("topic filter")?;
        subscribe.filters.push((filter, subscription_options(reader.u8("subscription options")?, version)?));
    }
    Ok(subscribe)
}

fn subscription_options(byte: u8, version: Version) -> Result<SubscriptionOptions, DecodeError> {
    let field = "subscription options";
    let reserved = if version == Version::V5 { 0b1100_0000 } else { 0b1111_1100 };
    if byte & reserved != 0 {
        return Err(DecodeError::BadValue { field, value: byte.into() });
    }
    let retain_handling = match byte >> 4 {
        0 => RetainHandling::Send,
        1 => RetainHandling::SendIfNew,
        2 => RetainHandling::DoNotSend,
        _ => return Err(DecodeError::Forbidden { field, value: byte.into() }),
    };
    Ok(SubscriptionOptions {
        qos: qos(byte & 0b11, field)?,
        no_local: byte & 0b100 != 0,
        retain_as_published: byte & 0b1000 != 0,
        retain_handling,
    })
}

fn suback(mut reader: Reader<'_>, kind: PacketKind, version: Version) -> Result<SubAck<'_>, DecodeError> {
    let mut suback = SubAck::new(reader.packet_id()?, Vec::new());
    if version == Version::V5 {
        property::read(&mut reader, Place::packet(kind), |property| {
            match property {
                Property::ReasonString(text) => suback.reason_string = Some(text),
                Property::User(pair) => suback.user.push(pair),
                _ => unreachable!("the table lets no other property into a SUBACK or UNSUBACK"),
            }
            Ok(())
        })?;
    }
    if version == Version::V5 || kind == PacketKind::SubAck {
        while !reader.is_empty() {
            let reason = reason(&mut reader, kind)?;
            // [MQTT-3.9.3-2 v3]: MQTT 3 knows one failure only.
            if version != Version::V5 && reason.is_error() && reason != ReasonCode::UnspecifiedError {
                return Err(DecodeError::BadValue { field: "return code", value: reason.number().into() });
            }
            suback.reasons.push(reason);
        }
    }
    reader.expect_end("packet identifier")?;
    Ok(suback)
}

fn unsubscribe(mut reader: Reader<'_>, version: Version) -> Result<Unsubscribe<'_>, DecodeError> {
    let mut unsubscribe = Unsubscribe { packet_id: reader.packet_id()?, user: Vec::new(), filters: Vec::new() };
    if version == Version::V5 {
        property::read(&mut reader, Place::packet(PacketKind::Unsubscribe), |property| {
            match property {
                Property::User(pair) => unsubscribe.user.push(pair),
                _ => unreachable!("the table lets no other property into an UNSUBSCRIBE"),
            }
            Ok(())
        })?;
    }
    // [MQTT-3.10.3-2]: at least one
    while !reader.is_empty() || unsubscribe.filters.is_empty() {
        unsubscribe.filters.push(reader.text("topic filter")?);
    }
    Ok(unsubscribe)
}

fn disconnect(mut reader: Reader<'_>, version: Version) -> Result<Disconnect<'_>, DecodeError> {
    let mut disconnect = Disconnect::default();
    if version == Version::V5 && !reader.is_empty() {
        disconnect.reason = reason(&mut reader, PacketKind::Disconnect)?;
        if !reader.is_empty() {
            property::read(&mut reader, Place::packet(PacketKind::Disconnect), |property| {
                match property {
                    Property::SessionExpiry(expiry_s) => disconnect.session_expiry_s = Some(expiry_s),
                    Property::ReasonString(text) => disconnect.reason_string = Some(text),
                    Property::User(pair) => disconnect.user.push(pair),
                    Property::ServerReference(text) => disconnect.server_reference = Some(text),
                    _ => unreachable!("the table lets no other property into a DISCONNECT"),
                }
                Ok(())
            })?;
        }
    }
    reader.expect_end("last field")?;
    Ok(disconnect)
}

fn auth(mut reader: Reader<'_>) -> Result<Auth<'_>, DecodeError> {
    let mut auth = Auth::default();
    if !reader.is_empty() {
        auth.reason = reason(&mut reader, PacketKind::Auth)?;
        property::read(&mut reader, Place::packet(PacketKind::Auth), |property| {
            match property {
                Property::AuthenticationMethod(method) => auth.method = Some(method),
                Property::AuthenticationData(data) => auth.data = Some(data),
                Property::ReasonString(text) => auth.reason_string = Some(text),
                Property::User(pair) => auth.user.push(pair),
                _ => unreachable!("the table lets no other property into an AUTH"),
            }
            Ok(())
        })?;
    }
    reader.expect_end("last field")?;
    Ok(auth)
}
