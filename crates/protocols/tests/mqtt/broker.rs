//! The smallest shell that makes a broker of the machines: naive matching, no sockets, a clock that is set by hand.
//!
//! It follows the steps that the real shell takes, so that what works here works there.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use housewire_core::{Delivery, Message, Now, Qos, Run, Timestamp, TopicRef};
use housewire_protocols::limits::MqttLimits;
use housewire_protocols::mqtt::*;

use crate::door::{Decision, Door};
use crate::shares::Shares;

/// Connections by the name a script gives them, sessions by client identifier.
pub(crate) struct Broker {
    limits: Arc<MqttLimits>,
    started: Instant,
    pub(crate) now: Now,
    pub(crate) connections: BTreeMap<String, Connection>,
    pub(crate) sessions: BTreeMap<String, Session>,
    retained: BTreeMap<String, Message>,
    assigned: usize,
    shares: Shares,
}

pub(crate) struct Connection {
    inbound: Option<Inbound>,
    client_id: Option<String>,
    /// Who is on the way in, and how far.
    pub(crate) door: Door,
    /// Came and is no whole packet yet.
    unread: Vec<u8>,
    /// What the client was sent.
    pub(crate) sent: Vec<u8>,
}

pub(crate) struct Session {
    pub(crate) outbound: Outbound,
    detached: Option<Detached>,
    pub(crate) subscriptions: BTreeMap<String, (SubscriptionRequest, Option<u32>)>,
}

impl Connection {
    pub(crate) fn is_open(&self) -> bool {
        self.inbound.is_some()
    }
}

impl Broker {
    pub(crate) fn new(limits: MqttLimits) -> Self {
        #[allow(clippy::disallowed_methods)] // any moment will do; it never matters which
        let started = Instant::now();
        Self {
            limits: Arc::new(limits),
            started,
            now: Now { instant: started, wall: Timestamp::default() },
            connections: BTreeMap::new(),
            sessions: BTreeMap::new(),
            retained: BTreeMap::new(),
            assigned: 0,
            shares: Shares::default(),
        }
    }

    pub(crate) fn connect(&mut self, name: &str) {
        let inbound = Some(Inbound::new(Arc::clone(&self.limits), self.now.instant));
        let connection =
            Connection { inbound, client_id: None, door: Door::default(), unread: Vec::new(), sent: Vec::new() };
        self.connections.insert(name.to_owned(), connection);
    }

    /// Time passes, and what is due by then happens.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.now.instant += time;
        let passed = self.now.instant - self.started;
        self.now.wall = Timestamp::from_micros(passed.as_micros() as i64);
        for name in self.connections.keys().cloned().collect::<Vec<_>>() {
            let connection = &mut self.connections.get_mut(&name).unwrap();
            if let Some(Err(error)) =
                connection.inbound.as_mut().map(|inbound| inbound.handle_timeout(self.now.instant))
            {
                self.close(&name, Some(error));
            }
        }
        for client_id in self.sessions.keys().cloned().collect::<Vec<_>>() {
            self.handle_due(&client_id);
        }
    }

    /// The client sends bytes.
    pub(crate) fn receive(&mut self, name: &str, bytes: &[u8]) {
        let connection = self.connections.get_mut(name).unwrap();
        connection.unread.extend_from_slice(bytes);
        let unread = mem::take(&mut connection.unread);
        let mut rest = &unread[..];
        if let Err(error) = self.read(name, &mut rest) {
            self.close(name, Some(error));
        }
        let rest = rest.to_vec();
        self.connections.get_mut(name).unwrap().unread = rest;
        self.flush();
    }

    fn read(&mut self, name: &str, rest: &mut &[u8]) -> Result<(), ProtocolError> {
        let mut batch = Batch::new();
        let mut replies = Vec::new();
        let mut failed = None;
        while let Some(inbound) = self.connections.get_mut(name).unwrap().inbound.as_mut() {
            let packet = match decode(rest, inbound.version(), inbound.packet_bytes_max()) {
                Ok(Some((packet, used))) => {
                    *rest = &rest[used..];
                    inbound.handle_packet(packet, self.now.instant)
                }
                Ok(None) => break,
                Err(error) => {
                    inbound.handle_undecodable(rest);
                    Err(error.into())
                }
            };
            match packet {
                Ok(Event::Publish(publication)) => {
                    if let Err(publication) = batch.push(publication) {
                        self.publish_batch(name, &mut batch, &mut replies);
                        batch.push(publication).unwrap();
                    }
                }
                Ok(other) => {
                    self.publish_batch(name, &mut batch, &mut replies);
                    if let Err(error) = self.handle_event(name, other, &mut replies) {
                        failed = Some(error);
                        break;
                    }
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        self.publish_batch(name, &mut batch, &mut replies);
        if let Some(session) = self.session_of(name) {
            session.outbound.append(&replies);
        }
        failed.map_or(Ok(()), Err)
    }

    fn handle_event(&mut self, name: &str, event: Event<'_>, replies: &mut Vec<u8>) -> Result<(), ProtocolError> {
        match event {
            Event::Publish(_) => unreachable!("publications go into the batch"),
            Event::Connect(connect) => {
                let decision = self.connections.get_mut(name).unwrap().door.handle_connect(&connect);
                self.carry_out(name, decision, replies);
            }
            Event::Authenticate(step) => {
                let decision = self.connections.get_mut(name).unwrap().door.handle_auth(step);
                self.carry_out(name, decision, replies);
            }
            Event::Acknowledged(ack) => {
                let now = self.now.wall;
                self.session_of(name).unwrap().outbound.handle_acks([ack], now)?;
            }
            Event::Reply(packet) => self.inbound(name).reply(&packet, replies),
            Event::Disconnect => {
                if let Some(session) = self.session_of(name) {
                    session.outbound.append(&mem::take(replies));
                }
                self.close(name, None);
            }
            Event::Subscribe { packet_id, identifier, requests } => {
                let reasons = requests.iter().map(|request| match request {
                    Ok(request) => ReasonCode::granted(request.options.qos),
                    Err(reason) => *reason,
                });
                let suback = Packet::SubAck(SubAck::new(packet_id, reasons.collect()));
                self.inbound(name).reply(&suback, replies);
                // SUBACK first, then what was retained.
                self.session_of(name).unwrap().outbound.append(&mem::take(replies));
                requests.into_iter().flatten().for_each(|request| self.subscribe(name, request, identifier));
            }
            Event::Unsubscribe { packet_id, filters } => {
                let session = self.session_of(name).unwrap();
                let reasons = filters.into_iter().map(|filter| match filter {
                    Ok(filter) if session.subscriptions.remove(filter.as_str()).is_some() => ReasonCode::Success,
                    Ok(_) => ReasonCode::NoSubscriptionExisted,
                    Err(reason) => reason,
                });
                let unsuback = Packet::UnsubAck(SubAck::new(packet_id, reasons.collect()));
                self.inbound(name).reply(&unsuback, replies);
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, name: &str, decision: Decision, replies: &mut Vec<u8>) {
        match decision {
            Decision::Accept(data) => self.accept(name, &data),
            Decision::Challenge(data) => {
                let inbound = self.inbound(name);
                let packet = inbound.challenge(&data);
                inbound.reply(&packet, replies);
                // There is no session yet to carry it, unless the connection is an old one.
                if self.session_of(name).is_none() {
                    self.connections.get_mut(name).unwrap().sent.append(replies);
                }
            }
            Decision::Confirm(data) => {
                let inbound = self.inbound(name);
                let packet = inbound.reauthenticated(&data);
                inbound.reply(&packet, replies);
            }
            Decision::Refuse(reason) => {
                self.farewell(name, reason, "no");
                self.detach(name);
            }
        }
    }

    fn inbound(&mut self, name: &str) -> &mut Inbound {
        self.connections.get_mut(name).unwrap().inbound.as_mut().unwrap()
    }

    fn session_of(&mut self, name: &str) -> Option<&mut Session> {
        let client_id = self.connections[name].client_id.as_ref()?;
        self.sessions.get_mut(client_id)
    }

    fn accept(&mut self, name: &str, data: &[u8]) {
        let Door { client_id, clean_start, .. } = self.connections[name].door.clone();
        let assigned = client_id.is_empty().then(|| {
            self.assigned += 1;
            format!("auto-{}", self.assigned)
        });
        let client_id = assigned.clone().unwrap_or(client_id);
        let older = self.connections.iter().find(|(_, other)| other.client_id.as_ref() == Some(&client_id));
        if let Some(older) = older.map(|(name, _)| name.clone()) {
            self.farewell(&older, ReasonCode::SessionTakenOver, "taken over");
            self.detach(&older);
        }
        let resumed = match self.sessions.get_mut(&client_id).and_then(|session| session.detached.take()) {
            Some(detached) if clean_start => {
                self.sessions.remove(&client_id);
                if let Some(will) = detached.end() {
                    self.publish_will(&will);
                }
                None
            }
            kept => kept,
        };
        let inbound = self.connections.get_mut(name).unwrap().inbound.as_mut().unwrap();
        let (mut connack, link) = inbound.accept(resumed, assigned.as_deref());
        if let Packet::ConnAck(connack) = &mut connack {
            connack.authentication_data = (!data.is_empty()).then_some(data);
        }
        let mut bytes = Vec::new();
        inbound.reply(&connack, &mut bytes);
        let limits = Arc::clone(&self.limits);
        let session = self.sessions.entry(client_id.clone()).or_insert_with(|| Session {
            outbound: Outbound::new(limits),
            detached: None,
            subscriptions: BTreeMap::new(),
        });
        session.outbound.connect(link, &bytes, self.now.wall);
        self.connections.get_mut(name).unwrap().client_id = Some(client_id);
    }

    fn subscribe(&mut self, name: &str, request: SubscriptionRequest, identifier: Option<u32>) {
        let now = self.now.wall;
        let retained = self.retained.clone();
        let session = self.session_of(name).unwrap();
        let key = request.filter.as_str().to_owned();
        let is_new = session.subscriptions.insert(key, (request.clone(), identifier)).is_none();
        let wanted = match request.options.retain_handling {
            _ if request.filter.is_shared() => false,
            RetainHandling::Send => true,
            RetainHandling::SendIfNew => is_new,
            RetainHandling::DoNotSend => false,
        };
        let matching = retained.values().filter(|message| wanted && request.filter.matches(message.topic.borrow()));
        for message in matching {
            let payloads = [&message.payload[..]];
            let run = Run::new(message.topic.borrow(), &payloads)
                .qos(message.qos)
                .retain(true)
                .properties(message.properties.as_ref());
            let identifiers = identifier.into_iter().collect();
            let delivery = Delivery { qos: request.options.qos, retain: true, identifiers, share: None };
            session.outbound.offer(&run, &delivery, now);
        }
    }

    fn publish_batch(&mut self, name: &str, batch: &mut Batch<'_>, replies: &mut Vec<u8>) {
        let Some(run) = batch.run() else { return };
        let from = self.connections[name].client_id.clone();
        // The hub alone may publish there.
        let outcome = if run.topic().as_str().ends_with("/$rejected") {
            Outcome { reason: ReasonCode::NotAuthorized, text: Some("no") }
        } else if self.publish(&run, from.as_deref()) == 0 {
            Outcome { reason: ReasonCode::NoMatchingSubscribers, text: None }
        } else {
            Outcome::SUCCESS
        };
        if let Some(inbound) = self.connections.get_mut(name).unwrap().inbound.as_mut() {
            for packet_id in batch.packet_ids() {
                inbound.acknowledge(*packet_id, batch.qos(), outcome, replies);
            }
        }
        batch.clear();
    }

    /// How many sessions it was offered to.
    pub(crate) fn publish(&mut self, run: &Run<'_>, from: Option<&str>) -> usize {
        if run.is_retained() {
            let payload = run.payloads().last().unwrap();
            let topic = run.topic().as_str().to_owned();
            if payload.is_empty() {
                self.retained.remove(&topic);
            } else {
                let message = run.messages().last().unwrap().clone();
                self.retained.insert(topic, Message::clone(&message));
            }
        }
        let mut matched = 0;
        for (client_id, session) in &mut self.sessions {
            if let Some(delivery) = session.delivery(run, from == Some(client_id)) {
                session.outbound.offer(run, &delivery, self.now.wall);
                matched += 1;
            }
        }
        matched + self.shares.publish(&mut self.sessions, run, self.now.wall)
    }

    fn publish_will(&mut self, will: &WillMessage) {
        let payloads = [&will.payload[..]];
        let run = Run::new(will.topic.borrow(), &payloads)
            .qos(will.qos)
            .retain(will.retain)
            .properties(will.properties.as_ref());
        self.publish(&run, None);
        self.flush();
    }

    /// The socket is gone.
    pub(crate) fn lose(&mut self, name: &str) {
        self.detach(name);
        self.flush();
    }

    fn close(&mut self, name: &str, error: Option<ProtocolError>) {
        if let Some(error) = error {
            self.farewell(name, error.reason(), &error.to_string());
        }
        self.detach(name);
        self.flush();
    }

    fn farewell(&mut self, name: &str, reason: ReasonCode, text: &str) {
        self.flush();
        let connection = self.connections.get_mut(name).unwrap();
        let Some(inbound) = &connection.inbound else { return };
        if let Some(packet) = inbound.farewell(reason, Some(text)) {
            inbound.reply(&packet, &mut connection.sent);
        }
    }

    fn detach(&mut self, name: &str) {
        self.flush();
        let connection = self.connections.get_mut(name).unwrap();
        let Some(inbound) = connection.inbound.take() else { return };
        let Some(client_id) = connection.client_id.take() else { return };
        let session = self.sessions.get_mut(&client_id).unwrap();
        let is_over = !session.outbound.outlives_connection();
        let left = session.outbound.shared_messages();
        session.outbound.disconnect();
        session.detached = Some(inbound.detach(self.now.instant));
        let given = self.hand_on(&client_id, left, is_over);
        self.sessions.get_mut(&client_id).unwrap().outbound.let_go(&given);
        self.handle_due(&client_id);
    }

    fn handle_due(&mut self, client_id: &str) {
        loop {
            let Some(session) = self.sessions.get_mut(client_id) else { return };
            let Some(detached) = &mut session.detached else { return };
            match detached.handle_timeout(self.now.instant) {
                Some(Due::Will(will)) => self.publish_will(&will),
                Some(Due::SessionEnd) => {
                    let left = self.sessions.remove(client_id).unwrap().outbound.shared_messages();
                    self.hand_on(client_id, left, true);
                }
                None => return,
            }
        }
    }

    /// What somebody leaves goes to others of the group; those messages that somebody took.
    fn hand_on(&mut self, from: &str, mut left: Vec<SharedMessage>, is_over: bool) -> Vec<SharedMessage> {
        let now = self.now.wall;
        left.retain(|left| {
            let payloads = [&left.message.payload[..]];
            let run = Run::new(left.message.topic.borrow(), &payloads).qos(left.message.qos);
            let run = run.properties(left.message.properties.as_ref());
            self.shares.hand_on(&mut self.sessions, left.share.filter(), &run, from, is_over, now)
        });
        self.flush();
        left
    }

    fn flush(&mut self) {
        for connection in self.connections.values_mut() {
            let Some(session) = connection.client_id.as_ref().and_then(|id| self.sessions.get_mut(id)) else {
                continue;
            };
            while !session.outbound.output().is_empty() {
                connection.sent.extend_from_slice(session.outbound.output());
                session.outbound.consume(session.outbound.output().len(), self.now.wall);
            }
        }
    }
}

impl Session {
    /// All subscriptions that match, merged into one delivery.
    fn delivery(&self, run: &Run<'_>, is_own: bool) -> Option<Delivery> {
        let mut merged: Option<(Qos, bool, Vec<u32>)> = None;
        for (request, identifier) in self.subscriptions.values() {
            let options = request.options;
            let is_for_all = request.filter.matches(run.topic()) && !request.filter.is_shared();
            if !is_for_all || (is_own && options.no_local) {
                continue;
            }
            let (qos, retain, identifiers) = merged.get_or_insert_default();
            *qos = options.qos.max(*qos);
            *retain |= options.retain_as_published && run.is_retained();
            identifiers.extend(identifier);
        }
        merged.map(|(qos, retain, identifiers)| Delivery { qos, retain, identifiers: identifiers.into(), share: None })
    }
}

/// A topic that is known to be one.
pub(crate) fn topic(text: &str) -> TopicRef<'_> {
    TopicRef::parse(text).unwrap()
}
