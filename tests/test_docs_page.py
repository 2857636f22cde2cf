"""The page about the API, in Chromium: it shows what the documents say, sends requests to this hub, and needs nothing from elsewhere."""

import json

import pytest

from support.browser import role, text


@pytest.fixture
def opened(browser, shared):
    with browser.open(shared.http + "/api/docs") as page:
        page.wait(role("link", "Shows one device", exact=False))
        yield page


@pytest.fixture
def page(opened):
    yield opened
    opened.clean()


def test_every_operation_is_listed_and_found(page, shared):
    document = shared.get("/api/openapi.json").json()
    for item in document["paths"].values():
        for operation in item.values():
            if "x-same-as" not in operation:
                assert page.count(text(operation["summary"], exact=True)) == 1, operation["summary"]
    page.fill(role("searchbox", "Search the API"), "delete dev")
    page.wait(text("Deletes a device and all that is kept under its topics"))
    assert page.count(text("Lists all devices, sorted by id")) == 0


def test_a_request_is_sent_to_this_hub(page, shared, unique):
    """What is filled in is what is sent, and what the lines say."""
    device = unique("docs")
    page.click(text("The device reports a value"))
    page.wait(role("heading", "The device reports a value"))
    page.fill(role("textbox", "id"), device)
    page.fill(role("textbox", "Body"), "41")
    page.wait(text(f"curl -X PUT -H 'Content-Type: application/json' -d 41 {shared.http}/api/devices/{device}/level"))
    page.click(role("button", "Send PUT"))
    page.wait(text("204 No Content"))
    assert shared.get(f"/api/devices/{device}/level").json()["value"] == 41

    page.click(role("radio", "Python"))
    page.wait(text(f'answer = requests.put("{shared.http}/api/devices/{device}/level"', exact=False))


def test_a_stream_is_shown_as_it_comes_until_it_is_stopped(page, shared, unique):
    topic = unique("docs")
    page.click(text("Streams messages as server-sent events"))
    page.fill(role("textbox", "filter"), topic)
    page.click(role("button", "Send GET"))
    page.wait(text(": listening", exact=False))
    shared.put(f"/api/topics/{topic}", data="first")
    page.wait(text(json.dumps("first"), exact=False))
    page.click(role("button", "Stop"))
    page.wait(role("button", "Send GET"))


def test_a_refusal_is_shown(opened):
    page = opened
    page.click(text("Shows one device"))
    page.fill(role("textbox", "id"), "")
    page.wait(text("Fill in id to send it."))
    page.fill(role("textbox", "id"), "nobody-at-all")
    page.click(role("button", "Send GET"))
    page.wait(text("404 Not Found"))
    page.wait(text("There is no device 'nobody-at-all'", exact=False))
    # Browsers themselves tell the console of a 404.
    seen = page.seen()
    assert (seen["errors"], seen["foreign"], len(seen["console"])) == ([], [], 1), seen


def test_channels_are_shown(page, shared):
    page.click(text("Live channels"))
    page.wait(role("heading", "Live channels"))
    for channel in shared.get("/api/asyncapi.json").json()["channels"].values():
        assert page.count(text(channel["address"], exact=True)) >= 1, channel["address"]


def test_links_lead_to_an_operation(browser, shared):
    with browser.open(shared.http + "/docs/getDevice", width=390, height=844) as page:
        page.wait(role("heading", "Shows one device"))
        page.click(text("All operations"))
        page.wait(role("searchbox", "Search the API"))
        page.clean()
