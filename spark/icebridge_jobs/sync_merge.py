"""The MERGE statements: one commit each, and repeatable, since they bring the target to a state and not forward by a
step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import types as T

import row_digest
from icebridge_jobs.table_name import TableName, identifier
from icebridge_jobs.target_ddl import type_sql

_HASH = "`_icebridge_hash`"
_INSERT = "`_icebridge_insert`"


def by_keys(
    source: str, target: TableName, schema: T.StructType, keys: Sequence[str], iceberg_types: Mapping[str, str]
) -> str:
    """Rows are told apart by keys, and written only where the hash differs. `source` is SQL of a table at its pin."""
    on = " AND ".join(f"t.{identifier(key)} <=> s.{identifier(key)}" for key in keys)
    before, after = (row_digest.row_hash(schema, iceberg_types, side) for side in ("t.", "s."))
    changes = ", ".join(f"t.{identifier(name)} = s.{identifier(name)}" for name in schema.names)
    return (
        f"MERGE INTO {target.sql} t USING (SELECT * FROM {source}) s ON {on}\n"
        f"WHEN MATCHED AND {before} <> {after} THEN UPDATE SET {changes}\n"
        f"WHEN NOT MATCHED THEN INSERT {_insert(schema)}\n"
        "WHEN NOT MATCHED BY SOURCE THEN DELETE"
    )


def by_rows(source: str, target: TableName, schema: T.StructType, iceberg_types: Mapping[str, str]) -> str:
    """No keys: rows are told apart by their hash, and how often each occurs is counted on both sides.

    Where the counts differ, the target's rows of this hash go and the source's come. The merged rows are of two kinds:
    a hash alone, which matches the rows that go, and whole rows without a hash, which match nothing.
    """
    here = row_digest.row_hash(schema, iceberg_types)
    different = (
        f"SELECT h FROM (SELECT {here} AS h, 1 AS a FROM {source}"
        f" UNION ALL SELECT {here} AS h, -1 AS a FROM {target.sql})"
        " GROUP BY h HAVING sum(a) <> 0"
    )
    nothing = ", ".join(f"CAST(NULL AS {type_sql(bare(f.dataType))}) AS {identifier(f.name)}" for f in schema.fields)
    columns = ", ".join(f"r.{identifier(name)}" for name in schema.names)
    of_row = row_digest.row_hash(schema, iceberg_types, "r.")
    rows = (
        f"SELECT d.h AS {_HASH}, false AS {_INSERT}, {nothing} FROM ({different}) d UNION ALL"
        f" SELECT CAST(NULL AS STRING), true, {columns} FROM (SELECT * FROM {source}) r"
        f" LEFT SEMI JOIN ({different}) e ON {of_row} = e.h"
    )
    of_target = row_digest.row_hash(schema, iceberg_types, "t.")
    return (
        f"MERGE INTO {target.sql} t USING ({rows}) s ON {of_target} = s.{_HASH}\n"
        "WHEN MATCHED THEN DELETE\n"
        f"WHEN NOT MATCHED AND s.{_INSERT} THEN INSERT {_insert(schema)}"
    )


def _insert(schema: T.StructType) -> str:
    names = ", ".join(map(identifier, schema.names))
    return f"({names}) VALUES ({', '.join(f's.{identifier(name)}' for name in schema.names)})"


def bare(kind: T.DataType) -> T.DataType:
    """Without NOT NULL and comments, which a cast does not take."""
    if isinstance(kind, T.StructType):
        return T.StructType([T.StructField(f.name, bare(f.dataType)) for f in kind.fields])
    if isinstance(kind, T.ArrayType):
        return T.ArrayType(bare(kind.elementType))
    return T.MapType(bare(kind.keyType), bare(kind.valueType)) if isinstance(kind, T.MapType) else kind
