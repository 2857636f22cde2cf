//! The HTTP transport: devices, topics and the event stream as routes, and the page.
//!
//! Handlers are thin: they read a request, call `core`, write an answer. What JSON looks like belongs to `view`, who is let
//! in to `auth`, WebSockets to `ws`, which never meets this module: `routes` joins both.

mod accept;
mod audit;
mod backup;
mod batch;
mod blynk;
mod body;
mod bolt;
mod claims;
mod clients;
mod coding;
mod connection;
mod cors;
mod dashboards;
mod declare;
mod describe;
mod devices;
mod discovery;
mod documents;
mod events;
mod firmware;
mod front;
mod gate;
mod h2;
mod history;
mod hot;
mod house;
mod hub;
mod identify;
mod import;
mod keys;
mod linger;
mod lobby;
mod logs;
mod metrics;
mod notifications;
mod page;
mod path;
mod preface;
mod presence;
mod problem;
mod property;
mod query;
mod range;
mod rate;
mod refusals;
mod resume;
mod rights;
mod session;
mod shares;
mod tag;
mod target;
mod templates;
mod tls;
mod tokens;
mod topics;
mod ui;
mod users;
mod virtual_devices;
mod wait;
mod wire;

use axum::Router;
use axum::http::{Method, Uri};
use axum::routing::{any, get};
use housewire_protocols::annotate::http::without_secrets;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

pub(crate) use connection::{prepare, serve};
pub(crate) use describe::{
    BadRequest, Forbidden, NoWebSocket, NotFound, PROBLEM_ANSWERS, ProblemAnswer, Slowed, Unauthorized,
};
#[cfg(test)]
pub(crate) use hot::Hot;
pub(crate) use identify::COOKIE;
pub(crate) use lobby::Lobby;
pub(crate) use problem::{Problem, ProblemBody};
pub(crate) use rights::{Named, named};

use crate::refusal::shorten;

/// Routes of the API and of the page, added to those of other transports. Each route of the API says beside its handler what
/// it is: `routes!` registers both, so that neither is there without the other.
pub(crate) fn routes(others: OpenApiRouter) -> (Router, OpenApi) {
    // A property of that name is one all the same.
    let as_property = |(schemas, paths, methods): UtoipaMethodRouter| {
        (schemas, paths, methods.get(hot::get_property).put(hot::report_property))
    };
    let (router, document) = others
        .merge(firmware::routes())
        .routes(routes!(hub::health))
        .routes(routes!(hub::remove_demo))
        .routes(routes!(hub::restart))
        .routes(routes!(metrics::show))
        .routes(routes!(tls::show))
        .routes(routes!(clients::list))
        .routes(routes!(clients::get, clients::disconnect))
        .routes(routes!(wire::connections))
        .routes(routes!(wire::stream))
        .routes(routes!(refusals::list))
        .routes(routes!(presence::show))
        .routes(routes!(session::show, session::sign_in, session::sign_out))
        .routes(routes!(session::list))
        .routes(routes!(session::end))
        .routes(routes!(session::set_up))
        .routes(routes!(session::change_password))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::get, users::change, users::remove))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::change, tokens::revoke))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::change, keys::remove))
        .routes(routes!(claims::list, claims::create))
        .routes(routes!(claims::remove))
        .routes(routes!(claims::claim))
        .routes(routes!(audit::list))
        .routes(routes!(logs::list))
        .routes(routes!(logs::stream))
        .routes(routes!(backup::get))
        .routes(routes!(backup::show, backup::stage, backup::forget))
        .routes(routes!(notifications::list))
        .routes(routes!(devices::list))
        .routes(routes!(devices::get, devices::replace, devices::merge, devices::remove))
        .routes(routes!(discovery::list))
        .routes(routes!(discovery::adopt))
        .routes(routes!(discovery::ignore))
        .routes(routes!(discovery::restore))
        .routes(routes!(discovery::remove))
        .routes(routes!(discovery::forget))
        .routes(routes!(discovery::show, discovery::change))
        .routes(as_property(routes!(discovery::announce)))
        .routes(as_property(routes!(tokens::create_for_device)))
        .routes(as_property(routes!(tls::issue)))
        .routes(routes!(hot::get_property, hot::report_property))
        .routes(routes!(property::request))
        .routes(routes!(history::get, history::import, history::remove))
        .routes(routes!(history::policy, history::set_policy))
        .routes(routes!(history::get_many))
        .routes(routes!(history::show_wear))
        .routes(routes!(house::get, house::post))
        .routes(routes!(import::blynk))
        .routes(routes!(templates::list))
        .routes(routes!(templates::get, templates::put, templates::remove))
        .routes(routes!(virtual_devices::list))
        .routes(routes!(virtual_devices::get, virtual_devices::put, virtual_devices::remove))
        .routes(routes!(virtual_devices::start))
        .routes(routes!(virtual_devices::stop))
        .routes(routes!(dashboards::list, dashboards::create))
        .routes(routes!(dashboards::get, dashboards::put, dashboards::remove))
        .routes(routes!(shares::list, shares::create))
        .routes(routes!(shares::revoke))
        .routes(routes!(shares::open))
        .routes(routes!(topics::list))
        .routes(routes!(hot::get_topic, hot::retain_topic, hot::publish_topic, topics::clear))
        .routes(routes!(batch::run))
        .routes(routes!(events::stream))
        .routes(routes!(documents::openapi))
        .routes(routes!(documents::asyncapi))
        .route("/api/docs", get(documents::page))
        .route("/api", any(unknown))
        .route("/api/", any(unknown))
        .route("/api/{*rest}", any(unknown))
        .fallback_service(get(ui::serve).fallback(wrong_method))
        .split_for_parts();
    (router.method_not_allowed_fallback(wrong_method), document)
}

async fn unknown(uri: Uri) -> Problem {
    let path = shorten(uri.path());
    Problem::not_found(format!("There is nothing at {path}. The API's routes are listed at /docs."))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::wrong_method(&method, &shorten(&without_secrets(uri.path())))
}

#[cfg(test)]
mod tests;
