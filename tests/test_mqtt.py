"""The MQTT door as MQTT clients know it: QoS, retained messages, wills, sessions, keep-alive. No devices here."""

import signal
import time

import pytest

from support import mosquitto, rawmqtt
from support.doomed import Doomed
from support.paho import Paho, properties
from support.rawmqtt import Raw

both_versions = pytest.mark.parametrize("version", ["3.1.1", "5"])


@both_versions
@pytest.mark.parametrize("port", ["mqtt_port", "port"], ids=["mqtt port", "one port"])
@pytest.mark.parametrize("subscribed", [0, 1, 2])
@pytest.mark.parametrize("published", [0, 1, 2])
def test_qos_is_the_lower_of_both(version, port, subscribed, published, shared, unique):
    topic = f"qos/{unique()}"
    with Paho(shared, version, getattr(shared, port)) as sub, Paho(shared, version, getattr(shared, port)) as pub:
        assert sub.subscribe(topic, subscribed) == [subscribed]
        assert pub.publish(topic, "m", published) == 0
        assert sub.wait(topic, "m").qos == min(subscribed, published)


@both_versions
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_many_messages_arrive_once_and_in_order(version, qos, shared, unique, long):
    topic, count = f"order/{unique()}", 5000 if long else 500
    with Paho(shared, version) as sub, Paho(shared, version) as pub:
        sub.subscribe(topic, qos)
        for number in range(count):
            pub.client.publish(topic, str(number), qos)
        seen = [int(sub.wait(topic, timeout=30).text) for _ in range(count)]
        assert seen == list(range(count))
        assert [m for m in sub.before_fence() if m.topic == topic] == []


@both_versions
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_mosquitto_and_mqttjs_do_qos_too(version, qos, shared, js, unique):
    topic = f"qos/{unique()}"
    with mosquitto.Sub(shared, topic, version=version, qos=qos) as sub, js.connect(shared, version) as peer:
        peer.subscribe(topic, qos)
        mosquitto.publish(shared, topic, "from mosquitto", version, qos)
        assert sub.wait(topic, "from mosquitto").qos == qos
        assert peer.wait(topic, "from mosquitto").qos == qos
        peer.publish(topic, "from js", qos)
        assert sub.wait(topic, "from js").qos == qos
        assert peer.wait(topic, "from js").qos == qos


@both_versions
def test_binary_and_large_payloads_arrive_unchanged(version, shared, unique, rng):
    topic = f"bytes/{unique()}"
    with Paho(shared, version) as sub, Paho(shared, version) as pub:
        sub.subscribe(topic, 2)
        for payload in (b"", b"\0", bytes(range(256)), rng.randbytes(100_000)):
            pub.publish(topic, payload, 2)
            assert sub.wait(topic).payload == payload


@pytest.mark.parametrize("version", [4, 5])
def test_qos2_handshake_on_the_wire(version, shared, unique):
    """A repeated PUBLISH before PUBREL is the same message; a repeated PUBREL is answered again."""
    topic = f"wire/{unique()}"
    with Paho(shared, "5") as sub, Raw(shared, version=version, name=unique("raw")) as raw:
        sub.subscribe(topic, 2)
        raw.send(rawmqtt.publish(topic, b"once", version, qos=2, mid=7))
        assert raw.read().kind == rawmqtt.PUBREC
        raw.send(rawmqtt.publish(topic, b"once", version, qos=2, mid=7, dup=True))
        assert raw.read().kind == rawmqtt.PUBREC
        for _ in range(2):
            raw.send(rawmqtt.packet(rawmqtt.PUBREL, b"\0\7", 2))
            answer = raw.read()
            assert (answer.kind, answer.body[:2]) == (rawmqtt.PUBCOMP, b"\0\7")
        assert sub.wait(topic).text == "once"
        assert [m for m in sub.before_fence() if m.topic == topic] == []


@both_versions
def test_retained_message_for_a_new_subscriber(version, shared, unique):
    topic = f"kept/{unique()}"
    with Paho(shared, version) as pub, Paho(shared, version) as live:
        live.subscribe(topic, 1)
        pub.publish(topic, "old", retain=True)
        pub.publish(topic, "kept", retain=True)
        # To a subscription that was there before, it is an ordinary message.
        assert live.wait(topic, "kept").retain is False
        with Paho(shared, version) as late:
            late.subscribe(topic, 1)
            message = late.wait(topic)
            assert (message.text, message.retain, message.qos) == ("kept", True, 1)
            late.subscribe(f"{topic}/#")
            assert late.wait(topic, "kept", retain=True)
        # A message without the flag leaves the kept one alone.
        pub.publish(topic, "passing")
        with mosquitto.Sub(shared, topic, version=version) as late:
            assert late.messages.wait() == mosquitto.Message(topic, b"kept", 0, True)
        pub.publish(topic, "", retain=True)
        assert live.wait(topic, "").retain is False
        with Paho(shared, version) as late:
            late.subscribe(topic, 1)
            assert late.before_fence() == []


def test_mqtt5_retain_handling_and_retain_as_published(shared, unique):
    topic = f"kept/{unique()}"
    with Paho(shared) as pub, Paho(shared) as sub:
        pub.publish(topic, "kept", retain=True)
        sub.subscribe(topic, 1, retainHandling=2)
        assert sub.before_fence() == []
        # 1: only for a new subscription; this one is there already.
        sub.subscribe(topic, 1, retainHandling=1)
        assert sub.before_fence() == []
        sub.subscribe(topic, 1, retainHandling=0, retainAsPublished=True)
        assert sub.wait(topic).retain is True
        pub.publish(topic, "new", retain=True)
        assert sub.wait(topic, "new").retain is True
        pub.publish(topic, "passing")
        assert sub.wait(topic, "passing").retain is False


def test_mqtt5_no_local(shared, unique):
    topic = f"echo/{unique()}"
    with Paho(shared) as one, Paho(shared) as other:
        one.subscribe(topic, 1, noLocal=True)
        other.subscribe(topic, 1)
        one.publish(topic, "mine")
        other.wait(topic, "mine")
        other.publish(topic, "yours")
        one.wait(topic, "yours")
        assert [m.text for m in one.before_fence() if m.topic == topic] == []


def test_mqtt5_properties_travel(shared, unique):
    topic = f"props/{unique()}"
    sent = properties(
        "PUBLISH",
        ContentType="text/csv",
        PayloadFormatIndicator=1,
        ResponseTopic="answers/here",
        CorrelationData=b"\0\1",
        UserProperty=[("a", "1"), ("a", "2"), ("b", "ü")],
    )
    with Paho(shared) as sub, Paho(shared) as pub:
        sub.subscribe(topic, 1)
        pub.publish(topic, "1;2", props=sent)
        got = sub.wait(topic, "1;2").properties
        assert got.ContentType == "text/csv"
        assert got.PayloadFormatIndicator == 1
        assert got.ResponseTopic == "answers/here"
        assert got.CorrelationData == b"\0\1"
        assert got.UserProperty == [("a", "1"), ("a", "2"), ("b", "ü")]


@both_versions
def test_wildcards(version, shared, unique):
    stem = unique("tree")
    with Paho(shared, version) as sub, Paho(shared, version) as pub:
        sub.subscribe(f"{stem}/+/c", 1)
        sub.subscribe(f"{stem}/x/#", 1)
        for topic in ("a/c", "a/b/c", "x", "x/y/z", "/c", "a/c/"):
            pub.publish(f"{stem}/{topic}", topic)
        seen = {m.text for m in sub.before_fence()}
        assert seen == {"a/c", "x", "x/y/z", "/c"}


@both_versions
def test_filters_that_overlap(version, shared, unique):
    """[MQTT-3.3.5-1]: at the higher QoS. Once or once per filter, both are allowed; never nothing."""
    topic = f"over/{unique()}/x"
    with Paho(shared, version) as sub, Paho(shared, version) as pub:
        sub.subscribe(topic, 0)
        sub.subscribe(topic.rsplit("/", 1)[0] + "/+", 2)
        pub.publish(topic, "m", 2)
        levels = sorted(m.qos for m in sub.before_fence() if m.topic == topic)
        assert levels in ([2], [0, 2])


@both_versions
def test_unsubscribe_ends_it(version, shared, unique):
    topic = f"gone/{unique()}"
    with Paho(shared, version) as sub, Paho(shared, version) as pub:
        sub.subscribe(topic, 1)
        pub.publish(topic, "first")
        sub.wait(topic, "first")
        sub.unsubscribe(topic)
        pub.publish(topic, "second")
        assert sub.before_fence() == []


@pytest.mark.parametrize("kind", ["paho", "js"])
@both_versions
@pytest.mark.parametrize("retain", [False, True], ids=["passing", "retained"])
def test_will_of_a_killed_client(kind, version, retain, shared, unique):
    topic = f"wills/{unique()}"
    with Paho(shared, version) as sub:
        sub.subscribe(topic, 1)
        will = {"topic": topic, "payload": "died", "qos": 1, "retain": retain}
        client = Doomed(shared, kind, version, name=unique("doomed"), will=will)
        client.kill()
        assert sub.wait(topic).text == "died"
        with Paho(shared, version) as late:
            late.subscribe(topic, 1)
            assert [m.text for m in late.before_fence()] == (["died"] if retain else [])


@both_versions
def test_will_of_a_killed_mosquitto_sub(version, shared, unique):
    topic = f"wills/{unique()}"
    with Paho(shared, version) as sub:
        sub.subscribe(topic, 1)
        more = ["--will-topic", topic, "--will-payload", "died", "--will-qos", "1"]
        mosquitto.Sub(shared, unique("nothing"), version=version, more=more).kill()
        assert sub.wait(topic).text == "died"


@pytest.mark.parametrize("kind", ["paho", "js"])
@both_versions
def test_no_will_after_a_clean_goodbye(kind, version, shared, unique):
    topic = f"wills/{unique()}"
    with Paho(shared, version) as sub:
        sub.subscribe(topic, 1)
        will = {"topic": topic, "payload": "died", "qos": 1}
        Doomed(shared, kind, version, name=unique("polite"), will=will).leave()
        # The second one dies: its will coming first proves that the first one's does not come at all.
        Doomed(shared, kind, version, name=unique("doomed"), will=will | {"payload": "really"}).kill()
        assert sub.wait(topic).text == "really"


@both_versions
def test_will_when_the_client_id_is_taken_over(version, shared, unique):
    topic, name = f"wills/{unique()}", unique("twin")
    with Paho(shared, version) as sub:
        sub.subscribe(topic, 1)
        first = Paho(shared, version, name=name, will={"topic": topic, "payload": "taken", "qos": 1})
        second = Paho(shared, version, name=name)
        code = first.wait_disconnect()
        if version == "5":
            assert code == 0x8E, hex(code)
        assert sub.wait(topic).text == "taken"
        second.close()


@both_versions
@pytest.mark.parametrize("qos", [1, 2])
def test_persistent_session_gets_what_it_missed(version, qos, shared, unique):
    topic, name = f"missed/{unique()}", unique("sleeper")
    keep = {"clean": False, "expiry": 3600} if version == "5" else {"clean": False}
    sleeper = Paho(shared, version, name=name, **keep)
    sleeper.subscribe(topic, qos)
    sleeper.close()
    with Paho(shared, version) as pub:
        for number in range(20):
            pub.publish(topic, str(number), qos)
    back = Paho(shared, version, name=name, **keep)
    assert back.connack.session_present
    assert [int(back.wait(topic).text) for _ in range(20)] == list(range(20))
    # The subscription lives on too.
    with Paho(shared, version) as pub:
        pub.publish(topic, "live", qos)
    assert back.wait(topic, "live").qos == qos
    back.close()
    # A clean start throws it all away.
    with Paho(shared, version, name=name, clean=True) as fresh:
        assert not fresh.connack.session_present
        with Paho(shared, version) as pub:
            pub.publish(topic, "unheard", qos)
        assert [m for m in fresh.before_fence() if m.topic == topic] == []


@both_versions
def test_clean_session_remembers_nothing(version, shared, unique):
    topic, name = f"missed/{unique()}", unique("goldfish")
    first = Paho(shared, version, name=name, clean=True)
    first.subscribe(topic, 1)
    first.close()
    with Paho(shared, version) as pub:
        pub.publish(topic, "unheard")
    with Paho(shared, version, name=name, clean=False) as again:
        assert not again.connack.session_present
        assert again.before_fence() == []


def test_mosquitto_sub_with_a_persistent_session(shared, unique):
    topic, name = f"missed/{unique()}", unique("mosquitto")
    mosquitto.Sub(shared, topic, qos=1, name=name, more=["-c"]).close()
    mosquitto.publish(shared, topic, "while away", qos=1)
    with mosquitto.Sub(shared, topic, qos=1, name=name, more=["-c"]) as back:
        back.wait(topic, "while away")


def test_mqtt5_session_expires(shared, unique):
    topic, name = f"missed/{unique()}", unique("brief")
    first = Paho(shared, name=name, clean=False, expiry=1)
    first.subscribe(topic, 1)
    first.close()
    # Looking takes the session over, so one look only, after a pause well beyond the expiry: time is what is tested.
    time.sleep(3)
    with Paho(shared, name=name, clean=False, expiry=1) as again:
        assert not again.connack.session_present


@pytest.mark.parametrize("version", [4, 5])
def test_message_without_acknowledgement_comes_again(version, shared, unique):
    """A QoS 1 message that was not acknowledged is sent again, marked DUP, to the session's next connection."""
    topic, name = f"again/{unique()}", unique("forgetful")
    expiry = b"\x11\0\0\x0e\x10" if version == 5 else b""
    options = {"name": name, "flags": 0, "props": expiry}
    with Raw(shared, version=version, **options) as raw:
        raw.send(rawmqtt.subscribe(topic, version, options=1))
        assert raw.read().kind == rawmqtt.SUBACK
        mosquitto.publish(shared, topic, "once", qos=1)
        assert raw.read().kind == rawmqtt.PUBLISH
    with Raw(shared, version=version, **options) as raw:
        message = raw.read()
        assert message.kind == rawmqtt.PUBLISH and message.flags & 8, message
        assert message.body.endswith(b"once")


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("port", ["mqtt_port", "port"], ids=["mqtt port", "one port"])
def test_silent_client_is_timed_out(version, port, shared, unique):
    """[MQTT-3.1.2-24]: one and a half times the keep-alive. Its will says that it was no goodbye."""
    topic = f"wills/{unique()}"
    will = (b"\0" if version == 5 else b"") + rawmqtt.text(topic) + rawmqtt.text("silent")
    with Paho(shared) as sub:
        sub.subscribe(topic, 1)
        began = time.monotonic()
        with Raw(
            shared, getattr(shared, port), version, name=unique("silent"), keepalive=1, flags=0x06, more=will
        ) as raw:
            code = raw.ended_with()
            took = time.monotonic() - began
            if version == 5:
                assert code == 0x8D
            assert sub.wait(topic).text == "silent"
        assert took >= 1.4, took


@pytest.mark.parametrize("version", [4, 5])
def test_ping_keeps_a_quiet_client(version, shared, unique):
    with Raw(shared, version=version, name=unique("quiet"), keepalive=1) as raw:
        began = time.monotonic()
        while time.monotonic() - began < 2.5:
            raw.send(rawmqtt.packet(rawmqtt.PINGREQ))
            assert raw.read().kind == rawmqtt.PINGRESP
            time.sleep(0.5)


@pytest.mark.parametrize("version", [4, 5])
def test_a_hub_that_was_stopped_reads_before_it_blames_silence(version, hub, unique):
    """What clients sent in time lies in their sockets when the hub, or the machine it runs on, goes on."""
    with Raw(hub, version=version, name=unique("quiet"), keepalive=1) as raw:
        hub.process.send_signal(signal.SIGSTOP)
        try:
            for _ in range(2):
                time.sleep(1)
                raw.send(rawmqtt.packet(rawmqtt.PINGREQ))
        finally:
            hub.process.send_signal(signal.SIGCONT)
        raw.send(rawmqtt.packet(rawmqtt.PINGREQ))
        assert [raw.read().kind for _ in range(3)] == [rawmqtt.PINGRESP] * 3


def test_empty_client_ids(shared):
    """3.1.1: allowed with a clean session, refused with 2 without. MQTT 5: the hub gives a name."""
    with Raw(shared, version=4, name=""):
        pass
    with Raw(shared) as raw:
        raw.send(rawmqtt.connect(4, "", flags=0))
        assert raw.read().body == b"\0\2"
    with Raw(shared) as raw:
        raw.send(rawmqtt.connect(4, "", flags=0))
        assert raw.read().body == b"\0\2"
    with Raw(shared) as raw:
        raw.send(rawmqtt.connect(5, ""))
        answer = raw.read()
        assert answer.body[1] == 0 and b"\x12" in answer.body, answer
