"""A real SMTP server that keeps what it is sent: with STARTTLS or TLS from the first byte, and with a login."""

import email
import email.policy
import ssl

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from .tls import own_certificate

USER, PASSWORD = "hub", "correct horse battery"


class Keeper:
    """What came; refuses while it is told to."""

    def __init__(self):
        self.mails, self.tries, self.refuse = [], 0, None

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.tries += 1
        if self.refuse is not None:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=email.policy.default)))
        return "250 taken"


class MailServer:
    """On a port of its own. `tls` is what the hub's configuration calls it."""

    def __init__(self, folder, tls="starttls", port=0):
        pem, key, self.ca = own_certificate(folder, stem=f"mail-{tls}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, key)
        self.keeper, self.tls, self.logins = Keeper(), tls, []
        options = {"authenticator": self._login, "auth_required": tls != "none", "auth_require_tls": tls == "starttls"}
        if tls == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        elif tls == "wrapper":
            options |= {"ssl_context": context}
        self.controller = Controller(self.keeper, hostname="127.0.0.1", port=port or free_port(), **options)
        self.controller.start()
        self.port = self.controller.port

    def _login(self, server, session, envelope, mechanism, data):
        given = data.login.decode(), data.password.decode()
        self.logins.append(given)
        # What is not handled here is answered by the library: 235, or 535.
        return AuthResult(success=given == (USER, PASSWORD), handled=False)

    def config(self, folder, password=PASSWORD, **more):
        """The hub's configuration file that names this server."""
        secret = folder / "mail-password"
        secret.write_text(password + "\n")
        keys = {"server": "localhost", "port": self.port, "tls": self.tls, "from": "Hub <hub@home.example>"}
        if self.tls != "none":
            keys |= {"ca": str(self.ca), "user": USER, "password_file": str(secret)}
        lines = [f"{key} = {value if isinstance(value, int) else repr(value)}" for key, value in (keys | more).items()]
        file = folder / "hub.toml"
        file.write_text("[mail]\n" + "\n".join(lines) + "\n")
        return file

    def close(self):
        self.controller.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
