//! One MQTT connection: greeting, then reading, publishing and answering until it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use housewire_core::{
    Filter, Hub, Presence, Principal, Publisher, Replay, ReplayKind, ReplayProgress, SubscribeOptions,
};
use housewire_protocols::mqtt::{
    Acknowledgement, Batch, Connect, Event, Inbound, Packet, PacketId, ProtocolError, ReasonCode, RetainHandling,
    SubAck, SubscriptionRequest, decode,
};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tracing::{debug, info};

use crate::mqtt::mailbox::Wire;
use crate::mqtt::outcome::{denial_reason, outcomes};
use crate::mqtt::sessions::{NoSession, Session, Start, Taken};
use crate::shard::{Flush, Shard, now};
use crate::socket::read_into_scratch;

/// How long a leaving connection may take to write its last bytes.
const LINGER: Duration = Duration::from_secs(1);

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// The client said goodbye, or is gone.
    Client,
    /// The client broke the protocol, or a time ran out.
    Protocol(ProtocolError),
    /// The hub's own reason, told to MQTT 5 clients.
    Hub(ReasonCode, String),
}

impl From<ProtocolError> for End {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

/// What is known of a client once it has said CONNECT.
struct Greeting {
    client_id: Arc<str>,
    is_assigned: bool,
    start: Start,
}

/// One connection's parts.
struct Connection {
    shard: Shard,
    peer: SocketAddr,
    principal: Arc<Principal>,
    socket: Arc<TcpStream>,
    inbound: Inbound,
    /// Bytes of a packet that has not arrived whole.
    tail: Vec<u8>,
}

/// A connection that has a session.
struct Active<'c> {
    connection: &'c mut Connection,
    session: &'c Session,
    publisher: Publisher,
    replays: Vec<Replay>,
    acks: Vec<Acknowledgement>,
    replies: Vec<u8>,
}

/// Serves one MQTT connection until it ends or the hub stops.
pub(crate) async fn serve(socket: TcpStream, peer: SocketAddr, shard: Shard) {
    let inbound = Inbound::new(Arc::clone(shard.sessions.limits()), now().instant);
    let guest = shard.guests.admit_address(peer.ip());
    let (principal, refusal) = match guest {
        Ok(principal) => (principal, None),
        Err(why) => (Arc::new(Principal::new("nobody", housewire_core::Permissions::default())), Some(why)),
    };
    let mut connection = Connection { shard, peer, principal, socket: Arc::new(socket), inbound, tail: Vec::new() };
    let greeting = match connection.greet().await {
        Ok(greeting) => greeting,
        Err(end) => return connection.refuse(end).await,
    };
    if let Some(why) = refusal {
        info!(%peer, client_id = &*greeting.client_id, "MQTT client refused: {why}");
        return connection.refuse(End::Hub(ReasonCode::NotAuthorized, why.to_owned())).await;
    }
    let shard = connection.shard.clone();
    match shard.sessions.take(&greeting.client_id, greeting.start, &connection.principal, &shard).await {
        Ok(taken) => connection.run(greeting, taken).await,
        Err(no_session) => {
            info!(%peer, client_id = &*greeting.client_id, "MQTT client refused: {no_session}");
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
        let shard = self.shard.clone();
        let stopping = shard.stopping();
        tokio::pin!(stopping);
        loop {
            let deadline = self.inbound.poll_timeout();
            tokio::select! {
                () = &mut stopping => return Err(End::shutting_down()),
                () = sleep_until(deadline) => self.inbound.handle_timeout(now().instant)?,
                ready = self.socket.readable() => {
                    if ready.is_err() {
                        return Err(End::Client);
                    }
                    if let Some(greeting) = self.read_greeting()? {
                        return Ok(greeting);
                    }
                }
            }
        }
    }

    fn read_greeting(&mut self) -> Result<Option<Greeting>, End> {
        let Self { shard, socket, inbound, tail, peer, .. } = self;
        let mut scratch = shard.scratch.lock();
        let read = read_into_scratch(socket, &mut scratch, tail);
        let data = read.data;
        let decoded = decode(data, inbound.version(), inbound.packet_bytes_max());
        let Some((packet, used)) = decoded.map_err(ProtocolError::from)? else {
            tail.extend_from_slice(data);
            return if read.is_last { Err(End::Client) } else { Ok(None) };
        };
        let Event::Connect(connect) = inbound.handle_packet(packet, now().instant)? else { return Ok(None) };
        let greeting = Greeting::of(&connect, *peer);
        tail.extend_from_slice(&data[used..]);
        Ok(Some(greeting))
    }

    /// Ends a connection that never got a session.
    async fn refuse(&mut self, end: End) {
        let mut bytes = Vec::new();
        if let Some((reason, text)) = end.farewell() {
            if let End::Protocol(error) = &end {
                info!(peer = %self.peer, "MQTT client refused: {error}");
            }
            if let Some(packet) = self.inbound.farewell(reason, Some(&text)) {
                self.inbound.reply(&packet, &mut bytes);
            }
        }
        let written = tokio::time::timeout(LINGER, write_all(&self.socket, &bytes)).await;
        if !matches!(written, Ok(Ok(()))) {
            debug!(peer = %self.peer, "the client did not wait for the answer");
        }
    }

    async fn run(mut self, greeting: Greeting, taken: Taken) {
        let Taken { session, resumed, handover } = taken;
        let Greeting { client_id, is_assigned, .. } = greeting;
        let wake = Arc::new(Notify::new());
        let mut replies = Vec::new();
        let resumes = resumed.is_some();
        let (connack, link) = self.inbound.accept(resumed, is_assigned.then_some(&*client_id));
        self.inbound.reply(&connack, &mut replies);
        let wire = Wire { socket: Arc::clone(&self.socket), shard: self.shard.clone(), wake: Arc::clone(&wake) };
        session.mailbox.connect(wire, link, &replies);
        replies.clear();
        self.shard.hub.session_connected(session.id, now());
        debug!(peer = %self.peer, client_id = &*client_id, version = ?self.inbound.version(), resumes, "MQTT client connected");

        let publisher = self.shard.publisher(Arc::clone(&self.principal), session.id, "mqtt", Presence::Connected);
        let mut active = Active {
            connection: &mut self,
            session: &session,
            publisher,
            replays: Vec::new(),
            acks: Vec::new(),
            replies,
        };
        let end = active.serve(&wake, &handover.wanted).await;
        active.say_farewell(&end).await;
        match &end {
            End::Protocol(error) => {
                info!(peer = %self.peer, client_id = &*client_id, "MQTT client disconnected: {error}")
            }
            end => debug!(peer = %self.peer, client_id = &*client_id, ?end, "MQTT client disconnected"),
        }
        let shard = self.shard.clone();
        let detached = self.inbound.detach(now().instant);
        shard.sessions.release(&client_id, &session, detached, &handover);
    }
}

impl Active<'_> {
    async fn serve(&mut self, wake: &Notify, wanted: &Notify) -> End {
        let shard = self.connection.shard.clone();
        let stopping = shard.stopping();
        tokio::pin!(stopping);
        // The client may have sent more behind its CONNECT.
        let mut more = !self.connection.tail.is_empty();
        let timer = tokio::time::sleep_until(far_future());
        tokio::pin!(timer);
        loop {
            if more && let Err(end) = self.read() {
                return end;
            }
            more = false;
            self.continue_replays();
            let status = self.session.mailbox.status();
            if status.is_broken {
                return End::Client;
            }
            let deadline = self.connection.inbound.poll_timeout().map_or_else(far_future, Into::into);
            if timer.deadline() != deadline && (timer.deadline() > deadline || timer.is_elapsed()) {
                timer.as_mut().reset(deadline);
            }
            tokio::select! {
                biased;
                () = &mut stopping => return End::shutting_down(),
                () = wanted.notified() => {
                    let text = "another client connected with this client id".to_owned();
                    return End::Hub(ReasonCode::SessionTakenOver, text);
                }
                () = wake.notified() => {}
                ready = self.connection.socket.writable(), if status.is_blocked => {
                    if ready.is_err() {
                        return End::Client;
                    }
                    self.session.mailbox.flush();
                }
                ready = self.connection.socket.readable(), if !status.is_backlogged => {
                    if ready.is_err() {
                        return End::Client;
                    }
                    more = true;
                }
                () = &mut timer => {
                    if let Err(error) = self.connection.inbound.handle_timeout(now().instant) {
                        return error.into();
                    }
                }
            }
        }
    }

    /// Reads once, handles every packet that is whole, answers in one go.
    fn read(&mut self) -> Result<(), End> {
        let shard = self.connection.shard.clone();
        let mut scratch = shard.scratch.lock();
        let mut tail = std::mem::take(&mut self.connection.tail);
        let read = read_into_scratch(&self.connection.socket, &mut scratch, &mut tail);
        let handled = self.handle(read.data);
        // Replies to what came before a broken packet still go out.
        let responded = self.session.mailbox.respond(&mut self.acks, &mut self.replies);
        let used = handled?;
        responded?;
        if read.is_last {
            return Err(End::Client);
        }
        tail.extend_from_slice(&read.data[used..]);
        self.connection.tail = tail;
        Ok(())
    }

    /// Handles the packets in `data`; how many bytes they took.
    fn handle(&mut self, data: &[u8]) -> Result<usize, End> {
        let time = now();
        let mut batch = Batch::new();
        let mut used = 0;
        loop {
            let inbound = &mut self.connection.inbound;
            let decoded = decode(&data[used..], inbound.version(), inbound.packet_bytes_max());
            let step = decoded.map_err(ProtocolError::from).and_then(|decoded| match decoded {
                Some((packet, length)) => {
                    inbound.handle_packet(packet, time.instant).map(|event| Some((event, length)))
                }
                None => Ok(None),
            });
            let (event, length) = match step {
                Ok(Some(step)) => step,
                Ok(None) => break,
                Err(error) => {
                    // What came before the broken packet counts.
                    self.publish(&mut batch);
                    return Err(error.into());
                }
            };
            used += length;
            if let Event::Publish(publication) = event {
                if let Err(publication) = batch.push(publication) {
                    self.publish(&mut batch);
                    let pushed = batch.push(publication).is_ok();
                    debug_assert!(pushed, "an empty batch takes anything");
                }
                continue;
            }
            self.publish(&mut batch);
            self.handle_event(event)?;
        }
        self.publish(&mut batch);
        Ok(used)
    }

    fn handle_event(&mut self, event: Event<'_>) -> Result<(), End> {
        match event {
            Event::Acknowledged(ack) => self.acks.push(ack),
            Event::Reply(packet) => self.connection.inbound.reply(&packet, &mut self.replies),
            Event::Subscribe { packet_id, identifier, requests } => self.subscribe(packet_id, identifier, requests)?,
            Event::Unsubscribe { packet_id, filters } => self.unsubscribe(packet_id, filters),
            Event::Disconnect => return Err(End::Client),
            // The machine refuses a second CONNECT, and publications were taken before.
            Event::Connect(_) | Event::Publish(_) => {}
        }
        Ok(())
    }

    fn publish(&mut self, batch: &mut Batch<'_>) {
        let Some(run) = batch.run() else { return };
        let result = self.publisher.publish_run(run, now());
        if let Err(denied) = &result {
            debug!(peer = %self.connection.peer, %denied, "publish refused");
        }
        let ids = batch.packet_ids();
        for (packet_id, outcome) in ids.iter().zip(outcomes(&result)) {
            self.connection.inbound.acknowledge(*packet_id, batch.qos(), outcome.as_outcome(), &mut self.replies);
        }
        batch.clear();
    }

    fn subscribe(
        &mut self,
        packet_id: PacketId,
        identifier: Option<u32>,
        requests: Vec<Result<SubscriptionRequest, ReasonCode>>,
    ) -> Result<(), End> {
        let mut reasons = Vec::with_capacity(requests.len());
        let mut replays = Vec::new();
        for request in requests {
            reasons.push(match request {
                Ok(request) => self.subscribe_one(request, identifier, &mut replays),
                Err(reason) => reason,
            });
        }
        self.connection.inbound.reply(&Packet::SubAck(SubAck::new(packet_id, reasons)), &mut self.replies);
        // SUBACK goes out before the first retained message.
        self.session.mailbox.respond(&mut self.acks, &mut self.replies)?;
        self.replays.append(&mut replays);
        self.continue_replays();
        Ok(())
    }

    fn subscribe_one(
        &self,
        request: SubscriptionRequest,
        identifier: Option<u32>,
        replays: &mut Vec<Replay>,
    ) -> ReasonCode {
        let SubscriptionRequest { filter, options } = request;
        let wanted = SubscribeOptions {
            qos: options.qos,
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
            identifier,
        };
        if self.session.subscriber.subscription_count() >= self.connection.shard.config.limits.mqtt_subscriptions {
            return ReasonCode::QuotaExceeded;
        }
        match self.publisher.hub().subscribe(&self.session.subscriber, &filter, wanted) {
            Ok(granted) => {
                let wants_retained = match options.retain_handling {
                    RetainHandling::Send => true,
                    RetainHandling::SendIfNew => !granted.existed,
                    RetainHandling::DoNotSend => false,
                };
                if wants_retained {
                    replays.push(Hub::replay(filter, ReplayKind::Retained, wanted));
                }
                ReasonCode::granted(options.qos)
            }
            Err(denied) => {
                debug!(peer = %self.connection.peer, %denied, "subscription refused");
                denial_reason(&denied)
            }
        }
    }

    fn unsubscribe(&mut self, packet_id: PacketId, filters: Vec<Result<Filter, ReasonCode>>) {
        let hub = self.publisher.hub();
        let reasons = filters.into_iter().map(|filter| match filter {
            Ok(filter) if hub.unsubscribe(&self.session.subscriber, &filter) => ReasonCode::Success,
            Ok(_) => ReasonCode::NoSubscriptionExisted,
            Err(reason) => reason,
        });
        let ack = SubAck::new(packet_id, reasons.collect());
        self.connection.inbound.reply(&Packet::UnsubAck(ack), &mut self.replies);
    }

    fn continue_replays(&mut self) {
        while let Some(replay) = self.replays.first_mut() {
            match self.publisher.hub().continue_replay(&self.session.subscriber, replay, now()) {
                ReplayProgress::Paused => return,
                ReplayProgress::Done => {
                    self.replays.remove(0);
                }
            }
        }
    }

    /// Tells the client why, as far as its protocol can, and gives the socket a moment to take it.
    async fn say_farewell(&mut self, end: &End) {
        if let Some((reason, text)) = end.farewell()
            && let Some(packet) = self.connection.inbound.farewell(reason, Some(&text))
        {
            self.connection.inbound.reply(&packet, &mut self.replies);
            if self.session.mailbox.respond(&mut self.acks, &mut self.replies).is_err() {
                return;
            }
        }
        let drained = async {
            loop {
                self.session.mailbox.flush();
                if self.session.mailbox.is_drained() || self.connection.socket.writable().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(LINGER, drained).await.is_err() {
            debug!(peer = %self.connection.peer, "the client did not take its last messages");
        }
    }
}

impl Greeting {
    fn of(connect: &Connect<'_>, peer: SocketAddr) -> Self {
        let is_assigned = connect.client_id.is_empty();
        let client_id = if is_assigned { random_client_id(peer) } else { Arc::from(connect.client_id) };
        Self { client_id, is_assigned, start: if connect.clean_start { Start::Clean } else { Start::Resume } }
    }
}

impl End {
    fn shutting_down() -> Self {
        Self::Hub(ReasonCode::ServerShuttingDown, "the hub is shutting down".to_owned())
    }

    /// The reason and words to tell the client, unless it left by itself.
    fn farewell(&self) -> Option<(ReasonCode, String)> {
        match self {
            Self::Client => None,
            Self::Protocol(error) => Some((error.reason(), error.to_string())),
            Self::Hub(reason, text) => Some((*reason, text.clone())),
        }
    }
}

/// Not guessable: whoever knows a client id can take its session over.
fn random_client_id(peer: SocketAddr) -> Arc<str> {
    use std::hash::BuildHasher;
    let chance = || std::hash::RandomState::new().hash_one(peer);
    Arc::from(format!("auto-{:016x}{:016x}", chance(), chance()))
}

fn far_future() -> tokio::time::Instant {
    const DAY: Duration = Duration::from_secs(86_400);
    tokio::time::Instant::now() + DAY * 365
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

async fn write_all(socket: &TcpStream, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        socket.writable().await?;
        match socket.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
