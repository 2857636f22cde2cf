//! Any bytes as a connection that is looked at. What must hold is in the tests of `protocols`.

#![no_main]

#[path = "../../crates/protocols/tests/annotate/fuzzing.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::follow_bytes(bytes));
