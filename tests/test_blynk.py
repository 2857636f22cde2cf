"""Blynk's hardware protocol as it goes over the wire: logins, values both ways, sync, bridges, notifications, bad input."""

import socket
import struct
import time

import pytest
from websockets.sync.client import connect as websocket

from support import tls
from support.blynk import (
    BRIDGE,
    EMAIL,
    EVENT,
    HARDWARE,
    HARDWARE_LOGIN,
    INTERNAL,
    LOGIN,
    NOTIFY,
    OK,
    PING,
    PROPERTY,
    RESPONSE,
    SMS,
    SYNC,
    Raw,
    device,
    frame,
    token_of,
)
from support.paho import Paho
from support.wait import PATIENCE, until

NOTHING = "x" * 32


def value(hub, name, prop):
    properties = hub.device(name)["properties"]
    return properties.get(prop, {}).get("value")


def comes(hub, name, prop, expected):
    until(lambda: value(hub, name, prop) == expected, what=f"{name}/{prop} = {expected!r}")


def ask_for(hub, name, prop, text):
    answer = hub.post(f"/api/devices/{name}/{prop}/set", data=text, headers={"Content-Type": "text/plain"})
    assert answer.status_code in (200, 202, 204), answer.text


@pytest.mark.parametrize("command", [LOGIN, HARDWARE_LOGIN])
def test_a_login_opens_and_a_wrong_one_may_be_tried_again(shared, unique, command):
    name = unique("lamp")
    token = token_of(shared, name)
    with Raw(shared) as raw:
        assert raw.log_in(NOTHING, command) == (RESPONSE, 1, 9)
        assert raw.log_in("short", command) == (RESPONSE, 1, 9)
        assert raw.log_in(f" {token}\n", command) == (RESPONSE, 1, OK)
        assert raw.log_in(token, command) == (RESPONSE, 1, 4)
        until(lambda: shared.device(name)["online"], what="it is online")
        assert raw.ask(PING) == (RESPONSE, OK)
    until(lambda: not shared.device(name)["online"], what="it is offline")


def test_who_wonders_why_a_device_is_not_there_is_told(shared):
    with Raw(shared) as raw:
        assert raw.log_in(NOTHING) == (RESPONSE, 1, 9)
        address = "{}:{}".format(*raw.socket.getsockname())
        told = [one for one in shared.get("/api/refusals").json()["refusals"] if one["peer"] == address]
        assert [(one["transport"], one["kind"]) for one in told] == [("blynk", "credentials")], told
        assert "token" in told[0]["what"]


def test_values_go_both_ways_and_through_every_door(shared, unique):
    name = unique("lamp")
    with device(shared, name) as raw, Paho(shared) as paho:
        paho.subscribe(f"devices/{name}/#")
        raw.send(HARDWARE, "vw", 5, "21.5")
        assert paho.wait(f"devices/{name}/v5").payload == b"21.5"
        comes(shared, name, "v5", 21.5)
        raw.send(HARDWARE, "dw", 13, 1)
        raw.send(HARDWARE, "aw", 0, 1023)
        raw.send(HARDWARE, "vw", 6, "1", "2.5", "x")
        comes(shared, name, "d13", 1)
        comes(shared, name, "a0", 1023)
        comes(shared, name, "v6", '[1,2.5,"x"]')
        # The other way, and what was written is the value from then on.
        ask_for(shared, name, "v7", "on")
        assert raw.read()[2] == ["vw", "7", "on"]
        comes(shared, name, "v7", "on")
        assert shared.prop(name, "v7")["target"] is None
        paho.publish(f"devices/{name}/v8/set", b'[255,128,0]')
        assert raw.read()[2] == ["vw", "8", "255", "128", "0"]
        ask_for(shared, name, "d13", "0")
        assert raw.read()[2] == ["dw", "13", "0"]
        comes(shared, name, "d13", 0)
        assert shared.device(name)["via"] == "blynk"


def test_bindings_give_pins_names_and_types(shared, unique):
    name = unique("lamp")
    access = ["read", "set"]
    shared.declare(
        name,
        color={"type": "color", "bindings": ["blynk:V1"]},
        power={"type": "bool", "bindings": ["blynk:d2"], "access": access},
        mode={"type": "enum", "options": ["off", "low", "high"], "bindings": ["blynk:V3"]},
        stick={"type": "json", "bindings": ["blynk:V4"]},
        level={"type": "int", "min": 0, "max": 100, "bindings": ["blynk:V5"]},
    )
    assert shared.prop(name, "color")["bindings"] == ["blynk:V1"]
    with Raw(shared) as raw:
        assert raw.log_in(token_of(shared, name)) == (RESPONSE, 1, OK)
        assert raw.ask(INTERNAL, "ver", "1", "dev", "js", "buff-in", 1024) == (RESPONSE, OK)
        assert raw.read() == (HARDWARE, 1, ["pm", "2", "out"])
        for sent, prop, expected in [
            (("vw", 1, 255, 128, 0), "color", "#ff8000"),
            (("dw", 2, 1), "power", True),
            (("vw", 3, 3), "mode", "high"),
            (("vw", 4, 7, -3), "stick", [7, -3]),
            (("vw", 5, 40), "level", 40),
        ]:
            raw.send(HARDWARE, *sent)
            comes(shared, name, prop, expected)
        for prop, text, expected in [
            ("color", "#0102ff", ["vw", "1", "1", "2", "255"]),
            ("power", "false", ["dw", "2", "0"]),
            ("mode", "low", ["vw", "3", "2"]),
            ("stick", "[1,2]", ["vw", "4", "1", "2"]),
            ("level", "7", ["vw", "5", "7"]),
        ]:
            ask_for(shared, name, prop, text)
            assert raw.read()[2] == expected
        # What its rules do not take is refused as through every door.
        raw.send(HARDWARE, "vw", 5, 101)
        until(lambda: shared.device(name)["rejected"]["count"] == 1, what="the refusal is counted")
        assert value(shared, name, "level") == 7
        # Another binding counts at once.
        shared.patch(f"/api/devices/{name}", json={"properties": {"level": {"bindings": ["blynk:V9"]}}})
        ask_for(shared, name, "level", "8")
        until(lambda: raw.read()[2] == ["vw", "9", "8"], what="the new pin")
    wrong = shared.put(f"/api/devices/{name}", json={"properties": {"x": {"type": "int", "bindings": ["V1"]}}})
    assert wrong.status_code == 422 and "blynk:V1" in wrong.text, wrong.text


def test_bindings_survive_a_restart(hub):
    hub.declare("lamp", color={"type": "color", "bindings": ["blynk:V1"]})
    token = token_of(hub, "lamp")
    hub.restart()
    assert hub.prop("lamp", "color")["bindings"] == ["blynk:V1"]
    with Raw(hub) as raw:
        assert raw.log_in(token) == (RESPONSE, 1, OK)
        raw.send(HARDWARE, "vw", 1, 1, 2, 3)
        comes(hub, "lamp", "color", "#010203")


def test_what_was_asked_while_the_device_was_away_reaches_it(shared, unique):
    name = unique("lamp")
    token = token_of(shared, name)
    with device(shared, name) as raw:
        raw.send(HARDWARE, "vw", 1, "5")
        comes(shared, name, "v1", 5)
    ask_for(shared, name, "v1", "6")
    with Raw(shared) as raw:
        assert raw.log_in(token) == (RESPONSE, 1, OK)
        # The answer to what it says of itself comes first.
        assert raw.ask(INTERNAL, "ver", "1", "dev", "js", "buff-in", 1024) == (RESPONSE, OK)
        assert raw.read()[2] == ["vw", "1", "6"]
    comes(shared, name, "v1", 6)


def test_sync_answers_with_the_number_of_the_question(shared, unique):
    name = unique("lamp")
    with device(shared, name) as raw:
        raw.send(HARDWARE, "vw", 1, "synced")
        raw.send(HARDWARE, "vw", 3, "a", "b")
        raw.send(HARDWARE, "dw", 4, "1")
        number = raw.send(SYNC, "vr", 1, 2, 3)
        assert raw.read() == (HARDWARE, number, ["vw", "1", "synced"])
        assert raw.read() == (HARDWARE, number, ["vw", "3", "a", "b"])
        number = raw.send(SYNC)
        everything = [raw.read() for _ in range(3)]
        assert everything == [
            (HARDWARE, number, ["vw", "1", "synced"]),
            (HARDWARE, number, ["vw", "3", "a", "b"]),
            (HARDWARE, number, ["dw", "4", "1"]),
        ]
        assert raw.ask(SYNC, "vr") == (RESPONSE, 2)
        assert raw.ask(PING) == (RESPONSE, OK)


def test_bridges_write_to_another_device(shared, unique):
    one, two = unique("one"), unique("two")
    other = token_of(shared, two)
    with device(shared, one) as raw:
        assert raw.ask(BRIDGE, 64, "vw", 9, 7) == (RESPONSE, 6)
        assert raw.ask(BRIDGE, 64, "i", NOTHING) == (RESPONSE, 6)
        assert raw.ask(BRIDGE, 64, "i", other) == (RESPONSE, OK)
        assert raw.ask(BRIDGE, 64, "vw", 9, 7) == (RESPONSE, 7)
        comes(shared, two, "v9", 7)
        with Raw(shared) as target:
            assert target.log_in(other) == (RESPONSE, 1, OK)
            target.ready()
            number = raw.send(BRIDGE, 64, "vw", 9, 8)
            assert target.read() == (BRIDGE, number, ["vw", "9", "8"])
            comes(shared, two, "v9", 8)
            assert raw.ask(PING) == (RESPONSE, OK)


def test_a_bridge_ends_with_the_token_that_was_shown(shared, unique):
    one, two = unique("one"), unique("two")
    other = shared.post(f"/api/devices/{two}/token").json()
    with device(shared, one) as raw:
        assert raw.ask(BRIDGE, 64, "i", other["token"]) == (RESPONSE, OK)
        assert raw.ask(BRIDGE, 64, "vw", 9, 7) == (RESPONSE, 7)
        comes(shared, two, "v9", 7)
        assert shared.delete(f"/api/tokens/{other['id']}").status_code == 204
        assert raw.ask(BRIDGE, 64, "vw", 9, 8) == (RESPONSE, 6)
        assert value(shared, two, "v9") == 7


def test_people_are_told(shared, unique):
    name = unique("lamp")
    with device(shared, name) as raw:
        assert raw.ask(NOTIFY, "alarm!") == (RESPONSE, OK)
        assert raw.ask(EMAIL, "a@b.co", "subj", "body") == (RESPONSE, OK)
        assert raw.ask(SMS, "x" * 161) == (RESPONSE, 13)
        raw.send(EVENT, "hot", "over 40")
        assert raw.ask(PING) == (RESPONSE, OK)

    def mine():
        listed = shared.get("/api/notifications?limit=1000").json()
        return [entry for entry in listed["notifications"] if entry["device"] == name]

    told = [(entry["kind"], entry["text"], entry["title"], entry["to"], entry["code"]) for entry in mine()]
    assert told == [
        ("push", "alarm!", None, None, None),
        ("email", "body", "subj", "a@b.co", None),
        ("event", "over 40", None, None, "hot"),
    ]
    newest = mine()[-1]["id"]
    later = shared.get(f"/api/notifications?after={newest}").json()
    assert later["notifications"] == [] and later["next"] == newest


def test_notifications_survive_a_restart(hub):
    with device(hub, "lamp") as raw:
        assert raw.ask(NOTIFY, "alarm!") == (RESPONSE, OK)
    hub.restart()
    (entry,) = hub.get("/api/notifications").json()["notifications"]
    assert (entry["device"], entry["text"]) == ("lamp", "alarm!")


def test_clock_properties_and_fields(shared, unique):
    name = unique("lamp")
    with device(shared, name) as raw:
        command, (word, seconds) = raw.ask(INTERNAL, "rtc", "sync")
        assert (command, word) == (INTERNAL, "rtc") and abs(int(seconds) - time.time()) < 2 * 86400
        command, parts = raw.ask(INTERNAL, "utc", "time")
        assert parts[:2] == ["utc", "time"] and abs(int(parts[2]) / 1000 - time.time()) < 3600
        assert raw.ask(INTERNAL, "utc", "iso")[1][1] == "iso"
        raw.send(INTERNAL, "meta", "set", "Colour of the door", "green")
        assert raw.ask(INTERNAL, "meta", "get", "Colour of the door")[1] == ["meta", "Colour of the door", "green"]
        assert raw.ask(PROPERTY, 1, "color", "#D3435C") == (RESPONSE, OK)
        assert raw.ask(PROPERTY, 1, "nope", "L") == (RESPONSE, 11)
        kept = shared.get(f"/api/topics/devices/{name}/$blynk/v1/color")
        assert kept.text == "#D3435C", kept.text


def test_split_and_joined_frames(shared, unique):
    name = unique("lamp")
    token = token_of(shared, name)
    with Raw(shared) as raw:
        for byte in frame(HARDWARE_LOGIN, 1, token) + frame(HARDWARE, 2, "vw", 8, "slowly"):
            raw.write(bytes([byte]))
        assert raw.read() == (RESPONSE, 1, OK)
        comes(shared, name, "v8", "slowly")
        many = [frame(HARDWARE, number, "vw", number % 3, number) for number in range(3, 103)]
        raw.write(b"".join(many) + frame(PING, 200))
        assert raw.read() == (RESPONSE, 200, OK)
        assert [value(shared, name, f"v{pin}") for pin in range(3)] == [102, 100, 101]
        long = "x" * 65_530
        raw.write(frame(HARDWARE, 300, "vw", 9, long[: 65_535 - 5]))
        raw.write(frame(PING, 301))
        assert raw.read() == (RESPONSE, 301, OK)
        assert len(value(shared, name, "v9")) == 65_530


@pytest.mark.parametrize(
    "sent, answer",
    [
        (frame(HARDWARE, 6, "vw", 1), (RESPONSE, 6, 2)),
        (frame(HARDWARE, 9, "vw", 256, 2), (RESPONSE, 9, 2)),
        (frame(HARDWARE, 9, "zz", 1, 2), (RESPONSE, 9, 2)),
        (frame(INTERNAL, 9), (RESPONSE, 9, 2)),
        (frame(99, 9, "what") + frame(PING, 10), (RESPONSE, 10, OK)),
        (struct.pack("!BHH", RESPONSE, 9, 200) + frame(PING, 10), (RESPONSE, 10, OK)),
    ],
)
def test_what_is_wrong_is_answered_and_goes_on(shared, unique, sent, answer):
    with device(shared, unique("lamp")) as raw:
        raw.write(sent)
        assert raw.read() == answer
        assert raw.ask(PING) == (RESPONSE, OK)


@pytest.mark.parametrize("sent", [frame(PING, 0), frame(100, 9), b"\x00\x00\x00\x00\xc8"])
def test_what_is_no_frame_ends_it(shared, unique, sent):
    with device(shared, unique("lamp")) as raw:
        raw.write(sent)
        assert raw.is_closed()


def test_nothing_is_answered_before_the_login(shared):
    with Raw(shared) as raw:
        raw.write(b"\x1d")
        raw.write(frame(HARDWARE_LOGIN, 1, NOTHING)[1:] + frame(PING, 2))
        assert raw.read() == (RESPONSE, 1, 9)
        assert raw.is_closed()


def test_who_says_nothing_for_too_long_is_gone(shared, unique):
    name = unique("lamp")
    with device(shared, name, "ver", "1", "h-beat", 1, "dev", "js") as raw:
        began = time.monotonic()
        assert raw.is_closed()
        assert time.monotonic() - began >= 2
    until(lambda: not shared.device(name)["online"], what="it is offline")


def test_a_token_used_twice_keeps_both_and_one_left_keeps_it_online(shared, unique):
    name = unique("lamp")
    token = token_of(shared, name)
    with Raw(shared) as one:
        assert one.log_in(token) == (RESPONSE, 1, OK)
        one.ready()
        with Raw(shared) as two:
            assert two.log_in(token) == (RESPONSE, 1, OK)
            two.ready()
            ask_for(shared, name, "v1", "1")
            assert one.read()[2] == two.read()[2] == ["vw", "1", "1"]
        assert one.ask(PING) == (RESPONSE, OK)
        assert shared.device(name)["online"]


def test_a_revoked_token_ends_the_connection(shared, unique):
    name = unique("lamp")
    made = shared.post(f"/api/devices/{name}/token").json()
    with Raw(shared) as raw:
        assert raw.log_in(made["token"]) == (RESPONSE, 1, OK)
        raw.ready()
        assert shared.delete(f"/api/tokens/{made['id']}").status_code == 204
        assert raw.is_closed()
    with Raw(shared) as raw:
        assert raw.log_in(made["token"]) == (RESPONSE, 1, 9)


def test_a_device_is_seen_and_may_be_sent_away(shared, unique):
    name = unique("lamp")
    with device(shared, name) as raw:
        (client,) = [one for one in shared.get("/api/clients").json() if one["user"] == f"device:{name}"]
        assert (client["protocol"], client["transport"], client["connected"]) == ("blynk", "tcp", True)
        assert shared.delete(f"/api/clients/{client['id']}").status_code == 204
        assert raw.is_closed()


def test_tls_on_the_one_port(shared, unique):
    name = unique("lamp")
    with device(shared, name, wrap=tls.context(shared)) as raw:
        raw.send(HARDWARE, "vw", 1, "safe")
        comes(shared, name, "v1", "safe")
        ask_for(shared, name, "v2", "7")
        assert raw.read()[2] == ["vw", "2", "7"]


def test_inside_of_a_websocket(shared, unique):
    name = unique("lamp")
    token = token_of(shared, name)
    with websocket(f"ws://{shared.host}:{shared.port}/websockets", proxy=None) as socket:
        socket.send(frame(HARDWARE_LOGIN, 1, token))
        assert socket.recv(PATIENCE) == struct.pack("!BHH", RESPONSE, 1, OK)
        both = frame(INTERNAL, 2, "ver", "1", "dev", "js", "buff-in", 1024) + frame(HARDWARE, 3, "vw", 1, "wide")
        socket.send(both[:9])
        socket.send(both[9:])
        assert socket.recv(PATIENCE) == struct.pack("!BHH", RESPONSE, 2, OK)
        comes(shared, name, "v1", "wide")
        ask_for(shared, name, "v2", "7")
        assert socket.recv(PATIENCE)[5:] == b"vw\x002\x007"
    until(lambda: not shared.device(name)["online"], what="it is offline")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_further_ports_a_rate_and_none_of_it(make_hub, tmp_path):
    port = free_port()
    config = tmp_path / "config.toml"
    config.write_text(f"[blynk]\nports = [{port}]\nrate = 1\n")
    hub = make_hub("--config", config).start()
    with device(hub, "lamp", port=port) as raw:
        numbers = [raw.send(PING) for _ in range(61)]
        statuses = [raw.read() for _ in range(59)]
        assert statuses[-1] == (RESPONSE, numbers[58], 1), statuses[-1]
    off = tmp_path / "off.toml"
    off.write_text("[blynk]\nenabled = false\n")
    hub = make_hub("--config", off, folder="off").start()
    with Raw(hub) as raw:
        raw.write(frame(HARDWARE_LOGIN, 1, token_of(hub, "lamp")))
        assert raw.is_closed()
    assert hub.get("/websockets").status_code == 404


def test_a_device_that_does_not_read_gets_the_newest(shared, unique):
    name = unique("lamp")
    rest = "x" * 3_900
    with Raw(shared) as raw, Paho(shared) as paho:
        assert raw.log_in(token_of(shared, name)) == (RESPONSE, 1, OK)
        raw.ready("ver", "1", "h-beat", 3_600, "buff-in", 4_096, "dev", "js")
        for number in range(6_000):
            paho.publish(f"devices/{name}/v{number % 4}/set", f"{number}{rest}".encode(), qos=0)
        paho.publish(f"devices/{name}/v4/set", b"last")
        last, count = {}, 0
        while last.get("4") != "last":
            _, _, (_, pin, came) = raw.read()
            last[pin] = came
            count += 1
        assert count < 6_000, "all of it fits into the system's buffers, and nothing was tried"
        assert [int(last[str(pin)].removesuffix(rest)) for pin in range(4)] == [5_996, 5_997, 5_998, 5_999]
        assert raw.ask(PING) == (RESPONSE, OK)


def test_many_syncs_at_once_are_answered_as_the_device_reads(shared, unique):
    name = unique("lamp")
    pins, syncs = 20, 1_000
    with Raw(shared) as raw:
        assert raw.log_in(token_of(shared, name)) == (RESPONSE, 1, OK)
        raw.ready("ver", "1", "h-beat", 3_600, "buff-in", 4_096, "dev", "js")
        for pin in range(pins):
            raw.send(HARDWARE, "vw", pin, "x" * 3_900)
        assert raw.ask(PING) == (RESPONSE, OK)
        # 66 MB of answers, of which hardly any may wait in the hub.
        raw.write(b"".join(struct.pack(">BHH", SYNC, number, 0) for number in range(1, syncs + 1)))

        def left_out():
            (client,) = [one for one in shared.get("/api/clients").json() if one["user"] == f"device:{name}"]
            return client["dropped"]["overflow"]

        until(lambda: left_out() > 0, what="one sync takes all the room")
        assert left_out() < 3 * syncs, "all of them are answered though the device does not read"
        for number in range(1, syncs + 1):
            came = [raw.read() for _ in range(17)]
            assert {answer[1] for answer in came} == {number}
        assert raw.ask(PING) == (RESPONSE, OK)
