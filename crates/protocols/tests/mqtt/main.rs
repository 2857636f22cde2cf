//! The MQTT machines from outside, through what they offer to everybody.

#![allow(clippy::unwrap_used)] // the lint knows test functions, not what they share

mod broker;
mod conformance;
mod fuzz;
mod pair;
mod simulation;
mod table;
mod vectors;
