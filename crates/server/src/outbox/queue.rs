//! What waits for one client of a channel, in order: a stretch of bytes while it keeps up; entry by entry, where a newer value takes the
//! place of an older one, when it does not; and what a client that may come back has not acknowledged.
//!
//! Pure: no lock, no clock, no format. Who waits for the queue to be filled belongs to `outbox`.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use housewire_core::Encoded;

use crate::outbox::backlog::{Backlog, Place};
use crate::outbox::ledger::Ledger;

/// Whole messages taken from the queue.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// One behind the other.
    pub(crate) bytes: Bytes,
    /// The length of each.
    pub(crate) lengths: Vec<usize>,
    /// Messages that were dropped behind these, because the client did not keep up.
    pub(crate) lost: u64,
}

/// What a message is to whoever does not keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// How something is: only the newest of a topic counts.
    State,
    /// As a state; and it must find room, as it is offered only while there is some and would not come again.
    Stored,
    /// A happening, each for itself.
    Event,
}

/// What became of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pushed {
    /// There was no room for so many of them.
    pub(super) lost: u64,
    /// So many that waited were replaced by newer ones.
    pub(super) conflated: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The first part, one message behind the other: all there is while the client keeps up.
    bytes: BytesMut,
    lengths: VecDeque<usize>,
    /// What came when that was long enough.
    backlog: Option<Box<Backlog>>,
    /// Of a client that may come back; stands before all of the above with what is to be sent again.
    ledger: Option<Box<Ledger>>,
    /// Not told yet.
    lost: u64,
}

impl Queue {
    /// From this point on newer values replace older ones.
    fn conflates_at(bytes_max: usize) -> usize {
        bytes_max / 2
    }

    /// Whether stored values had better wait: half is left for what is live.
    pub(super) fn is_congested(&self, bytes_max: usize) -> bool {
        self.waiting_bytes() > Self::conflates_at(bytes_max)
            || self.ledger.as_ref().is_some_and(|ledger| ledger.is_congested())
    }

    /// Puts messages of one topic behind the others, `bytes_max` in all; or a larger one alone.
    pub(super) fn push(&mut self, encoded: &Encoded, topic: &str, kind: Kind, bytes_max: usize) -> Pushed {
        debug_assert!(!encoded.marks.is_empty(), "another transport uses the same key");
        let fits = self.bytes.len().saturating_add(encoded.bytes.len()) <= Self::conflates_at(bytes_max);
        if self.backlog.is_none() && fits {
            self.bytes.extend_from_slice(&encoded.bytes);
            self.lengths.extend(lengths(encoded));
            return Pushed::default();
        }
        let mut pushed = Pushed::default();
        for message in messages(encoded) {
            self.push_behind(message, topic, kind, bytes_max, &mut pushed);
        }
        self.lost += pushed.lost;
        pushed
    }

    fn push_behind(&mut self, message: &[u8], topic: &str, kind: Kind, bytes_max: usize, pushed: &mut Pushed) {
        let is_first = self.bytes.is_empty() && self.backlog.is_none();
        if is_first || (self.backlog.is_none() && kind == Kind::Stored) {
            self.bytes.extend_from_slice(message);
            self.lengths.push_back(message.len());
            return;
        }
        let room = if kind == Kind::Stored { usize::MAX } else { bytes_max.saturating_sub(self.bytes.len()) };
        let backlog = self.backlog.get_or_insert_default();
        match backlog.push(message, topic, kind != Kind::Event, room) {
            Place::Behind => {}
            Place::Replacing => pushed.conflated += 1,
            Place::None => pushed.lost += 1,
        }
        if backlog.is_empty() {
            self.backlog = None;
        }
    }

    /// From now on messages that are numbered are kept until they are acknowledged, `bytes_max` of them.
    pub(super) fn keep(&mut self, bytes_max: usize) {
        self.ledger.get_or_insert_with(|| Box::new(Ledger::new(bytes_max)));
    }

    /// Whether messages may be numbered here.
    pub(super) fn keeps(&self) -> bool {
        self.ledger.is_some()
    }

    /// Puts messages of one topic behind the others, each with a number of its own, which `number` writes into it. They are kept until they
    /// are acknowledged, and never replaced.
    pub(super) fn push_numbered(
        &mut self,
        encoded: &Encoded,
        topic: &str,
        kind: Kind,
        number: fn(&[u8], u64, &mut BytesMut),
    ) -> Pushed {
        let Some(ledger) = &mut self.ledger else { unreachable!("asked for only where messages are kept") };
        let mut pushed = Pushed::default();
        for message in messages(encoded) {
            let sequence = ledger.next_number();
            let mut bytes = BytesMut::with_capacity(message.len() + NUMBER_BYTES_MAX);
            number(message, sequence, &mut bytes);
            if ledger.admit(bytes.len(), kind == Kind::Stored) {
                self.backlog.get_or_insert_default().push_numbered(bytes.freeze(), topic, sequence);
            } else {
                pushed.lost += 1;
            }
        }
        self.lost += pushed.lost;
        pushed
    }

    /// Takes messages of about `bytes_max` together, at least one; `None` if there are none.
    pub(super) fn take(&mut self, bytes_max: usize) -> Option<Batch> {
        let mut batch = Batch::default();
        let again = self.ledger.as_mut().and_then(|ledger| ledger.take_again(bytes_max));
        if let Some((bytes, lengths)) = again {
            (batch.bytes, batch.lengths) = (bytes, lengths);
            return Some(batch);
        }
        if self.lengths.is_empty() {
            self.take_backlog(bytes_max, &mut batch);
        } else {
            self.take_front(bytes_max, &mut batch);
        }
        if self.is_empty() {
            batch.lost = std::mem::take(&mut self.lost);
        }
        (!batch.lengths.is_empty() || batch.lost > 0).then_some(batch)
    }

    fn take_front(&mut self, bytes_max: usize, batch: &mut Batch) {
        let mut taken = 0;
        while let Some(length) = self.lengths.front()
            && (taken == 0 || taken + length <= bytes_max)
        {
            taken += length;
            batch.lengths.push(*length);
            self.lengths.pop_front();
        }
        batch.bytes = self.bytes.split_to(taken).freeze();
        if self.lengths.is_empty() {
            // The rest of the allocation goes with what was taken: an idle client keeps no buffer.
            self.bytes = BytesMut::new();
        }
    }

    fn take_backlog(&mut self, bytes_max: usize, batch: &mut Batch) {
        let Some(backlog) = &mut self.backlog else { return };
        let mut bytes = BytesMut::new();
        while let Some(length) = backlog.next_len()
            && (bytes.is_empty() || bytes.len() + length <= bytes_max)
            && let Some(entry) = backlog.pop()
        {
            bytes.extend_from_slice(&entry.bytes);
            batch.lengths.push(entry.bytes.len());
            if let (Some(sequence), Some(ledger)) = (entry.sequence, &mut self.ledger) {
                ledger.sent(sequence, entry.bytes);
            }
        }
        batch.bytes = bytes.freeze();
        if backlog.is_empty() {
            self.backlog = None;
        }
    }

    /// The client has everything up to this number; `false` if it was never sent.
    pub(super) fn acknowledge(&mut self, sequence: u64) -> bool {
        self.ledger.as_mut().is_some_and(|ledger| ledger.acknowledge(sequence))
    }

    /// The client comes back and has everything up to this number: what else was sent comes again, before the rest. How many messages
    /// behind that number could not be kept; `None` if it was never sent.
    pub(super) fn resume(&mut self, last: u64) -> Option<u64> {
        self.ledger.as_mut().and_then(|ledger| ledger.resume(last))
    }

    /// Whether there is nothing to take, but perhaps losses to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
            && self.backlog.is_none()
            && self.ledger.as_ref().is_none_or(|ledger| !ledger.has_again())
    }

    /// How many messages there are to take.
    pub(super) fn len(&self) -> usize {
        let backlog = self.backlog.as_ref().map_or(0, |backlog| backlog.len());
        self.lengths.len() + backlog + self.ledger.as_ref().map_or(0, |ledger| ledger.again_len())
    }

    /// How many were taken and not acknowledged.
    pub(super) fn unacknowledged(&self) -> usize {
        self.ledger.as_ref().map_or(0, |ledger| ledger.sent_len())
    }

    /// How much there is to take.
    pub(super) fn bytes(&self) -> usize {
        let backlog = self.backlog.as_ref().map_or(0, |backlog| backlog.message_bytes());
        self.bytes.len() + backlog + self.ledger.as_ref().map_or(0, |ledger| ledger.again_bytes())
    }

    /// What counts towards the bound of messages that are not numbered.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.bytes.len() + self.backlog.as_ref().map_or(0, |backlog| backlog.bytes())
    }

    /// What counts towards the bound of those that are.
    pub(super) fn kept_bytes(&self) -> usize {
        self.ledger.as_ref().map_or(0, |ledger| ledger.bytes())
    }
}

/// What a number adds to a message at the most.
const NUMBER_BYTES_MAX: usize = 32;

fn lengths(encoded: &Encoded) -> impl Iterator<Item = usize> {
    let mut start = 0;
    encoded.marks.iter().map(move |end| *end as usize - std::mem::replace(&mut start, *end as usize))
}

fn messages(encoded: &Encoded) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    encoded.marks.iter().map(move |end| &encoded.bytes[std::mem::replace(&mut start, *end as usize)..*end as usize])
}

#[cfg(test)]
mod tests;
