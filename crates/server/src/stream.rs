//! The byte stream under a protocol that needs nothing else, MQTT: a TCP socket, or something that becomes bytes elsewhere.
//!
//! Reading and writing never block and never wait for another task: a shard's flusher writes to any stream alike. A
//! socket is read and written directly; everything else (a WebSocket, TLS) is carried by a task of its own to and
//! from a [`pipe`]. What the bytes mean belongs to the transport that reads them.

mod pipe;

use std::future::poll_fn;
use std::io::{self, ErrorKind, Read as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::clients::Transport;
use crate::tap::Tap;

pub(crate) use pipe::{FarEnd, NearEnd, pipe};

/// See the module.
pub(crate) struct ByteStream {
    carrier: Carrier,
    /// Whoever reads or writes what is to be seen shows it to this.
    tap: Arc<Tap>,
}

enum Carrier {
    /// Bytes as they come from the network.
    Tcp(TcpStream),
    /// Bytes that another task carries.
    Piped(NearEnd),
}

impl ByteStream {
    /// Over a socket.
    pub(crate) fn tcp(socket: TcpStream, tap: Arc<Tap>) -> Self {
        Self { carrier: Carrier::Tcp(socket), tap }
    }

    /// Carried by whoever has the other end.
    pub(crate) fn piped(end: NearEnd, tap: Arc<Tap>) -> Self {
        Self { carrier: Carrier::Piped(end), tap }
    }

    /// For those who look at the connection.
    pub(crate) fn tap(&self) -> &Arc<Tap> {
        &self.tap
    }

    /// What carries the bytes, for the log.
    pub(crate) fn transport(&self) -> Transport {
        match &self.carrier {
            Carrier::Tcp(_) => Transport::Tcp,
            Carrier::Piped(end) => end.transport(),
        }
    }

    /// The hub's end of it, if no other task carries it.
    pub(crate) fn local_address(&self) -> Option<SocketAddr> {
        match &self.carrier {
            Carrier::Tcp(socket) => socket.local_addr().ok(),
            Carrier::Piped(_) => None,
        }
    }

    /// Ready when there is something to read, or it is certain that nothing comes any more. Wakes the task that asked last,
    /// which keeps nothing for it: a future for each wait would be most of an idle connection.
    pub(crate) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.carrier {
            Carrier::Tcp(socket) => socket.poll_read_ready(context),
            Carrier::Piped(end) => end.poll_readable(context).map(Ok),
        }
    }

    /// See [`ByteStream::poll_readable`].
    pub(crate) async fn readable(&self) -> io::Result<()> {
        poll_fn(|context| self.poll_readable(context)).await
    }

    /// Reads what is there, once; 0 at the end. A read shorter than the buffer has emptied the stream.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.carrier {
            Carrier::Tcp(socket) => try_read_socket(socket, buffer),
            Carrier::Piped(end) => end.try_read(buffer),
        }
    }

    /// Ready when there is room to write, or it is certain that nobody reads any more. Wakes the task that asked last.
    pub(crate) fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.carrier {
            Carrier::Tcp(socket) => socket.poll_write_ready(context),
            Carrier::Piped(end) => end.poll_writable(context).map(Ok),
        }
    }

    /// See [`ByteStream::poll_writable`].
    pub(crate) async fn writable(&self) -> io::Result<()> {
        poll_fn(|context| self.poll_writable(context)).await
    }

    /// Writes as much as there is room for.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.carrier {
            Carrier::Tcp(socket) => socket.try_write(bytes),
            Carrier::Piped(end) => end.try_write(bytes),
        }
    }

    /// Says that nothing more will be written; what was written still arrives.
    pub(crate) fn end_writing(&self) -> io::Result<()> {
        match &self.carrier {
            Carrier::Tcp(socket) => socket2::SockRef::from(socket).shutdown(std::net::Shutdown::Write),
            Carrier::Piped(end) => {
                end.end_writing();
                Ok(())
            }
        }
    }
}

fn try_read_socket(socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = None;
    let tried = socket.try_io(Interest::READABLE, || {
        let socket = socket2::SockRef::from(socket);
        let length = (&*socket).read(buffer)?;
        read = Some(length);
        // A short read means that the socket is empty: saying so here spares the read that would find out.
        if length > 0 && length < buffer.len() { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
    });
    match read {
        Some(length) => Ok(length),
        None => tried.map(|()| 0),
    }
}
