//! Any bytes as what a Blynk device sends. What is done with them, and what must hold, is in the tests of `protocols`.

#![no_main]

#[path = "../../crates/protocols/tests/blynk/fuzzing.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::run_session(bytes));
