//! Every bound of what devices announce, with what happens when it is reached. Whoever may publish may announce, so all of it is
//! taken for hostile.

/// Longest template, in bytes; a longer one is a problem of what announced it.
pub const TEMPLATE_BYTES_MAX: usize = 8 * 1024;
/// Most words and signs of a template; one with more is refused likewise. It bounds how often one expression can name something.
pub const TEMPLATE_TOKENS_MAX: usize = 1_000;
/// What a text, list or map that a template gives a name to, and a list or map that it spells out, may come to when it is written out, with what is in it, in bytes; beyond
/// it the template fails.
pub const TEMPLATE_NAMED_BYTES_MAX: usize = 64 * 1024;
/// Longest `range` of a template.
pub const TEMPLATE_RANGE_MAX: i64 = 1_000;
/// Work that one template may do for one message: a step costs 1, as do 64 bytes that are made or looked at. It bounds memory too,
/// to about 1.3 MB. Beyond it the value stays what it was.
pub const TEMPLATE_FUEL: u64 = 20_000;
/// How deep a template may nest what it runs; deeper ones fail.
pub const TEMPLATE_DEPTH_MAX: usize = 64;
/// Largest message that a template is given, in bytes; the value stays what it was.
pub const TEMPLATE_INPUT_BYTES_MAX: usize = 64 * 1024;
/// Longest text that a template may make, which is the longest value; the value stays what it was.
pub const TEMPLATE_OUTPUT_BYTES_MAX: usize = housewire_core::limits::VALUE_BYTES_MAX;
/// Source text of the templates that are kept compiled, in bytes; beyond it all are compiled anew when they are next needed.
pub const TEMPLATE_CACHE_BYTES_MAX: usize = 1024 * 1024;
/// What compiling a regular expression costs of [`TEMPLATE_FUEL`], beside the text it is held against.
pub const REGEX_FUEL: u64 = 400;
/// Largest regular expression, compiled, in bytes; a larger one fails. A search looks at all of it for each letter.
pub const REGEX_BYTES_MAX: usize = 16 * 1024;
/// Longest text that a regular expression is held against, in bytes; with a longer one it fails.
pub const REGEX_TEXT_BYTES_MAX: usize = 4 * 1024;
/// Most groups of a regular expression; one with more fails.
pub const REGEX_GROUPS_MAX: usize = 16;
/// Largest announcement, in bytes; a larger one is refused, and what was known before stays.
pub const ANNOUNCEMENT_BYTES_MAX: usize = 128 * 1024;
/// Most entities of all devices that one dialect remembers; further ones are refused until others go.
pub const ENTITIES_MAX: usize = 10_000;
/// What all announcements that one dialect remembers come to, in bytes; likewise.
pub const ANNOUNCED_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most entities of one device, whatever number of messages announced them; those with the last names are left out.
pub const ENTITIES_PER_DEVICE_MAX: usize = 200;
/// Most entities that are remembered for one device, used or not; further ones are refused until others go.
pub const DEVICE_MEMBERS_MAX: usize = 2 * ENTITIES_PER_DEVICE_MAX;
/// Most components of one message; the others are left out.
pub const COMPONENTS_MAX: usize = 200;
/// Longest text of an announcement that is no template, in bytes; a longer one is left out.
pub const ANNOUNCED_TEXT_BYTES_MAX: usize = 4 * 1024;
/// Most availability topics of one device; the others are left out.
pub const AVAILABILITY_TOPICS_MAX: usize = 16;
/// Most identifiers and connections of one device; the others are left out.
pub const IDENTIFIERS_MAX: usize = 16;
/// Most problems told of one device, or of one message.
pub const PROBLEMS_MAX: usize = 20;
/// Names of properties that are remembered for one device after they went, so that others keep theirs; the last are forgotten.
pub const NAMES_REMEMBERED_MAX: usize = 512;
/// What the names that are remembered for all devices come to, in bytes; beyond it, a device that changes forgets the last of those
/// that went.
pub const NAMES_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Devices that one dialect remembers; a further one is a problem, known ones still change.
pub const FOUND_MAX: usize = 1_000;
/// Properties of all devices that one dialect remembers; a device that would add to more is a problem, and is not shown or stays what
/// it was.
pub const PROPERTIES_FOUND_MAX: usize = 20_000;
/// Longest topic of a device's own, in bytes; what has a longer one is left out, which is a problem.
pub const OWN_TOPIC_BYTES_MAX: usize = 512;
/// Longest part of somebody else's text that is shown in a problem, in characters.
pub const QUOTED_CHARS_MAX: usize = 80;
/// Largest announcement of Zigbee2MQTT in bytes, as one message names all devices; a larger one is a problem and changes nothing.
pub const BRIDGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Parts of a device that are looked at (features of `exposes`, leaves of Tasmota's sensors, properties of Homie); further ones
/// are a problem.
pub const PARTS_MAX: usize = 1_000;
/// Features within features; deeper ones are a problem.
pub const FEATURE_DEPTH_MAX: usize = 4;
/// Relays, switches, buttons or shutters of one Tasmota; further ones are ignored.
pub const TASMOTA_PARTS_MAX: usize = 64;
/// Nodes of one Homie device; further ones are a problem.
pub const HOMIE_NODES_MAX: usize = 128;
/// Members of one array of nodes (Homie 3); a longer array is a problem.
pub const HOMIE_ARRAY_MAX: usize = 64;
/// Attributes that are kept of one Homie 3 or 4 device, in bytes; what would add to more is a problem.
pub const HOMIE_DEVICE_BYTES_MAX: usize = 256 * 1024;
/// Attributes and descriptions that are kept of all Homie devices, in bytes; what would add to more is a problem.
pub const HOMIE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Names of Zigbee2MQTT's devices that are remembered for their announcing whether they are there; further ones are not.
pub const AVAILABILITY_NAMES_MAX: usize = 4_000;
/// Hosts that are remembered for what they offer on the network; a further one is not shown.
pub const HOSTS_MAX: usize = 1_000;
/// Services of one host; further ones are not shown.
pub const HOST_SERVICES_MAX: usize = 32;
/// Addresses of one host that are shown.
pub const HOST_ADDRESSES_MAX: usize = 16;
