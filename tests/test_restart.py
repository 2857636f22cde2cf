"""What survives a restart, and what keeps two hubs apart."""

import signal

import pytest

from support import web
from support.paho import Paho
from test_registry import FULL

PNG = b"\x89PNG\r\n\x1a\n\0\xff\xfe"


def without_time(view):
    return {key: value for key, value in view.items() if key != "online"}


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_devices_and_retained_messages_survive(end, make_hub):
    hub = make_hub().start()
    hub.put("/api/devices/lamp", json=FULL)
    hub.report("lamp", "level", "40")
    with Paho(hub) as client:
        client.publish("devices/sketch/heat", "21.5", retain=True)
        client.publish("devices/sketch/passing", "7", retain=False)
        client.publish("lab/bench", "kept", qos=2, retain=True)
        client.publish("lab/cleared", "kept", retain=True)
        client.publish("lab/cleared", "", retain=True)
        client.publish("lab/passing", "not kept")
        client.publish("devices/gone/p", "1", retain=True)
    assert hub.delete("/api/devices/gone").status_code == 204
    sent = web.curl(hub, "PUT", "/api/topics/lab/picture", "-H", "Content-Type: image/png", data=PNG)
    assert sent.status == 204
    before = {d["id"]: without_time(d) for d in hub.get("/api/devices").json()}
    assert set(before) == {"lamp", "sketch"}
    hub.stop(end)

    hub.start()
    after = {d["id"]: without_time(d) for d in hub.get("/api/devices").json()}
    assert after == before
    assert hub.prop("sketch", "passing")["value"] == 7
    picture = web.curl(hub, "GET", "/api/topics/lab/picture")
    assert (picture.body, picture.headers["content-type"]) == (PNG, "image/png")
    with Paho(hub) as client:
        client.subscribe("lab/#", 1)
        client.subscribe("devices/+/+", 1)
        kept = {m.topic: m.payload for m in client.before_fence() if m.retain and "$online" not in m.topic}
    assert kept == {
        "lab/bench": b"kept",
        "lab/picture": PNG,
        "devices/lamp/level": b"40",
        "devices/sketch/heat": b"21.5",
    }
    # And once more, so that what was loaded is kept as well as what was said.
    hub.restart()
    assert {d["id"]: without_time(d) for d in hub.get("/api/devices").json()} == before


@pytest.mark.parametrize("door", ["mqtt", "http", "ws"])
def test_what_was_acknowledged_survives_a_power_cut(door, make_hub, long):
    """kill -9 right after the acknowledgement of QoS 1."""
    hub = make_hub().start()
    for round_number in range(10 if long else 2):
        text = f"round {round_number}"
        if door == "mqtt":
            client = Paho(hub)
            client.publish("lab/bench", text, retain=True)
            client.publish("devices/lamp/word", text, retain=True)
        elif door == "http":
            for path in ("lab/bench", "devices/lamp/word"):
                assert web.curl(hub, "PUT", f"/api/topics/{path}?qos=1", data=text).status == 204
        else:
            socket = web.Socket(hub)
            socket.ok("publish", topic="lab/bench", payload=text, qos=1, retain=True)
            socket.ok("publish", topic="devices/lamp/word", payload=text, qos=1, retain=True)
        hub.kill()
        hub.start()
        assert hub.get("/api/topics/lab/bench").text == text
        assert hub.prop("lamp", "word")["value"] == text


def test_a_registration_survives_a_power_cut(make_hub):
    hub = make_hub().start()
    assert hub.put("/api/devices/lamp", json=FULL).status_code == 201
    hub.kill()
    hub.start()
    assert hub.device("lamp")["name"] == "Desk lamp"


def test_a_second_server_on_the_same_data_folder_refuses(make_hub):
    first = make_hub().start()
    second = make_hub("--data", first.data, folder="second")
    _, log = second.refuses_to_start()
    assert str(first.data) in log, log
    # The first is not disturbed, and once it has gone its folder is free.
    assert first.get("/api/health").status_code == 200
    first.stop()
    second.start()
    assert second.get("/api/health").status_code == 200


def test_the_folder_of_a_killed_server_is_free(make_hub):
    hub = make_hub().start()
    hub.kill()
    hub.start()
    assert hub.get("/api/health").status_code == 200
