//! What came through shared subscriptions and may go to another member in this session's place.
//!
//! QoS 1 until it is acknowledged, and what was not sent yet. A QoS 2 message that was sent stays with who has it
//! [MQTT-4.8.2-4], and ends with him [MQTT-4.8.2-5]. Who else there is, the shell knows.

use std::sync::Arc;

use housewire_core::{Message, Qos, Readiness, Share};

use super::{Outbound, State};
use crate::mqtt::packet::PacketId;
use crate::mqtt::session::in_flight::{Exchange, Held};

/// A message that another member of its group may get.
#[derive(Clone, Debug)]
pub struct SharedMessage {
    /// The group.
    pub share: Arc<Share>,
    /// As it was published.
    pub message: Arc<Message>,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    InFlight(PacketId),
    Queue,
}

impl SharedMessage {
    fn of(held: &Held, place: Place) -> Option<Self> {
        let share = Arc::clone(held.share.as_ref()?);
        Some(Self { share, message: Arc::clone(&held.message), place })
    }

    /// Whether this is it: a session has a message once for each group.
    fn is(&self, held: &Held) -> bool {
        Arc::ptr_eq(&self.message, &held.message) && held.share.as_ref() == Some(&self.share)
    }
}

impl Held {
    /// Whether it is of use to others when a session ends with its connection.
    pub(in crate::mqtt::session) fn is_for_others_too(&self) -> bool {
        self.share.is_some() && self.qos == Qos::AtLeastOnce
    }
}

impl Outbound {
    /// Whether the session goes on without its connection.
    pub fn outlives_connection(&self) -> bool {
        match self.state {
            State::Online(link) => link.keeps_session,
            State::Offline => true,
            State::Closed => false,
        }
    }

    /// Whether this session should be chosen where one of several will do.
    pub fn readiness(&self) -> Readiness {
        let is_full = || {
            let is_output_full = self.output.len() >= self.limits.output_bytes_max;
            self.bound_of_queue().is_some() || !self.may_grow() || is_output_full
        };
        match self.state {
            State::Closed => Readiness::Closed,
            _ if is_full() => Readiness::Full,
            State::Online(_) => Readiness::Ready,
            State::Offline => Readiness::Away,
        }
    }

    /// What others may get, in the order in which it is due. Asked when the connection or the session ends.
    pub fn shared_messages(&self) -> Vec<SharedMessage> {
        let begun = self.in_flight.iter().filter_map(|exchange| {
            let Exchange { packet_id, was_sent, held, .. } = exchange;
            let held = held.as_ref().filter(|held| held.qos == Qos::AtLeastOnce || !was_sent)?;
            SharedMessage::of(held, Place::InFlight(*packet_id))
        });
        begun.chain(self.queue.iter().filter_map(|held| SharedMessage::of(held, Place::Queue))).collect()
    }

    /// The session is about to end: nothing is taken any more. What others may get is returned, and stays until it is let
    /// go or [`Outbound::close`] is called.
    pub fn stop(&mut self) -> Vec<SharedMessage> {
        self.state = State::Closed;
        self.output.clear();
        self.shared_messages()
    }

    /// Others have these now, which are in the order of [`Outbound::shared_messages`]. To be called before the client is
    /// there again.
    pub fn let_go(&mut self, given: &[SharedMessage]) {
        if given.is_empty() {
            return;
        }
        let mut queued = given.iter().peekable();
        while let Some(given) = queued.next_if(|given| given.place != Place::Queue) {
            if let Place::InFlight(packet_id) = given.place
                && let Some(index) = self.in_flight.find(packet_id)
            {
                self.finish(index);
            }
        }
        // Only as far as the last one, since most of the queue may be behind it.
        let mut staying = Vec::new();
        while queued.peek().is_some()
            && let Some(held) = self.queue.pop_front()
        {
            if queued.next_if(|given| given.is(&held)).is_some() {
                self.note_finished(held.id);
                self.held_bytes -= held.bytes();
            } else {
                staying.push(held);
            }
        }
        for held in staying.into_iter().rev() {
            self.queue.push_front(held);
        }
        self.share.settle(self.holdings());
    }

    /// So many messages ended with the session, as nobody was left to get them.
    pub fn note_unclaimed(&mut self, count: usize) {
        self.losses_mut().unclaimed += count as u64;
    }
}
