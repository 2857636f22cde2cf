//! Messages as JSON: the fields that WebSocket and event streams share. What stands around them belongs to each.

use housewire_core::{Message, Run, Timestamp};

use crate::view::json::{write_payload, write_text};

/// Writes the messages of one run, whose topic, time and door are the same.
pub(crate) struct MessageWriter {
    before_payload: Vec<u8>,
    after_payload: String,
}

impl MessageWriter {
    pub(crate) fn new(run: &Run<'_>, is_stored: bool) -> Self {
        Self::of(run.topic().as_str(), run.time(), run.origin().via, is_stored)
    }

    fn of(topic: &str, time: Timestamp, via: &'static str, is_stored: bool) -> Self {
        let mut before_payload = b"\"topic\":".to_vec();
        write_text(topic, &mut before_payload);
        before_payload.extend_from_slice(b",\"payload\":");
        // A door's name is a word of ours and needs no escaping.
        let after_payload = format!(",\"retain\":{is_stored},\"time\":\"{time}\",\"via\":\"{via}\"");
        Self { before_payload, after_payload }
    }

    /// Appends `"topic":…,"payload":…,"retain":…,"time":…,"via":…`.
    pub(crate) fn write(&self, payload: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.before_payload);
        write_payload(payload, out);
        out.extend_from_slice(self.after_payload.as_bytes());
    }
}

/// Appends what is kept under a topic, as a list shows it.
pub(crate) fn write_kept(message: &Message, out: &mut Vec<u8>) {
    let writer = MessageWriter::of(message.topic.as_str(), message.time, message.via, message.retain);
    out.push(b'{');
    writer.write(&message.payload, out);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use housewire_core::TopicRef;

    use super::*;

    #[test]
    fn fields_of_a_message() {
        let payloads = [b"21.5".as_slice(), b"a \"b\""];
        let run = Run::new(TopicRef::parse("a/\"b\"").unwrap(), &payloads);
        let writer = MessageWriter::new(&run, true);
        let mut out = Vec::new();
        for payload in payloads {
            writer.write(payload, &mut out);
            out.push(b'\n');
        }
        let rest = r#""retain":true,"time":"1970-01-01T00:00:00.000000Z","via":"hub""#;
        let expected = format!(
            "\"topic\":\"a/\\\"b\\\"\",\"payload\":21.5,{rest}\n\"topic\":\"a/\\\"b\\\"\",\"payload\":\"a \\\"b\\\"\",{rest}\n"
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
