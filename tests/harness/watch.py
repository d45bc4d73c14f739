"""Look at the product's processes, and at all that they start, the way `ps` shows them to everybody.

This is the part of the search for the canary that pytest loads: it looks from the first test on.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.leakage.canary import Seeker
from tests.leakage.leaks import RECORD

PRODUCT = re.compile(r"icebridge|icebridge-desktop|WebKit\w+Process")
# The ways to hand over a secret that the product documents (docs/cli.md, docs/workspaces.md, docs/sandbox.md), and that
# of Databricks' own programs, which it heeds.
DOCUMENTED = re.compile(r"ICEBRIDGE_SECRET_\w+|(ICEBRIDGE_SANDBOX|DATABRICKS)_(TOKEN|CLIENT_SECRET)")
SECONDS = 0.1
LAST = "test_zz_canary.py"


@dataclass
class Watch:
    """Every process of the product so far, and what was wrong with them."""

    seeker: Seeker
    seen: set[tuple[int, str]] = field(default_factory=set)
    looks: int = 0
    found: list[str] = field(default_factory=list)
    # What belongs to the product by descent: pid and start, for pids are used again.
    _ours: dict[int, tuple[str, str]] = field(default_factory=dict)
    # What does not, as long as it runs the same program: nine of ten processes, at every look.
    _others: set[int] = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Look from now on, in a thread of its own."""
        self._thread = threading.Thread(target=self._go_on, name="canary", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Enough."""
        self._over.set()
        if self._thread:
            self._thread.join()

    def _go_on(self) -> None:
        while not self._over.wait(SECONDS):
            self.look()

    def look(self) -> None:
        """One look at all processes of the machine."""
        self.looks += 1
        alive = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        for pid in sorted(alive):
            # It ended while it was looked at, or it is a kernel's thread, which has no program.
            with suppress(OSError):
                self._look_at(pid, os.path.basename(os.readlink(f"/proc/{pid}/exe")).removesuffix(" (deleted)"))
        for pid in self._ours.keys() - set(alive):
            del self._ours[pid]
        self._others &= set(alive)

    def _look_at(self, pid: int, program: str) -> None:
        own = PRODUCT.fullmatch(program) is not None
        if pid in self._others and not own:
            return
        self._others.discard(pid)
        process = Path(f"/proc/{pid}")
        # After the name, which may hold anything: state, parent, and the start as the twentieth.
        status = (process / "stat").read_text().rpartition(")")[2].split()
        parent, start = int(status[1]), status[19]
        if own:
            self._ours[pid] = (start, "the product")
        elif parent in self._ours and pid not in self._ours:
            self._ours[pid] = (start, f"started by {parent}, {self._ours[parent][1]}")
        if self._ours.get(pid, ("", ""))[0] != start:
            self._ours.pop(pid, None)
            self._others.add(pid)
            return
        arguments = (process / "cmdline").read_bytes()
        self.seen.add((pid, program))
        for where in self.seeker.find(arguments):
            self._tell(f"process {pid}, {program}, {self._ours[pid][1]}: its arguments hold it ({where})")
        if own:
            for variable in variables((process / "environ").read_bytes().split(b"\0"), self.seeker):
                self._tell(f"process {pid}, {program}: the variable {variable} of its environment holds it")

    def _tell(self, what: str) -> None:
        if what not in self.found:
            self.found.append(what)


def variables(environment: Iterable[bytes], seeker: Seeker) -> list[str]:
    """The variables that hold it and are no documented way to hand a secret over."""
    named = [setting.partition(b"=") for setting in environment]
    holding = [name.decode(errors="replace") for name, _, value in named if seeker.find(value)]
    return [name for name in holding if not DOCUMENTED.fullmatch(name)]


@pytest.fixture(scope="session", autouse=True)
def watch() -> Iterator[Watch]:
    """The product's processes, from the first test to the last."""
    looking = Watch(RECORD.seeker)
    looking.start()
    yield looking
    looking.stop()


@pytest.fixture(scope="session", autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for temporary files that nobody else uses, so that all there are can be looked into.

    Its name is short, for sockets lie below it, and their paths may not be long.
    """
    # Asked for now, or pytest's own folder would lie in this one and go with it.
    tmp_path_factory.getbasetemp()
    with (
        tempfile.TemporaryDirectory(prefix="ib-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", None)
        yield Path(folder)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The canary is looked for when everything else is over, in whatever order files were named."""
    items.sort(key=lambda item: item.path.name == LAST)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How much was looked into, for nothing found means nothing where nothing was looked into."""
    if RECORD.looked:
        words = [f"{number:,} {kind}" for kind, number in sorted(RECORD.looked.items())]
        spent = ", ".join(f"{kind} {took:.1f} s" for kind, took in sorted(RECORD.seconds.items()) if took > 1)
        terminalreporter.write_line(f"looked for the canary in {', '.join(words)}" + (f" ({spent})" if spent else ""))
