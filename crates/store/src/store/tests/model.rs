//! Random batches, and the maps that the disk is measured against.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use housewire_core::{
    Changes, DeviceId, DeviceInfo, DeviceRecord, Message, Properties, PropertyAccess, PropertyName, PropertyRecord,
    PropertySpec, Qos, Snapshot, Timestamp, Topic, Type,
};
use proptest::prelude::*;

/// What the disk should hold, kept in maps; the model that `apply` and `load` are measured against.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Model {
    devices: BTreeMap<String, DeviceInfo>,
    properties: BTreeMap<(String, String), PropertyRecord>,
    retained: BTreeMap<String, Kept>,
}

/// [`Message`], comparable.
#[derive(Clone, Debug, PartialEq)]
struct Kept(Bytes, Qos, bool, Option<Properties>, &'static str, Timestamp);

fn comparable(message: &Message) -> Kept {
    let properties = message.properties.as_deref().cloned();
    Kept(message.payload.clone(), message.qos, message.retain, properties, message.via, message.time)
}

impl Model {
    pub(super) fn apply(&mut self, changes: &Changes) {
        for id in &changes.removed {
            self.devices.remove(id.as_str());
            self.properties.retain(|(device, _), _| device != id.as_str());
        }
        for record in &changes.devices {
            self.devices.insert(record.id.to_string(), record.info.clone());
            self.properties.retain(|(device, _), property| {
                device != record.id.as_str() || record.properties.contains(&property.name)
            });
        }
        for record in &changes.properties {
            self.devices.entry(record.device.to_string()).or_default();
            self.properties.insert((record.device.to_string(), record.name.to_string()), record.clone());
        }
        for (topic, message) in &changes.retained {
            match message {
                Some(message) => self.retained.insert(topic.to_string(), comparable(message)),
                None => self.retained.remove(topic.as_str()),
            };
        }
    }

    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let mut model = Self::default();
        for record in &snapshot.devices {
            model.devices.insert(record.id.to_string(), record.info.clone());
        }
        for record in &snapshot.properties {
            model.properties.insert((record.device.to_string(), record.name.to_string()), record.clone());
            let device = snapshot.devices.iter().find(|device| device.id == record.device).unwrap();
            assert!(device.properties.contains(&record.name), "a device names what it has");
        }
        let named: usize = snapshot.devices.iter().map(|device| device.properties.len()).sum();
        assert_eq!(named, snapshot.properties.len(), "and nothing else");
        for message in &snapshot.retained {
            model.retained.insert(message.topic.to_string(), comparable(message));
        }
        model
    }
}

/// Few names, so that changes meet what is there.
fn device_id() -> impl Strategy<Value = DeviceId> {
    prop::sample::select(vec!["lamp", "Fan-1", "_", "0"]).prop_map(|id| DeviceId::parse(id).unwrap())
}

fn property_name() -> impl Strategy<Value = PropertyName> {
    prop::sample::select(vec!["power", "level", "a", "B_2"]).prop_map(|name| PropertyName::parse(name).unwrap())
}

pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z ]{0,8}", Just("Küche\n\u{0}'\"".to_owned()), any::<String>().prop_map(|text| cut(text, 256))]
}

fn cut(mut text: String, bytes_max: usize) -> String {
    while text.len() > bytes_max {
        text.pop();
    }
    text
}

pub(super) fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_micros)
}

fn door_name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["mqtt", "http", "ws", "hub"])
}

fn info() -> impl Strategy<Value = DeviceInfo> {
    let label = || prop::option::of(text());
    (label(), label(), label(), label(), any::<bool>()).prop_map(|(name, room, model, icon, demo)| DeviceInfo {
        name,
        room,
        model,
        icon,
        demo,
    })
}

/// A rule of any type together with values that it accepts.
fn spec_and_values() -> impl Strategy<Value = (PropertySpec, Vec<Vec<u8>>)> {
    let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
    let number = prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO;
    let numbers = (number, any::<bool>()).prop_map(|(number, bounded)| {
        let bound = bounded.then_some(number);
        let step = bound.map(|number| number.abs() + 0.1);
        let spec = PropertySpec { min: bound, max: bound, step, ..PropertySpec::declared(Type::Float) };
        (spec, vec![number.to_string().into_bytes()])
    });
    let options = prop::collection::vec(text(), 1..4).prop_map(|options| {
        let values = options.iter().map(|option| option.as_bytes().to_vec()).collect();
        (PropertySpec { options, ..PropertySpec::declared(Type::Enum) }, values)
    });
    let plain = prop::sample::select(vec![
        (Type::Bool, texts(&["true", "false"])),
        (Type::Int, texts(&["0", "-9223372036854775808", "9223372036854775807"])),
        (Type::String, texts(&["", "on", "Küche"])),
        (Type::Color, texts(&["#ff8800"])),
        (Type::Json, texts(&["{\"a\":[1,null]}", "1e999"])),
        (Type::Bytes, vec![vec![], vec![0, 0xff]]),
    ])
    .prop_map(|(kind, values)| (PropertySpec::declared(kind), values));
    prop_oneof![numbers, options, plain]
}

fn property() -> impl Strategy<Value = PropertyRecord> {
    let access = any::<(bool, bool, bool)>().prop_map(|(read, set, event)| PropertyAccess { read, set, event });
    let last = (any::<prop::sample::Index>(), time(), door_name());
    let labels = (prop::option::of(text()), prop::option::of(text()), any::<bool>());
    (device_id(), property_name(), spec_and_values(), access, labels, prop::option::of(last)).prop_map(
        |(device, name, (spec, values), access, (unit, role, declared), last)| {
            let last = last.map(|(at, time, via)| (Bytes::from(at.get(&values).clone()), time, via));
            PropertyRecord { device, name, spec: PropertySpec { unit, role, declared, access, ..spec }, last }
        },
    )
}

fn properties() -> impl Strategy<Value = Properties> {
    (
        any::<bool>(),
        prop::option::of(prop_oneof![Just(0), Just(1_000_000), 0..=u64::from(u32::MAX) * 1_000_000]),
        prop::option::of(text()),
        prop::option::of(text()),
        prop::option::of(prop::collection::vec(any::<u8>(), 0..6)),
        prop::collection::vec((text(), text()), 0..3),
    )
        .prop_map(|(payload_is_text, expiry, content_type, response_topic, correlation, user)| Properties {
            payload_is_text,
            expiry: expiry.map(Duration::from_micros),
            content_type,
            response_topic,
            correlation: correlation.map(Bytes::from),
            user,
        })
}

/// A message with a payload of `sizes` bytes.
pub(super) fn message(topic: Topic, sizes: std::ops::Range<usize>, retain: bool) -> impl Strategy<Value = Message> {
    let payload = prop::collection::vec(any::<u8>(), sizes);
    let qos = (0_u8..3).prop_map(|number| Qos::from_number(number).unwrap());
    (payload, qos, prop::option::of(properties()), door_name(), time()).prop_map(
        move |(payload, qos, properties, via, time)| Message {
            topic: topic.clone(),
            payload: Bytes::from(payload),
            qos,
            retain,
            properties: properties.filter(|properties| !properties.is_empty()).map(Arc::new),
            via,
            time,
        },
    )
}

pub(super) fn topic() -> impl Strategy<Value = Topic> {
    let topics = vec!["home/note", "devices/lamp/power", "$SYS/x", "/", "ä b"];
    prop::sample::select(topics).prop_map(|topic| Topic::parse(topic).unwrap())
}

fn retained() -> impl Strategy<Value = (Topic, Option<Message>)> {
    topic().prop_flat_map(|topic| {
        let message = message(topic.clone(), 1..40, true);
        (Just(topic), prop::option::weighted(0.8, message))
    })
}

pub(super) fn changes() -> impl Strategy<Value = Changes> {
    let device = (device_id(), info(), prop::collection::btree_set(property_name(), 0..4))
        .prop_map(|(id, info, names)| DeviceRecord { id, info, properties: names.into_iter().collect() });
    (
        prop::collection::vec(device_id(), 0..2),
        prop::collection::vec(device, 0..3),
        prop::collection::vec(property(), 0..5),
        prop::collection::vec(retained(), 0..5),
    )
        .prop_map(|(removed, devices, properties, retained)| Changes {
            removed,
            devices,
            properties,
            retained,
            ..Changes::default()
        })
}
