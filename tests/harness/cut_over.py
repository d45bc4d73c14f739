"""`icebridge cutover` as the tests call it, and what its tables say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyiceberg.table import Table

from tests.harness.judged import pyiceberg_catalog
from tests.harness.kept_up import KeptUp, files

# Nobody writes in between: there is nothing to wait for.
FAST = ("--quiet", "0s")


def cutover(kept: KeptUp, verb: str, *arguments: str | Path, code: int = 0) -> dict[str, dict[str, Any]]:
    """One command, by source table. The source's files are left alone."""
    before = files(kept.source / "warehouse")
    done = kept.cli.outcome("cutover", verb, *arguments, seconds=60)
    assert done.code == code, done
    now = files(kept.source / "warehouse")
    assert {path: now.get(path) for path in before} == before, "a cut-over touched the source"
    return {table["source"]: table for table in done.json["tables"]}


def states(tables: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: table["state"] for name, table in tables.items()}


def target(kept: KeptUp, table: str) -> Table:
    return pyiceberg_catalog(kept.target).load_table(table)


def stages(kept: KeptUp, table: str) -> list[str]:
    """The steps that the journal has of a table's cut-over."""
    return [one["stage"] for one in kept.journal() if (one["table"], one["kind"]) == (table, "table.cutover")]


def stopped(tables: dict[str, dict[str, Any]]) -> set[str]:
    """Those whose writers stand still."""
    return {name for name, table in tables.items() if table.get("writers_stopped")}
