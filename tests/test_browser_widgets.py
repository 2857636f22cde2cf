"""Every kind of widget in a real browser and in both directions: what a person does reaches a real MQTT client, and what the client
reports is seen.

Belongs here: what a kind draws and sends. Does not: the board around it (test_browser_dashboards.py), the pure parts of widgets
(ui/src/dashboards/widgets/model/*.test.ts).
"""

import base64
import json
import re

import pytest

from support.browser import css, role, text
from support.paho import Paho
from support.wait import until

READ = {"access": ["read"]}
PROPERTIES = {
    "power": {"type": "bool"},
    "level": {"type": "int", "unit": "%", "min": 0, "max": 100},
    "heat": {"type": "float", "unit": "°C", **READ},
    "mode": {"type": "enum", "options": ["off", "auto", "eco"]},
    "color": {"type": "color"},
    "warmth": {"type": "int", "unit": "K", "min": 2200, "max": 6500},
    "words": {"type": "string"},
    "data": {"type": "json"},
    "picture": {"type": "bytes", **READ},
    "pan": {"type": "int", "min": -100, "max": 100},
    "tilt": {"type": "int", "min": -100, "max": 100},
    "contact": {"type": "bool", "role": "door", **READ},
    "battery": {"type": "int", "unit": "%", **READ},
}
HOSTILE = "<img src=x onerror=alert(1)>\u202e{{1}}&amp;"
# A red pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=="
WIDE = {"w": 6, "h": 7}


class Rig:
    """A device that speaks MQTT, and boards that show it."""

    def __init__(self, hub, browser, name):
        self.hub, self.browser, self.name = hub, browser, name
        device = {"name": "Rig", "room": f"Room of {name}", "properties": PROPERTIES}
        assert hub.put(f"/api/devices/{name}", json=device).status_code == 201
        self.client = Paho(hub, "3.1.1", name=name)
        self.client.subscribe(f"devices/{name}/+/set", 1)
        self.pages = []

    def report(self, **values):
        for name, value in values.items():
            payload = value if isinstance(value, (str, bytes)) else json.dumps(value)
            self.client.publish(f"devices/{self.name}/{name}", payload, retain=True)

    def asked(self, name, value):
        """The client is asked for it."""
        self.client.wait(f"devices/{self.name}/{name}/set", value)

    def board(self, kind, *sources, title="It", size=WIDE, **options):
        """A page with one widget on it. Sources are properties of the device, or topics if they hold a slash."""
        named = [{"topic": one} if "/" in one else {"property": f"{self.name}/{one}"} for one in sources]
        at = {"desktop": {"x": 0, "y": 0, **size}, "phone": None}
        widget = {"id": "it", "kind": kind, "title": title, "at": at, "sources": named, "options": options}
        board = {"id": self.name, "title": "Board", "icon": None, "others": "see", "tabs": [], "widgets": [widget]}
        assert self.hub.post("/api/dashboards", json=board).status_code == 201
        page = self.browser.open(f"{self.hub.http}/dashboards/{self.name}", workers=False)
        self.pages.append(page)
        page.wait(it(f'[data-inside="{kind}"]'))
        return page

    def close(self):
        for page in self.pages:
            page.close()
        self.client.close()
        self.hub.delete(f"/api/dashboards/{self.name}")
        self.hub.delete(f"/api/devices/{self.name}")


@pytest.fixture
def rig(shared, browser, unique):
    rig = Rig(shared, browser, unique("rig"))
    yield rig
    rig.close()


def it(inside=""):
    return css(f'[data-widget="it"] {inside}')


def phase(name):
    return css(f'[data-widget="it"][data-phase="{name}"]')


def seen(words):
    return text(words, exact=False, within=it())


def labelled(role_, name):
    """By its role and the beginning of its name."""
    return it(f'[role="{role_}"][aria-label^="{name}"]')


# --- from the page to the client, and back ----------------------------------------------------------


def ends(page, rig, name, value):
    """Nothing is true before the device says so."""
    page.wait(phase("pending"))
    rig.report(**{name: value})
    page.wait(phase("confirmed"))


def test_a_button_sends_once(rig):
    rig.report(power=False)
    page = rig.board("button", "power", textOn="Ring")
    page.click(role("button", "It: Ring"))
    rig.asked("power", "true")
    ends(page, rig, "power", True)
    page.clean()


def test_a_button_that_is_held_sends_on_press_and_on_release(rig):
    rig.report(power=False)
    page = rig.board("button", "power", mode="push", textOn="Go")
    page.drag(role("button", "It: Go"), (0.5, 0.5), (0.5, 0.6))
    rig.asked("power", "true")
    rig.asked("power", "false")
    # By keyboard it is held as long as the key is.
    page.focus(role("button", "It: Go"))
    page.press("Space")
    rig.asked("power", "true")
    rig.asked("power", "false")
    page.clean()


def test_a_button_switches_between_two_values(rig):
    rig.report(mode="off")
    page = rig.board("button", "mode", mode="toggle", on="eco", off="off", textOn="Saving", textOff="Not saving")
    page.click(role("button", "It: Not saving"))
    rig.asked("mode", "eco")
    ends(page, rig, "mode", "eco")
    page.wait(role("button", "It: Saving", pressed=True))
    page.clean()


def test_a_switch(rig):
    rig.report(power=False)
    page = rig.board("switch", "power")
    page.click(role("switch", "It", checked=False))
    rig.asked("power", "true")
    ends(page, rig, "power", True)
    rig.report(power=False)
    page.wait(role("switch", "It", checked=False))
    page.clean()


def test_a_slider_by_mouse_and_by_keyboard(rig):
    rig.report(level=40)
    page = rig.board("slider", "level", send="release")
    page.drag(role("slider", "It"), (0.4, 0.5), (0.75, 0.5))
    message = rig.client.messages.wait(lambda one: one.topic.endswith("/level/set"), what="a level")
    assert 70 <= int(message.text) <= 80
    page.focus(role("slider", "It"))
    page.press("End")
    rig.asked("level", "100")
    ends(page, rig, "level", 100)
    rig.report(level=7)
    page.wait(it('[role="slider"][aria-valuenow="7"]'))
    page.clean()


def test_a_stepper_counts_from_what_was_asked_for_last(rig):
    rig.report(level=40)
    page = rig.board("stepper", "level", step=5)
    more = it("button[aria-label^=Increase]")
    page.click(more)
    rig.asked("level", "45")
    page.click(more)
    rig.asked("level", "50")
    ends(page, rig, "level", 50)
    page.wait(it('[role="spinbutton"][aria-valuenow="50"]'))
    page.clean()


def test_a_number_that_is_typed(rig):
    rig.report(level=40)
    page = rig.board("number", "level")
    page.fill(role("textbox", "It"), "130")
    page.press("Enter")
    page.wait(role("alert", within=it()))
    page.fill(role("textbox", "It"), "55")
    page.press("Enter")
    rig.asked("level", "55")
    ends(page, rig, "level", 55)
    assert page.value(role("textbox", "It")) == "55"
    page.clean()


def test_words_that_are_sent(rig):
    rig.report(words="before")
    page = rig.board("text", "words")
    assert page.value(role("textbox", "It")) == "before"
    page.fill(role("textbox", "It"), "Grüße 👋")
    page.press("Enter")
    rig.asked("words", "Grüße 👋")
    ends(page, rig, "words", "Grüße 👋")
    page.clean()


def test_one_of_a_list(rig):
    rig.report(mode="off")
    page = rig.board("select", "mode")
    page.focus(role("combobox", "It"))
    page.press("e")
    rig.asked("mode", "eco")
    ends(page, rig, "mode", "eco")
    assert page.value(role("combobox", "It")) == "eco"
    page.clean()


def test_one_of_several_side_by_side(rig):
    rig.report(mode="off")
    page = rig.board("segmented", "mode", choices=["off = Away", "auto = At home"])
    page.click(role("radio", "At home"))
    rig.asked("mode", "auto")
    ends(page, rig, "mode", "auto")
    page.wait(role("radio", "At home", checked=True))
    page.clean()


def test_a_coloured_light(rig):
    rig.report(color="#112233", power=False, level=10)
    page = rig.board("light", "color", "power", "level", size={"w": 3, "h": 5})
    page.click(role("button", "Colour #ffb46b"))
    rig.asked("color", "#ffb46b")
    ends(page, rig, "color", "#ffb46b")
    page.wait(seen("#ffb46b"))
    page.click(role("switch", "It, power"))
    rig.asked("power", "true")
    page.focus(role("slider", "It, brightness"))
    page.press("End")
    rig.asked("level", "100")
    page.clean()


def test_a_white_light(rig):
    rig.report(warmth=3000)
    page = rig.board("white", "warmth")
    page.focus(role("slider", "It, colour temperature"))
    page.press("End")
    rig.asked("warmth", "6500")
    ends(page, rig, "warmth", 6500)
    page.clean()


def test_a_joystick_springs_back(rig):
    rig.report(pan=0, tilt=0)
    page = rig.board("joystick", "pan", "tilt", zone=0)
    page.focus(role("slider", "It"))
    page.press("ArrowRight")
    rig.asked("pan", "100")
    rig.asked("pan", "0")
    page.clean()


def test_a_joystick_of_one_source_sends_both_at_once(rig):
    rig.report(data={"x": 0, "y": 0})
    page = rig.board("joystick", "data", zone=0)
    page.focus(role("slider", "It"))
    page.press("ArrowUp")
    asked = [rig.client.messages.wait(lambda one: one.topic.endswith("/data/set"), what="a place").text for _ in range(2)]
    assert [json.loads(one) for one in asked] == [{"x": 0, "y": 100}, {"x": 0, "y": 0}]
    page.clean()


def test_a_timer_sends_at_its_end(rig):
    rig.report(power=True)
    page = rig.board("timer", "power", minutes=0.02, start="true", end="false")
    page.click(role("button", "Start"))
    rig.asked("power", "true")
    rig.asked("power", "false")
    page.wait(role("button", "Start"))
    page.clean()


def test_a_terminal_in_both_directions(rig):
    topic = f"{rig.name}/console"
    rig.client.subscribe(topic, 1)
    page = rig.board("terminal", topic)
    line = it("form input")
    page.fill(line, "reboot now")
    page.press("Enter")
    rig.client.wait(topic, "reboot now")
    page.wait(it("[role=log] .own"))
    rig.client.publish(topic, "rebooting\nup")
    page.wait(seen("rebooting"))
    # A pause holds the picture, not the messages.
    page.click(role("button", "Pause"))
    rig.client.publish(topic, "while paused")
    page.wait(seen("1 line waits"))
    assert page.count(seen("while paused")) == 0
    page.click(role("button", "Go on"))
    page.wait(seen("while paused"))
    # What was written before comes back by the arrow.
    page.focus(line)
    page.press("ArrowUp")
    assert page.value(line) == "reboot now"
    page.clean()


def test_a_refusal_is_told_at_the_widget(rig):
    rig.report(words="fine")
    page = rig.board("select", "words", choices=["fine", "x"])
    rig.hub.patch(f"/api/devices/{rig.name}", json={})
    page.fail(f"**/api/devices/{rig.name}/words**", "The device is in a bad mood.")
    page.focus(role("combobox", "It"))
    page.press("x")
    page.wait(phase("refused"))
    page.wait(seen("bad mood"))


# --- from the client to the page --------------------------------------------------------------------

SHOWN = {
    "value": (["heat"], {}, {"heat": 21.5}, it(".big:has-text('21.5')"), {"heat": 22.5}, it(".big:has-text('22.5')")),
    "value, a word": (["mode"], {}, {"mode": "auto"}, seen("Auto"), {"mode": "eco"}, seen("Eco")),
    "labelled": (
        ["heat"],
        {"template": "It is {value:1}{unit} warm"},
        {"heat": 21.5},
        seen("21.5"),
        {"heat": 30},
        seen("30.0"),
    ),
    "led": (["power"], {}, {"power": False}, labelled("img", "It: Off"), {"power": True}, labelled("img", "It: On")),
    "gauge": (
        ["level"],
        {"warn": 60, "alarm": 80},
        {"level": 20},
        it('[role="meter"][aria-valuenow="20"]'),
        {"level": 90},
        it('[role="meter"].bad[aria-valuenow="90"]'),
    ),
    "level": (
        ["level"],
        {"look": "battery"},
        {"level": 90},
        it('[role="meter"].ok'),
        {"level": 5},
        it('[role="meter"].bad[aria-valuenow="5"]'),
    ),
    "progress": (
        ["level"],
        {},
        {"level": 20},
        it('[role="progressbar"][aria-valuenow="20"]'),
        {"level": 100},
        it('[role="progressbar"].done'),
    ),
    "lcd": (
        ["words"],
        {},
        {"words": "Hello\nWorld"},
        labelled("img", "Display of It: Hello, World"),
        {"words": '["p",6,0,"Joe"]'},
        labelled("img", "Display of It: Hello Joe, World"),
    ),
    "table, json": (
        ["data"],
        {},
        {"data": [{"line": "S3", "min": 4}]},
        role("cell", "S3"),
        {"data": [{"line": "21", "min": 4}]},
        role("cell", "21"),
    ),
    "table, sources": (
        ["heat", "mode"],
        {},
        {"heat": 1.5, "mode": "off"},
        role("rowheader", "Rig, Heat"),
        {"mode": "eco"},
        role("cell", "Eco"),
    ),
    "weather": (
        ["heat", "level"],
        {"roles": ["temperature", "humidity"]},
        {"heat": 21.5, "level": 40},
        it("dd:has-text('40')"),
        {"level": 41},
        it("dd:has-text('41')"),
    ),
    "map": (
        ["data"],
        {},
        {"data": {"lat": 53.55, "lon": 10}},
        it("li:has-text('53.55')"),
        {"data": [48.2, 16.37]},
        it("li:has-text('48.2')"),
    ),
    "image": (
        ["picture"],
        {"alt": "A pixel"},
        {"picture": base64.b64decode(PNG)},
        it('img[alt="A pixel"][src^="data:image/png"]'),
        {"picture": b"no picture"},
        role("alert", within=it()),
    ),
    "video": (
        ["words"],
        {},
        {"words": ""},
        seen("No video yet"),
        {"words": "https://cameras.example/porch"},
        seen("cameras.example"),
    ),
    "note": (
        ["heat"],
        {"text": "# Heating\nIt is {{1}} **warm**."},
        {"heat": 21.5},
        it(".value:has-text('21.5')"),
        {"heat": 22.5},
        it(".value:has-text('22.5')"),
    ),
    "sparkline": (
        ["heat"],
        {"hours": 1},
        {"heat": 21.5},
        it('[role="img"][aria-label*="now 21.5"]'),
        {"heat": 22.5},
        it('[role="img"][aria-label*="now 22.5"] path.line'),
    ),
    "device": (["power"], {}, {"heat": 21.5, "power": True}, seen("21.5"), {"heat": 22.5}, seen("22.5")),
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_reported_is_seen(rig, name):
    sources, options, first, at_first, then, at_last = SHOWN[name]
    rig.report(**first)
    page = rig.board(name.split(",")[0], *sources, **options)
    page.wait(at_first)
    rig.report(**then)
    page.wait(at_last)
    page.clean()


def test_a_table_of_messages(rig):
    topic = f"{rig.name}/log"
    page = rig.board("table", topic, rows="messages")
    page.wait(seen("Nothing came yet"))
    rig.client.publish(topic, '{"who":"anna","what":"door"}')
    page.wait(role("cell", "anna"))
    rig.client.publish(topic, '{"who":"ben","what":"gate"}')
    page.wait(role("cell", "ben"))
    # The newest comes first.
    rows = page.text(it("tbody"))
    assert rows.index("ben") < rows.index("anna")
    page.clean()


def test_a_chart_of_numbers_and_states(rig):
    rig.report(heat=20, contact=False)
    rig.report(heat=23.5, contact=True)
    page = rig.board("chart", "heat", "contact", range="1h")
    page.wait(it("[data-chart] canvas"))
    # The crosshair tells what was when, by keyboard.
    slider = it('[data-chart] [role="slider"]')
    until(lambda: "23.5" in spoken(page, slider), 10, "the last value at the crosshair")
    rig.report(heat=25.5)
    until(lambda: "25.5" in spoken(page, slider), 10, "the new value")
    page.focus(slider)
    page.press("+")
    page.wait(it('select:has(option[value=""]:checked)'))
    # Large, with a table of the readings.
    page.click(role("button", "Open large, with a table"))
    page.wait(role("dialog"))
    page.click(text("Show as a table", within=role("dialog")))
    page.wait(role("table", within=role("dialog")))
    name, content = page.download(role("button", "Export CSV", within=role("dialog")))
    assert name.endswith(".csv") and "25.5" in content
    page.clean()


def spoken(page, slider):
    selector = json.dumps(slider["css"])
    return page.evaluate(f"document.querySelector({selector}).getAttribute('aria-valuetext')") or ""


def test_a_chart_of_a_topic_begins_when_it_is_opened(rig):
    topic = f"{rig.name}/load"
    page = rig.board("chart", topic, range="5m")
    rig.client.publish(topic, "12.25")
    page.wait(it("[data-chart]"))
    rig.client.publish(topic, "13.25")
    slider = it('[data-chart] [role="slider"]')
    page.wait(slider)
    until(lambda: "13.25" in spoken(page, slider), 10, "the value of the topic")
    page.clean()


def test_rooms_and_what_needs_somebody(rig):
    rig.report(battery=4, heat=19.5, contact=True)
    page = rig.board("rooms")
    page.wait(seen(f"Room of {rig.name}"))
    page.wait(seen("1 open"))
    rig.report(contact=False)
    page.wait(seen("1 open"), "detached")
    page.clean()


def test_notifications(rig):
    rig.report(battery=90)
    page = rig.board("alerts")
    rig.report(battery=4)
    page.wait(text(re.sub("X", "4", "Battery of Rig is low: X"), exact=False, within=it()))
    rig.report(battery=80)
    page.wait(text("Battery of Rig is low", exact=False, within=it()), "detached")
    seen_ = page.seen()
    assert (seen_["errors"], seen_["foreign"]) == ([], [])


# --- what should not be -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["value", "labelled", "text", "led", "lcd", "table", "select", "note", "map", "image"])
def test_markup_stays_text_and_nothing_is_fetched_from_elsewhere(rig, kind):
    rig.report(words=HOSTILE)
    options = {"text": HOSTILE, "template": HOSTILE + "{value}", "choices": [HOSTILE], "attribution": HOSTILE, "caption": HOSTILE}
    page = rig.board(kind, "words", title=HOSTILE, **options)
    rig.report(words="https://evil.example/a.png")
    rig.report(words=HOSTILE + "!")
    until(lambda: page.evaluate("document.readyState === 'complete'"), 10, "the page")
    assert page.count(it("img")) == 0
    page.clean()


@pytest.mark.parametrize("kind", ["value", "labelled", "text", "lcd", "table", "terminal", "led", "note"])
def test_half_a_megabyte_of_text_is_borne(rig, kind):
    rig.report(words="short")
    page = rig.board(kind, "words", text="{{1}}", rows="messages")
    rig.report(words="kilobytes " * 50_000)
    rig.report(words="short again")
    # Whoever still draws what comes after it was not broken by it.
    if kind in ("value", "labelled", "table", "terminal", "note"):
        page.wait(seen("short again"))
    assert page.count(it("[role=alert]")) == 0
    page.clean()


def test_a_number_that_is_none(rig):
    topic = f"{rig.name}/odd"
    rig.client.publish(topic, "NaN", retain=True)
    page = rig.board("gauge", topic)
    page.wait(it('[role="meter"][aria-valuetext="No value yet"]'))
    rig.client.publish(topic, "42", retain=True)
    page.wait(it('[role="meter"][aria-valuenow="42"]'))
    page.clean()
