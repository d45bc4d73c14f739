"""From one catalog to another by the command line, step by step, with room for things to go wrong in between."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.cli import Icebridge, Outcome


def secret_variable(catalog: str, key: str) -> str:
    """The environment variable that a catalog's secret is read from."""
    return "ICEBRIDGE_SECRET_" + re.sub(r"[^A-Z0-9]", "_", f"{catalog}_{key}".upper())


def connect(
    cli: Icebridge,
    name: str,
    kind: str,
    uri: str | Path,
    *,
    target: bool = False,
    warehouse: str = "",
    properties: dict[str, str] | None = None,
    secrets: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Add a catalog; its secrets stay in the environment of the commands."""
    arguments: list[str | Path] = ["catalog", "add", name, "--kind", kind, "--uri", uri]
    arguments += ["--target"] if target else []
    arguments += ["--warehouse", warehouse] if warehouse else []
    for key, value in (properties or {}).items():
        arguments += ["--property", f"{key}={value}"]
    for key, value in (secrets or {}).items():
        cli.environment[secret_variable(name, key)] = value
        arguments += ["--secret", key]
    return cli.run(*arguments)


S3_SECRETS = ("s3.access-key-id", "s3.secret-access-key", "s3.session-token")


def split_secrets(properties: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What may be shown of a store's properties, and what may not."""
    shown = {key: value for key, value in properties.items() if key not in S3_SECRETS}
    return shown, {key: value for key, value in properties.items() if key in S3_SECRETS}


@dataclass
class Route:
    """A source, a target and the way between them."""

    cli: Icebridge
    source: str = "foreign"
    target: str = "managed"

    @property
    def arguments(self) -> list[str]:
        """The route as every command takes it."""
        return ["--source", self.source, "--target", self.target]

    def rename(self, pattern: str, namespace: str, table: str = "{table}") -> None:
        """Map by a rule before all others, and keep the case."""
        self.cli.run("map", "rule", *self.arguments, pattern, namespace, table, "--case", "keep", "--first")

    def plan(self, mode: str | None = None, *extra: str) -> dict[str, Any]:
        """Inventory to plan, with every loss accepted: {path, plan}."""
        self.cli.run("inventory", self.source)
        return self.replan(mode, *extra)

    def replan(self, mode: str | None = None, *extra: str) -> dict[str, Any]:
        """Pre-flight to plan on the inventory there is."""
        chosen = ["--mode", mode] if mode else []
        self.findings(*chosen, "--accept-all-losses")
        return self.cli.run("plan", *self.arguments, *chosen, *extra)

    def findings(self, *extra: str) -> dict[str, list[dict[str, Any]]]:
        """What the pre-flight says of each table; its exit code tells whether all of them may go."""
        done = self.cli.outcome("preflight", *self.arguments, *extra)
        assert "tables" in done.json, done.stdout + done.stderr
        report = done.json
        assert done.code == (1 if report["blocked"] or report["needs_acceptance"] else 0)
        return {table["source"]: table["findings"] for table in report["tables"]}

    def run(self, plan: dict[str, Any]) -> Run:
        """Run a plan, whatever comes of it."""
        return Run(self.cli.outcome("run", plan["path"]))

    def resume(self) -> Run:
        """Go on with the latest run."""
        return Run(self.cli.outcome("run", "--resume"))

    def migrate(self, mode: str | None = None, *extra: str) -> Run:
        """The whole way; every planned table must arrive."""
        plan = self.plan(mode, *extra)
        run = self.run(plan)
        run.succeeded()
        return run


@dataclass(frozen=True)
class Run:
    """How a run ended."""

    outcome: Outcome

    @property
    def view(self) -> dict[str, Any]:
        """The run as the command line shows it."""
        return self.outcome.json

    @property
    def tables(self) -> dict[str, dict[str, Any]]:
        """What became of each table, by source name."""
        return {table["source"]: table for table in self.view["tables"]}

    def succeeded(self) -> None:
        """Every table is migrated and proved."""
        assert self.outcome.code == 0, f"{self.outcome.stdout}\n{self.outcome.stderr}"
        for name, table in self.tables.items():
            assert table["state"] == "migrated", (name, table["error"])
            assert table["validation"]["passed"], name
            assert table["validation"]["proof"] in ("digest", "bytes"), name

    def failed(self, table: str, code: str) -> dict[str, Any]:
        """The table's error, which must be this one and tell what to do; the exit code says that not all went well."""
        assert self.outcome.code == 1, f"exit code {self.outcome.code}: {self.outcome.stdout} {self.outcome.stderr}"
        error = self.tables[table]["error"]
        assert error is not None, f"{table} is {self.tables[table]['state']}"
        assert error["code"] == code, error
        assert error.get("hint"), error
        assert error.get("object"), error
        return error


def files(folder: Path) -> dict[str, int]:
    """Every file of a managed catalog with its size; the database aside."""
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("catalog.db")
    }


class meanwhile:
    """A command that runs while the block does."""

    outcome: Outcome

    def __init__(self, cli: Icebridge, *arguments: str) -> None:
        self._process = subprocess.Popen(
            cli.command(*arguments, "--json"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=cli.env(),
        )

    def __enter__(self) -> meanwhile:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            out, err = self._process.communicate(timeout=120)
        except BaseException:
            self._process.kill()
            raise
        self.outcome = Outcome(self._process.returncode, out, err)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def send_signal(self, number: int) -> None:
        """Interrupt it."""
        self._process.send_signal(number)


def wait_until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Poll."""
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.02)
