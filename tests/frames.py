"""How smooth the page stays while much changes: frames a second of a dashboard and of Home, as Chromium paints them.

    HOUSEWIRE_BIN=… python frames.py [properties] [updates a second] [seconds]

A real hub, a real publisher by MQTT, a real browser. Prints figures and judges nothing, as they are those of the machine it runs on; what
they should be stands in docs/performance.md.
"""

import json
import multiprocessing
import pathlib
import sys
import tempfile
import time

from support.browser import Browser, css
from support.hub import Hub
from support.paho import Paho

PER_DEVICE = 8
# A dashboard shows so many different sources at most, in so many widgets.
SOURCES_MAX, SINGLE, PER_TABLE = 1_000, 204, 40
SIZES = {"laptop": (1440, 900), "wall": (1920, 1080)}

# Runs in the page: waits for so many seconds and tells of each frame how long after the last one it came.
MEASURE = """
new Promise((resolve) => {
  const gaps = [];
  let long = 0, last = performance.now(), changes = 0;
  const began = last;
  new PerformanceObserver((list) => (long += list.getEntries().length)).observe({ entryTypes: ['longtask'] });
  const seen = new MutationObserver((records) => (changes += records.length));
  seen.observe(document.querySelector('main'), { subtree: true, characterData: true, childList: true, attributes: true });
  const frame = (now) => {
    gaps.push(now - last);
    last = now;
    if (now - began < SECONDS * 1000) requestAnimationFrame(frame);
    else {
      seen.disconnect();
      gaps.sort((a, b) => a - b);
      const at = (share) => gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * share))];
      resolve({
        frames: (gaps.length * 1000) / (now - began), median: at(0.5), p95: at(0.95), p99: at(0.99), most: at(1), long, changes,
      });
    }
  };
  requestAnimationFrame(frame);
})
"""


def names(count):
    return [(f"d{n // PER_DEVICE}", f"p{n % PER_DEVICE}") for n in range(count)]


def declare(hub, count):
    properties = {f"p{n}": {"type": "float", "unit": "W"} for n in range(PER_DEVICE)}
    for n in range(-(-count // PER_DEVICE)):
        body = {"name": f"Meter {n}", "room": f"Room {n // 10}", "properties": properties}
        assert hub.put(f"/api/devices/d{n}", json=body).status_code == 201


def arrange(hub, count):
    """Small values over the whole screen, as many as there is room for; tables of the rest below."""
    sources = [{"property": f"{device}/{name}"} for device, name in names(min(count, SOURCES_MAX))]
    widgets = []

    def add(kind, place, of):
        at = {"desktop": place, "phone": None}
        widgets.append({"id": f"w{len(widgets)}", "kind": kind, "title": None, "at": at, "sources": of, "options": {}})

    for n, source in enumerate(sources[:SINGLE]):
        add("value", {"x": n % 12, "y": n // 12, "w": 1, "h": 1}, [source])
    rest = sources[SINGLE:]
    for n in range(0, len(rest), PER_TABLE):
        place = {"x": n // PER_TABLE % 2 * 6, "y": 100 + n // PER_TABLE // 2 * 8, "w": 6, "h": 8}
        add("table", place, rest[n : n + PER_TABLE])
    body = {"id": "many", "title": "Many", "icon": None, "tabs": [], "widgets": widgets}
    answer = hub.post("/api/dashboards", json=body)
    assert answer.status_code == 201, answer.text
    return len(sources), len(widgets)


def publish(port, host, count, rate, stop, sent):
    """In a process of its own, evenly, in bunches of a hundredth of a second."""

    class Where:
        mqtt_port = port

    Where.host = host
    topics = [f"devices/{device}/{name}" for device, name in names(count)]
    with Paho(Where, "3.1.1", name="meters") as client:
        began, done = time.monotonic(), 0
        while not stop.is_set():
            due = int((time.monotonic() - began) * rate)
            for n in range(done, due):
                client.client.publish(topics[n % count], f"{(n // count * 37 + n) % 997 / 10}", qos=0)
            done = due
            sent.value = done
            time.sleep(0.01)


def measure(page, seconds, sent):
    before, began = sent.value, time.monotonic()
    figures = page.evaluate(MEASURE.replace("SECONDS", str(seconds)))
    rate = (sent.value - before) / (time.monotonic() - began)
    return f"{figures['frames']:5.1f} frames/s, gaps median {figures['median']:.1f} ms, 95 % {figures['p95']:.1f} ms, 99 % {figures['p99']:.1f} ms, most {figures['most']:.0f} ms; {figures['long']} long tasks; {figures['changes'] / seconds:.0f} changes of the page/s at {rate:.0f} updates/s"


def main():
    count, rate, seconds = [*map(int, sys.argv[1:]), *(2_000, 1_000, 10)[len(sys.argv) - 1 :]]
    with tempfile.TemporaryDirectory() as folder:
        hub = Hub(pathlib.Path(folder)).start()
        browser = Browser()
        declare(hub, count)
        sources, widgets = arrange(hub, count)
        print(f"{count} live properties; the dashboard shows {sources} in {widgets} widgets")
        stop, sent = multiprocessing.Event(), multiprocessing.Value("q", 0)
        arguments = (hub.mqtt_port, hub.host, count, rate, stop, sent)
        publisher = multiprocessing.Process(target=publish, args=arguments, daemon=True)
        publisher.start()
        try:
            for size, (width, height) in SIZES.items():
                for name, path, ready in (
                    ("dashboard", "/dashboards/many", css('[data-widget="w0"][data-state="live"]')),
                    ("Home", "/", css("[data-device]")),
                ):
                    with browser.open(hub.http + path, width=width, height=height) as page:
                        page.wait(ready)
                        print(f"{name:9} {size:6} {width}x{height}: {measure(page, seconds, sent)}", flush=True)
                        if name == "dashboard":
                            figures = page.evaluate("({widgets: document.querySelectorAll('[data-widget]').length})")
                            print(" " * 10, json.dumps(figures))
        finally:
            stop.set()
            publisher.join(10)
            browser.close()
            hub.stop()


if __name__ == "__main__":
    main()
