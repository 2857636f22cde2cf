//! The other codec behind two functions, and our packets in its types.
//!
//! Only one direction of translation: what we decoded is told in its types and compared there, so that nothing it says is
//! overlooked.

use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use housewire_core::{Properties, Qos};
use housewire_protocols::mqtt::*;
use rmqtt_codec::types::{Protocol, Publish as TheirPublish, QoS};
use rmqtt_codec::{v3, v5};
use tokio_util::codec::{Decoder, Encoder};

/// A packet as the other codec tells it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Theirs {
    V3(v3::Packet),
    V5(v5::Packet),
}

impl Theirs {
    /// The packet at the front of `bytes` and how many of them it takes; `None` if it is not complete.
    pub(super) fn decode(bytes: &[u8], version: Version) -> Result<Option<(Self, usize)>, String> {
        let mut rest = BytesMut::from(bytes);
        let decoded = if version == Version::V5 {
            v5::Codec::default().decode(&mut rest).map(|decoded| decoded.map(|(packet, _)| Self::V5(packet)))
        } else {
            v3::Codec::default().decode(&mut rest).map(|decoded| decoded.map(|(packet, _)| Self::V3(packet)))
        };
        let decoded = decoded.map_err(|error| format!("{error:?}"))?;
        Ok(decoded.map(|packet| (packet.without_defaults(), bytes.len() - rest.len())))
    }

    pub(super) fn encode(self) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        match self {
            Self::V3(packet) => v3::Codec::default().encode(packet, &mut bytes).unwrap(),
            Self::V5(packet) => v5::Codec::default().encode(packet, &mut bytes).unwrap(),
        }
        bytes.to_vec()
    }

    /// Sent or left out, a default means the same; we do not tell these two apart.
    fn without_defaults(mut self) -> Self {
        if let Self::V5(v5::Packet::Connect(connect)) = &mut self {
            connect.receive_max = connect.receive_max.filter(|maximum| maximum.get() != u16::MAX);
            if let Some(will) = &mut connect.last_will {
                will.will_delay_interval_sec = will.will_delay_interval_sec.filter(|seconds| *seconds != 0);
                will.is_utf8_payload = will.is_utf8_payload.filter(|is_text| *is_text);
            }
        }
        self
    }

    /// `None` where the other codec has no way to say it.
    pub(super) fn from_ours(packet: &Packet<'_>, version: Version) -> Option<Self> {
        if version == Version::V5 { v5_packet(packet).map(Self::V5) } else { v3_packet(packet).map(Self::V3) }
    }
}

fn qos(qos: Qos) -> QoS {
    qos.number().try_into().unwrap()
}

fn bytes(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

fn v3_packet(packet: &Packet<'_>) -> Option<v3::Packet> {
    Some(match packet {
        Packet::Connect(connect) => v3::Packet::Connect(Box::new(v3_connect(connect))),
        Packet::ConnAck(connack) => v3::Packet::ConnectAck(v3::ConnectAck {
            session_present: connack.session_present,
            return_code: match connack.reason {
                ReasonCode::Success => v3::ConnectAckReason::ConnectionAccepted,
                ReasonCode::UnsupportedProtocolVersion => v3::ConnectAckReason::UnacceptableProtocolVersion,
                ReasonCode::ClientIdentifierNotValid => v3::ConnectAckReason::IdentifierRejected,
                ReasonCode::ServerUnavailable => v3::ConnectAckReason::ServiceUnavailable,
                ReasonCode::BadUserNameOrPassword => v3::ConnectAckReason::BadUserNameOrPassword,
                ReasonCode::NotAuthorized => v3::ConnectAckReason::NotAuthorized,
                _ => return None,
            },
        }),
        Packet::Publish(publish) => v3::Packet::Publish(Box::new(their_publish(publish, None))),
        Packet::PubAck(ack) => v3::Packet::PublishAck { packet_id: ack.packet_id.get().try_into().ok()? },
        Packet::PubRec(ack) => v3::Packet::PublishReceived { packet_id: ack.packet_id.get().try_into().ok()? },
        Packet::PubRel(ack) => v3::Packet::PublishRelease { packet_id: ack.packet_id.get().try_into().ok()? },
        Packet::PubComp(ack) => v3::Packet::PublishComplete { packet_id: ack.packet_id.get().try_into().ok()? },
        Packet::Subscribe(subscribe) => v3::Packet::Subscribe {
            packet_id: subscribe.packet_id.get().try_into().ok()?,
            topic_filters: subscribe.filters.iter().map(|(filter, how)| ((*filter).into(), qos(how.qos))).collect(),
        },
        Packet::SubAck(suback) => v3::Packet::SubscribeAck {
            packet_id: suback.packet_id.get().try_into().ok()?,
            status: suback.reasons.iter().map(|reason| v3_status(*reason)).collect::<Option<_>>()?,
        },
        Packet::Unsubscribe(unsubscribe) => v3::Packet::Unsubscribe {
            packet_id: unsubscribe.packet_id.get().try_into().ok()?,
            topic_filters: unsubscribe.filters.iter().map(|filter| (*filter).into()).collect(),
        },
        Packet::UnsubAck(unsuback) => {
            v3::Packet::UnsubscribeAck { packet_id: unsuback.packet_id.get().try_into().ok()? }
        }
        Packet::PingReq => v3::Packet::PingRequest,
        Packet::PingResp => v3::Packet::PingResponse,
        Packet::Disconnect(_) => v3::Packet::Disconnect,
        Packet::Auth(_) => return None,
    })
}

fn v3_connect(connect: &Connect<'_>) -> v3::Connect {
    v3::Connect {
        protocol: Protocol(if connect.version == Version::V3_1 { 3 } else { 4 }),
        clean_session: connect.clean_start,
        keep_alive: connect.keep_alive_s,
        last_will: connect.will.as_ref().map(|will| v3::LastWill {
            qos: qos(will.qos),
            retain: will.retain,
            topic: will.topic.into(),
            message: bytes(will.payload),
        }),
        client_id: connect.client_id.into(),
        username: connect.username.map(Into::into),
        password: connect.password.map(bytes),
        cert: None,
    }
}

fn v3_status(reason: ReasonCode) -> Option<v3::SubscribeReturnCode> {
    match reason.number() {
        0x80 => Some(v3::SubscribeReturnCode::Failure),
        number => QoS::try_from(number).ok().map(v3::SubscribeReturnCode::Success),
    }
}

fn their_publish(publish: &Publish<'_>, properties: Option<v5::PublishProperties>) -> TheirPublish {
    TheirPublish {
        dup: publish.dup,
        retain: publish.retain,
        qos: qos(publish.qos),
        topic: publish.topic.into(),
        packet_id: publish.packet_id.map(|id| id.get().try_into().unwrap()),
        payload: bytes(publish.payload),
        properties,
    }
}

fn v5_packet(packet: &Packet<'_>) -> Option<v5::Packet> {
    Some(match packet {
        Packet::Connect(connect) => v5::Packet::Connect(Box::new(v5_connect(connect)?)),
        Packet::ConnAck(connack) => v5::Packet::ConnectAck(Box::new(v5_connack(connack)?)),
        Packet::Publish(publish) => {
            v5::Packet::Publish(Box::new(their_publish(publish, Some(v5_properties(publish)?))))
        }
        Packet::PubAck(ack) => v5::Packet::PublishAck(v5_ack(ack)?),
        Packet::PubRec(ack) => v5::Packet::PublishReceived(v5_ack(ack)?),
        Packet::PubRel(ack) => v5::Packet::PublishRelease(v5_ack_2(ack)?),
        Packet::PubComp(ack) => v5::Packet::PublishComplete(v5_ack_2(ack)?),
        Packet::Subscribe(subscribe) => v5::Packet::Subscribe(v5::Subscribe {
            packet_id: subscribe.packet_id.get().try_into().ok()?,
            id: non_zero(subscribe.identifier)?,
            user_properties: pairs(&subscribe.user),
            topic_filters: subscribe.filters.iter().map(|(filter, how)| ((*filter).into(), options(how))).collect(),
        }),
        Packet::SubAck(suback) => v5::Packet::SubscribeAck(v5::SubscribeAck {
            packet_id: suback.packet_id.get().try_into().ok()?,
            properties: pairs(&suback.user),
            reason_string: suback.reason_string.map(Into::into),
            status: suback.reasons.iter().map(|reason| reason.number().try_into().ok()).collect::<Option<_>>()?,
        }),
        Packet::Unsubscribe(unsubscribe) => v5::Packet::Unsubscribe(v5::Unsubscribe {
            packet_id: unsubscribe.packet_id.get().try_into().ok()?,
            user_properties: pairs(&unsubscribe.user),
            topic_filters: unsubscribe.filters.iter().map(|filter| (*filter).into()).collect(),
        }),
        Packet::UnsubAck(unsuback) => v5::Packet::UnsubscribeAck(v5::UnsubscribeAck {
            packet_id: unsuback.packet_id.get().try_into().ok()?,
            properties: pairs(&unsuback.user),
            reason_string: unsuback.reason_string.map(Into::into),
            status: unsuback.reasons.iter().map(|reason| reason.number().try_into().ok()).collect::<Option<_>>()?,
        }),
        Packet::PingReq => v5::Packet::PingRequest,
        Packet::PingResp => v5::Packet::PingResponse,
        Packet::Disconnect(disconnect) => v5::Packet::Disconnect(v5::Disconnect {
            reason_code: disconnect.reason.number().try_into().ok()?,
            session_expiry_interval_secs: disconnect.session_expiry_s,
            server_reference: disconnect.server_reference.map(Into::into),
            reason_string: disconnect.reason_string.map(Into::into),
            user_properties: pairs(&disconnect.user),
        }),
        Packet::Auth(auth) => v5::Packet::Auth(v5::Auth {
            reason_code: auth.reason.number().try_into().ok()?,
            auth_method: auth.method.map(Into::into),
            auth_data: auth.data.map(bytes),
            reason_string: auth.reason_string.map(Into::into),
            user_properties: pairs(&auth.user),
        }),
    })
}

fn pairs(user: &[(&str, &str)]) -> v5::UserProperties {
    user.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn owned_pairs(message: &Properties) -> v5::UserProperties {
    message.user.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect()
}

/// The outer `None` for zero, where the other codec knows no zero.
fn non_zero(number: Option<u32>) -> Option<Option<NonZeroU32>> {
    number.map_or(Some(None), |number| NonZeroU32::new(number).map(Some))
}

fn expiry(message: &Properties) -> Option<Option<NonZeroU32>> {
    non_zero(message.expiry.map(|expiry| expiry.as_secs() as u32))
}

fn options(how: &SubscriptionOptions) -> v5::SubscriptionOptions {
    v5::SubscriptionOptions {
        qos: qos(how.qos),
        no_local: how.no_local,
        retain_as_published: how.retain_as_published,
        retain_handling: match how.retain_handling {
            RetainHandling::Send => v5::RetainHandling::AtSubscribe,
            RetainHandling::SendIfNew => v5::RetainHandling::AtSubscribeNew,
            RetainHandling::DoNotSend => v5::RetainHandling::NoAtSubscribe,
        },
    }
}

fn v5_ack(ack: &Ack<'_>) -> Option<v5::PublishAck> {
    Some(v5::PublishAck {
        packet_id: ack.packet_id.get().try_into().ok()?,
        reason_code: ack.reason.number().try_into().ok()?,
        properties: pairs(&ack.user),
        reason_string: ack.reason_string.map(Into::into),
    })
}

fn v5_ack_2(ack: &Ack<'_>) -> Option<v5::PublishAck2> {
    Some(v5::PublishAck2 {
        packet_id: ack.packet_id.get().try_into().ok()?,
        reason_code: ack.reason.number().try_into().ok()?,
        properties: pairs(&ack.user),
        reason_string: ack.reason_string.map(Into::into),
    })
}

fn v5_properties(publish: &Publish<'_>) -> Option<v5::PublishProperties> {
    let none = Arc::default();
    let message: &Properties = publish.properties.as_ref().unwrap_or(&none);
    Some(v5::PublishProperties {
        topic_alias: match publish.topic_alias {
            Some(alias) => Some(alias.try_into().ok()?),
            None => None,
        },
        correlation_data: message.correlation.clone(),
        message_expiry_interval: expiry(message)?,
        content_type: message.content_type.as_deref().map(Into::into),
        user_properties: owned_pairs(message),
        is_utf8_payload: message.payload_is_text,
        response_topic: message.response_topic.as_deref().map(Into::into),
        subscription_ids: publish.subscription_identifiers.iter().map(|id| (*id).try_into().unwrap()).collect(),
    })
}

fn v5_will(will: &Will<'_>) -> Option<v5::LastWill> {
    let none = Arc::default();
    let message: &Properties = will.properties.as_ref().unwrap_or(&none);
    Some(v5::LastWill {
        qos: qos(will.qos),
        retain: will.retain,
        topic: will.topic.into(),
        message: bytes(will.payload),
        will_delay_interval_sec: Some(will.delay_s).filter(|seconds| *seconds != 0),
        correlation_data: message.correlation.clone(),
        message_expiry_interval: expiry(message)?,
        content_type: message.content_type.as_deref().map(Into::into),
        user_properties: owned_pairs(message),
        is_utf8_payload: message.payload_is_text.then_some(true),
        response_topic: message.response_topic.as_deref().map(Into::into),
    })
}

fn v5_connect(connect: &Connect<'_>) -> Option<v5::Connect> {
    Some(v5::Connect {
        clean_start: connect.clean_start,
        keep_alive: connect.keep_alive_s,
        session_expiry_interval_secs: connect.session_expiry_s,
        auth_method: connect.authentication_method.map(Into::into),
        auth_data: connect.authentication_data.map(bytes),
        request_problem_info: connect.request_problem_information,
        request_response_info: connect.request_response_information,
        receive_max: Some(connect.receive_maximum).filter(|maximum| maximum.get() != u16::MAX),
        topic_alias_max: connect.topic_alias_maximum,
        user_properties: pairs(&connect.user),
        max_packet_size: connect.packet_bytes_max,
        last_will: match &connect.will {
            Some(will) => Some(v5_will(will)?),
            None => None,
        },
        client_id: connect.client_id.into(),
        username: connect.username.map(Into::into),
        password: connect.password.map(bytes),
        cert: None,
    })
}

fn v5_connack(connack: &ConnAck<'_>) -> Option<v5::ConnectAck> {
    let default = v5::ConnectAck::default();
    Some(v5::ConnectAck {
        session_present: connack.session_present,
        reason_code: connack.reason.number().try_into().ok()?,
        session_expiry_interval_secs: connack.session_expiry_s,
        receive_max: connack.receive_maximum.unwrap_or(default.receive_max),
        max_qos: connack.maximum_qos.map_or(default.max_qos, qos),
        max_packet_size: connack.packet_bytes_max.map(NonZeroU32::get),
        assigned_client_id: connack.assigned_client_id.map(Into::into),
        topic_alias_max: connack.topic_alias_maximum.unwrap_or(default.topic_alias_max),
        retain_available: connack.retain_available.unwrap_or(true),
        wildcard_subscription_available: connack.wildcard_subscription_available.unwrap_or(true),
        subscription_identifiers_available: connack.subscription_identifiers_available.unwrap_or(true),
        shared_subscription_available: connack.shared_subscription_available.unwrap_or(true),
        server_keepalive_sec: connack.server_keep_alive_s,
        response_info: connack.response_information.map(Into::into),
        server_reference: connack.server_reference.map(Into::into),
        auth_method: connack.authentication_method.map(Into::into),
        auth_data: connack.authentication_data.map(bytes),
        reason_string: connack.reason_string.map(Into::into),
        user_properties: pairs(&connack.user),
    })
}
