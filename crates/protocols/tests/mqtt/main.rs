//! The MQTT machines from outside, through what they offer to everybody.

#![allow(clippy::unwrap_used)] // the lint knows test functions, not what they share

mod broker;
mod conformance;
mod door;
mod fuzz;
mod fuzzing;
mod oracle;
mod pair;
mod replay;
mod shares;
mod simulation;
mod table;
mod vectors;
