"""Contract: the WebSocket API beyond plain JSON frames: CBOR, many operations in a frame, slow clients, sessions, the echo."""

import json
import pathlib
import re
import socket
import struct
import subprocess

import cbor2
import pytest
from websockets.sync.client import connect

from support import mosquitto
from support.paho import Paho
from support.rawws import BINARY, TEXT, RawSocket, frame
from support.wait import PATIENCE, until
from support.web import Socket

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs" / "ref" / "websocket.md"


class Cbor:
    def __init__(self, hub):
        self.socket = connect(hub.ws, subprotocols=["housewire.v1.cbor"], proxy=None, max_size=None)
        assert self.socket.subprotocol == "housewire.v1.cbor"

    def send(self, operation):
        self.socket.send(operation if isinstance(operation, bytes) else cbor2.dumps(operation))

    def read(self):
        data = self.socket.recv(PATIENCE)
        assert isinstance(data, bytes), data
        return cbor2.loads(data)

    def ask(self, **operation):
        self.send(operation)
        return self.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Json:
    """A client that can break its connection off as a network does."""

    def __init__(self, hub, path="/api/ws"):
        self.raw = RawSocket(hub, path)

    def send(self, operation):
        self.raw.send(frame(TEXT, json.dumps(operation).encode()))

    def read(self):
        return json.loads(self.raw.read().payload)

    def ask(self, op, **fields):
        self.send({"op": op, **fields})
        return self.read()

    def message(self):
        came = self.read()
        assert came["op"] == "message", came
        return came["payload"], came.get("seq")

    def break_off(self):
        self.raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.raw.socket.close()


def examples():
    blocks = re.findall(r"```text\n(.*?)```", DOCS.read_text(), re.S)
    return [block.strip().splitlines() for block in blocks if block.startswith("→")]


def fits(came, expected):
    """Whether they are the same where the example says something."""
    if expected == "…":
        return isinstance(came, str) and came
    if isinstance(expected, dict):
        return isinstance(came, dict) and came.keys() == expected.keys() and all(fits(came[k], expected[k]) for k in expected)
    return came == expected and type(came) is type(expected)


def test_there_are_examples():
    assert len(examples()) == 2


@pytest.mark.parametrize("lines", examples(), ids=lambda lines: lines[0][2:40])
def test_what_the_reference_shows_is_what_happens(lines, hub):
    with connect(hub.ws, proxy=None) as client:
        for line in lines:
            direction, text = line[0], line[2:]
            if direction == "→":
                client.send(text)
            else:
                came = json.loads(client.recv(PATIENCE))
                assert fits(came, json.loads(text)), f"{came} is not {text}"


def test_cbor_says_what_json_says(shared, unique):
    topic = f"lab/{unique('cbor')}"
    with Cbor(shared) as client, Socket(shared) as other, Paho(shared) as pub:
        other.subscribe(topic)
        assert client.ask(op="ping", id=7) == {"op": "ok", "id": 7}
        assert client.ask(op="subscribe", id="a", filter=topic) == {"op": "ok", "id": "a"}
        assert client.ask(op="get", topic=topic)["code"] == "not_found"
        for payload, raw, shown in [
            (b"\x00\xff", b"\x00\xff", {"base64": "AP8="}),
            ("grün", "grün".encode(), "grün"),
            (21.5, b"21.5", 21.5),
            (True, b"true", True),
            (None, b"null", None),
            ({"a": [1, {"b": None}]}, b'{"a":[1,{"b":null}]}', {"a": [1, {"b": None}]}),
            (2**64 - 1, b"18446744073709551615", 2**64 - 1),
        ]:
            client.send({"op": "publish", "id": 1, "topic": topic, "payload": payload, "qos": 1, "retain": True})
            message = client.read()
            assert message.keys() == {"op", "topic", "payload", "retain", "time", "via"}
            assert (message["topic"], message["payload"], message["retain"], message["via"]) == (topic, raw, False, "ws")
            assert client.read() == {"op": "ok", "id": 1}
            assert client.ask(op="get", topic=topic)["payload"] == raw
            assert other.messages.wait()["payload"] == shown
        # Digits are not looked at.
        pub.publish(topic, "21.50", 1)
        assert client.read()["payload"] == b"21.50"
        client.send([{"op": "ping", "id": number} for number in range(3)])
        assert [client.read()["id"] for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\xff",
        b"\x81" * 100_000,
        b"\x9f" * 100_000,
        b"\xbf\x61a" * 50_000,
        b"\x9b" + b"\xff" * 8,
        b"\x5b" + b"\xff" * 8,
        b"\xa1\x62op\x7b" + b"\xff" * 8,
        b"\xc1" * 1_000,
        cbor2.dumps({"op": "dance"}),
        cbor2.dumps({"op": "ping", "colour": 1}),
        cbor2.dumps({"op": "publish", "topic": "a", "payload": float("nan")}),
        cbor2.dumps([{"op": "ping"}] * 257),
        cbor2.dumps({"op": "ping"}) + b"\x00",
    ],
    ids=lambda bad: f"{bad[:4].hex()} {len(bad)}",
)
def test_cbor_that_is_refused(bad, shared):
    with Cbor(shared) as client:
        client.send(bad)
        answer = client.read()
        assert (answer["op"], answer["code"]) == ("error", "bad_request"), answer
        assert answer["message"]
        assert client.ask(op="ping", id=1) == {"op": "ok", "id": 1}
        client.socket.send('{"op":"ping"}')
        assert "binary" in client.read()["message"]


def test_a_frame_of_many_operations(shared, unique):
    stem = f"lab/{unique('batch')}"
    with connect(shared.ws, proxy=None) as client, Paho(shared) as sub:
        sub.subscribe(f"{stem}/#", 1)
        operations = [
            {"op": "publish", "id": number, "topic": f"{stem}/{number}", "payload": number, "qos": number % 3}
            for number in range(256)
        ]
        operations[100] = {"op": "publish", "id": 100, "topic": "a/#", "payload": 1}
        client.send(json.dumps(operations))
        answers = [json.loads(client.recv(PATIENCE)) for _ in operations]
        assert [answer["id"] for answer in answers] == list(range(256))
        assert {answer["id"] for answer in answers if answer["op"] == "error"} == {100}
        assert [sub.messages.wait().text for _ in range(255)] == [str(n) for n in range(256) if n != 100]
        client.send(json.dumps(operations + operations[:1]))
        assert json.loads(client.recv(PATIENCE))["code"] == "bad_request"
        assert sub.before_fence() == []


def test_a_slow_page_gets_the_newest_of_each_value(hub):
    """Nobody reads for a while; then every value's last is there, and every button that was pressed."""
    hub.declare("button", pressed={"type": "int", "access": ["read", "event"]})
    # Ten megabytes, which no socket on the way holds.
    rounds, devices, presses, stuffing = 100, 50, 20, "x" * 2_000
    page = Json(hub)
    for filter in ("devices/+/p", "devices/button/pressed"):
        assert page.ask("subscribe", id=1, filter=filter) == {"op": "ok", "id": 1}
    publisher = Json(hub)
    for number in range(rounds):
        operations = [
            {"op": "publish", "topic": f"devices/d{device}/p", "payload": f"{number} {stuffing}"} for device in range(devices)
        ]
        if number % (rounds // presses) == 0:
            operations.append({"op": "publish", "topic": "devices/button/pressed", "payload": number})
        publisher.send(operations)
        for _ in operations:
            assert publisher.read() == {"op": "ok"}
    newest, pressed, seen = {}, [], 0
    while len(newest) < devices or set(newest.values()) != {rounds - 1} or len(pressed) < presses:
        came = page.read()
        assert came["op"] == "message", came
        if came["topic"] == "devices/button/pressed":
            pressed.append(came["payload"])
        else:
            number = int(came["payload"].split()[0])
            assert number > newest.get(came["topic"], -1), "the order of a topic"
            newest[came["topic"]], seen = number, seen + 1
    assert pressed == list(range(0, rounds, rounds // presses))
    (shown,) = [client for client in hub.get("/api/clients").json() if client["subscriptions"] == 2]
    assert shown["conflated"] > 0 and seen + shown["conflated"] == rounds * devices
    assert shown["dropped"]["overflow"] == 0
    assert f"housewire_channel_conflated_total {shown['conflated']}\n" in hub.get("/api/metrics").text


def test_resume_without_losing_qos_1(shared, unique):
    topic = f"lab/{unique('resume')}"
    with Paho(shared) as pub:
        client = Json(shared)
        welcome = client.ask("hello", id=1, keep=60)
        session = welcome.pop("session")
        assert welcome == {"op": "ok", "id": 1, "resumed": False, "lost": 0, "keep": 60}
        assert re.fullmatch(r"[A-Za-z0-9_-]{32}", session)
        assert client.ask("subscribe", id=2, filter=topic) == {"op": "ok", "id": 2}
        next_number, last = 0, 0
        for _ in range(5):
            for _ in range(20):
                pub.publish(topic, str(next_number), 1)
                next_number += 1
            # It reads some of them, and is gone; more come.
            for _ in range(7):
                payload, seq = client.message()
                assert (payload, seq) == (last, last + 1)
                last = seq
            client.break_off()
            for _ in range(10):
                pub.publish(topic, str(next_number), 1)
                next_number += 1
            client = Json(shared)
            welcome = client.ask("hello", id=1, session=session, last=last)
            assert (welcome["op"], welcome["resumed"], welcome["lost"]) == ("ok", True, 0), welcome
        assert [client.message() for _ in range(last, next_number)] == [(n, n + 1) for n in range(last, next_number)]
        client.send({"op": "ack", "id": 3, "last": next_number})
        assert client.read() == {"op": "ok", "id": 3}
        client.raw.send(frame(8, struct.pack("!H", 1000)))
        client.raw.read_all()
        other = Json(shared)
        assert other.ask("hello", session=session, last=next_number)["code"] == "unknown_session"


def test_a_new_connection_takes_the_session_from_the_old_one(shared, unique):
    topic = f"lab/{unique('takeover')}"
    old = Json(shared)
    session = old.ask("hello")["session"]
    old.ask("subscribe", filter=topic)
    new = Json(shared)
    assert new.ask("hello", session=session, last=0)["resumed"] is True
    farewell = old.raw.read_all()[-1]
    assert (farewell.code, b"another connection" in farewell.payload) == (1008, True)
    mosquitto.publish(shared, topic, "1", qos=1)
    assert new.message() == (1, 1)


def test_sessions_do_not_outlive_the_hub(hub):
    client = Json(hub)
    session = client.ask("hello")["session"]
    client.break_off()
    hub.restart()
    assert Json(hub).ask("hello", session=session, last=0)["code"] == "unknown_session"


def test_an_administrator_ends_a_session(hub):
    client = Json(hub)
    session = client.ask("hello")["session"]
    client.ask("subscribe", filter="a")
    (shown,) = hub.get("/api/clients").json()
    assert (shown["connected"], shown["session_expiry_s"]) == (True, 60)
    assert hub.delete(f"/api/clients/{shown['id']}").status_code == 204
    farewell = client.raw.read_all()[-1]
    assert (farewell.code, b"administrator" in farewell.payload) == (1008, True)
    (shown,) = hub.get("/api/clients").json()
    assert (shown["connected"], shown["subscriptions"]) == (False, 1)
    assert hub.delete(f"/api/clients/{shown['id']}").status_code == 409
    assert hub.delete(f"/api/clients/{shown['id']}", params={"forget": "true"}).status_code == 204
    until(lambda: hub.get("/api/clients").json() == [], what="the session is over")
    assert Json(hub).ask("hello", session=session, last=0)["code"] == "unknown_session"


def test_nodes_ws(shared):
    done = subprocess.run(
        ["node", str(pathlib.Path(__file__).parent / "js" / "websocket.mjs"), shared.http],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "extensions": "",
        "fragments": "hello",
        "pong": "between",
        "large": True,
        "farewell": [4321, "enough"],
        "protocol": "housewire.v1.json",
        "answers": [{"op": "ok", "id": 1}, {"op": "ok", "id": "two"}],
        "cbor": [True, "a2626f70626f6b62696407"],
    }


def test_pythons_websockets_and_the_echo(shared):
    url = shared.ws + "/echo"
    with connect(url, proxy=None, max_size=None) as client:
        for message in ["", "x", "ü" * 300_000, b"", b"\0" * 1_000_000]:
            client.send(message)
            assert client.recv(PATIENCE) == message
        client.send(iter(["in ", "three ", "parts"]))
        assert client.recv(PATIENCE) == "in three parts"
        for number in range(1_000):
            client.send(str(number))
        assert [client.recv(PATIENCE) for _ in range(1_000)] == [str(number) for number in range(1_000)]


def test_binary_of_another_kind_is_told_where_to_go(shared):
    raw = RawSocket(shared, "/api/ws")
    raw.send(frame(BINARY, b"\xa0"))
    answer = json.loads(raw.read().payload)
    assert answer["code"] == "bad_request" and "housewire.v1.cbor" in answer["message"]
