//! The stream under HTTP, with its tap: what is read and written goes by it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use housewire_protocols::annotate::follow::Direction;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::tap::Tap;

/// See the module.
pub(crate) struct Tapped<S> {
    stream: S,
    tap: Arc<Tap>,
}

impl<S> Tapped<S> {
    pub(crate) fn new(stream: S, tap: Arc<Tap>) -> Self {
        Self { stream, tap }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tapped<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if self.tap.is_watched() {
            self.tap.pass_http(Direction::In, &buf.filled()[before..]);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tapped<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        if self.tap.is_watched()
            && let Poll::Ready(Ok(length)) = written
        {
            self.tap.pass_http(Direction::Out, &buf[..length]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        if self.tap.is_watched()
            && let Poll::Ready(Ok(mut left)) = written
        {
            for buf in bufs {
                let length = left.min(buf.len());
                self.tap.pass_http(Direction::Out, &buf[..length]);
                left -= length;
            }
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
