"""The `housewire` command line as a client."""

import json
import subprocess
import threading
from dataclasses import dataclass

from .hub import binary, clean_environment
from .wait import PATIENCE, Inbox


@dataclass(frozen=True)
class Done:
    code: int
    out: bytes
    err: str

    @property
    def text(self):
        return self.out.decode()

    def json(self):
        return json.loads(self.out)


def _prepare(hub, arguments):
    """The address goes in by variable, so that each test's command line is what a person would type."""
    env = clean_environment("/nonexistent", {"HOUSEWIRE_HUB": hub.http} if hub else {})
    return [binary(), *map(str, arguments)], env


def run(hub, *arguments, stdin=b"", timeout=PATIENCE):
    command, env = _prepare(hub, arguments)
    done = subprocess.run(command, input=stdin, capture_output=True, env=env, timeout=timeout)
    return Done(done.returncode, done.stdout, done.stderr.decode())


def ok(hub, *arguments, **options):
    done = run(hub, *arguments, **options)
    assert done.code == 0, (arguments, done)
    return done


class Running:
    """A command that goes on: `housewire sub`."""

    def __init__(self, hub, *arguments):
        command, env = _prepare(hub, arguments)
        # Ctrl-C must mean something to it even where the tests themselves run in the background.
        self.process = subprocess.Popen(
            ["env", "--default-signal=INT", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
        )
        self.lines = Inbox(f"housewire {arguments[0]}")
        self.notes = Inbox(f"housewire {arguments[0]}, standard error")
        for pipe, inbox in ((self.process.stdout, self.lines), (self.process.stderr, self.notes)):
            threading.Thread(target=self._read, args=(pipe, inbox), daemon=True).start()

    @staticmethod
    def _read(pipe, inbox):
        with pipe:
            for line in pipe:
                inbox.put(line.rstrip("\n"))
        inbox.close("the command ended")

    def wait(self, timeout=PATIENCE):
        return self.process.wait(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(PATIENCE)
