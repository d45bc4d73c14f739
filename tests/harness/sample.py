"""The sample lakehouse that the product ships, and what its writers said is in it when they made it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spark.judges.digest_reference import digest_rows
from tests.lakehouse.judge import exact_column

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

    from tests.harness.judged import Migrated

EXPECTED = Path(__file__).resolve().parents[2] / "src-tauri" / "crates" / "core" / "sample" / "expected.json"
# Its data files are ORC, which nobody's reader of Parquet can read: the finding that the sample has to show.
LEFT_OUT = "ops.log_archive"
# PyIceberg refuses them; Spark judges those tables.
BEYOND_PYICEBERG = ("equality-deletes",)

Answer = dict[str, Any]


def tables() -> dict[str, dict[str, Any]]:
    """The sample's tables by name; there is a view among them, which is no table."""
    everything = json.loads(EXPECTED.read_text(encoding="utf-8"))["tables"]
    return {name: table for name, table in everything.items() if not table.get("view")}


def expected(table: dict[str, Any], *, whole_history: bool) -> Iterator[tuple[str, int | str | None, Answer]]:
    """Every way to read a table: what to ask, for which snapshot or ref, and the answer of then."""
    yield "current", None, table["current"]
    if whole_history:
        for snapshot in table["snapshots"]:
            yield "snapshot", snapshot["snapshot_id"], snapshot
        for name, ref in table["refs"].items():
            yield "ref", name, ref


def unlike_spark(migrated: Migrated, names: dict[str, str], *, whole_history: bool) -> Iterator[str]:
    """Where Spark reads something else than when the sample was made; `names` maps the sample's to today's names."""
    for source, target in names.items():
        table = tables()[source]
        judge = migrated.judge(*target.rsplit(".", 1))
        for kind, which, answer in expected(table, whole_history=whole_history):
            found = (judge.current() if which is None else getattr(judge, kind)(which)).answer()
            if (found["rows"], found["digest"]) != (answer["rows"], answer["digest"]):
                yield f"Spark, {target}, {kind} {which}: {found} instead of {answer}"


def unlike_pyiceberg(catalog: Catalog, names: dict[str, str], *, whole_history: bool) -> Iterator[str]:
    """The same for PyIceberg, of the tables that it can read; at snapshots it shows the schema of then."""
    for source, target in names.items():
        table = tables()[source]
        if any(tag in BEYOND_PYICEBERG for tag in table["tags"]):
            continue
        loaded = catalog.load_table(target)
        for kind, which, answer in expected(table, whole_history=whole_history):
            if kind == "ref":
                continue
            scan = loaded.scan(snapshot_id=which if isinstance(which, int) else None)
            arrow = scan.to_arrow()
            columns = [exact_column(arrow.column(place)) for place in range(arrow.num_columns)]
            rows = list(zip(*columns, strict=True)) if arrow.num_rows else []
            found = digest_rows(scan.projection(), rows)
            if tuple(found) != (answer["rows"], answer["digest"]):
                yield f"PyIceberg, {target}, {kind} {which}: {found} instead of {answer}"
