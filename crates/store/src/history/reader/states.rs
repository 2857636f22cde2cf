//! States: which one held when.

use std::time::Duration;

use housewire_core::Timestamp;
use rusqlite::Error;

use super::super::answers::{Interval, RawCursor, States};
use super::super::reading::{Point, Reading, Window};
use super::super::rows;
use super::{View, load};
use crate::limits::HISTORY_INTERVALS_MAX;

/// Points that are read at a time.
const PAGE_POINTS: usize = 10_000;

impl View<'_> {
    pub(super) fn states(&self, window: Window) -> Result<States, Error> {
        let mut states = States::default();
        if window.is_empty() {
            return Ok(states);
        }
        if let Some(before) = self.last_before(window.from.as_micros())? {
            states.intervals.push(Interval { from: window.from, to: window.to, reading: before.reading });
        }
        let mut after: Option<RawCursor> = None;
        loop {
            let page = self.page(window, PAGE_POINTS, after)?;
            for point in page.points {
                take(&mut states.intervals, point, window.to);
            }
            if states.intervals.len() > HISTORY_INTERVALS_MAX {
                states.intervals.truncate(HISTORY_INTERVALS_MAX);
                states.is_cut = true;
                break;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        states.time_in_state = time_in_state(&states.intervals);
        Ok(states)
    }

    /// The last point before a moment; of several at one time the one that arrived last.
    fn last_before(&self, to: i64) -> Result<Option<Point>, Error> {
        let mut best: Option<(i64, u64, Point)> = None;
        for (at, time) in self.head.times.iter().enumerate().filter(|(_, time)| **time < to) {
            if best.as_ref().is_none_or(|(best, _, _)| time >= best) {
                best = Some((*time, u64::MAX, self.head.get(at)));
            }
        }
        rows::chunks_before(self.connection, self.id, to, |chunk| {
            if let Some((time, rank, _)) = &best {
                // No chunk that begins earlier reaches that far.
                if chunk.t0.saturating_add(self.row.raw_reach) < *time {
                    return Ok(false);
                }
                if chunk.t1 < *time || (chunk.t1 == *time && chunk.rank < *rank) {
                    return Ok(true);
                }
            }
            let points = load(self.connection, &chunk, self.damaged)?.unwrap_or_default();
            let before = points.times.partition_point(|time| *time < to);
            if let Some(at) = before.checked_sub(1) {
                let is_later =
                    best.as_ref().is_none_or(|(time, rank, _)| (points.times[at], chunk.rank) > (*time, *rank));
                if is_later {
                    best = Some((points.times[at], chunk.rank, points.get(at)));
                }
            }
            Ok(true)
        })?;
        Ok(best.map(|(_, _, point)| point))
    }
}

/// Adds a point to intervals of which the last one goes to the end of the window.
fn take(intervals: &mut Vec<Interval>, point: Point, end: Timestamp) {
    let Some(last) = intervals.last_mut() else {
        intervals.push(Interval { from: point.time, to: end, reading: point.reading });
        return;
    };
    if last.reading == point.reading {
        return;
    }
    if last.from < point.time {
        last.to = point.time;
        intervals.push(Interval { from: point.time, to: end, reading: point.reading });
        return;
    }
    // Of several at one moment only the last one held, and it may be what held before.
    intervals.pop();
    match intervals.last_mut() {
        Some(before) if before.reading == point.reading => before.to = end,
        _ => intervals.push(Interval { from: point.time, to: end, reading: point.reading }),
    }
}

fn time_in_state(intervals: &[Interval]) -> Vec<(Reading, Duration)> {
    let mut times: Vec<(Reading, Duration)> = Vec::new();
    let mut known: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    for interval in intervals {
        let held = interval.to.since(interval.from);
        // Kinds are told apart as well as values.
        let at = *known.entry(format!("{:?}", interval.reading)).or_insert_with(|| {
            times.push((interval.reading.clone(), Duration::ZERO));
            times.len() - 1
        });
        times[at].1 += held;
    }
    times.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
    times
}
