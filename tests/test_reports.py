"""Contract, "Reports" and "Retain and last value": what a report makes of a device, and what is kept of it."""

import pytest

from support import mosquitto, web
from support.check import problem, recent
from support.paho import ACCEPTED, Paho


def report_mqtt(version, retain=False):
    def report(hub, device, name, text):
        with Paho(hub, version) as client:
            client.publish(f"devices/{device}/{name}", text, qos=1, retain=retain)

    return report


def report_put(hub, device, name, text):
    assert web.curl(hub, "PUT", f"/api/devices/{device}/{name}", data=text).status == 204


def report_topic(method):
    def report(hub, device, name, text):
        assert web.curl(hub, method, f"/api/topics/devices/{device}/{name}", data=text).status == 204

    return report


def report_ws(hub, device, name, text):
    with web.Socket(hub) as socket:
        socket.ok("publish", topic=f"devices/{device}/{name}", payload=text)


DOORS = {
    "mqtt 3.1.1": (report_mqtt("3.1.1"), "mqtt"),
    "mqtt 5": (report_mqtt("5"), "mqtt"),
    "http put": (report_put, "http"),
    "http topic put": (report_topic("PUT"), "http"),
    "http topic post": (report_topic("POST"), "http"),
    "ws": (report_ws, "ws"),
}
every_door = pytest.mark.parametrize("door", DOORS)


@every_door
def test_unknown_device_is_registered_at_once(door, shared, unique):
    report, via = DOORS[door]
    device = unique("sketch")
    report(shared, device, "level", "21.5")
    view = shared.device(device)
    assert view["id"] == device
    assert view["name"] == device
    for empty in ("room", "model", "icon"):
        assert view[empty] is None, view
    assert view["demo"] is False
    assert view["via"] == via
    assert view["rejected"] == {"count": 0, "last": None}
    level = view["properties"]["level"]
    recent(level.pop("time"))
    assert level.pop("access") == ["read", "set"]
    assert level == {
        "type": "float",
        "unit": None,
        "min": None,
        "max": None,
        "step": None,
        "options": None,
        "role": None,
        "declared": False,
        "value": 21.5,
        "target": None,
        "via": via,
    }
    assert device in [d["id"] for d in shared.get("/api/devices").json()]
    # A second property of a device that is known by now.
    report(shared, device, "power", "true")
    assert shared.prop(device, "power")["value"] is True


@pytest.mark.parametrize(
    ("text", "kind", "value", "shown"),
    [
        ("true", "bool", True, "true"),
        ("false", "bool", False, "false"),
        ("21.5", "float", 21.5, "21.5"),
        ("21", "float", 21, "21"),
        ("21.0", "float", 21, "21"),
        ("-4", "float", -4, "-4"),
        ("0", "float", 0, "0"),
        ("1e3", "float", 1000, "1000"),
        ("hello", "string", "hello", "hello"),
        ("True", "string", "True", "True"),
        ("ON", "string", "ON", "ON"),
        ("21,5", "string", "21,5", "21,5"),
        ("#ff8800", "string", "#ff8800", "#ff8800"),
        ("NaN", "string", "NaN", "NaN"),
        ("inf", "string", "inf", "inf"),
        ("ünï 😀", "string", "ünï 😀", "ünï 😀"),
    ],
)
@pytest.mark.parametrize("door", ["mqtt 3.1.1", "http put", "ws"])
def test_inference(door, text, kind, value, shown, shared, unique):
    device = unique("infer")
    DOORS[door][0](shared, device, "p", text)
    found = shared.prop(device, "p")
    assert (found["type"], found["value"]) == (kind, value)
    assert type(found["value"]) is not bool or kind == "bool"
    plain = shared.get(f"/api/devices/{device}/p", headers={"Accept": "text/plain"})
    assert plain.content.decode() == shown


@pytest.mark.parametrize(
    ("first", "then", "kind", "value"),
    [
        ("21.5", "warm", "string", "warm"),
        ("true", "maybe", "string", "maybe"),
        ("warm", "21.5", "string", "21.5"),
        ("warm", "true", "string", "true"),
        ("1", "2.5", "float", 2.5),
    ],
)
def test_a_misfit_widens_the_inferred_type(first, then, kind, value, shared, unique):
    device = unique("widen")
    with Paho(shared) as client:
        client.subscribe(f"devices/{device}/$changed", 1)
        assert client.publish(f"devices/{device}/p", first) in ACCEPTED
        client.wait(f"devices/{device}/$changed", "registered")
        assert client.publish(f"devices/{device}/p", then) in ACCEPTED
        found = shared.prop(device, "p")
        assert (found["type"], found["value"], found["declared"]) == (kind, value, False)
        if first in ("21.5", "true"):
            client.wait(f"devices/{device}/$changed", "updated", retain=False)
    assert shared.device(device)["rejected"]["count"] == 0


def test_true_after_a_number_widens_too(shared, unique):
    """Neither bool nor float holds both, so the type that holds everything."""
    device = unique("widen")
    shared.report(device, "p", "1")
    shared.report(device, "p", "true")
    assert (shared.prop(device, "p")["type"], shared.prop(device, "p")["value"]) == ("string", "true")


@pytest.mark.parametrize("name", ["a", "A_b-9", "x" * 64])
def test_ids_that_are_fine(name, shared, unique):
    with Paho(shared) as client:
        assert client.publish(f"devices/{name}/{name}", "1") in ACCEPTED
    assert shared.prop(name, name)["value"] == 1
    assert shared.delete(f"/api/devices/{name}").status_code == 204


@pytest.mark.parametrize(
    "tail",
    ["", "/", "/a/b/c", "/a/b/c/d", "/a b", "/a.b", "/ä", "/" + "x" * 65, "/a/set/x", "//set"],
    ids=lambda tail: tail[:12] or "empty",
)
def test_other_shapes_below_devices_are_plain_topics(tail, shared, unique):
    """Delivered and kept like any topic; nothing is registered by them."""
    device = unique("plain")
    topic = f"devices/{device}{tail}"
    with Paho(shared) as client:
        client.subscribe(topic, 1)
        assert client.publish(topic, "hello", retain=True) == 0
        client.wait(topic, "hello")
        with Paho(shared) as late:
            late.subscribe(topic, 1)
            assert late.wait(topic, "hello", retain=True)
        assert client.publish(topic, "", retain=True) == 0
    assert shared.get(f"/api/devices/{device}").status_code == 404


@pytest.mark.parametrize("word", ["set", "target"])
def test_reserved_words_are_no_properties(word, shared, unique):
    device = unique("reserved")
    with Paho(shared) as client:
        client.publish(f"devices/{device}/{word}", "1")
        client.publish(f"devices/{device}/real", "1")
    assert set(shared.device(device)["properties"]) == {"real"}
    problem(shared.put(f"/api/devices/{device}/{word}", data="1"), 400, names=[word])
    problem(shared.put(f"/api/devices/{device}", json={"properties": {word: {"type": "int"}}}), 400, names=[word])


@pytest.mark.parametrize("name", ["a b", "a.b", "ä", "x" * 65, "$online"])
def test_http_refuses_other_ids(name, shared, unique):
    device = unique("shape")
    problem(shared.put(f"/api/devices/{name}/p", data="1"), 400)
    problem(shared.put(f"/api/devices/{name}", json={}), 400)
    problem(shared.put(f"/api/devices/{device}/{name}", data="1"), 400)
    assert shared.get(f"/api/devices/{device}").status_code == 404


def test_mqtt_retain_flag_is_honoured_exactly(shared, unique):
    """Not retained means nothing for a new MQTT subscriber; the last value is kept beside it all the same."""
    device = unique("flag")
    topic = f"devices/{device}/level"
    with Paho(shared) as client:
        client.publish(topic, "5", retain=False)
        with Paho(shared) as late:
            late.subscribe(topic, 1)
            assert late.before_fence() == []
        client.publish(topic, "6", retain=True)
        client.publish(topic, "7", retain=False)
    with Paho(shared) as late:
        late.subscribe(topic, 1)
        message = late.wait(topic)
        assert (message.text, message.retain) == ("6", True)
    assert shared.prop(device, "level")["value"] == 7
    assert shared.get(f"/api/topics/{topic}").text == "7"
    with web.Socket(shared) as socket:
        assert socket.ok("get", topic=topic)["payload"] == 7
        socket.subscribe(topic)
        assert socket.wait(topic)["payload"] == 7
    with web.Events(shared, topic) as events:
        assert events.messages.wait()["payload"] == 7


def test_last_value_comes_first_without_retain(shared, unique):
    """A fresh WebSocket or event stream is shown the last value, marked as stored, then what is live."""
    device = unique("fresh")
    topic = f"devices/{device}/level"
    mosquitto.publish(shared, topic, "5", qos=1)
    with web.Socket(shared) as socket, web.Events(shared, f"devices/{device}/#") as events:
        socket.subscribe(f"devices/{device}/+")
        first = socket.wait(topic)
        assert (first["payload"], first["retain"], first["via"]) == (5, True, "mqtt")
        recent(first["time"])
        first = events.wait(topic, 5)
        assert (first["retain"], first["via"]) == (True, "mqtt")
        mosquitto.publish(shared, topic, "6", qos=1, retain=True)
        assert socket.wait(topic, 6)["retain"] is False
        assert events.wait(topic, 6)["retain"] is False


def test_http_put_retains(shared, unique):
    device = unique("retains")
    shared.report(device, "level", "5")
    with Paho(shared) as late:
        late.subscribe(f"devices/{device}/level", 1)
        message = late.wait(f"devices/{device}/level")
        assert (message.text, message.retain) == ("5", True)


@pytest.mark.parametrize("door", ["mqtt", "http", "ws"])
def test_an_empty_retained_payload_clears_and_is_no_report(door, shared, unique):
    device = unique("clears")
    topic = f"devices/{device}/level"
    with Paho(shared) as client:
        client.publish(topic, "5", retain=True)
        before = shared.prop(device, "level")
        client.subscribe(topic, 1)
        client.wait(topic, "5", retain=True)
        if door == "mqtt":
            client.publish(topic, "", retain=True)
        elif door == "http":
            assert shared.delete(f"/api/topics/{topic}").status_code == 204
        else:
            with web.Socket(shared) as socket:
                socket.ok("publish", topic=topic, payload="", retain=True)
        client.wait(topic, "")
        with Paho(shared) as late:
            late.subscribe(topic, 1)
            assert late.before_fence() == []
    after = shared.prop(device, "level")
    assert after["type"] == before["type"] == "float"
    assert after["value"] in (before["value"], None)
    # And it registers nothing.
    ghost = unique("ghost")
    mosquitto.publish(shared, f"devices/{ghost}/level", "", qos=1, retain=True)
    assert shared.get(f"/api/devices/{ghost}").status_code == 404


def test_256_properties_and_no_more(shared, unique):
    device = unique("wide")
    with Paho(shared) as client:
        for number in range(256):
            client.client.publish(f"devices/{device}/p{number}", "1", 1)
        assert client.publish(f"devices/{device}/p255", "2") in ACCEPTED
        assert len(shared.device(device)["properties"]) == 256
        assert client.publish(f"devices/{device}/onetoomany", "1") >= 0x80
        problem(shared.put(f"/api/devices/{device}/onetoomany", data="1"), (409, 413, 422, 429, 507))
        # The others go on.
        assert client.publish(f"devices/{device}/p0", "3") in ACCEPTED
    assert shared.prop(device, "p0")["value"] == 3
    assert "onetoomany" not in shared.device(device)["properties"]


@pytest.mark.long
@pytest.mark.timeout(300)
def test_10000_devices_and_no_more(hub):
    with Paho(hub) as client:
        for number in range(10_000):
            client.client.publish(f"devices/d{number}/p", "1", 0)
        assert client.publish("devices/d0/p", "2", timeout=60) in ACCEPTED
        assert len(hub.get("/api/devices").json()) == 10_000
        assert client.publish("devices/onetoomany/p", "1") >= 0x80
        problem(hub.put("/api/devices/onetoomany/p", data="1"), (409, 413, 422, 429, 507))
        problem(hub.put("/api/devices/onetoomany", json={}), (409, 413, 422, 429, 507))
        assert client.publish("devices/d9999/p", "3") in ACCEPTED
