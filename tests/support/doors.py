"""Every door of the hub under one shape, so that each can be tried against each other.

A publisher is a function (hub, topic, text); a subscriber opens on a topic and then waits for a text.
"""

import json
import threading
from dataclasses import dataclass

from . import mosquitto, web
from .paho import Paho
from .wait import PATIENCE, Inbox

MQTT_PORTS = {"mqtt port": lambda hub: hub.mqtt_port, "one port": lambda hub: hub.port}


@dataclass(frozen=True)
class Door:
    """One way in or out: its name, and how to use it. Device doors know only `devices/…` topics."""

    name: str
    open: object
    devices_only: bool = False

    def __str__(self):
        return self.name.replace(" ", "-")


def _mosquitto_pub(version, port):
    return lambda hub, js, topic, text: mosquitto.publish(hub, topic, text, version, port=port(hub))


def _paho_pub(version, port):
    def publish(hub, js, topic, text):
        with Paho(hub, version, port(hub)) as client:
            client.publish(topic, text, qos=1)

    return publish


def _js_pub(version, port):
    def publish(hub, js, topic, text):
        with js.connect(hub, version, port(hub)) as client:
            client.publish(topic, text, qos=1)

    return publish


def _curl_put_property(hub, js, topic, text):
    reply = web.curl(hub, "PUT", f"/api/{topic}", data=text)
    assert reply.status == 204, reply


def _curl_topic(method):
    def publish(hub, js, topic, text):
        reply = web.curl(hub, method, f"/api/topics/{topic}", "-H", "Content-Type: text/plain", data=text)
        assert reply.status == 204, reply

    return publish


def _ws_pub(hub, js, topic, text):
    with web.Socket(hub) as socket:
        socket.ok("publish", topic=topic, payload=text)


def publishers():
    doors = []
    for label, port in MQTT_PORTS.items():
        for version in ("3.1.1", "5"):
            doors.append(Door(f"mosquitto_pub {version} {label}", _mosquitto_pub(version, port)))
            doors.append(Door(f"paho {version} {label}", _paho_pub(version, port)))
            doors.append(Door(f"mqtt.js {version} {label}", _js_pub(version, port)))
    doors.append(Door("curl PUT property", _curl_put_property, devices_only=True))
    doors.append(Door("curl PUT topic", _curl_topic("PUT")))
    doors.append(Door("curl POST topic", _curl_topic("POST")))
    doors.append(Door("websockets", _ws_pub))
    return doors


class _MqttSubscriber:
    """mosquitto_sub, paho or mqtt.js: all have `wait` and `close`."""

    def __init__(self, client, topic):
        self.client, self.topic = client, topic

    def wait(self, text):
        assert self.client.wait(self.topic, text).payload == text.encode()

    def close(self):
        self.client.close()


def _mosquitto_sub(version, port):
    return lambda hub, js, topic: _MqttSubscriber(mosquitto.Sub(hub, topic, version=version, port=port(hub)), topic)


def _paho_sub(version, port):
    def open(hub, js, topic):
        client = Paho(hub, version, port(hub))
        client.subscribe(topic, 1)
        return _MqttSubscriber(client, topic)

    return open


def _js_sub(version, port):
    def open(hub, js, topic):
        client = js.connect(hub, version, port(hub))
        client.subscribe(topic, 1)
        return _MqttSubscriber(client, topic)

    return open


class _Events:
    def __init__(self, hub, js, topic):
        self.topic = topic
        self.stream = web.Events(hub, topic)
        assert self.stream.status == 200, (self.stream.status, self.stream.headers)

    def wait(self, text):
        self.stream.wait(self.topic, text)

    def close(self):
        self.stream.close()


class _WebSocket:
    def __init__(self, hub, js, topic):
        self.topic = topic
        self.socket = web.Socket(hub)
        self.socket.subscribe(topic)

    def wait(self, text):
        self.socket.wait(self.topic, text)

    def close(self):
        self.socket.close()


class LongPoll:
    """`GET …?wait=` with If-None-Match, again and again until the text is there: how a page without sockets follows."""

    def __init__(self, hub, js, topic):
        self.hub, self.path = hub, f"/api/{topic}"
        self.hub.report(*topic.split("/")[1:], "before")
        self.values = Inbox(f"long poll of {topic}")
        self._stop = threading.Event()
        first = web.curl(hub, "GET", self.path)
        assert first.status == 200 and first.headers.get("etag"), first
        self.thread = threading.Thread(target=self._follow, args=(first.headers["etag"],), daemon=True)
        self.thread.start()

    def _follow(self, etag):
        while not self._stop.is_set():
            reply = web.curl(self.hub, "GET", f"{self.path}?wait=2s", "-H", f"If-None-Match: {etag}", timeout=PATIENCE)
            if reply.status == 200:
                etag = reply.headers["etag"]
                self.values.put(json.loads(reply.body)["value"])
            elif reply.status != 304:
                self.values.close(f"HTTP {reply.status} {reply.body!r}")
                return

    def wait(self, text):
        self.values.wait(lambda value: value == text, what=repr(text))

    def close(self):
        self._stop.set()


def subscribers():
    doors = []
    for label, port in MQTT_PORTS.items():
        for version in ("3.1.1", "5"):
            doors.append(Door(f"mosquitto_sub {version} {label}", _mosquitto_sub(version, port)))
            doors.append(Door(f"paho {version} {label}", _paho_sub(version, port)))
            doors.append(Door(f"mqtt.js {version} {label}", _js_sub(version, port)))
    doors.append(Door("curl events", _Events))
    doors.append(Door("websockets", _WebSocket))
    doors.append(Door("long poll", LongPoll, devices_only=True))
    return doors
