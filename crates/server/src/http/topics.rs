//! Any topic: read what is kept, publish, clear.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use housewire_core::{Message, Properties, Topic};

use crate::aside::aside;
use crate::caller::Caller;
use crate::http::body::Upload;
use crate::http::describe::{BadRequest, Forbidden, NoRoom, NotFound, PublishAnswers, QosParam, Rejected};
use crate::http::path::TopicPath;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::limits::JSON_BYTES_AT_ONCE;
use crate::publish::Publication;
use crate::refusal::Refusal;
use crate::shard;
use crate::view::json::is_json;
use crate::view::schema::{AnyBytes, Payload};

/// `GET`: a device's last value, elsewhere the retained message, in its own bytes and type.
#[utoipa::path(
    get, path = "/api/topics/{*topic}", operation_id = "getTopic", tag = "Topics",
    summary = "Reads the last value or retained message",
    params(TopicPath),
    responses(
        (
            status = 200,
            description = "The payload, byte by byte, with the content type that it came with, or one by its look.",
            content((AnyBytes = "*/*")),
        ),
        BadRequest, Forbidden, NotFound,
    ),
)]
pub(crate) async fn get(caller: Caller, TopicPath(topic): TopicPath) -> Result<Response, Problem> {
    let message = caller.hub().get(caller.principal(), topic.borrow(), shard::now())?;
    let nothing = || Refusal::NotFound(format!("Nothing is kept under '{topic}'. PUT keeps a message there."));
    let message = message.ok_or_else(nothing)?;
    let payload = message.payload.clone();
    let content_type = if payload.len() <= JSON_BYTES_AT_ONCE {
        content_type(&message)
    } else {
        aside(move || content_type(&message)).await
    };
    Ok(([(header::CONTENT_TYPE, content_type)], payload).into_response())
}

/// `PUT`: publishes a message that is kept.
#[utoipa::path(
    put, path = "/api/topics/{*topic}", operation_id = "putTopic", tag = "Topics",
    summary = "Publishes a message that is retained",
    description = "The content type is kept with it, unless it is JSON or that of a form.",
    params(TopicPath, QosParam),
    request_body(
        description = "The payload. JSON is read: a string becomes its text, anything else compact JSON. A body of any other type, or of \
                       none, is taken byte by byte.",
        content((Payload = "application/json"), (String = "text/plain"), (AnyBytes = "application/octet-stream")),
    ),
    responses((status = 204, description = "It is published."), PublishAnswers),
)]
pub(crate) async fn retain(
    caller: Caller,
    TopicPath(topic): TopicPath,
    query: Query,
    upload: Upload,
) -> Result<StatusCode, Problem> {
    send_upload(&caller, &topic, &query, &upload, true).await
}

/// `POST`: publishes a message that is not kept.
#[utoipa::path(
    post, path = "/api/topics/{*topic}", operation_id = "postTopic", tag = "Topics",
    summary = "Publishes a message once",
    params(TopicPath, QosParam),
    request_body(
        description = "The payload. JSON is read: a string becomes its text, anything else compact JSON. A body of any other type, or of \
                       none, is taken byte by byte.",
        content((Payload = "application/json"), (String = "text/plain"), (AnyBytes = "application/octet-stream")),
    ),
    responses((status = 204, description = "It is published."), PublishAnswers),
)]
pub(crate) async fn publish(
    caller: Caller,
    TopicPath(topic): TopicPath,
    query: Query,
    upload: Upload,
) -> Result<StatusCode, Problem> {
    send_upload(&caller, &topic, &query, &upload, false).await
}

/// Publishes what came with a request.
pub(crate) async fn send_upload(
    caller: &Caller,
    topic: &Topic,
    query: &Query,
    upload: &Upload,
    retain: bool,
) -> Result<StatusCode, Problem> {
    let properties = Properties { content_type: upload.kept_type()?, ..Properties::default() };
    let payload = &*upload.payload().await?;
    send(caller, Publication { topic, payload, qos: query.qos()?, retain, properties }).await
}

/// `DELETE`: clears what is kept, as an empty retained message does.
#[utoipa::path(
    delete, path = "/api/topics/{*topic}", operation_id = "deleteTopic", tag = "Topics",
    summary = "Clears what is retained",
    params(TopicPath, QosParam),
    responses(
        (status = 204, description = "Nothing is retained there any more."),
        BadRequest, Forbidden, Rejected, NoRoom,
    ),
)]
pub(crate) async fn clear(caller: Caller, TopicPath(topic): TopicPath, query: Query) -> Result<StatusCode, Problem> {
    let properties = Properties::default();
    send(&caller, Publication { topic: &topic, payload: b"", qos: query.qos()?, retain: true, properties }).await
}

async fn send(caller: &Caller, publication: Publication<'_>) -> Result<StatusCode, Problem> {
    caller.publish(publication).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// As the sender named it, else by the look of it.
fn content_type(message: &Message) -> HeaderValue {
    let named = message.properties.as_ref().and_then(|properties| properties.content_type.as_deref());
    let named = named.filter(|named| !named.is_empty()).and_then(|named| HeaderValue::from_str(named).ok());
    named.unwrap_or_else(|| HeaderValue::from_static(look(&message.payload)))
}

/// Single values are text: only what has a structure is called JSON.
fn look(payload: &[u8]) -> &'static str {
    match std::str::from_utf8(payload) {
        Err(_) => "application/octet-stream",
        Ok(text) if text.trim_start().starts_with(['{', '[']) && is_json(text) => "application/json",
        Ok(_) => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_by_the_look() {
        for (payload, expected) in [
            (b"21.5".as_slice(), "text/plain; charset=utf-8"),
            (b"", "text/plain; charset=utf-8"),
            (b"{\"a\":1}", "application/json"),
            (b" [1]", "application/json"),
            (b"[1", "text/plain; charset=utf-8"),
            (b"\xff\x00", "application/octet-stream"),
        ] {
            assert_eq!(look(payload), expected, "{payload:?}");
        }
    }
}
