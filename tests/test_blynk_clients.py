"""Sketches written for Blynk, with its own libraries, unmodified: they are pointed at the hub and work."""

import pytest

from support import tls
from support.blynk import BlynkJs, Blynklib, BlynkNodes, BlynkPython, token_of
from support.paho import Paho
from support.wait import until


@pytest.fixture(scope="module")
def node():
    bridge = BlynkJs()
    yield bridge
    bridge.close()


def value(hub, name, prop):
    properties = hub.device(name)["properties"]
    return properties.get(prop, {}).get("value")


def comes(hub, name, prop, expected):
    until(lambda: value(hub, name, prop) == expected, what=f"{name}/{prop} = {expected!r}")


def ask_for(hub, name, prop, text):
    answer = hub.post(f"/api/devices/{name}/{prop}/set", data=text, headers={"Content-Type": "text/plain"})
    assert answer.status_code in (200, 202, 204), answer.text


def told(hub, name):
    listed = hub.get("/api/notifications?limit=1000").json()["notifications"]
    return [(entry["kind"], entry["text"]) for entry in listed if entry["device"] == name]


def listens(hub, name, sketch, pin):
    """Asks again and again until the sketch hears it: only then it has said what it is."""
    ask_for(hub, name, f"v{pin}", "hello")
    sketch.wait("write", pin, ["hello"])


@pytest.mark.parametrize("library", [Blynklib, BlynkPython])
def test_python_reports_hears_and_syncs(shared, unique, library):
    name = unique("board")
    with library(shared, token_of(shared, name)) as sketch:
        sketch.wait("connected")
        until(lambda: shared.device(name)["online"], what="it is online")
        sketch.do(lambda blynk: blynk.virtual_write(5, 21.5))
        comes(shared, name, "v5", 21.5)
        sketch.do(lambda blynk: blynk.virtual_write(6, 255, 128, 0))
        comes(shared, name, "v6", "[255,128,0]")
        listens(shared, name, sketch, 7)
        with Paho(shared) as paho:
            paho.publish(f"devices/{name}/v8/set", b"[1,2]")
        sketch.wait("write", 8, ["1", "2"])
        comes(shared, name, "v8", "[1,2]")
        sync = (lambda blynk: blynk.virtual_sync(5)) if library is Blynklib else (lambda blynk: blynk.sync_virtual(5))
        sketch.do(sync)
        sketch.wait("write", 5, ["21.5"])
        sketch.do(lambda blynk: blynk.set_property(5, "color", "#D3435C"))
        sketch.do(lambda blynk: blynk.notify("too warm"))
        until(lambda: told(shared, name) == [("push", "too warm")], what="the notification")
        ask_for(shared, name, "v9", "still there")
        sketch.wait("write", 9, ["still there"])


@pytest.mark.parametrize("library", [Blynklib, BlynkPython])
def test_python_stays_with_short_heartbeats(shared, unique, library):
    name = unique("board")
    with library(shared, token_of(shared, name), heartbeat=1) as sketch:
        sketch.wait("connected")
        bytes_in = lambda: [  # noqa: E731
            client["bytes"]["in"] for client in shared.get("/api/clients").json() if client["user"] == f"device:{name}"
        ]
        until(bytes_in, what="the client")
        before = bytes_in()[0]
        # Nothing but pings comes by itself.
        until(lambda: bytes_in()[0] >= before + 3 * 5, what="three pings")
        listens(shared, name, sketch, 1)


def test_blynklib_over_tls_with_the_hubs_own_ca(shared, unique):
    name = unique("board")
    with Blynklib(shared, token_of(shared, name), certificate=tls.ca(shared)) as sketch:
        sketch.wait("connected")
        sketch.do(lambda blynk: blynk.virtual_write(1, "safe"))
        comes(shared, name, "v1", "safe")
        listens(shared, name, sketch, 2)


def test_blynklib_with_a_wrong_token_says_so(shared):
    said = []
    with Blynklib(shared, "x" * 32, log=lambda *texts: said.append(" ".join(map(str, texts)))):
        until(lambda: any("Invalid Auth Token" in text for text in said), what="what it says of the token")


@pytest.mark.parametrize("secure", [False, True])
def test_javascript_reports_hears_and_draws(shared, unique, node, secure):
    name, other = unique("board"), unique("other")
    ca = tls.ca(shared) if secure else None
    with node.connect(shared, token_of(shared, name), range(1, 10), ca) as board:
        board.wait("connect")
        board.write(1, "21.5")
        comes(shared, name, "v1", 21.5)
        board.write(2, 1, "x")
        comes(shared, name, "v2", '[1,"x"]')
        listens(shared, name, board, 3)
        board.call("syncVirtual", 1)
        board.wait("write", 1, ["21.5"])
        board.widget("WidgetLCD", 20, "print", 0, 1, "hi")
        comes(shared, name, "v20", '["p",0,1,"hi"]')
        board.widget("WidgetTerminal", 21, "write", "line")
        comes(shared, name, "v21", "line")
        board.widget("WidgetTable", 22, "clear")
        comes(shared, name, "v22", "clr")
        board.call("eventLog", "hot", "over 40")
        board.call("notify", "alarm")
        until(lambda: told(shared, name) == [("event", "over 40"), ("push", "alarm")], what="what people are told")
        with node.connect(shared, token_of(shared, other), [9], ca) as target:
            target.wait("connect")
            listens(shared, other, target, 9)
            board.widget("WidgetBridge", 64, "setAuthToken", token_of(shared, other))
            board.widget("WidgetBridge", 64, "virtualWrite", 9, "7")
            target.wait("write", 9, ["7"])
            # A text since the greeting.
            comes(shared, other, "v9", "7")


def test_a_colour_goes_to_a_real_client_and_comes_back(shared, unique):
    name = unique("lamp")
    shared.declare(name, color={"type": "color", "bindings": ["blynk:V1"]})
    with Blynklib(shared, token_of(shared, name)) as sketch, Paho(shared) as paho:
        paho.subscribe(f"devices/{name}/color")
        sketch.wait("connected")
        ask_for(shared, name, "color", "#ff8000")
        sketch.wait("write", 1, ["255", "128", "0"])
        assert paho.wait(f"devices/{name}/color").payload == b"#ff8000"
        sketch.do(lambda blynk: blynk.virtual_write(1, 1, 2, 3))
        assert paho.wait(f"devices/{name}/color", b"#010203")
        assert shared.prop(name, "color")["target"] is None


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "secure"])
def test_nodes_of_node_red_over_a_websocket(shared, unique, secure):
    name = unique("flow")
    address = f"{'wss' if secure else 'ws'}://{shared.host}:{shared.port}/websockets"
    nodes = BlynkNodes()
    try:
        nodes.add(
            {
                "type": "blynk-ws-client",
                "id": "client",
                "path": address,
                "key": token_of(shared, name),
                "enabled": True,
                "proxy_type": "no",
            },
            {"type": "blynk-ws-in-write", "id": "in", "client": "client", "pin": "1", "pin_all": True},
            {"type": "blynk-ws-out-write", "id": "out", "client": "client", "pin": "2", "pinmode": 0},
            {"type": "blynk-ws-out-sync", "id": "sync", "client": "client", "pin": "2", "pinmode": 0},
        )
        nodes.wait("in", "status", fill="green")
        until(lambda: shared.device(name)["online"], what="it is online")
        nodes.input("out", payload="21.5")
        until(lambda: shared.prop(name, "v2")["value"] == 21.5, what="its value")
        nodes.input("sync", payload=True)
        assert nodes.wait("in", "send")["message"]["payload"] == "21.5"
        nodes.input("out", payload=["1", "zwei", "3"])
        until(lambda: shared.prop(name, "v2")["value"] == '[1,"zwei",3]', what="its values")
        # What is asked of it, as widgets would.
        shared.post(f"/api/devices/{name}/v7/set", data="[255,128,0]", headers={"Content-Type": "text/plain"})
        message = nodes.wait("in", "send")["message"]
        assert (message["pin"], message["arrayOfValues"]) == ("7", ["255", "128", "0"]), message
    finally:
        nodes.close()
    until(lambda: not shared.device(name)["online"], what="it is offline")
