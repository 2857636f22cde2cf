//! All MQTT sessions by client id: who is connected, who may come back, whose will is due.
//!
//! One table for all shards, since a client may come back on another one. A client id has one connection at a time: a
//! second one asks the first to leave and waits until it has handed the session over. How sessions come back from disk is
//! in `restore`.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use housewire_core::{Hub, Presence, Principal, Publisher, RouteCache, Run, SessionId, Subscriber};
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
use crate::mqtt::replays::Replays;
use crate::persist::Durability;
use crate::shard::now;
use crate::stats::{Bound, Stats};

/// How long a new connection waits for the old one of the same client id to leave.
const HANDOVER_TIMEOUT: Duration = Duration::from_secs(5);

/// A session's parts that outlive a connection.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) mailbox: Arc<MqttMailbox>,
    pub(super) subscriber: Arc<Subscriber>,
    /// Retained messages on their way; a kept session that comes back goes on with them.
    pub(super) replays: Arc<Mutex<Replays>>,
    /// How it is seen by those who look after the hub.
    pub(super) client: Arc<Client>,
    /// Publishes wills when no connection is there to do it.
    publisher: Publisher,
}

/// How a connection is asked to make way, and how it says that it did.
#[derive(Default)]
pub(super) struct Handover {
    /// Notified when another connection wants the session.
    pub(super) wanted: Notify,
    /// Notified when the session was released.
    released: Notify,
}

enum State {
    Connected(Arc<Handover>),
    /// With the session's expiry in seconds.
    Away(Detached, u32),
}

struct Entry {
    session: Session,
    state: State,
}

/// A session that was away and is looked after.
struct Held {
    session: Session,
    detached: Detached,
    expiry_s: u32,
    handover: Arc<Handover>,
}

#[derive(Default)]
struct Table {
    entries: HashMap<Arc<str>, Entry>,
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
    pub(super) handover: Arc<Handover>,
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
    HeldBy(Arc<Handover>),
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
            let handover = match self.try_take(&wanted) {
                Attempt::Taken(taken) => return Ok(taken),
                Attempt::HeldBy(handover) => handover,
                Attempt::Full => {
                    self.stats.reach(Bound::MqttSessions);
                    return Err(NoSession::Full);
                }
            };
            let released = handover.released.notified();
            tokio::pin!(released);
            // Listening starts before looking once more, so that a release in between is not missed.
            released.as_mut().enable();
            handover.wanted.notify_one();
            if !self.is_held_by(client_id, &handover) {
                continue;
            }
            if tokio::time::timeout_at(give_up, released).await.is_err() {
                warn!(client_id = &**client_id, "the previous connection does not make way");
                return Err(NoSession::StillHeld);
            }
        }
    }

    fn is_held_by(&self, client_id: &str, handover: &Arc<Handover>) -> bool {
        let table = self.table.lock();
        let held = table.entries.get(client_id).map(|entry| &entry.state);
        matches!(held, Some(State::Connected(have)) if Arc::ptr_eq(have, handover))
    }

    /// Takes the session if nobody has it.
    fn try_take(&self, wanted: &Wanted<'_>) -> Attempt {
        let Wanted { client_id, principal, start, is_kept } = *wanted;
        let mut ended = None;
        let taken = {
            let mut table = self.table.lock();
            if let Some(Entry { state: State::Connected(handover), .. }) = table.entries.get(client_id) {
                return Attempt::HeldBy(Arc::clone(handover));
            }
            if table.entries.len() >= self.len_max && !table.entries.contains_key(client_id) {
                return Attempt::Full;
            }
            let handover = Arc::new(Handover::default());
            let (session, resumed) = match table.remove(client_id) {
                // A client id belongs to its principal: nobody else gets at what waits for it.
                Some((session, detached, _))
                    if start == Start::Resume
                        && session.subscriber.principal().name() == principal.name()
                        // One whose time is over may still wait for that to happen.
                        && detached.end_at().is_none_or(|end| end > now().instant) =>
                {
                    (session, Some(detached))
                }
                old => {
                    ended = old.map(|(session, detached, _)| (session, detached));
                    (self.new_session(client_id, principal, is_kept), None)
                }
            };
            let entry = Entry { session: session.clone(), state: State::Connected(Arc::clone(&handover)) };
            table.entries.insert(Arc::clone(client_id), entry);
            Taken { session, resumed, has_ended_another: ended.is_some(), handover }
        };
        if let Some((session, detached)) = ended {
            self.end(&session, detached.end());
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
        let (hub, routes) = (Arc::clone(&self.hub), Arc::clone(&self.routes));
        let publisher = Publisher::new(hub, routes, Arc::clone(principal), id, "mqtt", Presence::None);
        let measured = Arc::clone(&mailbox) as _;
        let client = self.clients.add(Arc::clone(client_id), Protocol::Mqtt, Arc::clone(&subscriber), measured);
        Session { id, mailbox, subscriber, replays: Arc::default(), client, publisher }
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
        let owner = session.subscriber.principal().name().to_owned();
        session.mailbox.note_facts(SessionFacts { client_id: Arc::clone(client_id), owner, expiry_s, state });
    }

    /// The connection ended: publishes a will that is due, keeps the session if it outlives the connection.
    pub(super) fn release(&self, client_id: &Arc<str>, session: &Session, inbound: Inbound, handover: &Handover) {
        let expiry_s = inbound.session_expiry_s();
        let mut detached = inbound.detach(now().instant);
        let left = session.mailbox.disconnect();
        self.hand_on_from_ended(session, &left);
        let is_over = session.client.is_ended() || self.settle(client_id, session, expiry_s, &mut detached);
        self.hub.session_disconnected(session.id, now());
        if is_over {
            // Before anybody can take its client identifier.
            self.end(session, detached.end());
            self.table.lock().entries.remove(client_id);
        } else {
            self.hand_on_from_away(session);
            self.put_away(client_id, session.clone(), expiry_s, detached);
            self.clients.left(&session.client);
        }
        handover.released.notify_waiters();
    }

    /// The session waits for its client.
    pub(super) fn put_away(&self, client_id: &Arc<str>, session: Session, expiry_s: u32, detached: Detached) {
        self.table.lock().park(client_id, session, expiry_s, detached);
        self.rescheduled.notify_one();
    }

    /// The connection ended without a word: its task panicked. Its session is given up, so that the client can come back.
    pub(super) fn abandon(&self, client_id: &Arc<str>, session: &Session, handover: &Handover) {
        self.forget(session);
        self.table.lock().entries.remove(client_id);
        handover.released.notify_waiters();
    }

    /// Does what is due for a session that is away, and notes what is left; whether it is over.
    fn settle(&self, client_id: &Arc<str>, session: &Session, expiry_s: u32, detached: &mut Detached) -> bool {
        // After a crash a will is published and forgotten, or neither.
        let _together = self.hub.in_one_batch();
        while let Some(due) = detached.handle_timeout(now().instant) {
            match due {
                Due::Will(will) => publish_will(session, &will),
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
        self.end(&held.session, held.detached.end());
        self.table.lock().entries.remove(client_id);
        held.handover.released.notify_waiters();
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

    fn end(&self, session: &Session, will: Option<WillMessage>) {
        // After a crash a will is published and its session gone, or neither.
        let _together = self.hub.in_one_batch();
        if let Some(will) = will {
            publish_will(session, &will);
        }
        self.forget(session);
    }

    pub(super) fn forget(&self, session: &Session) {
        self.clients.remove(&session.client);
        self.hub.unsubscribe_all(&session.subscriber);
        self.hand_on_from_ended(session, &session.mailbox.stop());
        session.mailbox.close();
        self.hub.session_ended(session.id, now());
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
            let Held { session, mut detached, expiry_s, handover } = held;
            // Its will, if that is due with its end, and the end itself: both or neither after a crash.
            let is_over = {
                let _together = self.hub.in_one_batch();
                let is_over = self.settle(&client_id, &session, expiry_s, &mut detached);
                if is_over {
                    self.forget(&session);
                }
                is_over
            };
            if is_over {
                self.table.lock().entries.remove(&client_id);
                self.clients.count_expired();
                debug!(client_id = &*client_id, "session expired");
            } else {
                self.table.lock().park(&client_id, session, expiry_s, detached);
            }
            handover.released.notify_waiters();
            // Many may be due at once, after a start for one; others have their turn.
            tokio::task::yield_now().await;
        }
    }
}

impl Table {
    fn park(&mut self, client_id: &Arc<str>, session: Session, expiry_s: u32, detached: Detached) {
        if let Some(at) = detached.poll_timeout() {
            self.deadlines.insert((at, Arc::clone(client_id)));
        }
        self.entries.insert(Arc::clone(client_id), Entry { session, state: State::Away(detached, expiry_s) });
    }

    /// Takes a session that is away, for a moment: a client that comes back meanwhile waits, as for a connection that is
    /// about to end.
    fn hold(&mut self, client_id: &str) -> Option<Held> {
        let (client_id, (session, detached, expiry_s)) =
            (self.entries.get_key_value(client_id)?.0.clone(), self.remove(client_id)?);
        let handover = Arc::new(Handover::default());
        let state = State::Connected(Arc::clone(&handover));
        self.entries.insert(client_id, Entry { session: session.clone(), state });
        Some(Held { session, detached, expiry_s, handover })
    }

    /// Takes out a session that is away.
    fn remove(&mut self, client_id: &str) -> Option<(Session, Detached, u32)> {
        let (client_id, Entry { session, state }) = self.entries.remove_entry(client_id)?;
        match state {
            State::Away(detached, expiry_s) => {
                if let Some(at) = detached.poll_timeout() {
                    self.deadlines.remove(&(at, client_id));
                }
                Some((session, detached, expiry_s))
            }
            State::Connected(_) => {
                self.entries.insert(client_id, Entry { session, state });
                None
            }
        }
    }
}

fn publish_will(session: &Session, will: &WillMessage) {
    let payloads = [&will.payload[..]];
    let run =
        Run::new(will.topic.borrow(), &payloads).qos(will.qos).retain(will.retain).properties(will.properties.as_ref());
    if let Err(denied) = session.publisher.publish_run(run, now()) {
        debug!(topic = will.topic.as_str(), %denied, "will not published");
    }
}
