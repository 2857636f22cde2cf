"""People at the page: how they sign in, what their browser would have told them, programs with tokens of their own."""

import re

import requests

from .browser import css, role
from .wait import PATIENCE, until

PASSWORD = "copper kettle sings"
POWER = role("switch", "Desk lamp, Power")
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


def add(hub, name, role, **rights):
    answer = hub.post("/api/users", json={"name": name, "password": PASSWORD, "role": role, **rights})
    assert answer.status_code == 201, answer.text


def sign_in(page, name, password=PASSWORD):
    page.wait(role("heading", "Sign in"))
    page.fill(role("textbox", "Name"), name)
    page.fill(css("input[type=password]"), password)
    page.press("Enter")


def opened(browser, hub, name, path="/", **options):
    """A browser in which somebody has signed in, at the page that was asked for."""
    page = browser.open(hub.http + path, **options)
    sign_in(page, name)
    page.wait(role("heading", "Sign in"), "detached")
    return page


def setup_link(hub):
    return until(lambda: re.search(r"http://\S+/setup#\S+", hub.log()), 10, "the set-up link in the log")[0]
