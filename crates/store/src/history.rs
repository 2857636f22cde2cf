//! The history: what every property has been, for years, at few bytes a point and few writes to the disk.
//!
//! Belongs here: the log and the chunks, aggregates, retention, questions about the past. Does not: which values are to be
//! remembered and how often they are committed (the server decides), what a property means, and the live values, which are in
//! `store`. It has files of its own, as their size would make copies and migrations of the state heavy.
//!
//! A point's way: into the memory of its series (its *head*) and the log's buffer; with the next commit onto the disk, in the log; when
//! its series has a chunk's worth, compressed into the database (*sealed*); later, into minutes and hours (*rolled up*). One [`History`]
//! writes and may be moved to a thread of its own; any number of [`HistoryReader`]s ask. All of it may wait for the disk.

mod answers;
mod bytes;
mod cells;
mod chunk;
mod database;
mod forget;
mod fuzzing;
mod log;
mod memory;
mod numbers;
mod open;
mod points;
mod reader;
mod reading;
mod roll;
mod rows;
mod seal;
mod tail;
mod wear;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use housewire_core::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};

pub use answers::{
    Agg, AppendRefused, Buckets, CommitReport, Extremes, Followed, HistoryOptions, Interval, Logged, RawCursor,
    RawPage, Recovered, SeriesInfo, SeriesWear, Span, States, Wear, WearDay,
};
#[doc(hidden)]
pub use fuzzing::fuzz_bytes;
pub use log::files::{LogFile, LogFiles};
pub use reader::HistoryReader;
pub use reading::{Finite, Point, Reading, SeriesId, StateText, Window};
pub use tail::Tail;

use self::database::{Database, Waits};
use self::forget::Rounds;
use self::log::{Log, Segment, segment_name};
use self::memory::Shared;
use self::rows::SeriesRow;
use self::wear::WearBook;
use crate::error::StoreError;
use crate::folder::DataFolder;
use crate::limits::HISTORY_PENDING_BYTES_MAX;

/// The writer of the history. There is one per folder.
#[derive(Debug)]
pub struct History {
    options: HistoryOptions,
    files: Arc<dyn LogFiles>,
    shared: Arc<Shared>,
    log: Log,
    database: Database,
    /// Rows of series as they are in the database.
    kept: FxHashMap<SeriesId, SeriesRow>,
    /// Series that are not in the database yet.
    new_series: Vec<SeriesInfo>,
    next_series: u32,
    /// The number of the next point.
    next_point: u64,
    /// Series whose chunks may be joined or rolled up.
    due: FxHashSet<SeriesId>,
    rounds: Rounds,
    wear: WearBook,
    /// Files of the log up to this number hold what was removed; 0 if none does.
    erase_up_to: u64,
    /// Who follows has everything up to this point, and the log is kept from there, up to so many bytes.
    hold: Option<(u64, u64)>,
    /// Keeps others out. Comes last, as fields are dropped in their order.
    _lock: DataFolder,
}

/// SQLite's own log is taken over at this size; the larger, the fewer pages are written twice.
const WAL_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Pages that are given back to the system in one step.
const SHRINK_PAGES: u32 = 512;
/// Files of the log that wait for chunks; see [`HistoryOptions::log_bytes_max`], which small ones do not reach.
const SEGMENTS_MAX: usize = 64;
/// Times further from 1970 than this, 146,000 years, become this, in microseconds: so the distance of any two is a number.
const FARTHEST: i64 = (1 << 62) - 1;

impl History {
    /// Opens the history in `folder` (see [`crate::Store::history_folder`]), which is made if it is missing and kept from others
    /// while this lives. What cannot be used is set aside, and everything else works; [`Recovered`] says so in words for people. An
    /// error means that nothing can be written there.
    pub fn open(folder: &Path, options: HistoryOptions) -> Result<(Self, Recovered), StoreError> {
        Self::open_with(folder, options, Arc::new(log::files::RealFiles))
    }

    /// The same with other files for the log, such as ones that lose power in a test.
    #[doc(hidden)]
    pub fn open_on(
        folder: &Path,
        options: HistoryOptions,
        files: Arc<dyn LogFiles>,
    ) -> Result<(Self, Recovered), StoreError> {
        Self::open_with(folder, options, files)
    }

    /// The series of a property; a new one if it has none. A new one is on the disk with the next commit.
    pub fn series(&mut self, device: &str, property: &str) -> Result<SeriesId, StoreError> {
        let mut memory = self.shared.memory.lock();
        if let Some(found) = memory.find(device, property) {
            return Ok(found);
        }
        let id = SeriesId(self.next_series);
        self.next_series += 1;
        let info = SeriesInfo { id, device: device.into(), property: property.into() };
        memory.add(info.clone());
        self.new_series.push(info);
        Ok(id)
    }

    /// Takes a point into memory, where readers see it at once. Times that are 146,000 years away are brought nearer. It is on the disk with the next commit. Returns its number, which
    /// counts up by one and never comes twice.
    pub fn append(&mut self, series: SeriesId, point: Point) -> Result<u64, AppendRefused> {
        let time = point.time.as_micros().clamp(-FARTHEST, FARTHEST);
        let number = self.next_point;
        let mut memory = self.shared.memory.lock();
        let is_full = self.log.pending_bytes() >= HISTORY_PENDING_BYTES_MAX
            || memory.heads_bytes >= self.options.heads_bytes_max.saturating_mul(2);
        if is_full {
            return Err(AppendRefused::Full);
        }
        if memory.get(series).is_none() {
            return Err(AppendRefused::NoSuchSeries);
        }
        self.log.append(number, series.0, time, &point.reading);
        memory.push(series, number, time, point.reading, self.options.chunk_points);
        self.next_point += 1;
        Ok(number)
    }

    /// Brings to the disk whatever was appended, with one write that is waited for. After an error all of it is kept and tried again
    /// by the next commit. Makes room in memory as well, if there is hardly any. A database that cannot be written to is no error
    /// here, as the log has the points: [`Self::maintain`] says so, and when memory is full, [`Self::append`] refuses.
    pub fn commit(&mut self) -> Result<CommitReport, StoreError> {
        // Tried again by whatever needs them. At the next start the log has the names of those that the database never had.
        self.insert_new_series().ok();
        let shared = &self.shared;
        let name_of = |id| shared.memory.lock().get(SeriesId(id)).map(|live| live.info.clone());
        let written = self.log.commit(self.next_point, name_of)?;
        let mut memory = shared.memory.lock();
        memory.committed = self.next_point - 1;
        let mut report = CommitReport { points: 0, bytes: 0, last: memory.committed };
        if let Some(written) = written {
            (report.points, report.bytes) = (written.points, written.bytes);
            memory.segments.retain(|segment| segment.number != written.segment.number);
            memory.segments.push(written.segment);
            self.wear.add_log(written.points, written.page_bytes);
        }
        drop(memory);
        self.make_room().ok();
        Ok(report)
    }

    /// Does what is due: seals chunks, makes aggregates, forgets what is too old, drops files of the log. Stops soon after `budget`
    /// and says whether there is more to do. To be called about each second, also while nothing arrives: it is told the time by
    /// this alone. After an error nothing is lost, and it is tried again by the next call.
    pub fn maintain(&mut self, now: Timestamp, budget: Duration) -> Result<bool, StoreError> {
        let begun = Instant::now();
        self.insert_new_series()?;
        self.keep_wear(now)?;
        while self.step(now)? {
            if begun.elapsed() >= budget {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The next thing that is due; `false` if nothing is.
    fn step(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        if self.seal_full()? || self.seal_fullest()? || self.shorten_log()? {
            return Ok(true);
        }
        if let Some(id) = self.due.iter().next().copied() {
            // First, so that one that cannot be read does not keep the others waiting.
            self.due.remove(&id);
            self.tidy_series(id)?;
            return Ok(true);
        }
        Ok(self.drop_segments()? || self.forget_old(now)? || self.shrink()?)
    }

    /// Forgets a device: points, aggregates, and what the log has of them. Whether there was anything.
    pub fn remove_device(&mut self, device: &str) -> Result<bool, StoreError> {
        let ids = self.shared.memory.lock().of_device(device);
        self.remove_series(&ids)
    }

    /// Forgets a property likewise.
    pub fn remove_property(&mut self, device: &str, property: &str) -> Result<bool, StoreError> {
        let id = self.shared.memory.lock().find(device, property);
        self.remove_series(id.as_slice())
    }

    /// Forgets a stretch of a series likewise; the series itself stays. Of minutes and hours that lie in it with a part, the other part
    /// is kept if its points still are.
    pub fn remove_range(&mut self, series: SeriesId, window: Window) -> Result<(), StoreError> {
        self.remove_window(series, window)
    }

    /// For how long the points of a series are kept one by one; `None` is what [`HistoryOptions::raw`] says.
    pub fn set_retention(&mut self, series: SeriesId, raw: Option<Duration>) -> Result<(), StoreError> {
        if self.shared.memory.lock().get(series).is_none() {
            return Ok(());
        }
        self.insert_new_series()?;
        let mut row = self.kept.get(&series).cloned().unwrap_or_default();
        row.keep = raw.map(|raw| i64::try_from(raw.as_micros()).unwrap_or(i64::MAX));
        self.database.change(Waits::ForDisk, |transaction| rows::update_series(transaction, series, &row))?;
        self.kept.insert(series, row);
        Ok(())
    }

    /// Keeps the log for somebody who follows it and has everything up to the point `confirmed`, but not more than `bytes_max` of
    /// what is in chunks, and nothing that holds what was removed; `None` lets go of it. To be said after opening, before anything is maintained.
    pub fn hold_log(&mut self, confirmed: Option<u64>, bytes_max: u64) {
        self.hold = confirmed.map(|confirmed| (confirmed, bytes_max));
    }

    /// A number by which this history is told from any other, such as the one that is begun when a database had to be set aside.
    pub fn identity(&self) -> Result<u64, StoreError> {
        let found = rows::fact(self.database.connection(), "history");
        Ok(found.map_err(|source| self.database.failed("read", source))?.unwrap_or(0))
    }

    /// What the history costs the disk.
    pub fn wear(&self) -> Result<Wear, StoreError> {
        Ok(self.tell_wear())
    }

    /// Somebody who asks.
    pub fn reader(&self) -> HistoryReader {
        HistoryReader::new(Arc::clone(&self.shared))
    }

    /// Seals the fullest series without waiting for [`Self::maintain`], should points come faster than that seals them.
    fn make_room(&mut self) -> Result<(), StoreError> {
        while self.shared.memory.lock().heads_bytes >= self.options.heads_bytes_max / 2 * 3 {
            self.seal_fullest()?;
        }
        Ok(())
    }

    pub(crate) fn insert_new_series(&mut self) -> Result<(), StoreError> {
        if self.new_series.is_empty() {
            return Ok(());
        }
        let new = &self.new_series;
        self.database.change(Waits::ForDisk, |transaction| {
            new.iter().try_for_each(|info| rows::insert_series(transaction, info))
        })?;
        for info in self.new_series.drain(..) {
            self.kept.insert(info.id, SeriesRow::default());
        }
        Ok(())
    }

    /// Seals what keeps old files of the log from being deleted: when they are too many, or hold what was removed.
    fn shorten_log(&mut self) -> Result<bool, StoreError> {
        let end = {
            let memory = self.shared.memory.lock();
            let first = memory.first_unsealed().unwrap_or(u64::MAX);
            let waiting: Vec<_> = memory.segments.iter().filter(|segment| segment.last >= first).collect();
            let bytes: u64 = waiting.iter().map(|segment| segment.bytes).sum();
            let is_long = bytes > self.options.log_bytes_max || waiting.len() > SEGMENTS_MAX;
            let oldest = waiting.first().filter(|oldest| is_long || oldest.number <= self.erase_up_to);
            oldest.map(|oldest| oldest.last)
        };
        match end {
            Some(end) => self.seal_up_to(end),
            None => Ok(false),
        }
    }

    /// Deletes files of the log whose points are all in chunks, when those are on the disk.
    fn drop_segments(&mut self) -> Result<bool, StoreError> {
        let (first, droppable) = {
            let memory = self.shared.memory.lock();
            let first = memory.first_unsealed().unwrap_or(self.next_point);
            (first, self.droppable(&memory.segments, first))
        };
        let is_erasing = self.erase_up_to > 0;
        if droppable.is_empty() && !is_erasing && self.database.wal_bytes() < WAL_BYTES_MAX {
            return Ok(false);
        }
        if !droppable.is_empty() {
            self.database.change(Waits::No, |transaction| rows::set_fact(transaction, "settled", first - 1))?;
        }
        if !self.database.checkpoint()? {
            return Ok(false);
        }
        for segment in &droppable {
            let path = self.shared.log_folder.join(segment_name(segment.number));
            self.files.remove(&path).map_err(|source| StoreError::file("delete", &path, source))?;
            self.shared.memory.lock().segments.retain(|other| other.number != segment.number);
        }
        if is_erasing && !self.shared.memory.lock().segments.iter().any(|other| other.number <= self.erase_up_to) {
            self.database.change(Waits::No, |transaction| rows::set_fact(transaction, "erase", 0))?;
            self.erase_up_to = 0;
        }
        Ok(!droppable.is_empty())
    }

    /// Files whose points are all in chunks, and that nobody who follows may still want, or that hold what was removed.
    fn droppable(&self, segments: &[Segment], first_unsealed: u64) -> Vec<Segment> {
        let is_closed = |segment: &&Segment| Some(segment.number) != self.log.open_number();
        let sealed = segments.iter().filter(|segment| segment.last < first_unsealed).filter(is_closed);
        let mut droppable: Vec<_> = sealed.cloned().collect();
        if let Some((confirmed, bytes_max)) = self.hold {
            // Newest first: what fits is kept.
            let mut held = 0;
            droppable.reverse();
            droppable.retain(|segment| {
                // What was deleted is not kept on the disk for anybody.
                if segment.number <= self.erase_up_to {
                    return true;
                }
                held += segment.bytes;
                segment.last <= confirmed || held > bytes_max
            });
            droppable.reverse();
        }
        droppable
    }

    fn shrink(&mut self) -> Result<bool, StoreError> {
        self.database.shrink(SHRINK_PAGES)
    }
}

impl Drop for History {
    fn drop(&mut self) {
        // Whoever wants to know of errors has committed and maintained before.
        self.write_wear().ok();
    }
}

/// A history that goes on from an earlier moment is another one from then on; see [`History::identity`].
pub(crate) fn give_new_identity(database: &Path) -> Result<(), StoreError> {
    let changed = crate::migrate::open_existing(database).and_then(|connection| {
        connection.execute("UPDATE fact SET value = abs(random() >> 2) WHERE name = 'history'", [])?;
        connection.close().map_err(|(_, error)| error)
    });
    changed.map_err(|source| StoreError::sqlite("prepare", database, source))
}

#[cfg(test)]
mod tests;
