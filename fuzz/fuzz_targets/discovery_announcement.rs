//! Any bytes as announcements of devices. What is done with them, and what must hold, is in the tests of `links`.

#![no_main]
#![allow(dead_code)] // each target uses a part of what they share

#[path = "../../crates/links/tests/discovery/fuzzing.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::announcements(bytes));
