//! MQTT 3.1.1.

use anyhow::{bail, ensure};

use super::{Incoming, Template};
use crate::load::stamp::BLANK;

/// A packet at the head of a buffer: its first byte, what is behind the length, and how many bytes it takes.
pub(crate) type Whole<'a> = (u8, &'a [u8], usize);

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u16).to_be_bytes());
    bytes.extend(text.as_bytes());
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let more = length >= 0x80;
        bytes.push((length & 0x7f) as u8 | if more { 0x80 } else { 0 });
        length >>= 7;
        if !more {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

/// Seconds of silence that a client announces, as nearly all do; longer than any row is silent.
const KEEP_ALIVE_S: u16 = 600;

/// CONNECT.
pub(crate) fn connect(name: &str, clean: bool) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, "MQTT");
    body.extend([4, if clean { 2 } else { 0 }]);
    body.extend(KEEP_ALIVE_S.to_be_bytes());
    text(&mut body, name);
    packet(0x10, &body)
}

/// SUBSCRIBE to all of these.
pub(crate) fn subscribe<'f>(filters: impl IntoIterator<Item = &'f str>, qos: u8) -> Vec<u8> {
    let mut body = vec![0, 1];
    for filter in filters {
        text(&mut body, filter);
        body.push(qos);
    }
    packet(0x82, &body)
}

/// A PUBLISH with this payload.
pub(crate) fn publish(topic: &str, qos: u8, packet_id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, topic);
    if qos > 0 {
        body.extend(packet_id.to_be_bytes());
    }
    body.extend(payload);
    packet(0x30 | qos << 1, &body)
}

/// A QoS 1 PUBLISH to be retained.
pub(crate) fn publish_retained(topic: &str, packet_id: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = publish(topic, 1, packet_id, payload);
    bytes[0] |= 1;
    bytes
}

/// A PUBLISH to be filled in.
pub(crate) fn template(topic: &str, qos: u8) -> Template {
    let bytes = publish(topic, qos, 0, &BLANK);
    let payload_at = bytes.len() - BLANK.len();
    Template { packet_id_at: (qos > 0).then_some(payload_at - 2), payload_at: Some(payload_at), bytes }
}

/// The first packet, if it is there whole.
pub(crate) fn first_packet(bytes: &[u8]) -> anyhow::Result<Option<Whole<'_>>> {
    let Some(first) = bytes.first() else { return Ok(None) };
    let mut length = 0;
    for place in 0..4 {
        let Some(byte) = bytes.get(1 + place) else { return Ok(None) };
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            let start = 2 + place;
            return Ok(bytes.get(start..start + length).map(|body| (*first, body, start + length)));
        }
    }
    bail!("the server sent a length of more than four bytes")
}

/// Takes packets apart; what is to be answered is put into `answers`. How many bytes were whole packets.
pub(crate) fn take<'a>(
    bytes: &'a [u8],
    answers: &mut Vec<u8>,
    mut found: impl FnMut(Incoming<'a>),
) -> anyhow::Result<usize> {
    let mut used = 0;
    while let Some((first, body, length)) = first_packet(&bytes[used..])? {
        used += length;
        match first >> 4 {
            3 => {
                let id_at = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
                let qos = first >> 1 & 3;
                if qos == 0 {
                    found(Incoming::Message(&body[id_at..]));
                } else {
                    answers.extend([if qos == 1 { 0x40 } else { 0x50 }, 2, body[id_at], body[id_at + 1]]);
                    found(Incoming::Message(&body[id_at + 2..]));
                }
            }
            // PUBREC and PUBREL move the exchange on, PUBACK and PUBCOMP end it.
            5 => answers.extend([0x62, 2, body[0], body[1]]),
            6 => answers.extend([0x70, 2, body[0], body[1]]),
            4 | 7 => found(Incoming::Acknowledged(u16::from_be_bytes([body[0], body[1]]))),
            kind => bail!("the server sent a packet of kind {kind}, which nobody asked for"),
        }
    }
    Ok(used)
}

/// CONNACK and SUBACK that grant everything.
pub(crate) fn check_granted((first, body, _): Whole<'_>) -> anyhow::Result<()> {
    match first {
        0x20 => ensure!(body.get(1) == Some(&0), "the server refuses the connection: CONNACK {body:?}"),
        0x90 => {
            ensure!(body[2..].iter().all(|code| *code < 0x80), "the server refuses a subscription: SUBACK {body:?}")
        }
        _ => bail!("the server answered with a packet that begins with {first:#x}"),
    }
    Ok(())
}
