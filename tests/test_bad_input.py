"""Bad input: a clear error in the right code, nobody else disturbed, never a panic. Each test ends in that proof."""

import json
import random
import signal
import socket
import struct

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as ws_connect

from support import mosquitto, rawmqtt, web
from support.check import problem
from support.hub import Hub
from support.paho import Paho
from support.rawmqtt import Raw, packet, publish, subscribe, text, varint

PORTS = pytest.mark.parametrize("port", ["mqtt_port", "port"], ids=["mqtt port", "one port"])


@pytest.fixture(autouse=True)
def nobody_else_is_disturbed(shared, unique):
    """A client that was there before still works afterwards, so do new ones; conftest.py looks for panics."""
    topic = f"bystander/{unique()}"
    with Paho(shared) as bystander:
        bystander.subscribe(topic, 1)
        yield
        bystander.publish(topic, "still here", 2)
        bystander.wait(topic, "still here")
        mosquitto.publish(shared, topic, "a newcomer", port=shared.port)
        bystander.wait(topic, "a newcomer")
    assert shared.get("/api/health").status_code == 200


# Bytes as the very first ones on a connection. None: closed without a word is right (or with any).
FIRST = {
    "nothing but zeros": b"\0" * 64,
    "publish before connect": publish("a", b"b"),
    "ping before connect": packet(rawmqtt.PINGREQ),
    "subscribe before connect": subscribe("a"),
    "connect with wrong flags in the header": bytes([0x1F]) + rawmqtt.connect()[1:],
    "connect with the reserved flag": rawmqtt.connect(flags=0x03),
    "connect with will qos 3": rawmqtt.connect(flags=0x1E, more=text("w") + text("w")),
    "connect with will qos but no will": rawmqtt.connect(flags=0x0A),
    "connect with another protocol's name": rawmqtt.connect(protocol="MQTX"),
    "connect that ends early": packet(rawmqtt.CONNECT, text("MQTT") + b"\4\2"),
    "connect with bytes behind the end": rawmqtt.connect(more=b"surplus"),
    "connect with an id that is no utf-8": packet(rawmqtt.CONNECT, text("MQTT") + b"\4\2\0\x3c" + text(b"\xff\xfe")),
    "connect with an id that holds nul": packet(rawmqtt.CONNECT, text("MQTT") + b"\4\2\0\x3c" + text(b"a\0b")),
    "connect whose id is longer than the packet": packet(rawmqtt.CONNECT, text("MQTT") + b"\4\2\0\x3c\xff\xffab"),
    "connect with a will topic that has wildcards": rawmqtt.connect(flags=0x06, more=text("w/#") + text("w")),
    "connect 5 with a broken property": rawmqtt.connect(5, props=b"\x11\0\0"),
    "connect 5 with an unknown property": rawmqtt.connect(5, props=b"\x7f\0"),
    "connect 5 with a property twice": rawmqtt.connect(5, props=b"\x21\0\x0a\x21\0\x0a"),
    "connect 5 with receive maximum 0": rawmqtt.connect(5, props=b"\x21\0\0"),
    "remaining length of five bytes": b"\x10\xff\xff\xff\xff\x01" + b"a" * 50,
    "connect as large as can be": b"\x10\xff\xff\xff\x7f" + b"a" * 1000,
    "tls to a port without": bytes.fromhex("16030100a5010000a10303") + b"\0" * 40,
    "garbage": bytes(random.Random(7).randrange(256) for _ in range(4096)),
    "garbage that begins like connect": b"\x10\x20" + b"\xaa" * 32,
    "http in lower case": b"get / http/1.1\r\n\r\n",
    "http without end": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 20_000,
    "http with a nul": b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "http 9": b"GET / HTTP/9.9\r\n\r\n",
    "http line without end": b"GET /" + b"a" * 2_000_000,
}


@PORTS
@pytest.mark.parametrize("name", FIRST)
def test_first_bytes(name, port, shared):
    """The hub ends the connection; it does not wait for more, and says nothing that would be a welcome."""
    with Raw(shared, getattr(shared, port)) as raw:
        try:
            raw.send(FIRST[name])
            if b"HTTP" in FIRST[name]:
                raw.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # It has hung up already, which is right.
        answer = raw.read_bytes()
        if answer[:1] == b"\x20":
            assert answer[3] != 0, answer
        else:
            assert answer[:1] in (b"", b"\xe0", b"H", b"\x15"), answer
            assert not answer.startswith(b"HTTP/1.1 2"), answer


def test_unacceptable_protocol_level(shared):
    """[MQTT-3.1.2-2]: 3.1.1 is told 1, MQTT 5 (and what may come after it) 0x84."""
    for level, codes in ((2, (1,)), (6, (1, 0x84)), (99, (1, 0x84))):
        with Raw(shared) as raw:
            raw.send(rawmqtt.connect(level=level))
            answer = raw.read()
            assert answer.kind == rawmqtt.CONNACK and answer.body[1] in codes, (level, answer)
            assert raw.read() is None


# Packets on a connection that was accepted, with the reason that an MQTT 5 client must be given.
WRONG = {
    "second connect": (lambda v: rawmqtt.connect(v), {0x82}),
    "connack from a client": (lambda v: packet(rawmqtt.CONNACK, b"\0\0" + b"\0" * (v == 5)), {0x81, 0x82}),
    "packet type 0": (lambda v: b"\0\0", {0x81, 0x82}),
    "publish with qos 3": (lambda v: bytes([0x36]) + publish("a", b"b", v, 1)[1:], {0x81}),
    "publish qos 0 with dup": (lambda v: bytes([0x38]) + publish("a", b"b", v)[1:], {0x81, 0x82}),
    "publish qos 1 with id 0": (lambda v: publish("a", b"b", v, 1, mid=0), {0x81, 0x82}),
    "publish to +": (lambda v: publish("a/+/b", b"x", v, 1), {0x90, 0x81, 0x82}),
    "publish to #": (lambda v: publish("#", b"x", v), {0x90, 0x81, 0x82}),
    "publish without topic": (lambda v: publish("", b"x", v), {0x82, 0x81, 0x90}),
    "publish with nul in the topic": (lambda v: publish("a\0b", b"x", v), {0x81, 0x82, 0x90}),
    "publish with a topic that is no utf-8": (lambda v: publish(b"a\xff\xfe", b"x", v), {0x81, 0x82, 0x90}),
    "publish with a surrogate in the topic": (lambda v: publish(b"a\xed\xa0\x80", b"x", v), {0x81, 0x82, 0x90}),
    "publish whose topic is longer than the packet": (lambda v: packet(3, b"\xff\xffabc"), {0x81}),
    "publish that ends before the packet id": (lambda v: packet(3, text("a"), 2), {0x81}),
    "publish of the largest size": (lambda v: b"\x30\xff\xff\xff\x7f\0\1a", {0x95}),
    "remaining length of five bytes": (lambda v: b"\x30\xff\xff\xff\xff\x01", {0x81}),
    "subscribe with wrong flags": (lambda v: bytes([0x80]) + subscribe("a", v)[1:], {0x81, 0x82}),
    "subscribe without filter": (lambda v: packet(8, b"\0\1" + b"\0" * (v == 5), 2), {0x81, 0x82}),
    "subscribe with id 0": (lambda v: subscribe("a", v, mid=0), {0x81, 0x82}),
    "subscribe with qos 3": (lambda v: subscribe("a", v, options=3), {0x81, 0x82}),
    "subscribe with reserved bits": (lambda v: subscribe("a", v, options=0xC0), {0x81, 0x82}),
    "subscribe with a filter that is no utf-8": (lambda v: subscribe(b"\xff", v), {0x81, 0x82, 0x8F}),
    "subscribe that ends early": (lambda v: packet(8, b"\0\1" + b"\0" * (v == 5) + b"\0\7a", 2), {0x81, 0x82}),
    "unsubscribe without filter": (lambda v: packet(10, b"\0\1" + b"\0" * (v == 5), 2), {0x81, 0x82}),
    "pubrel with wrong flags": (lambda v: packet(6, b"\0\1", 0), {0x81, 0x82}),
    "puback without id": (lambda v: packet(4, b"\0"), {0x81}),
    "ping with a body": (lambda v: packet(12, b"x"), {0x81, 0x82}),
    "disconnect with flags": (lambda v: bytes([0xE1, 0]), {0x81, 0x82}),
}
WRONG_5 = {
    "publish with an unknown property": (publish("a", b"x", 5, props=b"\x7f\0"), {0x81, 0x82}),
    "publish with a property of another packet": (publish("a", b"x", 5, props=b"\x11\0\0\0\1"), {0x81, 0x82}),
    "publish with half a property": (publish("a", b"x", 5, props=b"\x02\0"), {0x81}),
    "publish with topic alias 0": (publish("a", b"x", 5, props=b"\x23\0\0"), {0x94, 0x82}),
    "publish with a topic alias too high": (publish("a", b"x", 5, props=b"\x23\xff\xff"), {0x94}),
    "publish with an unknown topic alias": (publish("", b"x", 5, props=b"\x23\0\1"), {0x94, 0x82}),
    "publish with a subscription id": (publish("a", b"x", 5, props=b"\x0b\1"), {0x82, 0x81}),
    "publish with a response topic with wildcards": (
        publish("a", b"x", 5, props=b"\x08" + text("a/#")),
        {0x82, 0x81, 0x90},
    ),
    "properties longer than the packet": (packet(3, text("a") + varint(200) + b"\x01"), {0x81}),
    "auth without a method": (bytes([0xF0, 0]), {0x82, 0x81, 0x8C, 0x87}),
    "subscription id 0": (packet(8, b"\0\1\2\x0b\0" + text("a") + b"\0", 2), {0x82, 0x81}),
}


@PORTS
@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("name", WRONG)
def test_wrong_packet(name, version, port, shared, unique):
    make, reasons = WRONG[name]
    with Raw(shared, getattr(shared, port), version, name=unique("wrong")) as raw:
        raw.send(make(version))
        code = raw.ended_with()
    # 3.1.1 has no way to say why: the connection is closed [MQTT-4.8.0-1].
    assert code in reasons if version == 5 else code is None, code if code is None else hex(code)


@pytest.mark.parametrize("name", WRONG_5)
def test_wrong_packet_of_mqtt5(name, shared, unique):
    data, reasons = WRONG_5[name]
    with Raw(shared, version=5, name=unique("wrong")) as raw:
        raw.send(data)
        code = raw.ended_with()
    assert code in reasons, code if code is None else hex(code)


@pytest.mark.parametrize("filter", ["a/#/b", "a#", "a/b+", "+a", "##"])
@pytest.mark.parametrize("version", [4, 5])
def test_filters_that_are_none(filter, version, shared, unique):
    """Refused in the SUBACK (0x80, 0x8F) or, as Mosquitto does, by ending the connection."""
    with Raw(shared, version=version, name=unique("filter")) as raw:
        raw.send(subscribe(filter, version))
        answer = raw.read()
        if answer is not None and answer.kind == rawmqtt.SUBACK:
            assert answer.reason(version) == (0x8F if version == 5 else 0x80)
        else:
            assert answer is None or answer.kind == rawmqtt.DISCONNECT


def test_empty_filter(shared, unique):
    with Raw(shared, version=5, name=unique("filter")) as raw:
        raw.send(subscribe("", 5))
        answer = raw.read()
        assert answer.kind in (rawmqtt.SUBACK, rawmqtt.DISCONNECT) and answer.reason(5) >= 0x80


@pytest.mark.parametrize("version", [4, 5])
def test_over_long_topics(version, shared, unique):
    """65,535 bytes is what the wire can say; the hub's own bound may be lower, but then it says so and lives."""
    with Paho(shared, "5" if version == 5 else "3.1.1") as client:
        for length in (1_000, 65_000):
            topic = "long/" + "x" * length
            client.client.publish(topic, "m", 1)
    deep = "/".join("x" * 30_000)
    with Raw(shared, version=version, name=unique("deep")) as raw:
        raw.send(publish(deep, b"m", version, 1))
        answer = raw.read()
        assert answer is None or answer.kind in (rawmqtt.PUBACK, rawmqtt.DISCONNECT)
    with Raw(shared, version=version, name=unique("deep")) as raw:
        raw.send(subscribe("+/" * 30_000 + "#", version))
        answer = raw.read()
        assert answer is None or answer.kind in (rawmqtt.SUBACK, rawmqtt.DISCONNECT)


@PORTS
def test_bytes_one_by_one(port, shared, unique):
    """Slow is not wrong."""
    topic = f"slow/{unique()}"
    with Paho(shared) as sub, Raw(shared, getattr(shared, port)) as raw:
        sub.subscribe(topic, 1)
        for byte in rawmqtt.connect(4, unique("slow")) + publish(topic, b"m", 4, 1):
            raw.send(bytes([byte]))
        assert raw.read().kind == rawmqtt.CONNACK
        assert raw.read().kind == rawmqtt.PUBACK
        sub.wait(topic, "m")


def test_publish_behind_connect_in_one_write(shared, unique):
    """[MQTT-3.1.4-5]: a client need not wait for the CONNACK."""
    topic = f"eager/{unique()}"
    with Paho(shared) as sub, Raw(shared, shared.port) as raw:
        sub.subscribe(topic, 1)
        raw.send(rawmqtt.connect(4, unique("eager")) + publish(topic, b"m", 4, 1) + packet(rawmqtt.PINGREQ))
        assert [raw.read().kind for _ in range(3)] == [rawmqtt.CONNACK, rawmqtt.PUBACK, rawmqtt.PINGRESP]
        sub.wait(topic, "m")


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    """A hub that waits one second for the first words of a connection instead of ten."""
    folder = tmp_path_factory.mktemp("impatient")
    (folder / "hub.toml").write_text('[limits]\ngreeting_timeout = "1s"\n')
    hub = Hub(folder, "--config", folder / "hub.toml").start()
    yield hub
    hub.stop()
    hub.api.close()


@PORTS
@pytest.mark.parametrize("first", ["", "10", "1010", "101000044d51", "1603"])
def test_half_open_connections_are_ended(first, port, impatient):
    """Who connects and says nothing, or half a thing, does not hold a place for ever."""
    with Raw(impatient, getattr(impatient, port)) as raw:
        raw.send(bytes.fromhex(first))
        answer = raw.read_bytes(timeout=15)
        assert not answer.startswith(b"HTTP/1.1 2"), answer


@pytest.mark.long
def test_half_open_connections_are_ended_by_default(shared):
    with Raw(shared) as first, Raw(shared, shared.port) as second, Raw(shared, shared.port) as third:
        third.send(b"GET / HTTP/1.1\r\nHo")
        first.read_bytes(timeout=40)
        second.read_bytes(timeout=40)
        assert not third.read_bytes(timeout=40).startswith(b"HTTP/1.1 2")


def test_connections_that_vanish(shared, unique, rng):
    """Reset in the middle of everything."""
    whole = rawmqtt.connect(5, unique("reset")) + subscribe("#", 5) + publish("lab/x", b"y" * 500, 5, 2)
    for _ in range(60):
        port = rng.choice([shared.port, shared.mqtt_port])
        with socket.create_connection((shared.host, port)) as connection:
            connection.sendall(whole[: rng.randrange(len(whole) + 1)])
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("kind", ["mqtt", "mutated", "http"])
def test_garbage(kind, shared, unique, rng, long):
    """Random bytes and well-formed packets with random bytes changed, on both ports."""
    for _ in range(2000 if long else 150):
        if kind == "mqtt":
            data = rng.randbytes(rng.randrange(1, 300))
        elif kind == "http":
            data = b"PUT /api/topics/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"
        else:
            version = rng.choice([4, 5])
            data = rawmqtt.connect(version, "mutated") + subscribe("lab/+", version, options=2)
            data += publish("lab/x", b"payload", version, 2, props=b"\x26\0\1a\0\1b" if version == 5 else b"")
        data = bytearray(data)
        for _ in range(rng.randrange(1, 4) if kind != "mqtt" else 0):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with socket.create_connection((shared.host, rng.choice([shared.port, shared.mqtt_port]))) as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(5)
                while connection.recv(65536):
                    pass
            except TimeoutError:
                raise  # Nothing more will come from here, and the hub does not hang up.
            except OSError:
                pass  # It has hung up already, which is right.


@pytest.mark.parametrize(
    "path",
    ["/api/devices/oversize/p", "/api/devices/oversize/p/set", "/api/topics/lab/oversize", "/api/devices/oversize"],
)
def test_a_body_beyond_the_limit_is_refused_by_its_length(path, shared):
    """413 from the head alone: nobody has to send a gigabyte to be told."""
    method = "POST" if path.endswith("/set") else "PUT"
    shared.report("oversize", "p", "1")
    with socket.create_connection((shared.host, shared.port)) as connection:
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: 1073741824\r\n\r\n".encode() + b"x" * 1000)
        connection.settimeout(10)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413"), answer
    assert b"application/problem+json" in answer.lower(), answer


def test_a_body_beyond_the_limit_is_refused_while_it_comes(shared):
    """Chunked, so nobody knows how long it will be."""
    with socket.create_connection((shared.host, shared.port)) as connection:
        connection.settimeout(20)
        connection.sendall(b"PUT /api/topics/lab/big HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        try:
            for _ in range(300):
                connection.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        else:
            pytest.fail("300 MiB were taken")
        try:
            answer = connection.recv(65536)
        except ConnectionResetError:
            answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413"), answer
    assert shared.get("/api/topics/lab/big").status_code == 404


def test_a_websocket_frame_beyond_the_limit(shared):
    """Refused while it comes: by error frame or by close code 1009, with the memory of 300 MiB never taken."""
    with ws_connect(shared.ws, proxy=None, max_size=None) as client:
        try:
            # Fragments of one message that would have 300 MiB in the end.
            client.send("x" * (1 << 20) for _ in range(300))
            answer = json.loads(client.recv(10))
        except ConnectionClosed as closed:
            # None: the hub had gone before the close frame could be read behind what was still being sent.
            assert closed.rcvd is None or closed.rcvd.code == 1009, closed
        else:
            assert answer["code"] == "too_large", answer


@pytest.mark.parametrize(
    "head",
    [
        b"GET /api/devices HTTP/1.1\r\n\r\n",
        b"GET /api/devices HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET /api/devices HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"PUT /api/topics/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /api/devices HTTP/1.1\r\nHost: localhost\r\nBad Header\r\n\r\n",
        b"GET api/devices HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"G@T /api/devices HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=lambda head: head[:60].decode().strip(),
)
def test_http_that_is_none(head, shared):
    with socket.create_connection((shared.host, shared.port)) as connection:
        connection.sendall(head)
        connection.settimeout(10)
        try:
            answer = connection.recv(65536)
        except ConnectionResetError:
            answer = b""
    assert answer == b"" or answer[9:10] == b"4", answer


def test_unknown_paths_and_methods(shared):
    problem(shared.get("/api/nothing"), 404)
    problem(shared.get("/api"), 404)
    assert shared.request("PATCH", "/api/health").status_code == 405
    assert shared.request("BREW", "/api/devices").status_code in (404, 405, 501)


def test_silent_websockets_do_no_harm(shared):
    """A client that sends half a frame and goes away without a close."""
    clients = [ws_connect(shared.ws, proxy=None) for _ in range(10)]
    for client in clients:
        client.socket.sendall(b"\x81\xfe\x10")
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.socket.close()


def test_a_subscriber_that_does_not_read_slows_nobody(shared, unique):
    """The slow one loses messages of QoS 0; the other gets each of its own at once."""
    stem = f"lab/{unique('flood')}"
    with Raw(shared, version=4, name=unique("slow")) as slow, Paho(shared) as quick, Paho(shared) as pub:
        slow.send(subscribe(f"{stem}/#", 4))
        assert slow.read().kind == rawmqtt.SUBACK
        quick.subscribe(f"{stem}/b", 1)
        for _ in range(300):
            pub.client.publish(f"{stem}/a", b"x" * 100_000, 0)
        pub.publish(f"{stem}/b", "through", timeout=30)
        quick.wait(f"{stem}/b", "through")


def test_the_connection_of_a_slow_event_stream_is_bounded(shared, unique):
    """curl, stopped, while megabytes are published; afterwards it goes on or was let go, and others never waited."""
    topic = f"lab/{unique('flood')}"
    with web.Events(shared, topic) as events, Paho(shared) as pub:
        events.process.send_signal(signal.SIGSTOP)
        for _ in range(300):
            pub.client.publish(topic, b"x" * 100_000, 0)
        pub.publish(topic, "end", timeout=30)
        events.process.send_signal(signal.SIGCONT)
