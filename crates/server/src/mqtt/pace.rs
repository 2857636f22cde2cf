//! Keeps clients that come and go in crowds from flooding the log.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::info;

/// Lines in one second; what would be more is only counted.
const LINES_MAX: u32 = 100;
const WINDOW: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Default)]
pub(super) struct Pace(Mutex<State>);

#[derive(Default)]
struct State {
    began: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl Pace {
    /// Whether another line may be written. Says how many were left out before the first one after a crowd.
    pub(super) fn may_log(&self, now: Instant) -> bool {
        let (may_log, left_out) = self.0.lock().next(now);
        if left_out > 0 {
            info!(
                "{left_out} MQTT clients that connected or disconnected were not logged: more than {LINES_MAX} in a second"
            );
        }
        may_log
    }
}

impl State {
    fn next(&mut self, now: Instant) -> (bool, u64) {
        if self.began.is_none_or(|began| now.saturating_duration_since(began) >= WINDOW) {
            let left_out = std::mem::take(self).left_out;
            *self = Self { began: Some(now), lines: 1, left_out: 0 };
            return (true, left_out);
        }
        if self.lines < LINES_MAX {
            self.lines += 1;
            return (true, 0);
        }
        self.left_out += 1;
        (false, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_counted_instead() {
        let mut state = State::default();
        let start = crate::shard::now().instant;
        let logged = (0..1_000).filter(|_| state.next(start).0).count();
        assert_eq!(logged, 100);
        assert_eq!(state.next(start + WINDOW), (true, 900));
        assert_eq!(state.next(start + WINDOW), (true, 0));
    }
}
