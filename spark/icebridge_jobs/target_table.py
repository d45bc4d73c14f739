"""Making the target, and knowing it again after a kill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import types as T

from icebridge_jobs import carried_properties, commit_marks, iceberg_table, source_table, target_ddl
from icebridge_jobs.copy_input import TableCopy
from icebridge_jobs.errors import JobError
from icebridge_jobs.runtime import FORMAT_3
from icebridge_jobs.session import Engine
from icebridge_jobs.target_ddl import PartitionField, Wanted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COMPLETE = "complete"


@dataclass(frozen=True)
class Found:
    """A target that an earlier attempt of the same plan made."""

    properties: Mapping[str, str]

    @property
    def complete(self) -> bool:
        """All rows are in and were counted."""
        return self.properties.get(commit_marks.COPY_STATE) == COMPLETE

    @property
    def snapshot_id(self) -> int | None:
        """The pin that the earlier attempt read."""
        told = self.properties.get(commit_marks.SOURCE_SNAPSHOT, "")
        return int(told) if told else None


def find(spark: SparkSession, table: TableCopy, plan_hash: str) -> Found | None:
    """Our own target; none if there is nothing. Anybody else's table is refused, never touched."""
    name = table.target.name
    if not iceberg_table.exists(spark, name):
        return None
    found = iceberg_table.properties(spark, name)
    if found.get(commit_marks.PLAN) != plan_hash and not _cloned_by_us(spark, table, found):
        raise JobError(
            "table-exists",
            "the target is there already and was not made by this plan",
            about=str(name),
            hint="Drop it if it is not wanted, or map the table to another name.",
        )
    pin = found.get(commit_marks.SOURCE_SNAPSHOT)
    wanted = table.source.snapshot_id
    if pin and wanted is not None and int(pin) != wanted:
        raise JobError(
            "plan-stale",
            f"the target was begun from the source's snapshot {pin}, and the input pins {wanted}",
            about=str(name),
            hint="Drop the target and run the job again.",
        )
    return Found(found)


def _cloned_by_us(spark: SparkSession, table: TableCopy, properties: Mapping[str, str]) -> bool:
    """A clone gets its properties by a second statement. Killed between the two, it is known by its first history
    entry.
    """
    if table.method != "deep_clone" or commit_marks.PLAN in properties:
        return False
    try:
        history = spark.sql(f"DESCRIBE HISTORY {table.target.name.sql}").collect()
    except Exception:  # no history, no proof: it counts as somebody else's
        return False
    first = min(history, key=lambda entry: entry["version"], default=None)
    if first is None or first["operation"] != "CLONE":
        return False
    told = str((first["operationParameters"] or {}).get("source", "")).replace("`", "").lower()
    return told == ".".join(table.source.name.parts).lower()


def wanted(
    spark: SparkSession,
    engine: Engine,
    table: TableCopy,
    schema: T.StructType,
    spec: list[PartitionField],
    marks: Mapping[str, str],
) -> tuple[Wanted, list[str]]:
    """What to create, and what of the source it will lack."""
    unity = engine.databricks
    name = str(table.target.name)
    refused = target_ddl.refusals(schema, unity=unity)
    if refused:
        column, reason = refused[0]
        more = f" ({len(refused) - 1} more columns like it)" if len(refused) > 1 else ""
        raise JobError("unsupported", f"the target cannot hold the column {column}: {reason}{more}", about=name)
    if engine.runtime and table.target.format_version >= 3 and engine.runtime.is_before(FORMAT_3):
        raise JobError("unsupported", "format version 3 needs Databricks Runtime 18", about=name)
    layout = target_ddl.layout(
        spec, schema, unity=unity, partition_by=table.target.partition_by, cluster_by=table.target.cluster_by
    )
    kept, lost = _properties(spark, engine, table)
    properties = {**kept, **marks}
    shape = Wanted(table.target.name, schema, layout, properties, table.target.format_version, table.target.comment)
    return shape, [*layout.lost, *(f"property {key}" for key in lost)]


def _properties(spark: SparkSession, engine: Engine, table: TableCopy) -> tuple[dict[str, str], list[str]]:
    """What the target shall have, and the names of what it will lack."""
    told = table.source.properties
    source = iceberg_table.properties(spark, table.source.name) if told is None else told
    kept, lost = carried_properties.carried(source, engine_managed=engine.databricks)
    return {**kept, **table.target.properties}, lost


def not_carried(spark: SparkSession, engine: Engine, table: TableCopy, source: T.StructType) -> list[str]:
    """Comments and properties that the target has otherwise than was asked for, or not at all."""
    name = table.target.name
    found = iceberg_table.properties(spark, name)
    kept, _ = _properties(spark, engine, table)
    missing = [f"property {key}" for key, value in sorted(kept.items()) if found.get(key) != value]
    if table.target.comment and spark.catalog.getTable(name.sql).description != table.target.comment:
        missing.append("comment of the table")
    here = dict(_comments(iceberg_table.rows_at(spark, name, None).schema))
    return missing + [f"comment of {path}" for path, comment in _comments(source) if here.get(path) != comment]


def _comments(kind: T.DataType, path: str = "") -> Iterator[tuple[str, str]]:
    """Of columns, and of fields at every depth, by their paths."""
    if isinstance(kind, T.StructType):
        for field in kind.fields:
            inner = f"{path}.{field.name}" if path else field.name
            if comment := (field.metadata or {}).get("comment"):
                yield inner, comment
            yield from _comments(field.dataType, inner)
    elif isinstance(kind, T.ArrayType):
        yield from _comments(kind.elementType, f"{path}.element")
    elif isinstance(kind, T.MapType):
        yield from _comments(kind.keyType, f"{path}.key")
        yield from _comments(kind.valueType, f"{path}.value")


def marks_of(table: TableCopy, plan_hash: str, snapshot_id: int | None) -> dict[str, str]:
    """The properties by which a table is known as ours, the same ones that the embedded engine sets."""
    found = {commit_marks.PLAN: plan_hash}
    if snapshot_id is not None:
        found[commit_marks.SOURCE_SNAPSHOT] = str(snapshot_id)
    if table.source.table_uuid:
        found[commit_marks.SOURCE_UUID] = table.source.table_uuid
    return found


def partitioning(spark: SparkSession, table: TableCopy) -> list[PartitionField]:
    """The source's spec, unless the input says how the target is laid out."""
    if table.target.partition_by is not None or table.target.cluster_by is not None:
        return []
    return source_table.partitioning(spark, table.source)
