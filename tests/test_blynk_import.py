"""A whole installation of Blynk's old server is taken over by one command: sketches log in with the tokens they have, pins are named
properties, projects are dashboards that drive them in a browser.

Belongs here: what comes of a file and of a second import, files that are none. Does not: what each kind of widget makes (crates/links), how
sketches are served (test_blynk_clients.py).
"""

import json
from pathlib import Path

import pytest

from support.blynk import Blynklib
from support.browser import css, role, text
from support import cli
from support.people import Somebody
from support.wait import until

GARDEN = Path(__file__).parent / "blynk" / "gardener@example.com.Blynk.user"
TOKEN = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
DEVICES = ["greenhouse", "wasserhaus", "blynk"]


def send(hub, body, **options):
    body = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return hub.post("/api/import/blynk", data=body, headers={"Content-Type": "application/json"}, **options)


def state(hub):
    """What an import may change."""
    dashboards = {one["id"]: one["version"] for one in hub.get("/api/dashboards").json()}
    return hub.get("/api/house").json(), dashboards, sorted(token["id"] for token in hub.get("/api/tokens").json())


def project(devices=(), widgets=(), **more):
    return {"profile": {"dashBoards": [{"id": 7, "name": "P", "devices": list(devices), "widgets": list(widgets), **more}]}}


def test_one_command_takes_over_a_garden(hub):
    before = state(hub)
    dry = cli.run(hub, "import", "blynk", GARDEN, "--dry-run")
    assert dry.code == 0, dry
    assert "create device greenhouse: 15 properties" in dry.text and "Nothing was changed" in dry.err
    assert state(hub) == before
    done = cli.run(hub, "import", "blynk", GARDEN)
    assert done.code == 0, done
    assert "left out Garten Süd: timer 'Morning': The hub has no times of day yet." in done.text
    after = state(hub)
    assert set(DEVICES) <= set(after[0]["devices"]) and len(after[1]) == len(before[1]) + 2
    greenhouse = after[0]["devices"]["greenhouse"]
    assert greenhouse["name"] == "Greenhouse" and greenhouse["model"] == "ESP8266"
    assert greenhouse["properties"]["strip"] == {"type": "color", "access": "read set", "bindings": ["blynk:V4"]}
    # Whoever sends it again, for whatever reason, changes nothing: not even what people have changed since.
    hub.patch("/api/devices/greenhouse", json={"name": "Glass house", "properties": {"fan": {"unit": "%"}}}).raise_for_status()
    after = state(hub)
    again = cli.run(hub, "import", "blynk", GARDEN)
    assert again.code == 0 and "0 changed, 5 as they should be" in again.err, again
    assert state(hub) == after
    hub.restart()
    assert state(hub) == after


def test_sketches_keep_their_tokens(hub, browser):
    send(hub, GARDEN.read_bytes()).raise_for_status()
    with Blynklib(hub, TOKEN) as sketch:
        sketch.wait("connected")
        until(lambda: hub.device("greenhouse")["online"], what="the board is there under its old token")
        sketch.do(lambda blynk: blynk.virtual_write(7, 23.5))
        until(lambda: hub.prop("greenhouse", "temperature")["value"] == 23.5, what="its pin is the named property")
        assert hub.get(f"/{TOKEN}/get/V7").json() == ["23.5"]
        garden = next(one["id"] for one in hub.get("/api/dashboards").json() if one["title"] == "Garten Süd")
        with browser.open(f"{hub.http}/dashboards/{garden}") as page:
            page.wait(text("23.5"))
            page.click(role("switch", "Grow light"))
            sketch.wait("write", 1, ["1"])
            until(lambda: hub.prop("greenhouse", "grow-light")["value"] is True, what="what was pressed is its value")
            page.click(role("tab", "Pumps & <b>valves</b>"))
            page.wait(role("switch", "Pump"))


def test_files_that_are_none_change_nothing(hub):
    before = state(hub)
    device = {"id": 0, "name": "Board", "token": TOKEN}
    for body, status, part in [
        (b"", 422, "no user file"),
        (b"\xff\xfe", 422, "no user file"),
        (b"[" * 200_000, 422, "no user file"),
        ({"house": 1}, 422, "no projects"),
        ({"profile": {"dashBoards": [{"id": "one"}]}}, 422, "invalid type"),
        (project([device, device | {"id": 1}]), 422, "devices[1].token: another device of this file has the same token"),
        (project([device | {"token": "hunter2"}]), 422, "no token of Blynk's"),
        (project([device], [{"type": "BUTTON"}] * 1_001), 422, "more than 1000 entries"),
        (b" " * (10 * 1024 * 1024), 413, "8388608"),
    ]:
        answer = send(hub, body)
        assert answer.status_code == status and part in answer.json()["detail"], (body[:80] if isinstance(body, bytes) else body, answer.text)
        assert TOKEN not in answer.text
    assert state(hub) == before


def test_whoever_is_no_administrator_imports_nothing(hub):
    token = hub.post("/api/tokens", json={"name": "Node-RED", "role": "member"}).json()["token"]
    refused = Somebody(hub, token).post("/api/import/blynk", data=GARDEN.read_bytes())
    assert refused.status_code == 403, refused.text
    assert "greenhouse" not in hub.get("/api/house").json()["devices"]


def test_a_token_that_is_somebody_elses_is_refused(hub):
    """A device whose token opens another door here is a mistake, and nothing of the file is made."""
    own = hub.post("/api/tokens", json={"name": "Node-RED"}).json()["token"]
    answer = send(hub, project([{"id": 0, "name": "Board", "token": own}]))
    assert answer.status_code == 422 and "opens the door to somebody else" in answer.json()["detail"], answer.text
    # A device of ours that goes on with Blynk's file is that device.
    of_lamp = hub.post("/api/devices/lamp/token").json()["token"]
    widget = {"type": "SLIDER", "label": "Dim", "deviceId": 0, "pin": 3, "pinType": "VIRTUAL"}
    answer = send(hub, project([{"id": 0, "name": "Board", "token": of_lamp}], [widget]))
    assert answer.json()["devices"] == [{"id": "lamp", "name": "Board", "change": "update", "properties": 1}], answer.text
    assert hub.prop("lamp", "dim")["value"] is None


@pytest.mark.parametrize("label", ["<script>document.title='owned'</script>", "\u202egnirts", "a\u0000b\nc"])
def test_markup_stays_text(hub, browser, label):
    widget = {"type": "SLIDER", "label": label, "deviceId": 0, "pin": 3, "pinType": "VIRTUAL", "width": 4, "height": 2}
    body = project([{"id": 0, "name": label, "token": TOKEN}], [widget])
    body["profile"]["dashBoards"][0]["name"] = label
    send(hub, body).raise_for_status()
    dashboard = hub.get("/api/dashboards").json()[0]["id"]
    with browser.open(f"{hub.http}/dashboards/{dashboard}") as page:
        page.wait(role("slider"))
        assert page.evaluate("document.title") != "owned"
        assert page.count(css("main script")) == 0
