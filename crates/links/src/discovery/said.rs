//! What a dialect has said of devices, so that it says everything once: a repeated announcement changes nothing.

use std::collections::BTreeMap;

use super::draft::quoted;
use super::limits::{FOUND_MAX, PROPERTIES_FOUND_MAX};
use super::model::{Event, Found};

/// Devices by their keys, as they were said last.
#[derive(Default)]
pub(crate) struct Said {
    devices: BTreeMap<String, Box<Found>>,
    properties_len: usize,
}

impl Said {
    pub(crate) fn get(&self, key: &str) -> Option<&Found> {
        self.devices.get(key).map(Box::as_ref)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &String> {
        self.devices.keys()
    }

    /// Says what a device is now, if that is news; whether it was.
    pub(crate) fn found(&mut self, found: Found, topic: &str, events: &mut Vec<Event>) -> bool {
        let known = self.devices.get(&found.key);
        if known.is_some_and(|known| **known == found) {
            return false;
        }
        let before = known.map_or(0, |known| known.properties.len());
        let properties_len = self.properties_len - before + found.properties.len();
        let too_many = if known.is_none() && self.devices.len() >= FOUND_MAX {
            Some(format!("There are {FOUND_MAX} devices of {} already", found.source))
        } else if properties_len > PROPERTIES_FOUND_MAX && found.properties.len() > before {
            Some(format!("The devices of {} have {PROPERTIES_FOUND_MAX} properties already", found.source))
        } else {
            None
        };
        if let Some(what) = too_many {
            let shown = quoted(found.name.as_deref().unwrap_or(&found.key));
            let reason = format!("{what}; what is announced of {shown} is left out.");
            events.push(Event::Problem { topic: topic.to_owned(), reason });
            return false;
        }
        self.properties_len = properties_len;
        let found = Box::new(found);
        self.devices.insert(found.key.clone(), found.clone());
        events.push(Event::Found(found));
        true
    }

    /// Says that a device is gone, if it was there.
    pub(crate) fn gone(&mut self, key: &str, events: &mut Vec<Event>) {
        self.forget(key, false, events);
    }

    /// Says that a device comes back under another key, if it was there.
    pub(crate) fn moved(&mut self, key: &str, events: &mut Vec<Event>) {
        self.forget(key, true, events);
    }

    fn forget(&mut self, key: &str, migrates: bool, events: &mut Vec<Event>) {
        if let Some(known) = self.devices.remove(key) {
            self.properties_len -= known.properties.len();
            events.push(Event::Gone { key: key.to_owned(), migrates });
        }
    }
}
