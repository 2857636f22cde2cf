//! The settings under `[blynk]`.

use serde::Deserialize;

use crate::config::ConfigError;
use crate::names::HostName;

/// How devices that speak Blynk are served.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlynkSettings {
    /// Whether Blynk is spoken at all [default: true]
    pub enabled: bool,
    /// Further ports that are what the one port is, for sketches with a port of Blynk's: 80, 443, 8442, 9443 … [default: none]
    pub ports: Vec<u16>,
    /// Messages of one device per second, as a mean of a minute; further ones are dropped [default: no bound]
    pub rate: Option<u32>,
    /// Heartbeat of devices that do not say theirs, in seconds [default: 10]
    pub heartbeat_s: u16,
    /// `host:port` at which devices fetch firmware that they are offered [default: where they reach the hub]
    pub address: Option<String>,
    /// `host` or `host:port` to which devices are sent that connect here, when the hub moved [default: none]
    pub redirect: Option<String>,
}

impl Default for BlynkSettings {
    fn default() -> Self {
        Self { enabled: true, ports: Vec::new(), rate: None, heartbeat_s: 10, address: None, redirect: None }
    }
}

impl BlynkSettings {
    /// Whether the settings make sense by themselves.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        const PORTS_MAX: usize = 16;
        const HEARTBEAT_S: std::ops::RangeInclusive<u16> = 1..=3_600;
        let senseless = |key, value: String, rule| Err(ConfigError::Senseless { key, value, rule });
        if self.ports.len() > PORTS_MAX {
            return senseless("blynk.ports", format!("{:?}", self.ports), "there may be at most 16");
        }
        if self.rate == Some(0) {
            return senseless("blynk.rate", "0".to_owned(), "leave it out if there is to be no bound");
        }
        if !HEARTBEAT_S.contains(&self.heartbeat_s) {
            return senseless("blynk.heartbeat_s", self.heartbeat_s.to_string(), "it must be between 1 and 3600");
        }
        for (key, place) in [("blynk.address", &self.address), ("blynk.redirect", &self.redirect)] {
            if let Some(place) = place.as_ref().filter(|place| !is_place(place)) {
                return senseless(key, place.clone(), "write host or host:port, such as hub.local:8080");
            }
        }
        Ok(())
    }
}

/// `host` or `host:port`.
fn is_place(text: &str) -> bool {
    const PLACE_CHARS_MAX: usize = 200;
    let host = crate::hosts::host_name(text);
    text.len() <= PLACE_CHARS_MAX && host.is_some_and(|host| !host.is_empty() && host.parse::<HostName>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_make_sense() {
        let read = |text: &str| toml::from_str::<BlynkSettings>(text);
        assert_eq!(read("").unwrap(), BlynkSettings::default());
        let settings = read("enabled = false\nports = [80, 9443]\nrate = 100\nheartbeat_s = 30").unwrap();
        assert_eq!((settings.ports.clone(), settings.rate, settings.heartbeat_s), (vec![80, 9443], Some(100), 30));
        assert!(settings.validate().is_ok());
        let places = read("address = 'hub.local:8080'\nredirect = '192.0.2.7'").unwrap();
        assert!(places.validate().is_ok(), "{places:?}");
        for text in [
            "address = ''",
            "address = 'http://hub'",
            "redirect = 'a b'",
            "redirect = 'hub:99999'",
            "rate = 0",
            "heartbeat_s = 0",
            "heartbeat_s = 4000",
            "ports = [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]",
        ] {
            assert!(read(text).unwrap().validate().is_err(), "{text}");
        }
        for text in ["port = 80", "ports = 80", "ports = [70000]", "rate = -1"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
