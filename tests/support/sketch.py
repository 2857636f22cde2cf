"""Sketches: programs for boards and computers in `firmware/` and `examples/`, filled in as the page fills them in, run as clients."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading

from .hub import clean_environment
from .wait import PATIENCE, Inbox

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MICROPYTHON = ROOT / "tests" / "micropython"
LIBRARIES = ROOT / ".cache" / "micropython"
NODE_MODULES = ROOT / "tests" / "node_modules"
PLACEHOLDER = re.compile(r"@(HUB_HOST|HUB_PORT|DEVICE|TOKEN|CA_FILE|WIFI_NAME|WIFI_PASSWORD)@")


def all_sketches():
    """Their paths from the repository's root."""
    folders = [ROOT / "firmware", ROOT / "examples"]
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.name != "README.md"]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def fill(text, **values):
    """The text with its placeholders replaced; all of them must be given."""
    return PLACEHOLDER.sub(lambda match: str(values[match[1]]), text)


def values_for(hub, device, token, **changed):
    wifi = {"WIFI_NAME": "home", "WIFI_PASSWORD": "its password"}
    return {"HUB_HOST": hub.host, "HUB_PORT": hub.port, "DEVICE": device, "TOKEN": token, "CA_FILE": ""} | wifi | changed


class Sketch:
    """One sketch as a running process; what it prints, line by line, goes into `said`."""

    def __init__(self, path, folder, values, text=None, wired=False):
        self.path = path
        folder = pathlib.Path(folder)
        self.file = folder / pathlib.Path(path).name
        self.file.write_text(fill((ROOT / path).read_text() if text is None else text, **values))
        # Beside the program, as where a person runs npm install.
        if self.file.suffix in (".mjs", ".cjs") and not (folder / "node_modules").exists():
            (folder / "node_modules").symlink_to(NODE_MODULES)
        self.said = Inbox(path)
        self.process = subprocess.Popen(
            self._command(folder),
            # What comes in over the serial port of a board, if there is a wire.
            stdin=subprocess.PIPE if wired else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean_environment(folder),
            cwd=folder,
            text=True,
            # A shell has children: they end with it.
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _command(self, folder):
        if self.path.startswith("firmware/micropython/"):
            assert LIBRARIES.is_dir(), "MicroPython's libraries are missing: run scripts/test-clients"
            return [sys.executable, str(MICROPYTHON / "run.py"), str(LIBRARIES), str(self.file)]
        kind = self.file.suffix
        if kind == ".py":
            return [sys.executable, str(self.file)]
        if kind in (".mjs", ".cjs"):
            return ["node", str(self.file)]
        if kind == ".sh":
            return ["bash", str(self.file)]
        if kind == ".ino":
            from .arduino import build

            return [str(build(self.path, self.file, folder))]
        raise AssertionError(f"nobody knows how to run {self.path}")

    def _read(self):
        with self.process.stdout as pipe:
            for line in pipe:
                self.said.put(line.rstrip("\n"))
        self.said.close(f"the process ended with {self.process.wait(PATIENCE)}")

    def says(self, words):
        return self.said.wait(lambda line: words in line, what=f"a line with {words!r}")

    def hears(self, text):
        """Something comes in over the serial port."""
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def ended(self):
        """Waits until it has ended by itself; its exit code."""
        self.said.wait_closed()
        return self.process.wait(PATIENCE)

    def stop(self):
        """As Ctrl-C does, which goes to everything in the foreground."""
        try:
            os.killpg(self.process.pid, signal.SIGINT)
            self.process.wait(PATIENCE)
        except ProcessLookupError:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)
            raise AssertionError(f"{self.path} did not end on Ctrl-C") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def which(program):
    return shutil.which(program) is not None
