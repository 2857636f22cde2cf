//! A connection that is closed without losing the last answer (RFC 9112 section 9.6), and that does not wait for ever for a
//! client that takes nothing.
//!
//! Closing a socket while the client still sends resets the connection, and the client may never see why its request was
//! refused. So writing ends first, and what still comes is thrown away for a while.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::limits::{LINGER_BYTES_MAX, LINGER_TIMEOUT, WRITE_TIMEOUT};

/// See the module.
pub(crate) struct Lingering<S> {
    stream: S,
    /// While the client takes nothing: until when it may.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Set once writing has ended.
    farewell: Option<Box<Farewell>>,
}

struct Farewell {
    deadline: Pin<Box<Sleep>>,
    bytes_left: usize,
}

impl<S> Lingering<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, stalled: None, farewell: None }
    }

    /// What became of a write, or an error if nothing became of any for too long.
    fn within_time<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let deadline = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_TIMEOUT)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.within_time(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = Pin::new(&mut self.stream).poll_flush(cx);
        self.within_time(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.within_time(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, farewell, .. } = &mut *self;
        if farewell.is_none() {
            ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
        }
        let farewell = farewell.get_or_insert_with(|| {
            let deadline = Box::pin(tokio::time::sleep(LINGER_TIMEOUT));
            Box::new(Farewell { deadline, bytes_left: LINGER_BYTES_MAX })
        });
        let mut space = [0; 8 * 1024];
        loop {
            if farewell.deadline.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut buffer = ReadBuf::new(&mut space);
            // An error means that the client is gone, which is what is waited for.
            let is_open = ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer)).is_ok();
            let read = buffer.filled().len();
            farewell.bytes_left = farewell.bytes_left.saturating_sub(read);
            if !is_open || read == 0 || farewell.bytes_left == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_still_comes_is_read_until_the_client_ends() {
        let (mut client, server) = duplex(16);
        let (ended, ()) = tokio::join!(Box::pin(async { Lingering::new(server).shutdown().await }), async {
            client.write_all(&[0; 1_000]).await.unwrap();
            assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
            client.shutdown().await.unwrap();
        });
        ended.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (mut client, server) = duplex(16);
        let mut server = Lingering::new(server);
        let began = Instant::now();
        let (ended, ()) = tokio::join!(server.write_all(&[0; 100]), async {
            // What is taken gives it time again.
            tokio::time::sleep(WRITE_TIMEOUT / 2).await;
            client.read_exact(&mut [0; 16]).await.unwrap();
        });
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= WRITE_TIMEOUT * 3 / 2 && began.elapsed() < WRITE_TIMEOUT * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_ends_is_left_after_a_while() {
        let (_client, server) = duplex(16);
        let began = Instant::now();
        Lingering::new(server).shutdown().await.unwrap();
        assert!(began.elapsed() >= LINGER_TIMEOUT && began.elapsed() < LINGER_TIMEOUT * 2);
    }
}
