"""Start a server, wait until it answers, and be sure that it is gone afterwards."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.leakage.leaks import look_into

LOOPBACK = "127.0.0.1"
POLL_SECONDS = 0.05
LOG_TAIL = 4_000


class ServiceError(RuntimeError):
    """A server did not start, or not in time; the message carries the end of its log."""


class ServiceUnavailable(ServiceError):
    """This machine lacks what the service needs: tests skip with the message as their reason."""


@dataclass
class Server:
    """A running server process with its log."""

    process: subprocess.Popen[bytes]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM

    def output(self) -> str:
        """What the server has printed so far."""
        return self.log.read_text(errors="replace")

    def wait_for(self, ready: Callable[[], bool], seconds: float) -> None:
        """Poll `ready` until it holds; a server that exits meanwhile is an error at once, not after the limit."""
        limit = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None:
                code = self.process.returncode
                raise ServiceError(f"{self._name()} exited with {code}:\n{self.output()[-LOG_TAIL:]}")
            if time.monotonic() > limit:
                raise ServiceError(f"{self._name()} not ready after {seconds} s:\n{self.output()[-LOG_TAIL:]}")
            time.sleep(POLL_SECONDS)

    def wait_for_line(self, pattern: str, seconds: float) -> re.Match[str]:
        """Wait for a line of the log: how a server that chose its own port tells which."""
        found: list[re.Match[str]] = []

        def seen() -> bool:
            match = re.search(pattern, self.output())
            if match:
                found.append(match)
            return bool(found)

        self.wait_for(seen, seconds)
        return found[0]

    def stop(self, seconds: float = 5.0) -> None:
        """Ask, wait, then kill the server's own process group (it was started as the leader of one)."""
        for sign in (self.stop_signal, signal.SIGKILL):
            if self.process.poll() is not None:
                return
            try:
                os.killpg(self.process.pid, sign)
                self.process.wait(seconds)
            except ProcessLookupError:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue

    def kill(self) -> None:
        """Pull the plug, for tests of what a client does when a server vanishes."""
        self.stop_signal = signal.SIGKILL
        self.stop()

    def _name(self) -> str:
        return str(self.process.args)[:200]


@contextmanager
def running(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    user: str | None = None,
) -> Iterator[Server]:
    """Run `command` until the block ends.

    `setpriv --pdeathsig` makes the kernel end the server when the starting thread dies, so that a killed test run
    leaves nothing behind. The thread counts, not its process: start services from one that lives long enough.
    """
    launcher: list[str] = []
    if shutil.which("setpriv"):
        launcher = ["setpriv", "--pdeathsig", stop_signal.name.removeprefix("SIG")]
        if user is not None:
            launcher += as_user(user)
        launcher.append("--")
    elif user is not None:
        raise ServiceUnavailable("setpriv (util-linux) is needed to leave root for a server that refuses it")
    with tempfile.TemporaryDirectory(prefix="icebridge-log-") as folder:
        log = Path(folder) / "server.log"
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [*launcher, *command],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,
            )
        server = Server(process, log, stop_signal)
        try:
            yield server
        finally:
            server.stop()
            # A credential in an address ends in the logs of whoever was asked.
            look_into(log, "logs of servers")


def as_user(user: str) -> list[str]:
    """Arguments of setpriv that become `user` with none of root's groups or capabilities left."""
    return [f"--reuid={user}", f"--regid={group_of(user)}", "--clear-groups", "--no-new-privs"]


def group_of(user: str) -> int:
    """The user's main group."""
    return pwd.getpwnam(user).pw_gid


def free_port() -> int:
    """A port that was free a moment ago, for servers that can't choose one and tell it."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def need(program: str, package: str) -> str:
    """The path of a program, or the word which Debian package has it."""
    found = shutil.which(program)
    if found is None:
        raise ServiceUnavailable(f"{program} is not installed (Debian package {package})")
    return found


def cache_dir() -> Path:
    """Where downloads are kept between runs: ICEBRIDGE_CACHE, or the repository's git-ignored folder."""
    chosen = os.environ.get("ICEBRIDGE_CACHE")
    path = Path(chosen) if chosen else Path(__file__).resolve().parents[2] / ".icebridge" / "cache"
    path.mkdir(parents=True, exist_ok=True)
    return path
