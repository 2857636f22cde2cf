//! Declarations of devices, as they are read from JSON: which fields there are, and what leaving one out or setting it to
//! `null` means.
//!
//! Whether a declaration makes sense is decided in `core`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use housewire_core::limits::PROPERTIES_MAX;
use housewire_core::{
    DeclareError, DeclareMode, Device, DeviceInfo, PropertyAccess, PropertyName, PropertySpec, Type, UnknownType,
};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type as Kind};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::http::describe::ID_PATTERN;
use crate::refusal::{Refusal, shorten, shorten_json_error};
use crate::view::json::Object;
use crate::view::schema::{AccessWords, type_or_null};

/// A field that may be left out, or set to `null`.
#[derive(Debug, Default)]
enum Given<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

impl<T: Clone> Given<T> {
    fn value(&self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value.clone()),
            Self::Absent | Self::Null => None,
        }
    }

    /// What there was, unless something else is given; `null` clears.
    fn or(&self, known: Option<T>) -> Option<T> {
        match self {
            Self::Absent => known,
            given => given.value(),
        }
    }
}

/// The body of `PUT` and `PATCH /api/devices/{id}`. What only the hub says is accepted and ignored, so that a view can be
/// put back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(
    as = DeviceDeclaration,
    description = "What a device is called and which properties it has. What only the hub says is accepted and ignored, so that what was \
                   read can be put back.",
    example = json!({
        "name": "Desk lamp", "room": "Study",
        "properties": {"power": {"type": "bool"}, "level": {"type": "int", "unit": "%", "min": 0, "max": 100}}
    })
)]
#[serde(deny_unknown_fields)]
pub(crate) struct Declaration {
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 256)]
    name: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 256)]
    room: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 256)]
    model: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 256)]
    icon: Given<String>,
    /// Belongs to the demo house.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    demo: Given<bool>,
    /// By name; with PATCH, `null` deletes a property.
    #[serde(default)]
    #[schema(value_type = PropertyDeclarations)]
    properties: Given<BTreeMap<String, Option<Object<PropertyDeclaration>>>>,
    /// Ignored.
    #[serde(rename = "id", default)]
    #[schema(value_type = Value)]
    _id: IgnoredAny,
    /// Ignored.
    #[serde(rename = "via", default)]
    #[schema(value_type = Value)]
    _via: IgnoredAny,
    /// Ignored.
    #[serde(rename = "online", default)]
    #[schema(value_type = Value)]
    _online: IgnoredAny,
    /// Ignored.
    #[serde(rename = "rejected", default)]
    #[schema(value_type = Value)]
    _rejected: IgnoredAny,
}

/// What OpenAPI is told of [`Declaration::properties`]: a name leads to a property, or to `null`.
struct PropertyDeclarations;

impl PartialSchema for PropertyDeclarations {
    fn schema() -> RefOr<Schema> {
        let null = || ObjectBuilder::new().schema_type(Kind::Null);
        let property = OneOfBuilder::new().item(null()).item(Ref::from_schema_name(PropertyDeclaration::name()));
        let name = ObjectBuilder::new().schema_type(Kind::String).pattern(Some(ID_PATTERN));
        let by_name = ObjectBuilder::new()
            .schema_type(Kind::Object)
            .property_names(Some(name))
            .additional_properties(Some(Schema::from(property)))
            .max_properties(Some(PROPERTIES_MAX));
        OneOfBuilder::new().item(null()).item(by_name).into()
    }
}

impl ToSchema for PropertyDeclarations {
    fn name() -> Cow<'static, str> {
        "PropertyDeclarations".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((PropertyDeclaration::name().into(), PropertyDeclaration::schema()));
        PropertyDeclaration::schemas(schemas);
    }
}

/// The rules of a property. A property that is named becomes a declared one; what does not fit its rules is refused from then on.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PropertyDeclaration {
    /// If it is left out: what it was, or what fits the other fields.
    #[serde(default)]
    #[schema(schema_with = type_or_null)]
    r#type: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 256, example = "%")]
    unit: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    min: Given<f64>,
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    max: Given<f64>,
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    step: Given<f64>,
    /// The values of an `enum`.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 256)]
    options: Given<Vec<String>>,
    #[serde(default)]
    #[schema(value_type = AccessWords)]
    access: Given<Access>,
    /// What it means: temperature, light, battery …
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 256)]
    role: Given<String>,
    /// Where else it lives, as `blynk:V1`.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 8, example = json!(["blynk:V1"]))]
    bindings: Given<Vec<String>>,
    /// Ignored.
    #[serde(rename = "declared", default)]
    #[schema(value_type = Value)]
    _declared: IgnoredAny,
    /// Ignored.
    #[serde(rename = "value", default)]
    #[schema(value_type = Value)]
    _value: IgnoredAny,
    /// Ignored.
    #[serde(rename = "target", default)]
    #[schema(value_type = Value)]
    _target: IgnoredAny,
    /// Ignored.
    #[serde(rename = "time", default)]
    #[schema(value_type = Value)]
    _time: IgnoredAny,
    /// Ignored.
    #[serde(rename = "via", default)]
    #[schema(value_type = Value)]
    _via: IgnoredAny,
}

/// `["read","set"]`, or `"read set"` for people who type.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected words out of read, set and event, as a list or in one string")]
enum Access {
    List(Vec<String>),
    Line(String),
}

impl Declaration {
    /// Reads a body; an error names the field, line and column.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let mut reader = serde_json::Deserializer::from_slice(body);
        let Object(declaration) = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = match error.path().to_string() {
                path if path == "." => String::new(),
                path => format!(" in {}", shorten(&path)),
            };
            Refusal::BadRequest(format!(
                "The body is no declaration of a device{path}: {}.",
                shorten_json_error(error.inner())
            ))
        })?;
        reader.end().map_err(|error| Refusal::BadRequest(format!("The body goes on behind its end: {error}.")))?;
        Ok(declaration)
    }

    /// What the device is called when this is the whole truth.
    pub(crate) fn info(&self) -> DeviceInfo {
        self.merged_info(&DeviceInfo::default())
    }

    /// What the device is called from now on.
    pub(crate) fn merged_info(&self, known: &DeviceInfo) -> DeviceInfo {
        DeviceInfo {
            name: self.name.or(known.name.clone()),
            room: self.room.or(known.room.clone()),
            model: self.model.or(known.model.clone()),
            icon: self.icon.or(known.icon.clone()),
            demo: self.demo.or(Some(known.demo)).unwrap_or_default(),
        }
    }

    /// How `PATCH` has to declare: taking a property away (`null`) needs the whole truth.
    pub(crate) fn merge_mode(&self) -> DeclareMode {
        match &self.properties {
            Given::Null => DeclareMode::Replace,
            Given::Value(properties) if properties.values().any(Option::is_none) => DeclareMode::Replace,
            _ => DeclareMode::Merge,
        }
    }
}

/// What is known of a device's properties.
pub(crate) type Specs = BTreeMap<PropertyName, PropertySpec>;

pub(crate) fn known_specs(device: &Device) -> Specs {
    let state = device.lock();
    state.properties.iter().map(|(name, property)| (name.clone(), property.spec.clone())).collect()
}

impl Declaration {
    /// The properties that a device has when this is the whole truth. Only a type that is left out is taken from what
    /// was known.
    pub(crate) fn specs(&self, known: &Specs) -> Result<Specs, Refusal> {
        let mut specs = Specs::new();
        for (name, declaration) in self.named_properties()? {
            if let Some(declaration) = declaration {
                let kind = declaration.likely_type(known.get(&name).map(|spec| spec.kind));
                let spec = declaration.applied_to(&name, PropertySpec::declared(kind))?;
                specs.insert(name, spec);
            }
        }
        Ok(specs)
    }

    /// The properties to declare in [`Declaration::merge_mode`].
    pub(crate) fn merged_specs(&self, known: &Specs) -> Result<Specs, Refusal> {
        let keeps_others = self.merge_mode() == DeclareMode::Replace && !matches!(self.properties, Given::Null);
        let mut specs = if keeps_others { known.clone() } else { Specs::new() };
        for (name, declaration) in self.named_properties()? {
            match declaration {
                None => drop(specs.remove(&name)),
                Some(declaration) => {
                    let fresh = || PropertySpec::declared(declaration.likely_type(None));
                    let spec = declaration.applied_to(&name, known.get(&name).cloned().unwrap_or_else(fresh))?;
                    specs.insert(name, spec);
                }
            }
        }
        Ok(specs)
    }

    /// The properties of a template, with what is said of them here, and those that come to them.
    pub(crate) fn specs_over(&self, template: Specs) -> Result<Specs, Refusal> {
        let mut specs = template;
        for (name, declaration) in self.named_properties()? {
            match declaration {
                None => drop(specs.remove(&name)),
                Some(declaration) => {
                    let fresh = || PropertySpec::declared(declaration.likely_type(None));
                    let spec = declaration.applied_to(&name, specs.get(&name).cloned().unwrap_or_else(fresh))?;
                    specs.insert(name, spec);
                }
            }
        }
        Ok(specs)
    }

    fn named_properties(&self) -> Result<Vec<(PropertyName, Option<&PropertyDeclaration>)>, Refusal> {
        let Given::Value(properties) = &self.properties else { return Ok(Vec::new()) };
        // Checked before anything is made of them; how many the device has in the end is checked in `core`.
        if properties.len() > PROPERTIES_MAX {
            return Err(DeclareError::TooManyProperties.into());
        }
        properties
            .iter()
            .map(|(name, declaration)| {
                let declaration = declaration.as_ref().map(|Object(declaration)| declaration);
                Ok((PropertyName::parse(name)?, declaration))
            })
            .collect()
    }
}

impl PropertyDeclaration {
    /// The type if none is given: what the other fields make sense with, else what it was.
    fn likely_type(&self, known: Option<Type>) -> Type {
        let has_range = [&self.min, &self.max, &self.step].into_iter().any(|given| matches!(given, Given::Value(_)));
        match (&self.options, known) {
            (Given::Value(_), _) => Type::Enum,
            (_, Some(kind)) if kind.is_number() || !has_range => kind,
            _ if has_range => Type::Float,
            _ => Type::String,
        }
    }

    fn applied_to(&self, name: &PropertyName, spec: PropertySpec) -> Result<PropertySpec, Refusal> {
        let wrong = |error: String| Refusal::BadRequest(format!("Property '{name}': {error}."));
        let kind = match &self.r#type {
            Given::Value(word) => word.parse().map_err(|error: UnknownType| wrong(error.to_string()))?,
            Given::Absent | Given::Null => spec.kind,
        };
        let access = match &self.access {
            Given::Absent => spec.access,
            Given::Null => PropertyAccess::INFERRED,
            Given::Value(words) => words.parse().map_err(wrong)?,
        };
        Ok(PropertySpec {
            kind,
            unit: self.unit.or(spec.unit),
            min: self.min.or(spec.min),
            max: self.max.or(spec.max),
            step: self.step.or(spec.step),
            options: self.options.or(Some(spec.options)).unwrap_or_default(),
            access,
            role: self.role.or(spec.role),
            bindings: self.bindings.or(Some(spec.bindings)).unwrap_or_default(),
            declared: true,
        })
    }
}

impl Access {
    fn parse(&self) -> Result<PropertyAccess, String> {
        let mut access = PropertyAccess { read: false, set: false, event: false };
        let words: Vec<&str> = match self {
            Self::List(words) => words.iter().map(String::as_str).collect(),
            Self::Line(line) => line.split([' ', ',']).filter(|word| !word.is_empty()).collect(),
        };
        if words.is_empty() {
            return Err("access needs at least one of read, set, event".into());
        }
        for word in words {
            match word {
                "read" => access.read = true,
                "set" => access.set = true,
                "event" => access.event = true,
                _ => return Err(format!("'{}' is no access; use read, set, event", shorten(word))),
            }
        }
        Ok(access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PropertyName {
        PropertyName::parse(text).unwrap()
    }

    fn parse(body: &str) -> Result<Declaration, Refusal> {
        Declaration::parse(body.as_bytes())
    }

    #[test]
    fn what_is_left_out_stays_and_null_clears() {
        let known = DeviceInfo { name: Some("Lamp".into()), room: Some("Hall".into()), ..DeviceInfo::default() };
        let info = parse(r#"{"room":null,"model":"X","demo":true}"#).unwrap().merged_info(&known);
        assert_eq!((info.name.as_deref(), info.room, info.model.as_deref()), (Some("Lamp"), None, Some("X")));
        assert!(info.demo);
        assert_eq!(parse("{}").unwrap().info(), DeviceInfo::default());
    }

    #[test]
    fn patches_of_properties() {
        let level = PropertySpec { min: Some(0.0), max: Some(9.0), ..PropertySpec::declared(Type::Int) };
        let known = Specs::from([(name("level"), level.clone()), (name("heat"), PropertySpec::inferred(b"1"))]);

        let patch = parse(r#"{"properties":{"level":{"max":50,"unit":"%"}}}"#).unwrap();
        assert_eq!(patch.merge_mode(), DeclareMode::Merge);
        let expected = PropertySpec { max: Some(50.0), unit: Some("%".into()), ..level.clone() };
        assert_eq!(patch.merged_specs(&known).unwrap(), Specs::from([(name("level"), expected)]));

        let patch = parse(r#"{"properties":{"level":null,"new":{"type":"bool"}}}"#).unwrap();
        assert_eq!(patch.merge_mode(), DeclareMode::Replace);
        let specs = patch.merged_specs(&known).unwrap();
        assert_eq!(specs.keys().map(PropertyName::as_str).collect::<Vec<_>>(), ["heat", "new"]);
        assert!(!specs[&name("heat")].declared, "what is not named stays as it was");

        let all = parse(r#"{"properties":null}"#).unwrap();
        assert_eq!((all.merge_mode(), all.merged_specs(&known).unwrap().len()), (DeclareMode::Replace, 0));
    }

    #[test]
    fn types_that_are_left_out() {
        let known = Specs::from([(name("p"), PropertySpec::inferred(b"true"))]);
        for (declaration, expected) in [
            ("{}", Type::Bool),
            (r#"{"options":["a"]}"#, Type::Enum),
            (r#"{"max":3}"#, Type::Float),
            (r#"{"type":"json"}"#, Type::Json),
        ] {
            let body = format!("{{\"properties\":{{\"p\":{declaration}}}}}");
            assert_eq!(parse(&body).unwrap().specs(&known).unwrap()[&name("p")].kind, expected, "{declaration}");
        }
    }

    #[test]
    fn access_as_list_or_line() {
        let property = |access: &str| {
            let body = format!("{{\"properties\":{{\"p\":{{\"access\":{access}}}}}}}");
            parse(&body)?.specs(&Specs::new()).map(|specs| specs[&name("p")].access)
        };
        let both = PropertyAccess { read: true, set: true, event: false };
        assert_eq!(property(r#"["set","read"]"#).unwrap(), both);
        assert_eq!(property(r#""read set""#).unwrap(), both);
        assert_eq!(property(r#""event""#).unwrap(), PropertyAccess { read: false, set: false, event: true });
        for wrong in ["[]", "\"\"", "7", r#"["write"]"#, r#""read write""#] {
            assert!(property(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn errors_name_what_is_wrong() {
        for (body, named) in [
            ("{", "line 1 column 1"),
            (r#"{"colour":"red"}"#, "colour"),
            (r#"{"name":7}"#, "name"),
            (r#"{"properties":[]}"#, "properties"),
            (r#"{"properties":{"p":{"min":"low"}}}"#, "properties.p.min"),
            (r#"{"properties":{"p":{"maximum":3}}}"#, "maximum"),
            (r#"{"properties":{"p":{"type":"integer"}}}"#, "integer"),
            (r#"{"properties":{"bad name":{}}}"#, "bad name"),
            ("{} x", "line 1 column 4"),
            ("[]", "object"),
            (r#"["lamp"]"#, "object"),
            (r#"{"properties":{"p":["int"]}}"#, "properties.p"),
        ] {
            let error = parse(body).and_then(|declaration| declaration.specs(&Specs::new())).unwrap_err().to_string();
            assert!(error.contains(named), "{body}: {error}");
        }
    }

    #[test]
    fn a_view_can_be_read_back() {
        let view = r#"{"id":"lamp","name":"lamp","room":null,"model":null,"icon":null,"via":"mqtt","demo":false,
            "online":true,"rejected":{"count":2,"last":null},"properties":{"power":{"type":"bool","unit":null,
            "min":null,"max":null,"step":null,"options":null,"access":["read","set"],"role":null,"declared":false,
            "value":true,"target":null,"time":null,"via":"mqtt"}}}"#;
        let specs = parse(view).unwrap().specs(&Specs::new()).unwrap();
        assert_eq!(specs[&name("power")], PropertySpec::declared(Type::Bool));
    }
}
