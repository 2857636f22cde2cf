"""Contract: backups. Made while the hub is written to, verified, put in place as a whole or not at all; what was there is moved aside."""

import gzip
import hashlib
import io
import json
import pathlib
import tarfile
import threading

from support import cli
from support.check import problem, recent
from support.hub import READY
from support.paho import Paho
from support.people import PASSWORD, Somebody, add
from support.wait import until
from test_dashboards import as_person, make, widget


def token(hub):
    return (hub.data / "local" / "token").read_text()


def backup(hub, path, *flags):
    return cli.ok(hub, "backup", path, "--token", token(hub), "--json", *flags, timeout=120).json()


def restored(make_hub, path, folder="restored", *flags):
    """A hub that was made of a backup, on a folder of its own."""
    hub = make_hub(folder=folder)
    done = cli.ok(None, "restore", path, "--data", hub.data, "--json", *flags, timeout=120)
    return hub.start(), done.json()


def points(hub, name):
    answer = hub.get(f"/api/devices/{name}/history?last=1h")
    assert answer.status_code == 200, answer.text
    return [value for _, value in answer.json()["points"]]


def tree(folder):
    files = [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if path.name not in ("housewire.lock", "token")}


def sign_in(hub):
    somebody = Somebody(hub)
    answer = somebody.post("/api/session", json={"name": "anna", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return somebody


def test_everything_comes_back(owned, make_hub, tmp_path):
    add(owned, "ben", "viewer")
    made = make(owned, id="home", widgets=[widget("w", {"property": "lamp/power"})])
    link = owned.post("/api/dashboards/home/shares", json={}).json()["url"].removeprefix("/share#")
    assert owned.put("/api/topics/home/note", data="kept", params={"qos": 1}).status_code == 204
    for level in (1, 2, 3):
        owned.report("lamp", "level", str(level))
    device = owned.post("/api/devices/lamp/token", json={}).json()["token"]
    authority = owned.get("/ca.crt").content
    archive = tmp_path / "hub.tar.gz"
    said = backup(owned, archive)
    assert said["files"] >= 5 and (archive.stat().st_mode & 0o777) == 0o600
    recent(said["made"])
    assert cli.ok(None, "backup", "--verify", archive, "--json").json() == said
    names = tarfile.open(archive).getnames()
    assert names[0] == "manifest.json" and {"housewire.db", "history/history.db", "tls/ca.pem"} <= set(names), names
    assert not any("token" in name or ".lock" in name for name in names), names
    assert not list(owned.data.glob("backup*")), "nothing is left of it"

    hub, done = restored(make_hub, archive)
    assert done == said | {"aside": None}
    anna = sign_in(hub)
    assert sorted(one["name"] for one in anna.get("/api/users").json()) == ["anna", "ben"]
    assert anna.get("/api/dashboards/home").json() == made
    assert anna.get("/api/topics/home/note").text == "kept"
    lamp = anna.get("/api/devices/lamp").json()
    assert (lamp["name"], lamp["properties"]["level"]["value"]) == ("Desk lamp", 3)
    answer = anna.get("/api/devices/lamp/level/history?last=1h").json()
    assert [value for _, value in answer["points"]] == [40, 1, 2, 3]
    assert Somebody(hub, device).put("/api/devices/lamp/level", data="7").status_code == 204
    assert Somebody(hub).post("/api/session/share", json={"secret": link}).status_code == 200
    assert len(authority) > 100 and anna.get("/ca.crt").content == authority, "clients trust it as before"
    hub.stop()


def test_under_load_what_was_acknowledged_before_is_in_it(hub, make_hub, tmp_path):
    """Writers go on through it all: retained messages with QoS 1, and reports that history keeps."""
    ends, written, reported = threading.Event(), [0], [0]

    def publish():
        client = Paho(hub)
        while not ends.is_set():
            number = written[0] + 1
            client.publish("load/n", str(number), qos=1, retain=True)
            written[0] = number
        client.close()

    def report():
        somebody = Somebody(hub)
        while not ends.is_set():
            number = reported[0] + 1
            answer = somebody.put("/api/devices/counter/n", params={"qos": 1}, data=str(number))
            assert answer.status_code == 204, answer.text
            reported[0] = number

    threads = [threading.Thread(target=work, daemon=True) for work in (publish, report)]
    for thread in threads:
        thread.start()
    until(lambda: written[0] > 20 and reported[0] > 20, what="some load")
    taken = []
    for number in range(3):
        before = written[0], reported[0]
        archive = tmp_path / f"{number}.tar.gz"
        backup(hub, archive)
        after = written[0], reported[0]
        assert after > before, "nobody waited for the backup"
        taken.append((archive, before))
    ends.set()
    for thread in threads:
        thread.join()
    for archive, (message, value) in taken:
        other, _ = restored(make_hub, archive, archive.name.replace(".", "-"))
        assert int(other.get("/api/topics/load/n").text) >= message
        assert other.prop("counter", "n")["value"] >= value
        history = points(other, "counter/n")
        assert history == list(range(1, len(history) + 1)) and len(history) >= value, (history[-3:], value)
        other.stop()


def test_taken_in_by_http_and_put_in_place_at_the_next_start(owned, tmp_path):
    owned.report("lamp", "level", "11")
    archive = owned.get("/api/backup")
    assert archive.status_code == 200 and archive.headers["Content-Type"] == "application/gzip"
    assert int(archive.headers["Housewire-Backup-Bytes"]) > 0 and ".tar.gz" in archive.headers["Content-Disposition"]
    owned.report("lamp", "level", "22")
    make(owned, id="later")
    assert owned.get("/api/backup/restore").json() == {"staged": False, "version": None, "made": None, "files": 0, "bytes": 0}
    problem(owned.delete("/api/backup/restore"), 404)
    for _ in range(2):
        staged = owned.post("/api/backup/restore", data=archive.content)
        assert staged.status_code == 202, staged.text
    assert staged.json()["staged"] and owned.get("/api/backup/restore").json() == staged.json()
    assert owned.prop("lamp", "level")["value"] == 22, "nothing changes before the start"
    assert owned.delete("/api/backup/restore").status_code == 204
    owned.restart()
    assert owned.prop("lamp", "level")["value"] == 22
    assert owned.post("/api/backup/restore", data=archive.content).status_code == 202
    owned.restart()
    assert owned.prop("lamp", "level")["value"] == 11
    assert owned.get("/api/dashboards").json() == []
    assert (owned.data / "before-restore-1" / "housewire.db").is_file()
    assert "before-restore-1" in owned.log()
    assert owned.get("/api/backup/restore").json()["staged"] is False
    events = [one["event"] for one in owned.get("/api/audit").json()]
    assert "setup" in events and "restore_staged" not in events, "what happened since is in what was moved aside"
    # Once more, from a killed hub.
    owned.report("lamp", "level", "33")
    assert owned.post("/api/backup/restore", data=archive.content).status_code == 202
    owned.kill()
    owned.start()
    assert owned.prop("lamp", "level")["value"] == 11
    assert (owned.data / "before-restore-2" / "housewire.db").is_file()


def test_a_hub_starts_again_when_an_admin_says_so(owned):
    archive = owned.get("/api/backup").content
    owned.report("lamp", "level", "22")
    add(owned, "ben", "member")
    problem(as_person(owned, "ben").post("/api/hub/restart"), 403)
    assert owned.post("/api/backup/restore", data=archive).status_code == 202
    process = owned.process.pid
    assert owned.post("/api/hub/restart").status_code == 202
    owned.port = int(READY.match(owned.stdout.wait(what="the line `ready http://…` of the next start"))["port"])
    assert owned.process.poll() is None and owned.process.pid == process
    assert owned.prop("lamp", "level")["value"] == 40, "the backup is in place"


def test_damaged_and_foreign_archives_change_nothing(owned, tmp_path):
    whole = owned.get("/api/backup").content

    def foreign():
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as tar:
            info = tarfile.TarInfo("photo.jpg")
            info.size = 5
            tar.addfile(info, io.BytesIO(b"photo"))
        return out.getvalue()

    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    before = sorted(path.name for path in owned.data.iterdir())
    for number, (body, code) in enumerate(
        [
            (b"", "no_backup"),
            (b"hello", "no_backup"),
            (foreign(), "no_backup"),
            (gzip.compress(b"x" * 5_000_000), "no_backup"),
            (whole[: len(whole) // 2], "damaged_backup"),
            (whole[:-4], "damaged_backup"),
            (bytes(flipped), "damaged_backup"),
            (repacked(whole, {"../../harm": b"x"}), "damaged_backup"),
            (repacked(whole, {"/harm-of-a-test": b"x"}), "damaged_backup"),
            (repacked(whole, {"tls/x": b"x"}, is_named=False), "damaged_backup"),
            (repacked(whole, {}, replaced={"housewire.db": b"SQLite format 3\0" + b"x" * 5000}), "damaged_backup"),
            (repacked(whole, {}, schema=99), "newer_backup"),
        ]
    ):
        problem(owned.post("/api/backup/restore", data=body), 422, code)
        path, other = tmp_path / f"{number}.tar.gz", tmp_path / f"data-{number}"
        path.write_bytes(body)
        done = cli.run(None, "restore", path, "--data", other)
        assert (done.code, "Nothing was changed" in done.err) == (1, True), done
        assert [one.name for one in other.iterdir()] == ["housewire.lock"], list(other.iterdir())
        assert cli.run(None, "backup", "--verify", path).code == 1 or number == 10, "its database is looked at when it is taken in"
    assert owned.get("/api/backup/restore").json()["staged"] is False
    assert sorted(path.name for path in owned.data.iterdir()) == before
    assert not pathlib.Path("/harm-of-a-test").exists() and not list(tmp_path.parent.rglob("harm"))


def repacked(whole, more, is_named=True, replaced=None, schema=None):
    """The same archive with other files, and a manifest that fits."""
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar.getmembers()}
    manifest = json.loads(files.pop("manifest.json"))
    files |= replaced or {}
    named = files | (more if is_named else {})
    manifest["files"] = [
        {"path": name, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()} for name, body in named.items()
    ]
    manifest["schema"] = schema or manifest["schema"]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.USTAR_FORMAT) as tar:
        for name, body in {"manifest.json": json.dumps(manifest).encode(), **files, **more}.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return out.getvalue()


def test_an_upload_that_breaks_off_changes_nothing(owned):
    import socket

    whole = owned.get("/api/backup").content
    cookie = "; ".join(f"{key}={value}" for key, value in owned.api.cookies.items())
    head = f"POST /api/backup/restore HTTP/1.1\r\nHost: {owned.host}:{owned.port}\r\nCookie: {cookie}\r\nContent-Length: {len(whole)}\r\n\r\n"
    connection = socket.create_connection((owned.host, owned.port))
    connection.sendall(head.encode() + whole[: len(whole) // 2])
    until(lambda: (owned.data / "restore.incoming").exists(), what="the upload")
    connection.close()
    until(lambda: not (owned.data / "restore.incoming").exists(), what="that nothing is left of it")
    assert owned.get("/api/backup/restore").json()["staged"] is False
    assert until(lambda: owned.post("/api/backup/restore", data=whole).status_code == 202, what="its turn")


def test_an_upload_of_somebody_who_is_no_admin_any_more_changes_nothing(owned):
    """What decides is who sends its end: an upload may take hours."""
    import socket

    whole = owned.get("/api/backup").content

    def begun(name, role="admin"):
        add(owned, name, role)
        somebody = as_person(owned, name)
        cookie = "; ".join(f"{key}={value}" for key, value in somebody.cookies.items())
        head = f"POST /api/backup/restore HTTP/1.1\r\nHost: {owned.host}:{owned.port}\r\nCookie: {cookie}\r\nContent-Length: {len(whole)}\r\n\r\n"
        connection = socket.create_connection((owned.host, owned.port))
        connection.settimeout(60)
        connection.sendall(head.encode() + whole[:-1])
        until(lambda: (owned.data / "restore.incoming").exists(), what="the upload")
        return connection

    for name, ends, status in (
        ("ben", lambda: owned.patch("/api/users/ben", json={"role": "member"}), b"403"),
        ("carl", lambda: owned.delete("/api/users/carl"), b"401"),
    ):
        connection = begun(name)
        assert ends().status_code in (200, 204)
        connection.sendall(whole[-1:])
        answer = connection.recv(65536)
        assert answer.split()[1] == status, answer
        connection.close()
        until(lambda: not (owned.data / "restore.incoming").exists(), what="that nothing is left of it")
        assert owned.get("/api/backup/restore").json()["staged"] is False
    connection = begun("dora")
    connection.sendall(whole[-1:])
    connection.close()
    until(lambda: owned.get("/api/backup/restore").json()["staged"], what="what came whole")
    staged = [one for one in owned.get("/api/audit").json() if one["event"] == "restore_staged"]
    assert [one["who"] for one in staged] == ["dora"], "noted though nobody waited for the answer"


def test_who_may(owned, tmp_path):
    add(owned, "ben", "member")
    ben = as_person(owned, "ben")
    for somebody, status in ((ben, 403), (Somebody(owned), 401)):
        problem(somebody.get("/api/backup"), status)
        problem(somebody.get("/api/backup/restore"), status)
        problem(somebody.post("/api/backup/restore", data=b"x"), status)
        problem(somebody.delete("/api/backup/restore"), status)
    done = cli.run(owned, "backup", tmp_path / "x.tar.gz")
    assert done.code == 1 and "--token" in done.err
    assert not list(tmp_path.glob("*.tar.gz*"))


def test_from_a_terminal(owned, tmp_path):
    archive = tmp_path / "hub.tar.gz"
    done = cli.ok(owned, "backup", archive, "--token", token(owned))
    assert "Wrote" in done.text and "received" in done.err
    again = cli.run(owned, "backup", archive, "--token", token(owned))
    assert again.code == 2 and "--force" in again.err
    cli.ok(owned, "backup", archive, "--token", token(owned), "--force")
    running = cli.run(None, "restore", archive, "--data", owned.data, "--replace")
    assert running.code == 1 and "in use by another hub" in running.err
    owned.stop()
    before = tree(owned.data)
    kept = cli.run(None, "restore", archive, "--data", owned.data)
    assert kept.code == 1 and kept.err.count("--replace") == 1
    assert tree(owned.data) == before
    done = cli.ok(None, "restore", archive, "--data", owned.data, "--replace")
    assert "before-restore-1" in done.text
    owned.start()
    sign_in(owned)
    missing = cli.run(None, "restore", tmp_path / "none.tar.gz", "--data", tmp_path / "none")
    assert missing.code == 2 and not (tmp_path / "none").exists()


def test_the_config_file_is_in_it(make_hub, tmp_path):
    config = tmp_path / "hub.toml"
    config.write_text("# mine\nshards = 1\n")
    hub = make_hub("--config", config).start()
    backup(hub, tmp_path / "hub.tar.gz")
    other, _ = restored(make_hub, tmp_path / "hub.tar.gz")
    assert (other.data / "config" / "housewire.toml").read_text() == "# mine\nshards = 1\n"
    # And in the next one, as any file that lies there.
    backup(other, tmp_path / "again.tar.gz")
    assert "config/housewire.toml" in tarfile.open(tmp_path / "again.tar.gz").getnames()
