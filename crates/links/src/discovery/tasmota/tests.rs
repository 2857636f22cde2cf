//! Sequences of Tasmota's announcements that are not in the set: their order, bounds, and what is refused.

use housewire_core::Timestamp;
use serde_json::json;

use super::*;

const MAC: &str = "A0B1C2D3E401";

fn tell(dialect: &mut Tasmota, topic: &str, payload: &str) -> Vec<Event> {
    let (payload, time) = (payload.as_bytes(), Timestamp::from_micros(0));
    dialect.message(&Announcement { topic, payload, retained: true, time })
}

fn config(mac: &str, more: Value) -> String {
    let mut config = json!({"mac": mac, "rl": [1], "ver": 1});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config.to_string()
}

fn found(events: &[Event]) -> &Found {
    let found = events.iter().find_map(|event| if let Event::Found(found) = event { Some(found) } else { None });
    found.unwrap_or_else(|| panic!("nothing found in {events:?}"))
}

fn names(found: &Found) -> Vec<&str> {
    found.properties.iter().map(|property| property.name.as_str()).collect()
}

fn refused(events: &[Event], part: &str) {
    assert!(matches!(events, [Event::Problem { reason, .. }] if reason.contains(part)), "{events:?}");
}

#[test]
fn what_is_not_said_is_as_usual() {
    let mut dialect = Tasmota::new();
    let events = tell(&mut dialect, &format!("{PREFIX}{MAC}/config"), &config(MAC, json!({})));
    let found = found(&events);
    assert_eq!(found.availability.topics[0].topic, "tele/tasmota_D3E401/LWT");
    assert_eq!(found.properties[0].write.as_ref().unwrap().topic, "cmnd/tasmota_D3E401/Power1");
    assert!(found.problems.is_empty() && found.url.is_none(), "{found:?}");
}

#[test]
fn sensors_may_come_first_and_go_alone() {
    let mut dialect = Tasmota::new();
    let (config_topic, sensors_topic) = (format!("{PREFIX}{MAC}/config"), format!("{PREFIX}{MAC}/sensors"));
    let tree = json!({"sn": {"SI7021": {"Temperature": 1}}, "ver": 1}).to_string();
    assert_eq!(tell(&mut dialect, &sensors_topic, &tree), []);
    let events = tell(&mut dialect, &config_topic, &config(MAC, json!({})));
    assert!(names(found(&events)).contains(&"si7021_temperature"));
    let events = tell(&mut dialect, &sensors_topic, "");
    assert!(!names(found(&events)).contains(&"si7021_temperature"));
    let gone = Event::Gone { key: MAC.to_ascii_lowercase(), migrates: false };
    assert_eq!(tell(&mut dialect, &config_topic, ""), [gone]);
    assert_eq!(tell(&mut dialect, &config_topic, ""), [], "gone once is enough");
    assert!(dialect.devices.is_empty());
}

#[test]
fn a_message_that_is_refused_leaves_what_was_known() {
    let mut dialect = Tasmota::new();
    let topic = format!("{PREFIX}{MAC}/config");
    assert!(!tell(&mut dialect, &topic, &config(MAC, json!({}))).is_empty());
    for (payload, part) in [
        (config("A0B1C2D3E402", json!({})), "but came on the topic of"),
        (json!({"ver": 1}).to_string(), "names no address"),
        (config(MAC, json!({"rl": "1"})), "'rl' of the announcement is not a list"),
        (config(MAC, json!({"rl": [null]})), "'rl'"),
        (config(MAC, json!({"t": 5})), "'t'"),
        (config(MAC, json!({"t": "a/+"})), "cannot be used"),
        (config(MAC, json!({"ft": "devices/%topic%/%prefix%", "t": "door"})), "cannot be used"),
        (config(MAC, json!({"so": [1]})), "'so'"),
        ("[1]".to_owned(), "no JSON object"),
        (format!("{{\"mac\":\"{}\"}}", "x".repeat(ANNOUNCEMENT_BYTES_MAX)), "at most"),
    ] {
        refused(&tell(&mut dialect, &topic, &payload), part);
    }
    assert_eq!(tell(&mut dialect, &topic, &config(MAC, json!({}))), [], "it is still known");
}

#[test]
fn topics_are_made_as_the_device_makes_them() {
    for (more, expected) in [
        (json!({"ft": "%prefix%/%topic%", "t": "lamp"}), "tele/lamp/LWT"),
        (json!({"ft": "/flat//%topic%/%prefix%/", "t": "lamp"}), "/flat/lamp/tele/LWT"),
        (json!({"ft": "%topic%/", "t": "lamp"}), "lamp/LWT"),
        (json!({"ft": "%id%/%hostname%/%prefix%", "hn": "host"}), "D3E401/host/tele/LWT"),
        (json!({"ft": "#a/%prefix%/%topic%", "t": "lamp", "tp": ["c", "s", "t"]}), "a/t/lamp/LWT"),
    ] {
        let events = tell(&mut Tasmota::new(), &format!("{PREFIX}{MAC}/config"), &config(MAC, more.clone()));
        assert_eq!(found(&events).availability.topics[0].topic, expected, "{more}");
    }
    // Without the prefix, commands could not be told from what the device says.
    let events = tell(&mut Tasmota::new(), &format!("{PREFIX}{MAC}/config"), &config(MAC, json!({"ft": "x/"})));
    assert_eq!(found(&events).properties[0].write.as_ref().unwrap().topic, "x/cmnd/Power1");
}

#[test]
fn lights_of_all_kinds() {
    let kinds = |more: Value| {
        let events = tell(&mut Tasmota::new(), &format!("{PREFIX}{MAC}/config"), &config(MAC, more));
        let known = ["power", "power1", "power2", "dimmer", "dimmer1", "dimmer2", "color", "color_temp", "white"];
        names(found(&events)).into_iter().filter(|name| known.contains(name)).collect::<Vec<_>>().join(" ")
    };
    for (more, expected) in [
        (json!({"rl": [2], "lt_st": 0}), "power"),
        (json!({"rl": [2], "lt_st": 1}), "dimmer power"),
        (json!({"rl": [2], "lt_st": 2}), "color_temp dimmer power"),
        (json!({"rl": [2], "lt_st": 3}), "color dimmer power"),
        (json!({"rl": [2], "lt_st": 4}), "color dimmer power white"),
        (json!({"rl": [2], "lt_st": 5}), "color color_temp dimmer power white"),
        (json!({"rl": [2, 2], "lt_st": 5, "lk": 0}), "color color_temp dimmer1 dimmer2 power1 power2"),
        (json!({"rl": [2, 2], "lt_st": 2, "so": {"68": 1}}), "dimmer1 dimmer2 power1 power2"),
        (json!({"rl": [1, 1], "so": {"30": 1}}), "power1 power2"),
        (json!({"rl": [2], "lt_st": 9}), "power"),
    ] {
        assert_eq!(kinds(more.clone()), expected, "{more}");
    }
}

#[test]
fn there_is_a_bound_on_devices() {
    let mut dialect = Tasmota::new();
    for number in 0..FOUND_MAX {
        let mac = format!("A0B1C2{number:06X}");
        assert!(!tell(&mut dialect, &format!("{PREFIX}{mac}/config"), &config(&mac, json!({}))).is_empty());
    }
    refused(&tell(&mut dialect, &format!("{PREFIX}{MAC}/config"), &config(MAC, json!({}))), "1000 devices");
}
