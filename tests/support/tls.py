"""TLS as clients set it up: the hub's CA, contexts for Python, certificates for devices, openssl's view of a connection."""

import base64
import hashlib
import socket
import ssl
import subprocess

from .wait import PATIENCE


def ca(hub):
    """The file of the hub's CA, got as a person gets it: over plain HTTP, before anything is trusted."""
    path = hub.folder / "ca.crt"
    answer = hub.get("/ca.crt")
    assert answer.status_code == 200, answer.text
    path.write_bytes(answer.content)
    return path


def context(hub, certificate=None):
    """What Python's clients connect with; `certificate` is a pair of files."""
    made = ssl.create_default_context(cafile=str(ca(hub)))
    # As strict as the newest Pythons are by default.
    made.verify_flags |= ssl.VERIFY_X509_STRICT
    if certificate:
        made.load_cert_chain(*map(str, certificate))
    return made


def device_certificate(hub, device, body=None):
    """Files of a certificate for a device, and of its key."""
    answer = hub.post(f"/api/devices/{device}/certificate", json=body)
    assert answer.status_code == 201, answer.text
    files = hub.folder / f"{device}.crt", hub.folder / f"{device}.key"
    files[0].write_text(answer.json()["certificate"])
    if answer.json()["key"]:
        files[1].write_text(answer.json()["key"])
    return files


def openssl(*arguments, data=b""):
    """Runs openssl to its end; what it wrote."""
    done = subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, timeout=PATIENCE)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def own_certificate(folder, name="localhost", stem="own"):
    """Certificate and key of a CA that is not the hub's, as somebody would bring them along: RSA, with the CA behind it."""
    path = {ending: folder / f"{stem}.{ending}" for ending in ("ca", "ca.key", "csr", "ext", "leaf", "pem", "key")}
    new_key = ["-newkey", "rsa:2048", "-nodes"]
    subject = ["-subj", "/CN=Somebody else's CA"]
    _must("req", "-x509", *new_key, "-keyout", path["ca.key"], "-out", path["ca"], *subject, "-days", "30")
    _must("req", *new_key, "-keyout", path["key"], "-out", path["csr"], "-subj", f"/CN={name}")
    path["ext"].write_text(f"subjectAltName=DNS:{name},IP:127.0.0.1\n")
    sign = ["-CA", path["ca"], "-CAkey", path["ca.key"], "-CAcreateserial", "-days", "20", "-extfile", path["ext"]]
    _must("x509", "-req", "-in", path["csr"], "-out", path["leaf"], *sign)
    path["pem"].write_text(path["leaf"].read_text() + path["ca"].read_text())
    return path["pem"], path["key"], path["ca"]


def _must(*arguments):
    code, text = openssl(*arguments)
    assert code == 0, text


def shown(hub, port=None):
    """SHA-256 of the certificate that the hub shows, as /api/tls writes it."""
    bare = ssl.create_default_context()
    bare.check_hostname, bare.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((hub.host, port or hub.port), PATIENCE) as plain:
        with bare.wrap_socket(plain, server_hostname="localhost") as secured:
            digest = hashlib.sha256(secured.getpeercert(binary_form=True)).hexdigest().upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def key_pin(hub):
    """SHA-256 of the key in the hub's certificate, in base64, as Chromium wants it."""
    pem = ssl.get_server_certificate((hub.host, hub.port), timeout=PATIENCE)
    done = subprocess.run(["openssl", "x509", "-pubkey", "-noout"], input=pem.encode(), capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    der = base64.b64decode("".join(lines[1:-1]))
    return base64.b64encode(hashlib.sha256(der).digest()).decode()
