//! The WebSocket transport: the API at `/api/ws`, in JSON or CBOR; an echo; and WebSockets that are bytes to somebody else.
//!
//! Belongs here: frames, pings and the end of a socket. How messages look in JSON belongs to `view`; the route and who may
//! open one to `http`, which never meets this module.

mod bytes;
mod cbor;
mod connection;
mod echo;
mod end;
mod language;
mod line;
mod reply;
mod request;
pub(crate) mod schema;
mod session;
mod socket;
mod subprotocol;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request, Response, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use thiserror::Error;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tracing::debug;

use crate::caller::Caller;
use crate::clients::Transport;
use crate::limits::{PIPE_BYTES_MAX, WS_READ_BUFFER_BYTES, WS_WRITE_BUFFER_BYTES};
use crate::stream::{ByteStream, pipe};
use crate::ws::language::Language;
use crate::ws::socket::Socket;

/// Why a request does not become a WebSocket.
#[derive(Debug, Error)]
pub(crate) enum NoWebSocket {
    /// It did not ask for one, or not properly.
    #[error("{0}")]
    NotAsked(String),
    /// It asked for subprotocols, none of which is spoken here.
    #[error(
        "None of the subprotocols that Sec-WebSocket-Protocol offers is spoken here: offer '{spoken}', or leave the header out."
    )]
    Subprotocol {
        /// The one to offer.
        spoken: &'static str,
    },
    /// The echo is for those who may write.
    #[error("'{0}' may write nothing; the echo is for those who may.")]
    NotPermitted(String),
}

/// Turns a request into a WebSocket, which lives until the client leaves or the hub stops; or says why it is none.
pub(crate) fn open(request: Request<Body>, caller: Caller) -> Result<Response<Body>, NoWebSocket> {
    let bytes_max = caller.shard.config.limits.ws_message_bytes;
    let config = socket_config(bytes_max).write_buffer_size(WS_WRITE_BUFFER_BYTES);
    let chosen = subprotocol::choose(request.headers(), &Language::SUBPROTOCOLS)?;
    let language = Language::of(chosen);
    let (tap, peer) = (Arc::clone(caller.alive.tap()), caller.peer.clone());
    let answer = upgrade(request, caller, config, move |socket, caller| connection::run(socket, caller, language))?;
    tap.note_websocket(&peer, false);
    Ok(named(answer, chosen))
}

/// Turns a request into a WebSocket that says what it hears; or says why it is none.
pub(crate) fn open_echo(request: Request<Body>, caller: Caller) -> Result<Response<Body>, NoWebSocket> {
    if !caller.principal().may_write_something() {
        return Err(NoWebSocket::NotPermitted(caller.principal().name().to_owned()));
    }
    let config = socket_config(caller.shard.config.limits.ws_message_bytes).write_buffer_size(WS_WRITE_BUFFER_BYTES);
    upgrade(request, caller, config, echo::run)
}

/// Turns a request into a WebSocket whose binary frames, of so many bytes at the most, are the stream's bytes; or says why it
/// is none. `subprotocols` are the names of what speaks in it, the usual one first; a client may name none.
pub(crate) fn open_bytes(
    request: Request<Body>,
    caller: Caller,
    subprotocols: &[&'static str],
    frame_bytes_max: usize,
) -> Result<(Response<Body>, ByteStream), NoWebSocket> {
    let chosen = subprotocol::choose(request.headers(), subprotocols)?;
    // Each frame is flushed: nothing is to be gathered, and no buffer kept for it.
    let config = socket_config(frame_bytes_max).write_buffer_size(0).max_write_buffer_size(2 * PIPE_BYTES_MAX);
    let tap = Arc::clone(caller.alive.tap());
    let (near, far) = pipe(Transport::WebSocket.secured(caller.peer.is_secure()));
    let peer = caller.peer.clone();
    let answer = upgrade(request, caller, config, |socket, caller| bytes::carry(socket, far, caller))?;
    tap.note_websocket(&peer, true);
    Ok((named(answer, chosen), ByteStream::piped(near, tap)))
}

/// Says which subprotocol it is, if one was asked for.
fn named(mut answer: Response<Body>, chosen: Option<&'static str>) -> Response<Body> {
    if let Some(chosen) = chosen {
        answer.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(chosen));
    }
    answer
}

fn upgrade<S, F>(
    mut request: Request<Body>,
    caller: Caller,
    config: WebSocketConfig,
    serve: S,
) -> Result<Response<Body>, NoWebSocket>
where
    S: FnOnce(Socket, Caller) -> F + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let answer =
        create_response_with_body(&request, Body::empty).map_err(|error| NoWebSocket::NotAsked(error.to_string()))?;
    if !has_key(request.headers()) {
        return Err(NoWebSocket::NotAsked("Sec-WebSocket-Key must be 16 bytes in base64".into()));
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrade.await {
            Ok(stream) => {
                let socket = Socket::new(stream, config, caller.shard.clone());
                serve(socket, caller).await;
            }
            Err(error) => debug!(peer = %caller.peer, "no WebSocket came of it: {error}"),
        }
    });
    Ok(answer)
}

/// RFC 6455 section 4.2.1, 5.: the library takes any text.
fn has_key(headers: &HeaderMap) -> bool {
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let key = keys.next().and_then(|key| BASE64.decode(key).ok());
    key.is_some_and(|key| key.len() == 16) && keys.next().is_none()
}

fn socket_config(message_bytes_max: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(WS_READ_BUFFER_BYTES)
        .max_message_size(Some(message_bytes_max))
        .max_frame_size(Some(message_bytes_max))
}

#[cfg(test)]
mod tests;
