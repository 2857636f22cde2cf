//! A virtual device as a player: its properties say what their sources have, and take what they are asked for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use housewire_core::{Now, PropertyName, PropertySpec, Timestamp};
use parking_lot::Mutex;
use serde_json::Value;

use super::sheet::VirtualSheet;
use super::source::Source;
use crate::players::model::{Model, Past, Reaction, Report, Reports};

/// What is wrong with what it should say, for whoever looks.
pub(crate) type Trouble = Arc<Mutex<Option<String>>>;

/// Between two values of the past: enough for a chart of a week, and computed in a moment.
const PAST_STEP: Duration = Duration::from_secs(600);

/// See the module.
pub(crate) struct VirtualModel {
    id: Arc<str>,
    declaration: Value,
    properties: Vec<Played>,
    every: Duration,
    /// When it came in for the first time.
    began: Option<Instant>,
    chance: Rng,
    reaction: Reaction<(usize, String)>,
    reports: Reports,
    trouble: Trouble,
    /// How far back it says what it was like, when it comes in for the first time.
    past: Option<Duration>,
}

struct Played {
    name: String,
    spec: PropertySpec,
    source: Source,
    due: Instant,
    /// What it says wrong at the moment.
    problem: Option<String>,
}

impl VirtualModel {
    /// Of a definition that was checked.
    pub(crate) fn new(id: &str, sheet: &VirtualSheet, now: Now, trouble: Trouble) -> Result<Self, String> {
        let every = Duration::from_secs_f64(sheet.every_s.0);
        let seed = sheet.seed.map_or_else(|| seed_of(id), u64::from);
        let mut chance = Rng::with_seed(seed);
        let device = sheet.device();
        let specs = device.specs().map_err(|error| error.to_string())?;
        let mut properties = Vec::new();
        for (name, property) in &sheet.properties {
            let spec = PropertyName::parse(name).ok().and_then(|name| specs.get(&name).cloned());
            let spec = spec.ok_or_else(|| format!("'{name}' is no name of a property"))?;
            let source = Source::new(property, &spec, every, chance.fork())?;
            properties.push(Played { name: name.clone(), spec, source, due: now.instant, problem: None });
        }
        let declaration = serde_json::to_value(&device).map_err(|error| error.to_string())?;
        Ok(Self {
            id: id.into(),
            declaration,
            properties,
            every,
            began: None,
            chance,
            reaction: Reaction::default(),
            reports: Reports::default(),
            trouble,
            past: None,
        })
    }

    /// The same as a device of the demo house, which has been there for so long.
    pub(crate) fn of_demo(mut self, past: Duration) -> Self {
        self.declaration["demo"] = true.into();
        self.past = Some(past);
        self
    }

    fn report(&mut self, at: usize, value: &str) {
        let played = &self.properties[at];
        if played.spec.access.event {
            self.reports.event(played.name.clone(), value);
        } else {
            self.reports.state(played.name.clone(), value);
        }
    }

    fn play(&mut self, now: Now) {
        let began = *self.began.get_or_insert(now.instant);
        let elapsed = now.instant.saturating_duration_since(began);
        let mut has_changed = false;
        for at in 0..self.properties.len() {
            let played = &mut self.properties[at];
            if played.due > now.instant {
                continue;
            }
            let (said, due) = played.source.play(&played.spec, elapsed, self.every, now, &mut self.chance);
            played.due = due;
            let problem = said.as_ref().err().map(|why| format!("property '{}': {why}", played.name));
            has_changed |= problem != played.problem;
            played.problem = problem;
            for value in said.unwrap_or_default() {
                self.report(at, &value);
            }
        }
        if has_changed {
            *self.trouble.lock() = self.properties.iter().find_map(|played| played.problem.clone());
        }
    }
}

/// The same device walks the same way each time.
fn seed_of(id: &str) -> u64 {
    // FNV-1a: chance need not be safe here, only the same.
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Model for VirtualModel {
    fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    fn declaration(&self) -> Value {
        self.declaration.clone()
    }

    fn past(&mut self, now: Now) -> Vec<Past> {
        let Some(span) = self.past.take() else { return Vec::new() };
        let (chance, every) = (&mut self.chance, self.every);
        let span_micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let began = Timestamp::from_micros(now.wall.as_micros().saturating_sub(span_micros));
        let steps = u32::try_from(span.as_secs() / PAST_STEP.as_secs()).unwrap_or(0);
        let computed = |played: &&mut Played| {
            !played.spec.access.event && !matches!(played.source, Source::Trace(_) | Source::Echo(_))
        };
        let lived = |played: &mut Played| {
            let mut csv = String::new();
            for step in 0..steps {
                let elapsed = PAST_STEP * step;
                let then = Now { instant: now.instant, wall: began.after(elapsed) };
                let (said, _) = played.source.play(&played.spec, elapsed, every, then, chance);
                for value in said.unwrap_or_default() {
                    csv.push_str(&format!("{},{value}\n", then.wall.as_micros() / 1_000_000));
                }
            }
            Past { property: played.name.clone(), csv }
        };
        self.properties.iter_mut().filter(computed).map(lived).collect()
    }

    fn handle_connected(&mut self, now: Now) {
        for played in &mut self.properties {
            // A recording goes on where it was; everything else says what it is.
            if !matches!(played.source, Source::Trace(_)) {
                played.due = now.instant;
            }
        }
        self.play(now);
    }

    fn handle_request(&mut self, property: &str, payload: &str, now: Now) {
        let Some(at) = self.properties.iter().position(|played| played.name == property) else { return };
        let spec = &self.properties[at].spec;
        if spec.access.set && spec.parse(payload.as_bytes()).is_ok() {
            self.reaction.push((at, payload.to_owned()), now.instant, &mut self.chance);
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        while let Some((at, value)) = self.reaction.pop_due(now.instant) {
            if let Source::Echo(held) = &mut self.properties[at].source {
                value.clone_into(held);
            }
            self.report(at, &value);
        }
        self.play(now);
    }

    fn poll_timeout(&self) -> Instant {
        let due = self.properties.iter().map(|played| played.due);
        due.chain(self.reaction.next_due()).min().expect("it has a property: it was checked")
    }

    fn poll_report(&mut self) -> Option<Report> {
        self.reports.next()
    }
}

#[cfg(test)]
mod tests;
