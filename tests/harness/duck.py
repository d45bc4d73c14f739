"""DuckDB with its Iceberg extension, from wheels: one more engine that opens what we made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

EXTENSIONS = ("duckdb_extension_avro", "duckdb_extension_iceberg")


def connect() -> Any:
    """A database in memory that can scan Iceberg tables."""
    import importlib

    import duckdb

    database = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    for name in EXTENSIONS:
        folder = Path(str(importlib.import_module(name).__file__)).parent
        found = next(folder.rglob("*.duckdb_extension"))
        database.execute(f"LOAD '{found}'")
    database.execute("SET TimeZone = 'UTC'")
    return database


def rows(metadata_location: str, snapshot_id: int | None = None) -> list[dict[str, Any]]:
    """The rows of a table by its metadata file."""
    at = f", snapshot_from_id => {snapshot_id}" if snapshot_id is not None else ""
    found = connect().execute(f"SELECT * FROM iceberg_scan('{metadata_location}'{at})").to_arrow_table()
    return found.to_pylist()
