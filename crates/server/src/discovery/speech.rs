//! The dialects that are listened to.

use housewire_links::discovery::Dialect;
use housewire_links::discovery::homeassistant::{HomeAssistant, Options};

use super::settings::KeptSettings;

/// One of each, under the topics that the settings name.
pub(super) fn dialects(kept: &KeptSettings) -> Vec<Box<dyn Dialect>> {
    let prefix = kept.settings.homeassistant_prefix.clone();
    vec![Box::new(HomeAssistant::new(Options { prefix, hub: kept.hub.clone() }))]
}
