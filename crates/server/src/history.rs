//! The history: a subscriber like any other, which remembers what every property was.
//!
//! Values come through a mailbox (`inbox`) to a thread (`writer`), which alone writes; questions are asked of the store on threads
//! beside the shards. What is kept of a property belongs to `policy`, how points lie on the disk to `store`, how questions and
//! answers look to `http`.

mod documents;
mod inbox;
mod known;
mod order;
mod policy;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use housewire_core::{DeviceId, Filter, Hub, Permissions, Principal, SubscribeOptions, Subscriber, Timestamp};
use housewire_store::{History, HistoryOptions, HistoryReader, Point, Store, StoreError, Wear, Window};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tracing::{error, info, warn};

pub(crate) use self::documents::NotKept;
use self::documents::Papers;
use self::inbox::Inbox;
pub(crate) use self::inbox::{Fill, InboxFigures};
use self::known::AllKnown;
pub(crate) use self::known::{has_history, kind_of, parse};
pub(crate) use self::order::{Name, NotDone};
use self::order::{Order, Reply};
pub(crate) use self::policy::Policy;
pub(crate) use self::writer::WriterFigures;
use self::writer::{Writer, days};
use crate::config::{HistoryConfig, PostgresConfig};
use crate::limits::{
    HISTORY_CHANGE_WAIT, HISTORY_CHANGES_MAX, HISTORY_IMPORTS_MAX, HISTORY_QUERIES_MAX, HISTORY_QUERY_WAIT,
    HISTORY_SHOW_WAIT,
};
use crate::persist::Durability;
use crate::reasons::with_reasons;
use crate::sink::{Sink, SinkStatus};

/// What is subscribed to: `devices/<device>/<property>`.
const VALUES: &str = "devices/+/+";

/// See the module. Shared by all who ask.
pub(crate) struct Recorder {
    pub(crate) config: HistoryConfig,
    /// Of its files.
    pub(crate) folder: PathBuf,
    inbox: Arc<Inbox>,
    reader: HistoryReader,
    papers: Arc<Papers>,
    figures: Arc<WriterFigures>,
    /// What was found out last, for those who do not wait.
    last_wear: Mutex<Wear>,
    queries: Semaphore,
    changes: Semaphore,
    /// Pieces of imports.
    imports: Semaphore,
    /// Where it is written once more.
    sink: Option<Sink>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Keeps the subscription.
    _subscriber: Arc<Subscriber>,
}

/// Why the history does not answer.
#[derive(Debug, Error)]
pub(crate) enum NoAnswer {
    /// Others ask already.
    #[error(
        "too many questions about the past are being answered: try again in a few seconds, or ask for less at once"
    )]
    Busy,
    /// It takes its time.
    #[error("the disk is slow at the moment: it will be done, but was not yet")]
    Late,
    /// The store says no.
    #[error("the history cannot do it: {0}")]
    Refused(String),
}

impl From<StoreError> for NoAnswer {
    fn from(error: StoreError) -> Self {
        Self::Refused(with_reasons(&error))
    }
}

impl From<NotDone> for NoAnswer {
    fn from(NotDone(why): NotDone) -> Self {
        Self::Refused(why)
    }
}

impl Recorder {
    /// Opens the history and subscribes. If its files cannot be used there is none, which is said and ends nothing.
    pub(crate) fn start(
        config: HistoryConfig,
        postgres: Option<PostgresConfig>,
        store: &Store,
        hub: &Arc<Hub>,
        durability: &Durability,
    ) -> Option<Arc<Self>> {
        if !config.enabled {
            return None;
        }
        let folder = store.history_folder();
        let opened = open(config, postgres, store, hub)
            .and_then(|opened| Self::run(config, opened, folder, hub, durability).map_err(StartError::Thread));
        match opened {
            Ok(recorder) => Some(recorder),
            Err(error) => {
                error!("there is no history until the next start: {}", with_reasons(&error));
                None
            }
        }
    }

    fn run(
        config: HistoryConfig,
        opened: Opened,
        folder: PathBuf,
        hub: &Arc<Hub>,
        durability: &Durability,
    ) -> std::io::Result<Arc<Self>> {
        let Opened { history, papers, buried, sink } = opened;
        let inbox = Arc::new(Inbox::new(Arc::downgrade(hub), durability.clone()));
        let (reader, papers, figures) = (history.reader(), Arc::new(papers), Arc::<WriterFigures>::default());
        let policies = papers.policies().into_iter().collect();
        let writer = Writer {
            inbox: Arc::clone(&inbox),
            hub: Arc::clone(hub),
            history,
            hold: sink.as_ref().map(Sink::hold),
            known: AllKnown::new(policies),
            papers: Arc::clone(&papers),
            figures: Arc::clone(&figures),
            commit_every: config.commit_every(),
            is_dirty: true,
            buried,
            unburied: Vec::new(),
            waiting: Vec::new(),
            maintenance_fails: false,
            has_given_up: false,
        };
        let thread = std::thread::Builder::new().name("history".into()).spawn(move || writer.run())?;
        let principal = Arc::new(Principal::new("history", Permissions::all()));
        let subscriber = hub.own_subscriber(principal, Arc::clone(&inbox) as _);
        let values = Filter::parse(VALUES).expect("a constant that parses");
        hub.subscribe(&subscriber, &values, SubscribeOptions::default()).expect("it may read everything");
        Ok(Arc::new(Self {
            config,
            folder,
            inbox,
            reader,
            papers,
            figures,
            last_wear: Mutex::default(),
            queries: Semaphore::new(HISTORY_QUERIES_MAX),
            changes: Semaphore::new(HISTORY_CHANGES_MAX),
            imports: Semaphore::new(HISTORY_IMPORTS_MAX),
            sink,
            thread: Mutex::new(Some(thread)),
            _subscriber: subscriber,
        }))
    }

    /// Brings to the disk what is there and ends. Call it when nothing publishes any more. Waits for the disk.
    pub(crate) fn finish(&self) {
        self.inbox.close();
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            error!("the history's thread died; its last values may not be on disk");
        }
        if let Some(sink) = &self.sink {
            sink.finish();
        }
    }

    /// How it goes with what is written once more elsewhere; `None` if nothing is.
    pub(crate) fn sink(&self) -> Option<SinkStatus> {
        self.sink.as_ref().map(Sink::status)
    }

    pub(crate) fn fill(&self) -> Fill {
        self.inbox.fill()
    }

    pub(crate) fn inbox_figures(&self) -> &InboxFigures {
        &self.inbox.figures
    }

    pub(crate) fn figures(&self) -> &WriterFigures {
        &self.figures
    }

    /// Asks the store, on a thread beside the shard, when it is one's turn. What was published before is part of the answer, unless
    /// the disk stalls.
    pub(crate) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&HistoryReader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, NoAnswer> {
        self.show().await;
        self.ask_on(question).await
    }

    /// Goes on asking: what is published meanwhile need not be part of it.
    pub(crate) async fn ask_on<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&HistoryReader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let reader = self.reader.clone();
        self.beside(|own| &own.queries, move |_| question(&reader)).await?.map_err(NoAnswer::from)
    }

    /// Does what may wait for the disk, when it is one's turn.
    async fn beside<T: Send + 'static>(
        self: &Arc<Self>,
        turns: fn(&Self) -> &Semaphore,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let own = Arc::clone(self);
        let turn = tokio::time::timeout(HISTORY_QUERY_WAIT, turns(self).acquire()).await.map_err(|_| NoAnswer::Busy)?;
        turn.expect("nobody closes it").forget();
        let working = tokio::task::spawn_blocking(move || {
            // Until the work is done, whether or not somebody still waits for it.
            let turn = Turn { of: own, turns };
            work(&turn.of)
        });
        match working.await {
            Ok(done) => Ok(done),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The shard is about to end, and with it whoever waits.
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits a moment until what was published before can be read.
    async fn show(&self) {
        let _is_shown = self.order(Order::Show, HISTORY_SHOW_WAIT).await.is_ok();
    }

    /// Waits until what was published before is on the disk.
    pub(crate) async fn settled(&self) -> Result<(), NoAnswer> {
        self.order(Order::Commit, HISTORY_CHANGE_WAIT).await
    }

    /// A turn for one piece of an import, so that whoever sends slowly keeps nobody waiting.
    pub(crate) async fn import_turn(&self) -> Result<SemaphorePermit<'_>, NoAnswer> {
        let turn =
            tokio::time::timeout(HISTORY_QUERY_WAIT, self.imports.acquire()).await.map_err(|_| NoAnswer::Busy)?;
        Ok(turn.expect("nobody closes it"))
    }

    /// Adds points to a property; they are on the disk when this returns.
    pub(crate) async fn import(&self, name: Name, points: Vec<Point>) -> Result<usize, NoAnswer> {
        let done = self.order(|reply| Order::Import(name, points, reply), HISTORY_CHANGE_WAIT).await?;
        Ok(done?)
    }

    /// Forgets a stretch of a property's history, or all of it.
    pub(crate) async fn forget(&self, name: Name, window: Option<Window>) -> Result<(), NoAnswer> {
        let done = self.order(|reply| Order::Forget(name, window, reply), HISTORY_CHANGE_WAIT).await?;
        Ok(done?)
    }

    /// What is kept of a property.
    pub(crate) async fn policy(self: &Arc<Self>, name: Name) -> Result<Policy, NoAnswer> {
        self.beside(|own| &own.changes, move |own| own.papers.policy(&name)).await
    }

    /// From now on the property is kept so. The policy has to make sense.
    pub(crate) async fn keep(self: &Arc<Self>, name: Name, policy: Policy) -> Result<Result<(), NotKept>, NoAnswer> {
        let of = name.clone();
        if let Err(refused) = self.beside(|own| &own.changes, move |own| own.papers.keep(&of, policy)).await? {
            return Ok(Err(refused));
        }
        self.order(|reply| Order::Keep(name, policy, reply), HISTORY_CHANGE_WAIT).await.map(Ok)
    }

    /// Notes that a device is about to be deleted, so that its history goes too whatever happens. Behind this the device is deleted
    /// in the hub, which tells the history.
    pub(crate) async fn bury(self: &Arc<Self>, device: &DeviceId) -> Result<(), NoAnswer> {
        let id = device.clone();
        self.beside(|own| &own.changes, move |own| own.papers.bury(id.as_str())).await?.map_err(NoAnswer::from)
    }

    /// What the history costs the disk; as it was known last if the disk is slow.
    pub(crate) async fn wear(&self) -> Wear {
        match self.order(Order::Wear, HISTORY_SHOW_WAIT).await {
            Ok(Some(wear)) => {
                self.last_wear.lock().clone_from(&wear);
                wear
            }
            _ => self.last_wear.lock().clone(),
        }
    }

    async fn order<T>(&self, order: impl FnOnce(Reply<T>) -> Order, wait: Duration) -> Result<T, NoAnswer> {
        let (reply, answer) = oneshot::channel();
        self.inbox.order(order(reply)).map_err(|_| NoAnswer::Busy)?;
        match tokio::time::timeout(wait, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            // The thread is gone, or behind.
            Ok(Err(_)) | Err(_) => Err(NoAnswer::Late),
        }
    }
}

/// A turn of those who ask, given back in the end.
struct Turn {
    of: Arc<Recorder>,
    turns: fn(&Recorder) -> &Semaphore,
}

impl Drop for Turn {
    fn drop(&mut self) {
        (self.turns)(&self.of).add_permits(1);
    }
}

/// Why there is no history.
#[derive(Debug, Error)]
enum StartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the system refused a thread for the history")]
    Thread(#[source] std::io::Error),
}

struct Opened {
    history: History,
    papers: Papers,
    /// Devices whose tombstones are to be cleared with the next commit.
    buried: Vec<String>,
    sink: Option<Sink>,
}

fn open(
    config: HistoryConfig,
    postgres: Option<PostgresConfig>,
    store: &Store,
    hub: &Hub,
) -> Result<Opened, StartError> {
    let options = HistoryOptions {
        raw: days(config.raw_days),
        minutes: days(config.minute_days),
        hours: days(config.hour_days),
        ..HistoryOptions::default()
    };
    let (mut history, recovered) = History::open(&store.history_folder(), options)?;
    for note in &recovered.notes {
        warn!("{note}");
    }
    if recovered.points > 0 {
        info!("{} values that were not in the history's database yet were found in its log", recovered.points);
    }
    let (papers, tombstones) = Papers::open(store)?;
    let mut buried = Vec::new();
    for device in tombstones {
        let is_there = DeviceId::parse(&device).is_ok_and(|id| hub.device(&id).is_some());
        if is_there {
            // The hub ended before it was deleted, and nobody was told that it was.
            papers.unbury(&device);
        } else {
            let _had_any: bool = history.remove_device(&device)?;
            buried.push(device);
        }
    }
    let sink = match postgres {
        None => None,
        Some(postgres) => {
            let sink = Sink::start(postgres, history.reader(), store.documents("sink")?);
            Some(sink.map_err(StartError::Thread)?)
        }
    };
    Ok(Opened { history, papers, buried, sink })
}

/// The present, as points have it.
pub(crate) fn wall() -> Timestamp {
    crate::shard::now().wall
}

#[cfg(test)]
mod tests;
