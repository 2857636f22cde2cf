"""mosquitto_pub and mosquitto_sub, as a person types them."""

import itertools
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from .wait import PATIENCE, Inbox, until

_numbers = itertools.count(1)
VERSIONS = {"3.1.1": "mqttv311", "5": "mqttv5"}


@dataclass(frozen=True)
class Message:
    topic: str
    payload: bytes
    qos: int
    retain: bool


def publish(hub, topic, payload, version="3.1.1", qos=0, retain=False, port=None, more=()):
    """Runs mosquitto_pub to its end. An empty payload is sent as such."""
    command = ["mosquitto_pub", "-V", VERSIONS[version], "-h", hub.host, "-p", str(port or hub.mqtt_port)]
    command += ["-t", topic, "-q", str(qos), *(["-r"] if retain else []), *more]
    command += ["-n"] if payload in ("", b"") else ["-s"]
    data = payload.encode() if isinstance(payload, str) else payload
    done = subprocess.run(command, input=data, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, f"{command}: {done.returncode} {done.stderr.decode()}"
    return done


class Sub:
    """A running mosquitto_sub."""

    def __init__(self, hub, *filters, version="3.1.1", qos=0, port=None, name=None, more=()):
        self.name = name or f"mosquitto-sub-{next(_numbers)}"
        command = ["mosquitto_sub", "-d", "-V", VERSIONS[version], "-h", hub.host, "-p", str(port or hub.mqtt_port)]
        command += ["-i", self.name, "-q", str(qos), "-F", "message\t%t\t%x\t%q\t%r", *more]
        for filter in filters:
            command += ["-t", filter]
        # stdbuf: line by line, although its output is a pipe.
        self.process = subprocess.Popen(
            [shutil.which("stdbuf"), "-oL", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.messages = Inbox(self.name)
        self.debug = Inbox(f"{self.name} -d")
        threading.Thread(target=self._read, daemon=True).start()
        self.debug.wait(lambda line: line.startswith("Subscribed"), what="Subscribed")

    def _read(self):
        with self.process.stdout as pipe:
            for line in pipe:
                if line.startswith("message\t"):
                    _, topic, payload, qos, retain = line.rstrip("\n").split("\t")
                    self.messages.put(Message(topic, bytes.fromhex(payload), int(qos), retain == "1"))
                else:
                    self.debug.put(line.rstrip("\n"))
        self.debug.close("mosquitto_sub ended")
        self.messages.close("mosquitto_sub ended")

    def wait(self, topic, payload, timeout=PATIENCE):
        wanted = payload.encode() if isinstance(payload, str) else payload
        return self.messages.wait(lambda m: m.topic == topic and m.payload == wanted, timeout, f"{topic} {payload!r}")

    def close(self):
        """Ctrl-C: mosquitto_sub says DISCONNECT.

        Only while it sleeps, waiting for its socket: its signal handler takes locks that the interrupted code may hold, and
        then it hangs for ever.
        """
        until(self._sleeps_or_ended, what="mosquitto_sub waiting for messages")
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE)

    def _sleeps_or_ended(self):
        if self.process.poll() is not None:
            return True
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
