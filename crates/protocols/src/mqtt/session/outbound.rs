//! What goes to the client: encoded, numbered, held back, kept for sending again.
//!
//! One per session; it lives under its mailbox's lock and outlives the connection if the session is kept. Where the
//! bytes go, and who subscribed to what, is not its affair.

use std::collections::VecDeque;
use std::sync::Arc;

use housewire_core::{Delivery, Offer, Qos, Run, Timestamp};

use super::Link;
use super::due::{held_frame, remaining_expiry};
use super::error::ProtocolError;
use super::event::{AckStep, Acknowledgement};
use super::in_flight::{Exchange, Held, IDLE_LEN_MAX, InFlight};
use super::output::Output;
use super::pool::{Holdings, SessionBound, Share};
use super::traffic::{Traffic, count_packets};
use crate::limits::MqttLimits;
use crate::mqtt::codec::{MessageProperties, PublishFrame, encode, encode_run, run_key};
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
    in_flight: InFlight,
    /// How many of `in_flight`, from the front, were sent on this connection. Less than all of them only while a client
    /// that came back takes fewer at once than are due to it.
    on_wire: usize,
    /// What does not fit: the window is full, the output over its bound, or the client away.
    queue: VecDeque<Box<Held>>,
    /// Of the messages in `queue` and `in_flight`.
    held_bytes: usize,
    share: Share,
    losses: Losses,
    sent: Traffic,
}

impl Outbound {
    /// Of a session that is about to be connected.
    pub fn new(limits: Arc<MqttLimits>) -> Self {
        Self {
            share: Share::new(Arc::clone(&limits.pool)),
            limits,
            state: State::Offline,
            output: Output::default(),
            in_flight: InFlight::new(),
            on_wire: 0,
            queue: VecDeque::new(),
            held_bytes: 0,
            losses: Losses::default(),
            sent: Traffic::default(),
        }
    }

    /// The client is there: `connack` goes first [MQTT-3.2.0-1], then what was sent and not acknowledged is sent again
    /// [MQTT-4.4.0-1], then what was queued.
    pub fn connect(&mut self, link: Link, connack: &[u8], now: Timestamp) {
        self.output.clear();
        self.output.append(connack);
        self.sent.packets += 1;
        self.state = State::Online(link);
        self.on_wire = 0;
        self.refill(now);
    }

    /// The client is gone. A kept session keeps what is due to it; any other is closed.
    pub fn disconnect(&mut self) {
        match self.state {
            State::Online(link) if link.keeps_session => {
                self.output.clear();
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
        let (losses, sent) = (self.losses, self.sent);
        *self = Self { state: State::Closed, losses, sent, ..Self::new(Arc::clone(&self.limits)) };
    }

    /// Takes a run: into the output if it can go now, else into the queue (QoS 1 and 2) or nowhere (QoS 0).
    ///
    /// The usual run is one copy of bytes that were encoded once for all subscribers. `now` matters for expiry alone;
    /// the time of the tick will do.
    pub fn offer(&mut self, run: &Run<'_>, delivery: &Delivery, now: Timestamp) -> Offer {
        let qos = delivery.qos.min(run.published_qos());
        let Ok(expiry_s) = remaining_expiry(run.message_properties().map(AsRef::as_ref), run.time(), now) else {
            self.losses.expired += run.payloads().len() as u64;
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
        let frame = |identifiers| PublishFrame {
            topic: run.topic().as_str(),
            qos,
            retain: delivery.retain,
            properties: MessageProperties {
                message: run.message_properties().map(AsRef::as_ref),
                expiry_s,
                identifiers,
                topic_alias: None,
            }
            .encode(link.version),
        };
        // Subscription identifiers are one subscriber's own, and MQTT 5 only: what has them is encoded for it alone.
        let is_shared = link.version != Version::V5 || delivery.identifiers.is_empty();
        if is_shared && self.may_go_whole(&link, run.payloads().len(), qos) {
            let key = run_key(link.version, qos, delivery.retain);
            let encoded = run.encoded(key, |run, encoded| encode_run(run, &frame(&[]), encoded));
            let bytes = encoded.bytes.len();
            let has_room = self.output.len() + bytes <= self.limits.output_bytes_max && self.may_grow();
            if bytes <= link.packet_bytes_max && has_room {
                self.take_whole(&link, run, delivery, qos, &encoded.bytes, &encoded.marks);
                return Offer::Taken;
            }
        }
        let frame = frame(&delivery.identifiers);
        self.offer_each(run, |outbound, index, payload| {
            if frame.packet_len(payload) > link.packet_bytes_max {
                outbound.losses.too_large += 1;
                return false;
            }
            let can_go = outbound.output.len() < outbound.limits.output_bytes_max;
            if qos == Qos::AtMostOnce {
                return if !can_go {
                    outbound.losses.overflow += 1;
                    outbound.limits.pool.reach(SessionBound::Output);
                    false
                } else if outbound.has_share() {
                    frame.put(false, None, payload, outbound.output.tail());
                    outbound.sent.add_publish(payload);
                    true
                } else {
                    false
                };
            }
            if !can_go || !outbound.queue.is_empty() || outbound.window(&link) == 0 || !outbound.may_grow() {
                return outbound.enqueue(run, index, qos, delivery);
            }
            let held = outbound.hold(&link, run, index, qos, delivery);
            let packet_id = outbound.begin(qos, held);
            frame.put(false, Some(packet_id), payload, outbound.output.tail());
            outbound.sent.add_publish(payload);
            true
        })
    }

    /// Whether all messages of a run may be begun now.
    fn may_go_whole(&self, link: &Link, len: usize, qos: Qos) -> bool {
        qos == Qos::AtMostOnce || (self.queue.is_empty() && len <= self.window(link))
    }

    fn take_whole(&mut self, link: &Link, run: &Run<'_>, delivery: &Delivery, qos: Qos, bytes: &[u8], marks: &[u32]) {
        let start = self.output.tail().len();
        self.output.append(bytes);
        for payload in run.payloads() {
            self.sent.add_publish(payload);
        }
        for (index, mark) in marks.iter().enumerate() {
            let held = self.hold(link, run, index, qos, delivery);
            let packet_id = self.begin(qos, held);
            let at = start + *mark as usize;
            self.output.tail()[at..at + 2].copy_from_slice(&packet_id.get().to_be_bytes());
        }
    }

    /// Hands over the messages of a run one by one; `take` says whether it took one.
    fn offer_each(&mut self, run: &Run<'_>, mut take: impl FnMut(&mut Self, usize, &[u8]) -> bool) -> Offer {
        let mut offer = Offer::Taken;
        for (index, payload) in run.payloads().iter().enumerate() {
            if !take(self, index, payload) {
                offer = Offer::Dropped;
            }
        }
        offer
    }

    /// A copy to send again, where that can happen at all: a session that ends with its connection needs none.
    fn hold(&mut self, link: &Link, run: &Run<'_>, index: usize, qos: Qos, delivery: &Delivery) -> Option<Box<Held>> {
        if link.keeps_session { self.keep(Held::new(&run.messages()[index], qos, delivery)) } else { None }
    }

    fn keep(&mut self, held: Box<Held>) -> Option<Box<Held>> {
        self.held_bytes += held.bytes();
        Some(held)
    }

    /// When the queue is full the newest message is dropped, as Mosquitto does: order stays, and so does what is promised.
    fn enqueue(&mut self, run: &Run<'_>, index: usize, qos: Qos, delivery: &Delivery) -> bool {
        let is_full = match self.queue.len() >= self.limits.queue_len_max {
            true => Some(SessionBound::QueueLen),
            false => (self.held_bytes >= self.limits.queue_bytes_max).then_some(SessionBound::QueueBytes),
        };
        if let Some(bound) = is_full {
            self.losses.overflow += 1;
            self.limits.pool.reach(bound);
            return false;
        }
        if !self.has_share() {
            return false;
        }
        let held = Held::new(&run.messages()[index], qos, delivery);
        self.held_bytes += held.bytes();
        self.queue.push_back(held);
        true
    }

    /// Whether all sessions together have room for more of this one.
    fn may_grow(&self) -> bool {
        self.share.may_grow(self.holdings().bytes, matches!(self.state, State::Online(_)))
    }

    /// As [`Self::may_grow`], counting the message that is lost if not.
    fn has_share(&mut self) -> bool {
        let may_grow = self.may_grow();
        if !may_grow {
            self.losses.memory += 1;
            self.limits.pool.reach(SessionBound::Memory);
        }
        may_grow
    }

    /// How many more messages may be begun now [MQTT-3.3.4-9].
    fn window(&self, link: &Link) -> usize {
        // What is due again goes first. And what is held for sending again is bounded, except that a message that comes
        // from the queue is counted already.
        let is_full = link.keeps_session && self.queue.is_empty() && self.held_bytes >= self.limits.queue_bytes_max;
        if is_full || self.on_wire < self.in_flight.len() {
            return 0;
        }
        let len_max = link.receive_maximum.min(self.limits.in_flight_max);
        usize::from(len_max).saturating_sub(self.in_flight.len()).min(self.in_flight.ids_free())
    }

    fn begin(&mut self, qos: Qos, held: Option<Box<Held>>) -> PacketId {
        self.on_wire += 1;
        self.in_flight.begin(qos, held)
    }

    /// The client acknowledges; what waited for that moves on.
    pub fn handle_ack(&mut self, ack: Acknowledgement, now: Timestamp) -> Result<(), ProtocolError> {
        let State::Online(link) = self.state else { return Ok(()) };
        let Some(index) = self.in_flight.find(ack.packet_id) else {
            // PUBACK and PUBCOMP end something that ended already. PUBREC wants an answer: MQTT 5 can say that there is
            // nothing to release, MQTT 3 lets the client end it.
            if ack.step == AckStep::PubRec && !ack.reason.is_error() {
                self.send_pubrel(&link, ack.packet_id, ReasonCode::PacketIdentifierNotFound);
            }
            return Ok(());
        };
        let exchange = self.in_flight.get_mut(index).expect("it was just found there");
        match (ack.step, exchange.awaits) {
            (AckStep::PubAck, AckStep::PubAck) | (AckStep::PubComp, AckStep::PubComp) => self.finish(index),
            // [MQTT-4.3.3-4]: after an error there is no PUBREL.
            (AckStep::PubRec, AckStep::PubRec | AckStep::PubComp) if ack.reason.is_error() => self.finish(index),
            (AckStep::PubRec, AckStep::PubRec | AckStep::PubComp) => {
                exchange.awaits = AckStep::PubComp;
                let held = exchange.held.take();
                self.held_bytes -= held.map_or(0, |held| held.bytes());
                self.send_pubrel(&link, ack.packet_id, ReasonCode::Success);
            }
            _ => return Err(ProtocolError::WrongAcknowledgement),
        }
        self.refill(now);
        if self.output.len() == 0 {
            // Nothing is left to flush, which would count it.
            self.share.settle(self.holdings());
        }
        Ok(())
    }

    fn finish(&mut self, index: usize) {
        let ended = self.in_flight.remove(index).and_then(|exchange| exchange.held);
        self.held_bytes -= ended.map_or(0, |held| held.bytes());
        if index < self.on_wire {
            self.on_wire -= 1;
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

    /// Sends what is due, while window and output have room: first again what was sent on an earlier connection, then
    /// the queue, so that order is kept.
    fn refill(&mut self, now: Timestamp) {
        let State::Online(link) = self.state else { return };
        while self.on_wire < self.in_flight.len()
            && self.on_wire < usize::from(link.receive_maximum)
            && self.output.len() < self.limits.output_bytes_max
        {
            self.send_again(&link, now);
        }
        while !self.queue.is_empty() && self.window(&link) > 0 && self.output.len() < self.limits.output_bytes_max {
            self.send_queued(&link, now);
        }
        // A queue that was long once should not cost an idle session its memory.
        if self.queue.is_empty() && self.queue.capacity() > IDLE_LEN_MAX {
            self.queue = VecDeque::new();
        }
    }

    fn send_again(&mut self, link: &Link, now: Timestamp) {
        let index = self.on_wire;
        let Some(exchange) = self.in_flight.get_mut(index) else { return };
        let packet_id = exchange.packet_id;
        if let Some(held) = &exchange.held {
            // What was begun is finished, even if its time is over meanwhile.
            let properties = held.message.properties.as_deref();
            let expiry_s = remaining_expiry(properties, held.message.time, now).unwrap_or(Some(0));
            let frame = held_frame(held, link.version, expiry_s);
            if frame.packet_len(&held.message.payload) > link.packet_bytes_max {
                self.losses.too_large += 1;
                // As if the client had it [MQTT-3.1.2-25].
                return self.finish(index);
            }
            // [MQTT-3.3.1-1]
            frame.put(true, Some(packet_id), &held.message.payload, self.output.tail());
            self.sent.add_publish(&held.message.payload);
        } else {
            self.send_pubrel(link, packet_id, ReasonCode::Success);
        }
        self.on_wire += 1;
    }

    fn send_queued(&mut self, link: &Link, now: Timestamp) {
        let Some(held) = self.queue.pop_front() else { return };
        self.held_bytes -= held.bytes();
        let Ok(expiry_s) = remaining_expiry(held.message.properties.as_deref(), held.message.time, now) else {
            self.losses.expired += 1;
            return;
        };
        let frame = held_frame(&held, link.version, expiry_s);
        if frame.packet_len(&held.message.payload) > link.packet_bytes_max {
            self.losses.too_large += 1;
            return;
        }
        frame.put(false, Some(self.in_flight.next_id()), &held.message.payload, self.output.tail());
        self.sent.add_publish(&held.message.payload);
        let qos = held.qos;
        let kept = if link.keeps_session { self.keep(held) } else { None };
        self.begin(qos, kept);
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

    /// What was sent so far, on all connections.
    pub fn sent(&self) -> Traffic {
        self.sent
    }

    /// What was lost so far.
    pub fn losses(&self) -> Losses {
        self.losses
    }
}
