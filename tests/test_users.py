"""Users of the config file: made by `housewire scram`, used by Mosquitto's clients."""

import subprocess

import pytest

from support.hub import Hub, binary


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("users")
    config = folder / "housewire.toml"
    made = subprocess.run([binary(), "scram", "anna"], input=b"pencil\n", capture_output=True, check=True)
    config.write_bytes(b'guest = "off"\n\n' + made.stdout)
    hub = Hub(folder, "--config", config).start()
    yield hub
    hub.stop()


def publish(hub, version, *credentials):
    command = ["mosquitto_pub", "-V", version, "-h", hub.host, "-p", str(hub.mqtt_port), "-t", "t", "-m", "x", "-q", "1"]
    return subprocess.run([*command, *credentials], capture_output=True, text=True, timeout=20)


@pytest.mark.parametrize("version", ["mqttv31", "mqttv311", "mqttv5"])
def test_the_right_password_gets_in(version, hub):
    assert publish(hub, version, "-u", "anna", "-P", "pencil").returncode == 0


@pytest.mark.parametrize("credentials", [("anna", "crayon"), ("ben", "pencil"), ("anna", "")])
def test_a_wrong_one_does_not(credentials, hub):
    name, password = credentials
    for version, words in [("mqttv311", "bad user name or password"), ("mqttv5", "Bad user name or password")]:
        done = publish(hub, version, "-u", name, "-P", password)
        assert done.returncode != 0
        assert words.lower() in done.stderr.lower(), done.stderr


def test_who_says_no_name_is_a_guest_and_guests_are_off_here(hub):
    assert "not authori" in publish(hub, "mqttv5").stderr.lower()


def test_the_password_is_nowhere(hub):
    for file in hub.folder.rglob("*"):
        if file.is_file():
            assert b"pencil" not in file.read_bytes(), file
