"""The target's DDL by the rule base: what Unity Catalog's managed Iceberg tables take, and what any Iceberg catalog
takes.

The rules on Unity Catalog rest on its public documentation (docs/spark-jobs.md lists the pages); a rule that is too
strict is one line here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pyspark.sql import types as T

from icebridge_jobs import column_path
from icebridge_jobs.column_path import Path
from icebridge_jobs.errors import JobError, invalid
from icebridge_jobs.table_name import TableName, identifier, literal

# Unity Catalog clusters by this many columns at most.
MOST_CLUSTER_COLUMNS = 4
# Clustering a version 2 table is refused unless these are off.
CLUSTERING_NEEDS = {"delta.enableDeletionVectors": "false", "delta.enableRowTracking": "false"}

_PLAIN = {
    T.BooleanType: "BOOLEAN",
    T.IntegerType: "INT",
    T.LongType: "BIGINT",
    T.FloatType: "FLOAT",
    T.DoubleType: "DOUBLE",
    T.DateType: "DATE",
    T.TimestampType: "TIMESTAMP",
    T.TimestampNTZType: "TIMESTAMP_NTZ",
    T.StringType: "STRING",
    T.BinaryType: "BINARY",
}
_TRANSFORMS = {"year": "years", "month": "months", "day": "days", "hour": "hours"}
# Clustering looks at a column's least and greatest value, which Databricks keeps of these types.
_CLUSTERS = (
    *(T.IntegerType, T.LongType, T.FloatType, T.DoubleType, T.DecimalType),
    *(T.DateType, T.TimestampType, T.TimestampNTZType, T.StringType),
)
_PARTITIONS = (*_CLUSTERS, T.BooleanType)
_SIZED_TRANSFORM = re.compile(r"(bucket|truncate)\[(\d+)\]")


@dataclass(frozen=True)
class PartitionField:
    """A transform as Iceberg's metadata writes it (`day`, `bucket[16]`, `identity`) on a column."""

    transform: str
    # As it was told; what it means depends on the table's columns.
    column: str
    path: Path | None = None

    def at(self, schema: T.StructType) -> PartitionField:
        """The same with its path in this table, if it has one there."""
        return replace(self, path=column_path.resolve(schema, self.column))

    @property
    def is_identity(self) -> bool:
        """A plain column."""
        return self.transform == "identity"

    def sql(self) -> str:
        """Spark's words for it."""
        if self.path is None:
            raise JobError("unsupported", "the table has no such column to partition by", about=self.column)
        column = column_path.sql(self.path)
        if self.is_identity:
            return column
        if self.transform in _TRANSFORMS:
            return f"{_TRANSFORMS[self.transform]}({column})"
        if sized := _SIZED_TRANSFORM.fullmatch(self.transform):
            return f"{sized[1]}({sized[2]}, {column})"
        raise invalid(f"the partition transform {self.transform!r} cannot be written in SQL", about=self.column)


@dataclass
class Layout:
    """How the new table is laid out, and what of the source's layout it lacks."""

    partitioned_by: list[PartitionField] = field(default_factory=list)
    clustered_by: list[Path] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Wanted:
    """All that a CREATE TABLE says."""

    name: TableName
    schema: T.StructType
    layout: Layout
    properties: Mapping[str, str]
    format_version: int
    comment: str | None = None


def layout(
    source: Sequence[PartitionField],
    schema: T.StructType,
    *,
    unity: bool,
    partition_by: Sequence[str] | None = None,
    cluster_by: Sequence[str] | None = None,
) -> Layout:
    """Choose the layout: as asked for, or else as near to the source's as the target allows."""
    if partition_by is not None and cluster_by is not None:
        raise invalid("partition_by and cluster_by exclude each other", hint="Give one of the two.")
    if cluster_by is not None:
        return _clustered(cluster_by, schema, unity)
    if partition_by is not None:
        source = [PartitionField("identity", name) for name in partition_by]
        _paths(partition_by, schema)
    fields = [part.at(schema) for part in source if part.transform != "void"]
    if not unity:
        unknown = next((part for part in fields if part.path is None), None)
        if unknown:
            raise JobError("unsupported", "the table has no such column to partition by", about=unknown.column)
        return Layout(partitioned_by=fields)
    other = next((part for part in fields if not _is_plain(part, schema)), None)
    if partition_by is not None and other:
        what = "a binary column or a field of a struct cannot partition a table"
        raise JobError("unsupported", what, about=other.column)
    return _managed(fields, schema)


def _managed(fields: list[PartitionField], schema: T.StructType) -> Layout:
    """Unity Catalog's managed tables: plain columns partition, and expressions become clustering on their columns."""
    usable = [part for part in fields if _is_plain(part, schema) or _clusters(part.path, schema)]
    if all(_is_plain(part, schema) for part in usable):
        return Layout(partitioned_by=usable, lost=_lost(part for part in fields if part not in usable))
    # Expressions are refused in PARTITIONED BY; clustering on the columns under them keeps the pruning.
    paths = dict.fromkeys(part.path for part in usable if part.path and _clusters(part.path, schema))
    columns = list(paths)[:MOST_CLUSTER_COLUMNS]
    lost = _lost(part for part in fields if not (part.is_identity and part.path in columns))
    return Layout(clustered_by=columns, lost=lost)


def _clustered(wanted: Sequence[str], schema: T.StructType, unity: bool) -> Layout:
    if not unity:
        raise JobError("unsupported", "CLUSTER BY is Unity Catalog's own", hint="Give partition_by instead.")
    paths = _paths(wanted, schema)
    if len(paths) > MOST_CLUSTER_COLUMNS:
        raise invalid(f"a table is clustered by {MOST_CLUSTER_COLUMNS} columns at most")
    for name, path in zip(wanted, paths, strict=True):
        if not _clusters(path, schema):
            kind = column_path.kind_of(schema, path).simpleString()
            raise JobError("unsupported", f"a table cannot be clustered by a column of the type {kind}", about=name)
    return Layout(clustered_by=paths)


def _is_plain(part: PartitionField, schema: T.StructType) -> bool:
    """A column itself, and none that is binary."""
    if not part.is_identity or part.path is None or len(part.path) > 1:
        return False
    return isinstance(schema[part.path[0]].dataType, _PARTITIONS)


def _clusters(path: Path | None, schema: T.StructType) -> bool:
    return path is not None and isinstance(column_path.kind_of(schema, path), _CLUSTERS)


def _lost(fields: Iterable[PartitionField]) -> list[str]:
    return [f"partitioning by {part.transform} of {part.column}" for part in fields]


def refusals(schema: T.StructType, *, unity: bool) -> list[tuple[str, str]]:
    """Columns that the target cannot hold, with the reason."""
    found: list[tuple[str, str]] = []
    for column in schema.fields:
        _refusals(column.name, column.dataType, unity, found)
    return found


def create(wanted: Wanted) -> str:
    """CREATE TABLE with columns, their comments and NOT NULL; no LOCATION, which managed tables refuse."""
    columns = ",\n  ".join(_column(column) for column in wanted.schema.fields)
    return f"CREATE TABLE {wanted.name.sql} (\n  {columns}\n)\n{_clauses(wanted)}"


def create_as(wanted: Wanted, query: str) -> str:
    """CREATE TABLE AS SELECT: columns come from the query."""
    return f"CREATE TABLE {wanted.name.sql}\n{_clauses(wanted)}\nAS {query}"


def _clauses(wanted: Wanted) -> str:
    lines = ["USING ICEBERG"]
    if wanted.layout.partitioned_by:
        lines.append(f"PARTITIONED BY ({', '.join(part.sql() for part in wanted.layout.partitioned_by)})")
    properties = {"format-version": str(wanted.format_version), **wanted.properties}
    if wanted.layout.clustered_by:
        lines.append(f"CLUSTER BY ({', '.join(map(column_path.sql, wanted.layout.clustered_by))})")
        if wanted.format_version < 3:
            properties |= CLUSTERING_NEEDS
    if wanted.comment:
        lines.append(f"COMMENT {literal(wanted.comment)}")
    listed = ", ".join(f"{literal(key)} = {literal(value)}" for key, value in sorted(properties.items()))
    lines.append(f"TBLPROPERTIES ({listed})")
    return "\n".join(lines)


def _column(column: T.StructField) -> str:
    text = f"{identifier(column.name)} {type_sql(column.dataType)}"
    return text + _suffix(column)


def _suffix(column: T.StructField) -> str:
    comment = (column.metadata or {}).get("comment")
    return ("" if column.nullable else " NOT NULL") + (f" COMMENT {literal(comment)}" if comment else "")


def type_sql(kind: T.DataType) -> str:
    """A type in full: Spark's own short form leaves out fields of wide structs."""
    if isinstance(kind, T.DecimalType):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if isinstance(kind, T.ArrayType):
        return f"ARRAY<{type_sql(kind.elementType)}>"
    if isinstance(kind, T.MapType):
        return f"MAP<{type_sql(kind.keyType)}, {type_sql(kind.valueType)}>"
    if isinstance(kind, T.StructType):
        fields = ", ".join(f"{identifier(f.name)}: {type_sql(f.dataType)}{_suffix(f)}" for f in kind.fields)
        return f"STRUCT<{fields}>"
    for plain, name in _PLAIN.items():
        if isinstance(kind, plain):
            return name
    raise JobError("unsupported", f"the type {kind.simpleString()} has no place in an Iceberg table")


def _refusals(path: str, kind: T.DataType, unity: bool, found: list[tuple[str, str]]) -> None:
    if isinstance(kind, T.StructType):
        for part in kind.fields:
            if unity and not part.nullable:
                found.append((f"{path}.{part.name}", "a required field in a struct"))
            _refusals(f"{path}.{part.name}", part.dataType, unity, found)
    elif isinstance(kind, T.ArrayType):
        if unity and not kind.containsNull:
            found.append((f"{path}.element", "a required element of a list"))
        _refusals(f"{path}.element", kind.elementType, unity, found)
    elif isinstance(kind, T.MapType):
        if unity and not kind.valueContainsNull:
            found.append((f"{path}.value", "a required value of a map"))
        _refusals(f"{path}.key", kind.keyType, unity, found)
        _refusals(f"{path}.value", kind.valueType, unity, found)
    elif not isinstance(kind, (T.DecimalType, *_PLAIN)):
        found.append((path, f"the type {kind.simpleString()}"))


def _paths(columns: Sequence[str], schema: T.StructType) -> list[Path]:
    found = []
    for name in columns:
        path = column_path.resolve(schema, name)
        if path is None:
            raise invalid(f"there is no column {name!r}", about=name)
        found.append(path)
    return found
