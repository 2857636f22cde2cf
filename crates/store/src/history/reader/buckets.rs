//! How a window is divided, and what is gathered of each part.

use housewire_core::Timestamp;

use super::super::answers::{Agg, Buckets};
use super::super::cells::Cell;
use super::super::reading::{Point, Reading, Window};
use crate::limits::HISTORY_BUCKETS_MAX;

/// The edges of a window's buckets, in microseconds: one more than there are buckets; none if the window is empty.
pub(crate) fn edges(window: Window, buckets: Buckets) -> Vec<i64> {
    let (from, to) = (i128::from(window.from.as_micros()), i128::from(window.to.as_micros()));
    if to <= from {
        return Vec::new();
    }
    let most = HISTORY_BUCKETS_MAX as i128;
    let edge = |at: i128| i64::try_from(at.min(to)).expect("it lies in the window");
    match buckets {
        Buckets::Count(count) => {
            let count = (count as i128).clamp(1, most);
            let mut edges: Vec<_> = (0..=count).map(|number| edge(from + (to - from) * number / count)).collect();
            // A window of few microseconds has fewer buckets.
            edges.dedup();
            edges
        }
        Buckets::Step(step) => {
            let least = (to - from) / most + 1;
            let step = i128::try_from(step.as_micros()).unwrap_or(to - from).max(1);
            let step = if (to - from) / step >= most { least } else { step };
            let count = (to - from) / step + i128::from((to - from) % step != 0);
            (0..=count).map(|number| edge(from + step * number)).collect()
        }
    }
}

/// What is known of a bucket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gathered {
    count: u64,
    numbers: u64,
    sum: f64,
    /// With their times, the earliest of equal ones.
    min: Option<(f64, i64)>,
    max: Option<(f64, i64)>,
    last: Option<(f64, i64)>,
    state: Option<(Reading, i64)>,
}

impl Gathered {
    pub(crate) fn add_number(&mut self, time: i64, number: f64) {
        self.count += 1;
        self.numbers += 1;
        self.sum += number;
        self.add_ends(time, number, number);
        self.add_last(time, number);
    }

    pub(crate) fn add_state(&mut self, time: i64, state: Reading) {
        self.count += 1;
        if self.state.as_ref().is_none_or(|(_, last)| time >= *last) {
            self.state = Some((state, time));
        }
    }

    pub(crate) fn add_cell(&mut self, cell: &Cell) {
        self.count = self.count.saturating_add(cell.count.unsigned_abs());
        if cell.numbers > 0 {
            self.numbers = self.numbers.saturating_add(cell.numbers.unsigned_abs());
            self.sum += cell.sum;
            self.add_ends(cell.start, cell.min, cell.max);
            self.add_last(cell.last_time, cell.last);
        }
    }

    fn add_ends(&mut self, time: i64, min: f64, max: f64) {
        let is_lower = |(other, at): (f64, i64)| min < other || (min == other && time < at);
        if self.min.is_none_or(is_lower) {
            self.min = Some((min, time));
        }
        let is_higher = |(other, at): (f64, i64)| max > other || (max == other && time < at);
        if self.max.is_none_or(is_higher) {
            self.max = Some((max, time));
        }
    }

    /// Of equal times the later arrival counts; they are added in order of arrival.
    fn add_last(&mut self, time: i64, number: f64) {
        if self.last.is_none_or(|(_, last)| time >= last) {
            self.last = Some((number, time));
        }
    }

    #[allow(clippy::cast_precision_loss)] // no bucket has 2^53 points
    pub(crate) fn value(&self, agg: Agg) -> Option<f64> {
        let has_numbers = self.numbers > 0;
        let value = match agg {
            Agg::Count => return Some(self.count as f64),
            Agg::Mean => has_numbers.then(|| self.sum / self.numbers as f64),
            Agg::Sum => has_numbers.then_some(self.sum),
            Agg::Min => self.min.map(|(number, _)| number),
            Agg::Max => self.max.map(|(number, _)| number),
            Agg::Last => self.last.map(|(number, _)| number),
        };
        value.filter(|value| value.is_finite())
    }

    /// The lowest and the highest, and the last state, in order of time. `reading` makes readings of numbers.
    pub(crate) fn extremes(&self, reading: impl Fn(f64) -> Option<Reading>) -> Vec<Point> {
        let point =
            |(number, time): (f64, i64)| Some(Point { time: Timestamp::from_micros(time), reading: reading(number)? });
        let (min, max) = (self.min.and_then(point), self.max.and_then(point));
        let state = self.state.clone().map(|(reading, time)| Point { time: Timestamp::from_micros(time), reading });
        let mut found: Vec<Point> = [min, max, state].into_iter().flatten().collect();
        found.dedup();
        found.sort_by_key(|point| point.time);
        found
    }
}
