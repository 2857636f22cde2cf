"""Histories in a real browser: charts on a device's page and on the History page, what is kept, and what it costs.

Readings come in as a device's do, and as an import of times that are past; what the page shows is compared with what
the hub answers. Belongs here: the page's side of the history. Does not: what the hub keeps (test_history.py).
"""

import json
import re
from datetime import datetime, timedelta, timezone

import pytest

from support.browser import css, role, text
from support.people import opened, unexpected
from support.wait import until

CHART = role("slider", "Chart of Desk lamp, Heat")
# What the browser fetched of histories, as it remembers.
FETCHED = "performance.getEntriesByType('resource').filter(({ name }) => name.includes('/history?'))"


def past(**back):
    return datetime.now(timezone.utc) - timedelta(**back)


def bring(hub, device, name, readings):
    """Readings of a time that is past: pairs of a time and a value."""
    lines = [f"{time.isoformat()},{json.dumps(value)}" for time, value in readings]
    headers = {"Content-Type": "text/csv"}
    answer = hub.post(f"/api/devices/{device}/{name}/history", data="\n".join(lines), headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["imported"] == len(lines), answer.text


def kept(hub, device, name, **query):
    answer = hub.get(f"/api/devices/{device}/{name}/history", params={"from": "-400d", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()["points"]


@pytest.fixture
def lamp(hub):
    """A lamp with a heat of two days, a switch that was thrown, and a value that is not kept."""
    properties = {
        "heat": {"type": "float", "unit": "°C"},
        "power": {"type": "bool"},
        "notes": {"type": "json"},
    }
    body = {"name": "Desk lamp", "properties": properties}
    assert hub.put("/api/devices/lamp", json=body).status_code == 201
    bring(hub, "lamp", "heat", [(past(minutes=10 * n), 20 + n % 7) for n in range(288, 0, -1)])
    bring(hub, "lamp", "power", [(past(hours=9), False), (past(hours=6), True), (past(hours=3), False)])
    hub.report("lamp", "notes", '{"a": 1}')
    return hub


@pytest.fixture
def page(lamp, browser):
    with browser.open(lamp.http + "/devices/lamp") as page:
        page.wait(role("heading", "Desk lamp"))
        yield page
        page.clean()


def test_the_panel_of_a_property_opens_its_history(lamp, page):
    # Nothing of charts is fetched before somebody asks for one.
    assert page.count(css("canvas")) == 0
    page.click(role("button", "History of Heat"))
    page.wait(css("[data-chart='lamp/heat'] canvas"))
    page.wait(text("Least 20", exact=False))
    page.wait(text("Most 26", exact=False))
    # JSON has no history, and says nothing of one.
    assert page.count(role("button", "History of Notes")) == 0


def test_a_report_is_drawn_at_once(lamp, page):
    page.click(role("button", "History of Heat"))
    page.wait(text("Most 26", exact=False))
    lamp.report("lamp", "heat", "99.5")
    page.wait(text("Most 99.5", exact=False))


def test_the_time_in_each_state(lamp, page):
    page.click(role("button", "History of Power"))
    states = role("list", "Time in state")
    page.wait(states)
    shown = page.text(states)
    # Off for three hours, on for three, off for three.
    assert "Off" in shown and "On" in shown and "33" in shown and "67" in shown, shown


def test_the_crosshair_by_keyboard_says_time_and_value(lamp, browser):
    with browser.open(lamp.http + "/history?series=lamp/heat,lamp/power&range=24h") as page:
        chart = role("slider", "Chart of Desk lamp, Heat, Desk lamp, Power")
        page.wait(chart)
        page.focus(chart)

        def said():
            return page.evaluate("document.activeElement.getAttribute('aria-valuetext')")

        page.press("Home")
        begin = said()
        for _ in range(60):
            page.press("ArrowRight")
        later = said()
        assert begin != later
        assert "Desk lamp, Heat 2" in later and "°C" in later, later
        # 60 % of a day ago ends 9.6 hours ago: before the switch was known. Further on it was on.
        assert "Power" not in later, later
        for _ in range(20):
            page.press("ArrowRight")
        assert "Desk lamp, Power On" in said(), said()
        # Zooming keeps what is under the crosshair; the address tells what is shown.
        page.press("+")
        page.wait(role("button", "Back to now"))
        assert "range=24h" not in page.evaluate("location.search")
        page.click(role("button", "Back to now"))
        until(lambda: "range=24h" in page.evaluate("location.search"), 5, "the range in the address")
        page.clean()


def test_zooming_asks_for_finer_data(hub, browser):
    """A month of minutes is condensed; an hour of it is every reading."""
    hub.declare("lamp", heat={"type": "float"})
    begin = past(days=20)
    bring(hub, "lamp", "heat", [(begin + timedelta(minutes=n), 20 + n % 50 / 10) for n in range(20 * 1440)])
    with browser.open(hub.http + "/history?series=lamp/heat&range=30d") as page:
        page.wait(text("The line is the mean", exact=False))
        addresses = " ".join(page.evaluate(f"{FETCHED}.map(({{ name }}) => name)"))
        points = [int(number) for number in re.findall(r"points=(\d+)", addresses)]
        width = page.box(css("[role=slider]"))["width"]
        assert points and max(points) <= width + 50, (points, width)
        chart = css("[role=slider]")
        page.focus(chart)
        page.press("Home")
        for _ in range(50):
            page.press("ArrowRight")
        for _ in range(10):
            page.press("+")
        page.wait(text("The line is the mean", exact=False), "detached")
        page.clean()


def test_the_mouse_zooms_into_what_it_marks(lamp, browser):
    with browser.open(lamp.http + "/history?series=lamp/heat&range=24h") as page:
        page.wait(css("[data-series='lamp/heat']"))
        now = page.evaluate("Date.now() / 1000")
        page.drag(css("[role=slider]"), (0.25, 0.5), (0.5, 0.5))
        page.wait(role("button", "Back to now"))
        search = re.compile(r"range=(\d+),(\d+)").search
        marked = until(lambda: search(page.evaluate("location.search")), 5, "the range in the address")
        begin, end = int(marked[1]), int(marked[2])
        assert abs(begin - (now - 18 * 3600)) < 300 and abs(end - (now - 12 * 3600)) < 300, (now, begin, end)
        # A press is no mark.
        page.drag(css("[role=slider]"), (0.5, 0.5), (0.502, 0.5))
        assert f"range={begin},{end}" in page.evaluate("location.search")
        page.clean()


def test_several_properties_are_chosen_and_kept_in_the_address(lamp, browser):
    with browser.open(lamp.http + "/history") as page:
        page.wait(role("heading", "Choose what to look at"))
        field = role("combobox", "Find a property to add")
        page.fill(field, "lamp heat")
        page.press("Enter")
        page.wait(css("[data-series='lamp/heat']"))
        page.fill(field, "power")
        page.press("Enter")
        page.wait(css("[data-series='lamp/power']"))
        until(lambda: "series=lamp/heat,lamp/power" in page.evaluate("location.search"), 5, "both in the address")
        page.goto(lamp.http + "/history" + page.evaluate("location.search"))
        page.wait(css("[data-series='lamp/power']"))
        page.click(role("button", "Remove Desk lamp, Power"))
        page.wait(css("[data-series='lamp/power']"), "detached")
        assert page.evaluate("location.search").startswith("?series=lamp/heat&")
        page.clean()


def test_the_table_says_what_the_chart_draws(lamp, browser):
    with browser.open(lamp.http + "/history?series=lamp/power&range=24h") as page:
        page.click(text("Show as a table"))
        page.wait(role("table", "Readings"))
        rows = page.text(role("table", "Readings")).splitlines()
        assert [row.split()[-1] for row in rows[-3:]] == ["Off", "On", "Off"], rows
        page.clean()


def test_an_export_is_what_the_hub_has(lamp, browser):
    with browser.open(lamp.http + "/history?series=lamp/heat&range=7d") as page:
        page.wait(css("[data-series='lamp/heat']"))
        name, content = page.download(role("button", "Export CSV"))
        assert name.endswith(".csv"), name
        lines = content.strip().splitlines()
        assert lines[0] == "time,value"
        assert len(lines) - 1 == len(kept(lamp, "lamp", "heat"))


def test_readings_are_deleted_for_good(lamp, browser):
    before = len(kept(lamp, "lamp", "heat"))
    with browser.open(lamp.http + "/history?series=lamp/heat&range=24h") as page:
        page.wait(css("[data-series='lamp/heat']"))
        page.click(role("button", "Delete readings"))
        dialog = role("dialog")
        page.wait(text("They are gone for good", exact=False))
        # Closing asks for nothing.
        page.press("Escape")
        assert len(kept(lamp, "lamp", "heat")) == before
        page.click(role("button", "Delete readings"))
        page.click(role("button", "Delete for good", within=dialog))
        page.wait(dialog, "detached")
        # A day of two is left.
        assert 0 < len(kept(lamp, "lamp", "heat")) <= before - 140
        page.wait(text("Nothing was recorded in this time", exact=False))
        page.click(role("button", "Delete readings"))
        page.click(role("radio", "All of it", within=dialog))
        page.click(role("button", "Delete for good", within=dialog))
        page.wait(dialog, "detached")
        assert kept(lamp, "lamp", "heat") == []
        page.clean()


def test_what_is_kept_is_chosen(lamp, page):
    page.click(role("button", "History of Heat"))
    page.click(role("button", "What is kept"))
    dialog = role("dialog")
    page.click(role("radio", "At most one in a while", within=dialog))
    page.fill(role("textbox", "Seconds between two", within=dialog), "soon")
    page.click(role("button", "Save", within=dialog))
    page.wait(role("alert", within=dialog))
    page.fill(role("textbox", "Seconds between two", within=dialog), "90")
    page.click(role("button", "Save", within=dialog))
    page.wait(dialog, "detached")
    policy = lamp.get("/api/devices/lamp/heat/history/policy").json()
    assert (policy["keep"], policy["every_s"]) == ("every", 90)
    # And it is what the dialog shows the next time.
    page.click(role("button", "What is kept"))
    page.wait(role("radio", "At most one in a while", checked=True, within=dialog))
    assert page.value(role("textbox", "Seconds between two", within=dialog)) == "90"
    page.press("Escape")


def test_a_history_that_cannot_be_read_says_why_and_comes_back(lamp, browser):
    # What the worker of the page fetches cannot be made to fail.
    with browser.open(lamp.http + "/devices/lamp", workers=False) as page:
        page.fail("**/history?*", "The disk does not answer. Look at its cable, then try again.")
        page.click(role("button", "History of Heat"))
        page.wait(text("The disk does not answer", exact=False))
        page.wait(role("button", "Try again"))


def test_a_viewer_looks_and_changes_nothing(owned, browser):
    owned.post("/api/users", json={"name": "vera", "password": "copper kettle sings", "role": "viewer"})
    with opened(browser, owned, "vera", "/history?series=lamp/level") as page:
        page.wait(css("[data-series='lamp/level']"))
        page.wait(role("button", "Export CSV"))
        assert page.count(role("button", "Delete readings")) == 0
        assert page.count(css("[data-series] .end button")) == 1
        assert unexpected(page) == ([], [], [])


def test_disk_and_history_tells_what_is_written(lamp, browser):
    for n in range(30):
        lamp.report("lamp", "heat", str(20 + n))
    until(lambda: lamp.get("/api/history/wear").json()["written_today"] > 0, 20, "something written")
    with browser.open(lamp.http + "/settings/history") as page:
        page.wait(role("list", "Written each day"))
        page.wait(text("What writes most"))
        page.click(role("button", "Change what is kept of Desk lamp, Heat"))
        page.click(role("radio", "Changes only", within=role("dialog")))
        page.click(role("button", "Save", within=role("dialog")))
        page.wait(role("dialog"), "detached")
        assert lamp.get("/api/devices/lamp/heat/history/policy").json()["keep"] == "change"
        page.clean()


def test_a_year_stays_small_and_smooth(hub, browser):
    """Half a million readings: as many points as pixels cross the wire, and a zoom is drawn within a second."""
    hub.declare("lamp", heat={"type": "float"})
    begin = past(days=365)
    for day in range(0, 365, 73):
        points = [(begin + timedelta(days=day, minutes=3 * n), 20 + n % 100 / 10) for n in range(73 * 480)]
        bring(hub, "lamp", "heat", points)
    with browser.open(hub.http + "/history?series=lamp/heat&range=1y") as page:
        page.wait(text("The line is the mean", exact=False))
        sizes = page.evaluate(f"{FETCHED}.map(({{ encodedBodySize }}) => encodedBodySize)")
        assert max(sizes) < 120_000, json.dumps(sizes)
        drawn = page.evaluate(
            """new Promise((done) => {
                 const began = performance.now();
                 const chart = document.querySelector('[role=slider]');
                 let frames = 0;
                 const step = () => {
                   chart.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft', bubbles: true }));
                   frames += 1;
                   if (frames < 30) requestAnimationFrame(step);
                   else done((performance.now() - began) / frames);
                 };
                 step();
               })"""
        )
        assert drawn < 100, f"{drawn:.0f} ms for a frame"
        page.clean()
