//! The rows of the history's database: series, and chunks with what is searched apart from their bytes.

use rusqlite::{Connection, Error, OptionalExtension as _, Row, params};

use super::answers::{SeriesInfo, WearDay};
use super::cells::{self, Cell, Level};
use super::points::Points;
use super::reading::SeriesId;

/// What is kept of a series besides its chunks; see `schema.sql`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SeriesRow {
    pub(crate) sealed: u64,
    pub(crate) rolled: u64,
    pub(crate) open_chunks: u64,
    pub(crate) open_points: u64,
    pub(crate) open_from: i64,
    pub(crate) raw_reach: i64,
    pub(crate) minute_reach: i64,
    pub(crate) hour_reach: i64,
    pub(crate) raw_from: i64,
    pub(crate) minute_from: i64,
    pub(crate) keep: Option<i64>,
    pub(crate) next_rank: u64,
    pub(crate) day: i64,
    pub(crate) day_points: u64,
    pub(crate) day_bytes: u64,
    pub(crate) before_points: u64,
    pub(crate) before_bytes: u64,
    pub(crate) raw_points: u64,
    pub(crate) raw_bytes: u64,
}

impl Default for SeriesRow {
    fn default() -> Self {
        Self {
            sealed: 0,
            rolled: 0,
            open_chunks: 0,
            open_points: 0,
            open_from: i64::MAX,
            raw_reach: 0,
            minute_reach: 0,
            hour_reach: 0,
            raw_from: i64::MIN,
            minute_from: i64::MIN,
            keep: None,
            next_rank: 1,
            day: 0,
            day_points: 0,
            day_bytes: 0,
            before_points: 0,
            before_bytes: 0,
            raw_points: 0,
            raw_bytes: 0,
        }
    }
}

impl SeriesRow {
    /// No chunk of this level is longer, in microseconds.
    pub(crate) fn reach(&self, level: Level) -> i64 {
        match level {
            Level::Raw => self.raw_reach,
            Level::Minute => self.minute_reach,
            Level::Hour => self.hour_reach,
        }
    }

    pub(crate) fn extend_reach(&mut self, level: Level, t0: i64, t1: i64) {
        let reach = match level {
            Level::Raw => &mut self.raw_reach,
            Level::Minute => &mut self.minute_reach,
            Level::Hour => &mut self.hour_reach,
        };
        *reach = (*reach).max(t1.saturating_sub(t0));
    }

    /// Takes a chunk of points off the count.
    pub(crate) fn forget(&mut self, chunk: &ChunkRow) {
        self.raw_points = self.raw_points.saturating_sub(chunk.n);
        self.raw_bytes = self.raw_bytes.saturating_sub(chunk.bytes);
    }

    /// Notes that so much arrived on a day.
    pub(crate) fn count(&mut self, day: i64, points: u64, bytes: u64) {
        if day != self.day {
            let is_next = day == self.day + 1;
            (self.before_points, self.before_bytes) = if is_next { (self.day_points, self.day_bytes) } else { (0, 0) };
            (self.day, self.day_points, self.day_bytes) = (day, 0, 0);
        }
        self.day_points += points;
        self.day_bytes += bytes;
    }

    fn read(row: &Row<'_>, at: usize) -> Result<Self, Error> {
        Ok(Self {
            sealed: row.get(at)?,
            rolled: row.get(at + 1)?,
            open_chunks: row.get(at + 2)?,
            open_points: row.get(at + 3)?,
            open_from: row.get(at + 4)?,
            raw_reach: row.get(at + 5)?,
            minute_reach: row.get(at + 6)?,
            hour_reach: row.get(at + 7)?,
            raw_from: row.get(at + 8)?,
            minute_from: row.get(at + 9)?,
            keep: row.get(at + 10)?,
            next_rank: row.get(at + 11)?,
            day: row.get(at + 12)?,
            day_points: row.get(at + 13)?,
            day_bytes: row.get(at + 14)?,
            before_points: row.get(at + 15)?,
            before_bytes: row.get(at + 16)?,
            raw_points: row.get(at + 17)?,
            raw_bytes: row.get(at + 18)?,
        })
    }
}

macro_rules! series_columns {
    () => {
        "sealed, rolled, open_chunks, open_points, open_from, raw_reach, minute_reach, hour_reach, raw_from, \
         minute_from, keep, next_rank, day, day_points, day_bytes, before_points, before_bytes, \
         raw_points, raw_bytes"
    };
}

pub(crate) fn all_series(connection: &Connection) -> Result<Vec<(SeriesInfo, SeriesRow)>, Error> {
    let sql = concat!("SELECT id, device, property, ", series_columns!(), " FROM series ORDER BY id");
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let (device, property): (String, String) = (row.get(1)?, row.get(2)?);
        let info = SeriesInfo { id: SeriesId(row.get(0)?), device: device.into(), property: property.into() };
        Ok((info, SeriesRow::read(row, 3)?))
    })?;
    rows.collect()
}

pub(crate) fn series(connection: &Connection, id: SeriesId) -> Result<Option<SeriesRow>, Error> {
    let sql = concat!("SELECT ", series_columns!(), " FROM series WHERE id = ?1");
    connection.prepare_cached(sql)?.query_row([id.0], |row| SeriesRow::read(row, 0)).optional()
}

pub(crate) fn insert_series(connection: &Connection, info: &SeriesInfo) -> Result<(), Error> {
    let sql = "INSERT INTO series (id, device, property) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![info.id.0, &*info.device, &*info.property])?;
    Ok(())
}

pub(crate) fn update_series(connection: &Connection, id: SeriesId, row: &SeriesRow) -> Result<(), Error> {
    let sql = "UPDATE series SET sealed = ?2, rolled = ?3, open_chunks = ?4, open_points = ?5, open_from = ?6, \
               raw_reach = ?7, minute_reach = ?8, hour_reach = ?9, raw_from = ?10, minute_from = ?11, keep = ?12, \
               next_rank = ?13, day = ?14, day_points = ?15, day_bytes = ?16, before_points = ?17, before_bytes = ?18, \
               raw_points = ?19, raw_bytes = ?20 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![
        id.0,
        row.sealed,
        row.rolled,
        row.open_chunks,
        row.open_points,
        row.open_from,
        row.raw_reach,
        row.minute_reach,
        row.hour_reach,
        row.raw_from,
        row.minute_from,
        row.keep,
        row.next_rank,
        row.day,
        row.day_points,
        row.day_bytes,
        row.before_points,
        row.before_bytes,
        row.raw_points,
        row.raw_bytes,
    ])?;
    Ok(())
}

/// Deletes a series with all it has.
pub(crate) fn delete_series(connection: &Connection, id: SeriesId) -> Result<(), Error> {
    connection.execute("DELETE FROM body WHERE id IN (SELECT body FROM chunk WHERE series = ?1)", [id.0])?;
    connection.execute("DELETE FROM chunk WHERE series = ?1", [id.0])?;
    connection.execute("DELETE FROM series WHERE id = ?1", [id.0])?;
    Ok(())
}

/// The number that the next series gets, at least.
pub(crate) fn series_number_used(connection: &Connection) -> Result<u32, Error> {
    let sql = "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'series'), 0))";
    connection.query_row(sql, [], |row| row.get(0))
}

/// What is searched of a chunk.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChunkRow {
    pub(crate) level: Level,
    pub(crate) t0: i64,
    pub(crate) rank: u64,
    pub(crate) t1: i64,
    pub(crate) n: u64,
    pub(crate) bytes: u64,
    pub(crate) body: i64,
}

/// What is to become a chunk.
pub(crate) struct NewChunk {
    pub(crate) level: Level,
    pub(crate) t0: i64,
    pub(crate) t1: i64,
    pub(crate) rank: u64,
    pub(crate) n: usize,
    /// Of the numbers in it, if there are any: the lowest, the highest, their sum.
    pub(crate) ends: Option<(f64, f64, f64)>,
    pub(crate) bytes: Vec<u8>,
}

impl NewChunk {
    /// Of points in order, not none.
    pub(crate) fn of_points(points: &Points, rank: u64) -> Self {
        let numbers = || (0..points.len()).filter_map(|at| points.readings.number(at));
        let ends = numbers().fold(None, |ends: Option<(f64, f64, f64)>, number| {
            let (min, max, sum) = ends.unwrap_or((number, number, 0.0));
            Some((min.min(number), max.max(number), sum + number))
        });
        Self {
            level: Level::Raw,
            t0: points.times[0],
            t1: points.times[points.len() - 1],
            rank,
            n: points.len(),
            ends: ends.filter(|(_, _, sum)| sum.is_finite()),
            bytes: super::chunk::encode(points),
        }
    }

    /// Of cells in order, not none.
    pub(crate) fn of_cells(level: Level, cells: &[Cell], rank: u64) -> Self {
        let bytes = cells::encode(cells);
        let (t0, t1) = (cells[0].start, cells[cells.len() - 1].start);
        Self { level, t0, t1, rank, n: cells.len(), ends: None, bytes }
    }
}

pub(crate) fn insert_chunk(connection: &Connection, series: SeriesId, chunk: &NewChunk) -> Result<(), Error> {
    connection.prepare_cached("INSERT INTO body (bytes) VALUES (?1)")?.execute([&chunk.bytes])?;
    let body = connection.last_insert_rowid();
    let (min, max, sum) = match chunk.ends {
        Some((min, max, sum)) => (Some(min), Some(max), Some(sum)),
        None => (None, None, None),
    };
    let sql = "INSERT INTO chunk (series, level, t0, rank, t1, n, min, max, sum, bytes, body) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    connection.prepare_cached(sql)?.execute(params![
        series.0,
        chunk.level.number(),
        chunk.t0,
        chunk.rank,
        chunk.t1,
        chunk.n,
        min,
        max,
        sum,
        chunk.bytes.len(),
        body,
    ])?;
    Ok(())
}

pub(crate) fn delete_chunk(connection: &Connection, series: SeriesId, chunk: &ChunkRow) -> Result<(), Error> {
    connection.prepare_cached("DELETE FROM body WHERE id = ?1")?.execute([chunk.body])?;
    let sql = "DELETE FROM chunk WHERE series = ?1 AND level = ?2 AND t0 = ?3 AND rank = ?4";
    connection.prepare_cached(sql)?.execute(params![series.0, chunk.level.number(), chunk.t0, chunk.rank])?;
    Ok(())
}

fn chunk_row(level: Level, row: &Row<'_>) -> Result<ChunkRow, Error> {
    Ok(ChunkRow {
        level,
        t0: row.get(0)?,
        rank: row.get(1)?,
        t1: row.get(2)?,
        n: row.get(3)?,
        bytes: row.get(4)?,
        body: row.get(5)?,
    })
}

/// The chunks of a level with something from `from` on and before `to`, in order of their beginnings; `reach` is that of the series. Ends when
/// `take` says so.
pub(crate) fn chunks_within(
    connection: &Connection,
    series: SeriesId,
    level: Level,
    (from, to, reach): (i64, i64, i64),
    mut take: impl FnMut(ChunkRow) -> bool,
) -> Result<(), Error> {
    let sql = "SELECT t0, rank, t1, n, bytes, body FROM chunk \
               WHERE series = ?1 AND level = ?2 AND t0 >= ?3 AND t0 < ?4 AND t1 >= ?5 ORDER BY t0, rank";
    let mut statement = connection.prepare_cached(sql)?;
    let earliest = from.saturating_sub(reach);
    let mut rows = statement.query(params![series.0, level.number(), earliest, to, from])?;
    while let Some(row) = rows.next()? {
        if !take(chunk_row(level, row)?) {
            break;
        }
    }
    Ok(())
}

/// The earliest and the latest time of a level.
pub(crate) fn ends(
    connection: &Connection,
    series: SeriesId,
    level: Level,
    reach: i64,
) -> Result<Option<(i64, i64)>, Error> {
    let sql = "SELECT t0 FROM chunk WHERE series = ?1 AND level = ?2 ORDER BY t0 LIMIT 1";
    let first = connection.prepare_cached(sql)?.query_row(params![series.0, level.number()], |row| row.get(0));
    let Some(first) = first.optional()? else { return Ok(None) };
    let sql = "SELECT max(t1) FROM chunk WHERE series = ?1 AND level = ?2 AND t0 >= \
               (SELECT t0 FROM chunk WHERE series = ?1 AND level = ?2 ORDER BY t0 DESC LIMIT 1) - ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let last = statement.query_row(params![series.0, level.number(), reach], |row| row.get(0))?;
    Ok(Some((first, last)))
}

/// Chunks of points with something before `to`, those that begin last first. Ends when `take` says so.
pub(crate) fn chunks_before(
    connection: &Connection,
    series: SeriesId,
    to: i64,
    mut take: impl FnMut(ChunkRow) -> Result<bool, Error>,
) -> Result<(), Error> {
    let sql = "SELECT t0, rank, t1, n, bytes, body FROM chunk \
               WHERE series = ?1 AND level = 0 AND t0 < ?2 ORDER BY t0 DESC, rank DESC";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![series.0, to])?;
    while let Some(row) = rows.next()? {
        if !take(chunk_row(Level::Raw, row)?)? {
            break;
        }
    }
    Ok(())
}

/// The list of cells that was made last.
pub(crate) fn newest_cells(connection: &Connection, series: SeriesId, level: Level) -> Result<Option<ChunkRow>, Error> {
    let sql = "SELECT t0, rank, t1, n, bytes, body FROM chunk WHERE series = ?1 AND level = ?2 \
               ORDER BY rank DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row(params![series.0, level.number()], |row| chunk_row(level, row)).optional()
}

/// The bytes of a chunk.
pub(crate) fn body<T>(connection: &Connection, body: i64, read: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, Error> {
    let mut statement = connection.prepare_cached("SELECT bytes FROM body WHERE id = ?1")?;
    let mut rows = statement.query([body])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let bytes = row
        .get_ref(0)?
        .as_blob()
        .map_err(|_| Error::InvalidColumnType(0, "bytes".to_owned(), rusqlite::types::Type::Blob))?;
    Ok(Some(read(bytes)))
}

pub(crate) fn fact(connection: &Connection, name: &str) -> Result<Option<u64>, Error> {
    connection.query_row("SELECT value FROM fact WHERE name = ?1", [name], |row| row.get(0)).optional()
}

pub(crate) fn set_fact(connection: &Connection, name: &str, value: u64) -> Result<(), Error> {
    let sql = "INSERT INTO fact VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    connection.prepare_cached(sql)?.execute(params![name, value])?;
    Ok(())
}

pub(crate) fn wear(connection: &Connection) -> Result<Vec<WearDay>, Error> {
    let mut statement = connection.prepare("SELECT day, log, chunks, database, points FROM wear ORDER BY day DESC")?;
    let rows = statement.query_map([], |row| {
        Ok(WearDay {
            day: row.get(0)?,
            log: row.get(1)?,
            chunks: row.get(2)?,
            database: row.get(3)?,
            points: row.get(4)?,
        })
    })?;
    rows.collect()
}

pub(crate) fn set_wear(connection: &Connection, day: &WearDay, kept_from: i64) -> Result<(), Error> {
    let sql = "INSERT OR REPLACE INTO wear VALUES (?1, ?2, ?3, ?4, ?5)";
    connection.prepare_cached(sql)?.execute(params![day.day, day.log, day.chunks, day.database, day.points])?;
    connection.prepare_cached("DELETE FROM wear WHERE day < ?1")?.execute([kept_from])?;
    Ok(())
}
