use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::*;
use crate::changes::{DeviceRecord, PropertyRecord, Snapshot};
use crate::device::{DeclareMode, DeviceId, DeviceInfo, PropertyName};
use crate::mailbox::{Mailbox, Offer};
use crate::message::{Presence, Properties, Qos, Run};
use crate::property::PropertySpec;
use crate::publisher::{Publisher, Receipt};
use crate::time::Timestamp;
use crate::value::Type;

mod bounds;
mod runs;
mod shards;

/// Remembers what it was offered as `topic=payload`, with `!` behind retained ones.
#[derive(Default)]
struct Log {
    seen: Mutex<Vec<String>>,
    capacity: Option<usize>,
}

impl Mailbox for Log {
    fn offer(&self, run: &Run<'_>, delivery: &Delivery) -> Offer {
        let mark = if delivery.retain { "!" } else { "" };
        let mut seen = self.seen.lock();
        for payload in run.payloads() {
            seen.push(format!("{}={}{mark}", run.topic(), String::from_utf8_lossy(payload)));
        }
        Offer::Taken
    }

    fn is_congested(&self) -> bool {
        self.capacity.is_some_and(|capacity| self.seen.lock().len() >= capacity)
    }
}

impl Log {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock())
    }
}

/// A hub with a clock of its own.
struct House {
    hub: Arc<Hub>,
    start: Instant,
    seconds: u64,
}

impl House {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "only differences to it count")]
        let start = Instant::now();
        Self { hub: Arc::new(Hub::new(HubOptions::default())), start, seconds: 0 }
    }

    fn now(&self) -> Now {
        let wall = Timestamp::from_micros(i64::try_from(self.seconds).unwrap() * 1_000_000);
        Now { instant: self.start + Duration::from_secs(self.seconds), wall }
    }

    fn pass(&mut self, seconds: u64) {
        self.seconds += seconds;
        self.hub.handle_timeout(self.now());
    }

    fn publisher(&self, presence: Presence) -> Publisher {
        let guest = Arc::new(Principal::new("guest", Permissions::all()));
        let session = self.hub.new_session();
        Publisher::new(Arc::clone(&self.hub), Arc::default(), guest, session, "mqtt", presence)
    }

    fn subscribe_as(&self, principal: &Arc<Principal>, filters: &[&str]) -> (Arc<Log>, Arc<Subscriber>) {
        let log = Arc::new(Log::default());
        let subscriber =
            Hub::subscriber(self.hub.new_session(), Arc::clone(principal), Arc::clone(&log) as Arc<dyn Mailbox>);
        for filter in filters {
            let filter = Filter::parse(filter).unwrap();
            self.hub.subscribe(&subscriber, &filter, SubscribeOptions::default()).unwrap();
        }
        (log, subscriber)
    }

    fn subscribe(&self, filters: &[&str]) -> Arc<Log> {
        self.subscribe_as(&Arc::new(Principal::new("guest", Permissions::all())), filters).0
    }

    fn publish(&self, publisher: &Publisher, topic: &str, payload: &str) -> Result<Receipt, Denied> {
        publisher.publish_run(Run::new(TopicRef::parse(topic).unwrap(), &[payload.as_bytes()]), self.now())
    }

    fn retain(&self, publisher: &Publisher, topic: &str, payload: &str) {
        let payloads = [payload.as_bytes()];
        let run = Run::new(TopicRef::parse(topic).unwrap(), &payloads).retain(true);
        publisher.publish_run(run, self.now()).unwrap();
    }

    fn stored(&self, kind: ReplayKind, filter: &str) -> Vec<String> {
        let (log, subscriber) = self.subscribe_as(&Arc::new(Principal::new("guest", Permissions::all())), &[]);
        let mut replay = Hub::replay(Filter::parse(filter).unwrap(), kind, SubscribeOptions::default());
        while self.hub.continue_replay(&subscriber, &mut replay, self.now()) == ReplayProgress::More {}
        log.take()
    }

    fn declare(&self, id: &str, specs: &[(&str, PropertySpec)]) {
        let specs: BTreeMap<_, _> =
            specs.iter().map(|(name, spec)| (PropertyName::parse(name).unwrap(), spec.clone())).collect();
        let id = DeviceId::parse(id).unwrap();
        self.hub.declare(&id, specs, DeclareMode::Replace, |_| DeviceInfo::default(), self.now()).unwrap();
    }
}

#[test]
fn a_subscriber_gets_one_copy_however_many_filters_match() {
    let house = House::new();
    let log = house.subscribe(&["a/+", "a/#", "a/b"]);
    let receipt = house.publish(&house.publisher(Presence::None), "a/b", "x").unwrap();
    assert_eq!(receipt.matched, 1);
    assert_eq!(log.take(), ["a/b=x"]);
}

#[test]
fn routes_follow_subscriptions_and_permissions() {
    let house = House::new();
    let publisher = house.publisher(Presence::None);
    let principal = Arc::new(Principal::new("somebody", Permissions::all()));
    let (log, subscriber) = house.subscribe_as(&principal, &["a/b"]);
    house.publish(&publisher, "a/b", "1").unwrap();
    house.hub.unsubscribe(&subscriber, &Filter::parse("a/b").unwrap());
    house.publish(&publisher, "a/b", "2").unwrap();
    house.hub.subscribe(&subscriber, &Filter::parse("#").unwrap(), SubscribeOptions::default()).unwrap();
    house.publish(&publisher, "a/b", "3").unwrap();
    house.hub.set_permissions(&principal, Permissions::default());
    house.publish(&publisher, "a/b", "4").unwrap();
    assert_eq!(log.take(), ["a/b=1", "a/b=3"]);
    assert!(house.hub.subscribe(&subscriber, &Filter::parse("a").unwrap(), SubscribeOptions::default()).is_err());
}

#[test]
fn no_local_keeps_own_messages_away() {
    let house = House::new();
    let publisher = house.publisher(Presence::None);
    let guest = Arc::clone(publisher.principal());
    let log = Arc::new(Log::default());
    let session = SessionId(house.hub.new_session().0 - 1);
    let subscriber = Hub::subscriber(session, guest, Arc::clone(&log) as Arc<dyn Mailbox>);
    let options = SubscribeOptions { no_local: true, ..SubscribeOptions::default() };
    house.hub.subscribe(&subscriber, &Filter::parse("a").unwrap(), options).unwrap();
    house.publish(&publisher, "a", "mine").unwrap();
    house.publish(&house.publisher(Presence::None), "a", "theirs").unwrap();
    assert_eq!(log.take(), ["a=theirs"]);
}

#[test]
fn subscriptions_of_the_hub_itself_are_not_counted() {
    let hub = Hub::new(HubOptions::default());
    let guest = Arc::new(Principal::new("guest", Permissions::all()));
    let filter = |text| Filter::parse(text).unwrap();
    let log = || Arc::<Log>::default() as Arc<dyn Mailbox>;
    let own = hub.own_subscriber(Arc::clone(&guest), log());
    let client = Hub::subscriber(hub.new_session(), guest, log());
    for text in ["a", "a", "b/#", "c"] {
        hub.subscribe(&own, &filter(text), SubscribeOptions::default()).unwrap();
    }
    hub.subscribe(&client, &filter("a"), SubscribeOptions::default()).unwrap();
    assert_eq!(hub.figures().subscriptions, 1);
    assert!(hub.unsubscribe(&own, &filter("a")) && !hub.unsubscribe(&own, &filter("a")));
    assert_eq!(hub.figures().subscriptions, 1);
    hub.unsubscribe_all(&own);
    assert_eq!(hub.figures().subscriptions, 1);
    hub.unsubscribe_all(&client);
    assert_eq!(hub.figures().subscriptions, 0);
}

#[test]
fn retained_messages_and_last_values_are_kept_apart() {
    let house = House::new();
    let publisher = house.publisher(Presence::None);
    house.retain(&publisher, "devices/lamp/power", "true");
    house.publish(&publisher, "devices/lamp/power", "false").unwrap();
    house.retain(&publisher, "free/topic", "kept");
    house.publish(&publisher, "free/topic", "passing").unwrap();
    assert_eq!(house.stored(ReplayKind::Retained, "+/+/power"), ["devices/lamp/power=true!"]);
    assert_eq!(house.stored(ReplayKind::Present, "+/+/power"), ["devices/lamp/power=false!"]);
    assert_eq!(house.stored(ReplayKind::Present, "free/#"), ["free/topic=kept!"]);
    house.retain(&publisher, "devices/lamp/power", "");
    house.retain(&publisher, "free/topic", "");
    assert_eq!(house.stored(ReplayKind::Retained, "devices/lamp/power"), [""; 0]);
    assert_eq!(house.stored(ReplayKind::Present, "devices/lamp/power"), ["devices/lamp/power=false!"]);
    assert_eq!(house.stored(ReplayKind::Present, "free/#"), [""; 0]);
    assert_eq!(house.hub.slots.figures().len, 0);
}

#[test]
fn a_replay_pauses_and_goes_on_where_it_was() {
    let house = House::new();
    let publisher = house.publisher(Presence::None);
    for number in 0..300 {
        house.retain(&publisher, &format!("t/{number:03}"), "x");
    }
    let log = Arc::new(Log { capacity: Some(130), ..Log::default() });
    let guest = Arc::clone(publisher.principal());
    let subscriber = Hub::subscriber(house.hub.new_session(), guest, Arc::clone(&log) as Arc<dyn Mailbox>);
    let mut replay = Hub::replay(Filter::parse("t/#").unwrap(), ReplayKind::Retained, SubscribeOptions::default());
    let mut seen = Vec::new();
    loop {
        match house.hub.continue_replay(&subscriber, &mut replay, house.now()) {
            ReplayProgress::Paused => {
                assert_eq!(log.seen.lock().len(), 130);
                seen.append(&mut log.take());
            }
            ReplayProgress::More => {}
            ReplayProgress::Done => break,
        }
    }
    seen.append(&mut log.take());
    let expected: Vec<_> = (0..300).map(|number| format!("t/{number:03}=x!")).collect();
    assert_eq!(seen, expected);
}

#[test]
fn expired_messages_are_not_replayed() {
    let mut house = House::new();
    let publisher = house.publisher(Presence::None);
    let properties = Arc::new(Properties { expiry: Some(Duration::from_secs(5)), ..Properties::default() });
    let run = Run::new(TopicRef::parse("t").unwrap(), &[b"x"]).retain(true).properties(Some(&properties));
    publisher.publish_run(run, house.now()).unwrap();
    house.pass(4);
    assert_eq!(house.stored(ReplayKind::Retained, "t"), ["t=x!"]);
    house.pass(1);
    assert_eq!(house.stored(ReplayKind::Retained, "t"), [""; 0]);
}

#[test]
fn a_request_is_shown_as_target_until_the_device_confirms() {
    let mut house = House::new();
    let device = house.publisher(Presence::Connected);
    let person = house.publisher(Presence::None);
    house.publish(&device, "devices/lamp/level", "10").unwrap();
    let log = house.subscribe(&["devices/lamp/level/+"]);
    house.publish(&person, "devices/lamp/level/set", "50").unwrap();
    assert_eq!(log.take(), ["devices/lamp/level/set=50", "devices/lamp/level/target=50"]);
    house.publish(&device, "devices/lamp/level", "50.0").unwrap();
    assert_eq!(log.take(), ["devices/lamp/level/target="]);

    house.publish(&person, "devices/lamp/level/set", "60").unwrap();
    house.publish(&device, "devices/lamp/level", "55").unwrap();
    log.take();
    house.pass(9);
    assert_eq!(log.take(), [""; 0]);
    house.pass(1);
    assert_eq!(log.take(), ["devices/lamp/level/target="]);

    house.publish(&person, "devices/lamp/level/set", "70").unwrap();
    log.take();
    house.pass(59);
    assert_eq!(house.stored(ReplayKind::Retained, "+/+/+/target"), ["devices/lamp/level/target=70!"]);
    house.pass(1);
    assert_eq!(log.take(), ["devices/lamp/level/target="]);
}

/// Remembers the topics whose messages were said to be states.
#[derive(Default)]
struct States(Mutex<Vec<(String, bool)>>);

impl Mailbox for States {
    fn offer(&self, run: &Run<'_>, _delivery: &Delivery) -> Offer {
        self.0.lock().push((run.topic().to_string(), run.is_state()));
        Offer::Taken
    }

    fn is_congested(&self) -> bool {
        false
    }
}

#[test]
fn states_are_told_from_happenings() {
    let house = House::new();
    let device = house.publisher(Presence::Connected);
    let access =
        crate::property::PropertyAccess { set: false, event: true, ..crate::property::PropertyAccess::INFERRED };
    house.declare("lamp", &[("pressed", PropertySpec { access, ..PropertySpec::declared(Type::Int) })]);
    let states = Arc::new(States::default());
    let guest = Arc::new(Principal::new("guest", Permissions::all()));
    let subscriber = Hub::subscriber(house.hub.new_session(), guest, Arc::clone(&states) as Arc<dyn Mailbox>);
    house.hub.subscribe(&subscriber, &Filter::parse("#").unwrap(), SubscribeOptions::default()).unwrap();
    let seen = || std::mem::take(&mut *states.0.lock());
    for (topic, expected) in [("devices/lamp/level", true), ("devices/lamp/pressed", false), ("free", false)] {
        house.publish(&device, topic, "7").unwrap();
        assert_eq!(seen().into_iter().find(|(have, _)| have == topic), Some((topic.to_owned(), expected)));
    }
    house.retain(&device, "free", "7");
    assert_eq!(seen(), [("free".to_owned(), true)]);
    house.publish(&device, "devices/lamp/level/set", "9").unwrap();
    let expected = [("devices/lamp/level/set".to_owned(), false), ("devices/lamp/level/target".to_owned(), true)];
    assert_eq!(seen(), expected);
}

#[test]
fn only_declared_rules_refuse_and_the_rest_of_the_run_passes() {
    let house = House::new();
    house.declare("lamp", &[("level", PropertySpec { max: Some(100.0), ..PropertySpec::declared(Type::Int) })]);
    let log = house.subscribe(&["devices/lamp/#"]);
    let device = house.publisher(Presence::None);
    let run = Run::new(TopicRef::parse("devices/lamp/level").unwrap(), &[b"1", b"900", b"3"]);
    let receipt = device.publish_run(run, house.now()).unwrap();
    assert_eq!(receipt.refused.len(), 1);
    let (place, rejection) = &receipt.refused[0];
    assert_eq!(*place, 1);
    assert_eq!(
        rejection.to_string(),
        "'900' was not accepted for 'level' of device 'lamp': it must be at most 100. Send what fits, or change what is \
         declared for 'level'."
    );
    let seen = log.take();
    assert_eq!(seen[..2], ["devices/lamp/level=1", "devices/lamp/level=3"]);
    assert!(seen[2].starts_with("devices/lamp/$rejected={"), "{seen:?}");
    house.publish(&device, "devices/other/level", "1").unwrap();
    assert!(house.publish(&device, "devices/other/level", "warm").unwrap().refused.is_empty());
}

#[test]
fn a_device_is_online_while_somebody_who_speaks_for_it_is_connected() {
    let mut house = House::new();
    let log = house.subscribe(&["devices/+/$online"]);
    let by_session = house.publisher(Presence::Connected);
    house.publish(&by_session, "devices/lamp/power", "true").unwrap();
    assert_eq!(log.take(), ["devices/lamp/$online=true"]);
    let session = SessionId(house.hub.new_session().0 - 1);
    house.hub.session_disconnected(session, house.now());
    assert_eq!(log.take(), ["devices/lamp/$online=false"]);
    house.hub.session_connected(session, house.now());
    assert_eq!(log.take(), ["devices/lamp/$online=true"]);
    house.publish(&by_session, "devices/lamp/$online", "false").unwrap();
    assert_eq!(log.take()[0], "devices/lamp/$online=false", "its own word wins");
    house.publish(&by_session, "devices/lamp/power", "true").unwrap();
    assert_eq!(log.take(), ["devices/lamp/$online=true"], "until it is heard of again");
    house.hub.session_ended(session, house.now());
    assert_eq!(log.take(), ["devices/lamp/$online=false"]);

    house.publish(&house.publisher(Presence::Momentary), "devices/meter/t", "1").unwrap();
    house.pass(200);
    house.publish(&house.publisher(Presence::Momentary), "devices/meter/t", "2").unwrap();
    house.pass(299);
    assert_eq!(log.take(), ["devices/meter/$online=true"]);
    house.pass(1);
    assert_eq!(log.take(), ["devices/meter/$online=false"]);
}

#[test]
fn a_device_heard_through_two_kinds_of_doors_is_looked_at_once() {
    let mut house = House::new();
    house.publish(&house.publisher(Presence::Connected), "devices/lamp/power", "true").unwrap();
    house.publish(&house.publisher(Presence::Momentary), "devices/lamp/power", "true").unwrap();
    house.pass(300);
    assert_eq!(house.hub.poll_timeout(), None, "the moment is over, the connection holds");
    let lamp = house.hub.device(&DeviceId::parse("lamp").unwrap()).unwrap();
    assert!(lamp.lock().is_online());
}

#[test]
fn wills_and_odd_words_do_not_make_a_device_online() {
    let house = House::new();
    let device = house.publisher(Presence::Connected);
    let will = house.publisher(Presence::None);
    house.publish(&device, "devices/lamp/power", "true").unwrap();
    house.publish(&device, "devices/lamp/$online", "false").unwrap();
    house.publish(&will, "devices/lamp/status", "gone").unwrap();
    assert_eq!(house.stored(ReplayKind::Retained, "+/+/$online"), ["devices/lamp/$online=false!"]);
    house.retain(&will, "devices/lamp/$online", "true");
    assert_eq!(house.stored(ReplayKind::Retained, "+/+/$online"), ["devices/lamp/$online=false!"]);
    house.retain(&device, "devices/lamp/$online", "asleep");
    assert_eq!(house.stored(ReplayKind::Retained, "+/+/$online"), ["devices/lamp/$online=false!"]);
}

#[test]
fn while_all_reporters_are_connected_none_makes_room() {
    let house = House::new();
    let sessions: Vec<_> = (0..20)
        .map(|_| {
            let publisher = house.publisher(Presence::Connected);
            house.publish(&publisher, "devices/lamp/power", "true").unwrap();
            SessionId(house.hub.new_session().0 - 1)
        })
        .collect();
    let lamp = house.hub.device(&DeviceId::parse("lamp").unwrap()).unwrap();
    for session in &sessions[1..] {
        house.hub.session_ended(*session, house.now());
    }
    assert!(lamp.lock().is_online(), "the first is still there");
    house.hub.session_ended(sessions[0], house.now());
    assert!(!lamp.lock().is_online());
}

#[test]
fn what_keeps_nothing_leaves_nothing() {
    let house = House::new();
    let publisher = house.publisher(Presence::None);
    for number in 0..100 {
        house.publish(&publisher, &format!("devices/d{number}/p/set"), "1").unwrap();
        house.publish(&publisher, &format!("devices/d{number}/$online"), "true").unwrap();
        house.retain(&publisher, &format!("free/{number}"), "");
    }
    assert_eq!(house.hub.slots.page(&Filter::parse("#").unwrap(), None).0.len(), 0);
}

#[test]
fn a_value_that_a_declaration_drops_is_shown_nowhere() {
    let house = House::new();
    house.publish(&house.publisher(Presence::None), "devices/oven/t", "hot").unwrap();
    house.declare("oven", &[("t", PropertySpec::declared(Type::Int))]);
    assert_eq!(house.stored(ReplayKind::Present, "devices/oven/t"), [""; 0]);
}

#[test]
fn a_batch_that_the_disk_refused_comes_again_as_things_are_then() {
    let house = House::new();
    let publisher = house.publisher(Presence::None);
    house.retain(&publisher, "a", "1");
    house.retain(&publisher, "devices/lamp/power", "true");
    let refused = house.hub.take_changes();
    house.retain(&publisher, "a", "2");
    house.hub.put_back(refused);
    let again = house.hub.take_changes();
    let kept = |topic: &str| again.retained.iter().find(|(have, _)| have.as_str() == topic).unwrap().1.clone().unwrap();
    assert_eq!(kept("a").payload, "2");
    assert_eq!(kept("devices/lamp/power").payload, "true");
    assert_eq!((again.devices.len(), again.properties.len()), (1, 1));
}

#[test]
fn the_hubs_own_topics_are_not_written_by_others() {
    let house = House::new();
    let publisher = house.publisher(Presence::None);
    for topic in ["devices/lamp/power/target", "devices/lamp/$changed", "devices/lamp/$firmware"] {
        assert!(matches!(house.publish(&publisher, topic, "x"), Err(Denied::HubOnly(_))), "{topic}");
    }
}

#[test]
fn deleting_a_device_clears_everything_below_it() {
    let house = House::new();
    let publisher = house.publisher(Presence::Connected);
    house.retain(&publisher, "devices/lamp/power", "true");
    house.retain(&publisher, "devices/lamp2/power", "true");
    let log = house.subscribe(&["devices/+/$changed"]);
    let lamp = DeviceId::parse("lamp").unwrap();
    assert!(house.hub.remove_device(&lamp, house.now()));
    assert!(!house.hub.remove_device(&lamp, house.now()));
    assert_eq!(house.stored(ReplayKind::Present, "devices/lamp/#"), [""; 0]);
    assert_eq!(house.stored(ReplayKind::Present, "devices/lamp2/power"), ["devices/lamp2/power=true!"]);
    house.publish(&publisher, "devices/lamp/power", "false").unwrap();
    assert_eq!(log.take(), ["devices/lamp/$changed=removed", "devices/lamp/$changed=registered"]);
}

#[test]
fn what_was_saved_comes_back_offline_and_without_pending_requests() {
    let house = House::new();
    let publisher = house.publisher(Presence::Connected);
    house.declare("lamp", &[("power", PropertySpec::declared(Type::Bool))]);
    house.publish(&publisher, "devices/lamp/power", "true").unwrap();
    house.publish(&publisher, "devices/lamp/power/set", "false").unwrap();
    house.retain(&publisher, "free", "x");
    let changes = house.hub.take_changes();
    assert!(house.hub.take_changes().is_empty());
    let retained = changes.retained.into_iter().filter_map(|(_, message)| message).collect();
    let snapshot = Snapshot { devices: changes.devices, properties: changes.properties, retained };
    let [DeviceRecord { id, .. }] = &snapshot.devices[..] else { panic!("one device: {snapshot:?}") };
    assert_eq!(id.as_str(), "lamp");
    let [PropertyRecord { last: Some((payload, ..)), .. }] = &snapshot.properties[..] else { panic!("{snapshot:?}") };
    assert_eq!(&payload[..], b"true");

    let again = House::new();
    again.hub.restore(snapshot);
    assert_eq!(
        again.stored(ReplayKind::Present, "#"),
        ["devices/lamp/$online=false!", "devices/lamp/power=true!", "free=x!"]
    );
    let lamp = again.hub.device(&DeviceId::parse("lamp").unwrap()).unwrap();
    let state = lamp.lock();
    assert!(!state.is_online());
    let power = &state.properties["power"];
    assert!(power.spec.declared && power.target.is_none() && power.value.is_some());
}

#[test]
fn a_receipt_names_the_batch_that_makes_it_durable() {
    let house = House::new();
    let publisher = house.publisher(Presence::None);
    let publish = |topic, qos, retain| {
        let payloads: [&[u8]; 1] = [b"x"];
        let run = Run::new(TopicRef::parse(topic).unwrap(), &payloads).qos(qos).retain(retain);
        publisher.publish_run(run, house.now()).unwrap().durable_with
    };
    assert_eq!(publish("free", Qos::AtLeastOnce, false), None, "nothing is kept of it");
    assert_eq!(publish("free", Qos::AtMostOnce, true), None, "nobody waits for it");
    for topic in ["free", "devices/lamp/word"] {
        let due = publish(topic, Qos::AtLeastOnce, true).unwrap();
        let batch = house.hub.take_changes();
        assert_eq!(batch.number, due);
        assert!(batch.retained.iter().any(|(have, _)| have.as_str() == topic));
        assert!(publish(topic, Qos::AtLeastOnce, true).unwrap() > due);
    }
}

/// Takes everything, over its bound, and would rather not.
struct Crowded;

impl Mailbox for Crowded {
    fn readiness(&self) -> crate::mailbox::Readiness {
        crate::mailbox::Readiness::Full
    }

    fn offer(&self, _run: &Run<'_>, _delivery: &Delivery) -> Offer {
        Offer::Crowded
    }

    fn is_congested(&self) -> bool {
        false
    }
}

#[test]
fn whoever_publishes_to_a_full_mailbox_waits_or_is_refused() {
    let house = House::new();
    let publisher = house.publisher(Presence::Momentary);
    let publish = |topic, qos| {
        let payloads: [&[u8]; 1] = [b"x"];
        let run = Run::new(TopicRef::parse(topic).unwrap(), &payloads).qos(qos);
        publisher.publish_run(run, house.now()).map(|receipt| receipt.waits_for_room)
    };
    assert_eq!(publish("devices/lamp/word", Qos::AtLeastOnce), Ok(false));
    let anybody = Arc::new(Principal::new("full", Permissions::all()));
    let full = house.hub.own_subscriber(anybody, Arc::new(Crowded));
    house.hub.subscribe(&full, &Filter::parse("devices/+/+").unwrap(), SubscribeOptions::default()).unwrap();
    assert_eq!(house.hub.figures().subscriptions, 0, "parts of the program do not count");
    assert_eq!(publish("devices/lamp/word", Qos::AtLeastOnce), Ok(true));
    assert_eq!(publish("free", Qos::AtLeastOnce), Ok(false));
    // Two reasons to refuse do not end each other, and one of them concerns nobody else.
    house.hub.set_out_of_room(true);
    assert!(!house.hub.disk_is_failing());
    let payloads: [&[u8]; 1] = [b"x"];
    let kept = Run::new(TopicRef::parse("free/kept").unwrap(), &payloads).qos(Qos::AtLeastOnce).retain(true);
    assert!(publisher.publish_run(kept, house.now()).is_ok());
    house.hub.set_disk_failing(false);
    assert_eq!(publish("devices/lamp/word", Qos::AtLeastOnce), Err(Denied::DiskFailing));
    assert!(publish("devices/lamp/word", Qos::AtMostOnce).is_ok() && publish("free", Qos::AtLeastOnce).is_ok());
    house.hub.set_disk_failing(true);
    house.hub.set_out_of_room(false);
    assert_eq!(publish("devices/lamp/word", Qos::AtLeastOnce), Err(Denied::DiskFailing));
    house.hub.set_disk_failing(false);
    assert_eq!(publish("devices/lamp/word", Qos::ExactlyOnce), Ok(true));
    let payloads: [&[u8]; 1] = [b"x"];
    let run = Run::new(TopicRef::parse("devices/lamp/word").unwrap(), &payloads);
    assert_eq!(publisher.publish_run(run, house.now()).unwrap().matched, 0);
    house.hub.unsubscribe_all(&full);
    assert_eq!(house.hub.figures().subscriptions, 0);
}

/// Subscribing inserts the route first and reads stored values after: whatever two threads do, the last value a
/// subscriber saw is the last one published.
#[test]
fn a_new_subscriber_never_misses_the_last_value() {
    const ROUNDS: usize = 2_000;
    let house = House::new();
    let guest = Arc::new(Principal::new("guest", Permissions::all()));
    let publisher = house.publisher(Presence::None);
    let now = house.now();
    let filter = Filter::parse("counter").unwrap();
    let logs = std::thread::scope(|scope| {
        let subscribing = scope.spawn(|| {
            let mut logs = Vec::new();
            for _ in 0..ROUNDS {
                let (log, subscriber) = house.subscribe_as(&guest, &["counter"]);
                let mut replay = Hub::replay(filter.clone(), ReplayKind::Retained, SubscribeOptions::default());
                house.hub.continue_replay(&subscriber, &mut replay, now);
                logs.push(log);
            }
            logs
        });
        let mut number = 0;
        while !subscribing.is_finished() {
            number += 1;
            let payload = format!("{number}");
            let payloads = [payload.as_bytes()];
            publisher.publish_run(Run::new(filter.as_topic().unwrap(), &payloads).retain(true), now).unwrap();
        }
        subscribing.join().unwrap()
    });
    let last = house.stored(ReplayKind::Retained, "counter").remove(0);
    for log in logs {
        let seen = log.take();
        let values: Vec<u64> =
            seen.iter().map(|line| line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()).collect();
        assert_eq!(values.last(), last.trim_matches(|c: char| !c.is_ascii_digit()).parse().ok().as_ref());
        // A repeat is allowed; going back is not, except by the replay's own repeat of what came live.
        assert!(values.windows(2).all(|pair| pair[0] <= pair[1]), "{values:?}");
    }
}

#[test]
fn properties_travel_with_qos() {
    let house = House::new();
    let run_qos = Arc::new(Mutex::new(Vec::new()));
    struct Spy(Arc<Mutex<Vec<(Qos, Qos)>>>);
    impl Mailbox for Spy {
        fn offer(&self, run: &Run<'_>, delivery: &Delivery) -> Offer {
            self.0.lock().push((run.published_qos(), delivery.qos));
            Offer::Taken
        }
        fn is_congested(&self) -> bool {
            false
        }
    }
    let guest = Arc::new(Principal::new("guest", Permissions::all()));
    let subscriber = Hub::subscriber(house.hub.new_session(), guest, Arc::new(Spy(Arc::clone(&run_qos))));
    for (filter, qos) in [("a", Qos::AtMostOnce), ("+", Qos::ExactlyOnce)] {
        let options = SubscribeOptions { qos, ..SubscribeOptions::default() };
        house.hub.subscribe(&subscriber, &Filter::parse(filter).unwrap(), options).unwrap();
    }
    let payloads: [&[u8]; 1] = [b"x"];
    let run = Run::new(TopicRef::parse("a").unwrap(), &payloads).qos(Qos::AtLeastOnce);
    house.publisher(Presence::None).publish_run(run, house.now()).unwrap();
    assert_eq!(*run_qos.lock(), [(Qos::AtLeastOnce, Qos::ExactlyOnce)], "the highest granted QoS counts");
}
