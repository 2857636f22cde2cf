use std::sync::Arc;
use std::time::Duration;

use housewire_core::{
    HubOptions, Permissions, Principal, Publisher, RouteCache, SessionId, SubscribeOptions, TopicRef,
};
use proptest::prelude::*;

use super::*;
use crate::persist::DurabilityMode;
use crate::shard::now;

/// A hub with nothing but an inbox, and somebody who publishes.
struct Scene {
    hub: Arc<Hub>,
    inbox: Arc<Inbox>,
    durability: Durability,
    publisher: Publisher,
}

impl Scene {
    fn new() -> Self {
        let hub = Arc::new(Hub::new(HubOptions::default()));
        let (durability, _desk) = Durability::new(DurabilityMode::Strict);
        let inbox = Arc::new(Inbox::new(Arc::downgrade(&hub), durability.clone()));
        let anybody = Arc::new(Principal::new("test", Permissions::all()));
        let subscriber = hub.own_subscriber(Arc::clone(&anybody), Arc::clone(&inbox) as _);
        let filter = housewire_core::Filter::parse("devices/+/+").unwrap();
        hub.subscribe(&subscriber, &filter, SubscribeOptions::default()).unwrap();
        let session: SessionId = hub.new_session();
        let presence = Presence::Connected;
        let publisher =
            Publisher::new(Arc::clone(&hub), Arc::new(RouteCache::new()), anybody, session, "test", presence);
        Self { hub, inbox, durability, publisher }
    }

    /// Whether the publisher has to wait.
    fn publish(&self, topic: &str, payloads: &[&[u8]], qos: Qos) -> Result<bool, housewire_core::Denied> {
        let run = Run::new(TopicRef::parse(topic).unwrap(), payloads).qos(qos);
        self.publisher.publish_run(run, now()).map(|receipt| receipt.waits_for_room)
    }

    fn report(&self, topic: &str, payload: &str) {
        assert_eq!(self.publish(topic, &[payload.as_bytes()], Qos::AtMostOnce), Ok(false));
    }

    fn taken(&self) -> Taken {
        let mut taken = Taken::default();
        self.inbox.take(&mut taken, Instant::now());
        taken
    }

    /// Fills it with QoS 0 as far as that goes.
    fn fill(&self) {
        let payload = [b'7'; HISTORY_VALUE_BYTES_MAX];
        let run = vec![payload.as_slice(); 1_000];
        while self.inbox.figures.dropped.load(Ordering::Relaxed) == 0 {
            assert_eq!(self.publish("devices/a/text", &run, Qos::AtMostOnce), Ok(false));
        }
    }

    fn is_crowded(&self) -> bool {
        self.durability.disk().borrow().is_crowded
    }
}

/// What came, as `device/property=payload`.
fn shown(taken: &Taken) -> Vec<String> {
    let mut records = &*taken.records;
    let mut shown = Vec::new();
    while let Some((record, bytes)) = Record::read(records) {
        for payload in record.payloads() {
            let payload = match payload {
                Payload::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Payload::TooLong => "too long".into(),
            };
            shown.push(format!("{}/{}={payload}", record.device, record.property));
        }
        records = &records[bytes..];
    }
    assert!(records.is_empty());
    shown
}

#[test]
fn values_and_the_end_of_devices_come_in_order() {
    let scene = Scene::new();
    scene.report("devices/lamp/power", "true");
    scene.publish("devices/lamp/level", &[b"1", b"", b"2"], Qos::AtLeastOnce).unwrap();
    scene.report("devices/lamp/note", &"x".repeat(HISTORY_VALUE_BYTES_MAX));
    scene.report("devices/lamp/note", &"x".repeat(HISTORY_VALUE_BYTES_MAX + 1));
    scene.report("devices/lamp/level/set", "3");
    scene.report("home/lamp/level", "4");
    assert!(scene.hub.remove_device(&housewire_core::DeviceId::parse("lamp").unwrap(), now()));
    scene.report("devices/lamp/power", "false");
    let taken = scene.taken();
    let changes = |line: &String| !line.ends_with("$changed=registered") && !line.ends_with("$changed=updated");
    let lines: Vec<_> = shown(&taken).into_iter().filter(changes).collect();
    let long = format!("lamp/note={}", "x".repeat(HISTORY_VALUE_BYTES_MAX));
    let expected = [
        "lamp/power=true",
        "lamp/level=1",
        "lamp/level=",
        "lamp/level=2",
        &long,
        "lamp/note=too long",
        "lamp/$changed=removed",
        "lamp/power=false",
    ];
    assert_eq!(lines, expected);
    assert!(shown(&scene.taken()).is_empty(), "each comes once");
}

#[test]
fn over_the_bound_qos_0_is_dropped_and_others_wait() {
    let scene = Scene::new();
    scene.fill();
    assert!(scene.inbox.fill().bytes <= HISTORY_QUEUE_BYTES_MAX && !scene.is_crowded());
    let dropped = scene.inbox.figures.dropped.load(Ordering::Relaxed);
    let long = [b'7'; HISTORY_VALUE_BYTES_MAX].as_slice();
    let run = vec![long; 1_000];
    assert_eq!(scene.publish("devices/a/text", &run, Qos::AtLeastOnce), Ok(true));
    assert!(scene.is_crowded() && scene.inbox.fill().is_crowded);
    assert_eq!(scene.publish("devices/a/text", &[b"x"], Qos::AtMostOnce), Ok(false));
    assert_eq!(scene.inbox.figures.dropped.load(Ordering::Relaxed), dropped + 1);
    assert_eq!(scene.inbox.figures.waited.load(Ordering::Relaxed), 1_000);
    // What is taken still counts until it is dealt with.
    let taken = scene.taken();
    assert!(scene.is_crowded());
    scene.inbox.release(taken.records.len() / 4);
    assert!(scene.is_crowded());
    scene.inbox.release(taken.records.len() - taken.records.len() / 4);
    assert!(!scene.is_crowded() && scene.inbox.fill() == Fill::default());
    assert_eq!(scene.publish("devices/a/text", &[b"x"], Qos::AtLeastOnce), Ok(false));
}

#[test]
fn what_waits_is_bounded_too() {
    let scene = Scene::new();
    scene.fill();
    let long = [b'7'; HISTORY_VALUE_BYTES_MAX].as_slice();
    let run = vec![long; 1_000];
    let mut waiting = 0;
    while scene.publish("devices/a/text", &run, Qos::AtLeastOnce).is_ok() {
        waiting += 1;
        assert!(waiting < 1_000, "there is a bound");
    }
    assert_eq!(scene.publish("devices/a/text", &[b"x"], Qos::ExactlyOnce), Err(housewire_core::Denied::DiskFailing));
    assert_eq!(scene.publish("devices/a/text", &[b"x"], Qos::AtMostOnce), Ok(false), "QoS 0 goes on");
    assert_eq!(scene.publish("free", &[b"x"], Qos::ExactlyOnce), Ok(false), "and so does what is none of its business");
    assert!(!scene.hub.disk_is_failing());
    let run_bytes = 1_000 * (LENGTH_BYTES + HISTORY_VALUE_BYTES_MAX) + 100;
    let bytes = scene.inbox.fill().bytes;
    assert!(bytes <= HISTORY_QUEUE_BYTES_MAX + HISTORY_WAITING_BYTES_MAX + run_bytes, "{bytes}");
    // The end of a device finds its place all the same.
    assert!(scene.hub.remove_device(&housewire_core::DeviceId::parse("a").unwrap(), now()));
    let taken = scene.taken();
    assert_eq!(shown(&taken).last().unwrap(), "a/$changed=removed");
    scene.inbox.release(taken.records.len());
    assert_eq!(scene.publish("devices/a/text", &[b"x"], Qos::ExactlyOnce), Ok(false));
}

#[test]
fn wills_and_what_else_nobody_waits_for_are_dropped() {
    let scene = Scene::new();
    scene.fill();
    let quiet = Publisher::new(
        Arc::clone(&scene.hub),
        Arc::new(RouteCache::new()),
        Arc::new(Principal::new("hub", Permissions::all())),
        scene.hub.new_session(),
        "hub",
        Presence::None,
    );
    let before = scene.inbox.fill().bytes;
    let long = [b'7'; HISTORY_VALUE_BYTES_MAX].as_slice();
    let run = vec![long; 1_000];
    let receipt = quiet
        .publish_run(Run::new(TopicRef::parse("devices/a/text").unwrap(), &run).qos(Qos::AtLeastOnce), now())
        .unwrap();
    assert!(!receipt.waits_for_room && scene.inbox.fill().bytes == before);
}

#[test]
fn missed_changes_are_known() {
    let scene = Scene::new();
    scene.fill();
    assert!(!scene.taken().has_missed_changes);
    scene.fill();
    while scene.inbox.fill().bytes + 40 < HISTORY_QUEUE_BYTES_MAX {
        scene.publish("devices/a/text", &[b"7"], Qos::AtMostOnce).unwrap();
    }
    // Its first report registers it, for which there is no room either.
    scene.publish("devices/another/value", &[&[b'7'; 100]], Qos::AtMostOnce).unwrap();
    let taken = scene.taken();
    assert!(taken.has_missed_changes && !shown(&taken).iter().any(|line| line.starts_with("another")));
}

#[test]
fn the_thread_is_woken_for_orders_and_for_the_end() {
    let scene = Scene::new();
    let inbox = Arc::clone(&scene.inbox);
    let waiting = std::thread::spawn(move || {
        let mut seen = Vec::new();
        loop {
            let mut taken = Taken::default();
            inbox.take(&mut taken, Instant::now() + Duration::from_secs(60));
            seen.push(taken.orders.len());
            if taken.is_last {
                return seen.iter().sum::<usize>();
            }
        }
    });
    let (reply, _answer) = tokio::sync::oneshot::channel();
    assert!(scene.inbox.order(Order::Show(reply)).is_ok());
    scene.inbox.close();
    assert_eq!(waiting.join().unwrap(), 1);
    let (reply, _answer) = tokio::sync::oneshot::channel();
    assert!(scene.inbox.order(Order::Show(reply)).is_err(), "nobody is there any more");
    let run = Run::new(TopicRef::parse("devices/a/b").unwrap(), &[b"1"]);
    let delivery = Delivery { qos: Qos::AtMostOnce, retain: false, identifiers: Arc::default(), share: None };
    assert_eq!(scene.inbox.offer(&run, &delivery), Offer::Closed);
}

#[test]
fn orders_are_bounded() {
    let scene = Scene::new();
    for number in 0..=HISTORY_ORDERS_MAX {
        let (reply, _answer) = tokio::sync::oneshot::channel();
        assert_eq!(scene.inbox.order(Order::Show(reply)).is_ok(), number < HISTORY_ORDERS_MAX);
    }
}

#[test]
fn who_waits_is_let_go_when_the_thread_is_gone() {
    let scene = Scene::new();
    scene.fill();
    let long = [b'7'; HISTORY_VALUE_BYTES_MAX].as_slice();
    let run = vec![long; 1_000];
    let refused = (0..1_000).find(|_| scene.publish("devices/a/text", &run, Qos::AtLeastOnce).is_err());
    assert!(refused.is_some(), "there is a bound");
    scene.inbox.abandon();
    assert!(!scene.is_crowded());
    assert_eq!(scene.publish("devices/a/text", &run, Qos::AtLeastOnce), Ok(false));
}

proptest! {
    #[test]
    fn what_is_read_is_what_was_written(
        runs in prop::collection::vec(
            ("[a-z]{1,8}", "[a-z]{1,8}", any::<i64>(), prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..5)),
            0..20,
        ),
    ) {
        let mut records = Vec::new();
        for (device, property, time, payloads) in &runs {
            let payloads: Vec<_> = payloads.iter().map(Vec::as_slice).collect();
            let name = format!("{device}/{property}");
            append(&mut records, name.as_bytes(), Timestamp::from_micros(*time), &payloads, 0);
        }
        let mut rest = &*records;
        for (device, property, time, payloads) in &runs {
            let (record, bytes) = Record::read(rest).unwrap();
            prop_assert_eq!((record.device, record.property, record.time.as_micros()), (&**device, &**property, *time));
            let fits = |payload: &Vec<u8>| payload.len() <= HISTORY_VALUE_BYTES_MAX;
            let expected: Vec<_> =
                payloads.iter().map(|payload| if fits(payload) { Payload::Bytes(payload) } else { Payload::TooLong }).collect();
            prop_assert_eq!(record.payloads().collect::<Vec<_>>(), expected);
            rest = &rest[bytes..];
        }
        prop_assert!(rest.is_empty() && Record::read(rest).is_none());
    }
}
