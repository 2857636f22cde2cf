//! Names, labels and topics of devices that are put together from announcements.

use super::*;

fn names(parts: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut draft = Draft::new(Source::Tasmota, "x");
    for (key, wanted) in parts {
        draft.add(Part::new(*key, "sensor", Type::Float).named(*wanted).read(read("a/b", None)));
    }
    let found = draft.finish();
    found.properties.into_iter().map(|property| (property.key, property.name.to_string())).collect()
}

#[test]
fn names_are_made_of_what_people_write() {
    for (text, expected) in [
        ("Temperature", "temperature"),
        ("PM2.5", "pm2_5"),
        ("DS18B20-1 Temperature", "ds18b20_1_temperature"),
        ("  --x--  ", "x"),
        ("Küche", "kueche"),
        ("…", "value"),
        ("", "value"),
        ("set", "set_value"),
        ("Target", "target_value"),
        (&"a".repeat(100), &"a".repeat(48)),
    ] {
        assert_eq!(name_of(text), expected, "{text}");
        assert!(PropertyName::parse(&name_of(text)).is_ok());
    }
}

#[test]
fn names_differ_and_do_not_depend_on_the_order() {
    let one = names(&[("b", "x"), ("a", "X"), ("c", "x_2")]);
    let two = names(&[("c", "x_2"), ("a", "X"), ("b", "x")]);
    assert_eq!(one, two);
    let mut seen: Vec<_> = one.iter().map(|(_, name)| name.clone()).collect();
    assert!(seen.is_sorted());
    seen.dedup();
    assert_eq!(seen.len(), 3);
    let long = "y".repeat(64);
    let clash = names(&[("a", &long), ("b", &long)]);
    assert_eq!(clash[0].1.len(), 48);
    assert!(clash.iter().any(|(_, name)| name.ends_with("y_2")), "{clash:?}");
}

#[test]
fn the_hubs_own_topics_belong_to_the_hub() {
    for (topic, usable) in [
        ("tele/x/STATE", true),
        ("devices-of-mine/x", true),
        ("devices", false),
        ("devices/door/lock/set", false),
        ("$SYS/x", false),
        ("a/+/b", false),
        ("a/#", false),
        ("", false),
        ("a\nb", false),
    ] {
        assert_eq!(is_usable(topic), usable, "{topic}");
    }
    let mut draft = Draft::new(Source::Tasmota, "x");
    draft.add(Part::new("lock", "switch", Type::Bool).write(write("devices/door/lock/set", None)));
    let found = draft.finish();
    assert!(found.properties.is_empty());
    assert!(found.problems[0].contains("devices/door/lock/set"), "{:?}", found.problems);
}

#[test]
fn bounds_hold() {
    let mut draft = Draft::new(Source::Tasmota, "x");
    for number in 0..PROPERTIES_MAX + 50 {
        draft.add(Part::new(format!("p{number}"), "sensor", Type::Float).read(read("a/b", None)));
    }
    let found = draft.finish();
    assert_eq!(found.properties.len(), PROPERTIES_MAX);
    assert_eq!(found.problems.len(), PROBLEMS_MAX);
    assert_eq!(found.problems.last().unwrap(), "And 31 more problems.");
    assert_eq!(clean_label(&"ä".repeat(200)).unwrap().len(), 256);
    assert_eq!(clean_label(" \n "), None);
    assert_eq!(quoted("a\u{1b}b"), "'a\u{fffd}b'");
    assert_eq!(quoted(&"x".repeat(100)).chars().count(), QUOTED_CHARS_MAX + 3);
}

#[test]
fn hardware_addresses_are_written_in_one_way() {
    for (text, expected) in [
        ("AABBCCDDEEFF", Some("mac:aabbccddeeff")),
        ("aa:bb:cc:dd:ee:ff", Some("mac:aabbccddeeff")),
        ("aa-bb-cc-dd-ee-ff", Some("mac:aabbccddeeff")),
        ("aabb.ccdd.eeff", Some("mac:aabbccddeeff")),
        ("000000000000", None),
        ("FFFFFFFFFFFF", None),
        ("aabbccddeef", None),
        ("aabbccddeefg", None),
        ("", None),
    ] {
        assert_eq!(mac_identifier(text).as_deref(), expected, "{text}");
    }
}
