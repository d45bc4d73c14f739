"""Foreign tables of a sandbox without Spark: PyIceberg writes them where the sandbox's foreign catalogs lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.table import Table

from tests.harness.sandbox import Sandbox
from tests.harness.written import plain, sqlite_catalog


def foreign(box: Sandbox, folder: Path, identifier: str, **options: Any) -> Table:
    """A table of the catalog `glue_lake` that Databricks never read; its gate is opened."""
    schema, name = identifier.split(".")
    place = box.folder / "warehouse" / "glue_lake" / schema / name
    table = plain(sqlite_catalog(folder), identifier, location=f"file://{place}", **options)
    show(table)
    box.turn("gate", open=True, on=["main", "glue_lake"])
    # A listing is when the sandbox looks what lies there.
    catalog = f"{box.url}/api/2.1/unity-catalog/iceberg-rest"
    RestCatalog("lake", uri=catalog, warehouse="glue_lake", token=box.token).list_tables("sales")
    return table


def show(table: Table) -> None:
    """The table as it is now, where Spark's file catalog has it."""
    newest = Path(table.metadata_location.removeprefix("file://"))
    number = len(list(newest.parent.glob("v*.metadata.json"))) + 1
    (newest.parent / f"v{number}.metadata.json").write_bytes(newest.read_bytes())
