//! The history beside plain SQLite rows, in one run: what points cost on their way in, on the disk, and when they are asked for.
//!
//! Belongs here: load like that of a large house, and what the system says of both. Figures are for people; nothing passes or fails.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss)] // a table for people

mod rows;
mod series;

use std::path::Path;
use std::time::{Duration, Instant};

use housewire_core::Timestamp;
use housewire_store::{Agg, Buckets, History, HistoryOptions, HistoryReader, SeriesId, Window};

use crate::rows::Rows;
use crate::series::Generator;

/// Points come in for a day, and each property has this many.
const POINTS_EACH: u64 = 5_000;
const SERIES: usize = 1_000;
/// 2026-11-01.
const BEGIN: i64 = 1_793_491_200_000_000;
const DAY: i64 = 24 * 60 * 60 * 1_000_000;
const APART: i64 = DAY / POINTS_EACH as i64;
/// What arrives between two commits: less than in the second between them that the hub leaves.
const COMMIT_POINTS: u64 = 100_000;
const MAINTAIN_POINTS: u64 = 10_000;
/// One point a minute for a year, of one more property.
const YEAR_POINTS: i64 = 365 * 24 * 60;

/// What one way of keeping points came to.
#[derive(Default)]
struct Figures {
    points_per_s: f64,
    cpu_us: f64,
    on_disk: f64,
    log_mb: f64,
    written: f64,
    accounted: Option<f64>,
    grown_mb: f64,
    day_us: (f64, f64),
    year_us: (f64, f64),
    year_mean_us: (f64, f64),
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let points_each = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(POINTS_EACH);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let total = points_each * SERIES as u64;
    println!("{total} points of {SERIES} properties, and {YEAR_POINTS} of one more\n");
    let history = run_history(&folder.path().join("history"), points_each);
    let rows = run_rows(&folder.path().join("rows.db"), points_each);
    print_table(&history, &rows);
}

/// Bytes that this process gave to the disk, CPU time that it took, memory that it has.
struct Usage {
    written: u64,
    cpu: Duration,
    resident: u64,
}

fn usage() -> Usage {
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0_u64)
    };
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let cpu = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let cpu = cpu.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0);
    Usage {
        written: field(&io, "write_bytes"),
        cpu: Duration::from_nanos(cpu),
        resident: field(&status, "VmRSS") * 1024,
    }
}

fn sync_disk() {
    // What is still only in the system's memory counts as written when it is written.
    std::process::Command::new("sync").status().ok();
}

/// Median and 99th percentile, in microseconds.
fn timed(count: usize, mut ask: impl FnMut(usize) -> usize) -> (f64, f64) {
    let mut times: Vec<f64> = (0..count)
        .map(|number| {
            let begun = Instant::now();
            assert!(ask(number) > 0, "it answers nothing");
            begun.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[count / 2], times[count * 99 / 100])
}

fn run_history(folder: &Path, points_each: u64) -> Figures {
    let day = Duration::from_secs(24 * 60 * 60);
    let options = || HistoryOptions { raw: 400 * day, ..HistoryOptions::default() };
    let (mut history, _) = History::open(folder, options()).unwrap();
    let mut generators: Vec<_> = (0..SERIES).map(Generator::new).collect();
    let ids: Vec<_> = (0..SERIES)
        .map(|number| history.series(&format!("device-{}", number / 8), &format!("p{number}")).unwrap())
        .collect();
    history.commit().unwrap();
    sync_disk();
    let before = usage();
    let begun = Instant::now();
    let mut count = 0;
    let mut resident_max = 0;
    for tick in 0..points_each {
        let time = BEGIN + tick as i64 * APART;
        for (generator, id) in generators.iter_mut().zip(&ids) {
            history.append(*id, generator.next(time)).unwrap();
            count += 1;
            if count % MAINTAIN_POINTS == 0 {
                history.maintain(Timestamp::from_micros(time), Duration::from_millis(100)).unwrap();
            }
            if count % COMMIT_POINTS == 0 {
                history.commit().unwrap();
                resident_max = resident_max.max(usage().resident);
            }
        }
    }
    history.commit().unwrap();
    let now = Timestamp::from_micros(BEGIN + DAY);
    while history.maintain(now, Duration::from_secs(1)).unwrap() {}
    let took = begun.elapsed();
    sync_disk();
    let after = usage();
    let total = count as f64;
    let wear = history.wear().unwrap();
    // What is in memory is in the log; the database has the others.
    let sealed = total - wear.points_in_memory as f64;
    println!(
        "history: {:.2} bytes a point in chunks; the log is {:.1} MB, the database {:.1} MB",
        wear.bytes_per_point.unwrap_or(0.0),
        wear.log_on_disk as f64 / 1e6,
        (wear.on_disk - wear.log_on_disk) as f64 / 1e6
    );
    let accounted: u64 = wear.days.iter().map(|day| day.bytes()).sum();
    drop(history);
    let opening = Instant::now();
    let (mut history, recovered) = History::open(folder, options()).unwrap();
    println!("opened again in {:.2} s, with {} points from the log", opening.elapsed().as_secs_f64(), recovered.points);
    let reader = history.reader();
    let day_us = timed(1_000, |number| {
        let window = Window { from: Timestamp::from_micros(BEGIN), to: Timestamp::from_micros(BEGIN + DAY) };
        reader.raw(ids[number * 7 % SERIES], window, 100_000, None).unwrap().points.len()
    });
    let year = fill_year(&mut history);
    let (year_us, year_mean_us) = time_year(&reader, year);
    Figures {
        points_per_s: total / took.as_secs_f64(),
        cpu_us: (after.cpu - before.cpu).as_secs_f64() * 1e6 / total,
        on_disk: (wear.on_disk - wear.log_on_disk) as f64 / sealed,
        log_mb: wear.log_on_disk as f64 / 1e6,
        written: (after.written - before.written) as f64 / total,
        accounted: Some(accounted as f64 / total),
        grown_mb: (resident_max.saturating_sub(before.resident)) as f64 / 1e6,
        day_us,
        year_us,
        year_mean_us,
    }
}

fn fill_year(history: &mut History) -> SeriesId {
    let id = history.series("outside", "temperature").unwrap();
    let mut generator = Generator::new(0);
    for minute in 0..YEAR_POINTS {
        let time = BEGIN - 365 * DAY + minute * 60_000_000;
        history.append(id, generator.next(time)).unwrap();
        if minute % 10_000 == 0 {
            history.commit().unwrap();
            history.maintain(Timestamp::from_micros(BEGIN), Duration::from_secs(1)).unwrap();
        }
    }
    history.commit().unwrap();
    while history.maintain(Timestamp::from_micros(BEGIN), Duration::from_secs(1)).unwrap() {}
    id
}

fn time_year(reader: &HistoryReader, id: SeriesId) -> ((f64, f64), (f64, f64)) {
    let window = |number: usize| {
        let from = BEGIN - 365 * DAY + number as i64 * 1_234_567;
        Window { from: Timestamp::from_micros(from), to: Timestamp::from_micros(from + 365 * DAY) }
    };
    let extremes = timed(100, |number| reader.extremes(id, window(number), 500).unwrap().points.len());
    let means =
        timed(100, |number| reader.aggregate(id, window(number), Buckets::Count(1_000), Agg::Mean).unwrap().len());
    (extremes, means)
}

fn run_rows(path: &Path, points_each: u64) -> Figures {
    let mut rows = Rows::create(path);
    let mut generators: Vec<_> = (0..SERIES).map(Generator::new).collect();
    sync_disk();
    let before = usage();
    let begun = Instant::now();
    let mut count = 0;
    let mut resident_max = 0;
    let mut batch = Vec::with_capacity(COMMIT_POINTS as usize);
    for tick in 0..points_each {
        let time = BEGIN + tick as i64 * APART;
        for (number, generator) in generators.iter_mut().enumerate() {
            count += 1;
            batch.push((number as i64, count, generator.next(time)));
            if count % COMMIT_POINTS == 0 {
                rows.insert(&batch);
                batch.clear();
                resident_max = resident_max.max(usage().resident);
            }
        }
    }
    rows.insert(&batch);
    let took = begun.elapsed();
    rows.checkpoint();
    sync_disk();
    let after = usage();
    let total = count as f64;
    let on_disk = rows.bytes() as f64 / total;
    let day_us = timed(1_000, |number| rows.day((number * 7 % SERIES) as i64, BEGIN, BEGIN + DAY));
    let mut generator = Generator::new(0);
    for minutes in 0..YEAR_POINTS / 10_000 + 1 {
        let minutes = (minutes * 10_000..((minutes + 1) * 10_000).min(YEAR_POINTS)).map(|minute| {
            (SERIES as i64, count + minute as u64, generator.next(BEGIN - 365 * DAY + minute * 60_000_000))
        });
        rows.insert(&minutes.collect::<Vec<_>>());
    }
    let from = BEGIN - 365 * DAY;
    Figures {
        points_per_s: total / took.as_secs_f64(),
        cpu_us: (after.cpu - before.cpu).as_secs_f64() * 1e6 / total,
        on_disk,
        log_mb: 0.0,
        written: (after.written - before.written) as f64 / total,
        accounted: None,
        grown_mb: (resident_max.saturating_sub(before.resident)) as f64 / 1e6,
        day_us,
        year_us: timed(20, |_| rows.extremes(SERIES as i64, from, BEGIN, 500)),
        year_mean_us: timed(20, |_| rows.means(SERIES as i64, from, BEGIN, 1_000)),
    }
}

fn print_table(history: &Figures, rows: &Figures) {
    let line = |name: &str, of: &dyn Fn(&Figures) -> String, target: &str| {
        println!("| {name} | {} | {} | {target} |", of(history), of(rows));
    };
    println!("\n| | history | SQLite rows | target |\n|---|---|---|---|");
    line("points/s, one thread", &|f| format!("{:.0}", f.points_per_s), "≥ 250,000");
    line("points for each second of CPU time", &|f| format!("{:.0}", 1e6 / f.cpu_us), "");
    line("CPU µs a point", &|f| format!("{:.2}", f.cpu_us), "");
    line("bytes a point on the disk", &|f| format!("{:.2}", f.on_disk), "≤ 5");
    line("besides, the log, MB", &|f| format!("{:.1}", f.log_mb), "≤ 64");
    line("bytes written a point, the system says", &|f| format!("{:.1}", f.written), "≤ 60");
    line("bytes written a point, own account", &|f| f.accounted.map_or("".into(), |b| format!("{b:.1}")), "");
    line("resident memory grown by, MB", &|f| format!("{:.1}", f.grown_mb), "≤ 40");
    line(
        "a day of one property, ms (p50, p99)",
        &|f| format!("{:.2}, {:.2}", f.day_us.0 / 1e3, f.day_us.1 / 1e3),
        "≤ 1",
    );
    let year = |(p50, p99): (f64, f64)| format!("{:.2}, {:.2}", p50 / 1e3, p99 / 1e3);
    line("a year to 1,000 extremes, ms", &|f| year(f.year_us), "≤ 20");
    line("a year to 1,000 means, ms", &|f| year(f.year_mean_us), "≤ 20");
}
