//! Asking: points one by one, and which series there are. Questions that are answered by folding are in `fold` and `states`.
//!
//! Points are in heads, in chunks that are in no cell yet (*open*), in chunks that are, and in cells. Heads are copied first and the
//! database is asked in one transaction after that, which says up to which point a series is sealed: so a point that is sealed in
//! between is seen once.

mod buckets;
mod fold;
mod sources;
mod states;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use housewire_core::Timestamp;
use rusqlite::{Connection, Error};

use super::answers::{Agg, Buckets, Extremes, RawCursor, RawPage, SeriesInfo, Span, States};
use super::cells::{self, Cell, Level};
use super::memory::Shared;
use super::points::{Head, Points};
use super::reading::{SeriesId, Window};
use super::rows::{self, ChunkRow, SeriesRow};
use super::tail::Tail;
use super::{bytes::Damaged, chunk};
use crate::error::StoreError;

/// Asks the history. Clones share their connections to the database.
#[derive(Clone, Debug)]
pub struct HistoryReader {
    shared: Arc<Shared>,
}

/// A series at one moment.
pub(crate) struct View<'a> {
    connection: &'a Connection,
    damaged: &'a AtomicU64,
    exact_points: u64,
    id: SeriesId,
    row: SeriesRow,
    /// What is in no chunk, in order of arrival.
    head: Points,
}

/// The points of a chunk; `None` if it is damaged, which is counted.
pub(crate) fn load(connection: &Connection, chunk: &ChunkRow, damaged: &AtomicU64) -> Result<Option<Points>, Error> {
    let decoded = rows::body(connection, chunk.body, chunk::decode)?;
    Ok(sound(decoded, damaged))
}

/// The cells of a list; `None` if it is damaged, which is counted.
pub(crate) fn load_cells(
    connection: &Connection,
    chunk: &ChunkRow,
    damaged: &AtomicU64,
) -> Result<Option<Vec<Cell>>, Error> {
    let decoded = rows::body(connection, chunk.body, cells::decode)?;
    Ok(sound(decoded, damaged))
}

fn sound<T>(decoded: Option<Result<T, Damaged>>, damaged: &AtomicU64) -> Option<T> {
    let sound = decoded.and_then(Result::ok);
    if sound.is_none() {
        damaged.fetch_add(1, Ordering::Relaxed);
    }
    sound
}

impl HistoryReader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Tells this history from any other, for those who follow it: a number that a database gets when it is made. Points of another
    /// history are counted anew.
    pub fn identity(&self) -> Result<u64, StoreError> {
        Ok(self.shared.ask(|connection| rows::fact(connection, "history"))?.unwrap_or(0))
    }

    /// All series, in order of device and property.
    pub fn list(&self) -> Vec<SeriesInfo> {
        self.shared.memory.lock().list()
    }

    /// The series of a property, if it has one.
    pub fn find(&self, device: &str, property: &str) -> Option<SeriesId> {
        self.shared.memory.lock().find(device, property)
    }

    /// From when to when a series has something; `None` if it has nothing, or is not there.
    pub fn span(&self, series: SeriesId) -> Result<Option<Span>, StoreError> {
        self.view(series, |view| {
            let mut ends: Option<(i64, i64)> = None;
            let mut extend = |first: i64, last: i64| {
                let (from, to) = ends.unwrap_or((first, last));
                ends = Some((from.min(first), to.max(last)));
            };
            if let (Some(first), Some(last)) = (view.head.times.iter().min(), view.head.times.iter().max()) {
                extend(*first, *last);
            }
            for level in [Level::Raw, Level::Minute, Level::Hour] {
                if let Some((first, last)) = rows::ends(view.connection, series, level, view.row.reach(level))? {
                    // A cell says no more than that something was in its minute.
                    extend(first, last);
                }
            }
            let points = view.row.raw_points + view.head.len() as u64;
            let moment = Timestamp::from_micros;
            Ok(ends.map(|(first, last)| Span { first: moment(first), last: moment(last), points }))
        })
        .map(Option::flatten)
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
        let page = self.view(series, |view| view.page(window, limit.max(1), after))?;
        Ok(page.unwrap_or_default())
    }

    /// Points for a chart: the lowest and the highest of each of `buckets` of equal length, and of states the last one; all points if
    /// there are no more than two for each bucket. Where points are not kept any more, or are too many, minutes or hours stand for
    /// them: these belong to the bucket in which they begin, their extremes get the time of their beginning, and they have no states.
    pub fn extremes(&self, series: SeriesId, window: Window, buckets: usize) -> Result<Extremes, StoreError> {
        let found = self.view(series, |view| view.extremes(window, buckets.max(1)))?;
        Ok(found.unwrap_or(Extremes { is_raw: true, points: Vec::new() }))
    }

    /// One value for each bucket, with the time of its beginning; `None` for a bucket without numbers, and 0 for [`Agg::Count`]. Where
    /// points are not kept any more, or are too many, minutes or hours stand for them, which belong to the bucket in which they begin.
    pub fn aggregate(
        &self,
        series: SeriesId,
        window: Window,
        buckets: Buckets,
        agg: Agg,
    ) -> Result<Vec<(Timestamp, Option<f64>)>, StoreError> {
        match self.view(series, |view| view.aggregate(window, buckets, agg))? {
            Some(found) => Ok(found),
            None => Ok(fold::nothing(window, buckets, agg)),
        }
    }

    /// Which state held when, from points that are kept one by one.
    pub fn states(&self, series: SeriesId, window: Window) -> Result<States, StoreError> {
        Ok(self.view(series, |view| view.states(window))?.unwrap_or_default())
    }

    /// Follows the log from behind the point with the number `after`.
    pub fn tail(&self, after: u64) -> Tail {
        Tail::new(Arc::clone(&self.shared), after)
    }

    /// The series as it is now; `None` if it is not there.
    fn view<T>(&self, id: SeriesId, ask: impl FnOnce(&View<'_>) -> Result<T, Error>) -> Result<Option<T>, StoreError> {
        // First, see the module.
        let Some(head) = self.shared.memory.lock().get(id).map(|live| live.head.clone()) else { return Ok(None) };
        let damaged = &self.shared.damaged_chunks;
        let answer = self.shared.ask(|connection| {
            let (row, head) = match rows::series(connection, id)? {
                Some(row) => {
                    let head = head.after(row.sealed);
                    (row, head)
                }
                // It is too new to be in the database.
                None => (SeriesRow::default(), Head::after(&head, 0)),
            };
            let exact_points = self.shared.exact_points;
            ask(&View { connection, damaged, exact_points, id, row, head })
        })?;
        Ok(Some(answer))
    }
}

impl View<'_> {
    fn page(&self, window: Window, limit: usize, after: Option<RawCursor>) -> Result<RawPage, Error> {
        let from = after.map_or(window.from, |after| after.time.max(window.from)).as_micros();
        let to = window.to.as_micros();
        if to <= from {
            return Ok(RawPage::default());
        }
        // Those that were seen of the first moment are read again and left out.
        let seen = after.filter(|after| after.time.as_micros() == from).map_or(0, |after| after.seen as usize);
        let wanted = limit.saturating_add(seen);
        let mut points = self.first_points(from, to, wanted)?;
        let has_more = points.len() > wanted;
        points.truncate(wanted);
        let next = points.times.last().filter(|_| has_more).map(|last| {
            let same = points.times.len() - points.times.partition_point(|time| time < last);
            RawCursor { time: Timestamp::from_micros(*last), seen: u32::try_from(same).unwrap_or(u32::MAX) }
        });
        let points = (seen.min(points.len())..points.len()).map(|at| points.get(at)).collect();
        Ok(RawPage { points, next })
    }

    /// The first points from `from` on and before `to`, in order: all of them, or more than `wanted`.
    fn first_points(&self, from: i64, to: i64, wanted: usize) -> Result<Points, Error> {
        let mut listed_max = CHUNKS_LISTED;
        loop {
            if let Some(points) = self.first_points_of(listed_max, (from, to), wanted)? {
                return Ok(points);
            }
            // Chunks were small, or many begin together.
            listed_max *= 8;
        }
    }

    /// The same of the first chunks; `None` if it takes more of them.
    fn first_points_of(
        &self,
        listed_max: usize,
        (from, to): (i64, i64),
        wanted: usize,
    ) -> Result<Option<Points>, Error> {
        let mut chunks = Vec::new();
        rows::chunks_within(self.connection, self.id, Level::Raw, (from, to, self.row.raw_reach), |chunk| {
            chunks.push(chunk);
            chunks.len() < listed_max
        })?;
        let is_cut = chunks.len() == listed_max;
        // Behind the beginning of a chunk that was not listed nothing is certain.
        let listed_to = chunks.last().filter(|_| is_cut).map_or(to, |chunk| chunk.t0);
        let mut head = self.head.clone();
        head.retain(|time| from <= time && time < to);
        let mut parts: Vec<(u64, Points)> = Vec::new();
        for at in 0..chunks.len() {
            let mut part = load(self.connection, &chunks[at], self.damaged)?.unwrap_or_default();
            part.retain(|time| from <= time && time < to);
            parts.push((chunks[at].rank, part));
            // What lies before the next chunk's beginning is complete.
            let end = chunks.get(at + 1).map_or(listed_to, |next| next.t0);
            let in_chunks: usize = parts.iter().map(|(_, part)| part.times.partition_point(|time| *time < end)).sum();
            let in_head = head.times.iter().filter(|time| **time < end).count();
            if in_chunks + in_head > wanted {
                return Ok(Some(in_order(parts, &head, end)));
            }
        }
        Ok((!is_cut).then(|| in_order(parts, &head, to)))
    }
}

/// Chunks that one question lists before it begins to read them.
const CHUNKS_LISTED: usize = 256;

/// Points of several chunks and the head, those before `end`, in order of time and then of arrival.
fn in_order(mut parts: Vec<(u64, Points)>, head: &Points, end: i64) -> Points {
    parts.sort_by_key(|(rank, _)| *rank);
    let mut points = Points::default();
    for (_, part) in &parts {
        points.append(part);
    }
    points.append(head);
    points.sort();
    let len = points.times.partition_point(|time| *time < end);
    points.truncate(len);
    points
}
