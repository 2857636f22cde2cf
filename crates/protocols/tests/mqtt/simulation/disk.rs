//! What the disk holds of sessions. A batch is applied whole or not at all.

use std::collections::{BTreeMap, BTreeSet};

use housewire_core::Qos;
use housewire_protocols::limits::MqttLimits;
use housewire_protocols::mqtt::*;

use super::witness::{Kind, Violation, violation};

/// Bytes of a run that may come on top of what is held: six messages of at most 42.
const RUN_BYTES_MAX: usize = 6 * 42;

/// When something of a session comes due.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    /// So many milliseconds after the connection is gone.
    AfterLoss(u64),
    /// At this moment: the connection is gone.
    At(u64),
}

impl When {
    /// The moment, if the connection is gone now at the latest.
    pub(super) fn resolve(self, now_ms: u64) -> u64 {
        match self {
            Self::AfterLoss(delay_ms) => now_ms + delay_ms,
            Self::At(at_ms) => at_ms,
        }
    }
}

/// What a session is, apart from its messages; written anew as a whole when something of it changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) subscriptions: BTreeMap<String, Qos>,
    pub(super) will: Option<(WillMessage, When)>,
    /// `None`: never.
    pub(super) end: Option<When>,
}

#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) facts: Facts,
    pub(super) messages: BTreeMap<u64, (Option<Held>, Step)>,
    pub(super) received: BTreeSet<PacketId>,
}

/// A session's part of a batch.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) client: String,
    /// The session that it was taken from, while the hub runs.
    pub(super) session: u64,
    /// What the disk has under this name belongs to an older session.
    pub(super) begins_anew: bool,
    /// `None`: there is no session under this name.
    pub(super) facts: Option<Facts>,
    /// For [`Outbound::saved`].
    pub(super) taken: u64,
    pub(super) changes: JournalChanges,
}

#[derive(Debug)]
pub(super) struct Batch {
    pub(super) number: u64,
    pub(super) parts: Vec<Part>,
}

/// What is left when the hub crashes.
#[derive(Debug, Default)]
pub(super) struct Disk {
    pub(super) rows: BTreeMap<String, Row>,
}

impl Disk {
    /// The last message number that is in use.
    pub(super) fn last_id(&self) -> u64 {
        self.rows.values().filter_map(|row| row.messages.keys().next_back()).max().copied().unwrap_or(0)
    }

    pub(super) fn apply(&mut self, batch: &Batch, limits: &MqttLimits) -> Result<(), Violation> {
        for part in &batch.parts {
            if part.begins_anew {
                self.rows.remove(&part.client);
            }
            let Some(facts) = &part.facts else { continue };
            let row = self.rows.entry(part.client.clone()).or_default();
            row.facts = facts.clone();
            row.apply(&part.changes)?;
            row.check(&part.client, limits)?;
        }
        Ok(())
    }
}

impl Row {
    fn apply(&mut self, changes: &JournalChanges) -> Result<(), Violation> {
        for (id, change) in &changes.messages {
            match change {
                MessageChange::New(kept) => drop(self.messages.insert(*id, (kept.held.clone(), kept.step))),
                MessageChange::Moved(step) => {
                    let Some((held, before)) = self.messages.get_mut(id) else {
                        return violation(Kind::Journal, format!("message {id} moved to {step:?} and is not on disk"));
                    };
                    *before = *step;
                    if matches!(step, Step::Released(_)) {
                        *held = None;
                    }
                }
                MessageChange::Finished => drop(self.messages.remove(id)),
            }
        }
        for (packet_id, is_received) in &changes.received {
            if *is_received {
                self.received.insert(*packet_id);
            } else {
                self.received.remove(packet_id);
            }
        }
        Ok(())
    }

    /// What is on disk is what was held in memory when the batch was taken, and so shows whether the bounds are kept.
    fn check(&self, client: &str, limits: &MqttLimits) -> Result<(), Violation> {
        let waiting = self.messages.values().filter(|(_, step)| *step == Step::Waiting).count();
        let begun = self.messages.len() - waiting;
        let held = self.messages.values().filter_map(|(held, _)| held.as_ref());
        let bytes: usize = held.map(|held| held.message.topic.as_str().len() + held.message.payload.len()).sum();
        if waiting > limits.queue_len_max
            || begun > usize::from(limits.in_flight_max)
            || bytes > limits.queue_bytes_max + RUN_BYTES_MAX
        {
            return violation(
                Kind::Bound,
                format!("{client} has {waiting} waiting, {begun} in flight, {bytes} bytes; the limits are {limits:?}"),
            );
        }
        Ok(())
    }
}
