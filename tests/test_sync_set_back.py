"""Sources whose files, columns and mappings change under what a rewritten table has kept."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.table import Table
from pyiceberg.types import DoubleType, LongType

from tests.harness.cli import fresh
from tests.harness.judged import pyiceberg_catalog
from tests.harness.kept_up import KeptUp
from tests.harness.written import reading, sqlite_catalog
from tests.test_kill import Process

MAPPING = "schema.name-mapping.default"


class Made:
    """One table of PyIceberg's and its rewritten copy."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self.folder = folder
        catalog = sqlite_catalog(folder / "lake")
        catalog.create_namespace("shop")
        self.table: Table = catalog.create_table("shop.t", schema)
        self.kept = KeptUp(fresh(folder / "state"), folder / "lake", folder / "managed").connect()

    def append(self, **columns: list[Any]) -> None:
        """Rows of one file."""
        self.table.refresh().append(pa.table(columns, schema=self.table.schema().as_arrow()))

    def sync(self, *arguments: str) -> dict[str, Any]:
        """A round after which both sides are the same."""
        [told] = self.kept.up_to_date(*arguments).values()
        source = sqlite_catalog(self.folder / "lake").load_table("shop.t")
        copy = pyiceberg_catalog(self.kept.target).load_table("shop.t")
        assert reading(copy) == reading(source), told
        self.kept.cli.run("validate")
        return told

    def set_back(self, location: str) -> None:
        """The catalog shows an older state."""
        with closing(sqlite3.connect(self.folder / "lake" / "catalog.db")) as catalog, catalog:
            catalog.execute("UPDATE iceberg_tables SET metadata_location = ?", (location,))

    def map(self, **names: list[str]) -> None:
        """What files without field ids are read by."""
        fields = [{"field-id": number, "names": of} for number, of in enumerate(names.values(), 1)]
        with self.table.refresh().transaction() as change:
            change.set_properties({MAPPING: json.dumps(fields)})


def drop(made: Made) -> None:
    with made.table.update_schema() as update:
        update.delete_column("x")


def widen(made: Made) -> None:
    with made.table.update_schema() as update:
        update.update_column("n", LongType())
        update.update_column("f", DoubleType())


@pytest.mark.parametrize("change", [drop, widen])
@pytest.mark.parametrize("first", [True, False])
def test_a_schema_that_was_set_back_is_followed(change: Callable[[Made], None], first: bool, tmp_path: Path) -> None:
    """What was written under later columns is not what the source has now."""
    columns = [("id", pa.int64()), ("x", pa.string()), ("n", pa.int32()), ("f", pa.float32())]
    made = Made(tmp_path, pa.schema(columns))
    made.append(id=[1, 2], x=["a", "b"], n=[1, 2], f=[0.5, 1.5])
    before = made.table.metadata_location
    if first:
        change(made)
        made.kept.migrate("rewrite")
    else:
        made.kept.migrate("rewrite")
        change(made)
        made.append(**{name: [None] for name in made.table.schema().column_names})
        made.sync()
    made.set_back(before)
    made.table = sqlite_catalog(tmp_path / "lake").load_table("shop.t")
    made.sync()
    made.append(id=[3], x=["c"], n=[3], f=[2.5])
    assert made.sync()["made"]["compared"] == "changes"


@pytest.mark.parametrize("ids", [(4, 5, 6), (4, 5, 6, 7)])
def test_a_name_that_is_used_again_is_another_file(ids: tuple[int, ...], tmp_path: Path) -> None:
    made = Made(tmp_path, pa.schema([("id", pa.int64())]))
    outside = tmp_path / "a.parquet"

    def take_in(*rows: int) -> None:
        pq.write_table(pa.table({"id": pa.array(rows, pa.int64())}), outside)
        made.table.refresh().add_files([f"file://{outside}"])

    take_in(1, 2, 3)
    made.append(id=[10])
    made.kept.migrate("rewrite")
    made.table.refresh().delete("id < 10")
    take_in(*ids)
    assert made.sync()["made"]["changes"]["history"] == "continued"


def test_what_an_attempt_left_under_another_mapping_is_not_used(tmp_path: Path) -> None:
    made = Made(tmp_path, pa.schema([("id", pa.int64()), ("x", pa.string()), ("y", pa.string())]))
    outside = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": pa.array([7], pa.int64()), "x": ["x7"], "y": ["y7"]}), outside)
    made.map(a=["id"], b=["x"], c=["y"])
    made.table.refresh().add_files([f"file://{outside}"])
    made.kept.migrate("rewrite")
    made.map(a=["id"], b=["y"], c=["x"])
    database = sqlite3.connect(made.kept.target / "catalog.db", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    with Process(made.kept.cli, "sync") as process:
        assert process.killed_after(3), "it waits for the catalog"
    database.execute("ROLLBACK")
    database.close()
    made.map(a=["id"], b=["x"], c=["y", "q"])
    # PyIceberg reads no file without ids under a mapping of its own; both sides are read by us.
    made.kept.up_to_date()
    made.kept.cli.run("validate")


def test_a_copy_that_was_damaged_is_mended_by_a_whole_round(tmp_path: Path) -> None:
    made = Made(tmp_path, pa.schema([("id", pa.int64())]))
    made.append(id=[1, 2, 3])
    made.kept.migrate("rewrite")
    [file] = (made.kept.target / "warehouse").rglob("*.parquet")
    pq.write_table(pa.table({"id": pa.array([1, 2, 9], pa.int64())}), file)
    made.append(id=[4])
    done = made.kept.outcome("--whole")
    assert done.code == 0, done
    assert reading(pyiceberg_catalog(made.kept.target).load_table("shop.t")) == reading(made.table.refresh())
    made.kept.cli.run("validate")


def test_many_rounds_do_not_leave_many_manifests(tmp_path: Path) -> None:
    made = Made(tmp_path, pa.schema([("id", pa.int64())]))
    made.append(id=[0])
    made.kept.migrate("rewrite")
    for number in range(1, 71):
        made.append(id=[number])
        assert made.kept.outcome().code == 0
    made.table.refresh().delete("id = 5")
    made.sync()
    copy = pyiceberg_catalog(made.kept.target).load_table("shop.t")
    assert len(copy.inspect.manifests()) < 20
    assert len(copy.snapshots()) == 72
    # Each older snapshot is as it was.
    for number, snapshot in enumerate(copy.snapshots()[:-1]):
        assert copy.scan(snapshot_id=snapshot.snapshot_id).count() == number + 1
