"""A light whose sketch speaks Blynk, and a person at the page: what one does the other sees.

Belongs here: the whole way between a real library and a real browser. Does not: what kinds of widgets send (test_browser_widgets.py),
Blynk's own doors (test_blynk*.py).
"""

import pytest

from support.blynk import Blynklib, BlynkPython, token_of
from support.browser import css, role, text
from support.wait import until


@pytest.fixture
def board(shared, browser, unique):
    """A device whose colour lives on pin V1, a page with a light for it, and its name."""
    name = unique("strip")
    properties = {"color": {"type": "color", "bindings": ["blynk:V1"]}}
    assert shared.put(f"/api/devices/{name}", json={"name": "LED strip", "properties": properties}).status_code == 201
    at = {"desktop": {"x": 0, "y": 0, "w": 3, "h": 5}, "phone": None}
    light = {"id": "it", "kind": "light", "title": "Strip", "at": at, "options": {}, "sources": [{"property": f"{name}/color"}]}
    board = {"id": name, "title": "Board", "icon": None, "others": "see", "tabs": [], "widgets": [light]}
    assert shared.post("/api/dashboards", json=board).status_code == 201
    with browser.open(f"{shared.http}/dashboards/{name}") as page:
        page.wait(css('[data-widget="it"] [data-inside="light"]'))
        yield page, name
        page.clean()
    shared.delete(f"/api/dashboards/{name}")
    shared.delete(f"/api/devices/{name}")


@pytest.mark.parametrize("library", [Blynklib, BlynkPython])
def test_a_colour_goes_from_the_page_to_the_sketch_and_back(shared, board, library):
    page, name = board
    with library(shared, token_of(shared, name)) as sketch:
        sketch.wait("connected")
        until(lambda: shared.device(name)["online"], what="it is online")
        sketch.do(lambda blynk: blynk.virtual_write(1, 17, 34, 51))
        page.wait(text("#112233", exact=False, within=css('[data-widget="it"]')))
        page.click(role("button", "Colour #ffb46b"))
        sketch.wait("write", 1, ["255", "180", "107"])
        # The sketch does not answer: what has left for it counts.
        page.wait(css('[data-widget="it"][data-phase="confirmed"]'))
        page.wait(text("#ffb46b", exact=False, within=css('[data-widget="it"]')))
        # Somebody turns the knob at the strip itself.
        sketch.do(lambda blynk: blynk.virtual_write(1, 0, 0, 255))
        page.wait(text("#0000ff", exact=False, within=css('[data-widget="it"]')))
        assert shared.device(name)["properties"]["color"]["value"] == "#0000ff"
