"""What the pictures show of connecting a device, with all that can go wrong, and of looking after the hub. Does not hold: how pictures
are taken, and what the other pages show (`screenshots.py`, `scenes.py`)."""

import itertools
import subprocess

from .browser import css, role
from .people import PASSWORD
from .scenes import DIALOG, GERMAN
from .wait import until

_numbers = itertools.count(1)
SIGN_IN = css("input[type=password]")
WAITING = css('[data-wait="waiting"]')
# Authorities of others; that of the hub is not among them.
FOREIGN_CAS = "/etc/ssl/certs/ca-certificates.crt"


def inside(then=lambda page: None):
    """A pose: signs in, in whatever language, and waits for what was wanted."""

    def pose(page):
        page.wait(SIGN_IN)
        page.fill(css("input[autocomplete=username]"), "anna")
        page.fill(SIGN_IN, PASSWORD)
        page.press("Enter")
        page.wait(SIGN_IN, "detached")
        page.wait(css("h1"))
        then(page)

    return pose


def send(hub, device, token, topic, payload, *more, port=None):
    """One message of a program that somebody else wrote."""
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port or hub.mqtt_port), "-i", device, "-u", device, "-P", token]
    command += ["-q", "1", "-t", topic, "-m", payload, *more]
    subprocess.run(command, capture_output=True, timeout=60)


def connecting(camera, hub):
    address = hub.http + "/connect"

    def made(then=lambda page, device, token: None, board="python", protocol="mqtt"):
        def pose(page):
            number = next(_numbers)
            page.click(css(f'[data-board="{board}"]'))
            page.click(css(f'[data-protocol="{protocol}"]'))
            page.fill(css('form input[maxlength="64"]'), f"Green house {number}")
            page.click(css("form button[type=submit]"))
            page.wait(WAITING)
            token = "" if board == "other" else page.text(css('mark[data-filled="TOKEN"] >> nth=0'))
            then(page, f"green-house-{number}", token)

        return inside(pose)

    def sent(topic, payload, token=None, more=(), port=None):
        def then(page, device, own):
            send(hub, device, token or own, topic.format(device), payload, *more, port=port)
            page.wait(css("[data-refusal]"))
            page.evaluate("document.querySelector('[data-refusal]').scrollIntoView({block: 'center'})")

        return then

    def arrived(page, device, token):
        send(hub, device, token, f"devices/{device}/led", "false", "-r")
        send(hub, device, token, f"devices/{device}/temperature", "21.5", "-r")
        page.wait(css('[data-wait="arrived"]'))
        page.wait(css('[data-property="temperature"]'))
        page.evaluate("document.querySelector('[data-wait]').scrollIntoView()")

    def to_dashboard(page, device, token):
        arrived(page, device, token)
        page.click(css("[data-wait] .links button >> nth=0"))
        page.wait(DIALOG)

    asks = SIGN_IN
    camera.take("connect-choose-de", address, asks, inside(), **GERMAN)
    camera.take("connect-waiting", address, asks, made())
    camera.take("connect-waiting-de", address, asks, made(), **GERMAN)
    camera.take("connect-board", address, asks, made(board="esp32"))
    camera.take("connect-other", address, asks, made(board="other"))
    camera.take("connect-arrived", address, asks, made(arrived))
    camera.take("connect-arrived-de", address, asks, made(arrived), **GERMAN)
    camera.take("connect-dashboard", address, asks, made(to_dashboard))
    camera.take("connect-token", address, asks, made(sent("devices/{}/temperature", "21.5", token="x" * 32)))
    camera.take("connect-token-de", address, asks, made(sent("devices/{}/temperature", "21.5", token="x" * 32)), **GERMAN)
    camera.take("connect-topic", address, asks, made(sent("devices/lamp/temperature", "21.5")))
    camera.take("connect-topic-de", address, asks, made(sent("devices/lamp/temperature", "21.5")), **GERMAN)
    camera.take("connect-type", address, asks, made(sent("devices/{}/temperature", "<b>warm</b>")))
    camera.take("connect-tls", address, asks, made(sent("devices/{}/temperature", "21.5", more=("--cafile", FOREIGN_CAS), port=hub.mqtts_port)))


def caring(camera, hub):
    """Firmware on its way to devices, a backup that waits, a full log."""
    settings = hub.http + "/settings"
    for name in ("porch-lamp", "hall-lamp", "attic-lamp"):
        assert hub.put(f"/api/devices/{name}", json={"name": name.replace("-", " ").capitalize(), "properties": {"power": {"type": "bool"}}}).status_code in (200, 201)
    for version in ("1.1.0", "1.2.0"):
        answer = hub.put(f"/api/firmware/desk-lamp/{version}", data=version.encode() * 50_000, params={"note": "Dims without flicker"})
        assert answer.status_code == 201, answer.text
    answer = hub.put("/api/rollouts/desk-lamp", json={"version": "1.2.0", "devices": ["porch-lamp", "hall-lamp", "attic-lamp"]})
    assert answer.status_code in (200, 201), answer.text
    token = hub.post("/api/devices/porch-lamp/token", json={}).json()["token"]
    for version in ("1.1.0", "1.2.0"):
        hub.get("/api/devices/porch-lamp/firmware.bin", params={"version": version}, headers={"Authorization": f"Bearer {token}"})
    firmware = f"{settings}/firmware"
    rolled = css('[data-rollout="desk-lamp"]')
    camera.take("firmware", firmware, SIGN_IN, inside(lambda page: page.wait(rolled)))
    camera.take("firmware-de", firmware, SIGN_IN, inside(lambda page: page.wait(rolled)), **GERMAN)
    by_device = css("[data-rollout] button[aria-expanded], [data-rollout] summary")
    camera.take("firmware-devices", firmware, SIGN_IN, inside(lambda page: [page.wait(rolled), page.click(by_device)]))
    camera.take("firmware-upload", firmware, SIGN_IN, inside(lambda page: [page.wait(rolled), page.click(css("main header button"))]))
    camera.take("firmware-rollout", firmware, SIGN_IN, inside(lambda page: [page.wait(rolled), page.click(role("button", "Roll out desk-lamp 1.1.0"))]))
    for section in ("limits", "logs", "backup", "general", "people", "tokens", "tls", "audit", "history"):
        camera.take(f"{section}-de", settings if section == "general" else f"{settings}/{section}", SIGN_IN, inside(), **GERMAN)
    answer = hub.post("/api/backup/restore", data=hub.get("/api/backup", timeout=120).content)
    assert answer.status_code == 202, answer.text
    staged = css("aside")
    camera.take("backup-staged", f"{settings}/backup", SIGN_IN, inside(lambda page: page.wait(staged)))
    camera.take("backup-staged-de", f"{settings}/backup", SIGN_IN, inside(lambda page: page.wait(staged)), **GERMAN)
    assert hub.delete("/api/backup/restore").status_code == 204


def without_hub(camera, hub):
    """The page without its network, with the last values."""

    def gone(page):
        page.wait(css("[data-device]"))
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        until(lambda: page.evaluate(KEPT), what="the last values to be kept")
        page.offline()
        page.goto(hub.http + "/")
        page.wait(css("[data-device]"))

    camera.take("without-hub", hub.http + "/", SIGN_IN, inside(gone), clean=False)
    camera.take("without-hub-de", hub.http + "/", SIGN_IN, inside(gone), clean=False, **GERMAN)


KEPT = """new Promise((done) => { const open = indexedDB.open('housewire', 1);
  open.onsuccess = () => { const there = open.result.objectStoreNames.contains('last');
    if (!there) { open.result.close(); indexedDB.deleteDatabase('housewire'); return done(false); }
    const got = open.result.transaction('last').objectStore('last').get('look');
    got.onsuccess = () => { open.result.close(); done(got.result !== undefined); }; }; })"""


def empty(camera, hub):
    """A hub on its first day: every page teaches what will be there."""
    for name in ("", "devices", "dashboards", "live", "wire", "found"):
        camera.take(f"new-{name or 'home'}", f"{hub.http}/{name}", role("main"))
        camera.take(f"new-{name or 'home'}-de", f"{hub.http}/{name}", role("main"), **GERMAN)
    missing = f"{hub.http}/devices/nobody"
    camera.take("missing-device", missing, role("main"), clean=False)
    camera.take("missing-page", f"{hub.http}/no/such/page", role("main"), clean=False)
    camera.take("missing-dashboard", f"{hub.http}/dashboards/nothing", role("main"), clean=False)
