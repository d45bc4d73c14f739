"""What a commit says about itself, so that a later attempt knows that it happened.

On Iceberg a mark is part of the snapshot's summary, in the same commit as the rows. A DataFrame write takes it as an
option everywhere. A SQL statement takes it from the session, which Iceberg reads on Spark 4.0 and ignores on 3.5:
whoever runs one notes the mark in a property too, and must be able to repeat the statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from icebridge_jobs import iceberg_table
from icebridge_jobs.iceberg_table import Snapshot
from icebridge_jobs.table_name import TableName

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PLAN = "icebridge.plan"
SOURCE_UUID = "icebridge.source-table-uuid"
SOURCE_SNAPSHOT = "icebridge.source-snapshot-id"
BATCH = "icebridge.batch"
BATCH_PLAN = "icebridge.batch-plan"
BATCHES_DONE = "icebridge.batches-done"
METHOD = "icebridge.copy-method"
COPY_STATE = "icebridge.copy-state"
SYNCED = "icebridge.synced-snapshot-id"

_OPTION = "snapshot-property."
_SESSION = "spark.sql.iceberg.snapshot-property."


def append(rows: DataFrame, target: TableName, marks: Mapping[str, str]) -> None:
    """Append with marks in one commit."""
    writer = rows.writeTo(target.sql)
    for key, value in marks.items():
        writer = writer.option(f"{_OPTION}{key}", value)
    writer.append()


@contextmanager
def in_session(spark: SparkSession, marks: Mapping[str, str]) -> Iterator[None]:
    """Marks for SQL statements inside."""
    try:
        for key, value in marks.items():
            spark.conf.set(f"{_SESSION}{key}", value)
        yield
    finally:
        for key in marks:
            spark.conf.unset(f"{_SESSION}{key}")


def chain(spark: SparkSession, target: TableName) -> tuple[list[Snapshot], bool]:
    """The target's snapshots, newest first, and whether they reach back to its first one.

    Marks of expired snapshots are gone: without the whole chain, a missing mark proves nothing.
    """
    head = iceberg_table.current_snapshot(spark, target)
    if head is None:
        return [], True
    found = iceberg_table.lineage(iceberg_table.snapshots(spark, target), head)
    return found, bool(found) and found[-1].parent_id is None
