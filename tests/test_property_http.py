"""Contract: reading one property over HTTP. Its JSON, its text, ETag, 304 and the long poll."""

import http.client
import select
import socket
import threading
import time

import pytest

from support import mosquitto, web
from support.check import problem, recent
from support.paho import Paho
from support.wait import PATIENCE, Inbox


def test_json_and_plain_text(shared, unique):
    device = unique("read")
    shared.declare(device, level={"type": "float", "unit": "°C"})
    empty = shared.get(f"/api/devices/{device}/level").json()
    assert empty == {"value": None, "target": None, "time": None, "type": "float", "unit": "°C"}
    shared.report(device, "level", "21.0")
    answer = shared.get(f"/api/devices/{device}/level")
    assert answer.headers["Content-Type"].split(";")[0] == "application/json"
    view = answer.json()
    recent(view.pop("time"))
    assert view == {"value": 21, "target": None, "type": "float", "unit": "°C"}
    plain = web.curl(shared, "GET", f"/api/devices/{device}/level", "-H", "Accept: text/plain")
    assert plain.headers["content-type"].split(";")[0] == "text/plain"
    assert plain.body == b"21"


@pytest.mark.parametrize(
    ("kind", "body", "text", "value"),
    [
        ("application/json", b"true", b"true", True),
        ("application/json", b"21.50", b"21.5", 21.5),
        ("application/json; charset=utf-8", b'"on"', b"on", "on"),
        ("application/x-www-form-urlencoded", b"true", b"true", True),
        ("text/plain", b"21.5", b"21.5", 21.5),
        ("text/plain; charset=utf-8", "grün".encode(), "grün".encode(), "grün"),
        ("application/octet-stream", b"hello", b"hello", "hello"),
        (None, b"21.5", b"21.5", 21.5),
    ],
)
def test_put_takes_json_or_text(kind, body, text, value, shared, unique):
    device = unique("body")
    with Paho(shared) as sub:
        sub.subscribe(f"devices/{device}/p", 1)
        header = f"Content-Type: {kind}" if kind else "Content-Type:"
        assert web.curl(shared, "PUT", f"/api/devices/{device}/p", "-H", header, data=body).status == 204
        assert shared.prop(device, "p")["value"] == value
        if "json" not in (kind or ""):
            assert sub.wait(f"devices/{device}/p").payload == text
        else:
            sub.wait(f"devices/{device}/p")


def test_json_that_is_none_is_refused(shared, unique):
    device = unique("body")
    for body in (b"{", b"", b"tru", b"'x'", b'"\xff"'):
        answer = web.curl(shared, "PUT", f"/api/devices/{device}/p", "-H", "Content-Type: application/json", data=body)
        problem(answer, 400)
    assert shared.get(f"/api/devices/{device}").status_code == 404


def test_missing_device_and_property(shared, unique):
    device = unique("missing")
    problem(shared.get(f"/api/devices/{device}/p"), 404, "not_found")
    shared.report(device, "p", "1")
    problem(shared.get(f"/api/devices/{device}/other"), 404, "not_found")
    problem(shared.get("/api/nothing/here"), 404)
    assert shared.post("/api/devices").status_code in (404, 405)


def test_etag_and_304(shared, unique):
    device = unique("etag")
    shared.report(device, "p", "1")
    path = f"/api/devices/{device}/p"
    first = shared.get(path)
    etag = first.headers["ETag"]
    again = shared.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == etag
    shared.report(device, "p", "2")
    changed = shared.get(path, headers={"If-None-Match": etag})
    assert (changed.status_code, changed.json()["value"]) == (200, 2)
    assert changed.headers["ETag"] != etag


def test_wait_answers_at_the_next_change(shared, unique):
    device = unique("wait")
    shared.report(device, "p", "1")
    path = f"/api/devices/{device}/p"
    etag = shared.get(path).headers["ETag"]
    answers = Inbox("the waiting request")

    def ask():
        began = time.monotonic()
        answers.put((shared.get(f"{path}?wait=30s", headers={"If-None-Match": etag}), began))

    thread = threading.Thread(target=ask)
    thread.start()
    mosquitto.publish(shared, f"devices/{device}/p", "2")
    answer, began = answers.wait()
    thread.join()
    assert time.monotonic() - began < 25
    assert (answer.status_code, answer.json()["value"]) == (200, 2)


def test_wait_is_over_at_once_when_something_changed_before(shared, unique):
    device = unique("wait")
    shared.report(device, "p", "1")
    path = f"/api/devices/{device}/p"
    etag = shared.get(path).headers["ETag"]
    shared.report(device, "p", "2")
    began = time.monotonic()
    assert shared.get(f"{path}?wait=30s", headers={"If-None-Match": etag}).json()["value"] == 2
    assert time.monotonic() - began < 25


def test_wait_without_change_is_304(shared, unique):
    device = unique("wait")
    shared.report(device, "p", "1")
    shared.report(device, "other", "1")
    path = f"/api/devices/{device}/p"
    etag = shared.get(path).headers["ETag"]
    answers = Inbox("the waiting request")
    began = time.monotonic()
    thread = threading.Thread(
        target=lambda: answers.put(shared.get(f"{path}?wait=1s", headers={"If-None-Match": etag}))
    )
    thread.start()
    # A change of another property is none.
    shared.report(device, "other", "2")
    answer = answers.wait()
    thread.join()
    assert answer.status_code == 304
    assert time.monotonic() - began >= 0.9


def test_wait_that_makes_no_sense(shared, unique):
    device = unique("wait")
    shared.report(device, "p", "1")
    for text in ("soon", "-1s", ""):
        problem(shared.get(f"/api/devices/{device}/p?wait={text}"), 400)


def test_a_request_is_a_change_too(shared, unique):
    """The page that follows a property by long poll sees the target come and go."""
    device = unique("wait")
    shared.report(device, "p", "false")
    path = f"/api/devices/{device}/p"
    etag = shared.get(path).headers["ETag"]
    shared.post(f"{path}/set", data="true")
    answer = shared.get(f"{path}?wait=30s", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.json()["target"]) == (200, True)


def test_health(shared):
    answer = shared.get("/api/health")
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "ok"
    assert body["version"].count(".") == 2
    assert body["uptime_s"] >= 0
    assert set(body) == {"status", "version", "uptime_s"}


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("PUT /api/devices/a.b/p", 400),
        ("PUT /api/devices/a/set", 400),
        ("POST /api/nothing", 404),
        ("DELETE /api/devices/nobody", 404),
        ("PATCH /api/health", 405),
        ("PUT /api/topics/a/%2B", 400),
        ("GET /api/health", 200),
        ("GET /", 200),
    ],
)
def test_an_answer_before_the_body_keeps_the_connection_or_says_so(line, status, shared):
    """A client that sends head and body apart, as many do, must not lose its next request on the connection."""
    with socket.create_connection((shared.host, shared.port), PATIENCE) as connection:
        connection.sendall(f"{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n".encode())
        # Long enough for a hub that answers at once to have done so; the body follows in any case.
        select.select([connection], [], [], 0.2)
        connection.sendall(b"1")
        first = read_answer(connection)
        assert first.status == status, first
        if first.headers.get("connection", "").lower() == "close":
            return
        connection.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answer(connection).status == 200


def read_answer(connection):
    """One response; an ended connection is an error."""
    data = http.client.HTTPResponse(connection)
    data.begin()
    headers = {key.lower(): value for key, value in data.getheaders()}
    return web.Reply(data.status, headers, data.read())
