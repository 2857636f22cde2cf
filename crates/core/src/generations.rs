//! Which changes of subscriptions concern a topic, so that its route is built anew only if one of them does.
//!
//! Changes are numbered. For classes of filters it is known which change was the last one, and the filters of the latest
//! changes themselves are kept: whoever comes and goes elsewhere, however often, costs a publisher next to nothing.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::limits::CHANGES_KEPT_MAX;
use crate::topic::{Filter, TopicRef};

/// See the module.
#[derive(Debug)]
pub(crate) struct Generations {
    /// The number of the last change of all. Stored after the number of its class: who sees the one sees the other.
    last: AtomicU64,
    /// Of filters whose first two levels are literal, by both.
    pairs: [AtomicU64; 256],
    /// Of filters whose first level is literal and the second is not, or missing, by the first.
    firsts: [AtomicU64; 64],
    /// Of filters that begin with a wildcard, and of everything at once.
    wild: AtomicU64,
    recent: Mutex<[Recent; 3]>,
}

/// The latest changes of one kind of class, in order.
#[derive(Debug, Default)]
struct Recent {
    changes: VecDeque<(u64, Filter)>,
    /// The last one that is not kept any more.
    forgotten: u64,
}

const PAIRS: usize = 0;
const FIRSTS: usize = 1;
const WILD: usize = 2;

/// Up to which change a route is known to hold, and where to look for later ones.
#[derive(Debug)]
pub(crate) struct Stamp {
    checked: AtomicU64,
    pair: u8,
    first: u8,
}

impl Default for Generations {
    fn default() -> Self {
        Self {
            last: AtomicU64::new(0),
            pairs: std::array::from_fn(|_| AtomicU64::new(0)),
            firsts: std::array::from_fn(|_| AtomicU64::new(0)),
            wild: AtomicU64::new(0),
            recent: Mutex::default(),
        }
    }
}

/// FNV-1a: short texts, and the result must only spread.
fn spread(seed: u32, text: &str) -> u32 {
    text.bytes().fold(seed, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

const SEED: u32 = 0x811c_9dc5;

/// Where the classes of these first two levels are counted.
fn classes(first: &str, second: &str) -> (u8, u8) {
    let of_first = spread(SEED, first);
    let [_, _, pair, _] = spread(of_first, second).to_le_bytes();
    let [_, _, first, _] = of_first.to_le_bytes();
    (pair, first % 64)
}

impl Generations {
    /// Of a route that is about to be built: what changes from now on is looked at by [`Generations::holds`].
    pub(crate) fn stamp(&self, topic: TopicRef<'_>) -> Stamp {
        let checked = AtomicU64::new(self.last.load(Ordering::Acquire));
        let mut levels = topic.levels();
        let (pair, first) = classes(levels.next().unwrap_or_default(), levels.next().unwrap_or_default());
        Stamp { checked, pair, first }
    }

    /// How many changes there were: while it stays the same, what was valid still is.
    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// Whether no change since concerns the topic; `false` too if to find out takes a look at more than so many filters.
    pub(crate) fn holds(&self, stamp: &Stamp, topic: TopicRef<'_>, filters_max: usize) -> bool {
        let (checked, last) = (stamp.checked.load(Ordering::Relaxed), self.last.load(Ordering::Acquire));
        if checked == last {
            return true;
        }
        let changed = [&self.pairs[usize::from(stamp.pair)], &self.firsts[usize::from(stamp.first)], &self.wild]
            .map(|class| class.load(Ordering::Acquire) > checked);
        if changed.contains(&true) {
            let recent = self.recent.lock();
            let kinds = recent.iter().zip(changed).filter(|(_, changed)| *changed);
            if kinds.into_iter().any(|(recent, _)| recent.may_concern(topic, checked, filters_max)) {
                return false;
            }
        }
        stamp.checked.store(last, Ordering::Relaxed);
        true
    }

    /// This filter was subscribed to, differently, or not any more. To be called after the trie was changed, or while it is
    /// locked for that.
    pub(crate) fn changed(&self, filter: &Filter) {
        let mut levels = filter.levels();
        let (kind, class) = match (levels.next().unwrap_or_default(), levels.next()) {
            ("+" | "#", _) => (WILD, &self.wild),
            // "a/b/#" matches "a/b" and what is below, "a/#" matches "a" too.
            (first, None | Some("+" | "#")) => (FIRSTS, &self.firsts[usize::from(classes(first, "").1)]),
            (first, Some(second)) => (PAIRS, &self.pairs[usize::from(classes(first, second).0)]),
        };
        let mut recent = self.recent.lock();
        let number = self.last.load(Ordering::Relaxed) + 1;
        recent[kind].note(number, filter);
        class.store(number, Ordering::Release);
        self.last.store(number, Ordering::Release);
    }

    /// All routes are stale from now on.
    pub(crate) fn all_changed(&self) {
        let mut recent = self.recent.lock();
        let number = self.last.load(Ordering::Relaxed) + 1;
        recent[WILD] = Recent { changes: VecDeque::new(), forgotten: number };
        self.wild.store(number, Ordering::Release);
        self.last.store(number, Ordering::Release);
    }
}

impl Recent {
    fn note(&mut self, number: u64, filter: &Filter) {
        if self.changes.len() >= CHANGES_KEPT_MAX
            && let Some((oldest, _)) = self.changes.pop_front()
        {
            self.forgotten = oldest;
        }
        self.changes.push_back((number, filter.clone()));
    }

    fn may_concern(&self, topic: TopicRef<'_>, checked: u64, filters_max: usize) -> bool {
        let begin = self.changes.partition_point(|(number, _)| *number <= checked);
        self.forgotten > checked
            || self.changes.len() - begin > filters_max
            || self.changes.range(begin..).any(|(_, filter)| filter.matches(topic))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A route is stale exactly if a change since concerns it, as long as all changes are remembered.
        #[test]
        fn what_does_not_match_leaves_a_route_valid(
            changes in prop::collection::vec(
                prop::sample::select(vec!["a", "a/b", "a/+", "a/#", "+", "+/b", "#", "b/#", "b/c/d", "$share/g/a/b", "$s/#"]),
                0..40,
            ),
            topic in prop::sample::select(vec!["a", "a/b", "a/c", "b", "b/c", "b/c/d", "$s/x"]),
            filters_max in prop::sample::select(vec![0, 2, usize::MAX]),
        ) {
            let generations = Generations::default();
            let topic = TopicRef::parse(topic).unwrap();
            let mut stamp = generations.stamp(topic);
            let mut is_fresh = true;
            for filter in changes {
                let filter = Filter::parse(filter).unwrap();
                generations.changed(&filter);
                is_fresh &= !filter.matches(topic);
                let holds = generations.holds(&stamp, topic, filters_max);
                prop_assert!(!holds || is_fresh, "a stale route was taken for valid");
                prop_assert!(holds || !is_fresh || filters_max < 1, "a valid route was taken for stale");
                if !holds {
                    (stamp, is_fresh) = (generations.stamp(topic), true);
                }
            }
            generations.all_changed();
            prop_assert!(!generations.holds(&stamp, topic, usize::MAX));
        }
    }

    #[test]
    fn what_is_forgotten_counts_as_a_match() {
        let generations = Generations::default();
        let topic = TopicRef::parse("a/b").unwrap();
        let [early, late] = [0; 2].map(|_| generations.stamp(topic));
        let elsewhere = Filter::parse("+/x").unwrap();
        (0..CHANGES_KEPT_MAX).for_each(|_| generations.changed(&elsewhere));
        assert!(generations.holds(&late, topic, CHANGES_KEPT_MAX) && !generations.holds(&early, topic, 10));
        generations.changed(&elsewhere);
        assert!(generations.holds(&late, topic, 1) && !generations.holds(&early, topic, usize::MAX));
    }
}
