//! Blynk's machine from outside: what the fuzzer has found worth keeping, and the same with changes.

#![allow(clippy::unwrap_used)] // the lint knows test functions, not what they share

mod fuzzing;

use std::path::Path;

use proptest::prelude::*;

/// What covers much, and what broke something once.
fn corpus() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for folder in ["corpus", "found"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(folder).join("blynk_session");
        // A target that broke nothing has no folder in `found`.
        for entry in folder.read_dir().into_iter().flatten().map(Result::unwrap) {
            inputs.push(std::fs::read(entry.path()).unwrap());
        }
    }
    inputs.sort();
    assert!(inputs.len() > 20, "the corpus of blynk_session is lost");
    inputs
}

#[test]
fn what_was_found_breaks_nothing() {
    for bytes in corpus() {
        fuzzing::run_session(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_was_found_and_changed_breaks_nothing(
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 0..5),
    ) {
        let corpus = corpus();
        let mut bytes: Vec<u8> = picks.iter().enumerate().flat_map(|(place, pick)| {
            // The first byte of an input is no byte of the device.
            corpus[pick.index(corpus.len())].iter().skip(usize::from(place > 0)).copied()
        }).collect();
        for (at, byte, how) in changes {
            let at = at.index(bytes.len() + 1);
            match how {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, byte),
                2 if at < bytes.len() => drop(bytes.remove(at)),
                _ if at < bytes.len() => bytes[at] ^= byte,
                _ => {}
            }
        }
        fuzzing::run_session(&bytes);
    }
}
