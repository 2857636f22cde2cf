//! The history as a list of points, and each question as one pass over it: what answers must be like.

use std::collections::BTreeMap;
use std::time::Duration;

use housewire_core::Timestamp;

use super::super::answers::{Agg, Buckets, Extremes, Interval, RawCursor, RawPage, States};
use super::super::reading::{Point, Reading, Window};
use crate::limits::HISTORY_BUCKETS_MAX;

/// The points of a series in order of time, those of one time in order of arrival.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    pub(crate) points: Vec<Point>,
}

/// The edges of a window's buckets.
pub(crate) fn edges(window: Window, buckets: Buckets) -> Vec<Timestamp> {
    let (from, to) = (i128::from(window.from.as_micros()), i128::from(window.to.as_micros()));
    if to <= from {
        return Vec::new();
    }
    let micros = |at: i128| Timestamp::from_micros(i64::try_from(at.min(to)).expect("lies in the window"));
    match buckets {
        Buckets::Count(count) => {
            let count = count.clamp(1, HISTORY_BUCKETS_MAX) as i128;
            let mut edges: Vec<_> = (0..=count).map(|number| micros(from + (to - from) * number / count)).collect();
            edges.dedup();
            edges
        }
        Buckets::Step(step) => {
            let least = (to - from).div_euclid(HISTORY_BUCKETS_MAX as i128) + 1;
            let step = i128::try_from(step.as_micros()).unwrap_or(i128::MAX >> 1).max(1);
            let step = if (to - from) / step >= HISTORY_BUCKETS_MAX as i128 { least } else { step };
            let count = (to - from).div_euclid(step) + i128::from((to - from) % step != 0);
            (0..=count).map(|number| micros(from + step * number)).collect()
        }
    }
}

fn is_in(window: Window, time: Timestamp) -> bool {
    window.from <= time && time < window.to
}

impl Model {
    pub(crate) fn push(&mut self, point: Point) {
        let at = self.points.partition_point(|other| other.time <= point.time);
        self.points.insert(at, point);
    }

    pub(crate) fn remove(&mut self, window: Window) {
        self.points.retain(|point| !is_in(window, point.time));
    }

    pub(crate) fn within(&self, window: Window) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(move |point| is_in(window, point.time))
    }

    pub(crate) fn raw(&self, window: Window, limit: usize, after: Option<RawCursor>) -> RawPage {
        let mut page = RawPage::default();
        let mut seen_at: BTreeMap<Timestamp, u32> = BTreeMap::new();
        for point in self.within(window) {
            let seen = seen_at.entry(point.time).or_default();
            *seen += 1;
            if after.is_some_and(|after| (point.time, *seen) <= (after.time, after.seen)) {
                continue;
            }
            if page.points.len() == limit {
                let time = page.points.last().map_or(point.time, |point| point.time);
                page.next = Some(RawCursor { time, seen: if time == point.time { *seen - 1 } else { seen_at[&time] } });
                break;
            }
            page.points.push(point.clone());
        }
        page
    }

    pub(crate) fn extremes(&self, window: Window, buckets: usize) -> Extremes {
        let points: Vec<_> = self.within(window).collect();
        if points.len() <= buckets * 2 {
            return Extremes { is_raw: true, points: points.into_iter().cloned().collect() };
        }
        let edges = edges(window, Buckets::Count(buckets));
        let mut found = Vec::new();
        for pair in edges.windows(2) {
            let within = points.iter().filter(|point| pair[0] <= point.time && point.time < pair[1]);
            found.extend(least_and_most(within.copied()));
        }
        Extremes { is_raw: false, points: found }
    }

    pub(crate) fn aggregate(&self, window: Window, buckets: Buckets, agg: Agg) -> Vec<(Timestamp, Option<f64>)> {
        let edges = edges(window, buckets);
        let fold = |pair: &[Timestamp]| {
            let within = || self.points.iter().filter(|point| pair[0] <= point.time && point.time < pair[1]);
            let numbers = || within().filter_map(|point| point.reading.number());
            let value = match agg {
                #[allow(clippy::cast_precision_loss)]
                Agg::Count => Some(within().count() as f64),
                Agg::Last => numbers().next_back(),
                Agg::Min => numbers().reduce(f64::min),
                Agg::Max => numbers().reduce(f64::max),
                Agg::Sum => numbers().reduce(|sum, number| sum + number),
                #[allow(clippy::cast_precision_loss)]
                Agg::Mean => numbers().reduce(|sum, number| sum + number).map(|sum| sum / numbers().count() as f64),
            };
            (pair[0], value.filter(|value| value.is_finite()))
        };
        edges.windows(2).map(fold).collect()
    }

    pub(crate) fn states(&self, window: Window) -> States {
        let mut intervals: Vec<Interval> = Vec::new();
        let before = self.points.iter().rfind(|point| point.time < window.from);
        let first = before.map(|point| (window.from, &point.reading));
        let changes = first.into_iter().chain(self.within(window).map(|point| (point.time, &point.reading)));
        for (time, reading) in changes {
            match intervals.last_mut() {
                Some(last) if last.reading == *reading => {}
                last => {
                    if let Some(last) = last {
                        last.to = time;
                    }
                    intervals.push(Interval { from: time, to: window.to, reading: reading.clone() });
                }
            }
        }
        intervals.retain(|interval| interval.from < interval.to);
        // Of several at one moment only the last one held; it may be what held before.
        intervals.dedup_by(|next, last| {
            let is_same = next.reading == last.reading;
            if is_same {
                last.to = next.to;
            }
            is_same
        });
        let mut time_in_state: Vec<(Reading, Duration)> = Vec::new();
        for interval in &intervals {
            let held = interval.to.since(interval.from);
            match time_in_state.iter_mut().find(|(reading, _)| *reading == interval.reading) {
                Some((_, time)) => *time += held,
                None => time_in_state.push((interval.reading.clone(), held)),
            }
        }
        time_in_state.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
        States { intervals, time_in_state, is_cut: false }
    }
}

/// The lowest and the highest number in order of time; of states the last one.
fn least_and_most<'a>(points: impl Iterator<Item = &'a Point>) -> Vec<Point> {
    let (mut least, mut most, mut state): (Option<&Point>, Option<&Point>, Option<&Point>) = (None, None, None);
    for point in points {
        let Some(number) = point.reading.number() else {
            state = Some(point);
            continue;
        };
        let is = |other: Option<&Point>, better: fn(f64, f64) -> bool| {
            other.and_then(|other| other.reading.number()).is_none_or(|other| better(number, other))
        };
        if is(least, |a, b| a < b) {
            least = Some(point);
        }
        if is(most, |a, b| a > b) {
            most = Some(point);
        }
    }
    let mut found: Vec<Point> = [least, most, state].into_iter().flatten().cloned().collect();
    found.dedup();
    found.sort_by_key(|point| point.time);
    found
}
