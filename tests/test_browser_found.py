"""Found devices in a real browser: the invitation, what a card says, adopting, ignoring, forgetting, the settings.

Paho plays a device that announces itself by Home Assistant's MQTT discovery. Belongs here: the page's side of
discovery. Does not: what the hub understands of announcements (test_discovery.py).
"""

import json

import pytest

from support.browser import css, role, text
from support.paho import Paho
from support.people import opened, unexpected
from support.wait import until

CONFIG = {
    "dev": {
        "ids": ["spot-1"],
        "name": "Kitchen spot",
        "mf": "Acme",
        "mdl": "Spot 3",
        "sw": "1.2.3",
        "sa": "Kitchen",
        "cu": "http://192.0.2.7/",
    },
    "o": {"name": "acme"},
    "avty_t": "spot/status",
    "cmps": {
        "lamp": {
            "p": "switch",
            "unique_id": "spot_lamp",
            "name": "Lamp",
            "stat_t": "spot/lamp",
            "cmd_t": "spot/lamp/set",
        },
        "heat": {
            "p": "sensor",
            "unique_id": "spot_heat",
            "name": "Heat",
            "dev_cla": "temperature",
            "unit_of_meas": "°C",
            "stat_t": "spot/heat",
        },
        "rssi": {
            "p": "sensor",
            "unique_id": "spot_rssi",
            "name": "RSSI",
            "ent_cat": "diagnostic",
            "stat_t": "spot/rssi",
        },
    },
}
TOPIC = "homeassistant/device/spot-1/config"
CARD = role("article", "Kitchen spot")


def found(hub, state):
    return [find["name"] for find in hub.get("/api/discovered").json() if find["state"] == state]


@pytest.fixture
def spot(hub):
    """A device that announced itself and obeys."""
    with Paho(hub, "3.1.1", name="spot") as client:
        client.subscribe("spot/lamp/set", 1)
        client.publish(TOPIC, json.dumps(CONFIG), retain=True)
        client.publish("spot/status", "online", retain=True)
        client.publish("spot/lamp", "OFF")
        client.publish("spot/heat", "21.5")
        until(lambda: found(hub, "new") == ["Kitchen spot"], 20, "the find")
        yield client


@pytest.fixture
def page(hub, spot, browser):
    with browser.open(hub.http + "/found") as page:
        page.wait(CARD)
        yield page
        page.clean()


def test_home_invites_to_what_was_found(hub, spot, browser):
    with browser.open(hub.http + "/devices") as page:
        page.click(text("1 new device found"))
        page.wait(CARD)
        assert page.evaluate("location.pathname") == "/found"
        page.clean()


def test_a_card_says_what_it_is_and_who_says_so(page):
    shown = page.text(CARD)
    for words in ("Acme Spot 3", "HA", "Lamp", "Heat", "21.5", "version 1.2.3", "spot", "Kitchen"):
        assert words in shown, (words, shown)
    # What is not there for everybody, and the topics, come when somebody asks.
    assert "RSSI" not in shown and "spot/lamp/set" not in shown
    page.click(css("[data-found] .more"))
    shown = page.text(CARD)
    assert "RSSI" in shown and "spot/lamp/set" in shown
    assert page.evaluate("document.querySelector('[data-found] .facts a').rel") == "noopener noreferrer"


def test_one_press_adopts_and_the_device_works(hub, spot, page):
    page.click(role("button", "Adopt Kitchen spot"))
    page.wait(role("tab", "Adopted (1)"))
    page.click(role("tab", "Adopted (1)"))
    page.click(role("button", "Open device"))
    page.wait(role("heading", "Kitchen spot"))
    # How it is connected, with its own page.
    connection = css("section[aria-label=Connection]")
    assert "Home Assistant" in page.text(connection) and "spot" in page.text(connection)
    page.wait(role("link", "Open its own page"))
    # The page asks the real device, and shows what that says.
    page.click(role("switch", "Kitchen spot, Lamp"))
    spot.wait("spot/lamp/set", "ON")
    spot.publish("spot/lamp", "ON")
    page.wait(role("switch", "Kitchen spot, Lamp", checked=True))
    assert hub.device("kitchen-spot")["room"] == "Kitchen"


def test_adopting_under_another_name(hub, page):
    page.click(role("button", "Adjust how Kitchen spot is adopted"))
    dialog = role("dialog")
    assert page.value(role("textbox", "Id", within=dialog)) == "kitchen-spot"
    page.fill(role("textbox", "Id", within=dialog), "no good")
    page.click(role("button", "Adopt", within=dialog))
    page.wait(role("alert", within=dialog))
    page.fill(role("textbox", "Id", within=dialog), "spot-7")
    page.fill(role("textbox", "Name", within=dialog), "Stove light")
    page.fill(css("dialog input >> nth=1"), "Pantry")
    page.click(role("button", "Adopt", within=dialog))
    page.wait(dialog, "detached")
    device = hub.device("spot-7")
    assert (device["name"], device["room"]) == ("Stove light", "Pantry")


def test_what_is_ignored_can_be_offered_again(hub, page):
    page.click(role("button", "Ignore Kitchen spot"))
    page.wait(role("heading", "Nothing new"))
    assert found(hub, "ignored") == ["Kitchen spot"]
    page.click(role("tab", "Ignored (1)"))
    page.click(role("button", "Offer Kitchen spot again"))
    page.wait(role("tab", "New (1)"))
    assert found(hub, "new") == ["Kitchen spot"]


def test_forgetting_says_what_is_deleted(hub, spot, page):
    page.click(role("button", "Adopt Kitchen spot"))
    page.wait(role("tab", "Adopted (1)"))
    page.click(role("tab", "Adopted (1)"))
    page.click(role("button", "Forget Kitchen spot"))
    dialog = role("dialog")
    page.click(role("radio", "Everything of it", within=dialog))
    page.click(role("button", "Delete everything", within=dialog))
    page.wait(dialog, "detached")
    assert hub.get("/api/devices/kitchen-spot").status_code == 404
    assert hub.get(f"/api/topics/{TOPIC}").status_code == 404


def test_a_removed_announcement_comes_back_with_its_sender(hub, spot, page):
    page.click(role("button", "Forget Kitchen spot"))
    page.wait(text("The announcement that is stored on this hub is deleted", exact=False))
    page.click(role("button", "Delete announcement", within=role("dialog")))
    page.wait(role("heading", "Nothing new"))
    assert found(hub, "new") == []
    spot.publish(TOPIC, json.dumps(CONFIG), retain=True)
    page.wait(CARD)


def test_the_settings_of_discovery(hub, spot, browser):
    with browser.open(hub.http + "/settings/discovery") as page:
        page.fill(role("textbox", "Prefix of Home Assistant discovery"), "ha/#")
        page.click(role("button", "Save changes"))
        page.wait(text("without wildcards", exact=False))
        page.fill(role("textbox", "Prefix of Home Assistant discovery"), "home")
        page.click(role("radio", "Adopt it"))
        page.click(role("checkbox", "Announce the devices of this hub to Home Assistant"))
        page.click(role("button", "Save changes"))
        page.wait(text("Discovery changed."))
        settings = hub.get("/api/discovery").json()
        changed = {"homeassistant_prefix": "home", "adopt": "automatic", "announce": True}
        assert settings | changed == settings
        page.clean()


def test_whoever_only_looks_adopts_nothing(owned, browser):
    owned.post("/api/users", json={"name": "vera", "password": "copper kettle sings", "role": "viewer"})
    answer = owned.put(f"/api/topics/{TOPIC}", params={"retain": "true"}, data=json.dumps(CONFIG))
    assert answer.status_code in (200, 204), answer.text
    until(lambda: found(owned, "new"), 20, "the find")
    with opened(browser, owned, "vera", "/found") as page:
        page.wait(CARD)
        assert page.count(role("button", "Adopt Kitchen spot")) == 0
        assert page.count(role("button", "Forget Kitchen spot")) == 0
        assert unexpected(page) == ([], [], [])
