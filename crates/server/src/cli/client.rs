//! HTTP to the hub: sends a request and turns whatever comes of it into a result or a [`Failure`].
//!
//! Paths belong to `address`, bodies to the commands.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{self, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use rustls::ClientConfig;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::HubOptions;
use super::address::HubAddress;
use super::failure::{Failure, distrust, root_cause};
use super::trust;
use crate::plain_http;

/// Until a connection stands; on a home network it is milliseconds.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Until an answer is complete, unless the request says that it waits for something.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A client of one hub.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) hub: HubAddress,
    http: reqwest::Client,
    /// How a hub at `https://…` is known.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// Shown with every request.
    pub(super) bearer: Option<HeaderValue>,
}

/// What the hub says of a request it does not fulfil.
#[derive(Debug, Deserialize)]
struct Problem {
    detail: String,
}

impl Client {
    pub(super) fn new(options: &HubOptions) -> Result<Self, Failure> {
        let hub = &options.hub;
        let tls = hub.is_secure().then(|| trust::config(options.ca_file.as_deref())).transpose()?;
        let bearer = options.token()?.map(|token| bearer(&token)).transpose()?;
        let builder = match &tls {
            Some(tls) => reqwest::Client::builder().tls_backend_preconfigured(tls.clone()),
            None => plain_http::builder(),
        };
        let http = builder
            // A hub is at home; a proxy for the internet would not find it.
            .no_proxy()
            .connect_timeout(CONNECT_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("housewire/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::Machine {
                what: "cannot start".to_owned(),
                error: std::io::Error::other(root_cause(&error)),
            })?;
        Ok(Self { hub: hub.clone(), http, tls: tls.map(Arc::new), bearer })
    }

    /// A request to be sent with [`Client::send`].
    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.patient_request(method, url, Duration::ZERO)
    }

    /// A request that the hub may answer only after `wait`.
    pub(super) fn patient_request(&self, method: Method, url: Url, wait: Duration) -> RequestBuilder {
        let request = self.http.request(method, url).timeout(ANSWER_LIMIT + wait);
        match &self.bearer {
            Some(bearer) => request.header(header::AUTHORIZATION, bearer.clone()),
            None => request,
        }
    }

    /// Sends it; an answer that says no becomes a failure to do `what`.
    pub(super) async fn send(&self, what: &str, request: RequestBuilder) -> Result<Response, Failure> {
        let answer = request.send().await.map_err(|error| self.lost(what, &error))?;
        let status = answer.status();
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(answer);
        }
        let body = answer.bytes().await.map_err(|error| self.lost(what, &error))?;
        Err(self.refusal(what, status, &body))
    }

    /// Sends it and reads the JSON it is answered with.
    pub(super) async fn fetch<T: DeserializeOwned>(&self, what: &str, request: RequestBuilder) -> Result<T, Failure> {
        let answer = self.send(what, request).await?;
        self.read(what, answer).await
    }

    /// Reads the body of an answer.
    pub(super) async fn body(&self, what: &str, answer: Response) -> Result<bytes::Bytes, Failure> {
        answer.bytes().await.map_err(|error| self.lost(what, &error))
    }

    /// Reads the next part of the body of an answer; `None` at its end.
    pub(super) async fn piece(&self, what: &str, answer: &mut Response) -> Result<Option<bytes::Bytes>, Failure> {
        answer.chunk().await.map_err(|error| self.lost(what, &error))
    }

    /// Reads the JSON of an answer.
    pub(super) async fn read<T: DeserializeOwned>(&self, what: &str, answer: Response) -> Result<T, Failure> {
        let body = answer.bytes().await.map_err(|error| self.lost(what, &error))?;
        serde_json::from_slice(&body)
            .map_err(|error| self.strange(what, format!("the answer is not understood ({error})")))
    }

    /// What an answer that says no means; also used for a WebSocket that is not let in.
    pub(super) fn refusal(&self, what: &str, status: StatusCode, body: &[u8]) -> Failure {
        let what = what.to_owned();
        match serde_json::from_slice::<Problem>(body) {
            Ok(Problem { detail }) if status == StatusCode::NOT_FOUND => Failure::NotFound { what, detail },
            Ok(Problem { detail }) if status == StatusCode::UNAUTHORIZED && self.bearer.is_none() => {
                Failure::Stranger { what, detail }
            }
            Ok(Problem { detail }) => Failure::Refused { what, detail },
            Err(_) => self.strange(&what, format!("the answer is {status}, without a reason")),
        }
    }

    /// The answer is none that a hub gives.
    pub(super) fn strange(&self, what: &str, why: String) -> Failure {
        Failure::Strange { what: what.to_owned(), why, hub: self.hub.to_string() }
    }

    fn lost(&self, what: &str, error: &reqwest::Error) -> Failure {
        if error.is_timeout() && !error.is_connect() {
            Failure::Silent { what: what.to_owned(), limit: ANSWER_LIMIT }
        } else if let Some(why) = distrust(error) {
            Failure::Untrusted { hub: self.hub.to_string(), why }
        } else {
            Failure::Unreachable { hub: self.hub.to_string(), why: root_cause(error) }
        }
    }
}

/// RFC 6750.
fn bearer(token: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Failure::Usage {
        what: "cannot use the token".to_owned(),
        why: "it holds characters that no token has".to_owned(),
        next: "Copy it once more, or have another one made.",
    })?;
    value.set_sensitive(true);
    Ok(value)
}
