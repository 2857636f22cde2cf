//! All finds: which announcements are of one physical device, so that nothing is there twice.
//!
//! Two announcements are of one device if their announcer says so (the same key), or if they name the same MAC or Zigbee address.
//! Bounded; pure, as `find` is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use housewire_core::{DeviceId, Timestamp};
use housewire_links::discovery::{Found, Source};

use super::find::{Announced, Find, Part, Standing, numbered, slug};
use crate::limits::FINDS_MAX;

/// See the module.
#[derive(Default)]
pub(super) struct Finds {
    by_id: BTreeMap<String, Find>,
    by_key: HashMap<(Source, String), String>,
    /// By what tells one physical device from all others.
    by_address: HashMap<String, String>,
    by_device: HashMap<DeviceId, String>,
    /// By the topics that announce them; several may share one.
    by_topic: HashMap<String, BTreeSet<String>>,
    /// Ids that no find is given: something is kept of them that could not be read.
    reserved: BTreeSet<String>,
}

/// What became of an announcement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Noted {
    /// The find that it is of.
    pub(super) id: String,
    pub(super) is_new: bool,
    /// Finds that turned out to be this one and are no longer there.
    pub(super) absorbed: Vec<String>,
}

impl Finds {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Find> {
        self.by_id.values()
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.by_id.keys().cloned().collect()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Find> {
        self.by_id.get(id)
    }

    /// To be changed in what the indexes do not know of: not its parts, nor its standing.
    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Find> {
        self.by_id.get_mut(id)
    }

    pub(super) fn of_device(&self, device: &str) -> Option<&Find> {
        self.get(self.by_device.get(device)?)
    }

    /// The find that an announcer calls so.
    pub(super) fn of_key(&self, source: Source, key: &str) -> Option<&Find> {
        self.get(self.by_key.get(&(source, key.to_owned()))?)
    }

    /// The find with this identifier, if it is one that tells it from all others.
    pub(super) fn of_address(&self, identifier: &str) -> Option<&Find> {
        self.get(self.by_address.get(identifier)?)
    }

    /// Those that a topic announces.
    pub(super) fn of_topic(&self, topic: &str) -> Vec<String> {
        self.by_topic.get(topic).into_iter().flatten().cloned().collect()
    }

    /// One that was kept.
    pub(super) fn restore(&mut self, find: Find) {
        self.index(&find);
        self.by_id.insert(find.id.clone(), find);
    }

    /// No find is given this id.
    pub(super) fn reserve(&mut self, id: &str) {
        self.reserved.insert(id.to_owned());
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Find> {
        let find = self.by_id.remove(id)?;
        self.by_address.retain(|_, of| of != id);
        self.by_device.retain(|_, of| of != id);
        self.unindex(&find);
        Some(find)
    }

    /// Decides about a find; whether there is one.
    pub(super) fn decide(&mut self, id: &str, standing: Standing) -> bool {
        let Some(find) = self.by_id.get_mut(id) else { return false };
        if let Standing::Adopted(device) = &standing {
            self.by_device.insert(device.clone(), id.to_owned());
        } else if let Some(device) = find.device() {
            self.by_device.remove(device);
        }
        find.standing = standing;
        true
    }

    /// Takes an announcement; `None` if there are too many finds already.
    pub(super) fn announce(&mut self, found: Found, announced: Announced, now: Timestamp) -> Option<Noted> {
        let known = self.by_key.get(&(found.source, found.key.clone())).or_else(|| self.same_address(&found)).cloned();
        let (id, is_new) = match known {
            Some(id) => {
                let before = self.by_id[&id].clone();
                self.unindex(&before);
                let find = self.by_id.get_mut(&id).expect("an index names what is there");
                find.announce(found, announced, now);
                (id, false)
            }
            None if self.by_id.len() >= FINDS_MAX => return None,
            None => {
                let id = self.new_id(&found);
                self.by_id.insert(id.clone(), Find::new(id.clone(), Part::new(found, announced), now));
                (id, true)
            }
        };
        let (id, absorbed) = self.unite(id);
        let find = self.by_id[&id].clone();
        self.index(&find);
        Some(Noted { id, is_new: is_new && absorbed.is_empty(), absorbed })
    }

    /// An announcer takes an announcement back; the find, if something changed for it.
    pub(super) fn gone(&mut self, source: Source, key: &str) -> Option<String> {
        let id = self.by_key.get(&(source, key.to_owned()))?.clone();
        self.by_id.get_mut(&id)?.part_gone(source, key).then_some(id)
    }

    /// An announcer is about to announce it elsewhere; the find, if there is one.
    pub(super) fn migrates(&mut self, source: Source, key: &str) -> Option<String> {
        let id = self.by_key.get(&(source, key.to_owned()))?.clone();
        let before = self.by_id.get(&id)?.clone();
        self.unindex(&before);
        let find = self.by_id.get_mut(&id)?;
        find.part_migrates(source, key);
        let find = find.clone();
        self.index(&find);
        Some(id)
    }

    fn same_address(&self, found: &Found) -> Option<&String> {
        addresses(found).find_map(|identifier| self.by_address.get(identifier))
    }

    /// Makes one find of those that share an address; which one it is now, and those it was beside.
    fn unite(&mut self, mut id: String) -> (String, Vec<String>) {
        let mut absorbed = Vec::new();
        loop {
            let find = &self.by_id[&id];
            let other = find.parts.iter().flat_map(|part| addresses(&part.found));
            let other = other.filter_map(|identifier| self.by_address.get(identifier));
            let other = other.filter(|other| **other != id).find(|other| {
                // Two devices that somebody adopted stay two, whatever their announcers say.
                find.device().is_none() || self.by_id[*other].device().is_none()
            });
            let Some(other) = other.cloned() else { return (id, absorbed) };
            let rank = |find: &Find| (find.device().is_none(), find.standing == Standing::New, find.first_seen);
            let (stays, goes) = if rank(&self.by_id[&other]) < rank(find) { (other, id) } else { (id, other) };
            let gone = self.remove(&goes).expect("it was there a moment ago");
            let before = self.by_id[&stays].clone();
            self.unindex(&before);
            let into = self.by_id.get_mut(&stays).expect("likewise");
            into.first_seen = into.first_seen.min(gone.first_seen);
            into.is_seen_live |= gone.is_seen_live;
            for part in gone.parts {
                into.add(part);
            }
            let find = into.clone();
            self.index(&find);
            absorbed.push(goes);
            id = stays;
        }
    }

    fn index(&mut self, find: &Find) {
        self.by_address.retain(|_, of| *of != find.id);
        for topic in find.parts.iter().flat_map(|part| &part.found.topics) {
            self.by_topic.entry(topic.clone()).or_default().insert(find.id.clone());
        }
        for part in &find.parts {
            self.by_key.insert((part.found.source, part.found.key.clone()), find.id.clone());
            for identifier in addresses(&part.found) {
                self.by_address.entry(identifier.to_owned()).or_insert_with(|| find.id.clone());
            }
        }
        if let Some(device) = find.device() {
            self.by_device.insert(device.clone(), find.id.clone());
        }
    }

    /// Before its parts change.
    fn unindex(&mut self, find: &Find) {
        self.by_key.retain(|_, of| *of != find.id);
        for topic in find.parts.iter().flat_map(|part| &part.found.topics) {
            if let Some(finds) = self.by_topic.get_mut(topic) {
                finds.remove(&find.id);
                if finds.is_empty() {
                    self.by_topic.remove(topic);
                }
            }
        }
    }

    fn new_id(&self, found: &Found) -> String {
        let source = match found.source {
            Source::HomeAssistant => "ha",
            Source::Tasmota => "tasmota",
            Source::Zigbee2Mqtt => "z2m",
            Source::Homie => "homie",
            Source::Mdns => "mdns",
        };
        let id = format!("{source}-{}", slug(&found.key));
        let id = id.trim_end_matches('-').to_owned();
        let is_taken = |id: &str| self.by_id.contains_key(id) || self.reserved.contains(id);
        if is_taken(&id) { numbered(&id, is_taken) } else { id }
    }
}

/// The identifiers that no two physical devices share.
fn addresses(found: &Found) -> impl Iterator<Item = &str> {
    let identifiers = found.identifiers.iter().map(String::as_str);
    identifiers.filter(|identifier| identifier.starts_with("mac:") || identifier.starts_with("zigbee:"))
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::limits::DISCOVERY_PARTS_MAX;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn found(source: Source, key: &str, identifiers: &[&str]) -> Found {
        let identifiers = identifiers.iter().map(|&identifier| identifier.to_owned()).collect();
        Found { source, key: key.into(), identifiers, ..samples::lamp(key, &["a"]) }
    }

    fn note(finds: &mut Finds, found: Found, time: i64) -> Noted {
        finds.announce(found, Announced::default(), at(time)).unwrap()
    }

    #[test]
    fn one_physical_device_is_there_once() {
        let mut finds = Finds::default();
        let first = note(&mut finds, found(Source::HomeAssistant, "Kitchen Lamp", &["id:x", "mac:aa"]), 1);
        assert_eq!(first, Noted { id: "ha-kitchen-lamp".into(), is_new: true, absorbed: vec![] });
        let same = note(&mut finds, found(Source::Mdns, "kitchen.local", &["mac:aa"]), 2);
        assert_eq!(same, Noted { id: "ha-kitchen-lamp".into(), is_new: false, absorbed: vec![] });
        assert_eq!((finds.len(), finds.get("ha-kitchen-lamp").unwrap().parts.len()), (1, 2));
        // A plain text that two makers chose alike says nothing.
        assert!(note(&mut finds, found(Source::HomeAssistant, "other", &["id:x"]), 3).is_new);
        assert_eq!(note(&mut finds, found(Source::HomeAssistant, "Kitchen-Lamp", &[]), 4).id, "ha-kitchen-lamp-2");
    }

    #[test]
    fn two_finds_that_turn_out_to_be_one_become_one() {
        let mut finds = Finds::default();
        note(&mut finds, found(Source::HomeAssistant, "a", &[]), 1);
        note(&mut finds, found(Source::Tasmota, "b", &["mac:aa"]), 2);
        let united = note(&mut finds, found(Source::HomeAssistant, "a", &["mac:aa"]), 3);
        assert_eq!(united, Noted { id: "ha-a".into(), is_new: false, absorbed: vec!["tasmota-b".into()] });
        let find = finds.get("ha-a").unwrap();
        assert_eq!((finds.len(), find.parts.len(), find.first_seen, find.last_seen), (1, 2, at(1), at(3)));
        assert_eq!(note(&mut finds, found(Source::Tasmota, "b", &["mac:aa"]), 4).id, "ha-a");
    }

    #[test]
    fn keys_that_change_all_the_time_do_not_pile_up() {
        let mut finds = Finds::default();
        for number in 0..100 {
            let key = number.to_string();
            assert_eq!(note(&mut finds, found(Source::HomeAssistant, &key, &["mac:aa"]), 1).id, "ha-0");
            finds.gone(Source::HomeAssistant, &key);
        }
        let parts = finds.get("ha-0").unwrap().parts.len();
        assert!(
            parts <= DISCOVERY_PARTS_MAX && finds.by_key.len() == parts && finds.by_topic.len() == parts,
            "{parts}"
        );
        // Those of two finds are not too many either.
        for number in 0..2 * DISCOVERY_PARTS_MAX {
            note(&mut finds, found(Source::Homie, &number.to_string(), &["mac:bb"]), 2);
        }
        assert_eq!(note(&mut finds, found(Source::Tasmota, "x", &["mac:aa"]), 3).id, "ha-0");
        note(&mut finds, found(Source::Tasmota, "x", &["mac:aa", "mac:bb"]), 4);
        let find = finds.iter().next().unwrap();
        assert_eq!((finds.len(), find.parts.len(), find.is_full), (1, DISCOVERY_PARTS_MAX, true));
        assert_eq!((finds.by_key.len(), finds.by_topic.len()), (DISCOVERY_PARTS_MAX, DISCOVERY_PARTS_MAX));
    }

    #[test]
    fn an_adopted_one_absorbs_and_is_not_absorbed() {
        let mut finds = Finds::default();
        note(&mut finds, found(Source::HomeAssistant, "a", &[]), 1);
        note(&mut finds, found(Source::Tasmota, "b", &["mac:aa"]), 2);
        let device = |id| Standing::Adopted(DeviceId::parse(id).unwrap());
        finds.decide("tasmota-b", device("lamp"));
        let united = note(&mut finds, found(Source::HomeAssistant, "a", &["mac:aa"]), 3);
        assert_eq!(united, Noted { id: "tasmota-b".into(), is_new: false, absorbed: vec!["ha-a".into()] });
        assert_eq!(finds.of_device("lamp").unwrap().id, "tasmota-b");
        // Two that somebody adopted stay two.
        note(&mut finds, found(Source::Homie, "c", &["mac:cc"]), 4);
        finds.decide("homie-c", device("other"));
        note(&mut finds, found(Source::Homie, "c", &["mac:cc", "mac:aa"]), 5);
        assert_eq!(finds.len(), 2);
        assert_eq!(finds.of_address("mac:aa").unwrap().id, "tasmota-b");
    }

    #[test]
    fn decisions_are_found_by_device() {
        let mut finds = Finds::default();
        let id = note(&mut finds, found(Source::HomeAssistant, "a", &[]), 1).id;
        finds.decide(&id, Standing::Adopted(DeviceId::parse("lamp").unwrap()));
        assert!(finds.of_device("lamp").is_some());
        finds.decide(&id, Standing::Ignored);
        assert!(finds.of_device("lamp").is_none() && !finds.decide("nobody", Standing::New));
    }

    #[test]
    fn there_are_only_so_many() {
        let mut finds = Finds::default();
        for number in 0..FINDS_MAX {
            note(&mut finds, found(Source::HomeAssistant, &number.to_string(), &[]), 1);
        }
        let more = |finds: &mut Finds| finds.announce(found(Source::Homie, "x", &[]), Announced::default(), at(2));
        assert_eq!(more(&mut finds), None);
        assert!(
            !note(&mut finds, found(Source::HomeAssistant, "7", &[]), 3).is_new,
            "those that are known still count"
        );
        finds.remove("ha-7");
        assert!(more(&mut finds).is_some());
    }

    #[test]
    fn what_is_gone_is_told_once() {
        let mut finds = Finds::default();
        let id = note(&mut finds, found(Source::HomeAssistant, "a", &[]), 1).id;
        assert_eq!(finds.gone(Source::HomeAssistant, "a"), Some(id.clone()));
        assert_eq!(finds.gone(Source::HomeAssistant, "a"), None);
        assert_eq!(finds.gone(Source::Homie, "a"), None);
        note(&mut finds, found(Source::HomeAssistant, "a", &[]), 2);
        assert!(!finds.get(&id).unwrap().is_gone());
    }

    #[test]
    fn finds_are_known_by_what_announces_them() {
        let mut finds = Finds::default();
        note(&mut finds, found(Source::HomeAssistant, "a", &[]), 1);
        let shared = Found {
            topics: vec!["homeassistant/light/a/config".into(), "other".into()],
            ..found(Source::Homie, "b", &[])
        };
        note(&mut finds, shared, 1);
        assert_eq!(finds.of_topic("homeassistant/light/a/config"), ["ha-a", "homie-b"]);
        finds.remove("ha-a");
        assert_eq!(finds.of_topic("homeassistant/light/a/config"), ["homie-b"]);
        assert!(finds.of_topic("nothing").is_empty());
    }
}
