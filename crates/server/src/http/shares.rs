//! Share links over HTTP: made, listed and taken back by people, opened by whoever has one.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::{Expiry, Kind, LoginError};
use crate::caller::Caller;
use crate::dashboards::{NewShare, Share};
use crate::http::body::Upload;
use crate::http::dashboards::asker;
use crate::http::describe::{BodyAnswers, Forbidden, NoRoom, NotFound, Slowed, Unusable, WrongLink};
use crate::http::identify;
use crate::http::path::{DashboardPath, SharePath};
use crate::http::problem::Problem;
use crate::http::session::{must_be_our_page, set_cookie, who};
use crate::shard::now;
use crate::view::account::WhoJson;

/// A browser keeps the cookie of a link for so long, in seconds, unless the link ends before.
const COOKIE_LIFE_S: u64 = 365 * 24 * 3_600;

/// What a link is for.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = NewShare)]
struct NewShareSent {
    /// For whom it is.
    #[schema(max_length = 64, example = "Tablet in the hall")]
    name: Option<String>,
    /// A moment, or how long from now (`30d`, `12h`); it does not end if not said.
    #[schema(example = "30d")]
    expires: Option<String>,
    /// Whether its widgets may be used, not only looked at.
    control: bool,
}

/// A link as it is listed.
#[derive(Serialize, ToSchema)]
#[schema(as = Share)]
pub(crate) struct ShareJson {
    id: String,
    name: Option<String>,
    #[schema(format = DateTime)]
    expires: Option<String>,
    control: bool,
    #[schema(format = DateTime)]
    created: String,
    /// Who made it.
    by: Option<String>,
}

/// A link, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = NewShareLink)]
pub(crate) struct NewShareJson {
    /// Behind the hub's own address.
    #[schema(example = "/share#x1tqLSfHnpD6lUZvUGFYOZkZTzzFQTMX")]
    url: String,
    #[serde(flatten)]
    #[schema(inline)]
    share: ShareJson,
}

/// What stands in the link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ShareShown)]
struct Shown {
    #[schema(example = "x1tqLSfHnpD6lUZvUGFYOZkZTzzFQTMX")]
    secret: String,
}

impl ShareJson {
    fn new(id: String, share: &Share) -> Self {
        Self {
            id,
            name: share.name.clone(),
            expires: share.expires().map(|time| time.to_string()),
            control: share.control,
            created: share.created().to_string(),
            by: share.by.clone(),
        }
    }
}

/// `GET /api/dashboards/{id}/shares`
#[utoipa::path(
    get, path = "/api/dashboards/{id}/shares", operation_id = "listShares", tag = "Dashboards",
    summary = "Lists the share links to a dashboard, without their secrets",
    description = "For its owner and administrators.",
    params(DashboardPath),
    responses((status = 200, description = "They, the oldest first.", body = [ShareJson]), Forbidden, NotFound),
)]
pub(crate) async fn list(caller: Caller, DashboardPath(id): DashboardPath) -> Result<Json<Vec<ShareJson>>, Problem> {
    let shares = caller.shard.house.dashboards.shares(&asker(&caller), &id)?;
    Ok(Json(shares.into_iter().map(|(id, share)| ShareJson::new(id, &share)).collect()))
}

/// `POST /api/dashboards/{id}/shares`
#[utoipa::path(
    post, path = "/api/dashboards/{id}/shares", operation_id = "createShare", tag = "Dashboards",
    summary = "Makes a share link to a dashboard",
    description = "For its owner and administrators. Whoever has the link may read what its widgets look at, as far as who made it may; with \
                   `control` also use them. That follows the dashboard when it is changed. The secret is in this answer and nowhere else.",
    params(DashboardPath),
    request_body(content = NewShareSent, example = json!({"name": "Tablet in the hall", "expires": "30d", "control": true})),
    responses((status = 201, description = "The link.", body = NewShareJson), BodyAnswers, Forbidden, NotFound, Unusable, NoRoom),
)]
pub(crate) async fn create(
    caller: Caller,
    DashboardPath(id): DashboardPath,
    upload: Upload,
) -> Result<Response, Problem> {
    let sent = match upload.bytes.is_empty() {
        true => NewShareSent::default(),
        false => upload.json::<NewShareSent>("what the link is for, or no body")?,
    };
    let NewShareSent { name, expires, control } = sent;
    let expires = expires.map(|text| Expiry::parse(&text, now().wall)).transpose()?.unwrap_or_default();
    let new = NewShare { name, expires, control };
    let (house, asker, by) = (caller.shard.house.clone(), asker(&caller), caller.change());
    let made = caller.accounts(move |_| Ok(house.dashboards.create_share(&asker, &id, new, &by))).await?;
    let (secret, id, share) = made?;
    let url = format!("/share#{}", secret.reveal());
    Ok((StatusCode::CREATED, Json(NewShareJson { url, share: ShareJson::new(id, &share) })).into_response())
}

/// `DELETE /api/dashboards/{id}/shares/{share}`
#[utoipa::path(
    delete, path = "/api/dashboards/{id}/shares/{share}", operation_id = "revokeShare", tag = "Dashboards",
    summary = "Takes a share link back",
    description = "For the dashboard's owner and administrators. Whoever came in by it is turned out at once.",
    params(DashboardPath, SharePath),
    responses((status = 204, description = "It opens nothing any more."), Forbidden, NotFound, NoRoom),
)]
pub(crate) async fn revoke(
    caller: Caller,
    DashboardPath(id): DashboardPath,
    SharePath(link): SharePath,
) -> Result<StatusCode, Problem> {
    let (house, asker, by) = (caller.shard.house.clone(), asker(&caller), caller.change());
    caller.accounts(move |_| Ok(house.dashboards.revoke_share(&asker, &id, &link, &by))).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/session/share`: for whoever has a link, and is nobody yet.
#[utoipa::path(
    post, path = "/api/session/share", operation_id = "openShare", tag = "People",
    summary = "Lets a browser in by a share link",
    description = "For anybody. Whoever is signed in stays who he is: the answer says which dashboard it is, and no cookie comes with it. \
                   Whoever guesses is slowed, by address.",
    request_body(content = Shown),
    responses(
        (
            status = 200, description = "Let in.", body = WhoJson,
            headers(("Set-Cookie" = String, description = "What the link opens, for this browser alone.")),
        ),
        BodyAnswers, WrongLink, Slowed,
    ),
    security(()),
)]
pub(crate) async fn open(caller: Caller, headers: HeaderMap, upload: Upload) -> Result<Response, Problem> {
    must_be_our_page(&caller, &headers)?;
    let Shown { secret } = upload.json("the secret of a share link")?;
    let accounts = &caller.shard.accounts;
    let login = accounts.by_share(&secret, caller.peer.address().ip()).map_err(|error| match error {
        LoginError::NoToken => {
            let text = "This link opens nothing: it was taken back, has expired, or is not whole. Ask who gave it to you for another one.";
            Problem::new(StatusCode::FORBIDDEN, "wrong_link", text)
        }
        slowed => identify::refusal(slowed),
    })?;
    let mut shown = who(&caller, &login, &headers);
    if caller.login.kind == Kind::Person {
        let dashboard = shown.dashboard.take();
        let own = WhoJson { dashboard, ..who(&caller, &caller.login, &headers) };
        return Ok(Json(own).into_response());
    }
    let mut answer = Json(shown).into_response();
    set_cookie(&caller, &secret, COOKIE_LIFE_S, answer.headers_mut());
    Ok(answer)
}
