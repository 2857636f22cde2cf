//! Keeps the disk up to date: what changed is collected and written in one transaction, at once when somebody waits
//! for it, else once per half second (every five seconds on an SD card).
//!
//! Runs on a thread of its own, so that nothing on a shard waits for the disk: whoever must not acknowledge before the disk
//! has a change waits for its [`BatchNumber`] without blocking. Acknowledgements that come meanwhile share the next
//! transaction. A batch holds what changed in the hub and in MQTT sessions at one moment. What is written and how belongs to
//! `store`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use housewire_core::{BatchNumber, Denied, Hub, Qos, Receipt};
use housewire_store::Store;
use serde::Deserialize;
use tokio::sync::watch;
use tracing::{error, info};

use crate::mqtt::Sessions;
use crate::reasons::with_reasons;

/// How long a change may wait that nobody waits for; with the transaction itself it stays below the promised second.
const COLLECT_EVERY: Duration = Duration::from_millis(500);
/// Likewise where each write wears the disk.
const COLLECT_SELDOM_EVERY: Duration = Duration::from_secs(5);
/// How long to wait before trying a disk again that took nothing.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// What an acknowledgement promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum DurabilityMode {
    /// What is acknowledged is on disk.
    #[default]
    Strict,
    /// What is acknowledged reaches the disk within a second; a crash may lose it.
    Relaxed,
}

/// How far the disk has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DiskState {
    /// The last batch that the disk has.
    pub(crate) saved: BatchNumber,
    /// It refused the one after that.
    pub(crate) is_failing: bool,
    /// So much waits to be written to the history that there is no room for more.
    pub(crate) is_crowded: bool,
}

/// What has to be so before somebody is told that all is well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    /// The disk has this batch.
    pub(crate) batch: Option<BatchNumber>,
    /// There is room in the history again.
    pub(crate) needs_room: bool,
}

impl Due {
    /// What the acknowledgement of a publish waits for; `None` if for nothing.
    pub(crate) fn of(receipt: &Receipt, qos: Qos) -> Option<Self> {
        let needs_room = receipt.waits_for_room && qos > Qos::AtMostOnce;
        let due = Self { batch: receipt.durable_with, needs_room };
        (due != Self::default()).then_some(due)
    }

    /// Both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { batch: self.batch.max(other.batch), needs_room: self.needs_room || other.needs_room }
    }

    /// Both, of which there may be none.
    pub(crate) fn both(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.and(other)),
            (one, other) => one.or(other),
        }
    }

    /// As far as that is waited for at all: in `relaxed` mode nobody waits for a batch.
    pub(crate) fn under(self, mode: DurabilityMode) -> Option<Self> {
        let batch = self.batch.filter(|_| mode == DurabilityMode::Strict);
        let due = Self { batch, ..self };
        (due != Self::default()).then_some(due)
    }
}

impl From<BatchNumber> for Due {
    fn from(batch: BatchNumber) -> Self {
        Self { batch: Some(batch), needs_room: false }
    }
}

impl DiskState {
    /// Whether that is so now.
    pub(crate) fn has(self, due: Due) -> bool {
        due.batch.is_none_or(|batch| self.saved >= batch) && !(due.needs_room && self.is_crowded)
    }

    /// Whether it will not be so soon, since the disk refused it.
    pub(crate) fn refuses(self, due: Due) -> bool {
        self.is_failing && due.batch.is_some_and(|batch| self.saved < batch)
    }
}

/// How long a batch waits for acknowledgements that make parts of it needless: as long as the last one took to write, so
/// that waiting costs no more than it may spare, and no longer than this.
const ACKS_WAIT_MAX: Duration = Duration::from_millis(5);

enum Order {
    /// Somebody waits for a change to be on disk.
    Write,
    /// Nothing is published any more: write what is left and end.
    Finish,
}

/// What was written since the start.
#[derive(Debug, Default)]
pub(crate) struct DiskFigures {
    /// Batches that were not empty; each is one transaction, and so one wait for the disk.
    pub(crate) batches: AtomicU64,
    /// Batches that the disk refused.
    pub(crate) refused: AtomicU64,
    /// The time that all of them took, in microseconds.
    pub(crate) took_us: AtomicU64,
}

/// Tells what the disk has; cheap to clone.
#[derive(Clone)]
pub(crate) struct Durability {
    mode: DurabilityMode,
    disk: watch::Receiver<DiskState>,
    tells: Arc<watch::Sender<DiskState>>,
    figures: Arc<DiskFigures>,
    orders: SyncSender<Order>,
}

/// The writer's end of a [`Durability`].
pub(crate) struct Desk {
    mode: DurabilityMode,
    disk: Arc<watch::Sender<DiskState>>,
    figures: Arc<DiskFigures>,
    orders: SyncSender<Order>,
    ordered: Receiver<Order>,
    collect_every: Duration,
}

impl Desk {
    /// The disk is one that dies of writes: what nobody waits for is collected for longer.
    pub(crate) fn seldom(self) -> Self {
        Self { collect_every: COLLECT_SELDOM_EVERY, ..self }
    }
}

impl Durability {
    pub(crate) fn new(mode: DurabilityMode) -> (Self, Desk) {
        // Room for one order to write beside the last one to finish; more would say the same again.
        let (orders, ordered) = sync_channel(2);
        let (sender, disk) = watch::channel(DiskState::default());
        let figures = Arc::<DiskFigures>::default();
        let tells = Arc::new(sender);
        let (disk_sender, collect_every) = (Arc::clone(&tells), COLLECT_EVERY);
        let (figures_of_writer, orders_of_writer) = (Arc::clone(&figures), orders.clone());
        let desk = Desk {
            mode,
            disk: disk_sender,
            figures: figures_of_writer,
            orders: orders_of_writer,
            ordered,
            collect_every,
        };
        (Self { mode, disk, tells, figures, orders }, desk)
    }

    /// What was written so far.
    pub(crate) fn figures(&self) -> &DiskFigures {
        &self.figures
    }

    /// Whether acknowledgements wait for the disk.
    pub(crate) fn is_strict(&self) -> bool {
        self.mode == DurabilityMode::Strict
    }

    pub(crate) fn mode(&self) -> DurabilityMode {
        self.mode
    }

    /// Told by the history: whether it has no room.
    pub(crate) fn set_crowded(&self, is_crowded: bool) {
        self.tells.send_if_modified(|disk| std::mem::replace(&mut disk.is_crowded, is_crowded) != is_crowded);
    }

    /// Changes as batches are written, or refused.
    pub(crate) fn disk(&self) -> watch::Receiver<DiskState> {
        self.disk.clone()
    }

    /// Has everything that changed until now written as soon as possible.
    pub(crate) fn hurry(&self) {
        // A full queue means that the writer has been told already.
        let _is_first = self.orders.try_send(Order::Write).is_ok();
    }

    /// Resolves when what is due is so, or the disk refused it.
    pub(crate) async fn reached(&self, due: impl Into<Due>) -> Result<(), Denied> {
        match due.into().under(self.mode) {
            Some(due) => self.wait_for(due).await,
            None => Ok(()),
        }
    }

    /// As [`Durability::reached`], whether or not anybody was promised that it is waited for.
    pub(crate) async fn flushed(&self, batch: BatchNumber) -> Result<(), Denied> {
        self.wait_for(batch.into()).await
    }

    async fn wait_for(&self, due: Due) -> Result<(), Denied> {
        if due.batch.is_some() {
            self.hurry();
        }
        let mut disk = self.disk();
        // An error means that the writer is gone: the hub has stopped.
        let reached = disk.wait_for(|disk| disk.has(due) || disk.refuses(due)).await;
        if reached.is_ok_and(|disk| disk.has(due)) { Ok(()) } else { Err(Denied::DiskFailing) }
    }
}

/// The writer's thread; dropping it without [`Persister::finish`] loses what was not collected yet.
pub(crate) struct Persister {
    orders: SyncSender<Order>,
    thread: JoinHandle<()>,
}

impl Persister {
    pub(crate) fn start(desk: Desk, hub: Arc<Hub>, sessions: Arc<Sessions>, store: Store) -> std::io::Result<Self> {
        let Desk { mode, disk, figures, orders, ordered, collect_every } = desk;
        let (is_failing, last_took) = (false, Duration::ZERO);
        let mut writer = Writer { hub, sessions, store, mode, disk, figures, collect_every, is_failing, last_took };
        let thread = std::thread::Builder::new().name("persist".into()).spawn(move || writer.run(&ordered))?;
        Ok(Self { orders, thread })
    }

    /// Writes what is left and ends. Call it when nothing publishes any more.
    pub(crate) fn finish(self) {
        // An error means that the thread is gone, which joining reports.
        let _asked = self.orders.send(Order::Finish).is_ok();
        if self.thread.join().is_err() {
            error!("the writer thread died; the last changes may not be on disk");
        }
    }
}

struct Writer {
    hub: Arc<Hub>,
    sessions: Arc<Sessions>,
    store: Store,
    mode: DurabilityMode,
    disk: Arc<watch::Sender<DiskState>>,
    figures: Arc<DiskFigures>,
    collect_every: Duration,
    is_failing: bool,
    /// How long the last batch took that was not empty.
    last_took: Duration,
}

/// Leaves nobody waiting for a writer that is gone.
impl Drop for Writer {
    fn drop(&mut self) {
        if self.mode == DurabilityMode::Strict {
            self.hub.set_disk_failing(true);
        }
        self.disk.send_modify(|disk| disk.is_failing = true);
    }
}

impl Writer {
    fn run(&mut self, ordered: &Receiver<Order>) {
        loop {
            let wait = if self.is_failing { COLLECT_EVERY } else { self.collect_every };
            match ordered.recv_timeout(wait) {
                Ok(Order::Write) | Err(RecvTimeoutError::Timeout) => self.write(),
                Ok(Order::Finish) | Err(RecvTimeoutError::Disconnected) => {
                    self.write();
                    if self.is_failing {
                        error!("the last changes could not be written and are lost");
                    }
                    return;
                }
            }
            if self.is_failing {
                std::thread::sleep(RETRY_AFTER);
            }
        }
    }

    fn write(&mut self) {
        if self.sessions.expects_acks() {
            std::thread::sleep(self.last_took.min(ACKS_WAIT_MAX));
        }
        let (changes, sessions) = self.hub.take_changes_with(|| self.sessions.take_changes());
        let of_sessions = sessions.to_store();
        let began = Instant::now();
        let written = self.store.apply(&changes, &of_sessions);
        if !changes.is_empty() || !of_sessions.is_empty() {
            self.last_took = began.elapsed();
            let counter = if written.is_ok() { &self.figures.batches } else { &self.figures.refused };
            counter.fetch_add(1, Ordering::Relaxed);
            let took_us = u64::try_from(self.last_took.as_micros()).unwrap_or(u64::MAX);
            self.figures.took_us.fetch_add(took_us, Ordering::Relaxed);
        }
        match written {
            Ok(()) => {
                if std::mem::take(&mut self.is_failing) {
                    self.hub.set_disk_failing(false);
                    info!("the disk takes changes again");
                }
                self.disk.send_modify(|disk| {
                    disk.saved = changes.number;
                    disk.is_failing = false;
                });
                sessions.saved();
            }
            Err(problem) => {
                if self.mode == DurabilityMode::Strict {
                    self.hub.set_disk_failing(true);
                }
                self.disk.send_modify(|disk| disk.is_failing = true);
                if !std::mem::replace(&mut self.is_failing, true) {
                    error!(
                        "cannot write to disk: {}. The hub goes on and tries again; messages that have to be on disk before \
                         they are acknowledged are refused meanwhile.",
                        with_reasons(&problem)
                    );
                }
                // Tried again as things are then, so that what was cleared meanwhile needs no room any more.
                self.hub.put_back(changes);
                sessions.put_back();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_a_batch_or_room_or_both() {
        let (first, second) = (BatchNumber::default(), Hub::new(housewire_core::HubOptions::default()).next_batch());
        let due = |batch, needs_room| Due { batch, needs_room };
        let state = |saved, is_failing, is_crowded| DiskState { saved, is_failing, is_crowded };
        for (due, disk, has, refuses) in [
            (due(Some(second), false), state(first, false, true), false, false),
            (due(Some(second), false), state(second, false, true), true, false),
            (due(Some(second), false), state(first, true, false), false, true),
            (due(None, true), state(first, false, true), false, false),
            (due(None, true), state(first, true, true), false, false),
            (due(None, true), state(first, false, false), true, false),
            (due(Some(second), true), state(second, true, true), false, false),
            (due(Some(second), true), state(second, true, false), true, false),
        ] {
            assert_eq!((disk.has(due), disk.refuses(due)), (has, refuses), "{due:?} {disk:?}");
        }
        assert_eq!(due(Some(first), true).and(due(Some(second), false)), due(Some(second), true));
        assert_eq!(due(Some(first), false).under(DurabilityMode::Relaxed), None);
        assert_eq!(due(Some(first), true).under(DurabilityMode::Relaxed), Some(due(None, true)));
    }

    #[tokio::test]
    async fn whoever_waits_for_a_writer_that_is_gone_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let fixture = crate::fixture::Fixture::new();
        let (durability, desk) = Durability::new(DurabilityMode::Strict);
        let (hub, sessions) = (Arc::clone(&fixture.shard.hub), Arc::clone(&fixture.shard.sessions));
        let persister = Persister::start(desk, hub, sessions, Store::open(folder.path()).unwrap()).unwrap();
        persister.finish();
        let never = Due { batch: Some(fixture.shard.hub.next_batch()), needs_room: false };
        let never = (0..1_000).fold(never, |due, _| {
            let _taken = fixture.shard.hub.take_changes();
            due.and(fixture.shard.hub.next_batch().into())
        });
        assert_eq!(durability.reached(never).await, Err(Denied::DiskFailing));
    }

    #[tokio::test]
    async fn whoever_waits_for_room_is_told_when_there_is_some() {
        let (durability, _desk) = Durability::new(DurabilityMode::Relaxed);
        durability.set_crowded(true);
        let waiting = tokio::spawn({
            let durability = durability.clone();
            async move { durability.reached(Due { batch: None, needs_room: true }).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        durability.set_crowded(false);
        assert_eq!(waiting.await.unwrap(), Ok(()));
    }
}
