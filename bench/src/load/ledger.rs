//! Who sent what, who got what, in which order, and how long it took.
//!
//! A message is in flight until every receiver has it and, where the protocol has them, its acknowledgement came.

use std::collections::VecDeque;

use hdrhistogram::Histogram;

use super::stamp::Stamp;

/// A sender's messages in flight.
#[derive(Debug, Default)]
struct Sender {
    /// The number of the oldest message in flight.
    oldest: u32,
    /// What is still to come for each message in flight: deliveries and the acknowledgement.
    awaited: VecDeque<u32>,
}

/// Totals so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    /// Messages sent.
    pub(crate) sent: u64,
    /// Messages received, or requests answered where nothing is received.
    pub(crate) delivered: u64,
    /// Of those, how many came after a later one, or twice.
    pub(crate) misplaced: u64,
}

/// See the module.
pub(crate) struct Ledger {
    senders: Vec<Sender>,
    /// By receiver and sender: the number that comes next.
    expected: Vec<u32>,
    /// Receivers of each message.
    fan_out: u32,
    /// Each message is acknowledged, too.
    is_acknowledged: bool,
    pub(crate) totals: Totals,
    latencies_ns: Histogram<u64>,
}

impl Ledger {
    pub(crate) fn new(senders: usize, receivers: usize, fan_out: u32, is_acknowledged: bool) -> Self {
        // Up to a minute, to three digits.
        let latencies_ns = Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("constant bounds are good ones");
        Self {
            senders: (0..senders).map(|_| Sender::default()).collect(),
            expected: vec![0; senders * receivers],
            fan_out,
            is_acknowledged,
            totals: Totals::default(),
            latencies_ns,
        }
    }

    pub(crate) fn in_flight(&self, sender: usize) -> usize {
        self.senders[sender].awaited.len()
    }

    /// Whether anything is in flight.
    pub(crate) fn is_settled(&self) -> bool {
        self.senders.iter().all(|sender| sender.awaited.is_empty())
    }

    /// A message leaves; its number.
    pub(crate) fn send(&mut self, sender: usize) -> u32 {
        self.totals.sent += 1;
        let Sender { oldest, awaited } = &mut self.senders[sender];
        awaited.push_back(self.fan_out + u32::from(self.is_acknowledged));
        oldest.wrapping_add(awaited.len() as u32 - 1)
    }

    /// A receiver has a message; the sender that may have room for another one now.
    pub(crate) fn deliver(&mut self, receiver: usize, stamp: Stamp, now_ns: u64) -> usize {
        let sender = stamp.sender as usize;
        let expected = &mut self.expected[receiver * self.senders.len() + sender];
        self.totals.delivered += 1;
        if stamp.number >= *expected {
            *expected = stamp.number + 1;
        } else {
            self.totals.misplaced += 1;
        }
        self.latencies_ns.saturating_record(now_ns.saturating_sub(stamp.due_ns).max(1));
        self.settle(sender, stamp.number);
        sender
    }

    /// The answer to the oldest request came; where nobody receives anything, that is what counts.
    pub(crate) fn answer(&mut self, sender: usize, sent_ns: u64, now_ns: u64) {
        if self.fan_out == 0 {
            self.totals.delivered += 1;
            self.latencies_ns.saturating_record(now_ns.saturating_sub(sent_ns).max(1));
        }
        let oldest = self.senders[sender].oldest;
        self.settle(sender, oldest);
    }

    /// The acknowledgement with this packet identifier came.
    pub(crate) fn acknowledge(&mut self, sender: usize, packet_id: u16) {
        let oldest = self.senders[sender].oldest;
        let ahead = (u32::from(packet_id) - 1 + PACKET_IDS - oldest % PACKET_IDS) % PACKET_IDS;
        self.settle(sender, oldest + ahead);
    }

    fn settle(&mut self, sender: usize, number: u32) {
        let Sender { oldest, awaited } = &mut self.senders[sender];
        if let Some(left) = awaited.get_mut(number.wrapping_sub(*oldest) as usize) {
            *left = left.saturating_sub(1);
        }
        while awaited.front() == Some(&0) {
            awaited.pop_front();
            *oldest += 1;
        }
    }

    /// Deliveries that never came.
    pub(crate) fn missing(&self) -> u64 {
        let due = self.totals.sent * u64::from(self.fan_out.max(1));
        due.saturating_sub(self.totals.delivered)
    }

    /// Begins the measurement: what came so far was warming up.
    pub(crate) fn forget_latencies(&mut self) {
        self.latencies_ns.clear();
    }

    /// The latency in microseconds below which this part of the deliveries stayed.
    pub(crate) fn latency_us(&self, quantile: f64) -> f64 {
        self.latencies_ns.value_at_quantile(quantile) as f64 / 1e3
    }
}

/// Packet identifiers are 1 to 65,535, around and around.
const PACKET_IDS: u32 = 65_535;

/// The packet identifier of a sender's message.
pub(crate) fn packet_id(number: u32) -> u16 {
    (number % PACKET_IDS + 1) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(number: u32) -> Stamp {
        Stamp { sender: 0, number, due_ns: 0 }
    }

    #[test]
    fn a_message_is_in_flight_until_all_have_it_and_it_is_acknowledged() {
        let mut ledger = Ledger::new(1, 2, 2, true);
        assert_eq!((ledger.send(0), ledger.send(0)), (0, 1));
        ledger.deliver(0, stamp(0), 1);
        ledger.deliver(1, stamp(0), 1);
        assert_eq!(ledger.in_flight(0), 2);
        ledger.acknowledge(0, packet_id(0));
        assert_eq!(ledger.in_flight(0), 1);
        ledger.acknowledge(0, packet_id(1));
        ledger.deliver(1, stamp(1), 1);
        assert!(!ledger.is_settled());
        assert_eq!(ledger.missing(), 1);
        ledger.deliver(0, stamp(1), 1);
        assert!(ledger.is_settled());
        assert_eq!((ledger.missing(), ledger.totals.misplaced), (0, 0));
    }

    #[test]
    fn what_is_lost_or_misplaced_is_counted() {
        let mut ledger = Ledger::new(1, 1, 1, false);
        (0..4).for_each(|number| assert_eq!(ledger.send(0), number));
        for number in [0, 2, 1] {
            ledger.deliver(0, stamp(number), 1);
        }
        assert_eq!(ledger.totals.misplaced, 1);
        assert_eq!(ledger.missing(), 1);
    }

    #[test]
    fn packet_identifiers_find_their_messages_again() {
        let mut ledger = Ledger::new(1, 0, 0, true);
        for number in 0..200_000 {
            assert_eq!(ledger.send(0), number);
            ledger.acknowledge(0, packet_id(number));
            assert!(ledger.is_settled());
        }
    }
}
