//! The list of finds as JSON, for those who decide about them.

use housewire_core::{PropertyName, PropertySpec};
use housewire_links::discovery::{Found, FoundProperty};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::desk::Desk;
use super::find::{Find, Standing};
use super::record::{access_words, category_word};
use crate::view::device::value_json;
use crate::view::schema::{Payload, TypeWord, access_list};

/// A device that was found.
#[derive(Serialize, ToSchema)]
#[schema(as = Find)]
pub(crate) struct FindJson {
    #[schema(example = "ha-aabbccddeeff")]
    id: String,
    /// Who announces it, of those who know it best.
    #[schema(example = "homeassistant")]
    source: &'static str,
    /// Who else announces it.
    also: Vec<&'static str>,
    #[schema(example = "Kitchen lamp")]
    name: Option<String>,
    manufacturer: Option<String>,
    model: Option<String>,
    sw_version: Option<String>,
    hw_version: Option<String>,
    /// The room that it says it is in.
    area: Option<String>,
    /// The find through which it is reached, such as a bridge.
    via: Option<String>,
    /// Its own page.
    url: Option<String>,
    /// Where it listens, as `host:port`.
    addresses: Vec<String>,
    properties: Vec<FindPropertyJson>,
    /// `new`, `adopted`, `ignored`, `removed`, or `gone`: adopted and no longer announced.
    #[schema(example = "new")]
    state: &'static str,
    /// As what it is adopted.
    device: Option<String>,
    /// It is announced by a stored message only: nobody knows whether its sender is still there.
    ghost: bool,
    announced_by: AnnouncerJson,
    /// Topics of the device that are read and written for it.
    topics: TopicsJson,
    /// What could not be used of its announcements and messages.
    problems: Vec<String>,
    #[schema(format = DateTime)]
    first_seen: String,
    #[schema(format = DateTime)]
    last_seen: String,
}

/// Who announced a find, and how.
#[derive(Serialize, ToSchema)]
#[schema(as = Announcer)]
struct AnnouncerJson {
    /// The client's id; `null` if that is not known: of stored messages, and over HTTP.
    client: Option<String>,
    /// Whose rights it had.
    user: Option<String>,
    topic: String,
    /// It was stored when it was found.
    retained: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = FindTopics)]
struct TopicsJson {
    read: Vec<String>,
    write: Vec<String>,
}

/// A property that a find has, or will have as a device.
#[derive(Serialize, ToSchema)]
#[schema(as = FindProperty)]
struct FindPropertyJson {
    #[schema(example = "power")]
    name: String,
    label: Option<String>,
    #[schema(value_type = TypeWord)]
    r#type: &'static str,
    unit: Option<String>,
    role: Option<String>,
    #[schema(schema_with = access_list)]
    access: Vec<&'static str>,
    options: Vec<String>,
    min: Option<f64>,
    max: Option<f64>,
    step: Option<f64>,
    /// What it was announced as.
    #[schema(example = "light")]
    component: String,
    /// `config`, `diagnostic`, or `null` for what the device is there for.
    category: Option<&'static str>,
    /// The device says that few people want to see it.
    hidden: bool,
    /// The last one; `null` if there is none.
    #[schema(value_type = Payload)]
    value: Option<Box<RawValue>>,
}

impl Desk {
    /// All finds, by id.
    pub(crate) fn list(&mut self) -> Vec<FindJson> {
        self.finds.ids().iter().filter_map(|id| self.show(id)).collect()
    }

    fn show(&mut self, id: &str) -> Option<FindJson> {
        let named = self.finds.get_mut(id)?;
        let named = if named.native_device().is_some() { named.native_properties() } else { named.named_properties() };
        let find = self.finds.get(id)?;
        let expired = self.bindings.expired(id);
        let properties: Vec<_> =
            named.into_iter().map(|(name, property)| self.show_property(find, name, property)).collect();
        let text = |of: fn(&Found) -> Option<&str>| find.fact(of).map(str::to_owned);
        let state = match &find.standing {
            Standing::New => "new",
            Standing::Adopted(_) if find.is_gone() => "gone",
            Standing::Adopted(_) => "adopted",
            Standing::Ignored => "ignored",
            Standing::Removed => "removed",
        };
        let main = find.main();
        let via =
            find.fact(|found| found.via.as_deref()).and_then(|via| self.find_with(via)).filter(|via| *via != find.id);
        let mut addresses: Vec<_> = find.parts.iter().flat_map(|part| part.found.addresses.clone()).collect();
        addresses.sort();
        addresses.dedup();
        let mut also: Vec<_> = find
            .others()
            .map(|part| part.found.source.as_str())
            .filter(|source| *source != main.found.source.as_str())
            .collect();
        also.sort_unstable();
        also.dedup();
        let announced = &main.announced;
        let (reads, writes) = find.topics();
        let texts = |topics: std::collections::BTreeSet<&str>| {
            topics.into_iter().take(TOPICS_SHOWN_MAX).map(str::to_owned).collect::<Vec<_>>()
        };
        let old = expired.iter().map(|name| format!("{name}: no value came for too long"));
        Some(FindJson {
            id: find.id.clone(),
            source: main.found.source.as_str(),
            also,
            name: text(|found| found.name.as_deref()),
            manufacturer: text(|found| found.manufacturer.as_deref()),
            model: text(|found| found.model.as_deref()),
            sw_version: text(|found| found.sw_version.as_deref()),
            hw_version: text(|found| found.hw_version.as_deref()),
            area: text(|found| found.area.as_deref()),
            via,
            url: text(|found| found.url.as_deref()),
            addresses,
            properties,
            state,
            device: find.device().map(|device| device.as_str().to_owned()),
            ghost: !find.is_seen_live,
            announced_by: AnnouncerJson {
                client: announced.client.clone(),
                user: announced.user.clone(),
                topic: announced.topic.clone(),
                retained: announced.retained,
            },
            topics: TopicsJson { read: texts(reads), write: texts(writes) },
            problems: main.found.problems.iter().cloned().chain(find.problems.texts()).chain(old).collect(),
            first_seen: find.first_seen.to_string(),
            last_seen: find.last_seen.to_string(),
        })
    }

    /// The find that has an identifier.
    fn find_with(&self, identifier: &str) -> Option<String> {
        let has =
            |find: &&Find| find.parts.iter().any(|part| part.found.identifiers.iter().any(|have| have == identifier));
        let known = self.finds.of_address(identifier).or_else(|| self.finds.iter().find(has));
        known.map(|find| find.id.clone())
    }

    fn show_property(&self, find: &Find, name: PropertyName, property: FoundProperty) -> FindPropertyJson {
        let value = self.value_of(find, &name, &property.spec);
        let FoundProperty { label, spec, component, category, hidden, .. } = property;
        FindPropertyJson {
            name: name.as_str().to_owned(),
            label,
            r#type: spec.kind.name(),
            unit: spec.unit,
            role: spec.role,
            access: access_words(spec.access),
            options: spec.options,
            min: spec.min,
            max: spec.max,
            step: spec.step,
            component,
            category: category_word(category),
            hidden,
            value,
        }
    }

    fn value_of(&self, find: &Find, name: &PropertyName, spec: &PropertySpec) -> Option<Box<RawValue>> {
        if let Some(device) = find.device().and_then(|device| self.hub.device(device)) {
            let state = device.lock();
            return value_json(state.properties.get(name)?.value.as_ref()?).into();
        }
        let value = spec.parse(self.bindings.payload(&find.id, name)?).ok()?;
        Some(value_json(&value))
    }
}

/// Topics of one find that are shown of each kind.
const TOPICS_SHOWN_MAX: usize = 200;
