"""Bolt's cloud API as programs use it, and devices behind it."""

import json
import re
import threading

import paho.mqtt.client as mqtt

from .people import PASSWORD
from .sketch import ROOT
from .wait import PATIENCE, until

NAME = "BOLT1234567"


def module():
    """The declaration that the reference shows for the sketches."""
    text = (ROOT / "docs" / "ref" / "bolt.md").read_text().split("## A module of your own")[1]
    return json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL)[1])


def make_key(hub, **more):
    answer = hub.post("/api/keys", json={"name": "a program", **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def with_admin(hub):
    assert hub.post("/api/setup", json={"name": "anna", "password": PASSWORD}).status_code == 201
    return hub


def token_of(hub, device):
    answer = hub.post(f"/api/devices/{device}/token", json={"name": "board"})
    assert answer.status_code == 201, answer.text
    return answer.json()["token"]


def declare(hub, device, **properties):
    answer = hub.put(f"/api/devices/{device}", json={"properties": properties} if properties else module())
    assert answer.status_code in (200, 201), answer.text


class Bolt:
    """A program with a key, which asks of one device."""

    def __init__(self, hub, key, device):
        self.hub, self.key, self.device = hub, key, device

    def raw(self, rest, method="GET", **options):
        """`rest` goes out as it is written."""
        return self.hub.request(method, f"/remote/{self.key}/{rest}", **options)

    def ask(self, command, **parameters):
        pairs = "&".join(f"{name}={value}" for name, value in parameters.items())
        answer = self.raw(f"{command}?{pairs}&deviceName={self.device}")
        assert answer.status_code in (200, 201), answer.text
        return answer.text

    def value(self, command, **parameters):
        answer = json.loads(self.ask(command, **parameters))
        assert answer["success"] == "1", answer
        return answer["value"]

    def is_online(self):
        return json.loads(self.ask("isOnline"))["value"] == "online"


class Board:
    """A device over MQTT that does what it is asked, and says so; `told` is what it was asked."""

    def __init__(self, host, port, device, token, reads=()):
        self.device, self.told, self.deaf, self.input = device, [], set(), list(reads)
        self._ready = threading.Event()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"board-{device}")
        self.client.username_pw_set(device, token)
        self.client.will_set(f"devices/{device}/$online", "false", retain=True)
        self.client.on_connect = lambda client, *_: client.subscribe(f"devices/{device}/+/set")
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = self._obey
        self.client.connect(host, port)
        self.client.loop_start()
        assert self._ready.wait(PATIENCE), "the board was not let in"

    def _obey(self, client, _, message):
        name = message.topic.split("/")[-2]
        self.told.append((name, message.payload.decode()))
        if name in self.deaf:
            return
        if name == "rx":
            self.report(name, self.input.pop(0) if self.input else "", retain=False)
        elif name != "restart":
            self.report(name, message.payload, retain=bool(message.payload))

    def report(self, name, value, retain=True):
        self.client.publish(f"devices/{self.device}/{name}", value, retain=retain)

    def close(self):
        self.client.publish(f"devices/{self.device}/$online", "false", retain=True).wait_for_publish(PATIENCE)
        self.client.disconnect()
        self.client.loop_stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def board(hub, device, **options):
    return Board(hub.host, hub.port, device, token_of(hub, device), **options)


def comes(hub, device, name, value):
    until(lambda: hub.device(device)["properties"][name]["value"] == value, what=f"{device}/{name} = {value!r}")


