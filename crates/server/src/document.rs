//! The API described for programs: OpenAPI for HTTP, AsyncAPI for WebSocket frames and MQTT topics.
//!
//! Made from what stands beside the handlers and types, once, when somebody asks for it first; what a single operation or
//! frame is belongs there.

mod asyncapi;
mod openapi;
mod schemas;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::OnceLock;

use axum::http::HeaderValue;
use bytes::Bytes;
use serde_json::Value;

use crate::aside::aside;

/// One of the documents, as it is served.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) json: Bytes,
    /// Its entity tag.
    pub(crate) tag: HeaderValue,
}

/// A document that is made when it is first asked for, which may take some milliseconds.
pub(crate) struct Kept {
    made: OnceLock<Document>,
    make: fn() -> Value,
}

/// What there is to HTTP.
pub(crate) static OPENAPI: Kept = Kept { made: OnceLock::new(), make: openapi::make };
/// What there is to WebSockets and MQTT.
pub(crate) static ASYNCAPI: Kept = Kept { made: OnceLock::new(), make: asyncapi::make };

impl Kept {
    /// The document; made aside if it is not there yet.
    pub(crate) async fn get(&'static self) -> Document {
        match self.made.get() {
            Some(made) => made.clone(),
            None => aside(|| self.made.get_or_init(|| Document::of(&(self.make)())).clone()).await,
        }
    }
}

impl Document {
    fn of(value: &Value) -> Self {
        let json = serde_json::to_vec(value).expect("a value is JSON, and memory takes it");
        let mut hasher = DefaultHasher::new();
        json.hash(&mut hasher);
        let tag = HeaderValue::from_str(&format!("\"{:016x}\"", hasher.finish())).expect("quoted hexadecimal digits");
        Self { json: json.into(), tag }
    }
}

#[cfg(test)]
mod tests;
