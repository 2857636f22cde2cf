//! Rolling up: points in chunks become minutes and hours, each exactly once.
//!
//! Up to which chunk a series is rolled up is kept in the same transaction. What comes late is in a later chunk and makes further cells
//! for the same minutes, which count as well; so nothing that was written has to be found and changed.

use std::sync::atomic::AtomicU64;

use rusqlite::{Connection, Error};

use super::History;
use super::cells::{self, Cell, Level};
use super::database::Waits;
use super::points::Points;
use super::reader::{load, load_cells};
use super::reading::SeriesId;
use super::rows::{self, NewChunk, SeriesRow};
use super::seal::{open_chunks, parts, recount_open};
use crate::error::StoreError;
use crate::limits::HISTORY_OPEN_CHUNKS_MAX;

/// Chunks of one series that are in no cell, should they be small. Larger ones are rolled up when there are a few of them: rarely is
/// best for the disk, and questions can look at the points of some chunks one by one.
const SMALL_CHUNKS_MAX: u64 = 3 * HISTORY_OPEN_CHUNKS_MAX;
/// Chunks that are rolled up in one transaction.
const TOGETHER_MAX: usize = 64;

impl History {
    /// Joins or rolls up what a series has.
    pub(crate) fn tidy_series(&mut self, id: SeriesId) -> Result<(), StoreError> {
        let Some(row) = self.kept.get(&id) else { return Ok(()) };
        let enough = HISTORY_OPEN_CHUNKS_MAX * self.options.chunk_points as u64;
        if row.open_points >= enough || row.open_chunks >= SMALL_CHUNKS_MAX {
            while self.roll(id)? {}
            return Ok(());
        }
        self.join_small(id)
    }

    /// Rolls up chunks of a series. Whether there are more.
    pub(crate) fn roll(&mut self, id: SeriesId) -> Result<bool, StoreError> {
        let Some(mut row) = self.kept.get(&id).cloned() else { return Ok(false) };
        let (list_cells, damaged) = (self.options.chunk_points, &self.shared.damaged_chunks);
        let bytes = self.database.change(Waits::No, |transaction| {
            let mut open = open_chunks(transaction, id, &row)?;
            let later = open.split_off(open.len().min(TOGETHER_MAX));
            let Some(last) = open.last() else {
                recount_open(&mut row, &later);
                return Ok(0);
            };
            row.rolled = last.rank;
            let mut points = Points::default();
            for chunk in &open {
                // One that cannot be read is left out: it stays as it is, and what it says is not known.
                points.append(&load(transaction, chunk, damaged)?.unwrap_or_default());
            }
            points.sort();
            let mut bytes = 0;
            for level in Level::CELLS {
                bytes +=
                    add_cells(transaction, id, &mut row, level, cells::fold(level, &points), (list_cells, damaged))?;
            }
            recount_open(&mut row, &later);
            rows::update_series(transaction, id, &row)?;
            Ok(bytes)
        })?;
        self.wear.add_chunks(bytes as u64);
        let has_more = row.open_chunks > 0;
        self.kept.insert(id, row);
        Ok(has_more)
    }
}

/// Writes cells, together with the last ones that were written if those are few. Returns how many bytes.
pub(crate) fn add_cells(
    connection: &Connection,
    id: SeriesId,
    row: &mut SeriesRow,
    level: Level,
    mut new: Vec<Cell>,
    (list_cells, damaged): (usize, &AtomicU64),
) -> Result<usize, Error> {
    if new.is_empty() {
        return Ok(0);
    }
    let newest = rows::newest_cells(connection, id, level)?;
    if let Some(newest) = newest.filter(|newest| newest.n < list_cells as u64 / 2)
        && let Some(mut cells) = load_cells(connection, &newest, damaged)?
    {
        rows::delete_chunk(connection, id, &newest)?;
        cells.append(&mut new);
        new = cells::merge(cells);
    }
    let mut bytes = 0;
    let starts: Vec<_> = new.iter().map(|cell| cell.start).collect();
    for part in parts(&starts, list_cells) {
        let chunk = NewChunk::of_cells(level, &new[part], row.next_rank);
        row.next_rank += 1;
        row.extend_reach(level, chunk.t0, chunk.t1);
        bytes += chunk.bytes.len();
        rows::insert_chunk(connection, id, &chunk)?;
    }
    Ok(bytes)
}
