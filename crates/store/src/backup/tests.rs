//! There and back, under load, and against whoever means harm.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use housewire_core::Timestamp;
use tar::{Builder, EntryType, Header};

use super::*;
use crate::{History, HistoryOptions, Point, Reading, Secrecy, Store};

const MADE: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn archive_of(store: &Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.backups().snapshot(MADE, &[]).unwrap().write(&mut bytes).unwrap();
    bytes
}

fn restore(bytes: &[u8], folder: &Path, replaces: bool) -> Result<(Manifest, Restored), BackupError> {
    Offline::lock(folder).unwrap().restore(bytes, replaces)
}

fn documents(folder: &Path) -> Vec<(String, String)> {
    Store::open(folder).unwrap().documents("test").unwrap().load().unwrap().documents
}

fn write(store: &Store, id: &str, body: &str) {
    store.documents("test").unwrap().write(id, body).unwrap();
}

/// Every file below, by name, with what is in it.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn add(folder: &Path, below: &str, files: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = format!("{below}{}", entry.file_name().into_string().unwrap());
            if entry.path().is_dir() {
                add(&entry.path(), &format!("{name}/"), files);
            } else {
                files.insert(name, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    add(folder, "", &mut files);
    files.remove("housewire.lock");
    files
}

fn point(number: i64) -> Point {
    Point { time: Timestamp::from_micros(1_000_000 * number), reading: Reading::Int(number) }
}

#[test]
fn what_is_kept_comes_back_and_what_was_there_is_aside() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::open(from.path()).unwrap();
    write(&store, "a", "{\"of\":\"the backup\"}");
    store.vault("tls").write("ca.pem", b"secret", Secrecy::Secret).unwrap();
    store.vault("local").write("token", b"of this start", Secrecy::Secret).unwrap();
    let (mut history, _) = History::open(&store.history_folder(), HistoryOptions::default()).unwrap();
    let series = history.series("lamp", "level").unwrap();
    for number in 0..2_000 {
        history.append(series, point(number)).unwrap();
    }
    history.commit().unwrap();
    while history.maintain(point(2_000).time, Duration::from_secs(1)).unwrap() {}
    let identity = history.identity().unwrap();
    let bytes = archive_of(&store);
    assert!(!from.path().join(MAKING).exists());

    let manifest = verify(bytes.as_slice()).unwrap();
    let names: Vec<_> = manifest.files.keys().map(String::as_str).collect();
    assert_eq!(names, ["history/history.db", "history/log/0000000001.log", "housewire.db", "tls/ca.pem"]);
    assert_eq!((manifest.made, manifest.version.as_str()), (MADE, env!("CARGO_PKG_VERSION")));

    write(&Store::open(to.path()).unwrap(), "b", "{\"of\":\"before\"}");
    let refused = restore(&bytes, to.path(), false);
    assert!(matches!(refused, Err(BackupError::Occupied(_))), "{refused:?}");
    let (again, restored) = restore(&bytes, to.path(), true).unwrap();
    assert_eq!((again, &restored.aside), (manifest, &to.path().join("before-restore-1")));
    assert_eq!(documents(to.path()), [("a".to_owned(), "{\"of\":\"the backup\"}".to_owned())]);
    assert_eq!(documents(&restored.aside), [("b".to_owned(), "{\"of\":\"before\"}".to_owned())]);
    assert_eq!(std::fs::read(to.path().join("tls/ca.pem")).unwrap(), b"secret");
    assert!(!to.path().join("local").exists());
    let (history, recovered) = History::open(&to.path().join("history"), HistoryOptions::default()).unwrap();
    assert_eq!(recovered.set_aside, Vec::<std::path::PathBuf>::new(), "{:?}", recovered.notes);
    let reader = history.reader();
    let span = reader.span(reader.find("lamp", "level").unwrap()).unwrap().unwrap();
    assert_eq!((span.first, span.last), (point(0).time, point(1_999).time));
    assert_ne!(history.identity().unwrap(), identity, "its points get numbers that others had before");
}

#[test]
fn a_backup_under_load_holds_what_was_committed_before_and_nothing_half() {
    let from = tempfile::tempdir().unwrap();
    let store = Store::open(from.path()).unwrap();
    let (written, ends) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut own = store.documents("test").unwrap();
    let (counter, end) = (&written, &ends);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let documents = &mut own;
            for number in 1.. {
                let text = format!("{{\"n\":{number}}}");
                documents.apply(&[("one", Some(&text)), ("two", Some(&text))]).unwrap();
                counter.store(number, Ordering::Release);
                if end.load(Ordering::Acquire) {
                    return;
                }
            }
        });
        for _ in 0..5 {
            let before = written.load(Ordering::Acquire);
            let bytes = archive_of(&store);
            let to = tempfile::tempdir().unwrap();
            restore(&bytes, to.path(), false).unwrap();
            let found = documents(to.path());
            let number = |text: &str| text.trim_start_matches("{\"n\":").trim_end_matches('}').parse::<u64>().unwrap();
            let numbers: Vec<_> = found.iter().map(|(_, text)| number(text)).collect();
            if before > 0 {
                assert!(
                    numbers.len() == 2 && numbers[0] == numbers[1] && numbers[0] >= before,
                    "{numbers:?}, {before}"
                );
            }
        }
        ends.store(true, Ordering::Release);
    });
}

#[test]
fn one_backup_at_a_time() {
    let from = tempfile::tempdir().unwrap();
    let backups = Store::open(from.path()).unwrap().backups();
    let first = backups.snapshot(MADE, &[]).unwrap();
    assert!(matches!(backups.snapshot(MADE, &[]), Err(BackupError::Busy)));
    assert!(matches!(backups.staging(), Err(BackupError::Busy)));
    drop(first);
    assert!(!from.path().join(MAKING).exists());
    backups.snapshot(MADE, &[]).unwrap();
}

#[test]
fn a_backup_that_does_not_fit_is_not_begun() {
    let from = tempfile::tempdir().unwrap();
    let store = Store::open(from.path()).unwrap();
    // It has that length, and takes no room.
    let large = from.path().join("large");
    std::fs::File::create(&large).unwrap().set_len(1 << 43).unwrap();
    let refused = store.backups().snapshot(MADE, &[]).map(drop);
    assert!(
        matches!(refused, Err(BackupError::NoRoom { needed, free }) if needed > 1 << 43 && free < needed),
        "{refused:?}"
    );
    assert!(!from.path().join(MAKING).exists());
    let beside = store.backups().snapshot(MADE, &[("config/large", &large)]).map(drop);
    assert!(matches!(beside, Err(BackupError::NoRoom { needed, .. }) if needed > 1 << 44), "{beside:?}");
    std::fs::remove_file(&large).unwrap();
    store.backups().snapshot(MADE, &[]).unwrap();
}

#[test]
fn damage_anywhere_is_found_and_changes_nothing() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::open(from.path()).unwrap();
    write(&store, "a", "{}");
    let bytes = archive_of(&store);
    write(&Store::open(to.path()).unwrap(), "b", "{}");
    let before = tree(to.path());
    let check = |broken: &[u8], what: &str| {
        let refused = restore(broken, to.path(), true);
        let wrong = matches!(refused, Err(BackupError::Damaged(_) | BackupError::Foreign(_)));
        assert!(wrong, "{what}: {refused:?}");
        assert_eq!(tree(to.path()), before, "{what}");
    };
    for length in [0, 1, 10, 100, bytes.len() / 2, bytes.len() - 9, bytes.len() - 1] {
        check(&bytes[..length], &format!("cut to {length}"));
    }
    let mut damaged = 0;
    for at in (20..bytes.len()).step_by(bytes.len() / 40) {
        let mut broken = bytes.clone();
        broken[at] ^= 0x55;
        // Another distance within a run of zeros, or other bits behind the last of a block, say the same.
        if unpacked(&broken) != unpacked(&bytes) {
            check(&broken, &format!("byte {at}"));
            damaged += 1;
        }
    }
    assert!(damaged > 30, "{damaged}");
    check(b"hello, I am a text and no archive at all", "text");
    check(&vec![0; 100_000], "zeros");
    let mut foreign = Vec::new();
    let mut tar = Builder::new(GzEncoder::new(&mut foreign, Compression::fast()));
    tar.append(&header("readme.txt", 2, EntryType::Regular), &b"hi"[..]).unwrap();
    tar.into_inner().unwrap().finish().unwrap();
    check(&foreign, "another archive");
    assert_eq!(documents(to.path()), [("b".to_owned(), "{}".to_owned())]);
}

fn unpacked(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).ok().map(|_| plain)
}

fn header(path: &str, bytes: usize, kind: EntryType) -> Header {
    let mut header = Header::new_ustar();
    // As whoever means harm writes it: nothing looks at the name.
    let name = &mut header.as_old_mut().name;
    name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(bytes as u64);
    header.set_mode(0o600);
    header.set_entry_type(kind);
    if kind == EntryType::Symlink {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_cksum();
    header
}

/// An archive whose manifest fits, with one more file of that name, named in the manifest or not.
fn with_file(store: &Store, path: &str, kind: EntryType, is_named: bool) -> Vec<u8> {
    let snapshot = store.backups().snapshot(MADE, &[]).unwrap();
    let content = b"harm";
    let mut manifest = snapshot.manifest().clone();
    if is_named {
        let sha256 = <sha2::Sha256 as sha2::Digest>::digest(content).into();
        manifest.files.insert(path.to_owned(), BackupFile { bytes: content.len() as u64, sha256 });
    }
    let database = std::fs::read(snapshot_folder(store).join("housewire.db")).unwrap();
    let mut bytes = Vec::new();
    let mut tar = Builder::new(GzEncoder::new(&mut bytes, Compression::fast()));
    let text = manifest.write();
    tar.append(&header("manifest.json", text.len(), EntryType::Regular), text.as_slice()).unwrap();
    tar.append(&header("housewire.db", database.len(), EntryType::Regular), database.as_slice()).unwrap();
    let len = if kind == EntryType::Regular { content.len() } else { 0 };
    tar.append(&header(path, len, kind), &content[..len]).unwrap();
    tar.into_inner().unwrap().finish().unwrap();
    bytes
}

fn snapshot_folder(store: &Store) -> std::path::PathBuf {
    store.history_folder().parent().unwrap().join(MAKING)
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let from = tempfile::tempdir().unwrap();
    let outer = tempfile::tempdir().unwrap();
    let to = outer.path().join("data");
    let store = Store::open(from.path()).unwrap();
    // That it is the name that is refused.
    restore(&with_file(&store, "tls/extra.pem", EntryType::Regular, true), &outer.path().join("fine"), false).unwrap();
    let before = || tree(outer.path()).into_keys().filter(|name| !name.starts_with("fine/")).collect::<Vec<_>>();
    for (path, kind, is_named) in [
        ("../harm", EntryType::Regular, true),
        ("tls/../../harm", EntryType::Regular, true),
        ("/harm-of-a-test", EntryType::Regular, true),
        ("tls//harm", EntryType::Regular, true),
        ("./harm", EntryType::Regular, true),
        ("tls\\harm", EntryType::Regular, true),
        ("tls/", EntryType::Regular, true),
        (".harm", EntryType::Regular, true),
        ("housewire.db-wal", EntryType::Regular, true),
        ("housewire.db/harm", EntryType::Regular, true),
        ("housewire.lock", EntryType::Regular, true),
        ("local/token", EntryType::Regular, true),
        ("restore.ready/manifest.json", EntryType::Regular, true),
        ("before-restore-1/harm", EntryType::Regular, true),
        ("../harm", EntryType::Regular, false),
        ("tls/harm", EntryType::Regular, false),
        ("tls/harm", EntryType::Symlink, true),
        ("tls/harm", EntryType::Link, true),
        ("tls/harm", EntryType::Directory, true),
        ("tls/harm", EntryType::GNULongName, true),
        ("housewire.db", EntryType::Regular, false),
    ] {
        let refused = restore(&with_file(&store, path, kind, is_named), &to, false);
        assert!(matches!(refused, Err(BackupError::Damaged(_))), "{path} {kind:?} {is_named}: {refused:?}");
        assert_eq!(before(), ["data/housewire.lock"], "{path}");
    }
}

#[test]
fn a_newer_or_another_database_is_refused() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::open(from.path()).unwrap();
    let snapshot = store.backups().snapshot(MADE, &[]).unwrap();
    let newer = |text: &str| {
        let mut bytes = Vec::new();
        let mut tar = Builder::new(GzEncoder::new(&mut bytes, Compression::fast()));
        tar.append(&header("manifest.json", text.len(), EntryType::Regular), text.as_bytes()).unwrap();
        tar.into_inner().unwrap().finish().unwrap();
        bytes
    };
    let manifest = String::from_utf8(snapshot.manifest().write()).unwrap();
    let schema = format!("\"schema\": {}", snapshot.manifest().schema);
    for text in [
        manifest.replace(&schema, "\"schema\": 9999"),
        manifest.replace("\"format_version\": 1", "\"format_version\": 2"),
    ] {
        assert_ne!(text, manifest);
        let refused = restore(&newer(&text), to.path(), false);
        assert!(matches!(refused, Err(BackupError::Newer { .. })), "{refused:?}");
    }
    assert!(matches!(restore(&newer("{\"format\":\"x\"}"), to.path(), false), Err(BackupError::Foreign(_))));
}

/// What a start finds after it was cut short at any of its steps.
#[test]
fn a_restore_that_was_cut_short_goes_on() {
    let from = tempfile::tempdir().unwrap();
    let store = Store::open(from.path()).unwrap();
    write(&store, "a", "{}");
    store.vault("tls").write("ca.pem", b"new", Secrecy::Secret).unwrap();
    let bytes = archive_of(&store);
    for step in 0..7 {
        let to = tempfile::tempdir().unwrap();
        {
            let old = Store::open(to.path()).unwrap();
            write(&old, "b", "{}");
            old.vault("tls").write("ca.pem", b"old", Secrecy::Secret).unwrap();
            let staging = old.backups().staging().unwrap();
            staging.take_in(bytes.as_slice()).unwrap();
            assert_eq!(old.backups().staged().map(|manifest| manifest.made), Some(MADE));
        }
        let path = |name: &str| to.path().join(name);
        let rename = |a: &str, b: &str| std::fs::rename(path(a), path(b)).unwrap();
        // Each step as far as it came, and those before it whole.
        if step >= 1 {
            rename(READY, "restore.moving-1");
        }
        if step >= 2 {
            std::fs::create_dir(path("before-restore-1")).unwrap();
            rename("housewire.db", "before-restore-1/housewire.db");
        }
        if step >= 3 {
            rename("tls", "before-restore-1/tls");
        }
        if step >= 4 {
            rename("restore.moving-1", "restore.placing-1");
        }
        if step >= 5 {
            rename("restore.placing-1/files/tls", "tls");
        }
        if step >= 6 {
            rename("restore.placing-1/files/housewire.db", "housewire.db");
        }
        let opened = Store::open(to.path()).unwrap();
        let aside = opened.restored().unwrap().aside.clone();
        drop(opened);
        assert_eq!(documents(to.path()), [("a".to_owned(), "{}".to_owned())], "step {step}");
        assert_eq!(std::fs::read(path("tls/ca.pem")).unwrap(), b"new", "step {step}");
        assert_eq!(documents(&aside), [("b".to_owned(), "{}".to_owned())], "step {step}");
        assert_eq!(std::fs::read(aside.join("tls/ca.pem")).unwrap(), b"old", "step {step}");
        assert!(tree(to.path()).keys().all(|name| !name.starts_with("restore.")), "step {step}");
        assert!(Store::open(to.path()).unwrap().restored().is_none(), "once");
    }
}

#[test]
fn a_restore_that_is_refused_leaves_what_waits_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = {
        let store = Store::open(folder.path()).unwrap();
        let bytes = archive_of(&store);
        write(&store, "later", "{}");
        store.backups().staging().unwrap().take_in(bytes.as_slice()).unwrap();
        bytes
    };
    let before = tree(folder.path());
    assert!(matches!(restore(&bytes, folder.path(), false), Err(BackupError::Occupied(_))));
    assert_eq!(tree(folder.path()), before);
    std::fs::remove_file(folder.path().join("housewire.db")).unwrap();
    assert!(matches!(restore(&bytes, folder.path(), false), Err(BackupError::Occupied(_))), "what waits is data, too");
    restore(&bytes, folder.path(), true).unwrap();
}

/// Gives what it has, and then not an end but a loss.
struct TakenBack<'a>(&'a [u8]);

impl Read for TakenBack<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.0.read(out)
    }
}

#[test]
fn a_backup_is_taken_in_once_its_source_says_that_it_is_over() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bytes = archive_of(&Store::open(from.path()).unwrap());
    let store = Store::open(to.path()).unwrap();
    let backups = store.backups();
    let staging = backups.staging().unwrap();
    assert!(matches!(staging.take_in(TakenBack(&bytes)), Err(BackupError::Source(_))));
    let followed = [&bytes[..], b"x"].concat();
    assert!(matches!(staging.take_in(followed.as_slice()), Err(BackupError::Damaged(_))));
    assert!(backups.staged().is_none());
    staging.take_in(bytes.as_slice()).unwrap();
    assert!(backups.staged().is_some());
}

#[test]
fn what_was_taken_in_can_be_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let bytes = archive_of(&store);
    let backups = store.backups();
    backups.staging().unwrap().take_in(bytes.as_slice()).unwrap();
    assert!(backups.staged().is_some());
    assert!(backups.staging().unwrap().take_in(&bytes[..100]).is_err());
    assert!(backups.staged().is_some(), "one that is damaged takes nothing's place");
    assert!(backups.staging().unwrap().forget().unwrap());
    assert!(!backups.staging().unwrap().forget().unwrap() && backups.staged().is_none());
    write(&store, "a", "{}");
    drop((store, backups));
    assert_eq!(documents(folder.path()).len(), 1);
}
