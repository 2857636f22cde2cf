"""Contract: server-sent events and the WebSocket at /api/ws."""

import json
import time

import pytest
from websockets.sync.client import connect

from support import mosquitto, web
from support.check import problem, recent
from support.paho import Paho
from support.wait import Timeout


def test_events_first_what_is_kept_then_what_comes(shared, unique):
    stem = f"lab/{unique('sse')}"
    mosquitto.publish(shared, f"{stem}/a", "1", qos=1, retain=True)
    mosquitto.publish(shared, f"{stem}/b", "2", qos=1, retain=True)
    with web.Events(shared, f"{stem}/#") as events:
        assert events.status == 200
        assert events.headers["content-type"].split(";")[0] == "text/event-stream"
        first = [events.messages.wait(), events.messages.wait()]
        assert {m["topic"]: (m["payload"], m["retain"]) for m in first} == {
            f"{stem}/a": (1, True),
            f"{stem}/b": (2, True),
        }
        mosquitto.publish(shared, f"{stem}/a", "3", qos=1, retain=True)
        live = events.messages.wait()
        assert live.keys() == {"topic", "payload", "retain", "time", "via"}
        assert (live["topic"], live["payload"], live["retain"], live["via"]) == (f"{stem}/a", 3, False, "mqtt")
        recent(live["time"])


@pytest.mark.parametrize("filter", ["a/#/b", "a+", "", "#a", "a\0b"], ids=repr)
def test_events_with_a_filter_that_is_none(filter, shared):
    answer = shared.get("/api/events", params={"filter": filter})
    problem(answer, 400, "invalid_filter")


def test_events_keep_order(shared, unique, long):
    topic, count = f"lab/{unique('order')}", 2000 if long else 300
    with web.Events(shared, topic) as events, Paho(shared) as pub:
        for number in range(count):
            pub.client.publish(topic, str(number), 1)
        assert [events.messages.wait()["payload"] for _ in range(count)] == list(range(count))


@pytest.mark.long
def test_events_keep_the_line_alive(shared, unique):
    """A comment every 15 seconds, so that proxies do not take silence for death."""
    with web.Events(shared, f"lab/{unique('quiet')}") as events:
        began = time.monotonic()
        events.comments.wait(timeout=20)
        events.comments.wait(timeout=20)
        assert 10 < time.monotonic() - began < 35


def test_subscribe_answers_then_stored_then_live(shared, unique):
    topic = f"lab/{unique('ws')}"
    mosquitto.publish(shared, topic, "1", qos=1, retain=True)
    with web.Socket(shared) as socket:
        assert socket.ask("subscribe", filter=topic) == {"op": "ok", "id": 1}
        stored = socket.messages.wait()
        assert stored.keys() == {"op", "topic", "payload", "retain", "time", "via"}
        assert (stored["topic"], stored["payload"], stored["retain"]) == (topic, 1, True)
        recent(stored["time"])
        mosquitto.publish(shared, topic, "2", qos=1, retain=True)
        assert (live := socket.messages.wait())["payload"] == 2
        assert live["retain"] is False
        socket.ok("unsubscribe", filter=topic)
        mosquitto.publish(shared, topic, "3", qos=1)
        socket.ok("ping")
        assert socket.messages.drain() == []


def test_the_order_of_frames_is_ok_first(shared, unique):
    """On the bare wire: the answer to subscribe comes before the first stored value."""
    topic = f"lab/{unique('wire')}"
    mosquitto.publish(shared, topic, "1", qos=1, retain=True)
    with connect(shared.ws, proxy=None) as socket:
        socket.send(json.dumps({"op": "subscribe", "id": "my own id", "filter": topic}))
        assert json.loads(socket.recv(10)) == {"op": "ok", "id": "my own id"}
        assert json.loads(socket.recv(10))["op"] == "message"


@pytest.mark.parametrize("retain", [True, False])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_publish(qos, retain, shared, unique):
    topic = f"lab/{unique('pub')}"
    with web.Socket(shared) as socket, Paho(shared) as sub:
        sub.subscribe(topic, 2)
        socket.ok("publish", topic=topic, payload="hello", qos=qos, retain=retain)
        assert sub.wait(topic, "hello").qos == qos
        with Paho(shared) as late:
            late.subscribe(topic, 1)
            assert [m.text for m in late.before_fence()] == (["hello"] if retain else [])


def test_get_and_ping(shared, unique):
    topic = f"lab/{unique('get')}"
    with web.Socket(shared) as socket:
        assert socket.ask("ping") == {"op": "ok", "id": 1}
        assert socket.ask("get", topic=topic)["code"] == "not_found"
        mosquitto.publish(shared, topic, "21.5", qos=1, retain=True)
        answer = socket.ok("get", topic=topic)
        assert answer["payload"] == 21.5
        recent(answer["time"])


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"op": "subscribe", "filter": "a/#/b"}, "invalid_filter"),
        ({"op": "subscribe", "filter": ""}, "invalid_filter"),
        ({"op": "subscribe"}, "bad_request"),
        ({"op": "subscribe", "filter": 7}, "bad_request"),
        ({"op": "unsubscribe", "filter": "a/#/b"}, "invalid_filter"),
        ({"op": "publish", "topic": "a/+", "payload": 1}, "invalid_topic"),
        ({"op": "publish", "topic": "a/#", "payload": 1}, "invalid_topic"),
        ({"op": "publish", "topic": "", "payload": 1}, "invalid_topic"),
        ({"op": "publish", "topic": "a\0b", "payload": 1}, "invalid_topic"),
        ({"op": "publish", "topic": "a" * 65_536, "payload": 1}, "invalid_topic"),
        ({"op": "publish", "payload": 1}, "bad_request"),
        ({"op": "publish", "topic": "a", "payload": 1, "qos": 3}, "bad_request"),
        ({"op": "publish", "topic": "a", "payload": 1, "retain": "yes"}, "bad_request"),
        ({"op": "publish", "topic": "a", "payload": 1, "colour": "red"}, "bad_request"),
        ({"op": "get", "topic": "a/+"}, "invalid_topic"),
        ({"op": "get"}, "bad_request"),
        ({"op": "dance"}, "bad_request"),
        ({}, "bad_request"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)
def test_frames_that_are_refused(frame, code, shared):
    with connect(shared.ws, proxy=None) as socket:
        socket.send(json.dumps(frame | {"id": 42}))
        answer = json.loads(socket.recv(10))
        assert (answer["op"], answer["id"], answer["code"]) == ("error", 42, code), answer
        assert answer["message"]
        # The connection lives on.
        socket.send('{"op":"ping","id":43}')
        assert json.loads(socket.recv(10)) == {"op": "ok", "id": 43}


@pytest.mark.parametrize("text", ["", "hello", "{", "[]", "7", "[" * 20_000], ids=lambda text: text[:6] or "empty")
def test_text_that_is_no_frame(text, shared):
    with connect(shared.ws, proxy=None) as socket:
        socket.send(text)
        answer = json.loads(socket.recv(10))
        assert (answer["op"], answer["code"]) == ("error", "bad_request"), answer
        socket.send('{"op":"ping","id":1}')
        assert json.loads(socket.recv(10)) == {"op": "ok", "id": 1}


def test_binary_frames_are_refused(shared):
    """Text frames only: told so, by an error frame or by the close code for data of the wrong kind."""
    with web.Socket(shared) as socket:
        socket.connection.send(b"\0\1\2")
        try:
            assert socket.errors.wait()["code"] == "bad_request"
        except Timeout:
            assert socket.wait_close() == 1003


def test_many_subscriptions_of_one_socket(shared, unique):
    stem = f"lab/{unique('many')}"
    with web.Socket(shared) as socket, Paho(shared) as pub:
        for number in range(200):
            socket.subscribe(f"{stem}/{number}")
        for number in range(0, 200, 7):
            pub.publish(f"{stem}/{number}", str(number))
            assert socket.wait(f"{stem}/{number}")["payload"] == number


def test_plain_get_of_the_socket_is_told_what_to_do(shared):
    answer = shared.get("/api/ws")
    assert answer.status_code in (400, 426), answer.text
