"""Blynk's own APIs over HTTP, with the exact answers that scripts written for them expect; devices hear what is written."""

import time

import pytest

from support.blynk import HARDWARE, OK, PROPERTY, RESPONSE, device, token_of
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
