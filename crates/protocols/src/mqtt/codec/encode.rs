//! Packets to bytes: the mirror of `decode`.
//!
//! What a version cannot say is left out. A text or binary field of more than 65,535 bytes, which only other doors can
//! bring in, is cut: at its last whole character, so that it stays text.

use std::time::Duration;

use super::property::{NonZeroVarint, Property};
use super::publish::{MessageProperties, PublishFrame, put_message_properties};
use crate::mqtt::packet::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, PacketId, PacketKind, Publish, SubAck, Subscribe, Unsubscribe,
    UserProperties, Version, Will,
};
use crate::mqtt::reason::ReasonCode;

/// Appends `packet` as it looks in `version`.
pub fn encode(packet: &Packet<'_>, version: Version, out: &mut Vec<u8>) {
    let kind = packet.kind();
    let v5 = version == Version::V5;
    match packet {
        Packet::Publish(publish) => return put_publish(publish, version, out),
        Packet::PubRel(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_) => out.push((kind as u8) << 4 | 0b0010),
        _ => out.push((kind as u8) << 4),
    }
    put_group(out, |out| match packet {
        Packet::Publish(_) | Packet::PingReq | Packet::PingResp => {}
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => put_ack(ack, v5, out),
        Packet::Connect(connect) => put_connect(connect, out),
        Packet::ConnAck(connack) => put_connack(connack, version, out),
        Packet::Subscribe(subscribe) => put_subscribe(subscribe, v5, out),
        Packet::SubAck(suback) | Packet::UnsubAck(suback) => put_suback(suback, kind, v5, out),
        Packet::Unsubscribe(unsubscribe) => put_unsubscribe(unsubscribe, v5, out),
        Packet::Disconnect(disconnect) => put_disconnect(disconnect, v5, out),
        Packet::Auth(auth) => put_auth(auth, out),
    });
}

/// How many bytes a variable byte integer takes.
pub(super) fn varint_len(value: usize) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

pub(super) fn put_varint(mut value: usize, out: &mut Vec<u8>) {
    debug_assert!(value <= super::VARINT_MAX, "the session lets no packet through that is larger");
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A part with a variable byte integer as its length. One byte is set aside for it; the rare longer part moves up.
pub(super) fn put_group(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.push(0);
    put(out);
    let len = out.len() - at - 1;
    if len < 0x80 {
        out[at] = len as u8;
    } else {
        let mut bytes = Vec::with_capacity(4);
        put_varint(len, &mut bytes);
        out.splice(at..=at, bytes);
    }
}

pub(super) fn put_binary(bytes: &[u8], out: &mut Vec<u8>) {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&bytes[..usize::from(len)]);
}

pub(super) fn put_text(text: &str, out: &mut Vec<u8>) {
    let mut len = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    put_binary(&text.as_bytes()[..len], out);
}

fn put_u16(value: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_be_bytes());
}

fn put_packet_id(packet_id: PacketId, out: &mut Vec<u8>) {
    put_u16(packet_id.get(), out);
}

fn put_property(property: Option<Property<'_>>, out: &mut Vec<u8>) {
    if let Some(property) = property {
        property.write(out);
    }
}

fn put_user(user: &UserProperties<'_>, out: &mut Vec<u8>) {
    for pair in user {
        Property::User(*pair).write(out);
    }
}

fn expiry_s(expiry: Option<Duration>) -> Option<u32> {
    expiry.map(|expiry| u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX))
}

fn put_publish(publish: &Publish<'_>, version: Version, out: &mut Vec<u8>) {
    let message = publish.properties.as_deref();
    let properties = MessageProperties {
        message,
        expiry_s: expiry_s(message.and_then(|message| message.expiry)),
        identifiers: &publish.subscription_identifiers,
        topic_alias: publish.topic_alias,
    };
    let frame = PublishFrame {
        topic: publish.topic,
        qos: publish.qos,
        retain: publish.retain,
        properties: properties.encode(version),
    };
    frame.put(publish.dup, publish.packet_id, publish.payload, out);
}

/// The shortest form: success and no properties are left out.
fn put_ack(ack: &Ack<'_>, v5: bool, out: &mut Vec<u8>) {
    put_packet_id(ack.packet_id, out);
    let has_properties = ack.reason_string.is_some() || !ack.user.is_empty();
    if !v5 || (ack.reason == ReasonCode::Success && !has_properties) {
        return;
    }
    out.push(ack.reason.number());
    if has_properties {
        put_group(out, |out| {
            put_property(ack.reason_string.map(Property::ReasonString), out);
            put_user(&ack.user, out);
        });
    }
}

fn put_connect(connect: &Connect<'_>, out: &mut Vec<u8>) {
    let (name, level) = match connect.version {
        Version::V3_1 => ("MQIsdp", 3),
        Version::V3_1_1 => ("MQTT", 4),
        Version::V5 => ("MQTT", 5),
    };
    put_text(name, out);
    out.push(level);
    let will_flags =
        connect.will.as_ref().map_or(0, |will| 0b100 | will.qos.number() << 3 | u8::from(will.retain) << 5);
    out.push(
        u8::from(connect.clean_start) << 1
            | will_flags
            | u8::from(connect.password.is_some()) << 6
            | u8::from(connect.username.is_some()) << 7,
    );
    put_u16(connect.keep_alive_s, out);
    if connect.version == Version::V5 {
        put_group(out, |out| put_connect_properties(connect, out));
    }
    put_text(connect.client_id, out);
    if let Some(will) = &connect.will {
        put_will(will, connect.version, out);
    }
    if let Some(username) = connect.username {
        put_text(username, out);
    }
    if let Some(password) = connect.password {
        put_binary(password, out);
    }
}

fn put_connect_properties(connect: &Connect<'_>, out: &mut Vec<u8>) {
    if connect.session_expiry_s != 0 {
        Property::SessionExpiry(connect.session_expiry_s).write(out);
    }
    if connect.receive_maximum.get() != u16::MAX {
        Property::ReceiveMaximum(connect.receive_maximum).write(out);
    }
    put_property(connect.packet_bytes_max.map(Property::MaximumPacketSize), out);
    if connect.topic_alias_maximum != 0 {
        Property::TopicAliasMaximum(connect.topic_alias_maximum).write(out);
    }
    if connect.request_response_information {
        Property::RequestResponseInformation(true).write(out);
    }
    if !connect.request_problem_information {
        Property::RequestProblemInformation(false).write(out);
    }
    put_user(&connect.user, out);
    put_property(connect.authentication_method.map(Property::AuthenticationMethod), out);
    put_property(connect.authentication_data.map(Property::AuthenticationData), out);
}

fn put_will(will: &Will<'_>, version: Version, out: &mut Vec<u8>) {
    if version == Version::V5 {
        put_group(out, |out| {
            if will.delay_s != 0 {
                Property::WillDelay(will.delay_s).write(out);
            }
            if let Some(message) = &will.properties {
                put_message_properties(message, expiry_s(message.expiry), out);
            }
        });
    }
    put_text(will.topic, out);
    put_binary(will.payload, out);
}

fn put_connack(connack: &ConnAck<'_>, version: Version, out: &mut Vec<u8>) {
    out.push(u8::from(connack.session_present && version != Version::V3_1));
    if version != Version::V5 {
        let unavailable = 3;
        return out.push(connack.reason.v3_return_code().unwrap_or(unavailable));
    }
    out.push(connack.reason.number());
    put_group(out, |out| {
        for property in [
            connack.session_expiry_s.map(Property::SessionExpiry),
            connack.receive_maximum.map(Property::ReceiveMaximum),
            connack.maximum_qos.map(Property::MaximumQos),
            connack.retain_available.map(Property::RetainAvailable),
            connack.packet_bytes_max.map(Property::MaximumPacketSize),
            connack.assigned_client_id.map(Property::AssignedClientId),
            connack.topic_alias_maximum.map(Property::TopicAliasMaximum),
            connack.reason_string.map(Property::ReasonString),
            connack.wildcard_subscription_available.map(Property::WildcardSubscriptionAvailable),
            connack.subscription_identifiers_available.map(Property::SubscriptionIdentifiersAvailable),
            connack.shared_subscription_available.map(Property::SharedSubscriptionAvailable),
            connack.server_keep_alive_s.map(Property::ServerKeepAlive),
            connack.response_information.map(Property::ResponseInformation),
            connack.server_reference.map(Property::ServerReference),
            connack.authentication_method.map(Property::AuthenticationMethod),
            connack.authentication_data.map(Property::AuthenticationData),
        ] {
            put_property(property, out);
        }
        put_user(&connack.user, out);
    });
}

fn put_subscribe(subscribe: &Subscribe<'_>, v5: bool, out: &mut Vec<u8>) {
    put_packet_id(subscribe.packet_id, out);
    if v5 {
        put_group(out, |out| {
            put_property(subscribe.identifier.map(NonZeroVarint).map(Property::SubscriptionIdentifier), out);
            put_user(&subscribe.user, out);
        });
    }
    for (filter, options) in &subscribe.filters {
        put_text(filter, out);
        let v5_bits = u8::from(options.no_local) << 2
            | u8::from(options.retain_as_published) << 3
            | (options.retain_handling as u8) << 4;
        out.push(options.qos.number() | if v5 { v5_bits } else { 0 });
    }
}

fn put_suback(suback: &SubAck<'_>, kind: PacketKind, v5: bool, out: &mut Vec<u8>) {
    put_packet_id(suback.packet_id, out);
    if v5 {
        put_group(out, |out| {
            put_property(suback.reason_string.map(Property::ReasonString), out);
            put_user(&suback.user, out);
        });
        out.extend(suback.reasons.iter().map(|reason| reason.number()));
    } else if kind == PacketKind::SubAck {
        // [MQTT-3.1.1:3.9.3-2]: 0x80 is the only failure there is.
        out.extend(suback.reasons.iter().map(|reason| reason.number().min(0x80)));
    }
}

fn put_unsubscribe(unsubscribe: &Unsubscribe<'_>, v5: bool, out: &mut Vec<u8>) {
    put_packet_id(unsubscribe.packet_id, out);
    if v5 {
        put_group(out, |out| put_user(&unsubscribe.user, out));
    }
    for filter in &unsubscribe.filters {
        put_text(filter, out);
    }
}

fn put_disconnect(disconnect: &Disconnect<'_>, v5: bool, out: &mut Vec<u8>) {
    if !v5 || *disconnect == Disconnect::default() {
        return;
    }
    out.push(disconnect.reason.number());
    let bare = Disconnect { reason: disconnect.reason, ..Disconnect::default() };
    if *disconnect != bare {
        put_group(out, |out| {
            put_property(disconnect.session_expiry_s.map(Property::SessionExpiry), out);
            put_property(disconnect.reason_string.map(Property::ReasonString), out);
            put_user(&disconnect.user, out);
            put_property(disconnect.server_reference.map(Property::ServerReference), out);
        });
    }
}

fn put_auth(auth: &Auth<'_>, out: &mut Vec<u8>) {
    if *auth == Auth::default() {
        return;
    }
    out.push(auth.reason.number());
    put_group(out, |out| {
        put_property(auth.method.map(Property::AuthenticationMethod), out);
        put_property(auth.data.map(Property::AuthenticationData), out);
        put_property(auth.reason_string.map(Property::ReasonString), out);
        put_user(&auth.user, out);
    });
}
