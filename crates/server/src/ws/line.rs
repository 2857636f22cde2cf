//! The line to one client of the API: messages out with a bound on how long that takes, and a ping when it is time.
//!
//! What is said belongs to `connection` and `echo`.

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::limits::{WS_PING_EVERY, WS_PINGS_UNANSWERED_MAX, WS_WRITE_TIMEOUT};
use crate::ws::end::End;
use crate::ws::socket::Socket;

/// Whether the socket goes on.
pub(super) type Going = Result<(), End>;

/// See the module.
pub(super) struct Line {
    pub(super) socket: Socket,
    /// Whoever waits for one calls [`Line::ping`].
    pub(super) pings: Interval,
    pings_unanswered: u32,
}

impl Line {
    pub(super) fn new(socket: Socket) -> Self {
        let mut pings = interval_at(Instant::now() + WS_PING_EVERY, WS_PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { socket, pings, pings_unanswered: 0 }
    }

    /// What was read, if the socket goes on: whatever it is, its client is there.
    pub(super) fn heard(&mut self, read: Option<Result<Message, Error>>) -> Result<Message, End> {
        let message = read.ok_or(End::Lost)?.map_err(|error| End::of(&error))?;
        self.pings_unanswered = 0;
        Ok(message)
    }

    /// Asks for a sign of life, unless too many were asked for in vain.
    pub(super) async fn ping(&mut self) -> Going {
        if self.pings_unanswered >= WS_PINGS_UNANSWERED_MAX {
            return Err(End::Refused(CloseCode::Policy, "no answer to pings"));
        }
        self.pings_unanswered += 1;
        self.feed(Message::Ping(Default::default())).await
    }

    /// Hands a message to the socket's buffer; waits while that is full.
    pub(super) async fn feed(&mut self, message: Message) -> Going {
        if self.socket.is_full() {
            in_time(self.socket.flush()).await?;
        }
        self.socket.write(message).map_err(|error| End::of(&error))
    }

    /// Writes what there is.
    pub(super) async fn flush(&mut self) -> Going {
        match self.socket.flush_ready() {
            Ok(true) => Ok(()),
            Ok(false) => in_time(self.socket.flush()).await,
            Err(error) => Err(End::of(&error)),
        }
    }
}

async fn in_time(write: impl Future<Output = Result<(), Error>>) -> Going {
    match timeout(WS_WRITE_TIMEOUT, write).await {
        Ok(written) => written.map_err(|error| End::of(&error)),
        // It does not read: a close frame would not reach it either.
        Err(_) => Err(End::Lost),
    }
}
