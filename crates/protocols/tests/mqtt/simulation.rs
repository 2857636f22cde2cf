//! Clients, connections, a hub that crashes and its disk, simulated from a seed: whatever happens, QoS 1 arrives at least
//! once, QoS 2 exactly once, in order, wills exactly when they are due, and nothing grows over its bound.
//!
//! `HOUSEWIRE_SIM_SEEDS` says how many seeds are run, `HOUSEWIRE_SIM_SEED` which is the first. The machines are the real
//! ones; the shell around them (`hub`) is a model of the server's, so that each mistake a shell can make is made here
//! once, to see that it is found.

mod batches;
mod client;
mod client_state;
mod disk;
mod given;
mod hub;
mod network;
mod witness;
mod world;

use std::panic::catch_unwind;

use self::given::Mistake;
use self::witness::{Counts, Kind, Violation, violation};

const SEEDS: u64 = 300;

fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

fn run(seed: u64, mistake: Mistake) -> Result<Counts, Violation> {
    catch_unwind(|| world::run(seed, mistake)).unwrap_or_else(|_| violation(Kind::Protocol, "it panicked".to_owned()))
}

#[test]
fn every_promise_is_kept_in_every_simulation() {
    let first = setting("HOUSEWIRE_SIM_SEED", 0);
    let seeds = first..first + setting("HOUSEWIRE_SIM_SEEDS", SEEDS);
    println!("seeds {seeds:?}");
    let mut total = Counts::default();
    for seed in seeds.clone() {
        match run(seed, Mistake::None) {
            Ok(counts) => total.add(&counts),
            Err(Violation { kind, text }) => panic!(
                "seed {seed}: {kind:?}: {text}\nTo repeat it: HOUSEWIRE_SIM_SEED={seed} HOUSEWIRE_SIM_SEEDS=1 cargo test \
                 -p housewire-protocols --test mqtt every_simulation"
            ),
        }
    }
    println!("{total:?}");
    assert!(seeds.end - seeds.start < SEEDS || total.all_happened(), "something never happened: {total:?}");
}

/// Runs seeds until one of them breaks a promise of this kind.
#[allow(clippy::print_stdout)] // the lint knows test functions, not what they share
fn find(mistake: Mistake, kind: Kind) {
    let found = (0..SEEDS).find_map(|seed| {
        let violation = run(seed, mistake).err().filter(|violation| violation.kind == kind);
        violation.map(|violation| (seed, violation.text))
    });
    let Some((seed, text)) = found else { panic!("{mistake:?} shows in none of {SEEDS} seeds as {kind:?}") };
    println!("{mistake:?}, seed {seed}: {kind:?}: {text}");
}

#[test]
fn a_shell_that_holds_nothing_back_delivers_twice() {
    find(Mistake::HoldsNothingBack, Kind::Twice);
}

#[test]
fn a_shell_that_divides_batches_delivers_twice() {
    find(Mistake::DividesBatches, Kind::Twice);
}

#[test]
fn a_shell_that_answers_before_the_disk_loses_messages() {
    find(Mistake::AcknowledgesEarly, Kind::Lost);
    find(Mistake::RepeatsEarly, Kind::Lost);
    find(Mistake::CompletesEarly, Kind::Lost);
    find(Mistake::SubscribesEarly, Kind::Lost);
}

#[test]
fn a_shell_that_lets_in_before_the_disk_forgets_sessions() {
    find(Mistake::LetsInEarly, Kind::Session);
    find(Mistake::LetsInEarly, Kind::Will);
}

#[test]
fn a_shell_that_refuses_only_half_loses_messages_or_delivers_twice() {
    find(Mistake::KeepsRefused, Kind::Lost);
    find(Mistake::RefusesPublished, Kind::Twice);
}
