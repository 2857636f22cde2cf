"""Photographs the page, light and dark, phone and desktop: what the documents show into docs/images, or, with
HOUSEWIRE_IMAGES=FOLDER, every page into that folder, with no data, little, much, an error, and without a hub.

Run by `make screenshots`, never by the tests. The pictures are to be looked at before they are committed.
"""

import os
import pathlib
import re
import sys
import tempfile

from support import web
from support.browser import Browser, css, role, text
from support.hub import Hub
from support.wait import until

KEPT = pathlib.Path(__file__).resolve().parent.parent / "docs" / "images"
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
# Long enough for every simulated device to have reported a few values.
REPORTS = 12
PASSWORD = "copper kettle sings"
SECTIONS = ("general", "account", "people", "tokens", "guest", "tls", "audit")
BROKEN = "The hub could not read its database. The disk may be full. Free some space, then try again."
MUCH = 40
DEVICES = ("lamp", "thermostat", "garage-door", "weather-station-on-the-roof")


class Photographer:
    """Takes one picture in each size and each light."""

    def __init__(self, browser, folder):
        self.browser, self.folder = browser, folder

    def take(self, name, url, ready, pose=lambda page: None, before=lambda: None, clean=True):
        for size, (width, height) in SIZES.items():
            for dark in (False, True):
                file = self.folder / f"{name}-{size}-{'dark' if dark else 'light'}.png"
                before()
                with self.browser.open(url, width=width, height=height, dark=dark) as page:
                    page.wait(ready)
                    pose(page)
                    page.evaluate("document.fonts.ready.then(() => true)")
                    page.screenshot(file)
                    if clean:
                        page.clean()
                print(file)


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
    folder.mkdir()
    hub = Hub(folder).start()
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
        demo, closed = folder / "demo", folder / "closed"
        browser = Browser()
        camera = Photographer(browser, images)
        try:
            demo.mkdir()
            hub = Hub(demo, "--demo").start()
            device = settled(hub)
            if everything:
                camera.take("invitation", hub.http + "/", role("button", "Set up this hub"))
            for_documents(camera, hub, device)
            hub.stop()
            if everything:
                closed.mkdir()
                hub = Hub(closed, "--guest", "off").start()
                doors(camera, hub)
                hub.stop()
                states(camera, folder)
        finally:
            browser.close()


if __name__ == "__main__":
    sys.exit(main())
