//! A client as JSON.

use housewire_protocols::mqtt::Version;
use serde::Serialize;

use crate::clients::{Client, Connection, Protocol, Whereabouts};

/// What `/api/clients` shows of one client.
#[derive(Serialize)]
pub(crate) struct ClientView<'a> {
    id: &'a str,
    protocol: &'static str,
    version: Option<&'static str>,
    transport: Option<&'static str>,
    address: Option<String>,
    user: &'a str,
    connected: bool,
    since: String,
    subscriptions: usize,
    in_flight: usize,
    queued: QueuedView,
    dropped: DroppedView,
    conflated: u64,
    bytes: BytesView,
    keep_alive_s: Option<u16>,
    session_expiry_s: Option<u32>,
}

#[derive(Serialize)]
struct QueuedView {
    messages: usize,
    bytes: usize,
}

#[derive(Serialize)]
struct DroppedView {
    overflow: u64,
    memory: u64,
    too_large: u64,
    unclaimed: u64,
    expired: u64,
}

#[derive(Serialize)]
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
    }
}
