"""Why a device is away: real clients that leave in each of the ways there are."""

import socket
import struct

import pytest
from websockets.sync.client import connect

from support.paho import Paho
from support.wait import PATIENCE, until


def presence(hub, device):
    answer = hub.get(f"/api/devices/{device}/presence")
    assert answer.status_code == 200, answer.text
    return answer.json()


def away(hub, device, reason):
    until(lambda: presence(hub, device)["reason"] == reason, what=f"{device} to be away because of: {reason}")
    told = presence(hub, device)
    assert not told["online"] and told["since"] and told["said"].endswith((".", "?"))
    assert (told["past"][0]["online"], told["past"][0]["reason"]) == (False, reason)
    return told


def reset(client):
    """The connection breaks without a word."""
    client.client.loop_stop()
    wire = client.client.socket()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


def device(hub, name, **options):
    client = Paho(hub, "5", name=name, **options)
    client.publish(f"devices/{name}/power", "true", 1)
    return client


def test_never_then_there_then_gone(shared, unique):
    name = unique("lamp")
    shared.declare(name, power={"type": "bool"})
    told = presence(shared, name)
    assert (told["online"], told["reason"], told["since"], told["past"]) == (False, "never connected", None, [])
    with device(shared, name) as lamp:
        until(lambda: presence(shared, name)["online"], what="it to be there")
        told = presence(shared, name)
        assert (told["reason"], [one["client_id"] for one in told["connections"]]) == (None, [name])
        assert told["last_seen"] and told["connections"][0]["device"] == name
        lamp.client.disconnect()
        told = away(shared, name, "goodbye")
        assert [one["online"] for one in told["past"]] == [False, True] and told["connections"] == []
    assert shared.get(f"/api/presence/{name}").json()["past"] == told["past"]
    assert shared.get("/api/presence/nobody-here").status_code == 404


def test_it_listens_and_says_nothing(shared, unique):
    name = unique("lamp")
    token = shared.post(f"/api/devices/{name}/token").json()["token"]
    with Paho(shared, "5", name=unique("ear"), token=token) as ear:
        ear.subscribe(f"devices/{name}/+/set", 1)
        assert presence(shared, name)["reason"] == "silent"
        # Another program says something for it, and goes.
        with device(shared, name) as lamp:
            until(lambda: presence(shared, name)["online"], what="it to be there")
            lamp.client.disconnect()
        until(lambda: presence(shared, name)["reason"] == "silent", what="it to be silent")
        told = presence(shared, name)
        assert "no value" in told["said"] and told["past"][0]["reason"] == "goodbye"
        assert len(told["connections"]) == 1


def test_the_connection_breaks_with_and_without_a_will(shared, unique):
    name = unique("lamp")
    lamp = device(shared, name)
    reset(lamp)
    away(shared, name, "network")
    name = unique("lamp")
    lamp = device(shared, name, will={"topic": f"devices/{name}/$online", "payload": "false", "qos": 1})
    reset(lamp)
    away(shared, name, "will")


def test_silence(shared, unique):
    name = unique("lamp")
    lamp = device(shared, name, keepalive=1)
    # Its program hangs: nothing is read or written any more, and the socket stays open.
    lamp.client.loop_stop()
    away(shared, name, "keep-alive")
    lamp.client.socket().close()


def test_somebody_takes_its_place_and_an_admin_throws_it_out(owned):
    owned.declare("fan", power={"type": "bool"})
    token = owned.post("/api/devices/fan/token", json={}).json()
    lamp = Paho(owned, "5", name="fan", token=token["token"])
    lamp.publish("devices/fan/power", "true", 1)
    until(lambda: presence(owned, "fan")["online"], what="it to be there")
    with Paho(owned, "5", name="fan", token=token["token"]):
        away(owned, "fan", "replaced")
    lamp = Paho(owned, "5", name="fan", token=token["token"])
    lamp.publish("devices/fan/power", "true", 1)
    until(lambda: presence(owned, "fan")["online"], what="it to be there")
    assert owned.delete(f"/api/tokens/{token['id']}").status_code == 204
    away(owned, "fan", "revoked")
    # And when it comes back with that token, this is told with the device.
    with pytest.raises(AssertionError):
        Paho(owned, "5", name="fan", token=token["token"])
    until(lambda: [one["kind"] for one in presence(owned, "fan")["refusals"]] == ["credentials"], what="the refusal")


def test_by_websocket(shared, unique):
    name = unique("lamp")
    with connect(shared.ws, proxy=None) as ws:
        ws.send(f'{{"op":"publish","topic":"devices/{name}/power","payload":true,"id":1}}')
        ws.recv(PATIENCE)
        until(lambda: presence(shared, name)["online"], what="it to be there")
        assert presence(shared, name)["connections"][0]["transport"] == "ws"
    away(shared, name, "goodbye")


def test_after_a_restart_what_was_is_not_known(hub):
    lamp = device(hub, "lamp")
    until(lambda: presence(hub, "lamp")["online"], what="it to be there")
    hub.restart()
    told = presence(hub, "lamp")
    assert (told["online"], told["reason"], told["past"]) == (False, "hub restart", [])
    assert told["last_seen"] and told["remembered_since"] > told["last_seen"]
    lamp.client.loop_stop()


def test_a_property_of_that_name_stays_a_property(shared, unique):
    name = unique("radar")
    shared.report(name, "presence", "true")
    assert shared.get(f"/api/devices/{name}/presence").json()["value"] is True
    assert shared.get(f"/api/presence/{name}").json()["online"] is True
