//! Device templates over HTTP, in JSON, YAML or TOML; and devices made of them.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use housewire_core::{Access, DeviceId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::device_templates::{TemplateSheet, TemplateView};
use crate::house::sheet::DeviceSheet;
use crate::http::body::Upload;
use crate::http::describe::{BodyAnswers, Forbidden, FromDeviceParam, NoRoom, NotFound, TemplatePath, Unusable};
use crate::http::house::{policies, read_sheet, write_sheet};
use crate::http::path::NamePath;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::refusal::Refusal;
use crate::view::schema::AnyObject;

/// A template as it is listed: beside these all that `DeviceTemplate` has.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedTemplate)]
pub(crate) struct TemplateJson {
    name: String,
    /// It comes with the program.
    built_in: bool,
    /// And what `DeviceTemplate` has.
    #[serde(flatten)]
    #[schema(value_type = AnyObject, inline)]
    sheet: TemplateSheet,
}

/// `GET /api/templates`
#[utoipa::path(
    get, path = "/api/templates", operation_id = "listTemplates", tag = "House",
    summary = "Lists device templates, sorted by name",
    description = "Those that come with the program and those that people made.",
    responses((status = 200, description = "All of them.", body = [TemplateJson]), Forbidden),
)]
pub(crate) async fn list(caller: Caller) -> Result<Json<Vec<TemplateJson>>, Problem> {
    let own = |TemplateView { name, built_in, sheet }| TemplateJson { name, built_in, sheet: (*sheet).clone() };
    Ok(Json(caller.shard.house.templates.list().into_iter().map(own).collect()))
}

/// `GET /api/templates/{name}`
#[utoipa::path(
    get, path = "/api/templates/{name}", operation_id = "getTemplate", tag = "House",
    summary = "Shows a device template",
    description = "As JSON, or as `Accept` says: `application/yaml`, `application/toml`.",
    params(TemplatePath),
    responses((status = 200, description = "The template.", body = TemplateSheet), Forbidden, NotFound),
)]
pub(crate) async fn get(caller: Caller, NamePath(name): NamePath, headers: HeaderMap) -> Result<Response, Problem> {
    let view = caller.shard.house.templates.get(&name)?;
    write_sheet(&headers, &*view.sheet)
}

/// `PUT /api/templates/{name}`
#[utoipa::path(
    put, path = "/api/templates/{name}", operation_id = "putTemplate", tag = "House",
    summary = "Makes or replaces a device template",
    description = "For administrators. From JSON, or what `Content-Type` says: `application/yaml`, `application/toml`. With `device` and no \
                   body it is made of what that device is.",
    params(TemplatePath, FromDeviceParam),
    request_body(content = TemplateSheet, description = "What its devices are.", example = json!({
        "title": "Thermometer", "icon": "thermometer", "properties": {"temperature": {"type": "float", "unit": "°C", "access": "read"}}
    })),
    responses(
        (status = 200, description = "The template, which was there already.", body = TemplateSheet),
        (status = 201, description = "The template, which is new.", body = TemplateSheet),
        BodyAnswers, Forbidden, NotFound, Unusable, NoRoom,
    ),
)]
pub(crate) async fn put(
    caller: Caller,
    NamePath(name): NamePath,
    query: Query,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Problem> {
    caller.must_administer()?;
    let sheet = match query.first("device") {
        Some(id) => of_device(&caller, &id).await?,
        None => read_sheet::<TemplateSheet>(&upload, "a template").await?,
    };
    let house = caller.shard.house.clone();
    let (own, kept) = (name.clone(), sheet.clone());
    let was_there = caller.accounts(move |_| {
        let was_there = house.templates.get(&own).is_ok_and(|template| !template.built_in);
        for policy in kept.history.values() {
            policy.policy().map_err(|why| crate::accounts::AccountError::Unusable(format!("history: {why}.")))?;
        }
        house.templates.apply(vec![(own, Some(kept))]).map(|()| was_there)
    });
    let status = if was_there.await? { StatusCode::OK } else { StatusCode::CREATED };
    let mut answer = write_sheet(&headers, &sheet)?;
    *answer.status_mut() = status;
    Ok(answer)
}

async fn of_device(caller: &Caller, id: &str) -> Result<TemplateSheet, Problem> {
    let id = DeviceId::parse(id).map_err(Refusal::from)?;
    caller.must_reach(Access::Read, &id)?;
    let device = caller.hub().device(&id);
    let device = device.ok_or_else(|| Refusal::NotFound(format!("There is no device '{id}'.")))?;
    let history = policies(caller).await?.remove(id.as_str()).unwrap_or_default();
    let sheet = DeviceSheet::of(&device.lock());
    Ok(TemplateSheet::of(DeviceSheet { history, ..sheet }, None))
}

/// `DELETE /api/templates/{name}`
#[utoipa::path(
    delete, path = "/api/templates/{name}", operation_id = "deleteTemplate", tag = "House",
    summary = "Deletes a device template",
    description = "For administrators. Devices that were made of it stay as they are. One that comes with the program stays.",
    params(TemplatePath),
    responses((status = 204, description = "It is gone."), Forbidden, NotFound, Unusable, NoRoom),
)]
pub(crate) async fn remove(caller: Caller, NamePath(name): NamePath) -> Result<StatusCode, Problem> {
    caller.must_administer()?;
    let house = caller.shard.house.clone();
    caller.accounts(move |_| house.templates.remove(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What `Content-Type` says of an answer in that format.
pub(crate) fn as_text(media_type: &'static str, text: String) -> Response {
    ([(header::CONTENT_TYPE, media_type)], text).into_response()
}
