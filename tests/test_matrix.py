"""The sentence the project stands on: each door publishes, and every other door sees it."""

import pytest

from support.doors import publishers, subscribers
from support.paho import Paho
from support.web import Events, Socket

PUBLISHERS = publishers()
SUBSCRIBERS = subscribers()


@pytest.mark.parametrize("subscriber", SUBSCRIBERS, ids=str)
@pytest.mark.parametrize("publisher", PUBLISHERS, ids=str)
def test_report_reaches(publisher, subscriber, shared, js, unique, long):
    """A device's report through one door is seen through the other."""
    topic = f"devices/{unique('matrix')}/word"
    open_subscriber = subscriber.open(shared, js, topic)
    try:
        for round_number in range(10 if long else 1):
            text = f"from {publisher.name}, number {round_number}"
            publisher.open(shared, js, topic, text)
            open_subscriber.wait(text)
    finally:
        open_subscriber.close()


@pytest.mark.parametrize("publisher", [d for d in PUBLISHERS if not d.devices_only], ids=str)
def test_free_topic_reaches_all(publisher, shared, js, unique):
    """One message on a topic that is no device's reaches all other doors at once."""
    topic = f"lab/{unique('bench')}/a b/ü"
    opened = [door.open(shared, js, topic) for door in SUBSCRIBERS if not door.devices_only]
    try:
        publisher.open(shared, js, topic.replace(" ", "%20") if "curl" in publisher.name else topic, "hello")
        for subscriber in opened:
            subscriber.wait("hello")
    finally:
        for subscriber in opened:
            subscriber.close()


@pytest.mark.parametrize("retain", [False, True], ids=["passing", "retained"])
@pytest.mark.parametrize("first", ["mqtt first", "web first"])
def test_every_encoding_side_by_side(first, retain, shared, unique):
    """One message, every way it can be written: each version and QoS, event stream, WebSocket, all at the same time."""
    topic = f"lab/{unique('wire')}"

    def mqtt():
        for version in ("3.1.1", "5"):
            for qos in (0, 1, 2):
                client = Paho(shared, version)
                client.subscribe(topic, qos)
                opened.append((client, lambda client=client, qos=qos: client.wait(topic, "hello").qos == qos))
        client = Paho(shared)
        client.subscribe(topic, 2, retainAsPublished=True)
        opened.append((client, lambda client=client: client.wait(topic, "hello").retain is retain))

    def web_clients():
        stream, socket = Events(shared, topic), Socket(shared)
        socket.subscribe(topic)
        for client in (stream, socket):
            opened.append((client, lambda client=client: client.wait(topic, "hello")["payload"] == "hello"))

    opened = []
    for open_some in (mqtt, web_clients) if first == "mqtt first" else (web_clients, mqtt):
        open_some()
    try:
        with Paho(shared) as pub:
            pub.publish(topic, "hello", 2, retain)
        for _, arrived in opened:
            assert arrived()
    finally:
        for client, _ in opened:
            client.close()
