"""Who is slow, greedy, tricky or from another site: each is bounded, and nobody else is disturbed."""

import json
import pathlib
import re
import resource
import socket
import struct
import time

import pytest

from support import web
from support.check import problem
from support.wait import PATIENCE

MIB = 1024 * 1024


def with_config(hub, text):
    hub.folder.mkdir(parents=True, exist_ok=True)
    config = hub.folder / "config.toml"
    config.write_text(text)
    hub.flags += ["--config", str(config)]
    return hub.start()


def ask(hub, head, body=b"", more=b""):
    """Raw bytes on a connection of their own; everything that comes back until the hub closes."""
    with socket.create_connection((hub.host, hub.port), PATIENCE) as raw:
        raw.sendall(head + body + more)
        seen = b""
        while True:
            try:
                piece = raw.recv(65536)
            except ConnectionResetError:
                return seen
            if not piece:
                return seen
            seen += piece


HEAD = b"Host: localhost\r\n"


POST = b"POST /api/topics/a HTTP/1.1\r\n" + HEAD
GET = b"GET /api/health HTTP/1.1\r\n"
AMBIGUOUS = {
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "two lengths in one": POST + b"Content-Length: 3, 4\r\n\r\nabcd",
    "a signed length": POST + b"Content-Length: +3\r\n\r\nabc",
    "a length in hex": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "an unknown coding": POST + b"Transfer-Encoding: gzip\r\n\r\nabc",
    "chunked not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked of old": b"POST /api/topics/a HTTP/1.0\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a broken chunk length": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    "a chunk length ended by a bare feed": POST + b"Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
    "a folded line": GET + HEAD + b"X: a\r\n folded\r\n\r\n",
    "no colon": GET + HEAD + b"X\r\n\r\n",
    "a bare return": b"GET /api/health HTTP/1.1\r\nHost: localhost\rX: a\r\n\r\n",
    "two hosts": GET + b"Host: a\r\nHost: b\r\n\r\n",
    "no host": GET + b"\r\n",
    "two blanks": b"GET  /api/health HTTP/1.1\r\n" + HEAD + b"\r\n",
}


def test_heads_are_bounded(shared):
    assert ask(shared, GET + HEAD + b"X: " + b"y" * 80_000 + b"\r\n\r\n").startswith(b"HTTP/1.1 431 ")
    long_target = ask(shared, b"GET /api/health?" + b"y" * 80_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert long_target.split(b" ")[1] in (b"414", b"431")


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_heads_with_two_meanings_are_refused(name, shared):
    """Whatever stood before or behind such a request would be read by somebody else as another one."""
    smuggled = b"GET /api/smuggled HTTP/1.1\r\n" + HEAD + b"\r\n"
    answer = ask(shared, AMBIGUOUS[name], more=smuggled)
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert len(re.findall(rb"HTTP/1\.1 \d", answer)) == 1 and b"smuggled" not in answer, answer


def test_a_body_of_two_lengths_ends_the_connection(shared, unique):
    """Both Content-Length and Transfer-Encoding: read as chunks, and nothing behind it is read (RFC 9112 section 6.3)."""
    topic = unique("smuggle")
    for order in (b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"):
        head = f"PUT /api/topics/{topic} HTTP/1.1\r\n".encode() + HEAD + order + b"\r\n"
        answer = ask(shared, head, b"3\r\nabc\r\n0\r\n\r\n", b"GET /api/smuggled HTTP/1.1\r\n" + HEAD + b"\r\n")
        assert len(re.findall(rb"HTTP/1\.1 \d", answer)) == 1 and b"smuggled" not in answer, answer
        assert shared.get(f"/api/topics/{topic}").text == "abc"


def test_requests_in_a_row_are_answered_in_order(shared, unique):
    topic = unique("row")
    row = b""
    for number in range(50):
        body = str(number).encode()
        length = str(len(body)).encode()
        row += f"PUT /api/topics/{topic}/{number} HTTP/1.1\r\n".encode() + HEAD + b"Content-Length: " + length + b"\r\n\r\n" + body
        row += f"GET /api/topics/{topic}/{number} HTTP/1.1\r\n".encode() + HEAD + b"\r\n"
    last = b"GET /api/health HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n"
    answer = ask(shared, row, more=last)
    parts = answer.split(b"HTTP/1.1 ")[1:]
    assert len(parts) == 101
    for number in range(50):
        assert parts[2 * number].startswith(b"204 ")
        assert parts[2 * number + 1].startswith(b"200 ") and parts[2 * number + 1].endswith(f"\r\n\r\n{number}".encode())


def test_who_asks_before_he_sends(shared, unique):
    path = f"/api/topics/{unique('expect')}"
    answer = web.curl(shared, "PUT", path, "-H", "Expect: 100-continue", data="x" * 100_000)
    assert answer.status == 204 and len(shared.get(path).text) == 100_000
    # Refused by its announcement alone: the body is never sent.
    head = f"PUT {path} HTTP/1.1\r\n".encode() + HEAD + b"Expect: 100-continue\r\nContent-Length: 9999999\r\n\r\n"
    answer = ask(shared, head)
    assert answer.startswith(b"HTTP/1.1 413 ") and b"100 Continue" not in answer


def test_a_slow_head_is_closed_and_nobody_waits(make_hub):
    hub = with_config(make_hub(), '[limits]\ngreeting_timeout = "1s"\n')
    slow = [socket.create_connection((hub.host, hub.port), PATIENCE) for _ in range(200)]
    began = time.monotonic()
    for raw in slow:
        raw.sendall(b"GET /api/health HTTP/1.1\r\n")
    while time.monotonic() - began < 0.8:
        for raw in slow[:20]:
            raw.sendall(b"X-Slow: y\r\n")
        assert hub.get("/api/health").status_code == 200
        time.sleep(0.1)  # the pace of the attack
    for raw in slow:
        raw.settimeout(PATIENCE)
        try:
            # Closed by the hub, whatever it said before.
            while raw.recv(1000):
                pass
        except ConnectionResetError:
            pass
        raw.close()
    assert time.monotonic() - began < PATIENCE


def test_half_open_connections_by_the_thousand(make_hub):
    """As many as descriptors allow, silent, in the middle of a head, of a preface, of a body: the hub goes on."""
    count = 3000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count + 1000)), hard))
    hub = make_hub().start()
    before = resident(hub)
    beginnings = [
        b"",
        b"GET /api/health HTTP/1.1\r\n",
        b"PRI * HTTP/2.0\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\4" + bytes(5),
        b"PUT /api/topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf",
    ]
    opened = []
    for number in range(count):
        raw = socket.create_connection((hub.host, hub.port), PATIENCE)
        raw.sendall(beginnings[number % len(beginnings)])
        opened.append(raw)
        if number % 500 == 0:
            assert hub.get("/api/health").status_code == 200
    assert hub.get("/api/health").status_code == 200
    grown = resident(hub) - before
    for raw in opened:
        raw.close()
    print(f"\n{count} half-open connections: {grown / count / 1024:.1f} KiB each")
    assert grown < count * 40 * 1024, f"{grown / MIB:.0f} MiB"


def resident(hub):
    status = pathlib.Path(f"/proc/{hub.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


@pytest.fixture
def counted(make_hub):
    """A hub that allows five requests at once and one in a second, and counts this machine as what a proxy says it is."""
    hub = make_hub("--guest", "lan", "--proxy-protocol")
    text = "[limits]\nrequest_rate = 1\nrequest_burst = 5\n"
    return with_config(hub, text)


def proxied(hub, address, requests):
    """Requests in a row from an address, by way of a proxy."""
    with socket.create_connection((hub.host, hub.port), PATIENCE) as raw:
        addresses = socket.inet_aton(address) + socket.inet_aton("10.0.0.1") + struct.pack("!HH", 5000, hub.port)
        raw.sendall(b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", len(addresses)) + addresses)
        row = (b"GET /api/health HTTP/1.1\r\n" + HEAD + b"\r\n") * (requests - 1)
        raw.sendall(row + b"GET /api/health HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")
        seen = b""
        while piece := raw.recv(65536):
            seen += piece
    return [parse(part) for part in seen.split(b"HTTP/1.1 ")[1:]]


def parse(answer):
    head, body = answer.decode().split("\r\n\r\n", 1)
    lines = head.split("\r\n")
    return int(lines[0].split()[0]), dict(line.lower().split(": ", 1) for line in lines[1:]), json.loads(body)


def test_a_greedy_address_is_told_when_to_come_back(counted):
    answers = proxied(counted, "192.0.2.7", 8)
    assert [status for status, _, _ in answers] == [200] * 5 + [429] * 3
    assert answers[0][1]["ratelimit-policy"] == '"requests";q=5;w=5'
    assert answers[0][1]["ratelimit"] == '"requests";r=4;t=1'
    status, headers, body = answers[7]
    assert (body["code"], body["instance"]) == ("rate_limited", "/api/health")
    assert 1 <= int(headers["retry-after"]) <= 2 and headers["ratelimit"].startswith('"requests";r=0;')
    # Nobody else is meant.
    assert [status for status, _, _ in proxied(counted, "192.0.2.8", 5)] == [200] * 5


def test_this_machine_is_not_counted(make_hub):
    hub = with_config(make_hub(), "[limits]\nrequest_rate = 1\nrequest_burst = 1\n")
    for _ in range(20):
        answer = hub.get("/api/health")
        assert answer.status_code == 200 and "RateLimit" not in answer.headers


@pytest.fixture
def open_to_app(make_hub):
    return with_config(make_hub(), '[http]\ncors_origins = ["https://app.example.org"]\n')


def test_a_site_that_is_named_may_ask(open_to_app):
    origin = {"Origin": "https://app.example.org"}
    asking = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization, content-type"}
    answer = open_to_app.request("OPTIONS", "/api/devices/lamp/power", headers=origin | asking)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"]
    # Cookies never come along.
    assert "Access-Control-Allow-Credentials" not in answer.headers
    # It is still nobody: what it may do it may by a token.
    refused = open_to_app.get("/api/devices", headers=origin)
    problem(refused, 401)
    assert refused.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
    assert "origin" in refused.headers["Vary"].lower()


@pytest.mark.parametrize("origin", ["https://evil.example", "http://app.example.org", "https://app.example.org.evil", "null"])
def test_other_sites_may_not(origin, open_to_app):
    asking = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    answer = open_to_app.request("OPTIONS", "/api/devices", headers=asking)
    problem(answer, 403, "forbidden", [origin, "cors_origins"])
    for answer in (answer, open_to_app.get("/api/devices", headers={"Origin": origin})):
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "origin" in answer.headers["Vary"].lower()


def test_no_site_may_unless_it_is_named(shared):
    asking = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "GET"}
    problem(shared.request("OPTIONS", "/api/devices", headers=asking), 403, "forbidden", ["cors_origins"])
    answer = shared.get("/api/health")
    assert "Access-Control-Allow-Origin" not in answer.headers and "Vary" not in answer.headers


@pytest.mark.parametrize("wrong", ['"app.example.org"', '"https://app.example.org/path"', '"ftp://x"', "7"])
def test_an_origin_that_is_none_ends_the_start(wrong, make_hub):
    hub = make_hub()
    config = hub.folder / "config.toml"
    config.write_text(f"[http]\ncors_origins = [{wrong}]\n")
    hub.flags += ["--config", str(config)]
    _, log = hub.refuses_to_start()
    assert "cors_origins" in log


def test_a_stream_goes_on_behind_the_last_event(shared, unique):
    """As a browser does after a break: curl with the header that EventSource sends."""
    topic = unique("resume")

    def send(payload):
        assert shared.post(f"/api/topics/{topic}", data=payload, headers={"Content-Type": "text/plain"}).status_code == 204

    def read(count, *more):
        """So many events, then the connection is cut."""
        url = f"/api/events?filter={topic}"
        with shared.get(url, headers=dict(more), stream=True) as stream:
            event, events = {}, []
            for line in stream.iter_lines(chunk_size=1, decode_unicode=True):
                if line == ": listening":
                    yield None
                elif line and not line.startswith((":", "retry:")):
                    name, value = line.split(": ", 1)
                    event[name] = value
                elif event.get("data"):
                    events.append(event)
                    event = {}
                    if len(events) == count:
                        break
            yield events

    reading = read(2)
    next(reading)
    for payload in ("0", "1"):
        send(payload)
    events = next(reading)
    assert [json.loads(event["data"])["payload"] for event in events] == [0, 1]
    for payload in ("2", "3"):
        send(payload)
    reading = read(3, ("Last-Event-ID", events[0]["id"]))
    next(reading)
    resumed = next(reading)
    assert [json.loads(event["data"])["payload"] for event in resumed] == [1, 2, 3]
    assert resumed[0]["id"] == events[1]["id"]
    reading = read(1, ("Last-Event-ID", "0123456789abcdef.5"))
    next(reading)
    assert next(reading)[0]["event"] == "reset"
