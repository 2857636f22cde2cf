"""TLS with the clients that people have: each trusts the hub's CA and nothing else, on the one port and on the one for MQTT over TLS."""

import asyncio
import contextlib
import json
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import time

import pytest
import requests
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from support import cli, mosquitto, tls
from support.browser import Browser
from support.node import NodeFailure
from support.paho import ACCEPTED, Paho
from support.rawmqtt import connect as raw_connect
from support.wait import PATIENCE, Timeout, until

both_ports = pytest.mark.parametrize("port", ["one", "mqtts"])
both_versions = pytest.mark.parametrize("version", ["3.1.1", "5"])


def number(hub, port):
    return hub.port if port == "one" else hub.mqtts_port


def curl(hub, *more, path="/api/health"):
    """curl by the host's name; exit code and output, head included."""
    command = ["curl", "-sS", "-i", "--noproxy", "*", "--max-time", str(PATIENCE)]
    done = subprocess.run(
        [*command, *map(str, more), f"https://localhost:{hub.port}{path}"], capture_output=True, timeout=PATIENCE + 5
    )
    return done.returncode, (done.stdout + done.stderr).decode()


def test_curl_trusts_the_hub_by_its_ca_alone(shared):
    code, text = curl(shared, "--cacert", tls.ca(shared))
    assert code == 0 and " 200 " in text.splitlines()[0], text
    code, text = curl(shared)
    assert code == 60, f"without the CA: {code} {text}"
    for version in ("--tls-max=1.2", "--tlsv1.3"):
        code, text = curl(shared, "--cacert", tls.ca(shared), *version.split("="))
        assert code == 0, f"{version}: {text}"


def test_curl_is_answered_on_a_kept_connection_and_when_its_body_is_too_large(shared):
    certificate = tls.ca(shared)
    url = f"https://127.0.0.1:{shared.port}/api/health"
    done = subprocess.run(
        ["curl", "-sS", "-v", "--noproxy", "*", "--cacert", str(certificate), url, url, url],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.stderr.count("Re-using existing connection") == 2, done.stderr
    large = certificate.parent / "large"
    large.write_bytes(b"x" * 5_000_000)
    # In HTTP/1.1 the connection ends with the answer, which must not be cut off by what the client still sends.
    more = ["--http1.1", "-T", large, "-H", "Expect:"]
    code, text = curl(shared, "--cacert", certificate, *more, path="/api/topics/large")
    assert code == 0 and " 413 " in text, text


def websocket(hub):
    """Of asyncio: the threads of the other client use one TLS connection at once, which older Pythons cannot."""
    return connect(f"wss://localhost:{hub.port}/api/ws", ssl=tls.context(hub), proxy=None)


def test_requests_and_websockets_of_python(shared, unique):
    topic, trust = f"tls/{unique()}", str(tls.ca(shared))

    def post():
        with requests.Session() as session:
            session.trust_env = False
            url = f"https://localhost:{shared.port}/api/topics/{topic}"
            return session.post(url, data="hello", verify=trust, timeout=PATIENCE)

    async def talk():
        async with websocket(shared) as web:
            await web.send(json.dumps({"op": "subscribe", "id": "1", "filter": topic}))
            assert json.loads(await web.recv()) == {"op": "ok", "id": "1"}
            answer = await asyncio.to_thread(post)
            assert answer.status_code == 204, answer.text
            frame = json.loads(await web.recv())
            assert (frame["topic"], frame["payload"]) == (topic, "hello")
            clients = await asyncio.to_thread(lambda: shared.get("/api/clients?connected=true").json())
            assert "wss" in [client["transport"] for client in clients]

    asyncio.run(asyncio.wait_for(talk(), PATIENCE))


@pytest.mark.parametrize(
    "flag, accepted", [("-tls1_3", True), ("-tls1_2", True), ("-tls1_1", False), ("-tls1", False)]
)
def test_versions(flag, accepted, shared):
    # openssl's own policy would refuse the old ones before the hub could.
    arguments = ["-connect", f"127.0.0.1:{shared.port}", "-CAfile", tls.ca(shared), "-verify_return_error", flag]
    old = [] if accepted else ["-cipher", "DEFAULT:@SECLEVEL=0"]
    code, text = tls.openssl("s_client", *arguments, *old)
    assert (code == 0) == accepted, text
    if accepted:
        assert "Verify return code: 0 (ok)" in text
    else:
        assert re.search("alert (protocol version|handshake failure)", text), text


@both_versions
@both_ports
def test_mosquitto(version, port, shared, unique):
    topic, trust = f"tls/{unique()}", ["--cafile", str(tls.ca(shared))]
    with mosquitto.Sub(shared, topic, version=version, qos=1, port=number(shared, port), more=trust) as sub:
        mosquitto.publish(shared, topic, "by tls", version, qos=1, port=number(shared, port), more=trust)
        assert sub.wait(topic, "by tls").qos == 1
        mosquitto.publish(shared, topic, "by tcp", version, qos=1)
        sub.wait(topic, "by tcp")
    client = shared.get(f"/api/clients/{sub.name}")
    assert client.status_code == 404 or client.json()["transport"] == "tls"


@both_versions
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_paho(version, qos, shared, unique):
    topic, count = f"tls/{unique()}", 300
    with Paho(shared, version, tls=tls.context(shared)) as sub, Paho(shared, version, tls=tls.context(shared)) as pub:
        sub.subscribe(topic, qos)
        for sent in range(count):
            pub.client.publish(topic, str(sent), qos)
        assert [int(sub.wait(topic, timeout=30).text) for _ in range(count)] == list(range(count))
        large = b"x" * 900_000
        pub.publish(topic, large, qos)
        assert sub.wait(topic).payload == large


def test_paho_in_a_websocket(shared, unique):
    topic = f"tls/{unique()}"
    with Paho(shared, port=shared.port, transport="websockets", tls=tls.context(shared)) as web:
        web.subscribe(topic, 1)
        web.publish(topic, "by wss")
        web.wait(topic, "by wss")


@both_versions
@pytest.mark.parametrize("scheme", ["mqtts", "wss"])
def test_mqttjs(version, scheme, shared, js, unique):
    topic = f"tls/{unique()}"
    address = f"mqtts://localhost:{shared.mqtts_port}" if scheme == "mqtts" else f"wss://localhost:{shared.port}/mqtt"
    with js.connect_to(address, version, ca=tls.ca(shared).read_text()) as client:
        client.subscribe(topic, 2)
        assert client.publish(topic, "hello", 2) == 0
        assert client.wait(topic, "hello").qos == 2
        shown = shared.get(f"/api/clients/{client.client_id}").json()
        assert shown["transport"] == {"mqtts": "tls", "wss": "wss"}[scheme]
    with pytest.raises(NodeFailure, match="self-signed|unable to|certificate"):
        js.connect_to(address, version)


def test_a_browser_shows_the_page_and_its_values(hub):
    hub.report("lamp", "power", "true")
    browser = Browser(f"--ignore-certificate-errors-spki-list={tls.key_pin(hub)}")
    try:
        with browser.open(f"https://localhost:{hub.port}/") as page:
            assert page.evaluate("window.isSecureContext && fetch('/api/health').then((answer) => answer.status)") == 200
            # A WebSocket, too: the page's way to its values.
            seen = page.evaluate(
                """new Promise((resolve, reject) => {
                    const socket = new WebSocket(`wss://${location.host}/api/ws`);
                    socket.onopen = () => socket.send(JSON.stringify({op: "get", id: "1", topic: "devices/lamp/power"}));
                    socket.onmessage = (message) => resolve(message.data);
                    socket.onerror = () => reject(new Error("no WebSocket"));
                })"""
            )
            assert json.loads(seen)["payload"] is True
    finally:
        browser.close()


def test_the_ca_is_offered_in_every_form_and_the_files_are_private(hub):
    pem = hub.get("/ca.crt")
    der = hub.get("/ca.der")
    assert pem.headers["Content-Type"] == der.headers["Content-Type"] == "application/x-x509-ca-cert"
    assert ssl.PEM_cert_to_DER_cert(pem.text) == der.content
    profile = hub.get("/ca.mobileconfig")
    assert profile.headers["Content-Type"] == "application/x-apple-aspen-config"
    assert "com.apple.security.root" in profile.text
    assert hub.request("HEAD", "/ca.crt").content == b""
    assert hub.request("POST", "/ca.crt").status_code != 200
    folder = hub.data / "tls"
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {
        "ca.pem": 0o600,
        "ca.crt": 0o644,
        "server.pem": 0o600,
    }
    assert (folder / "ca.crt").read_text() == pem.text
    assert "PRIVATE" not in pem.text + hub.log()


def test_api_tls_says_what_is_shown(hub):
    told = hub.get("/api/tls").json()
    assert told["mode"] == "on" and told["certificate"]["issued_by"] == "local"
    assert told["certificate"]["fingerprint"] == tls.shown(hub) == tls.shown(hub, hub.mqtts_port)
    names = told["certificate"]["names"]
    assert {"localhost", "housewire.local", "127.0.0.1", "::1", socket.gethostname().lower().split(".")[0]} <= set(names)
    assert told["certificate"]["issuer"] == told["ca"]["subject"]
    assert "PRIVATE" not in json.dumps(told)
    # The same after a restart: nobody has to trust anything anew.
    again = hub.restart().get("/api/tls").json()
    assert again == told


def test_names_of_the_configuration_are_in_the_certificate(make_hub):
    hub = make_hub("--names", "home.example.org,203.0.113.9").start()
    trust = tls.ca(hub)
    code, text = curl(hub, "--cacert", trust, "--connect-to", "::127.0.0.1:")
    assert code == 0, text
    names = hub.get("/api/tls").json()["certificate"]["names"]
    assert {"home.example.org", "203.0.113.9"} <= set(names)
    hub.stop()
    # A further name is there after the next start, of the same CA.
    hub.flags[hub.flags.index("--names") + 1] = "other.example.org"
    hub.start()
    assert "other.example.org" in hub.get("/api/tls").json()["certificate"]["names"]
    assert tls.ca(hub).read_text() == trust.read_text()


@both_ports
def test_a_device_with_a_certificate_is_that_device(port, hub):
    certificate, key = tls.device_certificate(hub, "lamp")
    trust = ["--cafile", str(tls.ca(hub)), "--cert", str(certificate), "--key", str(key)]
    with Paho(hub) as observer:
        observer.subscribe("devices/#", 1)
        mosquitto.publish(hub, "devices/lamp/power", "true", "5", qos=1, port=number(hub, port), more=trust)
        observer.wait("devices/lamp/power", "true")
    with Paho(hub, port=number(hub, port), tls=tls.context(hub, (certificate, key)), name="it") as device:
        assert hub.get("/api/clients/it").json()["user"] == "device:lamp"
        assert device.subscribe("devices/lamp/#", 1) == [1]
        assert device.subscribe("devices/fan/#", 1) == [0x87]
        assert device.publish("devices/fan/power", "true") == 0x87
    code, text = curl(
        hub, "--cacert", tls.ca(hub), "--cert", certificate, "--key", key, "-X", "PUT", "-d", "false",
        path="/api/devices/lamp/power",
    )  # fmt: skip
    assert code == 0 and " 204 " in text, text
    assert hub.prop("lamp", "power")["value"] is False


def test_a_device_may_keep_its_key_to_itself(hub):
    key, request = hub.folder / "lamp.key", hub.folder / "lamp.csr"
    tls.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    tls.openssl("req", "-new", "-key", key, "-subj", "/CN=whatever", "-out", request)
    certificate, _ = tls.device_certificate(hub, "lamp", {"csr": request.read_text()})
    code, text = tls.openssl("x509", "-in", certificate, "-noout", "-subject", "-ext", "extendedKeyUsage")
    assert code == 0 and "CN = lamp" in text and "TLS Web Client Authentication" in text, text
    code, text = tls.openssl("verify", "-CAfile", tls.ca(hub), "-purpose", "sslclient", certificate)
    assert code == 0, text
    with Paho(hub, tls=tls.context(hub, (certificate, key))) as device:
        assert device.publish("devices/lamp/power", "true") in ACCEPTED
    for body, status in [({"csr": "nonsense"}, 422), ({"cs": 1}, 400), ({"csr": "x" * 20_000}, 413)]:
        answer = hub.post("/api/devices/lamp/certificate", json=body)
        assert answer.status_code == status, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert hub.post("/api/devices/lamp/power").status_code == 405
    assert hub.post("/api/devices/bad%20name/certificate").status_code == 400


def test_certificates_that_the_hub_did_not_issue(make_hub):
    hub = make_hub().start()
    certificate, key, ca_of_theirs = tls.own_certificate(hub.folder, "lamp", "theirs")
    foreign = tls.context(hub, (certificate, key))
    foreign.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match="(?i)unknown ca"):
        Paho(hub, tls=foreign)
    until(lambda: "TLS handshake failed" in hub.log(), what="a line about it")
    hub.stop()
    # The configuration may name their CA: then its common names are devices.
    trusting = make_hub("--tls-client-ca", ca_of_theirs, "--tls-client-auth", "required", folder="trusting").start()
    with Paho(trusting, tls=tls.context(trusting, (certificate, key)), name="it"):
        assert trusting.get("/api/clients/it").json()["user"] == "device:lamp"
    nobody = tls.context(trusting)
    nobody.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Paho(trusting, tls=nobody)


def test_own_files_are_read_again_on_sighup(make_hub, tmp_path):
    certificate, key, ca = tls.own_certificate(tmp_path)
    hub = make_hub("--tls-certificate", certificate, "--tls-key", key).start()
    code, text = curl(hub, "--cacert", ca)
    assert code == 0, text
    first = tls.shown(hub)
    assert hub.get("/api/tls").json()["certificate"]["issued_by"] == "own"
    trust = ssl.create_default_context(cafile=str(ca))
    with Paho(hub, tls=trust, name="stays") as stays:
        stays.subscribe("a", 1)
        tls.own_certificate(tmp_path)
        hub.process.send_signal(signal.SIGHUP)
        until(lambda: tls.shown(hub) != first, what="the new certificate")
        second = tls.shown(hub)
        stays.publish("a", "still here")
        stays.wait("a", "still here")

        certificate.write_text("nonsense")
        hub.process.send_signal(signal.SIGHUP)
        until(lambda: "what was read before is used on" in hub.log(), what="the complaint")
        assert "own.pem (tls.certificate)" in hub.log()
        assert tls.shown(hub) == second
        stays.publish("a", "and here")
        stays.wait("a", "and here")
    hub.stop()
    _, log = hub.refuses_to_start()
    assert "own.pem (tls.certificate) cannot be used" in log


def test_sighup_without_files_of_somebody_else_changes_nothing(hub):
    shown = tls.shown(hub)
    for _ in range(3):
        hub.process.send_signal(signal.SIGHUP)
    assert hub.get("/api/health").status_code == 200
    assert tls.shown(hub) == shown and hub.running()


def test_a_damaged_ca_ends_the_start_and_a_damaged_certificate_is_mended(make_hub):
    hub = make_hub().start()
    before = tls.ca(hub).read_text()
    hub.stop()
    folder = hub.data / "tls"
    (folder / "server.pem").write_text("half a cert")
    (folder / "ca.crt").unlink()
    hub.start()
    assert tls.ca(hub).read_text() == before == (folder / "ca.crt").read_text()
    code, text = curl(hub, "--cacert", tls.ca(hub))
    assert code == 0, text
    hub.stop()
    good = (folder / "ca.pem").read_text()
    (folder / "ca.pem").write_text(good[: len(good) // 2])
    _, log = hub.refuses_to_start()
    assert "ca.pem' cannot be used as the local CA" in log and "backup" in log
    assert (folder / "ca.pem").read_text() == good[: len(good) // 2]
    shutil.rmtree(folder)
    hub.start()
    assert tls.ca(hub).read_text() != before


def test_a_hub_without_tls(make_hub):
    hub = make_hub("--tls", "off", "--mqtts-port", "off").start()
    assert not (hub.data / "tls").exists() and hub.mqtts_port is None
    assert hub.get("/api/tls").json() == {"mode": "off", "client_auth": "optional", "certificate": None, "ca": None}
    assert hub.post("/api/devices/lamp/certificate").status_code == 409
    code, text = tls.openssl("s_client", "-connect", f"127.0.0.1:{hub.port}")
    assert code != 0 and "handshake failure" in text, text
    refusing = make_hub("--tls", "off", "--mqtts-port", "18883", folder="refusing")
    _, log = refusing.refuses_to_start()
    assert "mqtts_port = 18883" in log and "tls.mode is off" in log


def test_plain_bytes_on_the_port_for_tls(hub):
    with socket.create_connection((hub.host, hub.mqtts_port), PATIENCE) as plain:
        plain.sendall(raw_connect())
        # Closed at once, with what it said unread.
        with contextlib.suppress(ConnectionResetError):
            assert plain.recv(100) == b""
    until(lambda: "it did not begin with TLS" in hub.log(), what="a line that says why")
    with Paho(hub, tls=tls.context(hub)) as client:
        assert client.publish("a", "b") in ACCEPTED
    # The other way about: TLS on the port that has none.
    with pytest.raises((ssl.SSLError, ConnectionError, Timeout)):
        Paho(hub, port=hub.mqtt_port, tls=tls.context(hub))


JUNK = {
    "one byte": b"\x16",
    "a huge record": b"\x16\x03\x01\xff\xff",
    "much of it": b"\x16" * 70_000,
    "no hello": b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff",
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK.keys())
def test_junk_that_begins_like_tls_is_nobodys_problem(junk, hub):
    sockets = []
    for port in (hub.port, hub.mqtts_port):
        for _ in range(50):
            made = socket.create_connection((hub.host, port), PATIENCE)
            # Some of it may come when the hub has heard enough.
            with contextlib.suppress(ConnectionError):
                made.sendall(junk)
            sockets.append(made)
    with Paho(hub, tls=tls.context(hub)) as client:
        assert client.publish("a", "b") in ACCEPTED
    for made in sockets:
        made.close()


def test_hundreds_of_half_open_handshakes_leave_room_for_everybody(make_hub, record_property):
    config = make_hub().folder / "limits.toml"
    config.write_text('[limits]\ngreeting_timeout = "3s"\n')
    hub = make_hub("--config", config).start()
    hello = client_hello()
    before = memory(hub)
    half_open = []
    for _ in range(500):
        made = socket.create_connection((hub.host, hub.port), PATIENCE)
        made.sendall(hello)
        half_open.append(made)
    began = time.monotonic()
    with Paho(hub) as plain:
        assert plain.publish("a", "b") in ACCEPTED
    with Paho(hub, tls=tls.context(hub)) as client:
        assert client.publish("a", "b") in ACCEPTED
    took = time.monotonic() - began
    each = (memory(hub) - before) / len(half_open)
    record_property("figures", f"half-open TLS handshakes: {each / 1024:.1f} KiB each; others were served in {took:.2f} s")
    assert each < 64 * 1024
    for made in half_open:
        made.settimeout(PATIENCE)
        # Reset, where a busy machine had not come to read it.
        with contextlib.suppress(ConnectionResetError):
            while made.recv(65536):
                pass
        made.close()


def client_hello():
    """The first flight of a real client, which never sends the next one."""
    outgoing = ssl.MemoryBIO()
    bare = ssl.create_default_context()
    bare.check_hostname, bare.verify_mode = False, ssl.CERT_NONE
    client = bare.wrap_bio(ssl.MemoryBIO(), outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def memory(hub):
    """Bytes of memory that the hub's process has at the moment."""
    status = open(f"/proc/{hub.process.pid}/status").read()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024


def test_idle_clients_over_tls_cost_little(make_hub, record_property):
    hub = make_hub().start()
    context = tls.context(hub)

    def idle(secure, number):
        made = socket.create_connection((hub.host, hub.mqtts_port if secure else hub.mqtt_port), PATIENCE)
        if secure:
            made = context.wrap_socket(made, server_hostname="localhost")
        made.sendall(raw_connect(name=f"idle-{secure}-{number}"))
        assert made.recv(100)[:2] == b"\x20\x02"
        return made

    figures = {}
    kept = [idle(secure, -1) for secure in (False, True)]
    for secure in (False, True):
        before, count = memory(hub), 400
        kept += [idle(secure, number) for number in range(count)]
        figures[secure] = (memory(hub) - before) / count
    extra = figures[True] - figures[False]
    record_property("figures", f"an idle MQTT client over TLS: {extra / 1024:.1f} KiB more than over TCP")
    assert extra < 24 * 1024
    for made in kept:
        made.close()


def test_a_stop_tells_everybody_inside_of_tls(make_hub):
    hub = make_hub().start()
    clients = [Paho(hub, "5", tls=tls.context(hub)) for _ in range(5)]

    async def stop():
        async with websocket(hub) as web:
            took = await asyncio.to_thread(hub.stop)
            with pytest.raises(ConnectionClosed) as closed:
                await web.recv()
            return took, closed.value.rcvd.code

    took, code = asyncio.run(asyncio.wait_for(stop(), PATIENCE))
    assert took < 30 and code == 1001
    assert [client.wait_disconnect() for client in clients] == [0x8B] * 5


def test_with_tls_only_this_machine_may_still_come_without(make_hub):
    hub = make_hub("--tls", "only").start()
    assert hub.get("/api/health").status_code == 200
    assert hub.get("/api/tls").json()["mode"] == "only"
    with Paho(hub) as client:
        assert client.publish("a", "b") in ACCEPTED


def test_the_commands_trust_the_ca_that_they_are_given(hub):
    at = ["--hub", f"https://localhost:{hub.port}"]
    trust = ["--ca-file", tls.ca(hub)]
    cli.ok(None, "pub", "tls/a", "hello", "--retain", *at, *trust)
    assert cli.ok(None, "get", "tls/a", *at, *trust).text.strip() == "hello"
    with cli.Running(None, "sub", "tls/#", *at, *trust) as running:
        running.lines.wait(lambda line: "hello" in line, what="the retained message, by a WebSocket")
    # Without it, whatever the door of the command, it says what is wrong and what to do.
    for command in (["get", "tls/a"], ["pub", "tls/a", "x"], ["sub", "tls/#"]):
        done = cli.run(None, *command, *at)
        assert done.code == 3, done
        assert "cannot trust the hub" in done.err and "--ca-file" in done.err, done
    done = cli.run(None, "get", "tls/a", *trust, "--hub", f"https://127.0.0.2:{hub.port}")
    assert done.code == 3, done
    done = cli.run(None, "get", "tls/a", *at, "--ca-file", hub.data / "housewire.db")
    assert done.code == 2 and "/ca.crt" in done.err, done
