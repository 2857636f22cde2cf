"""Contract: devices that announce themselves. Found, asked about, adopted, served both ways; ghosts, duplicates, hostile announcements; and
this hub's own devices announced to others."""

import json
import time

import pytest

from support import cli, mosquitto
from support.announce import FOLDER, decide, find, finds, named, play, say
from support.check import problem
from support.paho import Paho
from support.people import PASSWORD, Somebody, add
from support.wait import until

CONFIG = "homeassistant/switch/plug/config"
PLUG = {
    "name": None,
    "uniq_id": "plug-relay",
    "stat_t": "plug/state",
    "cmd_t": "plug/cmd",
    "avty_t": "plug/status",
    "dev": {"ids": ["plug"], "cns": [["mac", "AA:BB:CC:DD:EE:FF"]], "name": "Coffee plug", "mf": "Maker", "mdl": "P1", "sa": "Kitchen"},
}
THERMOMETER = "homeassistant/sensor/thermo/config"
THERMO = {
    "name": "Temperature",
    "uniq_id": "thermo-t",
    "stat_t": "thermo/state",
    "val_tpl": "{{ value_json.t }}",
    "unit_of_meas": "°C",
    "dev_cla": "temperature",
    "dev": {"ids": ["thermo"], "name": "Thermometer"},
}


def only_property(one):
    (own,) = one["properties"]
    return own["name"]


def value(hub, device, name):
    return hub.prop(device, name)["value"]


def adopted(hub, name="Coffee plug", **body):
    """Adopts the find of this name; its find and its device's id."""
    one = named(hub, name)
    return one, decide(hub, one, "adopt", **body)["device"]


def test_a_device_is_found_asked_about_and_adopted(hub):
    with Paho(hub, name="esp-1") as esp:
        esp.subscribe("plug/cmd", 1)
        say(esp, CONFIG, PLUG)
        one = named(hub, "Coffee plug")
        assert (one["state"], one["source"], one["device"], one["ghost"]) == ("new", "homeassistant", None, False)
        assert (one["manufacturer"], one["model"], one["area"]) == ("Maker", "P1", "Kitchen")
        assert one["announced_by"] == {"client": "esp-1", "user": "guest", "topic": CONFIG, "retained": False}
        assert one["topics"] == {"read": ["plug/state", "plug/status"], "write": ["plug/cmd"]}
        assert hub.get("/api/devices").json() == [], "nobody adopted it"
        name = only_property(one)
        esp.publish("plug/state", "ON")
        find(hub, lambda one: one["properties"][0]["value"] is True, "its value before it is adopted")

        assert decide(hub, one, "adopt") == {"device": "coffee-plug"}
        device = hub.device("coffee-plug")
        assert (device["name"], device["room"], device["model"]) == ("Coffee plug", "Kitchen", "Maker P1")
        assert device["properties"][name]["type"] == "bool"
        assert device["properties"][name]["access"] == ["read", "set"]
        assert value(hub, "coffee-plug", name) is True

        esp.publish("plug/status", "online", retain=True)
        until(lambda: hub.device("coffee-plug")["online"], what="it to be online")
        assert hub.device("coffee-plug")["via"] == "homeassistant"
        esp.publish("plug/state", "OFF")
        until(lambda: value(hub, "coffee-plug", name) is False, what="its value")

        answer = hub.post(f"/api/devices/coffee-plug/{name}/set", json=True)
        assert answer.status_code == 202 and answer.json()["target"] is True
        esp.wait("plug/cmd", "ON")
        esp.publish("plug/state", "ON")
        until(lambda: hub.prop("coffee-plug", name)["target"] is None, what="the request to be confirmed")


def test_a_restart_keeps_everything(hub):
    with Paho(hub) as esp:
        # Not retained: after a restart nobody says it again.
        say(esp, CONFIG, PLUG, retain=False)
        esp.publish("plug/status", "online", retain=True)
        one, device = adopted(hub, room="Bar")
        name = only_property(one)
        esp.publish("plug/state", "ON")
        until(lambda: value(hub, device, name) is True, what="its value")
        before = one["first_seen"]
    hub.restart()
    one = named(hub, "Coffee plug", state="adopted", device=device)
    assert one["first_seen"] == before
    assert (hub.device(device)["room"], value(hub, device, name)) == ("Bar", True)
    until(lambda: hub.device(device)["online"], what="it to be online right after the start")
    with Paho(hub) as esp:
        esp.subscribe("plug/cmd", 1)
        hub.post(f"/api/devices/{device}/{name}/set", json=False)
        esp.wait("plug/cmd", "OFF")
        esp.publish("plug/state", "OFF")
        until(lambda: value(hub, device, name) is False, what="its value")


def test_a_rename_is_an_update(hub):
    with Paho(hub) as esp:
        say(esp, CONFIG, PLUG)
        one, device = adopted(hub)
        name = only_property(one)
        esp.publish("plug/state", "ON")
        until(lambda: value(hub, device, name) is True, what="its value")
        renamed = PLUG | {"dev": PLUG["dev"] | {"name": "Tea plug"}}
        say(esp, CONFIG, renamed)
        one = named(hub, "Tea plug", state="adopted", device=device)
        assert only_property(one) == name
        until(lambda: hub.device(device)["name"] == "Tea plug", what="a name that nobody chose to follow")
        assert [known["id"] for known in hub.get("/api/devices").json()] == [device]
        assert value(hub, device, name) is True
        assert hub.patch(f"/api/devices/{device}", json={"name": "Mine"}).status_code == 200
        say(esp, CONFIG, PLUG)
        named(hub, "Coffee plug", device=device)
        assert hub.device(device)["name"] == "Mine", "a name that somebody chose stays"


def test_gone_and_back(hub):
    with Paho(hub) as esp:
        say(esp, CONFIG, PLUG)
        esp.publish("plug/status", "online", retain=True)
        one, device = adopted(hub)
        name = only_property(one)
        esp.publish("plug/state", "ON")
        until(lambda: value(hub, device, name) is True and hub.device(device)["online"], what="it to be there")
        say(esp, CONFIG, "")
        named(hub, "Coffee plug", state="gone")
        until(lambda: not hub.device(device)["online"], what="it to be offline")
        esp.subscribe("plug/cmd", 1)
        hub.post(f"/api/devices/{device}/{name}/set", json=False)
        one = find(hub, lambda one: one["problems"], "a problem of the request")
        assert "not sent" in one["problems"][0]
        assert not [seen for seen in esp.before_fence() if seen.topic == "plug/cmd"]
        say(esp, CONFIG, PLUG)
        named(hub, "Coffee plug", state="adopted", device=device)
        until(lambda: hub.device(device)["online"], what="it to be back")
        assert value(hub, device, name) is True


def test_a_new_find_that_is_taken_back_is_no_more(hub):
    with Paho(hub) as esp:
        say(esp, CONFIG, PLUG)
        named(hub, "Coffee plug")
        say(esp, CONFIG, "")
        until(lambda: finds(hub) == [], what="nothing to be left")


def test_a_ghost_is_shown_as_one(make_hub):
    hub = make_hub().start()
    assert hub.put("/api/discovery", json={"enabled": False}).json()["enabled"] is False
    mosquitto.publish(hub, THERMOMETER, json.dumps(THERMO), retain=True)
    mosquitto.publish(hub, "thermo/state", '{"t":21.5}', retain=True)
    assert hub.put("/api/discovery", json={"enabled": True}).status_code == 200
    one = named(hub, "Thermometer", ghost=True)
    assert one["announced_by"] == {"client": None, "user": None, "topic": THERMOMETER, "retained": True}
    device = decide(hub, one, "adopt")["device"]
    name = only_property(one)
    until(lambda: value(hub, device, name) == 21.5, what="the stored value")
    assert hub.device(device)["online"] is False, "nobody was heard of"
    mosquitto.publish(hub, "thermo/state", '{"t":22}')
    named(hub, "Thermometer", ghost=False)
    until(lambda: hub.device(device)["online"] and value(hub, device, name) == 22, what="it to be there")


def test_ignored_is_not_offered_again(hub):
    with Paho(hub) as esp:
        say(esp, CONFIG, PLUG)
        one = named(hub, "Coffee plug")
        decide(hub, one, "ignore")
        say(esp, CONFIG, PLUG | {"icon": "mdi:coffee"})
        hub.restart()
    named(hub, "Coffee plug", state="ignored")
    decide(hub, one, "restore")
    named(hub, "Coffee plug", state="new")


def test_removed_comes_back_only_when_it_is_seen(hub):
    with Paho(hub) as esp:
        say(esp, CONFIG, PLUG)
        one, device = adopted(hub)
        decide(hub, one, "remove")
        assert named(hub, "Coffee plug")["state"] == "removed"
        assert hub.device(device)["online"] is False, "the device stays"
    hub.restart()
    assert hub.get(f"/api/topics/{CONFIG}").status_code == 404, "what announced it is cleared"
    assert named(hub, "Coffee plug")["state"] == "removed"
    with Paho(hub) as esp:
        say(esp, CONFIG, PLUG)
        named(hub, "Coffee plug", state="new")
        assert decide(hub, one, "adopt") == {"device": device}, "as what it was"


def test_forgotten_is_deleted(hub):
    with Paho(hub) as esp:
        say(esp, CONFIG, PLUG)
        one, device = adopted(hub)
        decide(hub, one, "forget")
        assert hub.get(f"/api/devices/{device}").status_code == 404
        esp.publish("plug/state", "ON")
        esp.before_fence()
        named(hub, "Coffee plug", state="removed")
        assert hub.get(f"/api/devices/{device}").status_code == 404, "no message made it anew"


def test_one_device_that_is_announced_twice_is_there_once(hub):
    with Paho(hub) as esp:
        say(esp, CONFIG, PLUG)
        named(hub, "Coffee plug")
        twin = THERMO | {"dev": {"ids": ["other"], "cns": [["mac", "aa-bb-cc-dd-ee-ff"]], "name": "Coffee plug"}}
        say(esp, THERMOMETER, twin)
        one = find(hub, lambda one: len(one["properties"]) == 2, "both in one find")
        assert len(finds(hub)) == 1
        assert decide(hub, one, "adopt") == {"device": "coffee-plug"}
        assert len(hub.device("coffee-plug")["properties"]) == 2


def test_ids_are_made_of_names_and_differ(hub):
    with Paho(hub) as esp:
        for node in ("one", "two", "three"):
            device = {"ids": [node], "name": "Küchen-Lampe"}
            say(esp, f"homeassistant/sensor/{node}/config", THERMO | {"uniq_id": node, "stat_t": f"{node}/state", "dev": device})
        until(lambda: len(finds(hub)) == 3, what="three finds")
        ids = [decide(hub, one, "adopt")["device"] for one in finds(hub)]
        assert sorted(ids) == ["kuechen-lampe", "kuechen-lampe-2", "kuechen-lampe-3"]


def test_a_device_takes_the_place_of_another(hub):
    with Paho(hub) as esp:
        say(esp, CONFIG, PLUG)
        old, device = adopted(hub)
        again = PLUG | {"uniq_id": "new-relay", "stat_t": "new/state", "dev": {"ids": ["new"], "name": "New plug"}}
        say(esp, "homeassistant/switch/new/config", again)
        new = named(hub, "New plug")
        answer = hub.post(f"/api/discovered/{new['id']}/adopt", json={"device": device})
        problem(answer, 409, "taken", [device])
        say(esp, CONFIG, "")
        named(hub, "Coffee plug", state="gone")
        assert decide(hub, new, "adopt", device=device) == {"device": device}
        named(hub, "New plug", state="adopted", device=device)
        assert [known["id"] for known in hub.get("/api/devices").json()] == [device]


def test_expired_values_and_motions_that_end(hub):
    motion = THERMO | {"uniq_id": "m", "stat_t": "m/state", "off_dly": 1, "dev": {"ids": ["m"], "name": "Motion"}}
    motion = {key: motion[key] for key in ("uniq_id", "stat_t", "off_dly", "dev")}
    with Paho(hub) as esp:
        say(esp, "homeassistant/binary_sensor/m/config", motion)
        say(esp, THERMOMETER, THERMO | {"exp_aft": 1})
        _, moving = adopted(hub, "Motion")
        one, device = adopted(hub, "Thermometer")
        esp.publish("m/state", "ON")
        name = only_property(named(hub, "Motion"))
        until(lambda: value(hub, moving, name) is True, what="the motion")
        until(lambda: value(hub, moving, name) is False, what="its end, after a second")
        esp.publish("thermo/state", '{"t":1}')
        until(lambda: hub.device(device)["online"], what="it to be there")
        until(lambda: not hub.device(device)["online"], what="its only value to be too old, after a second")
        assert "too long" in named(hub, "Thermometer")["problems"][-1]


def test_hostile_templates_and_broken_json_harm_nobody(hub):
    loop = "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}"
    bomb = "{{ 'x' * 1000000000 }}"
    deep = "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}"
    with Paho(hub) as esp:
        for number, template in enumerate((loop, bomb, deep, "{{ value.__class__ }}", "{% include 'x' %}")):
            config = THERMO | {"uniq_id": f"h{number}", "stat_t": "hostile/state", "val_tpl": template, "dev": {"ids": [f"h{number}"], "name": f"Hostile {number}"}}
            say(esp, f"homeassistant/sensor/h{number}/config", config)
        for text in ("{", "[]", "7", "null", '{"uniq_id":', '{"dev":7}', '{"stat_t":{}}', "\ufeff{}", "[" * 10_000):
            say(esp, "homeassistant/sensor/broken/config", text)
        esp.publish("homeassistant/sensor/bytes/config", b"\xff\xfe\x00", retain=True)
        say(esp, THERMOMETER, THERMO)
        _, device = adopted(hub, "Thermometer")
        began = time.monotonic()
        for _ in range(20):
            esp.publish("hostile/state", "1")
        esp.publish("thermo/state", '{"t":7}')
        until(lambda: value(hub, device, "temperature") == 7, what="the value of one that means well")
        assert time.monotonic() - began < 15
        esp.publish("thermo/state", "no json")
        find(hub, lambda one: one["name"] == "Thermometer" and one["problems"], "its problem")
        assert value(hub, device, "temperature") == 7, "what was known stays"


def test_two_thousand_retained_announcements_at_the_start(hub):
    hub.put("/api/discovery", json={"enabled": False})
    with Paho(hub) as bridge:
        for number in range(2_000):
            config = THERMO | {"uniq_id": f"n{number}", "stat_t": f"n/{number}", "dev": {"ids": [f"n{number}"], "name": f"Node {number}"}}
            bridge.client.publish(f"homeassistant/sensor/n{number}/config", json.dumps(config), 0, True)
        bridge.before_fence()
        hub.put("/api/discovery", json={"enabled": True})
        until(lambda: len(finds(hub)) == 2_000, 60, "all of them to be found")
        # And the hub is there for others meanwhile and after.
        say(bridge, CONFIG, PLUG)
        _, device = adopted(hub)
        esp_name = only_property(named(hub, "Coffee plug"))
        bridge.publish("plug/state", "ON")
        until(lambda: value(hub, device, esp_name) is True, what="a value")


def test_who_may_see_and_decide(owned):
    hub = owned
    add(hub, "ben", "member")
    add(hub, "vera", "viewer")
    add(hub, "lena", "member", read=["home/#"], write=["home/#"])
    say_token = hub.post("/api/tokens", json={"name": "bridge", "role": "member"}).json()["token"]
    with Paho(hub, token=say_token, name="bridge-1") as bridge:
        say(bridge, CONFIG, PLUG)
        one = named(hub, "Coffee plug")
        assert (one["announced_by"]["client"], one["announced_by"]["user"]) == ("bridge-1", "app:bridge")
    people = {"nobody": Somebody(hub)}
    for name in ("ben", "vera", "lena"):
        people[name] = Somebody(hub)
        assert people[name].post("/api/session", json={"name": name, "password": PASSWORD}).status_code == 200
    decisions = [(verb, f"/api/discovered/{one['id']}/{verb}") for verb in ("adopt", "ignore", "restore", "remove", "forget")]
    for name, read, decides in (("nobody", 401, 401), ("lena", 403, 403), ("vera", 200, 403), ("ben", 200, 403)):
        somebody = people[name]
        assert somebody.get("/api/discovered").status_code == read, name
        assert somebody.get("/api/discovery").status_code == read, name
        assert somebody.put("/api/discovery", json={"adopt": "automatic"}).status_code == decides, name
        assert somebody.post("/api/devices/lamp/announce", json={"announce": False}).status_code == decides, name
        for verb, path in decisions:
            assert somebody.post(path).status_code == decides, f"{name} {verb}"
    assert named(hub, "Coffee plug")["state"] == "new"
    decide(hub, one, "adopt")
    until(
        lambda: any(entry["event"] == "device_adopted" and entry["who"] == "anna" for entry in hub.get("/api/audit").json()),
        what="the audit log to tell",
    )
    for somebody in people.values():
        somebody.close()


def test_what_is_asked_of_it_wrongly(hub):
    problem(hub.post("/api/discovered/nobody/adopt"), 404, "not_found", ["nobody"])
    with Paho(hub) as esp:
        say(esp, CONFIG, PLUG)
        one = named(hub, "Coffee plug")
    path = f"/api/discovered/{one['id']}/adopt"
    problem(hub.post(path, json={"device": "no id"}), 400, "bad_request")
    problem(hub.post(path, data="{"), 400, "bad_request")
    problem(hub.post(path, json={"colour": 1}), 400, "bad_request", ["colour"])
    problem(hub.post(path, json={"name": "x" * 300}), 422, "invalid_declaration")
    problem(hub.put("/api/discovery", json={"homeassistant_prefix": "a/#"}), 422, "unusable", ["homeassistant_prefix"])
    problem(hub.put("/api/discovery", json={"adopt": "perhaps"}), 400, "bad_request")
    problem(hub.post("/api/devices/nobody/announce", json={"announce": False}), 404, "not_found")
    hub.put("/api/discovery", json={"enabled": False})
    problem(hub.post(path), 409, "discovery_off")


def test_off_by_the_configuration(make_hub, tmp_path):
    config = tmp_path / "hub.toml"
    config.write_text("[discovery]\nenabled = false\n")
    hub = make_hub("--config", config).start()
    assert hub.get("/api/discovery").json()["enabled"] is False
    with Paho(hub) as esp:
        say(esp, CONFIG, PLUG)
        esp.before_fence()
    assert finds(hub) == []
    problem(hub.put("/api/discovery", json={"enabled": True}), 409, "discovery_off", ["configuration"])


def test_automatic_is_for_those_who_may_do_it_themselves(make_hub, tmp_path):
    hub = make_hub().start()
    hub.put("/api/discovery", json={"adopt": "automatic"})
    with Paho(hub) as esp:
        say(esp, CONFIG, PLUG)
        named(hub, "Coffee plug", state="adopted", device="coffee-plug")


def test_the_hub_says_that_it_is_there(hub):
    with Paho(hub) as esp:
        esp.subscribe("homeassistant/status")
        hub.put("/api/discovery", json={"enabled": False})
        message = esp.wait("homeassistant/status", "offline")
        assert (message.qos, message.retain) == (0, False)
        hub.put("/api/discovery", json={"enabled": True})
        message = esp.wait("homeassistant/status", "online")
        assert (message.qos, message.retain) == (0, False)


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.json")))
def test_recorded_announcements_are_adopted(hub, name):
    """Whatever they hold, everything that is found can be adopted, survives a restart, and the hub is well."""
    with Paho(hub) as sender:
        play(sender, name)
        sender.before_fence()
    quiet = [None]

    def settled():
        seen = json.dumps([[one["id"], one["state"], one["properties"]] for one in finds(hub)])
        quiet.append(seen)
        time.sleep(0.5)  # they are looked at when they have been quiet for a moment: time itself is tested
        return quiet[-1] == quiet[-2]

    until(settled, what="the announcements to be taken in")
    new = [one for one in finds(hub) if one["state"] == "new"]
    devices = [decide(hub, one, "adopt")["device"] for one in new]
    assert len(set(devices)) == len(devices)
    if devices:
        before = {device: sorted(hub.device(device)["properties"]) for device in devices}
        hub.restart()
        assert {device: sorted(hub.device(device)["properties"]) for device in devices} == before


LAMP = {
    "power": {"type": "bool", "access": ["read", "set"]},
    "level": {"type": "int", "min": 0, "max": 100, "unit": "%", "access": ["read", "set"]},
    "heat": {"type": "float", "unit": "°C", "role": "temperature", "access": ["read"]},
    "mode": {"type": "enum", "options": ["calm", "party"], "access": ["read", "set"]},
    "motion": {"type": "bool", "role": "motion", "access": ["read"]},
}


def test_own_devices_are_announced_and_another_hub_understands_them(make_hub):
    hub = make_hub().start()
    hub.declare("lamp", **LAMP)
    hub.declare("secret", power={"type": "bool"})
    with Paho(hub, name="assistant") as assistant:
        assistant.subscribe("homeassistant/device/+/config", 1)
        assert hub.put("/api/discovery", json={"announce": True}).json()["announce"] is True
        config = json.loads(assistant.wait("homeassistant/device/lamp/config").payload)
        assistant.wait("homeassistant/device/secret/config")
        assert config["origin"]["name"] == "Housewire"
        assert sorted(config["components"]) == ["heat", "level", "mode", "motion", "power"]
        assert {key: one["platform"] for key, one in config["components"].items()} == {
            "heat": "sensor",
            "level": "number",
            "mode": "select",
            "motion": "binary_sensor",
            "power": "switch",
        }
        assert config["components"]["power"]["command_topic"] == "devices/lamp/power/set"
        assert finds(hub) == [], "the hub does not find itself"
        assert hub.post("/api/devices/secret/announce", json={"announce": False}).status_code == 204
        assistant.wait("homeassistant/device/secret/config", "")
        # A property that goes is named once without anything, then not at all.
        hub.declare("lamp", **{key: of for key, of in LAMP.items() if key != "heat"})
        interim = json.loads(assistant.wait("homeassistant/device/lamp/config").payload)
        assert interim["components"]["heat"] == {"platform": "sensor"}
        final = json.loads(assistant.wait("homeassistant/device/lamp/config").payload)
        assert "heat" not in final["components"]
        hub.declare("lamp", **LAMP)
        assistant.wait("homeassistant/device/lamp/config")
        # A Home Assistant that starts is told again.
        assistant.publish("homeassistant/status", "online")
        again = assistant.wait("homeassistant/device/lamp/config").payload

    other = make_hub(folder="other").start()
    mosquitto.publish(other, "homeassistant/device/lamp/config", again, retain=True)
    one = find(other, lambda one: one["properties"], "our lamp on another hub")
    assert decide(other, one, "adopt") == {"device": "lamp"}
    there = other.device("lamp")["properties"]
    assert sorted(there) == sorted(LAMP)
    for key, of in LAMP.items():
        assert there[key]["access"] == of["access"], key
        assert there[key]["options"] == of.get("options"), key

    with Paho(hub) as assistant:
        assistant.subscribe("homeassistant/device/+/config", 1)
        hub.put("/api/discovery", json={"announce": False})
        assistant.wait("homeassistant/device/lamp/config", "")


def test_found_and_adopted_from_the_command_line(hub):
    with Paho(hub) as esp:
        say(esp, CONFIG, PLUG)
        one = named(hub, "Coffee plug")
    listed = cli.ok(hub, "found").text
    assert one["id"] in listed and "Coffee plug" in listed and "Maker P1" in listed
    assert "coffee-plug" in cli.ok(hub, "adopt", one["id"], "--room", "Bar").text
    assert hub.device("coffee-plug")["room"] == "Bar"
    assert cli.ok(hub, "found", "--json").json()[0]["device"] == "coffee-plug"
    assert cli.run(hub, "adopt", "nobody").code == 5
