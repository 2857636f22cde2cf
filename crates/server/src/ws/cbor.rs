//! The API in CBOR (RFC 8949): operations are maps in binary frames, with the fields that they have in JSON.
//!
//! Payloads leave as byte strings, whatever they hold: what was published, byte for byte, and nothing to be looked at on the way. How a
//! payload comes in is in `payload`; what the fields mean in `request`.

mod payload;

use std::borrow::Cow;
use std::fmt::Display;

use bytes::{BufMut as _, BytesMut};
use housewire_core::{Encoded, Run};
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use crate::limits::{WS_ID_BYTES_MAX, WS_OPERATIONS_MAX};
use crate::outbox::{Encoding, end_message};
use crate::refusal::{Refusal, parse_filter, parse_topic, shorten};
use crate::ws::cbor::payload::{payload_of, skip};
use crate::ws::reply::{Answer, Value};
use crate::ws::request::{Frame, Hello, Operation, Publish, Request, checked, unknown_op, wrong_id};

/// How messages look in CBOR.
pub(super) const ENCODING: Encoding =
    Encoding { key: 0x0002_0010, write: write_messages, number: number_message, name: "WebSocket" };

/// The head of a map of so few entries is one byte.
const MESSAGE_HEAD: u8 = 0xa0 | 6;

const MEMORY: &str = "memory takes it";

type Failure = minicbor::encode::Error<std::convert::Infallible>;

fn write_messages(run: &Run<'_>, is_stored: bool, encoded: &mut Encoded) {
    let (mut before, mut after) = (vec![MESSAGE_HEAD], Vec::new());
    let time = run.time().to_string();
    around_payload(run, is_stored, &time, &mut before, &mut after).expect(MEMORY);
    for payload in run.payloads() {
        encoded.bytes.extend_from_slice(&before);
        Encoder::new(&mut encoded.bytes).bytes(payload).expect(MEMORY);
        encoded.bytes.extend_from_slice(&after);
        end_message(encoded);
    }
}

fn around_payload(
    run: &Run<'_>,
    is_stored: bool,
    time: &str,
    before: &mut Vec<u8>,
    after: &mut Vec<u8>,
) -> Result<(), Failure> {
    Encoder::new(before).str("op")?.str("message")?.str("topic")?.str(run.topic().as_str())?.str("payload")?;
    let mut after = Encoder::new(after);
    after.str("retain")?.bool(is_stored)?.str("time")?.str(time)?.str("via")?.str(run.origin().via)?.ok()
}

/// One entry more, behind the others.
fn number_message(message: &[u8], sequence: u64, out: &mut BytesMut) {
    out.put_u8(MESSAGE_HEAD + 1);
    out.extend_from_slice(message.get(1..).unwrap_or_default());
    let mut entry = [0; 16];
    let mut encoder = Encoder::new(&mut entry[..]);
    encoder.str("seq").and_then(|encoder| encoder.u64(sequence)).expect("4 and 9 bytes fit into 16");
    let left = encoder.into_writer().len();
    out.extend_from_slice(&entry[..entry.len() - left]);
}

/// An answer in CBOR.
pub(super) fn answer(answer: &Answer<'_>) -> Vec<u8> {
    let mut frame = Vec::with_capacity(32 + WS_ID_BYTES_MAX);
    write_answer(answer, &mut frame).expect(MEMORY);
    frame
}

fn write_answer(answer: &Answer<'_>, frame: &mut Vec<u8>) -> Result<(), Failure> {
    let entries = 1 + usize::from(answer.id.is_some()) + answer.fields.len();
    Encoder::new(&mut *frame).map(entries as u64)?.str("op")?.str(answer.op)?;
    if let Some(id) = answer.id {
        Encoder::new(&mut *frame).str("id")?;
        frame.extend_from_slice(id);
    }
    for (name, value) in answer.fields {
        let mut encoder = Encoder::new(&mut *frame);
        encoder.str(name)?;
        match value {
            Value::Text(text) => encoder.str(text)?,
            Value::Number(number) => encoder.u64(*number)?,
            Value::Bool(is_so) => encoder.bool(*is_so)?,
            Value::Payload(payload) => encoder.bytes(payload)?,
        };
    }
    Ok(())
}

/// One operation, or a list of them.
pub(super) fn parse(frame: &[u8]) -> Frame<'_> {
    match parse_frame(frame) {
        Ok(frame) => frame,
        Err(refusal) => Frame::One(Operation::refused(refusal)),
    }
}

fn parse_frame(frame: &[u8]) -> Result<Frame<'_>, Refusal> {
    let mut decoder = Decoder::new(frame);
    let parsed = match decoder.datatype().map_err(wrong)? {
        Type::Array | Type::ArrayIndef => {
            let mut operations = Vec::new();
            let mut left = decoder.array().map_err(wrong)?;
            while has_next(&mut decoder, &mut left)? {
                let bytes = item(&mut decoder)?;
                // Of what is too much the rest is looked at, and kept nowhere.
                if operations.len() <= WS_OPERATIONS_MAX {
                    operations.push(bytes);
                }
            }
            let operations = checked(operations)?;
            Frame::Many(operations.into_iter().map(parse_operation).collect())
        }
        _ => Frame::One(parse_operation(item(&mut decoder)?)),
    };
    if decoder.position() < frame.len() {
        let at = decoder.position();
        return Err(Refusal::BadRequest(format!(
            "the frame is not understood: there is more behind its end, at byte {at}"
        )));
    }
    Ok(parsed)
}

/// Whether there is another entry of a list or map, whose length was given or not.
fn has_next(decoder: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, Refusal> {
    match left {
        Some(0) => Ok(false),
        Some(left) => {
            *left -= 1;
            Ok(true)
        }
        None if decoder.datatype().map_err(wrong)? == Type::Break => {
            decoder.set_position(decoder.position() + 1);
            Ok(false)
        }
        None => Ok(true),
    }
}

/// The next item, whole and well-formed.
fn item<'a>(decoder: &mut Decoder<'a>) -> Result<&'a [u8], Refusal> {
    let start = decoder.position();
    skip(decoder)?;
    Ok(&decoder.input()[start..decoder.position()])
}

fn wrong(error: impl Display) -> Refusal {
    Refusal::BadRequest(format!("the frame is not understood: {error}"))
}

/// The fields of an operation as they stand there.
#[derive(Default)]
struct Fields<'a> {
    op: Option<&'a [u8]>,
    id: Option<&'a [u8]>,
    filter: Option<&'a [u8]>,
    topic: Option<&'a [u8]>,
    payload: Option<&'a [u8]>,
    qos: Option<&'a [u8]>,
    retain: Option<&'a [u8]>,
    ttl: Option<&'a [u8]>,
    session: Option<&'a [u8]>,
    last: Option<&'a [u8]>,
    keep: Option<&'a [u8]>,
    /// The first that is none of these, or is there twice.
    wrong: Option<String>,
}

impl<'a> Fields<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut decoder = Decoder::new(bytes);
        if !matches!(decoder.datatype().map_err(wrong)?, Type::Map | Type::MapIndef) {
            return Err(wrong("an operation is a map"));
        }
        let mut fields = Self::default();
        let mut left = decoder.map().map_err(wrong)?;
        while has_next(&mut decoder, &mut left)? {
            let name = decoder.str().map_err(|_| wrong("the name of a field is a text string of definite length"))?;
            let value = item(&mut decoder)?;
            let is_new = fields.place(name).is_some_and(|place| place.replace(value).is_none());
            if !is_new {
                fields.wrong.get_or_insert_with(|| shorten(name));
            }
        }
        Ok(fields)
    }

    fn place(&mut self, name: &str) -> Option<&mut Option<&'a [u8]>> {
        Some(match name {
            "op" => &mut self.op,
            "id" => &mut self.id,
            "filter" => &mut self.filter,
            "topic" => &mut self.topic,
            "payload" => &mut self.payload,
            "qos" => &mut self.qos,
            "retain" => &mut self.retain,
            "ttl" => &mut self.ttl,
            "session" => &mut self.session,
            "last" => &mut self.last,
            "keep" => &mut self.keep,
            _ => return None,
        })
    }

    /// Ends an operation that has no other fields than were taken.
    fn done(self, op: &str) -> Result<(), Refusal> {
        let Self { filter, topic, payload, qos, retain, ttl, session, last, keep, wrong: first_wrong, .. } = self;
        let rest = [
            ("filter", filter),
            ("topic", topic),
            ("payload", payload),
            ("qos", qos),
            ("retain", retain),
            ("ttl", ttl),
            ("session", session),
            ("last", last),
            ("keep", keep),
        ];
        let left = rest.into_iter().find(|(_, value)| value.is_some()).map(|(name, _)| name.to_owned());
        match first_wrong.or(left) {
            Some(name) => Err(wrong(format_args!("{op} has no field '{name}', or has it once"))),
            None => Ok(()),
        }
    }
}

fn parse_operation(bytes: &[u8]) -> Operation<'_> {
    let fields = match Fields::read(bytes) {
        Ok(fields) => fields,
        Err(refusal) => return Operation::refused(refusal),
    };
    match fields.id.filter(|id| !is_null(id)).map(parse_id).transpose() {
        Err(refusal) => Operation::refused(refusal),
        Ok(id) => Operation { id: id.map(Cow::Borrowed), request: parse_request(fields) },
    }
}

fn parse_request(mut fields: Fields<'_>) -> Result<Request<'_>, Refusal> {
    let op = text("op", fields.op)?;
    let request = match op {
        "subscribe" => Request::Subscribe(parse_filter(text("filter", fields.filter.take())?)?),
        "unsubscribe" => Request::Unsubscribe(parse_filter(text("filter", fields.filter.take())?)?),
        "get" => Request::Get(parse_topic(text("topic", fields.topic.take())?)?),
        "publish" => {
            let topic = text("topic", fields.topic.take())?;
            let payload = payload_of(fields.payload.take().ok_or_else(|| missing("payload"))?)?;
            let qos = optional("qos", fields.qos.take(), "0, 1 or 2", |value| value.u8())?;
            let retain = optional("retain", fields.retain.take(), "a boolean", |value| value.bool())?;
            let ttl = optional("ttl", fields.ttl.take(), "a number", seconds)?;
            Request::Publish(Publish::checked(topic, payload, qos, retain, ttl)?)
        }
        "ping" => Request::Ping,
        "hello" => {
            let session =
                optional("session", fields.session.take(), "a text string", |value| value.str().map(str::to_owned))?;
            let last = optional("last", fields.last.take(), "a whole number", |value| value.u64())?;
            let keep = optional("keep", fields.keep.take(), "a number", seconds)?;
            Request::Hello(Hello::checked(session, last, keep)?)
        }
        "ack" => {
            let last = optional("last", fields.last.take(), "a whole number", |value| value.u64())?;
            Request::Acknowledge(last.ok_or_else(|| missing("last"))?)
        }
        op => return Err(unknown_op(op)),
    };
    fields.done(op)?;
    Ok(request)
}

fn missing(name: &str) -> Refusal {
    wrong(format_args!("the field '{name}' is missing"))
}

fn text<'a>(name: &str, value: Option<&'a [u8]>) -> Result<&'a str, Refusal> {
    let value = value.ok_or_else(|| missing(name))?;
    Decoder::new(value).str().map_err(|_| wrong(format_args!("{name} must be a text string of definite length")))
}

/// A field that may be missing or null.
fn optional<'a, T>(
    name: &str,
    value: Option<&'a [u8]>,
    what: &str,
    read: impl FnOnce(&mut Decoder<'a>) -> Result<T, minicbor::decode::Error>,
) -> Result<Option<T>, Refusal> {
    match value {
        Some(value) if !is_null(value) => {
            read(&mut Decoder::new(value)).map(Some).map_err(|_| wrong(format_args!("{name} must be {what}")))
        }
        _ => Ok(None),
    }
}

fn seconds(value: &mut Decoder<'_>) -> Result<f64, minicbor::decode::Error> {
    match value.datatype()? {
        Type::U8 | Type::U16 | Type::U32 => value.u32().map(f64::from),
        _ => value.f64(),
    }
}

fn is_null(value: &[u8]) -> bool {
    value == [0xf6]
}

fn parse_id(id: &[u8]) -> Result<&[u8], Refusal> {
    let is_simple = match Decoder::new(id).datatype() {
        Ok(Type::String) => true,
        Ok(kind) => matches!(
            kind,
            Type::U8
                | Type::U16
                | Type::U32
                | Type::U64
                | Type::I8
                | Type::I16
                | Type::I32
                | Type::I64
                | Type::Int
                | Type::F16
                | Type::F32
                | Type::F64
        ),
        Err(_) => false,
    };
    if is_simple && id.len() <= WS_ID_BYTES_MAX { Ok(id) } else { Err(wrong_id()) }
}

#[cfg(test)]
mod tests;
