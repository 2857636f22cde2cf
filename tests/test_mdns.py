"""mDNS: the hub and its network see each other. Only in network namespaces that the test makes, never on the machine's own network."""

import os
import socket
import time

import pytest

from support.netns import InnerHub, Neighbour, Network

HOUSEWIRE = "_housewire._tcp.local."
MQTT = "_mqtt._tcp.local."
SECURE_MQTT = "_secure-mqtt._tcp.local."
WLED = "_wled._tcp.local."
# Addresses are looked at every 5 s, services are asked for again and again with growing pauses.
SOON = 30.0


@pytest.fixture
def network():
    made = Network()
    yield made
    made.close()


@pytest.fixture
def machines(network, tmp_path):
    """Makes hubs and neighbours, and ends them."""
    made = []

    class Machines:
        def hub(self, machine, *flags, name="hub"):
            hub = InnerHub(network, machine, tmp_path / f"{name}-{machine}", *flags)
            made.append(hub)
            return hub.start()

        def neighbour(self, machine):
            neighbour = Neighbour(network, machine, tmp_path)
            made.append(neighbour)
            return neighbour

    yield Machines()
    for one in reversed(made):
        if isinstance(one, Neighbour):
            one.close()
        elif one.running():
            one.stop()


def log_line(hub, part, timeout=SOON):
    """Waits until the hub's log has this; the log raises no event."""
    deadline = time.monotonic() + timeout
    while part not in hub.log():
        assert time.monotonic() < deadline, f"not in the log of the hub within {timeout:g} s: {part}\n{hub.log()[-3000:]}"
        time.sleep(0.05)


def test_other_machines_see_the_hub(machines):
    neighbour = machines.neighbour("b")
    neighbour.tell("browse", kinds=[HOUSEWIRE, MQTT, SECURE_MQTT])
    hub = machines.hub("a")
    for kind, port in [(HOUSEWIRE, hub.port), (MQTT, hub.mqtt_port), (SECURE_MQTT, hub.mqtts_port)]:
        seen = neighbour.wait("there", lambda line, kind=kind: line["kind"] == kind, SOON)
        assert seen["port"] == port
        assert seen["host"] == "housewire.local."
        assert seen["addresses"] == ["10.77.0.1"]
        assert seen["name"] == f"Housewire on {socket.gethostname().split('.')[0]}.{kind}"
        assert seen["txt"]["version"]
        if kind == HOUSEWIRE:
            assert {key: seen["txt"][key] for key in ("path", "api", "ws", "tls")} == {
                "path": "/",
                "api": "/api",
                "ws": "/api/ws",
                "tls": "on",
            }


def test_it_says_goodbye(machines):
    neighbour = machines.neighbour("b")
    neighbour.tell("browse", kinds=[HOUSEWIRE, MQTT])
    hub = machines.hub("a")
    for kind in (HOUSEWIRE, MQTT):
        neighbour.wait("there", lambda line, kind=kind: line["kind"] == kind, SOON)
    hub.stop()
    # Without a goodbye it would be there for another hour.
    for kind in (HOUSEWIRE, MQTT):
        neighbour.wait("gone", lambda line, kind=kind: line["kind"] == kind, SOON)


def test_the_hub_sees_what_is_there_and_what_goes(machines):
    hub = machines.hub("a")
    neighbour = machines.neighbour("b")
    desk = {"name": f"desk.{WLED}", "kind": WLED, "host": "wled-desk.local.", "port": 80, "addresses": ["10.77.0.2"]}
    neighbour.tell("register", txt={"mac": "AABBCCDDEEFF"}, **desk)
    log_line(hub, "on the network: mac:aabbccddeeff desk WLED at 10.77.0.2:80")
    native = "_esphomelib._tcp.local."
    porch = {"name": f"porch.{native}", "kind": native, "host": "porch.local.", "port": 6053, "addresses": ["10.77.0.2"]}
    neighbour.tell("register", txt={"mac": "a0b1c2d3e401", "friendly_name": "Porch light", "board": "esp32dev"}, **porch)
    log_line(hub, "on the network: mac:a0b1c2d3e401 Porch light esp32dev at 10.77.0.2:6053")
    neighbour.tell("unregister", name=desk["name"])
    log_line(hub, "no longer on the network: mac:aabbccddeeff")
    assert "no longer on the network: mac:a0b1c2d3e401" not in hub.log()


def test_two_hubs_see_each_other_and_share_no_name(machines):
    first = machines.hub("a")
    neighbour = machines.neighbour("b")
    neighbour.tell("browse", kinds=[HOUSEWIRE])
    neighbour.wait("there", lambda line: line["port"] == first.port, SOON)
    second = machines.hub("b")
    log_line(second, "another one on this network is called housewire.local: this hub is housewire-2.local there")
    # Whoever has both addresses now knows which is which.
    seen = neighbour.heard.wait(
        lambda line: line["is"] in ("there", "changed") and line["port"] == second.port and line["host"] == "housewire-2.local.",
        SOON,
        "the second hub under its own name",
    )
    assert seen["addresses"] == ["10.77.0.2"]
    log_line(second, "on the network: host:housewire.local Housewire on")
    log_line(first, "on the network: host:housewire-2.local Housewire on")
    assert "another one on this network" not in first.log()
    # Nobody finds himself.
    assert "host:housewire.local" not in first.log() and "host:housewire-2.local" not in second.log()


def test_addresses_that_come_later_are_told(machines, network):
    hub = machines.hub("a")
    neighbour = machines.neighbour("b")
    neighbour.tell("browse", kinds=[HOUSEWIRE])
    neighbour.wait("there", timeout=SOON)
    network.ip("a", "address", "add", "10.77.0.3/24", "dev", "wire")
    deadline = time.monotonic() + SOON
    while True:
        other = machines.neighbour("b")
        other.tell("browse", kinds=[HOUSEWIRE])
        if other.wait("there", timeout=SOON)["addresses"] == ["10.77.0.1", "10.77.0.3"]:
            break
        assert time.monotonic() < deadline, "the new address was not told"
        other.close()
    assert hub.running()


@pytest.mark.parametrize("flags", [("--bind", "127.0.0.1"), ("--bind", "::1"), ("--no-mdns",), ("--mdns=false",)], ids=" ".join)
def test_a_hub_that_nobody_is_to_find_sends_nothing(machines, flags):
    # Time itself is tested: a hub that tells of itself does so within the first two seconds in which it serves.
    for given, is_silent in [(flags, True), ((), False)]:
        ear = machines.neighbour("a")
        ear.tell("count")
        ear.wait("listening")
        hub = machines.hub("a", *given, name="silent" if is_silent else "loud")
        ear.tell("enough", seconds=3)
        packets = ear.wait("counted")["packets"]
        hub.stop()
        assert (packets == 0) if is_silent else (packets > 0), f"{packets} packets with {given}"


def test_a_specific_address_is_told_where_it_is(machines, network):
    network.ip("a", "address", "add", "10.77.0.9/24", "dev", "wire")
    neighbour = machines.neighbour("b")
    neighbour.tell("browse", kinds=[HOUSEWIRE])
    machines.hub("a", "--bind", "10.77.0.9")
    assert neighbour.wait("there", timeout=SOON)["addresses"] == ["10.77.0.9"]


def test_a_machine_without_a_network_serves_all_the_same(machines, network):
    network.ip("a", "link", "delete", "wire")
    hub = machines.hub("a")
    assert hub.running() and os.path.exists(hub.data)
