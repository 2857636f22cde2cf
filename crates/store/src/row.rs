//! What all rows share: columns that may hold anything, lists in columns, and rows that are skipped.
//!
//! Which columns there are belongs to the modules named like the tables.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use rusqlite::types::{FromSql, ValueRef};
use rusqlite::{OptionalExtension, Row, RowIndex, ToSql};

use crate::limits::{DOORS_MAX, NUMBER_MAX, SKIPPED_LISTED_MAX};

/// A row that could not be used. It stays in the file as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Where it stands.
    pub table: &'static str,
    /// Its key.
    pub row: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, row, reason } = self;
        write!(f, "skipped '{row}' in table {table} of the database ({reason}): it is left there as it is")
    }
}

/// What is wrong with a row, in words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadRow(pub(crate) String);

impl BadRow {
    pub(crate) fn because(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

/// One kind of row and how it is read.
pub(crate) trait Readable: Sized {
    const TABLE: &'static str;
    /// Selects all rows in order of their keys.
    const SELECT: &'static str;
    /// How many columns at the start are the key.
    const KEY_COLUMNS: usize;

    fn read(row: &Row<'_>) -> Result<Self, BadRow>;
}

/// Reads all rows of a kind; unusable ones go to `skipped`. An error means that the file itself cannot be read.
pub(crate) fn read_all<T: Readable>(
    connection: &rusqlite::Connection,
    skipped: &mut SkippedRows,
) -> Result<Vec<T>, rusqlite::Error> {
    let mut read = Vec::new();
    read_each(connection, skipped, |record| {
        read.push(record);
        Ok(())
    })?;
    Ok(read)
}

/// As [`read_all`], one by one; `take` may find a record unusable, too.
pub(crate) fn read_each<T: Readable>(
    connection: &rusqlite::Connection,
    skipped: &mut SkippedRows,
    mut take: impl FnMut(T) -> Result<(), BadRow>,
) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare(T::SELECT)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Err(BadRow(reason)) = T::read(row).and_then(&mut take) {
            skipped.note(Skipped { table: T::TABLE, row: key(row, T::KEY_COLUMNS), reason });
        }
    }
    Ok(())
}

/// Rows that were skipped; see [`SKIPPED_LISTED_MAX`].
#[derive(Debug, Default)]
pub(crate) struct SkippedRows {
    pub(crate) listed: Vec<Skipped>,
    pub(crate) count: usize,
}

impl SkippedRows {
    pub(crate) fn note(&mut self, row: Skipped) {
        self.count += 1;
        if self.listed.len() < SKIPPED_LISTED_MAX {
            self.listed.push(row);
        }
    }
}

/// A row's key as text, whatever its columns hold.
fn key(row: &Row<'_>, columns: usize) -> String {
    const SHOWN_CHARS_MAX: usize = 120;
    let column = |at| match row.get_ref(at) {
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => {
            String::from_utf8_lossy(bytes).chars().take(SHOWN_CHARS_MAX).collect()
        }
        Ok(ValueRef::Integer(number)) => number.to_string(),
        Ok(ValueRef::Real(number)) => number.to_string(),
        Ok(ValueRef::Null) | Err(_) => "?".to_owned(),
    };
    (0..columns).map(column).collect::<Vec<String>>().join("/")
}

/// A column's value. A damaged file may hold anything in it, whatever the schema says. Tables of which there may be millions
/// of rows are read by the columns' places: to find a name takes longer than to read a value.
pub(crate) fn get<T: FromSql>(row: &Row<'_>, column: impl RowIndex) -> Result<T, BadRow> {
    row.get(column).map_err(BadRow::because)
}

/// A number that the hub gave out, such as that of a session.
pub(crate) fn number(row: &Row<'_>, column: impl RowIndex) -> Result<u64, BadRow> {
    let number: i64 = get(row, column)?;
    let given_out = u64::try_from(number).ok().filter(|number| *number <= NUMBER_MAX);
    given_out.ok_or_else(|| BadRow(format!("the number {number} was never given out")))
}

/// See [`number`].
pub(crate) fn number_to_column(number: u64) -> i64 {
    i64::try_from(number).expect("numbers are counted up one by one from what was loaded, which is far below")
}

/// MQTT knows no packet id 0.
pub(crate) fn packet_id(id: u16) -> Result<u16, BadRow> {
    if id == 0 { Err(BadRow("there is no packet id 0".to_owned())) } else { Ok(id) }
}

/// A list of numbers, as it stands in a column.
pub(crate) fn numbers_to_json(numbers: &[u32]) -> Option<String> {
    (!numbers.is_empty()).then(|| serde_json::Value::from(numbers).to_string())
}

/// See [`numbers_to_json`].
pub(crate) fn numbers_from_json(column: &'static str, json: Option<&str>) -> Result<Vec<u32>, BadRow> {
    let Some(json) = json else { return Ok(Vec::new()) };
    serde_json::from_str(json).map_err(|error| BadRow(format!("{column} is no list of numbers: {error}")))
}

/// A list of texts, as it stands in a column.
pub(crate) fn list_to_json(list: &[String]) -> Option<String> {
    (!list.is_empty()).then(|| serde_json::Value::from(list).to_string())
}

/// See [`list_to_json`].
pub(crate) fn list_from_json(column: &'static str, json: Option<&str>) -> Result<Vec<String>, BadRow> {
    let Some(json) = json else { return Ok(Vec::new()) };
    serde_json::from_str(json).map_err(|error| BadRow(format!("{column} is no list of texts: {error}")))
}

/// A list of pairs, as it stands in a column.
pub(crate) fn pairs_to_json(pairs: &[(String, String)]) -> Option<String> {
    let pair = |(name, value): &(String, String)| serde_json::Value::from([name.as_str(), value.as_str()].as_slice());
    (!pairs.is_empty()).then(|| serde_json::Value::Array(pairs.iter().map(pair).collect()).to_string())
}

/// See [`pairs_to_json`].
pub(crate) fn pairs_from_json(column: &'static str, json: Option<&str>) -> Result<Vec<(String, String)>, BadRow> {
    let Some(json) = json else { return Ok(Vec::new()) };
    serde_json::from_str(json).map_err(|error| BadRow(format!("{column} is no list of pairs: {error}")))
}

/// Runs a statement that is used again and again; how many rows it changed.
pub(crate) fn execute(
    connection: &rusqlite::Connection,
    sql: &str,
    params: &[&dyn ToSql],
) -> Result<usize, rusqlite::Error> {
    connection.prepare_cached(sql)?.execute(params)
}

/// Asks for the one value that a statement yields, if it yields any.
pub(crate) fn ask<T: FromSql>(connection: &rusqlite::Connection, sql: &str) -> Result<Option<T>, rusqlite::Error> {
    connection.query_row(sql, [], |row| row.get(0)).optional()
}

/// The name of a door for as long as the program runs. Doors are few; the list is bounded all the same, since the file may
/// hold anything.
pub(crate) fn door(name: &str) -> &'static str {
    static DOORS: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    // The list is whole after every step, so a panic elsewhere cannot leave it half changed.
    let mut doors = DOORS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = doors.iter().find(|known| **known == name) {
        return known;
    }
    if doors.len() >= DOORS_MAX || name.len() > 32 {
        return "unknown";
    }
    let known: &'static str = Box::leak(name.into());
    doors.push(known);
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_survive_their_column() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        for texts in [list(&[]), list(&["low", "high"]), list(&["", "\"", "\u{0}", "ä\n"])] {
            let json = list_to_json(&texts);
            assert_eq!(list_from_json("options", json.as_deref()), Ok(texts.clone()));
            let pairs: Vec<_> = texts.iter().map(|text| (text.clone(), text.clone())).collect();
            let json = pairs_to_json(&pairs);
            assert_eq!(pairs_from_json("user_properties", json.as_deref()), Ok(pairs));
        }
        for bad in ["", "{}", "[1]", "[\"a\"", "\"a\""] {
            assert!(list_from_json("options", Some(bad)).is_err(), "{bad}");
            assert!(pairs_from_json("user_properties", Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn doors_are_kept_apart_up_to_a_bound() {
        assert_eq!(door("mqtt"), "mqtt");
        assert!(std::ptr::eq(door("mqtt"), door("mqtt")));
        assert_eq!(door(&"x".repeat(33)), "unknown");
    }

    #[test]
    fn only_the_first_skipped_rows_are_listed() {
        let mut skipped = SkippedRows::default();
        for number in 0..SKIPPED_LISTED_MAX + 5 {
            skipped.note(Skipped { table: "device", row: number.to_string(), reason: "x".to_owned() });
        }
        assert_eq!((skipped.listed.len(), skipped.count), (SKIPPED_LISTED_MAX, SKIPPED_LISTED_MAX + 5));
    }
}
