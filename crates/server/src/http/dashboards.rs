//! Dashboards over HTTP. A change names the version that it was made of (`If-Match`, RFC 9110 section 13.1.1).

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::aside::aside;
use crate::caller::Caller;
use crate::dashboards::model::{Answered, Others, Sent};
use crate::dashboards::{Asker, DashboardError, Kept};
use crate::http::body::Upload;
use crate::http::describe::{
    BodyAnswers, Changed, Conflict, Forbidden, IfMatchParam, KnownTag, NoRoom, NotFound, NotModified, Unnamed, Unusable,
};
use crate::http::path::DashboardPath;
use crate::http::problem::Problem;
use crate::http::tag::{is_known, named_version};
use crate::limits::JSON_BYTES_AT_ONCE;

/// A dashboard as it is listed.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedDashboard)]
pub(crate) struct DashboardJson {
    id: String,
    title: String,
    icon: Option<String>,
    owner: Option<String>,
    others: Others,
    version: u64,
    #[schema(format = DateTime)]
    updated: String,
    updated_by: Option<String>,
    /// How many it has.
    widgets: usize,
    /// Whether the caller may change it.
    may_edit: bool,
    /// Share links that live.
    shares: usize,
}

/// `GET /api/dashboards`
#[utoipa::path(
    get, path = "/api/dashboards", operation_id = "listDashboards", tag = "Dashboards",
    summary = "Lists the dashboards that the caller may see, by id",
    responses((status = 200, description = "They, without their widgets.", body = [DashboardJson])),
)]
pub(crate) async fn list(caller: Caller) -> Json<Vec<DashboardJson>> {
    let asker = asker(&caller);
    let row = |(kept, shares): (std::sync::Arc<Kept>, usize)| DashboardJson {
        id: kept.id.clone(),
        title: kept.title.clone(),
        icon: kept.icon.clone(),
        owner: kept.owner.clone().filter(|_| !asker.is_stranger()),
        others: kept.others,
        version: kept.version,
        updated: kept.updated.to_string(),
        updated_by: kept.updated_by.clone().filter(|_| !asker.is_stranger()),
        widgets: kept.widgets,
        may_edit: asker.may_edit(&kept),
        shares: if asker.is_stranger() { 0 } else { shares },
    };
    Json(caller.shard.house.dashboards.list(&asker).into_iter().map(row).collect())
}

/// `POST /api/dashboards`
#[utoipa::path(
    post, path = "/api/dashboards", operation_id = "createDashboard", tag = "Dashboards",
    summary = "Makes a dashboard",
    description = "For everybody but viewers and devices. Whoever makes it is its owner. Without an `id` it gets one made of its title. What the \
                   hub says of a dashboard, such as `version`, may be there and counts for nothing: one that was exported is imported as it is.",
    request_body(content = Sent, example = json!({"title": "Home", "widgets": [{
        "id": "w1", "kind": "switch", "title": null, "at": {"desktop": {"x": 0, "y": 0, "w": 3, "h": 2}, "phone": null},
        "sources": [{"property": "lamp/power"}], "options": {}
    }]})),
    responses(
        (
            status = 201, description = "The dashboard.", body = Answered,
            headers(("ETag" = String, description = "Its version."), ("Location" = String, description = "Where it is.")),
        ),
        BodyAnswers, Forbidden, Conflict, Unusable, NoRoom,
    ),
)]
pub(crate) async fn create(caller: Caller, upload: Upload) -> Result<Response, Problem> {
    let sent = read(&upload).await?;
    let (house, asker) = (caller.shard.house.clone(), asker(&caller));
    let (kept, asker) = caller.accounts(move |_| Ok((house.dashboards.create(&asker, sent), asker))).await?;
    let kept = kept?;
    let mut answer = show(StatusCode::CREATED, &kept, &asker);
    let place = HeaderValue::try_from(format!("/api/dashboards/{}", kept.id)).expect("ids need no escaping");
    answer.headers_mut().insert(header::LOCATION, place);
    Ok(answer)
}

/// `GET /api/dashboards/{id}`
#[utoipa::path(
    get, path = "/api/dashboards/{id}", operation_id = "getDashboard", tag = "Dashboards",
    summary = "Shows a dashboard",
    params(DashboardPath, KnownTag),
    responses(
        (status = 200, description = "The dashboard.", body = Answered, headers(("ETag" = String, description = "Its version."))),
        NotModified, NotFound,
    ),
)]
pub(crate) async fn get(
    caller: Caller,
    DashboardPath(id): DashboardPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asker = asker(&caller);
    let kept = caller.shard.house.dashboards.get(&asker, &id)?;
    if is_known(&headers, &kept.tag()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, kept.tag())]).into_response());
    }
    Ok(show(StatusCode::OK, &kept, &asker))
}

/// `PUT /api/dashboards/{id}`
#[utoipa::path(
    put, path = "/api/dashboards/{id}", operation_id = "putDashboard", tag = "Dashboards",
    summary = "Changes a dashboard",
    description = "For its owner, administrators, and everybody but viewers if `others` is `edit`. `If-Match` names the version that the change \
                   was made of; `*` is whatever it is by now. `others` and `owner` stay as they are if not said.",
    params(DashboardPath, IfMatchParam),
    request_body(content = Sent, description = "The whole dashboard."),
    responses(
        (status = 200, description = "The dashboard.", body = Answered, headers(("ETag" = String, description = "Its version."))),
        BodyAnswers, Forbidden, NotFound, Changed, Unusable, Unnamed, NoRoom,
    ),
)]
pub(crate) async fn put(
    caller: Caller,
    DashboardPath(id): DashboardPath,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Problem> {
    let known = named_version(&headers)?;
    let sent = read(&upload).await?;
    let (house, asker) = (caller.shard.house.clone(), asker(&caller));
    let (kept, asker) =
        caller.accounts(move |_| Ok((house.dashboards.replace(&asker, &id, known, sent), asker))).await?;
    Ok(show(StatusCode::OK, &*kept?, &asker))
}

/// `DELETE /api/dashboards/{id}`
#[utoipa::path(
    delete, path = "/api/dashboards/{id}", operation_id = "deleteDashboard", tag = "Dashboards",
    summary = "Deletes a dashboard, and the share links to it",
    description = "For its owner and administrators.",
    params(DashboardPath),
    responses((status = 204, description = "It is gone."), Forbidden, NotFound, NoRoom),
)]
pub(crate) async fn remove(caller: Caller, DashboardPath(id): DashboardPath) -> Result<StatusCode, Problem> {
    let (house, asker) = (caller.shard.house.clone(), asker(&caller));
    caller.accounts(move |_| Ok(house.dashboards.remove(&asker, &id))).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Who asks for dashboards.
pub(crate) fn asker(caller: &Caller) -> Asker {
    let (accounts, house) = (&caller.shard.accounts, &caller.shard.house);
    Asker::new(&caller.login, accounts, |link| house.dashboards.dashboard_of(link))
}

async fn read(upload: &Upload) -> Result<Sent, Problem> {
    const WHAT: &str = "a dashboard";
    if upload.bytes.len() <= JSON_BYTES_AT_ONCE {
        return upload.json(WHAT);
    }
    let upload = upload.again();
    aside(move || upload.json(WHAT)).await
}

fn show(status: StatusCode, kept: &Kept, asker: &Asker) -> Response {
    let body = kept.view(asker.may_edit(kept), asker.is_stranger());
    (status, [(header::CONTENT_TYPE, "application/json".to_owned()), (header::ETAG, kept.tag())], body).into_response()
}

impl From<DashboardError> for Problem {
    /// Refusals of dashboards to status codes; the only place that does.
    fn from(error: DashboardError) -> Self {
        let text = error.to_string();
        match error {
            DashboardError::Account(error) => error.into(),
            DashboardError::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, "forbidden", text),
            DashboardError::Changed(current) => {
                Self::new(StatusCode::PRECONDITION_FAILED, "changed", text).with_current(current)
            }
        }
    }
}
