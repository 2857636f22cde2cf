//! Sealing: points from memory become chunks. Small chunks become larger ones.
//!
//! A series is always sealed from its oldest point on, and the number of the last one is kept with it in the same transaction. So
//! after a crash it is known of each point in the log whether it is in a chunk.

use std::ops::Range;

use rusqlite::{Connection, Error};

use super::History;
use super::cells::Level;
use super::database::Waits;
use super::points::Points;
use super::reader::load;
use super::reading::SeriesId;
use super::rows::{self, ChunkRow, NewChunk, SeriesRow};
use crate::error::StoreError;
use crate::limits::HISTORY_OPEN_CHUNKS_MAX;

/// Series that are sealed in one transaction.
const TOGETHER_MAX: usize = 256;
/// A gap that two points of one chunk do not have between them: one year. A device whose clock says 1970 for a while would make
/// chunks that every question has to look into.
const GAP_MICROS_MAX: u64 = 365 * 24 * 60 * 60 * 1_000_000;

/// Points of a series on their way into chunks.
struct Sealing {
    series: SeriesId,
    count: usize,
    row: SeriesRow,
    chunks: Vec<NewChunk>,
}

/// Points in order of time, as chunks of equal size. `first` is the number of the point that
/// came first, and the rank of the first chunk; each has one of its own, as chunks are fewer than points.
pub(crate) fn chunks_of(points: &Points, first: u64, chunk_points: usize) -> Vec<NewChunk> {
    let parts = parts(&points.times, chunk_points).into_iter();
    parts.zip(first..).map(|(part, rank)| NewChunk::of_points(&points.slice(part.start, part.end), rank)).collect()
}

/// Divides times in order into parts of equal size, `most` at most, that have no large gap in them.
pub(crate) fn parts(times: &[i64], most: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for run in times.chunk_by(|a, b| a.abs_diff(*b) <= GAP_MICROS_MAX) {
        let count = run.len().div_ceil(most);
        let bound = |part: usize| start + run.len() * part / count;
        found.extend((0..count).map(|part| bound(part)..bound(part + 1)));
        start += run.len();
    }
    found
}

impl History {
    /// Seals whole chunks of all series that have points for one.
    pub(crate) fn seal_full(&mut self) -> Result<bool, StoreError> {
        let full: Vec<_> = {
            let memory = self.shared.memory.lock();
            memory.full.iter().take(TOGETHER_MAX).copied().collect()
        };
        if full.is_empty() {
            return Ok(false);
        }
        self.seal(&full, Amount::WholeChunks, Waits::No)?;
        Ok(true)
    }

    /// Seals what the fullest series have, if all together have too much.
    pub(crate) fn seal_fullest(&mut self) -> Result<bool, StoreError> {
        let fullest: Vec<_> = {
            let memory = self.shared.memory.lock();
            if memory.heads_bytes <= self.options.heads_bytes_max {
                return Ok(false);
            }
            let mut sizes: Vec<_> = memory.iter().map(|(id, live)| (live.head.bytes(), id)).collect();
            sizes.sort_unstable_by(|a, b| b.cmp(a));
            // A quarter goes at once, so that this is not done for each point.
            let enough = memory.heads_bytes - self.options.heads_bytes_max / 4 * 3;
            let mut sum = 0;
            let is_wanted = |(bytes, _): &(usize, SeriesId)| {
                let is_wanted = sum < enough;
                sum += bytes;
                is_wanted
            };
            sizes.into_iter().take_while(is_wanted).map(|(_, id)| id).take(TOGETHER_MAX).collect()
        };
        self.seal(&fullest, Amount::All, Waits::No)?;
        Ok(true)
    }

    /// Seals whatever has points up to this number.
    pub(crate) fn seal_up_to(&mut self, number: u64) -> Result<bool, StoreError> {
        let old: Vec<_> = {
            let memory = self.shared.memory.lock();
            let is_old = |head: &super::points::Head| head.numbers.first().is_some_and(|first| *first <= number);
            let old = memory.iter().filter(|(_, live)| is_old(&live.head)).map(|(id, _)| id);
            old.take(TOGETHER_MAX).collect()
        };
        if old.is_empty() {
            return Ok(false);
        }
        self.seal(&old, Amount::All, Waits::No)?;
        Ok(true)
    }

    /// Seals these series in one transaction.
    pub(crate) fn seal(&mut self, ids: &[SeriesId], amount: Amount, waits: Waits) -> Result<(), StoreError> {
        let day = self.wear.day();
        let sealings: Vec<_> = ids.iter().filter_map(|id| self.prepare(*id, amount, day)).collect();
        let number = self.next_point - 1;
        let bytes: usize = sealings.iter().flat_map(|sealing| &sealing.chunks).map(|chunk| chunk.bytes.len()).sum();
        self.insert_new_series()?;
        self.database.change(waits, |transaction| {
            for sealing in &sealings {
                for chunk in &sealing.chunks {
                    rows::insert_chunk(transaction, sealing.series, chunk)?;
                }
                rows::update_series(transaction, sealing.series, &sealing.row)?;
            }
            rows::set_fact(transaction, "number", number)
        })?;
        self.wear.add_chunks(bytes as u64);
        let mut memory = self.shared.memory.lock();
        for sealing in sealings {
            memory.drop_front(sealing.series, sealing.count, self.options.chunk_points);
            if sealing.row.open_chunks >= HISTORY_OPEN_CHUNKS_MAX {
                self.due.insert(sealing.series);
            }
            self.kept.insert(sealing.series, sealing.row);
        }
        Ok(())
    }

    fn prepare(&self, id: SeriesId, amount: Amount, day: i64) -> Option<Sealing> {
        let (mut points, first, last, count) = {
            let memory = self.shared.memory.lock();
            let head = &memory.get(id)?.head;
            let count = match amount {
                Amount::All => head.len(),
                Amount::WholeChunks => head.len() / self.options.chunk_points * self.options.chunk_points,
            };
            if count == 0 {
                return None;
            }
            (head.front(count), head.numbers[0], head.numbers[count - 1], count)
        };
        points.sort();
        let mut row = self.kept.get(&id).cloned().unwrap_or_default();
        let chunks = chunks_of(&points, first, self.options.chunk_points);
        row.sealed = last;
        row.count(day, count as u64, chunks.iter().map(|chunk| chunk.bytes.len() as u64).sum());
        note_open(&mut row, &chunks);
        Some(Sealing { series: id, count, row, chunks })
    }

    /// Makes fewer chunks of the small ones at the end of a series.
    pub(crate) fn join_small(&mut self, id: SeriesId) -> Result<(), StoreError> {
        let Some(row) = self.kept.get(&id) else { return Ok(()) };
        let mut row = row.clone();
        let damaged = &self.shared.damaged_chunks;
        let chunk_points = self.options.chunk_points;
        let joined = self.database.change(Waits::No, |transaction| {
            let mut open = open_chunks(transaction, id, &row)?;
            let is_large = |chunk: &ChunkRow| chunk.n >= chunk_points as u64 / 2;
            let small = open.split_off(open.iter().rposition(is_large).map_or(0, |at| at + 1));
            if small.len() < 2 {
                return Ok(0);
            }
            let mut points = Points::default();
            for chunk in &small {
                // One that cannot be read stays as it is, and so does its neighbourhood.
                let Some(part) = load(transaction, chunk, damaged)? else { return Ok(0) };
                points.append(&part);
            }
            for chunk in &small {
                rows::delete_chunk(transaction, id, chunk)?;
                row.forget(chunk);
            }
            points.sort();
            let chunks = chunks_of(&points, small[0].rank, chunk_points);
            for chunk in &chunks {
                rows::insert_chunk(transaction, id, chunk)?;
            }
            recount_open(&mut row, &open);
            note_open(&mut row, &chunks);
            rows::update_series(transaction, id, &row)?;
            Ok(chunks.iter().map(|chunk| chunk.bytes.len()).sum())
        })?;
        self.wear.add_chunks(joined as u64);
        self.kept.insert(id, row);
        Ok(())
    }
}

/// How much of a head is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Amount {
    All,
    WholeChunks,
}

/// Counts new chunks, which are in no cell yet.
pub(crate) fn note_open(row: &mut SeriesRow, chunks: &[NewChunk]) {
    for chunk in chunks {
        row.extend_reach(Level::Raw, chunk.t0, chunk.t1);
        row.open_chunks += 1;
        row.open_points += chunk.n as u64;
        row.open_from = row.open_from.min(chunk.t0);
        row.raw_points += chunk.n as u64;
        row.raw_bytes += chunk.bytes.len() as u64;
    }
}

/// Says which chunks are in no cell yet.
pub(crate) fn recount_open(row: &mut SeriesRow, open: &[ChunkRow]) {
    row.open_chunks = open.len() as u64;
    row.open_points = open.iter().map(|chunk| chunk.n).sum();
    row.open_from = open.iter().map(|chunk| chunk.t0).min().unwrap_or(i64::MAX);
}

/// Chunks that are in no cell yet, in order of arrival.
pub(crate) fn open_chunks(connection: &Connection, id: SeriesId, row: &SeriesRow) -> Result<Vec<ChunkRow>, Error> {
    let mut open = Vec::new();
    if row.open_chunks > 0 {
        rows::chunks_within(connection, id, Level::Raw, (row.open_from, i64::MAX, 0), |chunk| {
            if chunk.rank > row.rolled {
                open.push(chunk);
            }
            true
        })?;
        open.sort_by_key(|chunk| chunk.rank);
    }
    Ok(open)
}
