"""Contract: the log over HTTP. The newest lines with their fields, by level, followed as they come; for admins, and without secrets."""

import json
import threading

from support.check import problem, recent
from support.people import Somebody, add
from support.wait import PATIENCE, Inbox
from test_dashboards import as_person


def lines(hub, **params):
    answer = hub.get("/api/logs", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def provoke(hub):
    """Something that is logged at info: a change that the audit log has, too."""
    answer = hub.post("/api/users", json={"name": f"p{provoke.number}", "password": "copper kettle", "role": "viewer"})
    provoke.number += 1
    assert answer.status_code == 201, answer.text


provoke.number = 0


class Stream:
    """The event stream, read by a thread."""

    def __init__(self, hub, path="/api/logs/stream", **headers):
        self.answer = hub.get(path, stream=True, headers=headers)
        assert self.answer.status_code == 200, self.answer.text
        self.events = Inbox("the stream of the log")
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        event = {}
        try:
            for line in self.answer.iter_lines(decode_unicode=True):
                if not line and event:
                    self.events.put(event)
                    event = {}
                elif ": " in line and not line.startswith(":"):
                    key, value = line.split(": ", 1)
                    event[key] = value
        except Exception as error:  # the connection was closed, by whomever
            self.events.close(repr(error))
        self.events.close()

    def line(self, fits):
        event = self.events.wait(lambda one: "data" in one and fits(json.loads(one["data"])), PATIENCE, "a line of the log")
        found = json.loads(event["data"])
        assert event["id"] == str(found["seq"])
        return found


def is_audit(line):
    return line["message"] == "audit" and line["fields"].get("event") == "user_created"


def test_the_newest_lines_with_their_fields(owned):
    provoke(owned)
    log = lines(owned)
    found = [line for line in log["lines"] if is_audit(line)]
    assert len(found) == 1, log
    line = found[0]
    assert (line["level"], line["fields"]["who"], line["target"]) == ("info", "anna", "housewire::accounts::audit")
    recent(line["time"])
    numbers = [one["seq"] for one in log["lines"]]
    assert numbers == list(range(1, log["next"] + 1)), "none is missing"
    assert lines(owned, after=log["next"])["lines"] == []
    provoke(owned)
    more = lines(owned, after=log["next"])
    assert [is_audit(one) for one in more["lines"]] == [True], more
    assert lines(owned, limit=1)["lines"] == more["lines"]
    first = lines(owned, after=0, limit=1)
    assert (len(first["lines"]), first["next"]) == (1, 1)
    assert all(one["level"] in ("error", "warn") for one in lines(owned, level="warn")["lines"])


def test_it_is_followed_as_it_comes_and_gone_on_with(owned):
    stream = Stream(owned)
    provoke(owned)
    first = stream.line(is_audit)
    provoke(owned)
    second = stream.line(is_audit)
    assert second["seq"] > first["seq"]
    stream.answer.close()
    again = Stream(owned, **{"Last-Event-ID": str(first["seq"])})
    assert again.line(is_audit) == second
    again.answer.close()


def test_streams_are_few_and_end_with_the_right_to_read(owned):
    add(owned, "ben", "admin")
    ben = as_person(owned, "ben")
    streams = [Stream(ben) for _ in range(16)]
    problem(owned.get("/api/logs/stream"), 503, "busy")
    assert owned.patch("/api/users/ben", json={"role": "member"}).status_code == 200
    for stream in streams:
        stream.events.wait_closed()
    Stream(owned).answer.close()


def test_it_is_for_admins_and_says_no_secret(owned):
    add(owned, "ben", "member")
    ben = as_person(owned, "ben")
    token = owned.post("/api/tokens", json={"name": "app", "role": "member"})
    for somebody, status in ((ben, 403), (Somebody(owned), 401)):
        problem(somebody.get("/api/logs"), status)
        problem(somebody.get("/api/logs/stream"), status)
    for query in ("level=loud", "after=x", "limit=x"):
        problem(owned.get(f"/api/logs?{query}"), 400)
    text = owned.get("/api/logs").text
    assert "copper kettle" not in text and (token.status_code != 201 or token.json()["token"] not in text)


def test_only_so_many_are_remembered(make_hub):
    hub = make_hub("--log", "debug").start()
    for number in range(4_200):
        assert hub.put(f"/api/topics/x/{number % 7}", data="x").status_code == 204
        if number % 500 == 0 and lines(hub, after=0, limit=1)["lines"][0]["seq"] > 1:
            break
    log = lines(hub, limit=4_000)
    assert len(log["lines"]) <= 4_000
