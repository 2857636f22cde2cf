"""Mails of devices reach a real SMTP server, over TLS and with a login; what cannot be delivered is told in the list of notifications.

Belongs here: what goes out, what becomes of what does not, secrets. Does not: which settings make sense (crates/server), how the list looks
(test_browser_notifications.py).
"""

import pytest

from support.blynk import device, token_of
from support.mail import PASSWORD, MailServer
from support.wait import until

EMAIL, NOTIFY, RESPONSE, OK = 13, 14, 0, 200
# With TLS from the first byte the library does not notice that there is TLS.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


def listed(hub):
    return hub.get("/api/notifications").json()["notifications"]


def states(hub):
    return [entry["mail"] and entry["mail"]["state"] for entry in listed(hub)]


@pytest.mark.parametrize("tls", ["starttls", "wrapper", "none"])
def test_a_mail_of_a_device_goes_out(make_hub, tmp_path, tls):
    with MailServer(tmp_path, tls) as server:
        hub = make_hub("--config", server.config(tmp_path, to="Owner <owner@home.example>")).start()
        with device(hub, "boiler") as raw:
            hub.patch("/api/devices/boiler", json={"name": "Kessel ♨"}).raise_for_status()
            assert raw.ask(EMAIL, "a@b.example", "{DEVICE_NAME} is hot", "over 40 °C\r\n.\r\nBcc: x@y.example") == (RESPONSE, OK)
            assert raw.ask(EMAIL, "{DEVICE_NAME}", "second") == (RESPONSE, OK)
            assert raw.ask(NOTIFY, "a message is no mail") == (RESPONSE, OK)
        until(lambda: states(hub) == ["sent", "sent", None], what="both are sent")
        (to, first), (to_owner, second) = server.keeper.mails
        assert to == ["a@b.example"] and to_owner == ["owner@home.example"]
        assert first["From"] == "Hub <hub@home.example>" and first["Subject"] == "Kessel ♨ is hot"
        assert first["Bcc"] is None and "over 40 °C" in first.get_content()
        assert second["Subject"] == "Kessel ♨" and second.get_content().strip() == "second"
        assert first["Message-ID"] != second["Message-ID"] and first["Date"]
        assert listed(hub)[0]["title"] == "Kessel ♨ is hot"
        assert PASSWORD not in hub.log()


def test_over_http_too(make_hub, tmp_path):
    with MailServer(tmp_path) as server:
        hub = make_hub("--config", server.config(tmp_path)).start()
        token = token_of(hub, "lamp")
        sent = hub.post(f"/{token}/email", json={"to": "a@b.example", "subj": "s", "title": "text"})
        assert sent.status_code == 200, sent.text
        until(lambda: server.keeper.mails, what="it is there")


def test_what_a_server_takes_later_is_tried_again(make_hub, tmp_path):
    """Also over a restart of the hub: what waits is on the disk."""
    with MailServer(tmp_path) as server:
        server.keeper.refuse = "451 busy, come back later"
        hub = make_hub("--config", server.config(tmp_path, to="owner@home.example")).start()
        with device(hub, "boiler") as raw:
            assert raw.ask(EMAIL, "hot", "over 40") == (RESPONSE, OK)
        until(lambda: (listed(hub)[0]["mail"] or {}).get("reason"), what="the reason is told")
        assert listed(hub)[0]["mail"]["state"] == "waiting" and "451" in listed(hub)[0]["mail"]["reason"]
        until(lambda: server.keeper.tries >= 2, what="it is tried again by itself")
        hub.restart()
        server.keeper.refuse = None
        until(lambda: states(hub) == ["sent"], what="it goes out in the end")
        assert len(server.keeper.mails) == 1


def test_what_is_refused_for_good_has_failed(make_hub, tmp_path):
    with MailServer(tmp_path) as server:
        server.keeper.refuse = "550 no such person"
        hub = make_hub("--config", server.config(tmp_path)).start()
        with device(hub, "boiler") as raw:
            assert raw.ask(EMAIL, "nobody@b.example", "hot", "over 40") == (RESPONSE, OK)
            assert raw.ask(EMAIL, "no address at all", "hot", "over 40") == (RESPONSE, OK)
            assert raw.ask(EMAIL, "hot", "for nobody") == (RESPONSE, OK)
        until(lambda: states(hub) == ["failed"] * 3, what="all have failed")
        reasons = [entry["mail"]["reason"] for entry in listed(hub)]
        assert "550" in reasons[0] and "no address" in reasons[1] and "mail.to" in reasons[2], reasons
        assert "a mail cannot be delivered" in hub.log()
        server.keeper.refuse = None
        with device(hub, "boiler") as raw:
            assert raw.ask(EMAIL, "a@b.example", "hot", "over 40") == (RESPONSE, OK)
        until(lambda: states(hub)[-1] == "sent", what="others go out all the same")


def test_a_wrong_password_and_a_wrong_certificate(make_hub, tmp_path):
    with MailServer(tmp_path) as server:
        hub = make_hub("--config", server.config(tmp_path, password="hunter2-is-wrong", to="owner@home.example")).start()
        with device(hub, "boiler") as raw:
            assert raw.ask(EMAIL, "hot", "over 40") == (RESPONSE, OK)
        until(lambda: states(hub) == ["failed"], what="it has failed")
        assert server.logins and "535" in listed(hub)[0]["mail"]["reason"]
        assert "hunter2" not in hub.log() and "hunter2" not in str(listed(hub))
        hub.stop()
        # Whoever shows a certificate that nobody vouches for is told no password.
        server.logins.clear()
        config = server.config(tmp_path, to="owner@home.example")
        config.write_text("\n".join(line for line in config.read_text().splitlines() if not line.startswith("ca =")) + "\n")
        hub = make_hub("--config", config, folder="second").start()
        with device(hub, "boiler") as raw:
            assert raw.ask(EMAIL, "hot", "over 40") == (RESPONSE, OK)
        until(lambda: (listed(hub)[0]["mail"] or {}).get("reason"), what="the reason is told")
        assert listed(hub)[0]["mail"]["state"] == "waiting" and "ertificate" in listed(hub)[0]["mail"]["reason"]
        assert server.logins == [] and server.keeper.mails == []


def test_a_device_sends_only_so_many(make_hub, tmp_path):
    with MailServer(tmp_path, "none") as server:
        hub = make_hub("--config", server.config(tmp_path, to="owner@home.example", rate=2)).start()
        with device(hub, "boiler") as raw:
            for number in range(4):
                assert raw.ask(EMAIL, "hot", str(number)) == (RESPONSE, OK)
        with device(hub, "lamp") as raw:
            assert raw.ask(EMAIL, "dark", "another's") == (RESPONSE, OK)
        until(lambda: states(hub) == ["sent", "sent", "failed", "failed", "sent"], what="each has its own count")
        assert "mail.rate" in listed(hub)[2]["mail"]["reason"]
        assert len(server.keeper.mails) == 3


def test_without_a_mail_server_nothing_waits(hub):
    with device(hub, "boiler") as raw:
        assert raw.ask(EMAIL, "hot", "over 40") == (RESPONSE, OK)
    assert states(hub) == [None]


def test_settings_that_make_no_sense_end_the_start(make_hub, tmp_path):
    config = tmp_path / "hub.toml"
    config.write_text('[mail]\nserver = "mail.example"\nfrom = "a@b.c"\nuser = "u"\npassword = "hunter2"\ntls = "none"\n')
    _, log = make_hub("--config", config).refuses_to_start()
    assert "mail.tls" in log and "hunter2" not in log, log
