//! Forgetting: what is too old, and what somebody wants gone.
//!
//! What is removed is gone from the database when the call returns, and a crash brings nothing back: points in the log belong to a series that
//! there is not any more, or are counted as sealed. The log's files that still hold them are deleted soon after.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use housewire_core::Timestamp;
use rusqlite::{Connection, Error, Transaction};

use super::History;
use super::cells::{self, Level};
use super::database::Waits;
use super::points::Points;
use super::reader::{load, load_cells};
use super::reading::{SeriesId, Window};
use super::roll::add_cells;
use super::rows::{self, ChunkRow, NewChunk, SeriesRow};
use super::seal::{chunks_of, note_open, open_chunks, recount_open};
use crate::error::StoreError;

/// Chunks that are deleted in one transaction.
const TOGETHER_MAX: usize = 256;
/// How often a series is looked through for what is too old.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

/// Which series are still to be looked through.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    begun: Option<Timestamp>,
    left: Vec<SeriesId>,
    /// What both clocks said last.
    seen: Option<(Timestamp, Instant)>,
    /// Until then the clock on the wall is not believed.
    doubted_until: Option<Instant>,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A hub may be off for so long.
const OFF_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl Rounds {
    /// `last` is when the history was written to last, as far as that is known.
    pub(crate) fn after(last: Option<Timestamp>) -> Self {
        let seen = last.map(|last| (last.after(OFF_MAX), Instant::now()));
        Self { seen, ..Self::default() }
    }

    /// Whether the clock on the wall may be believed. If it was set forward, it has to stay so for a while: what is forgotten because
    /// of a wrong clock does not come back when it is set right.
    fn is_believed(&mut self, now: Timestamp, doubted: Duration) -> bool {
        let instant = Instant::now();
        if let Some((last, at)) = self.seen
            && now.since(last) > instant.duration_since(at) + DAY
        {
            self.doubted_until = instant.checked_add(doubted);
        }
        self.seen = Some((now, instant));
        self.doubted_until.is_none_or(|until| instant >= until)
    }
}

impl History {
    /// Forgets what is too old, of one series. Whether there was anything to look at.
    pub(crate) fn forget_old(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        if !self.rounds.is_believed(now, self.options.clock_doubted) {
            return Ok(false);
        }
        let rounds = &mut self.rounds;
        // A clock that was set back ends the wait as well.
        let is_due = rounds.begun.is_none_or(|begun| now < begun || now.since(begun) >= LOOK_EVERY);
        if rounds.left.is_empty() && is_due {
            rounds.begun = Some(now);
            rounds.left = self.kept.keys().copied().collect();
        }
        let Some(id) = self.rounds.left.last().copied() else { return Ok(false) };
        if !self.forget_old_of(id, now)? {
            self.rounds.left.pop();
        }
        Ok(true)
    }

    /// Whether there may be more.
    fn forget_old_of(&mut self, id: SeriesId, now: Timestamp) -> Result<bool, StoreError> {
        let Some(row) = self.kept.get(&id) else { return Ok(false) };
        let keep = match row.keep {
            Some(i64::MAX) => Duration::MAX,
            Some(keep) => Duration::from_micros(keep.unsigned_abs()),
            None => self.options.raw,
        };
        let before =
            // What cannot be told in microseconds is for ever.
            |keep: Duration| i64::try_from(keep.as_micros()).map_or(i64::MIN, |keep| now.as_micros().saturating_sub(keep));
        let cutoffs = [
            (Level::Raw, before(keep)),
            (Level::Minute, before(self.options.minutes.max(keep))),
            (Level::Hour, before(self.options.hours.max(self.options.minutes).max(keep))),
        ];
        for (level, cutoff) in cutoffs {
            let old = self.old_chunks(id, level, cutoff)?;
            if old.is_empty() {
                continue;
            }
            let Some(row) = self.kept.get(&id) else { return Ok(false) };
            if level == Level::Raw && old.iter().any(|chunk| chunk.rank > row.rolled) {
                while self.roll(id)? {}
                return Ok(true);
            }
            let mut row = row.clone();
            let end = old.iter().map(|chunk| chunk.t1.saturating_add(level.width())).max().unwrap_or(i64::MIN);
            match level {
                Level::Raw => row.raw_from = row.raw_from.max(end),
                Level::Minute => row.minute_from = row.minute_from.max(end),
                Level::Hour => {}
            }
            if level == Level::Raw {
                old.iter().for_each(|chunk| row.forget(chunk));
            }
            self.database.change(Waits::No, |transaction| {
                old.iter().try_for_each(|chunk| rows::delete_chunk(transaction, id, chunk))?;
                rows::update_series(transaction, id, &row)
            })?;
            self.kept.insert(id, row);
            return Ok(true);
        }
        Ok(false)
    }

    /// Chunks that end before `cutoff`.
    fn old_chunks(&self, id: SeriesId, level: Level, cutoff: i64) -> Result<Vec<ChunkRow>, StoreError> {
        let mut old = Vec::new();
        let found = rows::chunks_within(self.database.connection(), id, level, (i64::MIN, cutoff, 0), |chunk| {
            if chunk.t1.saturating_add(level.width()) <= cutoff {
                old.push(chunk);
            }
            old.len() < TOGETHER_MAX
        });
        found.map_err(|source| self.database.failed("read", source))?;
        Ok(old)
    }

    /// Forgets whole series.
    pub(crate) fn remove_series(&mut self, ids: &[SeriesId]) -> Result<bool, StoreError> {
        if ids.is_empty() {
            return Ok(false);
        }
        // Nothing of them waits to be written after this.
        self.commit()?;
        let number = self.next_point - 1;
        let erase = self.newest_segment();
        self.database.erase(|transaction| {
            ids.iter().try_for_each(|id| rows::delete_series(transaction, *id))?;
            note_erasure(transaction, erase, number)
        })?;
        let mut memory = self.shared.memory.lock();
        for id in ids {
            memory.remove(*id);
            self.kept.remove(id);
            self.due.remove(id);
        }
        drop(memory);
        self.begin_erasure(erase);
        Ok(true)
    }

    /// Forgets a stretch of a series.
    pub(crate) fn remove_window(&mut self, id: SeriesId, window: Window) -> Result<(), StoreError> {
        if window.is_empty() || self.shared.memory.lock().get(id).is_none() {
            return Ok(());
        }
        self.commit()?;
        let number = self.next_point - 1;
        let erase = self.newest_segment();
        let (mut head, first) = {
            let memory = self.shared.memory.lock();
            let head = memory.get(id).map(|live| live.head.clone()).unwrap_or_default();
            (head.points, head.numbers.first().copied().unwrap_or(number))
        };
        let (from, to) = (window.from.as_micros(), window.to.as_micros());
        head.sort();
        head.retain(|time| time < from || time >= to);
        let mut row = self.kept.get(&id).cloned().unwrap_or_default();
        // With this, no point that is in the log by now will ever be taken from there again.
        row.sealed = number;
        let (chunk_points, damaged) = (self.options.chunk_points, &self.shared.damaged_chunks);
        self.database.erase(|transaction| {
            let chunks = chunks_of(&head, first, chunk_points);
            chunks.iter().try_for_each(|chunk| rows::insert_chunk(transaction, id, chunk))?;
            note_open(&mut row, &chunks);
            thin_points(transaction, id, &mut row, (from, to), damaged)?;
            for level in Level::CELLS {
                thin_cells(transaction, id, &mut row, level, (from, to), (chunk_points, damaged))?;
            }
            rows::update_series(transaction, id, &row)?;
            note_erasure(transaction, erase, number)
        })?;
        let mut memory = self.shared.memory.lock();
        let count = memory.get(id).map_or(0, |live| live.head.len());
        memory.drop_front(id, count, usize::MAX);
        drop(memory);
        self.kept.insert(id, row);
        self.begin_erasure(erase);
        Ok(())
    }

    fn newest_segment(&self) -> u64 {
        self.shared.memory.lock().segments.last().map_or(0, |segment| segment.number)
    }

    fn begin_erasure(&mut self, erase: u64) {
        self.erase_up_to = erase;
        self.log.rotate();
    }
}

fn note_erasure(transaction: &Transaction<'_>, erase: u64, number: u64) -> Result<(), Error> {
    rows::set_fact(transaction, "erase", erase)?;
    rows::set_fact(transaction, "number", number)
}

/// Takes points out of the chunks that have them.
fn thin_points(
    connection: &Connection,
    id: SeriesId,
    row: &mut SeriesRow,
    (from, to): (i64, i64),
    damaged: &AtomicU64,
) -> Result<(), Error> {
    let mut touched = Vec::new();
    rows::chunks_within(connection, id, Level::Raw, (from, to, row.raw_reach), |chunk| {
        touched.push(chunk);
        true
    })?;
    for chunk in touched {
        // One that cannot be read goes as a whole: what it holds was to be removed, or cannot be had anyway.
        let mut points = load(connection, &chunk, damaged)?.unwrap_or_default();
        points.retain(|time| time < from || time >= to);
        if points.len() as u64 == chunk.n {
            continue;
        }
        rows::delete_chunk(connection, id, &chunk)?;
        row.forget(&chunk);
        if !points.is_empty() {
            let rest = NewChunk::of_points(&points, chunk.rank);
            row.raw_points += rest.n as u64;
            row.raw_bytes += rest.bytes.len() as u64;
            rows::insert_chunk(connection, id, &rest)?;
        }
    }
    let open = open_chunks(connection, id, &SeriesRow { open_chunks: 1, open_from: i64::MIN, ..row.clone() })?;
    recount_open(row, &open);
    Ok(())
}

/// Takes out the cells that have such points, and makes those anew that had others as well, from the points that are left.
fn thin_cells(
    connection: &Connection,
    id: SeriesId,
    row: &mut SeriesRow,
    level: Level,
    (from, to): (i64, i64),
    (list_cells, damaged): (usize, &AtomicU64),
) -> Result<(), Error> {
    let first = level.floor(from);
    let mut touched = Vec::new();
    rows::chunks_within(connection, id, level, (first, to, row.reach(level)), |chunk| {
        touched.push(chunk);
        true
    })?;
    for chunk in touched {
        let mut cells = load_cells(connection, &chunk, damaged)?.unwrap_or_default();
        cells.retain(|cell| cell.start < first || cell.start >= to);
        rows::delete_chunk(connection, id, &chunk)?;
        if !cells.is_empty() {
            let rest = NewChunk::of_cells(level, &cells, chunk.rank);
            rows::insert_chunk(connection, id, &rest)?;
        }
    }
    let mut points = Points::default();
    let mut chunks = Vec::new();
    let mut edges = vec![(first, from), (to, level.ceil(to))];
    // Cells at both edges may be one and the same; then its rest lies on both sides of what was removed.
    edges.retain(|(from, to)| from < to);
    for (from, to) in edges {
        rows::chunks_within(connection, id, Level::Raw, (from, to, row.raw_reach), |chunk| {
            if chunk.rank <= row.rolled {
                chunks.push((chunk, from, to));
            }
            true
        })?;
    }
    chunks.sort_by_key(|(chunk, _, _)| chunk.rank);
    for (chunk, from, to) in chunks {
        let mut part = load(connection, &chunk, damaged)?.unwrap_or_default();
        part.retain(|time| from <= time && time < to);
        points.append(&part);
    }
    points.sort();
    add_cells(connection, id, row, level, cells::fold(level, &points), (list_cells, damaged))?;
    Ok(())
}
