//! Tokens of devices and apps: made, listed, changed, revoked. A token's secret is in the answer that makes it, and nowhere else.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use housewire_core::{DeclareMode, DeviceId, Filter};
use serde::Deserialize;

use crate::accounts::{CredentialId, Expiry, Kind, NewToken, TokenChange, TokenOwner};
use crate::caller::Caller;
use crate::http::body::Upload;
use crate::http::path::{DevicePath, NumberPath};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::rights::{Named, named, parse_filters, parse_grant, parse_named, parse_role};
use crate::refusal::Refusal;
use crate::shard::now;
use crate::view::account::{NewTokenJson, TokenJson};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppToken {
    name: String,
    role: Option<String>,
    read: Option<Vec<String>>,
    write: Option<Vec<String>>,
    deny: Option<Vec<String>>,
    expires: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DeviceToken {
    name: String,
    expires: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
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
pub(crate) async fn list(caller: Caller, query: Query) -> Result<Json<Vec<TokenJson>>, Problem> {
    let device = query.text("device").map(|id| DeviceId::parse(&id)).transpose().map_err(Refusal::from)?;
    match &device {
        Some(device) => must_hand_out(&caller, device)?,
        None => caller.must_administer()?,
    }
    let tokens = caller.shard.accounts.tokens(device.as_ref());
    Ok(Json(tokens.iter().map(|credential| TokenJson::new(credential)).collect()))
}

/// `POST /api/tokens`: for an app.
pub(crate) async fn create(caller: Caller, upload: Upload) -> Result<Response, Problem> {
    caller.must_administer()?;
    let AppToken { name, role, read, write, deny, expires } = upload.json("a name, and what the app may do")?;
    let grant = parse_grant(role.as_deref().unwrap_or("member"), read, write, deny)?;
    make(caller, NewToken { owner: TokenOwner::App(grant), label: name, expires: parse_expiry(expires)? }).await
}

/// `POST /api/devices/{id}/token`: makes the device, too, if there is none.
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
pub(crate) async fn change(
    caller: Caller,
    NumberPath(id): NumberPath,
    upload: Upload,
) -> Result<Json<TokenJson>, Problem> {
    caller.must_administer()?;
    let Changed { name, role, read, write, deny, expires } = upload.json("what is to be changed")?;
    let change = TokenChange {
        label: name,
        role: role.as_deref().map(parse_role).transpose()?,
        read: parse_named(read)?,
        write: parse_named(write)?,
        deny: deny.map(parse_filters).transpose()?,
        expires: expires.map(parse_expiry).transpose()?,
    };
    let (id, by) = (number(id)?, caller.change());
    let changed = caller.accounts(move |accounts| accounts.change_token(id, change, &by)).await?;
    Ok(Json(TokenJson::new(&changed)))
}

/// `DELETE /api/tokens/{id}`: at once, and on every connection.
pub(crate) async fn revoke(caller: Caller, NumberPath(id): NumberPath) -> Result<StatusCode, Problem> {
    let id = number(id)?;
    match caller.shard.accounts.token(id).ok().and_then(|token| token.device().cloned()) {
        Some(device) => must_hand_out(&caller, &device)?,
        None => caller.must_administer()?,
    }
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

fn number(id: u32) -> Result<CredentialId, Problem> {
    CredentialId::new(id).ok_or_else(|| Problem::not_found("There is no such token."))
}

fn parse_expiry(text: Option<String>) -> Result<Expiry, Problem> {
    Ok(text.map(|text| Expiry::parse(&text, now().wall)).transpose()?.unwrap_or_default())
}
