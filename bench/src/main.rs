//! Measures Housewire beside its peers, from outside: each broker as its package runs it, in turn, in one run.
//!
//! Belongs here: starting brokers, making load, reading what the kernel says of them. Does not: anything of Housewire's own
//! code, and any pass or fail: figures are for people.
#![allow(clippy::print_stdout)] // the table is what this program is for

mod durability;
mod figures;
mod peer;
mod start;
mod wire;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use peer::Programs;

/// Housewire and its peers side by side.
#[derive(Parser)]
#[command(name = "housewire-bench")]
struct Args {
    /// The Housewire program to measure.
    #[arg(long, default_value = "target/release/housewire")]
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
    /// QoS 1 to a session that is away: what an acknowledgement costs, and what it is worth when the broker is killed.
    Durability {
        /// Messages of each run.
        #[arg(long, default_value_t = 4_000)]
        messages: u32,
    },
    /// A start: time, CPU and memory, of a peer with nothing to remember and of one with a house on disk.
    Start,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    peer::raise_open_files()?;
    let programs = Programs::new(&args.housewire, &args.root);
    match args.scenario {
        Scenario::Durability { messages } => durability::run(&programs, args.repeats, messages, args.json.as_deref()),
        Scenario::Start => start::run(&programs, args.repeats, args.json.as_deref()),
    }
}
