//! Acknowledgements that may not leave before the disk has what they promise.
//!
//! They leave in the order of the publications [MQTT-4.6.0-2], [MQTT-4.6.0-3], so one that waits holds back those behind
//! it, even if these promise nothing that has to be on disk.

use std::collections::VecDeque;

use housewire_core::{BatchNumber, Qos};
use housewire_protocols::mqtt::{Inbound, PacketId};
use tokio::sync::watch;

use crate::mqtt::outcome::OwnedOutcome;
use crate::persist::Durability;

/// As many may wait; nothing more is read from the client then.
const WITHHELD_MAX: usize = 4_096;

/// A PUBACK or PUBREC to be.
pub(super) struct DueAck {
    pub(super) packet_id: PacketId,
    pub(super) qos: Qos,
    pub(super) outcome: OwnedOutcome,
}

impl DueAck {
    fn send(&self, inbound: &mut Inbound, replies: &mut Vec<u8>) {
        inbound.acknowledge(self.packet_id, self.qos, self.outcome.as_outcome(), replies);
    }
}

/// See the module.
pub(super) struct Withheld {
    queue: VecDeque<(BatchNumber, DueAck)>,
    durability: Durability,
    saved: watch::Receiver<BatchNumber>,
}

impl Withheld {
    pub(super) fn new(durability: Durability) -> Self {
        Self { queue: VecDeque::new(), saved: durability.saved(), durability }
    }

    /// Sends the acknowledgement now, or when the disk has the batch `due` and all before it were sent.
    pub(super) fn send(&mut self, ack: DueAck, due: Option<BatchNumber>, inbound: &mut Inbound, replies: &mut Vec<u8>) {
        let last = self.queue.back().map(|(batch, _)| *batch);
        match (due, last) {
            (None, None) => return ack.send(inbound, replies),
            (Some(batch), last) => self.queue.push_back((last.map_or(batch, |last| last.max(batch)), ack)),
            (None, Some(last)) => self.queue.push_back((last, ack)),
        }
        if last.is_none() {
            self.durability.hurry();
        }
    }

    /// Sends those that the disk allows.
    pub(super) fn release(&mut self, inbound: &mut Inbound, replies: &mut Vec<u8>) {
        let saved = *self.saved.borrow_and_update();
        while self.queue.front().is_some_and(|(batch, _)| *batch <= saved) {
            let Some((_, ack)) = self.queue.pop_front() else { break };
            ack.send(inbound, replies);
        }
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        } else {
            // What is still due was noted after the batch that was just written.
            self.durability.hurry();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= WITHHELD_MAX
    }

    /// Resolves when the disk has more than it had at the last release; never if the hub has stopped writing.
    pub(super) async fn changed(&mut self) {
        if self.saved.changed().await.is_err() {
            std::future::pending().await
        }
    }
}
