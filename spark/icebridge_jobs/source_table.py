"""The foreign table: what the input says of it, what may not be read, and how it is laid out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from icebridge_jobs import iceberg_table
from icebridge_jobs.errors import JobError, invalid
from icebridge_jobs.session import Engine
from icebridge_jobs.table_name import TableName
from icebridge_jobs.target_ddl import PartitionField

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# From this runtime on, version 3 deletion vectors are read.
READS_DELETION_VECTORS = (18, 0)
_PART = re.compile(r"(?:(?P<name>\w+)\()?(?:(?P<size>\d+), )?(?P<column>[^()]+)\)?")
_TRANSFORMS = {"years": "year", "months": "month", "days": "day", "hours": "hour"}


@dataclass(frozen=True)
class PartitionInput:
    """A field of the source's partition spec, in the words of Iceberg's metadata."""

    transform: str
    column: str


@dataclass(frozen=True)
class Source:
    """The source as the input describes it. Counts come from the source's own metadata, read by the app."""

    table: str
    snapshot_id: int | None = None
    table_uuid: str | None = None
    # Position and equality delete files of format version 2 at the pin.
    delete_files: int | None = None
    deletion_vectors: int | None = None
    partition_fields: list[PartitionInput] | None = None
    properties: dict[str, str] | None = None

    def __post_init__(self) -> None:
        TableName.parse(self.table)

    @property
    def name(self) -> TableName:
        """The parsed name."""
        return TableName.parse(self.table)


def refuse_ignored_deletes(source: Source, engine: Engine) -> None:
    """Databricks documents version 2 deletes as unsupported: what it reads may hold deleted rows. Unknown counts as
    yes.
    """
    if not engine.databricks:
        return
    if source.delete_files is None:
        raise JobError(
            "unsupported",
            "the input does not say how many delete files the source has, and Databricks would ignore them",
            about=source.table,
            hint="Give delete_files as the source's own metadata counts them.",
        )
    if source.delete_files > 0:
        raise JobError(
            "unsupported",
            f"the source has {source.delete_files} delete files, which Databricks ignores: rows would come back",
            about=source.table,
            hint="Compact the table at the source (rewrite_data_files), or copy it with the embedded engine.",
        )
    runtime = engine.runtime
    if source.deletion_vectors and (runtime is None or runtime < READS_DELETION_VECTORS):
        raise JobError(
            "unsupported",
            f"the source has {source.deletion_vectors} deletion vectors, and this runtime is not known to apply them",
            about=source.table,
            hint="Use Databricks Runtime 18 or later, or copy the table with the embedded engine.",
        )


def pinned(spark: SparkSession, source: Source, engine: Engine) -> int | None:
    """The snapshot to read; none for a table that has no rows."""
    if source.snapshot_id is not None:
        return source.snapshot_id
    if engine.databricks:
        raise invalid(
            "snapshot_id is missing",
            about=source.table,
            hint="A plan pins every table: without a pin, batches would read different states.",
        )
    return iceberg_table.current_snapshot(spark, source.name)


def rows(spark: SparkSession, source: Source, snapshot_id: int | None, engine: Engine) -> DataFrame:
    """The rows at the pin. A foreign table may have to be refreshed before the pin is known."""
    try:
        return iceberg_table.rows_at(spark, source.name, snapshot_id)
    except Exception:
        if not engine.databricks:
            raise
        spark.sql(f"REFRESH FOREIGN TABLE {source.name.sql}")
        return iceberg_table.rows_at(spark, source.name, snapshot_id)


def partitioning(spark: SparkSession, source: Source) -> list[PartitionField]:
    """The spec: as the input gives it, or else as DESCRIBE tells it, which has two forms."""
    if source.partition_fields is not None:
        return [PartitionField(part.transform, part.column) for part in source.partition_fields]
    lines = [(row[0], row[1]) for row in spark.sql(f"DESCRIBE TABLE {source.name.sql}").collect()]
    found: list[PartitionField] = []
    part = None
    for name, kind in lines:
        if name.startswith("#"):
            part = name if name in ("# Partitioning", "# Partition Information") else part
            if name not in ("# Partitioning", "# Partition Information", "# col_name"):
                part = None
        elif not name:
            part = None
        elif part == "# Partitioning":
            found.append(_read(kind))
        elif part:
            found.append(PartitionField("identity", name))
    return found


def _read(text: str) -> PartitionField:
    found = _PART.fullmatch(text.strip())
    if not found:
        raise JobError("unsupported", f"the partition transform {text!r} is not known", hint="Give partition_fields.")
    column = found["column"].replace("`", "")
    name = found["name"]
    if name is None or name == "identity":
        return PartitionField("identity", column)
    if name in _TRANSFORMS:
        return PartitionField(_TRANSFORMS[name], column)
    return PartitionField(f"{name}[{found['size']}]", column)
