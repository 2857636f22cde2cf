//! A button beside the front door, with a contact that tells whether the door is closed. Now and then somebody comes; a
//! request presses the button from afar.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use housewire_core::Now;
use serde_json::{Value, json};

use crate::players::model::{Model, Reaction, Report, Reports};

const PRESSES: [&str; 3] = ["press", "hold", "double"];
const VISIT_EVERY_S: std::ops::RangeInclusive<u64> = 25..=90;
const WAITING_MS: std::ops::RangeInclusive<u64> = 1_500..=4_000;
const OPEN_MS: std::ops::RangeInclusive<u64> = 3_000..=8_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Button {
    chance: Rng,
    is_closed: bool,
    /// What happens next at the door, and when.
    next: (Instant, Scene),
    reaction: Reaction<&'static str>,
    reports: Reports,
}

/// What happens at the door, in this order.
#[derive(Clone, Copy, Debug)]
enum Scene {
    Ring,
    Open,
    Close,
}

impl Button {
    pub(super) fn new(seed: u64, now: Now) -> Self {
        let mut chance = Rng::with_seed(seed);
        let first = now.instant + Duration::from_secs(chance.u64(VISIT_EVERY_S));
        Self {
            chance,
            is_closed: true,
            next: (first, Scene::Ring),
            reaction: Reaction::default(),
            reports: Reports::default(),
        }
    }

    fn play(&mut self, now: Instant) {
        let (due, scene) = self.next;
        if due > now {
            return;
        }
        self.next = match scene {
            Scene::Ring => {
                // Most people press once.
                let press = match self.chance.u8(0..10) {
                    0 => "hold",
                    1 | 2 => "double",
                    _ => "press",
                };
                self.reports.event("button", press);
                (now + Duration::from_millis(self.chance.u64(WAITING_MS)), Scene::Open)
            }
            Scene::Open => {
                self.move_door(false);
                (now + Duration::from_millis(self.chance.u64(OPEN_MS)), Scene::Close)
            }
            Scene::Close => {
                self.move_door(true);
                (now + Duration::from_secs(self.chance.u64(VISIT_EVERY_S)), Scene::Ring)
            }
        };
    }

    fn move_door(&mut self, is_closed: bool) {
        self.is_closed = is_closed;
        self.reports.state("contact", is_closed);
    }
}

impl Model for Button {
    fn id(&self) -> Arc<str> {
        "demo-button".into()
    }

    fn declaration(&self) -> Value {
        json!({
            "name": "Door button", "room": "Hall", "model": "Demo button (WebSocket)", "icon": "button", "demo": true,
            "properties": {
                "button": {
                    "type": "enum", "options": PRESSES, "access": ["read", "set", "event"], "role": "button"
                },
                // True while the door is closed, as contact sensors say it.
                "contact": {"type": "bool", "access": "read", "role": "contact"},
            },
        })
    }

    fn handle_connected(&mut self, _now: Now) {
        self.reports.state("contact", self.is_closed);
    }

    fn handle_request(&mut self, property: &str, payload: &str, now: Now) {
        let press = PRESSES.into_iter().find(|press| *press == payload).filter(|_| property == "button");
        if let Some(press) = press {
            self.reaction.push(press, now.instant, &mut self.chance);
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        while let Some(press) = self.reaction.pop_due(now.instant) {
            self.reports.event("button", press);
        }
        self.play(now.instant);
    }

    fn poll_timeout(&self) -> Instant {
        self.reaction.next_due().map_or(self.next.0, |due| due.min(self.next.0))
    }

    fn poll_report(&mut self) -> Option<Report> {
        self.reports.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::players::model::ReportKind;
    use crate::players::model::tests::{at, live_through, values};

    const MINUTE: Duration = Duration::from_secs(60);

    fn button() -> (Button, Instant) {
        let start = Instant::now();
        (Button::new(5, at(start, Duration::ZERO)), start)
    }

    #[test]
    fn people_ring_come_in_and_close_the_door() {
        let (mut button, start) = button();
        let said = live_through(&mut button, start, Duration::ZERO, 60 * MINUTE);
        let visits = values(&said, "button").len();
        assert!((30..=120).contains(&visits), "{visits}");
        for visit in said.chunks_exact(3) {
            let order: Vec<_> = visit.iter().map(|report| (&*report.property, report.kind)).collect();
            let (event, state) = (ReportKind::Event, ReportKind::State);
            assert_eq!(order, [("button", event), ("contact", state), ("contact", state)]);
            assert_eq!(values(visit, "contact"), ["false", "true"]);
        }
    }

    #[test]
    fn a_request_presses_it_once() {
        let (mut button, start) = button();
        button.handle_request("button", "double", at(start, Duration::ZERO));
        button.handle_request("button", "kick", at(start, Duration::ZERO));
        button.handle_request("contact", "false", at(start, Duration::ZERO));
        let said = live_through(&mut button, start, Duration::ZERO, Duration::from_secs(1));
        assert_eq!(values(&said, "button"), ["double"]);
        assert_eq!(said.len(), 1);
    }

    #[test]
    fn a_press_is_not_repeated_when_it_connects_again() {
        let (mut button, start) = button();
        live_through(&mut button, start, Duration::ZERO, 10 * MINUTE);
        button.handle_connected(at(start, 10 * MINUTE));
        let said = live_through(&mut button, start, 10 * MINUTE, 10 * MINUTE);
        assert_eq!(said.iter().map(|report| &*report.property).collect::<Vec<_>>(), ["contact"]);
    }
}
