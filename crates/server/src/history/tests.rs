use std::time::Instant;

use housewire_core::{HubOptions, Presence, Publisher, Qos, RouteCache, Run, TopicRef};
use housewire_store::{Reading, Window};

use super::*;
use crate::persist::DurabilityMode;
use crate::shard::now;

/// A hub with a history, in a folder of its own.
struct House {
    hub: Arc<Hub>,
    recorder: Arc<Recorder>,
    publisher: Publisher,
    _store: Store,
}

impl House {
    fn open(folder: &std::path::Path) -> Self {
        let hub = Arc::new(Hub::new(HubOptions::default()));
        let store = Store::open(folder).unwrap();
        hub.restore(store.load().unwrap().snapshot);
        let (durability, _desk) = Durability::new(DurabilityMode::Strict);
        let recorder = Recorder::start(HistoryConfig::default(), None, &store, &hub, &durability).unwrap();
        let anybody = Arc::new(Principal::new("test", Permissions::all()));
        let (session, routes) = (hub.new_session(), Arc::new(RouteCache::new()));
        let publisher = Publisher::new(Arc::clone(&hub), routes, anybody, session, "test", Presence::Connected);
        Self { hub, recorder, publisher, _store: store }
    }

    fn report(&self, topic: &str, payload: &str) {
        let payloads = [payload.as_bytes()];
        let topic = format!("devices/{topic}");
        let run = Run::new(TopicRef::parse(&topic).unwrap(), &payloads).qos(Qos::AtLeastOnce);
        self.publisher.publish_run(run, now()).unwrap();
    }

    /// Everything that is remembered of a property.
    async fn values(&self, name: &str) -> Vec<String> {
        let name = Name::parse(name).unwrap();
        let points = self.recorder.ask(move |reader| {
            let Some(series) = reader.find(name.device.as_str(), name.property.as_str()) else { return Ok(Vec::new()) };
            Ok(reader.raw(series, Window::ALL, 1_000, None)?.points)
        });
        points.await.unwrap().into_iter().map(|point| point.reading.to_string()).collect()
    }
}

#[tokio::test]
async fn values_are_remembered_as_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    for value in ["21.5", "22", "-1e3"] {
        house.report("t/float", value);
    }
    for value in ["true", "false"] {
        house.report("t/bool", value);
    }
    for value in ["on", "off", &"x".repeat(256), &"x".repeat(257)] {
        house.report("t/text", value);
    }
    // Nobody declared it, so that it becomes what it has to be.
    for value in ["1", "2", "hot", "3"] {
        house.report("t/widened", value);
    }
    assert_eq!(house.values("t/float").await, ["21.5", "22", "-1000"]);
    assert_eq!(house.values("t/bool").await, ["true", "false"]);
    assert_eq!(house.values("t/text").await, ["on", "off", &"x".repeat(256)]);
    assert_eq!(house.values("t/widened").await, ["1", "2", "hot", "3"]);
    assert_eq!(house.recorder.figures().too_long.load(std::sync::atomic::Ordering::Relaxed), 1);
    assert!(house.values("t/nothing").await.is_empty());
}

#[tokio::test]
async fn policies_hold_from_the_next_value_on_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let name = Name::parse("t/x").unwrap();
    let policy = |keep| Policy { keep, every_s: None, raw_days: Some(7) };
    {
        let house = House::open(folder.path());
        house.report("t/x", "1");
        house.report("t/x", "1");
        house.recorder.keep(name.clone(), policy(policy::Keep::Change)).await.unwrap().unwrap();
        for value in ["2", "2", "3"] {
            house.report("t/x", value);
        }
        assert_eq!(house.values("t/x").await, ["1", "1", "2", "3"]);
        house.recorder.keep(name.clone(), policy(policy::Keep::Off)).await.unwrap().unwrap();
        house.report("t/x", "4");
        assert_eq!(house.values("t/x").await, ["1", "1", "2", "3"]);
        house.recorder.finish();
    }
    let house = House::open(folder.path());
    assert_eq!(house.recorder.policy(name).await.unwrap(), policy(policy::Keep::Off));
    house.report("t/x", "5");
    assert!(!house.values("t/x").await.contains(&"5".to_owned()));
}

#[tokio::test]
async fn the_history_of_a_device_goes_with_it_and_what_comes_later_stays() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    let id = DeviceId::parse("t").unwrap();
    house
        .recorder
        .keep(Name::parse("t/x").unwrap(), Policy { keep: policy::Keep::Change, ..Policy::default() })
        .await
        .unwrap()
        .unwrap();
    house.report("t/x", "1");
    house.report("other/x", "7");
    house.recorder.bury(&id).await.unwrap();
    assert!(house.hub.remove_device(&id, now()));
    for value in ["2", "2"] {
        house.report("t/x", value);
    }
    house.recorder.settled().await.unwrap();
    assert_eq!(house.values("t/x").await, ["2", "2"], "with the usual policy");
    assert_eq!(house.values("other/x").await, ["7"]);
    assert_eq!(house.recorder.policy(Name::parse("t/x").unwrap()).await.unwrap(), Policy::default());
}

#[tokio::test]
async fn nothing_is_kept_of_a_device_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    let name = Name::parse("t/x").unwrap();
    house.report("t/x", "1");
    assert!(house.hub.remove_device(&name.device, now()));
    let point = Point { time: Timestamp::from_micros(0), reading: Reading::float(7.0).unwrap() };
    assert!(house.recorder.import(name.clone(), vec![point]).await.is_err());
    let change = Policy { keep: policy::Keep::Change, ..Policy::default() };
    house.recorder.keep(name.clone(), change).await.unwrap().unwrap();
    assert!(house.values("t/x").await.is_empty());
    assert_eq!(house.recorder.policy(name).await.unwrap(), Policy::default());
}

#[tokio::test]
async fn one_device_has_so_many_policies_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    house.report("t/x", "1");
    house.report("other/x", "1");
    let change = Policy { keep: policy::Keep::Change, ..Policy::default() };
    let max = crate::limits::HISTORY_POLICIES_OF_DEVICE_MAX;
    for number in 0..=max {
        let name = Name::parse(&format!("t/p{number}")).unwrap();
        assert_eq!(house.recorder.keep(name, change).await.unwrap().is_ok(), number < max, "{number}");
    }
    assert!(house.recorder.keep(Name::parse("other/x").unwrap(), change).await.unwrap().is_ok());
    assert!(house.recorder.keep(Name::parse("t/p0").unwrap(), Policy::default()).await.unwrap().is_ok());
    assert!(house.recorder.keep(Name::parse("t/last").unwrap(), change).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_tombstone_outlives_the_hub() {
    let folder = tempfile::tempdir().unwrap();
    {
        let house = House::open(folder.path());
        house.report("gone/x", "1");
        house.report("other/x", "1");
        house.recorder.settled().await.unwrap();
        // The hub dies when the device is deleted and its history is not.
        house.recorder.bury(&DeviceId::parse("gone").unwrap()).await.unwrap();
        house.recorder.finish();
    }
    // Neither device is in this hub's registry, as nothing wrote it to the disk; only one of them was deleted.
    let house = House::open(folder.path());
    assert!(house.values("gone/x").await.is_empty());
    assert_eq!(house.values("other/x").await, ["1"]);
    house.recorder.settled().await.unwrap();
    house.recorder.finish();
    drop(house);
    let house = House::open(folder.path());
    house.report("gone/x", "2");
    assert_eq!(house.values("gone/x").await, ["2"], "the tombstone is cleared");
}

#[tokio::test]
async fn imports_and_deletions_are_done_in_order_with_what_comes_live() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    let name = Name::parse("t/x").unwrap();
    house.report("t/x", "1");
    let point = |seconds: i64, value: f64| Point {
        time: Timestamp::from_micros(seconds * 1_000_000),
        reading: Reading::float(value).unwrap(),
    };
    let points = vec![point(0, 10.0), point(0, 11.0), point(4_102_444_800, 12.0)];
    assert_eq!(house.recorder.import(name.clone(), points).await.unwrap(), 3);
    assert_eq!(house.values("t/x").await, ["10", "11", "1", "12"]);
    let until = Timestamp::from_micros(1_000_000);
    house.recorder.forget(name.clone(), Some(Window { from: Window::ALL.from, to: until })).await.unwrap();
    assert_eq!(house.values("t/x").await, ["1", "12"]);
    house.recorder.forget(name, None).await.unwrap();
    assert!(house.values("t/x").await.is_empty());
    house.report("t/x", "2");
    assert_eq!(house.values("t/x").await, ["2"]);
}

#[tokio::test]
async fn an_end_brings_everything_to_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    for number in 0..10_000 {
        house.report("t/x", &number.to_string());
    }
    let begun = Instant::now();
    house.recorder.finish();
    assert!(begun.elapsed() < Duration::from_secs(20), "it ends at once");
    drop(house);
    let house = House::open(folder.path());
    let name = Name::parse("t/x").unwrap();
    let span = house.recorder.ask(move |reader| {
        let series = reader.find(name.device.as_str(), name.property.as_str()).unwrap();
        reader.span(series)
    });
    assert_eq!(span.await.unwrap().unwrap().points, 10_000);
}

#[tokio::test]
async fn files_that_cannot_be_used_mean_no_history_and_nothing_worse() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    std::fs::write(store.history_folder(), "a file where a folder should be").unwrap();
    let hub = Arc::new(Hub::new(HubOptions::default()));
    let (durability, _desk) = Durability::new(DurabilityMode::Strict);
    assert!(Recorder::start(HistoryConfig::default(), None, &store, &hub, &durability).is_none());
    let off = HistoryConfig { enabled: false, ..HistoryConfig::default() };
    assert!(Recorder::start(off, None, &store, &hub, &durability).is_none());
}
