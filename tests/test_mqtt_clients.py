"""MQTT libraries and programs as people use them: sessions over a restart and a crash, delayed wills, expiry, requests."""

import subprocess
import time

import pytest

from support import mosquitto
from support.aio import Aio
from support.paho import ACCEPTED, Paho, properties
from support.wait import PATIENCE

both_versions = pytest.mark.parametrize("version", ["3.1.1", "5"])
DAY = 86_400


def paho(hub, js, version, name):
    return Paho(hub, version, name=name, clean=False, expiry=DAY)


def mqttjs(hub, js, version, name):
    options = {"properties": {"sessionExpiryInterval": DAY}} if version == "5" else {}
    return js.connect(hub, version, clientId=name, clean=False, **options)


def aiomqtt(hub, js, version, name):
    return Aio(hub, version, name=name, clean=False, expiry=DAY)


class MosquittoSub:
    """It subscribes with its command line, each time it is started."""

    def __init__(self, hub, js, version, name):
        self.options = {"version": version, "qos": 2, "name": name}
        self.more = ["-c", "-x", str(DAY)] if version == "5" else ["-c"]
        self.hub, self.running = hub, None

    def subscribe(self, filter, qos):
        self.running = mosquitto.Sub(self.hub, filter, more=self.more, **self.options)

    def resume(self, filter):
        self.subscribe(filter, 2)

    def wait(self, topic, payload):
        return self.running.wait(topic, payload)

    def close(self):
        self.running.close()


def restart(hub):
    hub.restart()


def crash(hub):
    hub.kill()
    hub.start()


ends = pytest.mark.parametrize("end", [restart, crash], ids=lambda end: end.__name__)


@ends
@both_versions
@pytest.mark.parametrize("client", [paho, mqttjs, aiomqtt, MosquittoSub], ids=lambda client: client.__name__)
def test_a_kept_session_goes_on(client, version, end, make_hub, js):
    hub = make_hub().start()
    first = client(hub, js, version, "sleeper")
    first.subscribe("missed/#", 2)
    first.close()
    with Paho(hub, version) as pub:
        for number in range(30):
            assert pub.publish("missed/topic", f"away {number}", qos=1 + number % 2) == 0
    end(hub)
    back = client(hub, js, version, "sleeper")
    if client is MosquittoSub:
        back.resume("missed/#")
    for number in range(30):
        assert back.wait("missed/topic", f"away {number}").qos == 1 + number % 2
    # The subscription is there, too: nobody but mosquitto_sub has said it again.
    mosquitto.publish(hub, "missed/topic", "live", version, qos=2)
    assert back.wait("missed/topic", "live").qos == 2
    back.close()


@both_versions
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_aiomqtt_sends_and_receives(version, qos, shared, unique):
    topic = f"aio/{unique()}"
    with Aio(shared, version) as one, Paho(shared, version) as other:
        assert one.subscribe(topic, qos) == [qos]
        other.subscribe(topic, qos)
        one.publish(topic, "from aiomqtt", qos)
        assert one.wait(topic, "from aiomqtt").qos == qos
        assert other.wait(topic, "from aiomqtt").qos == qos
        other.publish(topic, "from paho", qos)
        assert one.wait(topic, "from paho").qos == qos
        one.publish(f"{topic}/kept", "kept", qos, retain=True)
        with Aio(shared, version) as late:
            late.subscribe(f"{topic}/kept", qos)
            assert late.wait(f"{topic}/kept", "kept", retain=True).qos == qos


@both_versions
@pytest.mark.parametrize("qos", [1, 2])
def test_libraries_publish_through_a_crash(version, qos, make_hub):
    """Nobody in the test mends anything: both libraries come back by themselves and send again what was not answered."""
    hub = make_hub().start()
    hub.flags += ["--mqtt-port", str(hub.mqtt_port)]
    sub, pub = (Paho(hub, version, name=name, clean=False, expiry=DAY) for name in ("sub", "pub"))
    for client in (sub, pub):
        client.client.reconnect_delay_set(1, 1)
    sub.subscribe("stream", qos)
    count = 400
    for number in range(count):
        pub.client.publish("stream", str(number), qos)
        # In the middle: some are on their way, in each direction.
        if number == count // 2:
            crash(hub)
    seen = []
    while not seen or seen[-1] != count - 1:
        seen.append(int(sub.wait("stream", timeout=30).text))
    first = list(dict.fromkeys(seen))
    assert first == list(range(count))
    if qos == 2:
        assert len(seen) == count
    sub.close()
    pub.close()


def break_off(client):
    """The connection ends without DISCONNECT."""
    client.client.loop_stop()
    client.client.socket().close()


def with_delayed_will(hub, name, topic, delay_s):
    will = {"topic": topic, "payload": "gone", "qos": 1, "retain": True}
    will["properties"] = properties("WILLMESSAGE", WillDelayInterval=delay_s)
    return Paho(hub, name=name, clean=False, expiry=DAY, will=will)


def test_a_will_waits_for_its_delay(shared, unique):
    topic, name = f"wills/{unique()}", unique("late")
    with Paho(shared) as watcher:
        watcher.subscribe(topic, 1)
        client = with_delayed_will(shared, name, topic, 2)
        began = time.monotonic()
        break_off(client)
        watcher.wait(topic, "gone")
        assert time.monotonic() - began >= 1.9


def test_a_client_that_comes_back_in_time_takes_its_will_back(shared, unique):
    topic, name = f"wills/{unique()}", unique("late")
    with Paho(shared) as watcher:
        watcher.subscribe(topic, 1)
        break_off(with_delayed_will(shared, name, topic, 1))
        with with_delayed_will(shared, name, topic, 1) as back:
            assert back.connack.session_present
            # Time is what is tested: longer than the will's delay.
            time.sleep(2)
            assert watcher.before_fence() == []


@pytest.mark.parametrize("is_connected", [True, False], ids=["connected", "cut off"])
def test_a_will_outlives_a_crash_of_the_hub(is_connected, make_hub):
    hub = make_hub().start()
    client = with_delayed_will(hub, "late", "wills/late", 2)
    client.subscribe("anything", 1)
    if not is_connected:
        break_off(client)
    crash(hub)
    if is_connected:
        client.client.loop_stop()
    assert hub.get("/api/topics/wills/late").status_code == 404
    with Paho(hub) as watcher:
        watcher.subscribe("wills/late", 1)
        assert watcher.wait("wills/late").text == "gone"


def test_mosquittos_delayed_will(shared, unique):
    topic = f"wills/{unique()}"
    more = ["-c", "-x", "60", "--will-topic", topic, "--will-payload", "gone", "--will-qos", "2"]
    more += ["-D", "will", "will-delay-interval", "1"]
    with Paho(shared) as watcher:
        watcher.subscribe(topic, 2)
        sub = mosquitto.Sub(shared, unique("nothing"), version="5", name=unique("mortal"), more=more)
        began = time.monotonic()
        sub.kill()
        assert watcher.wait(topic, "gone").qos == 2
        assert time.monotonic() - began >= 0.9


@pytest.mark.parametrize("retain", [False, True], ids=["queued", "retained"])
def test_messages_expire(retain, make_hub):
    """Also while the hub is away; what is left of its time goes on with the message [MQTT-3.3.2-6]."""
    hub = make_hub().start()
    if not retain:
        with Paho(hub, name="sleeper", clean=False, expiry=DAY) as sleeper:
            sleeper.subscribe("news/#", 1)
    expires = ["-D", "publish", "message-expiry-interval"]
    mosquitto.publish(hub, "news/short", "old", "5", 1, retain, more=[*expires, "1"])
    with Paho(hub) as pub:
        props = properties("PUBLISH", MessageExpiryInterval=100)
        assert pub.publish("news/long", "lasting", 1, retain, props) in ACCEPTED
        assert pub.publish("news/ever", "for ever", 1, retain) in ACCEPTED
    hub.kill()
    # Time is what is tested: well beyond one second.
    time.sleep(2.2)
    hub.start()
    with Paho(hub, name="sleeper", clean=False, expiry=DAY) as back:
        if retain:
            back.subscribe("news/#", 1)
        got = {message.topic: message for message in back.before_fence()}
    assert set(got) == {"news/long", "news/ever"}
    assert 50 <= got["news/long"].properties.MessageExpiryInterval <= 98
    assert not hasattr(got["news/ever"].properties, "MessageExpiryInterval")


def request(hub, topic, answer_topic, payload, version, *more):
    """mosquitto_rr: publishes and prints the first message on the response topic."""
    command = ["mosquitto_rr", "-V", mosquitto.VERSIONS[version], "-h", hub.host, "-p", str(hub.mqtt_port), *more]
    command += ["-t", topic, "-e", answer_topic, "-m", payload, "-W", str(int(PATIENCE))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE)
    assert done.returncode == 0, (command, done)
    return done.stdout.rstrip("\n")


class Responder(Paho):
    """Answers where the request says."""

    def _on_message(self, client, userdata, message):
        props = message.properties
        more = {"CorrelationData": props.CorrelationData} if hasattr(props, "CorrelationData") else {}
        client.publish(props.ResponseTopic, b"re: " + message.payload, 1, properties=properties("PUBLISH", **more))
        super()._on_message(client, userdata, message)


@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_request_and_response_with_mosquitto_rr(qos, shared, unique):
    topic, answers = f"ask/{unique()}", f"answers/{unique()}"
    with Responder(shared) as responder:
        responder.subscribe(topic, 2)
        correlation = ["-D", "publish", "correlation-data", "number-7"]
        assert request(shared, topic, answers, "what", "5", "-q", qos, *correlation) == "re: what"
        asked = responder.wait(topic, "what").properties
        assert (asked.ResponseTopic, asked.CorrelationData) == (answers, b"number-7")


def test_request_and_response_with_mosquitto_rr_3_1_1(shared, unique):
    """Without properties both sides know the topic."""
    topic, answers = f"ask/{unique()}", f"answers/{unique()}"

    def answer(client, userdata, message):
        client.publish(answers, b"re: " + message.payload, 1)

    with Paho(shared, "3.1.1") as responder:
        responder.client.on_message = answer
        responder.subscribe(topic, 1)
        assert request(shared, topic, answers, "what", "3.1.1", "-q", "1") == "re: what"
