//! A bounded queue of encoded messages for one client that is written to by a task: a WebSocket or an event stream.
//!
//! Knows no format; its owner gives it an [`Encoding`]. MQTT has a mailbox of its own, which writes sockets itself.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};

use bytes::{Bytes, BytesMut};
use housewire_core::{Delivery, Encoded, Mailbox, Offer, Run};
use parking_lot::Mutex;
use tracing::warn;

use crate::clients::{Dropped, Figures, Measured};
use crate::shard::{Flush, Shard};
use crate::stats::Bound;

/// How a transport writes messages.
#[derive(Clone, Copy)]
pub(crate) struct Encoding {
    /// Of the transport's own range, see [`Run::encoded`] (MQTT 1, WebSocket 2, event stream 3); the lowest bit is free.
    pub(crate) key: u32,
    /// Appends the messages of a run, `is_stored` or live, and for each where it ends ([`Encoded::marks`]).
    pub(crate) write: fn(&Run<'_>, bool, &mut Encoded),
    /// What it is called in the log.
    pub(crate) name: &'static str,
}

/// Notes that a message ends here; see [`Encoding::write`].
pub(crate) fn end_message(encoded: &mut Encoded) {
    let end = u32::try_from(encoded.bytes.len()).expect("a run is read from a buffer far smaller than 4 GiB");
    encoded.marks.push(end);
}

/// Whole messages taken from the queue.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// One behind the other.
    pub(crate) bytes: Bytes,
    /// The length of each.
    pub(crate) lengths: Vec<usize>,
    /// Messages that were dropped behind these, because the client did not keep up.
    pub(crate) lost: u64,
}

/// See the module.
pub(crate) struct Outbox {
    peer: SocketAddr,
    encoding: Encoding,
    bytes_max: usize,
    this: Weak<Self>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whose flusher wakes the task; `None` once closed, since routes of that very shard may keep this alive.
    shard: Option<Shard>,
    bytes: BytesMut,
    lengths: VecDeque<usize>,
    /// Not told yet.
    lost: u64,
    /// Ever.
    lost_ever: u64,
    bytes_out: u64,
    /// The task that waits to be woken; the flusher does so once per tick.
    waiting: Option<Waker>,
    is_marked: bool,
    has_warned: bool,
}

impl Outbox {
    /// An empty queue of at most `bytes_max`, or of one larger message.
    pub(crate) fn new(shard: Shard, peer: SocketAddr, encoding: Encoding, bytes_max: usize) -> Arc<Self> {
        let state = Mutex::new(State { shard: Some(shard), ..State::default() });
        Arc::new_cyclic(|this| Self { peer, encoding, bytes_max, this: Weak::clone(this), state })
    }

    /// Takes messages of about `bytes_max` together, at least one; `None` if there are none.
    pub(crate) fn take(&self, bytes_max: usize) -> Option<Batch> {
        let mut state = self.state.lock();
        let mut batch = Batch::default();
        let mut taken = 0;
        while let Some(length) = state.lengths.front()
            && (taken == 0 || taken + length <= bytes_max)
        {
            taken += length;
            batch.lengths.push(*length);
            state.lengths.pop_front();
        }
        batch.bytes = state.bytes.split_to(taken).freeze();
        state.bytes_out += taken as u64;
        if state.lengths.is_empty() {
            // The rest of the allocation goes with what was taken: an idle client keeps no buffer.
            state.bytes = BytesMut::new();
            batch.lost = std::mem::take(&mut state.lost);
        }
        (!batch.lengths.is_empty() || batch.lost > 0).then_some(batch)
    }

    /// How much there is to take.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.state.lock().bytes.len()
    }

    /// Resolves when there is something to take.
    pub(crate) async fn filled(&self) {
        // Whoever no longer waits, because it was woken by something else, is not woken for what it takes itself.
        let _waiting = Waiting(self);
        poll_fn(|cx| {
            let mut state = self.state.lock();
            if !state.lengths.is_empty() {
                return Poll::Ready(());
            }
            match &mut state.waiting {
                Some(waker) => waker.clone_from(cx.waker()),
                nobody => *nobody = Some(cx.waker().clone()),
            }
            Poll::Pending
        })
        .await;
    }

    /// Frees the queue and takes no more: routes that are stale may keep the rest alive for a while.
    pub(crate) fn close(&self) {
        *self.state.lock() = State::default();
    }

    fn wake_at_end_of_tick(&self, state: &mut State) {
        if state.waiting.is_some()
            && !state.is_marked
            && let (Some(this), Some(shard)) = (self.this.upgrade(), &state.shard)
        {
            shard.flusher.mark(this);
            state.is_marked = true;
        }
    }
}

/// Waits for the outbox to be filled, while it lives.
struct Waiting<'a>(&'a Outbox);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state.lock().waiting = None;
    }
}

/// Queues what fits; how many messages did not.
fn queue(state: &mut State, encoded: &Encoded, bytes_max: usize) -> u64 {
    debug_assert!(!encoded.marks.is_empty(), "another transport uses the same key");
    let mut start = 0;
    let mut lost = 0;
    for end in &encoded.marks {
        let end = *end as usize;
        let message = &encoded.bytes[start..end];
        start = end;
        if state.bytes.is_empty() || state.bytes.len().saturating_add(message.len()) <= bytes_max {
            state.bytes.extend_from_slice(message);
            state.lengths.push_back(message.len());
        } else {
            lost += 1;
        }
    }
    state.lost += lost;
    state.lost_ever += lost;
    lost
}

impl Mailbox for Outbox {
    fn offer(&self, run: &Run<'_>, delivery: &Delivery) -> Offer {
        let Encoding { key, write, name } = self.encoding;
        let encoded =
            run.encoded(key | u32::from(delivery.retain), |run, encoded| write(run, delivery.retain, encoded));
        let mut state = self.state.lock();
        if state.shard.is_none() {
            return Offer::Closed;
        }
        // A stored value is offered only while there is room for it, however large it is: it would not come again.
        let bytes_max = if delivery.retain { usize::MAX } else { self.bytes_max };
        let lost = queue(&mut state, &encoded, bytes_max);
        self.wake_at_end_of_tick(&mut state);
        if lost == 0 {
            return Offer::Taken;
        }
        if let Some(shard) = &state.shard {
            shard.stats.reach_by(Bound::ChannelQueueBytes, lost);
        }
        if !std::mem::replace(&mut state.has_warned, true) {
            drop(state);
            warn!(peer = %self.peer, "this {name} client reads too slowly: messages to it are dropped");
        }
        Offer::Dropped
    }

    fn is_congested(&self) -> bool {
        // Half is left for what is live.
        self.queued_bytes() > self.bytes_max / 2
    }
}

impl Measured for Outbox {
    fn figures(&self) -> Figures {
        let state = self.state.lock();
        Figures {
            in_flight: 0,
            queued: state.lengths.len(),
            queued_bytes: state.bytes.len(),
            output_bytes: state.bytes.len(),
            bytes_out: state.bytes_out,
            dropped: Dropped { overflow: state.lost_ever, ..Dropped::default() },
        }
    }
}

impl Flush for Outbox {
    fn flush(&self) {
        let waiting = {
            let mut state = self.state.lock();
            state.is_marked = false;
            state.waiting.take()
        };
        if let Some(waker) = waiting {
            waker.wake();
        }
    }
}
