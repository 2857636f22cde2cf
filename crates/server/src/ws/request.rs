//! What clients say: `{"op":"subscribe","id":1,"filter":"…"}` and its like, read from one text frame.

use std::borrow::Cow;
use std::time::Duration;

use housewire_core::{Filter, Qos, Topic};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::limits::WS_ID_BYTES_MAX;
use crate::refusal::{Refusal, parse_filter, parse_qos, parse_topic, shorten, shorten_json_error};
use crate::view::json::{Object, payload_of};

/// A frame that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request<'a> {
    Subscribe(Filter),
    Unsubscribe(Filter),
    Publish(Publish<'a>),
    Get(Topic),
    Ping,
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

/// A frame, with the number to answer under as far as it could be read.
pub(super) struct Frame<'a> {
    /// As it came, a JSON string or number.
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) request: Result<Request<'a>, Refusal>,
}

impl Frame<'_> {
    /// Free of the text that it was read from.
    pub(super) fn into_owned(self) -> Frame<'static> {
        let request = self.request.map(|request| match request {
            Request::Publish(publish) => {
                let payload = Cow::Owned(publish.payload.into_owned());
                Request::Publish(Publish { payload, ..publish })
            }
            Request::Subscribe(filter) => Request::Subscribe(filter),
            Request::Unsubscribe(filter) => Request::Unsubscribe(filter),
            Request::Get(topic) => Request::Get(topic),
            Request::Ping => Request::Ping,
        });
        Frame { id: self.id.map(|id| Cow::Owned(id.into_owned())), request }
    }
}

impl<'a> Frame<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        Self::parse_publish(text).unwrap_or_else(|| Self::parse_any(text))
    }

    /// What most frames are is read at once, if it is written as usual and nothing is wrong with it.
    fn parse_publish(text: &'a str) -> Option<Self> {
        if !text.starts_with(r#"{"op":"publish","#) {
            return None;
        }
        let Object(fields) = serde_json::from_str::<Object<PublishFields<'_>>>(text).ok()?;
        let id = fields.id.map(|id| parse_id(id.get())).transpose().ok()?;
        Some(Self { id: id.map(Cow::Borrowed), request: fields.check().map(Request::Publish) })
    }

    fn parse_any(text: &'a str) -> Self {
        match fields::<Head<'_>>(text) {
            Err(refusal) => Self { id: None, request: Err(refusal) },
            Ok(Head { op, id }) => match id.map(|id| parse_id(id.get())).transpose() {
                Err(refusal) => Self { id: None, request: Err(refusal) },
                Ok(id) => Self { id: id.map(Cow::Borrowed), request: parse(op, text) },
            },
        }
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
        _ => Err(Refusal::BadRequest(format!(
            "op is {}; it must be one of subscribe, unsubscribe, publish, get, ping",
            shorten(op)
        ))),
    }
}

fn fields<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Refusal> {
    serde_json::from_str(text).map(|Object(fields)| fields).map_err(|error| wrong(&error))
}

fn wrong(error: &serde_json::Error) -> Refusal {
    Refusal::BadRequest(format!("the frame is not understood: {}", shorten_json_error(error)))
}

fn parse_id(id: &str) -> Result<&str, Refusal> {
    let is_simple = id.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit());
    if is_simple && id.len() <= WS_ID_BYTES_MAX {
        Ok(id)
    } else {
        Err(Refusal::BadRequest(format!("id must be a number or a string of at most {WS_ID_BYTES_MAX} bytes")))
    }
}

impl<'a> PublishFields<'a> {
    fn check(self) -> Result<Publish<'a>, Refusal> {
        let topic = parse_topic(&self.topic)?;
        let payload = payload_of(self.payload).map_err(|error| Refusal::BadRequest(format!("payload: {error}")))?;
        let ttl = self.ttl.map(|seconds| parse_ttl(seconds, &topic)).transpose()?;
        Ok(Publish { topic, payload, qos: parse_qos(self.qos)?, retain: self.retain.unwrap_or(false), ttl })
    }
}

fn parse_ttl(seconds: f64, topic: &Topic) -> Result<Duration, Refusal> {
    const YEAR_SECONDS: f64 = 31_536_000.0;
    if !topic.as_str().ends_with("/set") {
        return Err(Refusal::BadRequest("ttl belongs to requests, whose topics end with /set".into()));
    }
    if !(0.0..=YEAR_SECONDS).contains(&seconds) {
        return Err(Refusal::BadRequest("ttl must be a number of seconds between 0 and a year".into()));
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Result<Request<'_>, Refusal> {
        Frame::parse(text).request
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
            assert_eq!(Frame::parse(text).into_owned().request.unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn frames_that_are_refused() {
        for text in [
            "",
            "[]",
            r#"["ping",1]"#,
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
            assert_eq!(Frame::parse(text).into_owned().id.as_deref(), id, "{text}");
        }
        let long = format!("{{\"op\":\"ping\",\"id\":\"{}\"}}", "x".repeat(WS_ID_BYTES_MAX));
        assert!(Frame::parse(&long).request.is_err());
    }

    #[test]
    fn errors_say_where() {
        let error = request(&format!("{{\"op\":\"publish\",\"{}\":1}}", "x".repeat(5_000))).unwrap_err().to_string();
        assert!(error.len() < 300 && error.contains("at line 1 column"), "{error}");
    }
}
