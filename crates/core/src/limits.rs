//! Every bound of this crate, with what happens when it is reached.
//!
//! Bounds of sockets, sessions and requests belong to the crates that own those.

/// Longest topic or filter in bytes (MQTT's two-byte length allows 65,535; nothing real comes near this).
/// Longer ones are refused when parsed.
pub const TOPIC_BYTES_MAX: usize = 4_096;
/// Most levels in a topic or filter; deeper ones are refused when parsed.
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
/// Largest payload that becomes a property's value; larger reports are refused.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Sessions remembered as reporting for one device; one that left makes room, and while all are connected another one
/// is not remembered.
pub const REPORTERS_MAX: usize = 16;
/// Most retained messages; a further topic is refused, known topics still change.
pub const RETAINED_MAX: usize = 1_000_000;
/// Routes remembered by one shard; when full the cache starts over.
pub const ROUTES_CACHED_MAX: usize = 65_536;
