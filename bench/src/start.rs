//! A start: how long until a peer serves, what that costs, and what it then holds in memory. With nothing to remember, and with a
//! house of 1,000 devices and 100,000 retained messages on disk.
//!
//! The house is made by publishing to the peer itself, which is then stopped properly. It is started again from the same files,
//! which the system has in its cache by then: the disk is not measured.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use tempfile::TempDir;

use crate::figures::{median, progress, write_json};
use crate::peer::{Door, Peer, Programs, Running, Setup};
use crate::wire::blocking::Client;
use crate::wire::mqtt::publish_retained;

/// What the house consists of: reports of devices, and messages that are nobody's.
const DEVICES: u32 = 1_000;
const PROPERTIES: [&str; 4] = ["power", "temperature", "humidity", "mode"];
const RETAINED: u32 = 100_000;
const PAYLOAD: [u8; 64] = [b'x'; 64];
/// Unacknowledged at once: half of what Housewire takes from one client.
const IN_FLIGHT: usize = 512;
/// After the start, before memory is looked at: what is still going on then belongs to the start.
const SETTLE: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug, Serialize)]
struct Figures {
    started_in_ms: f64,
    cpu_ms: f64,
    resident_mb: f64,
}

/// A peer with something to start from.
#[derive(Serialize)]
struct Case {
    peer: &'static str,
    house: &'static str,
    runs: Vec<Figures>,
    #[serde(skip)]
    of: Peer,
    #[serde(skip)]
    setup: Setup,
    /// Of the house; an empty peer gets a new one for each start.
    #[serde(skip)]
    folder: Option<TempDir>,
}

/// Starts all peers in turn, `repeats` times, and prints medians.
pub(crate) fn run(programs: &Programs, repeats: usize, json: Option<&Path>) -> anyhow::Result<()> {
    let mut cases = Vec::new();
    for of in Peer::ALL.into_iter().filter(|of| *of != Peer::Floor) {
        match of.version(programs) {
            Ok(version) => println!("{} {version}", of.name()),
            Err(why) => {
                println!("{} is left out: {why}", of.name());
                continue;
            }
        }
        let case = |house| Case { peer: of.name(), house, runs: Vec::new(), of, setup: Setup::default(), folder: None };
        cases.push(case("empty"));
        if keeps_messages(of) {
            progress(&format!("{}: makes a house of {DEVICES} devices and {RETAINED} retained messages", of.name()));
            let folder = tempfile::tempdir()?;
            let setup = Setup { data: Some(folder.path().join("data")), ..Setup::default() };
            build(of, &setup, programs, folder.path())?;
            cases.push(Case { setup, folder: Some(folder), ..case("full") });
        }
    }
    for repeat in 1..=repeats {
        for case in &mut cases {
            progress(&format!("run {repeat} of {repeats}: {}, {}", case.peer, case.house));
            case.runs.push(measure(case, programs)?);
        }
    }
    println!("start until it serves; full: {DEVICES} devices, {RETAINED} retained messages; medians of {repeats}");
    println!("{:<12} {:>6} {:>15} {:>10} {:>14}", "peer", "house", "started in, ms", "CPU, ms", "resident, MB");
    for case in &cases {
        let median = |figure: fn(&Figures) -> f64| median(case.runs.iter().map(figure).collect());
        println!(
            "{:<12} {:>6} {:>15.0} {:>10.0} {:>14.1}",
            case.peer,
            case.house,
            median(|run| run.started_in_ms),
            median(|run| run.cpu_ms),
            median(|run| run.resident_mb)
        );
    }
    write_json(&cases, json)
}

/// rumqttd and aedes as they come have all in memory, and forget it.
fn keeps_messages(peer: Peer) -> bool {
    matches!(peer, Peer::Housewire | Peer::Mosquitto)
}

/// All topics of the house.
fn topics() -> impl Iterator<Item = String> {
    let reports =
        (0..DEVICES).flat_map(|device| PROPERTIES.map(|property| format!("devices/device-{device:04}/{property}")));
    // 100 places with 10 things each, and so on: a tree as people make it, neither flat nor a chain.
    let others = DEVICES * PROPERTIES.len() as u32..RETAINED;
    reports.chain(others.map(|number| format!("house/{}/{}/{number}", number % 100, number / 100 % 10)))
}

fn build(peer: Peer, setup: &Setup, programs: &Programs, folder: &Path) -> anyhow::Result<()> {
    let running = Running::start(peer, setup, programs, folder)?;
    let (mut publisher, _) = Client::connect(running.address(Door::Mqtt), "builder", true)?;
    let topics: Vec<_> = topics().collect();
    for some in topics.chunks(IN_FLIGHT) {
        let packets = some.iter().zip(1..).flat_map(|(topic, id)| publish_retained(topic, id, &PAYLOAD));
        publisher.send(&packets.collect::<Vec<u8>>())?;
        for _ in some {
            publisher.next()?.with_context(|| format!("{} does not acknowledge", peer.name()))?;
        }
    }
    publisher.leave()?;
    running.stop()
}

fn measure(case: &Case, programs: &Programs) -> anyhow::Result<Figures> {
    let Some(house) = &case.folder else {
        let folder = tempfile::tempdir()?;
        let running = Running::start(case.of, &case.setup, programs, folder.path())?;
        return Figures::of(&running);
    };
    let running = Running::start(case.of, &case.setup, programs, house.path())?;
    let figures = Figures::of(&running)?;
    // A start that forgets is no start.
    let there = retained(running.address(Door::Mqtt))?;
    ensure!(there == RETAINED, "{} has {there} of {RETAINED} retained messages after its start", case.peer);
    running.stop()?;
    Ok(figures)
}

impl Figures {
    /// Of a peer that has just started.
    fn of(running: &Running) -> anyhow::Result<Self> {
        let cpu = running.usage()?.cpu;
        std::thread::sleep(SETTLE);
        Ok(Self {
            started_in_ms: running.started_in.as_secs_f64() * 1e3,
            cpu_ms: cpu.as_secs_f64() * 1e3,
            resident_mb: running.resident_bytes()? as f64 / 1e6,
        })
    }
}

/// How many messages of the house a new subscriber gets.
fn retained(address: SocketAddr) -> anyhow::Result<u32> {
    let (mut client, _) = Client::connect(address, "counter", true)?;
    client.subscribe("#")?;
    let mut count = 0;
    while count < RETAINED
        && let Some(packet) = client.next()?
    {
        if packet.first & 0xf0 != 0x30 {
            continue;
        }
        let id_at = 2 + packet.topic_len()?;
        let id = packet.body.get(id_at..id_at + 2).context("a QoS 1 message without a number")?;
        client.send(&[&[0x40, 2], id].concat())?;
        // Not what the hub itself says of the devices.
        count += u32::from(packet.body.ends_with(&PAYLOAD));
    }
    Ok(count)
}
