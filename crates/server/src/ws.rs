//! The WebSocket transport: JSON frames in both directions at `/api/ws`.
//!
//! Belongs here: frames, pings and the end of a socket. How messages look in JSON belongs to `view`; the route and who may
//! open one to `http`, which never meets this module.

mod connection;
mod reply;
mod request;
mod session;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tracing::debug;

use crate::caller::Caller;
use crate::config::Limits;
use crate::limits::{WS_READ_BUFFER_BYTES, WS_WRITE_BUFFER_BYTES};

/// Turns a request into a WebSocket, which lives until the client leaves or the hub stops; or says why it is none.
pub(crate) fn open(mut request: Request<Body>, caller: Caller) -> Result<Response<Body>, String> {
    let answer = create_response_with_body(&request, Body::empty).map_err(|error| error.to_string())?;
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrade.await {
            Ok(stream) => {
                let config = Some(socket_config(&caller.shard.config.limits));
                let socket = WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, config).await;
                connection::run(socket, caller).await;
            }
            Err(error) => debug!(peer = %caller.peer, "no WebSocket came of it: {error}"),
        }
    });
    Ok(answer)
}

fn socket_config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(WS_READ_BUFFER_BYTES)
        .write_buffer_size(WS_WRITE_BUFFER_BYTES)
        .max_message_size(Some(limits.ws_message_bytes))
        .max_frame_size(Some(limits.ws_message_bytes))
}

#[cfg(test)]
mod tests;
