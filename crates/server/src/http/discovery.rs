//! Devices that announce themselves: what was found, what somebody decides about it, and the settings.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use housewire_core::{Access, DeviceId, TopicRef};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::{Deed, Event};
use crate::caller::Caller;
use crate::discovery::{Adopt, Adoption, Desk, DiscoveryError, DiscoverySettings, FindJson};
use crate::http::body::Upload;
use crate::http::describe::{BadRequest, BodyAnswers, Busy, Conflict, Forbidden, NoRoom, NotFound, Unusable};
use crate::http::path::{DevicePath, FindPath};
use crate::http::problem::Problem;

/// How a find is adopted.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = Adoption)]
struct AdoptionJson {
    /// The device's id; made of its name if it is not given. One that is there already goes on as this one, with its history.
    #[schema(example = "kitchen-lamp", pattern = "^(?!(set|target)$)[A-Za-z0-9_-]{1,64}$")]
    device: Option<String>,
    name: Option<String>,
    room: Option<String>,
}

/// As what a find was adopted.
#[derive(Serialize, ToSchema)]
#[schema(as = Adopted)]
struct AdoptedJson {
    #[schema(example = "kitchen-lamp")]
    device: String,
}

/// The settings, and what the configuration adds to them.
#[derive(Serialize, ToSchema)]
#[schema(as = Discovery)]
pub(crate) struct DiscoveryJson {
    /// Whether announcements are listened to, and adopted devices served.
    enabled: bool,
    adopt: Adopt,
    /// Under which Home Assistant's form of announcements is found.
    #[schema(example = "homeassistant")]
    homeassistant_prefix: String,
    /// Zigbee2MQTT's base topic.
    #[schema(example = "zigbee2mqtt")]
    zigbee2mqtt_base: String,
    /// Whether this hub announces its own devices to a Home Assistant.
    announce: bool,
    /// Whether devices are looked for on the network, and the hub tells of itself there: as the configuration says.
    mdns: bool,
    /// Ids of devices that are not announced, whatever `announce` says.
    #[schema(example = json!(["lamp"]))]
    unannounced: Vec<String>,
}

impl DiscoveryJson {
    fn new((settings, unannounced): (DiscoverySettings, Vec<String>), mdns: bool) -> Self {
        let DiscoverySettings { enabled, adopt, homeassistant_prefix, zigbee2mqtt_base, announce } = settings;
        Self { enabled, adopt, homeassistant_prefix, zigbee2mqtt_base, announce, mdns, unannounced }
    }
}

/// Settings that change; what is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DiscoveryChange)]
struct DiscoveryChange {
    enabled: Option<bool>,
    adopt: Option<Adopt>,
    homeassistant_prefix: Option<String>,
    zigbee2mqtt_base: Option<String>,
    announce: Option<bool>,
    /// As it was read; the configuration decides it.
    #[expect(dead_code, reason = "taken so that what was read can be sent back")]
    mdns: Option<bool>,
    /// As it was read; each device is told by a request of its own.
    #[expect(dead_code, reason = "taken so that what was read can be sent back")]
    unannounced: Option<Vec<String>>,
}

/// Whether one device is announced to others.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Announced)]
struct AnnounceJson {
    announce: bool,
}

/// `GET /api/discovered`
#[utoipa::path(
    get, path = "/api/discovered", operation_id = "listDiscovered", tag = "Discovery",
    summary = "Lists devices that announced themselves",
    description = "Needs the right to read everything (`#`), since values of devices are among it.",
    responses((status = 200, description = "What was found, by id.", body = [FindJson]), Forbidden, Busy),
)]
pub(crate) async fn list(caller: Caller) -> Result<Response, Problem> {
    must_read_all(&caller)?;
    // Written there, as it may be long.
    let write =
        |desk: &mut Desk| serde_json::to_vec(&desk.list()).expect("a list of finds is JSON, and memory takes it");
    let body = caller.shard.discovery.ask(write).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// `POST /api/discovered/{id}/adopt`
#[utoipa::path(
    post, path = "/api/discovered/{id}/adopt", operation_id = "adoptDiscovered", tag = "Discovery",
    summary = "Adopts what was found: it becomes a device",
    description = "For administrators. Adopting it again agrees to what it announces since.",
    params(FindPath),
    request_body(content = AdoptionJson, description = "As which device; or no body.", example = json!({"room": "Kitchen"})),
    responses((status = 201, description = "The device.", body = AdoptedJson), BodyAnswers, Forbidden, NotFound, Conflict, Unusable, NoRoom, Busy),
)]
pub(crate) async fn adopt(caller: Caller, FindPath(id): FindPath, upload: Upload) -> Result<Response, Problem> {
    caller.must_administer()?;
    let AdoptionJson { device, name, room } = match upload.bytes.is_empty() {
        true => AdoptionJson::default(),
        false => upload.json("the device it shall be, or no body")?,
    };
    let device = device.map(|device| DeviceId::parse(&device)).transpose()?;
    let by = caller.change();
    let adoption = Adoption { device, name, room };
    let device = caller.shard.discovery.ask(move |desk| desk.adopt(&id, adoption, &by)).await??;
    caller.registry_saved().await?;
    let adopted = AdoptedJson { device: device.as_str().to_owned() };
    Ok((StatusCode::CREATED, Json(adopted)).into_response())
}

/// `POST /api/discovered/{id}/ignore`
#[utoipa::path(
    post, path = "/api/discovered/{id}/ignore", operation_id = "ignoreDiscovered", tag = "Discovery",
    summary = "Ignores what was found",
    description = "For administrators. It is not offered any more; if it was adopted, its device stays and is no longer served.",
    params(FindPath),
    responses((status = 204, description = "It is ignored."), BadRequest, Forbidden, NotFound, Conflict, NoRoom, Busy),
)]
pub(crate) async fn ignore(caller: Caller, FindPath(id): FindPath) -> Result<StatusCode, Problem> {
    caller.must_administer()?;
    let by = caller.change();
    caller.shard.discovery.ask(move |desk| desk.ignore(&id, &by)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/discovered/{id}/restore`
#[utoipa::path(
    post, path = "/api/discovered/{id}/restore", operation_id = "restoreDiscovered", tag = "Discovery",
    summary = "Offers again what was ignored or removed",
    description = "For administrators.",
    params(FindPath),
    responses((status = 204, description = "It is as new."), BadRequest, Forbidden, NotFound, Conflict, NoRoom, Busy),
)]
pub(crate) async fn restore(caller: Caller, FindPath(id): FindPath) -> Result<StatusCode, Problem> {
    caller.must_administer()?;
    let by = caller.change();
    caller.shard.discovery.ask(move |desk| desk.restore(&id, &by)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/discovered/{id}/remove`
#[utoipa::path(
    post, path = "/api/discovered/{id}/remove", operation_id = "removeDiscovered", tag = "Discovery",
    summary = "Removes what was found, and clears the retained messages that announce it",
    description = "For administrators. It is offered again only when its sender is seen live. A device that it was stays, and is no longer served.",
    params(FindPath),
    responses((status = 204, description = "It is removed."), BadRequest, Forbidden, NotFound, Conflict, NoRoom, Busy),
)]
pub(crate) async fn remove(caller: Caller, FindPath(id): FindPath) -> Result<StatusCode, Problem> {
    caller.must_administer()?;
    let by = caller.change();
    caller.shard.discovery.ask(move |desk| desk.remove(&id, &by)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/discovered/{id}/forget`
#[utoipa::path(
    post, path = "/api/discovered/{id}/forget", operation_id = "forgetDiscovered", tag = "Discovery",
    summary = "Removes what was found, and deletes the device that it was, with its history",
    description = "For administrators.",
    params(FindPath),
    responses((status = 204, description = "It is forgotten."), BadRequest, Forbidden, NotFound, Conflict, NoRoom, Busy),
)]
pub(crate) async fn forget(caller: Caller, FindPath(id): FindPath) -> Result<StatusCode, Problem> {
    caller.must_administer()?;
    let by = caller.change();
    let decided = caller.shard.discovery.ask(move |desk| desk.remove(&id, &by)).await??;
    if let Some(device) = decided.device {
        caller.bury(&device).await?;
        let (by, own) = (caller.change(), device.clone());
        caller.accounts(move |accounts| accounts.revoke_all_of(&own, &by)).await?;
        // Somebody else may have deleted it meanwhile, which is as good.
        let _was_there: bool = caller.hub().remove_device(&device, crate::shard::now());
        caller.registry_saved().await?;
        caller.history_settled().await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/discovery`
#[utoipa::path(
    get, path = "/api/discovery", operation_id = "getDiscovery", tag = "Discovery",
    summary = "Shows the settings of discovery",
    description = "Needs the right to read everything (`#`).",
    responses((status = 200, description = "The settings.", body = DiscoveryJson), Forbidden, Busy),
)]
pub(crate) async fn show(caller: Caller) -> Result<Json<DiscoveryJson>, Problem> {
    must_read_all(&caller)?;
    let settings = caller.shard.discovery.ask(|desk| (desk.settings(), desk.unannounced())).await?;
    Ok(Json(DiscoveryJson::new(settings, caller.shard.config.mdns)))
}

/// `PUT /api/discovery`
#[utoipa::path(
    put, path = "/api/discovery", operation_id = "putDiscovery", tag = "Discovery",
    summary = "Changes the settings of discovery",
    description = "For administrators. What is not named stays; what changes counts at once.",
    request_body(content = DiscoveryChange, example = json!({"adopt": "ask", "announce": true})),
    responses((status = 200, description = "The settings.", body = DiscoveryJson), BodyAnswers, Forbidden, Conflict, Unusable, NoRoom, Busy),
)]
pub(crate) async fn change(caller: Caller, upload: Upload) -> Result<Json<DiscoveryJson>, Problem> {
    caller.must_administer()?;
    let change: DiscoveryChange = upload.json("what is to be changed")?;
    let by = caller.change();
    let accounts = std::sync::Arc::clone(&caller.shard.accounts);
    let settings = caller.shard.discovery.ask(move |desk| -> Result<_, DiscoveryError> {
        let old = desk.settings();
        let settings = DiscoverySettings {
            enabled: change.enabled.unwrap_or(old.enabled),
            adopt: change.adopt.unwrap_or(old.adopt),
            homeassistant_prefix: change.homeassistant_prefix.unwrap_or(old.homeassistant_prefix),
            zigbee2mqtt_base: change.zigbee2mqtt_base.unwrap_or(old.zigbee2mqtt_base),
            announce: change.announce.unwrap_or(old.announce),
        };
        let settings = desk.set(settings)?;
        accounts.audit.note(Deed { event: Event::DiscoveryChanged, by: &by, subject: None, detail: None });
        Ok((settings, desk.unannounced()))
    });
    Ok(Json(DiscoveryJson::new(settings.await??, caller.shard.config.mdns)))
}

/// `POST /api/devices/{id}/announce`: with PUT it would be a property of that name.
#[utoipa::path(
    post, path = "/api/devices/{id}/announce", operation_id = "announceDevice", tag = "Discovery",
    summary = "Says whether a device is announced to a Home Assistant",
    description = "For administrators. While the setting `announce` is on, all devices are announced but those of which this says no.",
    params(DevicePath),
    request_body(content = AnnounceJson, example = json!({"announce": false})),
    responses((status = 204, description = "It is so."), BodyAnswers, Forbidden, NotFound, NoRoom, Busy),
)]
pub(crate) async fn announce(
    caller: Caller,
    DevicePath(id): DevicePath,
    upload: Upload,
) -> Result<StatusCode, Problem> {
    caller.must_administer()?;
    let AnnounceJson { announce } = upload.json("whether it is announced")?;
    if caller.hub().device(&id).is_none() {
        return Err(Problem::not_found(format!("There is no device '{id}'.")));
    }
    caller.shard.discovery.ask(move |desk| desk.set_announced(&id, announce)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Finds show values of whatever topic a device names.
fn must_read_all(caller: &Caller) -> Result<(), Problem> {
    if caller.principal().may_administer() {
        return Ok(());
    }
    let everything = housewire_core::Filter::parse("#").expect("a constant that parses");
    let permissions = caller.principal().permissions();
    if permissions.deny.is_empty() && permissions.allow_filter(&everything) {
        return Ok(());
    }
    let topic = TopicRef::parse("devices").expect("a constant that parses");
    caller.must(Access::Read, topic)?;
    let detail =
        format!("{} may not read everything, and what devices announce may show anything.", caller.principal().name());
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))
}
