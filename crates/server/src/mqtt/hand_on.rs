//! What a member of a group leaves behind goes to the others (MQTT 5 section 4.8.2).
//!
//! To those who are connected when its connection ends; when its session ends, to those who may come back too.

use housewire_core::{Others, Takers};
use housewire_protocols::mqtt::SharedMessage;
use tracing::warn;

use crate::mqtt::sessions::{Session, Sessions};

/// So many messages are handed on in one go: a batch for the disk waits for these, not for all that is left.
const PORTION_LEN: usize = 64;

impl Sessions {
    /// The client is gone and its session is kept: what nobody else takes now waits for it.
    pub(super) fn hand_on_from_away(&self, session: &Session) {
        self.hand_on(session, &session.mailbox.shared_messages(), Takers::Ready);
    }

    /// The session is over and takes nothing any more: this is all that was left of it.
    pub(super) fn hand_on_from_ended(&self, session: &Session, left: &[SharedMessage]) {
        let unclaimed = self.hand_on(session, left, Takers::Kept);
        if unclaimed > 0 {
            session.mailbox.note_unclaimed(unclaimed);
            self.stats.drop_messages(unclaimed as u64);
            warn!(
                unclaimed,
                "messages of a shared subscription are lost: a member left before they were delivered, and no other took them"
            );
        }
    }

    /// Offers messages in their order; how many nobody took.
    fn hand_on(&self, session: &Session, left: &[SharedMessage], takers: Takers) -> usize {
        let mut refused = 0;
        for portion in left.chunks(PORTION_LEN) {
            // On disk each message is with one session or with the other, never with none.
            let _together = self.hub.in_one_batch();
            let given = self.hand_on_portion(session, portion, takers);
            refused += portion.len() - given.len();
            session.mailbox.let_go(&given);
        }
        refused
    }

    /// Those that somebody took.
    fn hand_on_portion(&self, session: &Session, left: &[SharedMessage], takers: Takers) -> Vec<SharedMessage> {
        let mut groups: Vec<Others> = Vec::new();
        let mut is_taken = |left: &&SharedMessage| {
            let place = groups.iter().position(|others| others.is_of(&left.share)).unwrap_or_else(|| {
                groups.push(self.hub.others(&left.share, session.id()));
                groups.len() - 1
            });
            groups[place].offer(&left.message, takers)
        };
        left.iter().filter(|left| is_taken(left)).cloned().collect()
    }
}
