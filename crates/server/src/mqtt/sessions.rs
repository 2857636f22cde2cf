//! All MQTT sessions by client id: who is connected, who may come back, whose will is due.
//!
//! One table for all shards, since a client may come back on another one. A client id has one connection at a time: a
//! second one asks the first to leave and waits until it has handed the session over.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use housewire_core::{Hub, Presence, Principal, Publisher, Replay, Run, SessionId, Subscriber};
use housewire_protocols::limits::{MqttLimits, Pool};
use housewire_protocols::mqtt::{Detached, Due, WillMessage};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::{debug, warn};

use crate::clients::{Client, Clients, Protocol};
use crate::config::Limits;
use crate::mqtt::mailbox::MqttMailbox;
use crate::mqtt::pace::Pace;
use crate::shard::{Shard, now};
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
    pub(super) replays: Arc<Mutex<VecDeque<Replay>>>,
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
    Away(Detached),
}

struct Entry {
    session: Session,
    state: State,
}

#[derive(Default)]
struct Table {
    entries: HashMap<Arc<str>, Entry>,
    /// When something happens to sessions that are away.
    deadlines: BTreeSet<(Instant, Arc<str>)>,
}

/// See the module.
pub(crate) struct Sessions {
    hub: Arc<Hub>,
    clients: Arc<Clients>,
    stats: Arc<Stats>,
    limits: Arc<MqttLimits>,
    len_max: usize,
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
    pub(super) handover: Arc<Handover>,
}

/// Whether a client wants its old session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Clean,
    Resume,
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
    pub(crate) fn new(hub: Arc<Hub>, clients: Arc<Clients>, stats: Arc<Stats>, limits: &Limits) -> Self {
        Self {
            hub,
            clients,
            stats,
            limits: Arc::new(limits.of_mqtt()),
            len_max: limits.mqtt_sessions,
            table: Mutex::default(),
            rescheduled: Notify::new(),
            log: Pace::default(),
        }
    }

    /// Whether a client that comes or goes is worth a line of the log now.
    pub(super) fn may_log(&self) -> bool {
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
    pub(super) async fn take(
        &self,
        client_id: &Arc<str>,
        start: Start,
        principal: &Arc<Principal>,
        shard: &Shard,
    ) -> Result<Taken, NoSession> {
        let give_up = tokio::time::Instant::now() + HANDOVER_TIMEOUT;
        loop {
            let handover = match self.try_take(client_id, start, principal, shard) {
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
    fn try_take(&self, client_id: &Arc<str>, start: Start, principal: &Arc<Principal>, shard: &Shard) -> Attempt {
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
                Some((session, detached))
                    if start == Start::Resume && Arc::ptr_eq(session.subscriber.principal(), principal) =>
                {
                    (session, Some(detached))
                }
                old => {
                    ended = old;
                    (self.new_session(client_id, principal, shard), None)
                }
            };
            let entry = Entry { session: session.clone(), state: State::Connected(Arc::clone(&handover)) };
            table.entries.insert(Arc::clone(client_id), entry);
            Taken { session, resumed, handover }
        };
        if let Some((session, detached)) = ended {
            self.end(&session, detached.end());
        }
        Attempt::Taken(taken)
    }

    fn new_session(&self, client_id: &Arc<str>, principal: &Arc<Principal>, shard: &Shard) -> Session {
        let id = self.hub.new_session();
        let mailbox = MqttMailbox::new(Arc::clone(&self.limits), Arc::clone(client_id), Arc::clone(&self.stats));
        let subscriber = Hub::subscriber(id, Arc::clone(principal), Arc::clone(&mailbox) as _);
        let publisher = shard.publisher(Arc::clone(principal), id, "mqtt", Presence::None);
        let measured = Arc::clone(&mailbox) as _;
        let client = self.clients.add(Arc::clone(client_id), Protocol::Mqtt, Arc::clone(&subscriber), measured);
        Session { id, mailbox, subscriber, replays: Arc::default(), client, publisher }
    }

    /// The connection ended: publishes a will that is due, keeps the session if it outlives the connection.
    pub(super) fn release(&self, client_id: &Arc<str>, session: &Session, mut detached: Detached, handover: &Handover) {
        session.mailbox.disconnect();
        let is_over = session.client.is_ended() || self.settle(session, &mut detached);
        self.hub.session_disconnected(session.id, now());
        let ended = {
            let mut table = self.table.lock();
            if is_over {
                table.entries.remove(client_id);
                Some(detached)
            } else {
                table.park(client_id, session.clone(), detached);
                self.rescheduled.notify_one();
                None
            }
        };
        match ended {
            Some(detached) => self.end(session, detached.end()),
            None => self.clients.left(&session.client),
        }
        handover.released.notify_waiters();
    }

    /// The connection ended without a word: its task panicked. Its session is given up, so that the client can come back.
    pub(super) fn abandon(&self, client_id: &Arc<str>, session: &Session, handover: &Handover) {
        self.table.lock().entries.remove(client_id);
        self.forget(session);
        handover.released.notify_waiters();
    }

    /// Does what is due for a session that is away; whether it is over.
    fn settle(&self, session: &Session, detached: &mut Detached) -> bool {
        while let Some(due) = detached.handle_timeout(now().instant) {
            match due {
                Due::Will(will) => publish_will(session, &will),
                Due::SessionEnd => return true,
            }
        }
        false
    }

    /// Ends the session of a client that is away; whether there was one.
    pub(crate) fn end_away(&self, client_id: &str) -> bool {
        let removed = self.table.lock().remove(client_id);
        let is_found = removed.is_some();
        if let Some((session, detached)) = removed {
            self.end(&session, detached.end());
        }
        is_found
    }

    fn end(&self, session: &Session, will: Option<WillMessage>) {
        if let Some(will) = will {
            publish_will(session, &will);
        }
        self.forget(session);
    }

    fn forget(&self, session: &Session) {
        self.clients.remove(&session.client);
        self.hub.unsubscribe_all(&session.subscriber);
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
                        () = tokio::time::sleep_until(at.into()) => self.handle_due(now().instant),
                        () = self.rescheduled.notified() => {}
                    }
                }
                None => self.rescheduled.notified().await,
            }
        }
    }

    fn handle_due(&self, at: Instant) {
        loop {
            // One at a time, and not under the lock: a will may be delivered to any of these sessions. A client that comes
            // back meanwhile waits, as for a connection that is about to end.
            let handover = Arc::new(Handover::default());
            let (client_id, session, mut detached) = {
                let mut table = self.table.lock();
                let Some((due, client_id)) = table.deadlines.first().cloned() else { return };
                if due > at {
                    return;
                }
                table.deadlines.pop_first();
                let Some((session, detached)) = table.remove(&client_id) else { continue };
                let state = State::Connected(Arc::clone(&handover));
                table.entries.insert(Arc::clone(&client_id), Entry { session: session.clone(), state });
                (client_id, session, detached)
            };
            let is_over = self.settle(&session, &mut detached);
            {
                let mut table = self.table.lock();
                table.entries.remove(&client_id);
                if !is_over {
                    table.park(&client_id, session.clone(), detached);
                }
            }
            if is_over {
                self.forget(&session);
                self.clients.count_expired();
                debug!(client_id = &*client_id, "session expired");
            }
            handover.released.notify_waiters();
        }
    }

    /// The hub stops: wills that wait for their delay are due now, as their sessions are not kept.
    pub(crate) fn end_all(&self) {
        let entries = std::mem::take(&mut self.table.lock().entries);
        for Entry { session, state } in entries.into_values() {
            if let State::Away(detached) = state
                && let Some(will) = detached.end()
            {
                publish_will(&session, &will);
            }
        }
    }
}

impl Table {
    fn park(&mut self, client_id: &Arc<str>, session: Session, detached: Detached) {
        if let Some(at) = detached.poll_timeout() {
            self.deadlines.insert((at, Arc::clone(client_id)));
        }
        self.entries.insert(Arc::clone(client_id), Entry { session, state: State::Away(detached) });
    }

    /// Takes out a session that is away.
    fn remove(&mut self, client_id: &str) -> Option<(Session, Detached)> {
        let (client_id, Entry { session, state }) = self.entries.remove_entry(client_id)?;
        match state {
            State::Away(detached) => {
                if let Some(at) = detached.poll_timeout() {
                    self.deadlines.remove(&(at, client_id));
                }
                Some((session, detached))
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
