//! `GET /api/metrics`: every figure of the hub for Prometheus; of each bound how near it is and how often it was reached.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use housewire_core::{Access, TopicRef};
use housewire_protocols::mqtt::SessionBound;

use crate::caller::Caller;
use crate::clients::{Behind, Figures, Protocol};
use crate::http::describe::Forbidden;
use crate::http::history::write_metrics as write_history;
use crate::http::problem::Problem;
use crate::limits::CLIENTS_AT_ONCE;
use crate::metrics::{Kind, MetricsText};
use crate::shard::Shard;
use crate::stats::{Bound, Flow, memory};
use crate::tls::Tls;

/// Seen by whoever may read `$SYS/broker/metrics`.
#[utoipa::path(
    get, path = "/api/metrics", operation_id = "getMetrics", tag = "Hub",
    summary = "Tells every figure, for Prometheus",
    description = "Needs the right to read `$SYS/broker/metrics`.",
    responses((status = 200, description = "Figures in the text format of Prometheus.", body = String, content_type = "text/plain"), Forbidden),
)]
pub(crate) async fn show(caller: Caller) -> Result<Response, Problem> {
    caller.must(Access::Read, TopicRef::parse("$SYS/broker/metrics").expect("a constant that parses"))?;
    let clients = survey(&caller.shard).await;
    let mut text = MetricsText::default();
    write_hub(&caller.shard, &mut text);
    write_disk(&caller.shard, &mut text);
    if let Some(tls) = &caller.shard.tls {
        write_tls(tls, &mut text);
    }
    if let Some(history) = &caller.shard.history {
        write_history(history, &mut text).await;
    }
    write_traffic(&caller.shard, &mut text);
    write_discovery(&caller.shard, &mut text);
    write_clients(&caller.shard, &clients, &mut text);
    write_limits(&caller.shard, &clients, &mut text);
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, text.finish()).into_response())
}

/// What all clients have together, and the most that one of them has.
#[derive(Default)]
struct Survey {
    /// Connected ones.
    websockets: usize,
    websockets_away: usize,
    event_streams: usize,
    blynk_devices: usize,
    dropped: [(&'static str, u64); 5],
    in_flight_max: usize,
    queued_max: usize,
    held_bytes_max: usize,
    output_bytes_max: usize,
    channel_bytes_max: usize,
    /// Of WebSockets whose clients may come back.
    kept_bytes_max: usize,
    mqtt_subscriptions_max: usize,
    ws_subscriptions_max: usize,
}

/// Looks at all clients, a few at a time, so that others have their turn.
async fn survey(shard: &Shard) -> Survey {
    let mut survey = Survey::default();
    let mut last = Behind::Nothing;
    loop {
        let page = shard.clients.page(&last, CLIENTS_AT_ONCE);
        for client in &page {
            let is_connected = client.whereabouts().is_connected;
            survey.add(client.protocol(), is_connected, client.subscriber.subscription_count(), &client.figures());
        }
        if page.len() < CLIENTS_AT_ONCE {
            return survey;
        }
        last = page.into_iter().next_back().map_or(Behind::Nothing, Behind::Client);
        tokio::task::yield_now().await;
    }
}

impl Survey {
    fn add(&mut self, protocol: Protocol, is_connected: bool, subscriptions: usize, figures: &Figures) {
        let dropped = figures.dropped;
        let causes = [
            ("overflow", dropped.overflow),
            ("memory", dropped.memory),
            ("too_large", dropped.too_large),
            ("expired", dropped.expired),
            ("unclaimed", dropped.unclaimed),
        ];
        for ((cause, sum), (name, count)) in self.dropped.iter_mut().zip(causes) {
            *cause = name;
            *sum += count;
        }
        let raise = |most: &mut usize, now: usize| *most = (*most).max(now);
        match protocol {
            Protocol::Mqtt => {
                raise(&mut self.in_flight_max, figures.in_flight);
                raise(&mut self.queued_max, figures.queued);
                raise(&mut self.output_bytes_max, figures.output_bytes);
                raise(&mut self.held_bytes_max, figures.queued_bytes - figures.output_bytes);
                raise(&mut self.mqtt_subscriptions_max, subscriptions);
            }
            Protocol::WebSocket => {
                *if is_connected { &mut self.websockets } else { &mut self.websockets_away } += 1;
                raise(&mut self.channel_bytes_max, figures.output_bytes);
                raise(&mut self.kept_bytes_max, figures.queued_bytes - figures.output_bytes);
                raise(&mut self.ws_subscriptions_max, subscriptions);
            }
            Protocol::Blynk => {
                self.blynk_devices += 1;
            }
            Protocol::Events => {
                self.event_streams += 1;
                raise(&mut self.channel_bytes_max, figures.queued_bytes);
            }
        }
    }
}

fn write_hub(shard: &Shard, text: &mut MetricsText) {
    let hub = shard.hub.figures();
    text.family("housewire_info", Kind::Gauge, "The version that runs.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.single("housewire_uptime_seconds", Kind::Gauge, "Since the start.", shard.started.elapsed().as_secs());
    if let Some(memory) = memory() {
        text.single("process_resident_memory_bytes", Kind::Gauge, "Memory of the program.", memory.resident);
    }
    text.single("housewire_devices", Kind::Gauge, "Devices in the registry.", hub.devices);
    text.single("housewire_subscriptions", Kind::Gauge, "Subscriptions of all clients.", hub.subscriptions);
    let help = "How many of these are shared.";
    text.single("housewire_shared_subscriptions", Kind::Gauge, help, hub.shared_subscriptions);
    text.single("housewire_retained_messages", Kind::Gauge, "Retained messages.", hub.retained.len);
    text.single("housewire_retained_bytes", Kind::Gauge, "Bytes of retained messages.", hub.retained.bytes);
}

fn write_disk(shard: &Shard, text: &mut MetricsText) {
    let figures = shard.durability.figures();
    let help = "Transactions on disk; all that waits at the time shares one.";
    text.family("housewire_disk_batches_total", Kind::Counter, help)
        .sample(&[("result", "written")], figures.batches.load(Ordering::Relaxed))
        .sample(&[("result", "refused")], figures.refused.load(Ordering::Relaxed));
    let took = Duration::from_micros(figures.took_us.load(Ordering::Relaxed));
    let help = "The time that these took.";
    text.single("housewire_disk_seconds_total", Kind::Counter, help, took.as_secs_f64());
    let is_failing = u8::from(shard.durability.disk().borrow().is_failing);
    text.single("housewire_disk_failing", Kind::Gauge, "1 while the disk takes nothing.", is_failing);
}

fn write_discovery(shard: &Shard, text: &mut MetricsText) {
    let figures = shard.discovery.figures();
    let mut family =
        text.family("housewire_discovery_finds", Kind::Gauge, "Devices that announced themselves, by state.");
    for (state, count) in figures.finds {
        family.sample(&[("state", state)], count);
    }
    let help = "Properties of adopted devices that discovery serves.";
    text.single("housewire_discovery_properties", Kind::Gauge, help, figures.properties);
    let help = "Topics of devices that it listens to.";
    text.single("housewire_discovery_topics", Kind::Gauge, help, figures.topics);
    let help = "Values of adopted devices that it reported.";
    text.single("housewire_discovery_reports_total", Kind::Counter, help, figures.reports);
    text.family("housewire_discovery_requests_total", Kind::Counter, "Requests to adopted devices.")
        .sample(&[("result", "sent")], figures.requests)
        .sample(&[("result", "failed")], figures.unsent);
    let help = "Announcements and messages of devices that could not be used.";
    text.single("housewire_discovery_problems_total", Kind::Counter, help, figures.problems);
    let help = "Finds that there was no room for.";
    text.single("housewire_discovery_refused_total", Kind::Counter, help, figures.refused);
    let mut family = text.family("housewire_discovery_waiting_bytes", Kind::Gauge, "What waits for it, by kind.");
    for (kind, bytes) in figures.waiting {
        family.sample(&[("kind", kind)], bytes);
    }
    let mut family =
        text.family("housewire_discovery_dropped_total", Kind::Counter, "Messages that found no room, by kind.");
    for (kind, count) in figures.dropped {
        family.sample(&[("kind", kind)], count);
    }
}

fn write_tls(tls: &Tls, text: &mut MetricsText) {
    let counts = tls.counts();
    text.family("housewire_tls_handshakes_total", Kind::Counter, "TLS handshakes, by what came of them.")
        .sample(&[("result", "full")], counts.full)
        .sample(&[("result", "resumed")], counts.resumed)
        .sample(&[("result", "failed")], counts.failed);
    let end = tls.shown().facts.not_after.as_micros() / 1_000_000;
    let help = "When the hub's certificate ends, in seconds since 1970.";
    text.single("housewire_tls_certificate_end_seconds", Kind::Gauge, help, end);
}

fn write_traffic(shard: &Shard, text: &mut MetricsText) {
    type Column = (&'static str, &'static str, fn(&Flow) -> u64);
    const COLUMNS: [Column; 4] = [
        ("housewire_mqtt_bytes_total", "Bytes of MQTT connections.", |flow| flow.bytes),
        ("housewire_mqtt_packets_total", "MQTT packets of every kind.", |flow| flow.packets),
        ("housewire_mqtt_publishes_total", "MQTT PUBLISH packets.", |flow| flow.publishes),
        ("housewire_mqtt_publish_bytes_total", "Payloads of MQTT PUBLISH packets.", |flow| flow.publish_bytes),
    ];
    let totals = shard.stats.totals();
    for (name, help, column) in COLUMNS {
        text.family(name, Kind::Counter, help)
            .sample(&[("direction", "received")], column(&totals.received))
            .sample(&[("direction", "sent")], column(&totals.sent));
    }
    text.single("housewire_mqtt_connects_total", Kind::Counter, "CONNECT packets.", totals.connects);
    text.single("housewire_mqtt_sockets_total", Kind::Counter, "Connections that spoke MQTT.", totals.sockets);
    let help = "Messages to MQTT clients that a bound had dropped.";
    text.single("housewire_mqtt_dropped_total", Kind::Counter, help, totals.dropped);
}

fn write_clients(shard: &Shard, clients: &Survey, text: &mut MetricsText) {
    let mqtt = shard.clients.mqtt();
    text.family("housewire_clients", Kind::Gauge, "Clients by protocol, connected or away with a session.")
        .sample(&[("protocol", "mqtt"), ("state", "connected")], mqtt.connected)
        .sample(&[("protocol", "mqtt"), ("state", "away")], mqtt.total.saturating_sub(mqtt.connected))
        .sample(&[("protocol", "ws"), ("state", "connected")], clients.websockets)
        .sample(&[("protocol", "ws"), ("state", "away")], clients.websockets_away)
        .sample(&[("protocol", "events"), ("state", "connected")], clients.event_streams)
        .sample(&[("protocol", "blynk"), ("state", "connected")], clients.blynk_devices);
    let help = "MQTT sessions that ended because their client was away for too long.";
    text.single("housewire_mqtt_sessions_expired_total", Kind::Counter, help, mqtt.expired);
    let holdings = shard.sessions.pool().holdings();
    text.single("housewire_mqtt_queued_messages", Kind::Gauge, "Waiting for MQTT clients.", holdings.queued);
    text.single(
        "housewire_mqtt_in_flight_messages",
        Kind::Gauge,
        "Unacknowledged by MQTT clients.",
        holdings.in_flight,
    );
    let help = "Messages that the clients of now did not get, by cause.";
    let mut family = text.family("housewire_clients_dropped", Kind::Gauge, help);
    for (cause, count) in clients.dropped.iter().filter(|(cause, _)| !cause.is_empty()) {
        family.sample(&[("cause", cause)], count);
    }
    let help = "Values to WebSockets and event streams that newer ones replaced while they waited.";
    text.single("housewire_channel_conflated_total", Kind::Counter, help, shard.stats.conflated());
}

/// One bound: its key under `[limits]`, what there is now (of one client or address: the most), the bound, how often it
/// was reached.
struct Row {
    key: &'static str,
    /// `None` where nothing is there to be counted, such as the length of a topic.
    current: Option<usize>,
    /// `None` for no bound.
    bound: Option<usize>,
    reached: u64,
}

fn write_limits(shard: &Shard, clients: &Survey, text: &mut MetricsText) {
    let rows = rows(shard, clients);
    let help = "What there is now of what a bound counts; of a bound for each client, the most that one has.";
    let mut family = text.family("housewire_limit_current", Kind::Gauge, help);
    for (row, current) in rows.iter().filter_map(|row| Some((row, row.current?))) {
        family.sample(&[("limit", row.key)], current);
    }
    let help = "The bound, as configured; of times in seconds. There is none where it is off.";
    let mut family = text.family("housewire_limit_bound", Kind::Gauge, help);
    for (row, bound) in rows.iter().filter_map(|row| Some((row, row.bound?))) {
        family.sample(&[("limit", row.key)], bound);
    }
    let help = "How often the bound was reached: connections, requests or messages that it met.";
    let mut family = text.family("housewire_limit_reached_total", Kind::Counter, help);
    for row in &rows {
        family.sample(&[("limit", row.key)], row.reached);
    }
}

fn rows(shard: &Shard, clients: &Survey) -> Vec<Row> {
    let limits = shard.config.limits;
    let reached = |bound| shard.stats.reached(bound);
    let pool = shard.sessions.pool();
    let hub = shard.hub.figures();
    let row = |key, current, bound, reached| Row { key, current: Some(current), bound: Some(bound), reached };
    let measure = |key, bound, reached| Row { key, current: None, bound: Some(bound), reached };
    let time = |key, bound: Option<Duration>, reached| {
        let bound = bound.and_then(|bound| usize::try_from(bound.as_secs()).ok());
        Row { key, current: None, bound, reached }
    };
    // Of MQTT clients, whose losses sessions count, and of all other channels.
    let channel_max = clients.channel_bytes_max.max(clients.output_bytes_max);
    let channel_reached = reached(Bound::ChannelQueueBytes) + pool.reached(SessionBound::Output);
    let (mqtt_sessions, retained) = (shard.clients.mqtt().total, hub.retained);
    vec![
        row("connections", shard.stats.connections(), limits.connections, reached(Bound::Connections)),
        row(
            "connections_per_address",
            shard.admission.busiest(),
            limits.connections_per_address,
            reached(Bound::ConnectionsPerAddress),
        ),
        measure(
            "connection_rate_per_address",
            limits.connection_rate_per_address,
            reached(Bound::ConnectionRatePerAddress),
        ),
        row("mqtt_sessions", mqtt_sessions, limits.mqtt_sessions, reached(Bound::MqttSessions)),
        row(
            "mqtt_subscriptions",
            clients.mqtt_subscriptions_max,
            limits.mqtt_subscriptions,
            reached(Bound::MqttSubscriptions),
        ),
        row("ws_subscriptions", clients.ws_subscriptions_max, limits.ws_subscriptions, reached(Bound::WsSubscriptions)),
        row("ws_sessions", shard.kept.len(), limits.ws_sessions, reached(Bound::WsSessions)),
        row("ws_session_bytes", clients.kept_bytes_max, limits.ws_session_bytes, reached(Bound::WsSessionBytes)),
        // Reaching it costs nothing: what comes then is queued.
        row("mqtt_in_flight", clients.in_flight_max, limits.mqtt_in_flight.into(), 0),
        row(
            "mqtt_queue_messages",
            clients.queued_max,
            limits.mqtt_queue_messages,
            pool.reached(SessionBound::QueueLen),
        ),
        row(
            "mqtt_queue_bytes",
            clients.held_bytes_max,
            limits.mqtt_queue_bytes,
            pool.reached(SessionBound::QueueBytes),
        ),
        row("queued_bytes", pool.holdings().bytes, limits.queued_bytes, pool.reached(SessionBound::Memory)),
        row("channel_queue_bytes", channel_max, limits.channel_queue_bytes, channel_reached),
        measure("mqtt_packet_bytes", limits.mqtt_packet_bytes, reached(Bound::MqttPacketBytes)),
        time("mqtt_session_expiry", limits.mqtt_session_expiry, pool.reached(SessionBound::Expiry)),
        time("mqtt_will_delay", limits.mqtt_will_delay, pool.reached(SessionBound::WillDelay)),
        time("mqtt_keep_alive", limits.mqtt_keep_alive, pool.reached(SessionBound::KeepAlive)),
        // One counter for both, as one check.
        measure("topic_bytes", limits.topic_bytes, hub.topics_refused),
        measure("topic_levels", limits.topic_levels, hub.topics_refused),
        row("retained_messages", retained.len, limits.retained_messages, retained.refused_for_len),
        row("retained_bytes", retained.bytes, limits.retained_bytes, retained.refused_for_bytes),
    ]
}
