"""Contract: claim codes. A device that is nobody shows a short code and gets a name and a token; a code is used up, expires, and is not guessed."""

import threading
import time

from support import cli
from support.check import problem
from support.people import Somebody


def make(hub, **wish):
    answer = hub.post("/api/claims", json=wish)
    assert answer.status_code == 201, answer.text
    return answer.json()


def show(hub, code, **more):
    return Somebody(hub).post("/api/claim", json={"code": code, **more})


def test_a_device_shows_a_code_and_is_a_device_of_the_house(hub):
    made = make(hub, room="Cellar", template="thermometer")
    assert (made["uses"], made["left"], len(made["code"])) == (1, 1, 9)
    answer = show(hub, made["code"].lower(), hardware_id="a4:cf:12:0b:a1:b2", model="ESP")
    assert answer.status_code == 201, answer.text
    got = answer.json()
    assert (got["device"], got["topics"]) == ("esp-0ba1b2", "devices/esp-0ba1b2/")
    device = hub.device(got["device"])
    assert (device["room"], device["properties"]["temperature"]["unit"]) == ("Cellar", "°C")

    own = Somebody(hub, got["token"])
    assert own.put("/api/devices/esp-0ba1b2/temperature", data="21.5").status_code == 204
    assert hub.prop("esp-0ba1b2", "temperature")["value"] == 21.5
    problem(own.put("/api/devices/lamp/power", data="true"), 403)

    listed = hub.get("/api/claims").json()
    assert [(one["id"], one["left"], one["devices"]) for one in listed] == [(made["id"], 0, ["esp-0ba1b2"])]
    assert made["code"] not in hub.get("/api/claims").text and made["code"].replace("-", "") not in hub.log()


def test_a_code_is_used_once_and_the_same_hardware_gets_a_new_token(hub):
    made = make(hub)
    first = show(hub, made["code"], hardware_id="one").json()
    problem(show(hub, made["code"], hardware_id="two"), 403, "wrong_code")
    problem(show(hub, made["code"]), 403, "wrong_code")
    again = show(hub, made["code"], hardware_id="one").json()
    assert again["device"] == first["device"] and again["token"] != first["token"]
    assert Somebody(hub, first["token"]).get("/api/devices").status_code == 401
    assert Somebody(hub, again["token"]).get("/api/devices").status_code == 200


def test_many_at_once_share_one_use(hub):
    made, answers = make(hub, uses=3), []
    threads = [threading.Thread(target=lambda: answers.append(show(hub, made["code"]))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [answer.json()["device"] for answer in answers if answer.status_code == 201]
    assert len(taken) == len(set(taken)) == 3, [answer.status_code for answer in answers]


def test_a_code_ends(hub):
    short, deleted, kept = make(hub, expires="1s"), make(hub), make(hub, device="lamp")
    assert hub.delete(f"/api/claims/{deleted['id']}").status_code == 204
    time.sleep(1.1)
    for code in (short["code"], deleted["code"]):
        problem(show(hub, code), 403, "wrong_code")
    problem(hub.delete(f"/api/claims/{deleted['id']}"), 404)
    hub.restart()
    assert show(hub, kept["code"]).json()["device"] == "lamp", "it lives on behind a restart"


def test_whoever_guesses_is_slowed_and_written_down(hub):
    made = make(hub)
    for _ in range(100):
        answer = show(hub, "AAAA-AAAA")
        if answer.status_code != 403:
            break
    problem(answer, 429, "slowed")
    assert int(answer.headers["Retry-After"]) >= 1
    problem(show(hub, made["code"]), 429, "slowed")
    events = [one["event"] for one in hub.get("/api/audit").json()]
    assert "claim_refused" in events and "claim_created" in events


def test_what_makes_no_sense(hub):
    for wish in ({"uses": 0}, {"uses": 1001}, {"device": "lamp", "uses": 2}, {"expires": "90d"}):
        problem(hub.post("/api/claims", json=wish), 422)
    problem(hub.post("/api/claims", json={"template": "no-such"}), 404)
    for wish in ({"device": "a b"}, {"colour": 1}, []):
        problem(hub.post("/api/claims", json=wish), 400)
    for shown in ({}, {"code": 7}, {"code": "x", "more": 1}, []):
        problem(Somebody(hub).post("/api/claim", json=shown), 400)


def test_from_a_terminal(hub):
    made = cli.ok(hub, "claim", "new", "--template", "lamp", "--uses", "2")
    assert len(made.text.strip()) == 9
    row = cli.ok(hub, "claim").text.splitlines()[1]
    assert "lamp" in row and "2 of 2" in row
    assert cli.ok(hub, "claim", "delete", row.split()[0]).text.startswith("Deleted")
    assert cli.run(hub, "claim", "delete", "77").code == 5
