//! The file's outer form: projects, their devices and tags. Widgets are handed on one by one, as they differ in everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use housewire_protocols::blynk::Pin;
use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::property::PinFacts;
use super::widget::{Shown, TILE_WIDGETS_MAX, Targets, show, tabs_of};
use super::words::{clean, mark, property_name, stem};
use super::{
    DEVICES_MAX, FileError, Move, MovedDashboard, MovedDevice, MovedProperty, PROJECTS_MAX, TAGS_MAX, TOKEN_CHARS,
    WIDGET_BYTES_MAX, WIDGETS_MAX,
};

/// Pins of one device that are declared; a few properties more have room.
const PINS_MAX: usize = housewire_core::limits::PROPERTIES_MAX - 16;

/// A list with at most so many entries; what is too long is refused before it is kept.
struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Entries<T, MAX> {
            type Value = List<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX} entries")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(List(Vec::new()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = seq.next_element()? {
                    if entries.len() == MAX {
                        return Err(A::Error::custom(format!("there are more than {MAX} entries in one list")));
                    }
                    entries.push(entry);
                }
                Ok(List(entries))
            }
        }
        deserializer.deserialize_any(Entries(PhantomData))
    }
}

#[derive(serde::Deserialize)]
struct File<'a> {
    #[serde(default)]
    email: Option<String>,
    #[serde(default, borrow)]
    profile: Option<Profile<'a>>,
    /// Of very old files, which had no devices: by project.
    #[serde(default, rename = "dashTokens")]
    dash_tokens: Option<BTreeMap<String, String>>,
    /// A profile by itself, as the app exported it.
    #[serde(default, borrow, rename = "dashBoards")]
    projects: Option<List<Project<'a>, PROJECTS_MAX>>,
}

#[derive(serde::Deserialize)]
struct Profile<'a> {
    #[serde(default, borrow, rename = "dashBoards")]
    projects: Option<List<Project<'a>, PROJECTS_MAX>>,
}

#[derive(serde::Deserialize)]
struct Project<'a> {
    id: i64,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    devices: List<Device, DEVICES_MAX>,
    #[serde(default)]
    tags: List<Tag, TAGS_MAX>,
    #[serde(default, borrow)]
    widgets: List<&'a RawValue, WIDGETS_MAX>,
    #[serde(default, rename = "boardType")]
    board: Option<String>,
}

#[derive(serde::Deserialize)]
struct Device {
    id: i64,
    #[serde(default)]
    name: Option<String>,
    #[serde(default, rename = "boardType")]
    board: Option<String>,
    #[serde(default)]
    token: Option<String>,
}

#[derive(serde::Deserialize)]
struct Tag {
    id: i64,
    #[serde(default, rename = "deviceIds")]
    devices: List<i64, DEVICES_MAX>,
}

/// Reads a file and works out what it makes.
pub fn read(bytes: &[u8]) -> Result<Move, FileError> {
    let file: File<'_> = serde_json::from_slice(bytes)?;
    let projects = file.profile.and_then(|profile| profile.projects).or(file.projects).ok_or(FileError::NoUserFile)?;
    let tokens = file.dash_tokens.unwrap_or_default();
    let mut made = Move::default();
    let mut known = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut tile_widgets = TILE_WIDGETS_MAX;
    for (number, mut project) in projects.0.into_iter().enumerate() {
        if let Some(token) = tokens.get(&project.id.to_string())
            && !project.devices.0.iter().any(|device| device.token.is_some())
        {
            project.devices = List(vec![Device {
                id: 0,
                name: project.name.clone(),
                board: project.board.clone(),
                token: Some(token.clone()),
            }]);
        }
        let first = made.devices.len();
        let targets = take_devices(&mut made, &mut known, number, &mut project)?;
        let mut dashboard = take_widgets(&mut made, first, &targets, &mut tile_widgets, &project);
        let wished = wished_id(&dashboard.title, project.id, file.email.as_deref().unwrap_or_default());
        let mut numbered = (2..).map(|number| format!("{wished}-{number}"));
        dashboard.id = wished.clone();
        while !ids.insert(dashboard.id.clone()) {
            dashboard.id = numbered.next().unwrap_or_default();
        }
        made.dashboards.push(dashboard);
    }
    Ok(made)
}

fn title_of(project: &Project<'_>) -> String {
    project.name.as_deref().and_then(clean).unwrap_or_else(|| format!("Blynk {}", project.id))
}

fn take_devices(
    made: &mut Move,
    known: &mut BTreeSet<String>,
    number: usize,
    project: &mut Project<'_>,
) -> Result<Targets, FileError> {
    let title = title_of(project);
    let mut targets = Targets::default();
    for (place, device) in std::mem::take(&mut project.devices.0).into_iter().enumerate() {
        let named = device.name.as_deref().and_then(clean);
        let Some(token) = device.token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()) else {
            let what = format!("{title}: device {}", named.unwrap_or_else(|| device.id.to_string()));
            made.left.add(what, "It has no token, so that no sketch can be it. Make a device by hand if you need it.");
            continue;
        };
        let place = || format!("profile.dashBoards[{number}].devices[{place}].token");
        if !is_token(&token) {
            let why = "it is no token of Blynk's, which has 32 letters, digits, - and _ that somebody cannot guess";
            return Err(FileError::Token { place: place(), why });
        }
        if !known.insert(token.clone()) {
            let why = "another device of this file has the same token: give one of them another, or remove it";
            return Err(FileError::Token { place: place(), why });
        }
        targets.devices.insert(device.id, made.devices.len());
        let names = [named.as_deref(), Some(title.as_str())];
        let wished = names.into_iter().flatten().map(stem).find(|stem| !stem.is_empty());
        let stem = wished.unwrap_or_else(|| "blynk".to_owned());
        let model = device.board.as_deref().and_then(clean);
        made.devices.push(MovedDevice { stem, name: named, model, token, properties: BTreeMap::new() });
    }
    for tag in std::mem::take(&mut project.tags.0) {
        targets.groups.insert(tag.id, tag.devices.0);
    }
    Ok(targets)
}

/// The project's dashboard, still without an id, and what its widgets say of pins.
fn take_widgets(
    made: &mut Move,
    first: usize,
    targets: &Targets,
    tile_widgets: &mut usize,
    project: &Project<'_>,
) -> MovedDashboard {
    let title = title_of(project);
    let mut read = Vec::new();
    for raw in &project.widgets.0 {
        if raw.get().len() > WIDGET_BYTES_MAX {
            made.left.add(format!("{title}: a widget"), format!("It has more than {WIDGET_BYTES_MAX} bytes."));
            continue;
        }
        match serde_json::from_str::<serde_json::Value>(raw.get()) {
            Ok(widget) => read.push(widget),
            Err(error) => made.left.add(format!("{title}: a widget"), format!("It is not understood: {error}.")),
        }
    }
    let mut targets = Targets { devices: targets.devices.clone(), groups: targets.groups.clone() };
    read.iter().for_each(|widget| targets.note_selector(widget));
    let tabs = tabs_of(&read);
    let mut widgets = Vec::new();
    let mut facts: BTreeMap<(usize, Pin), PinFacts> = BTreeMap::new();
    let mut shown = Shown {
        title: &title,
        tabs: &tabs,
        targets: &targets,
        left: &mut made.left,
        facts: &mut facts,
        tile_widgets,
        target: None,
    };
    for widget in &read {
        show(widget, &mut shown, &mut widgets);
    }
    name_pins(made, facts, first);
    for (number, widget) in widgets.iter_mut().enumerate() {
        widget.id = format!("w{}", number + 1);
    }
    MovedDashboard { id: String::new(), title, tabs: tabs.into_iter().map(|(_, name)| name).collect(), widgets }
}

/// The same for the same project of the same user.
fn wished_id(title: &str, project: i64, email: &str) -> String {
    let of_title = stem(title);
    let mark = mark(&format!("{project}\0{email}"));
    if of_title.is_empty() { format!("blynk-{mark}") } else { format!("{of_title}-{mark}") }
}

/// Names are the labels, as far as they can be told apart; otherwise pins are called as they are.
fn name_pins(made: &mut Move, facts: BTreeMap<(usize, Pin), PinFacts>, first: usize) {
    let mut taken: BTreeSet<(usize, String)> = BTreeSet::new();
    for ((device, pin), facts) in facts {
        debug_assert!(device >= first, "a project's widgets know its own devices");
        let own = pin.to_string();
        let device_made = &made.devices[device];
        if device_made.properties.len() >= PINS_MAX {
            let whose = device_made.name.clone().unwrap_or_else(|| device_made.stem.clone());
            made.left.add(whose, format!("Pin {own} is not declared: {PINS_MAX} of one device are."));
            continue;
        }
        let wished = facts.label.as_deref().and_then(property_name);
        let name = wished.filter(|name| !taken.contains(&(device, name.clone()))).unwrap_or(own);
        taken.insert((device, name.clone()));
        let spec = facts.spec(pin);
        made.devices[device].properties.insert(pin, MovedProperty { name, spec });
    }
}

/// Of the letters that Blynk's have, and not so that somebody finds it by trying.
fn is_token(token: &str) -> bool {
    const DIFFERENT_MIN: usize = 8;
    let is_of_them = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let different: BTreeSet<u8> = token.bytes().collect();
    token.len() == TOKEN_CHARS && token.bytes().all(is_of_them) && different.len() >= DIFFERENT_MIN
}
