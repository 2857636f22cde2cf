//! All MQTT sessions by client id: who is connected, who may come back, whose will is due.
//!
//! One table for all shards, since a client may come back on another one. A client id has one connection at a time: a
//! second one asks the first to leave and waits until it has handed the session over. How sessions come back from disk is
//! in `restore`.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use housewire_core::{Hub, Permissions, Presence, Principal, Publisher, RouteCache, Run, SessionId, Subscriber};
use housewire_protocols::limits::{MqttLimits, Pool};
use housewire_protocols::mqtt::{Detached, Due, Inbound, MessageIds, Outbound, WillMessage};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::{debug, warn};

use crate::clients::{Client, Clients, Protocol};
use crate::config::Limits;
use crate::mqtt::durable::{FactsState, SessionFacts, TakenChanges, Unsaved};
use crate::mqtt::mailbox::MqttMailbox;
use crate::mqtt::pace::Pace;
use crate::persist::Durability;
use crate::shard::now;
use crate::signal::Call;
use crate::stats::{Bound, Stats};

/// How long a new connection waits for the old one of the same client id to leave.
const HANDOVER_TIMEOUT: Duration = Duration::from_secs(5);

/// A session's parts that outlive a connection.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) mailbox: Arc<MqttMailbox>,
    /// How it is seen by those who look after the hub, and how its connection is called.
    pub(super) client: Arc<Client>,
}

impl Session {
    pub(super) fn id(&self) -> SessionId {
        self.subscriber().id()
    }

    pub(super) fn subscriber(&self) -> &Arc<Subscriber> {
        &self.client.subscriber
    }
}

enum State {
    /// With how those are told that the session was released who wait for it, if there are any.
    Connected(Option<Arc<Notify>>),
    Away(Box<Away>),
}

/// What a session that is away waits for.
pub(super) struct Away {
    pub(super) detached: Detached,
    /// How long it outlives a connection, in seconds.
    pub(super) expiry_s: u32,
}

struct Entry {
    session: Session,
    state: State,
}

impl Borrow<str> for Entry {
    fn borrow(&self) -> &str {
        self.session.client.id()
    }
}

impl Hash for Entry {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.session.client.id().hash(hasher);
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.session.client.id() == other.session.client.id()
    }
}

impl Eq for Entry {}

/// A session that was away and is looked after.
struct Held {
    session: Session,
    away: Box<Away>,
}

#[derive(Default)]
struct Table {
    /// By client id, which the client itself keeps.
    entries: HashSet<Entry>,
    /// When something happens to sessions that are away.
    deadlines: BTreeSet<(Instant, Arc<str>)>,
}

/// See the module.
pub(crate) struct Sessions {
    pub(super) hub: Arc<Hub>,
    clients: Arc<Clients>,
    pub(super) stats: Arc<Stats>,
    limits: Arc<MqttLimits>,
    len_max: usize,
    durability: Durability,
    /// What the disk calls the next durable session.
    pub(super) numbers: AtomicU64,
    message_ids: Arc<MessageIds>,
    unsaved: Arc<Unsaved>,
    /// For wills.
    routes: Arc<RouteCache>,
    table: Mutex<Table>,
    /// A nearer deadline was added.
    rescheduled: Notify,
    log: Pace,
}

/// A session that a connection has taken.
pub(super) struct Taken {
    pub(super) session: Session,
    /// What is left of the connection before, if the session goes on.
    pub(super) resumed: Option<Detached>,
    /// An older session ended for it.
    pub(super) has_ended_another: bool,
}

/// Whether a client wants its old session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Clean,
    Resume,
}

/// Who wants a session, and what kind.
pub(super) struct Wanted<'c> {
    pub(super) client_id: &'c Arc<str>,
    pub(super) principal: &'c Arc<Principal>,
    pub(super) start: Start,
    /// It is to outlive the connection, and so the process.
    pub(super) is_kept: bool,
}

/// Why a client does not get a session.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum NoSession {
    /// The connection before did not leave in time.
    #[error("the client's previous connection did not end in time; try again")]
    StillHeld,
    /// The table is full.
    #[error("the hub keeps as many sessions as limits.mqtt_sessions allows; try again later or raise it")]
    Full,
}

/// What came of looking for a session.
enum Attempt {
    Taken(Taken),
    /// It was asked to make way, and tells when it did.
    Held(Arc<Notify>),
    Full,
}

impl Sessions {
    pub(crate) fn new(
        hub: Arc<Hub>,
        (clients, stats): (Arc<Clients>, Arc<Stats>),
        limits: &Limits,
        durability: Durability,
        message_ids: MessageIds,
    ) -> Self {
        Self {
            hub,
            clients,
            stats,
            limits: Arc::new(limits.of_mqtt()),
            len_max: limits.mqtt_sessions,
            durability,
            numbers: AtomicU64::new(1),
            message_ids: Arc::new(message_ids),
            unsaved: Arc::default(),
            routes: Arc::new(RouteCache::new()),
            table: Mutex::default(),
            rescheduled: Notify::new(),
            log: Pace::default(),
        }
    }

    /// Whether a client that comes or goes is worth a line of the log now.
    pub(crate) fn may_log(&self) -> bool {
        self.log.may_log(now().instant)
    }

    /// The memory that sessions share.
    pub(crate) fn pool(&self) -> &Pool {
        &self.limits.pool
    }

    pub(super) fn limits(&self) -> &Arc<MqttLimits> {
        &self.limits
    }

    /// Takes the session of this client id, old or new; waits until no other connection has it.
    pub(super) async fn take(&self, wanted: Wanted<'_>) -> Result<Taken, NoSession> {
        let client_id = wanted.client_id;
        let give_up = tokio::time::Instant::now() + HANDOVER_TIMEOUT;
        loop {
            let released = match self.try_take(&wanted) {
                Attempt::Taken(taken) => return Ok(taken),
                Attempt::Held(released) => released,
                Attempt::Full => {
                    self.stats.reach(Bound::MqttSessions);
                    return Err(NoSession::Full);
                }
            };
            let is_released = released.notified();
            tokio::pin!(is_released);
            // Listening starts before looking once more, so that a release in between is not missed.
            is_released.as_mut().enable();
            if !self.is_waited_for(client_id, &released) {
                continue;
            }
            if tokio::time::timeout_at(give_up, is_released).await.is_err() {
                warn!(client_id = &**client_id, "the previous connection does not make way");
                return Err(NoSession::StillHeld);
            }
        }
    }

    /// Whether the session is still with the connection that is going to tell by this.
    fn is_waited_for(&self, client_id: &str, released: &Arc<Notify>) -> bool {
        let table = self.table.lock();
        let held = table.entries.get(client_id).map(|entry| &entry.state);
        matches!(held, Some(State::Connected(Some(have))) if Arc::ptr_eq(have, released))
    }

    /// Takes the session if nobody has it.
    fn try_take(&self, wanted: &Wanted<'_>) -> Attempt {
        let Wanted { client_id, principal, start, is_kept } = *wanted;
        let mut ended = None;
        let taken = {
            let mut table = self.table.lock();
            if let Some(released) = table.call_away(client_id) {
                return Attempt::Held(released);
            }
            if table.entries.len() >= self.len_max && !table.entries.contains(&**client_id) {
                return Attempt::Full;
            }
            let (session, resumed) = match table.remove(client_id) {
                // A client id belongs to its principal: nobody else gets at what waits for it.
                Some((session, away))
                    if start == Start::Resume
                        && is_still(session.subscriber().principal(), principal)
                        // One whose time is over may still wait for that to happen.
                        && away.detached.end_at().is_none_or(|end| end > now().instant) =>
                {
                    // Whoever wanted it before wanted it from another connection.
                    session.client.signal.withdraw(Call::MakeWay);
                    (session, Some(away.detached))
                }
                old => {
                    ended = old;
                    (self.new_session(client_id, principal, is_kept), None)
                }
            };
            let entry = Entry { session: session.clone(), state: State::Connected(None) };
            table.entries.insert(entry);
            Taken { session, resumed, has_ended_another: ended.is_some() }
        };
        if let Some((session, away)) = ended {
            self.end(&session, away.detached.end());
        }
        Attempt::Taken(taken)
    }

    fn new_session(&self, client_id: &Arc<str>, principal: &Arc<Principal>, is_kept: bool) -> Session {
        if is_kept {
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            return self.durable_session(client_id, principal, self.new_outbound(), number);
        }
        let (limits, stats) = (Arc::clone(&self.limits), Arc::clone(&self.stats));
        self.session(client_id, principal, MqttMailbox::new(limits, Arc::clone(client_id), stats))
    }

    /// The sending half of a session that outlives the process.
    pub(super) fn new_outbound(&self) -> Outbound {
        let (limits, ids) = (Arc::clone(&self.limits), Arc::clone(&self.message_ids));
        Outbound::durable(limits, ids, self.durability.is_strict())
    }

    /// A session that the disk knows by this number.
    pub(super) fn durable_session(
        &self,
        client_id: &Arc<str>,
        principal: &Arc<Principal>,
        outbound: Outbound,
        number: u64,
    ) -> Session {
        let on_disk = (number, Arc::clone(&self.unsaved), self.durability.clone());
        let mailbox = MqttMailbox::durable(outbound, Arc::clone(client_id), Arc::clone(&self.stats), on_disk);
        self.session(client_id, principal, mailbox)
    }

    fn session(&self, client_id: &Arc<str>, principal: &Arc<Principal>, mailbox: Arc<MqttMailbox>) -> Session {
        let id = self.hub.new_session();
        let subscriber = Hub::subscriber(id, Arc::clone(principal), Arc::clone(&mailbox) as _);
        let measured = Arc::clone(&mailbox) as _;
        let client = self.clients.add(Arc::clone(client_id), Protocol::Mqtt, subscriber, measured);
        Session { mailbox, client }
    }

    /// Has the disk know what CONNACK tells: that the session is there and will not end as it was about to, that its will
    /// is this one, that an older session is gone. A disk that refuses keeps nobody out.
    pub(super) async fn save_connected(
        &self,
        client_id: &Arc<str>,
        session: &Session,
        has_ended_another: bool,
        inbound: &Inbound,
    ) {
        let is_kept = session.mailbox.is_durable();
        if is_kept {
            self.note_facts(session, client_id, inbound.session_expiry_s(), FactsState::of_connected(inbound));
        }
        if is_kept || has_ended_another {
            let _saved = self.durability.reached(self.hub.next_batch()).await.is_ok();
        }
    }

    pub(super) fn note_facts(&self, session: &Session, client_id: &Arc<str>, expiry_s: u32, state: FactsState) {
        let owner = session.subscriber().principal().name().to_owned();
        session.mailbox.note_facts(SessionFacts { client_id: Arc::clone(client_id), owner, expiry_s, state });
    }

    /// The connection ended: publishes a will that is due, keeps the session if it outlives the connection.
    pub(super) fn release(&self, session: &Session, inbound: Inbound) {
        let client_id = session.client.id();
        let expiry_s = inbound.session_expiry_s();
        let mut detached = inbound.detach(now().instant);
        let left = session.mailbox.disconnect();
        self.hand_on_from_ended(session, &left);
        let is_over = session.client.is_ended() || self.settle(client_id, session, expiry_s, &mut detached);
        self.hub.session_disconnected(session.id(), now());
        if is_over {
            // Before anybody can take its client identifier.
            self.end(session, detached.end());
            self.let_go(client_id);
        } else {
            self.hand_on_from_away(session);
            let released = self.put_away(client_id, session.clone(), Away { detached, expiry_s });
            self.clients.left(&session.client);
            released.tell();
        }
    }

    /// The session waits for its client. Returns those who wait for it already.
    pub(super) fn put_away(&self, client_id: &Arc<str>, session: Session, away: Away) -> Released {
        let released = self.table.lock().park(client_id, session, away.into());
        self.rescheduled.notify_one();
        released
    }

    /// The session is over: its client id is free.
    fn let_go(&self, client_id: &str) {
        let ended = self.table.lock().entries.take(client_id);
        Released::of(ended).tell();
    }

    /// The connection ended without a word: its task panicked. Its session is given up, so that the client can come back.
    pub(super) fn abandon(&self, session: &Session) {
        self.forget(session);
        self.let_go(session.client.id());
    }

    /// Does what is due for a session that is away, and notes what is left; whether it is over.
    fn settle(&self, client_id: &Arc<str>, session: &Session, expiry_s: u32, detached: &mut Detached) -> bool {
        // After a crash a will is published and forgotten, or neither.
        let _together = self.hub.in_one_batch();
        while let Some(due) = detached.handle_timeout(now().instant) {
            match due {
                Due::Will(will) => self.publish_will(session, &will),
                Due::SessionEnd => return true,
            }
        }
        if session.mailbox.is_durable() {
            self.note_facts(session, client_id, expiry_s, FactsState::of_away(detached, now()));
        }
        false
    }

    /// Ends the session of a client that is away; whether there was one.
    pub(crate) fn end_away(&self, client_id: &str) -> bool {
        let Some(held) = self.table.lock().hold(client_id) else { return false };
        self.end(&held.session, held.away.detached.end());
        self.let_go(client_id);
        true
    }

    /// Whether some of what the disk does not have may soon be acknowledged by clients that are there, and then needs no
    /// disk; asked before each batch.
    pub(crate) fn expects_acks(&self) -> bool {
        self.unsaved.take_expects_acks()
    }

    /// What the disk does not have of all sessions.
    pub(crate) fn take_changes(&self) -> TakenChanges {
        self.unsaved.take()
    }

    /// Drops stale routes, which would keep closed mailboxes alive.
    pub(crate) fn purge(&self) {
        self.routes.purge(&self.hub);
    }

    fn publish_will(&self, session: &Session, will: &WillMessage) {
        let (hub, routes, principal) = (&self.hub, &self.routes, session.subscriber().principal());
        let publisher =
            Publisher::new(hub.clone(), routes.clone(), principal.clone(), session.id(), "mqtt", Presence::None);
        let payloads = [&will.payload[..]];
        let run = Run::new(will.topic.borrow(), &payloads)
            .qos(will.qos)
            .retain(will.retain)
            .properties(will.properties.as_ref());
        if let Err(denied) = publisher.publish_run(run, now()) {
            debug!(topic = will.topic.as_str(), %denied, "will not published");
        }
    }

    fn end(&self, session: &Session, will: Option<WillMessage>) {
        // After a crash a will is published and its session gone, or neither.
        let _together = self.hub.in_one_batch();
        if let Some(will) = will {
            self.publish_will(session, &will);
        }
        self.forget(session);
    }

    pub(super) fn forget(&self, session: &Session) {
        self.clients.remove(&session.client);
        self.hub.unsubscribe_all(session.subscriber());
        self.hand_on_from_ended(session, &session.mailbox.stop());
        session.mailbox.close();
        self.hub.session_ended(session.id(), now());
    }

    /// Watches over sessions that are away; runs as long as the hub.
    pub(crate) async fn run(&self) {
        loop {
            let next = self.table.lock().deadlines.first().map(|(at, _)| *at);
            match next {
                Some(at) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(at.into()) => self.handle_due(now().instant).await,
                        () = self.rescheduled.notified() => {}
                    }
                }
                None => self.rescheduled.notified().await,
            }
        }
    }

    async fn handle_due(&self, at: Instant) {
        loop {
            // One at a time, and not under the lock: a will may be delivered to any of these sessions.
            let (client_id, held) = {
                let mut table = self.table.lock();
                let Some((due, client_id)) = table.deadlines.first().cloned() else { return };
                if due > at {
                    return;
                }
                table.deadlines.pop_first();
                let Some(held) = table.hold(&client_id) else { continue };
                (client_id, held)
            };
            let Held { session, mut away } = held;
            // Its will, if that is due with its end, and the end itself: both or neither after a crash.
            let is_over = {
                let _together = self.hub.in_one_batch();
                let is_over = self.settle(&client_id, &session, away.expiry_s, &mut away.detached);
                if is_over {
                    self.forget(&session);
                }
                is_over
            };
            if is_over {
                self.let_go(&client_id);
                self.clients.count_expired();
                debug!(client_id = &*client_id, "session expired");
            } else {
                let released = self.table.lock().park(&client_id, session, away);
                released.tell();
            }
            // Many may be due at once, after a start for one; others have their turn.
            tokio::task::yield_now().await;
        }
    }
}

impl Table {
    /// Asks the connection that has the session to make way, if one has it; how it tells that it did.
    fn call_away(&mut self, client_id: &str) -> Option<Arc<Notify>> {
        let entry = self.entries.get(client_id)?;
        if !matches!(entry.state, State::Connected(_)) {
            return None;
        }
        // Under the lock, so that it is this connection and no later one that is called.
        entry.session.client.signal.call(Call::MakeWay);
        if let State::Connected(Some(released)) = &entry.state {
            return Some(Arc::clone(released));
        }
        let released = Arc::<Notify>::default();
        let state = State::Connected(Some(Arc::clone(&released)));
        let session = entry.session.clone();
        self.entries.replace(Entry { session, state });
        Some(released)
    }

    fn park(&mut self, client_id: &Arc<str>, session: Session, away: Box<Away>) -> Released {
        if let Some(at) = away.detached.poll_timeout() {
            self.deadlines.insert((at, Arc::clone(client_id)));
        }
        Released::of(self.entries.replace(Entry { session, state: State::Away(away) }))
    }

    /// Takes a session that is away, for a moment: a client that comes back meanwhile waits, as for a connection that is
    /// about to end.
    fn hold(&mut self, client_id: &str) -> Option<Held> {
        let (session, away) = self.remove(client_id)?;
        self.entries.insert(Entry { session: session.clone(), state: State::Connected(None) });
        Some(Held { session, away })
    }

    /// Takes out a session that is away.
    fn remove(&mut self, client_id: &str) -> Option<(Session, Box<Away>)> {
        let Entry { session, state } = self.entries.take(client_id)?;
        match state {
            State::Away(away) => {
                if let Some(at) = away.detached.poll_timeout() {
                    self.deadlines.remove(&(at, Arc::clone(session.client.id())));
                }
                Some((session, away))
            }
            State::Connected(_) => {
                self.entries.insert(Entry { session, state });
                None
            }
        }
    }
}

/// Those who waited for a session that was released.
#[must_use = "they would wait in vain"]
pub(super) struct Released(Option<Arc<Notify>>);

impl Released {
    fn of(entry: Option<Entry>) -> Self {
        match entry {
            Some(Entry { state: State::Connected(waiting), .. }) => Self(waiting),
            _ => Self(None),
        }
    }

    /// Not to be called under the table's lock.
    pub(super) fn tell(self) {
        if let Some(waiting) = self.0 {
            waiting.notify_waiters();
        }
    }
}

/// Whether a session's owner is who wants it back. Somebody new may have the name of one who was deleted, or whose last token was
/// revoked: those lost their rights for good, so that their sessions would bring nothing.
fn is_still(owner: &Arc<Principal>, who: &Arc<Principal>) -> bool {
    let is_gone = || *owner.permissions() == Permissions::default();
    Arc::ptr_eq(owner, who) || (owner.name() == who.name() && !is_gone())
}
