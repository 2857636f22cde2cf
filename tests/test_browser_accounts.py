"""Accounts in a real browser: the set-up link, signing in and out, what each role may, tokens, the audit log.

The page asks, the hub decides: where it matters a test looks behind the page whether the hub holds to it, too.
Belongs here: what needs a browser. Does not: the API of accounts by itself.
"""

import functools
import http.server
import json
import re
import subprocess
import threading

import pytest
import requests

from support import web
from support.browser import css, role, text
from support.wait import PATIENCE, until

PASSWORD = "copper kettle sings"
POWER = role("switch", "Desk lamp, Power")
LAMP = {"name": "Desk lamp", "properties": {"power": {"type": "bool"}, "level": {"type": "int", "min": 0, "max": 100}}}
# What the browser itself notes on its console when the hub refuses: it shows the refusals that these tests ask for.
EXPECTED = re.compile(r"status of (401|403|422|429)|WebSocket connection to .* failed")


def unexpected(page):
    """What a person with the developer tools open would have noticed, but for the refusals."""
    seen = page.seen()
    return [line for line in seen["console"] if not EXPECTED.search(line)], seen["errors"], seen["foreign"]


class Somebody(requests.Session):
    """A program of its own, with nobody's cookies but those it gets."""

    def __init__(self, hub, token=None):
        super().__init__()
        self.hub, self.trust_env = hub, False
        self.headers["Connection"] = "close"
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def request(self, method, path, **options):
        return super().request(method, self.hub.url(path), timeout=PATIENCE, **options)


@pytest.fixture
def owned(make_hub):
    """A hub with an admin, anna, who is signed in as `hub.api`; a lamp that stands still; nobody else gets in."""
    hub = make_hub().start()
    hub.declare("lamp", **LAMP["properties"])
    assert hub.patch("/api/devices/lamp", json={"name": LAMP["name"]}).status_code == 200
    hub.report("lamp", "power", "false")
    hub.report("lamp", "level", "40")
    assert hub.post("/api/setup", json={"name": "anna", "password": PASSWORD}).status_code == 201
    return hub


def add(hub, name, role, **rights):
    answer = hub.post("/api/users", json={"name": name, "password": PASSWORD, "role": role, **rights})
    assert answer.status_code == 201, answer.text


def sign_in(page, name, password=PASSWORD):
    page.wait(role("heading", "Sign in"))
    page.fill(role("textbox", "Name"), name)
    page.fill(css("input[type=password]"), password)
    page.press("Enter")


def opened(browser, hub, name, path="/"):
    """A browser in which somebody has signed in, at the page that was asked for."""
    page = browser.open(hub.http + path)
    sign_in(page, name)
    page.wait(role("heading", "Sign in"), "detached")
    return page


def audit(hub, event):
    answer = hub.get(f"/api/audit?event={event}")
    assert answer.status_code == 200, answer.text
    return answer.json()


# --- set-up -----------------------------------------------------------------------------------------------------------


def setup_link(hub):
    return until(lambda: re.search(r"http://\S+/setup#\S+", hub.log()), 10, "the set-up link in the log")[0]


def test_the_link_of_the_first_start_makes_the_admin(make_hub, browser):
    hub = make_hub("--guest", "off").start()
    link = setup_link(hub)
    key = link.partition("#")[2]
    with browser.open(link) as page:
        page.wait(role("heading", "Make this hub yours"))
        # The key is out of the address bar before anybody can look over a shoulder, and "back" does not bring it.
        assert page.evaluate("location.href") == hub.http + "/setup"
        assert key not in page.evaluate("document.documentElement.outerHTML")
        page.fill(role("textbox", "Name"), "anna")
        page.fill(css("input[autocomplete=new-password]"), "short")
        page.press("Enter")
        page.wait(text("Too short", exact=False))
        page.fill(css("input[autocomplete=new-password]"), PASSWORD)
        page.click(role("button", "Create admin"))
        page.wait(role("heading", "Home"))
        page.wait(role("button", "Account: anna, Admin"))
        assert page.evaluate("location.pathname") == "/"
        assert unexpected(page) == ([], [], [])
    with Somebody(hub) as admin:
        assert admin.post("/api/session", json={"name": "anna", "password": PASSWORD}).status_code == 200
        assert [person["name"] for person in admin.get("/api/users").json()] == ["anna"]
    # The link worked once.
    with browser.open(link) as page:
        page.wait(role("heading", "Sign in"))
        page.wait(text("has an admin already", exact=False))


def test_who_comes_without_the_link_needs_its_key(make_hub, browser):
    hub = make_hub("--guest", "off").start()
    link = setup_link(hub)
    with browser.open(hub.http + "/devices") as page:
        page.wait(role("heading", "Make this hub yours"))
        page.fill(role("textbox", "Set-up key"), "wrong")
        page.fill(role("textbox", "Name"), "anna")
        page.fill(css("input[autocomplete=new-password]"), PASSWORD)
        page.click(role("button", "Create admin"))
        page.wait(role("alert"))
        assert requests.get(hub.http + "/api/session", timeout=PATIENCE).json()["needs_setup"]
        # The whole link is as good as what stands behind its #.
        page.fill(role("textbox", "Set-up key"), link)
        page.click(role("button", "Create admin"))
        page.wait(role("heading", "Home"))


def test_the_guest_of_a_new_hub_is_invited_and_may_decline(hub, browser):
    with browser.open(hub.http + "/") as page:
        page.wait(role("heading", "Make this hub yours"))
        page.click(role("button", "Set up this hub"))
        page.wait(role("button", "Create admin"))
        assert page.count(role("textbox", "Set-up key")) == 0
        page.evaluate("history.back()")
        page.click(role("button", "Not now"))
        page.wait(role("heading", "Make this hub yours"), "detached")
        page.goto(hub.http + "/")
        page.wait(role("heading", "Home"))
        assert page.count(role("heading", "Make this hub yours")) == 0
        page.clean()


# --- in and out -------------------------------------------------------------------------------------------------------


def test_signing_in_leads_to_the_page_that_was_wanted(owned, browser):
    with browser.open(owned.http + "/devices/lamp") as page:
        sign_in(page, "anna")
        page.wait(role("heading", "Desk lamp"))
        assert page.evaluate("location.pathname") == "/devices/lamp"
        cookie = page.cookies()["housewire"]
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
        assert page.evaluate("document.cookie") == ""
        # It is a whole page: live, and may switch.
        page.click(POWER)
        page.wait(css('[data-property="power"][data-phase="pending"]'))
        assert unexpected(page) == ([], [], [])


def test_signed_in_is_signed_in_after_a_reload(owned, browser):
    with opened(browser, owned, "anna") as page:
        page.wait(POWER)
        page.goto(owned.http + "/settings/people")
        page.wait(role("button", "Add person"))
        assert page.count(role("heading", "Sign in")) == 0


def test_a_wrong_password(owned, browser):
    with browser.open(owned.http + "/") as page:
        sign_in(page, "anna", "copper kettle sinks")
        page.wait(role("alert"))
        assert "wrong" in page.text(role("alert"))
        # The hand is already where the next attempt begins.
        assert page.evaluate("document.activeElement.type") == "password"
        assert "housewire" not in page.cookies()
        page.fill(css("input[type=password]"), PASSWORD)
        page.press("Enter")
        page.wait(POWER)


def test_guessing_is_slowed_and_the_page_counts_down(owned, browser):
    with Somebody(owned) as guesser:

        def slowed():
            answer = guesser.post("/api/session", json={"name": "anna", "password": "guess"})
            return answer.status_code == 429

        until(slowed, 30, "a guess that is slowed")
    with browser.open(owned.http + "/") as page:
        sign_in(page, "anna", "guess")
        page.wait(role("alert"))
        page.wait(role("button", "Try again in", exact=False, disabled=True))
        page.wait(role("button", "Sign in"), timeout=90)


def test_signing_out_ends_it_everywhere_and_leaves_nothing_behind(owned, browser):
    with opened(browser, owned, "anna", "/devices/lamp") as page:
        page.wait(role("heading", "Desk lamp"))
        page.click(role("link", "Home"))
        page.wait(POWER)
        secret = page.cookies()["housewire"]["value"]
        jar = {"housewire": secret}
        with Somebody(owned) as thief:
            assert thief.get("/api/devices", cookies=jar).status_code == 200
        page.click(role("button", "Account: anna, Admin"))
        page.click(role("button", "Sign out"))
        page.wait(role("heading", "Sign in"))
        assert "Desk lamp" not in page.evaluate("document.documentElement.outerHTML")
        assert "housewire" not in page.cookies()
        with Somebody(owned) as thief:
            assert thief.get("/api/devices", cookies=jar).status_code == 401
        # Back leads to the door, not to what was there.
        page.evaluate("history.back()")
        until(lambda: page.evaluate("location.pathname") == "/devices/lamp", 20, "the page before")
        page.wait(role("heading", "Sign in"))
        assert "Desk lamp" not in page.evaluate("document.documentElement.outerHTML")
        assert unexpected(page) == ([], [], [])


def test_signing_out_in_one_tab_is_seen_in_the_other(owned, browser):
    """Two browsers of one person; the second is signed out from the first."""
    with opened(browser, owned, "anna", "/settings/account") as first, opened(browser, owned, "anna") as second:
        second.wait(POWER)
        first.goto(owned.http + "/settings/account")
        first.wait(text("This one"))
        # What a browser says of itself is understood.
        first.wait(role("row", "Chrome, Linux This one", exact=False))
        other = css('[role=row]:not(:has-text("This one")) button')
        # The sessions of the two browsers and of the test itself.
        until(lambda: first.count(other) == 2, 20, "the other two sessions")
        for left in (1, 0):
            first.click(css('[role=row]:not(:has-text("This one")) button >> nth=0'))
            first.click(role("button", "Sign out", within=role("dialog")))
            until(lambda left=left: first.count(other) == left, 20, f"{left} other sessions")
        second.wait(role("heading", "Sign in"))
        second.wait(text("Your session ended", exact=False))


def test_a_password_that_is_changed_by_its_owner(owned, browser):
    with opened(browser, owned, "anna", "/settings/account") as page:
        page.fill(css("input[autocomplete=current-password]"), "not this one")
        page.fill(css("input[autocomplete=new-password]"), "a brass lantern at dusk")
        page.click(role("button", "Change password"))
        page.wait(role("alert"))
        page.fill(css("input[autocomplete=current-password]"), PASSWORD)
        page.click(role("button", "Change password"))
        page.wait(text("Password changed", exact=False))
        page.wait(text("This one"))
    with Somebody(owned) as anna:
        for password, status in ((PASSWORD, 401), ("a brass lantern at dusk", 200)):
            answer = anna.post("/api/session", json={"name": "anna", "password": password})
            assert answer.status_code == status, password


# --- roles ------------------------------------------------------------------------------------------------------------


def test_a_viewer_sees_and_cannot_switch(owned, browser):
    add(owned, "vera", "viewer")
    with opened(browser, owned, "vera") as page:
        page.wait(role("switch", "Desk lamp, Power", disabled=True))
        page.wait(text("You are a viewer", exact=False))
        owned.report("lamp", "power", "true")
        page.wait(role("switch", "Desk lamp, Power", checked=True))
        # Behind the page's back, from the page's own origin, with the page's own cookie.
        status = page.evaluate(
            "fetch('/api/devices/lamp/power/set', {method: 'POST', body: 'false'}).then(answer => answer.status)"
        )
        assert status == 403
        assert owned.prop("lamp", "power")["target"] is None
        page.goto(owned.http + "/settings/people")
        page.wait(text("This section is for admins"))
        assert page.count(role("link", "People")) == 0
        assert page.evaluate("fetch('/api/users').then(answer => answer.status)") == 403


def test_a_member_has_devices_but_no_administration(owned, browser):
    add(owned, "max", "member")
    with opened(browser, owned, "max") as page:
        page.click(POWER)
        page.wait(css('[data-device="lamp"] [data-property="power"][data-phase="pending"]'))
        page.goto(owned.http + "/settings")
        page.wait(role("link", "Your account"))
        for section in ("People", "Tokens & devices", "Guest access", "Encryption", "Audit log"):
            assert page.count(role("link", section)) == 0, section
        page.goto(owned.http + "/settings/audit")
        page.wait(text("This section is for admins"))


def test_rights_of_ones_own_are_what_the_page_shows(owned, browser):
    owned.report("safe", "code", "1234")
    owned.report("fan", "speed", "3")
    rights = {"read": ["devices/lamp/#", "devices/fan/#"], "write": ["devices/lamp/#"]}
    add(owned, "lena", "member", **rights)
    with opened(browser, owned, "lena") as page:
        page.wait(role("switch", "Desk lamp, Power", disabled=False))
        page.wait(role("article", "fan"))
        assert page.count(role("article", "safe")) == 0
        owned.report("safe", "code", "4321")
        owned.report("fan", "speed", "4")
        page.wait(role("textbox", "fan, Speed", disabled=True))
        until(lambda: page.value(role("textbox", "fan, Speed")) == "4", 20, "the fan's report")
        assert "4321" not in page.evaluate("document.documentElement.outerHTML")


def test_rights_that_change_reach_the_open_page(owned, browser):
    add(owned, "max", "member")
    with opened(browser, owned, "max") as page:
        page.wait(role("switch", "Desk lamp, Power", disabled=False))
        assert owned.patch("/api/users/max", json={"role": "viewer"}).status_code == 200
        # The refusal of the next press is what tells the page.
        page.click(POWER)
        page.wait(role("switch", "Desk lamp, Power", disabled=True))
        assert owned.prop("lamp", "power")["target"] is None


def test_whoever_is_deleted_is_out_at_once(owned, browser):
    add(owned, "max", "member")
    with opened(browser, owned, "max") as page:
        page.wait(POWER)
        assert owned.delete("/api/users/max").status_code == 204
        page.wait(role("heading", "Sign in"))
        assert "Desk lamp" not in page.evaluate("document.documentElement.outerHTML")


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
        assert owned.prop("balcony", "temperature")["value"] == 21.5
        page.click(role("tab", "mosquitto"))
        line = page.text(css("[role=tabpanel] code")).replace("21.5", "22.5")
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        until(lambda: owned.prop("balcony", "temperature")["value"] == 22.5, 20, "the report by MQTT")

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


# --- the guest that is kept -------------------------------------------------------------------------------------------


def test_an_open_hub_warns_its_admin(make_hub, browser):
    hub = make_hub("--guest", "lan").start()
    assert hub.post("/api/setup", json={"name": "anna", "password": PASSWORD}).status_code in (201, 403)
    if requests.get(hub.http + "/api/session", timeout=PATIENCE).json()["needs_setup"]:
        key = setup_link(hub).partition("#")[2]
        answer = hub.post("/api/setup", json={"key": key, "name": "anna", "password": PASSWORD})
        assert answer.status_code == 201, answer.text
    with browser.open(hub.http + "/") as page:
        # A guest still gets in, and is told nothing.
        page.wait(role("heading", "Home"))
        assert page.count(text("lets people in without a password", exact=False)) == 0
        page.click(role("button", "Account: Guest, On this network"))
        page.click(role("link", "Sign in"))
        sign_in(page, "anna")
        page.wait(text("lets people in without a password", exact=False))
        page.click(role("link", "See what that means"))
        page.wait(role("heading", "Guest access"))
        page.wait(css('[aria-current="true"]:has-text("Everybody who reaches the hub")'))


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
        assert unexpected(page) == ([], [], [])


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


# --- from elsewhere ---------------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path):
    """A web site on another port of the same machine: the same site to the browser's cookies, another origin."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("<!doctype html><title>elsewhere</title><h1>Elsewhere</h1>")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=site)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


ATTACKS = {
    "a request": "fetch('{hub}/api/devices/lamp/power/set', {{method: 'POST', mode: 'no-cors', credentials: 'include',"
    " body: 'true'}}).then(() => 'sent', () => 'refused')",
    "a form": "new Promise(done => {{ document.body.innerHTML = '<iframe name=f></iframe><form target=f method=post"
    " enctype=text/plain action=\"{hub}/api/devices/lamp/power/set\"><input name=a value=b></form>';"
    " document.querySelector('iframe').onload = () => done('loaded');"
    " document.querySelector('form').submit(); setTimeout(() => done('late'), 3000); }})",
    "a WebSocket": "new Promise(done => {{ const socket = new WebSocket('{hub}/api/ws'.replace('http', 'ws'));"
    " socket.onopen = () => done('open'); socket.onclose = () => done('refused'); }})",
    "a read": "fetch('{hub}/api/devices', {{credentials: 'include'}}).then(answer => answer.text())"
    ".then(text => 'read ' + text, () => 'refused')",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_another_sites_page_cannot_act_for_who_is_signed_in(attack, owned, browser, elsewhere):
    with opened(browser, owned, "anna") as page:
        page.wait(POWER)
        # The same browser, with anna's cookie, now looks at the other site.
        page.goto(elsewhere)
        outcome = page.evaluate(ATTACKS[attack].format(hub=owned.http))
        assert "open" != outcome and "lamp" not in outcome, outcome
        assert owned.prop("lamp", "power")["target"] is None
        page.goto(owned.http + "/")
        page.wait(role("switch", "Desk lamp, Power", checked=False))


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
