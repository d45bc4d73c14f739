"""Arrow tables with uuids at any depth, which PyArrow does not make of Python values by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa


def table(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows as a table; a uuid is its bytes, a map a list of pairs."""
    columns = [array([row[field.name] for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Values as an array of any type that Iceberg has."""
    mask = pa.array([value is None for value in values], pa.bool_())
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, pa.array(values, kind.storage_type))
    if pa.types.is_struct(kind):
        fields = [kind.field(place) for place in range(kind.num_fields)]
        empty = {field.name: blank(field.type) for field in fields}
        whole = [value or empty for value in values]
        inner = [array([value[field.name] for value in whole], field.type) for field in fields]
        return pa.StructArray.from_arrays(inner, fields=fields, mask=mask)
    if pa.types.is_map(kind):
        pairs = [pair for value in values for pair in value or []]
        keys, items = array([pair[0] for pair in pairs], kind.key_type), array([p[1] for p in pairs], kind.item_type)
        return pa.MapArray.from_arrays(offsets(values, pa.int32()), keys, items, type=kind, mask=mask)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        flat = array([item for value in values for item in value or []], kind.value_type)
        of, number = (pa.ListArray, pa.int32()) if pa.types.is_list(kind) else (pa.LargeListArray, pa.int64())
        return of.from_arrays(offsets(values, number), flat, type=kind, mask=mask)
    return pa.array(values, kind)


def offsets(values: Sequence[Any], number: pa.DataType) -> pa.Array:
    """Where each value's items begin."""
    found = [0]
    for value in values:
        found.append(found[-1] + len(value or []))
    return pa.array(found, number)


def blank(kind: pa.DataType) -> Any:
    """What stands in a struct that is null: required fields take no null even there."""
    if isinstance(kind, pa.BaseExtensionType):
        return b"\x00" * 16
    return None
