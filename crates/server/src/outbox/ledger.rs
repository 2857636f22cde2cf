//! What was sent to a client that may come back, and has not been acknowledged: it is sent again when the client does.
//!
//! Numbers begin with 1 and leave none out. When there is no room, what was sent longest ago is forgotten first: it has most likely arrived.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// What a kept message takes up beside its bytes, about.
const KEPT_BYTES: usize = 128;

/// See the module.
#[derive(Debug)]
pub(super) struct Ledger {
    bytes_max: usize,
    /// All that are kept, whether they wait, were sent, or are to be sent again.
    bytes: usize,
    /// Of these, those in `sent`, which may be forgotten.
    sent_bytes: usize,
    last_number: u64,
    /// The last one that was handed out.
    last_sent: u64,
    /// The last one that is no longer here, acknowledged or forgotten.
    last_gone: u64,
    /// Handed out, in order.
    sent: VecDeque<Kept>,
    /// To be handed out again, in order, behind those in `sent` and before everything else.
    again: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    sequence: u64,
    bytes: Bytes,
}

impl Kept {
    fn cost(&self) -> usize {
        self.bytes.len() + KEPT_BYTES
    }
}

impl Ledger {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            bytes: 0,
            sent_bytes: 0,
            last_number: 0,
            last_sent: 0,
            last_gone: 0,
            sent: VecDeque::new(),
            again: VecDeque::new(),
        }
    }

    /// The number of the next message, if it is admitted.
    pub(super) fn next_number(&self) -> u64 {
        self.last_number + 1
    }

    /// Keeps room for a message with the next number, so many bytes long with it; `false` if there is none, unless it must be kept.
    pub(super) fn admit(&mut self, length: usize, must_be_kept: bool) -> bool {
        let cost = length + KEPT_BYTES;
        while self.bytes.saturating_add(cost) > self.bytes_max
            && let Some(oldest) = self.sent.pop_front()
        {
            self.sent_bytes -= oldest.cost();
            self.gone(&oldest);
        }
        // One alone may be larger.
        if self.bytes.saturating_add(cost) > self.bytes_max && self.bytes > 0 && !must_be_kept {
            return false;
        }
        self.bytes += cost;
        self.last_number += 1;
        true
    }

    /// Whether what is not sent yet takes up half of the room.
    pub(super) fn is_congested(&self) -> bool {
        self.bytes - self.sent_bytes > self.bytes_max / 2
    }

    /// A message leaves for the first time.
    pub(super) fn sent(&mut self, sequence: u64, bytes: Bytes) {
        self.last_sent = sequence;
        self.keep_sent(Kept { sequence, bytes });
    }

    fn keep_sent(&mut self, kept: Kept) {
        self.sent_bytes += kept.cost();
        self.sent.push_back(kept);
    }

    fn gone(&mut self, kept: &Kept) {
        self.bytes -= kept.cost();
        self.last_gone = kept.sequence;
    }

    /// The client has everything up to this number; `false` if that was never sent.
    pub(super) fn acknowledge(&mut self, sequence: u64) -> bool {
        if sequence > self.last_sent {
            return false;
        }
        while self.sent.front().is_some_and(|oldest| oldest.sequence <= sequence)
            && let Some(oldest) = self.sent.pop_front()
        {
            self.sent_bytes -= oldest.cost();
            self.gone(&oldest);
        }
        while self.again.front().is_some_and(|oldest| oldest.sequence <= sequence)
            && let Some(oldest) = self.again.pop_front()
        {
            self.gone(&oldest);
        }
        true
    }

    /// The client is back and has everything up to this number: the rest of what was sent is to be sent again. How many messages behind
    /// that number are no longer here; `None` if it was never sent.
    pub(super) fn resume(&mut self, last: u64) -> Option<u64> {
        let lost = self.last_gone.saturating_sub(last);
        if !self.acknowledge(last) {
            return None;
        }
        self.sent.append(&mut self.again);
        self.again = std::mem::take(&mut self.sent);
        self.sent_bytes = 0;
        Some(lost)
    }

    /// Takes of what is to be sent again, about `bytes_max`, at least one.
    pub(super) fn take_again(&mut self, bytes_max: usize) -> Option<(Bytes, Vec<usize>)> {
        let (mut bytes, mut lengths) = (BytesMut::new(), Vec::new());
        while self.again.front().is_some_and(|kept| bytes.is_empty() || bytes.len() + kept.bytes.len() <= bytes_max)
            && let Some(kept) = self.again.pop_front()
        {
            bytes.extend_from_slice(&kept.bytes);
            lengths.push(kept.bytes.len());
            self.keep_sent(kept);
        }
        (!lengths.is_empty()).then(|| (bytes.freeze(), lengths))
    }

    pub(super) fn has_again(&self) -> bool {
        !self.again.is_empty()
    }

    pub(super) fn again_len(&self) -> usize {
        self.again.len()
    }

    pub(super) fn again_bytes(&self) -> usize {
        self.again.iter().map(|kept| kept.bytes.len()).sum()
    }

    pub(super) fn sent_len(&self) -> usize {
        self.sent.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
