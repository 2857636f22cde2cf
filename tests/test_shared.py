"""Shared subscriptions with mosquitto_sub and Paho: fair, and nothing is lost when a member is killed."""

import socket

import pytest

from support.mosquitto import Sub
from support.paho import ACCEPTED, Paho


def publish(hub, topic, payloads):
    """QoS 1, each acknowledged."""
    with Paho(hub) as publisher:
        for payload in payloads:
            assert publisher.publish(topic, payload, qos=1) in ACCEPTED


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_members_take_turns(version, shared, unique):
    topic = unique("jobs")
    with Sub(shared, f"$share/workers/{topic}", version=version, qos=1) as one:
        with Sub(shared, f"$share/workers/{topic}", version=version, qos=1) as two:
            with Sub(shared, topic, version=version, qos=1) as watcher:
                payloads = [f"job {number}" for number in range(10)]
                publish(shared, topic, payloads)
                for payload in payloads:
                    watcher.wait(topic, payload)
                for payload in payloads[::2]:
                    one.wait(topic, payload)
                for payload in payloads[1::2]:
                    two.wait(topic, payload)


def test_a_killed_member_loses_nothing(shared, unique):
    topic = unique("jobs")
    lazy = Paho(shared, version="5")
    # It is sent messages and never acknowledges them.
    lazy.client.manual_ack_set(True)
    lazy.subscribe(f"$share/workers/{topic}", qos=1)
    payloads = [f"job {number}" for number in range(5)]
    publish(shared, topic, payloads)
    lazy.messages.wait(lambda message: message.text == payloads[-1])
    with Sub(shared, f"$share/workers/{topic}", version="5", qos=1) as heir:
        lazy.client.socket().shutdown(socket.SHUT_RDWR)
        lazy.client.loop_stop()
        for payload in payloads:
            heir.wait(topic, payload)
