//! A connection up to its login, and what it has got then.

use std::net::SocketAddr;
use std::sync::Arc;

use housewire_core::{DeviceId, Hub};
use housewire_protocols::blynk::SessionOptions;
use housewire_protocols::blynk::{
    Command, DecodeError, Event, Frame, MessageId, ProtocolError, Session, decode, write_frame,
};
use housewire_protocols::limits::{BLYNK_BODY_BYTES_MAX, BLYNK_BUFFER_BYTES};
use thiserror::Error;
use tracing::info;

use crate::accounts::{Kind, Login, Via};
use crate::blynk::VIA;
use crate::blynk::active::Active;
use crate::blynk::mailbox::BlynkMailbox;
use crate::clients::{self, Protocol};
use crate::hosts::host_name;
use crate::peer::Peer;
use crate::pins::{PinMap, Reach, say_online};
use crate::refusals::{self, Whose};
use crate::shard::{ConnectionGuard, Shard, now};
use crate::socket::read_into_scratch;
use crate::stream::ByteStream;
use crate::tap::Spoken;
use crate::tls;

/// A device that has said nothing yet.
pub(crate) struct Newcomer {
    pub(crate) socket: ByteStream,
    pub(crate) peer: Peer,
    pub(crate) guard: ConnectionGuard,
}

/// Why a connection ends.
#[derive(Debug, Error)]
pub(super) enum End {
    #[error("the connection was closed or lost")]
    Lost,
    #[error("{0}")]
    Protocol(#[from] ProtocolError),
    #[error("{0}")]
    Malformed(#[from] DecodeError),
    #[error("an administrator ended it, or its token is no longer valid")]
    TurnedOut,
    #[error("the hub is shutting down")]
    Stopping,
    #[error("it was sent to {0}, as blynk.redirect says")]
    Redirected(String),
}

/// Who logged in.
pub(super) struct Known {
    pub(super) device: DeviceId,
    pub(super) login: Login,
}

/// Hears a device until it has shown a token that opens something; nothing comes of it if it does not.
pub(super) async fn begin(newcomer: Newcomer) -> Option<Active> {
    let Newcomer { socket, peer, guard } = newcomer;
    let shard = guard.shard().clone();
    socket.tap().note_peer(&peer, Spoken::Blynk);
    let options = SessionOptions {
        heartbeat_s: shard.config.blynk.heartbeat_s,
        login_timeout: shard.config.limits.greeting_timeout,
        rate: shard.config.blynk.rate,
    };
    let mut session = Session::new(&options, now().instant);
    let mut tail = Vec::new();
    match log_in(&shard, &socket, &peer, &mut session, &mut tail).await {
        Ok((known, bytes_in)) => Some(accept(known, socket, &peer, session, tail, bytes_in, guard)),
        Err(end) => {
            if matches!(end, End::Protocol(_) | End::Malformed(_)) {
                note_refusal(&shard, &peer, refusals::Kind::Protocol, &end.to_string());
            }
            if shard.sessions.may_log() {
                info!(peer = %peer.address(), reason = %end, "Blynk device refused");
            }
            None
        }
    }
}

/// For whoever wonders why a device is not there.
fn note_refusal(shard: &Shard, peer: &Peer, kind: refusals::Kind, what: &str) {
    let whose = Whose { transport: VIA, peer: Some(peer.address()), ..Whose::default() };
    shard.refusals.note(&shard.hub, whose, kind, what);
}

/// Reads and answers frames until one is a login that is good; with how many bytes that took.
async fn log_in(
    shard: &Shard,
    socket: &ByteStream,
    peer: &Peer,
    session: &mut Session,
    tail: &mut Vec<u8>,
) -> Result<(Known, usize), End> {
    let stopping = shard.stopping();
    tokio::pin!(stopping);
    let mut bytes_in = 0;
    loop {
        let mut replies = Vec::new();
        tokio::select! {
            () = &mut stopping => return Err(End::Stopping),
            () = tokio::time::sleep_until(session.poll_timeout().into()) => session.handle_timeout(now().instant)?,
            ready = socket.readable() => if ready.is_err() { return Err(End::Lost) },
        }
        let known = {
            let known_bytes = tail.len();
            let mut scratch = shard.scratch.lock();
            let read = read_into_scratch(socket, &mut scratch, tail);
            bytes_in += read.data.len() - known_bytes;
            let handled = handle_greeting(shard, peer, session, read.data, &mut replies);
            let (known, used) = match handled {
                Ok(handled) => handled,
                Err(end) => {
                    drop(scratch);
                    write_now(socket, &replies);
                    // The other side may still read it.
                    let _ended = socket.end_writing().is_ok();
                    return Err(end);
                }
            };
            tail.extend_from_slice(&read.data[used..]);
            if known.is_none() && read.is_last {
                return Err(End::Lost);
            }
            known
        };
        write_now(socket, &replies);
        if let Some(known) = known {
            return Ok((known, bytes_in));
        }
    }
}

/// A few bytes to a socket to which next to nothing was written: it takes them, or is lost.
fn write_now(socket: &ByteStream, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    if let Ok(written) = socket.try_write(bytes)
        && socket.tap().is_watched()
    {
        socket.tap().wrote(&bytes[..written], true);
    }
}

/// Handles frames up to a login that is good; how many bytes were used.
fn handle_greeting(
    shard: &Shard,
    peer: &Peer,
    session: &mut Session,
    data: &[u8],
    replies: &mut Vec<u8>,
) -> Result<(Option<Known>, usize), End> {
    let mut used = 0;
    while let Some((frame, length)) = decode(&data[used..], BLYNK_BODY_BYTES_MAX)? {
        used += length;
        let (Frame::Message { id, .. } | Frame::Response { id, .. }) = frame;
        if let Event::Login(token) = session.handle_frame(frame, now().instant, replies)? {
            if let Some(place) = &shard.config.blynk.redirect {
                return Err(redirect(place, id, replies));
            }
            match identify(shard, peer, token) {
                Ok(known) => {
                    session.accept(id, now().instant, replies);
                    return Ok((Some(known), used));
                }
                Err(why) => {
                    note_refusal(shard, peer, refusals::Kind::Credentials, &why);
                    if shard.sessions.may_log() {
                        info!(peer = %peer.address(), reason = why, "a Blynk device's login is refused");
                    }
                    session.refuse(id, replies)?;
                }
            }
        }
    }
    Ok((None, used))
}

/// Sends a device elsewhere, whosever token it has: that is known there.
fn redirect(place: &str, id: MessageId, replies: &mut Vec<u8>) -> End {
    let host = host_name(place).unwrap_or(place);
    let port = place.rsplit_once(':').map(|(_, port)| port).filter(|port| port.parse::<u16>().is_ok());
    let parts = std::iter::once(host.as_bytes()).chain(port.map(str::as_bytes));
    // As short as it has to be, for libraries that have said nothing yet.
    let _fits = write_frame(Command::REDIRECT, id, parts, BLYNK_BUFFER_BYTES, replies);
    End::Redirected(place.to_owned())
}

/// Whose token it is.
fn identify(shard: &Shard, peer: &Peer, token: &str) -> Result<Known, String> {
    if tls::must_be_secure(shard.config.tls.mode, peer) {
        return Err("this hub takes clients of other machines with TLS only".to_owned());
    }
    let login = shard.accounts.by_token(token, peer.address().ip(), Via::Blynk).map_err(|error| error.to_string())?;
    let credential = login.credential.filter(|_| login.kind == Kind::Device);
    let device = credential.and_then(|id| shard.accounts.token(id).ok()?.device().cloned());
    match device {
        Some(device) => Ok(Known { device, login }),
        None => Err(format!("the token of {} is no device's", login.principal.name())),
    }
}

/// Lets the device in: it is there from now on.
fn accept(
    known: Known,
    socket: ByteStream,
    peer: &Peer,
    session: Session,
    tail: Vec<u8>,
    bytes_in: usize,
    guard: ConnectionGuard,
) -> Active {
    let shard = guard.shard().clone();
    let Known { device, login } = known;
    let pins = PinMap::of(&shard.hub, &device);
    let prefix = format!("devices/{device}/");
    let transport = socket.transport();
    let mailbox = BlynkMailbox::new(socket, shard.clone(), prefix.len(), session.library(), Arc::clone(&pins));
    let hub_session = shard.hub.new_session();
    let subscriber = Hub::subscriber(hub_session, Arc::clone(&login.principal), Arc::clone(&mailbox) as _);
    let id = Arc::from(format!("blynk-{:016x}", fastrand::u64(..)));
    let client = shard.clients.add(id, Protocol::Blynk, Arc::clone(&subscriber), Arc::clone(&mailbox) as _);
    mailbox.set_client(Arc::clone(&client));
    mailbox.socket.tap().note_client(&shard.taps, &client);
    client.add_bytes_in(bytes_in);
    let facts = clients::Connection {
        peer: peer.address(),
        credential: login.credential,
        transport,
        version: None,
        keep_alive_s: session.heartbeat_s(),
        session_expiry_s: Some(0),
    };
    shard.clients.connected(&client, facts);
    if !shard.accounts.is_valid(&login) {
        // Taken back in this very moment, when nobody saw yet that it is in use.
        client.turn_out();
    }
    say_online(&shard, &device, &login.principal, hub_session, VIA);
    shard.blynk.add(device.clone(), Arc::clone(&mailbox) as Arc<dyn Reach>);
    if shard.sessions.may_log() {
        log_arrival(&device, peer.address(), transport.name());
    }
    Active::new(
        mailbox,
        session,
        tail,
        guard,
        crate::blynk::active::Line::new(device, subscriber, client, pins, prefix),
    )
}

fn log_arrival(device: &DeviceId, peer: SocketAddr, transport: &str) {
    info!(%device, %peer, transport, "Blynk device connected");
}

/// The id of what a frame says, for answers.
pub(super) fn id_of(frame: &Frame<'_>) -> MessageId {
    let (Frame::Message { id, .. } | Frame::Response { id, .. }) = frame;
    *id
}
