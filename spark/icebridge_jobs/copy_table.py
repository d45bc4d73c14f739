"""The copy of one table, by one of three methods, repeatable after a kill at any instant."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from icebridge_jobs import (
    batch_plan,
    commit_marks,
    iceberg_table,
    source_table,
    substitution,
    target_ddl,
    target_table,
    uniqueness,
)
from icebridge_jobs.batch_copy import BatchCopy
from icebridge_jobs.copy_input import TableCopy
from icebridge_jobs.engine_error import refuses_statement
from icebridge_jobs.errors import JobError, explain
from icebridge_jobs.session import Engine
from icebridge_jobs.source_read import SourceRead
from icebridge_jobs.table_result import TableResult
from icebridge_jobs.target_table import COMPLETE, Found

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DEEP_CLONE_SINCE = (16, 4)


class CopyTable:
    """One table on its way. `tell` writes the result file."""

    def __init__(
        self, spark: SparkSession, engine: Engine, plan_hash: str, table: TableCopy, tell: Callable[[], None]
    ) -> None:
        self.spark = spark
        self.engine = engine
        self.plan_hash = plan_hash
        self.table = table
        self.tell = tell
        self.result = TableResult(str(table.source.name), str(table.target.name), table.method)

    def run(self) -> JobError | None:
        """Copy, and give back the error that stopped it."""
        began = time.monotonic()
        self.result.state = "running"
        self.tell()
        error = None
        try:
            self._copy()
            self.result.state = "done"
        except Exception as cause:
            error = explain(cause, self.result.target)
            self.result.state = "failed"
            self.result.error = error.as_dict()
        self.result.milliseconds = round((time.monotonic() - began) * 1000)
        self.tell()
        return error

    def _copy(self) -> None:
        source_table.refuse_ignored_deletes(self.table.source, self.engine)
        names = [*self.table.source.name.parts, *self.table.target.name.parts]
        substitution.refuse(self.engine.substitutes, names, self.result.target)
        if self.table.method == "deep_clone" and (refusal := self._clone_refusal()):
            self._fall_back(refusal)
        found = target_table.find(self.spark, self.table, self.plan_hash)
        if found and found.properties.get(commit_marks.METHOD) == "ctas":
            # The earlier attempt fell back.
            self.result.method = "ctas"
        pin = found.snapshot_id if found else None
        if pin is None:
            pin = source_table.pinned(self.spark, self.table.source, self.engine)
        self.result.source_snapshot_id = pin
        source = SourceRead(self.spark, self.engine, self.table.source, pin)
        self.result.source_read = source.how
        rows = source.rows()
        # Without a snapshot there are no rows; whatever comes later belongs to a later synchronisation.
        self.result.rows_total = rows.count() if pin is not None else 0
        if found and found.complete:
            self.result.batches_found = self.result.batches_done = self.result.batches_total or 0
            self._finish(found, source)
            return
        if self.table.method == "insert_select":
            self._insert_select(found, rows, source)
        else:
            self._one_statement(found, rows, source)
        self._finish(None, source)

    def _clone_refusal(self) -> JobError | None:
        """Why a clone need not be tried."""
        if not self.engine.databricks:
            return JobError(
                "unsupported",
                "DEEP CLONE is Databricks' own, and this is open-source Spark",
                about=self.result.target,
                hint="Use the method ctas or insert_select.",
            )
        if self.engine.runtime and self.engine.runtime.is_before(DEEP_CLONE_SINCE):
            return JobError("unsupported", "DEEP CLONE of Iceberg tables needs Databricks Runtime 16.4")
        return None

    def _fall_back(self, refusal: JobError) -> None:
        """Go on by CREATE TABLE AS SELECT, if the input wants that."""
        if not self.table.fall_back:
            raise refusal
        self.result.method = "ctas"
        self.result.note = f"fell back from deep_clone: {'; '.join([refusal.message, *refusal.causes])}"

    def _one_statement(self, found: Found | None, rows: DataFrame, source: SourceRead) -> None:
        """CTAS or DEEP CLONE: the table appears with all its rows, so a target of ours that is there is whole."""
        self.result.batches_total = 1
        marks = target_table.marks_of(self.table, self.plan_hash, source.pin)
        if found is None:
            self._create_with_rows(rows, source, marks)
        else:
            self.result.batches_found = 1
        self.result.batches_done = 1
        if self.result.method == "deep_clone":
            # A clone takes no properties in its own statement, and brings the source's along.
            iceberg_table.set_properties(self.spark, self.table.target.name, {**self.table.target.properties, **marks})

    def _create_with_rows(self, rows: DataFrame, source: SourceRead, marks: dict[str, str]) -> None:
        name = self.table.target.name
        if self.result.method == "deep_clone":
            try:
                self.spark.sql(f"CREATE TABLE {name.sql} DEEP CLONE {source.sql}")
                return
            except Exception as error:
                # A clone that made a table is no refusal, and nothing may be made over it.
                if not refuses_statement(error) or iceberg_table.exists(self.spark, name):
                    raise
                self._fall_back(explain(error, str(name)))
        if self.table.method == "deep_clone":
            # Whoever goes on after a kill is to know what the table is.
            marks = {**marks, commit_marks.METHOD: "ctas"}
        spec = target_table.partitioning(self.spark, self.table)
        wanted, lost = target_table.wanted(self.spark, self.engine, self.table, rows.schema, spec, marks)
        required = [f"NOT NULL of {column.name}" for column in rows.schema.fields if not column.nullable]
        self.result.lost = [*lost, *required]
        self.spark.sql(target_ddl.create_as(wanted, f"SELECT {source.columns} FROM {source.sql}"))

    def _insert_select(self, found: Found | None, rows: DataFrame, source: SourceRead) -> None:
        spec = target_table.partitioning(self.spark, self.table)
        batches = self.table.batches
        told = found.properties.get(commit_marks.BATCH_PLAN) if found else None
        if found and told is None:
            raise JobError("state-broken", "the target was begun by this plan with another method", hint="Drop it.")
        total = self.result.rows_total or 0
        plan = (
            batch_plan.BatchPlan.from_text(told)
            if told
            else batch_plan.make(rows, total, batches.rows, batches.column, spec)
        )
        if found is None:
            marks = {
                **target_table.marks_of(self.table, self.plan_hash, source.pin),
                commit_marks.BATCH_PLAN: plan.as_text(),
            }
            wanted, self.result.lost = target_table.wanted(
                self.spark, self.engine, self.table, rows.schema, spec, marks
            )
            self.spark.sql(target_ddl.create(wanted))
        if total:
            BatchCopy(
                self.spark, self.engine, self.plan_hash, self.table, plan, rows, source, self.result, self.tell
            ).run()
        else:
            self.result.batches_total = 0

    def _refuse_repeated(self) -> None:
        """The target has no identifier fields, and whoever relied on them is not to be misled by their loss."""
        if not self.table.keys:
            return
        rows = iceberg_table.rows_at(self.spark, self.table.target.name, None)
        count = uniqueness.repeated(rows, uniqueness.paths(rows, self.table.keys, self.result.target))
        if count:
            raise JobError(
                "validation-failed",
                f"unique:{uniqueness.shown(self.table.keys)}: {uniqueness.told(count)}",
                about=self.result.target,
                hint="The source's identifier fields do not identify its rows: drop them there (ALTER TABLE ... DROP"
                " IDENTIFIER FIELDS) if that is as it should be, take the inventory again and make the plan again.",
            )

    def _finish(self, found: Found | None, source: SourceRead) -> None:
        """Count both sides; only then is the table complete. What it lacks of what was asked for is told."""
        name = self.table.target.name
        self.result.rows_done = iceberg_table.rows_at(self.spark, name, None).count()
        if found is None and self.result.rows_done != self.result.rows_total:
            raise JobError(
                "validation-failed",
                f"the source has {self.result.rows_total} rows at the pin, the target has {self.result.rows_done}",
                about=str(name),
                hint="Something else wrote to the target, or the source was misread. Drop the target and copy again.",
            )
        self._refuse_repeated()
        missing = target_table.not_carried(self.spark, self.engine, self.table, source.schema)
        self.result.lost = list(dict.fromkeys([*self.result.lost, *missing]))
        if found is None:
            iceberg_table.set_properties(self.spark, name, {commit_marks.COPY_STATE: COMPLETE})
        if not self.engine.databricks:
            self.result.target_snapshot_id = iceberg_table.current_snapshot(self.spark, name)
