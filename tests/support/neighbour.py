"""Runs inside of a network namespace: Python's zeroconf, and a count of what goes over the wires. JSON lines in and out."""

import json
import socket
import sys
import threading
import time

from zeroconf import IPVersion, ServiceBrowser, ServiceInfo, ServiceListener, Zeroconf

MDNS_PORT = 5353
_lock = threading.Lock()


def say(what, **more):
    with _lock:
        print(json.dumps({"is": what, **more}), flush=True)


class Told(ServiceListener):
    """Every service that comes, changes or goes, resolved."""

    def add_service(self, zeroconf, kind, name):
        self._resolve("there", zeroconf, kind, name)

    def update_service(self, zeroconf, kind, name):
        self._resolve("changed", zeroconf, kind, name)

    def remove_service(self, zeroconf, kind, name):
        say("gone", kind=kind, name=name)

    def _resolve(self, what, zeroconf, kind, name):
        info = zeroconf.get_service_info(kind, name, timeout=5000)
        if info is None:
            say("unresolved", kind=kind, name=name)
            return
        text = {key.decode(): (value or b"").decode() for key, value in info.properties.items()}
        addresses = sorted(info.parsed_addresses(IPVersion.All))
        say(what, kind=kind, name=name, host=info.server, port=info.port, addresses=addresses, txt=text)


def count(deadline):
    """UDP packets to or from mDNS's port on any interface of this namespace, loopback too; until the time in `deadline`, if there is one."""
    ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.ntohs(0x0003))
    ear.settimeout(0.1)
    seen = 0
    say("listening")
    while not deadline or time.monotonic() < deadline[0]:
        try:
            packet, address = ear.recvfrom(65536)
        except TimeoutError:
            continue
        if len(packet) > 28 and packet[0] >> 4 == 4 and packet[9] == 17:
            udp = (packet[0] & 15) * 4
        elif len(packet) > 48 and packet[0] >> 4 == 6 and packet[6] == 17:
            udp = 40
        else:
            continue
        seen += MDNS_PORT in (int.from_bytes(packet[udp : udp + 2], "big"), int.from_bytes(packet[udp + 2 : udp + 4], "big"))
    ear.close()
    say("counted", packets=seen)


def main():
    zeroconf, registered, browsers, deadline = None, {}, [], []
    say("ready")
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "count":
            threading.Thread(target=count, args=(deadline,), daemon=True).start()
            continue
        if order["do"] == "enough":
            deadline.append(time.monotonic() + order["seconds"])
            continue
        zeroconf = zeroconf or Zeroconf(ip_version=IPVersion.V4Only)
        if order["do"] == "browse":
            browsers.append(ServiceBrowser(zeroconf, order["kinds"], Told()))
        elif order["do"] == "register":
            addresses = [socket.inet_aton(address) for address in order["addresses"]]
            info = ServiceInfo(order["kind"], order["name"], order["port"], properties=order["txt"], server=order["host"], addresses=addresses)
            zeroconf.register_service(info, allow_name_change=False)
            registered[order["name"]] = info
            say("registered", name=order["name"])
        elif order["do"] == "unregister":
            zeroconf.unregister_service(registered.pop(order["name"]))
            say("unregistered", name=order["name"])
    if zeroconf is not None:
        zeroconf.close()


if __name__ == "__main__":
    main()
