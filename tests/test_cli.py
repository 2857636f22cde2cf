"""The command line: pub, sub, get, set and devices, as text and as --json, with their exit codes."""

import json
import signal
import socket

import pytest

from support import cli
from support.paho import Paho
from support.wait import until

REFUSED, USAGE, UNREACHABLE, TIMED_OUT, NOT_FOUND = 1, 2, 3, 4, 5


@pytest.fixture
def lamp(shared, unique):
    """A device with rules, and an id of its own."""
    device = unique("lamp")
    shared.declare(
        device,
        power={"type": "bool"},
        level={"type": "int", "unit": "%", "min": 0, "max": 100},
        mode={"type": "enum", "options": ["calm", "party"]},
    )
    return device


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_pub(qos, shared, unique):
    topic = f"lab/{unique('cli')}"
    with Paho(shared) as sub:
        sub.subscribe(topic, 2)
        done = cli.ok(shared, "pub", topic, "hello", "--qos", qos)
        assert topic in done.text
        assert sub.wait(topic, "hello").qos == qos
        assert cli.run(shared, "get", topic).code == NOT_FOUND
        cli.ok(shared, "pub", topic, "kept", "--retain")
        assert cli.ok(shared, "get", topic).text.rstrip("\n") == "kept"
        cli.ok(shared, "pub", topic, "--empty", "--retain")
        assert cli.run(shared, "get", topic).code == NOT_FOUND


def test_pub_from_standard_input_and_file(shared, unique, tmp_path):
    topic = f"lab/{unique('cli')}"
    data = bytes(range(256))
    (tmp_path / "blob").write_bytes(data)
    with Paho(shared) as sub:
        sub.subscribe(topic, 1)
        cli.ok(shared, "pub", topic, "-", stdin=data)
        assert sub.wait(topic).payload == data
        cli.ok(shared, "pub", topic, "--file", tmp_path / "blob")
        assert sub.wait(topic).payload == data
        cli.ok(shared, "pub", topic, "-", "--lines", stdin=b"one\ntwo\nthree")
        assert [sub.wait(topic).text for _ in range(3)] == ["one", "two", "three"]
        cli.ok(shared, "pub", topic, "-4.5")
        assert sub.wait(topic).text == "-4.5"


def test_pub_says_it_in_json(shared, unique):
    topic = f"lab/{unique('cli')}"
    done = cli.ok(shared, "pub", topic, "x", "--qos", 1, "--json")
    assert done.json() == {"topic": topic, "qos": 1, "retain": False, "count": 1}
    assert cli.ok(shared, "pub", topic, "x", "--quiet").out == b""


def test_sub(shared, unique):
    stem = f"lab/{unique('cli')}"
    with Paho(shared) as pub:
        pub.publish(f"{stem}/kept", "21.5", retain=True)
        with cli.Running(shared, "sub", f"{stem}/#") as sub:
            assert sub.lines.wait() == f"{stem}/kept 21.5"
            pub.publish(f"{stem}/a", "two words")
            assert sub.lines.wait() == f"{stem}/a two words"
            pub.publish(f"{stem}/b", '{"a": 1}')
            assert sub.lines.wait().startswith(f"{stem}/b ")
            sub.process.send_signal(signal.SIGINT)
            assert sub.wait() in (0, 130, -signal.SIGINT)


def test_sub_json_live_and_count(shared, unique):
    stem = f"lab/{unique('cli')}"
    with Paho(shared) as pub:
        pub.publish(f"{stem}/kept", "1", retain=True)
        with cli.Running(shared, "sub", "--json", "--count", "2", f"{stem}/#") as sub:
            line = json.loads(sub.lines.wait())
            assert (line["topic"], line["payload"], line["retain"]) == (f"{stem}/kept", 1, True)
            assert line.keys() == {"topic", "payload", "retain", "time", "via"}
            pub.publish(f"{stem}/a", "true")
            line = json.loads(sub.lines.wait())
            assert (line["topic"], line["payload"], line["retain"], line["via"]) == (f"{stem}/a", True, False, "mqtt")
            assert sub.wait() == 0
    done = cli.run(shared, "sub", f"{stem}/#", "--live", "--count", "1", "--timeout", "500ms")
    assert (done.code, done.out) == (TIMED_OUT, b"")


def test_sub_comes_back_after_a_restart(make_hub):
    hub = make_hub().start()
    hub.flags = ["--port", str(hub.port)]
    hub.report("lamp", "p", "1")
    with cli.Running(hub, "sub", "devices/lamp/p") as sub:
        assert sub.lines.wait() == "devices/lamp/p 1"
        hub.restart()
        hub.report("lamp", "p", "2")
        sub.lines.wait(lambda line: line == "devices/lamp/p 2", timeout=20)


def test_get(shared, lamp):
    assert cli.run(shared, "get", lamp, "level").code == NOT_FOUND
    shared.report(lamp, "level", "40")
    assert cli.ok(shared, "get", lamp, "level").text.rstrip("\n") == "40"
    assert cli.ok(shared, "get", f"devices/{lamp}/level").text.rstrip("\n") == "40"
    view = cli.ok(shared, "get", lamp, "level", "--json").json()
    assert (view["value"], view["target"], view["type"], view["unit"]) == (40, None, "int", "%")
    assert cli.run(shared, "get", lamp, "nothing").code == NOT_FOUND
    assert cli.run(shared, "get", "nobody", "level").code == NOT_FOUND


def test_set(shared, lamp):
    shared.report(lamp, "power", "false")
    with Paho(shared) as device:
        device.subscribe(f"devices/{lamp}/+/set", 1)
        done = cli.ok(shared, "set", lamp, "power", "true")
        assert "power" in done.text
        device.wait(f"devices/{lamp}/power/set", "true")
        assert shared.prop(lamp, "power")["target"] is True
        view = cli.ok(shared, "set", lamp, "level", "40", "--json").json()
        assert (view["value"], view["target"]) == (None, 40)
        cli.ok(shared, "set", lamp, "mode", "party", "--ttl", "1s")
        until(lambda: shared.prop(lamp, "mode")["target"] is None, what="the request's end")


def test_set_and_wait(shared, lamp):
    shared.report(lamp, "power", "false")
    with Paho(shared) as device:
        device.subscribe(f"devices/{lamp}/+/set", 1)
        with cli.Running(shared, "set", lamp, "power", "true", "--wait") as command:
            device.wait(f"devices/{lamp}/power/set", "true")
            device.publish(f"devices/{lamp}/power", "true")
            assert command.wait() == 0
        done = cli.run(shared, "set", lamp, "power", "false", "--wait", "500ms")
        assert done.code == TIMED_OUT
        assert "power" in done.err


def test_what_the_hub_refuses(shared, lamp):
    for arguments in (["set", lamp, "level", "400"], ["pub", f"devices/{lamp}/level", "hot"]):
        done = cli.run(shared, *arguments)
        assert done.code == REFUSED, done
        assert done.err.startswith("error: ") and "level" in done.err
        assert done.out == b""
        as_json = cli.run(shared, *arguments, "--json")
        assert as_json.code == REFUSED
        assert "level" in json.loads(as_json.err)["error"]
    assert cli.run(shared, "set", "nobody", "level", "4").code == NOT_FOUND


def test_devices_as_text(shared, lamp):
    shared.patch(f"/api/devices/{lamp}", json={"name": "Desk lamp", "room": "Study"})
    shared.report(lamp, "level", "40")
    for arguments in (["devices"], ["devices", "list"]):
        lines = [line for line in cli.ok(shared, *arguments).text.splitlines() if line.startswith(lamp + " ")]
        assert len(lines) == 1
        assert "Desk lamp" in lines[0] and "Study" in lines[0] and "40 %" in lines[0]
    page = cli.ok(shared, "devices", "show", lamp).text
    for word in (lamp, "Desk lamp", "Study", "40 %", "0 to 100", "calm party"):
        assert word in page, page


def test_devices_as_json(shared, lamp):
    listed = cli.ok(shared, "devices", "--json").json()
    assert listed == shared.get("/api/devices").json()
    assert cli.ok(shared, "devices", "show", lamp, "--json").json() == shared.device(lamp)
    assert cli.run(shared, "devices", "show", "nobody").code == NOT_FOUND


def test_devices_declare_and_remove(shared, unique, tmp_path):
    device = unique("heating")
    file = tmp_path / "heating.json"
    file.write_text(json.dumps({"name": "Heating", "properties": {"mode": {"type": "enum", "options": ["off", "on"]}}}))
    cli.ok(shared, "devices", "declare", device, "--file", file)
    assert shared.device(device)["name"] == "Heating"
    assert shared.prop(device, "mode")["options"] == ["off", "on"]
    cli.ok(shared, "devices", "declare", device, "--file", "-", stdin=b'{"room": "Bath"}')
    assert shared.device(device)["room"] == "Bath"
    assert cli.run(shared, "devices", "declare", device, "--file", "-", stdin=b'{"colour": 1}').code == REFUSED
    assert cli.run(shared, "devices", "declare", device, "--file", "-", stdin=b"{broken").code == USAGE
    cli.ok(shared, "devices", "remove", device)
    assert shared.get(f"/api/devices/{device}").status_code == 404
    assert cli.run(shared, "devices", "remove", device).code == NOT_FOUND


def test_an_empty_house(hub):
    done = cli.ok(hub, "devices")
    assert done.out == b"" and "no devices" in done.err.lower()
    assert cli.ok(hub, "devices", "--json").json() == []


COMMANDS = [["pub", "a", "b"], ["sub", "a"], ["get", "a"], ["set", "a", "b", "c"], ["devices"]]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_nobody_at_that_address(arguments):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        done = cli.run(None, *arguments, "--hub", address)
        assert done.code == UNREACHABLE, done
        assert address in done.err and "housewire serve" in done.err


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_the_address_may_be_given_as_a_flag(arguments, shared):
    shared.report("a", "b", "1")
    if arguments[0] in ("sub", "get"):
        arguments = [arguments[0], "devices/a/b"]
    more = ["--count", "1"] if arguments[0] == "sub" else []
    assert cli.run(None, *arguments, *more, "--hub", f"127.0.0.1:{shared.port}").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["pub"],
        ["pub", "a/+", "x"],
        ["pub", "a", "x", "--qos", "3"],
        ["sub"],
        ["sub", "a/#/b"],
        ["get", "a b", "c"],
        ["set", "a", "b"],
        ["devices", "show"],
        ["get", "a", "--hub", "mqtt://localhost"],
        ["serve", "--nonsense"],
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
def test_wrong_usage(arguments, shared):
    done = cli.run(shared, *arguments)
    assert done.code == USAGE, done
    assert done.err
    assert done.out == b""


def test_help_and_version():
    for arguments in (["--help"], ["serve", "--help"], ["pub", "--help"], ["devices", "--help"], ["--version"]):
        done = cli.ok(None, *arguments)
        assert "housewire" in done.text.lower()
