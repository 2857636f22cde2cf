"""A shutdown in good order: everybody is told in their own language, and it ends with 0 within five seconds."""

import signal
import socket

import pytest

from support import mosquitto, rawmqtt, web
from support.paho import Paho
from support.rawmqtt import Raw


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_everybody_is_told(end, make_hub, js):
    hub = make_hub().start()
    hub.report("lamp", "p", "1")
    etag = hub.get("/api/devices/lamp/p").headers["ETag"]

    # Fifty connections of all kinds.
    old = [Raw(hub, version=4, name=f"old-{n}") for n in range(8)]
    new = [Raw(hub, port=hub.port, version=5, name=f"new-{n}") for n in range(8)]
    pahos = [Paho(hub, version, name=f"paho-{version}-{n}") for version in ("3.1.1", "5") for n in range(3)]
    mqttjs = [js.connect(hub, version) for version in ("3.1.1", "5")]
    subs = [mosquitto.Sub(hub, "#", version=version) for version in ("3.1.1", "5")]
    sockets = [web.Socket(hub) for _ in range(8)]
    streams = [web.Events(hub, "#") for _ in range(4)]
    silent = [socket.create_connection((hub.host, port)) for port in (hub.port, hub.mqtt_port) for _ in range(4)]
    half = [Raw(hub), Raw(hub, hub.port)]
    for raw in half:
        raw.send(rawmqtt.connect(5, "half")[:9])
    idle_http = socket.create_connection((hub.host, hub.port))
    idle_http.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert idle_http.recv(65536).startswith(b"HTTP/1.1 200")
    uploading = socket.create_connection((hub.host, hub.port))
    uploading.sendall(b"PUT /api/topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf")
    polling = socket.create_connection((hub.host, hub.port))
    path = "/api/devices/lamp/p?wait=60s"
    polling.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {etag}\r\n\r\n".encode())
    for raw in old + new:
        raw.send(rawmqtt.subscribe("#", raw.version))
    for client in pahos:
        client.subscribe("#", 1)
    for client in sockets:
        client.subscribe("#")

    hub.stop(end)

    for raw in new:
        assert raw.ended_with() == 0x8B
    for raw in old:
        assert raw.ended_with() is None
    for client in pahos:
        code = client.wait_disconnect()
        if client.version == "5":
            assert code == 0x8B
    for client in mqttjs:
        client.events.wait(lambda frame: frame["event"] == "close", what="close")
    assert mqttjs[1].events.wait(lambda frame: frame["event"] == "disconnect", what="DISCONNECT")["code"] == 0x8B
    for client in sockets:
        assert client.wait_close() == 1001
    for stream in streams:
        # curl's 0: the response came to its proper end (the last chunk), it was not cut off.
        assert stream.messages.wait_closed() == "curl ended with 0"
    for connection in silent + [idle_http, uploading]:
        connection.settimeout(5)
        read_to_end(connection)
        connection.close()
    polling.settimeout(5)
    assert polling.recv(65536)[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 304", b"HTTP/1.1 503")
    polling.close()
    for sub in subs:
        sub.kill()
    for raw in old + new + half:
        raw.close()


def read_to_end(connection):
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass


def test_a_slow_reader_does_not_hold_it_up(make_hub):
    """A subscriber that never reads while megabytes wait for it."""
    hub = make_hub().start()
    with Raw(hub, version=4, name="slow") as slow, Paho(hub) as pub:
        slow.send(rawmqtt.subscribe("flood", 4, options=1))
        assert slow.read().kind == rawmqtt.SUBACK
        for _ in range(200):
            pub.client.publish("flood", b"x" * 50_000, 0)
        pub.publish("flood", "end")
        hub.stop()


def test_new_connections_are_refused_once_it_ends(make_hub):
    hub = make_hub().start()
    hub.stop()
    for port in (hub.port, hub.mqtt_port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((hub.host, port), 2)
