//! Signing in and out with a browser, setting the hub up, and what somebody may know and change of himself.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use housewire_core::Role;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::accounts::{
    AccountError, Credential, CredentialId, Event, Kind, Login, PersonChange, Secret, Via, share_of,
};
use crate::caller::Caller;
use crate::http::body::Upload;
use crate::http::describe::{
    BadRequest, BodyAnswers, Busy, Conflict, Forbidden, NoRoom, NotFound, Slowed, Unusable, UserParam,
};
use crate::http::identify::{self, COOKIE, SECURE_COOKIE, Shown};
use crate::http::path::NumberPath;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::tls;
use crate::view::account::{GuestJson, LoginFacts, SessionJson, WhoJson};

/// As long as a session lives without use, in seconds.
const COOKIE_LIFE_S: u64 = crate::accounts::SESSION_LIFE.as_secs();

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignIn)]
pub(crate) struct SignIn {
    name: String,
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetUp)]
pub(crate) struct SetUp {
    key: Option<String>,
    name: String,
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPassword)]
pub(crate) struct NewPassword {
    old: String,
    new: String,
}

/// `GET /api/session`: who asks, for anybody.
#[utoipa::path(
    get, path = "/api/session", operation_id = "getSession", tag = "People",
    summary = "Says who asks, and what he may",
    description = "For anybody, signed in or not.",
    responses((status = 200, description = "Who asks.", body = WhoJson)),
    security(()),
)]
pub(crate) async fn show(caller: Caller, headers: HeaderMap) -> Json<WhoJson> {
    Json(who(&caller, &caller.login, &headers))
}

/// `POST /api/session`: signs a browser in.
#[utoipa::path(
    post, path = "/api/session", operation_id = "signIn", tag = "People",
    summary = "Signs a browser in",
    description = "Whoever fails too often is slowed, by address and by name.",
    request_body(content = SignIn, example = json!({"name": "alice", "password": "correct horse battery"})),
    responses(
        (
            status = 200, description = "Signed in.", body = WhoJson,
            headers(("Set-Cookie" = String, description = "The session, for this browser alone.")),
        ),
        BodyAnswers, Forbidden, Slowed, Busy, NoRoom,
    ),
    security(()),
)]
pub(crate) async fn sign_in(caller: Caller, headers: HeaderMap, upload: Upload) -> Result<Response, Problem> {
    must_be_our_page(&caller, &headers)?;
    let SignIn { name, password } = upload.json("a name and a password")?;
    let address = caller.peer.address().ip();
    let login = caller.shard.accounts.by_password(&name, password.into_bytes(), address, Via::Http);
    let login = login.await.map_err(identify::refusal)?;
    open(caller, StatusCode::OK, login.principal.name().to_owned(), login.shown, &headers).await
}

/// `POST /api/setup`: makes the first admin, and signs him in.
#[utoipa::path(
    post, path = "/api/setup", operation_id = "setUp", tag = "People",
    summary = "Makes the first administrator",
    description = "Takes the key of the set-up link, or a request of the guest of the hub's own machine. Signs the browser in.",
    request_body(content = SetUp, example = json!({"key": "from the link", "name": "alice", "password": "correct horse battery"})),
    responses(
        (
            status = 201, description = "The hub has an administrator, who is signed in.", body = WhoJson,
            headers(("Set-Cookie" = String, description = "The session, for this browser alone.")),
        ),
        BodyAnswers, Forbidden, Conflict, Unusable, Slowed, Busy, NoRoom,
    ),
    security(()),
)]
pub(crate) async fn set_up(caller: Caller, headers: HeaderMap, upload: Upload) -> Result<Response, Problem> {
    must_be_our_page(&caller, &headers)?;
    let SetUp { key, name, password } = upload.json("a name and a password, and the key of the set-up link")?;
    let has_full_rights = caller.login.principal.may_administer();
    let by = caller.change();
    let done = caller.accounts(move |accounts| accounts.set_up(key.as_deref(), has_full_rights, &name, &password, &by));
    let person = match done.await {
        // Guessing it is hopeless; trying to is slowed all the same.
        Err(wrong @ AccountError::WrongKey) => {
            let address = caller.peer.address().ip();
            caller.shard.accounts.note_wrong_credential(address).map_err(identify::refusal)?;
            return Err(wrong.into());
        }
        done => done?,
    };
    open(caller, StatusCode::CREATED, person.record.name, None, &headers).await
}

/// `DELETE /api/session`: signs the browser out.
#[utoipa::path(
    delete, path = "/api/session", operation_id = "signOut", tag = "People",
    summary = "Signs the browser out",
    responses(
        (status = 204, description = "Nobody is signed in here any more.", headers(("Set-Cookie" = String, description = "Cleared."))),
        Forbidden, NotFound, NoRoom,
    ),
    security(()),
)]
pub(crate) async fn sign_out(caller: Caller) -> Result<Response, Problem> {
    if let (Kind::Person, Some(id)) = (caller.login.kind, caller.login.credential) {
        let by = caller.change();
        caller.accounts(move |accounts| accounts.end_session(id, Event::SignOut, &by)).await?;
    }
    let mut answer = StatusCode::NO_CONTENT.into_response();
    set_cookie(&caller, "", 0, answer.headers_mut());
    Ok(answer)
}

/// `GET /api/sessions`: browsers that somebody is signed in with; his own unless an administrator asks for another's.
#[utoipa::path(
    get, path = "/api/sessions", operation_id = "listSessions", tag = "People",
    summary = "Lists the browsers that somebody is signed in with",
    params(UserParam),
    responses((status = 200, description = "His own, or those of whom an administrator asks for.", body = [SessionJson]), Forbidden, NotFound),
)]
pub(crate) async fn list(caller: Caller, query: Query) -> Result<Json<Vec<SessionJson>>, Problem> {
    let name = match query.first("user") {
        Some(user) if user != caller.login.principal.name() => {
            caller.must_administer()?;
            caller.shard.accounts.person(&user)?.record.name
        }
        _ => own_name(&caller)?,
    };
    let sessions = caller.shard.accounts.sessions(&name);
    Ok(Json(sessions.iter().map(|session| SessionJson::new(session, caller.login.credential)).collect()))
}

/// `DELETE /api/sessions/{id}`: signs a browser out from elsewhere.
#[utoipa::path(
    delete, path = "/api/sessions/{id}", operation_id = "endSession", tag = "People",
    summary = "Signs a browser out from elsewhere",
    params(NumberPath),
    responses((status = 204, description = "It is signed out."), BadRequest, Forbidden, NotFound, NoRoom),
)]
pub(crate) async fn end(caller: Caller, NumberPath(id): NumberPath) -> Result<StatusCode, Problem> {
    let id = CredentialId::new(id).ok_or_else(|| Problem::not_found("There is no such session."))?;
    let is_own = caller.login.kind == Kind::Person
        && caller.shard.accounts.sessions(caller.login.principal.name()).iter().any(|session| session.id() == id);
    if !is_own {
        caller.must_administer()?;
    }
    let by = caller.change();
    caller.accounts(move |accounts| accounts.end_session(id, Event::SessionEnded, &by)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/password`: somebody changes his own. Whoever else is signed in as him is not any more.
#[utoipa::path(
    post, path = "/api/password", operation_id = "changePassword", tag = "People",
    summary = "Changes one's own password",
    description = "Whoever else is signed in by the old one is not any more.",
    request_body(content = NewPassword, example = json!({"old": "correct horse battery", "new": "correct horse battery staple"})),
    responses(
        (status = 204, description = "It is changed."),
        BodyAnswers, Forbidden, Unusable, Slowed, Busy, NoRoom,
    ),
)]
pub(crate) async fn change_password(caller: Caller, upload: Upload) -> Result<StatusCode, Problem> {
    let name = own_name(&caller)?;
    let NewPassword { old, new } = upload.json("the old and the new password")?;
    let address = caller.peer.address().ip();
    let checked = caller.shard.accounts.by_password(&name, old.into_bytes(), address, Via::Http).await;
    checked.map_err(|error| match error {
        // 401 would say that he is not signed in.
        crate::accounts::LoginError::Refused => {
            Problem::new(StatusCode::FORBIDDEN, "wrong_password", "The old password is wrong.")
        }
        other => identify::refusal(other),
    })?;
    let (by, keep) = (caller.change(), caller.login.credential);
    let change = PersonChange { password: Some(new), ..PersonChange::default() };
    caller.accounts(move |accounts| accounts.change_person(&name, change, keep, &by)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn own_name(caller: &Caller) -> Result<String, Problem> {
    match caller.login.kind {
        Kind::Person => Ok(caller.login.principal.name().to_owned()),
        _ => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "Only somebody with an account has this: sign in first.",
        )),
    }
}

/// Opens a session and hands its cookie out.
async fn open(
    caller: Caller,
    status: StatusCode,
    name: String,
    shown: Option<[u8; 32]>,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default().to_owned();
    let address = caller.peer.address().ip();
    let opened = caller.accounts(move |accounts| accounts.open_session(&name, shown, &agent, address)).await;
    let (secret, session): (Secret, std::sync::Arc<Credential>) = opened?;
    let login = Login {
        principal: std::sync::Arc::clone(&session.principal),
        kind: Kind::Person,
        credential: Some(session.id()),
        shown: None,
    };
    let mut answer = (status, Json(who(&caller, &login, headers))).into_response();
    set_cookie(&caller, secret.reveal(), COOKIE_LIFE_S, answer.headers_mut());
    Ok(answer)
}

pub(crate) fn set_cookie(caller: &Caller, value: &str, seconds: u64, headers: &mut HeaderMap) {
    let cookie = if caller.peer.is_secure() {
        format!("{SECURE_COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict; Secure")
    } else {
        format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict")
    };
    let cookie = HeaderValue::from_str(&cookie).expect("a secret needs no escaping");
    headers.append(header::SET_COOKIE, cookie);
}

/// Nobody is signed in by another site either, as another user than he thinks.
pub(crate) fn must_be_our_page(caller: &Caller, headers: &HeaderMap) -> Result<(), Problem> {
    let shown = Shown { method: &axum::http::Method::POST, uri: &axum::http::Uri::from_static("/"), headers };
    identify::must_be_our_page(&caller.shard, &caller.peer, shown)
}

/// Where the same is found by TLS.
fn https(caller: &Caller, headers: &HeaderMap) -> Option<String> {
    caller.shard.tls.as_ref()?;
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).and_then(tls::https_base)
}

pub(crate) fn who(caller: &Caller, login: &Login, headers: &HeaderMap) -> WhoJson {
    let accounts = &caller.shard.accounts;
    let has_admin = accounts.has_admin();
    let LoginFacts { kind, name, administers, read, write, deny } = LoginFacts::of(login);
    let role = match login.kind {
        Kind::Person => accounts.role_of(login.principal.name()).map(Role::name),
        _ => None,
    };
    let dashboard = match login.kind {
        Kind::Share => {
            share_of(login.principal.name()).and_then(|link| caller.shard.house.dashboards.dashboard_of(link))
        }
        _ => None,
    };
    let expires = login.credential.and_then(|id| accounts.expires(id)).map(|time| time.to_string());
    WhoJson {
        signed_in: login.kind == Kind::Person,
        kind,
        name,
        role,
        administers,
        read,
        write,
        deny,
        needs_setup: !has_admin,
        guest: GuestJson { policy: accounts.guests.policy(has_admin).name(), kept: accounts.guests.is_kept(has_admin) },
        secure: caller.peer.is_secure(),
        https: https(caller, headers),
        expires,
        dashboard,
    }
}
