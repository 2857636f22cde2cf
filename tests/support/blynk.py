"""Devices that speak Blynk: frame by frame, and with the libraries of Python as people use them."""

import itertools
import queue
import socket
import struct
import threading
import time

import blynklib
import BlynkLib
import pytest

from .node import Node
from .wait import PATIENCE, Inbox

RESPONSE, LOGIN, PING, TWEET, EMAIL, NOTIFY, BRIDGE, SYNC, INTERNAL, SMS, PROPERTY, HARDWARE = 0, 2, 6, 12, 13, 14, 15, 16, 17, 18, 19, 20
HARDWARE_LOGIN, EVENT = 29, 64
OK = 200


def token_of(hub, device):
    """A token for the device, made as a person makes it."""
    answer = hub.post(f"/api/devices/{device}/token")
    assert answer.status_code == 201, answer.text
    return answer.json()["token"]


def frame(command, number, *parts):
    body = b"\0".join(part if isinstance(part, bytes) else str(part).encode() for part in parts)
    return struct.pack("!BHH", command, number, len(body)) + body


class Raw:
    """One connection, frame by frame."""

    def __init__(self, hub, port=None, wrap=None):
        self.socket = socket.create_connection((hub.host, port or hub.port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if wrap:
            self.socket = wrap.wrap_socket(self.socket, server_hostname="localhost")
        self.socket.settimeout(PATIENCE)
        self._numbers = itertools.count(2)
        self._seen = b""

    def write(self, data):
        self.socket.sendall(data)

    def send(self, command, *parts, number=None):
        number = number or next(self._numbers)
        self.write(frame(command, number, *parts))
        return number

    def _take(self, count):
        while len(self._seen) < count:
            came = self.socket.recv(65536)
            if not came:
                raise EOFError("the hub closed the connection")
            self._seen += came
        taken, self._seen = self._seen[:count], self._seen[count:]
        return taken

    def read(self):
        """The next frame: command, number, and status or parts."""
        command, number, length = struct.unpack("!BHH", self._take(5))
        if command == RESPONSE:
            return command, number, length
        body = self._take(length).decode()
        return command, number, body.split("\0") if body else []

    def is_closed(self):
        """Waits for the end, and takes nothing but it."""
        try:
            came = self.read()
        except (EOFError, ConnectionResetError):
            return True
        pytest.fail(f"came {came} instead of the end")

    def log_in(self, token, command=HARDWARE_LOGIN):
        self.write(frame(command, 1, token))
        return self.read()

    def ask(self, command, *parts):
        """Sends, and what comes next; of the answer that it has the number is left out."""
        number = self.send(command, *parts)
        came, its, rest = self.read()
        assert its == number, (its, number, came, rest)
        return (came, rest)

    def ready(self, *info):
        """Says what its library says, so that it gets what is asked of it."""
        assert self.ask(INTERNAL, *(info or ("ver", "1", "h-beat", 10, "buff-in", 1024, "dev", "js"))) == (RESPONSE, OK)
        # What comes before the answer to a ping is heard by now.
        assert self.ask(PING) == (RESPONSE, OK)
        return self

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def device(hub, name, *info, **options):
    """A device that is there and listens."""
    raw = Raw(hub, **options)
    assert raw.log_in(token_of(hub, name)) == (RESPONSE, 1, OK)
    return raw.ready(*info)


class Sketch:
    """A library that wants to be run again and again, on a thread of its own. What it is asked to do is done there."""

    def __init__(self, name):
        self.events = Inbox(name)
        self._orders = queue.Queue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def _run(self):
        try:
            while not self._stop.is_set():
                self.blynk.run()
                while not self._orders.empty():
                    order = self._orders.get()
                    order(self.blynk)
                    # It takes what one read brings for one frame, and so does whoever is asked something twice at once.
                    time.sleep(0.02)
        except Exception as error:
            self.events.close(f"the library failed: {error!r}")

    def do(self, order):
        self._orders.put(order)

    def wait(self, *expected):
        return self.events.wait(lambda event: event == expected, what=str(expected))

    def close(self):
        self._stop.set()
        self._thread.join(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Blynklib(Sketch):
    """PyPI `blynklib`."""

    def __init__(self, hub, token, port=None, certificate=None, **options):
        super().__init__("blynklib")
        # It keeps handlers with the class.
        library = type("Blynk", (blynklib.Blynk,), {"_events": {}})
        host = "localhost" if certificate else hub.host
        self.blynk = library(
            token, server=host, port=port or hub.port, ssl_cert=certificate and str(certificate), **options
        )
        self.blynk.handle_event("connect")(lambda: self.events.put(("connected",)))
        self.blynk.handle_event("disconnect")(lambda: self.events.put(("disconnected",)))
        self.blynk.handle_event("write V*")(lambda pin, values: self.events.put(("write", pin, values)))
        self.blynk.handle_event("internal_rtc")(lambda values: self.events.put(("rtc", values)))
        self.start()


class BlynkPython(Sketch):
    """PyPI `blynk-library-python`."""

    def __init__(self, hub, token, port=None, **options):
        super().__init__("blynk-library-python")
        self.blynk = BlynkLib.Blynk(token, server=hub.host, port=port or hub.port, **options)
        self.blynk.on("connected", lambda ping=0: self.events.put(("connected",)))
        self.blynk.on("disconnected", lambda: self.events.put(("disconnected",)))
        self.blynk.on("V*", lambda pin, values: self.events.put(("write", int(pin), values)))
        self.start()


class BlynkJs:
    """The Node process in which npm `blynk-library` runs."""

    def __init__(self):
        self._devices = {}
        self._node = Node("blynk_bridge.mjs", self._hear)
        self._names = itertools.count(1)

    def _hear(self, event):
        inbox = self._devices.get(event["device"])
        if inbox:
            more = (event["pin"], event["values"]) if event["event"] == "write" else ()
            inbox.put((event["event"], *more))

    def connect(self, hub, token, pins, ca=None, port=None):
        name = f"device-{next(self._names)}"
        self._devices[name] = Inbox(name)
        host = "localhost" if ca else hub.host
        self._node.call(
            "connect", device=name, token=token, host=host, port=port or hub.port, ca=ca and str(ca), pins=list(pins)
        )
        return JsDevice(self._node, name, self._devices[name])

    def close(self):
        self._node.close()


class JsDevice:
    """One device of `BlynkJs`."""

    def __init__(self, node, name, events):
        self._node, self._name, self.events = node, name, events

    def wait(self, *expected):
        return self.events.wait(lambda event: event == expected, what=str(expected))

    def write(self, pin, *values):
        self._node.call("write", device=self._name, pin=pin, values=list(values) if len(values) > 1 else values[0])

    def call(self, method, *args):
        self._node.call("call", device=self._name, method=method, args=list(args))

    def widget(self, kind, pin, method, *args):
        self._node.call("widget", device=self._name, kind=kind, pin=pin, method=method, args=list(args))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._node.call("disconnect", device=self._name)


class BlynkNodes:
    """The Node process in which the nodes of npm `node-red-contrib-blynk-ws` run."""

    def __init__(self):
        self.events = Inbox("blynk nodes")
        self._node = Node("blynk_nodes.mjs", self.events.put)

    def add(self, *flow):
        self._node.call("add", flow=flow)

    def input(self, node, **message):
        self._node.call("input", node=node, message=message)

    def wait(self, node, event, **fields):
        """The next thing that a node does, with these fields."""

        def fits(seen):
            return (seen["node"], seen["event"]) == (node, event) and all(seen[key] == fields[key] for key in fields)

        return self.events.wait(fits, what=f"{event} of {node} {fields or ''}")

    def close(self):
        self._node.close()
