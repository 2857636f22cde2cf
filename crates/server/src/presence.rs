//! Why a device is away, since when, and how it came and went: remembered from the start of the hub on.
//!
//! A subscriber of every device's `$online`, which keeps the last changes of each. What `$online` does not say, why a connection ended, is
//! noted by the door in the moment before its session loses the connection. Nothing is decided by it; whether a device is there is
//! `core`'s affair.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use housewire_core::{
    Delivery, DeviceId, Filter, Hub, Mailbox, Offer, Permissions, Presence as Told, Principal, Run, SessionId,
    SubscribeOptions, Timestamp,
};
use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;

use crate::limits::PRESENCE_CHANGES_KEPT;
use crate::shard::now;

const ONLINE: &str = "devices/+/$online";
/// Says `removed` when a device is deleted.
const CHANGED: &str = "devices/+/$changed";

/// Why a device is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It said that it goes.
    Goodbye,
    /// Its will says so.
    Will,
    /// It was silent for too long.
    KeepAlive,
    /// Its connection broke, without a word.
    Network,
    /// Another client took its session over.
    Replaced,
    /// Its credential was taken back, or an admin disconnected it.
    Revoked,
    /// It broke the rules of its protocol.
    Protocol,
    /// The hub was restarted, and it has not come back since.
    HubRestart,
    /// It is connected, and has reported nothing since.
    Silent,
    /// Nobody has heard of it yet.
    NeverConnected,
}

impl Reason {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Goodbye => "goodbye",
            Self::Will => "will",
            Self::KeepAlive => "keep-alive",
            Self::Network => "network",
            Self::Replaced => "replaced",
            Self::Revoked => "revoked",
            Self::Protocol => "protocol",
            Self::HubRestart => "hub restart",
            Self::Silent => "silent",
            Self::NeverConnected => "never connected",
        }
    }

    /// What happened, and what to look at.
    pub(crate) fn said(self) -> &'static str {
        match self {
            Self::Goodbye => {
                "It said goodbye: it was switched off, went to sleep, or its program ended the connection."
            }
            Self::Will => "Its connection broke and its will says that it is away: look at its power and its network.",
            Self::KeepAlive => {
                "It was silent for longer than it said it would be: look at its power and its network, and whether its program hangs."
            }
            Self::Network => "Its connection broke without a goodbye: look at its power and its network.",
            Self::Replaced => {
                "Another client connected with the same client id and took its place: give each device a client id of its own."
            }
            Self::Revoked => "An admin disconnected it, or its token was taken back: give it a new token.",
            Self::Protocol => "The hub ended the connection because of what it sent: the refusals say what that was.",
            Self::HubRestart => {
                "The hub was restarted, and it has not come back since. Why it was away before is not known: this is remembered from the start on."
            }
            Self::Silent => {
                "It is connected, but has sent no value over this connection: it counts as there as soon as it does. A program that only listens may report what it did."
            }
            Self::NeverConnected => {
                "Nobody has heard of it yet: it never connected, or never sent a value. Is its address and token right?"
            }
        }
    }
}

/// A change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) time: Timestamp,
    pub(crate) is_online: bool,
    /// Why it is away; of no meaning while it is there.
    pub(crate) reason: Option<Reason>,
}

const REMOVED: &[u8] = b"removed";

/// See the module.
pub(crate) struct Presence {
    started: Timestamp,
    devices: Mutex<HashMap<DeviceId, Known, FxBuildHasher>>,
}

#[derive(Default)]
struct Known {
    /// Why its last connection ended, as its door saw it.
    ended: Option<Reason>,
    changes: VecDeque<Change>,
}

impl Presence {
    /// Listens from now on.
    pub(crate) fn start(hub: &Arc<Hub>) -> Arc<Self> {
        let presence = Arc::new(Self { started: now().wall, devices: Mutex::default() });
        let principal = Arc::new(Principal::new("presence", Permissions::all()));
        let subscriber = hub.own_subscriber(principal, Arc::clone(&presence) as _);
        for filter in [ONLINE, CHANGED] {
            let filter = Filter::parse(filter).expect("a constant that parses");
            hub.subscribe(&subscriber, &filter, SubscribeOptions::default()).expect("it may read everything");
        }
        presence
    }

    /// The connection of a session is about to end, or its session changes hands: noted for the devices that it speaks for.
    pub(crate) fn note_end(&self, hub: &Hub, session: SessionId, reason: Reason) {
        let spoken_for = hub.spoken_for(session);
        if spoken_for.is_empty() {
            return;
        }
        let mut devices = self.devices.lock();
        for device in spoken_for {
            devices.entry(device).or_default().ended = Some(reason);
        }
    }

    /// When it started to remember.
    pub(crate) fn started(&self) -> Timestamp {
        self.started
    }

    /// What is remembered of a device, the newest first.
    pub(crate) fn changes(&self, device: &DeviceId) -> Vec<Change> {
        let devices = self.devices.lock();
        devices.get(device).map(|known| known.changes.iter().rev().copied().collect()).unwrap_or_default()
    }

    fn heard(&self, device: DeviceId, run: &Run<'_>, payload: &[u8]) {
        let mut devices = self.devices.lock();
        let is_online = match payload {
            b"true" => true,
            b"false" => false,
            // Says nothing of it.
            _ => return,
        };
        let known = devices.entry(device).or_default();
        let reason = if is_online {
            known.ended = None;
            None
        } else {
            Some(known.reason(run))
        };
        if known.changes.back().is_some_and(|last| last.is_online == is_online) {
            return;
        }
        if known.changes.len() == PRESENCE_CHANGES_KEPT {
            known.changes.pop_front();
        }
        known.changes.push_back(Change { time: run.time(), is_online, reason });
    }
}

impl Known {
    /// Why it is away: as its door saw it, or as the message itself tells.
    fn reason(&self, run: &Run<'_>) -> Reason {
        let origin = run.origin();
        match (self.ended, origin.presence) {
            // Its own word, while it is connected.
            (None, Told::Connected | Told::Momentary) => Reason::Goodbye,
            // A will is published by a door for somebody who is not there.
            (None | Some(Reason::Network), Told::None) if origin.via != "hub" => Reason::Will,
            (Some(reason), _) => reason,
            // Nobody's connection ended: it is one of those that are there for a while after each report.
            (None, Told::None) => Reason::KeepAlive,
        }
    }
}

impl Mailbox for Presence {
    fn offer(&self, run: &Run<'_>, _delivery: &Delivery) -> Offer {
        let device = run.topic().as_str().split('/').nth(1).and_then(|id| DeviceId::parse(id).ok());
        let (Some(device), Some(payload)) = (device, run.payloads().last()) else { return Offer::Taken };
        if run.topic().as_str().ends_with("/$online") {
            self.heard(device, run, payload);
        } else if payload.windows(REMOVED.len()).any(|part| part == REMOVED) {
            self.devices.lock().remove(&device);
        }
        Offer::Taken
    }

    fn is_congested(&self) -> bool {
        false
    }
}
