"""Bolt's cloud API, with the exact answers that programs written for it expect; devices do what is asked and say so."""

import json
import re
import socket
import uuid

import pytest

from support import cli
from support.bolt import NAME, Bolt, board, comes, declare, make_key, with_admin
from support.hub import Hub
from support.people import Somebody, add
from support.wait import PATIENCE, until

DONE = '{"success": "1", "value": "1"}'


def failed(text):
    return json.dumps({"success": "0", "value": text})


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A hub with an admin, and the module of the reference that does what it is asked."""
    hub = with_admin(Hub(tmp_path_factory.mktemp("bolt")).start())
    declare(hub, "module")
    hub.key = make_key(hub)["key"]
    with board(hub, "module") as made:
        hub.board = made
        for number in range(5):
            made.report(f"pin{number}", "0")
        made.report("a0", "512")
        comes(hub, "module", "a0", 512)
        yield hub
    hub.stop()
    hub.api.close()


@pytest.fixture
def bolt(house):
    return Bolt(house, house.key, NAME)


def test_pins_are_written_and_read(house, bolt):
    assert bolt.ask("digitalWrite", pin=0, state="HIGH") == DONE
    assert house.device("module")["properties"]["pin0"]["value"] == 255
    assert bolt.ask("digitalRead", pin=0) == DONE
    assert bolt.ask("digitalWrite", pin=0, state="0") == DONE
    assert bolt.ask("digitalRead", pin=0) == '{"success": "1", "value": "0"}'
    assert bolt.ask("analogWrite", pin=1, value=100) == DONE
    assert ("pin1", "100") in house.board.told
    assert bolt.ask("digitalMultiWrite", pins="2,3,4", states="HIGH,LOW,ON") == DONE
    assert bolt.ask("digitalMultiRead", pins="4,3,2") == '{"success": "1", "value": "1,0,1"}'
    assert bolt.ask("analogMultiWrite", pins="2,3", values="0,7") == DONE
    assert bolt.ask("analogWrite", pin="2,3", value="1,2") == DONE
    assert bolt.ask("servoWrite", pin=4, value=180) == DONE
    assert bolt.ask("servoMultiWrite", pins="0,1", values="10,20") == DONE
    assert {("servo4", "180"), ("servo0", "10"), ("servo1", "20"), ("pin2", "1"), ("pin3", "2")} <= set(house.board.told)
    assert bolt.ask("analogRead", pin="A0") == '{"success": "1", "value": "512"}'
    # A value that the pin has already is confirmed once more.
    assert bolt.ask("analogWrite", pin=2, value=1) == DONE


def test_a_serial_port(house, bolt):
    assert bolt.ask("serialBegin", baud=9600) == '{"success": "1", "value": "Success"}'
    assert bolt.ask("serialWrite", data="hello%20w%C3%B6rld+%0A") == '{"success": "1", "value": "Serial write Successful"}'
    assert house.board.told[-2:] == [("baud", "9600"), ("tx", "hello wörld+\n")]
    house.board.input += ["21.5", "a,b", '"\\']
    assert bolt.ask("serialRead", till=10) == '{"success": "1", "value": "21.5"}'
    assert house.board.told[-1] == ("rx", "10")
    assert bolt.ask("serialRead", till=44) == '{"success": "1", "value": "a"}'
    assert bolt.ask("serialWR", data="AT", till=10) == '{"success": "1", "value": "\\"\\\\"}'
    assert house.board.told[-2:] == [("tx", "AT"), ("rx", "10")]
    assert bolt.ask("serialRead") == '{"success": "1", "value": ""}'
    assert house.board.told[-1] == ("rx", "")
    assert bolt.ask("serialWrite", data="") == '{"success": "1", "value": "Serial write Successful"}'


def test_what_a_module_is(house, bolt):
    said = r'{"success": "1", "value": "{\"Bolt Hardware Version\":\"2\",\"Firmware Version\":\"1.4.0\"}"}'
    assert bolt.ask("version") == said
    house.board.report("program", "1.0.1")
    comes(house, "module", "program", "1.0.1")
    assert bolt.ask("version") == said.replace("1.4.0", "1.0.1")
    assert bolt.ask("isAlive") == '{"success": "1", "value": "alive"}'
    online = bolt.ask("isOnline")
    assert re.fullmatch(
        r'\{"success": "1", "value": "online", "time": "[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"\}', online
    ), online
    assert bolt.ask("restart") == '{"success": "1", "value": "Restarted"}'
    until(lambda: ("restart", "true") in house.board.told, what="the board is told to restart")
    listed = json.loads(bolt.raw("getDevices").text)
    assert {"device_id": NAME, "name": "module", "status": "online"} in listed["value"]
    variables = {str(number): f"pin{number}" for number in range(5)} | {"A0": "a0"}
    variables |= {f"CSV{number}": None for number in range(10)}
    details = {"device_id": NAME, "product_name": "module", "data_rate": "1", "pin_variables": variables}
    compact = json.dumps({"success": 1, "value": details}, separators=(",", ":"))
    assert bolt.raw(f"productDetails?deviceID={NAME}").text == compact
    # Its id is as good a name.
    assert Bolt(house, house.key, "module").ask("digitalRead", pin=3) == bolt.ask("digitalRead", pin=3)


def past(hub, device, name, line):
    answer = hub.post(f"/api/devices/{device}/{name}/history", data=line, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200, answer.text


def test_history_as_rows(house):
    name = "weather"
    declare(house, name, temp={"type": "float", "bindings": ["bolt:CSV0"]}, rain={"type": "bool", "bindings": ["bolt:0"]})
    for time, value in (("08:02:53", "24.5"), ("08:02:55", "25")):
        past(house, name, "temp", f"2019-03-20T{time}Z,{value}")
    past(house, name, "rain", "2019-03-20T08:02:54.5Z,true")
    bolt = Bolt(house, house.key, name)
    rows = ['["2019-03-20 08:02:53","","24.5"]', '["2019-03-20 08:02:54","1","24.5"]', '["2019-03-20 08:02:55","1","25"]']
    head = '{"success":1,"data_format":["time_stamp","rain","temp"],"data":['
    until(lambda: bolt.ask("fetchData", order="ASC") == head + ",".join(rows) + "]}", what="the rows")
    assert bolt.ask("fetchData") == head + ",".join(reversed(rows)) + "]}"
    assert bolt.ask("fetchData", limit=1) == head + rows[2] + "]}"
    assert bolt.ask("fetchData", limit=0) == '{"success":0,"value":"Invalid limit value"}'


@pytest.mark.parametrize(
    "command, parameters, why",
    [
        ("digitalWrite", {"pin": 16, "state": "HIGH"}, "Invalid pin value"),
        ("digitalWrite", {"pin": 5, "state": "HIGH"}, "Invalid pin value"),
        ("digitalWrite", {"pin": 0, "state": "high"}, "Invalid state"),
        ("digitalWrite", {"pin": 0}, "Invalid state"),
        ("digitalMultiWrite", {"pins": "0,16", "states": "HIGH,HIGH"}, "Invalid pin value"),
        ("digitalMultiWrite", {"pins": "0,1", "states": "HIGH"}, "Invalid state"),
        ("digitalRead", {"pin": 16}, "Invalid pin value"),
        ("digitalRead", {"pin": "%FF"}, "Invalid pin value"),
        ("digitalMultiRead", {"pins": "0,x"}, "Invalid pin value"),
        ("digitalMultiRead", {"pins": ",".join("0" * 17)}, "Invalid pin value"),
        ("analogRead", {"pin": 0}, "Invalid pin value"),
        ("analogWrite", {"pin": 16, "value": 1}, "Invalid pin value"),
        ("analogWrite", {"pin": 0, "value": 256}, "Invalid value"),
        ("servoWrite", {"pin": 0, "value": 181}, "Invalid value"),
        ("servoWrite", {"pin": 16, "value": 1}, "Invalid pin value"),
        ("serialBegin", {"baud": 10}, "Invalid baud value"),
        ("serialRead", {"till": 128}, "Invalid till value"),
        ("serialWrite", {"data": "x" * 1025}, "Command timed out"),
        ("serialWrite", {"data": "%FF%FE"}, "Invalid data value"),
        ("serialWrite", {}, "Invalid data value"),
        ("serialWR", {"data": "x", "till": "ten"}, "Invalid till value"),
        ("blink", {}, "Invalid command"),
        ("digitalwrite", {"pin": 0, "state": "HIGH"}, "Invalid command"),
        ("", {}, "Invalid command"),
    ],
)
def test_wrong_commands(bolt, house, command, parameters, why):
    before = len(house.board.told)
    assert bolt.ask(command, **parameters) == failed(why)
    assert len(house.board.told) == before


def test_names_that_are_lost_or_wrong(bolt, house):
    lost = failed("Device does not exist")
    # Everything behind # stays with the client; what is behind & is another parameter.
    assert bolt.raw("serialWrite?data=hello%20world%20&%20x=1").text == lost
    for device in ("BOLT7654321", "nothing", "", "%FF", "../module", "module%00", "x" * 3000):
        assert bolt.raw(f"digitalRead?pin=0&deviceName={device}").text == lost, device
    # White space and empty pairs count for nothing, and the first of two counts.
    assert bolt.raw(f"digitalRead?&&%0A%20%20deviceName=%20{NAME}%0A&pin=%200&pin=16").json()["success"] == "1"
    # A device without any binding is no module.
    house.report("plain", "power", "true")
    assert bolt.raw("isOnline?deviceName=plain").text == lost


def test_keys(house):
    for key in (str(uuid.uuid4()), "x", "", "%20", "x" * 32, "x" * 36, "x" * 4000):
        assert Bolt(house, key, NAME).raw(f"digitalRead?pin=0&deviceName={NAME}").text == failed("Invalid API key"), key
    # A device's token is no key, and a key is no token.
    assert Bolt(house, house.board.client._password.decode(), NAME).ask("isAlive") == failed("Invalid API key")
    assert Somebody(house, house.key).get("/api/devices").status_code == 401
    made = make_key(house, name="for a day", expires="1d")
    assert made["enabled"] is True and made["user"] == "anna" and made["expires"] is not None
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", made["key"])
    bolt, place = Bolt(house, made["key"], NAME), f"/api/keys/{made['id']}"
    assert bolt.value("isAlive") == "alive"
    assert Bolt(house, made["key"].upper(), NAME).value("isAlive") == "alive"
    assert house.patch(place, json={"enabled": False, "name": "off"}).json()["enabled"] is False
    assert bolt.ask("isAlive") == failed("API is disabled")
    listed = next(key for key in house.get("/api/keys").json() if key["id"] == made["id"])
    assert "key" not in listed and listed["name"] == "off" and listed["last_address"] == "127.0.0.1"
    assert house.patch(place, json={"enabled": True}).status_code == 200
    assert bolt.value("isAlive") == "alive"
    assert house.delete(place).status_code == 204
    assert bolt.ask("isAlive") == failed("Invalid API key")
    for answer in (house.delete(place), house.patch(place, json={"enabled": True})):
        assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"
    assert house.patch(f"/api/keys/{make_key(house)['id']}", json={"role": "admin"}).status_code == 400
    assert house.post("/api/keys", json={"name": "x", "user": "nobody"}).status_code == 404
    until(lambda: any(entry["subject"] == "anna" and entry["event"] == "token_revoked"
                      for entry in house.get("/api/audit?limit=1000").json()), what="the audit log tells of it")


def test_a_key_may_do_what_its_person_may(house):
    add(house, "ben", "member", read=["devices/module/#"], write=["devices/module/pin0/set"])
    add(house, "eve", "member", read=["devices/other/#"], write=[])
    ben, eve = (Bolt(house, make_key(house, user=name)["key"], NAME) for name in ("ben", "eve"))
    assert ben.ask("digitalWrite", pin=0, state="HIGH") == DONE
    assert ben.ask("digitalWrite", pin=1, state="HIGH") == failed("Permission denied")
    assert ben.ask("digitalMultiWrite", pins="0,1", states="LOW,LOW") == failed("Permission denied")
    assert ben.value("digitalRead", pin=0) == "1"
    assert eve.ask("digitalRead", pin=0) == failed("Device does not exist")
    assert eve.raw("getDevices").json() == {"success": "1", "value": []}
    # Keys are their person's own business.
    program = Somebody(house)
    signed_in = program.post("/api/session", json={"name": "ben", "password": "copper kettle sings"})
    assert signed_in.status_code == 200, signed_in.text
    assert [key["user"] for key in program.get("/api/keys").json()] == ["ben"]
    of_eve = next(key["id"] for key in house.get("/api/keys").json() if key["user"] == "eve")
    assert program.delete(f"/api/keys/{of_eve}").status_code == 404
    assert program.post("/api/keys", json={"user": "eve"}).status_code == 403
    own = program.post("/api/keys", json={"name": "mine"})
    assert own.status_code == 201 and own.json()["user"] == "ben"
    # A device's token makes none, and what is off with the person is off.
    assert Somebody(house, house.board.client._password.decode()).post("/api/keys").status_code == 403
    assert house.delete("/api/users/ben").status_code == 204
    assert ben.ask("digitalRead", pin=0) == failed("Invalid API key")


def test_a_device_that_does_not_answer(house):
    declare(house, "deaf", pin={"type": "bool", "bindings": ["bolt:0"]}, lock={"type": "bool", "access": ["read"], "bindings": ["bolt:1"]},
            bell={"type": "bool", "access": ["set", "event"], "bindings": ["bolt:2"]},
            rx={"type": "string", "access": ["read"], "bindings": ["bolt:serialRead"]})
    bolt = Bolt(house, house.key, "deaf")
    assert bolt.ask("digitalWrite", pin=0, state="HIGH") == failed("Device is offline")
    assert bolt.ask("isAlive") == '{"success": "1", "value": "dead"}'
    assert json.loads(bolt.ask("isOnline"))["value"] == "offline"
    with board(house, "deaf") as made:
        made.deaf.add("pin")
        made.report("lock", "true")
        made.report("rx", "a line\nanother")
        until(bolt.is_online, what="it is online")
        comes(house, "deaf", "rx", "a line\nanother")
        assert bolt.ask("digitalRead", pin=0) == failed("Command timed out")
        assert bolt.ask("digitalWrite", pin=0, state="HIGH") == failed("Command timed out")
        assert made.told == [("pin", "true")]
        # Nothing is asked of it any more.
        until(lambda: house.device("deaf")["properties"]["pin"]["target"] is None, what="nothing is pending")
        assert bolt.ask("digitalWrite", pin=1, state="HIGH") == failed("Invalid pin value")
        assert bolt.ask("digitalWrite", pin=2, state="HIGH") == DONE
        assert bolt.ask("digitalWrite", pin=3, state="HIGH") == failed("Invalid pin value")
        # It only reports: what it said last is read.
        assert bolt.value("serialRead", till=10) == "a line"
        assert bolt.ask("serialWrite", data="x") == failed("Command timed out")
        assert bolt.ask("restart") == failed("Command timed out")


def test_levels_of_any_device(house):
    declare(
        house, "lamp",
        power={"type": "bool", "bindings": ["bolt:digital0", "bolt:BOLT99"]},
        level={"type": "int", "min": 0, "max": 100, "bindings": ["bolt:analog0"]},
        mode={"type": "enum", "options": ["off", "eco", "high"], "bindings": ["bolt:1"]},
    )
    bolt = Bolt(house, house.key, "BOLT99")
    with board(house, "lamp") as lamp:
        lamp.report("power", "false")
        until(bolt.is_online, what="it is online")
        assert bolt.ask("digitalWrite", pin=0, state="HIGH") == DONE
        assert bolt.ask("analogWrite", pin=0, value=255) == DONE
        assert bolt.ask("digitalWrite", pin=1, state="HIGH") == DONE
        assert lamp.told == [("power", "true"), ("level", "100"), ("mode", "high")]
        assert bolt.ask("digitalMultiRead", pins="0,1") == '{"success": "1", "value": "1,1"}'


def test_posts_pages_and_proxies(house):
    bolt = Bolt(house, house.key, NAME)
    form = {"pin": "1", "state": "HIGH", "deviceName": NAME}
    answer = bolt.raw("digitalWrite", method="POST", data=form)
    assert (answer.status_code, answer.text) == (200, DONE)
    assert bolt.raw(f"digitalRead?pin=1&deviceName={NAME}", method="POST").text == DONE
    origin = {"Origin": "https://example.org"}
    answer = bolt.raw(f"digitalRead?pin=1&deviceName={NAME}", headers=origin)
    assert answer.headers["access-control-allow-origin"] == "*" and answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    asked = origin | {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "cache-control"}
    answer = bolt.raw("digitalRead", method="OPTIONS", headers=asked)
    assert answer.status_code == 204 and answer.headers["access-control-allow-origin"] == "*"
    assert "cache-control" in answer.headers["access-control-allow-headers"].lower()
    answer = bolt.raw("digitalRead", method="PUT")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST, OPTIONS")
    with socket.create_connection((house.host, house.port), PATIENCE) as line:
        target = f"http://cloud.boltiot.com/remote/{house.key}/digitalRead?pin=1&deviceName={NAME}"
        line.sendall(f"GET {target} HTTP/1.1\r\nHost: cloud.boltiot.com\r\nConnection: close\r\n\r\n".encode())
        text = b""
        while more := line.recv(4096):
            text += more
    assert text.startswith(b"HTTP/1.1 200") and text.endswith(DONE.encode()), text


def test_numbers_for_success_and_nothing_at_all(make_hub, tmp_path):
    for settings, folder, expected in (("integers = true", "a", '{"success": 0, "value": "Invalid API key"}'), ("enabled = false", "b", None)):
        file = tmp_path / f"{folder}.toml"
        file.write_text(f"[bolt]\n{settings}\n")
        hub = make_hub("--config", file, folder=folder).start()
        answer = Bolt(hub, "x", "y").raw("version?&deviceName=y")
        if expected is None:
            assert answer.status_code == 404 or "text/html" in answer.headers["content-type"]
        else:
            assert answer.text == expected


def test_the_command_line_makes_keys(house):
    def housewire(*arguments):
        return cli.ok(house, "key", *arguments, "--token-file", house.data / "local" / "token")

    key = housewire("make", "from a script", "--user", "anna").text.strip()
    bolt = Bolt(house, key, NAME)
    assert bolt.value("isAlive") == "alive"
    number = next(entry["id"] for entry in house.get("/api/keys").json() if entry["name"] == "from a script")
    housewire("off", number)
    assert bolt.ask("isAlive") == failed("API is disabled")
    assert re.search(rf"{number} +anna +from a script +off", housewire().text)
    housewire("on", number)
    assert bolt.value("isAlive") == "alive"
    housewire("delete", number)
    assert bolt.ask("isAlive") == failed("Invalid API key")
    # Where tokens are listed and revoked there are no keys.
    assert house.delete(f"/api/tokens/{make_key(house)['id']}").status_code == 404
    assert {token["kind"] for token in house.get("/api/tokens").json()} <= {"device", "app"}
