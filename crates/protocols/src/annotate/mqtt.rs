//! A control packet of MQTT 3.1, 3.1.1 or 5, with its properties and reason codes.

mod packets;
mod properties;

use std::ops::Range;

use self::packets::Bits;
use super::{Annotation, HIDDEN, Reader, Step, Stop, bytes_of, shown, text_or_size};
use crate::mqtt::{PacketKind, Version};

/// How long the fixed header is, and what comes behind it; `None` while it is not there whole, an error if it is none.
pub fn measure(bytes: &[u8]) -> Result<Option<(usize, usize)>, NoHeader> {
    let Some(first) = bytes.first() else { return Ok(None) };
    if PacketKind::from_number(first >> 4).is_none() {
        return Err(NoHeader);
    }
    let mut length = 0;
    for (place, byte) in bytes[1..].iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(Some((place + 2, length)));
        }
    }
    if bytes.len() > 4 { Err(NoHeader) } else { Ok(None) }
}

/// These bytes are no fixed header: the packet type 0, or a length of more than four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoHeader;

/// The version that a CONNECT asks for; `None` if it is none, or asks for another one.
pub fn version_of(bytes: &[u8]) -> Option<Version> {
    let (head, _) = measure(bytes).ok()??;
    let rest = bytes.get(head..)?;
    let name_bytes = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
    let level = *rest.get(2 + name_bytes)?;
    match (bytes[0] >> 4, rest.get(2..2 + name_bytes)?, level & 0x7f) {
        (1, b"MQIsdp", 3) => Some(Version::V3_1),
        (1, b"MQTT", 4) => Some(Version::V3_1_1),
        (1, b"MQTT", 5) => Some(Version::V5),
        _ => None,
    }
}

/// Takes a packet apart, of which `bytes` were kept of `whole`. A CONNECT says its version itself; for all others it is that of
/// their connection.
pub fn annotate(bytes: &[u8], whole: usize, version: Version) -> Annotation {
    let version = version_of(bytes).unwrap_or(version);
    let mut packet = Packet { reader: Reader::new(bytes, whole), version, clauses: "2" };
    let kind = bytes.first().and_then(|first| PacketKind::from_number(first >> 4));
    // What goes wrong in these might hide what nobody is to see.
    let is_delicate =
        kind.is_none_or(|kind| matches!(kind, PacketKind::Connect | PacketKind::Auth | PacketKind::ConnAck));
    let read = packet.read();
    packet.reader.finish(read, is_delicate)
}

/// A packet that is read.
struct Packet<'b> {
    reader: Reader<'b>,
    version: Version,
    /// Of this packet in the standard, `3.1` for CONNECT.
    clauses: &'static str,
}

impl<'b> Packet<'b> {
    /// A clause of the standard of this version.
    fn reference(&self, v5: &str, v3: &str) -> String {
        match self.version {
            Version::V5 => format!("MQTT 5.0 §{v5}"),
            _ => format!("MQTT 3.1.1 §{v3}"),
        }
    }

    /// A clause of this packet, numbered alike in both.
    fn clause(&self, below: &str) -> String {
        let clause = format!("{}.{below}", self.clauses);
        self.reference(&clause, &clause)
    }

    fn is_v5(&self) -> bool {
        self.version == Version::V5
    }

    fn read(&mut self) -> Step<()> {
        let (range, [first]) = self.reader.number("the first byte")?;
        let Some(kind) = PacketKind::from_number(first >> 4) else {
            self.reader.made.kind = "unknown".into();
            return Err(Stop::Broken("the packet type 0 is forbidden".into()));
        };
        self.reader.made.kind = kind.name().into();
        self.clauses = packets::clauses(kind);
        let reference = self.reference("2.1.2", "2.2.1");
        self.reader.field(range.clone(), "packet type", format!("{} {}", kind as u8, kind.name()), "", reference);
        self.flags(kind, first & 0x0f, range);
        self.remaining_length()?;
        match kind {
            PacketKind::Connect => self.connect(),
            PacketKind::ConnAck => self.connack(),
            PacketKind::Publish => self.publish(Bits(first)),
            PacketKind::PubAck | PacketKind::PubRec | PacketKind::PubRel | PacketKind::PubComp => self.ack(),
            PacketKind::Subscribe => self.subscribe(),
            PacketKind::SubAck => self.suback(false),
            PacketKind::Unsubscribe => self.unsubscribe(),
            PacketKind::UnsubAck => self.suback(true),
            PacketKind::PingReq | PacketKind::PingResp => Ok(()),
            PacketKind::Disconnect => self.disconnect(),
            PacketKind::Auth => self.auth(),
        }
    }

    fn flags(&mut self, kind: PacketKind, flags: u8, range: Range<usize>) {
        if kind == PacketKind::Publish {
            let qos = flags >> 1 & 3;
            let meaning = ["at most once", "at least once", "exactly once", "not allowed"][usize::from(qos)];
            let dup = if flags & 8 != 0 { "sent again" } else { "sent for the first time" };
            let retain = if flags & 1 != 0 { "retained, or to be retained" } else { "not retained" };
            for (name, value, note, clause) in
                [("DUP", flags >> 3, dup, "1.1"), ("QoS", qos, meaning, "1.2"), ("RETAIN", flags & 1, retain, "1.3")]
            {
                let clause = self.clause(clause);
                self.reader.field(range.clone(), name, value.to_string(), note, clause);
            }
            return;
        }
        let wanted =
            if matches!(kind, PacketKind::PubRel | PacketKind::Subscribe | PacketKind::Unsubscribe) { 2 } else { 0 };
        let note = if flags == wanted { "reserved, always so" } else { "malformed: reserved, and must be otherwise" };
        let reference = self.reference("2.1.3", "2.2.2");
        self.reader.field(range, "flags", format!("{flags:04b}"), note, reference);
    }

    fn remaining_length(&mut self) -> Step<()> {
        let start = self.reader.at;
        let length = self.variable("the remaining length")?;
        let reference = self.reference("2.1.4", "2.2.3");
        self.reader.field(
            start..self.reader.at,
            "remaining length",
            bytes_of(length),
            "what comes behind it",
            reference,
        );
        let whole = self.reader.at + length;
        if whole > self.reader.whole {
            let are = self.reader.whole;
            return Err(Stop::Broken(format!("the packet has {whole} bytes by its length, and {are} are there")));
        }
        self.reader.end = whole;
        Ok(())
    }

    /// A variable byte integer (MQTT 5 section 1.5.5).
    fn variable(&mut self, what: &str) -> Step<usize> {
        let mut value = 0;
        for place in 0..4 {
            let (_, [byte]) = self.reader.number(what)?;
            value |= usize::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Stop::Broken(format!("{what} has more than four bytes")))
    }

    fn u8(&mut self, what: &str) -> Step<(Range<usize>, u8)> {
        self.reader.number(what).map(|(range, [byte])| (range, byte))
    }

    fn u16(&mut self, what: &str) -> Step<(Range<usize>, u16)> {
        self.reader.number(what).map(|(range, bytes)| (range, u16::from_be_bytes(bytes)))
    }

    /// Bytes with their length in front of them: where they are with it, where without, and as many as were kept.
    fn binary(&mut self, what: &str) -> Step<Counted<'b>> {
        let (head, length) = self.u16(what)?;
        let (place, bytes) = self.reader.take(usize::from(length), what)?;
        Ok(Counted { range: head.start..place.end, place, bytes })
    }

    /// A text; a note if it is none.
    fn text(&mut self, what: &str) -> Step<(Counted<'b>, String, &'static str)> {
        let counted = self.binary(what)?;
        let whole = counted.place.len();
        let is_text = std::str::from_utf8(counted.bytes).map_or_else(
            |error| whole > counted.bytes.len() && error.error_len().is_none(),
            |text| !text.contains('\0'),
        );
        let note = if is_text { "" } else { "malformed: not UTF-8, or with U+0000 in it [MQTT-1.5.4-1]" };
        let value = shown(&String::from_utf8_lossy(counted.bytes));
        Ok((counted, value, note))
    }

    fn packet_id(&mut self) -> Step<u16> {
        let (range, id) = self.u16("the packet identifier")?;
        let note = if id == 0 { "malformed: never 0 [MQTT-2.2.1-3]" } else { "ties a packet to its answer" };
        let reference = self.reference("2.2.1", "2.3.1");
        self.reader.field(range, "packet identifier", id.to_string(), note, reference);
        Ok(id)
    }
}

/// See [`Packet::binary`].
struct Counted<'b> {
    range: Range<usize>,
    place: Range<usize>,
    bytes: &'b [u8],
}

impl Counted<'_> {
    fn value(&self) -> String {
        text_or_size(self.bytes, self.place.len())
    }
}

/// What is said of a secret.
fn secret(length: usize) -> String {
    if length == 0 { "empty".into() } else { HIDDEN.into() }
}
