//! The thread's work: follows the log, and takes what it finds to the server until something fails; then again.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use housewire_store::{Documents, HistoryReader, Logged, SeriesId, SeriesInfo, StoreError};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tracing::{info, warn};

use super::database::{Database, DatabaseError};
use super::rows::{self, Row};
use super::{POSITION, SinkStatus, remembered};
use crate::backoff::Backoff;
use crate::config::PostgresConfig;
use crate::reasons::with_reasons;

/// Points in one transaction; a batch takes up some 100 bytes of memory for each.
const BATCH_POINTS: usize = 10_000;
/// How often it is looked for new points; history is committed no more often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);

/// Why a round ended.
#[derive(Debug, Error)]
enum SinkError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("{}", with_reasons(.0))]
    Store(#[from] StoreError),
}

/// See the module.
pub(super) struct Follower {
    pub(super) config: PostgresConfig,
    pub(super) reader: HistoryReader,
    pub(super) documents: Documents,
    pub(super) names: HashMap<SeriesId, SeriesInfo>,
    pub(super) confirmed: Arc<AtomicU64>,
    pub(super) status: Arc<Mutex<SinkStatus>>,
}

impl Follower {
    /// Works until it is told to stop; a batch that is under way is given up then, and comes again.
    pub(super) fn work(mut self, mut stopped: watch::Receiver<bool>) -> std::io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            tokio::select! {
                () = self.run() => {}
                _ = stopped.wait_for(|is_stopped| *is_stopped) => {}
            }
        });
        self.remember();
        Ok(())
    }

    async fn run(&mut self) {
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
        loop {
            let Err(error) = self.follow(&mut backoff).await;
            let delay = backoff.next_delay();
            self.note_problem(&error);
            self.remember();
            tokio::time::sleep(delay).await;
        }
    }

    /// Takes points to the server until something fails.
    async fn follow(&mut self, backoff: &mut Backoff) -> Result<Infallible, SinkError> {
        let (mut database, mut last) =
            Database::open(&self.config, &format!("{:016x}", self.reader.identity()?)).await?;
        self.note_connected(last);
        let mut tail = self.reader.tail(last);
        loop {
            let followed = tail.next(BATCH_POINTS)?;
            if followed.lost > 0 {
                self.note_lost(followed.lost);
            }
            if followed.last == last {
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            }
            let written = database.write(self.lines(&followed.points), last, followed.last).await?;
            backoff.reset();
            last = followed.last;
            self.confirmed.store(last, Ordering::Relaxed);
            let mut status = self.status.lock();
            status.written += written;
            status.last = last;
        }
    }

    fn lines(&mut self, points: &[Logged]) -> Bytes {
        let is_new = |logged: &Logged| !self.names.contains_key(&logged.series);
        if points.iter().any(is_new) {
            // Series that are gone are left out of this list, and so is what is left of them.
            self.names = self.reader.list().into_iter().map(|info| (info.id, info)).collect();
        }
        let mut lines = Vec::with_capacity(points.len() * 64);
        for Logged { number, series, point } in points {
            if let Some(SeriesInfo { device, property, .. }) = self.names.get(series) {
                rows::write(&mut lines, &Row { number: *number, device, property, point });
            }
        }
        lines.into()
    }

    /// For the next start of the hub.
    fn remember(&mut self) {
        let last = self.confirmed.load(Ordering::Relaxed);
        if last != remembered(&self.documents)
            && let Err(error) = self.documents.write(POSITION, &last.to_string())
        {
            warn!("cannot note how far PostgreSQL is: {}; the log keeps more than it needs to", with_reasons(&error));
        }
    }

    fn note_connected(&self, last: u64) {
        info!("history goes to PostgreSQL, table {}, from point {} on", self.config.table, last + 1);
        self.confirmed.store(last, Ordering::Relaxed);
        let mut status = self.status.lock();
        (status.is_connected, status.problem, status.last) = (true, None, last);
    }

    fn note_lost(&self, count: u64) {
        warn!(
            "{count} points of history had left the log before PostgreSQL had them: it was away for longer than \
             postgres.queue_mb lasts. The hub's own history has them."
        );
        self.status.lock().lost += count;
    }

    fn note_problem(&self, error: &SinkError) {
        let problem = error.to_string();
        let mut status = self.status.lock();
        status.is_connected = false;
        if status.problem.as_ref() != Some(&problem) {
            warn!(
                "history does not reach PostgreSQL: {problem}. It waits on disk and is tried again. \
                 Check the server, postgres.url and the rights of its user."
            );
            status.problem = Some(problem);
        }
    }
}
