//! The dialects that are listened to.

use housewire_links::discovery::Dialect;
use housewire_links::discovery::homeassistant::{HomeAssistant, Options};
use housewire_links::discovery::homie::Homie;
use housewire_links::discovery::tasmota::Tasmota;
use housewire_links::discovery::zigbee2mqtt::Zigbee2Mqtt;
use tracing::warn;

use super::settings::KeptSettings;

/// One of each, under the topics that the settings name.
pub(super) fn dialects(kept: &KeptSettings) -> Vec<Box<dyn Dialect>> {
    let prefix = kept.settings.homeassistant_prefix.clone();
    let mut dialects: Vec<Box<dyn Dialect>> = vec![
        Box::new(HomeAssistant::new(Options { prefix, hub: kept.hub.clone() })),
        Box::new(Tasmota::new()),
        Box::new(Homie::new()),
    ];
    match Zigbee2Mqtt::new(&kept.settings.zigbee2mqtt_base) {
        Ok(dialect) => dialects.push(Box::new(dialect)),
        Err(error) => warn!("Zigbee2MQTT is not listened to: {error}"),
    }
    dialects
}
