//! What the hub refused, whatever the door, in words for the person whose device does not work: what happened, and what to do next.
//!
//! A ring in memory that a page may wait on. Whoever refuses says so here and nowhere else asks; nothing is decided by it. Secrets never
//! come here: what was shown as a credential is not told. Of a value that broke a rule the beginning is, as in the answer to whoever sent it.

use std::collections::VecDeque;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use housewire_core::{Denied, DeviceId, Hub, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::limits::{REFUSAL_TEXT_CHARS, REFUSALS_KEPT, REFUSALS_PER_SECOND};
use crate::refusal::Refusal;
use crate::shard::now;

/// What was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Credentials,
    Permission,
    Topic,
    Type,
    Tls,
    Protocol,
    Limit,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Permission => "permission",
            Self::Topic => "topic",
            Self::Type => "type",
            Self::Tls => "tls",
            Self::Protocol => "protocol",
            Self::Limit => "limit",
        }
    }

    /// What helps, if nothing better is known.
    fn next(self) -> &'static str {
        match self {
            Self::Credentials => {
                "Compare the token, or the name and password, with what the hub gave out; a device's page makes a new token if the old one is lost."
            }
            Self::Permission => {
                "Use the device's own topics, devices/<device>/…, or have an admin give this account or token the right to this one."
            }
            Self::Topic => {
                "Write topics as devices/<device>/<property>: no wildcards in what is published, no empty text, 64 characters of A-Z a-z 0-9 _ - for each name."
            }
            Self::Type => {
                "Send a value that fits what is declared for the property, or change the declaration on the device's page."
            }
            Self::Tls => {
                "Give the client the hub's CA from /ca.crt and a name that /api/tls lists; or use the port without TLS."
            }
            Self::Protocol => {
                "Look at the library and its version on the device; the wire view shows the bytes that came."
            }
            Self::Limit => "Send less, or more slowly; docs/ref/limits.md says which bound it is and how to raise it.",
        }
    }
}

/// Of a request that the hub's own words refuse.
impl From<&Refusal> for Kind {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Denied(denied) => denied.into(),
            Refusal::Rejected(_) => Self::Type,
            Refusal::Name(_) | Refusal::Topic(..) | Refusal::Filter(..) => Self::Topic,
            Refusal::NotAdmin(_) => Self::Permission,
            Refusal::TurnedOut => Self::Credentials,
            Refusal::Full(_) => Self::Limit,
            _ => Self::Protocol,
        }
    }
}

impl From<&Denied> for Kind {
    fn from(denied: &Denied) -> Self {
        match denied {
            Denied::NotPermitted { .. } => Self::Permission,
            Denied::HubOnly(_) | Denied::TopicTooLong(_) | Denied::TopicTooDeep(_) => Self::Topic,
            _ => Self::Limit,
        }
    }
}

/// The topic, or what was meant as one, that a refusal is about.
pub(crate) fn topic_of(refusal: &Refusal) -> Option<String> {
    match refusal {
        Refusal::Denied(Denied::NotPermitted { topic, .. } | Denied::HubOnly(topic)) => Some(topic.clone()),
        Refusal::Rejected(rejection) => Some(format!("devices/{}/{}", rejection.device, rejection.property)),
        Refusal::Topic(text, _) | Refusal::Filter(text, _) => Some(text.clone()),
        _ => None,
    }
}

/// Who was refused, as far as that is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whose<'a> {
    /// `mqtt`, `ws`, `http`, `blynk`, `tls`.
    pub(crate) transport: &'static str,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) client_id: Option<&'a str>,
    /// The principal.
    pub(crate) user: Option<&'a str>,
    pub(crate) topic: Option<&'a str>,
}

/// One that is kept.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) seq: u64,
    pub(crate) time: Timestamp,
    pub(crate) transport: &'static str,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) client_id: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) device: Option<DeviceId>,
    pub(crate) topic: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) what: String,
    pub(crate) next: &'static str,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Refusals {
    ring: Mutex<Ring>,
    more: Notify,
    /// The second, and how many were noted in it: a client that is refused all day costs little.
    pace: AtomicU64,
}

#[derive(Default)]
struct Ring {
    last: u64,
    kept: VecDeque<Refused>,
}

impl Refusals {
    /// Notes a refusal, unless too many were in this second.
    pub(crate) fn note(&self, hub: &Hub, whose: Whose<'_>, kind: Kind, what: impl Display) {
        self.note_with(hub, whose, kind, what, kind.next());
    }

    /// As [`Refusals::note`], with something better to do next.
    pub(crate) fn note_with(&self, hub: &Hub, whose: Whose<'_>, kind: Kind, what: impl Display, next: &'static str) {
        let time = now().wall;
        if !self.may_note(time) {
            return;
        }
        let Whose { transport, peer, client_id, user, topic } = whose;
        let device = device_of(hub, user, topic, client_id);
        let refused = Refused {
            seq: 0,
            time,
            transport,
            peer,
            client_id: client_id.map(cut),
            user: user.map(cut),
            device,
            topic: topic.map(cut),
            kind,
            what: sentence(&what.to_string()),
            next,
        };
        let mut ring = self.ring.lock();
        ring.last += 1;
        if ring.kept.len() == REFUSALS_KEPT {
            ring.kept.pop_front();
        }
        let seq = ring.last;
        ring.kept.push_back(Refused { seq, ..refused });
        drop(ring);
        self.more.notify_waiters();
    }

    /// Whether another one has room in this second; asked before anything is written, as a client may be refused all day.
    fn may_note(&self, time: Timestamp) -> bool {
        const COUNT_BITS: u32 = 16;
        let second = (time.as_micros() / 1_000_000).unsigned_abs();
        let pace = self.pace.load(Ordering::Relaxed);
        let count = if pace >> COUNT_BITS == second { pace & 0xffff } else { 0 };
        if count >= REFUSALS_PER_SECOND {
            return false;
        }
        self.pace.store(second << COUNT_BITS | (count + 1), Ordering::Relaxed);
        true
    }

    /// Those behind this number for which it is true, the oldest first, and the number to ask behind next.
    pub(crate) fn behind(&self, seq: u64, wanted: impl Fn(&Refused) -> bool) -> (Vec<Refused>, u64) {
        let ring = self.ring.lock();
        let found = ring.kept.iter().filter(|refused| refused.seq > seq && wanted(refused)).cloned().collect();
        (found, ring.last)
    }

    /// Resolves at the next one after it was first asked.
    pub(crate) fn more(&self) -> tokio::sync::futures::Notified<'_> {
        self.more.notified()
    }
}

/// The device that it is about: by its credential, its topic, or the name that its client goes by.
fn device_of(hub: &Hub, user: Option<&str>, topic: Option<&str>, client_id: Option<&str>) -> Option<DeviceId> {
    let by_user = user.and_then(|user| user.strip_prefix("device:"));
    let by_topic = topic.and_then(|topic| topic.strip_prefix("devices/")?.split('/').next());
    if let Some(id) = by_user.or(by_topic).and_then(|id| DeviceId::parse(id).ok()) {
        return Some(id);
    }
    let id = client_id.and_then(|id| DeviceId::parse(id).ok())?;
    hub.device(&id).is_some().then_some(id)
}

fn cut(text: &str) -> String {
    text.chars().take(REFUSAL_TEXT_CHARS).collect()
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let mut sentence: String = first.chars().chain(chars).take(2 * REFUSAL_TEXT_CHARS).collect();
    if !sentence.ends_with(['.', '…', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use housewire_core::HubOptions;

    use super::*;

    #[test]
    fn what_is_kept_and_what_is_not() {
        let (refusals, hub) = (Refusals::default(), Hub::new(HubOptions::default()));
        let whose = Whose { transport: "mqtt", topic: Some("devices/lamp/power"), ..Whose::default() };
        refusals.note(&hub, whose.clone(), Kind::Type, "'x' is no number");
        refusals.note(&hub, Whose { user: Some("device:fan"), ..whose }, Kind::Permission, "fan may not.");
        let (all, next) = refusals.behind(0, |_| true);
        let told: Vec<_> = all.iter().map(|one| (one.seq, one.device.as_ref().unwrap().as_str(), &*one.what)).collect();
        assert_eq!(told, [(1, "lamp", "'x' is no number."), (2, "fan", "Fan may not.")]);
        assert_eq!(next, 2);
        assert!(refusals.behind(next, |_| true).0.is_empty());
        assert_eq!(refusals.behind(0, |one| one.kind == Kind::Type).0.len(), 1);
        let long = "ä".repeat(10_000);
        // Whatever comes within a second, or a few if the clock goes on meanwhile, is bounded, and so is all of it.
        for _ in 0..10_000 {
            refusals.note(&hub, Whose { client_id: Some(&long), ..Whose::default() }, Kind::Protocol, &long);
        }
        let (all, _) = refusals.behind(0, |_| true);
        assert!(all.len() <= REFUSALS_KEPT && all.last().unwrap().what.chars().count() <= 2 * REFUSAL_TEXT_CHARS + 1);
    }

    #[test]
    fn a_second_has_room_for_some() {
        let refusals = Refusals::default();
        let noted = (0..REFUSALS_PER_SECOND + 5).filter(|_| refusals.may_note(Timestamp::from_micros(5_000_000)));
        assert_eq!(noted.count() as u64, REFUSALS_PER_SECOND);
        assert!(refusals.may_note(Timestamp::from_micros(6_000_000)));
    }
}
