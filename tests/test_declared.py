"""Contract: only declared types and ranges refuse, and they refuse on every door, naming property, value and rule."""

import json
import subprocess

import pytest

from support import mosquitto, web
from support.check import problem, recent
from support.node import NodeFailure
from support.paho import ACCEPTED, Paho

RULES = {
    "flag": {"type": "bool"},
    "count": {"type": "int", "min": 0, "max": 10},
    "level": {"type": "float", "unit": "%", "min": 0, "max": 100, "step": 0.5},
    "mode": {"type": "enum", "options": ["off", "eco", "boost"]},
    "note": {"type": "string"},
    "tint": {"type": "color"},
    "extra": {"type": "json"},
    "blob": {"type": "bytes"},
}
GOOD = [
    ("flag", "true", True),
    ("count", "10", 10),
    ("level", "0", 0),
    ("level", "100", 100),
    ("level", "21.5", 21.5),
    ("mode", "eco", "eco"),
    ("note", "21.5", "21.5"),
    ("tint", "#ff8800", "#ff8800"),
    ("extra", '{"a": [1, null]}', {"a": [1, None]}),
    ("extra", "7", 7),
]
BAD = [
    ("flag", "yes"),
    ("flag", "1.5"),
    ("count", "11"),
    ("count", "-1"),
    ("count", "2.5"),
    ("count", "many"),
    ("level", "100.1"),
    ("level", "-0.1"),
    ("level", "hot"),
    ("level", "NaN"),
    ("mode", "turbo"),
    ("mode", ""),
    ("tint", "orange"),
    ("tint", "#ff88"),
    ("extra", "{broken"),
]


@pytest.fixture(scope="module")
def declared(shared):
    shared.declare("declared", **RULES)
    yield "declared"
    assert shared.delete("/api/devices/declared").status_code == 204


@pytest.mark.parametrize(("name", "text", "value"), GOOD)
def test_what_fits_is_taken_on_every_door(name, text, value, shared, declared):
    topic = f"devices/{declared}/{name}"
    with Paho(shared, "5") as client, web.Socket(shared) as socket:
        assert client.publish(topic, text) in ACCEPTED
        assert shared.prop(declared, name)["value"] == value
        assert web.curl(shared, "PUT", f"/api/{topic}", data=text).status == 204
        socket.ok("publish", topic=topic, payload=text)
        assert shared.prop(declared, name)["value"] == value
        assert socket.ok("get", topic=topic)["payload"] is not None


@pytest.mark.parametrize("what", ["report", "request"])
@pytest.mark.parametrize(("name", "text"), BAD)
def test_what_breaks_the_rule_is_refused_on_every_door(name, text, what, shared, declared):
    """And it reaches no subscriber, changes no value."""
    tail = "/set" if what == "request" else ""
    topic = f"devices/{declared}/{name}{tail}"
    before = shared.prop(declared, name)
    with Paho(shared) as watcher, Paho(shared, "5") as client, web.Socket(shared) as socket:
        watcher.subscribe(topic, 1)
        watcher.before_fence()
        assert client.publish(topic, text, 1) == 0x99
        if text:
            problem(web.curl(shared, "POST" if tail else "PUT", f"/api/{topic}", data=text), 422, "rejected", [name])
            problem(web.curl(shared, "POST", f"/api/topics/{topic}", data=text), 422, "rejected", [name])
            problem(web.curl(shared, "PUT", f"/api/topics/{topic}", data=text), 422, "rejected", [name])
        answer = socket.ask("publish", topic=topic, payload=text)
        assert (answer["op"], answer["code"]) == ("error", "rejected"), answer
        assert name in answer["message"]
        assert [m for m in watcher.before_fence() if m.topic == topic] == []
    assert shared.prop(declared, name) == before


@pytest.mark.parametrize(
    ("name", "text", "rule"), [("level", "100.1", "100"), ("mode", "turbo", "eco"), ("flag", "yes", "true or false")]
)
def test_the_refusal_names_property_value_and_rule(name, text, rule, shared, declared):
    topic = f"devices/{declared}/{name}"
    problem(web.curl(shared, "PUT", f"/api/{topic}", data=text), 422, "rejected", [name, text, rule])
    with web.Socket(shared) as socket:
        message = socket.ask("publish", topic=topic, payload=text)["message"]
        assert all(word in message for word in (name, text, rule)), message
    with Paho(shared, "5") as client:
        assert client.publish(topic, text) == 0x99
        reason = client.puback_properties.ReasonString
        assert all(word in reason for word in (name, text, rule)), reason


@pytest.mark.parametrize("qos", [1, 2])
def test_mqttjs_is_told_too(qos, shared, js, declared):
    """QoS 2 in the PUBREC, which paho-mqtt takes no notice of, so mqtt.js is the judge."""
    with js.connect(shared, "5") as client:
        with pytest.raises(NodeFailure) as refused:
            client.publish(f"devices/{declared}/level", "hot", qos=qos)
        assert refused.value.code == 0x99


def test_mosquitto_pub_is_told_too(shared, declared):
    topic = f"devices/{declared}/level"
    more = ["mosquitto_pub", "-V", "mqttv5", "-h", shared.host, "-p", str(shared.mqtt_port), "-q", "1"]
    done = subprocess.run([*more, "-t", topic, "-m", "hot"], capture_output=True, text=True, timeout=10)
    assert "Payload format invalid" in done.stderr + done.stdout, done


@pytest.mark.parametrize("way", ["3.1.1 qos 1", "3.1.1 qos 0", "5 qos 0"])
def test_who_cannot_be_told_is_counted_and_shown(way, shared, unique):
    """MQTT 3.1.1 and QoS 0: not applied, counted, under $rejected and in the device's view."""
    device = unique("mute")
    shared.declare(device, level={"type": "float", "max": 100})
    version, qos = way.split(" qos ")
    with Paho(shared) as watcher:
        watcher.subscribe(f"devices/{device}/#", 1)
        for count, text in enumerate(("101", "hot"), 1):
            mosquitto.publish(shared, f"devices/{device}/level", text, version, int(qos), retain=True)
            told = json.loads(watcher.wait(f"devices/{device}/$rejected").text)
            assert told.keys() == {"property", "value", "reason", "time", "count"}
            assert (told["property"], told["value"], told["count"]) == ("level", text, count)
            assert "level" in told["reason"] and text in told["reason"]
            recent(told["time"])
            view = shared.device(device)
            assert view["rejected"]["count"] == count
            last = view["rejected"]["last"]
            assert (last["property"], last["value"], last["reason"]) == ("level", text, told["reason"])
            recent(last["time"])
        assert view["properties"]["level"]["value"] is None
        assert [m for m in watcher.before_fence() if m.topic.endswith("/level")] == []
    with Paho(shared) as late:
        late.subscribe(f"devices/{device}/level", 1)
        assert late.before_fence() == [], "a refused message was retained"


def test_a_refused_message_does_not_disturb_the_next(shared, unique):
    """Runs of messages: the good ones around a bad one pass, in order."""
    device = unique("run")
    shared.declare(device, level={"type": "int", "max": 9})
    with Paho(shared) as sub, Paho(shared) as pub:
        sub.subscribe(f"devices/{device}/level", 1)
        for text in ("1", "2", "99", "3", "x", "4"):
            pub.client.publish(f"devices/{device}/level", text, 0)
        pub.publish(f"devices/{device}/level", "5")
        seen = [sub.wait(f"devices/{device}/level").text for _ in range(5)]
        assert seen == ["1", "2", "3", "4", "5"]
    assert shared.device(device)["rejected"]["count"] == 2


def test_declaring_stops_the_widening(shared, unique):
    device = unique("later")
    shared.report(device, "level", "5")
    shared.declare(device, level={"type": "float"})
    problem(web.curl(shared, "PUT", f"/api/devices/{device}/level", data="warm"), 422, "rejected")
    found = shared.prop(device, "level")
    assert (found["type"], found["declared"], found["value"]) == ("float", True, 5)
