//! What the writer and those who ask share: names, points that are in no chunk yet, and which files the log has.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;
use rusqlite::Connection;
use rustc_hash::FxHashMap;

use super::answers::SeriesInfo;
use super::database::connect_reader;
use super::log::Segment;
use super::points::Head;
use super::reading::{Reading, SeriesId};
use crate::error::StoreError;

/// Shared by the writer and all who ask.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Held for as long as it takes to copy one head, never while the disk is waited for.
    pub(crate) memory: Mutex<Memory>,
    pub(crate) log_folder: PathBuf,
    pub(crate) database: PathBuf,
    /// As the options say.
    pub(crate) exact_points: u64,
    /// Chunks that could not be read since the start.
    pub(crate) damaged_chunks: AtomicU64,
    idle: Mutex<Vec<Connection>>,
}

/// Connections that are kept open for who asks next; further ones are closed after use.
const IDLE_CONNECTIONS_MAX: usize = 2;

impl Shared {
    pub(crate) fn new(log_folder: PathBuf, database: PathBuf, memory: Memory, exact_points: u64) -> Self {
        Self {
            memory: Mutex::new(memory),
            log_folder,
            database,
            exact_points,
            damaged_chunks: AtomicU64::new(0),
            idle: Mutex::default(),
        }
    }

    /// Asks the database something.
    pub(crate) fn ask<T>(&self, ask: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>) -> Result<T, StoreError> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => Ok(connection),
            None => connect_reader(&self.database),
        };
        let failed = |source| StoreError::sqlite("read", &self.database, source);
        let connection = connection.map_err(failed)?;
        // One moment for all that is asked. After an error the connection is closed, and with it the transaction.
        connection.execute_batch("BEGIN").map_err(failed)?;
        let answer = ask(&connection).map_err(failed)?;
        connection.execute_batch("COMMIT").map_err(failed)?;
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_CONNECTIONS_MAX {
            idle.push(connection);
        }
        Ok(answer)
    }
}

/// A series that there is.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) info: SeriesInfo,
    pub(crate) head: Head,
}

#[derive(Debug, Default)]
pub(crate) struct Memory {
    series: FxHashMap<SeriesId, Live>,
    names: BTreeMap<Arc<str>, BTreeMap<Arc<str>, SeriesId>>,
    /// Of all heads.
    pub(crate) heads_bytes: usize,
    /// Series that have points for a whole chunk, each once.
    pub(crate) full: Vec<SeriesId>,
    /// The number of the last point that is on the disk, in the log or in a chunk.
    pub(crate) committed: u64,
    /// In order.
    pub(crate) segments: Vec<Segment>,
}

impl Memory {
    pub(crate) fn add(&mut self, info: SeriesInfo) {
        let properties = self.names.entry(Arc::clone(&info.device)).or_default();
        properties.insert(Arc::clone(&info.property), info.id);
        self.series.insert(info.id, Live { info, head: Head::default() });
    }

    pub(crate) fn remove(&mut self, id: SeriesId) {
        let Some(live) = self.series.remove(&id) else { return };
        self.heads_bytes -= live.head.bytes();
        if let Some(properties) = self.names.get_mut(&live.info.device) {
            properties.remove(&live.info.property);
            if properties.is_empty() {
                self.names.remove(&live.info.device);
            }
        }
        self.full.retain(|other| *other != id);
    }

    pub(crate) fn find(&self, device: &str, property: &str) -> Option<SeriesId> {
        self.names.get(device)?.get(property).copied()
    }

    /// Those of one device.
    pub(crate) fn of_device(&self, device: &str) -> Vec<SeriesId> {
        self.names.get(device).into_iter().flat_map(BTreeMap::values).copied().collect()
    }

    pub(crate) fn get(&self, id: SeriesId) -> Option<&Live> {
        self.series.get(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SeriesId, &Live)> {
        self.series.iter().map(|(id, live)| (*id, live))
    }

    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// In order of device and property.
    pub(crate) fn list(&self) -> Vec<SeriesInfo> {
        let ids = self.names.values().flat_map(BTreeMap::values);
        ids.filter_map(|id| self.series.get(id)).map(|live| live.info.clone()).collect()
    }

    /// Takes a point; `false` if there is no such series. `chunk` points make a chunk.
    pub(crate) fn push(&mut self, id: SeriesId, number: u64, time: i64, reading: Reading, chunk: usize) -> bool {
        let Some(live) = self.series.get_mut(&id) else { return false };
        let before = live.head.bytes();
        live.head.push(number, time, reading);
        self.heads_bytes = self.heads_bytes + live.head.bytes() - before;
        if live.head.len() == chunk {
            self.full.push(id);
        }
        true
    }

    /// Forgets the first points of a head, which are elsewhere now.
    pub(crate) fn drop_front(&mut self, id: SeriesId, count: usize, chunk: usize) {
        let Some(live) = self.series.get_mut(&id) else { return };
        let before = live.head.bytes();
        live.head.drop_front(count);
        self.heads_bytes = self.heads_bytes + live.head.bytes() - before;
        let is_full = live.head.len() >= chunk;
        self.full.retain(|other| *other != id);
        if is_full {
            self.full.push(id);
        }
    }

    /// The number of the first point that is in no chunk.
    pub(crate) fn first_unsealed(&self) -> Option<u64> {
        self.series.values().filter_map(|live| live.head.numbers.first().copied()).min()
    }
}
