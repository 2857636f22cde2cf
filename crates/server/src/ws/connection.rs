//! The task of one WebSocket of the API: reads what is ready, writes what waits, flushes once per wake-up; says goodbye.
//!
//! What frames mean belongs to `session`.

use std::future::pending;
use std::sync::Arc;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tracing::debug;

use crate::aside::aside;
use crate::caller::Caller;
use crate::kept::Seat;
use crate::limits::{JSON_BYTES_AT_ONCE, TICK_BYTES_MAX, TICK_FRAMES_MAX};
use crate::outbox::Batch;
use crate::persist::{Due, Durability};
use crate::presence::Reason;
use crate::refusal::Refusal;
use crate::ws::end::{End, say_goodbye};
use crate::ws::language::Language;
use crate::ws::line::{Going, Line};
use crate::ws::reply;
use crate::ws::request::{Frame, Hello, Operation, Request};
use crate::ws::session::{Answer, Session};
use crate::ws::socket::Socket;

/// An answer that waits for the disk, or for one that does.
enum Withheld {
    /// `ok` with this id, or an error.
    Durable(Option<Vec<u8>>),
    Ready(Message),
}

/// Serves a WebSocket until its client leaves or the hub stops.
pub(super) async fn run(socket: Socket, caller: Caller, language: Language) {
    // It counts until the farewell is said.
    let (peer, _alive) = (caller.peer.clone(), Arc::clone(&caller.alive));
    let mut connection = Connection::new(socket, caller, language);
    let end = connection.serve().await;
    debug!(%peer, "WebSocket ends: {end:?}");
    let Connection { line, session, .. } = connection;
    session.note_end(match end {
        End::Left(Some(CloseCode::Normal | CloseCode::Away)) | End::Finished => Reason::Goodbye,
        End::Left(_) | End::Lost => Reason::Network,
        End::Refused(CloseCode::Policy, _) => Reason::Revoked,
        End::Refused(..) => Reason::Protocol,
        End::Stopping => Reason::HubRestart,
    });
    // Its subscriptions and its presence end now, not after the farewell, or wait for it to come back.
    if end == End::Left(Some(CloseCode::Normal)) || session.feed().client().is_ended() {
        session.end();
    } else {
        drop(session);
    }
    say_goodbye(line.socket, &end).await;
}

struct Connection {
    line: Line,
    language: Language,
    session: Session,
    durability: Durability,
    /// Answers that wait for the disk to have `due`; those of one turn share one wait.
    withheld: Vec<Withheld>,
    /// Nothing more is read once these are too many: an answer may be far larger than its request.
    withheld_bytes: usize,
    due: Option<Due>,
}

impl Connection {
    fn new(socket: Socket, caller: Caller, language: Language) -> Self {
        Self {
            line: Line::new(socket),
            language,
            durability: caller.shard.durability.clone(),
            session: Session::new(caller, language),
            withheld: Vec::new(),
            withheld_bytes: 0,
            due: None,
        }
    }

    async fn serve(&mut self) -> End {
        loop {
            let client = Arc::clone(self.session.feed().client());
            let (seat, shard) = (self.session.seat(), self.session.shard().clone());
            tokio::select! {
                end = self.talk() => match end {
                    Some(end) => return end,
                    None => continue,
                },
                () = client.unwanted() => {
                    let reason = "an administrator ended this connection, or its credential is no longer valid";
                    return End::Refused(CloseCode::Policy, reason);
                }
                () = claimed(seat) => {
                    return End::Refused(CloseCode::Policy, "its session goes on in another connection");
                }
                () = shard.stopping() => return End::Stopping,
            }
        }
    }

    /// Talks until the end, or until its session is another one (`None`).
    async fn talk(&mut self) -> Option<End> {
        let client = Arc::clone(self.session.feed().client());
        loop {
            if let Err(end) = self.turn().await {
                return Some(end);
            }
            if !Arc::ptr_eq(&client, self.session.feed().client()) {
                return None;
            }
        }
    }

    /// One wake-up: what is ready is done, what waits is written, and flushed once.
    async fn turn(&mut self) -> Going {
        // Who leaves its stored values unread is not listened to until it has read some.
        let may_read = !self.session.feed().is_behind();
        let mut is_unread = false;
        tokio::select! {
            biased;
            _ = self.line.pings.tick() => self.line.ping().await?,
            message = self.line.socket.next(), if may_read => is_unread = self.read_ready(message).await?,
            () = self.session.feed().filled() => {}
        }
        self.write_waiting().await?;
        self.line.flush().await?;
        if is_unread || self.session.feed().has_more() {
            // Others have their turn, whatever is left here.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Handles the message that came and those that are there already, within bounds; whether there may be more.
    async fn read_ready(&mut self, first: Option<Result<Message, Error>>) -> Result<bool, End> {
        let mut next = Some(first);
        let (mut bytes, mut operations, mut is_unread) = (0, 0, false);
        while let Some(message) = next {
            let message = self.line.heard(message)?;
            bytes += message.len();
            operations += self.handle(message).await?;
            let is_full = self.session.feed().is_behind() || self.withheld_bytes >= TICK_BYTES_MAX;
            let goes_on = bytes < TICK_BYTES_MAX && operations < TICK_FRAMES_MAX && !is_full;
            if !goes_on {
                is_unread = true;
                break;
            }
            next = self.line.socket.next_ready();
        }
        self.session.feed().client().add_bytes_in(bytes);
        self.send_withheld().await?;
        Ok(is_unread)
    }

    fn withhold(&mut self, answer: Withheld) {
        self.withheld_bytes += size_of::<Withheld>()
            + match &answer {
                Withheld::Durable(id) => id.as_ref().map_or(0, Vec::len),
                Withheld::Ready(message) => message.len(),
            };
        self.withheld.push(answer);
    }

    /// Waits until the disk has what was published, or refused it, then says so.
    async fn send_withheld(&mut self) -> Going {
        let Some(due) = self.due.take() else { return Ok(()) };
        let reached = self.durability.reached(due).await.map_err(Refusal::from);
        self.write_queued().await?;
        self.withheld_bytes = 0;
        for answer in std::mem::take(&mut self.withheld) {
            let message = match (answer, &reached) {
                (Withheld::Ready(message), _) => message,
                (Withheld::Durable(id), Ok(())) => reply::ok(self.language, id.as_deref()),
                (Withheld::Durable(id), Err(refusal)) => reply::error(self.language, id.as_deref(), refusal),
            };
            self.line.feed(message).await?;
        }
        Ok(())
    }

    /// Does what a message asks for; how many operations it was worth.
    async fn handle(&mut self, message: Message) -> Result<usize, End> {
        match (message, self.language) {
            (Message::Text(text), Language::Json) => self.perform(text.into()).await,
            (Message::Binary(bytes), Language::Cbor) => self.perform(bytes).await,
            (Message::Text(_) | Message::Binary(_), language) => {
                let refusal = Refusal::BadRequest(language.wrong_kind().into());
                self.send(Answer::Last(reply::error(language, None, &refusal))).await.map(|()| 1)
            }
            // A ping is answered by the library, with the next flush.
            (Message::Ping(_) | Message::Pong(_) | Message::Frame(_), _) => Ok(1),
            (Message::Close(close), _) => Err(End::Left(close.map(|close| close.code))),
        }
    }

    /// Does the operations of a frame in their order; how many there are. What few frames need is kept in a box only while it is needed.
    async fn perform(&mut self, bytes: Bytes) -> Result<usize, End> {
        let language = self.language;
        if bytes.len() > JSON_BYTES_AT_ONCE {
            return Box::pin(self.perform_aside(bytes)).await;
        }
        let answer = match language.parse(&bytes) {
            Frame::One(Operation { id, request: Ok(Request::Hello(hello)) }) => {
                return Box::pin(self.greet(id.as_deref(), hello)).await.map(|()| 1);
            }
            Frame::One(operation) if self.due.is_some() && operation.is_answered_first() => {
                return Box::pin(self.perform_many(vec![operation])).await;
            }
            Frame::One(operation) => self.session.handle(operation),
            Frame::Many(operations) => return Box::pin(self.perform_many(operations)).await,
        };
        self.send(answer).await.map(|()| 1)
    }

    /// A long frame is read aside, while this connection waits and others go on.
    async fn perform_aside(&mut self, bytes: Bytes) -> Result<usize, End> {
        let language = self.language;
        match aside(move || language.parse(&bytes).into_owned()).await {
            Frame::One(operation) => self.perform_many(vec![operation]).await,
            Frame::Many(operations) => self.perform_many(operations).await,
        }
    }

    async fn perform_many(&mut self, operations: Vec<Operation<'_>>) -> Result<usize, End> {
        let count = operations.len();
        for operation in operations {
            match operation {
                Operation { id, request: Ok(Request::Hello(hello)) } => self.greet(id.as_deref(), hello).await?,
                operation => {
                    if operation.is_answered_first() {
                        self.send_withheld().await?;
                    }
                    let answer = self.session.handle(operation);
                    self.send(answer).await?;
                }
            }
            if self.withheld_bytes >= TICK_BYTES_MAX {
                self.send_withheld().await?;
            }
        }
        Ok(count)
    }

    async fn greet(&mut self, id: Option<&[u8]>, hello: Hello) -> Going {
        self.send_withheld().await?;
        let answer = self.session.greet(id, hello).await;
        self.send(answer).await
    }

    async fn send(&mut self, answer: Answer) -> Going {
        match answer {
            Answer::First(answer) => self.line.feed(answer).await,
            Answer::Durable(id, due) => {
                self.due = Due::both(self.due, Some(due));
                self.withhold(Withheld::Durable(id));
                Ok(())
            }
            // Answers keep the order of their requests.
            Answer::Last(answer) if self.due.is_some() => {
                self.withhold(Withheld::Ready(answer));
                Ok(())
            }
            Answer::Last(answer) => {
                self.write_queued().await?;
                self.line.feed(answer).await
            }
        }
    }

    /// Writes what waits, about as much as is due in one tick.
    async fn write_waiting(&mut self) -> Going {
        let mut written = 0;
        while written < TICK_BYTES_MAX
            && let Some(batch) = self.session.feed_mut().take()
        {
            written += batch.bytes.len();
            self.write(batch).await?;
        }
        Ok(())
    }

    /// Writes what was queued before this moment.
    async fn write_queued(&mut self) -> Going {
        let due = self.session.feed().queued_bytes();
        let mut written = 0;
        while written < due
            && let Some(batch) = self.session.feed().take_queued()
        {
            written += batch.bytes.len();
            self.write(batch).await?;
        }
        Ok(())
    }

    async fn write(&mut self, batch: Batch) -> Going {
        let Batch { bytes, lengths, lost } = batch;
        let mut start = 0;
        for length in lengths {
            let message = bytes.slice(start..start + length);
            start += length;
            self.line.feed(self.language.frame(message)).await?;
        }
        if lost > 0 {
            self.line.feed(reply::lost(self.language, lost)).await?;
        }
        Ok(())
    }
}

/// Resolves when somebody else wants its session.
async fn claimed(seat: Option<Arc<Seat>>) {
    match seat {
        // In a box that most connections do without.
        Some(seat) => Box::pin(async move { seat.claimed().await }).await,
        None => pending().await,
    }
}
