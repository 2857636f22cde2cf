//! MQTT's bytes inside of TLS: a task for each connection, which carries them between the socket and a pipe.
//!
//! It waits for whichever side is slower, and little is on its way in either direction, so that the bounds of the protocol inside stay
//! those that they are on a socket.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::timeout;

use crate::limits::{PIPE_BYTES_MAX, TICK_BYTES_MAX, TLS_CLOSE_TIMEOUT};
use crate::shard::ConnectionGuard;
use crate::stream::FarEnd;

/// Carries bytes until one side ends, then ends the other. The connection counts as long as this holds `_alive`.
pub(crate) async fn carry<S>(stream: S, far: FarEnd, _alive: Arc<ConnectionGuard>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut carrier = Carrier { stream, far, outward: Bytes::new(), is_flushed: true, inward: Bytes::new() };
    match carrier.carry().await {
        // It read to the end, or broke: nothing that is still written would arrive.
        End::ClientLeft => {
            let Carrier { mut stream, far, .. } = carrier;
            drop(far);
            say_goodbye(&mut stream).await;
        }
        End::NothingToSay => {
            say_goodbye(&mut carrier.stream).await;
            // To close while the client still sends would reset the connection, and it might never read what was said last. The near
            // end knows for how long to listen on.
            poll_fn(|cx| carrier.poll_rest(cx)).await;
        }
        End::Abandoned => {
            // What was written last has a moment to leave.
            if timeout(TLS_CLOSE_TIMEOUT, poll_fn(|cx| carrier.poll_out(cx))).await.is_ok() {
                say_goodbye(&mut carrier.stream).await;
            }
        }
    }
}

/// Says in TLS, so that the client can tell an end from a cut, and in TCP that nothing more comes.
async fn say_goodbye(stream: &mut (impl AsyncWrite + Unpin)) {
    // Whatever comes of it, the connection is over.
    let _said = timeout(TLS_CLOSE_TIMEOUT, stream.shutdown()).await.is_ok();
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client ended, or the connection broke.
    ClientLeft,
    /// The near end has said all that it had to.
    NothingToSay,
    /// The near end is gone, and what it said has not left yet.
    Abandoned,
}

struct Carrier<S> {
    stream: S,
    far: FarEnd,
    /// Taken and not written yet.
    outward: Bytes,
    is_flushed: bool,
    /// Read and not given yet.
    inward: Bytes,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Carrier<S> {
    async fn carry(&mut self) -> End {
        poll_fn(|cx| {
            if let Poll::Ready(end) = self.poll_out(cx) {
                return Poll::Ready(end);
            }
            if let Poll::Ready(end) = self.poll_in(cx) {
                return Poll::Ready(end);
            }
            // Asked each time, as whoever waits for the socket to take more must hear of it, too.
            self.far.poll_abandoned(cx).map(|()| End::Abandoned)
        })
        .await
    }

    /// What is written leaves, piece by piece.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            while !self.outward.is_empty() {
                match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.outward)) {
                    Ok(written) if written > 0 => self.outward.advance(written),
                    Ok(_) | Err(_) => return Poll::Ready(End::ClientLeft),
                }
                self.is_flushed = false;
            }
            // Its buffer goes at once: an idle connection keeps none.
            self.outward = Bytes::new();
            if !self.is_flushed {
                if ready!(Pin::new(&mut self.stream).poll_flush(cx)).is_err() {
                    return Poll::Ready(End::ClientLeft);
                }
                self.is_flushed = true;
            }
            match ready!(self.far.poll_take(cx)) {
                Some(bytes) => self.outward = bytes,
                None => return Poll::Ready(End::NothingToSay),
            }
        }
    }

    /// What comes is read, as far as there is room and others are not kept waiting.
    fn poll_in(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        // Left as it is found: to clear it would cost more than most reads.
        let mut space = [const { MaybeUninit::uninit() }; PIPE_BYTES_MAX];
        let mut read = 0;
        loop {
            if !self.inward.is_empty()
                && let Err(held) = self.far.try_give(cx, std::mem::take(&mut self.inward))
            {
                self.inward = held;
                return Poll::Pending;
            }
            if read >= TICK_BYTES_MAX {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match ready!(self.poll_read(cx, &mut space)) {
                Ok(bytes) if !bytes.is_empty() => {
                    read += bytes.len();
                    self.inward = bytes;
                }
                Ok(_) | Err(_) => return Poll::Ready(End::ClientLeft),
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, space: &mut [MaybeUninit<u8>]) -> Poll<io::Result<Bytes>> {
        let mut buffer = ReadBuf::uninit(space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(Bytes::copy_from_slice(buffer.filled())))
    }

    /// Reads until the client ends or the near end does not listen any more.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.poll_in(cx).is_ready() {
            return Poll::Ready(());
        }
        self.far.poll_abandoned(cx)
    }
}

#[cfg(test)]
mod tests;
