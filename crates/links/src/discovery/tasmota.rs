//! Tasmota's own announcements (`SetOption19 0`): what a device is, and the tree of its sensors, on two retained topics.
//!
//! Here is what happens to a message. What its configuration says is read in `config`; what becomes of it as properties is in
//! `outputs` (relays, lights, shutters, fans), `inputs` (switches, buttons) and `sensors`.

mod config;
mod inputs;
mod light;
mod outputs;
mod sensors;

use std::collections::BTreeMap;

use housewire_core::{Filter, Qos};
use serde_json::Value;

use self::config::Config;
use super::Dialect;
use super::draft::{Draft, clean_label, mac_identifier, quoted};
use super::limits::{ANNOUNCEMENT_BYTES_MAX, FOUND_MAX};
use super::model::{Announcement, Availability, AvailabilityTopic, Event, Found, Outgoing, Source};
use super::said::Said;

/// Where every Tasmota announces itself.
const PREFIX: &str = "tasmota/discovery/";

/// Devices that run Tasmota.
#[derive(Default)]
pub struct Tasmota {
    devices: BTreeMap<String, Device>,
    said: Said,
}

/// What one device announced; sensors may come before the configuration.
#[derive(Default)]
struct Device {
    config: Option<Config>,
    sensors: Option<Value>,
}

impl Tasmota {
    /// A dialect that has heard nothing.
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&mut self, message: &Announcement<'_>) -> Result<Vec<Event>, String> {
        let rest = message.topic.strip_prefix(PREFIX).unwrap_or_default();
        let Some((id, part)) = rest.split_once('/') else { return Ok(Vec::new()) };
        let part = match part {
            "config" => Part::Config,
            "sensors" => Part::Sensors,
            // Further topics may come with further versions.
            _ => return Ok(Vec::new()),
        };
        let is_id = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
        if id.is_empty() || !id.bytes().all(is_id) {
            return Err(format!(
                "{} is no address of a Tasmota: it has characters other than A-Z, 0-9, _ and -.",
                quoted(id)
            ));
        }
        if message.payload.is_empty() {
            return Ok(self.remove(id, part, message.topic));
        }
        let value = parse(message.payload)?;
        let known = self.devices.len();
        match part {
            Part::Config => {
                let config = Config::parse(id, &value)?;
                self.device(id, known)?.config = Some(config);
            }
            Part::Sensors => {
                let tree = value.get("sn").filter(|tree| tree.is_object());
                let tree =
                    tree.ok_or("The announcement of sensors has no object under 'sn'; what was known of them stays.")?;
                let tree = tree.clone();
                self.device(id, known)?.sensors = Some(tree);
            }
        }
        Ok(self.say(id, message.topic))
    }

    fn device(&mut self, id: &str, known: usize) -> Result<&mut Device, String> {
        if known >= FOUND_MAX && !self.devices.contains_key(id) {
            return Err(format!("There are {FOUND_MAX} devices of tasmota already; this one is left out."));
        }
        Ok(self.devices.entry(id.to_owned()).or_default())
    }

    fn remove(&mut self, id: &str, part: Part, topic: &str) -> Vec<Event> {
        let Some(device) = self.devices.get_mut(id) else { return Vec::new() };
        match part {
            Part::Config => device.config = None,
            Part::Sensors => device.sensors = None,
        }
        if device.config.is_none() {
            if device.sensors.is_none() {
                self.devices.remove(id);
            }
            let mut events = Vec::new();
            self.said.gone(&id.to_ascii_lowercase(), &mut events);
            return events;
        }
        self.say(id, topic)
    }

    /// Says what is known of a device, and asks it for its values if that is news.
    fn say(&mut self, id: &str, topic: &str) -> Vec<Event> {
        let mut events = Vec::new();
        let Some(Device { config: Some(config), sensors }) = self.devices.get(id) else { return events };
        let found = describe(config, sensors.as_ref());
        if self.said.found(found, topic, &mut events) {
            let query = |command: &str, payload: &str| {
                let (topic, payload) = (config.command(command), payload.as_bytes().to_vec());
                Event::Ask(Outgoing { topic, payload, qos: Qos::AtMostOnce, retain: false })
            };
            events.extend([query("STATE", ""), query("STATUS", "10")]);
        }
        events
    }
}

/// Which of a device's two announcements.
#[derive(Clone, Copy)]
enum Part {
    Config,
    Sensors,
}

impl Dialect for Tasmota {
    fn source(&self) -> Source {
        Source::Tasmota
    }

    fn filters(&self) -> Vec<Filter> {
        let filter = |text: &str| Filter::parse(text).expect("a constant that parses");
        vec![filter("tasmota/discovery/+/config"), filter("tasmota/discovery/+/sensors")]
    }

    fn message(&mut self, message: &Announcement<'_>) -> Vec<Event> {
        self.read(message).unwrap_or_else(|reason| vec![Event::Problem { topic: message.topic.to_owned(), reason }])
    }
}

fn parse(payload: &[u8]) -> Result<Value, String> {
    if payload.len() > ANNOUNCEMENT_BYTES_MAX {
        return Err(format!(
            "The announcement has {} bytes; at most {ANNOUNCEMENT_BYTES_MAX} are read. What was known stays.",
            payload.len()
        ));
    }
    let value: Value = serde_json::from_slice(payload)
        .map_err(|error| format!("The announcement is no JSON ({error}); what was known of the device stays."))?;
    if !value.is_object() {
        return Err("The announcement is no JSON object; what was known of the device stays.".to_owned());
    }
    Ok(value)
}

/// The device with everything that it announced.
fn describe(config: &Config, sensors: Option<&Value>) -> Found {
    let mut draft = Draft::new(Source::Tasmota, config.mac.to_ascii_lowercase());
    let found = &mut draft.found;
    found.identifiers = match mac_identifier(&config.mac) {
        Some(identifier) => vec![identifier],
        None => vec![format!("id:tasmota/{}", config.mac)],
    };
    let friendly = config.friendly_names.first().cloned().flatten();
    found.name = config.device_name.clone().or(friendly);
    found.manufacturer = Some("Tasmota".to_owned());
    found.model = config.model.as_deref().and_then(clean_label);
    found.sw_version = config.version.as_deref().and_then(clean_label);
    if let Some(ip) = config.ip {
        let host = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
        found.url = Some(format!("http://{host}/"));
        found.addresses = vec![format!("{host}:80")];
    }
    found.topics = vec![format!("{PREFIX}{}/config", config.mac), format!("{PREFIX}{}/sensors", config.mac)];
    // What sleeps most of the time says "offline" each time that it goes to sleep.
    if !config.sleeps_deeply {
        found.availability.topics = vec![AvailabilityTopic {
            topic: config.telemetry("LWT"),
            online: config.online.clone(),
            offline: config.offline.clone(),
            template: None,
        }];
    } else {
        found.availability = Availability::default();
    }
    for problem in &config.problems {
        draft.problem(problem.clone());
    }
    outputs::add(&mut draft, config);
    inputs::add(&mut draft, config);
    if let Some(sensors) = sensors {
        sensors::add(&mut draft, config, sensors);
    }
    sensors::add_state(&mut draft, config);
    draft.finish()
}

#[cfg(test)]
mod tests;
