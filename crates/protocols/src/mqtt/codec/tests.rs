//! The codec against itself (what is encoded decodes to the same), against any bytes, and against known bad packets.

use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use housewire_core::{Properties, Qos, Run, TopicRef};
use proptest::prelude::*;

use super::*;
use crate::mqtt::packet::*;
use crate::mqtt::reason::ReasonCode;

const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5];

/// Builds packets out of a stream of numbers and a pool of texts, so that they can borrow and proptest can shrink them.
struct Chooser<'a> {
    numbers: std::slice::Iter<'a, u32>,
    texts: &'a [String],
}

impl<'a> Chooser<'a> {
    fn number(&mut self, below: u32) -> u32 {
        self.numbers.next().copied().unwrap_or(0) % below
    }

    fn flag(&mut self) -> bool {
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

    fn qos(&mut self) -> Qos {
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

    fn message(&mut self, v5: bool) -> Option<Arc<Properties>> {
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
        let v3_reason = ReasonCode::from_v3_return_code(self.number(6) as u8).unwrap();
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

    fn packet(&mut self, version: Version) -> Packet<'a> {
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

/// Numbers and texts from which one packet is made.
fn material() -> impl Strategy<Value = (Vec<u32>, Vec<String>)> {
    let text = prop_oneof![4 => "[^\\x00]{0,12}", 1 => "[a-z/+#]{100,300}"];
    (prop::collection::vec(any::<u32>(), 0..60), prop::collection::vec(text, 1..6))
}

fn encoded(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(packet, version, &mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_encoded_decodes_to_the_same((numbers, texts) in material(), version in 0..3_usize) {
        let version = VERSIONS[version];
        let packet = Chooser { numbers: numbers.iter(), texts: &texts }.packet(version);
        let mut bytes = encoded(&packet, version);
        let len = bytes.len();
        for cut in 0..len {
            prop_assert_eq!(decode(&bytes[..cut], version, len), Ok(None), "the first {} bytes of {:?}", cut, packet);
        }
        bytes.push(0x30);
        prop_assert_eq!(decode(&bytes, version, len), Ok(Some((packet, len))));
        let too_large = Err(DecodeError::TooLarge { bytes: len, bytes_max: len - 1 });
        prop_assert_eq!(decode(&bytes, version, len - 1), too_large);
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), version in 0..3_usize) {
        drop(decode(&bytes, VERSIONS[version], 1_000));
    }

    /// Changed packets are refused, or are packets that encode to themselves.
    #[test]
    fn changed_packets_are_refused_or_are_others(
        (numbers, texts) in material(),
        version in 0..3_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let version = VERSIONS[version];
        let mut bytes = encoded(&Chooser { numbers: numbers.iter(), texts: &texts }.packet(version), version);
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        if let Ok(Some((packet, _))) = decode(&bytes, version, usize::MAX) {
            let again = encoded(&packet, version);
            prop_assert_eq!(decode(&again, version, usize::MAX), Ok(Some((packet.clone(), again.len()))));
        }
    }

    #[test]
    fn a_run_is_its_packets_one_by_one(
        payloads in prop::collection::vec("[a-z]{0,200}", 1..5),
        (numbers, texts) in material(),
        version in 0..3_usize,
    ) {
        let version = VERSIONS[version];
        let mut chooser = Chooser { numbers: numbers.iter(), texts: &texts };
        let (qos, retain) = (chooser.qos(), chooser.flag());
        let properties = chooser.message(version == Version::V5);
        let payloads: Vec<&[u8]> = payloads.iter().map(|payload| payload.as_bytes()).collect();
        let run = Run::new(TopicRef::parse("home/lamp").unwrap(), &payloads).properties(properties.as_ref());
        let message = properties.as_deref();
        let expiry_s = message.and_then(|message| message.expiry).map(|expiry| expiry.as_secs() as u32);
        let frame = PublishFrame {
            topic: run.topic().as_str(),
            qos,
            retain,
            properties: MessageProperties { message, expiry_s, ..MessageProperties::default() }.encode(version),
        };
        let encoding = run.encoded(run_key(version, qos, retain), |run, encoded| encode_run(run, &frame, encoded));
        let mut bytes = encoding.bytes.clone();
        for mark in &encoding.marks {
            bytes[*mark as usize + 1] = 7;
        }
        let packet_id = (qos != Qos::AtMostOnce).then_some(PacketId::new(7).unwrap());
        let mut expected = Vec::new();
        for payload in &payloads {
            let (topic, properties) = ("home/lamp", properties.clone());
            let publish = Publish {
                dup: false, qos, retain, topic, packet_id, topic_alias: None,
                subscription_identifiers: Vec::new(), properties, payload,
            };
            prop_assert_eq!(frame.packet_len(payload), encoded(&Packet::Publish(publish.clone()), version).len());
            encode(&Packet::Publish(publish), version, &mut expected);
        }
        prop_assert_eq!(bytes, expected);
    }
}

#[test]
fn bad_packets_are_named() {
    use DecodeError as E;
    #[track_caller]
    fn check(bytes: &[u8], version: Version, expected: DecodeError) {
        assert_eq!(decode(bytes, version, 1_000), Err(expected), "{bytes:02x?}");
    }
    let (v3, v5) = (Version::V3_1_1, Version::V5);
    check(&[0x00], v3, E::UnknownPacket(0));
    check(&[0xf0], v3, E::UnknownPacket(15));
    check(&[0xc1], v3, E::BadFlags { packet: "PINGREQ", flags: 1 });
    check(&[0x36], v3, E::BadFlags { packet: "PUBLISH", flags: 6 });
    check(&[0x38], v3, E::BadFlags { packet: "PUBLISH", flags: 8 });
    check(&[0x80], v3, E::BadFlags { packet: "SUBSCRIBE", flags: 0 });
    check(&[0xc0, 0x80, 0x80, 0x80, 0x80], v3, E::BadVarint("remaining length"));
    check(&[0xc0, 0x80, 0x00], v3, E::BadVarint("remaining length"));
    check(&[0x30, 0xe9, 0x07], v3, E::TooLarge { bytes: 1_004, bytes_max: 1_000 });
    check(&[0xc0, 0x01, 0x00], v3, E::Trailing("header"));
    check(&[0x30, 0x01, 0x00], v3, E::Truncated("topic"));
    check(&[0x30, 0x03, 0x00, 0x01, 0x00], v3, E::NotText("topic"));
    check(&[0x30, 0x05, 0x00, 0x03, 0xed, 0xa0, 0x80], v3, E::NotText("topic"));
    check(&[0x32, 0x05, 0x00, 0x01, b'a', 0, 0], v3, E::Forbidden { field: "packet identifier", value: 0 });
    check(&[0x40, 0x03, 0x00, 0x01, 0x00], v3, E::Trailing("acknowledgement"));
    check(&[0x40, 0x03, 0x00, 0x01, 0x92], v5, E::BadValue { field: "reason code", value: 0x92 });
    check(&[0x82, 0x02, 0x00, 0x01], v3, E::Truncated("topic filter"));
    check(&[0x82, 0x06, 0, 1, 0, 1, b'a', 3], v3, E::BadValue { field: "subscription options", value: 3 });
    check(&[0x82, 0x06, 0, 1, 0, 1, b'a', 4], v3, E::BadValue { field: "subscription options", value: 4 });
    check(&[0x82, 0x07, 0, 1, 0, 0, 1, b'a', 0x30], v5, E::Forbidden { field: "subscription options", value: 0x30 });
    check(&[0x30, 0x05, 0, 0, 2, 0x04, 0], v5, E::UnknownProperty(4));
    check(&[0x30, 0x05, 0, 0, 2, 0x24, 0], v5, E::MisplacedProperty { property: "maximum QoS", packet: "PUBLISH" });
    check(&[0x30, 0x07, 0, 0, 4, 1, 0, 1, 0], v5, E::DuplicateProperty("payload format indicator"));
    check(&[0x30, 0x05, 0, 0, 2, 1, 2], v5, E::Forbidden { field: "payload format indicator", value: 2 });
    check(&[0x10, 0x07, 0, 4, b'H', b'T', b'T', b'P', 4], v3, E::NotMqtt);
    check(&[0x10, 0x07, 0, 4, b'M', b'Q', b'T', b'T', 6], v3, E::UnsupportedVersion(6));
}

#[test]
fn too_many_user_properties_are_refused() {
    let user = vec![("", ""); crate::limits::USER_PROPERTIES_MAX + 1];
    let packet = Packet::Disconnect(Disconnect { user, ..Disconnect::default() });
    let bytes = encoded(&packet, Version::V5);
    assert_eq!(decode(&bytes, Version::V5, usize::MAX), Err(DecodeError::TooManyUserProperties));
}

#[test]
fn texts_from_other_doors_are_cut_between_characters() {
    let long = "ä".repeat(40_000);
    let properties = Properties { content_type: Some(long), ..Properties::default() };
    let publish = Publish {
        dup: false,
        qos: Qos::AtMostOnce,
        retain: false,
        topic: "t",
        packet_id: None,
        topic_alias: None,
        subscription_identifiers: Vec::new(),
        properties: Some(Arc::new(properties)),
        payload: b"",
    };
    let bytes = encoded(&Packet::Publish(publish), Version::V5);
    let Ok(Some((Packet::Publish(publish), _))) = decode(&bytes, Version::V5, usize::MAX) else { panic!("{bytes:?}") };
    assert_eq!(publish.properties.unwrap().content_type.as_ref().unwrap().len(), 65_534);
}

#[test]
fn a_packet_is_cheap_to_move() {
    assert!(size_of::<Packet<'_>>() <= 112, "{}", size_of::<Packet<'_>>());
}
