//! What of a kept session the disk does not have yet, conflated: a message that came and went between two looks leaves
//! no trace.
//!
//! Where it is written, and when, is for the shell to decide. Subscriptions and deadlines are noted there.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::in_flight::Held;
use crate::mqtt::packet::PacketId;

/// Numbers for messages that are kept for one receiver: they rise in the order of delivery, over all sessions and
/// restarts, and none is given twice.
#[derive(Debug)]
pub struct MessageIds(AtomicU64);

impl MessageIds {
    /// Numbers after the last one that was ever given.
    pub fn after(last: u64) -> Self {
        Self(AtomicU64::new(last + 1))
    }

    pub(super) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// How far the delivery of a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Not sent yet.
    Waiting,
    /// It has a packet identifier, and may have been sent with it.
    Sent(PacketId),
    /// PUBREC came: only the packet identifier matters now.
    Released(PacketId),
}

/// A message that is kept for one receiver.
#[derive(Clone, Debug)]
pub struct KeptMessage {
    /// `None` once it is [`Step::Released`].
    pub held: Option<Held>,
    /// How far it has come.
    pub step: Step,
    /// The disk was to take it before and refused, as far as it said.
    is_tried: bool,
}

impl KeptMessage {
    /// As the disk has it.
    pub fn new(held: Option<Held>, step: Step) -> Self {
        Self { held, step, is_tried: false }
    }
}

/// What happened to a kept message.
#[derive(Clone, Debug)]
pub enum MessageChange {
    /// The disk does not know it.
    New(KeptMessage),
    /// The disk has it as it was before.
    Moved(Step),
    /// It was delivered, or is given up.
    Finished,
}

/// A session's part of a batch.
#[derive(Debug, Default)]
pub struct JournalChanges {
    /// Messages to the client, by their number.
    pub messages: BTreeMap<u64, MessageChange>,
    /// Packet identifiers of QoS 2 messages from the client: received (`true`) or released since.
    pub received: BTreeMap<PacketId, bool>,
}

impl JournalChanges {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.received.is_empty()
    }

    fn note(&mut self, id: u64, change: MessageChange) {
        match (self.messages.entry(id), change) {
            (Entry::Occupied(mut have), MessageChange::Moved(step)) => match have.get_mut() {
                MessageChange::New(kept) => {
                    kept.step = step;
                    if matches!(step, Step::Released(_)) {
                        kept.held = None;
                    }
                }
                have => *have = MessageChange::Moved(step),
            },
            (Entry::Occupied(have), MessageChange::Finished) if matches!(have.get(), MessageChange::New(kept) if !kept.is_tried) =>
            {
                have.remove();
            }
            (Entry::Occupied(mut have), change) => *have.get_mut() = change,
            (Entry::Vacant(vacant), change) => drop(vacant.insert(change)),
        }
    }

    /// These changes, followed by `later` ones.
    fn followed_by(mut self, later: Self) -> Self {
        for change in self.messages.values_mut() {
            if let MessageChange::New(kept) = change {
                kept.is_tried = true;
            }
        }
        for (id, change) in later.messages {
            self.note(id, change);
        }
        self.received.extend(later.received);
        self
    }
}

/// Of one session.
#[derive(Debug)]
pub(super) struct Journal {
    ids: Arc<MessageIds>,
    /// What QoS 2 promises is held back until the disk has what it rests on.
    holds_back: bool,
    /// Counts the looks, from 1.
    interval: u64,
    /// The disk has what was noted up to here.
    saved: u64,
    /// PUBRELs that wait for the disk, in the order of the PUBRECs [MQTT-4.6.0-4].
    pub(super) unreleased: VecDeque<PacketId>,
    changes: JournalChanges,
}

impl Journal {
    pub(super) fn new(ids: Arc<MessageIds>, holds_back: bool) -> Self {
        Self { ids, holds_back, interval: 1, saved: 0, unreleased: VecDeque::new(), changes: JournalChanges::default() }
    }

    pub(super) fn next_id(&self) -> u64 {
        self.ids.next()
    }

    /// What has to be [`Journal::has`] before what was noted last may be acted on.
    pub(super) fn mark(&self) -> u64 {
        if self.holds_back { self.interval } else { 0 }
    }

    /// Whether the disk has what was noted when the mark was taken.
    pub(super) fn has(&self, mark: u64) -> bool {
        mark <= self.saved
    }

    pub(super) fn note(&mut self, id: u64, change: MessageChange) {
        self.changes.note(id, change);
    }

    pub(super) fn note_received(&mut self, packet_id: PacketId, is_received: bool) {
        self.changes.received.insert(packet_id, is_received);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Takes what changed, and the number of the look, for [`Journal::saved`].
    pub(super) fn take(&mut self) -> (u64, JournalChanges) {
        let interval = self.interval;
        self.interval += 1;
        (interval, std::mem::take(&mut self.changes))
    }

    /// The disk refused these.
    pub(super) fn put_back(&mut self, refused: JournalChanges) {
        let later = std::mem::take(&mut self.changes);
        self.changes = refused.followed_by(later);
    }

    pub(super) fn saved(&mut self, interval: u64) {
        self.saved = self.saved.max(interval);
    }
}
