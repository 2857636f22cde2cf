//! The registry and single properties over HTTP.

use serde_json::{Value, json as value};

use crate::http_client::{Answer, call, get, json, text};
use crate::test_hub::TestHub;

fn property(hub: &TestHub, path: &str) -> Value {
    get(hub, &format!("/api/devices/{path}")).expect(200).json()
}

#[test]
fn a_report_registers_and_is_read_back() {
    let hub = TestHub::start();
    text(&hub, "PUT", "/api/devices/lamp/level", "21.50").expect(204);
    let mut view = get(&hub, "/api/devices/lamp").expect(200).json();
    assert!(view["properties"]["level"]["time"].take().is_string());
    let expected = value!({
        "id": "lamp", "name": "lamp", "room": null, "model": null, "icon": null, "via": "http", "demo": false,
        "online": true, "rejected": {"count": 0, "last": null},
        "properties": {"level": {
            "type": "float", "unit": null, "min": null, "max": null, "step": null, "options": null,
            "access": ["read", "set"], "role": null, "declared": false, "value": 21.5, "target": null, "time": null,
            "via": "http",
        }},
    });
    assert_eq!(view, expected);
    let mut reading = property(&hub, "lamp/level");
    assert!(reading["time"].take().as_str().expect("a time").ends_with('Z'));
    assert_eq!(reading, value!({"value": 21.5, "target": null, "time": null, "type": "float", "unit": null}));
}

#[test]
fn numbers_are_written_as_in_payloads() {
    let hub = TestHub::start();
    json(&hub, "PUT", "/api/devices/d", r#"{"properties":{"p":{"type":"float","min":0,"max":100}}}"#).expect(201);
    text(&hub, "PUT", "/api/devices/d/p", "21.0").expect(204);
    let view = get(&hub, "/api/devices/d");
    assert!(view.text().contains(r#""min":0,"max":100,"step":null"#) && view.text().contains(r#""value":21,"#));
}

#[test]
fn as_text() {
    let hub = TestHub::start();
    let bare = |path: &str| call(&hub, "GET", path, &[("Accept", "text/plain")], b"").expect(200);
    for (body, expected) in [("21.0", "21"), ("true", "true"), ("ein Grün", "ein Grün")] {
        text(&hub, "PUT", &format!("/api/devices/d/p{}", body.len()), body).expect(204);
        let answer = bare(&format!("/api/devices/d/p{}", body.len()));
        assert_eq!((answer.text(), answer.header("content-type")), (expected, "text/plain; charset=utf-8"));
    }
    json(&hub, "PUT", "/api/devices/e", r#"{"properties":{"p":{"type":"bytes"}}}"#).expect(201);
    assert_eq!(bare("/api/devices/e/p").text(), "");
    call(&hub, "PUT", "/api/devices/e/p", &[("Content-Type", "image/png")], b"\x89\xff").expect(204);
    assert_eq!(bare("/api/devices/e/p").body, b"\x89\xff");
    assert_eq!(property(&hub, "e/p")["value"], value!({"base64": "if8="}));
}

#[test]
fn json_bodies_are_read_and_others_are_not() {
    let hub = TestHub::start();
    for (content_type, body, expected) in [
        ("application/json", "\"on\"", value!("on")),
        ("application/json; charset=utf-8", " 7 ", value!(7)),
        ("text/plain", "\"on\"", value!("\"on\"")),
        ("application/x-www-form-urlencoded", "true", value!(true)),
    ] {
        let path = format!("/api/devices/d/p{}", body.len());
        call(&hub, "DELETE", "/api/devices/d", &[], b"");
        call(&hub, "PUT", &path, &[("Content-Type", content_type)], body.as_bytes()).expect(204);
        assert_eq!(get(&hub, &path).json()["value"], expected, "{content_type} {body}");
    }
}

#[test]
fn an_etag_names_one_state() {
    let hub = TestHub::start();
    let path = "/api/devices/lamp/power";
    let tag = |answer: &Answer| answer.header("etag").to_owned();
    let mut tags = Vec::new();
    for (method, path_of, body) in
        [("PUT", path, "1"), ("PUT", path, "1"), ("PUT", path, "2"), ("POST", "/api/devices/lamp/power/set", "3")]
    {
        text(&hub, method, path_of, body);
        let answer = get(&hub, path).expect(200);
        assert_eq!(tag(&answer), tag(&get(&hub, path)));
        let known = tag(&answer);
        let again = call(&hub, "GET", path, &[("If-None-Match", &known)], b"").expect(304);
        assert_eq!((tag(&again), again.body.len()), (known.clone(), 0));
        tags.push(known);
    }
    let as_text = call(&hub, "GET", path, &[("Accept", "text/plain")], b"");
    tags.push(tag(&as_text));
    let count = tags.len();
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), count, "each report and request makes another state: {tags:?}");
}

#[test]
fn asking_for_a_value() {
    let hub = TestHub::start();
    let declared = r#"{"properties":{"level":{"type":"int","unit":"%","max":100}, "press":{"access":"event"}}}"#;
    json(&hub, "PUT", "/api/devices/lamp", declared).expect(201);
    let asked = json(&hub, "POST", "/api/devices/lamp/level/set?ttl=30s", "40").expect(202).json();
    assert_eq!(asked, value!({"value": null, "target": 40, "time": null, "type": "int", "unit": "%"}));
    text(&hub, "PUT", "/api/devices/lamp/level", "40").expect(204);
    assert_eq!(property(&hub, "lamp/level")["target"], Value::Null);
    text(&hub, "POST", "/api/devices/lamp/press/set", "x").expect_problem(422, "rejected", &["press"]);
    assert_eq!(text(&hub, "POST", "/api/devices/lamp/new/set", "5").expect(202).json()["target"], 5);
    for ttl in ["soon", "-1", ""] {
        text(&hub, "POST", &format!("/api/devices/lamp/level/set?ttl={ttl}"), "1").expect_problem(
            400,
            "bad_request",
            &["ttl"],
        );
    }
    text(&hub, "POST", "/api/devices/nobody/level/set", "1").expect_problem(404, "not_found", &["nobody"]);
    get(&hub, "/api/devices/nobody").expect_problem(404, "not_found", &["nobody"]);
    get(&hub, "/api/devices/lamp/none").expect_problem(404, "not_found", &["none"]);
}

#[test]
fn what_breaks_a_declared_rule_is_refused_and_counted() {
    let hub = TestHub::start();
    let declared = r#"{"properties":{"level":{"type":"float","max":100},"fixed":{"type":"int","access":"read"}}}"#;
    json(&hub, "PUT", "/api/devices/lamp", declared).expect(201);
    for (method, path, body) in [
        ("PUT", "/api/devices/lamp/level", "101"),
        ("POST", "/api/devices/lamp/level/set", "101"),
        ("PUT", "/api/topics/devices/lamp/level", "101"),
        ("POST", "/api/topics/devices/lamp/level", "101"),
    ] {
        text(&hub, method, path, body).expect_problem(422, "rejected", &["level", "101", "100"]);
    }
    text(&hub, "POST", "/api/devices/lamp/fixed/set", "1").expect_problem(422, "rejected", &["fixed"]);
    text(&hub, "PUT", "/api/devices/lamp/note", &"x".repeat(70_000)).expect_problem(413, "too_large", &["note"]);
    let rejected = get(&hub, "/api/devices/lamp").json()["rejected"].take();
    assert_eq!(rejected["count"], 6);
    assert_eq!(rejected["last"]["property"], "note");
    assert_eq!(property(&hub, "lamp/level")["value"], Value::Null);
}

#[test]
fn names_that_are_none() {
    let hub = TestHub::start();
    for name in ["a%20b", "a.b", "%C3%A4", "$online", "set", "target", "%FF"] {
        for path in [format!("/api/devices/{name}/p"), format!("/api/devices/d/{name}"), format!("/api/devices/{name}")]
        {
            json(&hub, "PUT", &path, "{}").expect_problem(400, "bad_request", &[]);
            get(&hub, &path).expect_problem(400, "bad_request", &[]);
        }
    }
    assert_eq!(get(&hub, "/api/devices").json(), value!([]));
}

#[test]
fn declare_merge_and_delete() {
    let hub = TestHub::start();
    let path = "/api/devices/lamp";
    let full = r#"{"name":"Desk lamp","room":"Study","demo":true,"properties":{
        "level":{"type":"int","unit":"%","min":0,"max":100,"step":5,"access":"read set","role":"light"},
        "mode":{"type":"enum","options":["calm","party"]}}}"#;
    let view = json(&hub, "PUT", path, full).expect(201).json();
    assert_eq!(
        (&view["name"], &view["demo"], &view["properties"]["mode"]["options"][1]),
        (&value!("Desk lamp"), &value!(true), &value!("party"))
    );
    assert_eq!(json(&hub, "PUT", path, &view.to_string()).expect(200).json(), view, "a view can be put back");

    let patch = r#"{"room":null,"properties":{"level":{"max":50,"unit":null},"mode":null}}"#;
    let patched = json(&hub, "PATCH", path, patch).expect(200).json();
    assert_eq!((&patched["name"], &patched["room"]), (&value!("Desk lamp"), &Value::Null));
    let level = &patched["properties"]["level"];
    assert_eq!((&level["min"], &level["max"], &level["unit"]), (&value!(0), &value!(50), &Value::Null));
    assert_eq!(patched["properties"].as_object().map(|all| all.len()), Some(1));

    for method in ["PUT", "PATCH"] {
        json(&hub, method, path, r#"{"colour":1}"#).expect_problem(400, "bad_request", &["colour", "line 1"]);
        json(&hub, method, path, r#"{"properties":{"level":{"min":9,"max":1}}}"#).expect_problem(
            422,
            "invalid_declaration",
            &["min 9"],
        );
    }
    assert_eq!(get(&hub, path).json(), patched, "what is refused changes nothing");

    assert_eq!(call(&hub, "DELETE", path, &[], b"").expect(204).body, b"");
    call(&hub, "DELETE", path, &[], b"").expect_problem(404, "not_found", &["lamp"]);
    json(&hub, "PATCH", path, "{}").expect_problem(404, "not_found", &["lamp"]);
}

#[test]
fn the_list_is_sorted() {
    let hub = TestHub::start();
    for id in ["b", "a-1", "A"] {
        text(&hub, "PUT", &format!("/api/devices/{id}/p"), "1").expect(204);
    }
    let list = get(&hub, "/api/devices").expect(200).json();
    let ids: Vec<_> = list.as_array().expect("a list").iter().map(|device| device["id"].clone()).collect();
    assert_eq!(ids, ["A", "a-1", "b"]);
    assert_eq!(list[0], get(&hub, "/api/devices/A").json());
}

#[test]
fn the_demo_house_is_removed_alone() {
    let hub = TestHub::start();
    json(&hub, "PUT", "/api/devices/demo-lamp", r#"{"demo":true}"#).expect(201);
    json(&hub, "PUT", "/api/devices/lamp", "{}").expect(201);
    call(&hub, "DELETE", "/api/demo", &[], b"").expect(204);
    get(&hub, "/api/devices/demo-lamp").expect(404);
    get(&hub, "/api/devices/lamp").expect(200);
    call(&hub, "DELETE", "/api/demo", &[], b"").expect(204);
}
