//! The demo house in a hub: its devices come in through their doors, obey, and leave when they are told to.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cli::{printed, run};
use crate::test_hub::{PATIENCE, RawClient, TestHub};

const DEVICES: [(&str, &str); 4] =
    [("demo-button", "ws"), ("demo-fan", "mqtt"), ("demo-lamp", "mqtt"), ("demo-thermometer", "http")];

/// A hub whose demo house is complete.
fn start() -> TestHub {
    let hub = TestHub::builder().settings(|settings| settings.demo = Some(true)).start();
    until(&hub, "the house is complete", |devices| {
        devices.len() == DEVICES.len() && devices.iter().all(|device| device["online"] == true && has_reported(device))
    });
    hub
}

/// All states are known; nobody may have rung yet.
fn has_reported(device: &Value) -> bool {
    let properties = device["properties"].as_object().expect("properties");
    properties.iter().all(|(name, property)| name == "button" || !property["value"].is_null())
}

fn devices(hub: &TestHub) -> Vec<Value> {
    serde_json::from_str(&printed(hub, "devices --json")).expect("JSON")
}

/// Looks at the registry until it is as expected.
#[track_caller]
fn until(hub: &TestHub, what: &str, is_so: impl Fn(&[Value]) -> bool) {
    let began = Instant::now();
    loop {
        let devices = devices(hub);
        if is_so(&devices) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not so: {what}\n{devices:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn each_device_comes_in_through_its_own_door() {
    let hub = start();
    for (device, (id, via)) in devices(&hub).iter().zip(DEVICES) {
        assert_eq!((&device["id"], &device["via"]), (&id.into(), &via.into()), "{device:#}");
        assert_eq!(device["demo"], true);
        let properties = device["properties"].as_object().expect("properties");
        assert!(properties.values().all(|property| property["declared"] == true), "{device:#}");
        assert_eq!(device["rejected"]["count"], 0, "{device:#}");
    }
}

#[test]
fn devices_obey() {
    let hub = start();
    for line in [
        "set demo-lamp power false --wait",
        "set demo-lamp color #00ff00 --wait",
        "set demo-lamp brightness 10 --wait",
        "set demo-fan power false --wait",
        "set demo-fan mode high --wait",
        "set demo-button button double --wait",
    ] {
        printed(&hub, line);
    }
    assert_eq!(printed(&hub, "get demo-lamp brightness"), "10\n");
    assert_eq!(printed(&hub, "get demo-fan speed"), "90\n");
    assert_eq!(printed(&hub, "get demo-button button"), "double\n");
    run(&hub, "set demo-thermometer temperature 40", 1);
    run(&hub, "set demo-lamp brightness 101", 1);
}

#[test]
fn a_device_that_lost_its_connection_comes_back() {
    let hub = start();
    // CONNECT with the lamp's client id takes its session over; the lamp takes it back.
    let mut thief = RawClient::connect(hub.mqtt());
    thief.send_hex("10 15 0004 4d515454 04 02 003c 0009 64656d6f2d6c616d70");
    thief.expect_hex("20 02 00 00");
    thief.expect_end();
    printed(&hub, "set demo-lamp power false --wait");
}

#[test]
fn the_house_is_removed_at_once_and_for_good() {
    let hub = start();
    printed(&hub, "pub devices/mine/level 1");
    let began = Instant::now();
    assert_eq!(printed(&hub, "devices remove --demo"), "Removed the demo house.\n");
    assert!(began.elapsed() < PATIENCE / 2);
    let left: Vec<_> = devices(&hub).iter().map(|device| device["id"].clone()).collect();
    assert_eq!(left, ["mine"]);
    // Nothing of it remains, and nobody is left who could report.
    assert_eq!(printed(&hub, "sub devices/+/$online devices/demo-lamp/# --timeout 500ms").lines().count(), 1);
    run(&hub, "devices remove --demo", 0);
}

#[test]
fn one_device_can_be_removed_alone() {
    let hub = start();
    for (removed, (id, _)) in DEVICES.iter().enumerate() {
        printed(&hub, &format!("devices remove {id}"));
        until(&hub, "it is gone", |devices| devices.len() == DEVICES.len() - removed - 1);
    }
    // Each had a reason to report within this time, had it not left.
    assert_eq!(printed(&hub, "sub devices/# --timeout 6s"), "");
}

#[test]
fn it_moves_in_again_with_the_hub() {
    let mut hub = start();
    hub.restart();
    until(&hub, "the house is complete again", |devices| {
        devices.len() == DEVICES.len() && devices.iter().all(|device| device["online"] == true)
    });
}
