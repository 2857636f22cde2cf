//! Joins the routes of the transports that share HTTP; they do not know of each other.

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;

use crate::caller::Caller;
use crate::http::{self, Problem};
use crate::ws;

/// Every route of the one port.
pub(crate) fn router() -> Router {
    http::routes(Router::new().route("/api/ws", get(open_socket)))
}

async fn open_socket(caller: Caller, request: Request) -> Result<Response, Problem> {
    ws::open(request, caller).map_err(|reason| Problem::no_websocket(&reason))
}
