"""Accounts from set-up to loss: the link, the guest, changes that reach whoever is in, what survives, and what is written where."""

import json
import re
import sqlite3
import threading

import pytest
import requests

from support import rawmqtt
from support.access import (
    DOORS,
    NOTHING,
    NO,
    OK,
    Admin,
    EventStream,
    Http1,
    Mqtt5,
    Mqtt311,
    MqttInWebSocket,
    Refused,
    Shown,
    WsCbor,
    WsJson,
    hear_until,
    sign_in,
    sign_up,
)
from support.check import problem, recent
from support.hub import Hub
from support.wait import PATIENCE, until

PASSWORD = "a staple for the battery"
LINK = re.compile(r"http://\S+/setup#(\S+)")
SUBSCRIPTIONS = re.compile(r"^housewire_subscriptions (\d+)$", re.MULTILINE)
SUBSCRIBING = [door for door in DOORS if door.name not in ("http2", "batch")]


def bearer(token, source="127.0.0.1"):
    return Shown("bearer", "x", token, source)


def as_password(token, source="127.0.0.1"):
    return Shown("mqtt-password", "x", token, source)


def shown_at(door, token):
    """A token in the first form that a door takes."""
    return Shown(door.of_token[0], "x", token)


def ids(door):
    return door.name


def whoami(hub, shown):
    session = Http1(hub, shown)
    try:
        return session.ask("GET", "/api/session").json()
    finally:
        session.close()


class TestSetUp:
    def test_the_link_makes_the_first_admin_once(self, hub):
        link = until(lambda: LINK.search(hub.log()), what="the set-up link in the log")
        # From elsewhere the key is needed; a proxy's header makes a request one from elsewhere.
        far = {"X-Forwarded-For": "192.0.2.7", "Connection": "close"}
        body = {"name": "root", "password": PASSWORD}
        problem(requests.post(hub.url("/api/setup"), json=body, headers=far), 403)
        problem(requests.post(hub.url("/api/setup"), json={**body, "key": "A" * 32}, headers=far), 403)
        done = requests.post(hub.url("/api/setup"), json={**body, "key": link[1]}, headers=far)
        assert done.status_code == 201 and done.json()["administers"] and not done.json()["needs_setup"]
        assert done.cookies["housewire"]
        again = requests.post(hub.url("/api/setup"), json={**body, "name": "second", "key": link[1]}, headers=far)
        problem(again, 409)
        assert len(LINK.findall(hub.log())) == 1
        # The link is written before the ready line, which a start waits for.
        hub.restart()
        assert len(LINK.findall(hub.log())) == 1, "there is an admin, so there is no link"

    @pytest.mark.parametrize("weak", ["short", "password", "PASSWORD123", "x" * 257, "root-root"])
    def test_weak_passwords_are_refused(self, weak, hub):
        name = weak if weak == "root-root" else "root"
        problem(requests.post(hub.url("/api/setup"), json={"name": name, "password": weak}), 422)
        assert whoami(hub, NOTHING)["needs_setup"]

    def test_of_many_who_are_first_one_is(self, hub):
        statuses = []

        def try_it(number):
            body = {"name": f"first-{number}", "password": PASSWORD}
            statuses.append(requests.post(hub.url("/api/setup"), json=body, timeout=PATIENCE).status_code)

        racers = [threading.Thread(target=try_it, args=(number,)) for number in range(6)]
        [racer.start() for racer in racers]
        [racer.join() for racer in racers]
        assert sorted(statuses)[0] == 201 and statuses.count(201) == 1, statuses

    def test_the_guest_goes_when_the_admin_comes_and_whoever_is_in_is_turned_out(self, hub):
        guests = [door.enter(hub, NOTHING) for door in SUBSCRIBING if door.name not in ("http1",)]
        events = EventStream(hub, "#")
        for guest in guests:
            assert guest.subscribe("lab/#") == OK
        admin = sign_up(hub)
        for guest in guests:
            guest.heard.wait_closed()
        events.ended.wait_closed()
        admin.put("lab/secret", "1")
        for door in DOORS:
            with pytest.raises(Refused):
                door.enter(hub, NOTHING)


class TestGuests:
    def test_denied_topics_are_refused_by_code(self, make_hub):
        hub = make_hub("--guest", "loopback", "--guest-deny", "alarm/#", "--guest-deny", "devices/lock/#").start()
        admin = sign_up(hub)
        admin.put("alarm/code", "1234")
        for door, code in ((Mqtt311, 0x80), (Mqtt5, 0x87), (MqttInWebSocket, 0x87)):
            guest = door(hub, NOTHING)
            for topic_filter in ("alarm/#", "alarm/code", "devices/lock/+"):
                packet = rawmqtt.subscribe(topic_filter, guest.version, 77)
                assert guest._ask(packet, rawmqtt.SUBACK).reason(guest.version) == code
            assert guest.write("alarm/code", "0000") in (NO, None)
            assert guest.subscribe("+/open") == OK and guest.write("lab/open", "1") in (OK, None)
            guest.close()
        assert admin.value("alarm/code") == "1234"
        for path in ("/api/topics/alarm/code", "/api/devices/lock/open"):
            problem(hub.get(path), 403)

    def test_off_is_off_from_the_start(self, make_hub):
        hub = make_hub("--guest", "off").start()
        for door in DOORS:
            with pytest.raises(Refused) as refused:
                door.enter(hub, NOTHING)
            assert refused.value.code == door.nobody


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("accounts"), "--log", "debug").start()
    hub.admin = sign_up(hub, "root", PASSWORD)
    yield hub
    hub.stop()
    hub.api.close()


class TestLiveChanges:
    @pytest.mark.parametrize("door", SUBSCRIBING, ids=ids)
    def test_rights_that_shrink_and_grow_reach_whoever_is_subscribed(self, door, house, unique):
        app = house.admin.app_token(unique("app"), role="member")
        open_topic, secret = f"{unique('live')}/open", f"{unique('live')}/secret"
        session = door.enter(house, shown_at(door, app["token"]))
        assert session.subscribe(secret) == OK and session.subscribe(open_topic) == OK
        house.admin.put(secret, "seen")
        session.heard.wait(lambda came: came == (secret, "seen"))

        house.admin.ask("PATCH", f"/api/tokens/{app['id']}", 200, json={"deny": [secret]})
        house.admin.put(secret, "unseen")
        house.admin.put(open_topic, "end")
        heard = [came for came in hear_until(session, open_topic, "end") if came[0] == secret]
        assert (secret, "unseen") not in heard, heard
        assert session.write(secret, "mine") in (NO, None)
        assert house.admin.value(secret) == "unseen"
        assert session.read(secret) == NO

        house.admin.ask("PATCH", f"/api/tokens/{app['id']}", 200, json={"deny": []})
        assert session.subscribe(secret) == OK
        house.admin.put(secret, "seen again")
        session.heard.wait(lambda came: came == (secret, "seen again"))
        session.close()

    @pytest.mark.parametrize("door", SUBSCRIBING, ids=ids)
    def test_a_revoked_token_turns_out_whoever_came_in_by_it_and_nobody_else(self, door, house, unique):
        device = unique("board")
        lost, kept = (house.admin.device_token(device) for _ in range(2))
        outs = door.enter(house, shown_at(door, lost["token"]))
        ins = door.enter(house, shown_at(door, kept["token"]))
        topic = f"devices/{device}/p"
        assert outs.subscribe(topic) == OK and ins.subscribe(topic) == OK
        house.admin.ask("DELETE", f"/api/tokens/{lost['id']}", 204)
        if door.name == "http1":
            outs._streams[0].ended.wait_closed()
            assert outs.ask("GET", "/api/devices").status_code == 401, "a kept-alive connection is no way around it"
        else:
            reason = ended(outs, door)
            expected = {"mqtt3": "closed", "mqtt5": 0x98, "mqtt-ws": 0x98}.get(door.name, 1008)
            assert reason == expected, reason
        house.admin.put(topic, "later")
        ins.heard.wait(lambda came: came == (topic, "later"))
        assert (topic, "later") not in outs.heard.drain()
        for session in (outs, ins):
            session.close()

    def test_a_long_poll_tells_a_revoked_token_nothing(self, make_hub):
        # A hub of its own, so that nobody else's subscriptions are counted.
        hub = make_hub().start()
        admin = sign_up(hub)
        token, topic = admin.device_token("board"), "devices/board/p"
        admin.put(topic, "1")
        path = hub.url(f"/api/{topic}")
        headers = {"Authorization": f"Bearer {token['token']}"}
        etag = requests.get(path, headers=headers, timeout=PATIENCE).headers["ETag"]
        answers = []

        def wait():
            waiting = {**headers, "If-None-Match": etag}
            answers.append(requests.get(path, params={"wait": "30s"}, headers=waiting, timeout=60))

        def subscriptions():
            return int(SUBSCRIPTIONS.search(admin.ask("GET", "/api/metrics", 200).text)[1])

        before = subscriptions()
        waiter = threading.Thread(target=wait)
        waiter.start()
        until(lambda: subscriptions() > before, what="the long poll waits")
        admin.ask("DELETE", f"/api/tokens/{token['id']}", 204)
        admin.put(topic, "secret")
        waiter.join(PATIENCE)
        assert answers, "the long poll hangs on"
        assert answers[0].status_code in (401, 403) and "secret" not in answers[0].text, answers[0].text

    def test_a_deleted_person_is_out_at_every_door(self, house, unique):
        name = unique("gone")
        house.admin.person(name, "member", PASSWORD)
        cookie = sign_in(house, name, PASSWORD)
        inside = [WsJson(house, Shown("cookie", "", cookie)), WsCbor(house, Shown("password", name, PASSWORD))]
        inside.append(Mqtt5(house, Shown("password", name, PASSWORD)))
        events = EventStream(house, "#", Shown("cookie", "", cookie))
        house.admin.ask("DELETE", f"/api/users/{name}", 204)
        for session in inside:
            session.heard.wait_closed()
        events.ended.wait_closed()
        for shown in (Shown("cookie", "", cookie), Shown("password", name, PASSWORD, "127.0.3.1")):
            with pytest.raises(Refused) as refused:
                Http1(house, shown)
            assert refused.value.code == 401
        # Somebody new of that name is somebody else.
        house.admin.person(name, "viewer", PASSWORD + "!")
        with pytest.raises(Refused):
            Http1(house, Shown("cookie", "", cookie))

    def test_a_changed_password_ends_all_but_the_browser_that_changed_it(self, house, unique):
        name, new = unique("careful"), "another staple altogether"
        house.admin.person(name, "member", PASSWORD)
        mine, other = Admin(house, sign_in(house, name, PASSWORD)), sign_in(house, name, PASSWORD)
        basic, mqtt = WsJson(house, Shown("password", name, PASSWORD)), Mqtt5(house, Shown("password", name, PASSWORD))
        problem(mine.ask("POST", "/api/password", json={"old": "wrong", "new": new}), 403)
        mine.ask("POST", "/api/password", 204, json={"old": PASSWORD, "new": new})
        basic.heard.wait_closed()
        mqtt.heard.wait_closed()
        assert mine.ask("GET", "/api/session").json()["name"] == name
        for shown in (Shown("cookie", "", other), Shown("password", name, PASSWORD, "127.0.3.2")):
            with pytest.raises(Refused):
                Http1(house, shown)
        assert whoami(house, Shown("password", name, new, "127.0.3.3"))["name"] == name

    def test_what_expires_ends_by_itself(self, house, unique):
        device = unique("brief")
        token = house.admin.device_token(device, expires="3s")["token"]
        mqtt, web = Mqtt5(house, as_password(token)), WsJson(house, bearer(token))
        events = EventStream(house, f"devices/{device}/#", bearer(token))
        assert events.status == 200
        for session in (mqtt, web):
            session.heard.wait_closed()
        events.ended.wait_closed()
        for door in DOORS:
            with pytest.raises(Refused):
                door.enter(house, Shown(door.of_token[0], unique("x"), token, "127.0.3.4"))

    def test_the_last_admin_stays(self, house):
        problem(house.admin.ask("DELETE", "/api/users/root"), 409)
        problem(house.admin.ask("PATCH", "/api/users/root", json={"role": "member"}), 409)


def ended(session, door):
    """The code that a connection ended with: WebSocket's close code, MQTT 5's DISCONNECT; 3.1.1 has none."""
    reason = session.heard.wait_closed()
    if door.name.startswith("ws-"):
        return session.socket.close_code
    return reason


class TestSessions:
    def test_kept_sessions_belong_to_the_device_and_not_to_its_token(self, make_hub):
        hub = make_hub().start()
        admin = sign_up(hub)
        first, second = (admin.device_token("lamp")["token"] for _ in range(2))
        other = admin.device_token("heater")["token"]
        props = b"\x11\xff\xff\xff\xff"

        def come(token, clean=False):
            return Mqtt5(hub, as_password(token), "board-1", clean=clean, props=props)

        board = come(first, clean=True)
        assert board.subscribe("devices/lamp/power/set", qos=1) == OK
        board.close()
        admin.ask("POST", "/api/devices/lamp/power/set", 202, json=True, params={"qos": 1})
        hub.restart()
        board = come(second)
        assert board.session_present
        assert board.heard.wait()[0] == "devices/lamp/power/set"
        board.close()

    def test_another_device_gets_nothing_of_the_session_of_a_client_id(self, house, unique):
        lamp, heater, client_id = unique("lamp"), unique("heater"), unique("client")
        props = b"\x11\xff\xff\xff\xff"
        owner = Mqtt5(house, as_password(house.admin.device_token(lamp)["token"]), client_id, props=props)
        assert owner.subscribe(f"devices/{lamp}/#", qos=1) == OK
        owner.close()
        until(lambda: not house.admin.ask("GET", f"/api/clients/{client_id}", 200).json()["connected"], what="its end")
        house.admin.put(f"devices/{lamp}/p", "secret")
        token = house.admin.device_token(heater)["token"]
        thief = Mqtt5(house, as_password(token), client_id, clean=False, props=props)
        assert not thief.session_present
        house.admin.put(f"devices/{lamp}/p", "later")
        assert thief.subscribe(f"devices/{heater}/#") == OK
        house.admin.put(f"devices/{heater}/p", "end")
        heard = hear_until(thief, f"devices/{heater}/p", "end")
        assert all(topic.startswith(f"devices/{heater}/") for topic, _ in heard), heard
        thief.close()

    @pytest.mark.parametrize("who", ["device", "person"])
    def test_somebody_new_of_an_old_name_begins_anew(self, who, house, unique):
        """The old session would be there and bring nothing, or bring what was somebody else's."""
        name, client_id = unique("renewed"), unique("client")
        topic, props = f"devices/{name}/p", b"\x11\xff\xff\xff\xff"

        def come_to_be():
            if who == "device":
                token = house.admin.device_token(name)
                return as_password(token["token"]), lambda: house.admin.ask("DELETE", f"/api/tokens/{token['id']}", 204)
            house.admin.person(name, "member", PASSWORD)
            return Shown("password", name, PASSWORD), lambda: house.admin.ask("DELETE", f"/api/users/{name}", 204)

        shown, end = come_to_be()
        first = Mqtt5(house, shown, client_id, props=props)
        assert first.subscribe(topic, qos=1) == OK
        first.close()
        until(lambda: not house.admin.ask("GET", f"/api/clients/{client_id}", 200).json()["connected"], what="its end")
        house.admin.put(topic, "queued")
        end()
        shown, _ = come_to_be()
        second = Mqtt5(house, shown, client_id, clean=False, props=props)
        assert not second.session_present
        assert second.subscribe(topic, qos=1) == OK
        house.admin.put(topic, "new")
        second.heard.wait(lambda came: came == (topic, "new"))
        second.close()

    def test_a_websocket_session_is_its_owners_alone(self, house, unique):
        lamp, heater = (house.admin.device_token(unique("ws"))["token"] for _ in range(2))
        mine, theirs = WsJson(house, bearer(lamp)), WsJson(house, bearer(heater))
        mine.socket.send(json.dumps({"op": "hello", "id": 900, "keep": 60}))
        session = mine._answers.wait(lambda frame: frame.get("id") == 900)["session"]
        theirs.socket.send(json.dumps({"op": "hello", "id": 901, "session": session, "last": 0}))
        assert theirs._answers.wait(lambda frame: frame.get("id") == 901)["code"] == "unknown_session"
        for side in (mine, theirs):
            side.close()

    def test_an_event_stream_is_resumed_by_whom_it_belongs_to(self, house, unique):
        topic = unique("sse")
        owner, other = (house.admin.app_token(unique("app"), role="viewer")["token"] for _ in range(2))

        def listen(token, last=None):
            headers = {"Authorization": f"Bearer {token}", **({"Last-Event-ID": last} if last else {})}
            url = house.url("/api/events")
            answer = requests.get(url, params={"filter": topic}, headers=headers, stream=True, timeout=PATIENCE)
            assert answer.status_code == 200, answer.text
            return answer, events_of(answer)

        mine, coming = listen(owner)
        house.admin.put(topic, "seen")
        name, last, data = next(coming)
        assert (name, data["payload"]) == ("message", "seen")
        mine.close()
        house.admin.put(topic, "missed")
        house.admin.put(topic, "stored")

        # Both may read the topic: all that the other lacks is that the stream is his.
        theirs, coming = listen(other, last)
        assert next(coming)[0] == "reset"
        house.admin.put(topic, "end")
        came = [next(coming)[2] for _ in range(2)]
        assert [(data["payload"], data["retain"]) for data in came] == [("stored", True), ("end", False)]
        theirs.close()

        # Nor was it taken from whom it belongs to.
        mine, coming = listen(owner, last)
        came = [next(coming) for _ in range(3)]
        assert [(name, data["payload"]) for name, _, data in came] == [
            ("message", "missed"),
            ("message", "stored"),
            ("message", "end"),
        ]
        mine.close()


def events_of(answer):
    """What an event stream says, one event after the other: name, id and data."""
    event = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if line:
            key, _, value = line.partition(": ")
            event[key] = value
        elif "data" in event:
            yield event.get("event", "message"), event.get("id"), json.loads(event["data"])
            event = {}


class TestWhatIsKept:
    def test_a_restart_keeps_people_tokens_sessions_and_what_was_revoked(self, make_hub):
        hub = make_hub().start()
        admin = sign_up(hub, "root", PASSWORD)
        admin.person("vera", "viewer", PASSWORD, deny=["rooms/secret"])
        token, lost = admin.device_token("lamp"), admin.device_token("lamp")
        app = admin.app_token("panel", read=["rooms/#"], write=[])
        admin.ask("DELETE", f"/api/tokens/{lost['id']}", 204)
        cookie = sign_in(hub, "vera", PASSWORD)
        Http1(hub, bearer(token["token"])).close()
        before = {path: admin.ask("GET", path).json() for path in ("/api/users", "/api/tokens")}
        hub.restart()
        after = {path: admin.ask("GET", path).json() for path in ("/api/users", "/api/tokens")}
        assert steady(after) == steady(before)
        used = {entry["id"]: entry for entry in after["/api/tokens"]}[token["id"]]
        recent(used["last_used"])
        assert used["last_address"] == "127.0.0.1"
        who = whoami(hub, Shown("cookie", "", cookie))
        assert (who["name"], who["role"], who["deny"]) == ("vera", "viewer", ["rooms/secret"])
        assert whoami(hub, bearer(token["token"]))["write"] == ["devices/lamp/#"]
        assert whoami(hub, bearer(app["token"]))["read"] == ["rooms/#"]
        with pytest.raises(Refused):
            Http1(hub, bearer(lost["token"]))
        with pytest.raises(Refused):
            Http1(hub, NOTHING)

    def test_the_same_token_is_the_same_somebody_at_every_door(self, house, unique):
        device = unique("same")
        token = house.admin.device_token(device)["token"]
        clients = set()
        for door in (door for door in DOORS if door.name.startswith(("ws", "mqtt"))):
            for form in door.of_token:
                session = door.enter(house, Shown(form, "x", token))
                topic = f"devices/{device}/{unique('p')}"
                assert session.write(topic, "1") in (OK, None) and house.admin.value(topic) == "1"
                assert session.write("rooms/kitchen", "1") in (NO, None)
                session.close()
        for form in DOORS[0].of_token:
            who = whoami(house, Shown(form, "x", token))
            clients.add((who["kind"], who["name"], tuple(who["read"]), tuple(who["write"]), who["administers"]))
        assert len(clients) == 1, clients
        (kind, _, read, write, administers) = clients.pop()
        assert (kind, read, write, administers) == ("device", (f"devices/{device}/#",), (f"devices/{device}/#",), False)

    def test_deleting_a_device_takes_its_tokens_back(self, house, unique):
        device = unique("scrapped")
        token = house.admin.device_token(device)["token"]
        inside = Mqtt5(house, as_password(token))
        house.admin.ask("DELETE", f"/api/devices/{device}", 204)
        inside.heard.wait_closed()
        with pytest.raises(Refused):
            Mqtt5(house, Shown("mqtt-password", unique("x"), token, "127.0.3.5"))

    def test_a_device_hands_out_no_tokens_and_a_viewer_neither(self, house, unique):
        device = unique("greedy")
        token = house.admin.device_token(device)["token"]
        viewer = unique("viewer")
        house.admin.person(viewer, "viewer", PASSWORD)
        for shown in (bearer(token), Shown("password", viewer, PASSWORD)):
            session = Http1(house, shown)
            for target in (device, "another"):
                assert session.ask("POST", f"/api/devices/{target}/token").status_code == 403
            assert session.ask("GET", "/api/tokens", query={"device": device}).status_code == 403
            session.close()

    def test_no_app_is_called_as_one_of_the_hubs_own(self, house):
        problem(house.admin.ask("POST", "/api/tokens", json={"name": "demo", "role": "viewer"}), 409)

    def test_the_local_token_opens_everything_and_ends_with_the_process(self, make_hub):
        hub = make_hub().start()
        sign_up(hub)
        file = hub.data / "local" / "token"
        token = file.read_text().strip()
        assert whoami(hub, bearer(token))["administers"]
        assert file.stat().st_mode & 0o077 == 0, oct(file.stat().st_mode)
        assert file.parent.stat().st_mode & 0o077 == 0, oct(file.parent.stat().st_mode)
        hub.restart()
        assert file.read_text().strip() != token
        with pytest.raises(Refused):
            Http1(hub, bearer(token))


def steady(lists):
    """Without what every use changes."""
    moving = ("last_used", "last_address", "last_sign_in", "sessions")
    return {path: [{k: v for k, v in entry.items() if k not in moving} for entry in entries] for path, entries in lists.items()}


class TestTheLog:
    def test_the_audit_log_says_who_did_what_from_where(self, house, unique):
        name, device = unique("audited"), unique("audited")
        house.admin.person(name, "member", PASSWORD)
        sign_in(house, name, PASSWORD)
        sign_in(house, name, "wrong", status=401)
        token = house.admin.device_token(device)
        house.admin.ask("DELETE", f"/api/tokens/{token['id']}", 204)
        problem(Admin(house, sign_in(house, name, PASSWORD)).ask("GET", "/api/users"), 403)
        house.admin.ask("PATCH", f"/api/users/{name}", 200, json={"role": "viewer"})
        house.admin.ask("DELETE", f"/api/users/{name}", 204)
        entries = house.admin.ask("GET", "/api/audit", 200, params={"limit": 1000}).json()
        seen = {(entry["event"], entry["who"], entry["subject"]) for entry in entries}
        assert {
            ("user_created", "root", name),
            ("sign_in", name, None),
            ("sign_in_refused", name, None),
            ("token_created", "root", f"device:{device}"),
            ("token_revoked", "root", f"device:{device}"),
            ("request_refused", name, "/api/users"),
            ("user_changed", "root", name),
            ("user_deleted", "root", name),
        } <= seen, sorted(map(str, seen))
        ours = [entry for entry in entries if entry["who"] == name]
        assert all(entry["address"] == "127.0.0.1" and entry["via"] == "http" for entry in ours)
        assert [entry["id"] for entry in entries] == sorted((entry["id"] for entry in entries), reverse=True)
        assert house.admin.ask("GET", "/api/audit", params={"event": "user_deleted", "who": "root"}).json()

    def test_no_secret_is_written_anywhere(self, make_hub, unique):
        hub = make_hub("--log", "debug").start()
        key = until(lambda: LINK.search(hub.log()), what="the set-up link")[1]
        password, wrong = "unmistakable-first-1", "unmistakable-wrong-2"
        admin = sign_up(hub, "root", password)
        changed = "unmistakable-new-3"
        admin.person("vera", "member", password)
        cookie = sign_in(hub, "vera", password)
        sign_in(hub, "vera", wrong, status=401)
        Admin(hub, cookie).ask("POST", "/api/password", 204, json={"old": password, "new": changed})
        token, app = admin.device_token("lamp")["token"], admin.app_token("panel", role="viewer")["token"]
        bad = "Zz9" + "A" * 29
        for door in DOORS:
            for form in door.of_token:
                door.enter(hub, Shown(form, "x", token)).close()
            if door.name in ("http1", "mqtt5", "ws-json"):
                with pytest.raises(Refused):
                    door.enter(hub, Shown(door.of_token[-1], "x", bad))
                with pytest.raises(Refused):
                    door.enter(hub, Shown("password", "vera", wrong))
        EventStream(hub, "#", Shown("query", "", app)).close()
        requests.get(hub.url(f"/nowhere?token={token}"), timeout=PATIENCE)
        hub.stop()
        secrets = [password, wrong, changed, token, app, cookie, bad, admin.cookie]
        hits = []
        for file in [path for path in hub.folder.rglob("*") if path.is_file()]:
            content = file.read_bytes()
            hits += [(str(file.relative_to(hub.folder)), secret) for secret in secrets if secret.encode() in content]
        assert hits == []
        assert key.encode() not in (hub.data / "housewire.db").read_bytes()
        with sqlite3.connect(hub.data / "housewire.db") as database:
            dump = "\n".join(database.iterdump())
        assert "$argon2id$" in dump
        assert not any(secret in dump for secret in secrets)

    def test_files_of_the_data_folder_are_the_owners(self, house):
        for path in house.data.rglob("*"):
            if path.name == "housewire.lock" or path.suffix == ".crt":
                continue  # The number of a process, and what anybody may download.
            assert path.stat().st_mode & 0o007 == 0, f"{path} is open to everybody: {oct(path.stat().st_mode)}"
