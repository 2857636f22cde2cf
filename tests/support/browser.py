"""Chromium, driven by playwright-core in Node. One process for all pages of a test run."""

import itertools
import os
import shutil

from .node import Node
from .wait import PATIENCE

_numbers = itertools.count(1)
NAMES = ("chromium", "chromium-browser", "google-chrome")
# Playwright gives up first, as it can say more.
SECONDS = 2 * PATIENCE


def chromium():
    """The system's browser; a test tool's own download is never used."""
    found = os.environ.get("HOUSEWIRE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        raise RuntimeError(f"no browser: install Debian's chromium, or name one in HOUSEWIRE_CHROMIUM ({NAMES})")
    return found


def role(role, name=None, **more):
    """What a person sees: a role and its accessible name."""
    return {"role": role, **({"name": name} if name is not None else {}), **more}


def css(selector, **more):
    return {"css": selector, **more}


def text(words, **more):
    return {"text": words, **more}


class Browser:
    def __init__(self, *flags):
        """`flags` are Chromium's own."""
        self.node = Node("browser.mjs", lambda frame: None, arguments=[chromium(), *flags])

    def open(self, url, **options):
        page = Page(self.node, f"page-{next(_numbers)}", url)
        page.call("open", url=url, **options)
        return page

    def close(self):
        self.node.close()


class Page:
    """One page in a browser context of its own."""

    def __init__(self, node, name, url):
        self.node, self.name, self.url = node, name, url

    def call(self, op, **fields):
        return self.node.call(op, SECONDS, page=self.name, **fields)

    def wait(self, target, state="visible", timeout=PATIENCE):
        """Until the element is there (or `state="detached"`: gone)."""
        self.call("wait", target=target, state=state, timeout=timeout * 1000)

    def count(self, target):
        return self.call("count", target=target)["count"]

    def click(self, target):
        self.call("click", target=target)

    def drag(self, target, start, end):
        """With the mouse, from one place of the element to another: pairs of shares of its width and height."""
        self.call("drag", target=target, **{"from": start, "to": end})

    def fill(self, target, value):
        self.call("fill", target=target, value=value)

    def focus(self, target):
        self.call("focus", target=target)

    def press(self, key):
        self.call("press", key=key)

    def focused(self):
        answer = self.call("focused")
        return answer["role"], answer["name"]

    def text(self, target):
        return self.call("text", target=target)["text"]

    def value(self, target):
        return self.call("value", target=target)["value"]

    def box(self, target):
        return self.call("box", target=target)["box"]

    def evaluate(self, script):
        return self.call("evaluate", script=script)["result"]

    def download(self, target):
        """Presses something that hands over a file; its name and its text."""
        answer = self.call("download", target=target)
        return answer["name"], answer["text"]

    def upload(self, target, name, text):
        """Presses something that asks for a file, and gives it one."""
        self.call("upload", target=target, name=name, text=text)

    def fail(self, glob, detail):
        """From now on the hub seems to answer requests that match with status 500."""
        self.call("fail", glob=glob, detail=detail)

    def cookies(self):
        """Name to cookie; also what the page's own scripts cannot see."""
        return {cookie["name"]: cookie for cookie in self.call("cookies")["cookies"]}

    def goto(self, url):
        self.call("goto", url=url)

    def screenshot(self, path, full=False):
        self.call("screenshot", path=str(path), full=full)

    def seen(self):
        """What a person with the developer tools open would have noticed."""
        return self.call("seen")["seen"]

    def axe(self, impacts=("serious", "critical")):
        """What axe finds that hinders people so much; it has to have looked at something."""
        answer = self.call("axe", impacts=impacts)
        assert answer["passes"] > 0, answer
        return answer["violations"]

    def offline(self, offline=True):
        """Takes the network away from this browser, or gives it back."""
        self.call("offline", offline=offline)

    def clean(self):
        """No error or warning on the console, no failed request, none to another host."""
        assert self.seen() == {"console": [], "errors": [], "foreign": [], "failed": []}

    def close(self):
        self.call("close")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
