"""Networks of a test's own: two namespaces with a wire between them, and processes inside. Nothing of it reaches the machine's network."""

import itertools
import json
import os
import pathlib
import subprocess
import sys
import threading

from .hub import Hub, clean_environment
from .wait import Inbox, PATIENCE

_numbers = itertools.count(1)


def _ip(*arguments):
    done = subprocess.run(["ip", *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode != 0:
        raise AssertionError(
            f"ip {' '.join(map(str, arguments))}: {done.stderr.strip()}\n"
            "These tests make network namespaces, so that nothing is sent on the network of this machine. That takes iproute2 and the "
            "right to do so (root, or CAP_SYS_ADMIN and CAP_NET_ADMIN): run them as root, or in a container that has both."
        )
    return done.stdout


class Network:
    """Machines `a` (10.77.0.1) and `b` (10.77.0.2), joined by a wire."""

    def __init__(self):
        number = f"{os.getpid()}-{next(_numbers)}"
        self.names = {}
        try:
            for machine in "ab":
                name = f"hwtest-{number}-{machine}"
                _ip("netns", "add", name)
                self.names[machine] = name
                self.ip(machine, "link", "set", "lo", "up")
            self.ip("a", "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", self.names["b"])
            for place, machine in enumerate("ab", start=1):
                self.ip(machine, "address", "add", f"10.77.0.{place}/24", "dev", "wire")
                self.ip(machine, "link", "set", "wire", "up")
        except BaseException:
            self.close()
            raise

    def ip(self, machine, *arguments):
        return _ip("-n", self.names[machine], *arguments)

    def inside(self, machine):
        """What a command begins with, to run there."""
        return ["ip", "netns", "exec", self.names[machine]]

    def close(self):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, timeout=PATIENCE)
        self.names = {}


class InnerHub(Hub):
    """A hub on one of the machines, on all its addresses unless the test says otherwise."""

    def __init__(self, network, machine, folder, *flags, **options):
        folder = pathlib.Path(folder)
        folder.mkdir(exist_ok=True)
        env = {"HOUSEWIRE_LOG": "debug", "HOUSEWIRE_MDNS": "true"}
        bind = () if "--bind" in flags else ("--bind", "0.0.0.0")
        super().__init__(folder, *bind, *flags, env=env, **options)
        self.network, self.machine = network, machine

    def command(self):
        return [*self.network.inside(self.machine), *super().command()]


class Neighbour:
    """Another machine's own mDNS, or an ear on its wires: `neighbour.py` in a namespace, which speaks JSON lines."""

    def __init__(self, network, machine, folder):
        script = pathlib.Path(__file__).with_name("neighbour.py")
        self.process = subprocess.Popen(
            [*network.inside(machine), sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=clean_environment(folder),
            text=True,
        )
        self.heard = Inbox(f"the neighbour on {machine}")
        threading.Thread(target=self._read, daemon=True).start()
        self.heard.wait(lambda line: line["is"] == "ready", what="the neighbour to be ready")

    def _read(self):
        with self.process.stdout as lines:
            for line in lines:
                self.heard.put(json.loads(line))
        self.heard.close("the neighbour ended")

    def tell(self, what, **more):
        self.process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self.process.stdin.flush()

    def wait(self, kind, fits=lambda line: True, timeout=PATIENCE):
        return self.heard.wait(lambda line: line["is"] == kind and fits(line), timeout, f"'{kind}'")

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(PATIENCE)
