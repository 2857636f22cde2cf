//! Any bytes as a user file of Blynk's server. What is done with them, and what must hold, is in the tests of `links`.

#![no_main]

#[path = "../../crates/links/tests/blynk_file/fuzzing.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::user_file(bytes));
