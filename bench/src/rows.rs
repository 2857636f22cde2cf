//! Runs the rows: each server started afresh for each run, in turn, so that what changes on the machine meanwhile meets all of them.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;

use crate::crowd;
use crate::figures::{progress, write_json};
use crate::load;
use crate::load::plan::Timing;
use crate::peer::{Peer, Programs, Running, Setup};
use crate::report::{self, Entry, Figures};
use crate::scenario::{Kind, Row};

/// What to run, and how.
pub(crate) struct Wanted {
    pub(crate) rows: Vec<Row>,
    pub(crate) servers: Vec<Server>,
    pub(crate) repeats: usize,
    pub(crate) timing: Timing,
    pub(crate) json: Option<PathBuf>,
}

/// A peer, set up in one way.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) peer: Peer,
    pub(crate) setup: Setup,
}

/// Runs all, printing the table of a row when it is done.
pub(crate) fn run(wanted: &Wanted, programs: &Programs) -> anyhow::Result<()> {
    let mut entries = Vec::new();
    for row in &wanted.rows {
        let begin = entries.len();
        let servers: Vec<_> = wanted.servers.iter().filter(|server| server.peer.speaks(row.door())).collect();
        entries.extend(servers.iter().map(|server| Entry {
            row: row.id,
            title: row.title,
            server: server.name.clone(),
            runs: Vec::new(),
            failures: Vec::new(),
        }));
        for repeat in 1..=wanted.repeats {
            for (server, entry) in servers.iter().zip(&mut entries[begin..]) {
                // Who cannot do it once is not asked again.
                if !entry.failures.is_empty() {
                    continue;
                }
                progress(&format!("{}, run {repeat} of {}: {}", row.id, wanted.repeats, server.name));
                match measure(row, server, wanted.timing, programs) {
                    Ok(figures) => entry.runs.push(figures),
                    // It cannot do this; the others can.
                    Err(error) => entry.failures.push(format!("{error:#}")),
                }
            }
        }
        print!("{}", report::table(&entries[begin..].iter().collect::<Vec<_>>()));
    }
    write_json(&entries, wanted.json.as_deref())
}

fn measure(row: &Row, server: &Server, timing: Timing, programs: &Programs) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir()?;
    let running = Running::start(server.peer, &server.setup, programs, folder.path())?;
    let figures = match &row.kind {
        Kind::Load(plan) => {
            let address = running.address(row.door());
            let measured = load::run(address, plan, timing, || Ok(running.usage()?.cpu))?;
            ensure!(measured.deliveries > 0, "nothing was delivered");
            let deliveries = measured.deliveries as f64;
            let [p50_us, p99_us, p999_us] = measured.latency_us.map(Some);
            Figures {
                per_s: Some(deliveries / measured.took.as_secs_f64()),
                cpu_us: Some(measured.server_cpu.as_secs_f64() * 1e6 / deliveries),
                p50_us,
                p99_us,
                p999_us,
                resident_mb: Some(running.resident_bytes()? as f64 / 1e6),
                missing: Some(measured.missing as f64),
                misplaced: Some(measured.misplaced as f64),
                load_share: Some(measured.load_share),
                ..Figures::default()
            }
        }
        Kind::Connects { count, .. } => {
            let before = running.usage()?.cpu;
            let took = crowd::storm(running.address(row.door()), *count, 100)?;
            settle();
            let count = *count as f64;
            Figures {
                per_s: Some(count / took.as_secs_f64()),
                cpu_us: Some((running.usage()?.cpu - before).as_secs_f64() * 1e6 / count),
                resident_mb: Some(running.resident_bytes()? as f64 / 1e6),
                ..Figures::default()
            }
        }
        Kind::Idle { language, count, subscriptions } => {
            let address = running.address(row.door());
            let prepared = crowd::prepare(address, *language, *count, *subscriptions)?;
            settle();
            let before = running.resident_bytes()?;
            let crowd = crowd::gather(address, *language, &prepared)?;
            settle();
            let after = running.resident_bytes()?;
            let figures = Figures {
                resident_mb: Some(after as f64 / 1e6),
                bytes_each: Some(after.saturating_sub(before) as f64 / *count as f64),
                ..Figures::default()
            };
            drop(crowd);
            figures
        }
    };
    Ok(figures)
}

/// Lets a server finish what it does after the last answer.
fn settle() {
    std::thread::sleep(Duration::from_secs(1));
}

/// Says who is left out, and why.
pub(crate) fn available(peers: &[Peer], programs: &Programs) -> Vec<Peer> {
    let mut there = Vec::new();
    for peer in peers {
        match peer.availability(programs) {
            Ok(()) => there.push(*peer),
            Err(why) => println!("{} is left out: {why}", peer.name()),
        }
    }
    there
}

/// The peers in the order of the table, Housewire once for each number of shards.
pub(crate) fn servers(peers: &[Peer], shards: &[usize]) -> Vec<Server> {
    let as_is = |peer: Peer| Server { name: peer.name().to_owned(), peer, setup: Setup::default() };
    let with_shards = |shards: usize| Server {
        name: if shards == 1 { Peer::Housewire.name().to_owned() } else { format!("housewire, {shards} shards") },
        peer: Peer::Housewire,
        // A shard takes thousands of connections before the next is asked; here each is to have some.
        setup: Setup {
            shards,
            config: format!("[limits]\nconnections_per_shard = {}\n", 200 / shards),
            ..Setup::default()
        },
    };
    let each = |peer: &Peer| match peer {
        Peer::Housewire => shards.iter().copied().map(with_shards).collect(),
        _ => vec![as_is(*peer)],
    };
    peers.iter().flat_map(each).collect()
}
