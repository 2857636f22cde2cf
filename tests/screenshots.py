"""Photographs Home and a Device page of the demo house, light and dark, phone and desktop, into docs/images.

Run by `make screenshots`, never by the tests. The pictures are to be looked at before they are committed.
"""

import os
import pathlib
import sys
import tempfile

from support import web
from support.browser import Browser, role
from support.hub import Hub
from support.wait import until

IMAGES = pathlib.Path(
    os.environ.get("HOUSEWIRE_IMAGES") or pathlib.Path(__file__).resolve().parent.parent / "docs" / "images"
)
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
# Long enough for every simulated device to have reported a few values.
REPORTS = 12


def settled(hub):
    """Waits until the demo house is complete and has been moving for a while; the device with most properties."""

    def online():
        return [d for d in hub.get("/api/devices").json() if d["demo"] and d["online"]]

    until(lambda: len(online()) == 4, 30, "four demo devices online")
    with web.Socket(hub) as socket:
        socket.subscribe("devices/+/+")
        for _ in range(REPORTS):
            socket.messages.wait(timeout=60)
    return max(online(), key=lambda device: len(device["properties"]))


def main():
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        hub = Hub(folder, "--demo").start()
        browser = Browser()
        try:
            device = settled(hub)
            for size, (width, height) in SIZES.items():
                for dark in (False, True):
                    for name, path, heading in (
                        ("home", "/", "Home"),
                        ("device", f"/devices/{device['id']}", device["name"]),
                    ):
                        file = IMAGES / f"{name}-{size}-{'dark' if dark else 'light'}.png"
                        with browser.open(hub.http + path, width=width, height=height, dark=dark) as page:
                            page.wait(role("heading", heading))
                            page.wait(role("switch"))
                            page.evaluate("document.fonts.ready.then(() => true)")
                            page.screenshot(file)
                            page.clean()
                        print(file)
        finally:
            browser.close()
            hub.stop()


if __name__ == "__main__":
    sys.exit(main())
