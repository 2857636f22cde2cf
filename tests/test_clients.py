"""Sight: `$SYS` for dashboards made for Mosquitto, the list of clients, metrics, and the log of who comes and goes."""

import re

import pytest

from support import cli, mosquitto
from support.paho import Paho
from support.rawmqtt import Raw, connect
from support.wait import until

NOT_FOUND = 5

# What Debian's mosquitto 2.0.11 publishes, by its own mosquitto_sub.
MOSQUITTO = {
    f"$SYS/broker/{name}"
    for name in """version uptime clients/total clients/inactive clients/disconnected clients/active clients/connected
    clients/expired clients/maximum messages/stored messages/received messages/sent store/messages/count
    store/messages/bytes subscriptions/count shared_subscriptions/count heap/current heap/maximum publish/messages/dropped
    publish/messages/received publish/messages/sent publish/bytes/received publish/bytes/sent bytes/received
    bytes/sent""".split()
    + ["retained messages/count"]
    + [
        f"load/{load}/{span}"
        for load in """messages/received messages/sent publish/dropped publish/received publish/sent bytes/received
        bytes/sent sockets connections""".split()
        for span in ("1min", "5min", "15min")
    ]
}


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_sys_topics_are_those_of_mosquitto(version, shared):
    with mosquitto.Sub(shared, "$SYS/#", version=version) as sub:
        seen = {}
        while not MOSQUITTO <= seen.keys():
            message = sub.messages.wait(what=f"{MOSQUITTO - seen.keys()}")
            seen.setdefault(message.topic, message)
        assert all(message.retain for message in seen.values())
        text = {topic: message.payload.decode() for topic, message in seen.items()}
        assert re.fullmatch(r"\d+ seconds", text["$SYS/broker/uptime"])
        assert all(re.fullmatch(r"\d+\.\d\d", text[topic]) for topic in text if "/load/" in topic)
        numbers = [topic for topic in text if "/load/" not in topic and not topic.endswith(("uptime", "version"))]
        assert all(text[topic].isdecimal() for topic in numbers), text


def test_sys_follows_the_interval(make_hub):
    hub = make_hub("--sys-interval", "200ms").start()
    with mosquitto.Sub(hub, "$SYS/broker/clients/connected") as sub:
        sub.wait("$SYS/broker/clients/connected", "1")
        with Paho(hub):
            sub.wait("$SYS/broker/clients/connected", "2")
        sub.wait("$SYS/broker/clients/connected", "1")


def test_clients_on_the_command_line(shared, unique):
    name = unique("sight") + "/ü %"
    with Raw(shared, version=4, name=name, flags=0) as raw:
        view = cli.ok(shared, "clients", "show", name, "--json").json()
        assert (view["id"], view["version"], view["connected"], view["keep_alive_s"]) == (name, "3.1.1", True, 60)
        assert name in cli.ok(shared, "clients").text
        assert name in [one["id"] for one in cli.ok(shared, "clients", "list", "--connected", "--json").json()]
        assert "127.0.0.1" in cli.ok(shared, "clients", "show", name).text
        done = cli.ok(shared, "clients", "disconnect", name, "--json").json()
        assert done == {"disconnected": name, "forgotten": False, "done": True}
        assert raw.read_bytes() == b""
    assert name not in cli.ok(shared, "clients", "list", "--connected").text
    assert "away" in cli.ok(shared, "clients", "show", name).text
    assert cli.run(shared, "clients", "disconnect", name).code == 1
    cli.ok(shared, "clients", "kick", name, "--forget")
    assert cli.run(shared, "clients", "show", name).code == NOT_FOUND
    assert cli.run(shared, "clients", "disconnect", name).code == NOT_FOUND


def test_clients_with_a_terminal_in_mind(shared, unique):
    """What a client calls itself must not command the terminal of whoever looks."""
    name = unique("evil") + "\u202e'\"x"
    with Raw(shared, version=5, name=name):
        assert cli.ok(shared, "clients", "show", name, "--json").json()["id"] == name
        assert "\x1b" not in cli.ok(shared, "clients").text


def test_the_log_tells_who_comes_and_goes(hub):
    with Raw(hub, version=5, name="polite") as raw:
        raw.send(b"\xe0\x00")
        raw.read_bytes()
    with Raw(hub, version=4, name="lost"):
        pass
    with Raw(hub, version=5, name="wrong") as raw:
        raw.send(b"\xf0\x00")
        assert raw.ended_with() is not None
    with Raw(hub) as raw:
        raw.send(connect(4, name="", flags=0))
        raw.ended_with()
    lines = {
        "polite came": r'INFO .*MQTT client connected client_id="polite" peer=127\.0\.0\.1:\d+ transport="tcp" version="5" '
        r'clean_start=true keep_alive_s=60 user="guest" session_present=false',
        "polite left": r'INFO .*MQTT client disconnected client_id="polite" .*reason="it said goodbye"',
        "lost": r'INFO .*MQTT client disconnected client_id="lost" .*reason="the connection was closed or lost"',
        "wrong": r'INFO .*MQTT client disconnected client_id="wrong" .*reason="',
        "refused": r'INFO .*MQTT client refused peer=127\.0\.0\.1:\d+ reason="',
    }
    for what, line in lines.items():
        until(lambda line=line: re.search(line, hub.log()), what=f"the line about {what}")


def test_metrics_can_be_read(shared):
    answer = shared.get("/api/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r'[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [0-9.]+', line) for line in samples), samples
