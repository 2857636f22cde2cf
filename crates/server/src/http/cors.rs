//! Pages of other sites: which of them a browser may let see the answers (the Fetch standard's CORS protocol).
//!
//! Nobody becomes anybody by it. A page of another site is never a guest and its cookies do not come along, as no answer
//! ever allows credentials; what it may do it may by a token of its own. That belongs to `gate` and `auth`.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use axum::response::IntoResponse;

use crate::config::Origins;
use crate::http::problem::Problem;
use crate::refusal::shorten;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
/// Beside those that every page may read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "accept-ranges, allow, content-range, etag, link, location, ratelimit, ratelimit-policy, retry-after, www-authenticate",
);
/// Without credentials `*` stands for every header but Authorization.
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, *");
/// How long a browser remembers, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
const PRIVATE_NETWORK_ASKED: HeaderName = HeaderName::from_static("access-control-request-private-network");
const PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// What a page of another site hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The request comes from no page, or from one whose site is not known here.
    Silence,
    /// Its browser may show it the answer.
    Allowed,
}

/// Judges by the Origin that a browser sent.
pub(crate) fn judge(origins: &Origins, headers: &HeaderMap) -> Verdict {
    match headers.get(header::ORIGIN) {
        Some(origin) if origins.allow(origin.as_bytes()) => Verdict::Allowed,
        _ => Verdict::Silence,
    }
}

/// Answers a browser that asks first whether a page may make a request; `None` if this is no such question.
pub(crate) fn preflight(request: &Request<Body>, verdict: Verdict) -> Option<Response<Body>> {
    let headers = request.headers();
    let origin = headers.get(header::ORIGIN)?;
    if *request.method() != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    if verdict == Verdict::Silence {
        let origin = shorten(&String::from_utf8_lossy(origin.as_bytes()));
        let detail = format!(
            "Pages of {origin} may not use this hub. Whoever runs it can name them in cors_origins under [http]."
        );
        return Some(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail).into_response());
    }
    let mut answer = StatusCode::NO_CONTENT.into_response();
    let added = answer.headers_mut();
    added.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    added.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    added.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    if headers.get(PRIVATE_NETWORK_ASKED).is_some_and(|asked| asked == "true") {
        added.insert(PRIVATE_NETWORK, HeaderValue::from_static("true"));
    }
    Some(answer)
}

/// Says behind an answer who may see it.
pub(crate) fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}
