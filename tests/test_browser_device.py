"""The page of one device in a real browser: why it is offline, its picture, its wire, whether it is announced.

Belongs here: what the page adds to a device's values. Does not: controls and requests (test_browser.py), tokens
(test_browser_settings.py), histories (test_browser_history.py).
"""

from support.browser import css, role, text
from support.paho import Paho
from support.people import add, opened, unexpected
from support.wait import until

PRESENCE = css("[data-presence]")


def test_the_page_says_why_a_device_is_offline(hub, browser):
    board = Paho(hub, name="board")
    board.publish("devices/porch/motion", "false")
    with browser.open(hub.http + "/devices/porch") as page:
        page.wait(css("[data-presence=online]"))
        assert "MQTT" in page.text(PRESENCE)
        page.wait(role("link", "See the frames of", exact=False))
        # It goes without a word: the hub tells that the network broke.
        board.client.socket().close()
        board.client.loop_stop()
        page.wait(css("[data-presence=offline]"))
        shown = page.text(PRESENCE)
        assert "Why it is offline" in shown and "Last seen" in shown, shown
        said = hub.get("/api/presence/porch").json()
        assert said["said"] in shown
        page.click(css("[data-presence] summary"))
        assert "Offline" in page.text(css("[data-presence] .past"))


def test_what_was_refused_is_told_with_what_to_do(owned, browser):
    token = owned.post("/api/devices/lamp/token", json={}).json()["token"]
    with Paho(owned, name="board", token=token) as board:
        board.publish("devices/other/level", "1", qos=0)
        until(lambda: owned.get("/api/presence/lamp").json()["refusals"], what="a refusal")
        [refusal] = owned.get("/api/presence/lamp").json()["refusals"]
        with opened(browser, owned, "anna", "/devices/lamp") as page:
            page.wait(css("[data-presence] .refusals li"))
            shown = page.text(css("[data-presence] .refusals"))
            assert refusal["what"] in shown and refusal["next"] in shown


def test_a_picture_a_name_and_a_room(hub, browser):
    hub.report("box", "x", "1")
    with browser.open(hub.http + "/devices/box") as page:
        page.click(role("button", "Edit"))
        dialog = role("dialog")
        page.wait(role("radio", "Chosen by what the device is", checked=True, within=dialog))
        page.fill(role("textbox", "Name", within=dialog), "Night light")
        page.click(role("radio", "Fan", within=dialog))
        page.press("ArrowLeft")
        page.press("ArrowRight")
        page.click(role("button", "Save changes", within=dialog))
        page.wait(dialog, "detached")
        page.wait(role("heading", "Night light"))
        device = hub.device("box")
        assert (device["name"], device["icon"]) == ("Night light", "fan")
        # And back to what the page would choose.
        page.click(role("button", "Edit"))
        page.wait(role("radio", "Fan", checked=True, within=dialog))
        page.click(role("radio", "Chosen by what the device is", within=dialog))
        page.click(role("button", "Save changes", within=dialog))
        page.wait(dialog, "detached")
        assert hub.device("box")["icon"] is None
        page.clean()


def test_it_leads_to_its_wire_and_to_its_topics(hub, browser):
    hub.report("box", "x", "1")
    with browser.open(hub.http + "/devices/box") as page:
        page.click(role("link", "Its topics"))
        page.wait(css('[data-topic="devices/box/x"]'))
        page.wait(css('[data-detail="devices/box"]'))
        page.goto(hub.http + "/devices/box")
        page.click(role("link", "Byte by byte"))
        page.wait(role("heading", "Wire of box"))


def test_whether_it_is_announced(owned, browser):
    with opened(browser, owned, "anna", "/devices/lamp") as page:
        page.wait(text("This hub announces none of its devices.", exact=False))
        assert owned.put("/api/discovery", json={"announce": True}).status_code == 200
        page.goto(owned.http + "/devices/lamp")
        switch = "Announce this device to Home Assistant"
        page.click(role("switch", switch, checked=True))
        page.wait(role("switch", switch, checked=False))
        until(lambda: owned.get("/api/discovery").json()["unannounced"] == ["lamp"], what="the lamp's name")
        # The hub says it, so that it is the same after a fresh visit; and the settings can be sent back as they were read.
        page.goto(owned.http + "/devices/lamp")
        page.wait(role("switch", switch, checked=False))
        settings = owned.get("/api/discovery").json()
        assert owned.put("/api/discovery", json=settings).status_code == 200
        assert unexpected(page) == ([], [], [])


def test_who_does_not_administer_sees_neither_wire_nor_switch(owned, browser):
    add(owned, "vera", "viewer")
    with opened(browser, owned, "vera", "/devices/lamp") as page:
        page.wait(role("heading", "Desk lamp"))
        page.wait(css("section[aria-label=Wire]"))
        assert page.count(role("link", "Byte by byte")) == 0
        assert page.count(text("Announce this device", exact=False)) == 0


def test_a_device_that_is_deleted_on_its_own_page_leaves_nothing_behind(owned, browser):
    with opened(browser, owned, "anna", "/devices/lamp") as page:
        page.wait(css('[data-property="level"]'))
        page.click(role("button", "Delete"))
        page.click(role("button", "Delete device", within=role("dialog")))
        page.wait(role("heading", "Devices"))
        assert page.count(css('[data-device="lamp"]')) == 0
        assert unexpected(page) == ([], [], [])
