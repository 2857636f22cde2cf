//! The socket under a WebSocket: messages in and out without waiting, as far as the connection has them and takes them.
//!
//! What the protocol says is the library's; here is how its machine meets a task. There is one task for both directions, and
//! it reads through the shard's scratch buffer, so that a socket that is idle keeps next to nothing.

use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, Bytes};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead as _, AsyncWrite as _, AsyncWriteExt as _, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

use crate::limits::{TICK_BYTES_MAX, WS_PONGS_UNSENT_MAX, WS_READ_BYTES_MAX};
use crate::shard::Shard;

/// See the module.
pub(super) struct Socket {
    machine: WebSocket<Wire>,
    /// The connection took less than there was to write.
    is_full: bool,
    /// Nothing more is read: what comes behind an error means nothing.
    is_over: bool,
    /// Answers to pings that were written since all was flushed; a client that does not read them is not read from.
    pongs_unsent: usize,
}

impl Socket {
    pub(super) fn new(stream: Upgraded, config: WebSocketConfig, shard: Shard) -> Self {
        let (stream, waker) = (TokioIo::new(stream), Waker::noop().clone());
        let wire = Wire { stream, waker, shard, unread: Bytes::new(), due: 0 };
        let machine = WebSocket::from_raw_socket(wire, Role::Server, Some(config));
        Self { machine, is_full: false, is_over: false, pongs_unsent: 0 }
    }

    /// The next message; `None` after the farewell of both sides. Ends for good with the first error.
    pub(super) async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`Self::next`].
    pub(super) fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        self.attend(cx);
        self.next_ready().map_or(Poll::Pending, Poll::Ready)
    }

    /// The next message if it is there: `Some` of what [`Self::next`] returns. Wakes nobody else than before.
    pub(super) fn next_ready(&mut self) -> Option<Option<Result<Message, Error>>> {
        if self.is_over {
            return Some(None);
        }
        if self.pongs_unsent >= WS_PONGS_UNSENT_MAX {
            match self.flush_ready() {
                Ok(true) => {}
                // Whoever waits is woken when the connection takes more.
                Ok(false) => return None,
                Err(error) => {
                    self.is_over = true;
                    return Some(Some(Err(error)));
                }
            }
        }
        match self.machine.read() {
            Ok(message) => {
                self.pongs_unsent += usize::from(message.is_ping());
                Some(Some(Ok(message)))
            }
            Err(error) if would_block(&error) => None,
            Err(Error::AlreadyClosed | Error::ConnectionClosed) => {
                self.is_over = true;
                Some(None)
            }
            Err(error) => {
                self.is_over = true;
                Some(Some(Err(error)))
            }
        }
    }

    /// Puts a message behind what is to be written. Whoever finds the socket full flushes before the next.
    pub(super) fn write(&mut self, message: Message) -> Result<(), Error> {
        match self.machine.write(message) {
            Err(error) if would_block(&error) => {
                self.is_full = true;
                Ok(())
            }
            written => written,
        }
    }

    /// Whether what was written last had to be kept.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Writes what there is without waiting; whether that was all.
    pub(super) fn flush_ready(&mut self) -> Result<bool, Error> {
        match self.machine.flush() {
            Err(error) if would_block(&error) => {
                self.is_full = true;
                Ok(false)
            }
            // The farewell of both sides is said, which is all there was.
            Ok(()) | Err(Error::ConnectionClosed) => {
                self.is_full = false;
                self.pongs_unsent = 0;
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// As [`Self::flush`].
    pub(super) fn poll_flush(&mut self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        self.attend(cx);
        match self.flush_ready() {
            Ok(true) => Poll::Ready(Ok(())),
            Ok(false) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Resolves when all is written.
    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Ends the connection, whatever was said.
    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        self.machine.get_mut().stream.shutdown().await
    }

    /// Whoever polls is woken when the connection has or takes more.
    pub(super) fn attend(&mut self, cx: &Context<'_>) {
        let wire = self.machine.get_mut();
        wire.waker.clone_from(cx.waker());
        wire.due = TICK_BYTES_MAX;
    }
}

fn would_block(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == ErrorKind::WouldBlock)
}

/// A connection that never makes anybody wait.
struct Wire {
    stream: TokioIo<Upgraded>,
    waker: Waker,
    shard: Shard,
    /// What came with a read and has not been asked for.
    unread: Bytes,
    /// How much may be read before others have their turn, whether or not there is a whole message in it.
    due: usize,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            if self.due == 0 {
                self.waker.wake_by_ref();
                return Err(ErrorKind::WouldBlock.into());
            }
            let mut scratch = self.shard.scratch.lock();
            let mut space = ReadBuf::new(&mut scratch.space()[..WS_READ_BYTES_MAX]);
            let mut cx = Context::from_waker(&self.waker);
            at_once(Pin::new(&mut self.stream).poll_read(&mut cx, &mut space))?;
            let read = space.filled();
            self.due = self.due.saturating_sub(read.len());
            let (now, later) = read.split_at(read.len().min(buffer.len()));
            buffer[..now.len()].copy_from_slice(now);
            self.unread = Bytes::copy_from_slice(later);
            return Ok(now.len());
        }
        let length = self.unread.len().min(buffer.len());
        self.unread.copy_to_slice(&mut buffer[..length]);
        if self.unread.is_empty() {
            // An empty view would keep its whole allocation.
            self.unread = Bytes::new();
        }
        Ok(length)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut cx = Context::from_waker(&self.waker);
        at_once(Pin::new(&mut self.stream).poll_write(&mut cx, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut cx = Context::from_waker(&self.waker);
        at_once(Pin::new(&mut self.stream).poll_flush(&mut cx))
    }
}

fn at_once<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    }
}
