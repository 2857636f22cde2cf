//! The lives of one history: each begins with what the disk has, and ends with a power cut, at any of its writes.
//!
//! What was committed is there, once; what was removed is not; what was neither may be there, once. Minutes and hours say the same as
//! the points.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use housewire_core::Timestamp;
use housewire_store::{Agg, Buckets, History, HistoryOptions, LogFiles, Point, Reading, SeriesId, StoreError, Window};
use tempfile::TempDir;

use crate::disk::Disk;
use crate::log_files::DiskLog;
use crate::number_from;

const NAMES: [&str; 3] = ["a", "b", "c"];
/// Power cuts in `cargo test`; `POWER_CUT_ROUNDS` asks for more.
const ROUNDS: u64 = 90;
const ROUNDS_PER_FOLDER: u64 = 15;

fn small() -> HistoryOptions {
    HistoryOptions {
        raw: Duration::MAX,
        chunk_points: 16,
        exact_points: 8,
        segment_bytes_max: 1_500,
        log_bytes_max: 4_000,
        ..HistoryOptions::default()
    }
}

/// Points of a series by their value, which each has for itself: the time, and whether it must be there.
type Points = BTreeMap<i64, (i64, bool)>;

#[derive(Default, Debug)]
struct Tally {
    in_open: u64,
    in_work: u64,
    at_rest: u64,
    kept: u64,
    gone: u64,
}

struct Lives {
    temp: TempDir,
    disk: Arc<Disk>,
    random: fastrand::Rng,
    points: [Points; 3],
    /// A removal during which the power was cut: whose, from when to when.
    removing: Option<(usize, i64, i64)>,
    next_value: i64,
}

impl Drop for Lives {
    fn drop(&mut self) {
        self.disk.unmount();
    }
}

fn moment(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

impl Lives {
    fn new(seed: u64) -> Self {
        let temp = tempfile::tempdir().unwrap();
        drop(History::open(temp.path(), small()).unwrap());
        let disk = Disk::mount(temp.path(), seed);
        let random = fastrand::Rng::with_seed(!seed);
        Self { temp, disk, random, points: Default::default(), removing: None, next_value: 1 }
    }

    fn open(&self) -> Result<History, StoreError> {
        let files: Arc<dyn LogFiles> = Arc::new(DiskLog(Arc::clone(&self.disk)));
        History::open_on(self.temp.path(), small(), files).map(|(history, _)| history)
    }

    fn run(&mut self, rounds: u64, tally: &mut Tally) -> Result<(), String> {
        for round in 0..rounds {
            if self.random.bool() {
                self.disk.cut_in_sync(self.random.u64(1..24));
            } else {
                let calls = [6, 30, 200, 1_000][self.random.usize(..4)];
                self.disk.cut_after(self.random.u64(1..calls));
            }
            match self.open() {
                Ok(mut history) => {
                    self.look(&mut history, tally).map_err(|loss| format!("round {round}: {loss}"))?;
                    self.work(&mut history, tally).map_err(|error| format!("round {round}: {error}"))?;
                    self.disk.cut();
                }
                Err(_) if self.disk.is_off() => tally.in_open += 1,
                Err(error) => return Err(format!("round {round}: opening failed: {error} ({error:?})")),
            }
            self.disk.power_on();
        }
        let mut history = self.open().map_err(|error| error.to_string())?;
        self.look(&mut history, tally)
    }

    /// Compares, and takes what was found for what must be there from now on.
    fn look(&mut self, history: &mut History, tally: &mut Tally) -> Result<(), String> {
        let reader = history.reader();
        for (series, name) in NAMES.iter().enumerate() {
            let found = match reader.find("house", name) {
                Some(id) => reader.raw(id, Window::ALL, usize::MAX, None).map(|page| (Some(id), page.points)),
                None => Ok((None, Vec::new())),
            };
            let (id, found) = match found {
                Err(_) if self.disk.is_off() => return Ok(()),
                found => found.map_err(|error| error.to_string())?,
            };
            let mut values = BTreeMap::new();
            for point in &found {
                let Reading::Int(value) = point.reading else { return Err(format!("{point:?} was never there")) };
                if values.insert(value, (point.time.as_micros(), true)).is_some() {
                    return Err(format!("{name}: {value} is there twice"));
                }
            }
            self.compare(series, &values, tally).map_err(|loss| format!("{name}: {loss}"))?;
            if let Some(id) = id {
                count_again(history, id, values.len())?;
            }
            self.points[series] = values;
        }
        self.removing = None;
        Ok(())
    }

    fn compare(&self, series: usize, found: &Points, tally: &mut Tally) -> Result<(), String> {
        let expected = &self.points[series];
        let in_removal =
            |time: i64| self.removing.is_some_and(|(other, from, to)| other == series && from <= time && time < to);
        let (mut kept, mut gone) = (0, 0);
        for (value, (time, must)) in expected {
            match (found.get(value), must) {
                (Some((at, _)), _) if at != time => return Err(format!("{value} has another time")),
                (Some(_), true) if in_removal(*time) => kept += 1,
                (None, true) if in_removal(*time) => gone += 1,
                (None, true) => return Err(format!("{value} was committed and is gone")),
                (Some(_), false) => tally.kept += 1,
                (None, false) => tally.gone += 1,
                (Some(_), true) => {}
            }
        }
        if kept > 0 && gone > 0 {
            return Err(format!("a removal was half done: {gone} gone, {kept} left"));
        }
        match found.keys().find(|value| !expected.contains_key(value)) {
            Some(value) => Err(format!("{value} was removed or never there, and has come back")),
            None => Ok(()),
        }
    }

    fn work(&mut self, history: &mut History, tally: &mut Tally) -> Result<(), String> {
        for _ in 0..self.random.usize(1..60) {
            if let Err(error) = self.step(history) {
                if self.disk.is_off() {
                    tally.in_work += 1;
                    return Ok(());
                }
                return Err(format!("an error with power: {error} ({error:?})"));
            }
        }
        tally.at_rest += 1;
        Ok(())
    }

    fn step(&mut self, history: &mut History) -> Result<(), StoreError> {
        let series = self.random.usize(..NAMES.len());
        let name = NAMES[series];
        match self.random.u8(..20) {
            0..=8 => {
                let id = history.series("house", name)?;
                let from = self.random.i64(0..300) * 20_000_000;
                for number in 0..self.random.i64(1..30) {
                    let time = from + number * 1_500_000;
                    let reading = Reading::Int(self.next_value);
                    history.append(id, Point { time: moment(time), reading }).unwrap();
                    self.points[series].insert(self.next_value, (time, false));
                    self.next_value += 1;
                }
            }
            9..=13 => {
                history.commit()?;
                self.all_committed();
            }
            14..=17 => while history.maintain(moment(1), Duration::from_millis(5))? {},
            18 => {
                let Some(id) = history.reader().find("house", name) else { return Ok(()) };
                let from = self.random.i64(0..300) * 20_000_000;
                let to = from + self.random.i64(0..1_000_000_000);
                self.removing = Some((series, from, to));
                history.remove_range(id, Window { from: moment(from), to: moment(to) })?;
                self.all_committed();
                self.points[series].retain(|_, (time, _)| *time < from || *time >= to);
                self.removing = None;
            }
            _ => {
                self.removing = Some((series, i64::MIN, i64::MAX));
                // Without anything to remove nothing is committed either.
                if history.remove_property("house", name)? {
                    self.all_committed();
                }
                self.points[series].clear();
                self.removing = None;
            }
        }
        Ok(())
    }

    fn all_committed(&mut self) {
        self.points.iter_mut().flat_map(|points| points.values_mut()).for_each(|(_, must)| *must = true);
    }
}

/// Minutes and hours are those of the points.
fn count_again(history: &History, id: SeriesId, expected: usize) -> Result<(), String> {
    let window = Window { from: moment(0), to: moment(24 * 3_600_000_000) };
    let counted = history.reader().aggregate(id, window, Buckets::Count(2), Agg::Count);
    let sum: f64 = counted.map_err(|error| error.to_string())?.iter().filter_map(|(_, count)| *count).sum();
    if sum == expected as f64 { Ok(()) } else { Err(format!("{expected} points are counted as {sum}")) }
}

fn cut(rounds: u64, first_seed: u64) -> Tally {
    let mut tally = Tally::default();
    for folder in 0..rounds.div_ceil(ROUNDS_PER_FOLDER) {
        let rounds = ROUNDS_PER_FOLDER.min(rounds - folder * ROUNDS_PER_FOLDER);
        if let Err(loss) = Lives::new(first_seed + folder).run(rounds, &mut tally) {
            panic!("seed {first_seed}, folder {folder}: {loss}");
        }
    }
    tally
}

#[test]
fn a_power_cut_loses_nothing_that_was_committed_of_the_history() {
    let rounds = number_from("POWER_CUT_ROUNDS").unwrap_or(ROUNDS);
    let first_seed = number_from("POWER_CUT_SEED").unwrap_or_else(|| fastrand::u64(..1 << 48));
    println!("to see the same again: POWER_CUT_SEED={first_seed} POWER_CUT_ROUNDS={rounds}");
    println!("{:?}", cut(rounds, first_seed));
}

/// A test that only ever cut between the interesting moments would show nothing.
#[test]
fn the_power_is_cut_at_all_kinds_of_moments_of_the_history() {
    let tally = cut(ROUNDS, 1);
    let Tally { in_open, in_work, at_rest, kept, gone } = tally;
    assert!([in_open, in_work, at_rest, kept, gone].iter().all(|count| *count > 1), "{tally:?}");
}

fn count(history: &History, id: SeriesId) -> usize {
    history.reader().raw(id, Window::ALL, usize::MAX, None).unwrap().points.len()
}

#[test]
fn a_full_disk_loses_no_point_and_damages_nothing() {
    for seed in 0..4 {
        let lives = Lives::new(seed);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut history = lives.open().unwrap();
        let id = history.series("house", "a").unwrap();
        let mut expected = 0;
        let mut refused = 0;
        for _ in 0..5 {
            lives.disk.set_bytes_max(Some(lives.disk.bytes() + random.u64(..6_000)));
            for _ in 0..12 {
                for _ in 0..random.usize(1..40) {
                    let reading = Reading::Int(expected as i64);
                    history.append(id, Point { time: moment(expected as i64 * 1_000_000), reading }).unwrap();
                    expected += 1;
                }
                for outcome in [history.commit().map(drop), history.maintain(moment(1), Duration::MAX).map(drop)] {
                    if let Err(error) = outcome {
                        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
                        refused += 1;
                    }
                }
                assert_eq!(count(&history, id), expected, "seed {seed}: on the full disk");
            }
            lives.disk.set_bytes_max(None);
            history.commit().unwrap();
            while history.maintain(moment(1), Duration::MAX).unwrap() {}
            if random.bool() {
                lives.disk.cut();
                drop(history);
                lives.disk.power_on();
                history = lives.open().unwrap();
            }
            assert_eq!(count(&history, id), expected, "seed {seed}: once there is room");
            count_again(&history, id, expected).unwrap();
        }
        assert!(refused > 10, "the disk was never full");
    }
}

/// Where commits do not wait for the disk, this must not pass.
#[test]
fn without_waiting_for_the_disk_the_loss_of_history_is_seen() {
    #[derive(Debug)]
    struct Hasty(DiskLog);
    #[derive(Debug)]
    struct HastyFile(Box<dyn housewire_store::LogFile>);
    impl LogFiles for Hasty {
        fn create(&self, path: &Path) -> std::io::Result<Box<dyn housewire_store::LogFile>> {
            Ok(Box::new(HastyFile(self.0.create(path)?)))
        }
        fn truncate(&self, path: &Path, bytes: u64) -> std::io::Result<()> {
            self.0.truncate(path, bytes)
        }
        fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
            self.0.rename(from, to)
        }
        fn remove(&self, path: &Path) -> std::io::Result<()> {
            self.0.remove(path)
        }
        fn sync_folder(&self, folder: &Path) -> std::io::Result<()> {
            self.0.sync_folder(folder)
        }
    }
    impl housewire_store::LogFile for HastyFile {
        fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
            self.0.append(bytes)
        }
        fn sync(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let is_lost = (0..30).any(|seed| {
        let lives = Lives::new(seed);
        let files = Arc::new(Hasty(DiskLog(Arc::clone(&lives.disk))));
        let (mut history, _) = History::open_on(lives.temp.path(), small(), files).unwrap();
        let id = history.series("house", "a").unwrap();
        for value in 0..10 {
            history.append(id, Point { time: moment(value), reading: Reading::Int(value) }).unwrap();
        }
        history.commit().unwrap();
        lives.disk.cut();
        drop(history);
        lives.disk.power_on();
        count(&lives.open().unwrap(), id) < 10
    });
    assert!(is_lost, "a loss went unnoticed: the other tests cannot fail");
}
