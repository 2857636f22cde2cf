//! A Blynk device that has logged in: reads, publishes, answers, until it ends.
//!
//! Polled, as MQTT's connections are: thousands of devices wait most of the time.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use housewire_core::{DeviceId, Filter, Qos, SubscribeOptions, Subscriber};
use housewire_protocols::blynk::Session;
use tokio::time::{Sleep, sleep_until};
use tracing::warn;

use crate::blynk::begin::End;
use crate::blynk::bridges::Bridges;
use crate::blynk::mailbox::{BlynkMailbox, Status};
use crate::clients::Client;
use crate::pins::{PinMap, Reach};
use crate::shard::{ConnectionGuard, Flush, Shard, now};
use crate::signal::Call;
use crate::socket::{is_large, read_in_place, read_into_scratch};

/// What a step leaves to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// To look once more.
    Step,
    /// To go on when others have had their turn.
    Pause,
    /// To wait: whatever comes next wakes the task.
    Wait,
}

/// What a device that is logged in has with the hub.
pub(super) struct Line {
    pub(super) device: DeviceId,
    pub(super) subscriber: Arc<Subscriber>,
    pub(super) client: Arc<Client>,
    pub(super) pins: Arc<PinMap>,
    /// `devices/<id>/`, and room for the rest of a topic.
    pub(super) topic: String,
    pub(super) prefix_bytes: usize,
    pub(super) bridges: Bridges,
    /// It gets what is asked of it.
    pub(super) is_listening: bool,
}

impl Line {
    pub(super) fn new(
        device: DeviceId,
        subscriber: Arc<Subscriber>,
        client: Arc<Client>,
        pins: Arc<PinMap>,
        topic: String,
    ) -> Self {
        let prefix_bytes = topic.len();
        let bridges = Bridges::default();
        Self { device, subscriber, client, pins, topic, prefix_bytes, bridges, is_listening: false }
    }
}

/// See the module.
pub(super) struct Active {
    pub(super) mailbox: Arc<BlynkMailbox>,
    pub(super) session: Session,
    /// Bytes of a frame that has not arrived whole.
    tail: Vec<u8>,
    guard: ConnectionGuard,
    pub(super) line: Line,
    timer: Option<Pin<Box<Sleep>>>,
    /// The tail may hold whole frames: what came behind the login, or what was left until the device takes its answers.
    pub(super) has_more: bool,
    has_begun: bool,
    /// Its time seems to be over. It is once nothing is found in the socket after the runtime has looked there again.
    is_late: bool,
}

impl Active {
    pub(super) fn new(
        mailbox: Arc<BlynkMailbox>,
        session: Session,
        tail: Vec<u8>,
        guard: ConnectionGuard,
        line: Line,
    ) -> Self {
        let has_more = !tail.is_empty();
        Self { mailbox, session, tail, guard, line, timer: None, has_more, has_begun: false, is_late: false }
    }

    pub(super) fn shard(&self) -> &Shard {
        self.guard.shard()
    }

    pub(super) fn device(&self) -> &DeviceId {
        &self.line.device
    }

    /// For the log.
    pub(super) fn peer(&self) -> String {
        let connection = self.line.client.whereabouts().connection;
        connection.map_or_else(String::new, |connection| connection.peer.to_string())
    }

    /// Serves the device as far as that goes now; ready when the connection ends, with why it does.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        // Before anything is looked at, so that nothing is missed that comes meanwhile.
        self.line.client.signal.listen(context.waker());
        if !std::mem::replace(&mut self.has_begun, true) && self.shard().is_stopping() {
            // It was told to all that were there, which this one was not.
            return Poll::Ready(End::Stopping);
        }
        loop {
            match self.step(context) {
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
    fn step(&mut self, context: &mut Context<'_>) -> Result<Next, End> {
        match self.line.client.signal.heard() {
            Some(Call::Stop) => return Err(End::Stopping),
            Some(Call::Leave | Call::MakeWay) => return Err(End::TurnedOut),
            None => {}
        }
        let status = self.mailbox.status();
        if status.is_broken {
            return Err(End::Lost);
        }
        if status.is_stale {
            self.line.pins = PinMap::of(&self.shard().hub, &self.line.device);
            self.mailbox.set_pins(Arc::clone(&self.line.pins));
            return Ok(Next::Step);
        }
        if status.is_blocked
            && let Poll::Ready(ready) = self.mailbox.socket.poll_writable(context)
        {
            ready.map_err(|_| End::Lost)?;
            self.mailbox.flush();
            return Ok(Next::Step);
        }
        if status.has_written {
            self.confirm();
            return Ok(Next::Step);
        }
        // A stream that failed is read, which finds that out.
        let has_input = self.has_more || self.mailbox.socket.poll_readable(context).is_ready();
        if !status.is_backlogged && has_input {
            return self.read();
        }
        self.poll_timer(context, status)
    }

    /// Flushes when a gap is over, and ends the connection if its time is. Not at once: a hub that was stopped for a while hears
    /// of the time before it hears of what lies in its sockets.
    fn poll_timer(&mut self, context: &mut Context<'_>, status: Status) -> Result<Next, End> {
        loop {
            let silence = self.session.poll_timeout();
            let deadline: Instant = status.flush_at.map_or(silence, |flush_at| flush_at.min(silence));
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline.into())));
            if timer.deadline().into_std() > deadline {
                timer.as_mut().reset(deadline.into());
            }
            if timer.as_mut().poll(context).is_pending() {
                return Ok(Next::Wait);
            }
            let now = now().instant;
            if status.flush_at.is_some_and(|flush_at| flush_at <= now) {
                timer.as_mut().reset(silence.into());
                self.mailbox.flush();
                return Ok(Next::Step);
            }
            if silence <= now && !status.is_backlogged {
                if !std::mem::replace(&mut self.is_late, true) {
                    return Ok(Next::Pause);
                }
                self.session.handle_timeout(now)?;
            } else if silence <= now {
                // It is not listened to, so that it may well have said something.
                self.session.handle_bytes(now);
            }
            self.is_late = false;
            timer.as_mut().reset(self.session.poll_timeout().into());
        }
    }

    /// Reads once, handles the frames that are whole, answers in one go.
    fn read(&mut self) -> Result<Next, End> {
        let shard = self.shard().clone();
        let mut tail = std::mem::take(&mut self.tail);
        let known = tail.len();
        if std::mem::take(&mut self.has_more) {
            // Nothing more is read before, so that what waits here does not grow.
            let used = self.answer_to(&tail, 0, false)?;
            tail.drain(..used);
            tail.shrink_to(tail.len().next_power_of_two());
            self.tail = tail;
            return Ok(if self.has_more { Next::Pause } else { Next::Step });
        }
        if is_large(&tail) {
            let is_last = read_in_place(&self.mailbox.socket, &mut tail);
            let used = self.answer_to(&tail, tail.len() - known, is_last)?;
            tail.drain(..used);
            tail.shrink_to(tail.len().next_power_of_two());
            self.tail = tail;
            return Ok(Next::Pause);
        }
        let mut scratch = shard.scratch.lock();
        let read = read_into_scratch(&self.mailbox.socket, &mut scratch, &mut tail);
        let used = self.answer_to(read.data, read.data.len() - known, read.is_last)?;
        tail.extend_from_slice(&read.data[used..]);
        self.tail = tail;
        Ok(if read.is_full { Next::Pause } else { Next::Step })
    }

    /// Handles what is there, of which so many bytes are new, and sends the answers; how many bytes were used.
    fn answer_to(&mut self, data: &[u8], new_bytes: usize, is_last: bool) -> Result<usize, End> {
        if new_bytes > 0 {
            self.session.handle_bytes(now().instant);
            self.is_late = false;
        }
        self.line.client.add_bytes_in(new_bytes);
        let mut replies = Vec::new();
        let handled = self.handle(data, &mut replies);
        // Answers to what came before something broken still go out.
        self.mailbox.respond(&replies);
        let used = handled?;
        if used > 0 && !self.line.is_listening {
            self.listen();
        }
        // What was left is handled first; the end is found again.
        if is_last && !self.has_more { Err(End::Lost) } else { Ok(used) }
    }

    /// From now on the device gets what is asked of it. Not at once: behind its login, libraries expect nothing but the answer to
    /// what they say of themselves.
    fn listen(&mut self) {
        const OPTIONS: SubscribeOptions =
            SubscribeOptions { qos: Qos::AtMostOnce, no_local: false, retain_as_published: false, identifier: None };
        self.line.is_listening = true;
        let prefix = &self.line.topic[..self.line.prefix_bytes];
        let filter = Filter::parse(&format!("{prefix}+/set")).expect("a device's id is a valid level");
        if let Err(denied) = self.shard().hub.subscribe(&self.line.subscriber, &filter, OPTIONS) {
            warn!(device = %self.line.device, "a Blynk device does not get what is asked of it: {denied}");
        }
        self.send_wanted();
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        let shard = self.guard.shard().clone();
        // What was answered last leaves if the socket takes it.
        self.mailbox.flush();
        self.mailbox.close();
        shard.blynk.remove(&self.line.device, &(Arc::clone(&self.mailbox) as Arc<dyn Reach>));
        shard.hub.unsubscribe_all(&self.line.subscriber);
        shard.clients.remove(&self.line.client);
        shard.hub.session_ended(self.line.subscriber.id(), now());
        // The other side may still read it.
        let _ended = self.mailbox.socket.end_writing().is_ok();
    }
}

/// Has the task go on after all others, and after those that become ready meanwhile.
fn pause(context: &mut Context<'_>) {
    let is_over = pin!(tokio::task::yield_now()).poll(context).is_ready();
    debug_assert!(!is_over, "a pause takes a while");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many connections as a hub has, idle or not. Whoever adds to it says here what that costs.
    #[test]
    fn a_connection_takes_little_memory() {
        assert!(size_of::<Active>() <= 320, "{} bytes", size_of::<Active>());
        assert!(size_of::<BlynkMailbox>() <= 256, "{} bytes", size_of::<BlynkMailbox>());
    }
}
