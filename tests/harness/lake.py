"""A foreign lakehouse of small tables, sound or to be broken, and the way from it into a managed catalog."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError

from spark.judges.digest_reference import Digest
from tests.harness.cli import Icebridge
from tests.harness.judged import pyiceberg_catalog
from tests.harness.route import Route, files
from tests.harness.written import plain, reading, sqlite_catalog
from tests.lakehouse.broken import WAYS, Copy
from tests.lakehouse.registry import local

GOOD = ("good_one", "good_two")


class Wreck(Copy):
    """One table of a lakehouse that has others too."""

    @property
    def metadata(self) -> Path:
        """The current metadata file, as the catalog has it."""
        with sqlite3.connect(self.root / "catalog.db") as catalog:
            sql = "SELECT metadata_location FROM iceberg_tables WHERE table_name = ?"
            row = catalog.execute(sql, (self.table,)).fetchone()
        return local(row[0])


@dataclass(frozen=True)
class Lake:
    """A source with one table for each way of breaking, and sound ones."""

    folder: Path
    readings: dict[str, Digest]

    @property
    def catalog(self) -> SqlCatalog:
        """PyIceberg's view of it."""
        return sqlite_catalog(self.folder)

    def wreck(self, name: str) -> Wreck:
        """One of its tables, to be broken."""
        return Wreck(self.folder, "shop", name)


def make_lake(folder: Path) -> Lake:
    """Small tables; the one whose page will be flipped has checksums on its pages, as Spark writes them."""
    catalog = sqlite_catalog(folder)
    made = {}
    for name in (*WAYS, *GOOD):
        if name == "flipped_page":
            made[name] = reading(checksummed(catalog, f"shop.{name}", folder / "outside"))
        elif name == "unknown_transform":
            table = plain(catalog, f"shop.{name}")
            with table.update_spec() as change:
                change.add_identity("id")
            made[name] = reading(table)
        else:
            made[name] = reading(plain(catalog, f"shop.{name}"))
    return Lake(folder, made)


def small_lake(folder: Path) -> Lake:
    """Three sound tables."""
    catalog = sqlite_catalog(folder)
    return Lake(folder, {name: reading(plain(catalog, f"shop.{name}")) for name in ("moved", *GOOD)})


def checksummed(catalog: SqlCatalog, identifier: str, folder: Path) -> Any:
    """Plain, uncompressed pages: only their checksums tell that a bit is another."""
    folder.mkdir()
    rows = pa.table({"id": pa.array(range(1000), pa.int64())})
    path = folder / "checksummed.parquet"
    pq.write_table(rows, path, compression="none", use_dictionary=False, write_page_checksum=True)
    catalog.create_namespace_if_not_exists("shop")
    table = catalog.create_table(identifier, rows.schema)
    table.add_files([str(path)])
    return table


def connected(cli: Icebridge, lake: Lake, target: Path) -> Route:
    """The lake as a source, and a managed catalog."""
    cli.connect_sql("foreign", lake.folder / "catalog.db")
    cli.connect_embedded("managed", target)
    return Route(cli)


def nothing_left(target: Path, table: str) -> None:
    """No row and no file of a table that did not arrive."""
    with pytest.raises(NoSuchTableError):
        pyiceberg_catalog(target).load_table(("shop", table))
    left = [path for path in files(target) if f"/{table}-" in path or ".icebridge-part" in path]
    assert left == []
