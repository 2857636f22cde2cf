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
use chooser::Chooser;

mod chooser;

const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5];

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
