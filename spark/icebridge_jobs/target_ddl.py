"""The target's DDL by the rule base: what Unity Catalog's managed Iceberg tables take, and what any Iceberg catalog
takes.

The rules on Unity Catalog rest on its public documentation (docs/spark-jobs.md lists the pages); a rule that is too
strict is one line here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyspark.sql import types as T

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
_SIZED_TRANSFORM = re.compile(r"(bucket|truncate)\[(\d+)\]")


@dataclass(frozen=True)
class PartitionField:
    """A transform as Iceberg's metadata writes it (`day`, `bucket[16]`, `identity`) on a column."""

    transform: str
    column: str

    @property
    def is_identity(self) -> bool:
        """A plain column."""
        return self.transform == "identity"

    def sql(self) -> str:
        """Spark's words for it."""
        column = ".".join(identifier(part) for part in self.column.split("."))
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
    clustered_by: list[str] = field(default_factory=list)
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
        if not unity:
            raise JobError("unsupported", "CLUSTER BY is Unity Catalog's own", hint="Give partition_by instead.")
        _known(cluster_by, schema)
        if len(cluster_by) > MOST_CLUSTER_COLUMNS:
            raise invalid(f"a table is clustered by {MOST_CLUSTER_COLUMNS} columns at most")
        return Layout(clustered_by=list(cluster_by))
    if partition_by is not None:
        source = [PartitionField("identity", name) for name in partition_by]
        _known(partition_by, schema)
    source = [part for part in source if part.transform != "void"]
    if not unity:
        return Layout(partitioned_by=list(source))
    binary = [part.column for part in source if isinstance(_column_type(schema, part.column), T.BinaryType)]
    if binary and partition_by is not None:
        raise JobError("unsupported", "a binary column cannot partition a table", about=binary[0])
    nested = [part.column for part in source if "." in part.column and _column_type(schema, part.column) is None]
    usable = [part for part in source if part.column not in binary and part.column not in nested]
    lost = [f"partitioning by {part.transform} of {part.column}" for part in source if part not in usable]
    if all(part.is_identity for part in usable):
        return Layout(partitioned_by=usable, lost=lost)
    # Expressions are refused in PARTITIONED BY; clustering on the columns under them keeps the pruning.
    columns = list(dict.fromkeys(part.column for part in usable))[:MOST_CLUSTER_COLUMNS]
    lost += [f"partitioning by {part.transform} of {part.column}" for part in usable if not part.is_identity]
    return Layout(clustered_by=columns, lost=lost)


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
        names = (".".join(identifier(part) for part in name.split(".")) for name in wanted.layout.clustered_by)
        lines.append(f"CLUSTER BY ({', '.join(names)})")
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
        _refusals(f"{path}.element", kind.elementType, unity, found)
    elif isinstance(kind, T.MapType):
        _refusals(f"{path}.key", kind.keyType, unity, found)
        _refusals(f"{path}.value", kind.valueType, unity, found)
    elif not isinstance(kind, (T.DecimalType, *_PLAIN)):
        found.append((path, f"the type {kind.simpleString()}"))


def _known(columns: Sequence[str], schema: T.StructType) -> None:
    for name in columns:
        if name not in schema.names:
            raise invalid(f"there is no column {name!r}", about=name)


def _column_type(schema: T.StructType, path: str) -> T.DataType | None:
    kind: T.DataType = schema
    for part in path.split("."):
        if not isinstance(kind, T.StructType) or part not in kind.names:
            return None
        kind = kind[part].dataType
    return kind
