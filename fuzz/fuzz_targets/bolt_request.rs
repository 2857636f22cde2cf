//! Any bytes as a request of Bolt's API. What is done with them, and what must hold, is in the tests of `protocols`.

#![no_main]

#[path = "../../crates/protocols/tests/bolt/fuzzing.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::ask(bytes));
