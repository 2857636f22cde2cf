//! Requests of Bolt's API from outside: what the fuzzer has found worth keeping, and the same with changes.

#![allow(clippy::unwrap_used)] // the lint knows test functions, not what they share

mod fuzzing;

use std::path::Path;

use proptest::prelude::*;

/// What covers much, and what broke something once.
fn corpus() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for folder in ["corpus", "found"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(folder).join("bolt_request");
        // A target that broke nothing has no folder in `found`.
        for entry in folder.read_dir().into_iter().flatten().map(Result::unwrap) {
            inputs.push(std::fs::read(entry.path()).unwrap());
        }
    }
    inputs.sort();
    assert!(inputs.len() > 20, "the corpus of bolt_request is lost");
    inputs
}

#[test]
fn what_was_found_breaks_nothing() {
    corpus().iter().for_each(|bytes| fuzzing::ask(bytes));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_was_found_and_changed_breaks_nothing(
        pick in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..6),
    ) {
        let corpus = corpus();
        let mut bytes = pick.get(&corpus).clone();
        for (place, byte, how) in changes {
            let at = place.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                _ => drop(bytes.drain(at..(at + usize::from(byte % 8)).min(bytes.len()))),
            }
        }
        fuzzing::ask(&bytes);
    }
}
