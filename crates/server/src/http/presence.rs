//! Whether a device is there, why not, and how it came and went.

use axum::Json;
use axum::http::StatusCode;
use housewire_core::{Access, DeviceId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::Kind;
use crate::caller::Caller;
use crate::http::describe::{BadRequest, Forbidden, NotFound};
use crate::http::path::DevicePath;
use crate::http::problem::Problem;
use crate::http::refusals::RefusalView;
use crate::presence::{Change, Reason};
use crate::refusal::Refusal;
use crate::tap::Tap;
use crate::view::wire::{ConnectionView, device_of};

/// The answer of `/api/devices/{id}/presence`.
#[derive(Serialize, ToSchema)]
#[schema(as = Presence)]
pub(crate) struct PresenceView {
    online: bool,
    /// Since when it is there, or away; `null` if that was before the hub started.
    #[schema(format = DateTime)]
    since: Option<String>,
    /// The time of its newest value; `null` if there is none.
    #[schema(format = DateTime)]
    last_seen: Option<String>,
    /// Why it is away: `goodbye`, `will`, `keep-alive`, `network`, `replaced`, `revoked`, `protocol`, `hub restart`, `silent` (it is connected, and
    /// has reported nothing since) or `never connected`; `null` while it is there.
    reason: Option<&'static str>,
    /// The same in a sentence, with what to look at.
    said: String,
    /// Those that come with a credential of it, or report for it.
    connections: Vec<ConnectionView>,
    /// The last 50 changes, the newest first, as far back as `remembered_since`.
    past: Vec<ChangeView>,
    /// When the hub was started.
    #[schema(format = DateTime)]
    remembered_since: String,
    /// What was refused to it lately, the oldest first.
    refusals: Vec<RefusalView>,
}

/// A change.
#[derive(Serialize, ToSchema)]
#[schema(as = PresenceChange)]
struct ChangeView {
    #[schema(format = DateTime)]
    time: String,
    online: bool,
    reason: Option<&'static str>,
}

impl From<Change> for ChangeView {
    fn from(Change { time, is_online, reason }: Change) -> Self {
        Self { time: time.to_string(), online: is_online, reason: reason.map(Reason::name) }
    }
}

/// `/api/devices/{id}/presence` is the same as `/api/presence/{id}`, unless the device has a property of that name, as sensors do that
/// see people.
pub(crate) const NAME: &str = "presence";

pub(crate) fn is_property(caller: &Caller, id: &DeviceId) -> bool {
    let has = |state: &housewire_core::DeviceState| state.properties.keys().any(|name| name.as_str() == NAME);
    caller.hub().device(id).is_some_and(|device| has(&device.lock()))
}

/// `GET /api/presence/{id}`
#[utoipa::path(
    get, path = "/api/presence/{id}", operation_id = "getPresence", tag = "Devices",
    summary = "Says whether a device is there, why not, and how it came and went",
    description = "Remembered from the start of the hub on. Also at `/api/devices/{id}/presence`, unless the device has a property of that name. Connections and refusals are shown to administrators; to the device itself its own.",
    params(DevicePath),
    responses((status = 200, description = "Its presence.", body = PresenceView), BadRequest, Forbidden, NotFound),
)]
pub(crate) async fn show(caller: Caller, DevicePath(id): DevicePath) -> Result<Json<PresenceView>, Problem> {
    if caller.login.kind == Kind::Share {
        let text = "A share link does not tell when a device came and went. Sign in to see that.";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", text));
    }
    caller.must_reach(Access::Read, &id)?;
    let device = caller.hub().device(&id).ok_or_else(|| {
        Refusal::NotFound(format!(
            "There is no device '{id}'. Devices are made by their first report, or declared by PUT."
        ))
    })?;
    let (is_online, last_seen, has_target) = {
        let state = device.lock();
        let times = state.properties.values().filter_map(|property| property.time);
        (state.is_online(), times.max(), state.via.is_some())
    };
    let presence = &caller.shard.presence;
    let past = presence.changes(&id);
    let last = past.first().filter(|last| last.is_online == is_online);
    let (name, sees_all) = (caller.principal().name(), caller.principal().may_administer());
    let is_it = name == format!("device:{id}");
    let may_see = |user: Option<&str>| sees_all || is_it && user == Some(name);
    // All connections are looked at only for whom they say something.
    let (connections, is_connected) = match is_online && !sees_all && !is_it {
        true => (Vec::new(), true),
        false => connections(&caller, &id, may_see).await,
    };
    let reason = (!is_online).then(|| match last.and_then(|last| last.reason) {
        // These say more of what to do.
        Some(reason @ (Reason::Replaced | Reason::Revoked | Reason::Protocol)) => reason,
        _ if is_connected => Reason::Silent,
        Some(reason) => reason,
        None if last_seen.is_some() || has_target => Reason::HubRestart,
        None => Reason::NeverConnected,
    });
    let of_device = caller.shard.refusals.behind(0, |refused| refused.device.as_ref() == Some(&id)).0;
    let refusals = of_device.into_iter().filter(|refused| may_see(refused.user.as_deref()));
    Ok(Json(PresenceView {
        online: is_online,
        since: last.map(|last| last.time.to_string()),
        last_seen: last_seen.map(|time: Timestamp| time.to_string()),
        reason: reason.map(Reason::name),
        said: reason.map_or("It is there.", Reason::said).to_owned(),
        connections,
        past: past.into_iter().map(ChangeView::from).collect(),
        remembered_since: presence.started().to_string(),
        refusals: refusals.map(RefusalView::from).collect(),
    }))
}

/// The connections of a device that may be seen, and whether one of all lasts, as a client's does.
async fn connections(
    caller: &Caller,
    id: &DeviceId,
    may_see: impl Fn(Option<&str>) -> bool,
) -> (Vec<ConnectionView>, bool) {
    let (mut found, mut is_connected) = (Vec::new(), false);
    let speakers = caller.hub().speakers(id);
    let look = |tap: &Tap| {
        let known = tap.known();
        let client = known.client.as_ref();
        let speaks = client.is_some_and(|client| speakers.contains(&client.subscriber.id()));
        if !speaks && device_of(&known, caller.hub()).as_ref() != Some(id) {
            return;
        }
        is_connected |= client.is_some_and(|client| client.whereabouts().is_connected);
        if may_see(known.user.as_ref().map(|user| user.name())) {
            found.push(ConnectionView::new(&known, caller.hub()));
        }
    };
    caller.shard.taps.each_in_turn(look).await;
    (found, is_connected)
}
