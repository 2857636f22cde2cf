//! What clients say: `{"op":"subscribe","id":1,"filter":"…"}` and its like, read from one text frame; in CBOR it is read by `cbor`, and
//! means the same.

use std::borrow::Cow;
use std::time::Duration;

use housewire_core::{Filter, Qos, Topic};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::limits::{WS_ID_BYTES_MAX, WS_OPERATIONS_MAX};
use crate::refusal::{Refusal, parse_filter, parse_qos, parse_topic, shorten, shorten_json_error};
use crate::view::json::{Object, list_of, payload_of};

/// An operation that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request<'a> {
    Subscribe(Filter),
    Unsubscribe(Filter),
    Publish(Publish<'a>),
    Get(Topic),
    Ping,
    Hello(Hello),
    Acknowledge(u64),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Publish<'a> {
    pub(super) topic: Topic,
    pub(super) payload: Cow<'a, [u8]>,
    pub(super) qos: Qos,
    pub(super) retain: bool,
    /// Of a request to a device: how long it stays pending.
    pub(super) ttl: Option<Duration>,
}

/// Asks for a session that outlives the connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hello {
    /// The one to go on with, and the last number that came of it.
    pub(super) session: Option<(String, u64)>,
    /// How long it is to wait for its client.
    pub(super) keep: Option<Duration>,
}

/// One operation, with the number to answer under as far as it could be read.
#[derive(Debug)]
pub(super) struct Operation<'a> {
    /// As it came, a string or number in the encoding of its frame.
    pub(super) id: Option<Cow<'a, [u8]>>,
    pub(super) request: Result<Request<'a>, Refusal>,
}

/// What one frame holds.
#[derive(Debug)]
pub(super) enum Frame<'a> {
    One(Operation<'a>),
    Many(Vec<Operation<'a>>),
}

impl<'a> Operation<'a> {
    /// Not understood at all.
    pub(super) fn refused(refusal: Refusal) -> Self {
        Self { id: None, request: Err(refusal) }
    }

    /// Whether its answer stands before what is queued, and so must not wait for answers before it.
    pub(super) fn is_answered_first(&self) -> bool {
        matches!(self.request, Ok(Request::Subscribe(_) | Request::Hello(_)))
    }

    /// Free of the frame that it was read from.
    pub(super) fn into_owned(self) -> Operation<'static> {
        let request = self.request.map(|request| match request {
            Request::Publish(publish) => {
                let payload = Cow::Owned(publish.payload.into_owned());
                Request::Publish(Publish { payload, ..publish })
            }
            Request::Subscribe(filter) => Request::Subscribe(filter),
            Request::Unsubscribe(filter) => Request::Unsubscribe(filter),
            Request::Get(topic) => Request::Get(topic),
            Request::Ping => Request::Ping,
            Request::Hello(hello) => Request::Hello(hello),
            Request::Acknowledge(sequence) => Request::Acknowledge(sequence),
        });
        Operation { id: self.id.map(|id| Cow::Owned(id.into_owned())), request }
    }

    fn parse(text: &'a str) -> Self {
        Self::parse_publish(text).unwrap_or_else(|| Self::parse_any(text))
    }

    /// What most frames are is read at once, if it is written as usual and nothing is wrong with it.
    fn parse_publish(text: &'a str) -> Option<Self> {
        if !text.starts_with(r#"{"op":"publish","#) {
            return None;
        }
        let Object(fields) = serde_json::from_str::<Object<PublishFields<'_>>>(text).ok()?;
        let id = fields.id.map(|id| parse_id(id.get())).transpose().ok()?;
        Some(Self { id: id.map(borrowed), request: fields.check().map(Request::Publish) })
    }

    fn parse_any(text: &'a str) -> Self {
        match fields::<Head<'_>>(text) {
            Err(refusal) => Self::refused(refusal),
            Ok(Head { op, id }) => match id.map(|id| parse_id(id.get())).transpose() {
                Err(refusal) => Self::refused(refusal),
                Ok(id) => Self { id: id.map(borrowed), request: parse(op, text) },
            },
        }
    }
}

impl<'a> Frame<'a> {
    /// From JSON: one operation, or a list of them.
    pub(super) fn parse(text: &'a str) -> Self {
        let is_list = text.bytes().find(|byte| !byte.is_ascii_whitespace()) == Some(b'[');
        if !is_list {
            return Self::One(Operation::parse(text));
        }
        match list_of(text, WS_OPERATIONS_MAX).map_err(|error| wrong(&error)).and_then(checked) {
            Ok(texts) => Self::Many(texts.into_iter().map(|text| Operation::parse(text.get())).collect()),
            Err(refusal) => Self::One(Operation::refused(refusal)),
        }
    }

    pub(super) fn into_owned(self) -> Frame<'static> {
        match self {
            Self::One(operation) => Frame::One(operation.into_owned()),
            Self::Many(operations) => Frame::Many(operations.into_iter().map(Operation::into_owned).collect()),
        }
    }
}

/// A list that makes sense.
pub(super) fn checked<T>(operations: Vec<T>) -> Result<Vec<T>, Refusal> {
    match operations.len() {
        0 => Err(Refusal::BadRequest("the list of operations is empty".into())),
        1..=WS_OPERATIONS_MAX => Ok(operations),
        _ => Err(Refusal::BadRequest(format!(
            "a frame holds at most {WS_OPERATIONS_MAX} operations, and none of these was done: send more frames"
        ))),
    }
}

impl<'a> Publish<'a> {
    pub(super) fn checked(
        topic: &str,
        payload: Cow<'a, [u8]>,
        qos: Option<u8>,
        retain: Option<bool>,
        ttl: Option<f64>,
    ) -> Result<Self, Refusal> {
        let topic = parse_topic(topic)?;
        let ttl = ttl.map(|seconds| parse_ttl(seconds, &topic)).transpose()?;
        Ok(Self { topic, payload, qos: parse_qos(qos)?, retain: retain.unwrap_or(false), ttl })
    }
}

impl Hello {
    pub(super) fn checked(session: Option<String>, last: Option<u64>, keep: Option<f64>) -> Result<Self, Refusal> {
        let session = match (session, last) {
            (Some(session), last) => Some((session, last.unwrap_or(0))),
            (None, None) => None,
            (None, Some(_)) => return Err(Refusal::BadRequest("last belongs to a session: name it".into())),
        };
        Ok(Self { session, keep: keep.map(|seconds| parse_seconds("keep", seconds)).transpose()? })
    }
}

/// Read first and leniently, so that an error in the rest can be answered under its number.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    op: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

/// Names one topic filter, or topic.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FilterFields<'a> {
    #[serde(rename = "op")]
    _op: IgnoredAny,
    #[serde(rename = "id", default)]
    _id: IgnoredAny,
    #[serde(borrow)]
    filter: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GetFields<'a> {
    #[serde(rename = "op")]
    _op: IgnoredAny,
    #[serde(rename = "id", default)]
    _id: IgnoredAny,
    #[serde(borrow)]
    topic: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishFields<'a> {
    #[serde(rename = "op")]
    _op: IgnoredAny,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    topic: Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
    qos: Option<u8>,
    retain: Option<bool>,
    ttl: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HelloFields {
    #[serde(rename = "op")]
    _op: IgnoredAny,
    #[serde(rename = "id", default)]
    _id: IgnoredAny,
    session: Option<String>,
    last: Option<u64>,
    keep: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcknowledgeFields {
    #[serde(rename = "op")]
    _op: IgnoredAny,
    #[serde(rename = "id", default)]
    _id: IgnoredAny,
    last: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoFields {
    #[serde(rename = "op")]
    _op: IgnoredAny,
    #[serde(rename = "id", default)]
    _id: IgnoredAny,
}

fn parse<'a>(op: Option<&RawValue>, text: &'a str) -> Result<Request<'a>, Refusal> {
    let op = op.map(RawValue::get).unwrap_or("null");
    match op {
        "\"subscribe\"" => Ok(Request::Subscribe(parse_filter(&fields::<FilterFields<'_>>(text)?.filter)?)),
        "\"unsubscribe\"" => Ok(Request::Unsubscribe(parse_filter(&fields::<FilterFields<'_>>(text)?.filter)?)),
        "\"publish\"" => fields::<PublishFields<'_>>(text)?.check().map(Request::Publish),
        "\"get\"" => Ok(Request::Get(parse_topic(&fields::<GetFields<'_>>(text)?.topic)?)),
        "\"ping\"" => fields::<NoFields>(text).map(|_| Request::Ping),
        "\"hello\"" => {
            let HelloFields { session, last, keep, .. } = fields(text)?;
            Hello::checked(session, last, keep).map(Request::Hello)
        }
        "\"ack\"" => fields::<AcknowledgeFields>(text).map(|fields| Request::Acknowledge(fields.last)),
        _ => Err(unknown_op(op)),
    }
}

pub(super) fn unknown_op(op: &str) -> Refusal {
    Refusal::BadRequest(format!(
        "op is {}; it must be one of subscribe, unsubscribe, publish, get, ping, hello, ack",
        shorten(op)
    ))
}

fn fields<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Refusal> {
    serde_json::from_str(text).map(|Object(fields)| fields).map_err(|error| wrong(&error))
}

fn wrong(error: &serde_json::Error) -> Refusal {
    Refusal::BadRequest(format!("the frame is not understood: {}", shorten_json_error(error)))
}

fn borrowed(id: &str) -> Cow<'_, [u8]> {
    Cow::Borrowed(id.as_bytes())
}

fn parse_id(id: &str) -> Result<&str, Refusal> {
    let is_simple = id.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit());
    if is_simple && id.len() <= WS_ID_BYTES_MAX { Ok(id) } else { Err(wrong_id()) }
}

pub(super) fn wrong_id() -> Refusal {
    Refusal::BadRequest(format!("id must be a number or a string of at most {WS_ID_BYTES_MAX} bytes"))
}

impl<'a> PublishFields<'a> {
    fn check(self) -> Result<Publish<'a>, Refusal> {
        let payload = payload_of(self.payload).map_err(|error| Refusal::BadRequest(format!("payload: {error}")))?;
        Publish::checked(&self.topic, payload, self.qos, self.retain, self.ttl)
    }
}

fn parse_ttl(seconds: f64, topic: &Topic) -> Result<Duration, Refusal> {
    if !topic.as_str().ends_with("/set") {
        return Err(Refusal::BadRequest("ttl belongs to requests, whose topics end with /set".into()));
    }
    parse_seconds("ttl", seconds)
}

fn parse_seconds(field: &str, seconds: f64) -> Result<Duration, Refusal> {
    const YEAR_SECONDS: f64 = 31_536_000.0;
    if !(0.0..=YEAR_SECONDS).contains(&seconds) {
        return Err(Refusal::BadRequest(format!("{field} must be a number of seconds between 0 and a year")));
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Operation<'_> {
        match Frame::parse(text) {
            Frame::One(operation) => operation,
            Frame::Many(operations) => panic!("{operations:?}"),
        }
    }

    fn request(text: &str) -> Result<Request<'_>, Refusal> {
        one(text).request
    }

    fn publish(topic: &str, payload: &'static str) -> Publish<'static> {
        Publish {
            topic: Topic::parse(topic).unwrap(),
            payload: Cow::Borrowed(payload.as_bytes()),
            qos: Qos::AtMostOnce,
            retain: false,
            ttl: None,
        }
    }

    #[test]
    fn frames_that_are_understood() {
        let filter = Filter::parse("a/#").unwrap();
        for (text, expected) in [
            (r#"{"op":"subscribe","id":1,"filter":"a/#"}"#, Request::Subscribe(filter.clone())),
            (r#"{"filter":"a\/#","op":"unsubscribe"}"#, Request::Unsubscribe(filter)),
            (r#"{"op":"get","topic":"a"}"#, Request::Get(Topic::parse("a").unwrap())),
            (r#"{"op":"ping"}"#, Request::Ping),
            (r#"{"op":"ack","last":7}"#, Request::Acknowledge(7)),
            (r#"{"op":"hello"}"#, Request::Hello(Hello { session: None, keep: None })),
            (
                r#"{"op":"hello","session":null,"keep":1.5}"#,
                Request::Hello(Hello { session: None, keep: Some(Duration::from_millis(1_500)) }),
            ),
            (
                r#"{"op":"hello","session":"x","last":9}"#,
                Request::Hello(Hello { session: Some(("x".into(), 9)), keep: None }),
            ),
            (r#"{"op":"hello","session":"x"}"#, Request::Hello(Hello { session: Some(("x".into(), 0)), keep: None })),
            (r#"{"op":"publish","topic":"a","payload":"on"}"#, Request::Publish(publish("a", "on"))),
            (r#"{"op":"publish","topic":"a","payload":null}"#, Request::Publish(publish("a", "null"))),
            (r#"{"op":"publish","topic":"a","payload":[1, 2],"qos":null}"#, Request::Publish(publish("a", "[1,2]"))),
            (
                r#"{"op":"publish","topic":"devices/a/b/set","payload":1,"qos":2,"retain":true,"ttl":1.5}"#,
                Request::Publish(Publish {
                    qos: Qos::ExactlyOnce,
                    retain: true,
                    ttl: Some(Duration::from_millis(1_500)),
                    ..publish("devices/a/b/set", "1")
                }),
            ),
        ] {
            assert_eq!(request(text).unwrap(), expected, "{text}");
            assert_eq!(one(text).into_owned().request.unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn frames_that_are_refused() {
        for text in [
            "",
            "[]",
            "7",
            "{",
            "{}",
            r#"{"op":"dance"}"#,
            r#"{"op":7}"#,
            r#"{"op":"subscribe"}"#,
            r#"{"op":"subscribe","filter":7}"#,
            r#"{"op":"ping","filter":"a"}"#,
            r#"{"op":"ping","id":[1]}"#,
            r#"{"op":"publish","topic":"a"}"#,
            r#"{"op":"publish","payload":1}"#,
            r#"{"op":"publish","topic":"a","payload":1,"qos":3}"#,
            r#"{"op":"publish","topic":"a","payload":1,"qos":"1"}"#,
            r#"{"op":"publish","topic":"a","payload":1,"retain":"yes"}"#,
            r#"{"op":"publish","topic":"a","payload":1,"colour":"red"}"#,
            r#"{"op":"publish","topic":"a","payload":1,"ttl":5}"#,
            r#"{"op":"publish","topic":"a/b/c/set","payload":1,"ttl":-5}"#,
            r#"{"op":"publish","topic":"a","payload":"\ud800"}"#,
            r#"{"op":"hello","last":1}"#,
            r#"{"op":"hello","session":7}"#,
            r#"{"op":"hello","session":"x","last":-1}"#,
            r#"{"op":"hello","keep":-1}"#,
            r#"{"op":"hello","keep":"60s"}"#,
            r#"{"op":"ack"}"#,
            r#"{"op":"ack","last":1.5}"#,
            "[",
            "[1",
            r#"[{"op":"ping"},]"#,
        ] {
            assert!(matches!(request(text), Err(Refusal::BadRequest(_))), "{text}: {:?}", request(text));
        }
        assert!(matches!(request(r#"{"op":"get","topic":"a/+"}"#), Err(Refusal::Topic(..))));
        assert!(matches!(request(r#"{"op":"subscribe","filter":"a/#/b"}"#), Err(Refusal::Filter(..))));
        assert!(request(&"[".repeat(20_000)).is_err());
    }

    #[test]
    fn numbers_come_back_whatever_else_is_wrong() {
        for (text, id) in [
            (r#"{"op":"dance","id":42}"#, Some("42")),
            (r#"{"op":"publish","id":"my \"id\"","colour":1}"#, Some(r#""my \"id\"""#)),
            (r#"{"id":-1.5}"#, Some("-1.5")),
            (r#"{"op":"ping","id":null}"#, None),
            (r#"{"op":"ping"}"#, None),
            (r#"{"op":"ping","id":{}}"#, None),
            (r#"{"id":42"#, None),
        ] {
            assert_eq!(one(text).into_owned().id.as_deref(), id.map(str::as_bytes), "{text}");
        }
        let long = format!("{{\"op\":\"ping\",\"id\":\"{}\"}}", "x".repeat(WS_ID_BYTES_MAX));
        assert!(request(&long).is_err());
    }

    #[test]
    fn lists_are_done_one_by_one() {
        let text = r#" [{"op":"ping","id":1}, 7, {"op":"dance","id":"x"},[],{"op":"get","topic":"a"}]"#;
        let Frame::Many(operations) = Frame::parse(text).into_owned() else { panic!("a list") };
        let seen: Vec<_> = operations.iter().map(|have| (have.id.as_deref(), have.request.is_ok())).collect();
        let (one, x): (&[u8], &[u8]) = (b"1", b"\"x\"");
        assert_eq!(seen, [(Some(one), true), (None, false), (Some(x), false), (None, false), (None, true)]);
        let many = |len| format!("[{}]", vec![r#"{"op":"ping"}"#; len].join(","));
        let text = many(WS_OPERATIONS_MAX);
        assert!(matches!(Frame::parse(&text), Frame::Many(operations) if operations.len() == WS_OPERATIONS_MAX));
        let refused = request(&many(WS_OPERATIONS_MAX + 1)).unwrap_err().to_string();
        assert!(refused.contains("at most"), "{refused}");
    }

    #[test]
    fn errors_say_where() {
        let error = request(&format!("{{\"op\":\"publish\",\"{}\":1}}", "x".repeat(5_000))).unwrap_err().to_string();
        assert!(error.len() < 300 && error.contains("at line 1 column"), "{error}");
    }
}
