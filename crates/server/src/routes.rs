//! Joins the routes of the transports that share HTTP; they do not know of each other. Hands a WebSocket that speaks MQTT to
//! MQTT, as a stream of bytes like any other; Blynk likewise.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::accounts::{Kind, Login};
use crate::caller::Caller;
use crate::http::{self, BadRequest, Forbidden, NoWebSocket as NoWebSocketAnswer, NotFound, Problem};
use crate::limits::{WS_BLYNK_FRAME_BYTES_MAX, WS_MQTT_PACKETS_PER_FRAME};
use crate::mqtt::Newcomer;
use crate::stream::ByteStream;
use crate::tap::Spoken;
use crate::ws::NoWebSocket;
use crate::{blynk, mqtt, ws};

/// Every route of the one port, and what is said of it.
pub(crate) fn described() -> (Router, OpenApi) {
    let sockets = OpenApiRouter::default();
    http::routes(
        sockets
            .routes(routes!(open_socket))
            .routes(routes!(open_echo))
            .routes(routes!(open_mqtt))
            .routes(routes!(open_blynk)),
    )
}

#[utoipa::path(
    get, path = "/api/ws/echo", operation_id = "openEcho", tag = "Live",
    summary = "Opens a WebSocket that says what it hears",
    description = "What the protocol itself costs. Needs the right to write.",
    responses((status = 101, description = "It is open."), BadRequest, Forbidden, NoWebSocketAnswer),
)]
async fn open_echo(caller: Caller, request: Request) -> Result<Response, Problem> {
    ws::open_echo(request, caller).map_err(|error| problem(&error, "/api/ws/echo"))
}

#[utoipa::path(
    get, path = "/api/ws", operation_id = "openWebSocket", tag = "Live",
    summary = "Opens a WebSocket",
    description = "What goes through it is described in `/api/asyncapi.json`.",
    responses((status = 101, description = "It is open."), BadRequest, NoWebSocketAnswer),
)]
async fn open_socket(caller: Caller, request: Request) -> Result<Response, Problem> {
    ws::open(request, caller).map_err(|error| problem(&error, "/api/ws"))
}

#[utoipa::path(
    get, path = "/mqtt", operation_id = "openMqtt", tag = "Live",
    summary = "Opens a WebSocket that speaks MQTT",
    description = "The subprotocol is `mqtt`, `mqttv3.1` or none. Whoever is not let in is told so in MQTT's own words.",
    responses((status = 101, description = "It is open."), BadRequest, NoWebSocketAnswer),
    security(()),
)]
async fn open_mqtt(caller: Caller, request: Request) -> Result<Response, Problem> {
    let frame_bytes_max = caller.shard.config.limits.mqtt_packet_bytes.saturating_mul(WS_MQTT_PACKETS_PER_FRAME);
    let opened = ws::open_bytes(request, caller.clone(), &mqtt::SUBPROTOCOLS, frame_bytes_max);
    let (answer, stream) = opened.map_err(|error| problem(&error, "/mqtt"))?;
    caller.alive.tap().note_peer(&caller.peer, Spoken::Mqtt);
    // Decided by what the request says too, which is more than an address.
    let admitted = match caller.refusal {
        // The guest that comes over TCP: sessions belong to names, and this machine's own may have more rights than another's.
        None if caller.login.kind == Kind::Guest => {
            Ok(Login::of(Arc::clone(caller.shard.accounts.guests.guest()), Kind::Guest))
        }
        None => Ok(caller.login.clone()),
        Some(refusal) => Err(refusal),
    };
    let newcomer =
        Newcomer { socket: stream, peer: caller.peer.clone(), admitted, refusal: None, guard: caller.into_guard() };
    tokio::spawn(mqtt::serve(std::future::ready(Some(newcomer))));
    Ok(answer)
}

#[utoipa::path(
    get, path = "/websockets", operation_id = "openBlynk", tag = "Live",
    summary = "Opens a WebSocket that speaks Blynk",
    description = "Its binary messages are the bytes that a device sends over TCP, however they are cut. A device logs in with its token, \
                   in Blynk's own words.",
    responses((status = 101, description = "It is open."), BadRequest, NotFound, NoWebSocketAnswer),
    security(()),
)]
async fn open_blynk(caller: Caller, request: Request) -> Result<Response, Problem> {
    const PATH: &str = "/websockets";
    if !caller.shard.config.blynk.enabled {
        return Err(Problem::not_found("Blynk is not spoken here: blynk.enabled is false.".to_owned()));
    }
    let opened = ws::open_bytes(request, caller.clone(), &["blynk"], WS_BLYNK_FRAME_BYTES_MAX);
    let (answer, socket): (_, ByteStream) = opened.map_err(|error| problem(&error, PATH))?;
    let newcomer = blynk::Newcomer { socket, peer: caller.peer.clone(), guard: caller.into_guard() };
    tokio::spawn(blynk::serve(newcomer));
    Ok(answer)
}

fn problem(error: &NoWebSocket, path: &str) -> Problem {
    match error {
        NoWebSocket::NotAsked(reason) => Problem::no_websocket(path, reason),
        NoWebSocket::Subprotocol { .. } => Problem::bad_request(error.to_string()),
        NoWebSocket::NotPermitted(_) => Problem::new(StatusCode::FORBIDDEN, "forbidden", error.to_string()),
    }
}
