//! What a hub is given: the time, chance, somebody who watches, and the mistakes that it is to make.

use std::time::{Duration, Instant};

use housewire_core::{Now, Timestamp};

use super::witness::Witness;
use crate::pair::Random;

/// What a shell could do wrong; each is found by the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    None,
    /// QoS 2 packets do not wait for the disk.
    HoldsNothingBack,
    /// A QoS 2 message may be in one batch and its packet identifier in the next.
    DividesBatches,
    /// PUBACK and PUBREC do not wait for the disk.
    AcknowledgesEarly,
    /// The PUBREC of a message that came again does not wait for the disk.
    RepeatsEarly,
    /// PUBCOMP does not wait for the disk.
    CompletesEarly,
    /// CONNACK does not wait for the disk.
    LetsInEarly,
    /// SUBACK does not wait for the disk.
    SubscribesEarly,
    /// A message that was refused by ending the connection counts as received when it comes again.
    KeepsRefused,
    /// A QoS 2 message that was published is refused, since the disk did not take it.
    RefusesPublished,
}

/// The virtual time, in milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    pub(super) started: Instant,
    pub(super) ms: u64,
}

impl Clock {
    pub(super) fn now(self) -> Now {
        Now { instant: self.at(self.ms), wall: Timestamp::from_micros(self.ms as i64 * 1_000) }
    }

    pub(super) fn at(self, ms: u64) -> Instant {
        self.started + Duration::from_millis(ms)
    }

    pub(super) fn ms_of(self, instant: Instant) -> u64 {
        (instant - self.started).as_millis() as u64
    }
}

/// What is not the hub's, and changes while it works.
pub(super) struct Surroundings<'a> {
    pub(super) clock: Clock,
    pub(super) witness: &'a mut Witness,
    pub(super) random: &'a mut Random,
}
