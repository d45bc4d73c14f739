"""The input of gx_runner."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from icebridge_jobs.column_measures import ColumnMeasure
from icebridge_jobs.errors import invalid
from icebridge_jobs.source_table import Source
from icebridge_jobs.table_name import TableName


@dataclass(frozen=True)
class ExpectedColumn:
    """A column as the product's reader measured it (ColumnMeasure)."""

    name: str
    column_type: str
    nulls: int
    nans: int = 0
    least: str | None = None
    greatest: str | None = None
    sum: str | None = None

    def measure(self) -> ColumnMeasure:
        """The same."""
        return ColumnMeasure(**vars(self))


@dataclass(frozen=True)
class Expected:
    """The source at its pin as the product's reader measured it (Measurement)."""

    rows: int
    digest: str
    columns: list[ExpectedColumn]
    snapshot_id: int | None = None

    def __post_init__(self) -> None:
        if len(self.digest) != 64 or not set(self.digest) <= set("0123456789abcdef"):
            raise invalid("a digest has 64 hexadecimal digits, in small letters")


@dataclass(frozen=True)
class TableValidation:
    """One table. Truth comes from `expected`, from `source` read here, or from both, which must then agree."""

    target: str
    target_snapshot_id: int | None = None
    source: Source | None = None
    expected: Expected | None = None
    keys: list[str] = field(default_factory=list)
    # Types that Spark does not tell: {"id": "uuid"}.
    iceberg_types: dict[str, str] = field(default_factory=dict)
    # CREATE TABLE AS SELECT cannot keep NOT NULL; whoever accepted that loss says so here.
    ignore_nullability: bool = False
    ignore_comments: bool = False

    def __post_init__(self) -> None:
        TableName.parse(self.target)
        if self.source is None and self.expected is None:
            raise invalid("neither source nor expected is given: there is nothing to compare with", about=self.target)

    @property
    def name(self) -> TableName:
        """The parsed name."""
        return TableName.parse(self.target)


@dataclass(frozen=True)
class GxRunnerInput:
    """The whole file."""

    job: str
    input_version: int
    result_path: str
    # A folder, on a cluster one under /Volumes; the Data Docs are copied there.
    docs_path: str
    plan_hash: str
    tables: list[TableValidation]

    def __post_init__(self) -> None:
        if not os.path.isabs(self.docs_path):
            raise invalid("docs_path must be an absolute path", about="docs_path")
        if not self.tables:
            raise invalid("there are no tables")
