//! Any bytes as MQTT packets of each version. What is done with them, and what must hold, is in the tests of `protocols`.

#![no_main]
#![allow(dead_code)] // each target uses a part of what they share

#[path = "../../crates/protocols/tests/mqtt/broker.rs"]
mod broker;
#[path = "../../crates/protocols/tests/mqtt/door.rs"]
mod door;
#[path = "../../crates/protocols/tests/mqtt/fuzzing.rs"]
mod fuzzing;
#[path = "../../crates/protocols/tests/mqtt/shares.rs"]
mod shares;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::decode_bytes(bytes));
