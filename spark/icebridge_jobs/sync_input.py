"""The input of incremental_sync."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Literal

from icebridge_jobs.errors import invalid
from icebridge_jobs.source_table import Source
from icebridge_jobs.table_name import TableName


@dataclass(frozen=True)
class GivenChanges:
    """What the source's own metadata tells of its changes, read by whoever submits the job."""

    # `mark`: files were rewritten and no row changed. `append`: rows were only added. `compare`: anything else.
    # `whole`: every row is compared, whatever the target holds.
    kind: Literal["mark", "append", "compare", "whole"]
    reason: str
    # The snapshot that the target was left with.
    from_snapshot_id: int | None = None
    # The rows that the target is known to have: with others, somebody has written to it since.
    target_rows: int | None = None


@dataclass(frozen=True)
class TableSync:
    """One table. A snapshot_id of the source is the last one to synchronise to; without it, whatever is newest."""

    source: Source
    target: str
    # Columns that tell the source's rows apart; without them rows are compared whole.
    keys: list[str] = field(default_factory=list)
    # What the target holds, where it carries no mark of a copy or of an earlier round.
    start_snapshot_id: int | None = None
    # What is compared after each round.
    verify: Literal["none", "count", "digest"] = "count"
    # Without them the engine's metadata tables are asked, which Databricks does not show of every source.
    changes: GivenChanges | None = None

    def __post_init__(self) -> None:
        TableName.parse(self.target)
        if self.changes is not None and self.source.snapshot_id is None:
            raise invalid("changes lead to a snapshot of the source, and there is no snapshot_id")

    @property
    def name(self) -> TableName:
        """The parsed name."""
        return TableName.parse(self.target)


@dataclass(frozen=True)
class SyncInput:
    """The whole file."""

    job: str
    input_version: int
    result_path: str
    plan_hash: str
    tables: list[TableSync]
    interval_seconds: float = 60.0
    max_rounds: int = 1
    # A file: as soon as it is there, the round that runs is the last one.
    stop_path: str | None = None
    # End as soon as a round finds nothing to do.
    stop_when_in_sync: bool = False

    def __post_init__(self) -> None:
        if not self.tables:
            raise invalid("there are no tables")
        if self.max_rounds < 1 or self.interval_seconds < 0:
            raise invalid("max_rounds is at least 1, and interval_seconds at least 0")
        if self.stop_path is not None and not os.path.isabs(self.stop_path):
            raise invalid("stop_path must be an absolute path", about="stop_path")
