//! What the house decided about discovery, as it is kept.

use std::collections::BTreeSet;

use housewire_core::{DeviceId, Topic};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What happens to a device that nobody decided about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Adopt {
    /// It waits for somebody.
    #[default]
    Ask,
    /// It is adopted at once, if whoever announced it may write all that it would write by that.
    Automatic,
}

/// What can be set while the hub runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DiscoverySettings {
    /// Whether announcements are listened to, and adopted devices served.
    pub(crate) enabled: bool,
    pub(crate) adopt: Adopt,
    /// Under which Home Assistant's form of announcements is found.
    pub(crate) homeassistant_prefix: String,
    /// Zigbee2MQTT's base topic.
    pub(crate) zigbee2mqtt_base: String,
    /// Whether this hub announces its own devices to a Home Assistant.
    pub(crate) announce: bool,
}

impl Default for DiscoverySettings {
    fn default() -> Self {
        Self {
            enabled: true,
            adopt: Adopt::Ask,
            homeassistant_prefix: "homeassistant".into(),
            zigbee2mqtt_base: "zigbee2mqtt".into(),
            announce: false,
        }
    }
}

/// Longest prefix; what stands below it has to fit, too.
const PREFIX_BYTES_MAX: usize = 200;

impl DiscoverySettings {
    /// What is wrong with them, in words for whoever made them.
    pub(crate) fn validate(&self) -> Result<(), String> {
        for (field, topic) in
            [("homeassistant_prefix", &self.homeassistant_prefix), ("zigbee2mqtt_base", &self.zigbee2mqtt_base)]
        {
            let is_reserved = topic.starts_with('$') || topic == "devices" || topic.starts_with("devices/");
            let is_odd = topic.len() > PREFIX_BYTES_MAX || topic.starts_with('/') || topic.ends_with('/');
            if is_reserved || is_odd || Topic::parse(topic).is_err() {
                return Err(format!(
                    "{field} must be a topic of at most {PREFIX_BYTES_MAX} bytes that neither begins with '$' or 'devices' nor begins or \
                     ends with '/', such as homeassistant."
                ));
            }
        }
        Ok(())
    }
}

/// The document: the settings, and what goes with them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct KeptSettings {
    pub(super) settings: DiscoverySettings,
    /// By which this hub knows its own announcements.
    pub(super) hub: String,
    /// Devices that are not announced, whatever the settings say.
    pub(super) unannounced: BTreeSet<String>,
}

impl KeptSettings {
    /// Whether a device is announced.
    pub(super) fn announces(&self, device: &DeviceId) -> bool {
        self.settings.announce && !self.unannounced.contains(device.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_topic_of_ones_own() {
        let with =
            |prefix: &str| DiscoverySettings { homeassistant_prefix: prefix.into(), ..DiscoverySettings::default() };
        for good in ["homeassistant", "a/b"] {
            assert_eq!(with(good).validate(), Ok(()), "{good}");
        }
        for bad in ["", "$SYS", "devices", "devices/x", "a/+", "#", "/a", "a/", &"x".repeat(201)] {
            assert!(with(bad).validate().is_err(), "{bad}");
        }
    }

    #[test]
    fn settings_of_an_older_version_have_defaults() {
        let kept: KeptSettings = serde_json::from_str(r#"{"settings":{"adopt":"automatic"},"later":1}"#).unwrap();
        assert_eq!(kept.settings, DiscoverySettings { adopt: Adopt::Automatic, ..DiscoverySettings::default() });
    }
}
