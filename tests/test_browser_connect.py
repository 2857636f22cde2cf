"""Connecting a device from the page: the program that it shows is taken from it, run as it stands, and seen to arrive."""

import pytest

from support.browser import css, role
from support.people import opened
from support.sketch import Sketch
from support.wait import until

PROGRAM = css("[data-secret] code")
WAITING = css('[data-wait="waiting"]')
ARRIVED = css('[data-wait="arrived"]')
TOKEN = css('mark[data-filled="TOKEN"]')
PYTHON_MQTT = "examples/python/mqtt_device.py"


def choose(page, board, protocol, name):
    page.click(css(f'[data-board="{board}"]'))
    page.click(css(f'[data-protocol="{protocol}"]'))
    page.fill(role("textbox", "Name"), name)
    page.click(role("button", "Make the device and its token"))
    page.wait(WAITING)


def program(page):
    page.wait(TOKEN)
    return page.text(PROGRAM)


def test_the_way_from_devices_to_a_first_message(owned, browser, tmp_path):
    with opened(browser, owned, "anna", "/devices") as page:
        page.click(role("button", "Connect a device"))
        page.wait(role("heading", "Connect a device"))
        choose(page, "python", "mqtt", "Green house")
        text = program(page)
        assert 'DEVICE = "green-house"' in text
        name, saved = page.download(role("button", "Save"))
        assert name == "mqtt_device.py"
        assert saved == text
        with Sketch(PYTHON_MQTT, tmp_path, {}, text=saved) as sketch:
            page.wait(ARRIVED)
            page.wait(css("[data-first]"))
            assert page.text(css("[data-first] code")).startswith("devices/green-house/")
            page.wait(css('[data-property="temperature"]'))
            page.click(css('[data-property="led"] [role=switch]'))
            sketch.says("led is on")
            page.wait(css('[data-property="led"] [role=switch][aria-checked=true]'))
        assert owned.device("green-house")["name"] == "Green house"
        page.click(role("button", "Add it to a dashboard"))
        page.wait(role("dialog", "Add it to a dashboard"))
        page.click(role("button", "Add"))
        page.wait(role("heading", "Green house"))
        (dashboard,) = owned.get("/api/dashboards").json()
        assert (dashboard["title"], dashboard["widgets"]) == ("Green house", 2)
        page.goto(owned.http + "/devices/green-house")
        page.wait(role("heading", "Green house"))
        # Whoever left has seen the token for the last time.
        page.goto(owned.http + "/connect")
        page.wait(role("button", "Make the device and its token"))
        assert page.count(TOKEN) == 0
        stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, location.href, history.state])")
        assert owned_token(saved) not in stored


def owned_token(text):
    return next(line.split('"')[1] for line in text.splitlines() if line.startswith("TOKEN = "))


def test_a_program_with_a_wrong_token(owned, browser, tmp_path):
    with opened(browser, owned, "anna", "/connect") as page:
        choose(page, "python", "mqtt", "Lost")
        text = program(page)
        wrong = text.replace(owned_token(text), "x" * 32)
        with Sketch(PYTHON_MQTT, tmp_path, {}, text=wrong) as sketch:
            assert sketch.ended() != 0
            page.wait(css('[data-refusal="credentials"]'))
            assert "token" in page.text(css('[data-refusal="credentials"]')).lower()
        # Mended: what was wrong before is no news any more.
        folder = tmp_path / "again"
        folder.mkdir()
        with Sketch(PYTHON_MQTT, folder, {}, text=text):
            page.wait(ARRIVED)
            page.wait(css('[data-refusal="credentials"]'), "detached")


def test_a_program_with_a_wrong_topic(owned, browser, tmp_path):
    with opened(browser, owned, "anna", "/connect") as page:
        choose(page, "python", "mqtt", "Strayed")
        text = program(page)
        strayed = text.replace('f"devices/{DEVICE}/temperature"', '"devices/lamp/temperature"')
        strayed = strayed.replace("client.publish(LED", "(lambda *_, **__: None)(LED")
        with Sketch(PYTHON_MQTT, tmp_path, {}, text=strayed):
            page.wait(css('[data-refusal="permission"]'))
            shown = page.text(css('[data-refusal="permission"]'))
            assert "devices/lamp/temperature" in shown
            assert "devices/strayed/temperature" in shown
            assert page.count(WAITING) == 1


def test_a_value_of_the_wrong_type(owned, browser, tmp_path):
    with opened(browser, owned, "anna", "/connect?device=lamp") as page:
        page.click(css('[data-board="python"]'))
        page.click(css('[data-protocol="http"]'))
        page.click(role("button", "Make the device and its token"))
        page.wait(WAITING)
        text = program(page)
        # The lamp's level is declared as a whole number from 0 to 100.
        wrong = text.replace('"temperature", temperature)\n        print', '"level", "warm")\n        print')
        assert wrong != text
        wrong = wrong.replace('report(session, "led", False)', "pass")
        with Sketch("examples/python/http_device.py", tmp_path, {}, text=wrong):
            page.wait(css('[data-refusal="type"]'))
            assert "level" in page.text(css('[data-refusal="type"]'))


@pytest.mark.parametrize("board", ["uno", "esp32"])
def test_a_board_is_given_an_address_that_it_can_reach_or_a_warning(owned, browser, board):
    with opened(browser, owned, "anna", "/connect") as page:
        choose(page, board, "mqtt", "Board")
        text = program(page)
        names = owned.get("/api/tls").json()["certificate"]["names"]
        reachable = [name for name in names if name != "localhost" and not name.startswith("127.") and name != "::1"]
        if reachable:
            until(lambda: any(f'"{name}"' in page.text(PROGRAM) for name in reachable), what="an address of the network")
        page.fill(role("combobox", "Address of the hub"), "127.0.0.1")
        page.wait(css('aside.warn[aria-label^="127.0.0.1 is this very computer"]'))
        if board == "esp32":
            page.fill(role("textbox", "Name of the Wi-Fi"), 'The "house"')
            until(lambda: 'WIFI_NAME[] = "The \\"house\\""' in page.text(PROGRAM), what="the name of the Wi-Fi, quoted")
        assert f"HUB_PORT = {owned.port};" in text


def test_something_else_is_told_the_facts(owned, browser):
    with opened(browser, owned, "anna", "/connect") as page:
        choose(page, "other", "mqtt", "Thing")
        for fact in ("devices/thing/temperature", "devices/thing/led/set", str(owned.port)):
            page.wait(css(f'dd:has-text("{fact}")'))


def test_only_whoever_may_make_tokens_is_asked(owned, browser):
    from support.people import add

    add(owned, "vera", "viewer")
    with opened(browser, owned, "vera", "/connect") as page:
        page.wait(css('aside:has-text("Only an admin")'))
        assert page.count(role("button", "Make the device and its token")) == 0
