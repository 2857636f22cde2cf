"""Attacks: each is refused or bounded, somebody else is served meanwhile, and the hub's memory stays in bounds."""

import base64
import hashlib
import hmac
import json
import os
import resource
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest
import requests
from hyperframe.frame import ContinuationFrame, HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame
from hpack import Encoder
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from support import rawmqtt, rawws
from support.access import Admin, Mqtt5, Refused, Shown, sign_in, sign_up
from support.bystander import undisturbed
from support.check import problem
from support.hub import Hub, binary
from support.rawmqtt import Raw
from support.wait import PATIENCE, until

PASSWORD = "a gate with two hinges"
GREETING = 2


def name_only(value):
    """Bytes make poor names of tests."""
    return value.replace(" ", "-") if isinstance(value, str) else ""


class House:
    def __init__(self, folder, *flags, more="", **options):
        config = folder / "attacks.toml"
        config.write_text(f'[limits]\ngreeting_timeout = "{GREETING}s"\nconnection_rate_per_address = 100000\n{more}')
        self.hub = Hub(folder, "--config", config, *flags, **options).start()
        self.admin = sign_up(self.hub, "root", PASSWORD)
        self.token = self.admin.app_token("bystander", role="member")["token"]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("attacks"))
    yield house
    house.hub.has_not_panicked()
    house.hub.stop()
    house.hub.api.close()


def dial(hub, port=None, source=None):
    source = None if source is None else (source, 0)
    return socket.create_connection((hub.host, port or hub.port), PATIENCE, source_address=source)


def answer_to(hub, data, source=None, timeout=PATIENCE):
    """All that comes back until the hub closes; what came before a reset counts."""
    with dial(hub, source=source) as client:
        client.settimeout(timeout)
        seen = b""
        try:
            client.sendall(data)
            while came := client.recv(65_536):
                seen += came
        except ConnectionError:
            pass
        return seen


def is_closed(client):
    """Whether the hub has closed this connection; what it still said is thrown away."""
    client.setblocking(False)
    try:
        while client.recv(65_536):
            pass
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


SLOW = {
    "head": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"a" * 1000,
    "tls handshake": bytes.fromhex("16030100a5010000a10303") + b"\0" * 1000,
    "mqtt connect": rawmqtt.connect(name="n" * 60)[:-1],
    "http2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r",
    "nothing": b"",
}


class TestSlow:
    @pytest.mark.parametrize("what", SLOW)
    def test_who_dawdles_is_closed_and_stops_nobody(self, what, house):
        """Byte by byte, and never to the end."""
        data = SLOW[what]
        with undisturbed(house.hub, house.token):
            crowd = [dial(house.hub) for _ in range(60)]
            left, sent, deadline = list(crowd), 0, time.monotonic() + GREETING + PATIENCE
            while left and time.monotonic() < deadline:
                for client in left:
                    try:
                        client.setblocking(True)
                        client.send(data[sent : sent + 1])
                    except OSError:
                        pass
                sent += 1
                time.sleep(0.1)
                left = [client for client in left if not is_closed(client)]
            assert not left, f"{len(left)} of {len(crowd)} are still open"
            [client.close() for client in crowd]

    def test_slow_bodies_stop_nobody(self, house):
        head = b"PUT /api/topics/lab/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
        head += f"Authorization: Bearer {house.token}\r\n\r\n".encode()
        with undisturbed(house.hub, house.token):
            crowd = [dial(house.hub) for _ in range(100)]
            [client.sendall(head) for client in crowd]
            for _ in range(20):
                [client.send(b"x") for client in crowd]
                time.sleep(0.1)
            [client.close() for client in crowd]
        assert house.admin.value("lab/slow") is None

    def test_half_open_connections_beyond_the_descriptors(self, tmp_path):
        """As many as the hub may have, and more: who is in stays in, and the others are back once the crowd is gone."""

        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))

        house = House(tmp_path, process={"preexec_fn": few})
        try:
            with undisturbed(house.hub, house.token):
                board = Mqtt5(house.hub, Shown("mqtt-password", "x", house.token))
                assert board.subscribe("lab/#") == "ok"
                crowd = []
                for _ in range(600):
                    try:
                        crowd.append(socket.create_connection((house.hub.host, house.hub.port), 0.5))
                    except OSError:
                        break
                assert len(crowd) > 256
                assert board.write("lab/door", "open") == "ok"
                board.heard.wait(lambda came: came == ("lab/door", "open"))
                until(lambda: house.admin.value("lab/door") == "open", what="a newcomer is served when the crowd has timed out")
                [client.close() for client in crowd]
                board.close()
        finally:
            house.hub.stop()


class TestFloods:
    @pytest.mark.parametrize(
        ("name", "headers"),
        {
            "many": b"".join(b"X-%d: y\r\n" % number for number in range(5_000)),
            "long": b"X-Long: " + b"a" * 2_000_000 + b"\r\n",
            "cookies": b"Cookie: " + b"a=b; " * 100_000 + b"\r\n",
        }.items(),
        ids=name_only,
    )
    def test_headers(self, name, headers, house):
        with undisturbed(house.hub, house.token):
            for _ in range(10):
                seen = answer_to(house.hub, b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n")
                assert not seen or seen.split(b" ")[1] in (b"431", b"400"), seen[:200]

    def test_a_long_target(self, house):
        seen = answer_to(house.hub, b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert not seen or seen.split(b" ")[1] in (b"414", b"431", b"400"), seen[:200]

    def test_nobody_uploads_without_rights(self, house):
        """Bodies of those who are nobody are not gathered."""
        with undisturbed(house.hub, house.token, megabytes=32):
            for path in ("/api/session", "/api/setup", "/api/topics/a", "/api/batch"):
                head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\n".encode()
                seen = answer_to(house.hub, head + b"x" * 2_000_000)
                assert not seen or seen.split(b" ")[1] in (b"401", b"413"), (path, seen[:200])


BOMBS = {
    "deep": "[" * 100_000,
    "deep and closed": "[" * 50_000 + "]" * 50_000,
    "deep objects": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "a wide object": "{" + ",".join(f'"k{number}":1' for number in range(20_000)) + "}",
    "a wide list": "[" + ",".join(["0"] * 100_000) + "]",
    "a long number": "9" * 200_000,
    "a long fraction": "0." + "9" * 200_000,
    "a large exponent": "1e999999999999",
    "escapes": '"' + "\\u0000" * 30_000 + '"',
    "half a pair": '"\\ud800"',
}


class TestBombs:
    @pytest.mark.parametrize("name", BOMBS)
    def test_json_over_http(self, name, house):
        bomb = BOMBS[name]
        asked = [
            ("POST", "/api/batch", bomb),
            ("POST", "/api/batch", f'[{{"op":"publish","topic":"lab/bomb","payload":{bomb}}}]'),
            ("POST", "/api/users", bomb),
            ("POST", "/api/session", bomb),
            ("PUT", "/api/devices/bomb", bomb),
            ("PUT", "/api/devices/bomb", f'{{"properties":{bomb}}}'),
        ]
        with undisturbed(house.hub, house.token):
            for method, path, body in asked:
                answer = house.admin.ask(method, path, data=body, headers={"Content-Type": "application/json"})
                assert answer.status_code in (200, 201, 400, 413, 422), (path, answer.status_code, answer.text[:300])
                if "problem" in answer.headers["Content-Type"]:
                    assert len(answer.text) < 4_000, "an error repeats little of what was sent"
        house.admin.ask("DELETE", "/api/devices/bomb")

    @pytest.mark.parametrize("name", BOMBS)
    def test_json_over_websocket(self, name, house):
        header = {"Authorization": f"Bearer {house.token}"}
        with undisturbed(house.hub, house.token):
            with connect(house.hub.ws, proxy=None, additional_headers=header) as client:
                for text in (BOMBS[name], f'{{"op":"publish","id":1,"topic":"lab/bomb","payload":{BOMBS[name]}}}'):
                    client.send(text)
                    answer = json.loads(client.recv(PATIENCE))
                    answers = answer if isinstance(answer, list) else [answer]
                    assert all(answer["op"] in ("error", "ok") for answer in answers)
                    assert len(json.dumps(answers)) < 400_000

    @pytest.mark.parametrize(
        ("name", "bomb"),
        {
            "deep lists": b"\x81" * 100_000,
            "deep maps": b"\xa1\x61a" * 30_000,
            "deep tags": b"\xc1" * 100_000 + b"\x00",
            "deep without an end": b"\x9f" * 100_000,
            "a list said to be long": b"\x9b" + b"\x7f" + b"\xff" * 7,
            "a map said to be long": b"\xbb" + b"\x7f" + b"\xff" * 7,
            "bytes said to be many": b"\x5b" + b"\x7f" + b"\xff" * 7 + b"a" * 100,
            "text said to be long": b"\x7b" + b"\xff" * 8,
            "text that is no utf-8": b"\xa1\x62op\x64\xff\xfe\xff\xfe",
            "a big number": b"\xc2\x59\xff\xff" + b"\xff" * 65_535,
            "reserved": b"\x1c\x1d\x1e",
        }.items(),
        ids=name_only,
    )
    def test_cbor(self, name, bomb, house):
        header = {"Authorization": f"Bearer {house.token}"}
        payload = b"\xa3\x62op\x67publish\x65topic\x68lab/bomb\x67payload"
        with undisturbed(house.hub, house.token):
            for data in (bomb, payload + bomb):
                with connect(
                    house.hub.ws, proxy=None, additional_headers=header, subprotocols=["housewire.v1.cbor"]
                ) as client:
                    client.send(data)
                    try:
                        assert len(client.recv(PATIENCE)) < 70_000
                    except ConnectionClosed as closed:
                        assert closed.rcvd is not None and closed.rcvd.code in (1002, 1003, 1007, 1009)


class TestText:
    """Bytes that are no UTF-8, wherever text belongs."""

    @pytest.mark.parametrize(
        "request_bytes",
        [
            b"GET /api/devices/%ff%fe HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\n\r\n",
            b"GET /api/topics/%c0%af HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\n\r\n",
            b"GET /api/devices?after=%ff HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\n\r\n",
            b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /api/devices HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
            b"GET /api/devices HTTP/1.1\r\nHost: localhost\r\nCookie: housewire=\xff\xfe\r\n\r\n",
            b"GET /api/devices HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
            b"GET /api/devices HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic /////w==\r\n\r\n",
            b"GET /api/devices?token=%ff HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /api/devices HTTP/1.1\r\nHost: localhost\r\nOrigin: \xff\r\n\r\n",
            b"PUT /api/devices/d HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\n"
            b"Content-Length: 3\r\n\r\n\"\xff\"",
        ],
    )
    def test_http(self, request_bytes, house):
        request_bytes = request_bytes.replace(b"TOKEN", house.token.encode())
        data = request_bytes.replace(b" HTTP/1.1\r\n", b" HTTP/1.1\r\nConnection: close\r\n")
        seen = answer_to(house.hub, data, source="127.9.0.1")
        assert seen.split(b" ")[1] in (b"400", b"401", b"403", b"404", b"422"), seen[:300]

    def test_websocket(self, house):
        headers = [f"Authorization: Bearer {house.token}"]
        for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b'{"op":"\xff"}'):
            with rawws.RawSocket(house.hub, "/api/ws", headers) as client:
                client.send(rawws.frame(rawws.TEXT, bad))
                assert [frame.code for frame in client.read_all() if frame.opcode == rawws.CLOSE] == [1007]

    @pytest.mark.parametrize("version", [4, 5])
    def test_mqtt(self, version, house):
        name, secret = rawmqtt.text(b"\xff\xfe"), rawmqtt.text(b"\xff\xfe")
        with Raw(house.hub, source="127.9.0.2") as raw:
            raw.send(rawmqtt.connect(version, flags=0xC2, more=name + secret))
            assert raw.ended_with() in (None, 0x81, 0x82, 4, 0x85, 0x86)
        with Raw(house.hub, source="127.9.0.3") as raw:
            raw.send(rawmqtt.connect(version, flags=0xC2, more=rawmqtt.text("anna") + secret))
            assert raw.ended_with() in (4, 0x86), "a password is bytes, and wrong"


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        [
            "/../../../../etc/passwd",
            "/assets/../../../../etc/passwd",
            "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            "/assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
            "/assets/..%5c..%5cetc%5cpasswd",
            "/assets\\..\\..\\etc\\passwd",
            "/assets/%00",
            "/index.html%00.js",
            "//etc/passwd",
            "/assets//etc/passwd",
            "/./././housewire.db",
            "/housewire.db",
            "/data/housewire.db",
            "/local/token",
            "/tls/ca.key",
            "/%2f%2fetc%2fpasswd",
            "/%252e%252e/%252e%252e/etc/passwd",
        ],
    )
    def test_no_file_but_the_pages(self, path, house):
        seen = answer_to(house.hub, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        status, body = seen.split(b" ")[1], seen.partition(b"\r\n\r\n")[2]
        # The page shows for every path that is none of its files.
        assert status in (b"200", b"400", b"404"), seen[:200]
        for secret in (b"root:", b"SQLite format", b"PRIVATE KEY", (house.hub.data / "local" / "token").read_bytes().strip()):
            assert secret not in body

    @pytest.mark.parametrize(
        "path",
        ["/api/../api/users", "/api/%75sers", "//api/users", "/api//users", "/api/./users", "/API/users", "/api/users/",
         "/api/users%00", "/api/users;x", "/mqtt/../api/users", "/api/session/../users", "/api/health/../users"],
    )  # fmt: skip
    def test_no_spelling_leads_around_the_gate(self, path, house):
        """Nobody sees people by any spelling of the path, not even behind an open one."""
        seen = answer_to(house.hub, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert b'"sessions"' not in seen and b'"role"' not in seen, seen[-300:]
        assert seen.split(b" ")[1] in (b"200", b"400", b"401", b"404"), seen[:200]
        if seen.split(b" ")[1] == b"200":
            assert b"text/html" in seen.lower()


class TestGuessing:
    def bearer(self, house, token, source):
        data = f"GET /api/devices HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
        seen = answer_to(house.hub, data.encode(), source)
        return int(seen.split(b" ")[1]), seen.lower()

    def test_tokens_are_guessed_slowly_and_only_there(self, house):
        guesser, neighbour = "127.8.0.1", "127.8.0.2"
        statuses = [self.bearer(house, "A" * 29 + f"{number:03}", guesser)[0] for number in range(60)]
        assert statuses[:20] == [401] * 20 and 429 in statuses, statuses
        status, seen = self.bearer(house, "A" * 32, guesser)
        assert status == 429
        assert int(seen.split(b"retry-after:")[1].split()[0]) >= 1
        assert self.bearer(house, house.token, guesser)[0] == 200, "who has a token is not kept out by who has none"
        assert self.bearer(house, "A" * 32, neighbour)[0] == 401

    def sign_in(self, house, name, password, source):
        body = json.dumps({"name": name, "password": password})
        data = f"POST /api/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
        seen = answer_to(house.hub, (data + "Content-Type: application/json\r\n\r\n" + body).encode(), source)
        return int(seen.split(b" ")[1]), seen.lower()

    def test_passwords_of_one_account_are_guessed_slowly_from_everywhere(self, house):
        house.admin.person("target", "member", PASSWORD)
        assert self.sign_in(house, "target", PASSWORD, "127.8.1.1")[0] == 200
        statuses = [self.sign_in(house, "target", f"wrong {number}", f"127.8.2.{number + 1}")[0] for number in range(16)]
        assert statuses[:8] == [401] * 8 and statuses[-1] == 429, statuses
        assert self.sign_in(house, "target", PASSWORD, "127.8.2.99")[0] == 429, "nor is a right one tried meanwhile"
        assert self.sign_in(house, "target", PASSWORD, "127.8.1.1")[0] == 200, "from where they were right before they are"
        assert self.sign_in(house, "root", PASSWORD, "127.8.2.100")[0] == 200, "other accounts are not concerned"

    def test_passwords_are_guessed_slowly_from_one_address(self, house):
        source = "127.8.3.1"
        statuses = [self.sign_in(house, f"somebody-{number}", "wrong", source)[0] for number in range(16)]
        assert statuses[:8] == [401] * 8 and statuses[-1] == 429, statuses
        status, seen = self.sign_in(house, "somebody-else", "wrong", source)
        assert status == 429 and int(seen.split(b"retry-after:")[1].split()[0]) >= 1
        with pytest.raises(Refused) as refused:
            Mqtt5(house.hub, Shown("password", "somebody-else", "wrong", source))
        assert refused.value.code == 0x9F, "whichever door is tried"
        assert self.sign_in(house, "somebody-else", "wrong", "127.8.3.2")[0] == 401

    def test_a_forwarded_address_is_not_believed(self, house):
        source = "127.8.4.1"
        headers = [f"X-Forwarded-For: 192.0.2.{number}\r\nForwarded: for=192.0.2.{number}\r\n" for number in range(45)]
        statuses = []
        for forwarded in headers:
            data = f"GET /api/devices HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{forwarded}Authorization: Bearer {'B' * 32}\r\n\r\n"
            statuses.append(int(answer_to(house.hub, data.encode(), source).split(b" ")[1]))
        assert 429 in statuses, statuses

    def test_a_flood_of_sign_ins_blocks_nobody(self, house):
        """Each check takes a thread for a while, of which there are two; a shard waits for none."""
        statuses = []

        def knock(number):
            for attempt in range(3):
                statuses.append(self.sign_in(house, f"flood-{number}-{attempt}", "wrong", f"127.8.5.{number + 1}")[0])

        with undisturbed(house.hub, house.token, megabytes=128):
            crowd = [threading.Thread(target=knock, args=(number,)) for number in range(40)]
            [one.start() for one in crowd]
            [one.join(60) for one in crowd]
        assert set(statuses) <= {401, 429, 503} and len(statuses) == 120, statuses

    def test_scram_is_guessed_as_slowly(self, make_hub, tmp_path):
        made = subprocess.run([binary(), "scram", "anna"], input=b"pencil\n", capture_output=True, check=True)
        config = tmp_path / "scram.toml"
        config.write_bytes(b'guest = "off"\n\n' + made.stdout)
        hub = make_hub("--config", config).start()
        assert scram(hub, "anna", "pencil", "127.8.6.1") == 0
        codes = [scram(hub, "anna", f"wrong {number}", "127.8.6.2") for number in range(16)]
        assert codes[:8] == [0x87] * 8 and codes[-1] == 0x9F, codes
        assert scram(hub, "anna", "pencil", "127.8.6.1") == 0, "from where it was right before it is"


def scram(hub, name, password, source):
    """An MQTT 5 log-in by SCRAM-SHA-256 (RFC 5802); the code of the CONNACK."""
    method = b"\x15" + rawmqtt.text("SCRAM-SHA-256")
    first = f"n={name},r={base64.b64encode(os.urandom(12)).decode()}"
    with Raw(hub, source=source) as raw:
        raw.send(rawmqtt.connect(5, name="scram", props=method + b"\x16" + rawmqtt.text(f"n,,{first}")))
        challenge = raw.read()
        if challenge.kind == rawmqtt.CONNACK:
            return challenge.reason(5)
        data = challenge.body[challenge.body.index(b"\x16", 5 + len("SCRAM-SHA-256")) + 3 :].decode()
        fields = dict(field.split("=", 1) for field in data.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        without = f"c=biws,r={fields['r']}"
        signed = hmac.digest(hashlib.sha256(key).digest(), f"{first},{data},{without}".encode(), "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signed))).decode()
        props = method + b"\x16" + rawmqtt.text(f"{without},p={proof}")
        raw.send(rawmqtt.packet(15, b"\x18" + rawmqtt.varint(len(props)) + props))
        return raw.read().reason(5)


class TestBrowsers:
    """What a page of another site can have a browser do, and what it cannot."""

    @pytest.fixture
    def cookie(self, house):
        return sign_in(house.hub, "root", PASSWORD)

    FOREIGN = [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://evil.example", "Content-Type": "text/plain"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Content-Type": "application/x-www-form-urlencoded"},
        {"Host": "evil.example"},
        {"Host": "rebound.evil.example:8080"},
        {"Host": "127.0.0.1.evil.example"},
    ]

    @pytest.mark.parametrize("headers", FOREIGN, ids=str)
    def test_another_sites_page_changes_nothing(self, headers, house, cookie):
        body = json.dumps({"name": "mallory", "password": PASSWORD, "role": "admin"})
        headers = {"Content-Type": "text/plain", **headers}
        mine = Admin(house.hub, cookie)
        problem(mine.ask("POST", "/api/users", data=body, headers=headers), 403, "foreign_page")
        problem(mine.ask("PUT", "/api/topics/lab/forged", data="1", headers=headers), 403, "foreign_page")
        problem(mine.ask("DELETE", "/api/session", headers=headers), 403, "foreign_page")
        problem(mine.ask("POST", "/api/batch", data="[]", headers=headers), 403, "foreign_page")
        assert house.admin.value("lab/forged") is None
        house.admin.ask("GET", "/api/users/mallory", 404)
        assert mine.ask("GET", "/api/session").json()["name"] == "root"

    @pytest.mark.parametrize("headers", [h for h in FOREIGN if "Sec-Fetch-Site" not in h], ids=str)
    def test_nor_does_it_read_or_open_a_websocket(self, headers, house, cookie):
        problem(Admin(house.hub, cookie).ask("GET", "/api/devices", headers=headers), 403, "foreign_page")
        headers = {key: value for key, value in headers.items() if key != "Content-Type"}
        host = headers.pop("Host", f"{house.hub.host}:{house.hub.port}")
        for path in ("/api/ws", "/mqtt"):
            lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket", f"Cookie: housewire={cookie}"]
            lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: mqtt"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            with dial(house.hub) as client:
                client.sendall("\r\n".join([*lines, "", ""]).encode())
                assert client.recv(4096).split(b" ")[1] == b"403", path

    @pytest.mark.parametrize("headers", FOREIGN, ids=str)
    def test_nor_does_it_sign_anybody_in(self, headers, house):
        body = json.dumps({"name": "root", "password": PASSWORD})
        answer = requests.post(house.hub.url("/api/session"), data=body, headers=headers, timeout=PATIENCE)
        problem(answer, 403, "foreign_page")
        assert "housewire" not in answer.cookies

    def test_a_cookie_is_worth_nothing_after_the_sign_out(self, house, cookie):
        mine = Admin(house.hub, cookie)
        events = requests.get(
            house.hub.url("/api/events?filter=%23"), headers={"Cookie": f"housewire={cookie}"}, stream=True, timeout=PATIENCE
        )
        done = mine.ask("DELETE", "/api/session", 204)
        assert "Max-Age=0" in done.headers["Set-Cookie"]
        problem(mine.ask("GET", "/api/devices"), 401)
        with pytest.raises(InvalidStatus) as refused:
            connect(house.hub.ws, proxy=None, additional_headers={"Cookie": f"housewire={cookie}"})
        assert refused.value.response.status_code == 401
        b"".join(events.iter_content(4096))  # Ends.

    def test_the_cookie_is_for_the_hub_alone(self, house):
        answer = requests.post(house.hub.url("/api/session"), json={"name": "root", "password": PASSWORD}, timeout=PATIENCE)
        attributes = {part.strip() for part in answer.headers["Set-Cookie"].split(";")[1:]}
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= attributes
        assert "Secure" not in attributes and not answer.json()["secure"]
        assert not any(part.lower().startswith("domain") for part in attributes)
        spoofed = requests.get(house.hub.url("/api/session"), headers={"X-Forwarded-Proto": "https"}, timeout=PATIENCE)
        assert not spoofed.json()["secure"], "a header does not make a connection secure"

    def test_over_tls_it_is_another_one(self, house, cookie):
        hub = house.hub
        context = ssl.create_default_context(cafile=hub.data / "tls" / "ca.crt")

        def ask(method, path, headers=(), body=None):
            with context.wrap_socket(dial(hub), server_hostname="localhost") as client:
                lines = [f"{method} {path} HTTP/1.1", f"Host: localhost:{hub.port}", "Connection: close", *headers]
                if body:
                    lines += [f"Content-Length: {len(body)}", "Content-Type: application/json"]
                client.sendall("\r\n".join([*lines, "", body or ""]).encode())
                seen = b""
                while came := client.recv(65_536):
                    seen += came
                return seen.decode()

        seen = ask("POST", "/api/session", body=json.dumps({"name": "root", "password": PASSWORD}))
        line = next(line for line in seen.splitlines() if line.lower().startswith("set-cookie:"))
        assert " __Host-housewire=" in line and "; Secure" in line and "HttpOnly" in line and "SameSite=Strict" in line
        secure = line.split("=", 1)[1].split(";")[0]
        assert ask("GET", "/api/devices", [f"Cookie: __Host-housewire={secure}"]).startswith("HTTP/1.1 200")
        # A page without TLS, which anybody on the way may have written, can set the plain one; it means nothing here.
        assert ask("GET", "/api/devices", [f"Cookie: housewire={cookie}"]).startswith("HTTP/1.1 401")
        foreign = [f"Cookie: __Host-housewire={secure}", f"Origin: http://localhost:{hub.port}"]
        assert ask("PUT", "/api/topics/lab/forged", foreign, "1").startswith("HTTP/1.1 403")

    def test_no_frame_and_no_script_of_others(self, house):
        page, api = requests.get(house.hub.url("/"), timeout=PATIENCE), house.admin.ask("GET", "/api/devices")
        for answer in (page, api, house.admin.ask("GET", "/api/nowhere"), requests.get(house.hub.url("/api/devices"))):
            policy = answer.headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in policy and "unsafe-inline" not in policy and "unsafe-eval" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "<script>" not in page.text and "onload=" not in page.text and "style=" not in page.text
        assert api.headers["Cache-Control"] == "no-store" and "sandbox" in api.headers["Content-Security-Policy"]

    def test_what_a_device_says_is_html_does_not_run(self, house):
        house.admin.ask("PUT", "/api/topics/lab/html", 204, data="<script>1</script>", headers={"Content-Type": "text/html"})
        answer = house.admin.ask("GET", "/api/topics/lab/html", 200)
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


class TestProxies:
    V2 = b"\r\n\r\n\0\r\nQUIT\n" + b"\x21\x11\x00\x0c" + socket.inet_aton("127.0.0.1") * 2 + struct.pack("!HH", 9, 80)
    GET = b"GET /api/devices HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    @pytest.mark.parametrize("header", [V2, b"PROXY TCP4 127.0.0.1 127.0.0.1 9 80\r\n"], ids=["binary", "text"])
    def test_nobody_is_believed_unless_the_configuration_says_so(self, header, house):
        seen = answer_to(house.hub, header + self.GET)
        assert b" 200 " not in seen.split(b"\r\n")[0], seen[:200]

    def test_only_a_named_proxy_is_believed_and_it_makes_nobody_a_guest(self, make_hub):
        hub = make_hub("--proxy-protocol", "--proxy-from", "127.0.0.2").start()
        assert b" 200 " in answer_to(hub, self.GET).split(b"\r\n")[0], "this machine is the guest"
        assert b" 200 " not in answer_to(hub, self.V2 + self.GET).split(b"\r\n")[0], "from elsewhere a header is nonsense"
        assert b" 401 " in answer_to(hub, self.V2 + self.GET, "127.0.0.2").split(b"\r\n")[0], "a proxy lends nobody the guest"
        assert answer_to(hub, self.GET, "127.0.0.2") == b"", "a proxy that says nothing is closed"


SMUGGLED = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nX-Smuggled: yes\r\n\r\n"
LENGTH = str(len(SMUGGLED)).encode()


class TestSmuggling:
    """What two readers could understand differently is refused, and what stands behind it is not read as a request."""

    @pytest.mark.parametrize(
        ("name", "head", "body"),
        [
            ("length and chunks", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
            ("chunks and length", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
            ("two lengths", b"Content-Length: 0\r\nContent-Length: " + LENGTH + b"\r\n", b""),
            ("a list of lengths", b"Content-Length: 0, " + LENGTH + b"\r\n", b""),
            ("a signed length", b"Content-Length: +0\r\n", b""),
            ("a negative length", b"Content-Length: -1\r\n", b""),
            ("a length in hexadecimal", b"Content-Length: 0x0\r\n", b""),
            ("a length beyond all", b"Content-Length: 99999999999999999999999999\r\n", b""),
            ("an unknown coding", b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
            ("chunked is not last", b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"),
            ("a space before the colon", b"Content-Length : 0\r\n", b""),
            ("a space before the coding's colon", b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"),
            ("a folded line", b"X: y\r\n Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
            ("a chunk beyond all", b"Transfer-Encoding: chunked\r\n", b"fffffffffffffffff\r\n"),
            ("a chunk of no number", b"Transfer-Encoding: chunked\r\n", b"-1\r\n\r\n"),
            ("a name with a nul", b"X\0Y: z\r\n", b""),
        ],
        ids=name_only,
    )
    def test_it(self, name, head, body, house):
        start = b"POST /api/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        seen = answer_to(house.hub, start + head + b"\r\n" + body + SMUGGLED)
        answers = [line for line in seen.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
        assert len(answers) <= 1, seen
        assert not answers or answers[0].split(b" ")[1] in (b"400", b"411", b"413", b"501"), answers

    def test_two_names_of_the_hub_are_refused(self, house):
        head = b"GET /api/session HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        assert answer_to(house.hub, head).startswith(b"HTTP/1.1 400 ")


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class TestHttp2:
    def flood(self, house, frames, begin=b""):
        """Sends until the hub closes, or all is sent; whether it closed."""
        with dial(house.hub) as client:
            client.settimeout(PATIENCE)
            try:
                client.sendall(PREFACE + SettingsFrame(0).serialize() + begin)
                for data in frames:
                    client.sendall(data)
                    client.setblocking(False)
                    try:
                        if not client.recv(1 << 20):
                            return True
                    except BlockingIOError:
                        pass
                    client.settimeout(PATIENCE)
                while client.recv(1 << 20):
                    pass
                return True
            except ConnectionError:
                return True
            except TimeoutError:
                return False

    def head(self, house, *more):
        fields = [(":method", "GET"), (":path", "/api/health"), (":scheme", "http"), (":authority", "localhost"), *more]
        return Encoder().encode(fields, huffman=False)

    def test_rapid_reset(self, house):
        def frames():
            for number in range(1, 40_001, 2):
                begin = HeadersFrame(number, self.head(house), flags=["END_HEADERS", "END_STREAM"]).serialize()
                yield begin + RstStreamFrame(number, 8).serialize()

        with undisturbed(house.hub, house.token):
            assert self.flood(house, frames()), "who resets all the time is closed"

    def test_continuations_without_an_end(self, house):
        def frames():
            for _ in range(4_000):
                yield ContinuationFrame(1, b"\0\x01a" + b"\x7f\x80\x7e" + b"b" * 254).serialize() * 8

        begin = HeadersFrame(1, self.head(house), flags=["END_STREAM"]).serialize()
        with undisturbed(house.hub, house.token):
            assert self.flood(house, frames(), begin), "a head without an end is closed"

    def test_empty_continuations(self, house):
        begin = HeadersFrame(1, self.head(house), flags=["END_STREAM"]).serialize()
        empty = ContinuationFrame(1, b"").serialize() * 100
        with undisturbed(house.hub, house.token):
            assert self.flood(house, (empty for _ in range(2_000)), begin)

    def test_a_small_head_that_unpacks_to_a_large_one(self, house):
        """One long entry in the table, named a thousand times (HPACK bomb)."""
        bomb = Encoder().encode([("x-bomb", "b" * 3_000)], huffman=False) + b"\xbe" * 12_000
        data = HeadersFrame(1, self.head(house) + bomb, flags=["END_HEADERS", "END_STREAM"]).serialize()
        with undisturbed(house.hub, house.token, megabytes=32):
            for _ in range(20):
                with dial(house.hub) as client:
                    client.settimeout(PATIENCE)
                    client.sendall(PREFACE + SettingsFrame(0).serialize() + data)
                    assert client.recv(65_536)

    @pytest.mark.parametrize("frame", [PingFrame(0, b"12345678"), SettingsFrame(0)], ids=["pings", "settings"])
    def test_what_asks_for_answers_that_nobody_reads(self, frame, house):
        data = frame.serialize() * 1_000
        with undisturbed(house.hub, house.token):
            with dial(house.hub) as client:
                client.settimeout(1)
                try:
                    client.sendall(PREFACE + SettingsFrame(0).serialize())
                    for _ in range(500):
                        client.sendall(data)
                except OSError:
                    pass  # Closed, or not read from any more: either bounds what waits.
