"""Every sketch that "Connect a device" shows is a real client: its value arrives, the switch reaches it, and a wrong token is told."""

import re

import pytest

from support.arduino import Uno
from support.sketch import PLACEHOLDER, ROOT, Sketch, all_sketches, fill, values_for
from support.wait import until

# What is a module to Bolt's API is in test_bolt_devices.py.
SKETCHES = [path for path in all_sketches() if "bolt" not in path]


def protocol(path):
    return next(name for name in ("http", "websocket", "mqtt", "blynk") if name in path.rsplit("/", 1)[1])


def names(path):
    """What it reports, and what it obeys: properties, or pins."""
    if protocol(path) == "blynk":
        return "v0", "v1"
    return ("load" if "/shell/" in path else "temperature"), "led"


def token_of(hub, device):
    answer = hub.post(f"/api/devices/{device}/token", json={"name": "sketch"})
    assert answer.status_code == 201, answer.text
    return answer.json()["token"]


def properties(hub, device):
    return hub.device(device)["properties"]


def obeys(sketch, hub, device, led, on):
    wanted = on if protocol(sketch.path) != "blynk" else ("1" if on else "0")
    answer = hub.post(f"/api/devices/{device}/{led}/set", json=wanted)
    assert answer.status_code == 202, answer.text
    sketch.says("led is on" if on else "led is off")
    truth = (True, 1, "1") if on else (False, 0, "0")
    until(
        lambda: properties(hub, device)[led]["value"] in truth and properties(hub, device)[led]["target"] is None,
        what=f"{led} = {on} as the device confirms it",
    )


@pytest.mark.parametrize("path", SKETCHES)
def test_a_value_arrives_and_the_switch_is_obeyed(owned, tmp_path, path):
    value, led = names(path)
    token = token_of(owned, "board")
    with Sketch(path, tmp_path, values_for(owned, "board", token)) as sketch:
        sketch.says(value if protocol(path) != "blynk" else "temperature")
        until(lambda: {value, led} <= set(properties(owned, "board")), what=f"{value} and {led}")
        until(lambda: properties(owned, "board")[value]["value"] is not None, what=f"a value of {value}")
        assert float(properties(owned, "board")[value]["value"]) >= 0
        assert owned.device("board")["online"] is True
        obeys(sketch, owned, "board", led, True)
        obeys(sketch, owned, "board", led, False)


@pytest.mark.parametrize("path", SKETCHES)
def test_a_wrong_token_ends_with_a_sentence(owned, tmp_path, path):
    token_of(owned, "board")
    with Sketch(path, tmp_path, values_for(owned, "board", "x" * 32)) as sketch:
        sketch.says("The hub refuses this device")
        # A board has nowhere to end to: it stays where it is.
        if not path.endswith(".ino"):
            assert sketch.ended() != 0
    assert properties(owned, "board") == {}


@pytest.mark.parametrize("path", all_sketches())
def test_a_sketch_names_what_is_to_be_filled_in_and_nothing_else(path):
    text = (ROOT / path).read_text()
    filled = {match[1] for match in PLACEHOLDER.finditer(text)}
    assert {"HUB_HOST", "HUB_PORT", "TOKEN"} <= filled or path.startswith("examples/browser/")
    # What looks like one and is none would be left as it is by the page.
    assert not re.search(r"@[A-Z_]+@", PLACEHOLDER.sub("", text))


@pytest.fixture(scope="module")
def uno(tmp_path_factory):
    return Uno(tmp_path_factory.mktemp("uno"))


@pytest.mark.parametrize("path", [path for path in all_sketches() if path.startswith("firmware/arduino/")])
def test_the_uno_has_room_for_it(uno, tmp_path, record_property, path):
    """With the Uno's own core and compiler, and as much left as the shield's library, the heap and the stack need."""
    file = tmp_path / path.rsplit("/", 1)[1]
    placeholders = {"HUB_HOST": "192.168.100.200", "HUB_PORT": 65535, "DEVICE": "d" * 24, "TOKEN": "t" * 32}
    file.write_text(fill((ROOT / path).read_text(), **placeholders))
    flash, memory = uno.sizes(file)
    record_property("figures", f"{file.name} on an Uno: {flash} bytes of program, {memory} of memory")
    assert flash < 32_256 - 12_000
    assert memory < 2_048 - 900
