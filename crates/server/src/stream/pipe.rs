//! Two ends of a stream in memory. The near end is read and written like a socket that never blocks; the far end belongs to the
//! task that owns the real stream and carries bytes between the two.
//!
//! Bounded in both directions: by [`PIPE_BYTES_MAX`], and inward by one piece more, as large as the far end read it. While
//! nothing is on its way it holds no buffer. An end that is dropped ends the stream for the other, after what was written before.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::limits::PIPE_BYTES_MAX;

/// Makes a pipe; `name` says what the far end carries.
pub(crate) fn pipe(name: &'static str) -> (NearEnd, FarEnd) {
    let pipe = Arc::new(Pipe::default());
    (NearEnd { name, pipe: Arc::clone(&pipe) }, FarEnd { pipe })
}

#[derive(Default)]
struct Pipe {
    lanes: Mutex<Lanes>,
    // The near end's task is polled rather than waiting in a future of its own: see `Signal`.
    near_may_read: AtomicWaker,
    near_may_write: AtomicWaker,
    // Each has one waiter at the most, and keeps one permit, so that none misses what happens before it waits.
    far_may_take: Notify,
    far_may_give: Notify,
    near_left: Notify,
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
}

/// The end that MQTT reads and writes.
pub(crate) struct NearEnd {
    name: &'static str,
    pipe: Arc<Pipe>,
}

impl NearEnd {
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Ready when there is something to read, or it is certain that nothing comes any more; wakes the task that asked last.
    pub(super) fn poll_readable(&self, context: &Context<'_>) -> Poll<()> {
        let is_readable = |lanes: &Lanes| !lanes.inward.is_empty() || lanes.far_has_left;
        self.pipe.poll_until(is_readable, &self.pipe.near_may_read, context)
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut lanes = self.pipe.lanes.lock();
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
                self.pipe.far_may_give.notify_one();
            }
        }
        Ok(read)
    }

    /// Ready when there is room to write, or it is certain that nobody reads any more; wakes the task that asked last.
    pub(super) fn poll_writable(&self, context: &Context<'_>) -> Poll<()> {
        let is_writable = |lanes: &Lanes| lanes.outward.len() < PIPE_BYTES_MAX || lanes.far_has_left;
        self.pipe.poll_until(is_writable, &self.pipe.near_may_write, context)
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut lanes = self.pipe.lanes.lock();
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
        self.pipe.far_may_take.notify_one();
        Ok(length)
    }

    pub(super) fn end_writing(&self) {
        self.pipe.lanes.lock().outward_ended = true;
        self.pipe.far_may_take.notify_one();
    }
}

impl Drop for NearEnd {
    fn drop(&mut self) {
        {
            let mut lanes = self.pipe.lanes.lock();
            lanes.outward_ended = true;
            lanes.near_has_left = true;
            lanes.inward = Bytes::new();
            lanes.inward_more = BytesMut::new();
        }
        self.pipe.far_may_take.notify_one();
        self.pipe.far_may_give.notify_one();
        self.pipe.near_left.notify_one();
    }
}

/// The end of the task that carries the bytes.
pub(crate) struct FarEnd {
    pipe: Arc<Pipe>,
}

impl FarEnd {
    /// Takes what was written, as soon as there is something; `None` once nothing more comes.
    pub(crate) async fn take(&self) -> Option<Bytes> {
        let is_takeable = |lanes: &Lanes| !lanes.outward.is_empty() || lanes.outward_ended;
        self.pipe.until(is_takeable, &self.pipe.far_may_take).await;
        // With the buffer: an idle stream keeps none.
        let taken = std::mem::take(&mut self.pipe.lanes.lock().outward);
        self.pipe.near_may_write.wake();
        (!taken.is_empty()).then(|| taken.freeze())
    }

    /// Hands over what was read, once there is room. What nobody will read is dropped.
    pub(crate) async fn give(&self, bytes: Bytes) {
        let has_room = |lanes: &Lanes| {
            let fits = lanes.inward_more.len().saturating_add(bytes.len()) <= PIPE_BYTES_MAX;
            lanes.inward.is_empty() || fits || lanes.near_has_left
        };
        self.pipe.until(has_room, &self.pipe.far_may_give).await;
        let mut lanes = self.pipe.lanes.lock();
        if lanes.near_has_left {
            return;
        }
        if lanes.inward.is_empty() {
            lanes.inward = bytes;
        } else {
            lanes.inward_more.extend_from_slice(&bytes);
        }
        self.pipe.near_may_read.wake();
    }

    /// Resolves when the near end was dropped; what it wrote before may still be taken.
    pub(crate) async fn abandoned(&self) {
        self.pipe.until(|lanes| lanes.near_has_left, &self.pipe.near_left).await;
    }
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        {
            let mut lanes = self.pipe.lanes.lock();
            lanes.far_has_left = true;
            lanes.outward = BytesMut::new();
        }
        self.pipe.near_may_read.wake();
        self.pipe.near_may_write.wake();
    }
}

impl Pipe {
    fn poll_until(&self, is_so: impl Fn(&Lanes) -> bool, changed: &AtomicWaker, context: &Context<'_>) -> Poll<()> {
        if is_so(&self.lanes.lock()) {
            return Poll::Ready(());
        }
        changed.register(context.waker());
        // Once more: it may have changed before anybody was there to be woken.
        if is_so(&self.lanes.lock()) { Poll::Ready(()) } else { Poll::Pending }
    }

    async fn until(&self, is_so: impl Fn(&Lanes) -> bool, changed: &Notify) {
        while !is_so(&self.lanes.lock()) {
            changed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::FutureExt as _;

    use super::*;

    impl NearEnd {
        async fn readable(&self) {
            poll_fn(|context| self.poll_readable(context)).await;
        }

        async fn writable(&self) {
            poll_fn(|context| self.poll_writable(context)).await;
        }
    }

    fn would_block(result: io::Result<usize>) -> bool {
        result.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    #[tokio::test]
    async fn bytes_go_both_ways_in_order() {
        let (near, far) = pipe("test");
        let mut buffer = [0; 4];
        assert!(would_block(near.try_read(&mut buffer)) && near.readable().now_or_never().is_none());
        far.give(Bytes::from_static(b"abcdef")).await;
        near.readable().await;
        assert_eq!((near.try_read(&mut buffer).unwrap(), &buffer), (4, b"abcd"));
        assert_eq!((near.try_read(&mut buffer).unwrap(), &buffer[..2]), (2, &b"ef"[..]));
        assert!(would_block(near.try_read(&mut buffer)));
        assert_eq!(near.try_write(b"one").unwrap() + near.try_write(b"two").unwrap(), 6);
        assert_eq!(far.take().await.unwrap(), "onetwo");
        assert!(far.take().now_or_never().is_none());
    }

    #[tokio::test]
    async fn small_pieces_are_read_together_and_large_ones_wait() {
        let (near, far) = pipe("test");
        let large = Bytes::from(vec![7; PIPE_BYTES_MAX + 1]);
        for piece in ["ab", "", "cd", "ef"] {
            far.give(Bytes::from_static(piece.as_bytes())).now_or_never().expect("there is room");
        }
        assert!(far.give(large.clone()).now_or_never().is_none());
        let mut buffer = [0; 5];
        assert_eq!((near.try_read(&mut buffer).unwrap(), &buffer), (5, b"abcde"));
        assert!(far.give(large.clone()).now_or_never().is_none());
        assert_eq!((near.try_read(&mut buffer).unwrap(), buffer[0]), (1, b'f'));
        far.give(large.clone()).now_or_never().expect("there is room");
        far.give(large.slice(1..)).now_or_never().expect("there is room behind it");
        assert!(far.give(Bytes::from_static(b"x")).now_or_never().is_none());
    }

    #[tokio::test]
    async fn who_does_not_take_is_not_written_to() {
        let (near, far) = pipe("test");
        let bytes = vec![7; PIPE_BYTES_MAX + 1];
        assert_eq!(near.try_write(&bytes).unwrap(), PIPE_BYTES_MAX);
        assert!(would_block(near.try_write(&bytes)) && near.writable().now_or_never().is_none());
        let (taken, ()) = tokio::join!(far.take(), near.writable());
        assert_eq!(taken.unwrap().len(), PIPE_BYTES_MAX);
        assert_eq!(near.try_write(b"x").unwrap(), 1);
    }

    #[tokio::test]
    async fn what_was_said_before_the_end_arrives() {
        let (near, far) = pipe("test");
        near.try_write(b"bye").unwrap();
        near.end_writing();
        assert!(far.abandoned().now_or_never().is_none());
        drop(near);
        far.abandoned().await;
        assert_eq!(far.take().await.unwrap(), "bye");
        assert_eq!(far.take().await, None);
        far.give(Bytes::from_static(b"to nobody")).await;
        far.give(Bytes::from_static(b"to nobody")).await;

        let (near, far) = pipe("test");
        far.give(Bytes::from_static(b"last")).await;
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
        let (near, far) = pipe("test");
        let reader = tokio::spawn(async move {
            near.readable().await;
            let mut buffer = [0; 8];
            let first = near.try_read(&mut buffer).unwrap();
            near.readable().await;
            (first, near.try_read(&mut buffer).unwrap())
        });
        tokio::task::yield_now().await;
        far.give(Bytes::from_static(b"abc")).await;
        far.give(Bytes::from(vec![7; PIPE_BYTES_MAX])).await;
        // Resolves once the pieces before were read.
        far.give(Bytes::from_static(b"x")).await;
        drop(far);
        assert_eq!(reader.await.unwrap(), (8, 8));
    }
}
