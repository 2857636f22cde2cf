//! The task of one WebSocket: reads what is ready, writes what waits, flushes once per wake-up; pings; says goodbye.
//!
//! What frames mean belongs to `session`.

use std::sync::Arc;

use housewire_core::BatchNumber;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tracing::debug;

use crate::aside::aside;
use crate::caller::Caller;
use crate::limits::{
    JSON_BYTES_AT_ONCE, TICK_BYTES_MAX, TICK_FRAMES_MAX, WS_PING_EVERY, WS_PINGS_UNANSWERED_MAX, WS_WRITE_TIMEOUT,
};
use crate::outbox::Batch;
use crate::persist::Durability;
use crate::refusal::Refusal;
use crate::ws::end::{End, say_goodbye};
use crate::ws::reply;
use crate::ws::request::Frame;
use crate::ws::session::{Answer, Session};
use crate::ws::socket::Socket;

/// An answer that waits for the disk, or for one that does.
enum Withheld {
    /// `ok` with this id, or an error.
    Durable(Option<String>),
    Text(String),
}

/// Whether the socket goes on.
type Going = Result<(), End>;

/// Serves a WebSocket until its client leaves or the hub stops.
pub(super) async fn run(socket: Socket, caller: Caller) {
    let mut connection = Connection::new(socket, &caller);
    let client = Arc::clone(connection.session.feed.client());
    let end = tokio::select! {
        end = connection.talk() => end,
        () = client.unwanted() => End::Refused(CloseCode::Policy, "an administrator disconnected this client"),
        () = caller.shard.stopping() => End::Stopping,
    };
    debug!(peer = %caller.peer, "WebSocket ends: {end:?}");
    let Connection { socket, session, .. } = connection;
    // Its subscriptions and its presence end now, not after the farewell.
    drop(session);
    say_goodbye(socket, &end).await;
}

struct Connection {
    socket: Socket,
    session: Session,
    pings: Interval,
    pings_unanswered: u32,
    durability: Durability,
    /// Answers that wait for the disk to have `due`; those of one turn share one wait.
    withheld: Vec<Withheld>,
    /// Nothing more is read once these are too many: an answer may be far larger than its request.
    withheld_bytes: usize,
    due: Option<BatchNumber>,
}

impl Connection {
    fn new(socket: Socket, caller: &Caller) -> Self {
        let mut pings = interval_at(Instant::now() + WS_PING_EVERY, WS_PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let durability = caller.shard.durability.clone();
        let session = Session::new(caller);
        Self {
            socket,
            session,
            pings,
            pings_unanswered: 0,
            durability,
            withheld: Vec::new(),
            withheld_bytes: 0,
            due: None,
        }
    }

    async fn talk(&mut self) -> End {
        loop {
            if let Err(end) = self.turn().await {
                return end;
            }
        }
    }

    /// One wake-up: what is ready is done, what waits is written, and flushed once.
    async fn turn(&mut self) -> Going {
        // Who leaves its stored values unread is not listened to until it has read some.
        let may_read = !self.session.feed.is_behind();
        let mut is_unread = false;
        tokio::select! {
            biased;
            _ = self.pings.tick() => self.ping().await?,
            message = self.socket.next(), if may_read => is_unread = self.read_ready(message).await?,
            () = self.session.feed.filled() => {}
        }
        self.write_waiting().await?;
        self.flush().await?;
        if is_unread || self.session.feed.has_more() {
            // Others have their turn, whatever is left here.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Handles the message that came and those that are there already, within bounds; whether there may be more.
    async fn read_ready(&mut self, first: Option<Result<Message, Error>>) -> Result<bool, End> {
        let mut next = Some(first);
        let (mut bytes, mut frames, mut is_unread) = (0, 0, false);
        while let Some(message) = next {
            let message = message.ok_or(End::Lost)?.map_err(|error| End::of(&error))?;
            self.pings_unanswered = 0;
            bytes += message.len();
            frames += 1;
            self.handle(message).await?;
            let is_full = self.session.feed.is_behind() || self.withheld_bytes >= TICK_BYTES_MAX;
            let goes_on = bytes < TICK_BYTES_MAX && frames < TICK_FRAMES_MAX && !is_full;
            if !goes_on {
                is_unread = true;
                break;
            }
            next = self.socket.next_ready();
        }
        self.session.feed.client().add_bytes_in(bytes);
        self.send_withheld().await?;
        Ok(is_unread)
    }

    fn withhold(&mut self, answer: Withheld) {
        self.withheld_bytes += size_of::<Withheld>()
            + match &answer {
                Withheld::Durable(id) => id.as_ref().map_or(0, String::len),
                Withheld::Text(text) => text.len(),
            };
        self.withheld.push(answer);
    }

    /// Waits until the disk has what was published, or refused it, then says so.
    async fn send_withheld(&mut self) -> Going {
        let Some(batch) = self.due.take() else { return Ok(()) };
        let reached = self.durability.reached(batch).await.map_err(Refusal::from);
        self.write_queued().await?;
        self.withheld_bytes = 0;
        for answer in std::mem::take(&mut self.withheld) {
            let text = match (answer, &reached) {
                (Withheld::Text(text), _) => text,
                (Withheld::Durable(id), Ok(())) => reply::ok(id.as_deref()),
                (Withheld::Durable(id), Err(refusal)) => reply::error(id.as_deref(), refusal),
            };
            self.feed(Message::text(text)).await?;
        }
        Ok(())
    }

    async fn handle(&mut self, message: Message) -> Going {
        match message {
            Message::Text(text) => match self.answer(text).await {
                Answer::First(answer) => self.feed(Message::text(answer)).await,
                Answer::Durable(id, batch) => {
                    self.due = self.due.max(Some(batch));
                    self.withhold(Withheld::Durable(id));
                    Ok(())
                }
                // Answers keep the order of their requests.
                Answer::Last(answer) if self.due.is_some() => {
                    self.withhold(Withheld::Text(answer));
                    Ok(())
                }
                Answer::Last(answer) => {
                    self.write_queued().await?;
                    self.feed(Message::text(answer)).await
                }
            },
            Message::Binary(_) => {
                let refusal = Refusal::BadRequest("frames are JSON in text frames, not in binary ones".into());
                self.feed(Message::text(reply::error(None, &refusal))).await
            }
            // A ping is answered by the library, with the next flush.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
            Message::Close(_) => Err(End::Left),
        }
    }

    /// Does what a frame asks for. A long one is read aside, while this connection waits and others go on.
    async fn answer(&mut self, text: Utf8Bytes) -> Answer {
        if text.len() <= JSON_BYTES_AT_ONCE {
            return self.session.handle(Frame::parse(&text));
        }
        let frame = aside(move || Frame::parse(&text).into_owned()).await;
        self.session.handle(frame)
    }

    /// Writes what waits, about as much as is due in one tick.
    async fn write_waiting(&mut self) -> Going {
        let mut written = 0;
        while written < TICK_BYTES_MAX
            && let Some(batch) = self.session.feed.take()
        {
            written += batch.bytes.len();
            self.write(batch).await?;
        }
        Ok(())
    }

    /// Writes what was queued before this moment.
    async fn write_queued(&mut self) -> Going {
        let due = self.session.feed.queued_bytes();
        let mut written = 0;
        while written < due
            && let Some(batch) = self.session.feed.take_queued()
        {
            written += batch.bytes.len();
            self.write(batch).await?;
        }
        Ok(())
    }

    async fn write(&mut self, batch: Batch) -> Going {
        let Batch { bytes, lengths, lost } = batch;
        in_time(async {
            let mut start = 0;
            for length in lengths {
                let message = bytes.slice(start..start + length);
                start += length;
                let text = Utf8Bytes::try_from(message).expect("messages are written as JSON, which is UTF-8");
                self.socket.feed(Message::Text(text)).await?;
            }
            if lost > 0 {
                self.socket.feed(Message::text(reply::lost(lost))).await?;
            }
            Ok(())
        })
        .await
    }

    async fn ping(&mut self) -> Going {
        if self.pings_unanswered >= WS_PINGS_UNANSWERED_MAX {
            return Err(End::Refused(CloseCode::Policy, "no answer to pings"));
        }
        self.pings_unanswered += 1;
        self.feed(Message::Ping(Default::default())).await
    }

    /// Hands a message to the socket's buffer; waits while that is full.
    async fn feed(&mut self, message: Message) -> Going {
        if self.socket.is_full() {
            in_time(self.socket.flush()).await?;
        }
        self.socket.write(message).map_err(|error| End::of(&error))
    }

    async fn flush(&mut self) -> Going {
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
