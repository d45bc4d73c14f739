"""IceBridge as anybody would use it: catalogs, inventory, pre-flight and plan beforehand, then one `icebridge run`."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benches.table import CODEC, LEVEL

SOURCE = "source"
TARGET = "managed"


@dataclass(frozen=True)
class Mode:
    """A way to copy, as `icebridge plan` is told of it."""

    name: str
    settings: tuple[str, ...]


@dataclass(frozen=True)
class Prepared:
    """The command that does the work, and nothing else."""

    command: list[str]


REWRITE = ("--mode", "rewrite", "--codec", CODEC, "--codec-level", str(LEVEL))
MODES = (
    Mode("clone", ("--mode", "clone")),
    Mode("rewrite-chunks", REWRITE),
    Mode("rewrite-decoded", (*REWRITE, "--always-decode")),
)


def binary() -> str:
    """The release build; a debug build would measure the compiler."""
    path = os.environ.get("ICEBRIDGE_BIN")
    if not path or not Path(path).is_file():
        raise SystemExit("ICEBRIDGE_BIN names no program: use `cargo xtask bench`, or build it and set the variable")
    return path


def icebridge(state: Path, *words: str) -> str:
    """Run one command to its end."""
    command = [binary(), "--state", str(state), "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def version() -> str:
    """What `icebridge --version` says."""
    return subprocess.run([binary(), "--version"], capture_output=True, text=True, check=True).stdout.strip()


def prepare(mode: Mode, source: dict[str, object], work: Path) -> Prepared:
    """Everything up to the plan, in a state folder and a target of its own."""
    state, plan = work / "state", work / "plan.json"
    database = f"sqlite:{source['folder']}/catalog.db"
    icebridge(state, "catalog", "add", SOURCE, "--kind", "sql", "--uri", database, "--warehouse", "bench")
    icebridge(state, "catalog", "add", TARGET, "--target", "--kind", "embedded", "--uri", str(work / TARGET))
    icebridge(state, "inventory", SOURCE)
    icebridge(state, "preflight", "--accept-all-losses", *mode.settings)
    icebridge(state, "plan", "--out", str(plan), *mode.settings)
    tables = json.loads(plan.read_text())["tables"]
    wanted = mode.settings[1]
    if len(tables) != 1 or tables[0]["mode"] != wanted:
        raise SystemExit(f"the plan does not {wanted} the one table: {plan}")
    return Prepared([binary(), "--state", str(state), "--json", "run", str(plan)])


def validation_seconds(output: str, rows: int) -> float:
    """What the digests of both sides took, as the run reports it; a run that proves nothing is no measurement."""
    run = json.loads(output)["tables"][0]
    validation = run["validation"]
    if run["state"] != "migrated" or validation["rows"] != rows:
        raise SystemExit(f"the copy is not what it should be:\n{output}")
    return float(validation["milliseconds"]) / 1000
