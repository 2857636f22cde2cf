//! `exposes`: features of a device as Zigbee2MQTT describes them, each of which becomes a property.

use housewire_core::Type;
use housewire_core::limits::{LABEL_BYTES_MAX, OPTIONS_MAX};
use serde_json::Value;

use super::super::draft::{Draft, Part, quoted, read, read_mapped, role_named, write};
use super::super::jinja::Path;
use super::super::limits::{FEATURE_DEPTH_MAX, PARTS_MAX};
use super::super::model::{Category, Write};

/// Bits of `access`.
const PUBLISHED: u64 = 1;
const SETTABLE: u64 = 2;
/// Can be asked for, and is published then.
const GETTABLE: u64 = 4;

/// Adds what the features become, for a device with this topic.
pub(super) fn add(draft: &mut Draft, topic: &str, features: &[Value]) {
    let mut walk = Walk { draft, topic, seen: 0 };
    for feature in features {
        walk.feature(feature, &Outer::default());
    }
}

/// The way through the features of one device.
struct Walk<'a> {
    draft: &'a mut Draft,
    topic: &'a str,
    seen: usize,
}

/// What a feature is inside of.
#[derive(Clone, Default)]
struct Outer {
    /// Where its values are.
    path: Path,
    /// `light`, `climate` …
    group: Option<&'static str>,
    label: Option<String>,
    category: Category,
    depth: usize,
}

impl Walk<'_> {
    fn feature(&mut self, feature: &Value, outer: &Outer) {
        self.seen += 1;
        if self.seen > PARTS_MAX {
            if self.seen == PARTS_MAX + 1 {
                self.draft.problem(format!("It has more than {PARTS_MAX} features; the others are left out."));
            }
            return;
        }
        let Some(kind) = text(feature, "type") else {
            self.draft.problem("A feature without 'type' is left out.");
            return;
        };
        match kind {
            "light" | "switch" | "cover" | "lock" | "fan" | "climate" => {
                let group =
                    ["light", "switch", "cover", "lock", "fan", "climate"].into_iter().find(|known| *known == kind);
                self.features(feature, outer, Outer { group, ..outer.clone() });
            }
            "composite" => self.composite(feature, outer),
            "binary" | "numeric" | "enum" | "text" | "list" => self.leaf(kind, feature, outer),
            // A group of a later version.
            _ if feature.get("features").is_some_and(Value::is_array) && text(feature, "property").is_none() => {
                self.features(feature, outer, outer.clone());
            }
            other => {
                self.draft.problem(format!("The feature {} of kind {} is not known.", shown(feature), quoted(other)))
            }
        }
    }

    fn features(&mut self, feature: &Value, outer: &Outer, mut inner: Outer) {
        inner.depth = outer.depth + 1;
        inner.category = category_of(feature).unwrap_or(outer.category);
        if inner.depth > FEATURE_DEPTH_MAX {
            self.draft.problem(format!("The feature {} is left out: it is nested too deeply.", shown(feature)));
            return;
        }
        let Some(features) = feature.get("features").and_then(Value::as_array) else {
            self.draft.problem(format!("The feature {} has no list of features.", shown(feature)));
            return;
        };
        for feature in features {
            self.feature(feature, &inner);
        }
    }

    /// Values inside of an object; a colour, which is one, is one value here.
    fn composite(&mut self, feature: &Value, outer: &Outer) {
        let path = match text(feature, "property") {
            Some(key) => outer.path.key(key),
            None => Ok(outer.path.clone()),
        };
        let Ok(path) = path else {
            self.draft.problem(format!("The feature {} is left out: its name cannot be used.", shown(feature)));
            return;
        };
        if outer.group == Some("light") && matches!(text(feature, "name"), Some("color_xy" | "color_hs")) {
            let color = Part::new(path.dotted(), "light", Type::Color)
                .labelled(Some(&color_label(feature)))
                .role(Some("color"))
                .category(category_of(feature).unwrap_or(outer.category))
                .read(read(self.topic, path.shown_as(" | color_hex")))
                .write(self.set(path.command("{\"r\": {{ red }}, \"g\": {{ green }}, \"b\": {{ blue }} }")));
            self.draft.add(color);
            return;
        }
        let label = label_of(feature, outer);
        self.features(feature, outer, Outer { path, label, ..outer.clone() });
    }

    fn leaf(&mut self, kind: &str, feature: &Value, outer: &Outer) {
        let name = text(feature, "name").unwrap_or_default();
        let key = text(feature, "property").unwrap_or(name);
        let Ok(path) = outer.path.key(key) else {
            self.draft.problem(format!("The feature {} is left out: its name cannot be used.", quoted(key)));
            return;
        };
        let access = feature.get("access").and_then(Value::as_u64).unwrap_or(PUBLISHED);
        let (is_read, is_set) = (access & (PUBLISHED | GETTABLE) != 0, access & SETTABLE != 0);
        let mut part = match kind {
            "binary" => self.binary(&path, feature),
            "numeric" => self.numeric(&path, feature, is_set),
            "enum" => self.choice(&path, feature),
            "text" => {
                let part = Part::new(path.dotted(), "text", Type::String).read(read(self.topic, path.text()));
                part.write(self.set(path.command("{{ value | tojson }}")))
            }
            _ => {
                let part = Part::new(path.dotted(), "list", Type::Json).read(read(self.topic, path.json()));
                part.write(self.set(path.command("{{ value }}")))
            }
        };
        // An action happens; and what can be asked for without ever being told is one, too.
        let is_event = (kind == "enum" && name == "action" && !is_set) || (is_set && !is_read);
        part.spec.access.read = is_read;
        part.spec.access.set = is_set;
        part.spec.access.event = is_event;
        if !is_read {
            part.reads.clear();
        }
        if !is_set {
            part.write = None;
        }
        if !is_read && !is_set {
            return;
        }
        if let Some(group) = outer.group {
            part.component = group;
        }
        let usual = if matches!(name, "linkquality") { Category::Diagnostic } else { outer.category };
        let category = category_of(feature).unwrap_or(usual);
        let label = label_of(feature, outer);
        self.draft.add(part.labelled(label.as_deref()).role(role_of(name, outer.group)).category(category));
    }

    fn set(&self, template: String) -> Write {
        write(&format!("{}/set", self.topic), template)
    }

    /// Two values that may be texts, `true` and `false`, or anything else.
    fn binary(&self, path: &Path, feature: &Value) -> Part {
        let value = |key: &str, usual: bool| feature.get(key).cloned().unwrap_or(Value::Bool(usual));
        let (on, off) = (value("value_on", true), value("value_off", false));
        let reading = match (&on, &off) {
            (Value::String(on), Value::String(off)) => {
                read_mapped(self.topic, path.text(), &[(on, "true"), (off, "false")])
            }
            _ => {
                let (on, off) = (on.to_string(), off.to_string());
                read_mapped(self.topic, path.json(), &[(&on, "true"), (&off, "false")])
            }
        };
        let map = vec![("true".to_owned(), on.to_string()), ("false".to_owned(), off.to_string())];
        let writing = Write { map, ..self.set(path.command("{{ value }}")) };
        Part::new(path.dotted(), "binary", Type::Bool).read(reading).write(writing)
    }

    /// Devices report beyond their announced range, so it bounds only what can be asked for.
    fn numeric(&mut self, path: &Path, feature: &Value, is_set: bool) -> Part {
        let part = Part::new(path.dotted(), "numeric", Type::Float).unit(text(feature, "unit"));
        let mut part = part.read(read(self.topic, path.text())).write(self.set(path.command("{{ value }}")));
        if is_set {
            let number = |key: &str| feature.get(key).and_then(Value::as_f64).filter(|number| number.is_finite());
            (part.spec.min, part.spec.max) = (number("value_min"), number("value_max"));
            part.spec.step = number("value_step").filter(|step| *step > 0.0);
            if part.spec.validate().is_err() {
                (part.spec.min, part.spec.max) = (None, None);
                self.draft.problem(format!("The range of {} is empty; it is not used.", shown(feature)));
            }
        }
        part
    }

    fn choice(&mut self, path: &Path, feature: &Value) -> Part {
        let values = feature.get("values").and_then(Value::as_array).into_iter().flatten();
        let as_text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut options: Vec<String> = Vec::new();
        for option in values.take(OPTIONS_MAX + 1).map(as_text) {
            if !option.is_empty() && !options.contains(&option) {
                options.push(option);
            }
        }
        let fits = !options.is_empty()
            && options.len() <= OPTIONS_MAX
            && options.iter().all(|option| option.len() <= LABEL_BYTES_MAX);
        let kind = if fits { Type::Enum } else { Type::String };
        if !fits {
            self.draft.problem(format!("The values of {} cannot be listed; any text is taken.", shown(feature)));
            options.clear();
        }
        let part = Part::new(path.dotted(), "enum", kind).options(options);
        part.read(read(self.topic, path.text())).write(self.set(path.command("{{ value | tojson }}")))
    }
}

fn text<'a>(feature: &'a Value, key: &str) -> Option<&'a str> {
    feature.get(key).and_then(Value::as_str)
}

/// What a feature is called, in a sentence.
fn shown(feature: &Value) -> String {
    quoted(text(feature, "property").or(text(feature, "name")).unwrap_or("without a name"))
}

fn label_of(feature: &Value, outer: &Outer) -> Option<String> {
    // Of several alike, each has its end of the device.
    let own = text(feature, "label").map(|label| match text(feature, "endpoint") {
        Some(endpoint) => format!("{label} ({endpoint})"),
        None => label.to_owned(),
    });
    match (&outer.label, own) {
        (Some(outer), Some(own)) => Some(format!("{outer}: {own}")),
        (outer, own) => own.or_else(|| outer.clone()),
    }
}

/// Colours say in brackets how they are measured, which is nobody's concern here.
fn color_label(feature: &Value) -> String {
    text(feature, "endpoint").map_or_else(|| "Color".to_owned(), |endpoint| format!("Color ({endpoint})"))
}

fn category_of(feature: &Value) -> Option<Category> {
    match text(feature, "category")? {
        "config" => Some(Category::Config),
        "diagnostic" => Some(Category::Diagnostic),
        _ => None,
    }
}

/// What a feature of this name means.
fn role_of(name: &str, group: Option<&str>) -> Option<&'static str> {
    let role = match (group, name) {
        (Some("light"), "state") => "light",
        (Some("switch"), "state") => "switch",
        (Some("cover"), "state" | "position") => "cover",
        (Some("cover"), "tilt") => "tilt",
        (Some("lock"), "state" | "lock_state") => "lock",
        (Some("fan"), "state" | "mode" | "speed") => "fan",
        (Some("climate"), "local_temperature") => "temperature",
        (Some("climate"), name) if name.ends_with("_setpoint") => "target_temperature",
        (Some("climate"), "system_mode" | "running_state" | "preset") => "climate",
        _ => return role_named(name),
    };
    Some(role)
}
