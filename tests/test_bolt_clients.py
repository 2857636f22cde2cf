"""Programs written for Bolt's cloud, with its own libraries, unmodified: the name of Bolt's server leads to the hub, and they work."""

import json
import re
import subprocess
import sys

import pytest

from support.bolt import NAME, board, comes, declare, make_key, token_of, with_admin
from support.hub import Hub, clean_environment
from support.netns import InnerHub, Network
from support.node import JS
from support.sketch import ROOT
from support.wait import PATIENCE

SUPPORT = ROOT / "tests" / "support"
BOLTIOT = [sys.executable, SUPPORT / "boltiot_program.py"]
WRAPPER = ["node", JS / "bolt_program.cjs"]
# Where the libraries believe that Bolt is.
CLOUD = "cloud.boltiot.com"


def printed(command, folder, **env):
    # The wrapper spaces its calls: a program of eight takes half a minute.
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=PATIENCE * 10, env=clean_environment(folder, env), cwd=ROOT / "tests"
    )
    assert done.returncode == 0, done.stderr
    return [tuple(answer) for answer in json.loads(done.stdout)]


def check_boltiot(answers):
    done = '{"success": "1", "value": "1"}'
    version = r'{"success": "1", "value": "{\"Bolt Hardware Version\":\"2\",\"Firmware Version\":\"1.4.0\"}"}'
    online = dict(answers)["isOnline"]
    assert re.fullmatch(r'\{"success": "1", "value": "online", "time": "\w{3} [\d-]{10} [\d:]{8} UTC"\}', online), online
    assert answers == [
        ("digitalWrite", done),
        ("digitalRead", done),
        ("analogWrite", done),
        ("analogRead", '{"success": "1", "value": "512"}'),
        ("serialBegin", '{"success": "1", "value": "Success"}'),
        ("serialWrite", '{"success": "1", "value": "Serial write Successful"}'),
        # It does not escape, and so loses the device's name.
        ("serialWrite", '{"success": "0", "value": "Device does not exist"}'),
        ("serialRead", '{"success": "1", "value": "21.5"}'),
        ("version", version),
        ("restart", '{"success": "1", "value": "Restarted"}'),
        ("isAlive", '{"success": "1", "value": "alive"}'),
        ("isOnline", online),
        ("digitalWrite", '{"success": "0", "value": "Invalid pin value"}'),
        ("wrong key", '{"success": "0", "value": "Invalid API key"}'),
    ]


def test_boltiot_behind_a_proxy_setting(owned, tmp_path):
    declare(owned, "module")
    key = make_key(owned)["key"]
    with board(owned, "module", reads=["21.5"]) as made:
        for number in range(5):
            made.report(f"pin{number}", "0")
        made.report("a0", "512")
        comes(owned, "module", "a0", 512)
        check_boltiot(printed([*BOLTIOT, key, NAME], tmp_path, http_proxy=owned.http))
    assert ("tx", "hello world") in made.told and ("pin0", "100") in made.told


class Inside:
    """A hub on Bolt's own port in a network of its own, where Bolt's name is the hub's, and a module beside it."""

    def __init__(self, network, folder, port):
        self.network, self.folder = network, folder
        # What has to be made by somebody is made before: from out here nobody reaches in.
        outer = with_admin(Hub(folder).start())
        declare(outer, "module")
        self.key, token = make_key(outer)["key"], token_of(outer, "module")
        authority = outer.get("/ca.crt")
        assert authority.status_code == 200, authority.text
        (folder / "ca.crt").write_bytes(authority.content)
        outer.stop()
        outer.api.close()
        self.hub = InnerHub(network, "a", folder, "--port", str(port), "--names", CLOUD).start()
        (folder / "hosts").write_text(f"127.0.0.1 localhost\n10.77.0.1 {CLOUD}\n")
        command = [*network.inside("b"), sys.executable, "-m", "support.board_program", "10.77.0.1", port, "module", token]
        self.board = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean_environment(folder), cwd=ROOT / "tests", text=True
        )
        assert self.board.stdout.readline() == "ready\n", self.hub.log()

    def run(self, command, **env):
        """Runs a program with a view of /etc/hosts of its own."""
        hosts = 'mount --bind "$0" /etc/hosts && exec "$@"'
        private = ["unshare", "--mount", "--propagation", "private", "sh", "-c", hosts, self.folder / "hosts"]
        return printed([*self.network.inside("b"), *private, *command, self.key, NAME], self.folder, **env)

    def close(self):
        self.board.stdin.close()
        self.board.wait(PATIENCE)
        self.board.stdout.close()
        self.hub.stop()
        self.hub.api.close()


@pytest.fixture
def inside(tmp_path):
    network, made = Network(), []

    def make(port):
        folder = tmp_path / "inside"
        folder.mkdir()
        made.append(Inside(network, folder, port))
        return made[-1]

    yield make
    for one in made:
        one.close()
    network.close()


def test_boltiot_by_the_name_of_bolts_server(inside):
    story = inside(80)
    check_boltiot(story.run(BOLTIOT))


def test_the_wrapper_of_npm_by_that_name_over_tls(inside):
    """It knows https only, and trusts the hub by its authority's certificate."""
    story = inside(443)
    answers = story.run(WRAPPER, NODE_EXTRA_CA_CERTS=str(story.folder / "ca.crt"))
    done = {"success": "1", "value": "1"}
    pins = [{"pin": 0, "state": "HIGH"}, {"pin": 1, "state": "HIGH"}, {"pin": 2, "state": "LOW"}]
    assert answers == [
        ("write", done),
        ("read", pins),
        ("analog", 512),
        ("pwm", done),
        ("readWrite", "21.5"),
        ("isOnline", True),
        ("restart", True),
        ("wrong pin", "failed: Bolt cloud responded with failure: Invalid pin value"),
    ]
