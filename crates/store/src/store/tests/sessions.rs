//! Single facts about sessions on disk; the rest is shown by the model.

use housewire_core::SubscribeOptions;

use super::*;

fn session(number: u64, client_id: &str) -> SessionRecord {
    let owner = "guest".to_owned();
    let message = message("home/will", "gone");
    let will = Some(WillRecord { message, delay_s: 5, due: None });
    SessionRecord { number, client_id: client_id.to_owned(), owner, expiry_s: 60, ends: None, is_connected: true, will }
}

fn message(topic: &str, payload: &str) -> Message {
    Message {
        topic: Topic::parse(topic).unwrap(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        qos: Qos::AtLeastOnce,
        retain: false,
        properties: None,
        via: "mqtt",
        time: Timestamp::from_micros(1_700_000_000_000_000),
    }
}

fn queued(id: u64, session: u64, message: Message) -> QueuedRecord {
    let (qos, step) = (Qos::AtLeastOnce, Step::Waiting);
    QueuedRecord { id, session, step, message: Some(message), qos, retain: false, identifiers: vec![7], share: None }
}

/// Sessions 1 (`lamp`) and 2 (`fan`), each with a will, a subscription, a queued message and a received packet id.
fn furnished() -> (tempfile::TempDir, Store) {
    let temp = tempfile::tempdir().unwrap();
    let mut store = Store::open(temp.path()).unwrap();
    let subscription =
        |session| SubscriptionRecord { session, filter: "home/#".to_owned(), options: SubscribeOptions::default() };
    let changes = SessionChanges {
        sessions: vec![session(1, "lamp"), session(2, "fan")],
        subscriptions: vec![subscription(1), subscription(2)],
        queued: vec![queued(11, 1, message("home/a", "x")), queued(12, 2, message("home/a", "x"))],
        received: vec![(1, 5), (2, 6)],
        ..SessionChanges::default()
    };
    store.apply(&Changes::default(), &changes).unwrap();
    (temp, store)
}

fn count(sessions: &Sessions) -> usize {
    let wills = sessions.records.iter().filter(|record| record.will.is_some()).count();
    sessions.records.len() + wills + sessions.subscriptions.len() + sessions.queued.len() + sessions.received.len()
}

#[test]
fn a_row_of_a_session_that_cannot_be_used_is_skipped_and_named() {
    for (change, rows, reason) in [
        ("UPDATE queued SET topic = 'a/+' WHERE id = 11", "11", "belong into filters"),
        ("UPDATE queued SET topic = NULL WHERE id = 11", "11", "Null"),
        ("UPDATE queued SET step = 3 WHERE id = 11", "11", "no step 3"),
        ("UPDATE queued SET step = 1 WHERE id = 11", "11", "no step 1"),
        ("UPDATE queued SET step = 1, packet_id = 0 WHERE id = 11", "11", "no packet id 0"),
        ("UPDATE queued SET step = 1, packet_id = 70000 WHERE id = 11", "11", "out of range"),
        ("UPDATE queued SET delivery_qos = 3 WHERE id = 11", "11", "no QoS 3"),
        ("UPDATE queued SET identifiers = '[\"a\"]' WHERE id = 11", "11", "no list of numbers"),
        ("UPDATE queued SET id = -1 WHERE id = 11", "-1", "never given out"),
        ("UPDATE subscription SET qos = 9 WHERE session = 1", "1/home/#", "no QoS 9"),
        ("UPDATE received SET packet_id = 0 WHERE session = 1", "1/0", "no packet id 0"),
        ("UPDATE will SET user_properties = '{}' WHERE session = 1", "1", "no list of pairs"),
        ("UPDATE session SET expiry_s = -1 WHERE number = 1", "1 1 1/home/# 11 1/5", ""),
        ("UPDATE session SET owner = CAST(X'ff' AS TEXT) WHERE number = 1", "1 1 1/home/# 11 1/5", ""),
    ] {
        let (_temp, store) = furnished();
        let whole = store.load().unwrap();
        assert_eq!((whole.skipped_count, count(&whole.sessions)), (0, 10));
        sql(&store, &format!("PRAGMA ignore_check_constraints = ON; {change}"));
        let loaded = store.load().unwrap();
        let skipped: Vec<_> = loaded.skipped.iter().map(|row| row.row.as_str()).collect();
        assert_eq!(skipped.join(" "), rows, "{change}");
        assert!(loaded.skipped[0].to_string().contains(reason), "{change}: {:?}", loaded.skipped);
        assert_eq!((count(&loaded.sessions), loaded.sessions.orphans_count), (10 - skipped.len(), 0), "{change}");
        let again = store.load().unwrap();
        assert_eq!(again.skipped_count, skipped.len(), "they are left there");
        assert_eq!(again.sessions.last_number, 2);
    }
}

#[test]
fn what_belongs_to_no_session_is_deleted_and_counted() {
    let (_temp, mut store) = furnished();
    let ended = SessionChanges { ended: vec![1], ..SessionChanges::default() };
    store.apply(&Changes::default(), &ended).unwrap();
    let loaded = store.load().unwrap();
    assert_eq!((count(&loaded.sessions), loaded.sessions.orphans_count, loaded.skipped_count), (5, 1, 0));
    assert_eq!(store.load().unwrap().sessions.orphans_count, 0, "it is gone");
}

#[test]
fn numbers_on_disk_are_not_given_out_again() {
    let (_temp, mut store) = furnished();
    assert_eq!(store.load().unwrap().sessions.last_queued_id, 12);
    // The session is damaged, but what belongs to it is still there and must not fall to another one.
    sql(&store, "UPDATE session SET owner = CAST(X'ff' AS TEXT) WHERE number = 2");
    sql(&store, "UPDATE queued SET topic = NULL WHERE id = 12");
    let sessions = store.load().unwrap().sessions;
    assert_eq!((sessions.last_number, sessions.last_queued_id), (2, 12));
    sql(&store, "UPDATE queued SET id = 9223372036854775807 WHERE id = 12");
    assert_eq!(store.load().unwrap().sessions.last_queued_id, 11, "a damaged id is nobody's");
    let fresh = session(3, "fan");
    store.apply(&Changes::default(), &SessionChanges { sessions: vec![fresh], ..SessionChanges::default() }).unwrap();
    let sessions = store.load().unwrap().sessions;
    let names: Vec<_> = sessions.records.iter().map(|record| (record.number, record.client_id.as_str())).collect();
    assert_eq!(names, [(1, "lamp"), (3, "fan")], "a new session takes the place of one that cannot be read");
}

#[test]
fn a_message_to_many_sessions_is_in_memory_once() {
    let (_temp, store) = furnished();
    let sessions = store.load().unwrap().sessions;
    let [first, second] = [0, 1].map(|at: usize| sessions.queued[at].message.as_ref().unwrap());
    assert_eq!(first.payload.as_ptr(), second.payload.as_ptr());
    assert_eq!(first.topic.as_str().as_ptr(), second.topic.as_str().as_ptr());
}

/// Pages that a batch appends to the log.
fn pages_of(store: &mut Store, changes: &SessionChanges) -> i64 {
    let written = |store: &Store| -> i64 {
        store.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1)).unwrap()
    };
    sql(store, "PRAGMA wal_checkpoint(TRUNCATE)");
    store.apply(&Changes::default(), changes).unwrap();
    written(store)
}

#[test]
fn a_message_to_a_thousand_sessions_touches_few_pages() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = Store::open(temp.path()).unwrap();
    let sessions = (1..=1_000).map(|number| session(number, &format!("client-{number}"))).collect();
    store.apply(&Changes::default(), &SessionChanges { sessions, ..SessionChanges::default() }).unwrap();
    let payload = "x".repeat(64);
    let wait = |first: u64| {
        let queued = (1..=1_000).map(|at| queued(first + at, at, message("home/kitchen/temperature", &payload)));
        SessionChanges { queued: queued.collect(), ..SessionChanges::default() }
    };
    pages_of(&mut store, &wait(0));
    let pages = pages_of(&mut store, &wait(1_000));
    assert!(pages < 45, "{pages} pages of 4 KiB for 1,000 messages of 64 bytes");
    let done = SessionChanges { finished: (1..=1_000).collect(), ..SessionChanges::default() };
    let pages = pages_of(&mut store, &done);
    assert!(pages < 45, "{pages} pages to delete them");
}
