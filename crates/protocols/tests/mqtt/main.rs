//! The MQTT machines from outside, through what they offer to everybody.

#![allow(clippy::unwrap_used)] // the lint knows test functions, not what they share

mod broker;
mod fuzz;
mod pair;
mod script;
mod simulation;
mod vectors;
