//! Routes: a topic's subscribers, resolved once and used until subscriptions or permissions change.
//!
//! The trie is asked only when a cached route is stale, so the cost of a publish does not grow with
//! unrelated subscriptions. What a message does on its way belongs to `publisher`.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::device::{Device, DeviceId, PropertyName};
use crate::generations::Stamp;
use crate::hub::Hub;
use crate::mailbox::{Delivery, Offer, Readiness, Subscriber};
use crate::message::{Qos, Run, SessionId};
use crate::principal::Access;
use crate::share::RouteGroup;
use crate::slots::Slot;
use crate::topic::TopicRef;
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
    /// Written by the hub alone: `devices/<device>/<property>/target`, `$rejected`, `$changed`, `$firmware`, and all below `$SYS` and
    /// `$dashboards`.
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
            let is_own = matches!(topic.levels().next(), Some("$SYS" | "$dashboards"));
            return if is_own { Self::HubOnly } else { Self::Plain };
        };
        let Ok(device) = DeviceId::parse(device) else { return Self::Plain };
        match (third, fourth) {
            ("$online", None) => Self::Online(device),
            ("$rejected" | "$changed" | "$firmware", None) => Self::HubOnly,
            (property, what) => match (PropertyName::parse(property), what) {
                (Ok(property), None) => Self::Report(device, property),
                (Ok(property), Some("set")) => Self::Request(device, property),
                (Ok(_), Some("target")) => Self::HubOnly,
                _ => Self::Plain,
            },
        }
    }
}

/// What became of a run that was offered to all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offered {
    /// Subscribers that are still there, without parts of the program.
    pub(crate) matched: usize,
    /// One of them has to have it on disk.
    pub(crate) is_kept: bool,
    /// One of them has taken more than it has room for.
    pub(crate) is_crowded: bool,
}

impl Offered {
    pub(crate) fn add(&mut self, offer: Offer) {
        self.matched += usize::from(offer != Offer::Closed);
        self.is_kept |= offer == Offer::Kept;
        self.is_crowded |= offer == Offer::Crowded;
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
    pub(crate) fn build(hub: &Hub, topic: TopicRef<'_>) -> Self {
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

    /// What it takes up itself, without what it keeps alive.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.groups.len() * size_of::<RouteGroup>() + self.len() * size_of::<Receiver>()
    }

    /// Whether it is still what would be built now. To find out may cost as much as to build it.
    pub(crate) fn is_valid(&self, hub: &Hub, topic: TopicRef<'_>) -> bool {
        const FILTERS_AT_LEAST: usize = 32;
        hub.generations.holds(&self.stamp, topic, FILTERS_AT_LEAST + self.len())
    }

    /// Offers the run to every subscriber.
    pub(crate) fn offer(&self, run: &Run<'_>) -> Offered {
        let from = run.origin().session;
        let mut offered = Offered::default();
        for receiver in &self.receivers {
            if receiver.no_local && receiver.subscriber.id() == from {
                continue;
            }
            let offer = receiver.offer(run);
            offered.add(offer);
            offered.matched -= usize::from(receiver.subscriber.is_own() && offer != Offer::Closed);
        }
        for group in &self.groups {
            group.offer(run, &mut offered);
        }
        offered
    }

    /// Whether a part of the program could take no more of what is published here.
    pub(crate) fn is_out_of_room(&self) -> bool {
        let is_out = |receiver: &Receiver| receiver.subscriber.is_own() && receiver.readiness() == Readiness::Full;
        self.receivers.iter().any(is_out)
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
            ("devices/lamp/$firmware", Role::HubOnly),
            ("devices/lamp/$firmware/state", Role::Plain),
            ("$SYS", Role::HubOnly),
            ("$dashboards/home", Role::HubOnly),
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
