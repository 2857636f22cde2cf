"""Photographs the page, light and dark, phone and desktop: what the documents show into docs/images, or, with
HOUSEWIRE_IMAGES=FOLDER, every page into that folder, with no data, little, much, an error, and without a hub. HOUSEWIRE_PICTURES
is a pattern: only pictures whose files' names match are taken. What is not as it should be is told at the end.

Run by `make screenshots`, never by the tests. The pictures are to be looked at before they are committed.
"""

import json
import math
import os
import pathlib
import random
import re
import sys
import tempfile
import time

from support import web
from support.browser import Browser, css, role, text
from support.hub import Hub
from support.paho import Paho
from support.scenes import everyday
from support.scenes_care import caring, connecting, empty, without_hub
from support.wait import until

KEPT = pathlib.Path(__file__).resolve().parent.parent / "docs" / "images"
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
# Long enough for every simulated device to have reported a few values.
REPORTS = 12
PASSWORD = "copper kettle sings"
SECTIONS = (
    "general",
    "account",
    "people",
    "tokens",
    "discovery",
    "history",
    "templates",
    "virtual",
    "firmware",
    "guest",
    "tls",
    "limits",
    "backup",
    "logs",
    "audit",
)
BROKEN = "The hub could not read its database. The disk may be full. Free some space, then try again."
MUCH = 40
DEVICES = ("lamp", "thermostat", "garage-door", "weather-station-on-the-roof")


class Photographer:
    """Takes one picture in each size and each light."""

    def __init__(self, browser, folder):
        self.browser, self.folder = browser, folder
        # What was not as it should be; the other pictures are taken all the same.
        self.failed = []
        self.hubs = []

    def hub(self, folder, *flags):
        """A fresh hub, which is gone when the pictures are taken."""
        folder.mkdir()
        hub = Hub(folder, *flags)
        self.hubs.append(hub)
        return hub.start()

    def close(self):
        self.browser.close()
        for hub in self.hubs:
            if hub.running():
                hub.kill()

    def take(self, name, url, ready, pose=lambda page: None, before=lambda: None, clean=True, **more):
        wanted = re.compile(os.environ.get("HOUSEWIRE_PICTURES", ""))
        for size, (width, height) in SIZES.items():
            for dark in (False, True):
                file = self.folder / f"{name}-{size}-{'dark' if dark else 'light'}.png"
                if not wanted.search(file.name):
                    continue
                before()
                with self.browser.open(url, width=width, height=height, dark=dark, **more) as page:
                    try:
                        page.wait(ready)
                        pose(page)
                        page.evaluate("document.fonts.ready.then(() => true)")
                        self.look(page, file.name)
                        if clean:
                            page.clean()
                    except AssertionError as problem:
                        self.failed.append(f"{file.name}: {problem}")
                        print(f"FAILED {self.failed[-1]}", flush=True)
                    page.screenshot(file)
                print(file, flush=True)

    def look(self, page, name):
        """What no picture may have: a page that is wider than its screen."""
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"the page scrolls {wide} px sideways"


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


def remember(hub, days, step):
    """A weather station with so many days of readings, one every `step` seconds."""
    chance = random.Random(4)
    now = int(time.time())

    def heat(t):
        year, day = math.cos(t / 31_557_600 * math.tau), math.sin((t % 86_400) / 86_400 * math.tau - 2)
        return round(11 + 9 * year + 5 * day + chance.gauss(0, 0.4), 2)

    def damp(t):
        return round(65 - 15 * math.sin((t % 86_400) / 86_400 * math.tau - 2) + chance.gauss(0, 1.5), 1)

    def bring(name, readings):
        text = "\n".join(f"{t},{value}" for t, value in readings)
        answer = hub.post(f"/api/devices/weather/{name}/history", data=text, headers={"Content-Type": "text/csv"})
        assert answer.status_code == 200, answer.text

    properties = {
        "temperature": {"type": "float", "unit": "°C"},
        "humidity": {"type": "float", "unit": "%"},
        "sky": {"type": "enum", "options": ["clear", "cloudy", "rain"]},
        "rain": {"type": "bool"},
    }
    body = {"name": "Weather station", "room": "Garden", "properties": properties}
    assert hub.put("/api/devices/weather", json=body).status_code in (200, 201)
    times = range(now - days * 86_400, now, step)
    # One afternoon the station was without power.
    awake = [t for t in times if not (t // 86_400 % 9 == 4 and 40_000 < t % 86_400 < 52_000)]
    bring("temperature", ((t, heat(t)) for t in awake))
    bring("humidity", ((t, damp(t)) for t in awake))
    sky, t, skies = "clear", times[0], []
    while t < now:
        skies.append((t, sky))
        t += chance.randint(1_200, 20_000)
        sky = chance.choice([other for other in properties["sky"]["options"] if other != sky])
    bring("sky", skies)
    bring("rain", [(t, json.dumps(sky == "rain")) for t, sky in skies])


def announce(hub):
    """Devices announce themselves; one of them has not been heard since."""
    spots = {
        "dev": {"ids": ["spots"], "name": "Kitchen spots", "mf": "Acme", "mdl": "Spot 3", "sa": "Kitchen"},
        "o": {"name": "spots"},
        "cmps": {
            "light": {"p": "switch", "unique_id": "s1", "name": "Light", "stat_t": "spots/l", "cmd_t": "spots/l/set"},
            "heat": {"p": "sensor", "unique_id": "s2", "name": "Heat", "unit_of_meas": "°C", "stat_t": "spots/h"},
            "rssi": {"p": "sensor", "unique_id": "s3", "name": "RSSI", "ent_cat": "diagnostic", "stat_t": "spots/r"},
        },
    }
    plug = {
        "dev": {"ids": ["plug"], "name": "Washing machine", "mf": "Acme", "mdl": "Plug S", "cu": "http://192.0.2.20/"},
        "o": {"name": "plug"},
        "cmps": {
            "plug": {"p": "switch", "unique_id": "plug_p", "name": "Power", "stat_t": "plug/p", "cmd_t": "plug/p/set"},
            "load": {"p": "sensor", "unique_id": "plug_w", "name": "Load", "unit_of_meas": "W", "stat_t": "plug/w"},
        },
    }
    with Paho(hub, "3.1.1", name="spots") as client:
        client.publish("homeassistant/device/spots/config", json.dumps(spots), retain=True)
        client.publish("spots/l", "ON")
        client.publish("spots/h", "41.5")
    with Paho(hub, "3.1.1", name="plug") as client:
        client.publish("homeassistant/device/plug/config", json.dumps(plug), retain=True)
    until(lambda: len(hub.get("/api/discovered").json()) >= 2, 20, "two finds")


def play(hub):
    """Virtual devices and a claim code, so that their lists have something to show."""
    wave = {"shape": "sine", "min": 18, "max": 24, "period_s": 60, "noise": 0.2}
    properties = {"temperature": {"type": "float", "unit": "°C", "wave": wave}}
    body = {"door": "mqtt", "every_s": 2, "running": True, "properties": properties}
    assert hub.put("/api/virtual/cellar-climate", json=body).status_code in (200, 201, 204)
    claim = {"name": "Balcony", "room": "Balcony", "uses": 3, "expires": "24h"}
    assert hub.post("/api/claims", json=claim).status_code == 201


SEVERAL = "weather/temperature,weather/humidity,weather/sky,weather/rain"
CHARTED = css("[data-series] .value")


def charted(page):
    page.wait(CHARTED)


def opened_history(page):
    page.click(role("button", "History of Temperature"))
    page.wait(CHARTED)
    page.evaluate("document.querySelector('[data-property=temperature]').scrollIntoView()")


def memories(camera, hub, documents):
    """Histories, found devices, and what they cost; for the documents the week and the finds."""
    remember(hub, 7 if documents else 365, 60)
    announce(hub)
    heading = role("heading", "History")
    week = f"{hub.http}/history?series={SEVERAL}&range=7d"
    camera.take("history", week, heading, charted)
    camera.take("found", hub.http + "/found", css("[data-found]"))
    if documents:
        return
    play(hub)
    for span in ("1h", "24h", "30d", "1y"):
        camera.take(f"history-{span}", week.replace("7d", span), heading, charted)
    camera.take("history-empty", hub.http + "/history", role("heading", "Choose what to look at"))
    camera.take("history-nothing", week.replace("7d", "0,1000000"), heading, charted)

    def broken(page):
        page.fail("**/api/history?*", BROKEN)
        page.click(role("radio", "30 d"))
        page.wait(role("alert"))

    camera.take("history-error", week, heading, broken, clean=False)
    camera.take("history-property", hub.http + "/devices/weather", role("heading", "Weather station"), opened_history)
    camera.take("found-home", hub.http + "/", text("new devices found", exact=False), until_dismissed)
    for section, words in (
        ("history", "Written each day"),
        ("discovery", "Be found"),
        ("templates", "Device templates"),
        ("virtual", "Virtual devices"),
        ("tokens", "Claim codes"),
    ):
        camera.take(f"set-{section}", f"{hub.http}/settings/{section}", role("heading", words))
    adjust = role("button", "Adjust how Kitchen spots is adopted")
    camera.take("found-adjust", hub.http + "/found", adjust, lambda page: page.click(adjust))
    make = role("button", "Make code")

    def coded(page):
        page.click(make)
        page.click({**make, "within": role("dialog")})
        page.wait(css("[data-secret]"))

    camera.take("claim", hub.http + "/settings/tokens", make, coded)
    adopt = role("button", "Adopt Kitchen spots")

    def adopted(page):
        if page.count(adopt):
            page.click(adopt)
            page.wait(adopt, "detached")
        page.goto(hub.http + "/devices/kitchen-spots")
        page.wait(css("section[aria-label=Connection]"))

    camera.take("found-device", hub.http + "/found", role("heading", "Found devices"), adopted)


def signed_in(name="anna", then=lambda page: None):
    """A pose: signs in where the page asks for it, and waits for what was wanted."""

    def pose(page):
        page.wait(role("heading", "Sign in"))
        page.fill(role("textbox", "Name"), name)
        page.fill(css("input[type=password]"), PASSWORD)
        page.press("Enter")
        page.wait(role("heading", "Sign in"), "detached")
        page.wait(css("[role=status][aria-label^=Loading]"), "detached")
        then(page)

    return pose


def populate(hub, people, tokens):
    """An admin, so many other people and tokens; the audit log grows with them."""
    answer = hub.post("/api/setup", json={"name": "anna", "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    names = ["ben", "christine", "dieter", "emma", "felix", "greta", "hannes", "ida"]
    for number in range(people):
        person = {"name": names[number % 8] + (f"-{number}" if number > 7 else ""), "password": PASSWORD}
        person["role"] = ("member", "viewer")[number % 2]
        if number % 5 == 3:
            person |= {"read": ["devices/+/temperature", "devices/heating/#"], "write": ["devices/heating/#"]}
        assert hub.post("/api/users", json=person).status_code == 201
    for number in range(tokens):
        if number % 3 == 2:
            name = ("Node-RED", "Backup script")[number % 2] + (f" {number}" if number > 6 else "")
            body = {"name": name, "role": "viewer", "expires": "90d"}
            assert hub.post("/api/tokens", json=body).status_code == 201
        else:
            device = DEVICES[number % 4]
            body = {"name": ("ESP32 under the stairs", "")[number % 2], "expires": ("7d", "365d")[number % 2]}
            assert hub.post(f"/api/devices/{device}/token", json=body).status_code == 201


def for_documents(camera, hub, device):
    """What the guide shows: before there is an admin, and after."""
    camera.take("home", hub.http + "/", role("switch"), until_dismissed)
    camera.take("device", f"{hub.http}/devices/{device['id']}", role("heading", device["name"]))
    camera.take("api", hub.http + "/docs/putProperty", role("heading", "The device reports a value"))
    populate(hub, 3, 4)
    camera.take("tokens", hub.http + "/settings/tokens", role("heading", "Sign in"), signed_in())
    camera.take("sign-in", hub.http + "/", role("heading", "Sign in"))


def until_dismissed(page):
    page.click(role("button", "Not now"))
    page.wait(role("heading", "Make this hub yours"), "detached")


def doors(camera, hub):
    """The pages before the house, at a hub that lets in nobody."""
    link = until(lambda: re.search(r"http://\S+/setup#\S+", hub.log()), 10, "the set-up link")[0]
    create = role("button", "Create admin")
    camera.take("setup", link, create, lambda page: page.fill(css("input[autocomplete=new-password]"), PASSWORD))
    camera.take("setup-without-key", hub.http + "/", create, lambda page: page.click(create))
    camera.take("trust", hub.http + "/trust", role("tab", "Firefox"))


def wrong(page):
    page.fill(role("textbox", "Name"), "anna")
    page.fill(css("input[type=password]"), "guess")
    page.press("Enter")
    page.wait(role("alert"))


def open_dialog(button, *steps):
    def then(page):
        page.click(button)
        for step in steps:
            page.click({**step, "within": role("dialog")})

    return then


def states(camera, folder):
    """Every page of accounts, in every state."""
    with_admin(camera, folder / "a", "empty", 0, 0)
    with_admin(camera, folder / "b", "much", MUCH, MUCH)
    hub = with_admin(camera, folder / "c", "little", 2, 3, keep=True)
    asks = role("heading", "Sign in")
    camera.take("sign-in-wrong", hub.http + "/", asks, wrong, clean=False)
    camera.take("viewer", hub.http + "/", asks, signed_in("christine"))
    camera.take("not-yours", hub.http + "/settings/people", asks, signed_in("christine"))
    menu = role("button", "Account: anna, Admin")
    camera.take("menu", hub.http + "/", asks, signed_in(then=lambda page: page.click(menu)))
    for section, glob in (("people", "users"), ("tokens", "tokens"), ("audit", "audit*"), ("tls", "tls")):

        def broken(page, glob=glob):
            page.fail(f"**/api/{glob}", BROKEN)
            signed_in()(page)
            page.wait(role("alert"))

        camera.take(f"{section}-error", f"{hub.http}/settings/{section}", asks, broken, clean=False)
    connecting(camera, hub)
    caring(camera, hub)
    without_hub(camera, hub)
    add, create = role("button", "Add person"), role("button", "Create token")
    own, app = role("checkbox", "Limits of their own"), role("radio", "An app or a script")
    people, tokens = hub.http + "/settings/people", hub.http + "/settings/tokens"
    camera.take("person-add", people, asks, signed_in(then=open_dialog(add, own)))
    remove = role("button", "Delete the account of ben")
    camera.take("person-delete", people, asks, signed_in(then=open_dialog(remove)))
    camera.take("token-create", tokens, asks, signed_in(then=open_dialog(create, app)))

    def shown(page):
        page.click(create)
        page.fill(role("combobox", "Device id"), "lamp")
        page.click({**create, "within": role("dialog")})
        page.wait(text("Copy it now", exact=False))

    camera.take("token-shown", tokens, asks, signed_in(then=shown))

    def lost(page):
        hub.stop()
        page.wait(text("connection to the hub is lost", exact=False))

    def there():
        if not hub.running():
            hub.start()

    hub.flags = [*hub.flags, "--port", str(hub.port)]
    camera.take("offline", people, asks, signed_in(then=lost), before=there, clean=False)


def with_admin(camera, folder, name, people, tokens, keep=False):
    hub = camera.hub(folder)
    populate(hub, people, tokens)
    for section in SECTIONS:
        path = "/settings" if section == "general" else f"/settings/{section}"
        camera.take(f"{section}-{name}", hub.http + path, role("heading", "Sign in"), signed_in())
    if keep:
        return hub
    hub.stop()
    return None


def main():
    everything = os.environ.get("HOUSEWIRE_IMAGES")
    images = pathlib.Path(everything or KEPT)
    images.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        camera = Photographer(Browser(), images)
        try:
            hub = camera.hub(folder / "demo", "--demo")
            device = settled(hub)
            if everything:
                camera.take("invitation", hub.http + "/", role("button", "Set up this hub"))
            everyday(camera, hub, not everything)
            memories(camera, hub, not everything)
            for_documents(camera, hub, device)
            hub.stop()
            if everything:
                hub = camera.hub(folder / "closed", "--guest", "off")
                doors(camera, hub)
                hub.stop()
                hub = camera.hub(folder / "new")
                empty(camera, hub)
                hub.stop()
                states(camera, folder)
        finally:
            camera.close()
    return "\n".join(["These pictures are not as they should be:", *camera.failed]) if camera.failed else 0


if __name__ == "__main__":
    sys.exit(main())
