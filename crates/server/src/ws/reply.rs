//! What clients are answered, and the one place where refusals become error codes.

use housewire_core::{Denied, Encoded, Message, RuleBroken, Run};

use crate::limits::WS_ID_BYTES_MAX;
use crate::outbox::{Encoding, end_message};
use crate::refusal::Refusal;
use crate::view::json::{write_payload, write_text};
use crate::view::message::MessageWriter;

/// How messages look on a WebSocket.
pub(super) const ENCODING: Encoding = Encoding { key: 0x0002_0000, write: write_messages, name: "WebSocket" };

fn write_messages(run: &Run<'_>, is_stored: bool, encoded: &mut Encoded) {
    let writer = MessageWriter::new(run, is_stored);
    for payload in run.payloads() {
        encoded.bytes.extend_from_slice(b"{\"op\":\"message\",");
        writer.write(payload, &mut encoded.bytes);
        encoded.bytes.push(b'}');
        end_message(encoded);
    }
}

/// `{"op":"ok","id":…}`
pub(super) fn ok(id: Option<&str>) -> String {
    finish(begin("ok", id))
}

/// `{"op":"ok","id":…,"payload":…,"time":…}`
pub(super) fn present(id: Option<&str>, message: &Message) -> String {
    let mut frame = begin("ok", id);
    frame.extend_from_slice(b",\"payload\":");
    write_payload(&message.payload, &mut frame);
    frame.extend_from_slice(b",\"time\":\"");
    frame.extend_from_slice(message.time.to_string().as_bytes());
    frame.push(b'"');
    finish(frame)
}

/// `{"op":"error","id":…,"code":…,"message":…}`
pub(super) fn error(id: Option<&str>, refusal: &Refusal) -> String {
    let mut frame = begin("error", id);
    frame.extend_from_slice(b",\"code\":\"");
    frame.extend_from_slice(code(refusal).as_bytes());
    frame.extend_from_slice(b"\",\"message\":");
    write_text(&refusal.to_string(), &mut frame);
    finish(frame)
}

/// Says how many messages are missing here, because the client did not keep up.
pub(super) fn lost(count: u64) -> String {
    format!("{{\"op\":\"lost\",\"count\":{count}}}")
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
        Refusal::Denied(Denied::DiskFailing) => "disk_failing",
        Refusal::Topic(..) => "invalid_topic",
        Refusal::Filter(..) => "invalid_filter",
        Refusal::NotFound(_) => "not_found",
        Refusal::NotAdmin(_) | Refusal::TurnedOut => "forbidden",
        Refusal::Name(_) | Refusal::BadRequest(_) => "bad_request",
    }
}

fn begin(op: &str, id: Option<&str>) -> Vec<u8> {
    let mut frame = Vec::with_capacity(32 + WS_ID_BYTES_MAX);
    frame.extend_from_slice(b"{\"op\":\"");
    frame.extend_from_slice(op.as_bytes());
    frame.push(b'"');
    if let Some(id) = id {
        frame.extend_from_slice(b",\"id\":");
        frame.extend_from_slice(id.as_bytes());
    }
    frame
}

fn finish(mut frame: Vec<u8>) -> String {
    frame.push(b'}');
    String::from_utf8(frame).expect("JSON is UTF-8")
}

#[cfg(test)]
mod tests {
    use housewire_core::{Topic, TopicRef};

    use super::*;

    #[test]
    fn answers() {
        assert_eq!(ok(Some("1")), r#"{"op":"ok","id":1}"#);
        assert_eq!(ok(None), r#"{"op":"ok"}"#);
        assert_eq!(lost(3), r#"{"op":"lost","count":3}"#);
        let refusal = Refusal::NotFound("no \"x\"".into());
        let expected = r#"{"op":"error","id":"a","code":"not_found","message":"no \"x\""}"#;
        assert_eq!(error(Some("\"a\""), &refusal), expected);
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
    }
}
