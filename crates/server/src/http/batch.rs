//! Many reads and writes in one request (`POST /api/batch`), each with a status of its own.
//!
//! Entries are done in order, each as if it had come alone; what has to be on disk is waited for once, behind the last.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use housewire_core::{Denied, DeviceId, Presence, Properties, PropertyName, Publisher, Qos, Topic};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::aside::aside;
use crate::caller::Caller;
use crate::http::body::Upload;
use crate::http::describe::{BatchEntry, BatchResult, BodyAnswers};
use crate::http::path::PropertyPath;
use crate::http::problem::Problem;
use crate::http::{devices, property};
use crate::limits::{
    BATCH_ANSWER_BYTES_MAX, BATCH_ITEMS_AT_ONCE, BATCH_ITEMS_MAX, JSON_BYTES_AT_ONCE, WS_ID_BYTES_MAX,
};
use crate::persist::Due;
use crate::publish::{Publication, publish};
use crate::refusal::{Refusal, parse_qos, parse_topic, shorten, shorten_json_error};
use crate::shard;
use crate::view::json::{Object, payload_of};
use crate::view::message::write_kept;

/// `POST /api/batch`
#[utoipa::path(
    post, path = "/api/batch", operation_id = "runBatch", tag = "Values",
    summary = "Does many reads and writes in one request",
    description = "Entries are done in order, each as if it had come alone; what becomes of one stops no other. What has to be on disk is waited for \
                   once.",
    request_body(
        content = [BatchEntry], description = "What is to be done.",
        example = json!([
            {"op": "report", "device": "lamp", "property": "level", "payload": 40},
            {"op": "get", "topic": "devices/lamp/level", "id": "after"}
        ]),
    ),
    responses((status = 200, description = "What became of each, in order.", body = [BatchResult]), BodyAnswers),
)]
pub(crate) async fn run(caller: Caller, upload: Upload) -> Result<Response, Problem> {
    let entries = if upload.bytes.len() <= JSON_BYTES_AT_ONCE {
        read(&upload.bytes)?
    } else {
        let body = upload.bytes.clone();
        aside(move || read(&body)).await?
    };
    let mut batch = Batch::new(&caller);
    for (number, entry) in entries.into_iter().enumerate() {
        if number > 0 && number % BATCH_ITEMS_AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
        let Entry { id, order } = entry;
        let outcome = match order {
            Ok(order) => batch.carry_out(order),
            Err(refusal) => Err(refusal.into()),
        };
        batch.done.push((id, outcome));
    }
    batch.settle().await;
    Ok(([(header::CONTENT_TYPE, "application/json")], batch.into_json()).into_response())
}

/// One entry as it was read, with what to call it in the answer.
struct Entry {
    id: Option<Box<RawValue>>,
    order: Result<Order, Refusal>,
}

/// What is to be done.
#[derive(Debug)]
enum Order {
    Publish { topic: Topic, payload: Vec<u8>, qos: Qos, retain: bool, properties: Properties },
    Request { path: PropertyPath, payload: Vec<u8>, qos: Qos, ttl: Option<Duration> },
    GetTopic(Topic),
    GetProperty(PropertyPath),
    GetDevice(DeviceId),
}

/// What became of an entry.
enum Outcome {
    /// Nothing more to say.
    Done(StatusCode),
    /// Will be done when the disk has it.
    Safe(StatusCode, Due),
    Shown(Vec<u8>),
}

/// The entries of a body, each by itself: one that makes no sense does not stop the others.
fn read(body: &[u8]) -> Result<Vec<Entry>, Problem> {
    let wrong = |error| {
        let error = shorten_json_error(&error);
        Problem::bad_request(format!(
            "The body must be a JSON array of entries such as {{\"op\":\"get\",\"topic\":\"a\"}}: {error}."
        ))
    };
    let texts: Vec<&RawValue> = serde_json::from_slice(body).map_err(wrong)?;
    if texts.len() > BATCH_ITEMS_MAX {
        let detail =
            format!("A batch has at most {BATCH_ITEMS_MAX} entries, and this one has {}: send several.", texts.len());
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail));
    }
    Ok(texts.into_iter().map(read_entry).collect())
}

fn read_entry(text: &RawValue) -> Entry {
    match serde_json::from_str::<Object<Fields<'_>>>(text.get()) {
        Err(error) => {
            let what = shorten_json_error(&error);
            // As far as it can be read, so that the answer can be told from the others'.
            let id = serde_json::from_str::<IdOnly>(text.get()).ok().and_then(|entry| entry.id).filter(|id| is_id(id));
            Entry { id, order: Err(Refusal::BadRequest(format!("the entry is not understood: {what}"))) }
        }
        Ok(Object(mut fields)) => {
            let id = fields.id.take();
            match id {
                Some(id) if !is_id(&id) => {
                    let what = format!("id must be a number or a string of at most {WS_ID_BYTES_MAX} bytes");
                    Entry { id: None, order: Err(Refusal::BadRequest(what)) }
                }
                id => Entry { id, order: fields.into_order() },
            }
        }
    }
}

fn is_id(id: &RawValue) -> bool {
    id.get().starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) && id.get().len() <= WS_ID_BYTES_MAX
}

#[derive(Deserialize)]
struct IdOnly {
    id: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    #[serde(borrow)]
    op: Cow<'a, str>,
    id: Option<Box<RawValue>>,
    #[serde(borrow)]
    topic: Option<Cow<'a, str>>,
    #[serde(borrow)]
    device: Option<Cow<'a, str>>,
    #[serde(borrow)]
    property: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    qos: Option<u8>,
    retain: Option<bool>,
    ttl: Option<f64>,
}

/// The fields that an entry may have beside `op` and `id`, and those that it must have.
const OPS: [(&str, &[&str], &[&str]); 5] = [
    ("publish", &["topic", "payload", "qos", "retain", "ttl"], &["topic", "payload"]),
    ("report", &["device", "property", "payload", "qos"], &["device", "property", "payload"]),
    ("request", &["device", "property", "payload", "qos", "ttl"], &["device", "property", "payload"]),
    ("clear", &["topic", "qos"], &["topic"]),
    ("get", &["topic", "device", "property"], &[]),
];

impl Fields<'_> {
    fn into_order(self) -> Result<Order, Refusal> {
        self.check()?;
        match &*self.op {
            "publish" => {
                let topic = self.topic()?;
                let expiry = self.ttl()?;
                if expiry.is_some() && !topic.as_str().ends_with("/set") {
                    return Err(Refusal::BadRequest("ttl belongs to requests, whose topics end with /set".into()));
                }
                let retain = self.retain.unwrap_or(false);
                let properties = Properties { expiry, ..Properties::default() };
                Ok(Order::Publish { topic, payload: self.payload()?, qos: parse_qos(self.qos)?, retain, properties })
            }
            "report" => {
                let (topic, qos) = (self.path()?.topic(""), parse_qos(self.qos)?);
                let properties = Properties::default();
                Ok(Order::Publish { topic, payload: self.payload()?, qos, retain: true, properties })
            }
            "clear" => {
                let (topic, qos) = (self.topic()?, parse_qos(self.qos)?);
                let properties = Properties::default();
                Ok(Order::Publish { topic, payload: Vec::new(), qos, retain: true, properties })
            }
            "request" => {
                let (path, payload) = (self.path()?, self.payload()?);
                Ok(Order::Request { path, payload, qos: parse_qos(self.qos)?, ttl: self.ttl()? })
            }
            _ => match (&self.topic, &self.device, &self.property) {
                (Some(_), None, None) => Ok(Order::GetTopic(self.topic()?)),
                (None, Some(_), Some(_)) => Ok(Order::GetProperty(self.path()?)),
                (None, Some(device), None) => Ok(Order::GetDevice(DeviceId::parse(device)?)),
                _ => Err(Refusal::BadRequest("get takes topic, or device, or device and property".into())),
            },
        }
    }

    /// Whether the op is one, and has what it needs and nothing else.
    fn check(&self) -> Result<(), Refusal> {
        let Some((op, known, needed)) = OPS.into_iter().find(|(op, ..)| *op == self.op) else {
            let ops = OPS.map(|(op, ..)| op).join(", ");
            return Err(Refusal::BadRequest(format!("op is {}; it must be one of {ops}", shorten(&self.op))));
        };
        let given = [
            ("topic", self.topic.is_some()),
            ("device", self.device.is_some()),
            ("property", self.property.is_some()),
            ("payload", self.payload.is_some()),
            ("qos", self.qos.is_some()),
            ("retain", self.retain.is_some()),
            ("ttl", self.ttl.is_some()),
        ];
        for (name, is_given) in given {
            if is_given && !known.contains(&name) {
                return Err(Refusal::BadRequest(format!("{op} takes no {name}")));
            }
            if !is_given && needed.contains(&name) {
                return Err(Refusal::BadRequest(format!("{op} needs {name}")));
            }
        }
        Ok(())
    }

    fn topic(&self) -> Result<Topic, Refusal> {
        parse_topic(self.topic.as_deref().unwrap_or_default())
    }

    fn path(&self) -> Result<PropertyPath, Refusal> {
        let device = DeviceId::parse(self.device.as_deref().unwrap_or_default())?;
        let property = PropertyName::parse(self.property.as_deref().unwrap_or_default())?;
        Ok(PropertyPath { device, property })
    }

    fn payload(&self) -> Result<Vec<u8>, Refusal> {
        let payload = self.payload.map(payload_of).transpose();
        let payload = payload.map_err(|error| Refusal::BadRequest(format!("payload: {error}")))?;
        Ok(payload.unwrap_or_default().into_owned())
    }

    fn ttl(&self) -> Result<Option<Duration>, Refusal> {
        const YEAR_SECONDS: f64 = 31_536_000.0;
        match self.ttl {
            Some(seconds) if !(0.0..=YEAR_SECONDS).contains(&seconds) => {
                Err(Refusal::BadRequest("ttl must be a number of seconds between 0 and a year".into()))
            }
            ttl => Ok(ttl.map(Duration::from_secs_f64)),
        }
    }
}

/// An entry's name, and what became of it.
type Done = (Option<Box<RawValue>>, Result<Outcome, Problem>);

/// A batch that is being done.
struct Batch<'c> {
    caller: &'c Caller,
    publisher: Publisher,
    done: Vec<Done>,
    shown_bytes: usize,
}

impl<'c> Batch<'c> {
    fn new(caller: &'c Caller) -> Self {
        let publisher = caller.publisher(caller.session, "http", Presence::Momentary);
        Self { caller, publisher, done: Vec::new(), shown_bytes: 0 }
    }

    fn carry_out(&mut self, order: Order) -> Result<Outcome, Problem> {
        match order {
            Order::Publish { topic, payload, qos, retain, properties } => {
                let publication = Publication { topic: &topic, payload: &payload, qos, retain, properties };
                self.publish(publication, StatusCode::NO_CONTENT)
            }
            Order::Request { path, payload, qos, ttl } => {
                let topic = path.topic("/set");
                property::must_be_askable(self.caller, &path, &topic)?;
                let properties = Properties { expiry: ttl, ..Properties::default() };
                let publication = Publication { topic: &topic, payload: &payload, qos, retain: false, properties };
                self.publish(publication, StatusCode::ACCEPTED)
            }
            Order::GetTopic(topic) => {
                let message = self.caller.hub().get(self.caller.principal(), topic.borrow(), shard::now())?;
                let message = message.ok_or_else(|| Refusal::NotFound(format!("Nothing is kept under '{topic}'.")))?;
                self.show(message.payload.len(), |out| {
                    write_kept(&message, out);
                    Ok(())
                })
            }
            Order::GetProperty(path) => self.show(0, |out| {
                out.extend(property::state(self.caller, &path)?);
                Ok(())
            }),
            Order::GetDevice(id) => self.show(0, |out| {
                out.extend(devices::state(self.caller, &id)?);
                Ok(())
            }),
        }
    }

    fn publish(&self, publication: Publication<'_>, status: StatusCode) -> Result<Outcome, Problem> {
        Ok(match publish(&self.publisher, publication)? {
            Some(due) => Outcome::Safe(status, due),
            None => Outcome::Done(status),
        })
    }

    /// What is read goes into the answer, as long as there is room.
    fn show(
        &mut self,
        bytes_at_least: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), Refusal>,
    ) -> Result<Outcome, Problem> {
        let full = || {
            let detail = format!(
                "The answers of this batch have {BATCH_ANSWER_BYTES_MAX} bytes already: ask for this one by itself."
            );
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
        };
        if self.shown_bytes + bytes_at_least > BATCH_ANSWER_BYTES_MAX {
            return Err(full());
        }
        let mut shown = Vec::new();
        write(&mut shown)?;
        if self.shown_bytes + shown.len() > BATCH_ANSWER_BYTES_MAX {
            return Err(full());
        }
        self.shown_bytes += shown.len();
        Ok(Outcome::Shown(shown))
    }

    /// Waits until the disk has what it must have; if it refuses, that is what became of those entries.
    async fn settle(&mut self) {
        let due = self.done.iter().filter_map(|(_, outcome)| match outcome {
            Ok(Outcome::Safe(_, due)) => Some(*due),
            _ => None,
        });
        let Some(due) = due.reduce(Due::and) else { return };
        let reached = self.caller.shard.durability.reached(due).await;
        for (_, outcome) in &mut self.done {
            if let Ok(Outcome::Safe(status, _)) = outcome {
                *outcome = match reached {
                    Ok(()) => Ok(Outcome::Done(*status)),
                    Err(_) => Err(Denied::DiskFailing.into()),
                };
            }
        }
    }

    fn into_json(self) -> Vec<u8> {
        let mut out = b"[".to_vec();
        for (number, (id, outcome)) in self.done.into_iter().enumerate() {
            out.extend_from_slice(if number > 0 { b",{" } else { b"{" });
            if let Some(id) = id {
                out.extend_from_slice(b"\"id\":");
                out.extend_from_slice(id.get().as_bytes());
                out.push(b',');
            }
            match outcome {
                Ok(Outcome::Done(status) | Outcome::Safe(status, _)) => {
                    out.extend_from_slice(format!("\"status\":{}", status.as_u16()).as_bytes());
                }
                Ok(Outcome::Shown(shown)) => {
                    out.extend_from_slice(b"\"status\":200,\"body\":");
                    out.extend_from_slice(&shown);
                }
                Err(problem) => {
                    out.extend_from_slice(format!("\"status\":{},\"problem\":", problem.status().as_u16()).as_bytes());
                    out.extend_from_slice(&problem.body(None));
                }
            }
            out.push(b'}');
        }
        out.push(b']');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(text: &str) -> Result<Order, Refusal> {
        let entries = read(format!("[{text}]").as_bytes()).ok().unwrap();
        entries.into_iter().next().unwrap().order
    }

    #[test]
    fn entries_that_are_understood() {
        for text in [
            r#"{"op":"publish","topic":"a","payload":1}"#,
            r#"{"op":"publish","topic":"devices/a/b/set","payload":{"x":1},"qos":2,"retain":true,"ttl":1.5,"id":7}"#,
            r#"{"op":"report","device":"lamp","property":"power","payload":true,"qos":1}"#,
            r#"{"op":"request","device":"lamp","property":"power","payload":"on","ttl":5}"#,
            r#"{"op":"clear","topic":"a","id":"x"}"#,
            r#"{"op":"get","topic":"a"}"#,
            r#"{"op":"get","device":"lamp"}"#,
            r#"{"op":"get","device":"lamp","property":"power"}"#,
        ] {
            assert!(order(text).is_ok(), "{text}: {:?}", order(text).err());
        }
    }

    #[test]
    fn entries_that_are_refused_say_why() {
        for (text, why) in [
            ("7", "object"),
            ("{}", "op"),
            (r#"{"op":"dance"}"#, "publish, report, request, clear, get"),
            (r#"{"op":"publish","topic":"a"}"#, "payload"),
            (r#"{"op":"publish","topic":"a","payload":1,"device":"d"}"#, "device"),
            (r#"{"op":"publish","topic":"a","payload":1,"qos":3}"#, "qos"),
            (r#"{"op":"publish","topic":"a","payload":1,"ttl":3}"#, "ttl"),
            (r#"{"op":"publish","topic":"a","payload":1,"colour":1}"#, "colour"),
            (r#"{"op":"publish","topic":"a/#","payload":1}"#, "topic"),
            (r#"{"op":"report","device":"bad name","property":"p","payload":1}"#, "bad name"),
            (r#"{"op":"request","device":"d","property":"p","payload":1,"ttl":-1}"#, "ttl"),
            (r#"{"op":"clear","topic":"a","payload":1}"#, "payload"),
            (r#"{"op":"get"}"#, "topic"),
            (r#"{"op":"get","property":"p"}"#, "device"),
            (r#"{"op":"get","topic":"a","id":[1]}"#, "id"),
        ] {
            let refusal = order(text).unwrap_err().to_string();
            assert!(refusal.contains(why), "{text}: {refusal}");
        }
    }

    #[test]
    fn names_come_back_whatever_else_is_wrong() {
        let id = |text: &str| read(text.as_bytes()).ok().unwrap().remove(0).id.map(|id| id.get().to_owned());
        assert_eq!(id(r#"[{"op":"dance","id":"a \"b\""}]"#).unwrap(), r#""a \"b\"""#);
        assert_eq!(id(r#"[{"id":-7,"colour":1}]"#).unwrap(), "-7");
        assert_eq!(id(r#"[{"id":{},"op":"get"}]"#), None);
    }

    #[test]
    fn what_is_no_batch() {
        for body in ["", "{}", "7", "[", "[1,]"] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
        let many = |count: usize| format!("[{}]", vec!["7"; count].join(","));
        assert!(read(many(BATCH_ITEMS_MAX).as_bytes()).is_ok() && read(many(BATCH_ITEMS_MAX + 1).as_bytes()).is_err());
    }
}
