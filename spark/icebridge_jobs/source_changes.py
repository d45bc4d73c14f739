"""What happened at the source since the last synchronised snapshot, and so what has to be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from icebridge_jobs import commit_marks
from icebridge_jobs.errors import JobError
from icebridge_jobs.iceberg_table import Snapshot
from icebridge_jobs.sync_input import GivenChanges

# `none`: the same snapshot. `mark`: files were rewritten and no row changed. `append`: rows were only added.
# `compare`: rows were changed, or nobody can tell.
Kind = Literal["none", "mark", "append", "compare"]


@dataclass(frozen=True)
class Changes:
    """The kind of changes and the reason in words."""

    kind: Kind
    reason: str


def classify(source: Sequence[Snapshot], last: int | None) -> Changes:
    """`source` is the chain from the wanted snapshot back, newest first."""
    if not source:
        return Changes("none", "the source has no snapshot")
    if source[0].snapshot_id == last:
        return Changes("none", "no new snapshot")
    ids = [snapshot.snapshot_id for snapshot in source]
    if last not in ids:
        return Changes("compare", "the last synchronised snapshot is no ancestor any more: expired or rolled back")
    new = source[: ids.index(last)]
    operations = {snapshot.operation for snapshot in new}
    if operations <= {"replace"}:
        return Changes("mark", f"{len(new)} snapshots that rewrote files")
    if operations <= {"append", "replace"}:
        return Changes("append", f"{len(new)} snapshots that added rows")
    others = ", ".join(sorted(operations - {"append", "replace"}))
    return Changes("compare", f"{len(new)} snapshots, among them {others}")


def given(changes: GivenChanges, wanted: int | None, last: int | None) -> Changes:
    """As the submitter tells, who could not know of a round that was made and not seen."""
    if changes.kind == "whole":
        return Changes("compare", changes.reason)
    if last == wanted:
        return Changes("none", "an earlier attempt has brought the snapshot")
    if last != changes.from_snapshot_id:
        raise JobError(
            "target-changed",
            f"the target holds snapshot {last} of the source, and was left with {changes.from_snapshot_id}",
            hint="Another job has brought it on meanwhile. Nothing was changed; synchronise again.",
        )
    return Changes(changes.kind, changes.reason)


@dataclass(frozen=True)
class LastSynced:
    """The source's snapshot that the target holds; `certain` is false where marks may have been lost."""

    snapshot_id: int | None
    certain: bool = True


def last_synced(
    target: Sequence[Snapshot], whole: bool, properties: dict[str, str], start: int | None
) -> LastSynced | None:
    """The newest mark on the target, never the newest snapshot of the source: that one may have been rolled back.

    A mark is in a snapshot's summary, or in a property that also names the target's snapshot it was written at. None if
    there is no mark of any kind.
    """
    noted, _, noted_at = properties.get(commit_marks.SYNCED, "").partition("@")
    for snapshot in target:
        if noted and noted_at == str(snapshot.snapshot_id):
            return LastSynced(int(noted))
        if marked := snapshot.summary.get(commit_marks.SYNCED):
            return LastSynced(int(marked))
    if noted and not target:
        return LastSynced(int(noted))
    copied = properties.get(commit_marks.SOURCE_SNAPSHOT)
    if not whole:
        # A later mark may have gone with an expired snapshot: only a comparison is safe.
        return LastSynced(None, certain=False)
    if copied:
        return LastSynced(int(copied))
    if start is not None:
        return LastSynced(start)
    # A copy of a source that had no snapshot yet.
    return LastSynced(None) if commit_marks.PLAN in properties else None
