"""Somebody who goes on working while others attack: how long his requests take, and how much memory the hub takes."""

import contextlib
import socket
import threading
import time

# Generous: a machine of two busy cores may be slow; a hub that is stuck is slower.
SECONDS_MAX = 8.0


def rss(hub):
    """Resident memory in bytes."""
    with open(f"/proc/{hub.process.pid}/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


class Bystander:
    """Asks for one value over and over on one kept-alive connection, at a steady pace."""

    def __init__(self, hub, token, path="/api/session", every=0.05):
        self.hub, self.every = hub, every
        self.request = f"GET {path} HTTP/1.1\r\nHost: {hub.host}:{hub.port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        self.slowest, self.served, self.error = 0.0, 0, None
        self._stop = threading.Event()
        self.socket = socket.create_connection((hub.host, hub.port), SECONDS_MAX)
        self._ask()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _ask(self):
        began = time.monotonic()
        self.socket.sendall(self.request)
        seen = b""
        while b"\r\n\r\n" not in seen:
            came = self.socket.recv(65_536)
            if not came:
                raise EOFError("the hub closed the bystander's connection")
            seen += came
        head, body = seen.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 200"), head
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        while len(body) < length:
            body += self.socket.recv(65_536)
        self.served += 1
        self.slowest = max(self.slowest, time.monotonic() - began)

    def _run(self):
        try:
            while not self._stop.wait(self.every):
                self._ask()
        except (OSError, EOFError, AssertionError) as error:
            self.error = error

    def finish(self):
        self._stop.set()
        self.thread.join(SECONDS_MAX + 1)
        assert self.error is None, f"the bystander was not served: {self.error!r}"
        # Once more, as the attack may have been shorter than the pause between two requests.
        self._ask()
        self.socket.close()
        assert self.slowest < SECONDS_MAX, (self.served, self.slowest)


@contextlib.contextmanager
def undisturbed(hub, token, megabytes=64):
    """While this is open somebody is served, and the hub's memory grows by no more than this."""
    before = rss(hub)
    bystander = Bystander(hub, token)
    grown = 0
    try:
        yield bystander
        grown = rss(hub) - before
    finally:
        bystander.finish()
    assert grown < megabytes * 1024 * 1024, f"the hub has grown by {grown / 1024 / 1024:.0f} MiB"
