//! What the AsyncAPI document says of frames. `request` reads and `reply` writes them by hand; that both do as is said here is
//! tested with the examples below, and end to end.

use housewire_core::Qos;
use serde_json::{Value, json};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::limits::WS_ID_BYTES_MAX;
use crate::view::schema::{KeptMessage, Payload};

/// A kind of frame.
pub(crate) struct FrameSchema {
    pub(crate) name: &'static str,
    /// What it says, or asks for.
    pub(crate) summary: &'static str,
    pub(crate) schema: RefOr<Schema>,
    pub(crate) example: Value,
    /// Which frames answer it, if a client sends it; an `error` always may.
    pub(crate) answers: &'static [&'static str],
}

/// What a client may send.
pub(crate) fn requests() -> Vec<FrameSchema> {
    vec![
        frame::<Subscribe>(
            "subscribe",
            "Messages that match are sent from now on; what is stored comes first.",
            json!({ "op": "subscribe", "id": 1, "filter": "devices/#" }),
            &["ok"],
        ),
        frame::<Subscribe>(
            "unsubscribe",
            "Ends a subscription.",
            json!({ "op": "unsubscribe", "id": 2, "filter": "devices/#" }),
            &["ok"],
        ),
        frame::<Publish>(
            "publish",
            "Publishes a message.",
            json!({ "op": "publish", "id": 3, "topic": "devices/lamp/power/set", "payload": true, "qos": 1, "ttl": 30 }),
            &["ok"],
        ),
        frame::<Get>(
            "get",
            "Reads a device's last value, or the retained message.",
            json!({ "op": "get", "id": 4, "topic": "devices/lamp/power" }),
            &["value"],
        ),
        frame::<Hello>(
            "hello",
            "Begins a session, or goes on with one. Comes first, once in a connection.",
            json!({ "op": "hello", "id": 1, "keep": 120 }),
            &["session"],
        ),
        frame::<Acknowledge>(
            "ack",
            "Says up to which number messages of the session have arrived.",
            json!({ "op": "ack", "id": 5, "last": 0 }),
            &["ok"],
        ),
        frame::<Ping>("ping", "Is answered.", json!({ "op": "ping", "id": "are you there" }), &["ok"]),
    ]
}

/// What the hub sends.
pub(crate) fn replies() -> Vec<FrameSchema> {
    vec![
        frame::<Ok>("ok", "What was asked for is done.", json!({ "op": "ok", "id": 1 }), &[]),
        frame_of::<Found>(
            "value",
            "ok",
            "What `get` asked for.",
            json!({ "op": "ok", "id": 4, "payload": true, "time": "2026-11-22T09:00:01Z" }),
            &[],
        ),
        frame_of::<Session>(
            "session",
            "ok",
            "Answers `hello`.",
            json!({ "op": "ok", "id": 1, "session": "4f1TqTg9yQmX2hOq7cWvJ8sLkR0aZbNe", "resumed": false, "lost": 0, "keep": 120 }),
            &[],
        ),
        frame::<Error>(
            "error",
            "What was asked for is refused. The connection goes on.",
            json!({ "op": "error", "id": 3, "code": "rejected", "message": "…" }),
            &[],
        ),
        frame::<KeptMessage>(
            "message",
            "A message that matches a subscription.",
            json!({
                "op": "message", "topic": "devices/lamp/power", "payload": true, "retain": false, "time": "2026-11-22T09:00:01Z",
                "via": "mqtt"
            }),
            &[],
        ),
        frame::<Lost>(
            "lost",
            "So many messages are missing here, as the client did not keep up.",
            json!({ "op": "lost", "count": 3 }),
            &[],
        ),
    ]
}

/// The fields of a message, which an event of an event stream has, too.
pub(crate) fn message() -> RefOr<Schema> {
    KeptMessage::schema()
}

/// The fields of what says how many are missing.
pub(crate) fn lost() -> RefOr<Schema> {
    Lost::schema()
}

fn frame<T: ToSchema>(
    op: &'static str,
    summary: &'static str,
    example: Value,
    answers: &'static [&'static str],
) -> FrameSchema {
    frame_of::<T>(op, op, summary, example, answers)
}

/// The schema of the fields, with the field that says what it is.
fn frame_of<T: ToSchema>(
    name: &'static str,
    op: &'static str,
    summary: &'static str,
    example: Value,
    answers: &'static [&'static str],
) -> FrameSchema {
    let mut schema = T::schema();
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        if name == "message" {
            let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
            let number =
                number.description(Some("In a session, of messages of QoS 1 and 2: 1, 2, 3 …, none left out."));
            object.properties.insert("seq".into(), number.into());
        }
        let op = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([op]));
        object.properties.insert("op".into(), op.into());
        object.required.insert(0, "op".into());
    }
    FrameSchema { name, summary, schema, example, answers }
}

/// A number, or a string of up to 128 bytes, which comes back in the answer.
fn id() -> OneOfBuilder {
    // Two quotes belong to it.
    let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(WS_ID_BYTES_MAX - 2));
    let number = ObjectBuilder::new().schema_type(Type::Number);
    let none = ObjectBuilder::new().schema_type(Type::Null);
    let any = OneOfBuilder::new().item(number).item(text).item(none);
    any.description(Some("Comes back in the answer."))
}

/// 0, 1 or 2.
fn qos() -> ObjectBuilder {
    let words = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce].map(|qos| Value::from(qos as u8)).into_iter();
    let words = words.chain([Value::Null]);
    let kind = SchemaType::from_iter([Type::Integer, Type::Null]);
    ObjectBuilder::new().schema_type(kind).enum_values(Some(words)).description(Some("0 if it is not said."))
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
struct Subscribe {
    #[schema(schema_with = id, required = false)]
    id: Option<String>,
    /// With `+` and `#` as in MQTT.
    #[schema(min_length = 1)]
    filter: String,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
struct Publish {
    #[schema(schema_with = id, required = false)]
    id: Option<String>,
    #[schema(min_length = 1)]
    topic: String,
    #[schema(schema_with = Payload::schema)]
    payload: String,
    #[schema(schema_with = qos, required = false)]
    qos: Option<u8>,
    /// Whether it is kept for those who come later.
    retain: Option<bool>,
    /// Of a request, whose topic ends with `/set`: for how many seconds it stays pending.
    #[schema(minimum = 0, maximum = 31_536_000)]
    ttl: Option<f64>,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
struct Get {
    #[schema(schema_with = id, required = false)]
    id: Option<String>,
    #[schema(min_length = 1)]
    topic: String,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
struct Ping {
    #[schema(schema_with = id, required = false)]
    id: Option<String>,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
struct Hello {
    #[schema(schema_with = id, required = false)]
    id: Option<String>,
    /// The one to go on with.
    session: Option<String>,
    /// The last number that came of it; 0 if none.
    last: Option<u64>,
    /// For how many seconds the session is to wait for its client.
    #[schema(minimum = 0, maximum = 31_536_000)]
    keep: Option<f64>,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
struct Acknowledge {
    #[schema(schema_with = id, required = false)]
    id: Option<String>,
    last: u64,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only described")]
struct Session {
    #[schema(schema_with = id, required = false)]
    id: Option<String>,
    /// A secret, to come back with.
    session: String,
    resumed: bool,
    /// How many messages are no longer there.
    lost: u64,
    /// For how many seconds it waits for its client.
    keep: u64,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only described")]
struct Ok {
    #[schema(schema_with = id, required = false)]
    id: Option<String>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only described")]
struct Found {
    #[schema(schema_with = id, required = false)]
    id: Option<String>,
    #[schema(schema_with = Payload::schema)]
    payload: String,
    #[schema(format = DateTime)]
    time: String,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only described")]
struct Error {
    #[schema(schema_with = id, required = false)]
    id: Option<String>,
    /// For programs.
    #[schema(schema_with = codes)]
    code: String,
    /// What happened, why, and what to do.
    message: String,
}

fn codes() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(CODES))
}

/// What `reply` has for refusals.
pub(super) const CODES: [&str; 9] = [
    "bad_request",
    "invalid_topic",
    "invalid_filter",
    "rejected",
    "forbidden",
    "too_large",
    "not_found",
    "unknown_session",
    "disk_failing",
];

#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only described")]
struct Lost {
    #[schema(minimum = 1)]
    count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::request::Frame;

    fn fields(frame: &FrameSchema) -> Value {
        serde_json::to_value(&frame.schema).unwrap()
    }

    #[test]
    fn what_is_described_is_understood() {
        for frame in requests() {
            let understood = |example: &Value| match Frame::parse(&example.to_string()) {
                Frame::One(operation) => operation.request.is_ok(),
                Frame::Many(_) => false,
            };
            assert!(understood(&frame.example), "{}", frame.name);
            let schema = fields(&frame);
            for field in frame.example.as_object().unwrap().keys() {
                assert!(schema["properties"].get(field).is_some(), "{}: {field} is not described", frame.name);
                let mut less = frame.example.clone();
                less.as_object_mut().unwrap().remove(field);
                let required = schema["required"].as_array().unwrap().contains(&json!(field));
                assert_eq!(understood(&less), !required, "{} without {field}", frame.name);
            }
            let mut more = frame.example.clone();
            more["colour"] = json!("red");
            assert!(!understood(&more), "{}", frame.name);
        }
    }
}
