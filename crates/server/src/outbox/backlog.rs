//! Messages for a client that is behind, entry by entry: a newer value takes the place of an older one that still waits.
//!
//! It takes its place rather than a new one at the end, so that a topic that changes often comes to its turn as the others do; and only
//! if nothing else of its topic stands behind it, so that the order of each topic stays.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

/// What an entry takes up beside its message and its topic, about.
const ENTRY_BYTES: usize = 128;

/// A message that waits.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) bytes: Bytes,
    /// It is kept until this is acknowledged.
    pub(super) sequence: Option<u64>,
    /// Of a value that may be replaced.
    topic: Option<Arc<str>>,
}

/// Where a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Behind,
    /// In place of an older one.
    Replacing,
    /// There is no room.
    None,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    entries: VecDeque<Entry>,
    /// How many entries were taken since the beginning: the number of the first one here.
    taken: u64,
    /// The entry of each topic that a newer value of it replaces.
    newest: HashMap<Arc<str>, u64>,
    /// Of entries without a number, with their topics and what else they take up.
    bytes: usize,
    message_bytes: usize,
}

impl Backlog {
    /// Puts a message behind the others, or in the place of an older one if it is a value; entries may take up `room` together.
    pub(super) fn push(&mut self, message: &[u8], topic: &str, is_value: bool, room: usize) -> Place {
        let replaceable = if is_value { self.newest.get(topic) } else { None };
        if let Some(number) = replaceable {
            let entry = &mut self.entries[(number - self.taken) as usize];
            let grown = (self.bytes + message.len()).saturating_sub(entry.bytes.len());
            if message.len() > entry.bytes.len() && grown > room {
                return Place::None;
            }
            self.bytes = grown;
            self.message_bytes = self.message_bytes + message.len() - entry.bytes.len();
            entry.bytes = Bytes::copy_from_slice(message);
            return Place::Replacing;
        }
        let topic = if is_value {
            Some(Arc::<str>::from(topic))
        } else {
            self.newest.remove(topic);
            None
        };
        let entry = Entry { bytes: Bytes::copy_from_slice(message), sequence: None, topic };
        let cost = cost(&entry);
        if self.bytes.saturating_add(cost) > room {
            return Place::None;
        }
        self.bytes += cost;
        if let Some(topic) = &entry.topic {
            self.newest.insert(Arc::clone(topic), self.taken + self.entries.len() as u64);
        }
        self.message_bytes += message.len();
        self.entries.push_back(entry);
        Place::Behind
    }

    /// Puts a message behind the others that is neither replaced nor counted here.
    pub(super) fn push_numbered(&mut self, bytes: Bytes, topic: &str, sequence: u64) {
        self.newest.remove(topic);
        self.message_bytes += bytes.len();
        self.entries.push_back(Entry { bytes, sequence: Some(sequence), topic: None });
    }

    pub(super) fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        if let Some(topic) = &entry.topic
            && self.newest.get(topic) == Some(&self.taken)
        {
            self.newest.remove(topic);
        }
        self.taken += 1;
        self.message_bytes -= entry.bytes.len();
        if entry.sequence.is_none() {
            self.bytes -= cost(&entry);
        }
        Some(entry)
    }

    /// The length of the next message.
    pub(super) fn next_len(&self) -> Option<usize> {
        self.entries.front().map(|entry| entry.bytes.len())
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What counts towards the bound.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The messages alone, numbered ones too.
    pub(super) fn message_bytes(&self) -> usize {
        self.message_bytes
    }
}

fn cost(entry: &Entry) -> usize {
    // The topic stands in the entry and in the map, and is there once.
    ENTRY_BYTES + entry.bytes.len() + entry.topic.as_ref().map_or(0, |topic| topic.len())
}
