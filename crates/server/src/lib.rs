//! Housewire: the server to which every device of a home or lab connects, in whatever language it speaks.
//!
//! This crate is the outermost one: it owns sockets, threads, configuration, JSON and the page. What a message means
//! is decided in `core`, what bytes mean in `protocols`, what lies on disk in `store`. The transports `mqtt`, `http`, `ws`
//! and `blynk` never use each other.

mod accounts;
mod admission;
mod aside;
mod auth;
mod backoff;
mod blynk;
mod caller;
mod claims;
pub mod cli;
mod clients;
pub mod config;
mod dashboards;
mod demo;
mod device_templates;
mod discovery;
mod document;
mod feed;
mod firmware;
#[cfg(test)]
mod fixture;
mod history;
mod hosts;
mod house;
mod http;
mod kept;
mod limits;
mod listener;
mod logs;
mod mail;
mod mdns;
mod metrics;
mod mqtt;
mod names;
mod notifications;
mod outbox;
mod peer;
mod persist;
mod pins;
mod plain_http;
mod players;
mod presence;
mod proxy;
mod publish;
mod reasons;
mod refusal;
mod refusals;
mod routes;
pub mod serve;
mod shard;
mod signal;
mod sink;
mod socket;
mod stats;
mod stream;
mod sys;
mod tap;
mod tls;
mod users;
mod view;
mod virtual_devices;
mod ws;

pub use auth::GuestPolicy;
pub use names::HostName;
pub use persist::DurabilityMode;
pub use proxy::{Network, Proxies};
pub use tls::TlsError;
