"""Copies tables: DEEP CLONE, CREATE TABLE AS SELECT, or INSERT SELECT in batches. See docs/spark-jobs.md.

bulk_copy.py INPUT.json
"""

from __future__ import annotations

import inspect
import os
import sys
from typing import Any

# The workspace may run this file without __file__ and without its folder on the path.
sys.path.insert(0, os.path.dirname(os.path.abspath(inspect.getfile(inspect.currentframe()))))  # type: ignore[arg-type]

from icebridge_jobs import job_input, outcome
from icebridge_jobs.copy_input import BulkCopyInput
from icebridge_jobs.copy_table import CopyTable
from icebridge_jobs.errors import DONE
from icebridge_jobs.session import session

JOB = "bulk_copy"


def work(value: dict[str, Any], result: outcome.Outcome) -> int:
    """Copy every table; one that fails stops itself alone."""
    wanted = job_input.parse(BulkCopyInput, value, JOB)
    code = DONE
    with session(JOB) as (spark, engine):
        copies: list[CopyTable] = []

        def tell() -> None:
            result.put(tables=[vars(copy.result) for copy in copies])

        copies += [CopyTable(spark, engine, wanted.plan_hash, table, tell) for table in wanted.tables]
        result.put(plan_hash=wanted.plan_hash, engine=engine.as_dict())
        for copy in copies:
            error = copy.run()
            code = max(code, error.exit_code if error else DONE)
    return code


if __name__ == "__main__":
    outcome.leave(outcome.run(JOB, sys.argv[1:], work))
