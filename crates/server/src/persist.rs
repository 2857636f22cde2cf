//! Keeps the disk up to date: what changed is collected and written in one transaction, at once when somebody waits
//! for it, else once per half second.
//!
//! Runs on a thread of its own, so that nothing on a shard waits for the disk: whoever must not acknowledge before the disk
//! has a change waits for its [`BatchNumber`] without blocking. Acknowledgements that come meanwhile share the next
//! transaction. What is written and how belongs to `store`.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use housewire_core::{BatchNumber, Hub};
use housewire_store::{SessionChanges, Store};
use tokio::sync::watch;
use tracing::{error, info};

use crate::reasons::with_reasons;

/// How long a change may wait that nobody waits for; with the transaction itself it stays below the promised second.
const COLLECT_EVERY: Duration = Duration::from_millis(500);
/// How long to wait before trying a disk again that took nothing.
const RETRY_AFTER: Duration = Duration::from_millis(500);

enum Order {
    /// Somebody waits for a change to be on disk.
    Write,
    /// Nothing is published any more: write what is left and end.
    Finish,
}

/// Tells what the disk has; cheap to clone.
#[derive(Clone)]
pub(crate) struct Durability {
    saved: watch::Receiver<BatchNumber>,
    orders: SyncSender<Order>,
}

impl Durability {
    /// The last batch that the disk has; changes as batches are written.
    pub(crate) fn saved(&self) -> watch::Receiver<BatchNumber> {
        self.saved.clone()
    }

    /// Has everything that changed until now written as soon as possible.
    pub(crate) fn hurry(&self) {
        // A full queue means that the writer has been told already.
        let _is_first = self.orders.try_send(Order::Write).is_ok();
    }

    /// Resolves when the disk has the batch.
    pub(crate) async fn reached(&self, batch: BatchNumber) {
        self.hurry();
        // An error means that the writer is gone: the hub has stopped.
        let _reached = self.saved().wait_for(|saved| *saved >= batch).await.is_ok();
    }
}

/// The writer's thread; dropping it without [`Persister::finish`] loses up to half a second of changes.
pub(crate) struct Persister {
    orders: SyncSender<Order>,
    thread: JoinHandle<()>,
}

impl Persister {
    pub(crate) fn start(hub: Arc<Hub>, store: Store) -> std::io::Result<(Self, Durability)> {
        // Room for one order to write beside the last one to finish; more would say the same again.
        let (orders, ordered) = sync_channel(2);
        let (saved, watched) = watch::channel(BatchNumber::default());
        let mut writer = Writer { hub, store, saved, is_failing: false };
        let thread = std::thread::Builder::new().name("persist".into()).spawn(move || writer.run(&ordered))?;
        Ok((Self { orders: orders.clone(), thread }, Durability { saved: watched, orders }))
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
    store: Store,
    saved: watch::Sender<BatchNumber>,
    is_failing: bool,
}

impl Writer {
    fn run(&mut self, ordered: &Receiver<Order>) {
        loop {
            match ordered.recv_timeout(COLLECT_EVERY) {
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
        let changes = self.hub.take_changes();
        let written = if changes.is_empty() { Ok(()) } else { self.store.apply(&changes, &SessionChanges::default()) };
        match written {
            Ok(()) => {
                self.saved.send_replace(changes.number);
                if std::mem::take(&mut self.is_failing) {
                    info!("the disk takes changes again");
                }
            }
            Err(problem) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    error!(
                        "cannot write to disk: {}. The hub goes on and tries again; what has to be on disk first is not \
                         acknowledged meanwhile.",
                        with_reasons(&problem)
                    );
                }
                // Tried again as things are then, so that what was cleared meanwhile needs no room any more.
                self.hub.put_back(changes);
            }
        }
    }
}
