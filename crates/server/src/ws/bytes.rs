//! A WebSocket as a stream of bytes, for a protocol that could as well run over TCP: the bytes are those of its binary frames,
//! wherever these begin and end. A text frame ends it.
//!
//! The task that carries them waits for whichever side is slower, and little is on its way in either direction, so that the
//! bounds of the protocol inside stay those that they are on a socket.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tracing::debug;

use crate::caller::Caller;
use crate::limits::{TICK_FRAMES_MAX, WS_CLOSE_TIMEOUT};
use crate::stream::FarEnd;
use crate::ws::end::{End, say_goodbye};
use crate::ws::socket::Socket;

/// Carries bytes until one side ends, then ends the other.
pub(super) async fn carry(socket: Socket, far: FarEnd, caller: Caller) {
    let mut carrier = Carrier { socket, far, held: None };
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
    /// Came in a frame, and the pipe has no room for it yet.
    held: Option<Bytes>,
}

impl Carrier {
    async fn carry(&mut self) -> End {
        let end = poll_fn(|cx| match self.poll(cx) {
            Poll::Pending if self.far.is_abandoned() => Poll::Ready(None),
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
        for _ in 0..TICK_FRAMES_MAX {
            if let Some(bytes) = self.held.take()
                && let Err(bytes) = self.far.try_give(cx, bytes)
            {
                self.held = Some(bytes);
                return Poll::Pending;
            }
            match self.socket.next_ready() {
                None => return Poll::Pending,
                Some(None) => return Poll::Ready(End::Lost),
                Some(Some(Ok(Message::Binary(bytes)))) => self.held = Some(bytes),
                Some(Some(Ok(Message::Text(_)))) => {
                    let reason = "bytes come in binary frames, not in text";
                    return Poll::Ready(End::Refused(CloseCode::Unsupported, reason));
                }
                // A ping is answered by the library, with the next read.
                Some(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => {}
                Some(Some(Ok(Message::Close(_)))) => return Poll::Ready(End::Left),
                Some(Some(Err(error))) => return Poll::Ready(End::of(&error)),
            }
        }
        // Others have their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
