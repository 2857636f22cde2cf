"""MicroPython's sockets, which are streams: `read` waits for all it was asked for, and a socket that must not wait gives None."""

import socket as _socket
from socket import SOCK_STREAM, getaddrinfo  # noqa: F401


class socket:
    def __init__(self, *kind):
        self._socket = _socket.socket(*kind)
        self._waits = True

    def connect(self, address):
        self._socket.connect(address)

    def close(self):
        self._socket.close()

    def setblocking(self, waits):
        self._waits = waits
        self._socket.setblocking(waits)

    def write(self, data, count=None):
        data = data.encode() if isinstance(data, str) else bytes(data)
        self._socket.sendall(data if count is None else data[:count])

    def read(self, count=None):
        got = b""
        while count is None or len(got) < count:
            try:
                more = self._socket.recv(4096 if count is None else count - len(got))
            except BlockingIOError:
                return got or None
            if not more:
                break
            got += more
        return got

    def readline(self):
        line = b""
        while not line.endswith(b"\n"):
            more = self.read(1)
            if not more:
                break
            line += more
        return line
