"""HTTP/2 beside HTTP/1.1 on the one port: curl, Python's httpx, h2load."""

import json
import re
import shutil
import subprocess

import httpx
import pytest

from support import web
from support.check import problem
from support.wait import PATIENCE

PRIOR = "--http2-prior-knowledge"


@pytest.fixture
def client(shared):
    """Speaks HTTP/2 without asking first."""
    with httpx.Client(http1=False, http2=True, base_url=shared.http, timeout=PATIENCE, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("version", ["--http1.0", "--http1.1", PRIOR])
def test_curl_in_every_version(version, shared, unique):
    device = unique("lamp")
    assert web.curl(shared, "PUT", f"/api/devices/{device}/level", version, data="80").status == 204
    answer = web.curl(shared, "GET", f"/api/devices/{device}/level", version, "-H", "Accept: text/plain")
    assert (answer.status, answer.text) == (200, "80")
    head = web.curl(shared, "GET", f"/api/devices/{device}/level", version, "--head")
    assert (head.status, head.body.split(b"\r\n")[0].split()[1]) == (200, b"200")
    problem(web.curl(shared, "GET", f"/api/devices/{device}/nothing", version), 404, "not_found")


def test_an_upgrade_of_old_is_answered_in_the_version_it_came_in(shared):
    """`Upgrade: h2c` is no more (RFC 9113 section 3.1): who asks for it is served by HTTP/1.1."""
    answer = web.curl(shared, "GET", "/api/health", "--http2", "-w", "%{http_version}")
    assert answer.body.endswith(b"}1.1"), answer.body


def test_one_connection_serves_many(client, shared, unique):
    topic = unique("h2/topic")
    assert client.put(f"/api/topics/{topic}", content=b"hello", headers={"Content-Type": "text/plain"}).status_code == 204
    for number in range(200):
        answer = client.get(f"/api/topics/{topic}")
        assert (answer.http_version, answer.text) == ("HTTP/2", "hello"), number
    assert shared.get(f"/api/topics/{topic}").text == "hello"


def test_a_large_body_both_ways(client, shared, unique):
    topic = unique("h2/large")
    large = bytes(range(256)) * 4_000
    sent = client.put(f"/api/topics/{topic}", content=large, headers={"Content-Type": "application/octet-stream"})
    assert sent.status_code == 204, sent.text
    assert client.get(f"/api/topics/{topic}").content == large
    assert client.get("/api/health").status_code == 200


def test_a_body_that_is_too_large_is_answered_before_it_came(shared, unique, tmp_path):
    """Answer, then RST_STREAM with NO_ERROR (RFC 9113 section 8.1). nghttp reads both; older curl and httpx only the second."""
    body = tmp_path / "body"
    body.write_bytes(b"x" * (1024 * 1024 + 1))
    url = shared.url(f"/api/topics/{unique('h2/larger')}")
    done = subprocess.run(["nghttp", "-v", "-H", ":method: PUT", "-d", str(body), url], capture_output=True, text=True, timeout=PATIENCE)
    assert ":status: 413" in done.stdout and '"code":"too_large"' in done.stdout, done.stdout
    assert "error_code=NO_ERROR" in done.stdout and "PROTOCOL_ERROR" not in done.stdout, done.stdout


def test_who_is_asked_counts_there_too(client, shared):
    """`:authority` is what Host is elsewhere: a page that a name was bound to is no guest."""
    for name in ("evil.example", f"evil.example:{shared.port}"):
        answer = web.curl(shared, "GET", "/api/devices", PRIOR, "-H", f"Host: {name}")
        problem(answer, (401, 403))
    problem(client.get("/api/devices", headers={"Origin": "http://evil.example"}), (401, 403))
    assert client.get("/api/devices", headers={"Origin": shared.http}).status_code == 200


def test_events_over_http2(shared, unique):
    topic = unique("h2/events")
    events = web.Events(shared, topic)
    shared.post(f"/api/topics/{topic}", data="1", headers={"Content-Type": "text/plain"})
    with httpx.Client(http1=False, http2=True, base_url=shared.http, timeout=PATIENCE, trust_env=False) as client:
        with client.stream("GET", "/api/events", params={"filter": topic}) as stream:
            lines = stream.iter_lines()
            assert next(line for line in lines if line.startswith(":")) == ": listening"
            shared.post(f"/api/topics/{topic}", data="2", headers={"Content-Type": "text/plain"})
            data = next(line for line in lines if line.startswith("data: "))
            assert json.loads(data[6:])["payload"] == 2
    events.close()


def test_h2load_gets_every_answer(shared, unique):
    """Complete, whatever the speed: many connections, many streams, nothing refused, nothing lost."""
    assert shutil.which("h2load"), "h2load is missing: scripts/setup test installs nghttp2-client"
    device = unique("load")
    shared.report(device, "level", "80")
    for arguments in (["-n", "20000", "-c", "20", "-m", "50"], ["-n", "5000", "-c", "100", "-m", "1"]):
        url = shared.url(f"/api/devices/{device}/level")
        done = subprocess.run(["h2load", *arguments, url], capture_output=True, text=True, timeout=PATIENCE * 6)
        assert done.returncode == 0, done.stdout + done.stderr
        wanted = arguments[1]
        counts = re.search(r"requests: (\d+) total, .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", done.stdout)
        assert counts and counts.groups() == (wanted, wanted, "0", "0", "0"), done.stdout
        assert f"{wanted} 2xx, 0 3xx, 0 4xx, 0 5xx" in done.stdout, done.stdout
