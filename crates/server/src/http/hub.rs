//! The hub as a whole: is it there, and away with the demo house.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use housewire_core::{Access, Device};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::{Deed, Event};
use crate::caller::Caller;
use crate::http::describe::{Busy, Forbidden, NoRoom};
use crate::http::problem::Problem;
use crate::shard;

/// That the hub runs.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    #[schema(example = "ok")]
    status: &'static str,
    /// Of the program.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Since it started.
    uptime_s: u64,
}

/// `GET /api/health`
#[utoipa::path(
    get, path = "/api/health", operation_id = "getHealth", tag = "Hub",
    summary = "Says that the hub runs",
    description = "For anybody.",
    responses((status = 200, description = "It runs.", body = Health)),
    security(()),
)]
pub(crate) async fn health(caller: Caller) -> Json<Health> {
    let uptime_s = caller.shard.started.elapsed().as_secs();
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION"), uptime_s })
}

/// `POST /api/hub/restart`: once this is answered.
#[utoipa::path(
    post, path = "/api/hub/restart", operation_id = "restartHub", tag = "Hub",
    summary = "Has the hub stop properly and start again",
    description = "For administrators. The process stays the same, with the same arguments and the configuration file as it is then; a backup that waits is \
                   put in place. All connections end, and may come back within seconds.",
    responses((status = 202, description = "It is about to stop."), Forbidden),
)]
pub(crate) async fn restart(caller: Caller) -> Result<StatusCode, Problem> {
    caller.must_administer()?;
    let by = caller.change();
    caller.shard.accounts.audit.note(Deed { event: Event::Restarted, by: &by, subject: None, detail: None });
    caller.shard.house.restart.notify_one();
    Ok(StatusCode::ACCEPTED)
}

/// `DELETE /api/demo`: stops the simulated devices, then deletes every device that is marked as demo.
#[utoipa::path(
    delete, path = "/api/demo", operation_id = "deleteDemo", tag = "Hub",
    summary = "Stops and deletes the demo house",
    responses((status = 204, description = "It is gone, or there was none."), Forbidden, Busy, NoRoom),
)]
pub(crate) async fn remove_demo(caller: Caller) -> Result<StatusCode, Problem> {
    for device in demo_devices(&caller) {
        caller.must_reach(Access::Write, device.id())?;
    }
    caller.shard.demo.stop().await;
    for device in demo_devices(&caller) {
        caller.bury(device.id()).await?;
        let (by, id) = (caller.change(), device.id().clone());
        caller.accounts(move |accounts| accounts.revoke_all_of(&id, &by)).await?;
        // Somebody else may have deleted it meanwhile, which is as good.
        let _was_there: bool = caller.hub().remove_device(device.id(), shard::now());
    }
    caller.history_settled().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn demo_devices(caller: &Caller) -> Vec<Arc<Device>> {
    let mut devices = caller.hub().devices();
    devices.retain(|device| device.lock().info.demo);
    devices
}
