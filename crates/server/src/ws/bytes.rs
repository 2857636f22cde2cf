//! A WebSocket as a stream of bytes, for a protocol that could as well run over TCP: the bytes are those of its binary frames,
//! wherever these begin and end. A text frame ends it.
//!
//! The task that carries them waits for whichever side is slower, and little is on its way in either direction, so that the
//! bounds of the protocol inside stay those that they are on a socket.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tracing::debug;

use crate::caller::Caller;
use crate::limits::{PIPE_BYTES_MAX, TICK_FRAMES_MAX, WS_CLOSE_TIMEOUT};
use crate::stream::FarEnd;
use crate::ws::end::{End, say_goodbye};
use crate::ws::socket::Socket;

/// Carries bytes until one side ends, then ends the other.
pub(super) async fn carry(socket: Socket, far: FarEnd, caller: Caller) {
    let mut carrier = Carrier { socket, far, held: Bytes::new(), more: BytesMut::new(), over: None };
    let mut end = carrier.carry().await;
    if end == End::Finished && caller.shard.stopping().now_or_never().is_some() {
        end = End::Stopping;
    }
    debug!(peer = %caller.peer, "WebSocket of bytes ends: {end:?}");
    let Carrier { socket, far, .. } = carrier;
    // The protocol inside ends now, not after the farewell.
    drop(far);
    say_goodbye(socket, &end).await;
}

struct Carrier {
    socket: Socket,
    far: FarEnd,
    /// Came in a frame, and is still to be given …
    held: Bytes,
    /// … with what came in others behind it.
    more: BytesMut,
    /// Nothing comes behind these.
    over: Option<End>,
}

impl Carrier {
    async fn carry(&mut self) -> End {
        let end = poll_fn(|cx| match self.poll(cx) {
            // Asked each time, as whoever waits for the socket to take more must hear of it, too.
            Poll::Pending => self.far.poll_abandoned(cx).map(|()| None),
            polled => polled.map(Some),
        });
        match end.await {
            Some(end) => end,
            // What was written last has a moment to leave.
            None => timeout(WS_CLOSE_TIMEOUT, poll_fn(|cx| self.poll(cx))).await.unwrap_or(End::Lost),
        }
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<End> {
        self.socket.attend(cx);
        match self.poll_out(cx) {
            Poll::Pending => self.poll_in(cx),
            ended => ended,
        }
    }

    /// What is written leaves as frames, each when the one before was taken.
    fn poll_out(&mut self, cx: &Context<'_>) -> Poll<End> {
        loop {
            // Nothing is gathered: after a frame that was taken there is nothing to flush.
            if self.socket.is_full() {
                match self.socket.flush_ready() {
                    Ok(true) => {}
                    Ok(false) => return Poll::Pending,
                    Err(error) => return Poll::Ready(End::of(&error)),
                }
            }
            match ready!(self.far.poll_take(cx)) {
                None => return Poll::Ready(End::Finished),
                Some(bytes) => {
                    if let Err(error) = self.socket.write(Message::Binary(bytes)) {
                        return Poll::Ready(End::of(&error));
                    }
                }
            }
        }
    }

    /// What frames hold is read, as far as there is room.
    fn poll_in(&mut self, cx: &Context<'_>) -> Poll<End> {
        let mut may_be_more = false;
        if self.give(cx) && self.over.is_none() {
            may_be_more = self.read_ready();
        }
        if !self.give(cx) {
            return Poll::Pending;
        }
        if let Some(end) = self.over.take() {
            return Poll::Ready(end);
        }
        if may_be_more {
            // Others have their turn.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Reads frames that are there, as many as are given together; whether there may be more.
    fn read_ready(&mut self) -> bool {
        for _ in 0..TICK_FRAMES_MAX {
            match self.socket.next_ready() {
                None => return false,
                Some(Some(Ok(Message::Binary(bytes)))) if self.held.is_empty() => self.held = bytes,
                Some(Some(Ok(Message::Binary(bytes)))) => self.more.extend_from_slice(&bytes),
                // A ping is answered by the library, with the next read.
                Some(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => {}
                Some(Some(Ok(Message::Text(_)))) => {
                    let reason = "bytes come in binary frames, not in text";
                    self.over = Some(End::Refused(CloseCode::Unsupported, reason));
                }
                Some(Some(Ok(Message::Close(close)))) => {
                    self.over = Some(End::Left(close.map(|close| close.code)));
                }
                Some(None) => self.over = Some(End::Lost),
                Some(Some(Err(error))) => self.over = Some(End::of(&error)),
            }
            if self.over.is_some() || self.held.len() + self.more.len() >= PIPE_BYTES_MAX {
                break;
            }
        }
        true
    }

    /// Gives what was read, as far as there is room; whether that was all.
    fn give(&mut self, cx: &Context<'_>) -> bool {
        let mut piece = std::mem::take(&mut self.held);
        while !piece.is_empty() {
            if let Err(piece) = self.far.try_give(cx, piece) {
                self.held = piece;
                return false;
            }
            piece = std::mem::take(&mut self.more).freeze();
        }
        true
    }
}
