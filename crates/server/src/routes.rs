//! Joins the routes of the transports that share HTTP; they do not know of each other. Hands a WebSocket that speaks MQTT to
//! MQTT, as a stream of bytes like any other.

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use crate::caller::Caller;
use crate::http::{self, Problem};
use crate::limits::WS_MQTT_PACKETS_PER_FRAME;
use crate::mqtt::Newcomer;
use crate::ws::NoWebSocket;
use crate::{mqtt, ws};

/// Every route of the one port.
pub(crate) fn router() -> Router {
    let sockets = Router::new()
        .route("/api/ws", get(open_socket))
        .route("/api/ws/echo", get(open_echo))
        .route("/mqtt", get(open_mqtt));
    http::routes(sockets)
}

async fn open_echo(caller: Caller, request: Request) -> Result<Response, Problem> {
    ws::open_echo(request, caller).map_err(|error| problem(&error, "/api/ws/echo"))
}

async fn open_socket(caller: Caller, request: Request) -> Result<Response, Problem> {
    ws::open(request, caller).map_err(|error| problem(&error, "/api/ws"))
}

async fn open_mqtt(caller: Caller, request: Request) -> Result<Response, Problem> {
    let frame_bytes_max = caller.shard.config.limits.mqtt_packet_bytes.saturating_mul(WS_MQTT_PACKETS_PER_FRAME);
    let opened = ws::open_bytes(request, caller.clone(), &mqtt::SUBPROTOCOLS, frame_bytes_max);
    let (answer, stream) = opened.map_err(|error| problem(&error, "/mqtt"))?;
    // Decided by what the request says too, which is more than an address.
    let admitted = match caller.refusal {
        None => Ok(caller.login.clone()),
        Some(refusal) => Err(refusal),
    };
    let newcomer =
        Newcomer { socket: stream, peer: caller.peer.clone(), admitted, refusal: None, guard: caller.into_guard() };
    tokio::spawn(mqtt::serve(std::future::ready(Some(newcomer))));
    Ok(answer)
}

fn problem(error: &NoWebSocket, path: &str) -> Problem {
    match error {
        NoWebSocket::NotAsked(reason) => Problem::no_websocket(path, reason),
        NoWebSocket::Subprotocol { .. } => Problem::bad_request(error.to_string()),
        NoWebSocket::NotPermitted(_) => Problem::new(StatusCode::FORBIDDEN, "forbidden", error.to_string()),
    }
}
