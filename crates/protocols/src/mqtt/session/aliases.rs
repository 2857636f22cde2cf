//! Topic aliases towards a client: which topics have a number on this connection.
//!
//! Which packets use them belongs to `outbound`. All is counted in bytes: an alias takes three in each packet and saves the
//! topic's in all but the first.

use std::hash::{BuildHasher as _, BuildHasherDefault};

use rustc_hash::FxHasher;

use crate::mqtt::codec::ALIAS_BYTES;

/// What a slot is worth when it is new, in uses: as many messages to topics that come again are needed to take it away.
const GRACE_USES: usize = 4;
/// What a slot may be worth at the most, in uses, so that topics that were busy once make room.
const CREDIT_USES_MAX: usize = 64;

/// How a topic is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// In full.
    Full,
    /// By its alias, which the client knows.
    Known(u16),
    /// In full, with an alias that stands for it from then on; for [`Aliases::assign`] when that is sent.
    New(u16),
}

#[derive(Debug)]
struct Slot {
    topic: Box<str>,
    /// Bytes saved, less those that others could have saved in its place.
    credit: usize,
}

/// A connection's aliases.
#[derive(Debug)]
pub(super) struct Aliases {
    len_max: usize,
    /// Alias 1, 2 …
    slots: Vec<Slot>,
    /// Hashes of topics that were sent without an alias lately: who comes but once competes for none.
    seen: [u32; SEEN_LEN],
}

const SEEN_LEN: usize = 32;

fn saved(topic: &str) -> usize {
    topic.len().saturating_sub(ALIAS_BYTES)
}

fn alias(index: usize) -> u16 {
    u16::try_from(index + 1).expect("there are at most as many slots as aliases")
}

impl Aliases {
    /// `None` if the client takes no aliases.
    pub(super) fn new(len_max: u16) -> Option<Box<Self>> {
        (len_max > 0).then(|| Box::new(Self { len_max: len_max.into(), slots: Vec::new(), seen: [0; SEEN_LEN] }))
    }

    /// How so many messages to a topic are to be sent now.
    pub(super) fn plan(&mut self, topic: &str, messages: usize) -> Plan {
        let saved = saved(topic);
        if saved == 0 {
            return Plan::Full;
        }
        if let Some(index) = self.slots.iter().position(|slot| &*slot.topic == topic) {
            let slot = &mut self.slots[index];
            slot.credit = (slot.credit + saved * messages).min(saved * CREDIT_USES_MAX);
            return Plan::Known(alias(index));
        }
        if self.slots.len() < self.len_max {
            return Plan::New(alias(self.slots.len()));
        }
        if !self.was_seen(topic) && messages == 1 {
            return Plan::Full;
        }
        let poorest = self.slots.iter_mut().enumerate().min_by_key(|(_, slot)| slot.credit);
        let Some((index, slot)) = poorest else { return Plan::Full };
        match slot.credit.checked_sub(saved * messages) {
            Some(left) => {
                slot.credit = left;
                Plan::Full
            }
            None => Plan::New(alias(index)),
        }
    }

    /// Whether the topic was here before, as far as is remembered; it is from now on.
    fn was_seen(&mut self, topic: &str) -> bool {
        let hash = BuildHasherDefault::<FxHasher>::default().hash_one(topic);
        let (place, rest) = (hash as usize % SEEN_LEN, (hash >> 32) as u32);
        std::mem::replace(&mut self.seen[place], rest) == rest
    }

    /// The client is told that this alias stands for this topic.
    pub(super) fn assign(&mut self, alias: u16, topic: &str) {
        let slot = Slot { topic: topic.into(), credit: saved(topic) * GRACE_USES };
        match self.slots.get_mut(usize::from(alias) - 1) {
            Some(old) => *old = slot,
            None => self.slots.push(slot),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sends one message; the bytes that topic and alias take.
    fn send(aliases: &mut Aliases, topic: &str) -> usize {
        match aliases.plan(topic, 1) {
            Plan::Full => topic.len(),
            Plan::Known(_) => ALIAS_BYTES,
            Plan::New(alias) => {
                aliases.assign(alias, topic);
                topic.len() + ALIAS_BYTES
            }
        }
    }

    proptest! {
        /// Whatever is sent: little is wasted, and no alias is higher than the client takes.
        #[test]
        fn what_is_wasted_is_bounded(
            len_max in 1..20_u16,
            topics in prop::collection::vec((0..40_usize, 1..30_usize), 1..400),
        ) {
            let mut aliases = Aliases::new(len_max).unwrap();
            let (mut full, mut sent) = (0, 0);
            for (number, len) in &topics {
                let topic = format!("{number:02}{}", "x".repeat(*len));
                full += topic.len();
                sent += send(&mut aliases, &topic);
                prop_assert!(aliases.slots.len() <= usize::from(len_max));
            }
            // Each slot once, and then what it takes to replace one: as many uses as a new one is worth.
            let waste = ALIAS_BYTES * (usize::from(len_max) + topics.len());
            prop_assert!(sent <= full + waste, "{sent} {full}");
        }
    }

    #[test]
    fn busy_topics_find_a_slot_among_a_thousand() {
        let mut aliases = Aliases::new(4).unwrap();
        let (mut full, mut sent) = (0, 0);
        for round in 0..10 {
            send(&mut aliases, &format!("first/{round}"));
        }
        for round in 0..2_000 {
            let topics = [format!("home/sensor/{round:04}/once"), "home/lamp/power".into(), "home/fan/speed".into()];
            for topic in topics {
                full += topic.len();
                sent += send(&mut aliases, &topic);
            }
        }
        // The two busy ones take 29 bytes of 50, and 6 by their aliases.
        assert!(sent < full * 28 / 50, "{sent} of {full}");
    }

    #[test]
    fn short_topics_and_clients_without_aliases_are_left_alone() {
        assert!(Aliases::new(0).is_none());
        let mut aliases = Aliases::new(1).unwrap();
        assert_eq!(aliases.plan("a/b", 1), Plan::Full);
        assert_eq!(aliases.plan("a/bc", 1), Plan::New(1));
        assert_eq!(aliases.plan("a/bc", 1), Plan::New(1), "until it was sent");
        aliases.assign(1, "a/bc");
        assert_eq!(aliases.plan("a/bc", 1), Plan::Known(1));
    }

    #[test]
    fn a_topic_that_was_busy_once_makes_room() {
        let mut aliases = Aliases::new(1).unwrap();
        aliases.assign(1, "was/busy");
        aliases.plan("was/busy", 1_000_000);
        let rounds = (0..).find(|_| send(&mut aliases, "is/busy_") > 8).unwrap();
        // The first one is remembered, and the rest take the credit away.
        assert_eq!(rounds, CREDIT_USES_MAX + 1);
    }
}
