//! Keeps the disk up to date: collects what changed once per half second, writes it in one transaction.
//!
//! Runs on a thread of its own, so that nothing on a shard waits for the disk. What is written and how belongs to `store`.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use housewire_core::{Changes, Hub};
use housewire_store::Store;
use tracing::{error, info};

use crate::reasons::with_reasons;

/// How long a change may wait; with the transaction itself it stays below the promised second.
const COLLECT_EVERY: Duration = Duration::from_millis(500);

/// The writer's thread; dropping it without [`Persister::finish`] loses up to half a second of changes.
pub(crate) struct Persister {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Persister {
    pub(crate) fn start(hub: Arc<Hub>, store: Store) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let thread =
            std::thread::Builder::new().name("persist".into()).spawn(move || Writer::new(hub, store).run(&stopped))?;
        Ok(Self { stop, thread })
    }

    /// Writes what is left and ends. Call it when nothing publishes any more.
    pub(crate) fn finish(self) {
        // An error means that the thread is gone, which joining reports.
        let _asked = self.stop.send(()).is_ok();
        if self.thread.join().is_err() {
            error!("the writer thread died; the last changes may not be on disk");
        }
    }
}

struct Writer {
    hub: Arc<Hub>,
    store: Store,
    /// What could not be written; tried again with the next collection.
    owed: Option<Changes>,
    is_failing: bool,
}

impl Writer {
    fn new(hub: Arc<Hub>, store: Store) -> Self {
        Self { hub, store, owed: None, is_failing: false }
    }

    fn run(&mut self, stopped: &Receiver<()>) {
        loop {
            let ends = !matches!(stopped.recv_timeout(COLLECT_EVERY), Err(RecvTimeoutError::Timeout));
            self.write();
            if ends {
                // What was owed went first; what came since is still in the hub.
                self.write();
                return;
            }
        }
    }

    fn write(&mut self) {
        // While the disk fails nothing new is collected: changes stay conflated in the hub, so memory stays bounded.
        let changes = self.owed.take().unwrap_or_else(|| self.hub.take_changes());
        if changes.is_empty() {
            return;
        }
        match self.store.apply(&changes) {
            Ok(()) => {
                if std::mem::take(&mut self.is_failing) {
                    info!("the disk takes changes again");
                }
            }
            Err(problem) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    error!("cannot write to disk: {}. The hub goes on and tries again.", with_reasons(&problem));
                }
                self.owed = Some(changes);
            }
        }
    }
}
