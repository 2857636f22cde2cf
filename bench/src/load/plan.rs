//! What a load is: the language, who sends what to whom, and how much at once.

use std::time::Duration;

use crate::wire::{Template, blynk, channel, http, mqtt};

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Mqtt {
        qos: u8,
    },
    MqttInWebSocket {
        qos: u8,
    },
    /// Housewire's own WebSocket.
    Channel,
    HttpPut,
    HttpGet,
    /// Devices speak Blynk, and who watches them Housewire's own WebSocket. Topics are properties, `devices/NAME/vPIN`.
    Blynk,
    /// Blynk's old API over HTTP, for such properties.
    BlynkGet,
    BlynkUpdate,
}

impl Language {
    /// Whether the sender hears of each message that it arrived at the server.
    pub(crate) fn acknowledges(self) -> bool {
        match self {
            Self::Mqtt { qos } | Self::MqttInWebSocket { qos } => qos > 0,
            Self::Channel | Self::HttpPut | Self::HttpGet | Self::BlynkGet | Self::BlynkUpdate => true,
            Self::Blynk => false,
        }
    }

    /// A message to this topic, or for HTTP a request to this path.
    pub(super) fn template(self, host: &str, topic: &str) -> Template {
        match self {
            Self::Mqtt { qos } => mqtt::template(topic, qos),
            Self::MqttInWebSocket { qos } => mqtt::template(topic, qos).in_frame(),
            Self::Channel => channel::template(topic),
            Self::HttpPut => http::put(host, topic),
            Self::HttpGet => http::get(host, topic),
            Self::Blynk => blynk::template(topic),
            Self::BlynkGet => blynk::get(host, topic),
            Self::BlynkUpdate => blynk::update(host, topic),
        }
    }

    /// What receivers speak.
    pub(super) fn of_receivers(self) -> Self {
        if self == Self::Blynk { Self::Channel } else { self }
    }
}

/// One kind of load.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) language: Language,
    /// The topics of each sender, to which it sends in turn.
    pub(crate) senders: Vec<Vec<String>>,
    /// The filters of each receiver.
    pub(crate) receivers: Vec<Vec<String>>,
    /// Sender and receiver of one number are one connection.
    pub(crate) share_connections: bool,
    /// How many receivers get each message.
    pub(crate) fan_out: u32,
    /// Messages of one sender in flight.
    pub(crate) window: usize,
    /// Messages of all senders together, at even distances whatever comes back, instead of a window.
    pub(crate) per_second: Option<u32>,
}

/// How long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}
