//! A client as JSON.

use housewire_protocols::mqtt::Version;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clients::{Client, Connection, Protocol, Whereabouts};

/// What `/api/clients` shows of one client.
#[derive(Serialize, ToSchema)]
#[schema(as = Client, description = "An MQTT client, connected or away with a session, or an open WebSocket, event stream or Blynk connection.")]
pub(crate) struct ClientView<'a> {
    /// MQTT's client id; for WebSockets, event streams and Blynk a name that the hub made up.
    #[schema(example = "kitchen")]
    id: &'a str,
    /// `mqtt`, `ws`, `events` or `blynk`.
    protocol: &'static str,
    /// Of MQTT: `3.1`, `3.1.1` or `5`.
    version: Option<&'static str>,
    /// What carries it: `tcp`, `websocket` or `http`.
    transport: Option<&'static str>,
    /// Where it comes from, or came from last; `null` if it was not there since the hub started.
    #[schema(example = "192.0.2.20:49152")]
    address: Option<String>,
    /// The principal.
    #[schema(example = "guest")]
    user: &'a str,
    connected: bool,
    /// Since when it is connected, or away.
    #[schema(format = DateTime)]
    since: String,
    subscriptions: usize,
    /// QoS 1 and 2 messages sent to it and not acknowledged to the end.
    in_flight: usize,
    queued: QueuedView,
    dropped: DroppedView,
    conflated: u64,
    bytes: BytesView,
    /// Seconds; `null` for what is not MQTT.
    keep_alive_s: Option<u16>,
    /// How long the session is kept without a connection, in seconds; 0: not at all, `null`: until somebody ends it.
    session_expiry_s: Option<u32>,
}

/// What waits for it.
#[derive(Serialize, ToSchema)]
#[schema(as = Queued)]
struct QueuedView {
    /// QoS 1 and 2 messages.
    messages: usize,
    /// Memory of all that waits, unsent output included.
    bytes: usize,
}

/// Messages that did not reach it, by cause.
#[derive(Serialize, ToSchema)]
#[schema(as = Dropped)]
struct DroppedView {
    /// A bound of its own.
    overflow: u64,
    /// The bound of all clients.
    memory: u64,
    /// Larger than it takes.
    too_large: u64,
    /// Left behind when it went and no other member of its group was there.
    unclaimed: u64,
    /// Too late.
    expired: u64,
}

/// From it and to it, as long as the session lives.
#[derive(Serialize, ToSchema)]
#[schema(as = ByteCounts)]
struct BytesView {
    r#in: u64,
    out: u64,
}

impl<'a> ClientView<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        let Whereabouts { is_connected, since, connection, restored_expiry_s } = client.whereabouts();
        let figures = client.figures();
        let of_mqtt = connection.filter(|_| client.protocol() == Protocol::Mqtt);
        Self {
            id: client.id(),
            protocol: name(client.protocol()),
            version: connection.and_then(|connection| connection.version).map(Version::name),
            transport: connection.map(|connection| connection.transport.name()),
            address: connection.map(|Connection { peer, .. }| peer.to_string()),
            user: client.subscriber.principal().name(),
            connected: is_connected,
            since: since.to_string(),
            subscriptions: client.subscriber.subscription_count(),
            in_flight: figures.in_flight,
            queued: QueuedView { messages: figures.queued, bytes: figures.queued_bytes },
            dropped: DroppedView {
                overflow: figures.dropped.overflow,
                memory: figures.dropped.memory,
                too_large: figures.dropped.too_large,
                unclaimed: figures.dropped.unclaimed,
                expired: figures.dropped.expired,
            },
            conflated: figures.conflated,
            bytes: BytesView { r#in: client.bytes_in(), out: figures.bytes_out },
            keep_alive_s: of_mqtt.map(|connection| connection.keep_alive_s),
            session_expiry_s: connection.map_or(restored_expiry_s, |connection| connection.session_expiry_s),
        }
    }
}

fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Mqtt => "mqtt",
        Protocol::WebSocket => "ws",
        Protocol::Events => "events",
        Protocol::Blynk => "blynk",
    }
}
