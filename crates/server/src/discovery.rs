//! Devices that announce themselves: found, asked about, adopted, and then served in both directions; and the other way round, this
//! hub's own devices announced to a Home Assistant.
//!
//! What announcements mean is in `links`; this is the subscriber that listens to them, and the thread that does what follows. Requests
//! of the API are handed to that thread ([why found devices are asked about](../../../docs/adr/0024-found-devices-are-asked-about.md)).

mod bind;
mod desk;
mod find;
mod finds;
mod inbox;
mod list;
mod producer;
mod record;
#[cfg(test)]
mod samples;
mod settings;
mod speech;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use housewire_core::{DeclareError, Hub};
use housewire_links::discovery::Event;
use housewire_store::{Store, StoreError};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::oneshot;
use tracing::{error, warn};

use self::bind::Bindings;
use self::desk::DeskParts;
pub(crate) use self::desk::{Adoption, Desk};
use self::find::Standing;
use self::finds::Finds;
use self::inbox::{Class, Inbox};
pub(crate) use self::list::FindJson;
pub(crate) use self::settings::{Adopt, DiscoverySettings};
use crate::accounts::Accounts;
use crate::clients::Clients;
use crate::limits::FINDS_MAX;

/// Why nothing came of what somebody asked of discovery.
#[derive(Debug, Error)]
pub(crate) enum DiscoveryError {
    #[error("There is no find '{0}'. GET /api/discovered lists what was found.")]
    Unknown(String),
    #[error("Discovery is off: turn it on with PUT /api/discovery, or in the settings on the page.")]
    Off,
    #[error(
        "Discovery is turned off in the configuration ([discovery] enabled = false): only who runs the hub can turn it on."
    )]
    OffByConfig,
    #[error("{0}")]
    Taken(String),
    #[error("{0}")]
    Unusable(String),
    #[error(transparent)]
    Declaration(#[from] DeclareError),
    #[error("{0}")]
    Disk(String),
    #[error("Discovery has more to do at the moment than it can: try again in a second.")]
    Busy,
}

/// See the module. What is asked of it waits for its thread.
pub(crate) struct Discovery {
    inbox: Arc<Inbox>,
    figures: Arc<Figures>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Discovery {
    /// Opens what is kept and starts the thread; on return it listens, if the settings say so. Waits for the disk.
    pub(crate) fn start(
        store: &Store,
        hub: &Arc<Hub>,
        clients: &Arc<Clients>,
        accounts: &Arc<Accounts>,
        is_allowed: bool,
    ) -> Result<Self, StoreError> {
        let (inbox, figures) = (Arc::<Inbox>::default(), Arc::<Figures>::default());
        let parts = DeskParts {
            hub: Arc::clone(hub),
            clients: Arc::clone(clients),
            accounts: Arc::clone(accounts),
            inbox: Arc::clone(&inbox),
            figures: Arc::clone(&figures),
            finds: store.documents("discovered")?,
            settings: store.documents("setting")?,
            is_allowed,
        };
        let mut desk = Desk::new(parts);
        desk.load()?;
        let own = Arc::clone(&inbox);
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let work = move || {
            let _closed_at_the_end = Closing(own);
            desk.run(|| {
                // Whoever starts it waits for this.
                let _is_heard = tell.send(()).is_ok();
            });
        };
        let thread = std::thread::Builder::new().name("discovery".into()).spawn(work);
        let thread = thread.inspect_err(|error| error!("discovery cannot start: {error}")).ok();
        // From here on nothing that is announced is missed. An error means that the thread is gone, which it has told.
        let _listens = thread.is_some() && told.recv().is_ok();
        if thread.is_none() {
            inbox.close();
        }
        Ok(Self { inbox, figures, thread: Mutex::new(thread) })
    }

    /// Has something done on the thread of discovery, and waits for it.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Desk) -> T + Send + 'static,
    ) -> Result<T, DiscoveryError> {
        let (tell, told) = oneshot::channel();
        let order = Box::new(move |desk: &mut Desk| {
            // Whoever asked may have gone meanwhile; what he asked for is done all the same.
            let _is_heard = tell.send(work(desk)).is_ok();
        });
        self.inbox.order(order).map_err(|_| DiscoveryError::Busy)?;
        told.await.map_err(|_| DiscoveryError::Busy)
    }

    /// Tells of a device that was seen on the network, or not any more; `false` if too much waits already.
    pub(crate) fn sighted(&self, event: Event) -> bool {
        self.inbox.sighted(event)
    }

    /// What is to be told of it.
    pub(crate) fn figures(&self) -> FiguresNow {
        let Figures { finds, topics, properties, problems, refused, reports, requests, unsent, .. } = &*self.figures;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let size = |gauge: &AtomicUsize| gauge.load(Ordering::Relaxed);
        FiguresNow {
            finds: STANDINGS.map(|(name, place)| (name, size(&finds[place]))),
            topics: size(topics),
            properties: size(properties),
            problems: read(problems),
            refused: read(refused),
            reports: read(reports),
            requests: read(requests),
            unsent: read(unsent),
            dropped: Class::ALL.map(|class| (class.name(), self.inbox.dropped(class))),
            waiting: Class::ALL.map(|class| (class.name(), self.inbox.waiting(class))),
        }
    }

    /// Says farewell, writes what is left, and ends.
    pub(crate) fn stop(&self) {
        self.inbox.close();
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            error!("the thread of discovery died; adopted devices were not served from then on");
        }
    }
}

/// Whatever ends the thread, a panic too: nothing waits for it then.
struct Closing(Arc<Inbox>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// As finds are counted.
const STANDINGS: [(&str, usize); 5] = [("new", 0), ("adopted", 1), ("ignored", 2), ("removed", 3), ("gone", 4)];

/// Counted by the thread, read by others.
#[derive(Debug, Default)]
struct Figures {
    finds: [AtomicUsize; 5],
    topics: AtomicUsize,
    properties: AtomicUsize,
    problems: AtomicU64,
    refused: AtomicU64,
    reports: AtomicU64,
    requests: AtomicU64,
    unsent: AtomicU64,
    /// When problems were told last, and how many since.
    told: Mutex<Option<(Instant, u32)>>,
}

/// Figures of one moment.
pub(crate) struct FiguresNow {
    pub(crate) finds: [(&'static str, usize); 5],
    pub(crate) topics: usize,
    pub(crate) properties: usize,
    pub(crate) problems: u64,
    /// Finds that there was no room for.
    pub(crate) refused: u64,
    pub(crate) reports: u64,
    pub(crate) requests: u64,
    pub(crate) unsent: u64,
    pub(crate) dropped: [(&'static str, u64); 4],
    pub(crate) waiting: [(&'static str, usize); 4],
}

impl Figures {
    fn note(&self, finds: &Finds, bindings: &Bindings) {
        let mut counts = [0; 5];
        for find in finds.iter() {
            let place = match find.standing {
                Standing::Adopted(_) if find.is_gone() => 4,
                Standing::New => 0,
                Standing::Adopted(_) => 1,
                Standing::Ignored => 2,
                Standing::Removed => 3,
            };
            counts[place] += 1;
        }
        for (counter, count) in self.finds.iter().zip(counts) {
            counter.store(count, Ordering::Relaxed);
        }
        self.topics.store(bindings.topic_count(), Ordering::Relaxed);
        self.properties.store(bindings.property_count(), Ordering::Relaxed);
    }

    /// Counts a problem; tells of one that is new, but not of too many.
    fn problem(&self, is_new: bool, text: &str) {
        const TOLD_AT_ONCE: u32 = 20;
        const TOLD_WITHIN: Duration = Duration::from_secs(60);
        self.problems.fetch_add(1, Ordering::Relaxed);
        if !is_new {
            return;
        }
        let mut told = self.told.lock();
        let (since, count) = told.get_or_insert((Instant::now(), 0));
        if since.elapsed() > TOLD_WITHIN {
            (*since, *count) = (Instant::now(), 0);
        }
        *count += 1;
        match *count {
            ..=TOLD_AT_ONCE => warn!("discovery: {text}"),
            n if n == TOLD_AT_ONCE + 1 => {
                warn!("discovery: more problems follow within this minute and are only counted")
            }
            _ => {}
        }
    }

    fn refused(&self) {
        let count = self.refused.fetch_add(1, Ordering::Relaxed);
        let text = format!("there is no room for more than {FINDS_MAX} finds: remove some that are not wanted");
        self.problem(count == 0, &text);
    }

    fn reported(&self) {
        self.reports.fetch_add(1, Ordering::Relaxed);
    }

    fn requested(&self, is_sent: bool) {
        let counter = if is_sent { &self.requests } else { &self.unsent };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
