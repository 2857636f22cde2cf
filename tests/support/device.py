"""An MQTT device that keeps its half of a session over every crash of the hub, as the standard asks of a client.

Belongs here: what is sent again and what is not told twice. Does not: whether the hub did well.
"""

import asyncio
import struct
from dataclasses import dataclass

from . import rawmqtt
from .rawmqtt import Packet

NO_MATCHING_SUBSCRIBERS = 0x10


class Gone(ConnectionError):
    """The hub closed the connection, or was not there."""


@dataclass(frozen=True)
class Sent:
    """A message to the hub."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True)
class Received:
    """A message from the hub, told once for QoS 2."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True)
class Will:
    """What the hub is to say when this device is gone; the delay is MQTT 5's."""

    topic: str
    payload: bytes
    qos: int
    delay_s: int = 0


def _number(value):
    return struct.pack("!H", value)


def split(buffer):
    """Takes the whole packets off a bytearray."""
    packets, at = [], 0
    while len(buffer) - at >= 2:
        length = shift = 0
        for body in range(at + 1, min(at + 5, len(buffer))):
            length |= (buffer[body] & 0x7F) << shift
            shift += 7
            if not buffer[body] & 0x80:
                break
        else:
            break
        end = body + 1 + length
        if end > len(buffer):
            break
        packets.append(Packet(buffer[at] >> 4, buffer[at] & 15, bytes(buffer[body + 1 : end])))
        at = end
    del buffer[:at]
    return packets


class Device:
    """One client identifier with a kept session. `connect` resumes it, as often as it takes."""

    def __init__(self, name, version=5, *, receive_maximum=None, expiry_s=86_400, will=None):
        self.name, self.version, self.will = name, version, will
        self.receive_maximum, self.expiry_s = receive_maximum, expiry_s
        # Called for each acknowledged publish and each message; and asked how long to wait before each acknowledgement.
        self.on_settled = lambda message: None
        self.on_message = lambda message: None
        self.ack_delay = None
        # Its half of the session.
        self.unsettled = {}
        self.released = {}
        self.held = set()
        self.refused = []
        self.has_session = False
        self.session_was_lost = False
        self.gone = asyncio.Event()
        self.gone.set()
        self._writer = None
        self._tasks = []
        self._asking = {}

    @property
    def is_connected(self):
        return not self.gone.is_set()

    @property
    def in_flight(self):
        return len(self.unsettled) + len(self.released)

    async def connect(self, port, clean=False):
        """Connects, and sends again what the hub has not acknowledged; whether it still had the session."""
        try:
            reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
            self._writer.write(self._greeting(clean))
            buffer, packets = bytearray(), []
            while not packets:
                buffer += await self._some(reader)
                packets = split(buffer)
        except (OSError, Gone, asyncio.CancelledError):
            self.abort()
            raise
        connack = packets.pop(0)
        if connack.kind != rawmqtt.CONNACK or connack.body[1] != 0:
            self.abort()
            raise Gone(f"{self.name}: the hub said {connack}")
        is_present = bool(connack.body[0])
        self.session_was_lost |= self.has_session and not is_present and not clean
        if not is_present:
            self.held.clear()
        self.gone.clear()
        for packet_id in self.released:
            self._send(rawmqtt.packet(rawmqtt.PUBREL, _number(packet_id), 2))
        for packet_id, message in self.unsettled.items():
            self._send(self._publish_packet(packet_id, message, dup=True))
        self._acks = asyncio.Queue()
        self._tasks = [
            asyncio.create_task(self._read(reader, buffer, packets)),
            asyncio.create_task(self._acknowledge_slowly()),
        ]
        return is_present

    def _greeting(self, clean):
        props = b""
        if self.version == 5:
            props += b"\x11" + struct.pack("!I", 0 if clean else self.expiry_s)
            if self.receive_maximum:
                props += b"\x21" + _number(self.receive_maximum)
        flags, more = 0x02 if clean else 0, b""
        if self.will:
            flags |= 0x04 | self.will.qos << 3
            if self.version == 5:
                delay = b"\x18" + struct.pack("!I", self.will.delay_s)
                more = rawmqtt.varint(len(delay)) + delay
            more += rawmqtt.text(self.will.topic) + rawmqtt.text(self.will.payload)
        return rawmqtt.connect(self.version, self.name, flags=flags, props=props, more=more)

    @staticmethod
    async def _some(reader):
        try:
            data = await reader.read(65536)
        except OSError:
            data = b""
        if not data:
            raise Gone("the hub closed the connection")
        return data

    def _send(self, data):
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(data)

    def abort(self):
        """Ends the connection without a word, as a device does that loses its power."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        for waiting in self._asking.values():
            if not waiting.done():
                waiting.set_exception(Gone(f"{self.name}: no answer"))
                waiting.exception()
        self._asking.clear()
        self.gone.set()

    def _free_id(self):
        # Used again as soon as possible: one that the hub forgot to release swallows a message.
        busy = self.unsettled.keys() | self.released.keys() | self._asking.keys()
        return next(number for number in range(1, 65_536) if number not in busy)

    def _publish_packet(self, packet_id, message, dup=False):
        flags = {"qos": message.qos, "mid": packet_id, "retain": message.retain, "dup": dup}
        return rawmqtt.publish(message.topic, message.payload, self.version, **flags)

    def publish(self, topic, payload, qos, retain=False):
        """Sends a QoS 1 or 2 message, and goes on sending it until it is acknowledged."""
        packet_id, message = self._free_id(), Sent(topic, payload, qos, retain)
        self.unsettled[packet_id] = message
        self._send(self._publish_packet(packet_id, message))

    async def subscribe(self, filter, qos):
        """Returns when the SUBACK is there that grants it; a hub whose disk is full refuses it."""
        while True:
            answer = await self._ask(lambda packet_id: rawmqtt.subscribe(filter, self.version, packet_id, qos))
            if answer.body[-1] < 0x80:
                break
            await asyncio.sleep(0.05)
        self.has_session = True

    async def unsubscribe(self, filter):
        """Returns when the UNSUBACK is there."""
        props = b"\0" if self.version == 5 else b""
        body = props + rawmqtt.text(filter)
        await self._ask(lambda packet_id: rawmqtt.packet(rawmqtt.UNSUBSCRIBE, _number(packet_id) + body, 2))

    async def _ask(self, packet):
        packet_id = self._free_id()
        answer = self._asking[packet_id] = asyncio.get_running_loop().create_future()
        self._send(packet(packet_id))
        return await answer

    async def _read(self, reader, buffer, packets):
        try:
            while True:
                for packet in packets:
                    self._handle(packet)
                buffer += await self._some(reader)
                packets = split(buffer)
        except Gone:
            self.abort()

    def _handle(self, packet):
        kind, packet_id = packet.kind, int.from_bytes(packet.body[:2], "big")
        if kind == rawmqtt.PUBLISH:
            self._handle_publish(packet)
        elif kind == rawmqtt.PUBACK:
            self._settle(packet, packet_id)
        elif kind == rawmqtt.PUBREC:
            # A second PUBREC is answered, too, but settles nothing.
            if packet_id in self.unsettled and not self._settle(packet, packet_id):
                return
            self.released[packet_id] = True
            self._send(rawmqtt.packet(rawmqtt.PUBREL, _number(packet_id), 2))
        elif kind == rawmqtt.PUBCOMP:
            self.released.pop(packet_id, None)
        elif kind == rawmqtt.PUBREL:
            self.held.discard(packet_id)
            self._answer(rawmqtt.PUBCOMP, packet_id)
        elif kind in (rawmqtt.SUBACK, rawmqtt.UNSUBACK):
            waiting = self._asking.pop(packet_id, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(packet)

    def _settle(self, packet, packet_id):
        """The hub has the message, or refused it."""
        message = self.unsettled.pop(packet_id, None)
        if message is None:
            return False
        reason = packet.reason(self.version)
        if reason in (0, NO_MATCHING_SUBSCRIBERS):
            self.on_settled(message)
            return True
        self.refused.append((message, reason))
        return False

    def _handle_publish(self, packet):
        body, qos = packet.body, packet.flags >> 1 & 3
        at = 2 + int.from_bytes(body[:2], "big")
        topic, packet_id = body[2:at].decode(), 0
        if qos:
            packet_id = int.from_bytes(body[at : at + 2], "big")
            at += 2
        if self.version == 5:
            # Shorter than 128 bytes in these tests: one digit.
            at += 1 + body[at]
        if qos < 2 or packet_id not in self.held:
            self.on_message(Received(topic, body[at:], qos, bool(packet.flags & 1)))
        if qos == 2:
            self.held.add(packet_id)
        if qos:
            self._answer(rawmqtt.PUBREC if qos == 2 else rawmqtt.PUBACK, packet_id)

    def _answer(self, kind, packet_id):
        answer = rawmqtt.packet(kind, _number(packet_id))
        if self.ack_delay is None:
            self._send(answer)
        else:
            self._acks.put_nowait(answer)

    async def _acknowledge_slowly(self):
        while True:
            answer = await self._acks.get()
            if self.ack_delay is not None:
                await asyncio.sleep(self.ack_delay())
            self._send(answer)
