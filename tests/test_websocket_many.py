"""Contract: ten thousand WebSockets at once, each subscribed, and what one that is idle costs."""

import json
import resource
import time

import pytest

from support.rawws import TEXT, RawSocket, frame
from support.web import Socket

# Idle, with one subscription; in the program's memory.
BYTES_EACH_MAX = 8 * 1024


def raise_descriptors(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 1_000
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.fail(f"this test needs {wanted} descriptors, and may have {hard}: raise `ulimit -Hn`")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def resident(hub):
    name = "process_resident_memory_bytes "
    return next(int(line.removeprefix(name)) for line in hub.get("/api/metrics").text.splitlines() if line.startswith(name))


@pytest.mark.parametrize("count", [2_000, pytest.param(10_000, marks=pytest.mark.long)])
@pytest.mark.timeout(300)
def test_many_at_once(count, make_hub, record_property):
    raise_descriptors(count)
    hub = make_hub().start()
    with Socket(hub) as publisher:
        # What the first connections cost once is no part of what each costs.
        sockets = [open_one(hub, number) for number in range(200)]
        before = resident(hub)
        began = time.monotonic()
        sockets += [open_one(hub, number) for number in range(200, count)]
        took = time.monotonic() - began
        each = (resident(hub) - before) / (count - 200)
        connected = f'housewire_clients{{protocol="ws",state="connected"}} {count + 1}\n'
        assert connected in hub.get("/api/metrics").text
        # All of them hear of it, and those that are asked answer.
        began = time.monotonic()
        publisher.ok("publish", topic="to/all", payload=7)
        for raw in sockets:
            came = json.loads(raw.read().payload)
            assert (came["op"], came["payload"]) == ("message", 7), came
        heard = time.monotonic() - began
        for raw in sockets[:: count // 100]:
            raw.send(frame(TEXT, b'{"op":"ping","id":2}'))
            assert json.loads(raw.read().payload) == {"op": "ok", "id": 2}
        for raw in sockets:
            raw.socket.close()
    record_property(
        "figures",
        f"{count} WebSockets: {each:.0f} bytes each, opened in {took:.1f} s, one message to all read in {heard:.2f} s",
    )
    assert each <= BYTES_EACH_MAX


def open_one(hub, number):
    raw = RawSocket(hub, "/api/ws", source=f"127.0.0.{2 + number % 8}")
    raw.send(frame(TEXT, json.dumps({"op": "subscribe", "id": 1, "filter": "to/all"}).encode()))
    assert json.loads(raw.read().payload) == {"op": "ok", "id": 1}
    return raw
