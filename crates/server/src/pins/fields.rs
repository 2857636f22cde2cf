//! What is known of a device beside its values: fields that it, or people, filled in; and that it is there.

use housewire_core::{
    DeclareMode, DeviceId, Hub, Origin, Presence, Principal, Qos, RouteCache, Run, SessionId, TopicRef,
};

use crate::shard::{Shard, now};

/// A field that was filled in, else what people call it.
pub(crate) fn meta_field(hub: &Hub, principal: &Principal, device: &DeviceId, field: &str) -> Option<String> {
    let topic = format!("devices/{device}/$blynk/meta/{field}");
    let kept = TopicRef::parse(&topic).ok().and_then(|topic| hub.get(principal, topic, now()).ok()?);
    if let Some(message) = kept {
        return String::from_utf8(message.payload.to_vec()).ok();
    }
    let found = hub.device(device)?;
    let info = found.lock().info.clone();
    match field.to_ascii_lowercase().as_str() {
        "name" | "device name" => info.name.or_else(|| Some(device.to_string())),
        "room" | "location" | "location name" => info.room,
        "model" => info.model,
        _ => None,
    }
}

/// A device is online as long as it is connected, whether or not it reports something. One that is new is registered for that.
pub(crate) fn say_online(
    shard: &Shard,
    device: &DeviceId,
    principal: &Principal,
    session: SessionId,
    via: &'static str,
) {
    if shard.hub.device(device).is_none() {
        // Refused if there are too many, which its first report says, too.
        let declared = shard.hub.declare(device, Default::default(), DeclareMode::Merge, Clone::clone, now());
        if let Err(error) = declared {
            tracing::warn!(%device, "a Blynk device is not registered: {error}");
        }
    }
    let origin = Origin { via, session, presence: Presence::Connected };
    let topic = format!("devices/{device}/$online");
    let payloads = [&b"true"[..]];
    let Ok(topic) = TopicRef::parse(&topic) else { return };
    let run = Run::new(topic, &payloads).qos(Qos::AtMostOnce);
    // Said once for each connection: a route that is remembered would be a good part of what an idle device costs.
    if let Err(denied) = shard.hub.publish_run(&RouteCache::new(), principal, origin, run, now()) {
        tracing::debug!(%device, "that a Blynk device is there was not said: {denied}");
    }
}
