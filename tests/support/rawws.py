"""A WebSocket client that writes its frames bit by bit, right or wrong, and reads what comes back. RFC 6455 section 5.2."""

import base64
import os
import socket
import struct
from dataclasses import dataclass

from .wait import PATIENCE

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
END = "end of the connection"


@dataclass(frozen=True)
class Frame:
    opcode: int
    payload: bytes
    fin: bool = True

    @property
    def code(self):
        """The close code; `None` if there is none."""
        return struct.unpack("!H", self.payload[:2])[0] if len(self.payload) >= 2 else None


def frame(opcode, payload=b"", *, fin=True, rsv=0, mask=True, length=None):
    """One frame's bytes; `length` is announced in place of the true one."""
    length = len(payload) if length is None else length
    head = bytes([(fin << 7) | (rsv << 4) | opcode])
    flag = 0x80 if mask else 0
    if length < 126:
        head += bytes([flag | length])
    elif length < 65_536:
        head += bytes([flag | 126]) + struct.pack("!H", length)
    else:
        head += bytes([flag | 127]) + struct.pack("!Q", length)
    if not mask:
        return head + payload
    key = os.urandom(4)
    # As one large number each: byte by byte takes Python seconds for a megabyte.
    stream = (key * (len(payload) // 4 + 1))[: len(payload)]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return head + key + masked.to_bytes(len(payload), "big")


def close(code=None, reason=b""):
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


class RawSocket:
    def __init__(self, hub, path="/api/ws/echo", headers=(), source=None):
        source = None if source is None else (source, 0)
        self.socket = socket.create_connection((hub.host, hub.port), PATIENCE, source_address=source)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.seen = b""
        self.handshake = self._shake(hub, path, headers)

    def _shake(self, hub, path, headers):
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {hub.host}:{hub.port}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *headers]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        while b"\r\n\r\n" not in self.seen:
            self._more()
        head, self.seen = self.seen.split(b"\r\n\r\n", 1)
        head = head.decode()
        assert head.startswith("HTTP/1.1 101 "), head
        return head

    def _more(self):
        came = self.socket.recv(65_536)
        if not came:
            raise EOFError
        self.seen += came

    def _take(self, count):
        while len(self.seen) < count:
            self._more()
        taken, self.seen = self.seen[:count], self.seen[count:]
        return taken

    def send(self, *frames, chopped=False):
        data = b"".join(frames)
        if not chopped:
            self.socket.sendall(data)
            return
        for byte in data:
            self.socket.sendall(bytes([byte]))

    def read(self):
        """The next frame, or END."""
        try:
            first, second = self._take(2)
            assert not first & 0x70, "a reserved bit is set"
            assert not second & 0x80, "a server masks nothing"
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", self._take(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", self._take(8))
            return Frame(first & 0x0F, self._take(length), bool(first & 0x80))
        except (EOFError, ConnectionResetError):
            return END

    def read_all(self):
        """Everything up to the end of the connection."""
        frames = []
        while (came := self.read()) is not END:
            frames.append(came)
        return frames

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
