//! The bridge itself: what it says of its settings, and the device that it is here.

use std::collections::BTreeMap;

use housewire_core::Type;
use serde_json::Value;

use super::super::draft::{Draft, Part, clean_label, read, read_mapped, write, write_mapped};
use super::super::jinja::Path;
use super::super::limits::FOUND_MAX;
use super::super::model::{Availability, AvailabilityTopic, Category, Found, Source};
use super::{STATE, ieee};

/// How long new devices may join when nobody says otherwise: the longest time that Zigbee allows, in seconds.
const JOIN_SECONDS_MAX: u8 = 254;

/// What of the bridge's description matters here.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Info {
    /// IEEE address of the coordinator.
    pub(super) coordinator: Option<String>,
    coordinator_kind: Option<String>,
    version: Option<String>,
    /// Whether devices say if they are there, where the bridge tells its settings.
    availability: Option<bool>,
    /// The same for single devices, by their address.
    availability_of: BTreeMap<String, bool>,
}

impl Info {
    pub(super) fn parse(value: &Value) -> Option<Self> {
        let root = value.as_object()?;
        let coordinator = root.get("coordinator");
        let of_coordinator = |key: &str| coordinator?.get(key)?.as_str();
        let config = root.get("config");
        let devices = config.and_then(|config| config.get("devices")).and_then(Value::as_object);
        let own_setting =
            |(address, device): (&String, &Value)| Some((ieee(address)?, enabled(device.get("availability")?)?));
        Some(Self {
            coordinator: of_coordinator("ieee_address").and_then(ieee),
            coordinator_kind: of_coordinator("type").and_then(clean_label),
            version: root.get("version").and_then(Value::as_str).and_then(clean_label),
            availability: config.and_then(|config| enabled(config.get("availability")?)),
            availability_of: devices.into_iter().flatten().take(FOUND_MAX).filter_map(own_setting).collect(),
        })
    }

    /// Whether the device with this key says if it is there, if the settings tell.
    pub(super) fn availability_of(&self, key: &str) -> Option<bool> {
        // Groups have no setting: they speak if their members do.
        let global = self.availability.filter(|enabled| key.starts_with("0x") || !enabled);
        self.availability_of.get(key).copied().or(global)
    }
}

/// `true`, or an object of times that may say `enabled`.
fn enabled(setting: &Value) -> Option<bool> {
    match setting {
        Value::Bool(enabled) => Some(*enabled),
        Value::Object(fields) => Some(fields.get("enabled").and_then(Value::as_bool).unwrap_or(true)),
        _ => None,
    }
}

/// The bridge as a device, once its coordinator is known, which nothing changes.
pub(super) fn describe(base: &str, info: &Info) -> Option<Found> {
    let address = info.coordinator.as_ref()?;
    let mut draft = Draft::new(Source::Zigbee2Mqtt, address.clone());
    let found = &mut draft.found;
    found.identifiers = vec![format!("zigbee:{address}"), format!("id:zigbee2mqtt_bridge_{address}")];
    found.name = Some("Zigbee2MQTT".to_owned());
    found.manufacturer = Some("Zigbee2MQTT".to_owned());
    found.model = info.coordinator_kind.clone();
    found.sw_version = info.version.clone();
    let state = AvailabilityTopic {
        topic: format!("{base}/bridge/state"),
        online: "online".to_owned(),
        offline: "offline".to_owned(),
        template: Some(STATE.to_owned()),
    };
    found.availability = Availability { topics: vec![state], ..Availability::default() };

    let (told, asked) = (format!("{base}/bridge/info"), format!("{base}/bridge/request/permit_join"));
    let path = Path::of(["permit_join"]).unwrap_or_default();
    let open = format!("{{\"time\": {JOIN_SECONDS_MAX}}}");
    draft.add(
        Part::new("permit_join", "switch", Type::Bool)
            .labelled(Some("New devices may join"))
            .category(Category::Config)
            .read(read_mapped(&told, path.json(), &[("true", "true"), ("false", "false")]))
            .write(write_mapped(&asked, None, &[("true", &open), ("false", "{\"time\": 0}")])),
    );
    draft.add(
        Part::new("permit_join_time", "number", Type::Int)
            .labelled(Some("Let new devices join for"))
            .category(Category::Config)
            .unit(Some("s"))
            .range(0.0, f64::from(JOIN_SECONDS_MAX))
            .write(write(&asked, "{\"time\": {{ value }} }".to_owned()))
            .event(),
    );
    let happened = format!("{base}/bridge/event");
    for (kind, label) in [("device_joined", "Device joined"), ("device_leave", "Device left")] {
        let template = format!(
            "{{% if value_json is defined and value_json is mapping and value_json.type == \"{kind}\" and value_json.data is \
             mapping %}}{{{{ value_json.data.friendly_name }}}}{{% endif %}}"
        );
        let part = Part::new(kind, "event", Type::String).labelled(Some(label)).category(Category::Diagnostic);
        draft.add(part.read(read(&happened, template)).event());
    }
    Some(draft.finish())
}
