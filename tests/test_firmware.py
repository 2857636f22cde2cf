"""Firmware of devices: files, roll-outs, and both ways in which a device asks. curl plays ESP8266httpUpdate, Paho a device on MQTT."""

import hashlib
import json
import os
import socket
import subprocess

from support.check import problem, time_of
from support.paho import Paho
from support.people import Somebody
from support.wait import PATIENCE, until

OLD, NEW = os.urandom(40_000), os.urandom(70_001)


def upload(hub, name, version, data, **query):
    answer = hub.put(f"/api/firmware/{name}/{version}", data=data, params=query)
    assert answer.status_code == 201, answer.text
    return answer.json()


def roll_out(hub, name, version, **more):
    answer = hub.put(f"/api/rollouts/{name}", json={"version": version, **more})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def token(hub, device):
    answer = hub.post(f"/api/devices/{device}/token", json={"name": "board"})
    assert answer.status_code == 201, answer.text
    return answer.json()["token"]


def board(hub, device="esp", **more):
    """A registered device, and its token."""
    assert hub.put(f"/api/devices/{device}", json={"properties": {"uptime": {"type": "int"}}, **more}).status_code == 201
    return token(hub, device)


def states(hub, name):
    answer = hub.get(f"/api/rollouts/{name}")
    assert answer.status_code == 200, answer.text
    return {one["device"]: one for one in answer.json()["states"]}


def state(hub, name, device="esp"):
    return states(hub, name)[device]["state"]


def curl(tmp_path, hub, path, *options):
    """curl, as the libraries of ESPs ask; the status, the headers in lower case, and the bytes."""
    head, body = tmp_path / "head", tmp_path / "body"
    command = ["curl", "--silent", "--show-error", "--dump-header", head, "--output", body, "--write-out", "%{http_code}", *options, hub.url(path)]
    body.write_bytes(b"")
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    lines = [line.partition(": ") for line in head.read_text().splitlines()]
    return int(done.stdout), {name.lower(): value for name, _, value in lines}, body.read_bytes()


def esp8266(token, version, *more):
    """The headers of ESP8266httpUpdate 2.x."""
    said = {"ESP8266-Chip-ID": "1122867", "ESP8266-STA-MAC": "A4:CF:12:0B:A1:B2", "ESP8266-free-space": "2097152", "ESP8266-mode": "sketch"}
    headers = [f"x-{name}: {value}" for name, value in said.items()]
    headers += ["User-Agent: ESP8266-http-Update", f"x-ESP8266-version: {version}", f"Authorization: Bearer {token}", *more]
    return [part for header in headers for part in ("--header", header)]


def test_files_are_uploaded_listed_and_deleted(hub):
    made = upload(hub, "lamp", "1.2.0", NEW, note="Dims without flicker")
    assert (made["size"], made["sha256"], made["md5"]) == (len(NEW), hashlib.sha256(NEW).hexdigest(), hashlib.md5(NEW).hexdigest())
    assert (made["note"], made["damaged"]) == ("Dims without flicker", False)
    time_of(made["uploaded"])
    assert hub.get("/api/firmware").json() == [made] == [hub.get("/api/firmware/lamp/1.2.0").json()]
    assert hub.get("/api/firmware/lamp/1.2.0/file").content == NEW

    again = hub.put("/api/firmware/lamp/1.2.0", data=NEW)
    assert (again.status_code, again.json()) == (200, made)
    problem(hub.put("/api/firmware/lamp/1.2.0", data=OLD), 409, "taken", ["lamp", "1.2.0"])
    problem(hub.put("/api/firmware/lamp/2", data=b""), 422, "unusable")
    problem(hub.put("/api/firmware/lamp/2", data=NEW, params={"sha256": "0" * 64}), 422, "unusable", [made["sha256"]])
    problem(hub.put("/api/firmware/lamp/..%2f..", data=NEW), 422, "unusable")
    problem(hub.put("/api/firmware/lamp/2", data=b"x" * (16 * 1024 * 1024 + 1)), 413, "too_large")
    problem(hub.put("/api/firmware/lamp/2", data=NEW, headers={"Content-Encoding": "gzip"}), 415)

    hub.restart()
    assert hub.get("/api/firmware").json() == [made]
    assert hub.delete("/api/firmware/lamp/1.2.0").status_code == 204
    problem(hub.get("/api/firmware/lamp/1.2.0/file"), 404)
    assert list((hub.data / "firmware").iterdir()) == []


def test_an_upload_that_breaks_off_leaves_nothing(hub):
    with socket.create_connection((hub.host, hub.port), PATIENCE) as line:
        head = f"PUT /api/firmware/lamp/1 HTTP/1.1\r\nHost: {hub.host}:{hub.port}\r\nContent-Length: {len(NEW)}\r\n\r\n"
        line.sendall(head.encode() + NEW[: len(NEW) // 2])
        until(lambda: list((hub.data / "firmware").glob("*.part")), what="the upload to begin")
    until(lambda: not list((hub.data / "firmware").iterdir()), what="the half file to be gone")
    assert hub.get("/api/firmware").json() == []

    with socket.create_connection((hub.host, hub.port), PATIENCE) as line:
        line.sendall(head.encode() + NEW[: len(NEW) // 2])
        until(lambda: list((hub.data / "firmware").glob("*.part")), what="the upload to begin")
        hub.kill()
    hub.start()
    assert list((hub.data / "firmware").iterdir()) == []
    upload(hub, "lamp", "1", NEW)


def test_a_file_that_changed_on_the_disk_goes_to_nobody(hub):
    made = upload(hub, "lamp", "1", NEW)
    hub.stop()
    (hub.data / "firmware" / made["sha256"]).write_bytes(NEW[:-1] + b"?")
    hub.start()
    until(lambda: hub.get("/api/firmware").json()[0]["damaged"], what="the hub to notice")
    problem(hub.get("/api/firmware/lamp/1/file"), 500, "damaged", ["lamp"])
    assert hub.put("/api/firmware/lamp/1", data=NEW).status_code == 200
    assert hub.get("/api/firmware/lamp/1/file").content == NEW


def test_an_esp8266_updates_itself_over_http(hub, tmp_path):
    secret = board(hub)
    upload(hub, "lamp", "1.0", OLD)
    ask = lambda version, *more: curl(tmp_path, hub, "/api/devices/esp/firmware.bin", *esp8266(secret, version, *more))
    assert ask("1.0")[0] == 304, "there is no roll-out"

    upload(hub, "lamp", "1.1", NEW)
    roll_out(hub, "lamp", "1.1", devices=["esp"])
    assert state(hub, "lamp") == "offered"
    # An image of a file system is asked for at the same place.
    headers = [one for one in esp8266(secret, "1.0") if "mode" not in one or one == "--header"]
    status = curl(tmp_path, hub, "/api/devices/esp/firmware.bin", "--header", f"Authorization: Bearer {secret}", "--header", "x-ESP8266-mode: spiffs")[0]
    assert status == 404 and headers

    status, head, body = ask("1.0")
    assert (status, body, head["x-md5"], head["content-length"]) == (200, NEW, hashlib.md5(NEW).hexdigest(), str(len(NEW)))
    assert states(hub, "lamp")["esp"] | {"since": 0} == {
        "device": "esp", "title": None, "state": "downloading", "reason": None, "running": "1.0", "says": None, "progress": None, "downloads": 1, "since": 0,
    }  # fmt: skip
    assert ask("1.1")[0] == 304 and state(hub, "lamp") == "done"
    hub.restart()
    assert state(hub, "lamp") == "done"

    roll_out(hub, "lamp", "1.0", devices=["esp"])
    assert ask("1.1")[2] == OLD, "and back again"


def test_an_esp32_is_known_by_its_program_and_has_to_have_room(hub, tmp_path):
    secret = board(hub)
    upload(hub, "lamp", "7", NEW)
    roll_out(hub, "lamp", "7", all=True)
    said = lambda *headers: [part for one in (f"Authorization: Bearer {secret}", *headers) for part in ("--header", one)]
    small = curl(tmp_path, hub, "/api/devices/esp/firmware.bin", *said("x-ESP32-free-space: 1000", "x-ESP32-version: 6"))
    assert small[0] == 304
    failed = states(hub, "lamp")["esp"]
    assert failed["state"] == "failed" and "1000 bytes" in failed["reason"], failed
    roll_out(hub, "lamp", "7", all=True)
    assert state(hub, "lamp") == "offered", "put again, it may try again"
    md5 = hashlib.md5(NEW).hexdigest()
    assert curl(tmp_path, hub, "/api/devices/esp/firmware.bin", *said(f"x-ESP32-sketch-md5: {md5}"))[0] == 304
    assert state(hub, "lamp") == "done"


def test_parts_of_a_file(hub, tmp_path):
    secret = board(hub)
    made = upload(hub, "lamp", "1", NEW)
    roll_out(hub, "lamp", "1", all=True)
    file = "/api/firmware/lamp/1/file"
    own = ["--header", f"Authorization: Bearer {secret}"]
    whole = curl(tmp_path, hub, file, *own)
    assert (whole[0], whole[2], whole[1]["etag"]) == (200, NEW, f'"{made["sha256"]}"')
    for asked, part, said in [
        ("0-1023", NEW[:1024], f"bytes 0-1023/{len(NEW)}"),
        ("69000-", NEW[69000:], f"bytes 69000-{len(NEW) - 1}/{len(NEW)}"),
        ("-1", NEW[-1:], f"bytes {len(NEW) - 1}-{len(NEW) - 1}/{len(NEW)}"),
    ]:
        status, head, body = curl(tmp_path, hub, file, *own, "--header", f"Range: bytes={asked}")
        assert (status, body, head["content-range"], head["content-length"]) == (206, part, said, str(len(part)))
    status, head, _ = curl(tmp_path, hub, file, *own, "--header", f"Range: bytes={len(NEW)}-")
    assert (status, head["content-range"]) == (416, f"bytes */{len(NEW)}")
    assert curl(tmp_path, hub, file, *own, "--header", f'If-None-Match: "{made["sha256"]}"')[0] == 304
    status, head, body = curl(tmp_path, hub, file, *own, "--head")
    assert (status, head["content-length"]) == (200, str(len(NEW)))
    # Beginnings count, parts and looks do not.
    assert states(hub, "lamp")["esp"]["downloads"] == 2


def test_a_device_on_mqtt_is_told_fetches_and_reports(hub, tmp_path):
    secret = board(hub, model="Desk lamp")
    board(hub, "other", model="Fan")
    upload(hub, "lamp", "2.0", NEW)
    with Paho(hub, token=secret) as esp:
        esp.subscribe("devices/esp/$firmware", 1)
        esp.publish("devices/esp/$firmware/state", json.dumps({"version": "1.9"}))
        roll_out(hub, "lamp", "2.0", model="Desk lamp")
        told = json.loads(esp.wait("devices/esp/$firmware").payload)
        assert set(states(hub, "lamp")) == {"esp"}
        assert told == {"name": "lamp", "version": "2.0", "size": len(NEW), "sha256": hashlib.sha256(NEW).hexdigest(),
                        "md5": hashlib.md5(NEW).hexdigest(), "url": "/api/firmware/lamp/2.0/file"}  # fmt: skip
        assert Somebody(hub, secret).get("/api/devices/esp/firmware.json").json() == told
        assert Somebody(hub, secret).get(told["url"]).content == NEW
        esp.publish("devices/esp/$firmware/state", json.dumps({"state": "installing", "progress": 40}))
        until(lambda: states(hub, "lamp")["esp"]["progress"] == 40, what="the progress")
        assert states(hub, "lamp")["esp"]["says"] == "installing"
        esp.publish("devices/esp/$firmware/state", "2.0")
        esp.wait("devices/esp/$firmware", "")
        until(lambda: state(hub, "lamp") == "done", what="the device to be done")
        assert Somebody(hub, secret).get("/api/devices/esp/firmware.json").status_code == 204


def test_what_is_offered_is_retained_and_goes_with_pause_failure_and_device(hub):
    secret = board(hub)
    upload(hub, "lamp", "2", NEW)
    roll_out(hub, "lamp", "2", devices=["esp"])
    topic = "devices/esp/$firmware"
    offered = lambda: hub.get(f"/api/topics/{topic}").status_code == 200
    until(offered, what="the offer")
    hub.restart()
    until(offered, what="the offer after a restart")
    with Paho(hub, token=secret) as esp:
        esp.subscribe(topic, 1)
        assert json.loads(esp.wait(topic, retain=True).payload)["version"] == "2"
        roll_out(hub, "lamp", "2", devices=["esp"], paused=True)
        esp.wait(topic, "")
        assert state(hub, "lamp") == "waiting"
        roll_out(hub, "lamp", "2", devices=["esp"])
        assert esp.wait(topic).payload
        assert Somebody(hub, secret).get("/api/firmware/lamp/2/file").content == NEW
        esp.publish(f"{topic}/state", json.dumps({"state": "failed", "reason": "flash is full"}))
        esp.wait(topic, "")
        failed = states(hub, "lamp")["esp"]
        assert (failed["state"], failed["reason"]) == ("failed", "flash is full")
        roll_out(hub, "lamp", "2", devices=["esp"])
        assert esp.wait(topic).payload
    assert hub.delete("/api/devices/esp").status_code == 204
    assert states(hub, "lamp") == {}
    until(lambda: not offered(), what="the offer to be gone")


def test_one_that_fetches_for_ever_has_failed(hub, tmp_path):
    secret = board(hub)
    upload(hub, "lamp", "2", NEW)
    roll_out(hub, "lamp", "2", all=True)
    ask = lambda: curl(tmp_path, hub, "/api/devices/esp/firmware.bin", *esp8266(secret, "1"))[0]
    assert [ask() for _ in range(5)] == [200, 200, 200, 304, 304]
    failed = states(hub, "lamp")["esp"]
    assert failed["state"] == "failed" and "3 times" in failed["reason"], failed


def test_a_share_of_the_devices_comes_first(hub):
    for number in range(60):
        hub.report(f"d{number}", "up", "1")
    upload(hub, "lamp", "2", NEW)
    count = lambda answer: answer["counts"].get("offered", 0)
    few = roll_out(hub, "lamp", "2", all=True, share=25)
    chosen = {device for device, one in states(hub, "lamp").items() if one["state"] == "offered"}
    assert 0 < count(few) < 40 and few["counts"]["waiting"] == 60 - count(few)
    assert count(roll_out(hub, "lamp", "2", all=True, share=0)) == 0
    half = roll_out(hub, "lamp", "2", all=True, share=60)
    assert chosen <= {one["device"] for one in half["states"] if one["state"] == "offered"}
    assert count(roll_out(hub, "lamp", "2", all=True, share=100)) == 60
    # A more exact roll-out takes its device out of this one.
    upload(hub, "special", "1", OLD)
    roll_out(hub, "special", "1", devices=["d7"])
    assert "d7" not in states(hub, "lamp") and set(states(hub, "special")) == {"d7"}


def test_who_may_what(owned):
    upload(owned, "lamp", "1", NEW)
    mine = token(owned, "lamp")
    other = board(owned, "other")
    lamp, stranger, nobody = Somebody(owned, mine), Somebody(owned, other), Somebody(owned)
    for path in ("/api/firmware", "/api/firmware/lamp/1", "/api/rollouts"):
        problem(lamp.get(path), 403)
        assert nobody.get(path).status_code == 401
    problem(lamp.put("/api/firmware/lamp/2", data=NEW), 403)
    problem(lamp.put("/api/rollouts/lamp", json={"version": "1", "all": True}), 403)
    problem(lamp.delete("/api/firmware/lamp/1"), 403)
    problem(lamp.get("/api/firmware/lamp/1/file"), 403, names=["lamp"])
    roll_out(owned, "lamp", "1", devices=["lamp"])
    assert lamp.get("/api/firmware/lamp/1/file").content == NEW
    problem(stranger.get("/api/firmware/lamp/1/file"), 403)
    problem(stranger.get("/api/devices/lamp/firmware.bin"), 403)
    problem(stranger.get("/api/devices/lamp/firmware.json"), 403)
    assert nobody.get("/api/devices/lamp/firmware.bin").status_code == 401
    # What the hub says to a device nobody else says, whatever he may.
    for somebody in (lamp, owned):
        problem(somebody.put("/api/topics/devices/lamp/$firmware", data="{}"), 403)
    problem(owned.delete("/api/firmware/lamp/1"), 409, "in_use")
    assert owned.delete("/api/rollouts/lamp").status_code == 204
    assert owned.delete("/api/firmware/lamp/1").status_code == 204
    until(
        lambda: {"firmware_uploaded", "rollout_changed", "rollout_deleted", "firmware_deleted"}
        <= {one["event"] for one in owned.get("/api/audit").json()},
        what="the audit log",
    )


def test_a_property_may_be_called_firmware(hub):
    hub.report("esp", "firmware", "1.2.0")
    assert hub.get("/api/devices/esp/firmware").json()["value"] == "1.2.0"
