//! The HTTP transport: devices, topics and the event stream as routes, and the page.
//!
//! Handlers are thin: they read a request, call `core`, write an answer. What JSON looks like belongs to `view`, who is let
//! in to `auth`, WebSockets to `ws`, which never meets this module: `routes` joins both.

mod accept;
mod audit;
mod batch;
mod body;
mod clients;
mod coding;
mod connection;
mod cors;
mod declare;
mod devices;
mod events;
mod front;
mod gate;
mod h2;
mod hot;
mod hub;
mod identify;
mod linger;
mod lobby;
mod metrics;
mod page;
mod path;
mod preface;
mod problem;
mod property;
mod query;
mod range;
mod rate;
mod resume;
mod rights;
mod session;
mod tag;
mod target;
mod tls;
mod tokens;
mod topics;
mod ui;
mod users;
mod wait;

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, Uri};
use axum::response::Response;
use axum::routing::{any, delete, get, patch, post};

use futures_util::future::BoxFuture;

pub(crate) use connection::serve;
pub(crate) use lobby::Lobby;
pub(crate) use problem::Problem;

use crate::caller::Caller;
use crate::http::hot::Hot;
use crate::refusal::shorten;

/// Routes of the API and of the page, added to those of other transports.
pub(crate) fn routes(others: Router) -> Router {
    others
        .route("/api/health", get(hub::health))
        .route("/api/metrics", get(metrics::show))
        .route("/api/tls", get(tls::show))
        .route("/api/clients", get(clients::list))
        .route("/api/clients/{id}", get(clients::get).delete(clients::disconnect))
        .route("/api/demo", delete(hub::remove_demo))
        .route("/api/session", get(session::show).post(session::sign_in).delete(session::sign_out))
        .route("/api/sessions", get(session::list))
        .route("/api/sessions/{id}", delete(session::end))
        .route("/api/setup", post(session::set_up))
        .route("/api/password", post(session::change_password))
        .route("/api/users", get(users::list).post(users::create))
        .route("/api/users/{name}", get(users::get).patch(users::change).delete(users::remove))
        .route("/api/tokens", get(tokens::list).post(tokens::create))
        .route("/api/tokens/{id}", patch(tokens::change).delete(tokens::revoke))
        .route("/api/audit", get(audit::list))
        .route("/api/devices", get(devices::list))
        .route(
            "/api/devices/{id}",
            get(devices::get).put(devices::replace).patch(devices::merge).delete(devices::remove),
        )
        // A property of that name is one all the same.
        .route(
            "/api/devices/{id}/token",
            get(hot(Hot::GetProperty)).put(hot(Hot::ReportProperty)).post(tokens::create_for_device),
        )
        .route(
            "/api/devices/{id}/certificate",
            get(hot(Hot::GetProperty)).put(hot(Hot::ReportProperty)).post(tls::issue),
        )
        .route("/api/devices/{id}/{property}", get(hot(Hot::GetProperty)).put(hot(Hot::ReportProperty)))
        .route("/api/devices/{id}/{property}/set", post(property::request))
        .route("/api/topics", get(topics::list))
        .route(
            "/api/topics/{*topic}",
            get(hot(Hot::GetTopic)).put(hot(Hot::RetainTopic)).post(hot(Hot::PublishTopic)).delete(topics::clear),
        )
        .route("/api/batch", post(batch::run))
        .route("/api/events", get(events::stream))
        .route("/api", any(unknown))
        .route("/api/", any(unknown))
        .route("/api/{*rest}", any(unknown))
        .fallback_service(get(ui::serve).fallback(wrong_method))
        .method_not_allowed_fallback(wrong_method)
}

/// What the gate answers without asking the router, as a route for whatever is written in another way.
fn hot(which: Hot) -> impl Fn(Caller, Request) -> BoxFuture<'static, Response> + Clone {
    move |caller, request| Box::pin(which.answer(caller, request))
}

async fn unknown(uri: Uri) -> Problem {
    let path = shorten(uri.path());
    Problem::not_found(format!("There is nothing at {path}. The API's routes are listed in docs/ref/http-api.md."))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::wrong_method(&method, &shorten(uri.path()))
}

#[cfg(test)]
mod tests;
