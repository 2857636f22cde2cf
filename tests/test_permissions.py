"""The permission matrix: everybody, through every door, in every form of a credential, at everything there is to do.

`HOUSE` is the table. What is refused must have no effect, and what may not be read must not be delivered.
"""

import itertools
from dataclasses import dataclass

import pytest

from support.access import DOORS, NO, NOTHING, OK, Admin, Refused, Shown, hear_until, sign_in, sign_up
from support.hub import Hub

# A device of each kind, a room that some may enter, one that is kept from some.
LAMP, HEATER, KITCHEN, SECRET = "devices/lamp/power", "devices/heater/power", "rooms/kitchen", "rooms/secret"
TOPICS = (LAMP, HEATER, KITCHEN, SECRET)


@dataclass(frozen=True)
class Row:
    """What somebody may do: for each topic `rw`, `r`, `w` or `-`; whether he looks after the hub."""

    who: str
    is_person: bool
    lamp: str
    heater: str
    kitchen: str
    secret: str
    administers: bool = False

    def may(self, what):
        return {topic: OK if what in rights else NO for topic, rights in zip(TOPICS, self.rights())}

    def rights(self):
        return self.lamp, self.heater, self.kitchen, self.secret


# fmt: off
HOUSE = [
    #   who        person  lamp  heater kitchen secret administers
    Row("root",    True,   "rw", "rw",  "rw",   "rw",  True),   # admin
    Row("mia",     True,   "rw", "rw",  "rw",   "rw"),          # member
    Row("vera",    True,   "r",  "r",   "r",    "r"),           # viewer
    Row("own",     True,   "r",  "-",   "rw",   "-"),           # a member with filters of his own and one denied
    Row("lamp",    False,  "rw", "-",   "-",    "-"),           # a device's token
    Row("panel",   False,  "r",  "r",   "r",    "r"),           # an app's token, with a role
    Row("meter",   False,  "-",  "-",   "rw",   "-"),           # an app's token, with filters of its own and one denied
    Row("sensor",  False,  "-",  "-",   "w",    "-"),           # an app's token that may write one topic and read nothing
    Row("keeper",  False,  "rw", "rw",  "rw",   "rw",  True),   # an app's token, with the role of an admin
]
# fmt: on
OWNER = Row("guest before set-up", True, "rw", "rw", "rw", "-", True)
KEPT = Row("guest after set-up", True, "rw", "rw", "rw", "-")

COLUMNS = [(row, door, form) for row in HOUSE for door in DOORS for form in door.forms(row.is_person)]
PASSWORD = "not one of the first tried"


class House:
    """A hub with everybody of the table, and what each shows."""

    def __init__(self, folder):
        self.hub = Hub(folder).start()
        self.admin = sign_up(self.hub, "root", PASSWORD)
        self.admin.person("mia", "member", PASSWORD)
        self.admin.person("vera", "viewer", PASSWORD)
        own = {"read": ["rooms/#", "devices/lamp/#"], "write": ["rooms/#"], "deny": [SECRET]}
        self.admin.person("own", "member", PASSWORD, **own)
        apps = {
            "panel": {"role": "viewer"},
            "meter": {"read": ["rooms/#"], "write": ["rooms/#"], "deny": [SECRET]},
            "sensor": {"read": [], "write": [KITCHEN]},
            "keeper": {"role": "admin"},
        }
        self.secrets = {name: self.admin.app_token(name, **rights)["token"] for name, rights in apps.items()}
        self.secrets["lamp"] = self.admin.device_token("lamp")["token"]
        self.cookies = {row.who: sign_in(self.hub, row.who, PASSWORD) for row in HOUSE if row.is_person}
        revoked = self.admin.device_token("lamp")
        self.admin.ask("DELETE", f"/api/tokens/{revoked['id']}", 204)
        self.secrets["revoked"] = revoked["token"]
        self.secrets["expired"] = self.admin.device_token("lamp", expires="1s")["token"]
        self.secrets["wrong"] = "A" * 32
        self.reset()

    def reset(self):
        for topic in TOPICS:
            self.admin.put(topic, "before")

    def shown(self, row, form):
        if form == "cookie":
            return Shown(form, "", self.cookies[row.who])
        if row.is_person:
            return Shown(form, row.who, PASSWORD)
        return Shown(form, "anything", self.secrets[row.who])

    def close(self):
        self.hub.stop()
        self.hub.api.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("house"))
    yield house
    house.close()


def check_all(door, hub, admin, row, shown, unique):
    """Tries everything through one door, and holds it to the row."""
    session = door.enter(hub, shown)
    try:
        check_writes(session, admin, row, unique)
        check_reads(session, row)
        check_deliveries(session, admin, row, unique)
        if hasattr(session, "administer"):
            check_administration(session, row)
    finally:
        session.close()


def check_writes(session, admin, row, unique):
    for topic, expected in row.may("w").items():
        admin.put(topic, "before")
        text = unique("written")
        # MQTT 3.1.1 does not tell; what became of it does.
        assert session.write(topic, text) in (expected, None), topic
        assert admin.value(topic) == (text if expected == OK else "before"), topic


def check_reads(session, row):
    for topic, expected in row.may("r").items():
        assert session.read(topic) == expected, topic


def check_deliveries(session, admin, row, unique):
    """One filter at a time, wide ones included: nothing comes that may not be read, neither stored nor new."""
    may = row.may("r")
    readable = [topic for topic in TOPICS if may[topic] == OK]
    for topic_filter in ("#", "+/+", "devices/#", "rooms/+", *TOPICS):
        result = session.subscribe(topic_filter)
        if topic_filter in TOPICS:
            assert result == may[topic_filter], topic_filter
        elif "r" not in "".join(row.rights()):
            assert result == NO, topic_filter
    if not readable:
        assert session.heard.drain() == []
        return
    # Whatever is allowed of the wide ones, what is readable is asked for by itself, and the last of it ends the hearing.
    text = unique("heard")
    for topic in [topic for topic in TOPICS if topic not in readable] + readable:
        admin.put(topic, text)
    heard = hear_until(session, readable[-1], text)
    topics = {topic for topic, _ in heard if topic in TOPICS}
    assert topics <= set(readable), f"{topics - set(readable)} must not be delivered"
    # Streams are independent of each other, so a last look at what the others brought.
    assert {topic for topic, _ in session.heard.drain() if topic in TOPICS} <= set(readable)


def check_administration(session, row):
    answers = session.administer()
    for request, (status, good) in answers.items():
        # A member hands out tokens of devices that he may write and read himself.
        is_member = session.names() and request.startswith("POST /api/devices/") and row.who == "mia"
        expected = good if row.administers or is_member else 403
        assert status == expected, (request, status)
    may = row.may("r")
    for topic, device in ((LAMP, "lamp"), (HEATER, "heater")):
        assert (device in session.names()) == (may[topic] == OK), device


@pytest.mark.parametrize(("row", "door", "form"), COLUMNS, ids=lambda value: getattr(value, "who", getattr(value, "name", value)))
def test_everybody_may_do_what_is_his_and_nothing_else(row, door, form, house, unique):
    check_all(door, house.hub, house.admin, row, house.shown(row, form), unique)


_addresses = itertools.count(1)


def elsewhere():
    """An address from which nobody has failed yet: failures slow down, see test_attacks.py."""
    number = next(_addresses)
    return f"127.7.{number // 250}.{number % 250 + 1}"


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
@pytest.mark.parametrize("credential", ["wrong", "expired", "revoked"])
def test_what_opens_nothing_is_refused_at_every_door(credential, door, house, unique):
    for form in door.of_token:
        with pytest.raises(Refused) as refused:
            door.enter(house.hub, Shown(form, unique("name"), house.secrets[credential], elsewhere()))
        assert refused.value.code == door.wrong, form


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_nobody_gets_in_once_there_is_an_admin(door, house):
    with pytest.raises(Refused) as refused:
        door.enter(house.hub, NOTHING)
    assert refused.value.code == door.nobody


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_wrong_password_is_refused_at_every_door(door, house):
    with pytest.raises(Refused) as refused:
        door.enter(house.hub, Shown("password", "mia", "wrong", elsewhere()))
    assert refused.value.code == door.wrong


def test_there_is_nothing_between_the_right_and_the_wrong_token(house):
    """Neither parts of a token nor more than one open anything."""
    token = house.secrets["keeper"]
    for near in (token[:-1], token + "A", token.swapcase(), token[::-1], f"{token},{token}", ""):
        for door in DOORS[:2]:
            with pytest.raises(Refused):
                door.enter(house.hub, Shown("bearer", "", near, elsewhere()))


@pytest.mark.parametrize("door", DOORS[:2], ids=lambda door: door.name)
@pytest.mark.parametrize("row", HOUSE, ids=lambda row: row.who)
def test_the_past_is_for_those_who_may_have_the_present(row, door, house):
    """Reading what was takes the right to read, and adding to it, deleting it and saying what is kept the right to write."""
    session = door.enter(house.hub, house.shown(row, door.forms(row.is_person)[0]))
    hers, may_read, may_write = {}, row.may("r"), row.may("w")
    for device, topic in (("lamp", LAMP), ("heater", HEATER)):
        house.admin.put(topic, "before")
        path = f"/api/devices/{device}/power/history"
        for request, right, good in [
            (("GET", path), may_read, 200),
            (("GET", f"{path}?format=csv"), may_read, 200),
            (("GET", f"{path}/policy"), may_read, 200),
            (("GET", f"/api/history?series={device}/power"), may_read, 200),
            (("POST", path, {"points": [["2026-01-01T00:00:00Z", "imported"]]}), may_write, 200),
            (("DELETE", f"{path}?to=2026-01-02"), may_write, 204),
            (("PUT", f"{path}/policy", {"keep": "all", "raw_days": 29}), may_write, 200),
        ]:
            method, path_and_query, *body = request
            plain, _, query = path_and_query.partition("?")
            query = dict(pair.split("=") for pair in query.split("&") if pair)
            answer = session.ask(method, plain, query=query, json=body[0] if body else None)
            expected = good if right[topic] == OK else 403
            assert answer.status_code == expected, (request, answer.text)
        hers[device] = house.admin.ask("GET", f"{path}/policy", 200).json()
        assert (hers[device]["raw_days"] == 29) == (may_write[topic] == OK), "what is refused has no effect"
        house.admin.ask("PUT", f"{path}/policy", 200, json={"keep": "all"})
    # What may not be read of one spoils the whole question.
    both = session.ask("GET", "/api/history", query={"series": "lamp/power,heater/power"})
    assert both.status_code == (200 if may_read[LAMP] == may_read[HEATER] == OK else 403)
    wear = session.ask("GET", "/api/history/wear")
    assert wear.status_code == (200 if row.kitchen.startswith("r") and row.heater.startswith("r") else 403), wear.text
    session.close()


class TestGuests:
    """Who shows nothing, where that is allowed."""

    @pytest.fixture(scope="class")
    def fresh(self, tmp_path_factory):
        hub = Hub(tmp_path_factory.mktemp("fresh"), "--guest-deny", SECRET).start()
        yield hub
        hub.stop()

    @pytest.fixture(scope="class")
    def kept(self, tmp_path_factory):
        hub = Hub(tmp_path_factory.mktemp("kept"), "--guest", "loopback", "--guest-deny", SECRET).start()
        hub.admin = sign_up(hub, "root", PASSWORD)
        yield hub
        hub.stop()

    @pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
    def test_before_set_up_this_machine_may_do_everything_but_what_is_denied(self, door, fresh, unique):
        # Whoever may read the data folder may do anything, and so sees what the guest may not touch.
        local = (fresh.data / "local" / "token").read_text().strip()
        check_guest(door, fresh, Local(fresh, local), OWNER, unique)

    @pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
    def test_a_kept_guest_is_a_member_without_what_is_denied(self, door, kept, unique):
        check_guest(door, kept, kept.admin, KEPT, unique)


class Local(Admin):
    """Shows the token of this machine's command line."""

    def ask(self, method, path, status=None, **options):
        headers = {"Authorization": f"Bearer {self.cookie}", **options.pop("headers", {})}
        return super().ask(method, path, status, headers=headers, **options)


def check_guest(door, hub, admin, row, unique):
    for topic in TOPICS:
        admin.put(topic, "before")
    session = door.enter(hub, NOTHING)
    try:
        check_writes(session, admin, row, unique)
        check_reads(session, row)
        check_deliveries(session, admin, row, unique)
        if hasattr(session, "administer"):
            answers = session.administer()
            for request, (status, good) in answers.items():
                known = (good, 404) if "root" in request else (good,)
                assert status in (known if row.administers else (403,)), (request, status)
    finally:
        session.close()


def test_the_table_is_as_long_as_it_says():
    """Nobody and no door is left out by accident."""
    tried = {(row.who, door.name) for row, door, _ in COLUMNS}
    assert tried == set(itertools.product([row.who for row in HOUSE], [door.name for door in DOORS]))
    assert {form for *_, form in COLUMNS} >= {"bearer", "basic", "query", "cookie", "mqtt-password", "mqtt-user", "password"}
