//! What all HTTP connections of a hub share: who may use it how often, and from which pages; the streams of events.

use std::time::Instant;

use crate::config::{Config, Origins};
use crate::http::bolt::Names;
use crate::http::rate::Rates;
use crate::http::resume::Streams;

/// See the module.
pub(crate) struct Lobby {
    pub(crate) rates: Rates,
    pub(crate) origins: Origins,
    pub(crate) streams: Streams,
    /// Of devices over Bolt's API.
    pub(in crate::http) bolt_names: Names,
}

impl Lobby {
    pub(crate) fn new(config: &Config, now: Instant) -> Self {
        let limits = &config.limits;
        Self {
            rates: Rates::new(limits.request_rate, limits.request_burst, now),
            origins: config.http.cors_origins.clone(),
            streams: Streams::default(),
            bolt_names: Names::default(),
        }
    }
}
