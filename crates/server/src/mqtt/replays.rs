//! Stored messages that wait to be sent to a session's new subscriptions, in the order of subscribing.
//!
//! As many may wait as a session has subscriptions, and each may be replaced or taken back by its filter: that costs the
//! same however many wait.

use std::collections::BTreeMap;

use housewire_core::{Filter, Replay};

/// See the module. One for each filter at most. Most sessions have none most of the time, which then cost nothing.
#[derive(Debug, Default)]
pub(super) struct Replays(Option<Box<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    /// By when they were added.
    replays: BTreeMap<u64, Replay>,
    numbers: BTreeMap<Filter, u64>,
    next: u64,
}

impl Replays {
    /// Adds it as the last one, in place of an earlier one of the same filter.
    pub(super) fn push(&mut self, replay: Replay) {
        let waiting = self.0.get_or_insert_default();
        let number = waiting.next;
        waiting.next += 1;
        if let Some(earlier) = waiting.numbers.insert(replay.filter().clone(), number) {
            waiting.replays.remove(&earlier);
        }
        waiting.replays.insert(number, replay);
    }

    /// Takes back that of a filter, if one waits.
    pub(super) fn remove(&mut self, filter: &Filter) {
        if let Some(waiting) = &mut self.0
            && let Some(number) = waiting.numbers.remove(filter)
        {
            waiting.replays.remove(&number);
            self.free_if_empty();
        }
    }

    /// The one whose turn it is.
    pub(super) fn first_mut(&mut self) -> Option<&mut Replay> {
        self.0.as_mut()?.replays.first_entry().map(std::collections::btree_map::OccupiedEntry::into_mut)
    }

    /// The one whose turn it was is done; whether more wait.
    pub(super) fn finish_first(&mut self) -> bool {
        if let Some(waiting) = &mut self.0
            && let Some((_, done)) = waiting.replays.pop_first()
        {
            waiting.numbers.remove(done.filter());
            self.free_if_empty();
        }
        self.0.is_some()
    }

    fn free_if_empty(&mut self) {
        self.0.take_if(|waiting| waiting.replays.is_empty());
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

    impl Replays {
        fn len(&self) -> usize {
            let Some(waiting) = &self.0 else { return 0 };
            assert!(!waiting.replays.is_empty(), "those that have nothing left take no memory");
            assert_eq!(waiting.numbers.len(), waiting.replays.len());
            waiting.replays.len()
        }
    }

    fn drained(mut replays: Replays) -> Vec<String> {
        let mut filters = Vec::new();
        while let Some(first) = replays.first_mut() {
            filters.push(first.filter().as_str().to_owned());
            let more = replays.finish_first();
            assert_eq!(more, replays.len() > 0);
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
        assert_eq!(replays.len(), 3);
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
