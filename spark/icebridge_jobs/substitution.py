"""Spark puts variables, settings and the environment in place of ${...} anywhere in a statement, also within quotes.

A cluster's secrets would so come into comments and properties. A string is written such that nothing is found in it
(table_name.literal). Between backticks that cannot be done, so it is switched off, which keeps names as well; and where
it stays on, such names are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from pyspark.sql import types as T

from icebridge_jobs.errors import JobError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

START = "${"
_SETTING = "spark.sql.variable.substitute"
# What every session has, so that it would be replaced.
_PROBE = f"{START}spark.sql.session.timeZone}}"


def is_on(spark: SparkSession) -> bool:
    """Switch it off, and look whether that took: an engine may leave the setting to nobody, or ignore it."""
    # Serverless compute lets few settings be changed: what counts is what it does.
    with suppress(Exception):
        spark.conf.set(_SETTING, "false")
    found = spark.range(1).selectExpr(f"'{_PROBE}'").first()
    return found is None or found[0] != _PROBE


def refuse(substitutes: bool, names: Iterable[str], about: str) -> None:
    """Names that would be others in a statement."""
    if not substitutes:
        return
    wrong = next((name for name in names if START in name), None)
    if wrong is not None:
        raise JobError(
            "unsupported",
            f"the engine puts a value of its own in place of a part of the name {wrong}, and cannot be kept from it",
            about=about,
            hint=f"Set {_SETTING} to false for the cluster, or copy the table with the embedded engine.",
        )


def names_of(kind: T.DataType) -> Iterator[str]:
    """Of columns, and of fields at every depth."""
    if isinstance(kind, T.StructType):
        for field in kind.fields:
            yield field.name
            yield from names_of(field.dataType)
    elif isinstance(kind, T.ArrayType):
        yield from names_of(kind.elementType)
    elif isinstance(kind, T.MapType):
        yield from names_of(kind.keyType)
        yield from names_of(kind.valueType)
