"""Until accounts exist, loopback is a guest with full rights, and nobody else gets in."""

import socket

import pytest

from support import rawmqtt, web
from support.check import problem
from support.paho import ACCEPTED, Paho
from support.rawmqtt import Raw


def own_address():
    """An address of this machine that is not loopback. Nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return None


FOREIGN = [
    ("Host", "hub.example"),
    ("Host", "192.0.2.7:8080"),
    ("Host", "localhost.example:8080"),
    ("Origin", "http://evil.example"),
    ("Origin", "null"),
    ("X-Forwarded-For", "192.0.2.7"),
    ("X-Forwarded-Host", "hub.example"),
    ("X-Forwarded-Proto", "https"),
    ("Forwarded", "for=192.0.2.7"),
]


@pytest.mark.parametrize(("header", "value"), FOREIGN)
def test_requests_from_elsewhere_through_loopback_are_refused(header, value, shared, unique):
    """A tunnel and a page of another site arrive from loopback too."""
    device = unique("alien")
    for method, path, body in (
        ("GET", "/api/devices", None),
        ("PUT", f"/api/devices/{device}/p", "1"),
        ("POST", f"/api/topics/lab/{device}", "1"),
        ("GET", "/api/events?filter=%23", None),
    ):
        answer = web.curl(shared, method, path, "-H", f"{header}: {value}", data=body)
        problem(answer, (401, 403))
    assert shared.get(f"/api/devices/{device}").status_code == 404


@pytest.mark.parametrize(("header", "value"), FOREIGN)
def test_websockets_from_elsewhere_are_refused(header, value, shared):
    more = ["-H", f"{header}: {value}", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket"]
    more += ["-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    answer = web.curl(shared, "GET", "/api/ws", "--http1.1", *more)
    assert answer.status in (401, 403), answer


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_loopback_names_are_welcome(host, shared):
    answer = web.curl(shared, "GET", "/api/devices", "-H", f"Host: {host}:{shared.port}")
    assert answer.status == 200, answer


def test_the_pages_own_origin_is_welcome(shared):
    for origin in (f"http://127.0.0.1:{shared.port}", f"http://localhost:{shared.port}"):
        host = origin.removeprefix("http://")
        answer = web.curl(shared, "GET", "/api/devices", "-H", f"Origin: {origin}", "-H", f"Host: {host}")
        assert answer.status == 200, answer


class Through:
    """The same hub, reached under another address."""

    def __init__(self, hub, host):
        self.host, self.port, self.mqtt_port = host, hub.port, hub.mqtt_port

    def url(self, path):
        return f"http://{self.host}:{self.port}{path}"


def test_other_addresses_are_refused_unless_the_lan_is_guest(make_hub):
    address = own_address()
    if address is None:
        pytest.fail("this machine has no address besides loopback; the test needs one (any network interface)")
    closed = make_hub("--bind", "0.0.0.0").start()
    closed.host = "127.0.0.1"
    outside = Through(closed, address)
    problem(web.curl(outside, "GET", "/api/devices"), 401)
    for version, code in ((4, 5), (5, 0x87)):
        for port in (outside.mqtt_port, outside.port):
            with Raw(outside, port) as raw:
                raw.send(rawmqtt.connect(version))
                answer = raw.read()
                assert (answer.kind, answer.reason(version)) == (rawmqtt.CONNACK, code)
                assert raw.read() is None
    assert closed.get("/api/devices").status_code == 200

    lan = make_hub("--bind", "0.0.0.0", "--guest", "lan", folder="lan").start()
    lan.host = "127.0.0.1"
    outside = Through(lan, address)
    assert web.curl(outside, "GET", "/api/devices").status == 200
    with Paho(outside) as client:
        assert client.publish("devices/lamp/p", "1") in ACCEPTED
    assert lan.prop("lamp", "p")["value"] == 1
