"""`GET /api/wire` and its neighbours, as a page uses them."""

import contextlib
import json
import socket
import threading
import urllib.parse

from .wait import PATIENCE, Inbox, until


class Wire:
    """Somebody who looks at connections; frames, gaps and ends have an inbox each. HTTP/1.0, whose bodies are not cut into chunks."""

    def __init__(self, hub, **query):
        self.frames, self.others, self.ended = Inbox("frames"), Inbox("gaps and ends"), Inbox("the end of the stream")
        self.text = []
        # A connection of its own: nobody sees the one he looks over.
        self.socket = socket.create_connection((hub.host, hub.port), PATIENCE)
        lines = [f"GET /api/wire?{urllib.parse.urlencode(query)} HTTP/1.0", f"Host: {hub.host}:{hub.port}"]
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in hub.api.cookies)
        lines += [f"Cookie: {cookies}"] if cookies else []
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.pipe = self.socket.makefile("rb")
        status = self.pipe.readline()
        assert b" 200 " in status, status
        while self.pipe.readline().strip():
            pass
        # The first line says that it looks from now on.
        assert self.pipe.readline().strip() == b": looking"
        self.socket.settimeout(None)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        name = None
        try:
            for line in self.pipe:
                line = line.decode().rstrip("\r\n")
                self.text.append(line)
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    (self.frames if name == "frame" else self.others).put({"event": name} | json.loads(line[6:]))
        except (OSError, ValueError):
            pass
        for inbox in (self.frames, self.others, self.ended):
            inbox.close("the stream ended")

    def wait(self, kind, direction=None, **fields):
        def fits(frame):
            wanted = {"kind": kind} | ({"direction": direction} if direction else {}) | fields
            return all(frame[key] == value for key, value in wanted.items())

        return self.frames.wait(fits, what=f"{kind} {direction or ''} {fields or ''}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.ended.wait_closed()
        self.pipe.close()
        self.socket.close()


def value(frame, name):
    """What a field of a frame says, and the clause that describes it."""
    return next((field["value"], field["ref"]) for field in frame["fields"] if field["name"] == name)


def connections(hub, **fields):
    answer = hub.get("/api/connections")
    assert answer.status_code == 200, answer.text
    return [one for one in answer.json() if all(one[key] == wanted for key, wanted in fields.items())]


def connection(hub, **fields):
    """The only connection that looks like this, once it is there."""
    found = []

    def look():
        found[:] = connections(hub, **fields)
        return len(found) == 1

    until(look, what=f"one connection with {fields}")
    return found[0]


def refusal(hub, after=0, **fields):
    """The first refusal behind this one that looks like this, waited for as a page does."""
    seen = []

    def look():
        answer = hub.get("/api/refusals", params={"after": after, "wait": "1s"})
        assert answer.status_code == 200, answer.text
        seen[:] = answer.json()["refusals"]
        return any(all(one[key] == wanted for key, wanted in fields.items()) for one in seen)

    until(look, what=f"a refusal with {fields}")
    return next(one for one in seen if all(one[key] == wanted for key, wanted in fields.items()))
