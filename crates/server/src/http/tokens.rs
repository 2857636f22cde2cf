//! Tokens of devices and apps: made, listed, changed, revoked. A token's secret is in the answer that makes it, and nowhere else.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use housewire_core::{DeclareMode, DeviceId, Filter};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::accounts::{CredentialId, Expiry, Kind, NewToken, TokenChange, TokenOwner};
use crate::caller::Caller;
use crate::http::body::Upload;
use crate::http::describe::{BadRequest, BodyAnswers, Conflict, DeviceParam, Forbidden, NoRoom, NotFound, Unusable};
use crate::http::path::{DevicePath, NumberPath};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::rights::{Named, named, parse_change, parse_grant};
use crate::refusal::Refusal;
use crate::shard::now;
use crate::view::account::{NewTokenJson, TokenJson};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAppToken)]
struct AppToken {
    name: String,
    role: Option<String>,
    read: Option<Vec<String>>,
    write: Option<Vec<String>>,
    deny: Option<Vec<String>>,
    expires: Option<String>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = NewDeviceToken)]
struct DeviceToken {
    name: String,
    expires: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TokenChange)]
struct Changed {
    name: Option<String>,
    role: Option<String>,
    #[serde(default, deserialize_with = "named")]
    read: Named<Vec<String>>,
    #[serde(default, deserialize_with = "named")]
    write: Named<Vec<String>>,
    deny: Option<Vec<String>>,
    #[serde(default, deserialize_with = "named")]
    expires: Named<String>,
}

/// `GET /api/tokens`: all of them, or those of one device.
#[utoipa::path(
    get, path = "/api/tokens", operation_id = "listTokens", tag = "Tokens",
    summary = "Lists tokens and certificates of devices and apps",
    description = "For administrators; those of one device also for people who may do all that it may.",
    params(DeviceParam),
    responses((status = 200, description = "They, without what is secret of them.", body = [TokenJson]), BadRequest, Forbidden),
)]
pub(crate) async fn list(caller: Caller, query: Query) -> Result<Json<Vec<TokenJson>>, Problem> {
    let device = query.first("device").map(|id| DeviceId::parse(&id)).transpose().map_err(Refusal::from)?;
    match &device {
        Some(device) => must_hand_out(&caller, device)?,
        None => caller.must_administer()?,
    }
    let tokens = caller.accounts(move |accounts| Ok(accounts.tokens(device.as_ref()))).await?;
    Ok(Json(tokens.iter().map(|credential| TokenJson::new(credential)).collect()))
}

/// `POST /api/tokens`: for an app.
#[utoipa::path(
    post, path = "/api/tokens", operation_id = "createToken", tag = "Tokens",
    summary = "Makes a token for an app",
    description = "For administrators. The token is in this answer and nowhere else.",
    request_body(content = AppToken, example = json!({"name": "Node-RED", "role": "member", "expires": "90d"})),
    responses((status = 201, description = "The token.", body = NewTokenJson<'static>), BodyAnswers, Forbidden, Conflict, Unusable, NoRoom),
)]
pub(crate) async fn create(caller: Caller, upload: Upload) -> Result<Response, Problem> {
    caller.must_administer()?;
    let AppToken { name, role, read, write, deny, expires } = upload.json("a name, and what the app may do")?;
    let grant = parse_grant(role.as_deref().unwrap_or("member"), read, write, deny)?;
    make(caller, NewToken { owner: TokenOwner::App(grant), label: name, expires: parse_expiry(expires)? }).await
}

/// `POST /api/devices/{id}/token`: makes the device, too, if there is none.
#[utoipa::path(
    post, path = "/api/devices/{id}/token", operation_id = "createDeviceToken", tag = "Tokens",
    summary = "Makes a token for a device",
    description = "For administrators, and people who may do all that the device may. Makes the device, too, if there is none. The token is in \
                   this answer and nowhere else; it serves as MQTT password, bearer token and Blynk token alike.",
    params(DevicePath),
    request_body(content = DeviceToken, description = "What it is called, and until when; or no body.", example = json!({"name": "first sketch"})),
    responses((status = 201, description = "The token.", body = NewTokenJson<'static>), BodyAnswers, Forbidden, Conflict, Unusable, NoRoom),
)]
pub(crate) async fn create_for_device(
    caller: Caller,
    DevicePath(device): DevicePath,
    upload: Upload,
) -> Result<Response, Problem> {
    must_hand_out(&caller, &device)?;
    let DeviceToken { name, expires } = match upload.bytes.is_empty() {
        true => DeviceToken::default(),
        false => upload.json("a name and when it expires, or no body")?,
    };
    let expires = parse_expiry(expires)?;
    if caller.hub().device(&device).is_none() {
        caller.hub().declare(&device, BTreeMap::new(), DeclareMode::Merge, |info| info.clone(), now())?;
        caller.registry_saved().await?;
    }
    make(caller, NewToken { owner: TokenOwner::Device(device), label: name, expires }).await
}

async fn make(caller: Caller, new: NewToken) -> Result<Response, Problem> {
    let by = caller.change();
    let (secret, credential) = caller.accounts(move |accounts| accounts.create_token(new, &by)).await?;
    let made = NewTokenJson { token: secret.reveal(), entry: TokenJson::new(&credential) };
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// `PATCH /api/tokens/{id}`
#[utoipa::path(
    patch, path = "/api/tokens/{id}", operation_id = "changeToken", tag = "Tokens",
    summary = "Changes what a token is called, what it may, and until when",
    description = "For administrators. At once and on every connection; only what is named changes.",
    params(NumberPath),
    request_body(content = Changed, example = json!({"name": "Node-RED in the cellar"})),
    responses((status = 200, description = "The token.", body = TokenJson), BodyAnswers, Forbidden, NotFound, Conflict, Unusable, NoRoom),
)]
pub(crate) async fn change(
    caller: Caller,
    NumberPath(id): NumberPath,
    upload: Upload,
) -> Result<Json<TokenJson>, Problem> {
    caller.must_administer()?;
    let Changed { name, role, read, write, deny, expires } = upload.json("what is to be changed")?;
    let change = TokenChange {
        label: name,
        rights: parse_change(role, read, write, deny)?,
        expires: expires.map(parse_expiry).transpose()?,
        enabled: None,
    };
    let (id, by) = (number(id)?, caller.change());
    caller.shard.accounts.token(id)?;
    let changed = caller.accounts(move |accounts| accounts.change_token(id, change, &by)).await?;
    Ok(Json(TokenJson::new(&changed)))
}

/// `DELETE /api/tokens/{id}`: at once, and on every connection.
#[utoipa::path(
    delete, path = "/api/tokens/{id}", operation_id = "revokeToken", tag = "Tokens",
    summary = "Revokes a token or certificate",
    description = "Its connections end at once.",
    params(NumberPath),
    responses((status = 204, description = "It opens nothing any more."), BadRequest, Forbidden, NotFound, NoRoom),
)]
pub(crate) async fn revoke(caller: Caller, NumberPath(id): NumberPath) -> Result<StatusCode, Problem> {
    let id = number(id)?;
    match caller.shard.accounts.token(id).ok().and_then(|token| token.device().cloned()) {
        Some(device) => must_hand_out(&caller, &device)?,
        None => caller.must_administer()?,
    }
    // People's keys are elsewhere.
    caller.shard.accounts.token(id)?;
    let by = caller.change();
    caller.accounts(move |accounts| accounts.revoke(id, &by)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tokens of a device are handed out by whoever administers, and by people who may do themselves all that
/// it opens. A device makes none for itself, nor does a guest: a token outlives what let them in.
pub(crate) fn must_hand_out(caller: &Caller, device: &DeviceId) -> Result<(), Problem> {
    let opened = Filter::parse(&format!("devices/{device}/#")).expect("an id is a valid level");
    let may = caller.login.kind == Kind::Person && caller.principal().permissions().allow_all_within(&opened);
    if may { Ok(()) } else { Ok(caller.must_administer()?) }
}

pub(crate) fn number(id: u32) -> Result<CredentialId, Problem> {
    CredentialId::new(id).ok_or_else(|| Problem::not_found("There is no such token."))
}

pub(crate) fn parse_expiry(text: Option<String>) -> Result<Expiry, Problem> {
    Ok(text.map(|text| Expiry::parse(&text, now().wall)).transpose()?.unwrap_or_default())
}
