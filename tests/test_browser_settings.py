"""The settings in a real browser: people, tokens, certificates, encryption, the audit log.

What is made on the page is used outside of it: tokens by curl and Mosquitto, certificates by curl.
Belongs here: what an admin does on the page. Does not: how one gets there (test_browser_accounts.py).
"""

import json
import re
import subprocess

import pytest

from support import web
from support.browser import css, role, text
from support.people import PASSWORD, POWER, Somebody, add, opened, sign_in, unexpected
from support.wait import PATIENCE, until


# --- people and tokens through the page -------------------------------------------------------------------------------


def test_an_admin_adds_changes_and_deletes_a_person(owned, browser):
    with opened(browser, owned, "anna", "/settings/people") as page:
        page.click(role("button", "Add person"))
        dialog = role("dialog")
        page.fill(role("textbox", "Name", within=dialog), "ben")
        page.fill(css("dialog input[type=password]"), PASSWORD)
        page.click(role("radio", "Viewer", within=dialog))
        page.click(role("checkbox", "Limits of their own", within=dialog))
        page.fill(role("textbox", "Never", within=dialog), "devices/#/lock")
        page.wait(text("Not a topic filter", exact=False))
        page.fill(role("textbox", "Never", within=dialog), "devices/lock/#")
        page.click(role("button", "Add person", within=dialog))
        page.wait(role("row", "ben Viewer", exact=False))
        (ben,) = [person for person in owned.get("/api/users").json() if person["name"] == "ben"]
        assert (ben["role"], ben["read"], ben["write"], ben["deny"]) == ("viewer", None, None, ["devices/lock/#"])

        page.click(role("button", "Change what ben may do"))
        page.click(role("radio", "Member", within=dialog))
        page.click(role("checkbox", "Limits of their own", within=dialog))
        page.click(role("button", "Save changes", within=dialog))
        page.wait(role("row", "ben Member", exact=False))
        assert owned.get("/api/users/ben").json()["deny"] == []

        # A name that is taken, in the hub's words.
        page.click(role("button", "Add person"))
        page.fill(role("textbox", "Name", within=dialog), "ben")
        page.fill(css("dialog input[type=password]"), PASSWORD)
        page.click(role("button", "Add person", within=dialog))
        page.wait(role("alert", within=dialog))
        page.press("Escape")

        # The last admin stays, in the hub's words, too.
        page.click(role("button", "Delete the account of anna"))
        page.click(role("button", "Delete account", within=dialog))
        page.wait(role("alert", within=dialog))
        page.press("Escape")

        page.click(role("button", "Delete the account of ben"))
        page.click(role("button", "Delete account", within=dialog))
        page.wait(role("row", "ben Member", exact=False), "detached")
        assert owned.get("/api/users/ben").status_code == 404


def test_a_device_token_is_made_shown_once_and_works(owned, browser):
    with opened(browser, owned, "anna", "/settings/tokens") as page:
        page.wait(text("No tokens yet"))
        page.click(role("button", "Create token", within=css("header")))
        dialog = role("dialog")
        page.fill(role("combobox", "Device id", within=dialog), "balcony")
        page.click(role("button", "Create token", within=dialog))
        page.wait(text("Copy it now", exact=False))
        token = page.text(css("[data-secret] code"))
        assert re.fullmatch(r"[A-Za-z0-9_-]{32}", token)
        # The line for the terminal does what it says.
        line = page.text(css("[role=tabpanel] code"))
        assert token in line
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        assert owned.prop("balcony", "value")["value"] == 21.5
        page.click(role("tab", "mosquitto"))
        line = page.text(css("[role=tabpanel] code")).replace("21.5", "22.5")
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        until(lambda: owned.prop("balcony", "value")["value"] == 22.5, 20, "the report by MQTT")

        page.click(role("button", "Done"))
        page.wait(role("link", "balcony"))
        assert token not in page.evaluate("document.documentElement.outerHTML")
        with Somebody(owned, token) as device:
            assert device.put("/api/devices/lamp/power", data="true").status_code == 403
            assert device.put("/api/devices/balcony/temperature", data="23").status_code == 204
            page.click(role("button", "Revoke balcony"))
            page.click(role("button", "Revoke", within=dialog))
            page.wait(text("No tokens yet"))
            assert device.put("/api/devices/balcony/temperature", data="24").status_code == 401
        assert token not in owned.log()
        assert unexpected(page) == ([], [], [])


def test_an_app_token_with_filters_of_its_own(owned, browser):
    with opened(browser, owned, "anna", "/settings/tokens") as page:
        page.click(role("button", "Create token", within=css("header")))
        dialog = role("dialog")
        page.click(role("radio", "An app or a script", within=dialog))
        page.fill(role("textbox", "Name", within=dialog), "Node-RED")
        page.click(role("radio", "Limits of their own", within=dialog))
        page.fill(role("textbox", "May see", within=dialog), "devices/lamp/#")
        page.click(role("button", "Create token", within=dialog))
        token = page.text(css("[data-secret] code"))
        with Somebody(owned, token) as app:
            assert app.get("/api/devices/lamp/power").status_code == 200
            assert app.put("/api/devices/lamp/power", data="true").status_code == 403
        with web.Socket(owned, options={"additional_headers": {"Authorization": f"Bearer {token}"}}) as socket:
            socket.subscribe("devices/lamp/#")
            assert socket.ask("subscribe", filter="#")["code"] == "forbidden"
            page.click(role("button", "Done"))
            page.click(role("button", "Revoke Node-RED"))
            page.click(role("button", "Revoke", within=dialog))
            # Thrown out in the middle of it.
            socket.wait_close()


def test_a_devices_own_page_gives_it_a_token(owned, browser):
    add(owned, "max", "member")
    with opened(browser, owned, "max", "/devices/lamp") as page:
        page.click(role("button", "Create token"))
        dialog = role("dialog")
        page.fill(role("textbox", "Name", within=dialog), "the ESP32")
        page.click(role("button", "Create token", within=dialog))
        token = page.text(css("[data-secret] code"))
        page.click(role("button", "Done"))
        page.wait(role("button", "Revoke the ESP32"))
        with Somebody(owned, token) as device:
            assert device.put("/api/devices/lamp/power", data="true").status_code == 204
        page.wait(role("switch", "Desk lamp, Power", checked=True))


def test_the_audit_log_tells_it_live(owned, browser):
    with opened(browser, owned, "anna", "/settings/audit") as page:
        page.wait(role("row", "Hub set up", exact=False))
        page.wait(role("row", "Signed in anna", exact=False))
        with Somebody(owned) as guesser:
            guesser.post("/api/session", json={"name": "anna", "password": "guess"})
        # It looks again by itself.
        page.wait(role("row", "Sign-in refused", exact=False))
        assert owned.post("/api/devices/lamp/token").status_code == 201
        page.wait(role("row", "Token created", exact=False))
        chosen = role("combobox", "What happened")
        page.evaluate(
            "(() => { const list = document.querySelector('select'); list.value = 'token_created';"
            " list.dispatchEvent(new Event('change', {bubbles: true})); })()"
        )
        page.wait(role("row", "Sign-in refused", exact=False), "detached")
        page.wait(role("row", "Token created", exact=False))
        assert page.count(chosen) == 1
        # No password stands in it.
        everything = owned.get("/api/audit").text
        assert "guess" not in everything and PASSWORD not in everything


def test_the_settings_lead_to_the_page_about_the_api(owned, browser):
    with opened(browser, owned, "anna", "/settings") as page:
        page.click(role("link", "How programs talk to this hub"))
        until(lambda: page.evaluate("location.pathname") == "/docs", 20, "the page about the API")
        page.wait(role("heading"))
        assert page.count(role("button", "Account: anna, Admin")) == 0
        assert unexpected(page) == ([], [], [])


# --- encryption -------------------------------------------------------------------------------------------------------


def https(hub):
    return hub.http.replace("http://", "https://")


def test_a_password_in_the_clear_is_warned_about(owned, browser):
    """Another name than this machine's own: for the page, another machine."""
    with browser.open(owned.http.replace("127.0.0.1", "hub.localhost") + "/devices/lamp") as page:
        page.wait(text("Your password travels unencrypted"))
        offer = page.evaluate("document.querySelector('aside a').href")
        assert re.fullmatch(r"https://[^/]+/devices/lamp", offer), offer
        page.click(role("link", "Make this device trust the hub"))
        page.wait(role("heading", "Trust this hub"))
        name, pem = page.download(role("link", "Download the certificate"))
        assert (name, pem.split("\n")[0]) == ("housewire-ca.crt", "-----BEGIN CERTIFICATE-----")
        page.click(role("link", "Back to the hub"))
        # Whoever signs in all the same gets in.
        sign_in(page, "anna")
        page.wait(POWER)
    with browser.open(owned.http + "/") as page:
        page.wait(role("heading", "Sign in"))
        assert page.count(text("Your password travels unencrypted")) == 0


def test_signed_in_over_tls(owned, browser):
    with browser.open(https(owned) + "/settings/tls") as page:
        sign_in(page, "anna")
        page.wait(text("The hub’s certificate"))
        cookie = page.cookies()["__Host-housewire"]
        assert (cookie["secure"], cookie["httpOnly"]) == (True, True)
        shown = owned.get("/api/tls").json()
        prints = page.evaluate("[...document.querySelectorAll('dd code')].map(code => code.textContent.trim())")
        assert shown["certificate"]["fingerprint"] in prints
        assert shown["ca"]["fingerprint"] in prints
        for system in ("Fedora", "macOS", "Windows", "iPhone, iPad", "Android", "Firefox", "curl, Python, Arduino"):
            page.click(role("tab", system))
            page.wait(css("[role=tabpanel] li"))
        # The page itself lives on the encrypted line, its WebSocket included.
        page.click(role("link", "Home"))
        owned.report("lamp", "power", "true")
        page.wait(role("switch", "Desk lamp, Power", checked=True))
        # Where the certificate is not trusted, the browser keeps no page for times without a hub, and says so.
        console, errors, foreign = unexpected(page)
        assert [line for line in console if "SSL certificate error occurred when fetching the script" not in line] == []
        assert (errors, foreign) == ([], [])


def test_a_certificate_for_a_device_is_handed_over_and_works(owned, browser, tmp_path):
    with opened(browser, owned, "anna", "/devices/lamp") as page:
        page.click(role("button", "Create certificate"))
        page.click(role("button", "Create certificate", within=role("dialog")))
        files = {}
        for name in ("lamp.crt", "lamp.key", "housewire-ca.crt"):
            saved, pem = page.download(role("button", name))
            assert saved == name
            files[name] = tmp_path / name
            files[name].write_text(pem)
        page.click(role("button", "Done"))
        page.wait(role("row", "Certificate", exact=False))
        command = ["curl", "-sS", "--cacert", files["housewire-ca.crt"], "--cert", files["lamp.crt"]]
        command += ["--key", files["lamp.key"], https(owned) + "/api/session"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        who = json.loads(done.stdout)
        assert (who["kind"], who["name"], who["write"]) == ("device", "lamp", ["devices/lamp/#"])
        assert unexpected(page) == ([], [], [])


# --- how it looks -----------------------------------------------------------------------------------------------------

SECTIONS = ("account", "people", "tokens", "guest", "tls", "audit")


@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_no_section_is_wider_than_the_screen(width, owned, browser):
    add(owned, "somebody-with-a-rather-long-name", "member", deny=["devices/a-device-with-a-long-name/and-a-property"])
    assert owned.post("/api/tokens", json={"name": "a backup script with a name", "role": "viewer"}).status_code == 201
    with browser.open(owned.http + "/settings", width=width, height=844, dark=width == 390) as page:
        page.wait(role("heading", "Sign in"))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        sign_in(page, "anna")
        for section in SECTIONS:
            page.goto(f"{owned.http}/settings/{section}")
            page.wait(css("main h1"))
            page.wait(css("[role=status][aria-label=Loading]"), "detached")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, section
