"""What the result file says about one table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class TableResult:
    """A table's part of the result file."""

    source: str
    target: str
    # What was done in the end.
    method: str
    state: str = "waiting"
    # What kept the wanted method from being used.
    note: str | None = None
    source_snapshot_id: int | None = None
    # How the source was read: pinned, primed or unversioned.
    source_read: str | None = None
    target_snapshot_id: int | None = None
    # Rows at the pin, and rows the target has.
    rows_total: int | None = None
    rows_done: int | None = None
    batches_total: int | None = None
    batches_done: int = 0
    # Batches that an earlier attempt had committed, and batches of it that had to be taken back.
    batches_found: int = 0
    batches_taken_back: int = 0
    lost: list[str] = field(default_factory=list)
    milliseconds: int = 0
    error: dict[str, Any] | None = None
