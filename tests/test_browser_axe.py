"""Every page under axe, which finds much of what hinders people who cannot see well, or use no mouse: none of it serious.

Belongs here: pages as a whole, on a phone and a desk, light and dark. Does not: what keys do, which each page's own tests know.
"""

import pytest

from support.browser import css
from support.people import Somebody, sign_in
from support.wait import until

SECTIONS = (
    "general", "account", "people", "tokens", "discovery", "history", "templates", "virtual", "firmware", "guest", "tls", "limits", "backup",
    "logs", "audit",
)  # fmt: skip
PAGES = {
    "home": "/",
    "devices": "/devices",
    "device": "/devices/lamp",
    "found": "/found",
    "history": "/history?p=lamp%2Flevel",
    "dashboards": "/dashboards",
    "live": "/live",
    "connect": "/connect",
    "missing": "/nothing-is-here",
    **{f"settings-{section}": f"/settings/{section}" for section in SECTIONS},
}
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
# Parts come one after the other; each leaves its skeleton when it is there.
SETTLED = "() => !document.querySelector('main [role=status][aria-label=Loading]')"


def furnished(hub):
    """Something to see on every page."""
    assert hub.put("/api/firmware/lamp/1.0", data=b"program").status_code == 201
    assert hub.put("/api/rollouts/lamp", json={"version": "1.0", "all": True}).status_code == 201
    assert hub.post("/api/devices/lamp/token", json={"name": "board"}).status_code == 201


def looked_at(page):
    page.wait(css("main :is(h1, h2)"))
    page.evaluate(f"new Promise((done) => {{ const look = () => (({SETTLED})() ? done(true) : setTimeout(look, 50)); look(); }})")
    return page.axe()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_no_page_hinders_anybody_seriously(owned, browser, size, dark):
    furnished(owned)
    width, height = SIZES[size]
    found = {}
    with browser.open(owned.http + "/sign-in", width=width, height=height, dark=dark) as page:
        page.wait(css("h1"))
        found["sign-in"] = page.axe()
    with browser.open(owned.http, width=width, height=height, dark=dark) as page:
        sign_in(page, "anna")
        page.wait(css("main :is(h1, h2)"))
        for name, path in PAGES.items():
            page.goto(owned.http + path)
            found[name] = looked_at(page)
    wrong = {name: violations for name, violations in found.items() if violations}
    assert not wrong, "\n".join(f"{name}: {line}" for name, lines in wrong.items() for line in lines)


def test_what_fills_up_hinders_nobody(owned, browser):
    """A device that said much and was refused, and rooms that do not fit their widget."""
    token = owned.post("/api/devices/lamp/token", json={"name": "board"}).json()["token"]
    board = Somebody(owned, token)
    board.headers["Content-Type"] = "text/plain"
    for _ in range(2):
        assert board.put("/api/devices/lamp/level", data="warm").status_code == 422
    for room in range(12):
        owned.report(f"meter{room}", "heat", "20.5")
        assert owned.patch(f"/api/devices/meter{room}", json={"room": f"Room {room}"}).status_code == 200
    place = {"desktop": {"x": 0, "y": 0, "w": 3, "h": 3}, "phone": None}
    rooms = {"id": "rooms", "kind": "rooms", "title": "Rooms", "sources": [], "options": {}, "at": place}
    assert owned.post("/api/dashboards", json={"id": "full", "title": "Full", "widgets": [rooms]}).status_code == 201
    with browser.open(owned.http) as page:
        sign_in(page, "anna")
        refused = css('[data-device="lamp"] a[aria-label^="2 refused"]')
        page.wait(refused)
        assert page.axe() == []
        page.goto(owned.http + "/devices/lamp")
        page.wait(css("[role=region][aria-label='Last messages of Desk lamp']"))
        for at in range(60):
            assert board.put(f"/api/devices/lamp/said{at % 3}", data=f"message {at} " * 40).status_code == 204
        scrolls = "[...document.querySelectorAll('.wire .scroll')].some((e) => e.scrollHeight > e.clientHeight)"
        until(lambda: page.evaluate(scrolls), what="the last messages to overflow")
        page.wait(css(".wire .payload[tabindex]"))
        assert page.axe() == []
        page.goto(owned.http + "/dashboards/full")
        page.wait(css('[data-inside="rooms"][tabindex="0"]'))
        assert page.axe() == []
