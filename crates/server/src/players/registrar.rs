//! Declares devices, as any device with an HTTP client can.
//!
//! A device that is declared already is left alone, so that a name given to it on the page survives a restart.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Client, StatusCode};
use serde_json::Value;

use super::Access;
use super::door::DoorError;
use super::model::Past;
use crate::plain_http;

const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// An HTTP client of the hub's registry. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Registrar {
    client: Client,
    hub: SocketAddr,
    is_demo: bool,
}

/// Whether a device has been here before, in this run of the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    First,
    Again,
}

impl Registrar {
    pub(crate) fn new(access: &Access) -> Result<Self, DoorError> {
        let bearer = HeaderValue::from_str(&format!("Bearer {}", access.token)).map_err(DoorError::lost)?;
        let client = plain_http::builder()
            .no_proxy()
            .timeout(ANSWER_LIMIT)
            .default_headers(HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]))
            .build()
            .map_err(DoorError::lost)?;
        Ok(Self { client, hub: access.http, is_demo: access.is_demo })
    }

    /// Sees to it that the device is declared. One that was, and is gone, has been removed by somebody. Says whether it is new.
    pub(crate) async fn admit(&self, device: &str, declaration: &Value, arrival: Arrival) -> Result<bool, DoorError> {
        match (self.is_there(device).await?, arrival) {
            (true, Arrival::First) if !self.is_demo => self.amend(device, declaration).await.map(|()| false),
            (true, _) => Ok(false),
            (false, Arrival::Again) => Err(DoorError::Removed),
            (false, Arrival::First) => self.declare(device, declaration).await.map(|()| true),
        }
    }

    /// Tells the history what a property has been.
    pub(crate) async fn remember(&self, device: &str, past: Past) -> Result<(), DoorError> {
        let url = format!("{}/{}/history", self.url(device), past.property);
        let request = self.client.post(url).header(header::CONTENT_TYPE, "text/csv").body(past.csv);
        accepted(request.send().await.map_err(lost)?).await
    }

    /// Whether the device is there as we declared it; a stray report may have registered the bare id.
    pub(crate) async fn is_there(&self, device: &str) -> Result<bool, DoorError> {
        let answer = self.client.get(self.url(device)).send().await.map_err(lost)?;
        match answer.status() {
            StatusCode::OK => {
                let view: Value = answer.json().await.map_err(lost)?;
                Ok(!self.is_demo || view["demo"] == true)
            }
            StatusCode::NOT_FOUND => Ok(false),
            status => Err(refusal(status, answer).await),
        }
    }

    /// What it is may have changed since it was here; what people call it and where it is stays.
    async fn amend(&self, device: &str, declaration: &Value) -> Result<(), DoorError> {
        let properties = serde_json::json!({"properties": declaration["properties"]});
        let answer = self.client.patch(self.url(device)).json(&properties).send().await.map_err(lost)?;
        accepted(answer).await
    }

    async fn declare(&self, device: &str, declaration: &Value) -> Result<(), DoorError> {
        let answer = self.client.put(self.url(device)).json(declaration).send().await.map_err(lost)?;
        accepted(answer).await
    }

    /// Reports a value over HTTP.
    pub(crate) async fn report(&self, device: &str, property: &str, payload: String) -> Result<(), DoorError> {
        let url = format!("{}/{property}", self.url(device));
        let request = self.client.put(url).header("content-type", "text/plain; charset=utf-8").body(payload);
        accepted(request.send().await.map_err(lost)?).await
    }

    fn url(&self, device: &str) -> String {
        format!("http://{}/api/devices/{device}", self.hub)
    }
}

async fn accepted(answer: reqwest::Response) -> Result<(), DoorError> {
    match answer.status() {
        status if status.is_success() => Ok(()),
        status => Err(refusal(status, answer).await),
    }
}

async fn refusal(status: StatusCode, answer: reqwest::Response) -> DoorError {
    let problem: Value = answer.json().await.unwrap_or_default();
    DoorError::Refused(problem["detail"].as_str().map_or_else(|| status.to_string(), str::to_owned))
}

/// The innermost reason; reqwest's own texts repeat the address.
fn lost(error: reqwest::Error) -> DoorError {
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    DoorError::lost(cause)
}
