//! Reading byte streams through a shard's scratch buffer, so that a connection keeps only the tail of an unfinished packet.

use std::io::ErrorKind;

use crate::stream::ByteStream;

/// Read at once at the most; also the bound of what one connection does per tick.
const READ_BYTES_MAX: usize = 64 * 1024;

/// A shard's read buffer, used by one connection at a time.
pub(crate) struct Scratch(Vec<u8>);

impl Default for Scratch {
    fn default() -> Self {
        Self(vec![0; READ_BYTES_MAX])
    }
}

impl Scratch {
    /// Room for one read.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        &mut self.0[..READ_BYTES_MAX]
    }
}

/// What a read brought.
pub(crate) struct Read<'s> {
    /// The tail of before, with what came now; may be empty.
    pub(crate) data: &'s [u8],
    /// There may be more at once: whoever goes on reading lets others have their turn first.
    pub(crate) is_full: bool,
    /// The other side closed, or the stream failed: this is all there will be.
    pub(crate) is_last: bool,
}

/// Whether a tail is so large that it is read on in place, rather than copied to and fro at each read.
pub(crate) fn is_large(tail: &[u8]) -> bool {
    tail.len() >= READ_BYTES_MAX
}

/// Reads once, behind a large tail; whether the other side closed, or the stream failed.
pub(crate) fn read_in_place(stream: &ByteStream, tail: &mut Vec<u8>) -> bool {
    let kept = tail.len();
    tail.resize(kept + READ_BYTES_MAX, 0);
    let read = stream.try_read(&mut tail[kept..]);
    tail.truncate(kept + read.as_ref().copied().unwrap_or(0));
    if stream.tap().is_watched() {
        stream.tap().read(&tail[..kept], &tail[kept..]);
    }
    read.map_or_else(|error| error.kind() != ErrorKind::WouldBlock, |length| length == 0)
}

/// Reads once. The tail is taken over into the returned data; whoever handles it puts back what is left.
pub(crate) fn read_into_scratch<'s>(stream: &ByteStream, scratch: &'s mut Scratch, tail: &mut Vec<u8>) -> Read<'s> {
    let buffer = &mut scratch.0;
    let kept = tail.len();
    // Grows for a packet larger than usual, whose size its transport bounds, and shrinks after it.
    buffer.resize(kept + READ_BYTES_MAX, 0);
    buffer[..kept].copy_from_slice(tail);
    if kept == 0 {
        buffer.shrink_to(READ_BYTES_MAX);
    }
    let read = stream.try_read(&mut buffer[kept..]);
    // Freed, not kept: most connections never have a tail again.
    *tail = Vec::new();
    let (length, is_last) = match read {
        Ok(length) => (length, length == 0),
        Err(error) => (0, error.kind() != ErrorKind::WouldBlock),
    };
    if stream.tap().is_watched() {
        stream.tap().read(&buffer[..kept], &buffer[kept..kept + length]);
    }
    Read { data: &buffer[..kept + length], is_full: length == READ_BYTES_MAX, is_last }
}
