"""A Node program that is driven by JSON lines, and on top of it mqtt.js."""

import base64
import itertools
import json
import pathlib
import subprocess
import threading
from dataclasses import dataclass

from .wait import PATIENCE, Answers, Inbox

JS = pathlib.Path(__file__).resolve().parent.parent / "js"
_numbers = itertools.count(1)


class NodeFailure(AssertionError):
    """The Node side refused a call; `code` is the library's own error code."""

    def __init__(self, text, code):
        super().__init__(text)
        self.code = code


class Node:
    """One running script. `call` asks; what happens by itself goes to `on_event`."""

    def __init__(self, script, on_event, arguments=()):
        self.name = script
        command = ["node", str(JS / script), *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=JS.parent
        )
        self._answers = Answers(script)
        self._on_event = on_event
        self._write = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with self.process.stdout as pipe:
            for line in pipe:
                frame = json.loads(line)
                if "event" in frame:
                    self._on_event(frame)
                else:
                    self._answers.give(frame["id"], frame)
        self._answers.close(f"node ended with {self.process.wait(PATIENCE)}")

    def call(self, op, patience=PATIENCE, **fields):
        number = self._answers.expect()
        with self._write:
            self.process.stdin.write(json.dumps({"id": number, "op": op, **fields}) + "\n")
            self.process.stdin.flush()
        answer = self._answers.take(number, patience)
        if not answer["ok"]:
            raise NodeFailure(f"{self.name} {op}: {answer['error']}", answer.get("code"))
        return answer

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()


@dataclass(frozen=True)
class Message:
    topic: str
    payload: bytes
    qos: int
    retain: bool


class MqttJs:
    """The Node process with all mqtt.js connections of a test run."""

    def __init__(self):
        self.clients = {}
        self.node = Node("mqtt_bridge.mjs", self._event)

    def _event(self, frame):
        client = self.clients[frame["client"]]
        if frame["event"] == "message":
            payload = base64.b64decode(frame["payload"])
            client.messages.put(Message(frame["topic"], payload, frame["qos"], frame["retain"]))
        else:
            client.events.put(frame)

    def connect(self, hub, version="3.1.1", port=None, **options):
        client = MqttJsClient(self, options.pop("clientId", None))
        client.open(f"mqtt://{hub.host}:{port or hub.mqtt_port}", 5 if version == "5" else 4, options)
        return client

    def connect_by_websocket(self, hub, version="3.1.1", **options):
        client = MqttJsClient(self, options.pop("clientId", None))
        client.open(f"ws://{hub.host}:{hub.port}/mqtt", 5 if version == "5" else 4, options)
        return client

    def connect_to(self, url, version="3.1.1", **options):
        """Whatever the address says: mqtts, wss."""
        client = MqttJsClient(self, options.pop("clientId", None))
        client.open(url, 5 if version == "5" else 4, options)
        return client

    def close(self):
        self.node.close()


class MqttJsClient:
    """One mqtt.js connection."""

    def __init__(self, bridge, client_id=None):
        self.bridge = bridge
        self.name = f"js-{next(_numbers)}"
        self.client_id = client_id or self.name
        self.messages = Inbox(self.name)
        self.events = Inbox(f"{self.name} events")
        bridge.clients[self.name] = self

    def open(self, url, version, options):
        options = {"protocolVersion": version, "clientId": self.client_id, **options}
        self.connack = self.bridge.node.call("connect", client=self.name, url=url, options=options)

    def subscribe(self, filter, qos=0, **options):
        return self.bridge.node.call("subscribe", client=self.name, filter=filter, options={"qos": qos, **options})[
            "granted"
        ]

    def publish(self, topic, payload, qos=0, retain=False):
        data = payload.encode() if isinstance(payload, str) else payload
        return self.bridge.node.call(
            "publish",
            client=self.name,
            topic=topic,
            payload=base64.b64encode(data).decode(),
            options={"qos": qos, "retain": retain},
        )["reasonCode"]

    def wait(self, topic, payload, timeout=PATIENCE):
        wanted = payload.encode() if isinstance(payload, str) else payload
        return self.messages.wait(lambda m: m.topic == topic and m.payload == wanted, timeout, f"{topic} {payload!r}")

    def close(self):
        self.bridge.node.call("end", client=self.name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
