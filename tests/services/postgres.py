"""A throw-away PostgreSQL cluster: the database behind an Iceberg SQL catalog."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.leakage.leaks import look_into

from .process import LOOPBACK, Server, ServiceError, ServiceUnavailable, accepts, as_user, free_port, running

INIT_SECONDS = 120
START_SECONDS = 60
PORT_TRIES = 3
# A crash of a throw-away cluster may lose everything: no sync makes it start in a second instead of five.
SETTINGS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=16MB", "max_connections=40")


@dataclass
class Postgres:
    """A running cluster with one empty database; `password` is empty when the cluster trusts everybody."""

    port: int
    user: str
    password: str
    database: str
    server: Server

    @property
    def dsn(self) -> str:
        """A postgres:// address, as sqlx and libpq read it."""
        secret = f":{self.password}" if self.password else ""
        return f"postgres://{self.user}{secret}@{LOOPBACK}:{self.port}/{self.database}"

    @property
    def sqlalchemy(self) -> str:
        """The same address for SQLAlchemy with psycopg2."""
        return self.dsn.replace("postgres://", "postgresql+psycopg2://", 1)


@contextmanager
def postgres(password: str | None = None) -> Iterator[Postgres]:
    """Make and serve a cluster; with a password it demands SCRAM, without one it trusts."""
    binaries = postgres_binaries()
    user = server_user()
    folder = Path(tempfile.mkdtemp(prefix="icebridge-pg-", dir=reachable_tmp(user)))
    try:
        if user:
            shutil.chown(folder, user)
        init_cluster(binaries, folder, user, password)
        with started(binaries, folder, user) as (port, server):
            yield Postgres(port, "icebridge", password or "", "postgres", server)
        # The clients' password has been hashed; what else is here is what they wrote.
        look_into(folder, "databases of PostgreSQL")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def postgres_binaries() -> Path:
    """Debian keeps the server's programs off PATH, one folder per major version; the newest wins."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise ServiceUnavailable("PostgreSQL's server is not installed (Debian package postgresql)")
    return Path(on_path).parent


def server_user() -> str | None:
    """PostgreSQL refuses to run as root: the user to become, or None when we aren't root anyway."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in names:
            return name
    raise ServiceUnavailable("running as root, and there is no user to run PostgreSQL as")


def reachable_tmp(user: str | None) -> str | None:
    """Another user can't enter a private TMPDIR of root's."""
    return "/tmp" if user else None


def init_cluster(binaries: Path, folder: Path, user: str | None, password: str | None) -> None:
    """Run initdb; the password goes through a file, never through the list of processes."""
    command = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "icebridge"]
    command += ["--encoding=UTF8", "--locale=C", "--no-sync"]
    if password is None:
        command.append("--auth=trust")
    else:
        secret = folder / "password"
        secret.write_text(password)
        secret.chmod(0o600)
        if user:
            shutil.chown(secret, user)
        command += ["--auth=scram-sha-256", f"--pwfile={secret}"]
    launcher = ["setpriv", *as_user(user), "--"] if user else []
    done = subprocess.run(
        [*launcher, *command], capture_output=True, text=True, timeout=INIT_SECONDS, cwd=folder, check=False
    )
    (folder / "password").unlink(missing_ok=True)
    if done.returncode != 0:
        raise ServiceError(f"initdb failed:\n{done.stdout}{done.stderr}")


@contextmanager
def started(binaries: Path, folder: Path, user: str | None) -> Iterator[tuple[int, Server]]:
    """Start the server; it can't choose a port by itself, so a lost race for one is tried again."""
    for attempt in range(PORT_TRIES):
        port = free_port()
        command = [str(binaries / "postgres"), "-D", str(folder / "data"), "-k", str(folder), "-p", str(port)]
        command += ["-h", LOOPBACK]
        for setting in SETTINGS:
            command += ["-c", setting]
        # SIGINT is its "fast shutdown"; SIGTERM would wait for clients to leave.
        with running(command, cwd=folder, stop_signal=signal.SIGINT, user=user) as server:
            try:
                server.wait_for_line(r"ready to accept connections", START_SECONDS)
            except ServiceError as error:
                if "Address already in use" in str(error) and attempt + 1 < PORT_TRIES:
                    continue
                raise
            if not accepts(port):
                raise ServiceError(f"PostgreSQL says it is ready but port {port} does not answer")
            yield port, server
            return
