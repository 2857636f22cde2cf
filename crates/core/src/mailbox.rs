//! The way out: what a subscriber gives the hub, and what the hub hands over.
//!
//! Encoding and buffering are the subscriber's transport's own affair; matching belongs to `trie` and `route`.

use std::sync::Arc;

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::message::{Qos, Run, SessionId};
use crate::principal::Principal;
use crate::share::Share;
use crate::trie::NodeId;

/// How one subscriber gets one run: its subscriptions that match, merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The highest QoS granted; what is sent is the lower of this and the published one [MQTT-3.8.4-8].
    pub qos: Qos,
    /// The retain flag to show.
    pub retain: bool,
    /// Identifiers of all matching subscriptions that have one [MQTT-3.3.4-4].
    pub identifiers: Arc<[u32]>,
    /// The group in whose name it comes: others may get it in its place.
    pub share: Option<Arc<Share>>,
}

/// Whether a member of a group should be chosen now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Readiness {
    /// It is there and has room.
    Ready,
    /// It has room, but nobody is there to read. QoS 0 is for those who are there: it would be dropped.
    Away,
    /// It would drop something.
    Full,
    /// It is gone.
    Closed,
}

/// What became of a run that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Buffered or queued whole.
    Taken,
    /// Taken, in whole or part, by a session that outlives the process: the disk has to have it before the message is
    /// acknowledged.
    Kept,
    /// Taken whole, although the mailbox is over its bound: a QoS 1 or 2 message is not acknowledged before there is room again,
    /// so that its publisher waits. The mailbox's owner tells when that is.
    Crowded,
    /// Over the mailbox's bound: dropped, in whole or part, and counted by it.
    Dropped,
    /// The subscriber is gone.
    Closed,
}

/// A subscriber's inbox. `offer` encodes into a bounded buffer of the subscriber's own and never blocks;
/// the subscriber's shard flushes what became dirty once per tick.
pub trait Mailbox: Send + Sync {
    /// Takes the messages of `run`, in order.
    fn offer(&self, run: &Run<'_>, delivery: &Delivery) -> Offer;

    /// Whether QoS 1 and 2 messages are [`Offer::Kept`]. Asked while the disk takes nothing.
    fn keeps(&self) -> bool {
        false
    }

    /// Whether a replay of stored messages should pause until the receiver has caught up.
    fn is_congested(&self) -> bool;

    /// Whether it should be chosen where one of several will do. Cheap: it is asked for each run.
    fn readiness(&self) -> Readiness {
        if self.is_congested() { Readiness::Full } else { Readiness::Ready }
    }
}

/// An authenticated someone with a mailbox; what subscriptions point to.
pub struct Subscriber {
    id: SessionId,
    principal: Arc<Principal>,
    mailbox: Arc<dyn Mailbox>,
    is_own: bool,
    /// Where its subscriptions are, sorted, one entry for each; kept so that closing removes exactly these, and changed only
    /// together with the trie.
    pub(crate) places: Mutex<SmallVec<[NodeId; 4]>>,
}

impl Subscriber {
    pub(crate) fn new(id: SessionId, principal: Arc<Principal>, mailbox: Arc<dyn Mailbox>) -> Self {
        Self { id, principal, mailbox, is_own: false, places: Mutex::default() }
    }

    /// A part of the program rather than somebody's client.
    pub(crate) fn own(id: SessionId, principal: Arc<Principal>, mailbox: Arc<dyn Mailbox>) -> Self {
        Self { is_own: true, ..Self::new(id, principal, mailbox) }
    }

    /// Whether it is a part of the program, which counts nowhere: whoever publishes wants to know who else hears it.
    pub(crate) fn is_own(&self) -> bool {
        self.is_own
    }

    /// The session it belongs to.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Whose rights apply.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// Where messages go.
    pub fn mailbox(&self) -> &dyn Mailbox {
        &*self.mailbox
    }

    /// How many filters it is subscribed to.
    pub fn subscription_count(&self) -> usize {
        self.places.lock().len()
    }
}

impl std::fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Subscriber({})", self.id.0)
    }
}
