//! Any topic: list, read what is kept, publish, clear.

use std::hash::{Hash as _, Hasher as _};
use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use housewire_core::{Filter, Message, Properties, Topic};
use rustc_hash::FxHasher;

use crate::aside::aside;
use crate::caller::Caller;
use crate::http::body::Upload;
use crate::http::describe::{
    BadRequest, Forbidden, KnownTag, NoRoom, NotModified, OneFilterParam, PageOfTopics, QosParam, Rejected,
};
use crate::http::page::{self, Items, Page, Source};
use crate::http::path::TopicPath;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::wait::Wait;
use crate::http::{range, tag};
use crate::limits::{JSON_BYTES_AT_ONCE, RANGE_BYTES_MIN};
use crate::publish::Publication;
use crate::refusal::{Refusal, parse_topic};
use crate::shard;
use crate::view::json::is_json;
use crate::view::message::write_kept;
use crate::view::schema::KeptMessage;

/// `GET /api/topics`: what is kept under the topics that match a filter, written aside and piece by piece.
#[utoipa::path(
    get, path = "/api/topics", operation_id = "listTopics", tag = "Topics",
    summary = "Lists what is kept, sorted by topic",
    params(OneFilterParam, PageOfTopics, KnownTag),
    responses(
        (
            status = 200, description = "What is kept under the topics that match, and that the caller may read.", body = [KeptMessage],
            headers(
                ("ETag" = String, description = "Of a page, with `limit`."),
                ("Link" = String, description = "Where the list goes on, with `rel=\"next\"`; not on the last page."),
            ),
        ),
        NotModified, BadRequest, Forbidden,
    ),
)]
pub(crate) async fn list(caller: Caller, uri: Uri, query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    let page = Page::of(&query)?;
    let after = page.after.as_deref().map(parse_topic).transpose()?;
    let listing = Listing { caller, filter: query.filter()?, after };
    Ok(page::answer(listing, &uri, &page, &headers).await)
}

/// What is left of the list.
struct Listing {
    caller: Caller,
    filter: Filter,
    /// Where it goes on.
    after: Option<Topic>,
}

impl Source for Listing {
    fn add_some(&mut self, items: &mut Items) -> bool {
        let Self { caller, filter, after } = self;
        let (messages, next) = caller.hub().list(caller.principal(), filter, after.as_ref(), shard::now());
        for message in &messages {
            if !items.push(message.topic.as_str(), |out| write_kept(message, out)) {
                return false;
            }
        }
        self.after = next;
        self.after.is_some()
    }
}

/// `GET`: a device's last value, elsewhere the retained message, in its own bytes and type, or a part of it; with `?wait=` and
/// `If-None-Match` at the next change.
pub(crate) async fn get(
    caller: Caller,
    TopicPath(topic): TopicPath,
    query: Query,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut shown = Shown::of(read(&caller, &topic)?).await;
    if let Some(time) = query.duration("wait")?
        && !time.is_zero()
        && tag::is_known(&headers, &shown.tag)
    {
        // Apart, as few requests wait and each would keep the room for it.
        shown = Box::pin(news(&caller, &topic, time, &headers)).await?;
    }
    Ok(shown.into_answer(&method, &headers))
}

fn read(caller: &Caller, topic: &Topic) -> Result<Message, Refusal> {
    let message = caller.hub().get(caller.principal(), topic.borrow(), shard::now())?;
    message.ok_or_else(|| Refusal::NotFound(format!("Nothing is kept under '{topic}'. PUT keeps a message there.")))
}

/// What is kept when it is another, or when the time is over.
async fn news(caller: &Caller, topic: &Topic, time: Duration, headers: &HeaderMap) -> Result<Shown, Refusal> {
    let mut wait = Wait::new(caller, &Filter::exactly(topic.borrow()), &[], time)?;
    loop {
        let shown = Shown::of(read(caller, topic)?).await;
        if !tag::is_known(headers, &shown.tag) || !wait.next().await? {
            return Ok(shown);
        }
    }
}

/// A message with what is said of it.
struct Shown {
    message: Message,
    content_type: HeaderValue,
    tag: String,
}

impl Shown {
    async fn of(message: Message) -> Self {
        let look_at = |message: Message| Self { content_type: content_type(&message), tag: tag(&message), message };
        if message.payload.len() <= JSON_BYTES_AT_ONCE {
            look_at(message)
        } else {
            aside(move || look_at(message)).await
        }
    }

    fn into_answer(self, method: &Method, headers: &HeaderMap) -> Response {
        let Self { message, content_type, tag } = self;
        let is_known = tag::is_known(headers, &tag);
        let tag = HeaderValue::from_str(&tag).expect("quoted hexadecimal digits");
        let is_long = message.payload.len() >= RANGE_BYTES_MIN;
        let mut answer = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else if is_long {
            range::answer(method, headers, message.payload, &tag)
        } else {
            message.payload.into_response()
        };
        let is_error = answer.status().is_client_error();
        let said = answer.headers_mut();
        if !is_known && !is_error {
            said.insert(header::CONTENT_TYPE, content_type);
        }
        said.insert(header::ETAG, tag);
        said.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if is_long {
            said.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
            let micros = u64::try_from(message.time.as_micros()).unwrap_or_default();
            let time = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_micros(micros));
            said.insert(header::LAST_MODIFIED, HeaderValue::from_str(&time).expect("ASCII"));
        }
        answer
    }
}

/// Changes with each message, and with its bytes: two may come in the same microsecond.
fn tag(message: &Message) -> String {
    let mut hasher = FxHasher::default();
    message.time.as_micros().hash(&mut hasher);
    hasher.write(&message.payload);
    message.properties.as_ref().and_then(|properties| properties.content_type.as_deref()).hash(&mut hasher);
    tag::quoted(hasher.finish())
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
    description = "The last value of a device stays, and whether it is online.",
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
