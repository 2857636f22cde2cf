//! The registry: list, show, declare and delete devices.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use housewire_core::{Access, DeclareMode, Declared, Device, DeviceId};

use crate::aside::aside;
use crate::caller::Caller;
use crate::http::body::Upload;
use crate::http::declare::{Declaration, known_specs};
use crate::http::describe::{BadRequest, BodyAnswers, Forbidden, InvalidDeclaration, NoRoom, NotFound};
use crate::http::path::DevicePath;
use crate::http::problem::Problem;
use crate::limits::{DEVICES_AT_ONCE, JSON_BYTES_AT_ONCE, PROPERTIES_AT_ONCE};
use crate::refusal::Refusal;
use crate::shard;
use crate::view::device::DeviceView;

/// `GET /api/devices`: written aside and piece by piece, as it may be long.
#[utoipa::path(
    get, path = "/api/devices", operation_id = "listDevices", tag = "Devices",
    summary = "Lists all devices, sorted by id",
    responses((status = 200, description = "The devices that the caller may read.", body = [DeviceView<'static>])),
)]
pub(crate) async fn list(caller: Caller) -> Response {
    let pieces = stream::unfold(Some(Listing { caller, devices: None, opening: b'[' }), |listing| async move {
        let listing = listing?;
        let (piece, rest) = aside(move || listing.next_piece()).await;
        Some((Ok::<_, Infallible>(piece), rest))
    });
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(pieces)).into_response()
}

/// `GET /api/devices/{id}`
#[utoipa::path(
    get, path = "/api/devices/{id}", operation_id = "getDevice", tag = "Devices",
    summary = "Shows one device",
    params(DevicePath),
    responses((status = 200, description = "The device.", body = DeviceView<'static>), BadRequest, Forbidden, NotFound),
)]
pub(crate) async fn get(caller: Caller, DevicePath(id): DevicePath) -> Result<Response, Problem> {
    show(caller, &id, StatusCode::OK).await
}

async fn parse(upload: &Upload) -> Result<Declaration, Refusal> {
    if upload.bytes.len() <= JSON_BYTES_AT_ONCE {
        return Declaration::parse(&upload.bytes);
    }
    let body = upload.bytes.clone();
    aside(move || Declaration::parse(&body)).await
}

/// `PUT /api/devices/{id}`: the declaration is the whole truth.
#[utoipa::path(
    put, path = "/api/devices/{id}", operation_id = "putDevice", tag = "Devices",
    summary = "Registers or replaces a device",
    description = "Makes it so: what is not named is cleared, properties that are not named are deleted.",
    params(DevicePath),
    request_body(content = Declaration, description = "The whole truth about the device."),
    responses(
        (status = 200, description = "The device, which was there already.", body = DeviceView<'static>),
        (status = 201, description = "The device, which is new.", body = DeviceView<'static>),
        BodyAnswers, Forbidden, InvalidDeclaration, NoRoom,
    ),
)]
pub(crate) async fn replace(caller: Caller, DevicePath(id): DevicePath, upload: Upload) -> Result<Response, Problem> {
    caller.must_reach(Access::Write, &id)?;
    let declaration = parse(&upload).await?;
    let known = caller.hub().device(&id).map(|device| known_specs(&device)).unwrap_or_default();
    let specs = declaration.specs(&known)?;
    let info = declaration.info();
    let declared = caller.hub().declare(&id, specs, DeclareMode::Replace, |_| info.clone(), shard::now())?;
    caller.registry_saved().await?;
    let status = match declared {
        Declared::Created => StatusCode::CREATED,
        Declared::Updated => StatusCode::OK,
    };
    show(caller, &id, status).await
}

/// `PATCH /api/devices/{id}`: only what is named changes.
#[utoipa::path(
    patch, path = "/api/devices/{id}", operation_id = "patchDevice", tag = "Devices",
    summary = "Changes what is named",
    description = "What is not named stays; `null` clears, and deletes a property.",
    params(DevicePath),
    request_body(content = Declaration, description = "What changes.", example = json!({"room": "Hall"})),
    responses(
        (status = 200, description = "The device.", body = DeviceView<'static>),
        BodyAnswers, Forbidden, NotFound, InvalidDeclaration, NoRoom,
    ),
)]
pub(crate) async fn merge(caller: Caller, DevicePath(id): DevicePath, upload: Upload) -> Result<Response, Problem> {
    caller.must_reach(Access::Write, &id)?;
    let device = caller.hub().device(&id).ok_or_else(|| no_device(&id))?;
    let declaration = parse(&upload).await?;
    let specs = declaration.merged_specs(&known_specs(&device))?;
    let mode = declaration.merge_mode();
    caller.hub().declare(&id, specs, mode, |known| declaration.merged_info(known), shard::now())?;
    caller.registry_saved().await?;
    show(caller, &id, StatusCode::OK).await
}

/// `DELETE /api/devices/{id}`
#[utoipa::path(
    delete, path = "/api/devices/{id}", operation_id = "deleteDevice", tag = "Devices",
    summary = "Deletes a device and all that is kept under its topics",
    params(DevicePath),
    responses((status = 204, description = "It is gone."), BadRequest, Forbidden, NotFound, NoRoom),
)]
pub(crate) async fn remove(caller: Caller, DevicePath(id): DevicePath) -> Result<StatusCode, Problem> {
    caller.must_reach(Access::Write, &id)?;
    if !caller.hub().remove_device(&id, shard::now()) {
        return Err(no_device(&id).into());
    }
    caller.registry_saved().await?;
    // Whoever has its token could make it again.
    let by = caller.change();
    caller.accounts(move |accounts| accounts.revoke_all_of(&id, &by)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn show(caller: Caller, id: &DeviceId, status: StatusCode) -> Result<Response, Problem> {
    caller.must_reach(Access::Read, id)?;
    let device = caller.hub().device(id).ok_or_else(|| no_device(id))?;
    let is_small = device.lock().properties.len() <= PROPERTIES_AT_ONCE;
    let write_one = move || {
        let mut body = Vec::new();
        write(&caller, &device, &mut body);
        body
    };
    let body = if is_small { write_one() } else { aside(write_one).await };
    Ok((status, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

fn no_device(id: &DeviceId) -> Refusal {
    Refusal::NotFound(format!("There is no device '{id}'. It is registered by its first report, or with PUT."))
}

fn write(caller: &Caller, device: &Device, out: &mut Vec<u8>) {
    let state = device.lock();
    let may_show = |name: &_| caller.must_read(device.id(), name).is_ok();
    let view = DeviceView::new(device.id().as_str(), &state, &may_show);
    serde_json::to_writer(out, &view).expect("a view is JSON, and memory takes it");
}

/// What is left of a list that is being written.
struct Listing {
    caller: Caller,
    /// Looked up with the first piece.
    devices: Option<std::vec::IntoIter<Arc<Device>>>,
    /// Written before the next device: the bracket, then commas.
    opening: u8,
}

impl Listing {
    fn next_piece(mut self) -> (Bytes, Option<Self>) {
        let mut piece = Vec::new();
        let devices = self.devices.get_or_insert_with(|| self.caller.hub().devices().into_iter());
        for device in devices.by_ref().take(DEVICES_AT_ONCE) {
            if self.caller.must_reach(Access::Read, device.id()).is_ok() {
                piece.push(std::mem::replace(&mut self.opening, b','));
                write(&self.caller, &device, &mut piece);
            }
        }
        if devices.len() > 0 {
            return (piece.into(), Some(self));
        }
        if self.opening == b'[' {
            piece.push(b'[');
        }
        piece.push(b']');
        (piece.into(), None)
    }
}
