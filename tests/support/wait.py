"""Waiting, always bounded: an inbox that a reader thread fills, and polling for the few things that raise no event."""

import queue
import threading
import time

# How long a test waits for something that should take milliseconds. Generous, because a busy machine of two cores may
# need seconds to start a client; a test that passes never waits for it.
PATIENCE = 20.0


class Timeout(AssertionError):
    """What was waited for did not come; says what came instead."""


class Inbox:
    """What a client received, in order. `wait` takes out the first item that fits and keeps the others."""

    def __init__(self, name):
        self.name = name
        self._items = []
        self._seen = []
        self._closed = None
        self._changed = threading.Condition()

    def put(self, item):
        with self._changed:
            self._items.append(item)
            self._seen.append(item)
            self._changed.notify_all()

    def close(self, reason="closed"):
        """Nothing will come any more: whoever waits is told at once."""
        with self._changed:
            if self._closed is None:
                self._closed = reason
            self._changed.notify_all()

    def wait(self, fits=lambda item: True, timeout=PATIENCE, what="a message"):
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for index, item in enumerate(self._items):
                    if fits(item):
                        return self._items.pop(index)
                left = deadline - time.monotonic()
                if left <= 0 or self._closed is not None:
                    ended = f" ({self._closed})" if self._closed else f" within {timeout:g} s"
                    raise Timeout(f"{self.name}: waited for {what}{ended}; received so far: {self._seen[-20:]}")
                self._changed.wait(left)

    def wait_closed(self, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._closed is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Timeout(f"{self.name}: still open after {timeout:g} s; received: {self._seen[-20:]}")
                self._changed.wait(left)
            return self._closed

    def drain(self):
        """Everything that has come and was not waited for."""
        with self._changed:
            items, self._items = self._items, []
            return items


class Answers:
    """Replies by number, for clients that ask and answer over one stream."""

    def __init__(self, name):
        self.name = name
        self._waiting = {}
        self._lock = threading.Lock()
        self._next = 0
        self._closed = None

    def expect(self):
        with self._lock:
            self._next += 1
            self._waiting[self._next] = queue.Queue(1)
            return self._next

    def give(self, number, answer):
        with self._lock:
            slot = self._waiting.get(number)
        if slot is not None:
            slot.put(answer)

    def take(self, number, timeout=PATIENCE):
        if self._closed is not None:
            raise Timeout(f"{self.name}: {self._closed}")
        try:
            answer = self._waiting[number].get(timeout=timeout)
        except queue.Empty:
            raise Timeout(f"{self.name}: no answer to request {number} within {timeout:g} s") from None
        with self._lock:
            del self._waiting[number]
        if answer is None:
            raise Timeout(f"{self.name}: {self._closed}")
        return answer

    def close(self, reason):
        self._closed = reason
        with self._lock:
            for slot in self._waiting.values():
                if slot.empty():
                    slot.put(None)


def until(check, timeout=PATIENCE, what="a condition"):
    """Polls for what no client is told of (a process's exit, a file). Returns the first truthy answer."""
    deadline = time.monotonic() + timeout
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Timeout(f"waited for {what} for {timeout:g} s")
        time.sleep(0.02)
