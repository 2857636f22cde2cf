//! What a path names: a device, one of its properties, a topic.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use housewire_core::{DeviceId, PropertyName, Topic, TopicRef};
use percent_encoding::percent_decode_str;

use crate::http::problem::Problem;
use crate::refusal::{Refusal, parse_topic, shorten};

/// `/api/devices/{id}`
pub(crate) struct DevicePath(pub(crate) DeviceId);

/// `/api/devices/{id}/{property}` and what is below.
#[derive(Debug)]
pub(crate) struct PropertyPath {
    pub(crate) device: DeviceId,
    pub(crate) property: PropertyName,
}

/// `/api/clients/{id}`: any text, as MQTT's client ids are.
pub(crate) struct ClientPath(pub(crate) String);

/// `/api/discovered/{id}`
pub(crate) struct FindPath(pub(crate) String);

/// `/api/dashboards/{id}`
pub(crate) struct DashboardPath(pub(crate) String);

/// `/api/dashboards/{id}/shares/{share}`
pub(crate) struct SharePath(pub(crate) String);

/// `/api/users/{name}`
pub(crate) struct NamePath(pub(crate) String);

/// `/api/tokens/{id}`, `/api/sessions/{id}`; 0 is the number of nothing.
pub(crate) struct NumberPath(pub(crate) u32);

/// `/api/topics/{topic}`
pub(crate) struct TopicPath(pub(crate) Topic);

impl PropertyPath {
    /// The topic of the property, or the one below it.
    pub(crate) fn topic(&self, below: &str) -> Topic {
        let Self { device, property } = self;
        let topic = format!("devices/{device}/{property}{below}");
        TopicRef::parse(&topic).expect("made of valid names").to_topic()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for DevicePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(DeviceId::parse(&parameter(parts, state, "id").await?)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PropertyPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let device = DeviceId::parse(&parameter(parts, state, "id").await?)?;
        // A route for something else that is done to a device names it itself; read and reported it is a property like others.
        let last = parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
        let property = find_parameter(parts, state, "property").await?.unwrap_or(last);
        Ok(Self { device, property: PropertyName::parse(&property)? })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ClientPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(parameter(parts, state, "id").await?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for FindPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(parameter(parts, state, "id").await?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for DashboardPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(parameter(parts, state, "id").await?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SharePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(parameter(parts, state, "share").await?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NamePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(parameter(parts, state, "name").await?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NumberPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = parameter(parts, state, "id").await?;
        let number = text.parse().map_err(|_| Refusal::BadRequest(format!("'{}' is no number", shorten(&text))))?;
        Ok(Self(number))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TopicPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Self::parse(parts.uri.path())
    }
}

impl TopicPath {
    /// Every slash counts, those at the ends and those written as `%2F` too; percent signs are undone once.
    pub(crate) fn parse(path: &str) -> Result<Self, Problem> {
        let path = path.strip_prefix("/api/topics/").unwrap_or(path);
        let text = percent_decode_str(path).decode_utf8();
        let text = text.map_err(|_| Refusal::Topic(shorten(path), "it is not UTF-8".into()))?;
        Ok(Self(parse_topic(&text)?))
    }
}

async fn parameter<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Result<String, Problem> {
    Ok(find_parameter(parts, state, name).await?.expect("the route has this parameter"))
}

async fn find_parameter<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Result<Option<String>, Problem> {
    let parameters = RawPathParams::from_request_parts(parts, state).await;
    let parameters = parameters.map_err(|error| Refusal::BadRequest(error.body_text()))?;
    Ok(parameters.iter().find(|(have, _)| *have == name).map(|(_, value)| value.to_owned()))
}
