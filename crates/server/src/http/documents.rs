//! The API's own description, for programs and for people.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::document::{ASYNCAPI, Document, OPENAPI};
use crate::http::describe::{KnownTag, NotModified};
use crate::http::tag::is_known;
use crate::view::schema::AnyObject;

/// `GET /api/openapi.json`
#[utoipa::path(
    get, path = "/api/openapi.json", operation_id = "getOpenApi", tag = "Hub",
    summary = "This document",
    description = "OpenAPI 3.1: every request of the HTTP API, and every answer.",
    params(KnownTag),
    responses(
        (status = 200, description = "The document.", body = AnyObject, headers(("ETag" = String, description = "Changes with it."))),
        NotModified,
    ),
)]
pub(crate) async fn openapi(headers: HeaderMap) -> Response {
    answer(OPENAPI.get().await, &headers)
}

/// `GET /api/asyncapi.json`
#[utoipa::path(
    get, path = "/api/asyncapi.json", operation_id = "getAsyncApi", tag = "Hub",
    summary = "What goes through WebSockets and MQTT",
    description = "AsyncAPI 3.0: the frames of `/api/ws`, and the topics that the hub knows something of.",
    params(KnownTag),
    responses(
        (status = 200, description = "The document.", body = AnyObject, headers(("ETag" = String, description = "Changes with it."))),
        NotModified,
    ),
)]
pub(crate) async fn asyncapi(headers: HeaderMap) -> Response {
    answer(ASYNCAPI.get().await, &headers)
}

/// `GET /api/docs`: the page that shows both belongs to the others.
pub(crate) async fn page() -> Redirect {
    Redirect::temporary("/docs")
}

fn answer(document: Document, headers: &HeaderMap) -> Response {
    let Document { json, tag } = document;
    let is_known = tag.to_str().is_ok_and(|tag| is_known(headers, tag));
    let common = [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if is_known {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, [(header::CONTENT_TYPE, "application/json")], json).into_response()
}
