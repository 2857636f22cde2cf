//! Bounds that a hub is given, and what it says of itself.

use super::*;
use crate::slots::RetainedFigures;

fn house(limits: HubLimits) -> House {
    let hub = Hub::new(HubOptions { limits, ..HubOptions::default() });
    House { hub: Arc::new(hub), ..House::new() }
}

fn retain(house: &House, topic: &str, payload: &str) -> Result<Receipt, Denied> {
    let payloads = [payload.as_bytes()];
    let run = Run::new(TopicRef::parse(topic).unwrap(), &payloads).retain(true);
    house.publisher(Presence::None).publish_run(run, house.now())
}

#[test]
fn retained_messages_are_bounded_in_number() {
    let house = house(HubLimits { retained_len_max: 2, ..HubLimits::default() });
    retain(&house, "a", "1").unwrap();
    retain(&house, "b", "1").unwrap();
    assert_eq!(retain(&house, "c", "1").unwrap_err(), Denied::RetainedFull(2));
    retain(&house, "b", "2").unwrap();
    retain(&house, "c", "").unwrap();
    retain(&house, "a", "").unwrap();
    retain(&house, "c", "1").unwrap();
    let RetainedFigures { len, bytes, refused_for_len, refused_for_bytes } = house.hub.figures().retained;
    assert_eq!((len, bytes, refused_for_len, refused_for_bytes), (2, 4, 1, 0));
}

#[test]
fn retained_messages_are_bounded_in_bytes() {
    let house = house(HubLimits { retained_bytes_max: 20, ..HubLimits::default() });
    retain(&house, "a", "123456789").unwrap();
    retain(&house, "b", "12345678").unwrap();
    assert_eq!(house.hub.figures().retained.bytes, 19);
    assert_eq!(retain(&house, "c", "1").unwrap_err(), Denied::RetainedBytesFull(20));
    assert_eq!(retain(&house, "b", "1234567890").unwrap_err(), Denied::RetainedBytesFull(20));
    retain(&house, "b", "123456789").unwrap();
    retain(&house, "b", "x").unwrap();
    retain(&house, "c", "1").unwrap();
    assert_eq!(house.hub.figures().retained.bytes, 14);
    for topic in ["a", "b", "c"] {
        retain(&house, topic, "").unwrap();
    }
    assert_eq!(house.hub.figures().retained, RetainedFigures { refused_for_bytes: 2, ..RetainedFigures::default() });
}

#[test]
fn topics_are_as_long_and_deep_as_the_hub_allows() {
    let house = house(HubLimits { topic_bytes_max: 10, topic_levels_max: 3, ..HubLimits::default() });
    let publisher = house.publisher(Presence::None);
    let log = house.subscribe(&["#"]);
    for (topic, expected) in [
        ("0123456789", None),
        ("0123456789a", Some(Denied::TopicTooLong(10))),
        ("a/b/c", None),
        ("a/b/c/d", Some(Denied::TopicTooDeep(3))),
    ] {
        assert_eq!(house.publish(&publisher, topic, "").err(), expected, "{topic}");
        let filter = Filter::parse(topic).unwrap();
        let guest = Arc::new(Principal::new("guest", Permissions::all()));
        let subscriber = Hub::subscriber(house.hub.new_session(), guest, Arc::new(Log::default()));
        let subscribed = house.hub.subscribe(&subscriber, &filter, SubscribeOptions::default());
        assert_eq!(subscribed.err(), expected, "{topic}");
    }
    assert_eq!(log.take(), ["0123456789=", "a/b/c="]);
    assert_eq!(house.hub.figures().topics_refused, 4);
}

#[test]
fn what_the_hub_says_of_itself_is_for_everybody_to_read_and_for_nobody_to_write() {
    let house = House::new();
    let topic = TopicRef::parse("$SYS/broker/uptime").unwrap();
    let (all, sys) = (house.subscribe(&["#"]), house.subscribe(&["$SYS/#"]));
    for payload in ["1 seconds", "1 seconds", "2 seconds"] {
        house.hub.publish_sys(topic, payload, house.now());
    }
    assert_eq!(sys.take(), ["$SYS/broker/uptime=1 seconds", "$SYS/broker/uptime=2 seconds"]);
    assert_eq!(all.take(), Vec::<String>::new());
    assert_eq!(house.stored(ReplayKind::Retained, "$SYS/#"), ["$SYS/broker/uptime=2 seconds!"]);
    assert!(house.hub.take_changes().is_empty(), "the disk has no business with it");
    assert_eq!(house.hub.figures().retained.len, 0);
    assert_eq!(house.hub.figures().subscriptions, 2);
    let publisher = house.publisher(Presence::None);
    assert!(matches!(house.publish(&publisher, "$SYS/broker/uptime", "x"), Err(Denied::HubOnly(_))));
    assert!(matches!(retain(&house, "$SYS/x", ""), Err(Denied::HubOnly(_))));
}
