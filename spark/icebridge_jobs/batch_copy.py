"""INSERT SELECT batch by batch, such that a kill at any instant neither loses nor doubles a row.

Two ways to know what an earlier attempt did:

- snapshot-summary: every batch's commit carries the batch's name. What has a name is done, what has none never
  happened. This needs Iceberg's own writer, and the whole chain of snapshots: when some expired, the other way is
  taken.
- replace-range: a batch that is not written down as done is taken back by its range before it is copied again. The note
  comes after the rows, so a batch may be copied twice, but its rows are there once. It needs nothing but DELETE.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from icebridge_jobs import commit_marks, iceberg_table
from icebridge_jobs.batch_plan import BatchPlan
from icebridge_jobs.copy_input import TableCopy
from icebridge_jobs.errors import JobError
from icebridge_jobs.session import Engine
from icebridge_jobs.source_read import SourceRead
from icebridge_jobs.table_name import identifier
from icebridge_jobs.table_result import TableResult

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class BatchCopy:
    """The batches of one table."""

    def __init__(
        self,
        spark: SparkSession,
        engine: Engine,
        plan_hash: str,
        table: TableCopy,
        plan: BatchPlan,
        rows: DataFrame,
        source: SourceRead,
        result: TableResult,
        tell: Callable[[], None],
    ) -> None:
        self.spark = spark
        self.engine = engine
        self.plan_hash = plan_hash
        self.table = table
        self.target = table.target.name
        self.plan = plan
        self.rows = rows
        self.source = source
        self.result = result
        self.tell = tell

    def run(self) -> None:
        """Copy what is not there yet."""
        by_range = self._by_range()
        done = self._written_down() if by_range else set()
        if not by_range:
            done, whole = self._marked()
            if not whole:
                by_range = True
                done |= self._written_down()
        self.result.batches_total = self.plan.count
        self.result.batches_found = self.result.batches_done = len(done)
        self.tell()
        for batch in range(self.plan.count):
            if batch in done:
                continue
            if by_range:
                self._take_back(batch)
            self._insert(batch)
            done.add(batch)
            if by_range:
                iceberg_table.set_properties(self.spark, self.target, {commit_marks.BATCHES_DONE: _spans(done)})
            self.result.batches_done = len(done)
            self.result.rows_done = iceberg_table.rows_at(self.spark, self.target, None).count()
            self.tell()

    def _by_range(self) -> bool:
        wanted = self.table.batches.resume
        if wanted == "snapshot-summary" and self.engine.databricks:
            raise JobError(
                "unsupported",
                "Databricks' writer does not name batches in snapshot summaries",
                hint="Use replace-range, or auto.",
            )
        return wanted == "replace-range" or self.engine.databricks

    def _marked(self) -> tuple[set[int], bool]:
        """Batches named in the target's snapshots, and whether the chain of snapshots is whole."""
        chain, whole = commit_marks.chain(self.spark, self.target)
        ours = [s.summary.get(commit_marks.BATCH) for s in chain if s.summary.get(commit_marks.PLAN) == self.plan_hash]
        counted = Counter(name for name in ours if name)
        twice = [name for name, times in counted.items() if times > 1]
        if twice:
            raise JobError(
                "state-broken",
                f"the batch {twice[0]} was committed twice: two jobs ran at the same time",
                about=str(self.target),
                hint="Drop the target and run one job.",
            )
        return {int(name.split("/")[0]) for name in counted}, whole

    def _written_down(self) -> set[int]:
        told = iceberg_table.properties(self.spark, self.target).get(commit_marks.BATCHES_DONE, "")
        return _from_spans(told)

    def _take_back(self, batch: int) -> None:
        predicate = self.plan.predicate(batch)
        if iceberg_table.rows_at(self.spark, self.target, None).where(predicate).limit(1).count():
            self.spark.sql(f"DELETE FROM {self.target.sql} WHERE {predicate}")
            self.result.batches_taken_back += 1

    def _insert(self, batch: int) -> None:
        if not self.engine.databricks:
            marks = {commit_marks.PLAN: self.plan_hash, commit_marks.BATCH: f"{batch}/{self.plan.count}"}
            if self.source.pin is not None:
                marks[commit_marks.SOURCE_SNAPSHOT] = str(self.source.pin)
            commit_marks.append(self.rows.where(self.plan.predicate(batch)), self.target, marks)
            return
        columns = ", ".join(identifier(name) for name in self.rows.columns)
        selected = columns if self.source.columns == "*" else self.source.columns
        query = f"SELECT {selected} FROM {self.source.sql} WHERE {self.plan.predicate(batch)}"
        self.spark.sql(f"INSERT INTO {self.target.sql} ({columns}) {query}")


def _spans(numbers: set[int]) -> str:
    """`0-3,7`: short, since it is rewritten at every batch."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def _from_spans(text: str) -> set[int]:
    found: set[int] = set()
    try:
        for span in filter(None, text.split(",")):
            first, _, last = span.partition("-")
            found |= set(range(int(first), int(last or first) + 1))
    except ValueError as cause:
        raise JobError("state-broken", "the note of finished batches cannot be read", cause=cause) from cause
    return found
