"""What is known of the source and of the target, and the expectations that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyspark.sql import types as T

import row_digest
from icebridge_jobs import column_measures, iceberg_table, source_table, substitution, uniqueness
from icebridge_jobs.column_measures import ColumnMeasure
from icebridge_jobs.errors import JobError
from icebridge_jobs.session import Engine
from icebridge_jobs.source_read import SourceRead
from icebridge_jobs.target_ddl import type_sql
from icebridge_jobs.validation_input import TableValidation

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_NESTED = ("struct", "list", "map")


@dataclass
class Side:
    """One table, measured."""

    rows: int
    digest: str
    columns: dict[str, ColumnMeasure]
    # Known only of tables that were read here.
    schema: T.StructType | None = None
    column_digests: dict[str, str] = field(default_factory=dict)


@dataclass
class Comparison:
    """Both sides, and the target's rows for the checks that look at them."""

    target_rows: DataFrame
    source: Side
    target: Side
    # How the source was read, if it was.
    source_read: str | None = None
    # Rows of the target whose keys another row has.
    repeated: int = 0


@dataclass(frozen=True)
class Fact:
    """A value that must be the same on both sides: check name, column, and how each side writes it."""

    check: str
    column: str | None
    expected: str
    found: str


def compare(spark: SparkSession, engine: Engine, table: TableValidation) -> Comparison:
    """Measure what is to be measured."""
    types = dict(table.iceberg_types)
    if table.expected:
        types |= {c.name: c.column_type for c in table.expected.columns if c.column_type in ("uuid",)}
    substitution.refuse(engine.substitutes, table.name.parts, table.target)
    target_rows = iceberg_table.rows_at(spark, table.name, table.target_snapshot_id)
    substitution.refuse(engine.substitutes, substitution.names_of(target_rows.schema), table.target)
    keys = uniqueness.paths(target_rows, table.keys, table.target)
    target = _measure(target_rows, types)
    source_rows: DataFrame | None = None
    source_read: str | None = None
    source: Side | None = None
    if table.source:
        source_table.refuse_ignored_deletes(table.source, engine)
        read = SourceRead(spark, engine, table.source, table.source.snapshot_id)
        source_read, source_rows = read.how, read.rows()
        source = _measure(source_rows, types)
    if table.expected:
        told = Side(table.expected.rows, table.expected.digest, {c.name: c.measure() for c in table.expected.columns})
        if source is not None and (source.rows, source.digest) != (told.rows, told.digest):
            raise JobError(
                "plan-stale",
                f"Spark reads {source.rows} rows from the source with the digest {source.digest[:16]}..., "
                f"the plan expects {told.rows} with {told.digest[:16]}...",
                about=str(table.source.name) if table.source else None,
                hint="Check the pin. If it is right, this engine does not read the source as its format says: "
                "validate with `expected` alone.",
            )
        source = Side(told.rows, told.digest, told.columns, source.schema if source else None)
    if source is None:
        raise JobError("internal", "a table without truth got through")
    if source.digest != target.digest and source_rows is not None:
        # Costs another pass over both sides, so only where something differs: it tells in which columns.
        shared = [name for name in source_rows.columns if name in target_rows.columns]
        for side, rows in ((source, source_rows), (target, target_rows)):
            found = row_digest.measure_columns(rows, shared, types)
            side.column_digests = {name: digest.digest for name, digest in found.items()}
    repeated = uniqueness.repeated(target_rows, keys) if keys else 0
    return Comparison(target_rows, source, target, source_read, repeated)


def facts(table: TableValidation, both: Comparison) -> list[Fact]:
    """The values that must agree, in the order in which a person would ask for them."""
    source, target = both.source, both.target
    found = [Fact("count", None, str(source.rows), str(target.rows))]
    for name, expected in source.columns.items():
        measured = target.columns.get(name)
        if measured is None:
            found.append(Fact("schema", name, _schema_text(table, source, name), "missing"))
            continue
        found.append(Fact("schema", name, *_schemas(table, source, target, name)))
        found.append(Fact("aggregates", name, *_aggregates(expected, measured)))
    for name in target.columns:
        if name not in source.columns:
            found.append(Fact("schema", name, "missing", _schema_text(table, target, name)))
    if table.keys:
        keys = uniqueness.shown(table.keys)
        found.append(Fact("unique", keys, uniqueness.told(0), uniqueness.told(both.repeated)))
    found.append(Fact("digest", None, source.digest, target.digest))
    for name, digest in source.column_digests.items():
        found.append(Fact("digest", name, digest, target.column_digests[name]))
    return found


def _measure(rows: DataFrame, types: Mapping[str, str]) -> Side:
    columns = {measure.name: measure for measure in column_measures.measure(rows, types)}
    digest = row_digest.measure(rows, types)
    return Side(digest.rows, digest.digest, columns, rows.schema)


def _aggregates(expected: ColumnMeasure, found: ColumnMeasure) -> tuple[str, str]:
    texts = expected.as_text(), found.as_text()
    if expected.sum is None or found.sum is None:  # a sum beyond 38 digits
        return texts
    return f"{texts[0]}, sum {expected.sum}", f"{texts[1]}, sum {found.sum}"


def _schemas(table: TableValidation, source: Side, target: Side, name: str) -> tuple[str, str]:
    if source.schema is None:
        # Iceberg's names: what Spark cannot tell apart (uuid from string, fixed from binary) is no difference here.
        expected, found = source.columns[name].column_type, target.columns[name].column_type
        kind = expected.split("<")[0].split("[")[0].strip()
        return ("binary" if kind == "fixed" else kind if kind in _NESTED else expected), found
    return _schema_text(table, source, name), _schema_text(table, target, name)


def _schema_text(table: TableValidation, side: Side, name: str) -> str:
    if side.schema is None:
        return side.columns[name].column_type
    column = side.schema[name]
    if table.ignore_comments or table.ignore_nullability:
        column = _plain(column, table.ignore_nullability, table.ignore_comments)
    text = type_sql(column.dataType) + ("" if column.nullable else " NOT NULL")
    comment = (column.metadata or {}).get("comment")
    return f"{text} COMMENT {comment}" if comment else text


def _plain(column: T.StructField, nullability: bool, comments: bool) -> T.StructField:
    metadata = {} if comments else column.metadata
    kind = _plain_type(column.dataType, nullability, comments)
    return T.StructField(column.name, kind, column.nullable or nullability, metadata)


def _plain_type(kind: T.DataType, nullability: bool, comments: bool) -> T.DataType:
    if isinstance(kind, T.StructType):
        return T.StructType([_plain(inner, nullability, comments) for inner in kind.fields])
    if isinstance(kind, T.ArrayType):
        return T.ArrayType(_plain_type(kind.elementType, nullability, comments))
    if isinstance(kind, T.MapType):
        return T.MapType(
            _plain_type(kind.keyType, nullability, comments), _plain_type(kind.valueType, nullability, comments)
        )
    return kind
