//! Shards: threads on which connections live, each with one current-thread runtime.
//!
//! A connection of any protocol stays on the shard it was given for life. All ready connections are read first; the
//! mailboxes that became dirty meanwhile are then flushed once, by the shard's flusher. What a connection says
//! belongs to its transport; which shard it gets to `listener`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use housewire_core::{
    Denied, Hub, Now, Origin, Presence, Principal, Publisher, Receipt, RouteCache, Run, SessionId, Timestamp,
};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::accounts::Accounts;
use crate::admission::{Admission, Counted};
use crate::clients::Clients;
use crate::config::Config;
use crate::demo::Demo;
use crate::discovery::Discovery;
use crate::history::Recorder;
use crate::house::House;
use crate::http::Lobby;
use crate::kept::KeptFeeds;
use crate::mqtt::{Sessions, Turn};
use crate::notifications::Notifications;
use crate::persist::Durability;
use crate::pins::Lines;
use crate::presence::Presence as DevicePresence;
use crate::refusals::Refusals;
use crate::socket::Scratch;
use crate::stats::{ShardStats, Stats};
use crate::tap::{Tap, Taps};
use crate::tls::Tls;
use crate::users::Users;

/// Something with buffered output; see [`Flusher::mark`].
pub(crate) trait Flush: Send + Sync {
    /// Writes what is buffered as far as the socket takes it, or wakes the task that does. Never blocks. Called on
    /// the shard that the connection lives on.
    fn flush(&self);
}

/// Collects a shard's dirty mailboxes and flushes each once per tick.
#[derive(Default)]
pub(crate) struct Flusher {
    dirty: Mutex<Vec<Arc<dyn Flush>>>,
    wake: Notify,
}

impl Flusher {
    /// Asks for one flush. The caller sees to it that a mailbox is marked once until it was flushed.
    pub(crate) fn mark(&self, mailbox: Arc<dyn Flush>) {
        let mut dirty = self.dirty.lock();
        dirty.push(mailbox);
        if dirty.len() == 1 {
            self.wake.notify_one();
        }
    }

    async fn run(&self) {
        let mut batch = Vec::new();
        loop {
            self.wake.notified().await;
            // Connections that became ready together were queued before this task was woken by the first of them: they have all
            // been read by now, and what they publish leaves in one write.
            std::mem::swap(&mut *self.dirty.lock(), &mut batch);
            for mailbox in batch.drain(..) {
                mailbox.flush();
            }
        }
    }
}

/// What every connection can reach: the hub, and what its shard keeps for it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shard(Arc<ShardParts>);

/// See [`Shard`].
pub(crate) struct ShardParts {
    pub(crate) hub: Arc<Hub>,
    pub(crate) config: Arc<Config>,
    pub(crate) flusher: Flusher,
    /// MQTT sessions of all shards.
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) clients: Arc<Clients>,
    /// Connections of all shards, and who looks at them.
    pub(crate) taps: Arc<Taps>,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) presence: Arc<DevicePresence>,
    /// Channels that their clients may come back to, of all shards.
    pub(crate) kept: Arc<KeptFeeds>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) admission: Arc<Admission>,
    /// Among all shards.
    number: usize,
    pub(crate) demo: Arc<Demo>,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) house: Arc<House>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) users: Arc<Users>,
    /// `None` if it is off.
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) lobby: Arc<Lobby>,
    /// `None` if it is off, or could not be opened.
    pub(crate) history: Option<Arc<Recorder>>,
    pub(crate) durability: Durability,
    /// Devices that are there over Blynk.
    pub(crate) blynk: Arc<Lines>,
    pub(crate) notifications: Arc<Notifications>,
    pub(crate) scratch: Mutex<Scratch>,
    /// Of the MQTT connection whose turn it is.
    pub(crate) turn: Mutex<Turn>,
    /// Output buffers that nobody uses at the moment.
    spare_buffers: Mutex<Vec<Vec<u8>>>,
    pub(crate) started: Instant,
    routes: Arc<RouteCache>,
    shutdown: watch::Receiver<bool>,
    connections: AtomicUsize,
}

impl std::ops::Deref for Shard {
    type Target = ShardParts;

    fn deref(&self) -> &ShardParts {
        &self.0
    }
}

/// What shards share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) hub: Arc<Hub>,
    pub(crate) config: Arc<Config>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) clients: Arc<Clients>,
    /// Connections of all shards, and who looks at them.
    pub(crate) taps: Arc<Taps>,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) presence: Arc<DevicePresence>,
    pub(crate) kept: Arc<KeptFeeds>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) demo: Arc<Demo>,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) house: Arc<House>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) users: Arc<Users>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) lobby: Arc<Lobby>,
    pub(crate) history: Option<Arc<Recorder>>,
    pub(crate) durability: Durability,
    pub(crate) blynk: Arc<Lines>,
    pub(crate) notifications: Arc<Notifications>,
    pub(crate) started: Instant,
    pub(crate) shutdown: watch::Receiver<bool>,
}

/// How a connection counts.
enum Place {
    /// For itself, and for its address.
    Own { address: Counted, tap: Arc<Tap> },
    /// It was something else before, which counts until this is dropped.
    Upgraded { alive: Arc<ConnectionGuard> },
}

/// Counts a connection while it lives.
pub(crate) struct ConnectionGuard {
    shard: Shard,
    place: Place,
}

impl ConnectionGuard {
    /// For what an HTTP connection became: that is counted already, as long as its `alive` lives.
    pub(crate) fn of_upgraded(shard: Shard, alive: Arc<Self>) -> Self {
        Self { shard, place: Place::Upgraded { alive } }
    }

    /// Its address is known now.
    pub(crate) fn count_for(&mut self, address: Counted) {
        if let Place::Own { address: counted, .. } = &mut self.place {
            *counted = address;
        }
    }

    /// For those who look at the connection.
    pub(crate) fn tap(&self) -> &Arc<Tap> {
        match &self.place {
            Place::Own { tap, .. } => tap,
            Place::Upgraded { alive } => alive.tap(),
        }
    }

    /// The shard the connection lives on.
    pub(crate) fn shard(&self) -> &Shard {
        &self.shard
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        if let Place::Own { tap, .. } = &self.place {
            self.shard.taps.remove(tap);
            self.shard.connections.fetch_sub(1, Ordering::Relaxed);
            self.shard.stats.close_connection();
        }
    }
}

impl Shard {
    /// The shard with this number.
    pub(crate) fn new(shared: Shared, number: usize) -> Self {
        Self(Arc::new(ShardParts {
            hub: shared.hub,
            config: shared.config,
            sessions: shared.sessions,
            clients: shared.clients,
            taps: shared.taps,
            refusals: shared.refusals,
            presence: shared.presence,
            kept: shared.kept,
            stats: shared.stats,
            admission: shared.admission,
            number,
            demo: shared.demo,
            discovery: shared.discovery,
            house: shared.house,
            shutdown: shared.shutdown,
            flusher: Flusher::default(),
            accounts: shared.accounts,
            users: shared.users,
            tls: shared.tls,
            lobby: shared.lobby,
            history: shared.history,
            durability: shared.durability,
            blynk: shared.blynk,
            notifications: shared.notifications,
            scratch: Mutex::default(),
            turn: Mutex::default(),
            spare_buffers: Mutex::default(),
            started: shared.started,
            routes: Arc::new(RouteCache::new()),
            connections: AtomicUsize::new(0),
        }))
    }

    /// The shard's own tasks; runs until its runtime ends.
    pub(crate) async fn run(&self) {
        const PURGE_EVERY: Duration = Duration::from_secs(10);
        let purge = async {
            loop {
                tokio::time::sleep(PURGE_EVERY).await;
                self.routes.purge(&self.hub);
                self.hub.purge();
                self.sessions.purge();
            }
        };
        tokio::join!(self.flusher.run(), purge);
    }

    /// Counts a connection from there until the guard is dropped.
    pub(crate) fn admit(&self, address: Counted, peer: SocketAddr) -> ConnectionGuard {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.stats.open_connection();
        ConnectionGuard { shard: self.clone(), place: Place::Own { address, tap: self.taps.add(peer) } }
    }

    pub(crate) fn connection_count(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Where this shard counts its traffic.
    pub(crate) fn traffic(&self) -> &ShardStats {
        self.stats.shard(self.number)
    }

    /// An empty buffer for output, used before if there is one.
    pub(crate) fn take_buffer(&self) -> Vec<u8> {
        self.spare_buffers.lock().pop().unwrap_or_default()
    }

    /// Takes a buffer back for the next connection that writes; idle ones keep none.
    pub(crate) fn give_back(&self, mut buffer: Vec<u8>) {
        const SPARE_BUFFERS_MAX: usize = 64;
        const SPARE_BUFFER_BYTES_MAX: usize = 64 * 1024;
        let mut spare = self.spare_buffers.lock();
        if spare.len() < SPARE_BUFFERS_MAX && buffer.capacity() <= SPARE_BUFFER_BYTES_MAX {
            buffer.clear();
            spare.push(buffer);
        }
    }

    /// A publisher whose messages come through the door `via`.
    pub(crate) fn publisher(
        &self,
        principal: Arc<Principal>,
        session: SessionId,
        via: &'static str,
        presence: Presence,
    ) -> Publisher {
        Publisher::new(Arc::clone(&self.hub), Arc::clone(&self.routes), principal, session, via, presence)
    }

    /// Publishes through this shard's routes, for those who keep no publisher.
    pub(crate) fn publish_run(
        &self,
        principal: &Principal,
        origin: Origin,
        run: Run<'_>,
        now: Now,
    ) -> Result<Receipt, Denied> {
        self.hub.publish_run(&self.routes, principal, origin, run, now)
    }

    /// Whether the hub was asked to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.shutdown.borrow()
    }

    /// Resolves when the hub is asked to stop; connections then close properly.
    pub(crate) async fn stopping(&self) {
        let mut shutdown = self.shutdown.clone();
        // An error means that whoever could ask is gone, which is the same to a connection.
        let _stopped = shutdown.wait_for(|stop| *stop).await.is_ok();
    }
}

/// The present, on both clocks. Deadlines follow tokio's clock, which tests can pause.
pub(crate) fn now() -> Now {
    Now { instant: tokio::time::Instant::now().into_std(), wall: Timestamp::from(SystemTime::now()) }
}
