//! A client that keeps to the rules. It does not crash; its connections break.

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroU16;

use housewire_core::Qos;
use housewire_protocols::mqtt::*;

use super::client_state::{Sending, SessionState, publish_packet, send};
use super::network::{Connection, Network};
use super::witness::{Kind, Life, Violation, Witness, number_of, violation};
use crate::pair::Random;

/// How long a client wants its session kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Not beyond the connection.
    Not,
    For(u32),
    Ever,
}

pub(super) struct Profile {
    pub(super) keep: Keep,
    pub(super) subscriptions: Vec<(String, Qos)>,
    pub(super) publishes: bool,
    pub(super) leaves_wills: bool,
    /// Messages that it takes at once; only MQTT 5 can say so.
    pub(super) receive_maximum: u16,
    /// Messages that it publishes at once.
    pub(super) window: usize,
}

pub(super) struct Client {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) profile: Profile,
    pub(super) link: Option<ClientLink>,
    state: SessionState,
    life: u32,
    /// The next CONNECT, and those after it until one is answered, ask for a new session.
    pub(super) begins_anew: bool,
    /// When the last connection of this session on which CONNACK came was gone.
    left_ms: Option<u64>,
    /// CONNACK came in this session.
    is_known: bool,
    /// A CONNECT was sent since and not answered: what the hub has now may be a session that this one began.
    was_ignored: bool,
}

/// A connection, seen from here.
pub(super) struct ClientLink {
    pub(super) id: u32,
    version: Version,
    asked_anew: bool,
    will: Option<u32>,
    pub(super) is_let_in: bool,
    unread: Vec<u8>,
    /// Acknowledgements that are still to be sent, in order, with the identifiers that they end.
    answers: VecDeque<(Vec<u8>, Option<PacketId>)>,
    /// Of messages that count against our receive maximum.
    unanswered: BTreeSet<PacketId>,
}

impl Client {
    pub(super) fn new(index: usize, profile: Profile) -> Self {
        Self {
            index,
            name: format!("client-{index}"),
            profile,
            link: None,
            state: SessionState::default(),
            life: 0,
            begins_anew: false,
            left_ms: None,
            is_known: false,
            was_ignored: false,
        }
    }

    pub(super) fn life(&self) -> Life {
        Life { client: self.index, life: self.life, is_kept: self.profile.keep != Keep::Not }
    }

    /// Nothing is due from it any more.
    pub(super) fn is_done(&self) -> bool {
        let is_quiet = |link: &ClientLink| link.is_let_in && link.answers.is_empty();
        let has_subscribed = self.state.is_subscribed || self.profile.subscriptions.is_empty();
        self.link.as_ref().is_some_and(is_quiet) && self.state.sending.is_empty() && has_subscribed
    }

    /// Connects, while an older connection may still be there.
    pub(super) fn connect(&mut self, network: &mut Network, witness: &mut Witness, random: &mut Random, now_ms: u64) {
        self.hang_up(network, witness, now_ms);
        if self.was_ignored && !self.is_kept_at(now_ms) {
            self.begins_anew = true;
        }
        let (version, expiry_s) = match self.profile.keep {
            Keep::Not => ([Version::V3_1_1, Version::V5][random.below(2)], 0),
            Keep::For(expiry_s) => (Version::V5, expiry_s),
            Keep::Ever if self.begins_anew => (Version::V5, u32::MAX),
            Keep::Ever => ([Version::V3_1_1, Version::V5][random.below(2)], u32::MAX),
        };
        self.was_ignored = true;
        let asked_anew = self.begins_anew || self.profile.keep == Keep::Not;
        witness.comes_back(self.index, asked_anew);
        if asked_anew {
            self.begin_life(witness);
        }
        let mut connect = Connect::new(version, &self.name);
        connect.clean_start = asked_anew;
        if version == Version::V5 {
            connect.session_expiry_s = expiry_s;
            connect.receive_maximum = NonZeroU16::new(self.profile.receive_maximum).unwrap();
        }
        let mut payload = [0; 4];
        let will = (self.profile.leaves_wills && random.below(4) > 0).then(|| {
            let delay_s = if version == Version::V5 { [0, 2, 6, 30][random.below(4)] } else { 0 };
            let number = witness.wills(self.index, "w/gone", u64::from(delay_s.min(expiry_s)) * 1_000);
            payload = number.to_be_bytes();
            (number, delay_s)
        });
        connect.will = will.map(|(_, delay_s)| Will {
            topic: "w/gone",
            payload: &payload,
            qos: Qos::ExactlyOnce,
            retain: false,
            delay_s,
            properties: None,
        });
        let will = will.map(|(number, _)| number);
        let id = network.open(self.index, will);
        let connection = network.connections.get_mut(&id).unwrap();
        send(connection, version, &Packet::Connect(Box::new(connect)));
        self.link = Some(ClientLink {
            id,
            version,
            asked_anew,
            will,
            is_let_in: false,
            unread: Vec::new(),
            answers: VecDeque::new(),
            unanswered: BTreeSet::new(),
        });
    }

    /// Whether the hub must still have a session that it had.
    fn is_kept_at(&self, now_ms: u64) -> bool {
        match self.profile.keep {
            Keep::Not => false,
            Keep::Ever => true,
            Keep::For(expiry_s) => self.left_ms.is_some_and(|left_ms| now_ms < left_ms + u64::from(expiry_s) * 1_000),
        }
    }

    fn begin_life(&mut self, witness: &mut Witness) {
        witness.ended(self.life());
        self.life += 1;
        self.state = SessionState::default();
        self.left_ms = None;
        self.is_known = false;
        self.was_ignored = false;
    }

    /// Leaves the connection. What was sent on it may still arrive.
    pub(super) fn hang_up(&mut self, network: &mut Network, witness: &mut Witness, now_ms: u64) {
        let Some(link) = self.link.take() else { return };
        let connection = network.connections.get_mut(&link.id).unwrap();
        connection.client_is_there = false;
        if !link.is_let_in {
            // A CONNECT that arrives after a later one would take the session over, and nobody could know.
            connection.cut(now_ms);
        }
        let lost_ms = *connection.lost_ms.get_or_insert(now_ms);
        if let Some(will) = link.will {
            witness.will_is_due(will, lost_ms);
        }
        if link.is_let_in {
            self.left_ms = Some(lost_ms);
        }
        self.state.subscribing = None;
    }

    pub(super) fn say_goodbye(&mut self, network: &mut Network, witness: &mut Witness, now_ms: u64) {
        let Some(link) = self.link.as_ref().filter(|link| link.is_let_in) else { return };
        let connection = network.connections.get_mut(&link.id).unwrap();
        send(connection, link.version, &Packet::Disconnect(Disconnect::default()));
        link.will.into_iter().for_each(|will| witness.says_goodbye(will));
        self.hang_up(network, witness, now_ms);
    }

    /// Publishes something, if there is room for it.
    pub(super) fn publish(&mut self, network: &mut Network, witness: &mut Witness, random: &mut Random) {
        let Some(link) = self.link.as_ref().filter(|link| link.is_let_in && self.profile.publishes) else { return };
        let connection = network.connections.get_mut(&link.id).unwrap();
        let topic = ["t/0", "t/1"][random.below(2)];
        let qos = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce, Qos::ExactlyOnce][random.below(4)];
        for _ in 0..1 + random.below(4) {
            if qos > Qos::AtMostOnce && self.state.sending.len() >= self.profile.window {
                return;
            }
            let number = witness.publishes(self.index, topic, qos);
            let mut payload = number.to_be_bytes().to_vec();
            payload.resize(4 + random.below(36), b'.');
            if qos == Qos::AtMostOnce {
                send(connection, link.version, &publish_packet(topic, qos, None, &payload, false));
                continue;
            }
            let step = if qos == Qos::ExactlyOnce { AckStep::PubRec } else { AckStep::PubAck };
            let sending = Sending { packet_id: self.state.free_id(), number, payload, topic, step };
            send(connection, link.version, &sending.packet(false));
            self.state.sending.push_back(sending);
        }
    }

    /// Sends some of the acknowledgements that are due.
    pub(super) fn answer(&mut self, network: &mut Network, len_max: usize) {
        let Some(link) = &mut self.link else { return };
        let connection = network.connections.get_mut(&link.id).unwrap();
        for _ in 0..len_max.min(link.answers.len()) {
            let (bytes, ends) = link.answers.pop_front().unwrap();
            connection.send_to_hub(&bytes);
            ends.map(|packet_id| link.unanswered.remove(&packet_id));
        }
    }

    /// Bytes came.
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        connection: &mut Connection,
        witness: &mut Witness,
        now_ms: u64,
    ) -> Result<(), Violation> {
        let Some(link) = &mut self.link else { return Ok(()) };
        link.unread.extend_from_slice(bytes);
        let unread = std::mem::take(&mut link.unread);
        let version = link.version;
        let mut rest = &unread[..];
        loop {
            let packet = match decode(rest, version, usize::MAX) {
                Ok(Some((packet, used))) => {
                    rest = &rest[used..];
                    packet
                }
                Ok(None) => break,
                Err(error) => return violation(Kind::Protocol, format!("{} was sent {error}", self.name)),
            };
            self.handle_packet(packet, connection, witness, now_ms)?;
        }
        self.link.as_mut().unwrap().unread = rest.to_vec();
        Ok(())
    }

    fn handle_packet(
        &mut self,
        packet: Packet<'_>,
        connection: &mut Connection,
        witness: &mut Witness,
        now_ms: u64,
    ) -> Result<(), Violation> {
        let life = self.life();
        let link = self.link.as_mut().unwrap();
        match packet {
            Packet::ConnAck(connack) if !link.is_let_in => self.handle_connack(&connack, connection, witness, now_ms),
            Packet::Publish(publish) if link.is_let_in => {
                let number = number_of(publish.payload);
                if let Some(packet_id) = publish.packet_id {
                    link.unanswered.insert(packet_id);
                    let len_max = if link.version == Version::V5 { self.profile.receive_maximum } else { u16::MAX };
                    if link.unanswered.len() > usize::from(len_max) {
                        return violation(Kind::Bound, format!("{} gets more than {len_max} at once", self.name));
                    }
                    let is_over = publish.qos == Qos::AtLeastOnce;
                    let ack = Ack::new(packet_id, ReasonCode::Success);
                    let packet = if is_over { Packet::PubAck(ack) } else { Packet::PubRec(ack) };
                    link.answer(&packet, is_over.then_some(packet_id));
                    if !is_over && !self.state.received.insert(packet_id) {
                        return Ok(());
                    }
                }
                witness.arrives(life, number, &self.profile.subscriptions, now_ms)
            }
            Packet::PubRel(ack) if link.is_let_in => {
                self.state.received.remove(&ack.packet_id);
                link.answer(&Packet::PubComp(Ack::new(ack.packet_id, ReasonCode::Success)), Some(ack.packet_id));
                Ok(())
            }
            Packet::PubAck(ack) => self.handle_ack(AckStep::PubAck, &ack, connection, witness),
            Packet::PubRec(ack) => self.handle_ack(AckStep::PubRec, &ack, connection, witness),
            Packet::PubComp(ack) => self.handle_ack(AckStep::PubComp, &ack, connection, witness),
            Packet::SubAck(suback) if self.state.subscribing == Some(suback.packet_id) => {
                self.state.subscribing = None;
                self.state.is_subscribed = true;
                witness.subscribed(life, &self.profile.subscriptions);
                Ok(())
            }
            other => violation(Kind::Protocol, format!("{} does not expect {other:?}", self.name)),
        }
    }

    fn handle_connack(
        &mut self,
        connack: &ConnAck<'_>,
        connection: &mut Connection,
        witness: &mut Witness,
        now_ms: u64,
    ) -> Result<(), Violation> {
        let (asked_anew, version) = self.link.as_ref().map(|link| (link.asked_anew, link.version)).unwrap();
        if connack.reason != ReasonCode::Success
            || (asked_anew && connack.session_present)
            || (self.is_known && self.is_kept_at(now_ms) && !connack.session_present)
        {
            return violation(
                Kind::Session,
                format!("{} at {now_ms}, left {:?}: {connack:?}", self.name, self.left_ms),
            );
        }
        if self.is_known && !connack.session_present {
            self.begin_life(witness);
        }
        if let Some(will) = self.link.as_ref().and_then(|link| link.will) {
            witness.acknowledged(will);
        }
        if connack.session_present {
            let will = self.link.as_ref().and_then(|link| link.will);
            witness.is_back(self.index, will, now_ms);
        }
        self.link.as_mut().unwrap().is_let_in = true;
        self.is_known = true;
        self.was_ignored = false;
        self.begins_anew = false;
        for sending in &self.state.sending {
            send(connection, version, &sending.packet(true));
        }
        if !self.state.is_subscribed && !self.profile.subscriptions.is_empty() {
            let packet_id = self.state.free_id();
            self.state.subscribing = Some(packet_id);
            let options = |qos| SubscriptionOptions { qos, ..SubscriptionOptions::default() };
            let filters = self.profile.subscriptions.iter().map(|(filter, qos)| (&filter[..], options(*qos))).collect();
            let subscribe = Subscribe { packet_id, identifier: None, user: Vec::new(), filters };
            send(connection, version, &Packet::Subscribe(subscribe));
        }
        Ok(())
    }

    /// Acknowledgements of one kind come in the order of what they acknowledge [MQTT-4.6.0-2], [MQTT-4.6.0-3].
    fn handle_ack(
        &mut self,
        step: AckStep,
        ack: &Ack<'_>,
        connection: &mut Connection,
        witness: &mut Witness,
    ) -> Result<(), Violation> {
        let version = self.link.as_ref().unwrap().version;
        let next = self.state.sending.iter().position(|sending| sending.step == step);
        let Some(index) = next.filter(|index| self.state.sending[*index].packet_id == ack.packet_id) else {
            let is_known = self.state.sending.iter().any(|sending| sending.packet_id == ack.packet_id);
            let kind = if is_known { Kind::Order } else { Kind::Protocol };
            return violation(kind, format!("{} does not expect {step:?} {ack:?}", self.name));
        };
        let sending = &mut self.state.sending[index];
        if step != AckStep::PubComp && !ack.reason.is_error() {
            witness.acknowledged(sending.number);
        }
        if step == AckStep::PubRec && !ack.reason.is_error() {
            sending.step = AckStep::PubComp;
            send(connection, version, &sending.packet(false));
        } else {
            self.state.sending.remove(index);
        }
        Ok(())
    }
}

impl ClientLink {
    fn answer(&mut self, packet: &Packet<'_>, ends: Option<PacketId>) {
        let mut bytes = Vec::new();
        encode(packet, self.version, &mut bytes);
        self.answers.push_back((bytes, ends));
    }
}
