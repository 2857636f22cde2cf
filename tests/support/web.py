"""curl (requests, server-sent events) and Python's websockets."""

import itertools
import json
import subprocess
import threading
from dataclasses import dataclass, field

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from .wait import PATIENCE, Answers, Inbox

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict
    body: bytes

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


def _parse_head(lines):
    status, headers = 0, {}
    for line in lines:
        if line.startswith("HTTP/"):
            status, headers = int(line.split()[1]), {}
        elif ":" in line:
            key, value = line.split(":", 1)
            headers[key.strip().lower()] = value.strip()
    return status, headers


def curl(hub, method, path, *more, data=None, timeout=PATIENCE):
    """One request with curl; `path` may be a whole URL."""
    url = path if "://" in path else hub.url(path)
    command = ["curl", "-sS", "--noproxy", "*", "--max-time", str(timeout), "-D", "/dev/stderr", "-X", method, *more]
    stdin = b""
    if data is not None:
        command += ["--data-binary", "@-"]
        stdin = data.encode() if isinstance(data, str) else data
    done = subprocess.run([*command, url], input=stdin, capture_output=True, timeout=timeout + 5)
    head = done.stderr.decode()
    assert done.returncode == 0, f"{command} {url}: {done.returncode} {head}"
    status, headers = _parse_head(head.splitlines())
    return Reply(status, headers, done.stdout)


class Events:
    """`curl -N` on the event stream."""

    def __init__(self, hub, filter, timeout=120, path=None):
        path = path or "/api/events"
        # stdbuf: curl itself holds the head back until the first event.
        command = [
            "stdbuf",
            "-oL",
            "curl",
            "-sSN",
            "-i",
            "--noproxy",
            "*",
            "--max-time",
            str(timeout),
            "-G",
            hub.url(path),
        ]
        if filter is not None:
            command += ["--data-urlencode", f"filter={filter}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.messages = Inbox(f"curl {path}?filter={filter}")
        self.comments = Inbox("comments of the event stream")
        self._heads = Inbox("head of the event stream")
        threading.Thread(target=self._read, daemon=True).start()
        self.status, self.headers = self._heads.wait(what="the response's head")

    def _read(self):
        with self.process.stdout as pipe:
            head = []
            for line in pipe:
                line = line.decode().rstrip("\r\n")
                if not line:
                    break
                head.append(line)
            self._heads.put(_parse_head(head))
            data = []
            for line in pipe:
                line = line.decode().rstrip("\r\n")
                if line.startswith("data:"):
                    data.append(line[5:].removeprefix(" "))
                elif line.startswith(":"):
                    self.comments.put(line)
                elif not line and data:
                    self.messages.put(json.loads("\n".join(data)))
                    data = []
        self.messages.close(f"curl ended with {self.process.wait(PATIENCE)}")

    def wait(self, topic, payload, timeout=PATIENCE):
        return self.messages.wait(
            lambda m: m["topic"] == topic and m["payload"] == payload, timeout, f"{topic} {payload!r}"
        )

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@dataclass
class Socket:
    """A WebSocket at /api/ws. A reader thread sorts what comes into answers and messages."""

    hub: object
    options: dict = field(default_factory=dict)

    def __post_init__(self):
        self.connection = connect(self.hub.ws, proxy=None, max_size=None, **self.options)
        self.messages = Inbox(f"websocket {next(_numbers)}")
        self.errors = Inbox("errors without a number")
        self._answers = Answers(self.messages.name)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            for text in self.connection:
                frame = json.loads(text)
                if frame["op"] == "message":
                    self.messages.put(frame)
                elif "id" in frame and frame["id"] is not None:
                    self._answers.give(frame["id"], frame)
                else:
                    self.errors.put(frame)
        except ConnectionClosed:
            pass
        reason = f"closed with {self.connection.close_code} {self.connection.close_reason!r}"
        self._answers.close(reason)
        self.messages.close(reason)
        self.errors.close(reason)

    def ask(self, op, timeout=PATIENCE, **fields):
        """Sends a frame and waits for its answer."""
        number = self._answers.expect()
        self.connection.send(json.dumps({"op": op, "id": number, **fields}))
        return self._answers.take(number, timeout)

    def ok(self, op, **fields):
        answer = self.ask(op, **fields)
        assert answer["op"] == "ok", answer
        return answer

    def subscribe(self, filter):
        return self.ok("subscribe", filter=filter)

    def wait(self, topic, payload=..., timeout=PATIENCE, **fields):
        def fits(message):
            return (
                message["topic"] == topic
                and (payload is ... or message["payload"] == payload)
                and all(message.get(key) == value for key, value in fields.items())
            )

        return self.messages.wait(fits, timeout, f"{topic} {'' if payload is ... else payload!r} {fields or ''}")

    def wait_close(self, timeout=PATIENCE):
        self.messages.wait_closed(timeout)
        return self.connection.close_code

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
