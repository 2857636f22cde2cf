"""Contract, "Target": what somebody asked for and the device has not confirmed yet, from request to its end."""

import time

import pytest

from support import mosquitto, web
from support.check import problem, recent
from support.paho import Paho


def ask_mqtt(version):
    def ask(hub, device, name, text):
        with Paho(hub, version) as client:
            client.publish(f"devices/{device}/{name}/set", text)

    return ask


def ask_http(hub, device, name, text):
    answer = web.curl(hub, "POST", f"/api/devices/{device}/{name}/set", data=text)
    assert answer.status == 202, answer


def ask_ws(hub, device, name, text):
    with web.Socket(hub) as socket:
        socket.ok("publish", topic=f"devices/{device}/{name}/set", payload=text)


ASKING = {"mqtt 3.1.1": ask_mqtt("3.1.1"), "mqtt 5": ask_mqtt("5"), "http": ask_http, "ws": ask_ws}


@pytest.mark.parametrize("door", ASKING)
def test_from_request_to_confirmation(door, shared, unique):
    """Asked through any door, obeyed by an MQTT device, seen by everybody."""
    device = unique("lamp")
    stem = f"devices/{device}/power"
    shared.report(device, "power", "false")
    with Paho(shared, "3.1.1") as lamp, web.Socket(shared) as socket:
        lamp.subscribe(f"{stem}/set", 1)
        socket.subscribe(f"devices/{device}/#")
        socket.wait(stem, False)
        ASKING[door](shared, device, "power", "true")
        request = lamp.wait(f"{stem}/set", "true")
        assert request.retain is False
        assert socket.wait(f"{stem}/set", True)
        assert socket.wait(f"{stem}/target", True)
        assert (shared.prop(device, "power")["value"], shared.prop(device, "power")["target"]) == (False, True)
        with Paho(shared) as late:
            late.subscribe(f"{stem}/target", 1)
            assert late.wait(f"{stem}/target", "true", retain=True)

        lamp.publish(stem, "true")
        assert socket.wait(stem, True)
        cleared = socket.wait(f"{stem}/target", "")
        assert cleared["retain"] is False
        assert (shared.prop(device, "power")["value"], shared.prop(device, "power")["target"]) == (True, None)
        with Paho(shared) as late:
            late.subscribe(f"{stem}/target", 1)
            assert late.before_fence() == []


def test_the_answer_to_a_request(shared, unique):
    device = unique("lamp")
    shared.declare(device, level={"type": "int", "unit": "%", "min": 0, "max": 100})
    shared.report(device, "level", "10")
    with Paho(shared) as lamp:
        lamp.subscribe(f"devices/{device}/level/set", 1)
        answer = shared.post(f"/api/devices/{device}/level/set", json=40)
        assert answer.status_code == 202
        view = answer.json()
        recent(view.pop("time"))
        assert view == {"value": 10, "target": 40, "type": "int", "unit": "%"}
        lamp.wait(f"devices/{device}/level/set", "40")
    assert shared.get(f"/api/devices/{device}/level").json()["target"] == 40


@pytest.mark.parametrize(
    ("declared", "asked", "reported"),
    [
        ({"type": "float"}, "40", "40.0"),
        ({"type": "float"}, "1000", "1e3"),
        ({"type": "color"}, "#FF8800", "#ff8800"),
        ({"type": "json"}, '{"a":1,"b":2}', '{ "b": 2, "a": 1 }'),
    ],
)
def test_equal_is_meant_as_a_value_not_as_text(declared, asked, reported, shared, unique):
    device = unique("equal")
    shared.declare(device, p=declared)
    ask_http(shared, device, "p", asked)
    assert shared.prop(device, "p")["target"] is not None
    shared.report(device, "p", reported)
    assert shared.prop(device, "p")["target"] is None


def test_a_newer_request_replaces_the_older(shared, unique):
    device = unique("lamp")
    shared.report(device, "level", "0")
    ask_http(shared, device, "level", "1")
    ask_http(shared, device, "level", "2")
    assert shared.prop(device, "level")["target"] == 2
    shared.report(device, "level", "2")
    assert shared.prop(device, "level")["target"] is None


@pytest.mark.parametrize("ttl", ["1s", "1"])
def test_it_expires(ttl, shared, unique):
    device = unique("lamp")
    stem = f"devices/{device}/power"
    shared.report(device, "power", "false")
    with web.Socket(shared) as socket:
        socket.subscribe(f"{stem}/target")
        assert web.curl(shared, "POST", f"/api/{stem}/set?ttl={ttl}", data="true").status == 202
        socket.wait(f"{stem}/target", True)
        began = time.monotonic()
        socket.wait(f"{stem}/target", "")
        assert time.monotonic() - began > 0.8
    assert shared.prop(device, "power")["target"] is None


@pytest.mark.timeout(60)
def test_a_differing_report_ends_it_after_10_seconds(shared, unique):
    device = unique("lamp")
    stem = f"devices/{device}/level"
    shared.report(device, "level", "0")
    with web.Socket(shared) as socket:
        socket.subscribe(f"{stem}/target")
        ask_http(shared, device, "level", "100")
        socket.wait(f"{stem}/target", 100)
        shared.report(device, "level", "50")
        began = time.monotonic()
        # Still pending: it may be on its way (a blind that moves).
        assert shared.prop(device, "level")["target"] == 100
        socket.wait(f"{stem}/target", "", timeout=20)
        assert time.monotonic() - began > 9


@pytest.mark.long
@pytest.mark.timeout(120)
def test_without_ttl_it_expires_after_60_seconds(shared, unique):
    device = unique("lamp")
    shared.report(device, "power", "false")
    with web.Socket(shared) as socket:
        socket.subscribe(f"devices/{device}/power/target")
        ask_http(shared, device, "power", "true")
        socket.wait(f"devices/{device}/power/target", True)
        began = time.monotonic()
        socket.wait(f"devices/{device}/power/target", "", timeout=80)
        assert time.monotonic() - began > 58


@pytest.mark.parametrize("ttl", ["soon", "-1", ""])
def test_ttl_that_makes_no_sense(ttl, shared, unique):
    device = unique("lamp")
    shared.report(device, "power", "false")
    problem(shared.post(f"/api/devices/{device}/power/set?ttl={ttl}", data="true"), 400)
    assert shared.prop(device, "power")["target"] is None


def test_request_to_an_unknown_property_registers_it(shared, unique):
    device = unique("lamp")
    shared.report(device, "power", "false")
    ask_http(shared, device, "level", "40")
    found = shared.prop(device, "level")
    assert (found["type"], found["value"], found["target"], found["declared"]) == ("float", None, 40, False)
    mosquitto.publish(shared, f"devices/{device}/mode/set", "eco", qos=1)
    assert (shared.prop(device, "mode")["type"], shared.prop(device, "mode")["target"]) == ("string", "eco")


def test_request_to_an_unknown_device_registers_nothing(shared, unique):
    """Over HTTP it is not found. An MQTT publish is a message like any other, but makes no device."""
    device = unique("nobody")
    problem(shared.post(f"/api/devices/{device}/power/set", data="true"), 404, "not_found")
    with Paho(shared) as client:
        client.subscribe(f"devices/{device}/power/set", 1)
        client.publish(f"devices/{device}/power/set", "true")
        client.before_fence()
    assert shared.get(f"/api/devices/{device}").status_code == 404


def test_events_have_no_target(shared, unique):
    device = unique("button")
    shared.declare(device, press={"type": "string", "access": "event"})
    shared.report(device, "press", "short")
    found = shared.prop(device, "press")
    assert (found["value"], found["target"], found["access"]) == ("short", None, ["event"])
    web.curl(shared, "POST", f"/api/devices/{device}/press/set", data="long")
    mosquitto.publish(shared, f"devices/{device}/press/set", "long", qos=1)
    found = shared.prop(device, "press")
    assert (found["value"], found["target"]) == ("short", None)


def test_a_request_does_not_retain(shared, unique):
    """A lamp that comes back must not find yesterday's request."""
    device = unique("lamp")
    shared.report(device, "power", "false")
    ask_http(shared, device, "power", "true")
    with Paho(shared) as late:
        late.subscribe(f"devices/{device}/power/set", 1)
        assert late.before_fence() == []


def test_reporting_is_not_asking(shared, unique):
    device = unique("lamp")
    with Paho(shared) as client:
        client.subscribe(f"devices/{device}/power/#", 1)
        shared.report(device, "power", "true")
        assert {m.topic for m in client.before_fence()} == {f"devices/{device}/power"}
