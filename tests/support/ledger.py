"""What was sent, what the hub acknowledged and what arrived, and the sums of that.

A stream is the messages of one publisher to one topic, numbered from 1. Belongs here: counting. Does not: what should
come out.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass
class Figures:
    """The outcome. Each list names what it counts."""

    acknowledged: Counter = field(default_factory=Counter)
    delivered: int = 0
    lost: list = field(default_factory=list)
    duplicates_qos1: int = 0
    duplicates_qos2: list = field(default_factory=list)
    disorder: list = field(default_factory=list)
    sessions_lost: list = field(default_factory=list)
    retained_lost: list = field(default_factory=list)
    unfinished: list = field(default_factory=list)
    refused: list = field(default_factory=list)

    def line(self):
        acknowledged = sum(self.acknowledged.values())
        doors = ", ".join(f"{door} {count}" for door, count in sorted(self.acknowledged.items()))
        return (
            f"acknowledged {acknowledged} ({doors}); delivered {self.delivered}; lost {len(self.lost)}; "
            f"duplicates QoS 1 (allowed) {self.duplicates_qos1}, QoS 2 {len(self.duplicates_qos2)}; "
            f"out of order {len(self.disorder)}; sessions lost {len(self.sessions_lost)}; "
            f"retained lost {len(self.retained_lost)}"
        )


@dataclass
class _Watcher:
    """A kept subscriber: what it subscribed to, how far each stream was then, what it got."""

    prefix: str
    qos: int
    before: dict
    got: dict = field(default_factory=lambda: defaultdict(list))


class Ledger:
    def __init__(self):
        # Stream: QoS of each message. The payload is the number, so that no two messages are alike.
        self.qos = defaultdict(list)
        self.settled = defaultdict(set)
        self.watchers = {}
        self.figures = Figures()

    def next(self, stream, qos, padding=0):
        """The payload of the stream's next message."""
        self.qos[stream].append(qos)
        return f"{len(self.qos[stream])} {'.' * padding}".encode()

    @staticmethod
    def number(payload):
        return int(payload.split(b" ")[0])

    def settle(self, stream, payload, door):
        """The hub acknowledged it."""
        number = self.number(payload)
        if number not in self.settled[stream]:
            self.settled[stream].add(number)
            self.figures.acknowledged[door] += 1

    def watch(self, name, prefix, qos):
        """From now on the subscriber is to get what is sent to streams that begin like this."""
        before = {stream: len(sent) for stream, sent in self.qos.items()}
        self.watchers[name] = _Watcher(prefix, qos, before)

    def arrived(self, name, message):
        watcher = self.watchers.get(name)
        # What was stored before the subscription comes with the retain flag, and is no delivery.
        if watcher is None or message.retain or not message.topic.startswith(watcher.prefix):
            return
        number = self.number(message.payload)
        # Nor is what came before the SUBACK, and may come again.
        if number > watcher.before.get(message.topic, 0):
            watcher.got[message.topic].append((number, message.qos))

    def has_arrived(self, name, stream, payload):
        wanted = self.number(payload)
        return any(number == wanted for number, _ in reversed(self.watchers[name].got[stream]))

    def missing(self, name):
        """What was acknowledged and has not come to this subscriber."""
        watcher = self.watchers[name]
        for stream, settled in self.settled.items():
            if stream.startswith(watcher.prefix):
                have = {number for number, _ in watcher.got[stream]}
                begin = watcher.before.get(stream, 0)
                yield from ((name, stream, number) for number in sorted(settled - have) if number > begin)

    def close(self, name):
        """Adds up one subscriber, who has got all that it will get."""
        figures, watcher = self.figures, self.watchers[name]
        figures.lost += self.missing(name)
        for stream, got in watcher.got.items():
            figures.delivered += len(got)
            first_arrivals = list(dict.fromkeys(number for number, _ in got))
            for earlier, later in zip(first_arrivals, first_arrivals[1:]):
                if later < earlier:
                    figures.disorder.append((name, stream, earlier, later))
            for number, count in Counter(number for number, _ in got).items():
                if count == 1:
                    continue
                if min(self.qos[stream][number - 1], watcher.qos) == 2:
                    figures.duplicates_qos2.append((name, stream, number, count))
                else:
                    figures.duplicates_qos1 += count - 1
        del self.watchers[name]
