"""Blynk's MQTT API (2.0) with Paho as it is: names of streams, answers, points, fields, refusals; and that others notice nothing."""

import base64
import hashlib
import json
import time

import pytest

from support.blynk import BRIDGE, HARDWARE, OK, RESPONSE, device, token_of
from support.paho import Paho
from support.wait import Timeout, until


def board(hub, name, version="3.1.1", **options):
    """A device as Blynk's own sample connects."""
    return Paho(hub, version=version, token=token_of(hub, name), user="device", **options)


def value(hub, name, prop):
    return hub.device(name)["properties"].get(prop, {}).get("value")


def comes(hub, name, prop, expected):
    until(lambda: value(hub, name, prop) == expected, what=f"{name}/{prop} = {expected!r}")


def ask_for(hub, name, prop, text):
    answer = hub.post(f"/api/devices/{name}/{prop}/set", data=text, headers={"Content-Type": "text/plain"})
    assert answer.status_code in (200, 202, 204), answer.text


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_values_go_both_ways_by_name(shared, unique, version):
    name = unique("heater")
    with board(shared, name, version) as paho:
        assert paho.subscribe("downlink/#", 1) == [1]
        until(lambda: shared.device(name)["online"], what="it is online")
        paho.publish("ds/Set Temperature", "21.5")
        paho.publish("ds/Power", "1", qos=0)
        paho.publish("ds/V5", "255\x00128\x000", qos=2)
        comes(shared, name, "set_temperature", 21.5)
        comes(shared, name, "power", 1)
        comes(shared, name, "v5", "[255,128,0]")
        # By the name under which the device spoke of it; and what was handed over is the value from then on.
        ask_for(shared, name, "set_temperature", "19")
        paho.wait("downlink/ds/Set Temperature", "19", retain=False)
        comes(shared, name, "set_temperature", 19)
        assert shared.prop(name, "set_temperature")["target"] is None
        ask_for(shared, name, "v5", "[1,2,3]")
        paho.wait("downlink/ds/V5", "1\x002\x003")
        # A stream that it never spoke of.
        ask_for(shared, name, "v7", "on")
        paho.wait("downlink/ds/V7", "on")
    until(lambda: not shared.device(name)["online"], what="it is offline")


def test_declared_properties_and_bound_names(shared, unique):
    name = unique("heater")
    shared.declare(
        name,
        goal={"type": "float", "max": 30, "bindings": ["blynk:Set Temperature"]},
        power={"type": "bool", "bindings": ["blynk:V0"]},
        color={"type": "color"},
    )
    with board(shared, name, "5") as paho:
        assert paho.subscribe("downlink/ds/#") == [0]
        assert paho.publish("ds/Set Temperature", "22") in (0, 16)
        assert paho.publish("ds/V0", "1") in (0, 16)
        assert paho.publish("ds/Color", "255\x00128\x000") in (0, 16)
        comes(shared, name, "goal", 22)
        comes(shared, name, "power", True)
        comes(shared, name, "color", "#ff8000")
        # What its rules do not take is refused as through every door.
        assert paho.publish("ds/Set Temperature", "31") == 0x99
        assert value(shared, name, "goal") == 22
        ask_for(shared, name, "goal", "23")
        paho.wait("downlink/ds/Set Temperature", "23")
        ask_for(shared, name, "power", "false")
        paho.wait("downlink/ds/V0", "0")
        ask_for(shared, name, "color", "#010203")
        paho.wait("downlink/ds/Color", "1\x002\x003")


def test_what_is_asked_for_is_answered(shared, unique):
    name = unique("heater")
    with board(shared, name) as paho:
        paho.subscribe("downlink/#")
        paho.publish("batch_ds", json.dumps({"Power": True, "Level": 7, "Text": "a b", "Place": [13.4, 52.5]}))
        comes(shared, name, "place", "[13.4,52.5]")
        comes(shared, name, "text", "a b")
        paho.publish("get/ds", "Level, Text,Nothing")
        paho.wait("downlink/ds/Level", "7")
        paho.wait("downlink/ds/Text", "a b")
        paho.publish("get/ds/all", "")
        came = {paho.messages.wait(lambda m: m.topic.startswith("downlink/ds/"), what="a value").topic for _ in range(4)}
        assert came == {f"downlink/ds/{stream}" for stream in ("Power", "Level", "Text", "Place")}
        paho.publish("meta/Owner", "Ada")
        paho.publish("get/meta", "Owner,Device Name")
        paho.wait("downlink/meta/Owner", "Ada")
        paho.wait("downlink/meta/Device Name", name)
        paho.publish("get/utc/all/json", "")
        clock = json.loads(paho.wait("downlink/utc/all/json").payload)
        assert set(clock) == {"tz_name", "tz_rule", "tz_offset", "dst_offset", "time", "iso8601"}
        assert abs(clock["time"] / 1000 - time.time()) < 86_400


def test_points_events_looks_and_what_is_erased(shared, unique):
    name = unique("heater")
    now = int(time.time() * 1000)
    with board(shared, name, "5") as paho:
        points = [[now - 120_000, 1], [now - 60_000, 2], [now, 3]]
        assert paho.publish("ds/Level/timestamped_batch", json.dumps(points)) in (0, 16)

        def kept():
            answer = shared.get(f"/api/devices/{name}/level/history")
            return answer.status_code == 200 and [value for _, value in answer.json()["points"]]

        until(lambda: kept() and kept()[:3] == [1, 2, 3], what="the points")
        for wrong in ("nonsense", json.dumps([[0, 1]]), json.dumps([[now, {}, 3]])):
            assert paho.publish("ds/Level/timestamped_batch", wrong) == 0x99, wrong
        assert paho.publish("batch_ds", "[1]") == 0x99
        paho.publish("event/hot", "over 40")
        listed = shared.get("/api/notifications?limit=1000").json()["notifications"]
        assert [(one["kind"], one["code"], one["text"]) for one in listed if one["device"] == name] == [
            ("event", "hot", "over 40")
        ]
        paho.publish("ds/Level/prop/color", "#ff0000")
        look = f"/api/topics/devices/{name}/$blynk/level/color"
        assert shared.get(look).text == "#ff0000"
        paho.publish("ds/Level/prop/color/erase", "")
        assert shared.get(look).status_code == 404
        assert paho.publish("ds/Level/prop/nonsense", "x") == 0x99
        paho.publish("ds/Level", "9")
        comes(shared, name, "level", 9)
        paho.publish("ds/Level/erase", "")
        with Paho(shared) as other:
            other.subscribe(f"devices/{name}/level")
            assert not [message for message in other.before_fence() if message.topic.endswith("/level")]


def test_only_what_goes_to_a_device_and_how(shared, unique):
    name = unique("heater")
    with board(shared, name) as paho:
        assert paho.subscribe("downlink/+/Power") == [0x80]
        assert paho.subscribe("#") == [0x80]
        assert paho.subscribe("ds/#") == [0x80]
        assert paho.subscribe("downlink/ds/Power", 2) == [1]
        paho.publish("ds/Power", "1")
        paho.publish("ds/Other", "1")
        # Not subscribed to.
        ask_for(shared, name, "other", "2")
        ask_for(shared, name, "power", "2")
        paho.wait("downlink/ds/Power", "2")
        assert value(shared, name, "other") == 1
        assert not paho.messages.drain()
        paho.unsubscribe("downlink/ds/Power")
        ask_for(shared, name, "power", "3")
        until(lambda: shared.prop(name, "power")["target"] == 3, what="nobody took it")
        # It reaches the device when that subscribes again.
        paho.subscribe("downlink/#")
        paho.wait("downlink/ds/Power", "3")
        paho.wait("downlink/ds/Other", "2")
        # What its board takes is not exceeded.
        paho.publish("info/mcu", json.dumps({"tmpl": "TMPL1", "ver": "1.0.0", "rxbuff": 64}))
        ask_for(shared, name, "other", "x" * 64)
        ask_for(shared, name, "other", "short")
        assert paho.wait("downlink/ds/Other").text == "short"


def test_a_wrong_token_is_refused(shared, owned, unique):
    for hub in (shared, owned):
        for version, code in (("3.1.1", "Bad user name or password"), ("5", "Bad user name or password")):
            with pytest.raises(Timeout, match=code):
                Paho(hub, version=version, token="x" * 32, user="device")


def test_http_and_bridges_reach_it(shared, unique):
    name, other = unique("heater"), unique("button")
    token = token_of(shared, name)
    with Paho(shared, token=token, user="device") as paho, device(shared, other) as raw:
        paho.subscribe("downlink/#")
        assert shared.get(f"/{token}/isHardwareConnected").text == "true"
        assert shared.get(f"/{token}/update/V3?value=1&value=2").status_code == 200
        paho.wait("downlink/ds/V3", "1\x002")
        assert raw.ask(BRIDGE, 64, "i", token) == (RESPONSE, OK)
        raw.send(BRIDGE, 64, "vw", 9, 7)
        paho.wait("downlink/ds/V9", "7")
        # A board with the same token.
        with device(shared, name) as board_of_old:
            ask_for(shared, name, "v4", "5")
            assert board_of_old.read() == (HARDWARE, 1000, ["vw", "4", "5"])
            paho.wait("downlink/ds/V4", "5")


def test_others_notice_nothing(shared, unique):
    """The same words mean nothing to a client of another name, and its own topics mean what they mean to all."""
    name = unique("heater")
    token = token_of(shared, name)
    with Paho(shared, token=token) as plain:
        assert plain.publish("ds/Power", "1") == 0x87
        assert plain.subscribe("downlink/#") == [0x87]
    with Paho(shared, token=token, user="device") as paho:
        assert paho.subscribe(f"devices/{name}/#", 2) == [2]
        assert paho.publish(f"devices/{name}/power", "true") in (0, 16)
        paho.wait(f"devices/{name}/power", "true")
        assert paho.publish("house/x", "1") == 0x87
    with Paho(shared) as guest:
        assert guest.subscribe("downlink/#") == [0]
        guest.publish("ds/Power", "1")
        guest.publish("downlink/x", "free")
        guest.wait("downlink/x", "free")


def test_new_firmware_is_told_and_fetched(shared, unique):
    name, firmware = unique("heater"), unique("fw")
    body = b"\xe9firmware" * 100
    with board(shared, name) as paho:
        paho.publish("info/mcu", json.dumps({"tmpl": "TMPL1", "ver": "1.0.0", "build": "today", "type": "TMPL1"}))
        assert shared.put(f"/api/firmware/{firmware}/1.1.0", data=body).status_code == 201
        rollout = {"version": "1.1.0", "devices": [name]}
        assert shared.put(f"/api/rollouts/{firmware}", json=rollout).status_code in (200, 201)
        # Without a subscription.
        told = json.loads(paho.wait("downlink/ota/json").payload)
        assert (told["size"], told["type"], told["ver"]) == (len(body), firmware, "1.1.0")
        path = told["url"].split("/external/", 1)[1]
        fetched = shared.get(f"/external/{path}", headers={"Host": told["url"].split("/")[2]})
        assert fetched.content == body
        assert fetched.headers["x-sha256"] == base64.b64encode(hashlib.sha256(body).digest()).decode()
        assert fetched.headers["x-md5"] == hashlib.md5(body).hexdigest()
        assert (fetched.headers["x-fw-type"], fetched.headers["x-fw-ver"]) == (firmware, "1.1.0")
        # Another key, another version, another device: nothing.
        assert shared.get(f"/external/{path[:-1]}{'0' if path[-1] != '0' else '1'}").status_code == 404
        assert shared.get(f"/external/{path.replace('1.1.0', '1.2.0')}").status_code == 404
        paho.publish("info/mcu", json.dumps({"tmpl": "TMPL1", "ver": "1.1.0"}))
        until(
            lambda: [one["state"] for one in shared.get(f"/api/rollouts/{firmware}").json()["states"]] == ["done"],
            what="the roll-out is done",
        )
        # It is not offered any more.
        assert shared.get(f"/external/{path}").status_code == 404
