//! What a dashboard is, as far as all widgets have it in common. What a widget's options mean is known to the page alone.

use std::collections::{BTreeMap, BTreeSet};

use housewire_core::{DeviceId, PropertyName, Topic, TopicRef};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::Named;
use crate::limits::{
    DASHBOARD_BYTES_MAX, DASHBOARD_SOURCES_MAX, DASHBOARD_TABS_MAX, DASHBOARD_WIDGETS_MAX, WIDGET_SOURCES_MAX,
};
use crate::refusal::shorten;
use crate::view::schema::AnyObject;

/// Columns of the grid, and rows that nobody scrolls beyond.
const DESKTOP_COLUMNS: u32 = 12;
const PHONE_COLUMNS: u32 = 4;
const ROWS_MAX: u32 = 10_000;
/// Of titles, icons and names of tabs.
const TEXT_BYTES_MAX: usize = 256;
/// Of ids and kinds.
const ID_CHARS_MAX: usize = 64;

/// What a dashboard shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) icon: Option<String>,
    pub(crate) tabs: Vec<String>,
    pub(crate) widgets: Vec<Widget>,
}

/// A page that is made of widgets, as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Dashboard)]
pub(crate) struct Sent {
    /// Of letters, digits, `_` and `-`, at most 64; made of the title if not said.
    #[serde(default)]
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$", example = "home")]
    pub(crate) id: Option<String>,
    #[schema(max_length = 256, example = "Home")]
    pub(crate) title: String,
    /// Its icon's name.
    #[serde(default)]
    pub(crate) icon: Option<String>,
    /// Whose it is. Only an administrator gives one to somebody else; whoever makes one is its owner.
    #[serde(default, deserialize_with = "crate::http::named")]
    #[schema(value_type = Option<String>)]
    pub(crate) owner: Named<String>,
    /// `see` if not said.
    #[serde(default)]
    pub(crate) others: Option<Others>,
    /// Tabs by name, in order; empty for a dashboard without.
    #[serde(default)]
    pub(crate) tabs: Vec<String>,
    #[serde(default)]
    pub(crate) widgets: Vec<Widget>,
    /// What the hub says itself may come back, and means nothing.
    #[serde(default, rename = "version")]
    #[schema(ignore)]
    _version: IgnoredAny,
    #[serde(default, rename = "updated")]
    #[schema(ignore)]
    _updated: IgnoredAny,
    #[serde(default, rename = "updated_by")]
    #[schema(ignore)]
    _updated_by: IgnoredAny,
    #[serde(default, rename = "may_edit")]
    #[schema(ignore)]
    _may_edit: IgnoredAny,
}

/// A dashboard as it is answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DashboardView)]
pub(crate) struct Answered {
    id: String,
    title: String,
    icon: Option<String>,
    tabs: Vec<String>,
    widgets: Vec<Widget>,
    /// Whose it is; `null` for one that was made by nobody in particular, and for whoever came by a share link.
    owner: Option<String>,
    others: Others,
    /// Grows with each change; also the `ETag`.
    version: u64,
    #[schema(format = DateTime)]
    updated: String,
    updated_by: Option<String>,
    /// Whether the caller may change it.
    may_edit: bool,
}

/// What everybody else in the house may do with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DashboardOthers)]
pub(crate) enum Others {
    Nothing,
    #[default]
    See,
    Edit,
}

/// A piece of a dashboard.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Widget)]
pub(crate) struct Widget {
    /// Unique within its dashboard.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$", example = "w1")]
    id: String,
    /// What it is: `switch`, `gauge`, `chart` …
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$", example = "switch")]
    kind: String,
    /// `null`: named after its source.
    title: Option<String>,
    at: Places,
    sources: Vec<Source>,
    /// What its kind knows of.
    #[serde(default)]
    #[schema(value_type = AnyObject, inline)]
    options: BTreeMap<String, Value>,
    /// The tab it stands on; the first if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tab: Option<String>,
}

/// Where a widget stands.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WidgetPlaces)]
struct Places {
    /// In 12 columns.
    desktop: Place,
    /// In 4 columns; `null`: made of the desktop's.
    phone: Option<Place>,
}

/// In cells.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Place)]
struct Place {
    x: u32,
    y: u32,
    #[schema(minimum = 1)]
    w: u32,
    #[schema(minimum = 1)]
    h: u32,
}

/// Where a widget's values come from: a property, or a topic; one of both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WidgetSource)]
pub(crate) struct Source {
    /// `device/property`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "lamp/power")]
    property: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    topic: Option<String>,
}

/// The same, understood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    Property(String, String),
    Topic(String),
}

impl Source {
    fn origin(&self) -> Result<Origin, String> {
        match (&self.property, &self.topic) {
            (Some(key), None) => {
                let parts = key.split_once('/').filter(|(device, property)| {
                    DeviceId::parse(device).is_ok() && PropertyName::parse(property).is_ok()
                });
                let (device, property) = parts.ok_or_else(|| {
                    format!("'{}' is no property: write the device's id, a slash and its name", shorten(key))
                })?;
                Ok(Origin::Property(device.to_owned(), property.to_owned()))
            }
            (None, Some(topic)) => match Topic::parse(topic) {
                Ok(_) => Ok(Origin::Topic(topic.clone())),
                Err(error) => Err(format!("'{}' is no topic: {error}", shorten(topic))),
            },
            _ => Err("a source is {\"property\":\"device/name\"} or {\"topic\":\"…\"}, one of both".to_owned()),
        }
    }
}

impl Origin {
    /// What has to be readable for it to be seen.
    pub(crate) fn topic(&self) -> String {
        match self {
            Self::Property(device, property) => format!("devices/{device}/{property}"),
            Self::Topic(topic) => topic.clone(),
        }
    }

    /// Where somebody who controls it writes; `None` if that is for devices alone.
    pub(crate) fn set_topic(&self) -> Option<String> {
        match self {
            Self::Property(..) => Some(self.topic() + "/set"),
            // What a device reports is for the device to say.
            Self::Topic(topic) if topic.starts_with("devices/") && !topic.ends_with("/set") => None,
            Self::Topic(topic) => (!topic.starts_with('$')).then(|| topic.clone()),
        }
    }
}

impl Content {
    /// Looks whether it makes sense; what its widgets look at. The error is for who sent it.
    pub(crate) fn check(&self) -> Result<BTreeSet<Origin>, String> {
        check_id(&self.id).map_err(|why| format!("id: {why}"))?;
        check_text(&self.title).map_err(|why| format!("title: {why}"))?;
        if self.title.trim().is_empty() {
            return Err("title: it needs one".to_owned());
        }
        if let Some(icon) = &self.icon {
            check_text(icon).map_err(|why| format!("icon: {why}"))?;
        }
        check_tabs(&self.tabs)?;
        if self.widgets.len() > DASHBOARD_WIDGETS_MAX {
            return Err(format!("widgets: there may be {DASHBOARD_WIDGETS_MAX}; make a second dashboard"));
        }
        let (mut ids, mut origins) = (BTreeSet::new(), BTreeSet::new());
        for (number, widget) in self.widgets.iter().enumerate() {
            let of_widget = |why| format!("widgets[{number}] ('{}'): {why}", shorten(&widget.id));
            widget.check(&mut origins).map_err(of_widget)?;
            if !ids.insert(&widget.id) {
                return Err(of_widget("another widget has that id".to_owned()));
            }
        }
        if origins.len() > DASHBOARD_SOURCES_MAX {
            return Err(format!("widgets: they may have {DASHBOARD_SOURCES_MAX} different sources in all"));
        }
        Ok(origins)
    }

    /// As it is kept and answered.
    pub(crate) fn write(&self) -> Result<String, String> {
        let text = serde_json::to_string(self).expect("texts and numbers are JSON");
        match text.len() {
            ..=DASHBOARD_BYTES_MAX => Ok(text),
            bytes => Err(format!(
                "it has {bytes} bytes, and may have {DASHBOARD_BYTES_MAX}: put pictures elsewhere, or make a second dashboard"
            )),
        }
    }
}

impl Widget {
    fn check(&self, origins: &mut BTreeSet<Origin>) -> Result<(), String> {
        check_id(&self.id)?;
        check_id(&self.kind).map_err(|why| format!("kind: {why}"))?;
        for text in [&self.title, &self.tab].into_iter().flatten() {
            check_text(text)?;
        }
        self.at.desktop.check(DESKTOP_COLUMNS).map_err(|why| format!("at.desktop: {why}"))?;
        if let Some(phone) = self.at.phone {
            phone.check(PHONE_COLUMNS).map_err(|why| format!("at.phone: {why}"))?;
        }
        if self.sources.len() > WIDGET_SOURCES_MAX {
            return Err(format!("sources: a widget may have {WIDGET_SOURCES_MAX}"));
        }
        for source in &self.sources {
            origins.insert(source.origin().map_err(|why| format!("sources: {why}"))?);
        }
        Ok(())
    }
}

impl Place {
    fn check(self, columns: u32) -> Result<(), String> {
        let Self { x, y, w, h } = self;
        let fits = |from: u32, size: u32, max: u32| size >= 1 && from.checked_add(size).is_some_and(|end| end <= max);
        match fits(x, w, columns) && fits(y, h, ROWS_MAX) {
            true => Ok(()),
            false => Err(format!(
                "{w} by {h} cells at {x}, {y} is outside of the grid, which has {columns} columns and {ROWS_MAX} rows"
            )),
        }
    }
}

fn check_tabs(tabs: &[String]) -> Result<(), String> {
    if tabs.len() > DASHBOARD_TABS_MAX {
        return Err(format!("tabs: there may be {DASHBOARD_TABS_MAX}"));
    }
    let mut names = BTreeSet::new();
    for tab in tabs {
        check_text(tab).map_err(|why| format!("tabs: {why}"))?;
        if tab.trim().is_empty() || !names.insert(tab) {
            return Err("tabs: each needs a name of its own".to_owned());
        }
    }
    Ok(())
}

/// Ids, and kinds of widgets.
pub(crate) fn check_id(id: &str) -> Result<(), String> {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(is_fine) {
        true => Ok(()),
        false => Err(format!("'{}' must have 1 to {ID_CHARS_MAX} characters of A-Z a-z 0-9 _ -", shorten(id))),
    }
}

fn check_text(text: &str) -> Result<(), String> {
    let has_controls = text.chars().any(char::is_control);
    match text.len() <= TEXT_BYTES_MAX && !has_controls {
        true => Ok(()),
        false => Err(format!(
            "'{}' must have at most {TEXT_BYTES_MAX} bytes and no control characters",
            shorten(text).replace(char::is_control, "\u{fffd}")
        )),
    }
}

/// The topic on which changes of a dashboard are told.
pub(crate) fn topic_of(id: &str) -> Topic {
    TopicRef::parse(&format!("$dashboards/{id}")).expect("ids are valid levels").to_topic()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dashboard(widget: &str) -> Content {
        let text = format!(r#"{{"id":"home","title":"Home","icon":null,"tabs":[],"widgets":[{widget}]}}"#);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn widget(place: &str, source: &str) -> String {
        format!(
            r#"{{"id":"w","kind":"switch","title":null,"at":{{"desktop":{place},"phone":null}},"sources":[{source}],"options":{{"a":[1,{{}}]}}}}"#
        )
    }

    const PLACE: &str = r#"{"x":0,"y":0,"w":12,"h":1}"#;

    #[test]
    fn places_are_inside_the_grid() {
        for (place, is_inside) in [
            (PLACE, true),
            (r#"{"x":1,"y":0,"w":12,"h":1}"#, false),
            (r#"{"x":0,"y":0,"w":0,"h":1}"#, false),
            (r#"{"x":4294967295,"y":0,"w":4294967295,"h":1}"#, false),
            (r#"{"x":0,"y":9999,"w":1,"h":1}"#, true),
            (r#"{"x":0,"y":9999,"w":1,"h":2}"#, false),
        ] {
            assert_eq!(dashboard(&widget(place, "")).check().is_ok(), is_inside, "{place}");
        }
    }

    #[test]
    fn sources_are_properties_or_topics() {
        for (source, set) in [
            (r#"{"property":"lamp/power"}"#, Some(Some("devices/lamp/power/set"))),
            (r#"{"topic":"home/x"}"#, Some(Some("home/x"))),
            (r#"{"topic":"devices/lamp/power"}"#, Some(None)),
            (r#"{"topic":"devices/lamp/power/set"}"#, Some(Some("devices/lamp/power/set"))),
            (r#"{"topic":"$SYS/broker/uptime"}"#, Some(None)),
            (r#"{"topic":"home/#"}"#, None),
            (r#"{"property":"lamp"}"#, None),
            (r#"{"property":"lamp/a/b"}"#, None),
            (r#"{"property":"lamp/set"}"#, None),
            ("{}", None),
            (r#"{"property":"lamp/power","topic":"x"}"#, None),
        ] {
            let checked = dashboard(&widget(PLACE, source)).check();
            let found = checked.ok().map(|origins| origins.first().unwrap().set_topic());
            assert_eq!(found, set.map(|set| set.map(str::to_owned)), "{source}");
        }
    }

    #[test]
    fn ids_are_unique_and_texts_short() {
        let twice = [widget(PLACE, ""), widget(PLACE, "")].join(",");
        assert!(dashboard(&twice).check().unwrap_err().contains("another widget"));
        let with = |change: fn(&mut Content)| {
            let mut made = dashboard("");
            change(&mut made);
            made.check()
        };
        assert!(with(|_| ()).is_ok());
        assert!(with(|made| made.title = "مطبخ".to_owned()).is_ok(), "any script");
        assert!(with(|made| made.title = " ".to_owned()).is_err());
        assert!(with(|made| made.title = "x".repeat(257)).is_err());
        assert!(with(|made| made.id = "a b".to_owned()).is_err());
        assert!(with(|made| made.tabs = vec!["a".to_owned(), "a".to_owned()]).is_err());
        assert!(with(|made| made.tabs = (0..40).map(|number| number.to_string()).collect()).is_err());
    }
}
