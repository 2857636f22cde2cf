//! Stored messages that wait to be sent to a session's new subscriptions, in the order of subscribing.
//!
//! As many may wait as a session has subscriptions, and each may be replaced or taken back by its filter: that costs the
//! same however many wait.

use std::collections::BTreeMap;

use housewire_core::{Filter, Replay};

/// See the module. One for each filter at most.
#[derive(Debug, Default)]
pub(super) struct Replays {
    /// By when they were added.
    waiting: BTreeMap<u64, Replay>,
    numbers: BTreeMap<Filter, u64>,
    next: u64,
}

impl Replays {
    /// Adds it as the last one, in place of an earlier one of the same filter.
    pub(super) fn push(&mut self, replay: Replay) {
        let number = self.next;
        self.next += 1;
        if let Some(earlier) = self.numbers.insert(replay.filter().clone(), number) {
            self.waiting.remove(&earlier);
        }
        self.waiting.insert(number, replay);
    }

    /// Takes back that of a filter, if one waits.
    pub(super) fn remove(&mut self, filter: &Filter) {
        if let Some(number) = self.numbers.remove(filter) {
            self.waiting.remove(&number);
            self.free_if_empty();
        }
    }

    /// The one whose turn it is.
    pub(super) fn first_mut(&mut self) -> Option<&mut Replay> {
        self.waiting.first_entry().map(std::collections::btree_map::OccupiedEntry::into_mut)
    }

    /// The one whose turn it was is done; whether more wait.
    pub(super) fn finish_first(&mut self) -> bool {
        if let Some((_, done)) = self.waiting.pop_first() {
            self.numbers.remove(done.filter());
            self.free_if_empty();
        }
        !self.waiting.is_empty()
    }

    /// A tree that became empty keeps a node, which is more than all else that is kept of an idle connection.
    fn free_if_empty(&mut self) {
        if self.waiting.is_empty() {
            (self.waiting, self.numbers) = (BTreeMap::new(), BTreeMap::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use housewire_core::{Hub, Qos, ReplayKind, SubscribeOptions};

    fn replay(filter: &str, qos: Qos) -> Replay {
        let filter = Filter::parse(filter).unwrap();
        Hub::replay(filter, ReplayKind::Retained, SubscribeOptions { qos, ..SubscribeOptions::default() })
    }

    fn drained(mut replays: Replays) -> Vec<String> {
        let mut filters = Vec::new();
        while let Some(first) = replays.first_mut() {
            filters.push(first.filter().as_str().to_owned());
            let more = replays.finish_first();
            assert_eq!(more, !replays.waiting.is_empty());
            assert_eq!(replays.numbers.len(), replays.waiting.len());
        }
        filters
    }

    #[test]
    fn they_wait_in_the_order_of_subscribing() {
        let mut replays = Replays::default();
        for filter in ["z", "a", "m/#", "a/+"] {
            replays.push(replay(filter, Qos::AtMostOnce));
        }
        assert_eq!(drained(replays), ["z", "a", "m/#", "a/+"]);
    }

    #[test]
    fn one_of_the_same_filter_takes_the_place_of_the_first_and_goes_last() {
        let mut replays = Replays::default();
        for filter in ["a", "b", "a", "c", "b"] {
            replays.push(replay(filter, Qos::AtMostOnce));
        }
        assert_eq!(replays.waiting.len(), 3);
        assert_eq!(drained(replays), ["a", "c", "b"]);
    }

    #[test]
    fn those_that_are_taken_back_are_gone() {
        let mut replays = Replays::default();
        for filter in ["a", "b", "c"] {
            replays.push(replay(filter, Qos::AtMostOnce));
        }
        for filter in ["b", "other", "b"] {
            replays.remove(&Filter::parse(filter).unwrap());
        }
        assert_eq!(drained(replays), ["a", "c"]);
        assert_eq!(drained(Replays::default()), [""; 0]);
    }
}
