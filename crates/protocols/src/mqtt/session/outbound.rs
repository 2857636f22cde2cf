//! What goes to the client: encoded, numbered, held back, kept for sending again.
//!
//! One per session; it lives under its mailbox's lock and outlives the connection if the session is kept. Where the
//! bytes go, and who subscribed to what, is not its affair. Here: what is offered and what is acknowledged; what is sent
//! when there is room for it is in `refill`, what others of a group may get in `shared`, how a session gets on disk and back in `durable`.

mod aliased;
mod durable;
mod refill;
mod shared;

use std::collections::VecDeque;
use std::sync::Arc;

use housewire_core::{Delivery, Encoded, Offer, Qos, Run, Timestamp};

use self::refill::remaining_expiry;
pub use self::shared::SharedMessage;
use super::Link;
use super::aliases::{Aliases, Plan};
use super::error::ProtocolError;
use super::event::{AckStep, Acknowledgement};
use super::in_flight::{Exchange, Held, InFlight};
use super::journal::{Journal, MessageChange, Step};
use super::output::Output;
use super::pool::{Holdings, SessionBound, Share};
use super::traffic::{Traffic, count_packets};
use crate::limits::MqttLimits;
use crate::mqtt::codec::{MessageProperties, PublishFrame, aliased_key, encode, encode_run, run_key};
use crate::mqtt::packet::{Ack, Packet, PacketId, Version};
use crate::mqtt::reason::ReasonCode;

/// Messages that a client did not get, or may not have got, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// A bound of this session was reached.
    pub overflow: u64,
    /// The bound of all sessions together was reached, see [`super::Pool`].
    pub memory: u64,
    /// Larger than the client takes [MQTT-3.1.2-24].
    pub too_large: u64,
    /// Their time was over before they could be sent [MQTT-3.3.2-5].
    pub expired: u64,
    /// Came through a shared subscription, were not delivered to the end, and nobody else of the group was left.
    pub unclaimed: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Online(Link),
    /// Kept until the client comes back.
    Offline,
    /// The session is over.
    Closed,
}

/// The sending half of a session.
#[derive(Debug)]
pub struct Outbound {
    limits: Arc<MqttLimits>,
    state: State,
    output: Output,
    /// Of this connection; none if the client takes none.
    aliases: Option<Box<Aliases>>,
    in_flight: InFlight,
    /// How many of `in_flight`, from the front, were sent on this connection. Less than all of them while the next one
    /// waits for the disk, or a client that came back takes fewer at once than are due to it.
    on_wire: usize,
    /// What does not fit: the window is full, the output over its bound, or the client away.
    queue: VecDeque<Held>,
    /// Of the messages in `queue` and `in_flight`.
    held_bytes: usize,
    share: Share,
    /// Made for those that lose something.
    losses: Option<Box<Losses>>,
    /// Of a session that outlives the process.
    journal: Option<Box<Journal>>,
    sent: Traffic,
}

impl Outbound {
    /// Of a session that is about to be connected, and does not outlive the process.
    pub fn new(limits: Arc<MqttLimits>) -> Self {
        Self {
            share: Share::new(Arc::clone(&limits.pool)),
            limits,
            state: State::Offline,
            output: Output::default(),
            aliases: None,
            in_flight: InFlight::new(),
            on_wire: 0,
            queue: VecDeque::new(),
            held_bytes: 0,
            losses: None,
            journal: None,
            sent: Traffic::default(),
        }
    }

    /// The client is there: `connack` goes first [MQTT-3.2.0-1], then what was sent and not acknowledged is sent again
    /// [MQTT-4.4.0-1], then what was queued.
    pub fn connect(&mut self, link: Link, connack: &[u8], now: Timestamp) {
        self.output.clear();
        self.output.append(connack);
        self.sent.packets += 1;
        self.aliases = Aliases::new(link.topic_alias_maximum.min(self.limits.topic_aliases_sent_max));
        self.state = State::Online(link);
        self.on_wire = 0;
        if let Some(journal) = &mut self.journal {
            journal.unreleased.clear();
        }
        self.refill(now);
    }

    /// The client is gone. A kept session keeps what is due to it; any other is closed.
    pub fn disconnect(&mut self) {
        match self.state {
            State::Online(link) if link.keeps_session => {
                self.output.clear();
                self.aliases = None;
                self.on_wire = 0;
                self.state = State::Offline;
                self.share.settle(self.holdings());
            }
            State::Online(_) => self.close(),
            State::Offline | State::Closed => {}
        }
    }

    /// The session is over: nothing is taken any more, everything is let go.
    pub fn close(&mut self) {
        let (losses, sent) = (self.losses.take(), self.sent);
        let journal = self.note_all_finished();
        *self = Self { state: State::Closed, losses, sent, journal, ..Self::new(Arc::clone(&self.limits)) };
    }

    /// Takes a run: into the output if it can go now, else into the queue (QoS 1 and 2) or nowhere (QoS 0).
    ///
    /// The usual run is one copy of bytes that were encoded once for all subscribers. `now` matters for expiry alone;
    /// the time of the tick will do.
    pub fn offer(&mut self, run: &Run<'_>, delivery: &Delivery, now: Timestamp) -> Offer {
        let qos = delivery.qos.min(run.published_qos());
        let Ok(expiry_s) = remaining_expiry(run.message_properties().map(AsRef::as_ref), run.time(), now) else {
            self.losses_mut().expired += run.payloads().len() as u64;
            return Offer::Taken;
        };
        let offer = match self.state {
            State::Online(link) => self.offer_online(link, run, delivery, qos, expiry_s),
            // Not counted: QoS 0 is for those who are there.
            State::Offline if qos == Qos::AtMostOnce => Offer::Dropped,
            State::Offline => self.offer_each(run, |outbound, index, _| outbound.enqueue(run, index, qos, delivery)),
            State::Closed => Offer::Closed,
        };
        match self.state {
            // Counted when it is flushed; most of it is gone then.
            State::Online(_) => self.share.settle_roughly(self.holdings()),
            State::Offline | State::Closed => self.share.settle(self.holdings()),
        }
        offer
    }

    fn offer_online(
        &mut self,
        link: Link,
        run: &Run<'_>,
        delivery: &Delivery,
        qos: Qos,
        expiry_s: Option<u32>,
    ) -> Offer {
        let frame = |identifiers, topic_alias| PublishFrame {
            topic: run.topic().as_str(),
            qos,
            retain: delivery.retain,
            properties: MessageProperties {
                message: run.message_properties().map(AsRef::as_ref),
                expiry_s,
                identifiers,
                topic_alias,
            }
            .encode(link.version),
        };
        // Subscription identifiers are one subscriber's own, and MQTT 5 only: what has them is encoded for it alone.
        let is_shared = link.version != Version::V5 || delivery.identifiers.is_empty();
        if is_shared && self.may_go_whole(&link, run.payloads().len(), qos) {
            let key = run_key(link.version, qos, delivery.retain);
            let encoded = match self.plan_topic(run.topic().as_str(), run.payloads().len()) {
                Plan::Full => {
                    Some((run.encoded(key, |run, encoded| encode_run(run, &frame(&[], None), encoded)), None))
                }
                Plan::Known(alias) => {
                    let build = |run: &Run<'_>, encoded: &mut Encoded| {
                        encode_run(run, &PublishFrame { topic: "", ..frame(&[], Some(alias)) }, encoded);
                    };
                    Some((run.encoded(aliased_key(key), build), Some(alias)))
                }
                // The first message is another one than the rest.
                Plan::New(_) => None,
            };
            if let Some((encoded, alias)) = encoded
                && encoded.bytes.len() <= link.packet_bytes_max
                && self.output.len() + encoded.bytes.len() <= self.limits.output_bytes_max
                && self.may_grow()
            {
                return self.take_whole(&link, run, delivery, qos, &encoded, alias);
            }
        }
        let aliased = |alias| frame(&delivery.identifiers, Some(alias));
        let frame = frame(&delivery.identifiers, None);
        self.offer_each(run, |outbound, index, payload| {
            if frame.packet_len(payload) > link.packet_bytes_max {
                outbound.losses_mut().too_large += 1;
                return Offer::Dropped;
            }
            let can_go = outbound.output.len() < outbound.limits.output_bytes_max;
            if qos == Qos::AtMostOnce {
                if !can_go {
                    outbound.losses_mut().overflow += 1;
                    outbound.limits.pool.reach(SessionBound::Output);
                    return Offer::Dropped;
                }
                if !outbound.has_share() {
                    return Offer::Dropped;
                }
                outbound.put_first(&link, &frame, None, payload, aliased);
                return Offer::Taken;
            }
            if !can_go || !outbound.queue.is_empty() || outbound.window(&link) == 0 || !outbound.may_grow() {
                return outbound.enqueue(run, index, qos, delivery);
            }
            let (packet_id, offer) = outbound.begin(&link, run, index, qos, delivery);
            if outbound.next_may_go() && outbound.on_wire + 1 == outbound.in_flight.len() {
                outbound.put_first(&link, &frame, Some(packet_id), payload, aliased);
                outbound.note_sent();
            }
            offer
        })
    }

    /// Whether all messages of a run may be sent now.
    fn may_go_whole(&self, link: &Link, len: usize, qos: Qos) -> bool {
        let is_next = || self.queue.is_empty() && self.on_wire == self.in_flight.len() && len <= self.window(link);
        qos == Qos::AtMostOnce || (is_next() && self.may_send(self.mark(link, qos)))
    }

    fn take_whole(
        &mut self,
        link: &Link,
        run: &Run<'_>,
        delivery: &Delivery,
        qos: Qos,
        encoded: &Encoded,
        alias: Option<u16>,
    ) -> Offer {
        let start = self.output.tail().len();
        self.output.append(&encoded.bytes);
        self.sent.add_run(run);
        if let Some(alias) = alias {
            self.patch_aliases(start, encoded, qos, alias);
        }
        let mut offer = Offer::Taken;
        // QoS 0 has marks for aliases only.
        let marks = if qos == Qos::AtMostOnce { &[] } else { &encoded.marks[..] };
        self.in_flight.reserve(marks.len());
        for (index, mark) in marks.iter().enumerate() {
            let packet_id;
            (packet_id, offer) = self.begin(link, run, index, qos, delivery);
            self.note_sent();
            let at = start + *mark as usize;
            self.output.tail()[at..at + 2].copy_from_slice(&packet_id.get().to_be_bytes());
        }
        offer
    }

    /// Hands over the messages of a run one by one.
    fn offer_each(&mut self, run: &Run<'_>, mut take: impl FnMut(&mut Self, usize, &[u8]) -> Offer) -> Offer {
        let mut result = Offer::Taken;
        for (index, payload) in run.payloads().iter().enumerate() {
            result = match (result, take(self, index, payload)) {
                // One that is kept is waited for, whatever became of the others.
                (Offer::Kept, _) | (_, Offer::Kept) => Offer::Kept,
                (Offer::Dropped, _) => Offer::Dropped,
                (_, offer) => offer,
            };
        }
        result
    }

    /// When the queue is full the newest message is dropped, as Mosquitto does: order stays, and so does what is promised.
    fn enqueue(&mut self, run: &Run<'_>, index: usize, qos: Qos, delivery: &Delivery) -> Offer {
        if let Some(bound) = self.bound_of_queue() {
            self.losses_mut().overflow += 1;
            self.limits.pool.reach(bound);
            return Offer::Dropped;
        }
        if !self.has_share() {
            return Offer::Dropped;
        }
        let held = Held::new(self.new_id(), &run.messages()[index], qos, delivery);
        let offer = self.note_new(&held, Step::Waiting);
        self.held_bytes += held.bytes();
        self.queue.push_back(held);
        offer
    }

    /// The bound that the queue has reached.
    fn bound_of_queue(&self) -> Option<SessionBound> {
        match self.queue.len() >= self.limits.queue_len_max {
            true => Some(SessionBound::QueueLen),
            false => (self.held_bytes >= self.limits.queue_bytes_max).then_some(SessionBound::QueueBytes),
        }
    }

    /// Whether all sessions together have room for more of this one.
    fn may_grow(&self) -> bool {
        self.share.may_grow(self.holdings().bytes, matches!(self.state, State::Online(_)))
    }

    /// As [`Self::may_grow`], counting the message that is lost if not.
    fn has_share(&mut self) -> bool {
        let may_grow = self.may_grow();
        if !may_grow {
            self.losses_mut().memory += 1;
            self.limits.pool.reach(SessionBound::Memory);
        }
        may_grow
    }

    /// How many more messages may be begun now [MQTT-3.3.4-9].
    fn window(&self, link: &Link) -> usize {
        // What is held for sending again is bounded, except that a message that comes from the queue is counted already.
        let is_full = self.queue.is_empty() && self.held_bytes >= self.limits.queue_bytes_max;
        // What is not held has to go at once, and what is due goes first.
        if is_full || (!link.keeps_session && self.on_wire < self.in_flight.len()) {
            return 0;
        }
        let len_max = link.receive_maximum.min(self.limits.in_flight_max);
        usize::from(len_max).saturating_sub(self.in_flight.len()).min(self.in_flight.ids_free())
    }

    /// Begins an exchange: with a copy to send again, or to hand on if the session ends with its connection.
    fn begin(&mut self, link: &Link, run: &Run<'_>, index: usize, qos: Qos, delivery: &Delivery) -> (PacketId, Offer) {
        if !link.keeps_session {
            let held = delivery.share.is_some().then(|| Held::new(0, &run.messages()[index], qos, delivery));
            let held = held.filter(Held::is_for_others_too);
            self.held_bytes += held.as_ref().map_or(0, Held::bytes);
            return (self.in_flight.begin(qos, 0, held), Offer::Taken);
        }
        let held = Held::new(self.new_id(), &run.messages()[index], qos, delivery);
        let offer = self.note_new(&held, Step::Sent(self.in_flight.next_id()));
        self.held_bytes += held.bytes();
        let mark = self.mark(link, qos);
        (self.in_flight.begin(qos, mark, Some(held)), offer)
    }

    /// The next exchange that was not on the wire is there now.
    fn note_sent(&mut self) {
        if let Some(exchange) = self.in_flight.get_mut(self.on_wire) {
            exchange.was_sent = true;
            self.on_wire += 1;
        }
    }

    /// The client acknowledges; what waited for that moves on.
    pub fn handle_acks(
        &mut self,
        acks: impl IntoIterator<Item = Acknowledgement>,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let State::Online(link) = self.state else { return Ok(()) };
        let handled = acks.into_iter().try_for_each(|ack| self.handle_ack(&link, ack));
        self.refill(now);
        if self.output.len() == 0 {
            // Nothing is left to flush, which would count it.
            self.share.settle(self.holdings());
        }
        handled
    }

    fn handle_ack(&mut self, link: &Link, ack: Acknowledgement) -> Result<(), ProtocolError> {
        let Some(index) = self.in_flight.find(ack.packet_id) else {
            // PUBACK and PUBCOMP end something that ended already. PUBREC wants an answer: MQTT 5 can say that there is
            // nothing to release, MQTT 3 lets the client end it.
            if ack.step == AckStep::PubRec && !ack.reason.is_error() {
                self.send_pubrel(link, ack.packet_id, ReasonCode::PacketIdentifierNotFound);
            }
            return Ok(());
        };
        let exchange = self.in_flight.get_mut(index).expect("it was just found there");
        match (ack.step, exchange.awaits) {
            (AckStep::PubAck, AckStep::PubAck) | (AckStep::PubComp, AckStep::PubComp) => self.finish(index),
            // [MQTT-4.3.3-4]: after an error there is no PUBREL.
            (AckStep::PubRec, AckStep::PubRec | AckStep::PubComp) if ack.reason.is_error() => self.finish(index),
            (AckStep::PubRec, AckStep::PubRec) => self.release(link, index),
            // PUBREL is on its way, or waits for the disk.
            (AckStep::PubRec, AckStep::PubComp) if self.is_unreleased(ack.packet_id) => {}
            (AckStep::PubRec, AckStep::PubComp) => self.send_pubrel(link, ack.packet_id, ReasonCode::Success),
            _ => return Err(ProtocolError::WrongAcknowledgement),
        }
        Ok(())
    }

    fn finish(&mut self, index: usize) {
        let Some(ended) = self.in_flight.remove(index) else { return };
        self.note_finished(ended.id);
        self.held_bytes -= ended.held.map_or(0, |held| held.bytes());
        if index < self.on_wire {
            self.on_wire -= 1;
        }
    }

    /// PUBREC came: the message is the client's now, and the identifier is to be released.
    fn release(&mut self, link: &Link, index: usize) {
        let mark = self.mark(link, Qos::ExactlyOnce);
        let Some(exchange) = self.in_flight.get_mut(index) else { return };
        exchange.awaits = AckStep::PubComp;
        exchange.mark = mark;
        let (id, packet_id, held) = (exchange.id, exchange.packet_id, exchange.held.take());
        self.held_bytes -= held.map_or(0, |held| held.bytes());
        self.note(id, MessageChange::Moved(Step::Released(packet_id)));
        match &mut self.journal {
            Some(journal) if !journal.has(mark) => journal.unreleased.push_back(packet_id),
            _ => self.send_pubrel(link, packet_id, ReasonCode::Success),
        }
    }

    fn send_pubrel(&mut self, link: &Link, packet_id: PacketId, reason: ReasonCode) {
        encode(&Packet::PubRel(Ack::new(packet_id, reason)), link.version, self.output.tail());
        self.sent.packets += 1;
    }

    /// Appends packets that [`super::Inbound::reply`] and [`super::Inbound::acknowledge`] made.
    pub fn append(&mut self, replies: &[u8]) {
        if matches!(self.state, State::Online(_)) {
            self.output.append(replies);
            self.sent.packets += count_packets(replies);
        }
    }

    /// What is to be written to the socket.
    pub fn output(&self) -> &[u8] {
        self.output.unsent()
    }

    /// The socket took so many bytes; what waited for room moves on.
    pub fn consume(&mut self, written: usize, now: Timestamp) {
        self.output.consume(written);
        self.refill(now);
        self.share.settle(self.holdings());
    }

    /// Whether a replay of stored messages should pause until the client has caught up.
    pub fn is_congested(&self) -> bool {
        self.output.len() > self.limits.output_bytes_max / 2 || self.queue.len() > self.limits.queue_len_max / 2
    }

    /// Whether so much is unsent, replies included, that nothing more should be read from this client.
    pub fn is_backlogged(&self) -> bool {
        self.output.len() > self.limits.output_bytes_max + self.limits.reply_bytes_max
    }

    /// Whether there is a buffer for output already.
    pub fn has_buffer(&self) -> bool {
        self.output.has_buffer()
    }

    /// Takes a buffer from a pool, unless there is one.
    pub fn lend_buffer(&mut self, buffer: Vec<u8>) {
        self.output.lend_buffer(buffer);
    }

    /// Gives the buffer back to the pool, unless there is something in it.
    pub fn reclaim_buffer(&mut self) -> Option<Vec<u8>> {
        self.output.reclaim_buffer()
    }

    /// What it holds at the moment.
    pub fn holdings(&self) -> Holdings {
        let in_flight = self.in_flight.len();
        let bytes = self.output.len() + self.held_bytes + in_flight * size_of::<Exchange>();
        Holdings { bytes, queued: self.queue.len(), in_flight }
    }

    /// What was sent since this was asked for last, on all connections.
    pub fn take_sent(&mut self) -> Traffic {
        std::mem::take(&mut self.sent)
    }

    /// What was lost so far.
    pub fn losses(&self) -> Losses {
        self.losses.as_deref().copied().unwrap_or_default()
    }

    fn losses_mut(&mut self) -> &mut Losses {
        self.losses.get_or_insert_default()
    }
}
