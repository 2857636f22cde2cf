//! The requests that programs make all day, answered without looking for a route: values of devices and topics, read and
//! written. What is written in an unusual way goes to the router, whose routes for these lead here, too.

use axum::body::Body;
use axum::http::{Method, Request, Response};
use axum::response::IntoResponse;
use housewire_core::{DeviceId, PropertyName};
use percent_encoding::percent_decode_str;

use crate::caller::Caller;
use crate::http::body::Upload;
use crate::http::describe::{
    BadRequest, Forbidden, KnownTag, NotFound, NotModified, OutOfRange, PublishAnswers, QosParam, RangeParam, WaitParam,
};
use crate::http::path::{DevicePath, PropertyPath, TopicPath};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::{presence, property, topics};
use crate::view::device::ReadingView;
use crate::view::schema::{AnyBytes, Payload};

/// Which of these requests it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hot {
    GetProperty,
    ReportProperty,
    GetTopic,
    RetainTopic,
    PublishTopic,
}

impl Hot {
    /// `None` if it is none of them.
    pub(crate) fn of(method: &Method, path: &str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix("/api/devices/") {
            let (device, property) = rest.split_once('/')?;
            if device.is_empty() || property.is_empty() || property.contains(['/', '.']) || rest.contains('%') {
                return None;
            }
            return match *method {
                Method::GET => Some(Self::GetProperty),
                Method::PUT => Some(Self::ReportProperty),
                _ => None,
            };
        }
        path.strip_prefix("/api/topics/").filter(|topic| !topic.is_empty())?;
        match *method {
            Method::GET => Some(Self::GetTopic),
            Method::PUT => Some(Self::RetainTopic),
            Method::POST => Some(Self::PublishTopic),
            _ => None,
        }
    }

    /// Answers, whether or not the router was asked.
    pub(crate) async fn answer(self, caller: Caller, request: Request<Body>) -> Response<Body> {
        self.try_answer(caller, request).await.unwrap_or_else(IntoResponse::into_response)
    }

    async fn try_answer(self, caller: Caller, request: Request<Body>) -> Result<Response<Body>, Problem> {
        let (parts, body) = request.into_parts();
        let query = Query::of(&parts.uri);
        match self {
            Self::GetProperty => {
                let path = property_path(parts.uri.path())?;
                if path.property.as_str() == presence::NAME && !presence::is_property(&caller, &path.device) {
                    let shown = Box::pin(presence::show(caller, DevicePath(path.device))).await;
                    return shown.map(IntoResponse::into_response);
                }
                property::get(caller, path, query, parts.headers).await
            }
            Self::ReportProperty => {
                let path = property_path(parts.uri.path())?;
                let upload = Upload::receive(&caller, &parts.headers, body).await?;
                property::report(caller, path, query, upload).await.map(IntoResponse::into_response)
            }
            Self::GetTopic => {
                let topic = TopicPath::parse(parts.uri.path())?;
                topics::get(caller, topic, query, parts.method, parts.headers).await
            }
            Self::RetainTopic | Self::PublishTopic => {
                let topic = TopicPath::parse(parts.uri.path())?;
                let upload = Upload::receive(&caller, &parts.headers, body).await?;
                let retain = self == Self::RetainTopic;
                topics::send_upload(&caller, &topic.0, &query, &upload, retain).await.map(IntoResponse::into_response)
            }
        }
    }
}

/// The router's way to [`Hot::GetProperty`].
#[utoipa::path(
    get, path = "/api/devices/{id}/{property}", operation_id = "getProperty", tag = "Values",
    summary = "Reads a value, or waits until it changes",
    description = "With `Accept: text/plain` it is the bare text. With the `ETag` in `If-None-Match` an unchanged state is 304; with \
                   `wait` as well the answer comes at the next change.",
    params(PropertyPath, WaitParam, KnownTag),
    responses(
        (
            status = 200, description = "What is known of the property.",
            headers(
                ("ETag" = String, description = "Changes with everything that is shown."),
                ("Vary" = String, description = "`accept`"),
            ),
            content(
                (ReadingView<'static> = "application/json"),
                (String = "text/plain"),
                (AnyBytes = "application/octet-stream"),
            ),
        ),
        NotModified, BadRequest, Forbidden, NotFound,
    ),
)]
pub(crate) async fn get_property(caller: Caller, request: Request<Body>) -> Response<Body> {
    Box::pin(Hot::GetProperty.answer(caller, request)).await
}

/// The router's way to [`Hot::ReportProperty`].
#[utoipa::path(
    put, path = "/api/devices/{id}/{property}", operation_id = "putProperty", tag = "Values",
    summary = "The device reports a value",
    description = "It is retained. A device or property that is new is registered by it.",
    params(PropertyPath, QosParam),
    request_body(
        description = "The payload. JSON is read: a string becomes its text, anything else compact JSON. A body of any other type, or of \
                       none, is taken byte by byte.",
        content((Payload = "application/json"), (String = "text/plain"), (AnyBytes = "application/octet-stream")),
    ),
    responses((status = 204, description = "It is reported."), PublishAnswers),
)]
pub(crate) async fn report_property(caller: Caller, request: Request<Body>) -> Response<Body> {
    Box::pin(Hot::ReportProperty.answer(caller, request)).await
}

/// The router's way to [`Hot::GetTopic`].
#[utoipa::path(
    get, path = "/api/topics/{*topic}", operation_id = "getTopic", tag = "Topics",
    summary = "Reads the last value or retained message, or waits until it changes",
    description = "With the `ETag` in `If-None-Match` an unchanged message is 304; with `wait` as well the answer comes at the next change. Of a \
                   large one, `Range` asks for a part.",
    params(TopicPath, WaitParam, KnownTag, RangeParam),
    responses(
        (
            status = 200,
            description = "The payload, byte by byte, with the content type that it came with, or one by its look.",
            headers(("ETag" = String, description = "Changes with each message.")),
            content((AnyBytes = "*/*")),
        ),
        (
            status = 206, description = "The part of it that `Range` asks for.",
            headers(
                ("Content-Range" = String, description = "Which bytes of how many."),
                ("ETag" = String, description = "Of the whole."),
            ),
            content((AnyBytes = "*/*")),
        ),
        NotModified, BadRequest, Forbidden, NotFound, OutOfRange,
    ),
)]
pub(crate) async fn get_topic(caller: Caller, request: Request<Body>) -> Response<Body> {
    Box::pin(Hot::GetTopic.answer(caller, request)).await
}

/// The router's way to [`Hot::RetainTopic`].
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
pub(crate) async fn retain_topic(caller: Caller, request: Request<Body>) -> Response<Body> {
    Box::pin(Hot::RetainTopic.answer(caller, request)).await
}

/// The router's way to [`Hot::PublishTopic`].
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
pub(crate) async fn publish_topic(caller: Caller, request: Request<Body>) -> Response<Body> {
    Box::pin(Hot::PublishTopic.answer(caller, request)).await
}

fn property_path(path: &str) -> Result<PropertyPath, Problem> {
    let mut levels = path.rsplit('/').map(|level| percent_decode_str(level).decode_utf8_lossy());
    let mut next = || levels.next().unwrap_or_default();
    let (property, device) = (next(), next());
    Ok(PropertyPath { device: DeviceId::parse(&device)?, property: PropertyName::parse(&property)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_requests_are_hot() {
        for (method, path, expected) in [
            (Method::GET, "/api/devices/lamp/power", Some(Hot::GetProperty)),
            (Method::PUT, "/api/devices/lamp/power", Some(Hot::ReportProperty)),
            (Method::PUT, "/api/devices/bad name/power", Some(Hot::ReportProperty)),
            (Method::HEAD, "/api/devices/lamp/power", None),
            (Method::DELETE, "/api/devices/lamp/power", None),
            (Method::POST, "/api/devices/lamp/power/set", None),
            (Method::GET, "/api/devices/lamp/power/", None),
            (Method::GET, "/api/devices/lamp/", None),
            (Method::GET, "/api/devices//power", None),
            (Method::GET, "/api/devices/lamp", None),
            (Method::GET, "/api/devices", None),
            (Method::GET, "/api/devices/l%61mp/power", None),
            (Method::GET, "/api/devices/lamp/firmware", Some(Hot::GetProperty)),
            (Method::GET, "/api/devices/lamp/firmware.bin", None),
            (Method::GET, "/api/topics/a", Some(Hot::GetTopic)),
            (Method::PUT, "/api/topics/a//b/", Some(Hot::RetainTopic)),
            (Method::POST, "/api/topics//%23", Some(Hot::PublishTopic)),
            (Method::DELETE, "/api/topics/a", None),
            (Method::GET, "/api/topics/", None),
            (Method::GET, "/api/topics", None),
            (Method::GET, "/api/health", None),
            (Method::GET, "/", None),
        ] {
            assert_eq!(Hot::of(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn names_of_a_path() {
        let path = property_path("/api/devices/lamp/power").ok().unwrap();
        assert_eq!((path.device.as_str(), path.property.as_str()), ("lamp", "power"));
        let path = property_path("/api/devices/l%61mp/power").ok().unwrap();
        assert_eq!((path.device.as_str(), path.property.as_str()), ("lamp", "power"));
        assert!(property_path("/api/devices/bad name/power").is_err() && property_path("/api/devices/%FF/p").is_err());
        assert!(property_path("/api/devices/lamp/bad name").is_err());
    }
}
