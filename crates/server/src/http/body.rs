//! Bodies of requests: read within bounds, and the payloads they stand for.

use std::borrow::Cow;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use tokio::time::timeout;

use crate::aside::aside;
use crate::caller::Caller;
use crate::http::problem::Problem;
use crate::limits::{BODY_TIMEOUT, CONTENT_TYPE_BYTES_MAX, JSON_BYTES_AT_ONCE};
use crate::refusal::{shorten, shorten_json_error};
use crate::view::json::Object;
use crate::view::json::parse_payload;

/// A body that was read whole.
pub(crate) struct Upload {
    pub(crate) bytes: Bytes,
    /// As it was named.
    content_type: Option<String>,
}

impl Upload {
    /// The payload: a body of type `application/json` is read as JSON, any other is taken as it is.
    pub(crate) async fn payload(&self) -> Result<Cow<'_, [u8]>, Problem> {
        if !self.is("application/json") {
            return Ok(Cow::Borrowed(&self.bytes));
        }
        let parsed = if self.bytes.len() <= JSON_BYTES_AT_ONCE {
            parse_payload(&self.bytes)
        } else {
            let body = self.bytes.clone();
            aside(move || parse_payload(&body).map(|payload| Cow::Owned(payload.into_owned()))).await
        };
        parsed.map_err(|error| Problem::bad_request(format!("The body is not valid JSON: {error}.")))
    }

    /// A body that says `what`, as a JSON object; whatever its type is called, as `curl -d` calls everything a form.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, what: &str) -> Result<T, Problem> {
        let mut reader = serde_json::Deserializer::from_slice(&self.bytes);
        let read = serde_path_to_error::deserialize(&mut reader).map(|Object(read)| read).map_err(|error| {
            let path = error.path().to_string();
            let place = if path == "." { String::new() } else { format!("{}: ", shorten(&path)) };
            format!("{place}{}", shorten_json_error(error.inner()))
        });
        let ended = read.and_then(|read: T| reader.end().map(|()| read).map_err(|error| shorten_json_error(&error)));
        ended.map_err(|error| Problem::bad_request(format!("The body must be JSON with {what}: {error}.")))
    }

    /// The content type to keep with the payload. JSON became the text it stands for, and what forms and `curl -d`
    /// send says nothing of the bytes.
    pub(crate) fn kept_type(&self) -> Result<Option<String>, Problem> {
        let kept = self.content_type.as_ref();
        let kept = kept.filter(|_| !self.is("application/json") && !self.is("application/x-www-form-urlencoded"));
        match kept {
            Some(long) if long.len() > CONTENT_TYPE_BYTES_MAX => {
                let detail = format!("The content type is longer than {CONTENT_TYPE_BYTES_MAX} bytes: shorten it.");
                Err(Problem::bad_request(detail))
            }
            kept => Ok(kept.cloned()),
        }
    }

    /// The same once more, for what is read aside; the bytes are not copied.
    pub(crate) fn again(&self) -> Self {
        Self { bytes: self.bytes.clone(), content_type: self.content_type.clone() }
    }

    /// What the body says it is; empty if it says nothing.
    pub(crate) fn media_type(&self) -> &str {
        self.content_type.as_deref().unwrap_or_default()
    }

    /// Whether that is the type, whatever its parameters.
    fn is(&self, media_type: &str) -> bool {
        let named = self.content_type.as_deref().unwrap_or_default();
        named.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type)
    }
}

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let Ok(caller) = Caller::from_request_parts(&mut parts, state).await;
        Self::receive(&caller, &parts.headers, body).await
    }
}

impl Upload {
    /// Reads a body whole, within the caller's bounds.
    pub(crate) async fn receive(caller: &Caller, headers: &HeaderMap, body: Body) -> Result<Self, Problem> {
        Self::receive_up_to(caller, headers, body, 0).await
    }

    /// The same, for what may be larger than other bodies.
    pub(crate) async fn receive_up_to(
        caller: &Caller,
        headers: &HeaderMap,
        body: Body,
        bytes_max: usize,
    ) -> Result<Self, Problem> {
        if headers
            .get(header::CONTENT_ENCODING)
            .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
        {
            return Err(Problem::content_coding());
        }
        let content_type = headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let bytes_max = bytes_max.max(caller.shard.config.limits.http_body_bytes);
        let mut reading = pin!(read(headers, body, bytes_max));
        // Most bodies come with the head: there is nothing to be timed.
        let bytes = match poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await {
            Poll::Ready(bytes) => bytes,
            Poll::Pending => timeout(BODY_TIMEOUT, reading).await.unwrap_or_else(|_| Err(Problem::too_slow())),
        };
        Ok(Self { bytes: bytes?, content_type })
    }
}

/// What says that it is too large is not read at all, so that a client which asks first (`Expect: 100-continue`) need not
/// send it.
async fn read(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > bytes_max as u64) {
        return Err(Problem::too_large(bytes_max));
    }
    let mut chunks = body.into_data_stream();
    let mut gathered = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Problem::bad_request(format!("The body broke off: {error}.")))?;
        if gathered.len() + chunk.len() > bytes_max {
            return Err(Problem::too_large(bytes_max));
        }
        gathered.extend_from_slice(&chunk);
    }
    Ok(gathered.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(content_type: Option<&str>, body: &'static str) -> Upload {
        Upload { bytes: Bytes::from_static(body.as_bytes()), content_type: content_type.map(str::to_owned) }
    }

    #[tokio::test]
    async fn json_of_any_length_is_read() {
        for length in [1, JSON_BYTES_AT_ONCE, 4 * JSON_BYTES_AT_ONCE] {
            let text = "x".repeat(length);
            let json = Some("application/json".to_owned());
            let upload = Upload { bytes: format!("[ \"{text}\" ]").into(), content_type: json.clone() };
            assert_eq!(*upload.payload().await.unwrap(), *format!("[\"{text}\"]").as_bytes());
            assert!(Upload { bytes: format!("[\"{text}").into(), content_type: json }.payload().await.is_err());
        }
    }

    #[tokio::test]
    async fn only_json_is_read() {
        for (content_type, body, payload, kept) in [
            (None, "\"x\"", Some("\"x\""), None),
            (Some("text/plain"), "{broken", Some("{broken"), Some("text/plain")),
            (Some("application/json"), "\"x\"", Some("x"), None),
            (Some("Application/JSON ; charset=utf-8"), "{ \"a\": 1 }", Some("{\"a\":1}"), None),
            (Some("application/json"), "{broken", None, None),
            (Some("application/json-seq"), "{broken", Some("{broken"), Some("application/json-seq")),
            (Some("application/x-www-form-urlencoded"), "21.5", Some("21.5"), None),
            (Some("text/csv; charset=utf-8"), "1,2", Some("1,2"), Some("text/csv; charset=utf-8")),
        ] {
            let upload = upload(content_type, body);
            assert_eq!(upload.payload().await.ok().as_deref(), payload.map(str::as_bytes), "{content_type:?} {body}");
            assert_eq!(upload.kept_type().unwrap().as_deref(), kept, "{content_type:?}");
        }
        assert!(upload(Some(&"x".repeat(CONTENT_TYPE_BYTES_MAX + 1)), "").kept_type().is_err());
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_is_bounded_too() {
        let chunks = || futures_util::stream::iter([Ok::<_, std::io::Error>("1234"), Ok("5678")]);
        let none = HeaderMap::new();
        assert!(read(&none, Body::from_stream(chunks()), 7).await.is_err());
        assert_eq!(read(&none, Body::from_stream(chunks()), 8).await.unwrap(), "12345678");
        let announced = HeaderMap::from_iter([(header::CONTENT_LENGTH, "9".parse().unwrap())]);
        assert!(read(&announced, Body::empty(), 8).await.is_err());
    }
}
