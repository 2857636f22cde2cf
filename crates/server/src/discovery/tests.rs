//! The whole of discovery on a hub in process: its thread, its documents, Home Assistant's form of announcements.
//!
//! Real clients play the announcements of every ecosystem in `tests/test_discovery.py`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use housewire_core::{
    DeclareMode, DeviceId, Filter, Hub, HubOptions, Mailbox, Message, Offer, Permissions, Presence, Principal,
    PropertyName, Publisher, RouteCache, Run, Subscriber, TopicRef,
};
use housewire_store::Store;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::accounts::{Change, Via};
use crate::auth::Guests;
use crate::clients::{Connection, Figures as ClientFigures, Measured, Protocol, Transport};
use crate::hosts::Hosts;
use crate::shard::now;

/// Keeps what it is offered.
#[derive(Default)]
struct Heard(Mutex<Vec<Arc<Message>>>);

impl Mailbox for Heard {
    fn offer(&self, run: &Run<'_>, _: &housewire_core::Delivery) -> Offer {
        self.0.lock().extend(run.messages().iter().cloned());
        Offer::Taken
    }

    fn is_congested(&self) -> bool {
        false
    }
}

impl Measured for Heard {
    fn figures(&self) -> ClientFigures {
        ClientFigures::default()
    }
}

/// A client with rights of its own.
struct Peer {
    publisher: Publisher,
    subscriber: Arc<Subscriber>,
    heard: Arc<Heard>,
    hub: Arc<Hub>,
}

impl Peer {
    fn say(&self, topic: &str, payload: &str, retain: bool) {
        let payloads = [payload.as_bytes()];
        let run = Run::new(TopicRef::parse(topic).unwrap(), &payloads).retain(retain);
        self.publisher.publish_run(run, now()).unwrap();
    }

    fn listen(&self, filter: &str) {
        self.hub.subscribe(&self.subscriber, &Filter::parse(filter).unwrap(), Default::default()).unwrap();
    }

    /// What it heard on a topic.
    fn heard(&self, topic: &str) -> Vec<String> {
        let heard = self.heard.0.lock();
        let on_topic = heard.iter().filter(|message| message.topic.as_str() == topic);
        on_topic.map(|message| String::from_utf8_lossy(&message.payload).into_owned()).collect()
    }
}

struct House {
    hub: Arc<Hub>,
    clients: Arc<Clients>,
    accounts: Arc<Accounts>,
    discovery: Discovery,
    store: Store,
    _folder: TempDir,
}

impl House {
    fn new() -> Self {
        Self::with(Arc::new(Hub::new(HubOptions::default())))
    }

    /// Discovery starts on a hub that may have retained messages already.
    fn with(hub: Arc<Hub>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let clients = Arc::<Clients>::default();
        let guests = Guests::new(None, Vec::new(), Hosts::default());
        let accounts =
            Accounts::open(store.accounts().unwrap(), Arc::clone(&hub), Arc::clone(&clients), guests, Vec::new())
                .unwrap();
        let accounts = Arc::new(accounts);
        let discovery = Discovery::start(&store, &hub, &clients, &accounts, true).unwrap();
        Self { hub, clients, accounts, discovery, store, _folder: folder }
    }

    fn restart(&mut self) {
        self.discovery.stop();
        self.discovery = Discovery::start(&self.store, &self.hub, &self.clients, &self.accounts, true).unwrap();
    }

    fn peer(&self, name: &str, permissions: Permissions) -> Peer {
        let (session, heard) = (self.hub.new_session(), Arc::<Heard>::default());
        let principal = Arc::new(Principal::new(name, permissions));
        let subscriber = Hub::subscriber(session, Arc::clone(&principal), Arc::clone(&heard) as _);
        let client = self.clients.add(
            name.into(),
            Protocol::Mqtt,
            Arc::clone(&subscriber),
            Arc::clone(&heard) as Arc<dyn Measured>,
        );
        let connection = Connection {
            credential: None,
            peer: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1),
            transport: Transport::Tcp,
            version: None,
            keep_alive_s: 0,
            session_expiry_s: Some(0),
        };
        self.clients.connected(&client, connection);
        let routes = Arc::new(RouteCache::new());
        let publisher = Publisher::new(Arc::clone(&self.hub), routes, principal, session, "mqtt", Presence::Connected);
        Peer { publisher, subscriber, heard, hub: Arc::clone(&self.hub) }
    }

    async fn list(&self) -> Vec<Value> {
        let list = self.discovery.ask(|desk| serde_json::to_value(desk.list()).unwrap()).await.unwrap();
        list.as_array().unwrap().clone()
    }

    /// The find, once it looks so.
    #[track_caller]
    fn find(&self, id: &'static str, looks: impl Fn(&Value) -> bool) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        async move {
            let began = Instant::now();
            loop {
                let list = self.list().await;
                if let Some(find) = list.iter().find(|find| find["id"] == id).filter(|find| looks(find)) {
                    return find.clone();
                }
                assert!(began.elapsed() < Duration::from_secs(10), "no {id} that is as expected ({place}): {list:#?}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    async fn adopt(&self, id: &'static str) -> DeviceId {
        self.discovery.ask(move |desk| desk.adopt(id, Adoption::default(), &by())).await.unwrap().unwrap()
    }

    async fn set(&self, change: impl FnOnce(&mut DiscoverySettings)) {
        let mut settings = self.discovery.ask(|desk| desk.settings()).await.unwrap();
        change(&mut settings);
        self.discovery.ask(move |desk| desk.set(settings)).await.unwrap().unwrap();
    }

    fn value(&self, device: &str, property: &str) -> Option<String> {
        let device = self.hub.device(&DeviceId::parse(device).unwrap())?;
        let state = device.lock();
        let value = state.properties.get(property)?.value.as_ref()?;
        Some(String::from_utf8_lossy(&value.to_payload()).into_owned())
    }

    fn is_online(&self, device: &str) -> bool {
        self.hub.device(&DeviceId::parse(device).unwrap()).is_some_and(|device| device.lock().is_online())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.discovery.stop();
    }
}

fn by() -> Change {
    Change { who: Some("admin".into()), address: None, via: Via::Http }
}

#[track_caller]
fn until(what: impl Fn() -> bool) -> impl Future<Output = ()> {
    within(10, what)
}

#[track_caller]
fn within(seconds: u64, what: impl Fn() -> bool) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let began = Instant::now();
        while !what() {
            assert!(began.elapsed() < Duration::from_secs(seconds), "it did not come to be so ({place})");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn rights(read: &[&str], write: &[&str]) -> Permissions {
    let filters = |texts: &[&str]| texts.iter().map(|text| Filter::parse(text).unwrap()).collect();
    Permissions { read: filters(read), write: filters(write), ..Permissions::default() }
}

const CONFIG: &str = "homeassistant/switch/plug/config";

fn plug(command_topic: &str) -> String {
    json!({
        "name": null, "unique_id": "plug-relay", "state_topic": "plug/state", "command_topic": command_topic,
        "availability_topic": "plug/status",
        "device": {"identifiers": ["plug"], "connections": [["mac", "AA:BB:CC:DD:EE:FF"]], "name": "Coffee plug", "model": "P1"},
    })
    .to_string()
}

/// The only find that there is.
async fn only(house: &House) -> &'static str {
    let began = Instant::now();
    loop {
        if let [find] = &house.list().await[..] {
            return find["id"].as_str().unwrap().to_owned().leak();
        }
        assert!(began.elapsed() < Duration::from_secs(10), "one find was expected: {:#?}", house.list().await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The name of the plug's switch.
async fn switch(house: &House, id: &'static str) -> String {
    house.find(id, |_| true).await["properties"][0]["name"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_device_is_found_adopted_and_served_in_both_directions() {
    let mut house = House::new();
    let esp = house.peer("esp", Permissions::all());
    esp.listen("plug/cmd");
    esp.say(CONFIG, &plug("plug/cmd"), true);
    let id = only(&house).await;
    let find = house.find(id, |find| find["state"] == "new").await;
    assert_eq!((&find["name"], &find["source"]), (&json!("Coffee plug"), &json!("homeassistant")));
    assert_eq!(find["announced_by"], json!({"client": "esp", "user": "esp", "topic": CONFIG, "retained": false}));
    assert_eq!(house.hub.devices().len(), 0, "nobody adopted it");
    esp.say("plug/state", "ON", false);
    house.find(id, |find| find["properties"][0]["value"] == true).await;

    let device = house.adopt(id).await;
    assert_eq!(device.as_str(), "coffee-plug");
    let name = switch(&house, id).await;
    assert_eq!(house.value("coffee-plug", &name).as_deref(), Some("true"), "it was known before");
    assert!(!house.is_online("coffee-plug"), "it did not say that it is there");
    esp.say("plug/status", "online", true);
    until(|| house.is_online("coffee-plug")).await;
    esp.say("plug/state", "OFF", false);
    until(|| house.value("coffee-plug", &name).as_deref() == Some("false")).await;

    let person = house.peer("person", Permissions::all());
    person.say(&format!("devices/coffee-plug/{name}/set"), "true", false);
    until(|| esp.heard("plug/cmd") == ["ON"]).await;

    house.restart();
    until(|| house.is_online("coffee-plug")).await;
    esp.say("plug/state", "ON", false);
    until(|| house.value("coffee-plug", &name).as_deref() == Some("true")).await;
    person.say(&format!("devices/coffee-plug/{name}/set"), "false", false);
    until(|| esp.heard("plug/cmd") == ["ON", "OFF"]).await;

    esp.say("plug/status", "offline", true);
    until(|| !house.is_online("coffee-plug")).await;
    // Its announcement is taken back: it is gone, and comes back as what it was.
    esp.say(CONFIG, "", true);
    house.find(id, |find| find["state"] == "gone").await;
    esp.say("plug/status", "online", true);
    esp.say(CONFIG, &plug("plug/cmd"), true);
    house.find(id, |find| find["state"] == "adopted" && find["device"] == "coffee-plug").await;
    until(|| house.is_online("coffee-plug")).await;
    assert_eq!(house.value("coffee-plug", &name).as_deref(), Some("true"), "and knows what it knew");
}

#[tokio::test]
async fn the_hub_says_when_it_is_there_and_when_it_goes() {
    let house = House::new();
    let esp = house.peer("esp", Permissions::all());
    esp.listen("homeassistant/status");
    house.set(|settings| settings.enabled = false).await;
    house.set(|settings| settings.enabled = true).await;
    until(|| esp.heard("homeassistant/status").ends_with(&["offline".into(), "online".into()])).await;
    house.discovery.stop();
    assert_eq!(esp.heard("homeassistant/status").last().map(String::as_str), Some("offline"));
}

#[tokio::test]
async fn a_ghost_is_shown_as_one_until_it_is_heard_of() {
    let hub = Arc::new(Hub::new(HubOptions::default()));
    let stored = json!({"unique_id": "x", "state_topic": "x/state", "device": {"identifiers": ["x"], "name": "Ghost"}});
    let somebody = Arc::new(Principal::new("old", Permissions::all()));
    let routes = Arc::new(RouteCache::new());
    let publisher = Publisher::new(Arc::clone(&hub), routes, somebody, hub.new_session(), "mqtt", Presence::Connected);
    let payload = stored.to_string();
    let payloads = [payload.as_bytes()];
    let topic = TopicRef::parse("homeassistant/sensor/x/config").unwrap();
    publisher.publish_run(Run::new(topic, &payloads).retain(true), now()).unwrap();
    let house = House::with(hub);
    let id = only(&house).await;
    let find = house.find(id, |find| find["ghost"] == true).await;
    assert_eq!(find["announced_by"]["retained"], true);
    house.adopt(id).await;
    assert!(!house.is_online("ghost"));
    let esp = house.peer("esp", Permissions::all());
    esp.say("x/state", "1", false);
    house.find(id, |find| find["ghost"] == false).await;
    until(|| house.is_online("ghost")).await;
}

#[tokio::test]
async fn what_is_removed_stays_away_until_its_sender_comes_back() {
    let mut house = House::new();
    let esp = house.peer("esp", Permissions::all());
    esp.say(CONFIG, &plug("plug/cmd"), true);
    let id = only(&house).await;
    house.adopt(id).await;
    house.discovery.ask(move |desk| desk.remove(id, &by())).await.unwrap().unwrap();
    let stored = |house: &House| {
        let topic = TopicRef::parse(CONFIG).unwrap();
        house.hub.get(&Principal::new("test", Permissions::all()), topic, now()).unwrap()
    };
    until(|| stored(&house).is_none()).await;
    assert!(house.hub.device(&DeviceId::parse("coffee-plug").unwrap()).is_some(), "the device is not deleted by that");
    house.restart();
    house.find(id, |find| find["state"] == "removed").await;
    esp.say(CONFIG, &plug("plug/cmd"), true);
    house.find(id, |find| find["state"] == "new").await;
    assert_eq!(house.adopt(id).await.as_str(), "coffee-plug", "it is what it was");
}

#[tokio::test]
async fn a_deleted_device_is_not_offered_again_by_itself() {
    let house = House::new();
    let esp = house.peer("esp", Permissions::all());
    esp.say(CONFIG, &plug("plug/cmd"), true);
    let id = only(&house).await;
    let device = house.adopt(id).await;
    assert!(house.hub.remove_device(&device, now()));
    house.find(id, |find| find["state"] == "ignored").await;
    esp.say("plug/state", "ON", false);
    esp.say("fence/x", "", false);
    house.list().await;
    assert!(house.hub.device(&device).is_none(), "no report made it anew");
    house.discovery.ask(move |desk| desk.restore(id, &by())).await.unwrap().unwrap();
    house.find(id, |find| find["state"] == "new").await;
}

#[tokio::test]
async fn nobody_gets_by_an_announcement_what_he_may_not() {
    let house = House::new();
    house.set(|settings| settings.adopt = Adopt::Automatic).await;
    // He may announce, and create devices, but not open the door.
    let thief = house.peer("thief", rights(&["plug/#"], &["homeassistant/#", "plug/#", "devices/#"]));
    thief.say(CONFIG, &plug("alarm/disarm"), true);
    let id = only(&house).await;
    house.find(id, |find| find["state"] == "new").await;
    // With topics of his own it is adopted at once.
    thief.say(CONFIG, &plug("plug/cmd"), true);
    house.find(id, |find| find["state"] == "adopted").await;
    let name = switch(&house, id).await;
    // And cannot be pointed elsewhere later.
    thief.say(CONFIG, &plug("alarm/disarm"), true);
    let find = house.find(id, |find| !find["problems"].as_array().unwrap().is_empty()).await;
    assert!(find["problems"][0].as_str().unwrap().contains("alarm/disarm"), "{find}");
    let alarm = house.peer("alarm", Permissions::all());
    alarm.listen("alarm/#");
    alarm.say(&format!("devices/coffee-plug/{name}/set"), "true", false);
    house.list().await;
    assert_eq!(alarm.heard("alarm/disarm"), Vec::<String>::new());
    // Nor does somebody else's word, who may open the door, make it his.
    let porter = house.peer("porter", Permissions::all());
    let more = json!({
        "name": "Uptime", "unique_id": "uptime", "state_topic": "plug/uptime",
        "device": {"identifiers": ["plug"], "connections": [["mac", "AA:BB:CC:DD:EE:FF"]], "name": "Coffee plug"},
    });
    porter.say("homeassistant/sensor/plug/config", &more.to_string(), true);
    house.find(id, |find| find["properties"].as_array().unwrap().len() == 2).await;
    until(|| house.hub.device(&DeviceId::parse("coffee-plug").unwrap()).unwrap().lock().properties.len() == 2).await;
    alarm.say(&format!("devices/coffee-plug/{name}/set"), "true", false);
    house.list().await;
    assert_eq!(alarm.heard("alarm/disarm"), Vec::<String>::new());
    // An admin who adopts it again agrees.
    house.adopt(id).await;
    alarm.say(&format!("devices/coffee-plug/{name}/set"), "true", false);
    until(|| alarm.heard("alarm/disarm") == ["ON"]).await;
}

#[tokio::test]
async fn who_may_not_create_devices_is_asked_about() {
    let house = House::new();
    house.set(|settings| settings.adopt = Adopt::Automatic).await;
    let esp = house.peer("esp", rights(&["plug/#"], &["homeassistant/#", "plug/#"]));
    esp.say(CONFIG, &plug("plug/cmd"), true);
    let id = only(&house).await;
    house.find(id, |find| find["state"] == "new").await;
    assert_eq!(house.hub.devices().len(), 0);
}

#[tokio::test]
async fn topics_of_devices_are_not_carried_to_others() {
    let house = House::new();
    let esp = house.peer("esp", Permissions::all());
    // Two that read each other would never be quiet.
    for (one, other) in [("one", "two"), ("two", "one")] {
        let config = json!({
            "unique_id": one, "state_topic": format!("devices/{other}/value"), "value_template": "{{ value|int + 1 }}",
            "device": {"identifiers": [one], "name": one},
        });
        esp.say(&format!("homeassistant/sensor/{one}/config"), &config.to_string(), true);
    }
    let began = Instant::now();
    while house.list().await.len() < 2 {
        assert!(began.elapsed() < Duration::from_secs(10));
    }
    for find in house.list().await {
        let id = find["id"].as_str().unwrap().to_owned().leak();
        // They speak on topics of devices: they are these devices.
        let other = if find["name"] == "one" { "two" } else { "one" };
        assert_eq!(house.adopt(id).await.as_str(), other);
    }
    esp.say("devices/one/value", "5", false);
    house.list().await;
    assert_eq!(house.value("one", "value").as_deref(), Some("5"));
    assert_eq!(house.discovery.figures().reports, 0);
}

#[tokio::test]
async fn two_thousand_stored_announcements_all_count() {
    let hub = Arc::new(Hub::new(HubOptions::default()));
    let somebody = Arc::new(Principal::new("old", Permissions::all()));
    let routes = Arc::new(RouteCache::new());
    let publisher = Publisher::new(Arc::clone(&hub), routes, somebody, hub.new_session(), "mqtt", Presence::Connected);
    for number in 0..2_000 {
        let config = json!({
            "unique_id": format!("s{number}"), "state_topic": format!("s/{number}"), "name": "Value",
            "device": {"identifiers": [format!("node{number}")], "name": format!("Node {number}")},
            "json_attributes_topic": "x".repeat(2_000),
        });
        let payload = config.to_string();
        let payloads = [payload.as_bytes()];
        let topic = format!("homeassistant/sensor/s{number}/config");
        publisher.publish_run(Run::new(TopicRef::parse(&topic).unwrap(), &payloads).retain(true), now()).unwrap();
    }
    let house = House::with(hub);
    within(60, || house.discovery.figures().finds[0].1 == 2_000).await;
    assert_eq!(house.discovery.figures().dropped[0].1, 0);
}

#[tokio::test]
async fn what_this_hub_announces_another_hub_understands() {
    let (house, other) = (House::new(), House::new());
    let properties: Value = json!({
        "power": {"type": "bool", "access": ["read", "set"]},
        "level": {"type": "int", "access": ["read", "set"], "min": 0, "max": 100},
        "heat": {"type": "float", "access": ["read"], "unit": "°C", "role": "temperature"},
        "mode": {"type": "enum", "access": ["read", "set"], "options": ["calm", "party"]},
        "note": {"type": "string", "access": ["read", "set"]},
        "motion": {"type": "bool", "access": ["read"], "role": "motion"},
    });
    let specs: BTreeMap<_, _> = properties
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, of)| {
            let has = |word: &str| of["access"].as_array().unwrap().contains(&json!(word));
            let access = housewire_core::PropertyAccess { read: true, set: has("set"), event: false };
            let text = |key: &str| of[key].as_str().map(str::to_owned);
            let spec = housewire_core::PropertySpec {
                access,
                unit: text("unit"),
                role: text("role"),
                min: of["min"].as_f64(),
                max: of["max"].as_f64(),
                options: of["options"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|of| of.as_str().unwrap().to_owned())
                    .collect(),
                ..housewire_core::PropertySpec::declared(of["type"].as_str().unwrap().parse().unwrap())
            };
            (PropertyName::parse(name).unwrap(), spec)
        })
        .collect();
    let id = DeviceId::parse("lamp").unwrap();
    house.hub.declare(&id, specs, DeclareMode::Replace, |info| info.clone(), now()).unwrap();
    house.set(|settings| settings.announce = true).await;
    const TOPIC: &str = "homeassistant/device/lamp/config";
    let stored = |house: &House| {
        let topic = TopicRef::parse(TOPIC).unwrap();
        let stored = house.hub.get(&Principal::new("test", Permissions::all()), topic, now()).unwrap();
        stored.map(|message| String::from_utf8_lossy(&message.payload).into_owned())
    };
    until(|| stored(&house).is_some()).await;
    assert_eq!(house.list().await, Vec::<Value>::new(), "it does not find itself");

    let bridge = other.peer("bridge", Permissions::all());
    bridge.say(TOPIC, &stored(&house).unwrap(), true);
    let find = only(&other).await;
    assert_eq!(other.adopt(find).await.as_str(), "lamp");
    let known: Vec<_> = {
        let device = other.hub.device(&id).unwrap();
        let state = device.lock();
        let shown = state
            .properties
            .iter()
            .map(|(name, property)| (name.to_string(), property.spec.kind.name(), property.spec.access.set));
        shown.collect()
    };
    let expected = [
        ("heat", "float", false),
        ("level", "float", true),
        ("mode", "enum", true),
        ("motion", "bool", false),
        ("note", "string", true),
        ("power", "bool", true),
    ];
    let whole = |kind: &'static str| if kind == "int" { "float" } else { kind };
    let known: Vec<_> = known.iter().map(|(name, kind, set)| (name.as_str(), whole(kind), *set)).collect();
    assert_eq!(known, expected, "numbers are one kind there");

    // Switched off for one device, and then as a whole.
    house.discovery.ask(|desk| desk.set_announced(&DeviceId::parse("lamp").unwrap(), false)).await.unwrap().unwrap();
    until(|| stored(&house).is_none()).await;
    house.discovery.ask(|desk| desk.set_announced(&DeviceId::parse("lamp").unwrap(), true)).await.unwrap().unwrap();
    until(|| stored(&house).is_some()).await;
    house.set(|settings| settings.announce = false).await;
    until(|| stored(&house).is_none()).await;
}

#[tokio::test]
async fn a_home_assistant_that_comes_back_is_told_everything_again() {
    let house = House::new();
    house
        .hub
        .declare(&DeviceId::parse("lamp").unwrap(), BTreeMap::new(), DeclareMode::Merge, |info| info.clone(), now())
        .unwrap();
    house.set(|settings| settings.announce = true).await;
    let assistant = house.peer("assistant", Permissions::all());
    assistant.listen("homeassistant/device/+/config");
    assistant.say("homeassistant/status", "online", false);
    until(|| !assistant.heard("homeassistant/device/lamp/config").is_empty()).await;
    assert!(house.hub.remove_device(&DeviceId::parse("lamp").unwrap(), now()));
    until(|| assistant.heard("homeassistant/device/lamp/config").last().is_some_and(String::is_empty)).await;
}

#[tokio::test]
async fn a_forged_announcement_does_not_take_an_adopted_device_over() {
    let house = House::new();
    let esp = house.peer("esp", Permissions::all());
    esp.listen("plug/cmd");
    esp.say(CONFIG, &plug("plug/cmd"), true);
    let id = only(&house).await;
    let device = house.adopt(id).await;
    let name = switch(&house, id).await;
    esp.say("plug/status", "online", true);
    esp.say("plug/state", "OFF", false);
    until(|| house.value("coffee-plug", &name).as_deref() == Some("false")).await;
    let spec = |name: &str| house.hub.device(&device).unwrap().lock().properties.get(name).map(|of| of.spec.clone());
    let before = spec(&name);

    // It comes before the real one, and names it.
    let thief = house.peer("thief", rights(&["m/#"], &["homeassistant/+/m/config", "m/#"]));
    thief.listen("m/cmd");
    let forged = plug("m/cmd").replace("plug/state", "m/state").replace("plug/status", "m/status");
    thief.say("homeassistant/switch/m/config", &forged.replace("Coffee plug", "Mine"), true);
    house.find(id, |find| find["problems"].to_string().contains("m/state")).await;
    thief.say("m/state", "ON", true);
    thief.say("m/status", "offline", true);
    let person = house.peer("person", Permissions::all());
    person.say(&format!("devices/coffee-plug/{name}/set"), "true", false);
    until(|| esp.heard("plug/cmd") == ["ON"]).await;
    assert!(thief.heard("m/cmd").is_empty());
    assert_eq!(spec(&name), before);
    let is_named = |name: &str| house.hub.device(&device).unwrap().lock().info.name.as_deref() == Some(name);
    assert!(house.is_online("coffee-plug") && is_named("Coffee plug"));
    esp.say("plug/state", "ON", false);
    until(|| house.value("coffee-plug", &name).as_deref() == Some("true")).await;
    thief.say("m/state", "OFF", false);
    house.list().await;
    assert_eq!(house.value("coffee-plug", &name).as_deref(), Some("true"));
}

#[tokio::test]
async fn a_find_that_is_too_large_to_be_kept_does_not_hold_up_the_others() {
    let mut house = House::new();
    let esp = house.peer("esp", Permissions::all());
    esp.say(CONFIG, &plug("plug/cmd"), false);
    let small = only(&house).await;
    let sensor = json!({"unique_id": "x", "state_topic": "x/state", "device": {"identifiers": ["x"], "name": "Large"}});
    esp.say("homeassistant/sensor/x/config", &sensor.to_string(), false);
    let large = loop {
        let list = house.list().await;
        let mut ids = list.iter().map(|find| find["id"].as_str().unwrap());
        if let Some(large) = ids.find(|id| *id != small) {
            break large.to_owned().leak() as &'static str;
        }
    };
    let grow = move |desk: &mut Desk| {
        let name = PropertyName::parse("x").unwrap();
        desk.finds.get_mut(large).unwrap().names.insert("x".repeat(2 << 20), name);
        desk.unsaved.insert(large.to_owned());
    };
    house.discovery.ask(grow).await.unwrap();
    assert_eq!(house.adopt(small).await.as_str(), "coffee-plug");
    house.find(large, |find| find["problems"].to_string().contains("1 MiB")).await;
    let refused = house.discovery.ask(move |desk| desk.adopt(large, Adoption::default(), &by())).await.unwrap();
    assert!(matches!(&refused, Err(DiscoveryError::Disk(text)) if text.contains("1 MiB")), "{refused:?}");
    house.restart();
    house.find(small, |find| find["state"] == "adopted").await;
}

#[tokio::test]
async fn what_could_not_be_read_is_not_written_over() {
    let mut house = House::new();
    let esp = house.peer("esp", Permissions::all());
    esp.say(CONFIG, &plug("plug/cmd"), true);
    let id = only(&house).await;
    house.adopt(id).await;
    house.discovery.stop();
    let mut finds = house.store.documents("discovered").unwrap();
    let mut settings = house.store.documents("setting").unwrap();
    finds.write(id, "{\"of\":\"a newer version\"}").unwrap();
    settings.write("discovery", "{\"hub\":5}").unwrap();
    house.restart();
    let other = only(&house).await;
    assert_ne!(other, id);
    house.discovery.ask(move |desk| desk.ignore(other, &by())).await.unwrap().unwrap();
    house.discovery.stop();
    let body = |documents: &housewire_store::Documents, id: &str| {
        documents.load().unwrap().documents.into_iter().find(|(have, _)| have == id).unwrap().1
    };
    assert_eq!(body(&finds, id), "{\"of\":\"a newer version\"}");
    assert_eq!(body(&settings, "discovery"), "{\"hub\":5}");
    assert!(body(&finds, other).contains("ignored"));
}

#[tokio::test]
async fn a_find_whose_device_was_not_on_disk_yet_is_offered_again() {
    let mut house = House::new();
    let esp = house.peer("esp", Permissions::all());
    esp.say(CONFIG, &plug("plug/cmd"), true);
    let id = only(&house).await;
    let device = house.adopt(id).await;
    house.discovery.stop();
    assert!(house.hub.remove_device(&device, now()));
    house.restart();
    house.find(id, |find| find["state"] == "new").await;
    assert_eq!(house.adopt(id).await, device);
}

#[tokio::test]
async fn nobody_has_the_hub_ask_where_he_may_not() {
    let house = House::new();
    let listener = house.peer("listener", Permissions::all());
    listener.listen("cmnd/#");
    let say = |peer: &Peer, mac: &str, topic: &str| {
        let config = json!({"mac": mac, "rl": [1], "ver": 1, "t": topic, "ft": "%prefix%/%topic%/"});
        peer.say(&format!("tasmota/discovery/{mac}/config"), &config.to_string(), true);
    };
    // The second has the rights and no lasting connection: nobody knows whose they are.
    let limited = house.peer("limited", rights(&[], &["tasmota/discovery/#"]));
    let somebody = Arc::new(Principal::new("somebody", Permissions::all()));
    let routes = Arc::new(RouteCache::new());
    let session = house.hub.new_session();
    let publisher = Publisher::new(Arc::clone(&house.hub), routes, somebody, session, "http", Presence::None);
    let unknown = Peer { publisher, ..house.peer("unused", Permissions::all()) };
    say(&limited, "A0B1C2D3E401", "one");
    say(&unknown, "A0B1C2D3E402", "two");
    let owner = house.peer("owner", Permissions::all());
    say(&owner, "A0B1C2D3E403", "three");
    until(|| !listener.heard("cmnd/three/STATUS").is_empty()).await;
    for topic in ["cmnd/one/STATE", "cmnd/two/STATE", "cmnd/one/STATUS", "cmnd/two/STATUS"] {
        assert!(listener.heard(topic).is_empty(), "{topic}");
    }
}
