"""History in PostgreSQL: every point arrives once, whatever ends meanwhile."""

import pytest

from support.paho import ACCEPTED, Paho
from support.postgres import Postgres
from support.wait import until

POINTS = "SELECT device, property, coalesce(number::text, ''), coalesce(text, '') FROM housewire_points ORDER BY seq"
PATIENCE = 40


@pytest.fixture(scope="module")
def cluster():
    server = Postgres().start()
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres(cluster):
    """The server, running and without our tables."""
    if cluster.process.poll() is not None:
        cluster.start()
    cluster.ask("DROP TABLE IF EXISTS housewire_points, housewire_points_hubs")
    return cluster


@pytest.fixture
def make_fed(make_hub, postgres):
    """Makes hubs that write to the server."""

    def make(*flags, url=None, folder="hub"):
        return make_hub(*flags, folder=folder, env={"HOUSEWIRE_POSTGRES_URL": url or postgres.url()})

    return make


def count(postgres, where="true"):
    there = postgres.ask("SELECT to_regclass('housewire_points') IS NOT NULL") == ["t"]
    return int(postgres.ask(f"SELECT count(*) FROM housewire_points WHERE {where}")[0]) if there else 0


def arrives(postgres, points, where="true"):
    until(lambda: count(postgres, where) >= points, timeout=PATIENCE, what=f"{points} points in PostgreSQL")
    assert count(postgres, where) == points


def report(hub, first, points, device="pump"):
    """So many numbered reports with QoS 1; all of them acknowledged."""
    with Paho(hub, name=f"{device}-{first}") as client:
        for number in range(first, first + points):
            assert client.publish(f"devices/{device}/level", str(number), qos=1) in ACCEPTED


def metric(hub, name):
    lines = [line for line in hub.get("/api/metrics").text.splitlines() if line.startswith(name + " ")]
    assert len(lines) == 1, f"{name} in {lines}"
    return float(lines[0].split()[1])


def test_each_kind_of_value_has_its_columns(make_fed, postgres):
    hub = make_fed().start()
    hub.declare("lamp", on={"type": "bool"}, level={"type": "int"}, mode={"type": "enum", "options": ["day", "night"]}, note={"type": "string"})
    for name, text in [("on", "true"), ("level", "9007199254740993"), ("mode", "night"), ("note", "a\tb\\N\nc"), ("power", "21.5")]:
        hub.report("lamp", name, text)
    arrives(postgres, 5)
    rows = dict((row[0], row[1:]) for row in (line.split("|") for line in postgres.ask("SELECT property, coalesce(number::text, ''), coalesce(replace(replace(text, E'\\n', '<n>'), E'\\t', '<t>'), ''), device FROM housewire_points")))
    assert rows == {
        "on": ["1", "true", "lamp"],
        "level": ["9.007199254740992e+15", "9007199254740993", "lamp"],
        "mode": ["", "night", "lamp"],
        "note": ["", "a<t>b\\N<n>c", "lamp"],
        "power": ["21.5", "", "lamp"],
    }
    assert postgres.ask("SELECT bool_and(abs(extract(epoch FROM now() - time)) < 60), count(DISTINCT hub) FROM housewire_points") == ["t|1"]
    hub.stop()
    assert hub.process.returncode == 0


def test_times_before_and_after_all_calendars_arrive(make_fed, postgres):
    hub = make_fed().start()
    hub.report("lamp", "level", "1")
    lines = "time,value\n1970-01-01T00:00:00.000001Z,2\n9999-12-30T21:59:59.999999Z,3\n-009999-01-02T01:59:59Z,4\n"
    answer = hub.post("/api/devices/lamp/level/history", data=lines, headers={"Content-Type": "text/csv"})
    assert answer.json()["imported"] == 3, answer.text
    arrives(postgres, 4)
    times = postgres.ask("SET timezone = 'UTC'; SELECT time FROM housewire_points WHERE number > 1 ORDER BY number")
    assert times == ["1970-01-01 00:00:00.000001+00", "9999-12-30 21:59:59.999999+00", "4714-11-24 00:00:00+00 BC"]


def test_nothing_is_lost_or_doubled_when_either_is_killed(make_fed, postgres):
    hub = make_fed().start()
    report(hub, 0, 300)
    postgres.kill()
    report(hub, 300, 300)
    until(lambda: "does not reach PostgreSQL" in hub.log(), timeout=PATIENCE, what="the complaint")
    assert metric(hub, "housewire_postgres_connected") == 0
    # History is committed once a second; a stop commits it, too.
    hub.restart()
    report(hub, 600, 300)
    postgres.start()
    arrives(postgres, 900)
    assert postgres.ask("SELECT count(DISTINCT number), min(number), max(number), count(DISTINCT seq) FROM housewire_points") == ["900|0|899|900"]
    for first in range(900, 1500, 200):
        report(hub, first, 200)
        arrives(postgres, first + 200)
        hub.kill()
        hub.start()
    arrives(postgres, 1500)
    until(lambda: metric(hub, "housewire_postgres_connected") == 1, timeout=PATIENCE, what="a connection")
    assert metric(hub, "housewire_postgres_lost_points_total") == 0
    # A position that was put back, as by a backup, adds nothing twice.
    hub.stop()
    postgres.ask("UPDATE housewire_points_hubs SET last = 0")
    hub.start()
    report(hub, 1500, 1)
    arrives(postgres, 1501)


def test_a_queue_that_is_full_loses_the_oldest_and_says_so(make_fed, postgres):
    hub = make_fed("--postgres-queue-mb", 16).start()
    hub.declare("meter", note={"type": "string"})
    hub.report("meter", "note", "first")
    arrives(postgres, 1)
    postgres.kill()
    points, text = 200_000, "x" * 240
    lines = "\n".join(f"{1700000000 + number},{number}{text}" for number in range(points))
    answer = hub.post("/api/devices/meter/note/history", data=lines, headers={"Content-Type": "text/csv"}, timeout=60)
    assert answer.json()["imported"] == points, answer.text
    postgres.start()
    lost = lambda: int(metric(hub, "housewire_postgres_lost_points_total"))
    until(lambda: lost() + count(postgres) >= points + 1, timeout=60, what="all points to arrive or to be counted")
    assert 0 < lost() < points and lost() + count(postgres) == points + 1
    assert "had left the log before PostgreSQL had them" in hub.log()


def test_a_table_that_somebody_else_made_is_used_without_the_right_to_make_one(make_fed, postgres):
    first = make_fed().start()
    first.report("lamp", "level", "1")
    arrives(postgres, 1)
    postgres.ask("DROP ROLE IF EXISTS guest_writer")
    postgres.ask("CREATE ROLE guest_writer LOGIN PASSWORD 'x'; GRANT SELECT, INSERT, UPDATE ON housewire_points, housewire_points_hubs TO guest_writer")
    second = make_fed(url=postgres.url("x", "guest_writer"), folder="second").start()
    second.report("lamp", "level", "2")
    arrives(postgres, 2)
    assert postgres.ask("SELECT count(DISTINCT hub) FROM housewire_points") == ["2"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (lambda server: server.url("wrong"), "password authentication failed"),
        (lambda server: server.url().replace(f":{server.port}/", ":1/"), "refused"),
        (lambda server: server.url().replace("/postgres", "/nowhere"), 'database "nowhere" does not exist'),
        (lambda server: server.url() + "?sslmode=require", "TLS"),
    ],
)
def test_a_server_that_cannot_be_used_is_told_and_the_hub_goes_on(make_fed, postgres, url, words):
    hub = make_fed(url=url(postgres)).start()
    hub.report("lamp", "level", "1")
    until(lambda: "does not reach PostgreSQL" in hub.log(), timeout=PATIENCE, what="the complaint")
    complaint = next(line for line in hub.log().splitlines() if "does not reach PostgreSQL" in line)
    assert words in complaint and "p%40ss" not in hub.log() and "p@ss" not in hub.log()
    assert hub.get("/api/devices/lamp/level").json()["value"] == 1
    assert metric(hub, "housewire_postgres_connected") == 0


def test_a_table_of_another_make_is_told(make_fed, postgres):
    postgres.ask("CREATE TABLE housewire_points (something int)")
    hub = make_fed().start()
    hub.report("lamp", "level", "1")
    until(lambda: "does not reach PostgreSQL" in hub.log(), timeout=PATIENCE, what="the complaint")
    assert 'column "time" of relation "housewire_points" does not exist' in hub.log()


@pytest.mark.parametrize(("key", "value"), [("URL", "postgres://"), ("TABLE", "a b"), ("QUEUE_MB", "1")])
def test_settings_that_make_no_sense_end_the_start(make_fed, postgres, make_hub, key, value):
    env = {"HOUSEWIRE_POSTGRES_URL": postgres.url()} | {f"HOUSEWIRE_POSTGRES_{key}": value}
    hub = make_hub(env=env).spawn()
    assert hub.process.wait(timeout=20) == 2
    assert f"postgres.{key.lower()}" in hub.log() and "p%40ss" not in hub.log()
