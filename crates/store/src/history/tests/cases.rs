//! Single cases: removal, the log's end, numbers, wear, bounds, more than one reader.

use super::*;

const BEGIN: i64 = 1_790_000_000_000_000;
const HOUR: i64 = 3_600_000_000;

fn open(folder: &Path, options: HistoryOptions) -> History {
    let (history, recovered) = History::open(folder, options).unwrap();
    assert_eq!(recovered.notes, Vec::<String>::new());
    history
}

fn files_with(folder: &Path, word: &str) -> Vec<String> {
    let mut found = Vec::new();
    for folder in [folder.to_owned(), folder.join("log")] {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            let bytes = std::fs::read(entry.path()).unwrap();
            if bytes.windows(word.len()).any(|part| part == word.as_bytes()) {
                found.push(entry.path().display().to_string());
            }
        }
    }
    found
}

#[test]
fn what_is_removed_is_in_no_file_any_more() {
    for way in 0..3 {
        let temp = tempfile::tempdir().unwrap();
        let mut history = open(temp.path(), small());
        let (secret, other) = (history.series("safe", "code").unwrap(), history.series("lamp", "mode").unwrap());
        for number in 0..40 {
            history.append(secret, point(BEGIN + number, "XYZZY-SECRET")).unwrap();
            history.append(other, point(BEGIN + number, "PLUGH-MODE")).unwrap();
            if number == 20 {
                history.commit().unwrap();
                settle(&mut history, at(BEGIN));
            }
        }
        history.commit().unwrap();
        assert!(files_with(temp.path(), "XYZZY").len() > 1, "it is in a chunk and in the log");
        match way {
            0 => assert!(history.remove_device("safe").unwrap()),
            1 => assert!(history.remove_property("safe", "code").unwrap()),
            _ => history.remove_range(secret, Window::ALL).unwrap(),
        }
        settle(&mut history, at(BEGIN));
        assert_eq!(files_with(temp.path(), "XYZZY"), Vec::<String>::new(), "way {way}");
        assert_eq!(all(&history.reader(), other).len(), 40);
        assert!(all(&history.reader(), secret).is_empty());
        drop(history);
        let history = open(temp.path(), small());
        assert_eq!((all(&history.reader(), other).len(), all(&history.reader(), secret).len()), (40, 0), "way {way}");
        assert_eq!(history.reader().find("safe", "code").is_some(), way == 2);
    }
}

#[test]
fn a_history_that_begins_anew_has_another_number_and_nothing_of_the_old_one() {
    let temp = tempfile::tempdir().unwrap();
    let mut history = open(temp.path(), small());
    let old = history.series("lamp", "level").unwrap();
    history.append(old, point(1, 1.0)).unwrap();
    history.commit().unwrap();
    assert!(history.remove_device("lamp").unwrap());
    assert!(!history.remove_device("lamp").unwrap());
    assert_eq!(history.append(old, point(2, 2.0)), Err(AppendRefused::NoSuchSeries));
    let new = history.series("lamp", "level").unwrap();
    assert_ne!(old, new);
    history.append(new, point(3, 3.0)).unwrap();
    history.commit().unwrap();
    drop(history);
    let mut history = open(temp.path(), small());
    assert_eq!(history.series("lamp", "level").unwrap(), new);
    assert_eq!(all(&history.reader(), new), [point(3, 3.0)]);
}

#[test]
fn a_tail_gets_every_point_once_in_order_and_counts_what_it_missed() {
    let temp = tempfile::tempdir().unwrap();
    let mut history = open(temp.path(), small());
    history.hold_log(Some(0), u64::MAX);
    let ids = [history.series("a", "x").unwrap(), history.series("b", "y").unwrap()];
    let mut tail = history.reader().tail(0);
    let mut numbers = Vec::new();
    for round in 0..40 {
        for number in 0..17 {
            history.append(ids[number % 2], point(round * 100 + number as i64, number as f64)).unwrap();
        }
        assert!(round > 0 || tail.next(100).unwrap().points.is_empty(), "nothing is on the disk yet");
        history.commit().unwrap();
        settle(&mut history, at(BEGIN));
        if round % 7 == 0 {
            history = {
                drop(history);
                let mut history = open(temp.path(), small());
                history.hold_log(Some(0), u64::MAX);
                history
            };
            tail = history.reader().tail(numbers.last().copied().unwrap_or(0));
        }
        loop {
            let followed = tail.next(5).unwrap();
            assert_eq!(followed.lost, 0);
            if followed.points.is_empty() {
                break;
            }
            numbers.extend(followed.points.iter().map(|logged| logged.number));
        }
    }
    assert_eq!(numbers, (1..=40 * 17).collect::<Vec<_>>());
    history.hold_log(None, 0);
    settle(&mut history, at(BEGIN));
    let followed = history.reader().tail(0).next(10_000).unwrap();
    assert!(followed.lost > 0 && followed.lost + followed.points.len() as u64 == 40 * 17, "{}", followed.lost);
}

#[test]
fn who_follows_holds_the_log_up_to_a_bound() {
    let temp = tempfile::tempdir().unwrap();
    let mut history = open(temp.path(), small());
    let id = history.series("lamp", "level").unwrap();
    history.hold_log(Some(100), 9_000);
    for number in 0..4_000 {
        history.append(id, point(number, number as f64)).unwrap();
        if number % 40 == 39 {
            history.commit().unwrap();
            settle(&mut history, at(BEGIN));
        }
    }
    let log_on_disk = history.wear().unwrap().log_on_disk;
    assert!((6_000..=9_000 + 4_000).contains(&log_on_disk), "{log_on_disk} bytes of log");
    let followed = history.reader().tail(100).next(10_000).unwrap();
    assert!(followed.lost > 0);
    assert_eq!((followed.lost + followed.points.len() as u64, followed.last), (3_900, 4_000));
    history.hold_log(Some(followed.last), 9_000);
    settle(&mut history, at(BEGIN));
    assert!(history.wear().unwrap().log_on_disk < 5_000, "what was followed is let go of");
}

#[test]
fn the_log_and_the_memory_stay_within_their_bounds() {
    let temp = tempfile::tempdir().unwrap();
    let mut history = open(temp.path(), small());
    let ids: Vec<_> = (0..60).map(|number| history.series("many", &format!("p{number}")).unwrap()).collect();
    for round in 0..300_i64 {
        // One that hardly reports would keep the whole log.
        let of_round = if round == 0 { &ids[..] } else { &ids[..40] };
        for id in of_round {
            history.append(*id, point(BEGIN + round * 1_000_000, round as f64)).unwrap();
        }
        history.commit().unwrap();
        settle(&mut history, at(BEGIN));
        let wear = history.wear().unwrap();
        assert!(wear.heads_bytes <= 20_000, "{} bytes in memory", wear.heads_bytes);
        assert!(wear.log_on_disk <= 8_000 + 3 * 2_000, "{} bytes of log", wear.log_on_disk);
    }
    let wear = history.wear().unwrap();
    assert_eq!(wear.points, 299 * 40 + 60);
    assert_eq!(wear.days.iter().map(|day| day.points).sum::<u64>(), wear.points);
    assert!(wear.days[0].bytes() > 0 && wear.days[0].chunks > 0 && wear.series.len() == 60);
}

#[test]
fn without_commits_and_room_points_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    let options = HistoryOptions { heads_bytes_max: 2_000, ..small() };
    let mut history = open(temp.path(), options);
    let id = history.series("lamp", "level").unwrap();
    let refused = (0..10_000).find_map(|number| history.append(id, point(number, 1.5)).err());
    assert_eq!(refused, Some(AppendRefused::Full));
    history.commit().unwrap();
    history.append(id, point(1, 1.5)).unwrap();
    settle(&mut history, at(BEGIN));
    assert!(history.wear().unwrap().heads_bytes <= 2_000);
}

/// What a wrong clock would make it forget is there when the clock is right again; what is really old goes.
#[test]
fn a_clock_that_jumps_makes_nothing_forgotten() {
    let temp = tempfile::tempdir().unwrap();
    let day = 24 * HOUR;
    for is_restarted in [false, true] {
        let folder = temp.path().join(format!("{is_restarted}"));
        let mut history = open(&folder, HistoryOptions::default());
        settle(&mut history, at(BEGIN));
        let id = history.series("lamp", "level").unwrap();
        for number in 0..2_000 {
            history.append(id, point(BEGIN + number, 1.0)).unwrap();
        }
        history.commit().unwrap();
        settle(&mut history, at(BEGIN));
        if is_restarted {
            drop(history);
            history = open(&folder, HistoryOptions::default());
        }
        for now in [BEGIN + 40_000 * day, BEGIN, 0, BEGIN] {
            settle(&mut history, at(now));
            assert_eq!(history.reader().span(id).unwrap().unwrap().points, 2_000, "at {now}");
        }
        drop(history);
        let mut history = open(&folder, HistoryOptions { clock_doubted: Duration::ZERO, ..HistoryOptions::default() });
        settle(&mut history, at(BEGIN + 40 * day));
        let left = history.reader().span(id).unwrap().unwrap().points;
        assert!(left < 512, "{left} points are too old and not forgotten");
    }
}

#[test]
fn wear_is_counted_by_day_and_survives() {
    let temp = tempfile::tempdir().unwrap();
    let mut history = open(temp.path(), small());
    let id = history.series("lamp", "level").unwrap();
    for day in 0..3 {
        settle(&mut history, at(BEGIN + day * 24 * HOUR));
        for number in 0..10 * (day + 1) {
            history.append(id, point(BEGIN + day * 24 * HOUR + number, 1.0)).unwrap();
        }
        history.commit().unwrap();
        settle(&mut history, at(BEGIN + day * 24 * HOUR + HOUR));
    }
    let points = |history: &History| history.wear().unwrap().days.iter().map(|day| day.points).collect::<Vec<_>>();
    assert_eq!(points(&history), [30, 20, 10]);
    drop(history);
    let mut history = open(temp.path(), small());
    settle(&mut history, at(BEGIN + 2 * 24 * HOUR + 2 * HOUR));
    assert_eq!(points(&history), [30, 20, 10]);
}

/// The writer goes to a thread, readers wherever somebody asks.
#[test]
fn the_writer_can_be_moved_and_readers_can_be_shared() {
    fn moves<T: Send>() {}
    fn is_shared<T: Send + Sync + Clone>() {}
    moves::<History>();
    moves::<Tail>();
    is_shared::<HistoryReader>();
}

#[test]
fn numbers_that_are_none_and_long_texts_cannot_be_made() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(Reading::float(number), None);
    }
    assert!(Reading::text(&"x".repeat(256)).is_some() && Reading::text(&"x".repeat(257)).is_none());
}

#[test]
fn readers_see_every_point_once_while_it_is_sealed() {
    let temp = tempfile::tempdir().unwrap();
    let mut history = open(temp.path(), small());
    let id = history.series("lamp", "level").unwrap();
    let reader = history.reader();
    let asking = std::thread::spawn(move || {
        let mut seen = 0;
        while seen < 3_000 {
            let points = all(&reader, id);
            let times: Vec<_> = points.iter().map(|point| point.time.as_micros()).collect();
            assert_eq!(times, (0..times.len() as i64).collect::<Vec<_>>(), "none is missing, none is there twice");
            assert!(times.len() >= seen, "none goes again");
            seen = times.len();
        }
    });
    for number in 0..3_000 {
        history.append(id, point(number, 0.5)).unwrap();
        if number % 50 == 0 {
            history.commit().unwrap();
            history.maintain(at(BEGIN), Duration::ZERO).unwrap();
        }
    }
    asking.join().unwrap();
}
