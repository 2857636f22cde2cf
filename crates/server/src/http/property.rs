//! One property: read it, wait for it, report it, ask for it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use housewire_core::{Access, Properties, Timestamp, Topic, Type, Value};

use crate::caller::Caller;
use crate::http::accept::prefers_text;
use crate::http::body::Upload;
use crate::http::describe::{NotFound, PublishAnswers, QosParam, TtlParam};
use crate::http::path::PropertyPath;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::tag;
use crate::http::wait::Wait;
use crate::publish::Publication;
use crate::refusal::Refusal;
use crate::view::device::ReadingView;
use crate::view::schema::{AnyBytes, Payload};

/// What is known of a property at one moment.
struct Reading {
    value: Option<Value>,
    target: Option<Value>,
    time: Option<Timestamp>,
    kind: Type,
    unit: Option<String>,
}

/// `GET`: as JSON or bare text; with `?wait=` and `If-None-Match` at the next change.
pub(crate) async fn get(
    caller: Caller,
    path: PropertyPath,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.must_read(&path.device, &path.property)?;
    let as_text = prefers_text(&headers);
    if let Some(time) = query.duration("wait")? {
        let is_news = || Ok(!tag::is_known(&headers, &read(&caller, &path)?.tag(as_text)));
        // Apart, as few requests wait and each would keep the room for it.
        Box::pin(until(&caller, &path, time, is_news)).await?;
    }
    let reading = read(&caller, &path)?;
    let tag = reading.tag(as_text);
    let status = if tag::is_known(&headers, &tag) { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    Ok(reading.into_answer(status, as_text, &tag))
}

/// Waits until `is_news` says so, which is asked again whenever something happens to the property.
async fn until(
    caller: &Caller,
    path: &PropertyPath,
    time: Duration,
    is_news: impl Fn() -> Result<bool, Refusal>,
) -> Result<(), Refusal> {
    if time.is_zero() || is_news()? {
        return Ok(());
    }
    let mut wait = Wait::for_property(caller, path, time)?;
    while !is_news()? && wait.next().await? {}
    Ok(())
}

/// `PUT`: the device reports; retained.
pub(crate) async fn report(
    caller: Caller,
    path: PropertyPath,
    query: Query,
    upload: Upload,
) -> Result<StatusCode, Problem> {
    let publication = Publication {
        topic: &path.topic(""),
        payload: &upload.payload().await?,
        qos: query.qos()?,
        retain: true,
        properties: Properties::default(),
    };
    caller.publish(publication).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST …/set`: somebody asks the device for a value.
#[utoipa::path(
    post, path = "/api/devices/{id}/{property}/set", operation_id = "setProperty", tag = "Values",
    summary = "Asks a device for a value",
    description = "The request stays pending as the property's target until the device reports that value.",
    params(PropertyPath, TtlParam, QosParam),
    request_body(
        description = "The payload. JSON is read: a string becomes its text, anything else compact JSON. A body of any other type, or of \
                       none, is taken byte by byte.",
        content((Payload = "application/json"), (String = "text/plain"), (AnyBytes = "application/octet-stream")),
    ),
    responses(
        (
            status = 202, description = "It is asked. Who may not read the property is told no more than that.",
            content((ReadingView<'static> = "application/json")),
        ),
        PublishAnswers, NotFound,
    ),
)]
pub(crate) async fn request(
    caller: Caller,
    path: PropertyPath,
    query: Query,
    upload: Upload,
) -> Result<Response, Problem> {
    let topic = path.topic("/set");
    must_be_askable(&caller, &path, &topic)?;
    let publication = Publication {
        topic: &topic,
        payload: &upload.payload().await?,
        qos: query.qos()?,
        retain: false,
        properties: Properties { expiry: query.duration("ttl")?, ..Properties::default() },
    };
    caller.publish(publication).await?;
    if caller.must_read(&path.device, &path.property).is_err() {
        return Ok(StatusCode::ACCEPTED.into_response());
    }
    Ok((StatusCode::ACCEPTED, Json(read(&caller, &path)?.view())).into_response())
}

/// Whoever may ask is told whether there is somebody to be asked.
pub(crate) fn must_be_askable(caller: &Caller, path: &PropertyPath, topic: &Topic) -> Result<(), Refusal> {
    caller.must(Access::Write, topic.borrow())?;
    if caller.hub().device(&path.device).is_none() {
        return Err(no_device(path));
    }
    Ok(())
}

/// The state of a property as JSON.
pub(crate) fn state(caller: &Caller, path: &PropertyPath) -> Result<Vec<u8>, Refusal> {
    caller.must_read(&path.device, &path.property)?;
    let reading = read(caller, path)?;
    Ok(serde_json::to_vec(&reading.view()).expect("a view is JSON, and memory takes it"))
}

fn read(caller: &Caller, path: &PropertyPath) -> Result<Reading, Refusal> {
    let device = caller.hub().device(&path.device).ok_or_else(|| no_device(path))?;
    let state = device.lock();
    let property = state.properties.get(&path.property).ok_or_else(|| {
        Refusal::NotFound(format!(
            "Device '{}' has no property '{}'. It gets one with its first report, or declare it.",
            path.device, path.property
        ))
    })?;
    Ok(Reading {
        value: property.value.clone(),
        target: property.target.as_ref().map(|target| target.value.clone()),
        time: property.time,
        kind: property.spec.kind,
        unit: property.spec.unit.clone(),
    })
}

fn no_device(path: &PropertyPath) -> Refusal {
    Refusal::NotFound(format!("There is no device '{}'. It is registered by its first report.", path.device))
}

impl Reading {
    fn view(&self) -> ReadingView<'_> {
        let (value, target) = (self.value.as_ref(), self.target.as_ref());
        ReadingView::new(value, target, self.time, self.kind.name(), self.unit.as_deref())
    }

    /// Changes with everything that is shown, the time included, and differs between JSON and text.
    fn tag(&self, as_text: bool) -> String {
        let mut hasher = DefaultHasher::new();
        let (value, target) = (self.value.as_ref().map(Value::to_payload), self.target.as_ref().map(Value::to_payload));
        (as_text, value, target, self.time, self.kind, &self.unit).hash(&mut hasher);
        tag::quoted(hasher.finish())
    }

    fn into_answer(self, status: StatusCode, as_text: bool, tag: &str) -> Response {
        let tag = HeaderValue::from_str(tag).expect("quoted hexadecimal digits");
        let headers = [
            (header::ETAG, tag),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (header::VARY, HeaderValue::from_static("accept")),
        ];
        match status {
            StatusCode::NOT_MODIFIED => (status, headers).into_response(),
            _ if as_text => (headers, self.into_text()).into_response(),
            _ => (headers, Json(self.view())).into_response(),
        }
    }

    fn into_text(self) -> Response {
        let content_type = match self.kind {
            Type::Bytes => "application/octet-stream",
            _ => "text/plain; charset=utf-8",
        };
        let text = self.value.map(|value| value.to_payload().into_owned()).unwrap_or_default();
        ([(header::CONTENT_TYPE, content_type)], text).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_changes_with_all_that_is_shown() {
        let reading = |value: f64, target: Option<f64>, time| Reading {
            value: Some(Value::Float(value)),
            target: target.map(Value::Float),
            time: Some(Timestamp::from_micros(time)),
            kind: Type::Float,
            unit: None,
        };
        let tag = reading(1.0, None, 1).tag(false);
        assert_eq!(tag, reading(1.0, None, 1).tag(false));
        for other in [reading(2.0, None, 1), reading(1.0, Some(1.0), 1), reading(1.0, None, 2)] {
            assert_ne!(tag, other.tag(false));
        }
        assert_ne!(tag, reading(1.0, None, 1).tag(true));
    }
}
