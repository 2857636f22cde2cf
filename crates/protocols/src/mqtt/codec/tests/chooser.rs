//! Packets of every kind, made out of numbers and texts.
//!
//! Also compiled into the tests from outside (`tests/mqtt/oracle.rs`), so it uses what is offered to everybody and takes
//! the names of types from the module above it.

use super::*;

/// Builds packets out of a stream of numbers and a pool of texts, so that they can borrow and proptest can shrink them.
pub(super) struct Chooser<'a> {
    pub(super) numbers: std::slice::Iter<'a, u32>,
    pub(super) texts: &'a [String],
}

impl<'a> Chooser<'a> {
    fn number(&mut self, below: u32) -> u32 {
        self.numbers.next().copied().unwrap_or(0) % below
    }

    pub(super) fn flag(&mut self) -> bool {
        self.number(2) == 1
    }

    fn option<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| value(self))
    }

    fn text(&mut self) -> &'a str {
        let index = self.number(self.texts.len() as u32);
        &self.texts[index as usize]
    }

    fn bytes(&mut self) -> &'a [u8] {
        self.text().as_bytes()
    }

    pub(super) fn qos(&mut self) -> Qos {
        Qos::from_number(self.number(3) as u8).unwrap()
    }

    fn packet_id(&mut self) -> PacketId {
        PacketId::new(self.number(65_535) as u16 + 1).unwrap()
    }

    fn list<T>(&mut self, len_min: u32, mut value: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..len_min + self.number(4)).map(|_| value(self)).collect()
    }

    fn user(&mut self, v5: bool) -> UserProperties<'a> {
        if v5 { self.list(0, |c| (c.text(), c.text())) } else { Vec::new() }
    }

    fn v5<T>(&mut self, v5: bool, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if v5 { self.option(value) } else { None }
    }

    fn reason(&mut self, kind: PacketKind) -> ReasonCode {
        let allowed: Vec<_> = ReasonCode::ALL.iter().filter(|reason| reason.is_allowed_in(kind)).collect();
        *allowed[self.number(allowed.len() as u32) as usize]
    }

    pub(super) fn message(&mut self, v5: bool) -> Option<Arc<Properties>> {
        let message = self.v5(v5, |c| Properties {
            payload_is_text: c.flag(),
            expiry: c.option(|c| Duration::from_secs(c.number(u32::MAX).into())),
            content_type: c.option(|c| c.text().to_owned()),
            response_topic: c.option(|c| c.text().replace(['+', '#'], "")),
            correlation: c.option(|c| Bytes::copy_from_slice(c.bytes())),
            user: c.list(0, |c| (c.text().to_owned(), c.text().to_owned())),
        });
        message.filter(|message| !message.is_empty()).map(Arc::new)
    }

    fn connect(&mut self, version: Version) -> Connect<'a> {
        let v5 = version == Version::V5;
        let username = self.option(Self::text);
        Connect {
            clean_start: self.flag(),
            keep_alive_s: self.number(65_536) as u16,
            will: self.option(|c| Will {
                topic: c.text(),
                payload: c.bytes(),
                qos: c.qos(),
                retain: c.flag(),
                delay_s: if v5 { c.number(u32::MAX) } else { 0 },
                properties: c.message(v5),
            }),
            password: if v5 || username.is_some() { self.option(Self::bytes) } else { None },
            username,
            session_expiry_s: if v5 { self.number(u32::MAX) } else { 0 },
            receive_maximum: self.v5(v5, |c| c.packet_id().get().try_into().unwrap()).unwrap_or(NonZeroU16::MAX),
            packet_bytes_max: self.v5(v5, |c| NonZeroU32::new(c.number(u32::MAX) | 1).unwrap()),
            topic_alias_maximum: if v5 { self.number(65_536) as u16 } else { 0 },
            request_response_information: v5 && self.flag(),
            request_problem_information: !v5 || self.flag(),
            user: self.user(v5),
            authentication_method: self.v5(v5, Self::text),
            authentication_data: self.v5(v5, Self::bytes),
            ..Connect::new(version, self.text())
        }
    }

    fn connack(&mut self, version: Version) -> ConnAck<'a> {
        let v5 = version == Version::V5;
        let v3_reasons = [
            ReasonCode::Success,
            ReasonCode::UnsupportedProtocolVersion,
            ReasonCode::ClientIdentifierNotValid,
            ReasonCode::ServerUnavailable,
            ReasonCode::BadUserNameOrPassword,
            ReasonCode::NotAuthorized,
        ];
        let v3_reason = v3_reasons[self.number(6) as usize];
        ConnAck {
            session_present: version != Version::V3_1 && self.flag(),
            reason: if v5 { self.reason(PacketKind::ConnAck) } else { v3_reason },
            session_expiry_s: self.v5(v5, |c| c.number(u32::MAX)),
            receive_maximum: self.v5(v5, |c| c.packet_id().get().try_into().unwrap()),
            maximum_qos: self.v5(v5, |c| Qos::from_number(c.number(2) as u8).unwrap()),
            retain_available: self.v5(v5, Self::flag),
            packet_bytes_max: self.v5(v5, |c| NonZeroU32::new(c.number(u32::MAX) | 1).unwrap()),
            assigned_client_id: self.v5(v5, Self::text),
            topic_alias_maximum: self.v5(v5, |c| c.number(65_536) as u16),
            reason_string: self.v5(v5, Self::text),
            user: self.user(v5),
            wildcard_subscription_available: self.v5(v5, Self::flag),
            subscription_identifiers_available: self.v5(v5, Self::flag),
            shared_subscription_available: self.v5(v5, Self::flag),
            server_keep_alive_s: self.v5(v5, |c| c.number(65_536) as u16),
            response_information: self.v5(v5, Self::text),
            server_reference: self.v5(v5, Self::text),
            authentication_method: self.v5(v5, Self::text),
            authentication_data: self.v5(v5, Self::bytes),
        }
    }

    fn publish(&mut self, v5: bool) -> Publish<'a> {
        let qos = self.qos();
        Publish {
            dup: qos != Qos::AtMostOnce && self.flag(),
            qos,
            retain: self.flag(),
            topic: self.text(),
            packet_id: (qos != Qos::AtMostOnce).then(|| self.packet_id()),
            topic_alias: self.v5(v5, |c| c.number(65_536) as u16),
            subscription_identifiers: if v5 { self.list(0, |c| c.number(268_435_455) + 1) } else { Vec::new() },
            properties: self.message(v5),
            payload: self.bytes(),
        }
    }

    fn ack(&mut self, kind: PacketKind, v5: bool) -> Ack<'a> {
        Ack {
            packet_id: self.packet_id(),
            reason: if v5 { self.reason(kind) } else { ReasonCode::Success },
            reason_string: self.v5(v5, Self::text),
            user: self.user(v5),
        }
    }

    fn options(&mut self, v5: bool) -> SubscriptionOptions {
        let handling = [RetainHandling::Send, RetainHandling::SendIfNew, RetainHandling::DoNotSend];
        let qos = self.qos();
        if !v5 {
            return SubscriptionOptions { qos, ..SubscriptionOptions::default() };
        }
        SubscriptionOptions {
            qos,
            no_local: self.flag(),
            retain_as_published: self.flag(),
            retain_handling: handling[self.number(3) as usize],
        }
    }

    fn suback(&mut self, kind: PacketKind, v5: bool) -> SubAck<'a> {
        let v3_reasons =
            [ReasonCode::Success, ReasonCode::GrantedQos1, ReasonCode::GrantedQos2, ReasonCode::UnspecifiedError];
        let reasons = match (v5, kind) {
            (true, _) => self.list(0, |c| c.reason(kind)),
            (false, PacketKind::SubAck) => self.list(0, |c| v3_reasons[c.number(4) as usize]),
            (false, _) => Vec::new(),
        };
        SubAck { packet_id: self.packet_id(), reason_string: self.v5(v5, Self::text), user: self.user(v5), reasons }
    }

    pub(super) fn packet(&mut self, version: Version) -> Packet<'a> {
        let v5 = version == Version::V5;
        match self.number(if v5 { 15 } else { 14 }) {
            0 => Packet::Publish(self.publish(v5)),
            1 => Packet::PubAck(self.ack(PacketKind::PubAck, v5)),
            2 => Packet::PubRec(self.ack(PacketKind::PubRec, v5)),
            3 => Packet::PubRel(self.ack(PacketKind::PubRel, v5)),
            4 => Packet::PubComp(self.ack(PacketKind::PubComp, v5)),
            5 => Packet::Connect(Box::new(self.connect(version))),
            6 => Packet::ConnAck(Box::new(self.connack(version))),
            7 => Packet::Subscribe(Subscribe {
                packet_id: self.packet_id(),
                identifier: self.v5(v5, |c| c.number(268_435_455) + 1),
                user: self.user(v5),
                filters: self.list(1, |c| (c.text(), c.options(v5))),
            }),
            8 => Packet::SubAck(self.suback(PacketKind::SubAck, v5)),
            9 => Packet::Unsubscribe(Unsubscribe {
                packet_id: self.packet_id(),
                user: self.user(v5),
                filters: self.list(1, Self::text),
            }),
            10 => Packet::UnsubAck(self.suback(PacketKind::UnsubAck, v5)),
            11 => Packet::PingReq,
            12 => Packet::PingResp,
            13 => Packet::Disconnect(Disconnect {
                reason: if v5 { self.reason(PacketKind::Disconnect) } else { ReasonCode::Success },
                session_expiry_s: self.v5(v5, |c| c.number(u32::MAX)),
                reason_string: self.v5(v5, Self::text),
                user: self.user(v5),
                server_reference: self.v5(v5, Self::text),
            }),
            _ => Packet::Auth(Auth {
                reason: self.reason(PacketKind::Auth),
                method: self.option(Self::text),
                data: self.option(Self::bytes),
                reason_string: self.option(Self::text),
                user: self.user(true),
            }),
        }
    }
}
