"""Contract: dashboards. They are kept whole, changed by who may, never overwritten silently; changes are told; what makes no sense is refused."""

import json

from support.check import problem, recent
from support.people import PASSWORD, Somebody, add
from support.rawws import TEXT, RawSocket, frame


def widget(name="w1", *sources, kind="switch", **more):
    at = {"desktop": {"x": 0, "y": 0, "w": 3, "h": 2}, "phone": None}
    return {"id": name, "kind": kind, "title": None, "at": at, "sources": list(sources), "options": {}} | more


def make(somebody, **dashboard):
    answer = somebody.post("/api/dashboards", json={"title": "Home"} | dashboard)
    assert answer.status_code == 201, answer.text
    return answer.json()


def as_person(hub, name):
    somebody = Somebody(hub)
    answer = somebody.post("/api/session", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return somebody


def put(somebody, dashboard, tag, **changes):
    headers = {} if tag is None else {"If-Match": tag}
    return somebody.put(f"/api/dashboards/{dashboard['id']}", json=dashboard | changes, headers=headers)


def test_a_dashboard_is_kept_whole_and_survives(owned):
    options = {"text": "مطبخ <b>", "deep": [{"a": [1, 2.5, None, True]}], "confirm": False}
    content = {
        "id": "kitchen",
        "title": "Küche 🍳",
        "icon": "utensils",
        "others": "see",
        "tabs": ["Now", "Later"],
        "widgets": [
            widget("w1", {"property": "lamp/power"}, options=options, tab="Later", title="Lamp"),
            widget("w2", {"topic": "home/note"}, at={"desktop": {"x": 3, "y": 0, "w": 9, "h": 5}, "phone": {"x": 0, "y": 0, "w": 4, "h": 9}}),
        ],
    }
    answer = owned.post("/api/dashboards", json=content)
    assert (answer.status_code, answer.headers["Location"]) == (201, "/api/dashboards/kitchen"), answer.text
    made = answer.json()
    assert {key: made[key] for key in content} == content
    assert (made["owner"], made["updated_by"], made["may_edit"]) == ("anna", "anna", True)
    recent(made["updated"])
    got = owned.get("/api/dashboards/kitchen")
    assert (got.json(), got.headers["ETag"]) == (made, f'"{made["version"]}"')
    listed = owned.get("/api/dashboards").json()
    assert [(one["id"], one["widgets"], one["shares"], one["version"]) for one in listed] == [("kitchen", 2, 0, made["version"])]
    owned.restart()
    assert owned.get("/api/dashboards/kitchen").json() == made
    known = owned.get("/api/dashboards/kitchen", headers={"If-None-Match": got.headers["ETag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert owned.delete("/api/dashboards/kitchen").status_code == 204
    problem(owned.get("/api/dashboards/kitchen"), 404, "not_found")
    owned.restart()
    assert owned.get("/api/dashboards").json() == []
    # What was exported is imported as it is; its version is another one, so that nobody takes it for the one that he knew.
    assert make(owned, **made)["version"] > made["version"]


def test_nobody_overwrites_what_he_has_not_seen(owned):
    made = make(owned, title="Home")
    tag = f'"{made["version"]}"'
    problem(put(owned, made, None, title="x"), 428, "if_match_needed")
    problem(put(owned, made, "7", title="x"), 400)
    first = put(owned, made, tag, title="First")
    assert (first.status_code, first.json()["title"]) == (200, "First"), first.text
    late = problem(put(owned, made, tag, title="Late"), 412, "changed", ["anna"])
    now = first.json()
    assert late["current"] == {"version": now["version"], "updated": now["updated"], "updated_by": "anna"}
    assert owned.get(f"/api/dashboards/{made['id']}").json() == now
    assert put(owned, made, first.headers["ETag"], title="Again").status_code == 200
    assert put(owned, made, "*", title="Whatever it is").status_code == 200
    problem(put(owned, made | {"id": "gone"}, "*"), 404)
    problem(owned.put(f"/api/dashboards/{made['id']}", json=made | {"id": "other"}, headers={"If-Match": "*"}), 422)


def test_owner_others_and_viewers(owned):
    for name, role in (("ben", "member"), ("carl", "member"), ("eve", "viewer")):
        add(owned, name, role)
    people = {name: as_person(owned, name) for name in ("ben", "carl", "eve")}
    for others in ("nothing", "see", "edit"):
        make(people["ben"], id=others, others=others)

    def rights(somebody):
        return {one["id"]: one["may_edit"] for one in somebody.get("/api/dashboards").json()}

    assert rights(owned) == rights(people["ben"]) == {"nothing": True, "see": True, "edit": True}
    assert rights(people["carl"]) == {"see": False, "edit": True}
    assert rights(people["eve"]) == {"see": False, "edit": False}
    carl = people["carl"]
    problem(carl.get("/api/dashboards/nothing"), 404)
    problem(put(carl, {"id": "nothing", "title": "x"}, "*"), 404)
    problem(put(carl, {"id": "see", "title": "x"}, "*"), 403, "forbidden")
    assert put(carl, {"id": "edit", "title": "By Carl"}, "*").json()["updated_by"] == "carl"
    for refused in (
        put(carl, {"id": "edit", "title": "x", "others": "nothing"}, "*"),
        put(carl, {"id": "edit", "title": "x", "owner": "carl"}, "*"),
        carl.delete("/api/dashboards/edit"),
        carl.post("/api/dashboards/edit/shares"),
        people["eve"].post("/api/dashboards", json={"title": "x"}),
        put(people["eve"], {"id": "edit", "title": "x"}, "*"),
    ):
        problem(refused, 403, "forbidden")
    assert put(owned, {"id": "see", "title": "Carl's", "owner": "carl"}, "*").json()["owner"] == "carl"
    problem(put(owned, {"id": "see", "title": "x", "owner": "nobody"}, "*"), 404)
    # Whoever deletes an account has its dashboards then.
    assert owned.delete("/api/users/ben").status_code == 204
    assert owned.get("/api/dashboards/nothing").json()["owner"] == "anna"


def test_devices_and_strangers_have_none(owned):
    make(owned)
    token = owned.post("/api/devices/lamp/token", json={}).json()["token"]
    device = Somebody(owned, token)
    assert device.get("/api/dashboards").json() == []
    problem(device.get("/api/dashboards/home"), 404)
    problem(device.post("/api/dashboards", json={"title": "x"}), 403)
    problem(Somebody(owned).get("/api/dashboards"), 401)


def test_the_guest_of_a_hub_without_accounts_has_dashboards(hub):
    made = make(hub)
    assert (made["owner"], made["updated_by"], made["may_edit"], made["others"]) == (None, None, True, "see")
    assert put(hub, made, "*", title="Mine").status_code == 200
    assert hub.post("/api/setup", json={"name": "anna", "password": PASSWORD}).status_code == 201
    add(hub, "ben", "member")
    assert [one["may_edit"] for one in hub.get("/api/dashboards").json()] == [True]
    assert [one["may_edit"] for one in as_person(hub, "ben").get("/api/dashboards").json()] == [False]


def test_changes_are_told(owned):
    add(owned, "ben", "viewer", read=["devices/#"])
    ben = as_person(owned, "ben")
    cookie = f"Cookie: housewire={ben.cookies['housewire']}"
    socket = RawSocket(owned, "/api/ws", [cookie])
    socket.send(frame(TEXT, json.dumps({"op": "subscribe", "id": 1, "filter": "$dashboards/#"}).encode()))
    assert json.loads(socket.read().payload)["op"] == "ok"

    def told():
        message = json.loads(socket.read().payload)
        assert message["topic"] == "$dashboards/home", message
        return message["payload"]

    made = make(owned)
    assert told() == {"version": made["version"], "by": "anna", "deleted": False}
    changed = put(owned, made, "*", title="Other").json()
    assert told() == {"version": changed["version"], "by": "anna", "deleted": False}
    assert owned.delete("/api/dashboards/home").status_code == 204
    gone = told()
    assert (gone["deleted"], gone["version"] > changed["version"]) == (True, True)
    # It is for the hub to say.
    problem(owned.put("/api/topics/$dashboards/home", data="x"), 403)
    socket.socket.close()


def test_what_makes_no_sense_changes_nothing(owned):
    at = {"desktop": {"x": 0, "y": 0, "w": 3, "h": 2}, "phone": None}
    for wrong in (
        {"title": " "},
        {"title": "x" * 300},
        {"id": "a b"},
        {"id": "$last"},
        {"id": ""},
        {"widgets": [widget(), widget()]},
        {"widgets": [widget(f"w{number}") for number in range(301)]},
        {"widgets": [widget(at=at | {"desktop": {"x": 11, "y": 0, "w": 2, "h": 1}})]},
        {"widgets": [widget(at=at | {"phone": {"x": 0, "y": 0, "w": 5, "h": 1}})]},
        {"widgets": [widget("w", {"property": "lamp"})]},
        {"widgets": [widget("w", {"topic": "home/#"})]},
        {"widgets": [widget("w", {"property": "lamp/power", "topic": "x"})]},
        {"widgets": [widget(kind="a b")]},
        {"widgets": [widget(options={"picture": "x" * 600_000})]},
        {"tabs": ["a", "a"]},
    ):
        problem(owned.post("/api/dashboards", json={"title": "Home"} | wrong), 422, "unusable")
    for wrong in (
        {"titel": "x"},
        {"title": 7},
        {"others": "all"},
        {"widgets": {}},
        {"widgets": [{}]},
        {"widgets": [widget(colour="red")]},
        {"widgets": [widget(at={"desktop": {"x": -1, "y": 0, "w": 1, "h": 1}, "phone": None})]},
        {"widgets": [widget(options=[])]},
    ):
        problem(owned.post("/api/dashboards", json={"title": "Home"} | wrong), 400)
    problem(owned.post("/api/dashboards", data=b"{"), 400)
    problem(owned.post("/api/dashboards", data=b"[" * 100_000), 400)
    problem(owned.post("/api/dashboards", data=b"x" * 2_000_000), 413)
    assert owned.get("/api/dashboards").json() == []
    make(owned, id="taken")
    problem(owned.post("/api/dashboards", json={"title": "x", "id": "taken"}), 409, "taken")


def test_there_are_only_so_many(owned):
    for number in range(500):
        make(owned, title="x", id=f"d{number}")
    problem(owned.post("/api/dashboards", json={"title": "x"}), 507, "full")
    assert owned.delete("/api/dashboards/d7").status_code == 204
    make(owned)


def test_many_at_once_change_one_dashboard_one_after_the_other(owned):
    import threading

    made, done = make(owned), []
    cookie = {"Cookie": "; ".join(f"{key}={value}" for key, value in owned.api.cookies.items())}

    def change(number):
        somebody = Somebody(owned)
        somebody.headers.update(cookie)
        answer = somebody.put("/api/dashboards/home", json={"title": str(number)}, headers={"If-Match": f'"{made["version"]}"'})
        done.append((answer.status_code, number))

    threads = [threading.Thread(target=change, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for status, _ in done) == [200] + 7 * [412]
    winner = next(number for status, number in done if status == 200)
    assert owned.get("/api/dashboards/home").json()["title"] == str(winner)
