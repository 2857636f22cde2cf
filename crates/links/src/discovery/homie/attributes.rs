//! Homie 3 and 4: a device whose description is spread over many retained topics, which come in any order.

use std::collections::BTreeMap;

use super::super::draft::{Draft, clean_label, mac_identifier, quoted};
use super::super::limits::{HOMIE_ARRAY_MAX, HOMIE_NODES_MAX, PARTS_MAX};
use super::super::model::{Availability, Found, Source};
use super::description::label;
use super::property::{Property, Version};
use super::{BASE, presence};

/// What one attribute takes besides its texts: a bound on devices with many tiny ones.
const ENTRY_BYTES: usize = 64;

/// All attributes of one device that are known, by what comes after the device's topic.
#[derive(Default)]
pub(super) struct Attributes {
    texts: BTreeMap<String, String>,
    bytes_len: usize,
}

/// What an attribute takes.
pub(super) fn size(name: &str, text: &str) -> usize {
    name.len() + text.len() + ENTRY_BYTES
}

impl Attributes {
    pub(super) fn bytes_len(&self) -> usize {
        self.bytes_len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    pub(super) fn size_of(&self, name: &str) -> usize {
        self.texts.get(name).map_or(0, |text| size(name, text))
    }

    pub(super) fn note(&mut self, name: &str, text: &str) {
        self.forget(name);
        self.bytes_len += size(name, text);
        self.texts.insert(name.to_owned(), text.to_owned());
    }

    /// How many bytes that makes free.
    pub(super) fn forget(&mut self, name: &str) -> usize {
        let freed = self.texts.remove(name).map_or(0, |text| size(name, &text));
        self.bytes_len -= freed;
        freed
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// The device, once it has said all that it has to, and is not just saying it.
    pub(super) fn describe(&self, id: &str) -> Result<Option<Found>, String> {
        let (Some(version), Some(state), Some(nodes)) = (self.text("$homie"), self.text("$state"), self.text("$nodes"))
        else {
            return Ok(None);
        };
        if !matches!(version.split('.').next(), Some("3" | "4")) {
            return Err(format!("The device {} speaks Homie {}; 3, 4 and 5 are read.", quoted(id), quoted(version)));
        }
        if state == "init" {
            return Ok(None);
        }
        let nodes: Vec<&str> = nodes.split(',').map(str::trim).filter(|node| !node.is_empty()).collect();
        let base_of = |node: &str| node.trim_end_matches("[]").to_owned();
        if !nodes.iter().all(|node| self.texts.contains_key(&format!("{}/$properties", base_of(node)))) {
            return Ok(None);
        }
        let mut draft = Draft::new(Source::Homie, format!("{BASE}/{id}"));
        self.head(&mut draft, id);
        if nodes.len() > HOMIE_NODES_MAX {
            draft.problem(format!("It has more than {HOMIE_NODES_MAX} nodes; the others are left out."));
        }
        let mut seen = 0;
        for node in nodes.iter().take(HOMIE_NODES_MAX) {
            let base = base_of(node);
            let members = if base.len() < node.len() { self.members(&mut draft, &base) } else { vec![base.clone()] };
            for member in &members {
                let name = self.text(&format!("{member}/$name")).or(self.text(&format!("{base}/$name")));
                let shown = (nodes.len() > 1 || members.len() > 1).then(|| name.unwrap_or(member));
                seen = self.properties(&mut draft, id, &base, member, shown, seen);
            }
        }
        Ok(Some(draft.finish()))
    }

    fn head(&self, draft: &mut Draft, id: &str) {
        let found = &mut draft.found;
        found.identifiers = vec![format!("id:{BASE}/{id}")];
        found.identifiers.extend(self.text("$mac").and_then(mac_identifier));
        found.name = self.text("$name").and_then(clean_label).or_else(|| clean_label(id));
        let program = self.text("$fw/name").or(self.text("$implementation"));
        found.model = program.and_then(clean_label);
        found.sw_version = self.text("$fw/version").and_then(clean_label);
        found.topics = self.texts.keys().map(|name| format!("{BASE}/{id}/{name}")).collect();
        found.availability =
            Availability { topics: vec![presence(format!("{BASE}/{id}/$state"))], ..Availability::default() };
    }

    /// Nodes of an array (Homie 3): `lights[]` with `$array` `0-2` is `lights_0`, `lights_1` and `lights_2`.
    fn members(&self, draft: &mut Draft, base: &str) -> Vec<String> {
        let range = self.text(&format!("{base}/$array")).unwrap_or_default();
        let bounds = range.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
        let Some((from, to)) = bounds.filter(|(from, to): &(usize, usize)| from <= to && to - from < HOMIE_ARRAY_MAX)
        else {
            draft.problem(format!(
                "The array of nodes {} is left out: {} is no range of at most {HOMIE_ARRAY_MAX} such as 0-2.",
                quoted(base),
                quoted(range)
            ));
            return Vec::new();
        };
        (from..=to).map(|place| format!("{base}_{place}")).collect()
    }

    fn properties(
        &self,
        draft: &mut Draft,
        id: &str,
        base: &str,
        member: &str,
        shown: Option<&str>,
        seen: usize,
    ) -> usize {
        let mut seen = seen;
        let listed = self.text(&format!("{base}/$properties")).unwrap_or_default();
        for property in listed.split(',').map(str::trim).filter(|property| !property.is_empty()) {
            seen += 1;
            if seen > PARTS_MAX {
                if seen == PARTS_MAX + 1 {
                    draft.problem(format!("It has more than {PARTS_MAX} properties; the others are left out."));
                }
                return seen;
            }
            let attribute = |name: &str| self.text(&format!("{base}/{property}/{name}"));
            let is_true = |name: &str, usual: bool| attribute(name).map_or(usual, |text| text == "true");
            let read = Property {
                version: Version::ThreeOrFour,
                topic: format!("{BASE}/{id}/{member}/{property}"),
                node: member,
                id: property,
                label: label(attribute("$name").unwrap_or(property), shown),
                datatype: Some(attribute("$datatype").unwrap_or("string")),
                format: attribute("$format"),
                unit: attribute("$unit"),
                is_settable: is_true("$settable", false),
                is_retained: is_true("$retained", true),
            };
            read.add(draft);
        }
        seen
    }
}
