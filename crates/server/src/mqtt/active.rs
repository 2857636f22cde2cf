//! An MQTT connection that has a session: reads, publishes, answers, until it ends.
//!
//! Polled, not an `async fn`: thousands of connections wait most of the time, and what a future keeps for each thing that it
//! waits for would be most of their memory. What is needed for the length of one turn only is the shard's; what few
//! connections ever need is in a box.

mod dialect;
mod farewell;
mod packets;
mod subscriptions;

use std::fmt::Display;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use housewire_core::{Hub, Origin, Presence, Principal};
use housewire_protocols::mqtt::{Acknowledgement, ReasonCode, Traffic};
use tokio::time::{Sleep, sleep_until};

use crate::mqtt::connection::{Connection, SessionGuard};
use crate::mqtt::end::End;
use crate::mqtt::sessions::Session;
use crate::mqtt::withheld::{Answer, Withheld};
use crate::persist::Due;
use crate::refusals::{Kind, Whose};
use crate::shard::{Flush, now};
use crate::signal::Call;
use crate::socket::{is_large, read_in_place, read_into_scratch};

/// What one client may have done for it in one turn, counted in packets and in subscribers that its messages are offered to:
/// about a millisecond. A read of small packets to many subscribers is worth far more.
const TURN_WORK_MAX: usize = 8_192;

/// What the connection whose turn it is needs until that is over; a shard has one.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(super) acks: Vec<Acknowledgement>,
    pub(super) replies: Vec<u8>,
    /// What was done; see [`TURN_WORK_MAX`].
    work: usize,
    /// Of this read, not counted yet.
    traffic: Traffic,
}

/// What a step leaves to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// To look once more: what was done may have changed what there is to do.
    Step,
    /// To go on when others have had their turn. Neither tokio nor the socket makes a client wait that always has more to say.
    Pause,
    /// To wait: whatever comes next wakes the task.
    Wait,
}

/// A connection that has a session.
pub(super) struct Active {
    pub(super) connection: Connection,
    pub(super) guard: SessionGuard,
    withheld: Withheld,
    /// For the keep-alive, if there is one. It never sleeps longer than that allows, and is set on when it wakes too early.
    timer: Option<Pin<Box<Sleep>>>,
    /// The session outlives the process.
    is_durable: bool,
    /// The tail holds whole packets, for the next turn.
    is_behind: bool,
    /// Nothing was read yet, and the client may have sent more behind its CONNECT.
    has_more: bool,
    /// Everything that could end it before it began was looked at.
    has_begun: bool,
    /// Its time seems to be over. It is once nothing is found in the socket after the runtime has looked there again.
    is_late: bool,
}

impl Active {
    pub(super) fn new(connection: Connection, guard: SessionGuard) -> Self {
        let session = guard.session();
        let is_durable = session.mailbox.is_durable();
        let has_more = !connection.tail.is_empty();
        let (withheld, timer) = (Withheld::default(), None);
        let (is_behind, has_begun, is_late) = (false, false, false);
        Self { connection, guard, withheld, timer, is_durable, is_behind, has_more, has_begun, is_late }
    }

    fn session(&self) -> &Session {
        self.guard.session()
    }

    /// Where its messages come from.
    fn origin(session: &Session) -> Origin {
        Origin { via: "mqtt", session: session.id(), presence: Presence::Connected }
    }

    fn hub(&self) -> &Hub {
        &self.connection.shard().hub
    }

    /// Whose rights apply.
    fn principal(&self) -> &Principal {
        self.session().subscriber().principal()
    }

    /// For the log.
    fn client_id(&self) -> &str {
        self.session().client.id()
    }

    /// Tells of something that the client wanted and did not get.
    fn note_refusal(&self, kind: Kind, what: impl Display, topic: &str) {
        let (shard, client) = (self.connection.shard(), &self.session().client);
        let whose = Whose {
            transport: "mqtt",
            peer: client.whereabouts().connection.map(|connection| connection.peer),
            client_id: Some(client.id()),
            user: Some(self.principal().name()),
            topic: Some(topic).filter(|topic| !topic.is_empty()),
        };
        shard.refusals.note(&shard.hub, whose, kind, what);
    }

    /// Serves the client as far as that goes now; ready when the connection ends, with why it does.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, turn: &mut Turn) -> Poll<End> {
        // Before anything is looked at, so that nothing is missed that comes meanwhile.
        self.session().client.signal.listen(context.waker());
        if !std::mem::replace(&mut self.has_begun, true) && self.connection.shard().is_stopping() {
            // It was told to all that were there, which this one was not.
            return Poll::Ready(End::shutting_down());
        }
        loop {
            match self.step(context, turn) {
                Ok(Next::Step) => {}
                Ok(Next::Pause) => {
                    pause(context);
                    return Poll::Pending;
                }
                Ok(Next::Wait) => return Poll::Pending,
                Err(end) => return Poll::Ready(end),
            }
        }
    }

    /// What comes first is weightier, and is done before anything behind it is looked at.
    fn step(&mut self, context: &mut Context<'_>, turn: &mut Turn) -> Result<Next, End> {
        if let Some(call) = self.session().client.signal.heard() {
            return Err(called_to_end(call));
        }
        if let Some(dialect) = &self.connection.dialect
            && self.catch_up(dialect)
        {
            return Ok(Next::Step);
        }
        let replays_more = self.continue_replays();
        let status = self.session().mailbox.status();
        if status.is_broken {
            return Err(End::Lost);
        }
        if status.is_blocked
            && let Poll::Ready(ready) = self.connection.socket.poll_writable(context)
        {
            ready.map_err(|_| End::Lost)?;
            self.session().mailbox.flush();
            return Ok(Next::Step);
        }
        if self.withheld.poll_changed(context).is_ready() {
            self.release_withheld(turn)?;
            return Ok(Next::Step);
        }
        if !status.is_backlogged && !self.withheld.is_full() && self.poll_input(context).is_ready() {
            return self.read(turn);
        }
        let next = self.poll_timer(context)?;
        Ok(if replays_more { Next::Pause } else { next })
    }

    /// Ready when there is something to handle, or it is certain that nothing comes any more.
    fn poll_input(&self, context: &mut Context<'_>) -> Poll<()> {
        // A stream that failed is read, which finds that out.
        if self.is_behind || self.has_more {
            return Poll::Ready(());
        }
        self.connection.socket.poll_readable(context).map(drop)
    }

    fn release_withheld(&mut self, turn: &mut Turn) -> Result<(), End> {
        let Connection { guard, inbound, .. } = &mut self.connection;
        let released = self.withheld.release(&guard.shard().durability, inbound, &mut turn.replies);
        self.session().mailbox.respond(&mut turn.acks, &mut turn.replies)?;
        released
    }

    /// Ends the connection if its time is over. Not at once: a hub that was stopped for a while hears of the time before it
    /// hears of what lies in its sockets.
    fn poll_timer(&mut self, context: &mut Context<'_>) -> Result<Next, End> {
        while let Some(deadline) = self.connection.inbound.poll_timeout() {
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline.into())));
            if timer.as_mut().poll(context).is_pending() {
                break;
            }
            let now = now().instant;
            if self.withheld.is_full() {
                self.connection.inbound.excuse_silence(now);
            } else if deadline <= now && !std::mem::replace(&mut self.is_late, true) {
                return Ok(Next::Pause);
            }
            self.is_late = false;
            self.connection.inbound.handle_timeout(now)?;
            if let Some(deadline) = self.connection.inbound.poll_timeout() {
                timer.as_mut().reset(deadline.into());
            }
        }
        Ok(Next::Wait)
    }

    /// Reads once, handles the packets that are whole, answers in one go.
    fn read(&mut self, turn: &mut Turn) -> Result<Next, End> {
        self.has_more = false;
        let shard = self.connection.shard().clone();
        let mut tail = std::mem::take(&mut self.connection.tail);
        let known = tail.len();
        if self.is_behind || is_large(&tail) {
            let is_last = !self.is_behind && read_in_place(&self.connection.socket, &mut tail);
            let used = self.answer_to(&tail, tail.len() - known, is_last, turn)?;
            tail.drain(..used);
            tail.shrink_to(tail.len().next_power_of_two());
            self.connection.tail = tail;
            return Ok(Next::Pause);
        }
        let mut scratch = shard.scratch.lock();
        let read = read_into_scratch(&self.connection.socket, &mut scratch, &mut tail);
        let used = self.answer_to(read.data, read.data.len() - known, read.is_last, turn)?;
        tail.extend_from_slice(&read.data[used..]);
        self.connection.tail = tail;
        Ok(if read.is_full || self.is_behind { Next::Pause } else { Next::Step })
    }

    /// Handles what is there, of which so many bytes are new, and sends the answers; how many bytes were used.
    fn answer_to(&mut self, data: &[u8], new_bytes: usize, is_last: bool, turn: &mut Turn) -> Result<usize, End> {
        let handled = self.handle(data, turn);
        self.connection.shard().traffic().received(new_bytes, &std::mem::take(&mut turn.traffic));
        self.session().client.add_bytes_in(new_bytes);
        // Replies to what came before a broken packet still go out.
        let responded = self.session().mailbox.respond(&mut turn.acks, &mut turn.replies);
        let used = handled?;
        responded?;
        if is_last { Err(End::Lost) } else { Ok(used) }
    }

    /// Sends an answer, at once or when what is `due` is so.
    fn send(&mut self, answer: Answer, due: Option<Due>, turn: &mut Turn) {
        let Connection { guard, inbound, .. } = &mut self.connection;
        self.withheld.send(answer, due, &guard.shard().durability, inbound, &mut turn.replies);
    }
}

fn called_to_end(call: Call) -> End {
    match call {
        Call::Stop => End::shutting_down(),
        Call::MakeWay => {
            let text = "another client connected with this client id".to_owned();
            End::Hub(ReasonCode::SessionTakenOver, text)
        }
        Call::Leave => {
            let text = "an administrator disconnected this client".to_owned();
            End::Hub(ReasonCode::AdministrativeAction, text)
        }
    }
}

/// Has the task go on after all others, and after those that become ready meanwhile.
fn pause(context: &mut Context<'_>) {
    let is_over = pin!(tokio::task::yield_now()).poll(context).is_ready();
    debug_assert!(!is_over, "a pause takes a while");
}

impl Turn {
    /// What is left over of a connection that panicked goes to nobody.
    pub(super) fn begin(&mut self) {
        self.acks.clear();
        self.replies.clear();
        (self.work, self.traffic) = (0, Traffic::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many connections as a hub has, idle or not. Whoever adds to it says here what that costs.
    #[test]
    fn a_connection_takes_little_memory() {
        assert!(size_of::<Active>() <= 216, "{} bytes", size_of::<Active>());
        assert!(size_of::<Session>() <= 16, "{} bytes", size_of::<Session>());
    }
}
