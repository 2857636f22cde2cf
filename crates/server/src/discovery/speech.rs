//! The dialects that are listened to.

use housewire_links::discovery::Dialect;

use super::settings::DiscoverySettings;

/// One of each, under the topics that the settings name.
pub(super) fn dialects(settings: &DiscoverySettings) -> Vec<Box<dyn Dialect>> {
    let _ = settings;
    Vec::new()
}
