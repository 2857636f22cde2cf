//! Whatever comes, nothing panics, and what is told holds together. The tables are in `tests/discovery.rs`.

use housewire_core::Timestamp;
use proptest::prelude::*;

use super::super::binding;
use super::super::template::Templates;
use super::*;

const KEYS: &[&str] = &[
    "~",
    "stat_t",
    "state_topic",
    "cmd_t",
    "val_tpl",
    "name",
    "uniq_id",
    "dev",
    "o",
    "cmps",
    "p",
    "avty",
    "avty_t",
    "avty_mode",
    "ids",
    "cns",
    "ops",
    "min",
    "max",
    "step",
    "schema",
    "sup_clrm",
    "bri_cmd_t",
    "rgb_cmd_t",
    "hs_stat_t",
    "pos_t",
    "set_pos_t",
    "pos_open",
    "pos_clsd",
    "temp_cmd_t",
    "mode_cmd_t",
    "modes",
    "evt_typ",
    "t",
    "type",
    "stype",
    "atype",
    "pl",
    "migr_discvry",
    "dev_cla",
    "qos",
    "ret",
    "e",
    "exp_aft",
    "off_dly",
    "json_attr_t",
    "url_t",
    "img_t",
    "av_tones",
    "fx_list",
    "cmd_on_tpl",
    "cmd_off_tpl",
    "cmd_tpl",
    "pl_on",
    "pl_off",
    "unit_of_meas",
    "stat_cla",
    "spd_rng_max",
    "pct_cmd_t",
    "hum_cmd_t",
    "act_t",
    "pos",
    "fanspd_lst",
    "start_mowing_command_topic",
];
const TEXTS: &[&str] = &[
    "",
    "a/b",
    "~/x",
    "x/~",
    "#",
    "ON",
    "{{ value }}",
    "{{ value_json.x",
    "{{ value_json.a | float(0) * 2 }}",
    "json",
    "template",
    "rgb",
    "sensor",
    "light",
    "hologram",
    "all",
    "1e400",
    "é ü",
    "\u{0}",
    "aabbccddeeff",
    "{% for x in value %}{{ x }}{% endfor %}",
];

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        prop::sample::select(TEXTS).prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 48, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((prop::sample::select(KEYS), inner), 0..12).prop_map(|fields| fields
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

/// An object in which at least the outermost keys make sense.
fn announcement() -> impl Strategy<Value = serde_json::Value> {
    let fields = prop::collection::vec((prop::sample::select(KEYS), json()), 0..14);
    (fields, 0..3_u8, any::<bool>()).prop_map(|(fields, device, is_valid)| {
        let mut object: serde_json::Map<_, _> =
            fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        if is_valid {
            object.insert("stat_t".into(), "a/state".into());
            object.insert("cmd_t".into(), "a/set".into());
            object.insert("dev".into(), serde_json::json!({"ids": [format!("d{}", device / 2), format!("e{device}")]}));
            object.remove("o");
            object.remove("migr_discvry");
        }
        object.into()
    })
}

const COMPONENTS: &[&str] = &[
    "alarm_control_panel",
    "binary_sensor",
    "button",
    "camera",
    "climate",
    "cover",
    "date",
    "device",
    "device_automation",
    "device_tracker",
    "event",
    "fan",
    "humidifier",
    "image",
    "lawn_mower",
    "light",
    "lock",
    "notify",
    "number",
    "scene",
    "select",
    "sensor",
    "siren",
    "switch",
    "tag",
    "text",
    "update",
    "vacuum",
    "valve",
    "water_heater",
    "hologram",
];

fn dialect() -> HomeAssistant {
    HomeAssistant::new(Options { prefix: "p/q".into(), hub: "h".into() })
}

fn send(dialect: &mut HomeAssistant, topic: &str, payload: &[u8]) -> Vec<Event> {
    dialect.message(&Announcement { topic, payload, retained: false, time: Timestamp::default() })
}

/// What must hold of every device that is told.
fn holds(found: &Found) {
    assert!(!found.key.is_empty() && !found.topics.is_empty());
    assert!(found.properties.is_sorted_by(|one, two| one.name < two.name), "names differ and are in order");
    let mut keys: Vec<_> = found.properties.iter().map(|property| &property.key).collect();
    keys.sort();
    assert!(keys.windows(2).all(|two| two[0] != two[1]), "keys differ");
    for property in &found.properties {
        property.spec.validate().unwrap();
        let access = property.spec.access;
        assert_eq!(access.set, property.write.is_some());
        assert!(access.read || access.set);
    }
}

/// Uses all that was found, with messages that mean little.
fn use_it(found: &Found, payload: &[u8]) {
    let mut templates = Templates::new();
    for property in &found.properties {
        for read in &property.reads {
            drop(binding::read(&mut templates, read, &property.spec, payload, Timestamp::default()));
        }
        for value in ["true", "1", "ON", "#ff8800", "{}", &property.spec.options.first().cloned().unwrap_or_default()] {
            if let Some(write) = &property.write {
                drop(binding::write(&mut templates, write, &property.spec, value.as_bytes(), Timestamp::default()));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_announcement_is_read_or_refused(component in prop::sample::select(COMPONENTS), payload in announcement(), message in json()) {
        let mut dialect = dialect();
        let topic = format!("p/q/{component}/x/config");
        let payload = payload.to_string();
        let events = send(&mut dialect, &topic, payload.as_bytes());
        for event in &events {
            if let Event::Found(found) = event {
                holds(found);
                use_it(found, message.to_string().as_bytes());
            }
        }
        prop_assert_eq!(send(&mut dialect, &topic, payload.as_bytes()), vec![], "the same again is nothing new");
        let gone = send(&mut dialect, &topic, b"");
        let was_found = events.iter().any(|event| matches!(event, Event::Found(_)));
        prop_assert_eq!(gone.iter().any(|event| matches!(event, Event::Gone { .. })), was_found);
        prop_assert_eq!(dialect.bytes, 0);
        prop_assert!(dialect.entities.is_empty() && dialect.by_identifier.is_empty() && dialect.device_of.is_empty());
        prop_assert!(dialect.told.is_empty() && dialect.names.is_empty() && dialect.last.is_empty());
    }

    #[test]
    fn any_bytes_on_any_topic(topic in "(p/q/)?[a-z/]{0,12}(/config)?", payload in prop::collection::vec(any::<u8>(), 0..64)) {
        let events = send(&mut dialect(), &topic, &payload);
        prop_assert!(events.len() <= 1);
    }

    #[test]
    fn what_is_left_depends_on_the_last_messages_alone(
        messages in prop::collection::vec((0..4_usize, prop::option::of(announcement())), 0..24),
        order in Just([0, 1, 2, 3_usize]).prop_shuffle(),
    ) {
        let topics = ["p/q/sensor/a/config", "p/q/light/b/config", "p/q/switch/n/c/config", "p/q/device/d/config"];
        let payload = |message: &Option<serde_json::Value>| message.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut all = dialect();
        for (topic, message) in &messages {
            for event in send(&mut all, topics[*topic], payload(message).as_bytes()) {
                if let Event::Found(found) = event {
                    holds(&found);
                }
            }
        }
        // What was kept is told as it is kept.
        for (key, found) in &all.told {
            let members: Vec<_> = all.device_of.iter().filter(|(_, device)| *device == key).map(|(id, _)| id).collect();
            prop_assert!(!members.is_empty());
            prop_assert!(members.iter().all(|id| found.topics.contains(&id.0)));
        }
        // The entities that are left, announced anew in any order, are the same devices: names that were taken apart.
        let mut anew = dialect();
        for place in order {
            let kept: BTreeMap<_, _> = all.entities.iter().filter(|(id, _)| id.0 == topics[place]).map(|(id, entity)| (id.clone(), entity.clone())).collect();
            anew.replace(Vec::new(), kept, None);
        }
        let plain = |dialect: &HomeAssistant| -> Vec<_> {
            let mut plain: Vec<_> = dialect.told.values().map(|found| {
                let mut keys: Vec<_> = found.properties.iter().map(|property| (property.key.clone(), property.spec.clone())).collect();
                keys.sort_by(|one, two| one.0.cmp(&two.0));
                // By which of its identifiers a device is known is what was told first.
                (found.identifiers.clone(), found.name.clone(), found.availability.clone(), keys)
            }).collect();
            plain.sort_by(|one, two| format!("{one:?}").cmp(&format!("{two:?}")));
            plain
        };
        prop_assert_eq!(plain(&all), plain(&anew));
    }
}

fn entity(id: &str, ids: &str) -> String {
    format!(r#"{{"uniq_id":"{id}","stat_t":"x","name":"{id}","dev":{{"ids":{ids}}}}}"#)
}

#[test]
fn a_device_that_two_join_moves() {
    let mut dialect = dialect();
    send(&mut dialect, "p/q/sensor/b/config", entity("b", r#"["aabbccddeeff"]"#).as_bytes());
    send(&mut dialect, "p/q/sensor/a/config", entity("a", r#"["aabbccddee00"]"#).as_bytes());
    let told = send(&mut dialect, "p/q/sensor/c/config", entity("c", r#"["aabbccddee00","aabbccddeeff"]"#).as_bytes());
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0], Event::Gone { key: "mac:aabbccddeeff".into(), migrates: true });
    assert!(matches!(&told[1], Event::Found(found) if found.key == "mac:aabbccddee00" && found.properties.len() == 3));
    let told = send(&mut dialect, "p/q/sensor/c/config", b"");
    let keys: Vec<_> = told
        .iter()
        .map(|event| match event {
            Event::Found(found) => found.key.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(keys, ["mac:aabbccddee00", "mac:aabbccddeeff"], "what held them together is gone");
}

#[test]
fn nobody_joins_devices_of_others_by_name() {
    let mut dialect = dialect();
    send(&mut dialect, "p/q/sensor/a/config", entity("a", r#"["a"]"#).as_bytes());
    send(&mut dialect, "p/q/sensor/b/config", entity("b", r#"["b","aabbccddeeff"]"#).as_bytes());
    for ids in [r#"["a","b"]"#, r#"["a","b","aabbccddeeff"]"#] {
        for _ in 0..2 {
            let told = send(&mut dialect, "p/q/sensor/c/config", entity("c", ids).as_bytes());
            assert!(
                matches!(&told[..], [Event::Problem { reason, .. }] if reason.contains("'id:a' and 'id:b'")),
                "{told:?}"
            );
        }
    }
    assert_eq!(dialect.told.len(), 2);
    // What adds a name to its own device is another thing, whatever was there before.
    let told = send(&mut dialect, "p/q/sensor/a/config", entity("a", r#"["a","0","a2"]"#).as_bytes());
    assert!(
        matches!(&told[..], [Event::Found(found)] if found.key == "id:a" && found.identifiers.len() == 3),
        "{told:?}"
    );
    send(&mut dialect, "p/q/sensor/a/config", b"");
    let told = send(&mut dialect, "p/q/sensor/c/config", entity("c", r#"["a","b"]"#).as_bytes());
    assert!(matches!(&told[..], [Event::Found(_)]), "there is nothing to join any more: {told:?}");
}

#[test]
fn a_chain_of_identifiers_is_bounded_as_one_device() {
    let mut dialect = dialect();
    let mut problems = 0;
    for n in 0..DEVICE_MEMBERS_MAX + 20 {
        let payload = entity(&format!("e{n}"), &format!(r#"["i{n}","i{}"]"#, n + 1));
        let told = send(&mut dialect, &format!("p/q/sensor/e{n}/config"), payload.as_bytes());
        problems += usize::from(
            matches!(&told[..], [Event::Problem { reason, .. }] if reason.contains("400 entities already")),
        );
    }
    let most = dialect.by_identifier.keys().map(|identifier| dialect.group(identifier).len()).max();
    assert_eq!((most, problems), (Some(DEVICE_MEMBERS_MAX), 1), "the one that is refused parts the chain");
}

#[test]
fn a_device_keeps_its_key_while_it_is_named_so() {
    let mut dialect = dialect();
    let key = |told: Vec<Event>| match &told[..] {
        [Event::Found(found)] => found.key.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(key(send(&mut dialect, "p/q/sensor/a/config", entity("a", r#"["node"]"#).as_bytes())), "id:node");
    // New firmware says its serial number, which sorts first, on one topic after the other.
    assert_eq!(
        key(send(&mut dialect, "p/q/sensor/b/config", entity("b", r#"["node","0serial"]"#).as_bytes())),
        "id:node"
    );
    let told = send(&mut dialect, "p/q/sensor/a/config", entity("a", r#"["node","0serial"]"#).as_bytes());
    assert_eq!(told, [], "that is known already");
    let told = send(&mut dialect, "p/q/sensor/b/config", entity("b", r#"["0serial"]"#).as_bytes());
    assert!(told.iter().all(|event| matches!(event, Event::Found(found) if found.key == "id:node")), "{told:?}");
    let told = send(&mut dialect, "p/q/sensor/a/config", entity("a", r#"["0serial"]"#).as_bytes());
    assert!(
        matches!(&told[..], [Event::Gone { key, migrates: true }, Event::Found(found)] if key == "id:node" && found.key == "id:0serial"),
        "{told:?}"
    );
    // After a start it is what comes first; but it never changes on the way, and an address is always there to know it by.
    for order in [
        [r#"["aabbccddeeff"]"#, r#"["0serial","aabbccddeeff"]"#],
        [r#"["0serial","aabbccddeeff"]"#, r#"["aabbccddeeff"]"#],
    ] {
        let mut dialect = self::dialect();
        let mut keys = BTreeSet::new();
        for (place, ids) in order.iter().enumerate() {
            let payload = entity(&place.to_string(), ids);
            for event in send(&mut dialect, &format!("p/q/sensor/{place}/config"), payload.as_bytes()) {
                let Event::Found(found) = event else { panic!("{event:?}") };
                assert!(found.identifiers.contains(&"mac:aabbccddeeff".to_owned()));
                keys.insert(found.key);
            }
        }
        assert_eq!(keys.len(), 1);
    }
}

#[test]
fn names_of_what_went_are_bounded() {
    let mut dialect = dialect();
    let stays = |device: usize| entity(&format!("s{device}"), &format!(r#"["d{device}"]"#));
    for device in 0..120 {
        send(&mut dialect, &format!("p/q/sensor/s{device}/config"), stays(device).as_bytes());
        let components: serde_json::Map<_, _> = (0..199)
            .map(|n| (format!("{n}{}", "k".repeat(300)), serde_json::json!({"p": "sensor", "stat_t": "t", "uniq_id": format!("{n}{}", "u".repeat(180)), "name": "n".repeat(40)})))
            .collect();
        for round in ["x", "y"] {
            let components: serde_json::Map<_, _> = components
                .iter()
                .map(|(key, component)| {
                    let mut component = component.clone();
                    component["uniq_id"] = format!("{round}{}", component["uniq_id"].as_str().unwrap()).into();
                    (key.clone(), component)
                })
                .collect();
            let message =
                serde_json::json!({"dev": {"ids": format!("d{device}")}, "o": {"name": "x"}, "cmps": components});
            assert!(
                send(&mut dialect, &format!("p/q/device/{device}/config"), message.to_string().as_bytes()).len() == 1
            );
        }
        send(&mut dialect, &format!("p/q/device/{device}/config"), b"");
        assert_eq!(dialect.names_bytes, dialect.names.values().map(Names::bytes).sum::<usize>());
        // What is there has its names, whatever they come to.
        assert!(dialect.names_bytes <= NAMES_BYTES_MAX + 200 * 1_000, "{}", dialect.names_bytes);
    }
    assert!(dialect.names_bytes > NAMES_BYTES_MAX / 2, "the bound was reached: {}", dialect.names_bytes);
    for device in 0..120 {
        send(&mut dialect, &format!("p/q/sensor/s{device}/config"), b"");
    }
    assert_eq!(dialect.names_bytes, 0);
}

#[test]
fn filters_follow_the_prefix() {
    let filters: Vec<_> = dialect().filters().iter().map(ToString::to_string).collect();
    assert_eq!(filters, ["p/q/+/+/config", "p/q/+/+/+/config"]);
    let other = HomeAssistant::new(Options { prefix: "bad/#".into(), hub: "h".into() });
    assert!(other.filters().is_empty());
}

/// All texts that entities and what was told of them hold, each that is shared counted once.
fn held_bytes(dialect: &HomeAssistant) -> usize {
    let mut seen = BTreeSet::new();
    let mut bytes = 0;
    for (id, entity) in &dialect.entities {
        bytes +=
            (1 + entity.identifiers.len()) * (id.0.len() + id.1.len()) + entity.key.len() + entity.naming.object.len();
        if seen.insert(std::sync::Arc::as_ptr(&entity.identifiers).cast::<u8>() as usize) {
            bytes += entity.identifiers.iter().map(String::len).sum::<usize>();
        }
        if seen.insert(std::sync::Arc::as_ptr(&entity.availability).cast::<u8>() as usize) {
            bytes += entity
                .availability
                .topics
                .iter()
                .map(|topic| topic.topic.len() + topic.online.len() + topic.offline.len())
                .sum::<usize>();
        }
        let maps = entity.parts.iter().flat_map(|part| {
            part.reads.iter().flat_map(|read| &read.map).chain(part.write.iter().flat_map(|write| &write.map))
        });
        bytes += maps.map(|(one, two)| one.len() + two.len()).sum::<usize>();
        bytes += entity.parts.iter().flat_map(|part| &part.reads).map(|read| read.topic.len()).sum::<usize>();
    }
    bytes
}

#[test]
fn what_is_remembered_is_counted_and_shared() {
    let big = "i".repeat(3_900);
    let ids: Vec<_> = (0..4).map(|n| format!("{n}{big}")).collect();
    let online = "o".repeat(3_900);
    let availability: Vec<_> =
        (0..5).map(|n| serde_json::json!({"t": format!("av/{n}"), "pl_avail": online})).collect();
    let components = |bad: bool| -> serde_json::Map<_, _> {
        let component = |n: usize| serde_json::json!({"p": "switch", "uniq_id": format!("u{n}"), "stat_t": if bad { "#" } else { "s" }, "cmd_t": if bad { "#" } else { "c" }, "pl_on": if n == 0 { "x".repeat(4_000) } else { n.to_string() }});
        (0..200).map(|n| (format!("c{n}"), component(n))).collect()
    };
    let mut dialect = dialect();
    let message = |bad| serde_json::json!({"dev": {"ids": ids}, "o": {"name": "x"}, "avty": availability, "cmps": components(bad)});
    send(&mut dialect, "p/q/device/a/config", message(false).to_string().as_bytes());
    assert_eq!(dialect.entities.len(), 200);
    let distinct: BTreeSet<_> =
        dialect.entities.values().map(|entity| std::sync::Arc::as_ptr(&entity.availability)).collect();
    assert_eq!(distinct.len(), 1, "the same is kept once");
    assert!(dialect.bytes >= held_bytes(&dialect), "{} for {}", dialect.bytes, held_bytes(&dialect));
    let before = dialect.bytes;
    assert!(before < 4_000_000, "{before}");
    // Those that stay because what comes after them cannot be read hold what they shared alone.
    send(&mut dialect, "p/q/device/a/config", message(true).to_string().as_bytes());
    assert_eq!(dialect.entities.len(), 200);
    assert!(dialect.bytes > before, "{} {before}", dialect.bytes);
    // What differs everywhere is refused before it is much.
    for n in 0..200 {
        let component = |m: usize| serde_json::json!({"p": "switch", "uniq_id": format!("{n}u{m}"), "cmd_t": "c", "pl_avail": format!("{m}"), "avty_t": "t"});
        let components: serde_json::Map<_, _> = (0..10).map(|m| (format!("c{m}"), component(m))).collect();
        let ids: Vec<_> = (0..16).map(|k| format!("{n}/{k}{big}")).collect();
        let message = serde_json::json!({"dev": {"ids": ids}, "o": {"name": "x"}, "cmps": components});
        send(&mut dialect, &format!("p/q/device/d{n}/config"), message.to_string().as_bytes());
        assert!(dialect.bytes <= ANNOUNCED_BYTES_MAX && held_bytes(&dialect) <= dialect.bytes);
    }
    let payload =
        serde_json::json!({"stat_t": "s", "avty": [{"t": "t", "pl_avail": "x".repeat(5_000)}], "uniq_id": "long"});
    send(&mut dialect, "p/q/sensor/a/config", payload.to_string().as_bytes());
    assert!(
        dialect.entities.values().all(|entity| entity
            .availability
            .topics
            .iter()
            .all(|topic| topic.online.len() < 4_100))
    );
}

#[test]
fn what_is_shared_is_bounded_before_each_component_gets_it() {
    let junk = serde_json::json!([vec![0; 20_000]]);
    let entries = vec![serde_json::json!({"topic": "t", "junk": junk}); 40];
    let components: serde_json::Map<_, _> =
        (0..3).map(|n| (n.to_string(), serde_json::json!({"p": "switch", "uniq_id": n.to_string()}))).collect();
    let payload = serde_json::json!({"dev": {"ids": "a"}, "o": {"name": "x"}, "avty": entries[..1], "qos": junk, "cmd_t": "x".repeat(9_000), "cmps": components});
    let Ok(Announced::Components(read)) = announcement::parse(Form::Device, payload.to_string().as_bytes()) else {
        panic!()
    };
    for (_, fields) in &read.components {
        assert!(serde_json::to_string(fields).unwrap().len() < 200, "{fields:?}");
    }
    assert_eq!(read.problems.len(), 2, "{:?}", read.problems);
}

#[test]
fn a_topic_that_is_none_of_ours_is_not_remembered() {
    let mut dialect = dialect();
    assert_eq!(send(&mut dialect, "p/q/sensor/a b/config", b"{}").len(), 1);
    assert!(dialect.last.is_empty());
}
