//! What every request passes on its way in, and every answer on its way out: who is it, and what may a browser do with it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use axum::response::IntoResponse;
use hyper::body::Body as _;
use percent_encoding::percent_decode_str;
use tower::ServiceExt as _;

use crate::accounts::{Change, Deed, Event, Kind as LoginKind, Via};
use crate::caller::Caller;
use crate::http::hot::Hot;
use crate::http::identify::{Shown, Unidentified, identify};
use crate::http::problem::Problem;
use crate::http::tls;
use crate::http::{blynk, bolt};
use crate::peer::Peer;
use crate::refusals::{Kind as Why, Whose};
use crate::shard::{ConnectionGuard, Shard};
use crate::tap::Tap;

/// What is known of a connection before its first request.
#[derive(Clone)]
pub(crate) struct Gate {
    shard: Shard,
    peer: Peer,
    alive: Arc<ConnectionGuard>,
}

impl Gate {
    pub(crate) fn new(peer: Peer, alive: Arc<ConnectionGuard>) -> Self {
        Self { shard: alive.shard().clone(), peer, alive }
    }

    /// For those who look at the connection.
    pub(crate) fn tap(&self) -> &Arc<Tap> {
        self.alive.tap()
    }

    /// Lets a request through to its route, or answers it.
    pub(crate) async fn answer(self, request: Request<Body>, routes: &Router) -> Response<Body> {
        let is_api = is_api(request.uri().path());
        // Kept for the few that are refused: a look at bytes that are counted, not copied.
        let path = request.uri().path_and_query().cloned();
        let has_body = !request.body().is_end_stream();
        let reads_bodies = matches!(*request.method(), Method::PUT | Method::POST | Method::PATCH);
        let mut response = if let Some(open) = tls::answer_anybody(&self.shard, &self.peer, &request) {
            open
        } else {
            self.clone().admit(request, routes, is_api).await
        };
        let status = response.status();
        if status.is_client_error() || status == StatusCode::INSUFFICIENT_STORAGE {
            self.tell_refusal(&response, path.as_ref().map(PathAndQuery::as_str));
        }
        if has_body && !status.is_informational() && (status.is_client_error() || !reads_bodies) {
            // The body was perhaps not read. The connection then ends behind this answer, and a client that was not told
            // would lose its next request.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        protect_answer(response.headers_mut(), is_api);
        response
    }

    /// Tells of what a client wanted and did not get. What is not there, and what changed meanwhile, is no refusal.
    fn tell_refusal(&self, response: &Response<Body>, path: Option<&str>) {
        let Some(problem) = response.extensions().get::<Problem>() else { return };
        let Some(kind) = kind_of(problem.status(), problem.code()) else { return };
        let topic = path.and_then(topic_of);
        let known = self.alive.tap().known();
        // The last one who was let in over this connection says nothing of one who was not.
        let user = known.user.as_ref().map(|user| user.name()).filter(|_| kind != Why::Credentials);
        let peer = Some(self.peer.address());
        let whose = Whose { transport: "http", peer, client_id: None, user, topic: topic.as_deref() };
        self.shard.refusals.note(&self.shard.hub, whose, kind, problem.detail());
    }

    async fn admit(self, mut request: Request<Body>, routes: &Router, is_api: bool) -> Response<Body> {
        let path = request.uri().path();
        if !is_api {
            if self.shard.config.blynk.enabled
                && let Some(call) = blynk::Call::of(path)
            {
                let door = blynk::Door { shard: &self.shard, peer: &self.peer, tap: self.alive.tap() };
                return Box::pin(call.answer(door, request)).await;
            }
            if self.shard.config.bolt.enabled && bolt::is_bolts(path) {
                let Self { shard, peer, alive } = self;
                return Box::pin(bolt::answer(bolt::Door { shard, peer, alive }, request)).await;
            }
            // The page is the same for everybody, and says itself who has to sign in.
            return Box::pin(routes.clone().oneshot(request)).await.into_response();
        }
        let shown = Shown { method: request.method(), uri: request.uri(), headers: request.headers() };
        let (login, refusal) = match identify(&self.shard, &self.peer, shown).await {
            Ok(login) => (login, None),
            // Some routes are there for whoever has to say who he is.
            Err(Unidentified::Unknown(reason)) if is_open(path) => (self.shard.accounts.guests.nobody(), Some(reason)),
            Err(Unidentified::Unknown(reason)) => {
                self.note_refusal(None, path);
                return Problem::unauthorized(reason).into_response();
            }
            Err(Unidentified::Refused(problem)) => return problem.into_response(),
        };
        if login.kind == LoginKind::Share && !is_shared(path) {
            self.note_refusal(Some(login.principal.name()), path);
            let text = "A share link opens its dashboard and nothing else. Sign in for everything else.";
            return Problem::new(StatusCode::FORBIDDEN, "forbidden", text).into_response();
        }
        self.alive.tap().note_user(&self.shard.taps, &login.principal);
        let session = self.shard.hub.new_session();
        let principal = Arc::clone(&login.principal);
        let Self { shard, peer, alive } = self.clone();
        let caller = Caller { shard, login, refusal, peer, session, alive };
        let uri = request.uri().clone();
        let answer = match Hot::of(request.method(), uri.path()) {
            Some(hot) => hot.answer(caller, request).await,
            None => {
                request.extensions_mut().insert(caller);
                // Apart, as requests that know their way make no room for it.
                Box::pin(routes.clone().oneshot(request)).await.into_response()
            }
        };
        if answer.status() == StatusCode::FORBIDDEN {
            self.note_refusal(Some(principal.name()), uri.path());
        }
        answer
    }

    /// Somebody wanted more than he may.
    fn note_refusal(&self, who: Option<&str>, path: &str) {
        let who = who.map(str::to_owned);
        let by = Change { who, address: Some(self.peer.address().ip()), via: Via::Http };
        self.shard.accounts.audit.note(Deed {
            event: Event::RequestRefused,
            by: &by,
            subject: Some(path),
            detail: None,
        });
    }
}

/// What an answer that is an error is told as; `None` if it is no refusal.
fn kind_of(status: StatusCode, code: &str) -> Option<Why> {
    Some(match (status, code) {
        (StatusCode::UNAUTHORIZED, _) | (_, "slowed" | "wrong_code") => Why::Credentials,
        (StatusCode::FORBIDDEN, _) => Why::Permission,
        (_, "rejected" | "invalid_declaration") => Why::Type,
        (_, "invalid_topic" | "invalid_filter") => Why::Topic,
        (_, "full" | "rate_limited" | "too_large" | "timeout") | (StatusCode::INSUFFICIENT_STORAGE, _) => Why::Limit,
        (StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::METHOD_NOT_ALLOWED, _) => {
            Why::Protocol
        }
        _ => return None,
    })
}

/// The topic that a path stands for, if it does.
fn topic_of(path: &str) -> Option<String> {
    let path = path.split('?').next().unwrap_or_default();
    let topic = match path.strip_prefix("/api/topics/") {
        Some(topic) => topic,
        None => path.strip_prefix("/api/").filter(|rest| rest.starts_with("devices/"))?,
    };
    Some(percent_decode_str(topic).decode_utf8_lossy().into_owned())
}

/// Where a WebSocket speaks MQTT, and where it speaks Blynk.
const MQTT_PATH: &str = "/mqtt";
const BLYNK_PATH: &str = "/websockets";

/// Paths for whoever has to say first who he is, and for those who only look whether the hub is there. MQTT asks in its own
/// words, and says in them why somebody is refused; so does Blynk.
const OPEN_PATHS: [&str; 8] = [
    MQTT_PATH,
    BLYNK_PATH,
    "/api/session",
    "/api/session/share",
    "/api/setup",
    "/api/health",
    "/api/tls",
    "/api/claim",
];

/// Below these is what somebody with a share link may ask for, as far as his rights go; everything else is for those of the house.
const SHARED_PATHS: [&str; 10] = [
    "/api/session",
    "/api/session/share",
    "/api/health",
    "/api/ws",
    "/api/events",
    "/api/batch",
    "/api/dashboards",
    "/api/devices",
    "/api/topics",
    "/api/history",
];

fn is_shared(path: &str) -> bool {
    let is_below =
        |shared: &str| path.strip_prefix(shared).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    SHARED_PATHS.into_iter().any(is_below)
}

fn is_open(path: &str) -> bool {
    OPEN_PATHS.contains(&path)
}

/// Paths of programs, which are answered with JSON; all others belong to the page.
pub(crate) fn is_api(path: &str) -> bool {
    path == MQTT_PATH
        || path == BLYNK_PATH
        || path.strip_prefix("/api").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A payload that a device called `text/html` must not run as a page of ours, hence the sandbox.
static API_HEADERS: [(HeaderName, &str); 3] = [
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox; frame-ancestors 'none'"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
];

static PAGE_HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; style-src 'self'; \
         frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Adds what keeps an answer of the API, or of the page, safe in a browser.
pub(crate) fn protect_answer(headers: &mut HeaderMap, is_api: bool) {
    protect(headers, if is_api { &API_HEADERS } else { &PAGE_HEADERS });
}

/// Adds what the route did not set itself.
fn protect(headers: &mut HeaderMap, defaults: &[(HeaderName, &'static str)]) {
    for (name, value) in defaults {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_share_links() {
        for path in ["/api/session", "/api/devices/lamp", "/api/ws", "/api/dashboards/home", "/api/history"] {
            assert!(is_shared(path), "{path}");
        }
        for path in ["/mqtt", "/api/sessions", "/api/users", "/api/historyx", "/api/templates", "/api", "/api/backup"] {
            assert!(!is_shared(path), "{path}");
        }
    }

    #[test]
    fn paths_of_programs() {
        for path in ["/api", "/api/", "/api/devices", "/mqtt"] {
            assert!(is_api(path), "{path}");
        }
        for path in ["/", "/apis", "/device/lamp", "/mqtt/x"] {
            assert!(!is_api(path), "{path}");
        }
    }
}
