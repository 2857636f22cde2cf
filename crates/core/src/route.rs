//! Routes: a topic's subscribers, resolved once and used until subscriptions or permissions change.
//!
//! The trie is asked only when a cached route is stale, so the cost of a publish does not grow with
//! unrelated subscriptions. What a message does on its way belongs to `publisher`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use crate::device::{Device, DeviceId, PropertyName};
use crate::hub::Hub;
use crate::limits::{RECEIVERS_CACHED_MAX, ROUTES_CACHED_MAX};
use crate::mailbox::{Delivery, Offer, Readiness, Subscriber};
use crate::message::{Qos, Run, SessionId};
use crate::principal::Access;
use crate::share::RouteGroup;
use crate::slots::Slot;
use crate::topic::{Filter, Topic, TopicRef};
use crate::trie::{Subscription, Trie};

/// What a topic means to the device registry, read off its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing.
    Plain,
    /// `devices/<device>/<property>`
    Report(DeviceId, PropertyName),
    /// `devices/<device>/<property>/set`
    Request(DeviceId, PropertyName),
    /// `devices/<device>/$online`
    Online(DeviceId),
    /// Written by the hub alone: `devices/<device>/<property>/target`, `$rejected`, `$changed`, and all below `$SYS`.
    HubOnly,
    /// Longer or deeper than this hub allows.
    OverBound,
}

impl Role {
    pub(crate) fn of(topic: TopicRef<'_>) -> Self {
        let mut levels = topic.levels();
        let (Some("devices"), Some(device), Some(third), fourth, None) =
            (levels.next(), levels.next(), levels.next(), levels.next(), levels.next())
        else {
            let is_own = topic.levels().next() == Some("$SYS");
            return if is_own { Self::HubOnly } else { Self::Plain };
        };
        let Ok(device) = DeviceId::parse(device) else { return Self::Plain };
        match (third, fourth) {
            ("$online", None) => Self::Online(device),
            ("$rejected" | "$changed", None) => Self::HubOnly,
            (property, what) => match (PropertyName::parse(property), what) {
                (Ok(property), None) => Self::Report(device, property),
                (Ok(property), Some("set")) => Self::Request(device, property),
                (Ok(_), Some("target")) => Self::HubOnly,
                _ => Self::Plain,
            },
        }
    }
}

/// Counts changes of subscriptions by the filter's first two levels, so that a change under one device leaves the routes
/// of others valid.
#[derive(Debug)]
pub(crate) struct Generations {
    /// Of filters whose first two levels are literal, by both.
    pairs: [AtomicU64; 256],
    /// Of filters whose first level is literal and the second is not, or missing, by the first.
    firsts: [AtomicU64; 64],
    /// Of filters that begin with a wildcard, and of everything at once.
    wild: AtomicU64,
}

/// The generations a route was built at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    pair: u64,
    first: u64,
    wild: u64,
}

impl Default for Generations {
    fn default() -> Self {
        Self {
            pairs: std::array::from_fn(|_| AtomicU64::new(0)),
            firsts: std::array::from_fn(|_| AtomicU64::new(0)),
            wild: AtomicU64::new(0),
        }
    }
}

/// FNV-1a: short texts, and the result must only spread.
fn spread(seed: u32, text: &str) -> u32 {
    text.bytes().fold(seed, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

const SEED: u32 = 0x811c_9dc5;

impl Generations {
    fn first(&self, first: &str) -> &AtomicU64 {
        &self.firsts[(spread(SEED, first) >> 16) as usize % self.firsts.len()]
    }

    fn pair(&self, first: &str, second: &str) -> &AtomicU64 {
        &self.pairs[(spread(spread(SEED, first), second) >> 16) as usize % self.pairs.len()]
    }

    fn stamp(&self, topic: TopicRef<'_>) -> Stamp {
        let mut levels = topic.levels();
        let first = levels.next().unwrap_or_default();
        Stamp {
            pair: levels.next().map_or(0, |second| self.pair(first, second).load(Ordering::Acquire)),
            first: self.first(first).load(Ordering::Acquire),
            wild: self.wild.load(Ordering::Acquire),
        }
    }

    /// Routes that this filter may take part in are stale from now on.
    pub(crate) fn bump(&self, filter: &Filter) {
        let mut levels = filter.levels();
        let counter = match (levels.next().unwrap_or_default(), levels.next()) {
            ("+" | "#", _) => return self.bump_all(),
            // "a/b/#" matches "a/b" and what is below, "a/#" matches "a" too.
            (first, None | Some("+" | "#")) => self.first(first),
            (first, Some(second)) => self.pair(first, second),
        };
        counter.fetch_add(1, Ordering::Release);
    }

    /// All routes are stale from now on.
    pub(crate) fn bump_all(&self) {
        self.wild.fetch_add(1, Ordering::Release);
    }
}

/// What became of a run that was offered to all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offered {
    /// Subscribers that are still there.
    pub(crate) matched: usize,
    /// One of them has to have it on disk.
    pub(crate) is_kept: bool,
}

impl Offered {
    pub(crate) fn add(&mut self, offer: Offer) {
        self.matched += usize::from(offer != Offer::Closed);
        self.is_kept |= offer == Offer::Kept;
    }
}

/// One subscriber of a route: all its matching subscriptions merged, since it gets one copy.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) subscriber: Arc<Subscriber>,
    delivery: Delivery,
    /// Only if all its matching subscriptions say so.
    no_local: bool,
    retain_as_published: bool,
}

/// A topic's subscribers and what is kept of it.
#[derive(Debug)]
pub(crate) struct Route {
    stamp: Stamp,
    pub(crate) role: Role,
    receivers: Vec<Receiver>,
    /// Of groups each message goes to one; usually there are none.
    groups: Vec<RouteGroup>,
    /// Looked up at first use. Both may die while the route lives on; see [`Slot`] and [`Device`].
    pub(crate) slot: Mutex<Option<Arc<Slot>>>,
    pub(crate) device: Mutex<Option<Arc<Device>>>,
}

impl Route {
    fn build(hub: &Hub, topic: TopicRef<'_>) -> Self {
        // The stamp is read before the trie: a change in between makes the route stale, never wrong.
        let stamp = hub.generations.stamp(topic);
        let (receivers, groups) = merge(&hub.trie.read(), topic);
        let is_allowed = hub.options.limits.check(topic.as_str()).is_ok();
        let role = if is_allowed { Role::of(topic) } else { Role::OverBound };
        Self { stamp, role, receivers, groups, slot: Mutex::default(), device: Mutex::default() }
    }

    /// How many receivers it has.
    fn len(&self) -> usize {
        self.receivers.len() + self.groups.iter().map(RouteGroup::len).sum::<usize>()
    }

    fn is_valid(&self, hub: &Hub, topic: TopicRef<'_>) -> bool {
        self.stamp == hub.generations.stamp(topic)
    }

    /// Offers the run to every subscriber.
    pub(crate) fn offer(&self, run: &Run<'_>) -> Offered {
        let from = run.origin().session;
        let mut offered = Offered::default();
        for receiver in &self.receivers {
            if receiver.no_local && receiver.subscriber.id() == from {
                continue;
            }
            offered.add(receiver.offer(run));
        }
        for group in &self.groups {
            group.offer(run, &mut offered);
        }
        offered
    }

    /// Whether a subscriber keeps what it is sent on disk.
    pub(crate) fn is_kept(&self) -> bool {
        self.receivers.iter().any(Receiver::keeps) || self.groups.iter().any(RouteGroup::keeps)
    }
}

impl Receiver {
    /// All subscriptions of one subscriber, none of them shared; or one that is.
    fn of(subscriptions: &[Subscription]) -> Self {
        let [first, ..] = subscriptions else { unreachable!("whoever matches has a subscription") };
        Self {
            subscriber: Arc::clone(&first.subscriber),
            delivery: Delivery {
                qos: subscriptions.iter().map(|have| have.options.qos).max().unwrap_or_default(),
                retain: false,
                identifiers: subscriptions.iter().filter_map(|have| have.options.identifier).collect(),
                share: first.share.clone(),
            },
            no_local: subscriptions.iter().all(|have| have.options.no_local),
            retain_as_published: subscriptions.iter().any(|have| have.options.retain_as_published),
        }
    }

    pub(crate) fn of_member(subscription: &Subscription) -> Self {
        Self::of(std::slice::from_ref(subscription))
    }

    pub(crate) fn keeps(&self) -> bool {
        self.subscriber.mailbox().keeps()
    }

    pub(crate) fn readiness(&self) -> Readiness {
        self.subscriber.mailbox().readiness()
    }

    /// Whether it gets the run later if it is away: not with QoS 0.
    pub(crate) fn keeps_of(&self, run: &Run<'_>) -> bool {
        self.delivery.qos.min(run.published_qos()) > Qos::AtMostOnce
    }

    pub(crate) fn offer(&self, run: &Run<'_>) -> Offer {
        let mailbox = self.subscriber.mailbox();
        if self.retain_as_published && run.is_retained() {
            mailbox.offer(run, &Delivery { retain: true, ..self.delivery.clone() })
        } else {
            mailbox.offer(run, &self.delivery)
        }
    }
}

fn merge(trie: &Trie, topic: TopicRef<'_>) -> (Vec<Receiver>, Vec<RouteGroup>) {
    let mut matches: Vec<Subscription> = Vec::new();
    let mut shared: Vec<Subscription> = Vec::new();
    trie.for_each_match(topic, |subscription| {
        if subscription.subscriber.principal().may(Access::Read, topic) {
            if subscription.share.is_some() { &mut shared } else { &mut matches }.push(subscription.clone());
        }
    });
    matches.sort_by_key(|subscription| subscription.subscriber.id());
    let receivers = matches.chunk_by(|a, b| a.subscriber.id() == b.subscriber.id()).map(Receiver::of).collect();
    (receivers, RouteGroup::all_of(shared))
}

/// Routes by topic; one per shard, so that its lock is hardly ever waited for.
#[derive(Debug, Default)]
pub struct RouteCache {
    routes: Mutex<FxHashMap<Topic, Arc<Route>>>,
    /// Of all routes together; changed while these are locked.
    receivers: AtomicUsize,
}

impl RouteCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn route(&self, hub: &Hub, topic: TopicRef<'_>) -> Arc<Route> {
        let mut routes = self.routes.lock();
        if let Some(route) = routes.get_mut(topic.as_str()) {
            if !route.is_valid(hub, topic) {
                let before = std::mem::replace(route, Arc::new(Route::build(hub, topic)));
                self.receivers.fetch_add(route.len().wrapping_sub(before.len()), Ordering::Relaxed);
            }
            return Arc::clone(route);
        }
        let route = Arc::new(Route::build(hub, topic));
        let receivers = self.receivers.fetch_add(route.len(), Ordering::Relaxed) + route.len();
        if routes.len() >= ROUTES_CACHED_MAX || receivers > RECEIVERS_CACHED_MAX {
            routes.clear();
            self.receivers.store(route.len(), Ordering::Relaxed);
        }
        routes.insert(topic.to_topic(), Arc::clone(&route));
        route
    }

    /// The given route if it still holds, else a fresh one; asked while the topic's slot is locked.
    pub(crate) fn revalidate(&self, hub: &Hub, topic: TopicRef<'_>, route: Arc<Route>) -> Arc<Route> {
        if route.is_valid(hub, topic) { route } else { self.route(hub, topic) }
    }

    /// Drops stale routes, which would keep closed mailboxes alive. Called now and then by whoever owns the cache.
    pub fn purge(&self, hub: &Hub) {
        let mut routes = self.routes.lock();
        routes.retain(|topic, route| route.is_valid(hub, topic.borrow()));
        self.receivers.store(routes.values().map(|route| route.len()).sum(), Ordering::Relaxed);
    }
}

impl SessionId {
    /// The hub itself, when it publishes.
    pub(crate) const HUB: Self = Self(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_below_devices_have_roles() {
        let device = |id| DeviceId::parse(id).unwrap();
        let property = |name| PropertyName::parse(name).unwrap();
        for (topic, role) in [
            ("devices/lamp/power", Role::Report(device("lamp"), property("power"))),
            ("devices/lamp/power/set", Role::Request(device("lamp"), property("power"))),
            ("devices/lamp/power/target", Role::HubOnly),
            ("devices/lamp/$online", Role::Online(device("lamp"))),
            ("devices/lamp/$rejected", Role::HubOnly),
            ("$SYS", Role::HubOnly),
            ("$SYS/broker/uptime", Role::HubOnly),
            ("$SYSTEM/x", Role::Plain),
            ("devices/lamp/set", Role::Plain),
            ("devices/lamp", Role::Plain),
            ("devices/lamp/power/set/x", Role::Plain),
            ("devices/l amp/power", Role::Plain),
            ("home/lamp/power", Role::Plain),
        ] {
            assert_eq!(Role::of(TopicRef::parse(topic).unwrap()), role, "{topic}");
        }
    }
}
