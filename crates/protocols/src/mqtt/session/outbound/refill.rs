//! Sending what is due as there is room: what was sent on an earlier connection or waited for the disk, then the queue.

use std::collections::VecDeque;
use std::time::Duration;

use housewire_core::{Properties, Timestamp};

use super::{Losses, Outbound, State};
use crate::mqtt::codec::{MessageProperties, PublishFrame};
use crate::mqtt::packet::Version;
use crate::mqtt::reason::ReasonCode;
use crate::mqtt::session::Link;
use crate::mqtt::session::in_flight::{Held, IDLE_LEN_MAX};
use crate::mqtt::session::journal::{MessageChange, Step};

impl Outbound {
    /// Sends what is due, while window and output have room, in the order in which it was begun.
    pub(super) fn refill(&mut self, now: Timestamp) {
        let State::Online(link) = self.state else { return };
        while self.output.len() < self.limits.output_bytes_max {
            let may_send = self.on_wire < usize::from(link.receive_maximum) && self.next_may_go();
            if may_send && self.on_wire < self.in_flight.len() {
                self.send_next(&link, now);
            } else if !self.queue.is_empty() && self.window(&link) > 0 {
                self.begin_queued(&link, now);
            } else {
                break;
            }
        }
        // A queue that was long once should not cost an idle session its memory.
        if self.queue.is_empty() && self.queue.capacity() > IDLE_LEN_MAX {
            self.queue = VecDeque::new();
        }
    }

    /// Sends the oldest exchange that is not on the wire: again, or for the first time.
    fn send_next(&mut self, link: &Link, now: Timestamp) {
        let index = self.on_wire;
        let Some(exchange) = self.in_flight.get_mut(index) else { return };
        let packet_id = exchange.packet_id;
        let Some(held) = &exchange.held else {
            self.send_pubrel(link, packet_id, ReasonCode::Success);
            return self.note_sent();
        };
        let properties = held.message.properties.as_deref();
        let expiry_s = match remaining_expiry(properties, held.message.time, now) {
            Ok(expiry_s) => expiry_s,
            // What was begun is finished, even if its time is over meanwhile.
            Err(Expired) if exchange.was_sent => Some(0),
            Err(Expired) => {
                self.losses_mut().expired += 1;
                return self.finish(index);
            }
        };
        let frame = held_frame(held, link.version, expiry_s, None);
        if frame.packet_len(&held.message.payload) > link.packet_bytes_max {
            self.losses_mut().too_large += 1;
            // As if the client had it [MQTT-3.1.2-25].
            return self.finish(index);
        }
        if exchange.was_sent {
            // [MQTT-3.3.1-1]
            frame.put(true, Some(packet_id), &held.message.payload, self.output.tail());
            self.sent.add_publish(&held.message.payload);
        } else {
            let held = held.clone();
            let frame = held_frame(&held, link.version, expiry_s, None);
            let aliased = |alias| held_frame(&held, link.version, expiry_s, Some(alias));
            self.put_first(link, &frame, Some(packet_id), &held.message.payload, aliased);
        }
        self.forget_sent(link, index);
        self.note_sent();
    }

    /// Lets the copy of a message go that will never be sent again, nor handed on.
    fn forget_sent(&mut self, link: &Link, index: usize) {
        let Some(exchange) = self.in_flight.get_mut(index).filter(|_| !link.keeps_session) else { return };
        let forgotten = exchange.held.take_if(|held| !held.is_for_others_too());
        self.held_bytes -= forgotten.map_or(0, |held| held.bytes());
    }

    /// Gives the oldest queued message a packet identifier, unless it is too late or too large for it.
    fn begin_queued(&mut self, link: &Link, now: Timestamp) {
        let Some(held) = self.queue.pop_front() else { return };
        let expiry = remaining_expiry(held.message.properties.as_deref(), held.message.time, now);
        let lost: Option<fn(&mut Losses) -> &mut u64> = match expiry {
            Err(Expired) => Some(|losses| &mut losses.expired),
            Ok(expiry_s) => {
                let len = held_frame(&held, link.version, expiry_s, None).packet_len(&held.message.payload);
                (len > link.packet_bytes_max).then_some(|losses| &mut losses.too_large)
            }
        };
        if let Some(lost) = lost {
            *lost(self.losses_mut()) += 1;
            self.held_bytes -= held.bytes();
            return self.note_finished(held.id);
        }
        self.note(held.id, MessageChange::Moved(Step::Sent(self.in_flight.next_id())));
        let mark = self.mark(link, held.qos);
        self.in_flight.begin(held.qos, mark, Some(held));
    }

    /// Whether the disk has what the next exchange that is not on the wire rests on.
    pub(super) fn next_may_go(&self) -> bool {
        self.in_flight.get(self.on_wire).is_none_or(|exchange| self.may_send(exchange.mark))
    }
}

fn held_frame(held: &Held, version: Version, expiry_s: Option<u32>, topic_alias: Option<u16>) -> PublishFrame<'_> {
    let message = held.message.properties.as_deref();
    let properties = MessageProperties { message, expiry_s, identifiers: &held.identifiers, topic_alias };
    PublishFrame {
        topic: held.message.topic.as_str(),
        qos: held.qos,
        retain: held.retain,
        properties: properties.encode(version),
    }
}

/// The message's time is over.
pub(super) struct Expired;

/// What is left of a message's expiry, in whole seconds as they go over the wire [MQTT-3.3.2-6].
pub(super) fn remaining_expiry(
    properties: Option<&Properties>,
    arrived: Timestamp,
    now: Timestamp,
) -> Result<Option<u32>, Expired> {
    let Some(expiry) = properties.and_then(|properties| properties.expiry) else { return Ok(None) };
    let waited = Duration::from_secs(now.since(arrived).as_secs());
    match expiry.checked_sub(waited) {
        Some(left) if waited.is_zero() || !left.is_zero() => {
            Ok(Some(u32::try_from(left.as_secs()).unwrap_or(u32::MAX)))
        }
        _ => Err(Expired),
    }
}
