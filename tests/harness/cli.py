"""Run the real `icebridge` the way a script does: arguments in, JSON and an exit code out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.leakage import leaks

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300


def binary() -> Path:
    """The command line under test: ICEBRIDGE_BIN, or the last debug build."""
    given = os.environ.get("ICEBRIDGE_BIN")
    found = Path(given) if given else ROOT / "target" / "debug" / "icebridge"
    if not found.is_file():
        raise FileNotFoundError(f"{found} is not built; run `cargo build -p icebridge-cli`")
    return found


class CommandFailed(AssertionError):
    """A command that should have worked did not."""


@dataclass(frozen=True)
class Outcome:
    """What one command did."""

    code: int
    stdout: str
    stderr: str

    def __post_init__(self) -> None:
        """Whatever a command said, no secret was among it."""
        leaks.heard(f"{self.stdout}\n{self.stderr}", "outputs")

    @property
    def json(self) -> Any:
        """The answer of a command run with --json."""
        return json.loads(self.stdout)


@dataclass
class Icebridge:
    """One state folder and the commands run on it."""

    state: Path
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str | Path) -> list[str]:
        """The full command line."""
        return [str(binary()), "--state", str(self.state), *map(str, arguments)]

    def env(self) -> dict[str, str]:
        """The environment of a command: ours, without anybody's cloud credentials."""
        base = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ICEBRIDGE_SECRET"))}
        return {**base, "AWS_EC2_METADATA_DISABLED": "true", **self.environment}

    def outcome(self, *arguments: str | Path, stdin: str | None = None, seconds: float = SECONDS) -> Outcome:
        """Run a command, whatever comes of it."""
        done = subprocess.run(
            self.command(*arguments, "--json"),
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            timeout=seconds,
            env=self.env(),
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def run(self, *arguments: str | Path, stdin: str | None = None) -> Any:
        """Run a command that must work and return its JSON."""
        done = self.outcome(*arguments, stdin=stdin)
        if done.code != 0:
            raise CommandFailed(
                f"icebridge {' '.join(map(str, arguments))} ended with {done.code}\n{done.stdout}\n{done.stderr}"
            )
        return done.json

    def refuse(self, *arguments: str | Path, code: str, exit_code: int = 1) -> dict[str, Any]:
        """Run a command that must end in the error `code`, and return that error."""
        done = self.outcome(*arguments)
        assert done.code == exit_code, f"exit code {done.code}: {done.stdout} {done.stderr}"
        error = done.json
        assert error["code"] == code, error
        return error

    def connect_sql(self, name: str, database: Path, catalog: str = "") -> None:
        """Add a SQLite catalog as a source."""
        extra = ["--warehouse", catalog] if catalog else []
        self.run("catalog", "add", name, "--kind", "sql", "--uri", f"sqlite:{database}", *extra)

    def connect_embedded(self, name: str, folder: Path) -> None:
        """Add a managed catalog of our own as the target."""
        self.run("catalog", "add", name, "--kind", "embedded", "--target", "--uri", folder)

    def plan(self, source: str, target: str, mode: str | None = None, *extra: str) -> dict[str, Any]:
        """Inventory to plan, with every loss accepted."""
        chosen = ["--mode", mode] if mode else []
        route = ["--source", source, "--target", target]
        self.run("inventory", source)
        judged = self.outcome("preflight", *route, *chosen, "--accept-all-losses")
        # 1 where a table is blocked: the others go on.
        assert judged.code in (0, 1), judged
        return self.run("plan", *route, *chosen, *extra)


def fresh(folder: Path) -> Icebridge:
    """A command line on an empty state folder."""
    shutil.rmtree(folder, ignore_errors=True)
    return Icebridge(folder)
