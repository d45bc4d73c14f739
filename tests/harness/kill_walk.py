"""Every change to a file, and every word to a server, is an instant at which a command may be killed: each is tried."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.harness.cli import Icebridge, Outcome

KILLED = -9


class KillWalk:
    """A command, and all that it may find and change."""

    def __init__(self, cli: Icebridge, scratch: Path, *folders: Path) -> None:
        self.cli, self.folders = cli, folders
        self.kept = scratch / "begin"
        self.count = scratch / "count"
        self.library = scratch / "kill_at.so"
        scratch.mkdir()
        source = Path(__file__).with_name("kill_at.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self.library, source, "-ldl"], check=True)

    def begin_here(self) -> None:
        """Each walk begins with what is here now."""
        shutil.rmtree(self.kept, ignore_errors=True)
        for number, folder in enumerate(self.folders):
            shutil.copytree(folder, self.kept / str(number))

    def again(self) -> None:
        """Everything is as it was at the beginning."""
        for number, folder in enumerate(self.folders):
            shutil.rmtree(folder)
            shutil.copytree(self.kept / str(number), folder)

    def _run(self, at: int, *command: str | Path) -> Outcome:
        before = dict(self.cli.environment)
        self.cli.environment |= {"LD_PRELOAD": str(self.library), "KILL_AT": str(at), "KILL_COUNT": str(self.count)}
        try:
            return self.cli.outcome(*command)
        finally:
            self.cli.environment = before

    def kill(self, at: int, *command: str | Path) -> bool:
        """Kills the command at this instant; false where it had ended by then."""
        return self._run(at, *command).code == KILLED

    def instants(self, *command: str | Path) -> int:
        """How many there are in a command that nobody kills."""
        done = self._run(0, *command)
        assert done.code == 0, done
        return int(self.count.read_text())

    def walk(self, most: int, *command: str | Path) -> Iterator[tuple[int, bool]]:
        """Kills the command at so many instants, spread over all; at each one if `ICEBRIDGE_KILL_EVERYWHERE` is set."""
        self.again()
        for at in self.spread(most, self.instants(*command)):
            self.again()
            yield at, self.kill(at, *command)

    @staticmethod
    def spread(most: int, instants: int) -> range:
        """So many of them, or all."""
        return range(1, instants + 1, 1 if os.environ.get("ICEBRIDGE_KILL_EVERYWHERE") else max(1, instants // most))
