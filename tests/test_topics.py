"""Contract: any topic over HTTP, and how payloads look in channels that speak JSON."""

import base64
import json

import pytest

from support import mosquitto, web
from support.check import problem
from support.paho import Paho, properties

PNG = b"\x89PNG\r\n\x1a\n\0\xff\xfe"


def test_get_put_post_delete(shared, unique):
    topic = f"lab/{unique('bench')}/x"
    path = f"/api/topics/{topic}"
    problem(shared.get(path), 404, "not_found")
    with Paho(shared) as sub:
        sub.subscribe(topic, 1)
        put = shared.put(path, data="kept", headers={"Content-Type": "text/plain"})
        assert (put.status_code, put.content) == (204, b"")
        sub.wait(topic, "kept")
        assert shared.get(path).content == b"kept"
        post = shared.post(path, data="passing", headers={"Content-Type": "text/plain"})
        assert (post.status_code, post.content) == (204, b"")
        sub.wait(topic, "passing")
        assert shared.get(path).content == b"kept"
        with Paho(shared) as late:
            late.subscribe(topic, 1)
            assert late.wait(topic, "kept", retain=True)
        assert shared.delete(path).status_code == 204
        sub.wait(topic, "")
    problem(shared.get(path), 404, "not_found")
    # Clearing what is clear already is no mistake.
    assert shared.delete(path).status_code == 204


@pytest.mark.parametrize(
    "kind", ["image/png", "application/octet-stream", "text/csv; charset=utf-8", "application/x-made-up"]
)
def test_any_bytes_and_the_content_type_are_kept(kind, shared, unique):
    topic = f"lab/{unique('kind')}"
    with Paho(shared) as sub:
        sub.subscribe(topic, 1)
        sent = web.curl(shared, "PUT", f"/api/topics/{topic}", "-H", f"Content-Type: {kind}", data=PNG)
        assert sent.status == 204
        got = web.curl(shared, "GET", f"/api/topics/{topic}")
        assert (got.status, got.body, got.headers["content-type"]) == (200, PNG, kind)
        message = sub.wait(topic, PNG)
        assert message.properties.ContentType == kind


def test_mqtt5_content_type_is_kept_for_http(shared, unique):
    topic = f"lab/{unique('kind')}"
    with Paho(shared) as pub:
        pub.publish(topic, PNG, retain=True, props=properties("PUBLISH", ContentType="image/png"))
    got = web.curl(shared, "GET", f"/api/topics/{topic}")
    assert (got.body, got.headers["content-type"]) == (PNG, "image/png")


def test_json_bodies(shared, unique):
    """application/json is read: a string becomes its text, anything else compact JSON."""
    topic = f"lab/{unique('json')}"
    with Paho(shared) as sub:
        sub.subscribe(topic, 1)
        for body, payload in (
            ('"on"', "on"),
            ("21.5", "21.5"),
            ("true", "true"),
            ('{ "a" : [ 1, 2 ],\n "b": null }', '{"a":[1,2],"b":null}'),
            ('"ü \\u00fc"', "ü ü"),
        ):
            sent = web.curl(shared, "POST", f"/api/topics/{topic}", "-H", "Content-Type: application/json", data=body)
            assert sent.status == 204, sent
            assert sub.wait(topic).text == payload
        broken = web.curl(
            shared, "POST", f"/api/topics/{topic}", "-H", "Content-Type: application/json", data="{broken"
        )
        problem(broken, 400)
        # The same bytes under another content type are nobody's business.
        sent = web.curl(shared, "POST", f"/api/topics/{topic}", "-H", "Content-Type: text/plain", data="{broken")
        assert sent.status == 204
        assert sub.wait(topic).text == "{broken"


@pytest.mark.parametrize("qos", [None, 0, 1, 2])
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_qos(qos, method, shared, unique):
    topic = f"lab/{unique('qos')}"
    with Paho(shared) as sub:
        sub.subscribe(topic, 2)
        tail = "" if qos is None else f"?qos={qos}"
        sent = web.curl(shared, method, f"/api/topics/{topic}{tail}", "-H", "Content-Type: text/plain", data="m")
        assert sent.status == 204, sent
        assert sub.wait(topic, "m").qos == (qos or 0)


@pytest.mark.parametrize("qos", ["3", "-1", "high", "1.5", ""])
def test_qos_that_makes_no_sense(qos, shared, unique):
    topic = f"lab/{unique('qos')}"
    problem(shared.post(f"/api/topics/{topic}?qos={qos}", data="m"), 400)


@pytest.mark.parametrize(
    "path",
    ["a/%2B/b", "a/%23", "%23", "a%00b", "%FF%FE", "", "a" * 65_536],
    ids=["plus", "hash", "only hash", "nul", "not utf-8", "empty", "too long"],
)
@pytest.mark.parametrize("method", ["PUT", "POST", "GET", "DELETE"])
def test_topics_that_are_none(path, method, shared):
    data = "m" if method in ("PUT", "POST") else None
    answer = web.curl(shared, method, f"/api/topics/{path}", "--path-as-is", data=data)
    if path == "":
        assert answer.status in (400, 404, 405), answer
    elif len(path) > 65_535:
        assert answer.status in (400, 414, 431), answer
    else:
        problem(answer, 400, "invalid_topic")


def test_every_level_counts(shared, unique):
    """Slashes at the ends and empty levels are part of the topic; percent signs are undone once."""
    stem = unique("odd")
    with Paho(shared) as sub:
        sub.subscribe(f"lab/{stem}/#", 1)
        for path, topic in (
            ("a//b", "a//b"),
            ("a/", "a/"),
            ("a%2Fb", "a/b"),
            ("a%20b%25c", "a b%c"),
            ("%C3%BC/%F0%9F%98%80", "ü/😀"),
            ("q%3Fx=1", "q?x=1"),
            ("./a", "./a"),
            ("../a", "../a"),
        ):
            sent = web.curl(shared, "POST", f"/api/topics/lab/{stem}/{path}", "--path-as-is", data=path)
            assert sent.status == 204, (path, sent)
            assert sub.wait(f"lab/{stem}/{topic}").text == path


def test_topics_of_devices_are_reports(shared, unique):
    device = unique("byway")
    topic = f"devices/{device}/level"
    assert web.curl(shared, "PUT", f"/api/topics/{topic}", data="5").status == 204
    assert shared.prop(device, "level")["value"] == 5
    assert web.curl(shared, "POST", f"/api/topics/{topic}/set", data="7").status == 204
    assert shared.prop(device, "level")["target"] == 7
    assert web.curl(shared, "GET", f"/api/topics/{topic}/target").body == b"7"


OUT = [
    (b"21.5", 21.5),
    (b"true", True),
    (b"null", None),
    (b'"quoted"', "quoted"),
    (b'{"a":[1,2]}', {"a": [1, 2]}),
    (b"[]", []),
    (b"hello", "hello"),
    (b"{broken", "{broken"),
    (b"01", "01"),
    (b"NaN", "NaN"),
    (b"", ""),
    ("grün 😀".encode(), "grün 😀"),
    (b"\xff\x00", {"base64": base64.b64encode(b"\xff\x00").decode()}),
    (PNG, {"base64": base64.b64encode(PNG).decode()}),
]


@pytest.mark.parametrize(("payload", "shown"), OUT, ids=repr)
def test_payloads_on_their_way_out(payload, shown, shared, unique):
    """Valid JSON becomes that value, other UTF-8 a string, else base64."""
    topic = f"lab/{unique('out')}"
    with web.Socket(shared) as socket, web.Events(shared, topic) as events:
        socket.subscribe(topic)
        mosquitto.publish(shared, topic, payload)
        assert socket.wait(topic)["payload"] == shown
        assert events.messages.wait()["payload"] == shown
        if payload:
            mosquitto.publish(shared, topic, payload, qos=1, retain=True)
            assert socket.ok("get", topic=topic)["payload"] == shown


@pytest.mark.parametrize(
    ("payload", "sent"),
    [
        ("on", b"on"),
        ("", b""),
        ("21.5", b"21.5"),
        (21.5, b"21.5"),
        (21, b"21"),
        (True, b"true"),
        (None, b"null"),
        ({"a": [1, None]}, b'{"a":[1,null]}'),
        ("grün", "grün".encode()),
    ],
    ids=repr,
)
def test_payloads_on_their_way_in(payload, sent, shared, unique):
    """A string becomes its text, anything else compact JSON."""
    topic = f"lab/{unique('in')}"
    with web.Socket(shared) as socket, Paho(shared) as sub:
        sub.subscribe(topic, 1)
        socket.ok("publish", topic=topic, payload=payload)
        assert sub.wait(topic).payload == sent


def test_numbers_keep_their_digits(shared, unique):
    """JSON on its way through is not rounded to a double."""
    topic = f"lab/{unique('digits')}"
    text = '{"n":12345678901234567890,"order":{"z":1,"a":2}}'
    with web.Events(shared, topic) as events:
        mosquitto.publish(shared, topic, text)
        seen = events.messages.wait()["payload"]
        assert seen == json.loads(text)
        assert list(seen["order"]) == ["z", "a"]
