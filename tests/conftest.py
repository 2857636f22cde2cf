"""Fixtures of the end-to-end tests: a hub of one's own, a hub shared by tests that use their own names, the bridges."""

import itertools
import os
import pathlib
import random
import signal
import sys

import pytest

from support.browser import Browser
from support.hub import Hub, binary
from support.node import MqttJs
from support.people import PASSWORD

_unique = itertools.count(1)
_running = []


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="also what takes longer, and more repeats")


def pytest_configure(config):
    seed = os.environ.get("E2E_SEED") or str(random.SystemRandom().randrange(2**32))
    # Workers of pytest-xdist inherit the environment and with it the seed.
    os.environ["E2E_SEED"] = seed
    # A shell ignores Ctrl-C for what it runs in the background, and programs inherit that; those of the tests are ended by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    binary()


def pytest_report_header(config):
    return f"seed: E2E_SEED={os.environ['E2E_SEED']}   hub: {os.environ.get('HOUSEWIRE_BIN')}"


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--long"):
        kept = [item for item in items if "long" not in item.keywords]
        dropped = [item for item in items if "long" in item.keywords]
        items[:] = kept
        config.hook.pytest_deselected(items=dropped)


def pytest_terminal_summary(terminalreporter):
    """Figures that tests recorded: record_property("figures", "…")."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    lines = [text for report in reports for key, text in getattr(report, "user_properties", []) if key == "figures"]
    if lines:
        terminalreporter.section("figures")
    for line in lines:
        terminalreporter.write_line(f"{line}; seed E2E_SEED={os.environ['E2E_SEED']}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for hub in _running:
            report.sections.append((f"log of the hub in {hub.folder}", hub.log()[-6000:]))
    return report


@pytest.fixture(scope="session")
def long(request):
    return request.config.getoption("--long")


@pytest.fixture
def rng(request):
    """Chance with a seed that is printed when the test fails."""
    seed = f"{os.environ['E2E_SEED']}/{request.node.nodeid}"
    print(f"seed: {seed}", file=sys.stderr)
    return random.Random(seed)


@pytest.fixture(autouse=True)
def no_panic():
    """After each test: no hub that it used has a panic in its log, even where nobody noticed."""
    yield
    for hub in _running:
        hub.has_not_panicked()


@pytest.fixture
def unique():
    """Makes names that no other test of this worker uses."""
    return lambda stem="x": f"{stem}-{next(_unique)}"


@pytest.fixture
def make_hub(tmp_path):
    """Builds hubs on folders below this test's own. All that still run are stopped at its end, and must stop well."""
    made = []

    def make(*flags, folder="hub", **options):
        path = pathlib.Path(tmp_path, folder)
        path.mkdir(exist_ok=True)
        hub = Hub(path, *flags, **options)
        made.append(hub)
        _running.append(hub)
        return hub

    yield make
    for hub in made:
        _running.remove(hub)
    problems = []
    for hub in made:
        if hub.running():
            try:
                hub.stop()
            except AssertionError as error:
                problems.append(str(error))
        hub.api.close()
    assert not problems, problems


@pytest.fixture
def hub(make_hub):
    """A fresh hub with an empty data folder."""
    return make_hub().start()


@pytest.fixture
def owned(make_hub):
    """A hub with an admin, anna, who is signed in as `hub.api`; a lamp that stands still; nobody else gets in."""
    hub = make_hub().start()
    hub.declare("lamp", power={"type": "bool"}, level={"type": "int", "min": 0, "max": 100})
    assert hub.patch("/api/devices/lamp", json={"name": "Desk lamp"}).status_code == 200
    hub.report("lamp", "power", "false")
    hub.report("lamp", "level", "40")
    assert hub.post("/api/setup", json={"name": "anna", "password": PASSWORD}).status_code == 201
    return hub


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """One hub for all tests of this worker that leave nothing behind but their own devices and topics."""
    hub = Hub(tmp_path_factory.mktemp("shared")).start()
    _running.append(hub)
    yield hub
    _running.remove(hub)
    hub.stop()
    hub.api.close()


@pytest.fixture(scope="session")
def js():
    """The Node process in which mqtt.js runs."""
    bridge = MqttJs()
    yield bridge
    bridge.close()


@pytest.fixture(scope="session")
def browser():
    """The system's Chromium."""
    opened = Browser()
    yield opened
    opened.close()
