"""The input of bulk_copy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from icebridge_jobs.errors import invalid
from icebridge_jobs.source_table import Source
from icebridge_jobs.table_name import TableName

Method = Literal["deep_clone", "ctas", "insert_select"]
# How a batch of an attempt that was killed is dealt with: looked up in the snapshots' summaries, or taken back by its
# range.
Resume = Literal["auto", "snapshot-summary", "replace-range"]


@dataclass(frozen=True)
class Target:
    """The table to make. Without partition_by and cluster_by the source's layout is followed as far as allowed."""

    table: str
    partition_by: list[str] | None = None
    cluster_by: list[str] | None = None
    comment: str | None = None
    # On top of the source's allowed ones.
    properties: dict[str, str] = field(default_factory=dict)
    format_version: int = 2

    def __post_init__(self) -> None:
        TableName.parse(self.table)
        if self.format_version not in (2, 3):
            raise invalid("format_version must be 2 or 3")

    @property
    def name(self) -> TableName:
        """The parsed name."""
        return TableName.parse(self.table)


@dataclass(frozen=True)
class Batches:
    """How insert_select cuts the table."""

    rows: int = 50_000_000
    column: str | None = None
    resume: Resume = "auto"

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise invalid("a batch has at least one row")


@dataclass(frozen=True)
class TableCopy:
    """One table."""

    source: Source
    target: Target
    method: Method
    batches: Batches = field(default_factory=Batches)
    # Columns that must be unique together in the copy. Left out where gx_runner compares it, which looks as well.
    keys: list[str] = field(default_factory=list)
    # Where the engine refuses DEEP CLONE, copy by CREATE TABLE AS SELECT.
    fall_back: bool = False


@dataclass(frozen=True)
class BulkCopyInput:
    """The whole file."""

    job: str
    input_version: int
    result_path: str
    plan_hash: str
    tables: list[TableCopy]

    def __post_init__(self) -> None:
        if not self.plan_hash:
            raise invalid("plan_hash is empty", hint="It is how a restarted job knows its own tables.")
        if not self.tables:
            raise invalid("there are no tables")
        names = [table.target.table.lower() for table in self.tables]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise invalid("two tables have the same target", about=twice)
