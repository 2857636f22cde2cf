//! One property of a Homie device, of whichever version: its type, its format, and how its values are written.

use housewire_core::{Qos, Type};

use super::super::draft::{Draft, Part, quoted, read, role_named, write};
use super::super::model::{Read, Write};

/// An empty text: an empty payload would remove what is retained.
const EMPTY: &str = "\0";

/// How values are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    ThreeOrFour,
    Five,
}

/// What is announced of it.
pub(super) struct Property<'a> {
    pub(super) version: Version,
    pub(super) topic: String,
    pub(super) node: &'a str,
    pub(super) id: &'a str,
    pub(super) label: String,
    pub(super) datatype: Option<&'a str>,
    pub(super) format: Option<&'a str>,
    pub(super) unit: Option<&'a str>,
    pub(super) is_settable: bool,
    pub(super) is_retained: bool,
}

impl Property<'_> {
    /// Adds what it becomes; without a type that can be used it is left out.
    pub(super) fn add(self, draft: &mut Draft) {
        let shown = quoted(&format!("{}/{}", self.node, self.id));
        let Some(datatype) = self.datatype else {
            draft.problem(format!("{shown} is left out: it has no datatype."));
            return;
        };
        let kind = match datatype {
            "integer" => Type::Int,
            "float" | "percent" => Type::Float,
            "boolean" => Type::Bool,
            "enum" => Type::Enum,
            "color" if self.color().is_some() => Type::Color,
            "json" => Type::Json,
            "string" | "datetime" | "duration" => Type::String,
            other => {
                draft.problem(format!(
                    "The datatype {} of {shown} is not known; it is taken for a text.",
                    quoted(other)
                ));
                Type::String
            }
        };
        let wanted = format!("{}_{}", self.node, self.id);
        let unit = self.unit.or((datatype == "percent").then_some("%")).filter(|_| kind.is_number());
        let mut part = Part::new(format!("{}/{}", self.node, self.id), kind.name(), kind)
            .named(wanted)
            .labelled(Some(&self.label))
            .unit(unit)
            .role(self.role(kind))
            .read(self.reading(kind));
        if self.is_settable {
            part = part.write(self.writing(kind));
        }
        // What is not kept is no state but a happening.
        if !self.is_retained {
            part = part.event();
        }
        match kind {
            Type::Enum => {
                part = part.options(self.format.unwrap_or_default().split(',').filter(|option| !option.is_empty()));
            }
            Type::Int | Type::Float => match self.format.map(range) {
                Some(Some([min, max, step])) => (part.spec.min, part.spec.max, part.spec.step) = (min, max, step),
                Some(None) => {
                    let format = quoted(self.format.unwrap_or_default());
                    draft.problem(format!("The format {format} of {shown} is no range; it is not used."));
                }
                None => {}
            },
            _ => {}
        }
        draft.add(part);
    }

    /// A `power` may be watts or a switch.
    fn role(&self, kind: Type) -> Option<&'static str> {
        match (kind, self.id) {
            (Type::Bool, "power" | "on" | "state") => Some("switch").filter(|_| self.is_settable),
            _ => role_named(self.id),
        }
    }

    /// The way in which a colour is written that the device likes best of those that are known here.
    fn color(&self) -> Option<&'static str> {
        let formats = self.format.unwrap_or("rgb").split(',');
        formats.into_iter().find_map(|format| ["rgb", "hsv", "xyz"].into_iter().find(|known| *known == format.trim()))
    }

    fn reading(&self, kind: Type) -> Read {
        // What brightness there is in a colour is left to the property that has it.
        let template = match (kind, self.version, self.color()) {
            (Type::Color, Version::Five, _) => Some(
                "{% if value.startswith(\"rgb,\") %}{{ value[4:] }}{% elif value.startswith(\"hsv,\") %}{{ value[4:] | hs_hex }}\
                 {% elif value.startswith(\"xyz,\") %}{{ value[4:] | xy_hex }}{% endif %}",
            ),
            (Type::Color, Version::ThreeOrFour, Some("hsv")) => Some("{{ value | hs_hex }}"),
            (Type::Color, Version::ThreeOrFour, Some("xyz")) => Some("{{ value | xy_hex }}"),
            _ => None,
        };
        let map = if kind == Type::String { vec![(EMPTY.to_owned(), String::new())] } else { Vec::new() };
        Read { map, ..read(&self.topic, template.map(str::to_owned)) }
    }

    /// Requests are never retained: they would be carried out again at each restart.
    fn writing(&self, kind: Type) -> Write {
        let template = self.color().filter(|_| kind == Type::Color).map(|form| {
            let parts = match form {
                "hsv" => "{{ hue }},{{ sat }},100",
                "xyz" => "{{ x }},{{ y }}",
                _ => "{{ red }},{{ green }},{{ blue }}",
            };
            if self.version == Version::Five { format!("{form},{parts}") } else { parts.to_owned() }
        });
        let map = if kind == Type::String { vec![(String::new(), EMPTY.to_owned())] } else { Vec::new() };
        Write { qos: Qos::AtLeastOnce, map, ..write(&format!("{}/set", self.topic), template) }
    }
}

/// `min:max` or `min:max:step`, any of which may be missing.
fn range(format: &str) -> Option<[Option<f64>; 3]> {
    let mut range = [None; 3];
    for (place, text) in format.split(':').enumerate() {
        let number: Option<f64> = if text.is_empty() { None } else { Some(text.parse().ok()?) };
        *range.get_mut(place)? = number.filter(|number| number.is_finite());
    }
    if format.is_empty() || !format.contains(':') { None } else { Some(range) }
}
