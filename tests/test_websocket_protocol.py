"""Contract: RFC 6455, clause by clause, on the echo and where it applies on the API. Autobahn's suite on PyPI runs on Python 2 alone;
these are its kinds of cases."""

import json
import socket
import struct
import threading

import pytest

from support.check import problem
from support.rawws import BINARY, CLOSE, CONTINUATION, END, PING, PONG, TEXT, Frame, RawSocket, close, frame
from support.wait import until

BAD_UTF8 = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"a\x80", b"\xe2\x82"]
GOOD_UTF8 = "κόσμε 中文 🏠 \ufffe \U0010ffff\0".encode()


def more(payload, fin=True):
    return frame(CONTINUATION, payload, fin=fin)


# What a client sends, and every frame that comes back. The rest of a fragmented message may come back in one.
ECHOES = {
    "5.6 a text": ([frame(TEXT, b"hello")], [Frame(TEXT, b"hello")]),
    "5.6 bytes": ([frame(BINARY, b"\0\xff\xfe")], [Frame(BINARY, b"\0\xff\xfe")]),
    "5.6 nothing": ([frame(TEXT), frame(BINARY)], [Frame(TEXT, b""), Frame(BINARY, b"")]),
    "5.2 lengths at the borders": (
        [frame(BINARY, b"x" * size) for size in (125, 126, 127, 65_535, 65_536)],
        [Frame(BINARY, b"x" * size) for size in (125, 126, 127, 65_535, 65_536)],
    ),
    "5.2 a length that is longer than it need be": (
        [bytes([0x81, 0x80 | 126, 0, 2, 0, 0, 0, 0]) + b"hi"],
        [Frame(TEXT, b"hi")],
    ),
    "5.4 fragments": ([frame(TEXT, b"he", fin=False), more(b"l", False), more(b"lo")], [Frame(TEXT, b"hello")]),
    "5.4 empty fragments": (
        [frame(BINARY, fin=False), *[more(b"", False)] * 500, more(b"x", False), more(b"")],
        [Frame(BINARY, b"x")],
    ),
    "5.4 a ping between fragments": (
        [frame(TEXT, b"he", fin=False), frame(PING, b"p"), more(b"llo")],
        [Frame(PONG, b"p"), Frame(TEXT, b"hello")],
    ),
    "5.5.2 pings with and without payload": (
        [frame(PING), frame(TEXT, b"-"), frame(PING, b"\0\xff" * 62), frame(TEXT, b"-")],
        [Frame(PONG, b""), Frame(TEXT, b"-"), Frame(PONG, b"\0\xff" * 62), Frame(TEXT, b"-")],
    ),
    "5.5.3 pongs that nobody asked for": (
        [frame(PONG), frame(PONG, b"x"), frame(PING, b"y"), frame(TEXT, b"-")],
        [Frame(PONG, b"y"), Frame(TEXT, b"-")],
    ),
    "8.1 texts of every kind": ([frame(TEXT, GOOD_UTF8)], [Frame(TEXT, GOOD_UTF8)]),
    "8.1 a character over two fragments": (
        [frame(TEXT, b"\xe2\x82", fin=False), more(b"\xac")],
        [Frame(TEXT, "€".encode())],
    ),
    "5.6 bytes need not be text": ([frame(BINARY, BAD_UTF8[0])], [Frame(BINARY, BAD_UTF8[0])]),
}


@pytest.mark.parametrize("chopped", [False, True], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("case", ECHOES)
def test_what_is_right(case, chopped, shared):
    sent, expected = ECHOES[case]
    with RawSocket(shared) as raw:
        # A few hundred kilobytes byte by byte are no other case.
        raw.send(*sent, chopped=chopped and sum(map(len, sent)) < 10_000)
        assert [raw.read() for _ in expected] == expected
        raw.send(close(1000, b"bye"))
        assert raw.read_all() == [Frame(CLOSE, b"\x03\xe8bye")]


# What a client sends that no client may, and the close code that it hears.
WRONG = {
    "5.1 a frame without mask": (frame(TEXT, b"x", mask=False), 1002),
    "5.2 reserved bit 1, as nothing is compressed": (frame(TEXT, b"x", rsv=4), 1002),
    "5.2 reserved bit 2": (frame(BINARY, b"x", rsv=2), 1002),
    "5.2 reserved bit 3": (frame(TEXT, b"x", rsv=1), 1002),
    "5.2 a reserved bit of a ping": (frame(PING, b"x", rsv=1), 1002),
    **{f"5.2 opcode {opcode}": (frame(opcode, b"x"), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "5.4 a rest without beginning": (more(b"x"), 1002),
    "5.4 a rest behind a whole message": (frame(TEXT, b"x") + more(b"x"), 1002),
    "5.4 a message within another": (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
    "5.5 a ping in fragments": (frame(PING, b"x", fin=False) + more(b"y"), 1002),
    "5.5 a pong in fragments": (frame(PONG, b"x", fin=False), 1002),
    "5.5 a farewell in fragments": (frame(CLOSE, b"\x03\xe8", fin=False), 1002),
    "5.5 a ping of 126 bytes": (frame(PING, b"x" * 126), 1002),
    "5.5 a farewell of 126 bytes": (frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002),
    "5.5.1 a farewell of one byte": (frame(CLOSE, b"\x03"), 1002),
    "8.1 a reason that is no text": (close(1000, b"\xff"), (1002, 1007)),
    **{f"8.1 no text: {bad!r}": (frame(TEXT, bad), 1007) for bad in BAD_UTF8},
    **{f"8.1 no text, in its second part: {bad!r}": (frame(TEXT, b"a", fin=False) + more(bad), 1007) for bad in BAD_UTF8},
    # Told at once: the message never ends.
    "8.1 no text, and it goes on": (frame(TEXT, b"\xff", fin=False), 1007),
    "8.1 no text in the second part, and it goes on": (frame(TEXT, b"a", fin=False) + more(b"\xff", False), 1007),
    "7.4.1 a frame that is too large, by its length alone": (frame(BINARY, b"x", length=1_048_577), 1009),
    "7.4.1 a length of 2^63 - 1": (frame(BINARY, b"x", length=2**63 - 1), 1009),
    "7.4.1 fragments that are too large together": (
        frame(BINARY, b"x" * 600_000, fin=False) + more(b"x" * 600_000),
        1009,
    ),
}


@pytest.mark.parametrize("path", ["/api/ws/echo", "/api/ws"])
@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_by_its_code(case, path, shared):
    sent, code = WRONG[case]
    with RawSocket(shared, path) as raw:
        raw.send(sent)
        frames = raw.read_all()
        assert frames, "it ended without a word"
        assert frames[-1].opcode == CLOSE, frames[-1]
        assert frames[-1].code in (code if isinstance(code, tuple) else (code,)), frames[-1]
        reason = frames[-1].payload[2:].decode()
        assert reason and len(frames[-1].payload) <= 125, reason


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
def test_close_codes_that_may_be_said_come_back(code, shared):
    """7.1.5, 7.4: the answer to a farewell says the same, and then the hub ends the connection (7.1.1)."""
    with RawSocket(shared) as raw:
        raw.send(close(code, b"why"))
        assert raw.read() == Frame(CLOSE, struct.pack("!H", code) + b"why")
        assert raw.read() is END


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1012 + 4, 1100, 2000, 2999, 5000, 65_535])
def test_close_codes_that_nobody_may_say(code, shared):
    """7.4.2: not on the wire, or not defined."""
    with RawSocket(shared) as raw:
        raw.send(close(code))
        frames = raw.read_all()
        assert [came.opcode for came in frames] == [CLOSE]
        assert frames[0].code == 1002, frames


def test_a_farewell_without_code_is_answered_without(shared):
    with RawSocket(shared) as raw:
        raw.send(close())
        assert raw.read_all() == [Frame(CLOSE, b"")]


def test_nothing_counts_behind_the_farewell(shared):
    """5.5.1"""
    with RawSocket(shared) as raw:
        raw.send(close(1000), frame(TEXT, b"late"), frame(PING, b"late"))
        assert [came.opcode for came in raw.read_all()] == [CLOSE]


def test_the_hub_waits_for_the_answer_to_its_farewell(make_hub):
    """7.1.2: who is told goodbye may still finish what it was saying; who does not answer holds up nobody for long."""
    hub = make_hub().start()
    with RawSocket(hub) as polite, RawSocket(hub) as silent:
        polite.send(frame(TEXT, b"x"))
        assert polite.read() == Frame(TEXT, b"x")
        silent.send(frame(TEXT, b"x"))
        assert silent.read() == Frame(TEXT, b"x")
        hub.process.terminate()
        farewell = polite.read()
        assert (farewell.opcode, farewell.code) == (CLOSE, 1001)
        polite.send(close(1001))
        assert polite.read() is END
        assert [came.code for came in silent.read_all()] == [1001]


def test_a_client_that_is_gone_is_let_go(shared):
    """7.1.5: no farewell at all."""
    raw = RawSocket(shared, "/api/ws")
    raw.send(frame(TEXT, b'{"op":"ping","id":1}'))
    assert json.loads(raw.read().payload) == {"op": "ok", "id": 1}
    host, port = raw.socket.getsockname()

    def is_there():
        return f"{host}:{port}" in {client["address"] for client in shared.get("/api/clients").json()}

    assert is_there()
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.socket.close()
    until(lambda: not is_there(), what="it is no longer listed")


def test_a_message_that_never_ends_holds_nobody_up(hub):
    """5.4: empty fragments grow nothing, and whoever sends nothing else has its turn like others."""
    with RawSocket(hub) as endless, RawSocket(hub) as other:
        endless.send(frame(BINARY, b"x", fin=False))
        flood, over = more(b"", False) * 50_000, threading.Event()

        def send():
            while not over.is_set():
                endless.send(flood)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            for number in range(50):
                other.send(frame(TEXT, str(number).encode()))
                assert other.read() == Frame(TEXT, str(number).encode())
        finally:
            over.set()
            sender.join()
        endless.send(more(b"y"))
        assert endless.read() == Frame(BINARY, b"xy")


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize("path", ["/api/ws", "/api/ws/echo", "/mqtt"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"Upgrade": None},
        {"Connection": "close"},
        {"Upgrade": "h2c"},
        {"Sec-WebSocket-Key": None},
        {"Sec-WebSocket-Key": ""},
        {"Sec-WebSocket-Key": "not base64!"},
        {"Sec-WebSocket-Key": "c2hvcnQ="},
        {"Sec-WebSocket-Version": None},
        {"Sec-WebSocket-Version": "8"},
        {"Sec-WebSocket-Version": "14"},
    ],
    ids=lambda wrong: " ".join(f"{name}: {value}" for name, value in wrong.items()),
)
def test_requests_that_become_no_websocket(wrong, path, shared):
    """4.2.1, and 4.4: the answer says which version is spoken."""
    headers = {name: value for name, value in (UPGRADE | wrong).items() if value is not None}
    answer = shared.get(path, headers=headers)
    problem(answer, 426, "upgrade_required")
    assert answer.headers["Upgrade"] == "websocket"
    assert answer.headers["Sec-WebSocket-Version"] == "13"


def test_another_method_is_none_either(shared):
    assert shared.post("/api/ws", headers=UPGRADE).status_code == 405


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (None, None),
        ("housewire.v1.json", "housewire.v1.json"),
        ("housewire.v1.cbor", "housewire.v1.cbor"),
        ("graphql-ws, housewire.v1.cbor, housewire.v1.json", "housewire.v1.cbor"),
    ],
)
def test_the_subprotocol_is_the_clients_first_that_is_spoken(offered, chosen, shared):
    """4.2.2, 1.9"""
    headers = [f"Sec-WebSocket-Protocol: {offered}"] if offered else []
    with RawSocket(shared, "/api/ws", headers) as raw:
        lines = [line for line in raw.handshake.lower().split("\r\n") if line.startswith("sec-websocket-protocol")]
        assert lines == ([f"sec-websocket-protocol: {chosen}"] if chosen else [])


def test_a_subprotocol_that_nobody_speaks_is_refused(shared):
    answer = shared.get("/api/ws", headers=UPGRADE | {"Sec-WebSocket-Protocol": "housewire.v9.xml"})
    problem(answer, 400, "bad_request", ["housewire.v1.json"])


def test_no_extension_is_agreed_on(shared):
    """9.1: who offers compression goes on without."""
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"
    with RawSocket(shared, "/api/ws/echo", [offer]) as raw:
        assert "extensions" not in raw.handshake.lower()
        raw.send(frame(TEXT, b"plain"))
        assert raw.read() == Frame(TEXT, b"plain")


def test_a_flood_of_pings_waits_with_its_sender(shared):
    """Whoever sends pings and reads no answers is not read from, and others do not notice."""
    flood = frame(PING, b"x" * 125) * 2_000
    for path in ("/api/ws", "/api/ws/echo", "/mqtt"):
        with RawSocket(shared, path) as raw:
            raw.socket.settimeout(1)
            # Far more than all buffers of the system on the way.
            with pytest.raises(TimeoutError):
                for _ in range(500):
                    raw.socket.sendall(flood)
            with RawSocket(shared) as other:
                other.send(frame(TEXT, b"still here"))
                assert other.read() == Frame(TEXT, b"still here")
