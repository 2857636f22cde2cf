"""What the pictures show of dashboards, the live view, the wire view, connecting a device and the hub's own pages."""

from support.browser import css, role, text


def widget(number, kind, x, y, w, h, *sources, title=None, **options):
    return {
        "id": f"w{number}",
        "kind": kind,
        "title": title,
        "at": {"desktop": {"x": x, "y": y, "w": w, "h": h}, "phone": None},
        "sources": [{"property": source} for source in sources],
        "options": options,
    }


def living_room():
    """A dashboard of the demo house, with a bit of everything."""
    air, fan, lamp, door = (f"demo-{name}" for name in ("thermometer", "fan", "lamp", "button"))
    places = [
        ("gauge", 0, 0, 3, 4, [f"{air}/temperature"]),
        ("value", 3, 0, 2, 2, [f"{air}/humidity"]),
        ("level", 3, 2, 2, 2, [f"{air}/battery"]),
        ("chart", 5, 0, 7, 6, [f"{air}/temperature", f"{air}/humidity"]),
        ("light", 0, 4, 3, 5, [f"{lamp}/color"]),
        ("switch", 3, 4, 2, 2, [f"{lamp}/power"]),
        ("slider", 0, 9, 5, 2, [f"{lamp}/brightness"]),
        ("segmented", 5, 6, 4, 2, [f"{fan}/mode"]),
        ("switch", 9, 6, 3, 2, [f"{fan}/power"]),
        ("progress", 5, 8, 4, 2, [f"{fan}/speed"]),
        ("value", 9, 8, 3, 2, [f"{fan}/rpm"]),
        ("led", 3, 6, 2, 2, [f"{door}/contact"]),
        ("sparkline", 5, 10, 4, 3, [f"{air}/temperature"]),
        ("note", 9, 10, 3, 3, []),
    ]
    widgets = [
        widget(number, kind, x, y, w, h, *sources)
        for number, (kind, x, y, w, h, sources) in enumerate(places)
    ]
    widgets[-1]["options"] = {"text": "**Bins** go out on *Tuesday*.\n\n- paper\n- glass"}
    return {
        "title": "Living room",
        "icon": None,
        "owner": None,
        "others": "see",
        "tabs": [],
        "widgets": widgets,
    }


def everyday(camera, hub, documents):
    """At the demo house, before there is an admin; for the documents the four that people know others by."""
    answer = hub.post("/api/dashboards", json=living_room())
    assert answer.status_code == 201, answer.text
    address = f"{hub.http}/dashboards/{answer.json()['id']}"
    drawn = css("[data-widget=w3] canvas")
    camera.take("dashboard", address, drawn)
    camera.take("live", hub.http + "/live", role("tree"), grown)
    camera.take("wire", hub.http + "/wire", role("heading", "Wire view"), watched)
    camera.take("connect", hub.http + "/connect", role("heading", "Connect a device"))
    if documents:
        return
    camera.take("dashboards", hub.http + "/dashboards", text("Living room"))
    edit = role("button", "Edit")
    camera.take("dashboard-edit", address, drawn, lambda page: page.click(edit))
    connecting(camera, hub)
    for section, words in (
        ("general", "General"),
        ("firmware", "Firmware"),
        ("limits", "Limits"),
        ("backup", "Backup"),
        ("logs", "Logs"),
    ):
        camera.take(f"set-{section}", f"{hub.http}/settings/{section}", role("heading", words))
    assert hub.put("/api/devices/attic-sensor", json={"name": "Attic sensor", "properties": {}}).status_code in (200, 201)
    camera.take("device-offline", f"{hub.http}/devices/attic-sensor", role("heading", "Attic sensor"))


def grown(page):
    page.wait(text("demo-thermometer"))
    page.wait(text("temperature"))


def watched(page):
    """The frames of a connection of the demo house."""
    page.click(css('[data-connection] a'))
    page.wait(css("[data-frame]"))
    page.click(css("[data-frame]"))


def connecting(camera, hub):
    def chosen(page):
        page.click(role("radio", "ESP32"))
        page.click(role("radio", "MQTT"))

    camera.take("connect-chosen", hub.http + "/connect", role("heading", "Connect a device"), chosen)
