//! A thermometer on a battery: wakes up every five seconds, reports, sleeps. It cannot be asked for anything.
//!
//! The day it follows is that of UTC: nothing here knows where the house stands.

use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use housewire_core::{Now, Timestamp};
use serde_json::{Value, json};

use crate::players::model::{Model, Report, Reports, rounded};

const EVERY: Duration = Duration::from_secs(5);
const BATTERY_STEP: Duration = Duration::from_secs(3 * 3_600);
/// When somebody changes the battery.
const BATTERY_LOW: i64 = 5;

/// See the module.
#[derive(Debug)]
pub(super) struct Thermometer {
    chance: Rng,
    next: Instant,
    /// What drafts and people add, in °C.
    drift: f64,
    battery: i64,
    battery_next: Instant,
    reports: Reports,
}

impl Thermometer {
    pub(super) fn new(seed: u64, now: Now) -> Self {
        Self {
            chance: Rng::with_seed(seed),
            next: now.instant + EVERY,
            drift: 0.0,
            battery: 87,
            battery_next: now.instant + BATTERY_STEP,
            reports: Reports::default(),
        }
    }

    fn measure(&mut self, wall: Timestamp) {
        // Wanders, but is always drawn back.
        self.drift = self.drift * 0.95 + (self.chance.f64() - 0.5) * 0.2;
        let temperature = daily_temperature(wall) + self.drift;
        let humidity = daily_humidity(temperature) + (self.chance.f64() - 0.5) * 0.6;
        self.reports.state("temperature", rounded(temperature));
        self.reports.state("humidity", rounded(humidity));
    }
}

/// A bedroom's temperature: lowest at three in the morning, highest at three in the afternoon.
fn daily_temperature(wall: Timestamp) -> f64 {
    const DAY_MICROS: i64 = 86_400_000_000;
    #[expect(clippy::cast_precision_loss, reason = "a day in microseconds is exact in f64")]
    let day = wall.as_micros().rem_euclid(DAY_MICROS) as f64 / DAY_MICROS as f64;
    19.5 + 2.0 * (TAU * (day - 0.375)).sin()
}

/// The same water in warmer air is less of it.
fn daily_humidity(temperature: f64) -> f64 {
    48.0 - 3.0 * (temperature - 19.5)
}

impl Model for Thermometer {
    fn id(&self) -> Arc<str> {
        "demo-thermometer".into()
    }

    fn declaration(&self) -> Value {
        json!({
            "name": "Thermometer", "room": "Bedroom", "model": "Demo thermometer (HTTP)", "icon": "thermometer",
            "demo": true,
            "properties": {
                "temperature": {
                    "type": "float", "unit": "°C", "min": -40, "max": 85, "access": "read", "role": "temperature"
                },
                "humidity": {"type": "float", "unit": "%", "min": 0, "max": 100, "access": "read", "role": "humidity"},
                "battery": {"type": "int", "unit": "%", "min": 0, "max": 100, "access": "read", "role": "battery"},
            },
        })
    }

    fn handle_connected(&mut self, now: Now) {
        self.next = now.instant + EVERY;
        self.reports.state("battery", self.battery);
        self.measure(now.wall);
    }

    fn handle_request(&mut self, _property: &str, _payload: &str, _now: Now) {}

    fn handle_timeout(&mut self, now: Now) {
        if self.battery_next <= now.instant {
            self.battery_next = now.instant + BATTERY_STEP;
            self.battery = if self.battery <= BATTERY_LOW { 100 } else { self.battery - 1 };
            self.reports.state("battery", self.battery);
        }
        if self.next <= now.instant {
            self.next = now.instant + EVERY;
            self.measure(now.wall);
        }
    }

    fn poll_timeout(&self) -> Instant {
        self.next.min(self.battery_next)
    }

    fn poll_report(&mut self) -> Option<Report> {
        self.reports.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::players::model::tests::{at, live_through, values};

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_day_is_believable() {
        let start = Instant::now();
        let mut thermometer = Thermometer::new(3, at(start, Duration::ZERO));
        thermometer.handle_connected(at(start, Duration::ZERO));
        let mut hours = Vec::new();
        for hour in 0..24 {
            let said = live_through(&mut thermometer, start, hour * HOUR, (hour + 1) * HOUR);
            let values: Vec<f64> = values(&said, "temperature").iter().map(|text| text.parse().unwrap()).collect();
            assert!(values.len() >= 719, "{}", values.len());
            assert!(values.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.5), "it jumps");
            assert!(values.windows(2).any(|pair| pair[0] != pair[1]), "it stands still");
            #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
            hours.push(values.iter().sum::<f64>() / values.len() as f64);
        }
        let warmest = (0..24).max_by(|a, b| hours[*a].total_cmp(&hours[*b])).unwrap();
        assert!((12..18).contains(&warmest), "warmest at {warmest}: {hours:?}");
        assert!(hours.iter().all(|mean| (16.0..23.0).contains(mean)), "{hours:?}");
    }

    #[test]
    fn humidity_stays_in_its_range_and_the_battery_is_changed() {
        let start = Instant::now();
        let mut thermometer = Thermometer::new(3, at(start, Duration::ZERO));
        let said = live_through(&mut thermometer, start, Duration::ZERO, 24 * 14 * HOUR);
        let in_range = |text: &&str| (0.0..=100.0).contains(&text.parse::<f64>().unwrap());
        assert!(values(&said, "humidity").iter().all(in_range));
        let battery = values(&said, "battery");
        assert_eq!((battery[0], battery[81], battery[82]), ("86", "5", "100"));
    }
}
