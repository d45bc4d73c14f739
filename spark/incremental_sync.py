"""Keeps copied tables up with their sources, snapshot by snapshot. See docs/spark-jobs.md.

incremental_sync.py INPUT.json
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
import time
from types import FrameType
from typing import Any

# The workspace may run this file without __file__ and without its folder on the path.
sys.path.insert(0, os.path.dirname(os.path.abspath(inspect.getfile(inspect.currentframe()))))  # type: ignore[arg-type]

from icebridge_jobs import job_input, outcome
from icebridge_jobs.errors import DONE
from icebridge_jobs.session import session
from icebridge_jobs.sync_input import SyncInput
from icebridge_jobs.sync_table import SyncTable

JOB = "incremental_sync"
# Rounds that the result keeps; a loop may run for weeks.
ROUNDS_KEPT = 200


class Stop:
    """Whether to begin another round: a file, a signal, or the number of rounds says no."""

    def __init__(self, wanted: SyncInput) -> None:
        self.wanted = wanted
        self.signalled = False

    def listen(self) -> None:
        """Take SIGTERM for a wish to end after this round. Elsewhere than in the main thread there is only the file."""

        def asked(_number: int, _frame: FrameType | None) -> None:
            self.signalled = True

        try:
            signal.signal(signal.SIGTERM, asked)
        except ValueError:
            return

    def reason(self) -> str | None:
        """Why to stop now."""
        if self.signalled:
            return "asked to by a signal"
        path = self.wanted.stop_path
        return "asked to by the stop file" if path and os.path.exists(path) else None

    def wait(self) -> str | None:
        """Sleep until the next round is due, or less if it is not to be."""
        due = time.monotonic() + self.wanted.interval_seconds
        while (reason := self.reason()) is None and (left := due - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))
        return reason


def work(value: dict[str, Any], result: outcome.Outcome) -> int:
    """Run rounds until something says stop. A table with an error that lasts is left out of the rounds that follow."""
    wanted = job_input.parse(SyncInput, value, JOB)
    stop = Stop(wanted)
    stop.listen()
    rounds: list[dict[str, Any]] = []
    # The last round of each table.
    last: dict[str, dict[str, Any]] = {}
    with session(JOB) as (spark, engine):
        tables = [SyncTable(spark, engine, wanted.plan_hash, table) for table in wanted.tables]
        result.put(plan_hash=wanted.plan_hash, engine=engine.as_dict(), rounds=rounds, rounds_total=0, stopped_by=None)
        reason = None
        for number in range(1, wanted.max_rounds + 1):
            began = outcome.now()
            at_work = [table for table in tables if table.error is None or table.error.retryable]
            done = [table.round() for table in at_work]
            rounds.append({"round": number, "started_at": began, "tables": [one.as_dict() for one in done]})
            del rounds[:-ROUNDS_KEPT]
            last.update({one.target: one.as_table() for one in done})
            result.put(rounds_total=number, tables=list(last.values()))
            idle = all(one.action == "none" and one.error is None for one in done)
            if not any(table.error is None or table.error.retryable for table in tables):
                reason = "every table has failed"
            elif wanted.stop_when_in_sync and idle:
                reason = "nothing left to do"
            elif number == wanted.max_rounds:
                reason = "the last round"
            reason = reason or stop.wait()
            if reason:
                break
        result.put(stopped_by=reason, in_sync=all(table.in_sync for table in tables))
    return max((table.error.exit_code if table.error else DONE for table in tables), default=DONE)


if __name__ == "__main__":
    outcome.leave(outcome.run(JOB, sys.argv[1:], work))
