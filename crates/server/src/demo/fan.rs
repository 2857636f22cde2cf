//! A fan: its blades follow the speed with inertia, and in mode `auto` it seeks its speed by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use housewire_core::Now;
use serde_json::{Value, json};

use crate::players::model::{Model, Reaction, Report, Reports, parse_bool, parse_percent};

const SPIN_TICK: Duration = Duration::from_millis(500);
/// At full speed.
const RPM_MAX: f64 = 1_400.0;
/// Share of the way to the new speed that the blades make in a tick.
const GRIP: f64 = 0.25;
/// Even steady blades are not measured alike twice.
const MEASURE_EVERY: Duration = Duration::from_secs(4);
const SEEK_EVERY_S: std::ops::RangeInclusive<u64> = 12..=25;
/// So long a speed that somebody asked for stays.
const SEEK_PAUSE: Duration = Duration::from_secs(5 * 60);

/// See the module.
#[derive(Debug)]
pub(super) struct Fan {
    chance: Rng,
    power: bool,
    speed: i64,
    mode: Mode,
    rpm: f64,
    rpm_reported: i64,
    spin_at: Instant,
    measure_at: Instant,
    seek_at: Instant,
    reaction: Reaction<Request>,
    reports: Reports,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Auto,
    Low,
    High,
}

impl Mode {
    const ALL: [Self; 3] = [Self::Auto, Self::Low, Self::High];

    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Low => "low",
            Self::High => "high",
        }
    }

    /// The speed that it stands for, if it is one.
    fn speed(self) -> Option<i64> {
        match self {
            Self::Auto => None,
            Self::Low => Some(30),
            Self::High => Some(90),
        }
    }
}

#[derive(Debug)]
enum Request {
    Power(bool),
    Speed(i64),
    Mode(Mode),
}

impl Fan {
    pub(super) fn new(seed: u64, now: Now) -> Self {
        let mut chance = Rng::with_seed(seed);
        let seek_at = now.instant + Duration::from_secs(chance.u64(SEEK_EVERY_S));
        Self {
            chance,
            power: true,
            speed: 40,
            mode: Mode::Auto,
            rpm: 0.0,
            rpm_reported: 0,
            spin_at: now.instant + SPIN_TICK,
            measure_at: now.instant + MEASURE_EVERY,
            seek_at,
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
            Request::Speed(speed) => {
                self.seek_at = now + SEEK_PAUSE;
                self.turn_to(speed);
                // A speed of its own is no longer that of the mode.
                if self.mode.speed().is_some_and(|preset| preset != speed) {
                    self.mode = Mode::Auto;
                    self.reports.state("mode", self.mode.name());
                }
            }
            Request::Mode(mode) => {
                self.mode = mode;
                self.reports.state("mode", mode.name());
                match mode.speed() {
                    Some(speed) => self.turn_to(speed),
                    None => self.seek_at = now + self.seek_pause(),
                }
            }
        }
        self.spin_at = self.spin_at.min(now + SPIN_TICK);
    }

    fn turn_to(&mut self, speed: i64) {
        self.speed = speed;
        self.reports.state("speed", speed);
    }

    fn seek_pause(&mut self) -> Duration {
        Duration::from_secs(self.chance.u64(SEEK_EVERY_S))
    }

    /// In mode `auto` it finds a new speed near the last one.
    fn seek(&mut self, now: Instant) {
        if self.seek_at > now {
            return;
        }
        self.seek_at = now + self.seek_pause();
        if self.power && self.mode == Mode::Auto {
            let step = self.chance.i64(3..=10) * if self.chance.bool() { 1 } else { -1 };
            self.turn_to((self.speed + step).clamp(20, 80));
            self.spin_at = self.spin_at.min(now + SPIN_TICK);
        }
    }

    /// The blades go on turning for a while.
    fn spin(&mut self, now: Instant) {
        if self.spin_at > now {
            return;
        }
        const AT_REST: f64 = 4.0;
        let way = self.rpm_wanted() - self.rpm;
        let has_arrived = way.abs() < AT_REST;
        self.rpm += if has_arrived { way } else { way * GRIP };
        self.report_rpm(self.rpm);
        // Nothing changes until somebody or `seek` changes the speed.
        self.spin_at = now + if has_arrived { SEEK_PAUSE } else { SPIN_TICK };
        self.measure_at = now + MEASURE_EVERY;
    }

    fn rpm_wanted(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a percentage")]
        if self.power { self.speed as f64 / 100.0 * RPM_MAX } else { 0.0 }
    }

    fn measure(&mut self, now: Instant) {
        if self.measure_at > now {
            return;
        }
        self.measure_at = now + MEASURE_EVERY;
        if self.rpm > 0.0 {
            let noise = (self.chance.f64() - 0.5) * 8.0;
            self.report_rpm(self.rpm + noise);
        }
    }

    fn report_rpm(&mut self, rpm: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "between 0 and a little over RPM_MAX")]
        let rpm = rpm.round().max(0.0) as i64;
        if rpm != self.rpm_reported {
            self.rpm_reported = rpm;
            self.reports.state("rpm", rpm);
        }
    }
}

impl Model for Fan {
    fn id(&self) -> Arc<str> {
        "demo-fan".into()
    }

    fn declaration(&self) -> Value {
        json!({
            "name": "Fan", "room": "Office", "model": "Demo fan (MQTT 5)", "icon": "fan", "demo": true,
            "properties": {
                "power": {"type": "bool", "access": ["read", "set"], "role": "switch"},
                "speed": {
                    "type": "int", "unit": "%", "min": 0, "max": 100, "step": 1, "access": ["read", "set"],
                    "role": "fan"
                },
                "mode": {"type": "enum", "options": Mode::ALL.map(Mode::name), "access": ["read", "set"]},
                "rpm": {"type": "int", "unit": "rpm", "min": 0, "access": "read"},
            },
        })
    }

    fn handle_connected(&mut self, _now: Now) {
        self.reports.state("power", self.power);
        self.reports.state("speed", self.speed);
        self.reports.state("mode", self.mode.name());
        self.reports.state("rpm", self.rpm_reported);
    }

    fn handle_request(&mut self, property: &str, payload: &str, now: Now) {
        let request = match property {
            "power" => parse_bool(payload).map(Request::Power),
            "speed" => parse_percent(payload).map(Request::Speed),
            "mode" => Mode::ALL.into_iter().find(|mode| mode.name() == payload).map(Request::Mode),
            _ => None,
        };
        if let Some(request) = request {
            self.reaction.push(request, now.instant, &mut self.chance);
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        while let Some(request) = self.reaction.pop_due(now.instant) {
            self.obey(request, now.instant);
        }
        self.seek(now.instant);
        self.spin(now.instant);
        self.measure(now.instant);
    }

    fn poll_timeout(&self) -> Instant {
        let timeouts = [self.spin_at, self.measure_at, self.seek_at];
        timeouts.into_iter().chain(self.reaction.next_due()).fold(self.spin_at, Instant::min)
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

    fn fan() -> (Fan, Instant) {
        let start = Instant::now();
        (Fan::new(9, at(start, Duration::ZERO)), start)
    }

    fn rpms(reports: &[Report]) -> Vec<i64> {
        values(reports, "rpm").iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_blades_follow_with_inertia() {
        let (mut fan, start) = fan();
        fan.handle_request("speed", "100", at(start, Duration::ZERO));
        let said = live_through(&mut fan, start, Duration::ZERO, 12 * SECOND);
        assert_eq!(values(&said, "speed"), ["100"]);
        let rpms = rpms(&said);
        assert!(rpms.len() > 10 && rpms.windows(2).take(10).all(|pair| pair[0] < pair[1]), "{rpms:?}");
        assert_eq!(rpms[rpms.len() - 1], 1_400);
    }

    #[test]
    fn they_come_to_rest_when_it_is_switched_off() {
        let (mut fan, start) = fan();
        live_through(&mut fan, start, Duration::ZERO, 10 * SECOND);
        fan.handle_request("power", "false", at(start, 10 * SECOND));
        let said = live_through(&mut fan, start, 10 * SECOND, 60 * SECOND);
        assert_eq!(values(&said, "power"), ["false"]);
        assert_eq!(rpms(&said).last(), Some(&0));
        let later = live_through(&mut fan, start, 60 * SECOND, 300 * SECOND);
        assert!(later.is_empty(), "{later:?}");
    }

    #[test]
    fn modes_are_speeds_and_a_speed_of_its_own_ends_them() {
        let (mut fan, start) = fan();
        live_through(&mut fan, start, Duration::ZERO, SECOND);
        for (second, property, value) in [(1, "mode", "high"), (2, "mode", "low"), (3, "speed", "55")] {
            fan.handle_request(property, value, at(start, second * SECOND));
            live_through(&mut fan, start, second * SECOND, (second + 1) * SECOND);
            assert_eq!(fan.speed, fan.mode.speed().unwrap_or(55));
        }
        assert_eq!((fan.mode, fan.speed), (Mode::Auto, 55));
    }

    #[test]
    fn left_alone_it_moves_within_reason() {
        let (mut fan, start) = fan();
        let said = live_through(&mut fan, start, Duration::ZERO, 3_600 * SECOND);
        let speeds: Vec<i64> = values(&said, "speed").iter().map(|text| text.parse().unwrap()).collect();
        assert!(speeds.len() > 100 && speeds.iter().all(|speed| (20..=80).contains(speed)), "{speeds:?}");
        assert!(rpms(&said).iter().all(|rpm| (0..=1_130).contains(rpm)));
    }

    #[test]
    fn a_speed_that_was_asked_for_stays_a_while() {
        let (mut fan, start) = fan();
        fan.handle_request("speed", "33", at(start, Duration::ZERO));
        let said = live_through(&mut fan, start, Duration::ZERO, 240 * SECOND);
        assert_eq!(values(&said, "speed"), ["33"]);
    }
}
