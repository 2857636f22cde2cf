//! Reading sockets through a shard's scratch buffer, so that a connection keeps only the tail of an unfinished packet.

use std::io::{ErrorKind, Read as _};

use tokio::io::Interest;
use tokio::net::TcpStream;

/// Read at once at the most; also the bound of what one connection does per tick.
const READ_BYTES_MAX: usize = 64 * 1024;

/// A shard's read buffer, used by one connection at a time.
pub(crate) struct Scratch(Vec<u8>);

impl Default for Scratch {
    fn default() -> Self {
        Self(vec![0; READ_BYTES_MAX])
    }
}

/// What a read brought.
pub(crate) struct Read<'s> {
    /// The tail of before, with what came now; may be empty.
    pub(crate) data: &'s [u8],
    /// There may be more at once: whoever goes on reading lets others have their turn first.
    pub(crate) is_full: bool,
    /// The other side closed, or the socket failed: this is all there will be.
    pub(crate) is_last: bool,
}

/// Reads once. The tail is taken over into the returned data; whoever handles it puts back what is left.
pub(crate) fn read_into_scratch<'s>(socket: &TcpStream, scratch: &'s mut Scratch, tail: &mut Vec<u8>) -> Read<'s> {
    let buffer = &mut scratch.0;
    let kept = tail.len();
    // Grows for a packet larger than usual, whose size its transport bounds, and shrinks after it.
    buffer.resize(kept + READ_BYTES_MAX, 0);
    buffer[..kept].copy_from_slice(tail);
    if kept == 0 {
        buffer.shrink_to(READ_BYTES_MAX);
    }
    let mut read = None;
    let tried = socket.try_io(Interest::READABLE, || {
        let socket = socket2::SockRef::from(socket);
        let length = (&*socket).read(&mut buffer[kept..])?;
        read = Some(length);
        // A short read means that the socket is empty: saying so here spares the read that would find out.
        if length > 0 && length < READ_BYTES_MAX { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
    });
    // Freed, not kept: most connections never have a tail again.
    *tail = Vec::new();
    let is_last = match (read, tried) {
        (Some(length), _) => length == 0,
        (None, Err(error)) => error.kind() != ErrorKind::WouldBlock,
        (None, Ok(())) => true,
    };
    Read { data: &buffer[..kept + read.unwrap_or(0)], is_full: read == Some(READ_BYTES_MAX), is_last }
}
