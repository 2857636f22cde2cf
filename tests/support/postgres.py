"""A PostgreSQL server of its own: Debian's binaries, a new cluster in a temporary folder, a port on loopback."""

import glob
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile

from .wait import until

PASSWORD = "p@ss word%"
URL_PASSWORD = "p%40ss%20word%25"


def _binary(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}")) or [shutil.which(name)]
    assert found[-1], f"there is no PostgreSQL's {name} here: scripts/setup test installs it"
    return found[-1]


class Postgres:
    """Start it, ask it, stop it or kill it; `start` again keeps what it holds."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hw-pg-"))
        # PostgreSQL does not run as root.
        self.user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        self.data = self.folder / "data"
        self.log_file = self.folder / "server.log"
        self.process = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        self.log_file.touch()
        if os.getuid() == 0:
            for path in (self.folder, secret, self.log_file):
                shutil.chown(path, self.user)
        made = [_binary("initdb"), "-D", str(self.data), "-U", "house", "-A", "scram-sha-256", f"--pwfile={secret}", "-N", "-E", "UTF8"]
        subprocess.run(made, check=True, capture_output=True, **self._as_user())

    def _as_user(self):
        if os.getuid() != 0:
            return {}
        entry = pwd.getpwnam(self.user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": self.folder, "env": {"PATH": os.environ["PATH"], "HOME": str(self.folder)}}

    def start(self):
        flags = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(self.folder), "fsync": "off"}
        command = [_binary("postgres"), "-D", str(self.data), "-p", str(self.port)]
        for key, value in flags.items():
            command += ["-c", f"{key}={value}"]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **self._as_user())
        until(self._answers, what=f"PostgreSQL to start; its log is {self.log_file}")
        return self

    def _answers(self):
        assert self.process.poll() is None, f"PostgreSQL ended:\n{self.log_file.read_text()}"
        return self.psql("SELECT 1").returncode == 0

    def psql(self, sql):
        environment = {**os.environ, "PGPASSWORD": PASSWORD, "PGCONNECT_TIMEOUT": "5"}
        command = [_binary("psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "house", "-d", "postgres", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)

    def ask(self, sql):
        """The lines of an answer, columns divided by |."""
        answer = self.psql(sql)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.splitlines()

    def url(self, password=URL_PASSWORD, user="house"):
        return f"postgres://{user}:{password}@127.0.0.1:{self.port}/postgres"

    def kill(self):
        """As if the power went: what is under way is not finished."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(timeout=20)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=20)

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
