//! Bolt's cloud API over HTTP, for programs that were written for it: `/remote/KEY/COMMAND?PARAMETERS`.
//!
//! What it answers is Bolt's, to the byte, so that it is not among the routes of our API and not described there. The key in the
//! address is a person's; what is asked of a device goes to it as through every door, and is answered when the device confirms it.

mod board;
mod find;
mod past;
mod run;
mod serial;

use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderName, Method, Request, Response, StatusCode};
use housewire_protocols::bolt::{Answer, Call, Command, Invalid, Parameters, Style, Verb};

pub(super) use self::find::Names;
use crate::accounts::{KeyError, Via};
use crate::caller::Caller;
use crate::limits::BOLT_FORM_BYTES_MAX;
use crate::peer::Peer;
use crate::refusals::{self, Whose};
use crate::shard::{ConnectionGuard, Shard};

/// Where a request came in.
pub(super) struct Door {
    pub(super) shard: Shard,
    pub(super) peer: Peer,
    pub(super) alive: Arc<ConnectionGuard>,
}

/// Why a command failed, in Bolt's words where those are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Key,
    KeyDisabled,
    Command,
    Method,
    Device,
    Offline,
    /// The person may not do this.
    Denied,
    /// The device did not confirm it.
    TimedOut,
    NoHistory,
    Invalid(Invalid),
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "Invalid API key",
            Self::KeyDisabled => "API is disabled",
            Self::Command => "Invalid command",
            Self::Method => "Use GET or POST",
            Self::Device => "Device does not exist",
            Self::Offline => "Device is offline",
            Self::Denied => "Permission denied",
            Self::TimedOut => "Command timed out",
            Self::NoHistory => "History is not available",
            Self::Invalid(invalid) => return invalid.fmt(f),
        })
    }
}

/// Whether a path is Bolt's.
pub(super) fn is_bolts(path: &str) -> bool {
    Call::of(path).is_some()
}

/// Answers a request to such a path.
pub(super) async fn answer(door: Door, request: Request<Body>) -> Response<Body> {
    let style = if door.shard.config.bolt.integers { Style::Integers } else { Style::AsDocumented };
    let (parts, body) = request.into_parts();
    if parts.method == Method::OPTIONS {
        return allowed();
    }
    let path = parts.uri.path();
    let call = Call::of(path).expect("whoever calls has looked");
    let verb = Verb::parse(call.command);
    let is_method = parts.method == Method::GET || parts.method == Method::POST;
    let answer = if is_method {
        let mut parameters = Parameters::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let kind = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        if parts.method == Method::POST && kind.starts_with(b"application/x-www-form-urlencoded") {
            // What is too long says nothing, as if it was not there.
            let form = axum::body::to_bytes(body, BOLT_FORM_BYTES_MAX).await.unwrap_or_default();
            parameters.add_form(&form);
        }
        obey(door, call.key, verb, &parameters).await
    } else {
        Err(Failure::Method)
    };
    let answer = answer.unwrap_or_else(|failure| Answer::Failure(failure.to_string()));
    let mut response = Response::new(Body::from(answer.to_json(verb, style)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !is_method {
        headers.insert(header::ALLOW, METHODS);
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    }
    response
}

async fn obey(door: Door, key: &str, verb: Option<Verb>, parameters: &Parameters) -> Result<Answer, Failure> {
    let caller = identify(door, key)?;
    let verb = verb.ok_or(Failure::Command)?;
    let Some(parameter) = verb.device_parameter() else {
        return Ok(find::list(&caller).await);
    };
    let name = parameters.text(parameter).unwrap_or_default();
    let device = find::by_name(&caller, name).await.ok_or(Failure::Device)?;
    let command = Command::parse(verb, parameters)?;
    run::run(&caller, name, device, command).await
}

/// Whose key that is.
fn identify(door: Door, key: &str) -> Result<Caller, Failure> {
    let Door { shard, peer, alive } = door;
    match shard.accounts.by_key(key, peer.address().ip(), Via::Bolt) {
        Ok(login) => {
            alive.tap().note_user(&shard.taps, &login.principal);
            let session = shard.hub.new_session();
            Ok(Caller { shard, login, refusal: None, peer, session, alive })
        }
        Err(error) => {
            // The answer is Bolt's, which says nothing more; whoever looks after the hub hears why.
            let whose = Whose { transport: "http", peer: Some(peer.address()), ..Whose::default() };
            shard.refusals.note(&shard.hub, whose, refusals::Kind::Credentials, error.to_string());
            Err(if error == KeyError::Disabled { Failure::KeyDisabled } else { Failure::Key })
        }
    }
}

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");

/// What a browser hears that asks first: pages of any site may call this, as they show a key and nothing else.
fn allowed() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ALLOW, METHODS),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Cache-Control, Content-Type")),
        (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600")),
        (HeaderName::from_static("access-control-allow-private-network"), HeaderValue::from_static("true")),
    ] {
        headers.insert(name, value);
    }
    response
}
