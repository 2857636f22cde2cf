//! A session's way to the disk and back.
//!
//! QoS 2 promises more than that a message is kept: the client must not see it twice. So a packet whose repetition after
//! a crash could look like a new message (a PUBLISH whose identifier was not stored, a PUBREL that forgets that PUBREC
//! came) waits until the disk has the state that it rests on. QoS 1 may repeat and does not wait.

use std::sync::Arc;

use housewire_core::{Offer, Qos, Timestamp};

use super::{Outbound, State};
use crate::limits::MqttLimits;
use crate::mqtt::packet::PacketId;
use crate::mqtt::reason::ReasonCode;
use crate::mqtt::session::Link;
use crate::mqtt::session::event::AckStep;
use crate::mqtt::session::in_flight::{Exchange, Held, first_step};
use crate::mqtt::session::journal::{Journal, JournalChanges, KeptMessage, MessageChange, MessageIds, Step};

impl Outbound {
    /// Of a session that outlives the process: what is to be kept of it is told by [`Outbound::take_changes`]. With
    /// `holds_back`, QoS 2 packets wait until [`Outbound::saved`] says that the disk has what they rest on.
    pub fn durable(limits: Arc<MqttLimits>, ids: Arc<MessageIds>, holds_back: bool) -> Self {
        Self { journal: Some(Box::new(Journal::new(ids, holds_back))), ..Self::new(limits) }
    }

    /// Puts in what the disk has: messages by their number, in order. To be called before anything else happens.
    pub fn restore(&mut self, kept: impl IntoIterator<Item = (u64, KeptMessage)>) {
        for (id, KeptMessage { held, step, .. }) in kept {
            self.held_bytes += held.as_ref().map_or(0, Held::bytes);
            let fits = |packet_id| self.in_flight.may_come_next(packet_id);
            let (packet_id, awaits) = match (step, &held) {
                (Step::Sent(packet_id), Some(held)) if fits(packet_id) => (packet_id, first_step(held.qos)),
                (Step::Released(packet_id), None) if fits(packet_id) => (packet_id, AckStep::PubComp),
                (_, Some(_)) => {
                    self.queue.extend(held);
                    continue;
                }
                // Nothing is left to be done for it.
                (_, None) => {
                    self.note_finished(id);
                    continue;
                }
            };
            self.in_flight.push(Exchange { packet_id, awaits, was_sent: true, id, mark: 0, held });
        }
        self.share.settle(self.holdings());
    }

    /// A QoS 2 message of the client was received: not to be published again until it is released.
    pub fn note_received(&mut self, packet_id: PacketId) {
        if let Some(journal) = &mut self.journal {
            journal.note_received(packet_id, true);
        }
    }

    /// The client released the identifier of a QoS 2 message.
    pub fn note_released(&mut self, packet_id: PacketId) {
        if let Some(journal) = &mut self.journal {
            journal.note_received(packet_id, false);
        }
    }

    /// Whether there is something for [`Outbound::take_changes`].
    pub fn has_changes(&self) -> bool {
        self.journal.as_ref().is_some_and(|journal| !journal.is_empty())
    }

    /// Takes what changed since the last time, and the number for [`Outbound::saved`].
    pub fn take_changes(&mut self) -> (u64, JournalChanges) {
        self.journal.as_mut().map(|journal| journal.take()).unwrap_or_default()
    }

    /// The disk refused these; they are part of what is taken next.
    pub fn put_back(&mut self, refused: JournalChanges) {
        if let Some(journal) = &mut self.journal {
            journal.put_back(refused);
        }
    }

    /// The disk has everything up to what was taken under this number; what waited for that is sent.
    pub fn saved(&mut self, taken: u64, now: Timestamp) {
        let Some(journal) = &mut self.journal else { return };
        journal.saved(taken);
        let State::Online(link) = self.state else { return };
        let mut released = Vec::new();
        while let Some(packet_id) = journal.unreleased.front() {
            let exchange = self.in_flight.find(*packet_id).and_then(|index| self.in_flight.get(index));
            if exchange.is_some_and(|exchange| !journal.has(exchange.mark)) {
                break;
            }
            released.extend(exchange.map(|exchange| exchange.packet_id));
            journal.unreleased.pop_front();
        }
        for packet_id in released {
            self.send_pubrel(&link, packet_id, ReasonCode::Success);
        }
        self.refill(now);
    }

    /// Whether something waits for the disk that could be sent otherwise.
    pub fn waits_for_disk(&self) -> bool {
        let holds_back = |journal: &Journal| !journal.unreleased.is_empty() || !self.next_may_go();
        matches!(self.state, State::Online(_)) && self.journal.as_deref().is_some_and(holds_back)
    }

    /// Whether the client's PUBREC is still to be answered.
    pub(super) fn is_unreleased(&self, packet_id: PacketId) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.unreleased.contains(&packet_id))
    }

    /// The number under which the disk is to keep a message; 0 if it is not.
    pub(super) fn new_id(&self) -> u64 {
        let journal = self.journal.as_ref().filter(|_| self.outlives_connection());
        journal.map_or(0, |journal| journal.next_id())
    }

    /// What the disk must have before a packet leaves that rests on what is noted now.
    pub(super) fn mark(&self, link: &Link, qos: Qos) -> u64 {
        match &self.journal {
            Some(journal) if link.keeps_session && qos == Qos::ExactlyOnce => journal.mark(),
            _ => 0,
        }
    }

    pub(super) fn may_send(&self, mark: u64) -> bool {
        mark == 0 || self.journal.as_ref().is_none_or(|journal| journal.has(mark))
    }

    pub(super) fn note(&mut self, id: u64, change: MessageChange) {
        if let Some(journal) = self.journal.as_mut().filter(|_| id != 0) {
            journal.note(id, change);
        }
    }

    pub(super) fn note_new(&mut self, held: &Held, step: Step) -> Offer {
        if held.id == 0 {
            return Offer::Taken;
        }
        self.note(held.id, MessageChange::New(KeptMessage::new(Some(held.clone()), step)));
        Offer::Kept
    }

    pub(super) fn note_finished(&mut self, id: u64) {
        self.note(id, MessageChange::Finished);
    }

    /// The session is over: hands out its journal.
    pub(super) fn note_all_finished(&mut self) -> Option<Box<Journal>> {
        let mut journal = self.journal.take()?;
        let ids = self.in_flight.iter().map(|exchange| exchange.id).chain(self.queue.iter().map(|held| held.id));
        ids.filter(|id| *id != 0).for_each(|id| journal.note(id, MessageChange::Finished));
        Some(journal)
    }
}
