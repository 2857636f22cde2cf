//! The settings under `[blynk]`.

use serde::Deserialize;

use crate::config::ConfigError;

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
}

impl Default for BlynkSettings {
    fn default() -> Self {
        Self { enabled: true, ports: Vec::new(), rate: None, heartbeat_s: 10 }
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
        Ok(())
    }
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
        for text in
            ["rate = 0", "heartbeat_s = 0", "heartbeat_s = 4000", "ports = [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]"]
        {
            assert!(read(text).unwrap().validate().is_err(), "{text}");
        }
        for text in ["port = 80", "ports = 80", "ports = [70000]", "rate = -1"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
