//! The definition of a virtual device, as people write it.

use std::collections::BTreeMap;
use std::fmt;

use housewire_core::{PropertyName, PropertySpec, Type};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::house::sheet::{DeviceSheet, Kind, Number, PropertySheet, Words};
use crate::refusal::Refusal;
use crate::view::schema::{AccessWords, Payload, TypeWord};
use crate::virtual_devices::script;

/// Properties of one virtual device; more are refused.
pub(crate) const PROPERTIES_MAX: usize = 64;
/// Points of one trace; more are refused.
pub(crate) const TRACE_POINTS_MAX: usize = 20_000;
/// Longest script; a longer one is refused.
pub(crate) const SCRIPT_BYTES_MAX: usize = 4 * 1024;
/// How often a device may report, in seconds.
const EVERY_S: std::ops::RangeInclusive<f64> = 0.1..=86_400.0;
const SPEED: std::ops::RangeInclusive<f64> = 0.001..=10_000.0;
/// Ten years: whatever is longer is a mistake.
const TIME_S_MAX: f64 = 315_360_000.0;

/// A virtual device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = VirtualDevice)]
pub(crate) struct VirtualSheet {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) room: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) icon: Option<String>,
    /// The door it comes in through.
    pub(crate) door: DoorWord,
    /// How often it reports, in seconds: 0.1 to 86,400.
    #[schema(value_type = f64, example = 2)]
    pub(crate) every_s: Number,
    /// Of its chance: the same seed makes the same walk. Made of its id if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<u32>,
    /// Whether it is played.
    pub(crate) running: bool,
    #[schema(value_type = BTreeMap<String, VirtualProperty>)]
    pub(crate) properties: BTreeMap<String, VirtualProperty>,
}

impl Default for VirtualSheet {
    fn default() -> Self {
        Self {
            name: None,
            room: None,
            model: None,
            icon: None,
            door: DoorWord::default(),
            every_s: Number(2.0),
            seed: None,
            running: true,
            properties: BTreeMap::new(),
        }
    }
}

/// See [`VirtualSheet::door`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = VirtualDoor)]
pub(crate) enum DoorWord {
    /// MQTT 3.1.1.
    #[default]
    Mqtt,
    /// MQTT 5.
    Mqtt5,
    /// HTTP: it reports and cannot be asked for anything.
    Http,
    /// A WebSocket.
    Ws,
}

/// A property: its rules, and one of `wave`, `walk`, `script`, `trace` and `echo`, which says where its values come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VirtualProperty {
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) options: Vec<String>,
    /// `read set` with `echo`, else `read`, if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AccessWords>)]
    pub(crate) access: Option<Words>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wave: Option<Wave>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) walk: Option<Walk>,
    /// An expression of rhai over `t` (seconds since it is played), `time` (seconds since 1970 in UTC), `n` (values so far), `last` (the value before) and `random()`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) script: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<Trace>,
    /// It takes what it is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) echo: Option<bool>,
    /// What an `echo` begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Payload>)]
    pub(crate) start: Option<Scalar>,
}

/// A value that comes and goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wave {
    pub(crate) shape: Shape,
    #[schema(value_type = f64)]
    pub(crate) min: Number,
    #[schema(value_type = f64)]
    pub(crate) max: Number,
    /// How long it takes until it begins again.
    #[schema(value_type = f64)]
    pub(crate) period_s: Number,
    /// What chance adds or takes away, at the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub(crate) noise: Option<Number>,
}

/// See [`Wave::shape`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = WaveShape)]
pub(crate) enum Shape {
    Sine,
    Square,
    Triangle,
    Saw,
}

/// A value that chance moves up and down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Walk {
    #[schema(value_type = f64)]
    pub(crate) start: Number,
    /// How far it goes at once, at the most.
    #[schema(value_type = f64)]
    pub(crate) step: Number,
    #[schema(value_type = f64)]
    pub(crate) min: Number,
    #[schema(value_type = f64)]
    pub(crate) max: Number,
}

/// What was recorded: moments in seconds, and values. One of `points` and `csv`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Trace {
    /// Lines of `seconds,value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) csv: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Vec<Payload>>)]
    pub(crate) points: Vec<(Number, Scalar)>,
    /// Begins again behind its end, after `every_s`.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) repeat: bool,
    /// So many times as fast.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub(crate) speed: Option<Number>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// A value as JSON, YAML and TOML have it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    Bool(bool),
    Number(Number),
    Text(String),
}

impl Scalar {
    /// As a payload.
    pub(crate) fn payload(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Number(Number(number)) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl Visitor<'_> for Any {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, true, false or a text")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar::Bool(value))
            }

            #[expect(clippy::cast_precision_loss, reason = "values of a definition are small")]
            fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar::Number(Number(value as f64)))
            }

            #[expect(clippy::cast_precision_loss, reason = "values of a definition are small")]
            fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar::Number(Number(value as f64)))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
                match value.is_finite() {
                    true => Ok(Scalar::Number(Number(value))),
                    false => Err(E::custom("this is no finite number")),
                }
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.to_owned()))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

impl VirtualSheet {
    /// The device that it is.
    pub(crate) fn device(&self) -> DeviceSheet {
        let Self { name, room, model, icon, .. } = self.clone();
        let properties = self.properties.iter().map(|(name, property)| (name.clone(), property.rules())).collect();
        DeviceSheet { name, room, model, icon, properties, ..DeviceSheet::default() }
    }

    /// Whether it can be played; if not, at which key and why.
    pub(crate) fn check(&self) -> Result<(), String> {
        let sensible = |key: &str, number: f64, range: &std::ops::RangeInclusive<f64>| match range.contains(&number) {
            true => Ok(()),
            false => Err(format!("{key}: {number} is not between {} and {}", range.start(), range.end())),
        };
        sensible("every_s", self.every_s.0, &EVERY_S)?;
        if self.properties.is_empty() || self.properties.len() > PROPERTIES_MAX {
            return Err(format!(
                "properties: there must be 1 to {PROPERTIES_MAX}, and there are {}",
                self.properties.len()
            ));
        }
        let specs = self.device().specs().map_err(|error: Refusal| format!("properties: {error}"))?;
        for (name, property) in &self.properties {
            let spec = PropertyName::parse(name).ok().and_then(|name| specs.get(&name).cloned());
            let spec = spec.ok_or_else(|| format!("properties.{name}: this is no name"))?;
            property.check(&spec, self.door).map_err(|why| format!("properties.{name}.{why}"))?;
        }
        Ok(())
    }
}

impl VirtualProperty {
    fn rules(&self) -> PropertySheet {
        let Self { r#type, unit, min, max, step, options, access, role, .. } = self.clone();
        let usual = if self.echo == Some(true) { "read set" } else { "read" };
        let access = access.or_else(|| Words::parse(usual.split(' ')).ok());
        PropertySheet { r#type, unit, min, max, step, options, access, role }
    }

    fn check(&self, spec: &PropertySpec, door: DoorWord) -> Result<(), String> {
        let echoes = self.echo == Some(true);
        let sources = [self.wave.is_some(), self.walk.is_some(), self.script.is_some(), self.trace.is_some(), echoes];
        if sources.into_iter().filter(|is_there| *is_there).count() != 1 {
            return Err(
                "wave: exactly one of wave, walk, script, trace and echo: true says where values come from".into()
            );
        }
        if spec.access.set && door == DoorWord::Http {
            return Err(
                "access: at the door http nothing can be asked for; use mqtt, mqtt5 or ws, or leave set out".into()
            );
        }
        let is_countable = spec.kind.is_number() || spec.kind == Type::Bool;
        if let Some(wave) = &self.wave {
            let ordered = wave.min.0 <= wave.max.0 && wave.period_s.0 > 0.0 && wave.period_s.0 <= TIME_S_MAX;
            let quiet = wave.noise.is_none_or(|noise| noise.0 >= 0.0);
            if !(is_countable && ordered && quiet) {
                return Err(
                    "wave: it needs min ≤ max, period_s > 0, noise ≥ 0, and a type that is int, float or bool".into()
                );
            }
        }
        if let Some(walk) = &self.walk {
            let ordered = walk.min.0 <= walk.start.0 && walk.start.0 <= walk.max.0 && walk.step.0 > 0.0;
            if !(ordered && is_countable) {
                return Err("walk: it needs min ≤ start ≤ max, step > 0, and a type that is int, float or bool".into());
            }
        }
        if let Some(text) = &self.script {
            script::check(text).map_err(|why| format!("script: {why}"))?;
        }
        if let Some(trace) = &self.trace {
            let points = trace.read()?;
            if let Some((time, value)) = points.iter().find(|(_, value)| spec.parse(value.as_bytes()).is_err()) {
                let why = spec.parse(value.as_bytes()).err().map(|broken| broken.to_string()).unwrap_or_default();
                return Err(format!("trace: the value at {time} s cannot be: {why}"));
            }
        }
        if let Some(start) = &self.start {
            if !echoes {
                return Err("start: it goes with echo".into());
            }
            spec.parse(start.payload().as_bytes()).map_err(|broken| format!("start: {broken}"))?;
        }
        Ok(())
    }
}

impl Trace {
    pub(crate) fn speed(&self) -> f64 {
        self.speed.map_or(1.0, |speed| speed.0)
    }

    /// Its points in order: seconds and payloads.
    pub(crate) fn read(&self) -> Result<Vec<(f64, String)>, String> {
        if !SPEED.contains(&self.speed()) {
            return Err(format!("trace.speed: it must lie between {} and {}", SPEED.start(), SPEED.end()));
        }
        let points = match (&self.csv, self.points.as_slice()) {
            (Some(csv), []) => read_csv(csv)?,
            (None, [_, ..]) => self.points.iter().map(|(time, value)| (time.0, value.payload())).collect(),
            _ => return Err("trace: it needs either points or csv".into()),
        };
        if points.is_empty() || points.len() > TRACE_POINTS_MAX {
            return Err(format!("trace: it may have 1 to {TRACE_POINTS_MAX} points, and has {}", points.len()));
        }
        let is_time = |time: f64| (0.0..=TIME_S_MAX).contains(&time);
        let is_ordered = points.windows(2).all(|pair| pair[0].0 <= pair[1].0);
        if !is_ordered || !points.iter().all(|(time, _)| is_time(*time)) {
            return Err("trace: moments are seconds from 0 on, none before the one above it".into());
        }
        Ok(points)
    }
}

/// Lines of `seconds,value`; the first may be a heading.
fn read_csv(text: &str) -> Result<Vec<(f64, String)>, String> {
    let mut points = Vec::new();
    for (number, line) in text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty()) {
        let pair = line.split_once(',').map(|(time, value)| (time.trim().parse::<f64>(), value.trim()));
        match pair {
            Some((Ok(time), value)) if time.is_finite() => points.push((time, value.trim_matches('"').to_owned())),
            _ if number == 0 => {}
            _ => return Err(format!("trace.csv: line {} is not 'seconds,value'", number + 1)),
        }
        if points.len() > TRACE_POINTS_MAX {
            return Err(format!("trace.csv: there are more than {TRACE_POINTS_MAX} points"));
        }
    }
    Ok(points)
}
