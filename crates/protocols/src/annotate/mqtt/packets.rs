//! What stands in each packet, behind its fixed header.

use super::{Packet, secret};
use crate::annotate::{Step, Stop, bytes_of, shown, text_or_size};
use crate::mqtt::{PacketKind, ReasonCode, Version};

/// A byte whose bits mean something each.
#[derive(Clone, Copy)]
pub(super) struct Bits(pub(super) u8);

impl Bits {
    fn has(self, bit: u8) -> bool {
        self.0 >> bit & 1 == 1
    }

    fn qos(self, bit: u8) -> u8 {
        self.0 >> bit & 3
    }
}

/// The clauses of a packet.
pub(super) fn clauses(kind: PacketKind) -> &'static str {
    ["3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"]
        [kind as usize - 1]
}

impl Packet<'_> {
    pub(super) fn connect(&mut self) -> Step<()> {
        let (counted, name, note) = self.text("the protocol name")?;
        let clause = self.clause("2.1");
        self.reader.field(counted.range, "protocol name", name, note, clause);
        let (range, level) = self.u8("the protocol version")?;
        let meaning = match level & 0x7f {
            3 => "MQTT 3.1",
            4 => "MQTT 3.1.1",
            5 => "MQTT 5",
            _ => "unknown: the hub answers that it does not speak it",
        };
        let clause = self.clause("2.2");
        self.reader.field(range, "protocol version", level.to_string(), meaning, clause);
        let (range, flags) = self.u8("the connect flags")?;
        let flags = Bits(flags);
        let start = if self.is_v5() { "clean start" } else { "clean session" };
        let yes = |is_so| if is_so { "1" } else { "0" };
        for (name, value, clause) in [
            ("user name flag", yes(flags.has(7)), "2.8"),
            ("password flag", yes(flags.has(6)), "2.9"),
            ("will retain", yes(flags.has(5)), "2.7"),
            ("will QoS", ["0", "1", "2", "3"][usize::from(flags.qos(3))], "2.6"),
            ("will flag", yes(flags.has(2)), "2.5"),
            (start, yes(flags.has(1)), "2.4"),
        ] {
            let clause = self.clause(clause);
            self.reader.field(range.clone(), name, value, "", clause);
        }
        let note = if flags.has(0) { "malformed: reserved, and must be 0 [MQTT-3.1.2-3]" } else { "" };
        let clause = self.clause("2.3");
        self.reader.field(range, "reserved", yes(flags.has(0)), note, clause);
        let (range, seconds) = self.u16("the keep-alive")?;
        let note = if seconds == 0 {
            "none: silence never ends the connection"
        } else {
            "silence of half as long again ends the connection"
        };
        let clause = self.clause("2.10");
        self.reader.field(range, "keep alive", format!("{seconds} s"), note, clause);
        if self.is_v5() {
            self.properties(PacketKind::Connect, "2.11")?;
        }
        self.connect_payload(flags, seconds, start)
    }

    fn connect_payload(&mut self, flags: Bits, keep_alive: u16, start: &str) -> Step<()> {
        let is_v5 = self.is_v5();
        let (counted, client_id, note) = self.text("the client identifier")?;
        let clause = self.clause("3.1");
        let note = if counted.place.is_empty() { "none: the hub makes one up" } else { note };
        self.reader.field(counted.range, "client identifier", client_id.clone(), note, clause);
        let version = self.version.name();
        self.reader.made.summary = format!("{client_id} · MQTT {version} · keep-alive {keep_alive} s");
        if flags.has(1) {
            self.reader.made.summary += &format!(" · {start}");
        }
        if flags.has(2) {
            if is_v5 {
                self.will_properties()?;
            }
            let (counted, topic, note) = self.text("the will topic")?;
            let clause = self.clause(if is_v5 { "3.3" } else { "3.2" });
            self.reader.field(counted.range, "will topic", topic, note, clause);
            let counted = self.binary("the will payload")?;
            let (value, clause) = (counted.value(), self.clause(if is_v5 { "3.4" } else { "3.3" }));
            self.reader.field(
                counted.range,
                "will payload",
                value,
                "published for it if it goes without a goodbye",
                clause,
            );
        }
        let named = if flags.has(7) { Some(self.text("the user name")?) } else { None };
        // Boards that know a name only show a token as their name.
        let is_name_secret = !flags.has(6);
        if let Some((counted, name, note)) = named {
            let clause = self.clause(if is_v5 { "3.5" } else { "3.4" });
            if is_name_secret {
                self.reader.redact(counted.place.clone());
                let note = "not shown: without a password it may be a token";
                self.reader.field(counted.range, "user name", secret(counted.place.len()), note, clause);
            } else if self.password_is_empty() {
                self.reader.redact(counted.place.clone());
                let note = "not shown: with an empty password it may be a token";
                self.reader.field(counted.range, "user name", secret(counted.place.len()), note, clause);
            } else {
                self.reader.made.summary += &format!(" · user {name}");
                self.reader.field(counted.range, "user name", name, note, clause);
            }
        }
        if flags.has(6) {
            let counted = self.binary("the password")?;
            self.reader.redact(counted.place.clone());
            let clause = self.clause(if is_v5 { "3.6" } else { "3.5" });
            self.reader.field(counted.range, "password", secret(counted.place.len()), "never shown", clause);
        }
        Ok(())
    }

    /// Whether a password of no bytes comes next; also if that was not kept.
    fn password_is_empty(&self) -> bool {
        let rest = self.reader.bytes.get(self.reader.at..).unwrap_or_default();
        rest.first_chunk().is_none_or(|length| u16::from_be_bytes(*length) == 0)
    }

    pub(super) fn connack(&mut self) -> Step<()> {
        let (range, flags) = self.u8("the acknowledge flags")?;
        let note = match flags {
            0 => "a new session",
            1 => "the session from before goes on",
            _ => "malformed: bits 7 to 1 are reserved [MQTT-3.2.2-1]",
        };
        let clause = self.clause(if self.is_v5() { "2.2.1" } else { "2.2" });
        let clause = if self.is_v5() { self.clause("2.1.1") } else { clause };
        self.reader.field(range, "session present", (flags & 1).to_string(), note, clause);
        let (range, code) = self.u8("the reason code")?;
        let reason = if self.is_v5() { ReasonCode::from_number(code) } else { ReasonCode::from_v3_return_code(code) };
        let clause = self.clause(if self.is_v5() { "2.2" } else { "2.3" });
        let name = if self.is_v5() { "reason code" } else { "return code" };
        let text = reason.map_or("unknown", ReasonCode::text);
        self.reader.field(range, name, format!("0x{code:02x}"), text, clause);
        self.reader.made.summary = text.to_owned();
        if flags & 1 == 1 {
            self.reader.made.summary += " · session present";
        }
        if self.is_v5() { self.properties(PacketKind::ConnAck, "2.3") } else { Ok(()) }
    }

    pub(super) fn publish(&mut self, flags: Bits) -> Step<()> {
        let qos = flags.qos(1);
        let (counted, topic, mut note) = self.text("the topic")?;
        if counted.place.is_empty() {
            note = if self.is_v5() {
                "empty: the topic alias says it"
            } else {
                "malformed: a topic has a character [MQTT-4.7.3-1]"
            };
        } else if counted.bytes.iter().any(|byte| matches!(byte, b'+' | b'#')) {
            note = "malformed: no wildcards in the topic of a message [MQTT-3.3.2-2]";
        }
        let clause = self.clause("2.1");
        self.reader.field(counted.range, "topic", topic.clone(), note, clause);
        self.reader.made.summary = format!("{topic} · QoS {qos}");
        if qos == 3 {
            return Err(Stop::Broken("there is no QoS 3 [MQTT-3.3.1-4]".into()));
        }
        if qos > 0 {
            self.packet_id()?;
        }
        if self.is_v5() {
            self.properties(PacketKind::Publish, "2.3")?;
        }
        let length = self.reader.left();
        if flags.has(0) {
            self.reader.made.summary += " · retained";
        }
        if flags.has(3) {
            self.reader.made.summary += " · again";
        }
        self.reader.made.summary += &format!(" · {}", bytes_of(length));
        let (range, payload) = self.reader.take(length, "the payload")?;
        let (value, clause) = (text_or_size(payload, length), self.clause("3"));
        let note = if length == 0 && flags.has(0) { "empty: what was retained is cleared" } else { "" };
        self.reader.field(range, "payload", value, note, clause);
        Ok(())
    }

    pub(super) fn ack(&mut self) -> Step<()> {
        let id = self.packet_id()?;
        self.reader.made.summary = format!("packet {id}");
        self.reason_and_properties("2.1", "2.2")
    }

    /// What may be left out: success without properties is said by saying nothing.
    fn reason_and_properties(&mut self, reason: &str, properties: &'static str) -> Step<()> {
        if self.reader.left() == 0 || !self.is_v5() {
            return Ok(());
        }
        self.reason(reason)?;
        if self.reader.left() == 0 {
            return Ok(());
        }
        let kind = PacketKind::from_number(self.reader.bytes[0] >> 4).expect("its type was read");
        self.properties(kind, properties)
    }

    fn reason(&mut self, clause: &str) -> Step<()> {
        let (range, code) = self.u8("the reason code")?;
        let text = ReasonCode::from_number(code).map_or("unknown", ReasonCode::text);
        let clause = self.clause(clause);
        self.reader.field(range, "reason code", format!("0x{code:02x}"), text, clause);
        if !self.reader.made.summary.is_empty() {
            self.reader.made.summary += " · ";
        }
        self.reader.made.summary += text;
        Ok(())
    }

    pub(super) fn subscribe(&mut self) -> Step<()> {
        self.packet_id()?;
        if self.is_v5() {
            self.properties(PacketKind::Subscribe, "2.1")?;
        }
        while self.reader.left() > 0 && self.reader.has_room() {
            let (counted, filter, note) = self.text("the topic filter")?;
            let clause = self.clause("3");
            self.reader.field(counted.range, "topic filter", filter.clone(), note, clause);
            let (range, options) = self.u8("the subscription options")?;
            let options = Bits(options);
            let mut notes = vec![format!("QoS {} at the most", options.qos(0))];
            let clause = if self.is_v5() {
                if options.has(2) {
                    notes.push("not one's own messages".into());
                }
                if options.has(3) {
                    notes.push("retain as published".into());
                }
                let handling = [
                    "retained ones at once",
                    "retained ones if it is new",
                    "no retained ones",
                    "malformed: there is no retain handling 3",
                ];
                notes.push(handling[usize::from(options.qos(4))].into());
                self.clause("3.1")
            } else {
                self.clause("3")
            };
            let name = if self.is_v5() { "subscription options" } else { "requested QoS" };
            self.reader.field(range, name, format!("0x{:02x}", options.0), notes.join(", "), clause);
            self.list(&format!("{filter} · QoS {}", options.qos(0)));
        }
        Ok(())
    }

    pub(super) fn unsubscribe(&mut self) -> Step<()> {
        self.packet_id()?;
        if self.is_v5() {
            self.properties(PacketKind::Unsubscribe, "2.1")?;
        }
        while self.reader.left() > 0 && self.reader.has_room() {
            let (counted, filter, note) = self.text("the topic filter")?;
            let clause = self.clause("3");
            self.reader.field(counted.range, "topic filter", filter.clone(), note, clause);
            self.list(&filter);
        }
        Ok(())
    }

    /// Adds to the summary, which stays a line.
    fn list(&mut self, what: &str) {
        const SUMMARY_CHARS_MAX: usize = 200;
        let summary = &mut self.reader.made.summary;
        if summary.ends_with('…') {
            return;
        }
        if summary.len() + what.len() > SUMMARY_CHARS_MAX && !summary.is_empty() {
            summary.push_str(", …");
            return;
        }
        if !summary.is_empty() {
            summary.push_str(", ");
        }
        summary.push_str(&shown(what));
    }

    /// SUBACK and UNSUBACK: a code for each filter.
    pub(super) fn suback(&mut self, is_unsuback: bool) -> Step<()> {
        let id = self.packet_id()?;
        self.reader.made.summary = format!("packet {id}");
        if self.is_v5() {
            let kind = if is_unsuback { PacketKind::UnsubAck } else { PacketKind::SubAck };
            self.properties(kind, "2.1")?;
        }
        while self.reader.left() > 0 && self.reader.has_room() {
            let (range, code) = self.u8("the reason code")?;
            let text = match (self.version, code) {
                (Version::V5, _) => ReasonCode::from_number(code).map_or("unknown", ReasonCode::text),
                (_, 0..=2) => ["QoS 0 at the most", "QoS 1 at the most", "QoS 2 at the most"][usize::from(code)],
                (_, 0x80) => "failure",
                _ => "unknown",
            };
            let text = if is_unsuback || code != 0 { text } else { "granted QoS 0" };
            let clause = self.clause("3");
            self.reader.field(range, "reason code", format!("0x{code:02x}"), text, clause);
            self.list(text);
        }
        Ok(())
    }

    pub(super) fn disconnect(&mut self) -> Step<()> {
        if self.reader.left() == 0 {
            self.reader.made.summary = "goodbye".into();
        }
        self.reason_and_properties("2.1", "2.2")
    }

    pub(super) fn auth(&mut self) -> Step<()> {
        if !self.is_v5() {
            return Err(Stop::Broken("AUTH is a packet of MQTT 5".into()));
        }
        if self.reader.left() == 0 {
            self.reader.made.summary = ReasonCode::Success.text().into();
        }
        self.reason_and_properties("2.1", "2.2")
    }
}
