"""Boards that are modules to Bolt's cloud API: the sketches of `firmware/`, run against a hub and driven over that API end to end."""

import pytest

from support.bolt import NAME, Bolt, declare, make_key, token_of
from support.sketch import Sketch, all_sketches, values_for
from support.wait import until

SKETCHES = [path for path in all_sketches() if "bolt" in path]
DONE = '{"success": "1", "value": "1"}'


@pytest.fixture(params=SKETCHES)
def module(request, owned, tmp_path):
    declare(owned, "board")
    with Sketch(request.param, tmp_path, values_for(owned, "board", token_of(owned, "board")), wired=True) as sketch:
        bolt = Bolt(owned, make_key(owned)["key"], NAME)
        until(bolt.is_online, what="the board is online")
        until(lambda: owned.device("board")["properties"]["a0"]["value"] is not None, what="it has said everything")
        yield sketch, bolt


def is_python(sketch):
    return sketch.path.endswith(".py")


def test_there_are_two():
    assert sorted(path.rsplit(".", 1)[1] for path in SKETCHES) == ["ino", "py"]


def test_pins(module):
    sketch, bolt = module
    assert bolt.ask("digitalWrite", pin=0, state="HIGH") == DONE
    sketch.says("[pin 4 = 1]" if is_python(sketch) else "[pin 3 = 1]")
    assert bolt.value("digitalRead", pin=0) == "1"
    assert bolt.ask("analogWrite", pin=1, value=100) == DONE
    sketch.says("[pin 5 ~ 25700 at 1000 Hz]" if is_python(sketch) else "[pin 5 ~ 100]")
    assert bolt.ask("digitalMultiWrite", pins="0,1,2", states="LOW,LOW,HIGH") == DONE
    sketch.says("[pin 18 = 1]" if is_python(sketch) else "[pin 6 = 1]")
    assert bolt.value("digitalMultiRead", pins="2,1,0") == "1,0,0"
    assert bolt.value("analogRead", pin="A0") == "160"


def test_servos(module):
    sketch, bolt = module
    assert bolt.ask("servoWrite", pin=3, value=90) == DONE
    # 1.5 ms of each 20; the Uno makes its pulses itself.
    sketch.says("[pin 19 ~ 4915 at 50 Hz]" if is_python(sketch) else "[pin 9 = 1]")
    assert bolt.ask("servoWrite", pin=3, value=181) == '{"success": "0", "value": "Invalid value"}'


def test_a_serial_port(module):
    sketch, bolt = module
    assert bolt.value("serialBegin", baud=19200) == "Success"
    assert bolt.value("serialWrite", data="temp?%0A") == "Serial write Successful"
    sketch.says("uart at 19200: temp?" if is_python(sketch) else "temp?")
    sketch.hears("21.5\n22.0\n23")
    assert bolt.value("serialRead", till=10) == "21.5"
    assert bolt.value("serialWR", data="next%0A", till=10) == "22.0"
    sketch.says("next")
    assert bolt.value("serialRead", till=10) == "23"
    # Nothing more came in.
    assert bolt.value("serialRead") == ""


def test_version_and_restart(module):
    sketch, bolt = module
    assert bolt.value("version") == '{"Bolt Hardware Version":"2","Firmware Version":"1.4.0"}'
    assert bolt.value("restart") == "Restarted"
    sketch.says("[reset]")
    # From its start on: its pins are low again, and it does as it is asked.
    until(lambda: bolt.is_online() and '"1"' in bolt.ask("digitalWrite", pin=4, state="HIGH")[:15], what="it is back")
    sketch.says("[pin 21 = 1]" if is_python(sketch) else "[pin 8 = 1]")


@pytest.mark.parametrize("path", SKETCHES)
def test_a_wrong_token_ends_with_a_sentence(owned, tmp_path, path):
    declare(owned, "board")
    with Sketch(path, tmp_path, values_for(owned, "board", "x" * 32)) as sketch:
        sketch.says("The hub refuses this device")
        if path.endswith(".py"):
            assert sketch.ended() != 0
    assert owned.device("board")["online"] is False
