"""Write the foreign lakehouse: `python -m tests.lakehouse.generate --out DIR [--only NAME ...] [--many N] [--list]`.

DIR then holds catalog.db (an Iceberg JdbcCatalog on SQLite, catalog name `foreign`), warehouse/<namespace>/<table>, and
expected.json with what Spark reads in every snapshot and every ref of every table.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.lakehouse.judge import Judge, column_facts
from tests.lakehouse.registry import Lab, Registry, Shape, dumps
from tests.lakehouse.spark import CATALOG, ICEBERG_VERSION, SPARK_VERSION, catalog_uri, start, warehouse_uri

JUDGED_SNAPSHOTS = 20
JUDGE_ALL_UP_TO = 60


def all_shapes() -> dict[str, Shape]:
    """The shapes of every module, by name."""
    from tests.lakehouse import (
        shapes_changes,
        shapes_deletes,
        shapes_equality,
        shapes_evolution,
        shapes_files,
        shapes_history,
        shapes_layout,
        shapes_names,
        shapes_types,
    )

    modules = [
        shapes_layout,
        shapes_evolution,
        shapes_types,
        shapes_deletes,
        shapes_equality,
        shapes_changes,
        shapes_history,
        shapes_files,
        shapes_names,
    ]
    shapes: dict[str, Shape] = {}
    for module in modules:
        registry: Registry = module.SHAPES
        if double := shapes.keys() & registry.shapes.keys():
            raise ValueError(f"shapes registered twice: {sorted(double)}")
        shapes |= registry.shapes
    return shapes


def wanted(shapes: dict[str, Shape], only: Iterable[str], many: int) -> list[Shape]:
    """The shapes to build: all but the slow ones, or those that were named."""
    names = list(only)
    if unknown := set(names) - shapes.keys():
        raise SystemExit(f"no such shape: {', '.join(sorted(unknown))}")
    if names:
        return [shapes[name] for name in names]
    return [shape for shape in shapes.values() if "slow" not in shape.tags or (many and shape.name == "many_snapshots")]


def judged(snapshots: list[Any]) -> list[Any]:
    """Snapshots to read: all, unless there are so many that a few spread over the history must do."""
    if len(snapshots) <= JUDGE_ALL_UP_TO:
        return snapshots
    step = (len(snapshots) - 1) / (JUDGED_SNAPSHOTS - 1)
    return [snapshots[round(place * step)] for place in range(JUDGED_SNAPSHOTS)]


def describe(lab: Lab, shape: Shape) -> dict[str, Any]:
    """What expected.json says of one table."""
    entry: dict[str, Any] = {
        "identifier": [shape.namespace, shape.table],
        "shape": shape.name,
        "description": shape.description,
        "writer": shape.writer,
        "tags": list(shape.tags),
    }
    if shape.view:
        return {**entry, "view": True}
    table = lab.table()
    metadata = table.operations().current()
    judge = Judge(lab)
    current = judge.current()
    at = metadata.currentSnapshot()
    snapshots = []
    for snapshot in judged(list(metadata.snapshots())):
        number = snapshot.snapshotId()
        known = {"snapshot_id": number, "sequence_number": snapshot.sequenceNumber(), "operation": snapshot.operation()}
        snapshots.append({**known, **judge.snapshot(number).answer()})
    refs = {}
    for name, ref in sorted(dict(metadata.refs()).items()):
        kind = "branch" if ref.isBranch() else "tag"
        refs[name] = {"type": kind, "snapshot_id": ref.snapshotId(), **judge.ref(name).answer()}
    return {
        **entry,
        "format_version": metadata.formatVersion(),
        "uuid": metadata.uuid(),
        "metadata_location": metadata.metadataFileLocation(),
        "current_snapshot_id": at.snapshotId() if at else None,
        "current_schema_id": metadata.currentSchemaId(),
        "current": current.answer(),
        "columns": column_facts(current),
        "snapshot_count": len(list(metadata.snapshots())),
        "snapshots": snapshots,
        "refs": refs,
    }


def header(out: Path) -> dict[str, Any]:
    """The part of expected.json that is about the whole lakehouse."""
    return {
        "catalog": CATALOG,
        "catalog_uri": catalog_uri(out),
        "warehouse": warehouse_uri(out),
        "spark": SPARK_VERSION,
        "iceberg": ICEBERG_VERSION,
    }


def build(
    out: Path, shapes: Iterable[Shape], options: dict[str, Any] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Build and judge the shapes; return what is expected of them and the tables that failed."""
    from tests.lakehouse.java import Java

    spark = start(out)
    lab = Lab(spark, Java(spark), out, options)
    tables: dict[str, Any] = {}
    failed: list[str] = []
    for shape in shapes:
        begun = time.monotonic()
        lab.use(shape)
        try:
            shape.make(lab)
            made = time.monotonic()
            tables[shape.identifier] = describe(lab, shape)
        except Exception:
            traceback.print_exc()
            failed.append(shape.identifier)
            print(f"{shape.identifier}: failed", file=sys.stderr, flush=True)
            continue
        print(f"{shape.identifier}: {made - begun:.1f} s, judged in {time.monotonic() - made:.1f} s", flush=True)
    spark.stop()
    return {**header(out), "tables": tables}, failed


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="build these shapes alone")
    parser.add_argument("--many", type=int, default=0, metavar="N", help="also build a table with N snapshots")
    parser.add_argument("--list", action="store_true", help="list the shapes and stop")
    given = parser.parse_args(arguments)
    shapes = all_shapes()
    if given.list:
        for shape in shapes.values():
            print(f"{shape.name:32} {shape.writer:10} {','.join(shape.tags):50} {shape.description}")
        return
    if given.out is None:
        parser.error("--out is needed")
    out = given.out.resolve()
    if out.exists() and any(out.iterdir()) and not (out / "catalog.db").exists():
        parser.error(f"{out} holds something that is not a lakehouse")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    options = {"many": given.many or 10_000}
    expected, failed = build(out, wanted(shapes, given.only, given.many), options)
    (out / "expected.json").write_text(dumps(expected), encoding="utf-8")
    print(f"{len(expected['tables'])} tables in {out}")
    if failed:
        raise SystemExit(f"{len(failed)} shapes failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
