//! Where every request comes in and every answer goes out, whatever it is about: how it is written, how many there may be,
//! what a page of another site hears.
//!
//! Who somebody is, and what he may, belongs to `gate`.

use std::future::ready;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use axum::response::IntoResponse;
use futures_util::FutureExt as _;
use futures_util::future::Either;
use housewire_protocols::annotate::http::without_secrets;
use hyper::body::Body as _;

use crate::http::accept::prefers_json;
use crate::http::cors::{self, Verdict};
use crate::http::gate::{Gate, is_api, protect_answer};
use crate::http::lobby::Lobby;
use crate::http::problem::Problem;
use crate::http::rate::{Bucket, Rest, TooMany, seconds_up};
use crate::http::{bolt, target, wire};
use crate::peer::Peer;
use crate::shard::{ConnectionGuard, now};

/// What is known of a connection before its first request.
#[derive(Clone)]
pub(crate) struct Front {
    gate: Gate,
    lobby: Arc<Lobby>,
    /// Of the address; `None` if it is not counted.
    bucket: Option<Arc<Bucket>>,
}

impl Front {
    pub(crate) fn new(peer: Peer, alive: Arc<ConnectionGuard>) -> Self {
        let lobby = Arc::clone(&alive.shard().lobby);
        let bucket = lobby.rates.bucket(peer.address().ip(), now().instant);
        Self { gate: Gate::new(peer, alive), lobby, bucket }
    }

    /// Answers a request. No async function, as each connection would keep room for the request once more.
    pub(crate) fn answer(
        self,
        mut request: Request<Body>,
        routes: &'static Router,
    ) -> impl Future<Output = Response<Body>> + Send {
        let Self { gate, lobby, bucket } = self;
        let mut asked = Asked::of(&request);
        let tap = wire::tap_request(gate.tap(), &request);
        let answering = match meet(&lobby, bucket.as_deref(), &mut request, &mut asked) {
            Some(mut response) => {
                if response.status() == StatusCode::BAD_REQUEST || !request.body().is_end_stream() {
                    // What comes behind it might be taken for another request than it is.
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                protect_answer(response.headers_mut(), true);
                Either::Left(ready(response))
            }
            None => Either::Right(gate.answer(request, routes)),
        };
        answering.map(move |response| {
            let response = asked.finish(&lobby, response);
            wire::tap_answer(tap.as_ref(), &response);
            response
        })
    }
}

/// Answers what needs no route.
fn meet(
    lobby: &Lobby,
    bucket: Option<&Bucket>,
    request: &mut Request<Body>,
    asked: &mut Asked,
) -> Option<Response<Body>> {
    if let Some(bucket) = bucket {
        let rest = lobby.rates.take(bucket, now().instant);
        asked.rest = Some(rest);
        if let Err(too_many) = rest {
            return Some(refuse(too_many));
        }
    }
    if let Err(problem) = target::settle(request) {
        return Some(problem.into_response());
    }
    // Bolt's API answers pages of any site itself.
    if request.headers().contains_key(header::ORIGIN) && !bolt::is_bolts(request.uri().path()) {
        let verdict = cors::judge(&lobby.origins, request.headers());
        if verdict == Verdict::Allowed {
            asked.origin = request.headers().get(header::ORIGIN).cloned();
        }
        if let Some(answer) = cors::preflight(request, verdict) {
            return Some(answer);
        }
    }
    // RFC 9110 section 9.3.7: what the server as a whole takes.
    (request.uri().path() == "*").then(|| {
        let all = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        (StatusCode::NO_CONTENT, [(header::ALLOW, all)]).into_response()
    })
}

fn refuse(too_many: TooMany) -> Response<Body> {
    let seconds = seconds_up(too_many.retry_after);
    let detail = format!(
        "Your address makes more requests than limits.request_rate and limits.request_burst allow. Try again in {seconds} s, and \
         make fewer: a WebSocket or MQTT carries as much as you like."
    );
    let mut response = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// What is still known of a request when its answer is there.
struct Asked {
    path: Option<PathAndQuery>,
    method: Kind,
    is_http2: bool,
    /// For a path of the page: whoever asks is a program.
    wants_json: bool,
    /// Of a page of another site that may see the answer.
    origin: Option<HeaderValue>,
    rest: Option<Result<Rest, TooMany>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Head,
    Options,
    Other,
}

impl Asked {
    fn of(request: &Request<Body>) -> Self {
        let method = match *request.method() {
            Method::HEAD => Kind::Head,
            Method::OPTIONS => Kind::Options,
            _ => Kind::Other,
        };
        let uri = request.uri();
        Self {
            path: uri.path_and_query().cloned(),
            method,
            is_http2: request.version() == Version::HTTP_2,
            wants_json: is_api(uri.path()) || prefers_json(request.headers()),
            origin: None,
            rest: None,
        }
    }

    fn finish(self, lobby: &Lobby, mut response: Response<Body>) -> Response<Body> {
        if let Some(problem) = response.extensions_mut().remove::<Problem>()
            && self.wants_json
        {
            // The answer may be shown to those who look at the connection.
            let path = self.path.as_ref().map(|path| without_secrets(path.path()));
            problem.name_instance(path.as_deref(), self.method == Kind::Head, &mut response);
        }
        if self.method == Kind::Options && response.status() == StatusCode::METHOD_NOT_ALLOWED {
            response = allowed_methods(&response);
        }
        let headers = response.headers_mut();
        if self.is_http2 {
            // RFC 9113 section 8.2.2: what is about a connection has no place in a stream.
            headers.remove(header::CONNECTION);
            headers.remove(header::UPGRADE);
        }
        if !lobby.origins.is_empty() {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
            if let Some(origin) = self.origin {
                cors::allow(headers, origin);
            }
        }
        if let Some(rest) = self.rest {
            lobby.rates.tell(rest, headers);
        }
        response
    }
}

/// The answer to OPTIONS: what the router says is allowed here, and OPTIONS itself.
fn allowed_methods(refused: &Response<Body>) -> Response<Body> {
    let allowed = refused.headers().get(header::ALLOW).and_then(|allow| allow.to_str().ok()).unwrap_or_default();
    let mut methods: Vec<_> = allowed.split(',').map(str::trim).filter(|method| !method.is_empty()).collect();
    methods.push("OPTIONS");
    let allow = HeaderValue::from_str(&methods.join(", ")).expect("names of methods");
    let mut answer = (StatusCode::NO_CONTENT, [(header::ALLOW, allow)]).into_response();
    protect_answer(answer.headers_mut(), true);
    answer
}
