//! The shell of the machines, as far as sessions go: connections, subscriptions, wills, and answers that wait for the
//! disk. It follows the steps that the real shell takes, without its threads and sockets. How batches are made is in
//! `batches`.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::Arc;

use housewire_core::{Delivery, Filter, Offer, Qos, Run};
use housewire_protocols::limits::MqttLimits;
use housewire_protocols::mqtt::{Batch as RunBatch, *};

use super::disk::Batch;
use super::given::{Clock, Mistake, Surroundings};
use super::witness::{Kind, Violation, number_of, violation};

pub(super) struct Hub {
    pub(super) limits: Arc<MqttLimits>,
    pub(super) mistake: Mistake,
    pub(super) ids: Arc<MessageIds>,
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) connections: BTreeMap<u32, HubConnection>,
    /// Connections that the hub closed.
    pub(super) closed: Vec<u32>,
    pub(super) sessions_begun: u64,
    /// Sessions whose facts the disk does not have, and whether what it has belongs to an older one.
    pub(super) unsaved: BTreeMap<String, bool>,
    /// Batches begun, and the last one that the disk has.
    pub(super) taken: u64,
    pub(super) saved: u64,
    pub(super) writing: Option<Batch>,
    pub(super) disk_is_failing: bool,
}

pub(super) struct Session {
    pub(super) number: u64,
    pub(super) is_durable: bool,
    pub(super) outbound: Outbound,
    pub(super) detached: Option<Detached>,
    pub(super) subscriptions: BTreeMap<String, Qos>,
    pub(super) connection: Option<u32>,
}

pub(super) struct HubConnection {
    pub(super) inbound: Inbound,
    pub(super) client: Option<String>,
    unread: Vec<u8>,
    /// CONNACK, and the batch that it waits for; nothing is read meanwhile.
    pub(super) connack: Option<(u64, Link, Vec<u8>)>,
    /// Answers and the batch that each waits for. They keep their order.
    pub(super) withheld: VecDeque<(u64, Answer)>,
}

pub(super) enum Answer {
    Publication(PacketId, Qos, ReasonCode),
    Encoded(Vec<u8>),
}

/// MQTT 3 knows no words for it: the connection ends.
struct Refused;

impl Hub {
    pub(super) fn open(&mut self, id: u32, clock: Clock) {
        let inbound = Inbound::new(Arc::clone(&self.limits), clock.now().instant);
        let (unread, withheld) = (Vec::new(), VecDeque::new());
        self.connections.insert(id, HubConnection { inbound, client: None, unread, connack: None, withheld });
    }

    pub(super) fn knows(&self, id: u32) -> bool {
        self.connections.contains_key(&id)
    }

    pub(super) fn receive(&mut self, id: u32, bytes: &[u8], with: &mut Surroundings<'_>) -> Result<(), Violation> {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.unread.extend_from_slice(bytes);
        }
        self.read(id, with)
    }

    /// Takes what is due and what waited for something that has come.
    pub(super) fn work(&mut self, with: &mut Surroundings<'_>) -> Result<(), Violation> {
        let clients: Vec<_> = self.sessions.keys().cloned().collect();
        clients.iter().for_each(|client| self.handle_due(client, with));
        let ids: Vec<_> = self.connections.keys().copied().collect();
        for id in ids {
            self.release(id, with.clock);
            self.read(id, with)?;
        }
        Ok(())
    }

    fn read(&mut self, id: u32, with: &mut Surroundings<'_>) -> Result<(), Violation> {
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let unread = mem::take(&mut connection.unread);
        let mut rest = &unread[..];
        let mut run = RunBatch::new();
        let mut acks = Vec::new();
        let mut refused = Ok(());
        while refused.is_ok()
            && let Some(connection) = self.connections.get_mut(&id)
        {
            let session = connection.client.as_ref().and_then(|client| self.sessions.get(client));
            if connection.connack.is_some() || session.is_some_and(|session| session.outbound.is_backlogged()) {
                break;
            }
            let inbound = &mut connection.inbound;
            rest = &rest[SHORT_ACK_BYTES * inbound.take_short_acks(rest, &mut acks, with.clock.now().instant)..];
            let event = match decode(rest, inbound.version(), inbound.packet_bytes_max()) {
                Ok(Some((packet, used))) => {
                    rest = &rest[used..];
                    inbound.handle_packet(packet, with.clock.now().instant)
                }
                Ok(None) => break,
                Err(error) => Err(error.into()),
            };
            match event {
                Ok(Event::Publish(publication)) => {
                    if let Err(publication) = run.push(publication) {
                        refused = self.publish_run(id, &mut run, with);
                        if refused.is_ok() {
                            run.push(publication).unwrap();
                        } else {
                            self.forget_received(id, publication.packet_id);
                        }
                    }
                }
                Ok(Event::Acknowledged(ack)) => acks.push(ack),
                Ok(event) => {
                    refused = self.publish_run(id, &mut run, with);
                    if refused.is_ok() {
                        self.handle_event(id, event, with)?;
                    }
                }
                Err(error) => return violation(Kind::Protocol, format!("a client broke a rule: {error}")),
            }
        }
        refused = refused.and_then(|()| self.publish_run(id, &mut run, with));
        self.handle_acks(id, acks, with)?;
        if refused.is_err() {
            self.close(id, with);
        }
        let rest = rest.to_vec();
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.unread = rest;
        }
        Ok(())
    }

    /// All that a read brought, at once.
    fn handle_acks(&mut self, id: u32, acks: Vec<Acknowledgement>, with: &Surroundings<'_>) -> Result<(), Violation> {
        let client = self.connections.get(&id).and_then(|connection| connection.client.as_ref());
        let Some(session) = client.and_then(|client| self.sessions.get_mut(client)) else { return Ok(()) };
        let handled = session.outbound.handle_acks(acks, with.clock.now().wall);
        handled.or_else(|error| violation(Kind::Protocol, format!("a client broke a rule: {error}")))
    }

    fn handle_event(&mut self, id: u32, event: Event<'_>, with: &mut Surroundings<'_>) -> Result<(), Violation> {
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let client = connection.client.clone();
        let session = client.as_ref().and_then(|client| self.sessions.get_mut(client));
        match (event, session) {
            (Event::Connect(connect), _) => self.accept(id, &connect, with),
            (Event::Reply(packet), Some(session)) => {
                let is_early = match &packet {
                    Packet::PubComp(ack) => {
                        session.outbound.note_released(ack.packet_id);
                        self.mistake == Mistake::CompletesEarly
                    }
                    _ => self.mistake == Mistake::RepeatsEarly,
                };
                let waits = session.is_durable && !is_early;
                self.answer(id, &packet, waits, with.clock);
            }
            (Event::Subscribe { packet_id, requests, .. }, Some(session)) => {
                let mut reasons = Vec::new();
                for request in requests.into_iter().flatten() {
                    reasons.push(ReasonCode::granted(request.options.qos));
                    session.subscriptions.insert(request.filter.as_str().to_owned(), request.options.qos);
                }
                let waits = session.is_durable && self.mistake != Mistake::SubscribesEarly;
                if session.is_durable {
                    self.unsaved.entry(client.unwrap()).or_default();
                }
                self.answer(id, &Packet::SubAck(SubAck::new(packet_id, reasons)), waits, with.clock);
            }
            (Event::Disconnect, Some(_)) => self.close(id, with),
            (event, _) => return violation(Kind::Protocol, format!("the hub does not expect {event:?}")),
        }
        Ok(())
    }

    fn answer(&mut self, id: u32, packet: &Packet<'_>, waits: bool, clock: Clock) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let mut bytes = Vec::new();
        connection.inbound.reply(packet, &mut bytes);
        let until = if waits { self.taken + 1 } else { 0 };
        connection.withheld.push_back((until, Answer::Encoded(bytes)));
        self.release(id, clock);
    }

    /// Sends the answers whose batch is on disk, up to the first whose batch is not.
    pub(super) fn release(&mut self, id: u32, clock: Clock) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(session) = connection.client.as_ref().and_then(|client| self.sessions.get_mut(client)) else { return };
        if let Some((_, link, connack)) = connection.connack.take_if(|(until, ..)| *until <= self.saved) {
            session.outbound.connect(link, &connack, clock.now().wall);
        }
        let mut replies = Vec::new();
        while connection.withheld.front().is_some_and(|(until, _)| *until <= self.saved) {
            let Some((_, answer)) = connection.withheld.pop_front() else { break };
            match answer {
                Answer::Publication(packet_id, qos, reason) => {
                    connection.inbound.acknowledge(packet_id, qos, Outcome { reason, text: None }, &mut replies);
                }
                Answer::Encoded(bytes) => replies.extend(bytes),
            }
        }
        session.outbound.append(&replies);
    }

    fn accept(&mut self, id: u32, connect: &Connect<'_>, with: &mut Surroundings<'_>) {
        let client = connect.client_id.to_owned();
        if let Some(older) = self.sessions.get(&client).and_then(|session| session.connection) {
            with.witness.counts.count("take-over");
            self.close(older, with);
        }
        let resumed = match self.sessions.get_mut(&client).and_then(|session| session.detached.take()) {
            Some(detached) if connect.clean_start => {
                self.end_session(&client);
                if let Some(will) = detached.end() {
                    self.publish_will(&will, with);
                }
                None
            }
            kept => kept,
        };
        if resumed.is_none() {
            self.sessions_begun += 1;
            let limits = Arc::clone(&self.limits);
            let is_durable = connect.keeps_session();
            let outbound = if is_durable {
                self.unsaved.insert(client.clone(), true);
                Outbound::durable(limits, Arc::clone(&self.ids), self.mistake != Mistake::HoldsNothingBack)
            } else {
                Outbound::new(limits)
            };
            let (number, subscriptions) = (self.sessions_begun, BTreeMap::new());
            let session = Session { number, is_durable, outbound, detached: None, subscriptions, connection: None };
            self.sessions.insert(client.clone(), session);
        } else {
            self.unsaved.entry(client.clone()).or_default();
        }
        let connection = self.connections.get_mut(&id).unwrap();
        let is_early = match (self.mistake, &resumed) {
            (Mistake::LetsInEarly, _) => true,
            // Otherwise the batch that CONNACK waits for has the first of what is repeated, too.
            (Mistake::RepeatsEarly, Some(resumed)) => {
                resumed.will().is_none() && resumed.end_at().is_none() && connection.inbound.will().is_none()
            }
            _ => false,
        };
        // A CONNACK says that a session is there, or gone, and takes a will back: what the disk has must say the same.
        let is_written = |batch: &Batch| batch.parts.iter().any(|part| part.client == client);
        let waits = self.unsaved.contains_key(&client) || self.writing.as_ref().is_some_and(is_written);
        let until = if waits && !is_early { self.taken + 1 } else { 0 };
        self.sessions.get_mut(&client).unwrap().connection = Some(id);
        let (connack, link) = connection.inbound.accept(resumed, None);
        let mut bytes = Vec::new();
        connection.inbound.reply(&connack, &mut bytes);
        connection.connack = Some((until, link, bytes));
        connection.client = Some(client);
        self.release(id, with.clock);
    }

    /// A QoS 2 message that is not published is to be new when it comes again.
    fn forget_received(&mut self, id: u32, packet_id: Option<PacketId>) {
        if let (Some(connection), Some(packet_id)) = (self.connections.get_mut(&id), packet_id)
            && self.mistake != Mistake::KeepsRefused
        {
            connection.inbound.forget_received(packet_id);
        }
    }

    fn publish_run(&mut self, id: u32, batch: &mut RunBatch<'_>, with: &mut Surroundings<'_>) -> Result<(), Refused> {
        let (Some(run), Some(connection)) = (batch.run(), self.connections.get_mut(&id)) else { return Ok(()) };
        let numbers = run.payloads().iter().map(|payload| number_of(payload));
        let qos = batch.qos();
        let client = connection.client.clone().unwrap();
        let mut until = 0;
        let mut reason = ReasonCode::Success;
        if self.disk_is_failing && qos > Qos::AtMostOnce {
            numbers.for_each(|number| with.witness.refused(number));
            let says_so = connection.inbound.version() == Version::V5;
            // Even then: the answer may have to wait behind others, and never leave.
            batch.packet_ids().iter().for_each(|packet_id| self.forget_received(id, Some(*packet_id)));
            if !says_so {
                batch.clear();
                return Err(Refused);
            }
            reason = ReasonCode::QuotaExceeded;
        } else {
            let offer = self.publish(&run, with);
            if self.mistake == Mistake::DividesBatches && self.writing.is_none() && with.random.below(3) == 0 {
                self.begin_batch(with.clock);
            }
            let session = self.sessions.get_mut(&client).unwrap();
            let is_noted = qos == Qos::ExactlyOnce && session.is_durable;
            for packet_id in batch.packet_ids().iter().filter(|_| is_noted) {
                session.outbound.note_received(*packet_id);
            }
            if (offer == Offer::Kept || is_noted) && self.mistake != Mistake::AcknowledgesEarly {
                until = self.taken + 1;
            }
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            let answer = |packet_id: &PacketId| (until, Answer::Publication(*packet_id, qos, reason));
            connection.withheld.extend(batch.packet_ids().iter().map(answer));
        }
        batch.clear();
        self.release(id, with.clock);
        Ok(())
    }

    fn publish(&mut self, run: &Run<'_>, with: &mut Surroundings<'_>) -> Offer {
        let mut result = Offer::Taken;
        let now = with.clock.now().wall;
        for (client, session) in &mut self.sessions {
            let matches = |filter: &str| Filter::parse(filter).unwrap().matches(run.topic());
            let matching = session.subscriptions.iter().filter(|(filter, _)| matches(filter));
            let Some(qos) = matching.map(|(_, qos)| *qos).max() else { continue };
            let delivery = Delivery { qos, retain: false, identifiers: Arc::default(), share: None };
            let overflow = session.outbound.losses().overflow;
            if session.outbound.offer(run, &delivery, now) == Offer::Kept {
                result = Offer::Kept;
            }
            // A run does not make room for itself: the last ones are those that did not fit.
            let lost = (session.outbound.losses().overflow - overflow) as usize;
            let index = client.strip_prefix("client-").unwrap().parse().unwrap();
            for (at, payload) in run.payloads().iter().enumerate() {
                let number = number_of(payload);
                if at + lost < run.payloads().len() {
                    with.witness.taken(index, number);
                } else {
                    with.witness.dropped(index, number);
                }
            }
        }
        result
    }

    fn publish_will(&mut self, will: &WillMessage, with: &mut Surroundings<'_>) {
        let payloads = [&will.payload[..]];
        self.publish(&Run::new(will.topic.borrow(), &payloads).qos(will.qos), with);
    }

    pub(super) fn close(&mut self, id: u32, with: &mut Surroundings<'_>) {
        self.closed.push(id);
        self.lose(id, with);
    }

    /// The socket is gone.
    pub(super) fn lose(&mut self, id: u32, with: &mut Surroundings<'_>) {
        let Some(connection) = self.connections.remove(&id) else { return };
        let Some(client) = connection.client else { return };
        let session = self.sessions.get_mut(&client).unwrap();
        session.connection = None;
        session.outbound.disconnect();
        session.detached = Some(connection.inbound.detach(with.clock.now().instant));
        if session.is_durable {
            self.unsaved.entry(client.clone()).or_default();
        }
        self.handle_due(&client, with);
    }

    pub(super) fn handle_due(&mut self, client: &str, with: &mut Surroundings<'_>) {
        loop {
            let Some(session) = self.sessions.get_mut(client) else { return };
            let due = session.detached.as_mut().and_then(|detached| detached.handle_timeout(with.clock.now().instant));
            match due {
                Some(Due::Will(will)) => {
                    if session.is_durable {
                        self.unsaved.entry(client.to_owned()).or_default();
                    }
                    self.publish_will(&will, with);
                }
                Some(Due::SessionEnd) => self.end_session(client),
                None => return,
            }
        }
    }

    fn end_session(&mut self, client: &str) {
        let session = self.sessions.remove(client);
        if session.is_some_and(|session| session.is_durable) {
            self.unsaved.insert(client.to_owned(), true);
        }
    }
}
