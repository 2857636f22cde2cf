"""Many Blynk devices at once: what one that says nothing costs, and that a crowd which comes at the same moment is let in."""

import pathlib
import resource
import selectors
import socket
import struct

import pytest

from support.blynk import HARDWARE_LOGIN, INTERNAL, OK, PING, RESPONSE, frame, token_of
from support.wait import PATIENCE, until

ANSWER = struct.calcsize("!BHH")
# 4,060 are measured, with the device's entry as one that is online.
EACH_MAX = 4_352
# What the allocator takes for itself, whatever the number.
SPARE = 512 * 1024


def resident(hub):
    status = pathlib.Path(f"/proc/{hub.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def answers(sockets, count):
    """Waits until each has been answered so often; what came."""
    came = {one: b"" for one in sockets}
    waiting = set(sockets)
    with selectors.DefaultSelector() as selector:
        for one in sockets:
            selector.register(one, selectors.EVENT_READ)
        while waiting:
            ready = selector.select(PATIENCE)
            assert ready, f"{len(waiting)} of {len(sockets)} wait for an answer"
            for key, _ in ready:
                came[key.fileobj] += key.fileobj.recv(4096)
                if len(came[key.fileobj]) >= count * ANSWER:
                    waiting.discard(key.fileobj)
    return came


@pytest.mark.timeout(900)
def test_idle_devices_cost_little_and_a_crowd_is_let_in(make_hub, long, record_property):
    count = 5_000 if long else 1_500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 1_000), hard))
    hub = make_hub().start()
    tokens = [token_of(hub, f"board-{number}") for number in range(count)]
    for number in range(count):
        hub.declare(f"board-{number}")
    # Warm: whatever is made once is made.
    with socket.create_connection((hub.host, hub.port)) as one:
        one.sendall(frame(HARDWARE_LOGIN, 1, tokens[0]) + frame(PING, 2))
        answers([one], 2)
    before = resident(hub)
    sockets = []
    for token in tokens:
        one = socket.create_connection((hub.host, hub.port), PATIENCE)
        one.sendall(frame(HARDWARE_LOGIN, 1, token))
        sockets.append(one)
    came = answers(sockets, 1)
    assert set(came.values()) == {struct.pack("!BHH", RESPONSE, 1, OK)}
    for one in sockets:
        one.sendall(frame(INTERNAL, 2, "ver", "1.4.0", "h-beat", 3600, "buff-in", 1024, "dev", "ESP8266") + frame(PING, 3))
    came = answers(sockets, 2)
    assert set(came.values()) == {struct.pack("!BHH", RESPONSE, 2, OK) + struct.pack("!BHH", RESPONSE, 3, OK)}
    each = (resident(hub) - before) / count
    record_property("figures", f"{count} idle Blynk devices: {each:.0f} bytes each")
    assert each <= EACH_MAX + SPARE / count, each
    online = lambda: sum(device["online"] for device in hub.get("/api/devices").json())  # noqa: E731
    assert online() == count
    for one in sockets:
        one.close()
    until(lambda: online() == 0, what="all are offline")


@pytest.mark.timeout(900)
def test_all_devices_come_at_once(make_hub, long):
    """As after the hub, or the power, was gone: every connection is begun before any is let in, and each is let in."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(10_000, hard - 1_000) if long else 1_000
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 1_000), hard))
    hub = make_hub().start()
    # Boards that share a token do not make the crowd smaller.
    tokens = [token_of(hub, f"board-{number}") for number in range(count // 4)]
    sockets = {}
    for number in range(count):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex((hub.host, hub.port))
        sockets[one] = frame(HARDWARE_LOGIN, 1, tokens[number % len(tokens)]) + frame(PING, 2)
    with selectors.DefaultSelector() as selector:
        for one in sockets:
            selector.register(one, selectors.EVENT_WRITE)
        waiting = len(sockets)
        while waiting:
            ready = selector.select(PATIENCE)
            assert ready, f"{waiting} of {count} cannot connect"
            for key, _ in ready:
                key.fileobj.sendall(sockets[key.fileobj])
                selector.unregister(key.fileobj)
                waiting -= 1
    came = answers(list(sockets), 2)
    let_in = struct.pack("!BHH", RESPONSE, 1, OK) + struct.pack("!BHH", RESPONSE, 2, OK)
    assert set(came.values()) == {let_in}
    online = lambda: sum(device["online"] for device in hub.get("/api/devices").json())  # noqa: E731
    assert online() == len(tokens)
    for one in sockets:
        one.close()
    until(lambda: online() == 0, what="all are offline")
