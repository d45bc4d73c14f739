"""Say what is in a table, as Spark reads it: the answers that our own reader must give too.

Every answer names the schema that was projected. Time travel by snapshot id or tag shows the schema of that snapshot,
the plain table shows the current one: both are compared with what Spark really returned instead of being assumed. Where
Spark cannot read a type at all (time, nanoseconds), PyIceberg is the judge; where Spark fails on a table that is sound,
the shape says by a query what must be there ("derived"). The answer names its judge.
"""

from __future__ import annotations

import decimal
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, types

from spark.judges.digest_reference import DigestError, digest_rows
from tests.lakehouse.registry import Lab, quoted
from tests.lakehouse.values import to_json

FOREIGN_TO_SPARK = ("time", "timestamp_ns", "timestamptz_ns", "geometry", "geography")


@dataclass(frozen=True)
class Reading:
    """The rows of one read, with the Iceberg schema they were read under."""

    judge: str
    schema: dict[str, Any]
    rows: list[Any]

    def answer(self) -> dict[str, Any]:
        """The digest of the reading; types without a digest leave it null and say why."""
        base = {"schema_id": self.schema.get("schema-id", 0), "judge": self.judge}
        try:
            return {**base, **digest_rows(self.schema, self.rows).as_dict()}
        except DigestError as cause:
            return {**base, "rows": len(self.rows), "digest": None, "why": str(cause)}


class Judge:
    """Reads one table in all its states."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._table = lab.table()
        self._parser = lab.java.iceberg.SchemaParser
        self._convert = lab.java.iceberg.spark.SparkSchemaUtil.convert
        self._current = self._schema(self._table.schema())
        self._pyiceberg: Any = None

    def current(self) -> Reading:
        """The table as `SELECT * FROM t` shows it."""
        return self._read("", [self._current], None)

    def snapshot(self, snapshot_id: int) -> Reading:
        """The table as of a snapshot."""
        return self._read(f" VERSION AS OF {snapshot_id}", self._candidates(snapshot_id), snapshot_id)

    def ref(self, name: str) -> Reading:
        """The table as of a branch or tag."""
        snapshot_id = self._table.refs()[name].snapshotId()
        return self._read(f" VERSION AS OF '{name}'", self._candidates(snapshot_id), snapshot_id)

    def _candidates(self, snapshot_id: int) -> list[dict[str, Any]]:
        schema_for = self._lab.java.iceberg.util.SnapshotUtil.schemaFor
        return [self._schema(schema_for(self._table, snapshot_id)), self._current]

    def _schema(self, schema: Any) -> dict[str, Any]:
        return json.loads(self._parser.toJson(schema))

    def _read(self, travel: str, candidates: Sequence[dict[str, Any]], snapshot_id: int | None) -> Reading:
        if any(uses(candidate, FOREIGN_TO_SPARK) for candidate in candidates):
            return self._read_by_pyiceberg(candidates[0], snapshot_id)
        frame = self._lab.spark.sql(f"SELECT * FROM {self._lab.t}{travel}")
        for schema in candidates:
            if self._matches(schema, frame):
                return self._collect(schema, frame, snapshot_id)
        raise AssertionError(f"{self._lab.t}{travel} shows {frame.schema}, which is no schema of the table")

    def _collect(self, schema: dict[str, Any], frame: DataFrame, snapshot_id: int | None) -> Reading:
        truth = self._lab.truth
        if truth and snapshot_id in (None, self._table.currentSnapshot().snapshotId()):
            return Reading("derived", schema, exact_rows(truth[None]))
        if snapshot_id in truth:
            return Reading("derived", schema, exact_rows(truth[snapshot_id]))
        return Reading("spark", schema, exact_rows(frame))

    def _matches(self, schema: dict[str, Any], frame: DataFrame) -> bool:
        expected = self._convert(self._parser.fromJson(json.dumps(schema)))
        return expected.asNullable().json() == frame._jdf.schema().asNullable().json() or plain(
            types.StructType.fromJson(json.loads(expected.json()))
        ) == plain(frame.schema)

    def _read_by_pyiceberg(self, schema: dict[str, Any], snapshot_id: int | None) -> Reading:
        if self._pyiceberg is None:
            self._pyiceberg = self._lab.pyiceberg().load_table(self._lab.name)
        scan = self._pyiceberg.scan(snapshot_id=snapshot_id)
        names = [column["name"] for column in schema["fields"]]
        arrow = scan.to_arrow()
        if arrow.column_names != names:
            raise AssertionError(f"PyIceberg shows {arrow.column_names} instead of {names}")
        columns = [exact_column(arrow.column(place)) for place in range(len(names))]
        return Reading("pyiceberg", schema, list(zip(*columns, strict=True)))


def uses(schema: Any, kinds: Iterable[str]) -> bool:
    """Whether a type occurs anywhere in a schema."""
    if isinstance(schema, dict):
        inner = (schema.get(key) for key in ("type", "element", "key", "value"))
        return any(uses(kind, kinds) for kind in (*inner, *schema.get("fields", ())))
    return schema in kinds


def plain(kind: types.DataType) -> Any:
    """A Spark type by names and types alone: nullability and comments differ between plans for good reasons."""
    if isinstance(kind, types.StructType):
        return [(inner.name, plain(inner.dataType)) for inner in kind.fields]
    if isinstance(kind, types.ArrayType):
        return "array", plain(kind.elementType)
    if isinstance(kind, types.MapType):
        return "map", plain(kind.keyType), plain(kind.valueType)
    return kind.simpleString()


def exact_rows(frame: DataFrame) -> list[Any]:
    """Collect with timestamps as microseconds and dates as days: Python's classes are shorter than Spark's calendar."""
    kinds = [inner.dataType for inner in frame.schema.fields]
    renamed = frame.toDF(*[f"c{place}" for place in range(len(kinds))])
    return renamed.selectExpr(
        *[f"{_exact(kind, f'c{place}', 0)} AS c{place}" for place, kind in enumerate(kinds)]
    ).collect()


def _exact(kind: types.DataType, ref: str, depth: int) -> str:
    """SQL that turns a value into what Python can hold exactly."""
    if not _temporal(kind):
        return ref
    if isinstance(kind, types.DateType):
        return f"unix_date({ref})"
    if isinstance(kind, types.TimestampType):
        return f"unix_micros({ref})"
    if isinstance(kind, types.TimestampNTZType):
        return f"unix_micros(CAST({ref} AS TIMESTAMP))"
    if isinstance(kind, types.ArrayType):
        return f"transform({ref}, x{depth} -> {_exact(kind.elementType, f'x{depth}', depth + 1)})"
    if isinstance(kind, types.MapType):
        key, value = f"k{depth}", f"v{depth}"
        keyed = f"transform_keys({ref}, ({key}, {value}) -> {_exact(kind.keyType, key, depth + 1)})"
        return f"transform_values({keyed}, ({key}, {value}) -> {_exact(kind.valueType, value, depth + 1)})"
    if isinstance(kind, types.StructType):
        parts = [
            f"'f{place}', {_exact(inner.dataType, f'{ref}.{quoted(inner.name)}', depth)}"
            for place, inner in enumerate(kind.fields)
        ]
        return f"IF({ref} IS NULL, NULL, named_struct({', '.join(parts)}))"
    raise AssertionError(f"a temporal type of an unknown kind: {kind}")


def _temporal(kind: types.DataType) -> bool:
    if isinstance(kind, types.StructType):
        return any(_temporal(inner.dataType) for inner in kind.fields)
    if isinstance(kind, types.ArrayType):
        return _temporal(kind.elementType)
    if isinstance(kind, types.MapType):
        return _temporal(kind.keyType) or _temporal(kind.valueType)
    return isinstance(kind, types.DateType | types.TimestampType | types.TimestampNTZType)


def exact_column(column: Any) -> list[Any]:
    """An Arrow column as Python values, with times and timestamps as the integers that they are stored as."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) or pa.types.is_time64(column.type):
        return column.cast(pa.int64()).to_pylist()
    if pa.types.is_date32(column.type):
        return column.cast(pa.int32()).to_pylist()
    return column.to_pylist()


def column_facts(reading: Reading) -> dict[str, Any]:
    """Count of nulls and NaN, least and greatest value (NaN left out) of every column with an order people agree on."""
    facts: dict[str, Any] = {}
    for place, column in enumerate(reading.schema["fields"]):
        kind = column["type"]
        if not isinstance(kind, str) or kind.startswith(("fixed", "binary", "uuid", "unknown", "variant", "geo")):
            continue
        values = [row[place] for row in reading.rows]
        present = [value for value in values if value is not None]
        numbers = [value for value in present if not (isinstance(value, float) and math.isnan(value))]
        fact: dict[str, Any] = {"nulls": len(values) - len(present)}
        if kind in ("float", "double"):
            fact["nans"] = len(present) - len(numbers)
        least = min(numbers, key=order, default=None)
        greatest = max(numbers, key=order, default=None)
        facts[column["name"]] = {**fact, "min": to_json(kind, least), "max": to_json(kind, greatest)}
    return facts


def order(value: Any) -> Any:
    """Strings are ordered by their UTF-8 bytes, as Spark and Iceberg do it."""
    return value.encode("utf-8") if isinstance(value, str) else decimal.Decimal(value)
