"""Flags, their environment variables and TOML keys; ports that are taken; folders that cannot be used."""

import json
import os
import socket

import pytest

from support.paho import ACCEPTED, Paho


def occupied(port=0, host="127.0.0.1"):
    """A port that somebody else listens on; None when a third party has it already, which is as good."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        return None
    listener.listen()
    return listener


@pytest.mark.parametrize("flag", ["--port", "--mqtt-port", "--mqtts-port"])
@pytest.mark.parametrize("way", ["flag", "environment", "file"])
def test_a_busy_port_named_by_the_user_ends_the_start(flag, way, make_hub, tmp_path):
    with occupied() as busy:
        port = busy.getsockname()[1]
        key = flag.removeprefix("--").replace("-", "_")
        if way == "flag":
            hub = make_hub(flag, port)
        elif way == "environment":
            hub = make_hub(env={f"HOUSEWIRE_{key.upper()}": str(port)}, defaults=False)
            hub.flags = [f for f in ["--bind", "127.0.0.1", "--data", str(hub.data)]]
            hub.flags += [x for other in ("--port", "--mqtt-port") if other != flag for x in (other, "0")]
        else:
            config = tmp_path / "config.toml"
            config.write_text(f"{key} = {port}\n")
            hub = make_hub("--config", config, defaults=False)
            hub.flags += ["--bind", "127.0.0.1", "--data", str(hub.data)]
            hub.flags += [x for other in ("--port", "--mqtt-port") if other != flag for x in (other, "0")]
        _, log = hub.refuses_to_start()
        assert str(port) in log, log


def test_a_busy_default_port_is_skipped_with_a_warning(make_hub):
    """1883 is taken, by this test or by a Mosquitto of this machine: the hub serves all the same."""
    busy = occupied(1883)
    try:
        hub = make_hub(defaults=False)
        hub.flags = ["--bind", "127.0.0.1", "--port", "0", "--data", str(hub.data)]
        hub.start()
        assert "1883" in hub.log()
        assert "WARN" in hub.log()
        assert hub.mqtt_port != 1883
        with Paho(hub, port=hub.port) as client:
            assert client.publish("a", "b") in ACCEPTED
        hub.stop()
    finally:
        if busy:
            busy.close()


def test_mqtt_port_off(make_hub):
    hub = make_hub("--mqtt-port", "off", "--mqtts-port", "off").start()
    with Paho(hub, port=hub.port) as client:
        assert client.publish("a", "b") in ACCEPTED
    assert hub.mqtt_port in (None, hub.port)


def test_the_ready_line_comes_when_it_serves_and_stdout_has_nothing_else(make_hub):
    hub = make_hub().start()
    # The line is there, so all doors must be open now, without another try.
    with (
        socket.create_connection(("127.0.0.1", hub.port), 2),
        socket.create_connection(("127.0.0.1", hub.mqtt_port), 2),
    ):
        pass
    assert hub.get("/api/health").status_code == 200
    hub.stop()
    hub.stdout.wait_closed()
    assert hub.stdout.drain() == []


ENVIRONMENT = {
    "HOUSEWIRE_BIND": "127.0.0.1",
    "HOUSEWIRE_PORT": "0",
    "HOUSEWIRE_MQTT_PORT": "0",
    "HOUSEWIRE_MQTTS_PORT": "off",
}


def test_every_flag_has_an_environment_variable(make_hub, tmp_path):
    data = tmp_path / "by environment"
    hub = make_hub(
        env=ENVIRONMENT
        | {
            "HOUSEWIRE_DATA": str(data),
            "HOUSEWIRE_DEMO": "true",
            "HOUSEWIRE_LOG": "error",
            "HOUSEWIRE_GUEST": "loopback",
            "HOUSEWIRE_SHARDS": "2",
            "HOUSEWIRE_ONLINE_TIMEOUT": "2s",
        },
        defaults=False,
    ).start()
    assert hub.host == "127.0.0.1"
    assert data.is_dir() and any(data.iterdir())
    assert "INFO" not in hub.log()
    with Paho(hub) as client:
        client.subscribe("devices/http/$online", 1)
        hub.report("http", "p", "1")
        client.wait("devices/http/$online", "true")
        client.wait("devices/http/$online", "false")
        client.subscribe("devices/+/$online", 1)
        # The demo house has moved in.
        client.messages.wait(lambda m: "/http/" not in m.topic and m.payload == b"true")


def test_every_flag_has_a_toml_key(make_hub, tmp_path):
    data = tmp_path / "by file"
    config = tmp_path / "hub.toml"
    config.write_text(
        f"""
bind = "127.0.0.1"
port = 0
mqtt_port = 0
mqtts_port = "off"
data = {json.dumps(str(data))}
demo = true
log = "error"
guest = "loopback"
shards = 2
online_timeout = "2s"
"""
    )
    for flags, env in (([], {"HOUSEWIRE_CONFIG": str(config)}), (["--config", config], {})):
        hub = make_hub(*flags, env=env, defaults=False).start()
        assert hub.host == "127.0.0.1"
        assert data.is_dir() and any(data.iterdir())
        assert "INFO" not in hub.log()
        with Paho(hub) as client:
            client.subscribe("devices/+/$online", 1)
            hub.report("http", "p", "1")
            client.wait("devices/http/$online", "true")
            client.wait("devices/http/$online", "false")
            client.messages.wait(lambda m: "/http/" not in m.topic and m.payload == b"true")
        hub.stop()


def test_flag_beats_environment_beats_file(make_hub, tmp_path):
    config = tmp_path / "hub.toml"
    config.write_text(f'port = 1\nmqtt_port = 0\nmqtts_port = "off"\ndata = {json.dumps(str(tmp_path / "file"))}\n')
    env = {"HOUSEWIRE_PORT": "2", "HOUSEWIRE_DATA": str(tmp_path / "env"), "HOUSEWIRE_BIND": "127.0.0.1"}
    hub = make_hub("--config", config, "--port", "0", env=env, defaults=False).start()
    assert hub.port > 2
    assert (tmp_path / "env").is_dir()
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("colour = 1\n", "colour"),
        ("prt = 8080\n", "prt"),
        ("[limits]\nnonsense = 3\n", "nonsense"),
        ("[server]\nport = 3\n", "server"),
        ('port = "many"\n', "port"),
        ("port = 70000\n", "port"),
        ("demo = 7\n", "demo"),
        ("port = \n", "hub.toml"),
        ('guest = "everybody"\n', "guest"),
        ('online_timeout = "soon"\n', "online_timeout"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_config_file_that_is_wrong(text, named, make_hub, tmp_path):
    config = tmp_path / "hub.toml"
    config.write_text(text)
    _, log = make_hub("--config", config).refuses_to_start()
    assert named in log, log
    assert "hub.toml" in log, log


def test_a_config_file_that_is_not_there(make_hub, tmp_path):
    _, log = make_hub("--config", tmp_path / "nowhere.toml").refuses_to_start()
    assert "nowhere.toml" in log, log


@pytest.mark.parametrize(
    "flags",
    [["--port", "many"], ["--port", "70000"], ["--bind", "everywhere"], ["--colour"], ["--mqtt-port", "on"]],
    ids=" ".join,
)
def test_flags_that_are_wrong(flags, make_hub):
    code, log = make_hub(*flags).refuses_to_start()
    assert code == 2
    assert flags[0] in log, log


def test_a_data_folder_that_is_a_file(make_hub, tmp_path):
    path = tmp_path / "occupied"
    path.write_text("no folder")
    _, log = make_hub("--data", path).refuses_to_start()
    assert str(path) in log, log


def test_a_data_folder_that_cannot_be_made(make_hub):
    _, log = make_hub("--data", "/proc/housewire").refuses_to_start()
    assert "/proc/housewire" in log, log


def test_a_data_folder_without_permission(make_hub, tmp_path):
    """For root nothing is unreadable, so root's hub is put before a file system that refuses even root."""
    if os.getuid() == 0:
        path = "/proc/sys/kernel"
    else:
        path = tmp_path / "locked"
        path.mkdir(mode=0)
    _, log = make_hub("--data", path).refuses_to_start()
    assert str(path) in log, log


def test_a_database_that_is_none(make_hub):
    hub = make_hub().start()
    hub.report("lamp", "p", "1")
    hub.stop()
    broken = [path for path in hub.data.rglob("*") if path.is_file() and path.stat().st_size >= 512]
    assert broken, list(hub.data.rglob("*"))
    for path in broken:
        path.write_bytes(b"this is no database, whoever reads it\n" * 200)
    _, log = hub.refuses_to_start()
    assert str(hub.data) in log, log


def test_an_address_that_is_not_ours(make_hub):
    _, log = make_hub("--bind", "192.0.2.1").refuses_to_start()
    assert "192.0.2.1" in log, log
