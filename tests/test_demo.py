"""The demo house: four devices, each a real client through another door. They live, obey and can be removed."""

import pytest

from support import web
from support.wait import until


@pytest.fixture
def house(make_hub):
    hub = make_hub("--demo").start()
    until(lambda: len(demo_devices(hub, online=True)) == 4, what="four demo devices online")
    return hub


def demo_devices(hub, online=False):
    return [d for d in hub.get("/api/devices").json() if d["demo"] and (d["online"] or not online)]


def test_four_devices_through_different_doors(house):
    devices = demo_devices(house)
    # Waiting for a report of each: registered is not yet reported.
    until(lambda: all(d["via"] for d in demo_devices(house)), what="a report of each")
    devices = demo_devices(house)
    assert sorted(d["via"] for d in devices) == ["http", "mqtt", "mqtt", "ws"]
    for device in devices:
        assert device["name"] and device["room"] and device["properties"], device
        assert device["rejected"]["count"] == 0, device
    types = {p["type"] for d in devices for p in d["properties"].values()}
    assert {"bool", "float", "color"} <= types
    access = {a for d in devices for p in d["properties"].values() for a in p["access"]}
    assert access == {"read", "set", "event"}


def test_a_week_lies_behind_the_thermometer_once(house):
    def week():
        answer = house.get("/api/devices/demo-thermometer/temperature/history?from=-8d")
        assert answer.status_code == 200, answer.text
        return answer.json()["points"]

    # What it reports from now on joins what was.
    points = until(lambda: (came := week()) and len(came) > 1_008 and came, what="the week and a report")
    assert points == sorted(points) and all(14 < value < 25 for _, value in points)
    assert abs(points[1_008][1] - points[1_007][1]) < 1
    before = points[:1_008]
    house.restart()
    until(lambda: len(demo_devices(house, online=True)) == 4, what="four demo devices online")
    assert week()[:1_009] == [*before, points[1_008]]


def test_values_move(house):
    """Without anybody asking, reports with changing values come from the demo."""
    with web.Socket(house) as socket:
        socket.subscribe("devices/+/+")
        seen = {}

        def moved(message):
            if message["retain"]:
                return False
            seen.setdefault(message["topic"], set()).add(str(message["payload"]))
            return len(seen[message["topic"]]) >= 2

        socket.messages.wait(moved, timeout=40, what="one property with two different values")


def test_requests_are_obeyed(house):
    """Every bool that can be asked for follows, and confirms within two seconds."""
    asked = 0
    with web.Socket(house) as socket:
        socket.subscribe("devices/#")
        for device in demo_devices(house):
            for name, found in device["properties"].items():
                if found["type"] != "bool" or "set" not in found["access"]:
                    continue
                topic = f"devices/{device['id']}/{name}"
                wanted = not found["value"]
                socket.messages.drain()
                assert web.curl(house, "POST", f"/api/{topic}/set", data=str(wanted).lower()).status == 202
                socket.wait(topic, wanted, timeout=5)
                socket.wait(f"{topic}/target", "", timeout=5)
                now = house.prop(device["id"], name)
                assert (now["value"], now["target"]) == (wanted, None)
                asked += 1
    assert asked >= 2, "the lamp and the fan have a switch each"


def test_numbers_and_colours_are_obeyed(house):
    wishes = {"int": lambda p: int(p["min"] or 0) + 1, "color": lambda p: "#123456"}
    done = set()
    with web.Socket(house) as socket:
        socket.subscribe("devices/#")
        for device in demo_devices(house):
            for name, found in device["properties"].items():
                if found["type"] in wishes and "set" in found["access"]:
                    topic, wanted = f"devices/{device['id']}/{name}", wishes[found["type"]](found)
                    answer = house.post(f"/api/{topic}/set", json=wanted)
                    assert answer.status_code == 202, answer.text
                    socket.wait(topic, wanted, timeout=5)
                    done.add(found["type"])
    assert "color" in done, done


def test_it_is_removed_with_one_command(house):
    house.report("mine", "p", "1")
    answer = house.delete("/api/demo")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [d["id"] for d in house.get("/api/devices").json()] == ["mine"]
    # Stopped, not only deleted: none of them reports itself back into being.
    with web.Socket(house) as socket:
        socket.subscribe("devices/#")
        house.report("mine", "p", "2")
        socket.wait("devices/mine/p", 2)
        assert {m["topic"].split("/")[1] for m in socket.messages.drain()} <= {"mine"}
    assert house.delete("/api/demo").status_code == 204
    # And it stays away after a restart without the flag.
    house.flags.remove("--demo")
    house.restart()
    assert [d["id"] for d in house.get("/api/devices").json()] == ["mine"]


def test_without_the_flag_there_is_none(hub):
    assert hub.get("/api/devices").json() == []
    assert hub.delete("/api/demo").status_code == 204


def test_a_restart_with_the_flag_finds_it_again(house):
    before = {d["id"] for d in demo_devices(house)}
    house.restart()
    until(lambda: len(demo_devices(house, online=True)) == 4, what="four demo devices online")
    assert {d["id"] for d in demo_devices(house)} == before
