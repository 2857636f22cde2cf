"""Clients in processes of their own, to be ended with kill -9: no DISCONNECT, no farewell.

Run as a program it is such a client: paho-mqtt connects, reports if told to, says so, and waits to be killed.
"""

import json
import pathlib
import signal
import subprocess
import sys
import threading

from .wait import PATIENCE, Inbox

TESTS = pathlib.Path(__file__).resolve().parent.parent


class Doomed:
    """A child process that holds one MQTT connection until `kill`."""

    def __init__(self, hub, kind="paho", version="5", port=None, name="doomed", will=None, report=None, **more):
        plan = {
            "host": hub.host,
            "port": port or hub.mqtt_port,
            "version": version,
            "name": name,
            "will": will,
            "report": report,
            **more,
        }
        if kind == "paho":
            command = [sys.executable, "-m", "support.doomed"]
        else:
            command = ["node", "js/doomed.mjs"]
        self.process = subprocess.Popen(
            [*command, json.dumps(plan)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=TESTS,
        )
        self.output = Inbox(f"the {kind} child")
        threading.Thread(target=self._read, daemon=True).start()
        self.output.wait(lambda line: line == "here", 2 * PATIENCE, "the child's connection")

    def _read(self):
        with self.process.stdout as pipe:
            for line in pipe:
                self.output.put(line.rstrip("\n"))
        self.output.close("the child ended")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.stdin.close()
        self.process.wait(PATIENCE)

    def leave(self):
        """The clean way: it disconnects when its standard input ends."""
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0


def main(plan):
    import paho.mqtt.client as mqtt

    version = {"3.1.1": mqtt.MQTTv311, "5": mqtt.MQTTv5}[plan["version"]]
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, plan["name"], protocol=version)
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    if plan["will"]:
        client.will_set(**plan["will"])
    client.connect(plan["host"], plan["port"])
    client.loop_start()
    if not connected.wait(PATIENCE):
        raise SystemExit("no CONNACK")
    if plan["report"]:
        client.publish(*plan["report"], qos=1).wait_for_publish(PATIENCE)
    print("here", flush=True)
    sys.stdin.read()
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
