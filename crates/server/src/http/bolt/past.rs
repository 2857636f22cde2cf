//! `fetchData`: what the variables of a product were.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use housewire_core::Timestamp;
use housewire_protocols::bolt::{Answer, Order, history};
use housewire_store::{HistoryReader, Point, Reading, StoreError, Window};

use crate::caller::Caller;
use crate::http::bolt::Failure;
use crate::http::bolt::board::Board;
use crate::http::bolt::run::written;

/// The last so many moments at which something was said, each with the values of all variables.
pub(super) async fn fetch(caller: &Caller, board: &Board, limit: usize, order: Order) -> Result<Answer, Failure> {
    let recorder = caller.shard.history.clone().ok_or(Failure::NoHistory)?;
    let columns = board.variables().into_iter().map(|bound| bound.property.to_string());
    let readable = board.variables().into_iter().map(|bound| caller.must_read(&board.id, &bound.property).is_ok());
    let names: Vec<String> = columns.zip(readable).filter_map(|(name, may)| may.then_some(name)).collect();
    let (device, asked) = (board.id.to_string(), names.clone());
    let read = recorder.ask(move |reader| {
        let columns = asked.iter().map(|name| last_points(reader, &device, name, limit));
        columns.collect::<Result<Vec<_>, StoreError>>()
    });
    let mut rows = merged(read.await.map_err(|_| Failure::NoHistory)?);
    let surplus = rows.len().saturating_sub(limit);
    rows.drain(..surplus);
    if order == Order::Descending {
        rows.reverse();
    }
    let columns: Vec<_> = names.iter().map(String::as_str).collect();
    Ok(Answer::Fields(history(&columns, &rows)))
}

/// The newest points of a property, the oldest first. Looks back in steps that become longer, so that a few points of a long history
/// cost little.
fn last_points(reader: &HistoryReader, device: &str, property: &str, limit: usize) -> Result<Vec<Point>, StoreError> {
    let Some(series) = reader.find(device, property) else { return Ok(Vec::new()) };
    let Some(span) = reader.span(series)? else { return Ok(Vec::new()) };
    let to = span.last.after(Duration::from_micros(1));
    let mut back = Duration::from_secs(64);
    loop {
        let micros = i64::try_from(back.as_micros()).unwrap_or(i64::MAX);
        let from = Timestamp::from_micros(to.as_micros().saturating_sub(micros)).max(span.first);
        let mut points = VecDeque::new();
        let mut after = None;
        loop {
            let page = reader.raw(series, Window { from, to }, limit, after)?;
            points.extend(page.points);
            let surplus = points.len().saturating_sub(limit);
            points.drain(..surplus);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if points.len() >= limit || from == span.first {
            return Ok(points.into());
        }
        back = back.saturating_mul(8);
    }
}

/// A row for each second in which something was said; what was not said then is as it was before.
fn merged(columns: Vec<Vec<Point>>) -> Vec<(String, Vec<String>)> {
    let width = columns.len();
    let mut moments: BTreeMap<i64, Vec<Option<String>>> = BTreeMap::new();
    for (place, points) in columns.into_iter().enumerate() {
        for point in points {
            let second = point.time.as_micros().div_euclid(1_000_000);
            moments.entry(second).or_insert_with(|| vec![None; width])[place] = Some(cell(&point.reading));
        }
    }
    let mut now = vec![String::new(); width];
    let row = |(second, cells): (i64, Vec<Option<String>>)| {
        for (now, cell) in now.iter_mut().zip(cells) {
            if let Some(cell) = cell {
                *now = cell;
            }
        }
        let time = Timestamp::from_micros(second.saturating_mul(1_000_000));
        (written(time, "%Y-%m-%d %H:%M:%S"), now.clone())
    };
    moments.into_iter().map(row).collect()
}

fn cell(reading: &Reading) -> String {
    match reading {
        Reading::Bool(is_high) => u8::from(*is_high).to_string(),
        Reading::Int(number) => number.to_string(),
        Reading::Float(number) => number.get().to_string(),
        Reading::Text(text) => text.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_what_was_said_at_different_times() {
        let point = |millis: i64, number| Point {
            time: Timestamp::from_micros(1_553_068_973_000_000 + millis * 1_000),
            reading: Reading::Int(number),
        };
        let switched = Point { reading: Reading::Bool(true), ..point(1_500, 0) };
        let rows = merged(vec![vec![point(0, 244), point(900, 245), point(2_000, 246)], vec![switched]]);
        let expected = [
            ("2019-03-20 08:02:53", ["245", ""]),
            ("2019-03-20 08:02:54", ["245", "1"]),
            ("2019-03-20 08:02:55", ["246", "1"]),
        ];
        let expected: Vec<_> =
            expected.iter().map(|(time, cells)| ((*time).to_owned(), cells.map(str::to_owned).to_vec())).collect();
        assert_eq!(rows, expected);
    }
}
