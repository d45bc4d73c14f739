"""Run a program in a desktop session of its own with a GNOME keyring: unlocked, locked, or missing."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.leakage.canary import credential
from tests.leakage.leaks import look_into

from .process import need

# The unlocked daemon claims its bus name a moment after the command returns. A client that comes earlier makes the bus
# start a second, locked daemon, which waits for a password prompt; so wait for the name first.
UNLOCKED = """
printf %s "$KEYRING_PASSWORD" | gnome-keyring-daemon --unlock --components=secrets --daemonize >/dev/null
unset KEYRING_PASSWORD
tries=0
until gdbus call --session -d org.freedesktop.DBus -o /org/freedesktop/DBus \\
    -m org.freedesktop.DBus.NameHasOwner org.freedesktop.secrets | grep -q true; do
  tries=$((tries + 1)); [ "$tries" -lt 100 ] || { echo 'the keyring did not start' >&2; exit 97; }
  sleep 0.1
done
exec "$@"
"""
LOCKED = 'unset KEYRING_PASSWORD\nexec "$@"\n'


@dataclass
class Keychain:
    """A home folder with a keyring in it; what one command stores, the next one finds."""

    home: Path
    password: str

    def command(self, command: Sequence[str]) -> list[str]:
        """The command wrapped so that it runs in a session with the keyring unlocked; use with `env()`."""
        return ["dbus-run-session", "--", "sh", "-c", UNLOCKED, "sh", *command]

    def locked_command(self, command: Sequence[str]) -> list[str]:
        """The same with the keyring left locked and nobody to answer its prompt: what blocks careless programs."""
        return ["dbus-run-session", "--", "sh", "-c", LOCKED, "sh", *command]

    def env(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment: every folder inside the temporary home, and no way to the real session."""
        kept = {key: value for key, value in os.environ.items() if key not in {"DISPLAY", "WAYLAND_DISPLAY"}}
        kept.pop("DBUS_SESSION_BUS_ADDRESS", None)
        own = {
            "HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_RUNTIME_DIR": str(self.home / "run"),
            "KEYRING_PASSWORD": self.password,
        }
        return {**kept, **own, **(extra or {})}

    def run(
        self,
        command: Sequence[str],
        *,
        stdin: str | None = None,
        seconds: float = 30.0,
        locked: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end, or raise TimeoutExpired: a locked keyring may block for ever."""
        wrapped = self.locked_command(command) if locked else self.command(command)
        with subprocess.Popen(
            wrapped,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.env(env),
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(stdin or "", timeout=seconds)
            except BaseException:
                os.killpg(process.pid, 9)
                raise
        return subprocess.CompletedProcess(list(command), process.returncode, out, err)


@contextmanager
def keychain(password: str = credential("keyring")) -> Iterator[Keychain]:
    """A fresh home with an empty keyring."""
    need("dbus-run-session", "dbus-daemon")
    need("gnome-keyring-daemon", "gnome-keyring")
    need("gdbus", "libglib2.0-bin")
    with tempfile.TemporaryDirectory(prefix="icebridge-home-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        (home / "run").mkdir(mode=0o700)
        yield Keychain(home, password)
        # The keyring's own file, which is encrypted, and what the desktop's programs and the web view keep at home.
        look_into(home, "homes of desktop sessions")
