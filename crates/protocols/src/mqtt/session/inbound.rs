//! What comes from the client: is it allowed now, and what does it mean.
//!
//! One per connection. It publishes nothing and subscribes to nothing: it says what is wanted, and the shell does it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use housewire_core::{Qos, Topic, TopicRef};
use rustc_hash::FxHashSet;

use super::Link;
use super::authentication::{self, Authentication};
use super::detached::{Detached, PendingWill, WillMessage};
use super::error::ProtocolError;
use super::event::{AckStep, Acknowledgement, Event, Outcome, Publication, PublishTopic};
use super::filters::{handle_subscribe, handle_unsubscribe};
use super::pool::SessionBound;
use crate::limits::MqttLimits;
use crate::mqtt::codec::{PACKET_BYTES_MAX, announced_version, encode};
use crate::mqtt::packet::{Ack, ConnAck, Connect, Disconnect, Packet, PacketId, PacketKind, Publish, Version};
use crate::mqtt::reason::ReasonCode;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    AwaitingConnect,
    /// The shell decides about the CONNECT, or about an AUTH behind it.
    Connecting,
    /// The client has a challenge to answer first.
    Authenticating,
    Connected,
    /// DISCONNECT came, nothing may follow [MQTT-3.14.4-1].
    Disconnected,
}

/// Whether a message is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admitted {
    Now,
    /// It was sent before, and has arrived then.
    Before,
}

/// What a connection needs once its client uses topic aliases, or QoS 2.
#[derive(Debug, Default)]
struct Rare {
    /// Topic of alias 1, 2 …; as long as the highest in use.
    aliases: Vec<Option<Topic>>,
    /// See [`Detached::received`].
    received: FxHashSet<PacketId>,
}

/// The receiving half of a connection.
#[derive(Debug)]
pub struct Inbound {
    limits: Arc<MqttLimits>,
    phase: Phase,
    /// When the last packet came; when the connection was made if none did.
    heard: Instant,
    version: Version,
    keep_alive_s: u16,
    /// [`u32::MAX`] for ever; MQTT 3 knows only this and 0.
    session_expiry_s: u32,
    /// It asked for longer than it gets.
    is_expiry_cut: bool,
    /// The client takes reason strings in other packets than CONNACK and DISCONNECT [MQTT-3.1.2-29].
    wants_reasons: bool,
    link: Link,
    authentication: Authentication,
    will: Option<Box<PendingWill>>,
    /// What few clients need; made for those that do.
    rare: Option<Box<Rare>>,
    /// QoS 1 and 2 messages of this connection that the client has not seen the end of; counted for MQTT 5 only.
    unacknowledged: u16,
}

impl Inbound {
    /// A connection that was just made.
    pub fn new(limits: Arc<MqttLimits>, now: Instant) -> Self {
        let version = Version::V3_1_1;
        Self {
            limits,
            phase: Phase::AwaitingConnect,
            heard: now,
            version,
            keep_alive_s: 0,
            session_expiry_s: 0,
            is_expiry_cut: false,
            wants_reasons: true,
            link: Link {
                version,
                receive_maximum: 0,
                packet_bytes_max: PACKET_BYTES_MAX,
                topic_alias_maximum: 0,
                keeps_session: false,
            },
            authentication: Authentication::None,
            will: None,
            rare: None,
            unacknowledged: 0,
        }
    }

    /// What the client speaks: for [`super::super::decode`]. MQTT 3.1.1 until it said so.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The keep-alive that holds, in seconds; 0 for none.
    pub fn keep_alive_s(&self) -> u16 {
        self.keep_alive_s
    }

    /// The largest packet to take: for [`super::super::decode`]. Smaller until the client is accepted.
    pub fn packet_bytes_max(&self) -> usize {
        match self.phase {
            Phase::AwaitingConnect | Phase::Connecting | Phase::Authenticating => self.limits.connect_bytes_max,
            Phase::Connected | Phase::Disconnected => self.limits.packet_bytes_max,
        }
    }

    /// The client was let in, and has not said goodbye.
    pub(super) fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// Something came.
    pub(super) fn hear(&mut self, now: Instant) {
        self.heard = now;
    }

    /// What this packet wants. An error ends the connection.
    #[inline] // see `decode`
    pub fn handle_packet<'a>(&mut self, packet: Packet<'a>, now: Instant) -> Result<Event<'a>, ProtocolError> {
        self.heard = now;
        match (self.phase, packet) {
            (Phase::Connected, Packet::Publish(publish)) => self.handle_publish(publish),
            (_, packet) => self.handle_other(packet),
        }
    }

    fn handle_other<'a>(&mut self, packet: Packet<'a>) -> Result<Event<'a>, ProtocolError> {
        match (self.phase, packet) {
            (Phase::Connected, packet) => self.handle_connected(packet),
            (Phase::AwaitingConnect, Packet::Connect(connect)) => self.handle_connect(connect),
            // [MQTT-3.1.2-30]: until CONNACK there is nothing but AUTH and DISCONNECT.
            (Phase::Authenticating, Packet::Auth(auth)) => {
                self.phase = Phase::Connecting;
                self.authentication.handle(&auth)
            }
            (Phase::Authenticating, Packet::Disconnect(_)) => Ok(Event::Disconnect),
            (_, packet) => Err(ProtocolError::Unexpected(packet.kind())),
        }
    }

    /// Asks the client to go on with an exchange; the answer is for [`Inbound::reply`].
    pub fn challenge<'t>(&mut self, data: &'t [u8]) -> Packet<'t> {
        if self.phase == Phase::Connecting {
            self.phase = Phase::Authenticating;
        }
        authentication::packet(ReasonCode::ContinueAuthentication, data)
    }

    /// The client of a live connection has shown again who it is; the answer is for [`Inbound::reply`].
    pub fn reauthenticated<'t>(&mut self, data: &'t [u8]) -> Packet<'t> {
        self.authentication = Authentication::Done;
        authentication::packet(ReasonCode::Success, data)
    }

    /// Lets the client in, with what there was of its session. After an exchange the CONNACK names its method, and the
    /// shell adds the data if there are any. The answer is for [`Inbound::reply`], and then both are
    /// for [`super::Outbound::connect`].
    pub fn accept<'c>(&mut self, resumed: Option<Detached>, assigned_client_id: Option<&'c str>) -> (Packet<'c>, Link) {
        debug_assert_eq!(self.phase, Phase::Connecting, "accepted without a CONNECT");
        self.phase = Phase::Connected;
        let mut connack = ConnAck { session_present: resumed.is_some(), assigned_client_id, ..ConnAck::default() };
        if let Some(detached) = resumed
            && !detached.received.is_empty()
        {
            self.rare.get_or_insert_default().received = detached.received;
        }
        connack.authentication_method = self.authentication.method();
        if self.authentication == Authentication::Going {
            self.authentication = Authentication::Done;
        }
        if self.version == Version::V5 {
            let granted = self.granted_keep_alive_s();
            connack.server_keep_alive_s = (granted != self.keep_alive_s).then_some(granted);
            self.keep_alive_s = granted;
            connack.session_expiry_s = self.is_expiry_cut.then_some(self.session_expiry_s);
            connack.receive_maximum = self.limits.receive_maximum.try_into().ok();
            connack.packet_bytes_max =
                u32::try_from(self.limits.packet_bytes_max).ok().and_then(|bytes| bytes.try_into().ok());
            connack.topic_alias_maximum = Some(self.limits.topic_alias_maximum);
            connack.retain_available = Some(true);
            connack.wildcard_subscription_available = Some(true);
            connack.subscription_identifiers_available = Some(true);
            connack.shared_subscription_available = Some(true);
        }
        (Packet::ConnAck(Box::new(connack)), self.link)
    }

    /// [`u32::MAX`] is for ever, which is the longest, too.
    fn granted_expiry_s(&self, asked: u32) -> u32 {
        let granted = self.limits.session_expiry_max_s.map_or(asked, |max| asked.min(max));
        if granted < asked {
            self.limits.pool.reach(SessionBound::Expiry);
        }
        granted
    }

    /// [MQTT-3.1.2-21]; MQTT 3 has no way to say that it shall be another one.
    fn granted_keep_alive_s(&self) -> u16 {
        match self.limits.keep_alive_max_s {
            Some(max) if self.keep_alive_s == 0 || self.keep_alive_s > max => {
                self.limits.pool.reach(SessionBound::KeepAlive);
                max
            }
            _ => self.keep_alive_s,
        }
    }

    /// Appends `packet` as the client can take it: reason string and user properties are left out where it does not
    /// want them [MQTT-3.1.2-29] or they make the packet too large for it [MQTT-3.4.2-2] …; what is still too large is
    /// not sent [MQTT-3.1.2-24].
    pub fn reply(&self, packet: &Packet<'_>, replies: &mut Vec<u8>) {
        let start = replies.len();
        if self.wants_reasons || matches!(packet.kind(), PacketKind::ConnAck | PacketKind::Disconnect) {
            encode(packet, self.version, replies);
            if replies.len() - start <= self.link.packet_bytes_max {
                return;
            }
            replies.truncate(start);
        }
        encode(&packet.clone().without_diagnostics(), self.version, replies);
        if replies.len() - start > self.link.packet_bytes_max {
            replies.truncate(start);
        }
    }

    /// Appends the PUBACK or PUBREC for a publication. To be called in the order of the publications [MQTT-4.6.0-2],
    /// [MQTT-4.6.0-3]; when, is for the shell to decide: until then it counts against the receive maximum.
    pub fn acknowledge(&mut self, packet_id: PacketId, qos: Qos, outcome: Outcome<'_>, replies: &mut Vec<u8>) {
        // A PUBREC with an error ends the exchange, no PUBREL follows [MQTT-4.3.3-9].
        let is_over = qos == Qos::AtLeastOnce || (self.version == Version::V5 && outcome.reason.is_error());
        if is_over {
            self.unacknowledged = self.unacknowledged.saturating_sub(1);
            if qos == Qos::ExactlyOnce {
                self.forget_received(packet_id);
            }
        }
        let ack = Ack { reason_string: outcome.text, ..Ack::new(packet_id, outcome.reason) };
        let packet = if qos == Qos::ExactlyOnce { Packet::PubRec(ack) } else { Packet::PubAck(ack) };
        self.reply(&packet, replies);
    }

    /// A QoS 2 message was refused, and the connection may end before the client is told, which with MQTT 3 it must:
    /// when the message comes again in the next connection, it is new.
    pub fn forget_received(&mut self, packet_id: PacketId) {
        let _was_received = self.remove_received(packet_id);
    }

    fn remove_received(&mut self, packet_id: PacketId) -> bool {
        self.rare.as_mut().is_some_and(|rare| rare.received.remove(&packet_id))
    }

    /// The last words to a client for this reason, if its version has any: a CONNACK that refuses it, or a DISCONNECT.
    pub fn farewell<'t>(&self, reason: ReasonCode, text: Option<&'t str>) -> Option<Packet<'t>> {
        let allowed_in = |kind| if reason.is_allowed_in(kind) { reason } else { ReasonCode::UnspecifiedError };
        let refusal =
            |reason| Some(Packet::ConnAck(Box::new(ConnAck { reason, reason_string: text, ..ConnAck::default() })));
        match (self.phase, self.version) {
            // [MQTT-3.1.2-2]: the one answer before it is known which version is spoken.
            (Phase::AwaitingConnect, _) if reason == ReasonCode::UnsupportedProtocolVersion => refusal(reason),
            (Phase::Connecting | Phase::Authenticating, Version::V5) => refusal(allowed_in(PacketKind::ConnAck)),
            (Phase::Connecting, _) if reason.v3_return_code().is_some() => refusal(reason),
            (Phase::Connected, Version::V5) => {
                let reason = allowed_in(PacketKind::Disconnect);
                Some(Packet::Disconnect(Disconnect { reason, reason_string: text, ..Disconnect::default() }))
            }
            _ => None,
        }
    }

    /// How long the session outlives the connection, in seconds; [`u32::MAX`] for ever.
    pub fn session_expiry_s(&self) -> u32 {
        self.session_expiry_s
    }

    /// The will that is published, after this delay, if the connection breaks now.
    pub fn will(&self) -> Option<(&WillMessage, Duration)> {
        self.will.as_ref().map(|will| (&will.message, will.delay))
    }

    /// To be called with what cannot be decoded: the client of a CONNECT that says so much as its version is told in that
    /// version what is wrong, by [`Inbound::farewell`]. MQTT 3 is told nothing [MQTT-3.1.1:3.1.4-1].
    pub fn handle_undecodable(&mut self, buffer: &[u8]) {
        if self.phase == Phase::AwaitingConnect
            && let Some(version) = announced_version(buffer)
        {
            self.phase = Phase::Connecting;
            self.version = version;
        }
    }

    /// When to call [`Inbound::handle_timeout`]. It only ever moves later while packets come.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::AwaitingConnect | Phase::Connecting | Phase::Authenticating => {
                Some(self.heard + self.limits.connect_timeout)
            }
            // One and a half times the keep-alive; 0 turns it off [MQTT-3.1.2-22].
            Phase::Connected if self.keep_alive_s > 0 => {
                Some(self.heard + Duration::from_millis(1_500 * u64::from(self.keep_alive_s)))
            }
            Phase::Connected | Phase::Disconnected => None,
        }
    }

    /// The client was not read from, by the shell's own choice: its silence does not count.
    pub fn excuse_silence(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Whether the client's time is over, which ends the connection.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), ProtocolError> {
        match self.poll_timeout() {
            Some(deadline) if deadline <= now => Err(match self.phase {
                Phase::Connected | Phase::Disconnected => ProtocolError::KeepAliveTimeout,
                Phase::AwaitingConnect | Phase::Connecting | Phase::Authenticating => ProtocolError::ConnectTimeout,
            }),
            _ => Ok(()),
        }
    }

    /// The connection is over, however it ended: what is left of the session.
    pub fn detach(self, now: Instant) -> Detached {
        match self.phase {
            Phase::Connected | Phase::Disconnected => {
                let received = self.rare.map(|rare| rare.received).unwrap_or_default();
                Detached::new(received, self.will, self.session_expiry_s, now)
            }
            Phase::AwaitingConnect | Phase::Connecting | Phase::Authenticating => {
                Detached::new(FxHashSet::default(), None, 0, now)
            }
        }
    }

    fn handle_connect<'a>(&mut self, connect: Box<Connect<'a>>) -> Result<Event<'a>, ProtocolError> {
        self.phase = Phase::Connecting;
        self.version = connect.version;
        self.keep_alive_s = connect.keep_alive_s;
        self.wants_reasons = connect.request_problem_information;
        self.session_expiry_s = match connect.version {
            Version::V5 => connect.session_expiry_s,
            // Kept until the client comes back, as Mosquitto does.
            Version::V3_1 | Version::V3_1_1 if connect.keeps_session() => u32::MAX,
            Version::V3_1 | Version::V3_1_1 => 0,
        };
        let granted = self.granted_expiry_s(self.session_expiry_s);
        self.is_expiry_cut = std::mem::replace(&mut self.session_expiry_s, granted) != granted;
        self.link = Link {
            version: connect.version,
            receive_maximum: connect.receive_maximum.get(),
            packet_bytes_max: connect.packet_bytes_max.map_or(PACKET_BYTES_MAX, |bytes| bytes.get() as usize),
            topic_alias_maximum: connect.topic_alias_maximum,
            keeps_session: self.session_expiry_s > 0,
        };
        let bytes_max = self.limits.client_id_bytes_max;
        if connect.client_id.len() > bytes_max {
            return Err(ProtocolError::ClientIdTooLong { bytes_max });
        }
        // MQTT 3.1 has no names chosen by the server at all.
        let may_be_nameless = match connect.version {
            Version::V3_1 => false,
            Version::V3_1_1 => connect.clean_start,
            Version::V5 => true,
        };
        if connect.client_id.is_empty() && !may_be_nameless {
            return Err(ProtocolError::NoClientId);
        }
        self.authentication = Authentication::of(&connect)?;
        let delay_max_s = self.limits.will_delay_max_s.unwrap_or(u32::MAX);
        if connect.will.as_ref().is_some_and(|will| will.delay_s > delay_max_s) {
            self.limits.pool.reach(SessionBound::WillDelay);
        }
        let will = connect.will.as_ref().map(|will| PendingWill::new(will, delay_max_s));
        self.will = will.transpose()?.map(Box::new);
        Ok(Event::Connect(connect))
    }

    fn handle_connected<'a>(&mut self, packet: Packet<'a>) -> Result<Event<'a>, ProtocolError> {
        let acknowledged = |step, ack: &Ack<'_>| {
            Ok(Event::Acknowledged(Acknowledgement { step, packet_id: ack.packet_id, reason: ack.reason }))
        };
        match packet {
            Packet::PubAck(ack) => acknowledged(AckStep::PubAck, &ack),
            Packet::PubRec(ack) => acknowledged(AckStep::PubRec, &ack),
            Packet::PubComp(ack) => acknowledged(AckStep::PubComp, &ack),
            Packet::PubRel(ack) => Ok(self.handle_pubrel(ack.packet_id)),
            Packet::PingReq => Ok(Event::Reply(Packet::PingResp)),
            Packet::Subscribe(subscribe) => handle_subscribe(&subscribe),
            Packet::Unsubscribe(unsubscribe) => handle_unsubscribe(&unsubscribe),
            Packet::Disconnect(disconnect) => self.handle_disconnect(&disconnect),
            Packet::Publish(_) => unreachable!("it has a way of its own"),
            Packet::Auth(auth) => self.authentication.handle(&auth),
            Packet::Connect(_) | Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => {
                Err(ProtocolError::Unexpected(packet.kind()))
            }
        }
    }

    #[inline]
    fn handle_publish<'a>(&mut self, publish: Publish<'a>) -> Result<Event<'a>, ProtocolError> {
        if !publish.subscription_identifiers.is_empty() {
            return Err(ProtocolError::SubscriptionIdentifier);
        }
        let topic = self.resolve_topic(publish.topic, publish.topic_alias)?;
        if let Some(packet_id) = publish.packet_id
            && self.admit(packet_id, publish.qos)? == Admitted::Before
        {
            // Acknowledged again, published no more [MQTT-4.3.3-10].
            return Ok(Event::Reply(Packet::PubRec(Ack::new(packet_id, ReasonCode::Success))));
        }
        Ok(Event::Publish(Publication {
            topic,
            payload: publish.payload,
            qos: publish.qos,
            retain: publish.retain,
            dup: publish.dup,
            packet_id: publish.packet_id,
            properties: publish.properties,
        }))
    }

    /// Takes note of a QoS 1 or 2 message, in the client's window and among those received.
    fn admit(&mut self, packet_id: PacketId, qos: Qos) -> Result<Admitted, ProtocolError> {
        if qos == Qos::ExactlyOnce && self.rare.as_ref().is_some_and(|rare| rare.received.contains(&packet_id)) {
            return Ok(Admitted::Before);
        }
        if self.version == Version::V5 {
            if self.unacknowledged == self.limits.receive_maximum {
                return Err(ProtocolError::ReceiveMaximum(self.limits.receive_maximum));
            }
            self.unacknowledged += 1;
        }
        if qos == Qos::ExactlyOnce {
            self.rare.get_or_insert_default().received.insert(packet_id);
        }
        Ok(Admitted::Now)
    }

    fn resolve_topic<'a>(&mut self, name: &'a str, alias: Option<u16>) -> Result<PublishTopic<'a>, ProtocolError> {
        let Some(alias) = alias else {
            // MQTT 5 tells "no topic at all" from a bad one.
            if name.is_empty() && self.version == Version::V5 {
                return Err(ProtocolError::NoTopic);
            }
            return TopicRef::parse(name).map(PublishTopic::Named).map_err(ProtocolError::TopicName);
        };
        let alias_max = self.limits.topic_alias_maximum;
        if alias == 0 || alias > alias_max {
            return Err(ProtocolError::TopicAlias { alias_max });
        }
        let index = usize::from(alias) - 1;
        if name.is_empty() {
            let known = self.rare.as_ref().and_then(|rare| rare.aliases.get(index)?.as_ref());
            return known.cloned().map(PublishTopic::Aliased).ok_or(ProtocolError::NoTopic);
        }
        let topic = TopicRef::parse(name).map_err(ProtocolError::TopicName)?;
        let aliases = &mut self.rare.get_or_insert_default().aliases;
        if aliases.len() <= index {
            aliases.resize(index + 1, None);
        }
        aliases[index] = Some(topic.to_topic());
        Ok(PublishTopic::Named(topic))
    }

    fn handle_pubrel<'a>(&mut self, packet_id: PacketId) -> Event<'a> {
        let reason = if self.remove_received(packet_id) {
            self.unacknowledged = self.unacknowledged.saturating_sub(1);
            ReasonCode::Success
        } else {
            ReasonCode::PacketIdentifierNotFound
        };
        Event::Reply(Packet::PubComp(Ack::new(packet_id, reason)))
    }

    fn handle_disconnect<'a>(&mut self, disconnect: &Disconnect<'_>) -> Result<Event<'a>, ProtocolError> {
        if let Some(expiry_s) = disconnect.session_expiry_s {
            if self.session_expiry_s == 0 && expiry_s != 0 {
                return Err(ProtocolError::SessionExpiry);
            }
            self.session_expiry_s = self.granted_expiry_s(expiry_s);
        }
        // A normal goodbye takes the will back [MQTT-3.14.4-3]; any other does not.
        if disconnect.reason == ReasonCode::Success {
            self.will = None;
        }
        self.phase = Phase::Disconnected;
        Ok(Event::Disconnect)
    }
}
