//! QoS 1 to a session that is away. The broker acknowledges; then it is killed, started again, and the session comes back.
//!
//! Shows both sides: what an acknowledgement costs (time, CPU, bytes written for each message) and what it is worth (how many
//! acknowledged messages are gone).

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;

use crate::figures::{self, progress, write_json};
use crate::load::ledger::packet_id;
use crate::peer::{Door, Durability, Peer, Programs, Running, Setup};
use crate::wire::blocking::Client;
use crate::wire::mqtt::publish;

/// Unacknowledged messages of the publisher.
const WINDOWS: [u32; 3] = [1, 16, 256];
const PAYLOAD: [u8; 64] = [b'x'; 64];
/// Transactions on disk so far.
const BATCHES: &str = "housewire_disk_batches_total{result=\"written\"}";

/// A peer, and what it promises.
#[derive(Clone, Copy, Debug)]
struct Variant {
    name: &'static str,
    peer: Peer,
    durability: Durability,
}

/// Only these keep anything: rumqttd and aedes have no file to write to.
const VARIANTS: [Variant; 3] = [
    Variant { name: "housewire strict", peer: Peer::Housewire, durability: Durability::Strict },
    Variant { name: "housewire relaxed", peer: Peer::Housewire, durability: Durability::Relaxed },
    // With its file written each second, as often as it can be asked for.
    Variant { name: "mosquitto", peer: Peer::Mosquitto, durability: Durability::Strict },
];

/// All messages of a run wait for one client; Mosquitto's queue has no bound here either.
const CONFIG: &str = "[limits]\nmqtt_queue_messages = 1000000\nmqtt_queue_bytes = 1073741824\n";

/// One run.
#[derive(Clone, Copy, Debug, Serialize)]
struct Figures {
    messages_per_s: f64,
    cpu_s_per_million: f64,
    written_bytes_per_message: f64,
    /// `None` where the broker does not tell.
    messages_per_batch: Option<f64>,
    lost: f64,
}

#[derive(Serialize)]
struct Case {
    broker: &'static str,
    in_flight: u32,
    runs: Vec<Figures>,
}

/// Runs all brokers in turn, `repeats` times, and prints medians.
pub(crate) fn run(programs: &Programs, repeats: usize, messages: u32, json: Option<&Path>) -> anyhow::Result<()> {
    let mut cases = Vec::new();
    for variant in VARIANTS {
        if let Err(why) = variant.peer.availability(programs) {
            println!("{} is left out: {why}", variant.name);
            continue;
        }
        let case = |in_flight| (variant, Case { broker: variant.name, in_flight, runs: Vec::new() });
        cases.extend(WINDOWS.map(case));
    }
    for repeat in 1..=repeats {
        for (variant, case) in &mut cases {
            progress(&format!("run {repeat} of {repeats}: {}, {} in flight", case.broker, case.in_flight));
            case.runs.push(measure(*variant, programs, case.in_flight, messages)?);
        }
    }
    println!(
        "QoS 1, {} bytes, {messages} messages to one session that is away, then kill -9; medians of {repeats}",
        PAYLOAD.len()
    );
    println!(
        "{:<18} {:>9} {:>12} {:>16} {:>18} {:>16} {:>18}",
        "broker",
        "in flight",
        "messages/s",
        "CPU s / million",
        "bytes written each",
        "messages / fsync",
        "acknowledged, lost"
    );
    for (_, case) in &cases {
        let median = |figure: fn(&Figures) -> f64| figures::median(case.runs.iter().map(figure).collect());
        let per_batch: Option<Vec<f64>> = case.runs.iter().map(|run| run.messages_per_batch).collect();
        let per_batch = per_batch.map_or_else(|| "-".to_owned(), |each| format!("{:.1}", figures::median(each)));
        println!(
            "{:<18} {:>9} {:>12.0} {:>16.2} {:>18.0} {:>16} {:>18.0}",
            case.broker,
            case.in_flight,
            median(|run| run.messages_per_s),
            median(|run| run.cpu_s_per_million),
            median(|run| run.written_bytes_per_message),
            per_batch,
            median(|run| run.lost),
        );
    }
    write_json(&cases.into_iter().map(|(_, case)| case).collect::<Vec<_>>(), json)
}

fn measure(variant: Variant, programs: &Programs, in_flight: u32, messages: u32) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir()?;
    let setup = Setup {
        durability: variant.durability,
        config: CONFIG.to_owned(),
        data: Some(folder.path().join("data")),
        ..Setup::default()
    };
    let start = || Running::start(variant.peer, &setup, programs, folder.path());
    let broker = start()?;
    let address = broker.address(Door::Mqtt);
    let (mut away, _) = Client::connect(address, "away", false)?;
    away.subscribe("bench/durability")?;
    away.leave()?;
    let (mut publisher, _) = Client::connect(address, "publisher", true)?;
    let (before, batches) = (broker.usage()?, broker.metric(BATCHES)?);
    let began = Instant::now();
    let (mut sent, mut acknowledged) = (0, 0);
    while acknowledged < messages {
        let room = (in_flight - (sent - acknowledged)).min(messages - sent);
        let bytes: Vec<u8> = (sent..sent + room)
            .flat_map(|number| publish("bench/durability", 1, packet_id(number), &PAYLOAD))
            .collect();
        publisher.send(&bytes)?;
        sent += room;
        publisher.next()?.context("the broker does not acknowledge")?;
        acknowledged += 1;
    }
    let took = began.elapsed();
    let after = broker.usage()?;
    let batches = broker.metric(BATCHES)?.zip(batches).map(|(after, before)| after - before);
    broker.kill()?;

    let broker = start()?;
    let (mut back, _is_known) = Client::connect(broker.address(Door::Mqtt), "away", false)?;
    back.set_patience(Duration::from_secs(1))?;
    let mut arrived = 0;
    while arrived < messages
        && let Some(packet) = back.next()?
    {
        if packet.first & 0xf0 == 0x30 {
            arrived += 1;
            let id_at = 2 + "bench/durability".len();
            back.send(&[&[0x40, 2], &packet.body[id_at..id_at + 2]].concat())?;
        }
    }
    let count = f64::from(messages);
    Ok(Figures {
        messages_per_s: count / took.as_secs_f64(),
        cpu_s_per_million: (after.cpu - before.cpu).as_secs_f64() / count * 1e6,
        written_bytes_per_message: (after.written_bytes - before.written_bytes) as f64 / count,
        messages_per_batch: batches.filter(|batches| *batches > 0.0).map(|batches| count / batches),
        lost: f64::from(messages - arrived),
    })
}
