"""The live view and the wire view in a real browser, fed by real MQTT clients.

Belongs here: what somebody sees of topics and frames as they flow, and what the publish box sends. Does not: the frames' meaning by
itself and who may look (the hub's own tests); the bounds and the arithmetic of the tree (ui/src/live/*.test.ts).
"""

import json

import pytest

from support.browser import css, role, text
from support.paho import Paho
from support.people import PASSWORD, add, opened, unexpected
from support.wait import until

TREE = role("tree")
PAYLOAD = css("[data-detail] [role=tabpanel] pre")


def row(topic):
    return css(f'[data-topic="{topic}"]')


def shows(page, target, words):
    """Until an element says it; values are painted a frame later than they come."""
    until(lambda: page.count(target) == 1 and words in page.text(target), what=f"{words!r} in {target}")


@pytest.fixture
def note(hub):
    with Paho(hub, name="writer") as client:
        client.publish("home/note", "Back at six", retain=True)
        yield client


@pytest.fixture
def page(hub, note, browser):
    with browser.open(hub.http + "/live") as page:
        page.wait(row("home/note"))
        yield page
        page.clean()


# --- the tree ---------------------------------------------------------------------------------------------------------


def test_what_is_stored_is_there_and_what_comes_follows(note, page):
    shows(page, row("home/note"), "Back at six")
    # Stored is no message that came; the mark tells that it is kept.
    assert "message" not in page.text(row("home"))
    page.wait(css('[data-topic="home/note"] .kept'))
    note.publish("home/bell", "ding")
    shows(page, row("home/bell"), "ding")
    shows(page, row("home"), "2 topics, 1 message")
    note.publish("home/bell", "dong")
    shows(page, row("home/bell"), "dong")
    assert page.count(css('[data-topic="home/bell"] .kept')) == 0


def test_payloads_are_shown_byte_for_byte(note, page):
    note.publish("raw/number", "21.50")
    note.publish("raw/bytes", b"\xff\xd8\x00\x01")
    note.publish("raw/markup", "<img src=x onerror=alert(1)>")
    note.publish("raw/<b>x</b>/اسم", "مرحبا")
    note.publish("raw/empty", "")
    shows(page, row("raw/number"), "21.50")
    shows(page, row("raw/bytes"), "ff d8 00 01")
    shows(page, row("raw/markup"), "<img src=x")
    shows(page, row("raw/<b>x</b>/اسم"), "مرحبا")
    shows(page, row("raw/empty"), "empty")
    page.click(row("raw/bytes"))
    shows(page, PAYLOAD, "ff d8 00 01")


def test_a_topic_looked_at_closely(note, page):
    note.publish("plug/state", json.dumps({"power": 40.5, "state": "ON"}))
    page.click(row("plug/state"))
    shows(page, PAYLOAD, '"power": 40.5')
    note.publish("plug/state", json.dumps({"power": 41, "state": "ON"}))
    shows(page, PAYLOAD, '"power": 41')
    # Numbers are drawn, field by field.
    page.wait(role("img", "Chart of the last 2 numbers, 40.5 to 41"))
    page.click(role("tab", "Changed"))
    assert '"power": 40.5' in page.text(css(".diff .removed"))
    assert '"power": 41' in page.text(css(".diff .added"))
    page.click(role("tab", "History (2)"))
    assert page.count(css("[data-detail] tbody tr")) == 2
    # The address says what is looked at, and leads there again.
    assert page.evaluate("location.search") == "?topic=plug/state"


def test_paused_values_stand_still_and_counting_goes_on(note, page):
    note.publish("count/up", "1")
    shows(page, row("count/up"), "1")
    page.click(role("button", "Pause"))
    for i in range(2, 6):
        note.publish("count/up", str(i))
    note.publish("count/new", "x")
    page.wait(text("5 messages since", exact=False))
    assert page.text(row("count/up")).split("=")[1].split()[0] == "1"
    assert page.count(row("count/new")) == 0
    shows(page, css("[data-total=messages]"), "6 messages")
    page.click(role("button", "Resume"))
    shows(page, row("count/up"), "5")
    page.wait(row("count/new"))


def test_search_goes_through_topics_and_payloads(note, page):
    note.publish("garden/pump", "running")
    page.wait(row("garden/pump"))
    page.fill(role("searchbox", "Search"), "PUMP")
    page.wait(row("home"), "detached")
    assert page.count(css("[role=treeitem]")) == 2
    page.fill(role("searchbox", "Search"), "+/note")
    page.wait(row("home/note"))
    page.wait(row("garden"), "detached")
    page.click(role("radio", "Payloads"))
    page.fill(role("searchbox", "Search"), "runn")
    page.wait(row("garden/pump"))
    # What changes is found, and lost, as it changes.
    note.publish("garden/pump", "stopped")
    page.wait(text("Nothing matches", exact=False))


def test_the_tree_is_walked_with_keys(page):
    page.focus(TREE)
    page.press("End")
    page.wait(css('[data-detail="home/note"]'))
    page.press("ArrowLeft")
    page.wait(css('[data-detail="home"]'))
    page.press("ArrowLeft")
    page.wait(row("home/note"), "detached")
    page.press("ArrowRight")
    page.press("ArrowRight")
    page.wait(css('[data-detail="home/note"]'))
    assert page.evaluate("document.activeElement.getAttribute('role')") == "tree"
    assert page.evaluate(
        "document.getElementById(document.activeElement.getAttribute('aria-activedescendant')).dataset.topic"
    ) == "home/note"


def test_ten_thousand_topics_and_only_rows_in_view_are_drawn(hub, browser):
    for first in range(0, 10_000, 1_000):
        entries = [
            {"op": "publish", "topic": f"many/{i}", "payload": "last" if i == 9_999 else i, "retain": True}
            for i in range(first, first + 1_000)
        ]
        assert hub.post("/api/batch", json=entries).status_code == 200
    with Paho(hub, name="many") as client:
        with browser.open(hub.http + "/live") as page:
            shows(page, css("[data-total=topics]"), "10,000 topics")
            page.focus(TREE)
            page.press("End")
            shows(page, row("many/9999"), "last")
            assert page.count(css("[role=treeitem]")) < 100
            client.publish("many/9998", "changed")
            shows(page, row("many/9998"), "changed")
            page.clean()


def test_the_line_is_open_only_while_somebody_looks(hub, note, browser):
    def sockets():
        return sum(client["protocol"] == "ws" for client in hub.get("/api/clients").json())

    with browser.open(hub.http + "/devices") as page:
        until(lambda: sockets() == 1, what="the page's one line")
        page.click(role("link", "Live"))
        page.wait(row("home/note"))
        until(lambda: sockets() == 2, what="a line of the live view")
        page.click(role("link", "Devices"))
        until(lambda: sockets() == 1, what="the end of that line")
        page.clean()


def test_an_empty_hub_teaches(hub, browser):
    with browser.open(hub.http + "/live") as page:
        page.wait(role("heading", "Nothing flows yet"))
        page.click(role("button", "Connect a device"))
        until(lambda: page.evaluate("location.pathname") == "/connect", what="the page that connects")


# --- publishing -------------------------------------------------------------------------------------------------------


def test_the_publish_box_sends_what_was_typed(hub, note, page):
    note.subscribe("lab/#", 2)
    page.fill(role("combobox", "Topic"), "lab/json")
    page.click(role("radio", "JSON"))
    page.fill(role("textbox", "Payload"), '{"a":1')
    page.wait(text("This is not JSON", exact=False))
    page.fill(role("textbox", "Payload"), '{"a": 1.50}')
    page.evaluate("document.querySelector('[data-publish] select').value = '2'")
    page.evaluate("document.querySelector('[data-publish] select').dispatchEvent(new Event('change', {bubbles: true}))")
    page.click(role("button", "Publish"))
    message = note.wait("lab/json")
    assert (message.payload, message.qos, message.retain) == (b'{"a": 1.50}', 2, False)
    shows(page, row("lab/json"), '{"a": 1.50}')
    page.fill(role("combobox", "Topic"), "lab/bytes")
    page.click(role("radio", "Hex"))
    page.fill(role("textbox", "Payload"), "00 ff")
    page.click(role("button", "Publish"))
    assert note.wait("lab/bytes").payload == b"\x00\xff"
    # What was published can be had back; what looks like a secret is not kept.
    page.fill(role("combobox", "Topic"), "lab/wifi/password")
    page.click(role("radio", "Text"))
    page.fill(role("textbox", "Payload"), "open sesame")
    page.click(role("button", "Publish"))
    note.wait("lab/wifi/password")
    page.wait(text("Published to lab/wifi/password."))
    kept = page.evaluate("JSON.stringify({...localStorage})")
    assert "lab/bytes" in kept and "sesame" not in kept
    page.click(text("Published from here"))
    page.click(role("button", "Fill in lab/json, {\"a\": 1.50}"))
    assert page.value(role("textbox", "Payload")) == '{"a": 1.50}'


def test_what_is_retained_can_be_deleted(hub, page):
    page.click(row("home/note"))
    page.click(role("button", "Delete retained message"))
    dialog = role("dialog")
    page.click(role("button", "Delete retained message", within=dialog))
    page.wait(dialog, "detached")
    page.wait(css('[data-topic="home/note"] .kept'), "detached")
    with Paho(hub) as late:
        late.subscribe("home/#")
        assert [message.topic for message in late.before_fence() if message.topic.startswith("home")] == []


def test_a_viewer_reads_and_does_not_publish(owned, browser):
    add(owned, "vera", "viewer")
    with opened(browser, owned, "vera", "/live") as page:
        page.wait(row("devices/lamp/power"))
        page.wait(text("You may read, but not publish.", exact=False))
        assert page.count(css("[data-publish]")) == 0
        assert unexpected(page) == ([], [], [])


def test_who_may_read_little_sees_that(owned, browser):
    add(owned, "lea", "member", read=["home/#"], write=[])
    with opened(browser, owned, "lea", "/live") as page:
        owned.put("/api/topics/home/note", data="hello")
        owned.put("/api/topics/office/note", data="secret")
        shows(page, row("home/note"), "hello")
        assert page.count(row("office")) == 0 and page.count(row("devices")) == 0


# --- the wire ---------------------------------------------------------------------------------------------------------


def test_the_frames_of_a_connection_byte_by_byte(hub, browser):
    with Paho(hub, name="kitchen") as client, browser.open(hub.http + "/wire") as page:
        page.fill(role("searchbox", "Search connections"), "kitchen mqtt")
        page.click(role("link", "Watch kitchen"))
        page.wait(role("heading", "Wire of kitchen"))
        page.wait(css("[data-watch=watching]"))
        client.publish("wire/test", "on", qos=1)
        page.wait(css("[data-frame=PUBLISH]"))
        page.wait(css("[data-frame=PUBACK]"))
        page.click(css("[data-frame=PUBLISH]"))
        frame = css("[data-shown=PUBLISH]")
        page.wait(frame)
        assert "wire/test" in page.text(frame) and "6f" in page.text(frame)
        # A byte leads to its field: the last one is the payload's.
        page.click(css("[data-shown] .hex [data-at] >> nth=-1"))
        pressed = page.text(css("[data-field][aria-pressed=true]"))
        assert "payload" in pressed.lower(), pressed
        # And a field to its bytes.
        page.click(css("[data-field] >> nth=0"))
        assert page.count(css(".hex .lit")) > 0
        name, saved = page.download(role("button", "Save as text"))
        assert name.endswith(".txt") and "PUBLISH" in saved and "wire/test" in saved
        client.close()
        page.wait(css("[data-frame=end]"))
        page.wait(css("[data-watch=ended]"))
        page.clean()


def test_the_wire_of_a_device_shows_it_coming_and_hides_its_token(owned, browser):
    token = owned.post("/api/devices/lamp/token", json={}).json()["token"]
    with opened(browser, owned, "anna", "/wire?device=lamp") as page:
        page.wait(role("heading", "Wire of Desk lamp"))
        page.wait(css("[data-watch=watching]"))
        with Paho(owned, name="board", token=token) as client:
            client.publish("devices/lamp/level", "50")
            page.wait(css("[data-frame=CONNECT]"))
            page.click(css("[data-frame=CONNECT]"))
            page.wait(css("[data-shown=CONNECT]"))
            shown = page.text(css("[data-shown=CONNECT]"))
            assert "••" in shown and "It never left the hub" in shown
            assert token not in page.evaluate("document.documentElement.outerHTML")
            assert token.encode().hex(" ") not in shown
            page.wait(css("[data-frame=PUBLISH]"))


def test_a_connection_that_is_over_is_told(hub, browser):
    with browser.open(hub.http + "/wire?connection=c999999") as page:
        page.wait(role("heading", "This connection is over"))
        page.click(role("link", "All connections"))
        page.wait(role("heading", "Wire view"))


def test_the_wire_is_not_for_everybody(owned, browser):
    add(owned, "mia", "member")
    with Paho(owned, name="other", token=owned.post("/api/devices/lamp/token", json={}).json()["token"]):
        with opened(browser, owned, "mia", "/wire") as page:
            # Her own page is hers to look at; the device's connection is not.
            page.wait(role("heading", "Wire view"))
            page.wait(css("[data-connection]"))
            assert page.count(role("link", "Watch other")) == 0
            assert PASSWORD not in page.evaluate("document.documentElement.outerHTML")
