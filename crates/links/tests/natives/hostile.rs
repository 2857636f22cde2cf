//! Announcements that are wrong in every way: bytes that are nothing, and real ones with something else in one place.

use proptest::prelude::*;
use serde_json::Value;

use crate::fuzzing::{announce_bytes, tell};
use crate::sets::{dialect_of, load};

const SETS: [&str; 4] = ["tasmota", "zigbee2mqtt", "homie3", "homie5"];

/// What may stand anywhere.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "+",
            "#",
            "/",
            "$SYS/x",
            "devices/door/lock/set",
            "{{ 7 }}",
            "{% if %}",
            "\u{0}",
            "set",
            "\"",
            "0x",
            "1e999",
            "%prefix%",
            "a,b,,c[]",
            ":",
            "::::",
            "-1:1:0",
        ])
        .prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        Just(Value::from("x".repeat(5_000))),
        Just(Value::from(vec![1; 300])),
        Just(serde_json::json!({"a": {"b": {"c": {"d": {"e": []}}}}})),
    ]
}

/// Puts something else into the place that is reached by counting through the value.
fn change(value: &mut Value, place: &mut usize, odd: &Value) -> bool {
    if *place == 0 {
        *value = odd.clone();
        return true;
    }
    *place -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| change(item, place, odd)),
        Value::Object(fields) => fields.values_mut().any(|field| change(field, place, odd)),
        _ => false,
    }
}

fn places(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(places).sum(),
        Value::Object(fields) => fields.values().map(places).sum(),
        _ => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn something_else_in_one_place(name in prop::sample::select(SETS.to_vec()), at in any::<prop::sample::Index>(), inside in any::<prop::sample::Index>(), odd in odd()) {
        let mut messages = load(name);
        let (_, payload, _) = &mut messages[at.index(load(name).len())];
        match serde_json::from_slice::<Value>(payload) {
            Ok(mut value) => {
                let mut place = inside.index(places(&value));
                change(&mut value, &mut place, &odd);
                *payload = value.to_string().into_bytes();
            }
            Err(_) => *payload = odd.as_str().map_or_else(|| odd.to_string(), str::to_owned).into_bytes(),
        }
        let mut dialect = dialect_of(name);
        for (topic, payload, _) in &messages {
            tell(dialect.as_mut(), topic, payload);
        }
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        announce_bytes(&bytes);
    }

    #[test]
    fn cut_short(name in prop::sample::select(SETS.to_vec()), at in any::<prop::sample::Index>(), end in any::<prop::sample::Index>()) {
        let messages = load(name);
        let (topic, payload, _) = &messages[at.index(messages.len())];
        let mut dialect = dialect_of(name);
        tell(dialect.as_mut(), topic, &payload[..end.index(payload.len() + 1)]);
    }
}
