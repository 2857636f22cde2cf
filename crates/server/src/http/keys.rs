//! API keys of people, for programs that were written for Bolt's cloud: made, listed, switched off and on, deleted. A key is in the
//! answer that makes it, and nowhere else.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::accounts::{Credential, CredentialId, Kind, NewToken, TokenChange, TokenOwner};
use crate::caller::Caller;
use crate::http::body::Upload;
use crate::http::describe::{BadRequest, BodyAnswers, Conflict, Forbidden, NoRoom, NotFound, Unusable};
use crate::http::path::NumberPath;
use crate::http::problem::Problem;
use crate::http::rights::{Named, named};
use crate::http::tokens::{number, parse_expiry};
use crate::view::account::{KeyJson, NewKeyJson};

#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = ApiKeyAsked)]
struct Asked {
    /// What to know it by.
    name: String,
    /// Whose it is to be: your own if not said, another's for administrators.
    user: Option<String>,
    /// A moment, or how long from now (`90d`); it does not end if not said.
    expires: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApiKeyChange)]
struct Changed {
    name: Option<String>,
    enabled: Option<bool>,
    #[serde(default, deserialize_with = "named")]
    expires: Named<String>,
}

/// `GET /api/keys`
#[utoipa::path(
    get, path = "/api/keys", operation_id = "listKeys", tag = "Tokens",
    summary = "Lists API keys",
    description = "Your own; administrators see all.",
    responses((status = 200, description = "They, without what is secret of them.", body = [KeyJson]), BadRequest, Forbidden),
)]
pub(crate) async fn list(caller: Caller) -> Result<Json<Vec<KeyJson>>, Problem> {
    let own = match caller.principal().may_administer() {
        true => None,
        false => Some(person(&caller)?),
    };
    let keys = caller.accounts(move |accounts| Ok(accounts.keys(own.as_deref()))).await?;
    Ok(Json(keys.iter().map(|key| KeyJson::new(key)).collect()))
}

/// `POST /api/keys`
#[utoipa::path(
    post, path = "/api/keys", operation_id = "createKey", tag = "Tokens",
    summary = "Makes an API key for Bolt's cloud API",
    description = "Whoever has it may do over that API what its person may. It opens nothing else. The key is in this answer and nowhere else.",
    request_body(content = Asked, example = json!({"name": "Balcony script"})),
    responses((status = 201, description = "The key.", body = NewKeyJson<'static>), BodyAnswers, Forbidden, NotFound, Conflict, Unusable, NoRoom),
)]
pub(crate) async fn create(caller: Caller, upload: Upload) -> Result<(StatusCode, axum::response::Response), Problem> {
    use axum::response::IntoResponse as _;
    let Asked { name, user, expires } = match upload.bytes.is_empty() {
        true => Asked::default(),
        false => upload.json("a name, whose it is and when it expires, or no body")?,
    };
    let user = match user {
        Some(user) if caller.login.kind != Kind::Person || user != caller.principal().name() => {
            caller.must_administer()?;
            user
        }
        Some(user) => user,
        None => person(&caller)?,
    };
    let new = NewToken { owner: TokenOwner::Person(user), label: name, expires: parse_expiry(expires)? };
    let by = caller.change();
    let (secret, key) = caller.accounts(move |accounts| accounts.create_token(new, &by)).await?;
    let made = NewKeyJson { key: secret.reveal(), entry: KeyJson::new(&key) };
    Ok((StatusCode::CREATED, Json(made).into_response()))
}

/// `PATCH /api/keys/{id}`
#[utoipa::path(
    patch, path = "/api/keys/{id}", operation_id = "changeKey", tag = "Tokens",
    summary = "Switches an API key off or on, or changes its name or end",
    description = "Your own; any for administrators. At once; only what is named changes.",
    params(NumberPath),
    request_body(content = Changed, example = json!({"enabled": false})),
    responses((status = 200, description = "The key.", body = KeyJson), BodyAnswers, Forbidden, NotFound, Conflict, Unusable, NoRoom),
)]
pub(crate) async fn change(
    caller: Caller,
    NumberPath(id): NumberPath,
    upload: Upload,
) -> Result<Json<KeyJson>, Problem> {
    let id = own(&caller, id)?;
    let Changed { name, enabled, expires } = upload.json("what is to be changed: name, enabled, expires")?;
    let expires = expires.map(parse_expiry).transpose()?;
    let change = TokenChange { label: name, expires, enabled, ..TokenChange::default() };
    let by = caller.change();
    let changed: Arc<Credential> = caller.accounts(move |accounts| accounts.change_token(id, change, &by)).await?;
    Ok(Json(KeyJson::new(&changed)))
}

/// `DELETE /api/keys/{id}`
#[utoipa::path(
    delete, path = "/api/keys/{id}", operation_id = "deleteKey", tag = "Tokens",
    summary = "Deletes an API key",
    description = "Your own; any for administrators. At once.",
    params(NumberPath),
    responses((status = 204, description = "It opens nothing any more."), BadRequest, Forbidden, NotFound, NoRoom),
)]
pub(crate) async fn remove(caller: Caller, NumberPath(id): NumberPath) -> Result<StatusCode, Problem> {
    let (id, by) = (own(&caller, id)?, caller.change());
    caller.accounts(move |accounts| accounts.revoke(id, &by)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keys belong to people with an account here: a guest, an app or a device has none, nor has a person of the config file.
fn person(caller: &Caller) -> Result<String, Problem> {
    let name = caller.principal().name();
    if caller.login.kind == Kind::Person && caller.shard.accounts.has_person(name) {
        return Ok(name.to_owned());
    }
    let text = "An API key belongs to a person with an account. Sign in as one, or name one in 'user' if you administer the hub.";
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", text))
}

/// The key of this number, if it is the caller's to change.
fn own(caller: &Caller, id: u32) -> Result<CredentialId, Problem> {
    let nothing = || Problem::not_found("There is no such API key; it may have been deleted already.");
    let id = number(id)?;
    let key = caller.shard.accounts.key(id)?;
    let whose = key.person().ok_or_else(nothing)?;
    if caller.principal().may_administer() || person(caller)? == whose {
        return Ok(id);
    }
    // Whose it is, and whether there is one, is no business of others.
    Err(nothing())
}
