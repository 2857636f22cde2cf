//! Measures Housewire beside its peers, from outside: each server as its package runs it, in turn, in one run.
//!
//! Belongs here: starting servers, making load, reading what the kernel says of them. Does not: anything of Housewire's own
//! code, and any pass or fail: figures are for people.
#![allow(clippy::print_stdout)] // the table is what this program is for

mod crowd;
mod durability;
mod figures;
mod floor;
mod load;
mod peer;
mod report;
mod rows;
mod scenario;
mod start;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::{Parser, Subcommand};

use crate::load::plan::Timing;
use crate::peer::{Peer, Programs};
use crate::rows::Wanted;
use crate::scenario::Row;

/// Housewire and its peers side by side.
#[derive(Parser)]
#[command(name = "housewire-bench")]
struct Args {
    /// The Housewire program to measure.
    #[arg(long, default_value = "target/dist/housewire")]
    housewire: PathBuf,
    /// The repository, below which `scripts/setup bench` puts peers.
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// Runs of each case; medians are shown.
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    /// Also write the figures of all runs here, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// Messages, connects, idle connections, requests: a table of speed, CPU time, latency and memory.
    Load {
        /// Only these rows, by name or the beginning of it (fan-out, pairs-1, ws …).
        rows: Vec<String>,
        /// Only these servers (housewire, mosquitto, rumqttd, aedes, flask, floor).
        #[arg(long, value_delimiter = ',')]
        servers: Vec<String>,
        /// Housewire with so many shards; several numbers are compared with each other.
        #[arg(long, value_delimiter = ',', default_value = "1")]
        shards: Vec<usize>,
        /// How long each load is measured, after a warm-up of a quarter of that.
        #[arg(long, default_value_t = 2.0)]
        seconds: f64,
    },
    /// QoS 1 to a session that is away: what an acknowledgement costs, and what it is worth when the broker is killed.
    Durability {
        /// Messages of each run.
        #[arg(long, default_value_t = 4_000)]
        messages: u32,
    },
    /// A start: time, CPU and memory, of a peer with nothing to remember and of one with a house on disk.
    Start,
    /// Runs the server that does nothing, for other scenarios.
    #[command(hide = true)]
    Floor { port: u16 },
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    peer::raise_open_files()?;
    let programs = Programs::new(&args.housewire, &args.root);
    match args.scenario {
        Scenario::Durability { messages } => durability::run(&programs, args.repeats, messages, args.json.as_deref()),
        Scenario::Floor { port } => floor::serve(port),
        Scenario::Start => start::run(&programs, args.repeats, args.json.as_deref()),
        Scenario::Load { rows, servers, shards, seconds } => {
            let peers = rows::available(&chosen_peers(&servers)?, &programs);
            let wanted = Wanted {
                rows: chosen_rows(&rows)?,
                servers: rows::servers(&peers, &shards),
                repeats: args.repeats,
                timing: Timing {
                    warm_up: Duration::from_secs_f64(seconds / 4.0),
                    measured: Duration::from_secs_f64(seconds),
                },
                json: args.json,
            };
            rows::run(&wanted, &programs)
        }
    }
}

fn chosen_rows(names: &[String]) -> anyhow::Result<Vec<Row>> {
    let all = Row::all();
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|row| row.id.starts_with(name.as_str()))) {
        let known: Vec<_> = all.iter().map(|row| row.id).collect();
        bail!("there is no row {unknown}; there are {}", known.join(", "));
    }
    let is_wanted = |row: &Row| names.is_empty() || names.iter().any(|name| row.id.starts_with(name.as_str()));
    Ok(all.into_iter().filter(is_wanted).collect())
}

fn chosen_peers(names: &[String]) -> anyhow::Result<Vec<Peer>> {
    if let Some(unknown) = names.iter().find(|name| !Peer::ALL.iter().any(|peer| peer.name() == name.as_str())) {
        bail!("there is no server {unknown}; there are {}", Peer::ALL.map(Peer::name).join(", "));
    }
    let is_wanted = |peer: &Peer| names.is_empty() || names.iter().any(|name| name == peer.name());
    Ok(Peer::ALL.into_iter().filter(is_wanted).collect())
}
