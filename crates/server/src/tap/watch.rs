//! Somebody who looks at connections: which ones, and the frames that wait for him.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use housewire_core::{DeviceId, Timestamp};
use housewire_protocols::annotate::follow::Frame;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::limits::{TAP_QUEUE_BYTES, TAP_QUEUE_FRAMES};
use crate::tap::Known;

/// Which connections somebody looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// This one.
    Connection(u64),
    /// Those that come with this device's credential or speak for it.
    Device(DeviceId),
    /// Those from there; port 0 for any.
    Peer(SocketAddr),
}

impl Wanted {
    /// Whether connections may be meant that do not exist yet.
    pub(super) fn expects(&self) -> bool {
        !matches!(self, Self::Connection(_))
    }

    /// Whether this one is meant, as far as it says so itself.
    pub(super) fn is(&self, known: &Known) -> bool {
        match self {
            Self::Connection(id) => known.id == *id,
            Self::Device(device) => {
                let user = known.user.as_ref().map(|user| user.name());
                user.and_then(|name| name.strip_prefix("device:")) == Some(device.as_str())
            }
            Self::Peer(peer) => {
                let is_port = peer.port() == 0 || peer.port() == known.peer.port();
                is_port && peer.ip().to_canonical() == known.peer.ip().to_canonical()
            }
        }
    }
}

/// Frames and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
}

/// A frame that went by.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) time: Timestamp,
    pub(crate) connection: u64,
    /// A head that was decoded: its bytes are not those on the wire.
    pub(crate) is_http2: bool,
    pub(crate) frame: Arc<Frame>,
}

/// What somebody who looks hears of.
#[derive(Debug)]
pub(crate) enum Event {
    Seen(Seen),
    /// So many frames did not fit.
    Lost(u64),
    /// The connection is over.
    End(u64),
}

/// See the module.
pub(crate) struct Watch {
    wanted: Wanted,
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    bytes: usize,
    /// Since the last frame that fitted.
    lost: u64,
}

impl Watch {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self { wanted, queue: Mutex::default(), filled: Notify::new() }
    }

    pub(crate) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    pub(super) fn offer(&self, seen: Seen) {
        let mut queue = self.queue.lock();
        let bytes = seen.frame.bytes.len();
        if queue.events.len() >= TAP_QUEUE_FRAMES || queue.bytes + bytes > TAP_QUEUE_BYTES {
            queue.lost += 1;
            return;
        }
        queue.settle_loss();
        queue.bytes += bytes;
        queue.events.push_back(Event::Seen(seen));
        drop(queue);
        self.filled.notify_one();
    }

    pub(super) fn note_end(&self, connection: u64) {
        let mut queue = self.queue.lock();
        // Ends are few and small, and there are no more of them than connections were looked at: what is over bound is not kept.
        if queue.events.len() < 2 * TAP_QUEUE_FRAMES {
            queue.settle_loss();
            queue.events.push_back(Event::End(connection));
        }
        drop(queue);
        self.filled.notify_one();
    }

    /// The next that is there.
    pub(crate) fn take(&self) -> Option<Event> {
        let mut queue = self.queue.lock();
        if queue.events.is_empty() {
            queue.settle_loss();
        }
        let event = queue.events.pop_front()?;
        if let Event::Seen(seen) = &event {
            queue.bytes -= seen.frame.bytes.len();
        }
        Some(event)
    }

    /// Resolves when something may be there.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }
}

impl Queue {
    /// Says in its place what is missing.
    fn settle_loss(&mut self) {
        if self.lost > 0 {
            let lost = std::mem::take(&mut self.lost);
            self.events.push_back(Event::Lost(lost));
        }
    }
}
