"""Whether columns identify a row, as the identifier fields of an Iceberg table say: two rows of the same values never
occur.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

import row_digest
from icebridge_jobs import column_path
from icebridge_jobs.column_path import Path
from icebridge_jobs.errors import invalid

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def shown(keys: Sequence[str]) -> str:
    """As the product writes them in the name of a check."""
    return ", ".join(keys)


def paths(rows: DataFrame, keys: Sequence[str], about: str) -> list[Path]:
    """Columns by their names, or fields of structs."""
    found = []
    for key in keys:
        path = column_path.resolve(rows.schema, key)
        if path is None:
            raise invalid(f"there is no key column {key!r}", about=about)
        found.append(path)
    return found


def repeated(rows: DataFrame, keys: Sequence[Path]) -> int:
    """Rows beyond the first of each identifier. Values are the same where their digests are: 0.0 and -0.0 are two, as
    for Iceberg, NaN is one, and so is NULL. Spark's own grouping makes one of the zeros.
    """
    with row_digest.exact_session(rows.sparkSession, rows.schema):
        parts = [F.expr(column_path.sql(path)).alias(f"k{place}") for place, path in enumerate(keys)]
        identifiers = rows.select(*parts)
        hashed = identifiers.select(F.expr(row_digest.row_hash(identifiers.schema)).alias("h"))
        counted = hashed.agg(F.count(F.lit(1)), F.count_distinct("h")).collect()[0]
    return counted[0] - counted[1]


def told(count: int) -> str:
    """In words, which are those of the product's own check."""
    return f"{count} rows repeat an identifier" if count else "unique"
