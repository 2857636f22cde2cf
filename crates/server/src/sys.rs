//! `$SYS`: the hub's figures as messages, under the names and in the forms that Mosquitto 2 gave them, so that dashboards
//! made for it work.
//!
//! Told every few seconds, and only what changed. They are about MQTT, as there; `/api/metrics` tells of everything.

use std::sync::Arc;
use std::time::{Duration, Instant};

use housewire_core::{Hub, HubFigures, TopicRef};
use housewire_protocols::mqtt::Holdings;

use crate::clients::{Clients, MqttClients};
use crate::mqtt::Sessions;
use crate::shard::{Shared, now};
use crate::stats::{Memory, Stats, Totals, memory};

/// Where the figures come from.
pub(crate) struct Sources {
    hub: Arc<Hub>,
    clients: Arc<Clients>,
    sessions: Arc<Sessions>,
    stats: Arc<Stats>,
    started: Instant,
}

/// Everything that is told, at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    uptime: Duration,
    hub: HubFigures,
    clients: MqttClients,
    holdings: Holdings,
    totals: Totals,
    memory: Option<Memory>,
}

impl Sources {
    pub(crate) fn of(shared: &Shared) -> Self {
        Self {
            hub: Arc::clone(&shared.hub),
            clients: Arc::clone(&shared.clients),
            sessions: Arc::clone(&shared.sessions),
            stats: Arc::clone(&shared.stats),
            started: shared.started,
        }
    }

    fn sample(&self) -> Sample {
        Sample {
            uptime: self.started.elapsed(),
            hub: self.hub.figures(),
            clients: self.clients.mqtt(),
            holdings: self.sessions.pool().holdings(),
            totals: self.stats.totals(),
            memory: memory(),
        }
    }
}

/// Tells the figures at once and then again and again; runs as long as the hub.
pub(crate) async fn run(sources: Sources, interval: Duration) {
    let mut loads = Loads::default();
    loop {
        let sample = sources.sample();
        loads.update(&sample.totals, sample.uptime);
        let now = now();
        for (topic, payload) in messages(&sample, &loads) {
            let topic = format!("$SYS/broker/{topic}");
            sources.hub.publish_sys(TopicRef::parse(&topic).expect("made of constants"), &payload, now);
        }
        tokio::time::sleep(interval).await;
    }
}

fn messages(sample: &Sample, loads: &Loads) -> Vec<(String, String)> {
    let Sample { uptime, hub, clients, holdings, totals, .. } = sample;
    let away = clients.total.saturating_sub(clients.connected);
    // What Mosquitto calls its store: messages that are kept, retained or for a client.
    let stored = hub.retained.len + holdings.queued + holdings.in_flight;
    let stored_bytes = hub.retained.bytes + holdings.bytes;
    let Totals { received, sent, .. } = totals;
    let figures = [
        ("version", concat!("housewire version ", env!("CARGO_PKG_VERSION")).to_owned()),
        ("uptime", format!("{} seconds", uptime.as_secs())),
        ("clients/total", clients.total.to_string()),
        ("clients/connected", clients.connected.to_string()),
        ("clients/disconnected", away.to_string()),
        // The names that these had before.
        ("clients/active", clients.connected.to_string()),
        ("clients/inactive", away.to_string()),
        ("clients/maximum", clients.connected_max.to_string()),
        ("clients/expired", clients.expired.to_string()),
        ("messages/received", received.packets.to_string()),
        ("messages/sent", sent.packets.to_string()),
        ("messages/stored", stored.to_string()),
        ("messages/inflight", holdings.in_flight.to_string()),
        ("store/messages/count", stored.to_string()),
        ("store/messages/bytes", stored_bytes.to_string()),
        ("bytes/received", received.bytes.to_string()),
        ("bytes/sent", sent.bytes.to_string()),
        ("publish/messages/received", received.publishes.to_string()),
        ("publish/messages/sent", sent.publishes.to_string()),
        ("publish/messages/dropped", totals.dropped.to_string()),
        ("publish/bytes/received", received.publish_bytes.to_string()),
        ("publish/bytes/sent", sent.publish_bytes.to_string()),
        ("subscriptions/count", hub.subscriptions.to_string()),
        ("shared_subscriptions/count", hub.shared_subscriptions.to_string()),
        ("retained messages/count", hub.retained.len.to_string()),
    ];
    let loads = loads.0.iter().flat_map(|load| {
        let spans = SPANS.iter().zip(load.averages);
        spans.map(|((span, _), average)| (format!("load/{}/{span}", load.name), format!("{average:.2}")))
    });
    // The program's memory as the system sees it, where the system tells.
    let heap = sample.memory.into_iter().flat_map(|Memory { resident, resident_max }| {
        [("heap/current", resident.to_string()), ("heap/maximum", resident_max.to_string())]
    });
    figures.into_iter().chain(heap).map(|(topic, payload)| (topic.to_owned(), payload)).chain(loads).collect()
}

/// What is averaged over, with its length in seconds.
const SPANS: [(&str, f64); 3] = [("1min", 60.0), ("5min", 300.0), ("15min", 900.0)];

/// A figure that grows, and how much it grew per minute of late.
struct Load {
    name: &'static str,
    total: fn(&Totals) -> u64,
    last: u64,
    averages: [f64; 3],
}

/// Mosquitto's moving averages: of what came since the last time, scaled to a minute, and of the average before, which
/// fades with the time that passed.
struct Loads([Load; 9], Duration);

impl Default for Loads {
    fn default() -> Self {
        let load = |name, total| Load { name, total, last: 0, averages: [0.0; 3] };
        Self(
            [
                load("messages/received", |totals| totals.received.packets),
                load("messages/sent", |totals| totals.sent.packets),
                load("publish/dropped", |totals| totals.dropped),
                load("publish/received", |totals| totals.received.publishes),
                load("publish/sent", |totals| totals.sent.publishes),
                load("bytes/received", |totals| totals.received.bytes),
                load("bytes/sent", |totals| totals.sent.bytes),
                load("sockets", |totals| totals.sockets),
                load("connections", |totals| totals.connects),
            ],
            Duration::ZERO,
        )
    }
}

impl Loads {
    #[expect(clippy::cast_precision_loss, reason = "nobody needs the 16th digit of an average")]
    fn update(&mut self, totals: &Totals, uptime: Duration) {
        let seconds = uptime.saturating_sub(std::mem::replace(&mut self.1, uptime)).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        for load in &mut self.0 {
            let total = (load.total)(totals);
            let grown = (total - std::mem::replace(&mut load.last, total)) as f64;
            let per_minute = grown * 60.0 / seconds;
            for (average, (_, span)) in load.averages.iter_mut().zip(SPANS) {
                *average = per_minute + (-seconds / span).exp() * (*average - per_minute);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Flow;

    /// As Debian's Mosquitto 2.0.11 publishes them.
    const MOSQUITTO: &str = "version uptime clients/total clients/inactive clients/disconnected clients/active \
        clients/connected clients/expired clients/maximum messages/stored messages/received messages/sent \
        store/messages/count store/messages/bytes subscriptions/count shared_subscriptions/count \
        publish/messages/dropped publish/messages/received publish/messages/sent publish/bytes/received \
        publish/bytes/sent bytes/received bytes/sent heap/current heap/maximum";
    const MOSQUITTO_LOADS: &str = "messages/received messages/sent publish/dropped publish/received publish/sent \
        bytes/received bytes/sent sockets connections";

    #[test]
    fn everything_that_mosquitto_tells_is_told() {
        let sample = Sample { memory: Some(Memory::default()), ..Sample::default() };
        let told: Vec<_> = messages(&sample, &Loads::default()).into_iter().map(|(topic, _)| topic).collect();
        let loads = MOSQUITTO_LOADS.split_whitespace();
        let loads = loads.flat_map(|load| SPANS.map(|(span, _)| format!("load/{load}/{span}")));
        let names = MOSQUITTO.split_whitespace().map(str::to_owned);
        for topic in names.chain(loads).chain(["retained messages/count".to_owned()]) {
            assert!(told.contains(&topic), "{topic} is missing");
        }
        assert_eq!(told.len(), 25 + 27 + 1 + 1, "and messages/inflight, of Mosquitto 1");
    }

    #[test]
    fn figures_have_mosquittos_forms() {
        let sample = Sample { uptime: Duration::from_millis(61_900), ..Sample::default() };
        let told = messages(&sample, &Loads::default());
        let payload = |topic: &str| told.iter().find(|(have, _)| have == topic).map(|(_, payload)| payload.as_str());
        assert_eq!(payload("uptime"), Some("61 seconds"));
        assert_eq!(payload("load/sockets/1min"), Some("0.00"));
        assert_eq!(payload("clients/total"), Some("0"));
    }

    #[test]
    fn averages_follow_and_fade() {
        let mut loads = Loads::default();
        let received = |publishes| Totals { received: Flow { publishes, ..Flow::default() }, ..Totals::default() };
        let averages = |loads: &Loads| loads.0[3].averages.map(|average| format!("{average:.2}"));
        loads.update(&received(0), Duration::from_secs(0));
        // 10 in 10 s are 60 in a minute, of which 1 - e^(-10/60) count, and so on.
        loads.update(&received(10), Duration::from_secs(10));
        assert_eq!(averages(&loads), ["9.21", "1.97", "0.66"]);
        loads.update(&received(10), Duration::from_secs(70));
        assert_eq!(averages(&loads), ["3.39", "1.61", "0.62"]);
        loads.update(&received(10 + 600), Duration::from_secs(70 + 600));
        assert_eq!(averages(&loads), ["60.00", "52.10", "29.51"]);
    }
}
