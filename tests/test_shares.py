"""Contract: share links. Whoever has one sees one dashboard and what is on it, nothing else, until it ends; guessing is slowed."""

import json

from support.check import problem
from support.people import Somebody, add
from support.rawws import CLOSE, TEXT, RawSocket, frame
from support.wait import until
from test_dashboards import as_person, make, put, widget

LAMP, NOTE = {"property": "lamp/power"}, {"topic": "home/note"}


def share(hub, dashboard="home", **wish):
    answer = hub.post(f"/api/dashboards/{dashboard}/shares", json=wish)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["url"].startswith("/share#"), made
    return made, made["url"].removeprefix("/share#")


def enter(hub, secret):
    """A browser of somebody who has nothing but the link."""
    somebody = Somebody(hub)
    answer = somebody.post("/api/session/share", json={"secret": secret})
    assert answer.status_code == 200, answer.text
    return somebody, answer.json()


def socket_of(somebody):
    return RawSocket(somebody.hub, "/api/ws", [f"Cookie: housewire={somebody.cookies['housewire']}"])


def ask(socket, **operation):
    socket.send(frame(TEXT, json.dumps(operation | {"id": 1}).encode()))
    while True:
        answer = json.loads(socket.read().payload)
        if answer.get("id") == 1:
            return answer


def test_a_link_shows_one_dashboard_and_nothing_else(owned):
    make(owned, widgets=[widget("a", LAMP), widget("b", NOTE)])
    make(owned, id="other", title="Other", widgets=[widget("a", {"property": "lamp/level"})])
    assert owned.put("/api/topics/home/note", data="hello").status_code == 204
    assert owned.put("/api/topics/home/secret", data="x").status_code == 204
    made, secret = share(owned, name="Hall")
    assert (made["name"], made["control"], made["expires"], made["by"]) == ("Hall", False, None, "anna")
    somebody, who = enter(owned, secret)
    assert (who["kind"], who["dashboard"], who["signed_in"], who["administers"]) == ("share", "home", False, False)
    assert somebody.get("/api/session").json() == who

    shown = somebody.get("/api/dashboards/home").json()
    assert [one["id"] for one in shown["widgets"]] == ["a", "b"]
    assert (shown["owner"], shown["updated_by"], shown["may_edit"]) == (None, None, False), "it tells nobody's name"
    assert [one["id"] for one in somebody.get("/api/dashboards").json()] == ["home"]
    device = somebody.get("/api/devices/lamp").json()
    assert (device["name"], list(device["properties"])) == ("Desk lamp", ["power"])
    assert [one["id"] for one in somebody.get("/api/devices").json()] == ["lamp"]
    problem(somebody.get("/api/devices/lamp/presence"), 403)
    problem(somebody.get("/api/presence/lamp"), 403)
    assert somebody.get("/api/devices/lamp/power").status_code == 200
    assert somebody.get("/api/devices/lamp/power/history?last=1h").status_code == 200
    assert somebody.get("/api/topics/home/note").text == "hello"

    problem(somebody.get("/api/dashboards/other"), 404)
    problem(somebody.get("/api/devices/lamp/level"), 403)
    problem(somebody.get("/api/devices/lamp/level/history?last=1h"), 403)
    problem(somebody.get("/api/topics/home/secret"), 403)
    for path in ("/api/users", "/api/tokens", "/api/templates", "/api/clients", "/api/sessions", "/api/audit", "/api/house", "/api/metrics"):
        problem(somebody.get(path), 403)
    for refused in (
        somebody.put("/api/topics/home/note", data="x"),
        somebody.post("/api/devices/lamp/power/set", data="true"),
        somebody.put("/api/devices/lamp/power", data="true"),
        somebody.post("/api/dashboards", json={"title": "x"}),
        somebody.put("/api/dashboards/home", json={"title": "x"}, headers={"If-Match": "*"}),
        somebody.delete("/api/dashboards/home"),
        somebody.get("/api/dashboards/home/shares"),
        somebody.post("/api/dashboards/home/shares"),
        somebody.patch("/api/devices/lamp", json={"name": "x"}),
    ):
        problem(refused, 403)

    socket = socket_of(somebody)
    assert ask(socket, op="subscribe", filter="devices/lamp/power")["op"] == "ok"
    for filter in ("#", "devices/#", "devices/lamp/#", "devices/lamp/level", "$SYS/#", "home/secret"):
        assert ask(socket, op="subscribe", filter=filter)["code"] == "forbidden", filter
    socket.socket.close()


def test_with_control_it_asks_devices_and_never_speaks_for_them(owned):
    make(owned, widgets=[widget("a", LAMP), widget("b", NOTE), widget("c", {"topic": "devices/lamp/level"})])
    _, secret = share(owned, control=True)
    somebody, _ = enter(owned, secret)
    assert somebody.post("/api/devices/lamp/power/set", data="true").status_code in (200, 202, 204)
    assert owned.prop("lamp", "power")["target"] is True
    assert somebody.put("/api/topics/home/note", data="new").status_code == 204
    problem(somebody.put("/api/devices/lamp/power", data="true"), 403)
    problem(somebody.put("/api/topics/devices/lamp/level", data="7"), 403)
    problem(somebody.post("/api/devices/lamp/level/set", data="7"), 403)
    assert owned.prop("lamp", "level")["value"] == 40


def test_rights_follow_the_dashboard(owned):
    made = make(owned, widgets=[widget("a", LAMP)])
    _, secret = share(owned)
    somebody, _ = enter(owned, secret)
    socket = socket_of(somebody)
    assert ask(socket, op="subscribe", filter="devices/lamp/power")["op"] == "ok"
    assert put(owned, made, "*", widgets=[widget("a", {"property": "lamp/level"})]).status_code == 200
    assert somebody.get("/api/devices/lamp/level").status_code == 200
    problem(somebody.get("/api/devices/lamp/power"), 403)
    assert ask(socket, op="subscribe", filter="devices/lamp/level")["op"] == "ok"
    owned.report("lamp", "power", "true")
    owned.report("lamp", "level", "77")
    seen = until(lambda: [json.loads(socket.read().payload)], what="the level")
    while seen[-1].get("payload") != 77:
        seen.append(json.loads(socket.read().payload))
    assert all(one.get("topic") != "devices/lamp/power" or one.get("payload") is False for one in seen), seen
    socket.socket.close()


def test_a_link_that_is_taken_back_closes_what_is_open(owned):
    make(owned, widgets=[widget("a", LAMP)])
    kept, secret = share(owned, name="kept")
    gone, other = share(owned, name="gone")
    (stays, _), (goes, _) = enter(owned, secret), enter(owned, other)
    sockets = [socket_of(stays), socket_of(goes)]
    for socket in sockets:
        assert ask(socket, op="subscribe", filter="devices/lamp/power")["op"] == "ok"
    listed = owned.get("/api/dashboards/home/shares").json()
    assert [(one["id"], one["name"]) for one in listed] == [(kept["id"], "kept"), (gone["id"], "gone")]
    assert secret not in json.dumps(listed)
    assert owned.delete(f"/api/dashboards/home/shares/{gone['id']}").status_code == 204
    while (last := sockets[1].read()).opcode != CLOSE:
        pass
    assert last.code == 1008
    problem(goes.get("/api/dashboards/home"), 401)
    problem(Somebody(owned).post("/api/session/share", json={"secret": other}), 403, "wrong_link")
    problem(owned.delete(f"/api/dashboards/home/shares/{gone['id']}"), 404)
    owned.restart()
    assert stays.get("/api/dashboards/home").status_code == 200, "a link outlives the hub's process"
    assert owned.delete("/api/dashboards/home").status_code == 204
    problem(stays.get("/api/dashboards/home"), 401)
    events = [one["event"] for one in owned.get("/api/audit").json()]
    assert {"share_created", "share_opened", "share_refused", "share_revoked"} <= set(events), events
    assert secret not in owned.log() and other not in owned.log()


def test_a_link_ends(owned):
    make(owned, widgets=[widget("a", LAMP)])
    _, secret = share(owned, expires="2s")
    somebody, _ = enter(owned, secret)
    socket = socket_of(somebody)
    while socket.read().opcode != CLOSE:
        pass
    problem(Somebody(owned).post("/api/session/share", json={"secret": secret}), 403, "wrong_link")
    assert owned.get("/api/dashboards/home/shares").json() == []
    problem(owned.post("/api/dashboards/home/shares", json={"expires": "yesterday"}), 422)


def test_a_link_opens_no_more_than_its_maker_may_see(owned):
    add(owned, "ben", "member", deny=["devices/lamp/level"])
    ben = as_person(owned, "ben")
    made = make(ben, id="bens", others="edit", widgets=[widget("a", LAMP, {"property": "lamp/level"})])
    _, secret = share(ben, "bens")
    somebody, _ = enter(owned, secret)
    assert list(somebody.get("/api/devices/lamp").json()["properties"]) == ["power"]
    # What he may see himself counts, whenever that changes.
    assert owned.patch("/api/users/ben", json={"deny": []}).status_code == 200
    assert sorted(somebody.get("/api/devices/lamp").json()["properties"]) == ["level", "power"]
    assert owned.patch("/api/users/ben", json={"deny": ["devices/lamp/#"]}).status_code == 200
    problem(somebody.get("/api/devices/lamp"), 403)
    problem(put(ben, made, "*", widgets=[widget("a", {"property": "lamp/other"})]), 403, "forbidden", ["share links"])
    assert owned.delete("/api/users/ben").status_code == 204
    problem(somebody.get("/api/dashboards/bens"), 401)


def test_whoever_is_signed_in_stays_who_he_is(owned):
    make(owned)
    _, secret = share(owned)
    before = owned.api.cookies.get_dict()
    answer = owned.post("/api/session/share", json={"secret": secret})
    assert (answer.json()["kind"], answer.json()["name"], answer.json()["dashboard"]) == ("person", "anna", "home")
    assert "Set-Cookie" not in answer.headers and owned.api.cookies.get_dict() == before


def test_guessing_is_slowed(owned):
    for _ in range(100):
        answer = Somebody(owned).post("/api/session/share", json={"secret": "x" * 32})
        if answer.status_code != 403:
            break
    problem(answer, 429, "slowed")
    for shown in ({}, {"secret": 7}, {"secret": "x", "more": 1}, []):
        problem(Somebody(owned).post("/api/session/share", json=shown), 400)
    foreign = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    problem(Somebody(owned).post("/api/session/share", json={"secret": "x"}, headers=foreign), 403, "foreign_page")
