//! The memory that all sessions share: what each holds is counted here, so that together they have a bound; and how often
//! sessions reached their bounds.
//!
//! Counters only; who may have how much of it is decided by `outbound`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What a connected client may hold even when the pool is full, so that those who hold much do no harm to those who hold
/// little; and how far a session's share may be from what is counted of it, so that traffic that passes through at once
/// touches nothing that is shared.
pub(super) const GRAIN_BYTES: usize = 16 * 1024;

/// See the module. One for all sessions of a hub.
#[derive(Debug)]
pub struct Pool {
    bytes_max: usize,
    bytes: AtomicUsize,
    queued: AtomicUsize,
    in_flight: AtomicUsize,
    reached: [AtomicU64; SESSION_BOUNDS],
}

/// A bound of sessions, and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionBound {
    /// A message: all sessions together hold as much as they may.
    Memory,
    /// A message: [`crate::limits::MqttLimits::queue_len_max`].
    QueueLen,
    /// A message: [`crate::limits::MqttLimits::queue_bytes_max`].
    QueueBytes,
    /// A message of QoS 0: [`crate::limits::MqttLimits::output_bytes_max`].
    Output,
    /// Time: [`crate::limits::MqttLimits::session_expiry_max_s`].
    Expiry,
    /// Time: [`crate::limits::MqttLimits::will_delay_max_s`].
    WillDelay,
    /// Time: [`crate::limits::MqttLimits::keep_alive_max_s`].
    KeepAlive,
}

const SESSION_BOUNDS: usize = SessionBound::KeepAlive as usize + 1;

/// What sessions hold: one of them, or all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Unsent output, and messages kept for sending or sending again.
    pub bytes: usize,
    /// QoS 1 and 2 messages that wait to be sent.
    pub queued: usize,
    /// QoS 1 and 2 messages that were sent and are not acknowledged to the end.
    pub in_flight: usize,
}

impl Default for Pool {
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl Pool {
    /// An empty pool.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            bytes: AtomicUsize::new(0),
            queued: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            reached: Default::default(),
        }
    }

    /// What all sessions hold, as far as it is counted.
    pub fn holdings(&self) -> Holdings {
        Holdings {
            bytes: self.bytes.load(Ordering::Relaxed),
            queued: self.queued.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Relaxed),
        }
    }

    /// How often sessions reached this bound.
    pub fn reached(&self, bound: SessionBound) -> u64 {
        self.reached[bound as usize].load(Ordering::Relaxed)
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= self.bytes_max
    }

    pub(super) fn reach(&self, bound: SessionBound) {
        self.reached[bound as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// One session's part of the pool; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    pool: Arc<Pool>,
    counted: Holdings,
}

impl Share {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        Self { pool, counted: Holdings::default() }
    }

    /// Whether the session may hold more.
    pub(super) fn may_grow(&self, has: usize, is_connected: bool) -> bool {
        (is_connected && has < GRAIN_BYTES) || !self.pool.is_full()
    }

    /// As [`Share::settle`], if the bytes are far from what is counted: cheap enough for every message.
    #[inline]
    pub(super) fn settle_roughly(&mut self, holds: Holdings) {
        if holds.bytes.abs_diff(self.counted.bytes) >= GRAIN_BYTES {
            self.settle(holds);
        }
    }

    /// Counts what the session holds now.
    pub(super) fn settle(&mut self, holds: Holdings) {
        let counted = std::mem::replace(&mut self.counted, holds);
        if counted == holds {
            return;
        }
        let change = |total: &AtomicUsize, from: usize, to: usize| {
            // A difference below zero goes around the end of the range, and so comes out right.
            if from != to {
                total.fetch_add(to.wrapping_sub(from), Ordering::Relaxed);
            }
        };
        change(&self.pool.bytes, counted.bytes, holds.bytes);
        change(&self.pool.queued, counted.queued, holds.queued);
        change(&self.pool.in_flight, counted.in_flight, holds.in_flight);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.settle(Holdings::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_are_given_back() {
        let pool = Arc::new(Pool::new(100_000));
        let (mut a, mut b) = (Share::new(Arc::clone(&pool)), Share::new(Arc::clone(&pool)));
        let holds = |bytes| Holdings { bytes, queued: bytes / 1_000, in_flight: 1 };
        a.settle(holds(60_000));
        b.settle_roughly(holds(1_000));
        assert_eq!(pool.holdings(), holds(60_000), "what is little is not counted at once");
        b.settle_roughly(holds(40_000));
        assert_eq!(pool.holdings(), Holdings { bytes: 100_000, queued: 100, in_flight: 2 });
        assert!(!a.may_grow(60_000, true) && !b.may_grow(1, false), "it is full");
        assert!(b.may_grow(1, true), "who is connected and holds little may");
        a.settle(holds(10_000));
        assert!(b.may_grow(40_000, true));
        drop(a);
        assert_eq!(pool.holdings(), holds(40_000));
        drop(b);
        assert_eq!(pool.holdings(), Holdings::default());
    }
}
