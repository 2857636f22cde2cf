//! Every bound of what devices announce, with what happens when it is reached. Whoever may publish may announce, so all of it is
//! taken for hostile.

/// Longest template, in bytes; a longer one is a problem of what announced it.
pub const TEMPLATE_BYTES_MAX: usize = 8 * 1024;
/// Most words and signs of a template; one with more is refused likewise. It bounds how often one expression can name a list.
pub const TEMPLATE_TOKENS_MAX: usize = 2_000;
/// What a list or map that a template gives a name to may come to when it is written out, with what is in it, in bytes; beyond it
/// the template fails.
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
/// Largest regular expression, compiled, in bytes; a larger one fails.
pub const REGEX_BYTES_MAX: usize = 64 * 1024;
/// Largest announcement, in bytes; a larger one is refused, and what was known before stays.
pub const ANNOUNCEMENT_BYTES_MAX: usize = 128 * 1024;
/// Most entities of all devices that one dialect remembers; further ones are refused until others go.
pub const ENTITIES_MAX: usize = 10_000;
/// What all announcements that one dialect remembers come to, in bytes; likewise.
pub const ANNOUNCED_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most entities of one device, whatever number of messages announced them; those with the last names are left out.
pub const ENTITIES_PER_DEVICE_MAX: usize = 200;
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
