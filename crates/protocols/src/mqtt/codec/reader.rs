//! MQTT's data types (MQTT 5 section 1.5), read one after the other from a packet whose end is known.

use std::num::NonZeroU16;

use super::error::DecodeError;
use crate::mqtt::packet::PacketId;

/// What is left of a packet.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    pub(super) fn expect_end(&self, last_field: &'static str) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing(last_field)) }
    }

    /// Whether a zero byte comes next, which is skipped.
    pub(super) fn skip_zero(&mut self) -> bool {
        let is_zero = self.rest.first() == Some(&0);
        self.rest = &self.rest[usize::from(is_zero)..];
        is_zero
    }

    fn take(&mut self, len: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Truncated(field))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated(field))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array(field).map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// Zero is a protocol error wherever the specification rules it out.
    pub(super) fn non_zero_u16(&mut self, field: &'static str) -> Result<NonZeroU16, DecodeError> {
        NonZeroU16::new(self.u16(field)?).ok_or(DecodeError::Forbidden { field, value: 0 })
    }

    /// [MQTT-2.2.1-3]
    pub(super) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        let field = "packet identifier";
        PacketId::new(self.u16(field)?).ok_or(DecodeError::Forbidden { field, value: 0 })
    }

    /// A byte that is 0 or 1.
    pub(super) fn flag(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        match self.u8(field)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(DecodeError::Forbidden { field, value: u32::from(other) }),
        }
    }

    /// A variable byte integer.
    pub(super) fn varint(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        let (value, len) = varint(self.rest, field)?.ok_or(DecodeError::Truncated(field))?;
        self.rest = &self.rest[len..];
        Ok(value)
    }

    /// Binary data: two bytes of length, then as many.
    pub(super) fn binary(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let len = self.u16(field)?;
        self.take(usize::from(len), field)
    }

    /// A UTF-8 encoded string: no surrogates, which Rust's check refuses, and no U+0000.
    pub(super) fn text(&mut self, field: &'static str) -> Result<&'a str, DecodeError> {
        let bytes = self.binary(field)?;
        if bytes.contains(&0) {
            return Err(DecodeError::NotText(field));
        }
        std::str::from_utf8(bytes).map_err(|_| DecodeError::NotText(field))
    }

    /// A part with a variable byte integer as its length.
    pub(super) fn group(&mut self, field: &'static str) -> Result<Self, DecodeError> {
        let len = self.varint(field)?;
        self.take(len as usize, field).map(Self::new)
    }
}

/// A variable byte integer at the front and how many bytes it takes; `None` if it goes on behind the end.
pub(super) fn varint(bytes: &[u8], field: &'static str) -> Result<Option<(u32, usize)>, DecodeError> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            // A last byte of zero adds nothing: a shorter form exists, and must be used.
            let minimal = index == 0 || byte != 0;
            return if minimal { Ok(Some((value, index + 1))) } else { Err(DecodeError::BadVarint(field)) };
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(DecodeError::BadVarint(field)) }
}
