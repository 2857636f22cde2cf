//! The hub: subscriptions, retained messages and devices behind one door.
//!
//! Shared by all shards; the hot path takes its locks only where a topic has state or a route is stale. The way a message
//! takes is in `publisher`, the registry's public side in `hub/registry_api`.

pub(crate) mod follow_up;
mod registry_api;
mod sight;

use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

pub use self::registry_api::Declared;
pub use self::sight::HubFigures;
use crate::changes::Unsaved;
use crate::denied::Denied;
use crate::generations::Generations;
use crate::limits::HubLimits;
use crate::mailbox::{Delivery, Mailbox, Subscriber};
use crate::message::{Message, SessionId};
use crate::principal::{Access, Permissions, Principal};
use crate::registry::Registry;
use crate::route_cache::RouteCache;
use crate::share::{Others, Share};
use crate::slots::{Slot, Slots};
use crate::time::Now;
use crate::topic::{Filter, Topic, TopicRef};
use crate::trie::{SubscribeOptions, Subscription, Trie};

/// What a subscriber got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// It was subscribed to the same filter before; the options are replaced.
    pub existed: bool,
}

/// Settings of the hub.
#[derive(Clone, Copy, Debug)]
pub struct HubOptions {
    /// How long a report through a door without lasting connections shows its device online.
    pub online_timeout: Duration,
    /// Bounds.
    pub limits: HubLimits,
}

impl Default for HubOptions {
    fn default() -> Self {
        Self { online_timeout: Duration::from_secs(300), limits: HubLimits::default() }
    }
}

/// Which stored messages a replay brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayKind {
    /// Retained messages, as MQTT wants it.
    Retained,
    /// What a person wants to see first: a device's last value, elsewhere the retained message.
    Present,
}

/// Stored messages on their way to a new subscription; paused while the receiver has not caught up.
#[derive(Debug)]
pub struct Replay {
    filter: Filter,
    kind: ReplayKind,
    delivery: Delivery,
    after: Option<Topic>,
}

impl Replay {
    /// What was subscribed to.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }
}

/// Whether a replay has more to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayProgress {
    /// Call again when the mailbox is no longer congested.
    Paused,
    /// Call again when others had their turn: one call looks at a bounded number of topics.
    More,
    /// Everything was offered.
    Done,
}

/// See the module.
#[derive(Debug)]
pub struct Hub {
    pub(crate) options: HubOptions,
    pub(crate) trie: RwLock<Trie>,
    pub(crate) generations: Generations,
    pub(crate) slots: Slots,
    pub(crate) registry: Registry,
    pub(crate) unsaved: Mutex<Unsaved>,
    /// Held shared while something happens that belongs into one batch, and alone while a batch is cut.
    pub(crate) batch_cut: RwLock<()>,
    /// Why what must be on disk is refused; see [`Hub::set_disk_failing`] and [`Hub::set_out_of_room`].
    pub(crate) refuses: AtomicU8,
    /// For what the hub publishes itself.
    pub(crate) own_routes: RouteCache,
    sessions: AtomicU64,
    /// Of parts of the program.
    pub(crate) own_subscriptions: AtomicIsize,
    /// Topics and filters over a bound.
    pub(crate) topics_refused: AtomicU64,
}

impl Hub {
    /// An empty hub.
    pub fn new(options: HubOptions) -> Self {
        Self {
            options,
            trie: RwLock::default(),
            generations: Generations::default(),
            slots: Slots::default(),
            registry: Registry::default(),
            unsaved: Mutex::default(),
            batch_cut: RwLock::default(),
            refuses: AtomicU8::new(0),
            own_routes: RouteCache::new(),
            sessions: AtomicU64::new(SessionId::HUB.0 + 1),
            own_subscriptions: AtomicIsize::new(0),
            topics_refused: AtomicU64::new(0),
        }
    }

    /// A fresh identity for a session.
    pub fn new_session(&self) -> SessionId {
        SessionId(self.sessions.fetch_add(1, Ordering::Relaxed))
    }

    /// A subscriber for `mailbox`; it gets nothing before [`Hub::subscribe`]. A session has one at most: subscriptions are known
    /// by it.
    pub fn subscriber(session: SessionId, principal: Arc<Principal>, mailbox: Arc<dyn Mailbox>) -> Arc<Subscriber> {
        Arc::new(Subscriber::new(session, principal, mailbox))
    }

    /// As [`Hub::subscriber`], for a part of the program rather than somebody's client: it is told everything likewise, but is not
    /// among those that are counted, neither in figures nor in [`crate::Receipt::matched`].
    pub fn own_subscriber(&self, principal: Arc<Principal>, mailbox: Arc<dyn Mailbox>) -> Arc<Subscriber> {
        Arc::new(Subscriber::own(self.new_session(), principal, mailbox))
    }

    /// From now on messages that match are offered to the subscriber. A filter that may not be read is refused.
    pub fn subscribe(
        &self,
        subscriber: &Arc<Subscriber>,
        filter: &Filter,
        options: SubscribeOptions,
    ) -> Result<Granted, Denied> {
        let principal = subscriber.principal();
        if !principal.may_subscribe(filter) {
            return Err(Denied::NotPermitted {
                who: principal.name().to_owned(),
                what: "subscribe to",
                topic: filter.to_string(),
            });
        }
        self.check_topic(filter.as_str())?;
        let existed = {
            // Under the list's lock, so that a close at the same time sees either both or neither.
            let mut places = subscriber.places.lock();
            let subscription = Subscription { subscriber: Arc::clone(subscriber), options, share: None };
            let (place, existed) = self.trie.write().insert(filter, subscription);
            if !existed {
                self.count_own(subscriber, 1);
                let at = places.partition_point(|have| *have < place);
                places.insert(at, place);
            }
            existed
        };
        self.generations.changed(filter);
        Ok(Granted { existed })
    }

    /// Ends a subscription; whether there was one.
    pub fn unsubscribe(&self, subscriber: &Subscriber, filter: &Filter) -> bool {
        let existed = {
            let mut places = subscriber.places.lock();
            let place = self.trie.write().remove(filter, subscriber.id());
            if place.is_some() {
                self.count_own(subscriber, -1);
            }
            if let Some(at) = place.and_then(|place| places.binary_search(&place).ok()) {
                places.remove(at);
                if places.len() < places.capacity() / 4 {
                    places.shrink_to_fit();
                }
            }
            place.is_some()
        };
        if existed {
            self.generations.changed(filter);
        }
        existed
    }

    /// Called under the subscriber's list of places.
    fn count_own(&self, subscriber: &Subscriber, more: isize) {
        if subscriber.is_own() {
            self.own_subscriptions.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Whether somebody is subscribed to exactly this filter.
    pub fn is_subscribed(&self, subscriber: &Subscriber, filter: &Filter) -> bool {
        self.trie.read().contains(filter, subscriber.id())
    }

    /// Ends all subscriptions of a subscriber.
    pub fn unsubscribe_all(&self, subscriber: &Subscriber) {
        /// Somebody may have many, and other shards want to look at the trie meanwhile.
        const ENDED_AT_ONCE: usize = 64;
        let mut places = subscriber.places.lock();
        let mut ended = std::mem::take(&mut *places);
        self.count_own(subscriber, -isize::try_from(ended.len()).unwrap_or(isize::MAX));
        ended.dedup();
        for ended in ended.chunks(ENDED_AT_ONCE) {
            let mut trie = self.trie.write();
            for place in ended {
                trie.remove_all_at(*place, subscriber.id(), |filter| self.generations.changed(filter));
            }
        }
    }

    /// The members of a group but one, to be offered what that one did not see the end of.
    pub fn others(&self, share: &Arc<Share>, from: SessionId) -> Others {
        let members = self.trie.read().members(share.filter());
        Others::new(share, members, from)
    }

    /// A replay of what is stored under a filter, for a subscription with these options. Start it after
    /// [`Hub::subscribe`]: then a change in between is seen twice rather than never. Of a shared filter there is none
    /// (MQTT 5 section 4.8.2).
    pub fn replay(filter: Filter, kind: ReplayKind, options: SubscribeOptions) -> Replay {
        let identifiers = options.identifier.into_iter().collect();
        Replay {
            filter,
            kind,
            delivery: Delivery { qos: options.qos, retain: true, identifiers, share: None },
            after: None,
        }
    }

    /// Offers stored messages: a bounded number, and none while the mailbox is congested.
    pub fn continue_replay(&self, subscriber: &Subscriber, replay: &mut Replay, now: Now) -> ReplayProgress {
        if replay.filter.is_shared() {
            return ReplayProgress::Done;
        }
        let mailbox = subscriber.mailbox();
        if mailbox.is_congested() {
            return ReplayProgress::Paused;
        }
        let (slots, next) = self.slots.page(&replay.filter, replay.after.as_ref());
        for slot in slots {
            if mailbox.is_congested() {
                return ReplayProgress::Paused;
            }
            replay.after = Some(slot.topic().clone());
            if !subscriber.principal().may(Access::Read, slot.topic().borrow()) {
                continue;
            }
            let state = slot.lock();
            let message = match replay.kind {
                ReplayKind::Retained => state.retained_at(now.wall),
                ReplayKind::Present => state.present(now.wall),
            };
            if let Some(message) = message {
                message.as_run(SessionId::HUB, |run| mailbox.offer(run, &replay.delivery));
            }
        }
        match next {
            Some(after) => {
                replay.after = Some(after);
                ReplayProgress::More
            }
            None => ReplayProgress::Done,
        }
    }

    /// What is there to read under a topic: a device's last report, else the retained message.
    pub fn get(&self, principal: &Principal, topic: TopicRef<'_>, now: Now) -> Result<Option<Message>, Denied> {
        principal.require(Access::Read, topic)?;
        let slot = self.slots.get(topic);
        Ok(slot.and_then(|slot| slot.lock().present(now.wall).cloned()))
    }

    /// What is there to read under the topics that match a filter, in order, starting behind `after`: a bounded number, and
    /// where to go on, or `None` at the end. What the principal may not read is left out.
    pub fn list(
        &self,
        principal: &Principal,
        filter: &Filter,
        after: Option<&Topic>,
        now: Now,
    ) -> (Vec<Message>, Option<Topic>) {
        let (slots, next) = self.slots.page(filter, after);
        // A filter without a wildcard names its only topic, whatever it stands behind.
        let behind = |slot: &Slot| after.is_none_or(|after| slot.topic() > after);
        let readable = slots.iter().filter(|slot| behind(slot) && principal.may(Access::Read, slot.topic().borrow()));
        let messages = readable.filter_map(|slot| slot.lock().present(now.wall).cloned());
        (messages.collect(), next)
    }

    /// Changes somebody's rights, for connections that exist too.
    pub fn set_permissions(&self, principal: &Principal, permissions: Permissions) {
        principal.replace_permissions(permissions);
        self.generations.all_changed();
    }

    /// Drops stale routes of the hub's own messages, which would keep closed mailboxes alive.
    pub fn purge(&self) {
        self.own_routes.purge(self);
    }
}

#[cfg(test)]
mod tests;
