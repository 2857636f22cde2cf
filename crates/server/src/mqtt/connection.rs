//! One MQTT connection: the greeting, the session it gets, and giving that back in the end.
//!
//! What happens in between is in `active`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use housewire_protocols::mqtt::{
    Connect, Detached, Event, Inbound, Losses, Packet, ProtocolError, ReasonCode, Traffic, Version, decode,
};
use tracing::field::display;
use tracing::info;

use crate::accounts::Login as Who;
use crate::clients;
use crate::mqtt::active::{Active, Turn};
use crate::mqtt::authentication::{Admitted, Login, Pending};
use crate::mqtt::dialect::{self, Dialect};
use crate::mqtt::end::{End, say_last_words};
use crate::mqtt::mailbox::Wire;
use crate::mqtt::sessions::{NoSession, Session, Start, Taken, Wanted};
use crate::peer::Peer;
use crate::refusals::{Kind, Whose};
use crate::shard::{ConnectionGuard, Shard, now};
use crate::socket::read_into_scratch;
use crate::stats::Bound;
use crate::stream::ByteStream;

/// What is known of a client once it has said CONNECT.
struct Greeting {
    client_id: Arc<str>,
    is_assigned: bool,
    start: Start,
    login: Login,
    /// It has the user name of devices that speak Blynk's API.
    may_speak_blynk: bool,
}

/// One connection's parts.
pub(super) struct Connection {
    pub(super) socket: Arc<ByteStream>,
    pub(super) inbound: Inbound,
    /// Bytes of a packet that has not arrived whole.
    pub(super) tail: Vec<u8>,
    /// In packets that were handled before it has a session.
    bytes_read: usize,
    /// The client of a live connection shows again who it is.
    pub(super) pending: Option<Box<Pending>>,
    /// Of a device that may speak Blynk's API.
    pub(super) dialect: Option<Box<Dialect>>,
    /// Held as long as the connection counts.
    pub(super) guard: ConnectionGuard,
}

/// An MQTT client that has said nothing yet.
pub(crate) struct Newcomer {
    pub(crate) socket: ByteStream,
    pub(crate) peer: Peer,
    /// Who it is without a credential of its own; if nobody, it hears why in answer to its CONNECT.
    pub(crate) admitted: Result<Who, &'static str>,
    /// Why it is refused, whoever it is.
    pub(crate) refusal: Option<&'static str>,
    pub(crate) guard: ConnectionGuard,
}

/// Greets an MQTT client and gets it its session; nothing comes of it if it is refused.
pub(super) async fn begin(newcomer: Newcomer) -> Option<Active> {
    let Newcomer { socket, peer, admitted, refusal, guard } = newcomer;
    let peer = peer.address();
    let shard = guard.shard();
    shard.traffic().opened_socket();
    let mut connection = Connection {
        socket: Arc::new(socket),
        inbound: Inbound::new(Arc::clone(shard.sessions.limits()), now().instant),
        tail: Vec::new(),
        bytes_read: 0,
        pending: None,
        dialect: None,
        guard,
    };
    match connection.get_session(peer, admitted, refusal).await {
        Ok(begun) => Some(connection.accept(peer, begun)),
        Err(end) => {
            Box::pin(connection.refuse(peer, end)).await;
            None
        }
    }
}

/// What a client has got once it is let in.
struct Begun {
    greeting: Greeting,
    who: Who,
    proof: Option<String>,
    resumed: Option<Detached>,
    guard: SessionGuard,
}

impl Connection {
    /// The shard it lives on.
    pub(super) fn shard(&self) -> &Shard {
        self.guard.shard()
    }

    async fn get_session(
        &mut self,
        peer: SocketAddr,
        admitted: Result<Who, &'static str>,
        refusal: Option<&'static str>,
    ) -> Result<Begun, End> {
        let mut greeting = self.greet(peer).await?;
        self.socket.tap().note_client_id(&greeting.client_id);
        if let Some(why) = refusal {
            self.log_refusal(peer, Some(&greeting.client_id), Kind::Tls, why);
            return Err(End::Hub(ReasonCode::NotAuthorized, why.to_owned()));
        }
        let login = std::mem::replace(&mut greeting.login, Login::Nameless);
        let Admitted { who, proof } = self.identify(login, peer.ip(), admitted).await.inspect_err(|end| {
            if let End::Hub(reason, why) = end {
                let kind = match reason {
                    ReasonCode::ConnectionRateExceeded | ReasonCode::ServerBusy => Kind::Limit,
                    _ => Kind::Credentials,
                };
                self.log_refusal(peer, Some(&greeting.client_id), kind, why);
            }
        })?;
        let shard = self.shard().clone();
        let Greeting { client_id, start, .. } = &greeting;
        let is_kept = self.inbound.session_expiry_s() > 0;
        let wanted = Wanted { client_id, principal: &who.principal, start: *start, is_kept };
        let Taken { session, resumed, has_ended_another } =
            shard.sessions.take(wanted).await.map_err(|no_session| {
                self.log_refusal(peer, Some(client_id), Kind::Limit, &no_session.to_string());
                let reason = match no_session {
                    NoSession::StillHeld => ReasonCode::ServerUnavailable,
                    NoSession::Full => ReasonCode::QuotaExceeded,
                };
                End::Hub(reason, no_session.to_string())
            })?;
        let guard = SessionGuard { shard: shard.clone(), session };
        shard.sessions.save_connected(client_id, guard.session(), has_ended_another, &self.inbound).await;
        Ok(Begun { greeting, who, proof, resumed, guard })
    }

    /// Reads until the client has said CONNECT.
    async fn greet(&mut self, peer: SocketAddr) -> Result<Greeting, End> {
        let greeting = self.read_until(|event| match event {
            Event::Connect(connect) => Ok(Some(Greeting::of(&connect, peer))),
            _ => Ok(None),
        });
        let greeting = greeting.await?;
        self.shard().traffic().connected();
        Ok(greeting)
    }

    /// Reads packets until `take` has what it wants.
    pub(super) async fn read_until<T>(&mut self, take: impl Fn(Event<'_>) -> Result<Option<T>, End>) -> Result<T, End> {
        let shard = self.shard().clone();
        let stopping = shard.stopping();
        tokio::pin!(stopping);
        // The client may have sent more behind its last packet.
        let mut may_read = !self.tail.is_empty();
        loop {
            if std::mem::take(&mut may_read)
                && let Some(taken) = self.read_packet(&take)?
            {
                return Ok(taken);
            }
            let deadline = self.inbound.poll_timeout();
            tokio::select! {
                () = &mut stopping => return Err(End::shutting_down()),
                () = sleep_until(deadline) => self.inbound.handle_timeout(now().instant)?,
                ready = self.socket.readable() => {
                    if ready.is_err() {
                        return Err(End::Lost);
                    }
                    may_read = true;
                }
            }
        }
    }

    fn read_packet<T>(&mut self, take: impl Fn(Event<'_>) -> Result<Option<T>, End>) -> Result<Option<T>, End> {
        let Self { guard, socket, inbound, tail, bytes_read, .. } = self;
        let shard = guard.shard();
        let mut scratch = shard.scratch.lock();
        let known = tail.len();
        let read = read_into_scratch(socket, &mut scratch, tail);
        let data = read.data;
        shard.traffic().received(data.len() - known, &Traffic::default());
        let decoded = decode(data, inbound.version(), inbound.packet_bytes_max());
        if decoded.is_err() {
            if data.first() == Some(&TLS_FIRST_BYTE) {
                return Err(End::Hub(ReasonCode::MalformedPacket, TLS_ON_PLAIN.to_owned()));
            }
            inbound.handle_undecodable(data);
        }
        let Some((packet, used)) = decoded.map_err(ProtocolError::from)? else {
            tail.extend_from_slice(data);
            return if read.is_last { Err(End::Lost) } else { Ok(None) };
        };
        shard.traffic().received(0, &Traffic { packets: 1, ..Traffic::default() });
        *bytes_read += used;
        let taken = take(inbound.handle_packet(packet, now().instant)?)?;
        tail.extend_from_slice(&data[used..]);
        Ok(taken)
    }

    /// Ends a connection that never got a session.
    async fn refuse(&mut self, peer: SocketAddr, end: End) {
        let mut bytes = Vec::new();
        if let Some((reason, text)) = end.farewell() {
            match &end {
                End::Protocol(error) => self.log_refusal(peer, None, kind_of(error), &error.to_string()),
                End::Hub(ReasonCode::MalformedPacket, why) => self.log_refusal(peer, None, Kind::Tls, why),
                _ => {}
            }
            if let Some(packet) = self.inbound.farewell(reason, Some(&text)) {
                self.inbound.reply(&packet, &mut bytes);
            }
        }
        say_last_words(&self.socket, &bytes).await;
    }

    /// Lets the client in: from here on it has its session.
    fn accept(mut self, peer: SocketAddr, begun: Begun) -> Active {
        let Begun { greeting, who, proof, resumed, guard } = begun;
        let Greeting { client_id, is_assigned, start, may_speak_blynk, .. } = greeting;
        let (session, shard) = (guard.session(), self.shard().clone());
        if may_speak_blynk && shard.config.blynk.enabled {
            self.dialect = Dialect::of(&shard, &who);
        }
        let mut replies = Vec::new();
        let resumes = resumed.is_some();
        let (mut connack, link) = self.inbound.accept(resumed, is_assigned.then_some(&*client_id));
        if let Packet::ConnAck(connack) = &mut connack {
            connack.authentication_data = proof.as_ref().map(String::as_bytes);
        }
        self.inbound.reply(&connack, &mut replies);
        let client = Arc::clone(&session.client);
        session.mailbox.connect(
            Wire { socket: Arc::clone(&self.socket), shard: shard.clone(), client },
            link,
            &replies,
        );
        shard.hub.session_connected(session.id(), now());
        // What came behind CONNECT is handled, and not read again.
        session.client.add_bytes_in(self.bytes_read + self.tail.len());
        let facts = clients::Connection { credential: who.credential, ..self.facts(peer) };
        shard.clients.connected(&session.client, facts);
        self.socket.tap().note_client(&shard.taps, &session.client);
        if !shard.accounts.is_valid(&who) {
            // Taken back in this very moment, when nobody saw yet that it is in use.
            session.client.turn_out();
        }
        if shard.sessions.may_log() {
            let clients::Connection { version, keep_alive_s, transport, .. } = facts;
            let (version, user, transport) = (version.map(Version::name), who.principal.name(), transport.name());
            let (client_id, clean_start, session_present) = (&*client_id, start == Start::Clean, resumes);
            info!(
                client_id, %peer, transport, version, clean_start, keep_alive_s, user, session_present,
                "MQTT client connected"
            );
        }
        Active::new(self, guard)
    }
}

/// What TLS begins with (RFC 8446 section 5.1), and no packet of MQTT.
const TLS_FIRST_BYTE: u8 = 0x16;
const TLS_ON_PLAIN: &str = "it began like TLS on a port for MQTT without TLS";

/// What a broken rule is told as.
fn kind_of(error: &ProtocolError) -> Kind {
    match error.reason() {
        ReasonCode::TopicNameInvalid | ReasonCode::TopicFilterInvalid => Kind::Topic,
        ReasonCode::PacketTooLarge | ReasonCode::QuotaExceeded | ReasonCode::ReceiveMaximumExceeded => Kind::Limit,
        ReasonCode::BadAuthenticationMethod | ReasonCode::NotAuthorized => Kind::Credentials,
        _ => Kind::Protocol,
    }
}

/// Ends a connection that has a session: says why, gives the session back. `turn` was not brought to its end.
pub(super) async fn end(mut active: Active, end: End, turn: Turn) {
    active.say_farewell(&end, turn).await;
    let Active { connection, guard, .. } = active;
    let (shard, session) = (guard.shard.clone(), guard.session());
    let is_kept = session.mailbox.is_durable();
    connection.log_departure(session, &end);
    shard.presence.note_end(&shard.hub, session.id(), end.reason_of_absence());
    // The socket still counts as a connection as long as its guard lives.
    let Connection { socket, inbound, dialect, guard: _counts, .. } = connection;
    // Before the session, which its messages go to.
    drop(dialect);
    // A new connection of the client may be waiting for it.
    guard.release(inbound);
    if is_kept && matches!(end, End::Client) {
        // Who said goodbye took its will back: it is told so, by the end of the connection, when the disk knows.
        let _saved = shard.durability.reached(shard.hub.next_batch()).await.is_ok();
    }
    if !end.is_silent() {
        say_last_words(&socket, &[]).await;
    }
}

impl Connection {
    /// What is told of the connection to those who look after the hub.
    fn facts(&self, peer: SocketAddr) -> clients::Connection {
        clients::Connection {
            peer,
            credential: None,
            transport: self.socket.transport(),
            version: Some(self.inbound.version()),
            keep_alive_s: self.inbound.keep_alive_s(),
            session_expiry_s: Some(self.inbound.session_expiry_s()).filter(|seconds| *seconds != u32::MAX),
        }
    }

    fn log_refusal(&self, peer: SocketAddr, client_id: Option<&str>, kind: Kind, reason: &str) {
        let shard = self.shard();
        let whose = Whose { transport: "mqtt", peer: Some(peer), client_id, ..Whose::default() };
        if kind == Kind::Tls {
            let next = "Switch TLS on in the client and give it the hub's CA from /ca.crt, or off if the port is one without TLS: 8883 has it, 1883 has not, and the one port speaks both.";
            shard.refusals.note_with(&shard.hub, whose, kind, reason, next);
        } else {
            shard.refusals.note(&shard.hub, whose, kind, reason);
        }
        if self.shard().sessions.may_log() {
            info!(client_id, %peer, reason, "MQTT client refused");
        }
    }

    fn log_departure(&self, session: &Session, end: &End) {
        if let End::Protocol(error) = end
            && error.reason() == ReasonCode::PacketTooLarge
        {
            self.shard().stats.reach(Bound::MqttPacketBytes);
        }
        if let End::Protocol(error) = end
            && error.reason() != ReasonCode::KeepAliveTimeout
        {
            let (shard, client) = (self.shard(), &session.client);
            let peer = client.whereabouts().connection.map(|connection| connection.peer);
            let (client_id, user) = (Some(&**client.id()), Some(session.subscriber().principal().name()));
            let whose = Whose { transport: "mqtt", peer, client_id, user, topic: None };
            shard.refusals.note(&shard.hub, whose, kind_of(error), error);
        }
        if !self.shard().sessions.may_log() {
            return;
        }
        let (client, losses, reason) = (&session.client, session.mailbox.losses(), end.describe());
        let (client_id, reason) = (&**client.id(), &*reason);
        let peer = client.whereabouts().connection.map(|connection| display(connection.peer));
        let Losses { overflow, memory, too_large, expired, unclaimed } = losses;
        if losses == Losses::default() {
            info!(client_id, peer, reason, "MQTT client disconnected");
        } else {
            let text = "MQTT client disconnected; some messages did not reach it";
            info!(client_id, peer, reason, overflow, memory, too_large, expired, unclaimed, "{text}");
        }
    }
}

/// Gives the session back, even if the connection's task panics: its client could never come back otherwise.
pub(super) struct SessionGuard {
    shard: Shard,
    session: Session,
}

impl SessionGuard {
    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    fn release(self, inbound: Inbound) {
        self.shard.sessions.release(&self.session, inbound);
    }
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shard.sessions.abandon(&self.session);
        }
    }
}

impl Greeting {
    fn of(connect: &Connect<'_>, peer: SocketAddr) -> Self {
        let is_assigned = connect.client_id.is_empty();
        let client_id = if is_assigned { random_client_id(peer) } else { Arc::from(connect.client_id) };
        let start = if connect.clean_start { Start::Clean } else { Start::Resume };
        let login = Login::of(connect);
        let may_speak_blynk = connect.username == Some(dialect::USER);
        Self { client_id, is_assigned, start, login, may_speak_blynk }
    }
}

/// Not guessable: whoever knows a client id can take its session over.
fn random_client_id(peer: SocketAddr) -> Arc<str> {
    use std::hash::BuildHasher;
    let chance = || std::hash::RandomState::new().hash_one(peer);
    Arc::from(format!("auto-{:016x}{:016x}", chance(), chance()))
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
