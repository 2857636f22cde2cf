//! Where the values of a property come from. Pure: time and chance are handed in.

use std::f64::consts::TAU;
use std::time::{Duration, Instant};

use fastrand::Rng;
use housewire_core::{Now, PropertySpec, Type};

use super::script::Script;
use super::sheet::{Scalar, Shape, VirtualProperty, Walk, Wave};
use crate::house::sheet::Number;

/// Points of a trace that are played at once when their time is over; of more the newest are.
const POINTS_AT_ONCE_MAX: usize = 64;
/// Long enough for nothing to happen.
const IDLE: Duration = Duration::from_secs(24 * 3_600);

/// See the module.
pub(super) enum Source {
    Wave(Wave),
    Walk { rule: Walk, value: f64 },
    Script(Box<Script>),
    Trace(Tape),
    Echo(String),
}

/// A trace on its way.
pub(super) struct Tape {
    points: Vec<(f64, String)>,
    speed: f64,
    repeats: bool,
    pause: Duration,
    /// When its second 0 is, or was; not known before it is played.
    origin: Option<Instant>,
    next: usize,
}

impl Source {
    /// Of a definition that was checked.
    pub(super) fn new(
        property: &VirtualProperty,
        spec: &PropertySpec,
        every: Duration,
        chance: Rng,
    ) -> Result<Self, String> {
        if let Some(wave) = &property.wave {
            return Ok(Self::Wave(wave.clone()));
        }
        if let Some(walk) = &property.walk {
            return Ok(Self::Walk { rule: walk.clone(), value: walk.start.0 });
        }
        if let Some(text) = &property.script {
            return Ok(Self::Script(Box::new(Script::new(text, chance)?)));
        }
        if let Some(trace) = &property.trace {
            let (points, speed) = (trace.read()?, trace.speed());
            return Ok(Self::Trace(Tape { points, speed, repeats: trace.repeat, pause: every, origin: None, next: 0 }));
        }
        let start = property.start.as_ref().map_or_else(|| first_value(spec), Scalar::payload);
        Ok(Self::Echo(start))
    }

    /// What is to be said now, and when there will be something again.
    pub(super) fn play(
        &mut self,
        spec: &PropertySpec,
        elapsed: Duration,
        every: Duration,
        now: Now,
        chance: &mut Rng,
    ) -> (Result<Vec<String>, String>, Instant) {
        let said = match self {
            Self::Trace(tape) => {
                let (said, next) = tape.play(now.instant);
                return (Ok(said), next);
            }
            Self::Echo(value) => return (Ok(vec![value.clone()]), now.instant + IDLE),
            Self::Wave(wave) => {
                written(&Scalar::Number(Number(wave.at(elapsed.as_secs_f64(), chance))), spec).map(Some)
            }
            Self::Walk { rule, value } => {
                let said = written(&Scalar::Number(Number(*value)), spec).map(Some);
                let step = rule.step.0 * (2.0 * chance.f64() - 1.0);
                *value = (*value + step).clamp(rule.min.0, rule.max.0);
                said
            }
            Self::Script(script) => match script.value(elapsed.as_secs_f64(), seconds(now)) {
                Ok(Some(value)) => written(&value, spec).map(Some),
                Ok(None) => Ok(None),
                Err(why) => Err(why),
            },
        };
        (said.map(|said| said.into_iter().collect()), now.instant + every)
    }
}

/// Since 1970 began.
#[expect(clippy::cast_precision_loss, reason = "microseconds of centuries are nearly exact in f64")]
fn seconds(now: Now) -> f64 {
    now.wall.as_micros() as f64 / 1e6
}

impl Wave {
    fn at(&self, t: f64, chance: &mut Rng) -> f64 {
        let (min, max) = (self.min.0, self.max.0);
        let phase = (t / self.period_s.0).fract();
        let share = match self.shape {
            Shape::Sine => (1.0 + (TAU * phase).sin()) / 2.0,
            Shape::Square => f64::from(phase < 0.5),
            Shape::Triangle => 1.0 - (2.0 * phase - 1.0).abs(),
            Shape::Saw => phase,
        };
        let noise = self.noise.map_or(0.0, |noise| noise.0 * (2.0 * chance.f64() - 1.0));
        min + (max - min) * share + noise
    }
}

impl Tape {
    fn play(&mut self, now: Instant) -> (Vec<String>, Instant) {
        let origin = *self.origin.get_or_insert(now);
        let mut said = Vec::new();
        let mut origin = origin;
        loop {
            let Some((time, value)) = self.points.get(self.next) else {
                if !self.repeats {
                    return (said, now + IDLE);
                }
                let last = self.points.last().map_or(0.0, |(time, _)| *time);
                // A machine that slept has not missed a whole evening.
                origin = (origin + self.scaled(last) + self.pause).max(now.checked_sub(self.pause).unwrap_or(now));
                self.origin = Some(origin);
                self.next = 0;
                if origin > now {
                    return (said, origin);
                }
                continue;
            };
            let due = origin + self.scaled(*time);
            if due > now {
                return (said, due);
            }
            if said.len() >= POINTS_AT_ONCE_MAX {
                said.remove(0);
            }
            said.push(value.clone());
            self.next += 1;
        }
    }

    fn scaled(&self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds / self.speed)
    }
}

/// A value as payload, made to fit the property's type; one that breaks its rules is none.
pub(super) fn written(value: &Scalar, spec: &PropertySpec) -> Result<String, String> {
    let text = match (value, spec.kind) {
        (Scalar::Number(Number(number)), Type::Bool) => (*number >= 0.5).to_string(),
        (Scalar::Number(Number(number)), Type::Int) => format!("{:.0}", number + 0.0),
        // Three decimals are more than a sensor knows.
        (Scalar::Number(Number(number)), Type::Float) => ((number * 1_000.0).round() / 1_000.0 + 0.0).to_string(),
        (other, _) => other.payload(),
    };
    let text = if text == "-0" { "0".to_owned() } else { text };
    match spec.parse(text.as_bytes()) {
        Ok(_) => Ok(text),
        Err(broken) => Err(format!("the value {} is not accepted: {broken}", crate::refusal::shorten(&text))),
    }
}

/// What a property is before anybody asks for something.
fn first_value(spec: &PropertySpec) -> String {
    match spec.kind {
        Type::Bool => "false".to_owned(),
        Type::Int | Type::Float => {
            spec.min.filter(|min| *min > 0.0).or(spec.max.filter(|max| *max < 0.0)).unwrap_or(0.0).to_string()
        }
        Type::Enum => spec.options.first().cloned().unwrap_or_default(),
        Type::Color => "#000000".to_owned(),
        Type::Json => "null".to_owned(),
        Type::String | Type::Bytes => String::new(),
    }
}

#[cfg(test)]
mod tests;
