//! Which loads there are: a row of the table each.
//!
//! Payloads are 64 bytes. A message is in flight until every receiver has it and, with QoS 1 and 2, the broker has acknowledged it.

use crate::load::plan::{Language, Plan};
use crate::peer::Door;

/// What a row does.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Messages.
    Load(Plan),
    /// Clients connect, 100 at a time.
    Connects { language: Language, count: usize },
    /// Connections that do nothing, each with so many subscriptions.
    Idle { language: Language, count: usize, subscriptions: usize },
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// How it is called on the command line.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) kind: Kind,
}

/// Publishers and subscribers where there are many.
const MANY: usize = 100;
/// In flight, unless a row says something else.
const WINDOW: usize = 64;
const CONNECTIONS: usize = 10_000;

impl Row {
    /// Where the server is to listen for it.
    pub(crate) fn door(&self) -> Door {
        let language = match &self.kind {
            Kind::Load(plan) => plan.language,
            Kind::Connects { language, .. } | Kind::Idle { language, .. } => *language,
        };
        match language {
            Language::Mqtt { .. } => Door::Mqtt,
            Language::MqttInWebSocket { .. } => Door::MqttWebSocket,
            // Of the peers, only Housewire speaks either.
            Language::Channel | Language::Blynk | Language::BlynkGet | Language::BlynkUpdate => Door::Channel,
            Language::HttpPut | Language::HttpGet => Door::Http,
        }
    }

    /// All rows, in the order in which they are run.
    pub(crate) fn all() -> Vec<Self> {
        let mqtt = |qos| Language::Mqtt { qos };
        let ws = |qos| Language::MqttInWebSocket { qos };
        let load = |id, title, plan| Self { id, title, kind: Kind::Load(plan) };
        let idle = |id, title, language, subscriptions| {
            let kind = Kind::Idle { language, count: CONNECTIONS, subscriptions };
            Self { id, title, kind }
        };
        let connects = Kind::Connects { language: mqtt(0), count: CONNECTIONS };
        vec![
            load("fan-out-0", "fan-out 1 to 100, QoS 0, 64 in flight", fan_out(mqtt(0), WINDOW)),
            load("fan-out-1", "fan-out 1 to 100, QoS 1, 64 in flight", fan_out(mqtt(1), WINDOW)),
            load("fan-out-0-single", "fan-out 1 to 100, QoS 0, one in flight", fan_out(mqtt(0), 1)),
            load("fan-out-1-single", "fan-out 1 to 100, QoS 1, one in flight", fan_out(mqtt(1), 1)),
            load("fan-in-0", "fan-in 100 to 1, QoS 0, 16 in flight each", fan_in(mqtt(0))),
            load("fan-in-1", "fan-in 100 to 1, QoS 1, 16 in flight each", fan_in(mqtt(1))),
            load("pairs-0", "100 pairs, QoS 0, 64 in flight each", pairs(mqtt(0), MANY, WINDOW)),
            load("pairs-1", "100 pairs, QoS 1, 64 in flight each", pairs(mqtt(1), MANY, WINDOW)),
            load("pairs-2", "100 pairs, QoS 2, 64 in flight each", pairs(mqtt(2), MANY, WINDOW)),
            load("wildcards", "10,000 wildcard filters, QoS 0, 100 senders, 64 in flight each", wildcards()),
            load(
                "paced",
                "5,000 messages/s over 50 pairs, QoS 0",
                Plan { per_second: Some(5_000), ..pairs(mqtt(0), 50, 0) },
            ),
            Self { id: "connects", title: "10,000 connects, 100 at a time", kind: connects },
            idle("idle", "10,000 idle connections", mqtt(0), 0),
            idle("idle-1", "10,000 idle connections with a subscription each", mqtt(0), 1),
            load("ws-fan-out-0", "MQTT over WebSocket: fan-out 1 to 100, QoS 0, 64 in flight", fan_out(ws(0), WINDOW)),
            load("ws-fan-out-1", "MQTT over WebSocket: fan-out 1 to 100, QoS 1, 64 in flight", fan_out(ws(1), WINDOW)),
            load("ws-pairs-0", "MQTT over WebSocket: 100 pairs, QoS 0, 64 in flight each", pairs(ws(0), MANY, WINDOW)),
            load("ws-pairs-1", "MQTT over WebSocket: 100 pairs, QoS 1, 64 in flight each", pairs(ws(1), MANY, WINDOW)),
            idle("ws-idle-1", "MQTT over WebSocket: 10,000 idle connections with a subscription each", ws(0), 1),
            load("channel", "WebSocket channel: 100 connections to themselves, one in flight", channel()),
            idle(
                "channel-idle-1",
                "WebSocket channel: 10,000 idle connections with a subscription each",
                Language::Channel,
                1,
            ),
            load("http-put", "HTTP PUT of a value, 8 connections", http(Language::HttpPut)),
            load("http-get", "HTTP GET of a value, 8 connections", http(Language::HttpGet)),
            load("blynk", "Blynk: virtual writes of a board to a WebSocket channel, 256 in flight", blynk()),
            idle("blynk-idle", "Blynk: 10,000 idle boards", Language::Blynk, 1),
            load("blynk-get", "Blynk: HTTP get of a pin, 8 connections", blynk_http(Language::BlynkGet)),
            load("blynk-update", "Blynk: HTTP update of a pin, 8 connections", blynk_http(Language::BlynkUpdate)),
        ]
    }
}

fn fan_out(language: Language, window: usize) -> Plan {
    let topic = vec!["bench/fan-out".to_owned()];
    Plan {
        language,
        senders: vec![topic.clone()],
        receivers: vec![topic; MANY],
        share_connections: false,
        fan_out: MANY as u32,
        window,
        per_second: None,
    }
}

fn fan_in(language: Language) -> Plan {
    // 64 of each would be more than a subscriber may have waiting for it by default, and QoS 0 be dropped.
    const WINDOW: usize = 16;
    Plan {
        language,
        senders: numbered(MANY, |number| vec![format!("bench/fan-in/{number}")]),
        receivers: vec![vec!["bench/fan-in/+".to_owned()]],
        share_connections: false,
        fan_out: 1,
        window: WINDOW,
        per_second: None,
    }
}

fn pairs(language: Language, count: usize, window: usize) -> Plan {
    let topics = numbered(count, |number| vec![format!("bench/pairs/{number}")]);
    Plan {
        language,
        senders: topics.clone(),
        receivers: topics,
        share_connections: false,
        fan_out: 1,
        window,
        per_second: None,
    }
}

/// Each filter matches the topics of one sender, which sends to another topic each time.
fn wildcards() -> Plan {
    const EACH: usize = 100;
    let levels = |number: usize| (0..EACH).map(move |at| number * EACH + at);
    Plan {
        language: Language::Mqtt { qos: 0 },
        senders: numbered(MANY, |number| levels(number).map(|at| format!("bench/{at}/room/value")).collect()),
        receivers: numbered(MANY, |number| levels(number).map(|at| format!("bench/{at}/+/value")).collect()),
        share_connections: false,
        fan_out: 1,
        window: WINDOW,
        per_second: None,
    }
}

fn channel() -> Plan {
    Plan { share_connections: true, ..pairs(Language::Channel, MANY, 1) }
}

/// A value of a device of its own for each connection.
fn http(language: Language) -> Plan {
    Plan {
        language,
        senders: numbered(8, |number| vec![format!("/api/devices/bench-{number}/value")]),
        receivers: Vec::new(),
        share_connections: false,
        fan_out: 0,
        window: 1,
        per_second: None,
    }
}

/// A board, and somebody who watches one of its pins.
fn blynk() -> Plan {
    const WINDOW: usize = 256;
    let topic = vec![vec!["devices/bench-0/v1".to_owned()]];
    Plan {
        language: Language::Blynk,
        senders: topic.clone(),
        receivers: topic,
        share_connections: false,
        fan_out: 1,
        window: WINDOW,
        per_second: None,
    }
}

/// A pin of a board of its own for each connection.
fn blynk_http(language: Language) -> Plan {
    let senders = numbered(8, |number| vec![format!("devices/bench-{number}/v1")]);
    Plan { senders, ..http(language) }
}

fn numbered(count: usize, make: impl Fn(usize) -> Vec<String>) -> Vec<Vec<String>> {
    (0..count).map(make).collect()
}
