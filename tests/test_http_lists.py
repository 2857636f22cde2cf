"""Lists by pages, many things in one request, parts and states of what is read: Python's requests and curl."""

import re
import threading

import requests

from support import web
from support.check import problem
from support.wait import PATIENCE


def follow(hub, path):
    """All pages from this one on."""
    pages = []
    while path:
        answer = hub.get(path)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
        # requests reads Link by itself.
        path = answer.links.get("next", {}).get("url")
        assert len(pages) < 1000
    return pages


def test_ten_thousand_devices_by_pages_while_others_are_served(make_hub):
    """A list of everything keeps nobody waiting, and its pages are the same list."""
    hub = make_hub().start()
    for start in range(0, 10_000, 1_000):
        entries = [
            {"op": "report", "device": f"d{number:05}", "property": "p", "payload": number}
            for number in range(start, start + 1_000)
        ]
        answer = hub.post("/api/batch", json=entries)
        assert answer.status_code == 200 and {entry["status"] for entry in answer.json()} == {204}
    expected = [f"d{number:05}" for number in range(10_000)]

    listing, came = threading.Event(), threading.Event()
    served = []

    def ask():
        with requests.Session() as session:
            session.trust_env = False
            assert session.get(hub.url("/api/health"), timeout=PATIENCE).status_code == 200
            listing.set()
            # An answer counts when the list, which was asked for before, is not there yet.
            while not came.is_set():
                assert session.get(hub.url("/api/health"), timeout=PATIENCE).status_code == 200
                if not came.is_set():
                    served.append(None)

    asking = threading.Thread(target=ask)
    asking.start()
    assert listing.wait(PATIENCE)
    answer = hub.get("/api/devices", timeout=60)
    came.set()
    whole = answer.json()
    asking.join()
    assert [device["id"] for device in whole] == expected
    # The one shard makes the list in pieces: made in one, others would wait until it is there.
    assert len(served) > 20, len(served)

    pages = follow(hub, "/api/devices?limit=3000")
    assert [len(page) for page in pages] == [3000, 3000, 3000, 1000]
    assert [device for page in pages for device in page] == whole


def test_a_page_has_a_tag(shared, unique):
    device = unique("tagged")
    shared.report(device, "p", "1")
    # Behind everything that other tests change.
    path = f"/api/devices?limit=1&after={device[:-1]}"
    page = shared.get(path)
    assert [entry["id"] for entry in page.json()] == [device]
    known = {"If-None-Match": page.headers["ETag"]}
    assert shared.get(path, headers=known).status_code == 304
    shared.report(device, "p", "2")
    assert shared.get(path, headers=known).status_code == 200


def test_limits_that_make_no_sense(shared):
    for path in ("/api/devices", "/api/clients", "/api/topics"):
        for limit in ("0", "-1", "x", "10001", "1e3", ""):
            problem(shared.get(f"{path}?limit={limit}"), 400, "bad_request", ["limit"])


def test_topics_by_pages(shared, unique):
    stem = unique("list")
    for number in range(7):
        shared.put(f"/api/topics/{stem}/{number}", json={"n": number})
    pages = follow(shared, f"/api/topics?filter={stem}/%2B&limit=3")
    assert [[entry["payload"]["n"] for entry in page] for page in pages] == [[0, 1, 2], [3, 4, 5], [6]]


def test_a_batch_that_fails_in_part(shared, unique):
    device = unique("batch")
    shared.declare(device, level={"type": "int", "max": 100})
    answer = shared.post(
        "/api/batch",
        json=[
            {"op": "report", "device": device, "property": "level", "payload": 50, "qos": 1},
            {"op": "report", "device": device, "property": "level", "payload": 500, "id": "too much"},
            {"op": "get", "device": device, "property": "level"},
            {"op": "frobnicate"},
        ],
    )
    assert answer.status_code == 200
    first, second, third, fourth = answer.json()
    assert first == {"status": 204}
    assert (second["status"], second["id"], second["problem"]["code"]) == (422, "too much", "rejected")
    assert (third["status"], third["body"]["value"]) == (200, 50)
    assert (fourth["status"], fourth["problem"]["code"]) == (400, "bad_request")


def test_a_download_goes_on_where_it_broke_off(shared, unique, tmp_path):
    """As curl does: `-C -` asks for the rest."""
    topic = unique("file")
    whole = bytes(range(256)) * 2_000
    kind = {"Content-Type": "application/octet-stream"}
    assert shared.put(f"/api/topics/{topic}", data=whole, headers=kind).status_code == 204
    half = tmp_path / "half"
    half.write_bytes(whole[:200_000])
    web.curl(shared, "GET", f"/api/topics/{topic}", "-C", "-", "-o", str(half))
    assert half.read_bytes() == whole
    part = shared.get(f"/api/topics/{topic}", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])
    outside = shared.get(f"/api/topics/{topic}", headers={"Range": f"bytes={len(whole)}-"})
    problem(outside, 416, "range_not_satisfiable")


def test_the_page_comes_compressed(shared):
    index = shared.get("/", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in index.headers
    script = re.search(r'src="(/assets/[^"]+\.js)"', index.text)[1]
    plain = shared.get(script, headers={"Accept-Encoding": "identity"})
    for accepted, coding in [("br", "br"), ("gzip, br;q=0.5", "gzip"), ("gzip, deflate, br, zstd", "br"), ("zstd", None)]:
        # curl unpacks it, if told to.
        answer = web.curl(shared, "GET", script, "--compressed", "-H", f"Accept-Encoding: {accepted}")
        assert answer.headers.get("content-encoding") == coding, accepted
        assert answer.body == plain.content
        assert answer.headers["vary"] == "accept-encoding"
        if coding:
            assert int(answer.headers["content-length"]) < len(plain.content) / 2
        known = web.curl(shared, "GET", script, "-H", f"Accept-Encoding: {accepted}", "-H", f"If-None-Match: {answer.headers['etag']}")
        assert known.status == 304
    assert web.curl(shared, "GET", f"{script}.br").status == 404
