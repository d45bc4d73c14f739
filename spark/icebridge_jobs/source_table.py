"""The foreign table: what the input says of it, what may not be read, and how it is laid out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pyspark.sql import types as T

from icebridge_jobs import iceberg_table
from icebridge_jobs.conversions import Conversion
from icebridge_jobs.errors import JobError, invalid
from icebridge_jobs.session import Engine
from icebridge_jobs.table_name import TableName
from icebridge_jobs.target_ddl import PartitionField

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_TRANSFORM = re.compile(r"(?P<name>\w+)\((?:(?P<size>\d+), )?(?P<column>.+)\)")
# Iceberg's metadata columns: its library reads and writes no table that has one of its own of such a name.
_RESERVED = frozenset(
    {"_file", "_pos", "_deleted", "_spec_id", "_partition", "_row_id", "_last_updated_sequence_number"}
)
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
    # There is one way yet. Whether the table may be read as it is where Databricks refuses the pin is said beside.
    read: Literal["pinned"] = "pinned"
    unversioned: bool = False
    # What the target would refuse, in the form that it takes: the rows are read so.
    conversions: list[Conversion] = field(default_factory=list)

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
    runtime = engine.runtime
    if runtime is None:
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
    if source.deletion_vectors and not runtime.knows_format_3:
        old = runtime.knows_format_3 is False
        raise JobError(
            "unsupported",
            f"the source has {source.deletion_vectors} deletion vectors, "
            + (f"and {runtime} does not apply them" if old else f"and it is not known whether {runtime} applies them"),
            about=source.table,
            hint="Use Databricks Runtime 18 or later, or serverless environment version 5 or later, "
            "or copy the table with the embedded engine.",
        )


def refuse_reserved(source: Source, schema: T.StructType) -> None:
    """Before anything is made: an empty table is never read, and so would be made."""
    reserved = [name for name in schema.names if name in _RESERVED]
    if reserved:
        raise JobError(
            "unsupported",
            f"Iceberg keeps the name of the column {', '.join(reserved)} for a metadata column of its own",
            about=source.table,
            hint="Rename the column at the source, or copy the table with the embedded engine.",
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
    """A field as DESCRIBE writes it: `days(ts)`, `bucket(4, id)`, or a column, with backticks where they are needed."""
    found = _TRANSFORM.fullmatch(text.strip())
    if found is None or found["name"] == "identity":
        return PartitionField("identity", found["column"] if found else text.strip())
    if found["name"] in _TRANSFORMS:
        return PartitionField(_TRANSFORMS[found["name"]], found["column"])
    if found["size"] is None:
        raise JobError("unsupported", f"the partition transform {text!r} is not known", hint="Give partition_fields.")
    return PartitionField(f"{found['name']}[{found['size']}]", found["column"])
