//! Errors as HTTP tells them: `application/problem+json` (RFC 9457), and the one place where refusals become status codes.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use housewire_core::{DeclareError, Denied, RuleBroken};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::AccountError;
use crate::dashboards::Current;
use crate::discovery::DiscoveryError;
use crate::firmware::FirmwareError;
use crate::history::NoAnswer;
use crate::refusal::Refusal;

/// An answer that is an error.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    /// Those that belong to the status.
    headers: &'static [(HeaderName, &'static str)],
    /// After how long another try makes sense.
    retry_after: Option<Duration>,
    /// What was changed meanwhile is so by now.
    current: Option<Box<Current>>,
}

/// RFC 9110 section 11.6.1 asks for one with every 401; browsers do not open a dialogue for this.
const CHALLENGE: (HeaderName, &str) = (header::WWW_AUTHENTICATE, "Bearer realm=\"housewire\"");
/// What is left of a body must not be read as the next request.
const CLOSE: (HeaderName, &str) = (header::CONNECTION, "close");

/// What went wrong, as RFC 9457 says it.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    #[schema(example = "about:blank")]
    r#type: &'static str,
    /// What the status means.
    title: &'a str,
    status: u16,
    /// What happened, why, and what to do.
    detail: &'a str,
    /// The path that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    /// For programs.
    #[schema(example = "rejected")]
    code: &'static str,
    /// With `changed`: what it is by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    current: Option<&'a Current>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), headers: &[], retry_after: None, current: None }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub(crate) fn unauthorized(detail: &str) -> Self {
        Self { headers: &[CHALLENGE], ..Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail) }
    }

    /// Another try makes sense after so long.
    #[must_use]
    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// With what it is by now.
    #[must_use]
    pub(crate) fn with_current(self, current: Box<Current>) -> Self {
        Self { current: Some(current), ..self }
    }

    /// The connection ends with it, as not all of the request was read.
    #[must_use]
    pub(crate) fn closing(self) -> Self {
        Self { headers: &[CLOSE], ..self }
    }

    /// With one more sentence.
    #[must_use]
    pub(crate) fn adding(mut self, sentence: &str) -> Self {
        self.detail.push(' ');
        self.detail.push_str(sentence);
        self
    }

    /// Too many of those who came from there, or asked for the same, failed.
    pub(crate) fn slowed(wait: Duration, detail: &str) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "slowed", detail);
        Self { headers: &[CLOSE], retry_after: Some(wait), ..problem }
    }

    /// The router adds which methods are allowed.
    pub(crate) fn wrong_method(method: &Method, path: &str) -> Self {
        let detail = format!("{path} does not take {method}; the header Allow says what it takes.");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    pub(crate) fn too_large(bytes_max: usize) -> Self {
        let detail = format!(
            "The body is larger than {bytes_max} bytes, which is limits.http_body_bytes. Send less at once, or raise it \
             in the config file."
        );
        Self { headers: &[CLOSE], ..Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail) }
    }

    pub(crate) fn too_slow() -> Self {
        let detail = "The body did not arrive in time. Send it again.";
        Self { headers: &[CLOSE], ..Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", detail) }
    }

    /// RFC 9110 section 15.5.16 asks for the header that says what would do.
    pub(crate) fn content_coding() -> Self {
        const NONE: (HeaderName, &str) = (header::ACCEPT_ENCODING, "identity");
        let detail = "The body is compressed (Content-Encoding), which is not understood here. Send it as it is.";
        Self {
            headers: &[NONE, CLOSE],
            ..Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
        }
    }

    pub(crate) fn no_websocket(path: &str, reason: &str) -> Self {
        const OFFER: [(HeaderName, &str); 2] = [(header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_VERSION, "13")];
        let detail = format!("This is a WebSocket; open it with ws://…{path} rather than as a page ({reason}).");
        Self { headers: &OFFER, ..Self::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", detail) }
    }
}

impl From<AccountError> for Problem {
    /// Accounts' refusals to status codes; the only place that does.
    fn from(error: AccountError) -> Self {
        let (status, code) = match &error {
            AccountError::Taken(_) => (StatusCode::CONFLICT, "taken"),
            AccountError::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            AccountError::Unusable(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unusable"),
            AccountError::LastAdmin(_) => (StatusCode::CONFLICT, "last_admin"),
            AccountError::SetUpAlready => (StatusCode::CONFLICT, "set_up_already"),
            AccountError::WrongKey => (StatusCode::FORBIDDEN, "wrong_key"),
            AccountError::Full(_) => (StatusCode::INSUFFICIENT_STORAGE, "full"),
            AccountError::Disk(_) => (StatusCode::INSUFFICIENT_STORAGE, "disk_failing"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<DiscoveryError> for Problem {
    /// Discovery's refusals to status codes; the only place that does.
    fn from(error: DiscoveryError) -> Self {
        let (status, code) = match &error {
            DiscoveryError::Unknown(_) => (StatusCode::NOT_FOUND, "not_found"),
            DiscoveryError::Off | DiscoveryError::OffByConfig => (StatusCode::CONFLICT, "discovery_off"),
            DiscoveryError::Taken(_) => (StatusCode::CONFLICT, "taken"),
            DiscoveryError::Unusable(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unusable"),
            DiscoveryError::Declaration(DeclareError::TooManyDevices) => (StatusCode::INSUFFICIENT_STORAGE, "full"),
            DiscoveryError::Declaration(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_declaration"),
            DiscoveryError::Disk(_) => (StatusCode::INSUFFICIENT_STORAGE, "disk_failing"),
            DiscoveryError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<FirmwareError> for Problem {
    /// Refusals of firmware to status codes; the only place that does.
    fn from(error: FirmwareError) -> Self {
        let (status, code) = match &error {
            FirmwareError::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            FirmwareError::Taken(..) => (StatusCode::CONFLICT, "taken"),
            FirmwareError::InUse(..) => (StatusCode::CONFLICT, "in_use"),
            FirmwareError::Unusable(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unusable"),
            FirmwareError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            FirmwareError::Full(_) => (StatusCode::INSUFFICIENT_STORAGE, "full"),
            FirmwareError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            FirmwareError::Damaged(..) => (StatusCode::INTERNAL_SERVER_ERROR, "damaged"),
            FirmwareError::Disk(_) => (StatusCode::INSUFFICIENT_STORAGE, "disk_failing"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl<E: Into<Refusal>> From<E> for Problem {
    /// Refusals to status codes; the only place that does.
    fn from(error: E) -> Self {
        let refusal = error.into();
        let detail = refusal.to_string();
        let (status, code) = match &refusal {
            Refusal::Denied(Denied::NotPermitted { .. } | Denied::HubOnly(_)) | Refusal::NotAdmin(_) => {
                (StatusCode::FORBIDDEN, "forbidden")
            }
            Refusal::Denied(Denied::TopicTooLong(_) | Denied::TopicTooDeep(_)) => {
                (StatusCode::BAD_REQUEST, "invalid_topic")
            }
            Refusal::Denied(Denied::DevicesFull | Denied::RetainedFull(_) | Denied::RetainedBytesFull(_))
            | Refusal::Declaration(DeclareError::TooManyDevices) => (StatusCode::INSUFFICIENT_STORAGE, "full"),
            Refusal::Denied(Denied::DiskFailing) => (StatusCode::INSUFFICIENT_STORAGE, "disk_failing"),
            Refusal::History(NoAnswer::Busy) => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Refusal::History(NoAnswer::Late | NoAnswer::Refused(_)) => {
                (StatusCode::INSUFFICIENT_STORAGE, "disk_failing")
            }
            Refusal::Full(_) => (StatusCode::BAD_REQUEST, "full"),
            Refusal::UnknownSession => (StatusCode::NOT_FOUND, "unknown_session"),
            Refusal::Rejected(rejection) => match rejection.broken {
                RuleBroken::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
                _ => (StatusCode::UNPROCESSABLE_ENTITY, "rejected"),
            },
            Refusal::Declaration(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_declaration"),
            Refusal::Name(_) | Refusal::BadRequest(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            Refusal::TurnedOut => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Refusal::Topic(..) => (StatusCode::BAD_REQUEST, "invalid_topic"),
            Refusal::Filter(..) => (StatusCode::BAD_REQUEST, "invalid_filter"),
            Refusal::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
        };
        Self::new(status, code, detail)
    }
}

/// Longest path that is repeated in a problem.
const INSTANCE_BYTES_MAX: usize = 1_024;

impl Problem {
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// For programs.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// What happened, why, and what to do.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn body(&self, instance: Option<&str>) -> Vec<u8> {
        let body = ProblemBody {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            instance,
            code: self.code,
            current: self.current.as_deref(),
        };
        serde_json::to_vec(&body).expect("strings and a number are JSON")
    }

    /// Writes into the answer that was made of this which path it is about. The query stays out, as it may hold a token.
    pub(crate) fn name_instance(&self, path: Option<&str>, is_head: bool, response: &mut Response) {
        let body = self.body(path.filter(|path| path.len() <= INSTANCE_BYTES_MAX));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        *response.body_mut() = if is_head { Body::empty() } else { Body::from(body) };
    }
}

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, [(header::CONTENT_TYPE, CONTENT_TYPE)], self.body(None)).into_response();
        for (name, value) in self.headers {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        if let Some(wait) = self.retry_after {
            // Rounded up: a little too late is in time.
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
        }
        // For whoever knows the request and adds what it was about.
        response.extensions_mut().insert(self);
        response
    }
}
