//! The whole house over HTTP: written down, and made so.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use housewire_core::{DeviceId, PropertyName};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aside::aside;
use crate::caller::Caller;
use crate::history::{Name, Policy};
use crate::house::format::Format;
use crate::house::plan::{HouseSheet, Plan, PlanView, Policies};
use crate::house::sheet::{KeepWord, PolicySheet};
use crate::http::body::Upload;
use crate::http::describe::{BodyAnswers, DryRunParam, Forbidden, NoRoom, PruneParam, Unusable};
use crate::http::history::{no_answer, not_kept};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::templates::as_text;
use crate::refusal::Refusal;
use crate::shard;
use crate::view::json::Object;

/// `GET /api/house`
#[utoipa::path(
    get, path = "/api/house", operation_id = "getHouse", tag = "House",
    summary = "Writes the whole house down",
    description = "For administrators. Devices with what was declared of them, templates that people made, virtual devices; not what \
                   devices hold, nor the demo house. As JSON, or as `Accept` says: `application/yaml`, `application/toml`. A house that did not change is \
                   written the same, byte for byte.",
    responses((status = 200, description = "The house.", body = HouseSheet), Forbidden),
)]
pub(crate) async fn get(caller: Caller, headers: HeaderMap) -> Result<Response, Problem> {
    caller.must_administer()?;
    let policies = policies(&caller).await?;
    let (hub, house) = (caller.hub().clone(), caller.shard.house.clone());
    let sheet = aside(move || HouseSheet::of(&hub, &house, &policies)).await;
    aside(move || write_sheet(&headers, &sheet)).await
}

/// `POST /api/house`
#[utoipa::path(
    post, path = "/api/house", operation_id = "postHouse", tag = "House",
    summary = "Makes the house as it is written down",
    description = "For administrators. What is named becomes so, what is not named stays, unless `prune` says that it goes. All of it is \
                   checked before anything is changed.",
    params(DryRunParam, PruneParam),
    request_body(content = HouseSheet, description = "The house, as GET has it.", example = json!({
        "devices": {"lamp": {"name": "Desk lamp", "properties": {"power": {"type": "bool", "access": "read set"}}}}
    })),
    responses((status = 200, description = "What was changed, or would be.", body = PlanView), BodyAnswers, Forbidden, Unusable, NoRoom),
)]
pub(crate) async fn post(caller: Caller, query: Query, upload: Upload) -> Result<Json<PlanView>, Problem> {
    caller.must_administer()?;
    let is_dry = query.choice("dry_run")?.unwrap_or(false);
    let prunes = query.choice("prune")?.unwrap_or(false);
    let wanted = read_sheet::<HouseSheet>(&upload, "a house").await?;
    let policies = policies(&caller).await?;
    let (hub, house) = (caller.hub().clone(), caller.shard.house.clone());
    let planned = caller.accounts(move |_| {
        let plan = Plan::new(wanted, prunes, &hub, &house, &policies)?;
        if !is_dry {
            plan.carry_out(&hub, &house)?;
        }
        Ok(plan)
    });
    let plan = planned.await?;
    if !is_dry {
        for device in &plan.removed {
            caller.bury(device).await?;
            let (by, own) = (caller.change(), device.clone());
            caller.accounts(move |accounts| accounts.revoke_all_of(&own, &by)).await?;
            // Somebody else may have deleted it meanwhile, which is as good.
            let _was_there: bool = caller.hub().remove_device(device, shard::now());
        }
        caller.registry_saved().await?;
        for (device, history) in &plan.policies {
            keep_policies(&caller, device, history).await?;
        }
        caller.history_settled().await?;
    }
    Ok(Json(plan.view(is_dry)))
}

/// What is kept of properties, where it is not everything. A hub without history keeps nothing of any.
pub(crate) async fn policies(caller: &Caller) -> Result<Policies, Problem> {
    let Some(history) = &caller.shard.history else { return Ok(Policies::new()) };
    let mut policies = Policies::new();
    for (key, policy) in history.policies().await.map_err(no_answer)? {
        if let Some((device, property)) = key.split_once('/') {
            policies.entry(device.to_owned()).or_default().insert(property.to_owned(), PolicySheet::from(policy));
        }
    }
    Ok(policies)
}

/// From now on this is kept of the device, and everything of its other properties. Nothing to do for a hub without history.
pub(crate) async fn keep_policies(
    caller: &Caller,
    device: &DeviceId,
    wanted: &BTreeMap<String, PolicySheet>,
) -> Result<(), Problem> {
    let Some(history) = &caller.shard.history else { return Ok(()) };
    let known = policies(caller).await?.remove(device.as_str()).unwrap_or_default();
    let everything = PolicySheet { keep: KeepWord::All, every_s: None, raw_days: None };
    let gone = known.keys().filter(|name| !wanted.contains_key(*name)).map(|name| (name, &everything));
    for (name, sheet) in wanted.iter().filter(|(name, sheet)| known.get(*name) != Some(sheet)).chain(gone) {
        let property = PropertyName::parse(name).map_err(Refusal::from)?;
        let policy: Policy = sheet.policy().map_err(Refusal::BadRequest)?;
        let kept = history.keep(Name { device: device.clone(), property }, policy).await.map_err(no_answer)?;
        kept.map_err(not_kept)?;
    }
    Ok(())
}

/// A body in the language that it says it is in.
pub(crate) async fn read_sheet<T: DeserializeOwned + Default + Send + 'static>(
    upload: &Upload,
    what: &'static str,
) -> Result<T, Problem> {
    let (bytes, format) = (upload.bytes.clone(), Format::of_media_type(upload.media_type()));
    aside(move || {
        let text = std::str::from_utf8(&bytes).map_err(|_| Problem::bad_request("The body is not UTF-8."))?;
        format
            .read(text)
            .map(|Object(sheet)| sheet)
            .map_err(|error| Problem::bad_request(format!("The body is not {what}: {error}.")))
    })
    .await
}

/// An answer in the language that is accepted.
pub(crate) fn write_sheet(headers: &HeaderMap, sheet: &impl Serialize) -> Result<Response, Problem> {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = Format::of_media_type(accepted);
    let text = format.write(sheet).map_err(|error| {
        let detail = format!("This cannot be written as {}: {error}.", format.extension());
        Problem::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "unwritable", detail)
    })?;
    Ok(as_text(format.media_type(), text))
}
