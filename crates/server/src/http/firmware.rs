//! Firmware of devices over HTTP: files, roll-outs, and what a device asks for.
//!
//! What the hub knows of them belongs to `firmware` beside this crate's transports; here a request is read and an answer written.

mod describe;
mod device;
mod download;
mod upload;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use housewire_core::{Device, DeviceId};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::accounts::{Deed, Event};
use crate::aside::aside;
use crate::caller::Caller;
use crate::firmware::{FileKey, FileNote, Firmware, FirmwareError, Rollout, Stage, Who, parse_key};
use crate::http::body::Upload;
use crate::http::describe::{BodyAnswers, Busy, Conflict, Forbidden, NoRoom, NotFound, Unusable};
use crate::http::path::NamePath;
use crate::http::problem::Problem;
use crate::limits::DEVICES_AT_ONCE;
use crate::refusal::Refusal;
use crate::view::schema::AnyObject;

pub(in crate::http) use download::send_of;

/// All routes of this.
pub(crate) fn routes() -> OpenApiRouter {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(get, upload::put, remove))
        .routes(routes!(download::file))
        .routes(routes!(list_rollouts))
        .routes(routes!(get_rollout, put_rollout, remove_rollout))
        .routes(routes!(device::offer))
        .routes(routes!(device::update))
}

/// `/api/firmware/{name}/{version}`
pub(crate) struct FilePath(pub(crate) FileKey);

impl<S: Send + Sync> FromRequestParts<S> for FilePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parameters = axum::extract::RawPathParams::from_request_parts(parts, state).await;
        let parameters = parameters.map_err(|error| Refusal::BadRequest(error.body_text()))?;
        let find = |name| parameters.iter().find(|(have, _)| *have == name).map_or("", |(_, value)| value);
        Ok(Self(parse_key(find("name"), find("version"))?))
    }
}

/// A file of firmware.
#[derive(Serialize, ToSchema)]
#[schema(as = FirmwareFile)]
pub(crate) struct FileJson {
    #[schema(example = "lamp")]
    name: String,
    #[schema(example = "1.2.0")]
    version: String,
    /// In bytes.
    size: u64,
    /// In hexadecimal digits.
    sha256: String,
    md5: String,
    /// When.
    uploaded: String,
    /// By whom.
    by: Option<String>,
    note: Option<String>,
    /// What is on the hub's disk is not what was uploaded: nobody gets it. Upload it again.
    damaged: bool,
}

impl FileJson {
    fn new(firmware: &Firmware, (name, version): FileKey, note: FileNote) -> Self {
        let damaged = firmware.is_damaged(&note);
        let FileNote { size, sha256, md5, uploaded, note, by } = note;
        let uploaded = housewire_core::Timestamp::from_micros(uploaded).to_string();
        Self { name, version, size, sha256, md5, uploaded, by, note, damaged }
    }
}

fn firmware(caller: &Caller) -> &Arc<Firmware> {
    &caller.shard.house.firmware
}

/// Does what waits for the disk.
async fn change<T: Send + 'static>(
    caller: &Caller,
    work: impl FnOnce(&Firmware) -> Result<T, FirmwareError> + Send + 'static,
) -> Result<T, FirmwareError> {
    let firmware = Arc::clone(firmware(caller));
    aside(move || work(&firmware)).await
}

fn note(caller: &Caller, event: Event, subject: &str, detail: Option<String>) {
    let by = caller.change();
    caller.shard.accounts.audit.note(Deed { event, by: &by, subject: Some(subject), detail });
}

/// `GET /api/firmware`
#[utoipa::path(
    get, path = "/api/firmware", operation_id = "listFirmware", tag = "Firmware",
    summary = "Lists files of firmware, sorted by name and version",
    description = "For administrators.",
    responses((status = 200, description = "All of them.", body = [FileJson]), Forbidden),
)]
pub(crate) async fn list(caller: Caller) -> Result<Json<Vec<FileJson>>, Problem> {
    caller.must_administer()?;
    let firmware = firmware(&caller);
    Ok(Json(firmware.files().into_iter().map(|(key, note)| FileJson::new(firmware, key, note)).collect()))
}

/// `GET /api/firmware/{name}/{version}`
#[utoipa::path(
    get, path = "/api/firmware/{name}/{version}", operation_id = "getFirmware", tag = "Firmware",
    summary = "Says what is known of a file of firmware",
    description = "For administrators.",
    params(FilePath),
    responses((status = 200, description = "Its size and hashes.", body = FileJson), Forbidden, NotFound, Unusable),
)]
pub(crate) async fn get(caller: Caller, FilePath(key): FilePath) -> Result<Json<FileJson>, Problem> {
    caller.must_administer()?;
    let firmware = firmware(&caller);
    let note = firmware.file(&key)?;
    Ok(Json(FileJson::new(firmware, key, note)))
}

/// `DELETE /api/firmware/{name}/{version}`
#[utoipa::path(
    delete, path = "/api/firmware/{name}/{version}", operation_id = "deleteFirmware", tag = "Firmware",
    summary = "Deletes a file of firmware",
    description = "For administrators. Not while a roll-out hands it out (409 `in_use`).",
    params(FilePath),
    responses((status = 204, description = "It is gone."), Forbidden, NotFound, Conflict, Unusable, NoRoom),
)]
pub(crate) async fn remove(caller: Caller, FilePath(key): FilePath) -> Result<StatusCode, Problem> {
    caller.must_administer()?;
    let subject = format!("{}/{}", key.0, key.1);
    change(&caller, move |firmware| firmware.remove(&key)).await?;
    note(&caller, Event::FirmwareDeleted, &subject, None);
    Ok(StatusCode::NO_CONTENT)
}

/// A roll-out and how far it is.
#[derive(Serialize, ToSchema)]
#[schema(as = RolloutView)]
pub(crate) struct RolloutJson {
    /// Of the firmware.
    #[schema(example = "lamp")]
    name: String,
    /// And what `Rollout` has.
    #[serde(flatten)]
    #[schema(value_type = AnyObject, inline)]
    rollout: Rollout,
    /// How many devices are how far.
    counts: BTreeMap<&'static str, usize>,
}

/// A roll-out, device by device.
#[derive(Serialize, ToSchema)]
#[schema(as = RolloutDetails)]
pub(crate) struct RolloutDetails {
    /// And what `RolloutView` has.
    #[serde(flatten)]
    #[schema(value_type = AnyObject, inline)]
    rollout: RolloutJson,
    /// Those it reaches, by id.
    states: Vec<DeviceJson>,
}

/// How far a device is with a roll-out.
#[derive(Serialize, ToSchema)]
#[schema(as = RolloutDevice)]
pub(crate) struct DeviceJson {
    device: String,
    title: Option<String>,
    state: Stage,
    /// Why it waits or failed.
    reason: Option<String>,
    /// What it says it runs.
    running: Option<String>,
    /// What it says of the update, such as `installing`.
    says: Option<String>,
    /// In percent, if it says so.
    progress: Option<u8>,
    /// How often it began to fetch it.
    downloads: u32,
    /// When that changed last; `null` if nothing is known of it.
    since: Option<String>,
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Waiting => "waiting",
        Stage::Offered => "offered",
        Stage::Downloading => "downloading",
        Stage::Done => "done",
        Stage::Failed => "failed",
    }
}

fn device_json(firmware: &Firmware, name: &str, device: &Device) -> Option<DeviceJson> {
    let info = device.lock().info.clone();
    let who = Who { device: device.id().as_str(), model: info.model.as_deref() };
    let standing = firmware.standing(name, who)?;
    let attempt = standing.known.attempt.filter(|attempt| attempt.name == name);
    let since = attempt.as_ref().map(|attempt| attempt.since).or(standing.known.heard);
    Some(DeviceJson {
        device: device.id().as_str().to_owned(),
        title: info.name,
        state: standing.stage,
        reason: standing.reason,
        running: standing.known.version,
        says: attempt.as_ref().and_then(|attempt| attempt.state.clone()),
        progress: attempt.as_ref().and_then(|attempt| attempt.progress),
        downloads: attempt.as_ref().map_or(0, |attempt| attempt.downloads),
        since: since.map(|since| housewire_core::Timestamp::from_micros(since).to_string()),
    })
}

/// All devices that a roll-out reaches, gathered aside in pieces.
async fn states(caller: &Caller, name: &str) -> Vec<DeviceJson> {
    let (mut states, mut after) = (Vec::new(), None::<DeviceId>);
    loop {
        let (hub, firmware) = (Arc::clone(caller.hub()), Arc::clone(firmware(caller)));
        let (name, behind) = (name.to_owned(), after.take());
        let (some, last) = aside(move || {
            let devices = hub.devices_behind(behind.as_ref(), DEVICES_AT_ONCE);
            let some: Vec<_> = devices.iter().filter_map(|device| device_json(&firmware, &name, device)).collect();
            let last = devices.last().filter(|_| devices.len() == DEVICES_AT_ONCE);
            (some, last.map(|device| device.id().clone()))
        })
        .await;
        states.extend(some);
        match last {
            Some(last) => after = Some(last),
            None => return states,
        }
    }
}

async fn details(caller: &Caller, name: &str) -> Result<RolloutDetails, Problem> {
    let rollout = firmware(caller).rollout(name)?;
    let states = states(caller, name).await;
    let mut counts = BTreeMap::new();
    for state in &states {
        *counts.entry(stage_name(state.state)).or_default() += 1;
    }
    Ok(RolloutDetails { rollout: RolloutJson { name: name.to_owned(), rollout, counts }, states })
}

/// `GET /api/rollouts`
#[utoipa::path(
    get, path = "/api/rollouts", operation_id = "listRollouts", tag = "Firmware",
    summary = "Lists roll-outs, sorted by name",
    description = "For administrators. With how many devices are how far.",
    responses((status = 200, description = "All of them.", body = [RolloutJson]), Forbidden),
)]
pub(crate) async fn list_rollouts(caller: Caller) -> Result<Json<Vec<RolloutJson>>, Problem> {
    caller.must_administer()?;
    let mut all = Vec::new();
    for (name, _) in firmware(&caller).rollouts() {
        // One that was deleted meanwhile is none.
        if let Ok(details) = details(&caller, &name).await {
            all.push(details.rollout);
        }
    }
    Ok(Json(all))
}

/// `GET /api/rollouts/{name}`
#[utoipa::path(
    get, path = "/api/rollouts/{name}", operation_id = "getRollout", tag = "Firmware",
    summary = "Shows a roll-out, device by device",
    description = "For administrators. A device that a more exact roll-out reaches is there, and not here.",
    params(describe::RolloutPath),
    responses((status = 200, description = "The roll-out.", body = RolloutDetails), Forbidden, NotFound),
)]
pub(crate) async fn get_rollout(caller: Caller, NamePath(name): NamePath) -> Result<Json<RolloutDetails>, Problem> {
    caller.must_administer()?;
    Ok(Json(details(&caller, &name).await?))
}

/// `PUT /api/rollouts/{name}`
#[utoipa::path(
    put, path = "/api/rollouts/{name}", operation_id = "putRollout", tag = "Firmware",
    summary = "Says which version of a firmware is to run where",
    description = "For administrators. One of `devices`, `model` and `all` says whom it reaches; of several roll-outs that reach a device the most \
                   exact one counts. Those that failed may try again.",
    params(describe::RolloutPath),
    request_body(content = Rollout, description = "All of it.", example = json!({
        "version": "1.2.0", "model": "Desk lamp", "share": 25
    })),
    responses(
        (status = 200, description = "The roll-out, which was there already.", body = RolloutDetails),
        (status = 201, description = "The roll-out, which is new.", body = RolloutDetails),
        BodyAnswers, Forbidden, NotFound, Unusable, Busy, NoRoom,
    ),
)]
pub(crate) async fn put_rollout(
    caller: Caller,
    NamePath(name): NamePath,
    upload: Upload,
) -> Result<(StatusCode, Json<RolloutDetails>), Problem> {
    caller.must_administer()?;
    let rollout: Rollout = upload.json("version, and one of devices, model and all")?;
    let detail = format!("{}, {} %{}", rollout.version, rollout.share, if rollout.paused { ", paused" } else { "" });
    let own = name.clone();
    let is_new = change(&caller, move |firmware| firmware.put_rollout(&own, rollout)).await?;
    note(&caller, Event::RolloutChanged, &name, Some(detail));
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(details(&caller, &name).await?)))
}

/// `DELETE /api/rollouts/{name}`
#[utoipa::path(
    delete, path = "/api/rollouts/{name}", operation_id = "deleteRollout", tag = "Firmware",
    summary = "Ends a roll-out",
    description = "For administrators. Devices keep what they run.",
    params(describe::RolloutPath),
    responses((status = 204, description = "It is gone."), Forbidden, NotFound, NoRoom),
)]
pub(crate) async fn remove_rollout(caller: Caller, NamePath(name): NamePath) -> Result<StatusCode, Problem> {
    caller.must_administer()?;
    let own = name.clone();
    change(&caller, move |firmware| firmware.remove_rollout(&own)).await?;
    note(&caller, Event::RolloutDeleted, &name, None);
    Ok(StatusCode::NO_CONTENT)
}
