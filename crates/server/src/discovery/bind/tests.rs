use std::time::Duration;

use housewire_core::{PropertySpec, Timestamp, Type};
use housewire_links::discovery::model::{AvailabilityMode, AvailabilityTopic};

use super::super::samples;
use super::*;

fn at(seconds: u64) -> Now {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let start = *START.get_or_init(Instant::now);
    let micros = i64::try_from(seconds * 1_000_000).unwrap();
    Now { instant: start + Duration::from_secs(seconds), wall: Timestamp::from_micros(micros) }
}

fn plan(names: &[&str]) -> Plan {
    let properties = names.iter().map(|name| (PropertyName::parse(name).unwrap(), samples::sensor(name, name)));
    Plan {
        device: DeviceId::parse("lamp").ok(),
        properties: properties.collect(),
        availability: Availability::default(),
    }
}

fn name(text: &str) -> PropertyName {
    PropertyName::parse(text).unwrap()
}

fn value(find: &str, property: &str, payload: &str) -> Effect {
    Effect::Value { find: find.into(), name: name(property), payload: payload.into() }
}

fn texts(topics: &[&str]) -> Vec<String> {
    topics.iter().map(|&topic| topic.to_owned()).collect()
}

#[test]
fn topics_are_listened_to_as_long_as_somebody_needs_them() {
    let mut bindings = Bindings::default();
    let bound = bindings.bind("one", plan(&["a", "b"]));
    assert_eq!(bound, Topics { more: texts(&["x/a", "x/b"]), less: vec![] });
    let bound = bindings.bind("two", plan(&["b"]));
    assert_eq!(bound.more, texts(&["x/b"]), "read again for who is new to it");
    assert_eq!(bindings.bind("one", plan(&["a"])), Topics::default(), "the other one still needs it");
    assert_eq!(bindings.unbind("two"), Topics { more: vec![], less: texts(&["x/b"]) });
    assert_eq!(bindings.unbind("two"), Topics::default());
    assert_eq!((bindings.topic_count(), bindings.property_count()), (1, 1));
}

#[test]
fn a_message_is_a_value_for_everybody_who_reads_it() {
    let mut bindings = Bindings::default();
    bindings.bind("one", plan(&["a"]));
    bindings.bind("two", plan(&["a"]));
    assert_eq!(bindings.heard("x/a", b"1", at(0)), [value("one", "a", "1"), value("two", "a", "1")]);
    assert_eq!(bindings.heard("x/other", b"1", at(0)), []);
    assert_eq!(bindings.heard("x/a", b"", at(0)), [], "nothing is no value");
    assert_eq!(bindings.payload("one", &name("a")), Some(&b"1"[..]));
    bindings.bind("one", plan(&["a", "b"]));
    assert_eq!(bindings.payload("one", &name("a")), Some(&b"1"[..]), "tied anew, it is still known");
}

#[test]
fn what_cannot_be_used_is_a_problem_and_the_value_stays() {
    let mut bindings = Bindings::default();
    let mut broken = plan(&["a"]);
    broken.properties[0].1.spec = PropertySpec::declared(Type::Int);
    broken.properties[0].1.reads[0].template = Some("{{ value_json.x }}".into());
    bindings.bind("one", broken);
    assert_eq!(bindings.heard("x/a", br#"{"x":7}"#, at(0)), [value("one", "a", "7")]);
    for payload in [&br#"{"x":"seven"}"#[..], &[0xff, 0xfe]] {
        assert!(matches!(&bindings.heard("x/a", payload, at(1))[..], [Effect::Problem { .. }]), "{payload:?}");
    }
    assert_eq!(bindings.payload("one", &name("a")), Some(&b"7"[..]));
}

#[test]
fn a_template_that_never_ends_is_ended() {
    let mut bindings = Bindings::default();
    let mut hostile = plan(&["a"]);
    let endless = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}";
    hostile.properties[0].1.reads[0].template = Some(endless.into());
    bindings.bind("one", hostile);
    let began = Instant::now();
    assert!(matches!(&bindings.heard("x/a", b"1", at(0))[..], [Effect::Problem { .. }]));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn values_grow_old_and_new_again() {
    let mut bindings = Bindings::default();
    let mut aging = plan(&["a", "b"]);
    aging.properties[0].1.expire_after = Some(Duration::from_secs(10));
    bindings.bind("one", aging.clone());
    assert_eq!(bindings.poll_timeout(), None);
    bindings.heard("x/a", b"1", at(0));
    bindings.heard("x/a", b"2", at(5));
    assert_eq!(bindings.poll_timeout(), Some(at(15).instant));
    assert_eq!(bindings.handle_timeout(at(14).instant), []);
    assert_eq!(bindings.handle_timeout(at(15).instant), [Effect::Presence { find: "one".into() }]);
    assert_eq!((bindings.expired("one"), bindings.is_all_expired("one")), (vec![name("a")], false));
    bindings.bind("one", aging);
    assert_eq!(bindings.expired("one"), [name("a")], "tied anew, it is as old");
    bindings.heard("x/a", b"3", at(16));
    assert_eq!(bindings.expired("one"), []);
    bindings.unbind("one");
    assert_eq!(bindings.poll_timeout(), None);
}

#[test]
fn a_motion_is_over_by_itself() {
    let mut bindings = Bindings::default();
    let mut motion = plan(&["a"]);
    motion.properties[0].1.spec = PropertySpec::declared(Type::Bool);
    motion.properties[0].1.off_delay = Some(Duration::from_secs(3));
    bindings.bind("one", motion);
    bindings.heard("x/a", b"true", at(0));
    bindings.heard("x/a", b"true", at(2));
    assert_eq!(bindings.handle_timeout(at(4).instant), [], "it was seen again meanwhile");
    assert_eq!(bindings.handle_timeout(at(5).instant), [value("one", "a", "false")]);
    bindings.heard("x/a", b"true", at(6));
    bindings.heard("x/a", b"false", at(7));
    assert_eq!(bindings.poll_timeout(), None);
}

#[test]
fn presence_is_what_all_its_topics_say() {
    let topic = |topic: &str| AvailabilityTopic {
        topic: topic.into(),
        online: "online".into(),
        offline: "offline".into(),
        template: None,
    };
    let mut bindings = Bindings::default();
    let with = |mode| Plan {
        availability: Availability { topics: vec![topic("x/bridge"), topic("x/device")], mode },
        ..plan(&["a"])
    };
    assert_eq!(bindings.is_available("one"), None);
    bindings.bind("one", with(AvailabilityMode::All));
    assert_eq!(bindings.is_available("one"), Some(false), "nothing was said");
    assert_eq!(bindings.heard("x/bridge", b"online", at(0)), [Effect::Presence { find: "one".into() }]);
    assert_eq!(bindings.is_available("one"), Some(false));
    bindings.heard("x/device", b"online", at(0));
    assert_eq!(bindings.is_available("one"), Some(true));
    bindings.bind("one", with(AvailabilityMode::All));
    assert_eq!(bindings.is_available("one"), Some(true), "tied anew, it is still there");
    bindings.heard("x/bridge", b"offline", at(1));
    assert_eq!(bindings.is_available("one"), Some(false));
}

#[test]
fn requests_go_where_the_device_takes_them() {
    let mut bindings = Bindings::default();
    let mut ties = plan(&["a", "b", "c"]);
    ties.properties[0].1.write.as_mut().unwrap().optimistic = true;
    ties.properties[2].1.write = None;
    bindings.bind("one", ties);
    match bindings.request("one", &name("a"), b"on", at(0)) {
        Asked::Send { message, is_optimistic } => {
            assert_eq!(
                (message.topic.as_str(), message.payload.as_slice(), is_optimistic),
                ("x/a/cmd", &b"on"[..], true)
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bindings.payload("one", &name("a")), Some(&b"on"[..]), "taken for its value");
    assert!(matches!(bindings.request("one", &name("b"), b"on", at(0)), Asked::Send { is_optimistic: false, .. }));
    assert_eq!(bindings.payload("one", &name("b")), None);
    for (find, property) in [("one", "c"), ("one", "d"), ("two", "a")] {
        assert!(matches!(bindings.request(find, &name(property), b"on", at(0)), Asked::Nowhere), "{find} {property}");
    }
}

#[test]
fn finds_that_nobody_adopted_have_only_so_much_time() {
    let mut bindings = Bindings::default();
    bindings.bind("adopted", plan(&["a"]));
    bindings.bind("new", Plan { device: None, ..plan(&["a"]) });
    let both = [value("adopted", "a", "1"), value("new", "a", "1")];
    assert_eq!(bindings.heard("x/a", b"1", at(0)), both);
    assert!(bindings.unadopted.spent > Duration::ZERO);
    bindings.unadopted.spent = DISCOVERY_UNADOPTED_TIME_MAX;
    assert_eq!(bindings.heard("x/a", b"1", at(0)), both[..1]);
    assert_eq!(bindings.heard("x/a", b"1", at(1)), both);
}
