"""What values were: asked for, exported, imported, deleted, kept by policy; through restarts, kills and broken files."""

import base64
import csv
import io
import json
import random
import subprocess
import time
from datetime import datetime, timedelta, timezone

import pytest
import requests

from support import cli, disk, rawmqtt
from support.check import problem, recent
from support.paho import ACCEPTED, Paho
from support.rawmqtt import Raw
from support.wait import PATIENCE, until

# A group commit, and the time that a busy machine may add.
COMMITTED = 1.0 + 1.5


def history(hub, name, status=200, **params):
    answer = hub.get(f"/api/devices/{name}/history", params=params)
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    return answer.json()


def values(hub, name, **params):
    return [value for _, value in history(hub, name, **params)["points"]]


def import_csv(hub, name, text, status=200):
    answer = hub.post(f"/api/devices/{name}/history", data=text.encode(), headers={"Content-Type": "text/csv"})
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    return answer.json()


def stamp(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def keep_for_ever(hub, name):
    """Otherwise points of long ago become minutes and hours at once."""
    answer = hub.put(f"/api/devices/{name}/history/policy", json={"keep": "all", "raw_days": 36525})
    assert answer.status_code == 200, answer.text


EVERYTHING = {"from": "0", "to": "2200-01-01"}


def test_what_comes_through_every_door_is_remembered(hub):
    with Paho(hub, version="5") as five, Paho(hub, version="3.1.1") as three:
        assert five.publish("devices/kitchen/t", "20.5", qos=0) in (None, *ACCEPTED)
        assert five.publish("devices/kitchen/t", "21", qos=1) in ACCEPTED
        assert three.publish("devices/kitchen/t", "-1e3", qos=2) in (None, *ACCEPTED)
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(hub.mqtt_port), "-t", "devices/kitchen/t", "-l"]
    subprocess.run(command, input=b"1\n2\n2\n", check=True, timeout=PATIENCE)
    until(lambda: len(values(hub, "kitchen/t")) == 6, what="what mosquitto_pub sent")
    hub.report("kitchen", "t", "23.25")
    found = history(hub, "kitchen/t")
    assert [value for _, value in found["points"]] == [20.5, 21, -1000, 1, 2, 2, 23.25]
    assert (found["type"], found["unit"], found["raw"]) == ("float", None, True)
    times = [time for time, _ in found["points"]]
    assert times == sorted(times)
    for at in times:
        recent(at)


def test_types_and_what_has_no_history(hub):
    properties = {
        "int": {"type": "int", "unit": "W"},
        "mode": {"type": "enum", "options": ["eco", "comfort"]},
        "color": {"type": "color"},
        "raw": {"type": "json"},
        "press": {"type": "enum", "options": ["short", "long"], "access": "event"},
    }
    hub.declare("x", **properties)
    for name, text in [
        ("int", "7"), ("int", "-3"), ("mode", "eco"), ("mode", "comfort"), ("color", "#FF8800"), ("raw", "{}"),
        ("press", "short"), ("press", "short"), ("on", "true"), ("on", "false"), ("word", "hello"), ("word", "y" * 300),
    ]:  # fmt: skip
        hub.report("x", name, text)
    assert history(hub, "x/int") | {"points": 0, "from": 0, "to": 0} == {
        "device": "x", "property": "int", "type": "int", "unit": "W", "from": 0, "to": 0, "raw": True, "points": 0,
    }  # fmt: skip
    assert values(hub, "x/int") == [7, -3]
    assert values(hub, "x/mode") == ["eco", "comfort"]
    assert values(hub, "x/color") == ["#ff8800"]
    assert values(hub, "x/press") == ["short", "short"], "each happening is one"
    assert values(hub, "x/on") == [True, False]
    assert values(hub, "x/word") == ["hello"], "too long a text has none"
    problem(hub.get("/api/devices/x/raw/history"), 422, "no_history", names=["json"])
    assert 'housewire_history_values_total{result="too_long"} 1' in hub.get("/api/metrics").text


def test_states_with_the_time_they_held(hub):
    now = time.time()
    hub.declare("x", on={"type": "bool"})
    rows = [(now - 7000, "false"), (now - 3000, "true"), (now - 2000, "false"), (now - 1000, "true")]
    import_csv(hub, "x/on", "".join(f"{at},{value}\n" for at, value in rows))
    found = history(hub, "x/on", **{"from": stamp(now - 4000), "to": stamp(now - 500)})
    # What held in the beginning is there, with the time of the beginning.
    assert found["points"][0] == [stamp(now - 4000), False]
    assert [value for _, value in found["points"]] == [False, True, False, True]
    assert found["time_in_state"] == {"false": pytest.approx(2000, abs=0.01), "true": pytest.approx(1500, abs=0.01)}
    # The future is nobody's.
    later = history(hub, "x/on", **{"from": stamp(now - 100), "to": stamp(now + 100_000)})
    assert sum(later["time_in_state"].values()) < 100 + PATIENCE
    assert "time_in_state" not in history(hub, "x/on", agg="count", points=2)


def test_charts_keep_every_peak(hub):
    hub.declare("x", level={"type": "float"})
    start = int(time.time()) - 20_000
    rows = [(start + 2 * number, number % 10) for number in range(9_000)]
    rows[4321] = (rows[4321][0], 1e6)
    rows[77] = (rows[77][0], -1e6)
    assert import_csv(hub, "x/level", "".join(f"{at},{value}\n" for at, value in rows))["imported"] == 9_000
    chart = history(hub, "x/level", points=100, **{"from": stamp(start)})
    assert not chart["raw"] and 50 <= len(chart["points"]) <= 110
    assert {-1e6, 1e6} <= {value for _, value in chart["points"]}
    times = [time for time, _ in chart["points"]]
    assert times == sorted(times)
    assert history(hub, "x/level", points=20_000)["raw"], "there are no more"
    window = {"from": stamp(start), "to": stamp(start + 18_000)}
    sums = [value for _, value in history(hub, "x/level", agg="sum", points=18, **window)["points"]]
    counts = [value for _, value in history(hub, "x/level", agg="count", points=18, **window)["points"]]
    assert counts == [500] * 18
    for number, total in enumerate(sums):
        mine = [value for at, value in rows if start + 1_000 * number <= at < start + 1_000 * (number + 1)]
        assert total == pytest.approx(sum(mine)), number
    for agg, fold in [("min", min), ("max", max), ("mean", lambda all: sum(all) / len(all)), ("last", lambda all: all[-1])]:
        [(first, value)] = history(hub, "x/level", agg=agg, points=1, **window)["points"]
        assert first == stamp(start) and value == pytest.approx(fold([value for _, value in rows])), agg
    empty = history(hub, "x/level", agg="mean", points=10, **{"from": "-30d", "to": "-20d"})
    assert empty["points"] == []
    zero = history(hub, "x/level", agg="count", points=10, **{"from": "-30d", "to": "-20d"})
    assert [value for _, value in zero["points"]] == [0] * 10


def test_several_properties_in_one_question(hub):
    for number in range(3):
        hub.report("a", "x", str(number))
        hub.report("b", "y", "true")
    both = hub.get("/api/history", params={"series": "b/y,a/x", "from": "-1h"}).json()
    assert [(one["device"], one["property"]) for one in both["series"]] == [("b", "y"), ("a", "x")]
    assert [value for _, value in both["series"][1]["points"]] == [0, 1, 2]
    assert both["series"][0]["time_in_state"]["true"] > 0
    problem(hub.get("/api/history", params={"series": "a/x,nobody/z"}), 404, "not_found", names=["nobody/z"])
    for wrong, name in [("", "series"), ("a", "'a'"), ("a/x,", "''"), (",".join(["a/x"] * 51), "50"), ("a/set", "a/set")]:
        problem(hub.get("/api/history", params={"series": wrong}), 400, "bad_request", names=[name])


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("from=yesterday", "from"), ("to=2026-13-01", "to"), ("from=-1h&to=-2h", "later"), ("points=0", "points"),
        ("points=100000000", "points"), ("points=many", "points"), ("agg=median", "mean"), ("format=xml", "csv"),
        ("after=then", "after"), ("from=%ff", "from"),
    ],
)  # fmt: skip
def test_questions_that_make_no_sense_say_why(query, names, hub):
    hub.report("x", "t", "1")
    problem(hub.get(f"/api/devices/x/t/history?{query}"), 400, "bad_request", names=[names])
    problem(hub.get(f"/api/history?series=x/t&{query}"), 400, "bad_request", names=[names])


def test_one_question_has_a_bound_however_many_properties_it_names(hub):
    for number in range(6):
        hub.report("x", f"n{number}", "1")
    series = ",".join(f"x/n{number}" for number in range(6))
    assert hub.get("/api/history", params={"series": series, "points": 16_666}).status_code == 200
    problem(hub.get("/api/history", params={"series": series, "points": 16_667}), 400, "bad_request", names=["16666"])
    problem(hub.get("/api/history", params={"series": "x/n0,x/n1,x/n0"}), 400, "bad_request", names=["twice"])
    problem(hub.get("/api/devices/x/n0/history?after=1.4000000000"), 400, "bad_request", names=["csv"])


def test_a_slip_of_the_pen_deletes_nothing(hub):
    hub.report("x", "n", "1")
    for slip in ["form=-1d", "from=-1d&until=now", "From=-1d", "x"]:
        problem(hub.delete(f"/api/devices/x/n/history?{slip}"), 400, "bad_request", names=["Nothing was deleted"])
    assert values(hub, "x/n") == [1]


def test_an_import_ends_with_its_device(hub):
    hub.declare("x", n={"type": "int"})
    now = int(time.time())

    def rows():
        yield "".join(f"{now},{number}\n" for number in range(20_000)).encode()
        until(lambda: len(values(hub, "x/n")) > 1_000, what="the first part")
        # On a connection of its own, as this one is in use.
        assert requests.delete(hub.url("/api/devices/x"), timeout=PATIENCE).status_code == 204
        for _ in range(10):
            yield "".join(f"{now},{number}\n" for number in range(20_000)).encode()

    answer = requests.post(hub.url("/api/devices/x/n/history"), data=rows(), timeout=60)
    problem(answer, 404, "not_found", names=["x", "points were taken before"])
    problem(hub.get("/api/devices/x/n/history"), 404, "not_found", names=["x/n"])
    problem(hub.post("/api/devices/x/n/history", data="0,1"), 404, "not_found", names=["x"])
    hub.declare("x")
    problem(hub.post("/api/devices/x/never/history", data="0,1"), 404, "not_found", names=["x/never"])


def test_what_was_never_there_is_404(hub):
    hub.report("x", "t", "1")
    for path in ["/api/devices/x/u/history", "/api/devices/y/t/history", "/api/history?series=y/t"]:
        problem(hub.get(path), 404, "not_found", names=["/"])
    for path in ["/api/devices/y/t/history", "/api/devices/y/t/history/policy"]:
        problem(hub.get(path), 404, "not_found", names=["y"])
    problem(hub.post("/api/devices/y/t/history", data="0,1"), 404, "not_found", names=["y"])
    problem(hub.put("/api/devices/y/t/history/policy", json={"keep": "off"}), 404, "not_found", names=["y"])
    assert values(hub, "x/t") == [1]


def test_all_points_come_page_by_page(hub):
    hub.declare("x", n={"type": "int"})
    keep_for_ever(hub, "x/n")
    # Many of one moment, so that pages end between them.
    rows = "".join(f"{1_700_000_000 + number // 1_000},{number}\n" for number in range(230_000))
    assert import_csv(hub, "x/n", rows)["imported"] == 230_000
    seen, after = [], {}
    while True:
        page = history(hub, "x/n", **EVERYTHING, **after)
        seen += [value for _, value in page["points"]]
        if "next" not in page:
            break
        assert len(page["points"]) == 100_000
        after = {"after": page["next"]}
    assert seen == list(range(230_000))


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_exports_have_everything_and_come_back(form, make_hub):
    hub = make_hub().start()
    hub.declare("x", n={"type": "float"}, word={"type": "string"})
    keep_for_ever(hub, "x/n")
    words = ["plain", 'with "quotes"', "a,b", "two\nlines", "Ä €", " spaced ", "=1+1"]
    import_csv(hub, "x/n", "".join(f"{number},{number / 4}\n" for number in range(30_000)))
    for word in words:
        hub.report("x", "word", word.encode())
    answer = hub.get("/api/devices/x/n/history", params=EVERYTHING | {"format": form})
    assert f'filename="x-n.{form}"' in answer.headers["Content-Disposition"]
    if form == "csv":
        rows = list(csv.reader(io.StringIO(answer.text)))
        assert rows[0] == ["time", "value"]
        found = [float(value) for _, value in rows[1:]]
    else:
        found = [json.loads(line)["value"] for line in answer.text.splitlines()]
    assert found == [number / 4 for number in range(30_000)]
    several = hub.get("/api/history", params=EVERYTHING | {"series": "x/word,x/n", "format": form})
    several.encoding = "utf-8"
    if form == "ndjson":
        lines = [json.loads(line) for line in several.text.split("\n") if line]
        assert [line["value"] for line in lines if line["property"] == "word"] == words
        assert len(lines) == 30_000 + len(words)
        return
    rows = list(csv.reader(io.StringIO(several.text)))
    assert rows[0] == ["time", "device", "property", "value"]
    assert [row[3] for row in rows if row[2] == "word"] == words
    # What went out goes in.
    exported = hub.get("/api/devices/x/word/history", params={"format": "csv"}).content
    other = make_hub(folder="other").start()
    other.declare("x", word={"type": "string"})
    imported = other.post("/api/devices/x/word/history", data=exported).json()
    assert imported == {"imported": len(words), "refused": [], "refused_count": 0}
    assert other.get("/api/devices/x/word/history", params={"format": "csv"}).content == exported


def test_curl_exports_and_imports_a_large_file(hub, tmp_path):
    """Larger than any other body may be, and read as it comes."""
    hub.declare("x", n={"type": "float"})
    keep_for_ever(hub, "x/n")
    source, back = tmp_path / "in.csv", tmp_path / "out.csv"
    with source.open("w") as file:
        file.write("time,value\n")
        for number in range(150_000):
            file.write(f"{stamp(1_600_000_000 + number * 60)},{number % 977}.25\n")
    assert source.stat().st_size > 4 * 1024 * 1024
    url = hub.url("/api/devices/x/n/history")
    command = ["curl", "-sS", "-X", "POST", "-H", "Content-Type: text/csv", "--data-binary", f"@{source}", url]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    assert json.loads(done.stdout)["imported"] == 150_000
    command = ["curl", "-sS", "-o", str(back), f"{url}?from=0&format=csv"]
    subprocess.run(command, check=True, timeout=120)
    assert back.read_text() == source.read_text()


def test_imports_take_any_time_and_tell_what_they_refuse(hub):
    hub.declare("x", n={"type": "float"}, on={"type": "bool"}, mode={"type": "enum", "options": ["a"]})
    keep_for_ever(hub, "x/n")
    future = int((datetime.now(timezone.utc) + timedelta(days=3650)).timestamp())
    hub.report("x", "n", "5")
    rows = [
        "time,value", "0,1", f"{future},2", "1700000000123,3", "2023-11-14T22:13:20+01:00,4", "-86400,6",
        "nonsense,1", "5,nan", "6,inf", "7,-Infinity", "8,1e999", "9,", "10", "11,1,2", "99999999999999999999,1",
    ]  # fmt: skip
    told = import_csv(hub, "x/n", "\n".join(rows))
    assert told["imported"] == 5
    assert [refused["line"] for refused in told["refused"]] == list(range(7, 16))
    assert all(refused["reason"] for refused in told["refused"])
    found = history(hub, "x/n", **{"from": "1969-01-01", "to": "2200-01-01"})["points"]
    assert [value for _, value in found] == [6, 1, 4, 3, 5, 2], "in order of time, whenever they came"
    assert found[0][0].startswith("1969-12-31T00:00:00") and found[1][0].startswith("1970-01-01T00:00:00")
    assert import_csv(hub, "x/on", "0,true\n1,on\n2,false\n")["refused"][0]["line"] == 2
    # What was an option once may not be one now.
    assert import_csv(hub, "x/mode", "0,gone\n")["imported"] == 1
    for nothing in ["x,y\nz,w\n", "0,abc\n1,def\n", "time;value\n0;1\n"]:
        answer = hub.post("/api/devices/x/n/history", data=nothing)
        problem(answer, 400, "bad_request", names=["nothing was imported"])
    assert import_csv(hub, "x/n", "")["imported"] == 0
    body = {"points": [["1970-01-01T00:00:07Z", 7.5], [8, "8.5"], ["never", 1]]}
    told = hub.post("/api/devices/x/n/history", json=body).json()
    assert told["imported"] == 2 and told["refused"][0]["line"] == 3
    assert values(hub, "x/n", **{"from": "5", "to": "10"}) == [7.5, 8.5]
    headers = {"Content-Type": "application/json"}
    for broken in ["{", "[]", '{"points":[[1]]}', '{"points":"x"}']:
        problem(hub.post("/api/devices/x/n/history", data=broken, headers=headers), 400, "bad_request", names=["JSON"])


def test_points_of_one_moment_are_all_kept_in_order(hub):
    hub.declare("x", n={"type": "int"})
    keep_for_ever(hub, "x/n")
    import_csv(hub, "x/n", "5,1\n5,2\n5,1\n5,1\n")
    import_csv(hub, "x/n", "5,9\n4,0\n")
    assert values(hub, "x/n", **EVERYTHING) == [0, 1, 2, 1, 1, 9]


def test_what_is_older_than_points_are_kept_becomes_minutes(hub):
    hub.declare("x", n={"type": "float"})
    start = (int(time.time()) - 100 * 86_400) // 3600 * 3600
    rows = "".join(f"{start + number},{number % 60}\n" for number in range(7_200))
    assert import_csv(hub, "x/n", rows)["imported"] == 7_200
    window = {"from": stamp(start), "to": stamp(start + 7_200)}
    until(lambda: len(values(hub, "x/n", **window)) < 7_200, what="that points of long ago go")
    found = history(hub, "x/n", agg="max", points=2, **window)
    assert [value for _, value in found["points"]] == [59, 59]
    counts = history(hub, "x/n", agg="count", points=2, **window)
    assert [value for _, value in counts["points"]] == [3_600, 3_600]


def test_policies(hub):
    path = "/api/devices/x/t/history/policy"
    hub.report("x", "t", "1")
    assert hub.get(path).json() == {"keep": "all", "raw_days": None}
    assert hub.put(path, json={"keep": "change", "raw_days": 7}).json() == {"keep": "change", "raw_days": 7}
    for value in ["2", "2", "2.0", "3", "3"]:
        hub.report("x", "t", value)
    assert values(hub, "x/t") == [1, 2, 3]
    hub.put(path, json={"keep": "every", "every_s": 3600})
    for value in ["4", "5"]:
        hub.report("x", "t", value)
    assert values(hub, "x/t") == [1, 2, 3], "the last one was just now"
    hub.put(path, json={"keep": "off"})
    hub.report("x", "t", "6")
    hub.restart()
    assert hub.get(path).json() == {"keep": "off", "raw_days": None}
    hub.report("x", "t", "7")
    assert values(hub, "x/t") == [1, 2, 3]
    assert hub.prop("x", "t")["value"] == 7, "live values are not touched"
    for wrong in [{"keep": "some"}, {}, {"keep": "all", "x": 1}, "all"]:
        problem(hub.put(path, json=wrong), 400, "bad_request", names=["keep"])
    for senseless in [{"keep": "every"}, {"keep": "all", "every_s": 5}, {"keep": "all", "raw_days": 0}]:
        problem(hub.put(path, json=senseless), 422, "unusable", names=["."])
    assert hub.get(path).json()["keep"] == "off"


def test_policies_may_come_before_the_first_report_and_go_with_the_device(hub):
    hub.declare("x")
    hub.put("/api/devices/x/t/history/policy", json={"keep": "off"})
    hub.report("x", "t", "1")
    hub.report("x", "u", "2")
    assert values(hub, "x/t") == [] and values(hub, "x/u") == [2]
    assert hub.delete("/api/devices/x").status_code == 204
    hub.report("x", "t", "1")
    assert values(hub, "x/t") == [1]


def has_marker(hub, marker):
    files = [path for path in (hub.data / "history").rglob("*") if path.is_file()]
    assert files, "the history has files"
    return [path.name for path in files if marker.encode() in content(path)]


def content(path):
    """What a file holds; nothing if the hub deleted it after it was listed."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


@pytest.mark.parametrize("how", ["device", "property", "range"])
def test_what_is_deleted_is_gone_from_the_files_too(how, make_hub):
    hub = make_hub().start()
    marker = "marker-of-what-goes"
    hub.report("x", "word", marker)
    hub.report("y", "word", "what-stays")
    until(lambda: has_marker(hub, marker), what="the marker in a file")
    path = {"device": "/api/devices/x", "property": "/api/devices/x/word/history", "range": "/api/devices/x/word/history?from=-1h"}
    answer = hub.delete(path[how])
    assert answer.status_code == 204, answer.text
    if how != "device":
        assert values(hub, "x/word") == []
    until(lambda: not has_marker(hub, marker), timeout=2 * PATIENCE, what="a folder without the marker")
    hub.restart()
    if how == "device":
        problem(hub.get("/api/devices/x/word/history"), 404, "not_found", names=["x/word"])
    else:
        assert values(hub, "x/word") == []
    assert not has_marker(hub, marker)
    assert values(hub, "y/word") == ["what-stays"]


def test_a_range_takes_nothing_else_with_it(hub):
    hub.declare("x", n={"type": "int"})
    keep_for_ever(hub, "x/n")
    import_csv(hub, "x/n", "".join(f"{number},{number}\n" for number in range(3_000)))
    assert hub.delete("/api/devices/x/n/history?from=1000&to=2000").status_code == 204
    expected = [*range(1_000), *range(2_000, 3_000)]
    assert values(hub, "x/n", **EVERYTHING) == expected
    hub.restart()
    assert values(hub, "x/n", **EVERYTHING) == expected
    [(_, count)] = history(hub, "x/n", agg="count", points=1, **{"from": "0", "to": "3600"})["points"]
    assert count == 2_000
    problem(hub.delete("/api/devices/x/n/history?from=2000&to=1000"), 400, "bad_request", names=["nothing was deleted"])
    problem(hub.delete("/api/devices/x/never/history"), 404, "not_found", names=["never"])


def test_a_device_that_comes_back_begins_anew(hub):
    for number in range(5):
        hub.report("x", "n", str(number))
    assert hub.delete("/api/devices/x").status_code == 204
    hub.report("x", "n", str(100))
    assert values(hub, "x/n") == [100]
    hub.restart()
    assert values(hub, "x/n") == [100]


def test_a_property_that_is_not_declared_any_more_keeps_its_past(hub):
    hub.declare("x", n={"type": "int"})
    hub.report("x", "n", str(7))
    hub.declare("x", other={"type": "int"})
    assert values(hub, "x/n") == [7]


def test_an_orderly_stop_loses_nothing(make_hub):
    hub = make_hub().start()
    with Raw(hub, version=5, name="sender") as sender:
        numbers = range(5_000)
        sender.send(b"".join(rawmqtt.publish("devices/x/n", str(number).encode(), 5) for number in numbers))
        sender.send(rawmqtt.publish("devices/x/end", b"1", 5, qos=1))
        sender.read()
    hub.restart()
    assert values(hub, "x/n") == list(numbers)


@pytest.mark.parametrize("sd_card", [False, True])
def test_a_kill_loses_at_most_what_was_not_committed(sd_card, make_hub):
    hub = make_hub(*(["--sd-card"] if sd_card else [])).start()
    wear = hub.get("/api/history/wear").json()
    assert (wear["group_commit_s"], wear["sd_card"]) == ((5, True) if sd_card else (1, False))
    pause = wear["group_commit_s"] + COMMITTED - 1
    sent, done_at = 0, []
    for round in range(2 if sd_card else 4):
        began = time.monotonic()
        while time.monotonic() - began < pause:
            hub.report("x", "n", str(sent))
            done_at.append(time.monotonic())
            sent += 1
        hub.kill()
        killed = time.monotonic()
        hub.start()
        found = values(hub, "x/n")
        # A beginning of what was sent, without a hole; all that is old enough is part of it.
        old_enough = sum(1 for at in done_at if at < killed - pause)
        assert found == list(range(len(found))) and len(found) >= old_enough, (round, len(found), old_enough, sent)
        # What was lost comes again, so that the next round begins with a whole one.
        for number in range(len(found), sent):
            hub.report("x", "n", str(number))


def log_files(hub):
    return sorted((hub.data / "history" / "log").iterdir())


def test_a_broken_end_of_the_log_costs_no_more_than_itself(make_hub):
    hub = make_hub().start()
    for number in range(20):
        hub.report("x", "n", str(number))
    time.sleep(COMMITTED)
    hub.kill()
    last = log_files(hub)[-1]
    with last.open("ab") as file:
        file.write(b"\x00garbage\xff" * 40)
    hub.start()
    assert values(hub, "x/n") == list(range(20))
    hub.report("x", "n", str(20))
    time.sleep(COMMITTED)
    hub.kill()
    last = [path for path in log_files(hub) if path.stat().st_size > 0][-1]
    with last.open("r+b") as file:
        file.truncate(last.stat().st_size - 3)
    hub.start()
    found = values(hub, "x/n")
    assert found == list(range(len(found))) and len(found) >= 19
    hub.report("x", "n", str(99))
    assert values(hub, "x/n")[-1] == 99


@pytest.mark.parametrize("damage", ["truncated", "overwritten", "empty", "folder"])
def test_a_broken_database_is_set_aside_and_everything_else_works(damage, make_hub):
    hub = make_hub().start()
    hub.declare("x", n={"type": "int"})
    import_csv(hub, "x/n", "".join(f"{number},{number}\n" for number in range(20_000)))
    hub.report("lamp", "power", "true")
    hub.stop()
    file = hub.data / "history" / "history.db"
    size = file.stat().st_size
    match damage:
        case "truncated":
            with file.open("r+b") as broken:
                broken.truncate(size // 2)
        case "overwritten":
            file.write_bytes(b"this is no database" * (size // 19))
        case "empty":
            file.write_bytes(b"")
        case "folder":
            file.unlink()
            file.mkdir()
    hub.start()
    assert hub.prop("lamp", "power")["value"] is True
    if damage != "empty":
        assert "history" in hub.log() and "WARN" in hub.log() or "ERROR" in hub.log()
    hub.report("lamp", "power", "false")
    answer = hub.get("/api/devices/lamp/power/history")
    assert answer.status_code in (200, 409), answer.text
    if answer.status_code == 200:
        assert answer.json()["points"][-1][1] is False
    hub.restart()
    assert hub.prop("lamp", "power")["value"] is False


# More than the hub's own log may need, and less than what the tests write to the history's.
LITTLE = 64 * 1024


def noise(count, rng=random.Random(7)):
    """Reports that cannot be compressed."""
    texts = (base64.b64encode(rng.randbytes(180)) for _ in range(count))
    return b"".join(rawmqtt.publish("devices/filler/text", text, 5) for text in texts)


def stall(hub):
    """From now on the history's log takes nothing."""
    disk.limit(hub, LITTLE)
    with Raw(hub, version=5, name="noisy") as noisy:
        noisy.send(noise(LITTLE // 60))
        until(lambda: "cannot write the history" in hub.log(), what="a commit that fails")


def fill_the_queue(hub):
    """Reports of QoS 0, until not even a short one finds room in the history."""
    long, dropped = noise(2_000), 0
    # Each by itself, as consecutive ones of one topic are taken or dropped together.
    short = b"".join(rawmqtt.publish(f"devices/y/{name}", b"7", 5) for name in "nm" * 10_000)
    with Raw(hub, version=5, name="filler") as filler:
        for mid in range(1, 200):
            filler.send((short if dropped else long) + rawmqtt.publish("free", b"", 5, qos=1, mid=mid))
            # Nobody is slower than the hub.
            filler.read()
            before, dropped = dropped, hub.get("/api/history/wear").json()["queue"]["dropped_points"]
            if before:
                assert dropped > before
                return
    raise AssertionError("the queue never was full")


def test_when_the_disk_stalls_qos_0_is_counted_and_others_wait(make_hub):
    """`relaxed`, so that nothing but the history waits for the disk."""
    hub = make_hub("--durability", "relaxed", process=disk.PROCESS).start()
    hub.report("x", "n", str(0))
    time.sleep(COMMITTED)
    stall(hub)
    fill_the_queue(hub)
    queue = hub.get("/api/history/wear").json()["queue"]
    assert queue["bytes"] <= queue["bytes_max"] == 16 * 1024 * 1024 and not queue["waiting"]
    with Raw(hub, version=5, name="patient") as patient, Paho(hub, name="watcher") as watcher:
        watcher.subscribe("devices/x/#")
        patient.send(rawmqtt.publish("devices/x/n", b"1", 5, qos=1, mid=1))
        patient.send(rawmqtt.publish("devices/x/n", b"2", 5, qos=2, mid=2))
        # Everybody else has it at once.
        watcher.wait("devices/x/n", "1")
        watcher.wait("devices/x/n", "2")
        until(lambda: hub.get("/api/history/wear").json()["queue"]["waiting"], what="that publishers wait")
        with pytest.raises(TimeoutError):
            patient.read(timeout=1.5)
        # What is no report waits for nothing, in a connection of its own, and the patient one lives.
        with Raw(hub, version=5, name="other") as other:
            other.send(rawmqtt.publish("free", b"x", 5, qos=1))
            assert other.read().kind == rawmqtt.PUBACK
        with pytest.raises(Exception, match="(?i)time"):
            hub.put("/api/devices/x/n?qos=1", data="3", timeout=1.5)
        hub.report("x", "n", str(4))
        disk.make_room(hub)
        first, second = patient.read(), patient.read()
        assert (first.kind, second.kind) == (rawmqtt.PUBACK, rawmqtt.PUBREC), "in the order of the requests"
    assert "the disk takes the history again" in hub.log()
    until(lambda: not hub.get("/api/history/wear").json()["queue"]["waiting"], what="that nobody waits any more")
    assert hub.put("/api/devices/x/n?qos=1", data="5").status_code == 204
    # What was acknowledged is there, also after the worst.
    time.sleep(COMMITTED)
    hub.kill()
    hub.start()
    found = values(hub, "x/n")
    assert found == [0, 1, 2, 3, 5], "4 came with QoS 0 when there was no room"


def test_a_device_that_is_deleted_while_the_disk_stalls_is_forgotten(make_hub):
    hub = make_hub("--durability", "relaxed", process=disk.PROCESS).start()
    hub.report("x", "n", str(1))
    time.sleep(COMMITTED)
    stall(hub)
    for number in range(2, 5):
        hub.report("x", "n", str(number))
    answer = hub.delete("/api/devices/x", timeout=3 * PATIENCE)
    assert answer.status_code in (204, 507), answer.text
    disk.make_room(hub)
    if answer.status_code == 507:
        answer = hub.delete("/api/devices/x")
        assert answer.status_code in (204, 404), answer.text
    hub.report("x", "n", str(9))
    until(lambda: values(hub, "x/n") == [9], what="a history that begins anew")
    hub.restart()
    assert values(hub, "x/n") == [9]


def test_a_hub_without_history(make_hub):
    hub = make_hub("--no-history").start()
    hub.report("x", "n", str(1))
    for path in ["/api/devices/x/n/history", "/api/history?series=x/n", "/api/history/wear", "/api/devices/x/n/history/policy"]:
        problem(hub.get(path), 409, "history_off", names=["--no-history"])
    assert "housewire_history" not in hub.get("/api/metrics").text
    assert not (hub.data / "history").exists()
    assert hub.delete("/api/devices/x").status_code == 204


def test_the_history_of_before_is_there_after_a_time_without(make_hub, tmp_path):
    hub = make_hub().start()
    hub.report("x", "n", str(1))
    hub.stop()
    config = tmp_path / "config.toml"
    config.write_text("[history]\nenabled = false\n")
    without = make_hub("--config", config)
    without.start()
    without.report("x", "n", "2")
    without.stop()
    hub.start()
    hub.report("x", "n", str(3))
    assert values(hub, "x/n") == [1, 3]


def test_the_wear_is_told(hub):
    with Raw(hub, version=5, name="sender") as sender:
        for mid in range(1, 6):
            runs = (rawmqtt.publish("devices/x/n", str(number).encode(), 5) for number in range(2_000))
            sender.send(b"".join(runs) + rawmqtt.publish("devices/x/end", b"1", 5, qos=1, mid=mid))
            sender.read()

    def wear():
        found = hub.get("/api/history/wear").json()
        return found if found["written_today"] and found["days"] and found["days"][0]["points"] >= 10_000 else None

    found = until(wear, what="what was written today")
    today = found["days"][0]
    assert today["day"] in {stamp(time.time())[:10], stamp(time.time() - 60)[:10]}
    assert today["bytes"] == today["log"] + today["database"] == found["written_today"] > 0
    assert found["properties"][0]["device"] == "x" and found["properties"][0]["property"] == "n"
    assert found["properties"][0]["points_per_day"] >= 10_000
    assert found["on_disk"] > 0 and found["filesystem"]["size"] > found["filesystem"]["free"] > 0
    assert found["retention"] == {"raw_days": 30, "minute_days": 730, "hour_days": 3650}
    assert found["queue"] == {"bytes": 0, "bytes_max": 16777216, "dropped_points": 0, "waiting": False}
    metrics = hub.get("/api/metrics").text
    assert 'housewire_history_written_today_bytes{part="log"}' in metrics
    assert f'housewire_history_values_total{{result="kept"}} {today["points"]}' in metrics


def test_the_command_line(hub):
    hub.declare("x", n={"type": "float", "unit": "W"})
    keep_for_ever(hub, "x/n")
    import_csv(hub, "x/n", "0,1.5\n60,2\n")
    table = cli.ok(hub, "history", "x/n", "--from", "0", "--to", "100").text
    assert table.splitlines() == [
        "TIME                         VALUE",
        "1970-01-01T00:00:00.000000Z  1.5 W",
        "1970-01-01T00:01:00.000000Z  2 W",
    ]
    assert cli.ok(hub, "history", "x/n", "--from", "0", "--csv").text.splitlines()[1:] == [
        "1970-01-01T00:00:00.000000Z,1.5",
        "1970-01-01T00:01:00.000000Z,2",
    ]
    found = cli.ok(hub, "history", "x/n", "--from", "0", "--to", "120", "--agg", "sum", "--points", "1", "--json").json()
    assert found["points"] == [["1970-01-01T00:00:00.000000Z", 3.5]]
    hub.report("y", "on", "true")
    assert "STATE" in cli.ok(hub, "history", "x/n", "y/on", "--from", "-1h").text
    assert cli.run(hub, "history", "nobody/n").code == 5
    assert cli.run(hub, "history", "x").code == 2
    assert cli.run(hub, "history", "x/n", "--from", "soon").code == 1


def test_questions_do_not_hold_up_what_is_live(hub):
    """Many large answers at once: all are given, and the hub answers others meanwhile."""
    hub.declare("x", n={"type": "float"})
    keep_for_ever(hub, "x/n")
    import_csv(hub, "x/n", "".join(f"{number},{number}\n" for number in range(100_000)))
    url = hub.url("/api/devices/x/n/history?from=0&format=csv")
    exports = [subprocess.Popen(["curl", "-sS", url], stdout=subprocess.PIPE) for _ in range(6)]
    slowest = 0.0
    for number in range(50):
        began = time.monotonic()
        hub.report("live", "n", str(number))
        slowest = max(slowest, time.monotonic() - began)
    for export in exports:
        out, _ = export.communicate(timeout=120)
        assert out.count(b"\n") == 100_001
    assert slowest < PATIENCE
    assert values(hub, "live/n") == list(range(50))
