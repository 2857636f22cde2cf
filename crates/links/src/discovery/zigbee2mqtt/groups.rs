//! Groups: several devices that take requests as one.

use housewire_core::Type;
use serde_json::Value;

use super::super::draft::{Draft, Part, clean_label, write_mapped};
use super::super::model::{Found, Source};
use super::exposes;

/// Scenes of one group that can be asked for.
const SCENES_MAX: usize = 64;

/// Whether a group of devices has this feature when they have: what they measure is each one's own.
pub(super) fn is_shared(feature: &Value) -> bool {
    matches!(feature.get("type").and_then(Value::as_str), Some("light" | "switch" | "cover" | "lock" | "fan"))
}

/// The group as a device; `members` gives the features of the device with an address.
pub(super) fn describe<'a>(
    base: &str,
    key: &str,
    name: &str,
    announced: &Value,
    members: impl Fn(&str) -> Option<&'a [Value]>,
) -> Found {
    let mut draft = Draft::new(Source::Zigbee2Mqtt, key);
    draft.found.identifiers = vec![format!("id:{base}/{key}")];
    draft.found.name = clean_label(name);
    draft.found.manufacturer = Some("Zigbee2MQTT".to_owned());
    draft.found.model = Some("Group".to_owned());
    let topic = format!("{base}/{name}");
    let list = |key: &str| announced.get(key).and_then(Value::as_array).into_iter().flatten();
    let addresses = list("members").filter_map(|member| member.get("ieee_address")?.as_str());
    let mut features: Vec<Value> = Vec::new();
    for feature in addresses.filter_map(members).flatten() {
        // Lamps of one kind are the rule: what is the same is looked at once.
        if !features.contains(feature) {
            features.push(feature.clone());
        }
    }
    exposes::add(&mut draft, &topic, &features);
    let scene =
        |scene: &Value| Some((clean_label(scene.get("name")?.as_str()?)?, scene.get("id")?.as_u64()?.to_string()));
    let mut scenes: Vec<(String, String)> = list("scenes").filter_map(scene).take(SCENES_MAX).collect();
    scenes.sort();
    scenes.dedup_by(|one, two| one.0 == two.0);
    if !scenes.is_empty() {
        let map: Vec<(&str, &str)> = scenes.iter().map(|(name, id)| (name.as_str(), id.as_str())).collect();
        let template = "{\"scene_recall\": {{ value }} }".to_owned();
        draft.add(
            Part::new("scene_recall", "enum", Type::Enum)
                .named("scene")
                .role(Some("scene"))
                .options(scenes.iter().map(|(name, _)| name.as_str()))
                .write(write_mapped(&format!("{topic}/set"), template, &map))
                .event(),
        );
    }
    draft.finish()
}
