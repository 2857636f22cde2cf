//! The properties of MQTT 5 (section 2.2.2): one table of identifiers, and in which order each packet's clauses tell of them.

use super::{Packet, secret};
use crate::annotate::{HIDDEN, Step, Stop, bytes_of};
use crate::mqtt::PacketKind;

/// How a property's value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Byte,
    Two,
    Four,
    Variable,
    Text,
    Pair,
    Binary,
    /// Binary that nobody is shown.
    Secret,
}

/// Every property there is (table 2-4): identifier, name, form, unit or meaning.
const PROPERTIES: [(u8, &str, Form, &str); 27] = [
    (1, "payload format indicator", Form::Byte, "1: the payload is UTF-8"),
    (2, "message expiry interval", Form::Four, "seconds"),
    (3, "content type", Form::Text, ""),
    (8, "response topic", Form::Text, "where an answer is expected"),
    (9, "correlation data", Form::Binary, "comes back with the answer"),
    (11, "subscription identifier", Form::Variable, ""),
    (
        17,
        "session expiry interval",
        Form::Four,
        "seconds that the session outlives the connection; 4294967295: for ever",
    ),
    (18, "assigned client identifier", Form::Text, "made up by the hub"),
    (19, "server keep alive", Form::Two, "seconds, in place of what the client asked for"),
    (21, "authentication method", Form::Text, ""),
    (22, "authentication data", Form::Secret, "never shown"),
    (23, "request problem information", Form::Byte, "0: no reasons for people"),
    (24, "will delay interval", Form::Four, "seconds until the will is published"),
    (25, "request response information", Form::Byte, ""),
    (26, "response information", Form::Text, ""),
    (28, "server reference", Form::Text, "another server to use"),
    (31, "reason string", Form::Text, "for people"),
    (33, "receive maximum", Form::Two, "QoS 1 and 2 messages unacknowledged at a time"),
    (34, "topic alias maximum", Form::Two, "the highest alias taken"),
    (35, "topic alias", Form::Two, "a number in place of the topic"),
    (36, "maximum QoS", Form::Byte, ""),
    (37, "retain available", Form::Byte, ""),
    (38, "user property", Form::Pair, ""),
    (39, "maximum packet size", Form::Four, "bytes"),
    (40, "wildcard subscription available", Form::Byte, ""),
    (41, "subscription identifier available", Form::Byte, ""),
    (42, "shared subscription available", Form::Byte, ""),
];

/// Which properties a packet may have, in the order of their clauses, which begin with the second.
fn order(kind: Option<PacketKind>) -> &'static [u8] {
    match kind {
        // The will in a CONNECT.
        None => &[24, 1, 2, 3, 8, 9, 38],
        Some(PacketKind::Connect) => &[17, 33, 39, 34, 25, 23, 38, 21, 22],
        Some(PacketKind::ConnAck) => &[17, 33, 36, 37, 39, 18, 34, 31, 38, 40, 41, 42, 19, 26, 28, 21, 22],
        Some(PacketKind::Publish) => &[1, 2, 35, 8, 9, 38, 11, 3],
        Some(PacketKind::Subscribe) => &[11, 38],
        Some(PacketKind::Unsubscribe) => &[38],
        Some(PacketKind::Disconnect) => &[17, 31, 38, 28],
        Some(PacketKind::Auth) => &[21, 22, 31, 38],
        Some(PacketKind::PingReq | PacketKind::PingResp) => &[],
        Some(_) => &[31, 38],
    }
}

impl Packet<'_> {
    /// The properties of a packet, told of in this clause of its own.
    pub(super) fn properties(&mut self, kind: PacketKind, clause: &str) -> Step<()> {
        self.property_list(Some(kind), clause)
    }

    /// Those of the will in a CONNECT.
    pub(super) fn will_properties(&mut self) -> Step<()> {
        self.property_list(None, "3.2")
    }

    fn property_list(&mut self, kind: Option<PacketKind>, clause: &str) -> Step<()> {
        let start = self.reader.at;
        let length = self.variable("the property length")?;
        let reference = self.clause(&format!("{clause}.1"));
        let name = if kind.is_none() { "will property length" } else { "property length" };
        self.reader.field(start..self.reader.at, name, bytes_of(length), "", reference);
        let end = self.reader.at + length;
        if end > self.reader.end {
            return Err(Stop::Broken("the properties go beyond the end of the packet".into()));
        }
        let outer = std::mem::replace(&mut self.reader.end, end);
        while self.reader.left() > 0 {
            if !self.reader.has_room() {
                // Read on without a word: what comes behind may have to be hidden.
                self.reader.take(self.reader.left(), "the properties")?;
                break;
            }
            self.property(order(kind), clause)?;
        }
        self.reader.end = outer;
        Ok(())
    }

    fn property(&mut self, order: &[u8], clause: &str) -> Step<()> {
        let start = self.reader.at;
        let (_, id) = self.u8("the property identifier")?;
        let Some((_, name, form, about)) = PROPERTIES.iter().find(|(number, ..)| *number == id) else {
            return Err(Stop::Broken(format!("there is no property {id}")));
        };
        let place = order.iter().position(|allowed| *allowed == id);
        let reference = match place {
            Some(place) => self.clause(&format!("{clause}.{}", place + 2)),
            None => "MQTT 5.0 §2.2.2.2".into(),
        };
        let (value, note) = self.value(*form, name)?;
        let note = match (place, note) {
            (None, _) => "malformed: no property of this packet",
            (Some(_), "") => about,
            (Some(_), note) => note,
        };
        self.reader.field(start..self.reader.at, *name, value, note, reference);
        Ok(())
    }

    fn value(&mut self, form: Form, name: &str) -> Step<(String, &'static str)> {
        Ok(match form {
            Form::Byte => (self.u8(name)?.1.to_string(), ""),
            Form::Two => (self.u16(name)?.1.to_string(), ""),
            Form::Four => {
                let (_, bytes) = self.reader.number(name)?;
                (u32::from_be_bytes(bytes).to_string(), "")
            }
            Form::Variable => (self.variable(name)?.to_string(), ""),
            Form::Text => {
                let (_, value, note) = self.text(name)?;
                (value, note)
            }
            Form::Pair => {
                let (_, key, note) = self.text(name)?;
                let (counted, value, other) = self.text(name)?;
                let note = if note.is_empty() { other } else { note };
                if crate::annotate::http::names_a_secret(&key) {
                    self.reader.redact(counted.place);
                    (format!("{key}: {HIDDEN}"), note)
                } else {
                    (format!("{key}: {value}"), note)
                }
            }
            Form::Binary => (self.binary(name)?.value(), ""),
            Form::Secret => {
                let counted = self.binary(name)?;
                self.reader.redact(counted.place.clone());
                (secret(counted.place.len()), "")
            }
        })
    }
}
