"""A full disk: what has to be stored is refused and never acknowledged, the rest goes on, and it recovers by itself."""

import pytest

from support import disk, rawmqtt, web
from support.check import problem
from support.paho import ACCEPTED, Paho
from support.rawmqtt import Raw
from support.wait import until

QUOTA_EXCEEDED = 0x97
KEPT = {"clean": False, "expiry": 3600}


class Sender(Raw):
    """MQTT 5 on the wire: a client library may hide what a PUBREC says."""

    def __init__(self, hub):
        super().__init__(hub, version=5, name="sender")
        self.mid = 0

    def publish(self, topic, text, qos=1, retain=False):
        """The reason of the PUBACK or PUBREC."""
        self.mid += 1
        self.send(rawmqtt.publish(topic, text.encode(), 5, qos=qos, mid=self.mid, retain=retain))
        answer = self.read()
        assert answer.kind == (rawmqtt.PUBACK if qos == 1 else rawmqtt.PUBREC), answer
        assert answer.body[:2] == self.mid.to_bytes(2, "big"), answer
        code = answer.reason(5)
        if qos == 2 and code < 0x80:
            self.send(rawmqtt.packet(rawmqtt.PUBREL, self.mid.to_bytes(2, "big"), 2))
            assert self.read().kind == rawmqtt.PUBCOMP
        return code


@pytest.fixture
def filled(make_hub):
    """A hub whose disk is full, and what it acknowledged before that for a session that is away."""
    hub = make_hub(process=disk.PROCESS).start()
    sleeper = Paho(hub, name="sleeper", **KEPT)
    sleeper.subscribe("kept/#", 1)
    sleeper.close()
    disk.limit(hub, 512 * 1024)
    acknowledged = []
    with Sender(hub) as client:
        for number in range(500):
            text = f"{number:05} " + "x" * 10_000
            code = client.publish("kept/stream", text)
            if code == QUOTA_EXCEEDED:
                break
            assert code == 0
            acknowledged.append(text)
        assert 5 < len(acknowledged) < 500
        assert client.publish("retained/one", "too late", retain=True) == QUOTA_EXCEEDED
    return hub, acknowledged


def sleeper_gets(hub):
    """What waited for the session that was away; it ends with a message sent now."""
    with Paho(hub, name="sleeper", **KEPT) as back:
        assert back.connack.session_present
        with Sender(hub) as client:
            assert client.publish("kept/end", "end") == 0
        back.wait("kept/end", "end", timeout=30)
        return [message.text for message in back.messages.drain() if message.topic == "kept/stream"]


@pytest.mark.parametrize("qos", [1, 2])
def test_mqtt5_is_told_and_goes_on(qos, filled):
    hub, _ = filled
    with Sender(hub) as client, Paho(hub) as live:
        assert client.publish("kept/other", "stored?", qos) == QUOTA_EXCEEDED
        assert client.publish("retained/two", "stored?", qos, retain=True) == QUOTA_EXCEEDED
        assert client.publish("devices/lamp/level", "5", qos, retain=True) == QUOTA_EXCEEDED
        # The connection lives, and what nobody keeps needs no disk.
        live.subscribe("live/#", 2)
        assert client.publish("live/one", "passing", qos) == 0
        assert live.wait("live/one", "passing").qos == qos


def test_paho_is_told(filled):
    hub, _ = filled
    with Paho(hub) as client:
        assert client.publish("kept/other", "stored?") == QUOTA_EXCEEDED


@pytest.mark.parametrize("qos", [1, 2])
def test_mqtt_3_is_cut_off_without_an_acknowledgement(qos, filled):
    hub, _ = filled
    with Raw(hub, version=4, name="old") as raw:
        raw.send(rawmqtt.publish("nobody/keeps/this", b"passing", qos=qos, mid=1))
        answer = raw.read()
        assert (answer.kind, answer.body) == (rawmqtt.PUBACK if qos == 1 else rawmqtt.PUBREC, b"\0\1")
        raw.send(rawmqtt.publish("kept/other", b"stored?", qos=qos, mid=2))
        assert raw.read() is None


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_qos_0_goes_on(version, filled):
    hub, _ = filled
    with Paho(hub, version) as sub, Paho(hub, version) as pub:
        sub.subscribe("#", 0)
        pub.publish("kept/live", "m", 0)
        pub.publish("retained/live", "r", 0, retain=True)
        sub.wait("kept/live", "m")
        sub.wait("retained/live", "r")


@pytest.mark.parametrize("path", ["/api/topics/retained/http", "/api/devices/lamp/level"])
def test_http_says_507(path, filled):
    hub, _ = filled
    answer = hub.put(f"{path}?qos=1", data="5", headers={"Content-Type": "text/plain"})
    problem(answer, 507, "disk_failing")
    assert hub.post("/api/topics/kept/http?qos=1", data="m").status_code == 507
    assert hub.post("/api/topics/nobody/keeps/this?qos=1", data="m").status_code == 204
    # QoS 0 promises nothing.
    assert hub.put(path, data="6", headers={"Content-Type": "text/plain"}).status_code == 204
    assert hub.get("/api/health").status_code == 200


def test_websocket_is_told(filled):
    hub, _ = filled
    with web.Socket(hub) as socket:
        answer = socket.ask("publish", topic="kept/ws", payload="stored?", qos=1)
        assert (answer["op"], answer["code"]) == ("error", "disk_failing")
        socket.ok("publish", topic="nobody/keeps/this", payload="passing", qos=1)
        socket.ok("publish", topic="kept/ws", payload="passing")


def test_nothing_acknowledged_is_lost_when_it_dies_with_a_full_disk(filled):
    hub, acknowledged = filled
    hub.kill()
    hub.start()
    got = sleeper_gets(hub)
    assert got[: len(acknowledged)] == acknowledged
    assert hub.get("/api/topics/retained/one").status_code == 404


def test_it_recovers_by_itself(filled):
    hub, acknowledged = filled
    # A client may have its answer before the line is written.
    until(lambda: "cannot write to disk" in hub.log(), what="the error in the log")
    with Sender(hub) as client:
        assert client.publish("kept/stream", "still full") == QUOTA_EXCEEDED
        disk.make_room(hub)
        until(lambda: client.publish("kept/stream", "room again") == 0, what="an acknowledgement")
        for number in range(20):
            text = f"after {number}"
            assert client.publish("kept/stream", text, qos=1 + number % 2) == 0
            acknowledged.append(text)
        assert client.publish("retained/one", "kept", retain=True) in ACCEPTED
    until(lambda: "the disk takes changes again" in hub.log(), what="the all-clear in the log")
    hub.kill()
    hub.start()
    got = sleeper_gets(hub)
    assert [text for text in got if text in acknowledged] == acknowledged
    assert hub.get("/api/topics/retained/one").text == "kept"


def numbered(hub, name, version, mid, text, dup=False):
    """One QoS 2 message in a kept session; what comes back, None if the hub closes the connection."""
    expiry = b"\x11\0\0\x0e\x10" if version == 5 else b""
    with Raw(hub, version=version, name=name, flags=0, props=expiry) as raw:
        raw.send(rawmqtt.publish("kept/stream", text.encode(), version, qos=2, mid=mid, dup=dup))
        return raw.read()


def is_acknowledged(answer, version):
    return answer is not None and answer.kind == rawmqtt.PUBREC and answer.reason(version) == 0


@pytest.mark.parametrize("version", [4, 5])
def test_what_was_not_taken_is_new_when_it_comes_again(version, filled):
    """QoS 2: a message that was refused must not be taken for one that was received, when its identifier is used again."""
    hub, acknowledged = filled
    answer = numbered(hub, "sender", version, 7, "first try")
    if version == 5:
        assert answer.reason(5) == QUOTA_EXCEEDED
    else:
        assert answer is None
    disk.make_room(hub)
    until(lambda: hub.put("/api/topics/probe?qos=1", data="x").status_code == 204, what="room")
    assert is_acknowledged(numbered(hub, "sender", version, 7, "second try", dup=version == 4), version)
    assert sleeper_gets(hub)[-1] == "second try"


@pytest.mark.parametrize("version", [4, 5])
def test_what_was_under_way_when_the_disk_filled_up_arrives_once(version, make_hub):
    """The message that is the first to find the disk full was published: its repetition is not another one."""
    hub = make_hub(process=disk.PROCESS).start()
    sleeper = Paho(hub, name="sleeper", **KEPT)
    sleeper.subscribe("kept/#", 1)
    sleeper.close()
    assert is_acknowledged(numbered(hub, "sender", version, 1, "before"), version)
    disk.limit(hub, 0)
    answer = numbered(hub, "sender", version, 7, "under way")
    if version == 5:
        assert (answer.kind, answer.reason(5)) == (rawmqtt.DISCONNECT, QUOTA_EXCEEDED)
    else:
        assert answer is None
    disk.make_room(hub)
    until(lambda: hub.put("/api/topics/probe?qos=1", data="x").status_code == 204, what="room")
    hub.kill()
    hub.start()
    assert is_acknowledged(numbered(hub, "sender", version, 7, "under way", dup=True), version)
    assert sleeper_gets(hub) == ["before", "under way"]


def test_a_will_is_published_all_the_same(filled):
    """Nobody is there who could be told that it was refused."""
    hub, _ = filled
    mortal = Paho(hub, name="mortal", will={"topic": "kept/stream", "payload": "gone", "qos": 1})
    with Paho(hub) as watcher:
        watcher.subscribe("kept/stream", 1)
        mortal.client.loop_stop()
        mortal.client.socket().close()
        watcher.wait("kept/stream", "gone")
    disk.make_room(hub)
    until(lambda: hub.put("/api/topics/probe?qos=1", data="x").status_code == 204, what="room")
    assert sleeper_gets(hub)[-1] == "gone"
