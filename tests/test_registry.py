"""Contract: the registry of devices over HTTP. PUT, PATCH, DELETE, what they refuse, and how others learn of it."""

import pytest

from support import web
from support.check import problem
from support.paho import Paho

FULL = {
    "name": "Desk lamp",
    "room": "Study",
    "model": "RGB-1",
    "icon": "lamp",
    "properties": {
        "power": {"type": "bool", "access": ["read", "set"], "role": "switch"},
        "level": {"type": "int", "unit": "%", "min": 0, "max": 100, "step": 5, "access": "read set"},
        "mode": {"type": "enum", "options": ["calm", "party"]},
        "press": {"type": "string", "access": "event"},
        "heat": {"type": "float", "unit": "°C", "access": "read", "role": "temperature"},
    },
}


def test_put_creates_then_replaces(shared, unique):
    device = unique("lamp")
    created = shared.put(f"/api/devices/{device}", json=FULL)
    assert created.status_code == 201
    view = created.json()
    assert view == shared.device(device)
    assert (view["id"], view["name"], view["room"], view["model"], view["icon"]) == (
        device,
        "Desk lamp",
        "Study",
        "RGB-1",
        "lamp",
    )
    assert (view["online"], view["via"], view["demo"]) == (False, None, False)
    level = view["properties"]["level"]
    assert level == {
        "type": "int",
        "unit": "%",
        "min": 0,
        "max": 100,
        "step": 5,
        "options": None,
        "access": ["read", "set"],
        "role": None,
        "declared": True,
        "value": None,
        "target": None,
        "time": None,
        "via": None,
    }
    assert view["properties"]["mode"]["options"] == ["calm", "party"]
    assert view["properties"]["press"]["access"] == ["event"]
    assert view["properties"]["heat"]["access"] == ["read"]
    assert view["properties"]["heat"]["role"] == "temperature"

    replaced = shared.put(f"/api/devices/{device}", json={"room": "Hall"})
    assert replaced.status_code == 200
    view = replaced.json()
    assert (view["name"], view["room"], view["model"]) == (device, "Hall", None)


def test_every_field_is_optional(shared, unique):
    device = unique("bare")
    created = shared.put(f"/api/devices/{device}", json={})
    assert created.status_code == 201
    assert created.json()["name"] == device
    assert created.json()["properties"] == {}


def test_a_view_can_be_put_back(shared, unique):
    """Its read-only fields are accepted and ignored."""
    device = unique("back")
    shared.put(f"/api/devices/{device}", json=FULL)
    shared.report(device, "level", "40")
    view = shared.device(device)
    again = shared.put(f"/api/devices/{device}", json=view)
    assert again.status_code == 200
    assert again.json()["properties"]["level"]["value"] == 40
    changed = view | {"online": False, "rejected": {"count": 9, "last": None}, "via": "ws"}
    changed["properties"]["level"]["value"] = 99
    assert shared.put(f"/api/devices/{device}", json=changed).json()["properties"]["level"]["value"] == 40


def test_put_keeps_the_values_that_still_fit(shared, unique):
    device = unique("keeps")
    shared.report(device, "level", "40")
    shared.declare(device, level={"type": "int", "max": 100})
    assert shared.prop(device, "level")["value"] == 40


def test_patch_merges_and_null_clears(shared, unique):
    device = unique("patch")
    shared.put(f"/api/devices/{device}", json=FULL)
    answer = shared.patch(f"/api/devices/{device}", json={"room": None, "name": "Lamp"})
    assert answer.status_code == 200
    view = answer.json()
    assert (view["name"], view["room"], view["model"]) == ("Lamp", None, "RGB-1")
    assert view["properties"].keys() == FULL["properties"].keys()
    view = shared.patch(f"/api/devices/{device}", json={"properties": {"level": {"max": 50}}}).json()
    assert (view["properties"]["level"]["max"], view["properties"]["level"]["min"]) == (50, 0)
    assert view["properties"]["level"]["type"] == "int"
    view = shared.patch(f"/api/devices/{device}", json={"properties": {"level": {"unit": None}}}).json()
    assert view["properties"]["level"]["unit"] is None
    view = shared.patch(f"/api/devices/{device}", json={"properties": {"heat": None}}).json()
    assert "heat" not in view["properties"]
    problem(shared.patch(f"/api/devices/{unique('nobody')}", json={"room": "x"}), 404, "not_found")


def test_delete(shared, unique):
    device = unique("gone")
    shared.report(device, "level", "40")
    with Paho(shared) as client:
        client.subscribe(f"devices/{device}/level", 1)
        client.wait(f"devices/{device}/level", "40", retain=True)
        answer = shared.delete(f"/api/devices/{device}")
        assert (answer.status_code, answer.content) == (204, b"")
        problem(shared.get(f"/api/devices/{device}"), 404, "not_found")
        problem(shared.delete(f"/api/devices/{device}"), 404, "not_found")
        assert device not in [d["id"] for d in shared.get("/api/devices").json()]
        # What it kept is gone with it, and it may come back as somebody new.
        with Paho(shared) as late:
            late.subscribe(f"devices/{device}/#", 1)
            assert [m for m in late.before_fence() if m.retain] == []
        client.publish(f"devices/{device}/level", "warm")
        assert shared.prop(device, "level")["type"] == "string"


def test_list_is_sorted(hub):
    assert hub.get("/api/devices").json() == []
    for device in ("b", "a-1", "c", "A", "a"):
        hub.report(device, "p", "1")
    assert [d["id"] for d in hub.get("/api/devices").json()] == sorted(("b", "a-1", "c", "A", "a"))


def test_changes_are_announced(shared, unique):
    device = unique("told")
    topic = f"devices/{device}/$changed"
    with Paho(shared) as client, web.Socket(shared) as socket:
        client.subscribe(topic, 1)
        socket.subscribe(topic)
        for act, word in (
            (lambda: shared.put(f"/api/devices/{device}", json={"room": "A"}), "registered"),
            (lambda: shared.patch(f"/api/devices/{device}", json={"room": "B"}), "updated"),
            (lambda: shared.put(f"/api/devices/{device}", json={"room": "C"}), "updated"),
            (lambda: shared.delete(f"/api/devices/{device}"), "removed"),
            (lambda: shared.report(device, "p", "1"), "registered"),
        ):
            act()
            assert client.wait(topic, word).retain is False
            assert socket.wait(topic, word)["retain"] is False
        # Not kept for those who come later.
        with Paho(shared) as late:
            late.subscribe(topic, 1)
            assert late.before_fence() == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"properties": {"p": {"type": "int", "maximum": 3}}}, "maximum"),
        ({"properties": {"p": {"type": "integer"}}}, "integer"),
        ({"properties": {"p": {"type": "int", "access": ["write"]}}}, "write"),
        ({"properties": {"p": {"type": "int", "access": "read write"}}}, "write"),
        ({"properties": {"bad name": {"type": "int"}}}, "bad name"),
        ({"properties": {"set": {"type": "int"}}}, "set"),
        ({"properties": {"p": {"type": "int", "min": "low"}}}, "min"),
        ({"properties": {"p": {"type": "int", "min": 9, "max": 1}}}, "min 9"),
        ({"name": 7}, "name"),
        ({"properties": []}, "properties"),
        ([], ""),
        ("lamp", ""),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["put", "patch"])
def test_what_is_refused(method, body, named, shared, unique):
    device = unique("wrong")
    if method == "patch":
        shared.put(f"/api/devices/{device}", json={"room": "before"})
    # Well written, but it makes no sense.
    status = 422 if named == "min 9" else 400
    problem(shared.request(method.upper(), f"/api/devices/{device}", json=body), status, names=[named])
    if method == "patch":
        assert shared.device(device)["properties"] == {}
    else:
        assert shared.get(f"/api/devices/{device}").status_code == 404


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b'{"name":"a"} x', b"[" * 10_000], ids=lambda b: repr(b[:8]))
def test_broken_json_is_refused(body, shared, unique):
    device = unique("broken")
    for method in ("PUT", "PATCH"):
        answer = web.curl(shared, method, f"/api/devices/{device}", "-H", "Content-Type: application/json", data=body)
        problem(answer, 400 if method == "PUT" else (400, 404))


def test_256_declared_properties_and_no_more(shared, unique):
    device = unique("wide")
    many = {f"p{number}": {"type": "int"} for number in range(257)}
    problem(shared.put(f"/api/devices/{device}", json={"properties": many}), (400, 409, 413, 422, 507))
    del many["p0"]
    assert shared.put(f"/api/devices/{device}", json={"properties": many}).status_code == 201
