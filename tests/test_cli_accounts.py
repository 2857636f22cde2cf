"""housewire user, token and doctor: accounts from a terminal, from the first admin to a lost password."""

import os
import stat

import requests

from support import cli, mosquitto

PASSWORD = b"correct horse\n"
REFUSED, USAGE, NOT_FOUND = 1, 2, 5


def as_owner(hub, *arguments, **options):
    """As somebody who may read the data folder."""
    return cli.run(hub, *arguments, "--token-file", hub.data / "local" / "token", **options)


def test_the_first_admin_is_made_on_the_hubs_machine_and_closes_it(hub):
    assert "no accounts" in cli.ok(hub, "user").err
    added = cli.ok(hub, "user", "add", "anna", "--role", "admin", stdin=PASSWORD)
    assert added.text == "Added anna, admin.\n"
    shut = cli.run(hub, "user")
    assert shut.code == REFUSED and "--token-file" in shut.err, shut
    assert cli.run(hub, "sub", "#", "--timeout", "1s").code == REFUSED
    listed = as_owner(hub, "user", "list", "--json").json()
    assert [(user["name"], user["role"]) for user in listed] == [("anna", "admin")]
    secret = hub.data / "local" / "token"
    assert stat.S_IMODE(os.stat(secret).st_mode) == 0o600
    taken = as_owner(hub, "user", "add", "anna", "--role", "viewer", stdin=PASSWORD)
    assert taken.code == REFUSED and "taken" in taken.err
    last = as_owner(hub, "user", "remove", "anna")
    assert last.code == REFUSED and "only admin" in last.err
    assert as_owner(hub, "user", "remove", "nobody").code == NOT_FOUND
    weak = as_owner(hub, "user", "add", "ben", "--role", "viewer", stdin=b"short\n")
    assert weak.code == REFUSED and "8" in weak.err


def test_a_lost_password_is_mended_and_rights_change_at_once(hub):
    cli.ok(hub, "user", "add", "anna", "--role", "admin", stdin=PASSWORD)
    sign_in = lambda password: requests.post(f"{hub.http}/api/session", json={"name": "anna", "password": password})
    assert sign_in("correct horse").status_code == 200
    mended = as_owner(hub, "user", "password", "anna", stdin=b"battery staple\n")
    assert mended.code == 0 and "not any more" in mended.text
    assert sign_in("correct horse").status_code == 401
    assert sign_in("battery staple").status_code == 200
    as_owner(hub, "user", "add", "ben", "--role", "viewer", "--read", "devices/#", stdin=PASSWORD)
    ben = ("ben", "correct horse")
    put = lambda: requests.put(f"{hub.http}/api/devices/lamp/power", "true", auth=ben).status_code
    assert put() == 403
    assert as_owner(hub, "user", "change", "ben", "--role", "member", "--deny", "devices/door/#").code == 0
    assert put() == 204
    assert requests.put(f"{hub.http}/api/devices/door/lock", "true", auth=ben).status_code == 403
    row = as_owner(hub, "user").text.splitlines()[2]
    assert row.split()[:2] == ["ben", "member"] and "read devices/#; deny devices/door/#" in row
    assert as_owner(hub, "user", "change", "ben", "--as-role").code == 0
    assert requests.put(f"{hub.http}/api/devices/door/lock", "true", auth=ben).status_code == 204
    assert as_owner(hub, "user", "remove", "ben").code == 0
    assert put() == 401


def test_tokens_are_made_listed_and_revoked(hub):
    cli.ok(hub, "user", "add", "anna", "--role", "admin", stdin=PASSWORD)
    made = as_owner(hub, "token", "device", "stairs", "--name", "board", "--expires", "90d")
    token = made.text.strip()
    assert len(token) == 32 and "shown this once" in made.err
    mosquitto.publish(hub, "devices/stairs/temperature", "21.5", qos=1, more=("-u", "any", "-P", token))
    assert cli.ok(hub, "get", "stairs", "temperature", "--token", token).text == "21.5\n"
    other = cli.run(hub, "get", "devices/other/x", "--token", token)
    assert other.code == REFUSED and "device:stairs may not read" in other.err
    app = as_owner(hub, "token", "app", "script", "--role", "viewer", "--json").json()
    assert app["role"] == "viewer" and len(app["token"]) == 32
    assert cli.run(hub, "set", "stairs", "temperature", "20", "--token", app["token"]).code == REFUSED
    rows = as_owner(hub, "token").text.splitlines()
    assert rows[0].split() == ["ID", "FOR", "KIND", "NAME", "MAY", "EXPIRES", "LAST", "USED"]
    assert [row.split()[1] for row in rows[1:]] == ["stairs", "app"]
    assert len(as_owner(hub, "token", "list", "--device", "stairs").text.splitlines()) == 2
    number = rows[1].split()[0]
    assert as_owner(hub, "token", "revoke", number).code == 0
    assert as_owner(hub, "token", "revoke", number).code == NOT_FOUND
    gone = cli.run(hub, "get", "stairs", "temperature", "--token", token)
    assert gone.code == REFUSED and "not valid" in gone.err
    assert token not in hub.log() and app["token"] not in hub.log()


def test_doctor_tells_what_is_risky_and_what_is_wrong(hub, tmp_path):
    look = lambda *more: cli.run(hub, "doctor", "--data", hub.data, "--json", *more)
    about = lambda done: {finding["about"]: finding["severity"] for finding in done.json()}
    fresh = look()
    assert fresh.code == 0, fresh
    found = about(fresh)
    assert found["accounts"] == "risky" and found["guests"] == "good" and found["encryption"] == "good"
    assert {"hub", "configuration", "disk", "data folder", "secrets", "clock", "open files"} <= found.keys()
    cli.ok(hub, "user", "add", "anna", "--role", "admin", stdin=PASSWORD)
    assert about(look())["accounts"] == "good"
    os.chmod(hub.data, 0o755)
    os.chmod(hub.data / "local" / "token", 0o644)
    leaky = look()
    assert leaky.code == 1 and about(leaky)["secrets"] == "wrong"
    secrets = next(finding for finding in leaky.json() if finding["about"] == "secrets")
    assert "local/token" in secrets["found"] and "chmod" in secrets["do"]
    os.chmod(hub.data, 0o700)
    (tmp_path / "bad.toml").write_text("prot = 1\n")
    broken = look("--config", tmp_path / "bad.toml")
    assert broken.code == 1 and about(broken)["configuration"] == "wrong"
    hub.stop()
    silent = look()
    assert silent.code == 1 and about(silent)["hub"] == "wrong"
    text = cli.run(hub, "doctor", "--data", hub.data)
    assert text.text.startswith("WRONG  hub: cannot reach the hub")


def test_doctor_warns_of_a_guest_that_is_kept(make_hub):
    hub = make_hub("--guest", "loopback").start()
    cli.ok(hub, "user", "add", "anna", "--role", "admin", stdin=PASSWORD)
    done = cli.ok(hub, "doctor", "--data", hub.data)
    assert "risky  guests: every program on its machine" in done.text
    # Kept, and yet nobody who could make accounts.
    refused = cli.run(hub, "user")
    assert refused.code == REFUSED and "only an admin" in refused.err
    cli.ok(hub, "pub", "a/b", "hello")
