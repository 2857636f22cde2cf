"""Every page under axe, which finds much of what hinders people who cannot see well, or use no mouse: none of it serious.

Belongs here: pages as a whole, on a phone and a desk, light and dark. Does not: what keys do, which each page's own tests know.
"""

import pytest

from support.browser import css
from support.people import sign_in

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
