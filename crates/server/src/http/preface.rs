//! Which version of HTTP a connection speaks: HTTP/2 begins with a preface that no request of HTTP/1.1 begins with
//! (RFC 9113 section 3.4).
//!
//! Over TLS the same was agreed on before (ALPN), and the preface comes all the same, so that one look tells for both.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// What a client of HTTP/2 says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Http1,
    Http2,
}

/// Reads as far as the first bytes leave it open, and gives the stream back as it was before. What ends early is
/// HTTP/1.1, which knows how to say so.
pub(crate) async fn hear<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<(Version, Unheard<S>)> {
    let mut heard = [0; PREFACE.len()];
    let mut length = 0;
    while length < PREFACE.len() && heard[..length] == PREFACE[..length] {
        match stream.read(&mut heard[length..]).await? {
            0 => break,
            read => length += read,
        }
    }
    let version = if heard == PREFACE { Version::Http2 } else { Version::Http1 };
    Ok((version, Unheard { stream, heard: heard[..length].to_vec() }))
}

/// A stream, with what was read of it put back.
pub(crate) struct Unheard<S> {
    stream: S,
    /// To be read first; no memory is kept for it afterwards.
    heard: Vec<u8>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Unheard<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.heard.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let length = self.heard.len().min(buf.remaining());
        buf.put_slice(&self.heard[..length]);
        self.heard.drain(..length);
        if self.heard.is_empty() {
            self.heard = Vec::new();
            // The rest of the head is mostly there, too. If not, the next read hears of it, as of an error.
            let _is_there: bool = buf.remaining() > 0 && Pin::new(&mut self.stream).poll_read(cx, buf).is_ready();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unheard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
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
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::io::duplex;

    use super::*;

    /// What comes in such pieces is told apart, and read again whole.
    async fn check(pieces: &[&[u8]], expected: Version) {
        let (mut client, server) = duplex(1_024);
        let whole = pieces.concat();
        let sending = async {
            for piece in pieces {
                client.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(client);
        };
        let hearing = async {
            let (version, mut stream) = hear(server).await.unwrap();
            let mut seen = Vec::new();
            stream.read_to_end(&mut seen).await.unwrap();
            (version, seen)
        };
        let ((), (version, seen)) = tokio::join!(sending, hearing);
        assert_eq!((version, seen), (expected, whole));
    }

    #[tokio::test]
    async fn the_first_bytes_tell() {
        check(&[PREFACE], Version::Http2).await;
        check(&[PREFACE, b"and more"], Version::Http2).await;
        check(&[b"P", b"RI * HTTP/2.0\r\n", b"\r\nSM\r\n", b"\r\nx"], Version::Http2).await;
        check(&[b"GET / HTTP/1.1\r\n\r\n"], Version::Http1).await;
        check(&[b"P", b"UT / HTTP/1.1\r\n\r\n"], Version::Http1).await;
        check(&[b"PRI * HTTP/2.0\r\n\r\nSM"], Version::Http1).await;
        check(&[b"PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n"], Version::Http1).await;
        check(&[], Version::Http1).await;
    }

    #[tokio::test]
    async fn what_was_heard_is_read_in_any_portions() {
        let (mut client, server) = duplex(1_024);
        client.write_all(b"GET /a HTTP/1.1\r\n\r\n").await.unwrap();
        let (_, mut stream) = hear(server).await.unwrap();
        let mut seen = Vec::new();
        while seen.len() < 19 {
            seen.push(stream.read_u8().await.unwrap());
        }
        assert_eq!(seen, b"GET /a HTTP/1.1\r\n\r\n");
    }
}
