"""The hub under test: the built binary as a child process with its own data folder and ports of its own choosing."""

import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import pytest
import requests

from .wait import PATIENCE, Inbox

READY = re.compile(r"^ready http://(?P<host>\S+?):(?P<port>\d+)(?: mqtt://\S+?:(?P<mqtt>\d+))?(?: mqtts://\S+?:(?P<mqtts>\d+))?$")
STOP_SECONDS = 5.0


def binary():
    path = os.environ.get("HOUSEWIRE_BIN")
    if not path or not pathlib.Path(path).is_file():
        raise pytest.UsageError("HOUSEWIRE_BIN must name the built binary; make e2e builds it and sets this")
    return path


def clean_environment(home, extra=None):
    """The test's own settings only: none of the person's HOUSEWIRE_ variables, proxies or config files."""
    unwanted = ("HOUSEWIRE_", "XDG_", "RUST_LOG")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(unwanted) and not k.lower().endswith("_proxy")}
    return kept | {"HOME": str(home), "RUST_BACKTRACE": "1"} | (extra or {})


class Hub:
    """`housewire serve`. Start it, talk to it, stop it; `restart` keeps the data folder."""

    def __init__(self, folder, *flags, env=None, defaults=True, process=None):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.flags = [str(flag) for flag in flags]
        self.env = env or {}
        self.defaults = defaults
        # How the process is started: options of `subprocess.Popen`.
        self.options = process or {}
        self.process = None
        self.ready_line = None
        self._looked_at = 0
        self.log_file = self.folder / "hub.log"
        self.api = requests.Session()
        # A kept connection that idled may be closed by the hub in the moment it is used again.
        self.api.headers["Connection"] = "close"
        self.api.trust_env = False

    def command(self):
        given = ["--bind", "127.0.0.1", "--port", "0", "--mqtt-port", "0", "--mqtts-port", "0", "--data", str(self.data)]
        # A flag that the test gives itself replaces the one given here.
        kept = []
        for flag, value in zip(given[::2], given[1::2]):
            if flag not in self.flags and self.defaults:
                kept += [flag, value]
        return [binary(), "serve", *kept, *self.flags]

    def spawn(self):
        """Starts the process without waiting for it to serve. The machine's network is told nothing of it (`test_mdns.py` has its own)."""
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=clean_environment(self.folder, {"HOUSEWIRE_MDNS": "false"} | self.env),
                cwd=self.folder,
                text=True,
                **self.options,
            )
        self.stdout = Inbox("the hub's standard output")
        threading.Thread(target=self._read, args=(self.process.stdout, self.stdout), daemon=True).start()
        return self

    @staticmethod
    def _read(pipe, inbox):
        with pipe:
            for line in pipe:
                inbox.put(line.rstrip("\n"))
        inbox.close("the process closed its standard output")

    def start(self):
        self.spawn()
        try:
            self.ready_line = self.stdout.wait(what="the line `ready http://…`")
        except AssertionError as error:
            code = self.process.poll()
            raise AssertionError(f"{error}\nexit code {code}; log:\n{self.log()}") from None
        match = READY.match(self.ready_line)
        assert match, f"the first line on standard output is {self.ready_line!r}"
        self.host = match["host"]
        self.port = int(match["port"])
        self.mqtt_port = int(match["mqtt"]) if match["mqtt"] else None
        self.mqtts_port = int(match["mqtts"]) if match["mqtts"] else None
        return self

    @property
    def http(self):
        return f"http://{self.host}:{self.port}"

    @property
    def ws(self):
        return f"ws://{self.host}:{self.port}/api/ws"

    def url(self, path):
        return self.http + path

    def request(self, method, path, timeout=PATIENCE, **options):
        """One HTTP request with Python's requests."""
        return self.api.request(method, self.url(path), timeout=timeout, allow_redirects=False, **options)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def put(self, path, **options):
        return self.request("PUT", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def patch(self, path, **options):
        return self.request("PATCH", path, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)

    def device(self, name):
        answer = self.get(f"/api/devices/{name}")
        assert answer.status_code == 200, f"GET device {name}: {answer.status_code} {answer.text}"
        return answer.json()

    def prop(self, device, name):
        return self.device(device)["properties"][name]

    def declare(self, device, **properties):
        """Registers a device with declared properties."""
        answer = self.put(f"/api/devices/{device}", json={"properties": properties})
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def report(self, device, name, text):
        """A report over HTTP, as plain text."""
        answer = self.put(f"/api/devices/{device}/{name}", data=text, headers={"Content-Type": "text/plain"})
        assert answer.status_code == 204, f"{answer.status_code} {answer.text}"

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def has_not_panicked(self):
        """Looks at what the log has gained since the last look, so that the test at fault is the one that fails."""
        log = self.log()
        news, self._looked_at = log[self._looked_at :], len(log)
        where = news.find("panicked at")
        assert where < 0, f"the hub panicked:\n{news[max(0, where - 100) : where + 1200]}"

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, signal_number=signal.SIGTERM):
        """Asks it to end, and holds it to its promise: exit code 0 within five seconds, no panic in the log."""
        began = time.monotonic()
        if self.running():
            self.process.send_signal(signal_number)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the hub did not end within {STOP_SECONDS:g} s of {signal_number!r}") from None
        assert code == 0, f"the hub ended with {code}; log:\n{self.log()[-4000:]}"
        self.has_not_panicked()
        return time.monotonic() - began

    def kill(self):
        """No chance to say goodbye, like a power cut."""
        if self.running():
            self.process.kill()
        self.process.wait(10)

    def restart(self):
        self.stop()
        return self.start()

    def refuses_to_start(self, timeout=PATIENCE):
        """Runs it where it must give up at once; the exit code and what it wrote. It never says ready."""
        with self.log_file.open("ab") as log:
            done = subprocess.run(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=clean_environment(self.folder, self.env),
                cwd=self.folder,
                text=True,
                timeout=timeout,
            )
        assert "ready" not in done.stdout, done.stdout
        assert done.returncode != 0, "it ended with exit code 0"
        self.has_not_panicked()
        return done.returncode, self.log()
