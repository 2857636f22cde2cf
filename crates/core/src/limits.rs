//! Every bound of this crate, with what happens when it is reached.
//!
//! Bounds of sockets, sessions and requests belong to the crates that own those.

use crate::denied::Denied;

/// Longest topic or filter in bytes (MQTT's two-byte length allows 65,535; nothing real comes near this).
/// Longer ones are refused when parsed. A hub may have a narrower bound, [`HubLimits::topic_bytes_max`].
pub const TOPIC_BYTES_MAX: usize = 4_096;
/// Most levels in a topic or filter; deeper ones are refused when parsed. A hub may have a narrower bound,
/// [`HubLimits::topic_levels_max`].
pub const TOPIC_LEVELS_MAX: usize = 128;
/// Most devices in the registry; a report that would add one more is refused.
pub const DEVICES_MAX: usize = 10_000;
/// Most properties of one device; a report that would add one more is refused.
pub const PROPERTIES_MAX: usize = 256;
/// Longest device id or property name in bytes.
pub const ID_BYTES_MAX: usize = 64;
/// Longest name, room, model, unit or role in bytes; longer ones are refused.
pub const LABEL_BYTES_MAX: usize = 256;
/// Most options of an enum property; more are refused.
pub const OPTIONS_MAX: usize = 256;
/// Most bindings of a property; more are refused.
pub const BINDINGS_MAX: usize = 8;
/// Largest payload that becomes a property's value; larger reports and requests are refused.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Sessions remembered as reporting for one device; one that left makes room, and while all are connected another one
/// is not remembered.
pub const REPORTERS_MAX: usize = 16;
/// Routes remembered by one shard; when there are so many, those that were not used for longest go. As many as half of them
/// may be on their way out.
pub const ROUTES_CACHED_MAX: usize = 65_536;
/// What all routes remembered by one shard take up, with their topics; likewise.
pub const ROUTES_CACHED_BYTES_MAX: usize = 96 * 1024 * 1024;
/// Changed filters remembered of each of three kinds; a route that was not used for more changes is looked up anew.
pub(crate) const CHANGES_KEPT_MAX: usize = 256;

/// Bounds that whoever runs a hub chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubLimits {
    /// Longest topic or filter in bytes (4,096, which is also the most); a longer one is refused.
    pub topic_bytes_max: usize,
    /// Most levels of a topic or filter (128, which is also the most); a deeper one is refused.
    pub topic_levels_max: usize,
    /// Most retained messages (1,000,000); a further topic is refused, known topics still change.
    pub retained_len_max: usize,
    /// Topics, payloads and properties of all retained messages, in bytes (256 MiB); what would add to more is refused.
    pub retained_bytes_max: usize,
}

impl HubLimits {
    /// Whether a text that parsed as topic or filter is within this hub's bounds.
    pub(crate) fn check(&self, topic: &str) -> Result<(), Denied> {
        if topic.len() > self.topic_bytes_max {
            return Err(Denied::TopicTooLong(self.topic_bytes_max));
        }
        if topic.bytes().filter(|byte| *byte == b'/').count() >= self.topic_levels_max {
            return Err(Denied::TopicTooDeep(self.topic_levels_max));
        }
        Ok(())
    }
}

impl Default for HubLimits {
    fn default() -> Self {
        Self {
            topic_bytes_max: TOPIC_BYTES_MAX,
            topic_levels_max: TOPIC_LEVELS_MAX,
            retained_len_max: 1_000_000,
            retained_bytes_max: 256 * 1024 * 1024,
        }
    }
}
