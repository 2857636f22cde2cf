"""Byte for byte: what libraries send and what Blynk's server answers, written down as they went over the wire."""

import re
import socket

import pytest

from support.blynk import OK, PING, RESPONSE, Raw, frame, token_of
from support.wait import PATIENCE, until

# Of the wire, in the order in which one device may say them: what it sends, what comes back, and what is then the value of a
# property. `T` is its token.
SAID = [
    ("login", "1d 00 01 00 20 T", "00 00 01 00 c8", None),
    ("login again", "1d 00 02 00 20 T", "00 00 02 00 04", None),
    (
        "info of Python 0.2.0",
        "11 00 02 00 2a 76 65 72 00 30 2e 32 2e 30 00 68 2d 62 65 61 74 00 33 00 62 75 66 66 2d 69 6e 00 31 30 32 34 00"
        " 64 65 76 00 70 79 74 68 6f 6e",
        "00 00 02 00 c8",
        None,
    ),
    (
        "info of JavaScript",
        "11 00 02 00 1d 76 65 72 00 30 2e 35 2e 34 00 62 75 66 66 2d 69 6e 00 34 30 39 36 00 64 65 76 00 6a 73",
        "00 00 02 00 c8",
        None,
    ),
    ("one value", "14 00 03 00 0a 76 77 00 30 00 68 65 6c 6c 6f", "", ("v0", "hello")),
    ("several", "14 00 04 00 0c 76 77 00 33 00 31 00 32 2e 35 00 78", "", ("v3", '[1,2.5,"x"]')),
    ("a property", "13 00 05 00 0f 31 00 63 6f 6c 6f 72 00 23 44 33 34 33 35 43", "00 00 05 00 c8", None),
    ("a value to sync", "14 00 05 00 0b 76 77 00 31 00 73 79 6e 63 65 64", "", ("v1", "synced")),
    (
        "sync of two pins, one without a value",
        "10 00 06 00 06 76 72 00 31 00 32",
        "14 00 06 00 0b 76 77 00 31 00 73 79 6e 63 65 64",
        None,
    ),
    (
        "sync of all",
        "10 00 06 00 00",
        "14 00 06 00 0a 76 77 00 30 00 68 65 6c 6c 6f 14 00 06 00 0b 76 77 00 31 00 73 79 6e 63 65 64"
        " 14 00 06 00 0c 76 77 00 33 00 31 00 32 2e 35 00 78",
        None,
    ),
    ("notify", "0e 00 07 00 06 61 6c 61 72 6d 21", "00 00 07 00 c8", None),
    (
        "email",
        "0d 00 09 00 10 61 40 62 2e 63 6f 00 73 75 62 6a 00 62 6f 64 79",
        "00 00 09 00 c8",
        None,
    ),
    ("event", "40 00 0a 00 0b 68 6f 74 00 6f 76 65 72 20 34 30", "", None),
    ("ping", "06 00 0c 00 00", "00 00 0c 00 c8", None),
    ("an answer to a virtual read, which none is", "00 03 e8 00 02", "", None),
    ("an answer to a virtual read", "14 00 0b 00 07 76 77 00 32 00 34 32", "", ("v2", 42)),
    ("an answer to a digital read", "14 03 e8 00 07 64 77 00 31 33 00 30", "", ("d13", 0)),
    ("bridge to nobody", "0f 00 0e 00 09 36 34 00 76 77 00 39 00 37", "00 00 0e 00 06", None),
    ("no value", "14 00 06 00 04 76 77 00 31", "00 00 06 00 02", None),
    ("pin 256", "14 00 09 00 08 76 77 00 32 35 36 00 32", "00 00 09 00 02", None),
    ("an unknown property", "13 00 19 00 08 31 00 6e 6f 70 65 00 4c", "00 00 19 00 0b", None),
    ("an unknown command", "63 00 1a 00 02 68 69", "", None),
    ("ping in the end", "06 00 1b 00 00", "00 00 1b 00 c8", None),
]


def octets(text, token):
    return b"".join(token.encode() if word == "T" else bytes.fromhex(word) for word in text.split())


class Wire(Raw):
    def expect(self, expected, what):
        came = self._take(len(expected))
        assert came == expected, (what, came.hex(" "), expected.hex(" "))


@pytest.mark.parametrize("cut", ["frame by frame", "byte by byte", "all at once"])
def test_what_a_device_says(shared, unique, cut):
    name = unique("board")
    token = token_of(shared, name)
    with Wire(shared) as wire:
        if cut == "all at once":
            wire.write(b"".join(octets(sent, token) for _, sent, _, _ in SAID))
        for what, sent, answer, _ in SAID:
            if cut == "frame by frame":
                wire.write(octets(sent, token))
            elif cut == "byte by byte":
                for octet in octets(sent, token):
                    wire.write(bytes([octet]))
            wire.expect(octets(answer, token), what)
        for _, _, _, held in filter(lambda row: row[3], SAID):
            prop, value = held
            until(lambda: shared.prop(name, prop)["value"] == value, what=f"{prop} = {value!r}")


@pytest.mark.parametrize(
    "info",
    [
        "ver·0.6.1·h-beat·10·buff-in·4096·dev·Linux·build·Nov 22 2026 12:00:00·conn·Socket·",
        "ver·1.4.0·h-beat·40·buff-in·4096·dev·Linux·fw-type·TMPLtest01·fw·0.1.0·build·Nov 22 2026 12:00:00·conn·Socket·tmpl·TMPLtest01·",
    ],
)
def test_what_the_libraries_in_c_say_of_themselves(shared, unique, info):
    with Wire(shared) as wire:
        wire.write(octets("02 00 01 00 20 T", token_of(shared, unique("board"))))
        wire.expect(bytes.fromhex("00 00 01 00 c8".replace(" ", "")), "the old login")
        wire.write(frame(0x11, 2, info.replace("·", "\0")))
        wire.expect(b"\0\0\2\0\xc8", "info")


def test_a_wrong_token_a_colour_and_the_mode_of_a_pin(shared, unique):
    name = unique("lamp")
    shared.declare(name, relay={"type": "bool", "bindings": ["blynk:D13"]}, color={"type": "color", "bindings": ["blynk:V1"]})
    token = token_of(shared, name)
    with Wire(shared) as wire:
        wire.write(octets("1d 00 01 00 20 T", "x" * 32))
        wire.expect(b"\0\0\1\0\x09", "a wrong token")
        wire.write(octets("1d 00 01 00 20 T 11 00 02 00 0e", token) + b"buff-in\x001024\0\0")
        wire.expect(b"\0\0\1\0\xc8\0\0\2\0\xc8", "login and info")
        wire.expect(bytes.fromhex("1400010009 706d00 3133 00 6f7574".replace(" ", "")), "pm 13 out")
        shared.post(f"/api/devices/{name}/color/set", data="#ff8000", headers={"Content-Type": "text/plain"})
        wire.expect(bytes.fromhex("1403e8000e 767700 31 00 323535 00 313238 00 30".replace(" ", "")), "255 128 0")


def test_a_bridge_and_the_clock(shared, unique):
    near, far = unique("near"), unique("far")
    token = token_of(shared, far)
    with Wire(shared) as one, Wire(shared) as other:
        for wire, name in ((one, near), (other, far)):
            wire.write(octets("1d 00 01 00 20 T 06 00 02 00 00", token_of(shared, name)))
            wire.expect(b"\0\0\1\0\xc8\0\0\2\0\xc8", "login and ping")
        one.write(octets("0f 00 0d 00 25 36 34 00 69 00 T", token))
        one.expect(b"\0\0\x0d\0\xc8", "a bridge is bound")
        one.write(octets("0f 00 0e 00 09 36 34 00 76 77 00 39 00 37", token))
        other.expect(bytes.fromhex("0f000e0006767700390037"), "the other device")
        one.write(octets("11 00 0a 00 08 72 74 63 00 73 79 6e 63", token))
        one.expect(bytes.fromhex("11000a000e72746300"), "the clock")
        assert re.fullmatch(rb"\d{10}", one._take(10))


def test_devices_are_sent_to_where_the_hub_is_now(make_hub, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text("[blynk]\nredirect = '127.0.0.1:18300'\n")
    hub = make_hub("--config", config).start()
    with Wire(hub) as wire:
        wire.write(octets("1d 00 01 00 20 T", "x" * 32))
        wire.expect(bytes.fromhex("290001000f 3132372e302e302e31 00 3138333030".replace(" ", "")), "redirect")
        assert wire.is_closed()


def test_a_frame_as_long_as_it_can_be(shared, unique):
    """65,535 bytes in pieces, with what else is in the way."""
    name = unique("board")
    with Wire(shared) as wire:
        assert wire.log_in(token_of(shared, name)) == (RESPONSE, 1, OK)
        text = b"x" * (65_535 - len(b"vw\x001\x00"))
        long = frame(20, 2, "vw", 1, text) + frame(PING, 3)
        for at in range(0, len(long), 8_191):
            wire.write(long[at : at + 8_191])
        wire.expect(b"\0\0\3\0\xc8", "the ping behind it")
        until(lambda: shared.device(name)["properties"]["v1"]["value"] == text.decode(), what="the value")


@pytest.mark.parametrize(
    "octets_sent",
    [
        b"\x14\0\0\0\x06vw\x001\x001",  # the number 0
        b"\x06\0\0\0\0",
        b"\x64\0\1\0\0",  # a command of 100
        b"\xff\xff\xff\xff\xff",
    ],
)
def test_what_ends_a_connection_ends_it_and_no_other(shared, unique, octets_sent):
    token = token_of(shared, unique("board"))
    with Wire(shared) as wire, Wire(shared) as other:
        assert wire.log_in(token) == (RESPONSE, 1, OK)
        assert other.log_in(token) == (RESPONSE, 1, OK)
        wire.write(octets_sent)
        assert wire.is_closed()
        assert other.ask(PING) == (RESPONSE, OK)


def test_a_flood_of_logins_ends_and_keeps_nobody_out(shared, unique):
    for _ in range(10):
        with Wire(shared) as wire:
            wire.write(octets("1d 00 01 00 20 T", "x" * 32) * 9)
            wire.expect(b"\0\0\1\0\x09" * 8, "wrong tokens")
            assert wire.is_closed()
    with Wire(shared) as wire:
        assert wire.log_in(token_of(shared, unique("board"))) == (RESPONSE, 1, OK)


def test_half_a_login_is_not_waited_for(make_hub, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text("[limits]\ngreeting_timeout = '1s'\n")
    hub = make_hub("--config", config).start()
    with socket.create_connection((hub.host, hub.port), PATIENCE) as one:
        one.sendall(bytes.fromhex("1d 00 01 00".replace(" ", "")))
        one.settimeout(PATIENCE)
        assert one.recv(64) == b""


@pytest.mark.parametrize("beat", [1, 3])
def test_a_heart_that_stops_is_missed(shared, unique, beat):
    """It beats for a while, which keeps the device, and then it does not."""
    name = unique("board")
    with Wire(shared) as wire:
        assert wire.log_in(token_of(shared, name)) == (RESPONSE, 1, OK)
        assert wire.ask(17, "ver", "1", "h-beat", beat) == (RESPONSE, OK)
        for _ in range(5):
            assert wire.ask(PING) == (RESPONSE, OK)
        until(lambda: shared.device(name)["online"], what="it is online")
        assert wire.is_closed()
        until(lambda: not shared.device(name)["online"], what="it is offline")
