//! Readings as houses have them: noisy sensors with one or two decimals, power, counters, slow walks, switches, modes.

use housewire_core::Timestamp;
use housewire_store::{Point, Reading};

/// One property. The same number gives the same readings.
pub(crate) struct Generator {
    random: fastrand::Rng,
    kind: usize,
    level: f64,
    counter: i64,
    is_on: bool,
}

impl Generator {
    pub(crate) fn new(number: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(number as u64 + 1);
        let level = 10.0 + random.f64() * 30.0;
        Self { kind: number % 20, level, counter: random.i64(0..1_000_000), is_on: random.bool(), random }
    }

    /// Uneven, with several small parts: more like noise than one even part.
    fn noise(&mut self, width: f64) -> f64 {
        (self.random.f64() + self.random.f64() + self.random.f64() - 1.5) * width
    }

    /// The next reading; it arrives a little later than it is due.
    pub(crate) fn next(&mut self, due: i64) -> Point {
        let time = Timestamp::from_micros(due + self.random.i64(0..3_000));
        Point { time, reading: self.reading() }
    }

    fn reading(&mut self) -> Reading {
        let rounded = |number: f64, scale: f64| Reading::float((number * scale).round() / scale).unwrap();
        match self.kind {
            // Temperature, with noise in the second decimal.
            0..=4 => {
                self.level += self.noise(0.02);
                let noise = self.noise(0.06);
                rounded(self.level + noise, 100.0)
            }
            // Humidity, one decimal.
            5..=8 => {
                self.level += self.noise(0.1);
                let noise = self.noise(0.5);
                rounded(self.level + noise, 10.0)
            }
            // Power: mostly a base load, with something large now and then.
            9..=11 => {
                if self.random.u8(..100) == 0 {
                    self.is_on = !self.is_on;
                }
                let load = if self.is_on { 1_850.0 } else { 62.0 };
                let noise = self.noise(load * 0.02);
                rounded(load + noise, 10.0)
            }
            // Energy, pulses, bytes: they only rise.
            12..=14 => {
                self.counter += self.random.i64(0..6);
                Reading::Int(self.counter)
            }
            // A slow walk that often stays where it is.
            15..=17 => {
                if self.random.u8(..8) == 0 {
                    self.level += if self.random.bool() { 0.1 } else { -0.1 };
                }
                rounded(self.level, 10.0)
            }
            18 => {
                if self.random.u8(..20) == 0 {
                    self.is_on = !self.is_on;
                }
                Reading::Bool(self.is_on)
            }
            _ => {
                let mode = ["off", "heat", "cool", "auto", "fan_only"][self.random.usize(..50) % 5];
                Reading::text(mode).unwrap()
            }
        }
    }
}
