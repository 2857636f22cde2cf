//! How many messages a device may send: a mean of a minute, as Blynk's server counts.

use std::time::{Duration, Instant};

/// Over which the mean is taken, and how often a device is told that it sends too much.
const WINDOW: Duration = Duration::from_secs(60);

/// See the module: what was not used of a minute may be used at once.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: f64,
    left: f64,
    counted: Instant,
    told: Option<Instant>,
}

/// Whether there was one left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Yes,
    No,
    /// And the device has not been told for a while.
    NoAndSaySo,
}

impl Rate {
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, left: per_second * WINDOW.as_secs_f64(), counted: now, told: None }
    }

    pub(super) fn take(&mut self, now: Instant) -> Taken {
        let passed = now.saturating_duration_since(self.counted).as_secs_f64();
        self.counted = now;
        self.left = (self.left + passed * self.per_second).min(self.per_second * WINDOW.as_secs_f64());
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Taken::Yes;
        }
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < WINDOW) {
            return Taken::No;
        }
        self.told = Some(now);
        Taken::NoAndSaySo
    }
}
