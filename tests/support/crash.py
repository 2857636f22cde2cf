"""A campaign against one hub: devices, HTTP and WebSocket clients publish and subscribe while it is killed again and again.

Belongs here: who does what, and when the hub is killed. Does not: what must come of it.
"""

import asyncio
import enum
import json
import random
import time
from dataclasses import dataclass

import websockets.asyncio.client
from websockets.exceptions import WebSocketException

from . import disk
from .device import Device, Gone, Will
from .ledger import Ledger

PUBLISHERS = 4
# For each publisher and round, and how many may be in flight. Together with what comes twice because it was not
# acknowledged, all rounds of a campaign stay below the 4,096 messages that the hub queues for one session.
MESSAGES_PER_ROUND = 110
IN_FLIGHT_MAX = 60
DOOR_MESSAGES_PER_ROUND = 40
ROUNDS_PER_CAMPAIGN = 20
# Less than what a round writes.
DISK_BYTES = 100_000
# Topic below a publisher's own: QoS of its messages, retained or not. `None`: now 1, now 2.
STREAMS = {"one": (1, False), "two": (2, False), "mixed": (None, False), "kept": (1, True)}


class Kills(enum.Enum):
    """When the hub is killed: at any time or right after an acknowledgement, or always the latter."""

    MIXED = enum.auto()
    AFTER_ACKNOWLEDGEMENT = enum.auto()


@dataclass
class Member:
    """A device and what it subscribes to."""

    device: Device
    filter: str
    qos: int
    is_away: bool = False


class Campaign:
    """Up to twenty rounds, and then everybody comes back and gets what is due."""

    def __init__(self, hub, rng, ledger, name="a", patience=40.0, fills_disk=False):
        self.hub, self.rng, self.ledger, self.name, self.patience = hub, rng, ledger, name, patience
        self.fills_disk = fills_disk
        self.publishers, self.subscribers, self.passing = [], [], []
        self.wills = []
        self.kill_after = None
        self.is_calm = False
        for number in range(PUBLISHERS):
            self.publishers.append(self._device(f"pub{number}", 5 if number % 2 else 4))
            self._subscriber(f"away{number}", 4 if number % 2 else 5, f"crash/{number}/", 1 if number == 3 else 2, away=True)
        self._subscriber("away-doors", 5, "door/", 2, away=True)
        self._subscriber("away-wills", 4, "will/", 2, away=True)
        self._subscriber("live5", 5, "crash/", 2)
        self._subscriber("live4", 4, "crash/", 2)
        self._subscriber("live1", 4, "crash/", 1)
        self._subscriber("live-doors", 5, "door/", 1)
        self._subscriber("live-wills", 5, "will/", 2)
        slow = self._subscriber("slow", 5, "crash/0/", 2, receive_maximum=20)
        slow_too = self._subscriber("slow-too", 4, "crash/1/", 2)
        for member in (slow, slow_too):
            chance = random.Random(rng.random())
            member.device.ack_delay = lambda chance=chance: chance.uniform(0, 0.01)

    def _device(self, name, version, **options):
        device = Device(f"{self.name}-{name}", version, **options)
        device.on_settled = lambda message: self._settled(message)
        device.on_message = lambda message: self.ledger.arrived(device.name, message)
        return device

    def _subscriber(self, name, version, prefix, qos, away=False, **options):
        member = Member(self._device(name, version, **options), f"{prefix}#", qos, away)
        self.subscribers.append(member)
        return member

    def _settled(self, message):
        self.ledger.settle(message.topic, message.payload, f"QoS {message.qos}")
        if self.kill_after is not None:
            self.kill_after -= 1
            if self.kill_after == 0:
                self.hub.process.kill()

    async def run(self, rounds, kills=Kills.MIXED):
        """The rounds, and the end of it."""
        await self._set_up()
        for number in range(rounds):
            await self._round(number, kills)
        await self._finish()

    async def _set_up(self):
        await asyncio.to_thread(self.hub.start)
        for device in self.publishers:
            await device.connect(self.hub.mqtt_port)
            await device.subscribe(f"own/{device.name}", 1)
        for member in self.subscribers:
            await self._begin(member)
        for member in self.subscribers:
            if member.is_away:
                member.device.abort()
        for device in self._present():
            device.abort()
        await asyncio.to_thread(self.hub.stop)

    async def _begin(self, member):
        device = member.device
        await device.connect(self.hub.mqtt_port)
        await device.subscribe(member.filter, member.qos)
        self.ledger.watch(device.name, member.filter.removesuffix("#"), member.qos)

    def _present(self):
        return self.publishers + [member.device for member in self.subscribers if not member.is_away]

    # One round.

    async def _round(self, number, kills):
        await self._start_hub()
        await self._look_at_retained()
        chance = lambda: random.Random(self.rng.random())
        self.kill_after = None
        actors = [self._stay(device, chance()) for device in self._present()]
        actors += [self._publish(index, device, chance()) for index, device in enumerate(self.publishers)]
        actors += [self._http("POST", "door/post", chance()), self._http("PUT", "door/put", chance())]
        actors += [self._websocket("door/ws", chance()), self._join(number, chance()), self._die(number, chance())]
        if self.fills_disk:
            actors.append(self._fill_disk(chance()))
        tasks = [asyncio.create_task(actor) for actor in actors]
        if kills is Kills.AFTER_ACKNOWLEDGEMENT or self.rng.random() < 0.5:
            self.kill_after = self.rng.randint(1, 400)
            wait = 2.0
        else:
            wait = self.rng.uniform(0, 1.5)
        ended = asyncio.create_task(asyncio.to_thread(self.hub.process.wait))
        await asyncio.wait([ended], timeout=wait)
        if not ended.done() and self.rng.random() < 0.15:
            # In the middle of an orderly end.
            self.hub.process.terminate()
            await asyncio.wait([ended], timeout=self.rng.uniform(0, 0.1))
        self.hub.process.kill()
        await ended
        self.kill_after = None
        for device in self._present() + self.passing:
            # What the hub said before its end is still read.
            await asyncio.wait_for(device.gone.wait(), self.patience)
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome
        for device in self._present() + self.passing:
            device.abort()

    async def _start_hub(self):
        # Now and then it is killed while it takes up what the last kill left.
        while not self.is_calm and self.rng.random() < 0.2:
            self.hub.spawn()
            await asyncio.sleep(self.rng.uniform(0, 0.15))
            self.hub.process.kill()
            await asyncio.to_thread(self.hub.process.wait)
        await asyncio.to_thread(self.hub.start)

    async def _look_at_retained(self):
        for number in range(PUBLISHERS):
            topic = f"crash/{number}/kept"
            settled = max(self.ledger.settled[topic], default=0)
            answer = await asyncio.to_thread(self.hub.get, f"/api/topics/{topic}")
            have = Ledger.number(answer.content) if answer.status_code == 200 else 0
            if have < settled:
                self.ledger.figures.retained_lost.append((topic, settled, have))

    async def _stay(self, device, chance):
        """Connects, and does so again when the connection breaks; some break it themselves."""
        while True:
            try:
                await device.connect(self.hub.mqtt_port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            if device.session_was_lost:
                self.ledger.figures.sessions_lost.append(device.name)
                device.session_was_lost = False
            patience = chance.uniform(0, 0.6) if not self.is_calm and chance.random() < 0.3 else None
            try:
                await asyncio.wait_for(device.gone.wait(), patience)
            except asyncio.TimeoutError:
                device.abort()

    async def _publish(self, index, device, chance):
        left = MESSAGES_PER_ROUND
        while left > 0:
            await asyncio.sleep(chance.uniform(0, 0.06))
            for _ in range(min(left, chance.randint(1, 40))):
                if not device.is_connected or device.in_flight >= IN_FLIGHT_MAX:
                    break
                kind = chance.choice(list(STREAMS))
                qos, retain = STREAMS[kind]
                self._send(device, f"crash/{index}/{kind}", qos or chance.choice((1, 2)), retain, chance.randint(0, 300))
                left -= 1

    def _send(self, device, topic, qos, retain=False, padding=0):
        payload = self.ledger.next(topic, qos, padding)
        device.publish(topic, payload, qos, retain)
        return payload

    async def _http(self, method, topic, chance):
        """One request after the other; what is answered with 2xx is acknowledged."""
        for _ in range(DOOR_MESSAGES_PER_ROUND):
            await asyncio.sleep(chance.uniform(0, 0.04))
            payload = self.ledger.next(topic, 1)
            head = f"{method} /api/topics/{topic}?qos=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            try:
                reader, writer = await asyncio.open_connection(self.hub.host, self.hub.port)
                writer.write(f"{head}Content-Length: {len(payload)}\r\n\r\n".encode() + payload)
                line = await reader.readline()
                writer.close()
            except OSError:
                return
            if line.startswith(b"HTTP/1.1 2"):
                self.ledger.settle(topic, payload, "HTTP")

    async def _websocket(self, topic, chance):
        """Several frames at a time, answered in their order or not."""
        sent = {}
        try:
            async with websockets.asyncio.client.connect(self.hub.ws, proxy=None) as socket:
                left = DOOR_MESSAGES_PER_ROUND
                while left > 0:
                    count = min(left, chance.randint(1, 8))
                    left -= count
                    for _ in range(count):
                        payload = self.ledger.next(topic, 1)
                        sent[self.ledger.number(payload)] = payload
                        frame = {"op": "publish", "topic": topic, "payload": payload.decode(), "qos": 1}
                        await socket.send(json.dumps(frame | {"id": self.ledger.number(payload)}))
                    for _ in range(count):
                        answer = json.loads(await socket.recv())
                        if answer["op"] == "ok":
                            self.ledger.settle(topic, sent[answer["id"]], "WebSocket")
                    await asyncio.sleep(chance.uniform(0, 0.1))
        except (OSError, EOFError, WebSocketException):
            return

    async def _join(self, number, chance):
        """A new session that subscribes some time before the kill and does not come back before the end."""
        await asyncio.sleep(chance.uniform(0, 0.8))
        device = self._device(f"joiner{number}", chance.choice((4, 5)))
        member = Member(device, "door/#", chance.choice((1, 2)), is_away=True)
        self.passing.append(device)
        try:
            await self._begin(member)
        except OSError:
            return
        self.subscribers.append(member)

    async def _die(self, number, chance):
        """A device with a will that is cut off, by itself or by the kill, and does not come back."""
        topic, delay_s = f"will/{self.name}-{number}", chance.choice((0, 1, 2))
        payload = self.ledger.next(topic, 2)
        version = chance.choice((4, 5))
        device = self._device(f"mortal{number}", version, will=Will(topic, payload, 2, delay_s))
        self.passing.append(device)
        await asyncio.sleep(chance.uniform(0, 0.3))
        try:
            await device.connect(self.hub.mqtt_port)
            await device.subscribe(f"own/{device.name}", 1)
        except OSError:
            return
        self.ledger.settle(topic, payload, "wills")
        await asyncio.sleep(chance.uniform(0, 0.5))
        device.abort()

    async def _fill_disk(self, chance):
        """Now and then there is no room for a while; the process is killed meanwhile or not."""
        try:
            while True:
                await asyncio.sleep(chance.uniform(0, 0.3))
                disk.limit(self.hub, DISK_BYTES)
                await asyncio.sleep(chance.uniform(0, 0.5))
                disk.make_room(self.hub)
        except ProcessLookupError:
            return

    # The end.

    async def _finish(self):
        """Everybody comes back; then a last message behind all others says that nothing more is to come."""
        self.is_calm = True
        for member in self.subscribers:
            member.is_away, member.device.ack_delay = False, None
        await self._start_hub()
        await self._look_at_retained()
        stays = [asyncio.create_task(self._stay(device, self.rng)) for device in self._present()]
        await self._until(lambda: all(device.is_connected for device in self._present()), "clients are not connected")
        await self._until(lambda: not any(device.in_flight for device in self.publishers), "publishes are unanswered")
        names = [member.device.name for member in self.subscribers]
        wills = [name for name in names if name.endswith("-wills")]
        await self._until(lambda: not any(True for name in wills for _ in self.ledger.missing(name)), None, 5.0)
        await self._fence(names)
        for device in self.publishers + [member.device for member in self.subscribers]:
            self.ledger.figures.refused += device.refused
        for name in names:
            self.ledger.close(name)
        for task in stays:
            task.cancel()
        await asyncio.gather(*stays, return_exceptions=True)
        await self._clear()

    async def _fence(self, names):
        """Deliveries are in order, so what has not come before the last message will not come at all."""
        fences = {}
        for index, device in enumerate(self.publishers):
            fences[f"crash/{index}/"] = (f"crash/{index}/fence", device)
        for prefix in ("door/", "will/"):
            fences[prefix] = (f"{prefix}fence", self.publishers[0])
        sent = [(topic, self._send(device, topic, 2)) for topic, device in fences.values()]
        expected = [
            (name, topic, payload)
            for name in names
            for topic, payload in sent
            if topic.startswith(self.ledger.watchers[name].prefix)
        ]
        await self._until(lambda: all(self.ledger.has_arrived(*one) for one in expected), "last messages did not come")
        await self._until(lambda: not any(device.in_flight for device in self.publishers), "publishes are unanswered")

    async def _until(self, check, complaint, patience=None):
        deadline = time.monotonic() + (patience or self.patience)
        while not check():
            if time.monotonic() > deadline:
                if complaint:
                    self.ledger.figures.unfinished.append(complaint)
                return
            await asyncio.sleep(0.02)

    async def _clear(self):
        """Ends all sessions, so that the next campaign begins with none."""
        for device in self._present() + self.passing:
            device.abort()
            try:
                await device.connect(self.hub.mqtt_port, clean=True)
            except Gone as error:
                self.ledger.figures.unfinished.append(str(error))
            device.abort()
        await asyncio.to_thread(self.hub.stop)
