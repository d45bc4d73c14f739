"""What the target refuses of the source's columns, in the form that it takes: expressions for a SELECT.

Spark reads Iceberg's uuid as text and fixed as binary by itself, so of another type nothing is left to do but to make
sure of it. A required field inside of a column becomes optional by a cast to the same type with optional fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pyspark.sql import types as T

from icebridge_jobs.errors import JobError, invalid
from icebridge_jobs.table_name import identifier
from icebridge_jobs.target_ddl import type_sql

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Iceberg's names for what a target has in place of the types that it lacks.
_TYPES = {"string": T.StringType, "binary": T.BinaryType}


@dataclass(frozen=True)
class Conversion:
    """One field, by the names on the way to it; `element`, `key` and `value` inside of lists and maps."""

    kind: Literal["optional", "type"]
    path: list[str]
    to: str | None = None

    def __post_init__(self) -> None:
        if not self.path:
            raise invalid("a conversion without a column")
        if self.kind == "type" and self.to not in _TYPES:
            raise JobError("unsupported", f"no job makes {self.to} of a column", about=".".join(self.path))


def expressions(schema: T.StructType, conversions: Sequence[Conversion]) -> list[str]:
    """SQL for every column in its order; a column that is not converted is its own name."""
    found = []
    for column in schema.fields:
        own = [one for one in conversions if one.path[0] == column.name]
        kind = column.dataType
        for one in own:
            kind = _converted(kind, one, one.path[1:])
        name = identifier(column.name)
        found.append(name if kind == column.dataType else f"CAST({name} AS {type_sql(kind)}) AS {name}")
    unknown = [one for one in conversions if one.path[0] not in schema.names]
    if unknown:
        raise invalid("there is no such column to convert", about=".".join(unknown[0].path))
    return found


def is_needed(schema: T.StructType, conversions: Sequence[Conversion]) -> bool:
    """Whether the rows are any other than as they are read."""
    return expressions(schema, conversions) != [identifier(column.name) for column in schema.fields]


def converted(rows: DataFrame, conversions: Sequence[Conversion]) -> DataFrame:
    """The rows in the form that the target takes."""
    if not is_needed(rows.schema, conversions):
        return rows
    comments = {column.name: column.metadata for column in rows.schema.fields}
    made = rows.selectExpr(*expressions(rows.schema, conversions))
    # A cast forgets the column's comment.
    for column in made.schema.fields:
        if comments[column.name] and not column.metadata:
            made = made.withMetadata(column.name, comments[column.name])
    return made


def _converted(kind: T.DataType, one: Conversion, path: Sequence[str]) -> T.DataType:
    if not path:
        if one.kind == "type" and not isinstance(kind, _TYPES[one.to or ""]):
            raise JobError(
                "unsupported",
                f"the engine reads {kind.simpleString()} where {one.to} was planned",
                about=".".join(one.path),
                hint="Let the embedded engine copy the table.",
            )
        return kind
    optional = one.kind == "optional" and len(path) == 1
    if isinstance(kind, T.StructType) and path[0] in kind.names:
        fields = []
        for field in kind.fields:
            if field.name == path[0]:
                inner = _converted(field.dataType, one, path[1:])
                field = T.StructField(field.name, inner, field.nullable or optional, field.metadata)
            fields.append(field)
        return T.StructType(fields)
    if isinstance(kind, T.ArrayType) and path[0] == "element":
        return T.ArrayType(_converted(kind.elementType, one, path[1:]), kind.containsNull or optional)
    if isinstance(kind, T.MapType) and path[0] == "key":
        return T.MapType(_converted(kind.keyType, one, path[1:]), kind.valueType, kind.valueContainsNull)
    if isinstance(kind, T.MapType) and path[0] == "value":
        inner = _converted(kind.valueType, one, path[1:])
        return T.MapType(kind.keyType, inner, kind.valueContainsNull or optional)
    raise invalid("there is no such field to convert", about=".".join(one.path))
