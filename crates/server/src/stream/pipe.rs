//! Two ends of a stream in memory. The near end is read and written like a socket that never blocks; the far end belongs to the
//! task that owns the real stream and carries bytes between the two.
//!
//! Bounded in both directions: by [`PIPE_BYTES_MAX`], and inward by one piece more, as large as the far end read it. While
//! nothing is on its way it holds no buffer. An end that is dropped ends the stream for the other, after what was written before.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, Bytes, BytesMut};
use parking_lot::Mutex;

use crate::clients::Transport;
use crate::limits::PIPE_BYTES_MAX;

/// Makes a pipe; `transport` says what the far end carries.
pub(crate) fn pipe(transport: Transport) -> (NearEnd, FarEnd) {
    let lanes = Arc::new(Mutex::new(Lanes::default()));
    (NearEnd { transport, lanes: Arc::clone(&lanes) }, FarEnd { lanes })
}

#[derive(Default)]
struct Lanes {
    /// What the far end gave and the near end has not read: a piece as it was given, not copied again …
    inward: Bytes,
    /// … and small ones behind it, gathered so that they are read together.
    inward_more: BytesMut,
    /// What the near end wrote and the far end has not taken.
    outward: BytesMut,
    /// The near end writes no more.
    outward_ended: bool,
    near_has_left: bool,
    far_has_left: bool,
    near_reader: Waiter,
    near_writer: Waiter,
    /// One task, in both directions.
    far: Waiter,
}

/// Whoever waits for something; woken once, and then asks again.
#[derive(Default)]
struct Waiter(Option<Waker>);

impl Waiter {
    fn register(&mut self, cx: &Context<'_>) {
        match &mut self.0 {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.0.take() {
            waker.wake();
        }
    }
}

/// The end that MQTT reads and writes.
pub(crate) struct NearEnd {
    transport: Transport,
    lanes: Arc<Mutex<Lanes>>,
}

impl NearEnd {
    pub(super) fn transport(&self) -> Transport {
        self.transport
    }

    /// Ready when there is something to read, or it is certain that nothing comes any more; wakes the task that asked last.
    pub(super) fn poll_readable(&self, cx: &Context<'_>) -> Poll<()> {
        let mut lanes = self.lanes.lock();
        if !lanes.inward.is_empty() || lanes.far_has_left {
            return Poll::Ready(());
        }
        lanes.near_reader.register(cx);
        Poll::Pending
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut lanes = self.lanes.lock();
        if lanes.inward.is_empty() {
            return if lanes.far_has_left { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        let mut read = 0;
        while read < buffer.len() && !lanes.inward.is_empty() {
            let length = lanes.inward.len().min(buffer.len() - read);
            lanes.inward.copy_to_slice(&mut buffer[read..read + length]);
            read += length;
            if lanes.inward.is_empty() {
                // Takes the place of an empty view, too, which would keep its whole allocation.
                lanes.inward = std::mem::take(&mut lanes.inward_more).freeze();
                lanes.far.wake();
            }
        }
        Ok(read)
    }

    /// Ready when there is room to write, or it is certain that nobody reads any more; wakes the task that asked last.
    pub(super) fn poll_writable(&self, cx: &Context<'_>) -> Poll<()> {
        let mut lanes = self.lanes.lock();
        if lanes.outward.len() < PIPE_BYTES_MAX || lanes.far_has_left {
            return Poll::Ready(());
        }
        lanes.near_writer.register(cx);
        Poll::Pending
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut lanes = self.lanes.lock();
        if lanes.far_has_left {
            // Lost, as on a socket whose other side has just closed. An error would end the connection before it has read what
            // the client said last.
            return Ok(bytes.len());
        }
        let room = PIPE_BYTES_MAX - lanes.outward.len();
        if room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let length = bytes.len().min(room);
        lanes.outward.extend_from_slice(&bytes[..length]);
        lanes.far.wake();
        Ok(length)
    }

    pub(super) fn end_writing(&self) {
        let mut lanes = self.lanes.lock();
        lanes.outward_ended = true;
        lanes.far.wake();
    }
}

impl Drop for NearEnd {
    fn drop(&mut self) {
        let mut lanes = self.lanes.lock();
        lanes.outward_ended = true;
        lanes.near_has_left = true;
        lanes.inward = Bytes::new();
        lanes.inward_more = BytesMut::new();
        lanes.far.wake();
    }
}

/// The end of the task that carries the bytes, and is woken for both directions.
pub(crate) struct FarEnd {
    lanes: Arc<Mutex<Lanes>>,
}

impl FarEnd {
    /// Takes what was written, as soon as there is something; `None` once nothing more comes.
    pub(crate) fn poll_take(&self, cx: &Context<'_>) -> Poll<Option<Bytes>> {
        let mut lanes = self.lanes.lock();
        if lanes.outward.is_empty() {
            lanes.far.register(cx);
            return if lanes.outward_ended { Poll::Ready(None) } else { Poll::Pending };
        }
        // With the buffer: an idle stream keeps none.
        let taken = std::mem::take(&mut lanes.outward);
        lanes.near_writer.wake();
        Poll::Ready(Some(taken.freeze()))
    }

    /// Hands over what was read, or gives it back while there is no room. What nobody will read is dropped.
    pub(crate) fn try_give(&self, cx: &Context<'_>, bytes: Bytes) -> Result<(), Bytes> {
        let mut lanes = self.lanes.lock();
        if lanes.near_has_left {
            return Ok(());
        }
        if lanes.inward.is_empty() {
            lanes.inward = bytes;
        } else if lanes.inward_more.len().saturating_add(bytes.len()) <= PIPE_BYTES_MAX {
            lanes.inward_more.extend_from_slice(&bytes);
        } else {
            lanes.far.register(cx);
            return Err(bytes);
        }
        lanes.near_reader.wake();
        Ok(())
    }

    /// Ready once the near end was dropped; what it wrote before may still be taken.
    pub(crate) fn poll_abandoned(&self, cx: &Context<'_>) -> Poll<()> {
        let mut lanes = self.lanes.lock();
        if lanes.near_has_left {
            return Poll::Ready(());
        }
        lanes.far.register(cx);
        Poll::Pending
    }
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        let mut lanes = self.lanes.lock();
        lanes.far_has_left = true;
        lanes.outward = BytesMut::new();
        lanes.near_reader.wake();
        lanes.near_writer.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::FutureExt as _;

    use super::*;

    impl NearEnd {
        async fn readable(&self) {
            poll_fn(|cx| self.poll_readable(cx)).await;
        }

        async fn writable(&self) {
            poll_fn(|cx| self.poll_writable(cx)).await;
        }
    }

    async fn take(far: &FarEnd) -> Option<Bytes> {
        poll_fn(|cx| far.poll_take(cx)).await
    }

    async fn give(far: &FarEnd, bytes: Bytes) {
        poll_fn(|cx| far.try_give(cx, bytes.clone()).map_or(Poll::Pending, Poll::Ready)).await;
    }

    async fn abandoned(far: &FarEnd) {
        poll_fn(|cx| far.poll_abandoned(cx)).await;
    }

    fn would_block(result: io::Result<usize>) -> bool {
        result.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    #[tokio::test]
    async fn bytes_go_both_ways_in_order() {
        let (near, far) = pipe(Transport::WebSocket);
        let mut buffer = [0; 4];
        assert!(would_block(near.try_read(&mut buffer)) && near.readable().now_or_never().is_none());
        give(&far, Bytes::from_static(b"abcdef")).await;
        near.readable().await;
        assert_eq!((near.try_read(&mut buffer).unwrap(), &buffer), (4, b"abcd"));
        assert_eq!((near.try_read(&mut buffer).unwrap(), &buffer[..2]), (2, &b"ef"[..]));
        assert!(would_block(near.try_read(&mut buffer)));
        assert_eq!(near.try_write(b"one").unwrap() + near.try_write(b"two").unwrap(), 6);
        assert_eq!(take(&far).await.unwrap(), "onetwo");
        assert!(take(&far).now_or_never().is_none());
    }

    #[tokio::test]
    async fn small_pieces_are_read_together_and_large_ones_wait() {
        let (near, far) = pipe(Transport::WebSocket);
        let large = Bytes::from(vec![7; PIPE_BYTES_MAX + 1]);
        for piece in ["ab", "", "cd", "ef"] {
            give(&far, Bytes::from_static(piece.as_bytes())).now_or_never().expect("there is room");
        }
        assert!(give(&far, large.clone()).now_or_never().is_none());
        let mut buffer = [0; 5];
        assert_eq!((near.try_read(&mut buffer).unwrap(), &buffer), (5, b"abcde"));
        assert!(give(&far, large.clone()).now_or_never().is_none());
        assert_eq!((near.try_read(&mut buffer).unwrap(), buffer[0]), (1, b'f'));
        give(&far, large.clone()).now_or_never().expect("there is room");
        give(&far, large.slice(1..)).now_or_never().expect("there is room behind it");
        assert!(give(&far, Bytes::from_static(b"x")).now_or_never().is_none());
    }

    #[tokio::test]
    async fn who_does_not_take_is_not_written_to() {
        let (near, far) = pipe(Transport::WebSocket);
        let bytes = vec![7; PIPE_BYTES_MAX + 1];
        assert_eq!(near.try_write(&bytes).unwrap(), PIPE_BYTES_MAX);
        assert!(would_block(near.try_write(&bytes)) && near.writable().now_or_never().is_none());
        let (taken, ()) = tokio::join!(take(&far), near.writable());
        assert_eq!(taken.unwrap().len(), PIPE_BYTES_MAX);
        assert_eq!(near.try_write(b"x").unwrap(), 1);
    }

    #[tokio::test]
    async fn what_was_said_before_the_end_arrives() {
        let (near, far) = pipe(Transport::WebSocket);
        near.try_write(b"bye").unwrap();
        near.end_writing();
        assert!(abandoned(&far).now_or_never().is_none());
        drop(near);
        abandoned(&far).await;
        assert_eq!(take(&far).await.unwrap(), "bye");
        assert_eq!(take(&far).await, None);
        give(&far, Bytes::from_static(b"to nobody")).await;
        give(&far, Bytes::from_static(b"to nobody")).await;

        let (near, far) = pipe(Transport::WebSocket);
        give(&far, Bytes::from_static(b"last")).await;
        drop(far);
        assert_eq!(near.try_write(b"lost").unwrap(), 4);
        let mut buffer = [0; 8];
        assert_eq!(near.try_read(&mut buffer).unwrap(), 4);
        near.readable().await;
        near.writable().await;
        assert_eq!(near.try_read(&mut buffer).unwrap(), 0);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken() {
        let (near, far) = pipe(Transport::WebSocket);
        let reader = tokio::spawn(async move {
            near.readable().await;
            let mut buffer = [0; 8];
            let first = near.try_read(&mut buffer).unwrap();
            near.readable().await;
            (first, near.try_read(&mut buffer).unwrap())
        });
        tokio::task::yield_now().await;
        give(&far, Bytes::from_static(b"abc")).await;
        give(&far, Bytes::from(vec![7; PIPE_BYTES_MAX])).await;
        // Resolves once the pieces before were read.
        give(&far, Bytes::from_static(b"x")).await;
        drop(far);
        assert_eq!(reader.await.unwrap(), (8, 8));

        let (near, far) = pipe(Transport::WebSocket);
        let waiter = tokio::spawn(async move { abandoned(&far).await });
        tokio::task::yield_now().await;
        drop(near);
        waiter.await.unwrap();
    }
}
