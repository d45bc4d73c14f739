"""Looking at tables: whether they exist, what their metadata says, and their rows at a pinned snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from icebridge_jobs.errors import JobError, explain
from icebridge_jobs.table_name import TableName, literal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession


@dataclass(frozen=True)
class Snapshot:
    """A line of Iceberg's metadata table `snapshots`."""

    snapshot_id: int
    parent_id: int | None
    operation: str
    summary: Mapping[str, str]


def exists(spark: SparkSession, name: TableName) -> bool:
    """Whether the table is there for us."""
    return bool(spark.catalog.tableExists(name.sql))


def rows_at(spark: SparkSession, name: TableName, snapshot_id: int | None, limit: int | None = None) -> DataFrame:
    """The rows at a snapshot; without one, as they are now."""
    version = f" VERSION AS OF {snapshot_id}" if snapshot_id is not None else ""
    most = f" LIMIT {limit}" if limit is not None else ""
    return spark.sql(f"SELECT * FROM {name.sql}{version}{most}")


def properties(spark: SparkSession, name: TableName) -> dict[str, str]:
    """The table's properties."""
    return {row["key"]: row["value"] for row in spark.sql(f"SHOW TBLPROPERTIES {name.sql}").collect()}


def set_properties(spark: SparkSession, name: TableName, changes: Mapping[str, str]) -> None:
    """One commit that changes properties alone."""
    listed = ", ".join(f"{literal(key)} = {literal(value)}" for key, value in sorted(changes.items()))
    spark.sql(f"ALTER TABLE {name.sql} SET TBLPROPERTIES ({listed})")


def snapshots(spark: SparkSession, name: TableName) -> list[Snapshot]:
    """Every snapshot that the metadata still lists."""
    found = _metadata(spark, name, "SELECT snapshot_id, parent_id, operation, summary", "snapshots")
    return [Snapshot(row[0], row[1], row[2] or "", dict(row[3] or {})) for row in found]


def current_snapshot(spark: SparkSession, name: TableName) -> int | None:
    """The head of the main branch; none for a table that never had rows."""
    found = [row[1] for row in _metadata(spark, name, "SELECT name, snapshot_id", "refs") if row[0] == "main"]
    return found[0] if found else None


def _metadata(spark: SparkSession, name: TableName, select: str, table: str) -> list[Row]:
    try:
        return spark.sql(f"{select} FROM {name.metadata(table)}").collect()
    except Exception as cause:
        if not exists(spark, name):
            raise explain(cause, str(name)) from cause
        raise JobError(
            "unsupported",
            f"this engine does not show the table's {table}",
            about=str(name),
            hint="Pin the source by snapshot_id, and synchronise from an engine that reads Iceberg's metadata tables.",
            cause=cause,
        ) from cause


def lineage(every: list[Snapshot], head: int | None) -> list[Snapshot]:
    """The snapshots from the head to its oldest listed ancestor."""
    by_id = {snapshot.snapshot_id: snapshot for snapshot in every}
    chain = []
    while head is not None and (snapshot := by_id.get(head)) is not None:
        chain.append(snapshot)
        head = snapshot.parent_id
    return chain
