//! The thread of discovery: takes what the inbox has, one after the other, and does what follows from it.
//!
//! It alone knows the finds and their bindings, so nothing here is locked. It may wait for the disk and run templates, which nothing on
//! a shard may. What it does with announcements, decisions and values is in `desk/`.

mod announce;
mod decide;
mod save;
mod values;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use housewire_core::{
    Denied, Filter, Hub, Now, Origin, Permissions, Presence, Principal, Qos, Receipt, Replay, ReplayKind,
    ReplayProgress, RouteCache, Run, SessionId, SubscribeOptions, Subscriber, TopicRef,
};
use housewire_links::discovery::Dialect;
use housewire_links::discovery::model::Outgoing;
use housewire_store::Documents;
use tracing::{info, warn};

pub(crate) use self::decide::Adoption;
use super::bind::{Bindings, Topics};
use super::find::Standing;
use super::finds::Finds;
use super::inbox::{Class, Heard, Inbox, Item, Slot};
use super::producer::Producer;
use super::settings::{DiscoverySettings, KeptSettings};
use super::{DiscoveryError, Figures, speech};
use crate::accounts::Accounts;
use crate::clients::{Client, Clients};
use crate::limits::DISCOVERY_TOPICS_MAX;
use crate::shard::now;

/// What everything here begins with.
pub(super) struct DeskParts {
    pub(super) hub: Arc<Hub>,
    pub(super) clients: Arc<Clients>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) figures: Arc<Figures>,
    pub(super) finds: Documents,
    pub(super) settings: Documents,
    /// What the configuration says; the settings cannot turn on what it turns off.
    pub(super) is_allowed: bool,
}

/// A find whose announcements changed a moment ago: more of them may follow.
pub(super) struct Unsettled {
    since: Instant,
    last: Instant,
    /// Who announced it last, of those who have rights of their own.
    announcer: Option<Arc<Client>>,
}

/// See the module.
pub(crate) struct Desk {
    pub(super) hub: Arc<Hub>,
    pub(super) routes: RouteCache,
    /// May everything: what may be bound on whose word is decided here.
    pub(super) principal: Arc<Principal>,
    /// In whose name everything here is published.
    pub(super) me: SessionId,
    pub(super) subscribers: [Arc<Subscriber>; 4],
    pub(super) accounts: Arc<Accounts>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) figures: Arc<Figures>,
    pub(super) documents: Documents,
    pub(super) settings_documents: Documents,
    pub(super) kept: KeptSettings,
    pub(super) is_allowed: bool,
    /// Whether it listens at the moment.
    pub(super) is_active: bool,
    pub(super) has_announced_itself: bool,
    pub(super) finds: Finds,
    pub(super) bindings: Bindings,
    pub(super) dialects: Vec<(Box<dyn Dialect>, Vec<Filter>)>,
    pub(super) replays: VecDeque<(Class, Replay)>,
    pub(super) unsettled: HashMap<String, Unsettled>,
    /// Finds that are to be written, and when.
    pub(super) unsaved: BTreeSet<String>,
    pub(super) save_at: Option<Instant>,
    /// What was last said of each device's presence.
    pub(super) told: HashMap<String, bool>,
    pub(super) producer: Producer,
    pub(super) purge_at: Instant,
}

/// How long announcements of a find are quiet before it is looked at, and how long that may take in all.
const SETTLE: Duration = Duration::from_millis(200);
const SETTLE_MAX: Duration = Duration::from_secs(2);
/// How long it may take while announcements come faster than they can be read.
const FLOOD_MAX: Duration = Duration::from_secs(10);
/// Entries of the inbox between two looks at everything else.
const ITEMS_AT_ONCE: usize = 64;
/// How long reading them may take before what is urgent has its turn again.
const TURN: Duration = Duration::from_millis(20);
/// Routes of closed mailboxes are let go so often.
const PURGE_EVERY: Duration = Duration::from_secs(10);
/// Retained messages come as such; what the hub itself publishes here comes too.
const OPTIONS: SubscribeOptions =
    SubscribeOptions { qos: Qos::ExactlyOnce, no_local: false, retain_as_published: false, identifier: None };

impl Desk {
    pub(super) fn new(parts: DeskParts) -> Self {
        let DeskParts { hub, clients, accounts, inbox, figures, finds, settings, is_allowed } = parts;
        let principal = Arc::new(Principal::new("discovery", Permissions::all()));
        let subscribers = Class::ALL.map(|class| {
            let slot = Slot { class, inbox: Arc::clone(&inbox), clients: Arc::clone(&clients) };
            hub.own_subscriber(Arc::clone(&principal), Arc::new(slot))
        });
        Self {
            me: hub.new_session(),
            routes: RouteCache::new(),
            principal,
            subscribers,
            accounts,
            inbox,
            figures,
            documents: finds,
            settings_documents: settings,
            kept: KeptSettings::default(),
            is_allowed,
            is_active: false,
            has_announced_itself: false,
            finds: Finds::default(),
            bindings: Bindings::default(),
            dialects: Vec::new(),
            replays: VecDeque::new(),
            unsettled: HashMap::new(),
            unsaved: BTreeSet::new(),
            save_at: None,
            told: HashMap::new(),
            producer: Producer::default(),
            purge_at: Instant::now(),
            hub,
        }
    }

    /// Works until the inbox is closed, on what was loaded; calls `ready` once it listens.
    pub(super) fn run(mut self, ready: impl FnOnce()) {
        self.activate();
        ready();
        while let Some(items) = self.inbox.take(ITEMS_AT_ONCE, Some(self.deadline())) {
            let began = Instant::now();
            let mut items = items.into_iter();
            for item in items.by_ref() {
                self.handle(item);
                if began.elapsed() > TURN {
                    break;
                }
            }
            self.inbox.put_back(items.collect());
            self.continue_replays();
            self.handle_timeout();
        }
        self.deactivate();
        self.save();
    }

    fn handle(&mut self, item: Item) {
        match item {
            Item::Order(order) => order(self),
            Item::Sighted(event) if self.is_active => self.sighted(event),
            Item::Heard(heard) if self.is_active => match heard.class {
                Class::Announcement => self.announced(&heard),
                Class::State => self.heard_state(&heard),
                Class::Request => self.heard_request(&heard),
                Class::Notice => self.noticed(&heard),
            },
            Item::Heard(_) | Item::Sighted(_) => {}
        }
    }

    /// When there is something to do without a message.
    fn deadline(&self) -> Instant {
        // Not before what waits was read, which comes first anyway.
        let soon = Instant::now() + Duration::from_millis(10);
        let unsettled = self.unsettled.values().map(Unsettled::due).min().map(|due| due.max(soon));
        let replay = (!self.replays.is_empty()).then(Instant::now);
        let due = [unsettled, replay, self.bindings.poll_timeout(), self.save_at, self.producer.poll_timeout()];
        due.into_iter().flatten().chain([self.purge_at]).min().expect("one of them is always there")
    }

    fn handle_timeout(&mut self) {
        let now = now();
        // While announcements are still waiting, most devices are known in parts; a flood of them does not hold up everything.
        let is_flooded = !self.replays.is_empty() || self.inbox.waiting(Class::Announcement) > 0;
        let patience = if is_flooded { FLOOD_MAX } else { Duration::ZERO };
        if !self.unsettled.is_empty() {
            let is_due =
                |unsettled: &Unsettled| unsettled.due() <= now.instant && unsettled.since + patience <= now.instant;
            let due = self.unsettled.iter().filter(|(_, unsettled)| is_due(unsettled));
            for id in due.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
                if let Some(unsettled) = self.unsettled.remove(&id) {
                    self.settle(&id, unsettled.announcer.as_deref(), now);
                }
                if now.instant.elapsed() > TURN {
                    break;
                }
            }
        }
        for effect in self.bindings.handle_timeout(now.instant) {
            self.follow(effect, now);
        }
        if self.producer.poll_timeout().is_some_and(|at| at <= now.instant) {
            self.announce_own(now);
        }
        if self.save_at.is_some_and(|at| at <= now.instant) {
            self.save();
        }
        if self.purge_at <= now.instant {
            self.purge_at = now.instant + PURGE_EVERY;
            self.routes.purge(&self.hub);
        }
        self.figures.note(&self.finds, &self.bindings);
    }

    /// Listens, if the settings say so: from now on devices are found and served.
    fn activate(&mut self) {
        if !self.is_allowed || !self.kept.settings.enabled || self.is_active {
            return;
        }
        self.is_active = true;
        self.has_announced_itself = false;
        let settings = self.kept.settings.clone();
        self.listen(Class::Notice, "devices/+/$changed");
        self.listen(Class::Notice, &format!("{}/status", settings.homeassistant_prefix));
        let now = now();
        for id in self.finds.ids() {
            let device = self.finds.get(&id).and_then(|find| find.device().cloned());
            if let Some(device) = device
                && self.hub.device(&device).is_none()
            {
                // It was deleted while nobody listened, or the hub ended before the device was on disk: whoever wants it is asked again.
                self.let_go(&id, Standing::New, now);
            }
            self.settle(&id, None, now);
        }
        for dialect in speech::dialects(&self.kept) {
            let filters = dialect.filters();
            for filter in &filters {
                self.listen(Class::Announcement, filter.as_str());
                self.replay(Class::Announcement, filter.clone());
            }
            self.dialects.push((dialect, filters));
        }
        self.producer.all_at(now.instant);
    }

    /// Listens to nothing any more; adopted devices are offline from then on.
    fn deactivate(&mut self) {
        if !std::mem::take(&mut self.is_active) {
            return;
        }
        if std::mem::take(&mut self.has_announced_itself) {
            self.say_status("offline");
        }
        for subscriber in &self.subscribers {
            self.hub.unsubscribe_all(subscriber);
        }
        let now = now();
        for id in self.finds.ids() {
            self.bindings.unbind(&id);
            if self.told.contains_key(&id) {
                self.tell_presence(&id, false, now);
            }
        }
        self.told.clear();
        self.dialects.clear();
        self.replays.clear();
        self.unsettled.clear();
    }

    /// The settings of now.
    pub(crate) fn settings(&self) -> DiscoverySettings {
        let enabled = self.is_allowed && self.kept.settings.enabled;
        DiscoverySettings { enabled, ..self.kept.settings.clone() }
    }

    /// Devices that are not announced to others, by id.
    pub(crate) fn unannounced(&self) -> Vec<String> {
        self.kept.unannounced.iter().cloned().collect()
    }

    /// Takes other settings over, at once.
    pub(crate) fn set(&mut self, settings: DiscoverySettings) -> Result<DiscoverySettings, DiscoveryError> {
        settings.validate().map_err(DiscoveryError::Unusable)?;
        if settings.enabled && !self.is_allowed {
            return Err(DiscoveryError::OffByConfig);
        }
        if settings == self.kept.settings {
            return Ok(self.settings());
        }
        let kept = KeptSettings { settings, ..self.kept.clone() };
        self.save_settings(&kept)?;
        if self.kept.settings.announce && self.is_active && !(kept.settings.announce && kept.settings.enabled) {
            // While the topics are still known.
            self.withdraw_all();
        }
        self.deactivate();
        self.kept = kept;
        self.activate();
        Ok(self.settings())
    }

    fn subscriber(&self, class: Class) -> &Arc<Subscriber> {
        &self.subscribers[class as usize]
    }

    fn listen(&self, class: Class, filter: &str) {
        let Ok(filter) = Filter::parse(filter) else { return };
        if let Err(refused) = self.hub.subscribe(self.subscriber(class), &filter, OPTIONS) {
            warn!("discovery cannot listen to {filter}: {refused}");
        }
    }

    fn unlisten(&self, class: Class, filter: &str) {
        if let Ok(filter) = Filter::parse(filter) {
            self.hub.unsubscribe(self.subscriber(class), &filter);
        }
    }

    fn replay(&mut self, class: Class, filter: Filter) {
        self.replays.push_back((class, Hub::replay(filter, ReplayKind::Retained, OPTIONS)));
    }

    /// Lets stored announcements come, as far as there is room for them; says that the hub is there when all have come.
    fn continue_replays(&mut self) {
        if !self.is_active {
            return;
        }
        if self.inbox.take_missed(Class::Announcement) {
            // What is retained can be read again; the rest is sent again by its senders, sooner or later.
            for filter in self.dialects.iter().flat_map(|(_, filters)| filters.clone()).collect::<Vec<_>>() {
                self.replay(Class::Announcement, filter);
            }
        }
        if self.inbox.take_missed(Class::State) {
            self.read_states_again();
        }
        while let Some((class, replay)) = self.replays.front_mut() {
            let subscriber = Arc::clone(&self.subscribers[*class as usize]);
            match self.hub.continue_replay(&subscriber, replay, now()) {
                ReplayProgress::Done => drop(self.replays.pop_front()),
                ReplayProgress::More | ReplayProgress::Paused => return,
            }
        }
        if !std::mem::replace(&mut self.has_announced_itself, true) {
            self.say_status("online");
        }
    }

    /// Birth and farewell, as senders of Home Assistant's form wait for them.
    fn say_status(&self, payload: &str) {
        let topic = format!("{}/status", self.kept.settings.homeassistant_prefix);
        let payload = payload.as_bytes().to_vec();
        self.send(&Outgoing { topic, payload, qos: Qos::AtMostOnce, retain: false }, now());
    }

    /// The registry changed, or another consumer of announcements came.
    fn noticed(&mut self, heard: &Heard) {
        let topic = heard.message.topic.as_str();
        let now = now();
        if let Some(device) = topic.strip_prefix("devices/").and_then(|rest| rest.strip_suffix("/$changed")) {
            if heard.message.payload.as_ref() == b"removed" {
                self.device_removed(device, now);
            }
            self.producer.changed(device, now.instant);
        } else if heard.session != self.me && heard.message.payload.as_ref() == b"online" && !heard.stored {
            // A Home Assistant that came back; it expects to hear of everything again.
            self.producer.again_at(now.instant);
        }
    }

    /// Sends a message on behalf of the hub; what is refused is told.
    pub(super) fn send(&self, message: &Outgoing, now: Now) -> bool {
        let Ok(topic) = TopicRef::parse(&message.topic) else { return false };
        let payloads = [message.payload.as_slice()];
        let run = Run::new(topic, &payloads).qos(message.qos).retain(message.retain);
        match self.publish("hub", Presence::None, run, now) {
            Ok(_) => true,
            Err(refused) => {
                warn!("discovery could not publish to {topic}: {refused}");
                false
            }
        }
    }

    fn publish(&self, via: &'static str, presence: Presence, run: Run<'_>, now: Now) -> Result<Receipt, Denied> {
        let origin = Origin { via, session: self.me, presence };
        self.hub.publish_run(&self.routes, &self.principal, origin, run, now)
    }

    /// Listens to what is newly bound, reads what is stored there, and lets go of the rest.
    fn follow_topics(&mut self, topics: Topics, now: Now) {
        for topic in &topics.less {
            self.unlisten(Class::State, topic);
        }
        for topic in &topics.more {
            self.listen(Class::State, topic);
        }
        for topic in topics.more {
            self.read_stored(&topic, now);
        }
        if self.bindings.topic_count() > DISCOVERY_TOPICS_MAX {
            info!("discovery listens to {} topics of devices", self.bindings.topic_count());
        }
    }
}

impl Unsettled {
    fn due(&self) -> Instant {
        (self.last + SETTLE).min(self.since + SETTLE_MAX)
    }
}
