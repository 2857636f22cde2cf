//! What a device is, as people write it: its name, its properties with their rules, and what is kept of them.
//!
//! Everything has one way to be written, so that a house that did not change is written the same, byte for byte. Whether it makes
//! sense is decided in `core`.

use std::collections::BTreeMap;
use std::fmt;

use housewire_core::limits::PROPERTIES_MAX;
use housewire_core::{DeclareError, DeviceInfo, DeviceState, PropertyAccess, PropertyName, PropertySpec, Type};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::history::{Keep, Policy};
use crate::refusal::{Refusal, shorten};
use crate::view::schema::{AccessWords, TypeWord};

/// A device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DeviceSheet {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) room: Option<String>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// An icon's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) icon: Option<String>,
    /// Those that were declared, by name. Others come with their first report, and need no mention.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) properties: BTreeMap<String, PropertySheet>,
    /// What is kept of properties, where it is not everything.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) history: BTreeMap<String, PolicySheet>,
}

/// The rules of a property.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PropertySheet {
    #[schema(value_type = TypeWord)]
    pub(crate) r#type: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub(crate) min: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub(crate) max: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub(crate) step: Option<Number>,
    /// The values of an `enum`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) options: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AccessWords>)]
    pub(crate) access: Option<Words>,
    /// What it means: temperature, light, battery …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
    /// Where else it lives, as `blynk:V1`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) bindings: Vec<String>,
}

/// What is kept of a property's values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HistorySheet)]
pub(crate) struct PolicySheet {
    /// `all`, `change`, `every` or `off`.
    pub(crate) keep: KeepWord,
    /// With `every`: one value in so many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) every_s: Option<u32>,
    /// For how many days values are kept one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) raw_days: Option<u32>,
}

/// See [`PolicySheet::keep`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeepWord {
    All,
    Change,
    Every,
    Off,
}

impl DeviceSheet {
    /// Of a device as it is; what it holds and what nobody declared stays out.
    pub(crate) fn of(state: &DeviceState) -> Self {
        let DeviceInfo { name, room, model, icon, demo: _ } = state.info.clone();
        let declared = state.properties.iter().filter(|(_, property)| property.spec.declared);
        Self {
            name,
            room,
            model,
            icon,
            properties: declared
                .map(|(name, property)| (name.to_string(), PropertySheet::from(&property.spec)))
                .collect(),
            history: BTreeMap::new(),
        }
    }

    pub(crate) fn info(&self) -> DeviceInfo {
        let Self { name, room, model, icon, .. } = self.clone();
        DeviceInfo { name, room, model, icon, demo: false }
    }

    /// The properties, if they make sense.
    pub(crate) fn specs(&self) -> Result<BTreeMap<PropertyName, PropertySpec>, Refusal> {
        if self.properties.len() > PROPERTIES_MAX {
            return Err(DeclareError::TooManyProperties.into());
        }
        for name in self.history.keys() {
            PropertyName::parse(name)?;
        }
        let specs = self.properties.iter().map(|(name, sheet)| {
            let name = PropertyName::parse(name)?;
            let spec = sheet.spec();
            spec.validate().map_err(|error| DeclareError::Property { property: name.clone(), error })?;
            Ok((name, spec))
        });
        specs.collect()
    }
}

impl PropertySheet {
    pub(crate) fn spec(&self) -> PropertySpec {
        let Self { r#type, unit, min, max, step, options, access, role, bindings } = self.clone();
        PropertySpec {
            kind: r#type.0,
            unit,
            min: min.map(|number| number.0),
            max: max.map(|number| number.0),
            step: step.map(|number| number.0),
            options,
            access: access.map_or(PropertyAccess::INFERRED, |words| words.0),
            role,
            bindings,
            declared: true,
        }
    }
}

impl From<&PropertySpec> for PropertySheet {
    fn from(spec: &PropertySpec) -> Self {
        Self {
            r#type: Kind(spec.kind),
            unit: spec.unit.clone(),
            min: spec.min.map(Number),
            max: spec.max.map(Number),
            step: spec.step.map(Number),
            options: spec.options.clone(),
            access: Some(Words(spec.access)),
            role: spec.role.clone(),
            bindings: spec.bindings.clone(),
        }
    }
}

/// A type by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(pub(crate) Type);

impl Default for Kind {
    fn default() -> Self {
        Self(Type::String)
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(Error::custom)
    }
}

/// A number that is written without `.0` where it is whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Number(pub(crate) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const EXACT_MAX: f64 = 9_007_199_254_740_992.0; // 2^53: beyond it f64 skips whole numbers
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and within 2^53")]
        match self.0 {
            whole if whole.fract() == 0.0 && whole.abs() <= EXACT_MAX => serializer.serialize_i64(whole as i64),
            other => serializer.serialize_f64(other),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        if number.is_finite() { Ok(Self(number)) } else { Err(D::Error::custom("this is no finite number")) }
    }
}

/// What may be done with a property: `read set`, or a list of such words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Words(pub(crate) PropertyAccess);

impl Words {
    pub(crate) fn parse<'w>(words: impl Iterator<Item = &'w str>) -> Result<Self, String> {
        let mut access = PropertyAccess { read: false, set: false, event: false };
        let mut is_empty = true;
        for word in words {
            is_empty = false;
            match word {
                "read" => access.read = true,
                "set" => access.set = true,
                "event" => access.event = true,
                _ => return Err(format!("'{}' is no access; use read, set, event", shorten(word))),
            }
        }
        if is_empty { Err("access needs at least one of read, set, event".to_owned()) } else { Ok(Self(access)) }
    }
}

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let PropertyAccess { read, set, event } = self.0;
        let words = [(read, "read"), (set, "set"), (event, "event")];
        let words: Vec<_> = words.into_iter().filter(|(has, _)| *has).map(|(_, word)| word).collect();
        serializer.serialize_str(&words.join(" "))
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("words out of read, set and event, as a list or in one string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Words, E> {
                Words::parse(text.split([' ', ',']).filter(|word| !word.is_empty())).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element::<String>()? {
                    words.push(word);
                    if words.len() > 3 {
                        return Err(A::Error::custom("access has at most three words"));
                    }
                }
                Words::parse(words.iter().map(String::as_str)).map_err(A::Error::custom)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl PolicySheet {
    /// What the history is told, if it makes sense.
    pub(crate) fn policy(&self) -> Result<Policy, String> {
        let keep = match self.keep {
            KeepWord::All => Keep::All,
            KeepWord::Change => Keep::Change,
            KeepWord::Every => Keep::Every,
            KeepWord::Off => Keep::Off,
        };
        let policy = Policy { keep, every_s: self.every_s, raw_days: self.raw_days };
        policy.check().map(|()| policy)
    }
}

impl From<Policy> for PolicySheet {
    fn from(policy: Policy) -> Self {
        let keep = match policy.keep {
            Keep::All => KeepWord::All,
            Keep::Change => KeepWord::Change,
            Keep::Every => KeepWord::Every,
            Keep::Off => KeepWord::Off,
        };
        Self { keep, every_s: policy.every_s, raw_days: policy.raw_days }
    }
}
