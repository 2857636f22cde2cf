//! One find: a physical device, all that announced it, and what somebody decided about it.
//!
//! Pure: no hub, no disk, no clock. Which finds there are belongs to `finds`, how values get in and out to `bind`.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use housewire_core::{DeviceId, PropertyName, Timestamp};
use housewire_links::discovery::{Found, FoundProperty, Source};

use super::record::SOURCES;
use crate::limits::{DISCOVERY_PARTS_MAX, DISCOVERY_PROBLEMS_SHOWN};

/// What somebody decided about a find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing yet.
    New,
    /// It is this device of the hub.
    Adopted(DeviceId),
    /// It is not wanted.
    Ignored,
    /// It was removed: not offered before its sender is seen live again.
    Removed,
}

/// Where an announcement came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Announced {
    /// The client's id, if it was one with a lasting connection.
    pub(crate) client: Option<String>,
    /// Whose rights it had.
    pub(crate) user: Option<String>,
    /// The topic.
    pub(crate) topic: String,
    /// It was stored; its sender may be long gone.
    pub(crate) retained: bool,
}

/// What one announcer says of a find.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) found: Found,
    pub(super) announced: Announced,
    /// No longer announced.
    pub(super) is_gone: bool,
    /// It is to be announced elsewhere; until then everything stays.
    pub(super) is_migrating: bool,
    /// Of the properties, those that were announced since the hub started: one that is missing later was taken back.
    heard: HashSet<String>,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Find {
    pub(super) id: String,
    pub(super) standing: Standing,
    /// The device that it was before somebody let it go.
    pub(super) former: Option<DeviceId>,
    /// Never empty.
    pub(super) parts: Vec<Part>,
    /// Whose properties an adopted find has, while that announcer is there.
    pub(super) source: Option<Source>,
    /// What may be done with which topics: an admin agreed to it by adopting the find, or the announcer may do it himself.
    pub(super) accepted: BTreeSet<String>,
    /// Names of properties, by source and key: a property keeps the name that it got first.
    pub(super) names: BTreeMap<String, PropertyName>,
    /// Properties of the device that are there because of this find.
    pub(super) declared: BTreeSet<PropertyName>,
    /// Its sender was heard of, not only what it left behind.
    pub(super) is_seen_live: bool,
    /// The name that the device got from it; another one was chosen by somebody and stays.
    pub(super) given_name: Option<String>,
    pub(super) first_seen: Timestamp,
    pub(super) last_seen: Timestamp,
    /// Somebody announces it for whom there was no room.
    pub(super) is_full: bool,
    /// Since the start.
    pub(super) problems: Problems,
}

/// What went wrong with a find since the start: the newest of each kind, with how often it came.
#[derive(Clone, Debug, Default)]
pub(super) struct Problems(Vec<(String, u64)>);

impl Problems {
    /// Notes one; whether it is of a kind that was not there yet.
    pub(super) fn note(&mut self, text: &str) -> bool {
        if let Some((_, count)) = self.0.iter_mut().find(|(have, _)| have == text) {
            *count += 1;
            return false;
        }
        if self.0.len() >= DISCOVERY_PROBLEMS_SHOWN {
            self.0.remove(0);
        }
        self.0.push((text.to_owned(), 1));
        true
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(text, count)| if *count == 1 { text.clone() } else { format!("{text} ({count} times)") })
    }
}

impl Part {
    pub(super) fn new(found: Found, announced: Announced) -> Self {
        let heard = found.properties.iter().map(|property| property.key.clone()).collect();
        Self { found, announced, is_gone: false, is_migrating: false, heard }
    }

    /// One that was kept; nothing of it was heard since the start.
    pub(super) fn kept(found: Found, announced: Announced, is_gone: bool) -> Self {
        Self { found, announced, is_gone, is_migrating: false, heard: HashSet::new() }
    }

    /// Takes a newer announcement over. A device that is announced in several messages is known in parts after a restart:
    /// what was not announced since then is not taken back.
    fn update(&mut self, mut found: Found, announced: Announced) {
        let announced_now: Vec<_> = found.properties.iter().map(|property| property.key.clone()).collect();
        let is_announced = |key: &str| found.properties.iter().any(|property| property.key == key);
        let is_named = |name: &PropertyName| found.properties.iter().any(|property| property.name == *name);
        let kept: Vec<FoundProperty> = (self.found.properties.iter())
            .filter(|old| !self.heard.contains(&old.key) && !is_announced(&old.key) && !is_named(&old.name))
            .cloned()
            .collect();
        found.properties.extend(kept);
        found.properties.sort_by(|one, two| one.name.cmp(&two.name));
        let unheard = self.found.topics.iter().filter(|topic| !found.topics.contains(topic)).cloned();
        let unheard: Vec<_> = unheard.take(TOPICS_KEPT_MAX.saturating_sub(found.topics.len())).collect();
        found.topics.extend(unheard);
        self.heard.extend(announced_now);
        self.found = found;
        (self.is_gone, self.is_migrating) = (false, false);
        if !announced.retained || self.announced.client.is_none() {
            self.announced = announced;
        }
    }
}

/// Topics of announcements that are remembered of one part, to be cleared when it is removed.
const TOPICS_KEPT_MAX: usize = 256;

/// The better one knows a device, the earlier it comes.
pub(super) fn rank(source: Source) -> usize {
    SOURCES.iter().position(|have| *have == source).unwrap_or(SOURCES.len())
}

impl Find {
    pub(super) fn new(id: String, part: Part, now: Timestamp) -> Self {
        Self {
            id,
            standing: Standing::New,
            former: None,
            is_seen_live: !part.announced.retained,
            parts: vec![part],
            source: None,
            accepted: BTreeSet::new(),
            names: BTreeMap::new(),
            declared: BTreeSet::new(),
            given_name: None,
            first_seen: now,
            last_seen: now,
            is_full: false,
            problems: Problems::default(),
        }
    }

    /// The device it was adopted as.
    pub(super) fn device(&self) -> Option<&DeviceId> {
        match &self.standing {
            Standing::Adopted(device) => Some(device),
            _ => None,
        }
    }

    /// Nobody announces it any more.
    pub(super) fn is_gone(&self) -> bool {
        self.parts.iter().all(|part| part.is_gone)
    }

    /// Takes over what an announcer says.
    pub(super) fn announce(&mut self, found: Found, announced: Announced, now: Timestamp) {
        self.last_seen = now;
        self.is_seen_live |= !announced.retained;
        let known = |part: &&mut Part| part.found.source == found.source && part.found.key == found.key;
        match self.parts.iter_mut().find(known) {
            Some(part) => part.update(found, announced),
            None => {
                // What moved is here now.
                self.parts.retain(|part| !part.is_migrating || part.found.source != found.source);
                self.add(Part::new(found, announced));
            }
        }
    }

    /// Adds a part. Of too many those that are gone make room, but not the one that an adopted find has its properties of; if none is,
    /// there is no room for it.
    pub(super) fn add(&mut self, part: Part) {
        if self.parts.len() >= DISCOVERY_PARTS_MAX {
            let is_adopted = self.device().is_some();
            let main = self.main();
            let kept = is_adopted.then(|| (main.found.source, main.found.key.clone()));
            let is_kept = |part: &Part| {
                kept.as_ref().is_some_and(|(source, key)| part.found.source == *source && part.found.key == *key)
            };
            self.parts.retain(|part| !part.is_gone || is_kept(part));
        }
        self.is_full = self.parts.len() >= DISCOVERY_PARTS_MAX;
        if !self.is_full {
            self.parts.push(part);
        }
    }

    /// An announcement is about to come from elsewhere, or has come from there.
    pub(super) fn part_migrates(&mut self, source: Source, key: &str) {
        let is_here =
            |part: &Part| part.found.source == source && part.found.key != key && !part.is_gone && !part.is_migrating;
        if self.parts.iter().any(is_here) {
            self.parts.retain(|part| part.found.source != source || part.found.key != key);
        } else if let Some(part) =
            self.parts.iter_mut().find(|part| part.found.source == source && part.found.key == key)
        {
            part.is_migrating = true;
        }
    }

    /// An announcer takes its announcement back; whether it was one of them.
    pub(super) fn part_gone(&mut self, source: Source, key: &str) -> bool {
        let part = self.parts.iter_mut().find(|part| part.found.source == source && part.found.key == key);
        let Some(part) = part else { return false };
        part.heard.clear();
        !std::mem::replace(&mut part.is_gone, true)
    }

    /// The announcer whose properties count: the one it was adopted with while that is there, else the one that knows it best.
    pub(super) fn main(&self) -> &Part {
        let order = |part: &&Part| {
            let is_chosen = !part.is_gone && self.source == Some(part.found.source);
            (part.is_gone, part.found.properties.is_empty(), !is_chosen, rank(part.found.source))
        };
        self.parts.iter().min_by_key(order).expect("a find has a part")
    }

    /// All that this announcer says of it: sometimes one device is several to him, which share an address.
    pub(super) fn main_parts(&self) -> impl Iterator<Item = &Part> {
        let main = self.main();
        let more = self.others().filter(|part| part.found.source == main.found.source && !part.is_gone);
        std::iter::once(main).chain(more)
    }

    fn main_properties(&self) -> impl Iterator<Item = &FoundProperty> {
        self.main_parts().flat_map(|part| &part.found.properties)
    }

    /// Who else announces it.
    pub(super) fn others(&self) -> impl Iterator<Item = &Part> {
        let main = std::ptr::from_ref(self.main());
        self.parts.iter().filter(move |part| !std::ptr::eq(*part, main))
    }

    /// A fact that the main announcer tells, or else another.
    pub(super) fn fact<'a, T: ?Sized>(&'a self, of: impl Fn(&'a Found) -> Option<&'a T>) -> Option<&'a T> {
        of(&self.main().found).or_else(|| self.others().find_map(|part| of(&part.found)))
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.fact(|found| found.name.as_deref())
    }

    /// Its properties with the names that they have here, which they keep whatever their device calls them later.
    pub(super) fn named_properties(&mut self) -> Vec<(PropertyName, FoundProperty)> {
        let main = std::ptr::from_ref(self.main());
        let keyed = self.main_parts().flat_map(|part| {
            let stem = match std::ptr::eq(part, main) {
                true => part.found.source.to_string(),
                false => format!("{} {}", part.found.source, part.found.key),
            };
            part.found.properties.iter().map(move |property| (format!("{stem} {}", property.key), property.clone()))
        });
        let mut seen = HashSet::new();
        let keyed: Vec<(String, FoundProperty)> =
            keyed.filter(|(_, property)| seen.insert(property.key.clone())).collect();
        let mut used: BTreeSet<_> = keyed.iter().filter_map(|(key, _)| self.names.get(key).cloned()).collect();
        let mut named = Vec::new();
        for (key, property) in keyed {
            let name = match self.names.get(&key) {
                Some(name) => name.clone(),
                None => {
                    let name = free_name(&property.name, &used);
                    used.insert(name.clone());
                    self.names.insert(key, name.clone());
                    name
                }
            };
            named.push((name, property));
        }
        if self.names.len() > NAMES_KEPT_MAX {
            self.names.retain(|_, name| used.contains(name));
        }
        named
    }

    /// The topics that are read from and written to for it, in order.
    pub(super) fn topics(&self) -> (BTreeSet<&str>, BTreeSet<&str>) {
        let reads = self.main_properties().flat_map(|property| &property.reads).map(|read| read.topic.as_str());
        let presence = self.main().found.availability.topics.iter().map(|topic| topic.topic.as_str());
        let writes = self.main_properties().flat_map(writes_of);
        (reads.chain(presence).collect(), writes.collect())
    }

    /// The device whose own topics its values have: it speaks as a device of this hub does, and there is nothing to be carried.
    pub(super) fn native_device(&self) -> Option<DeviceId> {
        let mut device = None;
        for property in self.main_properties() {
            for topic in endpoints(property) {
                let (own, _) = own_topic(topic)?;
                if device.get_or_insert_with(|| own.clone()) != &own {
                    return None;
                }
            }
        }
        device
    }

    /// Of a find that speaks as a device of this hub does: its properties by the names that its topics have.
    pub(super) fn native_properties(&self) -> Vec<(PropertyName, FoundProperty)> {
        let named = self.main_properties().filter_map(|property| {
            let name = endpoints(property).find_map(own_topic)?.1;
            Some((name, property.clone()))
        });
        named.collect()
    }
}

/// The topics that a value comes from and goes to.
fn endpoints(property: &FoundProperty) -> impl Iterator<Item = &str> {
    property.reads.iter().map(|read| read.topic.as_str()).chain(writes_of(property))
}

/// The topics that requests for a property go to.
pub(super) fn writes_of(property: &FoundProperty) -> impl Iterator<Item = &str> {
    let elsewhere = property.write.iter().flat_map(|write| &write.elsewhere).map(|elsewhere| elsewhere.topic.as_str());
    property.write.iter().map(|write| write.topic.as_str()).chain(elsewhere)
}

/// The device and property of a topic below `devices/`.
pub(super) fn own_topic(topic: &str) -> Option<(DeviceId, PropertyName)> {
    let mut levels = topic.strip_prefix("devices/")?.split('/');
    let (device, property) = (levels.next()?, levels.next()?);
    Some((DeviceId::parse(device).ok()?, PropertyName::parse(property).ok()?))
}

/// Names of properties that are remembered of one find; beyond it those that it has no longer are forgotten.
const NAMES_KEPT_MAX: usize = 1_024;

fn free_name(wanted: &PropertyName, used: &BTreeSet<PropertyName>) -> PropertyName {
    if !used.contains(wanted) {
        return wanted.clone();
    }
    let name = numbered(wanted.as_str(), |name| used.contains(name));
    PropertyName::parse(&name).expect("a name with a number behind it is one")
}

/// `wanted-2`, `wanted-3` …: the first that is free, within the length of an id.
pub(super) fn numbered(wanted: &str, is_taken: impl Fn(&str) -> bool) -> String {
    const STEM_BYTES_MAX: usize = 56;
    let stem = wanted.get(..STEM_BYTES_MAX).unwrap_or(wanted);
    let mut names = (2_u32..).map(|number| format!("{stem}-{number}"));
    names.find(|name| !is_taken(name)).expect("numbers do not end")
}

/// A text as an id: lower case, what is no letter or digit becomes `-`. Empty if nothing is left.
pub(super) fn slug(text: &str) -> String {
    const BYTES_MAX: usize = 48;
    let mut slug = String::new();
    for c in text.chars() {
        let plain: &str = match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9') => {
                slug.push(c);
                ""
            }
            'ä' | 'Ä' => "ae",
            'ö' | 'Ö' => "oe",
            'ü' | 'Ü' => "ue",
            'ß' => "ss",
            'à' | 'á' | 'â' | 'å' => "a",
            'è' | 'é' | 'ê' | 'ë' => "e",
            'ò' | 'ó' | 'ô' => "o",
            'ç' => "c",
            _ if slug.ends_with('-') || slug.is_empty() => "",
            _ => "-",
        };
        slug.push_str(plain);
        if slug.len() >= BYTES_MAX {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn live(topic: &str) -> Announced {
        Announced { client: Some("esp".into()), user: Some("guest".into()), topic: topic.into(), retained: false }
    }

    fn find(found: Found) -> Find {
        Find::new("x".into(), Part::new(found, live("t")), Timestamp::default())
    }

    fn names(find: &mut Find) -> Vec<String> {
        find.named_properties().into_iter().map(|(name, _)| name.as_str().to_owned()).collect()
    }

    #[test]
    fn texts_become_ids() {
        for (text, expected) in [
            ("Kitchen Lamp", "kitchen-lamp"),
            ("Küche – Lampe (2)", "kueche-lampe-2"),
            ("  ", ""),
            ("灯", ""),
            ("0x00124B", "0x00124b"),
            ("a/b+c#d", "a-b-c-d"),
        ] {
            assert_eq!(slug(text), expected, "{text}");
        }
        assert!(slug(&"ä".repeat(500)).len() <= 50);
    }

    #[test]
    fn a_property_keeps_its_name_when_its_device_renames_it() {
        let mut found = samples::lamp("lamp", &["state", "level"]);
        let mut find = find(found.clone());
        assert_eq!(names(&mut find), ["level", "state"]);
        found.properties.iter_mut().find(|property| property.key == "level").unwrap().name =
            PropertyName::parse("brightness").unwrap();
        // Another one takes the name that has become free, as far as the device knows.
        found.properties.push(samples::sensor("level", "another"));
        find.announce(found, live("t"), Timestamp::default());
        let mut now: Vec<_> =
            find.named_properties().into_iter().map(|(name, of)| (of.key, name.to_string())).collect();
        now.sort();
        let expected = [("another", "level-2"), ("level", "level"), ("state", "state")];
        assert_eq!(now, expected.map(|(key, name)| (key.to_owned(), name.to_owned())));
    }

    #[test]
    fn what_was_not_announced_since_the_start_is_not_taken_back() {
        let all = samples::lamp("lamp", &["a", "b", "c"]);
        let kept = Part::kept(all, live("t"), false);
        let mut find = Find::new("x".into(), kept, Timestamp::default());
        for (announced, expected) in [
            (&["a"][..], &["a", "b", "c"][..]),
            (&["a", "b"], &["a", "b", "c"]),
            // These were announced before, and are not any more.
            (&["b"], &["b", "c"]),
            (&["b", "d"], &["b", "c", "d"]),
            (&["d"], &["c", "d"]),
        ] {
            find.announce(samples::lamp("lamp", announced), live("t"), Timestamp::default());
            assert_eq!(names(&mut find), expected, "{announced:?}");
        }
    }

    #[test]
    fn the_announcer_it_was_adopted_with_stays_while_it_is_there() {
        let mut find = find(samples::lamp("lamp", &["ha"]));
        let native = Found { source: Source::Tasmota, key: "T".into(), ..samples::lamp("lamp", &["native"]) };
        find.source = Some(Source::HomeAssistant);
        find.announce(native, live("u"), Timestamp::default());
        assert_eq!(names(&mut find), ["ha"]);
        assert_eq!(find.others().count(), 1);
        assert!(find.part_gone(Source::HomeAssistant, "lamp") && !find.is_gone());
        assert_eq!(names(&mut find), ["native"]);
        assert!(!find.part_gone(Source::HomeAssistant, "lamp"), "it is known to be gone");
        find.announce(samples::lamp("lamp", &["ha"]), live("t"), Timestamp::default());
        assert_eq!(names(&mut find), ["ha"]);
        find.source = None;
        assert_eq!(names(&mut find), ["native"], "who knows it best counts");
    }

    #[test]
    fn what_moves_stays_what_it_was() {
        for comes_first in [false, true] {
            let mut find = find(samples::lamp("old", &["a"]));
            assert_eq!(names(&mut find), ["a"]);
            if comes_first {
                find.announce(samples::lamp("new", &["a", "b"]), live("t"), Timestamp::default());
                find.part_migrates(Source::HomeAssistant, "old");
            } else {
                find.part_migrates(Source::HomeAssistant, "old");
                assert_eq!((names(&mut find), find.is_gone()), (vec!["a".to_owned()], false));
                find.announce(samples::lamp("new", &["a", "b"]), live("t"), Timestamp::default());
            }
            assert_eq!((names(&mut find), find.parts.len()), (vec!["a".to_owned(), "b".to_owned()], 1));
        }
    }

    #[test]
    fn what_is_gone_makes_room_and_what_is_there_does_not() {
        let mut find = find(samples::lamp("first", &["a"]));
        find.standing = Standing::Adopted(DeviceId::parse("lamp").unwrap());
        find.part_gone(Source::HomeAssistant, "first");
        for number in 0..10 * DISCOVERY_PARTS_MAX {
            find.part_gone(Source::HomeAssistant, &format!("{}", number.wrapping_sub(1)));
            find.announce(samples::lamp(&number.to_string(), &["a"]), live("t"), Timestamp::default());
            assert!(find.parts.len() <= DISCOVERY_PARTS_MAX && !find.is_full, "{number}");
        }
        for number in 0..2 * DISCOVERY_PARTS_MAX {
            find.announce(samples::lamp(&format!("live {number}"), &["a"]), live("t"), Timestamp::default());
        }
        assert_eq!((find.parts.len(), find.is_full), (DISCOVERY_PARTS_MAX, true));
        assert!(!find.parts.iter().any(|part| part.is_gone));
    }

    #[test]
    fn what_one_announcer_says_of_two_devices_with_one_address_is_of_one() {
        let mut find = find(samples::lamp("one", &["a"]));
        find.announce(samples::lamp("two", &["b"]), live("t"), Timestamp::default());
        assert_eq!(names(&mut find), ["a", "b"]);
    }

    #[test]
    fn who_announced_it_live_is_not_forgotten_for_what_is_stored() {
        let mut find = find(samples::lamp("lamp", &["a"]));
        let stored = Announced { topic: "t".into(), retained: true, ..Announced::default() };
        find.announce(samples::lamp("lamp", &["a"]), stored.clone(), Timestamp::default());
        assert_eq!(find.main().announced, live("t"));
        let ghost = Find::new("y".into(), Part::new(samples::lamp("lamp", &["a"]), stored), Timestamp::default());
        assert!(find.is_seen_live && !ghost.is_seen_live);
    }

    #[test]
    fn a_device_that_speaks_as_ours_do_is_told() {
        let mut found = samples::lamp("lamp", &["power"]);
        found.properties[0].reads[0].topic = "devices/desk/power".into();
        found.properties[0].write.as_mut().unwrap().topic = "devices/desk/power/set".into();
        let find = find(found.clone());
        assert_eq!(find.native_device().unwrap().as_str(), "desk");
        assert_eq!(find.native_properties()[0].0.as_str(), "power");
        found.properties[0].write.as_mut().unwrap().topic = "devices/other/power/set".into();
        assert_eq!(Find::new("x".into(), Part::new(found, live("t")), Timestamp::default()).native_device(), None);
    }

    #[test]
    fn problems_that_are_alike_are_counted() {
        let mut problems = Problems::default();
        assert!(problems.note("a") && !problems.note("a") && problems.note("b"));
        assert_eq!(problems.texts().collect::<Vec<_>>(), ["a (2 times)", "b"]);
        for number in 0..100 {
            problems.note(&number.to_string());
        }
        assert_eq!(problems.texts().count(), DISCOVERY_PROBLEMS_SHOWN);
    }
}
