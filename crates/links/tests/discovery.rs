//! Sets of announcements as real senders make them, and what the hub makes of each: a golden file beside it.
//!
//! The announcements are in `tests/announcements`, where end-to-end tests play them with a real client too. `tests/discovery/NAME.play`
//! beside this file goes on with messages of the device (`> TOPIC PAYLOAD`) and requests (`= PROPERTY VALUE`, of whichever device has
//! such a property). `UPDATE_GOLDEN=1` writes the golden files anew; look at the difference.

#![allow(clippy::unwrap_used)] // the lint knows test functions, not what they share

#[path = "discovery/fuzzing.rs"]
mod fuzzing;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use housewire_core::{Timestamp, Type};
use housewire_links::discovery::binding::{self, Reading};
use housewire_links::discovery::homeassistant::{HomeAssistant, Options};
use housewire_links::discovery::model::{AvailabilityMode, Category};
use housewire_links::discovery::template::Templates;
use housewire_links::discovery::{Announcement, Dialect, Event, Found};

const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/discovery")
}

/// (topic, payload) of a set.
fn announcements(name: &str) -> Vec<(String, Vec<u8>)> {
    let path = folder().join(format!("../../../../tests/announcements/{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let payload = |payload: &serde_json::Value| match payload {
        serde_json::Value::String(text) => text.clone().into_bytes(),
        object => object.to_string().into_bytes(),
    };
    rows.iter().map(|row| (row["topic"].as_str().unwrap().to_owned(), payload(&row["payload"]))).collect()
}

fn dialect() -> HomeAssistant {
    HomeAssistant::new(Options { prefix: "homeassistant".into(), hub: "hub-1".into() })
}

/// Plays a set; the devices that are left, in order, and what was told on the way.
fn play(dialect: &mut HomeAssistant, rows: &[(String, Vec<u8>)]) -> (Vec<Found>, String) {
    let mut devices: BTreeMap<String, Found> = BTreeMap::new();
    let mut told = String::new();
    for (topic, payload) in rows {
        for event in dialect.message(&Announcement { topic, payload, retained: true, time: NOW }) {
            match event {
                Event::Found(found) => {
                    writeln!(told, "{topic}: found {} with {}", found.key, names(&found)).unwrap();
                    devices.insert(found.key.clone(), *found);
                }
                Event::Gone { key, migrates } => {
                    writeln!(told, "{topic}: gone {key}{}", if migrates { ", moves" } else { "" }).unwrap();
                    devices.remove(&key);
                }
                Event::Problem { topic: of, reason } => writeln!(told, "{of}: problem: {reason}").unwrap(),
                Event::Ask(outgoing) => writeln!(told, "{topic}: ask {}", outgoing.topic).unwrap(),
            }
        }
    }
    (devices.into_values().collect(), told)
}

fn names(found: &Found) -> String {
    found.properties.iter().map(|property| property.name.as_str()).collect::<Vec<_>>().join(" ")
}

/// A device as text, every field that says something.
fn show(found: &Found) -> String {
    let mut text = format!("\ndevice {}\n", found.key);
    let field = |text: &mut String, name: &str, value: &Option<String>| {
        if let Some(value) = value {
            writeln!(text, "  {name}: {value}").unwrap();
        }
    };
    writeln!(text, "  identifiers: {}", found.identifiers.join(" ")).unwrap();
    for (name, value) in [
        ("name", &found.name),
        ("manufacturer", &found.manufacturer),
        ("model", &found.model),
        ("software", &found.sw_version),
        ("hardware", &found.hw_version),
        ("area", &found.area),
        ("via", &found.via),
        ("url", &found.url),
    ] {
        field(&mut text, name, value);
    }
    for topic in &found.availability.topics {
        let mode = match found.availability.mode {
            AvailabilityMode::Latest => "latest",
            AvailabilityMode::All => "all",
            AvailabilityMode::Any => "any",
        };
        let template = topic.template.as_deref().unwrap_or("-");
        writeln!(text, "  availability ({mode}): {} {} {} {template}", topic.topic, topic.online, topic.offline)
            .unwrap();
    }
    for problem in &found.problems {
        writeln!(text, "  problem: {problem}").unwrap();
    }
    for property in &found.properties {
        let spec = &property.spec;
        spec.validate().unwrap_or_else(|error| panic!("{}: {error}", property.name));
        write!(text, "  {}: {}", property.name, spec.kind).unwrap();
        for (yes, word) in [(spec.access.read, " read"), (spec.access.set, " set"), (spec.access.event, " event")] {
            text.push_str(if yes { word } else { "" });
        }
        if let Some(unit) = &spec.unit {
            write!(text, " {unit}").unwrap();
        }
        if spec.min.or(spec.max).is_some() {
            let bound = |bound: Option<f64>| bound.map_or(String::new(), |bound| bound.to_string());
            write!(text, " {}..{}", bound(spec.min), bound(spec.max)).unwrap();
        }
        if let Some(step) = spec.step {
            write!(text, " step {step}").unwrap();
        }
        if !spec.options.is_empty() {
            write!(text, " [{}]", spec.options.join(", ")).unwrap();
        }
        if let Some(role) = &spec.role {
            write!(text, " role {role}").unwrap();
        }
        match property.category {
            Category::Main => {}
            Category::Config => text.push_str(" (config)"),
            Category::Diagnostic => text.push_str(" (diagnostic)"),
        }
        if property.hidden {
            text.push_str(" hidden");
        }
        if let Some(time) = property.expire_after {
            write!(text, " expires after {time:?}").unwrap();
        }
        if let Some(time) = property.off_delay {
            write!(text, " off after {time:?}").unwrap();
        }
        if property.write.as_ref().is_some_and(|write| write.optimistic) {
            text.push_str(" optimistic");
        }
        writeln!(
            text,
            "\n    {} {:?} key {}",
            property.component,
            property.label.as_deref().unwrap_or("-"),
            property.key
        )
        .unwrap();
        for read in &property.reads {
            writeln!(text, "    read {}{}", read.topic, if read.raw { " raw" } else { "" }).unwrap();
        }
        if let Some(write) = &property.write {
            let retain = if write.retain { " retained" } else { "" };
            writeln!(text, "    write {} qos {}{retain}", write.topic, write.qos.number()).unwrap();
        }
    }
    text
}

/// One line of a play, and what comes of it in each device that is concerned.
fn act(devices: &[Found], templates: &mut Templates, line: &str) -> String {
    let mut text = format!("\n{line}\n");
    let (what, rest) = line.split_at(2);
    let (first, payload) = rest.split_once(' ').unwrap_or((rest, ""));
    let first = first.replace("%20", " ");
    for device in devices {
        for property in &device.properties {
            match what {
                "> " => {
                    for read in property.reads.iter().filter(|read| read.topic == first) {
                        let outcome = match binding::read(templates, read, &property.spec, payload.as_bytes(), NOW) {
                            Ok(Reading::Nothing) => continue,
                            Ok(Reading::Unknown) => "is unknown".to_owned(),
                            Ok(Reading::Value(value)) => format!("= {}", String::from_utf8_lossy(&value)),
                            Err(error) => format!("stays: {error}"),
                        };
                        writeln!(text, "  {} {outcome}", property.name).unwrap();
                    }
                }
                "= " if property.name.as_str() == first => {
                    let write = property.write.as_ref().unwrap_or_else(|| panic!("{first} cannot be set"));
                    let sent = binding::write(templates, write, &property.spec, payload.as_bytes(), NOW);
                    let sent = sent.map(|sent| {
                        format!("{} {} qos {}", sent.topic, String::from_utf8_lossy(&sent.payload), sent.qos.number())
                    });
                    writeln!(text, "  {}", sent.unwrap_or_else(|error| format!("refused: {error}"))).unwrap();
                }
                "= " => {}
                _ => panic!("'{line}' begins with neither > nor ="),
            }
        }
    }
    text
}

#[track_caller]
fn golden(name: &str) {
    let (devices, mut text) = play(&mut dialect(), &announcements(name));
    let mut templates = Templates::new();
    for device in &devices {
        text.push_str(&show(device));
        // Whatever was composed of announced templates can be read.
        for property in &device.properties {
            let templates = property.reads.iter().filter_map(|read| read.template.as_ref());
            for template in templates.chain(property.write.iter().filter_map(|write| write.template.as_ref())) {
                Templates::check(template).unwrap_or_else(|error| panic!("{}: {template}: {error}", property.name));
            }
        }
    }
    let acts = std::fs::read_to_string(folder().join(format!("{name}.play"))).unwrap_or_default();
    for line in acts.lines().filter(|line| !line.is_empty()) {
        text.push_str(&act(&devices, &mut templates, line));
    }
    let path = folder().join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name}: differs from {}, now:\n{text}", path.display());
}

#[test]
fn an_esphome_node() {
    golden("esphome");
}

#[test]
fn two_esphome_nodes_with_the_same_ids() {
    golden("esphome-twins");
}

#[test]
fn zigbee2mqtt_in_this_form() {
    golden("zigbee2mqtt-homeassistant");
}

#[test]
fn tasmota_in_this_form() {
    golden("tasmota-homeassistant");
}

#[test]
fn the_device_form() {
    golden("device-form");
}

#[test]
fn every_component() {
    golden("all-components");
    let text = std::fs::read_to_string(folder().join("all-components.txt")).unwrap();
    const COMPONENTS: &str = "alarm_control_panel binary_sensor button camera climate cover date datetime device_automation \
        device_tracker event fan humidifier image lawn_mower light lock notify number scene select sensor siren switch tag text time \
        update vacuum valve water_heater";
    assert_eq!(COMPONENTS.split_whitespace().count(), 31);
    for component in COMPONENTS.split_whitespace() {
        assert!(text.contains(&format!("\n    {component} ")), "no property of {component}");
    }
}

#[test]
fn what_is_wrong_is_told_and_the_rest_is_used() {
    golden("errors");
}

#[test]
fn migration_there_and_back() {
    golden("migration");
}

#[test]
fn updates_in_place() {
    golden("updates");
}

#[test]
fn availability_of_all_kinds() {
    golden("availability");
}

/// Whatever the order, the same devices; and once more changes nothing.
#[test]
fn order_and_repetition_change_nothing() {
    for name in [
        "esphome",
        "esphome-twins",
        "zigbee2mqtt-homeassistant",
        "tasmota-homeassistant",
        "device-form",
        "all-components",
        "availability",
    ] {
        let rows = announcements(name);
        let (expected, _) = play(&mut dialect(), &rows);
        let mut order: Vec<_> = rows.clone();
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        for _ in 0..8 {
            // A shuffle that is the same at every run.
            for place in (1..order.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                order.swap(place, (state >> 33) as usize % (place + 1));
            }
            let mut dialect = dialect();
            let (devices, _) = play(&mut dialect, &order);
            assert!(devices == expected, "{name}: the order matters:\n{:#?}\n{:#?}", devices, expected);
            let (_, told) = play(&mut dialect, &order);
            assert_eq!(told, "", "{name}: the same again is nothing new");
        }
    }
}

#[test]
fn what_was_announced_goes_when_it_is_taken_back() {
    for name in ["esphome", "zigbee2mqtt-homeassistant", "device-form", "all-components"] {
        let rows = announcements(name);
        let mut dialect = dialect();
        let (devices, _) = play(&mut dialect, &rows);
        let taken_back: Vec<_> = rows.iter().map(|(topic, _)| (topic.clone(), Vec::new())).collect();
        let (left, told) = play(&mut dialect, &taken_back);
        assert_eq!(left, []);
        assert_eq!(told.matches(": gone ").count(), devices.len(), "{told}");
        let (again, _) = play(&mut dialect, &rows);
        assert_eq!(again, devices, "{name} comes back as it was");
    }
}

#[test]
fn the_hub_does_not_find_its_own_devices() {
    let announced = |hub: &str, origin: &str| {
        let id = housewire_links::discovery::homeassistant::own_identifier(hub, "lamp");
        let payload = format!(
            r#"{{"dev":{{"ids":["{id}"],"name":"Lamp"}},"o":{{"name":"{origin}"}},"cmps":{{"a":{{"p":"sensor","uniq_id":"a","stat_t":"x"}}}}}}"#
        );
        let rows = [("homeassistant/device/lamp/config".to_owned(), payload.into_bytes())];
        play(&mut dialect(), &rows).0.len()
    };
    assert_eq!(announced("hub-1", "Housewire"), 0);
    assert_eq!(announced("hub-2", "Housewire"), 1, "another hub's devices are devices");
    assert_eq!(announced("hub-1", "Other"), 1, "somebody else uses our ids");
}

#[test]
#[allow(clippy::disallowed_methods)] // how long it takes is what is tested
fn many_devices_at_once_are_no_work() {
    let set = announcements("esphome");
    let mut rows = Vec::new();
    for node in 0..250 {
        for (topic, payload) in &set {
            let text =
                String::from_utf8(payload.clone()).unwrap().replace("a1b2c3d4e5f6", &format!("a1b2c3d4{node:04x}"));
            rows.push((topic.replace("living-room-node", &format!("node-{node}")), text.into_bytes()));
        }
    }
    assert_eq!(rows.len(), 2_000);
    let started = std::time::Instant::now();
    let (devices, _) = play(&mut dialect(), &rows);
    assert_eq!(devices.len(), 250);
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn bounds_hold_and_are_told() {
    let mut dialect = dialect();
    let entity = |id: usize, device: usize| {
        let payload = format!(r#"{{"uniq_id":"{id}","stat_t":"t/{id}","name":"N {id}","dev":{{"ids":"d{device}"}}}}"#);
        (format!("homeassistant/sensor/x{id}/config"), payload.into_bytes())
    };
    let (devices, _) = play(&mut dialect, &(0..300).map(|id| entity(id, 0)).collect::<Vec<_>>());
    assert_eq!(devices[0].properties.len(), 200);
    assert!(devices[0].problems.iter().any(|problem| problem.contains("300 entities")), "{:?}", devices[0].problems);
    let (_, told) = play(&mut dialect, &(10_300..10_401).map(|id| entity(id, 0)).collect::<Vec<_>>());
    let refused =
        "\nhomeassistant/sensor/x10400/config: problem: its device has 400 entities already; take some back first\n";
    assert!(told.ends_with(refused));
    let (_, told) = play(&mut dialect, &[("homeassistant/sensor/x0/config".into(), Vec::new()), entity(10_400, 0)]);
    assert!(!told.contains("problem"), "what was refused is read when it comes again, and there is room");
    let (_, told) = play(&mut dialect, &(401..10_002).map(|id| entity(id, id)).collect::<Vec<_>>());
    assert_eq!(told.matches("problem").count(), 1, "the last one is one too many");
    assert!(told.ends_with("problem: there are 10000 entities already; take some back first\n"));
    let many: String =
        (0..300).map(|n| format!(r#""c{n:03}":{{"p":"sensor","uniq_id":"m{n}","stat_t":"m"}},"#)).collect();
    let payload = format!(r#"{{"dev":{{"ids":"many"}},"o":{{"name":"x"}},"cmps":{{{}}}}}"#, many.trim_end_matches(','));
    let (devices, told) =
        play(&mut self::dialect(), &[("homeassistant/device/many/config".into(), payload.into_bytes())]);
    assert_eq!(devices[0].properties.len(), 200);
    assert!(told.contains("300 components; the first 200 are read"), "{told}");
    let payload = format!(
        r#"{{"dev":{{"ids":"bad"}},"o":{{"name":"x"}},"cmps":{{{}}}}}"#,
        many.trim_end_matches(',').replace("stat_t", "x")
    );
    let (devices, told) =
        play(&mut self::dialect(), &[("homeassistant/device/bad/config".into(), payload.into_bytes())]);
    assert_eq!((devices.len(), told.lines().count()), (0, 20), "two hundred are wrong, and twenty are told");
}

#[test]
fn types_of_what_is_found_can_be_declared() {
    for name in ["all-components", "zigbee2mqtt-homeassistant", "errors"] {
        for device in play(&mut dialect(), &announcements(name)).0 {
            for property in &device.properties {
                assert!(property.spec.declared);
                assert_eq!(property.spec.kind == Type::Enum, !property.spec.options.is_empty(), "{}", property.name);
                assert!(property.spec.access.read || property.spec.access.set, "{}", property.name);
            }
        }
    }
}

/// Inputs of the fuzzer, those it starts from and those that broke something once.
fn fuzzed(target: &str) -> Vec<Vec<u8>> {
    let fuzz = folder().join("../../../../fuzz");
    let folders = ["corpus", "found"].map(|kind| fuzz.join(kind).join(target));
    let files = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

#[test]
fn what_the_fuzzer_found_is_tried_again() {
    let (announcements, templates) = (fuzzed("discovery_announcement"), fuzzed("discovery_template"));
    assert!(announcements.len() > 50 && templates.len() > 50, "the corpus is not where it was");
    announcements.iter().for_each(|input| fuzzing::announcements(input));
    templates.iter().for_each(|input| fuzzing::template(input));
}
