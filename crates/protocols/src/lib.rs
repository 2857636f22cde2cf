//! What goes over the wire: codecs, and the machines that decide what is answered.
//!
//! Pure: no sockets, no async, no clock, no randomness; time and names come in as arguments. Shells in `server` move the
//! bytes. A protocol is a folder here; protocols never use each other.

pub mod annotate;
pub mod blynk;
pub mod bolt;
pub mod limits;
pub mod mqtt;
pub mod scram;
