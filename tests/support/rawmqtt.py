"""MQTT packets by hand, for what no well-behaved client would send, and for seeing every byte that comes back.

Belongs here: just enough encoding to be wrong on purpose. Does not: a client.
"""

import socket
import struct
from dataclasses import dataclass

from .wait import PATIENCE

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 10, 11, 12, 13, 14


def varint(number):
    out = bytearray()
    while True:
        number, digit = divmod(number, 128)
        out.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(out)


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("!H", len(data)) + data


def packet(kind, body=b"", flags=0):
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


def connect(version=4, name="raw", keepalive=60, flags=0x02, level=None, protocol="MQTT", props=b"", more=b""):
    body = text(protocol) + bytes([version if level is None else level, flags]) + struct.pack("!H", keepalive)
    if version == 5:
        body += varint(len(props)) + props
    return packet(CONNECT, body + text(name) + more)


def publish(topic, payload=b"", version=4, qos=0, mid=1, retain=False, dup=False, props=b""):
    body = text(topic) + (struct.pack("!H", mid) if qos else b"")
    if version == 5:
        body += varint(len(props)) + props
    return packet(PUBLISH, body + payload, (8 if dup else 0) | qos << 1 | int(retain))


def subscribe(filter, version=4, mid=1, options=0):
    body = struct.pack("!H", mid) + (b"\0" if version == 5 else b"")
    return packet(SUBSCRIBE, body + text(filter) + bytes([options]), 2)


@dataclass(frozen=True)
class Packet:
    kind: int
    flags: int
    body: bytes

    def reason(self, version):
        """The reason of an acknowledgement or DISCONNECT; 0 when it is left out."""
        if self.kind == DISCONNECT:
            return self.body[0] if self.body else 0
        if self.kind == CONNACK:
            return self.body[1]
        if self.kind == SUBACK:
            return self.body[-1]
        return self.body[2] if version == 5 and len(self.body) > 2 else 0


class Raw:
    """A TCP connection on which bytes are sent as given."""

    def __init__(self, hub, port=None, version=None, source=None, **options):
        self.version = version
        source = None if source is None else (source, 0)
        self.socket = socket.create_connection((hub.host, port or hub.mqtt_port), PATIENCE, source_address=source)
        self.buffer = b""
        if version is not None:
            self.send(connect(version, **options))
            answer = self.read()
            assert answer is not None and answer.kind == CONNACK and answer.reason(version) == 0, answer

    def send(self, data):
        self.socket.sendall(data)

    def _fill(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.buffer += data
        return bool(data)

    def read(self, timeout=PATIENCE):
        """The next packet; None when the other side closed."""
        self.socket.settimeout(timeout)
        while True:
            whole = self._split()
            if whole is not None:
                return whole
            if not self._fill():
                return None

    def _split(self):
        length, shift = 0, 0
        for index, digit in enumerate(self.buffer[1:5], 1):
            length |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                end = index + 1 + length
                if len(self.buffer) < end:
                    return None
                first, body = self.buffer[0], self.buffer[index + 1 : end]
                self.buffer = self.buffer[end:]
                return Packet(first >> 4, first & 15, body)
        return None

    def read_bytes(self, timeout=PATIENCE):
        """Everything until the other side closes. A timeout is an error: it should have closed."""
        self.socket.settimeout(timeout)
        while self._fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def ended_with(self, timeout=PATIENCE):
        """The reason code of the DISCONNECT that came before the end, None when it just closed."""
        code = None
        while (answer := self.read(timeout)) is not None:
            if answer.kind in (DISCONNECT, CONNACK):
                code = answer.reason(self.version or 5)
        return code

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
