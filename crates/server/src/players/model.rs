//! What all simulated devices have in common: a few verbs, reports, and a reaction that takes its time.
//!
//! Pure: time and chance are handed in. How reports reach the hub and requests the device belongs to the doors.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use housewire_core::Now;
use serde_json::Value;

/// Requests that a device remembers while it reacts to earlier ones; when full, further ones are lost, as on a real
/// device.
const REQUESTS_MAX: usize = 64;

/// A simulated device.
pub(crate) trait Model {
    /// Its id in the registry.
    fn id(&self) -> Arc<str>;

    /// What it declares itself as.
    fn declaration(&self) -> Value;

    /// What it was like before it came in for the first time; asked for once, before anything else.
    fn past(&mut self, _now: Now) -> Vec<Past> {
        Vec::new()
    }

    /// It is connected: its state is to be reported.
    fn handle_connected(&mut self, now: Now);

    /// Somebody asks for a value. What makes no sense is ignored.
    fn handle_request(&mut self, property: &str, payload: &str, now: Now);

    /// Time has passed.
    fn handle_timeout(&mut self, now: Now);

    /// When it wants to be told that time has passed.
    fn poll_timeout(&self) -> Instant;

    /// The next thing it says.
    fn poll_report(&mut self) -> Option<Report>;
}

/// What a property has been, as the history takes it in: lines of `seconds since 1970,value`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Past {
    pub(crate) property: String,
    pub(crate) csv: String,
}

/// A value that a device reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) property: Cow<'static, str>,
    pub(crate) payload: String,
    pub(crate) kind: ReportKind,
}

/// What becomes of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReportKind {
    /// Holds until the next, so it is retained.
    State,
    /// Happens once.
    Event,
}

/// What a device has to say, in order. Drained after every verb, so it never holds more than one verb's reports.
#[derive(Debug, Default)]
pub(crate) struct Reports(VecDeque<Report>);

impl Reports {
    pub(crate) fn state(&mut self, property: impl Into<Cow<'static, str>>, value: impl ToString) {
        self.0.push_back(Report { property: property.into(), payload: value.to_string(), kind: ReportKind::State });
    }

    pub(crate) fn event(&mut self, property: impl Into<Cow<'static, str>>, value: impl ToString) {
        self.0.push_back(Report { property: property.into(), payload: value.to_string(), kind: ReportKind::Event });
    }

    pub(crate) fn next(&mut self) -> Option<Report> {
        self.0.pop_front()
    }
}

/// Requests on their way through the device: each takes a moment that a person can see, and none overtakes another.
#[derive(Debug)]
pub(crate) struct Reaction<T> {
    waiting: VecDeque<(Instant, T)>,
}

impl<T> Default for Reaction<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new() }
    }
}

impl<T> Reaction<T> {
    pub(crate) fn push(&mut self, request: T, now: Instant, chance: &mut Rng) {
        const DELAY_MS: std::ops::RangeInclusive<u64> = 150..=600;
        if self.waiting.len() < REQUESTS_MAX {
            let due = now + Duration::from_millis(chance.u64(DELAY_MS));
            let due = self.waiting.back().map_or(due, |(last, _)| due.max(*last));
            self.waiting.push_back((due, request));
        }
    }

    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<T> {
        let is_due = self.waiting.front().is_some_and(|(due, _)| *due <= now);
        if is_due { self.waiting.pop_front().map(|(_, request)| request) } else { None }
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.waiting.front().map(|(due, _)| *due)
    }
}

/// `true` or `false`, as payloads say it.
pub(crate) fn parse_bool(payload: &str) -> Option<bool> {
    payload.parse().ok()
}

/// A whole percentage; fractions are rounded.
pub(crate) fn parse_percent(payload: &str) -> Option<i64> {
    let number: f64 = payload.parse().ok().filter(|number| (0.0..=100.0).contains(number))?;
    #[expect(clippy::cast_possible_truncation, reason = "checked to lie between 0 and 100")]
    Some(number.round() as i64)
}

#[cfg(test)]
pub(crate) mod tests {
    use housewire_core::Timestamp;

    use super::*;

    /// A moment so long after some start.
    pub(crate) fn at(start: Instant, after: Duration) -> Now {
        let micros = i64::try_from(after.as_micros()).unwrap();
        Now { instant: start + after, wall: Timestamp::from_micros(micros) }
    }

    /// All that it has to say.
    pub(crate) fn drain(model: &mut impl Model) -> Vec<Report> {
        std::iter::from_fn(|| model.poll_report()).collect()
    }

    /// Lets it live from one moment to another, and returns what it says meanwhile.
    pub(crate) fn live_through(model: &mut impl Model, start: Instant, from: Duration, to: Duration) -> Vec<Report> {
        let mut said = Vec::new();
        let mut now = start + from;
        loop {
            said.extend(drain(model));
            assert!(model.poll_timeout() >= now, "it wants to be told of the past again and again");
            now = model.poll_timeout();
            if now > start + to {
                return said;
            }
            model.handle_timeout(at(start, now - start));
        }
    }

    /// The values of one property, in order.
    pub(crate) fn values<'a>(reports: &'a [Report], property: &str) -> Vec<&'a str> {
        reports.iter().filter(|report| report.property == property).map(|report| report.payload.as_str()).collect()
    }

    #[test]
    fn requests_take_a_moment_and_keep_their_order() {
        let start = Instant::now();
        let mut chance = Rng::with_seed(7);
        let mut reaction = Reaction::default();
        for request in 0..20 {
            reaction.push(request, start, &mut chance);
        }
        assert_eq!(reaction.pop_due(start + Duration::from_millis(149)), None);
        let all: Vec<_> = std::iter::from_fn(|| reaction.pop_due(start + Duration::from_millis(600))).collect();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
        assert_eq!(reaction.next_due(), None);
    }

    #[test]
    fn requests_have_a_bound() {
        let start = Instant::now();
        let mut reaction = Reaction::default();
        for request in 0..1_000 {
            reaction.push(request, start, &mut Rng::with_seed(7));
        }
        assert_eq!(std::iter::from_fn(|| reaction.pop_due(start + Duration::from_secs(1))).count(), REQUESTS_MAX);
    }

    #[test]
    fn percentages_are_read_as_devices_do() {
        for (payload, expected) in
            [("40", Some(40)), ("39.6", Some(40)), ("101", None), ("-1", None), ("x", None), ("NaN", None)]
        {
            assert_eq!(parse_percent(payload), expected, "{payload}");
        }
    }
}
