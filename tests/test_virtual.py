"""Contract: virtual devices. Definitions that the hub plays through its own doors, as real clients; hostile ones are refused or cut short."""

import time

import pytest

from support import cli
from support.check import problem
from support.wait import until

WAVE = {"type": "float", "unit": "°C", "wave": {"shape": "square", "min": 18, "max": 24, "period_s": 2}}
ALL = {
    "wave": WAVE,
    "walk": {"type": "float", "walk": {"start": 20, "step": 0.3, "min": 10, "max": 30}},
    "count": {"type": "int", "script": "n * 2"},
    "trace": {"type": "float", "trace": {"points": [[0, 1.5], [0.3, 2]], "repeat": True, "speed": 2}},
}
ECHO = {"level": {"type": "int", "min": 0, "max": 9, "echo": True, "start": 4}}


def define(hub, device, properties, **more):
    answer = hub.put(f"/api/virtual/{device}", json={"every_s": 0.2, "properties": properties, **more})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def listed(hub, device):
    return next(one for one in hub.get("/api/virtual").json() if one["device"] == device)


def connected(hub, device):
    return until(lambda: listed(hub, device)["connected"], 15, "it to come in")


def value(hub, device, name):
    answer = hub.get(f"/api/devices/{device}/{name}")
    return answer.json()["value"] if answer.status_code == 200 else None


@pytest.mark.parametrize("door", ["mqtt", "mqtt5", "http", "ws"])
def test_each_kind_plays_at_each_door(hub, door):
    echo = {} if door == "http" else ECHO
    define(hub, "v", ALL | echo, door=door, name="Cellar")
    connected(hub, "v")
    until(lambda: (value(hub, "v", "count") or 0) >= 4, 15, "the script")
    for name, wanted in (("wave", {18, 24}), ("trace", {1.5, 2})):
        for expected in wanted:
            until(lambda: value(hub, "v", name) == expected, 15, f"{name} to be {expected}")
    until(lambda: 10 <= (value(hub, "v", "walk") or 0) <= 30, 15, "the walk")
    device = hub.device("v")
    assert device["name"] == "Cellar" and device["properties"]["wave"]["unit"] == "°C"
    assert device["properties"]["wave"]["via"] == {"mqtt5": "mqtt"}.get(door, door)
    if echo:
        assert value(hub, "v", "level") == 4
        assert hub.post("/api/devices/v/level/set", json=7).status_code == 202
        until(lambda: value(hub, "v", "level") == 7, 15, "the echo")
    assert listed(hub, "v")["problem"] is None


def test_it_is_stopped_started_and_outlives_the_hub(hub):
    define(hub, "v", {"count": {"type": "int", "script": "n"}})
    connected(hub, "v")
    stopped = hub.post("/api/virtual/v/stop").json()
    assert (stopped["running"], stopped["connected"]) == (False, False)
    until(lambda: value(hub, "v", "count") is not None, what="a value")
    before = value(hub, "v", "count")
    time.sleep(0.7)
    assert value(hub, "v", "count") == before
    hub.restart()
    assert listed(hub, "v")["running"] is False
    assert hub.post("/api/virtual/v/start").status_code == 200
    connected(hub, "v")
    hub.restart()
    connected(hub, "v")
    assert hub.delete("/api/virtual/v").status_code == 204
    assert hub.get("/api/virtual").json() == [] and hub.get("/api/devices/v").status_code == 200
    problem(hub.post("/api/virtual/v/start"), 404)


def test_one_whose_device_is_deleted_leaves(hub):
    define(hub, "v", {"count": {"type": "int", "script": "n"}})
    connected(hub, "v")
    assert hub.delete("/api/devices/v").status_code == 204
    until(lambda: not listed(hub, "v")["running"], 15, "it to leave")
    assert "deleted" in listed(hub, "v")["problem"]
    time.sleep(0.5)
    assert hub.get("/api/devices/v").status_code == 404


def test_a_script_without_end_is_cut_short_and_told_of(hub):
    define(hub, "v", {"bad": {"type": "int", "script": "loop {}"}, "good": {"type": "int", "script": "n"}})
    until(lambda: "bad" in (listed(hub, "v")["problem"] or ""), 15, "the problem")
    until(lambda: (value(hub, "v", "good") or 0) > 2, 15, "the other one to go on")
    assert value(hub, "v", "bad") is None
    assert hub.get("/api/health").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"p": {"type": "float"}},
        {"p": {"type": "float", "script": "1 +"}},
        {"p": {"type": "float", "script": "(" * 5000}},
        {"p": {"type": "string", "wave": WAVE["wave"]}},
        {"p": {"type": "float", "wave": {**WAVE["wave"], "period_s": 0}}},
        {"p": {"type": "float", "walk": {"start": 5, "step": 1, "min": 6, "max": 7}}},
        {"p": {"type": "int", "trace": {"points": [[2, 1], [1, 1]]}}},
        {"p": {"type": "int", "trace": {"points": [[0, "x"]]}}},
        {"p": {"type": "float", "script": "1", "echo": True}},
    ],
)
def test_definitions_that_make_no_sense(hub, wrong):
    answer = hub.put("/api/virtual/v", json={"properties": wrong})
    problem(answer, 422)
    assert hub.get("/api/virtual").json() == []


def test_from_a_terminal(hub, tmp_path):
    file = tmp_path / "v.yaml"
    file.write_text("door: ws\nevery_s: 0.5\nproperties:\n  n:\n    type: int\n    script: n\n")
    assert cli.ok(hub, "virtual", "add", "v", file).text == "Added v.\n"
    connected(hub, "v")
    assert cli.ok(hub, "virtual").text.splitlines()[1].split() == ["v", "ws", "connected"]
    cli.ok(hub, "virtual", "stop", "v")
    assert "stopped" in cli.ok(hub, "virtual", "list").text
    cli.ok(hub, "virtual", "start", "v")
    cli.ok(hub, "virtual", "remove", "v")
    assert cli.run(hub, "virtual", "stop", "v").code == 5
    file.write_text("properties:\n  n:\n    type: integer\n")
    wrong = cli.run(hub, "virtual", "add", "v", file)
    assert wrong.code == 2 and "line 3" in wrong.err and "properties.n.type" in wrong.err
