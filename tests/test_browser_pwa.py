"""The page without its hub, in a real browser: every part opens, dashboards as they were seen last, and nothing of who signed out.

Belongs here: what the worker and the browser keep. Does not: a connection that is lost while a page is open, which each page's own tests know.
"""

from support.browser import css, role, text
from support.people import opened
from support.wait import until

BOARD = {
    "id": "hall",
    "title": "Hall",
    "widgets": [
        {
            "id": "level",
            "kind": "value",
            "title": "Level",
            "sources": [{"property": "lamp/level"}],
            "options": {},
            "at": {"desktop": {"x": 0, "y": 0, "w": 4, "h": 3}, "phone": None},
        },
        {
            "id": "note",
            "kind": "value",
            "title": "Post",
            "sources": [{"topic": "home/post"}],
            "options": {},
            "at": {"desktop": {"x": 4, "y": 0, "w": 4, "h": 3}, "phone": None},
        },
        {
            "id": "power",
            "kind": "switch",
            "title": "Power",
            "sources": [{"property": "lamp/power"}],
            "options": {},
            "at": {"desktop": {"x": 8, "y": 0, "w": 4, "h": 3}, "phone": None},
        },
    ],
}
KEPT = """new Promise((done) => { const open = indexedDB.open('housewire', 1);
    open.onupgradeneeded = () => open.result.createObjectStore('last');
    open.onsuccess = () => { const store = open.result.transaction('last').objectStore('last');
      const [look, boards] = [store.get('look'), store.get('boards')];
      boards.onsuccess = () => { open.result.close(); done([look.result !== undefined,
        boards.result?.list?.length ?? null, Object.keys(boards.result?.opened?.[0]?.topics ?? {})]); }; }; })"""
# How many files of this build are kept, of those that there are.
PARTS = """Promise.all([
    caches.keys().then((names) => Promise.all(names.map((name) => caches.open(name).then((cache) => cache.keys())))),
    fetch('/sw.js').then((answer) => answer.text())]).then(([kept, worker]) => {
      const have = new Set(kept.flat().map(({ url }) => new URL(url).pathname));
      return ['SHELL', 'PARTS'].flatMap((name) => JSON.parse(worker.split(`const ${name} = `)[1].split(';')[0]))
        .filter((path) => !have.has(path)).length; })"""


def furnished(hub):
    assert hub.post("/api/dashboards", json=BOARD).status_code == 201
    assert hub.post("/api/dashboards", json={**BOARD, "id": "never", "title": "Never opened"}).status_code == 201
    hub.report("lamp", "level", "42")
    assert hub.put("/api/topics/home/post", data=b"two letters").status_code == 204


def kept_whole(page):
    """The worker has every part, which it fetches once the page is idle."""
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    until(lambda: page.evaluate(PARTS) == 0, what="the worker to keep every part")


def test_dashboards_open_without_the_hub_as_they_were_seen_last(owned, browser):
    furnished(owned)
    with opened(browser, owned, "anna", "/dashboards") as page:
        page.wait(css('[data-dashboard="hall"]'))
        page.goto(owned.http + "/dashboards/hall")
        page.wait(css('[data-widget="level"][data-state="live"], [data-widget="level"][data-state="offline"]'))
        page.wait(text("two letters"))
        until(lambda: page.evaluate(KEPT) == [True, 2, ["home/post"]], what="what is seen to be kept")
        kept_whole(page)
        page.offline()
        page.goto(owned.http + "/dashboards/hall")
        page.wait(text("Old values"))
        page.wait(css('[data-widget="level"][data-state="stale"]'))
        assert "42" in page.text(css('[data-widget="level"]'))
        page.wait(text("two letters"))
        # To be looked at only.
        assert page.count(role("button", "Edit")) == 0
        page.wait(css('[data-widget="power"] [role=switch]:disabled, [data-widget="power"] [role=switch][aria-disabled=true]'))
        page.goto(owned.http + "/dashboards")
        page.wait(css('[data-dashboard="hall"]'))
        assert page.count(role("button", "New dashboard")) == 0
        page.goto(owned.http + "/dashboards/never")
        page.wait(text("It was not opened in this browser before"))
        # The hub is back: it is as it is, and may be changed.
        page.goto(owned.http + "/dashboards/hall")
        page.wait(text("Old values"))
        page.offline(False)
        page.wait(text("Old values"), "detached")
        page.wait(role("button", "Edit"))
        page.click(role("button", "Account: anna, Admin"))
        page.click(role("button", "Sign out"))
        page.wait(role("heading", "Sign in"))
        until(lambda: page.evaluate(KEPT) == [False, None, []], what="what anna saw to be forgotten")


def test_every_page_says_what_it_can_without_the_hub(owned, browser):
    with opened(browser, owned, "anna") as page:
        page.wait(css('[data-device="lamp"]'))
        until(lambda: page.evaluate(KEPT)[0], what="the last values to be kept")
        kept_whole(page)
        page.offline()
        for path in ("/history", "/live", "/connect", "/found", "/settings/people"):
            page.goto(owned.http + path)
            page.wait(text("needs the hub"))
            assert page.count(text("could not be fetched")) == 0, path
        page.goto(owned.http + "/devices/lamp")
        page.wait(css('[data-property="level"]'))
        page.goto(owned.http + "/settings")
        page.wait(role("heading", "Appearance"))
        assert page.count(text("could not be fetched")) == 0
