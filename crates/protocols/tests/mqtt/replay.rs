//! What the fuzzer has found worth keeping, as it is and changed with a seed that is printed.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use crate::fuzzing;
use crate::pair::Random;

/// Changed inputs per target in `cargo test`; `FUZZ_ROUNDS` asks for more.
const ROUNDS: u64 = 5_000;

fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not '{text}'")))
}

/// Seed and rounds: a new seed for every run, unless one is asked for.
pub(crate) fn chance(rounds: u64) -> (u64, u64) {
    let seed = number_from("FUZZ_SEED").unwrap_or_else(|| RandomState::new().hash_one(0) >> 16);
    (seed, number_from("FUZZ_ROUNDS").unwrap_or(rounds))
}

/// What covers much, and what broke something once.
pub(crate) fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for folder in ["corpus", "found"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(folder).join(target);
        // A target that broke nothing has no folder in `found`.
        for entry in folder.read_dir().into_iter().flatten().map(Result::unwrap) {
            files.push((entry.path().display().to_string(), std::fs::read(entry.path()).unwrap()));
        }
    }
    files.sort();
    assert!(files.len() > 20, "the corpus of {target} is lost");
    files
}

/// An input with a few changes, sometimes with the end of another one.
fn changed(random: &mut Random, corpus: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = corpus[random.below(corpus.len())].1.clone();
    if random.below(4) == 0 {
        let other = &corpus[random.below(corpus.len())].1;
        bytes.truncate(random.below(bytes.len() + 1));
        bytes.extend_from_slice(&other[random.below(other.len() + 1)..]);
    }
    for _ in 0..random.below(5) {
        let at = random.below(bytes.len() + 1);
        match random.below(5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.below(256) as u8),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            _ => {}
        }
    }
    bytes
}

fn replay(target: &str, run: fn(&[u8]), seed: u64, rounds: u64) {
    let corpus = corpus(target);
    for (name, bytes) in &corpus {
        let outcome = std::panic::catch_unwind(|| run(bytes));
        assert!(outcome.is_ok(), "{name}");
    }
    let mut random = Random::new(seed);
    for round in 0..rounds {
        let bytes = changed(&mut random, &corpus);
        let outcome = std::panic::catch_unwind(|| run(&bytes));
        assert!(outcome.is_ok(), "FUZZ_SEED={seed}, round {round}: {bytes:02x?}");
    }
}

#[test]
fn what_was_found_for_the_decoder_breaks_nothing() {
    let (seed, rounds) = chance(ROUNDS);
    println!("to see the same again: FUZZ_SEED={seed} FUZZ_ROUNDS={rounds}");
    replay("mqtt_decode", fuzzing::decode_bytes, seed, rounds);
}

#[test]
fn what_was_found_for_sessions_breaks_nothing() {
    let (seed, rounds) = chance(ROUNDS);
    println!("to see the same again: FUZZ_SEED={seed} FUZZ_ROUNDS={rounds}");
    replay("mqtt_session", fuzzing::run_session, seed, rounds);
}
