//! The WebSocket transport: JSON frames in both directions at `/api/ws`, and WebSockets that are bytes to somebody else.
//!
//! Belongs here: frames, pings and the end of a socket. How messages look in JSON belongs to `view`; the route and who may
//! open one to `http`, which never meets this module.

mod bytes;
mod connection;
mod end;
mod reply;
mod request;
pub(crate) mod schema;
mod session;
mod socket;
mod subprotocol;

use axum::body::Body;
use axum::http::{Request, Response, header};
use thiserror::Error;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tracing::debug;

use crate::caller::Caller;
use crate::clients::Transport;
use crate::limits::{PIPE_BYTES_MAX, WS_READ_BUFFER_BYTES, WS_WRITE_BUFFER_BYTES};
use crate::stream::{ByteStream, pipe};
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
}

/// Turns a request into a WebSocket, which lives until the client leaves or the hub stops; or says why it is none.
pub(crate) fn open(request: Request<Body>, caller: Caller) -> Result<Response<Body>, NoWebSocket> {
    let bytes_max = caller.shard.config.limits.ws_message_bytes;
    let config = socket_config(bytes_max).write_buffer_size(WS_WRITE_BUFFER_BYTES);
    upgrade(request, caller, config, connection::run)
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
    let (near, far) = pipe(Transport::WebSocket.secured(caller.peer.is_secure()));
    let mut answer = upgrade(request, caller, config, |socket, caller| bytes::carry(socket, far, caller))?;
    if let Some(chosen) = chosen {
        answer.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, chosen);
    }
    Ok((answer, ByteStream::Piped(near)))
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

fn socket_config(message_bytes_max: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(WS_READ_BUFFER_BYTES)
        .max_message_size(Some(message_bytes_max))
        .max_frame_size(Some(message_bytes_max))
}

#[cfg(test)]
mod tests;
