//! The registry: list, show, declare and delete devices.

use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use housewire_core::{Access, DeclareMode, Declared, Device, DeviceId};

use crate::aside::aside;
use crate::caller::Caller;
use crate::http::body::Upload;
use crate::http::declare::{Declaration, known_specs};
use crate::http::describe::{
    BadRequest, BodyAnswers, Busy, Forbidden, InvalidDeclaration, KnownTag, NoRoom, NotFound, NotModified,
    PageOfDevices, WaitParam,
};
use crate::http::page::{self, Items, Made, Page, Source};
use crate::http::path::DevicePath;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::wait::Wait;
use crate::limits::{DEVICES_AT_ONCE, JSON_BYTES_AT_ONCE, LIST_WAIT_PAUSE, PROPERTIES_AT_ONCE};
use crate::refusal::{Refusal, parse_filter};
use crate::shard;
use crate::view::device::DeviceView;

/// `GET /api/devices`: written aside and piece by piece, as it may be long. A page can be waited for.
#[utoipa::path(
    get, path = "/api/devices", operation_id = "listDevices", tag = "Devices",
    summary = "Lists all devices, sorted by id",
    description = "With `limit` a page of them, which can be waited for as a value can; `wait` without `limit` is 400.",
    params(PageOfDevices, WaitParam, KnownTag),
    responses(
        (
            status = 200, description = "The devices that the caller may read.", body = [DeviceView<'static>],
            headers(
                ("ETag" = String, description = "Of a page, with `limit`."),
                ("Link" = String, description = "Where the list goes on, with `rel=\"next\"`; not on the last page."),
            ),
        ),
        NotModified, BadRequest,
    ),
)]
pub(crate) async fn list(caller: Caller, uri: Uri, query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    let page = Page::of(&query)?;
    let after = page.after.as_deref().map(DeviceId::parse).transpose()?;
    let listing = || Listing { caller: caller.clone(), after: after.clone() };
    let Some(time) = query.duration("wait")? else {
        return Ok(page::answer(listing(), &uri, &page, &headers).await);
    };
    let limit = page.limit.ok_or_else(|| Problem::bad_request("?wait= goes with a page: add ?limit=."))?;
    let mut made = Made::gather(listing(), limit).await;
    if made.is_known(&headers) && !time.is_zero() {
        let mut wait = Wait::new(&caller, &parse_filter("devices/#")?, &[], time)?;
        loop {
            made = Made::gather(listing(), limit).await;
            if !made.is_known(&headers) || !wait.next().await? {
                break;
            }
            wait.pause(LIST_WAIT_PAUSE).await;
        }
    }
    Ok(made.into_answer(&uri, &page, &headers))
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
    responses(
        (status = 204, description = "It is gone, and what it was."), BadRequest, Forbidden, NotFound, Busy, NoRoom,
    ),
)]
pub(crate) async fn remove(caller: Caller, DevicePath(id): DevicePath) -> Result<StatusCode, Problem> {
    caller.must_reach(Access::Write, &id)?;
    if caller.hub().device(&id).is_none() {
        return Err(no_device(&id).into());
    }
    caller.bury(&id).await?;
    // Now, as whoever has its token could make it again.
    let (by, own) = (caller.change(), id.clone());
    caller.accounts(move |accounts| accounts.revoke_all_of(&own, &by)).await?;
    if !caller.hub().remove_device(&id, shard::now()) {
        return Err(no_device(&id).into());
    }
    caller.registry_saved().await?;
    caller.history_settled().await?;
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

/// A device as JSON.
pub(crate) fn state(caller: &Caller, id: &DeviceId) -> Result<Vec<u8>, Refusal> {
    caller.must_reach(Access::Read, id)?;
    let device = caller.hub().device(id).ok_or_else(|| no_device(id))?;
    let mut body = Vec::new();
    write(caller, &device, &mut body);
    Ok(body)
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

/// What is left of the list.
struct Listing {
    caller: Caller,
    /// Where it goes on.
    after: Option<DeviceId>,
}

impl Source for Listing {
    fn add_some(&mut self, items: &mut Items) -> bool {
        let devices = self.caller.hub().devices_behind(self.after.as_ref(), DEVICES_AT_ONCE);
        for device in &devices {
            let is_shown = self.caller.must_reach(Access::Read, device.id()).is_ok();
            if is_shown && !items.push(device.id().as_str(), |out| write(&self.caller, device, out)) {
                return false;
            }
        }
        self.after = devices.last().map(|device| device.id().clone());
        devices.len() == DEVICES_AT_ONCE
    }
}
