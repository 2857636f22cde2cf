//! The AsyncAPI document: the frames of `/api/ws`, the events of `/api/events`, and the topics that the hub knows something of, which
//! are the same through every door.
//!
//! AsyncAPI 3 speaks of the application that the document belongs to: what the hub *receives* is what clients send.

use housewire_core::Type;
use serde_json::{Map, Value, json};

use crate::document::openapi::LICENCE;
use crate::document::schemas::schema;
use crate::ws::schema::{FrameSchema, lost, message, replies, requests};

const ABOUT: &str = "\
What goes through WebSockets, event streams and MQTT. A topic means the same through every door: what an MQTT client publishes to \
`devices/lamp/power` is what a WebSocket gets that subscribed to `devices/#`, and what `GET /api/devices/lamp/power` answers.

Receive and send are said of the hub: it receives what clients send. Requests and answers of HTTP are in `/api/openapi.json`.";

/// Makes the document.
pub(super) fn make() -> Value {
    let (requests, replies) = (requests(), replies());
    let mut channels = topic_channels();
    channels.insert("socket".into(), socket(requests.iter().chain(&replies)));
    channels.insert("events".into(), events());
    let mut operations = topic_operations();
    operations.extend(requests.iter().map(request_operation));
    operations.extend(replies.iter().filter(|frame| comes_unasked(frame)).map(reply_operation));
    operations.insert(
        "sendEvent".into(),
        json!({
            "action": "send", "channel": reference("channels", "events"), "title": "Streams messages",
            "messages": [channel_message("events", "event"), channel_message("events", "lost")],
        }),
    );
    let messages = requests.iter().chain(&replies).map(frame_message).chain(event_messages()).chain(topic_messages());
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Housewire", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT, "license": { "name": LICENCE },
        },
        "defaultContentType": "application/json",
        "servers": servers(),
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages.collect::<Map<_, _>>() },
    })
}

fn servers() -> Value {
    let host = |default: &str| json!({ "host": { "description": "The hub, as it is reached from here.", "default": default } });
    let server = |protocol: &str, port: &str, description: &str| {
        json!({
            "host": format!("{{host}}:{port}"), "protocol": protocol, "description": description, "variables": host("localhost"),
        })
    };
    json!({
        "http": server("http", "8080", "The one port: event streams."),
        "ws": server("ws", "8080", "The one port: WebSockets at `/api/ws`. At `/mqtt` they speak MQTT."),
        "mqtt": server("mqtt", "1883", "MQTT 3.1, 3.1.1 and 5; the one port, 8080, speaks it, too."),
    })
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/{kind}/{name}") })
}

fn component(name: &str) -> Value {
    reference("components/messages", name)
}

fn channel_message(channel: &str, name: &str) -> Value {
    reference(&format!("channels/{channel}/messages"), name)
}

fn socket<'a>(frames: impl Iterator<Item = &'a FrameSchema>) -> Value {
    json!({
        "address": "/api/ws",
        "title": "WebSocket",
        "description": "Objects in JSON, or in CBOR with the subprotocol `housewire.v1.cbor`. `op` says what a frame is; the `id` of a request comes back in its \
                        answer. A client may send several requests as a list in one frame.",
        "servers": [reference("servers", "ws")],
        "messages": frames.map(|frame| (frame.name.to_owned(), component(frame.name))).collect::<Map<_, _>>(),
        "bindings": { "ws": { "method": "GET" } },
    })
}

fn frame_message(frame: &FrameSchema) -> (String, Value) {
    let message = json!({
        "name": frame.name,
        "title": format!("Frame: {}", frame.name),
        "summary": frame.summary,
        "payload": schema(frame.schema.clone()),
        "examples": [{ "payload": frame.example }],
    });
    (frame.name.to_owned(), message)
}

fn request_operation(frame: &FrameSchema) -> (String, Value) {
    let answers = frame.answers.iter().chain(&["error"]).map(|answer| channel_message("socket", answer));
    let operation = json!({
        "action": "receive",
        "channel": reference("channels", "socket"),
        "title": frame.summary,
        "messages": [channel_message("socket", frame.name)],
        "reply": { "channel": reference("channels", "socket"), "messages": answers.collect::<Vec<_>>() },
    });
    (format!("receive{}", capital(frame.name)), operation)
}

/// Whether the hub sends it by itself rather than in answer to a frame.
fn comes_unasked(frame: &FrameSchema) -> bool {
    !matches!(frame.name, "ok" | "value" | "session" | "error")
}

fn reply_operation(frame: &FrameSchema) -> (String, Value) {
    let operation = json!({
        "action": "send",
        "channel": reference("channels", "socket"),
        "title": frame.summary,
        "messages": [channel_message("socket", frame.name)],
    });
    (format!("send{}", capital(frame.name)), operation)
}

fn events() -> Value {
    json!({
        "address": "/api/events",
        "title": "Event stream",
        "description": "Server-sent events; `?filter=` says of which topics. First what is stored, then what comes.",
        "servers": [reference("servers", "http")],
        "messages": { "event": component("event"), "lost": component("eventLost") },
        "bindings": { "http": {} },
    })
}

fn event_messages() -> [(String, Value); 2] {
    let event = json!({
        "name": "event", "title": "Event: a message", "summary": "The `data` of an event without a name.", "payload": schema(message()),
    });
    let missing = json!({
        "name": "lost", "title": "Event: lost", "payload": schema(lost()),
        "summary": "The `data` of an event named `lost`: so many messages are missing, as the client did not keep up.",
    });
    [("event".into(), event), ("eventLost".into(), missing)]
}

/// A topic that the hub knows something of.
struct TopicChannel {
    name: &'static str,
    address: &'static str,
    title: &'static str,
    description: &'static str,
    /// Whether clients may publish to it.
    is_received: bool,
    message: &'static str,
}

const TOPICS: [TopicChannel; 8] = [
    TopicChannel {
        name: "report",
        address: "devices/{device}/{property}",
        title: "Report",
        description: "What a device says that a property is. Retained if it was published so. A device or property that is new is registered \
                      by it; what breaks a declared rule is refused.",
        is_received: true,
        message: "propertyValue",
    },
    TopicChannel {
        name: "request",
        address: "devices/{device}/{property}/set",
        title: "Request",
        description: "Somebody asks that a property become something; the device should be subscribed. Publish it without the retain flag.",
        is_received: true,
        message: "propertyValue",
    },
    TopicChannel {
        name: "target",
        address: "devices/{device}/{property}/target",
        title: "Target",
        description: "The request that is pending; empty when it ends. Retained; only the hub writes it.",
        is_received: false,
        message: "propertyTarget",
    },
    TopicChannel {
        name: "online",
        address: "devices/{device}/$online",
        title: "Online",
        description: "Whether a device is there. Retained. The hub writes it, and the device itself, in its will.",
        is_received: true,
        message: "online",
    },
    TopicChannel {
        name: "changed",
        address: "devices/{device}/$changed",
        title: "Changed",
        description: "A device was registered, declared anew or deleted. Only the hub writes it.",
        is_received: false,
        message: "changed",
    },
    TopicChannel {
        name: "rejected",
        address: "devices/{device}/$rejected",
        title: "Rejected",
        description: "What a declared rule refused last. Retained; only the hub writes it.",
        is_received: false,
        message: "rejected",
    },
    TopicChannel {
        name: "sys",
        address: "$SYS/broker/{figure}",
        title: "Figures",
        description: "What the hub tells of itself, under the names that Mosquitto 2 has. Only the hub writes it.",
        is_received: false,
        message: "figure",
    },
    TopicChannel {
        name: "any",
        address: "{topic}",
        title: "Any other topic",
        description: "Free for any use.",
        is_received: true,
        message: "payload",
    },
];

fn topic_channels() -> Map<String, Value> {
    let channels = TOPICS.iter().map(|topic| {
        let channel = json!({
            "address": topic.address,
            "title": topic.title,
            "description": topic.description,
            "servers": [reference("servers", "mqtt")],
            "parameters": parameters(topic.address),
            "messages": { topic.message: component(topic.message) },
        });
        (topic.name.to_owned(), channel)
    });
    channels.collect()
}

fn parameters(address: &str) -> Map<String, Value> {
    let names = address.split('/').filter_map(|level| level.strip_prefix('{')?.strip_suffix('}'));
    let described = names.map(|name| {
        let (description, example) = match name {
            "device" => ("The device's id: 1 to 64 of `A-Z a-z 0-9 _ -`, but neither `set` nor `target`.", "lamp"),
            "property" => ("The property's name; as ids are.", "power"),
            "figure" => ("Which figure; it may have several levels.", "clients/connected"),
            _ => ("Any levels, but for those of other channels.", "home/note"),
        };
        (name.to_owned(), json!({ "description": description, "examples": [example] }))
    });
    described.collect()
}

/// Both ways where clients may publish, otherwise only from the hub.
fn topic_operations() -> Map<String, Value> {
    let mut operations = Map::new();
    for topic in &TOPICS {
        let messages = json!([channel_message(topic.name, topic.message)]);
        let channel = reference("channels", topic.name);
        let mut add = |action: &str, title: &str| {
            let operation = json!({ "action": action, "channel": channel, "title": title, "messages": messages });
            operations.insert(format!("{action}{}Topic", capital(topic.name)), operation);
        };
        if topic.is_received {
            add("receive", &format!("{}: published by clients", topic.title));
        }
        add("send", &format!("{}: delivered to subscribers", topic.title));
    }
    operations
}

fn topic_messages() -> impl Iterator<Item = (String, Value)> {
    let types = Type::ALL.map(Type::name).join(", ");
    let value = format!("The text of a value of the property's type ({types}): `true`, `21.5`, `#ff8800`.");
    let text = |summary: &str, examples: &[&str]| {
        json!({
            "summary": summary, "contentType": "text/plain", "payload": { "type": "string" },
            "examples": examples.iter().map(|example| json!({ "payload": example })).collect::<Vec<_>>(),
        })
    };
    let words = |summary: &str, words: &[&str]| json!({ "summary": summary, "contentType": "text/plain", "payload": { "type": "string", "enum": words } });
    let rejected = json!({
        "type": "object",
        "required": ["property", "value", "reason", "time", "count"],
        "properties": {
            "property": { "type": "string" },
            "value": { "type": "string", "description": "The beginning of what came." },
            "reason": { "type": "string" },
            "time": { "type": "string", "format": "date-time" },
            "count": { "type": "integer", "minimum": 1, "description": "How many were refused since the hub started." },
        },
    });
    let messages = [
        ("propertyValue", text(&value, &["true", "21.5", "#ff8800"])),
        (
            "propertyTarget",
            text("What is asked for, as the value of a property; empty when nothing is.", &["true", ""]),
        ),
        ("online", words("Whether it is there.", &["true", "false"])),
        ("changed", words("What happened.", &["registered", "updated", "removed"])),
        (
            "rejected",
            json!({ "summary": "What was refused, and why.", "contentType": "application/json", "payload": rejected }),
        ),
        ("figure", text("A figure as text.", &["17", "123 seconds"])),
        ("payload", json!({ "summary": "Any bytes.", "contentType": "application/octet-stream", "payload": {} })),
    ];
    messages.into_iter().map(|(name, mut message)| {
        message["name"] = name.into();
        (name.to_owned(), message)
    })
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}
