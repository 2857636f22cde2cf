//! A lamp whose color and brightness can be set. It fades from one brightness to another, and as long as nobody touches
//! it, its color changes by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use housewire_core::Now;
use serde_json::{Value, json};

use crate::players::model::{Model, Reaction, Report, Reports, parse_bool, parse_percent};

const FADE_TICK: Duration = Duration::from_millis(100);
/// Percent for each tick: all the way takes 1.5 s.
const FADE_STEP: i64 = 7;
const SHOW_EVERY: Duration = Duration::from_secs(20);
/// So long after a request it shows no colors of its own.
const SHOW_PAUSE: Duration = Duration::from_secs(15 * 60);
/// The light of an evening.
const SHOW: [&str; 6] = ["#ffb347", "#ff9e4a", "#ff8a5c", "#f7786b", "#ff9466", "#ffab4f"];

/// See the module.
#[derive(Debug)]
pub(super) struct Lamp {
    chance: Rng,
    power: bool,
    color: String,
    brightness: i64,
    fade: Option<Fade>,
    show_next: usize,
    show_at: Instant,
    reaction: Reaction<Request>,
    reports: Reports,
}

#[derive(Clone, Copy, Debug)]
struct Fade {
    goal: i64,
    tick: Instant,
}

#[derive(Debug)]
enum Request {
    Power(bool),
    Color(String),
    Brightness(i64),
}

impl Lamp {
    pub(super) fn new(seed: u64, now: Now) -> Self {
        Self {
            chance: Rng::with_seed(seed),
            power: true,
            color: SHOW[0].to_owned(),
            brightness: 70,
            fade: None,
            show_next: 1,
            show_at: now.instant + SHOW_EVERY,
            reaction: Reaction::default(),
            reports: Reports::default(),
        }
    }

    fn obey(&mut self, request: Request, now: Instant) {
        match request {
            Request::Power(power) => {
                self.power = power;
                self.reports.state("power", power);
            }
            Request::Color(color) => {
                self.color = color;
                self.reports.state("color", &self.color);
            }
            Request::Brightness(goal) if goal == self.brightness => {
                self.fade = None;
                self.reports.state("brightness", goal);
            }
            Request::Brightness(goal) => self.fade = Some(Fade { goal, tick: now }),
        }
    }

    fn fade(&mut self, now: Instant) {
        let Some(fade) = self.fade.filter(|fade| fade.tick <= now) else { return };
        self.brightness += (fade.goal - self.brightness).clamp(-FADE_STEP, FADE_STEP);
        self.reports.state("brightness", self.brightness);
        self.fade = (self.brightness != fade.goal).then_some(Fade { tick: now + FADE_TICK, ..fade });
    }

    fn show(&mut self, now: Instant) {
        if self.show_at > now {
            return;
        }
        self.show_at = now + SHOW_EVERY;
        if self.power {
            SHOW[self.show_next].clone_into(&mut self.color);
            self.show_next = (self.show_next + 1) % SHOW.len();
            self.reports.state("color", &self.color);
        }
    }
}

impl Model for Lamp {
    fn id(&self) -> Arc<str> {
        "demo-lamp".into()
    }

    fn declaration(&self) -> Value {
        json!({
            "name": "Lamp", "room": "Living room", "model": "Demo lamp (MQTT 3.1.1)", "icon": "lamp", "demo": true,
            "properties": {
                "power": {"type": "bool", "access": ["read", "set"], "role": "light"},
                "brightness": {
                    "type": "int", "unit": "%", "min": 0, "max": 100, "step": 1, "access": ["read", "set"],
                    "role": "brightness"
                },
                "color": {"type": "color", "access": ["read", "set"], "role": "color"},
            },
        })
    }

    fn handle_connected(&mut self, _now: Now) {
        self.reports.state("power", self.power);
        self.reports.state("brightness", self.brightness);
        self.reports.state("color", &self.color);
    }

    fn handle_request(&mut self, property: &str, payload: &str, now: Now) {
        let request = match property {
            "power" => parse_bool(payload).map(Request::Power),
            "color" => Some(Request::Color(payload.to_ascii_lowercase())).filter(|_| payload.starts_with('#')),
            "brightness" => parse_percent(payload).map(Request::Brightness),
            _ => None,
        };
        if let Some(request) = request {
            self.show_at = now.instant + SHOW_PAUSE;
            self.reaction.push(request, now.instant, &mut self.chance);
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        while let Some(request) = self.reaction.pop_due(now.instant) {
            self.obey(request, now.instant);
        }
        self.fade(now.instant);
        self.show(now.instant);
    }

    fn poll_timeout(&self) -> Instant {
        let timeouts = [self.reaction.next_due(), self.fade.map(|fade| fade.tick)];
        timeouts.into_iter().flatten().fold(self.show_at, Instant::min)
    }

    fn poll_report(&mut self) -> Option<Report> {
        self.reports.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::players::model::tests::{at, live_through, values};

    const SECOND: Duration = Duration::from_secs(1);

    fn lamp() -> (Lamp, Instant) {
        let start = Instant::now();
        (Lamp::new(1, at(start, Duration::ZERO)), start)
    }

    #[test]
    fn it_says_what_it_is_when_connected() {
        let (mut lamp, start) = lamp();
        lamp.handle_connected(at(start, Duration::ZERO));
        let said = live_through(&mut lamp, start, Duration::ZERO, SECOND);
        let properties: Vec<_> = said.iter().map(|report| &*report.property).collect();
        assert_eq!(properties, ["power", "brightness", "color"]);
    }

    #[test]
    fn it_fades_to_the_brightness_asked_for() {
        let (mut lamp, start) = lamp();
        lamp.handle_request("brightness", "20", at(start, Duration::ZERO));
        assert!(live_through(&mut lamp, start, Duration::ZERO, Duration::from_millis(149)).is_empty());
        let said = live_through(&mut lamp, start, Duration::from_millis(149), 3 * SECOND);
        assert_eq!(values(&said, "brightness"), ["63", "56", "49", "42", "35", "28", "21", "20"]);
    }

    #[test]
    fn a_later_request_turns_a_fade_round() {
        let (mut lamp, start) = lamp();
        lamp.handle_request("brightness", "0", at(start, Duration::ZERO));
        let mut said = live_through(&mut lamp, start, Duration::ZERO, SECOND);
        lamp.handle_request("brightness", "100", at(start, SECOND));
        said.extend(live_through(&mut lamp, start, SECOND, 5 * SECOND));
        assert_eq!(values(&said, "brightness").last(), Some(&"100"));
    }

    #[test]
    fn it_confirms_what_it_is_already() {
        let (mut lamp, start) = lamp();
        for (property, value) in [("brightness", "70"), ("power", "true"), ("color", "#FFB347")] {
            lamp.handle_request(property, value, at(start, Duration::ZERO));
        }
        let said = live_through(&mut lamp, start, Duration::ZERO, SECOND);
        assert_eq!(said.len(), 3, "{said:?}");
        assert_eq!(values(&said, "color"), ["#ffb347"]);
    }

    #[test]
    fn it_shows_colors_only_while_nobody_touches_it() {
        let (mut lamp, start) = lamp();
        let said = live_through(&mut lamp, start, Duration::ZERO, 60 * SECOND);
        assert_eq!(values(&said, "color"), SHOW[1..4]);
        lamp.handle_request("color", "#0000ff", at(start, 60 * SECOND));
        let said = live_through(&mut lamp, start, 60 * SECOND, 600 * SECOND);
        assert_eq!(values(&said, "color"), ["#0000ff"]);
    }

    #[test]
    fn nonsense_is_ignored() {
        let (mut lamp, start) = lamp();
        for (property, value) in [("power", "on"), ("brightness", "200"), ("color", "red"), ("x", "1")] {
            lamp.handle_request(property, value, at(start, Duration::ZERO));
        }
        assert!(live_through(&mut lamp, start, Duration::ZERO, SECOND).is_empty());
    }
}
