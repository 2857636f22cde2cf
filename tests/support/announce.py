"""Devices that announce themselves: recorded sequences of messages, played by real clients."""

import json
import pathlib

from .wait import until

FOLDER = pathlib.Path(__file__).parent.parent / "announcements"


def sequence(name):
    """The messages of a recorded set, in order: topic, payload as bytes, retain flag."""
    for message in json.loads((FOLDER / f"{name}.json").read_text()):
        payload = message["payload"]
        text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
        yield message["topic"], text.encode(), message.get("retain", False)


def play(client, name):
    """Publishes a recorded set."""
    for topic, payload, retain in sequence(name):
        client.publish(topic, payload, retain=retain)


def say(client, topic, payload, retain=True):
    """Publishes one announcement; anything but text becomes JSON."""
    client.publish(topic, payload if isinstance(payload, str) else json.dumps(payload), retain=retain)


def finds(hub):
    answer = hub.get("/api/discovered")
    assert answer.status_code == 200, answer.text
    return answer.json()


def find(hub, looks, what="a find"):
    """The find that looks so, once there is one."""
    return until(lambda: next((one for one in finds(hub) if looks(one)), None), what=what)


def named(hub, name, **fields):
    """The find of this name, once it has these fields."""
    fits = lambda one: one["name"] == name and all(one[key] == value for key, value in fields.items())
    return find(hub, fits, f"the find {name!r} with {fields}")


def decide(hub, one, verb, **body):
    """What somebody decides about a find; the answer's body, if it has one."""
    options = {"json": body} if body else {}
    answer = hub.post(f"/api/discovered/{one['id']}/{verb}", **options)
    assert answer.status_code in (201, 204), f"{verb}: {answer.status_code} {answer.text}"
    return answer.json() if answer.status_code == 201 else None
