"""Dashboards in a real browser: made, arranged by mouse and by keyboard, saved, argued about, taken along as a file, shown to guests.

What is arranged is compared with what the hub keeps; what is pressed with what a real MQTT client gets. Belongs here: the page around the
widgets. Does not: what a single kind of widget does (test_browser_widgets.py), what the hub answers (test_dashboards.py).
"""

import json

import pytest

from support.browser import css, role, text
from support.paho import Paho
from support.people import add, opened, unexpected
from support.wait import until

LAMP = {
    "name": "Desk lamp",
    "room": "Study",
    "properties": {
        "power": {"type": "bool"},
        "level": {"type": "int", "unit": "%", "min": 0, "max": 100},
        "heat": {"type": "float", "unit": "°C", "access": ["read"]},
    },
}
SAVE, EDIT = role("button", "Save"), role("button", "Edit")


def place(x, y, w=3, h=2):
    return {"x": x, "y": y, "w": w, "h": h}


def widget(id, kind, at, source, phone=None, **options):
    at = {"desktop": at, "phone": phone}
    return {"id": id, "kind": kind, "title": None, "at": at, "sources": [source], "options": options}


def make(hub, *widgets, id="home", **more):
    body = {"id": id, "title": "Home", "icon": None, "others": "see", "tabs": [], "widgets": list(widgets), **more}
    answer = hub.post("/api/dashboards", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def kept(hub, id="home"):
    answer = hub.get(f"/api/dashboards/{id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def places(hub, screen="desktop"):
    return {one["id"]: one["at"][screen] for one in kept(hub)["widgets"]}


def change(hub, **fields):
    """Somebody else saves, as a program would."""
    now = kept(hub)
    answer = hub.put("/api/dashboards/home", json=now | fields, headers={"If-Match": f'"{now["version"]}"'})
    assert answer.status_code == 200, answer.text
    return answer.json()


def handle(id):
    return css(f'[data-place="{id}"] .handle')


def saved(page):
    page.click(SAVE)
    page.wait(SAVE, "detached")


POWER = {"property": "lamp/power"}
HEAT = {"property": "lamp/heat"}


@pytest.fixture
def lamp(hub):
    """A lamp by MQTT, and a dashboard with its switch and its heat side by side."""
    assert hub.put("/api/devices/lamp", json=LAMP).status_code == 201
    with Paho(hub, "3.1.1", name="lamp") as client:
        client.subscribe("devices/lamp/+/set", 1)
        for name, value in (("power", "false"), ("level", "40"), ("heat", "21.5")):
            client.publish(f"devices/lamp/{name}", value, retain=True)
        yield client


@pytest.fixture
def home(hub, lamp):
    make(hub, widget("a", "switch", place(0, 0), POWER), widget("b", "value", place(3, 0), HEAT))
    return hub


@pytest.fixture
def page(home, browser):
    with browser.open(home.http + "/dashboards/home") as page:
        page.wait(css('[data-widget="b"][data-state="live"]'))
        yield page
        page.clean()


@pytest.fixture
def editing(page):
    page.click(EDIT)
    page.wait(handle("a"))
    return page


def test_one_is_made_of_the_devices_and_works(hub, lamp, browser):
    with browser.open(hub.http + "/dashboards") as page:
        page.click(role("button", "Make one from my devices"))
        switch = css('[data-widget][data-kind="switch"]')
        page.wait(switch)
        until(lambda: len(hub.get("/api/dashboards").json()) == 1, 10, "the dashboard on the hub")
        page.click(role("switch", "Desk lamp, Power", within=switch))
        lamp.wait("devices/lamp/power/set", "true")
        page.wait(css('[data-kind="switch"][data-phase="pending"]'))
        lamp.publish("devices/lamp/power", "true", retain=True)
        page.wait(css('[data-kind="switch"][data-phase="confirmed"]'))
        page.wait(role("switch", "Desk lamp, Power", checked=True))
        # On the list it stands with a picture of itself.
        page.click(role("link", "All dashboards"))
        page.wait(css("[data-dashboard] svg rect"))
        page.clean()


def test_dragged_onto_another_it_pushes_that_down(home, editing):
    editing.drag(handle("a"), (0.5, 0.5), (1.5, 0.5))
    saved(editing)
    assert places(home) == {"a": place(3, 0), "b": place(3, 2)}


def test_a_drag_that_comes_back_or_is_given_up_changes_nothing(home, editing):
    editing.drag(handle("a"), (0.5, 0.5), (0.52, 0.5))
    editing.wait(css('[data-saved="true"]'))
    assert places(home) == {"a": place(0, 0), "b": place(3, 0)}


def test_sized_by_its_corner(home, editing):
    size = editing.box(css('[data-place="b"]'))
    column = (size["width"] + 8) / 3
    corner = editing.box(css('[data-place="b"] .corner'))
    by = ((2 * column) / corner["width"] + 0.5, 48 / corner["height"] + 0.5)
    editing.drag(css('[data-place="b"] .corner'), (0.5, 0.5), by)
    saved(editing)
    assert places(home) == {"a": place(0, 0), "b": place(3, 0, 5, 3)}


def test_by_keyboard_moved_sized_copied_removed_and_taken_back(home, editing):
    editing.focus(handle("a"))
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowDown"):
        editing.press(key)
    # Where it is is told, and the focus stays with it.
    assert editing.focused()[1].startswith("Desk lamp, Power, Switch, column 2, row 3, 4 wide, 3 high"), editing.focused()
    editing.press("Control+d")
    until(lambda: editing.count(css(".handle")) == 3, 10, "the copy")
    editing.press("Delete")
    until(lambda: editing.count(css(".handle")) == 2, 10, "the copy to be gone")
    editing.press("Control+z")
    editing.press("Control+z")
    until(lambda: editing.count(css(".handle")) == 2, 10, "the copy to be taken back")
    # All arrows of one way are one step.
    editing.press("Control+z")
    editing.press("Control+Shift+z")
    editing.press("Control+s")
    editing.wait(SAVE, "detached")
    assert places(home) == {"a": place(1, 2, 4, 3), "b": place(3, 0)}


def test_undone_to_the_beginning_there_is_nothing_to_save(home, editing):
    before = kept(home)["version"]
    editing.focus(handle("b"))
    editing.press("Delete")
    editing.wait(css('[data-saved="false"]'))
    editing.click(role("button", "Undo"))
    editing.wait(css('[data-saved="true"]'))
    saved(editing)
    assert kept(home)["version"] == before


def test_a_widget_is_added_from_the_gallery(home, lamp, editing):
    editing.click(role("button", "Add widget"))
    editing.fill(role("searchbox", "Find a kind of widget"), "switch")
    editing.click(css('[data-add="switch"]'))
    dialog = role("dialog")
    # Without a source it cannot be.
    editing.click(role("button", "Add widget", within=dialog))
    editing.wait(role("alert", within=dialog))
    editing.fill(role("combobox", "Find a property or write a topic"), "garden/gate")
    editing.press("Enter")
    editing.fill(role("textbox", "Title", within=dialog), "<b>Gate</b>")
    editing.click(role("checkbox", "Ask before it acts", within=dialog))
    editing.click(role("button", "Add widget", within=dialog))
    editing.wait(dialog, "detached")
    # What people write stays text.
    editing.wait(role("heading", "<b>Gate</b>"))
    saved(editing)
    made = kept(home)["widgets"][-1]
    assert made["sources"] == [{"topic": "garden/gate"}]
    assert made["options"]["confirm"] is True
    # A dangerous one asks first.
    lamp.subscribe("garden/gate", 1)
    editing.click(role("switch", "<b>Gate</b>"))
    editing.wait(role("dialog"))
    editing.press("Escape")
    editing.click(role("switch", "<b>Gate</b>"))
    editing.click(role("button", "Do it"))
    lamp.wait("garden/gate")


def test_what_another_saves_is_seen_at_once(home, page):
    change(home, title="Castle")
    page.wait(role("heading", "Castle"))


def test_two_edit_and_nothing_is_overwritten_unseen(home, editing):
    editing.focus(handle("a"))
    editing.press("ArrowDown")
    change(home, title="Castle")
    # Told at once, not when it is saved.
    editing.click(role("button", "See both"))
    dialog = role("dialog")
    editing.wait(role("heading", "Two versions of this dashboard", within=dialog))
    editing.click(role("button", "Go on editing", within=dialog))
    # Theirs is not overwritten by a save either.
    editing.click(SAVE)
    editing.click(role("button", "Keep mine as a copy", within=dialog))
    editing.wait(role("heading", "Home (mine)"))
    assert kept(home)["title"] == "Castle"
    assert places(home)["a"] == place(0, 0)
    (copy,) = [one for one in home.get("/api/dashboards").json() if one["id"] != "home"]
    assert [one["at"]["desktop"] for one in kept(home, copy["id"])["widgets"]][0] == place(0, 1)


def test_theirs_is_taken(home, editing):
    editing.focus(handle("a"))
    editing.press("Delete")
    change(home, title="Castle")
    editing.click(role("button", "See both"))
    editing.click(role("button", "Take theirs", within=role("dialog")))
    until(lambda: editing.count(css(".handle")) == 2, 10, "both widgets again")
    editing.wait(css('[data-saved="true"]'))
    assert kept(home)["title"] == "Castle"


def test_a_lost_connection_loses_nothing(home, browser):
    with browser.open(home.http + "/dashboards/home") as page:
        page.click(EDIT)
        page.focus(handle("a"))
        page.press("ArrowDown")
        home.stop()
        page.wait(text("Your changes are kept in this browser", exact=False))
        page.focus(handle("a"))
        page.press("ArrowDown")
        home.flags = [*home.flags, "--port", str(home.port)]
        home.start()
        page.wait(text("Your changes are kept in this browser", exact=False), "detached")
        saved(page)
        assert places(home)["a"] == place(0, 2)
        assert page.evaluate("Object.keys(localStorage).filter((key) => key.includes('draft')).length") == 0


def test_what_was_not_saved_waits_in_the_browser(home, editing):
    editing.focus(handle("a"))
    editing.press("ArrowDown")
    # The tab is closed without a word, and opened again.
    editing.goto(home.http + "/dashboards/home")
    assert places(home)["a"] == place(0, 0)
    editing.click(role("button", "Go on editing"))
    saved(editing)
    assert places(home)["a"] == place(0, 1)
    editing.goto(home.http + "/dashboards/home")
    editing.wait(EDIT)
    assert editing.count(role("button", "Go on editing")) == 0


def test_out_as_a_file_and_in_again(home, browser):
    before = change(home, tabs=["One", "Two"], title="Küche <i>")
    with browser.open(home.http + "/dashboards") as page:
        more = role("button", "More for Küche <i>")
        page.click(more)
        name, content = page.download(role("menuitem", "Export as a file"))
        assert name.endswith(".dashboard.json")
        assert json.loads(content)["format"] == "housewire-dashboard"
        page.upload(role("button", "Import a file"), name, content)
        page.wait(role("heading", "Küche <i>"))
        page.wait(css('[data-widget="a"]'))
        (made,) = [one for one in home.get("/api/dashboards").json() if one["id"] != "home"]
        after = kept(home, made["id"])
        assert [after[key] for key in ("title", "tabs", "widgets")] == [before[key] for key in ("title", "tabs", "widgets")]
        # What is no dashboard says so, and makes none.
        page.click(role("link", "All dashboards"))
        page.upload(role("button", "Import a file"), "holiday.json", '{"format":"photo"}')
        page.wait(text("holiday.json holds no dashboard", exact=False))
        assert len(home.get("/api/dashboards").json()) == 2
        page.clean()


def test_on_the_wall_there_is_nothing_around_it(page):
    page.wait(role("navigation"))
    page.click(role("button", "Full screen"))
    page.wait(role("navigation"), "detached")
    page.wait(css('[data-widget="a"]'))
    assert page.evaluate("document.fullscreenElement !== null")
    page.focus(role("button", "Leave full screen"))
    page.press("Enter")
    page.wait(role("navigation"))
    until(lambda: page.evaluate("document.fullscreenElement === null"), 10, "the end of full screen")


def test_a_phone_has_a_layout_of_its_own(home, browser):
    with browser.open(home.http + "/dashboards/home", width=390, height=844) as page:
        page.wait(css('[data-widget="b"][data-state="live"]'))
        # Made of the desktop's: two narrow ones beside each other.
        assert page.box(css('[data-place="a"]'))["y"] == page.box(css('[data-place="b"]'))["y"]
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.click(EDIT)
        page.focus(handle("a"))
        page.press("Shift+ArrowRight")
        page.press("Shift+ArrowRight")
        saved(page)
        page.clean()
    assert places(home) == {"a": place(0, 0), "b": place(3, 0)}
    assert places(home, "phone") == {"a": place(0, 0, 4, 2), "b": place(2, 2, 2, 2)}


def test_the_bar_of_a_phone_reaches_every_page(home, browser):
    with browser.open(home.http + "/", width=390, height=844) as page:
        for name in ("Dashboards", "Devices", "Live", "Home"):
            page.click(role("link", name, within=role("navigation")))
            page.wait(css(f'nav a[aria-current="page"]:has-text("{name}")'))
        for name in ("History", "Settings"):
            page.click(role("button", "More", within=role("navigation")))
            page.click(role("link", name, within=css(".sheet")))
            until(lambda: page.evaluate("location.pathname") == f"/{name.lower()}", 10, f"the page {name}")
        page.click(role("button", "More", within=role("navigation")))
        page.wait(role("button", "Account: Guest, On this computer"))
        page.press("Escape")
        page.wait(css(".sheet"), "detached")


def test_what_is_not_there_says_so(home, lamp, browser):
    make(
        home,
        widget("gone", "value", place(0, 0, 6, 3), {"property": "nobody/home"}),
        widget("odd", "from-the-future", place(6, 0, 6, 3), HEAT),
        id="odd",
    )
    with browser.open(home.http + "/dashboards/odd") as page:
        page.wait(css('[data-widget="gone"][data-state="missing"]'))
        page.wait(text("There is no nobody, Home", exact=False))
        page.wait(text("knows no widget of the kind", exact=False))
        page.clean()


def test_a_device_that_is_away_is_marked(home, browser):
    make(home, widget("a", "value", place(0, 0), {"property": "post/flag"}), id="post")
    post = Paho(home, "3.1.1", name="post")
    post.publish("devices/post/flag", "true", retain=True)
    with browser.open(home.http + "/dashboards/post") as page:
        page.wait(css('[data-widget="a"][data-state="live"]'))
        post.close()
        page.wait(css('[data-widget="a"][data-state="offline"]'))
        page.clean()


def test_a_viewer_looks_and_changes_nothing(owned, browser):
    make(owned, widget("a", "switch", place(0, 0), POWER))
    make(owned, widget("a", "switch", place(0, 0), POWER), id="secret", title="Secret", others="nothing")
    add(owned, "vera", "viewer")
    with opened(browser, owned, "vera", "/dashboards") as page:
        page.wait(role("link", "Home"))
        page.wait(css('[data-dashboard="home"]'))
        assert page.count(css('[data-dashboard="secret"]')) == 0
        assert page.count(role("button", "New dashboard")) == 0
        page.click(css('[data-dashboard="home"] .title'))
        page.wait(css('[data-widget="a"]'))
        assert page.count(EDIT) == 0
        page.wait(css('[data-widget="a"] [role=switch]:disabled'))
        assert unexpected(page) == ([], [], [])


def shared(page, control):
    """Makes a link on the page; its address."""
    page.click(role("button", "Share"))
    dialog = role("dialog")
    page.fill(role("textbox", "For whom", within=dialog), "Babysitter")
    if control:
        page.click(role("checkbox", "May switch, too", within=dialog))
    page.click(role("button", "Create link", within=dialog))
    address = page.text(css("[data-secret] code"))
    page.click(role("button", "Done", within=dialog))
    return address


def test_a_link_lets_a_stranger_switch_what_is_on_it_and_nothing_else(owned, browser):
    make(owned, widget("a", "switch", place(0, 0), POWER))
    token = owned.post("/api/devices/lamp/token", json={}).json()["token"]
    with Paho(owned, "3.1.1", name="lamp", token=token) as lamp, opened(browser, owned, "anna", "/dashboards/home") as page:
        lamp.subscribe("devices/lamp/+/set", 1)
        address = shared(page, control=True)
        assert "/share#" in address
        with browser.open(address) as stranger:
            stranger.wait(css('[data-widget="a"][data-state="live"]'))
            # The secret is not in the address bar any more.
            assert stranger.evaluate("location.href").endswith("/share")
            assert stranger.count(role("navigation")) == 0
            stranger.click(role("switch", "Desk lamp, Power"))
            lamp.wait("devices/lamp/power/set", "true")
            lamp.publish("devices/lamp/power", "true")
            stranger.wait(role("switch", "Desk lamp, Power", checked=True))
            # Wherever the address points, there is nothing else.
            stranger.goto(owned.http + "/devices")
            stranger.wait(css('[data-widget="a"]'))
            # Taken back, it ends at once.
            page.click(role("button", "Revoke the link of Babysitter"))
            page.click(role("button", "Revoke", within=css("dialog:last-of-type")))
            stranger.wait(css('[data-widget="a"]'), "detached")
        with browser.open(address) as late:
            late.wait(role("heading", "This link does not work any more"))


def test_a_link_without_control_only_looks(owned, browser):
    make(owned, widget("a", "switch", place(0, 0), POWER))
    with opened(browser, owned, "anna", "/dashboards/home") as page:
        address = shared(page, control=False)
    with browser.open(address) as stranger:
        stranger.wait(css('[data-widget="a"] [role=switch]:disabled'))
        stranger.wait(text("You may look, not switch."))
        # What changes on the dashboard reaches the stranger, too.
        assert change(owned, title="Nursery")["version"] > 1
        stranger.goto(stranger.evaluate("location.href"))
        stranger.wait(role("heading", "Nursery"))
        assert unexpected(stranger) == ([], [], [])


def test_only_who_asked_says_what_became_of_it(owned, browser):
    def widget(id, kind, x):
        place = {"desktop": {"x": x, "y": 0, "w": 4, "h": 3}, "phone": None}
        return {"id": id, "kind": kind, "title": id, "sources": [{"property": "lamp/power"}], "options": {}, "at": place}

    widgets = [widget("asks", "switch", 0), widget("shows", "led", 4)]
    assert owned.post("/api/dashboards", json={"id": "both", "title": "Both", "widgets": widgets}).status_code == 201
    with opened(browser, owned, "anna", "/dashboards/both", workers=False) as page:
        page.wait(css('[data-inside="led"]'))
        page.fail("**/api/devices/lamp/power/set", "The lamp is being mended.")
        page.click(role("switch", within=css('[data-widget="asks"]')))
        page.wait(text("The lamp is being mended.", within=css('[data-widget="asks"]')))
        page.wait(css('[data-widget="shows"][data-phase="refused"]'))
        assert page.count(text("The lamp is being mended.", within=css('[data-widget="shows"]'))) == 0
