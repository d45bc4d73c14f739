"""Per column: nulls, NaNs, least, greatest and exact sum, as text in the form of the Rust reader's measurement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

import row_digest
from icebridge_jobs.table_name import identifier

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Five aggregates each; more columns in one pass would outgrow the JVM's methods.
COLUMNS_A_PASS = 50
_INTEGERS = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
_FLOATS = (T.FloatType, T.DoubleType)
_MOMENTS = (T.TimestampType, T.TimestampNTZType)
_EPOCH = dt.datetime(1970, 1, 1)
_ICEBERG: tuple[tuple[type, str], ...] = (
    (T.BooleanType, "boolean"),
    (T.IntegerType, "int"),
    (T.LongType, "long"),
    (T.FloatType, "float"),
    (T.DoubleType, "double"),
    (T.DateType, "date"),
    (T.TimestampType, "timestamptz"),
    (T.TimestampNTZType, "timestamp"),
    (T.StringType, "string"),
    (T.BinaryType, "binary"),
    (T.StructType, "struct"),
    (T.ArrayType, "list"),
    (T.MapType, "map"),
    (T.NullType, "unknown"),
)


@dataclass(frozen=True)
class ColumnMeasure:
    """The fields of the product's ColumnMeasure; numbers and moments as text, none where a type has no order."""

    name: str
    column_type: str
    nulls: int
    nans: int = 0
    least: str | None = None
    greatest: str | None = None
    sum: str | None = None

    def as_text(self) -> str:
        """One line that is equal exactly when the measures are: floats by their number, not by how they are written."""
        least, greatest = self.least, self.greatest
        if self.column_type in ("float", "double"):
            least, greatest = _number(least), _number(greatest)
        parts = [f"nulls {self.nulls}", f"NaNs {self.nans}", f"least {_shown(least)}", f"greatest {_shown(greatest)}"]
        return ", ".join(parts)


def iceberg_type(kind: T.DataType) -> str:
    """Iceberg's name of a type; of nested ones the kind alone."""
    if isinstance(kind, T.DecimalType):
        return f"decimal({kind.precision}, {kind.scale})"
    for spark, name in _ICEBERG:
        if isinstance(kind, spark):
            return name
    return kind.simpleString()


def measure(frame: DataFrame, iceberg_types: Mapping[str, str] | None = None) -> list[ColumnMeasure]:
    """Measure every top-level column."""
    found: list[ColumnMeasure] = []
    fields = frame.schema.fields
    with row_digest.exact_session(frame.sparkSession, frame.schema):
        for start in range(0, len(fields), COLUMNS_A_PASS):
            part = fields[start : start + COLUMNS_A_PASS]
            columns = [column for place, field in enumerate(part) for column in _aggregates(field, f"c{place}_")]
            row = frame.agg(*columns).collect()[0].asDict()
            found += [_measured(field, row, f"c{place}_", iceberg_types or {}) for place, field in enumerate(part)]
    return found


def _aggregates(field: T.StructField, prefix: str) -> Sequence[Column]:
    kind, name = field.dataType, identifier(field.name)
    wanted = {"nulls": f"count_if({name} IS NULL)"}
    ordered: str | None = None
    if isinstance(kind, T.BooleanType):
        ordered = f"cast({name} AS int)"
    elif isinstance(kind, T.DateType):
        ordered = f"unix_date({name})"
    elif isinstance(kind, T.TimestampType):
        ordered = f"unix_micros({name})"
    elif isinstance(kind, T.TimestampNTZType):
        ordered = f"unix_micros(cast({name} AS timestamp))"
    elif isinstance(kind, _FLOATS):
        wanted["nans"] = f"count_if(isnan({name}))"
        ordered = f"if(isnan({name}), NULL, cast({name} AS double))"
    elif isinstance(kind, (*_INTEGERS, T.DecimalType, T.StringType, T.BinaryType)):
        ordered = name
    if ordered:
        wanted |= {"least": _written(kind, f"min({ordered})"), "greatest": _written(kind, f"max({ordered})")}
    if isinstance(kind, _INTEGERS):
        wanted["sum"] = f"cast(sum(cast({name} AS decimal(20, 0))) AS string)"
    elif isinstance(kind, T.DecimalType):
        wanted["sum"] = _written(kind, f"try_sum(cast({name} AS decimal(38, {kind.scale})))")
    return [F.expr(sql).alias(f"{prefix}{key}") for key, sql in wanted.items()]


def _written(kind: T.DataType, value: str) -> str:
    if isinstance(kind, T.DecimalType):
        return row_digest.decimal_text(value)
    return f"lower(hex({value}))" if isinstance(kind, T.BinaryType) else value


def _measured(
    field: T.StructField, row: Mapping[str, Any], prefix: str, iceberg_types: Mapping[str, str]
) -> ColumnMeasure:
    kind = iceberg_types.get(field.name) or iceberg_type(field.dataType)
    least, greatest = (_text(field.dataType, row.get(f"{prefix}{end}")) for end in ("least", "greatest"))
    nans = row.get(f"{prefix}nans") or 0
    return ColumnMeasure(field.name, kind, row[f"{prefix}nulls"], nans, least, greatest, row.get(f"{prefix}sum"))


def _text(kind: T.DataType, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(kind, T.BooleanType):
        return "true" if value else "false"
    if isinstance(kind, T.DateType):
        moment = _moment(value * 86_400_000_000)
        return moment.date().isoformat() if moment else str(value)
    if isinstance(kind, _MOMENTS):
        moment = _moment(value)
        zone = "+00:00" if isinstance(kind, T.TimestampType) else ""
        return moment.isoformat(timespec="microseconds") + zone if moment else str(value)
    return repr(value) if isinstance(kind, _FLOATS) else str(value)


def _moment(micros: int) -> dt.datetime | None:
    """None beyond the years that a datetime has: the number is written then."""
    try:
        return _EPOCH + dt.timedelta(microseconds=micros)
    except OverflowError:
        return None


def _number(text: str | None) -> str | None:
    # Adding zero makes -0.0 and 0.0 one: min and max do not tell them apart, the digest does.
    return None if text is None else repr(float(text) + 0.0)


def _shown(text: str | None) -> str:
    return "none" if text is None else text
