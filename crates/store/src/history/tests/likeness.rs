//! Whatever is done, in whatever order, a history answers as a list of points would.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::super::*;
use super::model::Model;
use super::{at, small};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
/// Long after everything that happens in it.
const NOW: i64 = 400 * 24 * HOUR;

#[derive(Clone, Debug)]
enum Step {
    /// To a series: so many points from a time on, so far apart, of a kind.
    Append {
        series: usize,
        from: i64,
        apart: i64,
        count: usize,
        kind: u8,
    },
    Commit,
    Maintain,
    Reopen,
    Remove {
        series: usize,
        from: i64,
        len: i64,
    },
    RemoveSeries {
        series: usize,
    },
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => 0..3 * HOUR,
        2 => (0..200_i64).prop_map(|minute| minute * MINUTE),
        1 => Just(0),
        1 => -10 * HOUR..400 * 24 * HOUR,
        1 => prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(253_402_300_799_999_999)],
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let apart = prop_oneof![Just(1_000_000), Just(0), Just(-7_000_001), Just(40 * MINUTE + 13), 0..10_000_000_i64];
    prop_oneof![
        8 => (0..3_usize, time(), apart, 1..60_usize, 0..6_u8)
            .prop_map(|(series, from, apart, count, kind)| Step::Append { series, from, apart, count, kind }),
        3 => Just(Step::Commit),
        3 => Just(Step::Maintain),
        2 => Just(Step::Reopen),
        1 => (0..3_usize, time(), 0..4 * HOUR).prop_map(|(series, from, len)| Step::Remove { series, from, len }),
        1 => (0..3_usize).prop_map(|series| Step::RemoveSeries { series }),
    ]
}

fn reading(kind: u8, at: usize) -> Reading {
    let wave = (at * 7919 % 97) as i64;
    match kind {
        0 => Reading::Int(wave - 20),
        1 => Reading::Bool(wave % 3 == 0),
        2 => Reading::text(["on", "off", "dim"][at % 3]).unwrap(),
        3 => Reading::float(wave as f64 * 0.37 - 5.123_456_789).unwrap(),
        // One kind for one series is the rule.
        _ => Reading::float((wave as f64 / 10.0 * 100.0).round() / 100.0).unwrap(),
    }
}

struct House {
    history: Option<History>,
    models: [Model; 3],
}

impl House {
    fn history(&mut self) -> &mut History {
        self.history.as_mut().unwrap()
    }

    fn id(&mut self, series: usize) -> SeriesId {
        self.history().series("device", &format!("property-{series}")).unwrap()
    }

    fn take(&mut self, folder: &Path, options: &HistoryOptions, step: &Step) {
        match *step {
            Step::Append { series, from, apart, count, kind } => {
                let id = self.id(series);
                for number in 0..count {
                    let time = from.saturating_add(apart.saturating_mul(number as i64)).clamp(-FARTHEST, FARTHEST);
                    let point = Point { time: at(time), reading: reading(kind, number) };
                    match self.history().append(id, point.clone()) {
                        Ok(_) => self.models[series].push(point),
                        Err(AppendRefused::Full) => {
                            self.history().maintain(at(0), Duration::from_secs(5)).unwrap();
                        }
                        Err(refused) => panic!("{refused}"),
                    }
                }
            }
            Step::Commit => {
                self.history().commit().unwrap();
            }
            Step::Maintain => super::settle(self.history(), at(HOUR)),
            Step::Reopen => {
                self.history().commit().unwrap();
                self.history = None;
                let (history, recovered) = History::open(folder, options.clone()).unwrap();
                assert_eq!((recovered.notes, recovered.set_aside), (Vec::new(), Vec::new()));
                self.history = Some(history);
            }
            Step::Remove { series, from, len } => {
                let id = self.id(series);
                let window = Window { from: at(from), to: at(from.saturating_add(len)) };
                self.history().remove_range(id, window).unwrap();
                self.models[series].remove(window);
            }
            Step::RemoveSeries { series } => {
                self.history().remove_property("device", &format!("property-{series}")).unwrap();
                self.models[series] = Model::default();
            }
        }
    }
}

fn windows() -> Vec<Window> {
    let window = |from, to| Window { from: at(from), to: at(to) };
    vec![
        window(0, 3 * HOUR),
        window(MINUTE + 17, 2 * HOUR + 3),
        window(-11 * HOUR, 24 * HOUR),
        window(0, NOW),
        window(i64::MIN, i64::MAX),
        window(5, 5),
    ]
}

/// What is exact, whatever it is read from.
fn check_exact(reader: &HistoryReader, id: SeriesId, model: &Model) {
    for window in windows() {
        for limit in [1, 7, 100_000] {
            let (mut after, mut points) = (None, Vec::new());
            loop {
                let page = reader.raw(id, window, limit, after).unwrap();
                assert!(page.points.len() <= limit);
                points.extend(page.points);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(points, model.within(window).cloned().collect::<Vec<_>>(), "{window:?}, {limit} at a time");
        }
        assert_eq!(reader.raw(id, window, 10, None).unwrap(), model.raw(window, 10, None));
        assert_eq!(reader.states(id, window).unwrap(), model.states(window), "{window:?}");
    }
    let span = reader.span(id).unwrap();
    assert_eq!(span.map_or(0, |span| span.points), model.points.len() as u64);
}

fn is_near(found: &[(Timestamp, Option<f64>)], expected: &[(Timestamp, Option<f64>)]) -> bool {
    let are_near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + a.abs().max(b.abs()));
    found.len() == expected.len()
        && found.iter().zip(expected).all(|((time, a), (other, b))| {
            time == other
                && match (a, b) {
                    (Some(a), Some(b)) => are_near(*a, *b),
                    (a, b) => a == b,
                }
        })
}

const AGGS: [Agg; 6] = [Agg::Mean, Agg::Min, Agg::Max, Agg::Last, Agg::Count, Agg::Sum];

/// Whole minutes and hours give what points give.
fn check_whole(reader: &HistoryReader, id: SeriesId, model: &Model, end: i64) {
    let window = |from, to| Window { from: at(from), to: at(to) };
    for (window, step) in [
        (window(0, 3 * HOUR), MINUTE),
        (window(-2 * HOUR, 40 * HOUR), HOUR),
        (window(-11 * HOUR, 400 * 24 * HOUR), 24 * HOUR),
        (window(0, 3 * HOUR + end), 5 * MINUTE),
    ] {
        let step = Buckets::Step(Duration::from_micros(step.unsigned_abs()));
        for agg in AGGS {
            let found = reader.aggregate(id, window, step, agg).unwrap();
            let expected = model.aggregate(window, step, agg);
            let differ = found.iter().zip(&expected).find(|(a, b)| !is_near(&[**a], &[**b]));
            assert!(is_near(&found, &expected), "{window:?} {step:?} {agg:?}: {differ:?}");
        }
    }
}

/// Buckets that cut minutes and hours in two: nothing is lost, and nothing is further away than one of those.
fn check_odd(reader: &HistoryReader, id: SeriesId, model: &Model) {
    for window in windows().into_iter().filter(|window| window.from < window.to) {
        let points: Vec<_> = model.within(window).collect();
        let numbers = || points.iter().filter_map(|point| point.reading.number());
        for count in [1, 3, 10] {
            let counts = reader.aggregate(id, window, Buckets::Count(count), Agg::Count).unwrap();
            let mut before = 0.0;
            for (edge, count) in &counts {
                let edge = edge.as_micros();
                let earlier = |end: i64| points.iter().filter(|point| point.time.as_micros() < end).count() as f64;
                let (least, most) = (earlier(edge.saturating_sub(HOUR)), earlier(edge.saturating_add(HOUR)));
                assert!((least..=most).contains(&before), "{window:?}, before {edge}: {before}, not {least} to {most}");
                before += count.unwrap();
            }
            assert_eq!(before, points.len() as f64, "{window:?} into {count}");
            for (agg, expected) in [(Agg::Min, numbers().reduce(f64::min)), (Agg::Max, numbers().reduce(f64::max))] {
                let found = reader.aggregate(id, window, Buckets::Count(count), agg).unwrap();
                let values = found.iter().filter_map(|(_, value)| *value);
                let found = if agg == Agg::Min { values.reduce(f64::min) } else { values.reduce(f64::max) };
                assert_eq!(found, expected, "{window:?} into {count}");
            }
        }
        for buckets in [1, 2, 20, 5_000] {
            let found = reader.extremes(id, window, buckets).unwrap();
            if points.len() <= buckets * 2 {
                assert_eq!(found, model.extremes(window, buckets), "{window:?} into {buckets}");
                continue;
            }
            assert!(!found.is_raw && found.points.len() <= buckets * 3);
            assert!(found.points.is_sorted_by_key(|point| point.time), "{found:?}");
            let values = || found.points.iter().filter_map(|point| point.reading.number());
            assert_eq!(values().reduce(f64::min), numbers().reduce(f64::min), "{window:?} into {buckets}");
            assert_eq!(values().reduce(f64::max), numbers().reduce(f64::max), "{window:?} into {buckets}");
        }
    }
}

fn run(steps: &[Step], options: &HistoryOptions) {
    let temp = tempfile::tempdir().unwrap();
    let (history, _) = History::open(temp.path(), options.clone()).unwrap();
    let mut house = House { history: Some(history), models: Default::default() };
    for step in steps {
        house.take(temp.path(), options, step);
    }
    for series in 0..3 {
        let id = house.id(series);
        let reader = house.history().reader();
        check_exact(&reader, id, &house.models[series]);
        check_whole(&reader, id, &house.models[series], 7);
        check_odd(&reader, id, &house.models[series]);
    }
    // The same once more when nothing is left to do.
    house.take(temp.path(), options, &Step::Maintain);
    house.take(temp.path(), options, &Step::Reopen);
    for series in 0..3 {
        let id = house.id(series);
        let reader = house.history().reader();
        check_exact(&reader, id, &house.models[series]);
        check_whole(&reader, id, &house.models[series], 7);
        check_odd(&reader, id, &house.models[series]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_history_answers_as_its_points_would(steps in prop::collection::vec(step(), 1..40)) {
        // For ever, so that the list need not know what is forgotten.
        let ever = Duration::MAX;
        run(&steps, &HistoryOptions { raw: ever, minutes: ever, hours: ever, ..small() });
    }

    /// Points go after a while. What stands for them says the same of every whole minute or hour.
    #[test]
    fn what_is_forgotten_point_by_point_is_kept_in_sum(
        steps in prop::collection::vec((0..30 * 24_i64, 1..50_usize, 0..5_u8), 1..40),
    ) {
        let temp = tempfile::tempdir().unwrap();
        let day = Duration::from_secs(24 * 60 * 60);
        let options = HistoryOptions { raw: day, minutes: day * 3000, ..small() };
        let (mut history, _) = History::open(temp.path(), options).unwrap();
        let id = history.series("device", "property").unwrap();
        let mut model = Model::default();
        for (hour, count, kind) in steps {
            for number in 0..count {
                let time = at(hour * HOUR + number as i64 * 11_000_003);
                let point = Point { time, reading: reading(kind, number) };
                history.append(id, point.clone()).unwrap();
                model.push(point);
            }
            history.commit().unwrap();
            // Each time some of it is too old, and what comes next may be older still.
            super::settle(&mut history, at(hour * HOUR + 26 * HOUR));
        }
        // What begins in the last microseconds counts as a whole where its points are gone; so there are none.
        check_whole(&history.reader(), id, &model, 0);
        for agg in [Agg::Count, Agg::Min, Agg::Max] {
            let window = Window { from: at(0), to: at(NOW) };
            let found = history.reader().aggregate(id, window, Buckets::Count(1), agg).unwrap();
            prop_assert_eq!(found, model.aggregate(window, Buckets::Count(1), agg));
        }
    }
}
