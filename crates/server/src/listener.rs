//! Listening: accepts connections, gives each to a shard, hears whose it is if a proxy brings it, and tells on the one port
//! what it speaks.
//!
//! What happens on a connection belongs to the transports.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use housewire_protocols::blynk::is_first_byte;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::accounts::Via;
use crate::admission::{Admission, Admitted};
use crate::clients::Transport;
use crate::mqtt::Newcomer;
use crate::peer::Peer;
use crate::proxy::{self, ProxyError};
use crate::refusals::{Kind, Whose};
use crate::shard::{ConnectionGuard, Shard, now};
use crate::stats::{Bound, Stats};
use crate::stream::{ByteStream, pipe};
use crate::tap::Spoken;
use crate::tls::{self, HandshakeError, Inside, Secured, Tls};
use crate::{blynk, http, mqtt};

/// Connections waiting in the kernel to be accepted.
const BACKLOG: i32 = 4_096;
/// Accepted connections waiting for their shard; accepting pauses when it is full.
pub(crate) const HANDOFF_MAX: usize = 256;
/// Pause after running out of descriptors; the connection stays in the backlog meanwhile.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// What a listener lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// Whatever the first byte says.
    Anything,
    /// MQTT only.
    Mqtt,
    /// MQTT inside of TLS only.
    MqttOverTls,
}

/// An accepted connection on its way to its shard.
pub(crate) struct Accepted {
    socket: std::net::TcpStream,
    peer: SocketAddr,
    speaks: Speaks,
    admitted: Admitted,
}

/// A port cannot be listened on.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Somebody else listens there.
    #[error(
        "port {port} on {address} is in use by another program. Stop that program, or choose another port with {flag}."
    )]
    Busy {
        /// The address asked for.
        address: IpAddr,
        /// The port asked for.
        port: u16,
        /// The flag that chooses it.
        flag: &'static str,
    },
    /// Anything else: no such address, no permission …
    #[error("cannot listen on {address} port {port}: {error}. Choose another address with --bind or port with {flag}.")]
    Failed {
        /// The address asked for.
        address: IpAddr,
        /// The port asked for.
        port: u16,
        /// The flag that chooses it.
        flag: &'static str,
        /// What the system says.
        error: std::io::Error,
    },
}

/// Opens a listening socket; `flag` names the way to choose another port.
pub(crate) fn bind(address: IpAddr, port: u16, flag: &'static str) -> Result<StdListener, ListenError> {
    open(SocketAddr::new(address, port)).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => ListenError::Busy { address, port, flag },
        _ => ListenError::Failed { address, port, flag, error },
    })
}

fn open(address: SocketAddr) -> std::io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for old connections to time out.
    socket.set_reuse_address(true)?;
    // Inherited by what is accepted: answers are small and must not wait for each other.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A shard and the way to hand it connections.
pub(crate) struct ShardInlet {
    pub(crate) shard: Shard,
    pub(crate) inlet: mpsc::Sender<Accepted>,
}

/// Accepts until the hub stops; runs on the first shard. Shards are filled one after the other, since two half-loaded ones
/// cost more than one.
pub(crate) async fn accept(listener: TcpListener, speaks: Speaks, shards: Arc<[ShardInlet]>) {
    let limits = shards[0].shard.config.limits;
    let stats = Arc::clone(&shards[0].shard.stats);
    let admission = Arc::clone(&shards[0].shard.admission);
    let stopping = shards[0].shard.stopping();
    tokio::pin!(stopping);
    let (mut is_crowded, mut is_exhausted) = (false, false);
    loop {
        let accepted = tokio::select! {
            () = &mut stopping => return,
            accepted = listener.accept() => accepted,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                // Said once until one is accepted again, not per attempt.
                if !std::mem::replace(&mut is_exhausted, true) {
                    warn!(
                        "cannot accept connections: {error}; trying again. Raise the limit of open files if it persists"
                    );
                }
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
                continue;
            }
        };
        is_exhausted = false;
        let total: usize = shards.iter().map(|entry| entry.shard.connection_count()).sum();
        if total >= limits.connections {
            stats.reach(Bound::Connections);
            // Said once per crowd, not per connection.
            if !std::mem::replace(&mut is_crowded, true) {
                warn!(%peer, "connections are refused: {total} are open, which is limits.connections");
            }
            continue;
        }
        is_crowded = false;
        // A proxy's connections are counted for the addresses that it names.
        let is_proxy = shards[0].shard.config.proxies.contains(peer.ip());
        let admitted = if is_proxy { Some(Admitted::EXEMPT) } else { admit(&admission, peer, &stats) };
        let Some(admitted) = admitted else {
            let whose = Whose { transport: "tcp", peer: Some(peer), ..Whose::default() };
            let what = "its address has as many connections as limits.connections_per_address allows";
            shards[0].shard.refusals.note(&shards[0].shard.hub, whose, Kind::Limit, what);
            continue;
        };
        let roomy = shards.iter().find(|entry| entry.shard.connection_count() < limits.connections_per_shard);
        let Some(entry) = roomy.or_else(|| shards.iter().min_by_key(|entry| entry.shard.connection_count())) else {
            return;
        };
        if std::ptr::eq(entry, &shards[0]) {
            // Registered with its runtime already.
            take_over(&entry.shard, socket, peer, speaks, admitted);
            continue;
        }
        // Registered with this runtime until here; the shard's own runtime takes it over.
        let Ok(socket) = socket.into_std() else { continue };
        if entry.inlet.send(Accepted { socket, peer, speaks, admitted }).await.is_err() {
            return;
        }
    }
}

/// Whether the address may have one more connection, and when it is served.
fn admit(admission: &Arc<Admission>, peer: SocketAddr, stats: &Stats) -> Option<Admitted> {
    let admitted = admission.admit(peer.ip(), now().instant);
    match &admitted {
        None => {
            stats.reach(Bound::ConnectionsPerAddress);
            debug!(%peer, "connection closed: its address has as many as limits.connections_per_address allows");
        }
        Some(admitted) if !admitted.delay.is_zero() => stats.reach(Bound::ConnectionRatePerAddress),
        Some(_) => {}
    }
    admitted
}

/// Errors of a connection that was gone before it was accepted.
fn is_of_one_connection(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}

/// Takes connections over into the shard's runtime.
pub(crate) async fn run_inlet(shard: Shard, mut outlet: mpsc::Receiver<Accepted>) {
    while let Some(Accepted { socket, peer, speaks, admitted }) = outlet.recv().await {
        match TcpStream::from_std(socket) {
            Ok(socket) => take_over(&shard, socket, peer, speaks, admitted),
            Err(error) => debug!(%peer, "connection lost: {error}"),
        }
    }
}

/// Each phase of a connection is a task of its own, or in a box of its own, so that an idle one costs the memory of its last
/// phase only.
fn take_over(shard: &Shard, socket: TcpStream, peer: SocketAddr, speaks: Speaks, admitted: Admitted) {
    let Admitted { delay, counted } = admitted;
    let guard = shard.admit(counted, peer);
    if shard.config.proxies.contains(peer.ip()) {
        drop(tokio::spawn(meet_proxy(socket, peer, speaks, guard)));
    } else if delay.is_zero() {
        serve(socket, Peer::direct(peer), speaks, guard);
    } else {
        drop(tokio::spawn(async move {
            let turn = tokio::time::timeout(delay, guard.shard().stopping());
            // The time is over unless the hub stops before.
            if turn.await.is_err() {
                serve(socket, Peer::direct(peer), speaks, guard);
            }
        }));
    }
}

fn serve(socket: TcpStream, peer: Peer, speaks: Speaks, guard: ConnectionGuard) {
    let newcomer = async move {
        match speaks {
            Speaks::Mqtt => Some(mqtt_newcomer(ByteStream::tcp(socket, Arc::clone(guard.tap())), &peer, guard)),
            Speaks::Anything | Speaks::MqttOverTls => find_language(socket, peer, speaks, guard).await,
        }
    };
    drop(tokio::spawn(mqtt::serve(newcomer)));
}

fn mqtt_newcomer(socket: ByteStream, peer: &Peer, guard: ConnectionGuard) -> Newcomer {
    let shard = guard.shard();
    guard.tap().note_peer(peer, Spoken::Mqtt);
    let admitted = shard.accounts.by_connection(peer, Via::Mqtt);
    let refusal = tls::must_be_secure(shard.config.tls.mode, peer).then_some(tls::PLAIN_MQTT_REFUSED);
    Newcomer { socket, peer: peer.clone(), admitted, refusal, guard }
}

/// Hears from a proxy whose connection this is.
async fn meet_proxy(mut socket: TcpStream, proxy: SocketAddr, speaks: Speaks, mut guard: ConnectionGuard) {
    let shard = guard.shard().clone();
    let header = tokio::time::timeout(shard.config.limits.greeting_timeout, proxy::read_header(&mut socket));
    let header = tokio::select! {
        header = header => header,
        () = shard.stopping() => return,
    };
    match header {
        // A proxy that does not tell, or speaks for itself, goes by its own address, but not for a program on this machine.
        Ok(Ok(client)) => {
            let client = client.unwrap_or(proxy);
            let Some(Admitted { delay, counted }) = admit(&shard.admission, client, &shard.stats) else { return };
            guard.count_for(counted);
            if tokio::time::timeout(delay, shard.stopping()).await.is_err() {
                serve(socket, Peer::proxied(client), speaks, guard);
            }
        }
        Ok(Err(ProxyError::Header(error))) if shard.sessions.may_log() => warn!(%proxy, "connection closed: {error}"),
        Ok(Err(error)) => debug!(%proxy, "connection closed: {error}"),
        Err(_) => debug!(%proxy, "connection closed: no PROXY header came in time"),
    }
}

/// Hears what a connection speaks. What speaks MQTT is returned, as the task goes on with it; what speaks anything else is
/// seen to.
async fn find_language(socket: TcpStream, peer: Peer, speaks: Speaks, guard: ConnectionGuard) -> Option<Newcomer> {
    let shard = guard.shard();
    // TLS included: until it is clear what is spoken inside.
    let deadline = Instant::now() + shard.config.limits.greeting_timeout;
    let greeting = tokio::time::timeout_at(deadline, first_byte(&socket));
    let greeting = tokio::select! {
        greeting = greeting => greeting,
        () = shard.stopping() => return None,
    };
    match greeting {
        Ok(Some(byte)) => match Language::of(byte) {
            Some(Language::Tls) => match &shard.tls {
                // Boxed, as nobody else needs the room.
                Some(tls) => return Box::pin(meet_tls(Arc::clone(tls), socket, peer, speaks, guard, deadline)).await,
                None => {
                    let next = "Set tls.mode to on in the config file, or switch TLS off in the client.";
                    refuse(&guard, &peer, Kind::Tls, "it asked for TLS, and tls.mode is off", next);
                    refuse_tls(&socket, &peer);
                }
            },
            _ if speaks == Speaks::MqttOverTls => {
                let what = "it did not begin with TLS on the port for MQTT over TLS, where nothing else is spoken";
                let next = "Switch TLS on in the client and give it the CA from /ca.crt; or use port 1883, or the one port, which take MQTT without TLS.";
                refuse(&guard, &peer, Kind::Tls, what, next);
                if shard.sessions.may_log() {
                    info!(%peer, "connection closed: it did not begin with TLS, and nothing else is spoken on this port; \
                        MQTT without TLS has port 1883, or the one port");
                }
            }
            Some(Language::Mqtt) => {
                return Some(mqtt_newcomer(ByteStream::tcp(socket, Arc::clone(guard.tap())), &peer, guard));
            }
            Some(Language::Http) => drop(tokio::spawn(http::serve(socket, peer, Arc::new(guard)))),
            Some(Language::Blynk) if shard.config.blynk.enabled => {
                let newcomer =
                    blynk::Newcomer { socket: ByteStream::tcp(socket, Arc::clone(guard.tap())), peer, guard };
                drop(tokio::spawn(blynk::serve(newcomer)));
            }
            Some(Language::Blynk) => refuse_blynk(&guard, &peer),
            None if byte == PROXY_FIRST_BYTE && shard.sessions.may_log() => {
                info!(%peer, "connection closed: it began like a PROXY header, and neither proxy_protocol nor proxy_from speak of its address");
            }
            None => {
                let what =
                    format!("it began with the byte 0x{byte:02x}: neither MQTT, HTTP, Blynk nor TLS begin like this");
                let next = "Look at the port and the protocol that are set in the client: this port speaks MQTT, HTTP, WebSocket, Blynk and TLS.";
                refuse(&guard, &peer, Kind::Protocol, &what, next);
                debug!(%peer, first_byte = byte, "connection closed: neither MQTT nor HTTP nor Blynk");
            }
        },
        Ok(None) => {}
        Err(_) => debug!(%peer, "connection closed: it said nothing"),
    }
    None
}

/// Lets a client in that began like TLS, and hears what it speaks inside.
async fn meet_tls(
    tls: Arc<Tls>,
    socket: TcpStream,
    peer: Peer,
    speaks: Speaks,
    guard: ConnectionGuard,
    deadline: Instant,
) -> Option<Newcomer> {
    let shard = guard.shard();
    let meeting = tokio::time::timeout_at(deadline, async {
        let mut secured = tls.accept(socket).await?;
        let inside = secured.inside().await;
        Ok::<_, HandshakeError>((secured, inside))
    });
    let met = tokio::select! {
        met = meeting => met,
        () = shard.stopping() => return None,
    };
    if let Ok(Err(failed @ (HandshakeError::Tls { .. } | HandshakeError::Lost(_)))) = &met {
        let what = match failed {
            HandshakeError::Lost(_) => "it ended the connection in the middle of the TLS handshake, as clients do that do not trust the certificate".to_owned(),
            failed => format!("the TLS handshake failed: {failed}"),
        };
        let next =
            "Give the client the hub's CA from /ca.crt, and address the hub by a name or address that /api/tls lists.";
        refuse(&guard, &peer, Kind::Tls, &what, next);
    }
    let (Secured { stream, certificate }, inside) = match met {
        Ok(Ok(met)) => met,
        Ok(Err(failed @ HandshakeError::Tls { .. })) if shard.sessions.may_log() => {
            info!(%peer, "TLS handshake failed: {failed}");
            return None;
        }
        Ok(Err(failed)) => {
            debug!(%peer, "TLS handshake failed: {failed}");
            return None;
        }
        Err(_) => {
            debug!(%peer, "connection closed: it did not say in time what it speaks inside of TLS");
            return None;
        }
    };
    let peer = peer.secured(certificate);
    let language = match inside {
        Inside::Mqtt => Some(Language::Mqtt),
        Inside::Byte(byte) => Language::of(byte),
        Inside::Nothing => None,
    };
    match language {
        Some(Language::Mqtt) => {
            let shard = shard.clone();
            let alive = Arc::new(guard);
            let (near, far) = pipe(Transport::Tls);
            drop(tokio::spawn(tls::carry(stream, far, Arc::clone(&alive))));
            let stream = ByteStream::piped(near, Arc::clone(alive.tap()));
            return Some(mqtt_newcomer(stream, &peer, ConnectionGuard::of_upgraded(shard, alive)));
        }
        Some(Language::Blynk) if speaks == Speaks::Anything && shard.config.blynk.enabled => {
            let shard = shard.clone();
            let alive = Arc::new(guard);
            let (near, far) = pipe(Transport::Tls);
            drop(tokio::spawn(tls::carry(stream, far, Arc::clone(&alive))));
            let guard = ConnectionGuard::of_upgraded(shard, alive);
            let socket = ByteStream::piped(near, Arc::clone(guard.tap()));
            let newcomer = blynk::Newcomer { socket, peer, guard };
            drop(tokio::spawn(blynk::serve(newcomer)));
        }
        Some(Language::Blynk) if speaks == Speaks::Anything => refuse_blynk(&guard, &peer),
        Some(Language::Http) if speaks == Speaks::Anything => {
            drop(tokio::spawn(http::serve(stream, peer, Arc::new(guard))));
        }
        _ => debug!(%peer, ?inside, "connection closed: nothing inside of TLS that is spoken on this port"),
    }
    None
}

fn refuse_blynk(guard: &ConnectionGuard, peer: &Peer) {
    let next = "Set blynk.enabled to true in the config file, or give the device another firmware.";
    refuse(guard, peer, Kind::Protocol, "it speaks Blynk, and blynk.enabled is false", next);
    debug!(%peer, "connection closed: it speaks Blynk, and blynk.enabled is false");
}

/// Tells of a connection that came to nothing.
fn refuse(guard: &ConnectionGuard, peer: &Peer, kind: Kind, what: &str, next: &'static str) {
    let shard = guard.shard();
    let transport = if kind == Kind::Tls { "tls" } else { "tcp" };
    let whose = Whose { transport, peer: Some(peer.address()), ..Whose::default() };
    shard.refusals.note_with(&shard.hub, whose, kind, what, next);
}

/// What no other language begins with.
const PROXY_FIRST_BYTE: u8 = b'\r';

/// What a connection to the one port speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Mqtt,
    Http,
    Tls,
    Blynk,
}

impl Language {
    /// Told by the first byte: MQTT begins with CONNECT, HTTP with a method in capitals, TLS with a handshake record, Blynk with
    /// a login.
    fn of(byte: u8) -> Option<Self> {
        match byte {
            0x10 => Some(Self::Mqtt),
            b'A'..=b'Z' => Some(Self::Http),
            0x16 => Some(Self::Tls),
            byte if is_first_byte(byte) => Some(Self::Blynk),
            _ => None,
        }
    }
}

async fn first_byte(socket: &TcpStream) -> Option<u8> {
    let mut byte = [0];
    match socket.peek(&mut byte).await {
        Ok(1) => Some(byte[0]),
        _ => None,
    }
}

/// Says to a TLS client, in its own protocol, that TLS is off (RFC 8446 section 6: alert record, fatal,
/// `handshake_failure`), so that it reports a failed handshake rather than a broken connection.
fn refuse_tls(socket: &TcpStream, peer: &Peer) {
    const ALERT: [u8; 7] = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28];
    let answered = socket.try_write(&ALERT).is_ok();
    debug!(%peer, answered, "connection closed: it asked for TLS, and tls.mode is off");
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::timeout;

    use super::*;
    use crate::fixture::Fixture;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// A connection that waits in the inlet of a shard of its own for so long, counted for an address that is not ours.
    struct Waiting {
        fixture: Fixture,
        admission: Arc<Admission>,
        client: TcpStream,
    }

    impl Waiting {
        async fn new(delay: Duration) -> Self {
            let fixture = Fixture::new();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (socket, peer) = listener.accept().await.unwrap();
            let admission = Arc::new(Admission::new(10, 1));
            let Admitted { counted, .. } = admission.admit([192, 0, 2, 7].into(), now().instant).unwrap();
            let socket = socket.into_std().unwrap();
            let admitted = Admitted { delay, counted };
            let (inlet, outlet) = mpsc::channel(1);
            tokio::spawn(run_inlet(fixture.shard.clone(), outlet));
            let accepted = Accepted { socket, peer, speaks: Speaks::Anything, admitted };
            assert!(inlet.send(accepted).await.is_ok());
            Self { fixture, admission, client }
        }

        /// Waits until nothing is left of the connection.
        async fn expect_end(&self) {
            let ended = async {
                while self.admission.busiest() > 0 || self.fixture.shard.connection_count() > 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            timeout(PATIENCE, ended).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_connection_that_came_too_soon_is_served_when_its_turn_comes() {
        const DELAY: Duration = Duration::from_millis(200);
        let began = Instant::now();
        let mut waiting = Waiting::new(DELAY).await;
        waiting.client.write_all(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = [0; 12];
        timeout(PATIENCE, waiting.client.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        assert!(began.elapsed() >= DELAY);
        assert_eq!((waiting.admission.busiest(), waiting.fixture.shard.stats.connections()), (1, 1));
        waiting.client.shutdown().await.unwrap();
        waiting.expect_end().await;
        assert_eq!(waiting.fixture.shard.stats.connections(), 0);
    }

    #[tokio::test]
    async fn a_hub_that_stops_waits_for_nobody_whose_turn_has_not_come() {
        let waiting = Waiting::new(Duration::from_secs(3_600)).await;
        waiting.fixture.stop();
        waiting.expect_end().await;
    }

    #[test]
    fn the_first_byte_tells_the_language() {
        for (byte, expected) in [
            (0x10, Some(Language::Mqtt)),
            (b'G', Some(Language::Http)),
            (0x16, Some(Language::Tls)),
            (0x1d, Some(Language::Blynk)),
            (0x02, Some(Language::Blynk)),
            (0x00, None),
            (0x20, None),
            (b'g', None),
        ] {
            assert_eq!(Language::of(byte), expected, "{byte:#x}");
        }
    }
}
