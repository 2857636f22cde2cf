"""Blynk's own APIs over HTTP, with the exact answers that scripts written for them expect; devices hear what is written."""

import base64
import gzip
import hashlib
import io
import time
import zipfile

import pytest

from support.blynk import HARDWARE, OK, PROPERTY, RESPONSE, Raw, device, token_of
from support.wait import until

JSON, TEXT = "application/json;charset=utf-8", "text/plain;charset=utf-8"


class Api:
    def __init__(self, hub, name):
        self.hub, self.name = hub, name
        self.token = token_of(hub, name)

    def old(self, method, rest, **options):
        return self.hub.request(method, f"/{self.token}/{rest}", **options)

    def new(self, action, query=""):
        return self.hub.get(f"/external/api/{action}?token={self.token}{query}")


@pytest.fixture
def api(shared, unique):
    return Api(shared, unique("board"))


def is_(answer, status, body, kind=None):
    assert (answer.status_code, answer.text) == (status, body), (answer.status_code, answer.text)
    assert answer.headers.get("content-type") == kind
    assert answer.headers["access-control-allow-origin"] == "*"


def error(answer, why):
    assert answer.status_code == 400, answer.text
    assert answer.json() == {"error": {"message": why}}


def test_the_old_api_reads_and_writes(api):
    is_(api.old("GET", "get/V1"), 400, "Requested pin doesn't exist in the app.", TEXT)
    is_(api.old("GET", "update/V1?value=56"), 200, "")
    is_(api.old("GET", "get/V1"), 200, '["56"]', JSON)
    is_(api.old("GET", "update/v2?value=a&value=b%20c&value=1"), 200, "")
    is_(api.old("GET", "get/v2"), 200, '["a","b c","1"]', JSON)
    is_(api.old("PUT", "pin/D3", json=["1"]), 200, "")
    is_(api.old("PUT", "update/A4", json=["7"]), 200, "")
    is_(api.old("GET", "get/d3"), 200, '["1"]', JSON)
    assert {name: held["value"] for name, held in api.hub.device(api.name)["properties"].items()} == {
        "v1": 56,
        "v2": '["a","b c",1]',
        "d3": 1,
        "a4": 7,
    }


def test_the_old_api_refuses_in_its_own_words(api, shared):
    is_(shared.get(f"/{'x' * 32}/get/V1"), 400, "Invalid token.", TEXT)
    for rest in ("get/V256", "get/X1", "update/V?value=1"):
        is_(api.old("GET", rest), 400, "Wrong pin format.", TEXT)
    is_(api.old("GET", "update/V1"), 400, "Wrong request format.", TEXT)
    is_(api.old("PUT", "pin/V1", json=[]), 400, "No pin for update provided.", TEXT)
    is_(api.old("PUT", "pin/V1", data="[1]"), 500, "Unexpected content type. Expecting application/json.", TEXT)
    is_(
        api.old("PUT", "pin/V1", data="[nonsense", headers={"Content-Type": "application/json"}),
        500,
        "Error parsing body param. [nonsense",
        TEXT,
    )
    is_(api.old("GET", "nothing/here"), 404, "")
    is_(api.old("OPTIONS", "get/V1"), 404, "")


def test_the_old_api_tells_people_and_the_time(api):
    is_(api.old("POST", "notify", json={"body": "alarm"}), 200, "")
    is_(api.old("POST", "notify", json={"body": ""}), 400, "Body is empty or larger than 255 chars.", TEXT)
    is_(api.old("POST", "email", json={"to": "a@b.co", "subj": "hi", "title": "text"}), 200, "")
    wrong = "Email body is wrong. Missing or empty fields 'to', 'subj'."
    is_(api.old("POST", "email", json={"to": "a@b.co"}), 400, wrong, TEXT)
    listed = api.hub.get("/api/notifications?limit=1000").json()["notifications"]
    mine = [(entry["kind"], entry["text"], entry["title"]) for entry in listed if entry["device"] == api.name]
    assert mine == [("push", "alarm", None), ("email", "text", "hi")]
    (seconds,) = api.old("GET", "rtc").json()
    assert abs(seconds - time.time()) < 2 * 86_400


def test_what_is_written_reaches_the_device(api, shared):
    is_(api.old("GET", "isHardwareConnected"), 200, "false", JSON)
    with device(shared, api.name) as raw:
        is_(api.old("GET", "isHardwareConnected"), 200, "true", JSON)
        is_(api.old("GET", "isAppConnected"), 200, "true", JSON)
        is_(api.old("GET", "update/V1?value=255&value=0"), 200, "")
        assert raw.read() == (HARDWARE, 111, ["vw", "1", "255", "0"])
        raw.send(HARDWARE, "vw", 2, "report")
        until(lambda: api.old("GET", "get/V2").text == '["report"]', what="the report")
        assert api.new("update", "&v3=5").status_code == 200
        assert raw.read()[2] == ["vw", "3", "5"]
        is_(api.old("GET", "update/V1?color=%23D3435C"), 200, "")
        # No library takes a property.
        assert raw.ask(PROPERTY, 1, "label", "x") == (RESPONSE, OK)


def test_the_new_api(api):
    assert api.new("update", "&v1=100").text == ""
    assert api.new("update", "&pin=V2&value=a&value=b").status_code == 200
    assert api.new("batch/update", "&v3=1.5&v4=text").status_code == 200
    assert api.new("get", "&v1").text == "100"
    assert api.new("get", "&V4").text == "text"
    assert api.new("get", "&v1&v4").json() == {"v1": 100, "v4": "text"}
    assert api.new("getAll").json() == {"v1": 100, "v2": ["a", "b"], "v3": 1.5, "v4": "text"}
    assert api.new("isHardwareConnected").text == "false"
    assert api.new("logEvent", "&code=hot&description=over%2040").status_code == 200
    assert api.new("update/property", "&pin=v1&color=%23fff000").status_code == 200
    assert api.new("device/meta/update", "&metaFieldId=7&value=green").status_code == 200
    assert api.new("device/meta", "&metaFieldId=7").text == "green"


def test_the_new_api_refuses_in_its_own_words(api, shared):
    error(shared.get(f"/external/api/get?token={'x' * 32}&v1"), "Invalid token.")
    error(shared.get("/external/api/getAll"), "Invalid token.")
    error(api.new("get", "&v256"), "Wrong pin format.")
    error(api.new("get", "&v1"), "No datastream setup for that pin.")
    error(api.new("get", "&dataStreamId=3"), f"Requested dataStream doesn't exist in the product {api.name}")
    error(api.new("update", "&dataStreamId=x&value=1"), "Wrong dataStreamId format.")
    error(api.new("logEvent"), "Event code is not provided.")
    error(api.new("device/meta"), "Wrong metaField format.")
    error(api.new("device/meta", "&metaFieldId=9"), "MetaField doesn't exist.")
    shared.declare(api.name, level={"type": "int", "max": 100, "bindings": ["blynk:V1"]})
    error(api.new("update", "&v1=101"), "Value doesn't match the Datastream data type.")
    error(api.new("batch/update", "&v2=7&v1=101"), "Value doesn't match the Datastream data type.")
    error(api.new("batch/update", "&v2=7&v3="), "Value doesn't match the Datastream data type.")
    error(api.new("get", "&v2"), "No datastream setup for that pin.")
    assert api.new("nothing").status_code == 404


def test_a_token_of_another_kind_opens_nothing(owned):
    app = owned.post("/api/tokens", json={"name": "script", "role": "admin"}).json()["token"]
    is_(owned.get(f"/{app}/get/V1"), 400, "Invalid token.", TEXT)
    error(owned.get(f"/external/api/getAll?token={app}"), "Invalid token.")


def points_of(api, prop):
    answer = api.hub.get(f"/api/devices/{api.name}/{prop}/history")
    assert answer.status_code == 200, answer.text
    return [value for _, value in answer.json()["points"]]


def test_points_of_old_become_history_and_come_back_as_a_file(api):
    now = int(time.time() * 1000)
    is_(api.old("GET", "data/V1"), 400, "No data.", TEXT)
    is_(api.old("GET", "data/X1"), 400, "Wrong pin format.", TEXT)
    points = [{"value": "7", "timestamp": now - 600_000}, {"value": "9", "timestamp": now - 300_000}]
    is_(api.old("PUT", "extra/pin/V1", json=points), 200, "")
    is_(api.old("GET", "get/V1"), 200, '["9"]', JSON)
    assert points_of(api, "v1")[:2] == [7, 9]
    moved = api.old("GET", "data/V1")
    assert moved.status_code == 301 and moved.headers["location"].endswith(".csv.gz"), moved.headers
    packed = api.hub.get(moved.headers["location"])
    assert packed.headers["content-type"] == "application/gzip"
    lines = [line.split(",") for line in gzip.decompress(packed.content).decode().splitlines()]
    assert [float(value) for value, _, _ in lines][:2] == [7, 9]
    assert {device for _, _, device in lines} == {"0"}
    assert all(int(when) % 60_000 == 0 for _, when, _ in lines)
    is_(api.old("PUT", "extra/pin/V1", json=[]), 400, "No pin for update provided.", TEXT)
    is_(api.old("PUT", "extra/pin/V999", json=points), 400, "Wrong pin format.", TEXT)
    is_(api.old("PUT", "extra/pin/V1", json=[{"value": "7", "timestamp": 0}]), 400, "Wrong request format.", TEXT)
    wrong = api.old("PUT", "extra/pin/V1", data="[7]", headers={"Content-Type": "application/json"})
    is_(wrong, 500, "Error parsing body param. [7]", TEXT)
    wrong = api.old("PUT", "extra/pin/V1", data="[]")
    is_(wrong, 500, "Unexpected content type. Expecting application/json.", TEXT)
    is_(api.old("GET", "other_v1.csv.gz"), 404, "")


def test_the_project_of_old(api):
    api.old("GET", "update/V2?value=a&value=b")
    answer = api.old("GET", "project")
    assert answer.headers["content-type"] == JSON
    project = answer.json()
    assert (project["id"], project["name"], project["isActive"]) == (1, api.name, True)
    assert [(one["pinType"], one["pin"], one["value"]) for one in project["widgets"]] == [("VIRTUAL", 2, "a\0b")]
    # Only Blynk's app read it.
    is_(api.old("GET", "qr"), 404, "")


def test_points_of_the_new_api(api):
    now = int(time.time() * 1000)

    def post(body, pin="&pin=v1", **options):
        return api.hub.post(f"/external/api/batch/update?token={api.token}{pin}", **(options or {"json": body}))

    answer = post([[now - 120_000, 1], [now - 60_000, 2.5]])
    assert (answer.status_code, answer.text) == (200, "OK")
    assert points_of(api, "v1")[:2] == [1, 2.5]
    error(post([], pin=""), "Wrong pin format.")
    error(post(None, data="[]"), "Unknown content type.")
    error(post([[0, 1]]), "Value doesn't match the Datastream data type.")
    error(post([[now, "warm"]]), "Value doesn't match the Datastream data type.")
    error(post([[now, 1]] * 10_001), "Too much data in batch. Maximum batch size is 10000 points.")
    error(api.hub.post("/external/api/batch/update?token=x&pin=v1", json=[]), "Invalid token.")


def test_an_archive_of_the_past(api):
    now = int(time.time() * 1000)
    answer = api.new("data/get", "&pin=v1")
    assert (answer.status_code, answer.json()) == (500, {"error": {"message": "No data"}})
    body = [[now - 600_000, 1], [now - 60_000, 3]]
    assert api.hub.post(f"/external/api/batch/update?token={api.token}&pin=v1", json=body).text == "OK"
    api.new("update", "&v2=a,b")
    for query, files in (("", {"v1.csv", "v2.csv"}), ("&pin=v1&granularityType=DAILY&sourceType=MAX", {"v1.csv"})):
        link = api.new("data/get", query).json()["link"]
        assert link.startswith(f"http://{api.hub.host}:{api.hub.port}/external/api/data/"), link
        packed = api.hub.get(link.split(str(api.hub.port), 1)[1])
        archive = zipfile.ZipFile(io.BytesIO(packed.content))
        assert archive.testzip() is None and set(archive.namelist()) == files
    assert archive.read("v1.csv").decode().splitlines()[-1].endswith(",3")
    link = api.new("data/get", "&format=ISO_SIMPLE&period=DAY").json()["link"]
    archive = zipfile.ZipFile(io.BytesIO(api.hub.get(link.split(str(api.hub.port), 1)[1]).content))
    assert archive.read("v2.csv").decode().rstrip().endswith(',"a,b"')
    for wrong in ("&period=YEAR", "&granularityType=x", "&sourceType=x", "&format=x", "&pin=x"):
        error(api.new("data/get", wrong), "Request with incorrect parameters")
    error(api.hub.get("/external/api/data/get"), "No token provided.")
    error(api.hub.get(f"/external/api/data/get?token={'x' * 32}"), "Invalid token.")


def test_provisioning_and_files(api):
    assert api.new("provision", "&templateId=TMPL123").status_code == 200
    assert api.new("device/meta", "&metaFieldName=templateId").text == "TMPL123"
    assert api.new("provision").status_code == 400
    upload = api.hub.post(f"/external/api/upload?token={api.token}", files={"upfile": b"x"})
    assert upload.status_code == 403 and "error" in upload.json()


def test_a_roll_out_reaches_a_device_of_the_wire(shared, unique):
    """It is told where, fetches it there without a token, and says what it runs when it comes back."""
    name, firmware = unique("board"), unique("fw")
    body = b"firmware" * 200
    states = lambda: [one["state"] for one in shared.get(f"/api/rollouts/{firmware}").json()["states"]]  # noqa: E731
    info = ("ver", "1.4.0", "h-beat", 40, "buff-in", 4096, "dev", "Linux", "fw")
    with device(shared, name, *info, "1.0.0") as raw:
        assert shared.put(f"/api/firmware/{firmware}/1.1.0", data=body).status_code == 201
        shared.put(f"/api/rollouts/{firmware}", json={"version": "1.1.0", "devices": [name]})
        command, number, (what, url) = raw.read()
        assert (command, number, what) == (17, 7777, "ota")
        assert url.startswith(f"http://{shared.host}:{shared.port}/")
        fetched = shared.get("/" + url.split("/", 3)[3])
        assert fetched.content == body and int(fetched.headers["content-length"]) == len(body)
        assert fetched.headers["x-sha256"] == base64.b64encode(hashlib.sha256(body).digest()).decode()
        until(lambda: states() == ["downloading"], what="it is known to be fetched")
    # It comes back with something else: it is told again, after the answer to what it says of itself.
    with Raw(shared) as raw:
        assert raw.log_in(token_of(shared, name)) == (RESPONSE, 1, OK)
        assert raw.ask(17, *info, "1.0.0") == (RESPONSE, OK)
        assert raw.read()[:2] == (17, 7777)
    with device(shared, name, *info, "1.1.0") as raw:
        until(lambda: states() == ["done"], what="the roll-out is done")
        assert shared.get("/" + url.split("/", 3)[3]).status_code == 404
        raw.send(HARDWARE, "vw", 1, 1)
        until(lambda: api_value(shared, name) == 1, what="its value")


def api_value(hub, name):
    return hub.device(name)["properties"].get("v1", {}).get("value")
