"""Notifications in a real browser: the bell counts what is new there, the list grows by itself and says what became of mails.

Belongs here: what people see of the list. Does not: how it is filled (test_blynk.py), how mails go out (test_mail.py).
"""

import pytest

from support.blynk import device
from support.browser import css, role, text
from support.people import unexpected

EMAIL, NOTIFY, EVENT, PING = 13, 14, 64, 6
LIST = css('ul[aria-label^="Notifications, the newest first"] > li')


def bell(new):
    return role("link", f"Notifications, {new} new" if new else "Notifications", exact=True)


def test_the_bell_counts_and_the_list_grows(hub, browser):
    with browser.open(hub.http) as page, device(hub, "boiler") as raw, device(hub, "door") as other:
        page.wait(bell(0))
        raw.ask(NOTIFY, "Pressure is low")
        page.wait(bell(1))
        other.ask(NOTIFY, "<img src=x onerror=alert(1)>")
        page.wait(bell(2))
        page.click(bell(2))
        page.wait(role("heading", "Notifications"))
        page.wait(text("<img src=x onerror=alert(1)>"))
        page.wait(bell(0))
        assert page.count(LIST) == 2
        # Without reloading, the newest first, and seen at once as somebody looks.
        raw.send(EVENT, "overheat", "over 90 °C")
        page.wait(text("over 90 °C"))
        assert "overheat" in page.text(css("main li:first-child"))
        page.wait(bell(0))
        assert unexpected(page) == ([], [], [])


def test_what_was_seen_is_remembered_in_this_browser(hub, browser):
    with device(hub, "boiler") as raw:
        for number in range(3):
            raw.ask(NOTIFY, f"number {number}")
    with browser.open(hub.http) as page:
        page.wait(bell(3))
        page.goto(hub.http + "/notifications")
        page.wait(text("number 2"))
        page.wait(bell(0))
        page.goto(hub.http)
        page.wait(role("heading", "Home"))
        page.wait(bell(0))
    with browser.open(hub.http) as another:
        another.wait(bell(3))


def test_nothing_yet_and_a_lost_line(hub, browser):
    with browser.open(hub.http + "/notifications") as page:
        page.wait(text("Nothing to tell yet"))
        hub.stop()
        page.wait(text("The line to the hub is lost. What comes meanwhile appears when it is back."))


@pytest.mark.parametrize("width, dark", [(390, False), (1440, True)])
def test_it_is_for_everybody(hub, browser, width, dark):
    with device(hub, "boiler") as raw:
        raw.ask(NOTIFY, "Pressure is low")
        raw.ask(EMAIL, "me@home.example", "hot", "over 90 °C")
    with browser.open(hub.http + "/notifications", width=width, dark=dark) as page:
        page.wait(text("over 90 °C"))
        page.wait(text("Not mailed: the hub has no mail server ([mail] in its configuration)."))
        assert page.axe() == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
