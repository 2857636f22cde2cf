//! History, once more in PostgreSQL or TimescaleDB: every point that the hub's log gets, in batches.
//!
//! The queue is the log itself, which is kept on disk until the server has it, up to a bound; beyond, the oldest points are lost to the
//! server, counted and shown. A thread of its own follows the log; nothing waits for it. What the tables look like
//! belongs to `database`, lines to `rows`. Without the feature `postgres` no configuration asks for a sink.

#[cfg(feature = "postgres")]
mod database;
#[cfg(feature = "postgres")]
mod follower;
#[cfg(feature = "postgres")]
mod rows;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use housewire_store::{Documents, HistoryReader};
use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::error;

use crate::config::PostgresConfig;

/// The document that says how far the server has come.
const POSITION: &str = "postgres";

/// How it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SinkStatus {
    /// The server takes points.
    pub(crate) is_connected: bool,
    /// Why it does not, in a sentence for people.
    pub(crate) problem: Option<String>,
    /// Points that it took since the start of the hub.
    pub(crate) written: u64,
    /// Points that were gone before it came to them, since the start of the hub.
    pub(crate) lost: u64,
    /// The number of the last point that it has.
    pub(crate) last: u64,
}

/// A running sink.
pub(crate) struct Sink {
    status: Arc<Mutex<SinkStatus>>,
    hold: Hold,
    stop: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the log has to keep for a sink.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    confirmed: Arc<AtomicU64>,
    /// How much of it at most.
    pub(crate) bytes_max: u64,
}

impl Hold {
    /// Everything behind the point with this number.
    pub(crate) fn confirmed(&self) -> u64 {
        self.confirmed.load(Ordering::Relaxed)
    }
}

impl Sink {
    /// Begins to follow the log. Whether the server is there shows later: the hub does not wait for it.
    pub(crate) fn start(config: PostgresConfig, reader: HistoryReader, documents: Documents) -> std::io::Result<Self> {
        // Before the server has said how far it is, nothing leaves the log that it may not have.
        let confirmed = Arc::new(AtomicU64::new(remembered(&documents)));
        let hold = Hold { confirmed: Arc::clone(&confirmed), bytes_max: config.queue_bytes };
        let (status, (stop, stopped)) = (Arc::<Mutex<SinkStatus>>::default(), watch::channel(false));
        let shown = Arc::clone(&status);
        let thread = std::thread::Builder::new().name("postgres".to_owned());
        #[cfg(feature = "postgres")]
        let work = move || {
            let names = std::collections::HashMap::new();
            let follower = follower::Follower { config, reader, documents, names, confirmed, status: shown };
            if let Err(error) = follower.work(stopped) {
                error!(
                    "history does not reach PostgreSQL until the next start: the system refused a runtime ({error})"
                );
            }
        };
        #[cfg(not(feature = "postgres"))]
        let work = move || drop((config, reader, documents, confirmed, shown, stopped));
        Ok(Self { status, hold, stop, thread: Mutex::new(Some(thread.spawn(work)?)) })
    }

    pub(crate) fn status(&self) -> SinkStatus {
        self.status.lock().clone()
    }

    /// What the log has to keep for it.
    pub(crate) fn hold(&self) -> Hold {
        self.hold.clone()
    }

    /// Ends it and waits for that.
    pub(crate) fn finish(&self) {
        self.stop.send_replace(true);
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            error!("the thread that writes to PostgreSQL died, which is a bug; report this");
        }
    }
}

/// Only a hint, which may lie behind: the server itself knows how far it is.
fn remembered(documents: &Documents) -> u64 {
    let documents = documents.load().map(|loaded| loaded.documents).unwrap_or_default();
    documents.into_iter().find(|(id, _)| id == POSITION).and_then(|(_, body)| body.parse().ok()).unwrap_or(0)
}
