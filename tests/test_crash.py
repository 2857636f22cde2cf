"""What the hub acknowledged survives kill -9: sessions, queues, packets in flight, retained messages, wills.

The figures of a run are in the summary at its end; E2E_SEED repeats its choices, though not the machine's timing.
"""

import asyncio
import time

import pytest

from support import disk
from support.crash import ROUNDS_PER_CAMPAIGN, Campaign, Kills
from support.device import Device
from support.ledger import Ledger
from support.wait import PATIENCE

QUOTA_EXCEEDED = 0x97


def keeps_its_promises(figures):
    assert figures.unfinished == []
    assert figures.sessions_lost == []
    assert figures.lost == []
    assert figures.retained_lost == []
    assert figures.duplicates_qos2 == []
    assert figures.disorder == []


@pytest.mark.timeout(900)
def test_nothing_acknowledged_is_lost(make_hub, rng, long, record_property):
    hub, ledger = make_hub(), Ledger()
    campaigns = 5 if long else 1
    for number in range(campaigns):
        asyncio.run(Campaign(hub, rng, ledger, name=f"c{number}").run(ROUNDS_PER_CAMPAIGN))
    figures = ledger.figures
    record_property("figures", f"crash test: {campaigns * ROUNDS_PER_CAMPAIGN} rounds; {figures.line()}")
    keeps_its_promises(figures)
    assert figures.refused == []
    # Enough happened for that to mean something, and no queue was full, where losses are allowed.
    assert all(figures.acknowledged[door] > 0 for door in ("QoS 1", "QoS 2", "HTTP", "WebSocket", "wills"))
    assert "messages to it are dropped" not in hub.log()


@pytest.mark.timeout(300)
def test_nothing_acknowledged_is_lost_though_the_disk_fills_up(make_hub, rng, long, record_property):
    """What is refused, or cut off without an answer, is no loss; what was acknowledged before, between and after is."""
    hub, ledger = make_hub(process=disk.PROCESS), Ledger()
    rounds = ROUNDS_PER_CAMPAIGN if long else 8
    asyncio.run(Campaign(hub, rng, ledger, fills_disk=True).run(rounds))
    figures = ledger.figures
    refused = f"refused {len(figures.refused)}"
    record_property("figures", f"crash test, full disk: {rounds} rounds; {figures.line()}; {refused}")
    keeps_its_promises(figures)
    # Mostly some are refused; that they are is shown in test_full_disk.
    assert {reason for _, reason in figures.refused} <= {QUOTA_EXCEEDED}
    assert "messages to it are dropped" not in hub.log()


@pytest.mark.timeout(300)
def test_the_test_finds_losses_where_there_are_some(make_hub, rng, record_property):
    """The same campaign with durability = relaxed, where a crash may lose what was acknowledged."""
    hub, ledger = make_hub("--durability", "relaxed"), Ledger()
    rounds = 5
    asyncio.run(Campaign(hub, rng, ledger, patience=5.0).run(rounds, kills=Kills.AFTER_ACKNOWLEDGEMENT))
    record_property("figures", f"crash test, relaxed: {rounds} rounds; {ledger.figures.line()}")
    assert ledger.figures.lost != []


@pytest.mark.parametrize("version", [4, 5])
def test_what_a_client_threw_away_stays_away(version, make_hub, long):
    """Killed right after UNSUBACK, after the SUBACK of another QoS, and after the CONNACK of a clean start."""
    hub = make_hub()
    for number in range(10 if long else 3):
        asyncio.run(_thrown_away(hub, version, number))


async def _thrown_away(hub, version, number):
    got = []
    device = Device(f"device{number}", version)
    device.on_message = lambda message: got.append((message.topic, message.qos))
    stranger = Device(f"stranger{number}", version)
    stranger.on_settled = lambda message: settled.set()
    settled = asyncio.Event()

    async def publish(*topics):
        if not stranger.is_connected:
            await stranger.connect(hub.mqtt_port)
        for topic in topics:
            settled.clear()
            stranger.publish(topic, b"m", 2)
            await asyncio.wait_for(settled.wait(), PATIENCE)

    async def crash():
        hub.process.kill()
        hub.process.wait()
        for client in (device, stranger):
            await asyncio.wait_for(client.gone.wait(), PATIENCE)
        await asyncio.to_thread(hub.start)

    async def wait_for(topic):
        deadline = time.monotonic() + PATIENCE
        while not any(have == topic for have, _ in got):
            assert time.monotonic() < deadline, got
            await asyncio.sleep(0.01)

    await asyncio.to_thread(hub.start)
    assert not await device.connect(hub.mqtt_port)
    for topic in ("ended", "changed", "kept"):
        await device.subscribe(topic, 1)
    await device.subscribe("changed", 2)
    await device.unsubscribe("ended")
    await crash()
    await publish("ended", "changed", "kept")
    assert await device.connect(hub.mqtt_port)
    await wait_for("kept")
    assert got == [("changed", 2), ("kept", 1)]
    device.abort()
    await publish("changed", "kept")
    assert not await device.connect(hub.mqtt_port, clean=True)
    await crash()
    # Nothing that waited, no subscription, no session.
    got.clear()
    assert not await device.connect(hub.mqtt_port)
    await publish("changed", "kept")
    await device.subscribe("fence", 1)
    await publish("fence")
    await wait_for("fence")
    assert got == [("fence", 1)]
    hub.kill()
    for client in (device, stranger):
        await asyncio.wait_for(client.gone.wait(), PATIENCE)
