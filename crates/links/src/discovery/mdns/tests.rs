//! Tables of services and the devices that they are.

use proptest::prelude::*;

use super::*;

fn service(name: &str, kind: &str, host: &str, port: u16, txt: &[(&str, &str)]) -> Service {
    let kind = format!("{kind}._tcp.local.");
    Service {
        fullname: format!("{name}.{kind}"),
        kind,
        host: format!("{host}.local."),
        port,
        addresses: vec!["fe80::1".parse().unwrap(), "2001:db8::7".parse().unwrap(), "192.0.2.7".parse().unwrap()],
        txt: txt.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect(),
    }
}

fn found(events: &[Event]) -> &Found {
    let found = events.iter().find_map(|event| if let Event::Found(found) = event { Some(found) } else { None });
    found.unwrap_or_else(|| panic!("nothing found in {events:?}"))
}

fn gone(key: &str, migrates: bool) -> Event {
    Event::Gone { key: key.to_owned(), migrates }
}

#[test]
fn services_say_what_a_host_is() {
    let esphome = [("MAC", "AABBCCDDEEFF"), ("friendly_name", "Porch"), ("version", "2026.1.0"), ("board", "esp32dev")];
    let project =
        [("mac", "aabbccddeeff"), ("project_name", "acme.thermo"), ("project_version", "3"), ("version", "1")];
    for (service, expected) in [
        (
            service("desk", "_wled", "wled-desk", 80, &[("mac", "aabbccddeeff")]),
            "mac:aabbccddeeff | desk | WLED |  |  | http://192.0.2.7:80/",
        ),
        (
            service("porch", "_esphomelib", "porch", 6053, &esphome),
            "mac:aabbccddeeff | Porch | ESPHome | esp32dev | 2026.1.0 | ",
        ),
        (service("t", "_esphomelib", "t", 6053, &project), "mac:aabbccddeeff | t | acme | thermo | 3 | "),
        (
            service("Printer\\.2", "_http", "printer", 631, &[("path", "/status?x=1")]),
            "host:printer.local | Printer.2 |  |  |  | http://192.0.2.7:631/status?x=1",
        ),
        (
            service("x", "_http", "x", 80, &[("path", "javascript:1")]),
            "host:x.local | x |  |  |  | http://192.0.2.7:80/",
        ),
        (service("x", "_http", "x", 80, &[("path", "//evil")]), "host:x.local | x |  |  |  | http://192.0.2.7:80/"),
        (service("broker", "_mqtt", "nas", 1883, &[]), "host:nas.local | broker |  | MQTT broker |  | "),
        (
            service("Housewire on pi", "_housewire", "housewire-2", 8080, &[("version", "0.1.0"), ("path", "/")]),
            "host:housewire-2.local | Housewire on pi | Housewire | Hub | 0.1.0 | http://192.0.2.7:8080/",
        ),
    ] {
        let shown = format!("{service:?}");
        let events = Neighbours::new("own").resolved(service);
        let found = found(&events);
        let Found { key, name, manufacturer, model, sw_version, url, .. } = found.clone();
        let parts = [name, manufacturer, model, sw_version, url].map(Option::unwrap_or_default).join(" | ");
        assert_eq!(format!("{key} | {parts}"), expected, "{shown}");
        assert!(found.addresses.iter().all(|address| !address.contains("fe80")), "{found:?}");
    }
}

#[test]
fn several_services_are_one_host() {
    let mut neighbours = Neighbours::new("own");
    let web = service("porch", "_http", "porch", 80, &[]);
    let events = neighbours.resolved(web.clone());
    assert_eq!(found(&events).key, "host:porch.local");
    assert_eq!(neighbours.resolved(web.clone()), [], "the same again is no news");
    // Its hardware address comes with another service: it is the same host.
    let native = service("porch", "_esphomelib", "porch", 6053, &[("mac", "aabbccddeeff")]);
    let events = neighbours.resolved(native.clone());
    assert_eq!(events[0], gone("host:porch.local", true));
    let both = found(&events);
    assert_eq!(both.identifiers, ["mac:aabbccddeeff", "id:host/porch.local"]);
    assert_eq!(both.addresses, ["192.0.2.7:6053", "[2001:db8::7]:6053", "192.0.2.7:80", "[2001:db8::7]:80"]);
    assert_eq!(both.url.as_deref(), Some("http://192.0.2.7:80/"));
    let events = neighbours.removed(&web.fullname);
    assert_eq!((events.len(), found(&events).url.clone()), (1, None));
    assert_eq!(neighbours.removed(&native.fullname), [gone("mac:aabbccddeeff", false)]);
    assert_eq!(neighbours.removed(&native.fullname), []);
    assert!(neighbours.hosts.is_empty());
}

#[test]
fn a_host_that_is_renamed_is_the_same() {
    let mut neighbours = Neighbours::new("own");
    let mac = [("mac", "aabbccddeeff")];
    let old = service("old", "_wled", "old", 80, &mac);
    let new = service("new", "_wled", "new", 80, &mac);
    neighbours.resolved(old.clone());
    // While both are remembered, it is one.
    let events = neighbours.resolved(new.clone());
    assert_eq!((events.len(), found(&events).key.as_str()), (1, "mac:aabbccddeeff"));
    assert!(!neighbours.removed(&old.fullname).iter().any(|event| matches!(event, Event::Gone { .. })));
    // One that moves to another host goes with it.
    let events = neighbours.resolved(Service { host: "Newer.local.".into(), ..new });
    assert_eq!(found(&events).identifiers[1], "id:host/newer.local");
    assert_eq!(neighbours.hosts.len(), 1);
}

#[test]
fn nobody_finds_oneself() {
    let own = service("Housewire on pi", "_housewire", "housewire", 8080, &[(OWN_ID, "me")]);
    assert_eq!(Neighbours::new("me").resolved(own.clone()), []);
    assert_eq!(Neighbours::new("somebody").resolved(own).len(), 1);
}

#[test]
fn bounds_hold() {
    let mut neighbours = Neighbours::new("own");
    for number in 0..=HOST_SERVICES_MAX {
        let events = neighbours.resolved(service(&format!("s{number}"), "_http", "many", 80 + number as u16, &[]));
        let is_refused = matches!(events[..], [Event::Problem { .. }]);
        assert_eq!(is_refused, number == HOST_SERVICES_MAX);
        if let [Event::Found(found)] = &events[..] {
            assert!(found.addresses.len() <= HOST_ADDRESSES_MAX);
        }
    }
    for number in 0..HOSTS_MAX {
        let events = neighbours.resolved(service("x", "_http", &format!("h{number}"), 80, &[]));
        // Of a name that moves, the old place is forgotten.
        assert!(!events.iter().any(|event| matches!(event, Event::Problem { .. })));
    }
    for number in 0..HOSTS_MAX {
        neighbours.resolved(service(&format!("y{number}"), "_http", &format!("g{number}"), 80, &[]));
    }
    assert_eq!(neighbours.hosts.len(), HOSTS_MAX);
}

proptest! {
    #[test]
    fn whatever_services_say(
        steps in prop::collection::vec(
            (any::<bool>(), 0..4_usize, "[a-c\\\\.]{0,3}", "[a-b]{0,2}", any::<u16>(), prop::collection::vec(("\\PC{0,5}|mac|path|version", "\\PC{0,20}|aabbccddeeff|aabbccddee00"), 0..4)),
            0..30,
        ),
    ) {
        let mut neighbours = Neighbours::new("own");
        let mut known: BTreeMap<String, Found> = BTreeMap::new();
        for (is_there, kind, name, host, port, txt) in steps {
            let kind = ["_http", "_wled", "_esphomelib", "_mqtt"][kind];
            let mut service = service(&name, kind, &host, port, &[]);
            service.txt = txt;
            let events = if is_there { neighbours.resolved(service) } else { neighbours.removed(&service.fullname) };
            for event in events {
                match event {
                    Event::Found(found) => {
                        prop_assert!(known.insert(found.key.clone(), *found.clone()).as_ref() != Some(&*found));
                    }
                    Event::Gone { key, .. } => prop_assert!(known.remove(&key).is_some(), "{} was not there", key),
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            // What was said is what is there: one device for each key that the hosts have.
            let hosts: Vec<&String> = neighbours.hosts.keys().collect();
            let keys: std::collections::BTreeSet<_> = hosts.into_iter().filter_map(|host| neighbours.key_of(host)).collect();
            prop_assert_eq!(keys, known.keys().cloned().collect());
        }
    }
}
