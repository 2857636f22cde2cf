mod model;
mod session_model;
mod sessions;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use housewire_core::{
    DeviceId, DeviceInfo, Hub, HubOptions, Message, Now, Permissions, Presence, Principal, PropertyName, PropertySpec,
    Publisher, Qos, RouteCache, Run, Timestamp, Topic, TopicRef, Type,
};
use proptest::prelude::*;

use self::model::{Model, changes};
use self::session_model::{SessionModel, session_changes};
use super::*;
use crate::{QueuedRecord, SessionRecord, Step, SubscriptionRecord, WillRecord};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_was_applied_is_loaded(batches in prop::collection::vec((changes(), session_changes()), 0..5)) {
        let temp = tempfile::tempdir().unwrap();
        let (mut model, mut sessions) = (Model::default(), SessionModel::default());
        for (batch, session_batch) in &batches {
            let mut store = Store::open(temp.path()).unwrap();
            store.apply(batch, session_batch).unwrap();
            model.apply(batch);
            sessions.apply(session_batch);
            let orphans_count = sessions.drop_orphans();
            let loaded = store.load().unwrap();
            prop_assert_eq!(&loaded.skipped, &[]);
            prop_assert_eq!(loaded.sessions.orphans_count, orphans_count);
            prop_assert_eq!(&Model::of(&loaded.snapshot), &model);
            prop_assert_eq!(&SessionModel::of(&loaded.sessions), &sessions);
            // Once more changes nothing: a batch whose outcome is unknown can be tried again.
            store.apply(batch, session_batch).unwrap();
            let loaded = store.load().unwrap();
            prop_assert_eq!(&Model::of(&loaded.snapshot), &model);
            prop_assert_eq!(&SessionModel::of(&loaded.sessions), &sessions);
        }
        let loaded = Store::open(temp.path()).unwrap().load().unwrap();
        prop_assert_eq!(&Model::of(&loaded.snapshot), &model);
        prop_assert_eq!(&SessionModel::of(&loaded.sessions), &sessions);
    }
}

/// A batch with `count` retained messages of about a page each.
fn batch(count: usize) -> Changes {
    let message = |number: usize| {
        let topic = Topic::parse(&format!("bulk/{number}")).unwrap();
        let message = Message {
            topic: topic.clone(),
            payload: Bytes::from(vec![b'x'; 4_000]),
            qos: Qos::AtMostOnce,
            retain: true,
            properties: None,
            via: "mqtt",
            time: Timestamp::from_micros(1),
        };
        (topic, Some(message))
    };
    Changes { retained: (0..count).map(message).collect(), ..Changes::default() }
}

fn sql(store: &Store, sql: &str) {
    store.connection.execute_batch(sql).unwrap();
}

#[test]
fn commits_wait_for_the_disk() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    assert_eq!(ask::<i64>(&store.connection, "PRAGMA synchronous").unwrap(), Some(2), "FULL");
    assert_eq!(ask::<String>(&store.connection, "PRAGMA journal_mode").unwrap().as_deref(), Some("wal"));
}

#[test]
fn a_hub_that_is_killed_finds_every_batch_again() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = Store::open(temp.path()).unwrap();
    store.apply(&batch(3), &SessionChanges::default()).unwrap();
    // The files as a killed process leaves them: nothing was closed.
    let killed = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(temp.path()).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), killed.path().join(entry.file_name())).unwrap();
    }
    assert_eq!(Store::open(killed.path()).unwrap().load().unwrap().snapshot.retained.len(), 3);
}

#[test]
fn a_second_store_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let refused = Store::open(temp.path()).unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused:?}");
    drop(store);
    Store::open(temp.path()).unwrap();
}

#[cfg(unix)]
#[test]
fn the_files_are_private_and_few() {
    use std::os::unix::fs::PermissionsExt;
    let temp = tempfile::tempdir().unwrap();
    let mut store = Store::open(temp.path()).unwrap();
    store.apply(&batch(1), &SessionChanges::default()).unwrap();
    let log = std::fs::metadata(temp.path().join("housewire.db-wal")).unwrap();
    assert_eq!(log.permissions().mode() & 0o077, 0);
    drop(store);
    let mut names: Vec<_> = std::fs::read_dir(temp.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["housewire.db", "housewire.lock"], "a store that is closed leaves no log");
    let database = std::fs::metadata(temp.path().join("housewire.db")).unwrap();
    assert_eq!(database.permissions().mode() & 0o077, 0);
}

#[test]
fn a_full_disk_loses_nothing_that_was_stored() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = Store::open(temp.path()).unwrap();
    store.apply(&batch(2), &SessionChanges::default()).unwrap();
    let pages: i64 = ask(&store.connection, "PRAGMA page_count").unwrap().unwrap();
    sql(&store, &format!("PRAGMA max_page_count = {}", pages + 3));
    let full = store.apply(&batch(20), &SessionChanges::default()).unwrap_err();
    assert!(matches!(full, StoreError::Full { .. }), "{full:?}");
    assert!(full.to_string().contains("free some space"), "{full}");
    assert_eq!(store.load().unwrap().snapshot.retained.len(), 2, "the batch that did not fit left nothing behind");

    sql(&store, "PRAGMA max_page_count = 1000000");
    store.apply(&batch(20), &SessionChanges::default()).unwrap();
    assert_eq!(store.load().unwrap().snapshot.retained.len(), 20);
}

#[test]
fn a_database_that_another_program_holds_is_waited_for_and_then_reported() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = Store::open(temp.path()).unwrap();
    let other = open_existing(&store.database).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.connection.busy_timeout(Duration::from_millis(20)).unwrap();
    let busy = store.apply(&batch(1), &SessionChanges::default()).unwrap_err();
    assert!(matches!(busy, StoreError::Busy { .. }), "{busy:?}");
    other.execute_batch("ROLLBACK").unwrap();
    store.apply(&batch(1), &SessionChanges::default()).unwrap();
}

/// A store with one device, three properties and a retained message, closed again.
fn furnished() -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    let mut store = Store::open(temp.path()).unwrap();
    let device = DeviceId::parse("lamp").unwrap();
    let options = vec!["low".to_owned(), "high".to_owned()];
    let property = |name, spec, value: &'static str| PropertyRecord {
        device: device.clone(),
        name: PropertyName::parse(name).unwrap(),
        spec,
        last: Some((Bytes::from(value), Timestamp::from_micros(1), "mqtt")),
    };
    let properties = vec![
        property("level", PropertySpec { min: Some(0.0), ..PropertySpec::declared(Type::Int) }, "80"),
        property("mode", PropertySpec { options, ..PropertySpec::declared(Type::Enum) }, "low"),
        property("power", PropertySpec::inferred(b"true"), "true"),
    ];
    let names = properties.iter().map(|record| record.name.clone()).collect();
    let devices = vec![DeviceRecord { id: device, info: DeviceInfo::default(), properties: names }];
    store.apply(&Changes { devices, properties, ..batch(1) }, &SessionChanges::default()).unwrap();
    temp
}

#[test]
fn a_row_that_cannot_be_used_is_skipped_and_named() {
    let (level, power) = ("WHERE name = 'level'", "WHERE name = 'power'");
    for (change, rows, reasons) in [
        (format!("UPDATE property SET type = 'number' {level}"), "lamp/level", "'number' is no type"),
        (format!("UPDATE property SET min = 9, max = 1 {level}"), "lamp/level", "min 9 is greater than max 1"),
        (format!("UPDATE property SET value = CAST('x' AS BLOB) {level}"), "lamp/level", "must be a whole number"),
        (format!("UPDATE property SET value = CAST('-1' AS BLOB) {level}"), "lamp/level", "at least 0"),
        (format!("UPDATE property SET via = NULL {power}"), "lamp/power", "must be there together"),
        (format!("UPDATE property SET unit = CAST(X'ff' AS TEXT) {power}"), "lamp/power", "utf-8"),
        (format!("UPDATE property SET name = 'a b' {power}"), "lamp/a b", "no valid name"),
        ("UPDATE property SET options = '[1]' WHERE name = 'mode'".into(), "lamp/mode", "no list of texts"),
        ("UPDATE retained SET topic = 'a/+'".into(), "a/+", "belong into filters"),
        ("UPDATE retained SET qos = 3".into(), "bulk/0", "no QoS 3"),
        ("UPDATE retained SET expiry_us = -1".into(), "bulk/0", "negative"),
        ("UPDATE retained SET user_properties = '[[\"a\"]]'".into(), "bulk/0", "no list of pairs"),
        ("UPDATE retained SET payload = X''".into(), "bulk/0", "never kept"),
        ("INSERT INTO device (id, demo, name) VALUES ('x', 0, printf('%300d', 0))".into(), "x", "longer than 256"),
        ("DELETE FROM device".into(), "lamp/level lamp/mode lamp/power", "its device could not be read"),
    ] {
        let temp = furnished();
        let store = Store::open(temp.path()).unwrap();
        let whole = store.load().unwrap();
        let count = |snapshot: &Snapshot| snapshot.properties.len() + snapshot.retained.len();
        assert_eq!((whole.skipped_count, count(&whole.snapshot)), (0, 4));
        sql(&store, &format!("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; {change}"));
        let loaded = store.load().unwrap();
        let skipped: Vec<_> = loaded.skipped.iter().map(|row| row.row.as_str()).collect();
        assert_eq!(skipped.join(" "), rows, "{change}");
        assert!(loaded.skipped.iter().all(|row| row.to_string().contains(reasons)), "{change}: {:?}", loaded.skipped);
        assert_eq!(loaded.skipped_count, skipped.len());
        if rows != "x" {
            assert_eq!(count(&loaded.snapshot), 4 - skipped.len(), "the rest is used: {change}");
        }
    }
}

#[test]
fn a_file_that_is_no_database_is_reported() {
    let temp = tempfile::tempdir().unwrap();
    let database = temp.path().join("housewire.db");
    std::fs::write(&database, "this is not the file you are looking for".repeat(100)).unwrap();
    let corrupt = Store::open(temp.path()).unwrap_err();
    assert!(matches!(corrupt, StoreError::Corrupt { .. }), "{corrupt:?}");
    let text = corrupt.to_string();
    assert!(text.contains(database.to_str().unwrap()) && text.contains("backup"), "{text}");

    std::fs::remove_file(&database).unwrap();
    std::fs::create_dir(&database).unwrap();
    let failed = Store::open(temp.path()).unwrap_err();
    assert!(failed.to_string().contains(database.to_str().unwrap()), "{failed:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    /// Whatever happens to single bytes or the end of the file: an answer, never a panic.
    #[test]
    fn a_damaged_file_ends_in_words(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..200),
        length in prop::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        let temp = furnished();
        let database = temp.path().join("housewire.db");
        let mut bytes = std::fs::read(&database).unwrap();
        for (at, byte) in damage {
            *at.get_mut(&mut bytes) = byte;
        }
        if let Some(length) = length {
            bytes.truncate(length.index(bytes.len()));
        }
        std::fs::write(&database, bytes).unwrap();
        let outcome = Store::open(temp.path()).and_then(|mut store| {
            let loaded = store.load()?;
            store.apply(&batch(2), &SessionChanges::default())?;
            Ok(loaded)
        });
        match outcome {
            Ok(loaded) => prop_assert_eq!(loaded.skipped_count, loaded.skipped.len()),
            Err(error) => prop_assert!(error.to_string().contains("housewire"), "{}", error),
        }
    }
}

#[test]
fn a_hub_finds_again_what_it_had() {
    let now = Now { instant: Instant::now(), wall: SystemTime::UNIX_EPOCH.into() };
    let temp = tempfile::tempdir().unwrap();
    let mut store = Store::open(temp.path()).unwrap();
    let hub = Arc::new(Hub::new(HubOptions::default()));
    let anybody = Arc::new(Principal::new("anybody", Permissions::all()));
    let session = hub.new_session();
    let routes = Arc::new(RouteCache::new());
    let publisher =
        Publisher::new(Arc::clone(&hub), routes, Arc::clone(&anybody), session, "mqtt", Presence::Connected);
    let publish = |topic, payload: &str, retain| {
        let payloads = [payload.as_bytes()];
        let run = Run::new(TopicRef::parse(topic).unwrap(), &payloads).retain(retain);
        publisher.publish_run(run, now).unwrap();
    };
    let first = Topic::parse("devices/lamp/power").unwrap();
    let get = |hub: &Hub, topic| {
        let message = hub.get(&anybody, TopicRef::parse(topic).unwrap(), now).unwrap();
        message.map(|message| String::from_utf8(message.payload.to_vec()).unwrap())
    };

    publish(first.as_str(), "true", false);
    publish("devices/gone/power", "true", true);
    publish("home/note", "hello", true);
    publish("home/old", "bye", true);
    store.apply(&hub.take_changes(), &SessionChanges::default()).unwrap();
    publish("devices/lamp/level", "80", true);
    publish("home/old", "", true);
    assert!(hub.remove_device(&DeviceId::parse("gone").unwrap(), now));
    store.apply(&hub.take_changes(), &SessionChanges::default()).unwrap();
    assert!(hub.take_changes().is_empty());

    drop(store);
    let restarted = Hub::new(HubOptions::default());
    restarted.restore(Store::open(temp.path()).unwrap().load().unwrap().snapshot);
    for (topic, expected) in [
        ("devices/lamp/power", Some("true")),
        ("devices/lamp/level", Some("80")),
        ("devices/lamp/$online", Some("false")),
        ("devices/gone/power", None),
        ("home/note", Some("hello")),
        ("home/old", None),
    ] {
        assert_eq!(get(&restarted, topic).as_deref(), expected, "{topic}");
    }
    let devices: Vec<_> = restarted.devices().iter().map(|device| device.id().to_string()).collect();
    assert_eq!(devices, ["lamp"]);
}
