//! The store on a disk that loses power or room: what was written comes back, what was not leaves nothing behind.
//!
//! The disk is a layer between SQLite and the real files (`vfs`) that notes what was not synced (`disk`). It is the default of
//! this binary, so the store runs on it as it is. Batches are those of the store's own model.

#![cfg(unix)] // the layer takes paths as bytes
#![allow(clippy::unwrap_used)] // the lint knows test functions, not what they share

mod disk;
mod full;
mod history;
mod lives;
mod log_files;
mod vfs;

#[path = "../../src/store/tests/model.rs"]
mod model;
#[path = "../../src/store/tests/session_model.rs"]
mod session_model;

use housewire_store::{QueuedRecord, SessionChanges, SessionRecord, Sessions, Step, SubscriptionRecord, WillRecord};

use crate::lives::{Lives, Tally};

/// Power cuts in `cargo test`; `POWER_CUT_ROUNDS` asks for more.
const ROUNDS: u64 = 60;
/// Power cuts after which a new folder is begun.
const ROUNDS_PER_FOLDER: u64 = 12;

fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not '{text}'")))
}

fn cut(rounds: u64, first_seed: u64) -> Tally {
    let mut tally = Tally::default();
    for folder in 0..rounds.div_ceil(ROUNDS_PER_FOLDER) {
        let rounds = ROUNDS_PER_FOLDER.min(rounds - folder * ROUNDS_PER_FOLDER);
        if let Err(loss) = Lives::new(first_seed + folder, None).run(rounds, &mut tally) {
            panic!("seed {first_seed}, folder {folder}: {loss}");
        }
    }
    tally
}

#[test]
fn a_power_cut_loses_nothing_that_was_written() {
    let rounds = number_from("POWER_CUT_ROUNDS").unwrap_or(ROUNDS);
    let first_seed = number_from("POWER_CUT_SEED").unwrap_or_else(|| fastrand::u64(..1 << 48));
    println!("to see the same again: POWER_CUT_SEED={first_seed} POWER_CUT_ROUNDS={rounds}");
    println!("{:?}", cut(rounds, first_seed));
}

/// A test that only ever cut between the interesting moments would show nothing.
#[test]
fn the_power_is_cut_at_all_kinds_of_moments() {
    let tally = cut(ROUNDS, 1);
    let Tally { batches, in_open, in_apply, in_close, at_rest, kept, gone } = tally;
    assert!([in_open, in_apply, in_close, at_rest, kept, gone].iter().all(|count| *count > 1), "{tally:?}");
    assert!(batches > ROUNDS, "{tally:?}");
}

/// The number that SQLite knows `PRAGMA synchronous` values by.
const OFF: u8 = 0;
const NORMAL: u8 = 1;

#[test]
fn without_waiting_for_the_disk_the_loss_is_seen() {
    for synchronous in [OFF, NORMAL] {
        let mut tally = Tally::default();
        let is_lost =
            (0..20).any(|seed| Lives::new(seed, Some(synchronous)).run(ROUNDS_PER_FOLDER, &mut tally).is_err());
        assert!(is_lost, "synchronous={synchronous} went unnoticed: this test cannot fail; {tally:?}");
    }
}
