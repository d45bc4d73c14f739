"""Cutting a table into batches that can be named, found again and, where need be, taken back.

Batches are disjoint and together they are all rows, NULLs included. The cut is made once and kept in the target's
properties, because percentiles are estimates that another attempt would estimate differently.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F
from pyspark.sql import types as T

from icebridge_jobs.errors import JobError, invalid
from icebridge_jobs.table_name import identifier, literal
from icebridge_jobs.target_ddl import PartitionField, type_sql

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# The bounds live in a table property, which every reader of the table loads.
MOST_BATCHES = 1000
# No floats: Iceberg's statistics leave NaN out, while Spark orders it above all, so files could be skipped wrongly.
_ORDERED = (T.IntegerType, T.LongType, T.DateType, T.TimestampType, T.TimestampNTZType, T.DecimalType)


@dataclass(frozen=True)
class BatchPlan:
    """`whole`: one batch. `range`: below, between and above the bounds of a column. `hash`: by hash of some columns."""

    kind: str
    columns: tuple[str, ...] = ()
    column_type: str = ""
    bounds: tuple[str, ...] = ()
    parts: int = 1

    @property
    def count(self) -> int:
        """The number of batches."""
        return {"whole": 1, "range": len(self.bounds) + 1, "hash": self.parts}[self.kind]

    def predicate(self, batch: int) -> str:
        """SQL that is true for the batch's rows and for no others, in the source as in the target."""
        if self.kind == "whole":
            return "true"
        if self.kind == "hash":
            return f"pmod(xxhash64({', '.join(map(identifier, self.columns))}), {self.parts}) = {batch}"
        column = identifier(self.columns[0])
        above = f"{column} >= {self._bound(batch - 1)}" if batch else None
        below = f"{column} < {self._bound(batch)}" if batch < len(self.bounds) else None
        if above and below:
            return f"{above} AND {below}"
        return above or (f"({below} OR {column} IS NULL)" if below else "true")

    def _bound(self, place: int) -> str:
        return f"CAST({literal(self.bounds[place])} AS {self.column_type})"

    def as_text(self) -> str:
        """For the target's property."""
        shape: dict[str, Any] = {"kind": self.kind, "columns": list(self.columns)}
        if self.kind == "range":
            shape |= {"type": self.column_type, "bounds": list(self.bounds)}
        if self.kind == "hash":
            shape |= {"parts": self.parts}
        return json.dumps(shape, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> BatchPlan:
        """Read the property again; refuse what this version did not write."""
        try:
            shape = json.loads(text)
            plan = cls(
                str(shape["kind"]),
                tuple(map(str, shape["columns"])),
                str(shape.get("type", "")),
                tuple(map(str, shape.get("bounds", ()))),
                int(shape.get("parts", 1)),
            )
            if plan.count < 1 or (plan.kind != "whole" and not plan.columns):
                raise ValueError("no batches")
        except (KeyError, TypeError, ValueError) as cause:
            raise JobError("state-broken", "the target's batch plan cannot be read", cause=cause) from cause
        return plan


def make(
    rows: DataFrame, total: int, rows_per_batch: int, column: str | None, partitioning: Sequence[PartitionField]
) -> BatchPlan:
    """Cut by the wanted column, or by a partition column, or by the first column that has an order; else by hash."""
    schema = rows.schema
    wanted = min(MOST_BATCHES, math.ceil(total / rows_per_batch))
    if column is not None and column not in schema.names:
        raise invalid(f"there is no column {column!r} to batch by", about=column)
    if wanted <= 1:
        return BatchPlan("whole")
    candidates = [column] if column else _candidates(schema, partitioning)
    for name in candidates:
        if isinstance(schema[name].dataType, _ORDERED):
            bounds = _bounds(rows, name, wanted)
            # A column with few values cuts nothing: the hash of all does better, unless this column was asked for.
            if bounds and (column or len(bounds) + 1 >= wanted / 2):
                return BatchPlan("range", (name,), type_sql(schema[name].dataType), bounds)
    hashed = [field.name for field in schema.fields if not _holds_map(field.dataType)] if column is None else [column]
    if not hashed or _holds_map(schema[hashed[0]].dataType):
        return BatchPlan("whole")
    return BatchPlan("hash", tuple(hashed), parts=wanted)


def _candidates(schema: T.StructType, partitioning: Sequence[PartitionField]) -> list[str]:
    """A partition column first: a batch then reads few files. Two at most, for each costs a look at all values."""
    paths = [part.at(schema).path for part in partitioning]
    names = [path[0] for path in paths if path and len(path) == 1]
    names += [field.name for field in schema.fields]
    ordered = [name for name in dict.fromkeys(names) if isinstance(schema[name].dataType, _ORDERED)]
    return ordered[:2]


def _bounds(rows: DataFrame, name: str, parts: int) -> tuple[str, ...]:
    shares = ", ".join(f"{place / parts!r}D" for place in range(1, parts))
    percentiles = f"approx_percentile({identifier(name)}, array({shares}), 10000)"
    found = rows.select(F.expr(f"transform({percentiles}, x -> cast(x AS string))")).first()
    values = (found[0] if found else None) or []
    # Distinct and in order, as percentiles are; the least value would make an empty first batch, which does no harm.
    return tuple(dict.fromkeys(values))


def _holds_map(kind: T.DataType) -> bool:
    if isinstance(kind, T.MapType):
        return True
    if isinstance(kind, T.ArrayType):
        return _holds_map(kind.elementType)
    return isinstance(kind, T.StructType) and any(_holds_map(field.dataType) for field in kind.fields)
