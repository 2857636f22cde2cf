"""Shared subscriptions as people use them: workers that take turns, one that falls out, one that comes back."""

from collections import Counter

import pytest

from support import mosquitto, rawmqtt
from support.paho import ACCEPTED, Paho
from support.rawmqtt import Raw
from support.wait import until

both_versions = pytest.mark.parametrize("version", ["3.1.1", "5"])
KEPT = {"clean": False, "expiry": 3600}


def texts(client):
    return [message.payload.decode() for message in client.messages.drain()]


def collect(clients, count):
    """What each got, once all of them together have got so many."""
    got = [[] for _ in clients]

    def have_all():
        for mine, client in zip(got, clients):
            mine += texts(client)
        return sum(map(len, got)) >= count

    until(have_all, what=f"{count} messages; {[len(mine) for mine in got]} came")
    return got


@both_versions
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_each_message_goes_to_one_member_and_all_take_part(version, qos, shared, unique):
    topic, group = f"jobs/{unique()}", unique("group")
    with Paho(shared, version) as one, Paho(shared, version) as two, Paho(shared, version) as three:
        members = [one, two, three]
        for member in members:
            assert member.subscribe(f"$share/{group}/{topic}", qos) == [qos]
        with Paho(shared, version) as everybody, Paho(shared, version) as pub:
            everybody.subscribe(topic, qos)
            for number in range(90):
                assert pub.publish(topic, str(number), qos) == 0
            # A subscription that is not shared gets all of them.
            assert [everybody.wait(topic).text for _ in range(90)] == [str(n) for n in range(90)]
        got = collect(members, 90)
        assert Counter(text for mine in got for text in mine) == Counter(str(n) for n in range(90))
        # Fair: nobody gets much more than a third, and each in order.
        assert all(20 <= len(mine) <= 40 for mine in got), [len(mine) for mine in got]
        assert all([int(text) for text in mine] == sorted(int(text) for text in mine) for mine in got)


@both_versions
def test_mosquitto_and_mqttjs_are_members(version, shared, js, unique):
    topic, group = f"jobs/{unique()}", unique("group")
    filter = f"$share/{group}/{topic}"
    with mosquitto.Sub(shared, filter, version=version, qos=1) as one, js.connect(shared, version) as two:
        two.subscribe(filter, 1)
        for number in range(10):
            mosquitto.publish(shared, topic, str(number), version, qos=1)
        got = collect([one, two], 10)
        assert Counter(text for mine in got for text in mine) == Counter(str(n) for n in range(10))
        assert all(got)


def test_groups_do_not_share_with_each_other(shared, unique):
    topic, groups = f"jobs/{unique()}", [unique("group"), unique("group")]
    with Paho(shared) as one, Paho(shared) as two, Paho(shared) as pub:
        for member, group in zip((one, two), groups):
            member.subscribe(f"$share/{group}/{topic}", 1)
        pub.publish(topic, "for both")
        one.wait(topic, "for both")
        two.wait(topic, "for both")


def unacknowledged(hub, version, name, topic, filter, qos, count):
    """A member that has received messages and acknowledged none."""
    number = 5 if version == "5" else 4
    silent = Raw(hub, version=number, name=name)
    silent.send(rawmqtt.subscribe(filter, number, options=qos))
    assert silent.read().kind == rawmqtt.SUBACK
    with Paho(hub, version) as pub:
        for n in range(count):
            assert pub.publish(topic, str(n), qos) == 0
    for _ in range(count):
        assert silent.read().kind == rawmqtt.PUBLISH
    return silent


@both_versions
def test_what_a_member_did_not_acknowledge_goes_to_another(version, shared, unique):
    topic, group = f"jobs/{unique()}", unique("group")
    filter = f"$share/{group}/{topic}"
    silent = unacknowledged(shared, version, unique("silent"), topic, filter, 1, 10)
    with Paho(shared, version) as worker:
        worker.subscribe(filter, 1)
        silent.close()
        assert [int(worker.wait(topic).text) for _ in range(10)] == list(range(10))


@both_versions
def test_what_was_sent_with_qos_2_goes_to_nobody_else(version, shared, unique):
    """[MQTT-4.8.2-5]: it may have arrived."""
    topic, group, name = f"jobs/{unique()}", unique("group"), unique("silent")
    filter = f"$share/{group}/{topic}"
    silent = unacknowledged(shared, version, name, topic, filter, 2, 10)
    with Paho(shared, version) as worker:
        worker.subscribe(filter, 2)
        silent.close()
        # Whoever gets the client identifier proves that the session before has ended.
        Paho(shared, version, name=name).close()
        assert worker.before_fence() == []


def test_a_member_that_unsubscribes_gets_nothing_more(shared, unique):
    topic, group = f"jobs/{unique()}", unique("group")
    filter = f"$share/{group}/{topic}"
    with Paho(shared) as one, Paho(shared) as two, Paho(shared) as pub:
        one.subscribe(filter, 1)
        two.subscribe(filter, 1)
        one.unsubscribe(filter)
        for number in range(6):
            pub.publish(topic, str(number))
        assert [m.text for m in two.before_fence() if m.topic == topic] == [str(n) for n in range(6)]
        assert one.before_fence() == []


def test_a_new_member_gets_no_retained_messages(shared, unique):
    """Section 4.8.2: retained messages are not sent for a shared subscription."""
    topic, group = f"jobs/{unique()}", unique("group")
    with Paho(shared) as pub, Paho(shared) as member:
        assert pub.publish(topic, "kept", retain=True) in ACCEPTED
        member.subscribe(f"$share/{group}/{topic}", 1)
        assert member.before_fence() == []


@pytest.mark.parametrize("is_killed", [False, True], ids=["restart", "crash"])
def test_membership_and_what_waits_survive(is_killed, make_hub):
    hub = make_hub().start()
    filter = "$share/group/jobs"
    with Paho(hub, name="one", **KEPT) as one:
        one.subscribe(filter, 1)
    with Paho(hub) as pub:
        for number in range(20):
            assert pub.publish("jobs", str(number)) == 0
    if is_killed:
        hub.kill()
        hub.start()
    else:
        hub.restart()
    with Paho(hub, name="one", **KEPT) as one, Paho(hub) as pub:
        assert one.connack.session_present
        assert [int(one.wait("jobs").text) for _ in range(20)] == list(range(20))
        assert pub.publish("jobs", "live") == 0
        one.wait("jobs", "live")


@pytest.mark.parametrize("filter", ["$share/group", "$share/group/", "$share//jobs", "$share/gr+up/jobs", "$share/#"])
def test_filters_that_are_no_shared_subscription(filter, shared, unique):
    with Raw(shared, version=5, name=unique("raw")) as raw:
        raw.send(rawmqtt.subscribe(filter, 5, options=1))
        answer = raw.read()
        refused = answer.kind == rawmqtt.SUBACK and answer.reason(5) == 0x8F
        ended = answer.kind == rawmqtt.DISCONNECT and answer.reason(5) in (0x81, 0x82, 0x8F)
        assert refused or ended, answer


def test_no_local_cannot_be_shared(shared, unique):
    """[MQTT-3.8.3-4]"""
    with Raw(shared, version=5, name=unique("raw")) as raw:
        raw.send(rawmqtt.subscribe("$share/group/jobs", 5, options=1 | 4))
        assert raw.ended_with() == 0x82
