//! One MQTT connection: the greeting, the session it gets, and giving that back in the end.
//!
//! What happens in between is in `active`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use housewire_core::Principal;
use housewire_protocols::mqtt::{
    Connect, Detached, Event, Inbound, Losses, Packet, ProtocolError, ReasonCode, Traffic, Version, decode,
};
use tokio::sync::Notify;
use tracing::info;

use crate::clients;
use crate::mqtt::active::Active;
use crate::mqtt::authentication::{Admitted, Login, Pending};
use crate::mqtt::end::{End, say_last_words};
use crate::mqtt::mailbox::Wire;
use crate::mqtt::sessions::{Handover, NoSession, Session, Start, Taken, Wanted};
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
}

/// One connection's parts.
pub(super) struct Connection {
    pub(super) shard: Shard,
    pub(super) peer: SocketAddr,
    pub(super) principal: Arc<Principal>,
    pub(super) socket: Arc<ByteStream>,
    pub(super) inbound: Inbound,
    /// Bytes of a packet that has not arrived whole.
    pub(super) tail: Vec<u8>,
    /// In packets, until it has a session.
    bytes_read: usize,
    /// The client of a live connection shows again who it is.
    pub(super) pending: Option<Box<Pending>>,
    /// Held as long as the connection counts.
    _guard: ConnectionGuard,
}

/// Greets an MQTT client and gets it its session; what follows is a task of its own. Whoever was not `admitted` hears why, in
/// answer to its CONNECT.
pub(crate) async fn serve(
    socket: ByteStream,
    peer: SocketAddr,
    admitted: Result<Arc<Principal>, &'static str>,
    guard: ConnectionGuard,
) {
    let shard = guard.shard().clone();
    shard.traffic().opened_socket();
    let inbound = Inbound::new(Arc::clone(shard.sessions.limits()), now().instant);
    let mut connection = Connection {
        shard: shard.clone(),
        peer,
        principal: shard.guests.nobody(),
        socket: Arc::new(socket),
        inbound,
        tail: Vec::new(),
        bytes_read: 0,
        pending: None,
        _guard: guard,
    };
    let mut greeting = match connection.greet().await {
        Ok(greeting) => greeting,
        Err(end) => return connection.refuse(end).await,
    };
    let login = std::mem::replace(&mut greeting.login, Login::Nameless);
    let proof = match connection.identify(login, admitted).await {
        Ok(Admitted { principal, proof }) => {
            connection.principal = principal;
            proof
        }
        Err(end) => {
            if let End::Hub(_, why) = &end {
                connection.log_refusal(Some(&greeting.client_id), why);
            }
            return connection.refuse(end).await;
        }
    };
    let Greeting { client_id, start, .. } = &greeting;
    let is_kept = connection.inbound.session_expiry_s() > 0;
    let wanted = Wanted { client_id, principal: &connection.principal, start: *start, is_kept };
    match shard.sessions.take(wanted).await {
        Ok(taken) => {
            let Taken { session, resumed, has_ended_another, handover } = taken;
            let guard = SessionGuard { shard: shard.clone(), client_id: greeting.client_id.clone(), session, handover };
            let (client_id, session) = (&guard.client_id, &guard.session);
            shard.sessions.save_connected(client_id, session, has_ended_another, &connection.inbound).await;
            drop(tokio::spawn(connection.accept(&greeting, proof, resumed, guard).run()));
        }
        Err(no_session) => {
            connection.log_refusal(Some(&greeting.client_id), &no_session.to_string());
            let reason = match no_session {
                NoSession::StillHeld => ReasonCode::ServerUnavailable,
                NoSession::Full => ReasonCode::QuotaExceeded,
            };
            connection.refuse(End::Hub(reason, no_session.to_string())).await;
        }
    }
}

impl Connection {
    /// Reads until the client has said CONNECT.
    async fn greet(&mut self) -> Result<Greeting, End> {
        let greeting = self.read_until(|event, peer| match event {
            Event::Connect(connect) => Ok(Some(Greeting::of(&connect, peer))),
            _ => Ok(None),
        });
        let greeting = greeting.await?;
        self.shard.traffic().connected();
        Ok(greeting)
    }

    /// Reads packets until `take` has what it wants.
    pub(super) async fn read_until<T>(
        &mut self,
        take: impl Fn(Event<'_>, SocketAddr) -> Result<Option<T>, End>,
    ) -> Result<T, End> {
        let shard = self.shard.clone();
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

    fn read_packet<T>(
        &mut self,
        take: impl Fn(Event<'_>, SocketAddr) -> Result<Option<T>, End>,
    ) -> Result<Option<T>, End> {
        let Self { shard, socket, inbound, tail, peer, bytes_read, .. } = self;
        let mut scratch = shard.scratch.lock();
        let known = tail.len();
        let read = read_into_scratch(socket, &mut scratch, tail);
        let data = read.data;
        shard.traffic().received(data.len() - known, &Traffic::default());
        let decoded = decode(data, inbound.version(), inbound.packet_bytes_max());
        if decoded.is_err() {
            inbound.handle_undecodable(data);
        }
        let Some((packet, used)) = decoded.map_err(ProtocolError::from)? else {
            tail.extend_from_slice(data);
            return if read.is_last { Err(End::Lost) } else { Ok(None) };
        };
        shard.traffic().received(0, &Traffic { packets: 1, ..Traffic::default() });
        *bytes_read += used;
        let taken = take(inbound.handle_packet(packet, now().instant)?, *peer)?;
        tail.extend_from_slice(&data[used..]);
        Ok(taken)
    }

    /// Ends a connection that never got a session.
    async fn refuse(&mut self, end: End) {
        let mut bytes = Vec::new();
        if let Some((reason, text)) = end.farewell() {
            if let End::Protocol(error) = &end {
                self.log_refusal(None, &error.to_string());
            }
            if let Some(packet) = self.inbound.farewell(reason, Some(&text)) {
                self.inbound.reply(&packet, &mut bytes);
            }
        }
        say_last_words(&self.socket, &bytes).await;
    }

    /// Lets the client in: from here on it has its session. Boxed, as what is moved into a task is there twice.
    fn accept(
        mut self,
        greeting: &Greeting,
        proof: Option<String>,
        resumed: Option<Detached>,
        guard: SessionGuard,
    ) -> Box<Accepted> {
        let Greeting { client_id, is_assigned, start, .. } = greeting;
        let session = &guard.session;
        let wake = Arc::new(Notify::new());
        let mut replies = Vec::new();
        let resumes = resumed.is_some();
        let (mut connack, link) = self.inbound.accept(resumed, is_assigned.then_some(&**client_id));
        if let Packet::ConnAck(connack) = &mut connack {
            connack.authentication_data = proof.as_ref().map(String::as_bytes);
        }
        self.inbound.reply(&connack, &mut replies);
        let wire = Wire { socket: Arc::clone(&self.socket), shard: self.shard.clone(), wake: Arc::clone(&wake) };
        session.mailbox.connect(wire, link, &replies);
        replies.clear();
        self.shard.hub.session_connected(session.id, now());
        session.client.add_bytes_in(self.bytes_read);
        self.shard.clients.connected(&session.client, self.facts());
        self.log_arrival(client_id, *start, resumes);
        Box::new(Accepted { connection: self, guard, wake, replies })
    }
}

/// A connection that has a session.
struct Accepted {
    connection: Connection,
    guard: SessionGuard,
    wake: Arc<Notify>,
    replies: Vec<u8>,
}

impl Accepted {
    async fn run(mut self: Box<Self>) {
        let replies = std::mem::take(&mut self.replies);
        let mut active = Active::new(&mut self.connection, &self.guard.session, replies);
        let end = active.serve(&self.wake, &self.guard.handover.wanted).await;
        Box::pin(active.say_farewell(&end)).await;
        let shard = self.connection.shard.clone();
        let is_kept = self.guard.session.mailbox.is_durable();
        let (socket, _counts) = self.finish(&end);
        if is_kept && matches!(end, End::Client) {
            // Who said goodbye took its will back: it is told so, by the end of the connection, when the disk knows.
            let _saved = shard.durability.reached(shard.hub.next_batch()).await.is_ok();
        }
        if !end.is_silent() {
            Box::pin(say_last_words(&socket, &[])).await;
        }
    }

    /// Gives the session back, which a new connection of the client may be waiting for. The socket still counts as a
    /// connection as long as the guard lives.
    fn finish(self, end: &End) -> (Arc<ByteStream>, ConnectionGuard) {
        let Self { connection, guard, .. } = self;
        connection.log_departure(&guard.client_id, end, guard.session.mailbox.losses());
        let Connection { socket, inbound, _guard: counts, .. } = connection;
        guard.release(inbound);
        (socket, counts)
    }
}

impl Connection {
    /// What is told of the connection to those who look after the hub.
    fn facts(&self) -> clients::Connection {
        let version = match self.inbound.version() {
            Version::V3_1 => "3.1",
            Version::V3_1_1 => "3.1.1",
            Version::V5 => "5",
        };
        clients::Connection {
            peer: self.peer,
            transport: self.socket.name(),
            version: Some(version),
            keep_alive_s: self.inbound.keep_alive_s(),
            session_expiry_s: Some(self.inbound.session_expiry_s()).filter(|seconds| *seconds != u32::MAX),
        }
    }

    fn log_arrival(&self, client_id: &str, start: Start, session_present: bool) {
        if !self.shard.sessions.may_log() {
            return;
        }
        let clients::Connection { peer, version, keep_alive_s, .. } = self.facts();
        let (user, clean_start) = (self.principal.name(), start == Start::Clean);
        info!(client_id, %peer, version, clean_start, keep_alive_s, user, session_present, "MQTT client connected");
    }

    fn log_refusal(&self, client_id: Option<&str>, reason: &str) {
        if self.shard.sessions.may_log() {
            info!(client_id, peer = %self.peer, reason, "MQTT client refused");
        }
    }

    fn log_departure(&self, client_id: &str, end: &End, losses: Losses) {
        if let End::Protocol(error) = end
            && error.reason() == ReasonCode::PacketTooLarge
        {
            self.shard.stats.reach(Bound::MqttPacketBytes);
        }
        if !self.shard.sessions.may_log() {
            return;
        }
        let (peer, reason) = (self.peer, end.describe());
        let reason = &*reason;
        let Losses { overflow, memory, too_large, expired, unclaimed } = losses;
        if losses == Losses::default() {
            info!(client_id, %peer, reason, "MQTT client disconnected");
        } else {
            let text = "MQTT client disconnected; some messages did not reach it";
            info!(client_id, %peer, reason, overflow, memory, too_large, expired, unclaimed, "{text}");
        }
    }
}

/// Gives the session back, even if the connection's task panics: its client could never come back otherwise.
struct SessionGuard {
    shard: Shard,
    client_id: Arc<str>,
    session: Session,
    handover: Arc<Handover>,
}

impl SessionGuard {
    fn release(self, inbound: Inbound) {
        self.shard.sessions.release(&self.client_id, &self.session, inbound, &self.handover);
    }
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shard.sessions.abandon(&self.client_id, &self.session, &self.handover);
        }
    }
}

impl Greeting {
    fn of(connect: &Connect<'_>, peer: SocketAddr) -> Self {
        let is_assigned = connect.client_id.is_empty();
        let client_id = if is_assigned { random_client_id(peer) } else { Arc::from(connect.client_id) };
        let start = if connect.clean_start { Start::Clean } else { Start::Resume };
        let login = Login::of(connect);
        Self { client_id, is_assigned, start, login }
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
