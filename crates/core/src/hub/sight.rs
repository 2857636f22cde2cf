//! What the hub knows of itself: figures for whoever watches it, and the messages under `$SYS` that tell them.
//!
//! Which figures those are, and when they are told, belongs to the server.

use std::sync::atomic::Ordering;

use crate::denied::Denied;
use crate::hub::Hub;
use crate::message::{Qos, Run};
use crate::slots::RetainedFigures;
use crate::time::Now;
use crate::topic::TopicRef;

/// How full the hub is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HubFigures {
    /// Retained messages.
    pub retained: RetainedFigures,
    /// Subscriptions of all subscribers but those that are parts of the program.
    pub subscriptions: usize,
    /// How many of these are shared.
    pub shared_subscriptions: usize,
    /// Registered devices.
    pub devices: usize,
    /// How often a topic or filter was too long or too deep.
    pub topics_refused: u64,
}

impl Hub {
    /// How full the hub is.
    pub fn figures(&self) -> HubFigures {
        let (subscriptions, shared_subscriptions) = {
            let trie = self.trie.read();
            (trie.len(), trie.shared_len())
        };
        HubFigures {
            retained: self.slots.figures(),
            subscriptions: subscriptions.saturating_add_signed(-self.own_subscriptions.load(Ordering::Relaxed)),
            shared_subscriptions,
            devices: self.registry.len(),
            topics_refused: self.topics_refused.load(Ordering::Relaxed),
        }
    }

    /// Whether a topic or filter is within the bounds of this hub; refusals are counted.
    pub(crate) fn check_topic(&self, text: &str) -> Result<(), Denied> {
        let checked = self.options.limits.check(text);
        if checked.is_err() {
            self.topics_refused.fetch_add(1, Ordering::Relaxed);
        }
        checked
    }

    /// Makes a topic below `$SYS` say this, to whoever is subscribed and to whoever will be; says nothing if it said so
    /// before. It is retained in memory alone: after a start it would be wrong, so the disk never sees it, and it counts
    /// towards no bound.
    pub fn publish_sys(&self, topic: TopicRef<'_>, payload: &str, now: Now) {
        debug_assert!(topic.as_str().starts_with("$SYS/"), "anything else has bounds and a place on disk");
        let slot = self.slots.get_or_create(topic);
        let mut state = slot.lock();
        if state.retained.as_ref().is_some_and(|message| message.payload == payload) {
            return;
        }
        let payloads = [payload.as_bytes()];
        let mut run = Run::new(topic, &payloads).qos(Qos::ExactlyOnce).retain(true);
        run.time = now.wall;
        // A slot below `$SYS` is never emptied, so it is not dead.
        state.retained = Some(run.message(slot.topic(), 0));
        self.own_routes.route(self, topic).offer(&run);
    }
}
