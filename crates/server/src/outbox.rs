//! A bounded queue of encoded messages for one client that is written to by a task: a WebSocket or an event stream.
//!
//! Knows no format; its owner gives it an [`Encoding`]. MQTT has a mailbox of its own, which writes sockets itself.

mod backlog;
mod ledger;
mod queue;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};

use bytes::BytesMut;
use housewire_core::{Delivery, Encoded, Mailbox, Offer, Qos, Run};
use parking_lot::Mutex;
use tracing::warn;

use crate::clients::{Dropped, Figures, Measured};
pub(crate) use crate::outbox::queue::Batch;
use crate::outbox::queue::{Kind, Pushed, Queue};
use crate::shard::{Flush, Shard};
use crate::stats::Bound;

/// How a transport writes messages.
#[derive(Clone, Copy)]
pub(crate) struct Encoding {
    /// Of the transport's own range, see [`Run::encoded`] (MQTT 1, WebSocket 2, event stream 3); the lowest bit is free.
    pub(crate) key: u32,
    /// Appends the messages of a run, `is_stored` or live, and for each where it ends ([`Encoded::marks`]).
    pub(crate) write: fn(&Run<'_>, bool, &mut Encoded),
    /// Appends a message that `write` wrote, with a sequence number in it.
    pub(crate) number: fn(&[u8], u64, &mut BytesMut),
    /// What it is called in the log.
    pub(crate) name: &'static str,
}

/// Notes that a message ends here; see [`Encoding::write`].
pub(crate) fn end_message(encoded: &mut Encoded) {
    let end = u32::try_from(encoded.bytes.len()).expect("a run is read from a buffer far smaller than 4 GiB");
    encoded.marks.push(end);
}

/// See the module.
pub(crate) struct Outbox {
    encoding: Encoding,
    bytes_max: usize,
    this: Weak<Self>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whose flusher wakes the task, and who is written to; `None` once closed, since routes of that very shard may keep this alive.
    line: Option<Line>,
    queue: Queue,
    /// Ever.
    lost: u64,
    conflated: u64,
    bytes_out: u64,
    /// The task that waits to be woken; the flusher does so once per tick.
    waiting: Option<Waker>,
    is_marked: bool,
    has_warned: bool,
}

struct Line {
    shard: Shard,
    peer: SocketAddr,
}

impl Outbox {
    /// An empty queue of at most `bytes_max`, or of one larger message.
    pub(crate) fn new(shard: Shard, peer: SocketAddr, encoding: Encoding, bytes_max: usize) -> Arc<Self> {
        let state = Mutex::new(State { line: Some(Line { shard, peer }), ..State::default() });
        Arc::new_cyclic(|this| Self { encoding, bytes_max, this: Weak::clone(this), state })
    }

    /// Whether its messages look like this.
    pub(crate) fn is_encoded(&self, encoding: &Encoding) -> bool {
        self.encoding.key == encoding.key
    }

    /// Takes messages of about `bytes_max` together, at least one; `None` if there are none.
    pub(crate) fn take(&self, bytes_max: usize) -> Option<Batch> {
        let mut state = self.state.lock();
        let batch = state.queue.take(bytes_max);
        state.bytes_out += batch.as_ref().map_or(0, |batch| batch.bytes.len() as u64);
        batch
    }

    /// How much there is to take.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.state.lock().queue.bytes()
    }

    /// The client may come back: from now on messages of QoS 1 and 2 are numbered, and kept until they are acknowledged, `bytes_max` of
    /// them.
    pub(crate) fn keep(&self, bytes_max: usize) {
        self.state.lock().queue.keep(bytes_max);
    }

    /// The client has everything up to this number; `false` if it was never sent.
    pub(crate) fn acknowledge(&self, sequence: u64) -> bool {
        self.state.lock().queue.acknowledge(sequence)
    }

    /// The client is back on this line, and has everything up to this number; what else was sent comes again. How many messages behind
    /// that number are lost; `None`, and nothing is changed, if it was never sent.
    pub(crate) fn resume(&self, last: u64, shard: Shard, peer: SocketAddr) -> Option<u64> {
        let mut state = self.state.lock();
        let lost = state.queue.resume(last)?;
        if state.line.is_some() {
            state.line = Some(Line { shard, peer });
            // The mark was for the flusher of another shard, perhaps.
            state.is_marked = false;
            state.has_warned = false;
        }
        Some(lost)
    }

    /// Resolves when there is something to take.
    pub(crate) async fn filled(&self) {
        // Whoever no longer waits, because it was woken by something else, is not woken for what it takes itself.
        let _waiting = Waiting(self);
        poll_fn(|cx| {
            let mut state = self.state.lock();
            if !state.queue.is_empty() {
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
            && let (Some(this), Some(line)) = (self.this.upgrade(), &state.line)
        {
            line.shard.flusher.mark(this);
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

impl Mailbox for Outbox {
    fn offer(&self, run: &Run<'_>, delivery: &Delivery) -> Offer {
        let Encoding { key, write, number, name } = self.encoding;
        let encoded =
            run.encoded(key | u32::from(delivery.retain), |run, encoded| write(run, delivery.retain, encoded));
        let mut state = self.state.lock();
        if state.line.is_none() {
            return Offer::Closed;
        }
        let topic = run.topic();
        let qos = delivery.qos.min(run.published_qos());
        let is_numbered = qos > Qos::AtMostOnce && state.queue.keeps();
        let kind = match run.is_state() {
            // A stored value is offered only while there is room for it, however large it is: it would not come again.
            _ if delivery.retain => Kind::Stored,
            true => Kind::State,
            false => Kind::Event,
        };
        let Pushed { lost, conflated } = if is_numbered {
            state.queue.push_numbered(&encoded, topic.as_str(), kind, number)
        } else {
            state.queue.push(&encoded, topic.as_str(), kind, self.bytes_max)
        };
        self.wake_at_end_of_tick(&mut state);
        if (lost, conflated) == (0, 0) {
            return Offer::Taken;
        }
        state.lost += lost;
        state.conflated += conflated;
        let Some(Line { shard, peer }) = &state.line else { return Offer::Closed };
        let bound = if is_numbered { Bound::WsSessionBytes } else { Bound::ChannelQueueBytes };
        shard.stats.reach_by(bound, lost);
        shard.stats.conflate(conflated);
        if lost == 0 {
            return Offer::Taken;
        }
        let peer = *peer;
        if !std::mem::replace(&mut state.has_warned, true) {
            drop(state);
            warn!(%peer, "this {name} client reads too slowly: messages to it are dropped");
        }
        Offer::Dropped
    }

    fn is_congested(&self) -> bool {
        self.state.lock().queue.is_congested(self.bytes_max)
    }
}

impl Measured for Outbox {
    fn figures(&self) -> Figures {
        let state = self.state.lock();
        let queue = &state.queue;
        Figures {
            in_flight: queue.unacknowledged(),
            queued: queue.len(),
            queued_bytes: queue.waiting_bytes() + queue.kept_bytes(),
            output_bytes: queue.waiting_bytes(),
            bytes_out: state.bytes_out,
            dropped: Dropped { overflow: state.lost, ..Dropped::default() },
            conflated: state.conflated,
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
