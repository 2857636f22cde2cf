//! Files that are cut short, flipped, or gone: what can be read is there, the rest is set aside and told, and everything else works.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

const BEGIN: i64 = 1_790_000_000_000_000;

/// A history with three commits, and what it holds after each.
fn three_commits(folder: &Path) -> Vec<Vec<Point>> {
    let (mut history, _) = History::open(folder, HistoryOptions::default()).unwrap();
    let id = history.series("lamp", "level").unwrap();
    let mut states = vec![Vec::new()];
    for commit in 0..3 {
        for number in 0..4 {
            let time = BEGIN + (commit * 10 + number) * 1_000_000;
            history.append(id, point(time, number as f64 / 10.0)).unwrap();
        }
        history.commit().unwrap();
        states.push(all(&history.reader(), id));
    }
    states
}

fn log_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder.join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("log")).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    for file in log_files(from) {
        fs::copy(&file, to.join("log").join(file.file_name().unwrap())).unwrap();
    }
}

/// Opens it, looks that it has what one of the commits left, and that it goes on.
fn check(folder: &Path, states: &[Vec<Point>], what: &str) -> Recovered {
    let (mut history, recovered) = History::open(folder, HistoryOptions::default()).unwrap();
    let id = history.series("lamp", "level").unwrap();
    let found = all(&history.reader(), id);
    assert!(states.contains(&found), "{what}: {found:?}");
    history.append(id, point(BEGIN + 90_000_000, 9.0)).unwrap();
    history.commit().unwrap();
    drop(history);
    let (mut history, again) = History::open(folder, HistoryOptions::default()).unwrap();
    assert_eq!(again.set_aside, Vec::<PathBuf>::new(), "{what}: it was mended once");
    let id = history.series("lamp", "level").unwrap();
    assert_eq!(all(&history.reader(), id).len(), found.len() + 1, "{what}");
    recovered
}

#[test]
fn a_log_that_is_cut_anywhere_has_what_stood_before_and_goes_on() {
    let temp = tempfile::tempdir().unwrap();
    let states = three_commits(&temp.path().join("whole"));
    let whole = fs::read(&log_files(&temp.path().join("whole"))[0]).unwrap();
    let mut told = 0;
    for len in (0..whole.len()).step_by(3) {
        let folder = temp.path().join(format!("cut-{len}"));
        copy(&temp.path().join("whole"), &folder);
        fs::write(&log_files(&folder)[0], &whole[..len]).unwrap();
        let recovered = check(&folder, &states, &format!("cut at {len}"));
        assert_eq!(recovered.set_aside, Vec::<PathBuf>::new(), "cut at {len}");
        told += recovered.notes.len();
        fs::remove_dir_all(&folder).unwrap();
    }
    assert!(told > whole.len() / 5, "{told} cuts were told of");
}

#[test]
fn a_log_with_a_flipped_bit_anywhere_has_what_stood_before_and_goes_on() {
    let temp = tempfile::tempdir().unwrap();
    let states = three_commits(&temp.path().join("whole"));
    let whole = fs::read(&log_files(&temp.path().join("whole"))[0]).unwrap();
    let mut set_aside = 0;
    for at in 0..whole.len() {
        let folder = temp.path().join(format!("flip-{at}"));
        copy(&temp.path().join("whole"), &folder);
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&log_files(&folder)[0], &bytes).unwrap();
        let recovered = check(&folder, &states, &format!("flipped at {at}"));
        assert_eq!(recovered.notes.len(), 1, "{:?}", recovered.notes);
        for file in &recovered.set_aside {
            assert_eq!(fs::read(file).unwrap(), bytes, "it is kept as it was");
            set_aside += 1;
        }
        fs::remove_dir_all(&folder).unwrap();
    }
    // In the last commit it looks like a write that was cut short.
    assert!(set_aside > whole.len() / 2, "{set_aside} of {}", whole.len());
}

#[test]
fn a_damaged_file_in_the_middle_costs_what_is_in_it_and_no_more() {
    let temp = tempfile::tempdir().unwrap();
    let options = || HistoryOptions { segment_bytes_max: 300, ..HistoryOptions::default() };
    let (mut history, _) = History::open(temp.path(), options()).unwrap();
    let id = history.series("lamp", "level").unwrap();
    for number in 0..100 {
        history.append(id, point(BEGIN + number * 1_000_000, number as f64)).unwrap();
        history.commit().unwrap();
    }
    drop(history);
    let files = log_files(temp.path());
    assert!(files.len() > 4);
    let mut bytes = fs::read(&files[2]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&files[2], bytes).unwrap();
    let (history, recovered) = History::open(temp.path(), options()).unwrap();
    let note = recovered.notes.join("\n");
    assert!(note.contains("damaged") && note.contains(recovered.set_aside[0].to_str().unwrap()), "{note}");
    let found = all(&history.reader(), id).len();
    assert!((85..100).contains(&found), "{found} of 100");
    drop(history);
    let (history, recovered) = History::open(temp.path(), options()).unwrap();
    assert_eq!((recovered.notes.len(), all(&history.reader(), id).len()), (0, found));
}

#[test]
fn a_database_that_is_damaged_cut_or_foreign_is_set_aside_and_the_log_is_read_again() {
    let temp = tempfile::tempdir().unwrap();
    let states = three_commits(&temp.path().join("whole"));
    let whole = fs::read(temp.path().join("whole/history.db")).unwrap();
    let broken: [(&str, Vec<u8>); 4] = [
        ("empty", Vec::new()),
        ("cut", whole[..whole.len() / 2].to_vec()),
        ("foreign", b"this is a letter to somebody".repeat(400)),
        ("flipped", whole.iter().enumerate().map(|(at, byte)| byte ^ (u8::from(at > 5_000) * 0x55)).collect()),
    ];
    for (name, bytes) in broken {
        let folder = temp.path().join(name);
        copy(&temp.path().join("whole"), &folder);
        for companion in ["history.db-wal", "history.db-shm"] {
            fs::remove_file(folder.join(companion)).ok();
        }
        fs::write(folder.join("history.db"), &bytes).unwrap();
        let recovered = check(&folder, &states[3..], name);
        assert_eq!(fs::read(&recovered.set_aside[0]).unwrap(), bytes, "{name}");
        assert!(recovered.notes[0].contains("12 points"), "{name}: {:?}", recovered.notes);
    }
}

#[test]
fn a_damaged_chunk_is_left_out_and_counted() {
    let temp = tempfile::tempdir().unwrap();
    let (mut history, _) = History::open(temp.path(), small()).unwrap();
    let id = history.series("lamp", "level").unwrap();
    for number in 0..64 {
        history.append(id, point(BEGIN + number * 1_000_000, number as f64)).unwrap();
    }
    settle(&mut history, at(BEGIN));
    let connection = rusqlite::Connection::open(temp.path().join("history.db")).unwrap();
    let spoil = "UPDATE body SET bytes = CAST(x'0102' || bytes AS BLOB) WHERE id = (SELECT body FROM chunk WHERE level = 0 LIMIT 1)";
    assert_eq!(connection.execute(spoil, []).unwrap(), 1);
    assert_eq!(all(&history.reader(), id).len(), 48);
    assert!(history.wear().unwrap().damaged_chunks > 0);
}
