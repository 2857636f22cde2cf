"""Contract: the house as files, and templates. What is exported and imported is exported the same, byte for byte."""

import pytest

from support import cli
from support.check import problem
from support.hub import Hub

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{one}: &{one} [{','.join(['*' + before] * 9)}]\n" for before, one in zip("abcdefgh", "bcdefghi")
)


def furnish(hub):
    hub.put("/api/devices/lamp", json={"name": "Desk: the \"lamp\" # 1", "room": "no", "properties": {
        "power": {"type": "bool", "access": "read set"},
        "level": {"type": "int", "min": 0, "max": 100, "step": 5, "unit": "%", "access": ["read", "set"]},
        "mode": {"type": "enum", "options": ["on", "off", "1", "~", "null"], "access": "read set"},
        "press": {"type": "enum", "options": ["single"], "access": "event"},
    }})
    hub.put("/api/devices/probe?template=thermometer", json={"name": "Füße", "room": "Cellar"})
    hub.put("/api/devices/lamp/level/history/policy", json={"keep": "every", "every_s": 10})
    hub.put("/api/devices/lamp/power/history/policy", json={"keep": "change", "raw_days": 7})
    hub.put("/api/templates/mine?device=lamp")
    hub.put("/api/virtual/v", json={"door": "ws", "running": False, "properties": {
        "a": {"type": "float", "wave": {"shape": "saw", "min": -1.5, "max": 3, "period_s": 60}},
        "b": {"type": "string", "script": "if t > 1.0 {\n  \"x: #\"\n} else { \"y\" }"},
        "c": {"type": "string", "trace": {"points": [[0, "off"], [2.5, "1"]], "repeat": True}},
    }})


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("form", ["yaml", "toml", "json"])
def test_what_is_exported_comes_back_the_same(hub, tmp_path, form):
    furnish(hub)
    one, two = tmp_path / "one", tmp_path / "two"
    cli.ok(hub, "export", one, "--format", form)
    wanted = {f"devices/{name}.{form}" for name in ("lamp", "probe")} | {f"templates/mine.{form}", f"virtual/v.{form}"}
    assert set(files(one)) - {".housewire"} == wanted
    assert "0 changed" in cli.ok(hub, "export", one, "--format", form).text
    assert "0 changes" in cli.ok(hub, "import", one, "--dry-run").err

    folder = tmp_path / "other"
    folder.mkdir()
    other = Hub(folder)
    other.start()
    try:
        assert "4 changes" in cli.ok(other, "import", one, "--dry-run").err
        assert other.get("/api/devices").json() == []
        cli.ok(other, "import", one)
        cli.ok(other, "export", two, "--format", form)
        assert files(one) == files(two)
        policy = other.get("/api/devices/lamp/level/history/policy").json()
        assert (policy["keep"], policy["every_s"]) == ("every", 10)
    finally:
        other.stop()


def test_a_plan_names_what_changes_and_prune_deletes(hub, tmp_path):
    furnish(hub)
    cli.ok(hub, "export", tmp_path)
    hub.patch("/api/devices/lamp", json={"room": "Hall", "properties": {"level": {"max": 50}}})
    hub.put("/api/devices/new", json={"name": "New"})
    hub.put("/api/devices/lamp/level/history/policy", json={"keep": "all"})
    planned = cli.ok(hub, "import", tmp_path, "--dry-run", "--prune").text.splitlines()
    assert planned == ["delete device new", "update device lamp: history.level, properties.level, room"]
    assert hub.device("lamp")["room"] == "Hall"
    cli.ok(hub, "import", tmp_path)
    assert hub.device("lamp")["room"] == "no" and hub.device("new")["name"] == "New"
    cli.ok(hub, "import", tmp_path, "--prune")
    assert hub.get("/api/devices/new").status_code == 404
    hub.delete("/api/devices/probe")
    assert "1 deleted" in cli.ok(hub, "export", tmp_path).text
    assert not (tmp_path / "devices" / "probe.yaml").exists()


def test_one_wrong_file_changes_nothing_and_says_where(hub, tmp_path):
    furnish(hub)
    cli.ok(hub, "export", tmp_path)
    before = hub.get("/api/house").text
    wrong = tmp_path / "devices" / "aaa.yaml"
    for text, named in (
        ("name: x\nproperties:\n  p:\n    type: integer\n", "line 4"),
        ("name: x\ncolour: red\n", "colour"),
        (BOMB, "aaa.yaml"),
        ("name: " + "[" * 5000, "aaa.yaml"),
        ("name: x\n" + "#" * 2_000_000, "bytes"),
    ):
        wrong.write_text(text)
        done = cli.run(hub, "import", tmp_path)
        assert done.code == 2 and named in done.err and "aaa.yaml" in done.err, (text[:40], done)
    wrong.write_text("name: x\nproperties:\n  p:\n    type: int\n    min: 5\n    max: 1\n")
    done = cli.run(hub, "import", tmp_path)
    assert done.code == 1 and "devices.aaa" in done.err, done
    assert hub.get("/api/house").text == before
    assert cli.run(hub, "import", tmp_path / "nowhere").code == 2


def test_bombs_over_http_are_refused(hub):
    for path in ("/api/house", "/api/templates/x", "/api/virtual/x"):
        send = hub.post if path == "/api/house" else hub.put
        for body in (BOMB, "a: &a\n  b: *a\n", "[" * 100_000, "a: " + "{" * 50_000):
            problem(send(path, data=body.encode(), headers={"Content-Type": "application/yaml"}), 400)
    assert hub.get("/api/health").status_code == 200


def test_templates(hub):
    built_in = {one["name"]: one for one in hub.get("/api/templates").json()}
    assert built_in["thermometer"]["built_in"] and "temperature" in built_in["thermometer"]["properties"]
    made = hub.put("/api/devices/one?template=thermometer")
    assert made.status_code == 201 and made.json()["properties"]["temperature"]["unit"] == "°C"
    more = hub.put("/api/devices/two?template=thermometer", json={"room": "Hall", "properties": {"extra": {"type": "bool"}}})
    assert {"temperature", "extra"} <= set(more.json()["properties"]) and more.json()["room"] == "Hall"
    problem(hub.put("/api/devices/three?template=no-such"), 404)
    text = "title: Mine\nproperties:\n  t:\n    type: float\nhistory:\n  t:\n    keep: change\n"
    put = hub.put("/api/templates/mine", data=text, headers={"Content-Type": "application/yaml"})
    assert put.status_code == 201, put.text
    assert hub.get("/api/templates/mine", headers={"Accept": "application/yaml"}).text == text
    hub.put("/api/devices/four?template=mine")
    assert hub.get("/api/devices/four/t/history/policy").json()["keep"] == "change"
    assert hub.delete("/api/templates/mine").status_code == 204
    problem(hub.delete("/api/templates/lamp"), 422)
    problem(hub.put("/api/templates/x", json={"properties": {"t": {"type": "enum"}}}), 422)
