"""One round of one table: look, decide, write in one commit, note, compare."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import types as T

import row_digest
from icebridge_jobs import commit_marks, iceberg_table, source_changes, source_table, substitution, sync_merge
from icebridge_jobs.errors import JobError, explain
from icebridge_jobs.iceberg_table import Snapshot
from icebridge_jobs.session import Engine
from icebridge_jobs.source_changes import Changes
from icebridge_jobs.source_read import SourceRead
from icebridge_jobs.sync_input import TableSync
from icebridge_jobs.table_name import identifier
from icebridge_jobs.target_ddl import type_sql

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass
class Round:
    """What a round did, for the result file."""

    source: str
    target: str
    action: str = "none"
    reason: str = ""
    from_snapshot_id: int | None = None
    to_snapshot_id: int | None = None
    source_read: str | None = None
    rows: int | None = None
    milliseconds: int = 0
    error: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)

    def as_table(self) -> dict[str, Any]:
        """What a table's part of a copy's result says, of this round."""
        return {
            "source": self.source,
            "target": self.target,
            "state": "failed" if self.error else "done",
            "source_snapshot_id": self.to_snapshot_id,
            "source_read": self.source_read,
            "rows_done": self.rows,
            "action": self.action,
            "note": f"{self.action}: {self.reason}",
            "milliseconds": self.milliseconds,
            "error": self.error,
        }


class SyncTable:
    """One table over all rounds."""

    def __init__(self, spark: SparkSession, engine: Engine, plan_hash: str, table: TableSync) -> None:
        self.spark = spark
        self.engine = engine
        self.plan_hash = plan_hash
        self.table = table
        self.in_sync = False
        # Set by an error that another round would meet again.
        self.error: JobError | None = None

    def round(self) -> Round:
        """Bring the target to the source's newest snapshot."""
        began = time.monotonic()
        done = Round(str(self.table.source.name), str(self.table.name))
        self.in_sync = False
        try:
            self._round(done)
            self.in_sync = True
            self.error = None
        except Exception as cause:
            self.error = explain(cause, str(self.table.name))
            done.error = self.error.as_dict()
        done.milliseconds = round((time.monotonic() - began) * 1000)
        return done

    def _round(self, done: Round) -> None:
        source, target = self.table.source.name, self.table.name
        substitution.refuse(self.engine.substitutes, [*source.parts, *target.parts], str(target))
        given = self.table.changes
        wanted = self.table.source.snapshot_id or iceberg_table.current_snapshot(self.spark, source)
        chain = [] if given else iceberg_table.lineage(iceberg_table.snapshots(self.spark, source), wanted)
        if wanted is not None and not chain and not given:
            raise JobError("plan-stale", f"the source has no snapshot {wanted}", about=str(source))
        # On Databricks marks are in properties alone.
        held, whole = ([], True) if self.engine.databricks else commit_marks.chain(self.spark, target)
        properties = iceberg_table.properties(self.spark, target)
        last = source_changes.last_synced(held, whole, properties, self.table.start_snapshot_id)
        if last is None:
            raise JobError(
                "invalid-input",
                "the target does not say which snapshot of the source it holds",
                about=str(target),
                hint="Copy the table with bulk_copy, or give start_snapshot_id.",
            )
        if given:
            changes = source_changes.given(given, wanted, last.snapshot_id)
        else:
            changes = source_changes.classify(chain, last.snapshot_id)
        if not last.certain:
            changes = Changes("compare", "snapshots of the target expired, and marks with them")
        done.from_snapshot_id, done.to_snapshot_id, done.reason = last.snapshot_id, wanted, changes.reason
        if changes.kind == "none" or wanted is None:
            return
        if given:
            source_table.refuse_ignored_deletes(self.table.source, self.engine)
        else:
            self._refuse_ignored_deletes(chain[0])
        self._refuse_other_rows()
        read = SourceRead(self.spark, self.engine, self.table.source, wanted)
        done.source_read = read.how
        rows = read.rows()
        self._refuse_other_schema(rows)
        done.action = self._apply(changes, last.snapshot_id, wanted, rows, read)
        self._note(wanted)
        done.rows = self._verify(rows)

    def _apply(self, changes: Changes, last: int | None, wanted: int, rows: DataFrame, read: SourceRead) -> str:
        marks = {commit_marks.SYNCED: str(wanted), commit_marks.PLAN: self.plan_hash}
        if changes.kind == "mark":
            return "mark"
        # Appending twice would double rows, so it needs the mark in the same commit: Iceberg's own writer.
        if changes.kind == "append" and not self.engine.databricks:
            reader = self.spark.read.format("iceberg").option("start-snapshot-id", str(last))
            added = reader.option("end-snapshot-id", str(wanted)).load(self.table.source.name.sql)
            commit_marks.append(added, self.table.name, marks)
            return "append"
        action = "merge" if self.table.keys and self._keys_are_unique(rows) else "recompare"
        statement = (
            sync_merge.by_keys(read.sql, self.table.name, rows.schema, self.table.keys, {})
            if action == "merge"
            else sync_merge.by_rows(read.sql, self.table.name, rows.schema, {})
        )
        if self.engine.databricks:
            self.spark.sql(statement)
        else:
            with commit_marks.in_session(self.spark, marks):
                self.spark.sql(statement)
        return action

    def _keys_are_unique(self, rows: DataFrame) -> bool:
        """Keys that repeat would make MERGE fail or double rows: such a table is compared by whole rows."""
        for key in self.table.keys:
            if key not in rows.columns:
                raise JobError("invalid-input", f"there is no key column {key!r}", about=str(self.table.name))
        counted = rows.groupBy(*map(identifier, self.table.keys)).count()
        return counted.where("count > 1").limit(1).count() == 0

    def _note(self, wanted: int) -> None:
        """The property backs the mark up: it outlives expired snapshots, and stands alone where SQL cannot mark."""
        if self.engine.databricks:
            iceberg_table.set_properties(self.spark, self.table.name, {commit_marks.SYNCED: f"{wanted}@"})
            return
        head = iceberg_table.current_snapshot(self.spark, self.table.name)
        value = f"{wanted}@{head if head is not None else ''}"
        iceberg_table.set_properties(self.spark, self.table.name, {commit_marks.SYNCED: value})

    def _verify(self, rows: DataFrame) -> int | None:
        here = iceberg_table.rows_at(self.spark, self.table.name, None)
        if self.table.verify == "none":
            return None
        if self.table.verify == "count":
            expected, found = str(rows.count()), str(here.count())
            count = int(found)
        else:
            there, mine = row_digest.measure(rows), row_digest.measure(here)
            expected, found, count = f"{there.rows} {there.digest}", f"{mine.rows} {mine.digest}", mine.rows
        if expected != found:
            raise JobError(
                "validation-failed",
                f"after the round the source has {expected} and the target {found} (rows, and digest if asked for)",
                about=str(self.table.name),
                hint="Something else wrote to the target. Copy it again, or leave out keys to compare whole rows.",
            )
        return count

    def _refuse_other_rows(self) -> None:
        """The round would take away what somebody else has added."""
        expected = self.table.changes and self.table.changes.target_rows
        if expected is None:
            return
        found = iceberg_table.rows_at(self.spark, self.table.name, None).count()
        if found != expected:
            raise JobError(
                "target-changed",
                f"the table has {found} rows and was left with {expected}: somebody else has written to it",
                about=str(self.table.name),
                hint="Nothing was changed. Undo that write, or drop the table and copy it anew by a new plan.",
            )

    def _refuse_ignored_deletes(self, head: Snapshot) -> None:
        """As for a copy, but by the snapshot's own summary, which changes from round to round."""
        if not self.engine.databricks:
            return
        told = head.summary.get("total-delete-files")
        if told != "0":
            raise JobError(
                "unsupported",
                f"the source has {told or 'an unknown number of'} delete files, which Databricks does not apply",
                about=str(self.table.source.name),
                hint="Compact the table at the source, or synchronise it with the embedded engine.",
            )

    def _refuse_other_schema(self, rows: DataFrame) -> None:
        here = iceberg_table.rows_at(self.spark, self.table.name, None).schema
        there = {column.name: _type(column) for column in rows.schema.fields}
        mine = {column.name: _type(column) for column in here.fields}
        different = [name for name in {**there, **mine} if there.get(name) != mine.get(name)]
        if different:
            name = different[0]
            raise JobError(
                "plan-stale",
                f"the column {name} is {there.get(name, 'missing')} in the source,"
                f" {mine.get(name, 'missing')} in the target",
                about=str(self.table.name),
                hint="Change the target's columns as the source's were changed, then run the job again.",
            )


def _type(column: T.StructField) -> str:
    return type_sql(sync_merge.bare(column.dataType))
