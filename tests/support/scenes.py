"""What the pictures show of dashboards, the live view and the wire view at the demo house. Does not hold: accounts and the hub's own
pages (`screenshots.py`), connecting a device and looking after the hub (`scenes_care.py`)."""

import json

from .browser import css, role, text
from .paho import Paho
from .wait import until

GERMAN = {"locale": "de-AT"}
DIALOG = role("dialog")
# Names as people give them, and as those do who mean harm.
HOSTILE = ("<img src=x onerror=alert(1)>", "مستشعر الحديقة الخلفية", "\u202egnihton si siht", "温室の温度計", "n" * 64, "Küche & <b>Flur</b>")


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
    widgets = [widget(number, kind, x, y, w, h, *sources) for number, (kind, x, y, w, h, sources) in enumerate(places)]
    widgets[-1]["options"] = {"text": "**Bins** go out on *Tuesday*.\n\n- paper\n- glass"}
    return board("Living room", widgets)


def board(title, widgets, **more):
    return {"title": title, "icon": None, "owner": None, "others": "see", "tabs": [], "widgets": widgets, **more}


def posted(hub, body):
    answer = hub.post("/api/dashboards", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def pressed(*targets):
    """A pose: these are pressed, one after the other."""

    def pose(page):
        for target in targets:
            page.wait(target)
            page.click(target)

    return pose


def everyday(camera, hub, documents):
    """At the demo house, before there is an admin; for the documents the four that people know others by."""
    dashboards = hub.http + "/dashboards"
    if not documents:
        camera.take("dashboards-empty", dashboards, role("heading", "Dashboards"))
    id = posted(hub, living_room())
    address = f"{dashboards}/{id}"
    drawn = css("[data-widget=w3] canvas")
    camera.take("dashboard", address, drawn)
    camera.take("live", hub.http + "/live", role("tree"), grown)
    camera.take("wire", hub.http + "/wire", role("heading", "Wire view"), watched)
    camera.take("connect", hub.http + "/connect", role("heading", "Connect a device"))
    if documents:
        return
    arranging(camera, hub, address, drawn)
    listed(camera, hub)
    flowing(camera, hub)
    on_the_wire(camera, hub)
    one_device(camera, hub)


def chosen(page, name):
    """Presses what stands at the head of a dashboard; a phone has it in a menu."""
    if not page.count(role("button", name)):
        page.click(css("main header button[aria-haspopup]"))
        page.click(css(f'[role=menuitem]:has-text("{name}")'))
    else:
        page.click(role("button", name))


def arranging(camera, hub, address, drawn):
    edit = role("button", "Edit")
    camera.take("dashboards", hub.http + "/dashboards", text("Living room"))
    camera.take("dashboard-de", address, drawn, **GERMAN)
    camera.take("dashboard-edit", address, drawn, pressed(edit))
    camera.take("dashboard-edit-de", address, drawn, pressed(role("button", "Bearbeiten")), **GERMAN)
    camera.take("dashboard-chosen", address, drawn, pressed(edit, css('[data-place="w1"] .handle')))
    gallery = role("button", "Add widget")
    camera.take("dashboard-gallery", address, drawn, pressed(edit, gallery))
    camera.take("dashboard-gallery-de", address, drawn, pressed(role("button", "Bearbeiten"), role("button", "Widget hinzufügen")), **GERMAN)
    camera.take("dashboard-form", address, drawn, pressed(edit, gallery, css('[data-add="gauge"]')))
    camera.take("dashboard-kiosk", address, drawn, lambda page: chosen(page, "Full screen"))
    camera.take("dashboard-share", address, drawn, lambda page: chosen(page, "Share"))
    camera.take("dashboard-share-de", address, drawn, lambda page: chosen(page, "Teilen"), **GERMAN)
    for name, control in (("look", False), ("switch", True)):
        answer = hub.post(f"/api/dashboards/{address.rsplit('/', 1)[1]}/shares", json={"name": "Babysitter", "control": control})
        assert answer.status_code == 201, answer.text
        camera.take(f"share-{name}", hub.http + answer.json()["url"], drawn)
    camera.take("share-over", hub.http + "/share#" + "x" * 43, role("heading", "This link does not work any more"), clean=False)

    def both(page):
        page.click(edit)
        page.focus(css('[data-place="w1"] .handle'))
        page.press("ArrowDown")
        id = address.rsplit("/", 1)[1]
        now = hub.get(f"/api/dashboards/{id}").json()
        answer = hub.put(f"/api/dashboards/{id}", json=now, headers={"If-Match": f'"{now["version"]}"'})
        assert answer.status_code == 200, answer.text
        page.wait(role("button", "See both"))

    camera.take("dashboard-changed", address, drawn, both)
    camera.take("dashboard-conflict", address, drawn, lambda page: [both(page), page.click(role("button", "See both"))])


def listed(camera, hub):
    """Many dashboards, some with names that nobody expects; and widgets that cannot show what they should."""
    made = [posted(hub, board(name, [widget(0, "switch", 0, 0, 6, 3, "demo-lamp/power"), widget(1, "value", 6, 0, 6, 6)])) for name in HOSTILE]
    made += [posted(hub, board(f"Room {number}", living_room()["widgets"][:number])) for number in range(12)]
    camera.take("dashboards-many", hub.http + "/dashboards", text("Room 11"))
    camera.take("dashboards-de", hub.http + "/dashboards", text("Room 11"), **GERMAN)
    odd = posted(
        hub,
        board(
            "Odd",
            [
                widget(0, "value", 0, 0, 3, 2, "nobody/home"),
                widget(1, "from-the-future", 3, 0, 3, 2, "demo-lamp/power"),
                widget(2, "gauge", 6, 0, 3, 4, "demo-button/contact"),
                widget(3, "chart", 0, 2, 6, 5, "nobody/home"),
                widget(4, "switch", 9, 0, 3, 2),
                *(widget(5 + n, "value", (n * 3) % 12, 7 + n // 4 * 2, 3, 2, "demo-thermometer/temperature", title=name) for n, name in enumerate(HOSTILE)),
            ],
        ),
    )
    camera.take("dashboard-odd", f"{hub.http}/dashboards/{odd}", css('[data-widget="w5"][data-state="live"]'))
    camera.take("dashboard-odd-de", f"{hub.http}/dashboards/{odd}", css('[data-widget="w5"][data-state="live"]'), **GERMAN)
    empty = posted(hub, board("Empty", []))
    camera.take("dashboard-empty", f"{hub.http}/dashboards/{empty}", role("heading", "Empty"))
    for id in (*made, odd, empty):
        assert hub.delete(f"/api/dashboards/{id}").status_code == 204


def grown(page):
    page.wait(css('[data-topic="devices/demo-thermometer"]'))


def flowing(camera, hub):
    live = hub.http + "/live"
    with Paho(hub, "3.1.1", name="plug") as client:

        def closely(*tabs):
            def pose(page):
                for power in (40.5, 41, 44.2, 39.9):
                    client.publish("plug/state", json.dumps({"power": power, "state": "ON", "uptime": 4123}))
                    page.wait(css(f'[data-topic="plug/state"]:has-text("{power}"), [data-detail="plug/state"]:has-text("{power}")'))
                pressed(*tabs)(page)

            return pose

        client.publish("plug/state", json.dumps({"power": 40, "state": "OFF"}), retain=True)
        client.publish("plug/raw", b"\xff\xd8\x00\x01" * 40, retain=True)
        client.publish("plug/<b>x</b>/اسم/\u202eabc", "<script>alert(1)</script>", retain=True)
        client.publish("plug/long", "x" * 60_000, retain=True)
        state = f"{live}?topic=plug/state"
        camera.take("live-topic", state, css('[data-detail="plug/state"]'), closely())
        camera.take("live-diff", state, css('[data-detail="plug/state"]'), closely(role("tab", "Changed")))
        camera.take("live-history", state, css('[data-detail="plug/state"]'), closely(css("[data-detail] [role=tab] >> nth=2")))
        camera.take("live-de", state, css('[data-detail="plug/state"]'), closely(), **GERMAN)
        camera.take("live-raw", f"{live}?topic=plug/raw", css('[data-detail="plug/raw"]'))
        camera.take("live-long", f"{live}?topic=plug/long", css('[data-detail="plug/long"]'))
        camera.take("live-paused", live, role("tree"), lambda page: [grown(page), page.click(role("button", "Pause"))])
        search = role("searchbox", "Search")
        camera.take("live-search", live, search, lambda page: page.fill(search, "temp"))
        camera.take("live-nothing", live, search, lambda page: page.fill(search, "no such thing"))

        def typed(page):
            page.fill(role("combobox", "Topic"), "home/bell")
            page.click(role("radio", "JSON"))
            page.fill(role("textbox", "Payload"), '{"a":1')
            page.evaluate("document.querySelector('[data-publish]').scrollIntoView()")

        camera.take("live-publish", live, role("combobox", "Topic"), typed)
    for topic in ("plug/state", "plug/raw", "plug/<b>x</b>/اسم/\u202eabc", "plug/long"):
        hub.delete(f"/api/topics/{topic}")


def watched(page, of="demo-fan"):
    """The frames of a connection of the demo house."""
    page.click(css(f'[data-connection] a[href^="/wire"][aria-label*="{of}"] >> nth=0'))
    page.wait(css("[data-frame]"))
    until(lambda: page.count(css("[data-frame]")) > 5, what="a few frames")
    page.click(css("[data-frame=PUBLISH] >> nth=0"))
    page.wait(css("[data-shown]"))


def on_the_wire(camera, hub):
    wire = hub.http + "/wire"
    listed = css("[data-connection]")
    camera.take("wire-list", wire, listed)
    camera.take("wire-list-de", wire, listed, **GERMAN)
    camera.take("wire-de", wire, listed, watched, **GERMAN)
    camera.take("wire-over", wire + "?connection=c999999", role("heading", "This connection is over"), clean=False)

    def other(kind):
        def pose(page):
            page.click(css(f'[data-frame="{kind}"] >> nth=0'))
            page.wait(css("[data-shown]"))
            page.evaluate("document.querySelector('[data-shown]').scrollIntoView({block: 'center'})")

        return pose

    camera.take("wire-websocket", wire + "?device=demo-button", css("[data-frame]"), other("ping"))
    camera.take("wire-device", wire + "?device=demo-thermometer", role("heading", "Wire of Thermometer"))


def one_device(camera, hub):
    """A device that is there, one that went without a word, one that never came."""
    shown = css("[data-presence]")
    camera.take("device-online", f"{hub.http}/devices/demo-fan", shown)
    camera.take("device-de", f"{hub.http}/devices/demo-fan", shown, **GERMAN)
    names = {"name": "Attic sensor", "room": "Attic", "properties": {"temperature": {"type": "float", "unit": "°C"}, "power": {"type": "bool"}}}
    assert hub.put("/api/devices/attic-sensor", json=names).status_code in (200, 201)
    camera.take("device-never", f"{hub.http}/devices/attic-sensor", role("heading", "Attic sensor"))
    gone = Paho(hub, "3.1.1", name="attic-sensor")
    gone.publish("devices/attic-sensor/temperature", "17.25")
    gone.publish("devices/attic-sensor/power", "true")
    until(lambda: hub.device("attic-sensor")["online"], what="the sensor to be there")
    gone.client.socket().close()
    gone.client.loop_stop()
    away = css("[data-presence=offline]")
    camera.take("device-offline", f"{hub.http}/devices/attic-sensor", away)
    camera.take("device-offline-de", f"{hub.http}/devices/attic-sensor", away, **GERMAN)
    edit = pressed(role("button", "Edit"))
    camera.take("device-edit", f"{hub.http}/devices/attic-sensor", away, edit)
    camera.take("device-edit-de", f"{hub.http}/devices/attic-sensor", away, pressed(role("button", "Bearbeiten")), **GERMAN)
    for number, name in enumerate(HOSTILE):
        body = {"name": name, "room": HOSTILE[number - 1], "properties": {"words": {"type": "string"}}}
        assert hub.put(f"/api/devices/odd-{number}", json=body).status_code in (200, 201)
        hub.report(f"odd-{number}", "words", (name + " ") * 40)
    camera.take("device-hostile", f"{hub.http}/devices/odd-0", css('[data-property="words"]'))
    camera.take("devices-hostile", f"{hub.http}/devices", css('[data-device="odd-1"]'))
    camera.take("devices-de", f"{hub.http}/devices", css('[data-device="odd-1"]'), **GERMAN)
    camera.take("home-de", f"{hub.http}/", css('[data-device="odd-1"]'), **GERMAN)
    for device in ("attic-sensor", *(f"odd-{number}" for number in range(len(HOSTILE)))):
        hub.delete(f"/api/devices/{device}")
