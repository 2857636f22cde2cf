"""The page in a real browser: what is clicked reaches a real device, what that says comes back to the page.

Elements are found by role and accessible name; `data-phase` tells where a request stands (idle, pending, confirmed,
refused, unanswered). Belongs here: the page against a running hub. Does not: single components (ui/ tests those).
"""

import pytest

from support import web
from support.browser import css, role, text
from support.paho import Paho

LAMP = {
    "name": "Desk lamp",
    "room": "Study",
    "properties": {
        "power": {"type": "bool"},
        "level": {"type": "int", "unit": "%", "min": 0, "max": 100, "step": 5},
        "mode": {"type": "enum", "options": ["calm", "party"]},
    },
}
POWER = role("switch", "Desk lamp, Power")


def phase(name, value, device="lamp"):
    return css(f'[data-device="{device}"] [data-property="{name}"][data-phase="{value}"]')


@pytest.fixture
def lamp(hub):
    """A lamp by MQTT: paho is the device. It obeys nothing by itself; the test decides when."""
    assert hub.put("/api/devices/lamp", json=LAMP).status_code == 201
    with Paho(hub, "3.1.1", name="lamp") as client:
        client.subscribe("devices/lamp/+/set", 1)
        for name, value in (("power", "false"), ("level", "40"), ("mode", "calm")):
            client.publish(f"devices/lamp/{name}", value, retain=True)
        yield client


@pytest.fixture
def home(hub, lamp, browser):
    with browser.open(hub.http + "/") as page:
        page.wait(POWER)
        yield page
        page.clean()


@pytest.mark.parametrize("way", ["mouse", "Space", "Enter"])
def test_a_switch_reaches_the_device_and_its_report_comes_back(way, lamp, home):
    home.wait(role("switch", "Desk lamp, Power", checked=False))
    if way == "mouse":
        home.click(POWER)
    else:
        home.focus(POWER)
        home.press(way)
    lamp.wait("devices/lamp/power/set", "true")
    # Asked for, not yet true: shown in its new place, marked as waiting.
    home.wait(phase("power", "pending"))
    home.wait(role("switch", "Desk lamp, Power", checked=True))
    lamp.publish("devices/lamp/power", "true", retain=True)
    home.wait(phase("power", "confirmed"))
    home.wait(phase("power", "idle"))
    home.wait(role("switch", "Desk lamp, Power", checked=True))


def test_the_switch_is_reached_by_tab(lamp, home):
    """From the top of the page, with nothing but Tab and Space."""
    for _ in range(60):
        home.press("Tab")
        if home.focused() == ("switch", "Desk lamp, Power"):
            break
    else:
        pytest.fail(f"Tab never came to the switch; it is at {home.focused()}")
    home.press("Space")
    lamp.wait("devices/lamp/power/set", "true")
    lamp.publish("devices/lamp/power", "true")
    home.wait(phase("power", "confirmed"))


def test_a_device_that_reports_something_else(lamp, home):
    """The request stays pending beside the differing report, and the page says so in the end."""
    home.click(POWER)
    lamp.wait("devices/lamp/power/set", "true")
    lamp.publish("devices/lamp/power", "false")
    home.wait(phase("power", "unanswered"), timeout=25)
    home.wait(role("switch", "Desk lamp, Power", checked=False))


def test_a_slider_by_keyboard(lamp, home):
    slider = role("slider", "Desk lamp, Level")
    assert home.value(slider) == "40"
    home.focus(slider)
    home.press("ArrowRight")
    lamp.wait("devices/lamp/level/set", "45")
    lamp.publish("devices/lamp/level", "45")
    home.wait(phase("level", "confirmed"))
    assert home.value(slider) == "45"


def test_a_choice(lamp, home):
    home.click(role("radio", "Party", within=role("radiogroup", "Desk lamp, Mode")))
    lamp.wait("devices/lamp/mode/set", "party")
    lamp.publish("devices/lamp/mode", "party")
    home.wait(phase("mode", "confirmed"))
    home.wait(role("radio", "Party", checked=True))


@pytest.mark.parametrize("door", ["mqtt", "http", "ws"])
def test_a_report_through_any_door_shows_at_once(door, hub, lamp, home):
    home.wait(role("switch", "Desk lamp, Power", checked=False))
    if door == "mqtt":
        lamp.publish("devices/lamp/power", "true")
    elif door == "http":
        hub.report("lamp", "power", "true")
    else:
        with web.Socket(hub) as socket:
            socket.ok("publish", topic="devices/lamp/power", payload=True)
    home.wait(role("switch", "Desk lamp, Power", checked=True))


def test_a_request_from_elsewhere_shows_as_pending(hub, lamp, home):
    web.curl(hub, "POST", "/api/devices/lamp/power/set", data="true")
    home.wait(phase("power", "pending"))
    lamp.publish("devices/lamp/power", "true")
    home.wait(role("switch", "Desk lamp, Power", checked=True))


def test_a_new_device_appears_by_itself_and_goes(hub, home):
    hub.report("thermometer", "heat", "21.5")
    home.wait(role("article", "thermometer"))
    assert home.value(role("textbox", "thermometer, Heat")) == "21.5"
    hub.delete("/api/devices/thermometer")
    home.wait(role("article", "thermometer"), "detached")


def test_devices_stand_in_their_rooms(hub, home):
    home.wait(role("heading", "Study"))
    hub.put("/api/devices/fan", json={"name": "Fan", "room": "Attic", "properties": {"speed": {"type": "int"}}})
    home.wait(role("heading", "Attic"))
    home.wait(role("article", "Fan"))


def test_a_device_that_leaves_is_shown_offline(lamp, home):
    home.wait(text("Offline", within=role("article", "Desk lamp"), exact=True), "detached")
    lamp.close()
    home.wait(text("Offline", within=role("article", "Desk lamp"), exact=True))


def test_the_device_page(lamp, home):
    home.click(role("link", "Desk lamp"))
    home.wait(role("heading", "Desk lamp"))
    home.wait(css('[data-property="level"]'))
    home.click(POWER)
    lamp.wait("devices/lamp/power/set", "true")
    lamp.publish("devices/lamp/power", "true")
    home.wait(css('[data-property="power"][data-phase="confirmed"]'))
    home.evaluate("history.back()")
    home.wait(role("heading", "Home"))


def test_the_address_of_a_device_can_be_opened(hub, lamp, browser):
    with browser.open(hub.http + "/devices/lamp") as page:
        page.wait(role("heading", "Desk lamp"))
        page.clean()


def test_what_was_refused_is_shown_with_its_reason(hub, lamp, home):
    lamp.publish("devices/lamp/level", "900")
    home.wait(text("refused", within=role("article", "Desk lamp")))
    home.click(role("link", "Desk lamp"))
    home.wait(text("900"))
    reason = hub.device("lamp")["rejected"]["last"]["reason"]
    home.wait(text(reason))


def test_the_page_comes_back_after_a_restart(make_hub, browser):
    hub = make_hub().start()
    # The same port again, so that the page finds the hub where it was.
    hub.flags = ["--port", str(hub.port)]
    hub.report("lamp", "power", "false")
    with browser.open(hub.http + "/") as page:
        page.wait(role("switch", "lamp, Power", checked=False))
        hub.stop()
        page.wait(text("The connection to the hub is lost", exact=False))
        hub.start()
        hub.report("lamp", "power", "true")
        page.wait(role("switch", "lamp, Power", checked=True), timeout=25)
        page.wait(text("The connection to the hub is lost", exact=False), "detached")
        # And it is live again, not just loaded.
        hub.report("lamp", "power", "false")
        page.wait(role("switch", "lamp, Power", checked=False))
        seen = page.seen()
        # Chromium itself notes on the console that it could not connect meanwhile; nothing else may be there.
        others = [
            line for line in seen["console"] if "ERR_CONNECTION" not in line and "WebSocket connection" not in line
        ]
        assert (others, seen["errors"], seen["foreign"]) == ([], [], [])


def test_an_empty_house_teaches(hub, browser):
    with browser.open(hub.http + "/") as page:
        page.wait(text("No devices yet"))
        page.click(role("button", "Report a first value"))
        page.wait(role("article", "hello"))
        assert page.value(role("textbox", "hello, Temperature")) == "21.5"
        page.clean()
    assert len(hub.get("/api/devices").json()) == 1


def test_the_demo_house_is_removed_with_one_click(make_hub, browser):
    hub = make_hub("--demo").start()
    hub.report("mine", "p", "1")
    with browser.open(hub.http + "/") as page:
        page.wait(text("Demo", exact=True))
        page.click(role("button", "Remove demo house"))
        page.click(role("button", "Remove demo house", within=role("dialog")))
        page.wait(text("Demo", exact=True), "detached")
        page.wait(role("article", "mine"))
        page.clean()
    assert [d["id"] for d in hub.get("/api/devices").json()] == ["mine"]


@pytest.mark.parametrize("width", [320, 390, 768, 1440])
@pytest.mark.parametrize("path", ["/", "/devices/lamp", "/devices", "/settings"])
def test_nothing_is_wider_than_the_screen(width, path, hub, lamp, browser):
    """Phone, tablet, desktop: no sideways scrolling, and what is touched is large enough to be."""
    with browser.open(hub.http + path, width=width, height=844, dark=width == 390) as page:
        page.wait(role("heading"))
        if path in ("/", "/devices/lamp"):
            page.wait(POWER)
            box = page.box(POWER)
            assert box["x"] + box["width"] <= width, box
            # Where fingers point (the two smaller screens have touch), a target is a fingertip high.
            assert box["height"] >= (44 if width < 1000 else 24), box
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.clean()


def test_dark_and_light_differ(hub, lamp, browser):
    grounds = set()
    for dark in (False, True):
        with browser.open(hub.http + "/", dark=dark) as page:
            page.wait(POWER)
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            page.clean()
    assert len(grounds) == 2, grounds


def test_a_hostile_name_is_only_text(hub, browser):
    """What devices say is shown, never run."""
    hostile = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>'
    hub.put("/api/devices/evil", json={"name": hostile, "room": hostile})
    hub.report("evil", "p", hostile)
    with browser.open(hub.http + "/") as page:
        page.wait(text("window.owned=1", exact=False))
        assert page.evaluate("window.owned ?? null") is None
        page.goto(hub.http + "/devices/evil")
        page.wait(role("heading", hostile))
        assert page.evaluate("window.owned ?? null") is None
        page.clean()
