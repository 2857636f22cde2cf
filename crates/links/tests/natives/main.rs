//! Announcements in the ecosystems' own words: whole sets of them as ecosystems send them, and bytes that nobody thought of.

#![allow(clippy::unwrap_used)] // the lint knows test functions, not what they share

mod fuzzing;
mod hostile;
mod replay;
mod sets;
