//! An MQTT session's mailbox: encodes what is offered into the session's output, which the shard flushes once per tick.
//!
//! It outlives connections: without one it queues what must not be lost. What is sent when belongs to
//! `protocols`, when sessions begin and end to `sessions`.

use std::sync::{Arc, Weak};

use housewire_core::{Delivery, Filter, Mailbox, Offer, Readiness, Run, SubscribeOptions, Timestamp};
use housewire_protocols::limits::MqttLimits;
use housewire_protocols::mqtt::{
    Acknowledgement, Holdings, Link, Losses, Outbound, PacketId, ProtocolError, SharedMessage,
};
use parking_lot::Mutex;
use tracing::warn;

use crate::clients::{Client, Dropped, Figures, Measured};
use crate::mqtt::durable::{SessionFacts, SessionPart, Unsaved};
use crate::mqtt::replays::Replays;
use crate::persist::Durability;
use crate::shard::{Flush, Shard, now};
use crate::stats::Stats;
use crate::stream::ByteStream;

/// The connection that a session has at the moment.
pub(super) struct Wire {
    pub(super) socket: Arc<ByteStream>,
    pub(super) shard: Shard,
    /// Its task is woken when the socket is blocked, or drained after that.
    pub(super) client: Arc<Client>,
}

struct State {
    outbound: Outbound,
    wire: Option<Wire>,
    /// Marked for the flusher and not flushed yet.
    is_dirty: bool,
    /// The socket took less than was offered; its task waits until it takes more.
    is_blocked: bool,
    /// The socket failed; its task is woken to find out.
    is_broken: bool,
    /// It was said that messages to this client are lost.
    has_warned: bool,
    bytes_out: u64,
    /// Of a session that outlives the process.
    durable: Option<Box<Durable>>,
}

/// What a session needs that is kept on disk.
struct Durable {
    unsaved: Arc<Unsaved>,
    durability: Durability,
    /// Noted in `unsaved` and not taken yet.
    is_noted: bool,
    /// What the disk does not have, apart from the journal.
    part: SessionPart,
}

impl State {
    fn lend_buffer(&mut self) {
        if let Some(wire) = &self.wire
            && !self.outbound.has_buffer()
        {
            self.outbound.lend_buffer(wire.shard.take_buffer());
        }
    }
}

/// A shard's replies, and the acknowledgements its connections got, keep so much memory between two turns.
const REPLIES_KEPT_BYTES: usize = 64 * 1_024;
const ACKS_KEPT: usize = REPLIES_KEPT_BYTES / size_of::<Acknowledgement>();

/// See the module.
pub(super) struct MqttMailbox {
    this: Weak<Self>,
    client_id: Arc<str>,
    stats: Arc<Stats>,
    /// Retained messages on their way; a kept session that comes back goes on with them.
    pub(super) replays: Mutex<Replays>,
    state: Mutex<State>,
}

/// What the connection's task should do about its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutputStatus {
    /// Wait until the socket can be written to, then flush.
    pub(super) is_blocked: bool,
    /// Read nothing from this client until it has read.
    pub(super) is_backlogged: bool,
    /// Nothing more can be written.
    pub(super) is_broken: bool,
}

impl MqttMailbox {
    /// Of a session that does not outlive the process.
    pub(super) fn new(limits: Arc<MqttLimits>, client_id: Arc<str>, stats: Arc<Stats>) -> Arc<Self> {
        Self::with(Outbound::new(limits), client_id, stats, None)
    }

    /// Of the session that the disk knows by this number.
    pub(super) fn durable(
        outbound: Outbound,
        client_id: Arc<str>,
        stats: Arc<Stats>,
        (number, unsaved, durability): (u64, Arc<Unsaved>, Durability),
    ) -> Arc<Self> {
        let durable = Durable { unsaved, durability, is_noted: false, part: SessionPart::new(number) };
        Self::with(outbound, client_id, stats, Some(Box::new(durable)))
    }

    fn with(outbound: Outbound, client_id: Arc<str>, stats: Arc<Stats>, durable: Option<Box<Durable>>) -> Arc<Self> {
        let state = State {
            outbound,
            wire: None,
            is_dirty: false,
            is_blocked: false,
            is_broken: false,
            has_warned: false,
            bytes_out: 0,
            durable,
        };
        let (replays, state) = (Mutex::default(), Mutex::new(state));
        Arc::new_cyclic(|this| Self { this: this.clone(), client_id, stats, replays, state })
    }

    /// A connection takes over: CONNACK first, then what is due again, then what waited.
    pub(super) fn connect(&self, wire: Wire, link: Link, connack: &[u8]) {
        let mut state = self.state.lock();
        state.wire = Some(wire);
        state.is_blocked = false;
        state.is_broken = false;
        state.is_dirty = false;
        state.outbound.connect(link, connack, now().wall);
        self.settle(&mut state);
    }

    /// The connection is gone. Output that nobody will read is dropped; what must not be lost stays. If the session ends
    /// with it, what others may get instead is returned.
    pub(super) fn disconnect(&self) -> Vec<SharedMessage> {
        let mut state = self.state.lock();
        state.wire = None;
        let is_over = !state.outbound.outlives_connection();
        let left = if is_over { state.outbound.shared_messages() } else { Vec::new() };
        state.outbound.disconnect();
        left
    }

    /// What others may get instead of a client that is away.
    pub(super) fn shared_messages(&self) -> Vec<SharedMessage> {
        self.state.lock().outbound.shared_messages()
    }

    /// Others have these now.
    pub(super) fn let_go(&self, given: &[SharedMessage]) {
        let mut state = self.state.lock();
        state.outbound.let_go(given);
        self.settle(&mut state);
    }

    /// So many messages ended with the session.
    pub(super) fn note_unclaimed(&self, count: usize) {
        self.state.lock().outbound.note_unclaimed(count);
    }

    /// The session is about to end: it takes nothing any more. What others may get stays until it is let go or
    /// [`MqttMailbox::close`] is called, so that the disk has it till then.
    pub(super) fn stop(&self) -> Vec<SharedMessage> {
        let mut state = self.state.lock();
        state.wire = None;
        state.outbound.stop()
    }

    /// The session is over.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.wire = None;
        state.outbound.close();
        if let Some(durable) = &mut state.durable {
            durable.part.forget_all();
        }
        self.settle(&mut state);
    }

    /// Takes in what a read brought: acknowledgements, then replies to everything else.
    pub(super) fn respond(&self, acks: &mut Vec<Acknowledgement>, replies: &mut Vec<u8>) -> Result<(), ProtocolError> {
        if acks.is_empty() && replies.is_empty() {
            return Ok(());
        }
        let mut state = self.state.lock();
        let time = now().wall;
        let handled = state.outbound.handle_acks(acks.drain(..), time);
        if !replies.is_empty() {
            state.lend_buffer();
            state.outbound.append(replies);
        }
        self.settle(&mut state);
        drop(state);
        replies.clear();
        replies.shrink_to(REPLIES_KEPT_BYTES);
        acks.shrink_to(ACKS_KEPT);
        handled
    }

    pub(super) fn status(&self) -> OutputStatus {
        let state = self.state.lock();
        OutputStatus {
            is_blocked: state.is_blocked,
            is_backlogged: state.outbound.is_backlogged(),
            is_broken: state.is_broken,
        }
    }

    /// What this session's client did not get so far.
    pub(super) fn losses(&self) -> Losses {
        self.state.lock().outbound.losses()
    }

    /// Whether everything was handed to the socket.
    pub(super) fn is_drained(&self) -> bool {
        let state = self.state.lock();
        state.outbound.output().is_empty() || state.is_broken
    }

    /// Whether the session outlives the process.
    pub(super) fn is_durable(&self) -> bool {
        self.state.lock().durable.is_some()
    }

    /// Notes for the disk that the client's QoS 2 messages were received.
    pub(super) fn note_received(&self, packet_ids: impl IntoIterator<Item = PacketId>) {
        let mut state = self.state.lock();
        packet_ids.into_iter().for_each(|packet_id| state.outbound.note_received(packet_id));
        self.settle(&mut state);
    }

    /// Notes for the disk that the client released the identifier of a QoS 2 message.
    pub(super) fn note_released(&self, packet_id: PacketId) {
        let mut state = self.state.lock();
        state.outbound.note_released(packet_id);
        self.settle(&mut state);
    }

    /// Notes for the disk what the session is now.
    pub(super) fn note_facts(&self, facts: SessionFacts) {
        self.note_part(|part| part.facts = Some(facts));
    }

    /// Notes a subscription for the disk, or the end of one.
    pub(super) fn note_subscription(&self, filter: Filter, options: Option<SubscribeOptions>) {
        self.note_part(|part| part.subscriptions.extend([(filter, options)]));
    }

    fn note_part(&self, note: impl FnOnce(&mut SessionPart)) {
        let mut state = self.state.lock();
        if let Some(durable) = &mut state.durable {
            note(&mut durable.part);
        }
        self.settle(&mut state);
    }

    /// What the disk does not have of the session; see [`MqttMailbox::saved`] and [`MqttMailbox::put_back`].
    pub(super) fn take_changes(&self) -> Option<SessionPart> {
        let mut state = self.state.lock();
        let (taken, journal) = state.outbound.take_changes();
        let durable = state.durable.as_mut()?;
        durable.is_noted = false;
        let number = durable.part.number;
        let part = std::mem::replace(&mut durable.part, SessionPart::new(number));
        Some(SessionPart { journal, taken, ..part })
    }

    /// The disk has what was taken under this number.
    pub(super) fn saved(&self, taken: u64) {
        let mut state = self.state.lock();
        if state.outbound.waits_for_disk() {
            state.lend_buffer();
        }
        state.outbound.saved(taken, now().wall);
        self.settle(&mut state);
    }

    /// The disk refused what was taken.
    pub(super) fn put_back(&self, mut refused: SessionPart) {
        let mut state = self.state.lock();
        state.outbound.put_back(std::mem::take(&mut refused.journal));
        if let Some(durable) = &mut state.durable {
            durable.part.put_back(refused);
        }
        self.settle(&mut state);
    }

    /// To be called after whatever may have changed output or journal: has the one written to the socket, the other to disk.
    fn settle(&self, state: &mut State) {
        self.mark(state);
        self.note_unsaved(state);
    }

    fn note_unsaved(&self, state: &mut State) {
        let State { outbound, durable, .. } = state;
        let Some(durable) = durable else { return };
        if !durable.is_noted
            && (outbound.has_changes() || !durable.part.is_empty())
            && let Some(this) = self.this.upgrade()
        {
            durable.is_noted = true;
            durable.unsaved.note(this);
        }
        if outbound.waits_for_disk() {
            durable.durability.hurry();
        }
    }

    fn mark(&self, state: &mut State) {
        if state.is_dirty || state.is_blocked || state.outbound.output().is_empty() {
            return;
        }
        let Some(wire) = &state.wire else { return };
        if let Some(this) = self.this.upgrade() {
            state.is_dirty = true;
            wire.shard.flusher.mark(this);
        }
    }
}

impl Mailbox for MqttMailbox {
    fn offer(&self, run: &Run<'_>, delivery: &Delivery) -> Offer {
        // The clock matters to messages with an expiry only.
        let expires = run.message_properties().is_some_and(|properties| properties.expiry.is_some());
        let time: Timestamp = if expires { now().wall } else { run.time() };
        let mut state = self.state.lock();
        state.lend_buffer();
        let before = state.outbound.losses();
        let offer = state.outbound.offer(run, delivery, time);
        if offer == Offer::Kept
            && state.wire.is_some()
            && let Some(durable) = &state.durable
        {
            durable.unsaved.expect_acks();
        }
        self.settle(&mut state);
        let losses = state.outbound.losses();
        if losses != before {
            let lost = losses.overflow - before.overflow + losses.memory - before.memory;
            self.stats.drop_messages(lost);
            if lost > 0 && !std::mem::replace(&mut state.has_warned, true) {
                drop(state);
                warn!(client_id = &*self.client_id, "this MQTT client reads too slowly: messages to it are dropped");
            }
        }
        offer
    }

    fn keeps(&self) -> bool {
        self.state.lock().durable.is_some()
    }

    fn is_congested(&self) -> bool {
        self.state.lock().outbound.is_congested()
    }

    fn readiness(&self) -> Readiness {
        self.state.lock().outbound.readiness()
    }
}

impl Measured for MqttMailbox {
    fn figures(&self) -> Figures {
        let state = self.state.lock();
        let Holdings { bytes, queued, in_flight } = state.outbound.holdings();
        let Losses { overflow, memory, too_large, expired, unclaimed } = state.outbound.losses();
        let dropped = Dropped { overflow, memory, too_large, expired, unclaimed };
        let output_bytes = state.outbound.output().len();
        Figures {
            in_flight,
            queued,
            queued_bytes: bytes,
            output_bytes,
            bytes_out: state.bytes_out,
            dropped,
            conflated: 0,
        }
    }
}

impl Flush for MqttMailbox {
    fn flush(&self) {
        let mut state = self.state.lock();
        let State { outbound, wire, is_dirty, is_blocked, is_broken, bytes_out, .. } = &mut *state;
        *is_dirty = false;
        let Some(wire) = wire else { return };
        // Its task may wait for room: to go on with a replay, or to read on.
        let (was_congested, was_backlogged) = (outbound.is_congested(), outbound.is_backlogged());
        let was_blocked = std::mem::take(is_blocked);
        let (mut written_bytes, mut begins) = (0, !was_blocked);
        // Writing may let queued messages move up, which are written at once rather than in the next tick.
        while !outbound.output().is_empty() && !*is_broken {
            match wire.socket.try_write(outbound.output()) {
                Ok(written) => {
                    let is_short = written < outbound.output().len();
                    if wire.socket.tap().is_watched() {
                        wire.socket.tap().wrote(&outbound.output()[..written], std::mem::replace(&mut begins, true));
                    }
                    outbound.consume(written, now().wall);
                    written_bytes += written;
                    if is_short {
                        *is_blocked = true;
                        break;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    *is_blocked = true;
                    break;
                }
                Err(_) => *is_broken = true,
            }
        }
        wire.shard.traffic().sent(written_bytes, &outbound.take_sent());
        *bytes_out += written_bytes as u64;
        let has_room = (was_congested && !outbound.is_congested()) || (was_backlogged && !outbound.is_backlogged());
        if *is_blocked != was_blocked || *is_broken || has_room {
            wire.client.signal.wake();
        }
        if let Some(buffer) = outbound.reclaim_buffer() {
            wire.shard.give_back(buffer);
        }
        // What moved up from the queue is news for the disk.
        self.note_unsaved(&mut state);
    }
}

#[cfg(test)]
mod tests;
