//! What stays of a topic: its retained message and, for a device's value, the last report beside it.
//!
//! A slot's lock is also what gives a topic one order: recording and offering happen under it. Lock order:
//! slot, then device or trie or mailbox; never the map of slots while a slot is held.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::denied::Denied;
use crate::limits::HubLimits;
use crate::message::{Message, Run};
use crate::time::Timestamp;
use crate::topic::{Filter, Topic, TopicRef};

/// Entries looked at, and slots returned, while the map is locked once.
const PAGE_SCAN_MAX: usize = 2_048;
const PAGE_LEN_MAX: usize = 128;

#[derive(Debug)]
pub(crate) struct Slot {
    topic: Topic,
    state: Mutex<SlotState>,
}

#[derive(Debug, Default)]
pub(crate) struct SlotState {
    /// As MQTT keeps it: changed by messages with the retain flag only.
    pub(crate) retained: Option<Message>,
    /// A device's last report, whatever its flag.
    pub(crate) last: Option<Message>,
    /// Taken out of the map; whoever still holds it looks the topic up again.
    pub(crate) dead: bool,
    /// Noted for the disk.
    pub(crate) unsaved: bool,
}

impl SlotState {
    /// What somebody who asks for the present value gets: the last report, which stays true until the next one, else
    /// what is retained, unless its time is over.
    pub(crate) fn present(&self, now: Timestamp) -> Option<&Message> {
        self.last.as_ref().or_else(|| self.retained_at(now))
    }

    /// What is retained, unless its time is over.
    pub(crate) fn retained_at(&self, now: Timestamp) -> Option<&Message> {
        self.retained.as_ref().filter(|message| !message.is_expired(now))
    }
}

impl Slot {
    pub(crate) fn topic(&self) -> &Topic {
        &self.topic
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Slots {
    map: RwLock<BTreeMap<Topic, Arc<Slot>>>,
    retained_len: AtomicUsize,
    retained_bytes: AtomicUsize,
    /// Messages that were not retained because there are too many …
    refused_for_len: AtomicU64,
    /// … or because they take up too much.
    refused_for_bytes: AtomicU64,
}

/// What is retained, without what the hub says of itself under `$SYS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetainedFigures {
    /// How many messages.
    pub len: usize,
    /// Their topics, payloads and properties.
    pub bytes: usize,
    /// Messages refused because there are too many.
    pub refused_for_len: u64,
    /// Messages refused because they take up too much.
    pub refused_for_bytes: u64,
}

impl Slots {
    pub(crate) fn get(&self, topic: TopicRef<'_>) -> Option<Arc<Slot>> {
        self.map.read().get(topic.as_str()).cloned()
    }

    pub(crate) fn get_or_create(&self, topic: TopicRef<'_>) -> Arc<Slot> {
        if let Some(slot) = self.get(topic) {
            return slot;
        }
        let topic = topic.to_topic();
        let fresh = || Arc::new(Slot { topic: topic.clone(), state: Mutex::default() });
        Arc::clone(self.map.write().entry(topic.clone()).or_insert_with(fresh))
    }

    /// Whether what the run retains finds room; refusals are counted. Shards that ask at once may go over a bound by one
    /// message each. What takes no more room than what it replaces is always taken.
    pub(crate) fn check_room(&self, state: &SlotState, run: &Run<'_>, limits: &HubLimits) -> Result<(), Denied> {
        let payload = run.payloads().last().map_or(0, |payload| payload.len());
        let properties = run.message_properties().map_or(0, |properties| properties.bytes());
        // An empty payload clears.
        let bytes = if payload == 0 { 0 } else { run.topic().as_str().len() + payload + properties };
        let replaced = state.retained.as_ref().map_or(0, Message::bytes);
        let (denied, counter) =
            if bytes > 0 && state.retained.is_none() && self.figures().len >= limits.retained_len_max {
                (Denied::RetainedFull(limits.retained_len_max), &self.refused_for_len)
            } else if bytes > replaced && self.figures().bytes + (bytes - replaced) > limits.retained_bytes_max {
                (Denied::RetainedBytesFull(limits.retained_bytes_max), &self.refused_for_bytes)
            } else {
                return Ok(());
            };
        counter.fetch_add(1, Ordering::Relaxed);
        Err(denied)
    }

    /// Replaces the retained message, keeping count.
    pub(crate) fn retain(&self, state: &mut SlotState, message: Option<Message>) {
        if let Some(message) = &message {
            self.retained_len.fetch_add(1, Ordering::Relaxed);
            self.retained_bytes.fetch_add(message.bytes(), Ordering::Relaxed);
        }
        if let Some(replaced) = std::mem::replace(&mut state.retained, message) {
            self.retained_len.fetch_sub(1, Ordering::Relaxed);
            self.retained_bytes.fetch_sub(replaced.bytes(), Ordering::Relaxed);
        }
    }

    pub(crate) fn figures(&self) -> RetainedFigures {
        RetainedFigures {
            len: self.retained_len.load(Ordering::Relaxed),
            bytes: self.retained_bytes.load(Ordering::Relaxed),
            refused_for_len: self.refused_for_len.load(Ordering::Relaxed),
            refused_for_bytes: self.refused_for_bytes.load(Ordering::Relaxed),
        }
    }

    /// Takes an empty slot out of the map.
    pub(crate) fn forget_if_empty(&self, slot: &Arc<Slot>) {
        {
            let mut state = slot.lock();
            if state.last.is_some() || state.retained.is_some() || state.dead {
                return;
            }
            state.dead = true;
        }
        let mut map = self.map.write();
        if map.get(slot.topic()).is_some_and(|have| Arc::ptr_eq(have, slot)) {
            map.remove(slot.topic());
        }
    }

    /// Slots whose topics match, in order, starting behind `after`; bounded in what it looks at, so a long list takes
    /// several calls. Returns where to go on, or `None` at the end.
    pub(crate) fn page(&self, filter: &Filter, after: Option<&Topic>) -> (Vec<Arc<Slot>>, Option<Topic>) {
        if let Some(topic) = filter.as_topic() {
            return (self.get(topic).into_iter().collect(), None);
        }
        let prefix = filter.literal_prefix();
        let map = self.map.read();
        // "a/#" matches "a" too, which stands far before "a/b": other topics that begin with "a" lie between.
        let parent = prefix.strip_suffix('/').filter(|parent| !parent.is_empty());
        let parent = parent.filter(|parent| after.is_none_or(|topic| topic.as_str() < *parent));
        let parent = parent.and_then(|parent| map.get(parent)).filter(|slot| filter.matches(slot.topic().borrow()));
        let mut found: Vec<_> = parent.cloned().into_iter().collect();
        let start = match after {
            Some(topic) if topic.as_str() >= prefix => Bound::Excluded(topic.as_str()),
            // Behind the parent, at most.
            _ => Bound::Included(prefix),
        };
        for (seen, (topic, slot)) in map.range::<str, _>((start, Bound::Unbounded)).enumerate() {
            if !topic.as_str().starts_with(prefix) {
                break;
            }
            if filter.matches(topic.borrow()) {
                found.push(Arc::clone(slot));
            }
            if seen + 1 == PAGE_SCAN_MAX || found.len() >= PAGE_LEN_MAX {
                return (found, Some(topic.clone()));
            }
        }
        (found, None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_goes_on_wherever_it_stopped() {
        let slots = Slots::default();
        for topic in ["a", "a!", "a-b", "a/1", "a/2", "b"] {
            slots.get_or_create(TopicRef::parse(topic).unwrap());
        }
        let filter = Filter::parse("a/#").unwrap();
        for (after, expected) in [
            ("0", &["a", "a/1", "a/2"][..]),
            ("a", &["a/1", "a/2"]),
            ("a-b", &["a/1", "a/2"]),
            ("a/1", &["a/2"]),
            ("a/2", &[]),
            ("b", &[]),
        ] {
            let (found, rest) = slots.page(&filter, Some(&Topic::parse(after).unwrap()));
            let found: Vec<_> = found.iter().map(|slot| slot.topic().as_str()).collect();
            assert_eq!((&*found, rest), (expected, None), "{after}");
        }
    }

    proptest! {
        #[test]
        fn pages_hold_exactly_what_matches(
            topics in prop::collection::btree_set("[ab/-]{1,5}", 0..40),
            filter in prop::sample::select(vec!["#", "a/#", "a", "+/b", "a/+", "a/b/#", "/#", "b/+/a"]),
        ) {
            let slots = Slots::default();
            let filter = Filter::parse(filter).unwrap();
            for topic in &topics {
                slots.get_or_create(TopicRef::parse(topic).unwrap());
            }
            let (mut found, rest) = slots.page(&filter, None);
            found.sort_by(|a, b| a.topic().cmp(b.topic()));
            let found: Vec<_> = found.iter().map(|slot| slot.topic().as_str().to_owned()).collect();
            let expected: Vec<_> =
                topics.into_iter().filter(|topic| filter.matches(TopicRef::parse(topic).unwrap())).collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(rest, None);
        }
    }
}
