"""What the hub acknowledged survives kill -9: sessions, queues, packets in flight, retained messages, wills.

The figures of a run are in the summary at its end; E2E_SEED repeats its choices, though not the machine's timing.
"""

import asyncio

import pytest

from support import disk
from support.crash import ROUNDS_PER_CAMPAIGN, Campaign, Kills
from support.ledger import Ledger

QUOTA_EXCEEDED = 0x97


@pytest.mark.timeout(900)
def test_nothing_acknowledged_is_lost(make_hub, rng, long, record_property):
    hub, ledger = make_hub(), Ledger()
    campaigns = 5 if long else 1
    for number in range(campaigns):
        asyncio.run(Campaign(hub, rng, ledger, name=f"c{number}").run(ROUNDS_PER_CAMPAIGN))
    figures = ledger.figures
    record_property("figures", f"crash test: {campaigns * ROUNDS_PER_CAMPAIGN} rounds; {figures.line()}")
    assert figures.unfinished == []
    assert figures.sessions_lost == []
    assert figures.lost == []
    assert figures.retained_lost == []
    assert figures.duplicates_qos2 == []
    assert figures.disorder == []
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
    assert figures.unfinished == []
    assert figures.sessions_lost == []
    assert figures.lost == []
    assert figures.retained_lost == []
    assert figures.duplicates_qos2 == []
    assert figures.disorder == []
    assert {reason for _, reason in figures.refused} == {QUOTA_EXCEEDED}
    assert "messages to it are dropped" not in hub.log()


@pytest.mark.timeout(300)
def test_the_test_finds_losses_where_there_are_some(make_hub, rng, record_property):
    """The same campaign with durability = relaxed, where a crash may lose what was acknowledged."""
    hub, ledger = make_hub("--durability", "relaxed"), Ledger()
    rounds = 5
    asyncio.run(Campaign(hub, rng, ledger, patience=5.0).run(rounds, kills=Kills.AFTER_ACKNOWLEDGEMENT))
    record_property("figures", f"crash test, relaxed: {rounds} rounds; {ledger.figures.line()}")
    assert ledger.figures.lost != []
