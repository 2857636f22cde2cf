//! Bytes to packets and back, for all versions and both directions.
//!
//! Decoding borrows, is strict and never panics; encoding is its mirror. What a well-formed packet means at this point of
//! a conversation belongs to `session`.

mod decode;
mod encode;
mod error;
mod property;
mod publish;
mod reader;

pub(super) use decode::announced_version;
pub use decode::decode;
pub use encode::encode;
pub use error::DecodeError;
pub(super) use publish::{ALIAS_BYTES, MessageProperties, PublishFrame, aliased_key, encode_run, patch_alias, run_key};

/// The largest number in one to four bytes of seven bits [MQTT-1.5.5-1].
const VARINT_MAX: usize = 268_435_455;
/// The largest packet there can be: one byte of type, four of length, and what they announce.
pub(super) const PACKET_BYTES_MAX: usize = VARINT_MAX + 5;

#[cfg(test)]
mod tests;
