//! What a member of a group leaves behind goes to the others (MQTT 5 section 4.8.2).
//!
//! To those who are connected when its connection ends; when its session ends, to those who may come back too.

use std::sync::Arc;

use housewire_core::{Share, Takers};
use housewire_protocols::mqtt::SharedMessage;
use tracing::warn;

use crate::mqtt::sessions::{Session, Sessions};

impl Sessions {
    /// The client is gone and its session is kept: what nobody else can take now waits for it.
    pub(super) fn hand_on_from_away(&self, session: &Session) {
        let left = session.mailbox.shared_messages();
        if !left.is_empty() {
            let _together = self.hub.in_one_batch();
            let given = self.hand_on(session, left, Takers::Ready);
            session.mailbox.let_go(&given, 0);
        }
    }

    /// The session is over, and its subscriptions are no more: these are all that was left of it.
    pub(super) fn hand_on_from_ended(&self, session: &Session, left: Vec<SharedMessage>) {
        if left.is_empty() {
            return;
        }
        let _together = self.hub.in_one_batch();
        let count = left.len();
        let given = self.hand_on(session, left, Takers::Kept);
        let unclaimed = count - given.len();
        session.mailbox.let_go(&given, unclaimed);
        if unclaimed > 0 {
            self.stats.drop_messages(unclaimed as u64);
            warn!(
                unclaimed,
                "messages of a shared subscription are lost: its last member left before they were delivered"
            );
        }
    }

    /// Offers messages in their order; those that somebody took.
    fn hand_on(&self, session: &Session, left: Vec<SharedMessage>, takers: Takers) -> Vec<SharedMessage> {
        // A group in which nobody could take one message is not asked again, which keeps the order, too.
        let mut deserted: Vec<Arc<Share>> = Vec::new();
        let is_taken = |left: &SharedMessage| {
            let is_taken =
                !deserted.contains(&left.share) && self.hub.hand_on(&left.share, &left.message, session.id, takers);
            if !is_taken && !deserted.contains(&left.share) {
                deserted.push(Arc::clone(&left.share));
            }
            is_taken
        };
        let mut left = left;
        left.retain(is_taken);
        left
    }
}
