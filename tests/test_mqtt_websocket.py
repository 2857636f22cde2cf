"""MQTT in a WebSocket, as MQTT clients know it: the same messages, sessions and wills as over TCP."""

import pytest

from support.paho import Paho

both_versions = pytest.mark.parametrize("version", ["3.1.1", "5"])


@both_versions
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_qos_in_both_directions(version, qos, shared, unique):
    topic = f"ws/{unique()}"
    with Paho(shared, version, transport="websockets") as web, Paho(shared, version) as tcp:
        web.subscribe(topic, qos)
        tcp.subscribe(topic, qos)
        assert tcp.publish(topic, "from tcp", qos) == 0
        assert web.wait(topic, "from tcp").qos == qos
        assert web.publish(topic, "from web", qos) == 0
        assert tcp.wait(topic, "from web").qos == qos
        assert web.wait(topic, "from web").qos == qos


@both_versions
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_mqttjs_does_it_too(version, qos, shared, js, unique):
    topic = f"ws/{unique()}"
    with js.connect_by_websocket(shared, version) as web, Paho(shared, version) as tcp:
        web.subscribe(topic, qos)
        tcp.subscribe(topic, qos)
        tcp.publish(topic, "from tcp", qos)
        assert web.wait(topic, "from tcp").qos == qos
        web.publish(topic, "from js", qos)
        assert tcp.wait(topic, "from js").qos == qos
        assert web.wait(topic, "from js").qos == qos


@both_versions
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_many_messages_arrive_once_and_in_order(version, qos, shared, unique):
    topic, count = f"ws/{unique()}", 500
    with Paho(shared, version, transport="websockets") as sub, Paho(shared, version, transport="websockets") as pub:
        sub.subscribe(topic, qos)
        for number in range(count):
            pub.client.publish(topic, str(number), qos)
        seen = [int(sub.wait(topic, timeout=30).text) for _ in range(count)]
        assert seen == list(range(count))
        assert [m for m in sub.before_fence() if m.topic == topic] == []


@both_versions
def test_binary_and_large_payloads_arrive_unchanged(version, shared, unique, rng):
    topic = f"ws/{unique()}"
    with Paho(shared, version, transport="websockets") as sub, Paho(shared, version, transport="websockets") as pub:
        sub.subscribe(topic, 2)
        for payload in (b"", b"\0", bytes(range(256)), rng.randbytes(100_000), rng.randbytes(900_000)):
            pub.publish(topic, payload, 2)
            assert sub.wait(topic).payload == payload


def test_retained_messages_come_first(shared, unique):
    topic = f"ws/{unique()}"
    with Paho(shared, transport="websockets") as pub, Paho(shared, transport="websockets") as sub:
        pub.publish(topic, "kept", 1, retain=True)
        sub.subscribe(topic, 1)
        assert sub.wait(topic, "kept").retain


def test_a_session_goes_on_at_the_other_door(shared, unique):
    topic, name = f"ws/{unique()}", unique("session")
    with Paho(shared, name=name, clean=False, expiry=600, transport="websockets") as first:
        first.subscribe(topic, 1)
    with Paho(shared) as pub:
        pub.publish(topic, "while away", 1)
    with Paho(shared, name=name, clean=False, expiry=0) as second:
        assert second.connack.session_present
        assert second.wait(topic, "while away").qos == 1


def test_a_connection_that_breaks_leaves_its_will(shared, unique):
    topic = f"ws/{unique()}"
    will = {"topic": topic, "payload": "gone", "qos": 1}
    with Paho(shared) as watcher:
        watcher.subscribe(topic, 1)
        doomed = Paho(shared, will=will, transport="websockets")
        doomed.client.loop_stop()
        # Neither DISCONNECT nor a close frame.
        doomed.client.socket().close()
        assert watcher.wait(topic, "gone").qos == 1
