//! What the history is compared with: one row for each point.

use std::path::{Path, PathBuf};

use housewire_store::{Point, Reading};
use rusqlite::{Connection, params};

pub(crate) struct Rows {
    connection: Connection,
    path: PathBuf,
}

impl Rows {
    pub(crate) fn create(path: &Path) -> Self {
        let connection = Connection::open(path).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                 CREATE TABLE point (series INTEGER NOT NULL, time INTEGER NOT NULL, seq INTEGER NOT NULL, value ANY,
                                     PRIMARY KEY (series, time, seq)) WITHOUT ROWID, STRICT",
            )
            .unwrap();
        Self { connection, path: path.to_owned() }
    }

    /// In one transaction.
    pub(crate) fn insert(&mut self, batch: &[(i64, u64, Point)]) {
        let transaction = self.connection.transaction().unwrap();
        {
            let mut statement = transaction.prepare_cached("INSERT INTO point VALUES (?1, ?2, ?3, ?4)").unwrap();
            for (series, number, point) in batch {
                let time = point.time.as_micros();
                match &point.reading {
                    Reading::Bool(is_on) => statement.execute(params![series, time, number, is_on]),
                    Reading::Int(value) => statement.execute(params![series, time, number, value]),
                    Reading::Float(value) => statement.execute(params![series, time, number, value.get()]),
                    Reading::Text(text) => statement.execute(params![series, time, number, text.as_str()]),
                }
                .unwrap();
            }
        }
        transaction.commit().unwrap();
    }

    pub(crate) fn checkpoint(&self) {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    }

    pub(crate) fn bytes(&self) -> u64 {
        std::fs::metadata(&self.path).unwrap().len()
    }

    pub(crate) fn day(&self, series: i64, from: i64, to: i64) -> usize {
        let sql = "SELECT time, value FROM point WHERE series = ?1 AND time >= ?2 AND time < ?3 ORDER BY time, seq";
        let mut statement = self.connection.prepare_cached(sql).unwrap();
        let rows = statement.query_map(params![series, from, to], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, rusqlite::types::Value>(1)?))
        });
        rows.unwrap().map(Result::unwrap).collect::<Vec<_>>().len()
    }

    pub(crate) fn extremes(&self, series: i64, from: i64, to: i64, buckets: i64) -> usize {
        let sql = "SELECT (time - ?2) / ?4 AS bucket, min(value), max(value) FROM point
                   WHERE series = ?1 AND time >= ?2 AND time < ?3 GROUP BY bucket ORDER BY bucket";
        self.fold(sql, series, from, to, buckets)
    }

    pub(crate) fn means(&self, series: i64, from: i64, to: i64, buckets: i64) -> usize {
        let sql = "SELECT (time - ?2) / ?4 AS bucket, avg(value), 0.0 FROM point
                   WHERE series = ?1 AND time >= ?2 AND time < ?3 GROUP BY bucket ORDER BY bucket";
        self.fold(sql, series, from, to, buckets)
    }

    fn fold(&self, sql: &str, series: i64, from: i64, to: i64, buckets: i64) -> usize {
        let mut statement = self.connection.prepare_cached(sql).unwrap();
        let rows = statement.query_map(params![series, from, to, (to - from) / buckets], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?, row.get::<_, f64>(2)?))
        });
        rows.unwrap().map(Result::unwrap).collect::<Vec<_>>().len()
    }
}
