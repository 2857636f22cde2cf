"""What goes over connections, seen by somebody who looks: real clients on one side, the decoded frames on the other."""

import json
import subprocess

import pytest
import requests
from websockets.sync.client import connect

from support import blynk, mosquitto, tls, web
from support.paho import Paho
from support.wait import PATIENCE
from support.wire import Wire, connection, refusal, value

SECRET = "correct-horse-battery"


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_packets_of_a_client_in_both_directions(shared, unique, version):
    name, topic = unique("client"), f"lab/{unique('wire')}"
    with Paho(shared, version, name=name) as client:
        client.subscribe(topic, 1)
        about = connection(shared, client_id=name)
        assert (about["transport"], about["over"], about["in"], about["device"]) == ("mqtt", "tcp", None, None)
        wire = Wire(shared, connection=about["id"])
        client.publish(topic, "21.5", 1, retain=True)
        sent = wire.wait("PUBLISH", "in")
        assert sent["summary"] == f"{topic} · QoS 1 · retained · 4 bytes"
        assert value(sent, "payload")[0] == "21.5"
        standard = "MQTT 5.0" if version == "5" else "MQTT 3.1.1"
        assert value(sent, "RETAIN") == ("1", f"{standard} §3.3.1.3")
        assert bytes.fromhex(sent["hex"]).endswith(b"21.5") and len(bytes.fromhex(sent["hex"])) == sent["bytes"]
        assert (sent["transport"], sent["connection"], sent["cut"]) == ("mqtt", about["id"], False)
        assert wire.wait("PUBLISH", "out")["summary"].startswith(topic)
        wire.wait("PUBACK", "out")
        wire.wait("PUBACK", "in")
        counted = connection(shared, client_id=name)
        assert counted["in"]["frames"] >= 2 and counted["out"]["bytes"] >= sent["bytes"]
    # The end of the connection is the end of the stream.
    assert wire.others.wait(what="the end")["connection"] == about["id"]
    wire.ended.wait_closed()
    wire.close()


def test_nobody_looks_once_the_stream_is_closed(shared, unique):
    name = unique("client")
    with Paho(shared, name=name):
        about = connection(shared, client_id=name)
        with Wire(shared, connection=about["id"]):
            connection(shared, client_id=name, **{"in": {"bytes": 0, "frames": 0}})
        connection(shared, client_id=name, **{"in": None})


def test_a_device_that_connects_later_is_seen_from_its_first_byte_without_its_token(owned):
    token = owned.post("/api/devices/lamp/token", json={}).json()["token"]
    with Wire(owned, device="lamp") as wire:
        with Paho(owned, "5", name="somebody", token=token) as lamp:
            lamp.publish("devices/lamp/power", "true", 1)
            hello = wire.wait("CONNECT", "in")
            assert value(hello, "client identifier") == ("somebody", "MQTT 5.0 §3.1.3.1")
            assert value(hello, "password")[0] == "••••" and "••" in hello["hex"] and hello["redacted"]
            assert wire.wait("CONNACK", "out")["summary"] == "success"
            wire.wait("PUBLISH", "in")
            about = connection(owned, client_id="somebody")
            assert (about["device"], about["user"]) == ("lamp", "device:lamp")
        assert wire.others.wait(what="the end")["event"] == "end"
        # Others are not shown, and the stream waits for the lamp to come back.
        mosquitto.publish(owned, "devices/lamp/power", "false", qos=1, more=["-u", "token", "-P", token])
        wire.wait("DISCONNECT", "in")
        everything = "\n".join(wire.text)
    spelled = " ".join(f"{byte:02x}" for byte in token.encode())
    assert token not in everything and spelled not in everything


def test_requests_and_answers_with_curl(shared, unique):
    device = unique("wired")
    with Wire(shared, peer="127.0.0.1") as wire:
        path = f"/api/devices/{device}/power"
        header = ["-H", f"X-Api-Token: {SECRET}", "-H", f"Cookie: a={SECRET}", "-H", "Content-Type: text/plain"]
        assert web.curl(shared, "PUT", f"{path}?secret={SECRET}", *header, data="true").status == 204
        head = wire.wait("request", "in", summary=f"PUT {path}?secret=••••")
        assert value(head, "method") == ("PUT", "RFC 9110 §9")
        assert value(head, "Cookie") == ("a=••••", "RFC 6265 §5.4")
        assert wire.wait("body", "in")["summary"] == "4 bytes · true"
        assert wire.wait("answer", "out", summary="204 No Content")["transport"] == "http"
        # Passwords are not shown, nor what might be one.
        body = json.dumps({"name": "nobody", "password": SECRET})
        web.curl(shared, "POST", "/api/session", "-H", "Content-Type: application/json", data=body)
        hidden = wire.wait("body", "in")
        assert set(hidden["hex"].split()) == {"••"} and hidden["bytes"] == len(body)
        everything = "\n".join(wire.text)
    spelled = " ".join(f"{byte:02x}" for byte in SECRET.encode())
    assert SECRET not in everything and spelled not in everything


def test_frames_of_a_websocket_and_mqtt_inside_of_one(hub, unique):
    topic = f"lab/{unique('ws')}"
    with Wire(hub, peer="127.0.0.1") as wire:
        with connect(hub.ws, proxy=None) as socket:
            wire.wait("request", "in", summary="GET /api/ws")
            wire.wait("answer", "out", summary="101 Switching Protocols")
            socket.send(json.dumps({"op": "publish", "topic": topic, "payload": "on", "id": 1}))
            socket.recv(PATIENCE)
            frame = wire.wait("text", "in")
            assert topic in value(frame, "payload")[0] and value(frame, "MASK") == ("1", "RFC 6455 §5.1")
            assert wire.wait("text", "out")["transport"] == "ws"
        assert wire.wait("close", "in")["summary"].startswith("1000")
        with Paho(hub, "5", name=unique("inside"), transport="websockets", token=SECRET) as client:
            client.publish(topic, "inside", 1)
            assert value(wire.wait("CONNECT", "in"), "password")[0] == "••••"
            assert wire.wait("PUBLISH", "in")["summary"].startswith(topic)
            outer = wire.wait("binary", "in")
            assert "••" in outer["hex"], "what is inside of it is shown by itself, and only there"
            about = connection(hub, client_id=client.name)
            assert (about["transport"], about["over"]) == ("mqtt", "ws")
        everything = "\n".join(wire.text)
    assert SECRET not in everything


def test_over_tls_the_plain_frames_and_over_http2_the_heads(shared, unique):
    topic = f"lab/{unique('tls')}"
    with Wire(shared, peer="127.0.0.1") as wire:
        with Paho(shared, "5", name=unique("secure"), tls=tls.context(shared)) as client:
            client.publish(topic, "safe", 1)
            assert value(wire.wait("PUBLISH", "in"), "payload")[0] == "safe"
            assert connection(shared, client_id=client.name)["over"] == "tls"
        command = ["curl", "-sS", "--noproxy", "*", "--http2", "--cacert", str(tls.ca(shared))]
        command += ["-H", f"Authorization: Bearer {SECRET}", f"https://localhost:{shared.port}/api/health"]
        subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)
        head = wire.wait("request", "in", hex="")
        assert "HTTP/2" in head["summary"] and head["bytes"] == 0
        assert value(head, "authorization")[0] == "Bearer ••••"
        assert "HTTP/2" in wire.wait("answer", "out", hex="")["summary"]
        assert SECRET not in "\n".join(wire.text)


def never_leaves(wire, *secrets):
    everything = "\n".join(wire.text)
    for secret in secrets:
        spelled = " ".join(f"{byte:02x}" for byte in secret.encode())
        assert secret not in everything and spelled not in everything


@pytest.mark.parametrize("over", ["tcp", "tls"])
def test_a_blynk_device_is_seen_from_its_first_byte_without_any_token(shared, unique, over):
    name = unique("blynked")
    token, other, wrong = blynk.token_of(shared, name), blynk.token_of(shared, unique("other")), "w" * 32
    with Wire(shared, device=name) as wire:
        with blynk.Raw(shared, wrap=tls.context(shared) if over == "tls" else None) as raw:
            assert raw.log_in(wrong) == (blynk.RESPONSE, 1, 9)
            assert raw.log_in(token) == (blynk.RESPONSE, 1, blynk.OK)
            raw.ready()
            for answer in ["9 invalid token · to message 1", "200 ok · to message 1"]:
                hello = wire.wait("hardware login", "in")
                assert value(hello, "token")[0] == "••••" and hello["redacted"] == [[5, 37]]
                assert wire.wait("response", "out")["summary"] == answer
            assert "js" in wire.wait("internal", "in")["summary"]
            number = raw.send(blynk.HARDWARE, "vw", 5, "21.5")
            sent = wire.wait("hardware", "in")
            assert sent["summary"] == f"vw 5 21.5 · message {number}"
            assert (value(sent, "pin")[0], value(sent, "value")[0], sent["transport"]) == ("5", "21.5", "blynk")
            assert len(bytes.fromhex(sent["hex"])) == sent["bytes"] == 5 + len("vw.5.21.5")
            shared.post(f"/api/devices/{name}/v7/set", data="on", headers={"Content-Type": "text/plain"})
            assert wire.wait("hardware", "out")["summary"].startswith("vw 7 on")
            assert raw.read()[2] == ["vw", "7", "on"]
            assert raw.ask(blynk.BRIDGE, 64, "i", other) == (blynk.RESPONSE, blynk.OK)
            assert wire.wait("bridge", "in")["summary"].startswith("64 i ••••")
            about = connection(shared, device=name)
            assert (about["transport"], about["over"], about["user"]) == ("blynk", over, f"device:{name}")
            assert about["in"]["frames"] >= 5 and about["client_id"].startswith("blynk-")
        assert wire.others.wait(what="the end")["event"] == "end"
        never_leaves(wire, token, other, wrong)


def test_who_looks_at_a_blynk_device_in_the_middle_sees_what_comes_from_then_on(shared, unique):
    name = unique("blynked")
    with blynk.device(shared, name) as raw:
        with Wire(shared, connection=connection(shared, device=name)["id"]) as wire:
            assert raw.ask(blynk.PING) == (blynk.RESPONSE, blynk.OK)
            assert wire.wait("ping", "in")["bytes"] == 5
            assert wire.wait("response", "out")["summary"].startswith("200 ok")


def test_blynk_inside_of_a_websocket(shared, unique):
    name = unique("blynked")
    token = blynk.token_of(shared, name)
    with Wire(shared, device=name) as wire:
        with connect(f"ws://{shared.host}:{shared.port}/websockets", proxy=None) as socket:
            socket.send(blynk.frame(blynk.HARDWARE_LOGIN, 1, token))
            socket.recv(PATIENCE)
            socket.send(blynk.frame(blynk.HARDWARE, 2, "vw", 1, "wide"))
            assert value(wire.wait("hardware login", "in"), "token")[0] == "••••"
            assert wire.wait("hardware", "in")["summary"] == "vw 1 wide · message 2"
            assert "••" in wire.wait("binary", "in")["hex"], "what is inside of it is shown by itself, and only there"
            about = connection(shared, device=name)
            assert (about["transport"], about["over"]) == ("blynk", "ws")
        never_leaves(wire, token)


def test_tokens_in_paths_of_blynk_are_shown_nowhere(shared, unique):
    name = unique("blynked")
    token, wrong = blynk.token_of(shared, name), "w" * 32
    before = shared.get("/api/refusals").json()["next"]
    with Wire(shared, peer="127.0.0.1") as wire:
        for path, status, told in [
            (f"/{token}/update/V1?value=7", 200, "/••••/update/V1?value=7"),
            (f"/{token}/get/V1", 200, "/••••/get/V1"),
            (f"/{token}/nothing.txt", 404, "/••••/nothing.txt"),
            (f"/{wrong}/get/V1", 400, "/••••/get/V1"),
            (f"/files/{token}/nothing.txt", 404, "/files/••••/nothing.txt"),
            (f"/external/api/get?token={token}&v1", 200, "/external/api/get?token=••••&v1"),
            (f"/external/api/get?token={wrong}&v1", 400, "/external/api/get?token=••••&v1"),
        ]:
            assert web.curl(shared, "GET", path).status == status, path
            wire.wait("request", "in", summary=f"GET {told}")
        # No route of Blynk's: what is said of it names the path.
        assert web.curl(shared, "PUT", f"/{token}", data="7").status == 405
        wire.wait("request", "in", summary="PUT /••••")
        absolute = ["--request-target", f"http://{shared.host}:{shared.port}/{token}/get/V1"]
        assert web.curl(shared, "GET", "/", *absolute).status == 200
        wire.wait("request", "in", summary=f"GET http://{shared.host}:{shared.port}/••••/get/V1")
        command = ["curl", "-sS", "--noproxy", "*", "--http2", "--cacert", str(tls.ca(shared))]
        command += [f"https://localhost:{shared.port}/{token}/get/V1"]
        assert subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True).stdout == b'["7"]'
        assert "/••••/get/V1" in wire.wait("request", "in", hex="")["summary"]
        # The body is shown, so that whoever looks sees what was answered.
        assert wire.wait("body", "out", summary='5 bytes · ["7"]')["transport"] == "http"
        told = refusal(shared, before, transport="http", kind="protocol")
        assert "/••••" in told["what"]
        refused = refusal(shared, before, transport="http", kind="credentials")
        assert "token is not valid" in refused["what"] and refused["user"] is None
        never_leaves(wire, token, wrong)
    said = shared.get("/api/refusals").text + shared.log()
    assert token not in said and wrong not in said


def test_a_blynk_login_that_is_refused_is_among_the_refusals(shared):
    before = shared.get("/api/refusals").json()["next"]
    with blynk.Raw(shared) as raw:
        assert raw.log_in("w" * 32) == (blynk.RESPONSE, 1, 9)
    told = refusal(shared, before, transport="blynk", kind="credentials")
    assert "token is not valid" in told["what"] and told["peer"].startswith("127.0.0.1:")
    assert "w" * 32 not in shared.get("/api/refusals").text + shared.log()


def test_where_no_blynk_is_spoken_its_tokens_are_hidden_all_the_same(make_hub, tmp_path):
    config = tmp_path / "hub.toml"
    config.write_text("[blynk]\nenabled = false\n")
    hub = make_hub("--config", str(config)).start()
    token = blynk.token_of(hub, "lamp")
    with Wire(hub, peer="127.0.0.1") as wire:
        assert web.curl(hub, "PUT", f"/{token}/update/V1", "-H", "Accept: application/json", data="[7]").status == 405
        wire.wait("request", "in", summary="PUT /••••/update/V1")
        answer = wire.wait("body", "out")["summary"]
        assert "/••••/update/V1" in answer, answer
        with blynk.Raw(hub) as raw:
            raw.write(blynk.frame(blynk.HARDWARE_LOGIN, 1, token))
            assert raw.is_closed()
        never_leaves(wire, token)
    assert "/••••/update/V1" in refusal(hub, transport="http", kind="protocol")["what"]
    told = refusal(hub, transport="tcp", kind="protocol")
    assert "blynk.enabled" in told["what"] and "blynk.enabled" in told["next"]
    assert token not in hub.get("/api/refusals").text + hub.log()


def test_a_large_message_is_cut_and_a_fast_one_loses_frames_not_time(shared, unique):
    name, topic = unique("fast"), f"lab/{unique('fast')}"
    with Paho(shared, name=name) as client:
        with Wire(shared, connection=connection(shared, client_id=name)["id"]) as wire:
            client.publish(topic, b"x" * 100_000, 1)
            frame = wire.wait("PUBLISH", "in")
            assert frame["cut"] and frame["bytes"] > 100_000 and len(bytes.fromhex(frame["hex"])) == 4096
            # Whether or not frames are lost, what is published is not.
            for number in range(5_000):
                client.client.publish(topic, str(number), 0)
            assert client.publish(topic, "last", 1) in (0, 16)


def test_who_may_look(owned):
    token = owned.post("/api/devices/lamp/token", json={}).json()["token"]
    mine = {"Authorization": f"Bearer {token}"}

    def status(path, headers=None):
        with requests.get(owned.url(path), headers=headers, stream=True, timeout=PATIENCE) as answer:
            return answer.status_code

    assert status("/api/connections") == status("/api/wire?device=lamp") == status("/api/refusals") == 401
    assert status("/api/wire?peer=127.0.0.1", mine) == status("/api/wire?device=fan", mine) == 403
    assert status("/api/refusals", mine) == 403
    assert status("/api/wire?device=lamp", mine) == 403
    listed = requests.get(owned.url("/api/connections"), headers=mine, timeout=PATIENCE).json()
    assert listed and {one["user"] for one in listed} == {"device:lamp"}
    assert owned.get("/api/wire").status_code == 400
    assert owned.get("/api/wire?connection=c0").status_code == 404
    assert owned.get("/api/wire?peer=kitchen").status_code == 400
    assert owned.get("/api/connections?after=x").status_code == 400


def test_connections_in_pages(shared, unique):
    names = [unique("paged") for _ in range(3)]
    clients = [Paho(shared, name=name) for name in names]
    try:
        seen, path = [], "/api/connections?limit=2"
        while path:
            answer = shared.get(path)
            assert len(answer.json()) <= 2
            seen += [one["client_id"] for one in answer.json()]
            path = answer.links.get("next", {}).get("url")
        assert [name for name in seen if name in names] == names
    finally:
        for client in clients:
            client.close()
