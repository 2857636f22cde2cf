"""Doors with a lock: one shape for every transport and for every form in which it takes a credential.

`DOORS` lists them. `door.enter(hub, shown)` gives a session that can `write`, `read` and `subscribe`, each of which answers
"ok" or "no", and `hear`, which gives all that was delivered. The exact code of each refusal is checked here, once per door.
"""

import base64
import json
import socket
import threading
import urllib.parse
from dataclasses import dataclass

import cbor2
import httpx
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from . import rawmqtt
from .rawmqtt import Raw
from .wait import PATIENCE, Inbox

OK, NO = "ok", "no"


@dataclass(frozen=True)
class Shown:
    """What somebody shows: a form and what it takes."""

    form: str
    name: str = ""
    secret: str = ""
    # The address it comes from, one of this machine's.
    source: str = "127.0.0.1"

    def headers(self):
        if self.form == "bearer":
            return {"Authorization": f"Bearer {self.secret}"}
        if self.form in ("password", "basic", "basic-user"):
            pair = f"{self.secret}:" if self.form == "basic-user" else f"{self.name}:{self.secret}"
            return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        if self.form == "cookie":
            return {"Cookie": f"housewire={self.secret}"}
        return {}

    def query(self):
        return {"token": self.secret} if self.form == "query" else {}


NOTHING = Shown("none")
# In which forms tokens and people's credentials are shown over HTTP and over MQTT.
HTTP_OF_TOKEN, HTTP_OF_PERSON = ("bearer", "basic", "basic-user", "query"), ("password", "cookie")
MQTT_OF_TOKEN, MQTT_OF_PERSON = ("mqtt-password", "mqtt-user"), ("password",)


class Refused(Exception):
    """The door stays shut; the code that said so."""

    def __init__(self, code):
        super().__init__(f"refused with {code}")
        self.code = code


def _known(status, good):
    """What an HTTP status of somebody who was let in means."""
    assert status in (*good, 403), f"expected {good} or 403, got {status}"
    return NO if status == 403 else OK


class EventStream:
    """`GET /api/events` over a socket of its own: HTTP/1.0, whose bodies are not cut into chunks."""

    def __init__(self, hub, topic_filter, shown=NOTHING, heard=None):
        self.heard = heard or Inbox("events")
        self.socket = socket.create_connection((hub.host, hub.port), PATIENCE)
        query = urllib.parse.urlencode({**shown.query(), "filter": topic_filter})
        lines = [f"GET /api/events?{query} HTTP/1.0", f"Host: {hub.host}:{hub.port}"]
        lines += [f"{name}: {value}" for name, value in shown.headers().items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.pipe = self.socket.makefile("rb")
        self.status = int(self.pipe.readline().split()[1])
        self.ended = Inbox("the end of the event stream")
        while self.pipe.readline().strip():
            pass
        self.socket.settimeout(None)
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        try:
            for line in self.pipe:
                if line.startswith(b"data:"):
                    message = json.loads(line[5:])
                    if "topic" in message:
                        self.heard.put((message["topic"], message["payload"]))
        except (OSError, ValueError):
            pass
        self.ended.close("the stream ended")

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.ended.wait_closed()
        self.pipe.close()
        self.socket.close()


class _Http:
    """One HTTP client; requests are told apart by the door."""

    def __init__(self, hub, shown):
        self.hub, self.shown, self.heard, self._streams = hub, shown, Inbox("events"), []
        who = self.ask("GET", "/api/devices")
        if who.status_code == 401:
            assert "bearer" in who.headers["WWW-Authenticate"].lower()
            assert who.headers["Content-Type"] == "application/problem+json"
            raise Refused(401)
        assert who.status_code == 200, who.text

    def write(self, topic, text):
        answer = self.ask("PUT", f"/api/topics/{topic}", content=text, headers={"Content-Type": "text/plain"})
        return _known(answer.status_code, (204,))

    def read(self, topic):
        answer = self.ask("GET", f"/api/topics/{topic}")
        if topic.startswith("devices/"):
            for query in ({}, {"wait": "1s"}):
                state = self.ask("GET", f"/api/{topic}", query=query)
                assert (state.status_code == 200) == (answer.status_code == 200), (state.text, answer.text)
        return _known(answer.status_code, (200,))

    def subscribe(self, topic_filter):
        stream = EventStream(self.hub, topic_filter, self.shown, self.heard)
        result = _known(stream.status, (200,))
        if result == OK:
            self._streams.append(stream)
        else:
            stream.close()
        return result

    def address(self, path, query):
        return path, {**self.shown.query(), **query}

    def administer(self):
        """Every request that only those who look after the hub may make; what each came to."""
        asked = [
            ("GET", "/api/users", None, 200),
            ("GET", "/api/users/root", None, 200),
            ("GET", "/api/tokens", None, 200),
            ("GET", "/api/audit", None, 200),
            ("POST", "/api/users", {"name": "x", "password": "short", "role": "viewer"}, 422),
            ("PATCH", "/api/users/nobody-of-that-name", {"role": "admin"}, 404),
            ("DELETE", "/api/users/nobody-of-that-name", None, 404),
            ("POST", "/api/tokens", {"name": "x", "role": "no such role"}, 422),
            ("PATCH", "/api/tokens/4000000", {"expires": "1d"}, 404),
            ("DELETE", "/api/tokens/4000000", None, 404),
            ("DELETE", "/api/sessions/4000000", None, 404),
            ("DELETE", "/api/clients/nobody-of-that-name", None, 404),
            ("POST", "/api/devices/lamp/token", {"expires": "yesterday"}, 422),
        ]
        return {f"{method} {path}": (self.ask(method, path, json=body).status_code, good) for method, path, body, good in asked}

    def names(self):
        """The devices in the list."""
        return {device["id"] for device in self.ask("GET", "/api/devices").json()}

    def close(self):
        self.client.close()
        for stream in self._streams:
            stream.close()


class _From(requests.adapters.HTTPAdapter):
    """Connections from an address of choice."""

    def __init__(self, source):
        self.source = source
        super().__init__()

    def init_poolmanager(self, *args, **options):
        super().init_poolmanager(*args, source_address=(self.source, 0), **options)


class Http1(_Http):
    def ask(self, method, path, query=(), headers=(), content=None, json=None):
        if not hasattr(self, "client"):
            self.client = requests.Session()
            self.client.trust_env = False
            self.client.mount("http://", _From(self.shown.source))
        path, query = self.address(path, dict(query))
        headers = {**self.shown.headers(), **dict(headers)}
        return self.client.request(
            method, self.hub.url(path), params=query, headers=headers, data=content, json=json, timeout=PATIENCE
        )


class Http2(_Http):
    def ask(self, method, path, query=(), headers=(), content=None, json=None):
        if not hasattr(self, "client"):
            transport = httpx.HTTPTransport(http1=False, http2=True, local_address=self.shown.source)
            self.client = httpx.Client(transport=transport, base_url=self.hub.http, timeout=PATIENCE)
        path, query = self.address(path, dict(query))
        headers = {**self.shown.headers(), **dict(headers)}
        answer = self.client.request(method, path, params=query, headers=headers, content=content, json=json)
        assert answer.http_version == "HTTP/2"
        return answer


class Batch(Http1):
    """Reads and writes in batches; each entry has its own status."""

    def _one(self, entry, good):
        answer = self.ask("POST", "/api/batch", json=[entry])
        assert answer.status_code == 200, answer.text
        (done,) = answer.json()
        return _known(done["status"], good)

    def write(self, topic, text):
        return self._one({"op": "publish", "topic": topic, "payload": text, "retain": True}, (204,))

    def read(self, topic):
        return self._one({"op": "get", "topic": topic}, (200,))


class _Ws:
    def __init__(self, hub, shown):
        query = "&".join(f"{key}={value}" for key, value in shown.query().items())
        try:
            self.socket = connect(
                f"{hub.ws}?{query}",
                proxy=None,
                subprotocols=[self.language],
                additional_headers=shown.headers(),
                open_timeout=PATIENCE,
                source_address=(shown.source, 0),
            )
        except InvalidStatus as error:
            raise Refused(error.response.status_code) from None
        self.heard, self._answers, self._number = Inbox("messages"), Inbox("answers"), 0
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        try:
            for data in self.socket:
                frame = self.decode(data)
                if frame["op"] == "message":
                    self.heard.put((frame["topic"], self.text(frame["payload"])))
                else:
                    self._answers.put(frame)
        except ConnectionClosed:
            pass
        self.heard.close(f"closed with {self.socket.close_code}")
        self._answers.close(f"closed with {self.socket.close_code}")

    @staticmethod
    def text(payload):
        return payload.decode() if isinstance(payload, bytes) else payload

    def _ask(self, **request):
        self._number += 1
        number = self._number
        self.socket.send(self.encode({"id": number, **request}))
        answer = self._answers.wait(lambda frame: frame.get("id") == number, what=f"an answer to {request}")
        if answer["op"] == "error":
            assert answer["code"] == "forbidden", answer
            return NO
        assert answer["op"] == "ok", answer
        return OK

    def write(self, topic, text):
        return self._ask(op="publish", topic=topic, payload=text, retain=True, qos=1)

    def read(self, topic):
        return self._ask(op="get", topic=topic)

    def subscribe(self, topic_filter):
        return self._ask(op="subscribe", filter=topic_filter)

    def close(self):
        self.socket.close()


class WsJson(_Ws):
    language = "housewire.v1.json"
    encode = staticmethod(json.dumps)
    decode = staticmethod(json.loads)


class WsCbor(_Ws):
    language = "housewire.v1.cbor"
    encode = staticmethod(cbor2.dumps)
    decode = staticmethod(cbor2.loads)


def mqtt_login(shown, version, client_id, clean=True, props=b"", will=None):
    """A CONNECT with this credential."""
    flags, more = (0x02 if clean else 0), b""
    if will is not None:
        flags |= 0x04
        more += (b"\0" if version == 5 else b"") + rawmqtt.text(will[0]) + rawmqtt.text(will[1])
    if shown.form == "mqtt-user":
        flags, more = flags | 0x80, more + rawmqtt.text(shown.secret)
    elif shown.form != "none":
        flags, more = flags | 0xC0, more + rawmqtt.text(shown.name or "anything") + rawmqtt.text(shown.secret)
    return rawmqtt.connect(version, name=client_id, flags=flags, props=props, more=more)


class _InWebSocket:
    """As much of a TCP socket as `Raw` needs, through /mqtt."""

    def __init__(self, hub, source):
        url = f"ws://{hub.host}:{hub.port}/mqtt"
        self.connection = connect(url, proxy=None, subprotocols=["mqtt"], source_address=(source, 0))
        self.timeout = PATIENCE

    def sendall(self, data):
        self.connection.send(data)

    def settimeout(self, timeout):
        self.timeout = timeout

    def recv(self, _size):
        try:
            return self.connection.recv(self.timeout)
        except ConnectionClosed:
            return b""

    def close(self):
        self.connection.close()


class RawInWebSocket(Raw):
    def __init__(self, hub, source):
        self.version, self.socket, self.buffer = None, _InWebSocket(hub, source), b""


class _Mqtt:
    version = 5
    _clients = 0

    def __init__(self, hub, shown, client_id=None, **options):
        _Mqtt._clients += 1
        self.raw = self.open(hub, shown.source)
        self.raw.send(mqtt_login(shown, self.version, client_id or f"access-{_Mqtt._clients}", **options))
        answer = self.raw.read()
        assert answer.kind == rawmqtt.CONNACK, answer
        self.session_present = bool(answer.body[0])
        if answer.reason(self.version):
            assert self.raw.read() is None, "refused, and the connection stays"
            raise Refused(answer.reason(self.version))
        self.heard, self._answers, self._number = Inbox("deliveries"), Inbox("acknowledgements"), 0
        threading.Thread(target=self._follow, daemon=True).start()

    @staticmethod
    def open(hub, source):
        return Raw(hub, source=source)

    def _follow(self):
        reason = "closed"
        try:
            while (packet := self.raw.read(300)) is not None:
                if packet.kind == rawmqtt.PUBLISH:
                    self.heard.put(self._delivery(packet))
                elif packet.kind == rawmqtt.DISCONNECT:
                    reason = packet.reason(self.version)
                else:
                    self._answers.put(packet)
        except OSError:
            pass
        self.heard.close(reason)
        self._answers.close(reason)

    def _delivery(self, packet):
        length = int.from_bytes(packet.body[:2], "big")
        topic, rest = packet.body[2 : 2 + length].decode(), packet.body[2 + length :]
        if packet.flags & 6:
            self.raw.send(rawmqtt.packet(rawmqtt.PUBACK, rest[:2]))
            rest = rest[2:]
        if self.version == 5:
            rest = rest[1 + rest[0] :]
        return topic, rest.decode()

    def _ask(self, packet, kind):
        self.raw.send(packet)
        return self._answers.wait(lambda answer: answer.kind == kind, what=f"the answer to a packet of kind {kind}")

    def write(self, topic, text):
        self._number += 1
        publish = rawmqtt.publish(topic, text.encode(), self.version, qos=1, mid=self._number, retain=True)
        reason = self._ask(publish, rawmqtt.PUBACK).reason(self.version)
        if self.version == 5:
            assert reason in (0, 0x10, 0x87), hex(reason)
            return NO if reason == 0x87 else OK
        # MQTT 3.1.1 has no word for it: it is acknowledged, and nothing comes of it [MQTT-3.3.5-2].
        return None

    def read(self, topic):
        return self.subscribe(topic)

    def subscribe(self, topic_filter, qos=0):
        self._number += 1
        packet = rawmqtt.subscribe(topic_filter, self.version, self._number, options=qos)
        reason = self._ask(packet, rawmqtt.SUBACK).reason(self.version)
        assert reason in (qos, 0x80 if self.version == 4 else 0x87), hex(reason)
        return OK if reason == qos else NO

    def close(self):
        # A thread still reads: closing alone would not end the connection.
        if isinstance(self.raw.socket, socket.socket):
            try:
                self.raw.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.raw.close()


class Mqtt5(_Mqtt):
    pass


class Mqtt311(_Mqtt):
    version = 4


class MqttInWebSocket(_Mqtt):
    @staticmethod
    def open(hub, source):
        return RawInWebSocket(hub, source)


@dataclass(frozen=True)
class Door:
    name: str
    enter: object
    of_token: tuple
    of_person: tuple
    # What somebody hears whose credential is wrong, and who shows none where guests are not let in.
    wrong: int
    nobody: int

    def forms(self, is_person):
        return self.of_person if is_person else self.of_token


def _http_door(name, enter):
    return Door(name, enter, HTTP_OF_TOKEN, HTTP_OF_PERSON, 401, 401)


DOORS = [
    _http_door("http1", Http1),
    _http_door("http2", Http2),
    _http_door("batch", Batch),
    _http_door("ws-json", WsJson),
    _http_door("ws-cbor", WsCbor),
    Door("mqtt3", Mqtt311, MQTT_OF_TOKEN, MQTT_OF_PERSON, 4, 5),
    Door("mqtt5", Mqtt5, MQTT_OF_TOKEN, MQTT_OF_PERSON, 0x86, 0x87),
    Door("mqtt-ws", MqttInWebSocket, MQTT_OF_TOKEN, MQTT_OF_PERSON, 0x86, 0x87),
]


def hear_until(session, topic, text, timeout=PATIENCE):
    """All that was delivered up to this message."""
    heard = []
    while True:
        came = session.heard.wait(timeout=timeout, what=f"{topic} {text!r}")
        heard.append(came)
        if came == (topic, text):
            return heard


def sign_up(hub, name="root", password="correct horse battery"):
    """Makes the first admin as the guest of this machine; a `requests` session that has the cookie's rights by bearer-free Basic."""
    answer = requests.post(hub.url("/api/setup"), json={"name": name, "password": password}, timeout=PATIENCE)
    assert answer.status_code == 201, answer.text
    return Admin(hub, answer.cookies["housewire"])


class Admin:
    """Somebody who looks after the hub, with a browser's cookie."""

    def __init__(self, hub, cookie):
        self.hub, self.cookie = hub, cookie

    def ask(self, method, path, status=None, **options):
        headers = {"Cookie": f"housewire={self.cookie}", "Connection": "close", **options.pop("headers", {})}
        answer = requests.request(method, self.hub.url(path), headers=headers, timeout=PATIENCE, **options)
        assert status is None or answer.status_code == status, (method, path, answer.status_code, answer.text)
        return answer

    def person(self, name, role, password="a long enough one", **rights):
        self.ask("POST", "/api/users", 201, json={"name": name, "role": role, "password": password, **rights})
        return password

    def device_token(self, device, **fields):
        answer = self.ask("POST", f"/api/devices/{device}/token", 201, json=fields).json()
        assert len(answer["token"]) == 32
        return answer

    def app_token(self, name, **fields):
        return self.ask("POST", "/api/tokens", 201, json={"name": name, **fields}).json()

    def put(self, topic, text):
        self.ask("PUT", f"/api/topics/{topic}", 204, data=text, headers={"Content-Type": "text/plain"})

    def value(self, topic):
        answer = self.ask("GET", f"/api/topics/{topic}")
        return answer.text if answer.status_code == 200 else None


def sign_in(hub, name, password, status=200, **options):
    """A browser signs in; its cookie."""
    answer = requests.post(
        hub.url("/api/session"), json={"name": name, "password": password}, timeout=PATIENCE, **options
    )
    assert answer.status_code == status, answer.text
    return answer.cookies.get("housewire")


