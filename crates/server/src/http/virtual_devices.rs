//! Virtual devices over HTTP: defined, started, stopped, and how they do.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use housewire_core::Access;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::http::body::Upload;
use crate::http::describe::{BadRequest, BodyAnswers, Forbidden, NoRoom, NotFound, Unusable};
use crate::http::house::{read_sheet, write_sheet};
use crate::http::path::DevicePath;
use crate::http::problem::Problem;
use crate::view::schema::AnyObject;
use crate::virtual_devices::VirtualView;
use crate::virtual_devices::sheet::VirtualSheet;

/// A virtual device as it does: beside these all that `VirtualDevice` has.
#[derive(Serialize, ToSchema)]
#[schema(as = PlayedDevice)]
pub(crate) struct VirtualJson {
    device: String,
    /// It came in through its door.
    connected: bool,
    /// What keeps it from that, or is wrong with what it says.
    problem: Option<String>,
    /// And what `VirtualDevice` has.
    #[serde(flatten)]
    #[schema(value_type = AnyObject, inline)]
    sheet: VirtualSheet,
}

impl From<VirtualView> for VirtualJson {
    fn from(VirtualView { id, sheet, connected, problem }: VirtualView) -> Self {
        Self { device: id.to_string(), connected, problem, sheet }
    }
}

/// `GET /api/virtual`
#[utoipa::path(
    get, path = "/api/virtual", operation_id = "listVirtual", tag = "House",
    summary = "Lists virtual devices, sorted by id",
    responses((status = 200, description = "Those whose devices the caller may read.", body = [VirtualJson]), Forbidden),
)]
pub(crate) async fn list(caller: Caller) -> Json<Vec<VirtualJson>> {
    let mut all = caller.shard.house.virtual_devices.list();
    all.retain(|view| caller.must_reach(Access::Read, &view.id).is_ok());
    Json(all.into_iter().map(VirtualJson::from).collect())
}

/// `GET /api/virtual/{id}`
#[utoipa::path(
    get, path = "/api/virtual/{id}", operation_id = "getVirtual", tag = "House",
    summary = "Shows the definition of a virtual device",
    description = "As JSON, or as `Accept` says: `application/yaml`, `application/toml`.",
    params(DevicePath),
    responses((status = 200, description = "The definition.", body = VirtualSheet), BadRequest, Forbidden, NotFound),
)]
pub(crate) async fn get(caller: Caller, DevicePath(id): DevicePath, headers: HeaderMap) -> Result<Response, Problem> {
    caller.must_reach(Access::Read, &id)?;
    let view = caller.shard.house.virtual_devices.get(&id)?;
    write_sheet(&headers, &view.sheet)
}

/// `PUT /api/virtual/{id}`
#[utoipa::path(
    put, path = "/api/virtual/{id}", operation_id = "putVirtual", tag = "House",
    summary = "Defines a virtual device",
    description = "For administrators. It is played at once, unless `running` is false. From JSON, or what `Content-Type` says: \
                   `application/yaml`, `application/toml`.",
    params(DevicePath),
    request_body(content = VirtualSheet, description = "The definition.", example = json!({
        "door": "mqtt", "every_s": 2,
        "properties": {"temperature": {"type": "float", "unit": "°C", "wave": {"shape": "sine", "min": 18, "max": 24, "period_s": 60}}}
    })),
    responses(
        (status = 200, description = "It was there already, and is played anew.", body = VirtualJson),
        (status = 201, description = "It is new.", body = VirtualJson),
        BodyAnswers, Forbidden, Unusable, NoRoom,
    ),
)]
pub(crate) async fn put(caller: Caller, DevicePath(id): DevicePath, upload: Upload) -> Result<Response, Problem> {
    caller.must_administer()?;
    let sheet = read_sheet::<VirtualSheet>(&upload, "a virtual device").await?;
    let house = caller.shard.house.clone();
    let applied = caller.accounts(move |_| {
        let virtual_devices = &house.virtual_devices;
        let was_there = virtual_devices.get(&id).is_ok();
        virtual_devices.apply(vec![(id.clone(), Some(sheet))])?;
        Ok((was_there, virtual_devices.get(&id)?))
    });
    let (was_there, view) = applied.await?;
    let status = if was_there { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(VirtualJson::from(view))).into_response())
}

/// `DELETE /api/virtual/{id}`
#[utoipa::path(
    delete, path = "/api/virtual/{id}", operation_id = "deleteVirtual", tag = "House",
    summary = "Deletes the definition of a virtual device",
    description = "For administrators. Its device leaves, and stays in the registry until it is deleted there.",
    params(DevicePath),
    responses((status = 204, description = "It is gone."), BadRequest, Forbidden, NotFound, NoRoom),
)]
pub(crate) async fn remove(caller: Caller, DevicePath(id): DevicePath) -> Result<StatusCode, Problem> {
    caller.must_administer()?;
    let house = caller.shard.house.clone();
    caller.accounts(move |_| house.virtual_devices.remove(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/virtual/{id}/start`
#[utoipa::path(
    post, path = "/api/virtual/{id}/start", operation_id = "startVirtual", tag = "House",
    summary = "Plays a virtual device, from its beginning",
    description = "For administrators.",
    params(DevicePath),
    responses((status = 200, description = "How it does.", body = VirtualJson), BadRequest, Forbidden, NotFound, NoRoom),
)]
pub(crate) async fn start(caller: Caller, DevicePath(id): DevicePath) -> Result<Json<VirtualJson>, Problem> {
    run(caller, id, true).await
}

/// `POST /api/virtual/{id}/stop`
#[utoipa::path(
    post, path = "/api/virtual/{id}/stop", operation_id = "stopVirtual", tag = "House",
    summary = "Stops playing a virtual device",
    description = "For administrators. It stays so when the hub starts again.",
    params(DevicePath),
    responses((status = 200, description = "How it does.", body = VirtualJson), BadRequest, Forbidden, NotFound, NoRoom),
)]
pub(crate) async fn stop(caller: Caller, DevicePath(id): DevicePath) -> Result<Json<VirtualJson>, Problem> {
    run(caller, id, false).await
}

async fn run(caller: Caller, id: housewire_core::DeviceId, running: bool) -> Result<Json<VirtualJson>, Problem> {
    caller.must_administer()?;
    let house = caller.shard.house.clone();
    let view = caller.accounts(move |_| house.virtual_devices.run(&id, running)).await?;
    Ok(Json(view.into()))
}
