//! Sequences of Zigbee2MQTT's announcements that are not in the set: renames, who is there, bounds.

use housewire_core::Timestamp;
use serde_json::json;

use super::super::limits::PROPERTIES_FOUND_MAX;
use super::*;

const LAMP: &str = "0x00158d0001234501";

fn tell(dialect: &mut Zigbee2Mqtt, topic: &str, payload: &Value) -> Vec<Event> {
    let payload = if payload.is_null() { String::new() } else { payload.to_string() };
    let (payload, time) = (payload.as_bytes(), Timestamp::from_micros(0));
    dialect.message(&Announcement { topic: &format!("z/{topic}"), payload, retained: true, time })
}

fn hub() -> Zigbee2Mqtt {
    Zigbee2Mqtt::new("z/").unwrap()
}

fn lamp(name: &str) -> Value {
    let feature = json!({"type": "binary", "name": "state", "property": "state", "access": 7, "value_on": "ON", "value_off": "OFF"});
    let exposes = json!([{"type": "light", "features": [feature]}]);
    json!({"ieee_address": LAMP, "friendly_name": name, "type": "Router", "definition": {"exposes": exposes}})
}

fn founds(events: &[Event]) -> Vec<&Found> {
    events
        .iter()
        .filter_map(|event| if let Event::Found(found) = event { Some(found.as_ref()) } else { None })
        .collect()
}

fn presence(found: &Found) -> Vec<&str> {
    found.availability.topics.iter().map(|topic| topic.topic.as_str()).collect()
}

#[test]
fn a_rename_keeps_who_it_is() {
    let mut dialect = hub();
    tell(&mut dialect, "bridge/devices", &json!([lamp("desk")]));
    let events = tell(&mut dialect, "bridge/devices", &json!([lamp("study/desk")]));
    let [found] = founds(&events)[..] else { panic!("{events:?}") };
    assert_eq!((found.key.as_str(), found.name.as_deref()), (LAMP, Some("study/desk")));
    assert_eq!(found.properties[0].reads[0].topic, "z/study/desk");
    assert_eq!(events.len(), 1, "nothing is gone: {events:?}");
    let gone = Event::Gone { key: LAMP.to_owned(), migrates: false };
    assert_eq!(tell(&mut dialect, "bridge/devices", &json!([])), [gone]);
}

#[test]
fn who_is_there_is_asked_where_it_is_told() {
    let mut dialect = hub();
    let events = tell(&mut dialect, "bridge/devices", &json!([lamp("desk")]));
    assert_eq!(presence(founds(&events)[0]), ["z/bridge/state"]);
    // Without the bridge's settings, a device that tells is believed.
    let events = tell(&mut dialect, "desk/availability", &json!({"state": "online"}));
    assert_eq!(presence(founds(&events)[0]), ["z/bridge/state", "z/desk/availability"]);
    assert_eq!(tell(&mut dialect, "desk/availability", &json!({"state": "offline"})), []);
    // With them, they decide: what is retained may be from before.
    let info = |setting: Value| json!({"config": {"availability": setting}});
    let events = tell(&mut dialect, "bridge/info", &info(json!({"enabled": false})));
    assert_eq!(presence(founds(&events)[0]), ["z/bridge/state"]);
    for setting in [json!(true), json!({"active": {}}), json!({"enabled": true})] {
        tell(&mut dialect, "bridge/info", &info(json!(false)));
        let events = tell(&mut dialect, "bridge/info", &info(setting));
        assert_eq!(presence(founds(&events)[0]).len(), 2);
    }
    let own = json!({"config": {"availability": true, "devices": {(LAMP): {"availability": false}}}});
    let events = tell(&mut dialect, "bridge/info", &own);
    assert_eq!(presence(founds(&events)[0]), ["z/bridge/state"]);
}

#[test]
fn a_device_is_reached_through_the_bridge_whoever_is_heard_first() {
    let address = "0x00124b0022334455";
    let info = json!({"coordinator": {"ieee_address": address, "type": "zStack"}, "permit_join": false});
    let mut dialect = hub();
    tell(&mut dialect, "bridge/devices", &json!([lamp("desk")]));
    let events = tell(&mut dialect, "bridge/info", &info);
    let keys: Vec<_> = founds(&events).iter().map(|found| found.key.as_str()).collect();
    assert_eq!(keys, [address, LAMP]);
    assert_eq!(founds(&events)[1].via.as_deref(), Some("zigbee:0x00124b0022334455"));
    let permitted = json!({"coordinator": {"ieee_address": address, "type": "zStack"}, "permit_join": true});
    assert_eq!(tell(&mut dialect, "bridge/info", &permitted), [], "a value of the bridge changes no device");
}

#[test]
fn of_two_with_one_address_the_first_counts() {
    let mut dialect = hub();
    let list = json!([lamp("desk"), lamp("other"), {"type": "Coordinator", "ieee_address": "0x00124b0022334455"}, {"ieee_address": "0x00124b0022334455"}]);
    let events = tell(&mut dialect, "bridge/devices", &list);
    let names: Vec<_> = founds(&events).iter().map(|found| found.name.as_deref()).collect();
    assert_eq!((names, events.len()), (vec![Some("Zigbee2MQTT"), Some("desk")], 4), "{events:?}");
    assert_eq!(founds(&tell(&mut dialect, "bridge/devices", &list)).len(), 0);
}

#[test]
fn groups_can_what_their_members_can() {
    let mut dialect = hub();
    let group = json!([{"id": 7, "friendly_name": "all", "members": [{"ieee_address": LAMP}]}]);
    assert_eq!(tell(&mut dialect, "bridge/groups", &group), [], "nobody is in it yet");
    let events = tell(&mut dialect, "bridge/devices", &json!([lamp("desk")]));
    let keys: Vec<_> = founds(&events).iter().map(|found| (found.key.as_str(), found.properties.len())).collect();
    assert_eq!(keys, [(LAMP, 1), ("group-7", 1)]);
    let gone = |key: &str| Event::Gone { key: key.to_owned(), migrates: false };
    assert_eq!(tell(&mut dialect, "bridge/devices", &json!([])), [gone(LAMP), gone("group-7")]);
}

#[test]
fn bounds_hold() {
    let mut dialect = hub();
    let million = Value::from(vec![1; 500_000]);
    assert_eq!(tell(&mut dialect, "bridge/devices", &million).len(), PROBLEMS_MAX + 1);
    let feature =
        |number: usize| json!({"type": "numeric", "name": format!("n{number}"), "property": format!("n{number}")});
    let exposes: Vec<_> = (0..200).map(feature).collect();
    let device = |number: usize| json!({"ieee_address": format!("0x{number:016x}"), "friendly_name": format!("d{number}"), "definition": {"exposes": exposes}});
    let devices: Vec<_> = (0..110).map(device).collect();
    let events = tell(&mut dialect, "bridge/devices", &Value::from(devices));
    assert_eq!(founds(&events).len(), PROPERTIES_FOUND_MAX / 200);
    let deep = (0..10).fold(feature(1), |inner, _| json!({"type": "composite", "property": "c", "features": [inner]}));
    let exposes = json!([deep, {"type": "text", "name": "", "property": ""}]);
    let device = json!({"ieee_address": LAMP, "friendly_name": "deep", "definition": {"exposes": exposes}});
    let events = tell(&mut dialect, "bridge/devices", &json!([device]));
    let found = founds(&events)[0];
    assert_eq!((found.properties.len(), found.problems.len()), (0, 2), "{found:?}");
    assert!(Zigbee2Mqtt::new("z/+").is_err() && Zigbee2Mqtt::new("").is_err());
}
