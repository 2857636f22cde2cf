//! The HTTP transport: devices, topics and the event stream as routes, and the page.
//!
//! Handlers are thin: they read a request, call `core`, write an answer. What JSON looks like belongs to `view`, who is let
//! in to `auth`, WebSockets to `ws`, which never meets this module: `routes` joins both.

mod accept;
mod audit;
mod body;
mod clients;
mod connection;
mod declare;
mod devices;
mod events;
mod gate;
mod hot;
mod hub;
mod identify;
mod linger;
mod metrics;
mod path;
mod problem;
mod property;
mod query;
mod rights;
mod session;
mod tls;
mod tokens;
mod topics;
mod ui;
mod users;
mod wait;

use axum::Router;
use axum::http::{Method, Uri};
use axum::routing::{any, delete, get, patch, post};

pub(crate) use connection::serve;
pub(crate) use problem::Problem;

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
        .route("/api/devices/{id}/token", get(property::get).put(property::report).post(tokens::create_for_device))
        .route("/api/devices/{id}/certificate", get(property::get).put(property::report).post(tls::issue))
        .route("/api/devices/{id}/{property}", get(property::get).put(property::report))
        .route("/api/devices/{id}/{property}/set", post(property::request))
        .route("/api/topics/{*topic}", get(topics::get).put(topics::retain).post(topics::publish).delete(topics::clear))
        .route("/api/events", get(events::stream))
        .route("/api", any(unknown))
        .route("/api/", any(unknown))
        .route("/api/{*rest}", any(unknown))
        .fallback_service(get(ui::serve).fallback(wrong_method))
        .method_not_allowed_fallback(wrong_method)
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
