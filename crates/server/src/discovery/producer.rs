//! This hub's own devices, announced in Home Assistant's device form, so that a Home Assistant beside it sees everything that is here.
//!
//! Values, requests and presence are the devices' own topics: nothing is carried. How a device looks is in `component`; when it is
//! announced, announced again or taken back is decided here.

mod component;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use housewire_core::{Device, DeviceId, Now, Qos, TopicRef};
use housewire_links::discovery::Source;
use housewire_links::discovery::model::Outgoing;
use serde_json::{Map, Value, json};
use tracing::warn;

use super::desk::Desk;

/// What is to be announced, and when.
#[derive(Debug, Default)]
pub(super) struct Producer {
    devices: BTreeSet<String>,
    all: bool,
    /// What is as it was is sent again, too.
    again: bool,
    at: Option<Instant>,
}

/// How long changes are gathered.
const GATHER: Duration = Duration::from_millis(300);
/// How long a Home Assistant that came back is given before everything is sent to it.
const GREET: Duration = Duration::from_secs(1);

impl Producer {
    /// A device came, went, or is declared in another way.
    pub(super) fn changed(&mut self, device: &str, now: Instant) {
        self.devices.insert(device.to_owned());
        self.at.get_or_insert(now + GATHER);
    }

    /// Everything is to be looked at.
    pub(super) fn all_at(&mut self, now: Instant) {
        self.all = true;
        self.at.get_or_insert(now + GATHER);
    }

    /// Everything is to be sent again.
    pub(super) fn again_at(&mut self, now: Instant) {
        (self.all, self.again) = (true, true);
        self.at.get_or_insert(now + GREET);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.at
    }

    /// Whether a message is an announcement of the hub with this name.
    pub(super) fn is_own(&self, hub: &str, payload: &[u8]) -> bool {
        std::str::from_utf8(payload).is_ok_and(|text| text.contains(&format!("\"{}", component::identifier(hub, ""))))
    }
}

impl Desk {
    /// Announces what changed, and takes back what is not to be announced.
    pub(super) fn announce_own(&mut self, now: Now) {
        let Producer { mut devices, all, again, .. } = std::mem::take(&mut self.producer);
        if !self.is_active {
            return;
        }
        if all {
            devices.extend(self.hub.devices().into_iter().map(|device| device.id().as_str().to_owned()));
        }
        for id in devices {
            let Ok(device) = DeviceId::parse(&id) else { continue };
            let is_announced = self.kept.announces(&device) && !self.announces_itself(&device);
            match self.hub.device(&device).filter(|_| is_announced) {
                Some(known) => self.announce_device(&known, again, now),
                None => self.withdraw(&device, now),
            }
        }
    }

    /// Takes all announcements of this hub back.
    pub(super) fn withdraw_all(&mut self) {
        let now = crate::shard::now();
        for device in self.hub.devices() {
            self.withdraw(device.id(), now);
        }
    }

    /// Whether a device has announced itself in this form, as whoever listens to it knows already.
    fn announces_itself(&self, device: &DeviceId) -> bool {
        let find = self.finds.of_device(device.as_str());
        find.is_some_and(|find| {
            find.parts.iter().any(|part| part.found.source == Source::HomeAssistant && !part.is_gone)
        })
    }

    fn announce_device(&mut self, device: &Device, again: bool, now: Now) {
        let topic = self.config_topic(device.id());
        let standing = self.announcement_at(&topic, now);
        if let Standing::Foreign = standing {
            warn!("device {} is not announced: somebody else announces a device at {topic}", device.id());
            return;
        }
        let config = component::config(&self.kept.hub, device.id(), &device.lock());
        let payload = config.to_string();
        if let Standing::Own(before) = &standing {
            if *before == payload && !again {
                return;
            }
            if let Some(interim) = without_gone(before, &config) {
                self.announce_at(&topic, &interim.to_string(), now);
            }
        }
        self.announce_at(&topic, &payload, now);
    }

    fn withdraw(&mut self, device: &DeviceId, now: Now) {
        let topic = self.config_topic(device);
        if matches!(self.announcement_at(&topic, now), Standing::Own(_)) {
            self.announce_at(&topic, "", now);
        }
    }

    fn announce_at(&mut self, topic: &str, payload: &str, now: Now) {
        let payload = payload.as_bytes().to_vec();
        self.send(&Outgoing { topic: topic.to_owned(), payload, qos: Qos::AtLeastOnce, retain: true }, now);
    }

    fn config_topic(&self, device: &DeviceId) -> String {
        format!("{}/device/{device}/config", self.kept.settings.homeassistant_prefix)
    }

    /// What stands at a topic now.
    fn announcement_at(&self, topic: &str, now: Now) -> Standing {
        let Ok(topic) = TopicRef::parse(topic) else { return Standing::Foreign };
        match self.hub.get(&self.principal, topic, now) {
            Ok(None) => Standing::Nothing,
            Ok(Some(message)) if self.producer.is_own(&self.kept.hub, &message.payload) => {
                Standing::Own(String::from_utf8_lossy(&message.payload).into_owned())
            }
            Ok(Some(_)) | Err(_) => Standing::Foreign,
        }
    }
}

enum Standing {
    Nothing,
    Own(String),
    Foreign,
}

/// The announcement with what it has no longer named as gone, which its receivers have to see once.
fn without_gone(before: &str, config: &Value) -> Option<Value> {
    let before: Value = serde_json::from_str(before).ok()?;
    let now = config["components"].as_object()?;
    let gone = before["components"].as_object()?.iter().filter(|(key, _)| !now.contains_key(*key));
    let gone: Map<_, _> = gone.map(|(key, of)| (key.clone(), json!({"platform": of["platform"]}))).collect();
    if gone.is_empty() {
        return None;
    }
    let mut interim = config.clone();
    interim["components"].as_object_mut()?.extend(gone);
    Some(interim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_has_no_longer_is_named_once() {
        let before = json!({"components": {"a": {"platform": "sensor", "x": 1}, "b": {"platform": "switch"}}});
        let now = json!({"components": {"b": {"platform": "switch"}}, "o": 1});
        let interim = without_gone(&before.to_string(), &now).unwrap();
        assert_eq!(interim, json!({"components": {"a": {"platform": "sensor"}, "b": {"platform": "switch"}}, "o": 1}));
        assert_eq!(without_gone(&now.to_string(), &now), None);
        assert_eq!(without_gone("no json", &now), None);
    }

    #[test]
    fn own_announcements_are_known_again() {
        let producer = Producer::default();
        let own = json!({"device": {"identifiers": [component::identifier("12ab34cd", "lamp")]}}).to_string();
        assert!(producer.is_own("12ab34cd", own.as_bytes()));
        assert!(!producer.is_own("99999999", own.as_bytes()), "another hub's");
        assert!(!producer.is_own("12ab34cd", b"{}") && !producer.is_own("12ab34cd", &[0xff]));
    }

    #[test]
    fn changes_are_gathered() {
        let (mut producer, now) = (Producer::default(), Instant::now());
        assert_eq!(producer.poll_timeout(), None);
        producer.changed("lamp", now);
        producer.changed("lamp", now + Duration::from_secs(9));
        assert_eq!(producer.poll_timeout(), Some(now + GATHER));
    }
}
