"""Contract, "Online": who is there, and what says so."""

import pytest

from support import mosquitto, web
from support.doomed import Doomed
from support.paho import Paho


def online_topic(device):
    return f"devices/{device}/$online"


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_an_mqtt_session_that_reported(version, shared, unique):
    device = unique("there")
    with Paho(shared) as watcher:
        watcher.subscribe(online_topic(device), 1)
        client = Paho(shared, version)
        client.publish(f"devices/{device}/p", "1")
        watcher.wait(online_topic(device), "true")
        assert shared.device(device)["online"] is True
        with Paho(shared) as late:
            late.subscribe(online_topic(device), 1)
            assert late.wait(online_topic(device), "true", retain=True)
        client.close()
        watcher.wait(online_topic(device), "false")
        assert shared.device(device)["online"] is False
        with Paho(shared) as late:
            late.subscribe(online_topic(device), 1)
            assert late.wait(online_topic(device), "false", retain=True)


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_killed_session(version, shared, unique):
    device = unique("killed")
    with Paho(shared) as watcher:
        watcher.subscribe(online_topic(device), 1)
        client = Doomed(shared, "paho", version, name=unique("doomed"), report=[f"devices/{device}/p", "1"])
        watcher.wait(online_topic(device), "true")
        client.kill()
        watcher.wait(online_topic(device), "false")


def test_a_websocket_that_reported(shared, unique):
    device = unique("ws")
    with Paho(shared) as watcher:
        watcher.subscribe(online_topic(device), 1)
        with web.Socket(shared) as socket:
            socket.ok("publish", topic=f"devices/{device}/p", payload=1)
            watcher.wait(online_topic(device), "true")
            assert shared.device(device)["online"] is True
        watcher.wait(online_topic(device), "false")


def test_any_of_its_sessions_will_do(shared, unique):
    device = unique("two")
    with Paho(shared) as watcher:
        watcher.subscribe(online_topic(device), 1)
        first, second = Paho(shared), Paho(shared)
        first.publish(f"devices/{device}/p", "1")
        second.publish(f"devices/{device}/q", "1")
        watcher.wait(online_topic(device), "true")
        first.close()
        assert [m.text for m in watcher.before_fence() if m.topic == online_topic(device)] == []
        assert shared.device(device)["online"] is True
        second.close()
        watcher.wait(online_topic(device), "false")


def test_who_only_asks_or_listens_is_not_the_device(shared, unique):
    device = unique("asked")
    mosquitto.publish(shared, f"devices/{device}/p", "1", qos=1)
    with Paho(shared) as watcher:
        watcher.subscribe(f"devices/{device}/#", 1)
        watcher.wait(online_topic(device), "false")
        with Paho(shared) as person:
            person.subscribe(f"devices/{device}/#", 1)
            person.publish(f"devices/{device}/p/set", "2")
            watcher.wait(f"devices/{device}/p/target", "2")
            assert shared.device(device)["online"] is False


def test_http_for_a_while(make_hub, unique):
    """Online from a report over HTTP until `online_timeout` passes without another."""
    hub = make_hub("--online-timeout", "2s").start()
    with Paho(hub) as watcher:
        watcher.subscribe(online_topic("http"), 1)
        hub.report("http", "p", "1")
        watcher.wait(online_topic("http"), "true")
        assert hub.device("http")["online"] is True
        watcher.wait(online_topic("http"), "false")
        assert hub.device("http")["online"] is False
        hub.report("http", "p", "2")
        watcher.wait(online_topic("http"), "true")


def test_its_own_will_wins(shared, unique):
    """Although it reported over HTTP a moment ago, its will says that it is gone."""
    device = unique("will")
    will = {"topic": online_topic(device), "payload": "false", "qos": 1, "retain": True}
    with Paho(shared) as watcher:
        watcher.subscribe(online_topic(device), 1)
        client = Doomed(shared, name=unique("doomed"), will=will, report=[f"devices/{device}/p", "1"])
        watcher.wait(online_topic(device), "true")
        shared.report(device, "p", "2")
        client.kill()
        watcher.wait(online_topic(device), "false")
        assert shared.device(device)["online"] is False
        # The next sign of life brings it back.
        shared.report(device, "p", "3")
        watcher.wait(online_topic(device), "true")
        assert shared.device(device)["online"] is True


def test_all_are_false_at_start(make_hub):
    hub = make_hub().start()
    with Paho(hub) as client:
        client.publish("devices/lamp/p", "1")
        hub.report("sensor", "p", "1")
        assert [d["online"] for d in hub.get("/api/devices").json()] == [True, True]
        hub.stop()
    hub.start()
    assert {d["id"]: d["online"] for d in hub.get("/api/devices").json()} == {"lamp": False, "sensor": False}
    with Paho(hub) as late:
        late.subscribe("devices/+/$online", 1)
        for device in ("lamp", "sensor"):
            assert late.wait(online_topic(device), retain=True).text == "false"
