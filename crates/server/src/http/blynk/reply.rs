//! Answers as Blynk gives them.

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::{Response, StatusCode};

const JSON: &str = "application/json;charset=utf-8";
const TEXT: &str = "text/plain;charset=utf-8";

fn with(status: StatusCode, kind: Option<&'static str>, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if let Some(kind) = kind {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}

/// It is done, and nothing is to be said.
pub(super) fn done() -> Response<Body> {
    with(StatusCode::OK, None, Body::empty())
}

/// What was asked for.
pub(super) fn json(body: String) -> Response<Body> {
    with(StatusCode::OK, Some(JSON), body)
}

/// A value as it is.
pub(super) fn text(body: String) -> Response<Body> {
    with(StatusCode::OK, Some(TEXT), body)
}

/// A refusal of the old API.
pub(super) fn refused(why: &str) -> Response<Body> {
    with(StatusCode::BAD_REQUEST, Some(TEXT), why.to_owned())
}

/// What the old API calls a failure of the server, and is one of the request.
pub(super) fn failed(why: String) -> Response<Body> {
    with(StatusCode::INTERNAL_SERVER_ERROR, Some(TEXT), why)
}

/// There is nothing of that name.
pub(super) fn unknown() -> Response<Body> {
    with(StatusCode::NOT_FOUND, None, Body::empty())
}

/// A refusal of 2.0.
pub(super) fn error(why: &str) -> Response<Body> {
    let body = serde_json::json!({ "error": { "message": why } }).to_string();
    with(StatusCode::BAD_REQUEST, Some(JSON), body)
}

/// It is elsewhere.
pub(super) fn moved(place: &str) -> Response<Body> {
    let mut response = with(StatusCode::MOVED_PERMANENTLY, None, Body::empty());
    let place = HeaderValue::from_str(place).expect("a path of plain characters");
    response.headers_mut().insert(header::LOCATION, place);
    response
}

/// A file.
pub(super) fn file(bytes: Vec<u8>, kind: &'static str) -> Response<Body> {
    with(StatusCode::OK, Some(kind), bytes)
}

/// Nothing is there to be handed out, as 2.0 says it.
pub(super) fn no_data() -> Response<Body> {
    let body = serde_json::json!({ "error": { "message": "No data" } }).to_string();
    with(StatusCode::INTERNAL_SERVER_ERROR, Some(JSON), body)
}

/// Blynk's refusal of a file that is one too many.
pub(super) fn no_upload(why: &str) -> Response<Body> {
    let body = serde_json::json!({ "error": { "message": why } }).to_string();
    with(StatusCode::FORBIDDEN, Some(JSON), body)
}
