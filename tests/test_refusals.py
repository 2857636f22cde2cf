"""What was refused, in words for whoever wonders why a device does not work: real clients that do it wrong."""

import contextlib
import socket
import subprocess
import threading

import pytest
import requests
from websockets.sync.client import connect

from support.paho import Paho
from support.wait import PATIENCE, Timeout
from support.wire import refusal


def latest(hub):
    return hub.get("/api/refusals").json()["next"]


def mosquitto_pub(hub, *more, port=None):
    command = ["mosquitto_pub", "-h", hub.host, "-p", str(port or hub.mqtt_port), "-t", "devices/lamp/power", "-m", "true", *more]
    return subprocess.run(command, capture_output=True, timeout=PATIENCE).returncode


@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_a_wrong_token_by_mqtt(owned, version):
    wrong = "0123456789abcdef0123456789abcdef"
    assert mosquitto_pub(owned, "-V", version, "-i", "lamp", "-u", "token", "-P", wrong) != 0
    found = refusal(owned, kind="credentials", transport="mqtt")
    assert (found["client_id"], found["device"]) == ("lamp", "lamp") and found["peer"].startswith("127.0.0.1:")
    assert found["what"].endswith(".") and "token" in found["next"]
    assert wrong not in owned.get("/api/refusals").text


def test_wrong_credentials_by_http_and_websocket(owned):
    for path in ("/api/devices/lamp/power", "/api/ws"):
        after = latest(owned)
        answer = requests.get(owned.url(path), headers={"Authorization": "Bearer nonsense"}, timeout=PATIENCE)
        assert answer.status_code == 401
        assert refusal(owned, after, kind="credentials", transport="http")["user"] is None
    assert "nonsense" not in owned.get("/api/refusals").text


def test_a_topic_that_is_somebody_elses(owned):
    token = owned.post("/api/devices/lamp/token", json={}).json()["token"]
    with Paho(owned, "5", name="board", token=token) as board:
        assert board.publish("devices/fan/power", "true", 1) == 0x87
        found = refusal(owned, kind="permission")
        assert (found["transport"], found["user"], found["topic"]) == ("mqtt", "device:lamp", "devices/fan/power")
        assert (found["client_id"], found["device"]) == ("board", "lamp")
        # QoS 0 hears nothing: all the more is it told here.
        after = latest(owned)
        board.client.publish("devices/fan/speed", "1", 0)
        refusal(owned, after, kind="permission", topic="devices/fan/speed")
        after = latest(owned)
        assert board.subscribe("devices/fan/#") == [0x87]
        refusal(owned, after, kind="permission", topic="devices/fan/#")
    after = latest(owned)
    mine = {"Authorization": f"Bearer {token}"}
    assert requests.put(owned.url("/api/devices/fan/power"), data="true", headers=mine, timeout=PATIENCE).status_code == 403
    assert refusal(owned, after, kind="permission", transport="http")["topic"] == "devices/fan/power"
    after = latest(owned)
    with connect(owned.ws, additional_headers=mine, proxy=None) as ws:
        ws.send('{"op":"publish","topic":"devices/fan/power","payload":"on","id":1}')
        ws.recv(PATIENCE)
    assert refusal(owned, after, kind="permission", transport="ws")["topic"] == "devices/fan/power"


def test_a_value_that_does_not_fit_and_a_topic_that_is_none(owned):
    token = owned.post("/api/devices/lamp/token", json={}).json()["token"]
    with Paho(owned, "5", name="board", token=token) as board:
        assert board.publish("devices/lamp/level", "101", 1) == 0x99
        found = refusal(owned, kind="type", transport="mqtt")
        assert (found["topic"], found["device"]) == ("devices/lamp/level", "lamp") and "101" in found["what"]
    after = latest(owned)
    answer = owned.put("/api/devices/lamp/level", data="101", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 422
    refusal(owned, after, kind="type", transport="http", topic="devices/lamp/level")
    after = latest(owned)
    assert owned.put("/api/topics/a%2B/b", data="1").status_code == 400
    refusal(owned, after, kind="topic", transport="http")


def test_tls_that_is_not_trusted_or_not_there(owned):
    # The client does not trust the hub's CA.
    done = subprocess.run(["curl", "-sS", f"https://localhost:{owned.port}/"], capture_output=True, timeout=PATIENCE)
    assert done.returncode == 60
    found = refusal(owned, kind="tls", transport="tls")
    assert "/ca.crt" in found["next"] and found["what"]
    after = latest(owned)
    folder = owned.folder / "other.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=other", "-out"]
    subprocess.run([*make, str(folder)], capture_output=True, timeout=PATIENCE, check=True)
    assert mosquitto_pub(owned, "--cafile", str(folder), port=owned.mqtts_port) != 0
    refusal(owned, after, kind="tls")
    # Plain text on the port of TLS.
    after = latest(owned)
    assert mosquitto_pub(owned, port=owned.mqtts_port) != 0
    assert "TLS" in refusal(owned, after, kind="tls")["what"]
    # TLS on the port of plain text.
    after = latest(owned)
    assert mosquitto_pub(owned, "--cafile", str(folder)) != 0
    found = refusal(owned, after, kind="tls", transport="mqtt")
    assert "began like TLS" in found["what"] and "8883" in found["next"]


def test_what_is_no_protocol(owned):
    for port, data in ((owned.port, b"\0\0hello"), (owned.mqtt_port, b"\x10\x04\0\x02no")):
        after = latest(owned)
        with socket.create_connection((owned.host, port), PATIENCE) as wire:
            wire.sendall(data)
            wire.settimeout(PATIENCE)
            # The end may come as a reset, as what was sent is not read.
            with contextlib.suppress(ConnectionError):
                while wire.recv(1024):
                    pass
        assert refusal(owned, after, kind="protocol")["what"]


def test_who_waits_is_answered_at_once_and_who_waits_in_vain_in_the_end(owned):
    after = latest(owned)
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(owned.get("/api/refusals", params={"after": after, "wait": "60s"}).json())
    )
    waiting.start()
    with pytest.raises(Timeout):
        Paho(owned, name="guest")
    waiting.join(PATIENCE)
    assert not waiting.is_alive() and answers[0]["refusals"][0]["client_id"] == "guest"
    assert answers[0]["next"] == after + 1
    empty = owned.get("/api/refusals", params={"after": after + 1, "wait": "50ms"}).json()
    assert empty == {"refusals": [], "next": after + 1}
