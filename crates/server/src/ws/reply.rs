//! What clients are told, in either language, and the one place where refusals become error codes.

use bytes::{Bytes, BytesMut};
use housewire_core::{Denied, Encoded, Message as Stored, RuleBroken, Run};
use tokio_tungstenite::tungstenite::Message;

use crate::limits::WS_ID_BYTES_MAX;
use crate::outbox::{Encoding, end_message};
use crate::refusal::Refusal;
use crate::view::json::{write_payload, write_text};
use crate::view::message::MessageWriter;
use crate::ws::cbor;
use crate::ws::language::Language;

/// How messages look in JSON.
pub(super) const JSON: Encoding =
    Encoding { key: 0x0002_0000, write: write_messages, number: number_message, name: "WebSocket" };

fn write_messages(run: &Run<'_>, is_stored: bool, encoded: &mut Encoded) {
    let writer = MessageWriter::new(run, is_stored);
    for payload in run.payloads() {
        encoded.bytes.extend_from_slice(b"{\"op\":\"message\",");
        writer.write(payload, &mut encoded.bytes);
        encoded.bytes.push(b'}');
        end_message(encoded);
    }
}

fn number_message(message: &[u8], sequence: u64, out: &mut BytesMut) {
    out.extend_from_slice(message.strip_suffix(b"}").unwrap_or(message));
    out.extend_from_slice(b",\"seq\":");
    out.extend_from_slice(sequence.to_string().as_bytes());
    out.extend_from_slice(b"}");
}

/// What may stand in an answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Number(u64),
    Bool(bool),
    Payload(&'a [u8]),
}

/// An answer before it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) op: &'a str,
    /// As it came.
    pub(super) id: Option<&'a [u8]>,
    pub(super) fields: &'a [(&'a str, Value<'a>)],
}

impl Answer<'_> {
    pub(super) fn write(self, language: Language) -> Message {
        match language {
            Language::Json => Message::text(self.to_json()),
            Language::Cbor => Message::Binary(Bytes::from(cbor::answer(&self))),
        }
    }

    fn to_json(self) -> String {
        let mut frame = Vec::with_capacity(32 + WS_ID_BYTES_MAX);
        frame.extend_from_slice(b"{\"op\":\"");
        frame.extend_from_slice(self.op.as_bytes());
        frame.push(b'"');
        if let Some(id) = self.id {
            frame.extend_from_slice(b",\"id\":");
            frame.extend_from_slice(id);
        }
        for (name, value) in self.fields {
            frame.extend_from_slice(b",\"");
            frame.extend_from_slice(name.as_bytes());
            frame.extend_from_slice(b"\":");
            match value {
                Value::Text(text) => write_text(text, &mut frame),
                Value::Number(number) => frame.extend_from_slice(number.to_string().as_bytes()),
                Value::Bool(is_so) => frame.extend_from_slice(if *is_so { b"true" } else { b"false" }),
                Value::Payload(payload) => write_payload(payload, &mut frame),
            }
        }
        frame.push(b'}');
        String::from_utf8(frame).expect("JSON is UTF-8")
    }
}

/// `{"op":"ok","id":…}`
pub(super) fn ok(language: Language, id: Option<&[u8]>) -> Message {
    Answer { op: "ok", id, fields: &[] }.write(language)
}

/// `{"op":"ok","id":…,"payload":…,"time":…}`
pub(super) fn present(language: Language, id: Option<&[u8]>, message: &Stored) -> Message {
    let time = message.time.to_string();
    let fields = [("payload", Value::Payload(&message.payload)), ("time", Value::Text(&time))];
    Answer { op: "ok", id, fields: &fields }.write(language)
}

/// `{"op":"error","id":…,"code":…,"message":…}`
pub(super) fn error(language: Language, id: Option<&[u8]>, refusal: &Refusal) -> Message {
    let text = refusal.to_string();
    let fields = [("code", Value::Text(code(refusal))), ("message", Value::Text(&text))];
    Answer { op: "error", id, fields: &fields }.write(language)
}

/// Says how many messages are missing here, because the client did not keep up.
pub(super) fn lost(language: Language, count: u64) -> Message {
    Answer { op: "lost", id: None, fields: &[("count", Value::Number(count))] }.write(language)
}

/// Refusals to error codes; the only place that does.
fn code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Denied(Denied::NotPermitted { .. } | Denied::HubOnly(_)) => "forbidden",
        Refusal::Rejected(rejection) => match rejection.broken {
            RuleBroken::TooLarge(_) => "too_large",
            _ => "rejected",
        },
        Refusal::Denied(Denied::TopicTooLong(_) | Denied::TopicTooDeep(_)) => "invalid_topic",
        Refusal::Denied(Denied::DevicesFull | Denied::RetainedFull(_) | Denied::RetainedBytesFull(_))
        | Refusal::Declaration(_)
        | Refusal::Full(_) => "rejected",
        Refusal::Denied(Denied::DiskFailing) | Refusal::History(_) => "disk_failing",
        Refusal::Topic(..) => "invalid_topic",
        Refusal::Filter(..) => "invalid_filter",
        Refusal::NotFound(_) => "not_found",
        Refusal::NotAdmin(_) | Refusal::TurnedOut => "forbidden",
        Refusal::Name(_) | Refusal::BadRequest(_) => "bad_request",
        Refusal::UnknownSession => "unknown_session",
    }
}

#[cfg(test)]
mod tests {
    use housewire_core::{Topic, TopicRef};

    use super::*;

    fn text(message: Message) -> String {
        message.into_text().unwrap().to_string()
    }

    #[test]
    fn answers() {
        assert_eq!(text(ok(Language::Json, Some(b"1"))), r#"{"op":"ok","id":1}"#);
        assert_eq!(text(ok(Language::Json, None)), r#"{"op":"ok"}"#);
        assert_eq!(text(lost(Language::Json, 3)), r#"{"op":"lost","count":3}"#);
        let refusal = Refusal::NotFound("no \"x\"".into());
        let expected = r#"{"op":"error","id":"a","code":"not_found","message":"no \"x\""}"#;
        assert_eq!(text(error(Language::Json, Some(b"\"a\""), &refusal)), expected);
    }

    #[test]
    fn messages() {
        let payloads = [b"1".as_slice(), b"on"];
        let topic = Topic::parse("a/b").unwrap();
        let run = Run::new(TopicRef::parse(topic.as_str()).unwrap(), &payloads);
        let mut encoded = Encoded::default();
        write_messages(&run, false, &mut encoded);
        let text = String::from_utf8(encoded.bytes).unwrap();
        let (first, second) = text.split_at(encoded.marks[0] as usize);
        let rest = r#""retain":false,"time":"1970-01-01T00:00:00.000000Z","via":"hub"}"#;
        assert_eq!(first, format!(r#"{{"op":"message","topic":"a/b","payload":1,{rest}"#));
        assert_eq!(second, format!(r#"{{"op":"message","topic":"a/b","payload":"on",{rest}"#));
        assert_eq!(encoded.marks[1] as usize, text.len());
        let mut numbered = BytesMut::new();
        number_message(first.as_bytes(), 17, &mut numbered);
        assert_eq!(numbered, first.replace("\"hub\"}", "\"hub\",\"seq\":17}").as_bytes());
    }
}
