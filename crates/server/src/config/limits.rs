//! The bounds under `[limits]`, their defaults and what makes no sense.
//!
//! Bounds that nobody needs to set are in `limits`; what holding them means belongs to whoever does.

use std::sync::Arc;
use std::time::Duration;

use housewire_core::limits::{HubLimits, TOPIC_BYTES_MAX, TOPIC_LEVELS_MAX};
use housewire_protocols::limits::{MqttLimits, Pool};
use serde::{Deserialize, Deserializer, de};

use super::{ConfigError, parse_duration, seconds};

/// Bounds that somebody may want to set; `docs/ref/limits.md` says what happens at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections of all kinds; further ones are closed at once.
    pub connections: usize,
    /// Connections from one address; further ones are closed at once. This machine's own are not counted.
    pub connections_per_address: usize,
    /// New connections from one address in a second, on average over four; further ones wait before they are served. This
    /// machine's own are not counted.
    pub connection_rate_per_address: usize,
    /// Connections after which the next shard takes over.
    pub connections_per_shard: usize,
    /// Body of an HTTP request; larger ones are answered 413.
    pub http_body_bytes: usize,
    /// HTTP requests of one address in a second, on average; 0 for as many as there are. This machine's own are not counted.
    pub request_rate: u32,
    /// HTTP requests of one address at once, beyond the rate; further ones are answered 429.
    pub request_burst: u32,
    /// One WebSocket message; larger ones close the connection with 1009.
    pub ws_message_bytes: usize,
    /// Output waiting for one client. From half of it on, newer values to a WebSocket or event stream replace older ones; beyond
    /// it messages to them are dropped and counted. To an MQTT client QoS 0 is dropped and counted, QoS 1 and 2 are queued.
    pub channel_queue_bytes: usize,
    /// Subscriptions of one WebSocket; further ones are refused.
    pub ws_subscriptions: usize,
    /// Sessions of WebSockets, whose clients may come back, half as many of one credential; further ones are refused.
    pub ws_sessions: usize,
    /// Memory of QoS 1 and 2 messages that one such session keeps until they are acknowledged; what was sent longest ago is
    /// forgotten first, then the newest is dropped and counted.
    pub ws_session_bytes: usize,
    /// Longest time that such a session is kept without its client; who asks for more gets this.
    #[serde(deserialize_with = "seconds")]
    pub ws_session_keep: Duration,
    /// One MQTT packet; larger ones close the connection (MQTT 5: 0x95).
    pub mqtt_packet_bytes: usize,
    /// MQTT sessions, connected or kept for clients that may come back; further clients are refused (0x97).
    pub mqtt_sessions: usize,
    /// Subscriptions of one MQTT session; further ones are refused (0x97, MQTT 3: 0x80).
    pub mqtt_subscriptions: usize,
    /// QoS 1 and 2 messages on their way to one MQTT client; more are queued.
    pub mqtt_in_flight: u16,
    /// QoS 1 and 2 messages waiting for one MQTT client; the newest is dropped and counted.
    pub mqtt_queue_messages: usize,
    /// Memory of messages that wait for one MQTT client or may have to be sent to it again; the newest is dropped and
    /// counted.
    pub mqtt_queue_bytes: usize,
    /// Memory of everything that waits for all MQTT clients together; the newest is dropped and counted.
    pub queued_bytes: usize,
    /// How long a session is kept for an MQTT client that is away; `None`: for as long as the client says.
    #[serde(deserialize_with = "unbounded_seconds")]
    pub mqtt_session_expiry: Option<Duration>,
    /// How long a will waits after its client is gone; `None`: for as long as the client says.
    #[serde(deserialize_with = "unbounded_seconds")]
    pub mqtt_will_delay: Option<Duration>,
    /// How long an MQTT 5 client may be silent, which CONNACK tells it; `None`: for as long as the client says.
    #[serde(deserialize_with = "unbounded_seconds")]
    pub mqtt_keep_alive: Option<Duration>,
    /// Longest topic or filter; a longer one is refused.
    pub topic_bytes: usize,
    /// Most levels of a topic or filter; a deeper one is refused.
    pub topic_levels: usize,
    /// Retained messages; a further topic is refused.
    pub retained_messages: usize,
    /// Topics, payloads and properties of all retained messages together; what would add to more is refused.
    pub retained_bytes: usize,
    /// How long an event stream whose connection is gone waits for its client; 0 for not at all.
    #[serde(deserialize_with = "seconds")]
    pub event_resume_time: Duration,
    /// What is kept of the events sent over one stream, for a client that comes back.
    pub event_resume_bytes: usize,
    /// Until a new connection has said what it speaks, and until an MQTT client has sent CONNECT.
    #[serde(deserialize_with = "seconds")]
    pub greeting_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let hub = HubLimits::default();
        Self {
            connections: 20_000,
            connections_per_address: 1_000,
            connection_rate_per_address: 50,
            connections_per_shard: 4_000,
            http_body_bytes: 1024 * 1024,
            request_rate: 1_000,
            request_burst: 5_000,
            ws_message_bytes: 1024 * 1024,
            channel_queue_bytes: 256 * 1024,
            ws_subscriptions: 1_000,
            ws_sessions: 1_000,
            ws_session_bytes: 256 * 1024,
            ws_session_keep: Duration::from_secs(600),
            mqtt_packet_bytes: 1024 * 1024,
            mqtt_sessions: 100_000,
            mqtt_subscriptions: 10_000,
            mqtt_in_flight: 4_096,
            mqtt_queue_messages: 4_096,
            mqtt_queue_bytes: 8 * 1024 * 1024,
            queued_bytes: 320 * 1024 * 1024,
            mqtt_session_expiry: None,
            mqtt_will_delay: None,
            mqtt_keep_alive: None,
            topic_bytes: hub.topic_bytes_max,
            topic_levels: hub.topic_levels_max,
            retained_messages: hub.retained_len_max,
            retained_bytes: hub.retained_bytes_max,
            event_resume_time: Duration::from_secs(60),
            event_resume_bytes: 64 * 1024,
            greeting_timeout: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Those of the hub itself.
    pub(crate) fn of_hub(&self) -> HubLimits {
        HubLimits {
            topic_bytes_max: self.topic_bytes,
            topic_levels_max: self.topic_levels,
            retained_len_max: self.retained_messages,
            retained_bytes_max: self.retained_bytes,
        }
    }

    /// Those of MQTT sessions, which share a pool of memory.
    pub(crate) fn of_mqtt(&self) -> MqttLimits {
        // More seconds than fit into the field are more than a client can ask for.
        let seconds_max = |time: Option<Duration>| time.and_then(|time| u32::try_from(time.as_secs()).ok());
        MqttLimits {
            packet_bytes_max: self.mqtt_packet_bytes,
            connect_timeout: self.greeting_timeout,
            in_flight_max: self.mqtt_in_flight,
            queue_len_max: self.mqtt_queue_messages,
            queue_bytes_max: self.mqtt_queue_bytes,
            output_bytes_max: self.channel_queue_bytes,
            session_expiry_max_s: seconds_max(self.mqtt_session_expiry),
            will_delay_max_s: seconds_max(self.mqtt_will_delay),
            keep_alive_max_s: seconds_max(self.mqtt_keep_alive).and_then(|seconds| seconds.try_into().ok()),
            pool: Arc::new(Pool::new(self.queued_bytes)),
            ..MqttLimits::default()
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        /// What MQTT's variable length can say (section 1.5.5).
        const PACKET_BYTES: std::ops::RangeInclusive<usize> = 1_024..=268_435_455;
        const TOPIC_BYTES: std::ops::RangeInclusive<usize> = 256..=TOPIC_BYTES_MAX;
        const TOPIC_LEVELS: std::ops::RangeInclusive<usize> = 8..=TOPIC_LEVELS_MAX;
        let counts = [
            ("limits.connections", self.connections),
            ("limits.connections_per_address", self.connections_per_address),
            ("limits.connection_rate_per_address", self.connection_rate_per_address),
            ("limits.connections_per_shard", self.connections_per_shard),
            ("limits.http_body_bytes", self.http_body_bytes),
            ("limits.request_burst", self.request_burst as usize),
            ("limits.ws_message_bytes", self.ws_message_bytes),
            ("limits.channel_queue_bytes", self.channel_queue_bytes),
            ("limits.ws_subscriptions", self.ws_subscriptions),
            ("limits.ws_sessions", self.ws_sessions),
            ("limits.ws_session_bytes", self.ws_session_bytes),
            ("limits.mqtt_sessions", self.mqtt_sessions),
            ("limits.mqtt_subscriptions", self.mqtt_subscriptions),
            ("limits.mqtt_in_flight", self.mqtt_in_flight.into()),
            ("limits.mqtt_queue_messages", self.mqtt_queue_messages),
            ("limits.mqtt_queue_bytes", self.mqtt_queue_bytes),
            ("limits.queued_bytes", self.queued_bytes),
            ("limits.retained_messages", self.retained_messages),
            ("limits.retained_bytes", self.retained_bytes),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(ConfigError::Senseless { key, value: "0".into(), rule: "it must be at least 1" });
        }
        if !PACKET_BYTES.contains(&self.mqtt_packet_bytes) {
            let value = self.mqtt_packet_bytes.to_string();
            let rule = "it must be between 1024 and 268435455";
            return Err(ConfigError::Senseless { key: "limits.mqtt_packet_bytes", value, rule });
        }
        // The hub's own topics must fit.
        if !TOPIC_BYTES.contains(&self.topic_bytes) {
            let value = self.topic_bytes.to_string();
            return Err(ConfigError::Senseless {
                key: "limits.topic_bytes",
                value,
                rule: "it must be between 256 and 4096",
            });
        }
        if !TOPIC_LEVELS.contains(&self.topic_levels) {
            let value = self.topic_levels.to_string();
            return Err(ConfigError::Senseless {
                key: "limits.topic_levels",
                value,
                rule: "it must be between 8 and 128",
            });
        }
        if self.mqtt_keep_alive.is_some_and(|time| time < Duration::from_secs(1)) {
            let value = format!("{:?}", self.mqtt_keep_alive.unwrap_or_default());
            let rule = "it must be at least 1s, or off";
            return Err(ConfigError::Senseless { key: "limits.mqtt_keep_alive", value, rule });
        }
        if self.greeting_timeout < Duration::from_millis(100) {
            let value = format!("{:?}", self.greeting_timeout);
            let rule = "nobody could connect in that time; use at least 100ms";
            return Err(ConfigError::Senseless { key: "limits.greeting_timeout", value, rule });
        }
        Ok(())
    }
}

fn unbounded_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    // 0 is a bound like any other here: sessions that end with their connection, wills that wait for nothing.
    if text == "off" { Ok(None) } else { parse_duration(&text).map(Some).map_err(de::Error::custom) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Limits, String> {
        let limits: Limits = toml::from_str(text).map_err(|error| error.to_string())?;
        limits.validate().map_err(|error| error.to_string())?;
        Ok(limits)
    }

    #[test]
    fn times_may_be_off() {
        let limits = read("mqtt_session_expiry = \"2h\"\nmqtt_will_delay = \"off\"").unwrap();
        assert_eq!((limits.of_mqtt().session_expiry_max_s, limits.of_mqtt().will_delay_max_s), (Some(7_200), None));
        let limits = read("mqtt_session_expiry = \"0s\"").unwrap();
        assert_eq!(limits.of_mqtt().session_expiry_max_s, Some(0));
        assert!(read("mqtt_session_expiry = \"never\"").is_err());
        let limits = read("mqtt_keep_alive = \"5m\"").unwrap();
        assert_eq!(limits.of_mqtt().keep_alive_max_s, Some(300));
        assert!(read("mqtt_keep_alive = \"0s\"").is_err());
    }

    #[test]
    fn what_is_set_reaches_those_who_hold_it() {
        let text = "mqtt_in_flight = 1\nmqtt_queue_messages = 2\nmqtt_queue_bytes = 3\nretained_messages = 4\n\
                    retained_bytes = 5\ntopic_bytes = 256\ntopic_levels = 8";
        let limits = read(text).unwrap();
        let mqtt = limits.of_mqtt();
        assert_eq!((mqtt.in_flight_max, mqtt.queue_len_max, mqtt.queue_bytes_max), (1, 2, 3));
        let expected =
            HubLimits { retained_len_max: 4, retained_bytes_max: 5, topic_bytes_max: 256, topic_levels_max: 8 };
        assert_eq!(limits.of_hub(), expected);
    }

    #[test]
    fn senseless_bounds_are_named() {
        for text in [
            "mqtt_in_flight = 0",
            "queued_bytes = 0",
            "retained_bytes = 0",
            "connection_rate_per_address = 0",
            "topic_bytes = 255",
            "topic_bytes = 4097",
            "topic_levels = 7",
            "topic_levels = 129",
            "mqtt_packet_bytes = 10",
        ] {
            let key = text.split(' ').next().unwrap();
            assert!(read(text).unwrap_err().contains(key), "{text}");
        }
    }
}
